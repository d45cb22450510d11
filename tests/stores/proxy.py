"""A proxy between a store and its server: counts round trips, stalls, loses answers, hangs up."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from flask_signet.sessions.store import SessionStore
from flask_signet.stores import open_store
from flask_signet.stores.redis import RedisStore


class Proxy:
    """Passes bytes on, a thread for each direction of each connection.

    :ivar turns: how often the client spoke after the server did: round trips.
    :ivar connections: how many there have been.
    """

    def __init__(self, host: str, port: int) -> None:
        self.turns = 0
        self.connections = 0
        self.port = 0
        self._server = (host, port)
        self._flowing = threading.Event()
        self._flowing.set()
        self._lose_answers = False
        self._sockets: list[socket.socket] = []
        self._pumps: list[threading.Thread] = []
        self.start()

    # ── what may happen to a server ──────────────────────────────────────────────────────

    def stall(self) -> None:
        """It takes connections and says nothing: a stopped process, a full disk, a lost network."""
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def lose_answers(self, lose: bool) -> None:
        """It does what it is asked, and hangs up in place of an answer."""
        self._lose_answers = lose

    def hang_up(self) -> None:
        """Every connection that there is ends, as in a restart."""
        sockets, self._sockets = self._sockets, []
        pumps, self._pumps = self._pumps, []
        for each in sockets:
            _end(each)
        for pump in pumps if self._flowing.is_set() else ():
            pump.join(10)

    def move(self, host: str, port: int) -> None:
        """New connections are to another server, as if a name had moved; those there are stay."""
        self._server = (host, port)

    def stop(self) -> None:
        """Nobody listens any more."""
        _end(self._listener)  # wakes the thread that waits for it
        self._listener.close()
        self.hang_up()

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    # ── passing on ───────────────────────────────────────────────────────────────────────

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.connections += 1
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                state = {"spoke": "server"}
                ways = (("client", client, server), ("server", server, client))
                for way in ways:
                    pump = threading.Thread(target=self._pump, args=(*way, state), daemon=True)
                    pump.start()
                    self._pumps.append(pump)

    def _pump(self, name: str, source: socket.socket, sink: socket.socket, state: dict) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                if name == "server" and self._lose_answers:
                    break
                if name == "client" and state["spoke"] == "server":
                    self.turns += 1
                state["spoke"] = name
                sink.sendall(data)
        _end(source)
        _end(sink)
        source.close()  # each is the source of one thread

    def close(self) -> None:
        self._flowing.set()
        self.stop()


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)


def put_before(url: str) -> tuple[Proxy, str]:
    """A proxy for the server of a URL, and the URL of the way through it."""
    parts = urlsplit(url)
    ports = {"redis": 6379, "postgresql": 5432, "mysql": 3306}
    proxy = Proxy(parts.hostname, parts.port or ports[parts.scheme.partition("+")[0]])
    login = parts.netloc.rpartition("@")[0]
    host = f"{login}@" * bool(login) + f"127.0.0.1:{proxy.port}"
    return proxy, urlunsplit(parts._replace(netloc=host))


@contextlib.contextmanager
def behind_proxy(
    request: pytest.FixtureRequest, engine: str, timeout: float = 2.0
) -> Iterator[tuple[SessionStore, Proxy]]:
    """A store that speaks to a real server through a proxy, and the proxy."""
    is_redis = engine == "redis"
    url = request.getfixturevalue("redis_url" if is_redis else f"{engine}_store_url")
    proxy, through = put_before(url)
    if is_redis:
        prefix = request.getfixturevalue("redis_store").prefix
        store: SessionStore = RedisStore(through, prefix=prefix, timeout=timeout)
    else:
        store = open_store(through, timeout=timeout)
    yield store, proxy
    proxy.close()
    store.close()
