"""The pages: where they send a browser, what they protect it from."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from examples.auth_service.devices import printable
from flask_signet import create_access_token, create_refresh_token, decode_token
from flask_signet.sessions.session import Presented
from tests.examples.auth_service.accounts import (
    EMAIL,
    PASSWORD,
    MakeApp,
    SessionsOf,
    bearer,
    register,
)

FORM = {"email": EMAIL, "password": PASSWORD}
ACCESS, REFRESH = "access_token_cookie", "refresh_token_cookie"


@pytest.fixture
def browser(client: FlaskClient) -> FlaskClient:
    """A client that has registered and logged in."""
    answer = client.post("/register", data=FORM)
    assert (answer.status_code, answer.location) == (303, "/")
    return client


def value(client: FlaskClient, name: str) -> str:
    cookie = client.get_cookie(name)
    return cookie.value if cookie else ""


def logout_form(client: FlaskClient) -> dict[str, list[str]]:
    """The fields of the form on the start page that logs out."""
    fields: dict[str, list[str]] = {}
    for name, field in re.findall(
        r'type="hidden" name="(.*?)" value="(.*?)"', client.get("/").text
    ):
        fields.setdefault(name, []).append(field)
    assert fields
    return fields


def is_revoked(app: Flask, token: str) -> bool:
    with app.app_context():
        claims = decode_token(token, allow_expired=True)
    store = app.extensions["auth_service"].store
    if claims["type"] == "refresh":
        return store.find_session(claims["sid"], now=time.time()) is None
    return store.is_revoked(Presented(sid=claims["sid"]), now=time.time())


def sent_to_login(answer: TestResponse, *, back_to: str | None) -> bool:
    parts = urlsplit(answer.location or "")
    query = {"next": [back_to]} if back_to else {}
    return answer.status_code == 303 and parts.path == "/login" and parse_qs(parts.query) == query


# ── the way to the login page ────────────────────────────────────────────────────────────


def test_without_a_login_one_is_sent_to_the_login_page(client: FlaskClient) -> None:
    """A page that needs a login redirects with 303 to the login page, which leads back."""
    assert sent_to_login(client.get("/"), back_to="/")
    assert sent_to_login(client.get("/?a=b&c=%20d"), back_to="/?a=b&c=%20d")


def test_the_login_leads_back(client: FlaskClient) -> None:
    """The page that asked for the login is where the browser goes after it."""
    register(client)
    form = client.get("/login?next=/?a=b").text
    assert '<input type="hidden" name="next" value="/?a=b">' in form
    answer = client.post("/login", data={**FORM, "next": "/?a=b"})
    assert (answer.status_code, answer.location) == (303, "/?a=b")
    assert EMAIL in client.get("/?a=b").text


@pytest.mark.parametrize("page", ["/login", "/register"])
@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\r\nX-Header: x",
        "/%0d%0aX-Header: x",
        "//evil.example@host",
        "/\t/evil.example",
        "/\n/evil.example",
    ],
)
def test_the_login_leads_nowhere_else(client: FlaskClient, page: str, target: str) -> None:
    """A next that is no path of this service is forgotten: in the form, and after it."""
    if page == "/login":
        register(client)
    assert "evil" not in client.get(page, query_string={"next": target}).text
    answer = client.post(page, data={**FORM, "next": target})
    assert (answer.status_code, answer.location) == (303, "/")
    assert "X-Header" not in answer.headers


def test_a_bad_cookie_leads_to_the_login_page_and_is_dropped(client: FlaskClient) -> None:
    """What is no token of ours, in the cookie, is no reason to be stuck."""
    client.set_cookie(ACCESS, "a.b.c")
    assert sent_to_login(client.get("/"), back_to="/")
    assert client.get_cookie(ACCESS) is None


def test_a_revoked_token_leads_to_the_login_page(app: Flask, browser: FlaskClient) -> None:
    """A cookie kept from before the log-out opens nothing."""
    token = value(browser, ACCESS)
    browser.post("/logout", data={"csrf_token": value(browser, "csrf_refresh_token")})
    thief = app.test_client()
    thief.set_cookie(ACCESS, token)
    assert sent_to_login(thief.get("/"), back_to="/")


def test_a_deleted_user_is_sent_to_the_login_page(app: Flask, browser: FlaskClient) -> None:
    """The cookies of a user who is gone are dropped."""
    with app.extensions["auth_service"].database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM users")
    assert sent_to_login(browser.get("/"), back_to="/")
    assert browser.get_cookie(REFRESH) is None


def test_an_expired_access_token_is_renewed(app: Flask, browser: FlaskClient) -> None:
    """After 15 minutes the refresh token brings the next access token, and the same page."""
    with app.app_context():
        past = {"exp": int(time.time()) - 10}
        expired = create_access_token(identity=1, additional_claims=past)
    browser.set_cookie(ACCESS, expired)
    answer = browser.get("/?a=b")
    assert answer.status_code == 303
    assert urlsplit(answer.location or "").path == "/renew"
    answer = browser.get(answer.location or "")
    assert (answer.status_code, answer.location) == (303, "/?a=b")
    assert EMAIL in browser.get("/?a=b").text


def test_renewing_replaces_the_refresh_token(browser: FlaskClient) -> None:
    """The cookies are others afterwards, and the browser goes on with them."""
    before = {name: value(browser, name) for name in (ACCESS, REFRESH)}
    answer = browser.get("/renew?next=/sessions")
    assert (answer.status_code, answer.location) == (303, "/sessions")
    assert all(value(browser, name) not in {"", before[name]} for name in before)
    assert EMAIL in browser.get("/").text
    assert sent_to_login(browser.post("/logout", data=logout_form(browser)), back_to=None)


def test_a_stolen_refresh_cookie_ends_the_session(app: Flask, browser: FlaskClient) -> None:
    """Used after the grace, when the browser has renewed twice, it costs both their cookies."""
    thief = app.test_client()
    thief.set_cookie(REFRESH, value(browser, REFRESH))
    for _ in range(2):
        assert browser.get("/renew").location == "/"
    app.config["JWT_REFRESH_REUSE_GRACE"] = 1e-6  # as if the grace were over
    assert sent_to_login(thief.get("/renew?next=/sessions"), back_to="/sessions")
    assert thief.get_cookie(REFRESH) is None
    assert sent_to_login(browser.get("/"), back_to="/")
    assert browser.get_cookie(ACCESS) is browser.get_cookie(REFRESH) is None


def test_two_tabs_that_renew_at_once_are_no_thief(app: Flask, browser: FlaskClient) -> None:
    """The second of two that send one refresh cookie gets the same successor."""
    tab = app.test_client()
    tab.set_cookie(REFRESH, value(browser, REFRESH))
    assert browser.get("/renew").location == tab.get("/renew").location == "/"
    assert value(browser, REFRESH) == value(tab, REFRESH)
    assert EMAIL in browser.get("/").text


def test_renewing_ends_the_session_of_a_disabled_user(
    app: Flask, browser: FlaskClient, sessions_of: SessionsOf
) -> None:
    """The browser is sent to the login page, and its session is gone for good."""
    app.extensions["auth_service"].accounts.disable(EMAIL)
    assert len(sessions_of(1)) == 1
    assert sent_to_login(browser.get("/renew?next=/sessions"), back_to="/sessions")
    assert sessions_of(1) == []
    assert browser.get_cookie(REFRESH) is None


def test_an_expired_refresh_token_leads_to_the_login_page(app: Flask, browser: FlaskClient) -> None:
    """After 7 days one logs in again, and is led back to the page."""
    with app.app_context():
        past = {"exp": int(time.time()) - 10}
        browser.set_cookie(ACCESS, create_access_token(identity=1, additional_claims=past))
        browser.set_cookie(REFRESH, create_refresh_token(identity=1, additional_claims=past))
    answer = browser.get("/?a=b", follow_redirects=True)
    assert [step.status_code for step in answer.history] == [303, 303]
    assert answer.request.path == "/login"
    assert answer.request.args["next"] == "/?a=b"


# ── logging in ───────────────────────────────────────────────────────────────────────────


def test_the_page_shows_the_user(browser: FlaskClient) -> None:
    """The start page has the address, the roles, and a button to log out."""
    page = browser.get("/").text
    assert EMAIL in page
    assert '<span class="tag">user</span>' in page
    assert "Log out" in page


def test_wrong_credentials_have_one_page(client: FlaskClient) -> None:
    """The page for an unknown user is the one for a wrong password, but for the address."""
    register(client)
    pages = set()
    for email in (EMAIL, "eve@example.org"):
        answer = client.post("/login", data={"email": email, "password": "wrong"})
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers
        pages.add(answer.text.replace(email, ""))
    assert len(pages) == 1
    assert "Wrong e-mail address or password." in pages.pop()


def test_a_form_shows_what_is_wrong(client: FlaskClient) -> None:
    """The address stays in the form, the password does not."""
    answer = client.post("/register", data={"email": "<b>", "password": "short"})
    assert answer.status_code == 422
    assert "Not a valid email address." in answer.text
    assert "between 8 and 1024" in answer.text
    assert 'value="&lt;b&gt;"' in answer.text
    assert "short" not in answer.text


def test_a_taken_address_is_shown_in_the_form(client: FlaskClient) -> None:
    """Registering twice is a 409 with the form again."""
    register(client)
    answer = client.post("/register", data=FORM)
    assert answer.status_code == 409
    assert "This e-mail address is taken." in answer.text


def test_the_token_cookies_are_out_of_reach(client: FlaskClient) -> None:
    """Scripts can't read them, and other sites' forms don't send them."""
    answer = client.post("/register", data=FORM)
    cookies = {line.split("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}
    for name in (ACCESS, REFRESH):
        assert "HttpOnly" in cookies[name]
    for line in cookies.values():
        assert "SameSite=Lax" in line
        assert "Domain" not in line


def test_behind_https_the_cookies_are_bound_to_the_host(make_app: MakeApp) -> None:
    """With AUTH_SERVICE_HTTPS the cookies are Secure, and the tokens' names say __Host-."""
    client = make_app(AUTH_SERVICE_HTTPS=True).test_client()
    answer = client.post("/register", data=FORM, base_url="https://auth.example.org")
    lines = answer.headers.getlist("Set-Cookie")
    assert sum(line.startswith("__Host-") for line in lines) == 2
    assert all("; Secure" in line for line in lines)
    assert "Strict-Transport-Security" in answer.headers
    assert EMAIL in client.get("/", base_url="https://auth.example.org").text


def test_a_login_replaces_all_cookies(app: Flask, client: FlaskClient) -> None:
    """Tokens that were in the browser before, an attacker's perhaps, are replaced and revoked."""
    register(client)
    register(client, "eve@example.org")
    client.post("/login", data={**FORM, "email": "eve@example.org"})
    names = (ACCESS, REFRESH, "csrf_access_token", "csrf_refresh_token")
    before = {name: value(client, name) for name in names}
    assert client.post("/login", data=FORM).status_code == 303
    for name in names:
        assert value(client, name) not in {"", before[name]}
    assert is_revoked(app, before[ACCESS])
    assert is_revoked(app, before[REFRESH])
    assert EMAIL in client.get("/").text


# ── cross-site requests ──────────────────────────────────────────────────────────────────

CROSS_SITE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:81"},
    {"Origin": "https://localhost"},
    {"Origin": "http://["},
    {"Origin": "null"},
    {"Origin": "http://user@localhost"},
]


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
@pytest.mark.parametrize("page", ["/login", "/register"])
def test_another_site_can_not_log_one_in(
    client: FlaskClient, page: str, headers: dict[str, str]
) -> None:
    """A login form sent from elsewhere is a 403, and sets no cookie (login CSRF)."""
    if page == "/login":
        register(client)
    answer = client.post(page, data=FORM, headers=headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("headers", CROSS_SITE, ids=str)
def test_another_site_can_not_log_one_out(browser: FlaskClient, headers: dict[str, str]) -> None:
    """A log-out sent from elsewhere is a 403, even with the right CSRF value."""
    answer = browser.post("/logout", data=logout_form(browser), headers=headers)
    assert answer.status_code == 403
    assert EMAIL in browser.get("/").text


@pytest.mark.parametrize(
    ("origin", "status"), [("https://auth.example", 303), ("http://auth.example", 403)]
)
@pytest.mark.parametrize("scheme", ["https", "http"], ids=["direct", "behind a proxy"])
def test_behind_https_a_form_comes_from_https(
    make_app: MakeApp, scheme: str, origin: str, status: int
) -> None:
    """With AUTH_SERVICE_HTTPS only the HTTPS pages may log one in, also if a proxy ends the TLS."""
    client = make_app(AUTH_SERVICE_HTTPS=True).test_client()
    register(client)
    answer = client.post(
        "/login", data=FORM, headers={"Origin": origin}, base_url=f"{scheme}://auth.example"
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
    ids=str,
)
def test_our_own_form_logs_one_in(client: FlaskClient, headers: dict[str, str]) -> None:
    """Our own page, and a client that is no browser, may log in."""
    register(client)
    assert client.post("/login", data=FORM, headers=headers).status_code == 303


# ── logging out ──────────────────────────────────────────────────────────────────────────


def test_logging_out_revokes_both_tokens(app: Flask, browser: FlaskClient) -> None:
    """The button revokes the access and the refresh token, and drops every cookie."""
    tokens = [value(browser, name) for name in (ACCESS, REFRESH)]
    csrf_token = value(browser, "csrf_refresh_token")
    assert f'value="{csrf_token}"' in browser.get("/").text
    answer = browser.post("/logout", data={"csrf_token": csrf_token})
    assert sent_to_login(answer, back_to=None)
    assert [value(browser, name) for name in (ACCESS, REFRESH)] == ["", ""]
    assert all(is_revoked(app, token) for token in tokens)
    assert sent_to_login(browser.get("/"), back_to="/")


@pytest.mark.parametrize("form", [{}, {"csrf_token": ""}, {"csrf_token": "x"}, {"csrf_token": "é"}])
def test_logging_out_needs_the_csrf_value(browser: FlaskClient, form: dict[str, str]) -> None:
    """Without the value of our own page the answer is a 403 that says one is still logged in."""
    answer = browser.post("/logout", data=form)
    assert answer.status_code == 403
    assert "If you were logged in, you still are." in answer.text
    assert "Set-Cookie" not in answer.headers
    assert EMAIL in browser.get("/").text


def test_the_value_of_another_session_does_not_log_out(app: Flask, browser: FlaskClient) -> None:
    """An attacker's own CSRF value is worth nothing to others."""
    eve = app.test_client()
    eve.post("/register", data={**FORM, "email": "eve@example.org"})
    assert browser.post("/logout", data=logout_form(eve)).status_code == 403
    assert EMAIL in browser.get("/").text


@pytest.mark.parametrize("lost", [ACCESS, REFRESH])
@pytest.mark.parametrize("page_is_open", [True, False])
def test_one_can_log_out_with_one_token(
    app: Flask, browser: FlaskClient, lost: str, page_is_open: bool
) -> None:
    """Where one cookie is gone, the other's token is revoked and the cookies are dropped."""
    kept = value(browser, REFRESH if lost == ACCESS else ACCESS)
    form = logout_form(browser)
    browser.delete_cookie(lost)
    if not page_is_open and lost == REFRESH:
        browser.delete_cookie("csrf_refresh_token")
        form = logout_form(browser)
    assert sent_to_login(browser.post("/logout", data=form), back_to=None)
    assert is_revoked(app, kept)
    assert browser.get_cookie(ACCESS) is browser.get_cookie(REFRESH) is None


@pytest.mark.parametrize("name", [ACCESS, REFRESH])
def test_one_can_log_out_with_a_revoked_token(app: Flask, browser: FlaskClient, name: str) -> None:
    """A token that was revoked elsewhere does not keep the other one alive."""
    tokens = [value(browser, name) for name in (ACCESS, REFRESH)]
    form = logout_form(browser)
    headers = bearer(value(browser, name))
    assert app.test_client().delete("/api/v1/auth/tokens", headers=headers).status_code == 204
    assert sent_to_login(browser.post("/logout", data=form), back_to=None)
    assert all(is_revoked(app, token) for token in tokens)
    assert browser.get_cookie(ACCESS) is browser.get_cookie(REFRESH) is None


def test_without_csrf_protection_one_can_log_out(make_app: MakeApp) -> None:
    """An application that relies on the cross-site check alone has the same page."""
    client = make_app(JWT_COOKIE_CSRF_PROTECT=False).test_client()
    client.post("/register", data=FORM)
    assert sent_to_login(client.post("/logout", data=logout_form(client)), back_to=None)
    assert client.get_cookie(ACCESS) is client.get_cookie(REFRESH) is None


@pytest.mark.parametrize("cookie", ["", "a.b.c"])
def test_whoever_is_logged_out_can_log_out(client: FlaskClient, cookie: str) -> None:
    """Without a token of ours there is nothing to revoke, and nothing to prove."""
    client.set_cookie(REFRESH, cookie)
    assert sent_to_login(client.post("/logout"), back_to=None)
    assert client.get_cookie(REFRESH) is None


def test_a_log_out_that_could_not_revoke_is_no_log_out(app: Flask, browser: FlaskClient) -> None:
    """If the store does not answer, the answer is a 503, and the cookies stay."""
    form = logout_form(browser)
    with app.extensions["auth_service"].store.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE signet_revocations")
    answer = browser.post("/logout", data=form)
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert value(browser, REFRESH)


def test_one_can_log_out_late(app: Flask, browser: FlaskClient) -> None:
    """The button works on a page that lay open for longer than the access token lives."""
    refresh, form = value(browser, REFRESH), logout_form(browser)
    with app.app_context():
        past = {"exp": int(time.time()) - 10}
        browser.set_cookie(ACCESS, create_access_token(identity=1, additional_claims=past))
    assert sent_to_login(browser.post("/logout", data=form), back_to=None)
    assert is_revoked(app, refresh)


def test_one_can_log_out_too_late(app: Flask, browser: FlaskClient) -> None:
    """After 7 days the form drops the cookies: both tokens have expired."""
    with app.app_context():
        past = {"exp": int(time.time()) - 10}
        access, refresh = (
            create(identity=1, additional_claims=past)
            for create in (create_access_token, create_refresh_token)
        )
        csrf_token = decode_token(refresh, allow_expired=True)["csrf"]
    browser.set_cookie(ACCESS, access)
    browser.set_cookie(REFRESH, refresh)
    answer = browser.post("/logout", data={"csrf_token": csrf_token})
    assert sent_to_login(answer, back_to=None)
    assert browser.get_cookie(ACCESS) is browser.get_cookie(REFRESH) is None


def test_the_sessions_page_shows_where_one_is_logged_in(app: Flask, browser: FlaskClient) -> None:
    """Each session with its device, address and times; this one marked, and no way to end it."""
    firefox = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
    app.test_client().post("/login", data=FORM, headers={"User-Agent": firefox})
    app.test_client().post("/login", data=FORM, headers={"User-Agent": "<b>Toaster</b>"})
    page = browser.get("/sessions").text
    assert "Firefox on Windows" in page
    assert "An unknown device" in page
    assert "&lt;b&gt;Toaster" in page
    assert page.count("127.0.0.1") == 3
    assert page.count("this one") == 1
    assert len(re.findall(r'action="/sessions/[^"]+/end"', page)) == 2


def test_no_client_turns_a_line_of_the_sessions_page(app: Flask, browser: FlaskClient) -> None:
    """Control characters of a user agent are shown as escapes, and so are turns of direction."""
    evil = "Toaster \x1b\x9b 1".encode().decode("latin-1")
    app.test_client().post("/login", data=FORM, environ_overrides={"HTTP_USER_AGENT": evil})
    page = browser.get("/sessions").text
    assert r"Toaster \x1b" in page
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f]", page)
    assert printable("a\u202eb\u2028") == r"a\u202eb\u2028"


def test_one_ends_a_session_elsewhere(app: Flask, browser: FlaskClient) -> None:
    """The button ends that session at once, and no other."""
    other = app.test_client()
    other.post("/login", data=FORM)
    page = browser.get("/sessions").text
    [path] = re.findall(r'action="(/sessions/[^"]+/end)"', page)
    answer = browser.post(path, data=logout_form(browser))
    assert (answer.status_code, answer.location) == (303, "/sessions")
    assert sent_to_login(other.get("/"), back_to="/")
    assert browser.get("/").status_code == 200


def test_one_logs_out_everywhere_else(app: Flask, browser: FlaskClient) -> None:
    """The button ends all sessions but this one."""
    others = [app.test_client() for _ in range(2)]
    for other in others:
        other.post("/login", data=FORM)
    assert "Log out everywhere else" in browser.get("/sessions").text
    answer = browser.post("/sessions/end-others", data=logout_form(browser))
    assert (answer.status_code, answer.location) == (303, "/sessions")
    assert [other.get("/").status_code for other in others] == [303, 303]
    assert "Log out everywhere else" not in browser.get("/sessions").text


def test_nobody_ends_another_s_session(app: Flask, browser: FlaskClient) -> None:
    """A sid is no permission: whose session it is counts."""
    eve = app.test_client()
    eve.post("/register", data={**FORM, "email": "eve@example.org"})
    with app.app_context():
        sid = decode_token(value(browser, ACCESS))["sid"]
    assert eve.post(f"/sessions/{sid}/end", data=logout_form(eve)).status_code == 303
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/sessions/some/end", "/sessions/end-others"])
def test_ending_sessions_needs_the_csrf_value(browser: FlaskClient, path: str) -> None:
    """Without the value of our own page nothing ends."""
    assert browser.post(path, data={"csrf_token": "x"}).status_code == 403
    assert browser.post(path, data={}).status_code == 403


def test_a_form_with_an_expired_access_token_leads_back_in(
    app: Flask, browser: FlaskClient
) -> None:
    """What lay open for 15 minutes is not sent, but one is not logged out for it either."""
    form = logout_form(browser)
    with app.app_context():
        past = {"exp": int(time.time()) - 10, "csrf": form["csrf_token"][0]}
        browser.set_cookie(ACCESS, create_access_token(identity=1, additional_claims=past))
    answer = browser.post("/sessions/end-others", data=form, follow_redirects=True)
    assert [step.status_code for step in answer.history] == [303, 303]
    assert answer.request.path == "/"
    assert EMAIL in answer.text


def test_logging_out_is_no_link(browser: FlaskClient) -> None:
    """GET changes nothing."""
    assert browser.get("/logout").status_code == 405
    assert EMAIL in browser.get("/").text


# ── what every page carries ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path", ["/", "/login", "/register", "/nowhere", "/api/v1/docs", "/static/style.css"]
)
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str) -> None:
    """No script, no frame, no guessing of types, no address for other sites."""
    with client.get(path) as answer:
        headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/login", "/register", "/"])
def test_no_page_is_kept_in_a_cache(browser: FlaskClient, path: str) -> None:
    """After the log-out the button "back" shows nothing."""
    assert browser.get(path).headers["Cache-Control"] == "no-store"


def test_a_missing_page_is_a_page(client: FlaskClient) -> None:
    """A browser that is lost gets HTML and a way back."""
    answer = client.get("/nowhere")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert 'href="/"' in answer.text


def test_a_missing_route_of_the_api_is_json(client: FlaskClient) -> None:
    """A program that is lost gets JSON."""
    answer = client.get("/api/v1/nowhere")
    assert (answer.status_code, answer.mimetype) == (404, "application/json")
    assert set(answer.get_json()) == {"msg"}
