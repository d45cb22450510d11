"""The scenarios of key rotation (keyrot-*): nobody is logged out, and nothing is restarted.

``SIGNET_LOAD_SECONDS=60`` keeps up the load for a minute; CI does it for a few seconds.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from flask_signet import Key, get_unverified_jwt_headers
from flask_signet.keys.files import jwks_text, write_private
from flask_signet.keys.schedule import KeySchedule
from flask_signet.stores import open_store
from tests.conftest import Clock
from tests.scenarios.servers import ROOT, Server, serving
from tests.scenarios.service import Scenario

SECONDS = float(os.environ.get("SIGNET_LOAD_SECONDS", "4"))
CLIENTS = 6
PATIENCE = 60  # seconds

pytestmark = pytest.mark.timeout(240 + 2 * SECONDS)


# ── by the clock ─────────────────────────────────────────────────────────────────────────


def keep(path: Path, schedule: KeySchedule) -> None:
    write_private(path, jwks_text([each.to_jwk() for each in schedule]))


@pytest.fixture
def ring(tmp_path: Path, ticking: Clock) -> tuple[Path, KeySchedule]:
    """A file with one key that signs."""
    path = tmp_path / "keys.json"
    first = Key.generate("ES256")
    schedule = KeySchedule().rotated(first, ticking(), publish_for=0, longest_life=0)
    keep(path, schedule)
    return path, schedule


def test_keyrot_retire_an_old_key_verifies_as_long_as_its_last_token_lives(
    ring: tuple[Path, KeySchedule], ticking: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """keyrot-retire: 200 during the overlap, 401 or 422 after it; a refresh is no reuse."""
    path, schedule = ring
    store = open_store("memory://")
    scenario = Scenario(
        store, secret_key=None, keys=str(path), keys_refresh=30, access_token_expires=10_000
    )
    live = scenario.app.extensions["flask-signet"][""].signet().keys
    monkeypatch.setattr(live, "_monotonic", ticking)
    first = scenario.login()
    keep(
        path,
        schedule.rotated(Key.generate("ES256"), ticking(), publish_for=60, longest_life=5_000),
    )
    ticking.tick(91)
    second = scenario.login()
    assert kid(second) != kid(first)
    assert (scenario.get(first), scenario.get(second)) == (200, 200)
    ticking.tick(4_000)
    assert scenario.get(first) == 200
    ticking.tick(1_000)  # the overlap has ended, before the token has
    assert scenario.get(first) == 422
    assert scenario.refresh(first).status_code == 422
    assert scenario.get(second) == 200
    with scenario.listening() as events:
        assert scenario.refresh(first).status_code == 422
    assert events == []  # rot-11: a retired key's token is refused, and is no reuse
    scenario.close()


def kid(pair: dict[str, str]) -> str:
    name: str = get_unverified_jwt_headers(pair["access_token"])["kid"]
    return name


# ── under load, with two workers ─────────────────────────────────────────────────────────


def command(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "tests.scenarios.served_keys", "jwt", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Load:
    """Clients that use, refresh and log in without a pause; every answer is counted."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answers: Counter[tuple[str, int]] = Counter()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        pair = self.server.login(f"user-{number}")
        oldest = pair["access_token"]  # of the first key, to the end
        while not self._over.is_set():
            for token in (oldest, pair["access_token"]):
                self._count("protected", self.server.get(token).status)
            answer = self.server.refresh(pair["refresh_token"])
            self._count("refresh", answer.status)
            if answer.status == 201:
                pair = answer.body

    def _count(self, what: str, status: int) -> None:
        self.answers[what, status] += 1


def until(condition: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what


def test_keyrot_under_load_no_request_fails_and_no_worker_is_restarted(tmp_path: Path) -> None:
    """A key rotated by the command signs in both workers; each answer is 200 or 201."""
    url, path = f"sqlite:///{tmp_path}/sessions.db", tmp_path / "keys.json"
    store = open_store(url)
    store.upgrade(first=True)
    store.close()
    environment = {"STORE_URL": url, "KEYS": str(path)}
    command(environment, "keys", "generate")
    with serving(
        url,
        *("--threads", "8"),
        workers=2,
        worker_class="gthread",
        module="tests.scenarios.served_keys",
        KEYS=str(path),
    ) as server:
        workers = set(server.by_every_process("no token", 2))
        with Load(server) as load:
            begun = time.monotonic()
            rotations = 0
            while time.monotonic() - begun < SECONDS or not rotations:
                before = active(environment)
                # Many times what a worker takes to read its keys again, on a busy machine too.
                command(environment, "keys", "rotate", "--publish-for", "5")
                until(lambda before=before: active(environment) != before, "the next key's turn")
                signs_in_both_workers(server, active(environment), workers)
                rotations += 1
        assert set(server.by_every_process("no token", 2)) == workers
    assert {status for _, status in load.answers} == {200, 201}, load.answers
    assert load.answers["protected", 200] >= CLIENTS
    assert load.answers["refresh", 201] >= CLIENTS


def active(environment: dict[str, str]) -> str:
    rows = json.loads(command(environment, "keys", "list", "--json"))
    name: str = next(row["kid"] for row in rows if row["state"] == "active")
    return name


def signs_in_both_workers(server: Server, name: str, workers: set[str]) -> None:
    signed: set[str] = set()

    def log_in() -> bool:
        answer = server.ask("POST", "/auth/tokens", body={"user": "somebody"})
        assert answer.status == 201
        if kid(answer.body) == name:
            signed.add(answer.process)
        return signed == workers

    until(log_in, "both workers sign with the new key")
