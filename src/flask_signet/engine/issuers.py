"""Other issuers whose access tokens an application takes: :meth:`.JWTManager.add_issuer`.

A token's ``iss`` alone, read before anything is verified, decides which issuer the token is of.
Then only the keys, the audience and the algorithms of that issuer count (RFC 8725 section 3.8).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from math import isfinite
from typing import Any, Final, TypedDict

from ..exceptions import ConfigurationError, JWTDecodeError, WrongTokenError
from ..jose.algorithms import ALGORITHMS
from ..jose.jws import UnverifiedJWS, parse_payload
from ..jwt.claims import ClaimRules
from ..jwt.token import Token
from ..jwt.verify import verify_parsed
from ..keys.fetch import Fetch, require_urllib3
from ..keys.fetch import fetch as fetch_by_urllib3
from ..keys.remote import MAX_STALE, RemoteKeys
from ..keys.urls import check_url
from ..options.table import Settings


@dataclass(frozen=True, slots=True)
class Issuer:
    """One other issuer: its keys, and what its tokens must say.

    :param typ: the ``typ`` of its tokens' headers, in lower case and without ``application/``;
        None asks nothing.
    :param leeway: seconds by which its clock may differ; None: the application's leeway.
    """

    name: str
    keys: RemoteKeys
    rules: ClaimRules
    typ: str | None
    leeway: float | None

    def verify(
        self, jws: UnverifiedJWS, now: float, leeway: float, *, allow_expired: bool = False
    ) -> Token:
        """Verify a token of this issuer.

        :param leeway: the application's, in seconds.
        :param now: seconds since 1970.
        :param allow_expired: take a token whose only fault is that it has expired.
        :raises KeysUnavailableError: if its keys can't be fetched.
        :raises SignetError: one of its classes, by what is wrong.
        """
        keys = self.keys.candidates(jws.header)
        rules = self.rules
        if self.leeway is None and leeway != rules.leeway:
            rules = replace(rules, leeway=leeway)
        token = verify_parsed(jws, keys, rules, now, allow_expired=allow_expired, issuer=self.name)
        if self.typ is not None and _media_type(token.header.get("typ")) != self.typ:
            raise WrongTokenError("Only access tokens are allowed")
        self.identity(token.claims)
        return token

    def identity(self, claims: Mapping[str, Any]) -> str | int:
        """The identity in a token of this issuer.

        :raises JWTDecodeError: if it is no text and no whole number, or an empty text.
        """
        value = claims.get(self.rules.identity_claim)
        if (type(value) is str and value) or type(value) is int:
            return value
        raise JWTDecodeError(f"Invalid claim: {self.rules.identity_claim}")

    def leeway_in(self, leeway: float) -> float:
        """The leeway that counts, in seconds.

        :param leeway: the application's.
        """
        return leeway if self.leeway is None else self.leeway


def find_issuer(
    issuers: Mapping[str, Issuer], settings: Settings, jws: UnverifiedJWS
) -> Issuer | None:
    """The issuer that a token names in ``iss``; None: it is ours, or of none of these issuers.

    :raises DecodeError: if the payload is not a JSON object as it must be.
    """
    algorithm = jws.header.get("alg")
    if type(algorithm) is str and algorithm in ALGORITHMS and ALGORITHMS[algorithm].is_symmetric:
        return None  # no other issuer has a secret of ours
    name = parse_payload(jws.payload).get("iss")
    if type(name) is not str or is_our_name(settings, name):
        return None
    return issuers.get(name)  # equality, never a part of a text


def is_our_name(settings: Settings, name: str) -> bool:
    """Whether this is the issuer of our own tokens, by ``JWT_ENCODE_ISSUER`` or ``_DECODE_``."""
    return name == settings.encode_issuer or name in (settings.rules.issuers or ())


def refuse_unmarked(issuer: Issuer) -> None:
    """Refuse an issuer that was added without the mark of its access tokens.

    An issuer signs its ID tokens, log-out tokens and event tokens with the same keys. Without a
    mark they would pass for access tokens (RFC 8725 sections 3.11 and 3.12).

    :raises ConfigurationError: saying what to give.
    """
    if issuer.typ is None and issuer.rules.type_claim is None:
        raise ConfigurationError(
            f"add_issuer: {issuer.name!r} is added without typ and type_claim, and the strict "
            "profile asks for one of them: without it, the issuer's ID tokens, log-out tokens and "
            "event tokens would be access tokens. Give what marks its access tokens, e.g. "
            "typ='at+jwt' or type_claim=('token_use', 'access'); if nothing does, say so with "
            "typ='JWT'"
        )


def _media_type(typ: object) -> str | None:
    # RFC 7515 section 4.1.9: compared without case, "application/" left out.
    return typ.lower().removeprefix("application/") if isinstance(typ, str) else None


# ── what add_issuer is given ─────────────────────────────────────────────────────────────


class IssuerTerms(TypedDict, total=False):
    """What :meth:`.JWTManager.add_issuer` may be told of an issuer, by keyword."""

    algorithms: Iterable[str]
    """Those that the issuer signs with, ``["RS256"]`` by default. No HS algorithm: the secret would
    be shared."""

    identity_claim: str
    """The claim that ``get_jwt_identity()`` gives, ``"sub"`` by default."""

    type_claim: tuple[str, str] | None
    """A claim and the value that the issuer's access tokens have in it, e.g.
    ``("token_use", "access")``, where the issuer makes other kinds of tokens with the same keys.
    The strict profile asks for this or for ``typ``."""

    typ: str | None
    """The ``typ`` in the header of the issuer's access tokens, e.g. ``"at+jwt"`` (RFC 9068 section
    4)."""

    audience_claim: str
    """The claim that names the audience, ``"aud"`` by default."""

    jwks_url: str | None
    """Where the issuer's keys are. By default the issuer's metadata says so (OpenID Connect
    Discovery 1.0, RFC 8414)."""

    leeway: float | timedelta | None
    """Seconds by which the issuer's clock may differ. None, the default: ``JWT_DECODE_LEEWAY``."""

    max_stale: float | timedelta
    """Seconds that the issuer's keys, ten minutes old, still serve while they can't be fetched: an
    hour by default."""

    fetch: Fetch | None
    """Gets a document, ``(url, seconds) -> Fetched``, instead of urllib3: through a proxy, say. It
    keeps the bounds of time and size itself."""


_DEFAULTS: Final[IssuerTerms] = {
    "algorithms": ("RS256",),
    "identity_claim": "sub",
    "type_claim": None,
    "typ": None,
    "audience_claim": "aud",
    "jwks_url": None,
    "leeway": None,
    "max_stale": MAX_STALE,
    "fetch": None,
}

_OTHER_CLAIMS: Final = frozenset(("aud", "exp", "iat", "iss", "jti", "nbf"))


def make_issuer(
    issuer: str,
    audience: str | Iterable[str],
    terms: IssuerTerms,
    *,
    allow_http: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Issuer:
    """An issuer of what :meth:`.JWTManager.add_issuer` was given.

    :param allow_http: take http URLs for the issuer and its keys.
    :param clock: seconds, by a clock that never steps: of the age of the issuer's keys.
    :raises ConfigurationError: if something of it can't be right.
    :raises TypeError: if a term is unknown.
    """
    for unknown in terms.keys() - _DEFAULTS.keys():
        raise TypeError(f"add_issuer() got an unexpected keyword argument {unknown!r}")
    given: IssuerTerms = {**_DEFAULTS, **terms}
    if not isinstance(allow_http, bool):
        raise ConfigurationError("add_issuer: allow_http takes True or False")
    name = _issuer_name(issuer, allow_http)
    audiences = _audiences(audience)
    algorithms = _algorithms(given["algorithms"])
    fetch = _fetch(given["fetch"])
    identity_claim = _identity_claim(given["identity_claim"])
    jwks_url, leeway, typ = given["jwks_url"], given["leeway"], given["typ"]
    keys = RemoteKeys(
        name,
        fetch,
        algorithms=algorithms,
        jwks_url=None if jwks_url is None else _url("jwks_url", jwks_url, allow_http),
        max_stale=_seconds("max_stale", given["max_stale"]),
        clock=clock,
    )
    rules = ClaimRules(
        identity_claim=identity_claim,
        issuers=frozenset({name}),
        audiences=audiences,
        leeway=0 if leeway is None else _seconds("leeway", leeway),
        subject="string",
        require_exp=True,
        audience_claim=_claim("audience_claim", given["audience_claim"]),
        type_claim=_type_claim(given["type_claim"]),
    )
    return Issuer(
        name=name,
        keys=keys,
        rules=rules,
        typ=None if typ is None else _media_type(_claim("typ", typ)),
        leeway=None if leeway is None else rules.leeway,
    )


# ── one term in, the value to use out; types are checked, for callers without a type checker ─


def _issuer_name(value: object, allow_http: bool) -> str:
    name = _url("issuer", value, allow_http)
    if "?" in name:
        raise ConfigurationError(
            "add_issuer: an issuer has no query (OpenID Connect Discovery 1.0)"
        )
    return name


def _audiences(value: object) -> frozenset[str]:
    names = _texts(value)
    if not names:
        raise ConfigurationError(
            "add_issuer: give the audience that the issuer's tokens for this application have, "
            "audience='...': without it, a token made for any other application would be taken"
        )
    return frozenset(names)


def _fetch(value: Fetch | None) -> Fetch:
    if value is None:
        require_urllib3()
        return fetch_by_urllib3
    if not callable(value):
        raise ConfigurationError("add_issuer: fetch is a function of a URL and seconds")
    return value


def _identity_claim(value: object) -> str:
    claim = _claim("identity_claim", value)
    if claim in _OTHER_CLAIMS:
        raise ConfigurationError(f"add_issuer: identity_claim={claim!r} does not name anybody")
    return claim


def _url(argument: str, value: object, allow_http: bool) -> str:
    try:
        return check_url(value, allow_http=allow_http)
    except ValueError as error:
        hint = "; inside a network of your own, allow_http=True" if _is_http(value) else ""
        raise ConfigurationError(
            f"add_issuer: {argument} takes an https URL, e.g. 'https://login.example.com/': "
            f"{error}{hint}"
        ) from None


def _is_http(value: object) -> bool:
    try:
        check_url(value, allow_http=True)
    except ValueError:
        return False
    return True


def _texts(value: object) -> list[str]:
    """One text or several, none of them empty; otherwise none."""
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, Iterable) or isinstance(several, bytes | Mapping):
        return []
    found = list(several)
    return found if all(isinstance(each, str) and each for each in found) else []


def _algorithms(value: object) -> list[str]:
    names = list(dict.fromkeys(_texts(value)))
    for name in names:
        if name in ALGORITHMS and ALGORITHMS[name].is_symmetric:
            raise ConfigurationError(
                f"add_issuer: {name} is for a shared secret, and an issuer that publishes its keys "
                "shares none: give those it signs with, e.g. algorithms=['RS256']"
            )
    if not names or not all(name in ALGORITHMS for name in names):
        known = ", ".join(each for each in ALGORITHMS if not ALGORITHMS[each].is_symmetric)
        raise ConfigurationError(f"add_issuer: algorithms takes a list of some of {known}")
    return names


def _claim(argument: str, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise ConfigurationError(f"add_issuer: {argument} takes a non-empty text")


def _type_claim(value: object) -> tuple[str, str] | None:
    if value is None:
        return None
    if isinstance(value, tuple | list) and len(value) == 2 and len(_texts(value)) == 2:
        return value[0], value[1]
    raise ConfigurationError(
        "add_issuer: type_claim takes a claim and the value that access tokens have in it, e.g. "
        "('token_use', 'access')"
    )


def _seconds(argument: str, value: object) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if type(seconds) in (int, float) and isfinite(seconds) and seconds >= 0:  # type: ignore[arg-type,operator]  # a number, by its type
        return float(seconds)  # type: ignore[arg-type]  # the same
    raise ConfigurationError(f"add_issuer: {argument} takes seconds, zero or more, or a timedelta")
