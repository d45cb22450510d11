"""Sessions in a SQL database: SQLite, PostgreSQL, MariaDB or MySQL, by SQLAlchemy Core.

Every verdict is the row count of one conditional write that commits by itself. What must happen
together (a session goes, its ``sid`` is revoked) is one transaction.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from sqlalchemy import URL, Connection, Engine, Row, insert
from sqlalchemy.exc import DBAPIError, IntegrityError

from ...exceptions import StoreUnavailableError
from ...sessions.session import (
    MAX_SUBJECT,
    NEVER,
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
    is_still_good,
    latest_issue,
    microseconds,
    replaced_entry,
    seconds,
    stored_id,
)
from ...sessions.store import Finding, Pruned, Upgraded
from . import statements
from .check import check
from .database import NOT_SET_UP, Database, HasEngine
from .engine import deadline
from .entries import take_turn, write_entries
from .follower import SqlFollower
from .moments import Moments, moments
from .prune import SWEPT, prune, remove_ended, remove_expired
from .rows import session_values, to_session
from .schema import keys_id, keys_table, sessions_table
from .upgrade import upgrade

log: logging.Logger = logging.getLogger("flask_signet")

_STEP = 1_000  # rows that a log-out everywhere removes in one transaction


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
            found = moments(connection, session.subject, session.last_seen_at)
            opened = found.dated(session)
            connection.execute(self._database.kind.insert_session(), session_values(opened))
            ended = self._end_surplus(connection, opened, max_sessions, refuse_until)
            self._sweep(connection, opened, found)
            return Opened(opened, ended)

        return self._database.join(work)

    def _end_surplus(
        self, connection: Connection, opened: Session, max_sessions: int, refuse_until: float
    ) -> tuple[Session, ...]:
        """End the oldest sessions of a subject who has too many: them, the oldest first."""
        # The new session is visible to all before this reads. So of any number of log-ins at
        # once, the last one to read sees them all.
        if not max_sessions:
            return ()
        now, kind = opened.last_seen_at, self._database.kind
        parameters = {
            "for_subject": opened.subject,
            "now": microseconds(now),
            "max_sessions": max_sessions,
            "window": max_sessions + statements.WINDOW,
        }
        sids = list(connection.execute(statements.SURPLUS, parameters).scalars())[-PAGE:]
        if not sids:
            return ()
        with self._database.transaction(connection):
            rows = connection.execute(statements.LOCK, {"sids": sids}).all()
            ended = tuple(to_session(row) for row in rows)  # those that nobody else has ended
            if ended:
                connection.execute(statements.REMOVE, {"sids": [each.sid for each in ended]})
                turn = take_turn(kind, connection, len(ended))
                life = turn.lives.of_session
                entries = [
                    Revocation("sid", each.sid, each.refused_until(refuse_until, now, life))
                    for each in ended
                ]
                write_entries(kind, connection, turn, *entries)
        return ended

    def _sweep(self, connection: Connection, opened: Session, found: Moments) -> None:
        """Remove some rows of the subject's that nobody needs. The log-in does not depend on it."""
        subject, now = opened.subject, opened.last_seen_at
        try:
            if found.has_expired:
                remove_expired(self._database.kind, connection, subject, now=now)
            if found.has_ended:
                remove_ended(connection, subject, found.ended_at, found.spared, SWEPT)
        except DBAPIError as error:
            log.warning("rows of sessions that are over were not removed at a log-in: %s", error)

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
            "new_user_agent": successor.device.user_agent,
            "new_address": successor.device.address,
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
                turn = take_turn(self._database.kind, connection)
                until = session.refused_until(refuse_until, now, turn.lives.of_session)
                entry = Revocation("sid", session.sid, until)
                write_entries(self._database.kind, connection, turn, entry)
        return Rotation("reused", session) if ended else Rotation("gone")

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
        kind = self._database.kind

        def work(connection: Connection) -> Rotation:
            opened = None
            with self._database.transaction(connection):
                # The turn comes first. Its lock makes adoptions wait for each other, and for the
                # end of all sessions of a subject.
                turn = take_turn(kind, connection)
                found = moments(connection, session.subject, now, jti)
                was_revoked = found.refused_until > 0
                if not was_revoked and found.lets_in(issued_at):
                    opened = found.dated(session)
                    entry = Revocation("jti", jti, token_expires_at)
                    write_entries(kind, connection, turn, entry)
                    connection.execute(insert(sessions_table), session_values(opened))
            if opened is not None:
                ended = self._end_surplus(connection, opened, max_sessions, refuse_until)
                self._sweep(connection, opened, found)
                return Rotation("rotated", opened, ended)
            adopted = _find(connection, session.sid, now) if was_revoked else None
            if adopted is not None and adopted.jti == session.jti:
                return Rotation("rotated", adopted)
            return self._refuse(connection, adopted, jti, now, grace, refuse_until)

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
            with self._database.transaction(connection):
                ended = _delete(connection, sid, subject)
                if ended or not subject:
                    turn = take_turn(self._database.kind, connection)
                    life = turn.lives.of_session
                    until = max(refuse_until, now + life)
                    if session:
                        until = session.refused_until(refuse_until, now, life)
                    entry = Revocation("sid", sid, until)
                    write_entries(self._database.kind, connection, turn, entry)
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
                turn = take_turn(kind, connection)
                last = moments(connection, subject, now).last
                spared = _find(connection, except_sid, now) if except_sid else None
                entry = Revocation(
                    kind="subject",
                    value=subject,
                    expires_at=max(expires_at, now + turn.lives.of_token),
                    not_before=max(seconds(microseconds(now)), last),
                    except_sid=spared.sid if spared and spared.subject == subject else "",
                )
                write_entries(kind, connection, turn, entry)
            self._remove_ended(connection, entry)

        self._database.write(work)

    def _remove_ended(self, connection: Connection, entry: Revocation) -> None:
        """Remove the rows of the sessions that the entry has just ended, in steps.

        They are gone without it. So nothing that fails here is an error of the log-out. It takes
        half of the operation's time: the last step may need the rest.
        """
        end = (deadline.get() or 0.0) - self.timeout / 2
        ended_at = microseconds(entry.not_before)
        count = _STEP
        try:
            while count == _STEP and time.monotonic() < end:
                count = remove_ended(connection, entry.value, ended_at, entry.except_sid, _STEP)
        except DBAPIError as error:
            log.warning("rows of sessions that were ended are left for `prune`: %s", error)

    def find_session(self, sid: str, *, now: float) -> Session | None:
        """See :meth:`.SessionStore.find_session`."""
        return self._database.run(lambda connection: _find(connection, stored_id(sid), now))

    def list_sessions(
        self, subject: str, *, now: float, limit: int = PAGE, after: Place | None = None
    ) -> list[Session]:
        """See :meth:`.SessionStore.list_sessions`."""
        parameters = {
            "for_subject": stored_id(subject, MAX_SUBJECT),
            "now": microseconds(now),
            "page": limit,
            "after_moment": microseconds(after.created_at if after else NEVER),
            "after_sid": after.sid if after else "",
        }

        def work(connection: Connection) -> list[Session]:
            rows = connection.execute(statements.LIST_FEW, parameters).all()
            if not rows or rows[0].in_window > statements.WINDOW:
                rows = connection.execute(statements.LIST_MANY, parameters).all()
            return [to_session(row) for row in rows]

        return self._database.run(work)

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

    def cover(self, lives: Lives) -> None:
        """See :meth:`.SessionStore.cover`."""
        parameters = {
            "of_session": microseconds(lives.of_session),
            "of_token": microseconds(lives.of_token),
        }

        def work(connection: Connection) -> None:
            # Nearly always there is nothing to raise. Then nothing waits for SQLite's one writer.
            row = connection.execute(statements.LIVES).first()
            if row is None:
                raise StoreUnavailableError(NOT_SET_UP)
            if any(old < new for old, new in zip(row, parameters.values(), strict=True)):
                connection.execute(statements.COVER, parameters)

        self._database.join(work, stays=True)

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
        jti, kind = stored_id(jti), self._database.kind

        def work(connection: Connection) -> bool:
            with self._database.transaction(connection):
                turn = take_turn(kind, connection)
                before = moments(connection, "", now, jti).refused_until
                until = expires_at
                if not expiry_is_known:
                    until = max(expires_at, now + turn.lives.of_token)
                # An entry that says it already stays where it is, and no follower reads it again.
                if max(before, microseconds(now)) < microseconds(until):
                    write_entries(kind, connection, turn, Revocation("jti", jti, until))
            return before <= microseconds(now) < microseconds(until)

        if expiry_is_known and microseconds(expires_at) <= microseconds(now):
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
        row = self._database.run(
            lambda connection: connection.execute(statements.IS_REVOKED, parameters).first()
        )
        if row is None:
            raise StoreUnavailableError(NOT_SET_UP)
        latest = microseconds(latest_issue(presented.issued_at))
        return bool(row.is_refused or latest < row.born_at)

    def follow(self) -> SqlFollower:
        """See :meth:`.SessionStore.follow`."""
        return SqlFollower(self._database)

    # ── what the operator does ───────────────────────────────────────────────────────────

    def prune(self, *, now: float, batch: int = 500) -> Pruned:
        """See :meth:`.SessionStore.prune`."""
        kind = self._database.kind
        return self._database.write(
            lambda connection: prune(kind, connection, now=now, batch=batch)
        )

    def check(self) -> list[Finding]:
        """See :meth:`.SessionStore.check`."""
        return check(self._database)

    def upgrade(self, *, now: float | None = None, first: bool = False) -> Upgraded:
        """See :meth:`.SessionStore.upgrade`."""
        return upgrade(self._database, now=time.time() if now is None else now, first=first)

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
