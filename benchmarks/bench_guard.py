"""P1 and P1b: what ``@jwt_required()`` adds to a whole request, over an open route.

The *floor* is the bare primitives in the same place: a decorator that takes the header's token,
checks the HMAC and reads the JSON, with no other check.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

import flask_jwt_extended
from flask import Flask, request
from werkzeug.test import EnvironBuilder

import flask_signet
from benchmarks.bench_verify import SECRET, application
from benchmarks.side_by_side import measure, show, versions

View = Callable[..., Any]


def floor(view: View) -> View:
    """The bare primitives as a guard."""
    key = SECRET.encode()

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        token = request.headers["Authorization"][7:]
        signing_input, _, signature = token.rpartition(".")
        header, _, payload = signing_input.partition(".")
        mac = hmac.digest(key, signing_input.encode(), "sha256")
        if not hmac.compare_digest(mac, base64.urlsafe_b64decode(signature + "=")):
            raise ValueError
        json.loads(base64.urlsafe_b64decode(header + "=="))
        json.loads(base64.urlsafe_b64decode(payload + "=="))
        return view(*args, **kwargs)

    return guarded


def route(app: Flask, path: str, guard: Callable[[View], View]) -> None:
    """A route that answers a word, behind a guard."""
    app.add_url_rule(path, endpoint=path, view_func=guard(lambda: "ok"))


def requests(app: Flask, path: str, token: str) -> Callable[[], None]:
    """A function that sends one request through the whole of WSGI, and reads the answer."""
    headers = {"Authorization": f"Bearer {token}"}
    environ = EnvironBuilder(path=path, headers=headers).get_environ()

    def start(status: str, *rest: object) -> None:
        if not status.startswith("200"):
            raise RuntimeError(status)

    def send() -> None:
        answer: Iterable[bytes] = app.wsgi_app(dict(environ), start)
        b"".join(answer)
        answer.close()  # type: ignore[attr-defined]  # Werkzeug's has it

    return send


def main() -> None:
    """Print the table."""
    ours, theirs = application(flask_signet), application(flask_jwt_extended)
    route(ours, "/open", lambda view: view)
    route(ours, "/floor", floor)
    route(ours, "/guarded", flask_signet.jwt_required())
    route(theirs, "/guarded", flask_jwt_extended.jwt_required())
    with theirs.app_context():
        token = flask_jwt_extended.create_access_token("user-1234")
    times = measure(
        {
            "open route": requests(ours, "/open", token),
            "floor": requests(ours, "/floor", token),
            "Flask-Signet": requests(ours, "/guarded", token),
            "FJE": requests(theirs, "/guarded", token),
        }
    )
    guard = {name: time - times["open route"] for name, time in times.items()}
    show(versions("Flask-JWT-Extended", "PyJWT", "Flask", "cryptography"))
    show(f"{'HS256, whole request':<22}{'us':>8}{'guard':>8}{'x floor':>9}")
    for name, microseconds in times.items():
        ratio = guard[name] / guard["floor"]
        show(f"{name:<22}{microseconds:>8.1f}{guard[name]:>8.1f}{ratio:>9.2f}")
    show(f"FJE / ours, guard: {guard['FJE'] / guard['Flask-Signet']:.1f}")


if __name__ == "__main__":
    main()
