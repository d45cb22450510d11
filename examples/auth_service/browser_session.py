"""The session of a browser: two tokens in cookies; without them, a redirect to the login page."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from hmac import compare_digest
from typing import Any

from flask import Response, current_app, make_response, redirect, request, url_for

from flask_signet import (
    TokenPair,
    create_token_pair,
    decode_token,
    revoke_token,
    rotate_refresh_token,
    set_access_cookies,
    set_refresh_cookies,
    unset_jwt_cookies,
)
from flask_signet.exceptions import CSRFError, SignetError

from .database import User
from .devices import requesting_device
from .errors import is_api_request
from .local_path import requested_path
from .tokens import jwt


def start_session(user: User, then: str) -> Response:
    """Log the user in: open a new session.

    The session of the tokens that the browser had before ends. An attacker may have put these
    tokens there (session fixation).
    """
    _revoke(_presented_tokens())
    pair = create_token_pair(user.id, label=requesting_device())
    return _with_cookies(go(then), pair)


def renew_session(then: str) -> Response:
    """Replace the browser's refresh token by the next two tokens."""
    return _with_cookies(go(then), rotate_refresh_token())


def end_session(then: str) -> Response:
    """Log out: end the session of the tokens that the browser still has, and drop the cookies.

    :raises CSRFError: if the form does not have the CSRF value of the refresh token, or of the
        access token if the refresh token is gone.
    """
    tokens = _presented_tokens()
    for jwt_payload in list(tokens.values())[:1]:
        _check_csrf_value(jwt_payload)
    _revoke(tokens)
    response = go(then)
    unset_jwt_cookies(response)
    return response


def _with_cookies(response: Response, pair: TokenPair) -> Response:
    set_access_cookies(response, pair.access_token)
    set_refresh_cookies(response, pair.refresh_token)
    return response


def _revoke(tokens: Mapping[str, Mapping[str, Any]]) -> None:
    """End the sessions of these tokens, each once."""
    sessions = {jwt_payload.get("sid", token): token for token, jwt_payload in tokens.items()}
    for token in sessions.values():
        revoke_token(token)


def go(target: str) -> Response:
    """Redirect with 303: the browser asks for the target with GET, whatever the method was."""
    return make_response(redirect(target, 303))


def _presented_tokens() -> dict[str, dict[str, Any]]:
    """The tokens in the cookies, if they are ours, with their claims; the refresh token first."""
    found = {}
    for option in ("JWT_REFRESH_COOKIE_NAME", "JWT_ACCESS_COOKIE_NAME"):
        token = request.cookies.get(current_app.config[option], "")
        with suppress(SignetError):  # no token, or not one of ours
            found[token] = decode_token(token, allow_expired=True)
    return found


def _check_csrf_value(jwt_payload: Mapping[str, Any]) -> None:
    field = current_app.config["JWT_REFRESH_CSRF_FIELD_NAME"]
    expected = jwt_payload.get("csrf", "").encode()
    if not any(compare_digest(value.encode(), expected) for value in request.form.getlist(field)):
        raise CSRFError("Missing CSRF token")


# ── without a good token: a browser gets the login page, the API its usual JSON ──────────────
# A loader that returns None leaves the answer to Flask-Signet.


@jwt.unauthorized_loader
def no_token(reason: str) -> Response | None:
    """No token at all: there is no cookie to drop."""
    return None if is_api_request() else _to_login()


@jwt.expired_token_loader
def expired_token(jwt_header: Mapping[str, Any], jwt_payload: Mapping[str, Any]) -> Response | None:
    """The 15 minutes of the access token are over: get the next one with the refresh token."""
    if is_api_request():
        return None
    if jwt_payload.get("type") == "access":
        # A redirect can't send a form again. The user sees the start page and continues there.
        target = requested_path() if request.method == "GET" else url_for("index.home")
        return go(url_for("index.renew", next=target))
    return _to_login(drop_cookies=True)


@jwt.invalid_token_loader
@jwt.revoked_token_loader
@jwt.user_lookup_error_loader
def bad_token(*reason_or_token: object) -> Response | None:
    """The token is not ours, was revoked, or its user was deleted."""
    return None if is_api_request() else _to_login(drop_cookies=True)


def _to_login(*, drop_cookies: bool = False) -> Response:
    # A redirect can't send a form again, so only the page of a GET is the target.
    target = requested_path() if request.method == "GET" else None
    if request.endpoint == "index.renew":
        target = request.args.get("next")
    response = go(url_for("index.login", next=target))
    if drop_cookies:
        unset_jwt_cookies(response)
    return response
