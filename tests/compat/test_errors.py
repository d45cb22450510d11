"""Every default error: status and text to the letter, as Flask-JWT-Extended gives them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from flask import Flask

from tests.compat.harness import SELF_CHECK, SUBJECT, Both
from tests.compat.minting import (
    CSRF,
    HS256,
    OTHER_SECRET,
    SECRET,
    access,
    bearer,
    claims,
    expired,
    forge,
    in_seconds,
    key_pair,
    mint,
    refresh,
)

NO_BEARER = (
    "Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'"
)
BAD_BEARER = "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'"
BAD_BARE = "Bad Authorization header. Expected 'Authorization: <JWT>'"
COOKIES = {"JWT_TOKEN_LOCATION": ["cookies"]}
QUERY = {"JWT_TOKEN_LOCATION": ["query_string"]}
JSON = {"JWT_TOKEN_LOCATION": ["json"]}


@dataclass(frozen=True)
class Error:
    """A request that must be refused, and how."""

    case: str
    status: int
    text: str
    request: Callable[[], dict[str, Any]]
    config: dict[str, Any] = field(default_factory=dict)


def header(value: str) -> Callable[[], dict[str, Any]]:
    return lambda: {"headers": {"Authorization": value}}


def token(make: Callable[[], str], path: str = "/required") -> Callable[[], dict[str, Any]]:
    return lambda: {"path": path, "headers": bearer(make())}


def of(**changes: Any) -> Callable[[], dict[str, Any]]:
    return token(lambda: access(**changes))


def cookie(
    make: Callable[[], str] = access, headers: dict[str, str] | None = None
) -> Callable[[], dict[str, Any]]:
    return lambda: {
        "method": "POST",
        "cookies": {"access_token_cookie": make()},
        "headers": headers or {},
    }


def request(**arguments: Any) -> Callable[[], dict[str, Any]]:
    return lambda: arguments


def tampered() -> str:
    head, body, _ = access().split(".")
    return f"{head}.{body}.{access(sub='mallory').split('.')[2]}"


SOON = 3600

ERRORS = [
    # where the token is
    Error("no header", 401, "Missing Authorization Header", request()),
    Error("empty header", 401, "Missing Authorization Header", header("")),
    Error("only a comma", 401, "Missing Authorization Header", header(" , ")),
    Error("another scheme", 401, NO_BEARER, header("Basic Zm9vOmJhcg==")),
    Error("the scheme in lower case", 401, NO_BEARER, header("bearer x.y.z")),
    Error("no scheme", 401, NO_BEARER, header("x.y.z")),
    Error("two Bearer values", 401, NO_BEARER, header("Bearer x.y.z, Bearer x.y.z")),
    Error("Bearer alone", 422, BAD_BEARER, header("Bearer")),
    Error("Bearer and a blank", 422, BAD_BEARER, header("Bearer ")),
    Error("Bearer a b", 422, BAD_BEARER, header("Bearer a b")),
    Error("a comma list with an empty Bearer", 422, BAD_BEARER, header("Foo 1, Bearer, Baz 3")),
    Error("no type, two words", 422, BAD_BARE, header("a b"), {"JWT_HEADER_TYPE": ""}),
    Error(
        "custom header name",
        401,
        "Missing X-Token Header",
        request(),
        {"JWT_HEADER_NAME": "X-Token"},
    ),
    Error(
        "custom header type",
        401,
        "Missing 'JWT' type in 'Authorization' header. Expected 'Authorization: JWT <JWT>'",
        header("Bearer x.y.z"),
        {"JWT_HEADER_TYPE": "JWT"},
    ),
    Error("no cookie", 401, 'Missing cookie "access_token_cookie"', request(), COOKIES),
    Error(
        "no refresh cookie",
        401,
        'Missing cookie "refresh_token_cookie"',
        request(path="/refresh"),
        COOKIES,
    ),
    Error("CSRF absent", 401, "Missing CSRF token", cookie(), COOKIES),
    Error(
        "CSRF mismatch",
        401,
        "CSRF double submit tokens do not match",
        cookie(headers={"X-CSRF-TOKEN": "wrong"}),
        COOKIES,
    ),
    Error(
        "CSRF value given, claim absent",
        422,
        "Missing claim: csrf",
        cookie(lambda: access(csrf=...), {"X-CSRF-TOKEN": CSRF}),
        COOKIES,
    ),
    Error("no query parameter", 401, "Missing 'jwt' query paramater", request(), QUERY),
    Error(
        "bad query prefix",
        422,
        "Invalid value for query parameter 'jwt'. Expected the value to start with 'Bearer '",
        lambda: {"query_string": {"jwt": access()}},
        {**QUERY, "JWT_QUERY_STRING_VALUE_PREFIX": "Bearer "},
    ),
    Error(
        "JSON: no content type",
        401,
        "Invalid content-type. Must be application/json.",
        request(method="POST"),
        JSON,
    ),
    Error(
        "JSON: key missing",
        401,
        'Missing "access_token" key in json data.',
        request(method="POST", json={"other": 1}),
        JSON,
    ),
    Error(
        "JSON: refresh key missing",
        401,
        'Missing "refresh_token" key in json data.',
        request(path="/refresh", method="POST", json={}),
        JSON,
    ),
    Error(
        "JSON: not JSON",
        401,
        'Missing "access_token" key in json data.',
        request(method="POST", data="{", headers={"Content-Type": "application/json"}),
        JSON,
    ),
    Error(
        "several locations, none has one",
        401,
        'Missing JWT in cookies or headers (Missing cookie "access_token_cookie"; '
        "Missing Authorization Header)",
        request(),
        {"JWT_TOKEN_LOCATION": ["cookies", "headers"]},
    ),
    Error(
        "all four locations, none has one",
        401,
        "Missing JWT in headers, cookies, query_string or json (Missing Authorization Header; "
        "Missing cookie \"access_token_cookie\"; Missing 'jwt' query paramater; "
        "Invalid content-type. Must be application/json.)",
        request(),
        {"JWT_TOKEN_LOCATION": ["headers", "cookies", "query_string", "json"]},
    ),
    # what the token says
    Error("expired", 401, "Token has expired", token(expired)),
    Error("not fresh", 401, "Fresh token required", token(access, "/fresh")),
    Error(
        "no longer fresh",
        401,
        "Fresh token required",
        token(lambda: access(fresh=in_seconds(-5)), "/fresh"),
    ),
    Error("refresh for access", 422, "Only non-refresh tokens are allowed", token(refresh)),
    Error("access for refresh", 422, "Only refresh tokens are allowed", token(access, "/refresh")),
    Error("identity claim missing", 422, "Missing claim: sub", of(sub=...)),
    Error(
        "custom identity claim missing",
        422,
        "Missing claim: user",
        of(),
        {"JWT_IDENTITY_CLAIM": "user"},
    ),
    Error("bad signature", 422, "Signature verification failed", token(tampered)),
    Error(
        "another secret",
        422,
        "Signature verification failed",
        token(lambda: mint(claims(), OTHER_SECRET)),
    ),
    Error("one segment", 422, "Not enough segments", header("Bearer x")),
    Error("two segments", 422, "Not enough segments", header("Bearer x.y")),
    Error("header is no base64", 422, "Invalid header padding", header("Bearer aaaaa.bbbbb.ccccc")),
    Error(
        "payload is no base64",
        422,
        "Invalid payload padding",
        token(lambda: ".".join([access().split(".")[0], "!!!!", access().split(".")[2]])),
    ),
    Error(
        "signature is no base64",
        422,
        "Invalid crypto padding",
        token(lambda: ".".join([*access().split(".")[:2], "a!b"])),
    ),
    Error(
        "another algorithm",
        422,
        "The specified alg value is not allowed",
        token(lambda: mint(claims(), SECRET, "HS512")),
    ),
    Error(
        "algorithm none",
        422,
        "The specified alg value is not allowed",
        token(lambda: mint(claims(), None, "none")),
    ),
    Error(
        "asymmetric for symmetric",
        422,
        "The specified alg value is not allowed",
        token(lambda: mint(claims(), key_pair("RS256")[0], "RS256")),
    ),
    Error(
        "kid is no string",
        422,
        "Key ID header parameter must be a string",
        token(lambda: forge({**HS256, "kid": 1}, claims())),
    ),
    Error(
        "audience differs",
        422,
        "Audience doesn't match",
        of(aud="web"),
        {"JWT_DECODE_AUDIENCE": "api"},
    ),
    Error(
        "audience missing",
        422,
        'Token is missing the "aud" claim',
        of(),
        {"JWT_DECODE_AUDIENCE": "api"},
    ),
    Error(
        "audience of a wrong type",
        422,
        "Invalid claim format in token",
        of(aud=[1]),
        {"JWT_DECODE_AUDIENCE": "api"},
    ),
    Error("issuer differs", 422, "Invalid issuer", of(iss="them"), {"JWT_DECODE_ISSUER": "us"}),
    Error(
        "issuer missing",
        422,
        'Token is missing the "iss" claim',
        of(),
        {"JWT_DECODE_ISSUER": "us"},
    ),
    Error(
        "issuer is no string",
        422,
        "Payload Issuer (iss) must be a string",
        token(lambda: forge(HS256, claims(iss=["us"]))),
        {"JWT_DECODE_ISSUER": "us"},
    ),
    Error(
        "issued in the future", 422, "The token is not yet valid (iat)", of(iat=in_seconds(SOON))
    ),
    Error("not yet valid", 422, "The token is not yet valid (nbf)", of(nbf=in_seconds(SOON))),
    Error("iat is text", 422, "Issued At claim (iat) must be an integer.", of(iat="soon")),
    Error("nbf is text", 422, "Not Before claim (nbf) must be an integer.", of(nbf="soon")),
    Error("exp is text", 422, "Expiration Time claim (exp) must be an integer.", of(exp="soon")),
    Error("sub is a list", 422, "Subject must be a string", of(sub=["alice"])),
    Error("sub is an object", 422, "Subject must be a string", of(sub={"id": 1})),
    Error(
        "sub is an int, JWT_VERIFY_SUB set",
        422,
        "Subject must be a string",
        of(sub=7),
        {"JWT_VERIFY_SUB": True},
    ),
    Error("jti is an int", 422, "JWT ID must be a string", of(jti=7)),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.case)
def test_the_error_is_fjes_to_the_letter(error: Error) -> None:
    """Status, body and content type are FJE's, and the text is the one documented."""
    both = Both(error.config)
    arguments = {"path": "/required", **error.request()}
    answer = both.ask(**arguments)
    assert (answer.status, answer.body) == (error.status, {"msg": error.text})
    assert dict(answer.headers)["content-type"] == "application/json"
    assert answer.error is None


@pytest.mark.skipif(SELF_CHECK, reason="FJE itself never sends a challenge")
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.case)
def test_exactly_the_401s_carry_a_challenge(error: Error) -> None:
    """`WWW-Authenticate: Bearer` is on every 401 of ours, and FJE's answers are as they were."""
    both = Both(error.config)
    theirs, ours = both.ask_each(**{"path": "/required", **error.request()})
    assert theirs.challenge is None
    if error.status == 401:
        assert ours.challenge is not None
        assert ours.challenge.startswith("Bearer")


def with_callback(name: str, result: Any) -> Any:
    def setup(_lib: ModuleType, _app: Flask, jwt: Any) -> None:
        getattr(jwt, name)(lambda _header, _data: result)

    return setup


@pytest.mark.parametrize(
    ("loader", "result", "status", "text"),
    [
        ("token_in_blocklist_loader", True, 401, "Token has been revoked"),
        ("token_verification_loader", False, 400, "User claims verification failed"),
        ("user_lookup_loader", None, 401, "Error loading the user alice"),
    ],
)
def test_what_a_callback_refuses(loader: str, result: Any, status: int, text: str) -> None:
    """A callback's no gives FJE's status and text."""
    both = Both(setup=with_callback(loader, result))
    answer = both.ask("/required", headers=bearer(access()))
    assert (answer.status, answer.body) == (status, {"msg": text})


@pytest.mark.parametrize("path", ["/required", "/optional", "/fresh", "/refresh", "/any-type"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.case)
def test_every_kind_of_guard_refuses_alike(path: str, error: Error) -> None:
    """Whatever the guard, the libraries agree about the request, also if a guard lets it in."""
    both = Both(error.config)
    both.ask(**{**error.request(), "path": path})


def test_custom_message_key_is_in_every_error() -> None:
    """JWT_ERROR_MESSAGE_KEY names the member in each of the default errors."""
    for error in ERRORS:
        both = Both({**error.config, "JWT_ERROR_MESSAGE_KEY": "error"})
        answer = both.ask(**{"path": "/required", **error.request()})
        assert answer.body == {"error": error.text}


NOT_VERIFIED = (
    "You must call `@jwt_required()` or `verify_jwt_in_request()` before using this method"
)


@pytest.mark.parametrize(
    "name", ["get_jwt", "get_jwt_header", "get_jwt_identity", "get_current_user"]
)
def test_reading_an_unverified_request_is_a_runtime_error(name: str) -> None:
    """Before anything is verified, what reads the token says so, in FJE's words."""
    result = Both().run(lambda lib: getattr(lib, name)())
    assert (result.classes[0], result.text) == ("RuntimeError", NOT_VERIFIED)


def test_current_user_of_an_unverified_request_is_a_runtime_error() -> None:
    """The proxy says the same when it is used."""
    result = Both().run(lambda lib: lib.current_user.name)
    assert (result.classes[0], result.text) == ("RuntimeError", NOT_VERIFIED)


def test_no_user_loader_is_a_runtime_error() -> None:
    """The current user needs a user_lookup_loader; FJE's sentence says so."""

    def user(lib: ModuleType) -> Any:
        lib.verify_jwt_in_request()
        return lib.get_current_user()

    result = Both().run(user, headers=bearer(access()))
    assert result.classes[0] == "RuntimeError"
    assert result.text == (
        "You must provide a `@jwt.user_lookup_loader` callback to use this method"
    )


def test_no_manager_is_a_runtime_error() -> None:
    """An application without a JWTManager is told so, in FJE's words."""
    app = Flask("bare")
    with app.test_request_context(), pytest.raises(RuntimeError) as caught:
        SUBJECT.create_access_token("alice")
    assert str(caught.value) == (
        "You must initialize a JWTManager with this flask application before using this method"
    )


def test_no_secret_is_a_runtime_error() -> None:
    """Without a secret, issuing says which options to set, in FJE's words."""
    result = Both({"JWT_SECRET_KEY": None}).run(lambda lib: lib.create_access_token("alice"))
    assert (result.classes[0], result.text) == (
        "RuntimeError",
        'JWT_SECRET_KEY or flask SECRET_KEY must be set when using symmetric algorithm "HS256"',
    )


def test_a_location_that_does_not_exist_is_a_runtime_error() -> None:
    """A guard's `locations` is checked at use."""
    answer = Both().ask("/at:banana")
    assert answer.status == 500
    assert answer.error is not None
    assert (answer.error.classes[0], answer.error.text) == (
        "RuntimeError",
        "'banana' is not a valid location",
    )
