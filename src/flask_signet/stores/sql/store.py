"""Sessions in a SQL database: SQLite, PostgreSQL, MariaDB or MySQL, by SQLAlchemy Core.

Every verdict is the row count of one conditional write that commits by itself. What must happen
together (a session goes, its ``sid`` is revoked) is one transaction.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Engine, Row, insert
from sqlalchemy.exc import IntegrityError

from ...sessions.session import (
    MAX_SUBJECT,
    SEEN_EVERY,
    Opened,
    Presented,
    Revocation,
    Rotation,
    Session,
    Successor,
    checked_memo,
    checked_rotation,
    is_still_good,
    microseconds,
    replaced_entry,
    seconds,
    stored_id,
)
from ...sessions.store import Finding, Pruned, Upgraded
from . import statements
from .check import check
from .database import Database, HasEngine
from .entries import next_number, write_entries, write_entry
from .follower import SqlFollower
from .prune import prune
from .rows import session_values, to_session
from .schema import keys_id, keys_table, sessions_table
from .upgrade import upgrade


class SqlStore:
    """A :class:`~flask_signet.sessions.store.SessionStore` in a database.

    :param bind: a URL; or an engine, or an object with one (Flask-SQLAlchemy's ``db``), whose
        pool it shares.
    :param timeout: seconds that an operation takes at most. It holds for a URL; an engine of
        the application's has the timeouts that the application gave it.
    :raises ConfigurationError: if the URL can't be used.
    """

    def __init__(self, bind: str | URL | Engine | HasEngine, *, timeout: float = 2.0) -> None:
        self.timeout = timeout
        self._database = Database(bind, timeout)

    @property
    def engine(self) -> Engine:
        """The engine. With Flask-SQLAlchemy it needs an application context at first use."""
        return self._database.engine

    @property
    def announces(self) -> bool:
        """Whether a follower's ``poll`` hears of a revocation; where not, ask at each check."""
        return self._database.announces

    # ── the life of a session ────────────────────────────────────────────────────────────

    def open_session(
        self, session: Session, *, refuse_until: float, max_sessions: int = 0
    ) -> Opened:
        """See :meth:`.SessionStore.open_session`."""

        def work(connection: Connection) -> Opened:
            opened = session.opened_after(_moments(connection, session.subject).last)
            connection.execute(self._database.kind.insert_session(), session_values(opened))
            ended: list[Session] = []
            if max_sessions:
                ended = self._end_surplus(connection, opened, max_sessions, refuse_until)
            return Opened(opened, tuple(ended))

        return self._database.join(work)

    def _end_surplus(
        self, connection: Connection, opened: Session, max_sessions: int, refuse_until: float
    ) -> list[Session]:
        # The new session is visible to all before this reads. So of any number of log-ins at
        # once, the last one to read sees them all.
        now = opened.last_seen_at
        parameters = {
            "for_subject": opened.subject,
            "now": microseconds(now),
            "max_sessions": max_sessions,
        }
        rows = connection.execute(statements.SURPLUS, parameters).all()
        if not rows:
            return []
        with self._database.transaction(connection):
            surplus = [to_session(row) for row in reversed(rows)]
            ended = [each for each in surplus if _delete(connection, each.sid)]
            entries = (
                Revocation("sid", each.sid, each.refused_until(refuse_until, now)) for each in ended
            )
            write_entries(self._database.kind, connection, *entries)
        return ended

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
        parameters = {
            "for_sid": sid,
            "handed_in": jti,
            "following": successor.jti,
            "entry": replaced_entry(jti, now),
            "old_memo": successor.memo_before,
            "new_memo": successor.memo,
            "expiry": microseconds(successor.expires_at),
            "now": microseconds(now),
        }

        def work(connection: Connection) -> Rotation:
            if connection.execute(statements.ROTATE, parameters).rowcount:
                return Rotation("rotated")
            session = _find(connection, sid, now)
            if session is not None and session.jti == successor.jti:
                return Rotation("rotated")
            if session is not None and session.jti == jti:
                return Rotation("changed", session)
            # From here on no request can make this token the current one, or the one before, again.
            return self._refuse(connection, session, jti, now, grace, refuse_until)

        return self._database.write(work)

    def _refuse(
        self,
        connection: Connection,
        session: Session | None,
        jti: str,
        now: float,
        grace: float,
        refuse_until: float,
    ) -> Rotation:
        """The verdict on a token that is not the session's current one."""
        if session is None:
            return Rotation("gone")
        if is_still_good(session, jti, now, grace):
            return Rotation("replayed", session)
        with self._database.transaction(connection):
            ended = _delete(connection, session.sid)
            if ended:
                until = session.refused_until(refuse_until, now)
                entry = Revocation("sid", session.sid, until)
                write_entries(self._database.kind, connection, entry)
        return Rotation("reused", session) if ended else Rotation("gone")

    def adopt(
        self,
        session: Session,
        *,
        issued_at: float,
        token_expires_at: float,
        grace: float,
        refuse_until: float,
    ) -> Rotation:
        """See :meth:`.SessionStore.adopt`."""
        jti, now = session.previous_jti, session.created_at
        kind = self._database.kind

        def work(connection: Connection) -> Rotation:
            with self._database.transaction(connection):
                # The number comes first. Its lock makes adoptions wait for each other, and for
                # the end of all sessions of a subject.
                number = next_number(kind, connection)
                moments = _moments(connection, session.subject, jti)
                was_revoked = moments.refused_until > 0
                if not was_revoked and moments.not_before < microseconds(issued_at):
                    opened = session.opened_after(moments.last)
                    entry = Revocation("jti", jti, token_expires_at)
                    write_entry(kind, connection, entry, number)
                    connection.execute(insert(sessions_table), session_values(opened))
                    return Rotation("rotated", opened)
            found = _find(connection, session.sid, now) if was_revoked else None
            if found is not None and found.jti == session.jti:
                return Rotation("rotated", found)
            return self._refuse(connection, found, jti, now, grace, refuse_until)

        if microseconds(token_expires_at) <= microseconds(now):
            return Rotation("gone")
        return self._database.write(work)

    def end_session(
        self, sid: str, *, now: float, refuse_until: float, subject: str = ""
    ) -> Session | None:
        """See :meth:`.SessionStore.end_session`."""
        sid, subject = stored_id(sid), stored_id(subject, MAX_SUBJECT)

        def work(connection: Connection) -> Session | None:
            session = _find(connection, sid, now)
            until = session.refused_until(refuse_until, now) if session else refuse_until
            with self._database.transaction(connection):
                ended = _delete(connection, sid, subject)
                if ended or not subject:
                    entry = Revocation("sid", sid, until)
                    write_entries(self._database.kind, connection, entry)
            return session if ended else None

        return self._database.write(work)

    def end_sessions(
        self, subject: str, *, now: float, expires_at: float, except_sid: str = ""
    ) -> None:
        """See :meth:`.SessionStore.end_sessions`."""
        subject, except_sid = stored_id(subject, MAX_SUBJECT), stored_id(except_sid)
        kind = self._database.kind

        def work(connection: Connection) -> None:
            with self._database.transaction(connection):
                number = next_number(kind, connection)
                last = _moments(connection, subject).last
                spared = _find(connection, except_sid, now) if except_sid else None
                entry = Revocation(
                    kind="subject",
                    value=subject,
                    expires_at=expires_at,
                    not_before=max(seconds(microseconds(now)), last),
                    except_sid=spared.sid if spared and spared.subject == subject else "",
                )
                write_entry(kind, connection, entry, number)

        self._database.write(work)

    def find_session(self, sid: str, *, now: float) -> Session | None:
        """See :meth:`.SessionStore.find_session`."""
        return self._database.run(lambda connection: _find(connection, stored_id(sid), now))

    def list_sessions(self, subject: str, *, now: float) -> list[Session]:
        """See :meth:`.SessionStore.list_sessions`."""
        parameters = {"for_subject": stored_id(subject, MAX_SUBJECT), "now": microseconds(now)}
        rows = self._database.run(
            lambda connection: connection.execute(statements.LIST, parameters).all()
        )
        return [to_session(row) for row in rows]

    def touch(self, sid: str, *, now: float, refresh_jti: str = "") -> None:
        """See :meth:`.SessionStore.touch`."""
        parameters = {
            "for_sid": stored_id(sid),
            "now": microseconds(now),
            "seen_before": microseconds(now - SEEN_EVERY),
            "refresh_jti": stored_id(refresh_jti),
        }
        self._database.write(
            lambda connection: connection.execute(statements.TOUCH, parameters).rowcount
        )

    def change_memo(self, sid: str, *, now: float, before: str, memo: str) -> bool:
        """See :meth:`.SessionStore.change_memo`."""
        sid, memo = stored_id(sid), checked_memo(memo)
        parameters = {
            "for_sid": sid,
            "now": microseconds(now),
            "old_memo": before,
            "new_memo": memo,
        }

        def work(connection: Connection) -> bool:
            if connection.execute(statements.CHANGE_MEMO, parameters).rowcount:
                return True
            # This call may be a repetition of one that succeeded, and whose answer got lost.
            session = _find(connection, sid, now)
            return session is not None and session.memo == memo

        return self._database.run(work)

    # ── what is refused ──────────────────────────────────────────────────────────────────

    def revoke_token(self, jti: str, *, now: float, expires_at: float, subject: str = "") -> bool:
        """See :meth:`.SessionStore.revoke_token`."""
        jti, kind = stored_id(jti), self._database.kind

        def work(connection: Connection) -> bool:
            with self._database.transaction(connection):
                number = next_number(kind, connection)
                until = _moments(connection, "", jti).refused_until
                write_entry(kind, connection, Revocation("jti", jti, expires_at), number)
            return until <= microseconds(now)

        if microseconds(expires_at) <= microseconds(now):
            return False
        return self._database.write(work)

    def is_revoked(self, presented: Presented, *, now: float) -> bool:
        """See :meth:`.SessionStore.is_revoked`."""
        parameters = {
            "now": microseconds(now),
            "for_jti": stored_id(presented.jti),
            "for_sid": stored_id(presented.sid),
            "for_subject": stored_id(presented.subject, MAX_SUBJECT),
            "issued_at": microseconds(presented.issued_at),
        }
        found = self._database.run(
            lambda connection: connection.execute(statements.IS_REVOKED, parameters).first()
        )
        return found is not None

    def follow(self) -> SqlFollower:
        """See :meth:`.SessionStore.follow`."""
        return SqlFollower(self._database)

    # ── what the operator does ───────────────────────────────────────────────────────────

    def prune(self, *, now: float, batch: int = 500) -> Pruned:
        """See :meth:`.SessionStore.prune`."""
        return self._database.write(lambda connection: prune(connection, now=now, batch=batch))

    def check(self) -> list[Finding]:
        """See :meth:`.SessionStore.check`."""
        return check(self._database)

    def upgrade(self) -> Upgraded:
        """See :meth:`.SessionStore.upgrade`."""
        return upgrade(self._database)

    # ── the application's keys ───────────────────────────────────────────────────────────

    def load_keys(self, name: str = "") -> tuple[str, int]:
        """See :meth:`.KeyStore.load_keys`."""
        row = self._database.run(lambda connection: _keys_row(connection, name))
        return ("", 0) if row is None else (row.document, row.version)

    def save_keys(self, text: str, *, after: int, name: str = "") -> bool:
        """See :meth:`.KeyStore.save_keys`."""

        def work(connection: Connection) -> bool:
            if _save_keys(connection, text, after, name):
                return True
            # This call may be a repetition of one that succeeded, and whose answer got lost.
            row = _keys_row(connection, name)
            return row is not None and (row.version, row.document) == (after + 1, text)

        return self._database.write(work)

    def close(self) -> None:
        """See :meth:`.SessionStore.close`."""
        self._database.close()

    def __repr__(self) -> str:
        return f"<SqlStore on {self._database.kind_name}>"


class _Moments(NamedTuple):
    """What adopting and ending need to know of a subject and a token. Microseconds; 0 is never.

    :param opened_at: when the subject last logged in.
    :param not_before: when the subject was last logged out everywhere.
    :param refused_until: until when the token is refused.
    """

    opened_at: int
    not_before: int
    refused_until: int

    @property
    def last(self) -> float:
        """When the subject last logged in or was logged out everywhere, in seconds."""
        return seconds(max(self.opened_at, self.not_before))


def _moments(connection: Connection, subject: str, jti: str = "") -> _Moments:
    row = connection.execute(statements.MOMENTS, {"for_subject": subject, "for_jti": jti}).one()
    return _Moments(row[0] or 0, row[1] or 0, row[2] or 0)


def _find(connection: Connection, sid: str, now: float) -> Session | None:
    row = connection.execute(statements.FIND, {"for_sid": sid, "now": microseconds(now)}).first()
    return None if row is None else to_session(row)


def _delete(connection: Connection, sid: str, subject: str = "") -> bool:
    """Remove a session's row. Whether it was there is the verdict."""
    if subject:
        parameters = {"for_sid": sid, "for_subject": subject}
        return connection.execute(statements.END_OF, parameters).rowcount > 0
    return connection.execute(statements.END, {"for_sid": sid}).rowcount > 0


def _keys_row(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(statements.KEYS, {"for_id": keys_id(name)}).first()


def _save_keys(connection: Connection, text: str, after: int, name: str) -> bool:
    """Write the document, if its version is still ``after``; 0 is a document that is not there."""
    row = keys_id(name)
    if after:
        values = {
            "for_id": row,
            "old_version": after,
            "new_version": after + 1,
            "new_document": text,
        }
        return connection.execute(statements.REPLACE_KEYS, values).rowcount > 0
    try:
        connection.execute(insert(keys_table), {"id": row, "version": 1, "document": text})
    except IntegrityError:
        return False
    return True
