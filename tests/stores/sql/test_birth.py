"""Since when a SQL store remembers: what was issued before a new store was made is refused."""

from collections.abc import Iterator

import pytest

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.session import Device, Presented, Session
from flask_signet.sessions.store import Upgraded
from flask_signet.stores.contract import DAY, HOUR, NOW, TICK, live_until, new
from flask_signet.stores.sql import SqlStore, metadata
from flask_signet.stores.sql.schema import newest_version

UNTIL = live_until(NOW)
BORN = NOW
NEWEST = newest_version()


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    """A database with nothing in it."""
    store = SqlStore(url)
    yield store
    store.close()


def born_at(store: SqlStore) -> float:
    follower = store.follow()
    found = follower.sync().born_at
    follower.close()
    return found


def begin(now: float = NOW) -> Session:
    return Session.begin(new("user"), new(), now=now, expires_at=NOW + DAY)


def adopt(store: SqlStore, issued_at: float, now: float = NOW) -> str:
    return store.adopt(
        begin(now).adopting(new()),
        issued_at=issued_at,
        token_expires_at=NOW + DAY,
        grace=10,
        refuse_until=UNTIL,
    ).verdict


def test_a_new_store_refuses_what_was_issued_before_it(store):
    """A store that has nothing may have lost everything, so the operator has to say otherwise."""
    assert store.upgrade(now=NOW) == Upgraded(0, NEWEST)
    assert store.is_revoked(Presented(jti=new(), issued_at=BORN - TICK), now=NOW)
    assert not store.is_revoked(Presented(jti=new(), issued_at=BORN), now=NOW)
    assert adopt(store, BORN - 1) == "gone"
    assert adopt(store, BORN) == "rotated"
    assert born_at(store) == BORN


def test_by_default_it_begins_now(store):
    store.upgrade()
    assert store.is_revoked(Presented(jti=new(), issued_at=NOW), now=NOW)
    assert born_at(store) > NOW


def test_a_session_is_not_dated_before_the_store_whatever_the_clock_says(store):
    """Its tokens would be refused from the start."""
    store.upgrade(now=NOW)
    opened = store.open_session(begin(NOW - HOUR), refuse_until=UNTIL).session
    assert opened.created_at == BORN
    asked = Presented(sid=opened.sid, subject=opened.subject, issued_at=opened.created_at)
    assert not store.is_revoked(asked, now=NOW)
    adopted = begin(NOW - HOUR).adopting(new())
    rotation = store.adopt(
        adopted, issued_at=BORN, token_expires_at=NOW + DAY, grace=0, refuse_until=UNTIL
    )
    assert rotation.session is not None
    assert rotation.session.created_at == BORN


def test_the_first_store_that_there_is_refuses_nothing_of_before(store):
    store.upgrade(now=NOW, first=True)
    assert not store.is_revoked(Presented(jti=new(), issued_at=0.0), now=NOW)
    assert adopt(store, NOW - DAY) == "rotated"
    assert born_at(store) == 0.0


def test_that_it_was_the_first_one_may_be_said_later(store):
    store.upgrade(now=NOW)
    assert store.upgrade(now=NOW + 1) == Upgraded(NEWEST, NEWEST)
    assert born_at(store) == BORN
    assert store.upgrade(now=NOW + 2, first=True) == Upgraded(NEWEST, NEWEST)
    assert born_at(store) == 0.0
    assert adopt(store, NOW - DAY) == "rotated"


OF_VERSION_4 = {
    "signet_store": ("mark", "born_at", "session_life", "token_life"),
    "signet_revocations": ("mark",),
    "signet_sessions": ("last_user_agent", "last_address"),
}


def to_version_3(store: SqlStore) -> None:
    with store.engine.connect() as connection:
        [index] = (
            each
            for each in metadata.tables["signet_sessions"].indexes
            if each.name == "signet_sessions_live"
        )
        index.drop(connection)
        for table, columns in OF_VERSION_4.items():
            for column in columns:
                connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.exec_driver_sql("UPDATE signet_store SET version = 3")


def test_a_store_that_is_brought_up_from_version_3_has_lost_nothing(store):
    """Its memory goes as far back as before: nobody is logged out, nothing revoked is good."""
    store.upgrade(now=NOW)
    device = Device("Firefox", "192.0.2.1", "laptop")
    begun = Session.begin(new("user"), new(), now=NOW, expires_at=NOW + DAY, device=device)
    kept = store.open_session(begun, refuse_until=UNTIL).session
    jti = new()
    store.revoke_token(jti, now=NOW, expires_at=NOW + DAY)
    store.close()
    to_version_3(store)
    with pytest.raises(StoreUnavailableError, match="flask jwt store upgrade"):
        store.open_session(begin(), refuse_until=UNTIL)
    assert store.upgrade(now=NOW + 10) == Upgraded(3, NEWEST)
    assert born_at(store) == 0.0
    assert store.find_session(kept.sid, now=NOW) == kept  # with the device of the log-in
    assert store.is_revoked(Presented(jti=jti), now=NOW)
    assert not store.is_revoked(Presented(jti=new(), issued_at=NOW - DAY), now=NOW)
    with store.engine.connect() as connection:  # a step may be taken again
        connection.exec_driver_sql("UPDATE signet_store SET version = 3")
    assert store.upgrade() == Upgraded(3, NEWEST)


def test_tables_without_the_store_s_row_answer_nothing(store):
    """As Alembic makes them, or as a table that was emptied: nobody knows what was refused."""
    store.upgrade(first=True)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("DELETE FROM signet_store")
    for ask in (
        lambda: store.is_revoked(Presented(jti=new()), now=NOW),
        lambda: store.open_session(begin(), refuse_until=UNTIL),
        lambda: store.end_session(new(), now=NOW, refuse_until=UNTIL),
        lambda: store.follow().sync(),
    ):
        with pytest.raises(StoreUnavailableError, match="flask jwt store upgrade"):
            ask()
    [finding] = [each for each in store.check() if each.level == "error"]
    assert finding.code == "not_set_up"
    assert "--first" in finding.mend
