"""Where to go after the login: only to a page of this service (CWE-601)."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from flask import request

#: One slash, then what RFC 3986 allows in a path and a query: no space, no control character,
#: no backslash (which browsers read as a slash).
_LOCAL = re.compile(r"/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
#: These must not appear percent-encoded either.
_HIDDEN = re.compile(r"[\x00-\x20\x7f\\]")


def local_path(target: str | None, default: str = "/") -> str:
    """The target if it is a path on this host, else the default.

    >>> local_path("/profile?tab=keys")
    '/profile?tab=keys'
    >>> local_path("//evil.example")
    '/'
    """
    if not target or len(target) > 2048 or not _LOCAL.fullmatch(target):
        return default
    path = unquote(urlsplit(target).path)
    if "//" in path or _HIDDEN.search(unquote(target)):
        return default
    return target


def requested_path() -> str:
    """The path and the query of this request, to go back to after the login."""
    parts = urlsplit(request.url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
