"""A log-in in the transaction that the application has open on SQLite; everything else at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, create_engine, insert

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.session import Presented, Session, Successor
from flask_signet.stores.sql import SqlStore
from tests.stores.contract import HOUR, NOW
from tests.stores.databases import own_database

USERS = Table("users", MetaData(), Column("id", Integer, primary_key=True))
UNTIL = NOW + HOUR


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An application's engine on a file, that waits three seconds for a lock."""
    engine = create_engine(f"sqlite:///{tmp_path}/app.sqlite3", connect_args={"timeout": 3})
    USERS.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> SqlStore:
    store = SqlStore(engine)
    store.upgrade(first=True)
    return store


def begin(subject: str = "alice", jti: str = "r1") -> Session:
    return Session.begin(subject, jti, now=NOW, expires_at=UNTIL)


def register(connection: Connection) -> None:
    connection.execute(insert(USERS), {"id": 1})


def test_a_log_in_is_written_in_the_request_s_transaction(engine: Engine, store: SqlStore) -> None:
    """The session is there once the application has committed, and not before."""
    other = SqlStore(engine)
    session = begin()
    with engine.begin() as connection:
        register(connection)
        store.open_session(session, refuse_until=UNTIL)
        with ThreadPoolExecutor(1) as pool:  # another request
            assert pool.submit(other.find_session, session.sid, now=NOW).result() is None
    assert other.find_session(session.sid, now=NOW) == session


def test_a_log_in_goes_with_the_transaction_that_is_rolled_back(
    engine: Engine, store: SqlStore
) -> None:
    """A registration that fails leaves neither a user nor a session."""
    session = begin()
    with engine.connect() as connection:
        register(connection)
        store.open_session(session, refuse_until=UNTIL)
        connection.rollback()
    assert store.find_session(session.sid, now=NOW) is None


def test_the_oldest_sessions_make_room_in_the_same_transaction(
    engine: Engine, store: SqlStore
) -> None:
    """The cap on sessions holds in a transaction, too; the revocations commit with the log-in."""
    first = begin(jti="r0")
    store.open_session(first, refuse_until=UNTIL)
    with engine.connect() as connection:
        register(connection)
        opened = store.open_session(begin(), refuse_until=UNTIL, max_sessions=1)
        assert [each.sid for each in opened.ended] == [first.sid]
        connection.rollback()
    assert store.find_session(first.sid, now=NOW) is not None
    assert not store.is_revoked(Presented(sid=first.sid), now=NOW)


WRITES: dict[str, Callable[[SqlStore, Session], Any]] = {
    "rotate": lambda store, session: store.rotate(
        session.sid,
        "r1",
        Successor("r2"),
        now=NOW,
        grace=10,
        refuse_until=UNTIL,
    ),
    "adopt": lambda store, session: store.adopt(
        begin("bob").adopting("old"),
        issued_at=NOW - 5,
        token_expires_at=UNTIL,
        grace=10,
        refuse_until=UNTIL,
    ),
    "end_session": lambda store, session: store.end_session(
        session.sid, now=NOW, refuse_until=UNTIL
    ),
    "end_sessions": lambda store, session: store.end_sessions("alice", now=NOW, expires_at=UNTIL),
    "revoke_token": lambda store, session: store.revoke_token("j", now=NOW, expires_at=UNTIL),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_may_not_be_rolled_back_is_refused_at_once(
    engine: Engine, store: SqlStore, name: str
) -> None:
    """The error says to commit first, nothing waits for the lock, and after the commit it works."""
    session = begin()
    store.open_session(session, refuse_until=UNTIL)
    with engine.connect() as connection:
        register(connection)
        with pytest.raises(StoreUnavailableError, match="commit before it"):
            WRITES[name](store, session)
        connection.commit()
    WRITES[name](store, session)


def test_a_transaction_that_only_read_is_not_joined(engine: Engine, store: SqlStore) -> None:
    """A request that looked its user up, and never commits, keeps its session."""
    session = begin()
    with engine.connect() as connection:
        connection.execute(USERS.select()).all()
        store.open_session(session, refuse_until=UNTIL)
        connection.rollback()
    assert store.find_session(session.sid, now=NOW) == session


def test_a_transaction_of_another_thread_is_not_joined(engine: Engine, store: SqlStore) -> None:
    """Another request's transaction is waited for, as on any database."""
    session = begin()
    with engine.connect() as connection, ThreadPoolExecutor(1) as pool:
        register(connection)
        waiting = pool.submit(store.open_session, session, refuse_until=UNTIL)
        connection.rollback()
        assert waiting.result().session == session
    assert store.find_session(session.sid, now=NOW) == session


def test_an_engine_is_listened_to_once(engine: Engine, store: SqlStore) -> None:
    """Many stores on one engine add no listener each."""
    before = len(engine.dispatch.begin)
    for _ in range(3):
        SqlStore(engine)
    assert len(engine.dispatch.begin) == before


@pytest.mark.parametrize("server", ["postgresql_url", "mysql_url"])
def test_a_burst_of_one_process_is_no_failure(request: pytest.FixtureRequest, server: str) -> None:
    """128 log-outs at once share 15 connections: each waits its turn, and none is refused."""
    with own_database(request.getfixturevalue(server)) as url:
        store = SqlStore(url, timeout=20)  # the machine's speed is not judged here
        store.upgrade(first=True)
        sessions = [begin(f"user-{number}") for number in range(128)]
        for session in sessions:
            store.open_session(session, refuse_until=UNTIL)
        with ThreadPoolExecutor(128) as pool:
            ended = list(
                pool.map(
                    lambda session: store.end_session(session.sid, now=NOW, refuse_until=UNTIL),
                    sessions,
                )
            )
        assert None not in ended
        store.close()


@pytest.mark.parametrize("server", ["postgresql_url", "mysql_url"])
def test_waiting_for_a_connection_counts_against_the_deadline(
    request: pytest.FixtureRequest, server: str
) -> None:
    """The pool's patience is the whole timeout of an operation, not a part of it."""
    store = SqlStore(request.getfixturevalue(server), timeout=7)
    assert store.engine.pool.timeout() == 7  # type: ignore[attr-defined]  # a QueuePool
    store.close()
