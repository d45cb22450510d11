"""The 20 public names of FJE: there, and called the same way."""

import inspect
from typing import Any

import pytest

from tests.compat.harness import REFERENCE, SUBJECT

FUNCTIONS = [
    "create_access_token",
    "create_refresh_token",
    "decode_token",
    "get_csrf_token",
    "get_current_user",
    "get_jti",
    "get_jwt",
    "get_jwt_header",
    "get_jwt_identity",
    "get_jwt_request_location",
    "get_unverified_jwt_headers",
    "jwt_required",
    "set_access_cookies",
    "set_refresh_cookies",
    "unset_access_cookies",
    "unset_jwt_cookies",
    "unset_refresh_cookies",
    "verify_jwt_in_request",
]
NAMES = sorted([*FUNCTIONS, "JWTManager", "current_user"])
METHODS = ["init_app", "_set_error_handler_callbacks"]


def parameters(function: Any) -> dict[str, tuple[str, Any]]:
    return {
        name: (parameter.kind.description, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
    }


def test_the_list_is_all_that_fje_exports() -> None:
    """FJE's package root has these 20 names (and its submodules)."""
    exported = {
        name
        for name, value in vars(REFERENCE).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert sorted(exported) == NAMES
    assert len(NAMES) == 20


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_there(name: str) -> None:
    """`from flask_signet import <name>` works, and is no accident: it is in `__all__`."""
    assert hasattr(SUBJECT, name)
    assert name in getattr(SUBJECT, "__all__", NAMES)


@pytest.mark.parametrize("name", [*FUNCTIONS, "JWTManager"])
def test_the_signature_is_fjes(name: str) -> None:
    """Every call that FJE's signature allows means the same: names, order, kinds, defaults.

    A parameter of ours beyond FJE's comes after them and has a default.
    """
    theirs = parameters(getattr(REFERENCE, name))
    ours = parameters(getattr(SUBJECT, name))
    shared = dict(list(ours.items())[: len(theirs)])
    assert shared == theirs
    assert list(shared) == list(theirs)
    for extra, (kind, default) in list(ours.items())[len(theirs) :]:
        assert kind != "variadic positional", extra
        assert default is not inspect.Parameter.empty, extra


@pytest.mark.parametrize("name", METHODS)
def test_a_managers_method_has_fjes_signature(name: str) -> None:
    """So with the manager's methods that applications call."""
    theirs = parameters(getattr(REFERENCE.JWTManager, name))
    ours = parameters(getattr(SUBJECT.JWTManager, name))
    shared = dict(list(ours.items())[: len(theirs)])
    assert shared == theirs
    assert list(shared) == list(theirs)


def test_a_manager_is_built_with_or_without_an_application() -> None:
    """`JWTManager()`, `JWTManager(app)` and `JWTManager(app, True)` are calls FJE allows."""
    from flask import Flask

    for arguments in ((), (Flask("a"),), (Flask("b"), True)):
        assert isinstance(SUBJECT.JWTManager(*arguments), SUBJECT.JWTManager)


def test_the_guard_keeps_the_views_name_and_docstring() -> None:
    """Flask names endpoints after functions, so the guard must not hide the name."""
    for lib in (REFERENCE, SUBJECT):

        @lib.jwt_required()
        def profile() -> str:
            """Who you are."""
            return "x"

        assert profile.__name__ == "profile"
        assert profile.__doc__ == "Who you are."
        assert profile.__wrapped__() == "x"


def test_there_is_a_version() -> None:
    """`flask_signet.__version__` is a string, as FJE's is."""
    assert isinstance(SUBJECT.__version__, str)
