"""The parts of the service that the views use, made once for each application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from flask_signet.stores import SessionStore

from .accounts import Accounts
from .database import Database


@dataclass(frozen=True)
class Service:
    """The parts of one application."""

    accounts: Accounts
    database: Database
    store: SessionStore

    def close(self) -> None:
        """Close the connections, so that a forked process doesn't share them."""
        self.database.close()
        self.store.close()


def current_service() -> Service:
    """The parts of the application that handles this request."""
    return cast(Service, current_app.extensions["auth_service"])
