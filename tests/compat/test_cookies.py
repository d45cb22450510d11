"""Cookies that are set and unset, every attribute, and the CSRF double submit that guards them."""

from types import ModuleType
from typing import Any

import pytest
from flask import Flask, jsonify, request

from tests.compat.harness import METHODS, Both
from tests.compat.minting import CSRF, access, bearer, expired, mint, refresh

COOKIES = {"JWT_TOKEN_LOCATION": ["cookies"]}
SETTERS = ["set_access_cookies", "set_refresh_cookies"]
UNSETTERS = ["unset_access_cookies", "unset_refresh_cookies", "unset_jwt_cookies"]


def with_cookie_view(call: Any) -> Any:
    """An application with a view that calls one of the cookie functions on its response."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        @app.post("/cookies")
        def cookies() -> Any:
            answer = jsonify(done=True)
            call(lib, answer)
            return answer

    return setup


CONFIGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "csrf off": {"JWT_COOKIE_CSRF_PROTECT": False},
    "csrf not in cookies": {"JWT_CSRF_IN_COOKIES": False},
    "hardened": {"JWT_COOKIE_SECURE": True, "JWT_COOKIE_SAMESITE": "Strict"},
    "domain": {"JWT_COOKIE_DOMAIN": "example.com"},
    "one year": {"JWT_SESSION_COOKIE": False},
    "names and paths": {
        "JWT_ACCESS_COOKIE_NAME": "a",
        "JWT_ACCESS_COOKIE_PATH": "/a",
        "JWT_REFRESH_COOKIE_NAME": "r",
        "JWT_REFRESH_COOKIE_PATH": "/r",
        "JWT_ACCESS_CSRF_COOKIE_NAME": "ac",
        "JWT_ACCESS_CSRF_COOKIE_PATH": "/ac",
        "JWT_REFRESH_CSRF_COOKIE_NAME": "rc",
        "JWT_REFRESH_CSRF_COOKIE_PATH": "/rc",
    },
}
# max_age=0 is left out: there the libraries differ on purpose (test_differences.py).
ARGUMENTS: list[dict[str, Any]] = [
    {},
    {"max_age": None},
    {"max_age": 300},
    {"max_age": -1},
    {"domain": "sub.example.com"},
    {"domain": None},
    {"domain": ""},
    {"max_age": 60, "domain": "example.org"},
]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
@pytest.mark.parametrize("function", SETTERS)
def test_setting(function: str, arguments: dict[str, Any], config: str) -> None:
    """The Set-Cookie headers are FJE's to the letter, in FJE's order."""
    token = access() if "access" in function else refresh()
    both = Both(
        CONFIGS[config],
        with_cookie_view(lambda lib, answer: getattr(lib, function)(answer, token, **arguments)),
    )
    answer = both.ask("/cookies", method="POST")
    assert len(answer.cookies) == (1 if config.startswith("csrf") else 2)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("arguments", [{}, {"domain": "sub.example.com"}], ids=str)
@pytest.mark.parametrize("function", UNSETTERS)
def test_unsetting(function: str, arguments: dict[str, Any], config: str) -> None:
    """The headers that delete the cookies are FJE's to the letter."""
    both = Both(
        CONFIGS[config],
        with_cookie_view(lambda lib, answer: getattr(lib, function)(answer, **arguments)),
    )
    answer = both.ask("/cookies", method="POST")
    assert all("=;" in line for line in answer.cookies)


def test_arguments_by_position_and_name() -> None:
    """The cookie functions can be called with positional arguments and with keywords."""
    token = access()
    for call in (
        lambda lib, answer: lib.set_access_cookies(answer, token, 60, "example.org"),
        lambda lib, answer: lib.set_access_cookies(
            response=answer, encoded_access_token=token, max_age=60, domain="example.org"
        ),
        lambda lib, answer: lib.set_refresh_cookies(
            response=answer, encoded_refresh_token=token, max_age=60, domain="example.org"
        ),
        lambda lib, answer: lib.unset_jwt_cookies(response=answer, domain="example.org"),
    ):
        assert len(Both(setup=with_cookie_view(call)).ask("/cookies", method="POST").cookies) > 1


@pytest.mark.parametrize("token", [expired, lambda: access(csrf=...), lambda: "x", refresh])
@pytest.mark.parametrize("protect", [True, False])
def test_setting_an_odd_token(token: Any, protect: bool) -> None:
    """An expired token, one without `csrf`, no token at all: the same error or the same cookie."""
    encoded = token()
    both = Both(
        {"JWT_COOKIE_CSRF_PROTECT": protect},
        with_cookie_view(lambda lib, answer: lib.set_access_cookies(answer, encoded)),
    )
    both.ask("/cookies", method="POST")


def test_the_csrf_cookie_holds_the_tokens_value() -> None:
    """JavaScript copies the readable cookie into the header; it is the token's `csrf` claim."""
    for side in Both(COOKIES).sides:
        side.ask("/login-by-cookie", method="POST", jar=True)
        token = side.client.get_cookie("access_token_cookie")
        value = side.client.get_cookie("csrf_access_token")
        assert token is not None
        assert value is not None
        with side.app.test_request_context():
            assert side.lib.get_csrf_token(token.value) == value.value


def test_a_browser_logs_in_works_and_logs_out() -> None:
    """The whole round with a cookie jar: login, read, write with CSRF, refresh, logout."""
    both = Both(COOKIES)
    both.ask("/login-by-cookie", method="POST", jar=True)
    assert [side.client.get("/required").status_code for side in both.sides] == [200, 200]
    for side in both.sides:
        refused = side.client.post("/required")
        assert (refused.status_code, refused.json) == (401, {"msg": "Missing CSRF token"})
        for kind, path in (("access", "/required"), ("refresh", "/refresh")):
            proof = side.client.get_cookie(f"csrf_{kind}_token")
            assert proof is not None
            allowed = side.client.post(path, headers={"X-CSRF-TOKEN": proof.value})
            assert allowed.status_code == 200
    both.ask("/logout", method="POST", jar=True)
    answer = both.ask("/required", jar=True)
    assert (answer.status, answer.msg) == (401, 'Missing cookie "access_token_cookie"')


PROOFS: dict[str, dict[str, Any]] = {
    "none": {},
    "header": {"headers": {"X-CSRF-TOKEN": CSRF}},
    "header, other case": {"headers": {"x-csrf-token": CSRF}},
    "wrong header": {"headers": {"X-CSRF-TOKEN": "wrong"}},
    "empty header": {"headers": {"X-CSRF-TOKEN": ""}},
    "header with blanks": {"headers": {"X-CSRF-TOKEN": f" {CSRF} "}},
    "form": {"data": {"csrf_token": CSRF}},
    "wrong form": {"data": {"csrf_token": "wrong"}},
    "wrong header, good form": {
        "headers": {"X-CSRF-TOKEN": "wrong"},
        "data": {"csrf_token": CSRF},
    },
    "empty header, good form": {"headers": {"X-CSRF-TOKEN": ""}, "data": {"csrf_token": CSRF}},
    "json": {"json": {"csrf_token": CSRF}},
    "query": {"query_string": {"csrf_token": CSRF}},
}


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/required", "/optional", "/refresh"])
def test_double_submit(path: str, method: str, form: bool) -> None:
    """The value in header or form is compared with the claim, for the methods that need it."""
    both = Both({**COOKIES, "JWT_CSRF_CHECK_FORM": form})
    cookies = {"access_token_cookie": access(), "refresh_token_cookie": refresh()}
    let_in = {
        name
        for name, proof in PROOFS.items()
        if both.ask(path, method=method, cookies=cookies, **proof).status == 200
    }
    good = {"header", "header, other case"}
    by_form = {"form", "empty header, good form"}
    assert let_in == (set(PROOFS) if method == "GET" else good | (by_form if form else set()))


@pytest.mark.parametrize("location", ["headers", "query_string", "json"])
def test_no_csrf_elsewhere(location: str) -> None:
    """Only a cookie is sent by the browser on its own, so only a cookie needs the second value."""
    both = Both({"JWT_TOKEN_LOCATION": [location]})
    token = access()
    sent: dict[str, dict[str, Any]] = {
        "headers": {"headers": bearer(token)},
        "query_string": {"query_string": {"jwt": token}},
        "json": {"json": {"access_token": token}},
    }
    assert both.ask("/required", method="POST", **sent[location]).status == 200


@pytest.mark.parametrize("value", [..., "", None, CSRF])
def test_tokens_without_a_csrf_value(value: Any) -> None:
    """A token issued elsewhere, without the claim, can be read with but not written with."""
    both = Both(COOKIES)
    cookies = {"access_token_cookie": access(csrf=value)}
    both.ask("/required", cookies=cookies)
    if value is not None:  # None and a value given is a 500 there: test_differences.py
        both.ask("/required", method="POST", cookies=cookies, headers={"X-CSRF-TOKEN": CSRF})


@pytest.mark.parametrize("cookie", ["", "x", "x.y.z"])
def test_cookies_that_hold_no_token(cookie: str) -> None:
    """An empty cookie is none; another text is a bad token."""
    Both(COOKIES).ask("/required", cookies={"access_token_cookie": cookie})
    Both(COOKIES).ask("/optional", cookies={"access_token_cookie": cookie})


def test_two_cookies_of_the_same_name() -> None:
    """The first of two counts, by Werkzeug."""
    header = {"Cookie": f"access_token_cookie={access()}; access_token_cookie=x"}
    assert Both(COOKIES).ask("/required", headers=header).status == 200


def test_refreshing_in_an_after_request_hook() -> None:
    """FJE's documented implicit refresh: a token about to expire is replaced on the way out."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        @app.after_request
        def renew(answer: Any) -> Any:
            try:
                left = lib.get_jwt()["exp"] - lib.get_jwt()["iat"]
                if left < 10_000 and request.path == "/required":
                    token = lib.create_access_token(identity=lib.get_jwt_identity())
                    lib.set_access_cookies(answer, token)
            except (RuntimeError, KeyError):
                return answer
            return answer

    both = Both(COOKIES, setup)
    answer = both.ask("/required", cookies={"access_token_cookie": access()})
    assert len(answer.cookies) == 2
    assert both.ask("/required").cookies == ()
    assert both.ask("/required", cookies={"access_token_cookie": mint({"sub": "x"})}).cookies == ()
