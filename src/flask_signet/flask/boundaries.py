"""Where errors leave this package.

An error is bound to the manager that answers for it in two places: as it leaves a public method of
a manager, and as it reaches the application's handler.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from flask import current_app

from ..exceptions import (
    AmbiguousTokenError,
    CSRFError,
    FreshTokenRequired,
    InvalidHeaderError,
    InvalidQueryParamError,
    JWTDecodeError,
    KeysUnavailableError,
    NoAuthorizationError,
    RecentLoginRequired,
    RequestTooLargeError,
    RevokedTokenError,
    SessionEndedError,
    SignetError,
    StoreUnavailableError,
    TokenReusedError,
    UserClaimsVerificationError,
    UserLookupError,
    WrongTenantError,
    WrongTokenError,
)
from .installation import installation, installations

HANDLED: Final = (
    AmbiguousTokenError,
    CSRFError,
    FreshTokenRequired,
    InvalidHeaderError,
    InvalidQueryParamError,
    JWTDecodeError,
    NoAuthorizationError,
    RequestTooLargeError,
    RevokedTokenError,
    UserClaimsVerificationError,
    UserLookupError,
    WrongTenantError,
    WrongTokenError,
    StoreUnavailableError,
    KeysUnavailableError,
    SessionEndedError,
    TokenReusedError,
    RecentLoginRequired,
    SignetError,
)
"""The classes that a handler is registered for. Flask takes the nearest class with a handler: an
application's handler for a parent of one of these must not swallow them, as it did not with
Flask-JWT-Extended. PyJWT's classes have none, see :func:`.exceptions.adopt_pyjwt`."""


class Named(Protocol):
    """A manager: it answers for the errors that leave its methods."""

    name: str


M = TypeVar("M", bound=Named)
P = ParamSpec("P")
R = TypeVar("R")


def answered(method: Callable[Concatenate[M, P], R]) -> Callable[Concatenate[M, P], R]:
    """A public method of a manager. The manager answers for the errors that leave it."""

    @wraps(method)
    def run(manager: M, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(manager, *args, **kwargs)
        except SignetError as error:
            _bind(error, manager.name)
            raise

    return run


def _bind(error: SignetError, name: str) -> None:
    """Have a manager answer for an error. Outside an application nothing answers."""
    try:
        here = installation(name)
    except RuntimeError:
        return
    here.answers.bind(error)


def handle(error: SignetError) -> Any:
    """Flask's handler: the answer of the manager that refused, or of the unnamed one."""
    return _bound(error).response


def handle_for_api(error: SignetError) -> Any:
    """The same for an extension whose handlers give data, status and headers (RESTX)."""
    response: Any = _bound(error).response
    challenge = response.headers.get("WWW-Authenticate")
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    # Not `error.data`: an extension that finds that attribute takes it instead of this answer.
    body = response.get_json(silent=True)
    return response if body is None else (body, response.status_code, headers)


def _bound(error: SignetError) -> SignetError:
    if error.renderer is None:  # raised by the application itself
        managers = installations(current_app)
        here = managers.get("") or next(iter(managers.values()))
        here.answers.bind(error)
    return error
