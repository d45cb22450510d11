"""What a SQL store keeps and for how long: lives of tokens, rows of what is over, and its clock."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Column, Integer, MetaData, Table, event

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.session import NEVER, Lives, Presented, Session
from flask_signet.sessions.store import Pruned
from flask_signet.stores.contract import DAY, HOUR, MINUTE, NOW, TICK, live_until, new
from flask_signet.stores.sql import SqlStore, metadata
from flask_signet.stores.sql import store as store_module
from flask_signet.stores.sql.prune import SWEPT

UNTIL = live_until(NOW)


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = SqlStore(url)
    store.upgrade(first=True)
    yield store
    store.close()


def begin(subject: str, now: float = NOW, lives: float = DAY) -> Session:
    return Session.begin(subject, new(), now=now, expires_at=now + lives)


def login(store: SqlStore, subject: str, now: float = NOW, lives: float = DAY) -> Session:
    return store.open_session(begin(subject, now, lives), refuse_until=UNTIL).session


def rows(store: SqlStore, table: str = "signet_sessions") -> int:
    with store.engine.connect() as connection:
        counted = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    return int(counted)


@contextlib.contextmanager
def statements(store: SqlStore) -> Iterator[list[str]]:
    """The first word of each statement."""
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement.split(maxsplit=1)[0])

    event.listen(store.engine, "before_cursor_execute", note)
    yield said
    event.remove(store.engine, "before_cursor_execute", note)


# ── for how long tokens live ─────────────────────────────────────────────────────────────


def lives_of(store: SqlStore) -> tuple[int, ...]:
    with store.engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT session_life, token_life FROM signet_store").one()
    return tuple(row)


def test_each_life_is_raised_and_nothing_shortens_it(store):
    """Nothing is written where nothing is longer."""
    store.cover(Lives(of_session=5.0, of_token=60.0))
    with statements(store) as said:
        store.cover(Lives(of_session=4.0, of_token=60.0))
        store.cover(Lives())
    assert said == ["SELECT", "SELECT"]
    store.cover(Lives(of_session=4.0, of_token=61.0))
    assert lives_of(store) == (5_000_000, 61_000_000)
    store.cover(Lives(of_session=6.0, of_token=1.0))
    assert lives_of(store) == (6_000_000, 61_000_000)


def test_what_never_expires_is_refused_for_ever(store):
    store.cover(Lives(of_session=60.0, of_token=NEVER))
    user, jti = new("user"), new()
    store.end_sessions(user, now=NOW, expires_at=NOW + 1)
    store.revoke_token(jti, now=NOW, expires_at=NOW + 1, expiry_is_known=False)
    for asked in (Presented(subject=user, issued_at=NOW), Presented(jti=jti)):
        assert store.is_revoked(asked, now=NOW + 1000 * 365 * DAY)


def test_the_lives_of_a_store_that_is_not_set_up_are_not_known(url):
    store = SqlStore(url)
    if store.engine.dialect.name == "sqlite":
        Path(str(store.engine.url.database)).touch()
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="flask jwt store upgrade"):
            store.cover(Lives(1.0, 1.0))
        with store.engine.connect() as connection:  # and in the second round without the row
            metadata.create_all(connection)
    store.close()


def test_many_at_once_leave_the_longest(store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store.cover, [Lives(float(n), 2.0 * n) for n in range(40)]))
    assert lives_of(store) == (39_000_000, 78_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.sqlite3"


def test_what_is_covered_does_not_wait_for_sqlite_s_writer(path):
    store = SqlStore(f"sqlite:///{path}")
    store.upgrade(first=True)
    store.cover(Lives(5.0, 5.0))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        store.cover(Lives(5.0, 5.0))
        with pytest.raises(StoreUnavailableError):
            store.cover(Lives(6.0, 6.0))
    store.close()


def test_lives_outlast_a_roll_back_of_the_application_s(path):
    """A log-in may be the first write of a request that then rolls back; SQLite has one writer."""
    users = Table("users", MetaData(), Column("id", Integer, primary_key=True))
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    users.metadata.create_all(engine)
    store = SqlStore(engine)
    store.upgrade(first=True)
    for end, life in (("rollback", 5.0), ("commit", 9.0)):
        with engine.connect() as connection:
            connection.execute(users.insert())
            store.cover(Lives(life, life))
            getattr(connection, end)()
        session = login(store, new("user"))
        store.end_session(session.sid, now=NOW, refuse_until=NOW + 1)
        assert store.is_revoked(Presented(sid=session.sid), now=NOW + life - TICK)
    with statements(store) as said:
        login(store, new("user"))
    assert said.count("UPDATE") == 0  # it is done again once
    engine.dispose()


# ── rows of sessions that are over ───────────────────────────────────────────────────────


def test_logged_out_everywhere_the_rows_are_removed_in_steps(store, monkeypatch):
    monkeypatch.setattr(store_module, "_STEP", 10)
    user, other = new("user"), login(store, new("other"))
    sessions = [login(store, user, NOW + number) for number in range(25)]
    kept = sessions[7]
    with statements(store) as said:
        store.end_sessions(user, now=NOW + 60, expires_at=NOW + DAY, except_sid=kept.sid)
    assert said.count("DELETE") == 3
    assert said.index("COMMIT") < said.index("DELETE")  # the entry is there before
    assert rows(store) == 2
    assert store.list_sessions(user, now=NOW + 60) == [kept]
    assert store.find_session(other.sid, now=NOW) == other


REFUSE_TO_DELETE = {
    "sqlite": [
        "CREATE TRIGGER no BEFORE DELETE ON signet_sessions BEGIN SELECT RAISE(ABORT,'no'); END"
    ],
    "mysql": [
        "CREATE TRIGGER no BEFORE DELETE ON signet_sessions FOR EACH ROW SIGNAL SQLSTATE '45000'"
    ],
    "postgresql": [
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$",
        "CREATE TRIGGER no BEFORE DELETE ON signet_sessions FOR EACH ROW EXECUTE FUNCTION no()",
    ],
}


def refuse_to_delete(store: SqlStore) -> None:
    with store.engine.connect() as connection:
        for statement in REFUSE_TO_DELETE[store.engine.dialect.name]:
            connection.exec_driver_sql(statement)


def allow_to_delete(store: SqlStore) -> None:
    table = " ON signet_sessions" if store.engine.dialect.name == "postgresql" else ""
    with store.engine.connect() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER no{table}")


def test_rows_that_can_not_be_removed_are_no_error_of_the_log_out(store, caplog):
    user = new("user")
    sessions = [login(store, user) for _ in range(3)]
    refuse_to_delete(store)
    store.end_sessions(user, now=NOW, expires_at=NOW + DAY)
    assert "left for `prune`" in caplog.text
    assert rows(store) == 3
    for session in sessions:
        assert store.find_session(session.sid, now=NOW) is None
    assert store.list_sessions(user, now=NOW) == []
    again = login(store, user)  # nor of a log-in
    assert "not removed at a log-in" in caplog.text
    assert store.list_sessions(user, now=NOW) == [again]
    allow_to_delete(store)
    last = login(store, user)
    assert rows(store) == 2
    assert store.list_sessions(user, now=NOW) == [last, again]


def test_a_log_in_removes_some_of_its_subject_s_rows_that_have_expired(store):
    user, other = new("user"), new("other")
    for number in range(SWEPT + 3):
        login(store, user, NOW + number / 1000, lives=MINUTE)
    login(store, other, lives=MINUTE)
    for left in (3, 0):
        session = login(store, user, NOW + HOUR)
        assert len(store.list_sessions(user, now=NOW)) == left + (1 if left else 2)
    assert session in store.list_sessions(user, now=NOW + HOUR)
    assert len(store.list_sessions(other, now=NOW)) == 1


def test_a_log_in_by_a_clock_that_is_ahead_removes_nothing_that_lives(store):
    user, now = new("user"), float(round(time.time()))
    kept = login(store, user, now, lives=HOUR)
    login(store, user, now + DAY)
    assert store.find_session(kept.sid, now=now) == kept


# ── pruning ──────────────────────────────────────────────────────────────────────────────


def test_an_entry_goes_after_the_last_of_the_rows_that_it_ended(store):
    """Without it they would be live again; and each call removes no more than it was told."""
    user = new("user")
    sessions = [login(store, user, lives=30 * DAY) for _ in range(7)]
    refuse_to_delete(store)
    store.end_sessions(user, now=NOW + 1, expires_at=NOW + MINUTE)
    allow_to_delete(store)
    calls = [store.prune(now=NOW + HOUR, batch=3)]
    while calls[-1].more:
        assert all(store.find_session(each.sid, now=NOW) is None for each in sessions)
        calls.append(store.prune(now=NOW + HOUR, batch=3))
    assert calls == [Pruned(3, 0, True), Pruned(3, 0, True), Pruned(1, 1, False)]
    assert rows(store) == rows(store, "signet_revocations") == 0


ZONES = {"postgresql": "SET TIME ZONE", "mysql": "SET time_zone ="}


@pytest.mark.parametrize("zone", ["-11:00", "+13:00"])
@pytest.mark.parametrize("server", list(ZONES))
def test_the_time_zone_of_the_server_is_nothing_to_prune(request, server, zone):
    store = SqlStore(request.getfixturevalue(f"{server}_store_url"))

    @event.listens_for(store.engine, "connect")
    def move(connection: Any, record: Any) -> None:
        with contextlib.closing(connection.cursor()) as cursor:
            cursor.execute(f"{ZONES[server]} '{zone}'")

    now = time.time()
    with store.engine.connect() as connection:
        clock = store._database.kind.clock(connection) / 1_000_000
    assert abs(clock - now) < MINUTE
    live, over = new(), new()
    store.revoke_token(live, now=now, expires_at=now + MINUTE)
    store.revoke_token(over, now=now - HOUR, expires_at=now - MINUTE)
    while store.prune(now=now + DAY).more:
        pass
    assert store.is_revoked(Presented(jti=live), now=now)
    assert not store.is_revoked(Presented(jti=over), now=now - HOUR)
    store.close()
