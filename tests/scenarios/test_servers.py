"""The revocation view under real servers: every kind of worker, forked before and after use."""

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy

from flask_signet.stores import open_store
from tests.scenarios.clients import at_once, refreshing_by_http
from tests.scenarios.servers import Server, serving
from tests.stores.databases import own_database
from tests.stores.proxy import put_before
from tests.stores.redis_servers import Server as RedisServer

WORKERS = 2


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), "appendonly", "yes")
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mysql", "redis"])
def url(request, tmp_path_factory) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/sessions.sqlite3"
        elif request.param == "redis":
            url = f"redis://127.0.0.1:{request.getfixturevalue('redis_server').port}/0"
        else:
            server_url = request.getfixturevalue(f"{request.param}_url")
            url = stack.enter_context(own_database(server_url))
        store = open_store(url)
        store.upgrade(first=True)
        store.close()
        yield url


def hang_up(url: str) -> None:
    """Cut every line to the store, as whatever stands between does with lines that lie idle."""
    if url.startswith("redis"):
        store = open_store(url)
        for kind in ("normal", "pubsub"):
            store.client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        store.close()
        return
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        elif engine.dialect.name == "mysql":
            rows = connection.exec_driver_sql(
                "SELECT id FROM information_schema.processlist "
                "WHERE db = DATABASE() AND id <> CONNECTION_ID()"
            )
            for (number,) in rows.all():
                connection.exec_driver_sql(f"KILL {number}")
    engine.dispose()


def refused_by_all(url: str, server: Server, token: str, processes: int = WORKERS) -> None:
    """From the moment that its log-out was acknowledged, whoever answers.

    PostgreSQL sends its announcements after it has acknowledged the commit: there it is a moment
    later, and at the most when a view is as old as it may be (2 s).
    """
    late = time.monotonic() + (2 if url.startswith("postgresql") else 0)
    while True:
        begun = time.monotonic()
        found = server.by_every_process(token, processes)
        statuses = {status for answers in found.values() for status in answers}
        if statuses == {401} or begun >= late:
            break
    assert statuses == {401}


def revoked_by_one_is_refused_by_all(url: str, server: Server, user: str) -> None:
    """And whoever was not logged out is not refused."""
    ended, kept = server.login(user), server.login(user)
    for pair in (ended, kept):
        seen = server.by_every_process(pair["access_token"], WORKERS)
        assert {status for statuses in seen.values() for status in statuses} == {200}
    answer = server.ask("DELETE", "/auth/tokens", token=ended["access_token"])
    assert answer.status == 204
    refused_by_all(url, server, ended["access_token"])
    assert server.refresh(ended["refresh_token"]).status == 401
    assert server.get(kept["access_token"]).status == 200
    assert server.refresh(kept["refresh_token"]).status == 201


@pytest.mark.parametrize("preload", [False, True], ids=["", "preload"])
@pytest.mark.parametrize("worker_class", ["sync", "gthread", "gevent"])
def test_what_one_worker_revokes_every_worker_refuses(url, worker_class, preload):
    """Also where the application was used before the fork, and where its lines were cut."""
    options = ["--preload"] if preload else []
    if worker_class == "gthread":
        options += ["--threads", "8"]
    before_fork = "1" if preload else "0"
    with serving(
        url, *options, workers=WORKERS, worker_class=worker_class, USE_BEFORE_FORK=before_fork
    ) as server:
        user = f"user-{secrets.token_hex(6)}"
        revoked_by_one_is_refused_by_all(url, server, user)
        hang_up(url)
        revoked_by_one_is_refused_by_all(url, server, user)
        server.ask("DELETE", "/auth/sessions", token=server.login(user)["access_token"])
        pair = server.login(user)  # in the same second
        seen = server.by_every_process(pair["access_token"], WORKERS)
        assert {status for statuses in seen.values() for status in statuses} == {200}


def test_a_worker_that_was_started_anew_knows_what_was_revoked_before(url):
    with serving(url, "--max-requests", "5", workers=WORKERS, worker_class="sync") as server:
        pair = server.login(f"user-{secrets.token_hex(6)}")
        answer = server.ask("DELETE", "/auth/tokens", token=pair["access_token"])
        assert answer.status == 204
        # More processes than there are workers: one at least began after the log-out.
        refused_by_all(url, server, pair["access_token"], WORKERS + 1)


@contextlib.contextmanager
def that_hangs(url: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """A way to the store, and what makes it hang: a server says nothing, a file is locked."""
    if url.startswith("sqlite"):
        path = sqlalchemy.make_url(url).database
        with contextlib.closing(sqlite3.connect(str(path), isolation_level=None)) as other:
            yield url, lambda: other.execute("BEGIN IMMEDIATE")
        return
    proxy, through = put_before(url)
    try:
        yield through, proxy.stall
    finally:
        proxy.close()


def test_under_gevent_requests_wait_side_by_side_for_a_store_that_hangs(url):
    """Also where the application, its drivers too, was imported before gevent was at work."""
    with (
        that_hangs(url) as (through, hang),
        serving(
            *(through, "--preload"),
            workers=1,
            worker_class="gevent",
            USE_BEFORE_FORK="1",
            STORE_TIMEOUT="1",
        ) as server,
    ):
        pairs = [server.login(f"user-{secrets.token_hex(6)}") for _ in range(20)]
        refreshes = [refreshing_by_http(server, pair["refresh_token"], "10") for pair in pairs]
        hang()
        begun = time.monotonic()
        answers = at_once(refreshes)
        took = time.monotonic() - begun
    assert {answer.status for answer in answers} == {503}
    assert took < 10  # one after the other, it would be a second for each
