"""Keys that are kept somewhere and may change there: the ring of this moment.

What can't be read again is logged, and the keys of before go on: no request fails for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from ..exceptions import (
    ConfigurationError,
    InvalidKeyError,
    SignetError,
    StoreUnavailableError,
)
from ..jose.jwk import Key
from .published import each_once
from .reading import warn_of_weak
from .ring import KeyRing
from .schedule import KeySchedule, NoKeyError
from .sources import KeySource

log: logging.Logger = logging.getLogger("flask_signet")

_PATIENCE: Final = 2.0
"""Seconds that a request waits for another to read the keys, where those that there are are old."""


def _told(error: Exception) -> str:
    """An error with its mend, if making a key mends it."""
    mend = "; make one with `flask jwt keys generate`" if isinstance(error, NoKeyError) else ""
    return f"{error}{mend}"


class LiveKeys:
    """The keys of ``JWT_KEYS``, read again every so often. Safe for threads and greenlets.

    :param option: the option's name, for the errors.
    :param refresh: seconds from one reading to the next.
    :param one_kind: refuse secrets beside public keys.
    :param now: the wall clock in seconds since 1970, by which keys change their states.
    :param monotonic: a clock that never steps, by which the source is read again.
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
    ) -> None:
        self.source = source
        self._option = option
        self._refresh = refresh
        self._one_kind = one_kind
        self._now = now
        self._monotonic = monotonic
        self._lock = Lock()
        self._read_at = float("-inf")  # begun
        self._loaded_at = float("-inf")  # done
        self._look_again_at = float("-inf")
        self._schedule = KeySchedule()
        self._ring: KeyRing | None = None

    def ring(self) -> KeyRing:
        """The keys of this moment.

        :raises ConfigurationError: if the keys can't be read, and never could.
        :raises StoreUnavailableError: if the same is because the store does not answer.
        """
        ring = self._ring
        if ring is not None and self._monotonic() < self._look_again_at:
            return ring
        # One thread looks; the others go on with the ring that there is. They wait if there is
        # none, or if it is old: this process was idle while others sign with the next key. They
        # sleep instead of waiting on the lock: a lock made before gevent patched threading would
        # block its holder as well.
        until = self._monotonic() + _PATIENCE
        while not self._lock.acquire(blocking=False):
            ring = self._ring
            if ring is not None and not (self._is_old() and self._monotonic() < until):
                return ring
            time.sleep(0.001)
        try:
            return self._looked()
        finally:
            self._lock.release()

    def _is_old(self) -> bool:
        return self._monotonic() - self._loaded_at > 2 * self._refresh

    def schedule(self) -> KeySchedule:
        """All keys with their moments, as they were last read.

        :raises ConfigurationError: as :meth:`ring`.
        """
        self.ring()
        return self._schedule

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

    def _looked(self) -> KeyRing:
        moment = self._monotonic()
        if self._ring is not None and moment < self._look_again_at:
            return self._ring  # another thread has looked meanwhile
        if self._ring is None or (self.source.changes and moment - self._read_at >= self._refresh):
            try:
                self._read(moment)
            finally:
                self._loaded_at = self._monotonic()
        now = self._now()
        try:
            ring = self._schedule.ring(now, one_kind=self._one_kind)
        except InvalidKeyError as error:
            if self._ring is None:
                raise ConfigurationError(f"{self._option}: {_told(error)}") from None
            log.error("%s: %s; the keys of before go on", self._option, error)
            ring = self._ring
        until = self._schedule.next_change(now) - now
        if self.source.changes:
            until = min(until, self._read_at + self._refresh - moment)
        self._look_again_at = moment + max(until, 0.05)
        self._ring = ring
        return ring

    def _read(self, moment: float) -> None:
        self._read_at = moment
        try:
            schedule = self.source.load()
            schedule.ring(self._now(), one_kind=self._one_kind)
        except (InvalidKeyError, SignetError) as error:
            if self._ring is None and isinstance(error, StoreUnavailableError):
                raise  # 503: the store may answer next time
            if self._ring is None:
                raise ConfigurationError(f"{self._option}: {_told(error)}") from None
            log.error("%s can't be read again, the keys of before go on: %s", self._option, error)
            return
        except Exception as error:  # an application's function may raise any error
            if self._ring is None:
                raise
            log.error(
                "%s can't be read again, the keys of before go on: %s", self._option, type(error)
            )
            return
        if self._ring is None:
            warn_of_weak([each.key for each in schedule], self._option)
        self._schedule = schedule
