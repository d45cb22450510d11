"""The docstrings, which are the API reference: what each public name is, and what it raises."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flask_signet
from flask_signet import exceptions


def members() -> Iterator[tuple[str, Any]]:
    """The package's names and its errors, and the methods and properties of their classes."""
    for module in (flask_signet, exceptions):
        for name in module.__all__:
            if name == "current_user":
                continue  # a proxy: its docstring is the user's
            value = getattr(module, name)
            yield name, value
            if inspect.isclass(value):
                for attribute, member in vars(value).items():
                    function = getattr(member, "__func__", member)
                    if not attribute.startswith("_") and (
                        inspect.isfunction(function) or isinstance(member, property)
                    ):
                        yield f"{name}.{attribute}", function


MEMBERS = dict(members())
FUNCTIONS = [
    name
    for name in flask_signet.__all__
    if inspect.isfunction(getattr(flask_signet, name))
    # these raise nothing; what their endpoints refuse, they answer
    and name not in {"oauth_blueprint", "token_blueprint"}
]


@pytest.mark.parametrize("name", MEMBERS)
def test_it_says_what_it_is(name: str) -> None:
    """Each public class, function, method and property has a docstring."""
    assert MEMBERS[name].__doc__


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_says_what_it_raises(name: str) -> None:
    """Each public function names its errors, or the function that has the same ones."""
    text = inspect.getdoc(getattr(flask_signet, name)) or ""
    assert ":raises " in text or "errors are those of" in text or "Never raises" in text


def test_the_reference_has_the_proxy() -> None:
    """`current_user` has no docstring of its own to take: docs/api.md says what it is."""
    page = (Path(__file__).parent.parent / "docs" / "api.md").read_text("utf-8")
    assert ".. py:data:: current_user\n   :module: flask_signet\n" in page
