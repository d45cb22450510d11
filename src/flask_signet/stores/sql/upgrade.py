"""Making the tables of a SQL store, and bringing them up to this package's version."""

from __future__ import annotations

import secrets
from typing import Final

from sqlalchemy import Connection, insert, update

from ...exceptions import StoreUnavailableError
from ...sessions.session import microseconds
from ...sessions.store import Upgraded
from . import statements
from .database import NOT_SET_UP, Database
from .schema import STEPS, metadata, newest_version, store_table
from .sqlite import SQLite

_TIMEOUT: Final = 600.0
"""Seconds for each statement of an upgrade: the server may have to write a large table anew."""


def upgrade(database: Database, *, now: float, first: bool) -> Upgraded:
    """See :meth:`.SessionStore.upgrade`."""
    before = _version(database)  # within the store's own timeout
    if before < newest_version():
        _take_all_steps(database, before, 0 if first else microseconds(now))
    if first:
        database.run(lambda connection: connection.execute(statements.FIRST_OF_ALL).rowcount)
    return Upgraded(before, max(before, newest_version()))


def _take_all_steps(database: Database, before: int, born_at: int) -> None:
    if database.is_shared:
        database.run(lambda connection: _upgrade(database, connection, before, born_at))
        return
    patient = Database(database.bind, _TIMEOUT)
    if isinstance(patient.kind, SQLite):
        patient.kind.may_create = True
    try:
        patient.run(lambda connection: _upgrade(patient, connection, before, born_at))
    finally:
        patient.close()


def _version(database: Database) -> int:
    """The version of the schema in the database; 0 if there is none yet."""
    try:
        return database.run(lambda connection: connection.execute(statements.STORE).scalar() or 0)
    except StoreUnavailableError as error:
        if str(error) != NOT_SET_UP:
            raise
        return 0


def _upgrade(database: Database, connection: Connection, before: int, born_at: int) -> None:
    if not before:
        _create(database, connection, born_at)
        return
    for version in range(before + 1, newest_version() + 1):
        with database.kind.upgrading(connection):
            # Another process may have taken this step meanwhile.
            if connection.execute(statements.STORE).scalar() == version - 1:
                STEPS[version](connection)
                connection.execute(update(store_table), {"version": version})


def _create(database: Database, connection: Connection, born_at: int) -> None:
    if isinstance(database.kind, SQLite):
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    with database.kind.upgrading(connection):
        metadata.create_all(connection)
        # Another process may have named the store meanwhile.
        if connection.execute(statements.STORE).scalar() is None:
            row = {
                "id": 1,
                "version": newest_version(),
                "epoch": secrets.token_urlsafe(16),
                "last_number": 0,
                "born_at": born_at,
            }
            connection.execute(insert(store_table), row)
