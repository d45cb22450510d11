"""The SQL store keeps the contract on SQLite, PostgreSQL and MariaDB."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from greenlet import getcurrent, greenlet

from flask_signet.stores.sql import SqlStore
from flask_signet.stores.sql.engine import deadline

from ..contract import SessionStoreContract
from ..databases import own_database, set_up


@contextmanager
def own_store(url: str) -> Iterator[SqlStore]:
    """Not one that others use: a store never forgets how long tokens live."""
    store = SqlStore(set_up(url))
    yield store
    store.close()


@pytest.fixture(scope="module")
def sqlite_store(tmp_path_factory):
    with own_store(f"sqlite:///{tmp_path_factory.mktemp('own')}/own.sqlite3") as store:
        yield store


@pytest.fixture(scope="module")
def postgresql_store(postgresql_url):
    with own_database(postgresql_url) as url, own_store(url) as store:
        yield store


@pytest.fixture(scope="module")
def mysql_store(mysql_url):
    with own_database(mysql_url) as url, own_store(url) as store:
        yield store


class TestSQLite(SessionStoreContract):
    @pytest.fixture
    def store(self, sqlite_store):
        return sqlite_store


class TestPostgreSQL(SessionStoreContract):
    @pytest.fixture
    def store(self, postgresql_store):
        return postgresql_store


class TestMySQL(SessionStoreContract):
    @pytest.fixture
    def store(self, mysql_store):
        return mysql_store


def test_each_greenlet_has_a_deadline_of_its_own():
    """A server that preloads imports this before gevent makes a greenlet of each thread."""
    begins = getcurrent()

    def operate(end: float) -> float | None:
        deadline.set(end)
        begins.switch()  # while it waits, it is another's turn
        return deadline.get()

    first, second = greenlet(operate), greenlet(operate)
    first.switch(1.0)
    second.switch(2.0)
    assert (first.switch(), second.switch()) == (1.0, 2.0)
