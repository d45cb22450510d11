"""What lies in the keys, and the records that it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...sessions.session import (
    Device,
    Kind,
    Revocation,
    Session,
    microseconds,
    seconds,
)

_KINDS: Final[dict[str, Kind]] = {"jti": "jti", "sid": "sid", "subject": "subject"}


def session_fields(session: Session) -> list[Any]:
    """The hash of a session: names and values, in turns."""
    times = ("created_at", "rotated_at", "last_seen_at", "expires_at", "absolute_expires_at")
    texts = ("sid", "subject", "jti", "previous_jti", "memo")
    fields: dict[str, Any] = {
        **{name: getattr(session, name) for name in texts},
        **{name: microseconds(getattr(session, name)) for name in times},
        **session.device._asdict(),
        # Sessions from before these fields have none of them; no step of `upgrade` is needed.
        "replaced": session.replaced,
        "unseen": int(session.unseen),
        "last_user_agent": session.last_device.user_agent,
        "last_address": session.last_device.address,
    }
    return [item for pair in fields.items() for item in pair]


def to_session(flat: Sequence[str]) -> Session:
    """The session of a hash, which comes as names and values in turns."""
    row = dict(zip(flat[::2], flat[1::2], strict=True))
    return Session(
        sid=row["sid"],
        subject=row["subject"],
        jti=row["jti"],
        previous_jti=row["previous_jti"],
        created_at=seconds(int(row["created_at"])),
        rotated_at=seconds(int(row["rotated_at"])),
        last_seen_at=seconds(int(row["last_seen_at"])),
        expires_at=seconds(int(row["expires_at"])),
        absolute_expires_at=seconds(int(row["absolute_expires_at"])),
        memo=row["memo"],
        replaced=row.get("replaced", ""),
        unseen=row.get("unseen") == "1",
        device=Device(row["user_agent"], row["address"], row["label"]),
        last_device=Device(row.get("last_user_agent", ""), row.get("last_address", "")),
    )


def to_revocation(text: str) -> Revocation:
    """The entry of a line of the log.

    :raises ValueError: if it is no such line.
    :raises KeyError: if there is no such kind.
    """
    expires, not_before, kind, spared, value = text.split(" ", 4)
    return Revocation(
        kind=_KINDS[kind],
        value=value,
        expires_at=seconds(int(expires)),
        not_before=seconds(int(not_before)),
        except_sid=spared,
    )


def listed_revocation(member: str, expires: float, everywhere: str | None) -> Revocation:
    """The entry of a member of the set ``revoked``.

    :param expires: the member's score: microseconds since 1970.
    :param everywhere: for a subject's entry: its value in ``subjects``.
    """
    kind, _, value = member.partition(":")
    entry = Revocation(_KINDS[kind], value, seconds(int(expires)))
    if kind != "subject" or not everywhere:
        return entry
    not_before, _, spared = everywhere.partition(":")
    return entry._replace(not_before=seconds(int(not_before)), except_sid=spared)
