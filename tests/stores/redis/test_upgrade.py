"""What every partition knows of the store: when its memory begins, and how long tokens live."""

import pytest

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.revocations import RevocationView
from flask_signet.sessions.session import Lives, Presented, Session, microseconds, partition
from flask_signet.sessions.store import Upgraded
from flask_signet.stores.contract import DAY, HOUR, MINUTE, NOW, TICK, live_until, new
from flask_signet.stores.redis import PARTITIONS, RedisStore

from ..databases import forget
from ..proxy import put_before

UNTIL = live_until(NOW)
BIRTH = NOW
LATER = NOW + HOUR
LIVES = Lives(of_session=2 * HOUR, of_token=3 * HOUR)


@pytest.fixture
def store(redis_url):
    """One that was never set up."""
    store = RedisStore(redis_url, prefix=f"test-{new()}")
    yield store
    forget(store)
    store.close()


def lose(store, *parts) -> None:
    """What an eviction does: the partitions' memory is gone, in whole or in part."""
    for number, part in enumerate(parts):
        store.client.delete(store.memory_of(part)[number % 3])


def born(store) -> set[str | None]:
    return {store.client.hget(store.key(part, "meta"), "born") for part in PARTITIONS}


def lives_of(store) -> set[tuple[str | None, ...]]:
    names = ("session_life", "token_life")
    return {tuple(store.client.hmget(store.key(part, "meta"), names)) for part in PARTITIONS}


def login(store, subject=None, now=NOW):
    begun = Session.begin(subject or new("user"), new(), now=now, expires_at=now + DAY)
    return store.open_session(begun, refuse_until=live_until(now)).session


def adopted(store, issued_at, subject=None):
    session = Session.begin(subject or new("user"), new(), now=LATER).adopting(new())
    return store.adopt(
        session, issued_at=issued_at, token_expires_at=LATER + DAY, grace=0, refuse_until=UNTIL
    )


def user_of(*parts, besides=False) -> str:
    """A subject whose partition is one of those, or none of those."""
    return next(name for name in iter(new, "") if (partition(name) in parts) != besides)


# ── the birth ────────────────────────────────────────────────────────────────────────────


def test_a_store_that_may_have_been_lost_refuses_what_was_issued_before(store):
    assert store.upgrade(now=NOW) == Upgraded(0, 1)
    for said in ({}, {"jti": new()}, {"sid": new()}, {"subject": new()}):
        assert store.is_revoked(Presented(**said, issued_at=BIRTH - TICK), now=NOW)
        assert not store.is_revoked(Presented(**said, issued_at=BIRTH), now=NOW)
    assert adopted(store, BIRTH - TICK).verdict == "gone"
    assert adopted(store, BIRTH).verdict == "rotated"
    synced = store.follow().sync()
    assert (synced.born_at, synced.complete) == (BIRTH, True)
    view = RevocationView(store)
    assert view.refuses(Presented(jti="j", issued_at=BIRTH - TICK), now=NOW)
    assert not view.refuses(Presented(jti="j", issued_at=BIRTH), now=NOW)
    view.close()


def test_without_a_time_the_machine_s_clock_says_it(store):
    store.upgrade()
    assert store.follow().sync().born_at > NOW


@pytest.mark.parametrize("late", [False, True])
def test_the_operator_says_that_there_was_no_store_before_now_or_later(store, late):
    store.upgrade(now=NOW, first=not late)
    if late:
        assert store.upgrade(now=LATER, first=True) == Upgraded(1, 1)
    assert not store.is_revoked(Presented(jti=new(), issued_at=1.0), now=LATER)
    assert adopted(store, 1.0).verdict == "rotated"
    assert store.follow().sync().born_at == 0


def test_a_session_is_never_dated_before_the_memory_it_is_in(store):
    store.upgrade(now=NOW)
    session = login(store, now=NOW - HOUR)
    assert session.created_at == BIRTH
    assert store.find_session(session.sid, now=NOW) == session
    asked = Presented(sid=session.sid, subject=session.subject, issued_at=session.created_at)
    assert not store.is_revoked(asked, now=NOW)


def test_where_a_partition_lost_its_memory_all_begin_anew(store):
    """By its jti a token is revoked wherever that lies, so nobody knows what was lost."""
    store.upgrade(now=NOW, first=True)
    parts = PARTITIONS[3], PARTITIONS[40], PARTITIONS[63]
    sessions = [login(store, user_of(*parts, besides=besides)) for besides in (False, True)]
    view = RevocationView(store, max_staleness=0)
    view.refuses(Presented(), now=NOW)
    lose(store, *parts)
    assert store.upgrade(now=LATER) == Upgraded(0, 1)
    assert born(store) == {str(microseconds(LATER))}
    for session in sessions:
        before = Presented(jti=new(), sid=session.sid, issued_at=session.created_at)
        assert store.is_revoked(before, now=LATER)
        assert view.refuses(before, now=LATER)
        # Its access tokens are refused, so no refresh makes new ones.
        assert store.find_session(session.sid, now=LATER) is None
        assert store.list_sessions(session.subject, now=LATER) == []
        assert adopted(store, NOW, session.subject).verdict == "gone"
        fresh = login(store, session.subject, LATER)
        assert store.list_sessions(session.subject, now=LATER) == [fresh]
        after = Presented(jti=new(), sid=fresh.sid, issued_at=fresh.created_at)
        assert not view.refuses(after, now=LATER)
    assert store.upgrade(now=LATER + DAY) == Upgraded(1, 1)
    assert born(store) == {str(microseconds(LATER))}
    view.close()


@pytest.mark.parametrize("done", [0, 1, 20, 61, 62, 63])
def test_an_upgrade_that_stops_half_way_leaves_no_partition_that_does_not_know(
    store, monkeypatch, done
):
    store.upgrade(now=NOW, first=True)
    store.cover(LIVES)
    lost = PARTITIONS[0], PARTITIONS[63]
    lose(store, *lost)
    real, calls = store._server.evaluate, []

    def evaluate(script, keys, *arguments):
        if len(calls) == done:
            raise ConnectionError
        calls.append(script)
        return real(script, keys, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(store._server, "evaluate", evaluate)
        with pytest.raises(StoreUnavailableError):
            store.upgrade(now=LATER)
    asked = Presented(jti=next(jti for jti in iter(new, "") if partition(jti) == lost[0]))
    if done < 63:  # of 62 that live, and two
        with pytest.raises(StoreUnavailableError, match="flask jwt store upgrade"):
            store.is_revoked(asked, now=LATER)
    else:
        assert store.is_revoked(asked, now=LATER)
        assert born(store) == {str(microseconds(LATER)), None}
    assert store.upgrade(now=LATER + DAY) == Upgraded(0, 1)
    assert born(store) == {str(microseconds(LATER + DAY))}
    assert len(lives_of(store)) == 1


def test_a_clock_that_is_behind_does_not_make_the_memory_older(store):
    store.upgrade(now=LATER)
    lose(store, "A")
    store.upgrade(now=NOW)
    assert born(store) == {str(microseconds(LATER))}


def test_where_partitions_disagree_the_latest_birth_counts(store):
    """Another process is about to make them agree."""
    store.upgrade(first=True)
    store.client.hset(store.key("A", "meta"), "born", microseconds(BIRTH))
    jti = next(jti for jti in iter(new, "") if partition(jti) == "A")
    for subject in (user_of("B"), user_of("_")):
        asked = Presented(jti=jti, subject=subject, issued_at=BIRTH - TICK)
        assert store.is_revoked(asked, now=NOW)
    assert store.follow().sync().born_at == BIRTH


def test_of_two_upgrades_at_once_the_second_takes_nothing_back(store, monkeypatch):
    """The other one makes a partition after this one has seen that it is missing."""
    store.upgrade(now=NOW, first=True)
    lose(store, PARTITIONS[5])
    other, real = RedisStore(store.client, prefix=store.prefix), store._server.evaluate
    epochs = []

    def evaluate(script, keys, *arguments):
        if not epochs:
            epochs.append("")
            other.upgrade(now=LATER + DAY)
            epochs.append(other.follow().sync().epoch)
        return real(script, keys, *arguments)

    monkeypatch.setattr(store._server, "evaluate", evaluate)
    store.upgrade(now=LATER)
    assert store.follow().sync().epoch == epochs[-1]
    assert born(store) == {str(microseconds(LATER + DAY))}


def test_a_store_that_is_newer_is_left_alone_where_it_lost_something_too(store):
    store.upgrade(now=NOW, first=True)
    for part in PARTITIONS:
        store.client.hset(store.key(part, "meta"), "version", 2)
    lose(store, "A", "B", "C")
    assert store.upgrade(now=LATER) == Upgraded(2, 2)
    assert born(store) == {None}
    with pytest.raises(StoreUnavailableError):
        store.follow().sync()


def test_a_store_from_before_these_facts_needs_no_step(store):
    store.upgrade(now=NOW, first=True)
    session = login(store)
    row = store.key(session.sid[0], f"session:{session.sid}")
    store.client.hdel(row, "last_user_agent", "last_address", "replaced", "unseen")
    assert [each.code for each in store.check() if each.level == "error"] == []
    assert store.upgrade(now=LATER) == Upgraded(1, 1)
    assert born(store) == {None}
    assert store.find_session(session.sid, now=NOW) == session
    assert store.follow().sync().born_at == 0
    store.end_session(session.sid, now=NOW, refuse_until=UNTIL)
    assert not store.is_revoked(Presented(sid=session.sid), now=UNTIL)


def test_the_check_says_what_to_do_at_the_very_first_set_up(store):
    [finding] = [each for each in store.check() if each.level == "error"]
    assert finding.code == "not_set_up"
    assert "at the very first set-up, with --first" in finding.mend


# ── how long tokens live ─────────────────────────────────────────────────────────────────


def test_every_partition_is_told_how_long_tokens_live_and_nothing_shortens_it(store):
    store.upgrade(first=True)
    store.cover(LIVES)
    store.cover(Lives(of_session=MINUTE, of_token=MINUTE))
    assert lives_of(store) == {("7200000000", "10800000000")}


def test_a_cover_that_stopped_half_way_is_done_by_the_next(store):
    store.upgrade(first=True)
    for part in PARTITIONS[::2]:
        store.client.hset(store.key(part, "meta"), "session_life", microseconds(DAY))
    store.cover(LIVES)
    assert lives_of(store) == {("7200000000", "10800000000"), ("86400000000", "10800000000")}


def test_lives_without_end_are_refused_for_ever(store):
    store.upgrade(first=True)
    store.cover(Lives(float("inf"), float("inf")))
    store.end_sessions("ada", now=NOW, expires_at=NOW + 1)
    store.end_session("sid", now=NOW, refuse_until=NOW + 1)
    far = NOW + 1000 * 365 * DAY
    assert store.is_revoked(Presented(subject="ada", issued_at=NOW), now=far)
    assert store.is_revoked(Presented(sid="sid"), now=far)


@pytest.mark.parametrize("part", [PARTITIONS[0], PARTITIONS[63]])
def test_a_partition_without_memory_is_not_covered_and_learns_the_lives_when_it_is_made(
    store, part
):
    store.upgrade(first=True)
    store.cover(LIVES)
    lose(store, part)
    longer = Lives(DAY, DAY)
    with pytest.raises(StoreUnavailableError, match="flask jwt store upgrade"):
        store.cover(longer)
    store.upgrade(now=NOW)
    assert len(lives_of(store)) == 1  # of those that live, which heard of the longer ones
    subject = user_of(part)
    store.end_sessions(subject, now=NOW, expires_at=NOW + 1)
    last = NOW + LIVES.of_token - TICK
    assert store.is_revoked(Presented(subject=subject, issued_at=NOW), now=last)


def test_an_emptied_store_knows_nothing_until_it_is_covered_again(store):
    store.upgrade(first=True)
    store.cover(LIVES)
    forget(store)
    store.upgrade(now=NOW)
    assert lives_of(store) == {(None, None)}
    store.cover(LIVES)
    assert lives_of(store) == {("7200000000", "10800000000")}


def test_covering_does_not_take_a_round_trip_for_each_partition(store, redis_url):
    store.upgrade(first=True)
    proxy, through = put_before(redis_url)
    counted = RedisStore(through, prefix=store.prefix)
    counted.is_revoked(Presented(jti="j"), now=NOW)  # connects
    before = proxy.turns
    counted.cover(LIVES)
    # The first answers may come before the last questions are sent.
    assert 0 < proxy.turns - before < len(PARTITIONS) / 4
    counted.close()
    proxy.close()
