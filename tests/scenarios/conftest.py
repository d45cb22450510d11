"""The stores that the scenarios run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_signet.stores import open_store

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
