"""P5 and P6: what it costs to know that a token is revoked.

P5: a revocation check added to a request, by our view of a Redis store, over one that asks Redis
(the usual ``token_in_blocklist_loader``), for one and the same token. P5b: from the acknowledged
revocation to its refusal in another busy process. P6: what it takes to log a user out everywhere;
the check, and the memory, at ten million revocations over one thousand.

``SIGNET_REVOCATIONS`` is the large number of P6 (10,000,000 takes a minute to put in).
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, jsonify
from redis import Redis

import flask_signet
from benchmarks.bench_guard import requests
from benchmarks.side_by_side import measure, show, versions
from flask_signet.sessions.id_set import IdSet
from flask_signet.sessions.revocations import RevocationView
from flask_signet.sessions.session import Presented, Session
from flask_signet.stores import open_store
from flask_signet.stores.redis import RedisStore
from tests.stores.proxy import Proxy

SECRET = secrets.token_urlsafe(64)
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/9")
POSTGRESQL_URL = os.environ.get(
    "POSTGRESQL_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
)
MANY = int(os.environ.get("SIGNET_REVOCATIONS", "10000000"))
REVOCATIONS = 300  # of P5b


def application(store: object = None, *, client: Redis | None = None) -> Flask:
    """A guarded route: nothing revoked, our store, or a GET in the blocklist's loader."""
    app = Flask("benchmark")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_SESSION_STORE=store)
    jwt = flask_signet.JWTManager(app)
    if client is not None:

        @jwt.token_in_blocklist_loader
        def is_revoked(header: Any, payload: Any) -> bool:
            return client.get(payload["jti"]) is not None

    @app.get("/guarded")
    @flask_signet.jwt_required()
    def guarded() -> Any:
        return jsonify(id=flask_signet.get_jwt_identity())

    return app


def counted() -> tuple[RedisStore, Proxy]:
    """A store of its own in Redis, and the proxy that counts its round trips."""
    parts = urlsplit(REDIS_URL)
    proxy = Proxy(parts.hostname or "127.0.0.1", parts.port or 6379)
    url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{proxy.port}"))
    store = RedisStore(url, prefix=f"bench-{secrets.token_hex(4)}")
    store.upgrade(first=True)
    return store, proxy


def p5() -> None:
    """The check in a request."""
    store, proxy = counted()
    client = Redis.from_url(REDIS_URL)
    ours = application(store)
    with ours.test_request_context():  # of a session, whose tokens are longer
        token = flask_signet.create_token_pair("user-1234").access_token
    functions = {
        "guard": requests(application(), "/guarded", token),
        "guard + our view": requests(ours, "/guarded", token),
        "guard + Redis GET": requests(application(client=client), "/guarded", token),
    }
    waits = measure(functions, clock=time.perf_counter)
    works = measure(functions)
    before = proxy.turns
    for _ in range(2000):
        functions["guard + our view"]()
    turns = proxy.turns - before
    show(f"{'P5, a whole request':<24}{'us':>8}{'added':>8}{'of our CPU':>12}{'added':>8}")
    for name in functions:
        wait, work = waits[name], works[name]
        added = wait - waits["guard"], work - works["guard"]
        show(f"{name:<24}{wait:>8.1f}{added[0]:>8.1f}{work:>12.1f}{added[1]:>8.1f}")
    for what, times in (("", waits), (", of our CPU alone", works)):
        view = times["guard + our view"] - times["guard"]
        get = times["guard + Redis GET"] - times["guard"]
        show(f"our view / Redis GET{what}: {view / get:.3f}")
    show(f"round trips of 2,000 requests: {turns} (one for what is new, each second)")
    store.close()
    proxy.close()


def busy(url: str, prefix: str, sids: list[str], pipe: Any) -> None:
    """A process that checks tokens without a pause, and notes when each is first refused."""
    store: Any = RedisStore(url, prefix=prefix) if prefix else open_store(url)
    view = RevocationView(store)
    now = time.time()
    for _ in range(5):
        view.refuses(Presented(sid="x", subject="u", issued_at=now), now=now)
    pipe.send("ready")
    for sid in sids:
        while not view.refuses(Presented(sid=sid, subject="u", issued_at=now), now=now):
            pass
        pipe.send(time.monotonic())


def p5b(name: str, url: str) -> None:
    """Acknowledged here, refused there."""
    prefix = f"bench-{secrets.token_hex(4)}" if name == "Redis" else ""
    store: Any = RedisStore(url, prefix=prefix) if prefix else open_store(url)
    store.upgrade(first=True)
    now = time.time()
    sessions = [Session.begin(f"u{number}", "j", now=now) for number in range(REVOCATIONS)]
    for session in sessions:
        store.open_session(session, refuse_until=now + 900)
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    sids = [session.sid for session in sessions]
    process = context.Process(target=busy, args=(url, prefix, sids, theirs))
    process.start()
    ours.recv()
    delays = []
    for sid in sids:
        time.sleep(0.002)
        store.end_session(sid, now=now, refuse_until=now + 900)
        acknowledged = time.monotonic()
        delays.append(max(0.0, ours.recv() - acknowledged) * 1000)
    process.join()
    store.close()
    delays.sort()
    p99 = delays[int(len(delays) * 0.99)]
    show(f"{name:<24}{statistics.median(delays):>8.3f}{p99:>8.3f}{delays[-1]:>8.3f}")


def resident() -> int:
    """Bytes of memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def everywhere() -> None:
    """What a log-out everywhere writes, and sends, by the number of the user's sessions."""
    store, proxy = counted()
    now = time.time()
    show(f"{'P6, out everywhere':<24}{'entries':>8}{'trips':>8}{'us':>8}")
    for count in (1, 1, 10, 1_000):  # the first connects, and loads the script
        subject = secrets.token_hex(8)
        for number in range(count):
            session = Session.begin(subject, f"j{number}", now=now)
            store.open_session(session, refuse_until=now + 900)
        follower = store.follow()
        while not follower.sync().complete:
            pass
        before, begun = proxy.turns, time.perf_counter()
        store.end_sessions(subject, now=time.time(), expires_at=now + 900)
        took, turns = time.perf_counter() - begun, proxy.turns - before
        entries = len(follower.sync().entries)
        follower.close()
        if count > 1:
            show(f"{f'{count:,} sessions':<24}{entries:>8}{turns:>8}{took * 1e6:>8.0f}")
    store.close()
    proxy.close()


def p6() -> None:
    """A thousand revocations, and a great many."""
    now = time.time()
    few, many = IdSet(), IdSet()
    probes = [secrets.token_urlsafe(16) for _ in range(1000)]
    for _ in range(1000):
        few.add(secrets.token_urlsafe(16), now + 900)
    before, begun = resident(), time.perf_counter()
    for number in range(MANY):
        many.add(f"{number:022d}", now + 900)
    seconds, bytes_each = time.perf_counter() - begun, (resident() - before) / MANY
    turn = iter(range(10**9))

    def look_up(ids: IdSet) -> Any:
        return lambda: ids.has(probes[next(turn) % 1000], now)

    times = measure({"1,000": look_up(few), f"{MANY:,}": look_up(many)})
    show(f"{'P6, revocations':<24}{'us':>8}")
    for name, microseconds in times.items():
        show(f"{name:<24}{microseconds:>8.3f}")
    show(f"many / few: {times[f'{MANY:,}'] / times['1,000']:.2f}; {bytes_each:.1f} bytes an entry")
    show(f"put in: {seconds / MANY * 1e6:.1f} us an entry")


def main() -> None:
    """Print the tables."""
    show(versions("Flask", "redis", "hiredis", "SQLAlchemy", "psycopg"))
    p5()
    show(f"{'P5b, milliseconds':<24}{'p50':>8}{'p99':>8}{'most':>8}")
    with tempfile.TemporaryDirectory() as folder:
        p5b("Redis", REDIS_URL)
        p5b("PostgreSQL", POSTGRESQL_URL)
        p5b("SQLite", f"sqlite:///{folder}/sessions.db")
    everywhere()
    p6()


if __name__ == "__main__":
    main()
