"""The scenarios of races (race-*), through the application: many clients at the same moment.

tests/stores/test_races.py races the stores themselves, with 50 clients in each round. Nothing here
is ever tried again. ``SIGNET_RACE_ROUNDS=1000`` lets a refresh meet a log-out, a log-out everywhere
and a replay a thousand times each; of many clients there are fewer rounds.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from flask_signet.stores import open_store
from flask_signet.stores.memory import MemoryStore
from tests.scenarios.clients import (
    Action,
    at_once,
    jti,
    live,
    refreshing,
    refreshing_by_http,
    statuses,
)
from tests.scenarios.servers import serving
from tests.scenarios.service import SECRET, Scenario, bearer
from tests.stores.databases import own_database
from tests.stores.racing import PATIENCE, ROUNDS
from tests.stores.redis_servers import Server as RedisServer

MANY = max(2, ROUNDS // 25)
"""Rounds in which a crowd refreshes."""

FEW = ROUNDS if ROUNDS >= 1000 else max(4, ROUNDS // 10)
"""Rounds in which a few clients meet somebody who ends the session."""

pytestmark = pytest.mark.timeout(120 + 10 * MANY + FEW)


@pytest.fixture(scope="module")
def sqlite_race_url(tmp_path_factory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('race')}/sessions.sqlite3"


@pytest.fixture(scope="module", params=["memory", "sqlite", "postgresql", "mysql", "redis"])
def race_url(request, tmp_path_factory) -> Iterator[str]:
    if request.param == "memory":
        yield "memory://"
    elif request.param == "sqlite":
        yield request.getfixturevalue("sqlite_race_url")
    elif request.param == "redis":
        # The processes know it by its URL, which names no prefix: it is a server of its own.
        server = RedisServer(tmp_path_factory.mktemp("redis"))
        yield f"redis://127.0.0.1:{server.port}/0"
        server.stop()
    else:
        with own_database(request.getfixturevalue(f"{request.param}_url")) as url:
            yield url


@pytest.fixture(scope="module")
def race_store(race_url) -> Iterator[Any]:
    # 200 clients on two cores wait for each other longer than a request would.
    store = MemoryStore() if race_url == "memory://" else open_store(race_url, timeout=20)
    store.upgrade(first=True)
    yield store
    store.close()


@pytest.fixture
def make(race_store) -> Iterator[Callable[..., Scenario]]:
    made: list[Scenario] = []

    def scenario(**options: Any) -> Scenario:
        made.append(Scenario(race_store, **options))
        return made[-1]

    yield scenario
    for each in made:
        each.close()


# Of 200 clients a round takes seconds; the many rounds are of 50, in tests/stores.
CLIENTS = pytest.mark.parametrize(
    ("clients", "rounds"), [(2, MANY), (10, MANY), (50, MANY), (200, 1)]
)


@CLIENTS
def test_race_one_of_many_refreshes_and_the_others_are_reuse(make, clients, rounds):
    """race-002, -010, -050, -200: one 201, no 5xx, and at most one live token afterwards."""
    scenario = make(refresh_reuse_grace=0)
    for _ in range(rounds):
        first = scenario.login()
        refresh = first["refresh_token"]
        answers = at_once([refreshing(scenario, refresh) for _ in range(clients)])
        assert statuses(answers) == {201: 1, 401: clients - 1}
        assert live(scenario, answers) == 0  # the second use ended the session


@CLIENTS
def test_race_grace_all_of_many_get_one_and_the_same_successor(make, clients, rounds):
    """race-grace-002, -010, -050, -200: each answer names one successor, which is live."""
    scenario = make()
    for _ in range(rounds):
        scenario.app.config["JWT_REFRESH_REUSE_GRACE"] = 600
        first = scenario.login()
        refresh = first["refresh_token"]
        answers = at_once([refreshing(scenario, refresh) for _ in range(clients)])
        assert statuses(answers) == {201: clients}
        assert len({jti(answer.json["refresh_token"]) for answer in answers}) == 1
        assert len({answer.json["refresh_token"] for answer in answers}) == 1
        assert live(scenario, answers) == 1


def ending(scenario: Scenario, method: str, path: str, token: str) -> Action:
    client = scenario.app.test_client()
    return lambda: client.open(path, method=method, headers=bearer(token))


@pytest.mark.parametrize(
    ("name", "path"), [("race-logout", "/auth/tokens"), ("race-revoke-all", "/auth/sessions")]
)
def test_race_nothing_is_live_after_a_log_out_was_answered(make, name, path):
    """race-logout and race-revoke-all: whoever refreshes at that moment gets nothing that lasts."""
    scenario = make()
    for _ in range(FEW):
        scenario.app.config["JWT_REFRESH_REUSE_GRACE"] = 600
        first = scenario.login()
        refresh, access = first["refresh_token"], first["access_token"]
        actions = [refreshing(scenario, refresh) for _ in range(4)]
        actions.insert(2, ending(scenario, "DELETE", path, access))
        answers = at_once(actions)
        assert answers.pop(2).status_code == 204
        assert statuses(answers).keys() <= {201, 401}
        for answer in answers:
            if answer.status_code == 201:
                assert scenario.get(answer.json) == 401
        assert live(scenario, answers, first) == 0


def test_race_reuse_nothing_is_live_after_the_replay_was_refused(make):
    """race-reuse: the owner refreshes while a thief replays the token before."""
    scenario = make(refresh_reuse_grace=0)
    for _ in range(FEW):
        first = scenario.login()
        second = scenario.next(first)
        actions = [refreshing(scenario, second["refresh_token"])]
        actions += [refreshing(scenario, first["refresh_token"]) for _ in range(3)]
        owner, *thief = at_once(actions)
        assert {answer.status_code for answer in thief} == {401}
        assert owner.status_code in {201, 401}
        assert live(scenario, [owner], second) == 0
        if owner.status_code == 201:
            assert scenario.get(owner.json) == 401


def test_race_independent_sessions_do_not_touch_each_other(make):
    """race-independent: 50 sessions, each refreshed 15 times; not one 401."""
    scenario = make(refresh_reuse_grace=0)
    tokens = [scenario.login(f"{scenario.user}-{number}") for number in range(50)]

    def life(pair: dict[str, str]) -> Action:
        client = scenario.app.test_client()

        def refresh() -> int:
            refreshed = 0
            current = pair["refresh_token"]
            for _ in range(15):
                answer = client.patch("/auth/tokens", headers=bearer(current))
                if answer.status_code == 201:
                    current = answer.json["refresh_token"]
                    refreshed += 1
            return refreshed

        return refresh

    assert at_once([life(pair) for pair in tokens]) == [15] * 50


def test_race_keyrot_a_key_rotated_meanwhile_refuses_nobody(make):
    """race-keyrot: 50 clients refresh and verify while the secret changes three times."""
    scenario = make(refresh_reuse_grace=0, access_token_expires=timedelta(hours=1))
    tokens = [scenario.login(f"{scenario.user}-{number}") for number in range(50)]
    rotated = threading.Event()

    def life(pair: dict[str, str]) -> Action:
        client = scenario.app.test_client()

        def use() -> set[int]:
            seen: set[int] = set()
            current = pair
            for turn in range(6):
                if turn == 3:
                    assert rotated.wait(PATIENCE)  # half of it with the newest key
                answer = client.patch("/auth/tokens", headers=bearer(current["refresh_token"]))
                seen.add(answer.status_code)
                current = answer.json
                headers = bearer(current["access_token"])
                seen.add(client.get("/protected", headers=headers).status_code)
            return seen

        return use

    def rotate() -> set[int]:
        older = [SECRET]
        for _ in range(3):
            # The old key verifies before the new one signs, so no moment is without either.
            secret = secrets.token_urlsafe(48)
            scenario.app.config["JWT_SECRET_KEY_FALLBACKS"] = [secret, *older]
            scenario.app.config["JWT_SECRET_KEY"] = secret
            older.insert(0, secret)
        rotated.set()
        return {200, 201}

    results = at_once([rotate, *(life(pair) for pair in tokens)])
    assert set().union(*results) == {200, 201}


# ── four processes ───────────────────────────────────────────────────────────────────────


def test_race_processes_four_workers_decide_for_one(race_url, race_store):
    """race-processes: 4 gunicorn workers of 8 threads, 50 clients over HTTP, one token."""
    if race_url == "memory://":
        return  # every process would have a store of its own
    with serving(
        *(race_url, "--threads", "8"), workers=4, worker_class="gthread", STORE_TIMEOUT="20"
    ) as server:
        server.by_every_process("no token", 4)  # all of them are up
        for grace, of_fifty, afterwards in MANY * [("0", 1, 401), ("600", 50, 201)]:
            refresh = server.login(f"user-{secrets.token_hex(6)}")["refresh_token"]
            answers = at_once([refreshing_by_http(server, refresh, grace) for _ in range(50)])
            good = [answer for answer in answers if answer.status == 201]
            assert {answer.status for answer in answers} <= {201, 401}
            assert len(good) == of_fifty
            [successor] = {answer.body["refresh_token"] for answer in good}
            # The second use without a grace has ended the session.
            assert server.refresh(successor).status == afterwards
