"""The moments that follow from the options, each in seconds since 1970."""

from datetime import timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta

from flask_signet.engine.mint import Wanted
from flask_signet.engine.pair import Wish
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import RevokedTokenError, StoreUnavailableError
from flask_signet.sessions.session import NEVER, Lives
from flask_signet.stores.memory import MemoryStore
from tests.applications import mint
from tests.conftest import Clock
from tests.engine.signets import Make, Watched, claims, confirm, loose, refresh

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


# ── what was given out counts ────────────────────────────────────────────────────────────


@pytest.fixture
def covered(store: Watched, monkeypatch: pytest.MonkeyPatch) -> list[Lives]:
    """The lives that the store is told of."""
    told: list[Lives] = []
    cover = store.cover

    def note(lives: Lives) -> None:
        told.append(lives)
        cover(lives)

    monkeypatch.setattr(store, "cover", note)
    return told


def test_the_store_is_told_once_how_long_tokens_live(watched: Signet, covered: list[Lives]) -> None:
    """Of a session its access tokens count, of a loose token both kinds; what is shorter is no
    news."""
    for _ in range(2):
        refresh(watched, watched.open("ada").refresh_token)
    assert covered == [(901, 901)]
    for kind in ("refresh", "access", "refresh"):
        loose(watched, kind=kind)
    assert covered[1:] == [(0, 30 * DAY + 1)]


def test_a_store_that_was_emptied_is_told_again(
    watched: Signet, store: Watched, covered: list[Lives]
) -> None:
    """It knows no longer how long tokens live."""
    pair = watched.open("ada")
    confirm(watched, pair.access_token)
    store.inner = MemoryStore()
    watched.doubt()
    with pytest.raises(RevokedTokenError):
        confirm(watched, pair.access_token)
    watched.open("ada")
    assert covered == [(901, 901)] * 2


def test_a_longer_life_of_other_tokens_is_none_of_sessions(
    watched: Signet, covered: list[Lives]
) -> None:
    """A session's entry lives as long as its access tokens, so their life is told on its own."""
    loose(watched, kind="refresh")
    watched.open("ada")
    assert covered == [(0, 30 * DAY + 1), (901, 901)]


@pytest.mark.parametrize("by", ["delta", "claims", "loader", "rotation"])
def test_the_store_is_told_of_a_longer_life_before_the_token_leaves(
    make: Make, store: Watched, covered: list[Lives], clock: Clock, by: str
) -> None:
    """Whatever made it longer: an argument, an `exp` among the claims, or one of a loader's."""
    end = int(clock()) + 7200
    loader = {"additional_claims": lambda identity: {"exp": end}} if by == "loader" else {}
    signet = make(SESSION_STORE=store, DECODE_LEEWAY=5, **loader)
    if by == "rotation":
        pair = signet.open("ada")
        pair = refresh(signet, pair.refresh_token, Wish(access_expires_delta=7200))
    else:
        wish = {
            "delta": Wish(access_expires_delta=7200),
            "claims": Wish(claims={"exp": end}),
            "loader": Wish(),
        }[by]
        pair = signet.open("ada", wish)
    assert claims(signet, pair.access_token)["exp"] == end
    assert covered[-1] == (7200 + 5 + 1, 7200 + 5 + 1)


def test_the_store_is_told_of_a_token_that_never_expires(
    watched: Signet, covered: list[Lives]
) -> None:
    """What it belongs to is refused for ever once it has ended."""
    watched.open("ada", Wish(access_expires_delta=False))
    assert covered[-1] == (NEVER, NEVER)


def test_a_store_that_is_down_hears_of_usual_loose_tokens_later(
    watched: Signet, store: Watched, covered: list[Lives], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is revoked lives long enough by the options of now: such a log-in does not fail. A
    longer token does not leave, nor one of a session."""
    monkeypatch.setattr("flask_signet.engine.storage._PAUSE", 0)
    store.is_down = True
    assert loose(watched)
    assert loose(watched, kind="refresh")
    with pytest.raises(StoreUnavailableError):
        watched.issue("ada", Wanted(expires_delta=timedelta(days=60)))
    with pytest.raises(StoreUnavailableError):
        watched.open("ada")
    store.is_down = False
    covered.clear()
    loose(watched)
    assert covered == [(0, 901)]


def test_what_was_given_out_before_there_was_a_store_is_good_in_this_process(
    make: Make, store: Watched, clock: Clock
) -> None:
    """A log-in without a session found none; the store that is set up next has nothing to say."""
    signet = make(SESSION_STORE=store)
    store.is_down = True
    text = loose(signet)
    store.is_down = False
    store.born_at = clock.tick(50)
    clock.tick(1)
    confirm(signet, text)
    with pytest.raises(RevokedTokenError):
        confirm(signet, mint(iat=int(clock()) - 120))


def test_a_store_that_hangs_is_not_asked_for_what_can_wait_at_each_login(
    watched: Signet, store: Watched
) -> None:
    """One log-in waits for it, the next ones do not."""
    store.is_down = True
    for _ in range(3):
        loose(watched)
    assert store.asked == ["cover"]
