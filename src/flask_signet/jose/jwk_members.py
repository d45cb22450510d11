"""The members of a JWK that hold the key: to a key object of ``cryptography``, and back.

RFC 7518 section 6 has the members of secrets, RSA and elliptic curves; RFC 8037 section 2 those of
Ed25519 and Ed448. ML-DSA has ``pub`` and ``priv``, as draft-ietf-cose-dilithium says. The
thumbprint of RFC 7638 is a hash of the public members.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from ..exceptions import InvalidKeyError
from . import base64url
from .algorithms import MLDSA, Algorithm
from .pem import CANNOT_READ
from .strict_json import loads_object

Pair = tuple[Any, Any]
"""A public key object, and the private one or None."""

_MAX_DEPTH: Final = 8
"""How deep the arrays and objects of a JWK text may nest."""

PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
"""Members of secrets and private keys (RFC 7518 section 6): none of them is ever published."""

_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_CURVE_NAMES = {curve.name: name for name, curve in _CURVES.items()}

_EDWARDS: dict[str, tuple[Any, Any, int]] = {
    "Ed25519": (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey, 32),
    "Ed448": (ed448.Ed448PublicKey, ed448.Ed448PrivateKey, 57),
}


# ── reading ──────────────────────────────────────────────────────────────────────────────


def as_mapping(jwk: Mapping[str, Any] | str | bytes) -> Mapping[str, Any]:
    """The members of a JWK that is a mapping or JSON text.

    :raises InvalidKeyError: if it is neither.
    """
    if isinstance(jwk, str | bytes):
        data = jwk.encode("utf-8", "surrogatepass") if isinstance(jwk, str) else jwk
        try:
            return loads_object(data, max_depth=_MAX_DEPTH)
        except ValueError:
            raise InvalidKeyError("a JWK is a JSON object, this text is not one") from None
    if not isinstance(jwk, Mapping):
        raise InvalidKeyError("a JWK is a mapping or a JSON text")
    return jwk


def text_member(jwk: Mapping[str, Any], name: str) -> str:
    """A member that is a text; an empty text if it is missing or of another type."""
    value = jwk.get(name)
    return value if isinstance(value, str) else ""


def read_octets(jwk: Mapping[str, Any], name: str, size: int | None = None) -> bytes:
    """The bytes of a base64url member.

    :param size: how many bytes it must have.
    :raises InvalidKeyError: if it is missing, not base64url or of another size.
    """
    value = jwk.get(name)
    if not isinstance(value, str):
        raise InvalidKeyError(f"the JWK's {name} is not a base64url text")
    try:
        data = base64url.decode(value)
    except ValueError:
        raise InvalidKeyError(f"the JWK's {name} is not base64url") from None
    if size is not None and len(data) != size:
        raise InvalidKeyError(f"the JWK's {name} has {len(data)} bytes, its curve has {size}")
    return data


def read_pair(jwk: Mapping[str, Any], algorithm: Algorithm) -> Pair:
    """The public key object of a JWK, and its private one, or None if it has no private member.

    :raises InvalidKeyError: if a member is missing or malformed, or if they don't fit together.
    """
    try:
        return _READERS[algorithm.kty](jwk, algorithm)
    except InvalidKeyError:
        raise
    except CANNOT_READ:
        raise InvalidKeyError("the JWK's members don't make a key") from None


def _read_integer(jwk: Mapping[str, Any], name: str, size: int | None = None) -> int:
    return int.from_bytes(read_octets(jwk, name, size), "big")


def _read_rsa(jwk: Mapping[str, Any], _algorithm: Algorithm) -> Pair:
    numbers = rsa.RSAPublicNumbers(_read_integer(jwk, "e"), _read_integer(jwk, "n"))
    public = numbers.public_key()
    if "d" not in jwk:
        return public, None
    if "oth" in jwk:
        raise InvalidKeyError("RSA keys of more than two primes are not supported")
    return public, _rsa_private_numbers(jwk, numbers).private_key()


def _rsa_private_numbers(
    jwk: Mapping[str, Any], numbers: rsa.RSAPublicNumbers
) -> rsa.RSAPrivateNumbers:
    d = _read_integer(jwk, "d")
    factors = [name for name in ("p", "q", "dp", "dq", "qi") if name in jwk]
    if not factors:
        p, q = rsa.rsa_recover_prime_factors(numbers.n, numbers.e, d)
        dp, dq, qi = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    elif len(factors) == 5:
        p, q, dp, dq, qi = (_read_integer(jwk, name) for name in factors)
    else:  # RFC 7518 section 6.3.2
        raise InvalidKeyError("the JWK has some of p, q, dp, dq, qi: all or none")
    return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, numbers)


def _read_ec(jwk: Mapping[str, Any], _algorithm: Algorithm) -> Pair:
    curve = _CURVES.get(text_member(jwk, "crv"))
    if curve is None:
        raise InvalidKeyError(f"the JWK's crv is none of {', '.join(_CURVES)}")
    size = _size(curve)
    numbers = ec.EllipticCurvePublicNumbers(
        x=_read_integer(jwk, "x", size),
        y=_read_integer(jwk, "y", size),
        curve=curve,
    )
    public = numbers.public_key()  # refuses a point that is not on the curve
    if "d" not in jwk:
        return public, None
    d = _read_integer(jwk, "d", size)
    return public, ec.EllipticCurvePrivateNumbers(d, numbers).private_key()


def _read_okp(jwk: Mapping[str, Any], _algorithm: Algorithm) -> Pair:
    found = _EDWARDS.get(text_member(jwk, "crv"))
    if found is None:
        raise InvalidKeyError(f"the JWK's crv is none of {', '.join(_EDWARDS)}")
    public_type, private_type, size = found
    public = public_type.from_public_bytes(read_octets(jwk, "x", size))
    if "d" not in jwk:
        return public, None
    private = private_type.from_private_bytes(read_octets(jwk, "d", size))
    if private.public_key().public_bytes_raw() != public.public_bytes_raw():
        raise InvalidKeyError("the JWK's x does not belong to its d")
    return public, private


def _read_akp(jwk: Mapping[str, Any], algorithm: Algorithm) -> Pair:
    assert isinstance(algorithm, MLDSA)  # noqa: S101 - the one kind of kty AKP; narrows the type
    public_type: Any = algorithm.public
    public = public_type.from_public_bytes(read_octets(jwk, "pub"))
    if "priv" not in jwk:
        return public, None
    private = algorithm.private.from_seed_bytes(read_octets(jwk, "priv"))
    if private.public_key().public_bytes_raw() != public.public_bytes_raw():
        raise InvalidKeyError("the JWK's pub does not belong to its priv")
    return public, private


_READERS = {"RSA": _read_rsa, "EC": _read_ec, "OKP": _read_okp, "AKP": _read_akp}


# ── writing ──────────────────────────────────────────────────────────────────────────────


def public_members(public: Any) -> dict[str, str]:
    """The members of a public key object or a secret that RFC 7638 section 3.2 hashes."""
    if isinstance(public, bytes):
        return {"kty": "oct", "k": base64url.encode(public)}
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": _uint(numbers.n), "e": _uint(numbers.e)}
    if isinstance(public, ec.EllipticCurvePublicKey):
        point, size = public.public_numbers(), _size(public.curve)
        name = _CURVE_NAMES[public.curve.name]
        return {"kty": "EC", "crv": name, "x": _uint(point.x, size), "y": _uint(point.y, size)}
    raw = base64url.encode(public.public_bytes_raw())
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": raw}
    if isinstance(public, ed448.Ed448PublicKey):
        return {"kty": "OKP", "crv": "Ed448", "x": raw}
    return {"kty": "AKP", "pub": raw}


def private_members(private: Any) -> dict[str, str]:
    """The members of a private key object that its public half doesn't have."""
    if isinstance(private, bytes):
        return {}  # a secret has `k` alone, which `public_members` writes
    if isinstance(private, rsa.RSAPrivateKey):
        numbers = private.private_numbers()
        return {
            "d": _uint(numbers.d),
            "p": _uint(numbers.p),
            "q": _uint(numbers.q),
            "dp": _uint(numbers.dmp1),
            "dq": _uint(numbers.dmq1),
            "qi": _uint(numbers.iqmp),
        }
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return {"d": _uint(private.private_numbers().private_value, _size(private.curve))}
    name = "priv"
    if isinstance(private, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        name = "d"
    return {name: base64url.encode(private.private_bytes_raw())}


def thumbprint(algorithm: Algorithm, public: Any) -> str:
    """The SHA-256 thumbprint of RFC 7638, as base64url."""
    members = public_members(public)
    if algorithm.kty == "AKP":  # its `alg` tells the size, as `crv` does for a curve
        members["alg"] = algorithm.name
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64url.encode(hashlib.sha256(text.encode()).digest())


def _size(curve: ec.EllipticCurve) -> int:
    """The bytes of a coordinate, leading zeros included (RFC 7518 section 6.2.1.2)."""
    return (curve.key_size + 7) // 8


def _uint(value: int, size: int | None = None) -> str:
    """An unsigned integer as base64url of its big-endian bytes, as few as possible, or ``size``."""
    length = size if size is not None else max(1, (value.bit_length() + 7) // 8)
    return base64url.encode(value.to_bytes(length, "big"))
