"""Followers on real engines: what one process revokes, another refuses at its next check."""

import os
import time

import pytest

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.revocations import RevocationView
from flask_signet.sessions.session import Presented, Session
from flask_signet.stores.redis import RedisStore

from .contract import HOUR, NOW, new
from .racing import Address

UNTIL = NOW + HOUR
ENGINES = ["sqlite", "postgresql", "mysql", "redis"]


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def address(request, engine):
    if engine == "redis":
        return Address(
            request.getfixturevalue("redis_url"), request.getfixturevalue("redis_store").prefix
        )
    return Address(request.getfixturevalue(f"{engine}_store_url"))


@pytest.fixture
def stores(address):
    """Two, as two processes have them."""
    stores = [address.open(), address.open()]
    yield stores
    for store in stores:
        store.close()


@pytest.fixture
def monotonic(clock):
    return clock


def refused_soon(view, **asked) -> bool:
    """Pushed messages take a moment on the wire; the clock of the view stands still."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if view.refuses(Presented(**asked), now=NOW):
            return True
    return False


def test_what_one_revokes_the_other_refuses_at_its_next_check(stores, engine, monotonic):
    here, there = stores
    view = RevocationView(there, max_staleness=2.0, monotonic=monotonic)
    jti, session = new(), Session.begin(new("user"), new(), now=NOW)
    assert not view.refuses(Presented(jti=jti), now=NOW)
    here.open_session(session, refuse_until=UNTIL)
    here.revoke_token(jti, now=NOW, expires_at=UNTIL)
    here.end_session(session.sid, now=NOW, refuse_until=UNTIL)
    here.end_sessions(session.subject, now=NOW, expires_at=UNTIL)
    if engine == "mysql":  # which announces nothing: half of the staleness, then
        monotonic.tick(1)
    assert refused_soon(view, jti=jti)
    assert refused_soon(view, jti="x", sid=session.sid)
    assert refused_soon(view, jti="x", subject=session.subject, issued_at=NOW)
    view.close()


def test_an_announcement_that_got_lost_is_made_up_for_by_half_the_staleness(stores, monotonic):
    here, there = stores
    view = RevocationView(there, max_staleness=2.0, monotonic=monotonic)
    view.refuses(Presented(), now=NOW)
    view._follower.poll = tuple
    jti = new()
    here.revoke_token(jti, now=NOW, expires_at=UNTIL)
    assert not view.refuses(Presented(jti=jti), now=NOW)
    monotonic.tick(1)
    assert view.refuses(Presented(jti=jti), now=NOW)
    view.close()


def test_a_forked_child_speaks_on_connections_of_its_own(stores, engine):
    """A preloaded application: the parent has a store and a view in use when it forks."""
    here, there = stores
    view, before, after = RevocationView(there), new(), new()
    here.revoke_token(before, now=NOW, expires_at=UNTIL)
    view.refuses(Presented(jti=before), now=NOW)
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            try:
                good = view.refuses(Presented(jti=before), now=NOW)
                for _ in range(1 if engine == "mysql" else 50):  # it announces nothing
                    mine = new()
                    good = good and there.revoke_token(mine, now=NOW, expires_at=UNTIL)
                    good = good and there.is_revoked(Presented(jti=mine), now=NOW)
                    good = good and refused_soon(view, jti=mine)
                os._exit(0 if good else 1)
            finally:
                os._exit(2)
        children.append(child)
    for _ in range(50):
        there.revoke_token(new(), now=NOW, expires_at=UNTIL)
    here.revoke_token(after, now=NOW, expires_at=UNTIL)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert refused_soon(view, jti=after)
    view.close()


def test_a_long_list_is_read_in_pages(stores):
    here, there = stores
    jtis = {new() for _ in range(50)}
    for jti in jtis:
        here.revoke_token(jti, now=NOW, expires_at=UNTIL)
    follower, known = there.follow(), set()
    while True:
        synced = follower.sync(limit=7)
        known |= {entry.value for entry in synced.entries}
        if synced.complete:
            break
    assert jtis <= known
    follower.close()


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────


def test_an_announcement_that_comes_with_the_rows_of_a_query_is_heard(postgresql_store_url):
    """What a query saw was there before it began, so the announcement is of something newer."""
    here, there = Address(postgresql_store_url).open(), Address(postgresql_store_url).open()
    follower, jti = there.follow(), new()
    follower.sync()
    here.revoke_token(jti, now=NOW, expires_at=UNTIL)
    follower._connection.exec_driver_sql("SELECT 1")  # a query that saw nothing of it
    assert [entry.value for entry in follower.poll()] == [jti]
    assert not follower.poll()
    follower.close()
    here.close()
    there.close()


# ── Redis ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def own_redis(redis_url):
    """A store of its own on the server, to be emptied."""
    store = RedisStore(redis_url, prefix=f"test-{new()}")
    store.upgrade(first=True)
    yield store
    empty(store)
    store.close()


def empty(store) -> None:
    keys = list(store.client.scan_iter(match=f"{{{store.prefix}.*", count=1000))
    if keys:
        store.client.delete(*keys)


def test_a_follower_whose_messages_were_lost_reads_the_log(own_redis):
    follower = own_redis.follow()
    follower.sync()
    jtis = {new() for _ in range(200)}
    for jti in jtis:
        own_redis.revoke_token(jti, now=NOW, expires_at=UNTIL)
    synced = follower.sync()
    assert {entry.value for entry in synced.entries} == jtis
    assert synced.complete
    follower.close()


def test_where_the_log_is_too_short_the_whole_list_is_read(own_redis):
    follower = own_redis.follow()
    follower.sync()
    jtis = {new() for _ in range(200)}
    for jti in jtis:
        own_redis.revoke_token(jti, now=NOW, expires_at=UNTIL)
    for key in own_redis.client.scan_iter(match=f"{{{own_redis.prefix}.*}}:log"):
        own_redis.client.xtrim(key, maxlen=1, approximate=False)
    known = set()
    while True:
        synced = follower.sync()
        known |= {entry.value for entry in synced.entries}
        if synced.complete:
            break
    assert known == jtis
    follower.close()


def test_a_server_that_lost_its_last_writes_is_read_again(own_redis):
    follower = own_redis.follow()
    own_redis.revoke_token(new(), now=NOW, expires_at=UNTIL)
    follower.sync()
    jti = new()
    own_redis.revoke_token(jti, now=NOW, expires_at=UNTIL)
    for key in own_redis.client.scan_iter(match=f"{{{own_redis.prefix}.*}}:meta"):
        own_redis.client.hset(key, "number", 0)  # as after a fail-over
    follower._read = dict.fromkeys(follower._read, (5, "lost"))
    known = set()
    while True:
        synced = follower.sync()
        known |= {entry.value for entry in synced.entries}
        if synced.complete:
            break
    assert jti in known
    follower.close()


@pytest.mark.parametrize("says_first", [False, True])
def test_fault_redis_empty_is_an_error_until_it_is_set_up_again(own_redis, monotonic, says_first):
    view = RevocationView(own_redis, max_staleness=2.0, pause=0, monotonic=monotonic)
    session = Session.begin(new("user"), new(), now=NOW)
    own_redis.open_session(session, refuse_until=UNTIL)
    assert not view.refuses(Presented(sid=session.sid, issued_at=NOW), now=NOW)
    empty(own_redis)
    for action in (
        lambda: own_redis.find_session(session.sid, now=NOW),
        lambda: own_redis.is_revoked(Presented(sid=session.sid), now=NOW),
        lambda: own_redis.open_session(session, refuse_until=UNTIL),
        lambda: own_redis.follow().sync(),
    ):
        with pytest.raises(StoreUnavailableError, match="flask jwt store upgrade"):
            action()
    assert [finding.code for finding in own_redis.check() if finding.level == "error"] == [
        "not_set_up"
    ]
    monotonic.tick(10)
    with pytest.raises(StoreUnavailableError):
        view.refuses(Presented(sid=session.sid, issued_at=NOW), now=NOW)
    own_redis.upgrade(now=NOW + 5, first=says_first)
    monotonic.tick(10)
    # The revocations are lost, so all tokens from before are refused here. Where the operator
    # denies it, this process still knows.
    assert view.refuses(Presented(sid=session.sid, issued_at=NOW), now=NOW + 5)
    assert not view.refuses(Presented(sid="new", issued_at=NOW + 6), now=NOW + 6)
    assert own_redis.is_revoked(Presented(sid="x", issued_at=NOW), now=NOW + 6) != says_first
    view.close()
