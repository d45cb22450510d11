"""What the views use: the parts of the service, made once per application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from .accounts import Accounts
from .database import Database
from .revoked_tokens import RevokedTokens


@dataclass(frozen=True)
class Service:
    """The parts of one application."""

    accounts: Accounts
    revoked_tokens: RevokedTokens
    database: Database


def current_service() -> Service:
    """The parts of the application that handles this request."""
    return cast(Service, current_app.extensions["auth_service"])
