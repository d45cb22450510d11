"""Kill -9 between any two statements, and at random moments: nothing is ever half done.

A process refreshes, logs out or replays, and dies on the way. Afterwards the application is started
again (another process's view), and what it finds must be one of two states: it never happened, or
it happened whole.

``SIGNET_KILLS=200 pytest tests/stores/test_kill9.py`` is what `make faults` runs.
"""

import contextlib
import functools
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import redis.connection
import sqlalchemy.event

from flask_signet import create_refresh_token
from flask_signet.sessions.session import Presented
from tests.scenarios.service import Scenario, bearer

from .racing import Address

KILLS = int(os.environ.get("SIGNET_KILLS", "5"))
"""At random moments, of each store and each action."""

SEED = int(os.environ.get("SIGNET_SEED", "20261126"))
PATIENCE = 30  # seconds for one process

fork_server = multiprocessing.get_context("forkserver")
fork_server.set_forkserver_preload([__name__, "tests.scenarios.service", "psycopg", "pymysql"])


# ── the stores ───────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mysql", "redis"])
def address(request) -> Address:
    if request.param == "redis":
        store = request.getfixturevalue("redis_store")
        return Address(request.getfixturevalue("redis_url"), store.prefix)
    return Address(request.getfixturevalue(f"{request.param}_store_url"))


@contextlib.contextmanager
def started(address: Address, **options: Any) -> Iterator[Scenario]:
    """The application, newly started."""
    store = address.open()
    scenario = Scenario(store, **options)
    try:
        yield scenario
    finally:
        scenario.close()
        store.close()


# ── the process that dies ────────────────────────────────────────────────────────────────


class Work(NamedTuple):
    """A request that the process makes of the application."""

    method: str
    path: str
    token: str


def victim(address: Address, work: Work, kill_at: int, pipe: Any, options: Any) -> None:
    """Do the work; die at the boundary of that number, or by whoever listens at the pipe."""
    with started(address, **options) as scenario:
        # As a process that has been at work for a while: connected, and in step.
        state = scenario.app.extensions["flask-signet"][""]
        state.store().find_session("-", now=0.0)
        state.signet().storage.view(state.settings.revocation_max_staleness).refuses(
            Presented(), now=0.0
        )
        if kill_at:
            _die_at(kill_at, scenario)
        pipe.send("begun")
        answer = scenario.client.open(work.path, method=work.method, headers=bearer(work.token))
        pipe.send((answer.status_code, answer.get_json(silent=True)))


def _die_at(number: int, scenario: Scenario) -> None:
    passed = iter(range(1, 10_000))

    def boundary(*_: Any, **__: Any) -> None:
        if next(passed) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    store = scenario.app.extensions["flask-signet"][""].store()
    engine = getattr(store, "engine", None)
    if engine is not None:
        for moment in ("before_cursor_execute", "after_cursor_execute"):
            sqlalchemy.event.listen(engine, moment, boundary)
        return
    for name in ("send_packed_command", "read_response"):
        _surround(redis.connection.Connection, name, boundary)


def _surround(owner: Any, name: str, boundary: Callable[[], None]) -> None:
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def surrounded(*args: Any, **kwargs: Any) -> Any:
        boundary()
        result = inner(*args, **kwargs)
        boundary()
        return result

    setattr(owner, name, surrounded)


class Outcome(NamedTuple):
    """What became of the process: whether it was killed, and its answer if that came first."""

    killed: bool
    status: int = 0
    body: Any = None


def run(
    address: Address, work: Work, *, kill_at: int = 0, kill_after: float = 0.0, **options: Any
) -> Outcome:
    """Run it; kill it at a boundary, or so many seconds after it began."""
    ours, theirs = fork_server.Pipe()
    process = fork_server.Process(target=victim, args=(address, work, kill_at, theirs, options))
    process.start()
    theirs.close()
    answer: Any = (0, None)
    try:
        assert ours.poll(PATIENCE)
        assert ours.recv() == "begun"
        if kill_after:
            _wait(kill_after)
            process.kill()
        process.join(PATIENCE)
        if ours.poll():
            answer = ours.recv()
    except EOFError:
        pass  # it died before it could say anything more
    finally:
        process.kill()
        process.join(PATIENCE)
        ours.close()
    return Outcome(process.exitcode == -signal.SIGKILL, *answer)


def _wait(seconds: float) -> None:
    # time.sleep is too coarse for a part of a millisecond.
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def every_boundary(address: Address, prepare: Callable[[], Any], check: Any, **options: Any) -> int:
    """Kill at the first boundary, the second, and so on, until the work is done before."""
    for number in range(1, 200):
        work, *state = prepare()
        outcome = run(address, work, kill_at=number, **options)
        check(outcome, *state)
        if not outcome.killed:
            return number - 1
    raise AssertionError("it has no end")


def random_moments(address: Address, prepare: Callable[[], Any], check: Any, **options: Any) -> int:
    """Kill at random moments, within about the time that the work takes; how many died."""
    chance = random.Random(SEED)
    durations = []
    for _ in range(3):
        work, *state = prepare()
        begun = time.perf_counter()
        check(run(address, work, **options), *state)
        durations.append(time.perf_counter() - begun)
    # A process starts and stops as well: the work itself is the lesser part of it.
    longest, killed = max(min(durations) / 3, 0.004), 0
    for _ in range(KILLS):
        work, *state = prepare()
        outcome = run(address, work, kill_after=chance.uniform(0.0001, longest), **options)
        killed += outcome.killed
        check(outcome, *state)
    return killed


HOW = pytest.mark.parametrize("kill", [every_boundary, random_moments])


# ── rotation ─────────────────────────────────────────────────────────────────────────────


@HOW
def test_fault_kill9_mid_rotation_is_recovered_within_the_grace(address, kill):
    with started(address, refresh_reuse_grace=600) as app:

        def prepare():
            first = app.login()
            return Work("PATCH", "/auth/tokens", first["refresh_token"]), first

        def check(outcome, first):
            if outcome.status:
                assert outcome.status == 201
            second = app.next(first)  # what a client does that got no answer
            if outcome.body:
                assert second["refresh_token"] == outcome.body["refresh_token"]
            assert app.next(first)["refresh_token"] == second["refresh_token"]
            third = app.next(second)
            assert app.next(first)["refresh_token"] == third["refresh_token"]  # still in the grace
            app.app.config["JWT_REFRESH_REUSE_GRACE"] = 1e-6  # and now after it
            with app.listening() as events:
                assert app.refresh(first).status_code == 401
            assert events.pop(-2) == "reused"
            nobody_is_in(app, first, second, third)
            app.app.config["JWT_REFRESH_REUSE_GRACE"] = 600

        assert kill(address, prepare, check, refresh_reuse_grace=600) > 0


@HOW
def test_fault_kill9_mid_rotation_is_recovered_after_the_grace(address, kill):
    with started(address, refresh_reuse_grace=1e-6) as app:

        def prepare():
            first = app.login()
            return Work("PATCH", "/auth/tokens", first["refresh_token"]), first

        def check(outcome, first):
            if outcome.status:
                assert outcome.status == 201
            second = app.next(first)  # nobody has seen its successor in use
            if outcome.body:
                assert second["refresh_token"] == outcome.body["refresh_token"]
            assert app.next(first)["refresh_token"] == second["refresh_token"]
            assert app.get(second) == 200
            with app.listening() as events:
                assert app.refresh(first).status_code == 401
            assert events.pop(-2) == "reused"
            nobody_is_in(app, first, second)

        assert kill(address, prepare, check, refresh_reuse_grace=1e-6) > 0


@HOW
def test_fault_kill9_mid_rotation_without_grace_loses_nothing_without_an_event(address, kill):
    with started(address, refresh_reuse_grace=0) as app:

        def prepare():
            first = app.login()
            return Work("PATCH", "/auth/tokens", first["refresh_token"]), first

        def check(outcome, first):
            if outcome.body:  # it answered: its token is the one that lives
                assert outcome.status == 201
                app.next(outcome.body)
                return
            with app.listening() as events:
                again = app.refresh(first)
            if again.status_code == 201:
                app.next(again.json)  # it never happened
            else:
                assert again.status_code == 401
                assert "reused" in events  # it happened, and the listeners are told
                nobody_is_in(app, first)

        assert kill(address, prepare, check, refresh_reuse_grace=0) > 0


def nobody_is_in(app: Scenario, *pairs: dict[str, str]) -> None:
    for pair in pairs:
        assert app.refresh(pair).status_code == 401
        assert app.get(pair) == 401


# ── what ends a session ──────────────────────────────────────────────────────────────────


def both_tokens_or_neither(app: Scenario, pair: dict[str, str]) -> bool:
    """Whether the session is live; its access token says the same as its refresh token."""
    accepted = app.get(pair)
    refreshed = app.refresh(pair).status_code
    assert (accepted, refreshed) in {(200, 201), (401, 401)}
    return accepted == 200


@HOW
def test_fault_kill9_mid_logout_is_logged_out_or_not(address, kill):
    with started(address) as app:

        def prepare():
            pair = app.login()
            return Work("DELETE", "/auth/tokens", pair["access_token"]), pair

        def check(outcome, pair):
            is_live = both_tokens_or_neither(app, pair)
            assert not (is_live and outcome.status)  # a logout that was answered is one

        assert kill(address, prepare, check) > 0


@HOW
def test_fault_kill9_mid_reuse_lets_nobody_in_afterwards(address, kill):
    with started(address, refresh_reuse_grace=0) as app:

        def prepare():
            first = app.login()
            second = app.next(first)
            return Work("PATCH", "/auth/tokens", first["refresh_token"]), first, second

        def check(outcome, first, second):
            is_live = both_tokens_or_neither(app, second)
            assert not (is_live and outcome.status)
            # If the replay was never noticed, the next one is.
            assert app.refresh(first).status_code == 401
            nobody_is_in(app, first, second)

        assert kill(address, prepare, check, refresh_reuse_grace=0) > 0


@HOW
def test_fault_kill9_mid_log_out_everywhere_is_all_or_nothing(address, kill):
    with started(address) as app:

        def prepare():
            # Another user each time: an entry for one would hide the next.
            user = f"{app.user}-{random.Random().getrandbits(64)}"
            pairs = [app.login(user) for _ in range(3)]
            return Work("DELETE", "/auth/sessions", pairs[0]["access_token"]), pairs

        def check(outcome, pairs):
            live = {both_tokens_or_neither(app, pair) for pair in pairs}
            assert len(live) == 1
            assert not (live == {True} and outcome.status)

        assert kill(address, prepare, check) > 0


@HOW
def test_fault_kill9_mid_adoption_opens_one_session_or_none(address, kill):
    with started(address, refresh_reuse_grace=600) as app:

        def prepare():
            user = f"{app.user}-{random.Random().getrandbits(64)}"
            with app.app.app_context():
                old = create_refresh_token(user)
            return Work("PATCH", "/auth/tokens", old), old

        def check(outcome, old):
            adopted = app.refresh(old)
            assert adopted.status_code == 201
            if outcome.body:
                assert adopted.json["refresh_token"] == outcome.body["refresh_token"]
            assert len(app.sessions(adopted.json)) == 1
            app.next(adopted.json)

        assert kill(address, prepare, check, refresh_reuse_grace=600) > 0
