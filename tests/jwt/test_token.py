"""A Token is the proof that a token was checked: it can't be made, changed or copied otherwise."""

import copy
import pickle
from typing import Any

import pytest

from flask_signet import Key, KeyRing, TokenPair
from flask_signet.jwt.claims import ClaimRules
from flask_signet.jwt.token import Token
from flask_signet.jwt.verify import verify
from tests.applications import signed
from tests.conftest import Clock
from tests.jose import keys

KEY = Key.from_secret(keys.SECRET, kid="kid-to-hide")
HEADER = {"alg": "HS256", "kid": "kid-to-hide", "extra": ["header-to-hide"]}
CLAIMS = {"sub": "sub-to-hide", "jti": "jti-to-hide", "roles": ["role-to-hide"]}


def checked(now: float) -> Token:
    return verify(signed(CLAIMS, KEY, HEADER), KeyRing(KEY), ClaimRules(), now)


@pytest.fixture
def token(clock: Clock) -> Token:
    return checked(clock())


def test_it_holds_header_and_claims(token: Token) -> None:
    """A Token has the header as it was sent and the claims with our defaults."""
    assert token.header == HEADER
    assert token.claims == {**CLAIMS, "type": "access", "fresh": False}


@pytest.mark.parametrize("arguments", [(), ({}, {}), ({"alg": "HS256"}, {"sub": "mallory"})])
def test_it_cannot_be_made(arguments: tuple[Any, ...]) -> None:
    """There is no way to a Token but verification."""
    with pytest.raises(TypeError):
        Token(*arguments)


@pytest.mark.parametrize("name", ["header", "claims", "anything"])
def test_it_does_not_change(token: Token, name: str) -> None:
    """No attribute of a Token can be set, added or deleted."""
    with pytest.raises(AttributeError):
        setattr(token, name, {})
    with pytest.raises(AttributeError):
        delattr(token, name)
    assert token.claims["sub"] == "sub-to-hide"


@pytest.mark.parametrize("part", ["header", "claims"])
def test_what_it_holds_does_not_change(token: Token, part: str) -> None:
    """Neither the header nor the claims of a Token take an item or lose one."""
    mapping = getattr(token, part)
    with pytest.raises(TypeError):
        mapping["sub"] = "mallory"
    with pytest.raises(TypeError):
        del mapping[next(iter(mapping))]


def test_one_token_is_no_door_to_the_next(clock: Clock) -> None:
    """What somebody does to the header of one Token is not seen in the next one's."""
    first = checked(clock())
    checked(clock())  # by now the header's segment is a known one
    for spoil in (
        lambda: first.header.__setitem__("kid", "spoilt"),  # type: ignore[attr-defined]
        lambda: first.header["extra"].append("spoilt"),
    ):
        try:
            spoil()
        except (AttributeError, TypeError):
            continue
    assert checked(clock()).header == HEADER


def test_it_does_not_print_what_it_holds(token: Token) -> None:
    """A Token in a log says its algorithm, and nothing that a person wrote into it."""
    for text in (repr(token), str(token), f"{token}", f"{[token]}"):
        assert "Token HS256" in text
        assert "to-hide" not in text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(token: Token, protocol: int) -> None:
    """A Token is not pickled: what is read back was not verified."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(token, protocol)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_it_is_not_copied(token: Token, duplicate: Any) -> None:
    """Nor is it copied, which would go the same way."""
    with pytest.raises(TypeError, match="not pickled"):
        duplicate(token)


def test_a_key_is_not_made_changed_pickled_or_printed() -> None:
    """The same holds for the key that verified it."""
    with pytest.raises(TypeError, match="make a Key with"):
        Key()
    for change in (
        lambda: setattr(KEY, "algorithm", "RS256"),
        lambda: setattr(KEY, "kid", "k"),
        lambda: delattr(KEY, "kid"),
        lambda: setattr(KEY, "anything", 1),
    ):
        with pytest.raises(AttributeError):
            change()
    for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            duplicate(KEY)
    for name in ("RS256", "HS256"):
        for text in (repr(keys.key(name)), str(keys.key(name)), f"{KeyRing(keys.key(name))}"):
            assert name in text
            assert str(keys.SECRET)[2:10] not in text


def test_a_pair_prints_its_session_and_not_its_tokens() -> None:
    """A TokenPair is a tuple of three texts whose repr shows the least of them."""
    pair = TokenPair("access-to-hide", "refresh-to-hide", "the-sid")
    access, refresh, sid = pair
    assert (access, refresh, sid) == (pair.access_token, pair.refresh_token, pair.sid)
    for text in (repr(pair), str(pair), f"{pair}", f"{[pair]}"):
        assert "the-sid" in text
        assert "to-hide" not in text
