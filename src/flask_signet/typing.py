"""The import path ``flask_jwt_extended.typing``, under this package's name."""

from .engine.mint import ExpiresDelta as ExpiresDelta
from .engine.mint import Fresh as Fresh
