"""What was verified is remembered; whether it is good now is asked each time."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from flask_signet.exceptions import (
    DecodeError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidSignatureError,
    SignetError,
)
from flask_signet.jose.jwk import Key
from flask_signet.jwt import cache as module
from flask_signet.jwt.cache import MAX_KEPT_LENGTH, TokenCache
from flask_signet.jwt.claims import ClaimRules
from flask_signet.jwt.encode import encode
from flask_signet.keys.ring import KeyRing
from tests.applications import OTHER_SECRET
from tests.jose import keys

NOW = 1_700_000_000.0
RULES = ClaimRules(leeway=5)
KEY = Key.from_secret(keys.SECRET, "HS256")
OTHER = Key.from_secret(OTHER_SECRET, "HS256")
RING = KeyRing(KEY)


def token(key: Key = KEY, **claims: Any) -> str:
    made = {"sub": "ada", "jti": "j", "iat": NOW, "exp": NOW + 60, **claims}
    kept = {name: value for name, value in made.items() if value is not None}
    return encode({"typ": "JWT"}, kept, key)


class Counted:
    """How often a signature was verified."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        verify = module.verify

        def counting(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            return verify(*arguments, **named)

        monkeypatch.setattr(module, "verify", counting)


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


@pytest.fixture
def cache() -> TokenCache:
    return TokenCache(100, RULES)


def ask(cache: TokenCache, text: str | bytes, ring: KeyRing = RING, now: float = NOW) -> Any:
    return cache.verify(text, ring, cache._rules, now)


def test_a_good_token_is_verified_once(cache: TokenCache, verified: Counted) -> None:
    """As a text or as bytes: it is one token."""
    text = token()
    for each in (text, text.encode(), text):
        assert ask(cache, each).claims["sub"] == "ada"
    assert (verified.count, len(cache)) == (1, 1)


def test_a_refusal_is_not_remembered(cache: TokenCache, verified: Counted) -> None:
    """A key may come that verifies it."""
    text = token(OTHER)
    for _ in range(2):
        with pytest.raises(InvalidSignatureError):
            ask(cache, text)
    assert (verified.count, len(cache)) == (2, 0)
    assert ask(cache, text, KeyRing(OTHER))


@pytest.mark.parametrize("position", [0, 10, -1])
def test_the_whole_text_counts(cache: TokenCache, position: int) -> None:
    """A text that differs in one character is another token."""
    text = token()
    ask(cache, text)
    letters = list(text)
    letters[position] = "A" if letters[position] != "A" else "B"
    with pytest.raises(SignetError):
        ask(cache, "".join(letters))
    with pytest.raises(DecodeError):
        ask(cache, text + "é")


def test_its_times_are_asked_each_time(cache: TokenCache) -> None:
    """Also if the clock steps back; the leeway counts."""
    text = token(nbf=NOW + 10)
    ask(cache, text, now=NOW + 10)
    assert ask(cache, text, now=NOW + 64.9)
    with pytest.raises(ExpiredSignatureError) as expired:
        ask(cache, text, now=NOW + 65)
    assert expired.value.jwt_data["sub"] == "ada"
    assert ask(cache, text, now=NOW + 5)
    with pytest.raises(ImmatureSignatureError):
        ask(cache, text, now=NOW + 4.9)
    early = token()
    ask(cache, early)
    with pytest.raises(ImmatureSignatureError):
        ask(cache, early, now=NOW - 5.1)


def test_a_token_that_never_expires_is_good_for_ever(cache: TokenCache, verified: Counted) -> None:
    """It is remembered like any other."""
    text = token(exp=None)
    ask(cache, text)
    assert ask(cache, text, now=NOW + 10**9)
    assert verified.count == 1


def test_another_ring_knows_nothing_of_it(cache: TokenCache, verified: Counted) -> None:
    """A key that was taken away verifies nothing any more; nor does one that came back, unasked."""
    text = token()
    ask(cache, text)
    with pytest.raises(InvalidSignatureError):
        ask(cache, text, KeyRing(OTHER))
    assert ask(cache, text)
    assert verified.count == 3


def test_a_caller_with_other_rules_is_not_served_from_it(
    cache: TokenCache, verified: Counted
) -> None:
    """Nor does it leave anything behind."""
    text = token()
    ask(cache, text)
    for _ in range(2):
        with pytest.raises(SignetError):
            cache.verify(text, RING, ClaimRules(issuers=frozenset({"https://other"})), NOW)
    assert (verified.count, len(cache)) == (3, 1)


def test_claims_that_nest_are_no_request_s_own(cache: TokenCache, verified: Counted) -> None:
    """What one request changes deep down, another one does not see."""
    text = token(roles=["user"], more={"a": [1]})
    first = ask(cache, text)
    first.claims["roles"].append("admin")
    second = ask(cache, text)
    assert second.claims["roles"] == ["user"]
    second.claims["more"]["a"].clear()
    assert ask(cache, text).claims["more"] == {"a": [1]}
    assert dict(second.claims).keys() == dict(first.claims).keys()
    assert verified.count == 1


def test_a_header_that_nests_is_not_remembered(cache: TokenCache) -> None:
    """A view could change it; such headers are rare."""
    text = encode({"typ": "JWT", "odd": {"a": 1}}, {"sub": "ada", "jti": "j"}, KEY)
    ask(cache, text)
    assert len(cache) == 0


def test_a_long_token_is_not_remembered(cache: TokenCache) -> None:
    """So the cache is bounded in bytes, not in entries alone."""
    ask(cache, token(more="x" * MAX_KEPT_LENGTH))
    assert len(cache) == 0
    ask(cache, token(more="x" * (MAX_KEPT_LENGTH // 2)))
    assert len(cache) == 1


@pytest.mark.parametrize("entries", [1, 2, 3, 10, 100])
def test_it_is_never_larger_than_it_was_told(entries: int) -> None:
    cache = TokenCache(entries, RULES)
    for number in range(3 * entries):
        ask(cache, token(jti=f"j{number}"))
        assert 1 <= len(cache) <= entries


def test_what_is_used_stays(verified: Counted) -> None:
    """A token that comes again and again is verified once, however many others come once."""
    cache, often = TokenCache(10, RULES), token()
    for number in range(100):
        ask(cache, often)
        ask(cache, token(jti=f"j{number}"))
    assert verified.count == 101


def test_with_no_entries_it_remembers_nothing(verified: Counted) -> None:
    cache, text = TokenCache(0, RULES), token()
    for _ in range(3):
        ask(cache, text)
    assert (verified.count, len(cache)) == (3, 0)


def test_threads_with_two_rings_get_the_verdict_of_their_own() -> None:
    """A rotation of keys goes on while others verify."""
    cache, other = TokenCache(50, RULES), KeyRing(OTHER)
    texts = {RING: [token(jti=f"a{n}") for n in range(30)]}
    texts[other] = [token(OTHER, jti=f"b{n}") for n in range(30)]
    wrong: list[str] = []

    def run(ring: KeyRing, foreign: KeyRing) -> None:
        for _ in range(20):
            got = [ask(cache, text, ring).claims["sub"] for text in texts[ring]]
            wrong.extend(set(got) - {"ada"})
            for text in texts[foreign]:
                try:
                    ask(cache, text, ring)
                except InvalidSignatureError:
                    continue
                wrong.append(text)

    threads = [
        threading.Thread(target=run, args=pair) for pair in ((RING, other), (other, RING)) * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_it_shows_no_token(cache: TokenCache) -> None:
    """Neither a text nor a claim is in what it prints, and no text is in what it keeps."""
    text = token()
    ask(cache, text)
    assert repr(cache) == "<TokenCache of 1 tokens>"
    kept = cache._generations
    assert text not in json.dumps([str(kept.new), str(kept.old)])
