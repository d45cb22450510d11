"""Where a token may be, in what form, in what order; what the strict profile refuses of it."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from flask.views import MethodView
from flask_cors import cross_origin
from werkzeug.test import create_environ, run_wsgi_app

from flask_signet import Key, get_jwt_identity, get_jwt_request_location, jwt_required
from flask_signet.engine.admission import Credentials
from flask_signet.exceptions import ConfigurationError, StoreUnavailableError
from flask_signet.stores.memory import MemoryStore
from tests.applications import (
    ALL_LOCATIONS,
    CSRF,
    NOW,
    PROFILES,
    answer,
    application,
    bearer,
    claims,
    expired,
    mint,
    set_clock,
)
from tests.conftest import Clock

MISSING = "Missing Authorization Header"
NO_SCHEME = (
    "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'"
)
BAD_HEADER = "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'"
NOT_A_TOKEN = "Not enough segments"
SEVERAL = "The request has more than one token"
STRICT_COOKIE = "__Host-access_token"


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    set_clock(monkeypatch, clock)


# ── headers ──────────────────────────────────────────────────────────────────────────────

# What stands in the Authorization field ({t} is a valid token), the answer of the drop-in, which
# is Flask-JWT-Extended's, and whether strict takes it. The characters are those that a WSGI server
# hands over: every byte, as Latin-1.
FORMS: dict[str, tuple[str, tuple[int, str], bool]] = {
    "plain": ("Bearer {t}", (200, "alice"), True),
    "two spaces": ("Bearer  {t}", (200, "alice"), True),
    "lower case": ("bearer {t}", (401, NO_SCHEME), True),
    "upper case": ("BEARER {t}", (401, NO_SCHEME), True),
    "tab": ("Bearer\t{t}", (200, "alice"), False),
    "space and tab": ("Bearer \t{t}", (200, "alice"), False),
    "no-break space": ("Bearer\xa0{t}", (200, "alice"), False),
    "next line": ("Bearer\x85{t}", (200, "alice"), False),
    "vertical tab": ("Bearer\x0b{t}", (200, "alice"), False),
    "file separator": ("Bearer\x1c{t}", (200, "alice"), False),
    "NUL": ("Bearer\x00{t}", (401, NO_SCHEME), False),
    "no space": ("Bearer{t}", (401, NO_SCHEME), False),
    "NBSP before": ("\xa0Bearer {t}", (200, "alice"), False),
    "control character after": ("Bearer {t}\x1f", (200, "alice"), False),
    "comma after": ("Bearer {t},", (200, "alice"), False),
    "comma before": (",Bearer {t}", (200, "alice"), False),
    "comma between": ("Bearer ,{t}", (422, BAD_HEADER), False),
    "empty element": ("Bearer {t}, \x0b ,", (200, "alice"), False),
    "only empty elements": (", \x0b ,\xa0,", (401, NO_SCHEME), False),
    "nothing": ("", (401, MISSING), False),
    "spaces": ("  ", (401, MISSING), False),
    "no-break spaces": ("\xa0\x0b\x1c", (401, MISSING), False),
    "commas": (",,,", (401, MISSING), False),
    "scheme alone": ("Bearer", (422, BAD_HEADER), False),
    "token alone": ("{t}", (401, NO_SCHEME), False),
    "three words": ("Bearer {t} x", (422, BAD_HEADER), False),
    "quoted": ('Bearer "{t}"', (422, "Invalid header padding"), False),
    "another scheme": ("Basic YWxpY2U6cGFzcw==", (401, NO_SCHEME), False),
    "another scheme before": ("Basic YTpi, Bearer {t}", (200, "alice"), False),
    "another scheme after": ("Bearer {t}, Basic YTpi", (200, "alice"), False),
    "two tokens": ("Bearer {t}, Bearer {t}", (401, NO_SCHEME), False),
    "two tokens, no space": ("Bearer {t},Bearer {t}", (401, NO_SCHEME), False),
    "two tokens, two cases": ("Bearer {t}, bearer {t}", (200, "alice"), False),
    "not ASCII": ("Bearer \xe9\xff", (422, NOT_A_TOKEN), False),
    "not ASCII, three parts": ("Bearer \xe9.\xff.\xfe", (422, "Invalid header padding"), False),
    "full of controls": ("Bearer \x00.\x01.\x02", (422, "Invalid header padding"), False),
}


def get(app: Flask, value: str, path: str = "/required") -> Any:
    """GET with this very text in the environ: a client would refuse to send some of them."""
    return app.test_client().get(path, environ_overrides={"HTTP_AUTHORIZATION": value})


@pytest.mark.parametrize("form", FORMS)
def test_header_form(form: str) -> None:
    """By default a header is read as Flask-JWT-Extended reads it, to the letter of its answers."""
    value, expected, _strict = FORMS[form]
    assert answer(get(application(), value.format(t=mint()))) == expected


@pytest.mark.parametrize("form", FORMS)
def test_strict_header_form(form: str) -> None:
    """Strict takes the scheme in any case, ASCII spaces and one token, and nothing else (E2)."""
    value, _expected, taken = FORMS[form]
    response = get(application("strict"), value.format(t=mint()))
    assert (response.status_code == 200) is taken
    assert response.status_code in (200, 400, 401)


@pytest.mark.parametrize(
    "value",
    [
        "Bearer {t}, Bearer {t}",
        "Bearer {t},Bearer {t}",
        "Bearer {t}, bearer {t}",
        "bearer {t} ,\tBEARER {t}",
        "Bearer {t}, Basic YTpi",
        "Basic YTpi, Bearer {t}",
        "Bearer a, Bearer {t}",
        "Bearer {t}, Bearer",
    ],
)
def test_strict_refuses_a_list(value: str) -> None:
    """A list of credentials is a malformed request, whichever of them would be good (E1)."""
    response = get(application("strict"), value.format(t=mint()))
    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_several_fields(profile: str) -> None:
    """Two Authorization fields reach the application as one list, and neither counts (E1)."""
    headers = [("Authorization", f"Bearer {mint(sub=name)}") for name in ("alice", "mallory")]
    response = application(profile).test_client().get("/required", headers=headers)
    expected = (400, SEVERAL) if profile == "strict" else (401, NO_SCHEME)
    assert answer(response) == expected


BARE = "Bad Authorization header. Expected 'Authorization: <JWT>'"


@pytest.mark.parametrize("scheme", ["", None])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{t}", (200, "alice")),
        (" {t} ", (200, "alice")),
        ("Bearer {t}", (422, BARE)),
        ("{t} {t}", (422, BARE)),
        ("{t}, {t}", (422, BARE)),
        ("{t},{t}", (422, "Invalid payload padding")),
        ("", (401, MISSING)),
        (" , ", (401, MISSING)),
        # What is left between the commas is blank: no word at all, where one is expected.
        (", \x0b ,", (401, MISSING)),
        ("\xa0,\xa0", (401, MISSING)),
    ],
)
def test_bare_token(value: str, expected: tuple[int, str], scheme: str | None) -> None:
    """With an empty JWT_HEADER_TYPE the field is the token and nothing else."""
    app = application(JWT_HEADER_TYPE=scheme)
    status, text = answer(get(app, value.format(t=mint())))
    if expected == (401, MISSING):
        assert status in (401, 422)  # Flask-JWT-Extended calls some of these malformed
        assert text in (MISSING, BARE)
    else:
        assert (status, text) == expected


def test_named_field_and_scheme() -> None:
    """JWT_HEADER_NAME and JWT_HEADER_TYPE replace both words; Authorization is not read then."""
    app = application(JWT_HEADER_NAME="X-Pass", JWT_HEADER_TYPE="Token")
    client = app.test_client()
    assert answer(client.get("/required", headers={"X-Pass": f"Token {mint()}"})) == (200, "alice")
    assert answer(client.get("/required", headers=bearer(mint()))) == (401, "Missing X-Pass Header")
    assert answer(client.get("/required", headers={"X-Pass": f"Bearer {mint()}"})) == (
        401,
        "Missing 'Token' type in 'X-Pass' header. Expected 'X-Pass: Token <JWT>'",
    )


# ── cookies ──────────────────────────────────────────────────────────────────────────────


def with_cookies(app: Flask, value: str) -> Any:
    """GET with this very Cookie field: no jar in between."""
    client = app.test_client(use_cookies=False)
    return client.get("/required", environ_overrides={"HTTP_COOKIE": value})


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("access_token_cookie={t}", (200, "alice")),
        ("a=b; access_token_cookie={t}; c=d", (200, "alice")),
        ('access_token_cookie="{t}"', (200, "alice")),
        ("access_token_cookie=", (401, 'Missing cookie "access_token_cookie"')),
        ("Access_Token_Cookie={t}", (401, 'Missing cookie "access_token_cookie"')),
        ("refresh_token_cookie={t}", (401, 'Missing cookie "access_token_cookie"')),
        ("", (401, 'Missing cookie "access_token_cookie"')),
        ("access_token_cookie=\xe9\xff", (422, NOT_A_TOKEN)),
        ("access_token_cookie=x", (422, NOT_A_TOKEN)),
    ],
)
def test_cookie(cookie: str, expected: tuple[int, str]) -> None:
    """The token is the whole value of the cookie of exactly that name."""
    app = application(JWT_TOKEN_LOCATION="cookies")
    assert answer(with_cookies(app, cookie.format(t=mint()))) == expected


def test_a_cookie_with_a_scheme_holds_no_token() -> None:
    """A scheme belongs to the header. Werkzeug drops such a cookie since 3.1.9; before, we do."""
    app = application(JWT_TOKEN_LOCATION="cookies")
    assert answer(with_cookies(app, f"access_token_cookie=Bearer {mint()}")) in (
        (401, 'Missing cookie "access_token_cookie"'),
        (422, "Invalid header padding"),
    )


@pytest.mark.parametrize("gap", [" ", "\t", "\xc2\xa0", "\xe2\x80\x83"])  # UTF-8 as WSGI gives it
def test_white_space_without_end_in_cookies_is_refused(gap: str) -> None:
    """Werkzeug before 3.1.9 would read it in a time that grows with the square of its length."""
    app = application(JWT_TOKEN_LOCATION="cookies")
    for other in (f"a=b{gap * 64}c", f"a=b;{gap * 64}"):
        refused = answer(with_cookies(app, f"{other}; access_token_cookie={mint()}"))
        assert refused == (422, "The cookies have a long run of white space")
    short = f"a=b{gap * 8}c; access_token_cookie={mint()}"
    assert answer(with_cookies(app, short)) == (200, "alice")


@pytest.mark.parametrize(
    "cookie",
    [
        "{name}={good}; {name}={bad}",
        "{name}={bad}; {name}={good}",
        "{name}={good}; {name}={good}",
        "{name}={good}; {name}=",
        "{name}=; {name}={good}",
    ],
)
def test_tossed_cookie(cookie: str) -> None:
    """Two cookies of our name: one of them was planted, and no telling which (E7)."""
    app = application("strict", JWT_TOKEN_LOCATION="cookies")
    value = cookie.format(name=STRICT_COOKIE, good=mint(), bad=mint(sub="mallory"))
    response = with_cookies(app, value)
    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")


def test_way_out_of_several_cookies() -> None:
    """The refusal of several cookies tells its reader what helps."""
    app = application("strict", JWT_TOKEN_LOCATION="cookies")
    response = with_cookies(app, f"{STRICT_COOKIE}={mint()}; {STRICT_COOKIE}={mint(jti='two')}")
    status, message = answer(response)
    assert status == 400
    assert message == (
        f'The request has more than one cookie "{STRICT_COOKIE}": log out, which clears them, and '
        "log in again"
    )


@pytest.mark.parametrize(
    ("cookies", "expected"),
    [
        ([expired(), mint()], (200, "alice")),
        ([mint(), expired()], (200, "alice")),
        (["x", mint()], (200, "alice")),
        (["", mint()], (200, "alice")),
        ([mint(sub="before", iat=NOW - 60), mint()], (200, "alice")),
        ([mint(), mint(sub="before", iat=NOW - 60)], (200, "alice")),
        ([mint(), mint(sub="second")], (200, "alice")),
        (["x", expired()], (401, "Token has expired")),
        (["x", "x.y.z"], (422, NOT_A_TOKEN)),
        (["", ""], (401, 'Missing cookie "access_token_cookie"')),
    ],
)
def test_the_good_one_of_several_cookies_counts(
    cookies: list[str], expected: tuple[int, str]
) -> None:
    """By default: the good token that was made last; the first of equals, as Werkzeug has it."""
    app = application(JWT_TOKEN_LOCATION="cookies")
    value = "; ".join(f"access_token_cookie={each}" for each in cookies)
    assert answer(with_cookies(app, value)) == expected


def test_the_cookie_that_belongs_to_the_csrf_value_counts() -> None:
    """Of two good tokens a write is by the one that the page proves itself for."""
    app = application(JWT_TOKEN_LOCATION="cookies")
    old, new = mint(iat=NOW - 60, jti="old"), mint(csrf="another", jti="new")
    environ = {"HTTP_COOKIE": f"access_token_cookie={old}; access_token_cookie={new}"}
    client = app.test_client(use_cookies=False)
    for value, jti in ((CSRF, "old"), ("another", "new")):
        response = client.post(
            "/required", headers={"X-CSRF-TOKEN": value}, environ_overrides=environ
        )
        assert response.get_json()["claims"]["jti"] == jti
    response = client.post("/required", headers={"X-CSRF-TOKEN": "x"}, environ_overrides=environ)
    assert answer(response) == (401, "CSRF double submit tokens do not match")


@pytest.mark.parametrize(
    ("cookies", "status"),
    [
        ([expired(), mint()], 200),
        ([mint(), expired()], 200),
        ([expired(jti="one"), expired(jti="two"), mint()], 200),
        ([expired(), expired(jti="two")], 401),
        ([expired(sub="mallory"), mint()], 400),
        ([mint(sub="mallory"), expired()], 400),
        (["x", mint()], 400),
        ([mint(secret="x" * 64), mint()], 400),
    ],
)
def test_strict_passes_over_expired_cookies_of_the_same_subject(
    cookies: list[str], status: int
) -> None:
    """After a change of the domain the old cookie expires; planted by another, none is passed."""
    app = application("strict", JWT_TOKEN_LOCATION="cookies")
    response = with_cookies(app, "; ".join(f"{STRICT_COOKIE}={each}" for each in cookies))
    assert response.status_code == status


# ── query string ─────────────────────────────────────────────────────────────────────────

NO_QUERY = "Missing 'jwt' query paramater"
BAD_QUERY = "Invalid value for query parameter 'jwt'. Expected the value to start with 'Bearer '"


@pytest.mark.parametrize(
    ("prefix", "query", "expected"),
    [
        ("", "jwt={t}", (200, "alice")),
        ("", "a=b&jwt={t}&c=d", (200, "alice")),
        ("", "JWT={t}", (401, NO_QUERY)),
        ("", "jwt=", (401, NO_QUERY)),
        ("", "jwt", (401, NO_QUERY)),
        ("", "", (401, NO_QUERY)),
        ("", "jwt=%20{t}", (422, "Invalid header padding")),
        ("", "jwt=%FF%FE", (422, NOT_A_TOKEN)),
        ("", "jwt=%ED%A0%80", (422, NOT_A_TOKEN)),  # a lone surrogate's bytes
        ("", "jwt=%00.%00.%00", (422, "Invalid header padding")),
        ("Bearer ", "jwt=Bearer%20{t}", (200, "alice")),
        ("Bearer ", "jwt=Bearer+{t}", (200, "alice")),
        ("Bearer ", "jwt={t}", (422, BAD_QUERY)),
        ("Bearer ", "jwt=bearer%20{t}", (422, BAD_QUERY)),
        ("Bearer ", "jwt=Bearer%20", (422, NOT_A_TOKEN)),
    ],
)
def test_query_string(prefix: str, query: str, expected: tuple[int, str]) -> None:
    """The token is the parameter's value after the prefix."""
    app = application(JWT_TOKEN_LOCATION="query_string", JWT_QUERY_STRING_VALUE_PREFIX=prefix)
    client = app.test_client()
    assert answer(client.get("/required", query_string=query.format(t=mint()))) == expected


@pytest.mark.parametrize("query", ["jwt=\x80", "jwt=\xff.\xff.\xff", "\xe9=1&jwt=x", "jwt=x&\xe9"])
@pytest.mark.parametrize("guard", ["required", "optional"])
def test_query_string_of_raw_bytes(guard: str, query: str) -> None:
    """A server hands on bytes that no URL may have; they are a refusal, never an error (C7)."""
    app = application(JWT_TOKEN_LOCATION=["query_string"], PROPAGATE_EXCEPTIONS=True)
    response = app.test_client().get(f"/{guard}", environ_overrides={"QUERY_STRING": query})
    assert response.status_code in ((401, 422) if guard == "required" else (200, 401, 422))
    assert response.is_json


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_query_string_is_off_by_default(profile: str) -> None:
    """Nobody's token is read from a URL unless the application asked for it (E4)."""
    response = application(profile).test_client().get(f"/required?jwt={mint()}")
    assert answer(response) == (401, MISSING)


def query_app() -> Flask:
    return application("strict", JWT_TOKEN_LOCATION=["headers", "query_string"])


@pytest.mark.parametrize("token", [mint(), mint(sub="x" * 300), "rubbish"])
def test_query_string_marks_the_answer(token: str) -> None:
    """In strict the answer to a URL with a token in it is kept from caches and referrers (E4)."""
    response = query_app().test_client().get(f"/required?jwt={token}")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"


def test_header_token_does_not_mark_the_answer() -> None:
    """The marks come with a token in the URL, not with the option."""
    response = query_app().test_client().get("/required", headers=bearer(mint()))
    assert response.status_code == 200
    assert "Referrer-Policy" not in response.headers


@pytest.mark.parametrize("guard", ["refresh", "any-type"])
def test_query_string_never_takes_a_refresh_token(guard: str) -> None:
    """A refresh token in a URL is refused in strict, whatever the guard asks for (E4)."""
    client = query_app().test_client()
    assert client.get(f"/{guard}", headers=bearer(mint("refresh"))).status_code == 200
    assert client.get(f"/{guard}?jwt={mint('refresh')}").status_code in (400, 401)


def test_strict_refuses_a_parameter_twice() -> None:
    """RFC 6750 section 3.1: a request that repeats the parameter is an invalid_request (E3)."""
    client = query_app().test_client()
    response = client.get(f"/required?jwt={mint()}&jwt={mint(sub='mallory')}")
    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")


# ── JSON ─────────────────────────────────────────────────────────────────────────────────

NOT_JSON = "Invalid content-type. Must be application/json."
NO_KEY = 'Missing "access_token" key in json data.'
NO_TEXT = "Invalid token type. Token must be a <class 'bytes'>"
JSON = "application/json"


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        (JSON, '{"access_token": "%s"}', (200, "alice")),
        (f"{JSON}; charset=utf-8", '{"access_token": "%s"}', (200, "alice")),
        (f"{JSON}; charset=no-such-thing", '{"access_token": "%s"}', (200, "alice")),
        ("application/vnd.api+json", '{"access_token": "%s"}', (200, "alice")),
        (JSON, '{"a": [{}], "access_token": "%s"}', (200, "alice")),
        (JSON, '{"refresh_token": "%s"}', (401, NO_KEY)),
        (JSON, '["%s"]', (401, NO_KEY)),
        (JSON, '"%s"', (401, NO_KEY)),
        (JSON, "null", (401, NO_KEY)),
        (JSON, "1", (401, NO_KEY)),
        (JSON, "NaN", (401, NO_KEY)),
        (JSON, "", (401, NO_KEY)),
        (JSON, "{", (401, NO_KEY)),
        (JSON, b"\xff\xfe", (401, NO_KEY)),
        (JSON, b'{"access_token": "\xff"}', (401, NO_KEY)),
        (JSON, "{}", (401, NO_KEY)),
        (JSON, "[" * 100_000, (401, NO_KEY)),
        (JSON, '{"a":' * 100_000 + "1" + "}" * 100_000, (401, NO_KEY)),
        (JSON, '{"access_token": ' + "[" * 5000 + "]" * 5000 + "}", (401, NO_KEY)),
        (JSON, '{"access_token": ' + "9" * 5000 + "}", (401, NO_KEY)),
        (JSON, '{"access_token": null}', (401, NO_KEY)),
        (JSON, '{"access_token": ""}', (401, NO_KEY)),
        (JSON, '{"access_token": 1}', (422, NO_TEXT)),
        (JSON, '{"access_token": true}', (422, NO_TEXT)),
        (JSON, '{"access_token": 1e400}', (422, NO_TEXT)),
        (JSON, '{"access_token": ["%s"]}', (422, NO_TEXT)),
        (JSON, '{"access_token": {"%s": 1}}', (422, NO_TEXT)),
        (JSON, '{"access_token": "\\ud800"}', (422, NOT_A_TOKEN)),
        (JSON, '{"access_token": "\\u0000.\\u0000.\\u0000"}', (422, "Invalid header padding")),
        (JSON, '{"access_token": "' + "x" * 1_000_000 + '"}', (422, "Token is too long")),
        ("text/plain", '{"access_token": "%s"}', (401, NOT_JSON)),
        ("application/jsonp", '{"access_token": "%s"}', (401, NOT_JSON)),
        ("application/x-www-form-urlencoded", "access_token=%s", (401, NOT_JSON)),
        (";;;", '{"access_token": "%s"}', (401, NOT_JSON)),
        ("", '{"access_token": "%s"}', (401, NOT_JSON)),
    ],
)
def test_json(content_type: str, body: str | bytes, expected: tuple[int, str]) -> None:
    """A JSON body is a mapping with a text in it, or it is a refusal, never an error (E5)."""
    data = body.replace("%s", mint()) if isinstance(body, str) else body
    app = application(JWT_TOKEN_LOCATION="json")
    response = app.test_client().post("/required", data=data, content_type=content_type)
    assert answer(response) == expected


TWICE = [
    f'{{"access_token": "{mint()}", "access_token": "{mint()}"}}',
    f'{{"access_token": "x", "access_token": "{mint()}"}}',
    f'{{"access_token": "{mint()}", "acces\\u0073_token": ""}}',
    f'{{"access_token": "{mint()}", "amount": 1, "amount": 1000}}',
    f'{{"access_token": "{mint()}", "order": [{{"amount": 1, "amount": 1000}}]}}',
]


@pytest.mark.parametrize("body", TWICE)
@pytest.mark.parametrize("optional", [False, True])
def test_strict_refuses_a_member_twice(body: str, optional: bool) -> None:
    """Readers differ on which one counts: a body with a token and such a name is 400."""
    app = application("strict", JWT_TOKEN_LOCATION=["headers", "json"])
    path = "/optional" if optional else "/required"
    found = app.test_client().post(path, data=body, content_type="application/json")
    assert answer(found) == (400, "The JSON body has two members of one name")
    compatible = application(JWT_TOKEN_LOCATION="json").test_client()
    assert compatible.post(path, data=body, content_type="application/json").status_code in (
        *(200, 401),
    )


def test_strict_lets_a_body_be_that_has_no_token() -> None:
    """What is not about the token is the application's to read."""
    app = application("strict", JWT_TOKEN_LOCATION=["headers", "json"])
    found = app.test_client().post(
        "/required",
        data='{"a": 1, "a": 2}',
        content_type="application/json",
        headers=bearer(mint()),
    )
    assert answer(found) == (200, "alice")


def test_json_key_of_each_kind() -> None:
    """A refresh guard reads JWT_REFRESH_JSON_KEY, an access guard JWT_JSON_KEY."""
    app = application(JWT_TOKEN_LOCATION="json", JWT_JSON_KEY="a", JWT_REFRESH_JSON_KEY="r")
    body = {"a": mint(), "r": mint("refresh", sub="bob")}
    client = app.test_client()
    assert answer(client.post("/required", json=body)) == (200, "alice")
    assert answer(client.post("/refresh", json=body)) == (200, "bob")


def test_json_body_stays_readable() -> None:
    """The view reads the body that the guard has read before it."""
    app = application(JWT_TOKEN_LOCATION="json")

    @app.post("/echo")
    @jwt_required()
    def echo() -> Response:
        return jsonify(request.get_json()["more"])

    body = {"access_token": mint(), "more": [1]}
    assert app.test_client().post("/echo", json=body).get_json() == [1]


# ── several locations ────────────────────────────────────────────────────────────────────


def send(app: Flask, path: str = "/required", **tokens: str) -> Any:
    """POST with a token at each location named; the cookie's CSRF value comes along."""
    strict = app.config["JWT_PROFILE"] == "strict"
    cookie = STRICT_COOKIE if strict else "access_token_cookie"
    headers = {"X-CSRF-TOKEN": CSRF}
    if "headers" in tokens:
        headers |= bearer(tokens["headers"])
    if "cookies" in tokens:
        headers["Cookie"] = f"{cookie}={tokens['cookies']}"
    query = {"jwt": tokens["query_string"]} if "query_string" in tokens else None
    body = {"access_token": tokens["json"]} if "json" in tokens else None
    return app.test_client(use_cookies=False).post(
        path, headers=headers, query_string=query, json=body
    )


@pytest.mark.parametrize("location", ALL_LOCATIONS)
@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_each_location_is_found_and_named(profile: str, location: str) -> None:
    """A token counts wherever it may be, and the view knows where it was."""
    app = application(profile, JWT_TOKEN_LOCATION=ALL_LOCATIONS)
    response = send(app, **{location: mint()})
    assert (response.status_code, response.get_json()["location"]) == (200, location)


@pytest.mark.parametrize("first", ALL_LOCATIONS)
def test_first_location_with_a_token_counts(first: str) -> None:
    """The order of JWT_TOKEN_LOCATION decides which of several tokens is read."""
    order = [first, *(name for name in ALL_LOCATIONS if name != first)]
    app = application(JWT_TOKEN_LOCATION=order)
    response = send(app, **{name: mint(sub=name) for name in ALL_LOCATIONS})
    assert answer(response) == (200, first)


@pytest.mark.parametrize("first", ALL_LOCATIONS)
def test_invalid_token_ends_the_search(first: str) -> None:
    """A bad token at the first location is an answer: a good one elsewhere doesn't mend it."""
    order = [first, *(name for name in ALL_LOCATIONS if name != first)]
    app = application(JWT_TOKEN_LOCATION=order)
    tokens = {name: mint() for name in ALL_LOCATIONS} | {first: "rubbish"}
    assert answer(send(app, **tokens)) == (422, NOT_A_TOKEN)


@pytest.mark.parametrize("second", ALL_LOCATIONS[1:])
@pytest.mark.parametrize("token", ["good", "bad"])
def test_strict_refuses_tokens_at_two_locations(second: str, token: str) -> None:
    """RFC 6750 section 2: a client uses one method of sending a token in a request (E3)."""
    app = application("strict", JWT_TOKEN_LOCATION=ALL_LOCATIONS)
    other = mint(sub="mallory") if token == "good" else "rubbish"
    response = send(app, headers=mint(), **{second: other})
    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")
    assert response.get_json()["msg"] == SEVERAL


@pytest.mark.parametrize("order", [["headers", "cookies"], ["cookies", "headers"]])
@pytest.mark.parametrize(
    ("header", "cookie", "expected"),
    [
        (mint(), mint(jti="cookie"), (200, "alice")),
        (mint(), expired(), (200, "alice")),
        (expired(), mint(), (401, "Token has expired")),
        (mint(), mint(sub="mallory"), (400, SEVERAL)),
        (mint(), expired(sub="mallory"), (400, SEVERAL)),
        ("rubbish", mint(), (400, SEVERAL)),
        (mint(), mint(secret="x" * 64), (400, SEVERAL)),
    ],
)
def test_strict_header_beside_a_cookie(
    header: str, cookie: str, expected: tuple[int, str], order: list[str]
) -> None:
    """A browser adds its cookies by itself: the header counts, if both are of one subject."""
    app = application("strict", JWT_TOKEN_LOCATION=order)
    response = send(app, headers=header, cookies=cookie)
    assert answer(response) == expected
    if response.status_code == 200:
        found = response.get_json()
        assert (found["location"], found["claims"]["jti"]) == ("headers", claims()["jti"])


def test_strict_header_beside_a_cookie_while_nobody_can_read_the_keys() -> None:
    """Nobody can tell whether the tokens are of one subject: 503, and not a fault of theirs."""

    class Down(MemoryStore):
        def load_keys(self, name: str = "") -> tuple[str, int]:
            raise StoreUnavailableError

    app = application(
        "strict",
        JWT_TOKEN_LOCATION=["headers", "cookies"],
        JWT_SECRET_KEY=None,
        JWT_KEYS="store:",
        JWT_SESSION_STORE=Down(),
    )
    assert send(app, headers=mint(), cookies=mint()).status_code == 503


def test_strict_header_beside_a_cookie_needs_no_csrf_value() -> None:
    """What counts is the header, which no other site can send; the cookie opens nothing."""
    app = application("strict", JWT_TOKEN_LOCATION=["headers", "cookies"])
    headers = {**bearer(mint()), "Cookie": f"{STRICT_COOKIE}={mint()}"}
    client = app.test_client(use_cookies=False)
    assert answer(client.post("/required", headers=headers)) == (200, "alice")
    del headers["Authorization"]
    assert answer(client.post("/required", headers=headers)) == (401, "Missing CSRF token")


def test_token_elsewhere_is_not_read() -> None:
    """Only the configured locations are looked at, in either profile (E3)."""
    for profile in ("compatible", "strict"):
        app = application(profile, JWT_TOKEN_LOCATION="headers")
        for location in ALL_LOCATIONS[1:]:
            assert answer(send(app, **{location: mint()})) == (401, MISSING)


@pytest.mark.parametrize(
    ("locations", "text"),
    [
        (["headers"], MISSING),
        (["cookies"], 'Missing cookie "access_token_cookie"'),
        (["query_string"], NO_QUERY),
        (["json"], NOT_JSON),
        (
            ["cookies", "headers"],
            f'Missing JWT in cookies or headers (Missing cookie "access_token_cookie"; {MISSING})',
        ),
        (
            ["headers", "query_string", "json"],
            f"Missing JWT in headers, query_string or json ({MISSING}; {NO_QUERY}; {NOT_JSON})",
        ),
    ],
)
def test_message_names_what_was_missing(locations: list[str], text: str) -> None:
    """Who sends no token is told every place where one was looked for."""
    app = application(JWT_TOKEN_LOCATION=locations)
    assert answer(app.test_client().get("/required")) == (401, text)


# ── locations of one guard ───────────────────────────────────────────────────────────────


def guarded(locations: Any, **options: Any) -> Flask:
    app = application(**options)
    app.testing = True

    @app.post("/here")
    @jwt_required(locations=locations)
    def here() -> Response:
        return jsonify(identity=get_jwt_identity(), location=get_jwt_request_location())

    return app


@pytest.mark.parametrize(
    "locations", ["json", ["json"], ("json",), {"json"}, frozenset({"json"}), ["cookies", "json"]]
)
def test_guard_looks_at_its_own_locations(locations: Any) -> None:
    """A guard's `locations`, one or several, replace JWT_TOKEN_LOCATION."""
    app = guarded(locations)
    assert send(app, "/here", json=mint()).get_json()["location"] == "json"
    assert send(app, "/here", headers=mint()).status_code == 401


@pytest.mark.parametrize("locations", [None, [], ()])
def test_guard_without_locations_looks_at_the_options(locations: Any) -> None:
    """No location is no choice: the option's are looked at."""
    assert answer(send(guarded(locations), "/here", headers=mint())) == (200, "alice")


@pytest.mark.parametrize("locations", ["header", ["headers", "body"], ["Headers"], [""], [None]])
def test_wrong_location_of_a_guard_is_the_programmers_error(locations: Any) -> None:
    """A location that does not exist is no 401: it says its name, good token or not."""
    app = guarded(locations)
    wrong = locations if isinstance(locations, str) else locations[-1]
    with pytest.raises(RuntimeError, match=f"'{wrong}' is not a valid location"):
        send(app, "/here", headers=mint())


@pytest.mark.parametrize(
    ("locations", "hint"),
    [
        ("header", "'headers'"),
        (["headers", "cookie"], "'cookies'"),
        ("query", "'query_string'"),
        ([], "JWT_TOKEN_LOCATION"),
        (7, "JWT_TOKEN_LOCATION"),
    ],
)
def test_wrong_location_of_the_option_stops_the_start(
    locations: Iterable[str] | int, hint: str
) -> None:
    """A misspelt location is found by init_app, not by the first user."""
    with pytest.raises(ConfigurationError, match=hint):
        application(JWT_TOKEN_LOCATION=locations)


# ── OPTIONS ──────────────────────────────────────────────────────────────────────────────

PREFLIGHT = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}


@pytest.mark.parametrize(
    ("profile", "headers", "status"),
    [
        ("compatible", {}, 200),
        ("compatible", PREFLIGHT, 200),
        ("strict", PREFLIGHT, 200),
        ("strict", {}, 401),
        ("strict", {"Origin": "https://app.example"}, 401),
        ("strict", {"Access-Control-Request-Method": "POST"}, 401),
        ("strict", bearer(mint()), 200),
        ("strict", bearer("rubbish"), 401),
    ],
)
def test_options(profile: str, headers: dict[str, str], status: int) -> None:
    """A view that serves OPTIONS itself needs no token: in strict for preflights only (E9)."""
    app = application(profile)

    @app.route("/own", methods=["GET", "OPTIONS"], provide_automatic_options=False)
    @jwt_required()
    def own() -> Response:
        return jsonify(identity=get_jwt_identity())

    client = app.test_client()
    assert client.options("/own", headers=headers).status_code == status
    assert client.get("/own", headers=PREFLIGHT).status_code == 401  # of no other method


def view_of_options(profile: str, guard: Any = None, **options: Any) -> tuple[Flask, list[str]]:
    """An application whose guarded view serves OPTIONS, and the methods that it ran for."""
    app, ran = application(profile, **options), []

    @(guard or jwt_required())
    def own() -> Response:
        ran.append(request.method)
        return jsonify(identity=get_jwt_identity())

    app.add_url_rule(
        "/own", "own", own, methods=["GET", "PUT", "OPTIONS"], provide_automatic_options=False
    )
    return app, ran


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("location", ALL_LOCATIONS)
def test_strict_answers_a_preflight_for_the_view(location: str, optional: bool) -> None:
    """What needs no token never reaches the body: the answer is Flask's own, with `Allow` (E9)."""
    app, ran = view_of_options(
        "strict", jwt_required(optional=optional), JWT_TOKEN_LOCATION=location
    )
    found = app.test_client().options("/own", headers={**PREFLIGHT, **bearer(mint())})
    assert (found.status_code, found.data) == (200, b"")
    assert set(found.allow) == {"GET", "HEAD", "PUT", "OPTIONS"}
    assert ran == []


@pytest.mark.parametrize(
    ("profile", "options", "headers", "reached"),
    [
        ("strict", {}, {}, []),
        ("strict", {}, bearer(mint()), ["OPTIONS"]),
        ("strict", {"JWT_OPTIONS_EXEMPT": "all"}, PREFLIGHT, ["OPTIONS"]),
        ("compatible", {}, PREFLIGHT, ["OPTIONS"]),
        ("compatible", {"JWT_OPTIONS_EXEMPT": "preflight"}, PREFLIGHT, []),
    ],
)
def test_an_options_request_reaches_the_view(
    profile: str, options: dict[str, Any], headers: dict[str, str], reached: list[str]
) -> None:
    """With a token, or where every OPTIONS request is exempt, as in Flask-JWT-Extended."""
    app, ran = view_of_options(profile, **options)
    app.test_client().options("/own", headers=headers)
    assert ran == reached


def test_a_preflight_does_not_reach_an_async_view_or_a_class() -> None:
    """Nor the method `options` of a view that is a class, nor another manager's guard."""
    app, ran = application("strict", TESTING=True), []

    @jwt_required()
    async def waiting() -> Response:
        ran.append("async")
        return jsonify()

    class Thing(MethodView):
        decorators = [jwt_required()]  # noqa: RUF012 - as Flask's documentation has it

        def options(self) -> Response:
            ran.append("class")
            return jsonify()

    app.add_url_rule("/async", "async", waiting, methods=["OPTIONS"])
    app.add_url_rule("/class", view_func=Thing.as_view("class"))
    for path in ("/async", "/class"):
        assert app.test_client().options(path, headers=PREFLIGHT).status_code == 200
    assert ran == []


@pytest.mark.parametrize("is_inside", [True, False])
def test_flask_cors_answers_a_preflight_on_either_side_of_the_guard(is_inside: bool) -> None:
    """Its decorator says that it answers OPTIONS, and never calls the view for one."""
    app, ran = application("strict"), []

    def view() -> Response:
        ran.append(request.method)
        return jsonify(identity=get_jwt_identity())

    cors, guard = cross_origin(origins="https://app.example", methods=["POST"]), jwt_required()
    guarded = guard(cors(view)) if is_inside else cors(guard(view))
    app.add_url_rule("/own", "own", guarded, methods=["POST"])
    client = app.test_client()
    found = client.options("/own", headers=PREFLIGHT)
    assert found.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert client.post("/own").status_code == 401
    assert ran == []


# ── lengths come first ───────────────────────────────────────────────────────────────────

MEGABYTE = 1_000_000


class Unsplit(str):
    """A header that nobody may take apart."""

    __slots__ = ()

    def _touch(self, *_arguments: object) -> Any:
        raise AssertionError("the header was taken apart")

    split = strip = partition = replace = lower = _touch


LONG_HEADERS = {
    "a short list": "a," * 1_000,
    "a list": "a," * (MEGABYTE // 2),
    "spaces": " " * MEGABYTE,
    "words": "Bearer " + "a " * (MEGABYTE // 2),
    "tabs": "Bearer x" + "\t" * MEGABYTE,
    "a token": "Bearer " + "x" * MEGABYTE,
    "another scheme": "Negotiate " + "x" * MEGABYTE,
}


@pytest.mark.parametrize("value", LONG_HEADERS.values(), ids=LONG_HEADERS)
@pytest.mark.parametrize("path", ["/required", "/optional"])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_long_header_is_measured_before_it_is_split(profile: str, path: str, value: str) -> None:
    """Refused for its length, whatever it holds, and by an optional guard too."""
    app = application(profile, TESTING=True)
    environ = create_environ(path)
    environ["HTTP_AUTHORIZATION"] = Unsplit(value)
    body, status, _ = run_wsgi_app(app.wsgi_app, environ)
    assert status[:3] == ("401" if profile == "strict" else "422")
    assert json.loads(b"".join(body))["msg"] == "Token is too long"


@pytest.mark.parametrize("scheme", ["", "Bearer"])
def test_what_stands_beside_a_token_may_have_eight_kilobytes(scheme: str) -> None:
    """The bound is that of the longest token and of all that may stand beside it."""
    app = application(JWT_HEADER_TYPE=scheme, JWT_MAX_TOKEN_LENGTH=1_000)
    value = f"{scheme} {mint()}".strip()
    assert answer(get(app, value + " " * (9_192 - len(value)))) == (200, "alice")
    assert answer(get(app, value + " " * (9_193 - len(value)))) == (422, "Token is too long")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("query", ["a&" * (MEGABYTE // 2), "jwt=x&" * 50_000, "=" * MEGABYTE])
def test_a_long_query_string_is_measured_before_it_is_split(profile: str, query: str) -> None:
    """Refused for its length, also where no parameter of it is a token."""
    app = application(profile, JWT_TOKEN_LOCATION="query_string")
    client = app.test_client()
    found = client.get("/optional", environ_overrides={"QUERY_STRING": query})
    assert answer(found) == (401 if profile == "strict" else 422, "Token is too long")
    many = client.get("/optional", environ_overrides={"QUERY_STRING": "&" * 1_000})
    many_status = 400 if profile == "strict" else 422
    assert answer(many) == (many_status, "The query string has too many parameters")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("cookies", ["a;" * (MEGABYTE // 2), 'a="' + "\\0" * (MEGABYTE // 2)])
def test_long_cookies_are_measured_before_they_are_split(profile: str, cookies: str) -> None:
    """Refused for their length, also where none of them is a token."""
    app = application(profile, JWT_TOKEN_LOCATION="cookies", JWT_COOKIE_SECURE=True)
    found = app.test_client(use_cookies=False).get("/optional", headers={"Cookie": cookies})
    assert answer(found) == (401 if profile == "strict" else 422, "Token is too long")


@pytest.mark.parametrize("profile", PROFILES)
def test_not_every_one_of_many_cookies_is_verified(
    profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than 32 of one name are 400, and the answer has the browser forget them."""
    app = application(profile, JWT_TOKEN_LOCATION="cookies", JWT_COOKIE_SECURE=True)
    name = app.config["JWT_ACCESS_COOKIE_NAME"]
    texts = [*(f"{name}=x{number}" for number in range(32)), f"{name}={mint()}"]
    client = app.test_client(use_cookies=False)
    monkeypatch.setattr(Key, "verify", Unsplit._touch)
    found = client.get("/required", headers={"Cookie": "; ".join(texts)}, base_url="https://a.b")
    assert answer(found) == (400, f'The request has too many cookies "{name}"')
    assert any(line.startswith(f"{name}=;") for line in found.headers.getlist("Set-Cookie"))


BODIES = {
    "a long token": b'{"access_token": "' + b"x" * MEGABYTE + b'"}',
    "a long list": b'{"a": [' + b"[]," * (MEGABYTE // 3) + b"1]}",
    "brackets": b"[" * MEGABYTE,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("path", ["/required", "/optional"])
def test_a_long_body_is_measured_before_it_is_parsed(
    profile: str, path: str, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """413, whatever it holds: a token that may be there is no token that is missing."""
    app = application(profile, JWT_TOKEN_LOCATION="json", JWT_MAX_BODY_LENGTH=100_000)
    with monkeypatch.context() as patch:
        patch.setattr(app.json, "loads", Unsplit._touch)
        found = app.test_client().post(path, data=body, content_type="application/json")
    assert answer(found) == (413, "The body is too long: it may have 100000 bytes")


@pytest.mark.parametrize(("profile", "length"), [("compatible", 1024**2), ("strict", 256 * 1024)])
def test_the_bound_of_a_body_is_an_option(profile: str, length: int) -> None:
    """JWT_MAX_BODY_LENGTH is 1 MiB, in the strict profile 256 KiB."""
    client = application(profile, JWT_TOKEN_LOCATION="json").test_client()
    body = json.dumps({"access_token": mint()}).encode()
    for more, status in ((0, 200), (1, 413)):
        data = body + b" " * (length - len(body) + more)
        found = client.post("/required", data=data, content_type="application/json")
        assert found.status_code == status


@pytest.mark.parametrize("profile", PROFILES)
def test_a_long_form_is_measured_before_its_csrf_value_is_looked_for(profile: str) -> None:
    """The form is read before the token is verified: a stranger's cookie opens it."""
    app = application(
        profile,
        JWT_TOKEN_LOCATION="cookies",
        JWT_CSRF_CHECK_FORM=True,
        JWT_MAX_BODY_LENGTH=100_000,
        JWT_CSRF_CHECK_ORIGIN=False,
    )
    cookie = f"{app.config['JWT_ACCESS_COOKIE_NAME']}={mint()}"
    client = app.test_client(use_cookies=False)
    for data, status in (
        (b"a=1&" * 50_000, 413),
        (b"a&" * 1_000, 413),
        (f"csrf_token={CSRF}".encode(), 200),
    ):
        found = client.post(
            "/required",
            data=data,
            content_type="application/x-www-form-urlencoded",
            headers={"Cookie": cookie},
            base_url="https://a.b",
        )
        assert found.status_code == status


# ── what is written to a log ─────────────────────────────────────────────────────────────


def test_what_was_found_does_not_print_the_token() -> None:
    """A found token can be in a traceback with its locals: it prints its place, nothing more."""
    found = Credentials(mint(), "cookies", CSRF)
    for text in (repr(found), str(found), f"{found}", f"{[found]}"):
        assert text.strip("[]") == "<Credentials in cookies>"
