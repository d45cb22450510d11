"""The ready-made endpoints with cookies; those with JSON are in the scenarios."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import pytest
from flask import Flask, Response, jsonify
from flask.testing import FlaskClient

from flask_signet import (
    JWTManager,
    create_token_pair,
    decode_token,
    get_jwt_identity,
    jwt_required,
    set_access_cookies,
    set_refresh_cookies,
    token_blueprint,
)

SECRET = "KpXn2mVt8wQzR5yH3bJf7cLs9dGa4eNu6iTo1qWx0kY"


def application(
    authenticate: Any = lambda form: form.get("user"),
    label: Any = None,
    remember: Any = None,
    **options: Any,
) -> Flask:
    app = Flask("endpoints")
    app.config.update(
        JWT_SECRET_KEY=SECRET, JWT_SESSION_STORE="memory://", JWT_TOKEN_LOCATION=["cookies"]
    )
    app.config.update(options)
    JWTManager(app)
    app.register_blueprint(
        token_blueprint(authenticate, cookies=True, label=label, remember=remember)
    )

    @app.route("/me", methods=["GET", "POST"])
    @jwt_required()
    def me() -> Any:
        return jsonify(get_jwt_identity())

    return app


def csrf(client: FlaskClient, kind: str = "access") -> dict[str, str]:
    """The header that a page's script sends: the value of the cookie that it can read."""
    cookie = client.get_cookie(f"csrf_{kind}_token")
    assert cookie is not None
    return {"X-CSRF-TOKEN": cookie.value}


def test_a_browser_logs_in_refreshes_and_logs_out() -> None:
    """With cookies the whole of a session needs no token in any body."""
    client = application().test_client()
    login = client.post("/auth/tokens", data={"user": "ada"})
    assert login.status_code == 201
    assert set(login.json or {}) == {"sid"}
    assert client.get("/me").json == "ada"

    before = client.get_cookie("refresh_token_cookie")
    assert client.patch("/auth/tokens", headers=csrf(client, "refresh")).status_code == 201
    assert client.get_cookie("refresh_token_cookie") != before
    assert client.get("/me").json == "ada"

    assert client.delete("/auth/tokens", headers=csrf(client)).status_code == 204
    assert client.get_cookie("access_token_cookie") is None
    assert client.get_cookie("refresh_token_cookie") is None
    assert client.get("/me").status_code == 401


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_cookie_alone_changes_nothing(method: str) -> None:
    """Without the CSRF value a refresh and a log-out are refused, and the session goes on."""
    client = application().test_client()
    client.post("/auth/tokens", data={"user": "ada"})
    answer = client.open("/auth/tokens", method=method.upper())
    assert answer.status_code == 401
    assert answer.json == {"msg": "Missing CSRF token"}
    assert client.get("/me").json == "ada"


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
def test_a_login_from_another_site_is_refused(headers: dict[str, str]) -> None:
    """A page elsewhere can't log its visitor in as somebody else (login CSRF)."""
    client = application().test_client()
    answer = client.post("/auth/tokens", data={"user": "mallory"}, headers=headers)
    assert answer.status_code == 401
    assert client.get_cookie("access_token_cookie") is None


def test_reuse_clears_the_cookies() -> None:
    """A replayed refresh cookie ends the session and leaves the browser without one."""
    app = application(JWT_REFRESH_REUSE_GRACE=0)
    owner, thief = app.test_client(), app.test_client()
    owner.post("/auth/tokens", data={"user": "ada"})
    for name in ("refresh_token_cookie", "csrf_refresh_token"):
        stolen = owner.get_cookie(name)
        assert stolen is not None
        thief.set_cookie(name, stolen.value)
    assert owner.patch("/auth/tokens", headers=csrf(owner, "refresh")).status_code == 201
    assert thief.patch("/auth/tokens", headers=csrf(thief, "refresh")).status_code == 401
    assert thief.get_cookie("refresh_token_cookie") is None
    assert owner.get("/me").status_code == 401


def test_authenticate_may_be_async() -> None:
    """An `async def authenticate` is awaited."""

    async def authenticate(form: Any) -> Any:
        return form.get("user")

    assert (
        application(authenticate).test_client().post("/auth/tokens", data={"user": "a"}).status_code
        == 201
    )


def test_a_login_names_its_device() -> None:
    """`label` gets what `authenticate` got, and only of those who are let in; it may be async."""
    asked = []

    async def label(form: Any) -> str:
        asked.append(form["user"])
        return str(form["device"])

    app = application(lambda form: form["user"] if form["user"] != "eve" else None, label=label)
    client = app.test_client()
    refused = client.post("/auth/tokens", json={"user": "eve", "device": "none"})
    assert refused.status_code == 401
    client.post("/auth/tokens", json={"user": "ada", "device": "Ada's phone"})
    [session] = client.get("/auth/sessions").json or []
    assert session["label"] == "Ada's phone"
    assert asked == ["ada"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"[]", "application/json"), (b"{", "application/json"), (b"\xff", "text/plain"), (b"", "")],
)
def test_an_odd_login_is_a_wrong_one(body: bytes, content_type: str) -> None:
    """What is no JSON object and no form has no user in it."""
    client = application().test_client()
    answer = client.post("/auth/tokens", data=body, content_type=content_type)
    assert answer.status_code == 401


def test_without_a_store_the_option_is_named() -> None:
    """A refresh in an application without a store is the operator's error."""
    app = application(JWT_SESSION_STORE=None)
    app.testing = True
    client = app.test_client()
    client.post("/auth/tokens", data={"user": "ada"})
    with pytest.raises(RuntimeError, match="JWT_SESSION_STORE is not set"):
        client.patch("/auth/tokens", headers=csrf(client, "refresh"))


# ── one CSRF value a session ─────────────────────────────────────────────────────────────


def test_front_04_a_form_that_was_open_before_a_refresh_goes_through() -> None:
    """A tab has the CSRF value of its session, also after another tab refreshed."""
    client = application().test_client()
    client.post("/auth/tokens", data={"user": "ada"})
    form, refreshing = csrf(client), csrf(client, "refresh")
    for _ in range(3):
        assert client.patch("/auth/tokens", headers=refreshing).status_code == 201
        assert client.post("/me", headers=form).json == "ada"
    assert csrf(client) == csrf(client, "refresh") == form


def test_web_csrf_bound_the_value_of_another_session_is_refused() -> None:
    """The value belongs to its session: that of another one of the same user is not good."""
    app = application()
    one, other = app.test_client(), app.test_client()
    for client in (one, other):
        client.post("/auth/tokens", data={"user": "ada"})
    answer = one.post("/me", headers=csrf(other))
    assert answer.status_code == 401
    assert one.patch("/auth/tokens", headers=csrf(other, "refresh")).status_code == 401
    assert one.post("/me", headers=csrf(one)).status_code == 200


# ── remember me ──────────────────────────────────────────────────────────────────────────


def lives(answer: Any) -> dict[str, int | None]:
    """How long a browser keeps each cookie that an answer sets: seconds; None: until it ends."""
    found = {}
    for line in answer.headers.getlist("Set-Cookie"):
        for name, morsel in SimpleCookie(line).items():
            found[name] = int(morsel["max-age"]) if morsel["max-age"] else None
    assert len(found) == 4
    return found


YEAR = 31540000


@pytest.mark.parametrize("remember", [True, False, None])
@pytest.mark.parametrize("session_cookie", [True, False])
def test_a_choice_at_the_log_in_decides_how_long_the_cookies_stay(
    session_cookie: bool, remember: bool | None
) -> None:
    """Every refresh keeps the choice; without a choice the option decides."""
    app = application(
        remember=lambda sent: {"yes": True, "no": False}.get(sent.get("remember", "")),
        JWT_SESSION_COOKIE=session_cookie,
    )
    client = app.test_client()
    said = {True: "yes", False: "no", None: ""}[remember]
    answer = client.post("/auth/tokens", data={"user": "ada", "remember": said})
    stays = not session_cookie if remember is None else remember
    for _ in range(3):
        assert set(lives(answer).values()) == ({YEAR} if stays else {None})
        answer = client.patch("/auth/tokens", headers=csrf(client, "refresh"))


def test_the_choice_holds_where_cookies_need_no_csrf_value() -> None:
    """The token says what was chosen, so it is read also where nothing else of it is needed."""
    app = application(remember=lambda sent: True, JWT_COOKIE_CSRF_PROTECT=False)
    client = app.test_client()
    for answer in (client.post("/auth/tokens", data={"user": "ada"}), client.patch("/auth/tokens")):
        assert answer.status_code == 201
        assert all("Max-Age" in line for line in answer.headers.getlist("Set-Cookie"))


def test_a_cookie_that_stays_ends_with_its_token_where_that_is_asked() -> None:
    """With JWT_COOKIE_EXPIRES_WITH_TOKEN a remembered cookie lives as long as its token."""
    app = application(
        remember=lambda sent: True,
        JWT_COOKIE_EXPIRES_WITH_TOKEN=True,
        JWT_ACCESS_TOKEN_EXPIRES=300,
        JWT_REFRESH_TOKEN_EXPIRES=7000,
    )
    found = lives(app.test_client().post("/auth/tokens", data={"user": "ada"}))
    assert 295 < (found["access_token_cookie"] or 0) <= 300
    assert 6995 < (found["refresh_token_cookie"] or 0) <= 7000


def test_what_is_chosen_may_be_async() -> None:
    """An `async def` that chooses is awaited."""

    async def remember(sent: Any) -> bool:
        return True

    app = application(remember=remember)
    answer = app.test_client().post("/auth/tokens", data={"user": "ada"})
    assert set(lives(answer).values()) == {YEAR}


def test_without_a_store_the_choice_is_in_the_tokens_of_the_log_in() -> None:
    """There is no session to end early; the refresh token of a log-in is short-lived instead."""
    app = Flask("no store")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_TOKEN_LOCATION=["cookies"])
    JWTManager(app)
    with app.test_request_context():
        for remember, days, life in ((True, 30, YEAR), (False, 1, None), (None, 30, None)):
            pair = create_token_pair("ada", remember=remember)
            claims = decode_token(pair.refresh_token)
            assert claims["exp"] - claims["iat"] == days * 86_400
            response = Response()
            set_access_cookies(response, pair.access_token)
            set_refresh_cookies(response, pair.refresh_token)
            assert set(lives(response).values()) == {life}
