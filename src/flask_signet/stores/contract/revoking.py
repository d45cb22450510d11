"""The list of revocations: what it refuses, and how a follower learns of it."""

from __future__ import annotations

from typing import Any

import pytest

from ...sessions.session import NEVER, Lives, Presented, Revocation
from ...sessions.store import Follower, SessionStore
from .hands import DAY, HOUR, MINUTE, NOW, ODD_TEXTS, TICK, Hands, new


class Revoking(Hands):
    """The list of revocations: what it refuses, and how a follower learns of it."""

    # ── revoked tokens ────────────────────────────────────────────────────────────────

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

    def test_an_entry_for_an_empty_id_refuses_nothing(self, store: SessionStore) -> None:
        store.revoke_token("", now=NOW, expires_at=NOW + HOUR)
        store.end_session("", now=NOW, refuse_until=NOW + HOUR)
        assert not store.is_revoked(Presented(jti=new()), now=NOW)
        assert not store.is_revoked(Presented(sid=new()), now=NOW)

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

    # ── following ─────────────────────────────────────────────────────────────────────

    def test_a_token_of_which_no_expiry_is_known_is_refused_as_long_as_any_lives(
        self, store: SessionStore
    ) -> None:
        guessed, known = new(), new()
        store.cover(Lives(of_session=1.0, of_token=8.0))
        store.revoke_token(guessed, now=NOW, expires_at=NOW + 1, expiry_is_known=False)
        store.revoke_token(known, now=NOW, expires_at=NOW + 1)
        assert store.is_revoked(Presented(jti=guessed), now=NOW + 8 - TICK)
        assert not store.is_revoked(Presented(jti=known), now=NOW + 1)

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
