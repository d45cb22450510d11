"""What a hostile request costs, as a ratio to a small one that is refused at the same place.

The bodies and headers are the longest that are read, and such as are refused for their length.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any, Final

from flask import Flask
from werkzeug.test import EnvironBuilder

import flask_signet
from benchmarks.bench_verify import SECRET
from benchmarks.side_by_side import measure, show, versions

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
MEGABYTE: Final = 1_000_000

Request = tuple[str, bytes, dict[str, Any]]
"""Path, body, and what else is in the environ."""


def header(value: str) -> Request:
    """A request to a guard with one header."""
    return "/guarded", b"", {"HTTP_AUTHORIZATION": value}


def body(path: str, kind: str, data: bytes, **more: Any) -> Request:
    """A request with a body."""
    return path, data, {"CONTENT_TYPE": kind, **more}


SMALL: Final = "a small one"
BASIC: Final = f"Basic {b64encode(b'orders:wrong').decode()}"
REQUESTS: Final[dict[str, dict[str, Request]]] = {
    "Authorization": {
        SMALL: header("Bearer x.y.z"),
        "2 kB of commas": header("a," * 999),
        "24 kB of commas": header("a," * 12_000),
        "24 kB of spaces": header("Bearer x" + " " * 24_000 + "y"),
        "1 MB of commas": header("a," * (MEGABYTE // 2)),
    },
    "Cookie": {
        SMALL: ("/guarded", b"", {"HTTP_COOKIE": "access_token_cookie=x"}),
        "32 of one name": (
            *("/guarded", b""),
            {"HTTP_COOKIE": ";".join(f"access_token_cookie=x{n}" for n in range(32))},
        ),
        "1,000 cookies": ("/guarded", b"", {"HTTP_COOKIE": "a;" * 999}),
        "64 kB": ("/guarded", b"", {"HTTP_COOKIE": "a;" * 32_000}),
        "1 MB": ("/guarded", b"", {"HTTP_COOKIE": "a;" * (MEGABYTE // 2)}),
    },
    "JSON body of a guard": {
        SMALL: body("/guarded", JSON, b"{}"),
        "100 kB of brackets": body("/guarded", JSON, b"[" + b"[]," * (MEGABYTE // 30) + b"1]"),
        "8 MB of brackets": body("/guarded", JSON, b"[" + b"[]," * (8 * MEGABYTE // 3) + b"1]"),
    },
    "log-in": {
        SMALL: body("/auth/tokens", JSON, b"{}"),
        "64 kB of brackets": body("/auth/tokens", JSON, b'{"a":[' + b"[]," * 21_000 + b"1]}"),
        "1,000 fields": body("/auth/tokens", FORM, b"&".join([b"a=1"] * 1_000)),
        "20 MB of fields": body("/auth/tokens", FORM, b"a=1&" * (5 * MEGABYTE)),
    },
    "introspection without a client": {
        SMALL: body("/oauth/introspect", FORM, b"token=x", HTTP_AUTHORIZATION=BASIC),
        "64 kB of fields": body(
            "/oauth/introspect", FORM, b"a=1&" * 16_000, HTTP_AUTHORIZATION=BASIC
        ),
        "20 MB of fields": body("/oauth/introspect", FORM, b"a=1&" * (5 * MEGABYTE)),
    },
}


def application() -> Flask:
    """An application with a guard of every location and the ready-made endpoints."""
    app = Flask("hostile")
    app.config.update(
        JWT_SECRET_KEY=SECRET,
        JWT_SESSION_STORE="memory://",
        JWT_TOKEN_LOCATION=["headers", "cookies", "json"],
    )
    flask_signet.JWTManager(app)
    app.register_blueprint(flask_signet.token_blueprint(lambda sent: None))
    app.register_blueprint(flask_signet.oauth_blueprint(lambda *client: False))
    guarded = flask_signet.jwt_required()(lambda: "ok")
    app.add_url_rule("/guarded", "guarded", guarded, methods=["POST"])
    return app


def sends(app: Flask, request: Request) -> Callable[[], None]:
    """A function that sends a request through the whole of WSGI; it is refused each time."""
    path, data, more = request
    environ = {**EnvironBuilder(path=path, method="POST").get_environ(), **more}
    environ["CONTENT_LENGTH"] = str(len(data))

    def start(status: str, *rest: object) -> None:
        if not status.startswith("4"):
            raise RuntimeError(status)

    def send() -> None:
        answer: Iterable[bytes] = app.wsgi_app({**environ, "wsgi.input": io.BytesIO(data)}, start)
        b"".join(answer)
        answer.close()  # type: ignore[attr-defined]  # Werkzeug's has it

    return send


def main() -> None:
    """Print the table."""
    app = application()
    show(versions("Flask", "Werkzeug"))
    show(f"{'refused request':<52}{'us':>9}{'x small':>9}")
    for place, requests in REQUESTS.items():
        times = measure({name: sends(app, request) for name, request in requests.items()})
        for name, microseconds in times.items():
            ratio = microseconds / times[SMALL]
            show(f"{place + ': ' + name:<52}{microseconds:>9.0f}{ratio:>9.1f}")


if __name__ == "__main__":
    main()
