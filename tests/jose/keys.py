"""Keys that the tests share. Each is made once: an RSA key takes a moment."""

import datetime as dt
import hashlib
from functools import cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from flask_signet.jose import base64url
from flask_signet.jose.algorithms import ALGORITHMS
from flask_signet.jose.jwk import Key

NAMES: Final = list(ALGORITHMS)
HMAC_NAMES: Final = ["HS256", "HS384", "HS512"]
RSA_NAMES: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
EC_NAMES: Final = ["ES256", "ES384", "ES512"]
OKP_NAMES: Final = ["EdDSA", "Ed25519", "Ed448"]
ML_DSA_NAMES: Final = [name for name in NAMES if name.startswith("ML-DSA-")]
PAIR_NAMES: Final = [name for name in NAMES if name not in HMAC_NAMES]

SECRET: Final = b"9mJx2vQ7-Lr4TzWq_8bNcYd5HkFs3PgU1eRaXo6Zi0BtGnKwVhMjSuDyEpCfAlQx"
"""64 bytes, long enough for HS512, so that no test has to deal with a weak secret."""

DATA: Final = b"eyJhbGciOiJ4In0.e30"
"""What the tests sign."""

ORDERS: Final = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
    "ES512": int(
        "1FF" + "F" * 63 + "A51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16
    ),
}
"""The order of each curve's base point, FIPS 186-4 appendix D.1.2."""


@cache
def _private(family: str, number: int) -> Any:
    if family == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if family in HMAC_NAMES:
        return hashlib.sha512(f"secret {number}".encode()).digest()
    return ALGORITHMS[family].generate()


@cache
def _key(name: str, number: int) -> Key:
    if name in HMAC_NAMES:
        return Key.from_secret(private(name, number), name)
    return Key.from_cryptography(private(name, number), name)


def private(name: str, number: int = 0) -> Any:
    """A private key of ``cryptography`` for an algorithm, or a secret. Two numbers are two keys.

    The algorithms with RSA share theirs.
    """
    return _private("RSA" if name in RSA_NAMES else name, number)


def rsa_private(number: int = 0) -> rsa.RSAPrivateKey:
    found: rsa.RSAPrivateKey = private("RS256", number)
    return found


def key(name: str, number: int = 0) -> Key:
    """The same as a key of ours, that signs."""
    return _key(name, number)


def pem(
    private_key: Any,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    found: bytes = private_key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())
    return found


def der(private_key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    found: bytes = private_key.private_bytes(Encoding.DER, form, NoEncryption())
    return found


def public_pem(private_key: Any, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    found: bytes = private_key.public_key().public_bytes(Encoding.PEM, form)
    return found


def public_der(private_key: Any, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    found: bytes = private_key.public_key().public_bytes(Encoding.DER, form)
    return found


def openssh(private_key: Any) -> bytes:
    found: bytes = private_key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return found


def locked(password: bytes) -> KeySerializationEncryption:
    return BestAvailableEncryption(password)


def certificate(private_key: Any) -> x509.Certificate:
    """A self-signed certificate."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signet.example")])
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    digest = (
        hashes.SHA256()
        if isinstance(private_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        else None
    )
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(private_key.public_key()).serial_number(1)
    builder = builder.not_valid_before(start)
    builder = builder.not_valid_after(start + dt.timedelta(days=36500))
    return builder.sign(private_key, digest)


def oct_jwk(name: str = "HS256", **members: Any) -> dict[str, Any]:
    return {"kty": "oct", "alg": name, "k": base64url.encode(SECRET), **members}


def weakness(secret: bytes, name: str) -> str | None:
    """What a key says of a secret that was taken in spite of it."""
    return Key.from_secret(secret, name, allow_weak=True).weakness
