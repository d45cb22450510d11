"""An application with sessions, and a client that plays the scenarios."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, jsonify
from werkzeug.test import TestResponse

from flask_signet import JWTManager, get_jwt_identity, jwt_required
from flask_signet.flask.endpoints import token_blueprint
from flask_signet.signals import token_rejected, token_reused, token_rotated

_OF_SESSIONS = ("token_reused", "session_ended")

SECRET = "KpXn2mVt8wQzR5yH3bJf7cLs9dGa4eNu6iTo1qWx0kY"


class Scenario:
    """One application on one store, one user of its own, and what the signals said."""

    def __init__(self, store: object, **options: Any) -> None:
        self.user = f"user-{secrets.token_hex(8)}"
        self.app = Flask("scenario")
        self.app.config.update(JWT_SECRET_KEY=SECRET, JWT_SESSION_STORE=store)
        self.app.config.update({f"JWT_{name.upper()}": value for name, value in options.items()})
        self.jwt = JWTManager(self.app)
        self.app.register_blueprint(token_blueprint(lambda form: form.get("user")))
        self.app.add_url_rule("/protected", view_func=jwt_required()(self._protected))
        self.client = self.app.test_client()
        self.events: list[str] = []

    def close(self) -> None:
        """Give back the connections of this application."""
        self.app.extensions["flask-signet"][""].close()

    @staticmethod
    def _protected() -> Any:
        return jsonify(id=get_jwt_identity())

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """The signals that are sent meanwhile, by name; of refusals those of a whole session."""

        def note(name: str) -> Any:
            def listen(sender: Flask, **about: Any) -> None:
                code = about.get("error_code", name)
                if name != "rejected" or code in _OF_SESSIONS:
                    self.events.append(code)

            return listen

        listeners = {
            signal: note(name)
            for signal, name in (
                (token_rotated, "rotated"),
                (token_reused, "reused"),
                (token_rejected, "rejected"),
            )
        }
        for signal, listener in listeners.items():
            signal.connect(listener, self.app)
        try:
            yield self.events
        finally:
            for signal, listener in listeners.items():
                signal.disconnect(listener, self.app)

    def login_answer(self, user: str) -> TestResponse:
        """What a log-in is answered, by a client of its own."""
        return self.app.test_client().post("/auth/tokens", json={"user": user})

    def login(self, user: str | None = None) -> dict[str, str]:
        """Both tokens of a new session."""
        return self._both(self.login_answer(user or self.user))

    def refresh(self, tokens: dict[str, str] | str) -> TestResponse:
        """What a refresh with these tokens is answered."""
        token = tokens if isinstance(tokens, str) else tokens["refresh_token"]
        return self.client.patch("/auth/tokens", headers=bearer(token))

    def next(self, tokens: dict[str, str]) -> dict[str, str]:
        """Both tokens of a refresh that succeeds."""
        return self._both(self.refresh(tokens))

    @staticmethod
    def _both(answer: TestResponse) -> dict[str, str]:
        assert answer.status_code == 201, answer.json
        return {name: answer.get_json()[name] for name in ("access_token", "refresh_token")}

    def get(self, tokens: dict[str, str]) -> int:
        """The status of a request with the access token."""
        return self.client.get("/protected", headers=bearer(tokens["access_token"])).status_code

    def sessions(self, tokens: dict[str, str]) -> list[dict[str, Any]]:
        """The sessions that the access token's owner sees."""
        answer = self.client.get("/auth/sessions", headers=bearer(tokens["access_token"]))
        assert answer.status_code == 200, answer.json
        return answer.json  # type: ignore[no-any-return]  # a list


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}
