"""The set of ids: each is in it until its moment, in twelve bytes and a little."""

import threading
from array import array

import pytest

from flask_signet.sessions.id_set import IdSet

NOW = 1_700_000_000.25
HOUR = 3_600.0


def test_an_id_is_in_the_set_until_its_moment():
    ids = IdSet()
    ids.add("a", NOW)
    assert ids.has("a", NOW - 1)
    assert not ids.has("a", NOW + 1)
    assert not ids.has("b", NOW - 1)


def test_a_moment_is_rounded_up_and_never_shortened():
    ids = IdSet()
    for until in (10.5, 3.0, 10.0):
        ids.add("a", until)
    assert ids.has("a", 10.999)
    assert not ids.has("a", 11)
    ids.add("a", 12)
    assert ids.has("a", 11.999)
    assert len(ids) == 1


@pytest.mark.parametrize("until", [float("inf"), 2.0**40])
def test_an_id_may_stay_for_ever(until):
    ids = IdSet()
    ids.add("a", until)
    assert ids.has("a", 2**32 - 2)


def test_many_ids_are_told_apart():
    ids = IdSet()
    for number in range(50_000):
        ids.add(f"id{number}", NOW + number % 7)
    assert len(ids) == 50_000
    assert all(ids.has(f"id{number}", NOW - 1) for number in range(50_000))
    assert not any(ids.has(f"no{number}", NOW - 1) for number in range(50_000))


def test_expired_ids_are_swept_out_and_the_others_stay():
    ids = IdSet()
    for number in range(10_000):
        ids.add(f"id{number}", NOW + number % 2 * HOUR)
    ids.sweep(NOW + 1, buckets=4096)
    assert len(ids) == 5_000
    assert all(ids.has(f"id{number}", NOW + 1) for number in range(1, 10_000, 2))
    ids.sweep(NOW + 2 * HOUR, buckets=4096)
    assert len(ids) == 0


def test_an_entry_takes_twelve_bytes_and_a_little():
    ids = IdSet()
    for number in range(20_000):
        ids.add(f"id{number}", NOW)
    taken = sum(
        part.buffer_info()[1] * part.itemsize
        for bucket in ids._buckets
        if bucket
        for part in bucket
    )
    assert isinstance(next(filter(None, ids._buckets))[0], array)
    assert taken == 12 * 20_000


def test_readers_never_miss_an_id_while_a_writer_adds_others():
    ids = IdSet()
    ids.add("there", NOW)
    stop, missed = threading.Event(), []

    def read():
        while not stop.is_set():
            if not ids.has("there", NOW - 1):
                missed.append(True)

    reader = threading.Thread(target=read)
    reader.start()
    bucket = hash("there") % 4096
    same_bucket = (n for n in range(10**9) if hash(f"id{n}") % 4096 == bucket)
    for _ in range(200):
        ids.add(f"id{next(same_bucket)}", NOW)
    stop.set()
    reader.join()
    assert not missed
