"""What a request brings: the token in its headers, cookies, query string or JSON.

A location is a method of :class:`Search`. :class:`NoAuthorizationError` means "not here, look at
the next"; any other error ends the search.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from flask import Request, after_this_request
from werkzeug.datastructures import EnvironHeaders, MultiDict
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Response

from ..engine.admission import Credentials
from ..engine.rule import Kind, Rule
from ..exceptions import (
    AmbiguousTokenError,
    CSRFError,
    DecodeError,
    InvalidHeaderError,
    InvalidQueryParamError,
    NoAuthorizationError,
)
from ..options.checks import LOCATIONS
from ..options.table import Settings
from .csrf import is_unsafe, refuse_cross_site, submitted_value


def find(
    carrier: Request, settings: Settings, rule: Rule, *, csrf_later: bool = False
) -> Credentials:
    """The token of a request that a rule asks for.

    :param csrf_later: a cookie without a CSRF value is found too; the caller decides on it.
    :raises NoAuthorizationError: if there is none; the message says what was missing.
    :raises RuntimeError: if a location's name is wrong.
    """
    search = Search(carrier, settings, rule.kind, csrf_later=csrf_later)
    names = _named(rule.locations) if rule.locations else settings.token_location
    if settings.refuse_several_tokens:
        return search.only_one(names)
    errors = []
    for name in names:
        try:
            return PLACES[name](search)
        except NoAuthorizationError as error:
            errors.append(error)
    raise _nowhere(names, errors)


def _named(locations: str | Sequence[str]) -> Sequence[str]:
    names = (locations,) if isinstance(locations, str) else locations
    for name in names:
        if name not in PLACES:
            raise RuntimeError(f"'{name}' is not a valid location")
    return names


def _nowhere(names: Sequence[str], errors: list[NoAuthorizationError]) -> NoAuthorizationError:
    if len(errors) == 1:
        return errors[0]
    reasons = "; ".join(map(str, errors))
    return NoAuthorizationError(
        f"Missing JWT in {', '.join(names[:-1])} or {names[-1]} ({reasons})"
    )


class Search:
    """Looks for one kind of token in a request, where the options say."""

    __slots__ = ("carrier", "csrf_later", "kind", "settings")

    def __init__(
        self, carrier: Request, settings: Settings, kind: Kind, *, csrf_later: bool = False
    ) -> None:
        self.carrier: Request = carrier
        self.settings: Settings = settings
        self.kind: Kind = kind
        self.csrf_later: bool = csrf_later

    def only_one(self, names: Sequence[str]) -> Credentials:
        """The token, where two tokens in one request are refused (RFC 6750 section 2)."""
        found, errors = [], []
        for name in names:
            try:
                found.append(PLACES[name](self))
            except NoAuthorizationError as error:
                errors.append(error)
        if len(found) > 1:
            raise AmbiguousTokenError("The request has more than one token")
        if not found:
            raise _nowhere(names, errors)
        return found[0]

    # ── Authorization: Bearer <token> (RFC 6750 section 2.1) ─────────────────────────────

    def in_headers(self) -> Credentials:
        """The token of the header."""
        name, scheme = self.settings.header_name, self.settings.header_type
        headers = self.carrier.headers
        if type(headers) is EnvironHeaders and name == "Authorization":
            # As WSGI has it: `headers` would translate the name each time. An application may
            # have put headers of its own there.
            raw: str = headers.environ.get("HTTP_AUTHORIZATION", "")
        else:
            raw = headers.get(name, "")
        value = raw.strip().strip(",")
        if not value:
            raise NoAuthorizationError(f"Missing {name} Header")
        if self.settings.refuse_several_tokens:
            value = _one_field(name, raw)
        parts = value.split()
        if not scheme:
            if len(parts) != 1:
                raise InvalidHeaderError(f"Bad {name} header. Expected '{name}: <JWT>'")
            return Credentials(parts[0], "headers")
        if "," in value:
            parts = self._our_field(value)
        if not parts or not self._is_scheme(parts[0]):
            raise NoAuthorizationError(
                f"Missing '{scheme}' type in '{name}' header. Expected '{name}: {scheme} <JWT>'"
            )
        if len(parts) != 2:
            raise InvalidHeaderError(f"Bad {name} header. Expected '{name}: {scheme} <JWT>'")
        return Credentials(parts[1], "headers")

    def _our_field(self, value: str) -> list[str]:
        """Of several fields joined, or of one with a list: the words of the one that is ours."""
        fields = [field.split() for field in re.split(r",\s*", value)]
        ours = [field for field in fields if field and self._is_scheme(field[0])]
        return ours[0] if len(ours) == 1 else []

    def _is_scheme(self, word: str) -> bool:
        scheme = self.settings.header_type
        return word == scheme or (
            self.settings.header_type_ignore_case and word.lower() == scheme.lower()
        )

    # ── cookies ──────────────────────────────────────────────────────────────────────────

    def in_cookies(self) -> Credentials:
        """The token of the access or refresh cookie."""
        settings = self.settings
        refresh = self.kind == "refresh"
        name = settings.refresh_cookie_name if refresh else settings.access_cookie_name
        if settings.refuse_several_tokens and len(self.carrier.cookies.getlist(name)) > 1:
            # A sub-domain, or another path, set one of them: no telling which (RFC 6265 5.4).
            raise AmbiguousTokenError("The request has more than one token")
        text = self.carrier.cookies.get(name)
        if not text:
            raise NoAuthorizationError(f'Missing cookie "{name}"')
        csrf = None
        if is_unsafe(settings.csrf_request_methods):
            if settings.csrf_check_origin:
                refuse_cross_site()
            if settings.cookie_csrf_protect:
                csrf = self._csrf_value(refresh=refresh)
        return Credentials(text, "cookies", csrf)

    def _csrf_value(self, *, refresh: bool) -> str | None:
        settings = self.settings
        if refresh:
            header, field = settings.refresh_csrf_header_name, settings.refresh_csrf_field_name
        else:
            header, field = settings.access_csrf_header_name, settings.access_csrf_field_name
        try:
            return submitted_value(header, field if settings.csrf_check_form else None)
        except CSRFError:
            if self.csrf_later:
                return None
            raise

    # ── the query string, which ends up in logs and histories (RFC 9700 section 4.3.2) ───

    def in_query_string(self) -> Credentials:
        """The token of a query parameter."""
        settings = self.settings
        name, prefix = settings.query_string_name, settings.query_string_value_prefix
        arguments = _arguments(self.carrier)
        if settings.refuse_several_tokens and len(arguments.getlist(name)) > 1:
            raise AmbiguousTokenError("The request has more than one token")
        value = arguments.get(name)
        if not value or (self.kind == "refresh" and settings.query_string_protect):
            raise NoAuthorizationError(f"Missing '{name}' query paramater")  # sic: FJE's text
        if not value.startswith(prefix):
            raise InvalidQueryParamError(
                f"Invalid value for query parameter '{name}'. "
                f"Expected the value to start with '{prefix}'"
            )
        if settings.query_string_protect:
            after_this_request(_keep_from_logs)
        return Credentials(value[len(prefix) :], "query_string")

    # ── a JSON body ──────────────────────────────────────────────────────────────────────

    def in_json(self) -> Credentials:
        """The token of a member of a JSON body."""
        if not self.carrier.is_json:
            raise NoAuthorizationError("Invalid content-type. Must be application/json.")
        settings = self.settings
        name = settings.refresh_json_key if self.kind == "refresh" else settings.json_key
        try:
            body = self.carrier.get_json()
        except (BadRequest, UnsupportedMediaType, RecursionError):
            body = None
        text = body.get(name) if isinstance(body, dict) else None
        if not text:
            raise NoAuthorizationError(f'Missing "{name}" key in json data.')
        if not isinstance(text, str):
            raise DecodeError(f"Invalid token type. Token must be a {bytes}")
        return Credentials(text, "json")


PLACES: Final[dict[str, Callable[[Search], Credentials]]] = {
    "headers": Search.in_headers,
    "cookies": Search.in_cookies,
    "query_string": Search.in_query_string,
    "json": Search.in_json,
}
assert tuple(PLACES) == LOCATIONS  # noqa: S101 - one list in two places, checked at import

_FIELD: Final = re.compile(r" *[!-~]+( +[!-~]+)* *")


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


def _arguments(carrier: Request) -> MultiDict[str, str]:
    try:
        return carrier.args
    except UnicodeDecodeError:  # raw bytes that are no UTF-8: no client that percent-encodes
        return MultiDict()


def _keep_from_logs(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
