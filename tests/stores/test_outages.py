"""Which errors say that a database did not answer, by making the drivers raise them."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.exceptions import ClusterDownError, DataError, ResponseError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from flask_signet.stores.outages import is_outage

CLOSED = "127.0.0.1:1"  # nothing listens at port 1


def raised(function: Callable[[], Any]) -> BaseException:
    """The error that a function raises."""
    with pytest.raises(Exception) as info:  # noqa: PT011 - any; the test looks at which
        function()
    return info.value


def ask(url: str, statement: str = "select 1", **options: Any) -> Any:
    engine = create_engine(url, **options)
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def test_a_server_that_is_not_there_is_an_outage() -> None:
    """Whatever asks it: redis-py, SQLAlchemy with each driver, a socket."""
    for function in (
        lambda: redis.Redis.from_url(f"redis://{CLOSED}").get("x"),
        lambda: ask(f"postgresql+psycopg://{CLOSED}/x"),
        lambda: ask(f"mysql+pymysql://{CLOSED}/x"),
        lambda: ask("sqlite:////nowhere/at/all.db"),
        lambda: socket.create_connection(("127.0.0.1", 1)),
    ):
        error = raised(function)
        assert is_outage(error), repr(error)


def test_a_server_that_is_late_is_an_outage() -> None:
    """It took the connection, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        client = redis.Redis.from_url(f"redis://127.0.0.1:{port}", socket_timeout=0.05)
        assert is_outage(raised(lambda: client.get("x")))
        client.close()
    assert is_outage(TimeoutError())
    assert is_outage(ClusterDownError("CLUSTERDOWN"))


def test_a_pool_without_a_free_connection_is_an_outage() -> None:
    """SQLAlchemy's own time-out, which is no error of a driver."""
    engine = create_engine(
        "sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.01
    )
    with engine.connect():
        assert is_outage(raised(engine.connect))
    engine.dispose()


def test_a_database_that_is_locked_is_an_outage(tmp_path: Path) -> None:
    """SQLite's, where another connection holds the lock."""
    path = tmp_path / "locked.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin exclusive")
    waiting = lambda: ask(f"sqlite:///{path}", "create table t (x)", connect_args={"timeout": 0})  # noqa: E731 - said once
    assert is_outage(raised(waiting))
    holder.close()


def test_a_connection_that_was_lost_is_an_outage() -> None:
    """SQLAlchemy knows its drivers' errors, and says so."""
    lost = OperationalError("select 1", {}, Exception("gone"), connection_invalidated=True)
    assert is_outage(lost)


@pytest.mark.parametrize("state", ["57014", "57P01", "53300"])
def test_a_statement_that_the_server_gave_up_is_an_outage(state: str) -> None:
    """PostgreSQL cancels it after `statement_timeout`, and when it is shut down."""
    for attribute in ("sqlstate", "pgcode"):
        cause = Exception("cancelled")
        setattr(cause, attribute, state)
        assert is_outage(OperationalError("select 1", {}, cause))


def test_a_mistake_is_no_outage(tmp_path: Path) -> None:
    """A wrong statement, a wrong type, an error of the program: they stay what they are."""
    client = redis.Redis()
    for function in (
        lambda: ask(f"sqlite:///{tmp_path / 'new.db'}", "select x from missing"),
        lambda: ask("sqlite://", "no sql at all"),
        lambda: client.set("x", object()),  # type: ignore[arg-type]  # the mistake
        lambda: {}["jti"],
    ):
        error = raised(function)
        assert not is_outage(error), repr(error)
    assert not is_outage(DataError("x"))
    assert not is_outage(ResponseError("WRONGTYPE"))
    assert not is_outage(OSError("disk"))
    assert not is_outage(DBAPIError("select", {}, Exception("x")))
