"""Times and ids as stores keep them."""

from dataclasses import replace

import pytest

from flask_signet.sessions.session import (
    MAX_SUBJECT,
    NEVER,
    Device,
    Place,
    Session,
    adopted_sid,
    bounded_device,
    checked_memo,
    is_still_good,
    microseconds,
    seconds,
    stored_id,
    with_replaced,
)

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


def test_a_text_that_no_store_can_hold_has_one_name_in_every_version() -> None:
    """A digest without padding, marked as one; a text that looks like one has a digest too."""
    assert stored_id("x" * 64) == "x" * 64
    assert stored_id("x" * 65) == "sha256:lTfF_fEgSC99WNJentWD9SwCtOME6oFNsWM61WWu1-k"
    assert stored_id("\xfc \n") == "\xfc \n"
    assert stored_id("x" * 255, MAX_SUBJECT) == "x" * 255
    assert stored_id("x" * 256, MAX_SUBJECT).startswith("sha256:")
    assert stored_id("sha256:") == "sha256:n9cUzm9jw7MgyUS3DoCl0QX9Lz4tMK4vqBNw4iP1DQc"


def test_the_session_that_a_token_opens_has_one_id_in_every_version() -> None:
    """Two processes, the older one of them too, that adopt one token at once open one session."""
    assert adopted_sid("ada", "j") == "_~DuvIAi4mt_WGKWtPH08uXz"


def test_a_token_that_an_older_version_replaced_is_good_within_the_grace() -> None:
    """Such a version adds nothing to the list of what was replaced: the row's moment counts."""
    begun = Session.begin("ada", "second", now=1000.0)
    session = replace(begun, previous_jti="first", rotated_at=2000.0)
    assert is_still_good(session, "first", now=2009.999, grace=10)
    assert not is_still_good(session, "first", now=2010.0, grace=10)
    assert not is_still_good(session, "other", now=2000.0, grace=10)


def test_the_place_of_a_session_is_a_text_and_back() -> None:
    """A page of a list begins after it; a sid may have the dot that ends the moment."""
    place = Place(1_700_000_000.123457, "a.tag.of-an-owner")
    assert str(place) == "1700000000123457.a.tag.of-an-owner"
    assert Place.read(str(place)) == place


@pytest.mark.parametrize("text", ["", ".sid", "now.sid", "-1.sid", "\u0661.sid", "9" * 19 + ".s"])
def test_what_is_no_place(text: str) -> None:
    """A client may send any text for one."""
    with pytest.raises(ValueError, match="no place"):
        Place.read(text)


def test_a_session_remembers_the_last_eight_tokens_that_were_replaced() -> None:
    """Each is a digest of 22 characters and a moment of 18 digits, in every version."""
    replaced = ""
    for number in range(9):
        replaced = with_replaced(replaced, f"j{number}", 1_700_000_000.25 + number)
    assert len(replaced) == 8 * 40
    assert replaced.startswith("p1INIvDVdCqF-Fb4aj5cqt001700000008250000")
    session = replace(Session.begin("ada", "j9", now=1_700_000_009.0), replaced=replaced)
    good = [is_still_good(session, f"j{each}", now=1_700_000_009.0, grace=60) for each in range(9)]
    assert good == [False, *[True] * 8]


def test_how_much_a_session_keeps_of_its_client() -> None:
    """A browser's name of 255 characters, an address of 64, a label of 100; what is longer is cut.

    The columns of a database are as wide.
    """
    kept = bounded_device(Device("a" * 256, "b" * 65, "c" * 101))
    assert kept == Device("a" * 255, "b" * 64, "c" * 100)


def test_how_long_a_memo_may_be() -> None:
    """2,000 characters, as wide as the columns of a database, and none that one can't hold."""
    assert checked_memo("m" * 2000) == "m" * 2000
    with pytest.raises(ValueError, match="at most 2000 characters"):
        checked_memo("m" * 2001)
    with pytest.raises(ValueError, match="no NUL"):
        checked_memo("m\0")
