"""What ends, who may end it, what is refused from then on and until when, and who hears of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flask_signet.engine.end import is_of_session, own_id
from flask_signet.engine.owners import NOBODY
from flask_signet.engine.pair import Wish
from flask_signet.engine.rule import Rule
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import (
    ConfigurationError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    RevokedTokenError,
    SessionEndedError,
    StoreUnavailableError,
)
from flask_signet.sessions.session import NEVER, Revocation, was_adopted
from tests.applications import OTHER_SECRET, mint
from tests.conftest import Clock
from tests.engine.signets import (
    Event,
    Make,
    Watched,
    claims,
    confirm,
    loose,
    other_issuers,
    refresh,
    their_token,
)
from tests.issuers import ISSUER

DAY = 86_400


def is_good(signet: Signet, text: str, rule: Rule = Rule(either=True)) -> bool:  # noqa: B008
    """Whether a guard takes a token."""
    try:
        confirm(signet, text, rule)
    except RevokedTokenError:
        return False
    return True


def revoked(kind: str, value: str) -> Event:
    return "token-revoked", {"kind": kind, "value": value}


def entries(signet: Signet) -> dict[str, Revocation]:
    """What the store refuses, by its value."""
    return {each.value: each for each in signet.store.follow().sync().entries}


# ── one session ──────────────────────────────────────────────────────────────────────────


def test_a_session_is_ended(sessions: Signet, told: list[Event]) -> None:
    """Neither of its tokens is good any more; another session of the subject goes on."""
    pair, other = sessions.open("ada"), sessions.open("ada")
    assert is_good(sessions, pair.access_token)
    told.clear()
    assert sessions.end(pair.sid) is True
    assert told == [revoked("sid", pair.sid)]
    assert not is_good(sessions, pair.access_token)
    assert not is_good(sessions, pair.refresh_token)
    assert is_good(sessions, other.access_token)
    assert [each.sid for each in sessions.sessions_of("ada")] == [other.sid]


@pytest.mark.parametrize("known", [True, False])
def test_a_session_that_is_not_live(sessions: Signet, told: list[Event], known: bool) -> None:
    """It is refused all the same, and listeners hear of it, but it was not live."""
    sid = sessions.open("ada").sid if known else "no-such-session"
    sessions.end(sid)
    told.clear()
    assert sessions.end(sid) is False
    assert told == [revoked("sid", sid)]
    assert sid in entries(sessions)


def test_the_owner_ends_it(sessions: Signet, told: list[Event]) -> None:
    """The subject whose session it is ends it; the second time it was not live, and is not told."""
    pair = sessions.open("ada")
    told.clear()
    assert sessions.end(pair.sid, subject="ada") is True
    assert told == [revoked("sid", pair.sid)]
    assert not is_good(sessions, pair.access_token)
    assert sessions.end(pair.sid, subject="ada") is False
    assert told == [revoked("sid", pair.sid)]


@pytest.mark.parametrize("known", [True, False])
def test_another_does_not_end_it(sessions: Signet, told: list[Event], known: bool) -> None:
    """A sid is no permission: nothing is written, nobody is told, and the session goes on."""
    pair = sessions.open("ada")
    told.clear()
    assert sessions.end(pair.sid if known else "no-such-session", subject="eve") is False
    assert told == []
    assert entries(sessions) == {}
    assert is_good(sessions, pair.access_token)


def test_how_long_a_session_is_refused(make: Make, clock: Clock) -> None:
    """Until its last access token has expired by itself, the leeway included."""
    signet = make(SESSION_STORE="memory://", DECODE_LEEWAY=30)
    pair = signet.open("ada")
    clock.tick(60)
    signet.end(pair.sid)
    assert entries(signet)[pair.sid].expires_at == clock() + 900 + 30 + 1


# ── all sessions ─────────────────────────────────────────────────────────────────────────


def test_log_out_everywhere(sessions: Signet, clock: Clock, told: list[Event]) -> None:
    """All of a subject's sessions end by one entry, and the tokens without a session too."""
    pairs, stranger = [sessions.open("ada") for _ in range(3)], sessions.open("eve")
    token = loose(sessions)
    told.clear()
    sessions.end_all("ada")
    assert told == [revoked("subject", "ada")]
    assert list(entries(sessions)) == ["ada"]
    assert entries(sessions)["ada"].expires_at == clock() + 30 * DAY + 1
    assert not any(is_good(sessions, pair.access_token) for pair in pairs)
    assert not any(is_good(sessions, pair.refresh_token) for pair in pairs)
    assert not is_good(sessions, token)
    assert is_good(sessions, stranger.access_token)
    assert sessions.sessions_of("ada") == []
    clock.tick(1)
    assert is_good(sessions, loose(sessions))


def test_a_login_at_the_same_instant(sessions: Signet, told: list[Event]) -> None:
    """A log-in after "log out everywhere" is good, though the clock has not moved."""
    before = sessions.open("ada")
    sessions.end_all("ada")
    after = sessions.open("ada")
    assert [is_good(sessions, each.access_token) for each in (before, after)] == [False, True]
    assert [is_good(sessions, each.refresh_token) for each in (before, after)] == [False, True]
    assert claims(sessions, after.access_token)["fresh"] is True
    again = refresh(sessions, after.refresh_token)
    assert is_good(sessions, again.access_token)
    assert [each.sid for each in sessions.sessions_of("ada")] == [after.sid]
    assert [name for name, _ in told].count("token-issued") == 2


def test_log_out_everywhere_else(sessions: Signet) -> None:
    """The one session that is named goes on, if it is the subject's own."""
    here, there, stranger = sessions.open("ada"), sessions.open("ada"), sessions.open("eve")
    sessions.end_all("ada", except_sid=here.sid)
    assert [is_good(sessions, each.access_token) for each in (here, there)] == [True, False]
    assert refresh(sessions, here.refresh_token).sid == here.sid
    sessions.end_all("ada", except_sid=stranger.sid)
    assert not is_good(sessions, here.access_token)


def test_the_sessions_of_a_subject(sessions: Signet, clock: Clock) -> None:
    """The live ones, the one opened last first, and no other subject's."""
    sids = []
    for name in ("ada", "ada", "eve", "ada"):
        sids.append(sessions.open(name).sid)
        clock.tick(1)
    sessions.end(sids[1])
    assert [each.sid for each in sessions.sessions_of("ada")] == [sids[3], sids[0]]
    assert sessions.sessions_of("nobody") == []
    clock.tick(30 * DAY)
    assert sessions.sessions_of("ada") == []


# ── one token ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_sessions_token_is_revoked(sessions: Signet, told: list[Event], which: str) -> None:
    """Either token ends the whole session; listeners hear of the session alone."""
    pair = sessions.open("ada")
    told.clear()
    sessions.revoke(getattr(pair, which))
    assert told == [revoked("sid", pair.sid)]
    assert not is_good(sessions, pair.access_token)
    assert not is_good(sessions, pair.refresh_token)


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_loose_token_is_revoked(
    sessions: Signet, clock: Clock, told: list[Event], kind: str
) -> None:
    """It alone is refused, until it has expired by itself."""
    text, other = loose(sessions, kind=kind), loose(sessions, kind=kind)
    jti = claims(sessions, text)["jti"]
    sessions.revoke(text)
    assert told == [revoked("jti", jti)]
    assert [is_good(sessions, text), is_good(sessions, other)] == [False, True]
    assert entries(sessions)[jti].expires_at == claims(sessions, text)["exp"] + 1


def test_a_loose_token_is_refused_for_as_long_as_it_is_let_in(make: Make) -> None:
    """The leeway of a guard included; one that never expires is refused for ever."""
    signet = make(SESSION_STORE="memory://", DECODE_LEEWAY=30)
    text, endless = loose(signet), loose(signet, expires_delta=False)
    for each in (text, endless):
        signet.revoke(each)
    found = entries(signet)
    end = claims(signet, text)["exp"] + 30 + 1
    assert found[claims(signet, text)["jti"]].expires_at == end
    assert found[claims(signet, endless)["jti"]].expires_at == NEVER


def test_the_store_is_told_whose_token_it_is(
    watched: Signet, store: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is spread over several machines keeps the entry beside the subject's own."""
    told: list[Any] = []
    monkeypatch.setattr(store, "revoke_token", lambda jti, **named: told.append(named["subject"]))
    watched.revoke(loose(watched))
    watched.revoke("j")
    assert told == ["ada", ""]


def test_a_loose_pairs_token_is_revoked(make: Make, told: list[Event]) -> None:
    """It names a session that no store knows: the session is refused, and the token too."""
    pair = make().open("ada")
    signet = make(SESSION_STORE="memory://")
    signet.revoke(pair.refresh_token)
    jti = claims(signet, pair.refresh_token)["jti"]
    assert told == [revoked("sid", pair.sid), revoked("jti", jti)]
    assert not is_good(signet, pair.refresh_token)
    assert not is_good(signet, pair.access_token)


def test_a_bare_jti_is_revoked(sessions: Signet, clock: Clock, told: list[Event]) -> None:
    """Nothing else is known of it, so it is refused for as long as any token lives."""
    text = loose(sessions)
    jti = claims(sessions, text)["jti"]
    sessions.revoke(jti)
    assert told == [revoked("jti", jti)]
    assert not is_good(sessions, text)
    assert entries(sessions)[jti].expires_at == clock() + 30 * DAY + 1


def test_a_token_with_an_empty_jti_is_revoked_alone(sessions: Signet) -> None:
    """An empty jti names every such token, so it is not the name by which one is refused."""
    revoked_one, other = mint(sub="ada", jti=""), mint(sub="bob", jti="")
    sessions.revoke(revoked_one)
    assert not is_good(sessions, revoked_one)
    assert is_good(sessions, other)


def test_tokens_without_a_jti_have_one_name_for_the_same_claims() -> None:
    """In whatever order; another value makes another name."""
    assert own_id({"sub": "ada", "iat": 1}) == own_id({"iat": 1, "sub": "ada"})
    assert own_id({"sub": "ada", "iat": 1}) != own_id({"sub": "ada", "iat": 2})


def test_an_expired_token_is_revoked(sessions: Signet, clock: Clock) -> None:
    """A log-out with an access token that has expired ends its session."""
    pair = sessions.open("ada")
    clock.tick(3600)
    sessions.revoke(pair.access_token)
    assert sessions.sessions_of("ada") == []


def test_what_is_not_ours_is_not_revoked(
    watched: Signet, store: Watched, told: list[Event]
) -> None:
    """A token that no guard would take names nothing: the store is not asked."""
    with pytest.raises(InvalidSignatureError):
        watched.revoke(mint(secret=OTHER_SECRET))
    assert (store.asked, told) == ([], [])


def test_the_next_check_asks_the_store(watched: Signet, store: Watched) -> None:
    """After this process has revoked something it does not go by what it knew before."""
    pair = watched.open("ada")
    for revoke in (
        lambda: watched.end("s"),
        lambda: watched.end_all("eve"),
        lambda: watched.revoke("j"),
    ):
        confirm(watched, pair.access_token)
        revoke()
        store.asked.clear()
        confirm(watched, pair.access_token)
        assert store.asked == ["sync"]


# ── another issuer's ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def guest(make: Make, clock: Clock) -> Signet:
    """A Signet that takes the tokens of another issuer."""
    return make(SESSION_STORE="memory://", issuers=other_issuers(clock, leeway=5))


def test_another_issuers_token_is_revoked(guest: Signet, clock: Clock, told: list[Event]) -> None:
    """It is refused under a name that has the issuer in it, by that issuer's leeway."""
    guest.open("ada")  # that ours live longer is no reason
    loose(guest, kind="refresh")
    told.clear()
    text, other = their_token(clock, jti="one"), their_token(clock, jti="two")
    guest.revoke(text)
    assert told == [revoked("jti", f"{ISSUER} one")]
    assert [is_good(guest, text), is_good(guest, other)] == [False, True]
    assert entries(guest)[f"{ISSUER} one"].expires_at == clock() + 600 + 5 + 1


def test_another_issuers_jti_is_revoked(guest: Signet, clock: Clock) -> None:
    """A jti of theirs does not refuse our token of the same jti, nor ours theirs."""
    ours, theirs = loose(guest, claims={"jti": "j"}), their_token(clock, jti="j")
    guest.revoke("j", ISSUER)
    assert [is_good(guest, ours), is_good(guest, theirs)] == [True, False]


def test_another_issuers_user_is_logged_out(guest: Signet, clock: Clock, told: list[Event]) -> None:
    """The user's tokens from before are refused, ours of the same name are not."""
    ours, theirs = guest.open("ada").access_token, their_token(clock, sub="ada")
    told.clear()
    guest.end_all("ada", issuer=ISSUER)
    assert told == [revoked("subject", f"{ISSUER} ada")]
    assert [is_good(guest, ours), is_good(guest, theirs)] == [True, False]
    clock.tick(1)
    assert is_good(guest, their_token(clock, sub="ada"))


def test_another_issuers_token_without_a_jti(guest: Signet, clock: Clock) -> None:
    """Nothing names it, so it can't be revoked."""
    with pytest.raises(MissingRequiredClaimError) as caught:
        guest.revoke(their_token(clock, jti=...))
    assert caught.value.claim == "jti"


# ── a client's tokens ────────────────────────────────────────────────────────────────────


def test_a_client_logs_out(watched: Signet, store: Watched, told: list[Event]) -> None:
    """Both tokens of one session end it once; a token without a session is refused by itself."""
    pair, text = watched.open("ada"), loose(watched)
    presented = [claims(watched, each) for each in (pair.access_token, pair.refresh_token, text)]
    told.clear()
    store.asked.clear()
    watched.end_presented(presented)
    assert told == [revoked("sid", pair.sid), revoked("jti", presented[2]["jti"])]
    assert store.asked == ["end_session", "revoke_token"]


def test_the_session_of_a_token(watched: Signet, store: Watched) -> None:
    """A token that names no session ends none."""
    watched.end_session_of({"sub": "ada"})
    watched.end_session_of({"sid": 5})
    assert store.asked == []


@pytest.mark.parametrize(
    ("payload", "is_one"),
    [
        ({"sid": "s", "auth_time": 5}, True),
        ({"sid": "s"}, False),
        ({"auth_time": 5}, False),
        ({"sid": None, "auth_time": 5}, False),
        ({}, False),
    ],
)
def test_a_token_of_a_session(payload: dict[str, Any], is_one: bool) -> None:
    """The store keeps the session of a token that says when it was opened."""
    assert is_of_session(payload) is is_one


def test_the_names_of_others() -> None:
    """Another issuer's id has the issuer before it; ours, and an empty one, are as they are."""
    assert NOBODY.filed_of(ISSUER, "j") == f"{ISSUER} j"
    assert NOBODY.filed_of(None, "j") == "j"
    assert NOBODY.filed_of(ISSUER, "") == ""


# ── owners ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("from_before", [False, True])
def test_the_adopted_session_of_a_named_manager(make: Make, url: str, from_before: bool) -> None:
    """The old token ends what adopted it, also where it does not say its owner."""
    partner = make(SESSION_STORE=url, name="partner")
    old = loose(make() if from_before else partner, kind="refresh")
    pair = refresh(partner, old)
    assert was_adopted(pair.sid)
    assert claims(partner, pair.access_token)["signet_owner"] == "partner"
    partner.end_of(claims(partner, old))
    assert partner.sessions_of("ada") == []
    assert not is_good(partner, pair.access_token)
    with pytest.raises(RevokedTokenError):
        refresh(partner, old)


def test_an_old_token_of_a_named_manager_that_is_refused_opens_no_session(
    make: Make, url: str
) -> None:
    """It says no owner: what is refused now is refused under the name that would adopt it."""
    partner, old = make(SESSION_STORE=url, name="partner"), loose(make(), kind="refresh")
    partner.end_of(claims(partner, old))
    with pytest.raises(SessionEndedError):
        refresh(partner, old)
    assert partner.sessions_of("ada") == []


def test_what_is_made_from_a_token_has_the_owner_of_its_session(make: Make, url: str) -> None:
    """It ends with the session, and needs no moment of its own: the session was opened then."""
    tenants = make(SESSION_STORE=url, name="partner", tenant=lambda: "a")
    pair = tenants.open("ada")
    made_by = claims(tenants, pair.refresh_token)
    made = claims(tenants, loose(tenants, made_by=made_by))
    for name in ("sid", "auth_time", "signet_owner", "signet_tenant"):
        assert made[name] == made_by[name]
    assert "signet_iat" not in made
    from_before = make(SESSION_STORE=url).open("ada")
    made_by = claims(tenants, from_before.refresh_token)
    made = claims(tenants, loose(tenants, made_by=made_by))
    assert made["sid"] == from_before.sid
    assert "signet_owner" not in made


def test_a_refresh_leaves_a_session_with_its_owner(make: Make, store: Watched) -> None:
    """One that a named manager opened before there were owners goes on without one."""
    from_before, partner = make(SESSION_STORE=store), make(SESSION_STORE=store, name="partner")
    pair = from_before.open("ada")
    for _ in range(2):
        pair = refresh(partner, pair.refresh_token)
        for text in (pair.access_token, pair.refresh_token):
            assert "signet_owner" not in claims(partner, text)
            assert is_good(partner, text)
    assert [each.sid for each in from_before.sessions_of("ada")] == [pair.sid]


def test_what_is_made_from_a_token_shows_which_refresh_arrived(sessions: Signet) -> None:
    """A refresh token in use has arrived; an access token says with which one it was made."""
    first = sessions.open("ada")
    pair = refresh(sessions, first.refresh_token)
    jti = claims(sessions, pair.refresh_token)["jti"]
    for text in (pair.access_token, pair.refresh_token):
        made = loose(sessions, made_by=claims(sessions, text))
        assert claims(sessions, made)["refresh_jti"] == jti
    made = loose(sessions, made_by=claims(sessions, first.access_token))
    assert "refresh_jti" not in claims(sessions, made)


def test_only_its_owner_changes_what_a_session_keeps(make: Make, url: str) -> None:
    """The session of another manager, or of another tenant, is none that there is."""
    ours, partner = make(SESSION_STORE=url), make(SESSION_STORE=url, name="partner")
    pair = ours.open("ada", Wish({"plan": "free"}))
    assert not partner.update(pair.sid, {"plan": "all"}, partner.owner())
    assert not ours.update(pair.sid, {"plan": "all"}, ours.owner("a"))
    pair = refresh(ours, pair.refresh_token)
    assert claims(ours, pair.access_token)["plan"] == "free"
    assert ours.update(pair.sid, {"plan": "all"}, ours.owner())


def test_the_store_s_claims_are_not_kept(make: Make, store: Watched) -> None:
    """What an application gives as an owner is dropped, and each refresh stays one write."""
    signet = make(SESSION_STORE=store, tenant=lambda: "a")
    pair = signet.open("ada", Wish({"signet_tenant": "b", "signet_iat": 1, "plan": "free"}))
    store.asked.clear()
    pair = refresh(signet, pair.refresh_token)
    assert store.asked == ["rotate"]
    found = claims(signet, pair.access_token)
    assert (found["signet_tenant"], found["plan"]) == ("a", "free")
    assert "signet_iat" not in found


# ── no store ─────────────────────────────────────────────────────────────────────────────

VERBS: dict[str, Callable[[Signet], Any]] = {
    "end": lambda signet: signet.end("s"),
    "end by its owner": lambda signet: signet.end("s", subject="ada"),
    "end_all": lambda signet: signet.end_all("ada"),
    "sessions_of": lambda signet: signet.sessions_of("ada"),
    "revoke a jti": lambda signet: signet.revoke("j"),
    "revoke a token": lambda signet: signet.revoke(loose(signet)),
}


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_store(make: Make, told: list[Event], verb: str) -> None:
    """Nothing can be ended, and the option that is missing is named."""
    with pytest.raises(ConfigurationError, match="JWT_SESSION_STORE is not set"):
        VERBS[verb](make())
    assert told == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_store_that_is_down(
    watched: Signet, store: Watched, told: list[Event], verb: str
) -> None:
    """Nobody is told of what may not have happened."""
    store.is_down = True
    with pytest.raises(StoreUnavailableError):
        VERBS[verb](watched)
    assert told == []


def test_a_short_idle_time_is_not_what_counts(make: Make, clock: Clock) -> None:
    """An access token may outlive its session, so the session is refused until the token ends."""
    signet = make(SESSION_STORE="memory://", REFRESH_IDLE_EXPIRES=timedelta(minutes=1))
    pair = signet.open("ada")
    clock.tick(120)
    assert signet.end(pair.sid) is False
    assert not is_good(signet, pair.access_token, Rule())
