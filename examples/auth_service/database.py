"""The tables, and one engine per application."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, String, create_engine
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeDecorator

#: Seconds that a request waits for a connection, for a lock, and for an answer.
TIMEOUT = 2

_MILLISECONDS = 1000 * TIMEOUT
_LIBPQ = {
    "connect_timeout": TIMEOUT,
    "tcp_user_timeout": _MILLISECONDS,
    "options": f"-c statement_timeout={_MILLISECONDS} -c lock_timeout={_MILLISECONDS}",
}
_MYSQL = {
    "connect_timeout": TIMEOUT,
    "read_timeout": TIMEOUT,
    "write_timeout": TIMEOUT,
    # Sooner than the driver hangs up, which would leave open what became of the statement.
    "init_command": f"SET SESSION innodb_lock_wait_timeout = {TIMEOUT // 2}",
}
#: How each driver is told.
_CONNECT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "pysqlite": {"timeout": TIMEOUT},
    "psycopg": _LIBPQ,
    "psycopg2": _LIBPQ,
    "pymysql": _MYSQL,
    "mysqldb": _MYSQL,
}


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware also where the database (SQLite) forgets the time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back what was stored: an aware moment."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """The root of the tables."""


class User(Base):
    """Who can log in. The primary key is the identity in the tokens."""

    __tablename__ = "users"
    # Without AUTOINCREMENT, SQLite gives the id of a deleted user to the next one, and with it
    # whatever tokens are still out.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    roles: Mapped[list[str]] = mapped_column(JSON, default=lambda: ["user"])
    created: Mapped[datetime] = mapped_column(UtcDateTime, default=lambda: datetime.now(UTC))


class DisabledUser(Base):
    """A user who may not log in, and whose sessions end."""

    __tablename__ = "disabled_user"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )


class Database:
    """An engine and its sessions.

    A session is opened for one unit of work and closed at once, never for a whole request: a
    login waits for its turn to hash, and must not hold a connection meanwhile.
    """

    def __init__(self, url: str) -> None:
        self.engine = _make_engine(make_url(url))
        self.session = sessionmaker(self.engine, expire_on_commit=False)

    def create_tables(self) -> None:
        """Create what is missing. Several processes may do this at the same time.

        A file of SQLite's is for its owner alone, as are those that SQLite lays beside it.
        """
        file = sqlite_file(self.engine.url)
        if file is not None:
            file.touch(mode=0o600)
        with self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":
                # Readers and the writer don't wait for each other; the file remembers it.
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            for table in Base.metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))

    def close(self) -> None:
        """Close the connections, so that a forked child doesn't share them."""
        self.engine.dispose()


def sqlite_file(url: URL) -> Path | None:
    """The file that a URL of SQLite's names; None for any other."""
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or not name or name.startswith((":", "file:")):
        return None
    return Path(name)


def _make_engine(url: URL) -> Engine:
    arguments = _CONNECT_ARGUMENTS.get(url.get_driver_name(), {})
    return create_engine(
        url,
        poolclass=QueuePool,  # the default, but for SQLite in memory
        pool_timeout=TIMEOUT,
        # What the URL says itself is the operator's choice.
        connect_args={name: arguments[name] for name in arguments.keys() - url.query.keys()},
    )
