"""`JWT_PROFILE = "strict"`: what the drop-in takes for compatibility alone, strict does not take.

Each row of the tables is taken by default and refused in strict, or the other way round; what the
transport refuses besides is in test_locations, test_csrf and test_cookies.
"""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

import flask_signet
from flask_signet import JWTManager
from flask_signet.exceptions import ConfigurationError, WeakSecretWarning
from tests.applications import (
    NOW,
    OTHER_SECRET,
    PROFILES,
    answer,
    application,
    bearer,
    mint,
    set_clock,
)
from tests.conftest import Clock
from tests.jose import keys

JTI = "3f0c5d6e-8a53-4b7e-9d5c-0b6a0f9f2a11"


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    set_clock(monkeypatch, clock)


def ask(app: Flask, token: str, path: str = "/required") -> tuple[int, str]:
    return answer(app.test_client().get(path, headers=bearer(token)))


# ── tokens ───────────────────────────────────────────────────────────────────────────────

TOO_STRICT: dict[str, tuple[dict[str, Any], str]] = {
    "D3: no exp": ({"exp": ...}, 'Token is missing the "exp" claim'),
    "D6: an int subject": ({"sub": 7}, "Subject must be a string"),
    "D6: an empty subject": ({"sub": ""}, "Subject must have 1 to 255 characters"),
    "D6: a long subject": ({"sub": "x" * 256}, "Subject must have 1 to 255 characters"),
    "D6: an empty jti": ({"jti": ""}, "JWT ID must have 1 to 64 characters"),
    "D6: a long jti": ({"jti": "x" * 65}, "JWT ID must have 1 to 64 characters"),
    "D6: no jti": ({"jti": ...}, "JWT ID must have 1 to 64 characters"),
    "D7: another type": ({"type": "id"}, "Only non-refresh tokens are allowed"),
    "D7: the type in another case": ({"type": "Access"}, "Only non-refresh tokens are allowed"),
    "C6: over 8 KiB": ({"pad": "x" * 7000}, "Token is too long"),
    "D4: for others": ({"aud": "them"}, "Invalid audience"),
    "D4: for nobody": ({"aud": []}, "Invalid audience"),
    "B8: typ JWT": ({"header": {"typ": "JWT"}}, "The token's typ is not that of its type"),
    "B8: typ of a refresh token": (
        {"header": {"typ": "rt+jwt"}},
        "The token's typ is not that of its type",
    ),
}


@pytest.mark.parametrize("name", TOO_STRICT)
def test_token_that_only_the_drop_in_takes(name: str) -> None:
    """Flask-JWT-Extended takes these tokens; strict, after the standards, takes none of them."""
    changes, text = TOO_STRICT[name]
    token = mint(**changes)
    assert ask(application(), token)[0] == 200
    assert ask(application("strict"), token) == (401, text)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"header": {"typ": 5}}, "Type header parameter must be a string"),
        ({"header": {"typ": None}}, "Type header parameter must be a string"),
        ({"header": {"cty": ["JWT"]}}, "Content type header parameter must be a string"),
        ({"cnf": {"jkt": "x"}}, "The token is bound to a key, and no proof of the key is checked"),
    ],
)
def test_token_that_none_takes(changes: dict[str, Any], text: str) -> None:
    """Flask-JWT-Extended takes these too, and no profile does (B8, D7)."""
    assert ask(application(), mint(**changes)) == (422, text)
    assert ask(application("strict"), mint(**changes)) == (401, text)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sub": "x" * 255},
        {"jti": "x" * 64},
        {"jti": "x"},
        {"unknown": {"deep": [1, 2, {"er": None}]}},
        {"header": {"unknown": [1]}},
        {"csrf": ...},
        {"nbf": ...},
        {"iat": ...},
        {"fresh": ...},
        {"pad": "x" * 5000},
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_token_that_both_take(profile: str, changes: dict[str, Any]) -> None:
    """Strict is no dead end: what a standard allows, or asks to ignore, it takes (B9)."""
    assert ask(application(profile), mint(**changes))[0] == 200


@pytest.mark.parametrize(
    ("claim", "offset", "compatible", "strict"),
    [
        ("exp", 1, 200, 200),
        ("exp", 0, 401, 200),  # now < exp, and strict's leeway is 5 seconds
        ("exp", -4, 401, 200),
        ("exp", -5, 401, 401),
        ("nbf", 0, 200, 200),
        ("nbf", 1, 422, 200),
        ("nbf", 5, 422, 200),
        ("nbf", 6, 422, 401),
        ("iat", 1, 422, 200),
        ("iat", 5, 422, 200),
        ("iat", 6, 422, 401),
    ],
)
def test_leeway(claim: str, offset: int, compatible: int, strict: int) -> None:
    """By default clocks agree to the second; strict forgives five either way, not six (D2)."""
    token = mint(**{claim: NOW + offset})
    assert ask(application(), token)[0] == compatible
    assert ask(application("strict"), token)[0] == strict


# ── keys ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "secret",
    ["x", "x" * 31, "a" * 64, "secret" * 10, "change-me-change-me-change-me-change-me", b"\0" * 32],
)
def test_weak_secret(secret: str | bytes) -> None:
    """A weak secret is a warning by default, and in strict there is no token under it (A5)."""
    with pytest.raises(ConfigurationError, match="JWT_SECRET_KEY: weak key: "):
        application("strict", JWT_SECRET_KEY=secret)
    with pytest.warns(WeakSecretWarning, match="JWT_SECRET_KEY is weak"):
        app = application(JWT_SECRET_KEY=secret)
    with app.app_context():
        flask_signet.create_access_token("alice")


def test_weak_secret_that_comes_later() -> None:
    """A weak secret that is set in a running strict application makes no token either (A5)."""
    app = application("strict", JWT_SECRET_KEY=None)
    app.config["JWT_SECRET_KEY"] = "x"
    with app.app_context(), pytest.raises(ConfigurationError, match="JWT_SECRET_KEY: weak key: "):
        flask_signet.create_access_token("alice")


@pytest.mark.parametrize(
    ("algorithm", "more"), [("HS256", ["RS256"]), ("RS256", ["HS256"]), ("ES256", ["HS512"])]
)
def test_mixed_algorithms(algorithm: str, more: list[str]) -> None:
    """HS algorithms and the others never stand in one list that `alg` chooses from (A2)."""
    with pytest.raises(ConfigurationError, match="mixes HS algorithms"):
        application("strict", JWT_ALGORITHM=algorithm, JWT_DECODE_ALGORITHMS=more)


# ── what strict makes, strict takes ──────────────────────────────────────────────────────


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "RS256", "PS256", "ES256", "EdDSA"])
def test_strict_round_trip(algorithm: str) -> None:
    """A pair of strict's tokens names its key, type and session, and opens each its own door."""
    options: dict[str, Any] = {"JWT_ALGORITHM": algorithm}
    if not algorithm.startswith("HS"):
        options["JWT_PRIVATE_KEY"] = keys.pem(keys.private(algorithm))
    app = application("strict", **options)
    with app.app_context():
        pair = flask_signet.create_token_pair("alice")
        headers = [flask_signet.get_unverified_jwt_headers(token) for token in pair[:2]]
        access, refresh = (flask_signet.decode_token(token) for token in pair[:2])
    assert [header["typ"] for header in headers] == ["at+jwt", "rt+jwt"]
    assert all("kid" in header for header in headers) is not algorithm.startswith("HS")
    assert access["sid"] == refresh["sid"] == pair.sid
    assert (access["type"], refresh["type"]) == ("access", "refresh")
    assert ask(app, pair.access_token) == (200, "alice")
    assert ask(app, pair.refresh_token, "/refresh") == (200, "alice")
    assert ask(app, pair.refresh_token)[0] == 401
    assert ask(app, pair.access_token, "/refresh")[0] == 401
    assert ask(app, pair.access_token, "/fresh") == (200, "alice")


def test_strict_makes_no_token_that_it_refuses() -> None:
    """What strict would not take it does not make: the error names the option."""
    app = application("strict")
    with app.app_context():
        with pytest.raises(TypeError, match="JWT_IDENTITY_TYPE"):
            flask_signet.create_access_token(7)
        with pytest.raises(ValueError, match="JWT_REQUIRE_EXP"):
            flask_signet.create_access_token("alice", expires_delta=False)
        with pytest.raises(ValueError, match="negative"):
            flask_signet.create_access_token("alice", expires_delta=timedelta(seconds=-1))
        with pytest.raises(ValueError, match="JWT_BOUNDED_IDS"):
            flask_signet.create_access_token("x" * 256)


@pytest.mark.parametrize(
    ("options", "has"),
    [
        ({}, False),
        ({"JWT_TOKEN_LOCATION": ["headers", "cookies"]}, True),
        ({"JWT_CSRF_CLAIM": "always"}, True),
        ({"JWT_TOKEN_LOCATION": "cookies", "JWT_COOKIE_CSRF_PROTECT": False}, False),
    ],
)
def test_csrf_claim_where_it_is_of_use(options: dict[str, Any], has: bool) -> None:
    """A token that goes into no cookie carries no CSRF value."""
    with application("strict", **options).app_context():
        token = flask_signet.create_access_token("alice")
        assert ("csrf" in flask_signet.decode_token(token)) is has


# ── the profile is a column of defaults ──────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("option", "value", "token"),
    [
        ("JWT_REQUIRE_EXP", False, {"exp": ...}),
        ("JWT_VERIFY_SUB", None, {"sub": 7}),
        ("JWT_BOUNDED_IDS", False, {"jti": ...}),
        ("JWT_REQUIRE_TYPE", False, {"type": "api", "header": {"typ": "api"}}),
        ("JWT_DECODE_AUDIENCE", False, {"aud": "them"}),
        ("JWT_DECODE_AUDIENCE", ["them", "us"], {"aud": "them"}),
        ("JWT_ALLOW_BOUND_TOKENS", True, {"cnf": {"jkt": "x"}}),
        ("JWT_MAX_TOKEN_LENGTH", 16 * 1024, {"pad": "x" * 7000}),
        ("JWT_EXPLICIT_TYP", False, {"header": {"typ": "JWT"}}),
        ("JWT_DECODE_LEEWAY", 60, {"exp": NOW - 30}),
    ],
)
def test_each_rule_is_an_option(option: str, value: Any, token: dict[str, Any]) -> None:
    """One strict rule too many for an application is switched off alone, by name."""
    more = {"JWT_EXPLICIT_TYP": False} if option == "JWT_REQUIRE_TYPE" else {}
    assert ask(application("strict", **more), mint(**token))[0] == 401
    assert ask(application("strict", **{option: value}, **more), mint(**token))[0] == 200


def test_profile_is_read_at_the_start() -> None:
    """A profile that changes later would change the defaults under the application's feet."""
    app = application()
    app.config["JWT_PROFILE"] = "strict"
    app.testing = True
    with pytest.raises(ConfigurationError, match="JWT_PROFILE is read by init_app"):
        ask(app, mint())


@pytest.mark.parametrize("profile", ["Strict", "secure", "", None, True, []])
def test_unknown_profile(profile: Any) -> None:
    """A misspelt profile is not taken for the lenient one."""
    with pytest.raises(ConfigurationError, match="JWT_PROFILE takes 'compatible' or 'strict'"):
        application(profile)


def test_named_manager_has_a_profile_of_its_own() -> None:
    """A strict partner beside a lenient application, or the other way round."""
    app = application(PARTNER_JWT_PROFILE="strict", PARTNER_JWT_SECRET_KEY=OTHER_SECRET)
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")
    app.add_url_rule("/partner", view_func=partner.jwt_required()(lambda: {"identity": "in"}))
    assert ask(app, mint(exp=...))[0] == 200
    assert ask(app, mint(exp=..., secret=OTHER_SECRET), "/partner")[0] == 401
    assert ask(app, mint(secret=OTHER_SECRET), "/partner") == (200, "in")
