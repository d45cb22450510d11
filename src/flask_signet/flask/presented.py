"""The tokens of ours that a request shows: a log-out ends them all, a log-in those it replaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flask import has_request_context

from ..engine.admission import Credentials
from ..engine.lifetimes import is_of_session
from ..engine.rule import Kind
from ..engine.signet import Signet
from ..exceptions import (
    CSRFError,
    DecodeError,
    KeysUnavailableError,
    SignetError,
    StoreUnavailableError,
)
from ..jose.jws import parse_payload
from ..jwt.claims import check_csrf
from ..jwt.token import Token
from .bounded import MANY_COOKIES, cookies_of
from .cookies import KINDS, TokenCookie
from .credentials import find_each
from .current import request_itself


class _Shown(NamedTuple):
    credentials: Credentials
    token: Token


# ── what a log-out ends ──────────────────────────────────────────────────────────────────


def presented(signet: Signet) -> list[Token]:
    """The tokens of ours that this request brings, each once; they may have expired.

    Access and refresh tokens that were made apart have a CSRF value each, and a header holds one
    value: a value that is right for one of the cookies is enough for both.

    :raises CSRFError: if there are cookies, and no right value.
    :raises SignetError: if a token is ours and not acceptable.
    """
    shown = list(_shown(signet))
    _refuse_unproved([each for each in shown if each.credentials.location == "cookies"])
    return [each.token for each in shown]


def _shown(signet: Signet) -> Iterator[_Shown]:
    texts = set()
    for kind in KINDS:  # each has a cookie of its own; a header holds either
        try:
            found = find_each(request_itself(), signet, kind, csrf_later=True)
        except SignetError as error:
            if _is_refused(error):
                raise
            continue
        for each in found:
            if each.text in texts:
                continue
            try:
                token = signet.verify(each.text, allow_expired=True)
            except SignetError as error:
                if _is_refused(error):
                    raise error from None
                continue
            texts.add(each.text)
            yield _Shown(each, token)


def _is_refused(error: SignetError) -> bool:
    """Whether a log-out is refused by an error. A token that is not ours has nothing to end.

    While the keys can't be read, nobody can tell whose the token is: the client has to ask again.
    """
    is_unknown = isinstance(error, StoreUnavailableError | KeysUnavailableError)
    return is_unknown or error.proved != "nothing" or error.is_of_the_request


def _refuse_unproved(cookies: list[_Shown]) -> None:
    errors: list[SignetError] = []
    for each in cookies:
        value = each.credentials.csrf
        if value is None:
            return  # this request needs none
        try:
            if not value:
                raise CSRFError("Missing CSRF token")
            check_csrf(each.token.claims, value)
        except SignetError as error:
            errors.append(error)
        else:
            return
    if errors:
        raise errors[0]


# ── what a log-in replaces ───────────────────────────────────────────────────────────────


def end_replaced(signet: Signet, kind: Kind, encoded_token: str) -> None:
    """End the session whose cookie is replaced by that of another session's token.

    A second log-in in one browser leaves no session behind that nobody can log out. A refresh
    replaces a cookie by one of the same session, and ends nothing.

    :param encoded_token: the token that has just been put into the cookie.
    :raises StoreUnavailableError: if the store does not answer.
    """
    if signet.storage is None or not has_request_context():
        return
    before = _cookies(signet, kind)
    if not before or "cookies" not in signet.settings.token_location:
        return
    new = _unverified(signet, encoded_token)
    if new is None or not is_of_session(new):
        return
    # Where only the access cookie is replaced, the session lives on by its refresh cookie.
    elsewhere = [] if kind == "refresh" else _cookies(signet, "refresh")
    going_on = {new["sid"], *(_session(signet, text) for text in elsewhere)}
    for text in before:
        if _session(signet, text) not in going_on:
            _end_ours(signet, text)


def _end_ours(signet: Signet, text: str) -> None:
    try:
        claims = signet.verify(text, allow_expired=True).claims
    except SignetError:
        return  # not one of ours
    signet.end_of(claims)


def _cookies(signet: Signet, kind: Kind) -> list[str]:
    """The cookies that a log-in replaces; of more than a browser has, none is looked at."""
    try:
        found = cookies_of(request_itself(), TokenCookie.of(signet.settings, kind).name)
    except DecodeError:
        return []
    return found if len(found) <= MANY_COOKIES else []


def _session(signet: Signet, text: str) -> str | None:
    """The session that a token names, or by which it was adopted. Nothing is verified."""
    claims = _unverified(signet, text)
    return None if claims is None else signet.session_named_by(claims)


def _unverified(signet: Signet, text: str) -> Mapping[str, Any] | None:
    try:
        return parse_payload(signet.parse(text).payload)
    except SignetError:
        return None
