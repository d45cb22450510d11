"""From an error to its answer: a table, and one handler for the root of our errors."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Literal, NamedTuple

from flask import Response, current_app, jsonify

from ..engine.callbacks import call
from ..exceptions import (
    AmbiguousTokenError,
    CSRFError,
    ExpiredSignatureError,
    FreshTokenRequired,
    InvalidHeaderError,
    InvalidQueryParamError,
    JWTDecodeError,
    KeysUnavailableError,
    NoAuthorizationError,
    RevokedTokenError,
    SessionEndedError,
    SignetError,
    StoreUnavailableError,
    TokenReusedError,
    UserClaimsVerificationError,
    UserLookupError,
    WrongTokenError,
)
from .app_state import EXTENSION, AppState, current_state


class Row(NamedTuple):
    """What answers an error.

    ``callback`` is the field of :class:`.callbacks.Callbacks` (None: no client's fault, and no
    loader's business), ``given`` what it is called with; ``status`` and ``message`` are the
    default answer's, None: the error's own message.
    """

    callback: str | None
    given: Literal["message", "token"]
    status: HTTPStatus
    message: str | None = None


_UNAUTHORIZED = HTTPStatus.UNAUTHORIZED
_UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY

TABLE: Final[dict[type[SignetError], Row]] = {
    CSRFError: Row("unauthorized", "message", _UNAUTHORIZED),
    NoAuthorizationError: Row("unauthorized", "message", _UNAUTHORIZED),
    ExpiredSignatureError: Row("expired_token", "token", _UNAUTHORIZED, "Token has expired"),
    RevokedTokenError: Row("revoked_token", "token", _UNAUTHORIZED, "Token has been revoked"),
    FreshTokenRequired: Row("needs_fresh_token", "token", _UNAUTHORIZED, "Fresh token required"),
    UserLookupError: Row("user_lookup_error", "token", _UNAUTHORIZED),
    UserClaimsVerificationError: Row(
        *("token_verification_failed", "token", HTTPStatus.BAD_REQUEST),
        "User claims verification failed",
    ),
    AmbiguousTokenError: Row("invalid_token", "message", HTTPStatus.BAD_REQUEST),
    StoreUnavailableError: Row(None, "message", HTTPStatus.SERVICE_UNAVAILABLE),
    KeysUnavailableError: Row(None, "message", HTTPStatus.SERVICE_UNAVAILABLE),
    # everything else: what was sent is not acceptable
    SignetError: Row("invalid_token", "message", _UNPROCESSABLE),
}


def row_of(error: SignetError) -> Row:
    """The row of the nearest class of an error."""
    return next(TABLE[cls] for cls in type(error).__mro__ if cls in TABLE)


#: The classes that the handler is registered for. Flask takes the nearest class with a handler:
#: an application's handler for a parent of one of these must not swallow them, as it did not
#: with Flask-JWT-Extended. PyJWT's classes have none, see `exceptions.adopt_pyjwt`.
HANDLED: Final = (
    *(AmbiguousTokenError, CSRFError, FreshTokenRequired, InvalidHeaderError),
    *(InvalidQueryParamError, JWTDecodeError, NoAuthorizationError, RevokedTokenError),
    *(UserClaimsVerificationError, UserLookupError, WrongTokenError, StoreUnavailableError),
    *(KeysUnavailableError, SessionEndedError, TokenReusedError, SignetError),
)


def render(state: AppState, error: SignetError) -> Response:
    """The answer to an error: the application's own, else the default.

    Every 401 says how to do better (RFC 9110 section 15.5.2, RFC 6750 section 3).
    """
    row = row_of(error)
    callback = getattr(state.callbacks, row.callback) if row.callback else None
    answer = call(callback, *_arguments(row, error)) if callback is not None else None
    if answer is None:  # also from a loader that has nothing to say about this one
        answer = default_answer(state, error)
    response = state.app.make_response(answer)
    if response.status_code == _UNAUTHORIZED and "WWW-Authenticate" not in response.headers:
        response.headers["WWW-Authenticate"] = error.www_authenticate
    if isinstance(error, StoreUnavailableError | KeysUnavailableError):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _arguments(row: Row, error: SignetError) -> tuple[Any, ...]:
    if row.given == "message":
        return (str(error),)
    return getattr(error, "jwt_header", {}), getattr(error, "jwt_data", {})


def default_status(state: AppState, error: SignetError) -> HTTPStatus:
    """The status of the default answer, in the application's profile."""
    row = row_of(error)
    if not state.settings.rfc6750_status or row.callback is None:
        return row.status
    if error.challenge == "invalid_request":  # RFC 6750 section 3.1
        return HTTPStatus.BAD_REQUEST
    return _UNAUTHORIZED


def default_answer(state: AppState, error: SignetError) -> tuple[Response, HTTPStatus]:
    """The answer where the application has none: the body in its ``JWT_ERROR_FORMAT``."""
    settings, row = state.settings, row_of(error)
    message = row.message or str(error)
    if isinstance(error, UserLookupError):
        message = "Error loading the user"
        if settings.profile != "strict":  # where no claim is repeated to whoever asks
            message += f" {error.jwt_data.get(settings.identity_claim_key)}"
    status = default_status(state, error)
    if settings.error_format == "problem":  # RFC 9457 section 3.1
        response = jsonify(
            type="about:blank",
            title=status.phrase,
            status=int(status),
            detail=message,
            error=error.error_code,
        )
        response.content_type = "application/problem+json"
        return response, status
    body = {settings.error_msg_key: message}
    if settings.error_format == "coded":
        body["error"] = error.error_code
    return jsonify(body), status


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
    if error.renderer is None:
        # Raised by the application itself, or by one of our functions outside a guard.
        states: dict[str, AppState] = current_app.extensions[EXTENSION]
        bind(error, states.get("") or next(iter(states.values())))
    return error


def bind(error: SignetError, state: AppState) -> SignetError:
    """Have a manager answer for an error, whoever handles it."""

    def renderer(error: SignetError) -> Response:
        return render(state, error)

    row = row_of(error)
    asks_a_loader = row.callback is not None and getattr(state.callbacks, row.callback) is not None
    error.code = None if asks_a_loader else int(default_status(state, error))
    error.renderer = renderer
    return error


#: The default answers by field of the callbacks, called as the application's would be.
DEFAULT_ANSWERS: Final[dict[str, Callable[..., Any]]] = {
    "expired_token": lambda *token: _default(ExpiredSignatureError("Signature has expired")),
    "invalid_token": lambda reason: _default(JWTDecodeError(reason)),
    "needs_fresh_token": lambda *token: _default(FreshTokenRequired("", *token)),
    "revoked_token": lambda *token: _default(RevokedTokenError(*token)),
    "token_verification_failed": lambda *token: _default(UserClaimsVerificationError("", *token)),
    "unauthorized": lambda reason: _default(NoAuthorizationError(reason)),
    "user_lookup_error": lambda *token: _default(UserLookupError("", *token)),
}


def _default(error: SignetError) -> tuple[Response, HTTPStatus]:
    return default_answer(current_state(), error)
