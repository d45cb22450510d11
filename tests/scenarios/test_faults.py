"""The scenarios of faults (fault-*), through the application, on servers of the tests' own.

They are killed, stopped and restarted for real. What must hold: 503 with Retry-After within the
timeout, never a pass, never a 500; a log-out that could not be written is none; and afterwards
everything is as it was.
"""

import contextlib
import multiprocessing
import resource
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tests.scenarios.faults import (
    SLACK,
    TIMEOUT,
    WRITES,
    application,
    goes_on,
    must_ask,
    nothing_is_written,
    refuse,
    requests,
    settled,
)
from tests.scenarios.service import Scenario, bearer
from tests.stores.redis_servers import Server as RedisServer
from tests.stores.sql_servers import PostgreSQLServer, until
from tests.stores.sql_servers import Server as SqlServer


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory) -> Iterator[RedisServer]:
    folder = tmp_path_factory.mktemp("redis")
    server = RedisServer(folder, "appendonly", "yes", "appendfsync", "always")
    yield server
    server.stop()


@pytest.fixture(params=["postgresql", "mysql", "redis"])
def server(request) -> Any:
    """A server that a test may do anything to, as long as it answers at the end."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def scenario(server) -> Iterator[Scenario]:
    with application(server.url) as scenario:
        yield scenario


# ── down, hanging, restarted: fault-postgresql-*, fault-redis-*, and MariaDB ─────────────


def test_fault_down_is_a_503_and_nothing_has_happened(server, scenario):
    pair = scenario.login()
    assert scenario.get(pair) == 200
    server.kill()
    refuse(scenario, pair)
    server.start()
    goes_on(scenario, pair)


def test_fault_hang_is_a_503_within_the_timeout_and_nothing_has_happened(server, scenario):
    pair = scenario.login()
    assert scenario.get(pair) == 200
    server.pause()
    try:
        refuse(scenario, pair)
    finally:
        server.resume()
    # What was sent to a server that was stopped, it may yet do: a refresh has its successor, a
    # log-out is one. Never is more than one token good.
    must_ask(scenario)
    asked = requests(scenario, pair)
    answers = [settled(asked["refresh"]) for _ in range(2)]
    assert {answer.status_code for answer in answers} <= {201, 401}
    good = {answer.json["refresh_token"] for answer in answers if answer.status_code == 201}
    assert len(good) <= 1
    # Somebody else each time: a log-in whose answer came too late has its session, too.
    somebody = settled(lambda: scenario.login_answer(secrets.token_hex(8)))
    goes_on(scenario, somebody.json)


def test_fault_hang_lets_one_go_on_while_the_view_is_fresh(server, scenario):
    scenario.app.config["JWT_REVOCATION_MAX_STALENESS"] = 3600
    if not getattr(scenario.app.extensions["flask-signet"][""].store(), "announces", True):
        return  # MariaDB announces nothing: it is asked at each check
    pair = scenario.login()
    assert scenario.get(pair) == 200
    server.pause()
    try:
        assert scenario.get(pair) == 200
    finally:
        server.resume()


def test_fault_down_may_be_allowed_for_what_is_only_read(server, scenario):
    scenario.app.config["JWT_REVOCATION_ON_STORE_ERROR"] = "allow"
    pair, ended = scenario.login(), scenario.login()
    assert scenario.get(pair) == scenario.get(ended) == 200
    scenario.client.delete("/auth/tokens", headers=bearer(ended["access_token"]))
    assert scenario.get(ended) == 401
    server.kill()
    must_ask(scenario)
    assert scenario.get(pair) == 200
    if getattr(scenario.app.extensions["flask-signet"][""].store(), "announces", True):
        assert scenario.get(ended) == 401  # what is known stays known
    assert scenario.refresh(pair).status_code == 503
    server.start()


def test_fault_restart_forgets_nothing(server, scenario):
    first, ended = scenario.login(), scenario.login()
    second = scenario.next(first)
    third = scenario.next(second)
    access = bearer(ended["access_token"])
    assert scenario.client.delete("/auth/tokens", headers=access).status_code == 204
    server.kill()
    server.start()
    with application(server.url) as anew:  # another process would know no more
        assert anew.get(ended) == 401
        assert anew.refresh(ended).status_code == 401
        assert anew.get(third) == 200
        anew.app.config["JWT_REFRESH_REUSE_GRACE"] = 1e-6  # as if the grace were over
        assert anew.refresh(first).status_code == 401  # used before the restart: reuse
        assert anew.refresh(third).status_code == 401
        assert anew.get(third) == 401


# ── a commit that fails ──────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def failing_commits(url: str, server: Any) -> Iterator[None]:
    """Every write is refused by the engine itself, at its end where the engine can."""
    if url.startswith("redis"):
        server.client.config_set("maxmemory", 1)  # noeviction: "OOM command not allowed"
        try:
            yield
        finally:
            server.client.config_set("maxmemory", 0)
        return
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    make, drop = _TRIGGERS[engine.dialect.name]
    with engine.connect() as connection:
        for statement in make:
            connection.exec_driver_sql(statement)
        try:
            yield
        finally:
            for statement in drop:
                connection.exec_driver_sql(statement)
    engine.dispose()


_TABLES = ("signet_sessions", "signet_revocations")
_EVENTS = ("INSERT", "UPDATE", "DELETE")
_REFUSE = (
    "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE 'refused'; END $$"
)
_TRIGGERS: dict[str, tuple[list[str], list[str]]] = {
    "postgresql": (
        [
            _REFUSE,
            *(
                f"CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE OR DELETE ON {table} "
                "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
                for table in _TABLES
            ),
        ],
        [f"DROP TRIGGER refuse ON {table}" for table in _TABLES],
    ),
    "mysql": (
        [
            f"CREATE TRIGGER refuse_{event}_{table} BEFORE {event} ON {table} FOR EACH ROW "
            "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'"
            for table in _TABLES
            for event in _EVENTS
        ],
        [f"DROP TRIGGER refuse_{event}_{table}" for table in _TABLES for event in _EVENTS],
    ),
    "sqlite": (
        [
            f"CREATE TRIGGER refuse_{event}_{table} AFTER {event} ON {table} "
            "BEGIN SELECT RAISE(ROLLBACK, 'refused'); END"
            for table in _TABLES
            for event in _EVENTS
        ],
        [f"DROP TRIGGER refuse_{event}_{table}" for table in _TABLES for event in _EVENTS],
    ),
}


def test_fault_rollback_leaves_the_token_unused(server, scenario):
    # A log-out gives Redis memory back, so it is done whole, however short memory is.
    writes = WRITES if isinstance(server, SqlServer) else ("refresh", "everywhere", "login")
    nothing_is_written(scenario, failing_commits(server.url, server), writes)


def test_fault_redis_without_memory_logs_out_all_the_same(redis_server):
    with application(redis_server.url) as scenario:
        pair = scenario.login()
        with failing_commits(redis_server.url, redis_server):
            access = bearer(pair["access_token"])
            assert scenario.client.delete("/auth/tokens", headers=access).status_code == 204
            assert scenario.get(pair) == 401
        assert scenario.get(pair) == 401
        assert scenario.refresh(pair).status_code == 401


# ── PostgreSQL alone ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def postgresql(postgresql_server) -> Iterator[tuple[Scenario, PostgreSQLServer]]:
    with application(postgresql_server.url) as scenario:
        yield scenario, postgresql_server


def test_fault_pg_terminate_in_the_middle_of_a_rotation_is_one_rotation(postgresql):
    scenario, server = postgresql
    first = scenario.login()
    sid = scenario.sessions(first)[0]["sid"]
    answers: list[Any] = []
    with server.connect() as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM signet_sessions WHERE sid = %s FOR UPDATE", (sid,))
        rotating = threading.Thread(target=lambda: answers.append(scenario.refresh(first)))
        rotating.start()
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        with server.connect() as operator:
            until(lambda: operator.execute(waiting).fetchone(), "a rotation that waits")
            row = operator.execute(waiting).fetchone()
            assert row is not None
            operator.execute("SELECT pg_terminate_backend(%s)", row)
        other.execute("ROLLBACK")
    rotating.join()
    [answer] = answers
    assert answer.status_code in {201, 503}
    second = scenario.next(first)  # within the grace: the same, or the first of its kind
    if answer.status_code == 201:
        assert second["refresh_token"] == answer.json["refresh_token"]
    assert len(scenario.sessions(second)) == 1


def test_fault_pg_pool_exhausted_is_a_503_within_the_timeout(postgresql):
    scenario, _ = postgresql
    pair = scenario.login()
    store = scenario.app.extensions["flask-signet"][""].store()
    taken = [store.engine.connect() for _ in range(15)]
    begun = time.monotonic()
    assert scenario.refresh(pair).status_code == 503
    assert scenario.get(pair) == 503  # its line to the store is not open yet
    assert time.monotonic() - begun < 2 * (TIMEOUT + SLACK)
    for connection in taken:
        connection.close()
    goes_on(scenario, pair)


# ── Redis alone ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def redis(redis_server) -> Iterator[tuple[Scenario, RedisServer]]:
    with application(redis_server.url) as scenario:
        yield scenario, redis_server


def test_fault_redis_empty_lets_nobody_in_until_it_is_set_up_and_nobody_from_before(redis):
    scenario, server = redis
    pair, ended = scenario.login(), scenario.login()
    access = bearer(ended["access_token"])
    scenario.client.delete("/auth/tokens", headers=access)
    assert (scenario.get(pair), scenario.get(ended)) == (200, 401)
    server.client.flushall()
    for name, ask in requests(scenario, pair).items():
        must_ask(scenario)
        assert ask().status_code == 503, name
    assert scenario.get(ended) == 401
    scenario.app.extensions["flask-signet"][""].store().upgrade(first=True)
    until(lambda: scenario.get(pair) != 503, "the end of the 503s")
    for each in (pair, ended):
        assert scenario.get(each) == 401
        assert scenario.refresh(each).status_code == 401
    assert scenario.get(scenario.login()) == 200


def test_fault_redis_readonly_is_a_503(redis, tmp_path):
    scenario, server = redis
    pair = scenario.login()
    assert scenario.get(pair) == 200
    server.client.replicaof("127.0.0.1", 1)  # a replica of a primary that is not there
    try:
        asked = requests(scenario, pair)
        for name in WRITES:
            answer = asked[name]()
            assert answer.status_code == 503, name
    finally:
        server.client.replicaof("NO", "ONE")
    goes_on(scenario, pair)


# ── SQLite ───────────────────────────────────────────────────────────────────────────────


def test_fault_sqlite_down_is_a_503(on_sqlite, path):
    pair = on_sqlite.login()
    assert on_sqlite.get(pair) == 200
    on_sqlite.close()
    hidden = path.with_name("hidden")
    path.rename(hidden)
    refuse(on_sqlite, pair)
    assert not path.exists()
    hidden.rename(path)
    goes_on(on_sqlite, pair)


def test_fault_sqlite_locked_is_a_503_for_what_must_be_written(on_sqlite, path):
    pair = on_sqlite.login()
    assert on_sqlite.get(pair) == 200
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asked = requests(on_sqlite, pair)
        for name in WRITES:
            begun = time.monotonic()
            assert asked[name]().status_code == 503, name
            assert time.monotonic() - begun < TIMEOUT + SLACK
        assert on_sqlite.get(pair) == 200
        other.execute("ROLLBACK")
    goes_on(on_sqlite, pair)


def test_fault_sqlite_rollback_leaves_the_token_unused(on_sqlite, path):
    nothing_is_written(on_sqlite, failing_commits(f"sqlite:///{path}", None))


def test_fault_sqlite_readonly_is_a_503(on_sqlite, path):
    pair = on_sqlite.login()
    assert on_sqlite.get(pair) == 200
    with application(f"sqlite:///file:{path}?mode=ro&uri=true") as reading:
        asked = requests(reading, pair)
        for name in WRITES:
            assert asked[name]().status_code == 503, name
        assert reading.get(pair) == 200
    goes_on(on_sqlite, pair)


def _with_a_full_disk(path: Path, pair: dict[str, str], pipe: Any) -> None:
    """In a process whose files may not grow: what a full disk is to it."""
    with application(f"sqlite:///{path}") as scenario:
        assert scenario.get(pair) == 200
        longest = 100_000 + max(file.stat().st_size for file in path.parent.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (longest, longest))
        found = []
        for _ in range(100):  # until the log is full, too
            answer = scenario.client.post("/auth/tokens", json={"user": scenario.user})
            found.append(answer.status_code)
        with (
            contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
            contextlib.suppress(sqlite3.OperationalError),
        ):
            # What is left was too little for a log-in; now it is for the least write there is.
            for number in range(1, 100):
                other.execute(f"PRAGMA user_version = {number}")
        asked = requests(scenario, pair)
        found += [asked[name]().status_code for name in ("refresh", "logout", "everywhere")]
        pipe.send(found)


def test_fault_sqlite_full_is_a_503_and_nothing_has_happened(on_sqlite, path):
    pair = on_sqlite.login()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_with_a_full_disk, args=(path, pair, theirs)
    )
    process.start()
    found = ours.recv()
    process.join()
    assert set(found) == {201, 503}
    assert found[-3:] == [503, 503, 503]
    assert found == sorted(found)  # once it is full it stays full
    goes_on(on_sqlite, pair)
