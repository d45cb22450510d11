"""What the tests of the engine share: Signets whose clock ticks by hand, and what they tell."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blinker import NamedSignal

from flask_signet.engine.signet import Signet
from tests.conftest import Clock
from tests.engine.signets import Event, Make, Watched, make_signet
from tests.stores.databases import set_up


@pytest.fixture
def told() -> list[Event]:
    """What the listeners of the engine's signals have heard, the oldest first."""
    return []


@pytest.fixture
def make(clock: Clock, told: list[Event]) -> Iterator[Make]:
    """Makes a Signet, see ``make_signet``."""
    made: list[Signet] = []

    def tell(signal: NamedSignal, **about: Any) -> None:
        told.append((signal.name, about))

    def signet(**given: Any) -> Signet:
        made.append(make_signet(clock, tell, **given))
        return made[-1]

    yield signet
    for each in made:
        if each.storage is not None:
            each.storage.close()


@pytest.fixture
def signet(make: Make) -> Signet:
    """A Signet by the defaults: it has no store."""
    return make()


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A session store in this process, and one in a file."""
    if request.param == "memory":
        return "memory://"
    return set_up(f"sqlite:///{tmp_path}/sessions.sqlite3")


@pytest.fixture
def sessions(make: Make, url: str) -> Signet:
    """A Signet with sessions, on each store."""
    return make(SESSION_STORE=url)


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture
def watched(make: Make, store: Watched) -> Signet:
    """A Signet with sessions, whose store notes what it is asked."""
    return make(SESSION_STORE=store)
