"""What happens when a server hangs, goes, forgets or refuses: an error within the timeout."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.revocations import RevocationView
from flask_signet.sessions.session import Presented, Session, Successor
from flask_signet.stores import open_store

from .contract import DAY, NOW, live_until, new
from .proxy import behind_proxy

UNTIL = live_until(NOW)
TIMEOUT = 1.0
SLACK = 2.0  # seconds that a busy machine may add: "does not hang" is what is asked


@pytest.fixture(params=["postgresql", "mysql", "redis"])
def proxied(request):
    with behind_proxy(request, request.param, TIMEOUT) as (store, proxy):
        yield store, proxy


def begin(subject=None) -> Session:
    return Session.begin(subject or new("user"), new(), now=NOW, expires_at=NOW + DAY)


def login(store, subject=None) -> Session:
    return store.open_session(begin(subject), refuse_until=UNTIL).session


def rotate(store, session, following, grace=0):
    return store.rotate(
        session.sid,
        session.jti,
        Successor(following),
        now=NOW,
        grace=grace,
        refuse_until=UNTIL,
    )


OPERATIONS = {
    "open_session": lambda store, session: login(store),
    "rotate": lambda store, session: rotate(store, session, new()),
    "adopt": lambda store, session: store.adopt(
        Session.begin("u", new(), now=NOW).adopting(new()),
        issued_at=NOW,
        token_expires_at=NOW + DAY,
        grace=0,
        refuse_until=UNTIL,
    ),
    "end_session": lambda store, session: store.end_session(
        session.sid, now=NOW, refuse_until=UNTIL
    ),
    "end_sessions": lambda store, session: store.end_sessions(new(), now=NOW, expires_at=UNTIL),
    "find_session": lambda store, session: store.find_session(session.sid, now=NOW),
    "list_sessions": lambda store, session: store.list_sessions("u", now=NOW),
    "touch": lambda store, session: store.touch(session.sid, now=NOW),
    "revoke_token": lambda store, session: store.revoke_token(new(), now=NOW, expires_at=UNTIL),
    "is_revoked": lambda store, session: store.is_revoked(Presented(jti="j"), now=NOW),
    "follow": lambda store, session: store.follow().sync(),
    "prune": lambda store, session: store.prune(now=0),
    "check": lambda store, session: store.check(),
}


def refused_within_the_timeout(action) -> None:
    begun = time.monotonic()
    with pytest.raises(StoreUnavailableError) as caught:
        action()
    assert time.monotonic() - begun < TIMEOUT + SLACK
    assert caught.value.code == 503
    assert ("Retry-After", "1") in caught.value.get_headers()


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_server_that_hangs_is_an_error_within_the_timeout(proxied, name):
    store, proxy = proxied
    session = login(store)
    proxy.stall()
    before = proxy.connections
    refused_within_the_timeout(lambda: OPERATIONS[name](store, session))
    # Each wait has a bound, and there are two at most: the line that there was may be the trouble.
    assert proxy.connections - before <= 1


def test_a_server_that_hangs_at_the_first_connection_is_an_error_within_the_timeout(proxied):
    store, proxy = proxied
    proxy.stall()
    refused_within_the_timeout(lambda: login(store))
    assert proxy.connections == 1  # no other would be better


def test_after_a_hang_the_store_works_again(proxied):
    store, proxy = proxied
    session = login(store)
    proxy.stall()
    refused_within_the_timeout(lambda: store.find_session(session.sid, now=NOW))
    proxy.resume()
    assert store.find_session(session.sid, now=NOW) == session


def test_a_server_that_is_gone_is_an_error_and_its_return_is_not(proxied):
    store, proxy = proxied
    session = login(store)
    proxy.stop()
    refused_within_the_timeout(lambda: rotate(store, session, "second"))
    proxy.start()
    assert rotate(store, session, "second").verdict == "rotated"


def test_a_server_that_restarted_while_nobody_asked_disturbs_nobody(proxied):
    store, proxy = proxied
    session = login(store)
    proxy.hang_up()
    assert rotate(store, session, "second").verdict == "rotated"


def test_an_answer_that_got_lost_is_no_second_use(proxied):
    store, proxy = proxied
    session = login(store)
    rotate(store, session, "never")
    session = login(store)
    proxy.lose_answers(True)
    refused_within_the_timeout(lambda: rotate(store, session, "second"))
    proxy.lose_answers(False)
    proxy.hang_up()
    # The client tries again with the token it has: this very call, or a new one in the grace.
    assert rotate(store, session, "second").verdict == "rotated"
    assert rotate(store, session, "third", grace=10).session.jti == "second"


def test_a_view_lives_through_a_restart_and_misses_nothing(proxied):
    store, proxy = proxied
    clock = [1000.0]
    view = RevocationView(store, max_staleness=2.0, pause=0.1, monotonic=lambda: clock[0])
    view.refuses(Presented(), now=NOW)
    proxy.hang_up()
    jti = new()
    store.revoke_token(jti, now=NOW, expires_at=UNTIL)
    clock[0] += 1.5
    assert view.refuses(Presented(jti=jti), now=NOW)
    view.close()


def test_a_view_of_a_hanging_server_goes_on_until_it_is_stale_and_then_refuses(proxied):
    store, proxy = proxied
    clock = [1000.0]
    view = RevocationView(store, max_staleness=2.0, monotonic=lambda: clock[0])
    assert not view.refuses(Presented(jti="j"), now=NOW)
    proxy.stall()
    clock[0] += 1.0
    begun = time.monotonic()
    assert not view.refuses(Presented(jti="j"), now=NOW)
    assert time.monotonic() - begun < TIMEOUT + SLACK
    clock[0] += 1.5
    refused_within_the_timeout(lambda: view.refuses(Presented(jti="j"), now=NOW))
    proxy.resume()
    view.close()


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_a_pool_with_no_connection_left_is_an_error_within_the_timeout(request, engine):
    with behind_proxy(request, engine, TIMEOUT) as (store, _):
        session = login(store)
        taken = [store.engine.connect() for _ in range(15)]
        refused_within_the_timeout(lambda: store.find_session(session.sid, now=NOW))
        for connection in taken:
            connection.close()
        assert store.find_session(session.sid, now=NOW) == session


# ── SQLite ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "sessions.sqlite3"


@pytest.fixture
def sqlite_store(path):
    store = open_store(f"sqlite:///{path}", timeout=TIMEOUT)
    store.upgrade(first=True)
    yield store
    store.close()


def test_fault_sqlite_locked_is_an_error_within_the_timeout_and_nothing_happened(
    sqlite_store, path
):
    session = login(sqlite_store)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused_within_the_timeout(lambda: rotate(sqlite_store, session, "second"))
    refused_within_the_timeout(
        lambda: sqlite_store.end_session(session.sid, now=NOW, refuse_until=UNTIL)
    )
    assert sqlite_store.find_session(session.sid, now=NOW) == session  # readers don't wait
    other.execute("ROLLBACK")
    other.close()
    assert rotate(sqlite_store, session, "second").verdict == "rotated"


def test_fault_sqlite_waits_for_a_lock_that_is_given_back(sqlite_store, path):
    session = login(sqlite_store)
    patient = open_store(f"sqlite:///{path}", timeout=60)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    verdicts = []
    waiting = threading.Thread(
        target=lambda: verdicts.append(rotate(patient, session, "second").verdict)
    )
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    other.execute("ROLLBACK")
    waiting.join()
    assert verdicts == ["rotated"]
    other.close()
    patient.close()


def test_fault_sqlite_readonly_is_an_error(sqlite_store, path):
    session = login(sqlite_store)
    sqlite_store.close()
    reading = open_store(f"sqlite:///file:{path}?mode=ro&uri=true", timeout=TIMEOUT)
    refused_within_the_timeout(lambda: rotate(reading, session, "second"))
    assert [finding.code for finding in reading.check()] == ["read_only"]
    assert reading.find_session(session.sid, now=NOW) == session
    reading.close()


def test_fault_sqlite_missing_file_is_not_made_again_but_by_an_upgrade(sqlite_store, path):
    sqlite_store.close()
    path.unlink()
    with pytest.raises(StoreUnavailableError, match="flask jwt store upgrade"):
        login(sqlite_store)
    assert not path.exists()
    assert [finding.code for finding in sqlite_store.check()] == ["not_set_up"]
    sqlite_store.upgrade(first=True)
    assert login(sqlite_store)


def test_fault_sqlite_corrupt_file_is_an_error(sqlite_store, path):
    for _ in range(50):
        login(sqlite_store)
    sqlite_store.close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    findings = sqlite_store.check()
    assert [finding.code for finding in findings] == ["corrupt"]
    refused_within_the_timeout(lambda: [login(sqlite_store) for _ in range(50)])
    path.write_bytes(b"this is no database" * 100)
    refused_within_the_timeout(lambda: login(open_store(f"sqlite:///{path}")))


# ── Sentinel and Cluster ─────────────────────────────────────────────────────────────────


def test_sentinels_that_are_all_gone_are_an_error_within_the_timeout():
    store = open_store("redis+sentinel://127.0.0.1:1,127.0.0.1:2/service/0", timeout=TIMEOUT)
    refused_within_the_timeout(lambda: login(store))
