"""What a request brings: the token in its headers, cookies, query string or JSON.

A location is a method of :class:`Search`. :class:`NoAuthorizationError` means "not here, look at
the next"; any other error ends the search.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any, Final

from flask import Request, after_this_request
from werkzeug.datastructures import EnvironHeaders
from werkzeug.wrappers import Response

from ..engine.admission import Credentials
from ..engine.rule import Kind, Rule
from ..engine.signet import Signet
from ..exceptions import (
    AmbiguousTokenError,
    CSRFError,
    DecodeError,
    ExpiredSignatureError,
    InvalidHeaderError,
    InvalidQueryParamError,
    KeysUnavailableError,
    NoAuthorizationError,
    SignetError,
    StoreUnavailableError,
)
from ..options.checks import LOCATIONS
from ..options.table import Settings
from .bounded import (
    MANY_COOKIES,
    MAX_BESIDE,
    MAX_FIELDS,
    arguments_of,
    cookies_of,
    has_a_name_twice,
    json_of,
    says_json,
)
from .csrf import is_unsafe, refuse_cross_site, submitted_value

_SEVERAL: Final = "The request has more than one token"


def find(carrier: Request, signet: Signet, rule: Rule, *, csrf_later: bool = False) -> Credentials:
    """The token of a request that a rule asks for.

    :param csrf_later: a cookie whose CSRF value is missing is found too, with an empty value; the
        caller decides on it.
    :raises NoAuthorizationError: if there is none; the message says what was missing.
    :raises AmbiguousTokenError: if there are several, where the options refuse that.
    :raises CSRFError: if the token is in a cookie, and the proof that belongs to it is missing.
    :raises RuntimeError: if a location's name is wrong.
    """
    search = Search(carrier, signet, rule.kind, csrf_later=csrf_later)
    names = _named(rule.locations) if rule.locations else signet.settings.token_location
    if signet.settings.refuse_several_tokens:
        return search.only_one(names)
    errors = []
    for name in names:
        try:
            return PLACES[name](search)
        except NoAuthorizationError as error:
            errors.append(error)
    raise _nowhere(names, errors)


def find_each(
    carrier: Request, signet: Signet, kind: Kind, *, csrf_later: bool = False
) -> list[Credentials]:
    """Every token of one kind, for a log-out: of several cookies of one name, each.

    The CSRF value of a request with several cookies must be right for one of them.

    :param csrf_later: as for :func:`find`; the caller decides on the value.
    :raises NoAuthorizationError: if there is none.
    :raises SignetError: as :func:`find`, but not for several cookies of one name.
    """
    names = signet.settings.token_location
    search = Search(carrier, signet, kind, csrf_later=csrf_later)
    if "cookies" not in names or len(set(search.cookie_texts())) < 2:
        return [find(carrier, signet, Rule(kind=kind), csrf_later=csrf_later)]
    found = search.all_cookies()
    elsewhere = tuple(name for name in names if name != "cookies")
    if elsewhere:
        with suppress(NoAuthorizationError):
            found.append(find(carrier, signet, Rule(kind=kind, locations=elsewhere)))
    return found


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
    """Looks for one kind of token in a request, where the options say.

    The signet verifies where several tokens have to be told apart.

    :param csrf_later: a cookie whose CSRF value is missing is found too, with an empty value.
    """

    __slots__ = ("carrier", "csrf_later", "kind", "settings", "signet")

    def __init__(
        self, carrier: Request, signet: Signet, kind: Kind, *, csrf_later: bool = False
    ) -> None:
        self.carrier: Request = carrier
        self.signet: Signet = signet
        self.settings: Settings = signet.settings
        self.kind: Kind = kind
        self.csrf_later: bool = csrf_later

    def only_one(self, names: Sequence[str]) -> Credentials:
        """The token, where two tokens in one request are refused (RFC 6750 section 2).

        A browser adds its cookies by itself. So a token in the header, which a client sends on
        purpose, counts before a cookie of the same subject.
        """
        found: dict[str, Credentials] = {}
        errors: dict[str, NoAuthorizationError] = {}
        for name in sorted(names, key="headers".__ne__):  # the header first
            place = PLACES[name]
            if name == "cookies" and "headers" in found:
                place = Search.beside_a_header
            try:
                found[name] = place(self)
            except NoAuthorizationError as error:
                errors[name] = error
        if not found:
            raise _nowhere(names, [errors[name] for name in names])
        if len(found) == 1 or self._is_one_client(found):
            return next(iter(found.values()))
        raise AmbiguousTokenError(_SEVERAL)

    def _is_one_client(self, found: Mapping[str, Credentials]) -> bool:
        """Whether the tokens are one in the header and one in a cookie, of one subject."""
        if set(found) != {"headers", "cookies"}:
            return False
        of_header, of_cookie = (self._subject(found[name].text) for name in found)
        return of_header is not None and of_header == of_cookie

    def _subject(self, text: str) -> tuple[str | None, Any] | None:
        """Issuer and identity of a token, which may have expired; None: it is not acceptable."""
        try:
            token = self.signet.verify(text, allow_expired=True, foreign=True)
        except (KeysUnavailableError, StoreUnavailableError):
            raise  # 503: without the keys nobody can tell
        except SignetError:
            return None
        return token.issuer, token.claims.get(self.settings.identity_claim_key)

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
        if len(raw) > self.settings.max_token_length + MAX_BESIDE or raw.count(",") >= MAX_FIELDS:
            raise DecodeError("Token is too long")  # before anything is split
        value = raw.strip().strip(",")
        if not value:
            raise NoAuthorizationError(f"Missing {name} Header")
        if self.settings.refuse_several_tokens:
            value = _one_field(name, raw)
        if not scheme:
            parts = value.split()
            if len(parts) != 1:
                raise InvalidHeaderError(f"Bad {name} header. Expected '{name}: <JWT>'")
            return Credentials(parts[0], "headers")
        parts = self._our_field(value) if "," in value else value.split()
        if not parts or not self._is_scheme(parts[0]):
            raise NoAuthorizationError(
                f"Missing '{scheme}' type in '{name}' header. Expected '{name}: {scheme} <JWT>'"
            )
        if len(parts) != 2:
            raise InvalidHeaderError(f"Bad {name} header. Expected '{name}: {scheme} <JWT>'")
        return Credentials(parts[1], "headers")

    def _our_field(self, value: str) -> list[str]:
        """Of several fields joined, or of one with a list: the words of the one that is ours."""
        fields = [field.split() for field in value.split(",")]
        ours = [field for field in fields if field and self._is_scheme(field[0])]
        return ours[0] if len(ours) == 1 else []

    def _is_scheme(self, word: str) -> bool:
        scheme = self.settings.header_type
        return word == scheme or (
            self.settings.header_type_ignore_case and word.lower() == scheme.lower()
        )

    # ── cookies ──────────────────────────────────────────────────────────────────────────

    def in_cookies(self, *, proved_by: Kind | None = None) -> Credentials:
        """The token of the access or refresh cookie, with the CSRF value if one must come.

        Of several cookies of this name the good one counts.

        :param proved_by: where the CSRF value is: where that of this kind of token would be. None:
            of the kind that is looked for.
        """
        settings = self.settings
        if settings.renew_cookies:
            renewed = renewed_text(self.carrier, self.cookie_name)
            if renewed is not None:  # the request has proved itself at the renewal
                return Credentials(renewed, "cookies", is_new=True)
        values = self._cookie_values()
        if len(values) > 1 and not settings.refuse_several_tokens:
            return self._best_of([value for value in values if value], proved_by or self.kind)
        return Credentials(self._only_of(values), "cookies", self.proof(proved_by or self.kind))

    def beside_a_header(self) -> Credentials:
        """The token of the cookie; no proof is asked for, since the header is what counts."""
        return Credentials(self._only_of(self._cookie_values()), "cookies")

    def all_cookies(self) -> list[Credentials]:
        """The token of each cookie of this name, where the CSRF value is right for one of them."""
        texts, csrf = dict.fromkeys(self.cookie_texts()), self.proof(self.kind)
        if self.csrf_later:
            return [Credentials(text, "cookies", csrf) for text in texts]
        if csrf is not None and any(self._proves(csrf, text) for text in texts):
            csrf = None
        return [Credentials(text, "cookies", csrf) for text in texts]

    def cookie_texts(self) -> list[str]:
        """The cookies of this name that hold something; after a renewal, the new one."""
        renewed = renewed_text(self.carrier, self.cookie_name)
        if renewed is not None:
            return [renewed]
        return [text for text in self._cookie_values() if text]

    def _cookie_values(self) -> list[str]:
        """The cookies of this name.

        :raises AmbiguousTokenError: if they are too many to verify each; all are to be forgotten.
        """
        values = cookies_of(self.carrier, self.cookie_name)
        if len(values) > MANY_COOKIES:
            error = AmbiguousTokenError(f'The request has too many cookies "{self.cookie_name}"')
            error.drops_cookies = True
            raise error
        return values

    @property
    def cookie_name(self) -> str:
        """The name of the cookie for this kind of token."""
        settings = self.settings
        if self.kind == "refresh":
            return settings.refresh_cookie_name
        return settings.access_cookie_name

    def proof(self, kind: Kind) -> str | None:
        """The CSRF value that came with the request; None: it needs none.

        :param kind: of the token whose header and form field may have it.
        :raises CSRFError: if it is missing, or the request comes from another site.
        """
        settings = self.settings
        if not is_unsafe(settings.csrf_request_methods):
            return None
        if settings.csrf_check_origin:
            refuse_cross_site(self.signet)
        if not settings.cookie_csrf_protect:
            return None
        if kind == "refresh":
            header, field = settings.refresh_csrf_header_name, settings.refresh_csrf_field_name
        else:
            header, field = settings.access_csrf_header_name, settings.access_csrf_field_name
        try:
            form = field if settings.csrf_check_form else None
            return submitted_value(header, form, settings.max_body_length)
        except CSRFError:
            if self.csrf_later:
                return ""
            raise

    def _missing(self) -> NoAuthorizationError:
        return NoAuthorizationError(f'Missing cookie "{self.cookie_name}"')

    def _best_of(self, texts: list[str], proved_by: Kind) -> Credentials:
        """Of several cookies: the good token that was made last, else one that has expired.

        A browser sends the cookie that it got first first: after a change of the domain that is
        the old one (RFC 6265 section 5.4).
        """
        if not texts:
            raise self._missing()
        csrf = self.proof(proved_by)
        good, expired = [], []
        for text in texts:
            try:
                token = self.signet.verify(text, csrf=csrf, foreign=True)
                good.append((token.claims.get("iat") or 0, text))
            except ExpiredSignatureError:
                expired.append(text)
            except SignetError:
                continue
        newest = max(good, key=itemgetter(0))[1] if good else (expired or texts)[0]
        return Credentials(newest, "cookies", csrf)

    def _only_of(self, values: list[str]) -> str:
        """The token, where several are refused. Expired ones of its subject may stand beside it.

        A sub-domain may have set one of several cookies, and the request does not tell which
        (RFC 6265 section 8.6). An expired token of the same subject does no harm.

        :raises NoAuthorizationError: if there is none.
        :raises AmbiguousTokenError: if there are several.
        """
        if len(values) > 1:
            owners = {self._subject(text) for text in values}
            if len(owners) > 1 or None in owners:
                living = values
            else:
                living = [text for text in values if self._lives(text)]
            if len(living) > 1:
                raise AmbiguousTokenError(
                    f'The request has more than one cookie "{self.cookie_name}": log out, which '
                    "clears them, and log in again"
                )
            values = living or values
        if not values or not values[0]:
            raise self._missing()
        return values[0]

    def _lives(self, text: str) -> bool:
        try:
            self.signet.verify(text, foreign=True)
        except ExpiredSignatureError:
            return False
        return True

    def _proves(self, csrf: str, text: str) -> bool:
        try:
            self.signet.verify(text, csrf=csrf, allow_expired=True)
        except SignetError:
            return False
        return True

    # ── the query string, which ends up in logs and histories (RFC 9700 section 4.3.2) ───

    def in_query_string(self) -> Credentials:
        """The token of a query parameter."""
        settings = self.settings
        name, prefix = settings.query_string_name, settings.query_string_value_prefix
        limit = settings.max_token_length + len(prefix) + MAX_BESIDE
        arguments = arguments_of(self.carrier, limit)
        if settings.refuse_several_tokens and len(arguments.getlist(name)) > 1:
            raise AmbiguousTokenError(_SEVERAL)
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
        """The token of a member of a JSON body.

        :raises RequestTooLargeError: if the body is longer than ``JWT_MAX_BODY_LENGTH``.
        :raises AmbiguousTokenError: if an object in it has two members of one name, where several
            tokens are refused: who else reads it may take the other one (RFC 8259 section 4).
        """
        if not says_json(self.carrier):
            raise NoAuthorizationError("Invalid content-type. Must be application/json.")
        settings = self.settings
        name = settings.refresh_json_key if self.kind == "refresh" else settings.json_key
        body = json_of(self.carrier, settings.max_body_length)
        text = body.get(name) if isinstance(body, dict) else None
        if settings.refuse_several_tokens and text is not None and has_a_name_twice(self.carrier):
            raise AmbiguousTokenError("The JSON body has two members of one name")
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

_RENEWED: Final = "_flask_signet_renewed"


def renewed_text(carrier: Request, cookie_name: str) -> str | None:
    """The token that a guard of this request has put in the place of a cookie's; None: none."""
    texts: dict[str, str] = carrier.__dict__.get(_RENEWED, {})
    return texts.get(cookie_name)


def note_renewed(carrier: Request, texts: Mapping[str, str]) -> None:
    """From now on the cookies of a request are these, by name."""
    carrier.__dict__.setdefault(_RENEWED, {}).update(texts)


_FIELD: Final = re.compile(r" *[!-~]+( +[!-~]+)* *")


def _one_field(name: str, value: str) -> str:
    """A header that is one field, of printable ASCII and spaces (RFC 9110 section 11.4).

    :raises AmbiguousTokenError: if it is several, joined by a comma (RFC 9110 section 5.3).
    :raises InvalidHeaderError: if there is a tab or anything else that looks like a space.
    """
    if "," in value:
        raise AmbiguousTokenError(_SEVERAL)
    if not _FIELD.fullmatch(value):
        raise InvalidHeaderError(f"Bad {name} header: it has characters that no token has")
    return value.strip(" ")


def _keep_from_logs(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
