"""Many clients at one store at the same moment, from threads of one process or of several.

A race is a plan: for each client, what it calls in each round. All clients wait for each other
before every round. Nothing here is ever tried again.
"""

import multiprocessing
import os
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from flask_signet.exceptions import StoreUnavailableError
from flask_signet.sessions.store import SessionStore
from flask_signet.stores import open_store
from flask_signet.stores.redis import RedisStore

CLIENTS = 50
PROCESSES = 4
ROUNDS = int(os.environ.get("SIGNET_RACE_ROUNDS", "25"))
"""Of each store, over all its races: so many by threads, and again by processes."""

PATIENCE = 60  # seconds for one round, after which a race has failed


class Address(NamedTuple):
    """Where a process finds the store."""

    url: str
    prefix: str = ""

    def open(self) -> SessionStore:
        # 50 clients on two cores wait for each other longer than a request would.
        if self.prefix:
            return RedisStore(self.url, prefix=self.prefix, timeout=20)
        return open_store(self.url, timeout=20)


class Call(NamedTuple):
    """A method of the store, and its arguments."""

    method: str
    args: tuple[Any, ...]
    options: dict[str, Any]


def call(method: str, *args: Any, **options: Any) -> Call:
    return Call(method, args, options)


Plan = list[Sequence[Call | None]]
"""For each round, what each client calls; None is nothing."""


def race_threads(store: SessionStore, plan: Plan) -> list[list[Any]]:
    """For each round, what each client got."""
    barrier = threading.Barrier(CLIENTS)
    return _race(store, plan, range(CLIENTS), barrier)


def race_processes(address: Address, plan: Plan) -> list[list[Any]]:
    """The same, the clients spread over processes."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(CLIENTS)
    queue = context.Queue()
    shares = [range(first, CLIENTS, PROCESSES) for first in range(PROCESSES)]
    processes = [
        context.Process(target=_share, args=(address, plan, share, barrier, queue))
        for share in shares
    ]
    for process in processes:
        process.start()
    results: list[list[Any]] = [[None] * CLIENTS for _ in plan]
    for _ in processes:
        share, answers = queue.get(timeout=PATIENCE * len(plan))
        for round_results, share_results in zip(results, answers, strict=True):
            for client in share:
                round_results[client] = share_results[client]
    for process in processes:
        process.join()
    return results


def _share(address: Address, plan: Plan, share: range, barrier: Any, queue: Any) -> None:
    store = address.open()
    queue.put((share, _race(store, plan, share, barrier)))
    store.close()


def _race(store: SessionStore, plan: Plan, share: range, barrier: Any) -> list[list[Any]]:
    results: list[list[Any]] = [[None] * CLIENTS for _ in plan]

    def client(number: int) -> None:
        for round_number, calls in enumerate(plan):
            planned = calls[number]
            barrier.wait(PATIENCE)
            if planned is not None:
                try:
                    answer = getattr(store, planned.method)(*planned.args, **planned.options)
                except StoreUnavailableError as error:
                    answer = f"{error}: {error.__cause__}"
                results[round_number][number] = answer

    threads = [threading.Thread(target=client, args=(number,)) for number in share]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
