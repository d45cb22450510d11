"""The moments that follow from the options, each in seconds since 1970."""

from datetime import timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta

from flask_signet.sessions.session import NEVER
from tests.conftest import Clock
from tests.engine.signets import Make

DAY = 86_400


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 30 * DAY),
        ({"REFRESH_TOKEN_EXPIRES": 60}, 60),
        ({"REFRESH_TOKEN_EXPIRES": False}, NEVER),
        ({"REFRESH_IDLE_EXPIRES": timedelta(days=2)}, 2 * DAY),
        ({"REFRESH_TOKEN_EXPIRES": False, "REFRESH_IDLE_EXPIRES": 60}, 60),
        ({"REFRESH_IDLE_EXPIRES": False}, NEVER),
        ({"REFRESH_IDLE_EXPIRES": relativedelta(months=1)}, 30 * DAY),
    ],
)
def test_a_session_without_a_refresh(
    make: Make, clock: Clock, options: dict[str, Any], seconds: float
) -> None:
    """It lives as its own option says, else as long as a refresh token; a month from November 14
    has 30 days."""
    assert make(**options).idle_seconds(clock()) == seconds


@pytest.mark.parametrize(
    ("lifetime", "seconds"), [(timedelta(days=90), 90 * DAY), (60, 60), (False, NEVER)]
)
def test_the_last_day_of_a_session(make: Make, lifetime: Any, seconds: float) -> None:
    """It is counted from the log-in, not from now."""
    signet = make(REFRESH_ABSOLUTE_EXPIRES=lifetime)
    assert signet.absolute_end(1000.0) == 1000.0 + seconds
    assert make().absolute_end(1000.0) == 1000.0 + 90 * DAY


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 900 + 1),
        ({"ACCESS_TOKEN_EXPIRES": 60, "DECODE_LEEWAY": 5}, 60 + 5 + 1),
        ({"ACCESS_TOKEN_EXPIRES": False}, NEVER),
        ({"REFRESH_TOKEN_EXPIRES": False}, 900 + 1),
    ],
)
def test_how_long_a_session_is_remembered(
    make: Make, clock: Clock, options: dict[str, Any], seconds: float
) -> None:
    """Until its last access token is refused by itself: a second past the leeway, which `exp` and
    `now` round away."""
    assert make(**options).refuse_until(clock()) == clock() + seconds


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 30 * DAY + 1),
        ({"ACCESS_TOKEN_EXPIRES": timedelta(days=60), "DECODE_LEEWAY": 5}, 60 * DAY + 5 + 1),
        ({"REFRESH_IDLE_EXPIRES": timedelta(days=45)}, 45 * DAY + 1),
        ({"REFRESH_IDLE_EXPIRES": 60}, 30 * DAY + 1),
        ({"REFRESH_TOKEN_EXPIRES": False}, NEVER),
        ({"ACCESS_TOKEN_EXPIRES": False}, NEVER),
        ({"REFRESH_IDLE_EXPIRES": False}, NEVER),
    ],
)
def test_the_longest_life(
    make: Make, clock: Clock, options: dict[str, Any], seconds: float
) -> None:
    """No token of now lives longer: the longest of its lifetimes counts."""
    assert make(**options).longest_life(clock()) == clock() + seconds
