"""The guards: optional, fresh, refresh, verify_type, OPTIONS, what they return and leave behind."""

import asyncio
from types import ModuleType
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, g, jsonify
from flask.views import MethodView

from tests.compat.harness import G_NAMES, Both, describe
from tests.compat.minting import access, bearer, expired, in_seconds, mint, refresh

GUARDS = ["required", "optional", "fresh", "refresh", "fresh-refresh", "any-type", "unrevoked"]
TOKENS: dict[str, Any] = {
    "none": None,
    "access": access,
    "refresh": refresh,
    "fresh": lambda: access(fresh=True),
    "fresh refresh": lambda: refresh(fresh=True),
    "fresh until later": lambda: access(fresh=in_seconds(60)),
    "fresh until just now": lambda: access(fresh=in_seconds(-1)),
    "fresh by a float": lambda: access(fresh=in_seconds(60) + 0.5),
    "stale by a float": lambda: access(fresh=in_seconds(-60) + 0.5),
    "fresh 0": lambda: access(fresh=0),
    "fresh 1": lambda: access(fresh=1),
    "no fresh": lambda: access(fresh=...),
    "another type": lambda: access(type="reset"),
    "no type": lambda: access(type=...),
    "Refresh": lambda: access(type="Refresh"),
    "expired": expired,
    "expired refresh": lambda: refresh(exp=in_seconds(-60)),
    "no jti": lambda: access(jti=...),
    "bare": lambda: mint({"sub": "alice"}),
    "empty subject": lambda: access(sub=""),
    "bad": lambda: "x",
}


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("guard", GUARDS)
def test_every_guard_with_every_kind_of_token(guard: str, token: str) -> None:
    """Who gets in, what the view then sees, and what the others are told."""
    headers = bearer(TOKENS[token]()) if TOKENS[token] else {}
    Both().ask(f"/{guard}", headers=headers)


def test_optional_takes_a_missing_token_only() -> None:
    """No token is anonymous; a bad, expired or wrong token is refused as everywhere."""
    both = Both()
    assert both.ask("/optional").body["identity"] is None
    assert both.ask("/optional", headers={"Authorization": "Basic dTpw"}).status == 200
    assert both.ask("/optional", headers={"Authorization": "Bearer"}).status == 422
    assert both.ask("/optional", headers=bearer("x")).status == 422
    assert both.ask("/optional", headers=bearer(expired())).status == 401
    assert both.ask("/optional", headers=bearer(refresh())).status == 422


def test_optional_without_a_token_has_empty_values() -> None:
    """Claims and header are empty dicts; identity, user and location are None."""

    def setup(_lib: ModuleType, _app: Flask, jwt: Any) -> None:
        jwt.user_lookup_loader(lambda _header, data: {"name": data["sub"]})

    body = Both(setup=setup).ask("/optional").body
    assert (body["claims"], body["header"]) == ({}, {})
    assert (body["identity"], body["user"], body["location"]) == (None, None, None)


def test_optional_does_not_forgive_a_missing_user() -> None:
    """A token whose user is gone is refused on an optional view, too."""

    def setup(_lib: ModuleType, _app: Flask, jwt: Any) -> None:
        jwt.user_lookup_loader(lambda _header, _data: None)

    answer = Both(setup=setup).ask("/optional", headers=bearer(access()))
    assert (answer.status, answer.msg) == (401, "Error loading the user alice")


def options_view(lib: ModuleType, app: Flask, _jwt: Any) -> None:
    for name, arguments in {
        "plain": {},
        "refresh": {"refresh": True},
        "fresh": {"fresh": True},
    }.items():

        def view() -> Any:
            return jsonify(g=[known in g for known in G_NAMES])

        guard = lib.jwt_required(**arguments)
        app.add_url_rule(
            f"/options-{name}", f"options-{name}", guard(view), methods=["GET", "OPTIONS"]
        )

    @app.route("/verify", methods=["GET", "OPTIONS"])
    def verify() -> Any:
        return jsonify(result=lib.verify_jwt_in_request())


@pytest.mark.parametrize(
    "path", ["/options-plain", "/options-refresh", "/options-fresh", "/verify"]
)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, None], ids=str)
def test_options_requests_are_not_guarded(path: str, headers: dict[str, str] | None) -> None:
    """A preflight carries no credentials: OPTIONS goes to the view, and nothing is verified."""
    sent = bearer(access()) if headers is None else headers
    answer = Both(setup=options_view).ask(path, method="OPTIONS", headers=sent)
    assert answer.status == 200
    assert answer.body in ({"g": [False] * 4}, {"result": None})


def test_automatic_options() -> None:
    """Flask's own answer to OPTIONS is left alone."""
    assert Both().ask("/required", method="OPTIONS").status == 200


def test_head_requests_are_guarded() -> None:
    """HEAD is a GET without a body."""
    both = Both()
    assert both.ask("/required", method="HEAD").status == 401
    assert both.ask("/required", method="HEAD", headers=bearer(access())).status == 200


def test_verify_returns_header_and_claims() -> None:
    """(header, claims) for a token; None for none where it is optional."""
    both = Both()
    header, data = both.run(lambda lib: lib.verify_jwt_in_request(), headers=bearer(access()))
    assert header == {"alg": "HS256", "typ": "JWT"}
    assert data["sub"] == "alice"
    assert both.run(lambda lib: lib.verify_jwt_in_request(optional=True)) is None
    kinds = both.run(
        lambda lib: [type(part).__name__ for part in lib.verify_jwt_in_request()],
        headers=bearer(access()),
    )
    assert kinds == ["dict", "dict"]


def test_verify_returns_a_tuple() -> None:
    """The result of verify_jwt_in_request is a tuple that can be unpacked, as in FJE."""
    for side in Both().sides:
        with side.app.test_request_context(headers=bearer(access())):
            assert type(side.lib.verify_jwt_in_request()) is tuple


def test_the_claims_may_be_changed_by_the_view() -> None:
    """The dict is the application's own: a change shows in the next get_jwt()."""

    def change(lib: ModuleType) -> Any:
        lib.verify_jwt_in_request()
        lib.get_jwt()["note"] = "seen"
        return lib.get_jwt()["note"], lib.get_jwt() is lib.get_jwt()

    assert Both().run(change, headers=bearer(access())) == ["seen", True]


def test_verifying_twice() -> None:
    """The second verification of a request stands; a failing one leaves the first."""

    def twice(lib: ModuleType) -> Any:
        lib.verify_jwt_in_request()
        try:
            lib.verify_jwt_in_request(refresh=True)
        except Exception as error:
            return str(error), lib.get_jwt_identity()
        return "no error"

    result = Both().run(twice, headers=bearer(access()))
    assert result == ["Only refresh tokens are allowed", "alice"]


def test_guards_may_be_nested() -> None:
    """Two guards on one view: each is applied."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        view = lib.jwt_required()(lib.jwt_required(fresh=True)(lambda: "in"))
        app.add_url_rule("/nested", "nested", view)

    both = Both(setup=setup)
    assert both.ask("/nested", headers=bearer(access())).status == 401
    assert both.ask("/nested", headers=bearer(access(fresh=True))).status == 200


def test_a_guard_in_before_request() -> None:
    """verify_jwt_in_request in a hook guards a whole blueprint; its error ends the request."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        api = Blueprint("api", __name__, url_prefix="/api")

        @api.before_request
        def guard() -> None:
            lib.verify_jwt_in_request()

        @api.get("/me")
        def me() -> Response:
            return jsonify(describe(lib))

        app.register_blueprint(api)

    both = Both(setup=setup)
    assert both.ask("/api/me").status == 401
    assert both.ask("/api/me", headers=bearer(access())).body["identity"] == "alice"
    assert both.ask("/api/me", headers=bearer(expired())).msg == "Token has expired"


def test_a_decorator_of_the_applications() -> None:
    """FJE's documented recipe for roles: verify, then look at the claims."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        def admin(view: Any) -> Any:
            def inner() -> Any:
                lib.verify_jwt_in_request()
                if lib.get_jwt().get("is_administrator"):
                    return view()
                return jsonify(msg="Admins only!"), 403

            return inner

        app.add_url_rule("/admin", "admin", admin(lambda: jsonify(in_=True)))

    both = Both(setup=setup)
    assert both.ask("/admin", headers=bearer(access())).status == 403
    assert both.ask("/admin", headers=bearer(access(is_administrator=True))).status == 200
    assert both.ask("/admin").status == 401


def test_method_views() -> None:
    """The guard works on methods of a MethodView and in its `decorators`."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        class Item(MethodView):
            @lib.jwt_required()
            def get(self, number: int) -> Any:
                return jsonify(number=number, me=lib.get_jwt_identity())

            @lib.jwt_required(refresh=True)
            def patch(self, number: int) -> Any:
                return jsonify(patched=number)

            def delete(self, number: int) -> Any:
                return jsonify(deleted=number)

        class Guarded(MethodView):
            decorators = (lib.jwt_required(),)

            def get(self) -> Any:
                return jsonify(me=lib.get_jwt_identity())

        app.add_url_rule("/item/<int:number>", view_func=Item.as_view("item"))
        app.add_url_rule("/guarded", view_func=Guarded.as_view("guarded"))

    both = Both(setup=setup)
    assert both.ask("/item/1").status == 401
    assert both.ask("/item/1", headers=bearer(access())).body == {"number": 1, "me": "alice"}
    assert both.ask("/item/1", method="PATCH", headers=bearer(access())).status == 422
    assert both.ask("/item/1", method="PATCH", headers=bearer(refresh())).status == 200
    assert both.ask("/item/1", method="DELETE").status == 200
    assert both.ask("/guarded").status == 401
    assert both.ask("/guarded", headers=bearer(access())).status == 200


def test_async_views() -> None:
    """An `async def` view behind the guard is awaited by Flask's ensure_sync."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        @app.get("/async")
        @lib.jwt_required()
        async def view() -> Any:
            await asyncio.sleep(0)
            return jsonify(me=lib.get_jwt_identity())

    both = Both(setup=setup)
    assert both.ask("/async").status == 401
    assert both.ask("/async", headers=bearer(access())).body == {"me": "alice"}


def test_a_guard_passes_arguments_and_results() -> None:
    """URL arguments reach the view by name, and what it returns goes out."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        @app.get("/pair/<a>/<int:b>")
        @lib.jwt_required(optional=True)
        def pair(a: str, b: int) -> Any:
            return {"a": a, "b": b}, 202, {"X-A": a}

    answer = Both(setup=setup).ask("/pair/x/7")
    assert (answer.status, answer.body) == (202, {"a": "x", "b": 7})


def test_positional_arguments_of_the_guard() -> None:
    """jwt_required(True) is optional, jwt_required(False, True) is fresh, and so on."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        cases = [(True,), (False, True), (False, False, True), (False, False, False, "json")]
        cases += [(False, False, False, None, False), (False, False, False, None, True, True)]
        for number, arguments in enumerate(cases):
            view = lib.jwt_required(*arguments)(lambda: "in")
            app.add_url_rule(f"/p{number}", f"p{number}", view)

    both = Both(setup=setup)
    for number in range(6):
        for token in (access(), access(fresh=True), refresh()):
            both.ask(f"/p{number}", headers=bearer(token))
        both.ask(f"/p{number}")


def test_a_request_without_a_token_after_one_with() -> None:
    """A request sees nothing of the request before it."""
    both = Both()
    both.ask("/required", headers=bearer(access()))
    assert both.ask("/optional").body["identity"] is None
    assert both.ask("/required").status == 401
