"""Redis servers that a test starts for itself: one, a Cluster, a pair watched by a Sentinel."""

import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

PATIENCE = 15  # seconds

VALKEY = shutil.which("valkey-server")
"""Where Valkey is not installed the tests of it are not there; the head of the report says so."""


def free_port() -> int:
    """A port that is free, as is the one of its Cluster bus, 10,000 above it.

    Both are below those that Linux gives to connections (32,768 and up): no connection of another
    test takes them before the server does.
    """
    while True:
        port = 10_000 + secrets.randbelow(12_000)
        if is_free(port) and is_free(port + 10_000):
            return port


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(redis.RedisError, OSError):
            if condition():
                return
        time.sleep(0.02)
    raise TimeoutError(what)


class Server:
    """A server's process, in a folder of its own."""

    def __init__(self, folder: Path, *settings: str, binary: str | None = None) -> None:
        binary = binary or shutil.which("redis-server")
        if binary is None:
            pytest.skip("no redis-server on the path")
        self.port = free_port()
        self.folder = folder / str(self.port)
        self.folder.mkdir(parents=True)
        basics = [
            "port",
            str(self.port),
            "bind",
            "127.0.0.1",
            "dir",
            str(self.folder),
            "save",
            '""',
        ]
        pairs = zip(*[iter([*basics, *settings])] * 2, strict=True)
        configuration = self.folder / "redis.conf"
        configuration.write_text("".join(f"{name} {value}\n" for name, value in pairs))
        sentinel = ["--sentinel"] if any(each.startswith("sentinel") for each in settings) else []
        self._command = [binary, str(configuration), *sentinel]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until(self.client.ping, "redis-server")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def without_snapshots(self) -> Iterator[None]:
        """None can be written, as on a full disk; so the server takes no writes (MISCONF)."""
        self.client.config_set("save", "3600 1000000")
        in_its_place = self.folder / "dump.rdb"
        in_its_place.unlink(missing_ok=True)
        in_its_place.mkdir()
        self._take_a_snapshot("err")
        try:
            yield
        finally:
            in_its_place.rmdir()
            self._take_a_snapshot("ok")

    def _take_a_snapshot(self, status: str) -> None:
        self.client.bgsave()
        until(
            lambda: self.client.info("persistence")["rdb_last_bgsave_status"] == status,
            f"a snapshot: {status}",
        )

    def stop(self) -> None:
        self.client.close()
        self.resume()
        self.kill()


@contextlib.contextmanager
def cluster(folder: Path, *settings: str) -> Iterator[list[Server]]:
    """Three masters."""
    with contextlib.ExitStack() as stack:
        servers = []
        for _ in range(3):
            basics = ("cluster-enabled", "yes", "cluster-node-timeout", "2000")
            server = Server(folder, *basics, *settings)
            stack.callback(server.stop)
            servers.append(server)
        bounds = [0, 5461, 10923, 16384]
        for index, server in enumerate(servers):
            slots = range(bounds[index], bounds[index + 1])
            server.client.execute_command("CLUSTER ADDSLOTS", *slots)
            if index:
                server.client.execute_command("CLUSTER MEET", "127.0.0.1", servers[0].port)
        for server in servers:
            until(lambda server=server: _cluster_is_ready(server), "the cluster")
        yield servers


def _cluster_is_ready(server: Server) -> bool:
    info = server.client.execute_command("CLUSTER INFO")
    return (info["cluster_state"], info["cluster_known_nodes"]) == ("ok", "3")


@contextlib.contextmanager
def sentinel(folder: Path) -> Iterator[tuple[Server, Server, Server]]:
    """A primary, its replica, and the Sentinel that watches them as ``mymaster``."""
    with contextlib.ExitStack() as stack:
        primary = Server(folder, "repl-diskless-sync-delay", "0")
        stack.callback(primary.stop)
        replica = Server(folder, "replicaof", f"127.0.0.1 {primary.port}")
        stack.callback(replica.stop)
        until(lambda: replica.client.info("replication")["master_link_status"] == "up", "replica")
        watch = f"127.0.0.1 {primary.port} 1"
        watcher = Server(folder, "sentinel monitor mymaster", watch)
        stack.callback(watcher.stop)
        for setting, value in (("down-after-milliseconds", 300), ("failover-timeout", 2000)):
            watcher.client.execute_command("SENTINEL SET", "mymaster", setting, value)
        until(lambda: watcher.client.execute_command("SENTINEL REPLICAS", "mymaster"), "sentinel")
        yield primary, replica, watcher
