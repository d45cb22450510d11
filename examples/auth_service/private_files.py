"""Files and folders that only the user of the service may open."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path


def refuse_if_shared(path: Path, status: os.stat_result) -> None:
    """Refuse a file or a folder that another user may read or change.

    :raises PermissionError: if so. The message has the command that changes it.
    """
    quoted = shlex.quote(str(path))
    if status.st_uid != os.geteuid():
        raise PermissionError(
            f"{path} belongs to another user than the service's: chown {os.geteuid()} {quoted}"
        )
    if status.st_mode & 0o077:
        mode = 700 if stat.S_ISDIR(status.st_mode) else 600
        raise PermissionError(f"{path} can be opened by other users: chmod {mode} {quoted}")
