"""A browser's session: two tokens in cookies, and the way to the login page without them."""

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
    """Log the user in: a new session.

    That of the tokens which the browser had before ends: they may be somebody else's, who put
    them there (session fixation).
    """
    _revoke(_presented_tokens())
    pair = create_token_pair(user.id, label=requesting_device())
    return _with_cookies(go(then), pair)


def renew_session(then: str) -> Response:
    """Give the browser the next two tokens for its refresh token."""
    return _with_cookies(go(then), rotate_refresh_token())


def end_session(then: str) -> Response:
    """Log out: the session ends, by whichever token there is, and the cookies are dropped.

    :raises CSRFError: if the form does not have the value of the refresh token; where that is
        gone, of the access token.
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
    """303: whatever the method was, the target is asked for with GET."""
    return make_response(redirect(target, 303))


def _presented_tokens() -> dict[str, dict[str, Any]]:
    """The cookies' tokens, if they are ours, with their claims; the refresh token first."""
    found = {}
    for option in ("JWT_REFRESH_COOKIE_NAME", "JWT_ACCESS_COOKIE_NAME"):
        token = request.cookies.get(current_app.config[option], "")
        with suppress(SignetError):  # there is none, or somebody else made it
            found[token] = decode_token(token, allow_expired=True)
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
    if jwt_payload.get("type") == "access":
        # A form can't be sent again by following a link: one sees the start page, and goes on.
        target = requested_path() if request.method == "GET" else url_for("index.home")
        return go(url_for("index.renew", next=target))
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
    response = go(url_for("index.login", next=target))
    if drop_cookies:
        unset_jwt_cookies(response)
    return response
