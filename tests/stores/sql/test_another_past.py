"""A store that was put back to an older state, or exchanged, while a follower's connection lives.

No error says so. Each test makes another past on a real database: by SQLite's backup, by giving the
file's name to another file, or by putting the rows of an earlier moment back.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Connection

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.revocations import RevocationView
from flask_signet.sessions.session import Presented, Session
from flask_signet.sessions.store import Follower
from flask_signet.stores.contract import DAY, HOUR, MINUTE, NOW, live_until, new
from flask_signet.stores.sql import SqlStore, follower, metadata

UNTIL = live_until(NOW)


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = SqlStore(url)
    store.upgrade(first=True)
    yield store
    store.close()


@pytest.fixture
def following(store: SqlStore) -> Iterator[Follower]:
    following = store.follow()
    yield following
    following.close()


def revoke(store: SqlStore, count: int = 1, life: float = HOUR) -> list[str]:
    jtis = [new() for _ in range(count)]
    for jti in jtis:
        store.revoke_token(jti, now=NOW, expires_at=NOW + life)
    return jtis


def learned(following: Follower) -> list[str]:
    """What one sync says: it is all there is."""
    synced = following.sync()
    assert synced.complete
    return [entry.value for entry in synced.entries]


def saved(store: SqlStore, folder: Path | None = None) -> Callable[[], None]:
    """A way back to this moment, while all connections go on."""
    tables = metadata.sorted_tables
    with store.engine.connect() as connection:
        rows = {table: connection.execute(table.select()).mappings().all() for table in tables}

    def put_back() -> None:
        engine = sqlalchemy.create_engine(store.engine.url)
        with engine.begin() as connection:
            for table in tables:
                connection.execute(table.delete())
                if rows[table]:
                    connection.execute(table.insert(), [dict(row) for row in rows[table]])
        engine.dispose()

    return put_back


def back_up(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source)) as read,
        contextlib.closing(sqlite3.connect(target)) as written,
    ):
        read.backup(written)


def saved_by_backup(store: SqlStore, folder: Path) -> Callable[[], None]:
    """The same by SQLite's backup API."""
    copy, file = folder / "copy.sqlite3", Path(str(store.engine.url.database))
    back_up(file, copy)
    return lambda: back_up(copy, file)


# FLASK_SIGNET_NO_SKIP forbids skipping: each engine has the ways that it has.
WAYS = {"sqlite": (saved, saved_by_backup), "postgresql": (saved,), "mysql": (saved,)}


def each_way(store: SqlStore, folder: Path) -> Iterator[Callable[[], Callable[[], None]]]:
    for way in WAYS[store.engine.dialect.name]:
        yield lambda way=way: way(store, folder)  # type: ignore[misc]  # a default, not an argument


@pytest.mark.parametrize("lost", [1, 5])
@pytest.mark.parametrize("new_ones", [1, 4, 5, 6, 20])
def test_what_another_past_has_is_learned_within_one_sync(
    store, following, tmp_path, caplog, lost, new_ones
):
    """However many entries were lost and came anew: as many, fewer or more."""
    for save in each_way(store, tmp_path):
        revoke(store, 3)
        learned(following)
        put_back = save()
        revoke(store, lost)
        learned(following)
        caplog.clear()
        put_back()
        later = revoke(store, new_ones)
        assert set(learned(following)) >= set(later)
        assert "another past" in caplog.text
        caplog.clear()
        assert learned(following) == []  # and it goes on from there
        [one] = revoke(store)
        assert learned(following) == [one]
        assert caplog.text == ""


def test_the_whole_list_is_read_where_nothing_is_as_it_was(store, following, tmp_path, caplog):
    """More was lost than a follower keeps in mind."""
    for save in each_way(store, tmp_path):
        before = revoke(store, 2)
        put_back = save()
        revoke(store, follower._KEPT + 5)
        learned(following)
        put_back()
        later = revoke(store, follower._KEPT + 10)
        assert set(learned(following)) >= {*before, *later}
        assert "another past" in caplog.text
        assert learned(following) == []


def test_a_store_that_was_put_back_and_no_more_is_noticed_too(store, following, tmp_path, caplog):
    for save in each_way(store, tmp_path):
        revoke(store, 2)
        put_back = save()
        revoke(store, 3)
        learned(following)
        caplog.clear()
        put_back()
        learned(following)
        assert "another past" in caplog.text
        assert learned(following) == []


def test_a_view_goes_on_refusing_what_the_store_forgot_and_learns_the_rest(store, tmp_path, clock):
    for save in each_way(store, tmp_path):
        view = RevocationView(store, max_staleness=2.0, monotonic=clock)
        put_back = save()
        lost = revoke(store, 2)
        clock.tick(1)
        assert view.refuses(Presented(jti=lost[0]), now=NOW)
        put_back()
        found = revoke(store, 3)
        clock.tick(1)
        for jti in (*lost, *found):
            assert view.refuses(Presented(jti=jti), now=NOW)
        view.close()


# ── the same past ────────────────────────────────────────────────────────────────────────


def reads(store: SqlStore) -> list[int]:
    """From which number the list is asked for, in each statement from now on."""
    begins: list[int] = []

    @sqlalchemy.event.listens_for(store.engine, "before_execute")
    def note(connection: Connection, statement: Any, many: Any, one: Any, options: Any) -> None:
        if "begin" in one:
            begins.append(one["begin"])

    return begins


def test_an_entry_that_is_written_anew_again_and_again_has_nothing_read_again(
    store, following, caplog
):
    """The last entry that was read is gone at each sync: one user logs out everywhere, often."""
    user = new("user")
    jtis = revoke(store, 100)
    assert learned(following) == jtis
    begins = reads(store)
    for number in range(3 * follower._KEPT):
        store.end_sessions(user, now=NOW + number, expires_at=NOW + DAY)
        assert learned(following) == [user]
    assert min(begins) >= 100
    assert caplog.text == ""


def test_an_entry_that_was_pruned_is_no_other_past(store, following, caplog):
    for _ in range(3):
        lasting = revoke(store, 2)
        assert learned(following) == lasting
        short = revoke(store, 2, life=MINUTE)
        assert learned(following) == short
        store.prune(now=NOW + MINUTE)
        assert learned(following) == []
        lasting = revoke(store)
        assert learned(following) == lasting
    assert caplog.text == ""


def test_a_list_that_was_pruned_to_nothing_is_no_other_past(store, following, caplog):
    for _ in range(3):
        short = revoke(store, 2, life=MINUTE)
        assert learned(following) == short
        store.prune(now=NOW + MINUTE)
        assert learned(following) == []
    assert caplog.text == ""


def test_a_process_of_version_3_has_nothing_read_again(store, following, caplog):
    """It takes a number and writes an entry, and knows of no marks."""
    revocations, row = metadata.tables["signet_revocations"], metadata.tables["signet_store"]
    kind = b"jti" if store.engine.dialect.name == "mysql" else "jti"
    before = revoke(store, 50)
    assert learned(following) == before
    begins = reads(store)
    for count in range(1, 40):
        with store.engine.connect() as connection:
            connection.exec_driver_sql(store._database.kind.begin)
            connection.execute(row.update().values(last_number=row.c.last_number + 1))
            number = connection.execute(sqlalchemy.select(row.c.last_number)).scalar_one()
            if count % 3:  # a new entry, or one that there was; its mark stays
                values = {"number": number, "expires_at": 2**60, "not_before": 0}
                values |= {"kind": kind, "value": f"v3-{count}".encode(), "except_sid": b""}
                if not isinstance(kind, bytes):
                    values |= {"value": f"v3-{count}", "except_sid": ""}
                connection.execute(revocations.insert(), values)
            else:
                last = sqlalchemy.select(sqlalchemy.func.max(revocations.c.number))
                newest = connection.execute(last).scalar_one()
                changed = revocations.update().where(revocations.c.number == newest)
                connection.execute(changed.values(number=number))
            connection.exec_driver_sql("COMMIT")
        assert len(learned(following)) == 1
        if count % 5 == 0:
            assert len(revoke(store)) == len(learned(following))
    assert min(begins) >= 50
    assert caplog.text == ""


def test_an_empty_list_is_read_from_the_beginning_without_a_word(store, following, caplog):
    assert learned(following) == []
    put_back = saved(store)
    revoke(store)
    put_back()
    [jti] = revoke(store)
    assert learned(following) == [jti]
    assert caplog.text == ""


def test_another_store_in_the_same_place_has_another_epoch(store, following):
    revoke(store, 3)
    epoch = following.sync().epoch
    with store.engine.connect() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    store.upgrade(now=NOW)
    later = revoke(store, 3)
    synced = following.sync()
    assert synced.epoch != epoch
    assert synced.born_at == NOW
    assert [entry.value for entry in synced.entries] == later


# ── another SQLite file under the same name ──────────────────────────────────────────────


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exchanged.sqlite3"


@pytest.fixture(params=["url", "engine"])
def on_file(request, path: Path) -> Iterator[SqlStore]:
    """On a URL, and on an engine of the application's."""
    url = f"sqlite:///{path}"
    engine = sqlalchemy.create_engine(url)
    store = SqlStore(url if request.param == "url" else engine)
    store.upgrade(first=True)
    yield store
    store.close()
    engine.dispose()


def copied(path: Path) -> Path:
    copy = path.with_name("copy.sqlite3")
    back_up(path, copy)
    return copy


def exchange(path: Path, other: Path) -> None:
    """What is left of the old file's log would be taken for the new file's."""
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink()
    other.replace(path)


def login(store: SqlStore) -> Session:
    session = Session.begin(new("user"), new(), now=NOW, expires_at=NOW + DAY)
    return store.open_session(session, refuse_until=UNTIL).session


def test_a_file_that_was_exchanged_is_read_again_within_one_sync(on_file, path, caplog):
    following = on_file.follow()
    before = revoke(on_file, 2)
    copy = copied(path)
    assert learned(following) == before
    revoke(on_file, 5)
    learned(following)
    exchange(path, copy)
    with contextlib.closing(SqlStore(f"sqlite:///{path}")) as elsewhere:
        later = revoke(elsewhere, 5)
    assert learned(following) == [*before, *later]
    assert "was exchanged" in caplog.text
    [one] = revoke(on_file)
    assert learned(following) == [one]
    with contextlib.closing(sqlite3.connect(path)) as connection:  # not in the old file
        found = connection.execute("SELECT 1 FROM signet_revocations WHERE value = ?", (one,))
        assert found.fetchall() == [(1,)]
    following.close()


def test_a_poll_notices_it_too(on_file, path):
    following = on_file.follow()
    before = revoke(on_file, 2)
    learned(following)
    exchange(path, copied(path))
    assert [entry.value for entry in following.poll()] == before
    assert not following.poll()
    following.close()


def test_a_store_on_a_url_leaves_the_old_file_at_its_next_operation(path):
    """No guard need look: a log-out would be written where nobody reads it."""
    store = SqlStore(f"sqlite:///{path}")
    store.upgrade(first=True)
    copy = copied(path)
    lost = login(store)
    exchange(path, copy)
    assert store.find_session(lost.sid, now=NOW) is None
    kept = login(store)
    store.close()  # the old file's connections leave the new file's log alone
    with contextlib.closing(SqlStore(f"sqlite:///{path}")) as elsewhere:
        assert elsewhere.find_session(kept.sid, now=NOW) == kept
        assert elsewhere.find_session(lost.sid, now=NOW) is None


def test_a_file_that_has_gone_is_an_error_and_not_made_anew(path):
    store = SqlStore(f"sqlite:///{path}")
    store.upgrade(first=True)
    following = store.follow()
    learned(following)
    path.unlink()
    for ask in (lambda: login(store), following.sync):
        with pytest.raises(StoreUnavailableError, match="flask jwt store upgrade"):
            ask()
    assert not path.exists()
    following.close()
    store.close()


def test_the_file_of_a_uri_is_not_looked_at(path):
    """SQLite alone knows which file it names."""
    SqlStore(f"sqlite:///{path}").upgrade(first=True)
    store = SqlStore(f"sqlite:///file:{path}?uri=true")
    following = store.follow()
    jtis = revoke(store, 2)
    assert learned(following) == jtis
    following.close()
    store.close()
