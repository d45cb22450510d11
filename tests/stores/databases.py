"""A database of its own for each process of the tests, on the servers of tests/conftest.py.

Two processes, and two people, run the tests on one server at the same time.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy

from flask_signet.stores.redis import RedisStore
from flask_signet.stores.sql import SqlStore


@contextmanager
def own_database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty database. It goes when the tests end."""
    url = sqlalchemy.make_url(server_url)
    name = f"signet_{secrets.token_hex(6)}"
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if url.get_backend_name() == "postgresql" else ""
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}{force}")
        engine.dispose()


@contextmanager
def own_prefix(server_url: str) -> Iterator[RedisStore]:
    """A store whose keys begin with a name of its own. They go when the tests end."""
    store = RedisStore(server_url, prefix=f"test-{secrets.token_hex(6)}")
    store.upgrade(first=True)
    yield store
    forget(store)
    store.close()


def forget(store: RedisStore) -> None:
    """Remove the keys of one store from a server that others use too."""
    keys = list(store.client.scan_iter(match=f"{{{store.prefix}.*", count=1000))
    for begin in range(0, len(keys), 500):
        store.client.delete(*keys[begin : begin + 500])


def set_up(url: str) -> str:
    """Make the tables there."""
    store = SqlStore(url)
    store.upgrade(first=True)
    store.close()
    return url
