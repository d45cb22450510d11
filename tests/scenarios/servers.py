"""gunicorn on a free port, with the scenarios' application; and a client that speaks HTTP to it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.scenarios.service import bearer

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30  # seconds


class Answer(NamedTuple):
    """What came back, and which process it came from."""

    status: int
    body: Any
    process: str


class Server:
    """A running server."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.process = process

    def ask(
        self, method: str, path: str, *, token: str = "", body: Any = None, grace: str = ""
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = {"Connection": "close", **(bearer(token) if token else {})}
        if grace:
            headers["X-Grace"] = grace
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(
                method, path, json.dumps(body) if body is not None else None, headers
            )
            answer = connection.getresponse()
            text = answer.read()
            process = answer.headers.get("X-Process", "")
            return Answer(answer.status, json.loads(text) if text else None, process)
        finally:
            connection.close()

    def login(self, user: str) -> dict[str, str]:
        answer = self.ask("POST", "/auth/tokens", body={"user": user})
        assert answer.status == 201, answer
        return answer.body  # type: ignore[no-any-return]  # an object

    def refresh(self, token: str, grace: str = "") -> Answer:
        return self.ask("PATCH", "/auth/tokens", token=token, grace=grace)

    def get(self, token: str) -> Answer:
        return self.ask("GET", "/protected", token=token)

    def by_every_process(self, token: str, count: int) -> dict[str, list[int]]:
        """The statuses of requests with this token, by process, until so many have answered."""
        found: dict[str, list[int]] = {}
        end = time.monotonic() + PATIENCE
        while len(found) < count:
            assert time.monotonic() < end, f"only {list(found)} answered"
            answer = self.get(token)
            found.setdefault(answer.process, []).append(answer.status)
        return found


@contextlib.contextmanager
def serving(
    url: str,
    *options: str,
    workers: int,
    worker_class: str,
    module: str = "tests.scenarios.served",
    **environment: str,
) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        port = listener.getsockname()[1]
        os.set_inheritable(listener.fileno(), True)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}"),
                *("--workers", str(workers), "--worker-class", worker_class),
                *("--log-level", "warning", "--no-control-socket", *options),
                f"{module}:app",
            ],
            cwd=ROOT,
            env={**os.environ, "STORE_URL": url, **environment},
            pass_fds=[listener.fileno()],
        )
    try:
        server = Server(port, process)
        _wait_until_it_answers(server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _wait_until_it_answers(server: Server) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        # The socket is open already, so a request waits for the first worker.
        with contextlib.suppress(OSError):
            server.get("x")
            return
        assert server.process.poll() is None, "the server stopped"
        assert time.monotonic() < end
