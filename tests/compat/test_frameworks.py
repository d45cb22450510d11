"""Flask-RESTX, Flask-RESTful, flask-smorest: frameworks that handle errors themselves."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from flask import Flask, jsonify

from tests.compat.harness import SELF_CHECK, Both, check_challenge, check_equal, submodule
from tests.compat.minting import access, bearer, expired, refresh

REFUSALS: dict[str, tuple[str, Any, int, str]] = {
    "missing": ("/me", dict, 401, "Missing Authorization Header"),
    "malformed": ("/me", lambda: bearer("x"), 422, "Not enough segments"),
    "expired": ("/me", lambda: bearer(expired()), 401, "Token has expired"),
    "wrong type": ("/me", lambda: bearer(refresh()), 422, "Only non-refresh tokens are allowed"),
    "not fresh": ("/fresh", lambda: bearer(access()), 401, "Fresh token required"),
    "revoked": ("/me", lambda: bearer(access(jti="revoked")), 401, "Token has been revoked"),
    "no user": ("/me", lambda: bearer(access(sub="nobody")), 401, "Error loading the user nobody"),
    "verification": (
        "/me",
        lambda: bearer(access(bad=True)),
        400,
        "User claims verification failed",
    ),
}


def callbacks(jwt: Any) -> None:
    jwt.token_in_blocklist_loader(lambda _header, data: data["jti"] == "revoked")
    jwt.user_lookup_loader(
        lambda _header, data: None if data["sub"] == "nobody" else {"name": data["sub"]}
    )
    jwt.token_verification_loader(lambda _header, data: "bad" not in data)


def views(lib: ModuleType, resource: Any) -> tuple[Any, Any]:
    """The two resources, written for a framework's base class."""

    class Me(resource):
        @lib.jwt_required()
        def get(self) -> Any:
            return {"me": lib.get_jwt_identity()}

        @lib.jwt_required(refresh=True)
        def patch(self) -> Any:
            return {"token": lib.create_access_token(identity=lib.get_jwt_identity())}, 201

    class Fresh(resource):
        @lib.jwt_required(fresh=True)
        def get(self) -> Any:
            return {"me": lib.get_jwt_identity()}

    return Me, Fresh


def restx(*, registered: bool) -> Any:
    def setup(lib: ModuleType, app: Flask, jwt: Any) -> None:
        from flask_restx import Api, Resource

        callbacks(jwt)
        api = Api(app)
        me, fresh = views(lib, Resource)
        api.add_resource(me, "/me")
        api.add_resource(fresh, "/fresh")
        if registered:
            jwt._set_error_handler_callbacks(api)

    return setup


def restful(*, registered: bool) -> Any:
    def setup(lib: ModuleType, app: Flask, jwt: Any) -> None:
        from flask_restful import Api, Resource

        callbacks(jwt)
        api = Api(app)
        me, fresh = views(lib, Resource)
        api.add_resource(me, "/me")
        api.add_resource(fresh, "/fresh")
        if registered:
            # Flask-RESTful's Api has no `errorhandler`; applications hand in the app again.
            jwt._set_error_handler_callbacks(app)

    return setup


def smorest(lib: ModuleType, app: Flask, jwt: Any) -> None:
    from flask.views import MethodView
    from flask_smorest import Api, Blueprint

    callbacks(jwt)
    app.config.update(API_TITLE="t", API_VERSION="1", OPENAPI_VERSION="3.0.2")
    api = Api(app)
    blueprint = Blueprint("things", __name__)
    me, fresh = views(lib, MethodView)
    blueprint.route("/me")(me)
    blueprint.route("/fresh")(fresh)
    api.register_blueprint(blueprint)


PROPAGATE = {"PROPAGATE_EXCEPTIONS": True}
IN_TESTS = {"TESTING": True, "PROPAGATE_EXCEPTIONS": None}
FRAMEWORKS: dict[str, tuple[dict[str, Any], Any]] = {
    "restx, propagating": (PROPAGATE, restx(registered=False)),
    "restx, in tests": (IN_TESTS, restx(registered=False)),
    "restful, propagating": (PROPAGATE, restful(registered=False)),
    "restful, handlers set again, propagating": (PROPAGATE, restful(registered=True)),
    "restful, in tests": (IN_TESTS, restful(registered=False)),
    "smorest": ({}, smorest),
    "smorest, propagating": (PROPAGATE, smorest),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_where_fje_works_ours_answers_the_same(framework: str, refusal: str) -> None:
    """Set up the way that works with FJE, each framework answers as with FJE."""
    config, setup = FRAMEWORKS[framework]
    path, headers, status, text = REFUSALS[refusal]
    # RESTX signals got_request_exception for each HTTP exception, an abort(404) as well as ours,
    # before it answers; that is no exception which nobody handled.
    theirs, ours = (
        replace(answer, error=None)
        for answer in Both(config, setup, views=False).ask_each(path, headers=headers())
    )
    check_equal(theirs, ours, framework)
    if not SELF_CHECK:
        check_challenge(ours, framework)
    assert (ours.status, ours.body["msg"]) == (status, text)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_good_token_passes(framework: str) -> None:
    """A request that FJE lets in is let in under each framework."""
    config, setup = FRAMEWORKS[framework]
    both = Both(config, setup, views=False)
    assert both.ask("/me", headers=bearer(access())).body == {"me": "alice"}
    assert both.ask("/me", method="PATCH", headers=bearer(refresh())).status == 201


@pytest.mark.skipif(SELF_CHECK, reason="shows what FJE does not do")
@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(
    "setup",
    [
        restx(registered=False),
        restx(registered=True),
        restful(registered=False),
        restful(registered=True),
        smorest,
    ],
    ids=["restx", "restx, handlers set", "restful", "restful, handlers set", "smorest"],
)
def test_ours_needs_nothing_registered(setup: Any, refusal: str) -> None:
    """Without FJE's tricks ours answers right, with the challenge; FJE does so or answers 500."""
    path, headers, status, text = REFUSALS[refusal]
    theirs, ours = Both({}, setup, views=False).ask_each(path, headers=headers())
    assert theirs.status in (status, 500)
    assert (ours.status, ours.body["msg"]) == (status, text)
    if status == 401:
        assert ours.challenge
        assert ours.challenge.startswith("Bearer")


def answers_of_its_own(jwt: Any) -> None:
    """Loaders that return what RESTX's error handlers may return: a dict and a status."""
    jwt.unauthorized_loader(lambda reason: ({"msg": reason, "code": "unauthorized"}, 401))
    jwt.invalid_token_loader(lambda reason: ({"msg": reason, "code": "invalid"}, 422))
    jwt.expired_token_loader(lambda _h, _d: ({"msg": "Token has expired"}, 401))
    jwt.needs_fresh_token_loader(lambda _h, _d: ({"msg": "Fresh token required"}, 401))
    jwt.revoked_token_loader(lambda _h, _d: ({"msg": "Token has been revoked"}, 401))
    jwt.user_lookup_error_loader(
        lambda _h, data: ({"msg": f"Error loading the user {data['sub']}"}, 401)
    )
    jwt.token_verification_failed_loader(
        lambda _h, _d: ({"msg": "User claims verification failed"}, 400)
    )


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("config", [{}, PROPAGATE, {"ERROR_INCLUDE_MESSAGE": False}], ids=str)
def test_handlers_set_on_the_restx_api(config: dict[str, Any], refusal: str) -> None:
    """`jwt._set_error_handler_callbacks(api)`, which many RESTX applications call.

    With FJE 4 it works if the loaders return dicts; RESTX adds its `message` to them.
    """

    def setup(lib: ModuleType, app: Flask, jwt: Any) -> None:
        restx(registered=True)(lib, app, jwt)
        answers_of_its_own(jwt)

    path, headers, status, text = REFUSALS[refusal]
    answer = Both(config, setup, views=False).ask(path, headers=headers())
    assert (answer.status, answer.body["msg"]) == (status, text)
    assert ("message" in answer.body) is ("ERROR_INCLUDE_MESSAGE" not in config)


def test_custom_loaders_with_a_response_under_restful() -> None:
    """A loader that makes its own Response is answered as with FJE."""

    def setup(lib: ModuleType, app: Flask, jwt: Any) -> None:
        restful(registered=False)(lib, app, jwt)
        jwt.unauthorized_loader(lambda reason: (jsonify(why=reason), 418))

    assert Both(PROPAGATE, setup, views=False).ask("/me").body == {
        "why": "Missing Authorization Header"
    }


def test_a_handler_of_the_applications_on_the_restx_api() -> None:
    """`@api.errorhandler(NoAuthorizationError)` with RESTX's kind of return value."""

    def setup(lib: ModuleType, app: Flask, jwt: Any) -> None:
        from flask_restx import Api, Resource

        callbacks(jwt)
        api = Api(app)
        me, fresh = views(lib, Resource)
        api.add_resource(me, "/me")
        api.add_resource(fresh, "/fresh")

        @api.errorhandler(submodule(lib, "exceptions").NoAuthorizationError)
        def handle(error: Exception) -> Any:
            return {"handled": str(error)}, 499

    answer = Both({}, setup, views=False).ask("/me")
    assert answer.status == 499
    assert answer.body["handled"] == "Missing Authorization Header"
