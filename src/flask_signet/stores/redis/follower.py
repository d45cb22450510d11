"""How one process learns what another one has revoked in Redis."""

from __future__ import annotations

import contextlib
import hashlib
import select
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...exceptions import StoreUnavailableError
from ...sessions.session import Revocation, seconds
from ...sessions.store import Synced
from .prelude import MARK
from .rows import listed_revocation, to_revocation
from .server import FAILURES, NOT_SET_UP, PARTITIONS, Server

_End = tuple[int, str]
"""The number of a partition's newest entry, and the end of the chain of its entries."""


class RedisFollower:
    """A :class:`~flask_signet.sessions.store.Follower` that subscribes.

    A message carries the entry, its number in its partition, and the ends of the chain of entries
    before it and after it. ``sync`` compares number and end with the server's: so it notices lost
    messages, a dead connection, a fail-over that lost entries and an emptied partition, in one
    round trip. What it misses it reads from the partition's log. Where the log does not go on from
    the last entry that was read, it reads the whole list.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pubsub: Any = None
        self._input: select.poll | None = None
        self._read: dict[str, _End] = {}
        self._scans: dict[str, tuple[_End, int]] = {}  # the end when it began, the cursor
        self._epoch = ""
        self._born = 0

    # ── what is pushed ───────────────────────────────────────────────────────────────────

    def poll(self) -> Sequence[Revocation]:
        """See :meth:`.Follower.poll`."""
        if self._pubsub is None or not self._has_input():
            return ()
        entries: list[Revocation] = []
        try:
            while self._pubsub.connection.can_read(timeout=0):
                message = self._pubsub.get_message(timeout=0)
                if message is None:
                    break
                if message["type"] == "message":
                    entries += self._take(message["data"])
        except (*FAILURES, AttributeError) as error:  # AttributeError: the connection was dropped
            self._give_up()
            raise StoreUnavailableError from error
        return entries

    def _has_input(self) -> bool:
        """Whether the socket has data, or has ended.

        It is one system call, because this is asked at each check of a token. What was read from
        the socket before has been taken by the loop above.
        """
        if self._input is None:
            sock = getattr(self._pubsub.connection, "_sock", None)
            # Data that TLS has decrypted is no longer in the socket; redis-py knows of it. And not
            # every system has this call.
            if not isinstance(sock, socket.socket) or isinstance(sock, ssl.SSLSocket):
                return True
            if not hasattr(select, "poll"):
                return True
            self._input = select.poll()
            self._input.register(sock, select.POLLIN)
        return bool(self._input.poll(0))

    def _take(self, data: str) -> list[Revocation]:
        """The entry of a message."""
        try:
            part, number, before, after, text = data.split(" ", 4)
            entry, number_before = to_revocation(text), int(number) - 1
        except (ValueError, KeyError):
            return []  # not a message of ours; if it was one, the next sync reads what it said
        read = self._read.get(part)
        if read is not None and number_before < read[0]:
            return []  # read before; or of another past, which sync notices
        if read == (number_before, before):
            self._read[part] = (number_before + 1, after)
        return [entry]  # it counts even if messages before it got lost; sync reads those

    def listen(self) -> None:
        """Subscribe, unless this has happened already.

        :raises StoreUnavailableError: if the server does not confirm in time.
        """
        if self._pubsub is not None:
            return
        # The subscription comes before the first number is read, so no entry falls between.
        self._pubsub = self._server.client.pubsub()
        self._pubsub.subscribe(self._server.channel)
        end = time.monotonic() + self._server.timeout
        while self._pubsub.get_message(timeout=self._server.timeout / 2) is None:
            if time.monotonic() >= end:
                raise StoreUnavailableError

    # ── what is asked ────────────────────────────────────────────────────────────────────

    def sync(self, *, limit: int = 10_000) -> Synced:
        """See :meth:`.Follower.sync`."""
        try:
            with self._server.failing():
                self.listen()
                heads = self._heads()
                entries = self._catch_up(heads, limit)
        except StoreUnavailableError:
            self._give_up()
            raise
        complete = not self._scans and self._read == heads
        return Synced(entries, complete, self._epoch, seconds(self._born))

    def _heads(self) -> dict[str, _End]:
        """The newest number of each partition, and the end of its chain: one round trip."""
        pipeline = self._server.pipeline()
        for part in PARTITIONS:
            pipeline.hmget(self._server.key(part, "meta"), "epoch", "number", "chain", "born")
        answers = self._server.primary_answers(pipeline, PARTITIONS[0])
        if any(epoch is None for epoch, *_ in answers):
            raise StoreUnavailableError(NOT_SET_UP)
        # Where a partition was made anew, the others learned of it before.
        self._born = max(int(born or 0) for *_, born in answers)
        epochs = " ".join(epoch for epoch, *_ in answers)
        epoch = hashlib.sha256(epochs.encode()).hexdigest()[:32]
        if epoch != self._epoch:
            self._epoch = epoch
            self._read, self._scans = {}, {}
        return {
            part: (int(number), chain)
            for part, (_, number, chain, _) in zip(PARTITIONS, answers, strict=True)
        }

    def _catch_up(self, heads: Mapping[str, _End], limit: int) -> list[Revocation]:
        """Read what is missing, a page of each partition that is behind."""
        behind = self._behind(heads)
        if not behind:
            return []
        answers = iter(self._ask(behind, heads, page=max(1, limit // len(behind))))
        entries: list[Revocation] = []
        for part in behind:
            if part not in self._scans:
                entries += self._logged(part, next(answers), heads[part])
            elif next(answers) < 3:
                raise StoreUnavailableError(NOT_SET_UP)
            else:
                entries += self._scanned(part, *next(answers))
        return entries

    def _behind(self, heads: Mapping[str, _End]) -> list[str]:
        """The partitions of which something is missing. Some of them are to be read as a whole."""
        for part, head in heads.items():
            read = self._read.get(part)
            if part not in self._scans and (read is None or read[0] > head[0]):
                # Never read, or the server lost its last writes in a fail-over.
                self._scans[part] = (head, 0)
        return [
            part for part in PARTITIONS if part in self._scans or self._read[part] != heads[part]
        ]

    def _ask(self, behind: Sequence[str], heads: Mapping[str, _End], page: int) -> list[Any]:
        """A page of each partition's log; of one that is scanned two answers, memory and page."""
        pipeline = self._server.pipeline()
        for part in behind:
            if part in self._scans:
                pipeline.exists(*self._server.memory_of(part))
                key = self._server.key(part, "revoked")
                pipeline.zscan(key, self._scans[part][1], count=page)
            else:
                # The last entry that was read is asked for too: it shows whether the log goes on
                # from there.
                begin, end = max(1, self._read[part][0]), heads[part][0]
                log = self._server.key(part, "log")
                pipeline.xrange(log, f"{begin}-0", f"{end}-0", count=page + 1)
        answers: list[Any] = pipeline.execute()
        return answers

    def _scanned(
        self, part: str, cursor: int, members: Sequence[tuple[str, float]]
    ) -> Iterator[Revocation]:
        """The entries of a page of the whole list."""
        begun_at, _ = self._scans[part]
        if int(cursor) == 0:
            del self._scans[part]
            self._read[part] = begun_at
        else:
            self._scans[part] = (begun_at, int(cursor))
        subjects = [member[8:] for member, _ in members if member.startswith("subject:")]
        everywhere: dict[str, str] = {}
        if subjects:
            values = self._server.client.hmget(self._server.key(part, "subjects"), subjects)
            everywhere = dict(zip(subjects, values, strict=True))
        for member, expires in members:
            if member != MARK:
                subject = member.partition(":")[2]
                yield listed_revocation(member, expires, everywhere.get(subject))

    def _logged(
        self, part: str, answer: Sequence[tuple[str, dict[str, str]]], head: _End
    ) -> Iterator[Revocation]:
        """The entries of a page of the log; none where it does not go on from what was read."""
        found = [(_to_end(name, fields), fields["t"]) for name, fields in answer]
        ends = [end for end, _ in found]
        read = self._read[part]
        goes_on = ends[:1] == [read] if read[0] else [number for number, _ in ends[:1]] == [1]
        if not goes_on:
            self._scans[part] = (head, 0)  # the log was cut shorter, or has another past
            return
        for end, text in found:
            if end != read:
                self._read[part] = end
                yield to_revocation(text)

    def _give_up(self) -> None:
        pubsub, self._pubsub, self._input = self._pubsub, None, None
        self._read, self._scans = {}, {}
        if pubsub is not None:
            with contextlib.suppress(Exception):
                pubsub.close()

    def close(self) -> None:
        """See :meth:`.Follower.close`."""
        self._give_up()


def _to_end(name: str, fields: Mapping[str, str]) -> _End:
    return int(name.partition("-")[0]), fields["c"]
