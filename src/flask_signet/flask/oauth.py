"""Revocation (RFC 7009) and introspection (RFC 7662), for services that can't follow the store.

Both are asked by other services, which authenticate as OAuth clients. What a guard of this
application would refuse is inactive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from flask import Blueprint, Flask, Response, current_app, jsonify, make_response, request, url_for
from flask.blueprints import BlueprintSetupState
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from ..engine.admission import Admission
from ..engine.callbacks import settled
from ..engine.rule import Rule
from ..engine.signet import Signet
from ..exceptions import (
    ImmatureSignatureError,
    KeysUnavailableError,
    RequestTooLargeError,
    SignetError,
    StoreUnavailableError,
)
from .boundaries import answered
from .bounded import FORM, MAX_BODY, bound_body, form_of, has_short_type
from .installation import installation
from .manager import Manager
from .unnamed import UNNAMED

AuthenticateClient = Callable[[str, str], Any]
"""From a client's id and secret to whether they are right."""

CLIENT_AUTHENTICATION: Final = ("client_secret_basic", "client_secret_post")
"""How a client may authenticate, by its names in RFC 7591 section 2."""

OAUTH_EXTENSION: Final = "flask-signet-oauth"
"""Where an application keeps the name of this blueprint in it."""


def oauth_blueprint(
    authenticate_client: AuthenticateClient, *, name: str = "oauth", url_prefix: str = "/oauth"
) -> Blueprint:
    """Revocation and introspection of this application's own tokens, for other services.

    ==========================  ========================================================
    ``POST /oauth/revoke``      RFC 7009: the session of the token ends, or the token
                                alone if it has none: 200, also for one that is unknown
    ``POST /oauth/introspect``  RFC 7662: ``{"active": false}``, or ``active`` with the
                                claims. ``token_type`` is ``Bearer`` for access tokens alone
    ==========================  ========================================================

    Both take ``token`` in a form (``application/x-www-form-urlencoded``, 64 KiB at most), and the
    client's id and secret by HTTP Basic or in the form. A client that authenticates by HTTP Basic
    is known before the form is read. Errors are those of RFC 6749 section 5.2; a store that does
    not answer is a 503. Revocation needs ``JWT_SESSION_STORE``.

    :param authenticate_client: gets an id and a secret, both non-empty and of printable ASCII
        (RFC 6749 appendix A), and returns whether they are right. It may be ``async``. It should
        take the same time whichever of the two is wrong: compare with ``hmac.compare_digest``. A
        client that it lets in may ask about, and revoke, each token of the application.
    """
    blueprint = Blueprint(name, __name__, url_prefix=url_prefix)

    @blueprint.record
    def note_names(setup: BlueprintSetupState) -> None:
        here = f"{setup.name_prefix}.{setup.name}".lstrip(".")
        setup.app.extensions[OAUTH_EXTENSION] = here

    @blueprint.after_request
    def keep_out_of_caches(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        response.headers["Pragma"] = "no-cache"
        return response

    @blueprint.errorhandler(_RequestError)
    def refuse(error: _RequestError) -> Response:
        return _error(error)

    @blueprint.post("/revoke")
    def revoke() -> Response:
        return _revoked(UNNAMED, _token_of(authenticate_client))

    @blueprint.post("/introspect")
    def introspect() -> Response:
        return jsonify(_introspected(UNNAMED, _token_of(authenticate_client)))

    return blueprint


def endpoints_of(app: Flask) -> dict[str, str]:
    """The paths of these endpoints in the application of this request, by their names in RFC 8414.

    Without a store nothing can be revoked.
    """
    here = app.extensions.get(OAUTH_EXTENSION)
    if here is None:
        return {}
    views = {"revocation": "revoke", "introspection": "introspect"}
    if _signet().storage is None:
        del views["revocation"]
    return {kind: url_for(f"{here}.{view}", _external=False) for kind, view in views.items()}


def _signet() -> Signet:
    return installation().signet()


# ── the client and the token of a request ────────────────────────────────────────────────


class _RequestError(Exception):
    """A request that is not answered, by its code in RFC 6749 section 5.2, and why.

    :param status: of the answer to one that is no ``invalid_client``, which is 401.
    """

    def __init__(self, code: str, why: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(why)
        self.code = code
        self.status = HTTPStatus.UNAUTHORIZED if code == "invalid_client" else status


class _Credentials(NamedTuple):
    client_id: str
    client_secret: str


def _token_of(authenticate_client: AuthenticateClient) -> str:
    """The token that a right client shows.

    A client that has its secret in the header is known before the body is read.

    :raises _RequestError: if the client is wrong, or the request has no token.
    """
    try:
        bound_body(request, MAX_BODY)
        known = _credentials_of_header()
        if known is not None:
            _authenticate(authenticate_client, known)
        form = _form()
        if known is None:
            _authenticate(authenticate_client, _credentials_of_form(form))
        elif form.get("client_secret") is not None:
            raise _RequestError("invalid_request", "The client authenticates in two ways at once")
        elif form.get("client_id") not in (None, known.client_id):
            raise _RequestError("invalid_request", "client_id is not the client that authenticates")
    except (RequestTooLargeError, RequestEntityTooLarge):
        too_large = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        raise _RequestError("invalid_request", "The body is too long", too_large) from None
    if not form.get("token"):
        raise _RequestError("invalid_request", "There is no token")
    return form["token"]


_VSCHAR: Final = re.compile(r"[ -~]+")


def _authenticate(authenticate_client: AuthenticateClient, found: _Credentials) -> None:
    # No other text can be either of them; and compare_digest raises for those.
    printable = all(_VSCHAR.fullmatch(part) for part in found)
    if not printable or not settled(authenticate_client(*found), current_app.async_to_sync):
        raise _RequestError("invalid_client", "The client's id or secret is wrong")


def _form() -> MultiDict[str, str]:
    """The fields of the request (RFC 7009 section 2.1, RFC 7662 section 2.1)."""
    is_form = has_short_type(request) and request.mimetype in ("", FORM)
    if not is_form:
        raise _RequestError("invalid_request", f"The body has to be {FORM}")
    form = form_of(request, MAX_BODY)
    # RFC 6749 section 3.2: no parameter more than once, whichever of them another reader takes.
    for each in ("token", "token_type_hint", "client_id", "client_secret"):
        if len(form.getlist(each)) > 1:
            raise _RequestError("invalid_request", f"{each} is there more than once")
    return form


def _credentials_of_form(form: Mapping[str, str]) -> _Credentials:
    client_id, secret = form.get("client_id"), form.get("client_secret")
    if not client_id or not secret:
        raise _RequestError("invalid_client", "The client has to authenticate")
    return _Credentials(client_id, secret)


_MAX_HEADER: Final = 8 * 1024


def _credentials_of_header() -> _Credentials | None:
    """The client's id and secret by HTTP Basic (RFC 6749 section 2.3.1); None: no such header."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    try:
        sent = request.authorization if len(header) <= _MAX_HEADER else None
    except ValueError:  # what should be base64 is not even ASCII
        sent = None
    if sent is None or sent.type != "basic" or sent.username is None or sent.password is None:
        raise _RequestError("invalid_client", "The client has to authenticate by HTTP Basic")
    return _Credentials(_from_form(sent.username), _from_form(sent.password))


def _from_form(text: str) -> str:
    """What was encoded as in a form; empty if it is no text.

    RFC 6749 section 2.3.1 has both parts encoded before they are put together.
    """
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeError:
        return ""


def _error(error: _RequestError) -> Response:
    response = jsonify(error=error.code, error_description=str(error))
    response.status_code = error.status
    if error.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Basic realm="oauth"'
    return response


# ── revocation ───────────────────────────────────────────────────────────────────────────


@answered
def _revoked(manager: Manager, text: str) -> Response:
    """The answer to a revocation. ``token_type_hint`` is of no use: the token says what it is."""
    signet = installation(manager.name).signet()
    if signet.storage is None:
        why = "There is no store: tokens can't be revoked"
        raise _RequestError("unsupported_token_type", why)
    try:
        token = signet.verify(text, allow_expired=True)
    except ImmatureSignatureError:
        # It will be good, so that it were revoked would be a lie.
        raise _RequestError("invalid_request", "The token is not valid yet") from None
    except _UNAVAILABLE:
        raise
    except SignetError:
        return make_response("", HTTPStatus.OK)  # RFC 7009 section 2.2: it is good for nothing
    signet.end_of(token.claims)
    return make_response("", HTTPStatus.OK)


_UNAVAILABLE: Final = (StoreUnavailableError, KeysUnavailableError)
"""What is not known is not answered: 503, and the client asks again."""


# ── introspection ────────────────────────────────────────────────────────────────────────

INTROSPECTED: Final = Rule(either=True, current=False)
"""What is asked of a token that another service shows.

A guard ends the session of a refresh token that was used before. The service is not the client that
used the token, so nothing is ended."""


@answered
def _introspected(manager: Manager, text: str) -> dict[str, Any]:
    """The members of RFC 7662 section 2.2."""
    signet = installation(manager.name).signet()
    try:
        token = signet.verify(text)
        admission = signet.examine(token, INTROSPECTED)
        signet.confirm(admission, INTROSPECTED)
        signet.look_up(admission)
        if not _may_refresh(signet, admission):
            return {"active": False}
    except _UNAVAILABLE:
        raise
    except SignetError:
        return {"active": False}
    # The CSRF value is between this application and a browser.
    claims = {
        name: value for name, value in token.claims.items() if value is not None and name != "csrf"
    }
    # A service that takes every active token for an access token is told otherwise (RFC 8693
    # section 2.2.1 has a name for it).
    token_type = "N_A" if claims.get("type") == "refresh" else "Bearer"
    return {**claims, "active": True, "token_type": token_type}


def _may_refresh(signet: Signet, admission: Admission) -> bool:
    """Whether a refresh token would be taken; of an access token nothing more is asked."""
    if admission.claims["type"] != "refresh":
        return True
    callback = signet.callbacks.user_state
    if callback is not None and not signet.ask(callback, admission.identity):
        return False
    return signet.is_current(admission.claims)
