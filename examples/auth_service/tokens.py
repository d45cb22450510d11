"""The tokens of the service: whose they are, and which of them were revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import current_app

from flask_signet import JWTManager

from .database import User
from .service import current_service

#: Seconds that a revocation outlives its token, as the clocks of two hosts never quite agree.
CLOCK_DIFFERENCE = 60

jwt = JWTManager()


@jwt.user_lookup_loader
def load_user(jwt_header: Mapping[str, Any], jwt_payload: Mapping[str, Any]) -> User | None:
    """The user of the token, for ``current_user``; None refuses the token."""
    return current_service().accounts.get(jwt_payload["sub"])


@jwt.token_in_blocklist_loader
def is_revoked(jwt_header: Mapping[str, Any], jwt_payload: Mapping[str, Any]) -> bool:
    """Whether the token was handed back. One without ``jti`` can't be checked: it is refused."""
    jti = jwt_payload.get("jti")
    return not jti or current_service().revoked_tokens.is_revoked(jti)


def revoke(jwt_payload: Mapping[str, Any]) -> None:
    """Refuse the token of these claims from now on, until it has expired anyway."""
    expires = jwt_payload.get("exp")
    if expires is not None:
        expires = int(expires) + _leeway() + CLOCK_DIFFERENCE
    current_service().revoked_tokens.revoke(jwt_payload["jti"], expires)


def _leeway() -> int:
    """Seconds for which the library still takes an expired token."""
    leeway = current_app.config.get("JWT_DECODE_LEEWAY") or 0
    return int(leeway.total_seconds() if isinstance(leeway, timedelta) else leeway)
