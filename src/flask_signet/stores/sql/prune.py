"""Removing from a SQL store what has expired, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from ...sessions.session import microseconds
from ...sessions.store import Pruned
from . import statements


def prune(connection: Connection, *, now: float, batch: int) -> Pruned:
    """See :meth:`.SessionStore.prune`."""
    limits = {"now": microseconds(now), "batch": batch}
    sids = list(connection.execute(statements.EXPIRED_SESSIONS, limits).scalars())
    if sids:
        connection.execute(statements.PRUNE_SESSIONS, {"sids": sids, "now": limits["now"]})
    entries = connection.execute(statements.EXPIRED_ENTRIES, limits).all()
    _prune_entries(connection, entries, limits["now"])
    return Pruned(
        sessions=len(sids),
        revocations=len(entries),
        more=batch in (len(sids), len(entries)),
    )


def _prune_entries(connection: Connection, entries: Sequence[Any], now: int) -> None:
    for entry in entries:
        if entry.kind == "subject":
            # The sessions that the entry ended are removed before it: without it they would be
            # live again.
            parameters = {
                "for_subject": entry.value,
                "ended_at": entry.not_before,
                "spared": entry.except_sid,
            }
            connection.execute(statements.PRUNE_ENDED, parameters)
    for kind in ("jti", "sid", "subject"):
        ids = [entry.value for entry in entries if entry.kind == kind]
        if ids:
            parameters = {"of_kind": kind, "ids": ids, "now": now}
            connection.execute(statements.PRUNE_ENTRIES, parameters)
