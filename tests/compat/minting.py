"""Tokens for requests, minted by PyJWT: both libraries are shown the very same bytes."""

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

# 64 characters, for HS512, that read like no placeholder: neither library has a weak secret to
# warn about.
SECRET = hashlib.sha256(b"the secret of tests/compat").hexdigest()
OTHER_SECRET = hashlib.sha256(b"another secret of tests/compat").hexdigest()
JTI = "3f0c5d6e-8a53-4b7e-9d5c-0b6a0f9f2a11"
CSRF = "9b1d7a52-6f0e-4c5b-8f3e-2d8d6b3c4e55"


def claims(kind: str = "access", **changes: Any) -> dict[str, Any]:
    """The claims FJE itself would issue to alice; a change to `...` removes the claim."""
    now = int(time.time())
    made = {
        "fresh": False,
        "iat": now - 10,
        "jti": JTI,
        "type": kind,
        "sub": "alice",
        "nbf": now - 10,
        "csrf": CSRF,
        "exp": now + 900,
    }
    made.update(changes)
    return {name: value for name, value in made.items() if value is not ...}


def mint(
    payload: dict[str, Any],
    key: Any = SECRET,
    algorithm: str = "HS256",
    headers: dict[str, Any] | None = None,
) -> str:
    return jwt.encode(payload, key, algorithm, headers=headers)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(header: Any, payload: Any, secret: str = SECRET) -> str:
    """A token that PyJWT would not write: any JSON, or any bytes, under a right HS256 signature."""
    parts = (
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)
    )
    text = ".".join(base64url(part) for part in parts)
    return f"{text}.{base64url(hmac.digest(secret.encode(), text.encode(), 'sha256'))}"


HS256 = {"alg": "HS256", "typ": "JWT"}


def access(**changes: Any) -> str:
    return mint(claims("access", **changes))


def refresh(**changes: Any) -> str:
    return mint(claims("refresh", **changes))


def expired(**changes: Any) -> str:
    return access(exp=int(time.time()) - 60, **changes)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def in_seconds(seconds: float) -> int:
    return int(time.time() + seconds)


@cache
def key_pair(algorithm: str) -> tuple[str, str]:
    """(private, public) in PEM for the algorithm, made once per run."""
    family = algorithm[:2]
    private: Any
    if family in ("RS", "PS"):
        private = rsa.generate_private_key(65537, 2048)
    elif family == "ES":
        curves = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
        private = ec.generate_private_key(curves[algorithm]())
    else:
        private = ed25519.Ed25519PrivateKey.generate()
    return (
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


def key_options(algorithm: str) -> dict[str, Any]:
    """The configuration under which an application signs and verifies with the algorithm."""
    if algorithm.startswith("HS"):
        return {"JWT_ALGORITHM": algorithm, "JWT_SECRET_KEY": SECRET}
    private, public = key_pair(algorithm)
    return {"JWT_ALGORITHM": algorithm, "JWT_PRIVATE_KEY": private, "JWT_PUBLIC_KEY": public}


def signing_key(algorithm: str) -> str:
    return SECRET if algorithm.startswith("HS") else key_pair(algorithm)[0]


FIVE_MINUTES = timedelta(minutes=5)
