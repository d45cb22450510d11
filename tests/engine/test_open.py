"""A log-in: both tokens of a session, which is in the store before they leave."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from flask_signet.engine.pair import Wish
from flask_signet.engine.rule import Rule
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import RevokedTokenError, StoreUnavailableError
from flask_signet.sessions.session import NEVER, Device
from tests.conftest import Clock
from tests.engine.signets import Event, Make, Watched, admit, claims, confirm, header, refresh

DAY = 86_400
REFRESH = Rule(kind="refresh")


def both(signet: Signet, *arguments: Any, **named: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The claims of the two tokens of a log-in."""
    pair = signet.open(*arguments, **named)
    return claims(signet, pair.access_token), claims(signet, pair.refresh_token)


# ── the two tokens ───────────────────────────────────────────────────────────────────────


def test_a_login(sessions: Signet, clock: Clock, told: list[Event]) -> None:
    """A guard takes each token for what it is; listeners hear of the session, not of a token."""
    pair = sessions.open("ada")
    assert admit(sessions, pair.access_token).identity == "ada"
    assert admit(sessions, pair.refresh_token, REFRESH).identity == "ada"
    assert told == [("token-issued", {"sid": pair.sid, "subject": "ada"})]


def test_both_tokens_are_of_one_session(sessions: Signet, clock: Clock) -> None:
    """They share its sid, the moment of the log-in and a CSRF value, and have each its own jti."""
    pair = sessions.open("ada")
    access, of_refresh = claims(sessions, pair.access_token), claims(sessions, pair.refresh_token)
    for name, value in (("sid", pair.sid), ("auth_time", clock()), ("sub", "ada")):
        assert access[name] == of_refresh[name] == value
    assert access["csrf"] == of_refresh["csrf"]
    assert access["jti"] != of_refresh["jti"]
    assert (access["type"], of_refresh["type"]) == ("access", "refresh")
    assert (access["exp"] - clock(), of_refresh["exp"] - clock()) == (900, 30 * DAY)


def test_the_row_in_the_store(sessions: Signet, clock: Clock) -> None:
    """The store knows whose session it is, its current refresh token, and the device."""
    wish = Wish(device=Device("Firefox", "192.0.2.1", "Ada's laptop"))
    pair = sessions.open("ada", wish)
    [session] = sessions.sessions_of("ada")
    assert (session.sid, session.subject) == (pair.sid, "ada")
    assert session.jti == claims(sessions, pair.refresh_token)["jti"]
    assert session.device == wish.device
    assert (session.created_at, session.last_seen_at) == (clock(), clock())
    assert session.expires_at == clock() + 30 * DAY
    assert session.absolute_expires_at == clock() + 90 * DAY


def test_freshness(sessions: Signet, clock: Clock) -> None:
    """The access token is fresh unless it is said otherwise; the refresh token never is."""
    for fresh in (True, False, timedelta(minutes=1)):
        clock.tick(1)
        claim = clock() + 60 if isinstance(fresh, timedelta) else fresh
        access, of_refresh = both(sessions, "ada", fresh=fresh)
        assert (access["fresh"], of_refresh["fresh"]) == (claim, False)
    assert both(sessions, "ada")[0]["fresh"] is True


def test_what_an_application_wants(sessions: Signet, clock: Clock) -> None:
    """Claims and headers go into both tokens; the session's claims can't be changed by them."""
    wish = Wish({"role": "admin", "sid": "forged"}, {"x": "y"}, timedelta(minutes=1))
    pair = sessions.open("ada", wish)
    for text in (pair.access_token, pair.refresh_token):
        assert header(sessions, text)["x"] == "y"
        assert claims(sessions, text)["role"] == "admin"
        assert claims(sessions, text)["sid"] == pair.sid
    assert claims(sessions, pair.access_token)["exp"] == clock() + 60


def test_what_is_kept_is_made_json_as_a_token_is(make: Make) -> None:
    """A claim of another type is in each token as the application's encoder makes it."""
    signet = make(SESSION_STORE="memory://", to_json=str)
    pair = signet.open("ada", Wish({"tenant": uuid.UUID(int=5)}))
    pair = refresh(signet, pair.refresh_token)
    assert claims(signet, pair.access_token)["tenant"] == str(uuid.UUID(int=5))


def test_the_loader_of_identities_is_asked_once(make: Make) -> None:
    """The identity of both tokens, and the subject of the session, come of one question."""
    asked = []
    signet = make(
        SESSION_STORE="memory://", user_identity=lambda user: asked.append(user) or user["id"]
    )
    access, of_refresh = both(signet, {"id": 7})
    assert (access["sub"], of_refresh["sub"], asked) == (7, 7, [{"id": 7}])
    assert len(signet.sessions_of("7")) == 1


# ── lifetimes ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "delta", "lives"),
    [
        ({}, None, 30 * DAY),
        ({}, timedelta(hours=1), 3600),
        ({}, timedelta(days=365), 90 * DAY),
        ({}, False, 90 * DAY),
        ({"REFRESH_IDLE_EXPIRES": timedelta(days=2)}, None, 2 * DAY),
        ({"REFRESH_ABSOLUTE_EXPIRES": timedelta(days=1)}, None, DAY),
        ({"REFRESH_ABSOLUTE_EXPIRES": False}, timedelta(days=365), 365 * DAY),
    ],
)
def test_how_long_a_session_lives(
    make: Make, clock: Clock, options: dict[str, Any], delta: Any, lives: int
) -> None:
    """The refresh token lives as long as its session: as is asked for, never past the last day."""
    signet = make(SESSION_STORE="memory://", **options)
    _, of_refresh = both(signet, "ada", refresh_expires_delta=delta)
    [session] = signet.sessions_of("ada")
    assert session.expires_at == of_refresh["exp"] == clock() + lives


@pytest.mark.parametrize(
    ("options", "delta"), [({}, False), ({"REFRESH_IDLE_EXPIRES": False}, None)]
)
def test_a_session_for_ever_where_other_refresh_tokens_expire(
    make: Make, url: str, options: dict[str, Any], delta: Any
) -> None:
    """The session decides: JWT_REFRESH_TOKEN_EXPIRES puts no expiry into its token."""
    signet = make(SESSION_STORE=url, REFRESH_ABSOLUTE_EXPIRES=False, **options)
    _, of_refresh = both(signet, "ada", refresh_expires_delta=delta)
    assert "exp" not in of_refresh
    [session] = signet.sessions_of("ada")
    assert session.expires_at == NEVER


def test_a_session_for_ever(make: Make, url: str) -> None:
    """Where neither option ends it, the refresh token has no expiry, and is refreshed all the same.

    The session's row says "never" on each store.
    """
    signet = make(SESSION_STORE=url, REFRESH_TOKEN_EXPIRES=False, REFRESH_ABSOLUTE_EXPIRES=False)
    pair = signet.open("ada")
    assert "exp" not in claims(signet, pair.refresh_token)
    again = refresh(signet, pair.refresh_token)
    assert "exp" not in claims(signet, again.refresh_token)


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"refresh_expires_delta": timedelta(0)}, "refresh_expires_delta is zero"),
        ({"wish": Wish(access_expires_delta=timedelta(0))}, "expires_delta is zero"),
    ],
)
def test_a_lifetime_that_is_refused(
    watched: Signet, store: Watched, named: dict[str, Any], says: str
) -> None:
    """Zero is none."""
    with pytest.raises(ValueError, match=says):
        watched.open("ada", **named)
    assert store.asked == []


# ── the one write ────────────────────────────────────────────────────────────────────────


def test_a_login_is_one_question(watched: Signet, store: Watched) -> None:
    """The store is asked to keep the session, and nothing else; the first one in a process also
    tells it how long tokens live."""
    watched.open("ada")
    assert store.asked == ["cover", "open_session"]
    store.asked.clear()
    watched.open("ada")
    assert store.asked == ["open_session"]


@pytest.mark.parametrize(
    ("identity", "wish"), [("ada", Wish({"odd": object()})), (1.5, Wish()), (None, Wish())]
)
def test_what_can_not_be_signed_opens_nothing(
    watched: Signet, store: Watched, told: list[Event], identity: Any, wish: Wish
) -> None:
    """The tokens are signed before the store is asked."""
    with pytest.raises(TypeError):
        watched.open(identity, wish)
    assert (store.asked, told) == ([], [])


def test_a_store_that_is_down(watched: Signet, store: Watched, told: list[Event]) -> None:
    """No token leaves, and nobody is told of a session."""
    store.is_down = True
    with pytest.raises(StoreUnavailableError):
        watched.open("ada")
    assert told == []


# ── how many sessions ────────────────────────────────────────────────────────────────────


def test_the_oldest_session_makes_room(
    make: Make, url: str, clock: Clock, told: list[Event]
) -> None:
    """One log-in too many ends the oldest session: this process refuses it from then on."""
    signet = make(SESSION_STORE=url, MAX_SESSIONS_PER_SUBJECT=2)
    pairs = []
    for _ in range(3):
        pairs.append(signet.open("ada"))
        confirm(signet, pairs[-1].access_token)
        clock.tick(1)
    assert told[2:] == [
        ("token-revoked", {"kind": "sid", "value": pairs[0].sid}),
        ("token-issued", {"sid": pairs[2].sid, "subject": "ada"}),
    ]
    assert [each.sid for each in signet.sessions_of("ada")] == [pairs[2].sid, pairs[1].sid]
    with pytest.raises(RevokedTokenError):
        confirm(signet, pairs[0].access_token)
    for pair in pairs[1:]:
        confirm(signet, pair.access_token)


def test_after_it_made_room_the_next_check_asks_the_store(make: Make, store: Watched) -> None:
    """This process has just ended a session: it does not go by what it knew before."""
    signet = make(SESSION_STORE=store, MAX_SESSIONS_PER_SUBJECT=1)
    other = signet.open("eve")
    signet.open("ada")
    confirm(signet, other.access_token)
    signet.open("ada")
    store.asked.clear()
    confirm(signet, other.access_token)
    assert store.asked == ["sync"]


# ── without a store ──────────────────────────────────────────────────────────────────────


def test_a_loose_pair(signet: Signet, clock: Clock, told: list[Event]) -> None:
    """Without a store both tokens name a session that nobody keeps, and nobody hears of it."""
    pair = signet.open("ada")
    access, of_refresh = claims(signet, pair.access_token), claims(signet, pair.refresh_token)
    assert access["sid"] == of_refresh["sid"] == pair.sid
    assert "auth_time" not in access | of_refresh
    assert (access["type"], of_refresh["type"]) == ("access", "refresh")
    assert (access["fresh"], of_refresh["fresh"]) == (True, False)
    assert access["csrf"] != of_refresh["csrf"]
    assert told == []
    assert admit(signet, pair.access_token).identity == "ada"
    assert signet.open("ada").sid != pair.sid


def test_the_lifetimes_of_a_loose_pair(signet: Signet, clock: Clock) -> None:
    """Nothing has to remember it, so its access token may live longer than the option says."""
    wish = Wish(access_expires_delta=timedelta(hours=5))
    access, of_refresh = both(signet, "ada", wish, refresh_expires_delta=timedelta(hours=9))
    assert (access["exp"] - clock(), of_refresh["exp"] - clock()) == (5 * 3600, 9 * 3600)
    assert "exp" not in both(signet, "ada", refresh_expires_delta=False)[1]
