"""Ready-made endpoints: log in, refresh, log out, and the list of one's sessions.

A blueprint with the routes that most applications write by hand. It uses what the package gives to
everybody: :mod:`.sessions`, :mod:`.cookies`, the guards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request

from ..engine.callbacks import call
from ..exceptions import CSRFError, NoAuthorizationError, WrongTokenError
from ..jwt.token import TokenPair
from ..view_decorators import jwt_required
from .answers import bind
from .app_state import current_state
from .cookies import set_access_cookies, set_refresh_cookies
from .csrf import refuse_cross_site
from .current import get_jwt_identity, of_request
from .sessions import (
    create_token_pair,
    end_session,
    end_sessions,
    list_sessions,
    logout,
    rotate_refresh_token,
)

Authenticate = Callable[[Mapping[str, Any]], Any]
"""What a log-in sends, the members of a JSON object or of a form, to an identity or None."""

Label = Callable[[Mapping[str, Any]], str]
"""What a log-in sends to a name for its device, empty if there is none."""


def token_blueprint(
    authenticate: Authenticate,
    *,
    name: str = "tokens",
    url_prefix: str = "/auth",
    cookies: bool = False,
    label: Label | None = None,
) -> Blueprint:
    """Endpoints for tokens and sessions. They need ``JWT_SESSION_STORE``.

    ============================  =======================================================
    ``POST /auth/tokens``         log in: 201 with both tokens, 401 where ``authenticate``
                                  returns None
    ``PATCH /auth/tokens``        refresh, with the refresh token: 201 with both new tokens
    ``DELETE /auth/tokens``       log out, with either token, also an expired one: 204;
                                  401 where there is no token of ours
    ``GET /auth/sessions``        one's sessions; ``current`` marks the one that asks
    ``DELETE /auth/sessions``     log out everywhere, ``?others=true``: everywhere else: 204
    ``DELETE /auth/sessions/ID``  end one of one's own sessions: 204, or 404
    ============================  =======================================================

    :param authenticate: gets the members of the JSON object, or the fields of the form; returns
        an identity for ``create_token_pair``, or None. It may be ``async``, and may raise an
        HTTP exception for an answer of its own. What it costs to find out that a user is unknown
        should be what a wrong password costs.
    :param cookies: set the tokens as cookies, not in the body; ``JWT_TOKEN_LOCATION`` must have
        ``cookies`` in it, and each request but GET needs the CSRF value. A log-in from another
        site is refused by its ``Sec-Fetch-Site`` or ``Origin``.
    :param label: names the device of a log-in, for the list of sessions; it gets what
        ``authenticate`` got, once that has let somebody in. It may be ``async``.
    """
    blueprint = Blueprint(name, __name__, url_prefix=url_prefix)

    @blueprint.after_request
    def keep_out_of_caches(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"  # RFC 6749 section 5.1
        response.headers["Pragma"] = "no-cache"
        return response

    @blueprint.post("/tokens")
    def log_in() -> Response:
        if cookies:
            _refuse_cross_site_login()
        sent = _credentials()
        identity = call(authenticate, sent)
        if identity is None:
            refused = make_response(_message("Wrong user or password"), 401)
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        device = "" if label is None else call(label, sent)
        return _answer(create_token_pair(identity, label=device), cookies=cookies)

    @blueprint.patch("/tokens")
    def refresh() -> Response:
        return _answer(rotate_refresh_token(), cookies=cookies)

    @blueprint.delete("/tokens")
    def log_out() -> Response:
        if not logout():
            # Nothing was ended: a client that believes it would leave its session open.
            raise bind(NoAuthorizationError("There is no token to log out"), current_state())
        return make_response("", 204)

    @blueprint.get("/sessions")
    @jwt_required()
    def sessions() -> Response:
        found = list_sessions(_owner())
        return jsonify([session._asdict() for session in found])

    @blueprint.delete("/sessions")
    @jwt_required()
    def end_all() -> Response:
        here = None
        if request.args.get("others") == "true":
            here = next((s.sid for s in list_sessions(_owner()) if s.current), None)
        end_sessions(_owner(), except_sid=here)
        return make_response("", 204)

    @blueprint.delete("/sessions/<sid>")
    @jwt_required()
    def end_one(sid: str) -> Response:
        if not end_session(sid, subject=_owner()):
            return make_response(_message("No such session"), 404)
        return make_response("", 204)

    return blueprint


def _owner() -> Any:
    """Whose sessions a request is about: those of another issuer's users are not here.

    :raises WrongTokenError: if its token is another issuer's, whose users may have ids like ours.
    """
    current = of_request(current_state())
    if current is not None and current.issuer is not None:
        raise bind(WrongTokenError("Only this application's tokens are allowed"), current_state())
    return get_jwt_identity()


def _refuse_cross_site_login() -> None:
    """A page elsewhere that logs its visitor in as somebody else (login CSRF) is refused."""
    try:
        refuse_cross_site()
    except CSRFError as error:
        raise bind(error, current_state()) from None


def _credentials() -> Mapping[str, Any]:
    if not request.is_json:
        return request.form
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def _message(text: str) -> Response:
    return jsonify({current_state().settings.error_msg_key: text})


def _answer(pair: TokenPair, *, cookies: bool) -> Response:
    if not cookies:
        body = {"access_token": pair.access_token, "refresh_token": pair.refresh_token}
        return make_response(jsonify(body), 201)
    response = make_response(jsonify(sid=pair.sid), 201)
    set_access_cookies(response, pair.access_token)
    set_refresh_cookies(response, pair.refresh_token)
    return response
