"""How one process learns what another one has revoked in a SQL database."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ...exceptions import StoreUnavailableError
from ...sessions.session import Revocation, seconds
from ...sessions.store import Synced
from . import statements
from .database import NOT_SET_UP, Database
from .engine import deadline
from .postgresql import CHANNEL
from .rows import to_revocation
from .schema import revocations_table

log: logging.Logger = logging.getLogger("flask_signet")

_KEPT: Final = 16
"""How many of the rows that it read last a follower keeps, to find them again."""

_ENTRY: Final = tuple(column.name for column in revocations_table.c)


class SqlFollower:
    """A :class:`~flask_signet.sessions.store.Follower` on a connection of its own.

    PostgreSQL announces a new entry on it. SQLite's ``PRAGMA data_version`` tells that the file has
    changed. Then, and only then, ``poll`` reads. MariaDB and MySQL have nothing of the kind.

    **Another past.** A store may be put back to an older state, and go on from there, while the
    connection lives. So the follower asks for the last entry that it read once more. A row of that
    number with another mark is of another past. If there is no such row, it was pruned, or its
    entry was written anew under a later number; or the past is another one. Then the follower goes
    back to the last row that it finds again: up to there the past is the same. It reads on from
    there, and if it finds none, from the beginning. An entry that comes twice does no harm.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._driver: Any = None
        self._identity: object = None  # of what the connection leads to
        self._rows: deque[tuple[Any, ...]] = deque(maxlen=_KEPT)  # those read last, by number
        self._store: tuple[int, str] = (0, "")  # the store's number and mark, when it was read
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
            return changed or self._leads_elsewhere()
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
        if self._connection is not None and self._leads_elsewhere():
            self._leave()
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

    # ── reading on ───────────────────────────────────────────────────────────────────────

    @property
    def _read(self) -> int:
        """The number of the last entry that was read; 0 if there is none."""
        return self._rows[-1][_ENTRY.index("number")] if self._rows else 0

    def _changes(self, limit: int) -> Sequence[Any]:
        """The last entry that was read, if it is still there, and a page of those after it."""
        connection = self._connection or self._connect()
        while True:
            asked = {"begin": self._read, "at_most": limit + bool(self._rows)}
            rows = connection.execute(statements.CHANGES, asked).all()
            if not rows or self._goes_on(rows[0]):
                return rows
            self._go_back(connection, rows[0])  # which leaves it fewer rows to find again

    def _goes_on(self, first: Row[Any]) -> bool:
        """Whether the store has the past that was read: it was not put back to an older state."""
        if not self._rows:
            return True
        if first.epoch != self._epoch:
            return False
        if first.number == self._read:
            return _entry(first) == self._rows[-1]
        return (first.last_number, first.store_mark) == self._store

    def _go_back(self, connection: Connection, store: Row[Any]) -> None:
        """Keep of the rows that were read those that are still there."""
        if store.epoch != self._epoch:
            self._rows.clear()
            return
        number = _ENTRY.index("number")
        asked = {"numbers": [row[number] for row in self._rows]}
        found = {row.number: _entry(row) for row in connection.execute(statements.NUMBERED, asked)}
        if store.last_number < self._read or any(
            found.get(row[number], row) != row for row in self._rows
        ):
            log.warning(
                "the session store has another past than before (it was restored from a backup, or "
                "a server took over that lacked the last writes): its list of revocations is read "
                "again"
            )
        same = [row for row in self._rows if found.get(row[number]) == row]
        self._rows = deque(same[:-1] if len(same) == len(self._rows) else same, maxlen=_KEPT)

    def _learn(self, rows: Sequence[Row[Any]], limit: int) -> Synced:
        store, read = rows[0], self._read
        complete = len(rows) < limit + bool(self._rows)
        news = [row for row in rows if row.number is not None and row.number > read]
        self._rows.extend(_entry(row) for row in news[-_KEPT:])
        self._epoch, self._store = store.epoch, (store.last_number, store.store_mark)
        return Synced(
            [to_revocation(row) for row in news],
            complete=complete,
            epoch=store.epoch,
            born_at=seconds(store.born_at),
        )

    # ── the connection ───────────────────────────────────────────────────────────────────

    def _leads_elsewhere(self) -> bool:
        """Whether the URL leads to another SQLite file than the connection."""
        database = self._database
        now = database.kind.identity(database.engine)
        # A file that has vanished must not come back empty, and an engine of the application's
        # would make it anew.
        return now != self._identity and not (now is None and database.is_shared)

    def _leave(self) -> None:
        log.warning(
            "the file of the session store was exchanged for another: its list of revocations is "
            "read again"
        )
        self._give_up()
        self._database.engine.dispose()  # none of the pool's connections is of use any more

    def _connect(self) -> Connection:
        self._identity = self._database.kind.identity(self._database.engine)
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
        self._rows.clear()
        self._seen_version = None
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


def _entry(row: Row[Any]) -> tuple[Any, ...]:
    """All of an entry: its mark, and what a process that writes no marks has written."""
    return tuple(getattr(row, name) for name in _ENTRY)
