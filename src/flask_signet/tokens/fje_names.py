"""The import path ``flask_jwt_extended.tokens``: two private functions that take everything.

Nothing of ours uses them. They are for applications that import them although they are private.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from json import JSONEncoder
from typing import Any

from ..exceptions import InvalidAlgorithmError
from ..jose.algorithms import get_algorithm
from ..jose.jwk import Key
from ..jose.jws import algorithm_message, parse
from ..jwt.claims import ClaimRules, check_csrf
from ..jwt.encode import encode, new_id
from ..jwt.verify import verify_parsed


def _key(secret: Any, algorithm: str) -> Key:
    if isinstance(secret, Key):
        return secret
    if get_algorithm(algorithm).is_symmetric:
        return Key.from_secret(secret, algorithm, allow_weak=True)
    if isinstance(secret, str | bytes):
        return Key.from_pem(secret, algorithm, kid=None, allow_weak=True)
    return Key.from_cryptography(secret, algorithm, kid=None, allow_weak=True)


def _encode_jwt(
    algorithm: str,
    audience: str | Iterable[str],
    claim_overrides: dict[str, Any],
    csrf: bool,
    expires_delta: Any,
    fresh: Any,
    header_overrides: dict[str, Any],
    identity: Any,
    identity_claim_key: str,
    issuer: str,
    json_encoder: type[JSONEncoder],
    secret: Any,
    token_type: str,
    nbf: bool,
) -> str:
    now = datetime.now(UTC)
    claims: dict[str, Any] = {
        "fresh": (now + fresh).timestamp() if isinstance(fresh, timedelta) else fresh,
        "iat": now,
        "jti": new_id(as_uuid=True),
        "type": token_type,
        identity_claim_key: identity,
    }
    if nbf:
        claims["nbf"] = now
    if csrf:
        claims["csrf"] = new_id(as_uuid=True)
    if audience:
        claims["aud"] = audience
    if issuer:
        claims["iss"] = issuer
    if expires_delta:
        claims["exp"] = now + expires_delta
    claims.update(claim_overrides or {})
    header = {"typ": "JWT", **(header_overrides or {})}
    return encode(header, claims, _key(secret, algorithm), default=json_encoder().default)


def _decode_jwt(
    algorithms: list[str],
    allow_expired: bool,
    audience: str | Iterable[str],
    csrf_value: str,
    encoded_token: str,
    identity_claim_key: str,
    issuer: str,
    leeway: float,
    secret: Any,
    verify_aud: bool,
    verify_sub: bool,
) -> dict[str, Any]:
    jws = parse(encoded_token)
    algorithm = jws.header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise InvalidAlgorithmError(algorithm_message(jws.header))
    rules = ClaimRules(
        identity_claim=identity_claim_key,
        issuers=_names(issuer),
        audiences=_names(audience) if verify_aud else None,
        leeway=leeway,
        subject="string" if verify_sub else "anything",
    )
    keys: Sequence[Key] = (_key(secret, algorithm),)
    claims = dict(verify_parsed(jws, keys, rules, time.time(), allow_expired=allow_expired).claims)
    if csrf_value:
        check_csrf(claims, csrf_value)
    return claims


def _names(value: Any) -> frozenset[str] | None:
    if value is None:
        return None
    return frozenset((value,)) if isinstance(value, str) else frozenset(value)
