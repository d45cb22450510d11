"""Removing from a SQL store what has expired or was ended, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from ...sessions.session import microseconds
from ...sessions.store import Pruned
from . import statements
from .engine import EngineKind

SWEPT: Final = 50
"""How many rows of its subject's one log-in removes at most, of each kind."""


def prune(kind: EngineKind, connection: Connection, *, now: float, batch: int) -> Pruned:
    """See :meth:`.SessionStore.prune`."""
    expired_by = min(microseconds(now), kind.clock(connection))
    limits = {"now": expired_by, "batch": batch}
    sessions = _remove(connection, statements.EXPIRED_SESSIONS, limits)
    entries = connection.execute(statements.EXPIRED_ENTRIES, limits).all()
    ended, waiting = _remove_ended(connection, entries, batch - sessions)
    entries_left = [each for each in entries if each not in waiting]
    _prune_entries(connection, entries_left, expired_by)
    return Pruned(
        sessions=sessions + ended,
        revocations=len(entries_left),
        more=bool(waiting) or batch in (sessions, len(entries)),
    )


def _remove_ended(
    connection: Connection, entries: Sequence[Any], room: int
) -> tuple[int, list[Any]]:
    """Remove the sessions that the entries of subjects ended, before the entries themselves.

    Without its entry such a session would be live again.

    :return: how many there were, and the entries whose sessions are not all gone yet.
    """
    removed, waiting = 0, []
    for entry in entries:
        if entry.kind != "subject":
            continue
        count = 0
        if room > removed:
            count = remove_ended(
                connection, entry.value, entry.not_before, entry.except_sid, room - removed
            )
        removed += count
        if removed >= room:
            waiting.append(entry)
    return removed, waiting


def _prune_entries(connection: Connection, entries: Sequence[Any], now: int) -> None:
    for kind in ("jti", "sid", "subject"):
        ids = [entry.value for entry in entries if entry.kind == kind]
        if ids:
            parameters = {"of_kind": kind, "ids": ids, "now": now}
            connection.execute(statements.PRUNE_ENTRIES, parameters)


def remove_ended(
    connection: Connection, subject: str, ended_at: int, spared: str, at_most: int
) -> int:
    """Remove rows of the sessions of a subject that were ended everywhere: how many.

    :param ended_at: the entry's ``not_before``, in microseconds.
    :param spared: the one session that goes on.
    """
    parameters = {
        "for_subject": subject,
        "ended_at": ended_at,
        "spared": spared,
        "batch": at_most,
    }
    sids = list(connection.execute(statements.ENDED_OF_SUBJECT, parameters).scalars())
    if sids:
        connection.execute(statements.REMOVE, {"sids": sids})
    return len(sids)


def remove_expired(kind: EngineKind, connection: Connection, subject: str, *, now: float) -> None:
    """Remove some of the rows of a subject that have expired."""
    expired_by = min(microseconds(now), kind.clock(connection))
    limits = {"now": expired_by, "batch": SWEPT, "for_subject": subject}
    _remove(connection, statements.EXPIRED_OF_SUBJECT, limits)


def _remove(connection: Connection, expired: Any, limits: dict[str, Any]) -> int:
    sids = list(connection.execute(expired, limits).scalars())
    if sids:
        connection.execute(statements.PRUNE_SESSIONS, {"sids": sids, "now": limits["now"]})
    return len(sids)
