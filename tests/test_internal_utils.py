"""Flask-JWT-Extended's internal_utils: private there, imported by applications all the same."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.json.provider import DefaultJSONProvider

from flask_signet import JWTManager
from flask_signet.exceptions import (
    RevokedTokenError,
    UserClaimsVerificationError,
    WrongTokenError,
)
from flask_signet.internal_utils import (
    JSONEncoder,
    custom_verification_for_token,
    get_json_encoder,
    get_jwt_manager,
    has_user_lookup,
    user_lookup,
    verify_token_not_blocklisted,
    verify_token_type,
)
from tests.applications import application

HEADER, CLAIMS = {"alg": "HS256"}, {"sub": "alice", "type": "access"}


@pytest.fixture
def manager() -> JWTManager:
    return JWTManager()


@pytest.fixture
def app(manager: JWTManager) -> Iterator[Flask]:
    app = application(manager=manager)
    with app.app_context():
        yield app


def test_get_jwt_manager(app: Flask, manager: JWTManager) -> None:
    """It gives the manager of the current application."""
    assert get_jwt_manager() is manager


def test_get_jwt_manager_without_one() -> None:
    """Without one it says what to do."""
    with Flask("tests").app_context(), pytest.raises(RuntimeError, match="You must initialize"):
        get_jwt_manager()


def test_user_lookup(app: Flask, manager: JWTManager) -> None:
    """It asks the application's loader, if there is one."""
    assert not has_user_lookup()
    assert user_lookup(HEADER, CLAIMS) is None
    manager.user_lookup_loader(lambda header, payload: (header, payload))
    assert has_user_lookup()
    assert user_lookup(HEADER, CLAIMS) == (HEADER, CLAIMS)


@pytest.mark.parametrize(
    ("kind", "refresh", "message"),
    [
        ("access", False, None),
        ("refresh", True, None),
        ("reset", False, None),
        ("access", True, "Only refresh tokens are allowed"),
        ("reset", True, "Only refresh tokens are allowed"),
        ("refresh", False, "Only non-refresh tokens are allowed"),
    ],
)
def test_verify_token_type(app: Flask, kind: str, refresh: bool, message: str | None) -> None:
    """A refresh token is for refreshing, and nothing else is."""
    if message is None:
        verify_token_type({"type": kind}, refresh=refresh)
    else:
        with pytest.raises(WrongTokenError, match=message):
            verify_token_type({"type": kind}, refresh=refresh)


@pytest.mark.parametrize("kind", ["reset", "Access", "", None, 5, ["access"]])
def test_d7_strict_types(kind: Any) -> None:
    """In the strict profile an access token says type access, by equality."""
    with application(PROFILE="strict").app_context():
        verify_token_type({"type": "access"}, refresh=False)
        with pytest.raises(WrongTokenError):
            verify_token_type({"type": kind}, refresh=False)


def test_the_questions_to_the_application(app: Flask, manager: JWTManager) -> None:
    """Blocklist and verification are asked of the loaders; without loaders all pass."""
    verify_token_not_blocklisted(HEADER, CLAIMS)
    custom_verification_for_token(HEADER, CLAIMS)
    manager.token_in_blocklist_loader(lambda header, payload: payload["sub"] == "alice")
    manager.token_verification_loader(lambda header, payload: payload["sub"] != "alice")
    with pytest.raises(RevokedTokenError) as revoked:
        verify_token_not_blocklisted(HEADER, CLAIMS)
    with pytest.raises(UserClaimsVerificationError) as rejected:
        custom_verification_for_token(HEADER, CLAIMS)
    for error in (revoked.value, rejected.value):
        assert (error.jwt_header, error.jwt_data) == (HEADER, CLAIMS)
    verify_token_not_blocklisted(HEADER, {"sub": "bob"})
    custom_verification_for_token(HEADER, {"sub": "bob"})


def test_the_json_encoder(app: Flask) -> None:
    """It writes what the application's JSON provider writes, and JSON as ever."""
    when = datetime(2030, 1, 1, tzinfo=UTC)
    assert get_json_encoder(app) is JSONEncoder
    for value in (when, uuid.UUID(int=5), Decimal("1.5")):
        assert json.dumps([value], cls=JSONEncoder) == app.json.dumps([value])
    with pytest.raises(TypeError):
        json.dumps(object(), cls=JSONEncoder)


def test_the_json_encoder_follows_the_application(app: Flask) -> None:
    """An application with a provider of its own has it for tokens, too."""

    class Provider(DefaultJSONProvider):
        @staticmethod
        def default(o: Any) -> Any:
            return "mine"

    app.json_provider_class = Provider
    assert json.dumps(object(), cls=JSONEncoder) == '"mine"'
