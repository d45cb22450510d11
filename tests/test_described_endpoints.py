"""The ready-made endpoints as OpenAPI describes them, and requests that Schemathesis makes of it.

Each request is right by the description, or wrong in one place. No answer is a server error, and
none has a status, a header or a body that the description does not name. No request without a
token is let in. Longer runs: SIGNET_TEST_EFFORT=20.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from flask import Flask, jsonify

from flask_signet import (
    JWTManager,
    Key,
    create_token_pair,
    key_blueprint,
    oauth_blueprint,
    token_blueprint,
)
from tests.applications import PROFILES, bearer
from tests.jose.effort import examples

schemathesis: Any = pytest.importorskip("schemathesis")
checks: Any = pytest.importorskip("schemathesis.specs.openapi.checks")

FORM: Final = "application/x-www-form-urlencoded"
TEXT: Final = {"type": "string"}
NUMBER: Final = {"type": "number"}
COUNT: Final = {"type": "integer", "minimum": 0}
BEARER: Final = [{"token": []}]
CLIENT: Final = [{"client": []}]


# ── the description ──────────────────────────────────────────────────────────────────────


def answer(schema: dict[str, Any] | None, *headers: str) -> dict[str, Any]:
    """An answer of JSON, or without a body, and the headers that it always has."""
    found: dict[str, Any] = {
        "description": "",
        "headers": {name: {"required": True, "schema": TEXT} for name in headers},
    }
    if schema is not None:
        found["content"] = {"application/json": {"schema": schema}}
    return found


def members(*required: str, **schemas: Any) -> dict[str, Any]:
    """An object that has nothing else."""
    return {
        "type": "object",
        "properties": schemas,
        "required": list(required),
        "additionalProperties": False,
    }


REFUSED: Final = members("msg", msg=TEXT, error=TEXT)
NO_STORE: Final = ("Cache-Control", "Pragma")
TOKENS: Final = members(
    *("access_token", "refresh_token", "token_type", "expires_in", "refresh_expires_in"),
    access_token=TEXT,
    refresh_token=TEXT,
    token_type={"const": "Bearer"},
    expires_in=COUNT,
    refresh_expires_in=COUNT,
)
SESSION: Final = members(
    *("sid", "label", "current"),
    **dict.fromkeys(
        ("sid", "label", "user_agent", "address", "last_user_agent", "last_address"), TEXT
    ),
    **dict.fromkeys(("created_at", "last_seen_at", "expires_at"), NUMBER),
    current={"type": "boolean"},
)
LOGIN: Final = {
    "type": "object",
    "properties": {
        "user": {"enum": ["ada"]},
        "password": {"enum": ["enchantress"]},
        "device": {},
        "remember": {},
    },
    "required": ["user", "password"],
}
ASKED: Final = {
    "type": "object",
    "properties": {"token": {"type": "string", "minLength": 1}, "token_type_hint": TEXT},
    "required": ["token"],
}
OAUTH_REFUSED: Final = members("error", "error_description", error=TEXT, error_description=TEXT)


def operation(found: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One endpoint, and the refusals that any of them may give."""
    refusals = {
        "401": answer(REFUSED, *NO_STORE, "WWW-Authenticate"),
        **{status: answer(REFUSED, *NO_STORE) for status in ("400", "413", "422")},
    }
    return {"responses": {**refusals, **found}, **more}


def asking(found: dict[str, Any]) -> dict[str, Any]:
    """An endpoint that other services ask."""
    refusals = {
        "401": answer(OAUTH_REFUSED, *NO_STORE, "WWW-Authenticate"),
        **{status: answer(OAUTH_REFUSED, *NO_STORE) for status in ("400", "413")},
    }
    body = {"required": True, "content": {FORM: {"schema": ASKED}}}
    return {"responses": {**refusals, **found}, "requestBody": body, "security": CLIENT}


DESCRIPTION: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {"title": "the ready-made endpoints", "version": "1"},
    "components": {
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer"},
            "client": {"type": "http", "scheme": "basic"},
        }
    },
    "paths": {
        "/auth/tokens": {
            "post": operation(
                {"201": answer(TOKENS, *NO_STORE)},
                requestBody={
                    "required": True,
                    "content": {
                        "application/json": {"schema": LOGIN},
                        FORM: {"schema": LOGIN},
                        "multipart/form-data": {"schema": LOGIN},
                    },
                },
            ),
            "patch": operation({"201": answer(TOKENS, *NO_STORE)}, security=BEARER),
            "delete": operation({"204": answer(None, *NO_STORE)}, security=BEARER),
        },
        "/auth/sessions": {
            "get": operation(
                {"200": answer({"type": "array", "items": SESSION}, *NO_STORE)}, security=BEARER
            ),
            "delete": operation(
                {"204": answer(None, *NO_STORE)},
                security=BEARER,
                parameters=[{"name": "others", "in": "query", "schema": TEXT}],
            ),
        },
        "/auth/sessions/{sid}": {
            "delete": operation(
                {"204": answer(None, *NO_STORE), "404": answer(REFUSED, *NO_STORE)},
                security=BEARER,
                parameters=[
                    {
                        "name": "sid",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
                    }
                ],
            ),
        },
        "/oauth/revoke": {"post": asking({"200": {"description": ""}})},
        "/oauth/introspect": {
            "post": asking(
                {
                    "200": answer(
                        {
                            "type": "object",
                            "properties": {"active": {"type": "boolean"}},
                            "required": ["active"],
                        },
                        *NO_STORE,
                    )
                }
            )
        },
        "/.well-known/jwks.json": {
            "get": {
                "responses": {
                    "200": answer(members("keys", keys={"type": "array"}), "ETag", "Cache-Control")
                }
            }
        },
        "/.well-known/oauth-authorization-server": {
            "get": {
                "responses": {
                    "200": answer(
                        {"type": "object", "required": ["issuer", "jwks_uri"]},
                        *("ETag", "Cache-Control"),
                    )
                }
            }
        },
    },
}


# ── the application ──────────────────────────────────────────────────────────────────────


def authenticate(sent: Any) -> str | None:
    is_right = sent.get("user") == "ada" and sent.get("password") == "enchantress"
    return "ada" if is_right else None


def described(profile: str) -> Flask:
    """An application with every ready-made endpoint; an exception in it ends the test."""
    app = Flask("described")
    app.config.update(
        JWT_PROFILE=profile,
        JWT_KEYS=[Key.generate("ES256")],
        JWT_ENCODE_ISSUER="https://login.example.com",
        JWT_SESSION_STORE="memory://",
        JWT_TOKEN_LOCATION=["headers", "json"],
        JWT_RFC6750_STATUS=True,  # 401 is what it takes for a refusal
        PROPAGATE_EXCEPTIONS=True,
    )
    JWTManager(app)
    login = token_blueprint(
        authenticate,
        label=lambda sent: sent.get("device"),
        remember=lambda sent: sent.get("remember"),
    )
    for blueprint in (login, oauth_blueprint(lambda *found: found == ("c", "s")), key_blueprint()):
        app.register_blueprint(blueprint)
    app.add_url_rule("/openapi.json", "openapi", lambda: jsonify(DESCRIPTION))
    return app


APPS: Final = {profile: described(profile) for profile in PROFILES}


def credentials(case: Any, app: Flask) -> dict[str, str]:
    """What a client of the endpoint shows, so that a right request gets to its end."""
    if case.path.startswith("/oauth/"):
        return {"Authorization": "Basic Yzpz"}
    if case.path.startswith("/auth/") and case.method != "POST":
        with app.test_request_context():
            pair = create_token_pair("ada")
        return bearer(pair.refresh_token if case.method == "PATCH" else pair.access_token)
    return {}


def judge(case: Any, app: Flask) -> None:
    """The request of a case with good credentials, and nearly all that Schemathesis checks."""
    # A parameter that nobody knows is ignored, as everywhere: not all that is odd is refused.
    case.call_and_validate(
        headers=credentials(case, app), excluded_checks=[checks.negative_data_rejection]
    )


compatible, strict = (schemathesis.openapi.from_wsgi("/openapi.json", APPS[p]) for p in PROFILES)


@compatible.parametrize()
@examples(15)
def test_every_answer_is_as_described(case: Any) -> None:
    """Whatever is sent, right or wrong, in the compatible profile."""
    judge(case, APPS["compatible"])


@strict.parametrize()
@examples(15)
def test_every_answer_of_strict_is_as_described(case: Any) -> None:
    """The same in the strict profile."""
    judge(case, APPS["strict"])
