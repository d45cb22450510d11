"""``flask jwt``: look at sessions, stores and keys, and keep them in order.

Exit codes: 0 it is done, 1 it could not be done or something is wrong, 2 the command was misspelt.
``--json`` prints one JSON value. Nothing here prints a token, a secret or a key.
"""

from __future__ import annotations

from flask.cli import AppGroup

from .keys import keys_cli, secret
from .sessions import sessions_cli
from .store import store_cli

jwt_cli: AppGroup = AppGroup("jwt", help="Tokens, sessions, their store, and keys.")
jwt_cli.add_command(sessions_cli)
jwt_cli.add_command(store_cli)
jwt_cli.add_command(keys_cli)
jwt_cli.add_command(secret)
