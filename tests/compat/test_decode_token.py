"""decode_token, get_jti, get_csrf_token, get_unverified_jwt_headers: a token without a request."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from flask import Flask

from tests.compat.harness import Both, Raised, submodule
from tests.compat.minting import (
    CSRF,
    HS256,
    JTI,
    OTHER_SECRET,
    SECRET,
    access,
    claims,
    expired,
    forge,
    in_seconds,
    mint,
    refresh,
)

TOKENS: dict[str, Callable[[], Any]] = {
    "access": access,
    "refresh": refresh,
    "fresh": lambda: access(fresh=True),
    "only a subject": lambda: mint({"sub": "alice"}),
    "another type": lambda: access(type="reset"),
    "no type": lambda: access(type=...),
    "no jti": lambda: access(jti=...),
    "no csrf": lambda: access(csrf=...),
    "no exp": lambda: access(exp=...),
    "expired": expired,
    "expired, no csrf": lambda: expired(csrf=...),
    "expired, no subject": lambda: expired(sub=...),
    "expired refresh": lambda: refresh(exp=in_seconds(-1)),
    "no subject": lambda: access(sub=...),
    "another secret": lambda: mint(claims(), OTHER_SECRET),
    "another algorithm": lambda: mint(claims(), SECRET, "HS512"),
    "future": lambda: access(nbf=in_seconds(99)),
    "audience": lambda: access(aud="api"),
    "header members": lambda: mint(claims(), headers={"kid": "k", "x": [1, {"y": 2}]}),
    "typ None": lambda: forge({"alg": "HS256"}, claims()),
    "unicode": lambda: access(sub="알리스", note="é\u0000"),
    "nested": lambda: access(data={"a": [1, 2.5, None, {"b": "c"}]}),
    "empty": lambda: "",
    "text": lambda: "x",
    "two dots": lambda: "..",
    "no alg": lambda: forge({"typ": "JWT"}, claims()),
    "payload is a list": lambda: forge(HS256, [1]),
    "payload is text": lambda: forge(HS256, "x"),
    "header is a list": lambda: forge([1], claims()),
    "kid is an int": lambda: forge({**HS256, "kid": 1}, claims()),
}
FUNCTIONS = ["decode_token", "get_jti", "get_csrf_token", "get_unverified_jwt_headers"]


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_value_or_the_error_is_fjes(function: str, name: str) -> None:
    """The same value, or an error of the same class with the same text, arguments, attributes."""
    token = TOKENS[name]()
    Both().run(lambda lib: getattr(lib, function)(token))


@pytest.mark.parametrize("name", TOKENS)
def test_decode_tokens_arguments(name: str) -> None:
    """`csrf_value` is compared if it is not empty; `allow_expired` lets an old token through."""
    token, both = TOKENS[name](), Both()
    for allow in (True, False):
        for value in (None, "", CSRF, "wrong"):
            both.run(lambda lib, v=value, a=allow: lib.decode_token(token, v, a))
            both.run(
                lambda lib, v=value, a=allow: lib.decode_token(token, csrf_value=v, allow_expired=a)
            )


def test_the_defaults_for_missing_claims() -> None:
    """A token with a subject alone is a stale access token without an id."""
    token = mint({"sub": "alice"})
    decoded = Both().run(lambda lib: lib.decode_token(token))
    assert decoded == {"sub": "alice", "type": "access", "fresh": False, "jti": None}


def test_the_helpers_read_one_claim() -> None:
    """get_jti and get_csrf_token give the claim; without it None and KeyError."""
    token, bare = access(), mint({"sub": "alice"})
    both = Both()
    assert both.run(lambda lib: lib.get_jti(token)) == JTI
    assert both.run(lambda lib: lib.get_csrf_token(token)) == CSRF
    assert both.run(lambda lib: lib.get_jti(bare)) is None
    missing = both.run(lambda lib: lib.get_csrf_token(bare))
    assert (missing.classes[0], missing.args) == ("KeyError", ["csrf"])


def test_an_expired_token_raises_in_the_helpers() -> None:
    """get_jti raises for an expired token, as in FJE."""
    token = expired()
    for function in ("get_jti", "get_csrf_token", "decode_token"):
        result = Both().run(lambda lib, function=function: getattr(lib, function)(token))
        assert isinstance(result, Raised)
        assert result.classes[0] == "ExpiredSignatureError"


def test_decode_token_asks_no_callback_but_the_keys() -> None:
    """decode_token asks for no type, blocklist, verification or user."""

    def setup(_lib: ModuleType, _app: Flask, jwt: Any) -> None:
        def never(*_arguments: Any) -> Any:
            raise AssertionError("decode_token must not call this")

        jwt.token_in_blocklist_loader(never)
        jwt.token_verification_loader(never)
        jwt.user_lookup_loader(never)

    token = refresh()
    assert Both(setup=setup).run(lambda lib: lib.decode_token(token))["type"] == "refresh"


def test_decode_token_leaves_the_request_alone() -> None:
    """After decode_token the request is as unverified as before."""

    def seen(lib: ModuleType) -> Any:
        lib.decode_token(token)
        return lib.get_jwt()

    token = access()
    assert Both().run(seen).classes[0] == "RuntimeError"


def test_headers_are_read_without_an_application() -> None:
    """get_unverified_jwt_headers needs no application context, in either library."""
    token = mint(claims(), headers={"kid": "k"})
    for side in Both().sides:
        assert side.lib.get_unverified_jwt_headers(token) == {**HS256, "kid": "k"}


@pytest.mark.parametrize("claim", ["sub", "user"])
def test_decode_with_another_identity_claim(claim: str) -> None:
    """JWT_IDENTITY_CLAIM is the claim that must be there."""
    both = Both({"JWT_IDENTITY_CLAIM": "user"})
    token = mint({claim: "alice"})
    both.run(lambda lib: lib.decode_token(token))


@pytest.mark.parametrize("allowed", ["api", ["api", "web"], ("web",), {"api"}, []])
@pytest.mark.parametrize("audience", [..., "api", ["web"], ["x", "api"], "x", [], "", None, 1])
def test_audiences(allowed: Any, audience: Any) -> None:
    """Any one of the token's audiences has to be one of the application's."""
    token = access(aud=audience)
    both = Both({"JWT_DECODE_AUDIENCE": allowed})
    both.run(lambda lib: lib.decode_token(token))


@pytest.mark.parametrize("allowed", ["us", ["us", "them"], ("them",), {"us"}, "us and them"])
@pytest.mark.parametrize("issuer", [..., "us", "them", "u", "", 1, ["us"]])
def test_issuers(allowed: Any, issuer: Any) -> None:
    """The issuer is compared whole, with one or with one of several."""
    token = forge(HS256, claims(iss=issuer))
    both = Both({"JWT_DECODE_ISSUER": allowed})
    both.run(lambda lib: lib.decode_token(token))


@pytest.mark.parametrize("leeway", [0, 30])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("offset", [-60, -20, -2, 2, 20, 60])
def test_times_and_leeway(leeway: int, name: str, offset: int) -> None:
    """exp, nbf and iat on both sides of now, with and without leeway."""
    token = access(**{name: in_seconds(offset)})
    Both({"JWT_DECODE_LEEWAY": leeway}).run(lambda lib: lib.decode_token(token))


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("subject", ["alice", "", 1, 1.5, True, None, [], ["a"], {"a": 1}])
def test_subjects_by_jwt_verify_sub(verify: bool, subject: Any) -> None:
    """True: text only. False: anything. (Unset is the one deliberate difference.)"""
    token = access(sub=subject)
    both = Both({"JWT_VERIFY_SUB": verify})
    result = both.run(lambda lib: lib.decode_token(token)["sub"])
    if verify and not isinstance(subject, str):
        assert result.text == "Subject must be a string"


def test_a_token_as_bytes() -> None:
    """decode_token accepts a token as bytes, as PyJWT does."""
    token = access().encode()
    assert Both().run(lambda lib: lib.decode_token(token))["sub"] == "alice"


@pytest.mark.parametrize("value", [None, 1, ["x"]])
def test_what_is_no_token_at_all(value: Any) -> None:
    """A token that is neither text nor bytes is a DecodeError."""
    Both().run(lambda lib: lib.decode_token(value))


def test_the_configured_decoder_is_the_public_one() -> None:
    """The manager's private decoder, which decode_token calls, takes the same arguments."""
    token = access()

    def decode(lib: ModuleType) -> Any:
        manager = submodule(lib, "internal_utils").get_jwt_manager()
        return manager._decode_jwt_from_config(token, CSRF, allow_expired=True)

    assert Both().run(decode)["sub"] == "alice"
