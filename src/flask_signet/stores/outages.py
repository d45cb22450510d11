"""Whether an error says that a database did not answer: those of an application's own blocklist.

A driver is looked for among the modules that are loaded: an error of a driver can't come from one
that is not. Nothing is imported.
"""

from __future__ import annotations

import sys
from typing import Any, Final

_REDIS: Final = ("redis.exceptions", "valkey.exceptions")
_NO_ANSWER: Final = ("ConnectionError", "TimeoutError", "ClusterDownError", "MasterDownError")
_SQLALCHEMY: Final = "sqlalchemy.exc"

_SQLITE_BUSY: Final = (5, 6)
_NO_RESOURCES: Final = ("53", "57")  # SQLSTATE classes: too many connections, cancelled, shut down


def is_outage(error: BaseException) -> bool:
    """Whether a database or a server did not answer; everything else is a mistake in a program.

    An outage is

    - Python's ``ConnectionError`` and ``TimeoutError``,
    - redis-py's and valkey-py's of these names, and a Cluster that is down,
    - an error of SQLAlchemy about a connection: none could be made, it was lost, none was free in
      time, or the database was locked or gave up. A statement that is wrong is no outage.
    """
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    if any(_is_of(error, module, *_NO_ANSWER) for module in _REDIS):
        return True
    return _is_of(error, _SQLALCHEMY, "TimeoutError") or _is_sql_outage(error)


def _is_of(error: BaseException, module: str, *names: str) -> bool:
    """Whether an error is of one of a module's classes, where the module is loaded."""
    loaded = sys.modules.get(module)
    classes = tuple(getattr(loaded, name) for name in names if hasattr(loaded, name))
    return isinstance(error, classes)


def _is_sql_outage(error: Any) -> bool:
    if not _is_of(error, _SQLALCHEMY, "DBAPIError"):
        return False
    if error.connection_invalidated:
        return True
    if not _is_of(error, _SQLALCHEMY, "OperationalError", "InterfaceError"):
        return False
    if error.statement is None:  # there was no connection to send one by
        return True
    code = getattr(error.orig, "sqlite_errorcode", 0)
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or ""
    return code & 0xFF in _SQLITE_BUSY or state[:2] in _NO_RESOURCES
