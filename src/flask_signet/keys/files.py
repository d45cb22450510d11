"""Keys in files: a JWKS in one file, or a folder with a file for each key.

A program that can read a private key can make tokens, so only the owner of the file may read it. A
program that can write to a folder of keys can take keys away, and bring back old ones, so only the
owner of the folder may write to it. A file is written whole or not at all: under another name,
flushed to the disk, then renamed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..exceptions import InvalidKeyError

KEY_FILES = (".pem", ".jwk", ".json")
"""The endings of the names of keys' files in a folder."""

MAX_FILE_BYTES = 1024 * 1024

_KINDS: Final = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
"""What is at a path, if it is no file, by the type in its mode (POSIX, sys/stat.h)."""


class NoFileError(InvalidKeyError):
    """There is something else than a file: a FIFO, say. Who opens one may wait for ever."""


def read_text(path: Path) -> str:
    """The text of a file that may hold a private key.

    :raises NoFileError: if it is a FIFO, a socket, a device or a folder.
    :raises InvalidKeyError: if the file can't be read, is longer than :data:`MAX_FILE_BYTES`, or
        may be read by other users than its owner.
    """
    try:
        _refuse_if_no_file(path, path.stat())  # before it is opened: that is an act for a device
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())  # of the open file: the name may be another by now
            _refuse_if_no_file(path, status)
            _refuse_if_shared(path, status)
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidKeyError(f"{path} can't be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise InvalidKeyError(f"{path} is too long for keys")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InvalidKeyError(f"{path} is no text") from None


def _open_at_once(path: str, flags: int) -> int:
    # A FIFO would wait for somebody who writes to it. A file is read as ever.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_if_no_file(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise NoFileError(f"{path} is {kind}, not a file")


def _refuse_if_shared(path: Path, status: os.stat_result) -> None:
    if os.name != "posix":
        return
    if status.st_uid not in (os.geteuid(), 0):
        raise InvalidKeyError(f"{path} belongs to another user: chown {os.geteuid()} {path}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise InvalidKeyError(f"{path} can be opened by other users: chmod 600 {path}")


def key_files(folder: Path) -> list[Path]:
    """The files of the keys in a folder, the last name first: names begin with a date.

    :raises InvalidKeyError: if the folder can't be read, or other users than its owner may write to
        it.
    """
    try:
        _refuse_if_others_write(folder)
        names = [each for each in folder.iterdir() if each.suffix in KEY_FILES]
    except OSError as error:
        raise InvalidKeyError(f"{folder} can't be read: {error.strerror}") from None
    return sorted((each for each in names if not each.name.startswith(".")), reverse=True)


def _refuse_if_others_write(folder: Path) -> None:
    if os.name != "posix":
        return
    status = folder.stat()
    if status.st_uid not in (os.geteuid(), 0):
        raise InvalidKeyError(f"{folder} belongs to another user: chown {os.geteuid()} {folder}")
    # Kubernetes mounts the folder of a secret with mode 1777, and read-only.
    if stat.S_IMODE(status.st_mode) & 0o022 and not os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise InvalidKeyError(f"{folder} can be written by other users: chmod go-w {folder}")


def jwks_text(jwks: Sequence[Mapping[str, Any]], **members: str) -> str:
    """A JWKS as JSON, one member on each line.

    :param members: further members of the JWKS.
    """
    return json.dumps({"keys": list(jwks), **members}, indent=2) + "\n"


def write_private(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a file of mode 600, whole or not at all.

    :param replace: whether to replace a file of that name.
    :raises FileExistsError: if there is one, and it is not to be replaced.
    :raises OSError: if the file can't be written; no half-written file remains.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    # O_EXCL: the file is ours from its first byte, with this mode, or the call fails.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)  # fails where there is a file; a rename would replace it
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    _flush_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file. A file that is gone already is no error."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Flush a folder, so that a new name in it is on the disk as well."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
