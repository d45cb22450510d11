"""The store's engine: its connections, and how an operation runs on one of them.

An operation ends within the timeout. It is repeated if it lost a race or its connection; what goes
wrong after that is a :class:`~flask_signet.exceptions.StoreUnavailableError`.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ...exceptions import ConfigurationError, StoreUnavailableError
from .engine import EngineKind, Trouble, deadline
from .joining import of_session, transactions_on
from .mysql import MySQL
from .postgresql import PostgreSQL
from .sqlite import SQLite

Answer = TypeVar("Answer")

KINDS: Final[dict[str, type[EngineKind]]] = {
    "sqlite": SQLite,
    "postgresql": PostgreSQL,
    "mysql": MySQL,
    "mariadb": MySQL,
}
"""By the name of SQLAlchemy's dialect."""

COMMIT_FIRST: Final = (
    "This request has written to the same SQLite file and not committed: commit before it "
    "refreshes, logs out or revokes"
)

NOT_SET_UP: Final = "The session store is not set up: run `flask jwt store upgrade`"

TROUBLES: Final[dict[Trouble, str]] = {
    "not_set_up": NOT_SET_UP,
    "corrupt": "The session store's file is damaged",
    "read_only": "The session store takes no writes",
    "no_rights": "The session store may not be used: a right is missing",
}
"""The message of the error, by what the operator has to mend."""


class HasEngine(Protocol):
    """An object with an engine, such as Flask-SQLAlchemy's ``db``."""

    @property
    def engine(self) -> Engine:
        """The engine of the application."""
        ...


class Database:
    """The engine of one store. Safe for threads, and after a fork.

    :param bind: a URL; or an engine, or an object with one, whose pool it shares.
    :param timeout: seconds that an operation takes at most. It holds for a URL; an engine of the
        application's has the timeouts that the application gave it.
    :raises ConfigurationError: if the URL can't be used.
    """

    def __init__(self, bind: str | URL | Engine | HasEngine, timeout: float) -> None:
        self.bind = bind
        self.timeout = timeout
        self._pid = os.getpid()
        self._inherited: list[object] = []
        self._own: Engine | None = None
        self._kind: EngineKind | None = None
        self._shared: Engine | None = None
        self._owed: list[Callable[[Connection], object]] = []
        if isinstance(bind, Engine) and bind.dialect.name == "sqlite":
            transactions_on(bind)  # from now on: a request may have begun when we are first asked
        if isinstance(bind, str | URL):
            url = make_url(bind)
            name = url.drivername.partition("+")[0]
            self._kind = _kind("postgresql" if name == "postgres" else name, timeout)
            self._own = self._kind.create(url)

    @property
    def engine(self) -> Engine:
        """The engine. With Flask-SQLAlchemy it needs an application context at first use."""
        if self._own is not None:
            if self._pid != os.getpid():
                self._forget_parent()
            return self._own
        if self._shared is None:
            bound = self.bind if isinstance(self.bind, Engine) else self.bind.engine  # type: ignore[union-attr]  # a text has an engine of its own
            self._shared = bound.execution_options(isolation_level="AUTOCOMMIT")
        return self._shared

    @property
    def kind(self) -> EngineKind:
        """How this engine is spoken to."""
        if self._kind is None:
            self._kind = _kind(self.engine.dialect.name, self.timeout)
        return self._kind

    @property
    def kind_name(self) -> str:
        """The name of the kind, for a ``repr``; nothing is connected for it."""
        return type(self._kind).__name__

    @property
    def is_shared(self) -> bool:
        """Whether the engine is the application's."""
        return self._own is None

    @property
    def announces(self) -> bool:
        """Whether a follower's ``poll`` hears of a revocation; where not, ask at each check."""
        dialect = self.engine.dialect
        return dialect.name == "sqlite" or (dialect.name, dialect.driver) == (
            "postgresql",
            "psycopg",
        )

    def _forget_parent(self) -> None:
        # After a fork both processes would write to one socket. The parent's connections are kept
        # here, unused: the garbage collector would close them, and a process that never opened an
        # SQLite file must not do to it what closing does.
        assert self._own is not None  # noqa: S101 - for the type checker
        self._inherited.append(self._own.pool)
        self._own.dispose(close=False)
        self._pid = os.getpid()

    def join(self, work: Callable[[Connection], Answer], *, stays: bool = False) -> Answer:
        """Run the work in the application's transaction where it must, else as :meth:`run` does.

        What is written then stays if the application commits, and goes if it rolls back.

        :param stays: the work is done again before the next write, in case it was rolled back.
        """
        theirs = self._open_transaction()
        if theirs is None:
            self._pay()
            return self.run(work)
        if stays:
            self._owed.append(work)
        with theirs.begin_nested():
            return work(theirs)

    def write(self, work: Callable[[Connection], Answer]) -> Answer:
        """As :meth:`run`, for work that writes and that no roll-back may undo.

        :raises StoreUnavailableError: at once, if the application holds the lock of SQLite.
        """
        if self._open_transaction() is not None:
            raise StoreUnavailableError(COMMIT_FIRST)
        self._pay()
        return self.run(work)

    def _pay(self) -> None:
        """Do what a roll-back of the application's may have undone."""
        for owed in list(self._owed):
            self.run(owed)
            with contextlib.suppress(ValueError):  # another thread has paid as well
                self._owed.remove(owed)

    def _open_transaction(self) -> Connection | None:
        """The application's transaction in this thread that holds the lock of SQLite, if any."""
        if self._own is not None or self.engine.dialect.name != "sqlite":
            return None
        if isinstance(self.bind, Engine):
            return transactions_on(self.bind).writing(self.engine)
        return of_session(self.bind, self.bind.engine)  # type: ignore[union-attr]  # not a text

    def run(self, work: Callable[[Connection], Answer]) -> Answer:
        """Run the work on a connection, and again if it lost a race or its connection.

        All work that runs here may be repeated, see :mod:`flask_signet.sessions.store`.

        :raises StoreUnavailableError: if it fails for good, or does not succeed in time.
        """
        engine, kind = self.engine, self.kind
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
                # A connection that was idle while the server restarted fails at its first use, and
                # a new one may succeed. An error without a statement is of a connection that could
                # not be made: it is about the server as it is now.
                lost = error.connection_invalidated and bool(error.statement) and not reconnected
                again = lost or kind.is_transient(error)
                if not again or time.monotonic() >= end:
                    raise self.unavailable(error) from error
                reconnected = reconnected or error.connection_invalidated
                # Of transactions that blocked each other at least one has succeeded.
                time.sleep(0 if lost else min(0.002 * attempt, 0.02))
        raise AssertionError("unreachable")

    def unavailable(self, error: DBAPIError) -> StoreUnavailableError:
        """The error to raise: it says what the operator has to mend, if that is known."""
        trouble = self.kind.trouble(error)
        return StoreUnavailableError(TROUBLES[trouble]) if trouble else StoreUnavailableError()

    @contextlib.contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """All statements in it commit together, or none does."""
        if connection.engine is not self.engine:  # the application's, see `join`
            with connection.begin_nested():
                yield
            return
        connection.exec_driver_sql(self.kind.begin)
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

    def close(self) -> None:
        """Close the connections, if they are our own. The next operation opens new ones."""
        if self._own is not None:
            self.engine.dispose()


def _kind(name: str, timeout: float) -> EngineKind:
    if name not in KINDS:
        raise ConfigurationError(
            f"a session store can't be kept in {name}; take {', '.join(KINDS)}"
        )
    return KINDS[name](timeout)
