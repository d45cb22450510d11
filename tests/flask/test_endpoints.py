"""The ready-made endpoints with cookies; those with JSON are in the scenarios."""

from __future__ import annotations

import io
import json
from http.cookies import SimpleCookie
from typing import Any

import pytest
from flask import Flask, Response, jsonify
from flask.testing import FlaskClient

from flask_signet import (
    JWTManager,
    Key,
    create_refresh_token,
    create_token_pair,
    decode_token,
    get_csrf_token,
    get_jwt_identity,
    jwt_required,
    list_sessions,
    set_access_cookies,
    set_refresh_cookies,
    token_blueprint,
    update_session,
)
from flask_signet.exceptions import StoreUnavailableError
from flask_signet.stores.memory import MemoryStore
from tests.applications import bearer
from tests.conftest import Clock

HTTPS = "https://example.com"
SECRET = "KpXn2mVt8wQzR5yH3bJf7cLs9dGa4eNu6iTo1qWx0kY"


def application(
    authenticate: Any = lambda form: form.get("user"),
    label: Any = None,
    *,
    remember: Any = None,
    cookies: bool = True,
    **options: Any,
) -> Flask:
    app = Flask("endpoints")
    app.config.update(
        JWT_SECRET_KEY=SECRET, JWT_SESSION_STORE="memory://", JWT_TOKEN_LOCATION=["cookies"]
    )
    app.config.update(options)
    JWTManager(app)
    app.register_blueprint(
        token_blueprint(authenticate, cookies=cookies, label=label, remember=remember)
    )

    @app.route("/me", methods=["GET", "POST"])
    @jwt_required()
    def me() -> Any:
        return jsonify(get_jwt_identity())

    @app.post("/write")
    @jwt_required()
    def write() -> Any:
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
    assert not any(text.count(".") == 2 for text in map(str, (login.json or {}).values()))
    assert client.get("/me").json == "ada"

    before = client.get_cookie("refresh_token_cookie")
    assert client.patch("/auth/tokens", headers=csrf(client, "refresh")).status_code == 201
    assert client.get_cookie("refresh_token_cookie") != before
    assert client.get("/me").json == "ada"

    assert client.delete("/auth/tokens", headers=csrf(client)).status_code == 204
    assert client.get_cookie("access_token_cookie") is None
    assert client.get_cookie("refresh_token_cookie") is None
    assert client.get("/me").status_code == 401


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_d7_a_bound_refresh_token_refreshes_nothing(profile: str) -> None:
    """A refresh token that is bound to a key is refused by the ready-made refresh, too."""
    app = application(cookies=False, JWT_PROFILE=profile, JWT_TOKEN_LOCATION="headers")
    with app.app_context():
        plain, bound = (
            create_refresh_token("ada", additional_claims=claims)
            for claims in (None, {"cnf": {"jkt": "0ZcOCORZNYy"}})
        )
    client = app.test_client()
    refused = client.patch("/auth/tokens", headers=bearer(bound))
    assert refused.status_code == (401 if profile == "strict" else 422)
    assert (refused.json or {})["msg"].startswith("The token is bound to a key")
    assert client.patch("/auth/tokens", headers=bearer(plain)).status_code == 201


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_cookie_alone_changes_nothing(method: str) -> None:
    """Without the CSRF value a refresh and a log-out are refused, and the session goes on."""
    client = application().test_client()
    client.post("/auth/tokens", data={"user": "ada"})
    answer = client.open("/auth/tokens", method=method.upper())
    assert answer.status_code == 401
    assert answer.json == {"msg": "Missing CSRF token"}
    assert client.get("/me").json == "ada"


@pytest.mark.parametrize("kind", ["access", "refresh"])
@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_a_browser_with_one_of_its_cookies_logs_out(profile: str, kind: str) -> None:
    """Either cookie names the session: the other one may be gone, or be of another path."""
    app = application(JWT_PROFILE=profile)
    whole = app.test_client()
    answer = whole.post("/auth/tokens", data={"user": "ada"}, base_url=HTTPS)
    assert whole.get("/me", base_url=HTTPS).json == "ada"
    half = app.test_client(use_cookies=False)
    cookies = SimpleCookie()
    for header in answer.headers.getlist("Set-Cookie"):
        cookies.load(header)
    token = next(name for name in cookies if kind in name and "csrf" not in name)
    value = next(name for name in cookies if kind in name and "csrf" in name)
    headers = {
        "Cookie": "; ".join(f"{name}={cookies[name].value}" for name in (token, value)),
        "X-CSRF-TOKEN": cookies[value].value,
    }
    assert half.delete("/auth/tokens", headers=headers, base_url=HTTPS).status_code == 204
    assert whole.get("/me", base_url=HTTPS).status_code == 401
    with app.app_context():
        assert list_sessions("ada") == []


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


# ── what the answers say ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_the_answers_say_when_tokens_expire(profile: str, ticking: Clock) -> None:
    """Log-in and refresh answer by RFC 6749 section 5.1, and for the refresh token likewise."""
    app = application(JWT_PROFILE=profile, JWT_TOKEN_LOCATION=["headers"], cookies=False)
    client = app.test_client()
    login = client.post("/auth/tokens", json={"user": "ada"})
    ticking.tick(60)
    refreshed = client.patch("/auth/tokens", headers=bearer(login.get_json()["refresh_token"]))
    for answer in (login, refreshed):
        body = answer.get_json()
        assert body.keys() == {
            *("access_token", "token_type", "expires_in"),
            *("refresh_token", "refresh_expires_in"),
        }
        assert body["token_type"] == "Bearer"
        assert (body["expires_in"], body["refresh_expires_in"]) == (15 * 60, 30 * 86_400)
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_refresh_token_ends_with_its_session(ticking: Clock) -> None:
    """Near the absolute end of a session the answer tells how little is left."""
    app = application(JWT_REFRESH_ABSOLUTE_EXPIRES=3600)
    client = app.test_client()
    client.post("/auth/tokens", json={"user": "ada"})
    ticking.tick(3000)
    refreshed = client.patch("/auth/tokens", headers=csrf(client, "refresh")).get_json()
    assert refreshed["refresh_expires_in"] == 600


@pytest.mark.usefixtures("ticking")
def test_what_never_expires_has_no_time() -> None:
    """A member that would say nothing is left out."""
    app = application(JWT_ACCESS_TOKEN_EXPIRES=False, cookies=False)
    body = app.test_client().post("/auth/tokens", json={"user": "ada"}).get_json()
    assert "expires_in" not in body
    assert body["refresh_expires_in"] == 30 * 86_400


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_a_page_that_cannot_read_cookies_is_told_the_csrf_value(profile: str) -> None:
    """The body of log-in and refresh has it: a page of another host sees no cookie of this one."""
    app = application(JWT_PROFILE=profile)
    client = app.test_client()
    base = {"base_url": "https://api.example.com"}
    login = client.post("/auth/tokens", json={"user": "ada"}, **base).get_json()
    assert login.keys() == {"sid", "expires_in", "refresh_expires_in", "csrf_token"}
    header = {"X-CSRF-TOKEN": login["csrf_token"]}
    refreshed = client.patch("/auth/tokens", headers=header, **base)
    assert refreshed.status_code == 201
    header = {"X-CSRF-TOKEN": refreshed.get_json()["csrf_token"]}
    assert client.delete("/auth/sessions", headers=header, **base).status_code == 204


def test_without_csrf_protection_there_is_no_value() -> None:
    """Where no value is asked for none is told."""
    app = application(JWT_COOKIE_CSRF_PROTECT=False)
    body = app.test_client().post("/auth/tokens", json={"user": "ada"}).get_json()
    assert body.keys() == {"sid", "expires_in", "refresh_expires_in"}


# ── a page that is closed, a page elsewhere, a script that wants the tokens ──────────────


@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_a_page_that_is_closed_logs_out(profile: str, form: bool) -> None:
    """POST /auth/logout takes the CSRF value from a form, whatever JWT_CSRF_CHECK_FORM says."""
    app = application(JWT_PROFILE=profile, JWT_CSRF_CHECK_FORM=form)
    client = app.test_client()
    base = {"base_url": "https://example.com"}
    login = client.post("/auth/tokens", json={"user": "ada"}, **base).get_json()
    assert client.post("/auth/logout", **base).status_code == 401
    wrong = client.post("/auth/logout", data={"csrf_token": "x"}, **base)
    assert (wrong.status_code, client.get("/me", **base).status_code) == (401, 200)
    beacon = {"csrf_token": login["csrf_token"]}
    assert client.post("/auth/logout", data=beacon, **base).status_code == 204
    assert client.get("/me", **base).status_code == 401
    assert client.post("/auth/logout", data=beacon, **base).status_code == 401


def test_the_form_is_read_for_the_beacon_alone() -> None:
    """What the beacon's endpoint does for its own request is no option of the others'."""
    app = application()
    client = app.test_client()
    value = client.post("/auth/tokens", json={"user": "ada"}).get_json()["csrf_token"]
    client.post("/auth/logout", data={"csrf_token": "x"})
    assert client.delete("/auth/tokens", data={"csrf_token": value}).status_code == 401


def test_without_cookies_there_is_no_endpoint_for_the_beacon() -> None:
    """A beacon can bring nothing but cookies."""
    assert application(cookies=False).test_client().post("/auth/logout").status_code == 404


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_a_trusted_page_elsewhere_logs_in(profile: str, caplog: pytest.LogCaptureFixture) -> None:
    """front-01: a trusted origin logs in, writes and logs out; any other is refused and logged."""
    front = "https://www.example.net"
    app = application(JWT_PROFILE=profile, JWT_TRUSTED_ORIGINS=[front])
    client = app.test_client()
    base = {"base_url": "https://api.example.com"}
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    sent = {"json": {"user": "ada"}, **base}
    assert client.post("/auth/tokens", headers=elsewhere, **sent).status_code == 401
    record = caplog.records[-1]
    assert "'https://evil.example'" in record.getMessage()
    assert "'https://api.example.com'" in record.getMessage()

    headers = {"Sec-Fetch-Site": "cross-site", "Origin": front}
    login = client.post("/auth/tokens", headers=headers, **sent)
    assert login.status_code == 201
    headers["X-CSRF-TOKEN"] = login.get_json()["csrf_token"]
    assert client.post("/write", headers=headers, **base).status_code == 200
    forged = {**headers, "Origin": "https://evil.example"}
    expected = 401 if profile == "strict" else 200  # by default the value alone is asked for
    assert client.post("/write", headers=forged, **base).status_code == expected
    assert client.delete("/auth/tokens", headers=headers, **base).status_code == 204


@pytest.mark.parametrize("locations", [["cookies"], ["cookies", "headers"], ["headers", "cookies"]])
@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_a_script_gets_no_token_of_a_cookie(profile: str, locations: list[str]) -> None:
    """With tokens in the body a cookie refreshes nothing: its successor would be for scripts."""
    app = application(JWT_PROFILE=profile, JWT_TOKEN_LOCATION=locations, cookies=False)
    client = app.test_client()
    base = {"base_url": "https://example.com"}
    with app.test_request_context():
        pair = create_token_pair("ada")
        response = Response()
        set_refresh_cookies(response, pair.refresh_token)
        value = get_csrf_token(pair.refresh_token)
    for line in response.headers.getlist("Set-Cookie"):
        name, _, rest = line.partition("=")
        client.set_cookie(name, rest.partition(";")[0], domain="example.com")
    refused = client.patch("/auth/tokens", headers={"X-CSRF-TOKEN": value}, **base)
    assert refused.status_code == 401
    assert "token" not in {*refused.get_json()}
    if "headers" in locations:
        answer = client.patch("/auth/tokens", headers=bearer(pair.refresh_token), **base)
        assert answer.status_code == 201


# ── cookies of before ────────────────────────────────────────────────────────────────────

PLAIN_NAMES = {
    "JWT_ACCESS_COOKIE_NAME": "access",
    "JWT_REFRESH_COOKIE_NAME": "refresh",
    "JWT_ACCESS_CSRF_COOKIE_NAME": "csrf_access",
    "JWT_REFRESH_CSRF_COOKIE_NAME": "csrf_refresh",
}


def set_cookies(response: Any) -> list[dict[str, Any]]:
    """Name, value and domain of each cookie that a response sets or clears, in its order."""
    found = []
    for line in response.headers.getlist("Set-Cookie"):
        (name, value), *attributes = (
            (part.strip().partition("=")[::2]) for part in line.split(";")
        )
        domains = [value for key, value in attributes if key.lower() == "domain"]
        found.append({"name": name, "value": value, "domain": domains[0] if domains else None})
    return found


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_a_log_out_by_several_cookies_clears_all_of_them(profile: str) -> None:
    """front-02: after a change of domain each session of the browser ends, and each cookie goes."""
    app = application(
        JWT_PROFILE=profile,
        JWT_COOKIE_DOMAIN="new.example.com",
        JWT_COOKIE_DOMAINS_BEFORE=["example.com"],
        **PLAIN_NAMES,
    )
    with app.test_request_context():
        pairs = [create_token_pair("ada") for _ in range(2)]
        values = [get_csrf_token(pair.access_token) for pair in pairs]
    cookie = "; ".join(
        f"access={pair.access_token}; refresh={pair.refresh_token}" for pair in pairs
    )
    client = app.test_client(use_cookies=False)
    base = {"base_url": "https://new.example.com"}
    wrong = client.delete("/auth/tokens", headers={"Cookie": cookie, "X-CSRF-TOKEN": "x"}, **base)
    assert wrong.status_code == 401
    headers = {"Cookie": cookie, "X-CSRF-TOKEN": values[1]}
    answer = client.delete("/auth/tokens", headers=headers, **base)
    assert answer.status_code == 204
    cleared = {
        (cookie["name"], cookie["domain"]) for cookie in set_cookies(answer) if not cookie["value"]
    }
    names = ("access", "refresh", "csrf_access", "csrf_refresh")
    domains = (None, "example.com", "new.example.com")
    assert cleared == {(name, domain) for name in names for domain in domains}
    with app.test_request_context():
        assert list_sessions("ada") == []


def test_one_rotten_cookie_does_not_stop_a_log_out() -> None:
    """Of two cookies of one name that which is no token of ours has nothing to end."""
    app = application(JWT_PROFILE="strict", JWT_COOKIE_DOMAIN="example.com", **PLAIN_NAMES)
    with app.test_request_context():
        pair = create_token_pair("ada")
        value = get_csrf_token(pair.access_token)
    headers = {"Cookie": f"access=x; access={pair.access_token}", "X-CSRF-TOKEN": value}
    client = app.test_client(use_cookies=False)
    answer = client.delete("/auth/tokens", headers=headers, base_url="https://api.example.com")
    assert answer.status_code == 204
    with app.test_request_context():
        assert list_sessions("ada") == []


def test_a_log_out_while_nobody_can_read_the_keys_is_a_503() -> None:
    """Nobody can tell whose the token is: the cookies stay, for the client to ask again."""

    class Sometimes(MemoryStore):
        answers = True

        def load_keys(self, name: str = "") -> tuple[str, int]:
            if not self.answers:
                raise StoreUnavailableError
            return super().load_keys(name)

    store = Sometimes()
    store.save_keys(json.dumps({"keys": [Key.generate("ES256").to_private_jwk()]}), after=0)
    options = {"JWT_SECRET_KEY": None, "JWT_KEYS": "store:", "JWT_SESSION_STORE": store}
    with application(**options).test_request_context():
        pair = create_token_pair("ada")
    restarted = application(JWT_COOKIE_CSRF_PROTECT=False, **options).test_client()
    restarted.set_cookie("access_token_cookie", pair.access_token)
    store.answers = False
    answer = restarted.post("/auth/logout")
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (503, False)
    store.answers = True
    assert restarted.post("/auth/logout").status_code == 204


@pytest.mark.parametrize("profile", ["compatible", "strict"])
@pytest.mark.parametrize("before", [None, ["old.example.com"]])
def test_who_logs_in_after_a_change_of_domain_is_in(profile: str, before: Any) -> None:
    """front-02: a log-in clears the cookies of before, so that the new ones count alone."""
    app = application(JWT_PROFILE=profile, JWT_CSRF_CHECK_ORIGIN=False, **PLAIN_NAMES)
    client = app.test_client()
    base = {"base_url": "https://api.old.example.com"}
    client.post("/auth/tokens", json={"user": "ada"}, **base)  # cookies of this host alone
    app.config["JWT_COOKIE_DOMAIN"] = "example.com"
    app.config["JWT_COOKIE_DOMAINS_BEFORE"] = before
    for _ in range(2):  # without the option the second log-in sees that there are two
        client.post("/auth/tokens", json={"user": "bob"}, **base)
    answer = client.get("/me", **base)
    assert (answer.status_code, answer.json) == (200, "bob")


def test_a_log_in_replaces_planted_cookies() -> None:
    """web-fixation: what an attacker put into a browser is gone after its owner has logged in."""
    app = application()
    attacker, victim = app.test_client(), app.test_client()
    attacker.post("/auth/tokens", json={"user": "mallory"})
    names = (
        *("access_token_cookie", "refresh_token_cookie"),
        *("csrf_access_token", "csrf_refresh_token"),
    )
    planted = {}
    for name in names:
        cookie = attacker.get_cookie(name)
        assert cookie is not None
        planted[name] = cookie.value
        victim.set_cookie(name, cookie.value)
    assert victim.get("/me").json == "mallory"
    victim.post("/auth/tokens", json={"user": "ada"})
    for name in names:
        cookie = victim.get_cookie(name)
        assert cookie is not None
        assert cookie.value != planted[name]
    assert victim.get("/me").json == "ada"


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


# ── what strangers send ──────────────────────────────────────────────────────────────────

BOTH_WAYS = pytest.mark.parametrize("cookies", [True, False])


def plain(**options: Any) -> Flask:
    """An application whose tokens are in headers and JSON bodies."""
    return application(cookies=False, JWT_TOKEN_LOCATION=["headers", "json"], **options)


@BOTH_WAYS
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 5_000,
        b'{"user":' * 5_000,
        b'{"user": ' + b"1" * 10_000 + b"}",
        b'{"user": "\\ud800"}',
        b'{"user": "ada", "x": ["\\udfff"]}',
        b"\xff\xfe",
        b"null",
        b'"user"',
        b"",
    ],
)
def test_json_that_cannot_be_read_has_no_user(body: bytes, cookies: bool) -> None:
    """Too deep, too large a number, half a surrogate pair: a wrong log-in, and no error of ours."""
    app = application() if cookies else plain()
    answer = app.test_client().post("/auth/tokens", data=body, content_type="application/json")
    assert (answer.status_code, answer.json) == (401, {"msg": "Wrong user or password"})


@BOTH_WAYS
@pytest.mark.parametrize("path", ["tokens", "sessions", "logout"])
def test_a_long_body_is_refused_at_every_endpoint(path: str, cookies: bool) -> None:
    """Above 64 KiB: 413 in the form of all our answers, whatever the body is."""
    app = application(JWT_CSRF_CHECK_FORM=True) if cookies else plain()
    for content_type in ("application/json", "application/x-www-form-urlencoded", "x/y", ""):
        for method in ("POST", "PATCH", "DELETE", "GET"):
            answer = app.test_client().open(
                f"/auth/{path}", method=method, data=b"a" * 65_537, content_type=content_type
            )
            if answer.status_code in (404, 405):
                continue
            assert answer.status_code == 413
            assert answer.json == {"msg": "The body is too long: it may have 65536 bytes"}
            assert answer.headers["Cache-Control"] == "no-store"


def test_a_chunked_body_is_refused_where_it_is_too_long() -> None:
    """Its length is not known before; a guard that looks for a token reads no more either."""
    client = plain().test_client()
    for method, found in (("POST", 413), ("PATCH", 413), ("DELETE", 413)):
        answer = client.open(
            "/auth/tokens",
            method=method,
            input_stream=io.BytesIO(b'{"refresh_token": "' + b"x" * 66_000),
            content_type="application/json",
            environ_overrides={
                "wsgi.input_terminated": True,
                "HTTP_TRANSFER_ENCODING": "chunked",
            },
        )
        assert answer.status_code == found


def test_a_form_of_many_fields_is_refused() -> None:
    """A thousand fields are no log-in: 413, and they are not taken apart."""
    client = application().test_client()
    for content_type, body in (
        ("application/x-www-form-urlencoded", "a=&" * 1_000),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data\r\n\r\n\r\n" * 1_001,
        ),
    ):
        answer = client.post("/auth/tokens", data=body, content_type=content_type)
        assert answer.status_code == 413
        assert set(answer.json or {}) == {"msg"}


def test_flasks_own_limit_is_answered_in_our_form() -> None:
    """A lower MAX_CONTENT_LENGTH counts, and its answer is JSON as all others."""
    app = plain(MAX_CONTENT_LENGTH=10)
    for sent in ({"json": {"user": "ada"}}, {"data": {"user": "ada and others"}}):
        answer = app.test_client().post("/auth/tokens", **sent)
        assert (answer.status_code, answer.json) == (413, {"msg": "The body is too long"})


@pytest.mark.parametrize("device", [1, 1.5, True, None, [], {}, ["x"], {"a": 1}])
def test_what_is_no_text_is_no_label(device: Any) -> None:
    """A client sends any JSON: the recipe of the documentation takes it, and the list is empty."""
    app = application(label=lambda sent: sent.get("device", ""))
    client = app.test_client()
    answer = client.post("/auth/tokens", json={"user": "ada", "device": device})
    assert answer.status_code == 201
    [session] = client.get("/auth/sessions").json or []
    assert session["label"] == ""


@pytest.mark.parametrize("chosen", ["yes", 1, 0, [], {"a": 1}])
def test_what_is_neither_yes_nor_no_is_no_choice(chosen: Any) -> None:
    """A client sends any JSON: the log-in goes on as the options say."""
    app = application(remember=lambda sent: sent.get("remember"))
    answer = app.test_client().post("/auth/tokens", json={"user": "ada", "remember": chosen})
    assert answer.status_code == 201
    assert set(lives(answer).values()) == {None}


def test_a_label_of_the_application_is_a_text() -> None:
    """In a view of one's own another type is the programmer's mistake, and is told so."""
    with application().test_request_context():
        for wrong in (5, ["x"], b"x"):
            with pytest.raises(TypeError, match="label takes a text, not"):
                create_token_pair("ada", label=wrong)  # type: ignore[arg-type]  # the mistake
        create_token_pair("ada", label="")


@pytest.mark.parametrize("query", ["others=\xff", "\xff=\xfe", "others=%ff", "&" * 900])
def test_a_query_string_of_any_bytes_is_read(query: str) -> None:
    """What is no UTF-8 asks for nothing: all sessions end, the others' too."""
    client = plain().test_client()
    tokens = client.post("/auth/tokens", json={"user": "ada"}).json or {}
    answer = client.delete(
        "/auth/sessions",
        headers=bearer(tokens["access_token"]),
        environ_overrides={"QUERY_STRING": query},
    )
    assert answer.status_code == 204
    assert client.get("/me", headers=bearer(tokens["access_token"])).status_code == 401


# ── where nothing rotates ────────────────────────────────────────────────────────────────


def test_without_rotation_a_refresh_gives_an_access_token_alone() -> None:
    """The refresh token stays good; the access token belongs to the session and its claims."""
    app = plain(JWT_REFRESH_ROTATION=False)
    with app.test_request_context():
        pair = create_token_pair("ada", additional_claims={"tenant": "a"}, remember=True)
    client, refresh = app.test_client(), bearer(pair.refresh_token)
    for tenant in ("a", "b"):
        answer = client.patch("/auth/tokens", headers=refresh)
        assert answer.status_code == 201
        body = answer.json or {}
        assert set(body) == {"access_token", "token_type", "expires_in", "refresh_expires_in"}
        with app.app_context():
            claims = decode_token(body["access_token"])
            update_session(pair.sid, claims={"tenant": "b"})
        assert (claims["sid"], claims["sub"], claims["tenant"]) == (pair.sid, "ada", tenant)
        assert (claims["type"], claims["fresh"], claims["remembered"]) == ("access", False, True)
        assert client.get("/me", headers=bearer(body["access_token"])).json == "ada"
    assert client.patch("/auth/tokens", headers=bearer(pair.access_token)).status_code == 422
    assert client.delete("/auth/tokens", headers=refresh).status_code == 204
    assert client.patch("/auth/tokens", headers=refresh).status_code == 401
    assert client.get("/me", headers=bearer(body["access_token"])).status_code == 401


def test_without_rotation_cookies_get_an_access_token_alone() -> None:
    """The answer sets the access cookie, with the CSRF value that the session has."""
    client = application(JWT_REFRESH_ROTATION=False).test_client()
    client.post("/auth/tokens", data={"user": "ada"})
    before, value = client.get_cookie("refresh_token_cookie"), csrf(client)
    answer = client.patch("/auth/tokens", headers=csrf(client, "refresh"))
    assert answer.status_code == 201
    body = answer.json or {}
    assert set(body) == {"sid", "csrf_token", "expires_in", "refresh_expires_in"}
    assert csrf(client) == value == {"X-CSRF-TOKEN": body["csrf_token"]}
    assert client.get_cookie("refresh_token_cookie") == before
    assert client.get("/me").json == "ada"


def test_without_rotation_a_user_who_is_gone_gets_nothing() -> None:
    """The `user_state_loader` is asked as at a rotation, and its no ends the session."""
    app = plain(JWT_REFRESH_ROTATION=False)
    manager: JWTManager = app.extensions["flask-jwt-extended"]
    manager.user_state_loader(lambda identity: identity != "gone")
    client = app.test_client()
    tokens = client.post("/auth/tokens", json={"user": "gone"}).json or {}
    refused = client.patch("/auth/tokens", headers=bearer(tokens["refresh_token"]))
    assert refused.status_code == 401
    assert client.get("/me", headers=bearer(tokens["access_token"])).status_code == 401


def test_without_rotation_no_refresh_token_is_taken_from_a_cookie() -> None:
    """Where the answer is in the body, a script could read the new token."""
    app = application(
        cookies=False, JWT_REFRESH_ROTATION=False, JWT_TOKEN_LOCATION=["headers", "cookies"]
    )
    client = app.test_client()
    tokens = client.post("/auth/tokens", json={"user": "ada"}).json or {}
    client.set_cookie("refresh_token_cookie", tokens["refresh_token"])
    with app.app_context():
        proof = {"X-CSRF-TOKEN": get_csrf_token(tokens["refresh_token"])}
    assert client.patch("/auth/tokens", headers=proof).status_code == 401
    good = client.patch("/auth/tokens", headers=bearer(tokens["refresh_token"]))
    assert good.status_code == 201
    only = application(
        cookies=False, JWT_REFRESH_ROTATION=False, JWT_TOKEN_LOCATION=["cookies"]
    ).test_client()
    assert only.patch("/auth/tokens").json == {
        "msg": "A refresh token in a cookie is not taken here"
    }
