"""Many clients of the application at the same moment."""

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from werkzeug.test import TestResponse

from tests.scenarios.servers import Server
from tests.scenarios.service import Scenario, bearer
from tests.stores.racing import PATIENCE

Action = Callable[[], Any]


def at_once(actions: list[Action]) -> list[Any]:
    """What each returns, all begun at the same moment."""
    barrier = threading.Barrier(len(actions))
    results: list[Any] = [None] * len(actions)

    def run(number: int) -> None:
        barrier.wait(PATIENCE)
        results[number] = actions[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def refreshing(scenario: Scenario, token: str) -> Action:
    """A refresh with this token, by a client of its own."""
    client = scenario.app.test_client()
    return lambda: client.patch("/auth/tokens", headers=bearer(token))


def jti(token: str) -> str:
    """The ``jti`` of a token."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"]


def statuses(answers: list[TestResponse]) -> Counter[int]:
    """How many of each there are."""
    return Counter(answer.status_code for answer in answers)


def live(scenario: Scenario, answers: list[TestResponse], *pairs: dict[str, str]) -> int:
    """How many of these refresh tokens are good, without a grace."""
    scenario.app.config["JWT_REFRESH_REUSE_GRACE"] = 0
    tokens = {answer.json["refresh_token"] for answer in answers if answer.status_code == 201}
    tokens |= {pair["refresh_token"] for pair in pairs}
    return sum(scenario.refresh(token).status_code == 201 for token in sorted(tokens))


def refreshing_by_http(server: Server, token: str, grace: str) -> Action:
    """The same over a socket."""
    return lambda: server.refresh(token, grace)
