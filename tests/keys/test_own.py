"""What two managers' keys have in common."""

import pytest

from flask_signet import Key, KeyRing
from flask_signet.keys.own import share_a_secret
from tests.jose import keys

A, B, C = (Key.from_secret(keys.private("HS512", number), "HS256") for number in (0, 1, 2))
A_FOR_HS512 = Key.from_secret(keys.private("HS512"), "HS512", kid="a")
RSA = Key.from_cryptography(keys.private("RS256"), "RS256")


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ([A], [A], True),
        ([A], [B], False),
        ([A], [B, A], True),  # what the one signs, the other takes
        ([A, B], [B], True),
        ([A, C], [B, C], False),  # a secret of before: nobody signs by it any more
        ([A], [A_FOR_HS512], True),
        ([RSA], [RSA], False),
        ([RSA.public_key()], [RSA], False),
        ([RSA], [A], False),
    ],
)
def test_whether_two_rings_share_a_secret(one: list[Key], other: list[Key], shared: bool) -> None:
    """They do where one signs by a secret that the other verifies by, under whatever name."""
    assert share_a_secret(KeyRing(*one), KeyRing(*other)) is shared
    assert share_a_secret(KeyRing(*other), KeyRing(*one)) is shared
