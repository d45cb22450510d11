"""A verdict never depends on what was remembered: two engines on one store, one without a cache.

Keys rotate, options change, clocks move in both directions, tokens are revoked between two looks,
and a view changes the claims that it got.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from flask_signet.engine.admission import Credentials
from flask_signet.engine.events import silent
from flask_signet.engine.mint import Wanted
from flask_signet.engine.rule import Rule
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import SignetError
from flask_signet.jose.jwk import Key
from flask_signet.keys.ring import KeyRing
from flask_signet.stores.memory import MemoryStore
from tests.applications import OTHER_SECRET
from tests.conftest import Clock
from tests.engine.signets import SECRET, make_signet

RULES = (Rule(), Rule(kind="refresh"), Rule(fresh=True))
KEYS = (
    {"SECRET_KEY": SECRET},
    {"SECRET_KEY": OTHER_SECRET},
    {"SECRET_KEY": OTHER_SECRET, "SECRET_KEY_FALLBACKS": [SECRET]},
)
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"DECODE_LEEWAY": 30},
    {"ENCODE_AUDIENCE": "api", "DECODE_AUDIENCE": "api"},
    {"REQUIRE_EXP": True},
    {"MAX_TOKEN_LENGTH": 400},
)


class Rotating:
    """Keys that change under an engine, as those of a file do."""

    are_given = True

    def __init__(self) -> None:
        self.rings = [make_signet(Clock(0), silent, **keys).keys.ring() for keys in KEYS]
        self.now = 0

    def ring(self) -> KeyRing:
        return self.rings[self.now]

    def signing_key(self) -> Key:
        key = self.ring().signing_key
        assert key is not None
        return key

    def published(self, now: float) -> list[dict[str, Any]]:
        return []


class Verdicts(RuleBasedStateMachine):
    """Each look at a token is made by both engines."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.store = Clock(1_700_000_000.0), MemoryStore()
        self.keys = Rotating()
        self.options = OPTIONS[0]
        self.entries = 4
        self.known: list[str] = []
        self.remake()

    def remake(self) -> None:
        self.remembering = self.signet(self.entries)
        self.forgetful = self.signet(0)

    def signet(self, entries: int) -> Signet:
        made = make_signet(
            self.clock,
            silent,
            SESSION_STORE=self.store,
            REVOCATION_MAX_STALENESS=0,
            TOKEN_CACHE=entries,
            **self.options,
        )
        return replace(made, keys=self.keys)

    @rule(
        target=tokens,
        kind=st.sampled_from(["access", "refresh"]),
        life=st.sampled_from([5, 60, 600, False]),
        claims=st.sampled_from([{}, {"roles": ["user"]}, {"a": {"b": [1, {"c": 2}]}}]),
        fresh=st.booleans(),
    )
    def issue(self, kind: Any, life: Any, claims: dict[str, Any], fresh: bool) -> str:
        wanted = Wanted(kind=kind, expires_delta=life, claims=claims, fresh=fresh)
        return self.keep(lambda: self.forgetful.issue("ada", wanted))

    def keep(self, make: Callable[[], str]) -> str:
        try:
            self.known.append(make())
        except ValueError:  # it is too long by the options of now
            self.known.append("a.b.c")
        return self.known[-1]

    @rule(target=tokens)
    def log_in(self) -> str:
        return self.keep(lambda: self.forgetful.open("ada").access_token)

    @rule(
        target=tokens, token=tokens, position=st.integers(0, 200), letter=st.sampled_from("Aa9_.")
    )
    def forge(self, token: str, position: int, letter: str) -> str:
        return self.keep(lambda: token[:position] + letter + token[position + 1 :])

    @invariant()
    def both_say_the_same(self) -> None:
        """After each step, of each token, twice: the second time from what was remembered."""
        for token in self.known[-8:]:
            for asked in RULES:
                expected = self.verdict(self.forgetful, token, asked)
                for _ in range(2):
                    assert self.verdict(self.remembering, token, asked) == expected

    def verdict(self, signet: Signet, token: str, asked: Rule) -> Any:
        try:
            admission = signet.admit(Credentials(token, "headers"), asked)
        except SignetError as error:
            return type(error), str(error)
        seen = repr((admission.header, admission.claims))
        # What a view does with the claims must not reach the next request.
        for value in admission.claims.values():
            if isinstance(value, list):
                value.append("admin")
            elif isinstance(value, dict):
                value.clear()
        admission.claims.clear()
        return seen

    @rule(token=tokens)
    def revoke(self, token: str) -> None:
        try:
            self.forgetful.revoke(token)
        except SignetError:
            return

    @rule()
    def log_out_everywhere(self) -> None:
        self.forgetful.end_all("ada")

    @rule(seconds=st.sampled_from([0.5, 5, 30, 60, 600, -5, -60]))
    def wait(self, seconds: float) -> None:
        self.clock.tick(seconds)

    @rule(number=st.integers(0, len(KEYS) - 1))
    def rotate_keys(self, number: int) -> None:
        self.keys.now = number

    @rule(options=st.sampled_from(OPTIONS), entries=st.sampled_from([1, 2, 4, 100]))
    def change_options(self, options: dict[str, Any], entries: int) -> None:
        self.options, self.entries = options, entries
        self.remake()


Verdicts.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestVerdicts = Verdicts.TestCase
