"""Rotation: one token is current, and one verdict for each that is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ...sessions.session import (
    ENTRY_LENGTH,
    MAX_MEMO,
    MAX_REPLACED,
    MAX_USER_AGENT,
    Device,
    Presented,
    Rotation,
    replaced_entry,
)
from ...sessions.store import Follower, SessionStore
from .hands import DAY, GRACE, HOUR, NOW, ODD_TEXTS, TICK, Hands, live_until


class Rotating(Hands):
    """Rotation: one token is current, and one verdict for each that is not."""

    def test_the_current_token_rotates(self, store: SessionStore, subject: str) -> None:
        before = self.login(store, subject, jti="first")
        assert self.rotate(
            store,
            before.sid,
            "first",
            "second",
            NOW + 5,
            memo="m",
            memo_before="",
            expires_at=NOW + 8 * DAY,
        ) == Rotation("rotated")
        assert store.find_session(before.sid, now=NOW + 5) == replace(
            before,
            jti="second",
            previous_jti="first",
            replaced=replaced_entry("first", NOW + 5),
            unseen=True,
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
            assert self.rotate(store, session.sid, "first", "second", grace=0) == Rotation(
                "rotated"
            )
        assert self.found(store, session.sid, NOW).previous_jti == "first"

    def test_a_replay_within_the_grace_gets_the_same_successor(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first", memo="the memo")
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

    def test_a_replay_at_the_end_of_the_grace_is_reuse_once_the_successor_was_seen(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW)
        store.touch(session.sid, now=NOW, refresh_jti="second")
        assert self.rotate(store, session.sid, "first", "x", NOW + GRACE).verdict == "reused"

    @pytest.mark.parametrize("later", [GRACE, 90, DAY, 7 * DAY - 1])
    def test_the_token_just_replaced_is_good_until_its_successor_was_seen(
        self, store: SessionStore, subject: str, later: float
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW)
        current = self.found(store, session.sid)
        for _ in range(2):
            replay = self.rotate(store, session.sid, "first", "x", NOW + later)
            assert replay == Rotation("replayed", current)
        assert self.rotate(store, session.sid, "second", "third", NOW + later).verdict == "rotated"

    def test_the_successor_was_seen_when_it_was_rotated(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW)
        self.rotate(store, session.sid, "second", "third", NOW)
        assert self.rotate(store, session.sid, "first", "x", NOW + GRACE).verdict == "reused"

    @pytest.mark.parametrize("other", ["first", "never", ""])
    def test_a_use_of_another_token_does_not_show_the_successor(
        self, store: SessionStore, subject: str, other: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW)
        store.touch(session.sid, now=NOW + HOUR, refresh_jti=other)
        assert self.found(store, session.sid).unseen
        assert self.rotate(store, session.sid, "first", "x", NOW + HOUR).verdict == "replayed"

    def test_a_use_of_the_successor_is_noted_whenever_the_session_was_last_seen(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW)
        store.touch(session.sid, now=NOW + 1, refresh_jti="second")
        found = self.found(store, session.sid)
        assert (found.unseen, found.last_seen_at) == (False, NOW)
        self.rotate(store, session.sid, "second", "third", NOW)
        store.touch(session.sid, now=NOW + HOUR, refresh_jti="third")
        found = self.found(store, session.sid)
        assert (found.unseen, found.last_seen_at) == (False, NOW + HOUR)

    def test_every_token_replaced_within_the_grace_gets_the_live_successor(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="0")
        for number in range(MAX_REPLACED):
            moment = NOW + number * TICK
            self.rotate(store, session.sid, str(number), str(number + 1), moment)
        current = self.found(store, session.sid)
        assert current.jti == str(MAX_REPLACED)
        for number in range(MAX_REPLACED):
            replay = self.rotate(store, session.sid, str(number), "x", NOW + GRACE - TICK)
            assert replay == Rotation("replayed", current)

    def test_a_token_replaced_longer_ago_than_the_grace_is_reuse_though_later_ones_are_not(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW)
        self.rotate(store, session.sid, "second", "third", NOW + 5)
        at = NOW + GRACE
        assert self.rotate(store, session.sid, "second", "x", at).verdict == "replayed"
        assert self.rotate(store, session.sid, "first", "x", at).verdict == "reused"

    def test_a_session_remembers_a_bounded_number_of_replaced_tokens(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="0")
        for number in range(MAX_REPLACED + 1):
            self.rotate(store, session.sid, str(number), str(number + 1))
        assert len(self.found(store, session.sid).replaced) == MAX_REPLACED * ENTRY_LENGTH
        assert self.rotate(store, session.sid, "1", "x").verdict == "replayed"
        assert self.rotate(store, session.sid, "0", "x").verdict == "reused"

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
        store.touch(session.sid, now=NOW, refresh_jti="second")
        assert self.rotate(store, session.sid, "first", "x", NOW - HOUR).verdict == "reused"

    def test_without_grace_a_second_use_is_reuse(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", grace=0)
        assert self.rotate(store, session.sid, "first", "third", grace=0).verdict == "reused"

    def test_reuse_ends_the_session_and_says_which(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject, jti="first")
        self.rotate(store, session.sid, "first", "second", NOW)
        store.touch(session.sid, now=NOW, refresh_jti="second")
        current = store.find_session(session.sid, now=NOW)
        reuse = self.rotate(store, session.sid, "first", "x", NOW + HOUR)
        assert reuse == Rotation("reused", current)
        assert store.find_session(session.sid, now=NOW + HOUR) is None
        assert self.sids(store, subject, NOW + HOUR) == []
        assert self.rotate(store, session.sid, "second", "y", NOW + HOUR) == Rotation("gone")

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

    def test_a_token_that_the_session_never_had_is_reuse(
        self, store: SessionStore, subject: str
    ) -> None:
        # It verifies as the session's, so it was its token once; perhaps the store lost a rotation.
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
        assert self.rotate(store, odd, "first", "second") == Rotation("gone")
        assert store.find_session(odd, now=NOW) is None
        store.touch(odd, now=NOW)

    def test_an_expired_session_is_gone_and_not_reused(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first")
        later = NOW + 7 * DAY
        assert self.rotate(store, session.sid, "first", "x", later) == Rotation("gone")
        assert self.rotate(store, session.sid, "other", "x", later) == Rotation("gone")
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

    def test_the_client_of_the_last_rotation_is_kept_beside_that_of_the_login(
        self, store: SessionStore, subject: str
    ) -> None:
        first = Device("Firefox", "192.0.2.1", "laptop")
        session = self.login(store, subject, jti="first", device=first)
        assert self.found(store, session.sid).last_device == Device("Firefox", "192.0.2.1")
        second = Device("Fire\0fox" + "x" * 1000, "2001:db8::1", "ignored")
        self.rotate(store, session.sid, "first", "second", device=second)
        found = self.found(store, session.sid)
        assert found.device == first
        kept = ("Fire?fox" + "x" * 1000)[:MAX_USER_AGENT]
        assert found.last_device == Device(kept, "2001:db8::1")

    # ── what the log-in decided ──────────────────────────────────────────────────────────

    def test_a_rotation_that_does_not_know_the_memo_writes_nothing_and_is_told_it(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, jti="first", memo="the memo")
        changed = self.rotate(store, session.sid, "first", "second", memo="m", memo_before="other")
        assert changed == Rotation("changed", session)
        assert self.found(store, session.sid) == session
        rotated = self.rotate(store, session.sid, "first", "second", memo="the memo")
        assert rotated == Rotation("rotated")
        assert self.found(store, session.sid).memo == "the memo"

    def test_a_replay_does_not_ask_for_the_memo(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject, jti="first", memo="the memo")
        self.rotate(store, session.sid, "first", "second", memo="the memo")
        assert self.rotate(store, session.sid, "first", "x").verdict == "replayed"
        store.touch(session.sid, now=NOW, refresh_jti="second")
        assert self.rotate(store, session.sid, "first", "x", NOW + GRACE).verdict == "reused"

    def test_a_memo_is_changed_by_the_one_who_knows_it(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, memo="one")
        assert not store.change_memo(session.sid, now=NOW, before="other", memo="two")
        assert self.found(store, session.sid) == session
        for _ in range(2):  # the second is a repetition whose answer got lost
            assert store.change_memo(session.sid, now=NOW, before="one", memo="tŵo")
        assert self.found(store, session.sid) == replace(session, memo="tŵo")

    def test_the_memo_of_a_session_that_is_not_live_is_not_changed(
        self, store: SessionStore, subject: str
    ) -> None:
        session = self.login(store, subject, memo="one")
        later = NOW + 7 * DAY
        assert not store.change_memo(session.sid, now=later, before="one", memo="two")
        assert not store.change_memo(session.sid, now=later, before="other", memo="one")
        self.logout(store, session.sid)
        assert not store.change_memo(session.sid, now=NOW, before="one", memo="two")

    def test_a_memo_that_is_too_long_is_a_mistake(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject)
        with pytest.raises(ValueError, match="memo"):
            store.change_memo(session.sid, now=NOW, before="", memo="x" * (MAX_MEMO + 1))
        longest = "ü" * MAX_MEMO
        assert store.change_memo(session.sid, now=NOW, before="", memo=longest)
        assert self.found(store, session.sid).memo == longest
