"""Keys that are kept somewhere and may change there: the ring of this moment.

What can't be read again is logged, and the keys of before go on: no request fails for it. A source
is read in a thread beside the requests, as it may be slow, or hang. Who waits for a reading:

==============================  ================================================================
the keys were read lately       nobody
``refresh`` seconds ago         the request that finds it, for 2 seconds at most; the others go on
                                with the keys that there are
twice as long ago               every request, until 2 seconds after the reading began: this process
                                was idle, and others sign with the next key by now
there are none yet              every request, until 5 seconds after the reading began
==============================  ================================================================

So a source that hangs costs each request one wait. Until a reading has succeeded in time, no
request waits again: it gets the keys that there are, or a 503 if there are none.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from ..exceptions import (
    ConfigurationError,
    InvalidKeyError,
    KeysUnavailableError,
    SignetError,
    StoreUnavailableError,
)
from ..forks import own_lock
from ..jose.jwk import Key
from .beside import start_thread
from .published import each_once
from .reading import warn_of_weak
from .ring import KeyRing
from .schedule import KeySchedule, NoKeyError
from .sources import KeySource

log: logging.Logger = logging.getLogger("flask_signet")

PATIENCE: Final = 2.0
"""Seconds after which a reading is waited for no longer, if there are keys."""

FIRST_PATIENCE: Final = 5.0
"""The same if there are no keys yet."""

BRIEFLY: Final = 0.5
"""Seconds after which a reading that failed has held up a request: the next ones don't wait."""

PAUSE: Final = 1.0
"""Seconds from such a failure to the next reading, while there are no keys yet."""

GIVEN_UP_AFTER: Final = 60.0
"""Seconds after which another reading begins beside one that does not end; twice as many after the
next one, and so on: each such reading keeps a thread."""


class _Reading:
    """One reading of the source, from its beginning to its end."""

    __slots__ = ("begun_at", "done", "error", "traceback")

    def __init__(self, begun_at: float) -> None:
        # `threading.Event`, not an imported name: gevent replaces the members of the module, maybe
        # after this file was imported.
        self.done = threading.Event()
        self.begun_at = begun_at
        self.error: Exception | None = None
        self.traceback: TracebackType | None = None

    def fail(self, error: Exception) -> None:
        self.error, self.traceback = error, error.__traceback__


def _told(error: Exception) -> str:
    """An error with its mend, if making a key mends it."""
    mend = "; make one with `flask jwt keys generate`" if isinstance(error, NoKeyError) else ""
    return f"{error}{mend}"


class LiveKeys:
    """The keys of ``JWT_KEYS``, read again every so often. Safe for threads, greenlets and forks.

    :param option: the option's name, for the errors.
    :param refresh: seconds from one reading to the next.
    :param one_kind: refuse secrets beside public keys.
    :param now: the wall clock in seconds since 1970, by which keys change their states.
    :param monotonic: a clock that never steps, by which the source is read again.
    :param start: runs a reading beside the request that caused it. Where it can't start anything
        (``RuntimeError``), the reading is done in the request.
    """

    are_given = True

    def __init__(
        self,
        source: KeySource,
        option: str,
        *,
        refresh: float,
        one_kind: bool = False,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        start: Callable[[Callable[[], None]], None] = start_thread,
    ) -> None:
        self.source = source
        self._option = option
        self._refresh = refresh
        self._one_kind = one_kind
        self._now = now
        self._monotonic = monotonic
        self._start = start
        self._lock = own_lock()  # never held while anything waits, or is logged
        self._loaded_at = float("-inf")  # when the last reading ended
        self._look_again_at = float("-inf")
        self._schedule: KeySchedule | None = None
        self._ring: KeyRing | None = None
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._reading: _Reading | None = None
        self._read_at = float("-inf")  # when the last one began
        self._failed: _Reading | None = None  # the last one, if it failed and there are no keys
        self._hangs = False  # until a reading has succeeded in time
        self._give_up_after = GIVEN_UP_AFTER

    def ring(self) -> KeyRing:
        """The keys of this moment.

        :raises ConfigurationError: if the keys can't be read, and never could.
        :raises StoreUnavailableError: if the same is because the store does not answer.
        :raises KeysUnavailableError: if their source does not answer, and never did.
        """
        ring = self._ring
        if ring is not None and self._monotonic() < self._look_again_at:
            return ring
        reading, is_begun = self._reading_of_now()
        if reading is not None:
            if is_begun:
                self._run(reading)
            self._wait_for(reading, is_begun=is_begun)
        return self._by_the_clock(reading)

    def read(self) -> KeyRing:
        """The same, read in this thread, however long it takes: for an application that starts.

        :raises ConfigurationError: if the keys can't be read.
        """
        reading, is_begun = self._reading_of_now()
        if reading is not None and is_begun:
            self._read(reading)
        return self._by_the_clock(reading)

    def schedule(self) -> KeySchedule:
        """All keys with their moments, as they were last read.

        :raises ConfigurationError: as :meth:`ring`.
        """
        self.ring()
        return self._schedule or KeySchedule()

    def signing_key(self) -> Key:
        """The key that signs.

        :raises ConfigurationError: if there is none, or none yet; else as :meth:`ring`.
        """
        signing = self.ring().signing_key
        if signing is None:
            raise ConfigurationError(f"{self._option} has no key that signs, or none yet")
        return signing

    def published(self, now: float) -> list[dict[str, Any]]:
        """The public JWKs of the keys that verify, the next key included; none of a secret.

        :raises ConfigurationError: as :meth:`ring`.
        """
        return each_once(self.schedule().to_publish(now))

    # ── one reading at a time ────────────────────────────────────────────────────────────

    def _reading_of_now(self) -> tuple[_Reading | None, bool]:
        """The reading that is under way; a new one, and True, if it is time for one."""
        with self._lock():
            if self._pid != os.getpid():
                self._begin()  # a forked child: its parent's reading does not end here
            moment, reading, given_up = self._monotonic(), self._reading, False
            if reading is not None:
                if moment - reading.begun_at < self._give_up_after:
                    return reading, False
                self._give_up_after *= 2
                self._hangs = given_up = True
            elif not self._is_due(moment):
                return self._failed, False
            self._read_at = moment
            self._reading = reading = _Reading(moment)
        if given_up:
            log.error("%s: a reading of the keys does not end: another begins", self._option)
        return reading, True

    def _is_due(self, moment: float) -> bool:
        if self._schedule is not None:
            return self.source.changes and moment - self._read_at >= self._refresh
        return not self._hangs or moment - self._loaded_at >= PAUSE

    def _is_old(self) -> bool:
        return self._monotonic() - self._loaded_at > 2 * self._refresh

    def _run(self, reading: _Reading) -> None:
        if self.source.changes:
            try:
                self._start(lambda: self._read(reading))
            except RuntimeError:  # no thread can be started
                log.warning("%s: no thread can be started to read the keys", self._option)
            else:
                return
        self._read(reading)

    def _read(self, reading: _Reading) -> None:
        schedule = None
        try:
            found = self.source.load()
            found.ring(self._now(), one_kind=self._one_kind)
            schedule = found
        except Exception as error:  # noqa: BLE001 - an application's function may raise any error
            reading.fail(error)
        finally:
            self._end(reading, schedule)
            reading.done.set()

    def _end(self, reading: _Reading, schedule: KeySchedule | None) -> None:
        with self._lock():
            if self._reading is not reading:
                return  # it was given up
            self._reading = None
            self._loaded_at = self._monotonic()
            took = self._loaded_at - reading.begun_at
            self._hangs = took > (BRIEFLY if schedule is None else PATIENCE)
            if schedule is not None:
                self._give_up_after = GIVEN_UP_AFTER
                self._schedule, self._failed = schedule, None
                self._look_again_at = float("-inf")
                return
            has_keys = self._schedule is not None
            self._failed = None if has_keys else reading
        if has_keys:
            error = reading.error
            # Of an error that is not ours, the text may hold a secret.
            why = error if isinstance(error, InvalidKeyError | SignetError) else type(error)
            log.error("%s can't be read again, the keys of before go on: %s", self._option, why)

    def _wait_for(self, reading: _Reading, *, is_begun: bool) -> None:
        """Wait for a reading, if this request has to, and no longer than it may."""
        has_keys = self._schedule is not None
        if self._hangs or (has_keys and not is_begun and not self._is_old()):
            return
        patience = PATIENCE if has_keys else FIRST_PATIENCE
        left = reading.begun_at + patience - self._monotonic()
        if (left > 0 and reading.done.wait(left)) or reading.done.is_set():
            return
        with self._lock():
            is_news = not self._hangs and self._reading is reading
            self._hangs = self._hangs or is_news
        if is_news:
            then = "the keys of before go on" if has_keys else "there are no keys yet"
            log.error("%s: no answer within %.0f seconds; %s", self._option, patience, then)

    # ── the ring of now ──────────────────────────────────────────────────────────────────

    def _by_the_clock(self, reading: _Reading | None) -> KeyRing:
        """The keys that were read, in the states of this moment.

        :param reading: what this request has seen of a reading, for the error if there are no keys.
        """
        with self._lock():
            before, schedule = self._ring, self._schedule
            ring, error = self._turn(schedule) if schedule is not None else (None, None)
        if ring is None:
            raise self._error_of(reading if error is None else None, error)
        if before is None and schedule is not None:
            warn_of_weak([each.key for each in schedule], self._option)
        if error is not None:
            log.error("%s: %s; the keys of before go on", self._option, error)
        return ring

    def _turn(self, schedule: KeySchedule) -> tuple[KeyRing | None, InvalidKeyError | None]:
        """Set the ring and the moment at which to look again; the lock is held.

        :return: the ring, if there is any, and what is wrong with the one of now.
        """
        moment, now, refused = self._monotonic(), self._now(), None
        if self._ring is not None and moment < self._look_again_at:
            return self._ring, None  # another thread has looked meanwhile
        try:
            self._ring = schedule.ring(now, one_kind=self._one_kind)
        except InvalidKeyError as error:
            refused = error
        until = schedule.next_change(now) - now
        if self._reading is not None:
            until = min(until, BRIEFLY)
        elif self.source.changes:
            until = min(until, self._read_at + self._refresh - moment)
        self._look_again_at = moment + max(until, 0.05)
        return self._ring, refused

    def _error_of(self, reading: _Reading | None, error: Exception | None) -> Exception:
        """Why there are no keys: what :meth:`ring` raises, or what a function has raised."""
        traceback = None
        if reading is not None and reading.done.is_set():
            error, traceback = reading.error, reading.traceback
        if error is None:
            return KeysUnavailableError("The application's keys are not available")
        if isinstance(error, StoreUnavailableError):
            return error.with_traceback(traceback)  # 503: the store may answer next time
        if isinstance(error, InvalidKeyError | SignetError):
            refused = ConfigurationError(f"{self._option}: {_told(error)}")
            refused.__suppress_context__ = True
            return refused
        return error.with_traceback(traceback)
