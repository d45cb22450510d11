"""Flask applications to test with, and tokens that say anything under a signature that holds."""

import json
from typing import Any

from flask import Flask

from flask_signet import Key
from flask_signet.jose import base64url
from flask_signet.jwt_manager import JWTManager
from tests.jose.keys import SECRET


def application(manager: JWTManager | None = None, **options: Any) -> Flask:
    """An application with a manager. Options are written without their prefix ``JWT_``.

    It has a good secret, unless another key is given.
    """
    app = bare_application(**options)
    (manager or JWTManager()).init_app(app)
    return app


def bare_application(**options: Any) -> Flask:
    """The same before any manager has seen it."""
    app = Flask("tests")
    app.config.update({f"JWT_{name}": value for name, value in options.items()})
    if not {"SECRET_KEY", "PRIVATE_KEY", "PUBLIC_KEY"} & set(options):
        app.config["JWT_SECRET_KEY"] = SECRET
    return app


def signed(
    payload: dict[str, Any] | bytes, key: Key, header: dict[str, Any] | bytes | None = None
) -> str:
    """A token of this very header and payload, whatever they say; the signature is the key's."""
    if header is None:
        header = {"alg": key.algorithm}
    return signed_segments(
        *(
            base64url.encode(part if isinstance(part, bytes) else json.dumps(part).encode())
            for part in (header, payload)
        ),
        key,
    )


def signed_segments(header: str, payload: str, key: Key) -> str:
    """The same of these very segments."""
    signing_input = f"{header}.{payload}"
    return f"{signing_input}.{base64url.encode(key.sign(signing_input.encode()))}"


def part(token: str, index: int) -> dict[str, Any]:
    """A token's header (0) or payload (1), unverified."""
    found: dict[str, Any] = json.loads(base64url.decode(token.split(".")[index]))
    return found
