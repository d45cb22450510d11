"""Set and unset the token cookies, and beside each the cookie of its CSRF value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from flask import Response

from ..options.table import ONE_YEAR, Settings
from .app_state import AppState, current_state
from .encoded_tokens import check_token, now

Kind = Literal["access", "refresh"]

MAX_COOKIE_BYTES: Final = 4096
"""Of name and value: what a browser keeps; more it drops silently (RFC 6265bis section 5.7)."""


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
            if domain and name.lower().startswith("__host-"):
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


def _has_csrf_cookie(settings: Settings) -> bool:
    return settings.cookie_csrf_protect and settings.csrf_in_cookies


def set_cookies(
    state: AppState,
    kind: Kind,
    response: Response,
    encoded_token: str,
    max_age: int | None = None,
    domain: str | None = None,
) -> None:
    """Set the cookie of one kind of token, and that of its CSRF value."""
    settings = state.settings
    cookie = TokenCookie.of(settings, kind)
    claims: Any = None
    if _has_csrf_cookie(settings) or settings.cookie_expires_with_token:
        claims = check_token(state, encoded_token).claims
    if max_age is None and not settings.session_cookie:
        max_age = _lifetime(settings, claims)
    cookie.check_domain(domain)
    options: dict[str, Any] = {
        "max_age": max_age,
        "secure": settings.cookie_secure,
        "domain": domain or settings.cookie_domain,
        "samesite": cookie.samesite,
    }
    _set(response, cookie.name, encoded_token, httponly=True, path=cookie.path, **options)
    if _has_csrf_cookie(settings):
        if "csrf" not in claims and settings.csrf_claim == "cookies":
            raise ValueError(
                f"the token has no csrf claim: with {state.prefix}CSRF_CLAIM = 'cookies', put "
                f"'cookies' into {state.prefix}TOKEN_LOCATION before the token is made"
            )
        value = claims["csrf"]
        _set(response, cookie.csrf_name, value, httponly=False, path=cookie.csrf_path, **options)


def _lifetime(settings: Settings, claims: Any) -> int:
    if settings.cookie_expires_with_token and "exp" in claims:
        return max(0, int(claims["exp"] - now()))
    return ONE_YEAR


def _set(response: Response, name: str, value: str, **options: Any) -> None:
    if len(name) + len(value) > MAX_COOKIE_BYTES:
        raise ValueError(
            f"the cookie {name!r} would have {len(name) + len(value)} bytes; browsers drop what "
            f"is over {MAX_COOKIE_BYTES}: put less into the token's claims"
        )
    response.set_cookie(name, value=value, **options)


def unset_cookies(
    state: AppState, kind: Kind, response: Response, domain: str | None = None
) -> None:
    """Have the browser forget the cookie of one kind of token, and that of its CSRF value."""
    settings = state.settings
    cookie = TokenCookie.of(settings, kind)
    cookie.check_domain(domain)
    options: dict[str, Any] = {
        "expires": 0,
        "secure": settings.cookie_secure,
        "domain": domain or settings.cookie_domain,
        "samesite": cookie.samesite,
    }
    _set(response, cookie.name, "", httponly=True, path=cookie.path, **options)
    if _has_csrf_cookie(settings):
        _set(response, cookie.csrf_name, "", httponly=False, path=cookie.csrf_path, **options)


# ── the public functions, for the unnamed manager ────────────────────────────────────────


def set_access_cookies(
    response: Response,
    encoded_access_token: str,
    max_age: int | None = None,
    domain: str | None = None,
) -> None:
    """Put an access token into its cookie, and its CSRF value into another.

    :param max_age: seconds that the browser keeps them; None as ``JWT_SESSION_COOKIE`` says.
    :param domain: instead of ``JWT_COOKIE_DOMAIN``.
    :raises ValueError: if browsers would drop the cookie: it is over 4,096 bytes, or has a domain
        and a name with ``__Host-``. Or if ``JWT_CSRF_CLAIM`` left the CSRF value out.
    :raises KeyError: if the token of another issuer has none.
    :raises SignetError: if the token is not acceptable, where its CSRF value is to be read.
    """
    set_cookies(current_state(), "access", response, encoded_access_token, max_age, domain)


def set_refresh_cookies(
    response: Response,
    encoded_refresh_token: str,
    max_age: int | None = None,
    domain: str | None = None,
) -> None:
    """Put a refresh token into its cookie, and its CSRF value into another.

    The parameters and errors are those of :func:`set_access_cookies`.
    """
    set_cookies(current_state(), "refresh", response, encoded_refresh_token, max_age, domain)


def unset_access_cookies(response: Response, domain: str | None = None) -> None:
    """Have the browser forget the access token and its CSRF value.

    :param domain: the one that they were set with, if not ``JWT_COOKIE_DOMAIN``.
    :raises ValueError: if it is given for a cookie whose name begins with ``__Host-``.
    """
    unset_cookies(current_state(), "access", response, domain)


def unset_refresh_cookies(response: Response, domain: str | None = None) -> None:
    """Have the browser forget the refresh token and its CSRF value.

    The parameter and errors are those of :func:`unset_access_cookies`.
    """
    unset_cookies(current_state(), "refresh", response, domain)


def unset_jwt_cookies(response: Response, domain: str | None = None) -> None:
    """Have the browser forget both tokens and their CSRF values.

    The parameter and errors are those of :func:`unset_access_cookies`.
    """
    unset_access_cookies(response, domain)
    unset_refresh_cookies(response, domain)
