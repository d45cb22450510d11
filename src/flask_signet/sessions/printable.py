"""What a client said of itself, for a terminal or a log: it moves no cursor and begins no line."""

from __future__ import annotations

import re
from typing import Final

# Control characters (a terminal obeys them, a log ends its line), marks and separators that turn
# the direction of a text or end its line (Unicode Standard Annex 9), halves of surrogate pairs.
_CONTROLS: Final = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff]"
)


def printable(text: object) -> str:
    r"""A text on one line, each control character in it written as its escape, such as ``\x1b``.

    :param text: labels, user agents, subjects, or an error that may have one of them in it.
    """
    return _CONTROLS.sub(lambda match: repr(match[0])[1:-1], str(text))
