"""One manager in one application: its options and keys, as they are at one moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock
from typing import Any

import pytest
from flask import Flask, current_app, g, has_request_context

from flask_signet import JWTManager, Key, create_access_token, decode_token
from flask_signet.exceptions import (
    ConfigurationError,
    InvalidSignatureError,
    SharedSecretWarning,
)
from flask_signet.flask.installation import EXTENSION, Installation, installation
from tests.applications import OTHER_SECRET as OTHER
from tests.applications import SECRET, application, bare_application
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


# ── managers with one secret ─────────────────────────────────────────────────────────────

ONE_SECRET = (
    "the managers with the config_prefix 'JWT_' and 'PARTNER_JWT_' have one secret: the tokens of "
    "each open the views of the other. Give each a secret of its own"
)
PROFILE_PAIRS = [("compatible", "compatible"), ("strict", "compatible"), ("compatible", "strict")]
SHARED: dict[str, dict[str, Any]] = {
    "JWT_SECRET_KEY": {"PARTNER_JWT_SECRET_KEY": keys.SECRET},
    "a fallback": {"PARTNER_JWT_SECRET_KEY": OTHER, "PARTNER_JWT_SECRET_KEY_FALLBACKS": [SECRET]},
    "Flask's": {"JWT_SECRET_KEY": None, "SECRET_KEY": OTHER, "PARTNER_JWT_SECRET_KEY": OTHER},
    "a ring": {"PARTNER_JWT_KEYS": [Key.from_secret(SECRET)]},
    "a function": {"PARTNER_JWT_KEYS": lambda: Key.from_secret(SECRET, kid="a")},
}


def of_two(profiles: tuple[str, str] = PROFILE_PAIRS[0], **options: Any) -> Flask:
    """An application with an unnamed manager and a partner's."""
    app = bare_application(profiles[0], PARTNER_JWT_PROFILE=profiles[1])
    app.config.update(options)
    JWTManager(app)
    JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")
    return app


@pytest.mark.parametrize("profiles", PROFILE_PAIRS, ids="/".join)
@pytest.mark.parametrize("where", SHARED)
def test_a5_two_managers_with_one_secret(where: str, profiles: tuple[str, str]) -> None:
    """It is warned of, and refused where one of the two is strict."""
    if "strict" in profiles:
        with pytest.raises(ConfigurationError) as caught:
            of_two(profiles, **SHARED[where])
        assert str(caught.value) == ONE_SECRET
        return
    with pytest.warns(SharedSecretWarning) as warned:
        of_two(profiles, **SHARED[where])
    assert [str(each.message) for each in warned] == [ONE_SECRET]


@pytest.mark.parametrize("profiles", PROFILE_PAIRS, ids="/".join)
@pytest.mark.parametrize(
    "options",
    [
        {"PARTNER_JWT_SECRET_KEY": OTHER},
        {"PARTNER_JWT_SECRET_KEY": None},
        {"SECRET_KEY": SECRET, "PARTNER_JWT_SECRET_KEY": None},
        {"PARTNER_JWT_KEYS": "store:", "PARTNER_JWT_SESSION_STORE": "memory://"},
        {"PARTNER_JWT_ALGORITHM": "RS256", "PARTNER_JWT_SECRET_KEY": SECRET},
    ],
)
def test_two_managers_with_secrets_of_their_own(
    profiles: tuple[str, str], options: dict[str, Any]
) -> None:
    """Managers without a common secret, or without a secret yet, are not told of one."""
    of_two(profiles, **options)


@pytest.mark.parametrize("name", ["", "partner"])
def test_a5_one_secret_by_a_change_of_options(name: str) -> None:
    """A secret that becomes another manager's while the application runs stops its requests."""
    app = of_two(("compatible", "strict"), PARTNER_JWT_SECRET_KEY=OTHER)
    here = app.extensions[EXTENSION][name]
    before, value = (SECRET, OTHER) if not name else (OTHER, SECRET)
    app.config[f"{here.prefix}SECRET_KEY"] = value
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="have one secret"):
            here.signet()
    app.config[f"{here.prefix}SECRET_KEY"] = before
    here.signet()


# ── threads ──────────────────────────────────────────────────────────────────────────────


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
    meeting = Meeting()
    monkeypatch.setattr(storage, "_lock", lambda: meeting)
    with ThreadPoolExecutor(2) as pool:
        views = list(pool.map(lambda _: storage.view(settings.revocation_max_staleness), range(2)))
    assert views[0] is views[1]


def test_keys_are_read_again_beside_the_request_in_a_context_of_the_application() -> None:
    """Their function finds ``current_app``, and neither the request nor what is in its ``g``."""
    seen: list[tuple[bool, bool]] = []

    def of_a_kms() -> Key:
        if started:
            g.seen = True
            seen.append((current_app.name == app.name, has_request_context()))
        return key

    started, key = False, Key.generate("ES256")
    app = application(KEYS=of_a_kms, SECRET_KEY=None, ALGORITHM="HS256")
    live = app.extensions[EXTENSION][""].signet().keys
    started = True
    live._read_at = live._look_again_at = float("-inf")
    with app.test_request_context():
        create_access_token("ada")
        assert "seen" not in g
    assert seen == [(True, False)]


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
