"""The server, or servers, of one Redis store: the client, the names of keys, the scripts.

Everything lies in 64 partitions. The name of a partition is a hash tag, so its keys are all in one
slot of a Cluster. A script works on one partition.
"""

from __future__ import annotations

import contextlib
import hashlib
import string
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote

from redis import RedisCluster
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
)

from ...exceptions import StoreUnavailableError
from ...sessions.session import microseconds
from .client import checked, client_maker, database_of, is_cluster_url
from .cluster import ClusterPipeline
from .prelude import EMPTIED

PARTITIONS: Final = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"

NOT_SET_UP: Final = "The session store was emptied, or never set up: run `flask jwt store upgrade`"
READ_ONLY: Final = "The session store takes no writes"
NO_RIGHTS: Final = "The session store may not be used: a right is missing"

# What is no text is a failure too: it did not come from here.
FAILURES: Final = (RedisError, RedisClusterException, OSError, UnicodeDecodeError)


class Server:
    """One server, one Sentinel's service, or one Cluster.

    :param bind: a URL, or a client of redis-py's, as in :class:`.RedisStore`.
    :param timeout: seconds that an operation takes at most.
    :param prefix: begins the name of every key.
    :raises ConfigurationError: if the URL or the client can't be used.
    """

    def __init__(self, bind: Any, timeout: float, prefix: str) -> None:
        self.timeout = timeout
        self.prefix = prefix
        self._is_ours = isinstance(bind, str)
        self._make: Callable[[], Any] = (
            client_maker(bind, timeout) if self._is_ours else lambda: bind
        )
        # A Cluster's client asks for the slots as soon as it is made; so it is made at first use.
        waits = isinstance(bind, str) and is_cluster_url(bind)
        self._client: Any = None if waits else checked(self._make())
        # A message is heard in all databases of a server, so the channel names the database.
        self.channel: str = f"{prefix}.{database_of(self._client)}.revocations"
        self._digests: dict[str, str] = {}

    @property
    def client(self) -> Any:
        """redis-py's client."""
        if self._client is None:
            with self.failing():
                self._client = checked(self._make())
        return self._client

    @property
    def is_cluster(self) -> bool:
        """Whether it is a Redis Cluster."""
        return isinstance(self.client, RedisCluster)

    # ── failures ─────────────────────────────────────────────────────────────────────────

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """Turn redis-py's errors into :class:`~flask_signet.exceptions.StoreUnavailableError`."""
        try:
            yield
        except FAILURES as error:
            said = str(error)
            if "READONLY" in said or isinstance(error, ReadOnlyError):
                # This server is a replica now; its host name may lead to a new primary. The text
                # is looked at, because Redis 6 gives a script's error no class of its own.
                self._hang_up()
                raise StoreUnavailableError(READ_ONLY) from error
            if EMPTIED in said:
                raise StoreUnavailableError(NOT_SET_UP) from error
            if isinstance(error, NoPermissionError | AuthenticationError):
                raise StoreUnavailableError(NO_RIGHTS) from error
            unavailable = StoreUnavailableError()
            unavailable.is_partial = isinstance(self._client, RedisCluster)
            raise unavailable from error

    def _hang_up(self) -> None:
        """Close the connections that are not in use right now."""
        pool = getattr(self._client, "connection_pool", None)
        if pool is not None:
            with contextlib.suppress(Exception):
                try:
                    pool.disconnect(inuse_connections=False)
                except TypeError:  # the pool that waits, in redis-py before 7
                    _disconnect_idle(pool)

    # ── keys ─────────────────────────────────────────────────────────────────────────────

    def key(self, part: str, name: str) -> str:
        """The name of a key in a partition. What is in braces decides its slot."""
        return f"{{{self.prefix}.{part}}}:{name}"

    def memory_of(self, part: str) -> list[str]:
        """The keys that a partition has from ``upgrade`` on. Without one it has lost its memory."""
        return [self.key(part, name) for name in ("meta", "revoked", "subjects")]

    def document(self, name: str) -> str:
        """The key of an owner's signing keys."""
        # It begins like every other key: one right is for all.
        unnamed = f"{{{self.prefix}.keys}}"
        return f"{unnamed}:{quote(name, safe='', errors='surrogatepass')}" if name else unnamed

    # ── questions ────────────────────────────────────────────────────────────────────────

    def pipeline(self) -> Any:
        """Questions that are asked together. Each but ``eval`` has a key as its first argument."""
        if self.is_cluster:
            return ClusterPipeline(self.client)
        return self.client.pipeline(transaction=False)

    def primary_answers(self, pipeline: Any, part: str) -> list[Any]:
        """The answers to the pipeline's questions: one round trip, or one to each server.

        A write that changes nothing is asked as well: a replica refuses it. Where a primary refuses
        it for another reason, short of memory say, its answers are as good as ever.
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

    # ── scripts ──────────────────────────────────────────────────────────────────────────

    def run(self, script: str, part: str, now: float, *arguments: Any, row: str = "") -> Any:
        """Run a script on one partition.

        :param row: the ``sid`` of the session that it is about; empty for none.
        :raises StoreUnavailableError: if it fails.
        """
        names = ["meta", "revoked", "subjects", "log"]
        if row:
            names.append(f"session:{row}")
        keys = [self.key(part, name) for name in names]
        begin = (microseconds(now), self.key(part, ""), self.channel, part)
        with self.failing():
            return self.evaluate(script, keys, *begin, *arguments)

    def evaluate(self, script: str, keys: list[str], *arguments: Any) -> Any:
        """Run a script by its digest, or by its text where the server does not know it.

        redis-py's own ``register_script`` would load what one node of a Cluster lacks into all
        nodes, the dead ones too.
        """
        digest = self._digests.get(script)
        if digest is None:
            digest = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
            self._digests[script] = digest
        try:
            return self.client.evalsha(digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return self.client.eval(script, len(keys), *keys, *arguments)

    def wait_until_heard(self) -> None:
        """Wait until the message just published lies in the followers' sockets.

        Redis answers the publisher first, then hands the message on, all before it reads another
        request. So when the next request is answered, every follower can hear: a log-out that is
        acknowledged is refused by every process at its next check. The nodes of a Cluster pass
        messages on to each other at their own pace.
        """
        if self.is_cluster:
            return
        # The revocation is written already; a follower that can't hear learns it by its next sync.
        with contextlib.suppress(StoreUnavailableError), self.failing():
            self.client.ping()

    def close(self) -> None:
        """Close the connections, if they are our own. The next operation opens new ones."""
        if not self._is_ours or self._client is None:
            return
        with contextlib.suppress(Exception):
            if isinstance(self._client, RedisCluster):
                pools: Any = self._client
                pools.disconnect_connection_pools()  # its close() could not be undone
            else:
                self._client.close()


def _disconnect_idle(pool: Any) -> None:
    """Close what waits in the queue of a ``BlockingConnectionPool``, while nobody takes it out."""
    with pool.pool.mutex:
        for connection in pool.pool.queue:
            if connection is not None:
                connection.disconnect()
