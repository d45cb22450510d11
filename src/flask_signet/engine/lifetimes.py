"""How long sessions live, and for how long what has ended is remembered. All in seconds."""

from __future__ import annotations

from typing import Any

from ..options.lifetime import lifetime_seconds
from ..sessions.session import NEVER
from .setup import Setup


class Lifetimes(Setup):
    """The moments that follow from the options, each in seconds since 1970."""

    __slots__ = ()

    def idle_seconds(self, now: float, remember: bool | None = None) -> float:
        """Seconds that a session lives without a refresh.

        :param remember: what its log-in decided; False: not longer than
            ``JWT_REFRESH_SHORT_IDLE_EXPIRES``.
        """
        idle = self.settings.refresh_idle_expires
        lifetime = self.settings.refresh_expires if idle is None else idle
        lifetimes = [lifetime]
        if remember is False:
            lifetimes.append(self.settings.refresh_short_idle_expires)
        found = (lifetime_seconds(each, now) for each in lifetimes)
        return min(NEVER if seconds is None else seconds for seconds in found)

    def absolute_end(self, opened_at: float) -> float:
        """When a session that was opened then ends, however often it is refreshed."""
        seconds = lifetime_seconds(self.settings.refresh_absolute_expires, opened_at)
        return NEVER if seconds is None else opened_at + seconds

    def refuse_until(self, now: float) -> float:
        """When the last access token of a session that ends now has expired by itself.

        Its refresh tokens need no entry: a session that is gone takes none.
        """
        seconds = lifetime_seconds(self.settings.access_expires, now)
        return NEVER if seconds is None else now + seconds + self.settings.leeway + 1

    def longest_life(self, now: float) -> float:
        """When the last token that was issued until now, by the options of now, has expired."""
        settings = self.settings
        lifetimes = [settings.access_expires, settings.refresh_expires]
        if settings.refresh_idle_expires is not None:
            lifetimes.append(settings.refresh_idle_expires)
        ends = []
        for lifetime in lifetimes:
            seconds = lifetime_seconds(lifetime, now)
            ends.append(NEVER if seconds is None else now + seconds + settings.leeway + 1)
        return max(ends)

    def is_longer_than_refused(self, expires_delta: Any) -> bool:
        """Whether an access token would outlive the entry that refuses it.

        The entry of a session that ends lives as long as the option's access tokens do, see
        :meth:`refuse_until`.

        :param expires_delta: what an application wants instead of the option; None: the option.
        """
        if self.storage is None or expires_delta is None:
            return False
        now = self.clock()
        most = lifetime_seconds(self.settings.access_expires, now)
        seconds = lifetime_seconds(expires_delta, now)
        return most is not None and (seconds is None or seconds > most)
