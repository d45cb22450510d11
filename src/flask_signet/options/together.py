"""The options that contradict each other: one function a rule, and the table of the rules.

A rule returns the message of the error, or None where the options agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..exceptions import ConfigurationError
from ..jose.algorithms import ALGORITHMS
from .table import OPTIONS, Settings

OptionRule = Callable[[Settings, str], str | None]
"""``(settings, prefix) -> message``."""


def check_together(settings: Settings, prefix: str) -> None:
    """Refuse options that contradict each other.

    :raises ConfigurationError: naming both.
    """
    rules = (*RULES, *STRICT_RULES) if settings.profile == "strict" else RULES
    for rule in rules:
        message = rule(settings, prefix)
        if message is not None:
            raise ConfigurationError(message)


def prefixed_cookies(settings: Settings, prefix: str) -> str | None:
    """A cookie named ``__Host-`` or ``__Secure-`` has the attributes that its name promises.

    A browser drops any other cookie of such a name without a word (RFC 6265bis section 4.1.3).
    """
    for cookie in ("access_cookie", "refresh_cookie", "access_csrf_cookie", "refresh_csrf_cookie"):
        name: str = getattr(settings, f"{cookie}_name")
        path: str = getattr(settings, f"{cookie}_path")
        option = f"{prefix}{cookie.upper()}"
        is_host = name.lower().startswith("__host-")
        if not (is_host or name.lower().startswith("__secure-")):
            continue
        if not settings.cookie_secure:
            return f"{option}_NAME = {name!r} needs {prefix}COOKIE_SECURE = True"
        if is_host and (path != "/" or settings.cookie_domain):
            return (
                f"{option}_NAME = {name!r} needs {option}_PATH = '/' and no "
                f"{prefix}COOKIE_DOMAIN; begin it with __Secure- instead"
            )
    return None


def error_member(settings: Settings, prefix: str) -> str | None:
    """The text of an error is not in the member that has its code."""
    if settings.error_format == "coded" and settings.error_msg_key == "error":
        return (
            f"{prefix}ERROR_MESSAGE_KEY = 'error' is taken: {prefix}ERROR_FORMAT = 'coded' has the "
            "code there"
        )
    return None


def one_place_of_keys(settings: Settings, prefix: str) -> str | None:
    """Keys are in ``JWT_KEYS``, or in the options of a single key."""
    if settings.keys is None:
        return None
    for attribute in ("secret_key", "private_key", "public_key"):
        if getattr(settings, attribute) is not None:
            return (
                f"{prefix}KEYS and {prefix}{OPTIONS[attribute].name} are both set: keep one. To "
                f"change over, put the old key last into {prefix}KEYS: it verifies"
            )
    return None


def stored_keys(settings: Settings, prefix: str) -> str | None:
    """Keys that are in the session store need one."""
    if settings.keys == "store:" and settings.session_store is None:
        return f"{prefix}KEYS = 'store:' needs a store: set {prefix}SESSION_STORE"
    return None


def rotation(settings: Settings, prefix: str) -> str | None:
    """Rotation of refresh tokens needs a session store."""
    if settings.refresh_rotation and settings.session_store is None:
        return (
            f"{prefix}REFRESH_ROTATION = True needs a store: set {prefix}SESSION_STORE, e.g. to "
            "'sqlite:///sessions.db'"
        )
    return None


def renewal(settings: Settings, prefix: str) -> str | None:
    """Cookies are renewed by a rotation, which needs a session store."""
    if settings.renew_cookies and not settings.rotates:
        return (
            f"{prefix}RENEW_COOKIES = True needs a store and rotation: set {prefix}SESSION_STORE, "
            f"and don't set {prefix}REFRESH_ROTATION = False"
        )
    return None


def cross_site_cookies(settings: Settings, prefix: str) -> str | None:
    """Strict profile: a cookie that goes to other sites is secure, or browsers drop it."""
    samesite = (settings.cookie_samesite, settings.refresh_cookie_samesite)
    if "None" in samesite and not settings.cookie_secure:
        return (
            f"{prefix}COOKIE_SAMESITE = 'None' needs {prefix}COOKIE_SECURE = True: "
            "browsers drop the cookie otherwise"
        )
    return None


def mixed_algorithms(settings: Settings, prefix: str) -> str | None:
    """Strict profile: secrets and public keys do not verify side by side (RFC 8725, 3.1)."""
    known = [ALGORITHMS[name] for name in settings.decode_algorithms if name in ALGORITHMS]
    if len({algorithm.is_symmetric for algorithm in known}) > 1:
        return (
            f"{prefix}DECODE_ALGORITHMS mixes HS algorithms with others; in the strict profile "
            "that is refused (RFC 8725 section 3.1)"
        )
    return None


def own_audience(settings: Settings, prefix: str) -> str | None:
    """Strict profile: the audience of our own tokens is known, or we would refuse them."""
    if settings.encode_audience is not None and settings.decode_audience is None:
        return (
            f"{prefix}ENCODE_AUDIENCE needs {prefix}DECODE_AUDIENCE: in the strict profile a token "
            "for an audience is refused where none is expected (RFC 7519 section 4.1.3). Set the "
            "audiences of this application, or False to take any"
        )
    return None


RULES: Final[tuple[OptionRule, ...]] = (
    prefixed_cookies,
    error_member,
    one_place_of_keys,
    stored_keys,
    rotation,
    renewal,
)
"""Of both profiles, in the order in which they are looked at: the first message is shown."""

STRICT_RULES: Final[tuple[OptionRule, ...]] = (cross_site_cookies, mixed_algorithms, own_audience)
"""Of the strict profile, after the others."""
