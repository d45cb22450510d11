"""The import path ``flask_jwt_extended.utils``, under this package's name.

Applications' tests replace ``get_jwt`` and ``get_current_user`` in this module. So the two names
that depend on them ask for them here, at each call.
"""

from typing import Any, Final

from werkzeug.local import LocalProxy

from .config import config as config
from .engine.mint import ExpiresDelta as ExpiresDelta
from .engine.mint import Fresh as Fresh
from .flask.installation import installation
from .flask.installation import user_for_templates as current_user_context_processor
from .flask.unnamed import UNNAMED, function_of
from .internal_utils import get_jwt_manager as get_jwt_manager

create_access_token: Final = function_of(UNNAMED.create_access_token, __name__)
create_refresh_token: Final = function_of(UNNAMED.create_refresh_token, __name__)
decode_token: Final = function_of(UNNAMED.decode_token, __name__)
get_csrf_token: Final = function_of(UNNAMED.get_csrf_token, __name__)
get_jti: Final = function_of(UNNAMED.get_jti, __name__)
get_unverified_jwt_headers: Final = function_of(UNNAMED.get_unverified_jwt_headers, __name__)

get_jwt: Final = function_of(UNNAMED.get_jwt, __name__)
get_jwt_header: Final = function_of(UNNAMED.get_jwt_header, __name__)
get_jwt_request_location: Final = function_of(UNNAMED.get_jwt_request_location, __name__)
get_current_user: Final = function_of(UNNAMED.get_current_user, __name__)

set_access_cookies: Final = function_of(UNNAMED.set_access_cookies, __name__)
set_refresh_cookies: Final = function_of(UNNAMED.set_refresh_cookies, __name__)
unset_access_cookies: Final = function_of(UNNAMED.unset_access_cookies, __name__)
unset_refresh_cookies: Final = function_of(UNNAMED.unset_refresh_cookies, __name__)
unset_jwt_cookies: Final = function_of(UNNAMED.unset_jwt_cookies, __name__)


def get_jwt_identity() -> Any:
    """The identity that this request's token was made for.

    It is the claim ``JWT_IDENTITY_CLAIM`` (``sub``), of ``JWT_IDENTITY_TYPE`` where that is
    set; None where ``jwt_required(optional=True)`` found no token.

    :raises RuntimeError: if no guard has run in this request.
    """
    claims = get_jwt()
    return installation().current.identity(claims)


#: The user of this request, as :func:`get_current_user` gives it.
current_user: Any = LocalProxy(lambda: get_current_user())  # noqa: PLW0108 - the name is looked up

__all__ = [
    "ExpiresDelta",
    "Fresh",
    "config",
    "create_access_token",
    "create_refresh_token",
    "current_user",
    "current_user_context_processor",
    "decode_token",
    "get_csrf_token",
    "get_current_user",
    "get_jti",
    "get_jwt",
    "get_jwt_header",
    "get_jwt_identity",
    "get_jwt_manager",
    "get_jwt_request_location",
    "get_unverified_jwt_headers",
    "set_access_cookies",
    "set_refresh_cookies",
    "unset_access_cookies",
    "unset_jwt_cookies",
    "unset_refresh_cookies",
]
