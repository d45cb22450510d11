"""Any order of log-ins, refreshes, uses and log-outs: a model says what each of them must give.

The model knows of each refresh token when it was replaced, and whether its successor was seen. It
has none of the store's tricks: no list of digests, no bound, one lock.
"""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from flask_signet.engine.signet import Signet
from flask_signet.exceptions import RevokedTokenError, SessionEndedError, TokenReusedError
from flask_signet.jwt.token import TokenPair
from flask_signet.sessions.session import MAX_REPLACED
from tests.conftest import Clock
from tests.engine.signets import admit, claims, make_signet, refresh
from tests.stores.databases import set_up

GRACE = 10
IDLE = 3600


@dataclass
class Lived:
    """A session as the model sees it.

    :ivar chain: the ids of its refresh tokens, in the order in which they became current.
    :ivar replaced_at: when each but the last was replaced.
    :ivar is_seen: whether the last one was seen in use.
    """

    chain: list[str]
    expires_at: float
    is_live: bool = True
    is_seen: bool = True
    replaced_at: dict[str, float] = field(default_factory=dict)

    def verdict(self, jti: str, now: float) -> str:
        if not self.is_live or self.expires_at <= now:
            return "gone"
        if jti == self.chain[-1]:
            return "rotated"
        remembered = self.chain[-1 - MAX_REPLACED : -1]
        if jti in remembered and abs(now - self.replaced_at[jti]) < GRACE:
            return "replayed"
        if jti == self.chain[-2] and not self.is_seen:
            return "replayed"
        return "reused"


@dataclass(frozen=True)
class Held:
    """What a client holds: a pair, and the session that it is of."""

    pair: TokenPair
    jti: str
    made_with: str


class Rotation(RuleBasedStateMachine):
    """Clients with one session or several; any of them may hand in any token it ever got."""

    pairs = Bundle("pairs")
    url: ClassVar[str] = "memory://"

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(1_700_000_000.0)
        self.folder: TemporaryDirectory[str] | None = None
        url = self.url
        if url == "sqlite":
            self.folder = TemporaryDirectory()
            url = set_up(f"sqlite:///{Path(self.folder.name)}/sessions.sqlite3")
        self.signet: Signet = make_signet(
            self.clock,
            lambda event, **about: None,
            SESSION_STORE=url,
            REFRESH_REUSE_GRACE=GRACE,
            REFRESH_IDLE_EXPIRES=IDLE,
            REFRESH_TOKEN_EXPIRES=IDLE,
            ACCESS_TOKEN_EXPIRES=300,
        )
        self.sessions: dict[str, Lived] = {}

    def teardown(self) -> None:
        assert self.signet.storage is not None
        self.signet.storage.close()
        if self.folder is not None:
            self.folder.cleanup()

    def held(self, pair: TokenPair) -> Held:
        access = claims(self.signet, pair.access_token)
        jti = claims(self.signet, pair.refresh_token)["jti"]
        return Held(pair, jti, access.get("refresh_jti", ""))

    # ── what clients do ──────────────────────────────────────────────────────────────────

    @rule(target=pairs, user=st.sampled_from(["ada", "bob"]))
    def log_in(self, user: str) -> Held:
        held = self.held(self.signet.open(user))
        self.sessions[held.pair.sid] = Lived([held.jti], self.clock() + IDLE)
        return held

    @rule(target=pairs, held=pairs)
    def hand_in(self, held: Held) -> object:
        lived, now = self.sessions[held.pair.sid], self.clock()
        verdict = lived.verdict(held.jti, now)
        if claims(self.signet, held.pair.refresh_token)["exp"] <= now:
            verdict = "gone"  # its own time is over: the store is not asked, and nothing ends
        if verdict in ("rotated", "replayed"):
            following = self.held(refresh(self.signet, held.pair.refresh_token))
            if verdict == "rotated":
                assert following.jti not in lived.chain
                lived.replaced_at[held.jti] = now
                lived.chain.append(following.jti)
                lived.is_seen, lived.expires_at = False, now + IDLE
            # Two live branches: never. A replay gets the one live successor.
            assert following.jti == lived.chain[-1]
            return following
        error = TokenReusedError if verdict == "reused" else RevokedTokenError
        with pytest.raises(error) as raised:
            self.refuse(held)
        assert isinstance(raised.value, TokenReusedError) == (verdict == "reused")
        lived.is_live = lived.is_live and verdict != "reused"
        return multiple()

    def refuse(self, held: Held) -> None:
        try:
            refresh(self.signet, held.pair.refresh_token)
        except Exception as error:
            # A token whose own time is over is refused before the store is asked.
            if type(error).__name__ == "ExpiredSignatureError":
                raise SessionEndedError({}, {}) from error
            raise

    @rule(held=pairs)
    def use(self, held: Held) -> None:
        """A guard takes the access token while its session lives; it proves what it was made
        with."""
        lived, now = self.sessions[held.pair.sid], self.clock()
        expires = claims(self.signet, held.pair.access_token)["exp"]
        if expires <= now:
            return
        if lived.is_live:
            admit(self.signet, held.pair.access_token)
            if held.made_with == lived.chain[-1] and now < lived.expires_at:
                lived.is_seen = True
        else:
            with pytest.raises(RevokedTokenError):
                admit(self.signet, held.pair.access_token)

    @rule(held=pairs)
    def log_out(self, held: Held) -> None:
        lived = self.sessions[held.pair.sid]
        was_live = lived.is_live and self.clock() < lived.expires_at
        assert self.signet.end(held.pair.sid) == was_live
        lived.is_live = False

    @rule(held=pairs, spares=st.booleans())
    def log_out_everywhere(self, held: Held, spares: bool) -> None:
        user = claims(self.signet, held.pair.access_token)["sub"]
        lived = self.sessions[held.pair.sid]
        spared = held.pair.sid if spares and lived.is_live else None
        if spared is not None and lived.expires_at <= self.clock():
            spared = None
        mine = {each.sid for each in self.signet.sessions_of(user)}
        self.signet.end_all(user, except_sid=spared)
        for sid, each in self.sessions.items():
            if sid in mine and sid != spared:
                each.is_live = False

    @rule(seconds=st.sampled_from([0.0, 1.0, GRACE / 2, GRACE, 61.0, 299.0, IDLE / 2, IDLE]))
    def wait(self, seconds: float) -> None:
        self.clock.tick(seconds)

    # ── what is always so ────────────────────────────────────────────────────────────────

    @invariant()
    def the_list_has_what_lives(self) -> None:
        now = self.clock()
        listed = {each.sid for user in ("ada", "bob") for each in self.signet.sessions_of(user)}
        live = {
            sid for sid, each in self.sessions.items() if each.is_live and now < each.expires_at
        }
        assert listed == live


class OnSQLite(Rotation):
    url = "sqlite"


Rotation.TestCase.settings = settings(
    max_examples=300, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
OnSQLite.TestCase.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestRotation = Rotation.TestCase
TestRotationOnSQLite = OnSQLite.TestCase
