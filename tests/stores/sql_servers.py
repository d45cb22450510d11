"""PostgreSQL and MariaDB servers that a test starts for itself: to kill, to stop, to fail over.

They refuse to run as root, so there they run as the user that their package made.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pymysql
import pytest

from .redis_servers import free_port

PATIENCE = 60  # seconds

AnyServer = TypeVar("AnyServer", bound="Server")


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(psycopg.Error, pymysql.Error, OSError):
            if condition():
                return
        time.sleep(0.02)
    raise TimeoutError(what)


def binary(name: str) -> str:
    """The newest program of this name: on the path, or where Debian lays PostgreSQL's."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_version)
    found = str(installed[-1]) if installed else shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found


def _version(path: Path) -> int:
    return int(path.parts[-3])


class Server:
    """A server process with its children, in a folder of its own."""

    user: str
    command: Sequence[str]
    url: str

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="signet-server-"))
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            try:
                account = pwd.getpwnam(self.user)
            except KeyError:
                pytest.skip(f"no user {self.user}, and the server does not run as root")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._as_user = {"user": self.user, "group": account.pw_gid, "extra_groups": []}

    def run(self, *command: str) -> None:
        """Run a program of the server's to its end."""
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self._as_user)

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=self.folder, **self._as_user
            )
        until(self.answers, f"{self.command[0]}: {self.folder / 'log'}")

    def answers(self) -> bool:
        raise NotImplementedError

    def family(self) -> list[int]:
        """The server's process and its children, each with its name."""
        children = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.process.pid:
                    children.append(int(stat.parent.name))
        return [self.process.pid, *children]

    def _signal(self, number: signal.Signals, processes: Sequence[int]) -> None:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def kill(self) -> None:
        """kill -9, of all at once."""
        family = self.family()
        self._signal(signal.SIGSTOP, family)
        self._signal(signal.SIGKILL, family)
        self.process.wait()
        until(lambda: not any(Path(f"/proc/{each}").exists() for each in family), "its end")

    def pause(self) -> None:
        self._signal(signal.SIGSTOP, self.family())

    def resume(self) -> None:
        self._signal(signal.SIGCONT, self.family())

    def stop(self) -> None:
        """End it and leave nothing."""
        self.kill()
        shutil.rmtree(self.folder)


class PostgreSQLServer(Server):
    """One primary, or with ``of`` a streaming replica of one."""

    user = "postgres"

    def __init__(self, *, of: "PostgreSQLServer | None" = None) -> None:
        super().__init__()
        data = self.folder / "data"
        if of is None:
            self.run(
                binary("initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync"
            )
        else:
            source = f"host=127.0.0.1 port={of.port} user=postgres"
            self.run(
                *(binary("pg_basebackup"), "-D", str(data), "-d", source, "-R", "-X", "stream"),
                *("-c", "fast"),
            )
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 50,
            "wal_level": "replica",
            "fsync": "off",  # what a killed process wrote, the operating system has
        }
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self.command = (binary("postgres"), "-D", str(data))
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"
        self.start()

    def connect(self, **options: Any) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            f"postgresql://postgres@127.0.0.1:{self.port}/postgres", autocommit=True, **options
        )

    def answers(self) -> bool:
        self.connect(connect_timeout=2).close()
        return True

    def process_named(self, name: str) -> int:
        """The child whose title has this in it, e.g. ``walreceiver``."""
        for process in self.family()[1:]:
            with contextlib.suppress(OSError):
                if name in Path(f"/proc/{process}/cmdline").read_text():
                    return process
        raise LookupError(name)


class MariaDBServer(Server):
    """One server."""

    user = "mysql"

    def __init__(self) -> None:
        super().__init__()
        data, socket = self.folder / "data", self.folder / "socket"
        self.run(
            *(binary("mariadb-install-db"), "--no-defaults", f"--datadir={data}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
        )
        self.command = (
            *(binary("mariadbd"), "--no-defaults", f"--datadir={data}", f"--port={self.port}"),
            *("--bind-address=127.0.0.1", f"--socket={socket}", "--innodb-buffer-pool-size=32M"),
        )
        self.url = f"mysql+pymysql://root@127.0.0.1:{self.port}/signet"
        self.start()
        with contextlib.closing(self.connect()) as connection:
            connection.query("CREATE DATABASE signet")

    def connect(self) -> Any:
        return pymysql.connect(host="127.0.0.1", port=self.port, user="root", connect_timeout=2)

    def answers(self) -> bool:
        self.connect().close()
        return True


@contextlib.contextmanager
def running(kind: Callable[[], AnyServer]) -> Iterator[AnyServer]:
    server = kind()
    try:
        yield server
    finally:
        server.stop()
