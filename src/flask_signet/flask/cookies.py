"""Set and unset the token cookies, and beside each the cookie of its CSRF value."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Final

from flask import Response, has_request_context

from ..engine.rule import Kind
from ..engine.signet import Signet
from ..exceptions import DecodeError, SignetError
from ..options.table import ONE_YEAR, Settings
from .bounded import cookies_of
from .current import request_itself

MAX_COOKIE_BYTES: Final = 4096
"""Of name and value: what a browser keeps; more it drops silently (RFC 6265bis section 5.7)."""

KINDS: Final[tuple[Kind, ...]] = ("access", "refresh")


def _is_of_one_host(name: str) -> bool:
    """Whether browsers take a cookie of this name without a domain alone (RFC 6265bis 4.1.3.2)."""
    return name.lower().startswith("__host-")


@dataclass(frozen=True, slots=True)
class TokenCookie:
    """The two cookies of one kind of token, as the options name them."""

    name: str
    path: str
    csrf_name: str
    csrf_path: str
    samesite: str | None

    def check_domain(self, domain: str | None) -> None:
        """Refuse a domain for a cookie that must not have one (RFC 6265bis section 4.1.3.2).

        :raises ValueError: browsers would drop the cookie without a word.
        """
        for name in (self.name, self.csrf_name):
            if domain and _is_of_one_host(name):
                raise ValueError(f"the cookie {name!r} can have no domain: browsers drop it")

    @classmethod
    def of(cls, settings: Settings, kind: Kind) -> TokenCookie:
        if kind == "access":
            return cls(
                settings.access_cookie_name,
                settings.access_cookie_path,
                settings.access_csrf_cookie_name,
                settings.access_csrf_cookie_path,
                settings.cookie_samesite,
            )
        return cls(
            settings.refresh_cookie_name,
            settings.refresh_cookie_path,
            settings.refresh_csrf_cookie_name,
            settings.refresh_csrf_cookie_path,
            settings.refresh_cookie_samesite or settings.cookie_samesite,
        )


class TokenCookies:
    """The cookies of one kind of token, by one set of options.

    :param domain: instead of ``JWT_COOKIE_DOMAIN``.
    :raises ValueError: if browsers would drop the cookie for that domain.
    """

    __slots__ = ("_cookie", "_domain", "_settings", "_signet")

    def __init__(self, signet: Signet, kind: Kind, domain: str | None = None) -> None:
        self._signet = signet
        self._settings = signet.settings
        self._cookie = TokenCookie.of(signet.settings, kind)
        self._cookie.check_domain(domain)
        self._domain = domain or signet.settings.cookie_domain

    def set(self, response: Response, encoded_token: str, max_age: int | None = None) -> None:
        """Set the cookie of a token, and that of its CSRF value, and drop those of former domains.

        :param max_age: seconds that the browser keeps them; None as the log-in decided with
            ``remember``, else as ``JWT_SESSION_COOKIE`` says.
        :raises ValueError: if browsers would drop a cookie of this size, or the token has no CSRF
            value where ``JWT_CSRF_CLAIM`` left it out.
        :raises KeyError: if the token of another issuer has none.
        :raises SignetError: if the token is not acceptable, where its claims are read.
        """
        settings = self._settings
        claims: Any = None
        if self._has_csrf or settings.cookie_expires_with_token:
            claims = self._signet.verify(encoded_token).claims
        if max_age is None and self._outlives_browser(encoded_token, claims):
            max_age = self._lifetime(claims)
        csrf = self._csrf_value(claims)
        self._drop_former(response)  # first: a browser may take the two for one
        self._put(response, encoded_token, csrf, self._domain, max_age=max_age)

    def unset(self, response: Response, *, everywhere: bool = False) -> None:
        """Have the browser forget both cookies, and those of former domains.

        :param everywhere: those without a domain too, whatever the options say.
        """
        self._drop_former(response, everywhere=everywhere)
        self._drop(response, self._domain)

    def _drop_former(self, response: Response, *, everywhere: bool = False) -> None:
        """Have the browser forget what it was given for other domains, or for none.

        It sends a cookie of a former domain beside the new one (RFC 6265 section 5.4).
        """
        domains: list[str | None] = [*self._settings.cookie_domains_before]
        if domains or everywhere or self._comes_twice:
            domains.append(None)
        for domain in domains:
            if domain != self._domain:
                self._drop(response, domain)

    @property
    def _comes_twice(self) -> bool:
        """Whether this request has several cookies of this name."""
        if not has_request_context():
            return False
        try:
            return len(cookies_of(request_itself(), self._cookie.name)) > 1
        except DecodeError:
            return True  # nobody has looked

    def _drop(self, response: Response, domain: str | None) -> None:
        self._put(response, "", "" if self._has_csrf else None, domain, expires=0)

    @property
    def name(self) -> str:
        """The name of the token's cookie."""
        return self._cookie.name

    @property
    def _has_csrf(self) -> bool:
        return self._settings.cookie_csrf_protect and self._settings.csrf_in_cookies

    def _csrf_value(self, claims: Any) -> str | None:
        """The value for the second cookie; None: there is no second cookie."""
        if not self._has_csrf:
            return None
        if "csrf" not in claims and self._settings.csrf_claim == "cookies":
            prefix = self._signet.prefix
            raise ValueError(
                f"the token has no csrf claim: with {prefix}CSRF_CLAIM = 'cookies', put "
                f"'cookies' into {prefix}TOKEN_LOCATION before the token is made"
            )
        value: str = claims["csrf"]
        return value

    def _outlives_browser(self, encoded_token: str, claims: Any) -> bool:
        """Whether the cookies of a token stay when the browser is closed."""
        if claims is None and self._signet.storage is not None:
            # Only a session's token says anything of it; any other text may be in a cookie too.
            with contextlib.suppress(SignetError):
                claims = self._signet.verify(encoded_token).claims
        remembered = None if claims is None else claims.get("remembered")
        return remembered if isinstance(remembered, bool) else not self._settings.session_cookie

    def _lifetime(self, claims: Any) -> int:
        if self._settings.cookie_expires_with_token and "exp" in claims:
            return max(0, int(claims["exp"] - self._signet.clock()))
        return ONE_YEAR

    def _put(
        self, response: Response, value: str, csrf: str | None, domain: str | None, **life: Any
    ) -> None:
        """Both cookies; ``csrf`` None: the first alone."""
        cookie = self._cookie
        options = {
            "secure": self._settings.cookie_secure,
            "domain": domain,
            "samesite": cookie.samesite,
            **life,
        }
        _set(response, cookie.name, value, httponly=True, path=cookie.path, **options)
        if csrf is not None:
            _set(response, cookie.csrf_name, csrf, httponly=False, path=cookie.csrf_path, **options)


def _set(response: Response, name: str, value: str, **options: Any) -> None:
    if options["domain"] and _is_of_one_host(name):
        return  # of a former domain: no browser has such a cookie
    if len(name) + len(value) > MAX_COOKIE_BYTES:
        raise ValueError(
            f"the cookie {name!r} would have {len(name) + len(value)} bytes; browsers drop what "
            f"is over {MAX_COOKIE_BYTES}: put less into the token's claims"
        )
    response.set_cookie(name, value=value, **options)


def forget_cookies(signet: Signet, response: Response) -> Response:
    """The response, which drops the tokens' cookies where tokens are in cookies.

    Of several cookies of one name all have to go: the one that is left would count.
    """
    if "cookies" in signet.settings.token_location:
        for kind in KINDS:
            TokenCookies(signet, kind).unset(response, everywhere=True)
    return response
