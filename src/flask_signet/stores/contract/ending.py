"""Ending one session, and all sessions of a subject."""

from __future__ import annotations

import pytest

from ...sessions.session import Lives, Presented, Rotation, Session, Successor
from ...sessions.store import Follower, SessionStore
from .hands import DAY, HOUR, MINUTE, NOW, TICK, Hands, live_until, new


class Ending(Hands):
    """Ending one session, and all sessions of a subject."""

    # ── ending one session ────────────────────────────────────────────────────────────

    def test_an_ended_session_is_gone(
        self, store: SessionStore, subject: str, follower: Follower
    ) -> None:
        session = self.login(store, subject, jti="first")
        assert self.logout(store, session.sid) == session
        assert store.find_session(session.sid, now=NOW) is None
        assert self.rotate(store, session.sid, "first", "second") == Rotation("gone")
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

    # ── ending all sessions of a subject ──────────────────────────────────────────────

    def test_logged_out_everywhere_every_session_is_gone(
        self, store: SessionStore, subject: str, follower: Follower
    ) -> None:
        sessions = [self.login(store, subject, NOW, jti="first") for _ in range(3)]
        self.logout_everywhere(store, subject, NOW)
        assert self.sids(store, subject) == []
        for session in sessions:
            assert store.find_session(session.sid, now=NOW) is None
            assert self.rotate(store, session.sid, "first", "x") == Rotation("gone")
            assert self.rotate(store, session.sid, "never", "x") == Rotation("gone")
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
        later = NOW + 2 * MINUTE
        store.end_sessions(subject, now=NOW, expires_at=NOW + MINUTE)
        assert store.find_session(session.sid, now=later) is None
        while store.prune(now=later).more:
            pass
        assert store.find_session(session.sid, now=later) is None
        assert self.rotate(store, session.sid, "first", "x", later) == Rotation("gone")

    def test_the_cost_of_listing_does_not_depend_on_sessions_that_were_ended_everywhere(
        self, store: SessionStore, subject: str
    ) -> None:
        for number in range(5):
            self.login(store, subject, NOW + number)
        self.logout_everywhere(store, subject, NOW + 5)
        kept = self.login(store, subject, NOW + 6)
        assert self.sids(store, subject, NOW + 6) == [kept.sid]

    # ── how long what ended is remembered ─────────────────────────────────────────────

    @pytest.mark.parametrize("how", ["end_session", "unknown", "reuse", "max_sessions", "adopt"])
    def test_a_session_is_refused_as_long_as_the_longest_token_ever_given_out(
        self, store: SessionStore, subject: str, how: str
    ) -> None:
        store.cover(Lives(of_session=5.0, of_token=5.0))
        store.cover(Lives(of_session=1.0, of_token=1.0))
        sid = new("sid")
        if how != "unknown":
            sid = self.login(store, subject, jti="first").sid
        if how in ("end_session", "unknown"):
            store.end_session(sid, now=NOW, refuse_until=NOW + 1)
        elif how == "reuse":
            successor = Successor(new(), NOW + DAY)
            store.rotate(sid, "x", successor, now=NOW, grace=0, refuse_until=NOW + 1)
        elif how == "max_sessions":
            begun = Session.begin(subject, new(), now=NOW)
            store.open_session(begun, refuse_until=NOW + 1, max_sessions=1)
        else:
            store.adopt(
                self.adopted(subject, new()),
                issued_at=NOW,
                token_expires_at=NOW + DAY,
                grace=0,
                refuse_until=NOW + 1,
                max_sessions=1,
            )
        assert store.is_revoked(Presented(sid=sid), now=NOW + 5 - TICK)
        assert not store.is_revoked(Presented(sid=sid), now=NOW + 5 + TICK)

    def test_a_subject_is_refused_as_long_as_the_longest_token_ever_given_out(
        self, store: SessionStore, subject: str
    ) -> None:
        store.cover(Lives(of_session=1.0, of_token=8.0))
        store.end_sessions(subject, now=NOW, expires_at=NOW + 1)
        asked = Presented(subject=subject, issued_at=NOW)
        assert store.is_revoked(asked, now=NOW + 8 - TICK)
        assert not store.is_revoked(asked, now=NOW + 8 + TICK)

    def test_an_unknown_subject_has_no_sessions_and_can_be_logged_out(
        self, store: SessionStore, subject: str
    ) -> None:
        assert store.list_sessions(subject, now=NOW) == []
        self.logout_everywhere(store, subject)
        assert store.list_sessions(subject, now=NOW) == []
