"""What applications' tests patch inside FJE (seen in public repositories) can be patched in ours.

A drop-in must pass the application's own tests as well, and those replace parts of the library by
their path. Each test here does so on both libraries; the change of the path's first word is the
only one that a user makes.
"""

import pkgutil
import subprocess
import sys
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from flask import Flask, Response, g, jsonify

from tests.compat.harness import REFERENCE, SUBJECT, Side, build, submodule
from tests.compat.minting import access, bearer

LIBRARIES = pytest.mark.parametrize("lib", [REFERENCE, SUBJECT], ids=["FJE", "ours"])


def views(lib: ModuleType, app: Flask, jwt: Any) -> None:
    jwt.user_lookup_loader(lambda _header, data: {"name": data["sub"]})

    @app.get("/identity")
    @lib.jwt_required(fresh=True)
    def identity() -> Response:
        return jsonify(lib.get_jwt_identity())

    @app.get("/user")
    @lib.jwt_required()
    def user() -> Response:
        return jsonify(lib.current_user["name"])

    @app.get("/perhaps")
    @lib.jwt_required(optional=True)
    def perhaps() -> Response:
        return jsonify(lib.get_jwt_identity())


@pytest.fixture
def side(lib: ModuleType) -> Side:
    return Side(lib, build(lib, setup=views))


def patch(lib: ModuleType, path: str, *replacement: Any, **arguments: Any) -> Any:
    """`mock.patch("<lib>.<path>", ...)`."""
    return mock.patch(f"{lib.__name__}.{path}", *replacement, **arguments)


@LIBRARIES
def test_the_guard_is_switched_off(lib: ModuleType, side: Side) -> None:
    """`view_decorators.verify_jwt_in_request` is looked up at each call, with FJE's arguments."""
    assert side.ask("/identity").status == 401
    with patch(lib, "view_decorators.verify_jwt_in_request") as verify:
        side.ask("/identity")
    verify.assert_called_once_with(False, True, False, None, True, False)
    assert side.ask("/identity").status == 401


@LIBRARIES
def test_the_guard_is_replaced_by_one_that_fills_g(lib: ModuleType, side: Side) -> None:
    """A stand-in that writes `g._jwt_extended_jwt` makes the getters speak for it."""

    def stand_in(*_arguments: Any, **_named: Any) -> None:
        g._jwt_extended_jwt = {"sub": "tester"}

    with patch(lib, "view_decorators.verify_jwt_in_request", stand_in):
        assert side.ask("/identity").body == "tester"


@LIBRARIES
def test_the_claims_are_replaced(lib: ModuleType, side: Side) -> None:
    """`utils.get_jwt` patched, the guard off: get_jwt_identity() reads the patched claims."""
    with (
        patch(lib, "view_decorators.verify_jwt_in_request"),
        patch(lib, "utils.get_jwt", return_value={"sub": "tester"}),
    ):
        assert side.ask("/identity").body == "tester"


@LIBRARIES
def test_the_user_is_replaced(lib: ModuleType, side: Side) -> None:
    """`utils.get_current_user` patched: the proxy `current_user` stands for the patched user."""
    with (
        patch(lib, "view_decorators.verify_jwt_in_request"),
        patch(lib, "utils.get_current_user", return_value={"name": "tester"}),
    ):
        assert side.ask("/user").body == "tester"


@LIBRARIES
def test_the_loaded_user_is_replaced(lib: ModuleType, side: Side) -> None:
    """`view_decorators._load_user` patched: the user is not looked up."""
    loaded = {"loaded_user": {"name": "tester"}}
    with patch(lib, "view_decorators._load_user", return_value=loaded):
        assert side.ask("/user", headers=bearer(access())).body == "tester"


@LIBRARIES
@pytest.mark.parametrize("module", ["", "utils."])
def test_a_getter_is_replaced_where_it_is_exported(lib: ModuleType, module: str) -> None:
    """An application that calls `flask_signet.get_jwt_identity()` by its path sees the patch."""
    with patch(lib, f"{module}get_jwt_identity", return_value="tester"):
        owner = getattr(lib, module.rstrip(".")) if module else lib
        assert owner.get_jwt_identity() == "tester"


@LIBRARIES
def test_the_token_of_the_request_is_replaced(lib: ModuleType, side: Side) -> None:
    """`view_decorators._decode_jwt_from_request` patched: its claims are the request's token."""
    found = ({"sub": "tester"}, {"alg": "HS256"}, "headers")
    with patch(lib, "view_decorators._decode_jwt_from_request", return_value=found) as decode:
        assert side.ask("/identity").body == "tester"
        assert side.ask("/user").body == "tester"
    asked = mock.call(None, False, refresh=False, verify_type=True, skip_revocation_check=False)
    assert decode.call_args == asked
    assert side.ask("/identity").status == 401


@LIBRARIES
@pytest.mark.parametrize(
    ("name", "arguments", "status"),
    [
        ("JWTDecodeError", ("no",), 422),
        ("NoAuthorizationError", ("no",), 401),
        ("RevokedTokenError", ({}, {"sub": "alice"}), 401),
    ],
)
def test_the_token_of_the_request_is_made_to_be_refused(
    lib: ModuleType, side: Side, name: str, arguments: Any, status: int
) -> None:
    """A stand-in that raises one of the library's errors is a refusal like any other."""
    error = getattr(submodule(lib, "exceptions"), name)(*arguments)
    with patch(lib, "view_decorators._decode_jwt_from_request", side_effect=error):
        answer = side.ask("/user", headers=bearer(access()))
        anonymous = side.ask("/perhaps", headers=bearer(access()))
    assert answer.status == status
    assert anonymous.status == (200 if name == "NoAuthorizationError" else status)


@LIBRARIES
def test_the_users_loader_is_replaced_by_one_of_fjes_form(lib: ModuleType, side: Side) -> None:
    """`view_decorators._load_user` takes header and claims, as a stand-in and when it is called."""

    def stand_in(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> dict[str, Any]:
        return {"loaded_user": {"name": f"{jwt_header['alg']} {jwt_data['sub']}"}}

    with patch(lib, "view_decorators._load_user", stand_in):
        assert side.ask("/user", headers=bearer(access())).body == "HS256 alice"
    with side.app.test_request_context():
        load = submodule(lib, "view_decorators")._load_user
        assert load({"alg": "HS256"}, {"sub": "bob"}) == {"loaded_user": {"name": "bob"}}


@LIBRARIES
def test_every_submodule_comes_with_the_package(lib: ModuleType) -> None:
    """`import <lib>` alone is enough for `<lib>.utils.get_jwt()`, as for each other submodule."""
    names = [module.name for module in pkgutil.iter_modules(REFERENCE.__path__)]
    code = f"import {lib.__name__} as lib; print([n for n in {names} if not hasattr(lib, n)])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
