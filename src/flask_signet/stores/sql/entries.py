"""Writing the list of revocations.

Its entries are numbered under a row lock, so their numbers rise in the order in which the entries
become visible: a follower that has read a number has missed none below it.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

from sqlalchemy import Connection

from ...exceptions import StoreUnavailableError
from ...sessions.session import Lives, Revocation, seconds
from .database import NOT_SET_UP
from .engine import EngineKind
from .rows import revocation_values


class Turn(NamedTuple):
    """The right to write entries, which one transaction at a time has.

    :param last: the last of the numbers that were taken.
    :param mark: of all entries of this turn; no other turn has it.
    :param lives: for how long tokens live, as the store knows it now.
    """

    last: int
    mark: str
    lives: Lives


def take_turn(kind: EngineKind, connection: Connection, count: int = 1) -> Turn:
    """Take so many numbers. Until the transaction ends, others who need a number wait.

    :raises StoreUnavailableError: if the store is not set up.
    """
    mark = secrets.token_urlsafe(12)
    row = kind.next_numbers(connection, count, mark)
    if row is None:
        raise StoreUnavailableError(NOT_SET_UP)
    lives = Lives(of_session=seconds(row.session_life), of_token=seconds(row.token_life))
    return Turn(row.last_number, mark, lives)


def write_entries(
    kind: EngineKind, connection: Connection, turn: Turn, *entries: Revocation
) -> None:
    """Write as many entries as numbers were taken, and announce them."""
    first = turn.last - len(entries) + 1
    for number, entry in enumerate(entries, first):
        connection.execute(kind.upsert_revocation(), revocation_values(entry, number, turn.mark))
    kind.announce(connection)
