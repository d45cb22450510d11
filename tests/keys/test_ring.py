"""A key ring: the first key signs, all verify, and a token can't choose what it is checked by."""

from collections.abc import Sequence
from typing import Any

import pytest

from flask_signet import Key, KeyRing
from flask_signet.exceptions import (
    InvalidAlgorithmError,
    InvalidKeyError,
    InvalidSignatureError,
    SignetError,
)
from tests.jose import keys


def secret(kid: str | None, number: int = 0, algorithm: str = "HS256") -> Key:
    return Key.from_secret(keys.private(algorithm, number), algorithm, kid=kid)


def pair(kid: str | None, algorithm: str = "RS256", number: int = 0) -> Key:
    return Key.from_cryptography(keys.private(algorithm, number), algorithm, kid=kid)


def refusal(ring: KeyRing, header: dict[str, Any]) -> tuple[type[SignetError], str]:
    with pytest.raises(SignetError) as caught:
        ring.candidates(header)
    return type(caught.value), str(caught.value)


NOT_ALLOWED = (InvalidAlgorithmError, "The specified alg value is not allowed")
NOT_SPECIFIED = (InvalidAlgorithmError, "Algorithm not specified")
NOT_OURS = (InvalidSignatureError, "Signature verification failed")


# ── what a ring is ───────────────────────────────────────────────────────────────────────


def test_it_is_a_sequence_of_its_keys() -> None:
    """A ring gives its keys back in order, and shows none of what they hold."""
    new, old = secret("new", 1), secret("old", 0)
    ring = KeyRing(new, old)
    assert isinstance(ring, Sequence)
    assert list(ring) == [new, old]
    assert (len(ring), ring[0], ring[-1], ring[:1]) == (2, new, old, (new,))
    assert old in ring
    assert repr(ring) == "<KeyRing [<Key HS256 secret kid='new'>, <Key HS256 secret kid='old'>]>"


def test_rotation_is_a_new_ring() -> None:
    """KeyRing(new, *old) signs with the new key and takes the tokens of all."""
    old = KeyRing(secret("a"))
    new = KeyRing(secret("b", 1), *old)
    assert new.signing_key is new[0]
    assert [list(new.candidates({"alg": "HS256", "kid": kid})) for kid in "ab"] == [
        [old[0]],
        [new[0]],
    ]


@pytest.mark.parametrize(
    ("ring", "signs"),
    [
        ([secret("a"), secret("b", 1)], 0),
        ([pair("a").public_key(), pair("b", number=1)], 1),
        ([pair("a").public_key(), pair("b", number=1), pair("c", "ES256")], 1),
        ([pair("a").public_key()], None),
    ],
)
def test_the_first_key_that_can_sign_signs(ring: list[Key], signs: int | None) -> None:
    """Public keys are passed over for signing; a ring of them alone signs nothing."""
    assert KeyRing(*ring).signing_key is (None if signs is None else ring[signs])


@pytest.mark.parametrize(
    ("ring", "message"),
    [
        ([], "a key ring needs a key"),
        ([secret("a"), secret("a", 1)], "two keys of the ring have the kid 'a'"),
        ([secret("a"), pair("a")], "two keys of the ring have the kid 'a'"),
        ([pair("a"), pair("a").public_key()], "two keys of the ring have the kid 'a'"),
        ([pair("a"), pair("a", "PS256", 1)], "two keys of the ring have the kid 'a'"),
        ([secret("a"), secret(None), secret("a")], "two keys of the ring have the kid 'a'"),
        ([secret(None), pair(None)], "secrets and public keys in one ring need a kid each"),
        ([pair(None, "ES256"), secret(None)], "secrets and public keys in one ring need a kid"),
        ([pair(None), pair("b"), secret("a"), secret(None)], "secrets and public keys in one"),
    ],
)
def test_a17_a_ring_that_is_none(ring: list[Key], message: str) -> None:
    """No keys, one name for two keys, and nameless secrets beside public keys are refused."""
    with pytest.raises(InvalidKeyError, match=message):
        KeyRing(*ring)


@pytest.mark.parametrize(
    ("ring", "mixed"),
    [
        ([secret("a"), pair("b")], True),
        ([secret(None), pair("b")], True),
        ([pair("a", "ES256"), pair("b"), secret("c")], True),
        ([secret("a"), secret(None, 1), secret("b", 2, "HS512")], False),
        ([pair("a"), pair("b", "ES256"), pair(None)], False),
    ],
)
def test_a2_a_ring_of_one_kind(ring: list[Key], mixed: bool) -> None:
    """Where one kind is asked for, names don't help: secrets and public keys are two rings."""
    KeyRing(*ring)
    if mixed:
        with pytest.raises(InvalidKeyError, match=r"^secrets \(HS algorithms\) and public"):
            KeyRing(*ring, one_kind=True)
    else:
        KeyRing(*ring, one_kind=True)


def test_one_key_of_two_algorithms() -> None:
    """A key may stand in the ring under several algorithms, with its one name or with none."""
    for kid in ("a", None):
        both = [pair(kid, "RS256"), pair(kid, "PS256")]
        ring = KeyRing(*both)
        assert ring.signing_key is both[0]
        for key in both:
            for header in ({"alg": key.algorithm, "kid": "a"}, {"alg": key.algorithm}):
                assert list(ring.candidates(header)) == [key]
        for header in ({"alg": "RS512", "kid": "a"}, {"alg": "RS512"}, {"alg": "HS256"}):
            assert refusal(ring, header) == NOT_ALLOWED


def test_nameless_keys_of_several_asymmetric_families() -> None:
    """Public keys need no names beside one another: each is tried for its own algorithm alone."""
    rsa, ec = pair(None), pair(None, "ES256")
    ring = KeyRing(rsa, ec, secret("a"))
    for key in (rsa, ec):
        assert list(ring.candidates({"alg": key.algorithm})) == [key]
        assert list(ring.candidates({"alg": key.algorithm, "kid": "theirs"})) == [key]
    for alg in ("HS256", "ES384", "PS256"):
        assert refusal(ring, {"alg": alg}) == NOT_ALLOWED


def test_a_signing_key_beside_the_ring() -> None:
    """A signing_key signs in place of the ring's keys, and no token is checked by it."""
    signs, verifies = secret("new", 1), secret("old", 0)
    ring = KeyRing(verifies, signing_key=signs)
    assert ring.signing_key is signs
    assert list(ring) == [verifies]
    assert list(ring.candidates({"alg": "HS256"})) == [verifies]
    assert refusal(ring, {"alg": "HS256", "kid": "new"}) == NOT_OURS


# ── which keys may have signed a token ───────────────────────────────────────────────────


def test_a_kid_chooses_its_key_alone() -> None:
    """A token that names a key of the ring is for that key: no other is tried."""
    ring = KeyRing(secret("a"), secret("b", 1), pair("c"), pair("d", "ES256"))
    for key in ring:
        assert list(ring.candidates({"alg": key.algorithm, "kid": key.kid})) == [key]


@pytest.mark.parametrize("kid", ["z", "A", "a ", "", "a\0", "../a", "a' OR '1'='1"])
def test_b3_an_unknown_kid_is_refused_and_no_other_key_tried(kid: str) -> None:
    """A kid is compared whole; a token that names no key of ours was signed by none."""
    for ring in (
        KeyRing(secret("a")),
        KeyRing(secret("a"), secret("b", 1)),
        KeyRing(pair("a"), secret("b")),
    ):
        assert refusal(ring, {"alg": "HS256", "kid": kid}) == NOT_OURS


def test_a_kid_does_not_change_the_algorithm() -> None:
    """The key that a token names keeps its own algorithm: verify compares, the ring hands out."""
    ring = KeyRing(pair("a"), secret("b"))
    for claimed in ("HS256", "none", "RS512"):
        assert [key.algorithm for key in ring.candidates({"alg": claimed, "kid": "a"})] == ["RS256"]


def pem(number: int = 0, algorithm: str = "RS256") -> Key:
    """A public key to which no name was given; its kid is the thumbprint."""
    return Key.from_pem(keys.public_pem(keys.private(algorithm, number)), algorithm)


def test_b3_a_key_to_which_no_name_was_given() -> None:
    """The tokens of a PEM may have their issuer's kid; by the thumbprint one key is tried alone."""
    one, other = pem(), pem(1)
    ring = KeyRing(one, other)
    for kid in ("theirs", None):
        assert list(ring.candidates({"alg": "RS256", "kid": kid})) == [one, other]
    assert list(ring.candidates({"alg": "RS256", "kid": other.kid})) == [other]
    for alg in ("PS256", "ES256", "HS256"):
        assert refusal(ring, {"alg": alg, "kid": "theirs"}) == NOT_OURS


def test_b3_a_key_to_which_a_name_was_given() -> None:
    """Beside a key without a name, a key with one still takes no token of another name."""
    named, unnamed = pair("a", number=1), pem()
    ring = KeyRing(named, unnamed)
    assert list(ring.candidates({"alg": "RS256", "kid": "theirs"})) == [unnamed]
    assert list(ring.candidates({"alg": "RS256", "kid": "a"})) == [named]
    assert refusal(KeyRing(named), {"alg": "RS256", "kid": "theirs"}) == NOT_OURS


def test_a2_no_alg_chooses_between_a_nameless_secret_and_a_pem() -> None:
    """Beside a secret without a name, a PEM is found by its thumbprint alone."""
    nameless, unnamed = secret(None), pem()
    ring = KeyRing(nameless, unnamed)
    assert list(ring.candidates({"alg": "RS256", "kid": unnamed.kid})) == [unnamed]
    assert refusal(ring, {"alg": "RS256", "kid": "theirs"}) == NOT_OURS
    assert refusal(ring, {"alg": "RS256"}) == NOT_ALLOWED
    assert list(ring.candidates({"alg": "HS256"})) == [nameless]


def test_nameless_keys_are_tried_by_alg() -> None:
    """Secrets without names are tried in order; a kid that another library wrote is ignored."""
    new, old, longer = secret(None, 1), secret(None, 0), secret(None, 2, "HS512")
    ring = KeyRing(new, old, longer)
    for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "theirs"}):
        assert list(ring.candidates(header)) == [new, old]
    assert list(ring.candidates({"alg": "HS512"})) == [longer]
    assert refusal(ring, {"alg": "HS384"}) == NOT_ALLOWED


def test_a_token_without_a_kid_is_matched_by_alg_in_one_family() -> None:
    """Where all keys are of one family, named or not, a token from before the names is taken."""
    named, nameless = secret("a"), secret(None, 1)
    ring = KeyRing(named, nameless)
    assert list(ring.candidates({"alg": "HS256"})) == [named, nameless]
    assert list(ring.candidates({"alg": "HS256", "kid": "a"})) == [named]
    assert list(ring.candidates({"alg": "HS256", "kid": "other"})) == [nameless]


@pytest.mark.parametrize(
    "header",
    [{"alg": "HS256"}, {"alg": "RS256"}, {"alg": "ES256"}, {"alg": "HS256", "kid": None}],
)
def test_a2_alg_never_chooses_between_families(header: dict[str, Any]) -> None:
    """In a ring of several families a token must name its key (RFC 8725 section 3.1)."""
    ring = KeyRing(secret("a"), pair("b"), pair("c", "ES256"))
    assert refusal(ring, header) == NOT_ALLOWED


def test_a2_named_keys_of_other_families_leave_the_nameless_alone() -> None:
    """Beside named keys of other families, alg finds the nameless ones and nothing else."""
    nameless, named = secret(None), pair("b")
    ring = KeyRing(nameless, named)
    assert list(ring.candidates({"alg": "HS256"})) == [nameless]
    assert list(ring.candidates({"alg": "RS256", "kid": "b"})) == [named]
    assert refusal(ring, {"alg": "RS256"}) == NOT_ALLOWED
    assert refusal(ring, {"alg": "RS256", "kid": "z"}) == NOT_OURS


@pytest.mark.parametrize(
    ("header", "refused"),
    [
        ({}, NOT_SPECIFIED),
        ({"kid": "a"}, NOT_SPECIFIED),
        *(
            ({"alg": alg}, NOT_ALLOWED)
            for alg in ("none", "None", "", "hs256", "HS256 ", "HS256\0", "HS384", "RS256")
        ),
        *(({"alg": alg}, NOT_ALLOWED) for alg in (None, 256, True, ["HS256"], {"HS256": 1})),
        *(({"alg": alg, "kid": "a"}, NOT_ALLOWED) for alg in (None, 256, ["HS256"])),
    ],
    ids=repr,
)
def test_a1_an_alg_is_one_of_the_keys(
    header: dict[str, Any], refused: tuple[type[SignetError], str]
) -> None:
    """An alg that is no text, or not to the letter that of a key, finds no key."""
    assert refusal(KeyRing(secret("a")), header) == refused
