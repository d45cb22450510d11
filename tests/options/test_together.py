"""The options that contradict each other."""

from typing import Any

import pytest

from flask_signet import Key
from flask_signet.options.checks import PROFILES
from tests.applications import application
from tests.options.rows import COOKIE_NAMES, COOKIES, refusal


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


@pytest.mark.parametrize("options", [{}, {"SESSION_STORE": "memory://", "REFRESH_ROTATION": False}])
@pytest.mark.parametrize("profile", PROFILES)
def test_renewed_cookies_need_a_rotation(profile: str, options: dict[str, Any]) -> None:
    """Cookies that can't be renewed are refused at the start, not found expired by users."""
    message = refusal(PROFILE=profile, RENEW_COOKIES=True, **options)
    assert message.startswith("JWT_RENEW_COOKIES = True needs a store and rotation: set JWT_SESS")


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


@pytest.mark.parametrize("encode", ["us", ["us", "them"]])
def test_d4_the_audience_of_our_own_tokens_is_known(encode: Any) -> None:
    """An application that would refuse its own tokens in strict is told at the start."""
    application(ENCODE_AUDIENCE=encode)
    message = refusal(PROFILE="strict", ENCODE_AUDIENCE=encode)
    assert message.startswith("JWT_ENCODE_AUDIENCE needs JWT_DECODE_AUDIENCE: ")
    for decode in ("us", ["us"], False):
        application(PROFILE="strict", ENCODE_AUDIENCE=encode, DECODE_AUDIENCE=decode)


def test_a2_a_list_for_a_key_ring_is_the_whole_list() -> None:
    """JWT_ALGORITHM, which the keys of JWT_KEYS don't follow, is no part of their list."""
    key = Key.generate("ES256")
    options: dict[str, Any] = {"KEYS": [key], "SECRET_KEY": None, "PROFILE": "strict"}
    application(**options, DECODE_ALGORITHMS=["ES256", "RS256"])
    message = refusal(**options, DECODE_ALGORITHMS=["ES256", "HS256"])
    assert message.startswith("JWT_DECODE_ALGORITHMS mixes HS")
