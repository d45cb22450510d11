"""The secret that signs the tokens: made on the first run, kept in a file of its owner's."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .private_files import refuse_if_shared

# HS256 wants a key of at least 256 bits (RFC 7518 section 3.2).
SECRET_BYTES = 32


def load_or_create_secret(path: Path) -> str:
    """The secret in ``path``; if there is no such file, a new random one is written first.

    :raises PermissionError: if the file is not its owner's alone, or the owner is somebody else.
    :raises ValueError: if what it holds is no secret, or too short.
    """
    if not path.exists():
        _create(path)
    with path.open("rb") as file:
        refuse_if_shared(path, os.fstat(file.fileno()))  # of what is read, whatever path is now
        secret = file.read().strip()
    if len(secret) < SECRET_BYTES or not secret.isascii():
        raise ValueError(
            f"{path} does not hold a secret of at least {SECRET_BYTES} ASCII characters: delete it"
            " (which ends every session) to get a new one."
        )
    return secret.decode("ascii")


def _create(path: Path) -> None:
    """Write a new secret, whole or not at all, and never over one that another process made."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    # O_EXCL: the file is ours from its first byte, with this mode, or the call fails.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # atomic, and refuses where a rename would replace
    except FileExistsError:
        pass  # another worker was first: its secret is the one to read
    finally:
        draft.unlink()
