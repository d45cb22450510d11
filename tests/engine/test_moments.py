"""The order of log-outs everywhere and log-ins within one second."""

from typing import Any

import pytest

from flask_signet.engine.moments import Moments, issued_at


@pytest.mark.parametrize(
    ("claims", "wanted"),
    [
        ({}, 0.0),
        ({"iat": 100}, 100.0),
        ({"iat": 100, "signet_iat": 100.25}, 100.25),
        ({"iat": 100.5}, 100.5),
        ({"iat": 100, "signet_iat": 101.0}, 100.0),
        ({"iat": 100, "signet_iat": 99.999}, 100.0),
        ({"iat": 100, "signet_iat": "100.25"}, 100.0),
        ({"iat": 100, "signet_iat": float("nan")}, 100.0),
        ({"iat": True, "signet_iat": True}, 0.0),
        ({"signet_iat": 100.25}, 0.0),
    ],
)
def test_when_a_token_was_issued(claims: dict[str, Any], wanted: float) -> None:
    """The precise time counts within the second of `iat`, and nowhere else."""
    assert issued_at(claims) == wanted


@pytest.mark.parametrize("tick", [100.0, 100.5, 100.999])
def test_one_tick_for_all(tick: float) -> None:
    """However often one tick comes, each token is after the log-out before it, before the next."""
    moments, order = Moments(), [0.0]
    for _ in range(5):
        order += [moments.issued(tick), moments.ended(tick)]
    assert order[1] <= order[2] < order[3] <= order[4] < order[5]
    assert all(int(moment) == 100 for moment in order[1:])


def test_each_tick_is_the_moment() -> None:
    """Where no log-out came before, a token is of the tick itself."""
    moments = Moments()
    assert moments.issued(100.25) == 100.25
    assert moments.ended(100.5) == 100.5
    assert moments.issued(101.25) == 101.25
    assert moments.ended(101.5) == 101.5
    assert moments.issued(102.123_456_7) == 102.123_457  # no store's moments are finer


@pytest.mark.parametrize("ended", [99.999_999, 101.0, 101.5])
def test_a_log_out_of_another_second_moves_no_token(ended: float) -> None:
    """`iat` tells the seconds apart, so a token of another one is of its tick."""
    moments = Moments()
    moments.ended(ended)
    assert moments.issued(100.25) == 100.25


def test_a_token_stays_in_its_second() -> None:
    """After a log-out in the last microseconds of a second too: `iat` says that second."""
    moments = Moments()
    moments.ended(100.999_995)
    assert moments.issued(100.999_995) == 100.999_999
