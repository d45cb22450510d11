"""How the options are read: profiles, changes, misspelt names, the application's own values."""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from flask_signet import JWTManager, create_access_token, decode_token
from flask_signet.config import config
from flask_signet.exceptions import ConfigurationError
from flask_signet.options.checks import PROFILES
from flask_signet.options.table import OPTIONS
from tests.applications import application, bare_application, part
from tests.ids import same_everywhere
from tests.jose import keys
from tests.options.rows import (
    ATTRIBUTES,
    OLD,
    TABLE,
    cases,
    current,
    refusal,
)

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


@pytest.mark.parametrize("name", ["ACCESS_TOKEN_EXPIRES", "REFRESH_IDLE_EXPIRES"])
def test_a_lifetime_changed_from_false_to_zero_is_noticed(name: str) -> None:
    """False and 0 are equal in Python: a change from the one to the other is still one."""
    app = application(**{name: False})
    current(app)
    app.config[f"JWT_{name}"] = 0
    with pytest.raises(ConfigurationError, match=rf"^JWT_{name} takes seconds above"):
        current(app)


# ── what an error shows ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("COOKIE_SECURE", "false", "True or False, not 'false'"),
        ("COOKIE_SECURE", None, "True or False, not None"),
        ("DECODE_LEEWAY", "5", "seconds, zero or more, or a timedelta, not '5'"),
        ("DECODE_LEEWAY", -1, "seconds, zero or more, or a timedelta, not -1"),
        ("MAX_TOKEN_LENGTH", 0.5, "a whole number above zero, not 0.5"),
        ("HEADER_NAME", b"X", "a non-empty text, not b'X'"),
        ("IDENTITY_CLAIM", "exp", "sid, type, not 'exp'"),
        ("DECODE_ISSUER", ["us", 5], "None, a text or several, not ['us', 5]"),
        ("DECODE_ISSUER", {5}, "None, a text or several, not {5}"),
        ("DECODE_ISSUER", [1, 2, 3, 4, 5], "not a value of the type list"),
        ("JSON_KEY", {"a": "b"}, "a non-empty text, not a value of the type dict"),
        ("JSON_KEY", object(), "a non-empty text, not a value of the type object"),
        ("HEADER_NAME", [], "a non-empty text, not []"),
        ("ENCODE_ISSUER", frozenset(), "a text or None, not {}"),
        ("ERROR_FORMAT", "x" * 33, "'problem', not a text of 33 characters"),
        ("ENCODE_ISSUER", b"x" * 33, "a text or None, not 33 bytes"),
        ("TOKEN_LOCATION", "cookie", "'json', not 'cookie'; did you mean 'cookies'?"),
        ("PROFILE", "strickt", "'compatible' or 'strict', not 'strickt'; did you mean 'strict'?"),
        ("PROFILE", ["strict"], "'compatible' or 'strict', not ['strict']"),
    ],
    ids=same_everywhere,
)
def test_an_error_shows_the_value(option: str, value: Any, message: str) -> None:
    """A value from an environment variable looks right until it is seen to be a text."""
    found = refusal(**{option: value})
    assert found.startswith(f"JWT_{option} takes ")
    assert found.endswith(message)


HIDDEN = "kT9-wQz3_xLb7RmY-kT9-wQz3_xLb7RmY"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("SECRET_KEY_FALLBACKS", "kT9-wQz3"),
        ("SECRET_KEY_FALLBACKS", {"kT9-wQz3"}),
        ("KEYS", {HIDDEN}),
        ("SESSION_STORE", "redis:kT9-wQz3"),
        # in the wrong option
        ("ALGORITHM", "kT9-wQz3"),
        ("HEADER_NAME", [HIDDEN]),
        ("PROFILE", keys.pem(keys.private("ES256")).decode()),
        ("DECODE_ISSUER", [[HIDDEN]]),
        ("TRUSTED_ORIGINS", "https://ada:kT9-wQz3@a.test"),
        ("COOKIE_SECURE", {"secret": HIDDEN}),
    ],
    ids=same_everywhere,
)
def test_an_error_shows_no_secret(option: str, value: Any) -> None:
    """Neither the value of an option that holds secrets, nor what may be one in another option."""
    message = refusal(**{option: value})
    assert message.startswith(f"JWT_{option} takes ")
    for piece in ("kT9", HIDDEN[-8:], "BEGIN", "PRIVATE"):
        assert piece not in message


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


def test_no_warning_without_a_reason() -> None:
    """A sound application starts without a warning, in either profile."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for profile in PROFILES:
            with application(PROFILE=profile).app_context():
                decode_token(create_access_token("alice"))
