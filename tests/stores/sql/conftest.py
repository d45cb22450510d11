"""Databases for the tests of the SQL store."""

from collections.abc import Iterator

import pytest

from ..databases import own_database


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def url(request, tmp_path) -> Iterator[str]:
    """A database with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/sessions.sqlite3"
        return
    with own_database(request.getfixturevalue(f"{request.param}_url")) as url:
        yield url
