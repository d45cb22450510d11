"""A small document over HTTPS, within bounds: so the keys of other issuers are fetched.

One GET: no redirect, no retry, no proxy, no cookie, no content encoding. The bytes and the seconds
are bounded, whatever the server does. urllib3 (extra ``issuers``) speaks HTTP, and verifies the
certificate by the system's authorities (``SSL_CERT_FILE`` names others).
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from http.client import HTTPException
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from ..exceptions import ConfigurationError

MAX_BYTES: Final = 512 * 1024
"""Bytes that are read of an answer."""

_HEADERS: Final = {
    "Accept": "application/json",
    # A small compressed body may be of any size once it is unpacked.
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "Flask-Signet",
}
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_NOT_KEPT = re.compile(r"(?:^|[,\s])no-(?:store|cache)\b", re.IGNORECASE)


class FetchError(Exception):
    """A document could not be fetched, or can't be used. The message is for the log."""


class Fetched(NamedTuple):
    """What a URL gave: the body, and the seconds for which it holds, by the server's headers."""

    body: bytes
    max_age: float | None = None


Fetch = Callable[[str, float], Fetched]
"""``(url, seconds) -> Fetched``: within these seconds, at most :data:`MAX_BYTES`, no redirects.

Raises :class:`FetchError`. Any other error counts as one.
"""


def require_urllib3() -> Any:
    """The modules of urllib3 that are used here.

    :raises ConfigurationError: if it is not installed.
    """
    try:
        import urllib3.connection
        import urllib3.exceptions
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "other issuers' keys are fetched with urllib3: pip install 'Flask-Signet[issuers]'"
        ) from error
    return urllib3


def fetch(url: str, timeout: float) -> Fetched:
    """The body at a URL that :func:`.check_url` has passed.

    Each fetch has a connection of its own: there is one fetch in five minutes, and no server keeps
    a connection open so long. None is shared after a fork.

    :param timeout: seconds for the whole fetch.
    :raises FetchError: if the answer is not a plain 200 of at most :data:`MAX_BYTES` in time.
    """
    urllib3 = require_urllib3()
    ends_at = time.monotonic() + timeout
    connection = _connection(urllib3, url, timeout)
    line = _Line()
    # The time-out of a socket begins again with each byte: only this ends a slow drip of bytes.
    alarm = threading.Timer(timeout, line.cut)
    alarm.daemon = True
    alarm.start()
    try:
        connection.connect()
        line.hold(connection.sock)
        body, headers = _get(connection, url)
    except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
        why = "took too long" if time.monotonic() >= ends_at else f"{type(error).__name__}: {error}"
        raise FetchError(f"{url}: {why}") from error
    except FetchError as error:
        raise FetchError(f"{url}: {error}") from None
    finally:
        alarm.cancel()
        connection.close()
    if time.monotonic() >= ends_at:
        raise FetchError(f"{url}: took too long")  # the line was cut: the body may be incomplete
    if len(body) > MAX_BYTES:
        raise FetchError(f"{url}: more than {MAX_BYTES} bytes")
    return Fetched(body, _max_age(headers))


def _connection(urllib3: Any, url: str, timeout: float) -> Any:
    """A connection of urllib3's, not yet opened."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return urllib3.connection.HTTPSConnection(
            parts.hostname,
            parts.port or 443,
            timeout=timeout,
            ssl_context=_tls(),
            cert_reqs="CERT_REQUIRED",
        )
    return urllib3.connection.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)


def _get(connection: Any, url: str) -> tuple[bytes, Mapping[str, str]]:
    """The body, or a little more than :data:`MAX_BYTES` of it, and the headers."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", target, headers=_HEADERS, preload_content=False, decode_content=False)
    response = connection.getresponse()
    _check(response.status, response.headers)
    body = response.read(MAX_BYTES + 1)
    if len(body) <= MAX_BYTES:
        body += response.read(1)  # reading the end notices a body that is too short
    return body, response.headers


class _Line:
    """A socket that another thread can cut off, even before it is connected."""

    def __init__(self) -> None:
        self._socket: Any = None
        self._is_cut = False

    def hold(self, connected: Any) -> None:
        self._socket = connected
        if self._is_cut:
            self.cut()

    def cut(self) -> None:
        self._is_cut = True
        if self._socket is not None:
            with suppress(OSError):  # it was closed meanwhile
                self._socket.shutdown(socket.SHUT_RDWR)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _check(status: int, headers: Mapping[str, str]) -> None:
    if 300 <= status < 400:
        raise FetchError("a redirect, and none is followed")
    if status != 200:
        raise FetchError(f"status {status}")
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise FetchError("a content encoding that was not asked for")


def _max_age(headers: Mapping[str, str]) -> float | None:
    """The seconds for which an answer holds, by Cache-Control and Age (RFC 9111 section 4.2).

    None: the server does not say.
    """
    control = headers.get("Cache-Control", "")
    if _NOT_KEPT.search(control):
        return 0.0
    stated = _MAX_AGE.search(control)
    if stated is None:
        return None
    age = headers.get("Age", "0")
    spent = int(age) if age.isascii() and age.isdecimal() and len(age) < 10 else 0
    return float(max(0, int(stated[1]) - spent))
