"""Rows of the tables, and the records that they become."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from ...sessions.session import (
    UNKNOWN_DEVICE,
    Device,
    Revocation,
    Session,
    microseconds,
    seconds,
)


def session_values(session: Session) -> dict[str, object]:
    """The row of a session: values by column."""
    return {
        "sid": session.sid,
        "subject": session.subject,
        "jti": session.jti,
        "previous_jti": session.previous_jti,
        "created_at": microseconds(session.created_at),
        "rotated_at": microseconds(session.rotated_at),
        "last_seen_at": microseconds(session.last_seen_at),
        "expires_at": microseconds(session.expires_at),
        "absolute_expires_at": microseconds(session.absolute_expires_at),
        "user_agent": session.device.user_agent,
        "address": session.device.address,
        "label": session.device.label,
        "last_user_agent": session.last_device.user_agent,
        "last_address": session.last_device.address,
        "memo": session.memo,
        "replaced": session.replaced,
        "unseen": int(session.unseen),
    }


def to_session(row: Row[Any]) -> Session:
    """The session of a row."""
    device = Device(row.user_agent, row.address, row.label)
    last = Device(row.last_user_agent, row.last_address)
    if last == UNKNOWN_DEVICE and not row.previous_jti:
        last = device._replace(label="")  # a process of version 3 opened it, and nobody rotated it
    return Session(
        sid=row.sid,
        subject=row.subject,
        jti=row.jti,
        previous_jti=row.previous_jti,
        created_at=seconds(row.created_at),
        rotated_at=seconds(row.rotated_at),
        last_seen_at=seconds(row.last_seen_at),
        expires_at=seconds(row.expires_at),
        absolute_expires_at=seconds(row.absolute_expires_at),
        memo=row.memo,
        replaced=row.replaced,
        unseen=bool(row.unseen),
        device=device,
        last_device=last,
    )


def revocation_values(entry: Revocation, number: int, mark: str) -> dict[str, object]:
    """The row of an entry of the list of revocations: values by column."""
    return {
        "kind": entry.kind,
        "value": entry.value,
        "number": number,
        "expires_at": microseconds(entry.expires_at),
        "not_before": microseconds(entry.not_before),
        "except_sid": entry.except_sid,
        "mark": mark,
    }


def to_revocation(row: Row[Any]) -> Revocation:
    """The entry of a row."""
    return Revocation(
        kind=row.kind,
        value=row.value,
        expires_at=seconds(row.expires_at),
        not_before=seconds(row.not_before),
        except_sid=row.except_sid,
    )
