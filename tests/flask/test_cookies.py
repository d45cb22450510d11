"""The token cookies and their CSRF twins: what is set, what is unset, what a browser keeps."""

from http.cookies import SimpleCookie
from typing import Any

import pytest
from flask import Flask, Response, jsonify

import flask_signet
from flask_signet import JWTManager
from flask_signet.exceptions import ConfigurationError, SignetError
from tests.applications import CSRF, NOW, PROFILES, SECRET, application, mint, set_clock
from tests.conftest import Clock

YEAR = 31540000
EPOCH = "Thu, 01 Jan 1970 00:00:00 GMT"
KINDS = ("access", "refresh")
SET = {"access": flask_signet.set_access_cookies, "refresh": flask_signet.set_refresh_cookies}
UNSET = {
    "access": flask_signet.unset_access_cookies,
    "refresh": flask_signet.unset_refresh_cookies,
}


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    set_clock(monkeypatch, clock)


def cookie_app(profile: str = "compatible", **options: Any) -> Flask:
    return application(profile, JWT_TOKEN_LOCATION=["cookies"], **options)


def cookies_of(response: Response) -> dict[str, dict[str, Any]]:
    """The cookies that a response sets, by name, with their value and attributes."""
    found = {}
    for line in response.headers.getlist("Set-Cookie"):
        for name, morsel in SimpleCookie(line).items():
            attributes = {key: value for key, value in morsel.items() if value}
            assert name not in found
            found[name] = {"value": morsel.value, **attributes}
    return found


def set_in(app: Flask, kind: str, token: str | None = None, **arguments: Any) -> dict[str, Any]:
    with app.test_request_context():
        response = Response()
        SET[kind](response, token or mint(kind), **arguments)
        return cookies_of(response)


def unset_in(app: Flask, kind: str, **arguments: Any) -> dict[str, Any]:
    with app.test_request_context():
        response = Response()
        UNSET[kind](response, **arguments)
        return cookies_of(response)


# ── what is set ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
def test_default_attributes(kind: str) -> None:
    """By default the cookies are Flask-JWT-Extended's, and end with the browser."""
    token = mint(kind)
    assert set_in(cookie_app(), kind, token) == {
        f"{kind}_token_cookie": {"value": token, "path": "/", "httponly": True},
        f"csrf_{kind}_token": {"value": CSRF, "path": "/"},
    }


def test_strict_attributes() -> None:
    """Strict's cookies are prefixed, Secure, and sent to nobody else's page (E7, E8)."""
    app = cookie_app("strict", JWT_REFRESH_COOKIE_PATH="/auth")
    access, refresh = mint(), mint("refresh")
    assert set_in(app, "access", access) == {
        "__Host-access_token": {
            "value": access,
            "path": "/",
            "httponly": True,
            "secure": True,
            "samesite": "Lax",
        },
        "__Host-csrf_access_token": {
            "value": CSRF,
            "path": "/",
            "secure": True,
            "samesite": "Lax",
        },
    }
    assert set_in(app, "refresh", refresh) == {
        "__Secure-refresh_token": {
            "value": refresh,
            "path": "/auth",
            "httponly": True,
            "secure": True,
            "samesite": "Strict",
        },
        "__Secure-csrf_refresh_token": {
            "value": CSRF,
            "path": "/",
            "secure": True,
            "samesite": "Strict",
        },
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_and_path_is_an_option(kind: str) -> None:
    """Name and path of each of the four cookies are options of their own."""
    app = cookie_app(
        **{
            f"JWT_{kind.upper()}_COOKIE_NAME": "a",
            f"JWT_{kind.upper()}_COOKIE_PATH": "/a",
            f"JWT_{kind.upper()}_CSRF_COOKIE_NAME": "b",
            f"JWT_{kind.upper()}_CSRF_COOKIE_PATH": "/b",
        }
    )
    found = set_in(app, kind)
    assert {name: cookie["path"] for name, cookie in found.items()} == {"a": "/a", "b": "/b"}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, {"access_token_cookie", "csrf_access_token"}),
        ({"JWT_CSRF_IN_COOKIES": False}, {"access_token_cookie"}),
        ({"JWT_COOKIE_CSRF_PROTECT": False}, {"access_token_cookie"}),
    ],
)
def test_csrf_cookie_where_it_is_wanted(options: dict[str, Any], names: set[str]) -> None:
    """The CSRF value has a cookie if cookies are protected and the value goes that way."""
    app = cookie_app(**options)
    assert set(set_in(app, "access")) == names
    assert set(unset_in(app, "access")) == names


@pytest.mark.parametrize(
    ("samesite", "refresh_samesite", "expected"),
    [
        (None, None, (None, None)),
        ("Lax", None, ("Lax", "Lax")),
        ("lax", "STRICT", ("Lax", "Strict")),
        (None, "Strict", (None, "Strict")),
        ("None", "Lax", ("None", "Lax")),
    ],
)
def test_samesite(samesite: Any, refresh_samesite: Any, expected: tuple[Any, Any]) -> None:
    """The refresh cookies may be kept closer than the others; unless said, they are like them."""
    app = cookie_app(
        JWT_COOKIE_SAMESITE=samesite,
        JWT_REFRESH_COOKIE_SAMESITE=refresh_samesite,
        JWT_COOKIE_SECURE=True,
    )
    for kind, wanted in zip(KINDS, expected, strict=True):
        for cookies in (set_in(app, kind), unset_in(app, kind)):
            assert {cookie.get("samesite") for cookie in cookies.values()} == {wanted}


# ── how long it lives ────────────────────────────────────────────────────────────────────

LIVES = 900  # seconds that a token of `mint` has left


@pytest.mark.parametrize(
    ("options", "max_age", "expected"),
    [
        # JWT_SESSION_COOKIE, the default: until the browser is closed
        ({}, None, None),
        ({}, 0, "0"),
        ({}, 60, "60"),
        # else a year, whatever the token's life
        ({"JWT_SESSION_COOKIE": False}, None, str(YEAR)),
        ({"JWT_SESSION_COOKIE": False}, 0, "0"),
        ({"JWT_SESSION_COOKIE": False}, 60, "60"),
        # or as long as the token
        ({"JWT_SESSION_COOKIE": False, "JWT_COOKIE_EXPIRES_WITH_TOKEN": True}, None, str(LIVES)),
        ({"JWT_SESSION_COOKIE": False, "JWT_COOKIE_EXPIRES_WITH_TOKEN": True}, 0, "0"),
        ({"JWT_SESSION_COOKIE": False, "JWT_COOKIE_EXPIRES_WITH_TOKEN": True}, 60, "60"),
        ({"JWT_COOKIE_EXPIRES_WITH_TOKEN": True}, None, None),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_max_age(
    kind: str, options: dict[str, Any], max_age: int | None, expected: str | None
) -> None:
    """An argument counts first, and 0 is an argument; both cookies live equally long."""
    found = set_in(cookie_app(**options), kind, max_age=max_age)
    assert [cookie.get("max-age") for cookie in found.values()] == [expected, expected]


def test_where_no_csrf_value_is_asked_for_the_option_counts_too() -> None:
    """Nothing of the token is read there, and the cookie outlives the browser all the same."""
    for stays, expected in ((True, str(YEAR)), (False, None)):
        app = cookie_app(JWT_SESSION_COOKIE=not stays, JWT_COOKIE_CSRF_PROTECT=False)
        [cookie] = set_in(app, "access").values()
        assert cookie.get("max-age") == expected


@pytest.mark.parametrize(("ticks", "left"), [(0, LIVES), (899, 1), (899.5, 0)])
def test_cookie_ends_with_its_token(ticks: float, left: int, clock: Clock) -> None:
    """The browser forgets the cookie no later than the token expires."""
    app = cookie_app(JWT_SESSION_COOKIE=False, JWT_COOKIE_EXPIRES_WITH_TOKEN=True)
    clock.tick(ticks)
    assert {c["max-age"] for c in set_in(app, "access").values()} == {str(left)}


def test_token_without_expiry_lives_a_year_in_the_browser() -> None:
    """A token that never ends has nothing for its cookie to end with."""
    app = cookie_app(JWT_SESSION_COOKIE=False, JWT_COOKIE_EXPIRES_WITH_TOKEN=True)
    found = set_in(app, "access", mint(exp=...))
    assert {cookie["max-age"] for cookie in found.values()} == {str(YEAR)}


def test_strict_cookie_that_stays_ends_with_its_token() -> None:
    """In strict, a cookie that outlives the browser's session does not outlive its token."""
    found = set_in(cookie_app("strict", JWT_SESSION_COOKIE=False), "refresh")
    assert {cookie["max-age"] for cookie in found.values()} == {str(LIVES)}


# ── domain ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("option", "argument", "expected"),
    [
        (None, None, None),
        ("app.example", None, "app.example"),
        (None, "x.app.example", "x.app.example"),
        ("app.example", "x.app.example", "x.app.example"),
        ("app.example", "", "app.example"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_domain(kind: str, option: str | None, argument: str | None, expected: str | None) -> None:
    """The argument counts before JWT_COOKIE_DOMAIN, when a cookie is set and when it is unset."""
    app = cookie_app(JWT_COOKIE_DOMAIN=option)
    for cookies in (set_in(app, kind, domain=argument), unset_in(app, kind, domain=argument)):
        assert {cookie.get("domain") for cookie in cookies.values()} == {expected}


# ── unset mirrors set ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("paths", ["/", "/deep"])
def test_unset_names_what_was_set(profile: str, kind: str, paths: str) -> None:
    """A browser deletes the cookie with the same name, path and domain, and no other."""
    options = {f"JWT_{kind.upper()}_CSRF_COOKIE_PATH": paths} if profile != "strict" else {}
    app = cookie_app(profile, **options)
    were, are = set_in(app, kind), unset_in(app, kind)
    assert set(were) == set(are)
    for name, cookie in are.items():
        assert cookie.pop("value") == ""
        assert cookie.pop("expires") == EPOCH
        del were[name]["value"]
        assert cookie == were[name]


def test_unset_jwt_cookies_unsets_all_four() -> None:
    """Logging out takes both tokens and both CSRF values."""
    app = cookie_app()
    with app.test_request_context():
        response = Response()
        flask_signet.unset_jwt_cookies(response)
    found = cookies_of(response)
    assert set(found) == {
        "access_token_cookie",
        "csrf_access_token",
        "refresh_token_cookie",
        "csrf_refresh_token",
    }
    assert {(c["value"], c["expires"]) for c in found.values()} == {("", EPOCH)}


# ── what can't be a cookie ───────────────────────────────────────────────────────────────


@pytest.mark.filterwarnings("ignore:The '.*' cookie is too large:UserWarning")  # Werkzeug's own
def test_cookie_too_large() -> None:
    """What browsers drop without a word, over 4096 bytes, is an error where it is set (E8)."""
    token = mint(pad="x" * 2600)
    name = "n" * (4096 - len(token))
    app = cookie_app(JWT_ACCESS_COOKIE_NAME=name)
    assert set_in(app, "access", token)[name]["value"] == token
    app = cookie_app(JWT_ACCESS_COOKIE_NAME=f"{name}n")
    with pytest.raises(ValueError, match="would have 4097 bytes"):
        set_in(app, "access", token)


def test_cookie_too_large_does_not_show_the_token() -> None:
    """The message counts the bytes and does not show them (E11)."""
    token = mint(pad="x" * 5000)
    with pytest.raises(ValueError, match="put less into the token's claims") as caught:
        set_in(cookie_app(), "access", token)
    assert not any(part in str(caught.value) for part in token.split("."))


@pytest.mark.parametrize("token", ["", "rubbish", mint(secret="x" * 64)])
@pytest.mark.parametrize("profile", PROFILES)
def test_no_cookie_for_what_is_not_our_token(profile: str, token: str) -> None:
    """The CSRF value is read from a verified token, so a text from elsewhere gets no cookie."""
    app = cookie_app(profile)
    with app.test_request_context(), pytest.raises(SignetError):
        flask_signet.set_access_cookies(Response(), token)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"JWT_ACCESS_COOKIE_NAME": "__Host-a"}, "JWT_COOKIE_SECURE = True"),
        ({"JWT_ACCESS_COOKIE_NAME": "__Secure-a"}, "JWT_COOKIE_SECURE = True"),
        ({"JWT_REFRESH_CSRF_COOKIE_NAME": "__secure-a"}, "JWT_COOKIE_SECURE = True"),
        (
            {
                "JWT_ACCESS_COOKIE_NAME": "__Host-a",
                "JWT_COOKIE_SECURE": True,
                "JWT_ACCESS_COOKIE_PATH": "/api",
            },
            "JWT_ACCESS_COOKIE_PATH = '/'",
        ),
        (
            {
                "JWT_REFRESH_COOKIE_NAME": "__host-a",
                "JWT_COOKIE_SECURE": True,
                "JWT_COOKIE_DOMAIN": "app.example",
            },
            "JWT_COOKIE_DOMAIN",
        ),
    ],
)
def test_prefix_that_a_browser_would_refuse(options: dict[str, Any], named: str) -> None:
    """RFC 6265bis section 4.1.3: what the prefix promises must be so, or the cookie is dropped."""
    with pytest.raises(ConfigurationError, match=named):
        cookie_app(**options)


def test_domain_argument_breaks_the_promise_of_host() -> None:
    """Every browser drops a `__Host-` cookie with a domain, so setting one is an error."""
    app = cookie_app("strict")
    with app.test_request_context():
        for act in (flask_signet.set_access_cookies, flask_signet.unset_access_cookies):
            arguments = (
                [Response(), mint()] if act is flask_signet.set_access_cookies else [Response()]
            )
            with pytest.raises(ValueError, match="__Host-"):
                act(*arguments, domain="app.example")


# ── a browser ────────────────────────────────────────────────────────────────────────────


def site(profile: str, **options: Any) -> Flask:
    app = cookie_app(profile, JWT_REFRESH_COOKIE_PATH="/auth", **options)

    @app.post("/login")
    def login() -> Response:
        pair = flask_signet.create_token_pair("alice")
        response = jsonify(
            access=flask_signet.get_csrf_token(pair.access_token),
            refresh=flask_signet.get_csrf_token(pair.refresh_token),
        )
        flask_signet.set_access_cookies(response, pair.access_token)
        flask_signet.set_refresh_cookies(response, pair.refresh_token)
        return response

    @app.post("/auth/refresh")
    @flask_signet.jwt_required(refresh=True)
    def renew() -> Response:
        response = jsonify(renewed=flask_signet.get_jwt_identity())
        token = flask_signet.create_access_token(flask_signet.get_jwt_identity())
        flask_signet.set_access_cookies(response, token)
        return response

    @app.post("/logout")
    def logout() -> Response:
        response = jsonify(out=True)
        flask_signet.unset_jwt_cookies(response)
        return response

    return app


@pytest.mark.parametrize("profile", PROFILES)
def test_a_visit(profile: str) -> None:
    """A browser with a cookie jar logs in, works, renews and logs out, over HTTPS."""
    client = site(profile).test_client()
    here = {"base_url": "https://app.example"}
    values = client.post("/login", **here).get_json()

    assert client.get("/required", **here).get_json()["identity"] == "alice"
    assert client.post("/required", **here).status_code == 401
    csrf = {"X-CSRF-TOKEN": values["access"]}
    assert client.post("/required", headers=csrf, **here).get_json()["identity"] == "alice"

    assert client.post("/auth/refresh", headers=csrf, **here).status_code == 401
    csrf = {"X-CSRF-TOKEN": values["refresh"]}
    renewed = client.post("/auth/refresh", headers=csrf, **here)
    assert renewed.get_json() == {"renewed": "alice"}
    name = client.application.config["JWT_ACCESS_CSRF_COOKIE_NAME"]
    old, new = values["access"], cookies_of(renewed)[name]["value"]
    assert client.post("/required", headers={"X-CSRF-TOKEN": old}, **here).status_code == 401
    assert client.post("/required", headers={"X-CSRF-TOKEN": new}, **here).status_code == 200

    client.post("/logout", **here)
    assert client.get("/required", **here).status_code == 401
    assert client.post("/auth/refresh", headers=csrf, **here).status_code == 401


def test_refresh_cookie_goes_to_its_path_only() -> None:
    """With a path of its own, the long-lived token does not travel with every request (E8)."""
    app = site("strict")
    client = app.test_client()
    client.post("/login", base_url="https://app.example")
    name = app.config["JWT_REFRESH_COOKIE_NAME"]
    assert client.get_cookie(name, domain="app.example", path="/auth") is not None
    assert client.get_cookie(name, domain="app.example", path="/") is None


def test_login_replaces_what_was_planted() -> None:
    """Cookies set before the log-in are gone after it: nobody stays in an attacker's session."""
    app = site("strict")
    client = app.test_client()
    here = {"base_url": "https://app.example"}
    client.set_cookie("__Host-access_token", mint(sub="mallory"), domain="app.example")
    assert client.get("/required", **here).get_json()["identity"] == "mallory"
    client.post("/login", **here)
    assert client.get("/required", **here).get_json()["identity"] == "alice"


def test_named_manager_has_cookies_of_its_own() -> None:
    """A named manager sets and unsets what its own options name, beside the unnamed one's."""
    app = cookie_app(
        PARTNER_JWT_SECRET_KEY=SECRET[::-1],
        PARTNER_JWT_ACCESS_COOKIE_NAME="partner",
        PARTNER_JWT_REFRESH_COOKIE_NAME="partner_refresh",
        PARTNER_JWT_COOKIE_CSRF_PROTECT=False,
    )
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")
    with app.test_request_context():
        response = Response()
        partner.set_access_cookies(response, partner.create_access_token("p"))
        partner.set_refresh_cookies(response, partner.create_refresh_token("p"))
        assert set(cookies_of(response)) == {"partner", "partner_refresh"}
        response = Response()
        partner.unset_jwt_cookies(response)
        assert set(cookies_of(response)) == {"partner", "partner_refresh"}
        with pytest.raises(SignetError):
            flask_signet.set_access_cookies(Response(), partner.create_access_token("p"))


def test_strict_token_made_for_headers_in_a_cookie() -> None:
    """A token without a CSRF value, made where cookies were no location, names what to change."""
    app = application("strict")  # JWT_TOKEN_LOCATION is headers; JWT_CSRF_CLAIM is "cookies"
    with app.test_request_context():
        token = flask_signet.create_access_token("alice")
        assert "csrf" not in flask_signet.decode_token(token)
        with pytest.raises((KeyError, ValueError), match="csrf"):
            flask_signet.set_access_cookies(Response(), token)


def test_times_of_the_minted_tokens() -> None:
    """The figures above are those of the tokens: they live 900 seconds from the clock's time."""
    with cookie_app().app_context():
        assert flask_signet.decode_token(mint())["exp"] == NOW + LIVES
