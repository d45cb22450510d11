"""Flask-Signet: JSON Web Tokens for Flask.

A drop-in for Flask-JWT-Extended, with the hard half done: see the documentation.
"""

from .cookies import set_access_cookies as set_access_cookies
from .cookies import set_refresh_cookies as set_refresh_cookies
from .cookies import unset_access_cookies as unset_access_cookies
from .cookies import unset_jwt_cookies as unset_jwt_cookies
from .cookies import unset_refresh_cookies as unset_refresh_cookies
from .current_token import current_user as current_user
from .current_token import get_current_user as get_current_user
from .current_token import get_jwt as get_jwt
from .current_token import get_jwt_header as get_jwt_header
from .current_token import get_jwt_identity as get_jwt_identity
from .current_token import get_jwt_request_location as get_jwt_request_location
from .encoded_tokens import create_access_token as create_access_token
from .encoded_tokens import create_refresh_token as create_refresh_token
from .encoded_tokens import decode_token as decode_token
from .encoded_tokens import get_csrf_token as get_csrf_token
from .encoded_tokens import get_jti as get_jti
from .encoded_tokens import get_unverified_jwt_headers as get_unverified_jwt_headers
from .jose.jwk import Key as Key
from .jwt_manager import JWTManager as JWTManager
from .sessions import create_token_pair as create_token_pair
from .tokens.keyring import KeyRing as KeyRing
from .tokens.token import TokenPair as TokenPair
from .view_decorators import jwt_required as jwt_required
from .view_decorators import verify_jwt_in_request as verify_jwt_in_request

__version__ = "0.1.0"
