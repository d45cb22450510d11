"""What the views use: the parts of the service, made once per application."""

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
        """Close the connections, so that a forked child doesn't share them."""
        self.database.close()
        self.store.close()


def current_service() -> Service:
    """The parts of the application that handles this request."""
    return cast(Service, current_app.extensions["auth_service"])
