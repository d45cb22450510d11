"""Files and folders that are for the service's own user alone."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path


def refuse_if_shared(path: Path, status: os.stat_result) -> None:
    """Refuse a file or a folder that somebody else may read or change.

    :raises PermissionError: with the command that mends it.
    """
    quoted = shlex.quote(str(path))
    if status.st_uid != os.geteuid():
        raise PermissionError(
            f"{path} belongs to another user than the service's: chown {os.geteuid()} {quoted}"
        )
    if status.st_mode & 0o077:
        mode = 700 if stat.S_ISDIR(status.st_mode) else 600
        raise PermissionError(f"{path} can be opened by other users: chmod {mode} {quoted}")
