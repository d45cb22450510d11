"""The application's line that called this package, and warnings that name it.

A warning is for the operator, so it names the line of the application, not one in here. It comes
once in a process: a test suite makes hundreds of applications of one configuration.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

_PACKAGE: Final = str(Path(__file__).parent)

_told: set[tuple[type[Warning], str]] = set()


class Place(NamedTuple):
    """A line of source: the module's dotted name, and the number of the line."""

    module: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}, line {self.line}"


def caller() -> Place:
    """The line outside of this package that called into it."""
    frame = _calling_frame()
    return Place(str(frame.f_globals.get("__name__", "?")), frame.f_lineno)


def warn_once(message: str, category: type[Warning]) -> None:
    """Warn at the line outside of this package that called into it; the second time, say nothing.

    Where a filter makes an error of the warning, it is raised each time.
    """
    if (category, message) in _told:
        return
    frame = _calling_frame()
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
    _told.add((category, message))


def forget_warnings() -> None:
    """Have each warning come again: for tests of warnings."""
    _told.clear()


def _calling_frame() -> FrameType:
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame
