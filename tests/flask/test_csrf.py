"""Double submit and the look at `Origin`: a cookie alone proves nothing, any site can cause it."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_signet import JWTManager
from flask_signet.csrf import refuse_cross_site
from tests.applications import (
    CSRF,
    METHODS,
    OTHER_SECRET,
    PROFILES,
    answer,
    application,
    bearer,
    mint,
    set_clock,
)
from tests.conftest import Clock

MISSING = "Missing CSRF token"
DIFFERENT = "CSRF double submit tokens do not match"
CROSS_SITE = "Cross-site request refused"
OTHER = "0d9c4c0e-0f43-4a52-9c67-5a4c4a7c6f10"
HEADER = "X-CSRF-TOKEN"


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    set_clock(monkeypatch, clock)


def cookie_app(profile: str = "compatible", **options: Any) -> Flask:
    return application(profile, JWT_TOKEN_LOCATION=["cookies"], **options)


def send(
    app: Flask,
    path: str = "/required",
    *,
    method: str = "POST",
    token: str | None = None,
    csrf: str | None = CSRF,
    headers: dict[str, str] | None = None,
    base_url: str = "https://app.example",
    **more: Any,
) -> TestResponse:
    """A request with the token in its cookie and the CSRF value, any Latin-1 text, beside it."""
    kind = "REFRESH" if path == "/refresh" else "ACCESS"
    name = app.config[f"JWT_{kind}_COOKIE_NAME"]
    environ = {"HTTP_COOKIE": f"{name}={token or mint(kind.lower())}"}
    if csrf is not None:
        environ["HTTP_X_CSRF_TOKEN"] = csrf
    return app.test_client(use_cookies=False).open(
        path,
        method=method,
        headers=headers,
        base_url=base_url,
        environ_overrides=environ,
        **more,
    )


# ── the value ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (CSRF, (200, "alice")),
        (None, (401, MISSING)),
        ("", (401, MISSING)),
        (OTHER, (401, DIFFERENT)),
        (CSRF[:-1], (401, DIFFERENT)),
        (f"{CSRF}x", (401, DIFFERENT)),
        (CSRF.upper(), (401, DIFFERENT)),
        (f" {CSRF}", (401, DIFFERENT)),
        (f"{CSRF}, {CSRF}", (401, DIFFERENT)),
        ("\xe9\xff", (401, DIFFERENT)),
        ("\x00", (401, DIFFERENT)),
        ("x" * 100_000, (401, DIFFERENT)),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_value(profile: str, value: str | None, expected: tuple[int, str]) -> None:
    """The value beside the cookie is the token's own `csrf` claim, whole and to the letter (E6)."""
    assert answer(send(cookie_app(profile), csrf=value)) == expected


@pytest.mark.parametrize("claim", [1, 1.5, True, None, [CSRF], {"v": CSRF}, [], "", OTHER])
@pytest.mark.parametrize("profile", PROFILES)
def test_claim_of_another_type(profile: str, claim: Any) -> None:
    """A `csrf` claim that is no text, or another, matches no value; nothing is converted (E6)."""
    for value in (CSRF, str(claim), "null", "1"):
        if value != claim and value:
            response = send(cookie_app(profile), token=mint(csrf=claim), csrf=value)
            assert answer(response) == (401, DIFFERENT)


@pytest.mark.parametrize(("profile", "status"), [("compatible", 422), ("strict", 401)])
def test_claim_missing(profile: str, status: int) -> None:
    """A token without the claim can't be used in a cookie where the value is asked for."""
    token = mint(csrf=...)
    assert answer(send(cookie_app(profile), token=token)) == (status, "Missing claim: csrf")
    assert answer(send(cookie_app(profile), token=token, csrf=None)) == (401, MISSING)
    assert answer(send(cookie_app(profile), token=token, method="GET")) == (200, "alice")


@pytest.mark.parametrize("profile", PROFILES)
def test_value_of_another_session(profile: str) -> None:
    """Each token has a value of its own: an attacker's, or yesterday's, opens no other (E6)."""
    app = cookie_app(profile)
    mine, theirs = mint(csrf=CSRF), mint(sub="mallory", csrf=OTHER)
    assert answer(send(app, token=mine, csrf=OTHER)) == (401, DIFFERENT)
    assert answer(send(app, token=theirs, csrf=OTHER)) == (200, "mallory")


@pytest.mark.parametrize("profile", PROFILES)
def test_cookie_of_the_value_is_not_the_proof(profile: str) -> None:
    """Every site's request brings the CSRF cookie along too: only a page of ours can repeat it."""
    app = cookie_app(profile)
    pair = {
        app.config["JWT_ACCESS_COOKIE_NAME"]: mint(),
        app.config["JWT_ACCESS_CSRF_COOKIE_NAME"]: CSRF,
    }
    cookies = "; ".join(f"{name}={value}" for name, value in pair.items())
    client = app.test_client(use_cookies=False)
    assert answer(client.post("/required", headers={"Cookie": cookies})) == (401, MISSING)


@pytest.mark.parametrize("profile", PROFILES)
def test_wrong_value_of_an_expired_token(profile: str, clock: Clock) -> None:
    """Whoever has no proof is told so first: an expired token's claims go to no one else."""
    app = cookie_app(profile)
    clock.tick(10_000)
    assert answer(send(app, csrf=OTHER)) == (401, DIFFERENT)
    assert answer(send(app, csrf=CSRF)) == (401, "Token has expired")


def test_value_is_for_cookies_only() -> None:
    """What a page must put into a header itself needs no second proof."""
    for location in ("headers", "query_string", "json"):
        app = application(JWT_TOKEN_LOCATION=location)
        response = app.test_client().post(
            "/required",
            headers=bearer(mint()) if location == "headers" else None,
            query_string={"jwt": mint()} if location == "query_string" else None,
            json={"access_token": mint()} if location == "json" else None,
        )
        assert answer(response) == (200, "alice")


# ── names: of access and refresh, of header and form ─────────────────────────────────────


def named(**options: Any) -> Flask:
    return cookie_app(
        JWT_ACCESS_CSRF_HEADER_NAME="X-Access",
        JWT_REFRESH_CSRF_HEADER_NAME="X-Refresh",
        JWT_ACCESS_CSRF_FIELD_NAME="access_field",
        JWT_REFRESH_CSRF_FIELD_NAME="refresh_field",
        **options,
    )


@pytest.mark.parametrize(
    ("path", "header", "expected"),
    [
        ("/required", "X-Access", (200, "alice")),
        ("/required", "x-access", (200, "alice")),
        ("/required", "X-Refresh", (401, MISSING)),
        ("/required", HEADER, (401, MISSING)),
        ("/refresh", "X-Refresh", (200, "alice")),
        ("/refresh", "X-Access", (401, MISSING)),
    ],
)
def test_header_names(path: str, header: str, expected: tuple[int, str]) -> None:
    """Access and refresh tokens have each their own header for the value."""
    assert answer(send(named(), path, csrf=None, headers={header: CSRF})) == expected


@pytest.mark.parametrize(
    ("path", "form", "expected"),
    [
        ("/required", {"access_field": CSRF}, (200, "alice")),
        ("/required", {"refresh_field": CSRF}, (401, MISSING)),
        ("/required", {"access_field": ""}, (401, MISSING)),
        ("/required", {"access_field": OTHER}, (401, DIFFERENT)),
        ("/required", {"access_field": "\U0001f680\xe9"}, (401, DIFFERENT)),
        ("/required", {}, (401, MISSING)),
        ("/refresh", {"refresh_field": CSRF}, (200, "alice")),
        ("/refresh", {"access_field": CSRF}, (401, MISSING)),
    ],
)
@pytest.mark.parametrize("multipart", [False, True])
def test_form_field(
    path: str, form: dict[str, str], expected: tuple[int, str], multipart: bool
) -> None:
    """With JWT_CSRF_CHECK_FORM the value may come in a field of the form."""
    content_type = "multipart/form-data" if multipart else "application/x-www-form-urlencoded"
    app = named(JWT_CSRF_CHECK_FORM=True)
    response = send(app, path, csrf=None, data=form, content_type=content_type)
    assert answer(response) == expected


def test_form_is_not_read_unless_asked_for() -> None:
    """Without JWT_CSRF_CHECK_FORM a field is only a field."""
    response = send(named(), csrf=None, data={"access_field": CSRF})
    assert answer(response) == (401, MISSING)


def test_header_counts_before_the_form() -> None:
    """A wrong header is wrong, whatever the form says."""
    app = cookie_app(JWT_CSRF_CHECK_FORM=True)
    assert answer(send(app, csrf=OTHER, data={"csrf_token": CSRF})) == (401, DIFFERENT)
    assert answer(send(app, csrf="", data={"csrf_token": CSRF})) == (200, "alice")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"csrf_token=x"),
        ("multipart/form-data; boundary=\xe9", b"--\xe9\r\n"),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
        ),
        ("multipart/form-data; boundary=b", b"--b\r\n\xff\xff: \xff\r\n\r\n"),
        ("application/x-www-form-urlencoded", b"csrf_token=%ff%fe&=&&;csrf_token"),
        ("application/x-www-form-urlencoded", b"\xff\xfe=\xff"),
        ("application/x-www-form-urlencoded; charset=none", b"csrf_token=%E9"),
        ("application/json", b'{"csrf_token": 1}'),
    ],
)
def test_broken_form(content_type: str, body: bytes) -> None:
    """A form that nobody can read holds no value: that is a 401, not an error of ours."""
    app = cookie_app(JWT_CSRF_CHECK_FORM=True)
    response = send(app, csrf=None, data=body, content_type=content_type)
    assert response.status_code == 401
    assert response.get_json()["msg"] in (MISSING, DIFFERENT)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json"])
def test_form_that_is_cut_off(content_type: str) -> None:
    """A client that hangs up in the middle of its form sent no value."""
    app = cookie_app(JWT_CSRF_CHECK_FORM=True)
    environ = {"HTTP_COOKIE": f"access_token_cookie={mint()}", "CONTENT_LENGTH": "40"}
    response = app.test_client(use_cookies=False).post(
        "/required", data=b"csrf", content_type=content_type, environ_overrides=environ
    )
    assert (response.status_code, response.get_json()) == (401, {"msg": MISSING})


# ── methods ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("methods", "asked"),
    [
        (["POST", "PUT", "PATCH", "DELETE"], {"POST", "PUT", "PATCH", "DELETE"}),
        ("unsafe", {"POST", "PUT", "PATCH", "DELETE", "REPORT"}),
        (["GET"], {"GET"}),
        (("PUT",), {"PUT"}),
        (["post", "Put", "report"], {"POST", "PUT", "REPORT"}),
        ({"delete"}, {"DELETE"}),
        ([], set()),
    ],
)
def test_methods(methods: Any, asked: set[str]) -> None:
    """JWT_CSRF_METHODS says what needs the value; "unsafe" is all but GET, HEAD and OPTIONS."""
    app = cookie_app(JWT_CSRF_METHODS=methods)
    every = [*METHODS, "HEAD", "REPORT"]
    app.add_url_rule("/all", view_func=app.view_functions["required"], methods=every)
    needed = {
        method for method in every if send(app, "/all", method=method, csrf=None).status_code == 401
    }
    assert needed == asked


def test_strict_asks_on_every_unsafe_method() -> None:
    """Strict's default names no methods, so that a new one needs the value too (E6)."""
    app = cookie_app("strict")
    view, safe = app.view_functions["required"], ("GET", "HEAD", "OPTIONS")
    app.add_url_rule(
        "/all", view_func=view, methods=["REPORT", *safe], provide_automatic_options=False
    )
    assert send(app, "/all", method="REPORT", csrf=None).status_code == 401
    assert send(app, "/all", method="REPORT").status_code == 200
    for method in safe:  # an OPTIONS that is no preflight is guarded, and asks for no value
        assert send(app, "/all", method=method, csrf=None).status_code == 200


@pytest.mark.parametrize("profile", PROFILES)
def test_protection_switched_off(profile: str) -> None:
    """JWT_COOKIE_CSRF_PROTECT = False asks for nothing, and reads nothing."""
    app = cookie_app(profile, JWT_COOKIE_CSRF_PROTECT=False)
    for value in (None, OTHER, "\xe9"):
        assert answer(send(app, csrf=value)) == (200, "alice")


@pytest.mark.parametrize("guard", ["optional", "required"])
def test_optional_guard_needs_the_value_too(guard: str) -> None:
    """A cookie without its proof is no anonymous request: it is a forged one (E10)."""
    assert answer(send(cookie_app(), f"/{guard}", csrf=None)) == (401, MISSING)


# ── the second line: Sec-Fetch-Site and Origin ───────────────────────────────────────────

SAME = {"Sec-Fetch-Site": "same-origin"}
ORIGINS: dict[str, tuple[dict[str, str], bool]] = {
    "neither": ({}, True),
    "fetched by this site": (SAME, True),
    "typed in by the user": ({"Sec-Fetch-Site": "none"}, True),
    "a sub-domain": ({"Sec-Fetch-Site": "same-site"}, False),
    "another site": ({"Sec-Fetch-Site": "cross-site"}, False),
    "a word nobody knows": ({"Sec-Fetch-Site": "SAME-ORIGIN"}, False),
    "an empty word": ({"Sec-Fetch-Site": ""}, False),
    "two words": ({"Sec-Fetch-Site": "same-origin, cross-site"}, False),
    "the browser's word before Origin": ({**SAME, "Origin": "https://evil.example"}, True),
    "both of another site": (
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example"},
        False,
    ),
    "this origin": ({"Origin": "https://app.example"}, True),
    "this origin, other case": ({"Origin": "HTTPS://APP.EXAMPLE"}, True),
    "another scheme": ({"Origin": "http://app.example"}, False),
    "another port": ({"Origin": "https://app.example:8443"}, False),
    "another host": ({"Origin": "https://evil.example"}, False),
    "a host that ends like ours": ({"Origin": "https://evil-app.example"}, False),
    "a host that begins like ours": ({"Origin": "https://app.example.evil.example"}, False),
    "a sub-domain's origin": ({"Origin": "https://x.app.example"}, False),
    "ours as the user name": ({"Origin": "https://app.example@evil.example"}, False),
    "a user name": ({"Origin": "https://a@app.example"}, False),
    "null": ({"Origin": "null"}, False),
    "empty": ({"Origin": ""}, False),
    "no URL": ({"Origin": "app.example"}, False),
    "no scheme": ({"Origin": "//app.example"}, False),
    "broken brackets": ({"Origin": "https://[::1"}, False),
    "broken port": ({"Origin": "https://app.example:x"}, False),
    "not ASCII": ({"Origin": "https://\xe4pp.example"}, False),
    "two origins": ({"Origin": "https://app.example https://evil.example"}, False),
    "a list": ({"Origin": "https://app.example, https://evil.example"}, False),
}


@pytest.mark.parametrize("headers", [row[0] for row in ORIGINS.values()], ids=ORIGINS)
def test_origin_is_not_asked_by_default(headers: dict[str, str]) -> None:
    """Flask-JWT-Extended's applications may be called from other origins, and go on to be."""
    assert answer(send(cookie_app(), headers=headers)) == (200, "alice")


@pytest.mark.parametrize(("headers", "taken"), ORIGINS.values(), ids=ORIGINS)
def test_origin(headers: dict[str, str], taken: bool) -> None:
    """In strict a request shown to come from elsewhere is refused, right value or not (E6)."""
    expected = (200, "alice") if taken else (401, CROSS_SITE)
    assert answer(send(cookie_app("strict"), headers=headers)) == expected


@pytest.mark.parametrize(
    ("base_url", "origin", "taken"),
    [
        ("http://localhost:5000", "http://localhost:5000", True),
        ("http://localhost:5000", "http://localhost", False),
        ("http://localhost:5000", "http://localhost:5001", False),
        ("https://app.example:443", "https://app.example", True),  # the default port goes unsaid
        ("http://app.example:80", "http://app.example", True),
        ("http://app.example:443", "https://app.example", False),
        ("http://[::1]:5000", "http://[::1]:5000", True),
        ("http://[::1]:5000", "http://[::2]:5000", False),
    ],
)
def test_ports_belong_to_the_origin(base_url: str, origin: str, taken: bool) -> None:
    """RFC 6454 section 4: scheme, host and port, the scheme's own port left out."""
    app = cookie_app(JWT_CSRF_CHECK_ORIGIN=True)
    response = send(app, headers={"Origin": origin}, base_url=base_url)
    assert answer(response) == ((200, "alice") if taken else (401, CROSS_SITE))


TRUSTED = "https://www.example.com"


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"Origin": TRUSTED}, True),
        ({"Origin": TRUSTED, "Sec-Fetch-Site": "same-site"}, True),
        ({"Origin": TRUSTED, "Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": TRUSTED.upper(), "Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": "capacitor://localhost", "Sec-Fetch-Site": "cross-site"}, True),
        (SAME, True),
        ({}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://blog.example.com", "Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://example.com"}, False),
        ({"Origin": "http://www.example.com"}, False),
        ({"Origin": f"{TRUSTED}:8443"}, False),
        ({"Origin": f"{TRUSTED}.evil.example"}, False),
        ({"Origin": f"{TRUSTED}/"}, False),
        ({"Origin": f"{TRUSTED}, {TRUSTED}"}, False),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "", "Sec-Fetch-Site": "cross-site"}, False),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_trusted_origins(profile: str, headers: dict[str, str], taken: bool) -> None:
    """The origins of JWT_TRUSTED_ORIGINS are let in, to the letter; their neighbours are not."""
    options = {"TRUSTED_ORIGINS": [TRUSTED, "capacitor://localhost"], "CSRF_CHECK_ORIGIN": True}
    app = cookie_app(profile, **options)
    expected = (200, "alice") if taken else (401, CROSS_SITE)
    assert answer(send(app, headers=headers)) == expected


def test_trusted_origin_needs_the_value_too() -> None:
    """A trusted page proves itself like any other."""
    app = cookie_app("strict", TRUSTED_ORIGINS=TRUSTED)
    assert answer(send(app, headers={"Origin": TRUSTED}, csrf=None)) == (401, MISSING)


def test_each_manager_trusts_its_own_origins() -> None:
    """A named manager lets in what its own option names."""
    app = cookie_app("strict", PARTNER_JWT_TRUSTED_ORIGINS=TRUSTED, PARTNER_JWT_PROFILE="strict")
    app.config.update(PARTNER_JWT_TOKEN_LOCATION=["cookies"], PARTNER_JWT_SECRET_KEY=OTHER_SECRET)
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")
    app.add_url_rule("/partner", view_func=partner.jwt_required()(lambda: ""), methods=["POST"])
    theirs = mint(secret=OTHER_SECRET)
    found = send(app, "/partner", token=theirs, headers={"Origin": TRUSTED})
    assert found.status_code == 200
    assert answer(send(app, headers={"Origin": TRUSTED})) == (401, CROSS_SITE)


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        ("https://evil.example", "'https://evil.example'"),
        (None, "None"),
        ("https://Evil.example:8443", "'https://evil.example:8443'"),
        ("null", "'null'"),
        ("https://\xe4.example\x1b[0m", "'(not an origin)'"),
        ("x" * 5000, "'(not an origin)'"),
        (mint(), "'(not an origin)'"),  # no token gets into the log
    ],
)
def test_a_cross_site_refusal_is_logged(
    origin: str | None, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has both origins, on one line of ASCII, and both ways to mend a wrong refusal."""
    headers = {"Sec-Fetch-Site": "cross-site"} | ({} if origin is None else {"Origin": origin})
    send(cookie_app("strict"), headers=headers)
    [record] = caplog.records
    assert (record.name, record.levelname) == ("flask_signet", "WARNING")
    said = record.getMessage()
    assert said.isascii()
    assert f"of the origin {shown}, and this application's origin is 'https://app.example'." in said
    assert "JWT_TRUSTED_ORIGINS" in said
    assert "ProxyFix" in said


def test_a_view_of_ones_own_asks_for_the_origin() -> None:
    """`refuse_cross_site()` goes by the options of the application that runs."""
    app = cookie_app(TRUSTED_ORIGINS=[TRUSTED])
    app.add_url_rule("/login", view_func=lambda: refuse_cross_site() or "in", methods=["POST"])
    for origin, status in ((TRUSTED, 200), ("https://evil.example", 401)):
        assert app.test_client().post("/login", headers={"Origin": origin}).status_code == status


def test_origin_is_asked_of_unsafe_requests_with_cookies_only() -> None:
    """A link from elsewhere still leads here, and a token in a header is no browser's doing."""
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert answer(send(cookie_app("strict"), method="GET", headers=elsewhere)) == (200, "alice")
    response = (
        application("strict")
        .test_client()
        .post("/required", headers={**elsewhere, **bearer(mint())})
    )
    assert answer(response) == (200, "alice")
