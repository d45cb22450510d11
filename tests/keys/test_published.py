"""The JWKs that an application publishes: each key once, under a name."""

from flask_signet import Key
from flask_signet.keys.published import each_once
from tests.jose import keys

RSA = keys.private("RS256")


def test_a_key_without_a_name_is_published_by_its_thumbprint() -> None:
    """Verifiers choose a key by its kid, so each has one."""
    key = Key.from_cryptography(RSA, "RS256", kid=None)
    assert [jwk["kid"] for jwk in each_once([key.to_public_jwk()])] == [key.thumbprint()]


def test_a_key_of_several_algorithms_is_published_once_and_says_none() -> None:
    """A verifier takes the first key of a name: its alg would exclude the others."""
    several = [Key.from_cryptography(RSA, name, kid="a") for name in ("RS256", "PS256", "RS512")]
    (jwk,) = each_once(key.to_public_jwk() for key in several)
    assert "alg" not in jwk
    assert jwk["n"] == several[0].to_public_jwk()["n"]


def test_several_keys_keep_their_order_and_algorithms() -> None:
    """Another name is another key."""
    both = [Key.generate("ES256", kid="a"), Key.generate("EdDSA", kid="b")]
    found = each_once(key.to_public_jwk() for key in both)
    assert [(jwk["kid"], jwk["alg"]) for jwk in found] == [("a", "ES256"), ("b", "EdDSA")]
