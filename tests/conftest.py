"""What every test may use: a clock that ticks by hand, the servers, and no silent skipping."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
import sqlalchemy
from sqlalchemy.exc import OperationalError

from flask_signet.callers import forget_warnings
from flask_signet.options.table import OPTIONS
from flask_signet.stores.redis import RedisStore
from tests import distribution, old_werkzeug
from tests.applications import set_clock
from tests.stores.databases import own_database, own_prefix, set_up

# Tests that users run as well lie in the package; as here, a failure should show its values.
pytest.register_assert_rewrite("flask_signet.stores.contract")

if old_werkzeug.WANTED:
    old_werkzeug.mend()

NO_SKIP = os.environ.get("FLASK_SIGNET_NO_SKIP") == "1"

if "SIGNET_TOKEN_CACHE" in os.environ:  # no verdict depends on it: see `make test-cache`
    entries = int(os.environ["SIGNET_TOKEN_CACHE"])
    OPTIONS["token_cache"] = replace(OPTIONS["token_cache"], default=entries)


class Clock:
    """A clock that stands still until it is told to tick: ``clock()`` is the time in seconds."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def tick(self, seconds: float) -> float:
        self.now += seconds
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.0)


@pytest.fixture(autouse=True)
def warned_afresh() -> None:
    """Each test gets the warnings that a process gets once."""
    forget_warnings()


@pytest.fixture
def ticking(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of every manager."""
    set_clock(monkeypatch, clock)
    return clock


# ── servers: at their standard ports, or where the environment says ──────────────────────
# Others may use the same server: a test keeps to names of its own and flushes nothing.


@pytest.fixture(scope="session")
def redis_url() -> str:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/9")
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            client.ping()
    except redis.RedisError as error:
        pytest.skip(f"no Redis at {url} (set REDIS_URL): {error}")
    return url


@pytest.fixture(scope="session")
def postgresql_url() -> str:
    default = "postgresql+psycopg://postgres@127.0.0.1:5432/test"
    return _database("POSTGRESQL_URL", default, connect_timeout=2)


@pytest.fixture(scope="session")
def mysql_url() -> str:
    default = "mysql+pymysql://root@127.0.0.1:3306/test"
    return _database("MYSQL_URL", default, connect_timeout=2)


def _database(variable: str, default: str, **connect_args: object) -> str:
    url = os.environ.get(variable, default)
    engine = sqlalchemy.create_engine(url, connect_args=connect_args)
    try:
        engine.connect().close()
    except OperationalError as error:
        pytest.skip(f"no database at {url} (set {variable}): {error.orig}")
    finally:
        engine.dispose()
    return url


# ── stores on them, each set up once and with names of its own ───────────────────────────


@pytest.fixture(scope="session")
def sqlite_store_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return set_up(f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/sessions.sqlite3")


@pytest.fixture(scope="session")
def postgresql_store_url(postgresql_url: str) -> Iterator[str]:
    with own_database(postgresql_url) as url:
        yield set_up(url)


@pytest.fixture(scope="session")
def mysql_store_url(mysql_url: str) -> Iterator[str]:
    with own_database(mysql_url) as url:
        yield set_up(url)


@pytest.fixture(scope="session")
def redis_store(redis_url: str) -> Iterator[RedisStore]:
    with own_prefix(redis_url) as store:
        yield store


# ── workers (pytest-xdist) ───────────────────────────────────────────────────────────────


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return distribution.scheduler(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    said = (
        "run the files, and the tests of each, in an order of chance; the same seed, the same order"
    )
    parser.addoption("--shuffle", metavar="SEED", help=said)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    if seed := config.getoption("shuffle"):
        distribution.shuffle(items, seed)
    yield  # pytest brings together again what shares a fixture with a parameter
    if hasattr(config, "workerinput"):
        distribution.long_ones_first(items)


# ── a skipped test proves nothing: say so loudly, and under FLASK_SIGNET_NO_SKIP=1 fail ──


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Not every system has Valkey, so no test of it is skipped where it is missing: it is not."""
    found = shutil.which("valkey-server")
    valkey = f"valkey: {found or 'NOT TESTED, there is no valkey-server on the path'}"
    seed = config.getoption("shuffle")
    return [valkey, f"order: --shuffle={seed}"] if seed else [valkey]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    return _refuse_skip((yield))


def _refuse_skip(report):
    # An expected failure is reported as skipped too, but it did run.
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"FLASK_SIGNET_NO_SKIP=1 forbids skipping. {_reason(report)}"
    return report


def _reason(report) -> str:
    _path, _line, reason = report.longrepr
    return reason


def pytest_terminal_summary(terminalreporter) -> None:
    skipped: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        skipped.setdefault(_reason(report), []).append(report.nodeid)
    if not skipped:
        return
    terminalreporter.section("NOT TESTED", sep="!", yellow=True, bold=True)
    for reason, tests in sorted(skipped.items()):
        terminalreporter.line(f"{len(tests)} x {reason}")
        for test in tests[:3]:
            terminalreporter.line(f"    {test}")
        if len(tests) > 3:
            terminalreporter.line(f"    … and {len(tests) - 3} more")
