"""The scenarios of a front end (front-*) that ask the store, on every store."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, jsonify, request
from flask.testing import FlaskClient

from flask_signet import JWTManager, get_jwt, get_jwt_identity, jwt_required, token_blueprint
from tests.conftest import Clock
from tests.scenarios.service import SECRET


@pytest.fixture
def app(store: Any, ticking: Clock) -> Any:
    app = Flask("front")
    app.config.update(
        JWT_SECRET_KEY=SECRET,
        JWT_SESSION_STORE=store,
        JWT_TOKEN_LOCATION=["cookies"],
        JWT_CSRF_CHECK_FORM=True,
        JWT_RENEW_COOKIES=True,
        JWT_REFRESH_ABSOLUTE_EXPIRES=2 * 3600,
    )
    JWTManager(app)
    app.register_blueprint(token_blueprint(lambda sent: sent.get("user"), cookies=True))

    @app.route("/page", methods=["GET", "POST"])
    @jwt_required()
    def page() -> Any:
        return jsonify(id=get_jwt_identity(), csrf=get_jwt()["csrf"], text=request.form.get("text"))

    yield app
    app.extensions["flask-signet"][""].close()


def log_in(app: Flask) -> tuple[FlaskClient, str]:
    """A browser, and the CSRF value of its session."""
    client = app.test_client()
    return client, client.post("/auth/tokens", data={"user": "ada"}).get_json()["csrf_token"]


def test_a_page_and_a_form_are_renewed(app: Flask, ticking: Clock) -> None:
    """front-03: a page is shown, a form goes through once, and the session's end holds."""
    client, value = log_in(app)
    ticking.tick(1000)
    sent = client.post("/page", data={"text": "long", "csrf_token": value})
    assert (sent.status_code, sent.get_json()["text"]) == (200, "long")
    for _ in range(6):
        ticking.tick(1000)
        shown = client.get("/page")
        assert (shown.status_code, shown.get_json()["id"]) == (200, "ada")
    ticking.tick(1000)
    over = client.get("/page")
    assert (over.status_code, over.get_json()["msg"]) == (401, "Token has expired")


def test_two_pages_are_renewed_to_one_session(app: Flask, ticking: Clock) -> None:
    """The same cookies twice at once get the same successor; neither page ends the session."""
    client, _ = log_in(app)
    tab = app.test_client()
    ticking.tick(1000)
    for name in ("access_token_cookie", "refresh_token_cookie"):
        cookie = client.get_cookie(name)
        assert cookie is not None
        tab.set_cookie(name, cookie.value)
    found = [each.get("/page").status_code for each in (client, tab)]
    assert found == [200, 200]
    refresh = [each.get_cookie("refresh_token_cookie") for each in (client, tab)]
    assert refresh[0] == refresh[1]
    ticking.tick(1000)
    assert client.get("/page").status_code == 200


def test_a_session_that_was_ended_is_not_renewed(app: Flask, ticking: Clock) -> None:
    """Log out everywhere on one device, and no page of another renews itself."""
    (client, value), (other, _) = log_in(app), log_in(app)
    ticking.tick(60)
    assert client.delete("/auth/sessions", headers={"X-CSRF-TOKEN": value}).status_code == 204
    ticking.tick(1000)
    assert other.get("/page").status_code == 401
    assert other.get_cookie("refresh_token_cookie") is None
