"""Alembic sees the tables: it proposes them, makes them by itself, and then finds no difference."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from flask_signet.sessions.session import Session
from flask_signet.sessions.store import Upgraded
from flask_signet.stores.sql import SqlStore, metadata
from flask_signet.stores.sql.schema import newest_version

from ..contract import NOW, live_until, new

TABLES = {"signet_keys", "signet_revocations", "signet_sessions", "signet_store"}

ENVIRONMENT = """
from alembic import context
from sqlalchemy import Column, Integer, MetaData, Table

from flask_signet.stores.sql import metadata

of_the_application = MetaData()
Table("user", of_the_application, Column("id", Integer, primary_key=True))

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[of_the_application, metadata],
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
"""


@pytest.fixture
def connection(url) -> Iterator[sqlalchemy.Connection]:
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def config(tmp_path, connection) -> Config:
    """An application with migrations of its own, and ours."""
    config = Config()
    config.set_main_option("script_location", str(tmp_path / "migrations"))
    config.set_main_option("path_separator", "os")
    config.config_file_name = str(tmp_path / "alembic.ini")
    command.init(config, str(tmp_path / "migrations"))
    (tmp_path / "migrations" / "env.py").write_text(ENVIRONMENT)
    config.config_file_name = None
    config.attributes["connection"] = connection
    return config


def tables(connection: sqlalchemy.Connection) -> set[str]:
    return set(sqlalchemy.inspect(connection).get_table_names())


def test_a_migration_proposes_our_tables_makes_them_and_finds_no_difference(
    url, config, connection, tmp_path
):
    command.revision(config, "sessions", autogenerate=True)
    connection.commit()
    [script] = (tmp_path / "migrations" / "versions").glob("*.py")
    text = Path(script).read_text()
    proposed = {line.split("'")[1] for line in text.splitlines() if "op.create_table(" in line}
    assert proposed == {*TABLES, "user"}
    assert "flask_signet" not in text  # it runs as it is, and with every version of ours
    command.upgrade(config, "head")
    connection.commit()
    assert tables(connection) >= TABLES
    command.check(config)  # raises if there is a difference
    connection.commit()
    store = SqlStore(url)
    assert [each.code for each in store.check() if each.level == "error"] == ["not_set_up"]
    assert store.upgrade(first=True) == Upgraded(0, newest_version())
    assert [each.code for each in store.check() if each.level == "error"] == []
    session = Session.begin(new("Ünïcode "), new(), now=NOW)
    opened = store.open_session(session, refuse_until=live_until(NOW)).session
    assert store.find_session(opened.sid, now=NOW) == opened
    store.close()
    command.downgrade(config, "base")
    connection.commit()
    assert not tables(connection) & TABLES


def test_between_what_an_upgrade_made_and_the_metadata_there_is_no_difference(url, connection):
    store = SqlStore(url)
    store.upgrade(first=True)
    store.close()
    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    assert compare_metadata(context, metadata) == []
    connection.rollback()


def test_a_column_that_may_be_null_is_a_difference(url, connection):
    """That the comparison above can fail."""
    store = SqlStore(url)
    store.upgrade(first=True)
    store.close()
    other = sqlalchemy.MetaData()
    for table in metadata.tables.values():
        copy = table.to_metadata(other)
        if table.name == "signet_store":
            copy.c.version.nullable = True
    context = MigrationContext.configure(connection)
    assert compare_metadata(context, other) != []
    connection.rollback()
