"""More of the scenarios of faults (fault-redis-*): no disk, no memory, fail-overs, a Cluster.

What Redis shares with databases is in test_faults.py. Here, too, all is real: the servers are the
tests' own, and are killed while they are at work.
"""

import logging
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_signet.sessions.session import partition
from tests.scenarios.clients import jti, live, refreshing
from tests.scenarios.faults import (
    application,
    goes_on,
    must_ask,
    nothing_is_written,
    refuse,
    requests,
)
from tests.scenarios.service import Scenario, bearer
from tests.stores.redis_servers import Server, cluster, sentinel, until

KILLS = max(2, int(os.environ.get("SIGNET_KILLS", "5")) // 5)
"""Of a server at work."""

DURABLE = ("appendonly", "yes", "appendfsync", "always")


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    server = Server(tmp_path, *DURABLE)
    yield server
    server.stop()


@pytest.fixture
def forgetful(tmp_path) -> Iterator[Server]:
    """A server that keeps nothing over a restart."""
    server = Server(tmp_path)
    yield server
    server.stop()


def as_found(url: Any) -> Scenario:
    """The application in another process, on the store as it is."""
    return Scenario(url, store_timeout=1)


# ── no disk, no memory ───────────────────────────────────────────────────────────────────


def test_fault_redis_rollback_without_a_disk_nothing_has_happened_and_readers_go_on(server):
    """MISCONF: no snapshot can be written, so Redis takes no writes."""
    with application(server.url) as scenario:
        nothing_is_written(scenario, server.without_snapshots())
        pair, ended = scenario.login(), scenario.login()
        scenario.client.delete("/auth/tokens", headers=bearer(ended["access_token"]))
        with server.without_snapshots():
            must_ask(scenario)
            assert (scenario.get(pair), scenario.get(ended)) == (200, 401)


def test_fault_redis_evict_is_told_at_the_start_and_lets_nobody_in(forgetful, caplog):
    forgetful.client.config_set("maxmemory-policy", "allkeys-lru")
    with application(forgetful.url) as scenario:
        ended = [scenario.login(f"{scenario.user}-{number}") for number in range(100)]
        for pair in ended:
            scenario.client.delete("/auth/tokens", headers=bearer(pair["access_token"]))
            assert scenario.get(pair) == 401
        _fill(forgetful, scenario.app.extensions["flask-signet"][""].store())
        with caplog.at_level(logging.ERROR, logger="flask_signet"):
            other = as_found(forgetful.url)
        said = " ".join(record.getMessage() for record in caplog.records)
        assert "maxmemory-policy allkeys-lru" in said
        assert "flask jwt store upgrade" in said
        assert {scenario.get(pair) for pair in ended} == {401}  # they are known here
        # Another process can't know, and says so.
        assert {other.get(pair) for pair in ended} <= {401, 503}
        assert {other.refresh(pair).status_code for pair in ended} <= {401, 503}
        other.close()


def _fill(server: Server, store: Any) -> None:
    """Until the server has thrown away some of what is revoked."""
    used = server.client.info("memory")["used_memory"]
    server.client.config_set("maxmemory", used + 100_000)
    lists = list(server.client.scan_iter(match="*}:revoked", count=1000))
    for number in range(100_000):
        server.client.set(f"filling-{number}", "x" * 10_000)
        if server.client.exists(*lists) < len(lists) - 10:
            server.client.config_set("maxmemory", 0)
            return
    raise AssertionError(f"{store} was left alone")


# ── killed, emptied ──────────────────────────────────────────────────────────────────────


def test_fault_redis_kill9_mid_rotation_loses_nothing_that_was_answered(server):
    """The server is killed while eight clients rotate. Each goes on with the last token it got."""
    with application(server.url, refresh_reuse_grace=600) as scenario:
        firsts = [scenario.login(f"{scenario.user}-{number}") for number in range(8)]
        pairs = list(firsts)
        for _ in range(KILLS):
            pairs = _while_they_rotate(scenario, pairs, server)
            for pair in pairs:
                following = scenario.next(pair)
                again = scenario.next(pair)
                assert again["refresh_token"] == following["refresh_token"]
                assert len(scenario.sessions(following)) == 1
        for first, last in zip(firsts, pairs, strict=True):
            assert scenario.refresh(first).status_code == 401
            assert scenario.refresh(last).status_code == 401
            assert scenario.get(last) == 401


def _while_they_rotate(
    scenario: Scenario, pairs: list[dict[str, str]], server: Server
) -> list[dict[str, str]]:
    stop, answered = threading.Event(), [0] * len(pairs)

    def rotate(number: int) -> dict[str, str]:
        pair = pairs[number]
        while not stop.is_set():
            answer = refreshing(scenario, pair["refresh_token"])()
            assert answer.status_code in {201, 503}, answer.json
            if answer.status_code == 201:
                pair = answer.json or {}
                answered[number] += 1
        return pair

    with ThreadPoolExecutor(len(pairs)) as threads:
        clients = [threads.submit(rotate, number) for number in range(len(pairs))]
        try:
            until(lambda: min(answered) >= 3, "rotations")
            server.kill()
            server.start()
            before = list(answered)
            until(lambda: all(map(int.__lt__, before, answered)), "more rotations")
        finally:
            stop.set()
    return [client.result() for client in clients]


def test_fault_redis_empty_after_a_restart_lets_nobody_in(forgetful, caplog):
    with application(forgetful.url) as scenario:
        first, ended = scenario.login(), scenario.login()
        second = scenario.next(first)
        scenario.client.delete("/auth/tokens", headers=bearer(ended["access_token"]))
        assert (scenario.get(second), scenario.get(ended)) == (200, 401)
        forgetful.kill()
        forgetful.start()
        refuse(scenario, second)
        other = as_found(forgetful.url)
        for pair in (first, second, ended):
            assert other.get(pair) == 503
            assert other.refresh(pair).status_code == 503
        with caplog.at_level(logging.ERROR, logger="flask_signet"):
            other.app.extensions["flask-signet"][""].store().upgrade()
            until(lambda: scenario.get(second) != 503, "the end of the 503s")
        assert "emptied or exchanged" in caplog.text
        for pair in (first, second, ended):
            assert scenario.get(pair) == 401
            for process in (scenario, other):
                assert process.refresh(pair).status_code == 401
        assert scenario.get(scenario.login()) == 200
        other.close()


# ── replicas and fail-over ───────────────────────────────────────────────────────────────


def test_fault_redis_readonly_a_replica_lets_nobody_in_and_writes_nothing(tmp_path):
    with sentinel(tmp_path) as (primary, replica, _), application(primary.url) as scenario:
        pair = scenario.login()
        until(lambda: replica.client.dbsize() == primary.client.dbsize(), "replication")
        behind = as_found(replica.url)
        behind.user = scenario.user
        # It may not have heard yet of what was revoked, so it is not asked either.
        refuse(behind, pair)
        behind.close()
        goes_on(scenario, pair)


def test_fault_redis_failover_during_50_refreshes_is_503_in_the_gap_and_one_live_token(tmp_path):
    with sentinel(tmp_path) as (primary, replica, watcher):
        url = f"redis+sentinel://127.0.0.1:{watcher.port}/mymaster"
        with application(url) as scenario, scenario.listening() as events:
            firsts = [scenario.login(f"{scenario.user}-{number}") for number in range(50)]
            until(lambda: replica.client.dbsize() == primary.client.dbsize(), "replication")
            histories = _while_it_fails_over(scenario, firsts, primary)
            statuses = [status for history in histories for status, _ in history]
            assert set(statuses) <= {201, 503, 401}
            assert 503 in statuses
            # What the primary had answered and not yet passed on is lost with it. Who comes with
            # such a token is told apart from nobody who stole one; of few only is that true.
            out = sum(401 in [status for status, _ in history] for history in histories)
            assert out == events.count("reused") <= len(firsts) / 2
            for first, history in zip(firsts, histories, strict=True):
                given = [answer for status, answer in history if status == 201]
                assert live(scenario, given, first) <= 1
            pair = scenario.login()
            assert scenario.get(pair) == 200
            assert scenario.client.delete(
                "/auth/tokens", headers=bearer(pair["access_token"])
            ).status_code == 204  # fmt: skip
            assert scenario.get(pair) == 401


def _while_it_fails_over(
    scenario: Scenario, firsts: list[dict[str, str]], primary: Server
) -> list[list[tuple[int, Any]]]:
    """What each client was answered, until each was told 201 or 401 after the gap."""
    stop = threading.Event()
    histories: list[list[tuple[int, Any]]] = [[] for _ in firsts]

    def client(number: int) -> None:
        token = firsts[number]["refresh_token"]
        while not stop.is_set():
            answer = refreshing(scenario, token)()
            histories[number].append((answer.status_code, answer))
            if answer.status_code == 401:
                return
            if answer.status_code == 201:
                token = (answer.json or {})["refresh_token"]
            stop.wait(0.05)

    def gap_is_over(history: list[tuple[int, Any]]) -> bool:
        statuses = [status for status, _ in history]
        return 401 in statuses or (503 in statuses and statuses[-1] == 201)

    with ThreadPoolExecutor(len(firsts)) as threads:
        clients = [threads.submit(client, number) for number in range(len(firsts))]
        try:
            until(lambda: all(histories), "refreshes")
            primary.kill()
            until(lambda: all(map(gap_is_over, histories)), "the fail-over")
        finally:
            stop.set()
    for each in clients:
        each.result()
    return histories


# ── a Cluster ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def nodes(tmp_path) -> Iterator[list[Server]]:
    with cluster(tmp_path, *DURABLE) as nodes:
        for node in nodes:
            node.client.config_set("cluster-require-full-coverage", "no")
        yield nodes


def test_fault_redis_cluster_without_one_node_is_503_for_its_sessions_alone(nodes):
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    with application(f"redis+cluster://{hosts}") as scenario:
        store = scenario.app.extensions["flask-signet"][""].store()
        *_, lost = nodes

        def is_lost(text: str) -> bool:
            key = store.key(partition(text), "meta")
            return bool(store.client.get_node_from_key(key).port == lost.port)

        users = [f"{scenario.user}-{number}" for number in range(60)]
        theirs = next(user for user in users if is_lost(user))
        ours = [user for user in users if not is_lost(user)][:10]
        pair = scenario.login(theirs)
        pairs = [scenario.login(user) for user in ours]
        assert scenario.get(pair) == 200
        scenario.user = theirs

        lost.pause()
        refuse(scenario, pair)
        lost.kill()
        refuse(scenario, pair)

        for user, before in zip(ours, pairs, strict=True):
            following = scenario.next(before)
            scenario.login(user)
            # By its jti a token is revoked wherever that lies.
            token_is_known = not is_lost(jti(following["access_token"]))
            if token_is_known:
                until(lambda pair=following: scenario.get(pair) == 200, "an answer")
            asked = requests(scenario, following)
            assert asked["logout"]().status_code == 204
            assert scenario.get(following) in ({401} if token_is_known else {401, 503})
            assert scenario.refresh(following).status_code == 401

        lost.start()
        goes_on(scenario, pair)
