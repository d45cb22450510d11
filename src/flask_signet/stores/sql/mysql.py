"""MariaDB and MySQL: tables of InnoDB, by PyMySQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from sqlalchemy import URL, Connection, Engine, Executable, Row, event
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

from ...exceptions import StoreUnavailableError
from ...sessions.store import Finding
from . import statements
from .engine import PATIENCE, EngineKind, Trouble, error_code, later, leave_replicas
from .schema import revocations_table, sessions_table

_TROUBLES: Final[dict[int, Trouble]] = {
    1146: "not_set_up",  # no such table
    1054: "not_set_up",  # unknown column
    1290: "read_only",  # read_only=1
    1792: "read_only",  # in a read-only transaction
    1836: "read_only",  # in read-only mode
    1044: "no_rights",  # to the database
    1142: "no_rights",  # to the table
    1143: "no_rights",  # to a column
}
"""By the server's error number."""


def _marked_bytes(url: URL) -> dict[str, Any]:
    """The argument that has PyMySQL before 1.2.1 mark bytes as bytes; later it always does.

    Unmarked, they are text to the server: it compares them by the rules of a language, without the
    index, and a log-in reads more rows the more sessions a user has.
    """
    if url.get_driver_name() != "pymysql":
        return {}
    import pymysql  # type: ignore[import-untyped] # it comes without types

    return {"binary_prefix": True} if pymysql.VERSION < (1, 2, 1) else {}


class MySQL(EngineKind):
    """MariaDB and MySQL, InnoDB, by PyMySQL."""

    drivers: ClassVar[dict[str, str]] = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
    extra: ClassVar[str] = "mysql"

    def connect_args(self, url: URL) -> dict[str, Any]:
        """See :meth:`.EngineKind.connect_args`."""
        half = self.timeout / 2
        timeouts: dict[str, Any] = {
            "connect_timeout": half,
            "read_timeout": half,
            "write_timeout": half,
        }
        return timeouts | _marked_bytes(url)

    def prepare(self, engine: Engine) -> None:
        """See :meth:`.EngineKind.prepare`."""
        # Whole seconds. The server's default for the lock of a table is a day.
        lock_wait = max(1, int(self.timeout / 2))
        leave_replicas(engine, self)

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

    def next_numbers(self, connection: Connection, count: int, mark: str) -> Row[Any] | None:
        """See :meth:`.EngineKind.next_numbers`. The server has no UPDATE ... RETURNING."""
        connection.execute(statements.COUNT_UP, {"count": count, "new_mark": mark})
        return connection.execute(statements.TURN).first()

    def clock(self, connection: Connection) -> int:
        """See :meth:`.EngineKind.clock`."""
        # Without an argument it knows of no time zone. It counts whole seconds.
        return int(connection.exec_driver_sql("SELECT UNIX_TIMESTAMP()").scalar_one()) * 1_000_000

    def insert_session(self) -> Executable:
        """See :meth:`.EngineKind.insert_session`."""
        insert = mysql.insert(sessions_table)
        return insert.on_duplicate_key_update(sid=sessions_table.c.sid)

    def upsert_revocation(self) -> Executable:
        """See :meth:`.EngineKind.upsert_revocation`."""
        insert, table = mysql.insert(revocations_table), revocations_table.c
        new = insert.inserted
        return insert.on_duplicate_key_update(
            number=new.number,
            expires_at=later(new.expires_at, table.expires_at),
            not_before=new.not_before,
            except_sid=new.except_sid,
            mark=new.mark,
        )

    def is_transient(self, error: DBAPIError) -> bool:
        """See :meth:`.EngineKind.is_transient`."""
        # deadlock; "record has changed since last read" of newer MariaDB
        return error_code(error) in {1213, 1020}

    def trouble(self, error: DBAPIError) -> Trouble:
        """See :meth:`.EngineKind.trouble`."""
        code = error_code(error)
        if code == 1290 and "read-only" not in str(error.orig):
            return ""  # it was refused by another option than read_only
        return _TROUBLES.get(code, "")

    @contextlib.contextmanager
    def upgrading(self, connection: Connection) -> Iterator[None]:
        """See :meth:`.EngineKind.upgrading`.

        The server commits with every change of a table, so this is no transaction.
        """
        name = "LEFT(CONCAT('signet upgrade ', DATABASE()), 64)"
        if not connection.exec_driver_sql(f"SELECT GET_LOCK({name}, {PATIENCE})").scalar():
            raise StoreUnavailableError("Another upgrade of the session store is under way")
        try:
            connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {PATIENCE}")
            yield
        finally:
            if not connection.invalidated:
                connection.exec_driver_sql(f"SELECT RELEASE_LOCK({name})")

    def findings(self, connection: Connection) -> list[Finding]:
        """See :meth:`.EngineKind.findings`."""
        found = []
        read_only, flush = connection.exec_driver_sql(
            "SELECT @@global.read_only, @@global.innodb_flush_log_at_trx_commit"
        ).one()
        if read_only:
            found.append(
                Finding(
                    level="error",
                    code="read_only",
                    message="the server has read_only=1: it is a replica",
                    mend="give the address of the primary",
                )
            )
        if flush != 1:
            found.append(
                Finding(
                    level="warning",
                    code="not_durable",
                    message=f"the server has innodb_flush_log_at_trx_commit={flush}: a crash can "
                    "undo a revocation",
                    mend="set innodb_flush_log_at_trx_commit=1",
                )
            )
        return found
