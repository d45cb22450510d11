"""Races: many clients, one token. Never retried; every engine, threads and processes.

``SIGNET_RACE_ROUNDS=1000 pytest tests/stores/test_races.py`` is what `make race` runs. The names
are those of the scenarios.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from flask_signet.sessions.session import Presented, Rotation, Session, Successor
from flask_signet.sessions.store import SessionStore
from flask_signet.stores.memory import MemoryStore

from .contract import DAY, HOUR, NOW, live_until, new
from .racing import CLIENTS, PATIENCE, ROUNDS, Address, Call, call, race_processes, race_threads

pytestmark = pytest.mark.timeout(60 + 4 * ROUNDS)

GRACE = 30.0
UNTIL = live_until(NOW)


# ── the stores ───────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=["memory", "sqlite", "postgresql", "mysql", "redis"])
def address(request):
    if request.param == "memory":
        return None
    if request.param == "redis":
        store = request.getfixturevalue("redis_store")
        return Address(request.getfixturevalue("redis_url"), store.prefix)
    return Address(request.getfixturevalue(f"{request.param}_store_url"))


@pytest.fixture(scope="module")
def store(address):
    store = address.open() if address else MemoryStore()
    yield store
    store.close()


# ── the races ────────────────────────────────────────────────────────────────────────────


class Round(NamedTuple):
    """What the clients do, and what must be true afterwards."""

    calls: list[Call | None]
    check: Callable[[SessionStore, list[Any]], None]


def login(store: SessionStore, subject: str | None = None) -> Session:
    session = Session.begin(subject or new("user"), new(), now=NOW, expires_at=NOW + DAY)
    return store.open_session(session, refuse_until=UNTIL).session


def refresh(sid: str, jti: str, *, grace: float, now: float = NOW) -> Call:
    return call("rotate", sid, jti, Successor(new()), now=now, grace=grace, refuse_until=UNTIL)


def verdicts(results: list[Any]) -> Counter[str]:
    assert all(isinstance(result, Rotation) for result in results), results
    return Counter(result.verdict for result in results)


def nobody_gets_in(store: SessionStore, session: Session, calls: list[Call | None]) -> None:
    """No token that was handed out, or might have been, is live."""
    assert store.find_session(session.sid, now=NOW) is None
    for planned in calls:
        if planned is not None and planned.method == "rotate":
            _, _, successor = planned.args
            again = refresh(session.sid, successor.jti, grace=GRACE)
            assert store.rotate(*again.args, **again.options) == Rotation("gone")


def strict(store: SessionStore) -> Round:
    session = login(store)
    calls = [refresh(session.sid, session.jti, grace=0) for _ in range(CLIENTS)]

    def check(store: SessionStore, results: list[Any]) -> None:
        found = verdicts(results)
        assert (found["rotated"], found["reused"]) == (1, 1), found
        assert found["gone"] == CLIENTS - 2
        nobody_gets_in(store, session, calls)

    return Round(calls, check)


def graceful(store: SessionStore) -> Round:
    session = login(store)
    calls = [refresh(session.sid, session.jti, grace=GRACE) for _ in range(CLIENTS)]

    def check(store: SessionStore, results: list[Any]) -> None:
        assert verdicts(results) == {"rotated": 1, "replayed": CLIENTS - 1}
        winner = next(n for n, result in enumerate(results) if result.verdict == "rotated")
        successor = calls[winner].args[2].jti
        named = {result.session.jti for result in results if result.session}
        assert named == {successor} == {store.find_session(session.sid, now=NOW).jti}

    return Round(calls, check)


def logging_out(store: SessionStore) -> Round:
    session = login(store)
    calls = [refresh(session.sid, session.jti, grace=GRACE) for _ in range(CLIENTS)]
    calls[CLIENTS // 2] = call("end_session", session.sid, now=NOW, refuse_until=UNTIL)

    def check(store: SessionStore, results: list[Any]) -> None:
        assert isinstance(results.pop(CLIENTS // 2), Session)
        assert verdicts(results).keys() <= {"rotated", "replayed", "gone"}
        assert verdicts(results)["rotated"] <= 1
        nobody_gets_in(store, session, calls)
        assert store.is_revoked(Presented(sid=session.sid), now=NOW)

    return Round(calls, check)


def logging_out_everywhere(store: SessionStore) -> Round:
    subject = new("user")
    sessions = [login(store, subject) for _ in range(2)]
    calls = [refresh(sessions[n % 2].sid, sessions[n % 2].jti, grace=GRACE) for n in range(CLIENTS)]
    calls[CLIENTS // 2] = call("end_sessions", subject, now=NOW, expires_at=NOW + DAY)

    def check(store: SessionStore, results: list[Any]) -> None:
        assert results.pop(CLIENTS // 2) is None
        assert verdicts(results).keys() <= {"rotated", "replayed", "gone"}
        assert store.list_sessions(subject, now=NOW) == []
        for number, session in enumerate(sessions):
            nobody_gets_in(store, session, calls[number::2])
            # Nor with an access token that such a refresh gave out a moment later.
            assert store.is_revoked(
                Presented(sid=session.sid, subject=subject, issued_at=session.created_at), now=NOW
            )

    return Round(calls, check)


def replaying(store: SessionStore) -> Round:
    session, second = login(store), new()
    earlier = Successor(second)
    store.rotate(session.sid, session.jti, earlier, now=NOW - HOUR, grace=GRACE, refuse_until=UNTIL)
    store.touch(session.sid, now=NOW - HOUR, refresh_jti=second)  # the owner uses it
    tokens = [second, session.jti]  # the owner's, and the stolen one
    calls = [refresh(session.sid, tokens[n % 2], grace=GRACE) for n in range(CLIENTS)]

    def check(store: SessionStore, results: list[Any]) -> None:
        found = verdicts(results)
        assert found["reused"] == 1, found
        assert found["rotated"] <= 1
        assert verdicts(results[1::2]).keys() <= {"reused", "gone"}
        nobody_gets_in(store, session, calls)

    return Round(calls, check)


def slow_tabs(store: SessionStore) -> Round:
    """Tabs that are one, two and three refreshes behind, and some that are not."""
    session = login(store)
    tokens = [session.jti, new(), new(), new()]
    for before, after in itertools.pairwise(tokens):
        store.rotate(
            session.sid, before, Successor(after), now=NOW, grace=GRACE, refuse_until=UNTIL
        )
    calls = [refresh(session.sid, tokens[n % 4], grace=GRACE) for n in range(CLIENTS)]

    def check(store: SessionStore, results: list[Any]) -> None:
        assert verdicts(results) == {"rotated": 1, "replayed": CLIENTS - 1}
        live = store.find_session(session.sid, now=NOW)
        [rotated] = [
            each.args[2].jti
            for each, result in zip(calls, results, strict=True)
            if result.verdict == "rotated"
        ]
        assert live.jti == rotated
        # What the others were given is this token, or the one that it replaced.
        named = {result.session.jti for result in results if result.session}
        assert named <= {rotated, tokens[3]}

    return Round(calls, check)


def losing_the_answer(store: SessionStore) -> Round:
    """The answer got lost an hour ago; the clients ask again with the token from before."""
    session, second = login(store), new()
    lost = Successor(second)
    store.rotate(session.sid, session.jti, lost, now=NOW - HOUR, grace=GRACE, refuse_until=UNTIL)
    calls = [refresh(session.sid, session.jti, grace=GRACE) for _ in range(CLIENTS)]

    def check(store: SessionStore, results: list[Any]) -> None:
        assert verdicts(results) == {"replayed": CLIENTS}
        named = {result.session.jti for result in results}
        assert named == {second} == {store.find_session(session.sid, now=NOW).jti}

    return Round(calls, check)


def seeing_the_successor(store: SessionStore) -> Round:
    """A guard sees the successor while others come with the token from before."""
    session, second = login(store), new()
    earlier = Successor(second)
    store.rotate(session.sid, session.jti, earlier, now=NOW - HOUR, grace=GRACE, refuse_until=UNTIL)
    calls = [refresh(session.sid, session.jti, grace=GRACE) for _ in range(CLIENTS)]
    calls[CLIENTS // 2] = call("touch", session.sid, now=NOW, refresh_jti=second)

    def check(store: SessionStore, results: list[Any]) -> None:
        assert results.pop(CLIENTS // 2) is None
        found = verdicts(results)
        assert found.keys() <= {"replayed", "reused", "gone"}, found
        assert found["reused"] <= 1
        assert {result.session.jti for result in results if result.session} <= {second}
        # Once the note was acknowledged nobody is forgiven.
        again = refresh(session.sid, session.jti, grace=GRACE)
        assert store.rotate(*again.args, **again.options).verdict in {"reused", "gone"}
        assert store.find_session(session.sid, now=NOW) is None

    return Round(calls, check)


def changing(store: SessionStore) -> Round:
    """The session is changed while its token is rotated: the change is not lost."""
    session = login(store)
    calls = [refresh(session.sid, session.jti, grace=GRACE) for _ in range(CLIENTS)]
    change = call("change_memo", session.sid, now=NOW, before="", memo="changed")
    calls[CLIENTS // 2] = change

    def check(store: SessionStore, results: list[Any]) -> None:
        assert results.pop(CLIENTS // 2) is True
        found = verdicts(results)
        assert found.keys() <= {"rotated", "replayed", "changed"}, found
        assert found["rotated"] <= 1
        live = store.find_session(session.sid, now=NOW)
        assert live.memo == "changed"
        assert (live.jti == session.jti) == (found["rotated"] == 0)

    return Round(calls, check)


def adopting(store: SessionStore) -> Round:
    subject, old = new("user"), new()
    calls = [
        call(
            "adopt",
            Session.begin(subject, new(), now=NOW, expires_at=NOW + DAY).adopting(old),
            issued_at=NOW - DAY,
            token_expires_at=NOW + DAY,
            grace=GRACE,
            refuse_until=UNTIL,
        )
        for _ in range(CLIENTS)
    ]

    def check(store: SessionStore, results: list[Any]) -> None:
        assert verdicts(results) == {"rotated": 1, "replayed": CLIENTS - 1}
        assert len({result.session.jti for result in results}) == 1
        assert len(store.list_sessions(subject, now=NOW)) == 1
        assert store.is_revoked(Presented(jti=old), now=NOW)

    return Round(calls, check)


def logging_in(store: SessionStore) -> Round:
    subject = new("user")
    begun = [Session.begin(subject, new(), now=NOW, expires_at=NOW + DAY) for _ in range(CLIENTS)]
    calls = [call("open_session", each, refuse_until=UNTIL, max_sessions=3) for each in begun]

    def check(store: SessionStore, results: list[Any]) -> None:
        live = {session.sid for session in store.list_sessions(subject, now=NOW)}
        assert 1 <= len(live) <= 3
        ended = Counter(session.sid for opened in results for session in opened.ended)
        assert set(ended.values()) == {1}  # each was told once
        assert set(ended) | live == {session.sid for session in begun}

    return Round(calls, check)


RACES = {
    "race-050": (strict, 0.24),
    "race-grace-050": (graceful, 0.24),
    "race-logout": (logging_out, 0.12),
    "race-revoke-all": (logging_out_everywhere, 0.12),
    "race-reuse": (replaying, 0.12),
    "race-slow-tab": (slow_tabs, 0.12),
    "race-lost": (losing_the_answer, 0.08),
    "race-seen": (seeing_the_successor, 0.12),
    "race-update": (changing, 0.08),
    "race-adopt": (adopting, 0.08),
    "race-login": (logging_in, 0.08),
}
"""Each with its share of the rounds; it gets it twice, by threads and by processes."""


@pytest.fixture(scope="module")
def raced_by_processes(address, store):
    """All races in one start of the processes, which takes longer than the races."""
    if address is None:
        return {}  # every process has a store of its own in memory
    rounds = {name: rounds_of(name, store) for name in RACES}
    plan = [each.calls for several in rounds.values() for each in several]
    results = iter(race_processes(address, plan))
    return {name: [(each, next(results)) for each in rounds[name]] for name in rounds}


def rounds_of(name: str, store: SessionStore) -> list[Round]:
    make, share = RACES[name]
    return [make(store) for _ in range(max(1, round(ROUNDS * share)))]


@pytest.mark.parametrize("name", RACES)
def test_of_many_threads_at_once_the_store_decides_for_one(store, name):
    rounds = rounds_of(name, store)
    results = race_threads(store, [each.calls for each in rounds])
    for each, answers in zip(rounds, results, strict=True):
        each.check(store, answers)


@pytest.mark.parametrize("name", RACES)
def test_of_many_processes_at_once_the_store_decides_for_one(store, raced_by_processes, name):
    for each, answers in raced_by_processes.get(name, ()):
        each.check(store, answers)


def test_race_independent_sessions_do_not_touch_each_other(store):
    sessions = [login(store) for _ in range(CLIENTS)]
    current = [session.jti for session in sessions]
    plan = []
    for _ in range(15):
        calls = [
            refresh(session.sid, jti, grace=0)
            for session, jti in zip(sessions, current, strict=True)
        ]
        current = [each.args[2].jti for each in calls]
        plan.append(calls)
    for answers in race_threads(store, plan):
        assert verdicts(answers) == {"rotated": CLIENTS}


def test_a_follower_misses_nothing_while_many_write(store):
    """What was acknowledged before a sync began is in what that sync knows."""
    acknowledged: list[str] = []
    syncs, batches = 0, 10
    has_synced = threading.Condition()

    def revoke() -> None:
        for batch in range(batches):
            # Each batch waits for one more sync, so that there are some between the writes.
            with has_synced:
                while syncs < batch:
                    assert has_synced.wait(PATIENCE)
            for _ in range(4):
                jti = new()
                store.revoke_token(jti, now=NOW, expires_at=NOW + HOUR)
                acknowledged.append(jti)

    follower, known = store.follow(), set()
    threads = [threading.Thread(target=revoke) for _ in range(8)]
    for thread in threads:
        thread.start()
    writing = True
    while writing:
        writing = any(thread.is_alive() for thread in threads)
        known |= {entry.value for entry in follower.poll()}
        before = acknowledged.copy()
        while True:
            synced = follower.sync()
            known |= {entry.value for entry in synced.entries}
            if synced.complete:
                break
        assert known.issuperset(before)
        with has_synced:
            syncs += 1
            has_synced.notify_all()
    follower.close()
    assert len(acknowledged) == 8 * 4 * batches
    assert syncs >= batches
