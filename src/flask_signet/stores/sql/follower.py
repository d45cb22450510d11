"""How one process learns what another one has revoked in a SQL database."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ...exceptions import StoreUnavailableError
from ...sessions.session import Revocation
from ...sessions.store import Synced
from . import statements
from .database import NOT_SET_UP, Database
from .engine import deadline
from .postgresql import CHANNEL
from .rows import to_revocation


class SqlFollower:
    """A :class:`~flask_signet.sessions.store.Follower` on a connection of its own.

    PostgreSQL announces a new entry on it. SQLite's ``PRAGMA data_version`` tells that the file has
    changed. Then, and only then, ``poll`` reads. MariaDB and MySQL have nothing of the kind.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
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
            # `_hear` gets those that arrived with a query's rows: they are newer than the rows.
            news, self._has_heard = self._has_heard, False
            while driver.pgconn.notifies() is not None:
                news = True
            return news
        return False

    def _hear(self, announcement: object) -> None:
        self._has_heard = True

    def sync(self, *, limit: int = 10_000) -> Synced:
        """See :meth:`.Follower.sync`."""
        end = time.monotonic() + self._database.timeout
        deadline.set(end)
        rows: Sequence[Any] = ()
        # A connection that broke while it was idle, in a restart of the server say, is worth
        # another attempt. The pool's next connection may have broken then as well; after that the
        # pool makes a new one.
        for tries_left in (2, 1, 0):
            try:
                rows = self._changes(limit)
                break
            except DBAPIError as error:
                self._give_up()
                again = tries_left and error.connection_invalidated and self._has_time(end)
                if not again:
                    raise self._database.unavailable(error) from error
            except PoolTimeoutError as error:
                raise StoreUnavailableError from error
        if not rows:
            self._give_up()
            raise StoreUnavailableError(NOT_SET_UP)
        return self._learn(rows, limit)

    def _has_time(self, end: float) -> bool:
        """Whether half of an operation's time is left: the attempt that failed did not hang."""
        return end - time.monotonic() > self._database.timeout / 2

    def _changes(self, limit: int) -> Sequence[Any]:
        connection = self._connection or self._connect()
        return connection.execute(statements.CHANGES, {"after": self._read, "at_most": limit}).all()

    def _learn(self, rows: Sequence[Row[Any]], limit: int) -> Synced:
        epoch, last_number = rows[0].epoch, rows[0].last_number
        entries = [to_revocation(row) for row in rows if row.number is not None]
        if (self._epoch and epoch != self._epoch) or last_number < self._read:
            # Another database than before, or one that lost its last writes in a fail-over.
            self._read, self._epoch = 0, epoch
            return Synced([], complete=False, epoch=epoch)
        complete = len(rows) < limit
        self._read = last_number if complete else rows[-1].number
        if entries:
            self._read = max(self._read, rows[-1].number)
        self._epoch = epoch
        return Synced(entries, complete, epoch)

    def _connect(self) -> Connection:
        connection = self._database.engine.connect()
        self._driver = connection.connection.driver_connection
        connection.detach()  # its place in the pool is free for others
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
            # SQLAlchemy has let go of a connection that broke, and did not close it: it was
            # detached.
            with contextlib.suppress(Exception):
                self._driver.close()

    def close(self) -> None:
        """See :meth:`.Follower.close`."""
        self._give_up()
