"""A database of its own for each test session, on the servers of tests/conftest.py."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy


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
