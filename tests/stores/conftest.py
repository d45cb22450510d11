"""The stores under test, each set up once for all tests of a file."""

import secrets

import pytest

from flask_signet.stores.redis import RedisStore
from flask_signet.stores.sql import SqlStore

from .databases import own_database


def set_up(url: str) -> None:
    store = SqlStore(url)
    store.upgrade()
    store.close()


@pytest.fixture(scope="session")
def sqlite_store_url(tmp_path_factory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/sessions.sqlite3"
    set_up(url)
    return url


@pytest.fixture(scope="session")
def postgresql_store_url(postgresql_url):
    with own_database(postgresql_url) as url:
        set_up(url)
        yield url


@pytest.fixture(scope="session")
def mysql_store_url(mysql_url):
    with own_database(mysql_url) as url:
        set_up(url)
        yield url


@pytest.fixture(scope="session")
def redis_store(redis_url):
    store = RedisStore(redis_url, prefix=f"test-{secrets.token_hex(6)}")
    store.upgrade()
    yield store
    forget(store)
    store.close()


def forget(store: RedisStore) -> None:
    """Remove the keys of one store from a server that others use too."""
    keys = list(store.client.scan_iter(match=f"{{{store.prefix}.*", count=1000))
    for begin in range(0, len(keys), 500):
        store.client.delete(*keys[begin : begin + 500])
