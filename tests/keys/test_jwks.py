"""A JWKS that another issuer publishes: which of its keys are taken."""

from typing import Any

import pytest

from flask_signet import Key
from flask_signet.keys.jwks import read_jwks
from tests.issuers import document, pair

RSA_JWK = pair("a").to_public_jwk()
PRIVATE_JWK = pair("a").to_private_jwk()
EC_JWK = pair("ec", 0, "ES256").to_public_jwk()


def without(jwk: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in names}


def weak_jwk() -> dict[str, Any]:
    from cryptography.hazmat.primitives.asymmetric import rsa

    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    key = Key.from_cryptography(small.public_key(), "RS256", kid="weak", allow_weak=True)
    return key.to_public_jwk()


@pytest.mark.parametrize(
    ("members", "taken", "reasons"),
    [
        ([RSA_JWK], ["a"], []),
        ([without(RSA_JWK, "alg")], ["a"], []),
        ([without(RSA_JWK, "use")], ["a"], []),
        ([without(RSA_JWK, "alg", "use") | {"key_ops": ["verify"]}], ["a"], []),
        ([RSA_JWK | {"x5t": "x", "x5c": ["y"], "issuer": "z"}], ["a"], []),
        ([RSA_JWK, EC_JWK], ["a", "ec"], []),
        ([RSA_JWK, RSA_JWK], ["a", "a"], []),
        ([RSA_JWK | {"use": "enc"}], [], ["not for signatures"]),
        ([RSA_JWK | {"alg": "RSA-OAEP"}], [], ["none of the algorithms"]),
        ([RSA_JWK | {"alg": "RS512"}], [], ["none of the algorithms"]),
        ([RSA_JWK | {"key_ops": ["encrypt"]}], [], ["neither sign nor verify"]),
        ([{"kty": "oct", "k": "c2VjcmV0", "kid": "s"}], [], ["shared secret"]),
        ([PRIVATE_JWK], [], ["private half"]),
        ([RSA_JWK, PRIVATE_JWK], [], ["private half", "several keys"]),
        ([RSA_JWK, pair("a", 1).to_public_jwk()], [], ["several keys"]),
        ([RSA_JWK, EC_JWK | {"kid": "a"}], [], ["several keys"]),
        ([RSA_JWK, RSA_JWK | {"use": "enc"}], ["a"], ["not for signatures"]),
        ([weak_jwk(), RSA_JWK], ["a"], ["needs 2048 bits"]),
        ([RSA_JWK | {"kid": 7}], [], ["a kid is"]),
        ([RSA_JWK | {"n": "!"}], [], ["not base64url"]),
        ([EC_JWK | {"x": EC_JWK["y"]}], [], ["don't make a key"]),
        ([without(EC_JWK, "alg") | {"crv": "P-384"}], [], ["has 32 bytes"]),
        (["a", 1, None, [], RSA_JWK], ["a"], ["no JSON object"] * 4),
        ([{}], [], ["none of the algorithms"]),
        ([], [], []),
    ],
)
def test_a17_what_cannot_be_used_is_ignored(
    members: list[Any], taken: list[str], reasons: list[str]
) -> None:
    """A4, A7, A13, A16, A17: a key is taken if it is a good public key for an algorithm given."""
    found, ignored = read_jwks(document({"keys": members}).body, ["RS256", "ES256"])
    assert [key.kid for key in found] == taken
    assert not any(key.can_sign for key in found)
    assert len(ignored) == len(reasons)
    for each, reason in zip(ignored, reasons, strict=True):
        assert reason in each.reason


def test_a_key_that_does_not_say_its_algorithm_serves_those_given() -> None:
    """A4: Entra ID's keys have no alg; the configuration says it, never the token."""
    found, _ = read_jwks(
        document({"keys": [without(RSA_JWK, "alg")]}).body, ["RS256", "PS256", "ES256"]
    )
    assert [(key.kid, key.algorithm) for key in found] == [("a", "RS256"), ("a", "PS256")]
