"""Sessions in Redis or Valkey, from version 6 on: one server, Sentinel, or Cluster.

Everything lies in 64 partitions, each in one slot of a Cluster. A session, its siblings and its
subject's entry share a partition, which the first character of the ``sid`` names. One Lua script on
one partition makes each decision; it also writes the entry to the partition's list and log, and
publishes it.

A partition has an epoch from ``upgrade`` on. Without one it was emptied, or never set up: then
nothing can be said of any token, and every operation raises. That sessions are gone would be safe;
that revoked tokens would be taken again is not. The same holds if the server threw away a
partition's list. Sessions of an earlier epoch are gone. When a partition is made anew, all of them
learn that the store's memory begins then: what was issued before is refused.

Only a primary is asked. A replica may be behind without end, and would not say so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ...exceptions import StoreUnavailableError
from ...sessions.session import (
    MAX_REPLACED_TEXT,
    MAX_SUBJECT,
    PAGE,
    SEEN_EVERY,
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
    latest_issue,
    microseconds,
    partition,
    replaced_entry,
    replaced_mark,
    seconds,
    stored_id,
)
from ...sessions.store import Finding, Pruned, Upgraded
from . import scripts, steps
from .check import check
from .follower import RedisFollower
from .rows import session_fields, to_session
from .server import NOT_SET_UP, PARTITIONS, Server
from .upgrade import cover, upgrade


class RedisStore:
    """A :class:`~flask_signet.sessions.store.SessionStore` in Redis.

    :param bind: ``redis://``, ``rediss://``, ``unix://`` (as redis-py reads them; ``valkey://``
        is the same), ``redis+sentinel://host:26379,host2/service/0``,
        ``redis+cluster://host:6379,host2``; or a client of redis-py's with
        ``decode_responses=True``, which has its own timeouts, and stays open.
    :param timeout: seconds that an operation takes at most.
    :param prefix: begins the name of every key: one for each application on a shared server.
    :raises ConfigurationError: if the URL or the client can't be used.
    """

    def __init__(self, bind: Any, *, timeout: float = 2.0, prefix: str = "signet") -> None:
        self.timeout = timeout
        self.prefix = prefix
        self._server = Server(bind, timeout, prefix)

    @property
    def client(self) -> Any:
        """redis-py's client."""
        return self._server.client

    @property
    def channel(self) -> str:
        """The channel on which revocations are published."""
        return self._server.channel

    def key(self, part: str, name: str) -> str:
        """The name of a key in a partition."""
        return self._server.key(part, name)

    def memory_of(self, part: str) -> list[str]:
        """The keys that a partition has from ``upgrade`` on."""
        return self._server.memory_of(part)

    # ── the life of a session ────────────────────────────────────────────────────────────

    def open_session(
        self, session: Session, *, refuse_until: float, max_sessions: int = 0
    ) -> Opened:
        """See :meth:`.SessionStore.open_session`."""
        now, until = session.last_seen_at, microseconds(refuse_until)
        row, *ended = self._server.run(
            scripts.OPEN,
            _part_of_sid(session.sid),
            now,
            until,
            max_sessions,
            *session_fields(session),
            row=session.sid,
        )
        asked = steps.Surplus(session.subject, max_sessions, now, until)
        return Opened(to_session(row), steps.end_surplus(self._server, asked, ended))

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
        sid, jti, successor = stored_id(sid), stored_id(jti), checked_rotation(jti, successor)
        verdict, *row = self._server.run(
            scripts.ROTATE,
            _part_of_sid(sid),
            now,
            jti,
            successor.jti,
            microseconds(successor.expires_at),
            successor.memo,
            successor.memo_before,
            replaced_entry(jti, now),
            MAX_REPLACED_TEXT,
            microseconds(grace),
            microseconds(refuse_until),
            successor.device.user_agent,
            successor.device.address,
            row=sid or "-",
        )
        return Rotation(verdict, to_session(row[0]) if row else None)

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
        jti, now = session.previous_jti, session.created_at
        if microseconds(token_expires_at) <= microseconds(now):
            return Rotation("gone")
        verdict, *row = self._server.run(
            scripts.ADOPT,
            _part_of_sid(session.sid),
            now,
            jti,
            session.jti,
            microseconds(issued_at),
            microseconds(token_expires_at),
            microseconds(grace),
            microseconds(refuse_until),
            session.subject,
            replaced_mark(jti),
            microseconds(latest_issue(issued_at)),
            *session_fields(session),
            row=session.sid,
        )
        if verdict == "adopted":
            # The script has revoked the token in the session's partition. `revoke_token` looks and
            # writes in the token's own partition, as a rule another one. The session is open
            # already when that happens: so there is no moment in which a revocation is missed.
            elsewhere = partition(jti) != _part_of_sid(session.sid)
            if elsewhere and not self.revoke_token(jti, now=now, expires_at=token_expires_at):
                self.end_session(session.sid, now=now, refuse_until=refuse_until)
                return Rotation("gone")
            verdict = "rotated"
        ended: tuple[Session, ...] = ()
        if verdict == "rotated" and max_sessions > 0:
            # Not before it is certain that the token was good: who has one that was revoked logs
            # nobody out with it.
            until = microseconds(refuse_until)
            asked = steps.Surplus(session.subject, max_sessions, now, until)
            ended = steps.end_surplus(self._server, asked)
        return Rotation(verdict, to_session(row[0]) if row else None, ended)

    def end_session(
        self, sid: str, *, now: float, refuse_until: float, subject: str = ""
    ) -> Session | None:
        """See :meth:`.SessionStore.end_session`."""
        sid = stored_id(sid)
        row = self._server.run(
            scripts.END,
            _part_of_sid(sid),
            now,
            sid,
            microseconds(refuse_until),
            stored_id(subject, MAX_SUBJECT),
            row=sid or "-",
        )
        self._server.wait_until_heard()
        return to_session(row) if row else None

    def end_sessions(
        self, subject: str, *, now: float, expires_at: float, except_sid: str = ""
    ) -> None:
        """See :meth:`.SessionStore.end_sessions`."""
        subject, except_sid = stored_id(subject, MAX_SUBJECT), stored_id(except_sid)
        # A last step that hangs takes the other half of the time.
        deadline = time.monotonic() + self.timeout / 2
        self._server.run(
            scripts.END_ALL,
            partition(subject),
            now,
            subject,
            microseconds(expires_at),
            # A session of another partition is another subject's, and not found in this one.
            row=except_sid,
        )
        # Its first step is the request that `wait_until_heard` would make.
        steps.drop_ended(self._server, subject, now, deadline)

    def find_session(self, sid: str, *, now: float) -> Session | None:
        """See :meth:`.SessionStore.find_session`."""
        sid = stored_id(sid)
        row = self._server.run(scripts.FIND, _part_of_sid(sid), now, row=sid or "-")
        return to_session(row) if row else None

    def list_sessions(
        self, subject: str, *, now: float, limit: int = PAGE, after: Place | None = None
    ) -> list[Session]:
        """See :meth:`.SessionStore.list_sessions`."""
        subject = stored_id(subject, MAX_SUBJECT)
        return steps.list_sessions(self._server, subject, now, limit, after)

    def touch(self, sid: str, *, now: float, refresh_jti: str = "") -> None:
        """See :meth:`.SessionStore.touch`."""
        sid = stored_id(sid)
        self._server.run(
            scripts.TOUCH,
            _part_of_sid(sid),
            now,
            microseconds(now - SEEN_EVERY),
            stored_id(refresh_jti),
            row=sid or "-",
        )

    def change_memo(self, sid: str, *, now: float, before: str, memo: str) -> bool:
        """See :meth:`.SessionStore.change_memo`."""
        sid, memo = stored_id(sid), checked_memo(memo)
        part = _part_of_sid(sid)
        answer = self._server.run(scripts.CHANGE_MEMO, part, now, before, memo, row=sid or "-")
        return bool(answer)

    # ── what is refused ──────────────────────────────────────────────────────────────────

    def cover(self, lives: Lives) -> None:
        """See :meth:`.SessionStore.cover`."""
        cover(self._server, lives)

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
        if expiry_is_known and microseconds(expires_at) <= microseconds(now):
            return False
        jti, until = stored_id(jti), microseconds(expires_at)
        is_new = self._server.run(
            scripts.REVOKE, partition(jti), now, jti, until, int(expiry_is_known)
        )
        self._server.wait_until_heard()
        return bool(is_new)

    def is_revoked(self, presented: Presented, *, now: float) -> bool:
        """See :meth:`.SessionStore.is_revoked`."""
        jti, sid = stored_id(presented.jti), stored_id(presented.sid)
        subject = stored_id(presented.subject, MAX_SUBJECT)
        members = _members(jti, sid, subject)
        born_at, expiries, everywhere = self._look_up(members, subject)
        if latest_issue(presented.issued_at) < born_at:
            return True
        in_force = [expiry is not None and expiry > microseconds(now) for expiry in expiries]
        # The subject's entry is the last. It alone depends on when the session was opened.
        if any(in_force[:-1] if subject else in_force):
            return True
        if not subject or not in_force[-1] or everywhere is None:
            return False
        not_before, _, spared = everywhere.partition(":")
        entry = Revocation("subject", subject, 0, seconds(int(not_before)), spared)
        return ended_by(presented.issued_at, sid, entry)

    def _look_up(
        self, members: Sequence[tuple[str, str]], subject: str
    ) -> tuple[float, list[float | None], str | None]:
        """The store's birth, the expiry of each member, the subject's value in ``subjects``.

        One round trip.
        """
        server = self._server
        # Of a token that says nothing of itself there is no member, but it has an age.
        parts = sorted({part for part, _ in members}) or [PARTITIONS[0]]
        with server.failing():
            pipeline = server.pipeline()
            for part in parts:
                pipeline.exists(*server.memory_of(part))
            for part in parts:
                pipeline.hget(server.key(part, "meta"), "born")
            for part, member in members:
                pipeline.zscore(server.key(part, "revoked"), member)
            if subject:
                pipeline.hget(server.key(partition(subject), "subjects"), subject)
            answers = server.primary_answers(pipeline, parts[0])
        count = len(parts)
        if any(found < 3 for found in answers[:count]):
            raise StoreUnavailableError(NOT_SET_UP)
        born_at = seconds(max(int(born or 0) for born in answers[count : 2 * count]))
        expiries = answers[2 * count :][: len(members)]
        return born_at, expiries, (answers[-1] if subject else None)

    def follow(self) -> RedisFollower:
        """See :meth:`.SessionStore.follow`."""
        return RedisFollower(self._server)

    # ── what the operator does ───────────────────────────────────────────────────────────

    def prune(self, *, now: float, batch: int = 500) -> Pruned:
        """See :meth:`.SessionStore.prune`."""
        return steps.prune(self._server, now, batch)

    def check(self) -> list[Finding]:
        """See :meth:`.SessionStore.check`."""
        return check(self._server)

    def upgrade(self, *, now: float | None = None, first: bool = False) -> Upgraded:
        """See :meth:`.SessionStore.upgrade`.

        A partition without an epoch gets a new one; the others keep theirs.
        """
        return upgrade(self._server, now=time.time() if now is None else now, first=first)

    # ── the application's keys ───────────────────────────────────────────────────────────

    def load_keys(self, name: str = "") -> tuple[str, int]:
        """See :meth:`.KeyStore.load_keys`."""
        with self._server.failing():
            pipeline = self._server.pipeline()
            pipeline.hmget(self._server.document(name), "document", "version")
            [(text, version)] = self._server.primary_answers(pipeline, PARTITIONS[0])
        return text or "", int(version or 0)

    def save_keys(self, text: str, *, after: int, name: str = "") -> bool:
        """See :meth:`.KeyStore.save_keys`."""
        with self._server.failing():
            keys = [self._server.document(name)]
            return bool(self._server.evaluate(scripts.SAVE_KEYS, keys, text, after))

    def close(self) -> None:
        """See :meth:`.SessionStore.close`."""
        self._server.close()

    def __repr__(self) -> str:
        return f"<RedisStore {self.prefix}>"


def _part_of_sid(sid: str) -> str:
    return sid[0] if sid and sid[0] in PARTITIONS else partition(sid)


def _members(jti: str, sid: str, subject: str) -> list[tuple[str, str]]:
    """The members of ``revoked`` that could refuse a token, each after its partition.

    The subject's is the last.
    """
    members = []
    if jti:
        members.append((partition(jti), f"jti:{jti}"))
    if jti and subject:  # the script that adopts a token revokes it in its subject's partition
        members.append((partition(subject), f"jti:{jti}"))
    if sid:
        members.append((_part_of_sid(sid), f"sid:{sid}"))
    if subject:
        members.append((partition(subject), f"subject:{subject}"))
    return members
