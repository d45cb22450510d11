"""The import path ``flask_jwt_extended.typing``, under this package's name."""

from .encoded_tokens import ExpiresDelta as ExpiresDelta
from .encoded_tokens import Fresh as Fresh
