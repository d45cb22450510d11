"""Other issuers to test with: keys they publish, tokens they sign, a web that is a dictionary."""

import json
from collections.abc import Callable
from typing import Any, Final

from flask_signet import Key
from flask_signet.keys import remote
from flask_signet.keys.fetch import Fetched, FetchError
from tests.applications import signed
from tests.jose import keys

Page = Fetched | Exception | Callable[[], Fetched]

ISSUER: Final = "https://login.example.com/"
JWKS_URL: Final = "https://keys.example.com/jwks"


def pair(kid: str, number: int = 0, algorithm: str = "RS256") -> Key:
    """A key pair of an issuer, under a name."""
    return Key.from_cryptography(keys.private(algorithm, number), algorithm, kid=kid)


def jwks(*members: Key | dict[str, Any], max_age: float | None = None) -> Fetched:
    """A key set as it is fetched."""
    jwk = [each.to_public_jwk() if isinstance(each, Key) else each for each in members]
    return document({"keys": jwk}, max_age)


def document(value: object, max_age: float | None = None) -> Fetched:
    return Fetched(json.dumps(value).encode(), max_age)


def metadata(issuer: str = ISSUER, jwks_uri: object = JWKS_URL, **more: Any) -> Fetched:
    return document({"issuer": issuer, "jwks_uri": jwks_uri, **more})


def token(key: Key, claims: dict[str, Any], **header: Any) -> str:
    """A token that names its key as issuers do."""
    return signed(claims, key, {"alg": key.algorithm, "typ": "JWT", "kid": key.kid, **header})


class Web:
    """URLs and what they give. What was asked is noted."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[str] = []

    def __call__(self, url: str, seconds: float) -> Fetched:
        assert 0 < seconds <= remote.TIMEOUT
        self.asked.append(url)
        page = self.pages.get(url, FetchError("status 404"))
        if isinstance(page, Exception):
            raise page
        return page if isinstance(page, Fetched) else page()
