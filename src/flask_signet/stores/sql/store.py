"""Sessions in a SQL database: SQLite, PostgreSQL, MariaDB or MySQL, by SQLAlchemy Core.

Every verdict is the row count of one conditional write that commits by itself. What must happen
together (a session goes, its ``sid`` is revoked) is one transaction. Revocations are numbered
under a row lock, so that their numbers rise in the order in which they become visible.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import (
    URL,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Row,
    bindparam,
    case,
    exists,
    false,
    func,
    insert,
    make_url,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ...exceptions import ConfigurationError, StoreUnavailableError
from ...sessions.session import (
    MAX_SUBJECT,
    SEEN_EVERY,
    Device,
    Opened,
    Presented,
    Revocation,
    Rotation,
    Session,
    Successor,
    checked_rotation,
    is_grace_replay,
    microseconds,
    seconds,
    stored_id,
)
from ...sessions.store import Finding, Pruned, Synced, Upgraded
from .engines import CHANNEL, KINDS, RESTORE, EngineKind, SQLite, Trouble, deadline
from .schema import (
    STEPS,
    keys_table,
    metadata,
    newest_version,
    revocations_table,
    sessions_table,
    store_table,
)

__all__ = ["SqlStore", "metadata"]

T = TypeVar("T")

NOT_SET_UP: Final = "The session store is not set up: run `flask jwt store upgrade`"

_TROUBLES: Final[dict[Trouble, str]] = {
    "not_set_up": NOT_SET_UP,
    "corrupt": "The session store's file is damaged",
    "read_only": "The session store takes no writes",
    "no_rights": "The session store may not be used: a right is missing",
}

_UPGRADE_TIMEOUT: Final = 600.0
"""Seconds for each statement of an upgrade: a large table may have to be written anew."""


class HasEngine(Protocol):
    """What Flask-SQLAlchemy's ``db`` is to us."""

    @property
    def engine(self) -> Engine:
        """The engine of the application."""
        ...


# ── the statements ───────────────────────────────────────────────────────────────────────

_session = sessions_table.c
_entry = revocations_table.c
_now: ColumnElement[int] = bindparam("now", type_=BigInteger)
_sid: ColumnElement[str] = bindparam("for_sid")
_subject: ColumnElement[str] = bindparam("for_subject")

_LIVE = (_session.expires_at > _now) & ~exists().where(
    _entry.kind == "subject",
    _entry.value == _session.subject,
    _entry.not_before >= _session.created_at,
    _entry.except_sid != _session.sid,
)

_expiry: ColumnElement[int] = bindparam("expiry", type_=BigInteger)

_ROTATE = (
    update(sessions_table)
    .where(_session.sid == _sid, _session.jti == bindparam("handed_in"), _LIVE)
    .values(
        jti=bindparam("following"),
        previous_jti=bindparam("handed_in"),
        rotated_at=_now,
        last_seen_at=_now,
        expires_at=case(
            (_session.absolute_expires_at < _expiry, _session.absolute_expires_at), else_=_expiry
        ),
        memo=bindparam("new_memo"),
    )
)

_FIND = select(sessions_table).where(_session.sid == _sid, _LIVE)

_LIST = (
    select(sessions_table)
    .where(_session.subject == _subject, _LIVE)
    .order_by(_session.created_at.desc(), _session.sid.desc())
)

_SURPLUS = _LIST.offset(bindparam("max_sessions", type_=BigInteger))

_END = sessions_table.delete().where(_session.sid == _sid)
_END_OF = _END.where(_session.subject == _subject)

_TOUCH = (
    update(sessions_table)
    .where(_session.sid == _sid, _session.last_seen_at <= bindparam("seen_before"), _LIVE)
    .values(last_seen_at=_now)
)

_MOMENTS = select(
    select(func.max(_session.created_at)).where(_session.subject == _subject).scalar_subquery(),
    select(_entry.not_before)
    .where(_entry.kind == "subject", _entry.value == _subject)
    .scalar_subquery(),
    select(_entry.expires_at)
    .where(_entry.kind == "jti", _entry.value == bindparam("for_jti"))
    .scalar_subquery(),
)

_IS_REVOKED = (
    select(_entry.number)
    .where(
        _entry.expires_at > _now,
        or_(
            (_entry.kind == "jti") & (_entry.value == bindparam("for_jti")),
            (_entry.kind == "sid") & (_entry.value == _sid),
            (_entry.kind == "subject")
            & (_entry.value == _subject)
            & (_entry.not_before >= bindparam("issued_at"))
            & or_(_entry.except_sid == "", _entry.except_sid != _sid),
        ),
    )
    .limit(1)
)

_STORE = select(store_table.c.version)

_CHANGES = (
    select(store_table.c.epoch, store_table.c.last_number, revocations_table)
    .select_from(
        store_table.outerjoin(revocations_table, _entry.number > bindparam("after")),
    )
    .order_by(_entry.number)
    .limit(bindparam("at_most", type_=BigInteger))
)

_EXPIRED_SESSIONS = (
    select(_session.sid).where(_session.expires_at <= _now).limit(bindparam("batch"))
)
_PRUNE_SESSIONS = sessions_table.delete().where(
    _session.sid.in_(bindparam("sids", expanding=True)), _session.expires_at <= _now
)
_EXPIRED_ENTRIES = (
    select(_entry.kind, _entry.value, _entry.not_before, _entry.except_sid)
    .where(_entry.expires_at <= _now)
    .limit(bindparam("batch"))
)
_PRUNE_ENTRIES = revocations_table.delete().where(
    _entry.kind == bindparam("of_kind"),
    _entry.value.in_(bindparam("ids", expanding=True)),
    _entry.expires_at <= _now,
)
_PRUNE_ENDED = sessions_table.delete().where(
    _session.subject == _subject,
    _session.created_at <= bindparam("ended_at"),
    _session.sid != bindparam("spared"),
)

_NO_OPS = [
    statement
    for table in (sessions_table, revocations_table, keys_table)
    for statement in (
        insert(table).from_select(list(table.c), select(table).where(false())),
        update(table).values({next(iter(table.c)): next(iter(table.c))}).where(false()),
        table.delete().where(false()),
    )
]
_NO_OPS.append(update(store_table).values(id=store_table.c.id).where(false()))


_KEYS = select(keys_table)
_REPLACE_KEYS = (
    update(keys_table)
    .where(keys_table.c.version == bindparam("old_version"))
    .values(version=bindparam("new_version"), document=bindparam("new_document"))
)


class SqlStore:
    """A :class:`~flask_signet.sessions.store.SessionStore` in a database.

    :param bind: a URL; or an engine, or an object with one (Flask-SQLAlchemy's ``db``), whose
        pool it shares.
    :param timeout: seconds that an operation takes at most. It holds for a URL; an engine of
        the application's has the timeouts that the application gave it.
    """

    def __init__(self, bind: str | URL | Engine | HasEngine, *, timeout: float = 2.0) -> None:
        self.timeout = timeout
        self._bind = bind
        self._pid = os.getpid()
        self._inherited: list[object] = []
        self._own: Engine | None = None
        self._kind_of: EngineKind | None = None
        self._shared: Engine | None = None
        if isinstance(bind, str | URL):
            url = make_url(bind)
            name = url.drivername.partition("+")[0]
            self._kind_of = _kind("postgresql" if name == "postgres" else name, timeout)
            self._own = self._kind_of.create(url)

    # ── connections ──────────────────────────────────────────────────────────────────────

    @property
    def engine(self) -> Engine:
        """The engine. With Flask-SQLAlchemy it needs an application context at first use."""
        if self._own is not None:
            if self._pid != os.getpid():
                self._forget_parent()
            return self._own
        if self._shared is None:
            bound = self._bind if isinstance(self._bind, Engine) else self._bind.engine  # type: ignore[union-attr]  # a text has an engine of its own
            self._shared = bound.execution_options(isolation_level="AUTOCOMMIT")
        return self._shared

    @property
    def announces(self) -> bool:
        """Whether a follower's ``poll`` hears of a revocation; where not, ask at each check."""
        dialect = self.engine.dialect
        return dialect.name == "sqlite" or (dialect.name, dialect.driver) == (
            "postgresql",
            "psycopg",
        )

    @property
    def _kind(self) -> EngineKind:
        if self._kind_of is None:
            self._kind_of = _kind(self.engine.dialect.name, self.timeout)
        return self._kind_of

    def _forget_parent(self) -> None:
        # After a fork both would talk on one socket. The parent's connections are kept, unused:
        # collecting them as garbage would close them, and what SQLite does then is not for a
        # process that never opened the file.
        assert self._own is not None  # noqa: S101 - for the type checker
        self._inherited.append(self._own.pool)
        self._own.dispose(close=False)
        self._pid = os.getpid()

    def _run(self, work: Callable[[Connection], T]) -> T:
        """Run it on a connection, and again if it lost a race or its connection.

        Everything that is run here may be repeated, see :mod:`flask_signet.sessions.store`.
        """
        engine, kind = self.engine, self._kind
        end = time.monotonic() + self.timeout
        deadline.set(end)
        reconnected = False
        for attempt in itertools.count(1):
            try:
                with engine.connect() as connection:
                    return work(connection)
            except PoolTimeoutError as error:
                raise StoreUnavailableError from error
            except DBAPIError as error:
                # A connection that was idle while the server restarted fails at its first use. One
                # that could not be made (no statement) tells of the server as it is now.
                lost = error.connection_invalidated and bool(error.statement) and not reconnected
                again = lost or kind.is_transient(error)
                if not again or time.monotonic() >= end:
                    raise self._unavailable(error) from error
                reconnected = reconnected or error.connection_invalidated
                # Of those that were in each other's way one at least went on.
                time.sleep(0 if lost else min(0.002 * attempt, 0.02))
        raise AssertionError("unreachable")

    def _unavailable(self, error: DBAPIError) -> StoreUnavailableError:
        trouble = self._kind.trouble(error)
        return StoreUnavailableError(_TROUBLES[trouble]) if trouble else StoreUnavailableError()

    @contextlib.contextmanager
    def _transaction(self, connection: Connection) -> Iterator[None]:
        connection.exec_driver_sql(self._kind.begin)
        try:
            yield
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            try:
                if not connection.invalidated:
                    connection.exec_driver_sql("ROLLBACK")
            except DBAPIError:
                connection.invalidate()
            raise

    # ── the life of a session ────────────────────────────────────────────────────────────

    def open_session(
        self, session: Session, *, refuse_until: float, max_sessions: int = 0
    ) -> Opened:
        """See :meth:`.SessionStore.open_session`."""

        def work(connection: Connection) -> Opened:
            opened_at, not_before, _ = _moments(connection, session.subject)
            opened = session.opened_after(seconds(max(opened_at, not_before)))
            connection.execute(self._kind.insert_session(), _values(opened))
            ended: list[Session] = []
            if max_sessions:
                ended = self._end_surplus(connection, opened, max_sessions, refuse_until)
            return Opened(opened, tuple(ended))

        return self._run(work)

    def _end_surplus(
        self, connection: Connection, opened: Session, max_sessions: int, refuse_until: float
    ) -> list[Session]:
        # The new session is visible to all before this looks, so of any number of log-ins at
        # once the last one to look sees them all.
        rows = connection.execute(
            _SURPLUS,
            {
                "for_subject": opened.subject,
                "now": microseconds(opened.last_seen_at),
                "max_sessions": max_sessions,
            },
        ).all()
        if not rows:
            return []
        with self._transaction(connection):
            surplus = [_to_session(row) for row in reversed(rows)]
            ended = [each for each in surplus if _end(connection, each.sid)]
            now = opened.last_seen_at
            entries = (
                _of_session(each.sid, each.refused_until(refuse_until, now)) for each in ended
            )
            self._revoke(connection, *entries)
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
            "new_memo": successor.memo,
            "expiry": microseconds(successor.expires_at),
            "now": microseconds(now),
        }

        def work(connection: Connection) -> Rotation:
            if connection.execute(_ROTATE, parameters).rowcount:
                return Rotation("rotated")
            # From here on nothing can make the token current, or the one before, again.
            session = _find(connection, sid, now)
            if session is not None and session.jti == successor.jti:
                return Rotation("rotated")
            return self._refuse(connection, session, jti, now, grace, refuse_until)

        return self._run(work)

    def _refuse(
        self,
        connection: Connection,
        session: Session | None,
        jti: str,
        now: float,
        grace: float,
        refuse_until: float,
    ) -> Rotation:
        if session is None:
            return Rotation("gone")
        if is_grace_replay(session, jti, now, grace):
            return Rotation("replayed", session)
        with self._transaction(connection):
            ended = _end(connection, session.sid)
            if ended:
                until = session.refused_until(refuse_until, now)
                self._revoke(connection, _of_session(session.sid, until))
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

        def work(connection: Connection) -> Rotation:
            with self._transaction(connection):
                # First the numbers: they make adoptions, and the end of all of a subject's
                # sessions, wait for each other.
                number = self._next_numbers(connection, 1)
                opened_at, not_before, revoked = _moments(connection, session.subject, jti)
                if not revoked and not_before < microseconds(issued_at):
                    opened = session.opened_after(seconds(max(opened_at, not_before)))
                    entry = Revocation("jti", jti, token_expires_at)
                    self._write(connection, entry, number)
                    connection.execute(insert(sessions_table), _values(opened))
                    return Rotation("rotated", opened)
            found = _find(connection, session.sid, now) if revoked else None
            if found is not None and found.jti == session.jti:
                return Rotation("rotated", found)
            return self._refuse(connection, found, jti, now, grace, refuse_until)

        if microseconds(token_expires_at) <= microseconds(now):
            return Rotation("gone")
        return self._run(work)

    def end_session(
        self, sid: str, *, now: float, refuse_until: float, subject: str = ""
    ) -> Session | None:
        """See :meth:`.SessionStore.end_session`."""
        sid, subject = stored_id(sid), stored_id(subject, MAX_SUBJECT)

        def work(connection: Connection) -> Session | None:
            session = _find(connection, sid, now)
            until = session.refused_until(refuse_until, now) if session else refuse_until
            with self._transaction(connection):
                ended = _end(connection, sid, subject)
                if ended or not subject:
                    self._revoke(connection, _of_session(sid, until))
            return session if ended else None

        return self._run(work)

    def end_sessions(
        self, subject: str, *, now: float, expires_at: float, except_sid: str = ""
    ) -> None:
        """See :meth:`.SessionStore.end_sessions`."""
        subject, except_sid = stored_id(subject, MAX_SUBJECT), stored_id(except_sid)

        def work(connection: Connection) -> None:
            with self._transaction(connection):
                number = self._next_numbers(connection, 1)
                opened_at, not_before, _ = _moments(connection, subject)
                spared = _find(connection, except_sid, now) if except_sid else None
                entry = Revocation(
                    "subject",
                    subject,
                    expires_at,
                    not_before=seconds(max(microseconds(now), opened_at, not_before)),
                    except_sid=spared.sid if spared and spared.subject == subject else "",
                )
                self._write(connection, entry, number)

        self._run(work)

    def find_session(self, sid: str, *, now: float) -> Session | None:
        """See :meth:`.SessionStore.find_session`."""
        return self._run(lambda connection: _find(connection, stored_id(sid), now))

    def list_sessions(self, subject: str, *, now: float) -> list[Session]:
        """See :meth:`.SessionStore.list_sessions`."""
        parameters = {"for_subject": stored_id(subject, MAX_SUBJECT), "now": microseconds(now)}
        rows = self._run(lambda connection: connection.execute(_LIST, parameters).all())
        return [_to_session(row) for row in rows]

    def touch(self, sid: str, *, now: float) -> None:
        """See :meth:`.SessionStore.touch`."""
        parameters = {
            "for_sid": stored_id(sid),
            "now": microseconds(now),
            "seen_before": microseconds(now - SEEN_EVERY),
        }
        self._run(lambda connection: connection.execute(_TOUCH, parameters).rowcount)

    # ── what is refused ──────────────────────────────────────────────────────────────────

    def revoke_token(self, jti: str, *, now: float, expires_at: float, subject: str = "") -> bool:
        """See :meth:`.SessionStore.revoke_token`."""
        jti = stored_id(jti)

        def work(connection: Connection) -> bool:
            with self._transaction(connection):
                number = self._next_numbers(connection, 1)
                _, _, until = _moments(connection, "", jti)
                self._write(connection, Revocation("jti", jti, expires_at), number)
            return until <= microseconds(now)

        if microseconds(expires_at) <= microseconds(now):
            return False
        return self._run(work)

    def is_revoked(self, presented: Presented, *, now: float) -> bool:
        """See :meth:`.SessionStore.is_revoked`."""
        parameters = {
            "now": microseconds(now),
            "for_jti": stored_id(presented.jti),
            "for_sid": stored_id(presented.sid),
            "for_subject": stored_id(presented.subject, MAX_SUBJECT),
            "issued_at": microseconds(presented.issued_at),
        }
        found = self._run(lambda connection: connection.execute(_IS_REVOKED, parameters).first())
        return found is not None

    def follow(self) -> SqlFollower:
        """See :meth:`.SessionStore.follow`."""
        return SqlFollower(self)

    def _next_numbers(self, connection: Connection, count: int) -> int:
        last = self._kind.next_numbers(connection, count)
        if last is None:
            raise StoreUnavailableError(NOT_SET_UP)
        return last

    def _revoke(self, connection: Connection, *entries: Revocation) -> None:
        if not entries:
            return
        last = self._next_numbers(connection, len(entries))
        for number, entry in enumerate(entries, last - len(entries) + 1):
            self._write(connection, entry, number)

    def _write(self, connection: Connection, entry: Revocation, number: int) -> None:
        connection.execute(
            self._kind.upsert_revocation(),
            {
                "kind": entry.kind,
                "value": entry.value,
                "number": number,
                "expires_at": microseconds(entry.expires_at),
                "not_before": microseconds(entry.not_before),
                "except_sid": entry.except_sid,
            },
        )
        self._kind.announce(connection)

    # ── what the operator does ───────────────────────────────────────────────────────────

    def prune(self, *, now: float, batch: int = 500) -> Pruned:
        """See :meth:`.SessionStore.prune`."""
        limits = {"now": microseconds(now), "batch": batch}

        def work(connection: Connection) -> Pruned:
            sids = list(connection.execute(_EXPIRED_SESSIONS, limits).scalars())
            if sids:
                connection.execute(_PRUNE_SESSIONS, {"sids": sids, "now": limits["now"]})
            entries = connection.execute(_EXPIRED_ENTRIES, limits).all()
            _prune_entries(connection, entries, limits["now"])
            more = batch in (len(sids), len(entries))
            return Pruned(len(sids), len(entries), more)

        return self._run(work)

    def check(self) -> list[Finding]:
        """See :meth:`.SessionStore.check`."""

        def work(connection: Connection) -> list[Finding]:
            version = connection.execute(_STORE).scalar()
            found = [*_version_findings(version), *self._kind.findings(connection)]
            if not any(finding.level == "error" for finding in found):
                for statement in _NO_OPS:
                    connection.execute(statement)  # the right to do it is asked for all the same
            return found

        try:
            return self._run(work)
        except StoreUnavailableError as error:
            return [self._trouble_finding(error)]

    def _trouble_finding(self, error: StoreUnavailableError) -> Finding:
        cause = error.__cause__
        trouble = self._kind.trouble(cause) if isinstance(cause, DBAPIError) else ""
        if not trouble and str(error) != NOT_SET_UP:
            raise error
        if trouble in ("", "not_set_up"):
            return _NOT_SET_UP_FINDING
        said = str(getattr(cause, "orig", cause)).partition("\n")[0]
        mend = RESTORE if trouble == "corrupt" else self._kind.grant
        return Finding("error", trouble, f"{_TROUBLES[trouble]} ({said})", mend)

    def upgrade(self) -> Upgraded:
        """See :meth:`.SessionStore.upgrade`."""
        before = self._version()  # within the timeout, as every other question
        if before >= newest_version():
            return Upgraded(before, before)
        if self._own is None:
            self._run(lambda connection: self._upgrade(connection, before))
            return Upgraded(before, newest_version())
        patient = SqlStore(self._bind, timeout=_UPGRADE_TIMEOUT)
        if isinstance(patient._kind, SQLite):
            patient._kind.may_create = True
        try:
            patient._run(lambda connection: patient._upgrade(connection, before))
        finally:
            patient.close()
        return Upgraded(before, newest_version())

    def _version(self) -> int:
        """The version of what is in the database; 0 if there is nothing yet."""
        try:
            return self._run(lambda connection: connection.execute(_STORE).scalar() or 0)
        except StoreUnavailableError as error:
            if str(error) != NOT_SET_UP:
                raise
            return 0

    def _upgrade(self, connection: Connection, before: int) -> None:
        if not before:
            self._create(connection)
            return
        for version in range(before + 1, newest_version() + 1):
            with self._kind.upgrading(connection):
                if connection.execute(_STORE).scalar() == version - 1:  # nobody was faster
                    STEPS[version](connection)
                    connection.execute(update(store_table), {"version": version})

    def _create(self, connection: Connection) -> None:
        if isinstance(self._kind, SQLite):
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        with self._kind.upgrading(connection):
            metadata.create_all(connection)
            if connection.execute(_STORE).scalar() is None:  # nobody was faster
                row = {
                    "id": 1,
                    "version": newest_version(),
                    "epoch": secrets.token_urlsafe(16),
                    "last_number": 0,
                }
                connection.execute(insert(store_table), row)

    # ── the application's keys ───────────────────────────────────────────────────────────

    def load_keys(self) -> tuple[str, int]:
        """See :meth:`.KeyStore.load_keys`."""
        row = self._run(lambda connection: connection.execute(_KEYS).first())
        return ("", 0) if row is None else (row.document, row.version)

    def save_keys(self, text: str, *, after: int) -> bool:
        """See :meth:`.KeyStore.save_keys`."""
        values = {"new_version": after + 1, "new_document": text}

        def work(connection: Connection) -> bool:
            if after:
                result = connection.execute(_REPLACE_KEYS, {**values, "old_version": after})
                if result.rowcount:
                    return True
            else:
                try:
                    connection.execute(
                        insert(keys_table), {"id": 1, "version": 1, "document": text}
                    )
                    return True
                except IntegrityError:
                    pass  # there are keys already
            # A repetition of what has been done, because its answer got lost, is done.
            row = connection.execute(_KEYS).first()
            return row is not None and (row.version, row.document) == (after + 1, text)

        return self._run(work)

    def close(self) -> None:
        """See :meth:`.SessionStore.close`."""
        if self._own is not None:
            self.engine.dispose()

    def __repr__(self) -> str:
        return f"<SqlStore on {self._kind_of.__class__.__name__}>"


class SqlFollower:
    """A :class:`~flask_signet.sessions.store.Follower` on a connection of its own.

    PostgreSQL announces news on it, SQLite tells by ``PRAGMA data_version`` that the file has
    changed; then, and only then, ``poll`` reads. MariaDB and MySQL have nothing of the kind.
    """

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._connection: Connection | None = None
        self._driver: Any = None
        self._read = 0
        self._epoch = ""
        self._seen_version: object = None
        self._has_heard = False

    def poll(self) -> Sequence[Revocation]:
        """See :meth:`.Follower.poll`."""
        if self._connection is None:
            return ()
        try:
            return self.sync().entries if self._has_news(self._connection) else ()
        except StoreUnavailableError:
            raise
        except Exception as error:
            self._give_up()
            raise StoreUnavailableError from error

    def _has_news(self, connection: Connection) -> bool:
        driver, name = self._driver, connection.dialect.name
        if name == "sqlite":
            version = driver.execute("PRAGMA data_version").fetchone()
            changed = bool(version != self._seen_version)
            self._seen_version = version
            return changed
        if name == "postgresql" and connection.dialect.driver == "psycopg":
            driver.pgconn.consume_input()
            # `_hear` has those that came along with a query's rows: after what the query saw.
            news, self._has_heard = self._has_heard, False
            while driver.pgconn.notifies() is not None:
                news = True
            return news
        return False

    def _hear(self, announcement: object) -> None:
        self._has_heard = True

    def sync(self, *, limit: int = 10_000) -> Synced:
        """See :meth:`.Follower.sync`."""
        end = time.monotonic() + self._store.timeout
        deadline.set(end)
        rows: Sequence[Any] = ()
        # A line that broke while nobody spoke, in a restart say, is worth another try. If the
        # pool's next connection broke then as well, the one after it comes from a pool made anew.
        for tries_left in (2, 1, 0):
            try:
                rows = self._changes(limit)
                break
            except DBAPIError as error:
                self._give_up()
                again = tries_left and error.connection_invalidated and _has_time(self._store, end)
                if not again:
                    raise self._store._unavailable(error) from error
            except PoolTimeoutError as error:
                raise StoreUnavailableError from error
        if not rows:
            self._give_up()
            raise StoreUnavailableError(NOT_SET_UP)
        return self._learn(rows, limit)

    def _changes(self, limit: int) -> Sequence[Any]:
        connection = self._connection or self._connect()
        return connection.execute(_CHANGES, {"after": self._read, "at_most": limit}).all()

    def _learn(self, rows: Sequence[Row[Any]], limit: int) -> Synced:
        epoch, last_number = rows[0].epoch, rows[0].last_number
        entries = [_to_entry(row) for row in rows if row.number is not None]
        if (self._epoch and epoch != self._epoch) or last_number < self._read:
            # Another database than before, or one that forgot its last writes in a fail-over.
            self._read, self._epoch = 0, epoch
            return Synced([], complete=False, epoch=epoch)
        complete = len(rows) < limit
        self._read = last_number if complete else rows[-1].number
        if entries:
            self._read = max(self._read, rows[-1].number)
        self._epoch = epoch
        return Synced(entries, complete, epoch)

    def _connect(self) -> Connection:
        connection = self._store.engine.connect()
        self._driver = connection.connection.driver_connection
        connection.detach()  # its place in the pool is for others
        self._connection = connection  # from here on `_give_up` closes it, whatever happens
        if connection.dialect.name == "postgresql":
            if connection.dialect.driver == "psycopg":
                self._driver.add_notify_handler(self._hear)
            connection.exec_driver_sql(f"LISTEN {CHANNEL}")
        return connection

    def _give_up(self) -> None:
        connection, self._connection = self._connection, None
        self._read = 0
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()
            # One that broke is SQLAlchemy's no more, but detached as it is nobody closed it.
            with contextlib.suppress(Exception):
                self._driver.close()

    def close(self) -> None:
        """See :meth:`.Follower.close`."""
        self._give_up()


def _has_time(store: SqlStore, end: float) -> bool:
    """Whether half of an operation's time is left: what failed did not hang."""
    return end - time.monotonic() > store.timeout / 2


# ── rows ─────────────────────────────────────────────────────────────────────────────────


def _values(session: Session) -> dict[str, object]:
    return {
        "sid": session.sid,
        "subject": session.subject,
        "jti": session.jti,
        "previous_jti": session.previous_jti,
        "created_at": microseconds(session.created_at),
        "rotated_at": microseconds(session.rotated_at),
        "last_seen_at": microseconds(session.last_seen_at),
        "expires_at": microseconds(session.expires_at),
        "absolute_expires_at": microseconds(session.absolute_expires_at),
        "user_agent": session.device.user_agent,
        "address": session.device.address,
        "label": session.device.label,
        "memo": session.memo,
    }


def _to_session(row: Row[Any]) -> Session:
    return Session(
        sid=row.sid,
        subject=row.subject,
        jti=row.jti,
        previous_jti=row.previous_jti,
        created_at=seconds(row.created_at),
        rotated_at=seconds(row.rotated_at),
        last_seen_at=seconds(row.last_seen_at),
        expires_at=seconds(row.expires_at),
        absolute_expires_at=seconds(row.absolute_expires_at),
        memo=row.memo,
        device=Device(row.user_agent, row.address, row.label),
    )


def _to_entry(row: Row[Any]) -> Revocation:
    return Revocation(
        row.kind, row.value, seconds(row.expires_at), seconds(row.not_before), row.except_sid
    )


def _of_session(sid: str, refuse_until: float) -> Revocation:
    return Revocation("sid", sid, refuse_until)


def _find(connection: Connection, sid: str, now: float) -> Session | None:
    row = connection.execute(_FIND, {"for_sid": sid, "now": microseconds(now)}).first()
    return None if row is None else _to_session(row)


def _end(connection: Connection, sid: str, subject: str = "") -> bool:
    """Remove the row; the count is the verdict."""
    if subject:
        return connection.execute(_END_OF, {"for_sid": sid, "for_subject": subject}).rowcount > 0
    return connection.execute(_END, {"for_sid": sid}).rowcount > 0


def _moments(connection: Connection, subject: str, jti: str = "") -> tuple[int, int, int]:
    """When the subject last logged in, was logged out everywhere; until when ``jti`` is refused.

    Microseconds; 0 is never.
    """
    row = connection.execute(_MOMENTS, {"for_subject": subject, "for_jti": jti}).one()
    return row[0] or 0, row[1] or 0, row[2] or 0


def _prune_entries(connection: Connection, entries: Sequence[Any], now: int) -> None:
    for entry in entries:
        if entry.kind == "subject":
            # The sessions that it ended go before it does, or they would be back.
            parameters = {
                "for_subject": entry.value,
                "ended_at": entry.not_before,
                "spared": entry.except_sid,
            }
            connection.execute(_PRUNE_ENDED, parameters)
    for kind in ("jti", "sid", "subject"):
        ids = [entry.value for entry in entries if entry.kind == kind]
        if ids:
            connection.execute(_PRUNE_ENTRIES, {"of_kind": kind, "ids": ids, "now": now})


# ── setting up ───────────────────────────────────────────────────────────────────────────


def _kind(name: str, timeout: float) -> EngineKind:
    if name not in KINDS:
        raise ConfigurationError(
            f"a session store can't be kept in {name}; take {', '.join(KINDS)}"
        )
    return KINDS[name](timeout)


def _version_findings(version: int | None) -> list[Finding]:
    if version is None:
        return [_NOT_SET_UP_FINDING]
    if version == newest_version():
        return []
    newer = version > newest_version()
    return [
        Finding(
            "error",
            "newer_schema" if newer else "older_schema",
            f"the store's schema is version {version}, this package needs {newest_version()}",
            "upgrade Flask-Signet" if newer else "run `flask jwt store upgrade`",
        )
    ]


_NOT_SET_UP_FINDING: Final = Finding(
    "error", "not_set_up", "the store's tables are missing", "run `flask jwt store upgrade`"
)
