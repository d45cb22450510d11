"""How long the service waits for its database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.pool import QueuePool

from examples.auth_service.database import Database
from tests.examples.auth_service.accounts import EMAIL, PASSWORD, bearer, log_in, register


@pytest.fixture
def write_lock(app: Flask, client: FlaskClient) -> Iterator[str]:
    """An access token, while somebody else holds the write lock of the database."""
    register(client)
    token = log_in(client)["access_token"]
    with app.extensions["auth_service"].database.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield token


def test_a_locked_database_is_a_503(client: FlaskClient, write_lock: str) -> None:
    """What must be written can't be: 503 with Retry-After; what is only read is answered."""
    registration = {"email": f"b{EMAIL}", "password": PASSWORD}
    answer = client.post("/api/v1/auth/users", json=registration)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert set(answer.get_json()) == {"msg"}
    assert client.get("/api/v1/auth/users", headers=bearer(write_lock)).status_code == 200


def test_sqlite_waits_2_seconds_for_a_lock(app: Flask) -> None:
    """The engine's connections have a busy timeout of 2 s, and its pool the same."""
    engine = app.extensions["auth_service"].database.engine
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 2000
    assert isinstance(engine.pool, QueuePool)
    assert engine.pool.timeout() == 2


class NotConnectedError(Exception):
    """Nothing was connected to: the arguments are what the test wants."""


def connect_arguments(url: str) -> dict[str, Any]:
    """What the driver would be called with."""
    database = Database(url)
    seen: dict[str, Any] = {}

    @event.listens_for(database.engine, "do_connect")
    def look(dialect: Any, record: Any, args: Any, params: dict[str, Any]) -> None:
        seen.update(params)
        raise NotConnectedError

    with pytest.raises(NotConnectedError):
        database.engine.connect()
    return seen


def test_postgresql_waits_2_seconds() -> None:
    """Connecting, a lock and a statement end after 2 s each."""
    arguments = connect_arguments("postgresql+psycopg://localhost/users")
    assert arguments["connect_timeout"] == 2
    assert arguments["tcp_user_timeout"] == 2000
    assert arguments["options"] == "-c statement_timeout=2000 -c lock_timeout=2000"


@pytest.mark.parametrize("dialect", ["mysql", "mariadb"])
def test_mysql_waits_2_seconds(dialect: str) -> None:
    """Connecting, sending and receiving end after 2 s each, a lock before that."""
    arguments = connect_arguments(f"{dialect}+pymysql://localhost/users")
    names = ("connect_timeout", "read_timeout", "write_timeout")
    assert [arguments[name] for name in names] == [2, 2, 2]
    assert arguments["init_command"] == "SET SESSION innodb_lock_wait_timeout = 1"


def test_the_url_may_say_otherwise() -> None:
    """An option that stands in the URL is the operator's choice."""
    arguments = connect_arguments("postgresql+psycopg://localhost/users?options=-csearch_path%3Da")
    assert arguments["options"] == "-csearch_path=a"
    assert arguments["connect_timeout"] == 2
