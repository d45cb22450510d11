"""The description of Flask-Signet's ready-made endpoints for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from flask import Flask
from marshmallow import Schema

from .api import URL_PREFIX
from .openapi import BEARER, DocumentedApi
from .schemas import CredentialsSchema, ErrorSchema, SessionSchema, TokenPairSchema


def describe(api: DocumentedApi, app: Flask) -> None:
    """Add the routes of ``token_blueprint`` to the OpenAPI document of the application."""
    rules = {rule.rule: rule for rule in app.url_map.iter_rules()}
    for path, operations in _PATHS.items():
        api.spec.path(rule=rules[URL_PREFIX + path], operations=operations)


def _body(schema: type[Schema], *, many: bool = False) -> dict[str, Any]:
    shape: Any = {"type": "array", "items": schema} if many else schema
    return {"application/json": {"schema": shape}}


def _answer(description: str, schema: type[Schema] | None = None) -> dict[str, Any]:
    return {"description": description, **({"content": _body(schema)} if schema else {})}


def _operation(
    summary: str, description: str, answers: dict[str, Any], **more: Any
) -> dict[str, Any]:
    return {
        "summary": summary,
        "description": description,
        "tags": ["auth"],
        "responses": answers,
        **more,
    }


_PAIR = _answer("Both tokens", TokenPairSchema)
_NO_TOKEN = _answer("No token, or no good one", ErrorSchema)
_NO_JWT = _answer("Not a token of this service, or not of the right kind", ErrorSchema)
_DOWN = _answer("The session store does not answer; Retry-After says when to retry", ErrorSchema)

_PATHS: dict[str, dict[str, Any]] = {
    "/tokens": {
        "post": _operation(
            "Log in.",
            "It opens a session. The access token works for 15 minutes. The refresh token gets the "
            "next two tokens, once.",
            {
                "201": _PAIR,
                "400": _answer("The body is not JSON", ErrorSchema),
                "401": _answer("Wrong address or password", ErrorSchema),
                "422": _answer("The fields do not fit", ErrorSchema),
                "503": _DOWN,
            },
            requestBody={"required": True, "content": _body(CredentialsSchema)},
        ),
        "patch": _operation(
            "Refresh.",
            "Send the refresh token. It works once, and again for 10 seconds after that: keep the "
            "new one. An older one ends the session, because it may be stolen.",
            {"201": _PAIR, "401": _NO_TOKEN, "422": _NO_JWT, "503": _DOWN},
            security=BEARER,
        ),
        "delete": _operation(
            "Log out.",
            "Send either token; it may have expired. Afterwards neither token works.",
            {"204": _answer("Logged out"), "401": _NO_TOKEN, "422": _NO_JWT, "503": _DOWN},
            security=BEARER,
        ),
    },
    "/sessions": {
        "get": _operation(
            "List the sessions of the user.",
            "Send the access token. `current` marks the session of this token.",
            {
                "200": {"description": "The sessions", "content": _body(SessionSchema, many=True)},
                "401": _NO_TOKEN,
                "422": _NO_JWT,
                "503": _DOWN,
            },
            security=BEARER,
        ),
        "delete": _operation(
            "Log out everywhere.",
            "Send the access token.",
            {"204": _answer("Logged out"), "401": _NO_TOKEN, "422": _NO_JWT, "503": _DOWN},
            security=BEARER,
            parameters=[
                {
                    "in": "query",
                    "name": "others",
                    "schema": {"type": "string", "enum": ["true"]},
                    "description": "all but the session that asks",
                }
            ],
        ),
    },
    "/sessions/<sid>": {
        "delete": _operation(
            "End one session.",
            "Send the access token. The session must belong to the same user.",
            {
                "204": _answer("Ended"),
                "401": _NO_TOKEN,
                "404": _answer("No such session", ErrorSchema),
                "422": _NO_JWT,
                "503": _DOWN,
            },
            security=BEARER,
        ),
    },
}
