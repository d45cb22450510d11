"""What the operator does, and the application's keys."""

from __future__ import annotations

import time

import pytest

from ...sessions.session import Presented
from ...sessions.store import KeyStore, Pruned, SessionStore, Upgraded
from .hands import DAY, HOUR, NOW, TICK, Hands, new


class Operating(Hands):
    """What the operator does, and the application's keys."""

    # ── the application's keys, if it can keep them ───────────────────────────────────

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

    def test_each_owner_has_keys_of_its_own(self, store: SessionStore) -> None:
        if not isinstance(store, KeyStore):
            return
        first, second = new("ä/partner:"), new("partner")
        unnamed = store.load_keys()
        assert store.load_keys(first) == store.load_keys(second) == ("", 0)
        assert store.save_keys("the first's", after=0, name=first)
        assert not store.save_keys("another", after=0, name=first)
        assert store.load_keys(second) == ("", 0)
        assert store.save_keys("the second's", after=0, name=second)
        assert store.save_keys("the first's next", after=1, name=first)
        assert store.load_keys(first) == ("the first's next", 2)
        assert store.load_keys(second) == ("the second's", 1)
        assert store.load_keys() == unnamed

    def test_saving_keys_again_after_the_answer_got_lost_is_done(self, store: SessionStore) -> None:
        if not isinstance(store, KeyStore):
            return
        _, version = store.load_keys()
        document = new("document")
        assert store.save_keys(document, after=version)
        assert store.save_keys(document, after=version)
        assert store.load_keys() == (document, version + 1)

    # ── what the operator does ────────────────────────────────────────────────────────

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

    @pytest.mark.parametrize(("sessions", "tokens"), [(5, 1), (1, 5)])
    def test_while_there_is_more_of_either_kind_it_is_said(
        self, store: SessionStore, subject: str, sessions: int, tokens: int
    ) -> None:
        while store.prune(now=NOW + 1).more:
            pass
        for _ in range(sessions):
            self.login(store, subject, expires_at=NOW + 1)
        for _ in range(tokens):
            store.revoke_token(new(), now=NOW, expires_at=NOW + 1)
        assert store.prune(now=NOW + 1 - TICK) == Pruned(0, 0, False)
        while store.prune(now=NOW + 1, batch=3).more:
            pass
        assert store.prune(now=NOW + 1) == Pruned(0, 0, False)

    def test_an_entry_that_was_lengthened_is_pruned_once(self, store: SessionStore) -> None:
        while store.prune(now=NOW + 2).more:
            pass
        jti = new()
        for expires in (1, 2):
            store.revoke_token(jti, now=NOW, expires_at=NOW + expires)
        assert store.prune(now=NOW + 1) == Pruned(0, 0, False)
        assert store.prune(now=NOW + 2) == Pruned(0, 1, False)

    def test_a_pruned_session_is_not_revoked(self, store: SessionStore, subject: str) -> None:
        session = self.login(store, subject, expires_at=NOW + 1)
        while store.prune(now=NOW + 1).more:
            pass
        assert store.find_session(session.sid, now=NOW + 1) is None
        assert not store.is_revoked(Presented(sid=session.sid), now=NOW)

    def test_a_clock_that_is_ahead_prunes_nothing_that_still_counts(
        self, store: SessionStore, subject: str
    ) -> None:
        now, jti, other = time.time(), new(), new("user")
        live, ended = self.login(store, subject, now), self.login(store, other, now)
        store.revoke_token(jti, now=now, expires_at=now + HOUR)
        self.logout_everywhere(store, other, now)
        while store.prune(now=now + 365 * DAY).more:
            pass
        assert store.is_revoked(Presented(jti=jti), now=now)
        assert store.is_revoked(Presented(subject=other, issued_at=now), now=now)
        assert self.sids(store, subject, now) == [live.sid]
        assert store.find_session(ended.sid, now=now) is None

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
