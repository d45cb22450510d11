"""The one reader of requests: it looks at lengths first, and reads no more than it allows.

A stranger chooses how long a body, a cookie header or a query string is, and what is in it. Nothing
here splits, parses or searches what is longer than an application has use for, and what can't be
read holds nothing.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from typing import IO, Any, Final

from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from ..exceptions import DecodeError, InvalidQueryParamError, RequestTooLargeError

MAX_BODY: Final = 64 * 1024
"""Bytes of a body that our own endpoints read: fields of a log-in, or a token and a client."""

MAX_FIELDS: Final = 1_000
"""Fields of a form, a query string, a cookie header or an ``Authorization`` header. Werkzeug allows
as many parts in a multipart form."""

MAX_BESIDE: Final = 8 * 1024
"""Characters of a header or a query string beside the token. Most servers allow no more at all."""

MAX_COOKIES: Final = 64 * 1024
"""Characters of all cookies of a request."""

MANY_COOKIES: Final = 32
"""More cookies of one name than a browser has, unless somebody planted them: each is verified."""

MAX_CONDITION: Final = 1024
"""Characters of a header by which a cache asks for what has changed."""

FORM: Final = "application/x-www-form-urlencoded"

_GAP: Final = re.compile(r"\s{64}")
"""White space in cookies that no browser sends by itself. Werkzeug before 3.1.9 reads such a run in
a time that grows with the square of its length: 64 KiB of it take ten seconds."""

_MAX_MEDIA_TYPE: Final = 256
_TOO_LONG: Final = "The body is too long: it may have {} bytes"
_UNREADABLE: Final = (BadRequest, UnsupportedMediaType, RecursionError, UnicodeError)


# ── bodies ───────────────────────────────────────────────────────────────────────────────


def bound_body(carrier: Request, limit: int) -> None:
    """Have nothing read more of a request's body than so many bytes, from now on.

    Nothing is read here. What the application has read before is its own.

    :param limit: in bytes. A lower ``MAX_CONTENT_LENGTH`` of the application counts too.
    :raises RequestTooLargeError: if the request says that it is longer. A body whose length is not
        said raises it while it is read.
    """
    length = carrier.content_length
    if length is not None and length > limit:
        raise RequestTooLargeError(_TOO_LONG.format(limit))
    environ = carrier.environ
    if "wsgi.input_terminated" in environ and "stream" not in carrier.__dict__:
        # Chunked: the server ends the stream where the body ends, which may be never. Werkzeug's
        # own limit would cut such a body off, and call it whole.
        carrier.__dict__["stream"] = io.BufferedReader(_AtMost(environ["wsgi.input"], limit))


class _AtMost(io.RawIOBase):
    """A stream that raises where it would give more than so many bytes."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read(min(len(buffer), self._left + 1))
        except (OSError, ValueError):
            raise ClientDisconnected from None
        if len(data) > self._left:
            raise RequestTooLargeError(_TOO_LONG.format(self._limit))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


def body_of(carrier: Request, limit: int) -> bytes:
    """The body of a request; empty where the application has read it as a form.

    :raises RequestTooLargeError: if it is longer than the limit, in bytes.
    :raises RequestEntityTooLarge: if it is longer than ``MAX_CONTENT_LENGTH`` of the application.
    """
    bound_body(carrier, limit)
    length, lower = carrier.content_length, carrier.max_content_length
    if length is not None and lower is not None and length > lower:
        raise RequestEntityTooLarge  # Werkzeug before 2.3 looks at it for forms alone
    data = carrier.get_data()
    if len(data) > limit:
        raise RequestTooLargeError(_TOO_LONG.format(limit))
    return data


def says_json(carrier: Request) -> bool:
    """Whether the body says that it is JSON."""
    return has_short_type(carrier) and carrier.is_json


def has_short_type(carrier: Request) -> bool:
    """Whether the type of the body has a length that is worth parsing."""
    return len(carrier.environ.get("CONTENT_TYPE", "")) <= _MAX_MEDIA_TYPE


def json_of(carrier: Request, limit: int) -> Any:
    """What a body holds that says that it is JSON; None if it can't be read.

    :raises RequestTooLargeError: if it is longer than the limit, in bytes.
    """
    try:
        body_of(carrier, limit)
        return carrier.get_json()
    except _UNREADABLE:
        return None


def has_a_name_twice(carrier: Request) -> bool:
    """Whether an object in the JSON body of a request has two members of one name.

    Readers differ on which of them counts (RFC 8259 section 4). Where the standard library can't
    read what the application's own provider read, nobody knows: that is a yes.
    """
    found = False

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        members = dict(pairs)
        found = found or len(members) != len(pairs)
        return members

    try:
        json.loads(carrier.get_data(), object_pairs_hook=look)
    except (ValueError, RecursionError):
        return True
    return found


def form_of(carrier: Request, limit: int) -> MultiDict[str, str]:
    """The fields of a form; none if it can't be read, or is no form.

    The parts of a multipart form are read as they come. They are bounded by ``MAX_FORM_PARTS`` and
    ``MAX_FORM_MEMORY_SIZE`` of the application, and may hold files.

    :param limit: in bytes, of a form that is no multipart form.
    :raises RequestTooLargeError: if it is longer, or has more than a thousand fields.
    """
    if not has_short_type(carrier):
        return MultiDict()
    try:
        if carrier.mimetype == FORM:
            body = body_of(carrier, limit)
            if body.count(b"&") >= MAX_FIELDS:
                raise RequestTooLargeError(f"The form may have {MAX_FIELDS} fields")
            # Of bytes that are no UTF-8, Werkzeug before 2.3 reads a part; before 3.0, it says
            # that they are too long.
            body.decode()
        return carrier.form
    except _UNREADABLE:
        return MultiDict()


def fields_of(carrier: Request) -> Mapping[str, Any]:
    """What a request to one of our endpoints says: members of a JSON object, or fields of a form.

    :raises RequestTooLargeError: if it is too long, also by the options of Flask.
    """
    try:
        if not says_json(carrier):
            return form_of(carrier, MAX_BODY)
        body = json_of(carrier, MAX_BODY)
    except RequestEntityTooLarge:
        raise RequestTooLargeError("The body is too long") from None
    return body if isinstance(body, dict) and _is_text(body) else {}


def _is_text(body: Any) -> bool:
    """Whether each text in a JSON value is one that can be encoded (RFC 8259 section 8.2)."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


# ── query strings and cookies ────────────────────────────────────────────────────────────


def arguments_of(carrier: Request, limit: int = MAX_BESIDE) -> MultiDict[str, str]:
    """The parameters of the query string; none if it is raw bytes and no UTF-8.

    :param limit: characters of the whole query string.
    :raises DecodeError: if it is longer.
    :raises InvalidQueryParamError: if it has more than a thousand parameters.
    """
    raw = carrier.environ.get("QUERY_STRING", "")
    if len(raw) > limit:
        raise DecodeError("Token is too long")
    if raw.count("&") >= MAX_FIELDS:
        raise InvalidQueryParamError("The query string has too many parameters")
    try:
        carrier.query_string.decode()  # Werkzeug before 2.3 reads a part of what is no UTF-8
        return carrier.args
    except UnicodeDecodeError:  # no client that percent-encodes sends it
        return MultiDict()


def cookies_of(carrier: Request, name: str) -> list[str]:
    """The values of the cookies of one name, in their order.

    :raises DecodeError: if all cookies of the request are longer than the bound, or more than a
        thousand, or hold a long run of white space.
    """
    raw = carrier.environ.get("HTTP_COOKIE", "")
    if len(raw) > MAX_COOKIES or raw.count(";") >= MAX_FIELDS:
        raise DecodeError("Token is too long")
    text = raw if raw.isascii() else raw.encode("latin-1", "replace").decode(errors="replace")
    if _GAP.search(text):
        raise DecodeError("The cookies have a long run of white space")
    return carrier.cookies.getlist(name)
