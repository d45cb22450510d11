"""The import path ``flask_jwt_extended.jwt_manager``, under this package's name.

The extension is :class:`.flask.manager.Manager`; here it gets the private names that it has in
Flask-JWT-Extended, which public code uses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from . import default_callbacks
from .engine.mint import ExpiresDelta, Fresh, Wanted
from .exceptions import CSRFError as CSRFError
from .exceptions import DecodeError as DecodeError
from .exceptions import ExpiredSignatureError as ExpiredSignatureError
from .exceptions import FreshTokenRequired as FreshTokenRequired
from .exceptions import InvalidAudienceError as InvalidAudienceError
from .exceptions import InvalidHeaderError as InvalidHeaderError
from .exceptions import InvalidIssuerError as InvalidIssuerError
from .exceptions import InvalidQueryParamError as InvalidQueryParamError
from .exceptions import InvalidTokenError as InvalidTokenError
from .exceptions import JWTDecodeError as JWTDecodeError
from .exceptions import MissingRequiredClaimError as MissingRequiredClaimError
from .exceptions import NoAuthorizationError as NoAuthorizationError
from .exceptions import RevokedTokenError as RevokedTokenError
from .exceptions import UserClaimsVerificationError as UserClaimsVerificationError
from .exceptions import UserLookupError as UserLookupError
from .exceptions import WrongTokenError as WrongTokenError
from .flask.boundaries import answered
from .flask.installing import FJE_EXTENSION as FJE_EXTENSION
from .flask.manager import Manager


class JWTManager(Manager):
    """Tokens for a Flask application: see :class:`.flask.manager.Manager`.

    ``JWTManager(app)``, or ``JWTManager()`` and ``init_app(app)`` in a factory.

    :param add_context_processor: put ``current_user`` into templates.
    :param name: of a manager beside the unnamed one.
    :param config_prefix: of its options; needed with a name, and ending in an underscore.
    :raises ConfigurationError: if an option is wrong.
    """

    @answered
    def _encode_jwt_from_config(
        self,
        identity: Any,
        token_type: str,
        claims: dict[str, Any] | None = None,
        fresh: Fresh = False,
        expires_delta: ExpiresDelta | None = None,
        headers: dict[str, Any] | None = None,
    ) -> str:
        wanted = Wanted(
            kind="refresh" if token_type == "refresh" else "access",  # noqa: S105 - no password
            fresh=fresh,
            expires_delta=expires_delta,
            claims={"type": token_type, **(claims or {})},
            headers=headers,
        )
        return self._here().signet().issue(identity, wanted)

    def _decode_jwt_from_config(
        self, encoded_token: str, csrf_value: str | None = None, allow_expired: bool = False
    ) -> dict[str, Any]:
        return self.decode_token(encoded_token, csrf_value, allow_expired)

    def __setattr__(self, name: str, value: Any) -> None:
        field = _PRIVATE_CALLBACKS.get(name)
        if field is None:
            super().__setattr__(name, value)
        else:
            setattr(self.callbacks, field, value)

    def __getattr__(self, name: str) -> Any:
        field = _PRIVATE_CALLBACKS.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        callback = getattr(self.callbacks, field)
        return _DEFAULTS.get(field) if callback is None else callback


_PRIVATE_CALLBACKS: Final = {
    "_decode_key_callback": "decode_key",
    "_encode_key_callback": "encode_key",
    "_expired_token_callback": "expired_token",
    "_invalid_token_callback": "invalid_token",
    "_jwt_additional_header_callback": "additional_headers",
    "_needs_fresh_token_callback": "needs_fresh_token",
    "_revoked_token_callback": "revoked_token",
    "_token_in_blocklist_callback": "token_in_blocklist",
    "_token_verification_callback": "token_verification",
    "_token_verification_failed_callback": "token_verification_failed",
    "_unauthorized_callback": "unauthorized",
    "_user_claims_callback": "additional_claims",
    "_user_identity_callback": "user_identity",
    "_user_lookup_callback": "user_lookup",
    "_user_lookup_error_callback": "user_lookup_error",
}

# What those names are where the application set nothing.
_DEFAULTS: Final[dict[str, Callable[..., Any]]] = {
    **default_callbacks.DEFAULT_ANSWERS,
    "additional_claims": default_callbacks.default_additional_claims_callback,
    "additional_headers": default_callbacks.default_jwt_headers_callback,
    "decode_key": default_callbacks.default_decode_key_callback,
    "encode_key": default_callbacks.default_encode_key_callback,
    "token_in_blocklist": default_callbacks.default_blocklist_callback,
    "token_verification": default_callbacks.default_token_verification_callback,
    "user_identity": default_callbacks.default_user_identity_callback,
}
