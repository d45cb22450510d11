"""Ready-made endpoints: log in, refresh, log out, and the list of one's sessions.

A blueprint with the routes that most applications write by hand, for the unnamed manager. It uses
what the package gives to every application: the functions of the package and the guards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from flask import Blueprint, Response, current_app, jsonify, make_response, request, url_for

from ..engine.callbacks import settled
from ..engine.renew import TO_RENEW
from ..engine.rotate import TO_ROTATE
from ..engine.signet import Signet
from ..exceptions import NoAuthorizationError, WrongTokenError
from ..jose.jws import parse_payload
from ..jwt.token import TokenPair
from ..sessions.session import PAGE
from .boundaries import answered
from .bounded import MAX_BODY, arguments_of, bound_body, fields_of
from .credentials import Search, find
from .csrf import refuse_cross_site
from .guards import admit_request
from .installation import installation
from .unnamed import UNNAMED

Authenticate = Callable[[Mapping[str, Any]], Any]
"""From the fields of a log-in, members of a JSON object or of a form, to an identity or None."""

Label = Callable[[Mapping[str, Any]], Any]
"""From the fields of a log-in to a name for its device. What is no text, or empty, is no name: a
client sends any JSON."""

Remember = Callable[[Mapping[str, Any]], Any]
"""From the fields of a log-in to whether its cookies outlive the browser. What is neither True nor
False is no choice."""


def token_blueprint(
    authenticate: Authenticate,
    *,
    name: str = "tokens",
    url_prefix: str = "/auth",
    cookies: bool = False,
    label: Label | None = None,
    remember: Remember | None = None,
) -> Blueprint:
    """Endpoints for tokens and sessions. They need ``JWT_SESSION_STORE``.

    ============================  =======================================================
    ``POST /auth/tokens``         log in: 201 with both tokens, 401 where ``authenticate``
                                  returns None
    ``PATCH /auth/tokens``        refresh, with the refresh token: 201 with both new tokens, or
                                  with the access token alone where ``JWT_REFRESH_ROTATION``
                                  is off
    ``DELETE /auth/tokens``       log out, with either token, also an expired one: 204;
                                  401 where there is no token of ours
    ``POST /auth/logout``         with cookies, the same for ``navigator.sendBeacon``, which
                                  sends no header: the CSRF value may be a field of a form
    ``GET /auth/sessions``        one's sessions, the newest first; ``current`` marks the one
                                  that asks. A page has 100; where there may be more, the
                                  header ``Link`` has the address of the next (RFC 8288)
    ``DELETE /auth/sessions``     log out everywhere, ``?others=true``: everywhere else: 204
    ``DELETE /auth/sessions/ID``  end one of one's own sessions: 204, or 404
    ============================  =======================================================

    The answers of log-in and refresh are those of RFC 6749 section 5.1: ``access_token``,
    ``token_type``, ``expires_in`` and ``refresh_token``, and beside them ``refresh_expires_in``.
    With cookies they have ``csrf_token`` and ``sid`` in place of the tokens and their type. Both
    times are seconds from now. One that never comes is left out. A body may have 64 KiB; a longer
    one is answered 413, unread.

    :param authenticate: gets the members of the JSON object, which may be any JSON, or the fields
        of the form, which are texts; it gets none where the body can't be read. It returns an
        identity for ``create_token_pair``, or None. It may be ``async``, and may raise an
        HTTP exception for an answer of its own. An unknown user should cost what a wrong password
        costs.
    :param cookies: set the tokens as cookies, not in the body; ``JWT_TOKEN_LOCATION`` must have
        ``cookies`` in it, and each request but GET needs the CSRF value. A log-in from another
        site is refused by its ``Sec-Fetch-Site`` or ``Origin``, but for those of
        ``JWT_TRUSTED_ORIGINS``. Without it, a refresh token in a cookie is not taken: its
        successor would be in the body, where scripts can read it.
    :param label: names the device of a log-in, for the list of sessions; it gets what
        ``authenticate`` got, once that has let the user in. It may be ``async``.
    :param remember: for a "remember me" box: gets what ``label`` gets, returns what
        ``create_token_pair`` takes as ``remember``. It may be ``async``.
    """
    blueprint = Blueprint(name, __name__, url_prefix=url_prefix)
    views = _TokenViews(authenticate, label, remember, cookies=cookies)
    guarded = UNNAMED.jwt_required()
    blueprint.before_request(_bound)
    blueprint.after_request(_keep_out_of_caches)
    blueprint.post("/tokens")(views.log_in)
    blueprint.patch("/tokens")(views.refresh)
    blueprint.delete("/tokens")(views.log_out)
    if cookies:
        blueprint.post("/logout")(views.log_out_by_form)
    blueprint.get("/sessions")(guarded(views.sessions))
    blueprint.delete("/sessions")(guarded(views.end_all))
    blueprint.delete("/sessions/<sid>")(guarded(views.end_one))
    return blueprint


class _TokenViews:
    """The views of one blueprint; each is named like its endpoint.

    The unnamed manager answers for the errors that leave them, in any error handler.
    """

    name = ""

    def __init__(
        self,
        authenticate: Authenticate,
        label: Label | None,
        remember: Remember | None,
        *,
        cookies: bool,
    ) -> None:
        self._authenticate = authenticate
        self._label = label
        self._remember = remember
        self._cookies = cookies

    @answered
    def log_in(self) -> Response:
        if self._cookies:
            refuse_cross_site()  # a page elsewhere that logs its visitor in: login CSRF
        sent = fields_of(request)
        identity = _result(self._authenticate, sent)
        if identity is None:
            refused = make_response(_message("Wrong user or password"), 401)
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        label = None if self._label is None else _result(self._label, sent)
        remember = None if self._remember is None else _result(self._remember, sent)
        pair = UNNAMED.create_token_pair(
            identity,
            label=label if isinstance(label, str) else "",
            remember=remember if isinstance(remember, bool) else None,
        )
        return self._answer(pair)

    @answered
    def refresh(self) -> Response:
        current = installation().current
        signet = current.signet()
        current.work_by(signet)
        if signet.storage is not None and not signet.settings.rotates:
            return self._renewed(signet)
        if not self._cookies:
            _take_no_cookie()
        return self._answer(UNNAMED.rotate_refresh_token())

    @answered
    def log_out(self) -> Response:
        if not UNNAMED.logout():
            # Nothing was ended: a client that believes it would leave its session open.
            raise NoAuthorizationError("There is no token to log out")
        return make_response("", 204)

    @answered
    def log_out_by_form(self) -> Response:
        current = installation().current
        signet = current.signet()
        current.work_by(replace(signet, settings=replace(signet.settings, csrf_check_form=True)))
        return self.log_out()

    @answered
    def sessions(self) -> Response:
        owner, after = _owner(), arguments_of(request).get("after")
        try:
            found = UNNAMED.list_sessions(owner, after=after)
        except ValueError:
            return make_response(_message("after is no place in a list of sessions"), 400)
        response = jsonify([session._asdict() for session in found])
        if len(found) == PAGE:
            following = url_for(request.endpoint or "", after=found[-1].place)
            response.headers["Link"] = f'<{following}>; rel="next"'  # RFC 8288
        return response

    @answered
    def end_all(self) -> Response:
        owner, here = _owner(), None
        if arguments_of(request).get("others") == "true":
            here = installation().current.sid()
        UNNAMED.end_sessions(owner, except_sid=here)
        return make_response("", 204)

    @answered
    def end_one(self, sid: str) -> Response:
        if not UNNAMED.end_session(sid, subject=_owner()):
            return make_response(_message("No such session"), 404)
        return make_response("", 204)

    def _answer(self, pair: TokenPair) -> Response:
        signet = installation().current.maker_of(pair.access_token)
        access, refresh = (
            _claims(signet, text) for text in (pair.access_token, pair.refresh_token)
        )
        times = {"expires_in": _left(signet, access), "refresh_expires_in": _left(signet, refresh)}
        tokens = {"access_token": pair.access_token, "refresh_token": pair.refresh_token}
        response = self._made(tokens, access, times)
        if self._cookies:
            UNNAMED.set_access_cookies(response, pair.access_token)
            UNNAMED.set_refresh_cookies(response, pair.refresh_token)
        return response

    def _renewed(self, signet: Signet) -> Response:
        """The answer to a refresh where nothing rotates: the client's refresh token stays good."""
        here = installation()
        locations = None if self._cookies else _elsewhere(signet)
        admission = admit_request(UNNAMED, here, replace(TO_RENEW, locations=locations), signet)
        assert admission is not None  # noqa: S101 - no guard lets a PATCH pass without; narrows
        text = signet.renew(admission)
        here.current.made(signet, text)
        access = _claims(signet, text)
        times = {
            "expires_in": _left(signet, access),
            "refresh_expires_in": _left(signet, admission.claims),
        }
        response = self._made({"access_token": text}, access, times)
        if self._cookies:
            UNNAMED.set_access_cookies(response, text)
        return response

    def _made(
        self, tokens: Mapping[str, str], access: Mapping[str, Any], times: Mapping[str, int | None]
    ) -> Response:
        """201 with what a client needs to know of its tokens; with cookies, not the tokens."""
        body: dict[str, Any] = {name: left for name, left in times.items() if left is not None}
        if not self._cookies:
            body |= {"token_type": "Bearer", **tokens}
        else:
            body |= {name: access[claim] for name, claim in _OF_COOKIES.items() if claim in access}
        return make_response(jsonify(body), 201)


_OF_COOKIES: Final = {"sid": "sid", "csrf_token": "csrf"}
"""What the answer says in place of the tokens, and the claims that it is in."""


def _take_no_cookie() -> None:
    """Find the refresh token of this request, where it may be in a cookie, elsewhere.

    :raises NoAuthorizationError: if it is in a cookie.
    """
    current = installation().current
    signet = current.signet()
    current.work_by(signet)
    search = Search(request, signet, "refresh")
    if "cookies" not in signet.settings.token_location or not search.cookie_texts():
        return
    credentials = find(request, signet, replace(TO_ROTATE, locations=_elsewhere(signet)))
    current.keep(request, (signet, signet.admit_to_rotate(credentials)))


def _elsewhere(signet: Signet) -> tuple[str, ...]:
    """The locations of a token but for the cookies.

    :raises NoAuthorizationError: if there is no other.
    """
    elsewhere = tuple(name for name in signet.settings.token_location if name != "cookies")
    if not elsewhere:
        raise NoAuthorizationError("A refresh token in a cookie is not taken here")
    return elsewhere


def _claims(signet: Signet, text: str) -> dict[str, Any]:
    """The payload of a token that was made in this very request."""
    return parse_payload(signet.parse(text).payload)


def _left(signet: Signet, claims: Mapping[str, Any]) -> int | None:
    """Seconds until a token expires; None: it never does."""
    return max(0, int(claims["exp"] - signet.clock())) if "exp" in claims else None


def _bound() -> None:
    """Whatever reads the body of a request, a guard that looks for a token too, reads no more.

    :raises RequestTooLargeError: if it is longer.
    """
    bound_body(request, MAX_BODY)


def _keep_out_of_caches(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"  # RFC 6749 section 5.1
    response.headers["Pragma"] = "no-cache"
    return response


def _result(function: Callable[..., Any], *arguments: Any) -> Any:
    """What one of the application's functions returns; it may be ``async``."""
    return settled(function(*arguments), current_app.async_to_sync)


def _owner() -> Any:
    """The identity whose sessions a request is about.

    :raises WrongTokenError: if the request's token is another issuer's, whose users may have ids
        like ours.
    """
    admission = installation().current.admission()
    if admission is not None and admission.issuer is not None:
        raise WrongTokenError("Only this application's tokens are allowed")
    return UNNAMED.get_jwt_identity()


def _message(text: str) -> Response:
    return jsonify({installation().settings.error_msg_key: text})
