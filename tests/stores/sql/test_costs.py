"""What a list or a log-in costs, counted in the database: it does not grow with what is over.

SQLite counts its steps, PostgreSQL the blocks that it looked at, MariaDB the rows. No clock is
asked.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from flask_signet.sessions.session import PAGE, Session
from flask_signet.stores.contract import DAY, HOUR, MINUTE, NOW, live_until, new
from flask_signet.stores.sql import SqlStore
from flask_signet.stores.sql.rows import session_values
from flask_signet.stores.sql.schema import sessions_table
from flask_signet.stores.sql.statements import WINDOW

CROWD = 5_000
LATER = NOW + HOUR
UNTIL = live_until(LATER)


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = SqlStore(url, timeout=60)
    store.upgrade(first=True)
    yield store
    store.close()


def sessions(subject: str, count: int, first: float, lives: float) -> list[Session]:
    begun = Session.begin(subject, new(), now=first, expires_at=first + lives)
    return [
        replace(
            begun,
            sid=f"{begun.sid}{number}",
            created_at=first + number / 1000,
            expires_at=begun.expires_at + number / 1000,
        )
        for number in range(count)
    ]


def put(store: SqlStore, crowd: list[Session]) -> None:
    with store.engine.connect() as connection:
        connection.exec_driver_sql(store._database.kind.begin)
        for begin in range(0, len(crowd), 1000):
            values = [session_values(each) for each in crowd[begin : begin + 1000]]
            connection.execute(insert(sessions_table), values)
        connection.exec_driver_sql("COMMIT")
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")


# The pool gives out the connection that came back last. So there is one, and all statements of a
# test run on it.


def sqlite_steps(store: SqlStore, action: Callable[[], object]) -> int:
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    def driver(connection: Connection) -> Any:
        return connection.connection.driver_connection

    with store.engine.connect() as connection:
        driver(connection).set_progress_handler(count, 10)
    action()
    with store.engine.connect() as connection:
        driver(connection).set_progress_handler(None, 10)
    return steps


def postgresql_blocks(store: SqlStore, action: Callable[[], object]) -> int:
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT signet", "SELECT anon")):
            asked.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    action()
    event.remove(store.engine, "before_cursor_execute", note)
    assert asked
    found = 0
    with store.engine.connect() as connection:
        # A table of this size is read as a whole, or sorted, sooner than a larger one.
        for way in ("seqscan", "bitmapscan"):
            connection.exec_driver_sql(f"SET enable_{way} = off")
        for statement, parameters in asked:
            explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
            [explained] = connection.exec_driver_sql(explain, parameters).scalar_one()
            found += sum(explained["Plan"][f"Shared {kind} Blocks"] for kind in ("Hit", "Read"))
    return found


def mysql_rows(store: SqlStore, action: Callable[[], object]) -> int:
    def rows() -> int:
        with store.engine.connect() as connection:
            status = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'").all()
        return sum(int(value) for _, value in status)

    before = rows()
    action()
    return rows() - before


COUNTERS = {"sqlite": sqlite_steps, "postgresql": postgresql_blocks, "mysql": mysql_rows}


def cost(store: SqlStore, action: Callable[[], object]) -> int:
    action()  # connects, and prepares
    return COUNTERS[store.engine.dialect.name](store, action)


def listing(store: SqlStore, subject: str, after: Session | None = None) -> Callable[[], object]:
    return lambda: store.list_sessions(subject, now=LATER, after=after)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_list_costs_the_same_however_many_sessions_have_expired(store, when):
    """Those that expired may have been opened before or after those that live."""
    few, many = new("few"), new("many")
    first = NOW - DAY if when == "before" else NOW + MINUTE
    put(store, sessions(new("others"), CROWD, NOW, DAY))
    put(store, [*sessions(few, 3, NOW, DAY), *sessions(many, 3, NOW, DAY)])
    put(store, sessions(many, CROWD, first, MINUTE))
    assert len(store.list_sessions(many, now=LATER)) == 3
    assert cost(store, listing(store, many)) <= 2 * cost(store, listing(store, few))


def test_a_page_costs_the_same_however_many_sessions_live(store):
    """A thousand or many more; and a later page costs what the first one does."""
    some, many = new("some"), new("many")
    put(store, [*sessions(some, 2 * WINDOW, NOW, DAY), *sessions(many, CROWD, NOW, DAY)])
    [*_, last] = page = store.list_sessions(many, now=LATER)
    assert len(page) == PAGE
    bound = 2 * cost(store, listing(store, some))
    assert cost(store, listing(store, many)) <= bound
    assert cost(store, listing(store, many, after=last)) <= bound


def test_a_list_costs_the_same_however_many_rows_of_ended_sessions_are_left(store):
    """They are there only where a log-out everywhere could not remove them in time."""
    some, many = new("some"), new("many")
    for subject in (some, many):
        store.end_sessions(subject, now=NOW - 1, expires_at=NOW + DAY)
        put(store, sessions(subject, 3, NOW, DAY))
    put(store, sessions(some, 2 * WINDOW, NOW - DAY, 2 * DAY))
    put(store, sessions(many, CROWD, NOW - DAY, 2 * DAY))
    assert len(store.list_sessions(many, now=LATER)) == 3
    assert cost(store, listing(store, many)) <= 2 * cost(store, listing(store, some))


def test_a_login_costs_the_same_however_many_sessions_there_are_and_were(store):
    """Those that it has to end are a hundred at most."""
    some, many, over = new("some"), new("many"), new("over")
    put(store, sessions(new("others"), CROWD, NOW, DAY))
    put(store, [*sessions(some, 2 * WINDOW, NOW, DAY), *sessions(many, CROWD, NOW, DAY)])
    put(store, sessions(over, CROWD, NOW - DAY, MINUTE))

    def login(subject: str) -> Callable[[], object]:
        return lambda: store.open_session(
            Session.begin(subject, new(), now=LATER, expires_at=NOW + DAY),
            refuse_until=UNTIL,
            max_sessions=2,
        )

    bound = 2 * cost(store, login(some))
    assert cost(store, login(many)) <= bound
    assert cost(store, login(over)) <= bound
