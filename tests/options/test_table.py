"""The options: their defaults, what each takes, and what an application hears of a wrong one."""

import copy
import re
import runpy
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from flask import Flask

from flask_signet import JWTManager, create_access_token, decode_token
from flask_signet.config import config
from flask_signet.exceptions import ConfigurationError
from flask_signet.options.checks import PROFILES
from flask_signet.options.lifetime import lifetime_seconds
from flask_signet.options.reader import UnknownOptionWarning
from flask_signet.options.table import OPTIONS, Settings
from tests.applications import SECRET, application, bare_application, part
from tests.jose import keys

IN_A_YEAR = timedelta(days=365)
OLD = keys.private("HS256", 1).hex()


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
    "ALLOW_WEAK_KEYS": flag(True, False),
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
    "DECODE_AUDIENCE": names(),
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
    "BOUNDED_IDS": flag(False, True),
    "MAX_TOKEN_LENGTH": option(
        *(16384, 8192),
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
    "REFRESH_ABSOLUTE_EXPIRES": option(
        *(timedelta(days=90), timedelta(days=90)),
        *(LIFETIMES, NO_LIFETIME, "seconds above zero"),
    ),
    "MAX_SESSIONS_PER_SUBJECT": option(
        *(0, 0),
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
}
# Read with the keys: test_key_options, test_key_sources.
KEY_OPTIONS = ("SECRET_KEY", "PRIVATE_KEY", "PUBLIC_KEY", "KEYS")
ATTRIBUTES = {option.name: attribute for attribute, option in OPTIONS.items()}


def cases(column: str) -> list[Any]:
    return [
        pytest.param(name, case, id=f"{name}-{case!r}"[:60])
        for name, row in TABLE.items()
        for case in row[column]
    ]


def test_the_table_has_every_option() -> None:
    """These tests know every option there is."""
    assert {*TABLE, *KEY_OPTIONS, "PROFILE"} == set(ATTRIBUTES)


def test_the_page_of_the_options_has_the_table() -> None:
    """docs/config.md has each option with its defaults, as docs/options.py writes them."""
    folder = Path(__file__).parents[2] / "docs"
    wanted = runpy.run_path(str(folder / "options.py"))["page"]()
    assert (folder / "config.md").read_text("utf-8") == wanted, "run: python docs/options.py"


def test_every_option_says_what_it_is_for() -> None:
    """Every option has a sentence, from which the documentation is made."""
    for each in OPTIONS.values():
        assert re.fullmatch(r"[A-Z`].*\.", each.about), each.name


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize(("profile", "column"), [("compatible", "default"), ("strict", "strict")])
def test_the_default(name: str, profile: str, column: str) -> None:
    """Who sets nothing gets the default of the profile, in the settings and in app.config."""
    app = application(PROFILE=profile)
    expected = TABLE[name][column]
    assert getattr(current(app), ATTRIBUTES[name]) == expected
    raw = app.config[f"JWT_{name}"]
    if not isinstance(expected, frozenset | tuple) and expected is not None:
        assert raw == expected
        assert type(raw) is type(expected)


@pytest.mark.parametrize("name", KEY_OPTIONS)
def test_no_key_by_default(name: str) -> None:
    """No key has a default: nobody signs with a secret that others know."""
    for profile in PROFILES:
        assert OPTIONS[ATTRIBUTES[name]].default_in(profile) is None


@pytest.mark.parametrize(("name", "case"), cases("good"))
def test_what_an_option_takes(name: str, case: tuple[Any, Any]) -> None:
    """An option takes these values, and they mean this."""
    written, meant = case
    app = application(**TABLE[name]["together"], **{name: written})
    found = getattr(current(app), ATTRIBUTES[name])
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize(("name", "value"), cases("bad"))
def test_what_an_option_refuses(name: str, value: Any) -> None:
    """Any other value stops the application at its start, with the option's name in the error."""
    message = refusal(**{name: value})
    assert message.startswith(f"JWT_{name} takes {TABLE[name]['takes']}")


@pytest.mark.parametrize(("name", "value"), cases("bad"))
def test_what_an_option_refuses_later(name: str, value: Any) -> None:
    """The same value is refused when it comes later; and the right one is taken again."""
    app = application()
    good = app.config[f"JWT_{name}"]
    app.config[f"JWT_{name}"] = value
    with pytest.raises(ConfigurationError, match=f"^JWT_{name} takes "):
        current(app)
    app.config[f"JWT_{name}"] = good
    current(app)


# ── profiles ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "profile", ["Strict", "STRICT", "", "strictest", None, True, 5, ["strict"]]
)
def test_a_profile_is_one_of_two(profile: Any) -> None:
    """A misspelt profile is an error: it must not quietly be the lax one."""
    assert refusal(PROFILE=profile).startswith("JWT_PROFILE takes 'compatible' or 'strict'")


def test_the_nearest_profile_is_named() -> None:
    """The error for a misspelt profile names the right one."""
    assert refusal(PROFILE="strickt").endswith("did you mean 'strict'?")


@pytest.mark.parametrize(("first", "then"), [PROFILES, PROFILES[::-1]])
def test_the_profile_does_not_change(first: str, then: str) -> None:
    """The defaults were written by the first profile: another one afterwards is refused."""
    app = application(PROFILE=first)
    app.config["JWT_PROFILE"] = then
    with pytest.raises(ConfigurationError, match="JWT_PROFILE is read by init_app"):
        current(app)


def test_the_profile_does_not_change_by_another_init_app() -> None:
    """A second init_app under another profile is refused, or has that profile's defaults."""
    manager = JWTManager()
    app = application(manager=manager)
    app.config["JWT_PROFILE"] = "strict"
    try:
        manager.init_app(app)
    except ConfigurationError:
        return
    assert current(app) == current(application(PROFILE="strict"))


def test_a_failed_start_leaves_no_defaults_behind() -> None:
    """An application that fails to start as the one profile is the other's after a second try."""
    app = bare_application(ALGORITHM="none")
    with pytest.raises(ConfigurationError):
        JWTManager(app)
    app.config.update(JWT_ALGORITHM="HS256", JWT_PROFILE="strict")
    JWTManager(app)
    assert current(app) == current(application(PROFILE="strict"))


def test_a_written_option_wins_over_the_profile() -> None:
    """Each choice of the strict profile is an option of its own, which may say otherwise."""
    for name, row in TABLE.items():
        if row["default"] == row["strict"] or name.endswith("COOKIE_NAME"):
            continue
        value = OPTIONS[ATTRIBUTES[name]].default_in("compatible")
        options = {"PROFILE": "strict", name: value}
        if name == "COOKIE_SECURE":
            cookies = ("ACCESS_COOKIE", "REFRESH_COOKIE", "ACCESS_CSRF_COOKIE")
            for cookie in (*cookies, "REFRESH_CSRF_COOKIE"):
                options[f"{cookie}_NAME"] = cookie
        found = getattr(current(application(**options)), ATTRIBUTES[name])
        assert found == row["default"], name


# ── options that are changed while the application runs ──────────────────────────────────


class OwnList(list[Any]):
    """A list of its own class, as libraries that read configuration files make them."""


JWKS = {"keys": [keys.key("HS256").to_private_jwk()]}
JWK_B = {**keys.key("HS256").to_private_jwk(), "kid": "b"}


@pytest.mark.parametrize(("name", "case"), cases("good"))
def test_a_change_is_followed(name: str, case: tuple[Any, Any]) -> None:
    """An option that is changed later counts from then on."""
    app = application(**TABLE[name]["together"])
    current(app)
    app.config[f"JWT_{name}"] = case[0]
    assert getattr(current(app), ATTRIBUTES[name]) == case[1]


def test_settings_are_made_once() -> None:
    """As long as no option changes the settings are one object; another value makes another."""
    app = application()
    before = current(app)
    assert current(app) is before
    app.config["JWT_DECODE_LEEWAY"] = 7
    assert current(app) is not before
    assert (before.leeway, current(app).leeway) == (0, 7)


@pytest.mark.parametrize(
    ("name", "value", "change", "meant"),
    [
        ("TOKEN_LOCATION", ["headers"], lambda v: v.append("json"), ("headers", "json")),
        ("DECODE_ALGORITHMS", ["HS384"], lambda v: v.append("HS512"), ("HS384", "HS512")),
        ("CSRF_METHODS", ["POST"], lambda v: v.clear(), frozenset()),
        ("DECODE_ISSUER", {"us"}, lambda v: v.add("them"), frozenset({"us", "them"})),
        ("DECODE_AUDIENCE", ["us"], lambda v: v.append("them"), frozenset({"us", "them"})),
        ("ENCODE_AUDIENCE", ["us"], lambda v: v.append("them"), ["us", "them"]),
        ("SECRET_KEY_FALLBACKS", [OLD], lambda v: v.clear(), ()),
        ("SECRET_KEY_FALLBACKS", OwnList([OLD]), lambda v: v.clear(), ()),
        ("SECRET_KEY", keys.key("HS256").to_private_jwk(), lambda v: v.update(kid="b"), JWK_B),
        ("SECRET_KEY", JWKS, lambda v: v["keys"][0].update(kid="b"), {"keys": [JWK_B]}),
    ],
)
def test_a_change_within_a_value_is_followed(
    name: str, value: Any, change: Callable[[Any], None], meant: Any
) -> None:
    """A list, set or dict that is changed in its place, at any depth, counts as changed, too."""
    value = copy.deepcopy(value)
    app = application(**{name: value})
    before = getattr(current(app), ATTRIBUTES[name])
    change(value)
    assert before != meant  # what was checked is a copy: no one changes it unchecked
    assert getattr(current(app), ATTRIBUTES[name]) == meant


def test_a_deleted_option_is_its_default() -> None:
    """An option that is taken out of app.config has its default again."""
    app = application(ACCESS_TOKEN_EXPIRES=5, ERROR_MESSAGE_KEY="message")
    for name in TABLE:
        current(app)
        del app.config[f"JWT_{name}"]
        assert getattr(current(app), ATTRIBUTES[name]) == TABLE[name]["default"], name


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
def test_flasks_own_options_may_be_deleted(name: str) -> None:
    """An application without Flask's two options, as before Flask 3.1, is served all the same."""
    app = application()
    app.config.pop(name)
    assert current(app).algorithm == "HS256"


def test_a_lifetime_changed_from_false_to_zero_is_noticed() -> None:
    """False and 0 are equal in Python: a change from the one to the other is still one."""
    app = application(ACCESS_TOKEN_EXPIRES=False)
    current(app)
    app.config["JWT_ACCESS_TOKEN_EXPIRES"] = 0
    with pytest.raises(ConfigurationError, match=r"^JWT_ACCESS_TOKEN_EXPIRES takes seconds above"):
        current(app)


# ── names ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("ACCESS_TOKEN_EXPIRE", "ACCESS_TOKEN_EXPIRES"),
        ("ACCES_TOKEN_EXPIRES", "ACCESS_TOKEN_EXPIRES"),
        ("SECRETKEY", "SECRET_KEY"),
        ("ALGORITM", "ALGORITHM"),
        ("TOKEN_LOCATIONS", "TOKEN_LOCATION"),
        ("COOKIE_CSFR_PROTECT", "COOKIE_CSRF_PROTECT"),
        ("COOKIE_SAME_SITE", "COOKIE_SAMESITE"),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_misspelt_option(wrong: str, right: str, profile: str) -> None:
    """A name close to an option's is an error that names the option."""
    message = refusal(PROFILE=profile, **{wrong: 5})
    assert message == f"JWT_{wrong} is no option: did you mean JWT_{right}?"


@pytest.mark.parametrize(
    ("own", "option"),
    [
        ("ACCESS_TOKEN_EXPIRES_HOURS", "ACCESS_TOKEN_EXPIRES"),
        ("REFRESH_TOKEN_EXPIRES_DAYS", "REFRESH_TOKEN_EXPIRES"),
    ],
)
def test_a_setting_that_an_option_is_made_of(own: str, option: str) -> None:
    """An option's name with more behind it is the application's own where the option is set too."""
    with pytest.warns(UnknownOptionWarning, match=f"^JWT_{own} is no option of Flask-Signet"):
        application(**{own: 7, option: timedelta(hours=7)})
    assert refusal(**{own: 7}) == f"JWT_{own} is no option: did you mean JWT_{option}?"
    message = refusal(PROFILE="strict", **{own: 7, option: timedelta(hours=7)})
    assert message.startswith(f"JWT_{own} is no option;")


@pytest.mark.parametrize("name", ["MY_SERVICE_URL", "X", "ISSUER_CACHE", "_PRIVATE"])
def test_an_unknown_option(name: str) -> None:
    """Another name under JWT_ is warned of, as it may be the application's; strict refuses it."""
    with pytest.warns(UnknownOptionWarning, match=f"^JWT_{name} is no option of Flask-Signet"):
        application(**{name: 5})
    assert refusal(PROFILE="strict", **{name: 5}).startswith(f"JWT_{name} is no option;")


@pytest.mark.parametrize(
    "name",
    [
        *("BLACKLIST_ENABLED", "BLACKLIST_TOKEN_CHECKS", "CLAIMS_IN_REFRESH_TOKEN"),
        *("CLAIMS_KEY", "USER_CLAIMS"),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_an_option_of_flask_jwt_extended_3(name: str, profile: str) -> None:
    """An option that is gone since Flask-JWT-Extended 4 is warned of, with what is in its place."""
    message = f"^JWT_{name} has no effect since Flask-JWT-Extended 4: "
    with pytest.warns(UnknownOptionWarning, match=message):
        application(PROFILE=profile, **{name: True})


@pytest.mark.parametrize("name", ["SESSION_COOKIE_NAME", "jwt_algorithm", "MY_JWT_ALGORITM"])
def test_names_of_others_are_left_alone(name: str) -> None:
    """What does not begin with the prefix is not looked at."""
    app = bare_application(PROFILE="strict")
    app.config[name] = 5
    app.config[5] = "no text"  # type: ignore[index]  # Flask does not mind, nor do we
    JWTManager(app)


@pytest.mark.parametrize(
    "start", [JWTManager, lambda app: JWTManager().init_app(app)], ids=["JWTManager", "init_app"]
)
def test_the_warning_points_to_the_application(start: Callable[[Flask], object]) -> None:
    """The warning's place is the line of the application that the manager was given it in."""
    app = bare_application(MINE=5)
    with pytest.warns(UnknownOptionWarning) as caught:
        start(app)
    assert caught[0].filename == __file__


# ── options that go together ─────────────────────────────────────────────────────────────

COOKIE_NAMES = ("ACCESS_COOKIE", "REFRESH_COOKIE", "ACCESS_CSRF_COOKIE", "REFRESH_CSRF_COOKIE")


@pytest.mark.parametrize("cookie", COOKIE_NAMES)
@pytest.mark.parametrize("prefix", ["__Host-", "__Secure-", "__host-", "__SECURE-"])
def test_e8_a_prefixed_cookie_is_secure(cookie: str, prefix: str) -> None:
    """Browsers drop a __Host- or __Secure- cookie that is not Secure, without a word: we don't."""
    name = f"{prefix}it"
    assert refusal(**{f"{cookie}_NAME": name}) == (
        f"JWT_{cookie}_NAME = {name!r} needs JWT_COOKIE_SECURE = True"
    )
    application(**{f"{cookie}_NAME": name, "COOKIE_SECURE": True})


@pytest.mark.parametrize("cookie", COOKIE_NAMES)
@pytest.mark.parametrize("more", [{"COOKIE_DOMAIN": "example.com"}, {"PATH": "/api"}])
def test_e8_a_host_cookie_is_for_one_host_and_all_of_it(cookie: str, more: dict[str, str]) -> None:
    """A __Host- cookie has the path / and no domain; a __Secure- cookie may have others."""
    more = {f"{cookie}_PATH" if name == "PATH" else name: value for name, value in more.items()}
    options = {**COOKIES, **more}
    assert refusal(**{**options, f"{cookie}_NAME": "__Host-it"}).startswith(
        f"JWT_{cookie}_NAME = '__Host-it' needs JWT_{cookie}_PATH = '/' and no JWT_COOKIE_DOMAIN"
    )
    application(**{**options, f"{cookie}_NAME": "__Secure-it"})


def test_samesite_none_needs_secure_in_the_strict_profile() -> None:
    """Browsers drop a cookie with SameSite=None that is not Secure; strict says so at start."""
    plain = {f"{cookie}_NAME": cookie for cookie in COOKIE_NAMES}
    for name in ("COOKIE_SAMESITE", "REFRESH_COOKIE_SAMESITE"):
        options = {**plain, name: "None", "COOKIE_SECURE": False}
        application(**options)
        assert refusal(PROFILE="strict", **options).startswith("JWT_COOKIE_SAMESITE = 'None' needs")
        application(PROFILE="strict", **{**options, "COOKIE_SECURE": True})


@pytest.mark.parametrize("profile", PROFILES)
def test_f7_rotation_needs_a_store(profile: str) -> None:
    """Rotation that is asked for and can't be kept is refused at the start, not left out."""
    message = refusal(PROFILE=profile, REFRESH_ROTATION=True)
    assert message.startswith("JWT_REFRESH_ROTATION = True needs a store: set JWT_SESSION_STORE")


@pytest.mark.parametrize(
    ("algorithm", "others", "mixed"),
    [
        ("HS256", ["RS256"], True),
        ("HS256", ["HS512", "ES256"], True),
        ("RS256", ["HS256"], True),
        ("RS256", ["ES256", "HS256"], True),
        ("HS256", ["HS512"], False),
        ("RS256", ["PS256", "ES256"], False),
        ("HS256", ["unknown"], False),
        ("RS256", None, False),
    ],
)
def test_a2_mixed_algorithms(algorithm: str, others: list[str] | None, mixed: bool) -> None:
    """HS algorithms beside others are refused in strict (RFC 8725 3.1); elsewhere FJE had them."""
    options: dict[str, Any] = {"ALGORITHM": algorithm, "DECODE_ALGORITHMS": others}
    application(**options)
    if mixed:
        assert refusal(PROFILE="strict", **options).startswith("JWT_DECODE_ALGORITHMS mixes HS")
    else:
        application(PROFILE="strict", **options)


# ── the application's own values ─────────────────────────────────────────────────────────


def test_lists_of_the_application_are_not_edited() -> None:
    """A list that an application wrote stays as it wrote it (FJE appended JWT_ALGORITHM)."""
    options: dict[str, Any] = {
        "DECODE_ALGORITHMS": ["HS512"],
        "TOKEN_LOCATION": ["headers", "cookies"],
        "CSRF_METHODS": ["POST"],
        "DECODE_AUDIENCE": ["you"],
        "ENCODE_AUDIENCE": ["you"],
        "DECODE_ISSUER": ["us"],
        "ENCODE_ISSUER": "us",
        "SECRET_KEY": [keys.SECRET],
        "SECRET_KEY_FALLBACKS": [keys.private("HS256", 1)],
    }
    before = {name: list(value) for name, value in options.items() if isinstance(value, list)}
    app = application(**options)
    with app.app_context():
        assert config.decode_algorithms == ["HS512", "HS256"]
        decode_token(create_access_token("alice"))
    for name, value in before.items():
        assert app.config[f"JWT_{name}"] is options[name]
        assert options[name] == value


def test_defaults_are_not_shared_by_applications() -> None:
    """Who edits a default list of one application changes no other."""
    one, other = application(), application()
    one.config["JWT_CSRF_METHODS"].append("GET")
    assert "GET" in current(one).csrf_request_methods  # type: ignore[operator]
    assert "GET" not in current(other).csrf_request_methods  # type: ignore[operator]
    assert "GET" not in current(application()).csrf_request_methods  # type: ignore[operator]


def test_the_audience_of_a_token_is_a_copy() -> None:
    """Who edits what a token's claims were made of does not edit the option."""
    app = application(ENCODE_AUDIENCE=["you"])
    with app.app_context():
        claims = decode_token(create_access_token("alice"))
        claims["aud"].append("them")
        assert part(create_access_token("alice"), 1)["aud"] == ["you"]


# ── Flask-JWT-Extended's `config` ────────────────────────────────────────────────────────


@pytest.fixture
def app() -> Iterator[Flask]:
    app = application(
        ACCESS_TOKEN_EXPIRES=60, TOKEN_LOCATION="cookies", DECODE_ALGORITHMS=["HS512"]
    )
    with app.app_context():
        yield app


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("access_expires", timedelta(seconds=60)),
        ("refresh_expires", timedelta(days=30)),
        ("algorithm", "HS256"),
        ("decode_algorithms", ["HS512", "HS256"]),
        ("token_location", ("cookies",)),
        ("jwt_in_cookies", True),
        ("jwt_in_headers", False),
        ("jwt_in_json", False),
        ("jwt_in_query_string", False),
        ("cookie_max_age", None),
        ("exempt_methods", {"OPTIONS"}),
        ("is_asymmetric", False),
        ("csrf_request_methods", ["POST", "PUT", "PATCH", "DELETE"]),
        ("encode_key", SECRET),
        ("decode_key", SECRET),
        ("identity_claim_key", "sub"),
        ("error_msg_key", "msg"),
    ],
)
def test_config_gives_the_options(app: Flask, attribute: str, value: Any) -> None:
    """Flask-JWT-Extended's config has the options of the application in which it is asked."""
    assert getattr(config, attribute) == value


def test_config_follows_and_does_not_write(app: Flask) -> None:
    """It follows app.config, checks as it reads, and can't be written."""
    app.config.update(JWT_SESSION_COOKIE=False, JWT_ALGORITHM="RS256")
    assert config.cookie_max_age == 31540000
    assert config.is_asymmetric
    with pytest.raises(ConfigurationError, match="JWT_PRIVATE_KEY must be set"):
        assert config.encode_key
    with pytest.raises(ConfigurationError, match="JWT_PUBLIC_KEY must be set"):
        assert config.decode_key
    app.config["JWT_HEADER_NAME"] = 5
    with pytest.raises(ConfigurationError, match=r"^JWT_HEADER_NAME takes a non-empty text"):
        assert config.header_name
    with pytest.raises(AttributeError):
        config.header_name = "X-Token"


def test_config_has_every_option(app: Flask) -> None:
    """Every option can be read by the name that the settings give it."""
    for attribute in OPTIONS:
        getattr(config, attribute.removeprefix("_"))


# ── lifetimes ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [
        (False, None),
        (timedelta(minutes=1), 60),
        (timedelta(microseconds=1), 1e-6),
        (timedelta(seconds=-5), -5),
        (60, 60),
        (0.5, 0.5),
        (0, 0),
        (relativedelta(hours=1), 3600),
        (relativedelta(months=1), 30 * 86400),  # from November 14, 2023
        (relativedelta(years=1), 366 * 86400),
    ],
)
def test_lifetime_seconds(lifetime: Any, seconds: float | None) -> None:
    """A lifetime in seconds, reckoned from now where a month is meant; None is for ever."""
    assert lifetime_seconds(lifetime, 1_700_000_000.0) == seconds


@pytest.mark.parametrize("lifetime", [True, "60", None, [], {}, object()], ids=repr)
def test_what_is_no_lifetime(lifetime: Any) -> None:
    """What is no lifetime is a TypeError, True among it."""
    with pytest.raises(TypeError):
        lifetime_seconds(lifetime, 1_700_000_000.0)


def test_no_warning_without_a_reason() -> None:
    """A sound application starts without a warning, in either profile."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for profile in PROFILES:
            with application(PROFILE=profile).app_context():
                decode_token(create_access_token("alice"))
