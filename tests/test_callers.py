"""Warnings that name the application's line, and come once in a process."""

import warnings
from inspect import currentframe

import pytest

from flask_signet.callers import caller, forget_warnings, warn_once
from flask_signet.exceptions import WeakSecretWarning
from flask_signet.jose.jwk import Key
from flask_signet.keys.reading import warn_of_weak

WEAK = Key.from_secret("short", allow_weak=True)


def line() -> int:
    """The number of the line that asks."""
    frame = currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def test_the_caller_is_the_line_outside_of_the_package() -> None:
    """The place has the module and the line that called, not a line of ours."""
    place = caller()
    assert place == (__name__, line() - 1)
    assert str(place) == f"{__name__}, line {place.line}"


def test_a_warning_names_the_line_outside_of_the_package() -> None:
    """However deep in the package a warning arises, its place is the line that called."""
    with pytest.warns(WeakSecretWarning) as caught:
        warn_of_weak([WEAK], "JWT_SECRET_KEY")
    assert (caught[0].filename, caught[0].lineno) == (__file__, line() - 1)


def test_a_warning_comes_once_in_a_process() -> None:
    """The second application of the same mistake hears nothing; another mistake is told."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for named in ("JWT_SECRET_KEY", "JWT_SECRET_KEY", "PARTNER_JWT_SECRET_KEY"):
            warn_of_weak([WEAK], named)
        assert len(caught) == 2
        forget_warnings()
        warn_of_weak([WEAK], "JWT_SECRET_KEY")
        assert len(caught) == 3


def test_a_warning_that_is_an_error_is_one_each_time() -> None:
    """With ``-W error`` no second start gets through."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(UserWarning, match=r"^it$"):
                warn_once("it", UserWarning)


def test_where_nobody_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every frame is of the package, as in a thread of its own, the outermost counts."""
    monkeypatch.setattr("flask_signet.callers._PACKAGE", "")
    assert caller().line > 0
