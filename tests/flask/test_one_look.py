"""One request looks at the options once, whatever it does: its keys and rules belong together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, jsonify
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_signet import (
    JWTManager,
    create_token_pair,
    end_session,
    end_sessions,
    get_jwt_identity,
    jwt_required,
    list_sessions,
    logout,
    rotate_refresh_token,
    set_access_cookies,
    set_refresh_cookies,
    token_blueprint,
    unset_jwt_cookies,
)
from flask_signet.jwt.token import TokenPair
from flask_signet.options.reader import Glance
from tests.applications import bare_application

EACH_PROFILE = pytest.mark.parametrize("profile", ["compatible", "strict"])


class Looks:
    """How often the options were looked at."""

    def __init__(self) -> None:
        self.count = 0


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Counts the looks at the options, of every manager."""
    found, holds = Looks(), Glance.holds

    def counted(glance: Glance, config: Any) -> bool:
        found.count += 1
        return holds(glance, config)

    monkeypatch.setattr(Glance, "holds", counted)
    return found


@contextmanager
def one_look(looks: Looks) -> Iterator[None]:
    looks.count = 0
    yield
    assert looks.count == 1


def in_cookies(pair: TokenPair) -> Any:
    """The answer of a view that puts both tokens of a pair into cookies."""
    response = jsonify(sid=pair.sid)
    set_access_cookies(response, pair.access_token)
    set_refresh_cookies(response, pair.refresh_token)
    return response


def application(profile: str) -> Flask:
    """An application whose tokens are in cookies, with a view for each way to use them."""
    app = bare_application(profile, TOKEN_LOCATION=["cookies"], SESSION_STORE="memory://")
    manager = JWTManager(app)
    manager.user_lookup_loader(lambda header, payload: payload["sub"])
    app.register_blueprint(token_blueprint(lambda sent: sent.get("user"), cookies=True))

    def log_in() -> Any:
        return in_cookies(create_token_pair("ada"))

    def guarded() -> Any:
        return jsonify(get_jwt_identity())

    def refresh() -> Any:
        return in_cookies(rotate_refresh_token())

    def log_out() -> Any:
        return jsonify(logout())

    def log_out_by_hand() -> Any:
        response = jsonify(end_session())
        unset_jwt_cookies(response)
        return response

    def others() -> Any:
        end_sessions(get_jwt_identity(), except_sid=list_sessions(get_jwt_identity())[0].sid)
        return jsonify(True)

    for view in (log_in, guarded, refresh, log_out, log_out_by_hand, others):
        app.add_url_rule(f"/{view.__name__}", view.__name__, view, methods=["POST"])
    by_access, by_refresh = jwt_required(), jwt_required(refresh=True)
    for view, guard in (
        (guarded, by_access),
        (refresh, by_refresh),
        (log_out, by_access),
        (log_out_by_hand, by_access),
        (others, by_access),
    ):
        name = f"guarded_{view.__name__}"
        app.add_url_rule(f"/{name}", name, guard(view), methods=["POST"])
    return app


@pytest.fixture
def app(profile: str) -> Flask:
    return application(profile)


def ask(client: FlaskClient, path: str, kind: str = "access", **more: Any) -> TestResponse:
    """The answer to a page's script, which sends the CSRF value beside the cookies."""
    name = client.application.config[f"JWT_{kind.upper()}_CSRF_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    headers = {"X-CSRF-TOKEN": cookie.value} if cookie else {}
    return client.open(path, headers=headers, base_url="https://localhost", **more)


@EACH_PROFILE
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/guarded_guarded", "access"),
        ("/refresh", "refresh"),
        ("/guarded_refresh", "refresh"),
        ("/log_out", "access"),
        ("/guarded_log_out", "access"),
        ("/guarded_log_out_by_hand", "access"),
        ("/guarded_others", "access"),
    ],
)
def test_a_request_looks_once(app: Flask, looks: Looks, path: str, kind: str) -> None:
    """After a log-in, which looks once as well, each view looks once, guarded or open."""
    client = app.test_client()
    with one_look(looks):
        assert ask(client, "/log_in", method="POST").status_code == 200
    with one_look(looks):
        answer = ask(client, path, kind, method="POST")
    assert answer.status_code == 200, answer.json


@EACH_PROFILE
def test_the_ready_made_endpoints_look_once(app: Flask, looks: Looks) -> None:
    """Log in, refresh, list the sessions, log out: one look each."""
    client = app.test_client()
    steps: list[tuple[int, Callable[[], TestResponse]]] = [
        (201, lambda: ask(client, "/auth/tokens", method="POST", data={"user": "ada"})),
        (201, lambda: ask(client, "/auth/tokens", "refresh", method="PATCH")),
        (200, lambda: ask(client, "/auth/sessions", method="GET")),
        (204, lambda: ask(client, "/auth/sessions?others=true", method="DELETE")),
        (204, lambda: ask(client, "/auth/tokens", method="DELETE")),
    ]
    for status, step in steps:
        with one_look(looks):
            answer = step()
        assert answer.status_code == status, answer.json
