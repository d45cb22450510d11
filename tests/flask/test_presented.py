"""What a request shows of tokens: what proves it to a log-out, and what a log-in replaces."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, jsonify, request
from werkzeug.test import TestResponse

from flask_signet import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    create_token_pair,
    get_csrf_token,
    list_sessions,
    logout,
    set_access_cookies,
    set_refresh_cookies,
)
from flask_signet.exceptions import StoreUnavailableError
from flask_signet.stores.memory import MemoryStore
from tests.applications import SECRET, application, bearer

ACCESS, REFRESH = "access_token_cookie", "refresh_token_cookie"


def site(**options: Any) -> Flask:
    """An application with cookies, whose log-in sets those that it is asked for."""
    options = {"TOKEN_LOCATION": ["cookies"], "SESSION_STORE": MemoryStore()} | options
    app = application(**options)

    @app.route("/logout", methods=["GET", "POST"])
    def log_out() -> Any:
        return jsonify(was_in=logout())

    @app.post("/login/<user>")
    def log_in(user: str) -> Any:
        pair = create_token_pair(user)
        response = jsonify(sid=pair.sid)
        if "access" not in request.args.getlist("without"):
            set_access_cookies(response, pair.access_token)
        if "refresh" not in request.args.getlist("without"):
            set_refresh_cookies(response, pair.refresh_token)
        return response

    return app


def send(app: Flask, path: str, cookies: dict[str, str], **more: Any) -> TestResponse:
    """A POST of a browser with these cookies."""
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return app.test_client(use_cookies=False).post(
        path, environ_overrides={"HTTP_COOKIE": header} if header else {}, **more
    )


def sids(app: Flask, user: str) -> set[str]:
    with app.app_context():
        return {each.sid for each in list_sessions(user)}


def opened(app: Flask, user: str = "ada") -> Any:
    with app.app_context():
        return create_token_pair(user)


# ── what proves a log-out ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("proved", ["access", "refresh"])
def test_each_cookie_is_proved_by_the_header_of_its_kind(proved: str) -> None:
    """Where the two have headers of their own, one of them is enough; in the other's it is not."""
    app = site(ACCESS_CSRF_HEADER_NAME="X-A", REFRESH_CSRF_HEADER_NAME="X-R")
    with app.app_context():
        tokens = {"access": create_access_token("ada"), "refresh": create_refresh_token("ada")}
        value = get_csrf_token(tokens[proved])
    cookies = {ACCESS: tokens["access"], REFRESH: tokens["refresh"]}
    right, wrong = ("X-A", "X-R") if proved == "access" else ("X-R", "X-A")
    assert send(app, "/logout", cookies, headers={wrong: value}).status_code == 401
    assert send(app, "/logout", cookies, headers={right: value}).get_json() == {"was_in": True}
    app.config["JWT_TOKEN_LOCATION"] = ["headers"]
    for kind, path in (("access", "/required"), ("refresh", "/refresh")):
        answer = app.test_client().get(path, headers=bearer(tokens[kind]))
        assert answer.get_json() == {"msg": "Token has been revoked"}


def test_a_token_elsewhere_proves_no_cookie() -> None:
    """A page elsewhere can send a token of its own along: the visitor's cookie stays unproved."""
    app = site(TOKEN_LOCATION=["json", "cookies"])
    mallory, ada = opened(app, "mallory"), opened(app, "ada")
    body = {"access_token": mallory.access_token}
    answer = send(app, "/logout", {REFRESH: ada.refresh_token}, json=body)
    assert (answer.status_code, answer.get_json()) == (401, {"msg": "Missing CSRF token"})
    assert sids(app, "ada") == {ada.sid}
    assert sids(app, "mallory") == {mallory.sid}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_method_that_asks_for_no_csrf_value(method: str) -> None:
    """The log-out asks for one by the methods for which a guard asks."""
    app = site(CSRF_METHODS=["PUT"])
    pair = opened(app)
    client = app.test_client()
    client.set_cookie(ACCESS, pair.access_token)
    assert client.open("/logout", method=method).get_json() == {"was_in": True}
    assert sids(app, "ada") == set()


def test_without_the_protection_no_value_is_asked_for() -> None:
    """JWT_COOKIE_CSRF_PROTECT = False is for log-outs too."""
    app = site(COOKIE_CSRF_PROTECT=False)
    pair = opened(app)
    assert send(app, "/logout", {ACCESS: pair.access_token}).get_json() == {"was_in": True}
    assert sids(app, "ada") == set()


def test_a_request_from_another_site_logs_nobody_out() -> None:
    """The look at the origin stands before any value."""
    app = site(CSRF_CHECK_ORIGIN=True)
    pair = opened(app)
    with app.app_context():
        value = get_csrf_token(pair.access_token)
    headers = {"X-CSRF-TOKEN": value, "Sec-Fetch-Site": "cross-site"}
    answer = send(app, "/logout", {ACCESS: pair.access_token}, headers=headers)
    assert answer.get_json() == {"msg": "Cross-site request refused"}
    assert sids(app, "ada") == {pair.sid}


def test_a_cookie_that_is_none_of_ours_asks_for_no_value() -> None:
    """There is nothing to end, and nothing to prove."""
    app = site()
    assert send(app, "/logout", {ACCESS: "nonsense"}).get_json() == {"was_in": False}


# ── what a log-in replaces ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("user", ["ada", "bob"])
@pytest.mark.parametrize("shown", [(ACCESS, REFRESH), (ACCESS,), (REFRESH,)])
def test_a_log_in_ends_what_it_replaces(user: str, shown: tuple[str, ...]) -> None:
    """Also where the browser sends one of the cookies alone: the other has a path of its own."""
    app = site()
    pair = opened(app)
    tokens = {ACCESS: pair.access_token, REFRESH: pair.refresh_token}
    answer = send(app, f"/login/{user}", {name: tokens[name] for name in shown})
    assert pair.sid not in sids(app, "ada")
    assert sids(app, user) == {answer.get_json()["sid"]}


def test_a_session_lives_on_by_the_refresh_cookie_that_stays() -> None:
    """An administrator who looks in as a user, by an access cookie alone, keeps the session."""
    app = site()
    admin = opened(app, "admin")
    cookies = {ACCESS: admin.access_token, REFRESH: admin.refresh_token}
    assert send(app, "/login/bob?without=refresh", cookies).status_code == 200
    assert sids(app, "admin") == {admin.sid}
    assert send(app, "/login/bob", cookies).status_code == 200
    assert sids(app, "admin") == set()


def test_cookies_that_are_not_set_replace_nothing() -> None:
    """A log-in whose tokens go into the body is another client's."""
    app = site()
    pair = opened(app)
    cookies = {ACCESS: pair.access_token, REFRESH: pair.refresh_token}
    assert send(app, "/login/ada?without=access&without=refresh", cookies).status_code == 200
    assert pair.sid in sids(app, "ada")


def test_where_cookies_are_no_location_they_hold_no_session() -> None:
    """What nothing reads is nobody's session in this application."""
    app = site(TOKEN_LOCATION=["headers"])
    pair = opened(app)
    assert send(app, "/login/ada", {REFRESH: pair.refresh_token}).status_code == 200
    assert pair.sid in sids(app, "ada")


def test_the_cookies_of_another_manager_are_its_own() -> None:
    """A named manager's log-in ends what its own cookies held, and no other's."""
    app = site(
        PARTNER_JWT_SECRET_KEY=SECRET[::-1],
        PARTNER_JWT_SESSION_STORE=MemoryStore(),
        PARTNER_JWT_TOKEN_LOCATION=["cookies"],
        PARTNER_JWT_REFRESH_COOKIE_NAME="partner_refresh",
    )
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")

    @app.post("/partner")
    def partner_log_in() -> Any:
        response = jsonify(ok=True)
        partner.set_refresh_cookies(response, partner.create_token_pair("ada").refresh_token)
        return response

    ours = opened(app)
    with app.app_context():
        theirs = partner.create_token_pair("ada")
    cookies = {REFRESH: ours.refresh_token, "partner_refresh": theirs.refresh_token}
    assert send(app, "/partner", cookies).status_code == 200
    assert sids(app, "ada") == {ours.sid}
    with app.app_context():
        [left] = partner.list_sessions("ada")
    assert left.sid != theirs.sid


def test_a_store_that_fails_meanwhile_is_no_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old session could not be ended: 503, and the browser keeps what it has."""
    app = site()
    pair = opened(app)

    def fail(*_: Any, **__: Any) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(MemoryStore, "end_session", fail)
    answer = send(app, "/login/bob", {REFRESH: pair.refresh_token})
    assert answer.status_code == 503
    assert "Set-Cookie" not in answer.headers
