"""A connection of psycopg's whose every wait ends at the operation's deadline.

Psycopg waits in Python: a generator says for which event of the socket it waits, and is sent the
events that came. So the end of each wait can be decided here.
"""

from __future__ import annotations

import select
from collections.abc import Generator
from time import monotonic
from typing import Any, Final

from .engine import deadline, requests_share_the_thread

_ACTIVE: Final = 1  # libpq's PQTRANS_ACTIVE: a command is under way
_READABLE, _WRITABLE = 1, 2  # psycopg.waiting's Wait and Ready
_STEP: Final = 100  # milliseconds of one wait, as in psycopg itself

_Steps = Generator[Any, int, Any]


def bounded_connection(dbapi: Any, timeout: float) -> Any:
    """Psycopg's connection class, with an end to every wait.

    :param dbapi: the module ``psycopg``, from SQLAlchemy's dialect.
    :param timeout: seconds, for a wait outside of the store's operations.
    """

    def until_deadline(steps: _Steps, descriptor: int = -1) -> _Steps:
        """The same steps. Psycopg comes back whenever nothing arrives for 0.1 s."""
        given = deadline.get()
        end = given if given is not None else monotonic() + timeout
        is_shared = requests_share_the_thread()
        try:
            waits_for = next(steps)
            while True:
                if is_shared:
                    ready = _poll(waits_for, descriptor)
                else:
                    ready = yield waits_for
                if not ready and monotonic() >= end:
                    raise dbapi.OperationalError("the server did not answer in time")
                waits_for = steps.send(ready)
        except StopIteration as stop:
            return stop.value

    class BoundedConnection(dbapi.Connection):  # type: ignore[misc]  # psycopg comes from the dialect
        def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
            waiting = until_deadline(gen, self.pgconn.socket)
            try:
                return super().wait(waiting, *args, **kwargs)
            except dbapi.OperationalError:
                if not self.closed and self.pgconn.transaction_status == _ACTIVE:
                    self.close()  # half of an answer was read: the connection is of no more use
                raise

        @classmethod
        def _connect_gen(cls, *args: Any, **kwargs: Any) -> Any:
            return until_deadline(super()._connect_gen(*args, **kwargs))

    return BoundedConnection


def _poll(waits_for: Any, descriptor: int) -> int:
    """What psycopg's own waiting would find within 0.1 s, by the ``poll`` that gevent patched."""
    if isinstance(waits_for, tuple):  # while a connection is being made
        descriptor, waits_for = waits_for
    wanted = select.POLLIN if waits_for & _READABLE else 0
    wanted |= select.POLLOUT if waits_for & _WRITABLE else 0
    poll = select.poll()
    poll.register(descriptor, wanted)
    found = [events for _, events in poll.poll(_STEP)]
    if not found:
        return 0
    ready = _READABLE if found[0] & select.POLLIN else 0
    ready |= _WRITABLE if found[0] & select.POLLOUT else 0
    return ready or waits_for  # the connection broke: libpq finds out how
