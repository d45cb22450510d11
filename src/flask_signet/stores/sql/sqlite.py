"""SQLite: one file, any number of processes on one machine, with a write-ahead log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, Executable, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, DisconnectionError

from ...exceptions import ConfigurationError
from ...sessions.session import microseconds
from ...sessions.store import Finding
from .engine import (
    RESTORE,
    EngineKind,
    Trouble,
    error_code,
    requests_share_the_thread,
    update_on_conflict,
)
from .schema import revocations_table, sessions_table

_CAN_T_OPEN: Final = "unable to open database file"
_LOCKED: Final = "database is locked"

_TROUBLES: Final[tuple[tuple[str, Trouble], ...]] = (
    ("no such table", "not_set_up"),
    ("no such column", "not_set_up"),
    ("has no column named", "not_set_up"),
    ("malformed", "corrupt"),
    ("not a database", "corrupt"),
    ("readonly database", "read_only"),
    (_CAN_T_OPEN, "no_rights"),
)
"""What the words of an error message mean. SQLite's module has no finer codes."""


def _refuse_without_folder(file: Path) -> None:
    # SQLite says "unable to open" of a folder that is not there, as of one without rights.
    if not file.parent.exists():
        raise ConfigurationError(
            f"the folder {file.parent} of the SQLite file is not there: make it, and run "
            "`flask jwt store upgrade` again"
        )


_IDENTITY: Final = "signet_identity"
"""Where the pool's record of a connection says to which file it leads."""


def _file(url: URL) -> Path | None:
    """The file of a URL; None for what is in memory, and for SQLite's own ``file:`` URIs."""
    if url.database in (None, "", ":memory:") or str(url.database).startswith("file:"):
        return None
    return Path(str(url.database)).absolute()


def _identity(file: Path | None) -> tuple[int, int] | None:
    """The device and the inode of what has the file's name now: another file has others."""
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


class SQLite(EngineKind):
    """One file, any number of processes on one machine; write-ahead log."""

    # The write lock is taken at once. A transaction that reads first and writes later can be
    # refused without any waiting, and repeating the statement does not help.
    begin = "BEGIN IMMEDIATE"

    #: Whether a missing file is made. Only ``upgrade`` may: a file that has vanished must not come
    #: back empty, with nothing revoked.
    may_create = False

    grant = "give the application's user the right to write the file and its folder"

    def connect_args(self, url: URL) -> dict[str, Any]:
        """See :meth:`.EngineKind.connect_args`."""
        return {"timeout": 0.7 * self.timeout}  # the busy timeout, seconds

    #: The file of the engine: its name as it was meant when it was first looked at.
    file: Path | None = None

    def identity(self, engine: Engine) -> tuple[int, int] | None:
        """See :meth:`.EngineKind.identity`."""
        self.file = self.file or _file(engine.url)
        return _identity(self.file)

    def clock(self, connection: Connection) -> int:
        """See :meth:`.EngineKind.clock`. There is no server: it is this machine's."""
        return microseconds(time.time())

    def create(self, url: URL) -> Engine:
        """See :meth:`.EngineKind.create`.

        :raises ConfigurationError: if the URL names no file.
        """
        if url.database in (None, "", ":memory:"):
            raise ConfigurationError(
                "sqlite:// needs a file, as in sqlite:////var/lib/app/sessions.sqlite3 "
                "(in memory every connection would have its own: use memory://)"
            )
        return super().create(url)

    def prepare(self, engine: Engine) -> None:
        """See :meth:`.EngineKind.prepare`."""
        file = self.file = _file(engine.url)

        @event.listens_for(engine, "do_connect")
        def refuse_to_create(dialect: Any, record: Any, args: Any, params: Any) -> None:
            if file is None:
                return
            # Before the file is opened: if it is exchanged meanwhile, the next checkout sees it.
            record.info[_IDENTITY] = _identity(file)
            if self.may_create:
                _refuse_without_folder(file)
                return
            try:
                file.stat()
            except (FileNotFoundError, NotADirectoryError):
                raise dialect.dbapi.OperationalError("no such table: no such file") from None
            except OSError as error:
                raise dialect.dbapi.OperationalError(_CAN_T_OPEN) from error

        @event.listens_for(engine, "checkout")
        def leave_another_file(connection: Any, record: Any, proxy: Any) -> None:
            # Whoever restores a backup gives its name to another file. A connection to the old one
            # would write revocations where nobody reads them.
            if file is None or self.may_create:
                return
            if record.info[_IDENTITY] != _identity(file):
                raise DisconnectionError("the SQLite file was exchanged")

        @event.listens_for(engine, "connect")
        def make_durable(connection: Any, record: Any) -> None:
            # FULL is the default, but a build of SQLite may have another. With FULL a revocation
            # survives a power failure.
            connection.execute("PRAGMA synchronous=FULL")
            if requests_share_the_thread():
                connection.execute("PRAGMA busy_timeout=0")

    def insert_session(self) -> Executable:
        """See :meth:`.EngineKind.insert_session`."""
        return sqlite.insert(sessions_table).on_conflict_do_nothing()

    def upsert_revocation(self) -> Executable:
        """See :meth:`.EngineKind.upsert_revocation`."""
        return update_on_conflict(sqlite.insert(revocations_table))

    def is_transient(self, error: DBAPIError) -> bool:
        """See :meth:`.EngineKind.is_transient`.

        Elsewhere SQLite itself waits for a lock. Under gevent that would block all other requests,
        so there the operation is repeated.
        """
        return _LOCKED in str(error_code(error)) and requests_share_the_thread()

    def trouble(self, error: DBAPIError) -> Trouble:
        """See :meth:`.EngineKind.trouble`."""
        message = str(error_code(error))
        for words, trouble in _TROUBLES:
            if words in message:
                return trouble
        return ""

    def findings(self, connection: Connection) -> list[Finding]:
        """See :meth:`.EngineKind.findings`."""
        found = []
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        if mode != "wal":
            found.append(
                Finding(
                    level="warning",
                    code="no_wal",
                    message=f"the SQLite file has journal_mode {mode}: readers and writers wait "
                    "for each other",
                    mend="run `flask jwt store upgrade`",
                )
            )
        verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if verdict != "ok":
            found.append(
                Finding(
                    level="error",
                    code="corrupt",
                    message=f"the SQLite file is damaged: {verdict}",
                    mend=RESTORE,
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
                    level="error",
                    code="read_only",
                    message=f"the SQLite file can't be written: {error.orig}",
                    mend=self.grant,
                )
            ]
        return []
