"""Flask-Signet: JSON Web Tokens for Flask.

A drop-in for Flask-JWT-Extended, with the hard half done: see the documentation.
"""

from . import internal_utils as internal_utils
from . import tokens as tokens
from . import typing as typing
from . import utils as utils
from .flask.cookies import (
    set_access_cookies,
    set_refresh_cookies,
    unset_access_cookies,
    unset_jwt_cookies,
    unset_refresh_cookies,
)
from .flask.current import (
    current_user,
    get_current_user,
    get_jwt,
    get_jwt_header,
    get_jwt_identity,
    get_jwt_request_location,
)
from .flask.encoded_tokens import (
    create_access_token,
    create_refresh_token,
    decode_token,
    get_csrf_token,
    get_jti,
    get_unverified_jwt_headers,
)
from .flask.endpoints import token_blueprint
from .flask.oauth import oauth_blueprint
from .flask.sessions import (
    SessionInfo,
    create_token_pair,
    end_session,
    end_sessions,
    list_sessions,
    logout,
    revoke_token,
    rotate_refresh_token,
)
from .flask.well_known import key_blueprint
from .jose.jwk import Key
from .jwt.token import TokenPair
from .jwt_manager import JWTManager
from .keys.ring import KeyRing
from .view_decorators import jwt_required, verify_jwt_in_request

__version__ = "0.1.0"

__all__ = [
    "JWTManager",
    "Key",
    "KeyRing",
    "SessionInfo",
    "TokenPair",
    "create_access_token",
    "create_refresh_token",
    "create_token_pair",
    "current_user",
    "decode_token",
    "end_session",
    "end_sessions",
    "get_csrf_token",
    "get_current_user",
    "get_jti",
    "get_jwt",
    "get_jwt_header",
    "get_jwt_identity",
    "get_jwt_request_location",
    "get_unverified_jwt_headers",
    "jwt_required",
    "key_blueprint",
    "list_sessions",
    "logout",
    "oauth_blueprint",
    "revoke_token",
    "rotate_refresh_token",
    "set_access_cookies",
    "set_refresh_cookies",
    "token_blueprint",
    "unset_access_cookies",
    "unset_jwt_cookies",
    "unset_refresh_cookies",
    "verify_jwt_in_request",
]
