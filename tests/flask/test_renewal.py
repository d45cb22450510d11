"""Pages without scripts (front-03): the access cookie is renewed before the view runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, Response, jsonify, make_response, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from flask_signet import (
    JWTManager,
    create_access_token,
    get_current_user,
    get_jwt,
    get_jwt_identity,
    get_jwt_request_location,
    jwt_required,
    list_sessions,
    logout,
    rotate_refresh_token,
    set_access_cookies,
    set_refresh_cookies,
    token_blueprint,
    unset_access_cookies,
    unset_jwt_cookies,
    verify_jwt_in_request,
)
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import StoreUnavailableError
from flask_signet.signals import token_reused, token_rotated
from flask_signet.stores.memory import MemoryStore
from tests.applications import PROFILES, SECRET, bearer
from tests.conftest import Clock

HOST = "https://example.com"
PAST_ACCESS = 16 * 60  # seconds: the access token lives for 15 minutes
DAY = 86_400
NAMES = {
    "JWT_ACCESS_COOKIE_NAME": "access",
    "JWT_REFRESH_COOKIE_NAME": "refresh",
    "JWT_ACCESS_CSRF_COOKIE_NAME": "csrf_access",
    "JWT_REFRESH_CSRF_COOKIE_NAME": "csrf_refresh",
}
COOKIES = {*NAMES.values()}


@pytest.fixture(autouse=True)
def _time(ticking: Clock) -> None:
    """Every test ticks by hand."""


def application(profile: str = "compatible", **options: Any) -> Flask:
    app = Flask("pages")
    app.config.update(
        JWT_PROFILE=profile,
        JWT_SECRET_KEY=SECRET,
        JWT_SESSION_STORE=MemoryStore(),
        JWT_TOKEN_LOCATION=["cookies"],
        JWT_CSRF_CHECK_FORM=True,
        JWT_RENEW_COOKIES=True,
        **NAMES,
    )
    app.config.update({f"JWT_{name}": value for name, value in options.items()})
    JWTManager(app)
    app.register_blueprint(token_blueprint(lambda sent: sent.get("user"), cookies=True))
    app.add_url_rule("/page", "page", jwt_required()(page), methods=["GET", "POST"])
    app.add_url_rule("/optional", "optional", jwt_required(optional=True)(page))
    app.add_url_rule("/fresh", "fresh", jwt_required(fresh=True)(page))
    app.add_url_rule("/refresh", "refresh", jwt_required(refresh=True)(page))
    return app


def page() -> Any:
    return jsonify(
        id=get_jwt_identity(),
        sid=get_jwt().get("sid"),
        csrf=get_jwt().get("csrf"),
        location=get_jwt_request_location(),
        text=request.form.get("text"),
    )


def view(app: Flask, function: Callable[[], Any], **guard: Any) -> None:
    app.add_url_rule("/view", "view", jwt_required(**guard)(function), methods=["GET", "POST"])


class Browser:
    """A browser that has logged in."""

    def __init__(self, app: Flask, user: str = "ada") -> None:
        self.client: FlaskClient = app.test_client()
        self.csrf = self.open("/auth/tokens", data={"user": user}).get_json()["csrf_token"]

    def open(self, path: str = "/page", **more: Any) -> TestResponse:
        """GET, or with `data` POST."""
        method = "POST" if "data" in more else "GET"
        return self.client.open(path, method=method, base_url=HOST, **more)

    def cookie(self, name: str) -> str | None:
        found = self.client.get_cookie(name, domain="example.com")
        return None if found is None else found.value

    def forget(self, name: str) -> None:
        self.client.delete_cookie(name, domain="example.com")


def set_in(response: TestResponse) -> list[str]:
    """The names of the cookies that an answer sets or clears, in order."""
    return [line.partition("=")[0] for line in response.headers.getlist("Set-Cookie")]


class Rotations(list[str]):
    """The sessions that were rotated meanwhile."""

    def note(self, _app: Any, sid: str, **_about: Any) -> None:
        self.append(sid)


@pytest.fixture
def rotations() -> Any:
    found = Rotations()
    with token_rotated.connected_to(found.note):
        yield found


# ── what is renewed ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("missing", [False, True])
def test_a_page_is_shown(profile: str, missing: bool, ticking: Clock, rotations: Rotations) -> None:
    """An access cookie that has expired, or that the browser dropped for it, is renewed."""
    browser = Browser(application(profile))
    session = browser.open().get_json()["sid"]
    assert rotations == []
    before = {name: browser.cookie(name) for name in COOKIES}
    ticking.tick(PAST_ACCESS)
    if missing:
        browser.forget("access")
    answer = browser.open()
    assert answer.status_code == 200
    assert answer.get_json()["id"] == "ada"
    assert answer.get_json()["sid"] == session
    assert answer.get_json()["location"] == "cookies"
    assert sorted(set_in(answer)) == sorted(COOKIES)
    assert answer.headers["Cache-Control"] == "no-store"
    assert browser.cookie("access") != before["access"]
    assert browser.cookie("refresh") != before["refresh"]
    assert rotations == [session]
    assert set_in(browser.open()) == []
    assert rotations == [session]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("missing", [False, True])
def test_a_form_goes_through_once(
    profile: str, missing: bool, ticking: Clock, rotations: Rotations
) -> None:
    """A form that was open too long is not lost: the view gets it, with the value that it has."""
    browser = Browser(application(profile))
    ticking.tick(PAST_ACCESS)
    if missing:
        browser.forget("access")
    answer = browser.open(data={"text": "long", "csrf_token": browser.csrf})
    assert answer.status_code == 200
    assert answer.get_json()["text"] == "long"
    assert len(rotations) == 1
    again = browser.open(data={"text": "more", "csrf_token": answer.get_json()["csrf"]})
    assert again.status_code == 200


@pytest.mark.parametrize("form", [{}, {"csrf_token": "x"}])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("path", ["/page", "/view"])
def test_a_forged_form_renews_nothing(
    form: dict[str, str], missing: bool, path: str, ticking: Clock, rotations: Rotations
) -> None:
    """Without the right CSRF value a form is refused, as it would be before the expiry."""
    app = application()
    view(app, page, optional=True)
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)
    if missing:
        browser.forget("access")
    answer = browser.open(path, data=form)
    assert answer.status_code == 401
    assert "CSRF" in answer.get_json()["msg"]
    assert rotations == []
    assert set_in(answer) == []
    assert browser.open().status_code == 200


def test_a_form_from_another_site_renews_nothing(ticking: Clock, rotations: Rotations) -> None:
    """The origin is asked for where it is asked for elsewhere."""
    browser = Browser(application("strict"))
    ticking.tick(PAST_ACCESS)
    form = {"csrf_token": browser.csrf}
    for missing in (False, True):
        if missing:
            browser.forget("access")
        answer = browser.open(data=form, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.get_json()["msg"] == "Cross-site request refused"
    assert rotations == []


def test_the_form_has_the_field_of_the_access_token(ticking: Clock) -> None:
    """The page was made for the guard of its view, which reads that field."""
    app = application(ACCESS_CSRF_FIELD_NAME="mine", REFRESH_CSRF_FIELD_NAME="theirs")
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)
    assert browser.open(data={"theirs": browser.csrf}).status_code == 401
    assert browser.open(data={"mine": browser.csrf}).status_code == 200


def test_a_view_of_ones_own_is_renewed(ticking: Clock, rotations: Rotations) -> None:
    """`verify_jwt_in_request()` renews as a decorator does; several in one request renew once."""
    app = application()

    @app.before_request
    def look() -> None:
        verify_jwt_in_request(optional=True)

    def several() -> Any:
        verify_jwt_in_request()
        verify_jwt_in_request(locations="cookies")
        return page()

    view(app, several)
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)
    answer = browser.open("/view")
    assert (answer.status_code, answer.get_json()["id"]) == (200, "ada")
    assert sorted(set_in(answer)) == sorted(COOKIES)
    assert len(rotations) == 1


def test_an_optional_guard_knows_its_user_again(ticking: Clock) -> None:
    """A page for everybody shows a user whose access cookie has expired, or gone, as logged in."""
    browser = Browser(application())
    ticking.tick(PAST_ACCESS)
    assert browser.open("/optional").get_json()["id"] == "ada"
    browser.forget("access")
    assert browser.open("/optional").get_json()["id"] == "ada"
    browser.forget("access")
    browser.forget("refresh")
    answer = browser.open("/optional")
    assert (answer.status_code, answer.get_json()["id"]) == (200, None)


def test_a_named_manager_renews_by_its_own_cookies(ticking: Clock, rotations: Rotations) -> None:
    """Each manager has its option, its cookies and its sessions."""
    app = Flask("partner")
    app.config.update(
        JWT_SECRET_KEY=SECRET,
        PARTNER_JWT_SECRET_KEY=SECRET[::-1],
        PARTNER_JWT_SESSION_STORE=MemoryStore(),
        PARTNER_JWT_TOKEN_LOCATION=["cookies"],
        PARTNER_JWT_RENEW_COOKIES=True,
    )
    JWTManager(app)
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")

    @app.post("/login")
    def login() -> Response:
        pair, answer = partner.create_token_pair("ada"), make_response("")
        partner.set_access_cookies(answer, pair.access_token)
        partner.set_refresh_cookies(answer, pair.refresh_token)
        return answer

    app.add_url_rule("/view", view_func=partner.jwt_required()(partner.get_jwt_identity))
    client = app.test_client()
    client.post("/login")
    ticking.tick(PAST_ACCESS)
    assert client.get("/view").text == "ada"
    assert len(rotations) == 1


def test_the_user_is_looked_up(ticking: Clock) -> None:
    """The view has the user of the new token; and a user who is gone has no session any more."""
    app = application()
    users = {"ada": "Ada"}
    jwt = app.extensions["flask-jwt-extended"]
    jwt.user_lookup_loader(lambda _header, claims: users.get(claims["sub"]))
    view(app, get_current_user)
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)
    assert browser.open("/view").text == "Ada"
    users.clear()
    ticking.tick(PAST_ACCESS)
    assert browser.open("/view").get_json()["msg"] == "Token has expired"
    assert browser.cookie("refresh") is None
    with app.test_request_context():
        assert list_sessions("ada") == []


# ── what is not ──────────────────────────────────────────────────────────────────────────


def test_nothing_is_renewed_unless_asked_for(ticking: Clock, rotations: Rotations) -> None:
    """Without the option an expired cookie is expired."""
    browser = Browser(application(RENEW_COOKIES=False))
    ticking.tick(PAST_ACCESS)
    assert browser.open().get_json()["msg"] == "Token has expired"
    browser.forget("access")
    assert browser.open().get_json()["msg"] == 'Missing cookie "access"'
    assert rotations == []


@pytest.mark.parametrize("guard", [{"refresh": True}, {"locations": "headers"}])
def test_other_guards_renew_nothing(guard: Any, ticking: Clock, rotations: Rotations) -> None:
    """A guard for refresh tokens, or for another location, finds what it asks for or nothing."""
    app = application(TOKEN_LOCATION=["headers", "cookies"])
    view(app, page, **guard)
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)
    browser.open("/view")
    expired = browser.cookie("access")
    assert expired is not None
    for path in ("/view", "/page"):
        answer = browser.open(path, headers=bearer(expired))
        assert answer.status_code in (401, 422)
    assert rotations == []


@pytest.mark.parametrize("ending", ["absolute", "idle", "log-out", "reuse"])
@pytest.mark.parametrize("path", ["/page", "/optional"])
def test_the_end_of_a_session_holds(ending: str, path: str, ticking: Clock) -> None:
    """However often a session is renewed, it ends when it ends, and log-in is asked for."""
    app = application(REFRESH_ABSOLUTE_EXPIRES=timedelta(hours=1), REFRESH_IDLE_EXPIRES=1800)
    browser, thief = Browser(app), app.test_client()
    for _ in range(3):
        ticking.tick(PAST_ACCESS)
        stolen = browser.cookie("refresh")
        assert browser.open().status_code == 200
    if ending in ("absolute", "idle"):
        ticking.tick(1801 if ending == "idle" else PAST_ACCESS)
    else:
        ticking.tick(60)
        if ending == "log-out":
            with app.test_request_context():
                app.extensions["flask-jwt-extended"].end_sessions("ada")
        else:
            assert browser.open().status_code == 200  # the new cookies have arrived
            assert stolen is not None
            thief.set_cookie("refresh", stolen, domain="example.com")
            assert thief.get("/page", base_url=HOST).status_code == 401
        browser.forget("access")
    for _ in range(2):
        answer = browser.open(path)
        known = answer.get_json().get("id") if answer.status_code == 200 else None
        assert known is None
    if path == "/page":
        assert answer.status_code == 401


def test_a_stolen_cookie_is_noticed(ticking: Clock) -> None:
    """A renewal is a refresh: reuse is told, ends the session, and clears the cookies."""
    app = application()
    browser, thief = Browser(app), app.test_client()
    stolen = browser.cookie("refresh")
    assert stolen is not None
    for _ in range(2):
        ticking.tick(PAST_ACCESS)
        assert browser.open().status_code == 200
    ticking.tick(60)
    thief.set_cookie("refresh", stolen, domain="example.com")
    told = []
    with token_reused.connected_to(lambda _app, **about: told.append(about["subject"])):
        answer = thief.get("/page", base_url=HOST)
    assert answer.status_code == 401
    assert told == ["ada"]
    assert thief.get_cookie("refresh", domain="example.com") is None
    assert browser.open().status_code == 401


def test_cookies_of_two_persons_are_not_mixed(ticking: Clock, rotations: Rotations) -> None:
    """The refresh cookie of another subject renews no page of this one."""
    app = application()
    ada, bob = Browser(app), Browser(app, "bob")
    planted = bob.cookie("refresh")
    assert planted is not None
    ada.client.set_cookie("refresh", planted, domain="example.com")
    ticking.tick(PAST_ACCESS)
    assert ada.open().get_json()["msg"] == "Token has expired"
    assert rotations == []


def test_rubbish_is_no_refresh_cookie(ticking: Clock) -> None:
    """The answer is that of the guard, not an error about a cookie that it did not ask for."""
    browser = Browser(application())
    ticking.tick(PAST_ACCESS)
    browser.client.set_cookie("refresh", "x.y.z", domain="example.com")
    assert browser.open().get_json()["msg"] == "Token has expired"
    browser.forget("access")
    assert browser.open().get_json()["msg"] == 'Missing cookie "access"'


def test_a_renewed_token_is_not_fresh(ticking: Clock) -> None:
    """A guard that asks for a log-in says so; the renewal itself is kept."""
    browser = Browser(application())
    ticking.tick(PAST_ACCESS)
    answer = browser.open("/fresh")
    assert (answer.status_code, answer.get_json()["msg"]) == (401, "Fresh token required")
    assert sorted(set_in(answer)) == sorted(COOKIES)
    assert set_in(browser.open()) == []


def test_a_store_that_is_down_is_a_503(ticking: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is sent to log in again because the store does not answer."""
    app = application()
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)

    def down(*_: Any, **__: Any) -> Any:
        raise StoreUnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "rotate", down)
        for path in ("/page", "/optional"):
            answer = browser.open(path)
            assert answer.status_code == 503
            assert set_in(answer) == []
    assert browser.open().status_code == 200


def test_a_loaders_error_is_its_own(ticking: Clock, rotations: Rotations) -> None:
    """A loader that finds another token expired refuses this one; nothing is renewed for it."""
    app = application()
    jwt = app.extensions["flask-jwt-extended"]
    with app.test_request_context():
        old = create_access_token("else", expires_delta=timedelta(seconds=1))

    @jwt.token_in_blocklist_loader
    def look(_header: Any, _claims: Any) -> bool:
        jwt.decode_token(old)
        return False

    browser = Browser(app)
    ticking.tick(60)
    assert browser.open().get_json()["msg"] == "Token has expired"
    assert rotations == []


# ── the cookies of the view ──────────────────────────────────────────────────────────────


def test_a_view_that_logs_out_is_obeyed(ticking: Clock) -> None:
    """`logout()` in a renewed request ends the session, and no new cookie comes after it."""
    app = application()
    view(app, lambda: jsonify(logout()))
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)
    answer = browser.open("/view", data={"csrf_token": browser.csrf})
    assert answer.get_json() is True
    assert {*answer.headers.getlist("Set-Cookie")} == {
        line for line in answer.headers.getlist("Set-Cookie") if "=;" in line
    }
    assert browser.cookie("access") is browser.cookie("refresh") is None
    with app.test_request_context():
        assert list_sessions("ada") == []


def test_a_view_that_clears_the_cookies_is_obeyed(ticking: Clock) -> None:
    """What a view clears stays cleared, and what it sets stays set."""
    app = application()

    def clear() -> Response:
        answer = make_response("")
        unset_jwt_cookies(answer)
        return answer

    view(app, clear)
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)
    browser.open("/view")
    assert browser.cookie("access") is browser.cookie("refresh") is None


@pytest.mark.parametrize("clears", [False, True])
def test_a_view_that_sets_one_cookie_keeps_it(clears: bool, ticking: Clock) -> None:
    """The other cookie is renewed all the same: its old token is good no more."""
    app = application()
    made = []

    def step_up() -> Response:
        answer = make_response("")
        if clears:
            unset_access_cookies(answer)
        else:
            made.append(create_access_token("ada", fresh=True))
            set_access_cookies(answer, made[0])
        return answer

    view(app, step_up)
    browser = Browser(app)
    before = browser.cookie("refresh")
    ticking.tick(PAST_ACCESS)
    answer = browser.open("/view")
    assert sorted(set_in(answer)) == sorted(COOKIES)
    assert browser.cookie("access") == (None if clears else made[0])
    assert browser.cookie("refresh") not in (None, before)


def test_a_view_that_refreshes_has_the_last_word(ticking: Clock) -> None:
    """A refresh in a renewed request goes on from the renewal, also where there is no grace."""
    app = application(REFRESH_REUSE_GRACE=0)

    def refresh() -> Response:
        pair, answer = rotate_refresh_token(), make_response("")
        set_access_cookies(answer, pair.access_token)
        set_refresh_cookies(answer, pair.refresh_token)
        return answer

    view(app, refresh)
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)
    assert browser.open("/view").status_code == 200
    for _ in range(2):
        ticking.tick(PAST_ACCESS)
        assert browser.open().status_code == 200


def test_a_view_that_fails_keeps_the_session(ticking: Clock) -> None:
    """The old refresh token is used: an answer of any kind brings the next one."""
    app = application()

    def fail() -> Any:
        raise ZeroDivisionError

    view(app, fail)
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)
    answer = browser.open("/view")
    assert answer.status_code == 500
    assert sorted(set_in(answer)) == sorted(COOKIES)
    ticking.tick(PAST_ACCESS)
    assert browser.open().status_code == 200


def test_two_pages_at_once_are_both_shown(ticking: Clock) -> None:
    """Frames, and tabs that a browser opens again, send the same cookies at the same time."""
    app = application()
    browser, tab = Browser(app), app.test_client()
    ticking.tick(PAST_ACCESS)
    for name in ("access", "refresh"):
        value = browser.cookie(name)
        assert value is not None
        tab.set_cookie(name, value, domain="example.com")
    first, second = browser.open(), tab.get("/page", base_url=HOST)
    assert (first.status_code, second.status_code) == (200, 200)
    [mine] = [line for line in first.headers.getlist("Set-Cookie") if line.startswith("refresh=")]
    assert mine in second.headers.getlist("Set-Cookie")
    ticking.tick(PAST_ACCESS)
    assert browser.open().status_code == 200


def test_an_async_view_is_renewed(ticking: Clock) -> None:
    """An `async def` view runs after the renewal like any other."""

    async def wait() -> Any:
        return page()

    app = application()
    view(app, wait)
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)
    assert browser.open("/view").get_json()["id"] == "ada"


# ── what it costs ────────────────────────────────────────────────────────────────────────


def test_a_renewal_looks_once_at_the_options(
    ticking: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewed request works by one Signet from its first check to its last cookie."""
    app = application()
    browser = Browser(app)
    looks: list[Signet] = []
    here = app.extensions["flask-signet"][""]
    look = type(here).signet

    def counted(self: Any) -> Signet:
        looks.append(look(self))
        return looks[-1]

    monkeypatch.setattr(type(here), "signet", counted)
    here.current._look = here.signet
    browser.open()
    assert len(looks) == 1
    ticking.tick(PAST_ACCESS)
    browser.open()
    assert len(looks) == 2


def test_a_renewal_is_one_write(ticking: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is asked for one rotation, and nothing is read before it."""
    app = application()
    browser = Browser(app)
    ticking.tick(PAST_ACCESS)
    asked: list[str] = []

    def counting(name: str) -> Callable[..., Any]:
        method = methods[name]

        def run(self: Any, *arguments: Any, **named: Any) -> Any:
            asked.append(name)
            # Within the method, what the store asks itself is no question.
            with pytest.MonkeyPatch.context() as inside:
                for other, original in methods.items():
                    inside.setattr(MemoryStore, other, original)
                return method(self, *arguments, **named)

        return run

    questions = ("rotate", "adopt", "find_session", "list_sessions", "end_session", "touch")
    methods = {name: getattr(MemoryStore, name) for name in questions}
    for name in questions:
        monkeypatch.setattr(MemoryStore, name, counting(name))
    assert browser.open().status_code == 200
    assert asked == ["rotate"]
