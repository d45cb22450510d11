"""The order of the tests: no test gets lost, and what is to stay together is there."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests import distribution

ROOT = Path(__file__).parent.parent


def items() -> list[Any]:
    files = (f"tests/test_{file}.py" for file in "abcd")
    return [SimpleNamespace(nodeid=f"{file}::test_{n}") for file in files for n in range(9)]


def shuffled(seed: str) -> list[str]:
    found = items()
    distribution.shuffle(found, seed)
    return [item.nodeid for item in found]


def test_a_seed_is_an_order_of_all_tests() -> None:
    """The same seed gives the same order, another seed another one, and no test is dropped."""
    assert shuffled("1") == shuffled("1")
    assert shuffled("1") != shuffled("2")
    assert sorted(shuffled("1")) == sorted(shuffled("2")) == [item.nodeid for item in items()]


def test_a_file_stays_together_in_every_order() -> None:
    """The tests of a file are shuffled among themselves: what they share is made once."""
    files = [nodeid.partition("::")[0] for nodeid in shuffled("3")]
    changes = [file for file, before in zip(files, ["", *files], strict=False) if file != before]
    assert len(changes) == 4


def test_what_is_named_exists() -> None:
    """A file that moved would silently leave its group."""
    for name in (*distribution.CROWDS, *distribution.LONG):
        assert (ROOT / name).exists() or list(ROOT.glob(f"{name}*.py")), name


def test_the_long_ones_begin_first() -> None:
    """The crowds, then what takes long, then the rest; each in the order in which it was."""
    crowd, *_ = sorted(distribution.CROWDS)
    names = ["tests/jwt/b.py", "tests/stores/z.py", crowd, "tests/jwt/a.py", "tests/stores/c.py"]
    found: list[Any] = [SimpleNamespace(nodeid=f"{name}::test_it") for name in names]
    distribution.long_ones_first(found)
    assert [names.index(item.nodeid.partition("::")[0]) for item in found] == [2, 1, 4, 0, 3]
