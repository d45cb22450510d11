"""The settings: a class has the fixed ones; the environment or the caller gives the others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY

from .private_files import refuse_if_shared


class Config:
    """The settings that are the same in every installation."""

    # An API client sends `Authorization: Bearer <token>`; a browser sends cookies.
    JWT_TOKEN_LOCATION = ("headers", "cookies")
    JWT_ACCESS_TOKEN_EXPIRES = timedelta(minutes=15)
    # A session ends after 7 days without a refresh, and after 90 days in any case.
    JWT_REFRESH_TOKEN_EXPIRES = timedelta(days=7)
    JWT_REFRESH_ABSOLUTE_EXPIRES = timedelta(days=90)
    # A refresh token works once. The 21st login of a user ends the user's oldest session.
    JWT_REFRESH_ROTATION = True
    JWT_MAX_SESSIONS_PER_SUBJECT = 20

    # A secret that is shorter than its hash could be guessed (RFC 7518 section 3.2).
    JWT_ALLOW_WEAK_KEYS = False

    # The token cookies are HttpOnly. A form proves that it is ours with the value of the CSRF
    # cookie (double submit), because no script is there to send a header.
    JWT_COOKIE_SAMESITE = "Lax"
    JWT_COOKIE_CSRF_PROTECT = True
    JWT_CSRF_CHECK_FORM = True

    # Argon2id, 64 MiB, 3 passes: the second recommended option of RFC 9106 section 4.
    AUTH_SERVICE_PASSWORD_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

    # Bytes. No request needs more: a password of 1024 characters, percent-encoded, is 12 KiB.
    MAX_CONTENT_LENGTH = 64 * 1024

    API_TITLE = "Auth service"
    API_VERSION = "v1"
    OPENAPI_VERSION = "3.0.3"
    OPENAPI_URL_PREFIX = "/api/v1"
    OPENAPI_JSON_PATH = "openapi.json"


# With HTTPS, the browser itself can bind the cookies to this host (RFC 6265bis section 4.1.3.2).
HTTPS_SETTINGS = {
    "JWT_COOKIE_SECURE": True,
    "JWT_ACCESS_COOKIE_NAME": "__Host-access_token",
    "JWT_REFRESH_COOKIE_NAME": "__Host-refresh_token",
}


def instance_folder(config: Mapping[str, Any] | None = None) -> Path:
    """The folder of the database and the secret. If it is missing, it is made, with mode 0700.

    It is ``AUTH_SERVICE_INSTANCE``, or ``instance/`` at the root of the repository.

    :raises PermissionError: if other users may open it, or if it belongs to another user.
    """
    default = Path(__file__).resolve().parents[2] / "instance"
    folder = Path(_option("AUTH_SERVICE_INSTANCE", config) or default).resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_if_shared(folder, folder.stat())
    return folder


def settings(instance: Path, config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The settings that differ between installations: from the caller, else the environment.

    :raises ValueError: if ``AUTH_SERVICE_PROXIES`` is not a number.
    """
    https = _option("AUTH_SERVICE_HTTPS", config) in {True, "1"}
    proxies = str(_option("AUTH_SERVICE_PROXIES", config) or 0)
    if not (proxies.isascii() and proxies.isdigit()):
        raise ValueError(f"AUTH_SERVICE_PROXIES is a number of proxies, not {proxies!r}")
    return {
        "AUTH_SERVICE_DATABASE": _option("AUTH_SERVICE_DATABASE", config)
        or f"sqlite:///{instance / 'auth_service.sqlite3'}",
        "JWT_SESSION_STORE": _option("AUTH_SERVICE_STORE", config)
        or _option("REDIS_URL", config)
        or f"sqlite:///{instance / 'sessions.sqlite3'}",
        "AUTH_SERVICE_HTTPS": https,
        "AUTH_SERVICE_PROXIES": int(proxies),
        **(HTTPS_SETTINGS if https else {}),
        # The caller's settings have precedence. The lines above have read the others already.
        **{key: value for key, value in (config or {}).items() if key not in _ENVIRONMENT},
    }


_ENVIRONMENT = {
    "AUTH_SERVICE_DATABASE",
    "AUTH_SERVICE_HTTPS",
    "AUTH_SERVICE_INSTANCE",
    "AUTH_SERVICE_PROXIES",
    "AUTH_SERVICE_STORE",
    "REDIS_URL",
}


def _option(name: str, config: Mapping[str, Any] | None) -> Any:
    if config is not None and name in config:
        return config[name]
    return os.environ.get(name)
