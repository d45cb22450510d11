"""Sessions in Redis or Valkey, from version 6 on: one server, Sentinel, or Cluster.

Everything lies in 64 partitions, each with a hash tag of its own, so that each is in one slot of a
Cluster. A session, its siblings and its subject's entry share a partition, which the first
character of the ``sid`` names. What is decided is decided by one Lua script on one partition; it
also writes the entry to the partition's list and log, and publishes it.

A partition has an epoch from ``upgrade`` on. Without one it was emptied, or never set up: then
nothing can be said of any token, and everything raises. Sessions would be gone, and that is safe;
what was revoked would be taken again, and that is not. The same holds if the server threw away
what a partition refuses. Sessions of an epoch before are gone.

Only a primary is asked. A replica may be behind without end, and would not say so.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import select
import socket
import ssl
import string
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from redis import BlockingConnectionPool, Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.connection import SSLConnection, parse_url
from redis.exceptions import (
    AuthenticationError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    SlotNotCoveredError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from redis.sentinel import Sentinel

from ...exceptions import ConfigurationError, StoreUnavailableError
from ...sessions.session import (
    MAX_SUBJECT,
    SEEN_EVERY,
    Device,
    Kind,
    Opened,
    Presented,
    Revocation,
    Rotation,
    Session,
    Successor,
    checked_rotation,
    ended_by,
    microseconds,
    partition,
    seconds,
    stored_id,
)
from ...sessions.store import Finding, Pruned, Synced, Upgraded
from . import scripts

VERSION: Final = 1
"""Of what is in the keys. It is in each partition's ``meta``."""

PARTITIONS: Final = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"

MAX_CONNECTIONS: Final = 50
"""Of one process to one server; ``?max_connections=`` in the URL says otherwise."""

NOT_SET_UP: Final = "The session store was emptied, or never set up: run `flask jwt store upgrade`"
READ_ONLY: Final = "The session store takes no writes"
NO_RIGHTS: Final = "The session store may not be used: a right is missing"

# What is no text is a failure too: it did not come from here.
_FAILURES: Final = (RedisError, RedisClusterException, OSError, UnicodeDecodeError)


class RedisStore:
    """A :class:`~flask_signet.sessions.store.SessionStore` in Redis.

    :param bind: ``redis://``, ``rediss://``, ``unix://`` (as redis-py reads them; ``valkey://``
        is the same), ``redis+sentinel://host:26379,host2/service/0``,
        ``redis+cluster://host:6379,host2``; or a client of redis-py's with
        ``decode_responses=True``, which has its own timeouts, and stays open.
    :param timeout: seconds that an operation takes at most.
    :param prefix: begins the name of every key: one for each application on a shared server.
    :raises ConfigurationError: if the URL or the client can't be used.
    """

    def __init__(self, bind: Any, *, timeout: float = 2.0, prefix: str = "signet") -> None:
        self.timeout = timeout
        self.prefix = prefix
        self._is_ours = isinstance(bind, str)
        self._make: Callable[[], Any] = _maker(bind, timeout) if self._is_ours else lambda: bind
        # A Cluster's client asks it for its slots at once; nothing else connects before its time.
        is_cluster = isinstance(bind, str) and _scheme(bind).endswith("+cluster")
        self._client: Any = None if is_cluster else _checked(self._make())
        # What is published is heard in all databases of a server.
        self.channel: str = f"{prefix}.{_database(self._client)}.revocations"
        self._digests: dict[str, str] = {}

    @property
    def client(self) -> Any:
        """redis-py's client."""
        if self._client is None:
            with self.failing():
                self._client = _checked(self._make())
        return self._client

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """What fails in it raises :class:`~flask_signet.exceptions.StoreUnavailableError`."""
        try:
            yield
        except _FAILURES as error:
            said = str(error)
            if "READONLY" in said or isinstance(error, ReadOnlyError):
                # The name of the server may long be another's, a new primary's. In a script of
                # Redis 6 it is any error.
                self._hang_up()
                raise StoreUnavailableError(READ_ONLY) from error
            if scripts.EMPTIED in said:
                raise StoreUnavailableError(NOT_SET_UP) from error
            if isinstance(error, NoPermissionError | AuthenticationError):
                raise StoreUnavailableError(NO_RIGHTS) from error
            unavailable = StoreUnavailableError()
            unavailable.is_partial = isinstance(self._client, RedisCluster)
            raise unavailable from error

    def _hang_up(self) -> None:
        """Let the connections go that nobody uses right now."""
        pool = getattr(self._client, "connection_pool", None)
        if pool is not None:
            with contextlib.suppress(Exception):
                pool.disconnect(inuse_connections=False)

    def pipeline(self) -> Any:
        """Questions to be asked together. The key comes first in each."""
        if isinstance(self.client, RedisCluster):
            return _ClusterPipeline(self.client)
        return self.client.pipeline(transaction=False)

    def primary_answers(self, pipeline: Any, part: str) -> list[Any]:
        """What the pipeline's questions are answered: one round trip, or one to each server.

        A replica is told by a write that would change nothing. Where a primary takes none for
        another reason, short of memory say, its answers are as good as ever.
        """
        pipeline.persist(self.key(part, "meta"))
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        written = answers.pop()
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        if isinstance(written, ReadOnlyError):
            raise written
        return answers

    def key(self, part: str, name: str) -> str:
        """The name of a key; what is in braces decides its slot."""
        return f"{{{self.prefix}.{part}}}:{name}"

    def _run(self, source: str, part: str, now: float, *arguments: Any, row: str = "") -> Any:
        names = ["meta", "revoked", "subjects", "log"]
        if row:
            names.append(f"session:{row}")
        keys = [self.key(part, name) for name in names]
        tag = self.key(part, "")
        with self.failing():
            begin = (microseconds(now), tag, self.channel, part)
            return self._evaluate(source, keys, *begin, *arguments)

    def _evaluate(self, source: str, keys: list[str], *arguments: Any) -> Any:
        # redis-py's own would load what one node of a Cluster lacks into all of them, the dead too.
        digest = self._digests.get(source)
        if digest is None:
            digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
            self._digests[source] = digest
        try:
            return self.client.evalsha(digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return self.client.eval(source, len(keys), *keys, *arguments)

    # ── the life of a session ────────────────────────────────────────────────────────────

    def open_session(
        self, session: Session, *, refuse_until: float, max_sessions: int = 0
    ) -> Opened:
        """See :meth:`.SessionStore.open_session`."""
        row, ended = self._run(
            scripts.OPEN,
            _part_of_sid(session.sid),
            session.last_seen_at,
            microseconds(refuse_until),
            max_sessions,
            *_fields(session),
            row=session.sid,
        )
        return Opened(_to_session(row), tuple(_to_session(each) for each in ended))

    def rotate(
        self,
        sid: str,
        jti: str,
        successor: Successor,
        *,
        now: float,
        grace: float,
        refuse_until: float,
    ) -> Rotation:
        """See :meth:`.SessionStore.rotate`."""
        sid, successor = stored_id(sid), checked_rotation(jti, successor)
        verdict, *row = self._run(
            scripts.ROTATE,
            _part_of_sid(sid),
            now,
            stored_id(jti),
            successor.jti,
            microseconds(successor.expires_at),
            successor.memo,
            microseconds(grace),
            microseconds(refuse_until),
            row=sid or "-",
        )
        return Rotation(verdict, _to_session(row[0]) if row else None)

    def adopt(
        self,
        session: Session,
        *,
        issued_at: float,
        token_expires_at: float,
        grace: float,
        refuse_until: float,
    ) -> Rotation:
        """See :meth:`.SessionStore.adopt`."""
        jti, now = session.previous_jti, session.created_at
        if microseconds(token_expires_at) <= microseconds(now):
            return Rotation("gone")
        verdict, *row = self._run(
            scripts.ADOPT,
            _part_of_sid(session.sid),
            now,
            jti,
            session.jti,
            microseconds(issued_at),
            microseconds(token_expires_at),
            microseconds(grace),
            microseconds(refuse_until),
            session.subject,
            *_fields(session),
            row=session.sid,
        )
        if verdict == "adopted":
            # Where the token itself may be refused is another partition, as a rule; in the
            # session's own it is revoked already. Looking there after the session is open leaves
            # no moment in which a revocation goes unseen.
            elsewhere = partition(jti) != _part_of_sid(session.sid)
            if elsewhere and not self.revoke_token(jti, now=now, expires_at=token_expires_at):
                self.end_session(session.sid, now=now, refuse_until=refuse_until)
                return Rotation("gone")
            verdict = "rotated"
        return Rotation(verdict, _to_session(row[0]) if row else None)

    def end_session(
        self, sid: str, *, now: float, refuse_until: float, subject: str = ""
    ) -> Session | None:
        """See :meth:`.SessionStore.end_session`."""
        sid = stored_id(sid)
        row = self._run(
            scripts.END,
            _part_of_sid(sid),
            now,
            sid,
            microseconds(refuse_until),
            stored_id(subject, MAX_SUBJECT),
            row=sid or "-",
        )
        self._wait_until_heard()
        return _to_session(row) if row else None

    def end_sessions(
        self, subject: str, *, now: float, expires_at: float, except_sid: str = ""
    ) -> None:
        """See :meth:`.SessionStore.end_sessions`."""
        subject, except_sid = stored_id(subject, MAX_SUBJECT), stored_id(except_sid)
        self._run(
            scripts.END_ALL,
            partition(subject),
            now,
            subject,
            microseconds(expires_at),
            # Of another partition it is another subject's, and not there under this name.
            row=except_sid,
        )
        self._wait_until_heard()

    def find_session(self, sid: str, *, now: float) -> Session | None:
        """See :meth:`.SessionStore.find_session`."""
        sid = stored_id(sid)
        row = self._run(scripts.FIND, _part_of_sid(sid), now, row=sid or "-")
        return _to_session(row) if row else None

    def list_sessions(self, subject: str, *, now: float) -> list[Session]:
        """See :meth:`.SessionStore.list_sessions`."""
        subject = stored_id(subject, MAX_SUBJECT)
        return [
            _to_session(row) for row in self._run(scripts.LIST, partition(subject), now, subject)
        ]

    def touch(self, sid: str, *, now: float) -> None:
        """See :meth:`.SessionStore.touch`."""
        sid = stored_id(sid)
        seen_before = microseconds(now - SEEN_EVERY)
        self._run(scripts.TOUCH, _part_of_sid(sid), now, seen_before, row=sid or "-")

    # ── what is refused ──────────────────────────────────────────────────────────────────

    def revoke_token(self, jti: str, *, now: float, expires_at: float, subject: str = "") -> bool:
        """See :meth:`.SessionStore.revoke_token`."""
        if microseconds(expires_at) <= microseconds(now):
            return False
        jti = stored_id(jti)
        is_new = self._run(scripts.REVOKE, partition(jti), now, jti, microseconds(expires_at))
        self._wait_until_heard()
        return bool(is_new)

    def _wait_until_heard(self) -> None:
        """Wait until what was just published lies in the followers' sockets.

        Redis answers who published first, and then hands it on, all before it reads another
        request: when the next one is answered, every follower can hear. So a log-out that is
        acknowledged is refused by every process at its next check. In a Cluster the nodes pass
        it on to each other in their own time.
        """
        if isinstance(self.client, RedisCluster):
            return
        # It is done already; whoever can't hear is told by the next sync.
        with contextlib.suppress(StoreUnavailableError), self.failing():
            self.client.ping()

    def is_revoked(self, presented: Presented, *, now: float) -> bool:
        """See :meth:`.SessionStore.is_revoked`."""
        jti, sid = stored_id(presented.jti), stored_id(presented.sid)
        subject = stored_id(presented.subject, MAX_SUBJECT)
        scores: list[tuple[str, str]] = []
        if jti:
            scores.append((partition(jti), f"jti:{jti}"))
        if jti and subject:  # an adopted token's is here from the first moment
            scores.append((partition(subject), f"jti:{jti}"))
        if sid:
            scores.append((_part_of_sid(sid), f"sid:{sid}"))
        if subject:
            scores.append((partition(subject), f"subject:{subject}"))
        if not scores:
            return False
        expiries, everywhere = self._look_up(scores, subject)
        in_force = [expiry is not None and expiry > microseconds(now) for expiry in expiries]
        if not subject:
            return any(in_force)
        if any(in_force[:-1]):
            return True
        if not in_force[-1] or everywhere is None:
            return False
        not_before, _, spared = everywhere.partition(":")
        entry = Revocation("subject", subject, 0, seconds(int(not_before)), spared)
        return ended_by(presented.issued_at, sid, entry)

    def _look_up(
        self, scores: Sequence[tuple[str, str]], subject: str
    ) -> tuple[list[float | None], str | None]:
        """The expiry of each member, and the subject's entry: one round trip."""
        parts = sorted({part for part, _ in scores})
        with self.failing():
            pipeline = self.pipeline()
            for part in parts:
                pipeline.exists(*self.memory_of(part))
            for part, member in scores:
                pipeline.zscore(self.key(part, "revoked"), member)
            if subject:
                pipeline.hget(self.key(partition(subject), "subjects"), subject)
            answers = self.primary_answers(pipeline, parts[0])
        if any(count < 3 for count in answers[: len(parts)]):
            raise StoreUnavailableError(NOT_SET_UP)
        expiries = answers[len(parts) : len(parts) + len(scores)]
        return expiries, (answers[-1] if subject else None)

    def memory_of(self, part: str) -> list[str]:
        """The keys of a partition that are there from ``upgrade`` on, or nothing can be said."""
        return [self.key(part, name) for name in ("meta", "revoked", "subjects")]

    def follow(self) -> RedisFollower:
        """See :meth:`.SessionStore.follow`."""
        return RedisFollower(self)

    # ── what the operator does ───────────────────────────────────────────────────────────

    def prune(self, *, now: float, batch: int = 500) -> Pruned:
        """See :meth:`.SessionStore.prune`. Sessions go by themselves, by their time to live."""
        left = batch
        for part in PARTITIONS:
            if left <= 0:
                break
            left -= int(self._run(scripts.PRUNE, part, now, left))
        return Pruned(0, batch - left, left <= 0)

    def check(self) -> list[Finding]:
        """See :meth:`.SessionStore.check`."""
        try:
            with self.failing():
                found = [*_version_findings(self._versions()), *self._info_findings()]
                self.follow().listen()
        except StoreUnavailableError as error:
            if str(error) != NO_RIGHTS:
                raise
            return [_no_rights_finding(error.__cause__, self.prefix)]
        return list(dict.fromkeys(found))

    def _info_findings(self) -> Iterator[Finding]:
        try:
            for section, findings in _INFO_FINDINGS.items():
                for info in self._infos(section):
                    yield from findings(info)
        except ResponseError as error:  # some who sell Redis keep this to themselves
            yield Finding(
                "warning",
                "unknown_server",
                "the server does not tell its version, maxmemory-policy, durability and role "
                f"({error})",
                "let the store's user call INFO, or see to maxmemory-policy noeviction and "
                "appendonly yes yourself",
            )

    def _infos(self, section: str) -> Iterable[dict[str, Any]]:
        if isinstance(self.client, RedisCluster):
            answers = self.client.info(section, target_nodes=RedisCluster.PRIMARIES)
            several = all(isinstance(answer, dict) for answer in answers.values())
            return answers.values() if several else [answers]
        return [self.client.info(section)]

    def _versions(self) -> set[str | None]:
        """The version of each partition; None for one that is not set up, or lost its memory."""
        pipeline = self.pipeline()
        for part in PARTITIONS:
            pipeline.hget(self.key(part, "meta"), "version")
            pipeline.exists(*self.memory_of(part))
        answers = pipeline.execute()
        pairs = zip(answers[::2], answers[1::2], strict=True)
        return {version if count == 3 else None for version, count in pairs}

    def upgrade(self) -> Upgraded:
        """See :meth:`.SessionStore.upgrade`.

        A partition without an epoch gets a new one; the others are left alone.
        """
        with self.failing():
            versions = [int(self._upgrade(part)) for part in PARTITIONS]
        before = 0 if 0 in versions else max(versions)
        return Upgraded(before, before or VERSION)

    def _upgrade(self, part: str) -> str:
        keys = [*self.memory_of(part), self.key(part, "log")]
        epoch = secrets.token_urlsafe(16)
        answer: str = self._evaluate(scripts.UPGRADE, keys, epoch, VERSION, scripts.MARK)
        return answer

    # ── the application's keys ───────────────────────────────────────────────────────────

    def load_keys(self) -> tuple[str, int]:
        """See :meth:`.KeyStore.load_keys`."""
        with self.failing():
            pipeline = self.pipeline()
            pipeline.hmget(self._document, "document", "version")
            [(text, version)] = self.primary_answers(pipeline, PARTITIONS[0])
        return text or "", int(version or 0)

    def save_keys(self, text: str, *, after: int) -> bool:
        """See :meth:`.KeyStore.save_keys`."""
        with self.failing():
            return bool(self._evaluate(scripts.SAVE_KEYS, [self._document], text, after))

    @property
    def _document(self) -> str:
        return f"{{{self.prefix}.keys}}"  # begins like every other: one right is for all of them

    def close(self) -> None:
        """See :meth:`.SessionStore.close`."""
        if not self._is_ours or self._client is None:
            return
        with contextlib.suppress(Exception):
            if isinstance(self._client, RedisCluster):
                pools: Any = self._client
                pools.disconnect_connection_pools()  # close() is for good
            else:
                self._client.close()

    def __repr__(self) -> str:
        return f"<RedisStore {self.prefix}>"


class _ClusterPipeline:
    """A pipeline to each node that is concerned.

    Where a node hangs, redis-py's own asks it again for each command, one after the other: so many
    times the timeout.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._calls: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, command: str) -> Callable[..., None]:
        return lambda key, *args, **options: self._calls.append((command, key, args, options))

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """The answers, in the order of the questions."""
        answers = self._ask()
        if any(isinstance(answer, MovedError) for answer in answers):
            self._cluster.nodes_manager.initialize()
            answers = self._ask()
        for answer in answers if raise_on_error else ():
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _ask(self) -> list[Any]:
        of_node: dict[Any, list[int]] = {}
        for index, (_, key, _, _) in enumerate(self._calls):
            node = self._cluster.get_node_from_key(key)
            if node is None:
                raise SlotNotCoveredError(key)
            of_node.setdefault(node, []).append(index)
        answers: list[Any] = [None] * len(self._calls)
        for node, indices in of_node.items():
            client = self._cluster.get_redis_connection(node)
            pipeline = client.pipeline(transaction=False)
            for index in indices:
                command, key, args, options = self._calls[index]
                getattr(pipeline, command)(key, *args, **options)
            try:
                found = pipeline.execute(raise_on_error=False)
            except (RedisConnectionError, RedisTimeoutError):
                # Its slots may be another's by now. Which, it is itself the last to be asked.
                self._cluster.nodes_manager.initialize(last_failed_node_name=node.name)
                raise
            for index, answer in zip(indices, found, strict=True):
                answers[index] = answer
        return answers


_End = tuple[int, str]
"""The number of a partition's newest entry, and the end of the chain of its entries."""


class RedisFollower:
    """A :class:`~flask_signet.sessions.store.Follower` that subscribes.

    A message carries the entry, the number that it has in its partition, and the ends of the
    chain of entries before and after it. ``sync`` compares number and end with what the server
    has: so it notices lost messages, a dead line, a fail-over that lost entries and an emptied
    partition, in one round trip. What it misses it reads from the partition's log, or where the
    log does not go on from what it has read, from the whole list.
    """

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._pubsub: Any = None
        self._input: select.poll | None = None
        self._read: dict[str, _End] = {}
        self._scans: dict[str, tuple[_End, int]] = {}  # the end at its begin, cursor
        self._epoch = ""

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
        except (*_FAILURES, AttributeError) as error:  # redis-py has dropped the connection
            self._give_up()
            raise StoreUnavailableError from error
        return entries

    def _has_input(self) -> bool:
        """Whether something lies in the socket, the end of the line included.

        One system call, by itself: this is asked at each check of a token, and all that was ever
        read from the socket has been taken by the loop above.
        """
        if self._input is None:
            sock = getattr(self._pubsub.connection, "_sock", None)
            # What TLS has decrypted is not in the socket any more; redis-py knows. Nor has
            # every system this call.
            if not isinstance(sock, socket.socket) or isinstance(sock, ssl.SSLSocket):
                return True
            if not hasattr(select, "poll"):
                return True
            self._input = select.poll()
            self._input.register(sock, select.POLLIN)
        return bool(self._input.poll(0))

    def _take(self, data: str) -> list[Revocation]:
        try:
            part, number, before, after, text = data.split(" ", 4)
            entry, number_before = _to_entry(text), int(number) - 1
        except (ValueError, KeyError):
            return []  # somebody else's; had it been ours, sync would miss it
        read = self._read.get(part)
        if read is not None and number_before < read[0]:
            return []  # read before; or of another past, which sync tells
        if read == (number_before, before):
            self._read[part] = (number_before + 1, after)
        return [entry]  # behind a gap too; sync reads what is missing

    def sync(self, *, limit: int = 10_000) -> Synced:
        """See :meth:`.Follower.sync`."""
        try:
            with self._store.failing():
                self.listen()
                heads = self._heads()
                entries = self._catch_up(heads, limit)
        except StoreUnavailableError:
            self._give_up()
            raise
        complete = not self._scans and self._read == heads
        return Synced(entries, complete, self._epoch)

    def listen(self) -> None:
        """Subscribe, if that has not happened yet."""
        if self._pubsub is not None:
            return
        # The subscription comes before the first number is read: nothing falls between.
        self._pubsub = self._store.client.pubsub()
        self._pubsub.subscribe(self._store.channel)
        end = time.monotonic() + self._store.timeout
        while self._pubsub.get_message(timeout=self._store.timeout / 2) is None:
            if time.monotonic() >= end:
                raise StoreUnavailableError

    def _heads(self) -> dict[str, _End]:
        """The number of each partition's newest entry, and the end of its chain."""
        pipeline = self._store.pipeline()
        for part in PARTITIONS:
            pipeline.hmget(self._store.key(part, "meta"), "epoch", "number", "chain")
        answers = self._store.primary_answers(pipeline, PARTITIONS[0])
        if any(epoch is None for epoch, _, _ in answers):
            raise StoreUnavailableError(NOT_SET_UP)
        epochs = " ".join(epoch for epoch, _, _ in answers)
        epoch = hashlib.sha256(epochs.encode()).hexdigest()[:32]
        if epoch != self._epoch:
            self._epoch = epoch
            self._read, self._scans = {}, {}
        return {
            part: (int(number), chain)
            for part, (_, number, chain) in zip(PARTITIONS, answers, strict=True)
        }

    def _catch_up(self, heads: dict[str, _End], limit: int) -> list[Revocation]:
        for part, head in heads.items():
            read = self._read.get(part)
            if part not in self._scans and (read is None or read[0] > head[0]):
                # Never read, or the server forgot its last writes in a fail-over.
                self._scans[part] = (head, 0)
        behind = [
            part for part in PARTITIONS if part in self._scans or self._read[part] != heads[part]
        ]
        if not behind:
            return []
        page = max(1, limit // len(behind))
        pipeline = self._store.pipeline()
        for part in behind:
            if part in self._scans:
                pipeline.exists(*self._store.memory_of(part))
                key = self._store.key(part, "revoked")
                pipeline.zscan(key, self._scans[part][1], count=page)
            else:
                # From the last one that was read: it shows whether this log goes on from it.
                begin, end = max(1, self._read[part][0]), heads[part][0]
                log = self._store.key(part, "log")
                pipeline.xrange(log, f"{begin}-0", f"{end}-0", count=page + 1)
        entries: list[Revocation] = []
        answers = iter(pipeline.execute())
        for part in behind:
            if part not in self._scans:
                entries += self._logged(part, next(answers), heads[part])
            elif next(answers) < 3:
                raise StoreUnavailableError(NOT_SET_UP)
            else:
                entries += self._scanned(part, *next(answers))
        return entries

    def _scanned(
        self, part: str, cursor: int, members: Sequence[tuple[str, float]]
    ) -> Iterator[Revocation]:
        begun_at, _ = self._scans[part]
        if int(cursor) == 0:
            del self._scans[part]
            self._read[part] = begun_at
        else:
            self._scans[part] = (begun_at, int(cursor))
        subjects = [member[8:] for member, _ in members if member.startswith("subject:")]
        everywhere: dict[str, str] = {}
        if subjects:
            values = self._store.client.hmget(self._store.key(part, "subjects"), subjects)
            everywhere = dict(zip(subjects, values, strict=True))
        for member, expiry in members:
            if member == scripts.MARK:
                continue
            kind, _, value = member.partition(":")
            not_before, _, spared = (everywhere.get(value) or "0:").partition(":")
            if kind != "subject":
                not_before, spared = "0", ""
            yield _entry(kind, value, seconds(int(expiry)), seconds(int(not_before)), spared)

    def _logged(
        self, part: str, answer: Sequence[tuple[str, dict[str, str]]], head: _End
    ) -> Iterator[Revocation]:
        found = [(_to_end(name, fields), fields["t"]) for name, fields in answer]
        ends = [end for end, _ in found]
        read = self._read[part]
        goes_on = ends[:1] == [read] if read[0] else [number for number, _ in ends[:1]] == [1]
        if not goes_on:
            self._scans[part] = (head, 0)  # it does not go back so far, or has another past
            return
        for end, text in found:
            if end != read:
                self._read[part] = end
                yield _to_entry(text)

    def _give_up(self) -> None:
        pubsub, self._pubsub, self._input = self._pubsub, None, None
        self._read, self._scans = {}, {}
        if pubsub is not None:
            with contextlib.suppress(Exception):
                pubsub.close()

    def close(self) -> None:
        """See :meth:`.Follower.close`."""
        self._give_up()


# ── rows ─────────────────────────────────────────────────────────────────────────────────


def _part_of_sid(sid: str) -> str:
    return sid[0] if sid and sid[0] in PARTITIONS else partition(sid)


def _fields(session: Session) -> list[Any]:
    """Names and values, in turns."""
    times = ("created_at", "rotated_at", "last_seen_at", "expires_at", "absolute_expires_at")
    texts = ("sid", "subject", "jti", "previous_jti", "memo")
    fields: dict[str, Any] = {
        **{name: getattr(session, name) for name in texts},
        **{name: microseconds(getattr(session, name)) for name in times},
        **session.device._asdict(),
    }
    return [item for pair in fields.items() for item in pair]


def _to_session(flat: Sequence[str]) -> Session:
    row = dict(zip(flat[::2], flat[1::2], strict=True))
    return Session(
        sid=row["sid"],
        subject=row["subject"],
        jti=row["jti"],
        previous_jti=row["previous_jti"],
        created_at=seconds(int(row["created_at"])),
        rotated_at=seconds(int(row["rotated_at"])),
        last_seen_at=seconds(int(row["last_seen_at"])),
        expires_at=seconds(int(row["expires_at"])),
        absolute_expires_at=seconds(int(row["absolute_expires_at"])),
        memo=row["memo"],
        device=Device(row["user_agent"], row["address"], row["label"]),
    )


def _to_entry(text: str) -> Revocation:
    expires, not_before, kind, spared, value = text.split(" ", 4)
    return _entry(kind, value, seconds(int(expires)), seconds(int(not_before)), spared)


def _entry(kind: str, value: str, expires: float, not_before: float, spared: str) -> Revocation:
    known: dict[str, Kind] = {"jti": "jti", "sid": "sid", "subject": "subject"}
    return Revocation(known[kind], value, expires, not_before, spared)


def _to_end(name: str, fields: dict[str, str]) -> _End:
    return int(name.partition("-")[0]), fields["c"]


# ── setting up ───────────────────────────────────────────────────────────────────────────


def _version_findings(versions: set[str | None]) -> list[Finding]:
    mend = "run `flask jwt store upgrade`"
    if None in versions:
        return [Finding("error", "not_set_up", NOT_SET_UP, mend)]
    newest = max(int(version or 0) for version in versions)
    if newest == VERSION and len(versions) == 1:
        return []
    newer = newest > VERSION
    return [
        Finding(
            "error",
            "newer_schema" if newer else "older_schema",
            f"the store's data is of version {newest}, this package needs {VERSION}",
            "upgrade Flask-Signet" if newer else mend,
        )
    ]


def _no_rights_finding(error: BaseException | None, prefix: str) -> Finding:
    return Finding(
        "error",
        "no_rights",
        f"the server does not let the store in, or not to its keys or channel ({error})",
        f"give the right user and password; its rights must include ~{{{prefix}.* &{prefix}.*",
    )


def _server_findings(info: dict[str, Any]) -> Iterator[Finding]:
    version = str(info.get("redis_version", ""))
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) < 6:
        yield Finding(
            "error", "old_server", f"Redis {version} is too old", "use version 6 or newer"
        )


def _memory_findings(info: dict[str, Any]) -> Iterator[Finding]:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield Finding(
            "error",
            "evicts",
            f"the server has maxmemory-policy {policy}: when memory is short it throws away "
            "sessions, and the list of what is revoked",
            "set maxmemory-policy noeviction, or use a server of its own",
        )


def _persistence_findings(info: dict[str, Any]) -> Iterator[Finding]:
    if not int(info.get("aof_enabled", 0)):
        yield Finding(
            "warning",
            "not_durable",
            "the server has no append-only file: a crash logs out whoever logged in since the "
            "last snapshot, and takes again what was revoked since then",
            "set appendonly yes",
        )


def _replication_findings(info: dict[str, Any]) -> Iterator[Finding]:
    if info.get("role") == "slave":
        yield Finding(
            "error",
            "read_only",
            "the server is a replica: it takes no writes",
            "give the address of the primary, or of the Sentinels",
        )


_INFO_FINDINGS: Final = {
    "server": _server_findings,
    "memory": _memory_findings,
    "persistence": _persistence_findings,
    "replication": _replication_findings,
}


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower().replace("valkey", "redis", 1)


def _maker(url: str, timeout: float) -> Callable[[], Any]:
    """What makes the client of a URL."""
    scheme = _scheme(url)
    # Connecting and reading each get a half. Nothing is tried again behind our back: a script
    # whose answer got lost has run.
    options: dict[str, Any] = {
        "socket_timeout": timeout / 2,
        "socket_connect_timeout": timeout / 2,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
        "protocol": 2,
    }
    # What Sentinel and Cluster pool can't make anybody wait: as many connections as it takes.
    unbounded = {"max_connections": 1_000_000}
    split = urlsplit(url)
    if scheme in {"redis+sentinel", "rediss+sentinel"}:
        return lambda: _sentinel(split, timeout, scheme.startswith("rediss"), options | unbounded)
    if scheme in {"redis+cluster", "rediss+cluster"}:
        return _cluster_maker(split, scheme.partition("+")[0], options | unbounded)
    if scheme not in {"redis", "rediss", "unix"}:
        raise ConfigurationError(f"{scheme[:32]}:// is no Redis")
    if scheme != "unix" and not split.path.strip("/").isdecimal() and split.path.strip("/"):
        raise ConfigurationError(f"{scheme}://host:port/ is followed by the number of a database")
    # Whoever comes when all are taken waits for one: a crowd is no failure.
    plain, waiting = scheme + ":" + url.partition(":")[2], timeout / 2
    return lambda: Redis.from_pool(
        BlockingConnectionPool.from_url(
            plain, max_connections=MAX_CONNECTIONS, timeout=waiting, **options
        )
    )


def _checked(client: Any) -> Any:
    """The client, if what it answers is text, and comes from a primary.

    :raises ConfigurationError: if not, or if redis-py does not know one of the URL's options.
    """
    if not client.get_encoder().decode_responses:
        raise ConfigurationError("a Redis client of a store needs decode_responses=True")
    reading = ("read_from_replicas", "load_balancing_strategy")
    if any(getattr(client, each, None) for each in reading):
        raise ConfigurationError("a Redis client of a store does not read from replicas")
    pool = getattr(client, "connection_pool", None)
    if pool is not None:
        _try(pool.connection_class, pool.connection_kwargs)
    return client


def _try(connection_class: Any, options: dict[str, Any]) -> None:
    try:
        connection_class(**options)  # it does not connect
    except TypeError as error:
        raise ConfigurationError(f"an option that redis-py does not know: {error}") from None


def _database(client: Any) -> int:
    pool = getattr(client, "connection_pool", None)
    return int(getattr(pool, "connection_kwargs", {}).get("db") or 0)


def _hosts(url: SplitResult) -> list[str]:
    return url.netloc.rpartition("@")[2].split(",")


def _options(url: SplitResult) -> dict[str, Any]:
    """What stands behind the question mark, as redis-py reads it."""
    options: dict[str, Any] = parse_url(f"redis://?{url.query}")  # type: ignore[no-untyped-call]  # redis-py has no types there
    of_others = ("max_connections", "sentinel_password")
    known = {name: value for name, value in options.items() if name not in of_others}
    _try(SSLConnection, known)
    return options


def _login(url: SplitResult) -> dict[str, str]:
    login = {"username": url.username, "password": url.password}
    return {name: unquote(value) for name, value in login.items() if value}


def _cluster_maker(url: SplitResult, scheme: str, options: dict[str, Any]) -> Callable[[], Any]:
    hosts = _hosts(url)
    if not all(hosts):
        raise ConfigurationError("redis+cluster:// needs a host: redis+cluster://host1:6379,host2")
    addresses = [_address(host, 6379) for host in hosts]
    options = options | _login(url) | _options(url) | {"ssl": scheme == "rediss"}

    def make() -> Any:
        nodes: list[Any] = [ClusterNode(*each) for each in addresses]  # type: ignore[no-untyped-call]  # redis-py has no types there
        return RedisCluster(startup_nodes=nodes, **options)

    return make


def _sentinel(url: SplitResult, timeout: float, tls: bool, options: dict[str, Any]) -> Any:
    hosts = _hosts(url)
    service, _, database = url.path.strip("/").partition("/")
    if not service or not all(hosts) or not (database or "0").isdecimal():
        raise ConfigurationError(
            "redis+sentinel:// needs the Sentinels and the service: "
            "redis+sentinel://host1:26379,host2:26379/mymaster/0"
        )
    addresses = [_address(host, 26379) for host in hosts]
    given = _options(url)
    to_sentinel = {
        "socket_timeout": timeout / 4,
        "socket_connect_timeout": timeout / 4,
        "retry": options["retry"],
        "password": given.pop("sentinel_password", None),
        "ssl": tls,
        **{name: value for name, value in given.items() if name.startswith("ssl_")},
    }
    sentinel: Any = Sentinel(addresses, sentinel_kwargs=to_sentinel)  # type: ignore[no-untyped-call]  # redis-py has no types there
    settings = options | _login(url) | given | {"db": int(database or 0), "ssl": tls}
    return sentinel.master_for(service, **settings)


def _address(host: str, port: int) -> tuple[str, int]:
    split = urlsplit(f"//{host}")
    return split.hostname or "", split.port or port
