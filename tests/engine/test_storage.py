"""The store while a process has it open: opened once, its view, and notes that never fail."""

import contextlib
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flask_signet.engine.storage import Storage
from flask_signet.exceptions import ConfigurationError, StoreUnavailableError
from flask_signet.sessions.session import Presented, Session
from flask_signet.sessions.store import SessionStore
from flask_signet.stores.memory import MemoryStore
from tests.engine.signets import Make, Watched
from tests.stores.databases import set_up

NOW = 1_700_000_000.0
NOBODY = Presented(jti="j")


@pytest.fixture
def storage(store: Watched) -> Storage:
    return Storage(store)


# ── opening and closing ──────────────────────────────────────────────────────────────────


def test_a_store_is_opened_at_its_first_use() -> None:
    """The option is read once: until then nothing is opened, afterwards it is one store."""
    storage = Storage("memory://")
    assert storage.store is storage.store
    assert isinstance(storage.store, SessionStore)
    assert Storage("nonsense").wanted == "nonsense"


def test_a_store_of_the_applications_is_taken_as_it_is(storage: Storage, store: Watched) -> None:
    """An object with the methods of a store is one."""
    assert storage.store is store


@pytest.mark.parametrize("wanted", ["mongodb://host", "memory", "", object()])
def test_what_is_no_store(wanted: Any) -> None:
    """The error names the option, each time that the store is needed."""
    storage = Storage(wanted, option="MY_SESSION_STORE")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"^MY_SESSION_STORE: "):
            _ = storage.store


def test_threads_open_one_store() -> None:
    """However many threads come first, they get the same store."""
    storage = Storage("memory://")
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: id(storage.store), range(50)))
    assert len(found) == 1


def test_the_options_that_mean_this_store(make: Make) -> None:
    """It serves as long as the store's option and its timeout stay; other options don't count."""
    storage = Storage("memory://", timeout=2)
    assert storage.serves(make(SESSION_STORE="memory://").settings)
    assert storage.serves(make(SESSION_STORE="memory://", REFRESH_REUSE_GRACE=0).settings)
    assert not storage.serves(make(SESSION_STORE="memory://", STORE_TIMEOUT=3).settings)
    assert not storage.serves(make(SESSION_STORE=MemoryStore()).settings)
    assert not storage.serves(make().settings)


def test_a_closed_store_is_opened_again(tmp_path: Path) -> None:
    """Closing gives the connections back; what is in the store is there at the next use."""
    storage = Storage(set_up(f"sqlite:///{tmp_path}/sessions.sqlite3"))
    session = Session.begin("ada", "j", now=NOW)
    storage.store.open_session(session, refuse_until=NOW)
    before, view = storage.store, storage.view(2)
    storage.close()
    assert storage.store is not before
    assert storage.view(2) is not view
    assert [each.sid for each in storage.store.list_sessions("ada", now=NOW)] == [session.sid]
    storage.close()
    Storage("memory://").close()  # nothing was opened


# ── the view ─────────────────────────────────────────────────────────────────────────────


def test_there_is_one_view(storage: Storage) -> None:
    """It is kept as long as its bound is the same."""
    view = storage.view(2)
    assert storage.view(2) is view
    assert storage.view(5) is not view


def test_a_store_that_announces_nothing_is_asked_each_time(store: Watched) -> None:
    """Then each check is a question about the token itself; a bound of zero means the same."""
    storage = Storage(store)
    for _ in range(2):
        storage.view(0).refuses(NOBODY, now=NOW)
    assert store.asked == ["is_revoked"] * 2
    store.asked.clear()
    store.announces = False  # type: ignore[attr-defined]
    for _ in range(2):
        Storage(store).view(2).refuses(NOBODY, now=NOW)
    assert store.asked == ["is_revoked"] * 2


def test_whether_the_store_is_failing(storage: Storage, store: Watched) -> None:
    """It is so from the first question that fails; before any question it is not."""
    assert storage.is_failing is False
    store.is_down = True
    assert storage.is_failing is False
    with pytest.raises(StoreUnavailableError):
        storage.view(2).refuses(NOBODY, now=NOW)
    assert storage.is_failing is True


def test_doubt(storage: Storage, store: Watched) -> None:
    """After it the next check asks the store; where there is no view yet, it does nothing."""
    storage.doubt()
    assert store.asked == []
    view = storage.view(2)
    view.refuses(NOBODY, now=NOW)
    view.refuses(NOBODY, now=NOW)
    assert store.asked == ["sync"]
    storage.doubt()
    view.refuses(NOBODY, now=NOW)
    assert store.asked == ["sync", "sync"]


@pytest.mark.parametrize("found", ["not set up", "no answer", "nothing"])
def test_a_look_at_the_set_up_sees_that_there_is_no_store(tmp_path: Path, found: str) -> None:
    """A token from after the look is good in this process, though the store began later."""
    path = tmp_path / "sessions.sqlite3"
    storage = Storage(f"sqlite:///{path}", timeout=0.2)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        if found == "no answer":
            other.execute("BEGIN EXCLUSIVE")
        if found != "nothing":
            storage.check(NOW)
    storage.store.upgrade(now=NOW + 50)
    given_out = Presented(issued_at=NOW + 1)
    assert storage.view(2).refuses(given_out, now=NOW + 51) is (found == "nothing")
    storage.close()


def test_a_look_at_a_good_store_sees_no_absence(tmp_path: Path) -> None:
    """What was issued before the store's memory begins may have been revoked."""
    storage = Storage(f"sqlite:///{tmp_path}/sessions.sqlite3")
    storage.store.upgrade(now=NOW + 50)
    storage.check(NOW)
    assert storage.view(2).refuses(Presented(issued_at=NOW + 1), now=NOW + 51)
    storage.close()


# ── notes ────────────────────────────────────────────────────────────────────────────────


def test_the_use_of_a_session_is_noted_when_it_is_due(storage: Storage, store: Watched) -> None:
    """A young token needs no note, an older one gets one a minute."""
    storage.note_use("s", now=NOW, issued_at=NOW - 59)
    assert store.asked == []
    for passed in (0, 59, 60):
        storage.note_use("s", now=NOW + passed, issued_at=NOW - 60)
    assert store.asked == ["touch", "touch"]


def test_a_note_never_fails(
    storage: Storage, store: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """A store that is down costs one attempt in a minute, and a line in the log."""
    store.is_down = True
    with caplog.at_level(logging.WARNING, "flask_signet"):
        for passed in range(3):
            storage.note_use(f"s{passed}", now=NOW + passed, issued_at=NOW - 60)
    assert store.asked == ["touch"]
    [record] = caplog.records
    assert "the use of a session could not be noted" in record.getMessage()


def test_no_note_while_the_store_fails(storage: Storage, store: Watched) -> None:
    """Once a check has failed, no request waits for the store a second time."""
    store.is_down = True
    with pytest.raises(StoreUnavailableError):
        storage.view(2).refuses(NOBODY, now=NOW)
    store.asked.clear()
    storage.note_use("s", now=NOW, issued_at=0)
    assert store.asked == []
