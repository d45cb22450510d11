"""The ids of tests that are given values: the same in every process that collects the tests.

pytest-xdist compares the ids that its workers collect, and stops where they differ.
"""

import re
from typing import Final

# An address in memory, the random name of a key, a value that was generated.
_RANDOM: Final = re.compile(r" at 0x[0-9a-f]+|(?<=kid=')[\w-]+|(?<=['\"])[\w-]{20,}(?=['\"])")
LONGEST: Final = 40


def same_everywhere(value: object) -> str:
    """The value as Python writes it, without what differs from process to process."""
    if isinstance(value, tuple):
        return f"({', '.join(map(same_everywhere, value))})"
    written = f"{{{sorted(value)}}}" if isinstance(value, set | frozenset) else repr(value)
    return _RANDOM.sub("…", written)[:LONGEST]
