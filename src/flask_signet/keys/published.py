"""The JWKs that an application publishes: the public keys that verify its tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..jose.jwk import Key


def each_once(jwks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each key once, under its ``kid`` or its thumbprint.

    A key that serves several algorithms, by ``JWT_DECODE_ALGORITHMS``, is published without
    ``alg``: a verifier that chooses a key by its ``kid`` takes the first of that name.

    :param jwks: public JWKs, each with its ``alg``.
    """
    found: dict[str, dict[str, Any]] = {}
    for jwk in jwks:
        # A key in use may be weak: of that, a warning has been given when it was read.
        kid = jwk.get("kid") or Key.from_jwk(jwk, allow_weak=True).thumbprint()
        other = found.setdefault(kid, {**jwk, "kid": kid})
        if other.get("alg") != jwk["alg"]:
            other.pop("alg", None)
    return list(found.values())
