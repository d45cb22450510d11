"""What each process needs for itself, after a fork too.

A lock that another thread holds at the moment of a fork stays locked in the child for ever: the
thread that would release it is not there. So each process has locks of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

Value = TypeVar("Value")


class PerProcess(Generic[Value]):
    """A value that each process makes for itself, at its first use. Safe for threads.

    The process is asked for its number each time: not every server that forks runs what
    ``os.register_at_fork`` was given (uWSGI does not, by default).

    :param make: makes the value. It may be called once more than is needed.
    """

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._made: dict[int, Value] = {}

    def __call__(self) -> Value:
        """The value of the process that asks."""
        pid = os.getpid()
        found = self._made.get(pid)
        if found is None:
            # One step for the interpreter: threads that come at once get one and the same value.
            found = self._made.setdefault(pid, self._make())
        return found


def own_lock() -> PerProcess[threading.Lock]:
    """A lock that no fork leaves locked: ``with lock(): …``."""
    return PerProcess(_lock)


def own_rlock() -> PerProcess[AbstractContextManager[bool]]:
    """The same for a lock that its holder may take again."""
    return PerProcess(_rlock)


# `threading.Lock`, not an imported name: gevent replaces the members of the module, maybe after
# this file was imported.


def _lock() -> threading.Lock:
    return threading.Lock()


def _rlock() -> AbstractContextManager[bool]:
    return threading.RLock()
