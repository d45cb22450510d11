"""The secret that signs the tokens: made on the first run, kept in a file of its owner's."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

# HS256 wants a key of at least 256 bits (RFC 7518 section 3.2).
SECRET_BYTES = 32


def load_or_create_secret(path: Path) -> str:
    """The secret in ``path``; if there is no such file, a new random one is written first.

    :raises PermissionError: if the file's mode lets others read it.
    """
    if not path.exists():
        _create(path)
    if path.stat().st_mode & 0o077:
        raise PermissionError(
            f"The secret in {path} can be read by others: chmod 600 it, or delete it"
            " (which ends every session) to get a new one."
        )
    return path.read_text(encoding="ascii").strip()


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
