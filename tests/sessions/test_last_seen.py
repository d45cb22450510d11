"""When a session was last in use: noted at most once a minute, at nobody's expense."""

import logging

import pytest

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.last_seen import Noted
from flask_signet.stores.memory import MemoryStore
from tests.scenarios.service import Scenario


class Notes(MemoryStore):
    """A store that keeps the notes, or takes none."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[tuple[str, float]] = []
        self.is_down = False

    def touch(self, sid, *, now, refresh_jti=""):
        self.notes.append((sid, now))
        if self.is_down:
            raise StoreUnavailableError
        super().touch(sid, now=now, refresh_jti=refresh_jti)

    def is_revoked(self, presented, *, now):
        if self.is_down:
            raise StoreUnavailableError
        return super().is_revoked(presented, now=now)

    def follow(self):
        if self.is_down:
            raise StoreUnavailableError
        return super().follow()


@pytest.fixture
def store():
    return Notes()


@pytest.mark.parametrize(
    ("moments", "noted"),
    [
        ([100], []),  # the log-in noted it
        ([160], [160]),
        ([160, 161, 219.9], [160]),
        ([160, 220, 280], [160, 220, 280]),
        ([160, 40], [160, 40]),  # the clock stepped back
    ],
)
def test_a_session_is_noted_at_most_once_a_minute(store, moments, noted):
    notes = Noted()
    for moment in moments:
        notes.note(store, "s", moment, issued_at=100)
    assert store.notes == [("s", moment) for moment in noted]


def test_each_session_is_noted(store):
    notes = Noted()
    for sid in ("a", "b", "a"):
        notes.note(store, sid, 160, issued_at=0)
    assert store.notes == [("a", 160), ("b", 160)]


def test_what_is_remembered_does_not_grow_for_ever(store):
    notes = Noted()
    for number in range(25_000):
        notes.note(store, f"s{number}", 160, issued_at=0)
        assert len(notes._moments) <= 10_000


def test_after_a_failure_nothing_is_noted_for_a_minute(store, caplog):
    caplog.set_level(logging.CRITICAL, "flask_signet")
    notes, store.is_down = Noted(), True
    for number, moment in enumerate((160, 160, 161, 219)):
        notes.note(store, f"s{number}", moment, issued_at=0)
    store.is_down = False
    notes.note(store, "later", 220, issued_at=0)
    assert [sid for sid, _ in store.notes] == ["s0", "later"]


def test_a_failure_is_one_line_of_the_log(store, caplog):
    """A server's words may repeat what a client sent: they begin no line of their own."""

    def fail(*_arguments, **_options):
        raise StoreUnavailableError from ValueError("no\r\n1.2.3.4 \x1b[2J admin logged in")

    store.touch = fail
    Noted().note(store, "s", 200, issued_at=0)
    [record] = caplog.records
    assert record.getMessage().endswith(r"no\r\n1.2.3.4 \x1b[2J admin logged in")


def test_the_use_of_each_refresh_is_noted_once_whatever_the_order(store):
    notes = Noted()
    for jti in ("r2", "r2", "r3", "r2", "r3", ""):
        notes.note(store, "s", 101, issued_at=100, refresh_jti=jti)
    assert store.notes == [("s", 101)] * 2


def test_the_note_of_a_refresh_does_not_put_off_that_of_the_minute(store):
    notes = Noted()
    for moment in (130, 160, 161):
        notes.note(store, "s", moment, issued_at=100, refresh_jti="r2")
    assert store.notes == [("s", 130), ("s", 160)]


def test_the_refreshes_that_are_remembered_do_not_grow_for_ever(store):
    notes = Noted()
    for number in range(25_000):
        notes.note(store, "s", 100, issued_at=100, refresh_jti=f"r{number}")
        assert len(notes._seen) <= 10_000
    assert len(store.notes) == 25_000


def test_a_refresh_whose_note_failed_is_noted_after_a_minute(store, caplog):
    caplog.set_level(logging.CRITICAL, "flask_signet")
    notes, store.is_down = Noted(), True
    notes.note(store, "s", 101, issued_at=100, refresh_jti="r2")
    store.is_down = False
    for moment in (102, 160.9, 161, 162):
        notes.note(store, "s", moment, issued_at=moment, refresh_jti="r2")
    assert store.notes == [("s", 101), ("s", 161)]


@pytest.fixture
def scenario(store, ticking):
    scenario = Scenario(store)
    yield scenario
    scenario.close()


def test_a_guard_notes_the_session_that_it_lets_in(scenario, store, clock):
    tokens = scenario.login()
    clock.tick(30)
    assert scenario.get(tokens) == 200
    assert store.notes == []
    clock.tick(31)
    assert scenario.get(tokens) == scenario.get(tokens) == 200
    [(sid, moment)] = store.notes
    assert moment == clock.now
    assert store.find_session(sid, now=clock.now).last_seen_at == clock.now


def test_a_refused_token_is_not_noted(scenario, store, clock):
    tokens = scenario.login()
    clock.tick(901)
    assert scenario.get(tokens) == 401
    assert store.notes == []


def test_a_refresh_notes_by_its_one_write(scenario, store, clock):
    tokens = scenario.login()
    clock.tick(300)
    scenario.next(tokens)
    assert store.notes == []
    [session] = store.list_sessions(scenario.user, now=clock.now)
    assert session.last_seen_at == clock.now


def test_a_guard_notes_the_tokens_of_a_refresh_once_and_those_of_a_log_in_never(scenario, store):
    first = scenario.login()
    assert scenario.get(first) == 200
    assert store.notes == []
    second = scenario.next(first)
    again = scenario.next(first)  # two tabs: another access token, the same refresh token
    assert scenario.get(first) == 200  # made before the refresh
    assert store.notes == []
    assert [scenario.get(pair) for pair in (second, second, again, first)] == [200] * 4
    assert len(store.notes) == 1


def test_where_nothing_is_forgiven_no_refresh_is_noted(scenario, store):
    scenario.app.config["JWT_REFRESH_REUSE_GRACE"] = 0
    assert scenario.get(scenario.next(scenario.login())) == 200
    assert store.notes == []


def test_a_store_in_trouble_is_not_asked_for_a_note_as_well(scenario, store, clock, caplog):
    caplog.set_level(logging.CRITICAL, "flask_signet")
    scenario.app.config["JWT_REVOCATION_ON_STORE_ERROR"] = "allow"
    tokens = scenario.login()
    clock.tick(120)
    store.is_down = True
    scenario.app.extensions["flask-signet"][""].signet().doubt()  # it must ask now
    assert scenario.get(tokens) == 200
    assert store.notes == []


def test_a_note_that_fails_harms_no_request(scenario, store, clock, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL, "flask_signet")
    tokens = scenario.login()
    assert scenario.get(tokens) == 200
    clock.tick(120)
    monkeypatch.setattr(store, "touch", _refuse)
    assert scenario.get(tokens) == 200


def _refuse(sid, *, now, refresh_jti):
    raise StoreUnavailableError
