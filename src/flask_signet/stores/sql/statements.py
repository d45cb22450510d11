"""The statements of the SQL store, each made once, when this module is imported.

The name of a bound value never equals a column's: an UPDATE would write the value to that column.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    bindparam,
    case,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from ...sessions.session import ENTRY_LENGTH, MAX_REPLACED
from .schema import keys_table, revocations_table, sessions_table, store_table

_session = sessions_table.c
_entry = revocations_table.c
_now: ColumnElement[int] = bindparam("now", type_=BigInteger)
_sid: ColumnElement[str] = bindparam("for_sid")
_subject: ColumnElement[str] = bindparam("for_subject")

LIVE = (_session.expires_at > _now) & ~exists().where(
    _entry.kind == "subject",
    _entry.value == _session.subject,
    _entry.not_before >= _session.created_at,
    _entry.except_sid != _session.sid,
)

_expiry: ColumnElement[int] = bindparam("expiry", type_=BigInteger)

ROTATE = (
    update(sessions_table)
    .where(
        _session.sid == _sid,
        _session.jti == bindparam("handed_in"),
        _session.memo == bindparam("old_memo"),
        LIVE,
    )
    .values(
        jti=bindparam("following"),
        previous_jti=bindparam("handed_in"),
        replaced=bindparam("entry", type_=_session.replaced.type).concat(
            func.substr(_session.replaced, 1, (MAX_REPLACED - 1) * ENTRY_LENGTH)
        ),
        unseen=1,
        rotated_at=_now,
        last_seen_at=_now,
        expires_at=case(
            (_session.absolute_expires_at < _expiry, _session.absolute_expires_at), else_=_expiry
        ),
        memo=bindparam("new_memo"),
    )
)

FIND = select(sessions_table).where(_session.sid == _sid, LIVE)

LIST = (
    select(sessions_table)
    .where(_session.subject == _subject, LIVE)
    .order_by(_session.created_at.desc(), _session.sid.desc())
)

SURPLUS = LIST.offset(bindparam("max_sessions", type_=BigInteger))

END = sessions_table.delete().where(_session.sid == _sid)
END_OF = END.where(_session.subject == _subject)

_is_long_ago = _session.last_seen_at <= bindparam("seen_before", type_=BigInteger)
_is_seen_first = (_session.unseen == 1) & (_session.jti == bindparam("refresh_jti"))

TOUCH = (
    update(sessions_table)
    .where(_session.sid == _sid, or_(_is_long_ago, _is_seen_first), LIVE)
    .values(
        last_seen_at=case((_is_long_ago, _now), else_=_session.last_seen_at),
        unseen=case((_is_seen_first, 0), else_=_session.unseen),
    )
)

CHANGE_MEMO = (
    update(sessions_table)
    .where(_session.sid == _sid, _session.memo == bindparam("old_memo"), LIVE)
    .values(memo=bindparam("new_memo"))
)

MOMENTS = select(
    select(func.max(_session.created_at)).where(_session.subject == _subject).scalar_subquery(),
    select(_entry.not_before)
    .where(_entry.kind == "subject", _entry.value == _subject)
    .scalar_subquery(),
    select(_entry.expires_at)
    .where(_entry.kind == "jti", _entry.value == bindparam("for_jti"))
    .scalar_subquery(),
)

IS_REVOKED = (
    select(_entry.number)
    .where(
        _entry.expires_at > _now,
        or_(
            (_entry.kind == "jti") & (_entry.value == bindparam("for_jti")),
            (_entry.kind == "sid") & (_entry.value == _sid),
            (_entry.kind == "subject")
            & (_entry.value == _subject)
            & (_entry.not_before >= bindparam("issued_at"))
            & or_(_entry.except_sid == "", _entry.except_sid != _sid),
        ),
    )
    .limit(1)
)

STORE = select(store_table.c.version)

CHANGES = (
    select(store_table.c.epoch, store_table.c.last_number, revocations_table)
    .select_from(
        store_table.outerjoin(revocations_table, _entry.number > bindparam("after")),
    )
    .order_by(_entry.number)
    .limit(bindparam("at_most", type_=BigInteger))
)

EXPIRED_SESSIONS = select(_session.sid).where(_session.expires_at <= _now).limit(bindparam("batch"))
PRUNE_SESSIONS = sessions_table.delete().where(
    _session.sid.in_(bindparam("sids", expanding=True)), _session.expires_at <= _now
)
EXPIRED_ENTRIES = (
    select(_entry.kind, _entry.value, _entry.not_before, _entry.except_sid)
    .where(_entry.expires_at <= _now)
    .limit(bindparam("batch"))
)
PRUNE_ENTRIES = revocations_table.delete().where(
    _entry.kind == bindparam("of_kind"),
    _entry.value.in_(bindparam("ids", expanding=True)),
    _entry.expires_at <= _now,
)
PRUNE_ENDED = sessions_table.delete().where(
    _session.subject == _subject,
    _session.created_at <= bindparam("ended_at"),
    _session.sid != bindparam("spared"),
)

NO_OPS: list[Executable] = [
    statement
    for table in (sessions_table, revocations_table, keys_table)
    for statement in (
        insert(table).from_select(list(table.c), select(table).where(false())),
        update(table).values({next(iter(table.c)): next(iter(table.c))}).where(false()),
        table.delete().where(false()),
    )
]
NO_OPS.append(update(store_table).values(id=store_table.c.id).where(false()))
"""Statements that change nothing, but need every right that the store needs."""

KEYS = select(keys_table).where(keys_table.c.id == bindparam("for_id"))
REPLACE_KEYS = (
    update(keys_table)
    .where(keys_table.c.id == bindparam("for_id"))
    .where(keys_table.c.version == bindparam("old_version"))
    .values(version=bindparam("new_version"), document=bindparam("new_document"))
)
