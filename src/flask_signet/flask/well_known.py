"""What an issuer publishes under ``/.well-known/``: its public keys, and where its endpoints are.

A blueprint for applications whose tokens others verify. Both documents are public, the same for
everybody, and fit for caches.
"""

from __future__ import annotations

from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from flask import Blueprint, Response, current_app, jsonify, request, url_for
from werkzeug.datastructures import Headers

from ..engine.signet import Signet
from ..keys.urls import check_url
from .bounded import MAX_CONDITION
from .installation import installation
from .oauth import CLIENT_AUTHENTICATION, endpoints_of

METADATA_PATH: Final = "/.well-known/oauth-authorization-server"


def key_blueprint(*, name: str = "well_known", max_age: int = 300) -> Blueprint:
    """The public keys, for services that verify this application's tokens, and its metadata.

    ===============================================  =========================================
    ``GET /.well-known/jwks.json``                   the public keys (RFC 7517 section 5)
    ``GET /.well-known/oauth-authorization-server``  the issuer and its endpoints (RFC 8414);
                                                     404 where ``JWT_ENCODE_ISSUER`` is no
                                                     https URL
    ===============================================  =========================================

    Published are the keys that verify, and no secret: the key that signs, those that signed before
    it, and the next one, so that every service has it before it signs. Keys that a
    ``decode_key_loader`` gives are not among them. Both answers have a strong ``ETag``, and any
    page may read them.

    :param max_age: seconds that others may keep them. Keep it below the time for which a next key
        is published (``flask jwt keys rotate --publish-for``).
    :raises ValueError: if ``max_age`` is no whole number of seconds, zero or more.
    """
    if type(max_age) is not int or max_age < 0:
        raise ValueError("max_age takes whole seconds, zero or more")
    blueprint = Blueprint(name, __name__)

    @blueprint.get("/.well-known/jwks.json")
    def jwks() -> Response:
        signet = installation().signet()
        return _public({"keys": signet.keys.published(signet.clock())}, max_age)

    @blueprint.get(METADATA_PATH)
    @blueprint.get(f"{METADATA_PATH}/<path:path>")
    def metadata(path: str = "") -> Response:
        signet = installation().signet()
        issuer = signet.settings.encode_issuer or ""
        try:
            parts = urlsplit(check_url(issuer))
        except ValueError:
            return _nothing(signet, "The issuer's name is no https URL: set JWT_ENCODE_ISSUER")
        # RFC 8414 section 3.1: the issuer's path comes after the well-known one.
        if parts.query or path not in ("", parts.path.strip("/")):
            return _nothing(signet, "There is no such issuer here")
        keys_at = url_for(f"{request.blueprint}.jwks", _external=False)
        return _public(_metadata(issuer, keys_at), max_age)

    return blueprint


def _metadata(issuer: str, keys_at: str) -> dict[str, Any]:
    """The members of RFC 8414 section 2 that there is something to say about.

    The URLs begin with the issuer's, not with the request's `Host`, which would get into caches.
    """
    document = {
        "issuer": issuer,
        "jwks_uri": _beside(issuer, keys_at),
        # There is no authorization endpoint and no token endpoint. The first is required all the
        # same; without the second, a client would assume two grants.
        "response_types_supported": [],
        "grant_types_supported": [],
    }
    for kind, path in endpoints_of(current_app).items():
        document[f"{kind}_endpoint"] = _beside(issuer, path)
        document[f"{kind}_endpoint_auth_methods_supported"] = list(CLIENT_AUTHENTICATION)
    return document


def _beside(issuer: str, path: str) -> str:
    parts = urlsplit(issuer)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


class _PublicResponse(Response):
    """An answer that shared caches keep: no cookie may be in it."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        # Here, after all hooks: Flask renews a permanent session with every answer.
        headers = super().get_wsgi_headers(environ)
        headers.remove("Set-Cookie")
        return headers


def _public(document: dict[str, Any], max_age: int) -> Response:
    body = jsonify(document).get_data()
    response = _PublicResponse(body, content_type="application/json")
    response.cache_control.public = True
    response.cache_control.max_age = max_age
    # Any page may read it: it says the same to everybody.
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.set_etag(sha256(body).hexdigest()[:32])
    if not any(len(request.headers.get(name, "")) > MAX_CONDITION for name in _CONDITIONS):
        response.make_conditional(request)
    return response


_CONDITIONS: Final = ("If-Match", "If-None-Match", "If-Range", "Range")
"""Headers that are lists of any length. A cache sends the one ``ETag`` that it was given."""


def _nothing(signet: Signet, message: str) -> Response:
    response = jsonify({signet.settings.error_msg_key: message})
    response.status_code = HTTPStatus.NOT_FOUND
    response.headers["Cache-Control"] = "no-store"  # it may be set right in a moment
    return response
