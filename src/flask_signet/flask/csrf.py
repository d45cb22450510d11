"""Double submit: a cookie comes with every request, the value in its token must come again.

The value is a claim of the token itself, so the signature binds it to that token: a value from
another session, or one that a sub-domain planted in a cookie, does not match
(:func:`.jwt.claims.check_csrf`). Here is how the value comes back.
"""

from __future__ import annotations

import logging
import re
from typing import Final
from urllib.parse import urlsplit

from flask import current_app, request

from ..engine.signet import Signet
from ..exceptions import CSRFError
from .bounded import form_of
from .current import request_itself
from .installation import installations

log: Final = logging.getLogger("flask_signet")

# Scheme, host, port (RFC 6454 section 6.1). A label of a host has at most 63 characters (RFC 1035
# section 2.3.4).
_LABEL: Final = "[a-z0-9_-]{1,63}"
_ORIGIN: Final = re.compile(
    rf"[a-z][a-z0-9+.-]{{0,31}}://({_LABEL}(\.{_LABEL}){{0,15}}|\[[0-9a-f:.]{{2,45}}\])(:\d{{1,5}})?"
)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def is_unsafe(methods: frozenset[str] | None) -> bool:
    """Whether this request's method may change something: then a cookie alone is no proof.

    :param methods: those that count; None: all but GET, HEAD and OPTIONS.
    """
    return request.method not in _SAFE if methods is None else request.method in methods


def submitted_value(header: str, field: str | None, limit: int) -> str:
    """The value that came beside the cookie.

    :param header: the name of the header that may have it.
    :param field: the name of the form field that may have it; None: no form is looked at.
    :param limit: bytes of a form that are read at most.
    :raises CSRFError: if there is none.
    :raises RequestTooLargeError: if it may be in the form, and that is longer.
    """
    value = request.headers.get(header)
    if not value and field is not None:
        value = form_of(request_itself(), limit).get(field)
    if not value:
        raise CSRFError("Missing CSRF token")
    return value


def refuse_cross_site(signet: Signet | None = None) -> None:
    """Refuse a request that its own headers show to come from another site.

    ``Sec-Fetch-Site`` is the browser's word, and no page can set it; ``Origin`` is asked where it
    is missing. A request with neither comes from no browser of the last years. The origins of
    ``JWT_TRUSTED_ORIGINS`` are let in.

    :param signet: by whose options; None: by those of the unnamed manager.
    :raises CSRFError: if the request comes from another site. A warning is logged.
    """
    if _is_from_here():
        return
    origin = request.headers.get("Origin")
    signet = signet or _signet_of_now()
    trusted = frozenset[str]() if signet is None else signet.settings.trusted_origins
    if origin is not None and origin.lower() in trusted:
        return
    _log_refusal(origin, "JWT_" if signet is None else signet.prefix)
    raise CSRFError("Cross-site request refused")


def _is_from_here() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or _same_origin(origin)


def _same_origin(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return (parts.scheme, parts.netloc.lower()) == (request.scheme, request.host.lower())


def _signet_of_now() -> Signet | None:
    here = installations(current_app).get("")
    return None if here is None else here.current.signet()


def _log_refusal(origin: str | None, prefix: str) -> None:
    # %a: what a client sent is in the log as ASCII, on one line.
    log.warning(
        "A cross-site request was refused: it comes from a page of the origin %a, and this "
        "application's origin is %a. If pages of the first may send requests with cookies, put it "
        "into %sTRUSTED_ORIGINS. If browsers know this application by another origin than the "
        "second, it is behind a proxy: werkzeug.middleware.proxy_fix.ProxyFix tells it.",
        _for_the_log(origin),
        _for_the_log(f"{request.scheme}://{request.host}"),
        prefix,
    )


def _for_the_log(origin: str | None) -> str | None:
    """An origin as browsers send it, or what it is instead: a client may send a token there."""
    if origin is None or origin == "null":
        return origin
    written = origin.lower()  # as hosts are compared; base64url does not survive it
    return written if _ORIGIN.fullmatch(written) else "(not an origin)"
