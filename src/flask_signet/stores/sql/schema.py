"""The tables of the SQL store, as a ``MetaData`` that Alembic can see, and how they change.

``from flask_signet.stores.sql import metadata`` and add it to ``target_metadata``; or let
``flask jwt store upgrade`` make the tables. With Alembic run it as well, once: it names the store.

Times are whole microseconds since 1970 in a ``BIGINT``: exact on every engine, compared as
integers, and unchanged by any driver. Some drivers round a ``DOUBLE``; some engines drop the
fraction of a ``DATETIME`` or add a time zone to it.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    inspect,
    text,
)
from sqlalchemy import Text as LongText
from sqlalchemy.dialects.mysql import MEDIUMTEXT, VARBINARY
from sqlalchemy.schema import CreateColumn
from sqlalchemy.types import TypeEngine

from ...sessions.session import (
    MAX_ADDRESS,
    MAX_ID,
    MAX_LABEL,
    MAX_MEMO,
    MAX_REPLACED_TEXT,
    MAX_SUBJECT,
    MAX_USER_AGENT,
)

Step = Callable[[Connection], object]


def _add_columns(connection: Connection, table: Table, *names: str) -> None:
    """Add columns with a default to a table, those that are not there yet."""
    known = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for name in names:
        if name not in known:
            column = CreateColumn(metadata.tables[table.name].c[name])
            described = column.compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {described}")


def _remember_more(connection: Connection) -> None:
    """Step 4: how long tokens live, since when the store remembers, and by which writes."""
    # The index comes first. In PostgreSQL a column locks out readers too, until the transaction
    # ends, and with a large table the index takes a while.
    for index in metadata.tables[sessions_table.name].indexes:
        if index.name == "signet_sessions_live":
            index.create(connection, checkfirst=True)
    _add_columns(connection, sessions_table, "last_user_agent", "last_address")
    _add_columns(connection, revocations_table, "mark")
    _add_columns(connection, store_table, "mark", "born_at", "session_life", "token_life")


STEPS: Final[dict[int, Step]] = {
    2: lambda connection: keys_table.create(connection, checkfirst=True),
    3: lambda connection: _add_columns(connection, sessions_table, "replaced", "unseen"),
    4: _remember_more,
}
"""By the number of a version of the schema: the step to it from the version before.

A new store is made as :data:`metadata` says; an older store goes from step to step. A new version
changes both: the tables below, and this. Version 1 is the first, and no step makes it.

Each step is written together with its number: in one transaction in SQLite and PostgreSQL. MariaDB
and MySQL commit with every change of a table, and the application's Alembic may have run before.
So a step looks for what is done already, and may be repeated. Processes with the version before go
on during the step and after it: while a service is rolled out, both versions are at work.
"""


def newest_version() -> int:
    """The version of the schema that this package needs.

    The version of a store's schema is in its table ``signet_store``.
    """
    return max(STEPS, default=1)


_MYSQL: Final = ("mysql", "mariadb")


class Text(TypeDecorator[str]):
    """A text of at most ``length`` characters, compared one by one.

    Every collation that all versions of MariaDB and MySQL have treats "a" and "a " as equal, and
    most treat "a" and "A" as equal. So there the text is kept as bytes, in UTF-8.
    """

    impl: Any = String
    cache_ok: bool | None = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.characters: int = length

    def plain(self) -> TypeEngine[Any]:
        """The same column without the conversion to bytes.

        A migration needs no more, and then imports nothing of this package.
        """
        as_bytes = VARBINARY(4 * self.characters)
        return String(self.characters).with_variant(as_bytes, *_MYSQL)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(VARBINARY(4 * self.characters))
        return dialect.type_descriptor(String(self.characters))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | bytes | None:
        if value is None or dialect.name not in _MYSQL:
            return value
        return value.encode()

    def process_result_value(self, value: str | bytes | None, dialect: Dialect) -> str | None:
        return value.decode() if isinstance(value, bytes | bytearray) else value


def _column(
    name: str, kind: TypeEngine[Any], *, key: bool = False, default: str | None = None
) -> Column[Any]:
    """A column that is never null.

    :param default: in SQL: what a process of an older version, which does not know the column,
        writes.
    """
    return Column(
        name,
        kind,
        primary_key=key,
        nullable=False,
        autoincrement=False,
        server_default=None if default is None else text(default),
    )


_tables: Final = MetaData()  # with the type Text, for the store's own statements

_INNODB: Final[dict[str, Any]] = {"mysql_engine": "InnoDB", "mariadb_engine": "InnoDB"}

store_table: Table = Table(
    "signet_store",
    _tables,
    _column("id", Integer(), key=True),  # always 1
    _column("version", Integer()),
    _column("epoch", Text(32)),
    # The number of the newest revocation. The lock of this row makes the numbers rise in the order
    # in which the entries become visible: a follower that has read a number has missed none below.
    _column("last_number", BigInteger()),
    # Since version 4, as the rest. Drawn at random by whoever takes numbers; the entries have it
    # too. So a follower sees whether the past that it has read is still the store's.
    _column("mark", Text(32), default="''"),
    _column("born_at", BigInteger(), default="0"),
    # How long tokens live, in microseconds: SessionStore.cover.
    _column("session_life", BigInteger(), default="0"),
    _column("token_life", BigInteger(), default="0"),
    **_INNODB,
)

sessions_table: Table = Table(
    "signet_sessions",
    _tables,
    _column("sid", Text(MAX_ID), key=True),
    _column("subject", Text(MAX_SUBJECT)),
    _column("jti", Text(MAX_ID)),
    _column("previous_jti", Text(MAX_ID)),
    _column("created_at", BigInteger()),
    _column("rotated_at", BigInteger()),
    _column("last_seen_at", BigInteger()),
    _column("expires_at", BigInteger()),
    _column("absolute_expires_at", BigInteger()),
    _column("user_agent", Text(MAX_USER_AGENT)),
    _column("address", Text(MAX_ADDRESS)),
    _column("label", Text(MAX_LABEL)),
    _column("memo", Text(MAX_MEMO)),
    _column("replaced", Text(MAX_REPLACED_TEXT), default="''"),  # since version 3, as the next
    _column("unseen", Integer(), default="0"),
    _column("last_user_agent", Text(MAX_USER_AGENT), default="''"),  # since version 4, as the next
    _column("last_address", Text(MAX_ADDRESS), default="''"),
    Index("signet_sessions_subject", "subject", "created_at"),
    Index("signet_sessions_live", "subject", "expires_at"),  # since version 4
    Index("signet_sessions_expires_at", "expires_at"),
    **_INNODB,
)

revocations_table: Table = Table(
    "signet_revocations",
    _tables,
    _column("kind", Text(8), key=True),  # jti, sid, subject
    _column("value", Text(MAX_SUBJECT), key=True),
    _column("number", BigInteger()),
    _column("expires_at", BigInteger()),
    _column("not_before", BigInteger()),
    _column("except_sid", Text(MAX_ID)),
    _column("mark", Text(32), default="''"),  # since version 4
    Index("signet_revocations_number", "number", unique=True),
    Index("signet_revocations_expires_at", "expires_at"),
    **_INNODB,
)


keys_table: Table = Table(
    "signet_keys",  # since version 2
    _tables,
    _column("id", Integer(), key=True),  # by the owner's name, see keys_id
    _column("version", Integer()),
    _column("document", LongText().with_variant(MEDIUMTEXT(), *_MYSQL)),
    **_INNODB,
)


def keys_id(name: str) -> int:
    """The row of an owner's keys: 1 for the unnamed manager, else 31 bits of the name's digest."""
    if not name:
        return 1
    digest = sha256(name.encode("utf-8", "surrogatepass")).digest()
    return 2 + int.from_bytes(digest[:8]) % (2**31 - 2)


def _without_our_types() -> MetaData:
    plain = MetaData()
    for table in _tables.sorted_tables:
        for column in table.to_metadata(plain).columns:
            if isinstance(column.type, Text):
                column.type = column.type.plain()
    return plain


metadata: MetaData = _without_our_types()
