"""A store is made, or taken from version to version, by ``upgrade``; with steps made up here."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy
from click.testing import Result
from flask import Flask
from sqlalchemy import Connection

from flask_signet import JWTManager
from flask_signet.cli import jwt_cli
from flask_signet.exceptions import ConfigurationError, StoreUnavailableError
from flask_signet.sessions.session import Presented, Session, Successor
from flask_signet.sessions.store import Upgraded
from flask_signet.stores import open_store
from flask_signet.stores.sql import SqlStore, metadata
from flask_signet.stores.sql.schema import STEPS
from tests.scenarios.service import SECRET

from ..contract import NOW, live_until, new
from ..proxy import behind_proxy

UNTIL = live_until(NOW)


@pytest.fixture
def store(url) -> Iterator[SqlStore]:
    store = SqlStore(url)
    yield store
    store.close()


REAL_STEPS = dict(STEPS)


@pytest.fixture(autouse=True)
def no_steps(request, monkeypatch) -> None:
    """As if the tables of today were those of version 1."""
    for engine in ("sqlite", "postgresql", "mysql"):
        with contextlib.suppress(pytest.skip.Exception):
            request.getfixturevalue(f"{engine}_store_url")  # which other tests share, as it is
    for version in REAL_STEPS:
        monkeypatch.delitem(STEPS, version)


@pytest.fixture
def steps(monkeypatch) -> Callable[..., None]:
    """Have the package need versions that are reached by these steps, the first is to 2."""

    def take(*made_up: Callable[[Connection], object]) -> None:
        for version, step in enumerate(made_up, start=2):
            monkeypatch.setitem(STEPS, version, step)

    return take


class AddColumn:
    """A step as they are: it looks for what is done already. It counts how often it did it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.done = 0

    def __call__(self, connection: Connection) -> None:
        columns = sqlalchemy.inspect(connection).get_columns("signet_sessions")
        if self.name not in {column["name"] for column in columns}:
            connection.exec_driver_sql(
                f"ALTER TABLE signet_sessions ADD COLUMN {self.name} BIGINT DEFAULT 0 NOT NULL"
            )
            self.done += 1


def columns(store: SqlStore) -> set[str]:
    with store.engine.connect() as connection:
        found = sqlalchemy.inspect(connection).get_columns("signet_sessions")
    return {column["name"] for column in found}


def login(store: SqlStore) -> Session:
    session = Session.begin(new("user"), new(), now=NOW)
    return store.open_session(session, refuse_until=UNTIL).session


def epoch_of(store: SqlStore) -> str:
    follower = store.follow()
    epoch = follower.sync().epoch
    follower.close()
    return epoch


def test_an_older_store_goes_from_step_to_step_and_loses_nothing(store, steps):
    store.upgrade(first=True)
    kept, ended, jti = login(store), login(store), new()
    store.end_session(ended.sid, now=NOW, refuse_until=UNTIL)
    store.revoke_token(jti, now=NOW, expires_at=UNTIL)
    epoch = epoch_of(store)
    second, third = AddColumn("second"), AddColumn("third")
    steps(second, third)
    assert [(each.level, each.code) for each in store.check()] == [("error", "older_schema")]
    assert store.upgrade(first=True) == Upgraded(1, 3)
    assert (second.done, third.done) == (1, 1)
    assert {"second", "third"} <= columns(store)
    assert [each.level for each in store.check()].count("error") == 0
    assert store.upgrade(first=True) == Upgraded(3, 3)
    assert (second.done, third.done) == (1, 1)
    assert store.find_session(kept.sid, now=NOW) == kept
    assert store.is_revoked(Presented(jti=jti), now=NOW)
    assert store.is_revoked(Presented(sid=ended.sid), now=NOW)
    assert epoch_of(store) == epoch  # its followers know it again


def test_a_new_store_is_made_as_it_is_today_and_takes_no_step(store, steps):
    second = AddColumn("second")
    steps(second)
    assert store.upgrade(first=True) == Upgraded(0, 2)
    assert second.done == 0
    assert [each.level for each in store.check()].count("error") == 0
    assert login(store)


def test_a_store_is_half_way_where_a_step_failed_and_goes_on_from_there(store, steps):
    store.upgrade(first=True)
    session = login(store)
    second, third = AddColumn("second"), AddColumn("third")

    def fail(connection: Connection) -> None:
        third(connection)
        raise RuntimeError("the plug was pulled")

    steps(second, fail)
    with pytest.raises(RuntimeError, match="plug"):
        store.upgrade(first=True)
    assert [each.message for each in store.check() if each.level == "error"] == [
        "the store's schema is version 2, this package needs 3"
    ]
    # MariaDB and MySQL commit with each change of a table; the others have taken it back.
    is_mysql = store.engine.dialect.name == "mysql"
    assert ("third" in columns(store)) == is_mysql
    assert store.find_session(session.sid, now=NOW) == session
    steps(second, third)
    assert store.upgrade(first=True) == Upgraded(2, 3)
    assert second.done == 1
    assert "third" in columns(store)


def test_of_many_upgrades_at_once_each_step_is_done_by_one(url, store, steps):
    store.upgrade(first=True)
    second, third = AddColumn("second"), AddColumn("third")
    steps(second, third)
    assert set(at_once(url, 8)) <= {Upgraded(1, 3), Upgraded(2, 3), Upgraded(3, 3)}
    assert (second.done, third.done) == (1, 1)


def test_of_many_that_make_a_new_store_at_once_one_does(url):
    assert set(at_once(url, 8)) <= {Upgraded(0, 1), Upgraded(1, 1)}
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT id, version FROM signet_store").all()
    engine.dispose()
    assert rows == [(1, 1)]


def at_once(url: str, count: int) -> list[Upgraded]:
    barrier = threading.Barrier(count)
    answers: list[Upgraded] = []

    def run() -> None:
        store = SqlStore(url, timeout=20)
        barrier.wait(20)
        answers.append(store.upgrade(first=True))
        store.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == count
    return answers


def test_a_step_may_take_longer_than_the_store_s_timeout(url, steps):
    store = SqlStore(url, timeout=1.0)
    store.upgrade(first=True)

    def slow(connection: Connection) -> None:
        wait = {"postgresql": "SELECT pg_sleep(1.5)", "mysql": "SELECT SLEEP(1.5)"}
        statement = wait.get(connection.dialect.name)
        if statement:
            connection.exec_driver_sql(statement)
        else:
            time.sleep(1.5)

    steps(slow)
    assert store.upgrade(first=True) == Upgraded(1, 2)
    store.close()


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_an_upgrade_of_a_server_that_hangs_is_an_error_within_the_timeout(request, engine):
    with behind_proxy(request, engine, 1.0) as (store, proxy):
        proxy.stall()
        begun = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            store.upgrade(first=True)
        assert time.monotonic() - begun < 3


def test_the_application_s_engine_is_upgraded_as_well(url, steps):
    engine = sqlalchemy.create_engine(url)
    store = SqlStore(engine)
    assert store.upgrade(first=True) == Upgraded(0, 1)
    second = AddColumn("second")
    steps(second)
    assert store.upgrade(first=True) == Upgraded(1, 2)
    assert second.done == 1
    engine.dispose()


def test_a_newer_store_is_left_alone_and_works_on(store, steps):
    """While a service is rolled out, the version before is still at work."""
    second = AddColumn("second")
    steps(second)
    store.upgrade(first=True)
    session = login(store)
    STEPS.clear()
    assert store.upgrade(first=True) == Upgraded(2, 2)
    assert [each.code for each in store.check() if each.level == "error"] == ["newer_schema"]
    outcome = store.rotate(
        session.sid, session.jti, Successor(new()), now=NOW, grace=0, refuse_until=UNTIL
    )
    assert outcome.verdict == "rotated"
    assert login(store)


def test_the_command_says_from_which_version_to_which(url, steps):
    app = Flask("upgrade")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_SESSION_STORE=url)
    JWTManager(app)

    def upgrade(*more: str) -> Result:
        return app.test_cli_runner().invoke(jwt_cli, ["store", "upgrade", *more])

    assert upgrade().output.startswith("made the store, version 1. Tokens from before now are ")
    store = SqlStore(url)
    metadata.drop_all(store.engine)
    store.close()
    assert upgrade("--first").output == "upgraded the store from version 0 to 1\n"
    steps(AddColumn("second"))
    assert upgrade().output == "upgraded the store from version 1 to 2\n"
    assert upgrade().output == "the store is up to date: version 2\n"
    app.extensions["flask-signet"][""].close()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    """No file can be made there; the operator reads which folder is missing, not of rights."""
    store = open_store(f"sqlite:///{tmp_path / 'nowhere' / 'sessions.db'}")
    with pytest.raises(ConfigurationError, match=f"the folder {tmp_path / 'nowhere'} .* make it"):
        store.upgrade(first=True)
    (tmp_path / "nowhere").mkdir()
    store.upgrade(first=True)
    assert [each for each in store.check() if each.level == "error"] == []
    store.close()


def test_a_url_s_own_options_hold(postgresql_store_url):
    """In PostgreSQL they are where one says in which schema the tables are."""
    engine = sqlalchemy.create_engine(postgresql_store_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE SCHEMA elsewhere")
    store = open_store(f"{postgresql_store_url}?options=-csearch_path%3Delsewhere")
    assert [finding.code for finding in store.check()] == ["not_set_up"]
    assert store.upgrade(first=True) == Upgraded(0, 1)
    with engine.connect() as connection:
        found = sqlalchemy.inspect(connection).get_table_names(schema="elsewhere")
        connection.exec_driver_sql("DROP SCHEMA elsewhere CASCADE")
    assert set(found) == set(metadata.tables)
    store.close()
    engine.dispose()


# ── the steps that there are ─────────────────────────────────────────────────────────────


def test_version_2_has_a_place_for_keys(store, steps):
    store.upgrade(first=True)
    kept = login(store)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE signet_keys")
    steps(REAL_STEPS[2])
    assert store.upgrade(first=True) == Upgraded(1, 2)
    assert store.save_keys("document", after=0)
    assert store.load_keys() == ("document", 1)
    assert store.find_session(kept.sid, now=NOW) == kept


def test_version_3_knows_what_was_replaced_and_whether_it_was_seen(store, steps):
    store.upgrade(first=True)
    kept = login(store)
    with store.engine.begin() as connection:
        for column in ("replaced", "unseen"):
            connection.exec_driver_sql(f"ALTER TABLE signet_sessions DROP COLUMN {column}")
    steps(*(REAL_STEPS[version] for version in (2, 3)))
    assert store.upgrade(first=True) == Upgraded(1, 3)
    assert store.find_session(kept.sid, now=NOW) == kept  # nobody is logged out
    outcome = store.rotate(
        kept.sid, kept.jti, Successor("second"), now=NOW, grace=10, refuse_until=UNTIL
    )
    assert outcome.verdict == "rotated"
    assert store.find_session(kept.sid, now=NOW).unseen
    with store.engine.connect() as connection:  # as a process of the version before does it
        row = connection.exec_driver_sql("SELECT * FROM signet_sessions").mappings().one()
        older = {name: row[name] for name in row if name not in ("replaced", "unseen")}
        older["sid"] = new("s").encode() if isinstance(row["sid"], bytes) else new("s")
        connection.execute(sqlalchemy.insert(metadata.tables["signet_sessions"]), older)
        connection.commit()


def test_version_3_may_be_taken_again(store, steps):
    store.upgrade(first=True)
    with store.engine.begin() as connection:
        REAL_STEPS[3](connection)
    assert login(store)
