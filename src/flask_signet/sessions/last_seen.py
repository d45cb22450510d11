"""When a session was last in use: for its owner to see, in the list of sessions.

A note is a write, so a process makes one for a session at most once a minute, and none at all
while the store is in trouble: no request waits, or fails, for the sake of a note.
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
    """The sessions that this process has noted, each for a minute.

    It may forget one before its minute is over, at the cost of a write that changes nothing: the
    store itself looks at what it has.
    """

    __slots__ = ("_moments", "_paused_until")

    def __init__(self) -> None:
        self._moments: dict[str, float] = {}
        self._paused_until = float("-inf")

    def note(self, store: SessionStore, sid: str, moment: float, issued_at: float) -> None:
        """Note that the session is in use, if it is time. Never raises.

        :param issued_at: when the token that uses it was issued, by a log-in or a refresh. Both
            noted it, so a young token needs no note.
        """
        if not self.is_due(sid, moment, issued_at):
            return
        if len(self._moments) >= _MAX_NOTED:
            self._moments = {}  # another dict: other threads are reading this one
        self._moments[sid] = moment
        try:
            store.touch(sid, now=moment)
        except StoreUnavailableError as error:
            log.warning("the use of a session could not be noted: %s", error.__cause__ or error)
            self._paused_until = moment + SEEN_EVERY

    def is_due(self, sid: str, moment: float, issued_at: float) -> bool:
        """Whether :meth:`note` would make a note. Of most requests it would not."""
        # To both sides: a clock that steps back must not silence a session until it has caught up.
        if abs(moment - self._moments.get(sid, issued_at)) < SEEN_EVERY:
            return False
        return not moment < self._paused_until <= moment + SEEN_EVERY
