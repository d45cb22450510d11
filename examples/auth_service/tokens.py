"""The tokens of the service: how their user is found, and the question before each refresh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_signet import JWTManager

from .database import User
from .service import current_service

jwt = JWTManager()


@jwt.user_lookup_loader
def load_user(jwt_header: Mapping[str, Any], jwt_payload: Mapping[str, Any]) -> User | None:
    """The user of the token, for ``current_user``. None (deleted, disabled) refuses the token."""
    return current_service().accounts.get(jwt_payload["sub"])


@jwt.user_state_loader
def may_go_on(identity: int) -> bool:
    """Asked right before each refresh: False ends the session.

    Add further conditions for a refresh here.
    """
    return current_service().accounts.get(identity) is not None
