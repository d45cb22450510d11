"""When a session was last in use, and whether the tokens of its last refresh are in use.

The owner sees the first in the list of sessions. The second decides whether the refresh token
before the last one is still good: see :func:`.is_still_good`.

A note is a write. So a process writes one for a session at most once a minute and once after each
refresh, and none while the store is failing: no request waits long, or fails, because of a note.
"""

from __future__ import annotations

import logging
from typing import Final

from ..exceptions import StoreUnavailableError
from .printable import printable
from .session import SEEN_EVERY
from .store import SessionStore

log: logging.Logger = logging.getLogger("flask_signet")

_MAX_NOTED: Final = 10_000


class Noted:
    """The sessions whose use this process has noted, each for a minute; and the refresh tokens.

    It may forget a session before the minute is over. That costs one write that changes nothing:
    the store looks at its own ``last_seen_at`` first. So it is with a refresh token.
    """

    __slots__ = ("_moments", "_paused_until", "_seen")

    def __init__(self) -> None:
        self._moments: dict[str, float] = {}
        self._seen: set[str] = set()  # the jtis of refresh tokens
        self._paused_until = float("-inf")

    def note(
        self,
        store: SessionStore,
        sid: str,
        moment: float,
        issued_at: float,
        refresh_jti: str = "",
    ) -> None:
        """Note that the session is in use, if a note is due. Never raises.

        :param moment: now, in seconds since 1970.
        :param issued_at: when the token in use was issued, by a log-in or a refresh. Each of them
            wrote a note, so a young token needs none.
        :param refresh_jti: of the refresh token that came with it; empty for a log-in's tokens.
        """
        if not self.is_due(sid, moment, issued_at, refresh_jti):
            return
        if self._is_late(sid, moment, issued_at):
            if len(self._moments) >= _MAX_NOTED:
                self._moments = {}  # a new dict: other threads may be reading the old one
            self._moments[sid] = moment
        if refresh_jti:
            if len(self._seen) >= _MAX_NOTED:
                self._seen = set()
            self._seen.add(refresh_jti)
        try:
            store.touch(sid, now=moment, refresh_jti=refresh_jti)
        except StoreUnavailableError as error:
            why = printable(error.__cause__ or error)
            log.warning("the use of a session could not be noted: %s", why)
            self._paused_until = moment + SEEN_EVERY
            self._seen.discard(refresh_jti)

    def is_due(self, sid: str, moment: float, issued_at: float, refresh_jti: str = "") -> bool:
        """Whether :meth:`note` would write. For most requests it would not."""
        if moment < self._paused_until <= moment + SEEN_EVERY:
            return False
        is_news = refresh_jti != "" and refresh_jti not in self._seen
        return is_news or self._is_late(sid, moment, issued_at)

    def _is_late(self, sid: str, moment: float, issued_at: float) -> bool:
        # The distance counts in both directions: after a clock stepped back, a session must not go
        # without notes until the clock has caught up.
        return abs(moment - self._moments.get(sid, issued_at)) >= SEEN_EVERY
