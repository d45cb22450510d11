"""The import path ``flask_jwt_extended.default_callbacks``, under this package's name.

The callbacks of the loaders where an application sets none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .config import config
from .exceptions import (
    ExpiredSignatureError,
    FreshTokenRequired,
    JWTDecodeError,
    NoAuthorizationError,
    RevokedTokenError,
    SignetError,
    UserClaimsVerificationError,
    UserLookupError,
)
from .flask.installation import installation

#: The default answers by field of the callbacks, called as the application's would be.
DEFAULT_ANSWERS: Final[dict[str, Callable[..., Any]]] = {
    "expired_token": lambda *token: _default(ExpiredSignatureError("Signature has expired")),
    "invalid_token": lambda reason: _default(JWTDecodeError(reason)),
    "needs_fresh_token": lambda *token: _default(FreshTokenRequired("", *token)),
    "revoked_token": lambda *token: _default(RevokedTokenError(*token)),
    "token_verification_failed": lambda *token: _default(UserClaimsVerificationError("", *token)),
    "unauthorized": lambda reason: _default(NoAuthorizationError(reason)),
    "user_lookup_error": lambda *token: _default(UserLookupError("", *token)),
}


def _default(error: SignetError) -> Any:
    return installation().answers.default(error)


def default_additional_claims_callback(userdata: Any) -> dict[str, Any]:
    """No additional claims."""
    return {}


def default_blocklist_callback(jwt_headers: dict[str, Any], jwt_data: dict[str, Any]) -> bool:
    """No token is revoked."""
    return False


def default_jwt_headers_callback(default_headers: Any) -> dict[str, Any]:
    """No additional headers."""
    return {}


def default_user_identity_callback(userdata: Any) -> Any:
    """The identity as it is."""
    return userdata


def default_expired_token_callback(
    _expired_jwt_header: dict[str, Any], _expired_jwt_data: dict[str, Any]
) -> Any:
    """The answer to an expired token."""
    return DEFAULT_ANSWERS["expired_token"](_expired_jwt_header, _expired_jwt_data)


def default_invalid_token_callback(error_string: str) -> Any:
    """The answer to a token that is not acceptable."""
    return DEFAULT_ANSWERS["invalid_token"](error_string)


def default_unauthorized_callback(error_string: str) -> Any:
    """The answer to a request without a token."""
    return DEFAULT_ANSWERS["unauthorized"](error_string)


def default_needs_fresh_token_callback(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> Any:
    """The answer to a token that is not fresh."""
    return DEFAULT_ANSWERS["needs_fresh_token"](jwt_header, jwt_data)


def default_revoked_token_callback(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> Any:
    """The answer to a revoked token."""
    return DEFAULT_ANSWERS["revoked_token"](jwt_header, jwt_data)


def default_user_lookup_error_callback(
    _jwt_header: dict[str, Any], jwt_data: dict[str, Any]
) -> Any:
    """The answer where no user was found for a token."""
    return DEFAULT_ANSWERS["user_lookup_error"](_jwt_header, jwt_data)


def default_token_verification_callback(
    _jwt_header: dict[str, Any], _jwt_data: dict[str, Any]
) -> bool:
    """Every token that is good otherwise is good."""
    return True


def default_token_verification_failed_callback(
    _jwt_header: dict[str, Any], _jwt_data: dict[str, Any]
) -> Any:
    """The answer where the ``token_verification_loader`` refused."""
    return DEFAULT_ANSWERS["token_verification_failed"](_jwt_header, _jwt_data)


def default_decode_key_callback(jwt_header: dict[str, Any], jwt_data: dict[str, Any]) -> Any:
    """The key option, as it was written."""
    return config.decode_key


def default_encode_key_callback(identity: Any) -> Any:
    """The key option, as it was written."""
    return config.encode_key
