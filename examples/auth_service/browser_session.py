"""A browser's session: two tokens in cookies, and the way to the login page without them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from hmac import compare_digest
from typing import Any

from flask import Response, current_app, make_response, redirect, request, url_for

from flask_signet import (
    create_access_token,
    create_refresh_token,
    decode_token,
    get_jwt_identity,
    set_access_cookies,
    set_refresh_cookies,
    unset_jwt_cookies,
)
from flask_signet.exceptions import CSRFError, SignetError

from .database import User
from .errors import is_api_request
from .local_path import requested_path
from .tokens import jwt, revoke


def start_session(user: User, then: str) -> Response:
    """Log the user in with new tokens.

    Those that the browser had before are revoked: they may be somebody else's, who put them
    there (session fixation).
    """
    for jwt_payload in _presented_tokens():
        revoke(jwt_payload)
    response = _go(then)
    set_access_cookies(response, create_access_token(identity=user.id))
    set_refresh_cookies(response, create_refresh_token(identity=user.id))
    return response


def renew_access(then: str) -> Response:
    """Give the user of the refresh token the next access token."""
    response = _go(then)
    set_access_cookies(response, create_access_token(identity=get_jwt_identity()))
    return response


def end_session(then: str) -> Response:
    """Log out: the tokens are revoked, whichever there are, and the cookies are dropped.

    :raises CSRFError: if the form does not have the value of the refresh token; where that is
        gone, of the access token.
    """
    tokens = _presented_tokens()
    if tokens:
        _check_csrf_value(tokens[0])
    for jwt_payload in tokens:
        revoke(jwt_payload)
    response = _go(then)
    unset_jwt_cookies(response)
    return response


def _go(target: str) -> Response:
    """303: whatever the method was, the target is asked for with GET."""
    return make_response(redirect(target, 303))


def _presented_tokens() -> list[dict[str, Any]]:
    """The claims of the cookies' tokens, if they are ours; the refresh token's first."""
    found = []
    for option in ("JWT_REFRESH_COOKIE_NAME", "JWT_ACCESS_COOKIE_NAME"):
        token = request.cookies.get(current_app.config[option], "")
        with suppress(SignetError):  # there is none, or somebody else made it
            found.append(decode_token(token, allow_expired=True))
    return found


def _check_csrf_value(jwt_payload: Mapping[str, Any]) -> None:
    field = current_app.config["JWT_REFRESH_CSRF_FIELD_NAME"]
    expected = jwt_payload.get("csrf", "").encode()
    if not any(compare_digest(value.encode(), expected) for value in request.form.getlist(field)):
        raise CSRFError("Missing CSRF token")


# ── without a good token: the login page for a browser, the usual JSON for the API ────────────
# A loader that returns None leaves the answer to Flask-Signet.


@jwt.unauthorized_loader
def no_token(reason: str) -> Response | None:
    """No token at all: nothing to drop."""
    return None if is_api_request() else _to_login()


@jwt.expired_token_loader
def expired_token(jwt_header: Mapping[str, Any], jwt_payload: Mapping[str, Any]) -> Response | None:
    """The access token's 15 minutes are over: the refresh token gets the next one."""
    if is_api_request():
        return None
    if request.method == "GET" and jwt_payload.get("type") == "access":
        return _go(url_for("index.renew", next=requested_path()))
    return _to_login(drop_cookies=True)


@jwt.invalid_token_loader
@jwt.revoked_token_loader
@jwt.user_lookup_error_loader
def bad_token(*reason_or_token: object) -> Response | None:
    """Not a token of ours, somebody has logged out, or the user was deleted."""
    return None if is_api_request() else _to_login(drop_cookies=True)


def _to_login(*, drop_cookies: bool = False) -> Response:
    # A form can't be sent again by following a link, so only a GET is come back to.
    target = requested_path() if request.method == "GET" else None
    if request.endpoint == "index.renew":
        target = request.args.get("next")
    response = _go(url_for("index.login", next=target))
    if drop_cookies:
        unset_jwt_cookies(response)
    return response
