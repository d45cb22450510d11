"""Keys that are kept somewhere, as they change while the application runs."""

import logging
import os
import subprocess
import sys
import threading

import pytest

from flask_signet import Key
from flask_signet.exceptions import (
    ConfigurationError,
    InvalidKeyError,
    KeysUnavailableError,
    StoreUnavailableError,
)
from flask_signet.keys import live as live_module
from flask_signet.keys.live import LiveKeys
from flask_signet.keys.schedule import KeySchedule, TimedKey

FIRST, SECOND = Key.generate("ES256"), Key.generate("ES256")


class Moving:
    """A source that may change, and fail."""

    changes = True
    where = "in a test"

    def __init__(self, *keys: TimedKey) -> None:
        self.schedule = KeySchedule(keys)
        self.reads = 0
        self.error: Exception | None = None

    def load(self) -> KeySchedule:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.schedule


def at_once(run):
    run()


class Later:
    """Starts nothing until it is told to."""

    def __init__(self):
        self.jobs = []

    def __call__(self, run):
        self.jobs.append(run)

    def run(self):
        while self.jobs:
            self.jobs.pop(0)()


def live_keys(source, clock, start=at_once):
    return LiveKeys(source, "JWT_KEYS", refresh=30, now=clock, monotonic=clock, start=start)


@pytest.fixture
def live(clock):
    source = Moving(TimedKey(FIRST))
    return source, live_keys(source, clock)


def test_the_source_is_read_once_in_its_interval(live, clock):
    source, ring = live
    for _ in range(5):
        assert ring.ring().signing_key is FIRST
    clock.tick(29.9)
    ring.ring()
    assert source.reads == 1
    clock.tick(0.2)
    ring.ring()
    assert source.reads == 2


def test_another_key_signs_from_the_moment_that_it_names(live, clock):
    source, ring = live
    ring.ring()
    source.schedule = source.schedule.rotated(SECOND, clock(), publish_for=60, longest_life=900)
    clock.tick(30)
    assert ring.ring().signing_key is FIRST
    assert {key.kid for key in ring.ring()} == {FIRST.kid, SECOND.kid}
    clock.tick(30)
    assert ring.ring().signing_key is SECOND  # between two readings, if it must
    clock.tick(899)
    assert {key.kid for key in ring.ring()} == {FIRST.kid, SECOND.kid}
    clock.tick(1)
    assert {key.kid for key in ring.ring()} == {SECOND.kid}


@pytest.mark.parametrize("error", [InvalidKeyError("half written"), OSError("the KMS is away")])
def test_what_can_t_be_read_again_leaves_the_keys_of_before(live, clock, error, caplog):
    caplog.set_level(logging.ERROR, "flask_signet")
    source, ring = live
    ring.ring()
    source.error = error
    clock.tick(31)
    assert ring.ring().signing_key is FIRST
    assert "JWT_KEYS can't be read again" in caplog.text
    source.error, source.schedule = None, KeySchedule([TimedKey(SECOND)])
    clock.tick(31)
    assert ring.ring().signing_key is SECOND


def test_who_comes_while_old_keys_are_being_read_waits_for_the_new(live, clock, monkeypatch):
    monkeypatch.setattr(live_module, "PATIENCE", 20)
    source, ring = live
    ring.ring()
    clock.tick(3600)  # an idle process; elsewhere the next key has long been signing
    source.schedule = KeySchedule([TimedKey(SECOND, clock() - 1800), TimedKey(FIRST)])
    reading, go_on = threading.Event(), threading.Event()
    load = source.load

    def slow() -> KeySchedule:
        reading.set()
        assert go_on.wait(10)
        return load()

    source.load = slow
    found = []
    threads = [threading.Thread(target=lambda: found.append(ring.ring())) for _ in range(2)]
    threads[0].start()
    assert reading.wait(10)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert [each.signing_key for each in found] == [SECOND, SECOND]


def test_who_comes_while_young_keys_are_being_read_goes_on_with_them(live, clock):
    source, ring = live
    ring.ring()
    clock.tick(31)
    nested = []
    load = source.load
    source.load = lambda: (nested.append(ring.ring()), load())[1]  # another request, meanwhile
    ring.ring()
    assert [each.signing_key for each in nested] == [FIRST]


def test_an_empty_source_leaves_the_keys_of_before(live, clock, caplog):
    caplog.set_level(logging.ERROR, "flask_signet")
    source, ring = live
    ring.ring()
    source.schedule = KeySchedule()
    clock.tick(31)
    assert ring.ring().signing_key is FIRST


# ── a source that hangs ──────────────────────────────────────────────────────────────────


class Waits(live_module._Reading):
    """A reading that nobody waits for: it notes for how long they would."""

    def __init__(self, begun_at):
        super().__init__(begun_at)
        self.done.wait = self.seconds.append


@pytest.fixture
def waits(monkeypatch):
    """The seconds of each wait for a reading, none of which is waited."""
    monkeypatch.setattr(Waits, "seconds", [], raising=False)
    monkeypatch.setattr(live_module, "_Reading", Waits)
    return Waits.seconds


def test_a19_a_source_that_hangs_costs_one_wait_in_an_outage(live, clock, waits, caplog):
    """The request that finds it out waits two seconds; from then on the old keys serve at once."""
    caplog.set_level(logging.ERROR, "flask_signet")
    source, ring = live
    ring.ring()
    waits.clear()
    ring._start = later = Later()
    clock.tick(31)
    for _ in range(50):
        assert ring.ring().signing_key is FIRST
        clock.tick(1)  # by and by they are old, too
    assert waits == [2.0]
    assert len(later.jobs) == 1
    assert caplog.messages == ["JWT_KEYS: no answer within 2 seconds; the keys of before go on"]
    source.schedule = KeySchedule([TimedKey(SECOND)])
    later.run()  # the source answers at last
    assert ring.ring().signing_key is SECOND
    assert len(later.jobs) == 1
    assert waits == [2.0]  # it was too slow: nobody waits for the next reading either
    later.run()
    clock.tick(31)
    ring.ring()
    assert waits == [2.0, 2.0]  # that one came in time


def test_a19_all_that_come_while_the_keys_are_old_wait_once_together(live, clock, waits):
    """Their time is over two seconds after the reading began, whenever each of them came."""
    _, ring = live
    ring.ring()
    waits.clear()
    ring._start = Later()
    clock.tick(3600)
    reading, is_begun = ring._reading_of_now()
    assert is_begun
    for moment in (0, 1.5, 2.5):
        now = reading.begun_at + moment
        ring._monotonic = lambda now=now: now
        ring._hangs = False
        ring._wait_for(reading, is_begun=False)
    assert waits == [2.0, 0.5]


def test_a19_a_source_that_fails_slowly_costs_one_wait_in_an_outage(live, clock, waits):
    """As one that hangs, of which its own time-out makes an error."""
    source, ring = live
    ring.ring()
    load = source.load

    def slow():
        clock.tick(3)
        return load()

    source.load, source.error = slow, OSError("timed out")
    clock.tick(31)
    ring.ring()
    waits.clear()
    ring._start = later = Later()
    for _ in range(5):
        clock.tick(31)
        for _ in range(3):
            assert ring.ring().signing_key is FIRST
        later.run()
    assert waits == []


def test_a19_without_any_keys_a_source_that_hangs_is_a_503(clock, waits, caplog):
    """One wait, then each request is refused at once, until the source has answered."""
    caplog.set_level(logging.ERROR, "flask_signet")
    later = Later()
    ring = live_keys(Moving(TimedKey(FIRST)), clock, later)
    for _ in range(20):
        with pytest.raises(KeysUnavailableError, match="The application's keys are not available"):
            ring.ring()
        clock.tick(0.5)
    assert waits == [5.0]
    assert len(later.jobs) == 1
    assert caplog.messages == ["JWT_KEYS: no answer within 5 seconds; there are no keys yet"]
    later.run()
    assert ring.ring().signing_key is FIRST


def test_a19_without_any_keys_a_source_that_fails_slowly_is_asked_once_in_a_second(clock):
    """Each request meanwhile gets the same error, at once."""
    source = Moving()
    source.error = StoreUnavailableError()
    load = source.load

    def slow():
        clock.tick(2)
        return load()

    source.load = slow
    ring = live_keys(source, clock)
    for _ in range(5):
        with pytest.raises(StoreUnavailableError):
            ring.ring()
    assert source.reads == 1
    clock.tick(1)
    source.error, source.schedule = None, KeySchedule([TimedKey(FIRST)])
    assert ring.ring().signing_key is FIRST


def test_without_any_keys_a_source_that_fails_at_once_is_asked_each_time(clock):
    """Whoever has just made the first key need not wait."""
    source = Moving()
    ring = live_keys(source, clock)
    for reads in (1, 2):
        with pytest.raises(ConfigurationError, match="flask jwt keys generate"):
            ring.ring()
        assert source.reads == reads
    source.schedule = KeySchedule([TimedKey(FIRST)])
    assert ring.ring().signing_key is FIRST


def test_an_error_of_a_function_s_own_comes_out_as_it_is(clock):
    """It is raised again while the source is not asked; its traceback does not grow with that."""
    source = Moving()
    source.error = LookupError("no such key")
    load = source.load
    source.load = lambda: (clock.tick(1), load())
    ring = live_keys(source, clock)
    lengths = []
    for _ in range(4):
        with pytest.raises(LookupError, match="no such key") as caught:
            ring.ring()
        lengths.append(len(caught.traceback))
    assert source.reads == 1
    assert len(set(lengths)) == 1


def test_a19_readings_that_never_end_do_not_fill_a_server_with_threads(live, clock, waits):
    """Another one begins beside them, after a minute, two, four …: one may end after all."""
    source, ring = live
    ring.ring()
    ring._start = later = Later()
    for _ in range(24 * 360):
        assert ring.ring().signing_key is FIRST
        clock.tick(10)
    assert 4 < len(later.jobs) < 15
    source.schedule = KeySchedule([TimedKey(SECOND)])
    later.jobs.pop()()  # the last one ends
    others = later.jobs.copy()
    assert ring.ring().signing_key is SECOND
    source.schedule = KeySchedule([TimedKey(FIRST)])
    for late in others:
        late()  # what they bring is not used
    assert ring.ring().signing_key is SECOND


def test_where_no_thread_can_be_started_the_request_reads(live, clock):
    """Without a thread to spare the keys are read all the same."""
    source, ring = live

    def start(run):
        raise RuntimeError("can't start new thread")

    ring._start = start
    assert ring.ring().signing_key is FIRST
    source.schedule = KeySchedule([TimedKey(SECOND)])
    clock.tick(31)
    assert ring.ring().signing_key is SECOND


def test_an_application_that_starts_reads_by_itself(clock):
    """It waits for its keys as long as it takes; nothing is started beside it."""
    later = Later()
    ring = live_keys(Moving(TimedKey(FIRST)), clock, later)
    assert ring.read().signing_key is FIRST
    assert ring.read().signing_key is FIRST
    assert ring.ring().signing_key is FIRST
    assert later.jobs == []


def test_a_reading_that_is_killed_is_no_empty_ring(live, clock):
    """A greenlet, say, that ends in the middle of it."""
    source, ring = live
    ring.ring()
    source.error = SystemExit()
    clock.tick(31)
    with pytest.raises(SystemExit):
        ring.ring()
    assert ring.ring().signing_key is FIRST


# ── forks ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.parametrize("first", ["source.load()", "ring.ring()"], ids=["no keys", "old keys"])
def test_a19_a_fork_while_another_thread_reads_leaves_a_child_that_reads(first) -> None:
    """The parent's reading does not end in the child, with keys of before and without."""
    code = f"""
import os, signal, threading, time
from flask_signet import Key
from flask_signet.keys.live import LiveKeys
from flask_signet.keys.schedule import KeySchedule, TimedKey
keys = [Key.generate("HS256"), Key.generate("HS256")]
parent, reading, over = os.getpid(), threading.Event(), threading.Event()
class Source:
    changes, hangs = True, False
    def load(self):
        if self.hangs and os.getpid() == parent:
            reading.set()
            over.wait(60)
        return KeySchedule([TimedKey(keys[self.hangs])])
later = 0
source = Source()
ring = LiveKeys(source, "JWT_KEYS", refresh=30, monotonic=lambda: time.monotonic() + later)
{first}
source.hangs, later = True, 3600
threading.Thread(target=ring.ring, daemon=True).start()
assert reading.wait(30)
child = os.fork()
if child == 0:
    signal.alarm(30)
    os._exit(0 if ring.ring().signing_key is keys[1] else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


# ── greenlets ────────────────────────────────────────────────────────────────────────────


def test_under_gevent_the_first_requests_wait_for_the_one_that_reads() -> None:
    """In a process that has the ring before gevent is at work, as one that preloads."""
    code = """
from flask_signet import Key
from flask_signet.keys.live import LiveKeys
from flask_signet.keys.schedule import KeySchedule
class Source:
    changes, read = False, 0
    def load(self):
        self.read += 1
        gevent.sleep(0.05)  # as it waits for the store
        key = Key.generate("ES256")
        return KeySchedule().rotated(key, 0, publish_for=0, longest_life=0)
source = Source()
ring = LiveKeys(source, "JWT_KEYS", refresh=30)
from gevent import monkey; monkey.patch_all()
import gevent
asked = [gevent.spawn(ring.ring) for _ in range(5)]
assert len(gevent.joinall(asked, timeout=20, raise_error=True)) == 5
assert source.read == 1
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
