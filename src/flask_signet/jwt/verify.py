"""From a text to a :class:`.Token`, or to the error that says why not: what a guard does.

The text is parsed once, the signature verified once; then the payload's JSON is read, then the
claims are checked.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..exceptions import ExpiredSignatureError, InvalidSignatureError, SignetError
from ..jose.jwk import Key
from ..jose.jws import (
    MAX_TOKEN_LENGTH,
    UnverifiedJWS,
    check_algorithm,
    parse,
    parse_payload,
    remember_header,
)
from ..keys.ring import KeyRing
from .claims import ClaimRules, check_claims
from .token import Token, _checked


def verify(
    text: str | bytes,
    ring: KeyRing,
    rules: ClaimRules,
    now: float,
    *,
    max_length: int = MAX_TOKEN_LENGTH,
    allow_padding: bool = False,
    allow_expired: bool = False,
) -> Token:
    """Verify a token.

    :param now: seconds since 1970.
    :param max_length: characters; a longer token is refused unread.
    :param allow_padding: take segments padded with ``=``.
    :param allow_expired: take a token whose only fault is that ``exp`` has come.
    :raises ExpiredSignatureError: with ``jwt_header`` and ``jwt_data``, which are verified.
    :raises SignetError: one of its classes, by what is wrong.
    """
    jws = parse(text, max_length=max_length, allow_padding=allow_padding)
    return verify_parsed(jws, ring.candidates(jws.header), rules, now, allow_expired=allow_expired)


def verify_parsed(
    jws: UnverifiedJWS,
    keys: Sequence[Key],
    rules: ClaimRules,
    now: float,
    *,
    allow_expired: bool = False,
    issuer: str | None = None,
) -> Token:
    """As :func:`verify`, for a token that was parsed already, and the keys to try.

    :param issuer: the other issuer that the keys belong to; None: the keys are ours.
    """
    for key in keys:
        check_algorithm(jws, key)
        if key.verify(jws.signing_input, jws.signature):
            break
    else:
        raise InvalidSignatureError("Signature verification failed")
    remember_header(jws)
    claims = parse_payload(jws.payload)
    try:
        check_claims(claims, rules, now)
    except ExpiredSignatureError as error:
        if not allow_expired:
            error.jwt_header = dict(jws.header)
            error.jwt_data = _with_defaults(claims)
            raise error.about(error.jwt_data) from None
    except SignetError as error:
        raise error.about(claims) from None
    return _checked(jws.header, _with_defaults(claims), issuer)


def _with_defaults(claims: dict[str, object]) -> dict[str, object]:
    """The claims, with the values that Flask-JWT-Extended takes for those that are missing.

    Tokens of other issuers leave some out.
    """
    claims.setdefault("type", "access")
    claims.setdefault("fresh", False)
    claims.setdefault("jti", None)
    return claims
