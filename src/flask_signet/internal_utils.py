"""The import path ``flask_jwt_extended.internal_utils``, under this package's name.

Applications import these although they are private there, so they are here, as thin as can be.
"""

from __future__ import annotations

import json
from typing import Any, cast

from flask import Flask

from .engine.rule import check_kind
from .exceptions import RevokedTokenError as RevokedTokenError
from .exceptions import UserClaimsVerificationError as UserClaimsVerificationError
from .exceptions import WrongTokenError as WrongTokenError
from .flask.installation import installation
from .flask.json_encoder import JSONEncoder as JSONEncoder
from .jwt_manager import JWTManager


def get_jwt_manager() -> JWTManager:
    """The unnamed manager of the current application."""
    return cast(JWTManager, installation().manager)


def has_user_lookup() -> bool:
    """Whether the application set a ``user_lookup_loader``."""
    return installation().manager.callbacks.user_lookup is not None


def user_lookup(*args: Any, **kwargs: Any) -> Any:
    """What the ``user_lookup_loader`` returns for a token, or None where there is none."""
    signet = installation().signet()
    callback = signet.callbacks.user_lookup
    return callback and signet.ask(callback, *args, **kwargs)


def verify_token_type(decoded_token: dict[str, Any], refresh: bool) -> None:
    """Refuse a refresh token for access and the other way round."""
    strictly = installation().settings.require_type
    check_kind(decoded_token, "refresh" if refresh else "access", strictly=strictly)


def verify_token_not_blocklisted(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    """Ask the ``token_in_blocklist_loader``."""
    installation().signet().refuse_blocked(jwt_header, jwt_data)


def custom_verification_for_token(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> None:
    """Ask the ``token_verification_loader``."""
    installation().signet().refuse_by_application(jwt_header, jwt_data)


def get_json_encoder(app: Flask) -> type[json.JSONEncoder]:
    """The encoder for the application's tokens."""
    return JSONEncoder
