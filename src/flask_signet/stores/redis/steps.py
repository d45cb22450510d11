"""What may take long, in steps: while a script runs, Redis serves nobody else.

A subject may have any number of sessions. Each step looks at a bounded number of them (at most
:data:`.MANY`), and what it found to be over it has removed: so a call that is broken off has made
way for the next one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...exceptions import StoreUnavailableError
from ...sessions.session import PAGE, Place, Session, microseconds, partition
from ...sessions.store import Pruned
from . import scripts
from .prelude import MANY
from .rows import to_session
from .server import PARTITIONS, Server

_Row = Sequence[str]


class Surplus(NamedTuple):
    """What a log-in asks for, if it sets a limit.

    :param refuse_until: microseconds.
    """

    subject: str
    limit: int
    now: float
    refuse_until: int


def list_sessions(
    server: Server, subject: str, now: float, limit: int, after: Place | None
) -> list[Session]:
    """See :meth:`.SessionStore.list_sessions`. One step, where few have expired meanwhile.

    :param subject: in the form that is stored.
    """
    deadline = time.monotonic() + server.timeout
    place = ("", "") if after is None else (str(microseconds(after.created_at)), after.sid)
    found: list[Session] = []
    while len(found) < limit:
        rows, is_last, *place = server.run(
            scripts.LIST, partition(subject), now, subject, *place, limit - len(found)
        )
        found += map(to_session, rows)
        if is_last:
            break
        if len(found) < limit and time.monotonic() > deadline:
            raise StoreUnavailableError
    return found


def end_surplus(
    server: Server, asked: Surplus, begun: Sequence[Any] | None = None
) -> tuple[Session, ...]:
    """End the sessions of a subject that are too many, the oldest first, and at most a page.

    :param begun: the answer of the script that opened the session, which has begun with it: the
        sessions that it ended, and whether the index is too long for one script.
    """
    answer: Sequence[Any] = begun or server.run(
        scripts.END_SURPLUS,
        partition(asked.subject),
        asked.now,
        asked.subject,
        asked.refuse_until,
        asked.limit,
    )
    rows, is_too_long = answer
    if is_too_long:
        # What is not ended by then is ended by the next log-ins.
        deadline = time.monotonic() + server.timeout / 2
        place = _after_the_newest(server, asked, deadline)
        rows = _end_oldest(server, asked, place, deadline) if place else ()
    return tuple(map(to_session, rows))


def _after_the_newest(server: Server, asked: Surplus, deadline: float) -> str:
    """The ``created_at`` of the last session that may stay; empty if it was not found.

    The newest are counted, and not the rest, of which there may be many more.
    """
    left, is_last, place = asked.limit, 0, ("", "")
    while left and not is_last and time.monotonic() < deadline:
        left, is_last, *place = server.run(
            scripts.COUNT, partition(asked.subject), asked.now, asked.subject, *place, left
        )
    return "" if left else place[0]


def _end_oldest(server: Server, asked: Surplus, before: str, deadline: float) -> list[_Row]:
    ended: list[_Row] = []
    is_last = left_alone = 0
    while len(ended) < PAGE and not is_last and time.monotonic() < deadline:
        rows, is_last, left_alone = server.run(
            scripts.END_OLDEST,
            partition(asked.subject),
            asked.now,
            asked.subject,
            asked.refuse_until,
            before,
            PAGE - len(ended),
            left_alone,
        )
        ended += rows
    return ended


def drop_ended(server: Server, subject: str, now: float, deadline: float) -> None:
    """Remove the rows of the sessions that a subject's entry has ended, as far as time allows.

    They are gone already, so no failure is told. What is left goes by its time to live, or with the
    entry.
    """
    with contextlib.suppress(StoreUnavailableError):
        while server.run(scripts.DROP_ENDED, partition(subject), now, subject):
            if time.monotonic() > deadline:
                return


def prune(server: Server, now: float, batch: int) -> Pruned:
    """See :meth:`.SessionStore.prune`. Sessions go by themselves, by their time to live.

    Those that were ended with all others of their subject go before their entry does.
    """
    entries = sessions = 0
    for part in PARTITIONS:
        goes_on: Any = True
        while goes_on:
            most = min(MANY, batch - entries), min(MANY, batch - sessions)
            if min(most) <= 0:
                return Pruned(sessions, entries, True)
            removed, gone, goes_on = server.run(scripts.PRUNE, part, now, *most)
            sessions, entries = sessions + removed, entries + gone
    return Pruned(sessions, entries, False)
