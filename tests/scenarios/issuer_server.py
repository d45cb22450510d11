"""An issuer on this machine: a real HTTP server whose pages do what they like."""

import gzip
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from flask_signet import Key

PATIENCE = 30  # seconds

Page = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers a request by the page at its path, and notes it."""

    server: "_Server"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        issuer = self.server.issuer
        with issuer.lock:
            issuer.asked.append(self.path)
            issuer.headers.append(dict(self.headers))
        self.close_connection = True
        try:
            issuer.pages.get(self.path, status(404))(self)
        except OSError:
            issuer.cut_off.set()

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Transfer_Encoding" not in headers and "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its parent's name
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    issuer: "IssuerServer"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up in the middle of TLS is what some tests are about


class IssuerServer:
    """A server with its pages, and what it was asked."""

    def __init__(self, server: _Server, scheme: str) -> None:
        server.issuer = self
        self.port = server.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.jwks_url = f"{self.url}/jwks"
        self.lock = threading.Lock()
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.cut_off = threading.Event()
        self.pages: dict[str, Page] = {
            "/.well-known/openid-configuration": page(
                {"issuer": self.url, "jwks_uri": self.jwks_url}
            )
        }

    def publish(self, *members: Key | dict[str, Any], **headers: str) -> None:
        jwk = [each.to_public_jwk() if isinstance(each, Key) else each for each in members]
        self.pages["/jwks"] = page({"keys": jwk}, **headers)

    @property
    def fetches(self) -> int:
        """How often the keys were asked for."""
        with self.lock:
            return self.asked.count("/jwks")


@contextmanager
def issuer_server(tls: ssl.SSLContext | None = None) -> Iterator[IssuerServer]:
    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield IssuerServer(server, "http" if tls is None else "https")
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


# ── pages ────────────────────────────────────────────────────────────────────────────────


def page(value: object, **headers: str) -> Page:
    body = json.dumps(value).encode()
    return lambda handler: handler.answer(200, body, Content_Type="application/json", **headers)


def raw(body: bytes, **headers: str) -> Page:
    return lambda handler: handler.answer(200, body, **headers)


def status(code: int, **headers: str) -> Page:
    return lambda handler: handler.answer(code, b"{}", **headers)


def redirect(to: str, code: int = 302) -> Page:
    return status(code, Location=to)


def held(gate: threading.Event, then: Page) -> Page:
    """A page that comes once the gate is open."""

    def wait(handler: Handler) -> None:
        assert gate.wait(PATIENCE)
        then(handler)

    return wait


def endless(chunk: bytes, total: int, **headers: str) -> Page:
    """A very long page, in chunks; it stops when the client hangs up."""

    def send(handler: Handler) -> None:
        handler.answer(200, Content_Length=str(total), **headers)
        for _ in range(total // len(chunk)):
            handler.wfile.write(chunk)

    return send


def dripping(before: bytes, drop: bytes, seconds: float = 0.05) -> Page:
    """A page that is written a drop at a time, for longer than anybody waits."""

    def send(handler: Handler) -> None:
        handler.wfile.write(before)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            handler.wfile.write(drop)
            time.sleep(seconds)

    return send


def gzip_bomb(size: int) -> Page:
    return raw(gzip.compress(b" " * size), Content_Encoding="gzip", Content_Type="application/json")
