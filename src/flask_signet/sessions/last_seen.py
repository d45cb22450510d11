"""When a session was last in use: its owner sees it in the list of sessions.

A note is a write. So a process writes one for a session at most once a minute, and none while the
store is failing: no request waits long, or fails, because of a note.
"""

from __future__ import annotations

import logging
from typing import Final

from ..exceptions import StoreUnavailableError
from .session import SEEN_EVERY
from .store import SessionStore

log: logging.Logger = logging.getLogger("flask_signet")

_MAX_NOTED: Final = 10_000


class Noted:
    """The sessions whose use this process has noted, each for a minute.

    It may forget a session before the minute is over. That costs one write that changes nothing:
    the store looks at its own ``last_seen_at`` first.
    """

    __slots__ = ("_moments", "_paused_until")

    def __init__(self) -> None:
        self._moments: dict[str, float] = {}
        self._paused_until = float("-inf")

    def note(self, store: SessionStore, sid: str, moment: float, issued_at: float) -> None:
        """Note that the session is in use, if a note is due. Never raises.

        :param moment: now, in seconds since 1970.
        :param issued_at: when the token in use was issued, by a log-in or a refresh. Each of them
            wrote a note, so a young token needs none.
        """
        if not self.is_due(sid, moment, issued_at):
            return
        if len(self._moments) >= _MAX_NOTED:
            self._moments = {}  # a new dict: other threads may be reading the old one
        self._moments[sid] = moment
        try:
            store.touch(sid, now=moment)
        except StoreUnavailableError as error:
            log.warning("the use of a session could not be noted: %s", error.__cause__ or error)
            self._paused_until = moment + SEEN_EVERY

    def is_due(self, sid: str, moment: float, issued_at: float) -> bool:
        """Whether :meth:`note` would write. For most requests it would not."""
        # The distance counts in both directions: after a clock stepped back, a session must not go
        # without notes until the clock has caught up.
        if abs(moment - self._moments.get(sid, issued_at)) < SEEN_EVERY:
            return False
        return not moment < self._paused_until <= moment + SEEN_EVERY
