"""The SQL store keeps the contract on SQLite, PostgreSQL and MariaDB."""

import pytest

from flask_signet.stores.sql import SqlStore

from .contract import SessionStoreContract


@pytest.fixture(scope="module")
def sqlite_store(sqlite_store_url):
    store = SqlStore(sqlite_store_url)
    yield store
    store.close()


@pytest.fixture(scope="module")
def postgresql_store(postgresql_store_url):
    store = SqlStore(postgresql_store_url)
    yield store
    store.close()


@pytest.fixture(scope="module")
def mysql_store(mysql_store_url):
    store = SqlStore(mysql_store_url)
    yield store
    store.close()


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
