"""P1, in a first form: an HS256 token verified, over the bare primitives, and beside FJE.

*Bare primitives* is what nobody can do without, and no check at all: split, HMAC, three base64
segments, two ``json.loads``. Ours takes the token apart strictly, checks ``alg``, the signature
and every claim.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time

import flask_jwt_extended
from flask import Flask

import flask_signet
from benchmarks.side_by_side import measure, show, versions
from flask_signet.jwt.claims import ClaimRules
from flask_signet.jwt.verify import verify

SECRET = secrets.token_urlsafe(64)


def application(library: object) -> Flask:
    """An application with nothing but a secret."""
    app = Flask("benchmark")
    app.config["JWT_SECRET_KEY"] = SECRET
    library.JWTManager(app)  # type: ignore[attr-defined]  # either of the two libraries
    return app


def main() -> None:
    """Print the table."""
    ours, theirs = application(flask_signet), application(flask_jwt_extended)
    with theirs.app_context():
        token = flask_jwt_extended.create_access_token("user-1234")
    key = SECRET.encode()
    ring = flask_signet.KeyRing(flask_signet.Key.from_secret(SECRET))
    rules = ClaimRules()

    def primitives() -> None:
        signing_input, _, signature = token.rpartition(".")
        header, _, payload = signing_input.partition(".")
        mac = hmac.digest(key, signing_input.encode(), "sha256")
        assert hmac.compare_digest(mac, base64.urlsafe_b64decode(signature + "="))
        json.loads(base64.urlsafe_b64decode(header + "=="))
        json.loads(base64.urlsafe_b64decode(payload + "=="))

    with ours.app_context():
        times = measure(
            {
                "bare primitives": primitives,
                "tokens.verify": lambda: verify(token, ring, rules, time.time()),
                "decode_token": lambda: flask_signet.decode_token(token),
            }
        )
    with theirs.app_context():
        both = measure(
            {
                "bare primitives": primitives,
                "FJE decode_token": lambda: flask_jwt_extended.decode_token(token),
            }
        )
    floor = times["bare primitives"]
    show(versions("Flask-JWT-Extended", "PyJWT", "Flask", "cryptography"))
    show(f"{'HS256, one token':<22}{'us':>8}{'x bare':>8}")
    for name, microseconds in times.items():
        show(f"{name:<22}{microseconds:>8.1f}{microseconds / floor:>8.2f}")
    fje = both["FJE decode_token"] / both["bare primitives"]
    show(f"{'FJE decode_token':<22}{both['FJE decode_token']:>8.1f}{fje:>8.2f}")
    show(f"FJE / ours, decode_token: {fje / (times['decode_token'] / floor):.1f}")


if __name__ == "__main__":
    main()
