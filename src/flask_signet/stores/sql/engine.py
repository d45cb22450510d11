"""What differs between SQLite, PostgreSQL and MariaDB/MySQL: the parent of one class for each.

An :class:`EngineKind` sets connections up so that no operation hangs. It knows which errors are
worth another attempt, and it looks for what is wrong with a server's set-up.
"""

from __future__ import annotations

import contextlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, ClassVar, Final, Literal

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    Executable,
    Row,
    case,
    create_engine,
    event,
)
from sqlalchemy.exc import DBAPIError

from ...exceptions import ConfigurationError
from ...sessions.store import Finding
from . import statements
from .schema import revocations_table

RESTORE: Final = "restore it from a backup, or remove it and log everybody out"
"""How to mend a damaged file."""

PATIENCE: Final = 10
"""Seconds that an upgrade waits for a lock."""

Trouble = Literal["", "not_set_up", "corrupt", "read_only", "no_rights"]
"""What an operator has to mend, in the words of a finding's ``code``; empty for any other error."""

deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""When the current operation must be over, in seconds of the monotonic clock.

Each thread and each greenlet has its own. A thread-local variable would be shared by all requests
of gevent, if the application was imported before gevent patched threading (a server that preloads).
"""


def _no_rollback(_connection: object) -> None:
    """Nothing: a connection that commits by itself has nothing to roll back."""


class EngineKind(ABC):
    """How SQLite, PostgreSQL or MariaDB is spoken to.

    :param timeout: seconds that an operation takes at most.
    """

    begin: ClassVar[str] = "BEGIN"
    drivers: ClassVar[dict[str, str]] = {}
    extra: ClassVar[str] = "sql"

    #: How to mend that the application's user lacks a right.
    grant: ClassVar[str] = (
        "grant the application's user SELECT, INSERT, UPDATE and DELETE on the tables signet_*"
    )

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout

    def create(self, url: URL) -> Engine:
        """Make an engine whose every wait ends.

        All connections commit by themselves, and BEGIN and COMMIT are written out where there is a
        transaction: so one statement is one round trip. For the same reason nothing is rolled back
        when a connection is given back; none is given back with a transaction open.

        :raises ConfigurationError: if the driver is not installed.
        """
        if url.drivername in self.drivers:
            url = url.set(drivername=self.drivers[url.drivername])
        try:
            engine = create_engine(
                url,
                isolation_level="AUTOCOMMIT",
                pool_reset_on_return=None,
                # SQLAlchemy's default allows 15 connections too, but closes those beyond the
                # fifth after each rush, and makes them anew in the next.
                pool_size=15,
                max_overflow=0,
                pool_use_lifo=True,
                pool_timeout=self.timeout,  # the whole deadline: what waits is a burst, no fault
                connect_args=self.connect_args(url),
            )
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"{url.drivername}:// needs the package {error.name}: "
                f"pip install 'Flask-Signet[{self.extra}]'"
            ) from error
        # What `skip_autocommit_rollback` does in SQLAlchemy since 2.0.43, for those before it too.
        engine.dialect.do_rollback = _no_rollback  # type: ignore[assignment, method-assign]
        self.prepare(engine)
        return engine

    def connect_args(self, url: URL) -> dict[str, Any]:
        """Arguments for the driver's ``connect``."""
        return {}

    def prepare(self, engine: Engine) -> None:  # noqa: B027 - needing nothing is the default
        """Register the listeners that the engine's connections need."""

    def next_numbers(self, connection: Connection, count: int, mark: str) -> Row[Any] | None:
        """Take the next numbers for revocations. A row stays locked until the transaction ends.

        :param mark: the mark of the entries that get the numbers.
        :return: the row, as in :data:`.statements.TURN`, with the last of them; None if it is
            missing.
        """
        parameters = {"count": count, "new_mark": mark}
        return connection.execute(statements.TAKE_TURN, parameters).first()

    @abstractmethod
    def clock(self, connection: Connection) -> int:
        """The server's time in microseconds since 1970, whatever its time zone is."""

    def identity(self, engine: Engine) -> object:
        """What the engine's URL leads to at this moment; None where that can't be told."""
        return None

    @abstractmethod
    def insert_session(self) -> Executable:
        """Insert a session, unless its ``sid`` is there already."""

    @abstractmethod
    def upsert_revocation(self) -> Executable:
        """Insert an entry, or replace the one of the same kind and value, but never shorten it."""

    def announce(self, connection: Connection) -> None:  # noqa: B027 - not every engine can
        """Tell the followers, when the transaction commits, that there is a new entry."""

    def is_transient(self, error: DBAPIError) -> bool:
        """Whether the transaction lost against another one, and may succeed if it is repeated."""
        return False

    @abstractmethod
    def trouble(self, error: DBAPIError) -> Trouble:
        """What the operator has to mend; empty if the server is down or slow."""

    @contextlib.contextmanager
    def upgrading(self, connection: Connection) -> Iterator[None]:
        """One upgrade at a time. Where the engine can, all of it happens or nothing."""
        connection.exec_driver_sql(self.begin)
        try:
            self.lock_upgrades(connection)
            yield
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.invalidate()  # which rolls back
            raise

    def lock_upgrades(self, connection: Connection) -> None:  # noqa: B027 - BEGIN may be enough
        """Wait, in a transaction, until no other upgrade runs."""

    def findings(self, connection: Connection) -> list[Finding]:
        """What is wrong with the server's set-up."""
        return []


def leave_replicas(engine: Engine, kind: EngineKind) -> None:
    """Treat a server that refuses to write as a lost connection.

    After a fail-over the old connections still lead to what is now a replica. A new connection
    may reach the primary.
    """

    @event.listens_for(engine, "handle_error")
    def leave(context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        if isinstance(error, DBAPIError) and kind.trouble(error) == "read_only":
            context.is_disconnect = True


def requests_share_the_thread() -> bool:
    """Whether gevent has patched ``select``, so that a driver's own waiting blocks all requests.

    A driver looks for gevent when it is imported, if at all. A server that preloads imports the
    driver before gevent patches.
    """
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and monkey.is_module_patched("select")


def error_code(error: DBAPIError) -> Any:
    """The first argument of the driver's error: a number in PyMySQL, a text in SQLite."""
    return error.orig.args[0] if error.orig is not None and error.orig.args else None


def update_on_conflict(insert: Any) -> Executable:
    """``INSERT ... ON CONFLICT DO UPDATE`` of a revocation, as SQLite and PostgreSQL have it."""
    table, new = revocations_table.c, insert.excluded
    statement: Executable = insert.on_conflict_do_update(
        index_elements=[table.kind, table.value],
        set_={
            "number": new.number,
            "expires_at": later(new.expires_at, table.expires_at),
            "not_before": new.not_before,
            "except_sid": new.except_sid,
            "mark": new.mark,
        },
    )
    return statement


def later(new: Any, old: Any) -> Any:
    """The greater of two columns. SQLite and the other engines have different functions for it."""
    return case((new > old, new), else_=old)
