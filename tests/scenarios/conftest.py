"""The stores that the scenarios run on, and servers to kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_signet.sessions.store import SessionStore
from flask_signet.stores import open_store
from flask_signet.stores.redis import RedisStore
from tests.conftest import Clock
from tests.scenarios.faults import application
from tests.scenarios.service import Scenario
from tests.stores.databases import set_up
from tests.stores.sql_servers import MariaDBServer, PostgreSQLServer, running

STORES = ("memory", "sqlite", "postgresql", "mysql", "redis")


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Each store in turn, on a real server."""
    if request.param == "memory":
        opened = open_store("memory://")
    elif request.param == "sqlite":
        opened = open_store(set_up(f"sqlite:///{tmp_path / 'sessions.db'}"))
    elif request.param == "redis":
        prefix = request.getfixturevalue("redis_store").prefix
        opened = RedisStore(request.getfixturevalue("redis_url"), prefix=prefix)
    else:
        opened = open_store(request.getfixturevalue(f"{request.param}_store_url"))
    yield opened
    opened.close()


@pytest.fixture
def make(store: SessionStore, ticking: Clock) -> Iterator[Callable[..., Scenario]]:
    """Makes an application on the store, in a new process as it were, by a clock set by hand."""
    made: list[Scenario] = []

    def scenario(**options: Any) -> Scenario:
        made.append(Scenario(store, **options))
        return made[-1]

    yield scenario
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def postgresql_server() -> Iterator[PostgreSQLServer]:
    with running(PostgreSQLServer) as server:
        yield server


@pytest.fixture(scope="module")
def mysql_server() -> Iterator[MariaDBServer]:
    with running(MariaDBServer) as server:
        yield server


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "sessions.sqlite3"


@pytest.fixture
def on_sqlite(path) -> Iterator[Scenario]:
    with application(f"sqlite:///{path}") as scenario:
        yield scenario
