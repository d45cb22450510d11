"""The import path ``flask_jwt_extended.internal_utils``, under this package's name.

Applications import these although they are private there, so they are here, as thin as can be.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app
from flask.json.provider import DefaultJSONProvider

from .app_state import current_state
from .callbacks import call
from .view_decorators import check_by_application, check_not_revoked, check_type

if TYPE_CHECKING:
    from .jwt_manager import JWTManager


def get_jwt_manager() -> JWTManager:
    return current_state().manager


def has_user_lookup() -> bool:
    return current_state().callbacks.user_lookup is not None


def user_lookup(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> Any:
    callback = current_state().callbacks.user_lookup
    return callback and call(callback, jwt_header, jwt_data)


def verify_token_type(decoded_token: dict[str, Any], refresh: bool) -> None:
    check_type(current_state().settings, decoded_token, refresh=refresh)


def verify_token_not_blocklisted(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    check_not_revoked(current_state(), jwt_header, jwt_data)


def custom_verification_for_token(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    check_by_application(current_state(), jwt_header, jwt_data)


class JSONEncoder(json.JSONEncoder):
    """An encoder that does with other types what the application's JSON provider does."""

    def default(self, o: Any) -> Any:
        provider = current_app.json_provider_class
        return getattr(provider, "default", DefaultJSONProvider.default)(o)


def get_json_encoder(app: Flask) -> type[json.JSONEncoder]:
    return JSONEncoder
