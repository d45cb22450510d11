"""The checks of the options: one value in, the value to use out.

Each check raises ValueError for a value that the option does not take. The error's text says
what the option takes: it goes on after "JWT_... takes ".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from ..jose.algorithms import ALGORITHMS
from ..jose.jwk import Key
from ..jose.weak_keys import AllowWeak
from ..keys.given import fallbacks as fallbacks
from .lifetime import Lifetime

LOCATIONS: Final = ("headers", "cookies", "query_string", "json")
PROFILES: Final = ("compatible", "strict")
ERROR_FORMATS: Final = ("msg", "coded", "problem")

Check = Callable[[Any], Any]


def flag(value: Any) -> bool:
    """True or False; 0 and 1, which a configuration from the environment may give."""
    if type(value) is bool:
        return value
    if value in (0, 1):
        return bool(value)
    raise ValueError("True or False")


def weak_keys(value: Any) -> AllowWeak:
    """Which weak keys are taken: True for all, False for none, or one kind of them."""
    if isinstance(value, str) and value in ("short", "guessable"):
        return value  # type: ignore[return-value]  # the literal's two texts
    try:
        return flag(value)
    except ValueError:
        raise ValueError("True, False, 'short' or 'guessable'") from None


def text(value: Any) -> str:
    """A text that is not empty."""
    if isinstance(value, str) and value:
        return value
    raise ValueError("a non-empty text")


_OWN_CLAIMS: Final = frozenset(
    ("aud", "auth_time", "csrf", "exp", "fresh", "iat", "iss", "jti", "nbf", "sid", "type")
)


def claim(value: Any) -> str:
    """The name of a claim in which an application may keep an identity."""
    name = text(value)
    if name in _OWN_CLAIMS:
        raise ValueError(f"a claim that is none of {', '.join(sorted(_OWN_CLAIMS))}")
    return name


def any_text(value: Any) -> str:
    """A text, which may be empty; None is the empty text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise ValueError("a text, which may be empty")


def maybe_text(value: Any) -> str | None:
    """A text or None."""
    if value is None or isinstance(value, str):
        return value
    raise ValueError("a text or None")


def choice(*choices: Any) -> Check:
    """A check for one of a few values."""

    def check(value: Any) -> Any:
        if isinstance(value, bool | int | str | None) and value in choices:
            return value
        raise ValueError(" or ".join(repr(each) for each in choices))

    return check


def positive(value: Any) -> int:
    """A whole number above zero."""
    if type(value) is int and value > 0:
        return value
    raise ValueError("a whole number above zero")


def leeway(value: Any) -> float:
    """Seconds, zero or more."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if type(seconds) in (int, float) and 0 <= seconds < float("inf"):
        return float(seconds)
    raise ValueError("seconds, zero or more, or a timedelta")


def lifetime(value: Any) -> Lifetime:
    """How long a token or a session lives; whole seconds become a ``timedelta``."""
    takes = (
        "seconds above zero, a timedelta or relativedelta above zero, "
        "or False for tokens that never expire"
    )
    if value is False:
        return False
    now = datetime.now(UTC)
    try:
        if type(value) is int:
            value = timedelta(seconds=value)
        is_positive = now + value > now
    except (TypeError, ValueError, OverflowError):
        is_positive = False
    if not is_positive:
        raise ValueError(takes)
    return value


def algorithm(value: Any) -> str:
    """The name of an algorithm of RFC 7518 that this library has."""
    if isinstance(value, str) and value in ALGORITHMS:
        return value
    raise ValueError(f"one of {', '.join(ALGORITHMS)}{nearest(value, ALGORITHMS)}")


def algorithms(value: Any) -> tuple[str, ...]:
    """Names of algorithms, in the order given."""
    if not value:
        return ()
    if not isinstance(value, list | tuple | set | frozenset):
        raise ValueError("None or a list of algorithm names")
    for name in value:
        # A name that we don't know matches no key. It is harmless, and Flask-JWT-Extended takes it.
        if not isinstance(name, str):
            raise ValueError("None or a list of algorithm names")
    return tuple(value)


def locations(value: Any) -> tuple[str, ...]:
    """Where tokens may be, in order; one may be given as a text."""
    takes = f"one or several of {', '.join(map(repr, LOCATIONS))}"
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Collection):
        raise ValueError(takes)
    found = tuple(value)
    for location in found:
        if location not in LOCATIONS:
            raise ValueError(takes + nearest(location, LOCATIONS))
    if not found:
        raise ValueError(takes)
    return found


def methods(value: Any) -> frozenset[str] | None:
    """HTTP methods in capitals; None stands for ``unsafe``."""
    if value == "unsafe":
        return None
    texts = not isinstance(value, str) and isinstance(value, Collection)
    if texts and all(isinstance(method, str) for method in value):
        return frozenset(method.upper() for method in value)
    raise ValueError('a list of methods, or "unsafe" for all but GET, HEAD and OPTIONS')


def names(value: Any) -> frozenset[str] | None:
    """Names of which one must match; None asks nothing."""
    if value is None:
        return None
    if isinstance(value, str):
        return frozenset((value,))
    # A collection, not any iterable: a generator would be empty when it is read again.
    if isinstance(value, Collection) and all(isinstance(name, str) for name in value):
        return frozenset(value)
    raise ValueError("None, a text or several")


def audiences(value: Any) -> frozenset[str] | Literal[False] | None:
    """Names of which one must match; None: nothing is said of it; False: nothing is asked."""
    if value is False:
        return False
    try:
        return names(value)
    except ValueError:
        raise ValueError("None, a text or several, or False to ask nothing") from None


def audience(value: Any) -> str | list[str] | None:
    """The ``aud`` of new tokens: a text, or a list that is the settings' own."""
    if value is None or isinstance(value, str):
        return value or None
    found = names(value)
    return sorted(found) if isinstance(value, set | frozenset) and found else list(value)


def anything(value: Any) -> Any:
    """Any value: it is checked where it is read, as a key."""
    return value


def keys(value: Any) -> Any:
    """What ``JWT_KEYS`` takes; the keys themselves are read later."""
    if value is None or callable(value) or isinstance(value, Mapping | Path | Key):
        return value
    if isinstance(value, list | tuple) and value:
        return tuple(value)
    if isinstance(value, str | bytes) and value:
        return value
    raise ValueError(
        "None, a list of keys, a JWKS, a path, 'env:NAME', 'store:' or a function that returns keys"
    )


def maybe_callable(value: Any) -> Callable[[str], Any] | None:
    """A type or a function, or None."""
    if value is None or callable(value):
        return value  # type: ignore[no-any-return]  # the result of the call is not known here
    raise ValueError("None, or a type or function that reads an identity from its text, e.g. int")


def store(value: Any) -> Any:
    """A store, or what one is opened from; it is opened later."""
    if value is None or (isinstance(value, str) and "://" in value):
        return value
    # A SessionStore, an SQLAlchemy engine, or Flask-SQLAlchemy's object: `open_store` sees which.
    if not isinstance(value, str | bytes | int | float):
        return value
    raise ValueError("None, a store, or a URL such as 'sqlite:///sessions.db'")


def above_zero(value: Any) -> float:
    """Seconds above zero."""
    seconds = leeway(value)
    if seconds > 0:
        return seconds
    raise ValueError("seconds above zero, or a timedelta")


def maybe_lifetime(value: Any) -> Lifetime:
    """A lifetime, or None."""
    return None if value is None else lifetime(value)


def count(value: Any) -> int:
    """A whole number, zero or more; None is zero."""
    if value is None:
        return 0
    if type(value) is int and value >= 0:
        return value
    raise ValueError("a whole number, zero or more")


def samesite(value: Any) -> str | None:
    """The value of a cookie's SameSite attribute, written as RFC 6265bis does."""
    if value is None:
        return None
    if isinstance(value, str) and value.title() in ("Strict", "Lax", "None"):
        return value.title()
    raise ValueError('None, "Strict", "Lax" or "None"')


def domains(value: Any) -> tuple[str, ...]:
    """Domains of cookies, in the order given; one may be given as a text."""
    texts = (value,) if isinstance(value, str) else value or ()
    if isinstance(texts, Collection) and all(isinstance(each, str) and each for each in texts):
        return tuple(texts)
    raise ValueError("a domain such as 'example.com', or a list of domains")


_ORIGIN: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?P<port>:[0-9]{1,5})?"
)
_OWN_PORT: Final = {"http": ":80", "https": ":443"}


def origins(value: Any) -> frozenset[str]:
    """Origins as browsers write them (RFC 6454 section 6.2); one may be given as a text."""
    texts = (value,) if isinstance(value, str) else value or ()
    if not isinstance(texts, Collection):
        raise ValueError(_ORIGINS)
    return frozenset(_origin(each) for each in texts)


_ORIGINS: Final = (
    "origins such as 'https://app.example.com': a scheme, a host and perhaps a port, no path and "
    "no star"
)


def _origin(value: Any) -> str:
    found = _ORIGIN.fullmatch(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(_ORIGINS)
    scheme, host, port = found.group("scheme", "host", "port")
    return f"{scheme}://{host}" + ("" if port in (None, _OWN_PORT.get(scheme)) else port)


def nearest(value: Any, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for a value close to a known one; else the empty text."""
    near = difflib.get_close_matches(value, known, n=1) if isinstance(value, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""
