"""A process's view of what is revoked: no round trips, never staler than it may be."""

import gc
import logging
import os
import threading
import weakref

import pytest

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.revocations import Absence, RevocationView
from flask_signet.sessions.session import Presented, Session
from flask_signet.stores.memory import MemoryStore

NOW = 1_700_000_000.25
HOUR = 3_600.0


class FollowedStore(MemoryStore):
    """Counts what it is asked, can lose its announcements, and can fail."""

    def __init__(self):
        super().__init__()
        self.asked: list[str] = []
        self.down = False
        self.line_is_dead = False
        self.announces = True
        self.followers: list[_Follower] = []

    def is_revoked(self, presented, *, now):
        self.answer("is_revoked")
        return super().is_revoked(presented, now=now)

    def answer(self, question):
        self.asked.append(question)
        if self.down:
            raise StoreUnavailableError

    def follow(self):
        self.followers.append(_Follower(self, super().follow()))
        return self.followers[-1]

    def revoke(self, jti="jti", until=NOW + HOUR):
        self.revoke_token(jti, now=NOW, expires_at=until)
        self.asked.clear()


class _Follower:
    def __init__(self, store, inner):
        self.store, self.inner, self.closed = store, inner, False

    def poll(self):
        if self.store.line_is_dead:
            raise StoreUnavailableError
        return self.inner.poll() if self.store.announces else ()

    def sync(self, **options):
        self.store.answer("sync")
        synced = self.inner.sync(**(self.store.pages or options))
        return synced._replace(born_at=self.store.born_at)

    def close(self):
        self.closed = True


FollowedStore.pages = None
FollowedStore.born_at = 0.0


@pytest.fixture
def store():
    return FollowedStore()


@pytest.fixture
def monotonic(clock):
    clock.now = 1000.0
    return clock


@pytest.fixture
def view(store, monotonic):
    view = RevocationView(store, monotonic=monotonic)  # at most 2 s old, with pauses of 0.5 s
    view.refuses(Presented(), now=NOW)
    store.asked.clear()
    return view


# ── following ────────────────────────────────────────────────────────────────────────────


def test_a_check_of_a_fresh_view_asks_the_store_nothing(view, store):
    assert not view.refuses(Presented(jti="jti", sid="sid", subject="user", issued_at=NOW), now=NOW)
    assert store.asked == []


def test_what_the_store_announces_is_refused_at_the_next_check(view, store):
    store.revoke("stolen")
    assert view.refuses(Presented(jti="stolen"), now=NOW)
    assert not view.refuses(Presented(jti="other"), now=NOW)
    assert store.asked == []


def test_a_session_a_token_and_a_subject_are_each_refused(view, store):
    store.revoke_token("jti", now=NOW, expires_at=NOW + HOUR)
    store.end_session("sid", now=NOW, refuse_until=NOW + HOUR)
    store.end_sessions("user", now=NOW, expires_at=NOW + HOUR)
    assert view.refuses(Presented(jti="jti"), now=NOW)
    assert view.refuses(Presented(jti="x", sid="sid"), now=NOW)
    assert view.refuses(Presented(subject="user", issued_at=NOW), now=NOW)
    assert not view.refuses(Presented(subject="user", issued_at=NOW + 0.000_001), now=NOW)
    assert not view.refuses(Presented(jti="sid", sid="jti", subject="jti"), now=NOW)
    assert len(view) == 3


def test_an_entry_for_an_empty_id_refuses_nothing(view, store):
    """A token without a jti, or without a session, has no entry of its own."""
    store.revoke_token("", now=NOW, expires_at=NOW + HOUR)
    store.end_session("", now=NOW, refuse_until=NOW + HOUR)
    assert not view.refuses(Presented(), now=NOW)
    assert len(view) == 2


def test_a_session_that_is_spared_is_not_refused(view, store):
    session = Session.begin("user", "jti", now=NOW)
    store.open_session(session, refuse_until=NOW)
    store.end_sessions("user", now=NOW, expires_at=NOW + HOUR, except_sid=session.sid)
    assert not view.refuses(Presented(sid=session.sid, subject="user", issued_at=NOW), now=NOW)
    assert view.refuses(Presented(sid="other", subject="user", issued_at=NOW), now=NOW)


def test_an_entry_is_in_force_until_a_token_could_have_expired(view, store):
    store.revoke("jti", until=NOW + 10)
    store.end_sessions("user", now=NOW, expires_at=NOW + 10)
    assert view.refuses(Presented(jti="jti"), now=NOW + 9.999)
    assert view.refuses(Presented(subject="user", issued_at=NOW), now=NOW + 9.999)
    assert not view.refuses(Presented(jti="jti"), now=NOW + 11)
    assert not view.refuses(Presented(subject="user", issued_at=NOW), now=NOW + 10)


@pytest.mark.parametrize(("back", "is_a_step"), [(1.0, False), (1.001, True)])
def test_how_far_the_clock_may_go_back(view, store, back, is_a_step):
    """Requests overtake each other, and clocks are set a little; a second is no step yet."""
    view.refuses(Presented(), now=NOW - back)
    assert (len(store.followers) == 2) is is_a_step


@pytest.mark.parametrize("odd", ["\x00", "\ud800", "x" * 100, "sha256:x", "ü"])
def test_odd_texts_are_found_as_the_store_keeps_them(view, store, odd):
    store.revoke_token(odd, now=NOW, expires_at=NOW + HOUR)
    store.end_sessions(odd * 3, now=NOW, expires_at=NOW + HOUR)
    assert view.refuses(Presented(jti=odd), now=NOW)
    assert view.refuses(Presented(subject=odd * 3, issued_at=NOW), now=NOW)


def test_an_older_entry_of_a_subject_does_not_displace_a_newer_one(view, store):
    store.end_sessions("user", now=NOW, expires_at=NOW + HOUR)
    view.refuses(Presented(), now=NOW)
    view._learn([entry._replace(not_before=NOW - 1) for entry in view._subjects.values()])
    assert view.refuses(Presented(subject="user", issued_at=NOW), now=NOW)


def test_a_clock_that_steps_back_finds_again_what_was_dropped(view, store, monotonic):
    store.end_sessions("user", now=NOW, expires_at=NOW + HOUR)
    assert view.refuses(Presented(subject="user", issued_at=NOW), now=NOW)
    monotonic.tick(1)
    view.refuses(
        Presented(), now=NOW + 2 * HOUR
    )  # the clock is ahead: by it, the entry has expired
    assert len(view) == 0
    assert view.refuses(Presented(subject="user", issued_at=NOW), now=NOW)


def test_a_clock_that_steps_back_leaves_no_connection_open(view, store):
    """The list is read from its beginning, by another follower: the one before is closed."""
    for _ in range(3):  # it is read once
        view.refuses(Presented(), now=NOW - HOUR)
    assert [each.closed for each in store.followers] == [True, False]
    assert store.asked == ["sync"]


def test_what_has_expired_is_swept_out_little_by_little(view, store, monotonic):
    """Each look at the store sweeps a few buckets of 4,096: the list does not grow for ever."""
    store.revoke_token("jti", now=NOW, expires_at=NOW + HOUR)
    store.end_session("sid", now=NOW, refuse_until=NOW + HOUR)
    view.refuses(Presented(), now=NOW)
    assert len(view) == 2
    for _ in range(4096 // 16):
        monotonic.tick(1)
        view.refuses(Presented(), now=NOW + 2 * HOUR)
    assert len(view) == 0


def test_requests_that_overtake_each_other_are_no_step_of_the_clock(view, store, monotonic):
    monotonic.tick(1)
    view.refuses(Presented(), now=NOW + 1)
    store.asked.clear()
    view.refuses(Presented(), now=NOW + 0.5)
    assert store.asked == []


# ── staleness ────────────────────────────────────────────────────────────────────────────


def test_at_half_the_staleness_the_store_is_asked_for_news_once(view, store, monotonic):
    store.announces = False
    store.revoke()
    monotonic.tick(0.999)
    assert not view.refuses(Presented(jti="jti"), now=NOW)
    monotonic.tick(0.001)
    assert view.refuses(Presented(jti="jti"), now=NOW)
    view.refuses(Presented(), now=NOW)
    assert store.asked == ["sync"]


def test_an_idle_process_is_up_to_date_at_its_first_check(view, store, monotonic):
    store.announces = False
    store.revoke()
    monotonic.tick(8 * HOUR)
    assert view.refuses(Presented(jti="jti"), now=NOW)


def test_a_store_that_fails_for_a_moment_disturbs_nobody(view, store, monotonic):
    store.down = True
    monotonic.tick(2.0)
    assert not view.refuses(Presented(jti="jti"), now=NOW)


def test_a_store_that_answers_again_is_failing_no_more(store, monotonic):
    """Also where the list can't tell: where the store is asked about each token."""
    view = RevocationView(store, max_staleness=0, pause=0.5, monotonic=monotonic)
    store.down = True
    with pytest.raises(StoreUnavailableError):
        view.refuses(Presented(), now=NOW)
    assert view.is_failing
    store.down = False
    monotonic.tick(0.5)
    view.refuses(Presented(), now=NOW)
    assert not view.is_failing


def test_past_the_staleness_a_store_that_fails_is_an_error(view, store, monotonic):
    store.down = True
    monotonic.tick(2.001)
    with pytest.raises(StoreUnavailableError):
        view.refuses(Presented(jti="jti"), now=NOW)


def test_what_is_known_to_be_revoked_is_refused_even_then(view, store, monotonic):
    store.revoke()
    view.refuses(Presented(), now=NOW)
    store.down = True
    monotonic.tick(HOUR)
    assert view.refuses(Presented(jti="jti"), now=NOW)


def test_a_store_that_fails_is_left_alone_for_a_while(view, store, monotonic):
    store.down = True
    monotonic.tick(10)
    for _ in range(20):
        with pytest.raises(StoreUnavailableError):
            view.refuses(Presented(jti="jti"), now=NOW)
    assert store.asked == ["sync", "is_revoked"]
    monotonic.tick(0.5)
    store.down = False
    assert not view.refuses(Presented(jti="jti"), now=NOW)


def test_one_of_several_nodes_that_fails_does_not_stop_the_others(view, store, monotonic):
    """Of a Cluster one node is gone: what it knows can't be asked, and the list not be read."""
    partly = StoreUnavailableError()
    partly.is_partial = True

    def answer(question):
        store.asked.append(question)
        if question == "sync" or store.down:
            raise partly

    store.answer = answer
    monotonic.tick(2.5)
    assert not view.refuses(Presented(jti="of a node that answers"), now=NOW)
    store.down = True
    with pytest.raises(StoreUnavailableError):
        view.refuses(Presented(jti="of the node that is gone"), now=NOW)
    store.down = False
    assert not view.refuses(Presented(jti="of a node that answers"), now=NOW)
    assert store.asked == ["sync", "is_revoked", "is_revoked", "is_revoked"]


def test_no_request_waits_twice_for_a_store_that_hangs(view, store, monotonic):
    store.down = True
    monotonic.tick(10)
    with pytest.raises(StoreUnavailableError):
        view.refuses(Presented(jti="jti"), now=NOW)
    assert store.asked == ["sync"]


def test_after_a_doubt_a_store_that_fails_is_not_passed_over(view, store):
    """What this process has just revoked is not in its list yet, however young the list is."""
    view.doubt()
    store.down = True
    with pytest.raises(StoreUnavailableError):
        view.refuses(Presented(jti="jti"), now=NOW)


def test_where_following_fails_and_asking_does_not_the_store_is_asked(view, store, monotonic):
    store.revoke()
    store.announces = False
    monotonic.tick(10)
    failing, store.answer = store.answer, lambda question: _only(question, "is_revoked")
    with pytest.raises(StoreUnavailableError):
        view.refuses(Presented(jti="other"), now=NOW)
    assert not view.refuses(Presented(jti="other"), now=NOW)
    assert view.refuses(Presented(jti="jti"), now=NOW)
    store.answer = failing


def _only(question, allowed):
    if question != allowed:
        raise StoreUnavailableError


def test_a_dead_line_is_noticed_and_the_store_asked_at_once(view, store):
    store.line_is_dead = True
    store.revoke()
    assert view.refuses(Presented(jti="jti"), now=NOW)
    assert store.asked == ["sync"]


def test_without_staleness_the_store_is_asked_every_time(store, monotonic):
    view = RevocationView(store, max_staleness=0, monotonic=monotonic)
    store.revoke()
    assert view.refuses(Presented(jti="jti"), now=NOW)
    assert not view.refuses(Presented(jti="other"), now=NOW)
    assert store.asked == ["is_revoked", "is_revoked"]


def test_while_it_still_reads_the_list_the_store_is_asked(store, monotonic):
    for number in range(10):
        store.revoke(f"jti{number}")
    store.pages, store.announces = {"limit": 4}, False
    view = RevocationView(store, monotonic=monotonic)
    assert view.refuses(Presented(jti="jti9"), now=NOW)
    assert store.asked == ["sync", "is_revoked"]
    store.asked.clear()
    assert not view.refuses(Presented(jti="other"), now=NOW)
    assert not view.refuses(Presented(jti="other"), now=NOW)
    assert not view.refuses(Presented(jti="other"), now=NOW)
    assert store.asked == ["sync", "is_revoked", "sync"]


def test_a_store_that_forgot_what_it_refused_refuses_all_from_before(
    view, store, monotonic, caplog
):
    """By when the new store's memory begins, not by when this process notices."""
    store.revoke("known")
    view.refuses(Presented(), now=NOW)
    store._epoch, store.born_at = "another", NOW - 5
    monotonic.tick(1)
    with caplog.at_level(logging.ERROR, "flask_signet"):
        assert view.refuses(Presented(jti="any", issued_at=NOW - 5.001), now=NOW)
    assert "emptied" in caplog.text
    assert view.refuses(Presented(jti="known", issued_at=NOW), now=NOW)
    assert not view.refuses(Presented(jti="new", issued_at=NOW - 5), now=NOW)


def test_a_process_that_starts_later_refuses_all_from_before_as_well(store, monotonic):
    store.born_at = NOW
    view = RevocationView(store, max_staleness=2.0, monotonic=monotonic)
    assert view.refuses(Presented(jti="any", issued_at=NOW - 0.001), now=NOW)
    assert not view.refuses(Presented(jti="any", issued_at=NOW), now=NOW)


def test_a_token_that_tells_the_second_alone_is_good_in_the_second_of_the_birth(store, monotonic):
    """It may have been issued before or after; `iat` does not tell."""
    store.born_at = second = float(int(NOW)) + 0.5
    view = RevocationView(store, max_staleness=2.0, monotonic=monotonic)
    assert not view.refuses(Presented(issued_at=second - 0.5), now=NOW)
    assert view.refuses(Presented(issued_at=second - 0.499), now=NOW)
    assert view.refuses(Presented(issued_at=second - 1.5), now=NOW)
    assert view.refuses(Presented(), now=NOW)


def test_a_store_that_is_said_to_be_the_first_is_not_for_a_process_that_knew_another(
    view, store, monotonic
):
    view.refuses(Presented(), now=NOW)
    store._epoch = "another"
    monotonic.tick(1)
    assert view.refuses(Presented(jti="any", issued_at=NOW), now=NOW)
    assert not view.refuses(Presented(jti="new", issued_at=NOW + 1), now=NOW + 1)


def test_a_process_that_saw_that_there_was_no_store_takes_what_it_gave_out_meanwhile(
    store, monotonic
):
    """A log-in without a session, a moment before the store is set up, goes on in this process."""
    view = RevocationView(store, pause=0, monotonic=monotonic)
    store.down = True
    for later in (0, 20, 40):
        with pytest.raises(StoreUnavailableError):
            view.refuses(Presented(), now=NOW + later)
    store.down, store.born_at = False, NOW + 50
    assert not view.refuses(Presented(issued_at=NOW), now=NOW + 51)
    assert view.refuses(Presented(issued_at=NOW - 1), now=NOW + 51)


def test_a_question_about_a_token_that_failed_counts_as_well(store, monotonic):
    """Where the store is asked each time, nothing else tells that there was none."""
    view = RevocationView(store, max_staleness=0, pause=0, monotonic=monotonic)
    store.down = True
    with pytest.raises(StoreUnavailableError):
        view.refuses(Presented(), now=NOW)
    assert view._absence.began(NOW + 50) == NOW


def test_what_a_process_saw_counts_for_the_last_minute_alone(store, monotonic):
    """For longer it may have been the network, with a store behind it that was lost."""
    view = RevocationView(store, pause=0, monotonic=monotonic)
    store.down = True
    for later in range(0, 600, 30):
        with pytest.raises(StoreUnavailableError):
            view.refuses(Presented(), now=NOW + later)
    store.down, store.born_at = False, NOW + 600
    assert not view.refuses(Presented(issued_at=NOW + 540), now=NOW + 601)
    assert view.refuses(Presented(issued_at=NOW + 539), now=NOW + 601)


def test_what_a_process_saw_long_ago_counts_for_nothing(store, monotonic):
    view = RevocationView(store, pause=0, monotonic=monotonic)
    store.down = True
    with pytest.raises(StoreUnavailableError):
        view.refuses(Presented(), now=NOW)
    store.down, store.born_at = False, NOW + 61
    assert view.refuses(Presented(issued_at=NOW + 1), now=NOW + 62)


def test_an_absence_is_one_as_long_as_it_is_seen_once_a_minute():
    """A minute to the second still joins two looks; the clock may not step back between them."""
    joined, apart, back = Absence(), Absence(), Absence()
    for absence, moments in ((joined, (0, 60, 60)), (apart, (0, 60.001)), (back, (0, -1, 50))):
        for moment in moments:
            absence.note(NOW + moment)
    assert joined.began(NOW + 60) == NOW
    assert apart.began(NOW + 60.001) == NOW + 60.001
    assert back.began(NOW + 50) == NOW - 1
    assert joined.began(NOW + 120) == NOW + 60
    assert joined.began(NOW + 120.001) == NOW + 120.001


def test_a_store_that_is_said_later_to_be_the_first_refuses_no_old_token(view, store, monotonic):
    """Until the operator says so, what was issued before it may have been revoked."""
    old = Presented(issued_at=NOW - HOUR)
    view.close()
    view._epoch, store.born_at = "", NOW
    assert view.refuses(old, now=NOW)
    store.born_at = 0.0
    monotonic.tick(1)
    assert not view.refuses(old, now=NOW)


def test_another_epoch_is_told_once(store, monotonic):
    told = []
    view = RevocationView(store, monotonic=monotonic, on_another_epoch=lambda: told.append(1))
    view.refuses(Presented(), now=NOW)
    assert told == []
    store._epoch = "another"
    for _ in range(3):
        monotonic.tick(1)
        view.refuses(Presented(), now=NOW)
    assert told == [1]


def test_a_closed_view_begins_again(view, store):
    follower = view._follower
    view.close()
    assert follower.closed
    store.revoke()
    assert view.refuses(Presented(jti="jti"), now=NOW)


def test_it_says_how_many_entries_it_has_and_not_which(view, store, monotonic):
    store.revoke("secret-jti")
    view.refuses(Presented(), now=NOW)
    monotonic.tick(0.25)
    assert repr(view) == "<RevocationView of 1 entries, 0.250 s old>"


# ── threads and processes ────────────────────────────────────────────────────────────────


def test_one_thread_asks_while_the_others_go_on(view, store, monotonic):
    entered, leave = threading.Event(), threading.Event()

    def slow(question):
        entered.set()
        assert leave.wait(10)

    store.answer = slow
    monotonic.tick(1)
    asking = threading.Thread(target=lambda: view.refuses(Presented(), now=NOW))
    asking.start()
    assert entered.wait(10)
    assert not view.refuses(Presented(jti="jti"), now=NOW)  # fresh enough, and it does not wait
    leave.set()
    asking.join()


def test_a_child_follows_on_a_line_of_its_own(view, store):
    parents = view._follower
    store.revoke("before")
    view.refuses(Presented(), now=NOW)
    child = os.fork()
    if child == 0:
        try:
            good = view.refuses(Presented(jti="before"), now=NOW) and not view.refuses(
                Presented(jti="other"), now=NOW
            )
            good = good and view._follower is not parents and not parents.closed
            os._exit(0 if good else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert view._follower is parents


def test_a_child_does_not_close_what_is_its_parent_s(view, store):
    """A follower that nothing holds is collected, and its connection closed, for both of them."""
    parents = weakref.ref(view._follower)
    store.followers.clear()
    child = os.fork()
    if child == 0:
        try:
            view.refuses(Presented(), now=NOW)
            gc.collect()
            os._exit(0 if parents() is not None and parents() is not view._follower else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_that_closes_its_view_leaves_its_parent_s_open(view):
    """The connection is the parent's: to close it in the child would close it for both."""
    parents = view._follower
    child = os.fork()
    if child == 0:
        try:
            view.close()
            os._exit(1 if parents.closed or view._follower is not None else 0)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    view.close()
    assert parents.closed


def test_a_child_is_not_stopped_by_a_lock_that_the_parent_held(view, store):
    """Nor does it go on without the list, and ask the store about each token."""
    view._lock().acquire()
    child = os.fork()
    if child == 0:
        try:
            is_good = not view.refuses(Presented(jti="jti"), now=NOW)
            os._exit(0 if is_good and store.asked == ["sync"] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    view._lock().release()


# ── what a process knows by itself ───────────────────────────────────────────────────────


def test_what_is_known_is_told_without_asking_the_store(clock):
    store = MemoryStore()
    view = RevocationView(store)
    assert not view.refuses(Presented(jti="j"), now=NOW)  # in step
    store.revoke_token("j", now=NOW, expires_at=NOW + 60)
    store.is_revoked = store.follow = None  # a question would fail
    assert view.knows(Presented(jti="j"), now=NOW)
    assert not view.knows(Presented(jti="j"), now=NOW + 61)
    assert not view.knows(Presented(jti="other"), now=NOW)


def test_what_is_known_is_told_without_waiting(view, store):
    """Another thread may be asking a store that hangs; what was learned before counts."""
    store.revoke("before")
    view.refuses(Presented(), now=NOW)
    store.revoke("meanwhile")
    with view._lock():
        assert view.knows(Presented(jti="before"), now=NOW)
        assert not view.knows(Presented(jti="meanwhile"), now=NOW)
    assert view.knows(Presented(jti="meanwhile"), now=NOW)


def test_a_view_of_a_short_bound_hears_what_is_announced(store, monotonic):
    """Only one of no bound at all has no list."""
    view = RevocationView(store, max_staleness=0.5, monotonic=monotonic)
    view.refuses(Presented(), now=NOW)
    store.revoke("stolen")
    assert view.knows(Presented(jti="stolen"), now=NOW)


def test_a_view_that_never_asked_knows_nothing(clock):
    store = MemoryStore()
    store.revoke_token("j", now=NOW, expires_at=NOW + 60)
    assert not RevocationView(store).knows(Presented(jti="j"), now=NOW)


def test_a_sync_that_began_before_a_doubt_proves_nothing(clock):
    store = MemoryStore()
    view = RevocationView(store)
    view.refuses(Presented(), now=NOW)
    begun = view._store.follow

    class Interrupted:
        """A follower in whose answer a revocation of this process's is not yet."""

        def __init__(self):
            self._follower = begun()

        def poll(self):
            return ()

        def sync(self):
            synced = self._follower.sync()
            store.revoke_token("j", now=NOW, expires_at=NOW + 60)
            view.doubt()  # by another thread, while this one is at it
            return synced

        def close(self):
            self._follower.close()

    view.close()
    store.follow = Interrupted
    view.refuses(Presented(), now=NOW)
    store.follow = begun
    assert view.refuses(Presented(jti="j"), now=NOW)
