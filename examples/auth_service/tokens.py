"""The tokens of the service: whose they are, and what a refresh asks first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_signet import JWTManager

from .database import User
from .service import current_service

jwt = JWTManager()


@jwt.user_lookup_loader
def load_user(jwt_header: Mapping[str, Any], jwt_payload: Mapping[str, Any]) -> User | None:
    """The user of the token, for ``current_user``; None, gone or disabled, refuses the token."""
    return current_service().accounts.get(jwt_payload["sub"])


@jwt.user_state_loader
def may_go_on(identity: int) -> bool:
    """Asked again right before each refresh: False ends the session.

    A service with more to ask at a refresh than whether the user is there asks it here.
    """
    return current_service().accounts.get(identity) is not None
