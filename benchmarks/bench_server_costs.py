"""What an operation costs the store's own processor, and a session its memory.

On servers of the benchmark's own, by the operating system's account of their processes. These are
the costs that simulate_scale.py reckons with.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.side_by_side import show, versions
from flask_signet.sessions.session import Presented, Session, Successor
from flask_signet.stores import open_store
from tests.stores.redis_servers import Server as RedisServer
from tests.stores.sql_servers import PostgreSQLServer, running

SESSIONS = 10_000
FOLLOWERS = 40


def cpu(processes: list[int]) -> float:
    """Seconds of processor that they have used."""
    ticks = 0
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def costs(store: Any, processes: Callable[[], list[int]]) -> dict[str, float]:
    """Microseconds of the server's processor, of each operation."""
    now, sessions, current = time.time(), [], []
    until = {"now": now, "refuse_until": now + 900}

    def log_in(_: int) -> None:
        session = Session.begin(
            *(secrets.token_hex(6), secrets.token_urlsafe(16)),
            now=now,
            expires_at=now + 86_400,
            memo=secrets.token_urlsafe(16),
        )
        store.open_session(session, refuse_until=now + 900)
        sessions.append(session)
        current.append(session.jti)

    def refresh(number: int) -> None:
        following = secrets.token_urlsafe(16)
        successor = Successor(following, now + 86_400, sessions[number].memo)
        store.rotate(sessions[number].sid, current[number], successor, grace=10, **until)
        current[number] = following

    def ask(number: int) -> None:
        session = sessions[number]
        store.is_revoked(
            Presented(sid=session.sid, subject=session.subject, issued_at=now), now=now
        )

    def log_out(number: int) -> None:
        store.end_session(sessions[number].sid, **until)

    def each(operation: Callable[[int], object], count: int) -> float:
        begun = cpu(processes())
        for number in range(count):
            operation(number)
        return (cpu(processes()) - begun) / count * 1e6

    found = {"log in": each(log_in, SESSIONS), "refresh": each(refresh, SESSIONS)}
    found["ask for one token"] = each(ask, SESSIONS)
    found["log out"] = each(log_out, SESSIONS // 4)
    followers = [store.follow() for _ in range(FOLLOWERS)]
    for follower in followers:
        follower.sync()
    found["what is new"] = each(lambda _: followers[0].sync(), SESSIONS // 4)
    heard = each(lambda number: log_out(SESSIONS // 2 + number), SESSIONS // 4)
    found["an announcement"] = max(0.0, heard - found["log out"]) / FOLLOWERS
    for follower in followers:
        follower.close()
    return found


def main() -> None:
    """Print the table."""
    show(versions("SQLAlchemy", "psycopg", "redis"))
    columns: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        store = open_store(server.url)
        store.upgrade(first=True)
        before = server.client.info("memory")["used_memory"]
        columns["Redis"] = costs(store, lambda: [server.process.pid])
        used = server.client.info("memory")["used_memory"] - before
        columns["Redis"]["bytes a session"] = used / SESSIONS
        store.close()
        server.stop()
    with running(PostgreSQLServer) as server:
        store = open_store(server.url)
        store.upgrade(first=True)
        columns["PostgreSQL"] = costs(store, server.family)
        with server.connect() as connection:
            row = connection.execute("SELECT pg_total_relation_size('signet_sessions')").fetchone()
        columns["PostgreSQL"]["bytes a session"] = row[0] / SESSIONS
        store.close()
    show(f"{'us of the server':<20}" + "".join(f"{name:>14}" for name in columns))
    for name in columns["Redis"]:
        show(f"{name:<20}" + "".join(f"{column[name]:>14.1f}" for column in columns.values()))


if __name__ == "__main__":
    main()
