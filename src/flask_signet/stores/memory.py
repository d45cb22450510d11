"""Sessions in this process's memory: for tests, and for development with one process.

Every process has its own store, and nothing outlives the process. The rules are those of all
stores, so this is also the shortest way to read
:class:`~flask_signet.sessions.store.SessionStore`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from ..forks import own_rlock
from ..sessions.session import (
    MAX_SUBJECT,
    PAGE,
    SEEN_EVERY,
    Kind,
    Lives,
    Opened,
    Place,
    Presented,
    Revocation,
    Rotation,
    Session,
    Successor,
    checked_memo,
    checked_rotation,
    ended_by,
    is_still_good,
    microseconds,
    seconds,
    stored_id,
    with_replaced,
)
from ..sessions.store import Finding, Pruned, Synced, Upgraded

_SCHEMA = 1


class MemoryStore:
    """A :class:`~flask_signet.sessions.store.SessionStore` behind one lock."""

    def __init__(self) -> None:
        self._lock = own_rlock()
        self._sessions: dict[str, Session] = {}  # by sid
        self._of_subject: dict[str, set[str]] = {}  # the sids of each subject
        self._numbers: dict[tuple[Kind, str], int] = {}  # of each entry, by kind and value
        self._entries: dict[int, Revocation] = {}  # by number, ascending
        self._last = 0  # the number of the newest entry
        self._epoch = secrets.token_urlsafe(16)
        self._lives = Lives()
        self._documents: dict[str, tuple[str, int]] = {}  # the keys, by their owner's name

    # ── the life of a session ────────────────────────────────────────────────────────────

    def open_session(
        self, session: Session, *, refuse_until: float, max_sessions: int = 0
    ) -> Opened:
        """See :meth:`.SessionStore.open_session`."""
        now = session.created_at
        with self._lock():
            session = self._keep(session)
            return Opened(session, self._end_surplus(session, now, max_sessions, refuse_until))

    def _end_surplus(
        self, session: Session, now: float, max_sessions: int, refuse_until: float
    ) -> tuple[Session, ...]:
        """End the oldest sessions of a subject who has too many: them, the oldest first."""
        if not max_sessions:
            return ()
        oldest_first = self._live(session.subject, now)[max_sessions:][::-1]
        for each in oldest_first[:PAGE]:
            self._end(each, now, refuse_until)
        return tuple(oldest_first[:PAGE])

    def rotate(
        self,
        sid: str,
        jti: str,
        successor: Successor,
        *,
        now: float,
        grace: float,
        refuse_until: float,
    ) -> Rotation:
        """See :meth:`.SessionStore.rotate`."""
        jti, successor = stored_id(jti), checked_rotation(jti, successor)
        with self._lock():
            session = self.find_session(sid, now=now)
            if session is None:
                return Rotation("gone")
            if session.jti == successor.jti:
                return Rotation("rotated")
            if session.jti != jti:
                return self._refuse(session, jti, now, grace, refuse_until)
            if session.memo != successor.memo_before:
                return Rotation("changed", session)
            now = seconds(microseconds(now))
            self._sessions[session.sid] = replace(
                session,
                jti=successor.jti,
                previous_jti=jti,
                replaced=with_replaced(session.replaced, jti, now),
                unseen=True,
                rotated_at=now,
                last_seen_at=now,
                expires_at=min(successor.expires_at, session.absolute_expires_at),
                memo=successor.memo,
                last_device=successor.device,
            )
        return Rotation("rotated")

    def adopt(
        self,
        session: Session,
        *,
        issued_at: float,
        token_expires_at: float,
        grace: float,
        refuse_until: float,
        max_sessions: int = 0,
    ) -> Rotation:
        """See :meth:`.SessionStore.adopt`."""
        now, jti = session.created_at, session.previous_jti
        with self._lock():
            if self.is_revoked(Presented(jti=jti), now=now):
                found = self.find_session(session.sid, now=now)
                if found is None:
                    return Rotation("gone")
                if found.jti == session.jti:
                    return Rotation("rotated", found)
                return self._refuse(found, jti, now, grace, refuse_until)
            owner = Presented(subject=session.subject, issued_at=issued_at)
            gone = self.is_revoked(owner, now=now)
            if gone or not self.revoke_token(jti, now=now, expires_at=token_expires_at):
                return Rotation("gone")
            opened = self._keep(session)
            ended = self._end_surplus(opened, now, max_sessions, refuse_until)
            return Rotation("rotated", opened, ended)

    def end_session(
        self, sid: str, *, now: float, refuse_until: float, subject: str = ""
    ) -> Session | None:
        """See :meth:`.SessionStore.end_session`."""
        sid, subject = stored_id(sid), stored_id(subject, MAX_SUBJECT)
        with self._lock():
            kept = self._sessions.get(sid)
            if subject and (kept is None or kept.subject != subject):
                return None
            live = self.find_session(sid, now=now)
            if kept is None:
                until = max(refuse_until, now + self._lives.of_session)
                self._revoke(Revocation("sid", sid, until))
            else:
                self._end(kept, now, refuse_until)
            return live

    def end_sessions(
        self, subject: str, *, now: float, expires_at: float, except_sid: str = ""
    ) -> None:
        """See :meth:`.SessionStore.end_sessions`."""
        subject = stored_id(subject, MAX_SUBJECT)
        with self._lock():
            spared = self.find_session(except_sid, now=now)
            spares = spared is not None and spared.subject == subject
            self._revoke(
                Revocation(
                    "subject",
                    subject,
                    max(expires_at, now + self._lives.of_token),
                    not_before=max(seconds(microseconds(now)), self._last_moment(subject)),
                    except_sid=stored_id(except_sid) if spares else "",
                )
            )
            self._drop_ended(subject, now)

    def find_session(self, sid: str, *, now: float) -> Session | None:
        """See :meth:`.SessionStore.find_session`."""
        with self._lock():
            session = self._sessions.get(stored_id(sid))
            if session is None or microseconds(session.expires_at) <= microseconds(now):
                return None
            entry = self._entry("subject", session.subject)
            ended = entry is not None and ended_by(session.created_at, session.sid, entry)
            return None if ended else session

    def list_sessions(
        self, subject: str, *, now: float, limit: int = PAGE, after: Place | None = None
    ) -> list[Session]:
        """See :meth:`.SessionStore.list_sessions`."""
        with self._lock():
            live = self._live(stored_id(subject, MAX_SUBJECT), now)
        if after is not None:
            live = [each for each in live if each.place < after]
        return live[:limit]

    def _live(self, subject: str, now: float) -> list[Session]:
        """All live sessions of a subject, the newest first."""
        sids = self._of_subject.get(subject, ())
        found = (self.find_session(sid, now=now) for sid in sids)
        return sorted(
            (each for each in found if each is not None), key=lambda each: each.place, reverse=True
        )

    def touch(self, sid: str, *, now: float, refresh_jti: str = "") -> None:
        """See :meth:`.SessionStore.touch`."""
        with self._lock():
            session = self.find_session(sid, now=now)
            if session is None:
                return
            if session.unseen and session.jti == stored_id(refresh_jti):
                session = replace(session, unseen=False)
            if now >= session.last_seen_at + SEEN_EVERY:
                session = replace(session, last_seen_at=seconds(microseconds(now)))
            self._sessions[session.sid] = session

    def change_memo(self, sid: str, *, now: float, before: str, memo: str) -> bool:
        """See :meth:`.SessionStore.change_memo`."""
        memo = checked_memo(memo)
        with self._lock():
            session = self.find_session(sid, now=now)
            if session is None or session.memo not in (before, memo):
                return False
            self._sessions[session.sid] = replace(session, memo=memo)
        return True

    def _keep(self, session: Session) -> Session:
        if session.sid in self._sessions:
            return self._sessions[session.sid]
        session = session.opened_after(self._last_moment(session.subject))
        self._sessions[session.sid] = session
        self._of_subject.setdefault(session.subject, set()).add(session.sid)
        return session

    def _last_moment(self, subject: str) -> float:
        """When the subject last logged in, or was logged out everywhere; 0 for never."""
        entry = self._entry("subject", subject)
        opened = (self._sessions[sid].created_at for sid in self._of_subject.get(subject, ()))
        return max(entry.not_before if entry else 0.0, *opened, 0.0)

    def _refuse(
        self, session: Session, jti: str, now: float, grace: float, refuse_until: float
    ) -> Rotation:
        """The verdict on a token that is not the session's current one."""
        if is_still_good(session, jti, now, grace):
            return Rotation("replayed", session)
        self._end(session, now, refuse_until)
        return Rotation("reused", session)

    def _end(self, session: Session, now: float, refuse_until: float) -> None:
        self._drop(session)
        until = session.refused_until(refuse_until, now, self._lives.of_session)
        self._revoke(Revocation("sid", session.sid, until))

    def _drop(self, session: Session) -> None:
        del self._sessions[session.sid]
        siblings = self._of_subject[session.subject]
        siblings.discard(session.sid)
        if not siblings:
            del self._of_subject[session.subject]

    # ── what is refused ──────────────────────────────────────────────────────────────────

    def cover(self, lives: Lives) -> None:
        """See :meth:`.SessionStore.cover`."""
        with self._lock():
            self._lives = self._lives.longest(lives)

    def revoke_token(
        self,
        jti: str,
        *,
        now: float,
        expires_at: float,
        subject: str = "",
        expiry_is_known: bool = True,
    ) -> bool:
        """See :meth:`.SessionStore.revoke_token`."""
        with self._lock():
            if not expiry_is_known:
                expires_at = max(expires_at, now + self._lives.of_token)
            if microseconds(expires_at) <= microseconds(now):
                return False
            known = self.is_revoked(Presented(jti=jti), now=now)
            self._revoke(Revocation("jti", stored_id(jti), expires_at))
            return not known

    def is_revoked(self, presented: Presented, *, now: float) -> bool:
        """See :meth:`.SessionStore.is_revoked`."""
        with self._lock():
            ids: tuple[tuple[Kind, str], ...] = (("jti", presented.jti), ("sid", presented.sid))
            # An empty id is none, so no entry is its own.
            named = (self._entry(kind, stored_id(value)) for kind, value in ids if value)
            if any(entry and _in_force(entry, now) for entry in named):
                return True
            everywhere = self._entry("subject", stored_id(presented.subject, MAX_SUBJECT))
        return (
            everywhere is not None
            and _in_force(everywhere, now)
            and ended_by(presented.issued_at, stored_id(presented.sid), everywhere)
        )

    def follow(self) -> MemoryFollower:
        """See :meth:`.SessionStore.follow`."""
        return MemoryFollower(self)

    def _entry(self, kind: Kind, value: str) -> Revocation | None:
        number = self._numbers.get((kind, value))
        return None if number is None else self._entries[number]

    def _revoke(self, entry: Revocation) -> None:
        before = self._entry(entry.kind, entry.value)
        if before is not None:
            entry = entry._replace(expires_at=max(entry.expires_at, before.expires_at))
            del self._entries[self._numbers[entry.kind, entry.value]]
        self._last += 1
        self._numbers[entry.kind, entry.value] = self._last
        self._entries[self._last] = entry

    def _since(self, number: int, limit: int) -> tuple[list[Revocation], int]:
        with self._lock():
            later = (each for each in range(number + 1, self._last + 1) if each in self._entries)
            found = list(islice(later, limit))
            entries = [self._entries[each] for each in found]
            return entries, (found[-1] if len(found) == limit else self._last)

    # ── what the operator does ───────────────────────────────────────────────────────────

    def prune(self, *, now: float, batch: int = 500) -> Pruned:
        """See :meth:`.SessionStore.prune`."""
        now = min(now, time.time())
        with self._lock():
            sessions = self._expired_sessions(now)
            for session in sessions[:batch]:
                self._drop(session)
            entries = [each for each in self._entries.values() if not _in_force(each, now)]
            for entry in entries[:batch]:
                self._forget(entry, now)
        more = len(sessions) > batch or len(entries) > batch
        return Pruned(min(len(sessions), batch), min(len(entries), batch), more)

    def _expired_sessions(self, now: float) -> list[Session]:
        limit = microseconds(now)
        return [each for each in self._sessions.values() if microseconds(each.expires_at) <= limit]

    def _forget(self, entry: Revocation, now: float) -> None:
        if entry.kind == "subject":
            # The sessions that the entry ended are removed before it: without it they would be
            # live again.
            self._drop_ended(entry.value, now)
        del self._entries[self._numbers.pop((entry.kind, entry.value))]

    def _drop_ended(self, subject: str, now: float) -> None:
        for sid in list(self._of_subject.get(subject, ())):
            if self.find_session(sid, now=now) is None:
                self._drop(self._sessions[sid])

    def check(self) -> list[Finding]:
        """See :meth:`.SessionStore.check`."""
        return [
            Finding(
                level="warning",
                code="not_shared",
                message="memory:// keeps sessions in one process, and loses them with it",
                mend="use sqlite:///path on one machine, or postgresql://, mysql:// or redis://",
            )
        ]

    def load_keys(self, name: str = "") -> tuple[str, int]:
        """See :meth:`.KeyStore.load_keys`."""
        with self._lock():
            return self._documents.get(name, ("", 0))

    def save_keys(self, text: str, *, after: int, name: str = "") -> bool:
        """See :meth:`.KeyStore.save_keys`."""
        with self._lock():
            if self._documents.get(name, ("", 0))[1] == after:
                self._documents[name] = text, after + 1
            return self._documents.get(name) == (text, after + 1)

    def upgrade(self, *, now: float | None = None, first: bool = False) -> Upgraded:
        """See :meth:`.SessionStore.upgrade`. There is nothing to make."""
        return Upgraded(_SCHEMA, _SCHEMA)

    def close(self) -> None:
        """See :meth:`.SessionStore.close`."""

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self._sessions)} sessions>"


class MemoryFollower:
    """A :class:`~flask_signet.sessions.store.Follower` of a :class:`MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._read = 0

    def poll(self) -> Sequence[Revocation]:
        """See :meth:`.Follower.poll`."""
        return self.sync().entries

    def sync(self, *, limit: int = 10_000) -> Synced:
        """See :meth:`.Follower.sync`."""
        entries, self._read = self._store._since(self._read, limit)
        return Synced(entries, self._read == self._store._last, self._store._epoch)

    def close(self) -> None:
        """See :meth:`.Follower.close`."""


def _in_force(entry: Revocation, now: float) -> bool:
    return microseconds(now) < microseconds(entry.expires_at)
