"""Double submit: a cookie comes with every request, the value in its token must come again.

The value is a claim of the token itself, so the signature binds it to that token: a value from
another session, or one that a sub-domain planted in a cookie, does not match
(:func:`.jwt.claims.check_csrf`). Here is how the value comes back.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request
from werkzeug.exceptions import BadRequest

from ..exceptions import CSRFError

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def is_unsafe(methods: frozenset[str] | None) -> bool:
    """Whether this request's method may change something: then a cookie alone is no proof.

    :param methods: those that count; None: all but GET, HEAD and OPTIONS.
    """
    return request.method not in _SAFE if methods is None else request.method in methods


def submitted_value(header: str, field: str | None) -> str:
    """The value that came beside the cookie.

    :param header: the name of the header that may have it.
    :param field: the name of the form field that may have it; None: no form is looked at.
    :raises CSRFError: if there is none.
    """
    value = request.headers.get(header)
    if not value and field is not None:
        value = _form_value(field)
    if not value:
        raise CSRFError("Missing CSRF token")
    return value


def _form_value(field: str) -> str | None:
    try:
        return request.form.get(field)
    except BadRequest:  # a form that breaks off holds nothing
        return None


def refuse_cross_site() -> None:
    """Refuse a request that its own headers show to come from another site.

    ``Sec-Fetch-Site`` is the browser's word, and no page can set it; ``Origin`` is asked where it
    is missing. A request with neither comes from no browser of the last years.

    :raises CSRFError: if the request comes from another site.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise CSRFError("Cross-site request refused")
        return
    origin = request.headers.get("Origin")
    if origin is not None and not _same_origin(origin):
        raise CSRFError("Cross-site request refused")


def _same_origin(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return (parts.scheme, parts.netloc.lower()) == (request.scheme, request.host.lower())
