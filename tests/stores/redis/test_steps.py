"""Whatever a subject has, no script takes long: Redis serves nobody else while it runs."""

import contextlib
import time
from collections import Counter
from dataclasses import replace

import pytest

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.session import PAGE, Presented, Session, microseconds, partition
from flask_signet.stores import open_store
from flask_signet.stores.contract import DAY, HOUR, NOW, live_until, new
from flask_signet.stores.redis import RedisStore
from flask_signet.stores.redis.prelude import MANY

from ..databases import forget
from ..redis_servers import Server

UNTIL = live_until(NOW)
MANY_MORE = 3 * MANY + 50


def login(store, subject, now=NOW, lives=DAY, limit=0):
    session = Session.begin(subject, new(), now=now, expires_at=now + lives)
    return store.open_session(session, refuse_until=live_until(now), max_sessions=limit)


def logins(store, subject, count) -> list[Session]:
    """So many sessions of a subject, the oldest first, with few questions to the server."""
    first = login(store, subject).session
    part = first.sid[0]
    row = store.client.hgetall(store.key(part, f"session:{first.sid}"))
    pipeline, sessions = store.client.pipeline(transaction=False), [first]
    for number in range(1, count):
        created_at = microseconds(NOW) + number
        session = replace(
            first, sid=Session.begin(subject, "j", now=NOW).sid, created_at=created_at / 1e6
        )
        changed = {"sid": session.sid, "created_at": created_at}
        pipeline.hset(store.key(part, f"session:{session.sid}"), mapping=row | changed)
        pipeline.zadd(index(store, subject), {session.sid: created_at})
        sessions.append(session)
    pipeline.execute()
    return sessions


def index(store, subject) -> str:
    return store.key(partition(subject), f"sessions:{subject}")


def live(store, subject, now=NOW) -> list[str]:
    return [each.sid for each in store.list_sessions(subject, now=now, limit=10**6)]


def rows(store, subject) -> int:
    return len(list(store.client.scan_iter(store.key(partition(subject), "session:*"), count=999)))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def store(server):
    server.client.flushall()
    store = open_store(server.url, timeout=20)
    store.upgrade(first=True)
    yield store
    store.close()


@pytest.fixture
def subject() -> str:
    return new("user")


@contextlib.contextmanager
def watched(server):
    """How many sessions each script touches that runs meanwhile; filled at the end."""
    touched: list[int] = []
    with server.client.monitor() as monitor:
        yield touched
        end = new("end")
        server.client.echo(end)
        sids: set[str] = set()
        while True:
            heard = monitor.next_command()
            if heard["client_type"] == "lua":
                sids.update(word for word in heard["command"].split() if "}:session:" in word)
                continue
            touched.append(len(sids))
            sids.clear()
            if end in heard["command"]:
                return


# ── no script takes long ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("what", ["log in", "limit", "high limit", "list", "log out", "prune"])
def test_no_script_touches_more_than_so_many_sessions(server, store, subject, what, monkeypatch):
    """One account with very many sessions slows down nobody else (own-09)."""
    logins(store, subject, MANY_MORE)
    if what == "prune":
        monkeypatch.setattr("flask_signet.stores.redis.steps.drop_ended", lambda *_: None)
        store.end_sessions(subject, now=NOW + 1, expires_at=NOW + 2)
    acts = {
        "log in": lambda: login(store, subject),
        "limit": lambda: login(store, subject, limit=3),
        "high limit": lambda: login(store, subject, limit=MANY_MORE - 20),
        "list": lambda: live(store, subject),
        "log out": lambda: store.end_sessions(subject, now=NOW + 1, expires_at=NOW + 2),
        "prune": lambda: store.prune(now=NOW + 2, batch=10**6),
    }
    with watched(server) as touched:
        acts[what]()
    assert 0 < max(touched) <= MANY + 1
    left = {"log in": 1, "limit": 1 - PAGE, "high limit": -20, "list": 0}.get(what, -MANY_MORE)
    assert rows(store, subject) == MANY_MORE + left


# ── the limit ────────────────────────────────────────────────────────────────────────────


def test_where_a_limit_is_new_the_next_log_ins_end_the_rest_and_the_oldest_go_first(store, subject):
    opened = [each.sid for each in logins(store, subject, 3 * PAGE)]
    for number in range(3):
        ended = login(store, subject, NOW + 1 + number, limit=3).ended
        assert [each.sid for each in ended] == opened[number * PAGE :][:PAGE]
        assert all(store.is_revoked(Presented(sid=each.sid), now=NOW) for each in ended)
    assert len(live(store, subject)) == 3
    assert len(login(store, subject, NOW + 9, limit=3).ended) == 1
    assert len(live(store, subject)) == 3


@pytest.mark.parametrize("limit", [MANY - 1, MANY, MANY + 1, 2 * MANY + 7])
def test_a_limit_is_exact_however_high_it_is(store, subject, limit):
    opened = logins(store, subject, limit - 1)
    assert login(store, subject, limit=limit).ended == ()
    [ended] = login(store, subject, limit=limit).ended
    assert ended.sid == opened[0].sid
    assert len(live(store, subject)) == limit


def test_sessions_that_expired_among_others_do_not_count_in_a_long_index_either(store, subject):
    for number in range(MANY + 20):
        login(store, subject, NOW + number / 100, lives=1 if number % 2 else DAY)
    later, half = NOW + HOUR, (MANY + 20) // 2
    assert login(store, subject, later, limit=half + 1).ended == ()
    assert len(login(store, subject, later, limit=half + 1).ended) == 1
    assert store.client.zcard(index(store, subject)) == half + 1


def test_what_only_seems_to_have_expired_is_passed_over_where_the_oldest_end(store, subject):
    now = time.time()
    for number in range(PAGE + 10):
        login(store, subject, now + number / 1000, lives=HOUR)
    opened = [login(store, subject, now + number / 1000).session.sid for number in range(PAGE + 50)]
    ended = login(store, subject, now + 2 * HOUR, limit=20).ended  # by a clock that is ahead
    assert [each.sid for each in ended] == opened[:PAGE]
    assert len(live(store, subject, now)) == PAGE + 10 + 50 + 1


def test_a_log_in_that_is_repeated_keeps_the_limit_too(store, subject):
    """The first one's answer got lost before it had ended what is too much."""
    logins(store, subject, 5)
    session = Session.begin(subject, new(), now=NOW + 1, expires_at=NOW + DAY)
    store.open_session(session, refuse_until=UNTIL)
    again = store.open_session(session, refuse_until=UNTIL, max_sessions=2)
    assert len(again.ended) == 4
    assert session.sid in live(store, subject)


def test_who_has_a_token_that_was_revoked_logs_nobody_out_with_it(store, subject):
    opened = logins(store, subject, 2)
    jti = next(jti for jti in iter(new, "") if partition(jti) != partition(subject))
    store.revoke_token(jti, now=NOW, expires_at=NOW + DAY)
    session = Session.begin(subject, new(), now=NOW + 1, expires_at=NOW + DAY).adopting(jti)
    adopted = store.adopt(
        session,
        issued_at=NOW - 1,
        token_expires_at=NOW + DAY,
        grace=0,
        refuse_until=UNTIL,
        max_sessions=1,
    )
    assert (adopted.verdict, adopted.ended) == ("gone", ())
    assert live(store, subject) == [each.sid for each in reversed(opened)]


def test_an_adoption_ends_what_is_too_much_in_a_long_index_too(store, subject):
    opened = logins(store, subject, MANY + 5)
    session = Session.begin(subject, new(), now=NOW + 1, expires_at=NOW + DAY).adopting(new())
    adopted = store.adopt(
        session,
        issued_at=NOW - 1,
        token_expires_at=NOW + DAY,
        grace=0,
        refuse_until=UNTIL,
        max_sessions=MANY + 2,
    )
    assert [each.sid for each in adopted.ended] == [each.sid for each in opened[:4]]


def test_without_a_limit_the_index_does_not_keep_what_expired(store, subject):
    """Some that never expire are the oldest, so it is not enough to look at those."""
    kept = logins(store, subject, 20)
    for number in range(300):
        login(store, subject, NOW + 10 * number, lives=5)
    assert store.client.zcard(index(store, subject)) < 100
    assert set(live(store, subject, NOW + HOUR)) == {each.sid for each in kept}


# ── lists ────────────────────────────────────────────────────────────────────────────────


def test_a_long_list_is_whole_in_one_page_and_in_many(store, subject):
    expected = [each.sid for each in reversed(logins(store, subject, MANY + 33))]
    assert live(store, subject) == expected
    listed, page = [], None
    while page is None or len(page) == 50:
        page = store.list_sessions(subject, now=NOW, limit=50, after=page[-1] if page else None)
        listed += [each.sid for each in page]
    assert listed == expected
    assert store.list_sessions(subject, now=NOW, limit=0) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_the_session_that_was_spared_is_the_last_of_a_list_and_listed_once(
    store, subject, limit, monkeypatch
):
    opened = logins(store, subject, 30)
    spared = opened[12]
    monkeypatch.setattr("flask_signet.stores.redis.steps.drop_ended", lambda *_: None)
    store.end_sessions(subject, now=NOW + 1, expires_at=UNTIL, except_sid=spared.sid)
    fresh = [login(store, subject, NOW + 2 + number).session.sid for number in range(2)]
    listed, page = [], None
    while page is None or len(page) == limit:
        page = store.list_sessions(subject, now=NOW, limit=limit, after=page[-1] if page else None)
        listed += [each.sid for each in page]
    assert listed == [*reversed(fresh), spared.sid]


def test_what_was_ended_everywhere_is_not_looked_at_by_a_list(server, store, subject, monkeypatch):
    logins(store, subject, 50)
    monkeypatch.setattr("flask_signet.stores.redis.steps.drop_ended", lambda *_: None)
    store.end_sessions(subject, now=NOW + 1, expires_at=UNTIL)
    login(store, subject, NOW + 2)
    with watched(server) as touched:
        assert len(live(store, subject)) == 1
    assert max(touched) == 1


def test_what_a_clock_that_is_ahead_takes_for_expired_stays(store, subject):
    now = time.time()
    opened = [login(store, subject, now + number / 100).session.sid for number in range(3)]
    ahead = now + 365 * DAY
    assert live(store, subject, ahead) == []
    assert login(store, subject, ahead, limit=1).ended == ()  # by that clock there is one
    assert set(opened) <= set(live(store, subject, now))


def test_a_list_that_takes_too_long_is_an_error_and_not_half_of_it(store, subject, monkeypatch):
    logins(store, subject, PAGE + 1)
    monkeypatch.setattr(store._server, "timeout", -1.0)
    with pytest.raises(StoreUnavailableError):
        live(store, subject)
    assert len(store.list_sessions(subject, now=NOW)) == PAGE  # one step


def test_a_server_that_takes_no_writes_lists_past_what_expired(server, store, subject):
    login(store, subject, NOW + 0.1, lives=1)
    kept = login(store, subject, NOW + 0.2).session
    login(store, subject, NOW + 0.3, lives=1)
    with server.without_snapshots():
        assert store.list_sessions(subject, now=NOW + HOUR) == [kept]
        assert store.client.zcard(index(store, subject)) == 3
    assert store.list_sessions(subject, now=NOW + HOUR) == [kept]
    assert store.client.zcard(index(store, subject)) == 1


# ── what is left of sessions that ended ──────────────────────────────────────────────────


@pytest.mark.parametrize("spares", [False, True])
def test_logged_out_everywhere_nothing_is_left_of_the_sessions(store, subject, spares):
    opened = logins(store, subject, MANY + 20)
    kept = [opened[7].sid] if spares else []
    store.end_sessions(subject, now=NOW + 1, expires_at=UNTIL, except_sid="".join(kept))
    assert rows(store, subject) == len(kept)
    assert store.client.zrange(index(store, subject), 0, -1) == kept
    assert live(store, subject) == kept


def test_a_log_out_everywhere_has_happened_though_what_follows_fails(store, subject, monkeypatch):
    session = login(store, subject).session
    real = store._server.run
    steps = Counter()

    def run(script, *arguments, **options):
        steps[script] += 1
        if len(steps) == 2:
            raise StoreUnavailableError
        return real(script, *arguments, **options)

    monkeypatch.setattr(store._server, "run", run)
    store.end_sessions(subject, now=NOW, expires_at=UNTIL)
    monkeypatch.undo()
    assert len(steps) == 2
    assert rows(store, subject) == 1
    assert store.find_session(session.sid, now=NOW) is None


def test_a_log_out_everywhere_takes_no_longer_than_the_store_s_timeout(store, subject, monkeypatch):
    logins(store, subject, MANY_MORE)
    monkeypatch.setattr(store, "timeout", 0)
    store.end_sessions(subject, now=NOW + 1, expires_at=NOW + 2)
    assert rows(store, subject) == MANY_MORE - MANY
    assert live(store, subject) == []


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_an_entry_is_pruned_after_the_sessions_that_it_ended(store, subject, monkeypatch, batch):
    opened = logins(store, subject, 12)
    monkeypatch.setattr("flask_signet.stores.redis.steps.drop_ended", lambda *_: None)
    spared = opened[0].sid
    store.end_sessions(subject, now=NOW + 1, expires_at=NOW + 2, except_sid=spared)
    pruned = []
    while not pruned or pruned[-1].more:
        pruned.append(store.prune(now=NOW + 2, batch=batch))
        assert live(store, subject, NOW + 2) == [spared]
        assert all(store.find_session(each.sid, now=NOW) is None for each in opened[1:])
        assert len(pruned) < 40
    assert sum(each.sessions for each in pruned) == 11
    assert sum(each.revocations for each in pruned) == 1
    assert max(each.sessions for each in pruned) <= batch
    assert rows(store, subject) == 1
    assert store.client.zscore(store.key(spared[0], "revoked"), f"subject:{subject}") is None


def test_pruning_is_by_the_clock_of_the_server_too(redis_url):
    store = RedisStore(redis_url, prefix=f"test-{new()}")
    store.upgrade(first=True)
    now = time.time()
    store.revoke_token("old", now=now - DAY, expires_at=now - HOUR)
    store.revoke_token("new", now=now, expires_at=now + HOUR)
    assert store.prune(now=now - DAY).revocations == 0
    assert store.prune(now=now + 365 * DAY).revocations == 1
    assert store.is_revoked(Presented(jti="new"), now=now)
    forget(store)
    store.close()
