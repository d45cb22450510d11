"""A refresh token is good once: the verdicts of the one write, and what comes before it."""

from datetime import timedelta
from typing import Any

import pytest

from flask_signet.engine.admission import Credentials
from flask_signet.engine.pair import Wish
from flask_signet.engine.rotate import TO_ROTATE
from flask_signet.engine.rule import Rule
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import (
    ConfigurationError,
    ExpiredSignatureError,
    JWTDecodeError,
    RevokedTokenError,
    SessionEndedError,
    StoreUnavailableError,
    TokenReusedError,
    UserClaimsVerificationError,
    UserLookupError,
    WrongTokenError,
)
from flask_signet.sessions.session import Rotation
from flask_signet.stores.memory import MemoryStore
from tests.applications import mint, signed
from tests.conftest import Clock
from tests.engine.signets import (
    Event,
    Make,
    Watched,
    claims,
    confirm,
    header,
    loose,
    refresh,
    use,
)

DAY = 86_400
REFRESH = Rule(kind="refresh")


def named(told: list[Event]) -> list[str]:
    return [name for name, _ in told]


# ── rotated ──────────────────────────────────────────────────────────────────────────────


def test_a_refresh(sessions: Signet, clock: Clock, told: list[Event]) -> None:
    """Both next tokens are of the same session; the new access token is not fresh."""
    first = sessions.open("ada")
    clock.tick(60)
    second = refresh(sessions, first.refresh_token)
    before, after = (claims(sessions, each.refresh_token) for each in (first, second))
    access = claims(sessions, second.access_token)
    assert second.sid == first.sid
    for name in ("sid", "auth_time", "sub"):
        assert before[name] == after[name] == access[name]
    assert before["jti"] != after["jti"]
    assert (access["fresh"], access["iat"], after["iat"]) == (False, clock(), clock())
    assert before["csrf"] == after["csrf"] == access["csrf"]
    assert access["refresh_jti"] == after["jti"]
    assert told[1:] == [("token-rotated", {"sid": first.sid, "subject": "ada"})]


def test_the_next_tokens_are_good(sessions: Signet, clock: Clock) -> None:
    """A guard takes them, the session's row has the new token, and the owner sees the use."""
    first = sessions.open("ada")
    clock.tick(60)
    second = refresh(sessions, first.refresh_token)
    confirm(sessions, second.access_token)
    confirm(sessions, second.refresh_token, REFRESH)
    [session] = sessions.sessions_of("ada")
    assert session.jti == claims(sessions, second.refresh_token)["jti"]
    assert session.previous_jti == claims(sessions, first.refresh_token)["jti"]
    assert session.last_seen_at == session.rotated_at == clock()
    assert refresh(sessions, second.refresh_token).sid == first.sid


def test_a_session_is_prolonged_up_to_its_last_day(make: Make, clock: Clock) -> None:
    """Each refresh gives the idle time anew, never past the day that the log-in set."""
    signet = make(
        SESSION_STORE="memory://",
        REFRESH_IDLE_EXPIRES=timedelta(days=7),
        REFRESH_ABSOLUTE_EXPIRES=timedelta(days=10),
    )
    opened_at, pair = clock(), signet.open("ada")
    for passed, expires in ((0, 7), (6, 10), (3, 10)):
        clock.tick(passed * DAY)
        pair = refresh(signet, pair.refresh_token)
        assert (
            claims(signet, pair.refresh_token)["exp"] == opened_at + max(min(expires, 10), 7) * DAY
        )
    clock.tick(DAY)
    with pytest.raises(ExpiredSignatureError):
        refresh(signet, pair.refresh_token)


def test_what_an_application_wants(sessions: Signet, clock: Clock) -> None:
    """Claims, headers and a shorter life of the access token are as at a log-in."""
    wish = Wish({"role": "admin"}, {"x": "y"}, timedelta(minutes=1))
    pair = refresh(sessions, sessions.open("ada").refresh_token, wish)
    for text in (pair.access_token, pair.refresh_token):
        assert (claims(sessions, text)["role"], header(sessions, text)["x"]) == ("admin", "y")
    assert claims(sessions, pair.access_token)["exp"] == clock() + 60


def test_the_identity_is_that_of_the_token(make: Make) -> None:
    """Where no loader finds the user, that of claims gets the token's identity in its type."""
    seen = []
    signet = make(
        SESSION_STORE="memory://",
        IDENTITY_TYPE=int,
        user_identity=lambda user: user["id"],
        user_state=lambda identity: True,
        additional_claims=lambda identity: seen.append(identity) or {"loaded": True},
    )
    first = signet.open({"id": 7})
    seen.clear()
    second = refresh(signet, first.refresh_token)
    assert seen == [7, 7]
    for text in (second.access_token, second.refresh_token):
        assert claims(signet, text)["sub"] == "7"
        assert claims(signet, text)["loaded"] is True


# ── replayed ─────────────────────────────────────────────────────────────────────────────


def test_a_replay_within_the_grace(sessions: Signet, clock: Clock, told: list[Event]) -> None:
    """Two tabs get the very same refresh token, and nobody is told of a second rotation."""
    first = sessions.open("ada")
    second = refresh(sessions, first.refresh_token)
    clock.tick(9)
    told.clear()
    again = refresh(sessions, first.refresh_token)
    assert again.refresh_token == second.refresh_token
    assert again.sid == second.sid
    assert claims(sessions, again.access_token)["iat"] == clock()
    assert claims(sessions, again.access_token)["fresh"] is False
    for pair in (second, again):
        confirm(sessions, pair.access_token)
    assert told == []
    assert refresh(sessions, again.refresh_token).sid == first.sid


def test_an_answer_that_was_lost(sessions: Signet, clock: Clock) -> None:
    """A token whose successor nobody used gets that successor, long after the grace."""
    first = sessions.open("ada")
    second = refresh(sessions, first.refresh_token)
    clock.tick(DAY)
    again = refresh(sessions, first.refresh_token)
    assert again.refresh_token == second.refresh_token
    use(sessions, again.access_token)
    with pytest.raises(TokenReusedError):
        refresh(sessions, first.refresh_token)


# ── reused ───────────────────────────────────────────────────────────────────────────────


def test_a_replay_after_the_grace(sessions: Signet, clock: Clock, told: list[Event]) -> None:
    """A used token ends the session for both of its holders; listeners hear of a theft once."""
    first = sessions.open("ada")
    second = refresh(sessions, first.refresh_token)
    use(sessions, second.access_token)
    clock.tick(10)
    told.clear()
    with pytest.raises(TokenReusedError) as caught:
        refresh(sessions, first.refresh_token)
    error = caught.value
    assert (error.error_code, error.drops_cookies) == ("token_reused", True)
    assert error.jwt_data["sub"] == "ada"
    about = {"sid": first.sid, "subject": "ada"}
    assert told == [
        ("token-reused", {"jti": claims(sessions, first.refresh_token)["jti"], **about}),
    ]
    assert sessions.sessions_of("ada") == []
    with pytest.raises(RevokedTokenError):
        confirm(sessions, second.access_token)
    for used in (first, second):
        with pytest.raises(RevokedTokenError):
            refresh(sessions, used.refresh_token)
    assert named(told).count("token-reused") == 1


def test_after_a_theft_the_next_check_asks_the_store(
    watched: Signet, store: Watched, clock: Clock
) -> None:
    """This process has just ended a session: it does not go by what it knew before."""
    first, other = watched.open("ada"), watched.open("eve")
    use(watched, refresh(watched, first.refresh_token).access_token)
    confirm(watched, other.access_token)
    clock.tick(10)
    with pytest.raises(TokenReusedError):
        refresh(watched, first.refresh_token)
    store.asked.clear()
    confirm(watched, other.access_token)
    assert store.asked == ["sync"]


@pytest.mark.parametrize(("grace", "says"), [(0, False), (0.5, True), (10, True)])
def test_an_access_token_says_which_refresh_arrived(make: Make, grace: float, says: bool) -> None:
    """Where nothing is forgiven nobody asks; however short the grace is, its use is the proof."""
    signet = make(SESSION_STORE="memory://", REFRESH_REUSE_GRACE=grace)
    pair = refresh(signet, signet.open("ada").refresh_token)
    made = loose(signet, made_by=claims(signet, pair.refresh_token))
    for text in (pair.access_token, made):
        assert ("refresh_jti" in claims(signet, text)) is says


def test_no_grace(make: Make, url: str) -> None:
    """With JWT_REFRESH_REUSE_GRACE = 0 a replay at the same moment is a theft."""
    signet = make(SESSION_STORE=url, REFRESH_REUSE_GRACE=0)
    first = signet.open("ada")
    refresh(signet, first.refresh_token)
    with pytest.raises(TokenReusedError):
        refresh(signet, first.refresh_token)


def test_the_grace_is_for_slow_tabs_too(sessions: Signet, clock: Clock) -> None:
    """Two generations back gets the live successor within the grace; after it, it is a theft."""
    first = sessions.open("ada")
    third = refresh(sessions, refresh(sessions, first.refresh_token).refresh_token)
    clock.tick(9)
    assert refresh(sessions, first.refresh_token).refresh_token == third.refresh_token
    clock.tick(1)
    with pytest.raises(TokenReusedError):
        refresh(sessions, first.refresh_token)
    with pytest.raises(RevokedTokenError):
        refresh(sessions, third.refresh_token)


# ── gone ─────────────────────────────────────────────────────────────────────────────────


def test_a_session_that_is_gone(sessions: Signet, told: list[Event]) -> None:
    """A session that was ended takes no refresh token: the browser drops its cookies."""
    pair = sessions.open("ada")
    sessions.end(pair.sid)
    told.clear()
    with pytest.raises(SessionEndedError) as caught:
        refresh(sessions, pair.refresh_token)
    error = caught.value
    assert (error.error_code, error.drops_cookies) == ("session_ended", True)
    assert told == []


def test_a_session_that_nobody_knows(make: Make) -> None:
    """A token of another store's session is refused in the same way."""
    one, other = make(SESSION_STORE="memory://"), make(SESSION_STORE="memory://")
    with pytest.raises(SessionEndedError):
        refresh(other, one.open("ada").refresh_token)


def test_a_session_ends_at_its_moment(make: Make, clock: Clock) -> None:
    """The leeway for clocks does not prolong a session: the store goes by the moment itself."""
    signet = make(SESSION_STORE="memory://", DECODE_LEEWAY=60)
    pair = signet.open("ada", refresh_expires_delta=timedelta(hours=1))
    clock.tick(3600)
    with pytest.raises(SessionEndedError):
        refresh(signet, pair.refresh_token)


def test_logged_out_everywhere(sessions: Signet) -> None:
    """No session of the subject is refreshed any more."""
    pair, stranger = sessions.open("ada"), sessions.open("eve")
    sessions.end_all("ada")
    with pytest.raises(RevokedTokenError):
        refresh(sessions, pair.refresh_token)
    assert refresh(sessions, stranger.refresh_token).sid == stranger.sid


def test_a_token_that_is_known_to_be_revoked(
    watched: Signet, store: Watched, told: list[Event]
) -> None:
    """A refresh token that was revoked by its jti alone is refused, and its session goes on."""
    pair = watched.open("ada")
    confirm(watched, pair.access_token)
    watched.revoke(claims(watched, pair.refresh_token)["jti"])
    store.asked.clear()
    told.clear()
    with pytest.raises(RevokedTokenError) as caught:
        refresh(watched, pair.refresh_token)
    assert caught.value.error_code == "token_revoked"
    assert (store.asked, told) == ([], [])
    confirm(watched, pair.access_token)


# ── adopted ──────────────────────────────────────────────────────────────────────────────


def test_a_token_from_before_the_store(sessions: Signet, clock: Clock, told: list[Event]) -> None:
    """It opens a session, once; listeners hear of a rotation."""
    old = loose(sessions, kind="refresh")
    clock.tick(60)
    pair = refresh(sessions, old)
    [session] = sessions.sessions_of("ada")
    assert session.sid == pair.sid
    assert told == [("token-rotated", {"sid": pair.sid, "subject": "ada"})]
    assert claims(sessions, pair.refresh_token)["auth_time"] == clock()
    assert claims(sessions, pair.access_token)["fresh"] is False
    confirm(sessions, pair.access_token)
    assert refresh(sessions, pair.refresh_token).sid == pair.sid


@pytest.mark.parametrize(
    ("value", "is_kept"),
    [
        ("c" * 64, True),
        ("c" * 65, False),
        ("\xe9", False),
        ("a\nb", False),
        (None, False),
        (7, False),
    ],
)
def test_the_csrf_value_of_a_token_from_before_the_store(
    sessions: Signet, value: Any, is_kept: bool
) -> None:
    """The session goes on with it where a store can keep it, and else with a new value."""
    pair = refresh(sessions, mint("refresh", sub="ada", csrf=value))
    access, following = claims(sessions, pair.access_token), claims(sessions, pair.refresh_token)
    assert access["csrf"] == following["csrf"]
    assert (access["csrf"] == value) is is_kept
    assert len(access["csrf"]) >= 22


def test_a_session_that_a_token_opens_makes_room(
    make: Make, url: str, clock: Clock, told: list[Event]
) -> None:
    """As at a log-in: the oldest session ends, and listeners hear of it first."""
    signet = make(SESSION_STORE=url, MAX_SESSIONS_PER_SUBJECT=1)
    before, old = signet.open("ada"), loose(signet, kind="refresh")
    confirm(signet, before.access_token)
    clock.tick(1)
    told.clear()
    pair = refresh(signet, old)
    assert told == [
        ("token-revoked", {"kind": "sid", "value": before.sid}),
        ("token-rotated", {"sid": pair.sid, "subject": "ada"}),
    ]
    with pytest.raises(RevokedTokenError):
        confirm(signet, before.access_token)


def test_an_adopted_token_again(sessions: Signet, clock: Clock, told: list[Event]) -> None:
    """Within the grace it gets the same successor; after it, the session that it opened ends."""
    old = loose(sessions, kind="refresh")
    pair = refresh(sessions, old)
    clock.tick(9)
    assert refresh(sessions, old).refresh_token == pair.refresh_token
    assert len(sessions.sessions_of("ada")) == 1
    use(sessions, pair.access_token)
    clock.tick(1)
    told.clear()
    with pytest.raises(TokenReusedError):
        refresh(sessions, old)
    assert named(told) == ["token-reused"]
    assert told[0][1]["sid"] == pair.sid
    assert sessions.sessions_of("ada") == []


def test_an_adoption_at_the_moment_of_a_login(sessions: Signet) -> None:
    """The store dates the session after the log-in, and both tokens say so."""
    old, before = loose(sessions, kind="refresh"), sessions.open("ada")
    pair = refresh(sessions, old)
    newest, oldest = sessions.sessions_of("ada")
    assert (newest.sid, oldest.sid) == (pair.sid, before.sid)
    assert newest.created_at > oldest.created_at
    for text in (pair.access_token, pair.refresh_token):
        assert claims(sessions, text)["auth_time"] == newest.created_at


def test_a_pair_from_before_the_store(make: Make, url: str) -> None:
    """Its sid names a session that no store knows: the session that it opens has another."""
    before = make().open("ada")
    signet = make(SESSION_STORE=url)
    pair = refresh(signet, before.refresh_token)
    assert pair.sid != before.sid
    confirm(signet, pair.access_token)


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_revoked_token_is_not_adopted(
    sessions: Signet, told: list[Event], everywhere: bool
) -> None:
    """Neither one that was revoked, nor one of a subject that was logged out everywhere."""
    old = loose(sessions, kind="refresh")
    if everywhere:
        sessions.end_all("ada")
    else:
        sessions.revoke(old)
    told.clear()
    with pytest.raises(SessionEndedError):
        refresh(sessions, old)
    assert sessions.sessions_of("ada") == []
    assert told == []


def test_a_token_for_nobody_is_not_adopted(watched: Signet, store: Watched) -> None:
    """No session can be kept for an empty identity; the token is at fault, not the server."""
    token = loose(watched, "", kind="refresh")
    store.asked.clear()
    with pytest.raises(JWTDecodeError, match="Invalid claim: sub"):
        refresh(watched, token)
    assert store.asked == []


# ── the one write ────────────────────────────────────────────────────────────────────────


def test_nothing_is_read_before_the_write(watched: Signet, store: Watched, clock: Clock) -> None:
    """From the text to the next pair the store is asked once, also for a replay and a theft."""
    first = watched.open("ada")
    old = loose(watched, kind="refresh")
    store.asked.clear()
    second = refresh(watched, first.refresh_token)
    refresh(watched, first.refresh_token)
    refresh(watched, second.refresh_token)
    clock.tick(10)
    with pytest.raises(TokenReusedError):
        refresh(watched, first.refresh_token)
    assert store.asked == ["rotate"] * 4
    store.asked.clear()
    refresh(watched, old)
    assert store.asked == ["adopt"]


def test_what_can_not_be_signed_rotates_nothing(watched: Signet, store: Watched) -> None:
    """The next tokens are signed before the write: the client's token is still the current one."""
    pair = watched.open("ada")
    store.asked.clear()
    with pytest.raises(TypeError):
        refresh(watched, pair.refresh_token, Wish({"odd": object()}))
    with pytest.raises(ValueError, match="expires_delta is zero"):
        refresh(watched, pair.refresh_token, Wish(access_expires_delta=timedelta(0)))
    assert store.asked == []
    assert refresh(watched, pair.refresh_token).sid == pair.sid


def test_a_store_that_is_down(watched: Signet, store: Watched, told: list[Event]) -> None:
    """Nothing was decided and nobody is told; once the store is back the same token is good."""
    pair = watched.open("ada")
    told.clear()
    store.is_down = True
    with pytest.raises(StoreUnavailableError):
        refresh(watched, pair.refresh_token)
    with pytest.raises(StoreUnavailableError):
        refresh(watched, loose(watched, kind="refresh"))
    assert told == []
    store.is_down = False
    assert refresh(watched, pair.refresh_token).sid == pair.sid


@pytest.mark.parametrize(
    "odd", [{"kept": None}, {"kept": "role"}, {"kept": ["gone"]}, {"kept": [5], "5": "five"}]
)
def test_a_token_that_does_not_tell_what_its_session_keeps(
    watched: Signet, store: Watched, odd: dict[str, Any]
) -> None:
    """The store is asked for it: the session keeps what it kept."""
    pair = watched.open("ada", Wish({"role": "admin"}))
    told = {**claims(watched, pair.refresh_token), **odd}
    store.asked.clear()
    after = refresh(watched, signed(told))
    assert store.asked == ["rotate", "rotate"]
    assert claims(watched, after.access_token)["role"] == "admin"
    assert claims(watched, after.refresh_token)["kept"] == ["role"]


def test_a_session_that_changes_again_and_again(make: Make) -> None:
    """A refresh that is always overtaken gives up: the client may come again."""
    store = MemoryStore()
    signet = make(SESSION_STORE=store)
    pair = signet.open("ada", Wish({"n": 0}))
    rotate, count = store.rotate, iter(range(100))

    def overtaken(sid: str, *given: Any, now: float, **named: Any) -> Rotation:
        signet.update(sid, {"n": next(count) + 1})
        return rotate(sid, *given, now=now, **named)

    store.rotate = overtaken  # type: ignore[method-assign]  # an update comes before each write
    with pytest.raises(StoreUnavailableError, match="changed again and again"):
        refresh(signet, pair.refresh_token)
    store.rotate = rotate  # type: ignore[method-assign]
    tried = next(count)
    assert 2 < tried < 20
    assert claims(signet, refresh(signet, pair.refresh_token).access_token)["n"] == tried


# ── what is asked before ─────────────────────────────────────────────────────────────────


def test_the_rule_of_a_rotation() -> None:
    """It asks for a refresh token, and leaves the store to the write."""
    assert (TO_ROTATE.kind, TO_ROTATE.asks_store) == ("refresh", False)
    assert TO_ROTATE.revocation is True


def test_an_access_token_does_not_refresh(watched: Signet, store: Watched) -> None:
    """Nor does a token that has expired; neither reaches the store."""
    pair = watched.open("ada")
    store.asked.clear()
    with pytest.raises(WrongTokenError):
        refresh(watched, pair.access_token)
    with pytest.raises(ExpiredSignatureError):
        refresh(watched, loose(watched, kind="refresh", expires_delta=-1))
    assert store.asked == []


@pytest.mark.parametrize(
    ("loader", "answer", "error"),
    [
        ("token_in_blocklist", True, RevokedTokenError),
        ("token_verification", False, UserClaimsVerificationError),
    ],
)
def test_the_application_refuses_the_token(
    make: Make, store: Watched, loader: str, answer: bool, error: type[Exception]
) -> None:
    """Its blocklist and its verdict count at a refresh too; the session goes on."""
    signet = make(SESSION_STORE=store, **{loader: lambda *token: answer})
    pair = signet.open("ada")
    store.asked.clear()
    with pytest.raises(error):
        refresh(signet, pair.refresh_token)
    assert store.asked == []


def no_user(*token: Any) -> None:
    return None


def refused(identity: str) -> bool:
    return False


async def refused_later(identity: str) -> bool:
    return False


@pytest.mark.parametrize(
    "loader", [{"user_lookup": no_user}, {"user_state": refused}, {"user_state": refused_later}]
)
def test_a_user_who_is_gone(
    make: Make, url: str, told: list[Event], loader: dict[str, Any]
) -> None:
    """The session ends: neither of its tokens is good any more."""
    signet = make(SESSION_STORE=url, **loader)
    pair = signet.open("ada")
    told.clear()
    with pytest.raises(UserLookupError) as caught:
        refresh(signet, pair.refresh_token)
    assert caught.value.jwt_data == claims(signet, pair.refresh_token)
    assert told == [("token-revoked", {"kind": "sid", "value": pair.sid})]
    assert signet.sessions_of("ada") == []
    with pytest.raises(RevokedTokenError):
        confirm(signet, pair.access_token)


def test_the_state_of_a_user_is_asked_first(make: Make, store: Watched) -> None:
    """The user_state_loader gets the identity, before the store is asked."""
    asked = store.asked
    signet = make(
        SESSION_STORE=store,
        IDENTITY_TYPE=int,
        user_state=lambda identity: asked.append(f"state of {identity!r}") or True,
    )
    pair = signet.open(7)
    asked.clear()
    refresh(signet, pair.refresh_token)
    assert asked == ["state of 7", "rotate"]


def test_where_nothing_rotates(make: Make) -> None:
    """Without a store, or with JWT_REFRESH_ROTATION off, the operator is told which option."""
    without, off = make(), make(SESSION_STORE="memory://", REFRESH_ROTATION=False)
    for signet, says in (
        (without, "JWT_SESSION_STORE is not set"),
        (off, "JWT_REFRESH_ROTATION is False"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            signet.check_rotates()
        with pytest.raises(ConfigurationError, match=says):
            refresh(signet, signet.open("ada").refresh_token)
    make(SESSION_STORE="memory://").check_rotates()


def test_where_nothing_rotates_a_refresh_changes_nothing(
    make: Make, store: Watched, told: list[Event]
) -> None:
    """The application is at fault, not the user: the state is not asked for, and nothing ends."""
    signet = make(
        SESSION_STORE=store,
        REFRESH_ROTATION=False,
        user_state=lambda identity: pytest.fail("asked"),
    )
    pair = signet.open("ada")
    admission = signet.admit(Credentials(pair.refresh_token, "headers"), REFRESH)
    store.asked.clear()
    told.clear()
    with pytest.raises(ConfigurationError, match="JWT_REFRESH_ROTATION is False"):
        signet.rotate(admission)
    assert (store.asked, told) == ([], [])
    assert [each.sid for each in signet.sessions_of("ada")] == [pair.sid]


def test_an_admission_of_a_guard_is_rotated_as_well(sessions: Signet) -> None:
    """What a guard admitted can be rotated: it need not have come by `admit_to_rotate`."""
    pair = sessions.open("ada")
    admission = sessions.admit(Credentials(pair.refresh_token, "cookies"), REFRESH)
    assert sessions.rotate(admission).sid == pair.sid
