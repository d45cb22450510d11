"""The guards: which token opens which door, and what the application's own functions decide."""

import inspect
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps
from types import FrameType
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, g, jsonify
from flask.views import MethodView, View

import flask_signet
from flask_signet import JWTManager, Key, jwt_required, verify_jwt_in_request
from flask_signet.exceptions import (
    JWTExtendedException,
    NoAuthorizationError,
    RevokedTokenError,
    SignetError,
)
from flask_signet.jose import jws
from tests.applications import (
    NOW,
    OTHER_SECRET,
    PROFILES,
    answer,
    application,
    bearer,
    expired,
    manager,
    mint,
    set_clock,
)
from tests.conftest import Clock

MISSING = "Missing Authorization Header"
NOT_ACCESS = "Only non-refresh tokens are allowed"
NOT_REFRESH = "Only refresh tokens are allowed"
NOT_FRESH = "Fresh token required"


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    set_clock(monkeypatch, clock)


def ask(app: Flask, path: str, token: str | None = None) -> tuple[int, str]:
    headers = bearer(token) if token is not None else None
    return answer(app.test_client().get(path, headers=headers))


# ── types of token ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("guard", "kind", "expected"),
    [
        ("required", "access", (200, "alice")),
        ("required", "refresh", (422, NOT_ACCESS)),
        ("optional", "refresh", (422, NOT_ACCESS)),
        ("fresh", "refresh", (422, NOT_ACCESS)),
        ("refresh", "refresh", (200, "alice")),
        ("refresh", "access", (422, NOT_REFRESH)),
        ("any-type", "access", (200, "alice")),
        ("any-type", "refresh", (200, "alice")),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_type(profile: str, guard: str, kind: str, expected: tuple[int, str]) -> None:
    """An access token opens no refresh door, and a refresh token no other (D7)."""
    status, text = expected
    if profile == "strict" and status == 422:
        status = 401
    assert ask(application(profile), f"/{guard}", mint(kind)) == (status, text)


@pytest.mark.parametrize(
    "kind",
    ["Access", "ACCESS", "access ", "Refresh", "id", "reset", "mfa", "", None, 1, True, [], {}],
)
def test_unknown_type_is_access_by_default(kind: Any) -> None:
    """As in Flask-JWT-Extended, whatever does not say `refresh` is an access token."""
    app = application()
    token = mint(type=kind)
    assert ask(app, "/required", token) == (200, "alice")
    assert ask(app, "/refresh", token) == (422, NOT_REFRESH)


@pytest.mark.parametrize(
    "kind",
    ["Access", "ACCESS", "access ", "Refresh", "id", "reset", "mfa", "", None, 1, True, [], {}],
)
def test_strict_takes_the_exact_type_only(kind: Any) -> None:
    """In strict the type is one word, compared by equality; every other kind stays out (D7)."""
    app = application("strict")
    assert ask(app, "/required", mint(type=kind)) == (401, NOT_ACCESS)
    assert ask(app, "/refresh", mint("refresh", type=kind)) == (401, NOT_REFRESH)


@pytest.mark.parametrize("kind", ["Access", "id", "reset", "", None, 1, True, [], {}])
def test_any_type_is_one_of_ours_where_the_type_is_required(kind: Any) -> None:
    """A guard that takes either type takes no third one, with nothing but the option set (D7)."""
    app = application(JWT_REQUIRE_TYPE=True)
    assert ask(app, "/any-type", mint(type=kind)) == (422, NEITHER)
    for known in ("access", "refresh"):
        assert ask(app, "/any-type", mint(known)) == (200, "alice")
    assert ask(application(), "/any-type", mint(type=kind)) == (200, "alice")


NEITHER = "Only access and refresh tokens are allowed"
NO_TYPE = 'Token is missing the "type" claim'


@pytest.mark.parametrize(
    ("profile", "access", "refresh"),
    [
        ("compatible", (200, "alice"), (422, NOT_REFRESH)),
        ("strict", (401, NO_TYPE), (401, NO_TYPE)),
    ],
)
def test_type_missing(profile: str, access: tuple[int, str], refresh: tuple[int, str]) -> None:
    """A token without a type is an access token by default; strict requires the claim (D7)."""
    app = application(profile)
    assert ask(app, "/required", mint(type=...)) == access
    assert ask(app, "/refresh", mint("refresh", type=...)) == refresh
    if profile == "strict":
        assert ask(app, "/any-type", mint(type=...)) == access


@pytest.mark.parametrize("typ", ["JWT", "rt+jwt", "", "at+JWTx", "jwt"])
def test_strict_asks_for_the_typ_of_the_type(typ: Any) -> None:
    """In strict the header says the kind too: a token of another kind is refused by it (B8)."""
    app = application("strict")
    assert ask(app, "/required", mint(header={"typ": typ}))[0] == 401
    assert ask(application(), "/required", mint(header={"typ": typ})) == (200, "alice")


@pytest.mark.parametrize("typ", [None, 1, ["at+jwt"]])
def test_a_typ_that_is_no_text(typ: Any) -> None:
    """No guard of any profile takes it (RFC 7515 section 4.1.9)."""
    text = "Type header parameter must be a string"
    assert ask(application("strict"), "/required", mint(header={"typ": typ})) == (401, text)
    assert ask(application(), "/required", mint(header={"typ": typ})) == (422, text)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"])
def test_typ_is_a_media_type(typ: str) -> None:
    """RFC 7515 section 4.1.9: without regard to case, `application/` left out or not."""
    assert ask(application("strict"), "/required", mint(header={"typ": typ})) == (200, "alice")


@pytest.mark.parametrize("kind", ["id", "reset", "", None, 1, [], {}])
@pytest.mark.parametrize("typ", ["at+jwt", "rt+jwt", "JWT", None])
def test_explicit_typ_without_strict(typ: str | None, kind: Any) -> None:
    """JWT_EXPLICIT_TYP alone refuses every type that has no typ of its own (B8, D7)."""
    app = application(JWT_EXPLICIT_TYP=True)
    for token in (mint(type=kind, header={"typ": typ}), mint(type=kind)):
        assert app.test_client().get("/required", headers=bearer(token)).status_code == 422


# ── optional ─────────────────────────────────────────────────────────────────────────────

BAD = {
    "rubbish": "rubbish",
    "forged": mint(secret=OTHER_SECRET),
    "expired": expired(),
    "not yet valid": mint(nbf=NOW + 60),
    "refresh": mint("refresh"),
    "no identity": mint(sub=...),
    "unsigned": mint().rpartition(".")[0] + ".",
}


@pytest.mark.parametrize("profile", PROFILES)
def test_optional_without_a_token(profile: str) -> None:
    """Without a token an optional guard lets an anonymous caller in."""
    assert ask(application(profile), "/optional") == (200, None)


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
@pytest.mark.parametrize("profile", PROFILES)
def test_optional_with_a_bad_token(profile: str, token: str) -> None:
    """A bad token is refused, never taken for none: its sender believes to be logged in (E10)."""
    status, text = ask(application(profile), "/optional", token)
    assert (status, text) == ask(application(profile), "/required", token)
    assert status in (401, 422)


@pytest.mark.parametrize("loader", ["token_in_blocklist_loader", "token_verification_loader"])
def test_optional_with_a_token_that_the_application_refuses(loader: str) -> None:
    """So it is where one of the application's functions refuses the token (E10)."""
    app = application()
    refuses = loader == "token_in_blocklist_loader"
    getattr(manager(app), loader)(lambda _header, _data: refuses)
    assert ask(app, "/optional", mint()) == ask(app, "/required", mint())
    assert ask(app, "/optional", mint())[0] in (400, 401)


@pytest.mark.parametrize(
    "loader",
    [
        "token_in_blocklist_loader",
        "token_verification_loader",
        "user_lookup_loader",
        "decode_key_loader",
    ],
)
def test_refusal_by_a_loader_is_no_missing_token(loader: str) -> None:
    """A loader that raises NoAuthorizationError refuses, on an optional view too (E10)."""
    app = application()

    def refuse(*_arguments: Any) -> None:
        raise NoAuthorizationError("this account is closed")

    getattr(manager(app), loader)(refuse)
    assert ask(app, "/required", mint()) == (401, "this account is closed")
    assert ask(app, "/optional", mint()) == (401, "this account is closed")


# ── fresh ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fresh", "taken"),
    [
        (True, True),
        (False, False),
        (..., False),
        (NOW, True),  # until then, and no longer
        (NOW + 1, True),
        (NOW + 0.5, True),
        (NOW - 0.5, False),
        (NOW - 1, False),
        (0, False),
        (0.0, False),
        (1, False),  # a second in 1970, not True
        (-1, False),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_fresh_claim(profile: str, fresh: Any, taken: bool) -> None:
    """A fresh token says so, or until when; a number is a time and never True (D8)."""
    expected = (200, "alice") if taken else (401, NOT_FRESH)
    assert ask(application(profile), "/fresh", mint(fresh=fresh)) == expected


@pytest.mark.parametrize("fresh", [True, False, 3.5])
def test_other_guards_do_not_ask_for_freshness(fresh: Any) -> None:
    """An old token is as good as a fresh one where nobody asks."""
    assert ask(application(), "/required", mint(fresh=fresh)) == (200, "alice")


@pytest.mark.parametrize("fresh", ["true", "", "1900000000", None, [], [True], {"a": 1}])
@pytest.mark.parametrize("guard", ["required", "fresh"])
@pytest.mark.parametrize(("profile", "status"), [("compatible", 422), ("strict", 401)])
def test_fresh_of_another_type(profile: str, status: int, guard: str, fresh: Any) -> None:
    """Any other `fresh` is an invalid token: not true, not false, not an error (D8)."""
    response = ask(application(profile), f"/{guard}", mint(fresh=fresh))
    assert response == (status, "Invalid claim: fresh")


@pytest.mark.parametrize("fresh", [NOW + 901, 1e300, 253402300800])
def test_fresh_beyond_the_expiry(fresh: float) -> None:
    """In strict a token can't be fresh for longer than it lives (D8)."""
    assert ask(application("strict"), "/fresh", mint(fresh=fresh))[0] == 401


@pytest.mark.parametrize(
    ("given", "fresh_for"),
    [
        (True, None),
        (False, 0),
        (timedelta(minutes=5), 300),
        (timedelta(seconds=-1), 0),
        (NOW + 60.0, 60),
    ],
)
def test_token_made_fresh(given: Any, fresh_for: float | None, clock: Clock) -> None:
    """`fresh` of a new token is for good, for a time, or until a time."""
    app = application()
    with app.app_context():
        token = flask_signet.create_access_token("alice", fresh=given)
    if fresh_for != 0:
        assert ask(app, "/fresh", token) == (200, "alice")
    if fresh_for is None:
        return
    clock.tick(fresh_for + 0.001)
    assert ask(app, "/fresh", token) == (401, NOT_FRESH)


def test_refresh_token_is_never_fresh() -> None:
    """What a refresh token makes, its owner got without logging in."""
    app = application()
    with app.app_context():
        pair = flask_signet.create_token_pair("alice")
        assert flask_signet.decode_token(pair.access_token)["fresh"] is True
        assert flask_signet.decode_token(pair.refresh_token)["fresh"] is False


# ── revocation ───────────────────────────────────────────────────────────────────────────


async def _async(value: Any) -> Any:
    return value


def _make_async(value: Any) -> Callable[..., Any]:
    async def callback(_header: Any, _data: Any) -> Any:
        return value

    return callback


async def _make_async_of(value: Any, _header: Any, _data: Any) -> Any:
    return value


class _Callable:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, _header: Any, _data: Any) -> Any:
        return self.value


class _AsyncCallable(_Callable):
    async def __call__(self, _header: Any, _data: Any) -> Any:
        return self.value


WAYS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "function": lambda value: lambda _header, _data: value,
    "partial": lambda value: partial(lambda wanted, _header, _data: wanted, value),
    "async": _make_async,
    "partial of async": lambda value: partial(_make_async_of, value),
    "lambda around async": lambda value: lambda _header, _data: _async(value),
    "callable object": _Callable,
    "async callable object": _AsyncCallable,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [True, False, 1, 0, "yes", "", None, [1], []])
def test_blocklist(way: str, value: Any) -> None:
    """A token is revoked if the application says so, however its function is written."""
    app = application()
    manager(app).token_in_blocklist_loader(WAYS[way](value))
    expected = (401, "Token has been revoked") if value else (200, "alice")
    assert ask(app, "/required", mint()) == expected
    assert ask(app, "/unrevoked", mint()) == (200, "alice")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [True, False, 1, 0, "yes", "", None, [1], []])
def test_verification(way: str, value: Any) -> None:
    """Whatever isn't true refuses, and a coroutine is awaited before it is judged."""
    app = application()
    manager(app).token_verification_loader(WAYS[way](value))
    expected = (200, "alice") if value else (400, "User claims verification failed")
    assert ask(app, "/required", mint()) == expected


def test_callbacks_see_header_and_payload() -> None:
    """The application's functions get what was verified, in the order of the checks."""
    app = application()
    seen: list[tuple[str, str, str]] = []

    def note(name: str, result: Any) -> Callable[..., Any]:
        def callback(header: dict[str, Any], data: dict[str, Any]) -> Any:
            seen.append((name, header["typ"], data["sub"]))
            return result

        return callback

    jwt = manager(app)
    jwt.user_lookup_loader(note("user", "somebody"))
    jwt.token_verification_loader(note("verification", True))
    jwt.token_in_blocklist_loader(note("blocklist", False))
    ask(app, "/required", mint())
    assert seen == [
        ("blocklist", "at+jwt", "alice"),
        ("verification", "at+jwt", "alice"),
        ("user", "at+jwt", "alice"),
    ]


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
def test_callbacks_are_not_asked_about_a_bad_token(token: str) -> None:
    """What was not verified reaches no function of the application but the key loader."""
    app = application()

    def never(*_arguments: Any) -> Any:
        raise AssertionError("asked about a token that is not good")

    jwt = manager(app)
    jwt.user_lookup_loader(never)
    jwt.token_verification_loader(never)
    jwt.token_in_blocklist_loader(never)
    assert ask(app, "/required", token)[0] in (401, 422)
    assert ask(app, "/optional") == (200, None)


# ── users ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("user", [{"name": "alice"}, 0, "", [], {}, False])
def test_falsy_user_is_a_user(way: str, user: Any) -> None:
    """Only None means that there is nobody: a user 0 or an empty list is one."""
    app = application()
    manager(app).user_lookup_loader(WAYS[way](user))

    @app.get("/who")
    @jwt_required()
    def who() -> Response:
        return jsonify(flask_signet.get_current_user())

    response = app.test_client().get("/who", headers=bearer(mint()))
    assert (response.status_code, response.get_json()) == (200, user)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("profile", "text"),
    [("compatible", "Error loading the user alice"), ("strict", "Error loading the user")],
)
def test_no_user(profile: str, text: str, way: str) -> None:
    """A token whose user is gone is refused, on optional views too; strict repeats no claim."""
    app = application(profile)
    manager(app).user_lookup_loader(WAYS[way](None))
    assert ask(app, "/required", mint()) == (401, text)
    assert ask(app, "/optional", mint()) == (401, text)
    assert ask(app, "/optional") == (200, None)


# ── what the application raises is the application's ─────────────────────────────────────


class OutageError(Exception):
    """The application's own error."""


@pytest.mark.parametrize("error", [OutageError("no database"), KeyError("k"), RuntimeError("r")])
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    "loader",
    [
        "token_in_blocklist_loader",
        "token_verification_loader",
        "user_lookup_loader",
        "decode_key_loader",
    ],
)
def test_exception_of_a_callback(loader: str, is_async: bool, error: Exception) -> None:
    """An exception of the application's function arrives untouched, and never opens the door."""
    app = application(TESTING=True)

    def fail(_header: Any, _data: Any) -> None:
        raise error

    async def fail_later(_header: Any, _data: Any) -> None:
        raise error

    getattr(manager(app), loader)(fail_later if is_async else fail)
    with pytest.raises(type(error)) as caught:
        ask(app, "/optional", mint())
    assert caught.value is error


@pytest.mark.parametrize("is_async", [False, True])
def test_refusal_raised_by_a_callback(is_async: bool) -> None:
    """A loader may raise one of our errors itself; it is answered like ours."""
    app = application()

    def refuse(header: dict[str, Any], data: dict[str, Any]) -> None:
        raise RevokedTokenError(header, data)

    async def refuse_later(header: dict[str, Any], data: dict[str, Any]) -> None:
        refuse(header, data)

    manager(app).token_verification_loader(refuse_later if is_async else refuse)
    assert ask(app, "/required", mint()) == (401, "Token has been revoked")


# ── the decorator ────────────────────────────────────────────────────────────────────────


def test_without_parentheses() -> None:
    """`@jwt_required` guards as `@jwt_required()` does."""
    app = application()

    @app.get("/bare/<name>")
    @jwt_required
    def bare(name: str) -> Response:
        return jsonify(identity=f"{flask_signet.get_jwt_identity()} {name}")

    assert ask(app, "/bare/x") == (401, MISSING)
    assert ask(app, "/bare/x", mint()) == (200, "alice x")


@pytest.mark.parametrize("optional", ["cookies", "", ["headers"], None, 1, 0])
def test_optional_is_true_or_false(optional: Any) -> None:
    """`jwt_required("cookies")` is a mistake that is told: it would let everybody in."""
    partner = JWTManager(name="partner", config_prefix="PARTNER_JWT_")
    for guard in (jwt_required, partner.jwt_required):
        with pytest.raises(TypeError, match="optional takes True or False"):
            guard(optional)
        with pytest.raises(TypeError, match="optional takes True or False"):
            guard(optional=optional)


def test_named_manager_without_parentheses() -> None:
    """So does a named manager's."""
    app = application(PARTNER_JWT_SECRET_KEY=OTHER_SECRET)
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")

    @app.get("/bare/<name>")
    @partner.jwt_required
    def bare(name: str) -> Response:
        return jsonify(identity=f"{partner.get_jwt_identity()} {name}")

    assert ask(app, "/bare/x") == (401, MISSING)
    assert ask(app, "/bare/x", mint()) == (422, "Signature verification failed")
    assert ask(app, "/bare/x", mint(secret=OTHER_SECRET)) == (200, "alice x")


@pytest.mark.parametrize("decorate", [jwt_required, jwt_required(), jwt_required(optional=True)])
def test_view_keeps_its_name(decorate: Callable[..., Any]) -> None:
    """A guarded view is still called what it was, with its docstring and its signature."""

    def view(first: int, *, second: str = "b") -> str:
        """What it does."""
        return f"{first}{second}"

    view.marked = True  # type: ignore[attr-defined]
    guarded = decorate(view)
    assert (guarded.__name__, guarded.__doc__, guarded.__module__) == (
        "view",
        "What it does.",
        __name__,
    )
    assert guarded.__wrapped__ is view
    assert guarded.marked
    assert inspect.signature(guarded) == inspect.signature(view)


def test_view_gets_its_arguments() -> None:
    """What the route says, the view gets; what the view returns, the client gets."""
    app = application()

    @app.get("/<int:number>/<name>")
    @jwt_required()
    def view(number: int, name: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        return {"identity": f"{number * 2}{name}"}, 201, {"X-More": "yes"}

    response = app.test_client().get("/21/x", headers=bearer(mint()))
    assert (response.status_code, response.get_json()) == (201, {"identity": "42x"})
    assert response.headers["X-More"] == "yes"


def test_refused_request_does_not_run_the_view() -> None:
    """Nothing of a guarded view runs for a refused request."""
    app = application()
    runs: list[str] = []
    app.add_url_rule("/run", view_func=jwt_required()(lambda: runs.append("ran") or "ok"))
    for token in BAD.values():
        ask(app, "/run", token)
    assert runs == []
    app.test_client().get("/run", headers=bearer(mint()))
    assert runs == ["ran"]


def test_other_decorators_go_around_and_within() -> None:
    """A decorator of the application's may stand on either side of the guard."""
    app = application()

    def admin_only(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            verify_jwt_in_request()
            if flask_signet.get_jwt().get("role") != "admin":
                return jsonify(msg="admins only"), 403
            return app.ensure_sync(view)(*args, **kwargs)

        return checked

    app.add_url_rule("/in", "in", jwt_required()(admin_only(lambda: jsonify(identity="in"))))
    app.add_url_rule("/around", "around", admin_only(jwt_required()(lambda: jsonify(identity="a"))))
    for path in ("/in", "/around"):
        assert ask(app, path, mint()) == (403, "admins only")
        assert ask(app, path, mint(role="admin"))[0] == 200
        assert ask(app, path)[0] == 401


def test_async_view_and_async_functions() -> None:
    """An async view, guarded from outside or by a call within, with every function async too."""
    app = application()
    jwt = manager(app)
    jwt.token_in_blocklist_loader(_make_async(False))
    jwt.token_verification_loader(_make_async(True))
    jwt.user_lookup_loader(_make_async("a user"))
    jwt.decode_key_loader(_make_async("never used"))

    @jwt.decode_key_loader
    async def key(_header: Any, _data: Any) -> str:
        return str(app.config["JWT_SECRET_KEY"])

    @app.get("/outside")
    @jwt_required()
    async def outside() -> Response:
        return jsonify(identity=flask_signet.get_current_user())

    @app.get("/within")
    async def within() -> Response:
        verify_jwt_in_request()
        return jsonify(identity=flask_signet.get_current_user())

    for path in ("/outside", "/within"):
        assert ask(app, path, mint()) == (200, "a user")
        assert ask(app, path, mint(secret=OTHER_SECRET)) == (422, "Signature verification failed")
        assert ask(app, path) == (401, MISSING)


def test_async_refusals_from_within_an_async_view() -> None:
    """A coroutine of a callback is awaited even where a loop is running already."""
    app = application()
    manager(app).token_verification_loader(WAYS["lambda around async"](False))

    @app.get("/within")
    async def within() -> Response:
        verify_jwt_in_request()
        return jsonify(identity="in")

    assert ask(app, "/within", mint()) == (400, "User claims verification failed")


@pytest.mark.parametrize("style", ["decorators", "method", "view_func", "dispatch"])
def test_class_based_views(style: str) -> None:
    """A class's view is guarded by `decorators`, by method, or when it is made a function."""
    app = application()

    def get() -> Response:
        return jsonify(identity=flask_signet.get_jwt_identity())

    class ByDecorators(MethodView):
        decorators = (jwt_required(),)

        def get(self) -> Response:
            return get()

    class ByMethod(MethodView):
        @jwt_required()
        def get(self) -> Response:
            return get()

        def post(self) -> Response:
            return jsonify(open=True)

    class Plain(View):
        def dispatch_request(self) -> Response:
            return get()

    class Dispatching(View):
        @jwt_required()
        def dispatch_request(self) -> Response:
            return get()

    view = {
        "decorators": ByDecorators.as_view("v"),
        "method": ByMethod.as_view("v"),
        "view_func": jwt_required()(Plain.as_view("v")),
        "dispatch": Dispatching.as_view("v"),
    }[style]
    app.add_url_rule("/class", view_func=view)
    assert ask(app, "/class") == (401, MISSING)
    assert ask(app, "/class", mint()) == (200, "alice")
    if style == "method":
        assert app.test_client().post("/class").status_code == 200


@pytest.mark.parametrize("where", ["before_request", "blueprint"])
def test_guard_before_every_request(where: str) -> None:
    """`verify_jwt_in_request` in a `before_request` guards every view behind it."""
    app = Flask("guarded")
    app.config.update(JWT_SECRET_KEY=OTHER_SECRET)
    JWTManager(app)
    blueprint = Blueprint("b", "b")
    blueprint.add_url_rule(
        "/who", view_func=lambda: jsonify(identity=flask_signet.get_jwt_identity())
    )
    owner = app if where == "before_request" else blueprint

    @owner.before_request
    def guard() -> None:
        verify_jwt_in_request()

    app.register_blueprint(blueprint)
    assert ask(app, "/who") == (401, MISSING)
    assert ask(app, "/who", mint(secret=OTHER_SECRET)) == (200, "alice")


# ── blueprints with handlers of their own ────────────────────────────────────────────────


def nested(handle: type[Exception] | int | None, level: str) -> Flask:
    """An application with a view in a blueprint in a blueprint, one of which has a handler."""
    app = application()
    outer, inner = Blueprint("outer", "o", url_prefix="/o"), Blueprint("inner", "i")
    inner.add_url_rule("/i", view_func=jwt_required()(lambda: jsonify(identity="in")))
    if handle is not None:
        owner = {"outer": outer, "inner": inner, "app": app}[level]
        owner.register_error_handler(handle, lambda error: (jsonify(msg=f"own: {error}"), 418))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    return app


@pytest.mark.parametrize("level", ["outer", "inner"])
@pytest.mark.parametrize(
    "handle", [NoAuthorizationError, JWTExtendedException, SignetError, Exception]
)
def test_handler_of_a_blueprint(handle: type[Exception], level: str) -> None:
    """A blueprint's own handler for an error, or a parent of it, answers before ours."""
    assert ask(nested(handle, level), "/o/i") == (418, f"own: {MISSING}")
    assert ask(nested(handle, level), "/o/i", mint()) == (200, "in")


@pytest.mark.parametrize("level", ["outer", "inner"])
@pytest.mark.parametrize("handle", [None, RevokedTokenError, KeyError, 404])
def test_handler_of_a_blueprint_for_something_else(handle: Any, level: str) -> None:
    """A handler for another error changes nothing."""
    assert ask(nested(handle, level), "/o/i") == (401, MISSING)


@pytest.mark.parametrize("handle", [Exception, KeyError, 401, 500])
def test_general_handler_of_the_application(handle: Any) -> None:
    """A handler for everything, which nearly every application has, leaves our answers to us."""
    assert ask(nested(handle, "app"), "/o/i") == (401, MISSING)


def test_handler_of_the_application_for_one_of_our_errors() -> None:
    """The application's handler for exactly an error replaces ours."""
    assert ask(nested(NoAuthorizationError, "app"), "/o/i") == (418, f"own: {MISSING}")
    assert ask(nested(NoAuthorizationError, "app"), "/o/i", "rubbish")[0] == 422


# ── verify_jwt_in_request ────────────────────────────────────────────────────────────────


def test_what_verify_returns() -> None:
    """It returns header and payload, or None where no token was needed."""
    app = application()
    with app.test_request_context(headers=bearer(mint())):
        header, payload = verify_jwt_in_request()
        assert (header["alg"], payload["sub"]) == ("HS256", "alice")
    with app.test_request_context():
        assert verify_jwt_in_request(optional=True) is None
        assert "user" not in g
    with app.test_request_context(method="OPTIONS"):
        assert verify_jwt_in_request() is None


def test_caught_refusal_is_the_applications() -> None:
    """An application may catch a refusal and go on without a token."""
    app = application()

    @app.get("/either")
    def either() -> Response:
        try:
            verify_jwt_in_request()
        except SignetError as error:
            return jsonify(identity=f"nobody: {error.error_code}")
        return jsonify(identity=flask_signet.get_jwt_identity())

    assert ask(app, "/either") == (200, "nobody: token_missing")
    assert ask(app, "/either", "rubbish") == (200, "nobody: malformed_token")
    assert ask(app, "/either", mint()) == (200, "alice")


def test_decorator_calls_verify_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Applications' tests patch `view_decorators.verify_jwt_in_request`, and views follow it."""
    app = application()
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        flask_signet.view_decorators,
        "verify_jwt_in_request",
        lambda *arguments: calls.append(arguments),
    )
    app.add_url_rule("/patched", view_func=jwt_required(fresh=True)(lambda: jsonify(identity="in")))
    assert ask(app, "/patched") == (200, "in")
    assert len(calls) == 1


def test_no_manager() -> None:
    """Without a manager a guarded view says what is missing; it does not open."""
    app = Flask("bare")
    app.testing = True
    app.add_url_rule("/x", view_func=jwt_required()(lambda: "in"))
    with pytest.raises(RuntimeError, match="You must initialize a JWTManager"):
        app.test_client().get("/x", headers=bearer(mint()))


# ── what a request costs ─────────────────────────────────────────────────────────────────


def count_calls(action: Callable[[], Any], functions: tuple[Any, ...]) -> list[int]:
    """How often each of some functions is called meanwhile, under whatever name."""
    counts = {function.__code__: 0 for function in functions}

    def count(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call" and frame.f_code in counts:
            counts[frame.f_code] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return list(counts.values())


SENT: dict[str, Callable[[str], dict[str, Any]]] = {
    "headers": lambda token: {"headers": bearer(token)},
    "cookies": lambda token: {
        "headers": {"Cookie": f"access_token_cookie={token}", "X-CSRF-TOKEN": "c"}
    },
    "query_string": lambda token: {"query_string": {"jwt": token}},
    "json": lambda token: {"json": {"access_token": token}},
}


@pytest.mark.parametrize("location", SENT)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_token_is_taken_apart_and_verified_once(profile: str, location: str) -> None:
    """Through guard, callbacks and getters: one parse, one signature, one reading of its claims."""
    app = application(
        profile, JWT_TOKEN_LOCATION=list(SENT), JWT_ACCESS_COOKIE_NAME="access_token_cookie"
    )
    jwt = manager(app)
    jwt.user_lookup_loader(lambda _header, data: data["sub"])
    jwt.token_in_blocklist_loader(lambda _header, data: data["jti"] == "revoked")
    jwt.token_verification_loader(lambda _header, data: data["type"] == "access")

    @app.post("/all")
    @jwt_required()
    def view() -> list[Any]:
        return [
            flask_signet.get_jwt()["sub"],
            flask_signet.get_jwt_identity(),
            flask_signet.get_jwt_header()["alg"],
            flask_signet.get_current_user(),
            str(flask_signet.current_user),
        ]

    client, sent = app.test_client(use_cookies=False), SENT[location](mint(csrf="c"))
    answers: list[Any] = []
    counts = count_calls(
        lambda: answers.append(client.post("/all", **sent)),
        (jws.parse, Key.verify, jws.parse_payload),
    )
    assert (answers[0].status_code, answers[0].json[0]) == (200, "alice")
    assert counts == [1, 1, 1]


def test_a_refused_token_is_not_verified_twice_either() -> None:
    """A bad signature ends it: no second look, and its claims are not read."""
    app = application("compatible")
    token = mint(secret=OTHER_SECRET)
    functions = (jws.parse, Key.verify, jws.parse_payload)
    assert count_calls(lambda: ask(app, "/required", token), functions) == [1, 1, 0]
