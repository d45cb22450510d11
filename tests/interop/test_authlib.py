"""Authlib's OAuth client calls our revocation and our introspection, found by our metadata."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask

from flask_signet import Key, TokenPair, create_token_pair
from flask_signet.keys.fetch import fetch
from tests.interop.service import CLIENT, Server, me

METHODS = pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])


@pytest.fixture(scope="module")
def app(server: Server) -> Flask:
    return server.mount("authlib", [Key.generate("ES256")], SESSION_STORE="memory://")


@pytest.fixture
def metadata(app: Flask, server: Server) -> dict[str, Any]:
    body = fetch(f"{server.url}/authlib/.well-known/oauth-authorization-server", 5).body
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.fixture
def pair(app: Flask) -> TokenPair:
    with app.app_context():
        return create_token_pair("ada")


@pytest.fixture
def session(method: str, metadata: dict[str, Any]) -> Iterator[OAuth2Session]:
    for kind in ("revocation", "introspection"):
        assert method in metadata[f"{kind}_endpoint_auth_methods_supported"]
    with OAuth2Session(
        *CLIENT, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method
    ) as found:
        yield found


@METHODS
def test_authlib_asks_about_a_token_and_revokes_it(
    session: OAuth2Session, app: Flask, metadata: dict[str, Any], pair: TokenPair
) -> None:
    """Once it is revoked, neither token of its session is active, and no guard takes it."""

    def introspect(text: str, hint: str) -> Any:
        answer = session.introspect_token(
            metadata["introspection_endpoint"], token=text, token_type_hint=hint
        )
        assert answer.status_code == 200
        return answer.json()

    found = introspect(pair.access_token, "access_token")
    assert (found["active"], found["sub"], found["iss"]) == (True, "ada", metadata["issuer"])
    assert introspect(pair.refresh_token, "refresh_token")["type"] == "refresh"
    assert me(app, pair.access_token) == "ada"

    answer = session.revoke_token(
        metadata["revocation_endpoint"], token=pair.refresh_token, token_type_hint="refresh_token"
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert introspect(pair.access_token, "access_token") == {"active": False}
    assert introspect(pair.refresh_token, "refresh_token") == {"active": False}
    assert me(app, pair.access_token) == 401


@METHODS
def test_authlib_with_a_wrong_secret_is_refused(
    method: str, app: Flask, metadata: dict[str, Any], pair: TokenPair
) -> None:
    """With the error that RFC 6749 section 5.2 has for it, and the token goes on."""
    with OAuth2Session(
        CLIENT[0],
        "wrong",
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
    ) as session:
        calls = {
            "introspection_endpoint": session.introspect_token,
            "revocation_endpoint": session.revoke_token,
        }
        for endpoint, call in calls.items():
            answer = call(metadata[endpoint], token=pair.access_token)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
            assert answer.json()["error"] == "invalid_client"
    assert me(app, pair.access_token) == "ada"
