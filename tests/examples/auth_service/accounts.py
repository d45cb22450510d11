"""A user for the tests, and the first steps of a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from flask_signet import SessionInfo

EMAIL = "ada@example.org"
PASSWORD = "a house on the hill"

MakeApp = Callable[..., Flask]
SessionsOf = Callable[[int], list[SessionInfo]]


def register(client: FlaskClient, email: str = EMAIL, password: str = PASSWORD) -> dict[str, Any]:
    answer = client.post("/api/v1/auth/users", json={"email": email, "password": password})
    assert answer.status_code == 201, answer.text
    return answer.get_json()


def log_in(client: FlaskClient, email: str = EMAIL, password: str = PASSWORD) -> dict[str, str]:
    answer = client.post("/api/v1/auth/tokens", json={"email": email, "password": password})
    assert answer.status_code == 201, answer.text
    return {name: answer.get_json()[name] for name in ("access_token", "refresh_token")}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
