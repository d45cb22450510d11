"""Where the token is: headers, cookies, query string, JSON.

A location is a function from the options to the token's text and, for cookies, the CSRF value
that must come with it. :class:`NoAuthorizationError` means "not here, look at the next"; any
other error ends the search.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from flask import after_this_request, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Response

from ..exceptions import (
    AmbiguousTokenError,
    DecodeError,
    InvalidHeaderError,
    InvalidQueryParamError,
    NoAuthorizationError,
)
from ..options.checks import LOCATIONS
from ..options.table import Settings
from .csrf import is_unsafe, refuse_cross_site, submitted_value


class Found(NamedTuple):
    """A token's text, where it was, and the CSRF value that came with it, if one must."""

    text: str
    location: str
    csrf_value: str | None

    def __repr__(self) -> str:
        return f"<Found in {self.location}>"


def from_headers(settings: Settings, *, refresh: bool) -> Found:
    """The token of ``Authorization: Bearer <token>`` (RFC 6750 section 2.1)."""
    name, scheme = settings.header_name, settings.header_type
    headers = request._get_current_object().headers  # type: ignore[attr-defined]  # a proxy
    raw: str = headers.get(name, "")
    value = raw.strip().strip(",")
    if not value:
        raise NoAuthorizationError(f"Missing {name} Header")
    if settings.refuse_several_tokens:
        value = _one_field(name, raw)
    parts = value.split()
    if not scheme:
        if len(parts) != 1:
            raise InvalidHeaderError(f"Bad {name} header. Expected '{name}: <JWT>'")
        return Found(parts[0], "headers", None)
    if "," in value:
        # Several fields joined, or one with a list: exactly one of them must be ours.
        fields = [field.split() for field in re.split(r",\s*", value)]
        ours = [field for field in fields if field and _is_scheme(settings, field[0])]
        parts = ours[0] if len(ours) == 1 else []
    if not parts or not _is_scheme(settings, parts[0]):
        raise NoAuthorizationError(
            f"Missing '{scheme}' type in '{name}' header. Expected '{name}: {scheme} <JWT>'"
        )
    if len(parts) != 2:
        raise InvalidHeaderError(f"Bad {name} header. Expected '{name}: {scheme} <JWT>'")
    return Found(parts[1], "headers", None)


def _is_scheme(settings: Settings, word: str) -> bool:
    scheme = settings.header_type
    return word == scheme or (settings.header_type_ignore_case and word.lower() == scheme.lower())


_FIELD = re.compile(r" *[!-~]+( +[!-~]+)* *")


def _one_field(name: str, value: str) -> str:
    """A header that is one field, of printable ASCII and spaces (RFC 9110 section 11.4).

    :raises AmbiguousTokenError: if it is several, joined by a comma (RFC 9110 section 5.3).
    :raises InvalidHeaderError: if there is a tab or anything else that looks like a space.
    """
    if "," in value:
        raise AmbiguousTokenError("The request has more than one token")
    if not _FIELD.fullmatch(value):
        raise InvalidHeaderError(f"Bad {name} header: it has characters that no token has")
    return value.strip(" ")


def from_cookies(settings: Settings, *, refresh: bool) -> Found:
    """The token of the access or refresh cookie."""
    name = settings.refresh_cookie_name if refresh else settings.access_cookie_name
    if settings.refuse_several_tokens and len(request.cookies.getlist(name)) > 1:
        # A sub-domain, or another path, set one of them: no telling which (RFC 6265 5.4).
        raise AmbiguousTokenError("The request has more than one token")
    text = request.cookies.get(name)
    if not text:
        raise NoAuthorizationError(f'Missing cookie "{name}"')
    value = None
    if is_unsafe(settings):
        if settings.csrf_check_origin:
            refuse_cross_site()
        if settings.cookie_csrf_protect:
            value = submitted_value(settings, refresh=refresh)
    return Found(text, "cookies", value)


def from_query_string(settings: Settings, *, refresh: bool) -> Found:
    """The token of a query parameter. It ends up in logs and histories: see RFC 9700 4.3.2."""
    name, prefix = settings.query_string_name, settings.query_string_value_prefix
    arguments = _arguments()
    if settings.refuse_several_tokens and len(arguments.getlist(name)) > 1:
        raise AmbiguousTokenError("The request has more than one token")
    value = arguments.get(name)
    if not value or (refresh and settings.query_string_protect):
        raise NoAuthorizationError(f"Missing '{name}' query paramater")  # sic: FJE's text
    if not value.startswith(prefix):
        raise InvalidQueryParamError(
            f"Invalid value for query parameter '{name}'. "
            f"Expected the value to start with '{prefix}'"
        )
    if settings.query_string_protect:
        after_this_request(_keep_from_logs)
    return Found(value[len(prefix) :], "query_string", None)


def _arguments() -> MultiDict[str, str]:
    try:
        return request.args
    except UnicodeDecodeError:  # raw bytes that are no UTF-8: no client that percent-encodes
        return MultiDict()


def _keep_from_logs(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def from_json(settings: Settings, *, refresh: bool) -> Found:
    """The token of a member of a JSON body."""
    if not request.is_json:
        raise NoAuthorizationError("Invalid content-type. Must be application/json.")
    name = settings.refresh_json_key if refresh else settings.json_key
    try:
        body = request.get_json()
    except (BadRequest, UnsupportedMediaType, RecursionError):
        body = None
    text = body.get(name) if isinstance(body, dict) else None
    if not text:
        raise NoAuthorizationError(f'Missing "{name}" key in json data.')
    if not isinstance(text, str):
        raise DecodeError(f"Invalid token type. Token must be a {bytes}")
    return Found(text, "json", None)


EXTRACTORS: Final[dict[str, Callable[..., Found]]] = {
    "headers": from_headers,
    "cookies": from_cookies,
    "query_string": from_query_string,
    "json": from_json,
}
assert tuple(EXTRACTORS) == LOCATIONS  # noqa: S101 - one list in two places, checked at import


def find_token(settings: Settings, locations: Any, *, refresh: bool) -> Found:
    """The token of this request.

    :param locations: where to look, in order; a name, several, or None for the option's.
    :raises NoAuthorizationError: if it is nowhere; the message says what was missing.
    :raises RuntimeError: if a location's name is wrong.
    """
    names = _named(locations) if locations else settings.token_location
    if settings.refuse_several_tokens:
        return _only_token(settings, names, refresh)
    errors = []
    for name in names:
        try:
            return EXTRACTORS[name](settings, refresh=refresh)
        except NoAuthorizationError as error:
            errors.append(error)
    raise _nowhere(names, errors)


def _named(locations: str | Sequence[str]) -> Sequence[str]:
    names = (locations,) if isinstance(locations, str) else tuple(locations)
    for name in names:
        if name not in EXTRACTORS:
            raise RuntimeError(f"'{name}' is not a valid location")
    return names


def _only_token(settings: Settings, names: Sequence[str], refresh: bool) -> Found:
    """The same where two tokens in one request are refused (RFC 6750 section 2)."""
    found, errors = [], []
    for name in names:
        try:
            found.append(EXTRACTORS[name](settings, refresh=refresh))
        except NoAuthorizationError as error:
            errors.append(error)
    if len(found) > 1:
        raise AmbiguousTokenError("The request has more than one token")
    if not found:
        raise _nowhere(names, errors)
    return found[0]


def _nowhere(names: Sequence[str], errors: list[NoAuthorizationError]) -> NoAuthorizationError:
    if len(errors) == 1:
        return errors[0]
    reasons = "; ".join(map(str, errors))
    return NoAuthorizationError(
        f"Missing JWT in {', '.join(names[:-1])} or {names[-1]} ({reasons})"
    )
