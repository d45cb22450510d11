"""Time several functions in turn, in small slices, so that a noisy machine is noisy for all.

An absolute time on a shared machine says little. Slices of a millisecond or two, interleaved, see
the same machine, and their ratio repeats.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

ROUNDS = 101
SLICE_SECONDS = 0.002


def measure(
    functions: Mapping[str, Callable[[], object]],
    *,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, float]:
    """Microseconds per call: the median of the slices, each function in each round.

    :param clock: of the CPU, unless what is measured waits for somebody else.
    """
    counts = {name: _calls_per_slice(function, clock) for name, function in functions.items()}
    slices: dict[str, list[float]] = {name: [] for name in functions}
    for depth in range(ROUNDS):
        for name, function in functions.items():
            slices[name].append(_at_depth(depth, function, counts[name], clock))
    return {name: statistics.median(times) * 1e6 for name, times in slices.items()}


def _at_depth(
    depth: int, function: Callable[[], object], count: int, clock: Callable[[], float]
) -> float:
    """A slice so many frames further down the stack.

    CPython gets the memory of its frames in pieces of 16 KiB. A call that happens to cross the end
    of a piece pays the system for a new one, each time: up to 5 us, for whoever stands there. A
    hundred depths cover a piece, so the median is that of calls that don't.
    """
    if depth:
        return _at_depth(depth - 1, function, count, clock)
    return _slice(function, count, clock)


def _slice(function: Callable[[], object], count: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(count):
        function()
    return (clock() - start) / count


def _calls_per_slice(function: Callable[[], object], clock: Callable[[], float]) -> int:
    _slice(function, 20, clock)  # warm
    return max(5, int(SLICE_SECONDS / max(_slice(function, 20, clock), 1e-7)))


def versions(*packages: str) -> str:
    """What was compared, and on which Python."""
    named = []
    for package in packages:
        try:
            named.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            named.append(f"{package} (not installed)")
    return f"Python {sys.version.split()[0]}, {', '.join(named)}"


def show(line: str) -> None:
    """A line of the report."""
    sys.stdout.write(line + "\n")
