"""The stores that the scenarios run on, and a clock that ticks by hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flask_signet.encoded_tokens
from flask_signet.stores import open_store
from tests.conftest import Clock

STORES = ("memory", "sqlite", "postgresql", "mysql", "redis")


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Each store in turn, on a real server."""
    if request.param == "memory":
        url = "memory://"
    elif request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'sessions.db'}"
    else:
        url = request.getfixturevalue(f"{request.param}_url")
    opened = open_store(url)
    opened.upgrade()
    yield opened
    opened.close()


@pytest.fixture
def ticking(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of every module of the package."""
    real = flask_signet.encoded_tokens.now
    for name, module in list(sys.modules.items()):
        if name.startswith("flask_signet.") and getattr(module, "now", None) is real:
            monkeypatch.setattr(module, "now", clock)
    return clock
