"""The past of a store (own-03, own-07, own-08): what it must still know, and what it lost.

Each application here is as a process of its own: it has its own connections, and its own view of
what is revoked.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flask_signet import (
    create_access_token,
    create_refresh_token,
    create_token_pair,
    decode_token,
    end_session,
    end_sessions,
    revoke_token,
)
from flask_signet.cli import jwt_cli
from flask_signet.sessions.store import SessionStore
from flask_signet.stores import open_store
from flask_signet.stores.redis import RedisStore
from flask_signet.stores.sql import SqlStore
from flask_signet.stores.sql.schema import metadata
from tests.conftest import Clock
from tests.scenarios.service import Scenario, bearer
from tests.stores.databases import forget, own_database

Make = Callable[..., Scenario]

PROFILES = ("compatible", "strict")


# ── own-03: a revocation lives as long as what it refuses ────────────────────────────────

LONG = 600
SHORT = 60


def _end_by(how: str, scenario: Scenario, token: str) -> None:
    """Revoke a token in another process, whose options are shorter."""
    with scenario.app.test_request_context():
        claims = decode_token(token)
        if how == "session":
            end_session(claims["sid"])
        elif how == "subject":
            end_sessions(claims["sub"])
        elif how == "jti":
            revoke_token(claims["jti"])
        else:
            revoke_token(token)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("how", ["session", "subject", "jti", "token"])
@pytest.mark.parametrize("longer", ["option", "delta", "claim", "loader"])
def test_own_03_a_deployment_that_shortens_the_options_brings_no_token_back(
    make: Make, ticking: Clock, how: str, longer: str, profile: str
) -> None:
    """Whatever made the token live longer than the options of now say."""
    options: dict[str, Any] = {"profile": profile, "refresh_token_expires": 3 * SHORT}
    before = make(access_token_expires=LONG if longer == "option" else SHORT, **options)
    after = make(access_token_expires=SHORT, **options)
    end = int(ticking()) + LONG
    if longer == "loader":
        before.jwt.additional_claims_loader(lambda identity: {"exp": end})
    claims = {"exp": end} if longer == "claim" else None
    delta = timedelta(seconds=LONG) if longer == "delta" else None
    with before.app.test_request_context():
        if how == "session":
            pair = create_token_pair(
                before.user, access_expires_delta=delta, additional_claims=claims
            )
            token = pair.access_token
        else:
            token = create_access_token(before.user, expires_delta=delta, additional_claims=claims)
    tokens = {"access_token": token}
    assert after.get(tokens) == 200
    _end_by(how, after, token)
    ticking.tick(LONG - 1)
    started = make(access_token_expires=SHORT, **options)
    assert [each.get(tokens) for each in (before, after, started)] == [401, 401, 401]
    for each in (before, after, started):
        answer = each.client.get("/protected", headers=bearer(token))
        assert "revoked" in answer.get_data(as_text=True)


# ── own-07: a store that was emptied and set up again ────────────────────────────────────


class Emptied:
    """A store of its own, which loses everything.

    :ivar url: where it is; each application opens it anew.
    """

    def __init__(self, url: str, prefix: str = "") -> None:
        self.url = url
        self._prefix = prefix
        self._opened: list[SessionStore] = []

    def open(self) -> SessionStore:
        """The store, as a process of its own opens it."""
        if self._prefix:
            store: SessionStore = RedisStore(self.url, prefix=self._prefix)
        else:
            store = open_store(self.url)
        self._opened.append(store)
        return store

    def empty(self) -> None:
        """As by a flush of Redis, or after the tables were dropped."""
        store = self.open()
        if isinstance(store, RedisStore):
            forget(store)
        else:
            assert isinstance(store, SqlStore)
            metadata.drop_all(store.engine)

    def close(self) -> None:
        for store in self._opened:
            if isinstance(store, RedisStore):
                forget(store)
            store.close()


@pytest.fixture(params=["sqlite", "postgresql", "mysql", "redis"])
def emptied(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Emptied]:
    with _own_store(request, tmp_path) as made:
        made.open().upgrade(first=True)
        yield made
        made.close()


@contextmanager
def _own_store(request: pytest.FixtureRequest, folder: Path) -> Iterator[Emptied]:
    kind: str = request.param
    if kind == "sqlite":
        yield Emptied(f"sqlite:///{folder}/own.sqlite3")
    elif kind == "redis":
        yield Emptied(request.getfixturevalue("redis_url"), f"test-{secrets.token_hex(6)}")
    else:
        with own_database(request.getfixturevalue(f"{kind}_url")) as url:
            yield Emptied(url)


@pytest.fixture
def process(emptied: Emptied, ticking: Clock) -> Iterator[Make]:
    """Makes an application that opens the store itself."""
    made: list[Scenario] = []

    def scenario(**options: Any) -> Scenario:
        made.append(Scenario(emptied.open(), **options))
        return made[-1]

    yield scenario
    for each in made:
        each.close()


def _loose(scenario: Scenario) -> dict[str, str]:
    """Tokens without a session."""
    with scenario.app.test_request_context():
        return {
            "access_token": create_access_token(scenario.user),
            "refresh_token": create_refresh_token(scenario.user),
        }


def _look_again(*processes: Scenario) -> None:
    """As if JWT_REVOCATION_MAX_STALENESS had passed."""
    for each in processes:
        each.app.extensions["flask-signet"][""].signet().doubt()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("staleness", [2, 0])
def test_own_07_what_was_issued_before_is_refused_and_what_was_opened_after_is_good(
    process: Make, emptied: Emptied, ticking: Clock, staleness: int, profile: str
) -> None:
    """By every process: one that ran before, one that slept meanwhile, and one started after."""
    options = {"revocation_max_staleness": staleness, "profile": profile}
    ticking.tick(0.1)
    before, idle, failing = (process(**options) for _ in range(3))
    pair, loose = before.login(), _loose(before)
    assert (before.get(pair), idle.get(pair), idle.get(loose)) == (200, 200, 200)
    ticking.tick(0.25)  # within the very second
    emptied.empty()
    assert failing.get(pair) == 503
    result = before.app.test_cli_runner().invoke(jwt_cli, ["store", "upgrade"])
    assert "Tokens from before now are refused" in result.output
    ticking.tick(0.25)
    after = process(**options)
    opened, made = after.login(), _loose(after)
    _look_again(before, idle)
    everybody = (before, idle, after)
    for old in (pair, loose):
        assert [each.get(old) for each in everybody] == [401, 401, 401]
        assert [each.refresh(old).status_code for each in everybody] == [401, 401, 401]
    for new in (opened, made):
        assert [each.get(new) for each in everybody] == [200, 200, 200]
    assert after.refresh(made).status_code == 201  # adopted
    assert idle.refresh(opened).status_code == 201


def test_own_07_a_first_set_up_is_said_and_tokens_from_before_are_good(
    process: Make, emptied: Emptied, ticking: Clock
) -> None:
    """At once, or later: the command may be repeated."""
    scenario = process()
    loose = _loose(scenario)
    emptied.empty()
    ticking.tick(5)
    run = scenario.app.test_cli_runner()
    assert run.invoke(jwt_cli, ["store", "upgrade"]).exit_code == 0
    started = process()
    assert started.get(loose) == 401
    assert run.invoke(jwt_cli, ["store", "upgrade", "--first"]).exit_code == 0
    _look_again(started)
    assert started.get(loose) == 200
    assert started.refresh(loose).status_code == 201


def test_own_07_a_login_by_a_clock_that_is_behind_is_good(
    process: Make, emptied: Emptied, ticking: Clock
) -> None:
    """The store dates it after its own birth."""
    scenario = process()
    emptied.empty()
    emptied.open().upgrade(now=ticking() + 30)
    pair = scenario.login()
    assert (scenario.get(pair), process().get(pair)) == (200, 200)


# ── own-08: a file of SQLite that was exchanged, or restored in place ────────────────────


def _copy(source: Path, target: Path) -> None:
    """What is in a file of SQLite, as a backup has it."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


@pytest.mark.parametrize("how", ["replaced", "restored"])
def test_own_08_a_running_process_notices_that_the_file_has_another_past(
    tmp_path: Path, ticking: Clock, how: str
) -> None:
    """It goes on refusing what it knew, and learns what is revoked in the file that is there now;
    a log-out of its own is written there, not into a file that nobody reads."""
    path, backup = tmp_path / "sessions.sqlite3", tmp_path / "backup.sqlite3"
    url = f"sqlite:///{path}"
    first = open_store(url)
    first.upgrade(first=True)
    running, other = Scenario(open_store(url)), Scenario(open_store(url))
    ended, gone, mine, left = (running.login() for _ in range(4))
    _copy(path, backup)
    running.client.delete("/auth/tokens", headers=bearer(ended["access_token"]))
    assert (running.get(ended), running.get(gone)) == (401, 200)
    if how == "replaced":
        for log in (f"{path}-wal", f"{path}-shm"):
            Path(log).unlink(missing_ok=True)
        backup.replace(path)
    else:
        _copy(backup, path)
    started = Scenario(open_store(url))
    started.client.delete("/auth/tokens", headers=bearer(gone["access_token"]))
    _look_again(running, other)
    assert [each.get(gone) for each in (running, other, started)] == [401, 401, 401]
    assert running.get(ended) == 401
    answer = running.client.delete("/auth/tokens", headers=bearer(mine["access_token"]))
    assert answer.status_code == 204
    _look_again(other, started)
    assert [each.get(mine) for each in (running, other, started)] == [401, 401, 401]
    assert [each.get(left) for each in (running, other, started)] == [200, 200, 200]
    for each in (running, other, started):
        each.close()
    first.close()
