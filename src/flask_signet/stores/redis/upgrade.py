"""What every partition knows of the whole store: its version, its birth, how long tokens live."""

from __future__ import annotations

import secrets
from typing import Any, Final, NamedTuple

from ...sessions.session import Lives, microseconds
from ...sessions.store import Upgraded
from . import scripts
from .prelude import MARK
from .server import PARTITIONS, Server

VERSION: Final = 1
"""Of what is in the keys. It is in each partition's ``meta``."""


class Memory(NamedTuple):
    """What one partition knows. Of one that was emptied that is what is left.

    :param version: 0: it was emptied, in whole or in part, or was never set up.
    :param born: microseconds since 1970, as the two lives are microseconds.
    """

    version: int
    born: int
    session_life: int
    token_life: int


def memories(server: Server) -> list[Memory]:
    """What each of the partitions knows: one round trip."""
    pipeline = server.pipeline()
    for part in PARTITIONS:
        names = ("version", "born", "session_life", "token_life", "chain")
        pipeline.hmget(server.key(part, "meta"), *names)
        pipeline.exists(*server.memory_of(part))
    answers = pipeline.execute()
    found = []
    for values, count in zip(answers[::2], answers[1::2], strict=True):
        version, born, session_life, token_life = (int(value or 0) for value in values[:4])
        is_whole = count == 3 and values[4] is not None
        found.append(Memory(version if is_whole else 0, born, session_life, token_life))
    return found


def upgrade(server: Server, *, now: float, first: bool) -> Upgraded:
    """See :meth:`.SessionStore.upgrade`.

    A partition without a memory may have lost one. Then the birth of the whole store is now: first
    in all partitions that have a memory, and only then are the others made. So each of them knows
    the birth, and no token is judged by a partition that does not. Whatever stops this half way,
    the next call does the rest.
    """
    with server.failing():
        found = dict(zip(PARTITIONS, memories(server), strict=True))
        newest = max(each.version for each in found.values())
        if newest > VERSION:
            return Upgraded(newest, newest)
        missing = [part for part, each in found.items() if not each.version]
        born = max(each.born for each in found.values())
        if missing:
            born = max(born, microseconds(now))
        facts = _facts(
            born=0 if first else born,
            session_life=max(each.session_life for each in found.values()),
            token_life=max(each.token_life for each in found.values()),
        )
        for part in found:
            if part not in missing:
                server.evaluate(scripts.RAISE, server.memory_of(part), *facts)
        for part in missing:
            keys = [*server.memory_of(part), server.key(part, "log")]
            epoch = secrets.token_urlsafe(16)
            server.evaluate(scripts.UPGRADE, keys, epoch, VERSION, MARK, *facts)
        if first:
            _forget_birth(server)
    return Upgraded(0 if missing else newest, VERSION)


def _forget_birth(server: Server) -> None:
    pipeline = server.pipeline()
    for part in PARTITIONS:
        pipeline.hdel(server.key(part, "meta"), "born")
    pipeline.execute()


def cover(server: Server, lives: Lives) -> None:
    """See :meth:`.SessionStore.cover`: a script on each partition, all in one round trip.

    Each decides for itself whether there is something to write. Not one partition is asked for all
    of them: an earlier call may have stopped half way.
    """
    facts = _facts(
        session_life=microseconds(lives.of_session), token_life=microseconds(lives.of_token)
    )
    with server.failing():
        pipeline = server.pipeline()
        for part in PARTITIONS:
            keys = server.memory_of(part)
            # The text itself, not its digest: in a pipeline nobody repeats what a node lacks.
            pipeline.eval(scripts.RAISE, len(keys), *keys, *facts)
        server.primary_answers(pipeline, PARTITIONS[0])


def _facts(**facts: int) -> list[Any]:
    """Names and values, in turns."""
    return [item for pair in facts.items() for item in pair]
