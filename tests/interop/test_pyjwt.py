"""PyJWT and we take each other's tokens; it gets our keys by its `PyJWKClient`."""

import json
import time
from typing import Any, Final

import jwt
import pytest
from flask import Flask

from flask_signet import Key, create_access_token
from flask_signet.keys.fetch import fetch
from flask_signet.keys.schedule import TimedKey
from tests.interop.service import AUDIENCE, CASES, TAKEN, Offer, Server, me, our_answers

UNKNOWN: Final = {"Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}
"""PyJWT has both Edwards curves under the name EdDSA alone, and no ML-DSA."""

KNOWN: Final = [name for name in CASES if name not in UNKNOWN]


def verified(offer: Offer, token: str, client: jwt.PyJWKClient | None = None) -> dict[str, Any]:
    """The claims, as PyJWT's documentation has them read."""
    client = client or jwt.PyJWKClient(offer.jwks_uri, cache_keys=False)
    algorithm = jwt.get_unverified_header(token)["alg"]
    return jwt.decode(
        token,
        client.get_signing_key_from_jwt(token),
        algorithms=[algorithm],
        issuer=offer.issuer,
        audience=AUDIENCE,
    )


@pytest.mark.parametrize("name", KNOWN)
def test_pyjwt_takes_our_token_by_our_published_key(server: Server, name: str) -> None:
    """And refuses it with another payload."""
    offer = server.offer(name)
    assert verified(offer, offer.token)["sub"] == "ada"
    with pytest.raises(jwt.InvalidSignatureError):
        verified(offer, offer.forged())


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_pyjwt_does_not_know_the_rest(server: Server, name: str) -> None:
    """Should it learn one, this list is one name shorter."""
    offer = server.offer(name)
    with pytest.raises((jwt.PyJWKSetError, jwt.PyJWKClientError, jwt.PyJWKError)):
        verified(offer, offer.token)


@pytest.mark.parametrize("name", KNOWN)
def test_we_take_a_token_of_pyjwt_by_its_key(server: Server, name: str) -> None:
    """It is given the private key as `cryptography` has it, and gives the public JWK."""
    key, algorithm = CASES[name]._private, CASES[name].algorithm
    entry = jwt.get_algorithm_by_name(algorithm)
    jwk = json.loads(entry.to_jwk(key.public_key()))
    now = int(time.time())
    claims = {
        "iss": f"{server.url}/pyjwt-{name}",
        "aud": AUDIENCE,
        "sub": "ada",
        "iat": now,
        "exp": now + 300,
    }
    token = jwt.encode(claims, key, algorithm, headers={"kid": "theirs"})
    public = {"kid": "theirs", **jwk}
    public.pop("key_ops", None)
    assert our_answers(server, f"pyjwt-{name}", algorithm, public, token) == TAKEN
    others = jwt.encode(claims | {"sub": "eve"}, key, algorithm, headers={"kid": "another"})
    assert set(our_answers(server, f"pyjwt-{name}", algorithm, public, others).values()) == {422}


def test_a_client_that_keeps_our_keys_knows_the_next_one_before_it_signs(server: Server) -> None:
    """It fetches once, we rotate, and it verifies by what it has."""
    old, new = Key.generate("ES256"), Key.generate("EdDSA")
    app = server.mount("rotating", [old, TimedKey(new, signs_from=time.time() + 1000)])
    fetched: list[str] = []
    app.before_request(lambda: fetched.append("keys"))
    client = jwt.PyJWKClient(f"{server.url}/rotating/.well-known/jwks.json")
    issuer = f"{server.url}/rotating"
    before = offer_of(app, issuer)
    assert verified(before, before.token, client)["sub"] == "ada"
    app.config["JWT_KEYS"] = [new, old]
    after = offer_of(app, issuer)
    assert jwt.get_unverified_header(after.token)["kid"] == new.kid
    assert verified(after, after.token, client)["sub"] == "ada"
    assert verified(before, before.token, client)["sub"] == "ada"
    assert fetched == ["keys"]
    assert me(app, before.token) == "ada"


def test_a_key_that_pyjwt_does_not_know_is_not_in_the_way(server: Server) -> None:
    """It passes over the others of a set, as RFC 7517 section 5 says."""
    keys = [CASES[name] for name in ("ES256", "ML-DSA-44", "Ed448", "RS256")]
    app = server.mount("mixed", keys)
    offer = offer_of(app, f"{server.url}/mixed")
    assert len(json.loads(fetch(offer.jwks_uri, 5).body)["keys"]) == 4
    assert verified(offer, offer.token)["sub"] == "ada"


def offer_of(app: Flask, issuer: str) -> Offer:
    with app.app_context():
        return Offer(issuer, f"{issuer}/.well-known/jwks.json", create_access_token("ada"))
