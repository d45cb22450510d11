"""A manager's methods, and the functions of the package made of them, where code takes hold."""

import inspect
import pickle
from typing import Any
from unittest import mock

import pytest
from flask import Flask, Response, jsonify

import flask_signet
from flask_signet import (
    JWTManager,
    create_access_token,
    create_token_pair,
    get_jwt_identity,
    jwt_required,
    set_access_cookies,
    verify_jwt_in_request,
)
from flask_signet.exceptions import NoAuthorizationError, SessionEndedError, UserLookupError
from tests.applications import SECRET, application, bare_application, bearer
from tests.jose import keys

OTHER = keys.private("HS256", 1).hex()


def partner(manager: JWTManager) -> Flask:
    """An application with the unnamed manager, and this one beside it."""
    app = application()
    app.config["PARTNER_JWT_SECRET_KEY"] = OTHER
    manager.init_app(app)
    return app


# ── subclasses and stand-ins ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["guard", "signet", "answering", "admit"])
def test_a_method_of_a_subclass_does_not_get_in_the_guards_way(name: str) -> None:
    """A subclass may name its methods as it likes: the guard refuses as before."""
    manager_class = type("Own", (JWTManager,), {name: lambda self, view=None: view})
    app = bare_application()
    manager = manager_class(app)
    app.add_url_rule("/own", view_func=manager.jwt_required()(lambda: "in"))
    client = app.test_client()
    assert client.get("/own").status_code == 401
    with app.app_context():
        token = manager.create_access_token("alice")
    assert client.get("/own", headers=bearer(token)).status_code == 200


def test_an_overridden_verification_is_the_guard() -> None:
    """What a subclass checks beside the token, its decorator checks too."""

    class Strict(JWTManager):
        def verify_jwt_in_request(self, *arguments: Any, **named: Any) -> Any:
            asked.append(arguments)
            return super().verify_jwt_in_request(*arguments, **named)

    asked: list[Any] = []
    manager = Strict(name="partner", config_prefix="PARTNER_JWT_")
    app = partner(manager)
    app.add_url_rule("/own", view_func=manager.jwt_required(fresh=True)(lambda: "in"))
    assert app.test_client().get("/own").status_code == 401
    assert asked == [(False, True, False, None, True, False)]


def test_the_verification_of_a_named_manager_is_replaced() -> None:
    """A test may switch off one manager's guard."""
    manager = JWTManager(name="partner", config_prefix="PARTNER_JWT_")
    app = partner(manager)
    app.add_url_rule("/own", view_func=manager.jwt_required()(lambda: "in"))
    with mock.patch.object(manager, "verify_jwt_in_request"):
        assert app.test_client().get("/own").status_code == 200
    assert app.test_client().get("/own").status_code == 401


def test_the_stand_in_for_the_users_loader_keeps_the_rest_of_the_guard() -> None:
    """A blocklist that raises refuses an optional token as well, whoever loads the user."""
    app = application()

    def refuse(header: Any, claims: Any) -> bool:
        raise NoAuthorizationError("no")

    app.extensions["flask-signet"][""].manager.token_in_blocklist_loader(refuse)
    with app.app_context():
        token = create_access_token("alice")
    with mock.patch("flask_signet.view_decorators._load_user", return_value=None):
        assert app.test_client().get("/optional", headers=bearer(token)).status_code == 401


# ── the functions of the package ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["create_access_token", "end_sessions", "jwt_required", "get_jwt"])
def test_a_public_name_is_a_function(name: str) -> None:
    """A queue may pickle it, a library may inspect it, and an application may mark it."""
    function = getattr(flask_signet, name)
    assert inspect.isfunction(function)
    assert pickle.loads(pickle.dumps(function)) is function  # noqa: S301 - of this very test
    assert function.__doc__
    assert "self" not in inspect.signature(function).parameters


@pytest.mark.parametrize("optional", [None, 0, 1, "yes"])
def test_optional_is_any_truth_value_for_the_function(optional: Any) -> None:
    """The decorator asks for True or False; a call within a view took anything always."""
    with application().test_request_context():
        if optional:
            assert verify_jwt_in_request(optional=optional) is None
        else:
            with pytest.raises(NoAuthorizationError):
                verify_jwt_in_request(optional=optional)
    if not isinstance(optional, bool):
        with pytest.raises(TypeError, match="optional takes True or False"):
            jwt_required(optional=optional)


def test_the_documented_modules_come_with_the_package() -> None:
    """`import flask_signet` is enough for the signals and for the check of a log-in's origin."""
    assert flask_signet.signals.token_reused.name == "token-reused"
    assert callable(flask_signet.csrf.refuse_cross_site)


# ── options that change while a request runs ─────────────────────────────────────────────


def test_a_key_that_changes_in_a_request_spoils_no_cookie() -> None:
    """A guard let the request in by the old secret; the new token and its cookie go by the new."""
    app = application(TOKEN_LOCATION=["headers", "cookies"])

    @app.post("/renew")
    @jwt_required()
    def renew() -> Response:
        app.config.update(JWT_SECRET_KEY=OTHER, JWT_SECRET_KEY_FALLBACKS=[SECRET])
        response = jsonify(ok=True)
        set_access_cookies(response, create_access_token(get_jwt_identity()))
        return response

    with app.app_context():
        token = create_access_token("alice")
    answer = app.test_client().post("/renew", headers=bearer(token))
    assert answer.status_code == 200
    assert "access_token_cookie" in answer.headers["Set-Cookie"]


def test_the_cookies_of_a_log_in_go_by_the_options_that_made_its_tokens() -> None:
    """A key that changes between a log-in and its cookies does not make the log-in fail."""
    app = application(TOKEN_LOCATION=["cookies"], SESSION_STORE="memory://")
    with app.test_request_context():
        pair = create_token_pair("alice")
        app.config["JWT_SECRET_KEY"] = OTHER
        response = Response()
        set_access_cookies(response, pair.access_token)
    assert "access_token_cookie" in response.headers["Set-Cookie"]


# ── the order of a guard's questions ─────────────────────────────────────────────────────


def test_a_revoked_token_is_revoked_whatever_its_identity_is() -> None:
    """The blocklist is asked before the identity is read."""
    app = application(SECRET_KEY=SECRET)
    app.extensions["flask-signet"][""].manager.token_in_blocklist_loader(lambda *_: True)
    with app.app_context():
        token = create_access_token("no number")
    app.config["JWT_IDENTITY_TYPE"] = int
    answer = app.test_client().get("/required", headers=bearer(token))
    assert (answer.status_code, answer.get_json()["msg"]) == (401, "Token has been revoked")


def test_a_user_that_any_loader_misses_has_no_session_after_a_refresh() -> None:
    """A verification loader may say that the user is gone, as the lookup may: the session ends."""
    app = application(SESSION_STORE="memory://")

    @app.post("/rotate")
    def rotate() -> Response:
        return jsonify(flask_signet.rotate_refresh_token()._asdict())

    def gone(header: Any, claims: Any) -> bool:
        raise UserLookupError("gone", header, claims)

    with app.app_context():
        pair = create_token_pair("alice")
        app.extensions["flask-signet"][""].manager.token_verification_loader(gone)
        client = app.test_client()
        assert client.post("/rotate", headers=bearer(pair.refresh_token)).status_code == 401
        assert flask_signet.list_sessions("alice") == []


def test_an_error_that_an_application_raises_itself_drops_no_cookie() -> None:
    """Only a refusal of ours says that the tokens of a browser are over."""
    app = application(TOKEN_LOCATION=["cookies"])

    @app.get("/raise")
    def view() -> Response:
        raise SessionEndedError({}, {})

    answer = app.test_client().get("/raise")
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_a_misspelt_term_of_a_log_in_is_named() -> None:
    """`label` and `remember` are given by keyword; any other keyword is an error at once."""
    with (
        application(SESSION_STORE="memory://").app_context(),
        pytest.raises(TypeError, match="unexpected keyword argument 'remembered'"),
    ):
        create_token_pair("alice", remembered=True)  # type: ignore[call-arg]  # that is the test
