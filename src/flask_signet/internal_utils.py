"""The import path ``flask_jwt_extended.internal_utils``, under this package's name.

Applications import these although they are private there, so they are here, as thin as can be.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app
from flask.json.provider import DefaultJSONProvider

from .engine.callbacks import call
from .exceptions import RevokedTokenError as RevokedTokenError
from .exceptions import UserClaimsVerificationError as UserClaimsVerificationError
from .exceptions import WrongTokenError as WrongTokenError
from .flask.app_state import current_state
from .flask.blocklist import check_not_blocked
from .view_decorators import check_by_application, check_type

if TYPE_CHECKING:
    from .jwt_manager import JWTManager


def get_jwt_manager() -> JWTManager:
    """The unnamed manager of the current application."""
    return current_state().manager


def has_user_lookup() -> bool:
    """Whether the application set a ``user_lookup_loader``."""
    return current_state().callbacks.user_lookup is not None


def user_lookup(*args: Any, **kwargs: Any) -> Any:
    """What the ``user_lookup_loader`` returns for a token, or None where there is none."""
    callback = current_state().callbacks.user_lookup
    return callback and call(callback, *args, **kwargs)


def verify_token_type(decoded_token: dict[str, Any], refresh: bool) -> None:
    """Refuse a refresh token for access and the other way round."""
    check_type(current_state().settings, decoded_token, refresh=refresh)


def verify_token_not_blocklisted(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    """Ask the ``token_in_blocklist_loader``."""
    check_not_blocked(current_state(), jwt_header, jwt_data)


def custom_verification_for_token(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    """Ask the ``token_verification_loader``."""
    check_by_application(current_state(), jwt_header, jwt_data)


class JSONEncoder(json.JSONEncoder):
    """An encoder that does with other types what the application's JSON provider does."""

    def default(self, o: Any) -> Any:
        """What the application's provider makes of a value that is not JSON."""
        provider = current_app.json_provider_class
        return getattr(provider, "default", DefaultJSONProvider.default)(o)


def get_json_encoder(app: Flask) -> type[json.JSONEncoder]:
    """The encoder for the application's tokens."""
    return JSONEncoder
