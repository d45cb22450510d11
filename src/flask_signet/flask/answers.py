"""From an error to its answer: a table, and what renders it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Literal, NamedTuple, TypeVar

from flask import Flask, Response, after_this_request, has_request_context, jsonify

from ..engine.signet import Signet
from ..exceptions import (
    AmbiguousTokenError,
    CSRFError,
    ExpiredSignatureError,
    FreshTokenRequired,
    KeysUnavailableError,
    NoAuthorizationError,
    RecentLoginRequired,
    RequestTooLargeError,
    RevokedTokenError,
    SignetError,
    StoreUnavailableError,
    UserClaimsVerificationError,
    UserLookupError,
    WrongTenantError,
)
from .cookies import forget_cookies
from .refusals import Refusals

Error = TypeVar("Error", bound=SignetError)


class Row(NamedTuple):
    """How an error is answered.

    :param callback: the field of :class:`.Callbacks` that may answer it; None for a 503, which no
        loader answers.
    :param given: what that loader is called with.
    :param status: of the default answer.
    :param message: of the default answer; None: the error's own message.
    """

    callback: str | None
    given: Literal["message", "token"]
    status: HTTPStatus
    message: str | None = None


_BAD_REQUEST: Final = HTTPStatus.BAD_REQUEST
_UNAUTHORIZED: Final = HTTPStatus.UNAUTHORIZED
_TOO_LARGE: Final = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_UNPROCESSABLE: Final = HTTPStatus.UNPROCESSABLE_ENTITY
_UNAVAILABLE: Final = HTTPStatus.SERVICE_UNAVAILABLE

TABLE: Final[dict[type[SignetError], Row]] = {
    CSRFError: Row("unauthorized", "message", _UNAUTHORIZED),
    NoAuthorizationError: Row("unauthorized", "message", _UNAUTHORIZED),
    ExpiredSignatureError: Row("expired_token", "token", _UNAUTHORIZED, "Token has expired"),
    RevokedTokenError: Row("revoked_token", "token", _UNAUTHORIZED, "Token has been revoked"),
    FreshTokenRequired: Row("needs_fresh_token", "token", _UNAUTHORIZED, "Fresh token required"),
    RecentLoginRequired: Row("needs_fresh_token", "token", _UNAUTHORIZED),
    UserLookupError: Row("user_lookup_error", "token", _UNAUTHORIZED),
    UserClaimsVerificationError: Row(
        callback="token_verification_failed",
        given="token",
        status=_BAD_REQUEST,
        message="User claims verification failed",
    ),
    WrongTenantError: Row("invalid_token", "message", _UNAUTHORIZED),
    AmbiguousTokenError: Row("invalid_token", "message", _BAD_REQUEST),
    RequestTooLargeError: Row("invalid_token", "message", _TOO_LARGE),
    StoreUnavailableError: Row(None, "message", _UNAVAILABLE),
    KeysUnavailableError: Row(None, "message", _UNAVAILABLE),
    # everything else: the token is not acceptable
    SignetError: Row("invalid_token", "message", _UNPROCESSABLE),
}


def row_of(error: SignetError) -> Row:
    """The row of the nearest class of an error."""
    return next(TABLE[cls] for cls in type(error).__mro__ if cls in TABLE)


class Answers:
    """The answers of one manager in one application.

    :param signet: gives the engine by the options of now.
    """

    __slots__ = ("_app", "_refusals", "_signet")

    def __init__(self, app: Flask, signet: Callable[[], Signet]) -> None:
        self._app = app
        self._signet = signet
        self._refusals = Refusals(app)

    def bind(self, error: Error) -> Error:
        """Have this manager answer for an error, whichever framework handles it.

        The cookies of a session that is over go with the answer, also with an answer that the
        application makes itself. Listeners are told of the refusal, once.
        """
        signet, row = self._signet(), row_of(error)
        if error.renderer is None:  # an error passes through several methods
            self._refusals.tell(signet, error)
        asks_a_loader = row.callback is not None and getattr(signet.callbacks, row.callback)
        error.code = None if asks_a_loader else int(_default_status(signet, error))
        error.renderer = self.render
        if error.drops_cookies and has_request_context():
            after_this_request(lambda response: forget_cookies(signet, response))
        return error

    def render(self, error: SignetError) -> Response:
        """The answer to an error: the application's own, else the default.

        Every 401 says how to do better (RFC 9110 section 15.5.2, RFC 6750 section 3).
        """
        signet, row = self._signet(), row_of(error)
        callback = getattr(signet.callbacks, row.callback) if row.callback else None
        answer = None
        if callback is not None:
            answer = signet.ask(callback, *_arguments(row, error))
        if answer is None:  # also from a loader that has nothing to say about this one
            answer = self.default(error)
        response = self._app.make_response(answer)
        if response.status_code == _UNAUTHORIZED and "WWW-Authenticate" not in response.headers:
            response.headers["WWW-Authenticate"] = error.www_authenticate
        if isinstance(error, StoreUnavailableError | KeysUnavailableError):
            response.headers["Retry-After"] = str(error.retry_after)
        return response

    def default(self, error: SignetError) -> tuple[Response, HTTPStatus]:
        """The answer where the application has none: the body in its ``JWT_ERROR_FORMAT``."""
        signet = self._signet()
        settings, status = signet.settings, _default_status(signet, error)
        message = row_of(error).message or str(error)
        if isinstance(error, UserLookupError):
            message = "Error loading the user"
            if settings.profile != "strict":  # where no claim goes into an answer
                message += f" {error.jwt_data.get(settings.identity_claim_key)}"
        if settings.error_format == "problem":
            return _problem(error, message, status), status
        body = {settings.error_msg_key: message}
        if settings.error_format == "coded":
            body["error"] = error.error_code
        return jsonify(body), status


def _arguments(row: Row, error: SignetError) -> tuple[Any, ...]:
    if row.given == "message":
        return (str(error),)
    return getattr(error, "jwt_header", {}), getattr(error, "jwt_data", {})


def _default_status(signet: Signet, error: SignetError) -> HTTPStatus:
    """The status of the default answer, in the application's profile."""
    row = row_of(error)
    if not signet.settings.rfc6750_status or row.callback is None:
        return row.status
    if row.status == _TOO_LARGE:  # RFC 9110 section 15.5.14 says more than a 400
        return row.status
    if error.challenge == "invalid_request":  # RFC 6750 section 3.1
        return _BAD_REQUEST
    return _UNAUTHORIZED


def _problem(error: SignetError, message: str, status: HTTPStatus) -> Response:
    """The body of RFC 9457 section 3.1."""
    response = jsonify(
        type="about:blank",
        title=status.phrase,
        status=int(status),
        detail=message,
        error=error.error_code,
    )
    response.content_type = "application/problem+json"
    return response
