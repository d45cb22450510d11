"""The current user: lookup, proxy, context processor, templates."""

from types import ModuleType
from typing import Any

import pytest
from flask import Flask, jsonify, render_template_string

from tests.compat.harness import Both
from tests.compat.minting import access, bearer


class User:
    def __init__(self, name: str) -> None:
        self.name = name

    def greet(self) -> str:
        return f"hello {self.name}"


def with_user(lib: ModuleType, app: Flask, jwt: Any) -> None:
    jwt.user_lookup_loader(lambda _header, data: User(data["sub"]))

    @app.get("/me")
    @lib.jwt_required()
    def me() -> Any:
        user = lib.current_user
        return jsonify(
            name=user.name,
            greeting=user.greet(),
            same=user == lib.get_current_user(),
            kind=user.__class__.__name__,
            instance=isinstance(user, User),
            true=bool(user),
        )

    @app.get("/maybe")
    @lib.jwt_required(optional=True)
    def maybe() -> Any:
        return jsonify(none=lib.get_current_user() is None, true=bool(lib.current_user))

    @app.get("/page")
    @lib.jwt_required()
    def page() -> Any:
        return render_template_string("{{ current_user.name }}")

    @app.get("/maybe-page")
    @lib.jwt_required(optional=True)
    def maybe_page() -> Any:
        return render_template_string("{{ current_user.name if current_user else 'nobody' }}")


def test_current_user_stands_for_the_user() -> None:
    """The proxy has the user's attributes, class and truth."""
    answer = Both(setup=with_user).ask("/me", headers=bearer(access()))
    assert answer.body == {
        "name": "alice",
        "greeting": "hello alice",
        "same": True,
        "kind": "User",
        "instance": True,
        "true": True,
    }


def test_current_user_without_a_token_is_none() -> None:
    """On an optional view the user is None, and the proxy false."""
    assert Both(setup=with_user).ask("/maybe").body == {"none": True, "true": False}


@pytest.mark.parametrize(
    ("path", "token", "text"),
    [("/page", True, "alice"), ("/maybe-page", True, "alice"), ("/maybe-page", False, "nobody")],
)
def test_the_context_processor_adds_the_user_to_templates(
    path: str, token: bool, text: str
) -> None:
    """JWTManager(app, add_context_processor=True): `current_user` in every guarded template."""
    both = Both(setup=with_user, add_context_processor=True)
    assert both.ask(path, headers=bearer(access()) if token else {}).body == text


def test_without_the_context_processor_there_is_no_name() -> None:
    """By default, `current_user` is undefined in a template."""
    answer = Both(setup=with_user).ask("/page", headers=bearer(access()))
    assert answer.error is not None
    assert answer.error.text == "'current_user' is undefined"


def test_the_context_processor_by_init_app() -> None:
    """init_app accepts add_context_processor by position or by name."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        for number, (args, named) in enumerate(
            (((True,), {}), ((), {"add_context_processor": True}))
        ):
            late = Flask(f"late{number}")
            late.config.update(JWT_SECRET_KEY=app.config["JWT_SECRET_KEY"])
            jwt = lib.JWTManager()
            jwt.init_app(late, *args, **named)
            with_user(lib, late, jwt)

            def ask_late(late: Flask = late) -> Any:
                return late.test_client().get("/page", headers=bearer(access())).text

            app.add_url_rule(f"/late{number}", f"late{number}", ask_late)

    both = Both(setup=setup)
    assert [both.ask(f"/late{number}").body for number in range(2)] == ["alice", "alice"]


def test_the_user_is_looked_up_once() -> None:
    """One lookup per verification, however often the user is read."""

    def setup(lib: ModuleType, app: Flask, jwt: Any) -> None:
        app.extensions.setdefault("compat-record", [])

        @jwt.user_lookup_loader
        def look_up(_header: dict[str, Any], data: dict[str, Any]) -> User:
            app.extensions["compat-record"].append(data["sub"])
            return User(data["sub"])

        @app.get("/often")
        @lib.jwt_required()
        def often() -> Any:
            return jsonify([lib.current_user.name for _ in range(3)])

    assert Both(setup=setup).ask("/often", headers=bearer(access())).record == ["alice"]


def test_two_requests_two_users() -> None:
    """Each request has its own user."""
    both = Both(setup=with_user)
    for name in ("alice", "bob", "alice"):
        assert both.ask("/me", headers=bearer(access(sub=name))).body["name"] == name


def test_the_current_user_in_a_lookup_by_request() -> None:
    """The lookup runs inside the request; the claims are not readable yet, as with FJE."""

    def setup(lib: ModuleType, app: Flask, jwt: Any) -> None:
        @jwt.user_lookup_loader
        def look_up(_header: dict[str, Any], _data: dict[str, Any]) -> Any:
            try:
                return {"claims": lib.get_jwt()["sub"]}
            except RuntimeError as error:
                return {"early": str(error)}

    answer = Both(setup=setup).ask("/required", headers=bearer(access()))
    assert "early" in answer.body["user"]
