"""When a token without a session was issued, to the microsecond.

``iat`` is whole seconds. "Log out everywhere" is a moment within a second, and a log-in may follow
in the same second. So where there is a store, a token without a session has one more claim. (A
token of a session has ``auth_time``, which is as precise.)
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, isfinite
from typing import Any, Final

ISSUED_CLAIM: Final = "signet_iat"
"""When a token without a session was issued, in seconds since 1970, with fractions."""

_NEXT: Final = 0.000_01
"""Seconds by which a token is dated after a log-out everywhere, at least."""


def issued_at(claims: Mapping[str, Any]) -> float:
    """When a token of ours without a session was issued; 0 where it does not say.

    The precise time counts only if it lies within the second of ``iat``.
    """
    second, precise = number(claims.get("iat")), number(claims.get(ISSUED_CLAIM))
    return precise if floor(precise) == floor(second) else second


def number(value: Any) -> float:
    """A claim that is a finite number; else 0."""
    return float(value) if type(value) in (int, float) and isfinite(value) else 0.0


class Moments:
    """The order of this process's log-outs everywhere and log-ins within one second.

    A clock may give the same tick twice.
    """

    __slots__ = ("_ended", "_issued")

    def __init__(self) -> None:
        self._ended = self._issued = 0.0

    def ended(self, moment: float) -> float:
        """The moment of a log-out everywhere now: not before a token that was issued already."""
        if floor(self._issued) == floor(moment):
            moment = max(moment, self._issued)
        self._ended = moment
        return moment

    def issued(self, moment: float) -> float:
        """The moment of a token that is issued now: after a log-out everywhere before it."""
        second = floor(moment)
        if second <= self._ended < second + 1:
            moment = self._issued = min(max(moment, self._ended + _NEXT), second + 0.999_999)
        return round(moment, 6)
