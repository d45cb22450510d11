"""Redis as it is run: a Cluster, a Sentinel, a restart, an eviction policy. Servers of our own."""

import contextlib
import threading
import time
from dataclasses import replace

import pytest
import redis

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.revocations import RevocationView
from flask_signet.sessions.session import (
    Lives,
    Presented,
    Session,
    Successor,
    microseconds,
    partition,
)
from flask_signet.sessions.store import Upgraded
from flask_signet.stores import open_store
from flask_signet.stores.redis import PARTITIONS, RedisStore

from ..contract import DAY, NOW, SessionStoreContract, live_until, new
from ..proxy import Proxy
from ..redis_servers import Server, cluster, sentinel, until

UNTIL = live_until(NOW)
TIMEOUT = 1.0
SLACK = 2.0  # seconds that a busy machine may add: "does not hang" is what is asked
PATIENT = 10.0  # seconds, where how long something takes is not the question


def login(store, subject=None) -> Session:
    session = Session.begin(subject or new("user"), new(), now=NOW, expires_at=NOW + DAY)
    return store.open_session(session, refuse_until=UNTIL).session


def rotate(store, session, following, grace=0.0):
    successor = Successor(following)
    return store.rotate(
        session.sid, session.jti, successor, now=NOW, grace=grace, refuse_until=UNTIL
    )


@pytest.fixture(scope="module")
def cluster_store(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("cluster")) as servers:
        store = open_store(f"redis+cluster://127.0.0.1:{servers[0].port}")
        store.upgrade(first=True)
        yield store
        store.close()


class TestCluster(SessionStoreContract):
    @pytest.fixture
    def store(self, cluster_store):
        return cluster_store


def test_in_a_cluster_what_one_revokes_the_other_refuses_at_its_next_check(cluster_store):
    view = RevocationView(cluster_store, max_staleness=2.0, monotonic=lambda: 1000.0)
    view.refuses(Presented(), now=NOW)
    for _ in range(20):
        session = login(cluster_store)
        cluster_store.end_session(session.sid, now=NOW, refuse_until=UNTIL)
        end = time.monotonic() + 5
        while not view.refuses(Presented(sid=session.sid), now=NOW):
            assert time.monotonic() < end
    view.close()


def test_in_a_cluster_all_nodes_learn_what_one_of_them_lost(cluster_store):
    store = RedisStore(cluster_store.client, prefix="another")
    store.upgrade(first=True)
    lives = Lives(of_session=60.0, of_token=90.0)
    store.cover(lives)
    store.client.delete(store.key("K", "meta"))
    with pytest.raises(StoreUnavailableError, match="flask jwt store upgrade"):
        store.cover(lives)
    assert store.upgrade(now=NOW) == Upgraded(0, 1)
    names = ("born", "session_life", "token_life")
    facts = {tuple(store.client.hmget(store.key(part, "meta"), names)) for part in PARTITIONS}
    assert facts == {(str(microseconds(NOW)), "60000000", "90000000")}
    assert store.upgrade(first=True) == Upgraded(1, 1)
    assert store.follow().sync().born_at == 0


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path, "appendonly", "yes", "appendfsync", "always")
    yield server
    server.stop()


@pytest.fixture
def store(server):
    store = open_store(f"redis://127.0.0.1:{server.port}", timeout=PATIENT)
    store.upgrade(first=True)
    yield store
    store.close()


def test_fault_redis_restart_keeps_what_was_rotated_and_revoked(server, store):
    rotated, ended, jti = login(store), login(store), new()
    rotate(store, rotated, "second")
    store.end_session(ended.sid, now=NOW, refuse_until=UNTIL)
    store.revoke_token(jti, now=NOW, expires_at=UNTIL)
    server.kill()
    with pytest.raises(StoreUnavailableError):
        store.is_revoked(Presented(jti=jti), now=NOW)
    server.start()
    assert store.is_revoked(Presented(jti=jti), now=NOW)
    assert store.is_revoked(Presented(sid=ended.sid), now=NOW)
    assert rotate(store, ended, "x").verdict == "gone"
    assert rotate(store, rotated, "x").verdict == "reused"


def test_fault_redis_hang_is_an_error_within_the_timeout(server, store):
    session = login(store)
    hasty = open_store(server.url, timeout=TIMEOUT)
    assert hasty.find_session(session.sid, now=NOW) == session
    server.pause()
    for action in (
        lambda: rotate(hasty, session, "second"),
        lambda: hasty.end_session(session.sid, now=NOW, refuse_until=UNTIL),
        lambda: hasty.is_revoked(Presented(jti="jti"), now=NOW),
        lambda: login(open_store(f"redis://127.0.0.1:{server.port}", timeout=TIMEOUT)),
    ):
        begun = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            action()
        assert time.monotonic() - begun < TIMEOUT + SLACK
    server.resume()
    hasty.close()


def test_fault_redis_evict_is_found_by_the_check(server, store):
    assert store.check() == []
    server.client.config_set("maxmemory-policy", "allkeys-lru")
    assert [(each.level, each.code) for each in store.check()] == [("error", "evicts")]


def test_a_server_without_a_log_of_its_writes_is_found_by_the_check(server):
    server.client.config_set("appendonly", "no")
    store = open_store(server.url)
    assert [each.code for each in store.check()] == ["not_set_up", "not_durable"]
    store.upgrade(first=True)
    assert [(each.level, each.code) for each in store.check()] == [("warning", "not_durable")]
    store.close()


def test_fault_redis_full_is_an_error_and_the_state_is_as_before(server, store):
    session = login(store)
    server.client.config_set("maxmemory", 1)
    with pytest.raises(StoreUnavailableError):
        rotate(store, session, "second")
    with pytest.raises(StoreUnavailableError):
        login(store)
    assert store.find_session(session.sid, now=NOW) == session
    # What begins by freeing memory goes on to its end: one can log out of a full server.
    assert store.end_session(session.sid, now=NOW, refuse_until=UNTIL) == session
    assert store.is_revoked(Presented(sid=session.sid), now=NOW)


def test_fault_redis_readonly_is_an_error(server, store):
    session = login(store)
    server.client.replicaof("127.0.0.1", 1)
    with pytest.raises(StoreUnavailableError):
        rotate(store, session, "second")
    assert "read_only" in [each.code for each in store.check()]
    server.client.replicaof("NO", "ONE")
    assert rotate(store, session, "second").verdict == "rotated"


def test_fault_redis_rollback_where_no_snapshot_can_be_written_nothing_has_happened(server, store):
    """MISCONF: the disk is full or gone, so Redis takes no writes; what it knows it still tells."""
    session = login(store)
    with server.without_snapshots():
        for action in (
            lambda: rotate(store, session, "second"),
            lambda: login(store),
            lambda: store.end_session(session.sid, now=NOW, refuse_until=UNTIL),
            lambda: store.end_sessions(session.subject, now=NOW, expires_at=UNTIL),
            lambda: store.revoke_token(new(), now=NOW, expires_at=UNTIL),
        ):
            with pytest.raises(StoreUnavailableError) as caught:
                action()
            assert "MISCONF" in str(caught.value.__cause__)
        assert store.find_session(session.sid, now=NOW) == session
        assert not store.is_revoked(Presented(sid=session.sid), now=NOW)
        assert store.follow().sync().complete
    assert rotate(store, session, "second").verdict == "rotated"


def test_a_replica_is_asked_nothing_for_it_may_be_behind(tmp_path):
    with sentinel(tmp_path) as (primary, replica, _):
        store = open_store(primary.url, timeout=PATIENT)
        store.upgrade(first=True)
        session = login(store)
        until(lambda: replica.client.dbsize() == primary.client.dbsize(), "replication")
        behind = open_store(replica.url, timeout=PATIENT)
        for action in (
            lambda: behind.find_session(session.sid, now=NOW),
            lambda: behind.find_session("unknown", now=NOW),
            lambda: behind.list_sessions(session.subject, now=NOW),
            lambda: behind.is_revoked(Presented(sid=session.sid), now=NOW),
            lambda: behind.follow().sync(),
            lambda: behind.cover(Lives()),
            behind.load_keys,
            lambda: rotate(behind, session, "second"),
            lambda: rotate(behind, replace(session, sid="unknown"), "second"),
            lambda: behind.end_session(session.sid, now=NOW, refuse_until=UNTIL),
            lambda: behind.end_session("x", now=NOW, refuse_until=UNTIL, subject="y"),
        ):
            with pytest.raises(StoreUnavailableError, match="takes no writes"):
                action()
        rotate(store, session, "second")  # a replay within the grace writes nothing
        until(lambda: replica.client.info("replication")["slave_repl_offset"] > 0, "the rotation")
        with pytest.raises(StoreUnavailableError, match="takes no writes"):
            rotate(behind, session, "third", grace=30)
        behind.close()
        store.close()


def test_a_name_that_is_another_server_s_now_is_looked_up_again(tmp_path):
    """A fail-over where the name of the primary moves, as at those who sell Redis."""
    with sentinel(tmp_path) as (primary, replica, watcher):
        watcher.client.execute_command("SENTINEL REMOVE", "mymaster")
        name = Proxy("127.0.0.1", primary.port)
        store = open_store(f"redis://127.0.0.1:{name.port}/0", timeout=PATIENT)
        store.upgrade(first=True)
        session = login(store)
        until(lambda: replica.client.dbsize() == primary.client.dbsize(), "replication")
        replica.client.replicaof("NO", "ONE")
        name.move("127.0.0.1", replica.port)  # for new connections; those that are open stay
        assert store.find_session(session.sid, now=NOW) == session
        primary.client.replicaof("127.0.0.1", replica.port)
        with pytest.raises(StoreUnavailableError):
            rotate(store, session, "second")
        assert rotate(store, session, "second").verdict == "rotated"
        assert replica.client.hget(store.key(session.sid[0], f"session:{session.sid}"), "jti")
        store.close()
        name.close()


# ── what a server forgets by itself ──────────────────────────────────────────────────────


def test_fault_redis_evict_of_what_was_revoked_is_noticed_and_lets_nobody_in(server, store):
    server.client.config_set("maxmemory-policy", "allkeys-random")
    sessions = [login(store) for _ in range(300)]
    ended, logged_out = sessions[::3], sessions[1::3]
    for session in ended:
        store.end_session(session.sid, now=NOW, refuse_until=UNTIL)
    for session in logged_out:
        store.end_sessions(session.subject, now=NOW, expires_at=UNTIL)
    epoch = store.follow().sync().epoch
    server.client.config_set("maxmemory", server.client.info("memory")["used_memory"] + 100_000)
    lists = [store.key(part, name) for part in PARTITIONS for name in ("revoked", "subjects")]
    for number in range(100_000):
        server.client.set(f"filling-{number}", "x" * 10_000)
        if server.client.exists(*lists) < len(lists) - 30:
            break
    server.client.config_set("maxmemory", 0)
    assert "not_set_up" in [finding.code for finding in store.check()]
    with pytest.raises(StoreUnavailableError, match="flask jwt store upgrade"):
        store.follow().sync()
    for session in ended:
        with contextlib.suppress(StoreUnavailableError):
            assert store.is_revoked(Presented(sid=session.sid), now=NOW)
    for session in logged_out:
        with contextlib.suppress(StoreUnavailableError):
            assert store.is_revoked(Presented(subject=session.subject, issued_at=NOW), now=NOW)
        with contextlib.suppress(StoreUnavailableError):
            assert store.find_session(session.sid, now=NOW) is None
    lost = [part for part in PARTITIONS if server.client.exists(*store.memory_of(part)) < 3]
    store.upgrade(first=True)
    assert store.follow().sync().epoch != epoch
    # What ended a session there may be what was lost, so none goes on.
    for session in sessions:
        if session.sid[0] in lost:
            assert store.find_session(session.sid, now=NOW) is None
            assert rotate(store, session, new()).verdict == "gone"
            with contextlib.suppress(StoreUnavailableError):
                assert store.list_sessions(session.subject, now=NOW) == []
    fresh = login(store, sessions[0].subject)
    store.end_session(fresh.sid, now=NOW, refuse_until=UNTIL)
    assert store.is_revoked(Presented(sid=fresh.sid), now=NOW)


def test_a_past_that_was_lost_is_noticed_even_if_another_has_as_many_entries(server, store):
    """One node of a Cluster fails over, and a process whose line is to another was idle."""
    follower = store.follow()
    jtis = [jti for jti in (new() for _ in range(3000)) if partition(jti) == "A"]
    known, lost, other, further = jtis[:4]
    store.revoke_token(known, now=NOW, expires_at=UNTIL)
    follower.sync()
    keys = [store.key("A", name) for name in ("meta", "revoked", "log")]
    as_replicated = {key: _dump(server, key) for key in keys}
    store.revoke_token(lost, now=NOW, expires_at=UNTIL)
    until(lambda: lost in {entry.value for entry in follower.poll()}, "the announcement")
    for key, value in as_replicated.items():
        server.client.delete(key)
        _restore(server, key, value)
    store.revoke_token(other, now=NOW, expires_at=UNTIL)
    follower._pubsub.get_message(timeout=5)  # whatever was said of it got lost
    assert other in _read_on(follower)
    # And if that other past is further on.
    as_replicated = {key: _dump(server, key) for key in keys}
    store.revoke_token(new(), now=NOW, expires_at=UNTIL)
    store.revoke_token(lost, now=NOW, expires_at=UNTIL)
    _read_on(follower)
    for key, value in as_replicated.items():
        server.client.delete(key)
        _restore(server, key, value)
    for jti in (further, jtis[4]):
        store.revoke_token(jti, now=NOW, expires_at=UNTIL)
    assert {further, jtis[4]} <= _read_on(follower)
    follower.close()


def _dump(server: Server, key: str) -> bytes:
    with redis.Redis(port=server.port) as client:
        return client.dump(key)


def _restore(server: Server, key: str, value: bytes) -> None:
    with redis.Redis(port=server.port) as client:
        client.restore(key, 0, value)


def _read_on(follower) -> set[str]:
    known: set[str] = set()
    while True:
        synced = follower.sync()
        known |= {entry.value for entry in synced.entries}
        if synced.complete:
            return known


# ── fail-over ────────────────────────────────────────────────────────────────────────────


def test_fault_redis_hang_of_a_primary_and_its_sentinel_is_an_error_within_the_timeout(tmp_path):
    with sentinel(tmp_path) as (primary, _, watcher):
        hosts = f"127.0.0.1:{watcher.port},127.0.0.1:{watcher.port}"
        store = open_store(f"redis+sentinel://{hosts}/mymaster", timeout=TIMEOUT)
        store.upgrade(first=True)
        session = login(store)
        watcher.pause()
        primary.pause()
        for _ in range(3):  # on the connection that there is, and on new ones
            begun = time.monotonic()
            with pytest.raises(StoreUnavailableError):
                rotate(store, session, "second")
            assert time.monotonic() - begun < TIMEOUT + SLACK
        watcher.resume()
        primary.resume()
        store.close()


def test_fault_redis_failover_is_an_error_in_the_gap_and_no_token_lives_twice(tmp_path):
    with sentinel(tmp_path) as (primary, replica, watcher):
        url = f"redis+sentinel://127.0.0.1:{watcher.port}/mymaster"
        store = open_store(url, timeout=TIMEOUT)
        store.upgrade(first=True)
        sessions = [login(store) for _ in range(10)]
        until(lambda: replica.client.dbsize() == primary.client.dbsize(), "replication")
        verdicts: dict[str, list[str]] = {session.sid: [] for session in sessions}
        stop = threading.Event()

        def refresh(session: Session) -> None:
            while not stop.is_set():
                begun = time.monotonic()
                try:
                    verdict = rotate(store, session, new(), grace=30).verdict
                except StoreUnavailableError:
                    verdict = "503"
                assert time.monotonic() - begun < TIMEOUT + SLACK
                verdicts[session.sid].append(verdict)
                stop.wait(0.02)

        threads = [
            threading.Thread(target=refresh, args=(session,), daemon=True) for session in sessions
        ]
        for thread in threads:
            thread.start()
        primary.kill()
        until(lambda: login(store) if _answers(store) else None, "the fail-over")
        until(
            lambda: all(told[-1:] == ["replayed"] for told in verdicts.values()),
            "that each is told of its successor again",
        )
        stop.set()
        for thread in threads:
            thread.join()
        for session in sessions:
            told = verdicts[session.sid]
            assert "503" in told
            assert set(told) <= {"503", "rotated", "replayed"}
            # One more may be told "rotated" where the replica never heard of the first.
            assert told.count("rotated") <= 2
        store.close()


def _answers(store) -> bool:
    try:
        store.find_session("x", now=NOW)
    except StoreUnavailableError:
        return False
    return True
