"""Writing the list of revocations.

Its entries are numbered under a row lock, so their numbers rise in the order in which the entries
become visible: a follower that has read a number has missed none below it.
"""

from __future__ import annotations

from sqlalchemy import Connection

from ...exceptions import StoreUnavailableError
from ...sessions.session import Revocation
from .database import NOT_SET_UP
from .engine import EngineKind
from .rows import revocation_values


def next_number(kind: EngineKind, connection: Connection, count: int = 1) -> int:
    """Take so many numbers. Until the transaction ends, others who need a number wait.

    :return: the last of them.
    :raises StoreUnavailableError: if the store is not set up.
    """
    last = kind.next_numbers(connection, count)
    if last is None:
        raise StoreUnavailableError(NOT_SET_UP)
    return last


def write_entry(kind: EngineKind, connection: Connection, entry: Revocation, number: int) -> None:
    """Write the entry under its number, and announce it."""
    connection.execute(kind.upsert_revocation(), revocation_values(entry, number))
    kind.announce(connection)


def write_entries(kind: EngineKind, connection: Connection, *entries: Revocation) -> None:
    """Number the entries and write them."""
    if not entries:
        return
    last = next_number(kind, connection, len(entries))
    for number, entry in enumerate(entries, last - len(entries) + 1):
        write_entry(kind, connection, entry, number)
