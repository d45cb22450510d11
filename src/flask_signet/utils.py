"""The import path ``flask_jwt_extended.utils``, under this package's name."""

from .config import config as config
from .flask.cookies import set_access_cookies as set_access_cookies
from .flask.cookies import set_refresh_cookies as set_refresh_cookies
from .flask.cookies import unset_access_cookies as unset_access_cookies
from .flask.cookies import unset_jwt_cookies as unset_jwt_cookies
from .flask.cookies import unset_refresh_cookies as unset_refresh_cookies
from .flask.current import current_user as current_user
from .flask.current import current_user_context_processor as current_user_context_processor
from .flask.current import get_current_user as get_current_user
from .flask.current import get_jwt as get_jwt
from .flask.current import get_jwt_header as get_jwt_header
from .flask.current import get_jwt_identity as get_jwt_identity
from .flask.current import get_jwt_request_location as get_jwt_request_location
from .flask.encoded_tokens import ExpiresDelta as ExpiresDelta
from .flask.encoded_tokens import Fresh as Fresh
from .flask.encoded_tokens import create_access_token as create_access_token
from .flask.encoded_tokens import create_refresh_token as create_refresh_token
from .flask.encoded_tokens import decode_token as decode_token
from .flask.encoded_tokens import get_csrf_token as get_csrf_token
from .flask.encoded_tokens import get_jti as get_jti
from .flask.encoded_tokens import get_unverified_jwt_headers as get_unverified_jwt_headers
from .internal_utils import get_jwt_manager as get_jwt_manager
