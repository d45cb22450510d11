"""What the tests of faults share: an application on a server of theirs, what it must answer."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from werkzeug.test import TestResponse

from flask_signet.stores import open_store
from tests.scenarios.service import Scenario, bearer
from tests.stores.sql_servers import until

TIMEOUT = 1.0
SLACK = 2.0  # seconds that a busy machine may add: "does not hang" is what is asked
WRITES = ("refresh", "logout", "everywhere", "login")


@contextlib.contextmanager
def application(url: str, **options: Any) -> Iterator[Scenario]:
    """The application on the store that a URL names, set up if the server lets it."""
    store = open_store(url, timeout=TIMEOUT)
    with contextlib.suppress(Exception):
        store.upgrade(first=True)
    scenario = Scenario(store, **options)
    try:
        yield scenario
    finally:
        scenario.close()
        store.close()


def must_ask(scenario: Scenario) -> None:
    """Let the process be as one that has not heard of the store for too long."""
    scenario.app.extensions["flask-signet"][""].signet().doubt()


def requests(scenario: Scenario, pair: dict[str, str]) -> dict[str, Callable[[], Any]]:
    """What a client can ask, by name."""
    client = scenario.app.test_client()
    access, refresh = bearer(pair["access_token"]), bearer(pair["refresh_token"])
    return {
        "protected": lambda: client.get("/protected", headers=access),
        "refresh": lambda: client.patch("/auth/tokens", headers=refresh),
        "logout": lambda: client.delete("/auth/tokens", headers=access),
        "everywhere": lambda: client.delete("/auth/sessions", headers=access),
        "login": lambda: client.post("/auth/tokens", json={"user": scenario.user}),
        "list": lambda: client.get("/auth/sessions", headers=access),
    }


def refuse(scenario: Scenario, pair: dict[str, str]) -> None:
    """Each request is answered 503 with Retry-After, within the timeout."""
    for name, ask in requests(scenario, pair).items():
        must_ask(scenario)
        begun = time.monotonic()
        answer = ask()
        assert answer.status_code == 503, name
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json["msg"]
        assert time.monotonic() - begun < TIMEOUT + SLACK, name


def goes_on(scenario: Scenario, pair: dict[str, str]) -> None:
    """Nothing of what was refused has happened."""
    asked = requests(scenario, pair)
    assert settled(asked["protected"]).status_code == 200
    following = settled(asked["refresh"]).json
    assert len(scenario.sessions(following)) == 1


def settled(ask: Callable[[], TestResponse]) -> TestResponse:
    """The first answer that is no 503: for a moment after a failure the store is not asked."""
    answers: list[TestResponse] = []

    def answered() -> bool:
        answers.append(ask())
        return answers[-1].status_code != 503

    until(answered, "the end of the 503s")
    return answers[-1]


def nothing_is_written(scenario: Scenario, refused: Any, writes: Sequence[str] = WRITES) -> None:
    pair = scenario.login()
    assert scenario.get(pair) == 200
    with scenario.listening() as events, refused:
        asked = requests(scenario, pair)
        for name in writes:
            answer = asked[name]()
            assert answer.status_code == 503, name
            assert int(answer.headers["Retry-After"]) > 0
        assert events == []  # nothing rotated, nothing counted as reuse
    goes_on(scenario, pair)
