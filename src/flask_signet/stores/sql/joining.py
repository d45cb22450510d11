"""A transaction of the application's that is open in this thread, on the engine that we share.

SQLite has one writer. If a request has written with the application's own connection, a connection
of ours would wait, until a timeout, for the lock that this very request holds. So a log-in is
written in the request's transaction. A refresh or a log-out, which no roll-back may undo, is
refused at once.
"""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakKeyDictionary, ref

from sqlalchemy import Connection, Engine, event

from ...forks import own_lock


class OpenTransactions:
    """The application's transactions on one engine, by the thread that began them."""

    def __init__(self, engine: Engine) -> None:
        self._by_thread: dict[int, list[ref[Connection]]] = {}
        event.listen(engine, "begin", self._begun)
        event.listen(engine, "commit", self._over)
        event.listen(engine, "rollback", self._over)

    def _begun(self, connection: Connection) -> None:
        self._by_thread.setdefault(threading.get_ident(), []).append(ref(connection))

    def _over(self, connection: Connection) -> None:
        here = threading.get_ident()
        others = [
            each for each in self._by_thread.get(here, ()) if each() not in (None, connection)
        ]
        if others:
            self._by_thread[here] = others
        else:
            self._by_thread.pop(here, None)

    def writing(self, ours: Engine) -> Connection | None:
        """The connection of this thread that has written and not committed, if there is one.

        :param ours: the engine of the store's own connections, which don't count.
        """
        for each in reversed(self._by_thread.get(threading.get_ident(), ())):
            connection = each()
            if connection is not None and connection.engine is not ours and has_written(connection):
                return connection
        return None


def has_written(connection: Connection) -> bool:
    """Whether an SQLite connection has a transaction open in which something was written.

    Python's driver begins one before the first INSERT, UPDATE or DELETE, and not for a SELECT.
    """
    if connection.closed or connection.invalidated:
        return False
    driver: Any = connection.connection.dbapi_connection
    return bool(getattr(driver, "in_transaction", False))


def of_session(bind: Any, engine: Engine) -> Connection | None:
    """The same for the session of Flask-SQLAlchemy's ``db``.

    :param bind: the object with an engine; it may have no session.
    """
    scoped = getattr(bind, "session", None)
    registry = getattr(scoped, "registry", None)
    if scoped is None or registry is None or not registry.has():
        return None
    session = scoped()
    if not session.in_transaction():
        return None
    connection: Connection = session.connection(bind_arguments={"bind": engine})
    return connection if has_written(connection) else None


_followed: WeakKeyDictionary[Engine, OpenTransactions] = WeakKeyDictionary()
_lock = own_lock()


def transactions_on(engine: Engine) -> OpenTransactions:
    """The open transactions of an engine: it is listened to once, for all stores that share it."""
    with _lock():
        found = _followed.get(engine)
        if found is None:
            found = _followed[engine] = OpenTransactions(engine)
        return found
