"""Handlers of the application's own: what they catch, and what goes past them to the library's."""

from types import ModuleType
from typing import Any

import jwt
import pytest
from flask import Blueprint, Flask, Response, abort, jsonify
from werkzeug.exceptions import HTTPException, Unauthorized

from tests.compat.harness import Both, submodule
from tests.compat.minting import access, bearer, expired, refresh

# A request for each kind of refusal: path, headers.
REFUSALS: dict[str, tuple[str, Any]] = {
    "missing": ("/required", dict),
    "bad header": ("/required", lambda: {"Authorization": "Bearer"}),
    "malformed": ("/required", lambda: bearer("x")),
    "expired": ("/required", lambda: bearer(expired())),
    "no subject": ("/required", lambda: bearer(access(sub=...))),
    "issuer": ("/required", lambda: bearer(access(iat="x"))),
    "wrong type": ("/required", lambda: bearer(refresh())),
    "not fresh": ("/fresh", lambda: bearer(access())),
    "revoked": ("/required", lambda: bearer(access(jti="revoked"))),
    "no user": ("/required", lambda: bearer(access(sub="nobody"))),
    "verification": ("/required", lambda: bearer(access(bad=True))),
}


def refuse(jwt_manager: Any) -> None:
    """Callbacks that say no to some tokens, so that each kind of refusal can be had."""
    jwt_manager.token_in_blocklist_loader(lambda _header, data: data["jti"] == "revoked")
    jwt_manager.user_lookup_loader(
        lambda _header, data: None if data["sub"] == "nobody" else {"name": data["sub"]}
    )
    jwt_manager.token_verification_loader(lambda _header, data: "bad" not in data)


def handling(*kinds: Any, status: int = 499) -> Any:
    """An application that handles exceptions itself, by class or by status.

    A name stands for a class of the library's `exceptions` module.
    """

    def setup(lib: ModuleType, app: Flask, jwt_manager: Any) -> None:
        refuse(jwt_manager)
        for kind in kinds:
            known = getattr(submodule(lib, "exceptions"), kind) if isinstance(kind, str) else kind
            name = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))

            def handler(error: Any, name: str = name) -> Any:
                return jsonify(handled=name, text=str(error)), status

            app.register_error_handler(known, handler)

    return setup


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(
    "kind",
    [
        "JWTExtendedException",
        "NoAuthorizationError",
        "InvalidHeaderError",
        "JWTDecodeError",
        "WrongTokenError",
        "FreshTokenRequired",
        "RevokedTokenError",
        "UserLookupError",
        "UserClaimsVerificationError",
        "CSRFError",
        jwt.ExpiredSignatureError,
        jwt.DecodeError,
        jwt.InvalidTokenError,
        jwt.PyJWTError,
        Exception,
        RuntimeError,
    ],
    ids=lambda kind: kind if isinstance(kind, str) else kind.__name__,
)
def test_a_handler_for_a_class(kind: Any, refusal: str) -> None:
    """`@app.errorhandler(<class>)` catches what it catches with FJE, and nothing else.

    For a class that FJE registers a handler for, the application's replaces it; one for a base
    class (Exception, JWTExtendedException, PyJWTError) comes after the library's own.
    """
    if (kind, refusal) == (jwt.InvalidTokenError, "issuer"):
        # Explained in MIGRATION.md: our handler stands between PyJWT's classes and their parents,
        # so that one for jwt.PyJWTError does not swallow our refusals.
        return
    path, headers = REFUSALS[refusal]
    Both(setup=handling(kind)).ask(path, headers=headers(), challenge=False)


def test_a_handler_for_pyjwts_parent_class_does_not_catch_ours() -> None:
    """`@app.errorhandler(jwt.InvalidTokenError)` is for the application's own PyJWT errors."""
    path, headers = REFUSALS["issuer"]
    both = Both(setup=handling(jwt.InvalidTokenError))
    assert [side.ask(path, headers=headers()).status for side in both.sides] == [499, 422]


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("kind", [401, 422, 400, 500, HTTPException, Unauthorized], ids=str)
def test_a_handler_for_a_status_does_not_catch_the_librarys(kind: Any, refusal: str) -> None:
    """`@app.errorhandler(401)` (or HTTPException) is for what the application aborts with.

    FJE's errors are no HTTP exceptions, so such handlers never saw them; a site's HTML error
    page for 401 must not take the place of the JSON body.
    """
    path, headers = REFUSALS[refusal]
    both = Both(setup=handling(kind))
    answer = both.ask(path, headers=headers())
    assert "handled" not in answer.body


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_the_applications_own_aborts_are_its_own(status: int) -> None:
    """abort(401) in a view is answered by Flask, or by the application's handler, not by us."""

    def setup(_lib: ModuleType, app: Flask, _jwt: Any) -> None:
        app.add_url_rule("/abort", "abort", lambda: abort(status))

    def handled(lib: ModuleType, app: Flask, jwt_manager: Any) -> None:
        setup(lib, app, jwt_manager)
        handling(status)(lib, app, jwt_manager)

    assert Both(setup=setup).ask("/abort", challenge=False).status == status
    assert Both(setup=handled).ask("/abort", challenge=False).status == 499


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("kind", ["NoAuthorizationError", jwt.ExpiredSignatureError, Exception])
def test_a_blueprints_handler(kind: Any, refusal: str) -> None:
    """A handler on a blueprint is for its views, before the application's and the library's."""

    def setup(lib: ModuleType, app: Flask, jwt_manager: Any) -> None:
        refuse(jwt_manager)
        api = Blueprint("api", __name__, url_prefix="/api")
        known = getattr(submodule(lib, "exceptions"), kind) if isinstance(kind, str) else kind

        @api.errorhandler(known)
        def handler(error: Exception) -> Any:
            return jsonify(blueprint=str(error)), 498

        @api.get("/required")
        @lib.jwt_required()
        def required() -> Response:
            return jsonify(ok=True)

        @api.get("/fresh")
        @lib.jwt_required(fresh=True)
        def fresh() -> Response:
            return jsonify(ok=True)

        app.register_blueprint(api)

    both = Both(setup=setup)
    path, headers = REFUSALS[refusal]
    both.ask(f"/api{path}", headers=headers(), challenge=False)
    both.ask(path, headers=headers(), challenge=False)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_handler_registered_before_the_manager(refusal: str) -> None:
    """The manager's init_app comes last in many factories; what it registers then wins or not."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        second = Flask("second")
        second.config.update(JWT_SECRET_KEY=app.config["JWT_SECRET_KEY"])
        exceptions = submodule(lib, "exceptions")
        for kind in (exceptions.NoAuthorizationError, exceptions.JWTExtendedException, Exception):
            second.register_error_handler(
                kind, lambda error, kind=kind: ({"handled": kind.__name__}, 499)
            )
        manager = lib.JWTManager(second)
        refuse(manager)
        second.add_url_rule("/required", "required", lib.jwt_required()(lambda: "in"))
        second.add_url_rule("/fresh", "fresh", lib.jwt_required(fresh=True)(lambda: "in"))

        @app.get("/second")
        def ask_second() -> Any:
            path, headers = REFUSALS[refusal]
            answer = second.test_client().get(path, headers=headers())
            return jsonify(status=answer.status_code, body=answer.get_json())

    Both(setup=setup).ask("/second")


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_view_may_catch_the_error(refusal: str) -> None:
    """try / except around verify_jwt_in_request, with the library's base class or Exception."""
    path, headers = REFUSALS[refusal]

    def setup(lib: ModuleType, app: Flask, jwt_manager: Any) -> None:
        refuse(jwt_manager)

        @app.get("/try")
        def attempt() -> Response:
            try:
                lib.verify_jwt_in_request(fresh=path == "/fresh")
            except Exception as error:
                return jsonify(text=str(error))
            return jsonify(text="in")

    answer = Both(setup=setup).ask("/try", headers=headers())
    assert answer.status == 200
    assert answer.body["text"] != "in"


@pytest.mark.parametrize("name", ["NoAuthorizationError", "CSRFError", "WrongTokenError"])
def test_the_application_raises_the_librarys_errors(name: str) -> None:
    """A view that raises one of FJE's exceptions gets FJE's answer, with its own text."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        @app.get("/raise")
        def raising() -> Any:
            raise getattr(submodule(lib, "exceptions"), name)("not you")

    answer = Both(setup=setup).ask("/raise")
    assert answer.body == {"msg": "not you"}


def test_the_application_raises_revoked() -> None:
    """RevokedTokenError with header and claims reaches the revoked_token_loader."""

    def setup(lib: ModuleType, app: Flask, jwt_manager: Any) -> None:
        jwt_manager.revoked_token_loader(lambda header, data: ({"r": [header, data]}, 410))

        @app.get("/raise")
        def raising() -> Any:
            raise submodule(lib, "exceptions").RevokedTokenError({"alg": "x"}, {"sub": "y"})

    answer = Both(setup=setup).ask("/raise")
    assert (answer.status, answer.body) == (410, {"r": [{"alg": "x"}, {"sub": "y"}]})


@pytest.mark.parametrize(
    "options",
    [
        {"PROPAGATE_EXCEPTIONS": True},
        {"TESTING": True},
        {"DEBUG": True},
        {"TRAP_HTTP_EXCEPTIONS": True},
        {"TRAP_BAD_REQUEST_ERRORS": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_flasks_own_options_change_nothing(refusal: str, options: dict[str, bool]) -> None:
    """Under a debugger, in tests, with trapped HTTP exceptions: a refusal stays an answer."""
    path, headers = REFUSALS[refusal]
    answer = Both(options, setup=lambda _l, _a, manager: refuse(manager)).ask(
        path, headers=headers()
    )
    assert answer.status in (400, 401, 422)


def test_the_error_goes_through_after_request() -> None:
    """Hooks see the refusal as a response, and the teardown sees no exception."""

    def setup(_lib: ModuleType, app: Flask, _jwt: Any) -> None:
        @app.after_request
        def mark(answer: Response) -> Response:
            answer.headers["X-Status"] = str(answer.status_code)
            return answer

        @app.teardown_request
        def torn(error: BaseException | None) -> None:
            app.extensions["compat-record"].append(repr(error))

    answer = Both(setup=setup).ask("/required")
    assert ("x-status", "401") in answer.headers
    assert answer.record == ["None"]
