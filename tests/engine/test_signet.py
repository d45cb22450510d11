"""The engine as a whole: made of options, of one moment, and a request's way through it."""

import dataclasses
import time
import warnings
from datetime import timedelta
from typing import Any

import pytest

from flask_signet.engine.admission import Credentials
from flask_signet.engine.callbacks import Callbacks, run_in_a_loop
from flask_signet.engine.rule import Rule
from flask_signet.engine.setup import SYSTEM_CLOCK, no_json
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import (
    ConfigurationError,
    ExpiredSignatureError,
    RevokedTokenError,
    SignetError,
    UserLookupError,
    WrongTokenError,
)
from flask_signet.options.names import UnknownOptionWarning
from flask_signet.stores.memory import MemoryStore
from tests.applications import mint
from tests.conftest import Clock
from tests.engine.signets import SECRET, Event, Make, Watched, admit, claims, loose, refresh

OPTIONS = {"JWT_SECRET_KEY": SECRET}


# ── made of options ──────────────────────────────────────────────────────────────────────


def test_options_that_are_not_set_have_their_defaults() -> None:
    """The defaults are those of the profile; the caller's dictionary stays as it is."""
    options = dict(OPTIONS)
    settings = Signet.of(options).settings
    assert (settings.algorithm, settings.access_expires) == ("HS256", timedelta(minutes=15))
    assert Signet.of({**options, "JWT_PROFILE": "strict"}).settings.leeway == 5
    assert options == OPTIONS


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"JWT_ALGORITHM": "none"}, "JWT_ALGORITHM takes"),
        ({"JWT_ACCESS_TOKEN_EXPIRES": 0}, "JWT_ACCESS_TOKEN_EXPIRES takes"),
        ({"JWT_PROFILE": "strickt"}, "JWT_PROFILE takes"),
        ({"JWT_REFRESH_ROTATION": True}, "JWT_REFRESH_ROTATION = True needs a store"),
        ({"JWT_ACCES_TOKEN_EXPIRES": 60}, "did you mean JWT_ACCESS_TOKEN_EXPIRES"),
        ({"JWT_PROFILE": "strict", "JWT_MINE": 1}, "JWT_MINE is no option"),
    ],
)
def test_an_option_that_is_wrong(wrong: dict[str, Any], says: str) -> None:
    """A wrong value and a misspelt name are refused at once, by name."""
    with pytest.raises(ConfigurationError, match=says):
        Signet.of(OPTIONS | wrong)


def test_an_unknown_option() -> None:
    """A name under the prefix that is no option of ours is warned of."""
    with pytest.warns(UnknownOptionWarning, match="JWT_MINE is no option of Flask-Signet"):
        Signet.of(OPTIONS | {"JWT_MINE": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Signet.of(OPTIONS | {"MINE": 1})


def test_the_prefix_of_the_options(clock: Clock) -> None:
    """Another prefix has options of its own, and is in the messages."""
    signet = Signet.of(
        {"MY_SECRET_KEY": SECRET, "MY_ACCESS_TOKEN_EXPIRES": 60, "JWT_ALGORITHM": "none"},
        prefix="MY_",
        clock=clock,
    )
    assert claims(signet, loose(signet))["exp"] == clock() + 60
    with pytest.raises(ConfigurationError, match="MY_SESSION_STORE is not set"):
        signet.end("s")
    with pytest.raises(ConfigurationError, match="MY_SECRET_KEY"):
        loose(Signet.of({}, prefix="MY_"))


def test_a_list_that_changes_later() -> None:
    """What was given is copied: a Signet does not change with it."""
    audiences = ["api"]
    signet = Signet.of(OPTIONS | {"JWT_ENCODE_AUDIENCE": audiences, "JWT_DECODE_AUDIENCE": "api"})
    audiences.append("web")
    assert claims(signet, loose(signet))["aud"] == ["api"]


def test_the_parts_of_a_signet(clock: Clock) -> None:
    """Callbacks and clock are given by name; without them there are none, and the system's."""
    callbacks = Callbacks()
    signet = Signet.of(OPTIONS, callbacks=callbacks, clock=clock)
    assert (signet.callbacks, signet.clock) == (callbacks, clock)
    plain = Signet.of(OPTIONS)
    assert plain.callbacks == Callbacks()
    assert plain.clock is SYSTEM_CLOCK
    assert (plain.storage, dict(plain.issuers)) == (None, {})


def test_a_signet_prints_no_secret() -> None:
    """Its repr has neither a key nor the password of a store."""
    url = "postgresql://me:password@host/sessions"
    printed = repr(Signet.of(OPTIONS | {"JWT_SESSION_STORE": url}))
    assert SECRET not in printed
    assert "password" not in printed


# ── of one moment ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["settings", "keys", "clock", "callbacks", "storage", "tell"])
def test_a_signet_does_not_change(signet: Signet, name: str) -> None:
    """No part of it can be set or taken away."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(signet, name, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(signet, name)


def test_a_signet_has_no_other_part(signet: Signet) -> None:
    """What is misspelt does not stay unseen."""
    with pytest.raises((AttributeError, TypeError)):
        signet.clok = time.time  # type: ignore[attr-defined]
    assert not hasattr(signet, "__dict__")


def test_another_clock(signet: Signet, clock: Clock) -> None:
    """A Signet with another clock goes by that one; the first goes on as before."""
    text = loose(signet)
    later = dataclasses.replace(signet, clock=Clock(clock() + 900))
    with pytest.raises(ExpiredSignatureError):
        later.verify(text)
    assert claims(later, loose(later))["iat"] == clock() + 900
    signet.verify(text)


def test_other_callbacks_and_the_same_store(make: Make) -> None:
    """A Signet that differs in one part shares the others: the sessions are the same."""
    signet = make(SESSION_STORE="memory://")
    pair = signet.open("ada")
    other = dataclasses.replace(signet, callbacks=Callbacks(token_in_blocklist=lambda *_: True))
    with pytest.raises(RevokedTokenError):
        admit(other, pair.access_token)
    admit(signet, pair.access_token)
    other.end(pair.sid)
    with pytest.raises(RevokedTokenError):
        admit(signet, pair.access_token)


def test_the_clock_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks its module for the clock at each call: tools that freeze time replace it there."""
    signet = Signet.of(OPTIONS)
    assert abs(signet.clock() - time.time()) < 5
    monkeypatch.setattr("flask_signet.engine.setup.now", lambda: 1_000_000_000.5)
    assert signet.clock() == 1_000_000_000.5
    assert claims(signet, loose(signet))["iat"] == 1_000_000_000


def test_what_is_not_json() -> None:
    """Without an application nothing says how to make JSON of it."""
    with pytest.raises(TypeError, match="Object of type object is not JSON serializable"):
        no_json(object())


def test_how_an_async_callback_is_run(make: Make) -> None:
    """`to_sync` runs it, where one is given."""
    run = []

    def to_sync(function: Any) -> Any:
        run.append(function)
        return run_in_a_loop(function)

    async def refuse(*token: Any) -> bool:
        return True

    signet = make(token_in_blocklist=refuse, to_sync=to_sync)
    with pytest.raises(RevokedTokenError):
        admit(signet, mint())
    assert len(run) == 1


def test_the_store_of_a_signet(make: Make) -> None:
    """It is what the option says; without one the option is named, and nothing is doubted."""
    store = MemoryStore()
    assert make(SESSION_STORE=store).store is store
    with pytest.raises(ConfigurationError, match="JWT_SESSION_STORE is not set: sessions need"):
        _ = make().store
    make().doubt()


# ── the way of a request ─────────────────────────────────────────────────────────────────


def test_the_way_of_a_request(make: Make, store: Watched) -> None:
    """Verified, confirmed by each that is asked, and its user found last."""
    asked = store.asked

    def note(name: str, answer: Any) -> Any:
        return lambda *token: asked.append(name) or answer

    signet = make(
        SESSION_STORE=store,
        decode_key=note("key", SECRET),
        token_in_blocklist=note("blocklist", False),
        token_verification=note("verification", True),
        user_lookup=note("user", "Ada Lovelace"),
    )
    found = signet.admit(Credentials(mint(), "headers"), Rule())
    assert asked == ["key", "blocklist", "sync", "verification", "user"]
    assert (found.identity, found.user, found.has_user) == ("alice", "Ada Lovelace", True)
    assert found.location == "headers"


def test_what_the_rule_refuses_is_asked_of_nobody(make: Make, store: Watched) -> None:
    """A token of the wrong kind is refused before any question."""
    signet = make(SESSION_STORE=store, token_in_blocklist=lambda *token: pytest.fail("asked"))
    with pytest.raises(WrongTokenError):
        admit(signet, mint("refresh"))
    assert store.asked == []


def test_a_user_who_is_not_found(make: Make) -> None:
    """A good token of nobody is refused; its session goes on, for it is no refresh."""
    users = {"ada": "Ada Lovelace"}
    signet = make(
        SESSION_STORE="memory://", user_lookup=lambda header, payload: users.get(payload["sub"])
    )
    pair = signet.open("ada")
    assert admit(signet, pair.access_token).user == "Ada Lovelace"
    users.clear()
    with pytest.raises(UserLookupError):
        admit(signet, pair.access_token)
    assert [each.sid for each in signet.sessions_of("ada")] == [pair.sid]


def test_a_whole_session(sessions: Signet, clock: Clock, told: list[Event]) -> None:
    """From the log-in to the log-out, with refreshes between: what a guard says each time."""

    def guard(text: str) -> str:
        try:
            return str(admit(sessions, text).identity)
        except SignetError as error:
            return error.error_code

    pair = sessions.open("ada")
    answers = [guard(pair.access_token)]
    for _ in range(3):
        clock.tick(901)
        answers.append(guard(pair.access_token))
        pair = refresh(sessions, pair.refresh_token)
        answers.append(guard(pair.access_token))
    sessions.revoke(pair.refresh_token)
    answers.append(guard(pair.access_token))
    assert answers == ["ada", *["token_expired", "ada"] * 3, "token_revoked"]
    assert [name for name, _ in told] == [
        "token-issued",
        *["token-rotated"] * 3,
        "token-revoked",
    ]
