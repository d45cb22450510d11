"""A lifetime, as an option or an argument gives it, and the seconds of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Lifetime = Any
"""A ``timedelta``, a ``dateutil`` ``relativedelta`` (which is no dependency), or False."""


def lifetime_seconds(lifetime: Any, now: float) -> float | None:
    """Seconds of a lifetime, or None for one that never ends.

    :raises TypeError: if it is not one.
    """
    if lifetime is False:
        return None
    if isinstance(lifetime, timedelta):
        return lifetime.total_seconds()
    if type(lifetime) in (int, float):
        return float(lifetime)
    if lifetime is True:
        raise TypeError("True is no lifetime")
    start = datetime.fromtimestamp(now, UTC)
    return (start + lifetime).timestamp() - now  # type: ignore[no-any-return]  # a relativedelta
