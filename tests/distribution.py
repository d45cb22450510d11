"""The order of the tests, and which of them run in one worker (pytest-xdist), one by one.

A file stays together: its servers start once, and its tests are in its order. The files of a group
stay together as well. `pytest.mark.xdist_group` would say the same, but it adds `@group` to the id
of a test, and such an id can't be given to pytest again.
"""

import random
from itertools import chain
from typing import Any, Final

import pytest
from xdist.scheduler import LoadFileScheduling

# More threads and processes than there are cores: two of these at a time would measure each other.
CROWDS: Final = {
    "tests/scenarios/test_key_rotation.py",
    "tests/scenarios/test_races.py",
    "tests/scenarios/test_servers.py",
    "tests/stores/test_kill9.py",
    "tests/stores/test_races.py",
}
# These take long, mostly by waiting. Begun last, they would leave the other workers without work.
LONG: Final = ("tests/scenarios/", "tests/stores/", "tests/examples/", "tests/jose/test_diff")


class Distribution(LoadFileScheduling):
    """A unit of work is a file, or a group of files."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "crowds" if file in CROWDS else file


def shuffle(items: list[pytest.Item], seed: str) -> None:
    """The files in an order of chance, and so the tests of each file."""
    chance = random.Random(seed)
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    found = list(files.values())
    chance.shuffle(found)
    for tests in found:
        chance.shuffle(tests)
    items[:] = chain.from_iterable(found)


def long_ones_first(items: list[pytest.Item]) -> None:
    """The order in which the units of work are handed out to the workers."""
    items.sort(key=lambda item: _rank(item.nodeid))


def _rank(nodeid: str) -> int:
    if nodeid.partition("::")[0] in CROWDS:
        return 0
    return 1 if nodeid.startswith(LONG) else 2


def scheduler(config: pytest.Config, log: Any) -> Distribution:
    config.option.loadscopereorder = False  # by the number of tests; here by `long_ones_first`
    return Distribution(config, log)
