"""The tables, and one engine per application."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, String, create_engine
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeDecorator

#: Seconds that a request waits for a connection, for a lock, and for an answer, each.
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
    # Shorter than the driver's time-out, after which nobody knows whether the statement ran.
    "init_command": f"SET SESSION innodb_lock_wait_timeout = {TIMEOUT // 2}",
}
#: The arguments of each driver that set these times.
_CONNECT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "pysqlite": {"timeout": TIMEOUT},
    "psycopg": _LIBPQ,
    "psycopg2": _LIBPQ,
    "pymysql": _MYSQL,
    "mysqldb": _MYSQL,
}


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC with its time zone, even if the database (SQLite) does not store the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The stored moment, with its time zone."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """The root of the tables."""


class User(Base):
    """A user who can log in. The primary key is the identity in the tokens."""

    __tablename__ = "users"
    # Without AUTOINCREMENT, SQLite gives the id of a deleted user to the next new user, who could
    # then use the tokens of the deleted one.
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


class Note(Base):
    """What the service has done once, by name."""

    __tablename__ = "notes"

    name: Mapped[str] = mapped_column(String(50), primary_key=True)


class Database:
    """An engine and its sessions.

    A session is open for one unit of work, never for a whole request: a login may have to wait
    until its password is hashed, and must not hold a connection during that time.
    """

    def __init__(self, url: str) -> None:
        self.engine = _make_engine(make_url(url))
        self.session = sessionmaker(self.engine, expire_on_commit=False)

    def create_tables(self) -> None:
        """Create the tables that are missing. Several processes may do this at the same time.

        Only the owner may read the file of SQLite, and the files that SQLite makes beside it.
        """
        file = sqlite_file(self.engine.url)
        if file is not None:
            file.touch(mode=0o600)
        with self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":
                # Readers and the writer don't wait for each other. The file keeps this mode.
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            for table in Base.metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))

    def note(self, name: str) -> bool:
        """Note that something was done.

        :return: whether it is noted for the first time.
        """
        try:
            with self.session.begin() as session:
                session.add(Note(name=name))
        except IntegrityError:
            return False
        return True

    def close(self) -> None:
        """Close the connections, so that a forked child doesn't share them."""
        self.engine.dispose()


def sqlite_file(url: URL) -> Path | None:
    """The file that a URL of SQLite names; None for any other URL."""
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or not name or name.startswith((":", "file:")):
        return None
    return Path(name)


def _make_engine(url: URL) -> Engine:
    arguments = _CONNECT_ARGUMENTS.get(url.get_driver_name(), {})
    return create_engine(
        url,
        poolclass=QueuePool,  # the default, except for SQLite in memory
        pool_timeout=TIMEOUT,
        # An argument in the URL is the operator's choice and stays.
        connect_args={name: arguments[name] for name in arguments.keys() - url.query.keys()},
    )
