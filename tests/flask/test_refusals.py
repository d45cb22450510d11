"""Each refusal is told once, with the facts that were proved, and a flood fills no disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, jsonify
from flask.testing import FlaskClient

from flask_signet import (
    create_access_token,
    create_refresh_token,
    create_token_pair,
    decode_token,
    end_session,
    jwt_required,
    rotate_refresh_token,
    verify_jwt_in_request,
)
from flask_signet.exceptions import CSRFError, SignetError
from flask_signet.flask.endpoints import token_blueprint
from flask_signet.flask.refusals import Refusals
from flask_signet.signals import token_rejected
from flask_signet.stores.memory import MemoryStore
from tests.applications import application, bearer
from tests.conftest import Clock

ADDRESS = "192.0.2.7"


@pytest.fixture(params=["compatible", "strict"])
def app(request: pytest.FixtureRequest) -> Flask:
    app = application(PROFILE=request.param, SESSION_STORE=MemoryStore())
    app.register_blueprint(token_blueprint(lambda sent: sent.get("user")))

    @app.get("/me")
    @jwt_required()
    def me() -> Any:
        return jsonify(ok=True)

    @app.post("/mine")
    def mine() -> Any:
        return jsonify(rotate_refresh_token()._asdict())

    @app.get("/maybe")
    def maybe() -> Any:
        try:
            verify_jwt_in_request()
        except SignetError:
            return jsonify(ok=False)
        return jsonify(ok=True)

    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = ADDRESS
    return client


@pytest.fixture
def told(app: Flask) -> Iterator[list[dict[str, Any]]]:
    """What the listeners of the application are told."""
    heard: list[dict[str, Any]] = []

    def listen(sender: Flask, **about: Any) -> None:
        assert sender is app
        heard.append(about)

    with token_rejected.connected_to(listen, sender=app):
        yield heard


def forged(token: str) -> str:
    return token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB")


@pytest.mark.parametrize("path", ["/me", "/maybe"])
def test_a_guard_tells_of_each_refusal_once(
    app: Flask, client: FlaskClient, told: list[dict[str, Any]], path: str
) -> None:
    """Also of one that the view catches: the token was refused."""
    with app.app_context():
        pair, wrong = create_token_pair("ada"), create_refresh_token("ada")
        claims, refused = decode_token(pair.access_token), decode_token(wrong)
        end_session(pair.sid)
    endpoint = {"endpoint": path[1:], "address": ADDRESS}
    nothing = {"jti": None, "sid": None, "subject": None}
    client.get(path, headers=bearer(pair.access_token))
    proved = {"jti": claims["jti"], "sid": pair.sid, "subject": "ada"}
    assert told.pop() == {"error_code": "token_revoked", **endpoint, **proved}
    client.get(path, headers=bearer(forged(pair.access_token)))
    assert told.pop()["jti"] is None
    client.get(path, headers=bearer(wrong))
    about = told.pop()
    assert (about["error_code"], about["jti"]) == ("wrong_token_type", refused["jti"])
    client.get(path)
    assert told.pop() == {"error_code": "token_missing", **endpoint, **nothing}
    assert told == []


def test_an_expired_token_tells_whose_it_was(
    app: Flask, client: FlaskClient, told: list[dict[str, Any]], ticking: Clock
) -> None:
    """Its signature is good, so what it says is true."""
    with app.app_context():
        token = create_access_token("ada")
        jti = decode_token(token)["jti"]
    ticking.tick(1000)
    client.get("/me", headers=bearer(token))
    [about] = told
    assert (about["error_code"], about["jti"], about["subject"]) == ("token_expired", jti, "ada")


def test_a_refresh_and_the_endpoints_tell_as_well(
    app: Flask, client: FlaskClient, told: list[dict[str, Any]]
) -> None:
    """By which endpoint it was: a replayed token is the refusal of one request."""
    app.config["JWT_REFRESH_REUSE_GRACE"] = 0
    for path, method, endpoint in (
        ("/mine", "POST", "mine"),
        ("/auth/tokens", "PATCH", "tokens.refresh"),
    ):
        with app.app_context():
            pair = create_token_pair("ada")
        for _ in range(2):
            client.open(path, method=method, headers=bearer(pair.refresh_token))
        [about] = told
        assert (about["error_code"], about["endpoint"]) == ("token_reused", endpoint)
        assert (about["sid"], about["subject"]) == (pair.sid, "ada")
        told.clear()
    client.delete("/auth/tokens")
    assert [each["error_code"] for each in told] == ["token_missing"]


def test_outside_a_request_there_is_no_endpoint(app: Flask, told: list[dict[str, Any]]) -> None:
    """A job that verifies a token has no client."""
    with app.app_context(), pytest.raises(SignetError):
        decode_token("no token")
    [about] = told
    assert (about["endpoint"], about["address"]) == (None, None)


def test_no_token_is_in_what_is_told(
    app: Flask, client: FlaskClient, told: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the signal nor in the log."""
    caplog.set_level(logging.INFO, "flask_signet.audit")
    with app.app_context():
        good, other = create_access_token("ada"), create_refresh_token("ada")
    for token in (forged(good), other, f"{good}.x", "a.b.c"):
        client.get("/me", headers=bearer(token))
        for part in token.split("."):
            if len(part) > 8:
                assert part not in str(told) + caplog.text
    assert len(told) == 4


# ── the log ──────────────────────────────────────────────────────────────────────────────


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "flask_signet.audit"]


def test_a_line_has_the_facts(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    """On one line, whatever a client says of itself; and as an attribute, for a log of JSON."""
    caplog.set_level(logging.INFO, "flask_signet.audit")
    with app.app_context():
        pair = create_token_pair("ada\n\x1b[2Jroot")
        jti = decode_token(pair.access_token)["jti"]
        end_session(pair.sid)
    client.get("/me", headers=bearer(pair.access_token))
    [line] = lines(caplog)
    assert line == (
        f"refused: token_revoked app=tests endpoint=me address={ADDRESS} jti={jti} "
        f"sid={pair.sid} subject=ada\\n\\x1b[2Jroot"
    )
    [record] = [each for each in caplog.records if each.name == "flask_signet.audit"]
    assert record.levelno == logging.INFO
    assert record.__dict__["refusal"]["jti"] == jti


def test_a_flood_is_a_line_a_second_for_each_code(
    app: Flask, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The next line says how many were left out; another code has lines of its own."""
    caplog.set_level(logging.INFO, "flask_signet.audit")
    refusals = Refusals(app, monotonic=clock)
    signet = app.extensions["flask-signet"][""].signet()

    for _ in range(1000):
        refusals.tell(signet, SignetError("x"))
    refusals.tell(signet, CSRFError("x"))
    clock.tick(0.999)
    refusals.tell(signet, SignetError("x"))
    assert lines(caplog) == ["refused: invalid_token app=tests", "refused: csrf_failed app=tests"]
    clock.tick(0.001)
    refusals.tell(signet, SignetError("x"))
    clock.tick(1)
    refusals.tell(signet, SignetError("x"))
    assert lines(caplog)[2:] == [
        "refused: invalid_token app=tests (1000 more since the last line)",
        "refused: invalid_token app=tests",
    ]
