"""Applications, servers and stores for the tests of the reference service."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from flask import Flask
from flask.testing import FlaskClient

from examples.auth_service import create_app
from tests.examples.auth_service.accounts import MakeApp
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
                "REDIS_URL": None,
                "PROPAGATE_EXCEPTIONS": True,  # what would be a 500 fails the test
                **config,
            }
        )
        apps.append(app)
        return app

    yield make
    for app in apps:
        app.extensions["auth_service"].database.close()


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def redis_url() -> str:
    """A Redis that answers; the tests only add keys of their own."""
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/13")
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1) as client:
            client.ping()
    except redis.RedisError as error:
        pytest.skip(f"no Redis to test with: set REDIS_URL ({type(error).__name__})")
    return url


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, so nobody else gets it; not listening
        yield unused.getsockname()[1]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The real service on a free port, as ``python -m examples.auth_service`` starts it."""
    with serving(tmp_path_factory.mktemp("service") / "instance") as running:
        yield running
