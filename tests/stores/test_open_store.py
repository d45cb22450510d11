"""A URL names a store; what it takes is said when it is wrong."""

import sys

import pytest
import sqlalchemy

from flask_signet.exceptions import ConfigurationError, StoreUnavailableError
from flask_signet.sessions.session import Session
from flask_signet.sessions.store import SessionStore, Upgraded
from flask_signet.stores import open_store
from flask_signet.stores.memory import MemoryStore
from flask_signet.stores.redis import RedisStore
from flask_signet.stores.sql import SqlStore, metadata
from flask_signet.stores.sql.schema import newest_version

from .contract import NOW, new


def login(store):
    session = Session.begin(new("user"), new(), now=NOW)
    return store.open_session(session, refuse_until=NOW).session


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("memory://", MemoryStore),
        ("sqlite:////tmp/there/is/no/such.sqlite3", SqlStore),
        ("postgresql://user@127.0.0.1:1/database", SqlStore),
        ("postgres://user@127.0.0.1:1/database", SqlStore),
        ("postgresql+psycopg://user@127.0.0.1:1/database", SqlStore),
        ("mysql://user@127.0.0.1:1/database", SqlStore),
        ("mariadb://user@127.0.0.1:1/database", SqlStore),
        ("redis://127.0.0.1:1/0", RedisStore),
        ("rediss://127.0.0.1:1/0", RedisStore),
        ("valkey://127.0.0.1:1/0", RedisStore),
        ("unix:///tmp/there.is.no.such.socket", RedisStore),
        ("redis+sentinel://127.0.0.1:1,127.0.0.1:2/service/0", RedisStore),
    ],
)
def test_a_scheme_opens_its_store_and_connects_to_nothing(url, kind):
    store = open_store(url)
    assert isinstance(store, kind)
    assert isinstance(store, SessionStore)
    if kind is not MemoryStore:
        with pytest.raises(StoreUnavailableError):
            login(store)
    store.close()


def test_a_store_comes_back_as_it_is():
    store = MemoryStore()
    assert open_store(store) is store


@pytest.mark.parametrize(
    "url", ["mongodb://user:geheim@host/", "sqlite", "", "memory", "geheim", "redis:host"]
)
def test_an_unknown_scheme_names_those_there_are_and_their_extras_but_no_password(url):
    with pytest.raises(ConfigurationError) as caught:
        open_store(url)
    message = str(caught.value)
    for named in ("memory://", "sqlite:", "postgresql://", "mysql://", "redis://", "extra sql"):
        assert named in message
    assert "user:geheim" not in message


def test_what_is_no_store_is_refused_by_its_type():
    with pytest.raises(ConfigurationError, match="int is no session store"):
        open_store(1)


def test_a_database_that_sqlalchemy_knows_and_we_do_not_is_refused():
    with pytest.raises(ConfigurationError, match="oracle"):
        SqlStore("oracle://host/database")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_sqlite_in_memory_is_refused(url):
    with pytest.raises(ConfigurationError, match="memory://"):
        open_store(url)


def test_sentinel_without_a_service_is_refused():
    with pytest.raises(ConfigurationError, match="mymaster"):
        open_store("redis+sentinel://127.0.0.1:26379")


@pytest.mark.parametrize(
    ("module", "url", "extra"),
    [
        ("sqlalchemy", "sqlite:////tmp/x", "sql"),
        ("redis", "redis://host", "redis"),
        ("psycopg", "postgresql://host/database", "postgresql"),
        ("pymysql", "mysql://host/database", "mysql"),
    ],
)
def test_a_missing_package_names_the_extra_to_install(monkeypatch, module, url, extra):
    for name in list(sys.modules):
        ours = name.startswith("flask_signet.stores.")
        if name.partition(".")[0] == module or (ours and module in {"sqlalchemy", "redis"}):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=rf"Flask-Signet\[{extra}\]"):
        open_store(url)


# ── the application's engine ─────────────────────────────────────────────────────────────


class Db:
    """As Flask-SQLAlchemy's: the engine is there when it is asked for."""

    def __init__(self, engine):
        self.engine = engine


@pytest.mark.parametrize("server", ["sqlite", "postgresql", "mysql"])
def test_the_application_s_engine_is_shared_and_left_as_it_was(request, server):
    url = sqlalchemy.make_url(request.getfixturevalue(f"{server}_store_url"))
    engine = sqlalchemy.create_engine(url)
    for bind in (engine, Db(engine)):
        store = open_store(bind)
        assert store.upgrade(first=True) == Upgraded(newest_version(), newest_version())
        session = login(store)
        assert store.find_session(session.sid, now=NOW) == session
        assert store.end_session(session.sid, now=NOW, refuse_until=NOW + 1) == session
        follower = store.follow()
        assert follower.sync().complete
        follower.close()
        assert [finding.level for finding in store.check()].count("error") == 0
        store.close()
    store = open_store(engine)
    session = login(store)
    with engine.connect() as connection:  # the application's own transactions still are some
        deleted = connection.execute(sqlalchemy.text("DELETE FROM signet_sessions"))
        assert deleted.rowcount >= 1
        connection.rollback()
    assert store.find_session(session.sid, now=NOW) == session
    store.close()
    engine.dispose()


def test_alembic_sees_no_difference_between_the_tables_and_the_metadata(request):
    for server in ("sqlite", "postgresql", "mysql"):
        url = request.getfixturevalue(f"{server}_store_url")
        engine = sqlalchemy.create_engine(url)
        inspector = sqlalchemy.inspect(engine)
        for table in metadata.sorted_tables:
            columns = {column["name"] for column in inspector.get_columns(table.name)}
            indexes = {index["name"] for index in inspector.get_indexes(table.name)}
            assert columns == set(table.c.keys())
            assert {index.name for index in table.indexes} <= indexes
        engine.dispose()


def test_every_table_begins_with_our_name():
    assert all(name.startswith("signet_") for name in metadata.tables)
