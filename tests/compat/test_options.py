"""Each of FJE's 43 options: same default, same effect, at init_app and when changed later."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.compat.harness import ALL_LOCATIONS, REFERENCE, SUBJECT, Answer, Both, build
from tests.compat.minting import (
    CSRF,
    OTHER_SECRET,
    SECRET,
    access,
    bearer,
    claims,
    expired,
    key_pair,
    mint,
    refresh,
    signing_key,
)

Call = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Option:
    """An option, its default, other values, and the requests whose answers it changes."""

    key: str
    default: Any
    others: list[Any]
    calls: list[Call]
    base: dict[str, Any] = field(default_factory=dict)


def get(path: str = "/required", **arguments: Any) -> Call:
    return lambda: {"path": path, **{k: v() if callable(v) else v for k, v in arguments.items()}}


def post(path: str, **arguments: Any) -> Call:
    return get(path, method="POST", **arguments)


def with_token(**changes: Any) -> Call:
    return get(headers=lambda: bearer(access(**changes)))


def with_header(name: str, kind: str) -> Call:
    return get(headers=lambda: {name: f"{kind} {access()}".strip()})


def with_cookie(name: str, make: Callable[[], str], path: str = "/required", **more: Any) -> Call:
    return get(path, cookies=lambda: {name: make()}, **more)


LOGIN = post("/login")
COOKIE_LOGIN = post("/login-by-cookie")
LOGOUT = post("/logout")
COOKIES = {"JWT_TOKEN_LOCATION": ["cookies"]}
QUERY = {"JWT_TOKEN_LOCATION": ["query_string"]}
JSON = {"JWT_TOKEN_LOCATION": ["json"]}
RS = {"JWT_ALGORITHM": "RS256"}


def guarded_post(kind: str, name: str, value: str = CSRF, form: bool = False) -> Call:
    """A POST with the token in a cookie and the CSRF value in a header or a form field."""
    make = {"access": access, "refresh": refresh}[kind]
    path = {"access": "/required", "refresh": "/refresh"}[kind]
    proof = {"data": {name: value}} if form else {"headers": {name: value}}
    return with_cookie(f"{kind}_token_cookie", make, path, method="POST", **proof)


OPTIONS = [
    Option("JWT_ACCESS_TOKEN_EXPIRES", timedelta(minutes=15), [timedelta(hours=2), 77], [LOGIN]),
    Option("JWT_REFRESH_TOKEN_EXPIRES", timedelta(days=30), [timedelta(days=7), 78], [LOGIN]),
    Option(
        "JWT_ALGORITHM",
        "HS256",
        ["HS384", "HS512"],
        [
            LOGIN,
            with_token(),
            get(headers=lambda: bearer(mint(claims(), SECRET, "HS384"))),
        ],
    ),
    Option(
        "JWT_DECODE_ALGORITHMS",
        None,
        [["HS512"], ["HS256", "HS512"]],
        [with_token(), get(headers=lambda: bearer(mint(claims(), SECRET, "HS512")))],
    ),
    Option(
        "JWT_SECRET_KEY",
        None,
        [OTHER_SECRET],
        [with_token(), get(headers=lambda: bearer(mint(claims(), OTHER_SECRET)))],
        {"SECRET_KEY": SECRET},
    ),
    Option("JWT_PRIVATE_KEY", None, [key_pair("RS256")[0]], [LOGIN], RS),
    Option(
        "JWT_PUBLIC_KEY",
        None,
        [key_pair("RS256")[1]],
        [get(headers=lambda: bearer(mint(claims(), signing_key("RS256"), "RS256")))],
        RS,
    ),
    Option(
        "JWT_DECODE_AUDIENCE",
        None,
        ["api", ["api", "web"]],
        [with_token(), with_token(aud="api"), with_token(aud=["x", "web"]), with_token(aud="x")],
    ),
    Option("JWT_ENCODE_AUDIENCE", None, ["api", ["api", "web"]], [LOGIN]),
    Option(
        "JWT_DECODE_ISSUER",
        None,
        ["us"],
        [with_token(), with_token(iss="us"), with_token(iss="them")],
    ),
    Option("JWT_ENCODE_ISSUER", None, ["us"], [LOGIN]),
    Option(
        "JWT_DECODE_LEEWAY",
        0,
        [120, timedelta(minutes=2)],
        [get(headers=lambda: bearer(expired()))],
    ),
    Option("JWT_ENCODE_NBF", True, [False], [LOGIN]),
    Option(
        "JWT_IDENTITY_CLAIM",
        "sub",
        ["user"],
        [LOGIN, with_token(), with_token(sub=..., user="bob")],
    ),
    Option("JWT_VERIFY_SUB", True, [False], [with_token(sub=["a"]), with_token()]),
    Option(
        "JWT_ERROR_MESSAGE_KEY",
        "msg",
        ["error", "message"],
        [
            get(),
            get(headers={"Authorization": "Bearer x"}),
            get(headers=lambda: bearer(expired())),
            get("/fresh", headers=lambda: bearer(access())),
        ],
    ),
    Option(
        "JWT_TOKEN_LOCATION",
        ("headers",),
        [["cookies"], "query_string", ("json", "headers"), ALL_LOCATIONS],
        [
            get(),
            with_token(),
            with_cookie("access_token_cookie", access),
            get(query_string=lambda: {"jwt": access()}),
            post("/required", json=lambda: {"access_token": access()}),
        ],
    ),
    Option(
        "JWT_HEADER_NAME",
        "Authorization",
        ["X-Token"],
        [get(), with_header("Authorization", "Bearer"), with_header("X-Token", "Bearer")],
    ),
    Option(
        "JWT_HEADER_TYPE",
        "Bearer",
        ["JWT", ""],
        [
            with_header("Authorization", "Bearer"),
            with_header("Authorization", "JWT"),
            with_header("Authorization", ""),
        ],
    ),
    Option(
        "JWT_QUERY_STRING_NAME",
        "jwt",
        ["token"],
        [
            get(),
            get(query_string=lambda: {"jwt": access()}),
            get(query_string=lambda: {"token": access()}),
        ],
        QUERY,
    ),
    Option(
        "JWT_QUERY_STRING_VALUE_PREFIX",
        "",
        ["Bearer ", "x:"],
        [
            get(query_string=lambda: {"jwt": access()}),
            get(query_string=lambda: {"jwt": f"Bearer {access()}"}),
            get(query_string=lambda: {"jwt": f"x:{access()}"}),
        ],
        QUERY,
    ),
    Option(
        "JWT_JSON_KEY",
        "access_token",
        ["token"],
        [
            post("/required", json={}),
            post("/required", json=lambda: {"access_token": access()}),
            post("/required", json=lambda: {"token": access()}),
        ],
        JSON,
    ),
    Option(
        "JWT_REFRESH_JSON_KEY",
        "refresh_token",
        ["token"],
        [
            post("/refresh", json={}),
            post("/refresh", json=lambda: {"refresh_token": refresh()}),
            post("/refresh", json=lambda: {"token": refresh()}),
        ],
        JSON,
    ),
    Option(
        "JWT_ACCESS_COOKIE_NAME",
        "access_token_cookie",
        ["a"],
        [
            COOKIE_LOGIN,
            LOGOUT,
            get(),
            with_cookie("access_token_cookie", access),
            with_cookie("a", access),
        ],
        COOKIES,
    ),
    Option(
        "JWT_REFRESH_COOKIE_NAME",
        "refresh_token_cookie",
        ["r"],
        [
            COOKIE_LOGIN,
            LOGOUT,
            get("/refresh"),
            with_cookie("refresh_token_cookie", refresh, "/refresh"),
            with_cookie("r", refresh, "/refresh"),
        ],
        COOKIES,
    ),
    Option("JWT_ACCESS_COOKIE_PATH", "/", ["/api/"], [COOKIE_LOGIN, LOGOUT]),
    Option("JWT_REFRESH_COOKIE_PATH", "/", ["/token/refresh"], [COOKIE_LOGIN, LOGOUT]),
    Option("JWT_COOKIE_DOMAIN", None, [".example.com", "example.com"], [COOKIE_LOGIN, LOGOUT]),
    Option("JWT_COOKIE_SAMESITE", None, ["Lax", "Strict", "None"], [COOKIE_LOGIN, LOGOUT]),
    Option("JWT_COOKIE_SECURE", False, [True], [COOKIE_LOGIN, LOGOUT]),
    Option("JWT_SESSION_COOKIE", True, [False], [COOKIE_LOGIN, LOGOUT]),
    Option(
        "JWT_COOKIE_CSRF_PROTECT",
        True,
        [False],
        [
            LOGIN,
            COOKIE_LOGIN,
            LOGOUT,
            with_cookie("access_token_cookie", access, method="POST"),
            with_cookie("access_token_cookie", lambda: access(csrf=...), method="POST"),
            guarded_post("access", "X-CSRF-TOKEN"),
            guarded_post("access", "X-CSRF-TOKEN", "wrong"),
        ],
        COOKIES,
    ),
    Option("JWT_CSRF_IN_COOKIES", True, [False], [COOKIE_LOGIN, LOGOUT]),
    Option(
        "JWT_CSRF_METHODS",
        ["POST", "PUT", "PATCH", "DELETE"],
        [["GET", "PUT"], []],
        [
            with_cookie("access_token_cookie", access, method=method)
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        ],
        COOKIES,
    ),
    Option(
        "JWT_CSRF_CHECK_FORM",
        False,
        [True],
        [
            guarded_post("access", "csrf_token", form=True),
            guarded_post("access", "csrf_token", "wrong", form=True),
            guarded_post("access", "X-CSRF-TOKEN"),
            with_cookie("access_token_cookie", access, method="POST"),
        ],
        COOKIES,
    ),
    Option("JWT_ACCESS_CSRF_COOKIE_NAME", "csrf_access_token", ["ca"], [COOKIE_LOGIN, LOGOUT]),
    Option("JWT_REFRESH_CSRF_COOKIE_NAME", "csrf_refresh_token", ["cr"], [COOKIE_LOGIN, LOGOUT]),
    Option("JWT_ACCESS_CSRF_COOKIE_PATH", "/", ["/web"], [COOKIE_LOGIN, LOGOUT]),
    Option("JWT_REFRESH_CSRF_COOKIE_PATH", "/", ["/web"], [COOKIE_LOGIN, LOGOUT]),
    Option(
        "JWT_ACCESS_CSRF_FIELD_NAME",
        "csrf_token",
        ["proof"],
        [
            guarded_post("access", "csrf_token", form=True),
            guarded_post("access", "proof", form=True),
        ],
        {**COOKIES, "JWT_CSRF_CHECK_FORM": True},
    ),
    Option(
        "JWT_REFRESH_CSRF_FIELD_NAME",
        "csrf_token",
        ["proof"],
        [
            guarded_post("refresh", "csrf_token", form=True),
            guarded_post("refresh", "proof", form=True),
        ],
        {**COOKIES, "JWT_CSRF_CHECK_FORM": True},
    ),
    Option(
        "JWT_ACCESS_CSRF_HEADER_NAME",
        "X-CSRF-TOKEN",
        ["X-Proof"],
        [guarded_post("access", "X-CSRF-TOKEN"), guarded_post("access", "X-Proof")],
        COOKIES,
    ),
    Option(
        "JWT_REFRESH_CSRF_HEADER_NAME",
        "X-CSRF-TOKEN",
        ["X-Proof"],
        [guarded_post("refresh", "X-CSRF-TOKEN"), guarded_post("refresh", "X-Proof")],
        COOKIES,
    ),
]

ROWS = [
    pytest.param(option, value, id=f"{option.key}={str(value)[:30]}".replace("\n", " "))
    for option in OPTIONS
    for value in option.others
]


def base_of(option: Option) -> dict[str, Any]:
    """The configuration around the option; the default secret gives way to the row's own."""
    return {**({"JWT_SECRET_KEY": None} if option.key == "JWT_SECRET_KEY" else {}), **option.base}


def transcript(both: Both, option: Option) -> list[Answer]:
    __tracebackhide__ = True
    return [both.ask(**call()) for call in option.calls]


def told_apart(answers: list[Answer]) -> list[Any]:
    """What of the answers an option may change; times inside request tokens always differ."""
    return [(a.status, a.msg, a.cookies, a.error and a.error.text, _issued(a)) for a in answers]


def _issued(answer: Answer) -> Any:
    tokens = answer.body if isinstance(answer.body, dict) else {}
    return {k: v for k, v in tokens.items() if k in ("access", "refresh", "location", "error")}


def test_every_option_of_fje_has_a_row() -> None:
    """The table covers the options that FJE itself sets, all 43, with the defaults it sets."""
    app = build(REFERENCE, {"JWT_SECRET_KEY": None})
    set_by_fje = {name: value for name, value in app.config.items() if name.startswith("JWT_")}
    assert {option.key: option.default for option in OPTIONS} == set_by_fje
    assert len(OPTIONS) == 43


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_the_default_is_in_app_config(option: Option) -> None:
    """After init_app, `app.config[key]` holds the default; applications read it there."""
    app = build(SUBJECT, {"JWT_SECRET_KEY": None})
    if option.key == "JWT_VERIFY_SUB" and SUBJECT is not REFERENCE:
        assert app.config.get("JWT_VERIFY_SUB") is None  # COMPATIBILITY: unset accepts int too
        return
    assert app.config[option.key] == option.default
    assert type(app.config[option.key]) is type(option.default)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_the_default_has_the_same_effect(option: Option) -> None:
    """With the option left alone, both libraries answer the option's requests alike."""
    transcript(Both(base_of(option)), option)


@pytest.mark.parametrize(("option", "value"), ROWS)
def test_another_value_has_the_same_effect(option: Option, value: Any) -> None:
    """Set before init_app, the value changes the answers, and both libraries' alike."""
    unchanged = told_apart(transcript(Both(base_of(option)), option))
    changed = told_apart(transcript(Both({**base_of(option), option.key: value}), option))
    assert changed != unchanged, "the requests of this row do not show the option"


@pytest.mark.parametrize(("option", "value"), ROWS)
def test_a_value_set_later_is_followed(option: Option, value: Any) -> None:
    """Changed after init_app, between two requests, the value acts as if set before."""
    both = Both(base_of(option))
    before = told_apart(transcript(both, option))
    both.configure(**{option.key: value})
    after = told_apart(transcript(both, option))
    assert after != before
    assert after == told_apart(transcript(Both({**base_of(option), option.key: value}), option))
    both.configure(**{option.key: option.default})
    assert told_apart(transcript(both, option)) == before


@pytest.mark.parametrize(
    "options",
    [
        {"JWT_TOKEN_LOCATION": []},
        {"JWT_TOKEN_LOCATION": "banana"},
        {"JWT_TOKEN_LOCATION": 1},
        {"JWT_TOKEN_LOCATION": ["headers", "banana"]},
        {"JWT_HEADER_NAME": ""},
        {"JWT_SECRET_KEY": None},
        {"JWT_ALGORITHM": "RS256"},
    ],
    ids=str,
)
def test_a_bad_value_is_a_runtime_error_at_use(options: dict[str, Any]) -> None:
    """A value set later that cannot work is a RuntimeError at the next use, in either library.

    Ours names the option; the words are its own.
    """
    both = Both()
    both.configure(**options)
    theirs, ours = both.ask_each("/required", headers=bearer(access()))
    assert theirs.status == ours.status == 500
    assert theirs.error is not None
    assert ours.error is not None
    assert theirs.error.classes[0] == "RuntimeError"
    assert "RuntimeError" in ours.error.classes
    if SUBJECT is not REFERENCE:
        named = "JWT_PUBLIC_KEY" if "JWT_ALGORITHM" in options else next(iter(options))
        assert named in ours.error.text


@pytest.mark.parametrize("kind", ["access", "refresh"])
@pytest.mark.parametrize("value", ["banana", True, 1.5, None])
def test_a_lifetime_that_is_none_is_a_runtime_error(kind: str, value: Any) -> None:
    """What cannot be added to a datetime is no lifetime: RuntimeError, with the option's name."""
    key = f"JWT_{kind.upper()}_TOKEN_EXPIRES"
    both = Both()
    both.configure(**{key: value})
    for result in both.run_each(lambda lib: getattr(lib, f"create_{kind}_token")("alice")):
        assert "RuntimeError" in result.classes
        assert key in result.text


@pytest.mark.parametrize("shape", [list, tuple, set, frozenset])
def test_locations_may_be_any_collection(shape: Any) -> None:
    """JWT_TOKEN_LOCATION may be a list, tuple, set or frozenset; `config` gives it back as it is.

    One location each, since a set has no order to compare.
    """
    both = Both({"JWT_TOKEN_LOCATION": shape(["query_string"])})
    assert both.ask("/required", query_string={"jwt": access()}).status == 200
    assert both.ask("/required", headers=bearer(access())).status == 401
