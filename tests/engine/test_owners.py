"""Under whose name a store keeps an id: no id of one owner is another's."""

from itertools import product
from typing import Any

import pytest

from flask_signet.engine.owners import NOBODY, Owner
from flask_signet.sessions.session import MAX_SUBJECT, new_sid, partition, stored_id

TEXTS = (
    "42",
    "//null",
    "//=",
    "//=42",
    "//=//42",
    "//partner//42",
    "//partner/a/42",
    "//partner//https://idp.test 42",
    "//partner//=https://idp.test 42",
    "https://idp.test 42",
    "HTTPS://idp.test 42",
    "http://localhost 42",
    "https://idp.test",
    "https://idp.test  42",
    "/42",
    "a/42",
    "partner",
    "42 ",
    "sha256:42",
    "x" * 300,
    "\udc00",
)
OWNERS = tuple(
    Owner(*names)
    for names in product(
        ("", "partner", "partner/a", "//partner", "a%2Fb", "=", "\udc00"), ("", "a", "/a", "//")
    )
)


def test_no_two_ids_have_one_name() -> None:
    """Ids of any text, of any owner and of other issuers have names that all differ."""
    ids: list[tuple[Any, ...]] = []
    names = []
    for owner in OWNERS:
        for text in TEXTS:
            ids.append((owner, None, text))
            names.append(owner.filed(text))
            if not owner.tenant:
                for issuer in ("https://idp.test", "https://idp.test/a", "http://localhost"):
                    ids.append((owner, issuer, text))
                    names.append(owner.filed_of(issuer, text))
        ids.append((owner, None, None))
        names.append(owner.filed_subject(None))
    stored = [stored_id(name, MAX_SUBJECT) for name in names]
    assert len(set(ids)) == len(ids)
    assert len(set(stored)) == len(stored)


@pytest.mark.parametrize("text", ["42", "alice", "a/b", "https://idp.test", "auth0|5", "ü", " "])
def test_the_unnamed_manager_s_ids_stay_as_they_were(text: str) -> None:
    """What is in a store already is found under its name."""
    assert NOBODY.filed(text) == NOBODY.filed_subject(text) == text
    assert NOBODY.filed_of("https://idp.test", text) == f"https://idp.test {text}"
    sid = new_sid(text)
    assert NOBODY.tagged(sid) == sid
    assert NOBODY.has(sid)


def test_an_int_and_its_text_are_one_subject() -> None:
    """`1` and `"1"` of one manager are one subject."""
    assert NOBODY.filed_subject(1) == NOBODY.filed_subject("1") == "1"
    assert Owner("partner").filed_subject(1) == Owner("partner").filed_subject("1")


def test_an_empty_id_stays_empty() -> None:
    """An empty text asks the store nothing, whoever's it is."""
    assert Owner("partner", "a").filed("") == ""
    assert Owner("partner", "a").filed_of("https://idp.test", "") == ""


def test_a_sid_has_its_owner_s_tag() -> None:
    """A session's id is of one owner, fits into the store, and keeps its partition."""
    for owner, other in product(OWNERS, OWNERS):
        sid = owner.tagged(new_sid(owner.filed("42")))
        assert other.has(sid) is (owner == other)
        assert len(sid) <= 64
        assert stored_id(sid) == sid
        assert sid[0] == partition(stored_id(owner.filed("42"), MAX_SUBJECT))


@pytest.mark.parametrize("sid", ["", ".", "x", "x.", "..", "x" * 100])
def test_odd_sids(sid: str) -> None:
    """What is no sid is of no named owner."""
    assert not Owner("partner").has(sid)


def test_a_token_says_its_owner() -> None:
    """An owner's claims lead back to it; the unnamed manager has none."""
    assert NOBODY.claims == {}
    for owner in OWNERS:
        assert Owner.of(owner.claims | {"sub": "42", "tenant": "b"}) == owner
    assert Owner.of({"signet_owner": 1, "signet_tenant": ["a"]}) == NOBODY
