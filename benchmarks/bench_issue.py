"""P4: an access token made, FJE over ours, by algorithm.

FJE hands PyJWT the PEM at each call, which reads and checks it anew; here a key is read when the
ring is built.
"""

from __future__ import annotations

from typing import Any

import flask_jwt_extended
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import flask_signet
from benchmarks.bench_verify import application
from benchmarks.side_by_side import measure, show, versions

PRIVATE_KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def key_options(algorithm: str) -> dict[str, str]:
    """The key pair as PEM, as it stands in a configuration."""
    if algorithm not in PRIVATE_KEYS:
        return {"JWT_ALGORITHM": algorithm}
    private = PRIVATE_KEYS[algorithm]
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "JWT_ALGORITHM": algorithm,
        "JWT_PRIVATE_KEY": pem.decode(),
        "JWT_PUBLIC_KEY": public.decode(),
    }


def main() -> None:
    """Print the table."""
    show(versions("Flask-JWT-Extended", "PyJWT", "Flask", "cryptography"))
    show(f"{'create_access_token':<22}{'ours us':>9}{'FJE us':>10}{'FJE / ours':>12}")
    for algorithm in ("HS256", *PRIVATE_KEYS):
        ours, theirs = application(flask_signet), application(flask_jwt_extended)
        for app in (ours, theirs):
            app.config.update(key_options(algorithm))

        def issue(app: Any, library: Any) -> Any:
            def call() -> None:
                with app.app_context():
                    library.create_access_token("user-1234")

            return call

        times = measure(
            {"ours": issue(ours, flask_signet), "FJE": issue(theirs, flask_jwt_extended)}
        )
        ratio = times["FJE"] / times["ours"]
        show(f"{algorithm:<22}{times['ours']:>9.1f}{times['FJE']:>10.1f}{ratio:>12.1f}")


if __name__ == "__main__":
    main()
