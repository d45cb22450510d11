"""Whom a token is for: from an identity to its claim, and back."""

import enum
import uuid
from typing import Any

import pytest

from flask_signet.engine.signet import Signet
from flask_signet.exceptions import JWTDecodeError
from tests.engine.signets import Make, admit, loose


class Name(str):
    """A text of a class of its own, which prints otherwise."""

    __slots__ = ()

    def __str__(self) -> str:
        return "somebody"


class Number(enum.IntEnum):
    FIVE = 5


UUID = uuid.UUID("6f1c2b1e-6c0d-4b1e-8e9a-0d6f5b2a7c11")


# ── from an identity to its claim ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("identity", "wire"), [("ada", "ada"), (5, 5), (Name("ada"), "ada"), (Number.FIVE, 5)]
)
def test_an_identity_in_a_token(signet: Signet, identity: Any, wire: Any) -> None:
    """A text or an int stands in the token as just that, whatever its class."""
    found = signet.wire_identity(identity)
    assert found == wire
    assert type(found) is type(wire)


def test_an_identity_that_becomes_a_text(make: Make) -> None:
    """A UUID stands there as the text that the application's JSON makes of it."""
    assert make(to_json=str).wire_identity(UUID) == str(UUID)
    assert make().wire_identity(UUID) is UUID  # refused when the token is made


def test_the_loader_names_the_identity(make: Make) -> None:
    """The user_identity_loader makes the identity of what the application has; it may be async."""

    async def later(user: dict[str, Any]) -> int:
        return int(user["id"])

    assert make(user_identity=lambda user: user["id"]).wire_identity({"id": 7}) == 7
    assert make(user_identity=later).wire_identity({"id": "7"}) == 7


@pytest.mark.parametrize("identity", [None, True, 1.5, {"id": 1}, ["ada"], UUID, b"ada"])
def test_what_is_no_identity(signet: Signet, identity: Any) -> None:
    """What JSON has not as a text or an int makes no token; the error names the loader."""
    with pytest.raises(TypeError, match="return a string from a user_identity_loader"):
        loose(signet, identity)


# ── JWT_IDENTITY_TYPE ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("type_", "identity", "wire"),
    [(int, 5, "5"), (int, "5", "5"), (uuid.UUID, UUID, str(UUID)), (Number, Number.FIVE, "5")],
)
def test_a_type_for_identities(make: Make, type_: Any, identity: Any, wire: str) -> None:
    """With a type an identity is a text in the token, and of the type again for the application."""
    reading = type_ if type_ is not Number else lambda text: Number(int(text))
    signet = make(IDENTITY_TYPE=reading, to_json=str)
    assert signet.wire_identity(identity) == wire
    assert admit(signet, loose(signet, identity)).identity == reading(wire)


@pytest.mark.parametrize("identity", [None, True, 1.5, {"id": 1}, ("a", 1)])
def test_what_no_type_reads(make: Make, identity: Any) -> None:
    """What is no text and no number is no identity, whatever the type would make of its text."""
    with pytest.raises(TypeError, match="is no subject of a token"):
        make(IDENTITY_TYPE=str).wire_identity(identity)


def test_an_identity_that_the_type_does_not_read_back(make: Make) -> None:
    """No token is made whose identity could not be read again."""
    with pytest.raises(TypeError, match="JWT_IDENTITY_TYPE can't read it back"):
        make(IDENTITY_TYPE=int).wire_identity("ada")


# ── and back ─────────────────────────────────────────────────────────────────────────────


def test_the_identity_in_some_claims(make: Make) -> None:
    """It is the value of JWT_IDENTITY_CLAIM, of the type where one is set; else None."""
    assert make().identity_in({"sub": 5}) == 5
    assert make(IDENTITY_CLAIM="user").identity_in({"sub": "no", "user": "ada"}) == "ada"
    assert make(IDENTITY_TYPE=int).identity_in({"sub": "5"}) == 5
    assert make(IDENTITY_TYPE=int).identity_in({}) is None
    with pytest.raises(ValueError, match="invalid literal"):
        make(IDENTITY_TYPE=int).identity_in({"sub": "ada"})


def test_a_token_from_before_the_type(make: Make) -> None:
    """A token whose identity the type can't read is refused; without a type nothing is read."""
    text = loose(make(), "ada")
    with pytest.raises(JWTDecodeError, match="Invalid claim: sub"):
        admit(make(IDENTITY_TYPE=int), text)
    assert make().checked_identity_in({"sub": "ada"}) == "ada"


# ── what we would refuse to take ─────────────────────────────────────────────────────────


def test_an_int_where_a_string_is_asked_for(make: Make) -> None:
    """With JWT_VERIFY_SUB the error for an int says which option helps."""
    with pytest.raises(TypeError, match="set JWT_IDENTITY_TYPE = int"):
        loose(make(VERIFY_SUB=True), 5)


def test_any_identity_where_anything_is_taken(make: Make) -> None:
    """With JWT_VERIFY_SUB = False any JSON value is an identity."""
    signet = make(VERIFY_SUB=False)
    assert admit(signet, loose(signet, {"id": 1})).identity == {"id": 1}


@pytest.mark.parametrize(
    ("identity", "jti", "says"),
    [
        ("", "j", "the identity has 0 characters; JWT_BOUNDED_IDS asks for 1 to 255"),
        ("x" * 256, "j", "the identity has 256 characters"),
        ("ada", "", "the claim jti has 0 characters; JWT_BOUNDED_IDS asks for 1 to 64"),
        ("ada", "x" * 65, "the claim jti has 65 characters"),
    ],
)
def test_bounded_ids(make: Make, identity: str, jti: str, says: str) -> None:
    """With JWT_BOUNDED_IDS no token is made that our own verification would refuse."""
    loose(make(), identity, claims={"jti": jti})
    signet = make(BOUNDED_IDS=True)
    with pytest.raises(ValueError, match=says):
        loose(signet, identity, claims={"jti": jti})
    loose(signet, "x" * 255, claims={"jti": "x" * 64})
