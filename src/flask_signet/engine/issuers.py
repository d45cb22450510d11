"""Other issuers whose access tokens an application takes: :meth:`.JWTManager.add_issuer`.

Which of them a token is of is decided by its ``iss``, read before anything is verified, and by
nothing else; then only that issuer's keys, audience and algorithms count (RFC 8725 section 3.8).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from math import isfinite
from typing import Any, Final

from ..exceptions import ConfigurationError, JWTDecodeError, WrongTokenError
from ..jose.algorithms import ALGORITHMS
from ..jose.jws import UnverifiedJWS, parse_payload
from ..jwt.claims import ClaimRules
from ..jwt.token import Token
from ..jwt.verify import verify_parsed
from ..keys.fetch import fetch as fetch_by_urllib3
from ..keys.fetch import require_urllib3
from ..keys.remote import Fetch, RemoteKeys, check_url
from ..options.table import Settings

monotonic: Callable[[], float] = time.monotonic
"""The clock of the keys' age."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """One other issuer: its keys, and what its tokens must say.

    ``leeway`` is None where the application's counts.
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
        :raises KeysUnavailableError: if its keys can't be had.
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
        """Who a token of this issuer is for.

        :raises JWTDecodeError: if that is no text or number, or an empty text.
        """
        value = claims.get(self.rules.identity_claim)
        if (type(value) is str and value) or type(value) is int:
            return value
        raise JWTDecodeError(f"Invalid claim: {self.rules.identity_claim}")

    def leeway_in(self, leeway: float) -> float:
        """The leeway that counts, where the application's is this."""
        return leeway if self.leeway is None else self.leeway


def find_issuer(
    issuers: Mapping[str, Issuer], settings: Settings, jws: UnverifiedJWS
) -> Issuer | None:
    """The issuer that a token says it is of; None: none of these, or ourselves.

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
    """Whether our own tokens say, or may say, that this is their issuer."""
    return name == settings.encode_issuer or name in (settings.rules.issuers or ())


def _media_type(typ: object) -> str | None:
    # RFC 7515 section 4.1.9: compared without case, "application/" left out.
    return typ.lower().removeprefix("application/") if isinstance(typ, str) else None


# ── what add_issuer is given ─────────────────────────────────────────────────────────────

_OTHER_CLAIMS: Final = frozenset(("aud", "exp", "iat", "iss", "jti", "nbf"))


def make_issuer(
    issuer: object,
    *,
    audience: object,
    algorithms: object,
    identity_claim: object,
    type_claim: object,
    typ: object,
    audience_claim: object,
    jwks_url: object,
    leeway: object,
    max_stale: object,
    fetch: Fetch | None,
) -> Issuer:
    """An issuer of what :meth:`.JWTManager.add_issuer` was given.

    :raises ConfigurationError: if something of it can't be right.
    """
    name = _url("issuer", issuer)
    if "?" in name:
        raise ConfigurationError(
            "add_issuer: an issuer has no query (OpenID Connect Discovery 1.0)"
        )
    audiences = _texts(audience)
    if not audiences:
        raise ConfigurationError(
            "add_issuer: give the audience that the issuer's tokens for this application have, "
            "audience='...': without it, a token made for any other application would be taken"
        )
    names = _algorithms(algorithms)
    if fetch is None:
        require_urllib3()
        fetch = fetch_by_urllib3
    elif not callable(fetch):
        raise ConfigurationError("add_issuer: fetch is a function of a URL and seconds")
    claim = _claim("identity_claim", identity_claim)
    if claim in _OTHER_CLAIMS:
        raise ConfigurationError(f"add_issuer: identity_claim={claim!r} does not name anybody")
    return Issuer(
        name,
        RemoteKeys(
            name,
            fetch,
            algorithms=names,
            jwks_url=None if jwks_url is None else _url("jwks_url", jwks_url),
            max_stale=_seconds("max_stale", max_stale),
            clock=monotonic,
        ),
        ClaimRules(
            identity_claim=claim,
            issuers=frozenset({name}),
            audiences=frozenset(audiences),
            leeway=0 if leeway is None else _seconds("leeway", leeway),
            subject="string",
            require_exp=True,
            audience_claim=_claim("audience_claim", audience_claim),
            type_claim=_type_claim(type_claim),
        ),
        None if typ is None else _media_type(_claim("typ", typ)),
        None if leeway is None else _seconds("leeway", leeway),
    )


def _url(argument: str, value: object) -> str:
    try:
        return check_url(value)
    except ValueError as error:
        raise ConfigurationError(
            f"add_issuer: {argument} takes an https URL, e.g. 'https://login.example.com/': {error}"
        ) from None


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
