"""The statements of the SQL store, each made once, when this module is imported.

The name of a bound value never equals a column's: an UPDATE would write the value to that column.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Executable,
    Select,
    and_,
    bindparam,
    case,
    exists,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ...sessions.session import ENTRY_LENGTH, MAX_REPLACED, PAGE
from .schema import keys_table, revocations_table, sessions_table, store_table

WINDOW: Final = 5 * PAGE
"""How many of a subject's sessions are looked at all, to find the newest or the oldest of them."""

_store = store_table.c
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
        last_user_agent=bindparam("new_user_agent"),
        last_address=bindparam("new_address"),
    )
)

FIND = select(sessions_table).where(_session.sid == _sid, LIVE)

# ── the sessions of a subject ────────────────────────────────────────────────────────────
#
# Two indexes lead to them, and neither will do for all. By (subject, expires_at) what has expired
# is never met, but what lives has to be sorted. By (subject, created_at) the newest come first and
# what was ended everywhere is never met, but what has expired may lie between them.


def _of_entry(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column of the entry of a subject; NULL if it was never logged out everywhere."""
    theirs = select(column).where(_entry.kind == "subject", _entry.value == _subject)
    return theirs.scalar_subquery()


_NEVER: Final = 2**62
"""After all moments that are kept, which are not negative."""


class _ByEngine(FunctionElement[bool]):
    """Of two conditions that say the same, the one that the engine reads off an index."""

    inherit_cache = True
    type = Boolean()


@compiles(_ByEngine)
def _first(element: _ByEngine, compiler: Any, **options: Any) -> str:
    by_column, _ = element.clauses
    return str(compiler.process(by_column, **options))


@compiles(_ByEngine, "postgresql")
def _second(element: _ByEngine, compiler: Any, **options: Any) -> str:
    _, by_row = element.clauses
    return str(compiler.process(by_row, **options))


def _expires(*, after: ColumnElement[int], until: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a session is the subject's, and expires after a moment and not after another.

    PostgreSQL takes the index by (expires_at), and with it the sessions of all others, if it
    believes that the subject has most of them. With both columns in one comparison it has no such
    choice; MariaDB would use no index then.
    """
    both = tuple_(_session.subject, _session.expires_at)
    return _ByEngine(
        and_(
            _session.subject == _subject, _session.expires_at > after, _session.expires_at <= until
        ),
        and_(both > tuple_(_subject, after), both <= tuple_(_subject, until)),
    )


_by_expiry = (_session.subject, _session.expires_at)
_any = _expires(after=literal(-1, BigInteger), until=literal(_NEVER, BigInteger))
_lives = _expires(after=_now, until=literal(_NEVER, BigInteger))
_has_expired = _expires(after=literal(-1, BigInteger), until=_now)


_ended_at = func.coalesce(_of_entry(_entry.not_before), -1)
_spared = func.coalesce(_of_entry(_entry.except_sid), "")


def _goes_on(table: Any) -> ColumnElement[bool]:
    """Whether a session of the subject was not ended everywhere."""
    return or_(table.created_at > _ended_at, table.sid == _spared)


_after_moment: ColumnElement[int] = bindparam("after_moment", type_=BigInteger)
_after_sid: ColumnElement[str] = bindparam("after_sid", type_=_session.sid.type)
_page: ColumnElement[int] = bindparam("page", type_=BigInteger)


def _newest(statement: Select[Any], table: Any) -> Select[Any]:
    """A page of them, the newest first, after a session."""
    return (
        statement.where(
            table.created_at <= _after_moment,
            or_(table.created_at < _after_moment, table.sid < _after_sid),
        )
        .order_by(table.created_at.desc(), table.sid.desc())
        .limit(_page)
    )


_window = select(sessions_table).where(_lives).order_by(*_by_expiry).limit(WINDOW + 1).subquery()
_counted = select(_window, func.count().over().label("in_window")).subquery()

LIST_FEW = _newest(select(_counted).where(_goes_on(_counted.c)), _counted.c)
"""A page, if no more than WINDOW have not expired: ``in_window`` says so."""

_many = _newest(
    select(sessions_table).where(
        _session.subject == _subject,
        _session.created_at > _ended_at,
        _session.expires_at + 0 > _now,  # the sum keeps the database from the other index
    ),
    _session,
).subquery()
_the_spared = (
    select(sessions_table)
    .where(
        _session.sid == _spared,
        _session.subject == _subject,
        _session.created_at <= _ended_at,
        _session.expires_at > _now,
    )
    .subquery()
)
_both = union_all(select(_many), select(_the_spared)).subquery()

LIST_MANY = _newest(select(_both), _both.c)
"""A page, however many there are."""

_oldest = (
    select(_session.sid, _session.created_at)
    .where(_lives, _goes_on(_session))
    .order_by(*_by_expiry)
    .limit(bindparam("window", type_=BigInteger))
    .subquery()
)

SURPLUS = (
    select(_oldest.c.sid)
    .order_by(_oldest.c.created_at.desc(), _oldest.c.sid.desc())
    .offset(bindparam("max_sessions", type_=BigInteger))
)
"""Those beyond ``max_sessions``, the oldest last.

Of a larger number those are looked at that expire first. So many are newer than each that is found
that it is one too many in any case.
"""

LOCK = (
    select(sessions_table)
    .where(_session.sid.in_(bindparam("sids", expanding=True)))
    .order_by(_session.created_at, _session.sid)
    .with_for_update()
)
REMOVE = sessions_table.delete().where(_session.sid.in_(bindparam("sids", expanding=True)))

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


def _least(ordered: Select[Any]) -> ColumnElement[int]:
    """The first of a subject's moments, which is read off an index; one that never comes for none.

    For an EXISTS, PostgreSQL may read the whole table; for a MIN, MariaDB all that the subject has.
    """
    return func.coalesce(ordered.limit(1).scalar_subquery(), _NEVER)


MOMENTS = select(
    _store.born_at,
    func.coalesce(
        select(func.max(_session.created_at)).where(_session.subject == _subject).scalar_subquery(),
        0,
    ).label("opened_at"),
    _ended_at.label("ended_at"),
    _spared.label("spared"),
    func.coalesce(
        select(_entry.expires_at)
        .where(_entry.kind == "jti", _entry.value == bindparam("for_jti"))
        .scalar_subquery(),
        0,
    ).label("refused_until"),
    (_least(select(_session.expires_at).where(_any).order_by(*_by_expiry)) <= _now).label(
        "has_expired"
    ),
    (
        _least(
            select(_session.created_at)
            .where(_session.subject == _subject, _session.sid != _spared)
            .order_by(_session.created_at)
        )
        <= _ended_at
    ).label("has_ended"),
)
"""What opening, adopting and ending need to know. No row: the store is not set up."""

IS_REVOKED = select(
    _store.born_at,
    exists()
    .where(
        _entry.expires_at > _now,
        or_(
            # An empty id is none, so no entry is its own.
            (_entry.kind == "jti") & (_entry.value == bindparam("for_jti")) & (_entry.value != ""),
            (_entry.kind == "sid") & (_entry.value == _sid) & (_entry.value != ""),
            (_entry.kind == "subject")
            & (_entry.value == _subject)
            & (_entry.not_before >= bindparam("issued_at"))
            & or_(_entry.except_sid == "", _entry.except_sid != _sid),
        ),
    )
    .label("is_refused"),
)

# ── the store's row ──────────────────────────────────────────────────────────────────────

STORE = select(_store.version)
LIVES = select(_store.session_life, _store.token_life)

_longest_session: ColumnElement[int] = bindparam("of_session", type_=BigInteger)
_longest_token: ColumnElement[int] = bindparam("of_token", type_=BigInteger)
_of_session_is_longer = _store.session_life < _longest_session
_of_token_is_longer = _store.token_life < _longest_token

COVER = (
    update(store_table)
    .where(or_(_of_session_is_longer, _of_token_is_longer))
    .values(
        session_life=case((_of_session_is_longer, _longest_session), else_=_store.session_life),
        token_life=case((_of_token_is_longer, _longest_token), else_=_store.token_life),
    )
)

FIRST_OF_ALL = update(store_table).where(_store.born_at != 0).values(born_at=0)

COUNT_UP = update(store_table).values(
    last_number=_store.last_number + bindparam("count", type_=BigInteger),
    mark=bindparam("new_mark"),
)
TURN: Select[*tuple[Any, ...]] = select(_store.last_number, _store.session_life, _store.token_life)
TAKE_TURN = COUNT_UP.returning(*TURN.selected_columns)

# ── following ────────────────────────────────────────────────────────────────────────────

CHANGES = (
    select(
        _store.epoch,
        _store.born_at,
        _store.last_number,
        _store.mark.label("store_mark"),
        revocations_table,
    )
    .select_from(
        store_table.outerjoin(
            revocations_table, _entry.number >= bindparam("begin", type_=BigInteger)
        ),
    )
    .order_by(_entry.number)
    .limit(bindparam("at_most", type_=BigInteger))
)
NUMBERED = select(revocations_table).where(
    _entry.number.in_(bindparam("numbers", expanding=True, type_=BigInteger))
)

# ── removing ─────────────────────────────────────────────────────────────────────────────

EXPIRED_SESSIONS = (
    select(_session.sid)
    .where(_session.expires_at <= _now)
    .order_by(_session.expires_at)
    .limit(bindparam("batch"))
)
PRUNE_SESSIONS = sessions_table.delete().where(
    _session.sid.in_(bindparam("sids", expanding=True)), _session.expires_at <= _now
)
EXPIRED_ENTRIES = (
    select(_entry.kind, _entry.value, _entry.not_before, _entry.except_sid)
    .where(_entry.expires_at <= _now)
    .order_by(_entry.expires_at)
    .limit(bindparam("batch"))
)
PRUNE_ENTRIES = revocations_table.delete().where(
    _entry.kind == bindparam("of_kind"),
    _entry.value.in_(bindparam("ids", expanding=True)),
    _entry.expires_at <= _now,
)
EXPIRED_OF_SUBJECT = (
    select(_session.sid).where(_has_expired).order_by(*_by_expiry).limit(bindparam("batch"))
)
ENDED_OF_SUBJECT = (
    select(_session.sid)
    .where(
        _session.subject == _subject,
        _session.created_at <= bindparam("ended_at", type_=BigInteger),
        _session.sid != bindparam("spared", type_=_session.sid.type),
    )
    .order_by(_session.created_at)
    .limit(bindparam("batch"))
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
