"""The stores under test, each set up once for all tests of a file."""

import pytest

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
