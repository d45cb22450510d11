"""What each option is by default, what it takes, what that means, and what it refuses."""

from datetime import timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from flask import Flask

from flask_signet.exceptions import ConfigurationError
from flask_signet.options.table import OPTIONS, Settings
from tests.applications import application
from tests.ids import same_everywhere
from tests.jose import keys

IN_A_YEAR = timedelta(days=365)
OLD = keys.private("HS256", 1).hex()
COOKIE_NAMES = ("ACCESS_COOKIE", "REFRESH_COOKIE", "ACCESS_CSRF_COOKIE", "REFRESH_CSRF_COOKIE")


def current(app: Flask) -> Settings:
    """The settings of the unnamed manager as they are now."""
    found: Settings = app.extensions["flask-signet"][""].settings
    return found


def refusal(**options: Any) -> str:
    """The message with which an application with these options is refused."""
    with pytest.raises(ConfigurationError) as caught:
        application(**options)
    return str(caught.value)


# ── the table: default in each profile, what is taken as what, what is refused ───────────

FLAG = ((True, True), (False, False), (1, True), (0, False))
NO_FLAG = ("True", "false", "", None, 2, -1, 0.5, [], "yes")
NO_TEXT = ("", None, 5, True, [], b"text", ["text"])
LIFETIMES = (
    (1, timedelta(seconds=1)),
    (3600, timedelta(hours=1)),
    (timedelta(microseconds=1), timedelta(microseconds=1)),
    (relativedelta(months=1), relativedelta(months=1)),
    (IN_A_YEAR, IN_A_YEAR),
    (False, False),
)
NO_LIFETIME = (
    *(0, -1, True, None, "", "900", 0.5, [], timedelta(0), timedelta(seconds=-1), timedelta.max),
    *(relativedelta(), relativedelta(hours=-1), 10**12, 10**20),
)


def option(
    default: Any,
    strict: Any,
    good: tuple[tuple[Any, Any], ...],
    bad: tuple[Any, ...],
    takes: str = "",
    **together: Any,
) -> dict[str, Any]:
    return {
        "default": default,
        "strict": strict,
        "good": good,
        "bad": bad,
        "takes": takes,
        "together": together,
    }


def flag(default: bool, strict: bool) -> dict[str, Any]:
    return option(default, strict, FLAG, NO_FLAG, "True or False")


def text(default: str, strict: str | None = None) -> dict[str, Any]:
    good = (("Another", "Another"), ("x", "x"))
    return option(default, strict or default, good, NO_TEXT, "a non-empty text")


def names() -> dict[str, Any]:
    return option(
        *(None, None),
        (
            *(("us", frozenset({"us"})), (["us", "them"], frozenset({"us", "them"}))),
            *((("us",), frozenset({"us"})), ({"us"}, frozenset({"us"})), (None, None)),
        ),
        (5, True, [5], ["us", None], b"us", [["us"]], [{"us": 1}]),
        "None, a text or several",
    )


def audiences() -> dict[str, Any]:
    row = names()
    good = (*row["good"], (False, False))
    return {**row, "good": good, "takes": "None, a text or several, or False to ask nothing"}


COOKIES = {"COOKIE_SECURE": True}
TABLE: dict[str, dict[str, Any]] = {
    "ALGORITHM": option(
        *("HS256", "HS256"),
        tuple((name, name) for name in keys.NAMES),
        ("none", "None", "hs256", "", None, 5, ["HS256"], b"HS256", "HS257"),
        "one of HS256, HS384",
    ),
    "DECODE_ALGORITHMS": option(
        *((), ()),
        (
            *((["HS512"], ("HS512",)), (("HS256", "HS512"), ("HS256", "HS512"))),
            *(({"HS512"}, ("HS512",)), (None, ()), ([], ())),
        ),
        ("HS256", 5, [5], ["HS256", None], {"HS256": 1}),
        "None or a list of algorithm names",
    ),
    "SECRET_KEY_FALLBACKS": option(
        *((), ()),
        ((None, ()), ([OLD, OLD.encode()], (OLD, OLD.encode())), ((OLD,), (OLD,)), ([], ())),
        ("a", b"a", 5, {"a"}, {"kty": "oct"}),
        "None or a list of secrets that were in use before",
    ),
    "ALLOW_WEAK_KEYS": option(
        *(True, False),
        (*FLAG, ("short", "short"), ("guessable", "guessable")),
        (*NO_FLAG, "Short", "weak", ["short"]),
        "True, False, 'short' or 'guessable'",
    ),
    "ENCODE_KID": flag(False, True),
    "ACCESS_TOKEN_EXPIRES": option(
        *(timedelta(minutes=15), timedelta(minutes=15)),
        *(LIFETIMES, NO_LIFETIME, "seconds above zero"),
    ),
    "REFRESH_TOKEN_EXPIRES": option(
        *(timedelta(days=30), timedelta(days=30)),
        *(LIFETIMES, NO_LIFETIME, "seconds above zero"),
    ),
    "IDENTITY_CLAIM": text("sub"),
    "IDENTITY_TYPE": option(
        *(None, None),
        ((None, None), (int, int), (str.upper, str.upper)),
        ("int", 5, [], True),
        "None, or a type or function",
    ),
    "VERIFY_SUB": option(
        *(None, True),
        ((None, None), (True, True), (False, False)),
        ("True", "string", 2, [], {}),
        "None or True or False",
    ),
    "ENCODE_NBF": flag(True, True),
    "ENCODE_AUDIENCE": option(
        *(None, None),
        (
            *((None, None), ("", None), ("you", "you"), (["you", "them"], ["you", "them"])),
            *((("you",), ["you"]), ({"b", "a"}, ["a", "b"]), (frozenset({"a"}), ["a"])),
        ),
        (5, True, [5], [None], [["you"]], b"you"),
        "None, a text or several",
    ),
    "ENCODE_ISSUER": option(
        *(None, None),
        *(((None, None), ("us", "us")), (5, True, ["us"], b"us"), "a text or None"),
    ),
    "DECODE_AUDIENCE": audiences(),
    "DECODE_ISSUER": names(),
    "DECODE_LEEWAY": option(
        *(0, 5),
        ((0, 0.0), (5, 5.0), (0.5, 0.5), (timedelta(seconds=5), 5.0)),
        (-1, -0.1, True, None, "5", float("nan"), float("inf"), timedelta(seconds=-1), []),
        "seconds, zero or more, or a timedelta",
    ),
    "REQUIRE_EXP": flag(False, True),
    "REQUIRE_TYPE": flag(False, True),
    "EXPLICIT_TYP": flag(False, True),
    "ALLOW_BOUND_TOKENS": flag(False, False),
    "BOUNDED_IDS": flag(False, True),
    "MAX_TOKEN_LENGTH": option(
        *(16384, 8192),
        ((1, 1), (10**6, 10**6)),
        (0, -1, True, None, "8192", 8192.0, []),
        "a whole number above zero",
    ),
    "MAX_BODY_LENGTH": option(
        *(1024 * 1024, 256 * 1024),
        ((1, 1), (10**6, 10**6)),
        (0, -1, True, None, "8192", 8192.0, []),
        "a whole number above zero",
    ),
    "ALLOW_BASE64_PADDING": flag(False, False),
    "ERROR_MESSAGE_KEY": text("msg"),
    "ERROR_FORMAT": option(
        *("msg", "coded"),
        tuple((name, name) for name in ("msg", "coded", "problem")),
        ("", None, "json", 5, ["msg"], True),
        "'msg' or 'coded' or 'problem'",
    ),
    "RFC6750_STATUS": flag(False, True),
    "TOKEN_LOCATION": option(
        *(("headers",), ("headers",)),
        (
            *(("cookies", ("cookies",)), (["cookies", "headers"], ("cookies", "headers"))),
            *((("json",), ("json",)), ({"json"}, ("json",)), (frozenset({"json"}), ("json",))),
        ),
        ("header", "", [], (), None, 5, ["headers", "body"], [None], [["headers"]], True),
        "one or several of 'headers', 'cookies', 'query_string', 'json'",
    ),
    "REFUSE_SEVERAL_TOKENS": flag(False, True),
    "OPTIONS_EXEMPT": option(
        *("all", "preflight"),
        (("all", "all"), ("preflight", "preflight")),
        (True, None, "none", "", []),
        "'all' or 'preflight'",
    ),
    "HEADER_NAME": text("Authorization"),
    "HEADER_TYPE": option(
        *("Bearer", "Bearer"),
        (("JWT", "JWT"), ("", ""), (None, "")),
        (5, True, [], b"Bearer"),
        "a text, which may be empty",
    ),
    "HEADER_TYPE_IGNORE_CASE": flag(False, True),
    "QUERY_STRING_NAME": text("jwt"),
    "QUERY_STRING_VALUE_PREFIX": option(
        *("", ""),
        (("Bearer ", "Bearer "), ("", ""), (None, "")),
        (5, True, [], b"Bearer"),
        "a text, which may be empty",
    ),
    "QUERY_STRING_PROTECT": flag(False, True),
    "JSON_KEY": text("access_token"),
    "REFRESH_JSON_KEY": text("refresh_token"),
    "ACCESS_COOKIE_NAME": text("access_token_cookie", "__Host-access_token"),
    "REFRESH_COOKIE_NAME": text("refresh_token_cookie", "__Secure-refresh_token"),
    "ACCESS_COOKIE_PATH": text("/"),
    "REFRESH_COOKIE_PATH": text("/"),
    "COOKIE_DOMAIN": option(
        *(None, None),
        ((None, None), ("example.com", "example.com")),
        (5, True, ["example.com"], b"example.com"),
        "a text or None",
    ),
    "COOKIE_SECURE": flag(False, True),
    "COOKIE_SAMESITE": option(
        *(None, "Lax"),
        (
            *((None, None), ("Strict", "Strict"), ("lax", "Lax"), ("STRICT", "Strict")),
            ("none", "None"),
        ),
        ("", "Loose", True, 5, ["Lax"]),
        'None, "Strict", "Lax" or "None"',
    ),
    "REFRESH_COOKIE_SAMESITE": option(
        *(None, "Strict"),
        ((None, None), ("Strict", "Strict"), ("lax", "Lax"), ("none", "None")),
        ("", "Loose", True, 5, ["Lax"]),
        'None, "Strict", "Lax" or "None"',
    ),
    "SESSION_COOKIE": flag(True, True),
    "COOKIE_EXPIRES_WITH_TOKEN": flag(False, True),
    "COOKIE_DOMAINS_BEFORE": option(
        *((), ()),
        (
            *((None, ()), ([], ()), ("example.com", ("example.com",))),
            *((["a.test", "b.test"], ("a.test", "b.test")), (("a.test",), ("a.test",))),
        ),
        (5, True, [None], [""], [["a.test"]], b"a.test"),
        "a domain such as 'example.com', or a list of domains",
    ),
    "RENEW_COOKIES": option(
        False, False, FLAG, NO_FLAG, "True or False", SESSION_STORE="memory://"
    ),
    "COOKIE_CSRF_PROTECT": flag(True, True),
    "CSRF_IN_COOKIES": flag(True, True),
    "CSRF_METHODS": option(
        *(frozenset({"POST", "PUT", "PATCH", "DELETE"}), None),
        (
            *((["POST"], frozenset({"POST"})), (("POST",), frozenset({"POST"}))),
            *(({"POST"}, frozenset({"POST"})), ([], frozenset()), ("unsafe", None)),
        ),
        ("POST", "", None, 5, True, [5], [["POST"]], [None]),
        "a list of methods",
    ),
    "CSRF_CHECK_FORM": flag(False, False),
    "CSRF_CHECK_ORIGIN": flag(False, True),
    "CSRF_CLAIM": option(
        *("always", "cookies"),
        (("always", "always"), ("cookies", "cookies")),
        ("never", "", None, True, []),
        "'always' or 'cookies'",
    ),
    "ACCESS_CSRF_COOKIE_NAME": text("csrf_access_token", "__Host-csrf_access_token"),
    "REFRESH_CSRF_COOKIE_NAME": text("csrf_refresh_token", "__Secure-csrf_refresh_token"),
    "ACCESS_CSRF_COOKIE_PATH": text("/"),
    "REFRESH_CSRF_COOKIE_PATH": text("/"),
    "ACCESS_CSRF_FIELD_NAME": text("csrf_token"),
    "REFRESH_CSRF_FIELD_NAME": text("csrf_token"),
    "ACCESS_CSRF_HEADER_NAME": text("X-CSRF-TOKEN"),
    "REFRESH_CSRF_HEADER_NAME": text("X-CSRF-TOKEN"),
    "TRUSTED_ORIGINS": option(
        *(frozenset(), frozenset()),
        (
            *((None, frozenset()), ([], frozenset())),
            ("https://a.test", frozenset({"https://a.test"})),
            (["https://A.test", "https://a.test:443"], frozenset({"https://a.test"})),
            (
                ("http://a.test:80", "http://a.test:81"),
                frozenset({"http://a.test", "http://a.test:81"}),
            ),
            ({"http://[::1]:5000"}, frozenset({"http://[::1]:5000"})),
            (["capacitor://localhost"], frozenset({"capacitor://localhost"})),
        ),
        (
            *("*", "null", "", "a.test", "https://a.test/", "https://*.a.test", "https://a.test/x"),
            *(
                "https://u@a.test",
                "//a.test",
                "https://a.test:x",
                5,
                True,
                [None],
                [["https://a.test"]],
            ),
            *("https://\xe4.test", "https://a.test https://b.test", b"https://a.test"),
        ),
        "origins such as 'https://app.example.com'",
    ),
    "SESSION_STORE": option(
        *(None, None),
        ((None, None), ("memory://", "memory://"), ("sqlite:///s.db", "sqlite:///s.db")),
        ("", "memory", "sqlite", 5, True, b"memory://", 0.5),
        "None, a store, or a URL",
    ),
    "KEYS_REFRESH": option(
        *(30, 30),
        ((1, 1.0), (0.5, 0.5), (timedelta(minutes=1), 60.0)),
        (0, -1, True, None, "2", float("nan"), float("inf"), []),
        "seconds",
    ),
    "STORE_TIMEOUT": option(
        *(2, 2),
        ((1, 1.0), (0.5, 0.5), (timedelta(seconds=3), 3.0)),
        (0, -1, True, None, "2", float("nan"), float("inf"), timedelta(0), []),
        "seconds",
    ),
    "REFRESH_ROTATION": option(
        *(None, None),
        ((None, None), (True, True), (False, False)),
        ("True", 2, "always", []),
        "None or True or False",
        SESSION_STORE="memory://",
    ),
    "REFRESH_REUSE_GRACE": option(
        *(10, 10),
        ((0, 0.0), (30, 30.0), (timedelta(seconds=3), 3.0)),
        (-1, True, None, "10", float("nan"), float("inf"), []),
        "seconds, zero or more, or a timedelta",
    ),
    "REFRESH_IDLE_EXPIRES": option(
        *(None, None),
        *((*LIFETIMES, (None, None)), tuple(bad for bad in NO_LIFETIME if bad is not None)),
        "seconds above zero",
    ),
    "REFRESH_SHORT_IDLE_EXPIRES": option(
        *(timedelta(days=1), timedelta(days=1)),
        *(LIFETIMES, NO_LIFETIME, "seconds above zero"),
    ),
    "REFRESH_ABSOLUTE_EXPIRES": option(
        *(timedelta(days=90), timedelta(days=90)),
        *(LIFETIMES, NO_LIFETIME, "seconds above zero"),
    ),
    "TOKEN_CACHE": option(
        *(4096, 4096),
        ((0, 0), (1, 1), (10**6, 10**6), (None, 0)),
        (-1, True, "5", 0.5, []),
        "a whole number, zero or more",
    ),
    "MAX_SESSIONS_PER_SUBJECT": option(
        *(0, 100),
        ((0, 0), (1, 1), (10**6, 10**6), (None, 0)),
        (-1, True, "5", 0.5, []),
        "a whole number, zero or more",
    ),
    "REVOCATION_MAX_STALENESS": option(
        *(2, 2),
        ((0, 0.0), (30, 30.0), (timedelta(seconds=3), 3.0)),
        (-1, True, None, "10", float("nan"), float("inf"), []),
        "seconds, zero or more, or a timedelta",
    ),
    "REVOCATION_ON_STORE_ERROR": option(
        *("refuse", "refuse"),
        (("refuse", "refuse"), ("allow", "allow")),
        ("", None, True, "deny", []),
        "'refuse' or 'allow'",
    ),
    "STORE_OWNER": option(
        *(None, None),
        ((None, None), ("", ""), ("shop", "shop")),
        (1, True, b"shop", ["shop"]),
        "a text or None",
    ),
}
# Read with the keys: tests/keys.
KEY_OPTIONS = ("SECRET_KEY", "PRIVATE_KEY", "PUBLIC_KEY", "KEYS")
ATTRIBUTES = {option.name: attribute for attribute, option in OPTIONS.items()}


def cases(column: str) -> list[Any]:
    return [
        pytest.param(name, case, id=f"{name}-{same_everywhere(case)}")
        for name, row in TABLE.items()
        for case in row[column]
    ]
