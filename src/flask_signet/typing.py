"""The import path ``flask_jwt_extended.typing``, under this package's name."""

from .flask.encoded_tokens import ExpiresDelta as ExpiresDelta
from .flask.encoded_tokens import Fresh as Fresh
