"""What the contract's tests share: times, odd texts, and short ways to call a store."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Final

import pytest

from ...sessions.session import Rotation, Session, Successor
from ...sessions.store import Follower, SessionStore

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


class Hands:
    """The fixtures and the short ways. ``subject`` is one that no other test uses."""

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
        max_sessions: int = 0,
    ) -> Rotation:
        return store.adopt(
            session,
            issued_at=issued_at,
            token_expires_at=now + lives,
            grace=grace,
            refuse_until=live_until(now),
            max_sessions=max_sessions,
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
