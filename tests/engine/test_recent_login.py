"""A rule that asks how recent the log-in was: `within`."""

from datetime import timedelta
from typing import Any

import pytest

from flask_signet.engine.rule import Rule, check_recent, logged_in_at
from flask_signet.exceptions import RecentLoginRequired
from flask_signet.sessions.session import Session, new_sid, was_adopted

NOW = 1_700_000_000.0
FIVE_MINUTES = timedelta(minutes=5)
SID = new_sid("ada")


def of_session(age: float, **claims: Any) -> dict[str, Any]:
    """The claims of a token that a refresh made just now in a session of this age in seconds."""
    return {"sid": SID, "auth_time": NOW - age, "iat": int(NOW), "fresh": False, **claims}


def is_recent(claims: dict[str, Any], within: timedelta = FIVE_MINUTES) -> bool:
    try:
        check_recent({}, claims, within, NOW)
    except RecentLoginRequired:
        return False
    return True


@pytest.mark.parametrize(
    ("age", "recent"), [(0, True), (299.9, True), (300, True), (300.1, False), (86400, False)]
)
def test_it_is_counted_from_the_log_in(age: float, *, recent: bool) -> None:
    """`auth_time` counts, not when the token was made; the last second is inside."""
    assert is_recent(of_session(age)) is recent


@pytest.mark.parametrize(
    ("claims", "recent"),
    [
        ({"fresh": True, "iat": NOW - 200}, True),
        ({"fresh": True, "iat": NOW - 400}, False),
        ({"fresh": NOW + 1, "iat": NOW - 200}, True),
        ({"fresh": NOW - 1, "iat": NOW - 200}, False),  # no longer fresh: the session counts
    ],
)
def test_a_fresh_token_was_made_by_a_log_in(claims: dict[str, Any], *, recent: bool) -> None:
    """Who confirmed the password counts as logged in then, however old the session is."""
    assert is_recent(of_session(3600, **claims)) is recent
    assert is_recent(claims) is recent  # nor does it need a session


@pytest.mark.parametrize("auth_time", [None, True, "1700000000", [], NOW + 301, 1e300])
def test_what_is_no_moment_of_a_log_in_is_not_recent(auth_time: Any) -> None:
    """A missing moment, one of another type, or one far ahead opens nothing."""
    assert not is_recent(of_session(0, auth_time=auth_time))
    assert is_recent(of_session(0))


def test_a_session_that_a_token_opened_began_with_no_log_in() -> None:
    """Its auth_time is when it was adopted: the log-in was before, nobody knows when."""
    begun = Session.begin("ada", "j", now=NOW)
    adopted = begun.adopting("old")
    assert [was_adopted(each.sid) for each in (begun, adopted)] == [False, True]
    assert logged_in_at(of_session(0, sid=adopted.sid), NOW) is None
    assert logged_in_at(of_session(0, sid=begun.sid), NOW) == NOW
    assert not any(was_adopted(new_sid(str(n))) for n in range(2000))


@pytest.mark.parametrize("within", [300, 300.0, "5m", True])
def test_within_is_a_timedelta(within: Any) -> None:
    """A bare number is refused when the view is decorated: of seconds, or of minutes?"""
    with pytest.raises(TypeError, match="timedelta"):
        Rule.of(within=within)


@pytest.mark.parametrize("within", [timedelta(0), timedelta(seconds=-1)])
def test_within_is_above_zero(within: timedelta) -> None:
    """A guard that no request passes is a mistake."""
    with pytest.raises(ValueError, match="not above zero"):
        Rule.of(within=within)
    assert Rule.of(within=FIVE_MINUTES).within == FIVE_MINUTES
    assert Rule.of().within is None
