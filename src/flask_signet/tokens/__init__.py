"""What this library does with tokens: issue them, verify them, keep the keys. No Flask here."""

from ..exceptions import CSRFError as CSRFError
from ..exceptions import JWTDecodeError as JWTDecodeError
from .fje_names import _decode_jwt as _decode_jwt
from .fje_names import _encode_jwt as _encode_jwt
