"""What is made from a session's token belongs to it, and a log-out ends what it was shown (own-*).

Over HTTP requests, on every store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, jsonify
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_signet import (
    create_access_token,
    create_refresh_token,
    decode_token,
    get_jwt_identity,
    jwt_required,
    logout,
    oauth_blueprint,
    revoke_token,
    set_access_cookies,
    set_refresh_cookies,
    token_blueprint,
)
from flask_signet.signals import token_revoked
from tests.applications import signed
from tests.conftest import Clock
from tests.scenarios.service import SECRET, Scenario, bearer

Make = Callable[..., Scenario]

CLIENT = ("orders", "hQ2vXr8LmT5wZk9bNc3dYf7g")


@pytest.fixture
def make(store: object, ticking: Clock) -> Iterator[Make]:
    """Makes the application on the store, its clock ticking by hand."""
    made: list[Scenario] = []

    def scenario(**options: Any) -> Scenario:
        made.append(Scenario(store, **options))
        add_views(made[-1].app)
        return made[-1]

    yield scenario
    for each in made:
        each.close()


def add_views(app: Flask) -> None:
    """The step-up and the refresh that applications bring along from Flask-JWT-Extended."""

    @app.post("/step-up")
    @jwt_required()
    def step_up() -> Any:
        return jsonify(token=create_access_token(get_jwt_identity(), fresh=True))

    @app.post("/plain-refresh")
    @jwt_required(refresh=True)
    def plain_refresh() -> Any:
        return jsonify(token=create_access_token(get_jwt_identity()))

    @app.post("/for-another")
    @jwt_required()
    def for_another() -> Any:
        return jsonify(token=create_access_token(f"not-{get_jwt_identity()}"))

    @app.post("/apart")
    @jwt_required()
    def apart() -> Any:
        return jsonify(token=create_access_token(get_jwt_identity(), session=False))

    @app.post("/logout")
    def log_out() -> Any:
        return jsonify(was_in=logout())

    app.register_blueprint(oauth_blueprint(lambda name, secret: (name, secret) == CLIENT))


def made_at(scenario: Scenario, path: str, token: str) -> str:
    """The access token that a view makes for a request with this token."""
    answer = scenario.client.post(path, headers=bearer(token))
    assert answer.status_code == 200, answer.json
    text: str = (answer.json or {})["token"]
    return text


def status(scenario: Scenario, token: str) -> int:
    return scenario.client.get("/protected", headers=bearer(token)).status_code


# ── own-01: what is made from a session's token ──────────────────────────────────────────


@pytest.mark.parametrize("profile", ["compatible", "strict"])
@pytest.mark.parametrize(
    ("path", "kind"), [("/step-up", "access_token"), ("/plain-refresh", "refresh_token")]
)
def test_own_01_it_ends_with_the_session(
    make: Make, ticking: Clock, profile: str, path: str, kind: str
) -> None:
    """A log-out by the refresh token refuses the token that a view made, however late it asks."""
    scenario = make(profile=profile)
    tokens = scenario.login()
    ticking.tick(60)
    made = made_at(scenario, path, tokens[kind])
    with scenario.app.app_context():
        new, old = decode_token(made), decode_token(tokens[kind])
    assert (new["sid"], new["auth_time"]) == (old["sid"], old["auth_time"])
    assert new["iat"] > old["iat"]
    assert status(scenario, made) == 200
    scenario.client.delete("/auth/tokens", headers=bearer(tokens["refresh_token"]))
    ticking.tick(890)  # it lives 900 seconds
    assert status(scenario, made) == 401


def test_own_01_a_log_out_by_it_ends_the_session(make: Make) -> None:
    """The token that a view made is as good for the log-out as the session's own."""
    scenario = make()
    tokens = scenario.login()
    made = made_at(scenario, "/plain-refresh", tokens["refresh_token"])
    assert scenario.client.delete("/auth/tokens", headers=bearer(made)).status_code == 204
    assert scenario.get(tokens) == status(scenario, made) == 401
    assert scenario.refresh(tokens).status_code == 401


@pytest.mark.parametrize("path", ["/for-another", "/apart"])
def test_own_01_another_identitys_token_and_one_made_apart_stay(make: Make, path: str) -> None:
    """A token for another identity, or with session=False, is of no session and outlives it."""
    scenario = make()
    tokens = scenario.login()
    made = made_at(scenario, path, tokens["access_token"])
    with scenario.app.app_context():
        assert {"sid", "auth_time"}.isdisjoint(decode_token(made))
    scenario.client.delete("/auth/tokens", headers=bearer(tokens["access_token"]))
    assert scenario.get(tokens) == 401
    assert status(scenario, made) == 200


# ── own-02: a refresh token that a session has adopted ───────────────────────────────────


def by_log_out(scenario: Scenario, token: str) -> None:
    assert scenario.client.post("/logout", headers=bearer(token)).json == {"was_in": True}


def by_endpoint(scenario: Scenario, token: str) -> None:
    assert scenario.client.delete("/auth/tokens", headers=bearer(token)).status_code == 204


def by_function(scenario: Scenario, token: str) -> None:
    with scenario.app.app_context():
        revoke_token(token)


def by_oauth(scenario: Scenario, token: str) -> None:
    answer = scenario.client.post("/oauth/revoke", data={"token": token}, auth=CLIENT)
    assert answer.status_code == 200


WAYS_OUT = (by_log_out, by_endpoint, by_function, by_oauth)


@pytest.mark.parametrize("end", WAYS_OUT)
def test_own_02_the_old_token_ends_the_session_that_adopted_it(
    make: Make, ticking: Clock, end: Callable[[Scenario, str], None]
) -> None:
    """A client that lost the answer of its first rotation logs out by the token that it has."""
    scenario = make()
    with scenario.app.app_context():
        old = create_refresh_token(scenario.user)
    adopted = scenario.next({"refresh_token": old})
    ticking.tick(3600)
    adopted = scenario.next(adopted)
    assert scenario.get(adopted) == 200
    end(scenario, old)
    assert scenario.get(adopted) == 401
    assert scenario.refresh(adopted).status_code == 401
    assert scenario.refresh(old).status_code == 401


@pytest.mark.parametrize("end", WAYS_OUT)
def test_a_token_that_was_logged_out_opens_no_session(
    make: Make, end: Callable[[Scenario, str], None]
) -> None:
    """After a log-out nothing adopts the token any more; one event tells it, of the token alone."""
    scenario = make()
    with scenario.app.app_context():
        old = create_refresh_token(scenario.user)
    told = []
    with token_revoked.connected_to(
        lambda sender, **about: told.append(about["kind"]), scenario.app
    ):
        end(scenario, old)
    assert told == ["jti"]
    assert scenario.refresh(old).status_code == 401


# ── a token of ours without a jti ────────────────────────────────────────────────────────


def nameless(ticking: Clock, kind: str, **claims: Any) -> str:
    now = int(ticking())
    return signed({"sub": "ada", "type": kind, "iat": now, "exp": now + 600, **claims}, SECRET)


@pytest.mark.parametrize("end", WAYS_OUT)
def test_an_access_token_without_a_jti_is_refused_until_it_expires(
    make: Make, ticking: Clock, end: Callable[[Scenario, str], None]
) -> None:
    """A log-out that succeeds refuses the token, and no other one without a jti."""
    scenario = make(verify_sub=False)
    token, other = (nameless(ticking, "access", sub=scenario.user, n=n) for n in (1, 2))
    assert status(scenario, token) == 200
    end(scenario, token)
    for _ in range(2):
        assert [status(scenario, token), status(scenario, other)] == [401, 200]
        ticking.tick(595)


@pytest.mark.parametrize("end", WAYS_OUT)
@pytest.mark.parametrize("rotated", [False, True])
def test_a_refresh_token_without_a_jti_refreshes_no_more(
    make: Make, ticking: Clock, end: Callable[[Scenario, str], None], *, rotated: bool
) -> None:
    """Before its first rotation it is refused; after it, the session that adopted it ends."""
    scenario = make()
    token = nameless(ticking, "refresh", sub=scenario.user)
    adopted = scenario.next({"refresh_token": token}) if rotated else None
    end(scenario, token)
    assert scenario.refresh(token).status_code == 401
    if adopted is not None:
        assert scenario.get(adopted) == 401
        assert scenario.refresh(adopted).status_code == 401


# ── browsers: two CSRF values, two log-ins ───────────────────────────────────────────────


class Browser:
    """A client with cookies, of an application that takes tokens in cookies."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.app = scenario.app
        self.client: FlaskClient = self.app.test_client()

    def ask(self, method: str, path: str, **more: Any) -> TestResponse:
        return self.client.open(path, method=method, base_url="https://app.example", **more)

    def cookie(self, option: str) -> str:
        """The value of the cookie that an option names."""
        name = self.app.config[f"JWT_{option}_COOKIE_NAME"]
        found = self.client.get_cookie(name, domain="app.example")
        assert found is not None
        return str(found.value)

    def csrf(self, kind: str) -> dict[str, str]:
        return {"X-CSRF-TOKEN": self.cookie(f"{kind}_CSRF")}

    def log_in(self, user: str | None = None) -> dict[str, str]:
        """Log in by the ready-made endpoint; the tokens that the browser then has."""
        answer = self.ask("POST", "/web/tokens", json={"user": user or self.scenario.user})
        assert answer.status_code == 201, answer.json
        return self.tokens()

    def tokens(self) -> dict[str, str]:
        return {"access_token": self.cookie("ACCESS"), "refresh_token": self.cookie("REFRESH")}

    def log_in_apart(self) -> None:
        """Log in by a view in the manner of Flask-JWT-Extended: two tokens made apart."""
        assert (
            self.ask("POST", "/apart-login", json={"user": self.scenario.user}).status_code == 200
        )


@pytest.fixture(params=["compatible", "strict"])
def browser(make: Make, request: pytest.FixtureRequest) -> Browser:
    scenario = make(profile=request.param, token_location=["headers", "cookies"])
    pages = token_blueprint(
        lambda sent: sent.get("user"), name="web", url_prefix="/web", cookies=True
    )
    scenario.app.register_blueprint(pages)

    @scenario.app.post("/apart-login")
    def apart_login() -> Any:
        answer = jsonify(ok=True)
        set_access_cookies(answer, create_access_token(scenario.user, fresh=True))
        set_refresh_cookies(answer, create_refresh_token(scenario.user))
        return answer

    @scenario.app.post("/refresh-cookies")
    @jwt_required(refresh=True)
    def refresh_cookies() -> Any:
        answer = jsonify(ok=True)
        set_access_cookies(answer, create_access_token(get_jwt_identity()))
        return answer

    return Browser(scenario)


@pytest.mark.parametrize("kind", ["ACCESS", "REFRESH"])
@pytest.mark.parametrize("path", ["/web/tokens", "/logout"])
def test_own_12_one_right_csrf_value_logs_out_both(browser: Browser, kind: str, path: str) -> None:
    """Tokens made apart have a CSRF value each: a log-out with either ends both."""
    browser.log_in_apart()
    tokens = browser.tokens()
    assert browser.cookie("ACCESS_CSRF") != browser.cookie("REFRESH_CSRF")
    method = "DELETE" if path == "/web/tokens" else "POST"
    assert browser.ask(method, path, headers=browser.csrf(kind)).status_code in (200, 204)
    assert browser.scenario.get(tokens) == 401
    assert browser.scenario.refresh(tokens).status_code == 401
    assert browser.client.get_cookie(browser.app.config["JWT_ACCESS_COOKIE_NAME"]) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [(None, "Missing CSRF token"), ("x", "CSRF double submit tokens do not match")],
)
def test_own_12_no_right_csrf_value_logs_nobody_out(
    browser: Browser, value: str | None, message: str
) -> None:
    """Any site can have a browser send its cookies: without a right value both tokens stay good."""
    browser.log_in_apart()
    tokens = browser.tokens()
    headers = {} if value is None else {"X-CSRF-TOKEN": value}
    refused = browser.ask("DELETE", "/web/tokens", headers=headers)
    assert (refused.status_code, (refused.json or {})["msg"]) == (401, message)
    assert browser.scenario.get(tokens) == 200
    assert browser.scenario.refresh(tokens).status_code == 201


def test_after_a_refresh_view_of_before_a_page_logs_out_and_in_its_forms_go_on(
    browser: Browser,
) -> None:
    """The access token of such a view has the session's own CSRF value, and ends with it."""
    browser.log_in()
    value = browser.csrf("REFRESH")
    assert browser.ask("POST", "/refresh-cookies", headers=value).status_code == 200
    tokens = browser.tokens()
    assert browser.csrf("ACCESS") == value
    assert browser.ask("DELETE", "/web/tokens", headers=value).status_code == 204
    assert browser.scenario.get(tokens) == 401
    assert browser.scenario.refresh(tokens).status_code == 401


@pytest.mark.parametrize("user", [None, "somebody-else"])
def test_web_fixation_a_second_log_in_ends_the_session_that_it_replaces(
    browser: Browser, user: str | None
) -> None:
    """Nothing that was in the browser before the log-in is good after it, whoever put it there."""
    planted = browser.log_in(user and f"{user}-{browser.scenario.user}")
    elsewhere = browser.scenario.login()
    mine = browser.log_in()
    assert browser.scenario.get(planted) == 401
    assert browser.scenario.refresh(planted).status_code == 401
    assert browser.scenario.get(mine) == browser.scenario.get(elsewhere) == 200
    assert browser.scenario.refresh(mine).status_code == 201


def test_web_fixation_of_a_token_from_before(browser: Browser) -> None:
    """A refresh token without a session, in the cookie that a log-in replaces, is revoked."""
    browser.log_in_apart()
    before = browser.tokens()
    browser.log_in()
    assert browser.scenario.refresh(before).status_code == 401


def test_a_refresh_replaces_cookies_and_ends_nothing(browser: Browser) -> None:
    """The tokens of a refresh, also of one that adopts, are of the session that goes on."""
    browser.log_in_apart()
    for _ in range(3):
        refreshed = browser.ask("PATCH", "/web/tokens", headers=browser.csrf("REFRESH"))
        assert refreshed.status_code == 201
        assert browser.scenario.get(browser.tokens()) == 200
    assert browser.scenario.refresh(browser.tokens()).status_code == 201


def test_a_cookie_of_nobody_is_replaced_in_silence(browser: Browser) -> None:
    """What was planted and is no token of ours keeps nobody from the log-in."""
    name = browser.app.config["JWT_REFRESH_COOKIE_NAME"]
    forged = signed({"sub": browser.scenario.user, "sid": "x", "auth_time": 1}, "x" * 64)
    for text in ("nonsense", forged):
        browser.client.set_cookie(name, text, domain="app.example")
        assert browser.scenario.get(browser.log_in()) == 200
