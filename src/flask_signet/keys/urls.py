"""The URLs that another issuer's keys may come from."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

_URL: Final = re.compile(r"[!-~]{1,2048}")
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+|[0-9A-Fa-f:.]+")


def check_url(url: object, *, loopback: bool = True, allow_http: bool = False) -> str:
    """A URL that keys may come from: https; or http to this same machine, for development.

    :param loopback: whether http to a loopback address is acceptable.
    :param allow_http: whether http is acceptable to any host, as inside a network of one's own.
    :raises ValueError: saying what is wrong with it.
    """
    if not isinstance(url, str) or not _URL.fullmatch(url) or "\\" in url:
        raise ValueError("a URL is a short text of printable ASCII without spaces")
    parts = urlsplit(url)
    host = _host(parts)
    if "@" in parts.netloc or "#" in url:
        raise ValueError("the URL has a user or a fragment in it")
    by_http = allow_http or (loopback and _is_loopback(host))
    if parts.scheme != "https" and not (parts.scheme == "http" and by_http):
        raise ValueError("the URL is not https (http is for localhost alone)")
    return url


def check_jwks_uri(url: object, issuer: str) -> str:
    """A URL of keys that an issuer's metadata names.

    Metadata that came by https names no http: the way of the keys would be less safe than its own.
    Metadata that came by http, from this machine or inside a network of one's own, may name a URL
    of the same kind.

    :param issuer: its URL, which :func:`check_url` has passed.
    :raises ValueError: saying what is wrong with it.
    """
    parts = urlsplit(issuer)
    by_http = parts.scheme == "http"
    return check_url(url, loopback=by_http, allow_http=by_http and not _is_loopback(_host(parts)))


def _host(parts: SplitResult) -> str:
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the URL has no valid port") from None
    if not host or not _HOST.fullmatch(host) or port == 0:
        raise ValueError("the URL has no valid host")
    return host


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name alone: what DNS says of a name may change."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def metadata_urls(issuer: str) -> tuple[str, str]:
    """The two URLs where an issuer's metadata may be.

    OpenID Connect Discovery 1.0 section 4.1 appends to the issuer's path; RFC 8414 section 3.1
    inserts before the path. Both leave out a slash at its end.
    """
    parts = urlsplit(issuer)
    path = parts.path.removesuffix("/")
    paths = (
        f"{path}/.well-known/openid-configuration",
        f"/.well-known/oauth-authorization-server{path}",
    )
    first, second = (urlunsplit((parts.scheme, parts.netloc, each, "", "")) for each in paths)
    return first, second
