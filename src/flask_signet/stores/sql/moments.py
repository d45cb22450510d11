"""What opening, adopting and ending need to know of a store, a subject and a token."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from ...exceptions import StoreUnavailableError
from ...sessions.session import Session, latest_issue, microseconds, seconds
from . import statements
from .database import NOT_SET_UP


class Moments(NamedTuple):
    """As one statement saw them. Times are in microseconds.

    :param born_at: when the store's memory begins.
    :param opened_at: when the subject last logged in; 0 for never.
    :param ended_at: when the subject was last logged out everywhere; -1 for never.
    :param spared: the one session that went on then; empty for none.
    :param refused_until: until when the token is refused; 0 if it is not.
    :param has_expired: whether there are rows of the subject's that have expired.
    :param has_ended: whether there are rows of sessions that ended when the subject was logged out
        everywhere.
    """

    born_at: int
    opened_at: int
    ended_at: int
    spared: str
    refused_until: int
    has_expired: bool
    has_ended: bool

    @property
    def last(self) -> float:
        """When the subject last logged in or was logged out everywhere, in seconds."""
        return seconds(max(self.opened_at, self.ended_at, 0))

    def dated(self, session: Session) -> Session:
        """The session, opened after all that, and not before the store's memory begins."""
        return session.opened_after(max(self.last, seconds(max(0, self.born_at - 1))))

    def lets_in(self, issued_at: float) -> bool:
        """Whether a token may open a session that was issued then."""
        is_remembered = self.born_at <= microseconds(latest_issue(issued_at))
        return is_remembered and self.ended_at < microseconds(issued_at)


def moments(connection: Connection, subject: str, now: float, jti: str = "") -> Moments:
    """Read them.

    :raises StoreUnavailableError: if the store is not set up.
    """
    parameters = {"for_subject": subject, "for_jti": jti, "now": microseconds(now)}
    row = connection.execute(statements.MOMENTS, parameters).first()
    if row is None:
        raise StoreUnavailableError(NOT_SET_UP)
    return Moments(*row)
