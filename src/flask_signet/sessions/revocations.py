"""A process's view of what is revoked, kept in step with the store.

A check of a token costs no round trip: the live entries are in memory, and each check polls the
store's follower, without waiting. That nothing arrives does not prove that the connection works. So
at least every half ``max_staleness`` the view asks the store for what is new. When the view is
older than ``max_staleness``, or has not read everything yet, it asks the store about the token
itself. When the store does not answer, it is unknown whether the token is good:
:class:`~flask_signet.exceptions.StoreUnavailableError`, 503.

There is no thread: nothing to start after a fork, nothing that competes for the interpreter.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from typing import Final

from ..exceptions import StoreUnavailableError
from ..forks import own_lock
from .id_set import IdSet
from .printable import printable
from .session import MAX_SUBJECT, Presented, Revocation, ended_by, latest_issue, stored_id
from .store import Follower, SessionStore, Synced

log: logging.Logger = logging.getLogger("flask_signet")

_LAST_MINUTE: Final = 60.0

_STEP: Final = 1.0
"""Seconds by which ``now`` may go back between two requests before the clock counts as set back."""


class Absence:
    """Since when this process has seen that there is no store.

    A store that is set up now refuses what was issued before: it may have been revoked, in a store
    that was lost. A process that found none, again and again, knows better about the last minute:
    nothing can have been revoked then. So a log-in without a session goes on that came before the
    store did.
    """

    __slots__ = ("_last", "_since")

    def __init__(self) -> None:
        self._since = self._last = float("-inf")

    def note(self, now: float) -> None:
        """The store does not answer now, or is not set up.

        :param now: seconds since 1970.
        """
        if not self._last <= now <= self._last + _LAST_MINUTE:
            self._since = now
        self._last = now

    def began(self, born_at: float) -> float:
        """From when on nothing was revoked that a store which was set up then does not know."""
        if abs(born_at - self._last) > _LAST_MINUTE:
            return born_at
        return min(born_at, max(self._since, born_at - _LAST_MINUTE))


class RevocationView:
    """What is revoked, as this process knows it. Safe for threads, and after a fork.

    :param store: the store that it follows.
    :param max_staleness: seconds. After a revocation was acknowledged in another process, this
        process may accept the token for at most so long, even if the store's announcement got
        lost. 0 asks the store every time.
    :param pause: seconds in which a store that failed is not asked again. Meanwhile requests are
        refused at once, and do not queue up behind a server that hangs.
    :param absence: what this process has seen before.
    :param on_another_epoch: is called when the store turns out to have been emptied or exchanged.
    :param monotonic: a clock that never steps, in seconds.
    """

    def __init__(
        self,
        store: SessionStore,
        *,
        max_staleness: float = 2.0,
        pause: float = 0.5,
        on_another_epoch: Callable[[], object] = lambda: None,
        absence: Absence | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._max_staleness = max_staleness
        self._pause = pause
        self._on_another_epoch = on_another_epoch
        self._absence = absence or Absence()
        self._monotonic = monotonic
        self._lock = own_lock()
        self._inherited: list[object] = []
        self._tokens = IdSet()
        self._sessions = IdSet()
        self._subjects: dict[str, Revocation] = {}
        self._epoch = ""
        self._born_at = 0.0
        self._emptied_at = float("-inf")
        self._swept_at = float("-inf")
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._follower: Follower | None = None
        self._synced_at = float("-inf")  # when the question was sent, by the monotonic clock
        self._line_is_dead = False
        self._doubts = 0
        self._sync_failed_at = float("-inf")
        self._ask_failed_at = float("-inf")
        #: Whether the store failed when it was last asked anything.
        self.is_failing: bool = False

    def refuses(self, presented: Presented, *, now: float) -> bool:
        """Whether a token is revoked.

        :param now: seconds since 1970.
        :raises StoreUnavailableError: if this process is not up to date, and the store fails.
        """
        if self._pid != os.getpid():
            self._forget_parent()
        failure = self._keep_up(now)
        # An entry that is known counts, whether the store answers or not.
        if self._knows(presented, now):
            return True
        if self._monotonic() - self._synced_at <= self._max_staleness:
            return False
        if failure is not None and not failure.is_partial:
            raise failure  # one request waits at most once for a store that hangs
        return self._ask(presented, now)

    def knows(self, presented: Presented, *, now: float) -> bool:
        """Whether this process knows that the token is revoked. The store is not asked about it.

        For a caller that asks the store in another way afterwards, by a rotation say. Never raises.
        """
        if self._pid != os.getpid():
            self._forget_parent()
        # A poll does not wait. A sync might, and the caller's own question may wait already.
        lock = self._lock()
        if self._max_staleness > 0 and lock.acquire(blocking=False):
            try:
                self._poll()
            finally:
                lock.release()
        return self._knows(presented, now)

    def _knows(self, presented: Presented, now: float) -> bool:
        jti, sid, subject, issued_at = presented
        if jti and self._tokens.count and self._tokens.has(stored_id(jti), now):
            return True
        if sid and self._sessions.count and self._sessions.has(stored_id(sid), now):
            return True
        if self._subjects:
            entry = self._subjects.get(stored_id(subject, MAX_SUBJECT))
            if (
                entry is not None
                and now < entry.expires_at
                and ended_by(issued_at, stored_id(sid), entry)
            ):
                return True
        if self._born_at and latest_issue(issued_at) < self._born_at:
            return True
        return issued_at <= self._emptied_at

    # ── keeping up ───────────────────────────────────────────────────────────────────────

    def _keep_up(self, now: float) -> StoreUnavailableError | None:
        """Poll, and ask for what is new if it is time. One thread does it, the others go on.

        :return: the store's failure. It matters to the request only if the view is too old.
        """
        lock = self._lock()
        if self._max_staleness <= 0 or not lock.acquire(blocking=False):
            return None
        try:
            self._poll()
            age = self._monotonic() - self._synced_at
            if now < self._swept_at - _STEP:
                self._read_again()
            if age >= self._max_staleness / 2 or self._line_is_dead:
                self._sync(now)
        except StoreUnavailableError as error:
            why = printable(error.__cause__ or error)
            log.warning("the list of revocations can't be followed: %s", why)
            self._sync_failed_at = self._monotonic()
            self._absence.note(now)
            self.is_failing = True
            return error
        finally:
            lock.release()
        return None

    def _poll(self) -> None:
        if self._follower is None:
            return
        try:
            news = self._follower.poll()
        except StoreUnavailableError:
            self._line_is_dead = True
        else:
            if news:
                self._learn(news)

    def _sync(self, now: float) -> None:
        if self._monotonic() - self._sync_failed_at < self._pause:
            return
        if self._follower is None:
            self._follower = self._store.follow()
        asked_at, doubts = self._monotonic(), self._doubts
        synced = self._follower.sync()
        self._line_is_dead = self.is_failing = False
        self._learn(synced.entries)
        if not self._epoch:
            self._born_at = self._absence.began(synced.born_at)
        elif synced.epoch != self._epoch:
            self._see_another_epoch(synced, now)
        elif synced.born_at < self._born_at:  # the operator has said meanwhile that it is the first
            self._born_at = synced.born_at
        self._epoch = synced.epoch
        if synced.complete and doubts == self._doubts:
            self._synced_at = asked_at
        self._tokens.sweep(now)
        self._sessions.sweep(now)
        self._sweep_subjects(now)
        self._swept_at = max(now, self._swept_at)

    def _see_another_epoch(self, synced: Synced, now: float) -> None:
        log.error(
            "the session store was emptied or exchanged: what it refused is lost, so every token "
            "from before is refused"
        )
        # A store that was set up as the first one there ever was does not say when it began. This
        # process knows better: there was another one.
        self._emptied_at = float("-inf") if synced.born_at else now
        self._born_at = synced.born_at
        self._on_another_epoch()

    def _read_again(self) -> None:
        """Read the whole list again: the clock stepped back.

        Entries that had expired, and were dropped, may be in force again.
        """
        if self._follower is not None:
            self._follower.close()
        self._follower = None
        self._line_is_dead = True
        self._synced_at = self._swept_at = float("-inf")

    def _learn(self, entries: Iterable[Revocation]) -> None:
        for entry in entries:
            if entry.kind == "jti":
                self._tokens.add(entry.value, entry.expires_at)
            elif entry.kind == "sid":
                self._sessions.add(entry.value, entry.expires_at)
            else:
                before = self._subjects.get(entry.value)
                # A scan of the store may bring an entry that is older than one announced.
                if before is None or before.not_before <= entry.not_before:
                    self._subjects[entry.value] = entry

    def _sweep_subjects(self, now: float) -> None:
        # Other threads may be reading the dict, so it is replaced. It is short.
        if any(entry.expires_at <= now for entry in self._subjects.values()):
            self._subjects = {
                subject: entry
                for subject, entry in self._subjects.items()
                if entry.expires_at > now
            }

    def _ask(self, presented: Presented, now: float) -> bool:
        if self._monotonic() - self._ask_failed_at < self._pause:
            raise StoreUnavailableError
        try:
            answer = self._store.is_revoked(presented, now=now)
        except StoreUnavailableError as error:
            if not error.is_partial:
                self._ask_failed_at = self._monotonic()
                self._absence.note(now)
            self.is_failing = True
            raise
        self.is_failing = False
        return answer

    def _forget_parent(self) -> None:
        # The connection is still the parent's: it must not be used here, nor closed.
        with self._lock():
            if self._pid != os.getpid():  # no other thread of the child was faster
                self._inherited.append(self._follower)
                self._begin()

    def doubt(self) -> None:
        """Have the next check ask the store: this process has just revoked something.

        An announcement takes time to arrive, also in the process that caused it.
        """
        self._doubts += 1  # a sync in another thread may have begun before the revocation
        self._line_is_dead = True
        self._synced_at = float("-inf")

    def close(self) -> None:
        """Close the follower's connection. The view opens a new one if it is used again."""
        if self._pid != os.getpid():
            self._forget_parent()
        with self._lock():
            if self._follower is not None:
                self._follower.close()
            self._begin()

    def __len__(self) -> int:
        """How many entries are in memory."""
        return len(self._tokens) + len(self._sessions) + len(self._subjects)

    def __repr__(self) -> str:
        age = self._monotonic() - self._synced_at
        return f"<RevocationView of {len(self)} entries, {age:.3f} s old>"
