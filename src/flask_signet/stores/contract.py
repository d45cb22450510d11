"""What :class:`flask_signet.sessions.store.SessionStore` promises, each promise as one test.

Our own stores are tested by it, and so is yours: subclass in a file that pytest collects, and give
a ``store`` fixture::

    from flask_signet.stores.contract import SessionStoreContract

    class TestMyStore(SessionStoreContract):
        @pytest.fixture
        def store(self):
            return MyStore()

The tests use subjects of their own and need no empty store. They never sleep: the time is an
argument. It needs pytest; ``pytest.register_assert_rewrite("flask_signet.stores.contract")`` in
your ``conftest.py`` has a failure show the values that it compared.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from ..sessions.session import (
    MAX_ADDRESS,
    MAX_LABEL,
    MAX_MEMO,
    MAX_USER_AGENT,
    NEVER,
    Device,
    Presented,
    Revocation,
    Rotation,
    Session,
    Successor,
    partition,
    stored_id,
)
from ..sessions.store import Follower, KeyStore, SessionStore, Upgraded

NOW: Final = 1_700_000_000.25
MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0
GRACE: Final = 10.0
TICK: Final = 0.000_001

ODD_TEXTS: Final[list[str]] = [
    "ünïcödé",
    "quote'\"`; --",
    "brace{}:*?[]",
    "new\nline",
    "trailing ",
    "\x00",
    "half \ud800",
    "sha256:",
    "x" * 1000,
    "%s %(a)s :b \\",
]


def new(prefix: str = "j") -> str:
    """A text that no other test uses."""
    return f"{prefix}-{secrets.token_hex(8)}"


def live_until(now: float) -> float:
    """When the last access token of a session that ends now has expired."""
    return now + 15 * MINUTE


class SessionStoreContract:
    """Needs a fixture ``store``. ``subject`` is one that nobody else uses."""

    @pytest.fixture
    def subject(self) -> str:
        return new("user")

    @pytest.fixture
    def follower(self, store: SessionStore) -> Iterator[Follower]:
        follower = store.follow()
        while not follower.sync().complete:
            pass
        yield follower
        follower.close()

    # ── the hands of the tests ───────────────────────────────────────────────────────────

    def login(
        self,
        store: SessionStore,
        subject: str,
        now: float = NOW,
        *,
        jti: str | None = None,
        ends: float = 30 * DAY,
        max_sessions: int = 0,
        **options: Any,
    ) -> Session:
        options.setdefault("expires_at", now + 7 * DAY)
        session = Session.begin(
            subject, jti or new(), now=now, absolute_expires_at=now + ends, **options
        )
        opened = store.open_session(
            session, refuse_until=live_until(now), max_sessions=max_sessions
        )
        return opened.session

    def rotate(
        self,
        store: SessionStore,
        sid: str,
        jti: str,
        following: str,
        now: float = NOW,
        *,
        grace: float = GRACE,
        **more: Any,
    ) -> Rotation:
        successor = Successor(following, more.pop("expires_at", now + 7 * DAY), **more)
        return store.rotate(sid, jti, successor, now=now, grace=grace, refuse_until=live_until(now))

    def adopt(
        self,
        store: SessionStore,
        session: Session,
        now: float = NOW,
        *,
        issued_at: float = NOW - DAY,
        grace: float = GRACE,
        lives: float = 30 * DAY,
    ) -> Rotation:
        return store.adopt(
            session,
            issued_at=issued_at,
            token_expires_at=now + lives,
            grace=grace,
            refuse_until=live_until(now),
        )

    def adopted(
        self, subject: str, jti: str, now: float = NOW, *, following: str | None = None
    ) -> Session:
        return Session.begin(
            subject,
            following or new(),
            now=now,
            expires_at=now + 7 * DAY,
            absolute_expires_at=now + 30 * DAY,
        ).adopting(jti)

    def logout(
        self, store: SessionStore, sid: str, now: float = NOW, **options: Any
    ) -> Session | None:
        return store.end_session(sid, now=now, refuse_until=live_until(now), **options)

    def logout_everywhere(
        self, store: SessionStore, subject: str, now: float = NOW, **options: Any
    ) -> None:
        store.end_sessions(subject, now=now, expires_at=now + 7 * DAY, **options)

    def found(self, store: SessionStore, sid: str, now: float = NOW) -> Session:
        session = store.find_session(sid, now=now)
        assert session is not None
        return session

    def sids(self, store: SessionStore, subject: str, now: float = NOW) -> list[str]:
        return [session.sid for session in store.list_sessions(subject, now=now)]

    def news(self, follower: Follower) -> set[tuple[str, str]]:
        pushed = [(entry.kind, entry.value) for entry in follower.poll()]
        asked = follower.sync()
        assert asked.complete
        return {*pushed, *((entry.kind, entry.value) for entry in asked.entries)}

    # ── opening ──────────────────────────────────────────────────────────────────────────

    def test_it_is_a_session_store(self, store: SessionStore) -> None:
        assert isinstance(store, SessionStore)
        assert isinstance(store.follow(), Follower)

    def test_a_session_comes_back_as_it_was_opened(self, store: SessionStore, subject: str) -> None:
        device = Device("Agent/1.0 (ünï)", "2001:db8::1", "kitchen 🫖")
        session = self.login(store, subject, jti="first", memo='{"iat": 1}', device=device)
        assert store.find_session(session.sid, now=NOW) == session
        assert session.subject == subject
        assert (session.jti, session.previous_jti) == ("first", "")
        assert session.memo == '{"iat": 1}'
        assert session.device == device
        assert (session.created_at, session.last_seen_at, session.rotated_at) == (NOW, NOW, NOW)
        assert session.expires_at == NOW + 7 * DAY
        assert session.absolute_expires_at == NOW + 30 * DAY

    def test_what_a_client_says_of_itself_is_cut_to_size(
        self, store: SessionStore, subject: str
    ) -> None:
        device = Device("a" * 9999, "b\x00" * 9999, "c\ud800" * 9999)
        session = self.login(store, subject, device=device)
        kept = self.found(store, session.sid, NOW).device
        assert [len(text) for text in kept] == [MAX_USER_AGENT, MAX_ADDRESS, MAX_LABEL]
        assert kept == session.device

    def test_the_longest_memo_of_wide_characters_is_kept(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, memo="🫖" * MAX_MEMO)
        assert self.found(store, session.sid, NOW).memo == "🫖" * MAX_MEMO

    def test_a_session_may_never_expire(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject, ends=NEVER, expires_at=NEVER)
        found = self.found(store, session.sid, NOW + 1000 * 365 * DAY)
        assert found == session
        assert math.isinf(found.expires_at)

    def test_a_session_is_live_until_the_microsecond_of_its_expiry(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, expires_at=NOW + MINUTE)
        assert store.find_session(session.sid, now=NOW + MINUTE - TICK) == session
        assert store.find_session(session.sid, now=NOW + MINUTE) is None
        assert store.list_sessions(subject, now=NOW + MINUTE) == []

    def test_the_idle_expiry_is_never_beyond_the_absolute_one(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, ends=MINUTE)
        assert session.expires_at == NOW + MINUTE

    def test_opening_the_same_session_again_changes_nothing(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second")
        again = replace(session, jti="first")
        store.open_session(again, refuse_until=live_until(NOW))
        assert self.found(store, session.sid, NOW).jti == "second"
        assert self.sids(store, subject) == [session.sid]

    def test_sessions_are_listed_the_last_opened_first(
        self, store: SessionStore, subject: str
    ) -> None:
        sids = [self.login(store, subject, NOW + number).sid for number in range(5)]
        assert self.sids(store, subject, NOW + 5) == sids[::-1]

    def test_each_subject_has_its_own_sessions(self, store: SessionStore, subject: str) -> None:
        mine = self.login(store, subject)
        self.login(store, subject + " ")
        self.login(store, subject.upper())
        assert self.sids(store, subject) == [mine.sid]

    @pytest.mark.parametrize("odd", ODD_TEXTS)
    def test_a_subject_may_be_any_text(self, store: SessionStore, odd: str) -> None:
        subject = new() + odd
        session = self.login(store, subject)
        assert self.sids(store, subject) == [session.sid]
        assert self.found(store, session.sid, NOW).subject == stored_id(subject, 255)
        self.logout_everywhere(store, subject)
        assert self.sids(store, subject) == []
        assert store.is_revoked(Presented(subject=subject, issued_at=NOW), now=NOW)

    # ── the limit of sessions ────────────────────────────────────────────────────────────

    def test_above_the_limit_the_oldest_session_ends(
        self, store: SessionStore, subject: str
    ) -> None:
        sessions = [self.login(store, subject, NOW + number) for number in range(3)]
        begun = Session.begin(subject, new(), now=NOW + 3, expires_at=NOW + DAY)
        opened = store.open_session(begun, max_sessions=2, refuse_until=live_until(NOW + 3))
        assert [each.sid for each in opened.ended] == [sessions[0].sid, sessions[1].sid]
        assert self.sids(store, subject, NOW + 3) == [begun.sid, sessions[2].sid]
        assert store.is_revoked(Presented(sid=sessions[0].sid), now=NOW + 3)
        assert not store.is_revoked(Presented(sid=sessions[2].sid), now=NOW + 3)

    def test_expired_sessions_do_not_count_against_the_limit(
        self, store: SessionStore, subject: str
    ) -> None:
        self.login(store, subject, expires_at=NOW + 1)
        kept = self.login(store, subject)
        begun = Session.begin(subject, new(), now=NOW + 2)
        opened = store.open_session(begun, max_sessions=2, refuse_until=live_until(NOW))
        assert opened.ended == ()
        assert self.sids(store, subject, NOW + 2) == [begun.sid, kept.sid]

    def test_a_new_session_is_never_the_oldest_even_if_its_clock_is_behind(
        self, store: SessionStore, subject: str
    ) -> None:
        first = self.login(store, subject, NOW)
        second = self.login(store, subject, NOW - HOUR, max_sessions=1)
        assert second.created_at > first.created_at
        assert self.sids(store, subject) == [second.sid]

    def test_of_sessions_of_one_moment_the_new_one_stays(
        self, store: SessionStore, subject: str
    ) -> None:
        for _ in range(4):
            session = self.login(store, subject, NOW, max_sessions=1)
            assert self.sids(store, subject) == [session.sid]

    def test_other_subjects_do_not_count_against_the_limit(
        self, store: SessionStore, subject: str
    ) -> None:
        other = self.login(store, new("other"))
        self.login(store, subject, max_sessions=1)
        assert store.find_session(other.sid, now=NOW) == other

    # ── rotation ─────────────────────────────────────────────────────────────────────────

    def test_the_current_token_rotates(self, store: SessionStore, subject: str) -> None:
        before = self.login(store, subject, jti="first")
        assert self.rotate(
            store, before.sid, "first", "second", NOW + 5, memo="m", expires_at=NOW + 8 * DAY
        ) == ("rotated", None)
        assert store.find_session(before.sid, now=NOW + 5) == replace(
            before,
            jti="second",
            previous_jti="first",
            rotated_at=NOW + 5,
            last_seen_at=NOW + 5,
            expires_at=NOW + 8 * DAY,
            memo="m",
        )

    def test_a_rotation_repeated_after_its_answer_got_lost_is_still_rotated(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        for _ in range(3):
            assert self.rotate(store, session.sid, "first", "second", grace=0) == ("rotated", None)
        assert self.found(store, session.sid, NOW).previous_jti == "first"

    def test_a_replay_within_the_grace_gets_the_same_successor(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW, memo="the memo")
        replay = self.rotate(store, session.sid, "first", "third", NOW + GRACE - TICK)
        assert replay.verdict == "replayed"
        assert replay.session is not None
        assert (replay.session.jti, replay.session.memo) == ("second", "the memo")
        assert (replay.session.rotated_at, replay.session.expires_at) == (NOW, NOW + 7 * DAY)
        assert replay.session == store.find_session(session.sid, now=NOW)

    def test_the_successor_still_rotates_after_a_replay(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second")
        self.rotate(store, session.sid, "first", "third")
        assert self.rotate(store, session.sid, "second", "fourth").verdict == "rotated"

    def test_a_replay_at_the_end_of_the_grace_is_reuse(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW)
        assert self.rotate(store, session.sid, "first", "x", NOW + GRACE).verdict == "reused"

    def test_a_replay_from_a_clock_a_little_behind_is_within_the_grace(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, NOW - HOUR, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW)
        assert self.rotate(store, session.sid, "first", "x", NOW - 1).verdict == "replayed"

    def test_a_clock_that_steps_back_does_not_lengthen_the_grace(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, NOW - 2 * HOUR, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW)
        assert self.rotate(store, session.sid, "first", "x", NOW - HOUR).verdict == "reused"

    def test_without_grace_a_second_use_is_reuse(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", grace=0)
        assert self.rotate(store, session.sid, "first", "third", grace=0).verdict == "reused"

    def test_reuse_ends_the_session_and_says_which(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW)
        current = store.find_session(session.sid, now=NOW)
        reuse = self.rotate(store, session.sid, "first", "x", NOW + HOUR)
        assert reuse == ("reused", current)
        assert store.find_session(session.sid, now=NOW + HOUR) is None
        assert self.sids(store, subject, NOW + HOUR) == []
        assert self.rotate(store, session.sid, "second", "y", NOW + HOUR) == ("gone", None)

    def test_reuse_is_told_once(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", grace=0)
        verdicts = [
            self.rotate(store, session.sid, "first", "x", grace=0).verdict for _ in range(3)
        ]
        assert verdicts == ["reused", "gone", "gone"]

    def test_reuse_refuses_the_access_tokens_of_the_session(
        self, store: SessionStore, subject: str, follower: Follower
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", grace=0)
        self.rotate(store, session.sid, "first", "x", grace=0)
        assert store.is_revoked(Presented(sid=session.sid), now=live_until(NOW) - TICK)
        assert not store.is_revoked(Presented(sid=session.sid), now=live_until(NOW))
        assert ("sid", session.sid) in self.news(follower)

    def test_two_generations_back_is_reuse_inside_any_grace(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second")
        self.rotate(store, session.sid, "second", "third")
        assert self.rotate(store, session.sid, "first", "x", grace=DAY).verdict == "reused"

    def test_a_token_that_the_session_never_had_is_reuse(
        self, store: SessionStore, subject: str
    ) -> None:
        # It verifies as one of the session's, so it was: the store lost its rotation, say.
        session = self.login(store, subject, jti="first")
        assert self.rotate(store, session.sid, "never", "x").verdict == "reused"
        assert store.find_session(session.sid, now=NOW) is None

    def test_reuse_in_one_session_leaves_the_others(
        self, store: SessionStore, subject: str
    ) -> None:
        stolen = self.login(store, subject, jti="first")
        other = self.login(store, subject, jti="first")
        self.rotate(store, stolen.sid, "never", "x")
        assert self.rotate(store, other.sid, "first", "second").verdict == "rotated"

    def test_the_token_of_another_session_does_not_rotate(
        self, store: SessionStore, subject: str
    ) -> None:
        mine, other = self.login(store, subject), self.login(store, subject)
        assert self.rotate(store, mine.sid, other.jti, "x").verdict == "reused"

    @pytest.mark.parametrize("odd", ["", *ODD_TEXTS])
    def test_an_unknown_session_is_gone(self, store: SessionStore, odd: str) -> None:
        assert self.rotate(store, odd, "first", "second") == ("gone", None)
        assert store.find_session(odd, now=NOW) is None
        store.touch(odd, now=NOW)

    def test_an_expired_session_is_gone_and_not_reused(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        later = NOW + 7 * DAY
        assert self.rotate(store, session.sid, "first", "x", later) == ("gone", None)
        assert self.rotate(store, session.sid, "other", "x", later) == ("gone", None)
        assert not store.is_revoked(Presented(sid=session.sid), now=NOW)

    def test_rotation_keeps_a_session_alive_until_its_absolute_end(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="0", ends=30 * DAY)
        for day in range(1, 30):
            moment = NOW + day * DAY
            rotation = self.rotate(store, session.sid, str(day - 1), str(day), moment)
            assert rotation.verdict == "rotated"
        found = self.found(store, session.sid, NOW + 30 * DAY - TICK)
        assert found.expires_at == NOW + 30 * DAY
        assert self.rotate(store, session.sid, "29", "x", NOW + 30 * DAY).verdict == "gone"

    @pytest.mark.parametrize("odd", ODD_TEXTS)
    def test_a_jti_may_be_any_text(self, store: SessionStore, subject: str, odd: str) -> None:
        session = self.login(store, subject, jti=odd)
        assert self.rotate(store, session.sid, odd, odd + "2").verdict == "rotated"
        assert self.rotate(store, session.sid, odd, "x").verdict == "replayed"

    @pytest.mark.parametrize("following", ["", "first"])
    def test_a_successor_without_a_jti_of_its_own_is_a_mistake(
        self, store: SessionStore, subject: str, following: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        with pytest.raises(ValueError, match="jti"):
            self.rotate(store, session.sid, "first", following)

    def test_jtis_that_differ_in_case_or_trailing_space_differ(
        self, store: SessionStore, subject: str
    ) -> None:
        for other in ("First", "first "):
            session = self.login(store, subject, jti="first")
            assert self.rotate(store, session.sid, other, "x").verdict == "reused"

    # ── adoption ─────────────────────────────────────────────────────────────────────────

    def test_a_token_from_before_opens_a_session_and_is_revoked(
        self, store: SessionStore, subject: str, follower: Follower
    ) -> None:
        old = new()
        begun = self.adopted(subject, old, following="second")
        assert self.adopt(store, begun) == ("rotated", begun)
        assert store.find_session(begun.sid, now=NOW) == begun
        assert store.is_revoked(Presented(jti=old), now=NOW)
        assert store.is_revoked(Presented(jti=old, subject=subject), now=NOW)
        assert ("jti", old) in self.news(follower)
        assert self.rotate(store, begun.sid, "second", "third").verdict == "rotated"

    def test_the_second_adopter_within_the_grace_gets_the_same_successor(
        self, store: SessionStore, subject: str
    ) -> None:
        old = new()
        first = self.adopted(subject, old, following="second")
        second = self.adopted(subject, old, NOW + 5, following="other")
        self.adopt(store, first)
        assert self.adopt(store, second, NOW + 5) == ("replayed", first)
        assert self.sids(store, subject, NOW + 5) == [first.sid]

    def test_an_old_token_is_adopted_wherever_a_store_keeps_it(
        self, store: SessionStore, subject: str
    ) -> None:
        old = next(jti for jti in iter(new, "") if partition(jti) == partition(subject))
        begun = self.adopted(subject, old)
        assert self.adopt(store, begun) == ("rotated", begun)
        assert self.sids(store, subject) == [begun.sid]

    def test_an_adoption_repeated_after_its_answer_got_lost_is_still_rotated(
        self, store: SessionStore, subject: str
    ) -> None:
        begun = self.adopted(subject, new())
        for _ in range(3):
            assert self.adopt(store, begun, grace=0) == ("rotated", begun)

    def test_a_later_adopter_is_reuse(self, store: SessionStore, subject: str) -> None:
        old = new()
        first = self.adopted(subject, old)
        self.adopt(store, first)
        later = NOW + GRACE
        assert self.adopt(store, self.adopted(subject, old, later), later) == ("reused", first)
        assert self.adopt(store, self.adopted(subject, old, later), later) == ("gone", None)
        assert self.sids(store, subject, later) == []
        assert store.is_revoked(Presented(sid=first.sid), now=later)

    def test_an_adopter_after_the_successor_was_used_is_reuse(
        self, store: SessionStore, subject: str
    ) -> None:
        old = new()
        first = self.adopted(subject, old, following="second")
        self.adopt(store, first)
        self.rotate(store, first.sid, "second", "third")
        assert self.adopt(store, self.adopted(subject, old)).verdict == "reused"

    def test_an_old_token_that_was_revoked_is_not_adopted(
        self, store: SessionStore, subject: str
    ) -> None:
        for known in ("", subject):
            old = new()
            store.revoke_token(old, now=NOW, expires_at=NOW + DAY, subject=known)
            assert self.adopt(store, self.adopted(subject, old)) == ("gone", None)
        assert self.sids(store, subject) == []

    def test_an_old_token_of_a_subject_logged_out_everywhere_is_not_adopted(
        self, store: SessionStore, subject: str
    ) -> None:
        self.logout_everywhere(store, subject, NOW)
        old = self.adopted(subject, new(), NOW + 1)
        assert self.adopt(store, old, NOW + 1, issued_at=NOW) == ("gone", None)
        assert self.adopt(store, old, NOW + 1, issued_at=NOW + TICK).verdict == "rotated"

    def test_an_old_token_that_has_expired_is_not_adopted(
        self, store: SessionStore, subject: str
    ) -> None:
        assert self.adopt(store, self.adopted(subject, new()), lives=0) == ("gone", None)

    def test_an_old_token_is_not_adopted_again_after_its_session_ended(
        self, store: SessionStore, subject: str
    ) -> None:
        old = new()
        begun = self.adopted(subject, old)
        self.adopt(store, begun)
        self.logout(store, begun.sid)
        assert self.adopt(store, self.adopted(subject, old)) == ("gone", None)

    # ── ending one session ───────────────────────────────────────────────────────────────

    def test_an_ended_session_is_gone(
        self, store: SessionStore, subject: str, follower: Follower
    ) -> None:
        session = self.login(store, subject, jti="first")
        assert self.logout(store, session.sid) == session
        assert store.find_session(session.sid, now=NOW) is None
        assert self.rotate(store, session.sid, "first", "second") == ("gone", None)
        assert store.is_revoked(Presented(sid=session.sid), now=NOW)
        assert ("sid", session.sid) in self.news(follower)

    def test_a_session_is_ended_once(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject)
        assert self.logout(store, session.sid) == session
        assert self.logout(store, session.sid) is None

    @pytest.mark.parametrize("how", ["end_session", "reuse", "max_sessions"])
    def test_what_a_clock_that_runs_ahead_gave_out_is_refused_as_much_longer(
        self, store: SessionStore, subject: str, how: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        assert self.rotate(store, session.sid, "first", "second", NOW + HOUR).verdict == "rotated"
        if how == "end_session":
            self.logout(store, session.sid)
        elif how == "reuse":
            assert self.rotate(store, session.sid, "other", "third").verdict == "reused"
        else:
            self.login(store, subject, max_sessions=1)
        last = live_until(NOW + HOUR) - TICK
        assert store.is_revoked(Presented(sid=session.sid), now=last)

    def test_access_tokens_of_a_session_that_is_gone_are_refused_too(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, expires_at=NOW + 1)
        assert self.logout(store, session.sid, NOW + 2) is None
        assert store.is_revoked(Presented(sid=session.sid), now=NOW + 2)
        assert store.is_revoked(Presented(sid=session.sid), now=live_until(NOW + 2) - TICK)
        unknown = new("sid")
        assert self.logout(store, unknown) is None
        assert store.is_revoked(Presented(sid=unknown), now=NOW)

    def test_a_session_is_not_ended_in_another_ones_name(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject)
        assert self.logout(store, session.sid, subject=new("thief")) is None
        assert store.find_session(session.sid, now=NOW) == session
        assert not store.is_revoked(Presented(sid=session.sid), now=NOW)
        assert self.logout(store, session.sid, subject=subject) == session

    def test_an_unknown_session_is_not_revoked_in_somebodys_name(
        self, store: SessionStore, subject: str
    ) -> None:
        unknown = new("sid")
        assert self.logout(store, unknown, subject=subject) is None
        assert not store.is_revoked(Presented(sid=unknown), now=NOW)

    def test_a_second_shorter_refusal_does_not_shorten_the_first(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject)
        store.end_session(session.sid, now=NOW, refuse_until=NOW + HOUR)
        store.end_session(session.sid, now=NOW, refuse_until=NOW + MINUTE)
        assert store.is_revoked(Presented(sid=session.sid), now=NOW + HOUR - TICK)
        assert not store.is_revoked(Presented(sid=session.sid), now=NOW + HOUR)

    # ── ending all of a subject's ────────────────────────────────────────────────────────

    def test_logged_out_everywhere_every_session_is_gone(
        self, store: SessionStore, subject: str, follower: Follower
    ) -> None:
        sessions = [self.login(store, subject, NOW, jti="first") for _ in range(3)]
        self.logout_everywhere(store, subject, NOW)
        assert self.sids(store, subject) == []
        for session in sessions:
            assert store.find_session(session.sid, now=NOW) is None
            assert self.rotate(store, session.sid, "first", "x") == ("gone", None)
            assert self.rotate(store, session.sid, "never", "x") == ("gone", None)
            assert self.logout(store, session.sid) is None
            issued = session.created_at
            assert store.is_revoked(
                Presented(sid=session.sid, subject=subject, issued_at=issued), now=NOW
            )
        assert self.news(follower) >= {("subject", subject)}

    def test_a_login_after_it_survives_even_in_the_same_microsecond(
        self, store: SessionStore, subject: str
    ) -> None:
        self.login(store, subject, NOW)
        self.logout_everywhere(store, subject, NOW)
        session = self.login(store, subject, NOW, jti="first")
        assert self.sids(store, subject) == [session.sid]
        assert not store.is_revoked(
            Presented(sid=session.sid, subject=subject, issued_at=session.created_at), now=NOW
        )
        assert self.rotate(store, session.sid, "first", "second").verdict == "rotated"

    def test_a_login_after_it_survives_with_a_clock_an_hour_behind(
        self, store: SessionStore, subject: str
    ) -> None:
        self.logout_everywhere(store, subject, NOW)
        session = self.login(store, subject, NOW - HOUR)
        assert session.created_at > NOW
        assert self.sids(store, subject, NOW - HOUR) == [session.sid]

    def test_a_session_opened_by_a_clock_that_runs_ahead_is_ended_too(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, NOW + HOUR)
        self.logout_everywhere(store, subject, NOW)
        assert store.find_session(session.sid, now=NOW) is None
        assert store.is_revoked(
            Presented(sid=session.sid, subject=subject, issued_at=session.created_at), now=NOW
        )

    def test_it_compares_moments_to_the_microsecond(
        self, store: SessionStore, subject: str
    ) -> None:
        self.logout_everywhere(store, subject, NOW)
        assert store.is_revoked(Presented(subject=subject, issued_at=NOW), now=NOW)
        assert store.is_revoked(Presented(subject=subject, issued_at=NOW - DAY), now=NOW)
        assert store.is_revoked(Presented(subject=subject), now=NOW)
        assert not store.is_revoked(Presented(subject=subject, issued_at=NOW + TICK), now=NOW)

    def test_the_one_session_that_is_spared_goes_on(
        self, store: SessionStore, subject: str
    ) -> None:
        kept = self.login(store, subject, NOW, jti="first")
        gone = self.login(store, subject, NOW)
        self.logout_everywhere(store, subject, NOW + 1, except_sid=kept.sid)
        assert self.sids(store, subject, NOW + 1) == [kept.sid]
        assert self.rotate(store, kept.sid, "first", "second", NOW + 1).verdict == "rotated"
        for session, revoked in ((kept, False), (gone, True)):
            assert revoked == store.is_revoked(
                Presented(sid=session.sid, subject=subject, issued_at=NOW), now=NOW + 1
            )

    def test_a_session_that_is_gone_is_not_brought_back_by_sparing_it(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, NOW)
        self.logout_everywhere(store, subject, NOW + 1)
        self.logout_everywhere(store, subject, NOW + 2, except_sid=session.sid)
        assert self.sids(store, subject, NOW + 2) == []
        assert store.is_revoked(
            Presented(sid=session.sid, subject=subject, issued_at=NOW), now=NOW + 2
        )

    def test_one_spared_twice_goes_on_and_one_spared_before_does_not(
        self, store: SessionStore, subject: str
    ) -> None:
        first, second = self.login(store, subject, NOW), self.login(store, subject, NOW)
        self.logout_everywhere(store, subject, NOW + 1, except_sid=first.sid)
        self.logout_everywhere(store, subject, NOW + 2, except_sid=first.sid)
        assert self.sids(store, subject, NOW + 2) == [first.sid]
        self.logout_everywhere(store, subject, NOW + 3, except_sid=second.sid)
        assert self.sids(store, subject, NOW + 3) == []

    def test_only_a_session_of_the_same_subject_is_spared(
        self, store: SessionStore, subject: str
    ) -> None:
        other = self.login(store, new("other"))
        self.logout_everywhere(store, subject, NOW, except_sid=other.sid)
        assert store.is_revoked(Presented(sid=other.sid, subject=subject, issued_at=NOW), now=NOW)

    def test_a_clock_that_steps_back_does_not_take_it_back(
        self, store: SessionStore, subject: str
    ) -> None:
        self.logout_everywhere(store, subject, NOW)
        self.logout_everywhere(store, subject, NOW - HOUR)
        assert store.is_revoked(Presented(subject=subject, issued_at=NOW), now=NOW)

    def test_its_entry_lives_as_long_as_it_was_told(
        self, store: SessionStore, subject: str
    ) -> None:
        self.logout_everywhere(store, subject, NOW)
        assert store.is_revoked(Presented(subject=subject, issued_at=NOW), now=NOW + 7 * DAY - TICK)
        assert not store.is_revoked(Presented(subject=subject, issued_at=NOW), now=NOW + 7 * DAY)

    def test_sessions_stay_gone_after_its_entry_expired(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, NOW, jti="first")
        store.end_sessions(subject, now=NOW, expires_at=NOW + 1)
        assert store.find_session(session.sid, now=NOW + 2) is None
        while store.prune(now=NOW + 2).more:
            pass
        assert store.find_session(session.sid, now=NOW + 2) is None
        assert self.rotate(store, session.sid, "first", "x", NOW + 2) == ("gone", None)

    def test_an_unknown_subject_has_no_sessions_and_can_be_logged_out(
        self, store: SessionStore, subject: str
    ) -> None:
        assert store.list_sessions(subject, now=NOW) == []
        self.logout_everywhere(store, subject)
        assert store.list_sessions(subject, now=NOW) == []

    # ── last seen ────────────────────────────────────────────────────────────────────────

    def test_last_seen_is_written_at_most_once_a_minute(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject)
        seen = []
        for later in (0, 59.999_999, 60, 61, 120, -HOUR):
            store.touch(session.sid, now=NOW + later)
            seen.append(self.found(store, session.sid, NOW).last_seen_at - NOW)
        assert seen == [0, 0, 60, 60, 120, 120]

    def test_a_session_that_is_gone_is_not_seen(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject, expires_at=NOW + MINUTE)
        store.touch(session.sid, now=NOW + HOUR)
        assert self.found(store, session.sid, NOW).last_seen_at == NOW

    # ── revoked tokens ───────────────────────────────────────────────────────────────────

    def test_a_revoked_token_is_refused_until_it_expires(
        self, store: SessionStore, subject: str, follower: Follower
    ) -> None:
        for known in ("", subject):
            jti = new()
            assert not store.is_revoked(Presented(jti=jti, subject=known), now=NOW)
            assert store.revoke_token(jti, now=NOW, expires_at=NOW + HOUR, subject=known)
            assert store.is_revoked(Presented(jti=jti, subject=subject), now=NOW)
            assert store.is_revoked(Presented(jti=jti, subject=subject), now=NOW + HOUR - TICK)
            assert not store.is_revoked(Presented(jti=jti, subject=subject), now=NOW + HOUR)
            assert ("jti", jti) in self.news(follower)

    def test_a_token_is_revoked_once(self, store: SessionStore) -> None:
        jti = new()
        assert store.revoke_token(jti, now=NOW, expires_at=NOW + HOUR) is True
        assert store.revoke_token(jti, now=NOW, expires_at=NOW + HOUR) is False

    def test_a_second_revocation_lengthens_the_first_and_never_shortens_it(
        self, store: SessionStore
    ) -> None:
        jti = new()
        for expires in (HOUR, MINUTE, 2 * HOUR):
            store.revoke_token(jti, now=NOW, expires_at=NOW + expires)
        assert store.is_revoked(Presented(jti=jti), now=NOW + 2 * HOUR - TICK)
        assert not store.is_revoked(Presented(jti=jti), now=NOW + 2 * HOUR)

    def test_an_expired_token_needs_no_entry(self, store: SessionStore, follower: Follower) -> None:
        jti = new()
        assert store.revoke_token(jti, now=NOW, expires_at=NOW) is False
        assert not store.is_revoked(Presented(jti=jti), now=NOW - HOUR)
        assert ("jti", jti) not in self.news(follower)

    def test_a_token_that_never_expires_is_refused_for_ever(self, store: SessionStore) -> None:
        jti = new()
        store.revoke_token(jti, now=NOW, expires_at=NEVER)
        assert store.is_revoked(Presented(jti=jti), now=NOW + 1000 * 365 * DAY)

    @pytest.mark.parametrize("odd", ODD_TEXTS)
    def test_a_token_with_any_jti_can_be_revoked(self, store: SessionStore, odd: str) -> None:
        jti = odd + new() if len(odd) < 1000 else odd[:-20] + new()
        assert not store.is_revoked(Presented(jti=jti), now=NOW)
        assert store.revoke_token(jti, now=NOW, expires_at=NOW + HOUR)
        assert store.is_revoked(Presented(jti=jti), now=NOW)

    def test_the_kinds_of_entry_do_not_mix(self, store: SessionStore) -> None:
        text = new()
        store.revoke_token(text, now=NOW, expires_at=NOW + HOUR)
        assert not store.is_revoked(Presented(sid=text, subject=text), now=NOW)

    def test_nothing_asked_is_nothing_refused(self, store: SessionStore) -> None:
        assert not store.is_revoked(Presented(), now=NOW)

    def test_one_reason_of_three_is_enough(self, store: SessionStore, subject: str) -> None:
        jti, session = new(), self.login(store, subject)
        asked: dict[str, Any] = {
            "jti": jti,
            "sid": session.sid,
            "subject": subject,
            "issued_at": NOW,
        }
        assert not store.is_revoked(Presented(**asked), now=NOW)
        store.revoke_token(jti, now=NOW, expires_at=NOW + HOUR)
        assert store.is_revoked(Presented(**asked), now=NOW)
        assert not store.is_revoked(Presented(**{**asked, "jti": new()}), now=NOW)

    # ── following ────────────────────────────────────────────────────────────────────────

    def test_a_new_follower_learns_all_that_is_in_force(
        self, store: SessionStore, subject: str
    ) -> None:
        kept, jti = self.login(store, subject, NOW), new()
        store.revoke_token(jti, now=NOW, expires_at=NOW + HOUR)
        self.logout_everywhere(store, subject, NOW + 1, except_sid=kept.sid)
        follower = store.follow()
        entries: list[Revocation] = []
        while True:
            synced = follower.sync(limit=3)
            entries += synced.entries
            if synced.complete:
                break
        follower.close()
        assert Revocation("jti", jti, NOW + HOUR) in entries
        everywhere = Revocation("subject", subject, NOW + 1 + 7 * DAY, NOW + 1, kept.sid)
        assert everywhere in entries

    def test_a_follower_learns_what_comes_after_and_nothing_twice(
        self, store: SessionStore, follower: Follower
    ) -> None:
        first, second = new(), new()
        store.revoke_token(first, now=NOW, expires_at=NOW + HOUR)
        assert ("jti", first) in self.news(follower)
        store.revoke_token(second, now=NOW, expires_at=NOW + HOUR)
        assert self.news(follower) == {("jti", second)}
        assert follower.sync().entries == []

    def test_a_follower_learns_that_an_entry_was_lengthened(
        self, store: SessionStore, follower: Follower
    ) -> None:
        jti = new()
        store.revoke_token(jti, now=NOW, expires_at=NOW + HOUR)
        self.news(follower)
        store.revoke_token(jti, now=NOW, expires_at=NOW + DAY)
        entries = [*follower.poll(), *follower.sync().entries]
        assert Revocation("jti", jti, NOW + DAY) in entries

    def test_two_followers_each_learn_everything(self, store: SessionStore) -> None:
        followers = [store.follow(), store.follow()]
        for follower in followers:
            while not follower.sync().complete:
                pass
        jti = new()
        store.revoke_token(jti, now=NOW, expires_at=NOW + HOUR)
        assert all(self.news(follower) == {("jti", jti)} for follower in followers)
        for follower in followers:
            follower.close()

    def test_a_closed_follower_may_be_closed_again(self, store: SessionStore) -> None:
        follower = store.follow()
        follower.close()
        follower.sync()
        follower.close()
        follower.close()

    def test_the_epoch_stays_the_same(self, store: SessionStore, follower: Follower) -> None:
        other = store.follow()
        assert follower.sync().epoch == other.sync().epoch != ""
        other.close()

    # ── the application's keys, if it can keep them ──────────────────────────────────────

    def test_the_keys_are_replaced_as_a_whole_by_whoever_knew_the_last(
        self, store: SessionStore
    ) -> None:
        if not isinstance(store, KeyStore):
            return
        before, version = store.load_keys()
        first, second = new("document"), new("document") + "🔑" * 20_000
        assert store.save_keys(first, after=version)
        assert store.load_keys() == (first, version + 1)
        assert not store.save_keys(second, after=version)
        assert store.load_keys() == (first, version + 1)
        assert store.save_keys(second, after=version + 1)
        assert store.load_keys() == (second, version + 2)
        assert store.save_keys(before, after=version + 2)

    def test_saving_keys_again_after_the_answer_got_lost_is_done(self, store: SessionStore) -> None:
        if not isinstance(store, KeyStore):
            return
        _, version = store.load_keys()
        document = new("document")
        assert store.save_keys(document, after=version)
        assert store.save_keys(document, after=version)
        assert store.load_keys() == (document, version + 1)

    # ── what the operator does ───────────────────────────────────────────────────────────

    def test_what_expired_is_pruned_in_batches_and_what_lives_is_not(
        self, store: SessionStore, subject: str
    ) -> None:
        while store.prune(now=NOW).more:
            pass
        live = self.login(store, subject)
        for _ in range(5):
            self.login(store, subject, expires_at=NOW + 1)
            store.revoke_token(new(), now=NOW, expires_at=NOW + 1)
        kept = new()
        store.revoke_token(kept, now=NOW, expires_at=NOW + HOUR)
        pruned = [store.prune(now=NOW + 1, batch=3)]
        while pruned[-1].more:
            pruned.append(store.prune(now=NOW + 1, batch=3))
        assert len(pruned) >= 2
        assert all(each.sessions <= 3 and each.revocations <= 3 for each in pruned)
        assert sum(each.revocations for each in pruned) >= 5
        assert self.sids(store, subject, NOW + 1) == [live.sid]
        assert store.is_revoked(Presented(jti=kept), now=NOW + 1)

    def test_a_pruned_session_is_not_revoked(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject, expires_at=NOW + 1)
        while store.prune(now=NOW + 1).more:
            pass
        assert store.find_session(session.sid, now=NOW + 1) is None
        assert not store.is_revoked(Presented(sid=session.sid), now=NOW)

    def test_a_store_that_is_set_up_has_no_error(self, store: SessionStore) -> None:
        assert [each for each in store.check() if each.level == "error"] == []

    def test_an_upgrade_of_what_is_up_to_date_changes_nothing(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject)
        version = store.upgrade()
        assert version == Upgraded(version.after, version.after)
        assert store.find_session(session.sid, now=NOW) == session

    def test_a_closed_store_opens_again_when_it_is_used(
        self, store: SessionStore, subject: str
    ) -> None:
        store.close()
        store.close()
        session = self.login(store, subject)
        assert self.sids(store, subject) == [session.sid]
