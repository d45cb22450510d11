"""Applications, servers and stores for the tests of the reference service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from flask import Flask
from flask.testing import FlaskClient

from examples.auth_service import create_app
from flask_signet import SessionInfo, list_sessions
from tests.examples.auth_service.accounts import MakeApp, SessionsOf
from tests.examples.auth_service.running import Running, serving


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[MakeApp]:
    """Applications with an instance folder of their own, which hash fast."""
    apps: list[Flask] = []

    def make(**config: Any) -> Flask:
        app = create_app(
            {
                "AUTH_SERVICE_INSTANCE": tmp_path / "instance",
                "AUTH_SERVICE_DATABASE": None,
                "AUTH_SERVICE_PASSWORD_HASHER": PasswordHasher.from_parameters(CHEAPEST),
                "AUTH_SERVICE_PROXIES": None,
                "AUTH_SERVICE_STORE": None,
                "REDIS_URL": None,
                "PROPAGATE_EXCEPTIONS": True,  # what would be a 500 fails the test
                **config,
            }
        )
        apps.append(app)
        return app

    yield make
    for app in apps:
        app.extensions["flask-signet"][""].close()
        app.extensions["auth_service"].close()


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def sessions_of(app: Flask) -> SessionsOf:
    """The live sessions of a user, as the store has them."""

    def sessions(user_id: int) -> list[SessionInfo]:
        with app.app_context():
            return list_sessions(user_id)

    return sessions


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The real service on a free port, as ``python -m examples.auth_service`` starts it."""
    with serving(tmp_path_factory.mktemp("service") / "instance") as running:
        yield running
