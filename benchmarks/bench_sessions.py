"""P8: what a session costs its store.

Round trips of each operation, counted by a proxy; microseconds of each, from one client; and
refreshes a second from 1, 2 and 4 processes, until the store, or this machine, is the limit.

``SIGNET_SECONDS`` is how long each process refreshes.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from benchmarks.side_by_side import show, versions
from flask_signet.sessions.session import Presented, Session, Successor
from flask_signet.stores import open_store
from flask_signet.stores.redis import RedisStore
from tests.stores.databases import own_database
from tests.stores.proxy import Proxy

SECONDS = float(os.environ.get("SIGNET_SECONDS", "1.5"))
CALLS = 300
PREFIX = f"bench-{secrets.token_hex(4)}"
SERVERS = {
    "PostgreSQL": (
        os.environ.get("POSTGRESQL_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test"),
        5432,
    ),
    "MariaDB": (os.environ.get("MYSQL_URL", "mysql+pymysql://root@127.0.0.1:3306/test"), 3306),
    "Redis": (os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/9"), 6379),
}


@contextlib.contextmanager
def urls() -> Iterator[dict[str, str]]:
    """Each store's URL, with a database of its own."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        found = {"SQLite": f"sqlite:///{folder}/sessions.db", "Redis": SERVERS["Redis"][0]}
        for name in ("PostgreSQL", "MariaDB"):
            found[name] = stack.enter_context(own_database(SERVERS[name][0]))
        yield {name: found[name] for name in ("SQLite", "PostgreSQL", "MariaDB", "Redis")}


def opened(url: str) -> Any:
    return RedisStore(url, prefix=PREFIX, timeout=20) if "redis" in url else open_store(url)


def login(store: Any, subject: str = "") -> Session:
    now = time.time()
    session = Session.begin(
        subject or secrets.token_hex(8), secrets.token_hex(8), now=now, expires_at=now + 3600
    )
    found: Session = store.open_session(session, refuse_until=now + 900).session
    return found


def refresh(store: Any, sid: str, jti: str) -> str:
    following, now = secrets.token_urlsafe(16), time.time()
    store.rotate(
        *(sid, jti, Successor(following, now + 3600)), now=now, grace=10, refuse_until=now + 900
    )
    return following


Operation = Callable[[Any, Session], object]

OPERATIONS: dict[str, Operation] = {
    "log in": lambda store, session: login(store),
    "refresh": lambda store, session: refresh(store, session.sid, session.jti),
    "log out": lambda store, session: store.end_session(
        session.sid, now=time.time(), refuse_until=time.time() + 900
    ),
    "everywhere": lambda store, session: store.end_sessions(
        session.subject, now=time.time(), expires_at=time.time() + 3600
    ),
    "list": lambda store, session: store.list_sessions(session.subject, now=time.time()),
    "ask for one token": lambda store, session: store.is_revoked(
        Presented(sid=session.sid, subject=session.subject, issued_at=time.time()), now=time.time()
    ),
}


def round_trips(name: str, url: str) -> dict[str, int]:
    """Of each operation, on a connection that is open."""
    if name not in SERVERS:
        return {}
    parts = urlsplit(url)
    proxy = Proxy(str(parts.hostname), parts.port or SERVERS[name][1])
    host = f"{parts.username}@" if parts.username else ""
    netloc = f"{host}127.0.0.1:{proxy.port}"
    store, counts = opened(urlunsplit(parts._replace(netloc=netloc))), {}
    for operation, call in OPERATIONS.items():
        first, second = login(store), login(store)
        call(store, first)  # connects, and loads a script
        before = proxy.turns
        call(store, second)
        counts[operation] = proxy.turns - before
    store.close()
    proxy.close()
    return counts


def durations(url: str) -> dict[str, float]:
    """Microseconds of each operation: the median."""
    store, found = opened(url), {}
    for operation, call in OPERATIONS.items():
        sessions = [login(store) for _ in range(CALLS)]
        times = []
        for session in sessions:
            begun = time.perf_counter()
            call(store, session)
            times.append(time.perf_counter() - begun)
        found[operation] = statistics.median(times) * 1e6
    store.close()
    return found


def refresher(url: str, prefix: str, barrier: Any, pipe: Any) -> None:
    """Refresh one session after the other, each again and again."""
    store: Any = RedisStore(url, prefix=prefix, timeout=20) if "redis" in url else open_store(url)
    current = [(session.sid, session.jti) for session in (login(store) for _ in range(20))]
    barrier.wait()
    count, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        sid, jti = current[count % 20]
        current[count % 20] = sid, refresh(store, sid, jti)
        count += 1
    pipe.send(count)
    store.close()


def refreshes_a_second(url: str, processes: int) -> float:
    """Of so many processes together."""
    context = multiprocessing.get_context("spawn")
    barrier, (ours, theirs) = context.Barrier(processes), multiprocessing.Pipe()
    started = [
        context.Process(target=refresher, args=(url, PREFIX, barrier, theirs))
        for _ in range(processes)
    ]
    for process in started:
        process.start()
    counts = [ours.recv() for _ in started]
    for process in started:
        process.join()
    return float(sum(counts)) / SECONDS


def main() -> None:
    """Print the tables."""
    show(versions("SQLAlchemy", "psycopg", "PyMySQL", "redis", "hiredis"))
    with urls() as stores:
        for url in stores.values():
            store = opened(url)
            store.upgrade(first=True)
            store.close()
        trips = {name: round_trips(name, url) for name, url in stores.items()}
        times = {name: durations(url) for name, url in stores.items()}
        show(f"\n{'us (round trips)':<20}" + "".join(f"{name:>16}" for name in stores))
        for operation in OPERATIONS:
            cells = [
                f"{times[name][operation]:>10.0f} {f'({trips[name].get(operation, 0)})':>5}"
                for name in stores
            ]
            show(f"{operation:<20}" + "".join(cells))
        show(f"\n{'refreshes a second':<20}" + "".join(f"{name:>16}" for name in stores))
        for processes in (1, 2, 4):
            rates = [refreshes_a_second(url, processes) for url in stores.values()]
            row = f"{processes} process{'es' if processes > 1 else ''}"
            show(f"{row:<20}" + "".join(f"{rate:>16.0f}" for rate in rates))


if __name__ == "__main__":
    main()
