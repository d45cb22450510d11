"""More of the scenarios of faults (fault-*), of databases: locks, replicas, rights, full disks.

What they share with Redis is in test_faults.py. Here, too, all is real: a lock is held by somebody
else, a replica is promoted, a file system is full.
"""

import contextlib
import multiprocessing
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import event

from flask_signet.sessions.store import Finding
from flask_signet.stores import open_store
from flask_signet.stores.sql import SqlStore
from flask_signet.stores.sql.schema import newest_version
from tests.scenarios.clients import at_once, refreshing
from tests.scenarios.faults import (
    SLACK,
    TIMEOUT,
    WRITES,
    application,
    goes_on,
    must_ask,
    refuse,
    requests,
)
from tests.scenarios.service import Scenario, bearer
from tests.stores.sql_servers import MariaDBServer, PostgreSQLServer, Server, running, until

TABLES = ("signet_store", "signet_sessions", "signet_revocations")


@pytest.fixture(params=["postgresql", "mysql"])
def server(request) -> Server:
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def scenario(server) -> Iterator[Scenario]:
    with application(server.url) as scenario:
        yield scenario


@contextlib.contextmanager
def operating(server: Server) -> Iterator[Callable[[str], list[Any]]]:
    """A connection beside the application's, that runs statements."""
    engine = sqlalchemy.create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:

        def run(statement: str) -> list[Any]:
            result = connection.exec_driver_sql(statement)
            return list(result.all()) if result.returns_rows else []

        yield run
    engine.dispose()


def store_of(scenario: Scenario) -> SqlStore:
    return scenario.app.extensions["flask-signet"][""].store()


def ending(scenario: Scenario, token: str) -> Callable[[], Any]:
    client = scenario.app.test_client()
    return lambda: client.delete("/auth/tokens", headers=bearer(token))


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings if finding.level == "error"]


def writes_are_refused(scenario: Scenario, pair: dict[str, str]) -> None:
    asked = requests(scenario, pair)
    for name in WRITES:
        begun = time.monotonic()
        answer = asked[name]()
        assert answer.status_code == 503, name
        assert int(answer.headers["Retry-After"]) > 0
        assert time.monotonic() - begun < TIMEOUT + SLACK, name


# ── locks ────────────────────────────────────────────────────────────────────────────────

LOCK = {
    "postgresql": (
        "BEGIN",
        f"LOCK TABLE {', '.join(TABLES)} IN ACCESS EXCLUSIVE MODE",
        "COMMIT",
    ),
    "mysql": (
        "DO 0",
        f"LOCK TABLES {', '.join(f'{name} WRITE' for name in TABLES)}",
        "UNLOCK TABLES",
    ),
}

AT_WORK = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
    "mysql": "SELECT id FROM information_schema.processlist "
    "WHERE db = DATABASE() AND id <> CONNECTION_ID() AND command = 'Query'",
}


def test_fault_hang_behind_a_lock_is_a_503_and_nothing_is_done_later(server, scenario):
    dialect = store_of(scenario).engine.dialect.name
    begin, lock, release = LOCK[dialect]
    pair = scenario.login()
    assert scenario.get(pair) == 200
    with operating(server) as holder, operating(server) as operator:
        holder(begin)
        holder(lock)
        refuse(scenario, pair)
        # The server gives up as well: when the lock is gone, nobody waits for it any more.
        until(lambda: not operator(AT_WORK[dialect]), "the end of what was refused")
        holder(release)
    goes_on(scenario, pair)


def test_fault_pg_pool_taken_by_requests_that_wait_is_a_503_for_the_others(postgresql_server):
    with application(postgresql_server.url) as scenario:
        pairs = [scenario.login(f"{scenario.user}-{number}") for number in range(20)]
        assert scenario.get(pairs[0]) == 200
        with operating(postgresql_server) as holder, operating(postgresql_server) as operator:
            holder("BEGIN")
            holder("LOCK TABLE signet_sessions IN ACCESS EXCLUSIVE MODE")
            begun = time.monotonic()
            waiting = [refreshing(scenario, pair["refresh_token"]) for pair in pairs]
            answers = at_once(waiting)
            assert {answer.status_code for answer in answers} == {503}
            assert time.monotonic() - begun < TIMEOUT + SLACK
            # A guard has a line of its own, and does not ask for sessions.
            must_ask(scenario)
            assert scenario.get(pairs[0]) == 200
            until(lambda: not operator(AT_WORK["postgresql"]), "the end of what was refused")
            holder("COMMIT")
        for pair in pairs:
            scenario.next(pair)


def test_fault_kill_of_a_connection_in_the_middle_of_a_rotation_is_one_rotation(mysql_server):
    """What fault-pg-terminate is to PostgreSQL, to MariaDB."""
    with (
        application(mysql_server.url) as scenario,
        operating(mysql_server) as holder,
        operating(mysql_server) as operator,
    ):
        first = scenario.login()
        sid = scenario.sessions(first)[0]["sid"]
        holder("BEGIN")
        holder(f"SELECT 1 FROM signet_sessions WHERE sid = '{sid}' FOR UPDATE")
        answers: list[Any] = []
        rotating = threading.Thread(target=lambda: answers.append(scenario.refresh(first)))
        rotating.start()
        until(lambda: operator(f"{AT_WORK['mysql']} AND info LIKE 'UPDATE%%'"), "a rotation")
        [(number,)] = operator(f"{AT_WORK['mysql']} AND info LIKE 'UPDATE%%'")
        operator(f"KILL {number}")
        holder("ROLLBACK")
        rotating.join()
        assert answers[0].status_code in {201, 503}
        second = scenario.next(first)
        if answers[0].status_code == 201:
            assert second["refresh_token"] == answers[0].json["refresh_token"]
        assert len(scenario.sessions(second)) == 1


# ── lost races: fault-pg-serialization ───────────────────────────────────────────────────


@contextlib.contextmanager
def counting(engine: sqlalchemy.Engine) -> Iterator[list[str]]:
    """The errors of the server, by their SQLSTATE."""
    met: list[str] = []

    def note(context: sqlalchemy.ExceptionContext) -> None:
        met.append(getattr(context.original_exception, "sqlstate", "") or "")

    event.listen(engine, "handle_error", note)
    yield met
    event.remove(engine, "handle_error", note)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_fault_pg_serialization_is_tried_again_until_it_succeeds(postgresql_server, level):
    """On an engine of the application's, with a level of the application's."""
    escaped = level.replace(" ", r"\ ")
    engine = sqlalchemy.create_engine(
        postgresql_server.url,
        connect_args={"options": f"-c default_transaction_isolation={escaped}"},
    )
    store = SqlStore(engine, timeout=20)  # 50 clients on two cores wait for each other
    store.upgrade(first=True)
    scenario = Scenario(store, refresh_reuse_grace=600)
    first = scenario.login()
    sid = scenario.sessions(first)[0]["sid"]
    answers: list[Any] = []
    refreshes = [refreshing(scenario, first["refresh_token"]) for _ in range(50)]
    crowd = threading.Thread(target=lambda: answers.extend(at_once(refreshes)))
    with (
        counting(engine) as met,
        operating(postgresql_server) as holder,
        operating(postgresql_server) as operator,
    ):
        # Whoever waits for a row that another then changes has lost, at these levels.
        holder("BEGIN")
        holder(f"UPDATE signet_sessions SET label = 'changed' WHERE sid = '{sid}'")
        crowd.start()
        until(lambda: len(operator(AT_WORK["postgresql"])) > 5, "rotations that wait")
        holder("COMMIT")
        crowd.join()
    assert met.count("40001") > 5
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    pairs = [scenario.login(f"{scenario.user}-{number}") for number in range(50)]
    with counting(engine) as met:
        # Each takes a number from the store's one row, in a transaction that waits its turn.
        ended = at_once([ending(scenario, pair["access_token"]) for pair in pairs])
    assert {answer.status_code for answer in ended} == {204}
    assert met == []
    scenario.close()
    engine.dispose()


def test_fault_pg_deadlock_is_tried_again(postgresql_server):
    # Whoever notices a deadlock is its victim: the rotation, after two seconds.
    url = f"{postgresql_server.url}?options=-c%20deadlock_timeout%3D2s"
    store = open_store(url, timeout=20)
    store.upgrade(first=True)
    scenario = Scenario(store)
    pair = scenario.login()
    sid = scenario.sessions(pair)[0]["sid"]
    with (
        counting(store.engine) as met,
        operating(postgresql_server) as other,
        operating(postgresql_server) as operator,
    ):
        other("BEGIN")
        other("SET LOCAL deadlock_timeout = '60s'")
        other("UPDATE signet_store SET last_number = last_number + 1")
        answers: list[Any] = []
        logout = threading.Thread(
            target=lambda: answers.append(ending(scenario, pair["access_token"])())
        )
        logout.start()  # it has the session's row, and wants the store's
        until(lambda: operator(AT_WORK["postgresql"]), "a log-out that waits")
        other(f"SELECT 1 FROM signet_sessions WHERE sid = '{sid}' FOR UPDATE")
        other("COMMIT")
        logout.join()
    assert "40P01" in met
    assert answers[0].status_code == 204
    assert scenario.refresh(pair).status_code == scenario.get(pair) == 401
    scenario.close()
    store.close()


# ── replicas, and servers that take no writes ────────────────────────────────────────────


@pytest.mark.parametrize("end", ["kill", "pause"])
def test_fault_pg_failover_does_a_rotation_that_was_lost_once_more(end):
    with (
        running(PostgreSQLServer) as primary,
        running(lambda: PostgreSQLServer(of=primary)) as replica,
    ):
        hosts = "&".join(f"host=127.0.0.1:{each.port}" for each in (primary, replica))
        url = f"postgresql+psycopg://postgres@/postgres?{hosts}&target_session_attrs=read-write"
        with application(url) as scenario:
            ended, first = scenario.login(), scenario.login()
            assert ending(scenario, ended["access_token"])().status_code == 204
            with primary.connect() as connection:
                [(written,)] = connection.execute("SELECT pg_current_wal_lsn()").fetchall()
            with replica.connect() as connection:
                replayed = f"SELECT pg_last_wal_replay_lsn() >= '{written}'"
                until(lambda: connection.execute(replayed).fetchone() == (True,), "replication")
                connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
                connection.execute("SELECT pg_reload_conf()")
                following = "SELECT pid FROM pg_stat_wal_receiver"
                until(lambda: not connection.execute(following).fetchall(), "the cut")
            lost = scenario.next(first)  # the primary alone knows
            getattr(primary, end)()
            refuse(scenario, first)
            with replica.connect() as connection:
                connection.execute("SELECT pg_promote()")
            must_ask(scenario)
            until(lambda: scenario.get(first) != 503, "the end of the 503s")
            assert scenario.get(ended) == 401
            found = scenario.next(first)  # good once more: its rotation has not happened
            assert found["refresh_token"] != lost["refresh_token"]
            assert scenario.next(first)["refresh_token"] == found["refresh_token"]
            assert scenario.get(found) == 200
            # Of the two successors one is good, and whoever has the other is no one's guess: the
            # session ends, as in any reuse.
            with scenario.listening() as events:
                assert scenario.refresh(lost).status_code == 401
            assert "reused" in events
            assert scenario.refresh(found).status_code == 401
        primary.resume()


def test_fault_pg_replica_is_a_503_for_writes_and_found_by_the_check():
    with (
        running(PostgreSQLServer) as primary,
        application(primary.url) as scenario,
        running(lambda: PostgreSQLServer(of=primary)) as replica,
    ):
        pair = scenario.login()
        with application(replica.url) as reading:
            assert codes(store_of(reading).check()) == ["read_only"]
            # It announces nothing to a guard, who keeps no line that was made in vain.
            assert reading.get(pair) == 503
            writes_are_refused(reading, pair)
            with operating(replica) as operator:
                listening = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'"
                until(lambda: not operator(listening), "the end of the line")
        goes_on(scenario, pair)


def test_fault_pg_readonly_is_left_as_soon_as_another_server_takes_writes(postgresql_server):
    with application(postgresql_server.url) as scenario, operating(postgresql_server) as operator:
        pair = scenario.login()
        operator("ALTER DATABASE postgres SET default_transaction_read_only = on")
        scenario.close()
        store_of(scenario).close()  # connections made from now on are as to a replica
        assert scenario.get(pair) == 200
        writes_are_refused(scenario, pair)
        assert codes(store_of(scenario).check()) == ["read_only"]
        operator("SET default_transaction_read_only = off")
        operator("ALTER DATABASE postgres RESET default_transaction_read_only")
        scenario.next(pair)  # at once, although the connections there are say what they said


def test_fault_mysql_readonly_is_a_503_for_writes_and_found_by_the_check(mysql_server):
    with operating(mysql_server) as operator:
        # Whoever has every right may write all the same.
        operator("CREATE USER IF NOT EXISTS application@'127.0.0.1'")
        operator("GRANT ALL ON signet.* TO application@'127.0.0.1'")
        with application(mysql_server.url.replace("root", "application")) as scenario:
            pair = scenario.login()
            operator("SET GLOBAL read_only = 1")
            assert scenario.get(pair) == 200
            writes_are_refused(scenario, pair)
            assert codes(store_of(scenario).check()) == ["read_only"]
            operator("SET GLOBAL read_only = 0")
            goes_on(scenario, pair)


# ── databases that are not as they should be ─────────────────────────────────────────────


def test_fault_without_the_tables_is_a_503_that_names_the_command(server, scenario):
    pair = scenario.login()
    with operating(server) as operator:
        for table in TABLES:
            operator(f"ALTER TABLE {table} RENAME TO away_{table}")
        refuse(scenario, pair)
        assert "flask jwt store upgrade" in scenario.refresh(pair).json["msg"]
        assert codes(store_of(scenario).check()) == ["not_set_up"]
        for table in TABLES:
            operator(f"ALTER TABLE away_{table} RENAME TO {table}")
    goes_on(scenario, pair)


def test_fault_a_column_that_is_missing_is_a_503_that_names_the_command(server, scenario):
    """An application that was upgraded before its database was."""
    pair = scenario.login()
    with operating(server) as operator:
        operator("ALTER TABLE signet_sessions RENAME COLUMN memo TO older")
        answer = scenario.refresh(pair)
        assert answer.status_code == 503
        assert "flask jwt store upgrade" in answer.json["msg"]
        operator("ALTER TABLE signet_sessions RENAME COLUMN older TO memo")
    goes_on(scenario, pair)


@pytest.mark.parametrize(("version", "code"), [(0, "older_schema"), (99, "newer_schema")])
def test_fault_a_schema_of_another_version_is_found_by_the_check(server, scenario, version, code):
    with operating(server) as operator:
        operator(f"UPDATE signet_store SET version = {version}")
        assert codes(store_of(scenario).check()) == [code]
        operator(f"UPDATE signet_store SET version = {newest_version()}")
    assert codes(store_of(scenario).check()) == []


@pytest.mark.parametrize("granted", ["", "SELECT"])
def test_fault_a_right_that_is_missing_is_a_503_and_found_by_the_check(server, scenario, granted):
    pair = scenario.login()
    is_mariadb = isinstance(server, MariaDBServer)
    stranger = "stranger@'127.0.0.1'" if is_mariadb else "stranger"
    make = f"CREATE USER {stranger}" if is_mariadb else "CREATE ROLE stranger LOGIN"
    drop = f"DROP USER {stranger}" if is_mariadb else "DROP OWNED BY stranger; DROP ROLE stranger"
    with operating(server) as operator:
        operator(make)
        for table in TABLES if granted else ():
            operator(f"GRANT {granted} ON {table} TO {stranger}")
        url = sqlalchemy.make_url(server.url).set(username="stranger")
        with application(url.render_as_string()) as other:
            if granted:
                assert other.get(pair) == 200
                writes_are_refused(other, pair)
            else:
                refuse(other, pair)
            [finding] = store_of(other).check()
            assert (finding.level, finding.code) == ("error", "no_rights")
            assert "signet_*" in finding.mend
        for statement in drop.split("; "):
            operator(statement)
    goes_on(scenario, pair)


def test_fault_a_server_that_takes_no_more_connections_is_a_503(postgresql_server):
    with application(postgresql_server.url) as scenario, operating(postgresql_server) as operator:
        pair = scenario.login()
        operator("CREATE ROLE crowd LOGIN CONNECTION LIMIT 0")
        with application(postgresql_server.url.replace("//postgres", "//crowd")) as crowded:
            refuse(crowded, pair)
        operator("DROP ROLE crowd")
        goes_on(scenario, pair)


# ── SQLite ───────────────────────────────────────────────────────────────────────────────


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode = EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def test_fault_sqlite_hang_of_another_process_is_a_503_within_the_timeout(on_sqlite, path):
    """Whoever has the file for himself is stopped: nobody else may even read."""
    pair = on_sqlite.login()
    assert on_sqlite.get(pair) == 200
    on_sqlite.close()
    store_of(on_sqlite).close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        other.send_signal(signal.SIGSTOP)
        refuse(on_sqlite, pair)
        other.kill()
    goes_on(on_sqlite, pair)


def test_fault_sqlite_restart_forgets_nothing(on_sqlite, path):
    first, ended = on_sqlite.login(), on_sqlite.login()
    third = on_sqlite.next(on_sqlite.next(first))
    assert ending(on_sqlite, ended["access_token"])().status_code == 204
    with application(f"sqlite:///{path}") as anew:
        assert anew.get(ended) == 401
        assert anew.refresh(ended).status_code == 401
        assert anew.get(third) == 200
        anew.app.config["JWT_REFRESH_REUSE_GRACE"] = 1e-6  # as if the grace were over
        assert anew.refresh(first).status_code == 401  # used before the restart: reuse
        assert anew.refresh(third).status_code == anew.get(third) == 401


def test_fault_sqlite_corrupt_while_at_work_is_a_503(on_sqlite, path):
    pair = on_sqlite.login()
    for number in range(50):
        on_sqlite.login(f"{on_sqlite.user}-{number}")
    on_sqlite.close()
    store_of(on_sqlite).close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refuse(on_sqlite, pair)
    assert codes(store_of(on_sqlite).check()) == ["corrupt"]
    assert path.stat().st_size == len(content) // 2


def _can_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "none", folder], capture_output=True, check=False
        )
        if mounted.returncode == 0:
            subprocess.run(["umount", folder], check=True)
    return mounted.returncode == 0


@pytest.fixture
def full_disk(tmp_path) -> Iterator[tuple[str, Callable[[Scenario, bool], None]]]:
    """A file system of one megabyte, to be filled and emptied."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)], check=True)

    def fill(scenario: Scenario, full: bool) -> None:
        filler = tmp_path / "filler"
        if not full:
            filler.unlink()
            return
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    yield f"sqlite:///{tmp_path}/sessions.sqlite3", fill
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.fixture
def full_file(tmp_path) -> tuple[str, Callable[[Scenario, bool], None]]:
    """A file that may not grow, as with a quota; what every machine has."""
    limits: list[int] = []

    def fill(scenario: Scenario, full: bool) -> None:
        engine = store_of(scenario).engine

        def limit(connection: Any, record: Any) -> None:
            connection.execute(f"PRAGMA max_page_count = {limits[-1]}")

        with engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        limits.append(pages if full else 1_000_000)
        event.listen(engine, "connect", limit)
        store_of(scenario).close()

    return f"sqlite:///{tmp_path}/sessions.sqlite3", fill


# Who may not mount has the file that may not grow, and the test in test_faults.py.
@pytest.mark.parametrize("kind", ["full_file", *(["full_disk"] if _can_mount() else [])])
def test_fault_sqlite_full_is_a_503_and_the_state_is_as_before(request, kind):
    url, fill = request.getfixturevalue(kind)
    with application(url) as scenario:
        pair = scenario.login()
        assert scenario.get(pair) == 200
        fill(scenario, True)
        crowd = [scenario.login_answer(f"crowd-{number}").status_code for number in range(100)]
        assert crowd == sorted(crowd)
        assert set(crowd[50:]) == {503}
        if kind == "full_disk":  # a page that is there may be written anew, a log goes on and on
            writes_are_refused(scenario, pair)
        assert scenario.get(pair) == 200
        fill(scenario, False)
        goes_on(scenario, pair)


def _as_nobody(path: Path, pair: dict[str, str], pipe: Any) -> None:
    """In a process that may read the file, and no more."""
    if os.geteuid() == 0:
        # Nobody may have no right to read Python either: all that it takes is loaded first.
        with tempfile.TemporaryDirectory() as folder:
            rehearsal = f"sqlite:///{folder}/sessions.sqlite3"
            with application(rehearsal) as scenario, application(f"{rehearsal}.missing"):
                for ask in requests(scenario, scenario.login()).values():
                    ask()
        os.setgroups([])
        os.setgid(pwd.getpwnam("nobody").pw_gid)
        os.setuid(pwd.getpwnam("nobody").pw_uid)
    with application(f"sqlite:///{path}") as scenario:
        asked = requests(scenario, pair)
        answers = {name: ask().status_code for name, ask in asked.items()}
        pipe.send((answers, codes(store_of(scenario).check())))


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "code"),
    [(0o444, 0o555, "read_only"), (0o000, 0o555, "no_rights"), (0o444, 0o000, "no_rights")],
)
def test_fault_sqlite_readonly_by_its_rights_is_a_503(file_mode, folder_mode, code):
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        folder = Path(parent) / "sessions"
        folder.mkdir()
        path = folder / "sessions.sqlite3"
        with application(f"sqlite:///{path}") as scenario:
            pair = scenario.login()
        path.chmod(file_mode)
        folder.chmod(folder_mode)
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_as_nobody, args=(path, pair, theirs))
        process.start()
        theirs.close()
        answers, found = ours.recv()
        process.join()
        folder.chmod(0o755)
        path.chmod(0o644)
        assert set(answers.values()) == {503}
        assert found == [code]
        with application(f"sqlite:///{path}") as scenario:
            goes_on(scenario, pair)
