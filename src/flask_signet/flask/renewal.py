"""Pages without scripts: a guard renews the access cookie by the refresh cookie, before the view.

No script refreshes in time there, and a form that is sent after the access token has expired must
not be lost. With ``JWT_RENEW_COOKIES`` a guard that finds the access cookie expired, or none,
rotates the refresh token, as a refresh does, and goes on with the new access token. The new cookies
go with the answer, whatever the answer is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from flask import Request, Response, after_this_request

from ..engine.admission import Credentials
from ..engine.rule import Rule
from ..engine.signet import Signet
from ..exceptions import (
    ExpiredSignatureError,
    KeysUnavailableError,
    RevokedTokenError,
    SignetError,
    StoreUnavailableError,
    UserLookupError,
)
from ..jwt.token import TokenPair
from .cookies import TokenCookies, forget_cookies
from .credentials import Search, note_renewed
from .installation import Installation

_UNAVAILABLE: Final = (StoreUnavailableError, KeysUnavailableError)
_FINAL: Final = (RevokedTokenError, UserLookupError)
"""The refresh token will never be good again: the browser is to forget it."""
_TRIED: Final = "_flask_signet_tried_to_renew"


class Rotates(Protocol):
    """A manager: it rotates the refresh token that was found in this request."""

    def rotate_refresh_token(self) -> TokenPair: ...


class Renewal:
    """The renewal of one request, as one manager sees it.

    :param here: the manager's installation.
    :param signet: by which the guard works.
    """

    __slots__ = ("carrier", "here", "manager", "signet")

    def __init__(
        self, manager: Rotates, here: Installation, carrier: Request, signet: Signet
    ) -> None:
        self.manager: Rotates = manager
        self.here: Installation = here
        self.carrier: Request = carrier
        self.signet: Signet = signet

    def of_missing(self, rule: Rule) -> Credentials | None:
        """A new access token for a request that has none; None: it can't be renewed.

        Browsers drop a cookie whose time is over, so an access cookie that has expired may be
        missing.

        :raises SignetError: as :meth:`of_expired`.
        """
        return self._renewed(None) if self._is_wanted(rule) else None

    def of_expired(self, rule: Rule, credentials: Credentials) -> Credentials | None:
        """A new access token for a request whose access cookie has expired.

        :param credentials: those for which a guard raised the error of an expired token.
        :return: the new token, at the location of the old one; None: it can't be renewed.
        :raises CSRFError: if the request's CSRF value is not that of its refresh token.
        :raises AmbiguousTokenError: if there are several refresh cookies, where that is refused.
        :raises StoreUnavailableError: if the store does not answer.
        """
        if credentials.location != "cookies" or not self._is_wanted(rule):
            return None
        try:
            self.signet.check(credentials, rule)
        except ExpiredSignatureError as error:
            return self._renewed(error.jwt_data)
        return None  # a loader of the application raised the error, about another token

    def _is_wanted(self, rule: Rule) -> bool:
        settings = self.signet.settings
        return (
            settings.renew_cookies
            and rule.kind == "access"
            and "cookies" in (rule.locations or settings.token_location)
        )

    def _renewed(self, expired: Mapping[str, Any] | None) -> Credentials | None:
        """The new access token by the refresh cookie. A request makes one attempt.

        :param expired: the claims of the access token that has expired; None: there was none.
        """
        signet = self.signet
        tried: set[Installation] = self.carrier.__dict__.setdefault(_TRIED, set())
        search = Search(self.carrier, signet, "refresh")
        if self.here in tried or not search.cookie_texts():
            return None
        tried.add(self.here)
        try:
            pair = self._rotated(search, expired)
        except SignetError as error:
            self.here.current.keep(self.carrier, (signet, None), mirrored=False)
            if isinstance(error, _UNAVAILABLE) or error.is_of_the_request:
                raise
            if isinstance(error, _FINAL) and not error.drops_cookies:
                after_this_request(lambda response: forget_cookies(signet, response))
            return None  # the guard's own error tells the client what to do: log in again
        if pair is None:
            return None
        renewed = {
            TokenCookies(signet, "access"): pair.access_token,
            TokenCookies(signet, "refresh"): pair.refresh_token,
        }
        note_renewed(self.carrier, {cookies.name: text for cookies, text in renewed.items()})
        _set_at_the_end({cookies.name: _lines(cookies, text) for cookies, text in renewed.items()})
        return Credentials(pair.access_token, "cookies", is_new=True)

    def _rotated(self, search: Search, expired: Mapping[str, Any] | None) -> TokenPair | None:
        """The next pair by the refresh cookie; None: it is not of the access cookie's subject.

        The proof is the CSRF value of the page that was shown: that of the access token, which the
        refresh token of the same session has too.
        """
        signet = self.signet
        if expired is not None and expired.get("iss") in signet.issuers:
            return None
        admission = signet.admit_to_rotate(search.in_cookies(proved_by="access"))
        subject = signet.settings.identity_claim_key
        if expired is not None and expired.get(subject) != admission.claims[subject]:
            return None
        self.here.current.keep(self.carrier, (signet, admission), mirrored=False)
        return self.manager.rotate_refresh_token()


# ── the answer ───────────────────────────────────────────────────────────────────────────


def _lines(cookies: TokenCookies, encoded_token: str) -> list[str]:
    """The Set-Cookie lines of a token. What is wrong with it shows before the view runs."""
    response = Response()
    cookies.set(response, encoded_token)
    return response.headers.getlist("Set-Cookie")


def _set_at_the_end(lines: dict[str, list[str]]) -> None:
    """Put the new cookies into the answer, but for those that the view has set or cleared.

    :param lines: the Set-Cookie lines by the name of the token's cookie.
    """

    def put(response: Response) -> Response:
        taken = {line.partition("=")[0] for line in response.headers.getlist("Set-Cookie")}
        for name in lines.keys() - taken:
            for line in lines[name]:
                response.headers.add("Set-Cookie", line)
            # A cache that keeps the answer would hand the cookies to others.
            response.headers["Cache-Control"] = "no-store"
        return response

    @after_this_request
    def wait(response: Response) -> Response:
        # The view may log out, which clears the cookies after the view too: this comes last.
        after_this_request(put)
        return response
