"""Flask-Signet: JSON Web Tokens for Flask.

A drop-in for Flask-JWT-Extended, with the hard half done: see the documentation.
"""

from typing import Final

from . import csrf as csrf
from . import internal_utils as internal_utils
from . import signals as signals
from . import tokens as tokens
from . import typing as typing
from . import utils as utils
from .flask.endpoints import token_blueprint
from .flask.oauth import oauth_blueprint
from .flask.session_info import SessionInfo
from .flask.unnamed import UNNAMED, function_of
from .flask.well_known import key_blueprint
from .jose.jwk import Key
from .jwt.token import TokenPair
from .jwt_manager import JWTManager
from .keys.ring import KeyRing
from .utils import (
    create_access_token,
    create_refresh_token,
    current_user,
    decode_token,
    get_csrf_token,
    get_current_user,
    get_jti,
    get_jwt,
    get_jwt_header,
    get_jwt_identity,
    get_jwt_request_location,
    get_unverified_jwt_headers,
    set_access_cookies,
    set_refresh_cookies,
    unset_access_cookies,
    unset_jwt_cookies,
    unset_refresh_cookies,
)
from .view_decorators import jwt_required, verify_jwt_in_request

create_token_pair: Final = function_of(UNNAMED.create_token_pair, __name__)
end_session: Final = function_of(UNNAMED.end_session, __name__)
end_sessions: Final = function_of(UNNAMED.end_sessions, __name__)
list_sessions: Final = function_of(UNNAMED.list_sessions, __name__)
logout: Final = function_of(UNNAMED.logout, __name__)
revoke_token: Final = function_of(UNNAMED.revoke_token, __name__)
rotate_refresh_token: Final = function_of(UNNAMED.rotate_refresh_token, __name__)
update_session: Final = function_of(UNNAMED.update_session, __name__)

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
    "update_session",
    "verify_jwt_in_request",
]
