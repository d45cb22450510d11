"""Lifetimes, and the seconds of them."""

from datetime import timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta

from flask_signet.options.lifetime import lifetime_seconds
from tests.ids import same_everywhere


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [
        (False, None),
        (timedelta(minutes=1), 60),
        (timedelta(microseconds=1), 1e-6),
        (timedelta(seconds=-5), -5),
        (60, 60),
        (0.5, 0.5),
        (0, 0),
        (relativedelta(hours=1), 3600),
        (relativedelta(months=1), 30 * 86400),  # from November 14, 2023
        (relativedelta(years=1), 366 * 86400),
    ],
)
def test_lifetime_seconds(lifetime: Any, seconds: float | None) -> None:
    """A lifetime in seconds, reckoned from now where a month is meant; None is for ever."""
    assert lifetime_seconds(lifetime, 1_700_000_000.0) == seconds


@pytest.mark.parametrize("lifetime", [True, "60", None, [], {}, object()], ids=same_everywhere)
def test_what_is_no_lifetime(lifetime: Any) -> None:
    """What is no lifetime is a TypeError, True among it."""
    with pytest.raises(TypeError):
        lifetime_seconds(lifetime, 1_700_000_000.0)
