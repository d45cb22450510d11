"""The secret that signs the tokens: made on the first run, kept in a file of mode 0600."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .private_files import refuse_if_shared

# HS256 needs a key of at least 256 bits (RFC 7518 section 3.2).
SECRET_BYTES = 32


def load_or_create_secret(path: Path) -> str:
    """The secret in ``path``. If there is no such file, a new random secret is written first.

    :raises PermissionError: if other users may open the file, or if it belongs to another user.
    :raises ValueError: if the secret is too short or not ASCII.
    """
    if not path.exists():
        _create(path)
    with path.open("rb") as file:
        refuse_if_shared(path, os.fstat(file.fileno()))  # the file that is read, not the path
        secret = file.read().strip()
    if len(secret) < SECRET_BYTES or not secret.isascii():
        raise ValueError(
            f"{path} does not hold a secret of at least {SECRET_BYTES} ASCII characters: delete it"
            " (which ends every session) to get a new one."
        )
    return secret.decode("ascii")


def _create(path: Path) -> None:
    """Write a new secret completely or not at all, and never over one of another process."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    # O_EXCL: the file is ours from its first byte, with this mode, or the call fails.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # atomic, and never replaces a file, as a rename would
    except FileExistsError:
        pass  # another worker was first: its secret is read
    finally:
        draft.unlink()
