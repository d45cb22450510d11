"""Adoption: a session for a refresh token that was issued without one."""

from __future__ import annotations

from ...sessions.session import Presented, Rotation, partition
from ...sessions.store import Follower, SessionStore
from .hands import DAY, GRACE, NOW, TICK, Hands, new


class Adopting(Hands):
    """Adoption: a session for a refresh token that was issued without one."""

    def test_a_token_from_before_opens_a_session_and_is_revoked(
        self, store: SessionStore, subject: str, follower: Follower
    ) -> None:
        old = new()
        begun = self.adopted(subject, old, following="second")
        assert self.adopt(store, begun) == Rotation("rotated", begun)
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
        assert self.adopt(store, second, NOW + 5) == Rotation("replayed", first)
        assert self.sids(store, subject, NOW + 5) == [first.sid]

    def test_an_old_token_is_adopted_wherever_a_store_keeps_it(
        self, store: SessionStore, subject: str
    ) -> None:
        old = next(jti for jti in iter(new, "") if partition(jti) == partition(subject))
        begun = self.adopted(subject, old)
        assert self.adopt(store, begun) == Rotation("rotated", begun)
        assert self.sids(store, subject) == [begun.sid]

    def test_an_adoption_repeated_after_its_answer_got_lost_is_still_rotated(
        self, store: SessionStore, subject: str
    ) -> None:
        begun = self.adopted(subject, new())
        for _ in range(3):
            assert self.adopt(store, begun, grace=0) == Rotation("rotated", begun)

    def test_a_later_adopter_is_reuse(self, store: SessionStore, subject: str) -> None:
        old = new()
        first = self.adopted(subject, old, following="second")
        self.adopt(store, first)
        store.touch(first.sid, now=NOW, refresh_jti="second")
        first = self.found(store, first.sid)
        later = NOW + GRACE
        assert self.adopt(store, self.adopted(subject, old, later), later) == Rotation(
            "reused", first
        )
        assert self.adopt(store, self.adopted(subject, old, later), later) == Rotation("gone")
        assert self.sids(store, subject, later) == []
        assert store.is_revoked(Presented(sid=first.sid), now=later)

    def test_an_adopter_after_the_grace_gets_a_successor_that_nobody_has_seen(
        self, store: SessionStore, subject: str
    ) -> None:
        old = new()
        first = self.adopted(subject, old)
        self.adopt(store, first)
        later = self.adopted(subject, old, NOW + DAY)
        assert self.adopt(store, later, NOW + DAY) == Rotation("replayed", first)

    def test_an_adopter_after_the_successor_was_used_is_reuse_after_the_grace(
        self, store: SessionStore, subject: str
    ) -> None:
        old = new()
        first = self.adopted(subject, old, following="second")
        self.adopt(store, first)
        self.rotate(store, first.sid, "second", "third")
        slow = self.adopt(store, self.adopted(subject, old))
        assert slow == Rotation("replayed", self.found(store, first.sid))
        later = NOW + GRACE
        assert self.adopt(store, self.adopted(subject, old, later), later).verdict == "reused"

    def test_an_old_token_that_was_revoked_is_not_adopted(
        self, store: SessionStore, subject: str
    ) -> None:
        for known in ("", subject):
            old = new()
            store.revoke_token(old, now=NOW, expires_at=NOW + DAY, subject=known)
            assert self.adopt(store, self.adopted(subject, old)) == Rotation("gone")
        assert self.sids(store, subject) == []

    def test_above_the_limit_an_adoption_ends_the_oldest_session(
        self, store: SessionStore, subject: str
    ) -> None:
        opened = [self.login(store, subject, NOW + number) for number in range(3)]
        adopted = self.adopt(store, self.adopted(subject, new(), NOW + 3), NOW + 3, max_sessions=2)
        assert adopted.verdict == "rotated"
        assert adopted.ended == (opened[0], opened[1])
        assert len(self.sids(store, subject, NOW + 3)) == 2
        assert store.is_revoked(Presented(sid=opened[0].sid), now=NOW + 3)

    def test_an_old_token_of_a_subject_logged_out_everywhere_is_not_adopted(
        self, store: SessionStore, subject: str
    ) -> None:
        self.logout_everywhere(store, subject, NOW)
        old = self.adopted(subject, new(), NOW + 1)
        assert self.adopt(store, old, NOW + 1, issued_at=NOW) == Rotation("gone")
        assert self.adopt(store, old, NOW + 1, issued_at=NOW + TICK).verdict == "rotated"

    def test_an_old_token_that_has_expired_is_not_adopted(
        self, store: SessionStore, subject: str
    ) -> None:
        assert self.adopt(store, self.adopted(subject, new()), lives=0) == Rotation("gone")

    def test_an_old_token_is_not_adopted_again_after_its_session_ended(
        self, store: SessionStore, subject: str
    ) -> None:
        old = new()
        begun = self.adopted(subject, old)
        self.adopt(store, begun)
        self.logout(store, begun.sid)
        assert self.adopt(store, self.adopted(subject, old)) == Rotation("gone")
