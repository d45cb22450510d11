"""Times and ids as stores keep them."""

import pytest

from flask_signet.sessions.session import NEVER, adopted_sid, microseconds, seconds

LAST = 253_402_300_799.0  # the last second of the year 9999


@pytest.mark.parametrize("time", [0.0, 1.5, 1_700_000_000.123457, LAST - 1])
def test_a_time_comes_back_from_a_store(time: float) -> None:
    """To the microsecond: no float of today's date is finer."""
    assert seconds(microseconds(time)) == time
    assert microseconds(seconds(microseconds(time))) == microseconds(time)


@pytest.mark.parametrize("time", [NEVER, LAST, LAST + 1, 1e300])
def test_the_end_of_the_calendar_is_never(time: float) -> None:
    """What ends never is a number in a store, and never again when it is read."""
    assert seconds(microseconds(time)) == NEVER


def test_a_time_before_1970_is_1970() -> None:
    assert microseconds(-1.0) == 0


def test_the_session_that_a_token_opens_has_one_id_in_every_version() -> None:
    """Two processes, the older one of them too, that adopt one token at once open one session."""
    assert adopted_sid("ada", "j") == "_~DuvIAi4mt_WGKWtPH08uXz"
