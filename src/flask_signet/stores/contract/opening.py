"""Opening sessions, finding them, and seeing them in use."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ...sessions.session import (
    MAX_ADDRESS,
    MAX_LABEL,
    MAX_MEMO,
    MAX_USER_AGENT,
    NEVER,
    PAGE,
    Device,
    Presented,
    Session,
    stored_id,
)
from ...sessions.store import Follower, SessionStore
from .hands import DAY, HOUR, MINUTE, NOW, ODD_TEXTS, TICK, Hands, live_until, new


class Opening(Hands):
    """Opening sessions, finding them, and seeing them in use."""

    # ── opening ───────────────────────────────────────────────────────────────────────

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
        opened = store.open_session(again, refuse_until=live_until(NOW)).session
        assert opened.sid == session.sid
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

    def test_sessions_are_listed_in_pages(self, store: SessionStore, subject: str) -> None:
        opened = [self.login(store, subject, NOW + number) for number in range(7)]
        opened.insert(0, self.login(store, subject, NOW + 7, expires_at=NOW + 8))
        pages: list[list[Session]] = []
        last = None
        while not pages or len(pages[-1]) == 3:
            pages.append(store.list_sessions(subject, now=NOW + 9, limit=3, after=last))
            last = pages[-1][-1].place
        listed = [each.sid for page in pages for each in page]
        assert listed == [each.sid for each in reversed(opened[1:])]
        assert [len(page) for page in pages] == [3, 3, 1]

    def test_a_page_goes_on_after_a_session_that_ended_meanwhile(
        self, store: SessionStore, subject: str
    ) -> None:
        opened = [self.login(store, subject, NOW + number) for number in range(4)]
        [_, last] = store.list_sessions(subject, now=NOW + 4, limit=2)
        self.logout(store, last.sid, NOW + 4)
        rest = store.list_sessions(subject, now=NOW + 4, limit=2, after=last.place)
        assert [each.sid for each in rest] == [opened[1].sid, opened[0].sid]

    def test_a_list_has_a_hundred_sessions_at_most_unless_it_is_told(
        self, store: SessionStore, subject: str
    ) -> None:
        for number in range(PAGE + 1):
            self.login(store, subject, NOW + number)
        assert len(self.sids(store, subject, NOW)) == PAGE
        assert len(store.list_sessions(subject, now=NOW, limit=2 * PAGE)) == PAGE + 1

    # ── the limit of sessions ─────────────────────────────────────────────────────────

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

    def test_one_login_ends_a_hundred_sessions_at_most(
        self, store: SessionStore, subject: str
    ) -> None:
        opened = [self.login(store, subject, NOW + number) for number in range(PAGE + 5)]
        begun = Session.begin(subject, new(), now=NOW + 300)
        first = store.open_session(begun, refuse_until=live_until(NOW), max_sessions=2)
        assert [each.sid for each in first.ended] == [each.sid for each in opened[:PAGE]]
        begun = Session.begin(subject, new(), now=NOW + 301)
        second = store.open_session(begun, refuse_until=live_until(NOW), max_sessions=2)
        assert [each.sid for each in second.ended] == [each.sid for each in opened[PAGE:]]

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

    # ── last seen ─────────────────────────────────────────────────────────────────────

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
