"""Whether a token that follows the rule is still good: who is asked, in which order, for what."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from flask_signet.engine.mint import Wanted
from flask_signet.engine.rule import Rule
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import (
    RevokedTokenError,
    SessionEndedError,
    StoreUnavailableError,
    TokenReusedError,
    UserClaimsVerificationError,
    UserLookupError,
)
from flask_signet.jwt.token import TokenPair
from tests.applications import mint
from tests.conftest import Clock
from tests.engine.signets import (
    Event,
    Make,
    Watched,
    admit,
    check,
    claims,
    confirm,
    loose,
    other_issuers,
    refresh,
    their_token,
    use,
)
from tests.issuers import ISSUER

REFRESH = Rule(kind="refresh")


def test_a_good_token_passes(sessions: Signet, told: list[Event]) -> None:
    """Tokens of a live session, and a token without one, pass again and again, and nobody hears."""
    pair = sessions.open("ada")
    told.clear()
    for _ in range(2):
        confirm(sessions, pair.access_token)
        confirm(sessions, pair.refresh_token, REFRESH)
        confirm(sessions, loose(sessions))
    assert told == []


# ── the application ──────────────────────────────────────────────────────────────────────


async def yes(header: dict[str, Any], payload: dict[str, Any]) -> bool:
    return True


async def no(header: dict[str, Any], payload: dict[str, Any]) -> bool:
    return False


@pytest.mark.parametrize(
    ("loader", "answer", "error"),
    [
        ("token_in_blocklist", lambda *token: True, RevokedTokenError),
        ("token_in_blocklist", lambda *token: "a reason", RevokedTokenError),
        ("token_in_blocklist", lambda *token: None, None),
        ("token_in_blocklist", yes, RevokedTokenError),
        ("token_in_blocklist", no, None),
        ("token_verification", lambda *token: True, None),
        ("token_verification", lambda *token: None, UserClaimsVerificationError),
        ("token_verification", lambda *token: 0, UserClaimsVerificationError),
        ("token_verification", yes, None),
        ("token_verification", no, UserClaimsVerificationError),
    ],
)
def test_the_application_decides(make: Make, loader: str, answer: Any, error: Any) -> None:
    """A loader's answer counts as yes or no, also an async one's; the error carries the token."""
    signet = make(**{loader: answer})
    if error is None:
        confirm(signet, mint())
        return
    with pytest.raises(error) as caught:
        confirm(signet, mint())
    assert caught.value.jwt_header["alg"] == "HS256"
    assert caught.value.jwt_data["sub"] == "alice"
    assert caught.value.drops_cookies is False


def test_the_order_of_questions(make: Make, store: Watched) -> None:
    """The application's blocklist is asked first, then the store, then for its verdict."""
    asked = store.asked

    def loader(name: str, answer: bool) -> Callable[..., bool]:
        return lambda *token: asked.append(name) or answer

    signet = make(
        SESSION_STORE=store,
        token_in_blocklist=loader("blocklist", False),
        token_verification=loader("verification", True),
    )
    confirm(signet, mint())
    assert asked == ["blocklist", "sync", "verification"]


def test_a_refusal_ends_the_questions(make: Make, store: Watched) -> None:
    """What the blocklist refuses is not asked of the store, what the store refuses of no more."""
    blocking = make(SESSION_STORE=store, token_in_blocklist=lambda *token: True)
    with pytest.raises(RevokedTokenError):
        confirm(blocking, mint())
    assert store.asked == []
    signet = make(SESSION_STORE=store, token_verification=lambda *token: pytest.fail("asked"))
    pair = signet.open("ada")
    signet.end(pair.sid)
    with pytest.raises(RevokedTokenError):
        confirm(signet, pair.access_token)


@pytest.mark.parametrize("policy", ["refuse", "allow"])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_blocklist_that_does_not_answer(
    make: Make, policy: str, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody knows of the token: 503, whatever the option about the session store says."""
    gone = redis.exceptions.ConnectionError("Error 111 connecting to secret-host:6379")

    def plain(*_token: Any) -> bool:
        raise gone

    async def waiting(*_token: Any) -> bool:
        raise gone

    signet = make(
        SESSION_STORE="memory://",
        REVOCATION_ON_STORE_ERROR=policy,
        token_in_blocklist=waiting if is_async else plain,
    )
    with pytest.raises(StoreUnavailableError, match="The blocklist is not available") as caught:
        confirm(signet, mint())
    assert caught.value.__cause__ is gone
    assert caught.value.retry_after == 1
    assert "the token_in_blocklist_loader got no answer: ConnectionError" in caplog.text
    assert "secret-host" not in caplog.text


@pytest.mark.parametrize("own", [KeyError("jti"), OSError("disk"), RevokedTokenError({}, {})])
def test_an_error_of_a_blocklist_stays_its_own(make: Make, own: Exception) -> None:
    """A mistake in the loader is the application's, and a refusal of its own is one."""

    def loader(*_token: Any) -> bool:
        raise own

    with pytest.raises(type(own)) as caught:
        confirm(make(token_in_blocklist=loader), mint())
    assert caught.value is own


def test_a_rule_without_revocation(make: Make, store: Watched) -> None:
    """Neither blocklist nor store is asked; the application's verdict is asked all the same."""
    rule, asked = Rule(revocation=False), []
    signet = make(
        SESSION_STORE=store,
        token_in_blocklist=lambda *token: pytest.fail("asked"),
        token_verification=lambda *token: asked.append("verification") or True,
    )
    pair = signet.open("ada")
    signet.end(pair.sid)
    store.asked.clear()
    confirm(signet, pair.access_token, rule)
    assert (store.asked, asked) == ([], ["verification"])


def test_a_rule_that_does_not_ask_the_store(make: Make, store: Watched) -> None:
    """The blocklist is asked, the store is not."""
    asked = []
    signet = make(SESSION_STORE=store, token_in_blocklist=lambda *token: asked.append("blocklist"))
    confirm(signet, mint(), Rule(asks_store=False))
    assert (store.asked, asked) == ([], ["blocklist"])


# ── the store ────────────────────────────────────────────────────────────────────────────


def by_sid(signet: Signet, pair: TokenPair) -> None:
    signet.end(pair.sid)


def by_jti(signet: Signet, pair: TokenPair) -> None:
    signet.revoke(claims(signet, pair.access_token)["jti"])


def by_subject(signet: Signet, pair: TokenPair) -> None:
    signet.end_all("ada")


@pytest.mark.parametrize("revoke", [by_sid, by_jti, by_subject])
def test_a_revoked_token(
    make: Make, url: str, revoke: Callable[[Signet, TokenPair], None], told: list[Event]
) -> None:
    """A token is refused if it, its session or its subject was revoked; another's is not."""
    signet = make(SESSION_STORE=url)
    ada, eve = signet.open("ada"), signet.open("eve")
    for pair in (ada, eve):
        confirm(signet, pair.access_token)
    revoke(signet, ada)
    told.clear()
    with pytest.raises(RevokedTokenError) as caught:
        confirm(signet, ada.access_token)
    assert type(caught.value) is RevokedTokenError
    assert caught.value.drops_cookies is False
    assert told == []
    confirm(signet, eve.access_token)


def test_another_process_revoked_it(make: Make, store: Watched) -> None:
    """What one process revokes, another refuses without asking the store about the token."""
    one, other = make(SESSION_STORE=store), make(SESSION_STORE=store)
    pair = one.open("ada")
    confirm(other, pair.access_token)
    one.end(pair.sid)
    store.asked.clear()
    with pytest.raises(RevokedTokenError):
        confirm(other, pair.access_token)
    assert store.asked == []


def test_a_check_costs_no_question(watched: Signet, store: Watched) -> None:
    """Once a process has read the list, a guard asks the store nothing; past a doubt it does."""
    pair = watched.open("ada")
    confirm(watched, pair.access_token)
    store.asked.clear()
    for _ in range(5):
        confirm(watched, pair.access_token)
    assert store.asked == []
    watched.doubt()
    confirm(watched, pair.access_token)
    assert store.asked == ["sync"]


def test_a_subject_is_refused_by_when_its_session_was_opened(watched: Signet, clock: Clock) -> None:
    """A session's token made after "log out everywhere" is refused if the session is older."""
    opened_at = clock()
    clock.tick(60)
    watched.end_all("ada")
    clock.tick(60)
    session = {"sid": "s", "auth_time": opened_at}
    with pytest.raises(RevokedTokenError):
        confirm(watched, watched.issue("ada", Wanted(session=session)))
    confirm(watched, loose(watched))


@pytest.mark.parametrize("sid", [None, ..., 5, "", ["s"]])
def test_a_token_without_a_sid_after_everywhere(
    make: Make, url: str, clock: Clock, sid: Any
) -> None:
    """It is refused by its subject and its `iat`; a sid that is no text names no session."""
    signet = make(SESSION_STORE=url, REVOCATION_MAX_STALENESS=0)
    for odd in ("", "None", "5", "Ellipsis", "['s']"):
        signet.end(odd)
    before = mint(sid=sid, iat=int(clock()), nbf=int(clock()))
    confirm(signet, before)
    signet.end_all("alice")
    with pytest.raises(RevokedTokenError):
        confirm(signet, before)
    clock.tick(1)
    confirm(signet, mint(sid=sid, iat=int(clock())))


def test_a_token_without_a_subject_after_everywhere(make: Make, url: str) -> None:
    """It is nobody's: the texts that look like nobody are subjects of their own."""
    signet, text = make(SESSION_STORE=url, VERIFY_SUB=False), mint(sub=None)
    for other in ("", "None", "null", "//null"):
        signet.end_all(other)
    confirm(signet, text)
    signet.end_all(None)
    with pytest.raises(RevokedTokenError):
        confirm(signet, text)


def test_another_issuers_token_without_ids(make: Make, clock: Clock) -> None:
    """Nothing names it, so it is refused with its user alone; no text that it lacks is its id."""
    signet = make(
        SESSION_STORE="memory://", REVOCATION_MAX_STALENESS=0, issuers=other_issuers(clock)
    )
    for odd in ("", "None", "Ellipsis"):
        signet.revoke(odd, ISSUER)
        signet.revoke(odd)
    for jti in (..., ""):
        confirm(signet, their_token(clock, jti=jti))
    signet.end_all("ada", issuer=ISSUER)
    with pytest.raises(RevokedTokenError):
        confirm(signet, their_token(clock, jti=...))


# ── a store that does not answer ─────────────────────────────────────────────────────────


def test_a_store_that_is_down(make: Make, store: Watched) -> None:
    """It is not known whether the token is good: it is refused as unavailable, not as revoked."""
    signet = make(SESSION_STORE=store, token_verification=lambda *token: pytest.fail("asked"))
    store.is_down = True
    with pytest.raises(StoreUnavailableError) as caught:
        confirm(signet, mint())
    assert caught.value.retry_after >= 1
    assert caught.value.drops_cookies is False


def test_a_store_that_may_be_down(make: Make, store: Watched) -> None:
    """With JWT_REVOCATION_ON_STORE_ERROR = "allow" an access token passes meanwhile."""
    signet = make(SESSION_STORE=store, REVOCATION_ON_STORE_ERROR="allow")
    pair = signet.open("ada")
    store.is_down = True
    confirm(signet, pair.access_token)
    with pytest.raises(StoreUnavailableError):
        confirm(signet, pair.refresh_token, REFRESH)


def test_what_is_known_to_be_revoked_is_refused_meanwhile(make: Make, store: Watched) -> None:
    """Even where the store may be down, what this process knows counts."""
    signet = make(SESSION_STORE=store, REVOCATION_ON_STORE_ERROR="allow")
    ended, live = signet.open("ada"), signet.open("ada")
    signet.end(ended.sid)
    with pytest.raises(RevokedTokenError):
        confirm(signet, ended.access_token)
    store.is_down = True
    with pytest.raises(RevokedTokenError):
        confirm(signet, ended.access_token)
    confirm(signet, live.access_token)


# ── a refresh token behind a guard that does not rotate ──────────────────────────────────


def test_the_current_refresh_token_costs_one_read(watched: Signet, store: Watched) -> None:
    """Its session is read, and nothing is written."""
    pair = watched.open("ada")
    confirm(watched, pair.access_token)
    store.asked.clear()
    confirm(watched, pair.refresh_token, REFRESH)
    assert store.asked == ["find_session"]


def test_a_replaced_refresh_token(sessions: Signet, clock: Clock, told: list[Event]) -> None:
    """Within the grace it passes; after it the session ends, and listeners are told of a theft."""
    first = sessions.open("ada")
    second = refresh(sessions, first.refresh_token)
    use(sessions, second.access_token)
    clock.tick(9)
    confirm(sessions, first.refresh_token, REFRESH)
    clock.tick(1)
    told.clear()
    with pytest.raises(TokenReusedError) as caught:
        confirm(sessions, first.refresh_token, REFRESH)
    assert caught.value.drops_cookies is True
    about = {"sid": first.sid, "subject": "ada"}
    assert told == [
        ("token-reused", {"jti": claims(sessions, first.refresh_token)["jti"], **about}),
    ]
    for text, rule in ((second.access_token, Rule()), (second.refresh_token, REFRESH)):
        with pytest.raises(RevokedTokenError):
            confirm(sessions, text, rule)


def test_the_refresh_token_of_an_ended_session(
    sessions: Signet, clock: Clock, told: list[Event]
) -> None:
    """It is refused for good, also when the entry that refuses its access tokens has gone."""
    pair = sessions.open("ada")
    sessions.end(pair.sid)
    with pytest.raises(RevokedTokenError) as caught:
        confirm(sessions, pair.refresh_token, REFRESH)
    assert caught.value.error_code == "token_revoked"
    clock.tick(3600)
    told.clear()
    with pytest.raises(SessionEndedError) as caught:
        confirm(sessions, pair.refresh_token, REFRESH)
    assert caught.value.drops_cookies is True
    assert told == []


@pytest.mark.parametrize("passed", [1, 60])
def test_one_who_only_asks_ends_nothing(
    watched: Signet, store: Watched, clock: Clock, told: list[Event], passed: float
) -> None:
    """`is_current` says no of a replaced token; the session goes on, and nobody hears."""
    rule = Rule(either=True, current=False)
    first = watched.open("ada")
    second = refresh(watched, first.refresh_token)
    clock.tick(passed)
    confirm(watched, second.access_token)
    store.asked.clear()
    told.clear()
    assert not watched.is_current(claims(watched, first.refresh_token))
    assert (store.asked, told) == (["find_session"], [])
    confirm(watched, first.refresh_token, rule)
    assert watched.is_current(claims(watched, second.refresh_token))
    assert refresh(watched, second.refresh_token).sid == first.sid


def test_a_refresh_token_without_a_session_is_not_looked_for(
    watched: Signet, store: Watched
) -> None:
    """Of a token from before the store only the list of revocations is asked."""
    text = loose(watched, kind="refresh")
    store.asked.clear()
    confirm(watched, text, REFRESH)
    assert store.asked == ["sync"]
    watched.revoke(text)
    with pytest.raises(RevokedTokenError):
        confirm(watched, text, REFRESH)


# ── another issuer's token ───────────────────────────────────────────────────────────────


def test_another_issuers_ids_are_not_ours(make: Make, clock: Clock) -> None:
    """Its token has our user's name and our session's id: what ends ours does not end it."""
    signet = make(SESSION_STORE="memory://", issuers=other_issuers(clock))
    pair = signet.open("ada")
    jti = claims(signet, pair.access_token)["jti"]
    theirs = their_token(clock, sub="ada", sid=pair.sid, jti=jti)
    signet.revoke(jti)
    signet.end(pair.sid)
    signet.end_all("ada")
    confirm(signet, theirs)
    with pytest.raises(RevokedTokenError):
        confirm(signet, pair.access_token)


# ── the user ─────────────────────────────────────────────────────────────────────────────


async def find_later(header: dict[str, Any], payload: dict[str, Any]) -> str:
    return f"user {payload['sub']}"


@pytest.mark.parametrize(
    ("lookup", "user"),
    [
        (lambda header, payload: f"user {payload['sub']}", "user alice"),
        (find_later, "user alice"),
        (lambda *token: 0, 0),
        (lambda *token: "", ""),
    ],
)
def test_the_user_of_a_token(make: Make, lookup: Any, user: Any) -> None:
    """The user_lookup_loader finds the user; any answer but None is one."""
    signet = make(user_lookup=lookup)
    found = check(signet, mint())
    signet.look_up(found)
    assert (found.user, found.has_user) == (user, True)


def test_nobody_looks_up_a_user(signet: Signet) -> None:
    """Without a loader there is no answer to "who is the user?"."""
    found = check(signet, mint())
    signet.look_up(found)
    assert (found.user, found.has_user) == (None, False)


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_no_user(make: Make, profile: str) -> None:
    """None is a refusal; its message names the identity, but not in the strict profile."""
    signet = make(PROFILE=profile, user_lookup=lambda *token: None)
    found = check(signet, loose(signet))
    with pytest.raises(UserLookupError) as caught:
        signet.look_up(found)
    named = "user_lookup returned None" + (" for ada" if profile == "compatible" else "")
    assert str(caught.value) == named
    assert caught.value.jwt_data["sub"] == "ada"
    assert found.has_user is False


# ── the use of a session ─────────────────────────────────────────────────────────────────


def test_a_session_in_use_is_noted(sessions: Signet, clock: Clock) -> None:
    """Its owner sees when it was last in use, to the minute."""
    pair = sessions.open("ada")
    opened_at = clock()
    clock.tick(59)
    admit(sessions, pair.access_token)
    assert sessions.sessions_of("ada")[0].last_seen_at == opened_at
    clock.tick(1)
    admit(sessions, pair.access_token)
    assert sessions.sessions_of("ada")[0].last_seen_at == clock()


def test_a_note_is_written_once_a_minute(watched: Signet, store: Watched, clock: Clock) -> None:
    """Many requests within a minute write one note; a rule that asks no store writes none."""
    pair = watched.open("ada")
    clock.tick(60)
    admit(watched, pair.access_token, Rule(asks_store=False))
    assert "touch" not in store.asked
    for _ in range(3):
        admit(watched, pair.access_token)
        clock.tick(10)
    admit(watched, loose(watched))
    assert store.asked.count("touch") == 1


def test_another_issuers_session_is_not_noted(make: Make, store: Watched, clock: Clock) -> None:
    """Its sid may be that of a session of ours, which is not in use for that."""
    signet = make(SESSION_STORE=store, issuers=other_issuers(clock))
    pair = signet.open("ada")
    clock.tick(60)
    admit(signet, their_token(clock, sid=pair.sid, iat=0))
    assert "touch" not in store.asked


def test_no_note_while_the_store_is_down(make: Make, store: Watched, clock: Clock) -> None:
    """A request that may pass without the store does not wait for it, nor fail, for a note."""
    signet = make(SESSION_STORE=store, REVOCATION_ON_STORE_ERROR="allow")
    pair = signet.open("ada")
    clock.tick(60)
    store.is_down = True
    assert admit(signet, pair.access_token).identity == "ada"
    assert "touch" not in store.asked
