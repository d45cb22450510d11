"""The application under test, and its tokens minted by hand: what is judged mints nothing here.

`application()` builds a Flask application with one view for each kind of guard. `mint()` makes the
text of a good token but for the changes to it, `signed()` a token of any header and any payload.
"""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from types import EllipsisType
from typing import Any, Final

import pytest
from flask import Flask, Response, jsonify
from werkzeug.test import TestResponse

import flask_signet
from flask_signet import JWTManager, Key, jwt_required
from flask_signet.flask.manager import Manager
from tests.jose import keys

NOW: Final = 1_700_000_000
"""The time of the fixture `clock`, in seconds since 1970."""

SECRET: Final = keys.SECRET.decode()
OTHER_SECRET: Final = "Wq3-Zt8yKp5_Nf1uRb7LsXc2HdVj9GmEo4TaQi6wYv0JzPxUkBrMhDlFnSgCeAOy"
CSRF: Final = "9b1d7a52-6f0e-4c5b-8f3e-2d8d6b3c4e55"
ALL_LOCATIONS: Final = ["headers", "cookies", "query_string", "json"]
PROFILES: Final = ("compatible", "strict")

GUARDS: Final[dict[str, dict[str, bool]]] = {
    "required": {},
    "optional": {"optional": True},
    "fresh": {"fresh": True},
    "refresh": {"refresh": True},
    "any-type": {"verify_type": False},
    "unrevoked": {"skip_revocation_check": True},
}
METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
FLASK_OPTIONS: Final = {"TESTING", "PROPAGATE_EXCEPTIONS"}


# ── the application ──────────────────────────────────────────────────────────────────────


def application(
    profile: str = "compatible", *, manager: JWTManager | None = None, **options: Any
) -> Flask:
    """An application with the views `/required`, `/optional`, … that `GUARDS` names, and `/open`.

    It has a good secret, unless another key is given.

    :param manager: the manager to use, None: a new one.
    :param options: of `app.config`. The prefix `JWT_` may be left out.
    """
    app = bare_application(profile, **options)
    (manager or JWTManager()).init_app(app)
    for name, arguments in GUARDS.items():
        guarded = jwt_required(**arguments)(describe)
        app.add_url_rule(f"/{name}", name, guarded, methods=METHODS)
    app.add_url_rule("/open", "open", lambda: jsonify(open=True), methods=METHODS)
    return app


def bare_application(profile: str = "compatible", **options: Any) -> Flask:
    """The same before any manager has seen it, and without views."""
    app = Flask("tests")
    app.config["JWT_PROFILE"] = profile
    app.config.update({_in_full(name): value for name, value in options.items()})
    if not {"JWT_SECRET_KEY", "JWT_PRIVATE_KEY", "JWT_PUBLIC_KEY"} & set(app.config):
        app.config["JWT_SECRET_KEY"] = SECRET
    return app


def _in_full(option: str) -> str:
    return option if "JWT_" in option or option in FLASK_OPTIONS else f"JWT_{option}"


def describe() -> Response:
    """What a view can know of the token that came with the request."""
    return jsonify(
        identity=flask_signet.get_jwt_identity(),
        location=flask_signet.get_jwt_request_location(),
        claims=flask_signet.get_jwt(),
        header=flask_signet.get_jwt_header(),
    )


def manager(app: Flask) -> JWTManager:
    """The application's unnamed manager."""
    found: JWTManager = app.extensions["flask-jwt-extended"]
    return found


# ── tokens ───────────────────────────────────────────────────────────────────────────────


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(kind: str = "access", **changes: Any) -> dict[str, Any]:
    """A payload that both profiles take; a change to `...` takes the claim out."""
    made = {
        "fresh": False,
        "iat": NOW - 10,
        "nbf": NOW - 10,
        "exp": NOW + 900,
        "jti": "3f0c5d6e-8a53-4b7e-9d5c-0b6a0f9f2a11",
        "type": kind,
        "sub": "alice",
        "csrf": CSRF,
    }
    made.update(changes)
    return {name: value for name, value in made.items() if not isinstance(value, EllipsisType)}


def mint(
    kind: str = "access",
    *,
    secret: str = SECRET,
    header: Mapping[str, Any] | None = None,
    **changes: Any,
) -> str:
    """The text of a token that both profiles take, but for the changes to its claims."""
    typ = {"access": "at+jwt", "refresh": "rt+jwt"}.get(kind, "JWT")
    return signed(claims(kind, **changes), secret, {"alg": "HS256", "typ": typ, **(header or {})})


def expired(kind: str = "access", **changes: Any) -> str:
    return mint(kind, iat=NOW - 900, nbf=NOW - 900, exp=NOW - 60, **changes)


def signed(payload: Any, key: Key | str = SECRET, header: Any = None) -> str:
    """A token of this very header and payload, any JSON or any bytes, under a right signature.

    :param key: a secret signs with HS256, by the standard library alone.
    :param header: None: the algorithm of the key.
    """
    if header is None:
        header = {"alg": "HS256" if isinstance(key, str) else key.algorithm}
    segments = [
        base64url(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, payload)
    ]
    return signed_segments(*segments, key)


def signed_segments(header: str, payload: str, key: Key | str = SECRET) -> str:
    """The same of these very segments."""
    signing_input = f"{header}.{payload}"
    data = signing_input.encode()
    made = hmac.digest(key.encode(), data, "sha256") if isinstance(key, str) else key.sign(data)
    return f"{signing_input}.{base64url(made)}"


def part(token: str, index: int) -> dict[str, Any]:
    """A token's header (0) or payload (1), unverified."""
    segment = token.split(".")[index]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(f"{segment}=="))
    return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# ── time ─────────────────────────────────────────────────────────────────────────────────


def set_clock(monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float]) -> None:
    """Have every manager read this clock."""
    monkeypatch.setattr(Manager, "clock", staticmethod(clock))


# ── answers ──────────────────────────────────────────────────────────────────────────────


def answer(response: TestResponse) -> tuple[int, str]:
    """Status and text of a refusal; status and identity of a success."""
    body = response.get_json()
    return response.status_code, body["identity"] if response.status_code == 200 else body["msg"]
