"""One key in each form that a key option takes, and applications that are given one."""

import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from flask_signet import Key, create_access_token, decode_token
from flask_signet.exceptions import ConfigurationError, SignetError
from flask_signet.jose import base64url
from tests.applications import application
from tests.jose import keys

SECRET, OTHER = keys.private("HS256", 1), keys.private("HS256", 2)
TEXT = keys.private("HS256", 3).hex()
RSA, OTHER_RSA, EC = (keys.private(*which) for which in (("RS256",), ("RS256", 1), ("ES256",)))
RSA_KEY, EC_KEY = keys.key("RS256"), keys.key("ES256")


def jwk(key: Key, **changes: Any) -> dict[str, Any]:
    """A key as a JWK; a change to ``...`` leaves the member out."""
    members = {**key.to_private_jwk(), **changes}
    return {name: value for name, value in members.items() if value is not ...}


OCT = jwk(Key.from_secret(SECRET))
SECRETS: dict[str, Any] = {
    "bytes": SECRET,
    "JWK": OCT,
    "JWK without alg": {name: OCT[name] for name in ("kty", "k")},
    "JWK as text": json.dumps(OCT),
    "JWK as bytes": json.dumps(OCT).encode(),
    "JWKS": {"keys": [OCT]},
    "Key": Key.from_secret(SECRET),
    "list": [SECRET],
    "tuple": (SECRET,),
    "list of a Key": [Key.from_secret(SECRET)],
}
PRIVATE: dict[str, Any] = {
    "PEM": keys.pem(RSA),
    "PEM as text": keys.pem(RSA).decode(),
    "cryptography": RSA,
    "JWK": jwk(RSA_KEY),
    "JWK without alg and kid": jwk(RSA_KEY, alg=..., kid=...),
    "JWK as text": json.dumps(jwk(RSA_KEY)),
    "JWK as bytes": b"\n " + json.dumps(jwk(RSA_KEY)).encode(),
    "JWKS": {"keys": [jwk(RSA_KEY)]},
    "Key": RSA_KEY,
    "list": [RSA],
}
PUBLIC: dict[str, Any] = {
    "none: derived": None,
    "PEM": keys.public_pem(RSA),
    "PEM as text": keys.public_pem(RSA).decode(),
    "certificate": None,
    "cryptography": RSA.public_key(),
    "JWK": RSA_KEY.to_public_jwk(),
    "JWK as text": json.dumps(RSA_KEY.to_public_jwk()),
    "JWKS": {"keys": [RSA_KEY.to_public_jwk()]},
    "JWKS as text": json.dumps({"keys": [RSA_KEY.to_public_jwk()]}),
    "Key": RSA_KEY.public_key(),
    "list": [keys.public_pem(OTHER_RSA), keys.public_pem(RSA)],
}


@contextmanager
def running(**options: Any) -> Iterator[Flask]:
    app = application(**options)
    with app.app_context():
        yield app


def new_token(**options: Any) -> str:
    with running(**options):
        return create_access_token("alice")


def takes(token: str, **options: Any) -> bool:
    """Whether an application with these options takes a token."""
    with running(**options):
        try:
            return decode_token(token)["sub"] == "alice"
        except SignetError:
            return False


def refusal(**options: Any) -> str:
    """The message with which these keys are refused, at their first use at the latest."""
    with pytest.raises(ConfigurationError) as caught:
        new_token(**options)
    return str(caught.value)


def hmac_signed(header: dict[str, Any], payload: dict[str, Any], secret: bytes) -> str:
    """A token under an HMAC by a secret that we would not have as a Key."""
    segments = (base64url.encode(json.dumps(part).encode()) for part in (header, payload))
    text = ".".join(segments)
    return f"{text}.{base64url.encode(hmac.digest(secret, text.encode(), 'sha256'))}"
