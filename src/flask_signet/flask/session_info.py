"""A session, as its owner is shown it."""

from __future__ import annotations

from typing import NamedTuple

from ..sessions.session import Place, Session


class SessionInfo(NamedTuple):
    """A session, for its owner to recognize. Times are seconds since 1970; there is no token.

    ``user_agent`` and ``address`` are of the log-in; ``last_user_agent`` and ``last_address`` are
    of the last refresh. ``expires_at`` moves with each refresh; ``current`` marks the session of
    this request.
    """

    sid: str
    created_at: float
    last_seen_at: float
    expires_at: float
    user_agent: str
    address: str
    label: str
    current: bool
    last_user_agent: str = ""
    last_address: str = ""

    @classmethod
    def of(cls, session: Session, *, current: bool) -> SessionInfo:
        """What a session's row tells its owner."""
        return cls(
            session.sid,
            session.created_at,
            session.last_seen_at,
            session.expires_at,
            session.device.user_agent,
            session.device.address,
            session.device.label,
            current,
            session.last_device.user_agent,
            session.last_device.address,
        )

    @property
    def place(self) -> str:
        """Where the session is in the list of its user's: for ``list_sessions(after=…)``."""
        return str(Place(self.created_at, self.sid))
