"""What differs between SQLite, PostgreSQL and MariaDB/MySQL: one class for each.

An :class:`EngineKind` sets up connections so that nothing hangs, knows which errors
are worth another attempt, and looks for what is wrong with a server's set-up.
"""

from __future__ import annotations

import contextlib
import select
import sys
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextvars import ContextVar
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar, Final, Literal

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    Executable,
    case,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from ...exceptions import ConfigurationError, StoreUnavailableError
from ...sessions.store import Finding
from .schema import revocations_table, sessions_table, store_table

CHANNEL = "signet_revocations"
"""The name under which PostgreSQL announces that there is a new revocation."""


RESTORE = "restore it from a backup, or remove it and log everybody out"
"""How to mend a damaged file."""

Trouble = Literal["", "not_set_up", "corrupt", "read_only", "no_rights"]
"""What an operator has to mend, in the words of a finding's ``code``; empty for anything else."""


deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""When the operation that is under way must be over, by the monotonic clock.

Of a thread, and of a greenlet: what is local to a thread is shared by all of gevent's requests, if
the application was imported before gevent took the threads' place (a server that preloads).
"""


class EngineKind(ABC):
    """SQLite's, PostgreSQL's or MariaDB's ways. ``timeout`` is in seconds."""

    begin: ClassVar[str] = "BEGIN"
    drivers: ClassVar[dict[str, str]] = {}
    extra: ClassVar[str] = "sql"

    #: How to mend that the application's user may not do what a store does.
    grant: ClassVar[str] = (
        "grant the application's user SELECT, INSERT, UPDATE and DELETE on the tables signet_*"
    )

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout

    def create(self, url: URL) -> Engine:
        """An engine of our own, every wait of which is bounded.

        All connections commit by themselves, and a transaction is spelt out where there is one:
        so one statement is one round trip. For the same reason nothing is rolled back when a
        connection goes back to the pool; no connection goes back with a transaction open.
        """
        if url.drivername in self.drivers:
            url = url.set(drivername=self.drivers[url.drivername])
        try:
            engine = create_engine(
                url,
                isolation_level="AUTOCOMMIT",
                pool_reset_on_return=None,
                skip_autocommit_rollback=True,
                # As many as SQLAlchemy's default lets there be at most; but those beyond the
                # fifth are kept, not made and thrown away in every rush.
                pool_size=15,
                max_overflow=0,
                pool_use_lifo=True,
                pool_timeout=self.timeout / 4,
                connect_args=self.connect_args(url),
            )
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"{url.drivername}:// needs the package {error.name}: "
                f"pip install 'Flask-Signet[{self.extra}]'"
            ) from error
        self.prepare(engine)
        return engine

    def connect_args(self, url: URL) -> dict[str, Any]:
        return {}

    def prepare(self, engine: Engine) -> None:  # noqa: B027 - needing nothing is the default
        """Hang what is needed on the engine's events."""

    def next_numbers(self, connection: Connection, count: int) -> int | None:
        """Take the next numbers of revocations; the last of them. None: the row is missing.

        It locks the row until the transaction ends.
        """
        statement = (
            store_table.update()
            .values(last_number=store_table.c.last_number + count)
            .returning(store_table.c.last_number)
        )
        number: int | None = connection.execute(statement).scalar()
        return number

    @abstractmethod
    def insert_session(self) -> Executable:
        """Insert, if it is not there."""

    @abstractmethod
    def upsert_revocation(self) -> Executable:
        """Insert, or write over the entry of the same kind and value, but never shorten it."""

    def announce(self, connection: Connection) -> None:  # noqa: B027 - nor can every engine
        """Tell the followers at commit that there is something new."""

    def is_transient(self, error: DBAPIError) -> bool:
        """Whether the transaction lost against another, and would succeed if tried again."""
        return False

    @abstractmethod
    def trouble(self, error: DBAPIError) -> Trouble:
        """What the server's error means to the operator, if it is not down or slow."""

    @contextlib.contextmanager
    def upgrading(self, connection: Connection) -> Iterator[None]:
        """One upgrade at a time; where the engine can, all of it happens or nothing."""
        connection.exec_driver_sql(self.begin)
        try:
            self.lock_upgrades(connection)
            yield
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.invalidate()  # and so rolled back
            raise

    def lock_upgrades(self, connection: Connection) -> None:  # noqa: B027 - BEGIN may be enough
        """Wait in a transaction until no other upgrade is under way."""

    def findings(self, connection: Connection) -> list[Finding]:
        """What is wrong with the server's set-up."""
        return []


def _leave_replicas(engine: Engine, kind: EngineKind) -> None:
    """Take a server that refuses to write for one that is gone.

    After a switch of roles the old connections are to a replica, for ever; a new one may reach
    the primary.
    """

    @event.listens_for(engine, "handle_error")
    def leave(context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        if isinstance(error, DBAPIError) and kind.trouble(error) == "read_only":
            context.is_disconnect = True


def _requests_share_the_thread() -> bool:
    """Whether gevent has made Python's waiting its own, and the driver has to wait its way.

    Drivers look for that when they are imported, if at all, and a server that preloads imports them
    before gevent is at work: then each request that waits makes all the others wait.
    """
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and monkey.is_module_patched("select")


def _code(error: DBAPIError) -> Any:
    return error.orig.args[0] if error.orig is not None and error.orig.args else None


# ── SQLite ───────────────────────────────────────────────────────────────────────────────


class SQLite(EngineKind):
    """One file, any number of processes on one machine; write-ahead log."""

    # The write lock is taken at once: a transaction that reads first and then wants to write
    # can be refused without waiting, and for good.
    begin = "BEGIN IMMEDIATE"

    #: Whether a missing file is made. Only ``upgrade`` may: a file that has vanished must not
    #: come back empty, with nobody revoked.
    may_create = False

    grant = "give the application's user the right to write the file and its folder"

    def connect_args(self, url: URL) -> dict[str, Any]:
        return {"timeout": 0.7 * self.timeout}  # the busy timeout, seconds

    def create(self, url: URL) -> Engine:
        if url.database in (None, "", ":memory:"):
            raise ConfigurationError(
                "sqlite:// needs a file, as in sqlite:////var/lib/app/sessions.sqlite3 "
                "(in memory every connection would have its own: use memory://)"
            )
        return super().create(url)

    def prepare(self, engine: Engine) -> None:
        @event.listens_for(engine, "do_connect")
        def refuse_to_create(dialect: Any, record: Any, args: Any, params: Any) -> None:
            database = str(engine.url.database)
            if database.startswith("file:") or self.may_create:
                return
            try:
                Path(database).stat()
            except (FileNotFoundError, NotADirectoryError):
                raise dialect.dbapi.OperationalError("no such table: no such file") from None
            except OSError as error:
                raise dialect.dbapi.OperationalError(_CAN_T_OPEN) from error

        @event.listens_for(engine, "connect")
        def make_durable(connection: Any, record: Any) -> None:
            # FULL is the default, but a build may have another: what was revoked stays revoked
            # when the power fails.
            connection.execute("PRAGMA synchronous=FULL")
            if _requests_share_the_thread():
                connection.execute("PRAGMA busy_timeout=0")

    def insert_session(self) -> Executable:
        return sqlite.insert(sessions_table).on_conflict_do_nothing()

    def upsert_revocation(self) -> Executable:
        return _on_conflict(sqlite.insert(revocations_table))

    def is_transient(self, error: DBAPIError) -> bool:
        # SQLite itself waits for a lock, but under gevent all other requests with it.
        return _LOCKED in str(_code(error)) and _requests_share_the_thread()

    def trouble(self, error: DBAPIError) -> Trouble:
        message = str(_code(error))
        for words, trouble in _SQLITE_SAYS:
            if words in message:
                return trouble
        return ""

    def findings(self, connection: Connection) -> list[Finding]:
        found = []
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        if mode != "wal":
            found.append(
                Finding(
                    "warning",
                    "no_wal",
                    f"the SQLite file has journal_mode {mode}: readers and writers wait for each "
                    "other",
                    "run `flask jwt store upgrade`",
                )
            )
        verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if verdict != "ok":
            found.append(
                Finding(
                    "error",
                    "corrupt",
                    f"the SQLite file is damaged: {verdict}",
                    RESTORE,
                )
            )
        return found + self._writable(connection)

    def _writable(self, connection: Connection) -> list[Finding]:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.exec_driver_sql("UPDATE signet_store SET id = id WHERE 0")
            connection.exec_driver_sql("ROLLBACK")
        except DBAPIError as error:
            return [
                Finding(
                    "error",
                    "read_only",
                    f"the SQLite file can't be written: {error.orig}",
                    self.grant,
                )
            ]
        return []


_CAN_T_OPEN: Final = "unable to open database file"
_LOCKED: Final = "database is locked"

_SQLITE_SAYS: Final[tuple[tuple[str, Trouble], ...]] = (
    ("no such table", "not_set_up"),
    ("no such column", "not_set_up"),
    ("malformed", "corrupt"),
    ("not a database", "corrupt"),
    ("readonly database", "read_only"),
    (_CAN_T_OPEN, "no_rights"),
)


def _on_conflict(insert: Any) -> Executable:
    table, new = revocations_table.c, insert.excluded
    statement: Executable = insert.on_conflict_do_update(
        index_elements=[table.kind, table.value],
        set_={
            "number": new.number,
            "expires_at": _later(new.expires_at, table.expires_at),
            "not_before": new.not_before,
            "except_sid": new.except_sid,
        },
    )
    return statement


def _later(new: Any, old: Any) -> Any:
    return case((new > old, new), else_=old)


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────


class PostgreSQL(EngineKind):
    """By psycopg, whose every wait ends at the operation's deadline.

    The server's own ``statement_timeout`` is no help against a server that is stopped or gone.
    """

    drivers: ClassVar[dict[str, str]] = {
        "postgresql": "postgresql+psycopg",
        "postgres": "postgresql+psycopg",
    }
    extra: ClassVar[str] = "postgresql"

    # What the conditional writes are made for. Where a server or an application has a stricter
    # level, every two writes at once would be an error, to be tried again.
    begin = "BEGIN ISOLATION LEVEL READ COMMITTED"

    def connect_args(self, url: URL) -> dict[str, Any]:
        whole = max(2, round(self.timeout))  # libpq takes whole seconds, and 2 is its least
        milliseconds = int(1000 * self.timeout)
        settings = {
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": 10 * milliseconds,
            "default_transaction_isolation": r"read\ committed",
        }
        options = [f"-c {name}={value}" for name, value in settings.items()]
        # The URL's own come last, so that they hold.
        options += url.normalized_query.get("options", ())
        return {"connect_timeout": whole, "options": " ".join(options)}

    def prepare(self, engine: Engine) -> None:
        if engine.dialect.driver != "psycopg":
            return
        bounded = _bounded_connection(engine.dialect.dbapi, self.timeout)
        _leave_replicas(engine, self)

        @event.listens_for(engine, "do_connect")
        def connect(dialect: Any, record: Any, args: Any, params: Any) -> Any:
            return bounded.connect(*args, **params)

    def insert_session(self) -> Executable:
        return postgresql.insert(sessions_table).on_conflict_do_nothing()

    def upsert_revocation(self) -> Executable:
        return _on_conflict(postgresql.insert(revocations_table))

    def announce(self, connection: Connection) -> None:
        connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})

    def is_transient(self, error: DBAPIError) -> bool:
        # serialization_failure, deadlock_detected
        return getattr(error.orig, "sqlstate", None) in {"40001", "40P01"}

    def trouble(self, error: DBAPIError) -> Trouble:
        return _POSTGRESQL_SAYS.get(getattr(error.orig, "sqlstate", None) or "", "")

    def lock_upgrades(self, connection: Connection) -> None:
        # Whatever waits for a table to be free makes all who come later wait.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADES})")

    def findings(self, connection: Connection) -> list[Finding]:
        rows = connection.exec_driver_sql(
            "SELECT name, setting FROM pg_settings WHERE name IN "
            "('fsync', 'synchronous_commit', 'transaction_read_only')"
        )
        settings: dict[str, str] = {row.name: row.setting for row in rows}
        found = [
            Finding(
                "warning",
                "not_durable",
                f"PostgreSQL has {name}=off: a crash can undo a revocation",
                f"set {name}=on",
            )
            for name in ("fsync", "synchronous_commit")
            if settings.get(name) == "off"
        ]
        if settings.get("transaction_read_only") == "on":
            found.append(
                Finding(
                    "error",
                    "read_only",
                    "PostgreSQL takes no writes here: it is a replica, or read-only by setting",
                    "give the address of the primary (target_session_attrs=read-write)",
                )
            )
        if connection.engine.dialect.driver != "psycopg":
            found.append(
                Finding(
                    "warning",
                    "unbounded",
                    f"the driver {connection.engine.dialect.driver} can hang longer than the "
                    "timeout when the server does",
                    "use postgresql+psycopg://",
                )
            )
        return found


_POSTGRESQL_SAYS: Final[dict[str, Trouble]] = {
    "42P01": "not_set_up",  # undefined_table
    "42703": "not_set_up",  # undefined_column
    "25006": "read_only",  # read_only_sql_transaction
    "42501": "no_rights",  # insufficient_privilege
}

_PATIENCE: Final = 10  # seconds that an upgrade waits for a lock
_UPGRADES: Final = 0x5167_6E65_74  # the advisory lock's number: "Signet"


def _bounded_connection(dbapi: Any, timeout: float) -> Any:
    """Psycopg's connection class, with an end to every wait."""

    def until_deadline(
        steps: Generator[Any, int, Any], descriptor: int = -1
    ) -> Generator[Any, int, Any]:
        """The same steps; psycopg asks in between whenever nothing arrives for 0.1 s."""
        given = deadline.get()
        end = given if given is not None else monotonic() + timeout
        is_shared = _requests_share_the_thread()
        try:
            waits_for = next(steps)
            while True:
                if is_shared:
                    ready = _poll(waits_for, descriptor)
                else:
                    ready = yield waits_for
                if not ready and monotonic() >= end:
                    raise dbapi.OperationalError("the server did not answer in time")
                waits_for = steps.send(ready)
        except StopIteration as stop:
            return stop.value

    class BoundedConnection(dbapi.Connection):  # type: ignore[misc]  # psycopg comes from the dialect
        def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
            waiting = until_deadline(gen, self.pgconn.socket)
            try:
                return super().wait(waiting, *args, **kwargs)
            except dbapi.OperationalError:
                if not self.closed and self.pgconn.transaction_status == _ACTIVE:
                    self.close()  # in the middle of an answer: nobody can use it any more
                raise

        @classmethod
        def _connect_gen(cls, *args: Any, **kwargs: Any) -> Any:
            return until_deadline(super()._connect_gen(*args, **kwargs))

    return BoundedConnection


_ACTIVE = 1  # libpq's PQTRANS_ACTIVE: a command is under way


def _poll(waits_for: Any, descriptor: int) -> int:
    """What psycopg's own waiting would find out within 0.1 s, by the poll that gevent replaced."""
    if isinstance(waits_for, tuple):  # of a connection that is being made
        descriptor, waits_for = waits_for
    wanted = select.POLLIN if waits_for & _READABLE else 0
    wanted |= select.POLLOUT if waits_for & _WRITABLE else 0
    poll = select.poll()
    poll.register(descriptor, wanted)
    found = [events for _, events in poll.poll(100)]
    if not found:
        return 0
    ready = _READABLE if found[0] & select.POLLIN else 0
    ready |= _WRITABLE if found[0] & select.POLLOUT else 0
    return ready or waits_for  # a line that broke: libpq finds out how


_READABLE, _WRITABLE = 1, 2  # psycopg.waiting's Wait and Ready


# ── MariaDB and MySQL ────────────────────────────────────────────────────────────────────


class MySQL(EngineKind):
    """MariaDB and MySQL, InnoDB, by PyMySQL."""

    drivers: ClassVar[dict[str, str]] = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
    extra: ClassVar[str] = "mysql"

    def connect_args(self, url: URL) -> dict[str, Any]:
        half = self.timeout / 2
        return {"connect_timeout": half, "read_timeout": half, "write_timeout": half}

    def prepare(self, engine: Engine) -> None:
        lock_wait = max(1, int(self.timeout / 2))  # whole seconds; a day, for a table, by default
        _leave_replicas(engine, self)

        @event.listens_for(engine, "connect")
        def set_up(connection: Any, record: Any) -> None:
            with contextlib.closing(connection.cursor()) as cursor:
                # Under REPEATABLE READ a condition on another table locks that table's rows too,
                # and gaps between rows are locked against inserts.
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
                cursor.execute(
                    f"SET SESSION innodb_lock_wait_timeout = {lock_wait}, "
                    f"lock_wait_timeout = {lock_wait}"
                )

    def next_numbers(self, connection: Connection, count: int) -> int | None:
        # The server has no UPDATE ... RETURNING; its idiom gives the number with the answer.
        statement = text(
            "UPDATE signet_store SET last_number = LAST_INSERT_ID(last_number + :count)"
        )
        result = connection.execute(statement, {"count": count})
        return result.lastrowid if result.rowcount else None

    def insert_session(self) -> Executable:
        insert = mysql.insert(sessions_table)
        return insert.on_duplicate_key_update(sid=sessions_table.c.sid)

    def upsert_revocation(self) -> Executable:
        insert, table = mysql.insert(revocations_table), revocations_table.c
        new = insert.inserted
        return insert.on_duplicate_key_update(
            number=new.number,
            expires_at=_later(new.expires_at, table.expires_at),
            not_before=new.not_before,
            except_sid=new.except_sid,
        )

    def is_transient(self, error: DBAPIError) -> bool:
        # deadlock; "record has changed since last read" of newer MariaDB
        return _code(error) in {1213, 1020}

    def trouble(self, error: DBAPIError) -> Trouble:
        code = _code(error)
        if code == 1290 and "read-only" not in str(error.orig):
            return ""  # another option than read_only stands in the way
        return _MYSQL_SAYS.get(code, "")

    @contextlib.contextmanager
    def upgrading(self, connection: Connection) -> Iterator[None]:
        # The server commits with every change of a table, so this is no transaction.
        name = "LEFT(CONCAT('signet upgrade ', DATABASE()), 64)"
        if not connection.exec_driver_sql(f"SELECT GET_LOCK({name}, {_PATIENCE})").scalar():
            raise StoreUnavailableError("Another upgrade of the session store is under way")
        try:
            connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {_PATIENCE}")
            yield
        finally:
            if not connection.invalidated:
                connection.exec_driver_sql(f"SELECT RELEASE_LOCK({name})")

    def findings(self, connection: Connection) -> list[Finding]:
        found = []
        read_only, flush = connection.exec_driver_sql(
            "SELECT @@global.read_only, @@global.innodb_flush_log_at_trx_commit"
        ).one()
        if read_only:
            found.append(
                Finding(
                    "error",
                    "read_only",
                    "the server has read_only=1: it is a replica",
                    "give the address of the primary",
                )
            )
        if flush != 1:
            found.append(
                Finding(
                    "warning",
                    "not_durable",
                    f"the server has innodb_flush_log_at_trx_commit={flush}: a crash can undo a "
                    "revocation",
                    "set innodb_flush_log_at_trx_commit=1",
                )
            )
        return found


_MYSQL_SAYS: Final[dict[int, Trouble]] = {
    1146: "not_set_up",  # no such table
    1054: "not_set_up",  # unknown column
    1290: "read_only",  # read_only=1
    1792: "read_only",  # in a read-only transaction
    1836: "read_only",  # in read-only mode
    1044: "no_rights",  # to the database
    1142: "no_rights",  # to the table
    1143: "no_rights",  # to a column
}


KINDS: dict[str, type[EngineKind]] = {
    "sqlite": SQLite,
    "postgresql": PostgreSQL,
    "mysql": MySQL,
    "mariadb": MySQL,
}
"""By the name of SQLAlchemy's dialect."""
