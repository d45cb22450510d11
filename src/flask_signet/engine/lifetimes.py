"""How long sessions live, and for how long what has ended is remembered. All in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from ..options.lifetime import lifetime_seconds
from ..sessions.session import NEVER
from .setup import Setup


def is_of_session(claims: Mapping[str, Any]) -> bool:
    """Whether a token belongs to a session that the store keeps, or kept."""
    return isinstance(claims.get("sid"), str) and "auth_time" in claims


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
        """When the last access token of a session that ends now has expired, by the options.

        Its refresh tokens need no entry: a session that is gone takes none. If longer tokens were
        given out, the store knows it: see :meth:`cover`.
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

    def cover(self, claims: Mapping[str, Any], moment: float) -> None:
        """Have the store remember what ends for as long as a token lives that is about to go out.

        What was given out counts, also after a deployment that shortens the options.

        :param claims: those of the token.
        :raises StoreUnavailableError: if the store does not answer, and nothing else refuses the
            token for as long as it lives.
        """
        of_session, expires = is_of_session(claims), claims.get("exp", NEVER)
        # A session that is gone takes no refresh token, whatever the list says.
        takes_no_entry = of_session and claims.get("type") == "refresh"
        if self.storage is None or takes_no_entry or type(expires) not in (int, float):
            return
        life = ceil(expires - moment) + self.settings.leeway + 1 if expires != NEVER else NEVER
        if not self.storage.covers(life, of_session=of_session):
            is_usual = not of_session and moment + life <= self.longest_life(moment)
            self.storage.cover(life, moment, of_session=of_session, is_usual=is_usual)
