"""What differs on purpose (MIGRATION.md): FJE does X, ours does Y, side by side."""

import copy
import gc
import json
import pickle
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any
from uuid import UUID

import jwt
import pytest
from flask import Flask, jsonify, render_template_string

from tests.compat.harness import (
    REFERENCE,
    SELF_CHECK,
    SUBJECT,
    Both,
    Raised,
    Setup,
    build,
    submodule,
)
from tests.compat.minting import (
    CSRF,
    HS256,
    OTHER_SECRET,
    SECRET,
    access,
    bearer,
    claims,
    forge,
    key_options,
    mint,
)

pytestmark = pytest.mark.skipif(SELF_CHECK, reason="FJE does not differ from itself")


# ── async callbacks ──────────────────────────────────────────────────────────────────────────


def with_async(name: str, result: Any) -> Setup:
    def setup(_lib: ModuleType, _app: Flask, manager: Any) -> None:
        async def callback(*_arguments: Any) -> Any:
            return result() if callable(result) else result

        getattr(manager, name)(callback)

    return setup


# A coroutine that FJE drops warns when it is collected: the fault that is shown here.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize(
    ("loader", "result", "theirs_status", "ours_status"),
    [
        ("token_verification_loader", False, 200, 400),
        ("token_verification_loader", True, 200, 200),
        ("token_in_blocklist_loader", False, 401, 200),
        ("token_in_blocklist_loader", True, 401, 401),
        ("user_lookup_loader", None, 500, 401),
    ],
)
def test_an_async_verdict(loader: str, result: Any, theirs_status: int, ours_status: int) -> None:
    """FJE treats the coroutine as the verdict, which is always true; ours awaits it."""
    both = Both(setup=with_async(loader, result))
    theirs, ours = both.ask_each("/required", headers=bearer(access()))
    del both
    gc.collect()
    assert (theirs.status, ours.status) == (theirs_status, ours_status)


@pytest.mark.parametrize(
    ("loader", "result", "headers", "expected"),
    [
        ("unauthorized_loader", {"a": 1}, dict, (200, {"a": 1})),
        ("invalid_token_loader", ({"a": 1}, 418), lambda: bearer("x"), (418, {"a": 1})),
        ("expired_token_loader", ({"a": 2}, 419), lambda: bearer(access(exp=1)), (419, {"a": 2})),
        ("decode_key_loader", SECRET, lambda: bearer(access()), None),
        ("user_lookup_loader", lambda: {"name": "x"}, lambda: bearer(access()), None),
    ],
)
def test_ours_awaits_every_callback_of_a_request(
    loader: str, result: Any, headers: Callable[[], dict[str, str]], expected: Any
) -> None:
    """Ours awaits the coroutine also where FJE fails with it."""
    ours = Both(setup=lambda *_a: None, our_setup=with_async(loader, result)).ours
    answer = ours.ask("/required", headers=headers())
    if expected is None:
        assert answer.status == 200
    else:
        assert (answer.status, answer.body) == expected


@pytest.mark.parametrize(
    ("loader", "result", "found"),
    [
        ("additional_claims_loader", lambda: {"role": "admin"}, ("claims", "role", "admin")),
        ("additional_headers_loader", lambda: {"kid": "k"}, ("header", "kid", "k")),
        ("user_identity_loader", "bob", ("claims", "sub", "bob")),
        ("encode_key_loader", SECRET, ("claims", "sub", "alice")),
    ],
)
def test_ours_awaits_every_callback_of_issuing(
    loader: str, result: Any, found: tuple[str, str, str]
) -> None:
    """Issuing a token awaits async callbacks."""
    ours = Both(setup=lambda *_a: None, our_setup=with_async(loader, result)).ours
    token = ours.run(lambda lib: lib.create_access_token("alice"))["<token>"]
    part, name, value = found
    assert token[part][name] == value


# ── lifetimes ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["access", "refresh"])
@pytest.mark.parametrize("value", [0, timedelta(0)])
def test_a_lifetime_of_zero_in_the_configuration(kind: str, value: Any) -> None:
    """FJE gives an immortal token; ours names the option and gives none."""
    option = f"JWT_{kind.upper()}_TOKEN_EXPIRES"
    both = Both()
    both.configure(**{option: value})
    theirs, ours = both.run_each(lambda lib: getattr(lib, f"create_{kind}_token")("alice"))
    assert "exp" not in theirs["<token>"]["claims"]
    assert isinstance(ours, Raised)
    assert option in ours.text


@pytest.mark.parametrize("kind", ["access", "refresh"])
@pytest.mark.parametrize("value", [-1, timedelta(seconds=-1)])
def test_a_negative_lifetime_in_the_configuration(kind: str, value: Any) -> None:
    """FJE issues tokens that are dead on arrival; ours names the option."""
    option = f"JWT_{kind.upper()}_TOKEN_EXPIRES"
    both = Both()
    both.configure(**{option: value})
    theirs, ours = both.run_each(lambda lib: getattr(lib, f"create_{kind}_token")("alice"))
    assert theirs["<token>"]["claims"]["exp"] == "<int: iat + -1>"
    assert isinstance(ours, Raised)
    assert option in ours.text


def test_a_wrong_lifetime_is_found_at_start_up() -> None:
    """Where the option is wrong before init_app, ours says so there and then; FJE never does."""
    config = {"JWT_ACCESS_TOKEN_EXPIRES": 0}
    build(REFERENCE, config)
    with pytest.raises(RuntimeError, match="JWT_ACCESS_TOKEN_EXPIRES"):
        build(SUBJECT, config)


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_lifetime_of_zero_as_an_argument(kind: str) -> None:
    """FJE gives an immortal token; ours an error that names the argument."""
    both = Both()
    theirs, ours = both.run_each(
        lambda lib: getattr(lib, f"create_{kind}_token")("alice", expires_delta=timedelta(0))
    )
    assert "exp" not in theirs["<token>"]["claims"]
    assert isinstance(ours, Raised)
    assert "expires_delta" in ours.text


@pytest.mark.parametrize("milliseconds", [1, 400, 999])
def test_a_lifetime_under_a_second(milliseconds: int) -> None:
    """In ours `exp` is after `iat`, however short the life; in FJE they are mostly equal."""
    ours = Both().ours
    with ours.app.test_request_context():
        for _ in range(20):
            token = SUBJECT.create_access_token(
                "alice", expires_delta=timedelta(milliseconds=milliseconds)
            )
            seen = jwt.decode(token, SECRET, ["HS256"], options={"verify_exp": False})
            assert seen["exp"] > seen["iat"]


def test_only_false_means_for_ever() -> None:
    """False as option or argument is the one way to a token without `exp`, in both."""
    both = Both({"JWT_ACCESS_TOKEN_EXPIRES": False})
    assert "exp" not in both.run(lambda lib: lib.create_access_token("a"))["<token>"]["claims"]
    token = both.run(lambda lib: lib.create_refresh_token("a", expires_delta=False))
    assert "exp" not in token["<token>"]["claims"]


# ── identity and g ───────────────────────────────────────────────────────────────────────────


def reading(lib: ModuleType, app: Flask, _manager: Any) -> None:
    @app.get("/unguarded")
    def unguarded() -> Any:
        try:
            return jsonify(identity=lib.get_jwt_identity(), claims=lib.get_jwt())
        except RuntimeError:
            return jsonify(identity="<not verified>")


def test_an_identity_does_not_leak_into_the_next_request() -> None:
    """With an application context kept open, FJE's second request is still alice's."""
    seen = {}
    for side in Both(setup=reading).sides:
        with side.app.app_context():
            assert side.ask("/required", headers=bearer(access())).status == 200
            seen[side.lib] = side.ask("/unguarded").body["identity"]
    assert seen == {REFERENCE: "alice", SUBJECT: "<not verified>"}


def test_nor_does_an_anonymous_request_inherit_one() -> None:
    """A refused request after an accepted one leaves nothing to read in ours."""
    seen = {}
    for side in Both(setup=reading).sides:
        with side.app.app_context():
            side.ask("/required", headers=bearer(access()))
            assert side.ask("/required", headers=bearer("x")).status == 422
            seen[side.lib] = side.ask("/unguarded").body["identity"]
    assert seen == {REFERENCE: "alice", SUBJECT: "<not verified>"}


# ── no 500 from credentials ──────────────────────────────────────────────────────────────────

FIVE_HUNDREDS: dict[str, tuple[dict[str, Any], Callable[[], dict[str, Any]], int]] = {
    "a CSRF header that is not ASCII": (
        {"JWT_TOKEN_LOCATION": ["cookies"]},
        lambda: {
            "method": "POST",
            "cookies": {"access_token_cookie": access()},
            "environ_overrides": {"HTTP_X_CSRF_TOKEN": "\u00e9"},
        },
        401,
    ),
    "a csrf claim that is no text": (
        {"JWT_TOKEN_LOCATION": ["cookies"]},
        lambda: {
            "method": "POST",
            "cookies": {"access_token_cookie": access(csrf=1)},
            "headers": {"X-CSRF-TOKEN": CSRF},
        },
        401,
    ),
    "a JSON body that is a list": (
        {"JWT_TOKEN_LOCATION": ["json"]},
        lambda: {"method": "POST", "json": ["access_token"]},
        401,
    ),
    "a JSON token that is a number": (
        {"JWT_TOKEN_LOCATION": ["json"]},
        lambda: {
            "method": "POST",
            "data": '{"access_token": 1}',
            "content_type": "application/json",
        },
        422,
    ),
    "a fresh claim that is text": (
        {},
        lambda: {"path": "/fresh", "headers": bearer(access(fresh="yes"))},
        422,
    ),
    "an Authorization list with an empty field": (
        {},
        lambda: {"headers": {"Authorization": "Basic x, \t, Bearer y"}},
        422,
    ),
    "an HMAC token where the key is RSA": (
        {**key_options("RS256"), "JWT_DECODE_ALGORITHMS": ["HS256"]},
        lambda: {"headers": bearer(mint(claims()))},
        422,
    ),
}


@pytest.mark.parametrize("case", FIVE_HUNDREDS)
def test_credentials_that_are_a_500_with_fje(case: str) -> None:
    """FJE fails with an exception of Python's; ours refuses the request."""
    config, request, status = FIVE_HUNDREDS[case]
    theirs, ours = Both(config).ask_each(**{"path": "/required", **request()})
    assert theirs.error is not None or theirs.status == ours.status == status
    assert (ours.status, ours.error) == (status, None)
    assert isinstance(ours.body["msg"], str)


def test_an_options_view_may_read_the_identity() -> None:
    """OPTIONS is not verified: FJE raises at get_jwt_identity(), ours says that there is none."""

    def setup(lib: ModuleType, app: Flask, _manager: Any) -> None:
        @app.route("/both", methods=["GET", "OPTIONS"])
        @lib.jwt_required()
        def view() -> Any:
            return jsonify(identity=lib.get_jwt_identity(), claims=lib.get_jwt())

    theirs, ours = Both(setup=setup).ask_each("/both", method="OPTIONS")
    assert theirs.status == 500
    assert (ours.status, ours.body) == (200, {"identity": None, "claims": {}})


def test_a_template_on_an_unguarded_page() -> None:
    """With add_context_processor FJE fails on each page without a guard; ours has no user there."""

    def setup(_lib: ModuleType, app: Flask, manager: Any) -> None:
        manager.user_lookup_loader(lambda _header, data: data["sub"])
        app.add_url_rule(
            "/page",
            "page",
            lambda: render_template_string("{{ current_user or 'nobody' }}"),
        )

    theirs, ours = Both(setup=setup, add_context_processor=True).ask_each("/page")
    assert theirs.status == 500
    assert (ours.status, ours.body) == (200, "nobody")


# ── the application's own exceptions and objects ─────────────────────────────────────────────

OWN = [jwt.DecodeError, jwt.InvalidTokenError, jwt.InvalidAudienceError, jwt.ExpiredSignatureError]


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_the_applications_pyjwt_errors_are_its_own(kind: type[Exception]) -> None:
    """An application reads other tokens with PyJWT: FJE answers for its errors, ours does not."""

    def setup(_lib: ModuleType, app: Flask, _manager: Any) -> None:
        @app.get("/other")
        def other() -> Any:
            raise kind("about another service's token")

    theirs, ours = Both(setup=setup).ask_each("/other")
    if kind is jwt.ExpiredSignatureError:
        assert theirs.error is not None
        assert theirs.error.classes[0] == "AttributeError"  # FJE's handler reads .jwt_header
    else:
        assert (theirs.status, theirs.msg) == (422, "about another service's token")
    assert ours.status == 500
    assert ours.error is not None
    assert ours.error.classes[0] == kind.__name__
    assert ours.error.text == "about another service's token"


def test_the_applications_lists_are_not_edited() -> None:
    """Reading JWT_DECODE_ALGORITHMS, FJE appends to the user's list; ours leaves it alone."""
    seen = {}
    for lib in (REFERENCE, SUBJECT):
        app = Flask("lists")
        mine = ["HS512"]
        app.config.update(JWT_SECRET_KEY=SECRET, JWT_DECODE_ALGORITHMS=mine)
        lib.JWTManager(app)
        with app.test_request_context():
            lib.decode_token(access())
            algorithms = submodule(lib, "config").config.decode_algorithms
        assert sorted(algorithms) == ["HS256", "HS512"]
        seen[lib] = mine
    assert seen == {REFERENCE: ["HS512", "HS256"], SUBJECT: ["HS512"]}


def test_a_loaders_dict_is_not_edited() -> None:
    """A loader that returns a shared dict: FJE adds one call's claims to everybody's tokens."""
    seen = {}
    for lib in (REFERENCE, SUBJECT):
        shared = {"role": "user"}
        app = build(
            lib,
            setup=lambda _l, _a, m, shared=shared: m.additional_claims_loader(
                lambda _identity: shared
            ),
        )
        with app.test_request_context():
            lib.create_access_token("alice", additional_claims={"admin": True})
            token = lib.create_access_token("mallory")
        seen[lib] = "admin" in jwt.decode(token, SECRET, ["HS256"])
    assert seen == {REFERENCE: True, SUBJECT: False}


def test_a_second_manager_is_an_error() -> None:
    """FJE lets the second manager take the place of the first, callbacks and all."""
    for lib, refuses in ((REFERENCE, False), (SUBJECT, True)):
        app = build(lib)
        if refuses:
            with pytest.raises(RuntimeError):
                lib.JWTManager(app)
        else:
            assert lib.JWTManager(app) is app.extensions["flask-jwt-extended"]


def test_a_second_manager_with_a_name_is_none() -> None:
    """A named manager stands beside the unnamed one, with keys of its own."""
    app = build(SUBJECT, {"PARTNER_JWT_SECRET_KEY": OTHER_SECRET})
    partner = SUBJECT.JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")
    app.add_url_rule("/partner", "partner", partner.jwt_required()(lambda: "in"))
    client = app.test_client()
    theirs = mint(claims(), OTHER_SECRET)
    assert client.get("/partner", headers=bearer(theirs)).status_code == 200
    assert client.get("/partner", headers=bearer(access())).status_code == 422
    assert client.get("/required", headers=bearer(access())).status_code == 200


HEADER, DATA = {"alg": "HS256"}, {"sub": "alice"}
CARRYING: dict[str, tuple[Any, ...]] = {
    "RevokedTokenError": (HEADER, DATA),
    "FreshTokenRequired": ("why", HEADER, DATA),
    "UserLookupError": ("why", HEADER, DATA),
    "UserClaimsVerificationError": ("why", HEADER, DATA),
    "NoAuthorizationError": ("why",),
    "JWTDecodeError": ("why",),
}


@pytest.mark.parametrize("name", CARRYING)
@pytest.mark.parametrize("way", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301 # our own bytes
def test_exceptions_survive_pickling_and_copying(way: Any, name: str) -> None:
    """FJE's that carry a token can't be unpickled (in a task queue, say); ours come back whole."""
    arguments = CARRYING[name]
    theirs = getattr(submodule(REFERENCE, "exceptions"), name)(*arguments)
    ours = getattr(submodule(SUBJECT, "exceptions"), name)(*arguments)
    if len(arguments) > 1:
        with pytest.raises(TypeError):
            way(theirs)
    again = way(ours)
    assert type(again) is type(ours)
    assert (str(again), again.args) == (str(ours), ours.args)
    if len(arguments) > 1:
        assert (again.jwt_header, again.jwt_data) == (HEADER, DATA)


@pytest.mark.parametrize("function", ["set_access_cookies", "set_refresh_cookies"])
@pytest.mark.parametrize("session", [True, False])
def test_a_max_age_of_zero(function: str, session: bool) -> None:
    """FJE takes 0 for "not given": a session or one-year cookie. Ours lets the cookie expire."""

    def setup(lib: ModuleType, app: Flask, _manager: Any) -> None:
        @app.get("/cookies")
        def cookies() -> Any:
            answer = jsonify()
            getattr(lib, function)(answer, access(), max_age=0)
            return answer

    theirs, ours = Both({"JWT_SESSION_COOKIE": session}, setup).ask_each("/cookies")
    assert not any("Max-Age=0;" in f"{line};" for line in theirs.cookies)
    assert len(ours.cookies) == 2
    assert all("Max-Age=0;" in f"{line};" for line in ours.cookies)


# ── int identities ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("identity", [1, 0, -7, 2**53])
def test_an_int_identity_works(identity: int) -> None:
    """FJE refuses the token it has just issued; in ours the int comes back, on the wire too."""
    seen = {}
    for side in Both().sides:
        with side.app.test_request_context():
            token = side.lib.create_access_token(identity=identity)
        wire = jwt.decode(token, SECRET, ["HS256"], options={"verify_sub": False})
        assert wire["sub"] == identity
        answer = side.ask("/required", headers=bearer(token))
        seen[side.lib] = (answer.status, answer.msg or answer.body["identity"])
    assert seen == {REFERENCE: (422, "Subject must be a string"), SUBJECT: (200, identity)}


@pytest.mark.parametrize("subject", [True, 1.5, None, ["a"], {"a": 1}])
def test_no_other_type_of_subject_is_let_in(subject: Any) -> None:
    """The deviation is about int alone: a bool or a float is refused by both."""
    answer = Both().ask("/required", headers=bearer(forge(HS256, claims(sub=subject))))
    assert (answer.status, answer.msg) == (422, "Subject must be a string")


@pytest.mark.parametrize("identity", [{"id": 1}, [1], 1.5, True])
def test_an_identity_that_no_token_can_hold(identity: Any) -> None:
    """FJE issues a token it will refuse; ours says at creation what to do."""
    theirs, ours = Both().run_each(lambda lib: lib.create_access_token(identity))
    assert "<token>" in theirs
    assert isinstance(ours, Raised)
    assert "user_identity_loader" in ours.text


@pytest.mark.parametrize(
    ("kind", "identity", "wire"),
    [(int, 7, "7"), (UUID, UUID(int=7), str(UUID(int=7)))],
    ids=["int", "uuid"],
)
def test_an_identity_type(kind: Any, identity: Any, wire: str) -> None:
    """JWT_IDENTITY_TYPE: text on the wire, as RFC 7519 wants, and the type in the view."""

    def setup(lib: ModuleType, app: Flask, _manager: Any) -> None:
        @app.get("/type")
        @lib.jwt_required()
        def view() -> Any:
            return jsonify(same=lib.get_jwt_identity() == identity, sub=lib.get_jwt()["sub"])

    ours = Both(setup=lambda *_a: None, our_setup=setup).ours
    ours.app.config["JWT_IDENTITY_TYPE"] = kind
    with ours.app.test_request_context():
        token = SUBJECT.create_access_token(identity)
    assert jwt.decode(token, SECRET, ["HS256"])["sub"] == wire
    assert ours.ask("/type", headers=bearer(token)).body == {"same": True, "sub": wire}


# ── the guard without parentheses ────────────────────────────────────────────────────────────


def test_the_guard_without_parentheses() -> None:
    """FJE never calls the view; ours guards it."""

    def setup(lib: ModuleType, app: Flask, _manager: Any) -> None:
        @app.get("/bare")
        @lib.jwt_required
        def bare() -> Any:
            return jsonify(identity=lib.get_jwt_identity())

    both = Both(setup=setup)
    theirs, ours = both.ask_each("/bare", headers=bearer(access()))
    assert theirs.status == 500
    assert (ours.status, ours.body) == (200, {"identity": "alice"})
    assert both.ours.ask("/bare").status == 401


# ── challenges ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "error"),
    [(dict, None), (lambda: bearer(access(exp=1)), "invalid_token")],
    ids=["no token", "an expired token"],
)
def test_a_401_carries_a_challenge(headers: Any, error: str | None) -> None:
    """RFC 6750, section 3.1: without credentials the scheme alone, else the error by name."""
    theirs, ours = Both().ask_each("/required", headers=headers())
    assert theirs.challenge is None
    assert ours.challenge is not None
    assert ours.challenge.startswith("Bearer")
    assert ("error=" in ours.challenge) is (error is not None)
    if error:
        assert f'error="{error}"' in ours.challenge


def test_the_body_is_fjes_nevertheless() -> None:
    """By default nothing is added to the body; JWT_ERROR_FORMAT asks for the code."""
    ours = Both().ours
    plain = ours.ask("/required").body
    ours.app.config["JWT_ERROR_FORMAT"] = "coded"
    coded = ours.ask("/required").body
    assert plain == {"msg": "Missing Authorization Header"}
    assert coded["msg"] == plain["msg"]
    assert isinstance(coded["error"], str)
    json.dumps(coded)


# ── tokens that FJE takes ─────────────────────────────────────────────────────────────────────


def test_a_token_that_is_bound_to_a_key() -> None:
    """FJE lets in who has it, without the key (RFC 9449, 7.2); ours asks to say so."""
    headers = bearer(access(cnf={"jkt": "0ZcOCORZNYy"}))
    both = Both()
    theirs, ours = both.ask_each("/required", headers=headers)
    assert (theirs.status, ours.status) == (200, 422)
    assert (ours.msg or "").startswith("The token is bound to a key")
    both.ours.app.config["JWT_ALLOW_BOUND_TOKENS"] = True
    assert both.ours.ask("/required", headers=headers).status == 200


@pytest.mark.parametrize(("name", "says"), [("typ", "Type"), ("cty", "Content type")])
def test_a_media_type_that_is_no_text(name: str, says: str) -> None:
    """FJE takes any JSON for typ and cty; ours a text (RFC 7515, 4.1.9 and 4.1.10)."""
    token = forge({"alg": "HS256", name: 5}, claims())
    theirs, ours = Both().ask_each("/required", headers=bearer(token))
    assert theirs.status == 200
    assert (ours.status, ours.msg) == (422, f"{says} header parameter must be a string")


# ── what has no effect there ─────────────────────────────────────────────────────────────────


def test_csrf_methods_in_lower_case() -> None:
    """FJE compares them as they are written, so that ["post"] protects nothing; ours protects."""
    config = {"JWT_TOKEN_LOCATION": ["cookies"], "JWT_CSRF_METHODS": ["post"]}
    theirs, ours = Both(config).ask_each(
        "/required", method="POST", cookies={"access_token_cookie": access()}
    )
    assert theirs.status == 200
    assert (ours.status, ours.msg) == (401, "Missing CSRF token")


def test_a_header_with_another_algorithm() -> None:
    """FJE signs with the key's, writes the other and refuses the token; ours makes none."""

    def made(lib: ModuleType) -> Any:
        return lib.create_access_token("alice", additional_headers={"alg": "HS512"})

    both = Both()
    theirs, ours = both.run_each(made)
    assert theirs["<token>"]["header"]["alg"] == "HS512"
    assert isinstance(ours, Raised)
    assert "HS256" in ours.text
    assert both.theirs.ask("/required", headers=bearer(both.token(made))).status == 422
