"""One manager in one application: its options and keys, as they are at one moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import Any

import pytest
from flask import Flask

from flask_signet import JWTManager, create_access_token, decode_token
from flask_signet.exceptions import ConfigurationError, InvalidSignatureError
from flask_signet.flask.installation import EXTENSION, Installation, installation
from tests.applications import application
from tests.jose import keys

NO_MANAGER = "You must initialize a JWTManager with this flask application before using this method"


@pytest.fixture
def state() -> Installation:
    found: Installation = application().extensions[EXTENSION][""]
    return found


def test_the_current_installation_is_the_current_applications() -> None:
    """In each application's context the state is that application's."""
    one, other = application(), application()
    with one.app_context():
        assert installation() is one.extensions[EXTENSION][""]
        with other.app_context():
            assert installation() is other.extensions[EXTENSION][""]
        assert installation().app is one


@pytest.mark.parametrize("name", ["", "partner"])
def test_an_application_without_a_manager(name: str) -> None:
    """Without a manager of this name the error says what to do, in FJE's words."""
    with Flask("tests").app_context(), pytest.raises(RuntimeError) as caught:
        installation(name)
    assert str(caught.value) == NO_MANAGER


def test_no_application() -> None:
    """Outside an application context Flask says so."""
    with pytest.raises(RuntimeError, match="outside of application context"):
        installation()


def test_a_signet_stands_as_long_as_nothing_changes(state: Installation) -> None:
    """Options and keys are one object until an option changes, and then another."""
    before = state.signet()
    ring = before.keys.ring()
    assert state.signet() is before
    state.app.config["JWT_SECRET_KEY"] = keys.private("HS256", 1)
    after = state.signet()
    assert after is not before
    assert after.keys.ring() is not ring
    # Who verifies by the old ones does so to the end.
    assert before.keys.ring() is ring


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("JWT_ALGORITHM", "HS384"),
        ("JWT_DECODE_LEEWAY", 3),
        ("SECRET_KEY", "another"),
        ("SECRET_KEY_FALLBACKS", ["another"]),
    ],
)
def test_every_option_is_looked_at(state: Installation, option: str, value: Any) -> None:
    """A change of any option, Flask's two for secrets among them, makes a new object."""
    before = state.signet()
    state.app.config[option] = value
    assert state.signet() is not before


def test_other_keys_of_the_configuration_are_not_looked_at(state: Installation) -> None:
    """What is none of our options changes nothing."""
    before = state.signet()
    state.app.config.update(DEBUG=True, MY_OPTION=object())
    assert state.signet() is before


def test_a_wrong_option_does_not_linger(state: Installation) -> None:
    """As long as an option is wrong each use says so; put right, all is as before."""
    state.app.config["JWT_ALGORITHM"] = "none"
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="JWT_ALGORITHM takes"):
            state.signet()
    state.app.config["JWT_ALGORITHM"] = "HS256"
    assert state.settings.algorithm == "HS256"


def test_a_key_that_fails_fails_each_time(state: Installation) -> None:
    """A ring that can't be built is not remembered as built."""
    state.app.config["JWT_SECRET_KEY"] = 5
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"^JWT_SECRET_KEY: "):
            state.signet().keys.ring()


def test_threads_see_one_state_or_the_other() -> None:
    """While a secret changes, every thread signs and verifies by one set of keys or the other."""
    secrets = [keys.private("HS256", number) for number in (1, 2)]
    app = application(SECRET_KEY=secrets[0], SECRET_KEY_FALLBACKS=secrets)

    def rounds(number: int) -> int:
        with app.app_context():
            for turn in range(200):
                if number == 0:
                    app.config["JWT_SECRET_KEY"] = secrets[turn % 2]
                decode_token(create_access_token("alice"))
        return number

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(rounds, range(4))) == [0, 1, 2, 3]


class Meeting:
    """A lock that nobody gets before two have come for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._two = Barrier(2)

    def __enter__(self) -> None:
        self._two.wait(20)
        self._lock.acquire()

    def __exit__(self, *about: object) -> None:
        self._lock.release()


def test_threads_that_begin_at_once_share_one_view_of_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each has a line to the store, which nobody would give back."""
    state = application(SESSION_STORE="memory://").extensions[EXTENSION][""]
    settings = state.settings
    storage = state.signet().storage
    assert storage.store is state.store()
    monkeypatch.setattr(storage, "_lock", Meeting())
    with ThreadPoolExecutor(2) as pool:
        views = list(pool.map(lambda _: storage.view(settings.revocation_max_staleness), range(2)))
    assert views[0] is views[1]


def test_one_manager_for_several_applications() -> None:
    """Applications with one manager share its loaders, and neither options nor keys."""
    manager = JWTManager()
    manager.additional_claims_loader(lambda identity: {"loaded": True})
    one = application(
        manager=manager, SECRET_KEY=keys.private("HS256", 1), ACCESS_TOKEN_EXPIRES=False
    )
    other = application(manager=manager, SECRET_KEY=keys.private("HS256", 2))
    with one.app_context():
        token = create_access_token("alice")
        assert decode_token(token)["loaded"] is True
        assert "exp" not in decode_token(token)
    with other.app_context():
        with pytest.raises(InvalidSignatureError):
            decode_token(token)
        claims = decode_token(create_access_token("alice"))
        assert claims["loaded"] is True
        assert "exp" in claims
