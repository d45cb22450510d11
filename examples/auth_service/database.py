"""The tables, and one engine per application."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, String, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeDecorator


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


class RevokedToken(Base):
    """A token that was handed back before its end."""

    __tablename__ = "revoked_token"

    jti: Mapped[str] = mapped_column(String(255), primary_key=True)
    #: Seconds since the epoch; NULL for a token that never expires.
    expires_at: Mapped[int | None] = mapped_column(BigInteger, index=True)


class Database:
    """An engine and its sessions.

    A session is opened for one unit of work and closed at once, never for a whole request: a
    login waits for its turn to hash, and must not hold a connection meanwhile.
    """

    def __init__(self, url: str) -> None:
        self.engine = create_engine(make_url(url))
        self.session = sessionmaker(self.engine, expire_on_commit=False)

    def create_tables(self) -> None:
        """Create what is missing. Several processes may do this at the same time."""
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
