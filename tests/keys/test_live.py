"""Keys that are kept somewhere, as they change while the application runs."""

import logging
import subprocess
import sys
import threading

import pytest

from flask_signet import Key
from flask_signet.exceptions import InvalidKeyError
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


@pytest.fixture
def live(clock):
    source = Moving(TimedKey(FIRST))
    return source, LiveKeys(source, "JWT_KEYS", refresh=30, now=clock, monotonic=clock)


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


def test_who_comes_while_old_keys_are_being_read_waits_for_the_new(live, clock):
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
