"""Questions to the nodes of a Redis Cluster, asked together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, SlotNotCoveredError
from redis.exceptions import TimeoutError as RedisTimeoutError


class _Call(NamedTuple):
    command: str
    key: str  # decides which node is asked
    args: tuple[Any, ...]
    options: dict[str, Any]


class ClusterPipeline:
    """A pipeline to each node that has one of the keys.

    Where a node hangs, redis-py's own pipeline asks it again for each command, one after the other:
    so many times the timeout.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._calls: list[_Call] = []

    def __getattr__(self, command: str) -> Callable[..., None]:
        def call(key: str, *args: Any, **options: Any) -> None:
            self._calls.append(_Call(command, key, (key, *args), options))

        return call

    def eval(self, script: str, count: int, *arguments: Any) -> None:
        """A script; the first of the arguments are its keys."""
        self._calls.append(_Call("eval", arguments[0], (script, count, *arguments), {}))

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
        answers: list[Any] = [None] * len(self._calls)
        for node, indices in self._by_node():
            found = self._ask_node(node, [self._calls[index] for index in indices])
            for index, answer in zip(indices, found, strict=True):
                answers[index] = answer
        return answers

    def _by_node(self) -> Iterable[tuple[Any, list[int]]]:
        """Each node that has a key of the calls, with the positions of those."""
        # By name: in redis-py before 8, a node can't be the key of a dict.
        of_node: dict[str, tuple[Any, list[int]]] = {}
        for index, call in enumerate(self._calls):
            node = self._cluster.get_node_from_key(call.key)
            if node is None:
                raise SlotNotCoveredError(call.key)
            of_node.setdefault(node.name, (node, []))[1].append(index)
        return of_node.values()

    def _ask_node(self, node: Any, calls: list[_Call]) -> list[Any]:
        pipeline = self._cluster.get_redis_connection(node).pipeline(transaction=False)
        for call in calls:
            getattr(pipeline, call.command)(*call.args, **call.options)
        try:
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        except (RedisConnectionError, RedisTimeoutError):
            # Another node may have its slots by now. The failed node is the last to be asked which.
            self._cluster.nodes_manager.initialize(last_failed_node_name=node.name)
            raise
        return answers
