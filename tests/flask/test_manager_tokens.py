"""Tokens as texts: what create_*_token puts into one, and what decode_token takes."""

import enum
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from flask import Flask

import flask_signet
from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    create_refresh_token,
    decode_token,
    get_csrf_token,
    get_jti,
    get_jwt_identity,
    get_unverified_jwt_headers,
    verify_jwt_in_request,
)
from flask_signet.exceptions import (
    ConfigurationError,
    CSRFError,
    DecodeError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidJTIError,
    InvalidSignatureError,
    InvalidSubjectError,
    JWTDecodeError,
    MissingRequiredClaimError,
    SignetError,
)
from tests.applications import NOW, application, part, set_clock, signed
from tests.conftest import Clock
from tests.ids import same_everywhere
from tests.jose import keys

KEY = Key.from_secret(keys.SECRET)


@contextmanager
def running(manager: JWTManager | None = None, **options: Any) -> Iterator[Flask]:
    app = application(manager=manager, **options)
    with app.app_context():
        yield app


@pytest.fixture(autouse=True)
def _ticking(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    set_clock(monkeypatch, clock)


@pytest.fixture
def app() -> Iterator[Flask]:
    with running() as app:
        yield app


def identity_of(token: str) -> Any:
    """What get_jwt_identity() gives in a request with this token."""
    from flask import current_app

    headers = {"Authorization": f"Bearer {token}"}
    with current_app.test_request_context(headers=headers):
        verify_jwt_in_request()
        return get_jwt_identity()


# ── what is in a token ───────────────────────────────────────────────────────────────────


def test_the_claims_of_an_access_token(app: Flask, clock: Clock) -> None:
    """An access token has Flask-JWT-Extended's claims, an id and a CSRF value of their own."""
    token = create_access_token("alice")
    claims = part(token, 1)
    assert part(token, 0) == {"alg": "HS256", "typ": "JWT"}
    assert uuid.UUID(claims.pop("jti")).version == 4
    assert uuid.UUID(claims.pop("csrf")).version == 4
    assert claims == {
        "fresh": False,
        "iat": clock(),
        "nbf": clock(),
        "exp": clock() + 900,
        "type": "access",
        "sub": "alice",
    }


def test_the_claims_of_a_refresh_token(app: Flask, clock: Clock) -> None:
    """A refresh token has the same, another type, and the longer life."""
    claims = part(create_refresh_token("alice"), 1)
    assert claims["type"] == "refresh"
    assert claims["fresh"] is False
    assert claims["exp"] == clock() + 30 * 86400


def test_a_strict_token(clock: Clock) -> None:
    """A strict token says its type in the header, and its ids have 128 bits; no CSRF value."""
    options = {"PROFILE": "strict", "ALGORITHM": "ES256", "PRIVATE_KEY": keys.private("ES256")}
    with running(**options):
        access, refresh = create_access_token("alice"), create_refresh_token("alice")
        decode_token(access)
        decode_token(refresh)
    kid = keys.key("ES256").thumbprint()
    assert part(access, 0) == {"alg": "ES256", "typ": "at+jwt", "kid": kid}
    assert part(refresh, 0) == {"alg": "ES256", "typ": "rt+jwt", "kid": kid}
    claims = part(access, 1)
    assert len(claims.pop("jti")) == 22
    assert claims == {
        "fresh": False,
        "type": "access",
        "sub": "alice",
        "iat": clock(),
        "nbf": clock(),
        "exp": clock() + 900,
    }


@pytest.mark.parametrize(
    ("options", "has_csrf"),
    [
        ({}, True),
        ({"COOKIE_CSRF_PROTECT": False}, False),
        ({"CSRF_CLAIM": "cookies"}, False),
        ({"CSRF_CLAIM": "cookies", "TOKEN_LOCATION": ["headers", "cookies"]}, True),
        ({"PROFILE": "strict"}, False),
        ({"PROFILE": "strict", "TOKEN_LOCATION": "cookies"}, True),
        (
            {"PROFILE": "strict", "TOKEN_LOCATION": "cookies", "COOKIE_CSRF_PROTECT": False},
            False,
        ),
    ],
)
def test_which_tokens_have_a_csrf_value(options: dict[str, Any], has_csrf: bool) -> None:
    """A token has a CSRF value where cookies may carry it; Flask-JWT-Extended's always has."""
    with running(**options):
        for token in (create_access_token("alice"), create_refresh_token("alice")):
            assert ("csrf" in part(token, 1)) is has_csrf


@pytest.mark.parametrize(
    ("options", "claims"),
    [
        ({"ENCODE_AUDIENCE": "you"}, {"aud": "you"}),
        ({"ENCODE_AUDIENCE": ["you", "them"]}, {"aud": ["you", "them"]}),
        ({"ENCODE_ISSUER": "us"}, {"iss": "us"}),
        ({"IDENTITY_CLAIM": "user"}, {"user": "alice"}),
        ({"ACCESS_TOKEN_EXPIRES": 60}, {"exp": 1_700_000_060}),
        ({"ACCESS_TOKEN_EXPIRES": relativedelta(days=1)}, {"exp": 1_700_086_400}),
    ],
)
def test_options_of_claims(options: dict[str, Any], claims: dict[str, Any]) -> None:
    """The options put their claims into a token."""
    with running(**options):
        assert claims.items() <= part(create_access_token("alice"), 1).items()


@pytest.mark.parametrize(
    ("options", "claim"),
    [
        ({"ENCODE_NBF": False}, "nbf"),
        ({"ACCESS_TOKEN_EXPIRES": False}, "exp"),
        ({"IDENTITY_CLAIM": "user"}, "sub"),
        *(({}, claim) for claim in ("aud", "iss", "sid")),
    ],
)
def test_options_without_claims(options: dict[str, Any], claim: str) -> None:
    """Or leave them out."""
    with running(**options):
        assert claim not in part(create_access_token("alice"), 1)


@pytest.mark.parametrize(
    ("fresh", "claim"),
    [
        (False, False),
        (True, True),
        (timedelta(minutes=5), 1_700_000_300.0),
        (timedelta(seconds=-5), 1_699_999_995.0),
        (1_700_000_060.5, 1_700_000_060.5),
    ],
)
def test_fresh(app: Flask, fresh: Any, claim: Any) -> None:
    """A token is fresh, or not, or until a moment."""
    found = part(create_access_token("alice", fresh=fresh), 1)["fresh"]
    assert found == claim
    assert type(found) is type(claim)


# ── how long it lives ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("create", [create_access_token, create_refresh_token])
@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [
        (timedelta(minutes=1), 60),
        (60, 60),
        (90.5, 90),
        (timedelta(milliseconds=1), 1),
        (0.5, 1),
        (timedelta(seconds=-1), -1),
        (relativedelta(hours=2), 7200),
        (False, None),
    ],
)
def test_lifetimes(
    app: Flask, clock: Clock, create: Callable[..., str], lifetime: Any, seconds: int | None
) -> None:
    """A lifetime is a timedelta or seconds; under a second it is one; False is for ever."""
    exp = part(create("alice", expires_delta=lifetime), 1).get("exp")
    assert exp == (None if seconds is None else clock() + seconds)


def test_a_token_lives_as_long_as_it_says(app: Flask, clock: Clock) -> None:
    """A token is good until its last second, and from exp on it is not."""
    token = create_access_token("alice", expires_delta=timedelta(seconds=60))
    clock.tick(59)
    assert decode_token(token)["sub"] == "alice"
    clock.tick(1)
    with pytest.raises(ExpiredSignatureError):
        decode_token(token)
    assert decode_token(token, allow_expired=True)["sub"] == "alice"


@pytest.mark.parametrize("create", [create_access_token, create_refresh_token])
@pytest.mark.parametrize("zero", [0, 0.0, timedelta(0), relativedelta()])
def test_no_lifetime(app: Flask, create: Callable[..., str], zero: Any) -> None:
    """A lifetime of zero is refused, with what to write for "for ever"."""
    with pytest.raises(ValueError, match=r"^expires_delta is zero: give a lifetime above zero, or"):
        create("alice", expires_delta=zero)


@pytest.mark.parametrize("lifetime", [True, "60", [], object()], ids=same_everywhere)
def test_what_is_no_lifetime(app: Flask, lifetime: Any) -> None:
    """What is no lifetime is a TypeError, True among it."""
    with pytest.raises(TypeError):
        create_access_token("alice", expires_delta=lifetime)


@pytest.mark.parametrize("days", [3_000_000, 999_999_999])
def test_a_lifetime_beyond_the_calendar(app: Flask, days: int) -> None:
    """A token that would end after the year 9999 is refused: our verifier would not take it."""
    with pytest.raises((ValueError, OverflowError)):
        create_access_token("alice", expires_delta=timedelta(days=days))


def test_lifetimes_in_the_strict_profile() -> None:
    """Strict tokens end, and after they began."""
    with running(PROFILE="strict"):
        with pytest.raises(ValueError, match="JWT_REQUIRE_EXP asks for an expiry"):
            create_access_token("alice", expires_delta=False)
        with pytest.raises(ValueError, match="expires_delta is negative"):
            create_access_token("alice", expires_delta=timedelta(seconds=-1))
    with (
        running(PROFILE="strict", ACCESS_TOKEN_EXPIRES=False),
        pytest.raises(ValueError, match=r"^JWT_ACCESS_TOKEN_EXPIRES is False, but"),
    ):
        create_access_token("alice")


# ── identities ───────────────────────────────────────────────────────────────────────────

ID = uuid.UUID(int=2**127 + 5)


class Tenant(enum.StrEnum):
    NORTH = "north"


class OldTenant(str, enum.Enum):  # noqa: UP042 - many applications have it like this
    NORTH = "north"


class Number(enum.IntEnum):
    ONE = 1


class Name(str):
    """A text of its own class, as template libraries have it."""

    __slots__ = ()

    def __str__(self) -> str:
        return "<Name>"


@pytest.mark.parametrize(
    ("options", "identity", "wire", "back"),
    [
        ({}, "alice", "alice", "alice"),
        ({}, "", "", ""),
        ({}, 7, 7, 7),
        ({}, 0, 0, 0),
        ({"VERIFY_SUB": True}, "7", "7", "7"),
        ({"VERIFY_SUB": False}, {"id": 7}, {"id": 7}, {"id": 7}),
        ({"VERIFY_SUB": False}, None, None, None),
        ({"VERIFY_SUB": False}, True, True, True),
        ({"VERIFY_SUB": False}, [1.5], [1.5], [1.5]),
        ({"IDENTITY_TYPE": int}, 7, "7", 7),
        ({"IDENTITY_TYPE": int}, "7", "7", 7),
        ({"IDENTITY_TYPE": int}, -(10**18), "-1000000000000000000", -(10**18)),
        ({"IDENTITY_TYPE": uuid.UUID}, ID, str(ID), ID),
        ({"IDENTITY_TYPE": str.upper}, "alice", "alice", "ALICE"),
        ({"IDENTITY_TYPE": int, "PROFILE": "strict"}, 7, "7", 7),
        ({"IDENTITY_CLAIM": "user"}, {"id": 7}, {"id": 7}, {"id": 7}),
        ({"IDENTITY_CLAIM": "user", "IDENTITY_TYPE": int}, 7, "7", 7),
        ({"IDENTITY_TYPE": Tenant}, Tenant.NORTH, "north", Tenant.NORTH),
        ({"IDENTITY_TYPE": Tenant, "PROFILE": "strict"}, Tenant.NORTH, "north", Tenant.NORTH),
        ({"IDENTITY_TYPE": OldTenant}, OldTenant.NORTH, "north", OldTenant.NORTH),
    ],
)
def test_an_identity_comes_back(
    options: dict[str, Any], identity: Any, wire: Any, back: Any
) -> None:
    """get_jwt_identity() gives what create_access_token was given, of the same type."""
    with running(**options) as app:
        token = create_access_token(identity)
        found = part(token, 1)[app.config["JWT_IDENTITY_CLAIM"]]
        assert (found, type(found)) == (wire, type(wire))
        again = identity_of(token)
        assert (again, type(again)) == (back, type(back))


@pytest.mark.parametrize(
    ("identity", "wire"),
    [
        *((ID, str(ID)), (Tenant.NORTH, "north"), (OldTenant.NORTH, "north")),
        *((Number.ONE, 1), (Name("alice"), "alice"), (Number.ONE.value, 1)),
    ],
    ids=repr,
)
def test_an_identity_that_is_nearly_a_text(identity: Any, wire: Any) -> None:
    """A UUID, or a member of an enum of texts or ints, is a text or an int in the token."""
    with running():
        for create in (create_access_token, create_refresh_token):
            found = part(create(identity), 1)["sub"]
            assert (found, type(found)) == (wire, type(wire))
        again = identity_of(create_access_token(identity))
        assert (again, type(again)) == (wire, type(wire))
    if isinstance(wire, str):
        with running(PROFILE="strict"):
            assert decode_token(create_access_token(identity))["sub"] == wire


NO_IDENTITY = [{"id": 1}, ["alice"], 1.5, True, False, None, ("alice",)]


@pytest.mark.parametrize("identity", NO_IDENTITY, ids=repr)
@pytest.mark.parametrize(
    "options", [{}, {"VERIFY_SUB": True}, {"PROFILE": "strict"}, {"IDENTITY_TYPE": int}], ids=repr
)
def test_what_is_no_identity(options: dict[str, Any], identity: Any) -> None:
    """What can't be a sub is refused when the token is made, with the loader that helps."""
    with running(**options), pytest.raises(TypeError) as caught:
        create_access_token(identity)
    kind = type(identity).__name__
    assert f"the identity is of type {kind}" in str(caught.value)
    assert "user_identity_loader" in str(caught.value)


class Account:
    """An application's object, whose text says nothing."""


@pytest.mark.parametrize("identity", ["alice", "", b"7", Account()], ids=same_everywhere)
def test_an_identity_that_its_type_does_not_read(identity: Any) -> None:
    """With JWT_IDENTITY_TYPE, an identity of another type is refused with the option's name."""
    with running(IDENTITY_TYPE=int), pytest.raises(TypeError) as caught:
        create_access_token(identity)
    assert str(caught.value) == (
        f"the identity is of type {type(identity).__name__}, and JWT_IDENTITY_TYPE can't read it "
        "back from its text: give one of that type, or return one from a user_identity_loader"
    )


@pytest.mark.parametrize("options", [{"VERIFY_SUB": True}, {"PROFILE": "strict"}])
def test_an_int_where_a_string_is_asked_for(options: dict[str, Any]) -> None:
    """An int in the strict profile is an error that names the option to set."""
    with running(**options), pytest.raises(TypeError, match="set JWT_IDENTITY_TYPE = int, and"):
        create_access_token(7)


def test_a_token_from_before_the_type_was_set() -> None:
    """A token whose sub is no text of the type is refused in a request, not a 500."""
    with running() as app:
        token = create_access_token("alice")
        app.config["JWT_IDENTITY_TYPE"] = int
        with pytest.raises(JWTDecodeError, match="Invalid claim: sub"):
            identity_of(token)
        assert decode_token(token)["sub"] == "alice"


@pytest.mark.parametrize(
    ("verify_sub", "takes"),
    [(None, {"alice", 7}), (True, {"alice"}), (False, {"alice", 7, 1.5, None, True})],
)
def test_which_subjects_are_read(verify_sub: bool | None, takes: set[Any]) -> None:
    """JWT_VERIFY_SUB says which sub is taken: texts and ints, texts, or anything."""
    with running(VERIFY_SUB=verify_sub):
        for subject in ("alice", 7, 1.5, None, True):
            token = signed({"sub": subject}, KEY)
            if any(subject is taken for taken in takes) or subject == "alice":
                assert decode_token(token)["sub"] == subject
            else:
                with pytest.raises(InvalidSubjectError, match="Subject must be a string"):
                    decode_token(token)


@pytest.mark.parametrize("size", [0, 1, 64, 65])
def test_bounded_jti_at_creation(size: int) -> None:
    """With bounded ids a jti of one's own has 1 to 64 characters, when the token is made."""
    claims = {"jti": "j" * size}
    with running(BOUNDED_IDS=True):
        if 0 < size <= 64:
            assert get_jti(create_access_token("alice", additional_claims=claims)) == "j" * size
        else:
            with pytest.raises(ValueError, match=f"jti has {size} characters; JWT_BOUNDED_IDS"):
                create_access_token("alice", additional_claims=claims)


@pytest.mark.parametrize("fresh", [timedelta(hours=1), 1e11])
def test_freshness_ends_with_the_token(fresh: Any) -> None:
    """With bounded ids a token is fresh until it expires at the latest, else it is refused."""
    with running(BOUNDED_IDS=True):
        claims = decode_token(create_access_token("alice", fresh, timedelta(minutes=15)))
        assert claims["fresh"] == claims["exp"]
        for flag in (True, False):
            assert decode_token(create_access_token("alice", flag))["fresh"] is flag
        short = decode_token(create_access_token("alice", timedelta(minutes=5)))
        assert short["fresh"] == short["exp"] - 600
        forever = decode_token(create_access_token("alice", fresh, expires_delta=False))
        assert forever["fresh"] > claims["exp"]


@pytest.mark.parametrize("size", [0, 1, 255, 256])
def test_bounded_ids_at_creation(size: int) -> None:
    """With bounded ids an identity has 1 to 255 characters, when the token is made."""
    with running(BOUNDED_IDS=True):
        if 1 <= size <= 255:
            decode_token(create_access_token("a" * size))
        else:
            with pytest.raises(ValueError, match=f"the identity has {size} characters; JWT_BOUND"):
                create_access_token("a" * size)


# ── loaders ──────────────────────────────────────────────────────────────────────────────


def test_the_loaders_and_the_arguments() -> None:
    """An argument wins over the loader, and both win over what we put in; alg is the key's."""
    manager = JWTManager()
    manager.additional_claims_loader(lambda identity: {"a": "loader", "b": "loader", "type": "x"})
    manager.additional_headers_loader(lambda identity: {"h": "loader", "i": "loader", "typ": "t"})
    manager.user_identity_loader(lambda user: user["name"])
    with running(manager):
        token = create_access_token(
            {"name": "alice"},
            additional_claims={"b": "argument", "exp": 2_000_000_000, "jti": "mine"},
            additional_headers={"i": "argument"},
        )
    assert part(token, 0) == {"alg": "HS256", "typ": "t", "h": "loader", "i": "argument"}
    expected = {
        "a": "loader",
        "b": "argument",
        "type": "x",
        "sub": "alice",
        "exp": 2_000_000_000,
        "jti": "mine",
    }
    assert expected.items() <= part(token, 1).items()


def test_a_loaders_dictionaries_are_not_changed() -> None:
    """What a loader returns, or a caller gives, may be one dictionary for all tokens."""
    loaded, given = {"roles": ["admin"]}, {"group": {"id": 1}}
    headers, more = {"x": "y"}, {"z": "w"}
    manager = JWTManager()
    manager.additional_claims_loader(lambda identity: loaded)
    manager.additional_headers_loader(lambda identity: headers)
    with running(manager, ENCODE_KID=True):
        for _ in range(2):
            create_access_token("alice", additional_claims=given, additional_headers=more)
            create_refresh_token("alice", additional_claims=given, additional_headers=more)
    assert (loaded, given) == ({"roles": ["admin"]}, {"group": {"id": 1}})
    assert (headers, more) == ({"x": "y"}, {"z": "w"})


def test_a_loader_that_returns_none_adds_nothing() -> None:
    """A loader of claims or headers may return None, plain or async: it has nothing to add."""

    async def later(identity: Any) -> None:
        assert identity == "alice"

    for loader in (lambda identity: None, later):
        manager = JWTManager()
        manager.additional_claims_loader(loader)
        manager.additional_headers_loader(loader)
        with running(manager):
            token = create_access_token("alice", additional_claims={"a": 1})
        assert part(token, 0) == {"alg": "HS256", "typ": "JWT"}
        names = {"fresh", "iat", "jti", "type", "sub", "nbf", "csrf", "exp", "a"}
        assert set(part(token, 1)) == names


@pytest.mark.parametrize("returned", ["text", ["a"], 5, False, [("a", 1)]], ids=repr)
@pytest.mark.parametrize("loader", ["additional_claims", "additional_headers"])
def test_a_loader_that_returns_no_dictionary(loader: str, returned: Any) -> None:
    """What is no dictionary is told by the name of its loader."""
    manager = JWTManager()
    getattr(manager, f"{loader}_loader")(lambda identity: returned)
    with running(manager), pytest.raises(TypeError, match=f"^the {loader}_loader returns a dict"):
        create_access_token("alice")


def test_the_loaders_see_the_identity_as_it_was_given() -> None:
    """Every loader is given the identity itself, not what stands in the token."""
    seen: list[Any] = []
    manager = JWTManager()
    manager.additional_claims_loader(lambda identity: seen.append(identity) or {})
    manager.additional_headers_loader(lambda identity: seen.append(identity) or {})
    manager.encode_key_loader(lambda identity: seen.append(identity) or keys.SECRET)
    manager.user_identity_loader(lambda identity: seen.append(identity) or "alice")
    user = {"name": "alice"}
    with running(manager):
        create_access_token(user)
    assert all(each is user for each in seen)
    assert len(seen) == 4


def test_the_applications_json_is_used(app: Flask) -> None:
    """A claim that JSON does not know is what the application's JSON provider makes of it."""
    claims = decode_token(create_access_token("alice", additional_claims={"id": ID}))
    assert claims["id"] == str(ID)


@pytest.mark.parametrize(
    "claims",
    [
        {"n": 10**20},
        {"n": float("nan")},
        {"text": "\ud800"},
        {"deep": json.loads("[" * 32 + "]" * 32)},
        {"many": {str(n): n for n in range(257)}},
        {"long": "x" * 16384},
        {"object": object()},
        {"iss": 5},
        {"nbf": "soon"},
        {"nbf": 1e400},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_claims_that_make_no_token(app: Flask, claims: dict[str, Any]) -> None:
    """Nobody gets a token that our own verifier would refuse."""
    with pytest.raises((TypeError, ValueError)):
        create_access_token("alice", additional_claims=claims)


def test_a_token_that_is_too_long() -> None:
    """A token over JWT_MAX_TOKEN_LENGTH is refused at creation, and the option is named."""
    with running(MAX_TOKEN_LENGTH=500) as app:
        create_access_token("alice")
        with pytest.raises(ValueError, match="JWT_MAX_TOKEN_LENGTH is 500: put less into its"):
            create_access_token("alice", additional_claims={"long": "x" * 400})
        app.config["JWT_MAX_TOKEN_LENGTH"] = 1000
        decode_token(create_access_token("alice", additional_claims={"long": "x" * 400}))


def test_a_header_without_typ(app: Flask) -> None:
    """Who wants no typ says so with None."""
    assert part(create_access_token("a", additional_headers={"typ": None}), 0) == {"alg": "HS256"}


# ── reading ──────────────────────────────────────────────────────────────────────────────


def test_decode_token_needs_no_request(app: Flask) -> None:
    """A job or a script decodes tokens with an application context alone."""
    token = create_access_token("alice")
    assert decode_token(token) == part(token, 1)
    assert get_jti(token) == part(token, 1)["jti"]
    assert get_csrf_token(token) == part(token, 1)["csrf"]
    assert get_unverified_jwt_headers(token) == part(token, 0)


def test_what_decode_token_does_not_ask() -> None:
    """It takes any type of token, revoked or not, and asks no loader of users."""
    manager = JWTManager()
    manager.token_in_blocklist_loader(lambda header, payload: True)
    manager.token_verification_loader(lambda header, payload: False)
    manager.user_lookup_loader(lambda header, payload: None)
    with running(manager):
        for kind in ("access", "refresh", "reset"):
            claims = {"type": kind}
            assert decode_token(create_access_token("a", additional_claims=claims))["type"] == kind


def test_what_decode_token_gives_is_the_callers(app: Flask) -> None:
    """The claims are a dictionary of the caller's own."""
    token = create_access_token("alice")
    decode_token(token)["sub"] = "mallory"
    get_unverified_jwt_headers(token)["alg"] = "none"
    assert decode_token(token)["sub"] == "alice"
    assert get_unverified_jwt_headers(token)["alg"] == "HS256"


def test_defaults_of_a_foreign_token(app: Flask) -> None:
    """A token of another issuer has the defaults of what it leaves out."""
    token = signed({"sub": "alice"}, KEY)
    expected = {"sub": "alice", "type": "access", "fresh": False, "jti": None}
    assert decode_token(token) == expected
    assert get_jti(token) is None
    with pytest.raises(KeyError):
        get_csrf_token(token)


@pytest.mark.parametrize("token", [None, 5, [], {}, object(), 1.5], ids=same_everywhere)
@pytest.mark.parametrize("read", [decode_token, get_jti, get_csrf_token])
def test_what_is_no_text_is_refused(app: Flask, read: Callable[[Any], Any], token: Any) -> None:
    """What is no text is refused as a token, in PyJWT's words."""
    with pytest.raises(DecodeError, match=r"Invalid token type\. Token must be a <class 'bytes'>"):
        read(token)


@pytest.mark.parametrize("token", [None, 5, []], ids=repr)
def test_an_unverified_header_of_no_text(app: Flask, token: Any) -> None:
    """So it is by the function that verifies nothing."""
    with pytest.raises(DecodeError):
        get_unverified_jwt_headers(token)


def test_an_unverified_header_needs_no_manager() -> None:
    """Reading a header takes no manager, and no application."""
    token = signed({"sub": "alice"}, KEY)
    assert get_unverified_jwt_headers(token) == {"alg": "HS256"}
    with Flask("tests").app_context():
        assert get_unverified_jwt_headers(token) == {"alg": "HS256"}


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "é.é.é", "x" * 20000])
def test_a_malformed_token(app: Flask, token: str) -> None:
    """A malformed token is refused, and its error renders an answer."""
    for read in (decode_token, get_unverified_jwt_headers):
        with pytest.raises(SignetError) as caught:
            read(token)
        response = caught.value.response
        assert response is not None
        assert response.status_code == 422
        assert response.get_json() == {"msg": str(caught.value)}  # type: ignore[attr-defined]


def test_the_csrf_value_counts_before_the_expiry(app: Flask, clock: Clock) -> None:
    """A wrong CSRF value is told of an expired token too, and allow_expired does not forgive it."""
    token = create_access_token("alice")
    right = get_csrf_token(token)
    assert decode_token(token, csrf_value=right)
    clock.tick(3600)
    with pytest.raises(ExpiredSignatureError):
        decode_token(token, csrf_value=right)
    assert decode_token(token, csrf_value=right, allow_expired=True)
    for allow_expired in (False, True):
        with pytest.raises(CSRFError, match="CSRF double submit tokens do not match"):
            decode_token(token, csrf_value="wrong", allow_expired=allow_expired)


def test_a_csrf_value_without_the_claim() -> None:
    """Who asks for the CSRF value of a token without one is told so."""
    with running(COOKIE_CSRF_PROTECT=False):
        token = create_access_token("alice")
        with pytest.raises(JWTDecodeError, match="Missing claim: csrf"):
            decode_token(token, csrf_value="value")


@pytest.mark.parametrize(
    ("options", "kept", "broken", "error"),
    [
        ({"DECODE_AUDIENCE": "you"}, {"aud": ["me", "you"]}, {"aud": ["me"]}, InvalidAudienceError),
        ({"DECODE_AUDIENCE": ["you", "me"]}, {"aud": "me"}, {}, MissingRequiredClaimError),
        ({"DECODE_ISSUER": "us"}, {"iss": "us"}, {"iss": "them"}, InvalidIssuerError),
        ({"DECODE_ISSUER": ["us", "them"]}, {"iss": "them"}, {}, MissingRequiredClaimError),
        ({"DECODE_LEEWAY": 30}, {"exp": NOW - 29}, {"exp": NOW - 30}, ExpiredSignatureError),
        (
            {"DECODE_LEEWAY": timedelta(seconds=30)},
            {"nbf": NOW + 30},
            {"nbf": NOW + 31},
            ImmatureSignatureError,
        ),
        ({"REQUIRE_EXP": True}, {"exp": NOW + 1}, {}, MissingRequiredClaimError),
        ({"IDENTITY_CLAIM": "user"}, {"user": {"id": 1}}, {}, JWTDecodeError),
        ({"BOUNDED_IDS": True}, {"jti": "j"}, {"jti": "j" * 129}, InvalidJTIError),
    ],
)
def test_options_of_the_verifier(
    options: dict[str, Any],
    kept: dict[str, Any],
    broken: dict[str, Any],
    error: type[SignetError],
) -> None:
    """The options reach the rules: a token that keeps one is taken, one that breaks it is not."""
    with running(**options):
        assert decode_token(signed({"sub": "alice", **kept}, KEY))
        with pytest.raises(error):
            decode_token(signed({"sub": "alice", **broken}, KEY))


def test_another_applications_token(app: Flask) -> None:
    """A token of other keys is refused, whoever's it says it is."""
    with running(SECRET_KEY=keys.private("HS256", 1)):
        token = create_access_token("alice")
    with pytest.raises(InvalidSignatureError, match="Signature verification failed"):
        decode_token(token)


def test_no_manager() -> None:
    """Without a manager every function says that one is needed."""
    with Flask("tests").app_context():
        for function in (create_access_token, create_refresh_token, decode_token, get_jti):
            with pytest.raises(RuntimeError, match="You must initialize a JWTManager"):
                function("alice")


def test_a_wrong_option_is_no_refusal(app: Flask) -> None:
    """A misconfigured verifier is the operator's error, never an answer to a client."""
    token = create_access_token("alice")
    app.config["JWT_SECRET_KEY"] = None
    with pytest.raises(ConfigurationError):
        decode_token(token)
    assert not issubclass(ConfigurationError, SignetError)


def test_the_clock_is_the_modules(app: Flask, clock: Clock) -> None:
    """Every time in a token comes from the one clock, which a test may hold."""
    clock.now = 5_000_000_000.75
    assert part(flask_signet.create_access_token("alice"), 1)["iat"] == 5_000_000_000
