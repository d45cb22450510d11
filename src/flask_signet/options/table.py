"""The options: one table, :class:`Settings`, from which everything else is made.

A field of the table is one option: its name in ``app.config``, its default, what the strict
profile (``JWT_PROFILE = "strict"``) has in its place, the check, and a sentence. The defaults,
the errors, the documentation and :data:`config` all read it.

Options may change while the application runs, as with Flask-JWT-Extended. A look at all of
them costs a few microseconds (:class:`OptionReader`); they are checked again only when one
has changed.
"""

from __future__ import annotations

import dataclasses
import difflib
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from ..exceptions import ConfigurationError
from ..jose.algorithms import ALGORITHMS
from ..jose.jwk import Key
from ..jwt.claims import ClaimRules

Lifetime = Any
"""A ``timedelta``, a ``dateutil`` ``relativedelta`` (which is no dependency), or False."""

LOCATIONS: Final = ("headers", "cookies", "query_string", "json")
PROFILES: Final = ("compatible", "strict")
ERROR_FORMATS: Final = ("msg", "coded", "problem")

_SAME: Final = object()
Check = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """One option: what the table says of it."""

    name: str
    default: Any
    strict: Any
    check: Check
    about: str
    new: bool

    def default_in(self, profile: str) -> Any:
        """A fresh default: a list of it belongs to one application."""
        value = self.strict if profile == "strict" and self.strict is not _SAME else self.default
        return list(value) if isinstance(value, list) else value


def _option(
    name: str,
    default: Any,
    check: Check,
    about: str,
    *,
    strict: Any = _SAME,
    new: bool = False,
    shown: bool = True,
) -> Any:
    # `shown`: whether the settings print it. A key, or a URL with a password in it, is not.
    option = Option(name, default, strict, check, about, new)
    return dataclasses.field(metadata={"option": option}, repr=shown)


# ── checks: a value in, the value to use out, or ValueError with what it takes ───────────


def _flag(value: Any) -> bool:
    if type(value) is bool:
        return value
    if value in (0, 1):
        return bool(value)
    raise ValueError("True or False")


def _text(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError("a non-empty text")


_OWN_CLAIMS: Final = frozenset(
    ("aud", "auth_time", "csrf", "exp", "fresh", "iat", "iss", "jti", "nbf", "sid", "type")
)


def _claim(value: Any) -> str:
    name = _text(value)
    if name in _OWN_CLAIMS:
        raise ValueError(f"a claim that means nothing else, not {', '.join(sorted(_OWN_CLAIMS))}")
    return name


def _any_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise ValueError("a text, which may be empty")


def _maybe_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError("a text or None")


def _choice(*choices: Any) -> Check:
    def check(value: Any) -> Any:
        if isinstance(value, bool | int | str | None) and value in choices:
            return value
        raise ValueError(" or ".join(repr(choice) for choice in choices))

    return check


def _positive(value: Any) -> int:
    if type(value) is int and value > 0:
        return value
    raise ValueError("a whole number above zero")


def _leeway(value: Any) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if type(seconds) in (int, float) and 0 <= seconds < float("inf"):
        return float(seconds)
    raise ValueError("seconds, zero or more, or a timedelta")


def _lifetime(value: Any) -> Lifetime:
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
        positive = now + value > now
    except (TypeError, ValueError, OverflowError):
        positive = False
    if not positive:
        raise ValueError(takes)
    return value


def _algorithm(value: Any) -> str:
    if isinstance(value, str) and value in ALGORITHMS:
        return value
    raise ValueError(f"one of {', '.join(ALGORITHMS)}{_nearest(value, ALGORITHMS)}")


def _algorithms(value: Any) -> tuple[str, ...]:
    if not value:
        return ()
    if not isinstance(value, list | tuple | set | frozenset):
        raise ValueError("None or a list of algorithm names")
    for name in value:
        # A name that we don't know matches no key: it is harmless, and FJE took it.
        if not isinstance(name, str):
            raise ValueError("None or a list of algorithm names")
    return tuple(value)


def _locations(value: Any) -> tuple[str, ...]:
    takes = f"one or several of {', '.join(map(repr, LOCATIONS))}"
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Collection):
        raise ValueError(takes)
    locations = tuple(value)
    for location in locations:
        if location not in LOCATIONS:
            raise ValueError(takes + _nearest(location, LOCATIONS))
    if not locations:
        raise ValueError(takes)
    return locations


def _methods(value: Any) -> frozenset[str] | None:
    if value == "unsafe":
        return None
    texts = not isinstance(value, str) and isinstance(value, Collection)
    if texts and all(isinstance(method, str) for method in value):
        return frozenset(method.upper() for method in value)
    raise ValueError('a list of methods, or "unsafe" for all but GET, HEAD and OPTIONS')


def _names(value: Any) -> frozenset[str] | None:
    if value is None:
        return None
    if isinstance(value, str):
        return frozenset((value,))
    # A collection, not any iterable: a generator would be empty when it is read again.
    if isinstance(value, Collection) and all(isinstance(name, str) for name in value):
        return frozenset(value)
    raise ValueError("None, a text or several")


def _audience(value: Any) -> str | list[str] | None:
    if value is None or isinstance(value, str):
        return value or None
    names = _names(value)
    return sorted(names) if isinstance(value, set | frozenset) and names else list(value)


def _any(value: Any) -> Any:
    return value


def fallbacks(value: Any) -> tuple[Any, ...]:
    """Secrets of before, as a tuple.

    :raises ValueError: for anything but None or a list, above all for a text: its letters would
        each be a secret.
    """
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError("None or a list of secrets that were in use before")


def _keys(value: Any) -> Any:
    if value is None or callable(value) or isinstance(value, Mapping | Path | Key):
        return value
    if isinstance(value, list | tuple) and value:
        return tuple(value)
    if isinstance(value, str | bytes) and value:
        return value
    raise ValueError(
        "None, a list of keys, a JWKS, a path, 'env:NAME', 'store:' or a function that returns keys"
    )


def _maybe_callable(value: Any) -> Callable[[str], Any] | None:
    if value is None or callable(value):
        return value  # type: ignore[no-any-return]  # what it returns is its business
    raise ValueError("None, or a type or function that reads an identity from its text, e.g. int")


def _store(value: Any) -> Any:
    if value is None or (isinstance(value, str) and "://" in value):
        return value
    # A SessionStore, an SQLAlchemy engine, or Flask-SQLAlchemy's object: `open_store` tells.
    if not isinstance(value, str | bytes | int | float):
        return value
    raise ValueError("None, a store, or a URL such as 'sqlite:///sessions.db'")


def _above_zero(value: Any) -> float:
    seconds = _leeway(value)
    if seconds > 0:
        return seconds
    raise ValueError("seconds above zero, or a timedelta")


def _maybe_lifetime(value: Any) -> Lifetime:
    return None if value is None else _lifetime(value)


def _count(value: Any) -> int:
    if value is None:
        return 0
    if type(value) is int and value >= 0:
        return value
    raise ValueError("a whole number, zero or more")


def _samesite(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and value.title() in ("Strict", "Lax", "None"):
        return value.title()
    raise ValueError('None, "Strict", "Lax" or "None"')


# ── the table ────────────────────────────────────────────────────────────────────────────


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one manager in one application, checked. Times are in seconds.

    The attributes are Flask-JWT-Extended's names for them, where it has one.
    """

    profile: str = _option(
        "PROFILE",
        "compatible",
        _choice(*PROFILES),
        "Which column of defaults applies: `compatible` is Flask-JWT-Extended's behaviour, "
        "`strict` what the standards ask for. Read by `init_app`.",
        strict="strict",
        new=True,
    )

    # keys and algorithms
    algorithm: str = _option("ALGORITHM", "HS256", _algorithm, "The algorithm that signs.")
    _decode_algorithms: tuple[str, ...] = _option(
        "DECODE_ALGORITHMS",
        None,
        _algorithms,
        "Algorithms that a token may be signed with, beside `JWT_ALGORITHM`.",
    )
    secret_key: Any = _option(
        "SECRET_KEY",
        None,
        _any,
        "The secret of the HS algorithms: text, bytes, a JWK or a `Key`. "
        "Without it, Flask's `SECRET_KEY`.",
        shown=False,
    )
    secret_key_fallbacks: tuple[Any, ...] = _option(
        "SECRET_KEY_FALLBACKS",
        None,
        fallbacks,
        "Secrets used before: they verify, they don't sign. Flask's own "
        "`SECRET_KEY_FALLBACKS` go with its `SECRET_KEY`.",
        new=True,
        shown=False,
    )
    private_key: Any = _option(
        "PRIVATE_KEY",
        None,
        _any,
        "The key that signs with the other algorithms: PEM, a JWK, a `cryptography` key "
        "or a `Key`.",
        shown=False,
    )
    public_key: Any = _option(
        "PUBLIC_KEY",
        None,
        _any,
        "The key, or the JWKS, that verifies. Without it, the public half of `JWT_PRIVATE_KEY`.",
        shown=False,
    )
    keys: Any = _option(
        "KEYS",
        None,
        _keys,
        "A key ring in place of the options above: a list of keys or JWKs (the first signs), a "
        "JWKS, the path of a JWKS file or of a folder of keys, `env:NAME`, `store:` (the session "
        "store's database), or a function that returns keys.",
        new=True,
        shown=False,
    )
    keys_refresh: float = _option(
        "KEYS_REFRESH",
        30,
        _above_zero,
        "Seconds after which `JWT_KEYS` is read again, where it can change.",
        new=True,
    )
    allow_weak_keys: bool = _option(
        "ALLOW_WEAK_KEYS",
        True,
        _flag,
        "Take an HMAC secret shorter than its hash, or RSA below 2048 bits, with a warning "
        "(RFC 7518 sections 3.2 and 3.3).",
        strict=False,
        new=True,
    )
    encode_kid: bool = _option(
        "ENCODE_KID",
        False,
        _flag,
        "Name the signing key in the header (`kid`), by its thumbprint if it came without a name; "
        "a secret has no name then. One that was given a name is always named.",
        strict=True,
        new=True,
    )

    # what a token says
    access_expires: Lifetime = _option(
        "ACCESS_TOKEN_EXPIRES",
        timedelta(minutes=15),
        _lifetime,
        "How long an access token lives: seconds, a timedelta, or False for ever.",
    )
    refresh_expires: Lifetime = _option(
        "REFRESH_TOKEN_EXPIRES",
        timedelta(days=30),
        _lifetime,
        "How long a refresh token lives: seconds, a timedelta, or False for ever.",
    )
    identity_claim_key: str = _option(
        "IDENTITY_CLAIM", "sub", _claim, "The claim that holds the identity."
    )
    identity_type: Callable[[str], Any] | None = _option(
        "IDENTITY_TYPE",
        None,
        _maybe_callable,
        "Makes an identity from its text, e.g. `int` or `uuid.UUID`. With it, `sub` is a "
        "string in the token and `get_jwt_identity()` gives the type back.",
        new=True,
    )
    verify_sub: bool | None = _option(
        "VERIFY_SUB",
        None,
        _choice(None, True, False),
        "What `sub` may be: a string or an int (None), a string (True), anything (False).",
        strict=True,
    )
    encode_nbf: bool = _option("ENCODE_NBF", True, _flag, "Put `nbf` into a token.")
    encode_audience: str | list[str] | None = _option(
        "ENCODE_AUDIENCE", None, _audience, "The `aud` of a token: a text or several."
    )
    encode_issuer: str | None = _option("ENCODE_ISSUER", None, _maybe_text, "The `iss` of a token.")
    decode_audience: frozenset[str] | None = _option(
        "DECODE_AUDIENCE", None, _names, "`aud` must name one of these: a text or several."
    )
    decode_issuer: frozenset[str] | None = _option(
        "DECODE_ISSUER", None, _names, "`iss` must be this, or one of these."
    )
    leeway: float = _option(
        "DECODE_LEEWAY",
        0,
        _leeway,
        "Seconds by which the clocks of issuer and verifier may differ.",
        strict=5,
    )
    require_exp: bool = _option(
        "REQUIRE_EXP", False, _flag, "Refuse a token without `exp`.", strict=True, new=True
    )
    require_type: bool = _option(
        "REQUIRE_TYPE",
        False,
        _flag,
        "An access token must say `type: access`; else every type but `refresh` is one.",
        strict=True,
        new=True,
    )
    explicit_typ: bool = _option(
        "EXPLICIT_TYP",
        False,
        _flag,
        "Tokens carry `typ: at+jwt` or `rt+jwt` in the header, and must "
        "(RFC 8725 section 3.11, RFC 9068 section 2.1).",
        strict=True,
        new=True,
    )
    bounded_ids: bool = _option(
        "BOUNDED_IDS",
        False,
        _flag,
        "`sub` has 1 to 255 characters, `jti` is there and has 1 to 64, `fresh` does not outlive "
        "`exp`.",
        strict=True,
        new=True,
    )
    max_token_length: int = _option(
        "MAX_TOKEN_LENGTH",
        16 * 1024,
        _positive,
        "Characters of a token; a longer one is refused unread.",
        strict=8 * 1024,
        new=True,
    )
    allow_base64_padding: bool = _option(
        "ALLOW_BASE64_PADDING",
        False,
        _flag,
        "Take tokens whose segments are padded with `=`, as AWS load balancers send them.",
        new=True,
    )

    # answers
    error_msg_key: str = _option(
        "ERROR_MESSAGE_KEY", "msg", _text, "The member of an error's body that has the text."
    )
    error_format: str = _option(
        "ERROR_FORMAT",
        "msg",
        _choice(*ERROR_FORMATS),
        "An error's body: `msg` is the text alone, `coded` adds `error` with a stable code, "
        "`problem` is RFC 9457's problem details.",
        strict="coded",
        new=True,
    )
    rfc6750_status: bool = _option(
        "RFC6750_STATUS",
        False,
        _flag,
        "Answer 401 to every unacceptable token (RFC 6750 section 3.1), not 422 or 400.",
        strict=True,
        new=True,
    )

    # where the token is
    token_location: tuple[str, ...] = _option(
        "TOKEN_LOCATION",
        ("headers",),
        _locations,
        "Where to look for a token, in order: `headers`, `cookies`, `query_string`, `json`.",
    )
    refuse_several_tokens: bool = _option(
        "REFUSE_SEVERAL_TOKENS",
        False,
        _flag,
        "Answer 400 to a request with more than one token (RFC 6750 section 2).",
        strict=True,
        new=True,
    )
    options_exempt: str = _option(
        "OPTIONS_EXEMPT",
        "all",
        _choice("all", "preflight"),
        "Which OPTIONS requests need no token: all of them, or a CORS preflight only.",
        strict="preflight",
        new=True,
    )
    header_name: str = _option(
        "HEADER_NAME", "Authorization", _text, "The header that has the token."
    )
    header_type: str = _option(
        "HEADER_TYPE", "Bearer", _any_text, "The scheme before the token; empty for none."
    )
    header_type_ignore_case: bool = _option(
        "HEADER_TYPE_IGNORE_CASE",
        False,
        _flag,
        "Take the scheme in any case (RFC 9110 section 11.1).",
        strict=True,
        new=True,
    )
    query_string_name: str = _option(
        "QUERY_STRING_NAME", "jwt", _text, "The query parameter that has the token."
    )
    query_string_value_prefix: str = _option(
        "QUERY_STRING_VALUE_PREFIX", "", _any_text, "What stands before the token there."
    )
    query_string_protect: bool = _option(
        "QUERY_STRING_PROTECT",
        False,
        _flag,
        "Take no refresh token from a query string, and mark the answer `no-store` and "
        "`no-referrer` (RFC 9700 section 4.3.2).",
        strict=True,
        new=True,
    )
    json_key: str = _option(
        "JSON_KEY", "access_token", _text, "The member of a JSON body that has the access token."
    )
    refresh_json_key: str = _option(
        "REFRESH_JSON_KEY", "refresh_token", _text, "The same for a refresh token."
    )

    # cookies
    access_cookie_name: str = _option(
        "ACCESS_COOKIE_NAME",
        "access_token_cookie",
        _text,
        "The cookie of the access token.",
        strict="__Host-access_token",
    )
    refresh_cookie_name: str = _option(
        "REFRESH_COOKIE_NAME",
        "refresh_token_cookie",
        _text,
        "The cookie of the refresh token.",
        strict="__Secure-refresh_token",
    )
    access_cookie_path: str = _option(
        "ACCESS_COOKIE_PATH", "/", _text, "The path that the access token's cookie is sent to."
    )
    refresh_cookie_path: str = _option(
        "REFRESH_COOKIE_PATH", "/", _text, "The path that the refresh token's cookie is sent to."
    )
    cookie_domain: str | None = _option(
        "COOKIE_DOMAIN", None, _maybe_text, "The domain of the cookies; None: this host only."
    )
    cookie_secure: bool = _option(
        "COOKIE_SECURE", False, _flag, "Send the cookies over HTTPS only.", strict=True
    )
    cookie_samesite: str | None = _option(
        "COOKIE_SAMESITE",
        None,
        _samesite,
        'The cookies\' SameSite: "Strict", "Lax", "None", or None to leave it out.',
        strict="Lax",
    )
    refresh_cookie_samesite: str | None = _option(
        "REFRESH_COOKIE_SAMESITE",
        None,
        _samesite,
        "The same for the refresh token's cookie; None: as the other.",
        strict="Strict",
        new=True,
    )
    session_cookie: bool = _option(
        "SESSION_COOKIE",
        True,
        _flag,
        "Cookies end with the browser; if False, after a year.",
    )
    cookie_expires_with_token: bool = _option(
        "COOKIE_EXPIRES_WITH_TOKEN",
        False,
        _flag,
        "With `JWT_SESSION_COOKIE = False`: a cookie ends when its token does.",
        strict=True,
        new=True,
    )

    # CSRF
    cookie_csrf_protect: bool = _option(
        "COOKIE_CSRF_PROTECT", True, _flag, "Tokens in cookies need a CSRF value beside them."
    )
    csrf_in_cookies: bool = _option(
        "CSRF_IN_COOKIES", True, _flag, "Set the CSRF values in cookies that scripts can read."
    )
    csrf_request_methods: frozenset[str] | None = _option(
        "CSRF_METHODS",
        ["POST", "PUT", "PATCH", "DELETE"],
        _methods,
        "Methods that need the CSRF value; `unsafe`: all but GET, HEAD and OPTIONS.",
        strict="unsafe",
    )
    csrf_check_form: bool = _option(
        "CSRF_CHECK_FORM", False, _flag, "Look for the CSRF value in a form field too."
    )
    csrf_check_origin: bool = _option(
        "CSRF_CHECK_ORIGIN",
        False,
        _flag,
        "Refuse an unsafe request that its `Sec-Fetch-Site` or `Origin` shows to come from "
        "another site.",
        strict=True,
        new=True,
    )
    csrf_claim: str = _option(
        "CSRF_CLAIM",
        "always",
        _choice("always", "cookies"),
        "Which tokens carry a `csrf` claim: all, or only where cookies are a location.",
        strict="cookies",
        new=True,
    )
    access_csrf_cookie_name: str = _option(
        "ACCESS_CSRF_COOKIE_NAME",
        "csrf_access_token",
        _text,
        "The cookie of the access token's CSRF value.",
        strict="__Host-csrf_access_token",
    )
    refresh_csrf_cookie_name: str = _option(
        "REFRESH_CSRF_COOKIE_NAME",
        "csrf_refresh_token",
        _text,
        "The cookie of the refresh token's CSRF value.",
        strict="__Secure-csrf_refresh_token",
    )
    access_csrf_cookie_path: str = _option(
        "ACCESS_CSRF_COOKIE_PATH", "/", _text, "The path of that cookie."
    )
    refresh_csrf_cookie_path: str = _option(
        "REFRESH_CSRF_COOKIE_PATH", "/", _text, "The path of that cookie, for refresh tokens."
    )
    access_csrf_field_name: str = _option(
        "ACCESS_CSRF_FIELD_NAME", "csrf_token", _text, "The form field of the CSRF value."
    )
    refresh_csrf_field_name: str = _option(
        "REFRESH_CSRF_FIELD_NAME", "csrf_token", _text, "The same for refresh tokens."
    )
    access_csrf_header_name: str = _option(
        "ACCESS_CSRF_HEADER_NAME", "X-CSRF-TOKEN", _text, "The header of the CSRF value."
    )
    refresh_csrf_header_name: str = _option(
        "REFRESH_CSRF_HEADER_NAME", "X-CSRF-TOKEN", _text, "The same for refresh tokens."
    )

    # sessions
    session_store: Any = _option(
        "SESSION_STORE",
        None,
        _store,
        "Where sessions and revocations are kept: a URL (`sqlite:///sessions.db`, "
        "`postgresql://...`, `mysql://...`, `redis://...`, `memory://`) or a store. Without "
        "one, there are no sessions, as in Flask-JWT-Extended.",
        new=True,
        shown=False,
    )
    store_timeout: float = _option(
        "STORE_TIMEOUT",
        2,
        _above_zero,
        "Seconds after which a store that does not answer is a 503.",
        new=True,
    )
    refresh_rotation: bool | None = _option(
        "REFRESH_ROTATION",
        None,
        _choice(None, True, False),
        "Each refresh token is good once (RFC 9700 section 4.14.2). None: where there is a store.",
        new=True,
    )
    refresh_reuse_grace: float = _option(
        "REFRESH_REUSE_GRACE",
        10,
        _leeway,
        "Seconds in which the refresh token just replaced gets the same successor again; 0 is "
        "strict.",
        new=True,
    )
    refresh_idle_expires: Lifetime = _option(
        "REFRESH_IDLE_EXPIRES",
        None,
        _maybe_lifetime,
        "How long a session lives without a refresh; None: `JWT_REFRESH_TOKEN_EXPIRES`.",
        new=True,
    )
    refresh_absolute_expires: Lifetime = _option(
        "REFRESH_ABSOLUTE_EXPIRES",
        timedelta(days=90),
        _lifetime,
        "How long a session lives at most, however often it is refreshed; False: no end.",
        new=True,
    )
    max_sessions_per_subject: int = _option(
        "MAX_SESSIONS_PER_SUBJECT",
        0,
        _count,
        "Sessions that one subject can have at once: the oldest are ended; 0: any number.",
        new=True,
    )
    revocation_max_staleness: float = _option(
        "REVOCATION_MAX_STALENESS",
        2,
        _leeway,
        "Seconds by which this process may lag behind a revocation made by another; past it "
        "the store is asked.",
        new=True,
    )
    revocation_on_store_error: str = _option(
        "REVOCATION_ON_STORE_ERROR",
        "refuse",
        _choice("refuse", "allow"),
        "What a guard does while the store does not answer: `refuse` with 503, or `allow`.",
        new=True,
    )

    # what follows from them, made once
    rules: ClaimRules = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        subject = {None: "string_or_int", True: "string", False: "anything"}[self.verify_sub]
        rules = ClaimRules(
            identity_claim=self.identity_claim_key,
            issuers=self.decode_issuer,
            audiences=self.decode_audience,
            leeway=self.leeway,
            subject=subject,  # type: ignore[arg-type]  # the three values are the literal's
            require_exp=self.require_exp,
            require_type=self.require_type,
            bounded_ids=self.bounded_ids,
        )
        object.__setattr__(self, "rules", rules)

    @property
    def is_asymmetric(self) -> bool:
        return not ALGORITHMS[self.algorithm].is_symmetric

    @property
    def decode_algorithms(self) -> list[str]:
        names = self._decode_algorithms
        return [*names] if self.algorithm in names else [*names, self.algorithm]

    @property
    def rotates(self) -> bool:
        """Whether a refresh replaces the refresh token."""
        return self.session_store is not None and self.refresh_rotation is not False

    @property
    def puts_csrf(self) -> bool:
        """Whether a new token gets a ``csrf`` claim."""
        return self.cookie_csrf_protect and (
            self.csrf_claim == "always" or "cookies" in self.token_location
        )


OPTIONS: Final[dict[str, Option]] = {
    field.name: field.metadata["option"]
    for field in dataclasses.fields(Settings)
    if "option" in field.metadata
}
"""The table by attribute of :class:`Settings`."""

_NAMES = {option.name for option in OPTIONS.values()}

# Options of Flask-JWT-Extended 3, gone since its version 4, and still in many configurations.
_GONE = {
    "BLACKLIST_ENABLED": "a token_in_blocklist_loader is enough",
    "BLACKLIST_TOKEN_CHECKS": "a token_in_blocklist_loader is enough",
    "CLAIMS_IN_REFRESH_TOKEN": "claims are in both kinds of token",
    "CLAIMS_KEY": "claims are members of the payload",
    "USER_CLAIMS": "claims are members of the payload",
}


class UnknownOptionWarning(UserWarning):
    """A ``JWT_`` name in the configuration is no option of ours. It may be the application's."""


def set_defaults(app_config: MutableMapping[str, Any], prefix: str) -> list[str]:
    """Write the defaults of the profile into the configuration, where nothing is set.

    :return: the names that were set.
    :raises ConfigurationError: if ``JWT_PROFILE`` is unknown.
    """
    profile = app_config.get(f"{prefix}PROFILE", "compatible")
    if profile not in PROFILES:
        takes = " or ".join(map(repr, PROFILES))
        raise ConfigurationError(f"{prefix}PROFILE takes {takes}{_nearest(profile, PROFILES)}")
    added = []
    for option in OPTIONS.values():
        if prefix + option.name not in app_config:
            app_config[prefix + option.name] = option.default_in(profile)
            added.append(prefix + option.name)
    return added


def check_names(
    app_config: Mapping[str, Any], prefix: str, *, strict: bool, unset: Collection[str] = ()
) -> None:
    """Find misspelt options before they are silently without effect.

    A name close to an option's is an error; so is, in the strict profile, any unknown one.
    Else an unknown name is only warned of: applications keep settings of their own under
    ``JWT_``, and must go on running. ``JWT_ACCESS_TOKEN_EXPIRES_HOURS`` is such a one where
    ``JWT_ACCESS_TOKEN_EXPIRES`` is set too: the application makes the one of the other.

    :param unset: the options that the application did not set.
    :raises ConfigurationError: naming the wrong option and the nearest right one.
    """
    for name in app_config:
        if not isinstance(name, str) or not name.startswith(prefix):
            continue
        short = name.removeprefix(prefix)
        if short in _NAMES:
            continue
        if short in _GONE:
            _warn(f"{name} has no effect since Flask-JWT-Extended 4: {_GONE[short]}")
            continue
        near = difflib.get_close_matches(short, _NAMES, n=1, cutoff=0.85)
        if near and (prefix + near[0] in unset or not short.startswith(f"{near[0]}_")):
            raise ConfigurationError(f"{name} is no option: did you mean {prefix}{near[0]}?")
        if strict:
            raise ConfigurationError(
                f"{name} is no option; with {prefix}PROFILE = 'strict' none may begin with "
                f"{prefix} but the options of Flask-Signet"
            )
        _warn(f"{name} is no option of Flask-Signet: it has no effect here")


def _warn(message: str) -> None:
    warnings.warn(message, UnknownOptionWarning, stacklevel=5)


def _nearest(value: Any, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(value, known, n=1) if isinstance(value, str) else []
    return f"; did you mean {near[0]!r}?" if near else ""


def _copied(value: Any) -> Any:
    """The value, its lists, sets and mappings copied to the bottom; keys stay as they are."""
    if isinstance(value, dict):
        return {name: _copied(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        copied = list(map(_copied, value))  # equal to what it is a copy of, also of a subclass
        return copied if isinstance(value, list) else tuple(copied)
    return set(value) if isinstance(value, set) else value


class _ExactlyFalse:
    """Equal to False, and not to 0."""

    __hash__ = None  # type: ignore[assignment]  # so says Python of a class with __eq__ alone

    def __eq__(self, other: object) -> bool:
        return other is False


_EXACTLY_FALSE: Final = _ExactlyFalse()


class OptionReader:
    """Reads the options of one prefix, and knows when one has changed."""

    def __init__(self, prefix: str, *more: str) -> None:
        self.prefix = prefix
        self._more = more
        names = [prefix + option.name for option in OPTIONS.values()]
        self._get = itemgetter(*names, *more)

    def snapshot(self, app_config: MutableMapping[str, Any]) -> tuple[Any, ...]:
        """The raw values of all options. Equal snapshots mean that nothing has changed."""
        try:
            values: tuple[Any, ...] = self._get(app_config)
        except KeyError:  # somebody took an option out of the configuration
            set_defaults(app_config, self.prefix)
            for name in self._more:
                app_config.setdefault(name, None)
            values = self._get(app_config)
        return values

    @staticmethod
    def freeze(snapshot: tuple[Any, ...]) -> tuple[Any, ...]:
        """The snapshot with copies of its collections: what is done to them does not reach it."""
        return tuple(map(_copied, snapshot))

    @staticmethod
    def comparable(frozen: tuple[Any, ...]) -> tuple[Any, ...]:
        """A frozen snapshot to compare others with: False, for ever, is told from 0, an error."""
        checks = [option.check for option in OPTIONS.values()]
        return tuple(
            _EXACTLY_FALSE
            if value is False and index < len(checks) and checks[index] is _lifetime
            else value
            for index, value in enumerate(frozen)
        )

    def check(self, snapshot: tuple[Any, ...]) -> Settings:
        """The settings.

        :raises ConfigurationError: naming the option that is wrong and what it takes.
        """
        values = {}
        for (attribute, option), raw in zip(OPTIONS.items(), snapshot, strict=False):
            try:
                values[attribute] = option.check(raw)
            except ValueError as error:
                raise ConfigurationError(f"{self.prefix}{option.name} takes {error}") from None
        settings = Settings(**values)
        _check_together(settings, self.prefix)
        return settings


def _check_together(settings: Settings, prefix: str) -> None:
    """Options that contradict each other.

    :raises ConfigurationError: naming both.
    """
    cookies = (
        ("ACCESS_COOKIE", settings.access_cookie_name, settings.access_cookie_path),
        ("REFRESH_COOKIE", settings.refresh_cookie_name, settings.refresh_cookie_path),
        ("ACCESS_CSRF_COOKIE", settings.access_csrf_cookie_name, settings.access_csrf_cookie_path),
        (
            *("REFRESH_CSRF_COOKIE", settings.refresh_csrf_cookie_name),
            settings.refresh_csrf_cookie_path,
        ),
    )
    for option, name, path in cookies:
        # RFC 6265bis section 4.1.3: a browser drops such a cookie without a word.
        host = name.lower().startswith("__host-")
        if (host or name.lower().startswith("__secure-")) and not settings.cookie_secure:
            raise ConfigurationError(
                f"{prefix}{option}_NAME = {name!r} needs {prefix}COOKIE_SECURE = True"
            )
        if host and (path != "/" or settings.cookie_domain):
            raise ConfigurationError(
                f"{prefix}{option}_NAME = {name!r} needs {prefix}{option}_PATH = '/' and no "
                f"{prefix}COOKIE_DOMAIN; begin it with __Secure- instead"
            )
    if settings.error_format == "coded" and settings.error_msg_key == "error":
        raise ConfigurationError(
            f"{prefix}ERROR_MESSAGE_KEY = 'error' is taken: {prefix}ERROR_FORMAT = 'coded' has the "
            "code there"
        )
    if settings.keys is not None:
        for name in ("secret_key", "private_key", "public_key"):
            if getattr(settings, name) is not None:
                raise ConfigurationError(
                    f"{prefix}KEYS and {prefix}{OPTIONS[name].name} are both set: keep one. To "
                    f"change over, put the old key last into {prefix}KEYS: it verifies"
                )
        if settings.keys == "store:" and settings.session_store is None:
            raise ConfigurationError(
                f"{prefix}KEYS = 'store:' needs a store: set {prefix}SESSION_STORE"
            )
    if settings.refresh_rotation and settings.session_store is None:
        raise ConfigurationError(
            f"{prefix}REFRESH_ROTATION = True needs a store: set {prefix}SESSION_STORE, e.g. to "
            "'sqlite:///sessions.db'"
        )
    if settings.profile != "strict":
        return
    samesite = (settings.cookie_samesite, settings.refresh_cookie_samesite)
    if "None" in samesite and not settings.cookie_secure:
        raise ConfigurationError(
            f"{prefix}COOKIE_SAMESITE = 'None' needs {prefix}COOKIE_SECURE = True: "
            "browsers drop the cookie otherwise"
        )
    named = {name for name in settings.decode_algorithms if name in ALGORITHMS}
    if len({ALGORITHMS[name].is_symmetric for name in named}) > 1:
        raise ConfigurationError(
            f"{prefix}DECODE_ALGORITHMS mixes HS algorithms with others; in the strict profile "
            "that is refused (RFC 8725 section 3.1)"
        )


def lifetime_seconds(lifetime: Any, now: float) -> float | None:
    """Seconds of a lifetime, or None for one that never ends.

    :raises TypeError: if it is not one.
    """
    if lifetime is False:
        return None
    if isinstance(lifetime, timedelta):
        return lifetime.total_seconds()
    if type(lifetime) in (int, float):
        return float(lifetime)
    if lifetime is True:
        raise TypeError("True is no lifetime")
    start = datetime.fromtimestamp(now, UTC)
    return (start + lifetime).timestamp() - now  # type: ignore[no-any-return]  # a relativedelta


ONE_YEAR: Final = 31540000
"""Seconds; Flask-JWT-Extended's figure."""
