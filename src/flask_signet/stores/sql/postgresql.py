"""PostgreSQL, by psycopg or another driver of the application's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from sqlalchemy import URL, Connection, Engine, Executable, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from ...sessions.store import Finding
from .bounded_psycopg import bounded_connection
from .engine import PATIENCE, EngineKind, Trouble, leave_replicas, update_on_conflict
from .schema import revocations_table, sessions_table

CHANNEL: Final = "signet_revocations"
"""The name under which PostgreSQL announces that there is a new revocation."""

_UPGRADES: Final = 0x5167_6E65_74  # the advisory lock's number: "Signet"

_TROUBLES: Final[dict[str, Trouble]] = {
    "42P01": "not_set_up",  # undefined_table
    "42703": "not_set_up",  # undefined_column
    "25006": "read_only",  # read_only_sql_transaction
    "42501": "no_rights",  # insufficient_privilege
}
"""By SQLSTATE."""


class PostgreSQL(EngineKind):
    """By psycopg, whose every wait ends at the operation's deadline.

    The server's own ``statement_timeout`` does not help when the server is stopped or gone.
    """

    drivers: ClassVar[dict[str, str]] = {
        "postgresql": "postgresql+psycopg",
        "postgres": "postgresql+psycopg",
    }
    extra: ClassVar[str] = "postgresql"

    # The conditional writes are made for this level. At a stricter one, which a server or an
    # application may have set, every two concurrent writes would be an error to repeat.
    begin = "BEGIN ISOLATION LEVEL READ COMMITTED"

    def connect_args(self, url: URL) -> dict[str, Any]:
        """See :meth:`.EngineKind.connect_args`."""
        whole = max(2, round(self.timeout))  # libpq takes whole seconds, at least 2
        milliseconds = int(1000 * self.timeout)
        settings = {
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": 10 * milliseconds,
            "default_transaction_isolation": r"read\ committed",
        }
        options = [f"-c {name}={value}" for name, value in settings.items()]
        # The URL's own options come last, so that they hold.
        given = url.query.get("options", ())  # one, or several in a tuple
        options += (given,) if isinstance(given, str) else given
        return {"connect_timeout": whole, "options": " ".join(options)}

    def prepare(self, engine: Engine) -> None:
        """See :meth:`.EngineKind.prepare`."""
        if engine.dialect.driver != "psycopg":
            return
        bounded = bounded_connection(engine.dialect.dbapi, self.timeout)
        leave_replicas(engine, self)

        @event.listens_for(engine, "do_connect")
        def connect(dialect: Any, record: Any, args: Any, params: Any) -> Any:
            return bounded.connect(*args, **params)

    def insert_session(self) -> Executable:
        """See :meth:`.EngineKind.insert_session`."""
        return postgresql.insert(sessions_table).on_conflict_do_nothing()

    def upsert_revocation(self) -> Executable:
        """See :meth:`.EngineKind.upsert_revocation`."""
        return update_on_conflict(postgresql.insert(revocations_table))

    def clock(self, connection: Connection) -> int:
        """See :meth:`.EngineKind.clock`."""
        epoch = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
        return int(connection.exec_driver_sql(epoch).scalar_one())

    def announce(self, connection: Connection) -> None:
        """See :meth:`.EngineKind.announce`."""
        connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})

    def is_transient(self, error: DBAPIError) -> bool:
        """See :meth:`.EngineKind.is_transient`."""
        # serialization_failure, deadlock_detected
        return getattr(error.orig, "sqlstate", None) in {"40001", "40P01"}

    def trouble(self, error: DBAPIError) -> Trouble:
        """See :meth:`.EngineKind.trouble`."""
        return _TROUBLES.get(getattr(error.orig, "sqlstate", None) or "", "")

    def lock_upgrades(self, connection: Connection) -> None:
        """See :meth:`.EngineKind.lock_upgrades`."""
        # A statement that waits for a table's lock blocks all statements that come after it.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADES})")

    def findings(self, connection: Connection) -> list[Finding]:
        """See :meth:`.EngineKind.findings`."""
        rows = connection.exec_driver_sql(
            "SELECT name, setting FROM pg_settings WHERE name IN "
            "('fsync', 'synchronous_commit', 'transaction_read_only')"
        )
        found = _settings_findings({row.name: row.setting for row in rows})
        driver = connection.engine.dialect.driver
        if driver != "psycopg":
            found.append(
                Finding(
                    level="warning",
                    code="unbounded",
                    message=f"the driver {driver} can hang longer than the timeout when the server "
                    "does",
                    mend="use postgresql+psycopg://",
                )
            )
        return found


def _settings_findings(settings: Mapping[str, str]) -> list[Finding]:
    found = [
        Finding(
            level="warning",
            code="not_durable",
            message=f"PostgreSQL has {name}=off: a crash can undo a revocation",
            mend=f"set {name}=on",
        )
        for name in ("fsync", "synchronous_commit")
        if settings.get(name) == "off"
    ]
    if settings.get("transaction_read_only") == "on":
        found.append(
            Finding(
                level="error",
                code="read_only",
                message="PostgreSQL takes no writes here: it is a replica, or read-only by setting",
                mend="give the address of the primary (target_session_attrs=read-write)",
            )
        )
    return found
