"""joserfc and we take each other's tokens; it is given our published keys as they are fetched."""

import json
import time
from typing import Any, Final

import pytest
from joserfc import errors, jwk, jwt

from flask_signet.keys.fetch import fetch
from tests.interop.service import AUDIENCE, CASES, TAKEN, Offer, Server, our_answers

# It takes the name all the same.
pytestmark = pytest.mark.filterwarnings(
    "ignore:EdDSA is deprecated via RFC 9864:joserfc.errors.SecurityWarning"
)

UNKNOWN: Final = {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}
"""joserfc has no ML-DSA."""

KNOWN: Final = [name for name in CASES if name not in UNKNOWN]


def verified(offer: Offer, token: str, algorithm: str) -> dict[str, Any]:
    keys = jwk.KeySet.import_key_set(json.loads(fetch(offer.jwks_uri, 5).body))
    claims = jwt.decode(token, keys, algorithms=[algorithm]).claims
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": offer.issuer}, aud={"essential": True, "value": AUDIENCE}
    )
    registry.validate(claims)
    return claims


@pytest.mark.parametrize("name", KNOWN)
def test_joserfc_takes_our_token_by_our_published_key(server: Server, name: str) -> None:
    """And refuses it with another payload."""
    offer, algorithm = server.offer(name), CASES[name].algorithm
    assert verified(offer, offer.token, algorithm)["sub"] == "ada"
    with pytest.raises(errors.BadSignatureError):
        verified(offer, offer.forged(), algorithm)


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_joserfc_does_not_know_the_rest(server: Server, name: str) -> None:
    """Should it learn one, this list is one name shorter."""
    offer = server.offer(name)
    with pytest.raises((errors.JoseError, KeyError, ValueError)):
        verified(offer, offer.token, name)


@pytest.mark.parametrize("name", KNOWN)
def test_we_take_a_token_of_joserfc_by_its_key(server: Server, name: str) -> None:
    """It makes the key, too."""
    algorithm = CASES[name].algorithm
    public = CASES[name].to_public_jwk()
    size: Any = public.get("crv", 2048)
    key = jwk.generate_key(public["kty"], size, {"alg": algorithm, "use": "sig"}, auto_kid=True)
    now = int(time.time())
    claims = {
        "iss": f"{server.url}/joserfc-{name}",
        "aud": AUDIENCE,
        "sub": "ada",
        "iat": now,
        "exp": now + 300,
    }
    token = jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])
    theirs = dict(key.as_dict(private=False))
    assert our_answers(server, f"joserfc-{name}", algorithm, theirs, token) == TAKEN
