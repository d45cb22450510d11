"""Flask alone and three extensions that handle errors themselves, with nothing registered.

Flask-RESTful, Flask-RESTX and flask-smorest each put their own handling around a view. Our errors
are HTTP exceptions with their answer inside, so each of them sends it.
"""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, jsonify, make_response, redirect
from flask.views import MethodView
from werkzeug.test import TestResponse

import flask_signet
from flask_signet import JWTManager, jwt_required, verify_jwt_in_request
from flask_signet.exceptions import NoAuthorizationError
from tests.applications import (
    OTHER_SECRET,
    PROFILES,
    SECRET,
    bearer,
    expired,
    mint,
    set_clock,
)
from tests.conftest import Clock

# Flask-RESTful 0.3.10 is of 2023; it parses versions the old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:flask_rest.*")


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    set_clock(monkeypatch, clock)


# ── the frameworks: each puts a class with `get` methods under some paths ────────────────

Views = dict[str, Callable[..., Any]]


def _class(base: type, view: Callable[..., Any]) -> Any:
    return type("View", (base,), {"get": staticmethod(view)})


def plain(app: Flask, views: Views) -> None:
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, view)


def method_view(app: Flask, views: Views) -> None:
    for name, view in views.items():
        app.add_url_rule(f"/{name}", view_func=_class(MethodView, view).as_view(name))


def nested_blueprint(app: Flask, views: Views) -> None:
    outer, inner = Blueprint("outer", "outer"), Blueprint("inner", "inner")
    for name, view in views.items():
        inner.add_url_rule(f"/{name}", name, view)
    outer.register_blueprint(inner)
    app.register_blueprint(outer)


def restful(app: Flask, views: Views) -> None:
    from flask_restful import Api, Resource

    api = Api(app)
    for name, view in views.items():
        api.add_resource(_class(Resource, view), f"/{name}", endpoint=name)


def restx(app: Flask, views: Views) -> None:
    from flask_restx import Api, Resource

    api = Api(app)
    for name, view in views.items():
        api.add_resource(_class(Resource, view), f"/{name}", endpoint=name)


def restx_namespace(app: Flask, views: Views) -> None:
    from flask_restx import Api, Namespace, Resource

    blueprint = Blueprint("api", "api")
    api, namespace = Api(blueprint), Namespace("things", path="/")
    for name, view in views.items():
        namespace.add_resource(_class(Resource, view), f"/{name}", endpoint=name)
    api.add_namespace(namespace)
    app.register_blueprint(blueprint)


def smorest(app: Flask, views: Views) -> None:
    from flask_smorest import Api
    from flask_smorest import Blueprint as SmorestBlueprint

    app.config.update(API_TITLE="t", API_VERSION="1", OPENAPI_VERSION="3.0.2")
    api, blueprint = Api(app), SmorestBlueprint("things", "things")
    for name, view in views.items():
        blueprint.route(f"/{name}")(_class(MethodView, view))
    api.register_blueprint(blueprint)


FRAMEWORKS: dict[str, Callable[[Flask, Views], None]] = {
    "Flask": plain,
    "Flask, class-based": method_view,
    "Flask, nested blueprint": nested_blueprint,
    "Flask-RESTful": restful,
    "Flask-RESTX": restx,
    "Flask-RESTX, namespace": restx_namespace,
    "flask-smorest": smorest,
}
MODES: dict[str, dict[str, Any]] = {
    "production": {},
    "testing": {"TESTING": True},
    "debug": {"DEBUG": True},
    "propagating": {"PROPAGATE_EXCEPTIONS": True},
    "not propagating": {"PROPAGATE_EXCEPTIONS": False, "TESTING": True},
}


def whoami() -> Any:
    return {"identity": flask_signet.get_jwt_identity()}


async def async_whoami() -> Any:
    return whoami()


def raising() -> Any:
    raise NoAuthorizationError("log in first")


async def async_truth(*_token: Any) -> bool:
    return True


def build(
    framework: str, mode: str = "production", profile: str = "compatible", **options: Any
) -> tuple[Flask, JWTManager]:
    app = Flask("framework")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_PROFILE=profile, **MODES[mode], **options)
    jwt = JWTManager(app)
    jwt.token_in_blocklist_loader(lambda _header, data: "revoked" in data)
    jwt.token_verification_loader(lambda _header, data: "refused" not in data)
    jwt.user_lookup_loader(lambda _header, data: None if "gone" in data else data["sub"])
    FRAMEWORKS[framework](
        app,
        {
            "required": jwt_required()(whoami),
            "optional": jwt_required(optional=True)(whoami),
            "fresh": jwt_required(fresh=True)(whoami),
            "raising": raising,
        },
    )
    return app, jwt


# path, token, status in the drop-in and in strict, text, challenge, loader
INVALID = 'Bearer error="invalid_token"'
KINDS: dict[str, tuple[str, str | None, tuple[int, int], str, str, str]] = {
    "missing": (
        *("/required", None, (401, 401), "Missing Authorization Header"),
        *("Bearer", "unauthorized"),
    ),
    "malformed": (
        *("/required", "x", (422, 401), "Not enough segments"),
        *(INVALID, "invalid_token"),
    ),
    "forged": (
        *("/required", mint(secret=OTHER_SECRET), (422, 401), "Signature verification failed"),
        *(INVALID, "invalid_token"),
    ),
    "forged, optional": (
        *("/optional", mint(secret=OTHER_SECRET), (422, 401), "Signature verification failed"),
        *(INVALID, "invalid_token"),
    ),
    "expired": (
        *("/required", expired(), (401, 401), "Token has expired"),
        *(INVALID, "expired_token"),
    ),
    "wrong type": (
        *("/required", mint("refresh"), (422, 401), "Only non-refresh tokens are allowed"),
        *(INVALID, "invalid_token"),
    ),
    "not fresh": (
        *("/fresh", mint(), (401, 401), "Fresh token required"),
        *('Bearer error="insufficient_user_authentication"', "needs_fresh_token"),
    ),
    "revoked": (
        *("/required", mint(revoked=1), (401, 401), "Token has been revoked"),
        *(INVALID, "revoked_token"),
    ),
    "refused": (
        *("/required", mint(refused=1), (400, 401), "User claims verification failed"),
        *(INVALID, "token_verification_failed"),
    ),
    "user gone": (
        *("/required", mint(gone=1), (401, 401), "Error loading the user"),
        *(INVALID, "user_lookup_error"),
    ),
    "raised by the view": (
        *("/raising", None, (401, 401), "log in first"),
        *("Bearer", "unauthorized"),
    ),
}


def send(app: Flask, name: str) -> TestResponse:
    path, token = KINDS[name][:2]
    return app.test_client().get(path, headers=bearer(token) if token else None)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("profile", PROFILES)
def test_each_refusal(framework: str, mode: str, profile: str) -> None:
    """With nothing registered each refusal has its status, its JSON and its challenge."""
    app, _jwt = build(framework, mode, profile)
    for name, (_path, _token, statuses, text, challenge, _loader) in KINDS.items():
        response = send(app, name)
        status = statuses[profile == "strict"]
        assert response.status_code == status, name
        assert response.content_type == "application/json", name
        body = response.get_json()
        assert set(body) == ({"msg", "error"} if profile == "strict" else {"msg"}), name
        assert body["msg"].startswith(text), name
        wanted = [challenge] if status == 401 else []
        assert response.headers.getlist("WWW-Authenticate") == wanted, name


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_good_token(framework: str, mode: str) -> None:
    """And a good token opens the door, as an anonymous caller does the optional one."""
    app, _jwt = build(framework, mode)
    client = app.test_client()
    assert client.get("/required", headers=bearer(mint())).get_json() == {"identity": "alice"}
    assert client.get("/fresh", headers=bearer(mint(fresh=True))).status_code == 200
    assert client.get("/optional").get_json() == {"identity": None}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_loaders_answer(framework: str, mode: str) -> None:
    """A loader's JSON is what the client gets: body, status, headers, and the challenge."""
    app, jwt = build(framework, mode)
    for loader in {row[-1] for row in KINDS.values()}:

        def answer(*_arguments: Any, _loader: str = loader) -> Any:
            return jsonify(own=_loader), 401, {"X-Own": "yes"}

        getattr(jwt, f"{loader}_loader")(answer)
    for name, row in KINDS.items():
        response = send(app, name)
        assert (response.status_code, response.get_json()) == (401, {"own": row[-1]}), name
        assert response.headers.getlist("WWW-Authenticate") == [row[-2]], name
        assert response.headers["X-Own"] == "yes", name


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda *_: redirect("/login"), 302),
        (lambda *_: "<h1>Log in</h1>", 200),
        (lambda *_: (make_response("<h1>No</h1>"), 403), 403),
    ],
)
def test_loader_answers_with_a_page(
    framework: str, mode: str, make: Callable[..., Any], status: int
) -> None:
    """A loader that redirects, or shows a page, does so under every framework."""
    app, jwt = build(framework, mode)
    jwt.unauthorized_loader(make)
    for name in ("missing", "raised by the view"):
        response = send(app, name)
        assert response.status_code == status
        if status == 302:
            assert response.location == "/login"
        else:
            assert response.text.startswith("<h1>")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_formats(framework: str) -> None:
    """Every format of the body arrives under every framework."""
    for error_format, members in {
        "msg": {"msg"},
        "coded": {"msg", "error"},
        "problem": {"type", "title", "status", "detail", "error"},
    }.items():
        app, _jwt = build(framework, JWT_ERROR_FORMAT=error_format)
        assert set(send(app, "expired").get_json()) == members


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_problem_is_labelled(framework: str) -> None:
    """Problem details have their own media type (RFC 9457 section 3)."""
    app, _jwt = build(framework, JWT_ERROR_FORMAT="problem")
    assert send(app, "expired").content_type == "application/problem+json"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_exception_of_the_view_is_the_frameworks(framework: str) -> None:
    """What has nothing to do with tokens is handled as without this package."""
    app = Flask("other")
    app.config.update(JWT_SECRET_KEY=SECRET)
    JWTManager(app)

    def fail() -> None:
        raise KeyError("the view's own")

    FRAMEWORKS[framework](app, {"fail": jwt_required()(fail)})
    assert app.test_client().get("/fail", headers=bearer(mint())).status_code == 500
    assert app.test_client().get("/nowhere").status_code == 404


# ── async ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_async_view(framework: str) -> None:
    """A guarded async view works where the framework itself knows nothing of async."""
    app = Flask("async")
    app.config.update(JWT_SECRET_KEY=SECRET)
    JWTManager(app)
    FRAMEWORKS[framework](app, {"view": jwt_required()(async_whoami)})
    client = app.test_client()
    assert client.get("/view", headers=bearer(mint())).get_json() == {"identity": "alice"}
    assert client.get("/view").status_code == 401
    assert client.get("/view", headers=bearer("x")).status_code == 422


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_async_loaders(framework: str) -> None:
    """So do async loaders, those that decide and those that answer."""
    app, jwt = build(framework)

    @jwt.token_verification_loader
    async def verify(_header: Any, data: dict[str, Any]) -> bool:
        return data["sub"] == "alice"

    @jwt.token_verification_failed_loader
    async def failed(_header: Any, data: dict[str, Any]) -> Any:
        return jsonify(not_you=data["sub"]), 403

    client = app.test_client()
    assert client.get("/required", headers=bearer(mint())).status_code == 200
    response = client.get("/required", headers=bearer(mint(sub="bob")))
    assert (response.status_code, response.get_json()) == (403, {"not_you": "bob"})


def test_async_view_that_asks_itself() -> None:
    """`verify_jwt_in_request` within an async view may await async loaders."""
    app, jwt = build("Flask")
    jwt.token_verification_loader(async_truth)

    @app.get("/within")
    async def within() -> Response:
        verify_jwt_in_request()
        return jsonify(whoami())

    client = app.test_client()
    assert client.get("/within", headers=bearer(mint())).get_json() == {"identity": "alice"}
    assert client.get("/within").status_code == 401


# ── several managers ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_named_managers(framework: str) -> None:
    """Each manager's tokens open its own views and no other's, and its own loaders answer."""
    app = Flask("several")
    secrets = {"": SECRET, "A_": OTHER_SECRET, "B_": OTHER_SECRET[::-1]}
    managers = {}
    for prefix, secret in secrets.items():
        app.config[f"{prefix}JWT_SECRET_KEY"] = secret
        options = {"name": prefix, "config_prefix": f"{prefix}JWT_"} if prefix else {}
        managers[prefix] = manager = JWTManager(app, **options)
        manager.unauthorized_loader(lambda _reason, _prefix=prefix: ({"asked": _prefix}, 401))
    views = {f"view{prefix}": managers[prefix].jwt_required()(lambda: "in") for prefix in secrets}
    FRAMEWORKS[framework](app, views)
    client = app.test_client()
    for door in secrets:
        missing = client.get(f"/view{door}")
        assert (missing.status_code, missing.get_json()) == (401, {"asked": door})
        assert missing.headers["WWW-Authenticate"] == "Bearer"
        for token, secret in secrets.items():
            response = client.get(f"/view{door}", headers=bearer(mint(secret=secret)))
            assert response.status_code == (200 if door == token else 422)


# ── handlers that the framework lets an application register ─────────────────────────────


def test_handler_of_restx() -> None:
    """An application's own handler in a RESTX API answers instead of ours."""
    from flask_restx import Api, Resource

    app = Flask("restx")
    app.config.update(JWT_SECRET_KEY=SECRET)
    JWTManager(app)
    api = Api(app)
    api.add_resource(_class(Resource, jwt_required()(whoami)), "/view")

    @api.errorhandler(NoAuthorizationError)
    def own(error: NoAuthorizationError) -> Any:
        return {"own": str(error)}, 418

    response = app.test_client().get("/view")
    assert (response.status_code, response.get_json()["own"]) == (
        418,
        "Missing Authorization Header",
    )
    assert app.test_client().get("/view", headers=bearer("x")).status_code == 422


def test_set_error_handler_callbacks_on_an_api() -> None:
    """The old recipe of RESTX applications, `_set_error_handler_callbacks(api)`, still does."""
    from flask_restx import Api, Resource

    app = Flask("restx")
    app.config.update(JWT_SECRET_KEY=SECRET)
    jwt = JWTManager(app)
    api = Api(app)
    api.add_resource(_class(Resource, jwt_required()(whoami)), "/view")
    jwt._set_error_handler_callbacks(api)
    response = app.test_client().get("/view")
    assert (response.status_code, response.get_json()["msg"]) == (
        401,
        "Missing Authorization Header",
    )
    assert response.headers["WWW-Authenticate"] == "Bearer"
