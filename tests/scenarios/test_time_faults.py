"""The scenarios of time (fault-clock-back, fault-ttl, fault-prune), on every store."""

import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flask_signet import create_refresh_token
from flask_signet.cli import jwt_cli
from flask_signet.sessions.session import Kind, Session, partition
from flask_signet.sessions.store import SessionStore
from flask_signet.stores import open_store
from flask_signet.stores.redis import RedisStore
from tests.scenarios.conftest import STORES
from tests.scenarios.service import Scenario, bearer
from tests.stores.databases import forget, own_database

MINUTE, HOUR, DAY = 60, 3_600, 86_400
ACCESS, REFRESH = 15 * MINUTE, 30 * DAY  # how long tokens live, unless the options say otherwise


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SessionStore]:
    """A store of its own: what is pruned by a clock of the test's is nobody else's."""
    if request.param in {"postgresql", "mysql"}:
        with own_database(request.getfixturevalue(f"{request.param}_url")) as url:
            yield from set_up(open_store(url))
    elif request.param == "redis":
        url = request.getfixturevalue("redis_url")
        redis = RedisStore(url, prefix=f"test-{secrets.token_hex(6)}")
        yield from set_up(redis)
        forget(redis)
        redis.close()
    else:
        urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path / 'sessions.sqlite3'}"}
        yield from set_up(open_store(urls[request.param]))


def set_up(store: SessionStore) -> Iterator[SessionStore]:
    store.upgrade(first=True)
    yield store
    store.close()


def log_out(scenario: Scenario, token: str) -> None:
    assert scenario.client.delete("/auth/tokens", headers=bearer(token)).status_code == 204


def log_out_everywhere(scenario: Scenario, pair: dict[str, str]) -> None:
    access = bearer(pair["access_token"])
    assert scenario.client.delete("/auth/sessions", headers=access).status_code == 204


def prune(scenario: Scenario) -> None:
    """As the operator does, by the clock of the moment."""
    result = scenario.app.test_cli_runner().invoke(jwt_cli, ["store", "prune", "--batch", "2"])
    assert result.exit_code == 0, result.output


# ── fault-clock-back ─────────────────────────────────────────────────────────────────────

STEPS = pytest.mark.parametrize("steps", [(HOUR, -HOUR), (0, HOUR)], ids=["back", "forward"])
"""Before a token is rotated, and after it: a clock that is wrong and set right, or goes wrong."""


@STEPS
def test_fault_clock_back_brings_back_no_token_that_was_used(make, ticking, steps):
    scenario = make(refresh_reuse_grace=10)
    first = scenario.login()
    ticking.tick(steps[0])
    third = scenario.next(scenario.next(first))
    ticking.tick(steps[1])
    assert scenario.refresh(first).status_code == 401
    ticking.tick(-steps[1])
    for pair in (first, third):
        assert scenario.refresh(pair).status_code == 401
    assert scenario.get(third) == 401


@STEPS
def test_fault_clock_back_makes_the_grace_no_longer(make, ticking, steps):
    scenario = make(refresh_reuse_grace=10)
    first = scenario.login()
    ticking.tick(steps[0])
    second = scenario.next(first)
    assert scenario.next(first)["refresh_token"] == second["refresh_token"]
    assert scenario.get(second) == 200  # seen in use: from now on the grace alone forgives
    ticking.tick(steps[1])
    assert scenario.refresh(first).status_code == 401
    ticking.tick(-steps[1])
    assert scenario.refresh(second).status_code == 401


def test_fault_clock_back_expiry_follows_the_clock(make, ticking):
    scenario = make()
    pair = scenario.login()
    ticking.tick(ACCESS - 1)
    assert scenario.get(pair) == 200
    ticking.tick(1)
    assert scenario.get(pair) == 401
    ticking.tick(-1)
    assert scenario.get(pair) == 200
    ticking.tick(REFRESH - ACCESS + 1)
    assert scenario.refresh(pair).status_code == 401
    ticking.tick(-2)
    assert scenario.refresh(pair).status_code == 201


def test_fault_clock_back_a_token_of_the_future_waits_and_ends_nothing(make, ticking):
    """Its ``nbf`` has not come (RFC 7519 section 4.1.5): refused as in FJE, and not reuse."""
    scenario = make()
    with scenario.listening() as events:
        pair = scenario.login()
        ticking.tick(-HOUR)
        assert scenario.get(pair) == 422
        assert scenario.refresh(pair).status_code == 422
        anew = scenario.login()
        assert scenario.get(anew) == 200
        anew = scenario.next(anew)
        ticking.tick(HOUR)
        assert scenario.get(pair) == 200
        assert scenario.next(pair)
        assert scenario.next(anew)
    assert events == ["rotated"] * 3


def test_fault_clock_back_brings_back_nothing_that_was_revoked(make, ticking):
    scenario, other = make(), make()
    ended, pair = scenario.login(), scenario.login("everywhere-" + scenario.user)
    assert other.get(ended) == other.get(pair) == 200
    log_out(scenario, ended["access_token"])
    log_out_everywhere(scenario, pair)
    refused = [scenario.get(ended), scenario.get(pair)]
    ticking.tick(HOUR)  # by this clock the tokens have expired, and with them what refuses them
    for process in (scenario, other, make()):
        refused += [process.get(ended), process.get(pair)]
    prune(scenario)
    ticking.tick(-HOUR)
    for process in (scenario, other, make()):
        refused += [process.get(ended), process.get(pair)]
        refused += [process.refresh(each).status_code for each in (ended, pair)]
    assert set(refused) == {401}


def test_fault_clock_back_does_not_lock_out_who_logs_in_after_it(make, ticking):
    scenario = make()
    before = scenario.login()
    log_out_everywhere(scenario, before)
    ticking.tick(-HOUR)
    after = scenario.login()
    assert scenario.get(after) == 200
    following = scenario.next(after)
    assert len(scenario.sessions(following)) == 1
    log_out(scenario, following["access_token"])
    assert scenario.get(following) == 401
    assert scenario.refresh(following).status_code == 401
    ticking.tick(HOUR)
    for pair in (before, after, following):
        assert scenario.get(pair) == 401
        assert scenario.refresh(pair).status_code == 401


# ── fault-ttl ────────────────────────────────────────────────────────────────────────────

LEEWAY = 120


def expiry(store: SessionStore, kind: Kind, value: str) -> float:
    """When the store's entry goes, as it tells those who follow it."""
    follower, found = store.follow(), 0.0
    while True:
        synced = follower.sync()
        for entry in synced.entries:
            if (entry.kind, entry.value) == (kind, value):
                found = entry.expires_at
        if synced.complete:
            follower.close()
            return found


def test_fault_ttl_of_a_refresh_token_is_its_own_and_not_the_access_tokens(make, store, ticking):
    """A token of 30 days, from before there was a store: nothing but its entry refuses it."""
    scenario = make(decode_leeway=LEEWAY)
    with scenario.app.app_context():
        old = create_refresh_token(scenario.user, additional_claims={"jti": f"old-{scenario.user}"})
    log_out(scenario, old)
    end = ticking() + REFRESH + LEEWAY
    assert expiry(store, "jti", f"old-{scenario.user}") >= end
    # Past the life of an access token, in its last day, its last second, and that of the leeway.
    for moment in (ACCESS + LEEWAY + 2, REFRESH - DAY, REFRESH - 1, REFRESH + LEEWAY - 1):
        ticking.now = end - REFRESH - LEEWAY + moment
        prune(scenario)
        for process in (scenario, make(decode_leeway=LEEWAY)):
            assert process.refresh(old).status_code == 401
    with scenario.listening() as events:
        ticking.now = end + 1
        assert scenario.refresh(old).status_code == 401
    assert "rotated" not in events


def test_fault_ttl_of_a_session_outlives_its_access_tokens(make, store, ticking):
    scenario = make(decode_leeway=LEEWAY)
    pair = scenario.login()
    [session] = scenario.sessions(pair)
    ticking.tick(MINUTE)
    last = scenario.next(pair)
    end = ticking() + ACCESS + LEEWAY
    log_out(scenario, pair["access_token"])
    assert expiry(store, "sid", session["sid"]) >= end
    ticking.now = end - 1
    prune(scenario)
    for process in (scenario, make(decode_leeway=LEEWAY)):
        assert process.get(last) == 401


def test_fault_ttl_of_everywhere_outlives_every_token(make, store, ticking):
    scenario = make(decode_leeway=LEEWAY)
    pair = scenario.login()
    with scenario.app.app_context():
        old = create_refresh_token(scenario.user)
    ticking.tick(1)
    last = scenario.next(pair)
    end = ticking() + REFRESH + LEEWAY
    log_out_everywhere(scenario, last)
    assert expiry(store, "subject", scenario.user) >= end
    for moment in (ACCESS, DAY, REFRESH - 2):
        ticking.now = end - REFRESH - LEEWAY + moment
        prune(scenario)
        for process in (scenario, make(decode_leeway=LEEWAY)):
            for each in (pair["refresh_token"], last["refresh_token"], old):
                assert process.refresh(each).status_code == 401


def test_fault_ttl_redis_lets_no_entry_expire_by_itself_and_no_session_early(redis_url, ticking):
    store = RedisStore(redis_url, prefix=f"test-{secrets.token_hex(6)}")
    store.upgrade(first=True)
    scenario = Scenario(store)
    pair, ended = scenario.login(), scenario.login()
    log_out(scenario, ended["access_token"])
    part = partition(scenario.user)
    for key in [*store.memory_of(part), store.key(part, "log")]:
        assert store.client.pttl(key) == -1
    [session] = scenario.sessions(pair)
    rows = (f"session:{session['sid']}", f"sessions:{scenario.user}")
    for _ in range(2):
        for row in rows:
            # A moment has passed since; it is dropped a minute after it has expired.
            assert store.client.pttl(store.key(part, row)) > REFRESH * 1000
        ticking.tick(DAY)  # Redis's clock has not: only what is left counts
        pair = scenario.next(pair)
    scenario.close()
    forget(store)
    store.close()


# ── fault-prune ──────────────────────────────────────────────────────────────────────────

EXPIRED = 200  # sessions, and as many entries
CLIENTS = 4


def test_fault_prune_during_traffic_lets_nobody_in_and_stops_nobody(store):
    """Not one request is a 503, so nothing was locked for long: a store waits two seconds."""
    now = time.time()
    _expire(store, now)
    scenario = Scenario(store)
    ended = [scenario.login(f"{scenario.user}-{number}") for number in range(10)]
    for pair in ended:
        log_out(scenario, pair["access_token"])
    over, pruned = threading.Event(), [0, 0]

    def go_on_pruning() -> None:
        try:
            while min(pruned) < EXPIRED:
                found = store.prune(now=now, batch=10)
                pruned[0] += found.sessions
                pruned[1] += found.revocations
                if isinstance(store, RedisStore):  # there, sessions go by themselves
                    pruned[0] = EXPIRED
                assert found.more or min(pruned) >= EXPIRED
        finally:
            over.set()

    def be_a_client(number: int) -> int:
        client = Client(scenario, f"{scenario.user}-client-{number}")
        while not over.is_set() or client.rounds < 3:
            client.play(ended)
        return client.rounds

    with ThreadPoolExecutor(CLIENTS + 1) as threads:
        clients = [threads.submit(be_a_client, number) for number in range(CLIENTS)]
        threads.submit(go_on_pruning).result()
        assert all(client.result() >= 3 for client in clients)
    assert pruned == [EXPIRED, EXPIRED]
    for process in (scenario, Scenario(store)):
        for pair in ended:
            assert process.get(pair) == 401
            assert process.refresh(pair).status_code == 401
        process.close()


def _expire(store: SessionStore, now: float) -> None:
    """What has expired an hour ago, and is to go."""
    before, then = now - 2 * HOUR, now - HOUR
    for number in range(EXPIRED):
        session = Session.begin(f"gone-{number}", f"jti-{number}", now=before, expires_at=then)
        store.open_session(session, refuse_until=then)
        store.revoke_token(f"revoked-{number}", now=before, expires_at=then)


class Client:
    """Logs in, refreshes, asks, logs out: every answer as if nobody pruned."""

    def __init__(self, scenario: Scenario, user: str) -> None:
        self.scenario = scenario
        self.client = scenario.app.test_client()
        self.user = user
        self.rounds = 0

    def ask(self, method: str, path: str, token: str = "", **options: Any) -> Any:
        headers = bearer(token) if token else {}
        return self.client.open(path, method=method, headers=headers, **options)

    def play(self, ended: list[dict[str, str]]) -> None:
        pair = self.ask("POST", "/auth/tokens", json={"user": self.user}).json
        answers = [self.ask("GET", "/protected", pair["access_token"])]
        pair = self.ask("PATCH", "/auth/tokens", pair["refresh_token"]).json
        answers += [
            self.ask("GET", "/protected", pair["access_token"]),
            self.ask("DELETE", "/auth/tokens", pair["access_token"]),
            self.ask("GET", "/protected", pair["access_token"]),
            *(self.ask("GET", "/protected", each["access_token"]) for each in ended),
        ]
        wanted = [200, 200, 204, 401, *[401] * len(ended)]
        assert [answer.status_code for answer in answers] == wanted
        self.rounds += 1
