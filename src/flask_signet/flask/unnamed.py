"""The functions of the package: the methods of the unnamed manager, whichever application runs.

A manager finds itself in the current application by its name. So this one, which was given to no
application, speaks for the unnamed manager of each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

from flask import current_app, has_app_context

from ..exceptions import DecodeError
from ..jose.jws import parse
from .boundaries import answered
from .installation import installations
from .manager import Manager

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")


class Unnamed(Manager):
    """The unnamed manager of the current application."""

    @answered
    def get_unverified_jwt_headers(self, encoded_token: str) -> dict[str, Any]:
        """The header of a token **that nobody has verified**: anyone can write one.

        :raises SignetError: if it is not well-formed.
        """
        if not isinstance(encoded_token, str | bytes):
            raise DecodeError(f"Invalid token type. Token must be a {bytes}")
        # It needs no manager: without one, the limits are the defaults.
        here = installations(current_app).get("") if has_app_context() else None
        jws = parse(encoded_token) if here is None else here.signet().parse(encoded_token)
        return dict(jws.header)


UNNAMED: Final = Unnamed()


def function_of(method: Callable[P, R], module: str) -> Callable[P, R]:
    """A method of the unnamed manager as a plain function, with its signature and docstring.

    :param module: the module that has it under the method's name: pickles find it there.
    """

    @in_place_of(method, module)
    def function(*args: P.args, **kwargs: P.kwargs) -> R:
        return method(*args, **kwargs)

    return function


def in_place_of(method: F, module: str) -> Callable[[Callable[..., Any]], F]:
    """A function of its own with the name, signature, types and docstring of a method.

    :param module: as for :func:`function_of`.
    """

    def decorate(function: Callable[..., Any]) -> F:
        named = wraps(method)(function)
        named.__module__ = module
        named.__qualname__ = method.__name__
        return cast(F, named)

    return decorate
