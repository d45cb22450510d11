"""The records of sessions and revocations, and the rules that all stores share.

*A session* is what one log-in opened. Its id is ``sid`` (OpenID Connect Front-Channel Logout 1.0
section 3). It is one row. The row holds the ``jti`` of its one current refresh token, the tokens
that were replaced last, and whether the current one has been seen in use. Rotation is one
conditional write on that row. So of any number of clients that refresh one token at once, exactly
one rotates it (RFC 9700 section 4.14.2).

*A revocation* is an entry in a list of what is refused although its signature and its times are
good: one token (``jti``), the tokens of one session (``sid``), or all tokens of a subject from
before a moment. It is removed when the last token that it could refuse has expired by itself.

All times are seconds since 1970, with fractions.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import inf
from typing import Final, Literal, NamedTuple

NEVER: Final = inf
"""A time that never comes: the expiry of what does not expire."""

SEEN_EVERY: Final = 60.0
"""Seconds between two writes of a session's ``last_seen_at``."""

MAX_ID: Final = 64
MAX_SUBJECT: Final = 255
MAX_USER_AGENT: Final = 255
MAX_ADDRESS: Final = 64
MAX_LABEL: Final = 100
MAX_MEMO: Final = 2000
MAX_REPLACED: Final = 8
"""How many of the refresh tokens that were replaced last a session remembers."""

_MARK_LENGTH: Final = 22  # characters of a digest: 132 bits
_MOMENT_LENGTH: Final = 18  # digits of a moment in microseconds, with zeros before it
ENTRY_LENGTH: Final = _MARK_LENGTH + _MOMENT_LENGTH
"""Characters of one of them: a digest, and a moment."""

MAX_REPLACED_TEXT: Final = MAX_REPLACED * ENTRY_LENGTH

PAGE: Final = 100
"""How many sessions a list has at most, and how many one log-in ends at most."""

_LAST_MICROSECOND: Final = 253402300799_000_000  # the end of the year 9999
_DIGEST_MARK: Final = "sha256:"
_ADOPTED_MARK: Final = "~"  # in no sid of `new_sid`
_ODD: Final = re.compile(f"\0|[\ud800-\udfff]|^{_DIGEST_MARK}")


# ── times, ids and texts as stores keep them ─────────────────────────────────────────────


def microseconds(seconds: float) -> int:
    """Whole microseconds since 1970, the form in which stores keep and compare times.

    A float of seconds has no finer resolution: at today's date neighbouring floats are 0.24 of a
    microsecond apart. Two equal times are still equal after a journey through JSON or SQL; two
    equal floats need not be.
    """
    if seconds * 1_000_000 >= _LAST_MICROSECOND:
        return _LAST_MICROSECOND
    return max(0, round(seconds * 1_000_000))


def seconds(whole: int) -> float:
    """The inverse of :func:`microseconds`."""
    return NEVER if whole >= _LAST_MICROSECOND else whole / 1_000_000


def stored_id(text: str, limit: int = MAX_ID) -> str:
    """The form in which a store keeps a ``jti``, a ``sid`` or a subject: nearly always the text.

    A text that is too long, or that some database can't hold (NUL, half a surrogate pair), becomes
    a digest. So a token with an odd ``jti`` can be revoked like any other.
    """
    if len(text) <= limit and (_is_plain(text) or not _ODD.search(text)):
        return text
    return _DIGEST_MARK + _digest(text)[:43]


def _is_plain(text: str) -> bool:
    """Whether the text is certainly not odd. Nearly every id is plain, and this is quick."""
    return text.isascii() and text.isprintable() and not text.startswith(_DIGEST_MARK)


def partition(text: str) -> str:
    """One of 64 characters, from a digest of the text.

    A session's id begins with its subject's partition. So a store that is spread over several
    machines finds a session, and all that belongs to its subject, in one place from the ``sid``.
    """
    return _digest(text)[0]


def _digest(text: str) -> str:
    return urlsafe_b64encode(sha256(text.encode("utf-8", "surrogatepass")).digest()).decode()


def new_sid(subject: str) -> str:
    """A new session id: 128 random bits after the subject's :func:`partition`; 23 characters."""
    return partition(stored_id(subject, MAX_SUBJECT)) + secrets.token_urlsafe(16)


def adopted_sid(subject: str, jti: str) -> str:
    """The id of the session that a token without a session opens, see :meth:`Session.adopting`.

    :param subject: in the form that is stored.
    """
    return partition(subject) + _ADOPTED_MARK + _digest(f"adopted\0{jti}")[:22]


def was_adopted(sid: str) -> bool:
    """Whether a session was opened by a token from before, not by a log-in.

    The tag of an owner may stand before the mark.
    """
    return _ADOPTED_MARK in sid


def bounded(text: str | None, limit: int) -> str:
    """A client's text, made fit to be kept: no NUL, no half surrogate, at most ``limit`` long."""
    kept = (text or "")[:limit].encode("utf-8", "replace").decode()
    return kept.replace("\0", "?")


def checked_memo(memo: str) -> str:
    """The memo itself.

    :raises ValueError: if it is too long, or some database can't hold it.
    """
    if len(memo) > MAX_MEMO or bounded(memo, MAX_MEMO) != memo:
        raise ValueError(f"a memo has at most {MAX_MEMO} characters, and no NUL")
    return memo


# ── sessions ─────────────────────────────────────────────────────────────────────────────


class Device(NamedTuple):
    """What the client said of itself at the log-in: for the owner to recognize, never trusted."""

    user_agent: str = ""
    address: str = ""
    label: str = ""


UNKNOWN_DEVICE: Final = Device()


def bounded_device(device: Device) -> Device:
    """A client's facts, made fit to be kept."""
    return Device(
        user_agent=bounded(device.user_agent, MAX_USER_AGENT),
        address=bounded(device.address, MAX_ADDRESS),
        label=bounded(device.label, MAX_LABEL),
    )


class Place(NamedTuple):
    """Where a session is in its subject's list, the newest first."""

    created_at: float
    sid: str

    @classmethod
    def read(cls, text: str) -> Place:
        """The inverse of ``str``.

        :raises ValueError: if it is no such text.
        """
        moment, _, sid = text.partition(".")
        if not (moment.isascii() and moment.isdigit() and len(moment) <= _MOMENT_LENGTH):
            raise ValueError("that is no place in a list of sessions")
        return cls(seconds(int(moment)), sid)

    def __str__(self) -> str:
        return f"{microseconds(self.created_at)}.{self.sid}"


@dataclass(frozen=True, slots=True)
class Session:
    """One session, as it was when the store answered. It contains no token.

    :param sid: its id, from :func:`new_sid` or from :meth:`adopting`.
    :param subject: the subject whose session it is.
    :param jti: of its one current refresh token.
    :param expires_at: the first moment at which the current refresh token is no longer accepted.
        Each rotation moves it, never beyond ``absolute_expires_at``.
    :param absolute_expires_at: the end that rotation never moves (ASVS 5.0, 7.3.2).
    :param created_at: when it was opened. The session's tokens should carry it: it decides which
        sessions end when the subject is logged out everywhere, see :func:`ended_by`.
    :param rotated_at: when the current refresh token replaced the one before: its ``iat``.
    :param last_seen_at: written by a rotation, and by ``touch`` at most once a minute.
    :param previous_jti: of the refresh token before the current one; empty before the first
        rotation.
    :param replaced: the refresh tokens that were replaced last, as :func:`replaced_entry` writes
        them, the last one first; at most :data:`MAX_REPLACED`.
    :param unseen: whether the current refresh token replaced another and has not been seen in use
        since. The answer with it may be lost, so the token before is still good.
    :param memo: what the log-in decided for the whole session, as text that the caller can read,
        at most :data:`MAX_MEMO` characters. A rotation keeps it. Never a token.
    :param device: the client at the log-in.
    :param last_device: the client at the last rotation; before the first one that of the log-in. It
        has no label.
    """

    sid: str
    subject: str
    jti: str
    expires_at: float
    absolute_expires_at: float
    created_at: float
    rotated_at: float
    last_seen_at: float
    previous_jti: str = ""
    replaced: str = field(default="", repr=False)
    unseen: bool = False
    memo: str = field(default="", repr=False)
    device: Device = UNKNOWN_DEVICE
    last_device: Device = UNKNOWN_DEVICE

    @classmethod
    def begin(
        cls,
        subject: str,
        jti: str,
        *,
        now: float,
        expires_at: float = NEVER,
        absolute_expires_at: float = NEVER,
        memo: str = "",
        device: Device = UNKNOWN_DEVICE,
    ) -> Session:
        """A new session for :meth:`.SessionStore.open_session`.

        :raises ValueError: if an id is empty, or the memo is too long.
        """
        if not subject or not jti:
            raise ValueError("a session needs a subject and a jti")
        now, device = seconds(microseconds(now)), bounded_device(device)
        return cls(
            sid=new_sid(subject),
            subject=stored_id(subject, MAX_SUBJECT),
            jti=stored_id(jti),
            expires_at=min(expires_at, absolute_expires_at),
            absolute_expires_at=absolute_expires_at,
            created_at=now,
            rotated_at=now,
            last_seen_at=now,
            memo=checked_memo(memo),
            device=device,
            last_device=device._replace(label=""),
        )

    def adopting(self, jti: str) -> Session:
        """The same session for :meth:`.SessionStore.adopt`, which a token without a session opens.

        Its id follows from the subject and the token. So two requests that adopt one token at once
        open one session. The id is no secret; nor is any ``sid``.

        :param jti: of the token that is handed in.
        """
        stored = stored_id(jti)
        return replace(
            self,
            sid=adopted_sid(self.subject, jti),
            previous_jti=stored,
            replaced=replaced_entry(stored, self.rotated_at),
            unseen=True,
        )

    @property
    def place(self) -> Place:
        """Where the session is in its subject's list."""
        return Place(self.created_at, self.sid)

    def refused_until(self, refuse_until: float, now: float, life: float = 0.0) -> float:
        """When the last access token of the session has expired, if the session ends ``now``.

        ``refuse_until``, plus the seconds by which the clock that issued the last access tokens
        ran ahead of ``now``.

        :param life: :attr:`Lives.of_session` as the store has it.
        """
        return max(refuse_until, now + life) + max(0.0, self.rotated_at - now)

    def opened_after(self, moment: float) -> Session:
        """The session, with a ``created_at`` after that moment.

        Clocks step back, and differ between machines. A log-in that comes after "log out
        everywhere" must not be ended by it, nor be the oldest of its subject's sessions.
        """
        if microseconds(self.created_at) > microseconds(moment):
            return self
        return replace(self, created_at=seconds(microseconds(moment) + 1))


class Opened(NamedTuple):
    """The session as it was opened, and the sessions that were ended for it, oldest first."""

    session: Session
    ended: tuple[Session, ...] = ()


# ── rotation ─────────────────────────────────────────────────────────────────────────────


class Successor(NamedTuple):
    """The refresh token that replaces the current one.

    :param jti: new and never used before, so a store can recognize a repeated ``rotate``.
    :param expires_at: of the token; the session's ``absolute_expires_at`` if that is earlier.
    :param memo: the session's memo from now on.
    :param memo_before: the session's memo as the caller knows it from the token that was handed
        in; None: the same as ``memo``. If the row has another, nothing is rotated: the tokens of
        the successor, which are signed already, would not be those of the session.
    :param device: the client that rotates; its label is not kept.
    """

    jti: str
    expires_at: float = NEVER
    memo: str = ""
    memo_before: str | None = None
    device: Device = UNKNOWN_DEVICE


Verdict = Literal["rotated", "replayed", "changed", "reused", "gone"]


class Rotation(NamedTuple):
    """What became of a refresh token that was handed in.

    ``rotated``
        The successor is the session's current token. ``session`` is None for ``rotate``.
    ``replayed``
        Another request rotated it first, and the token is still good: see :func:`is_still_good`.
        ``session`` is what the last rotation left; from it the same successor is minted again.
    ``changed``
        The token is current, but the session's memo is another than the caller knew. Nothing was
        written. ``session`` has the memo of now; call ``rotate`` again with it.
    ``reused``
        The token had been used before. This very call has ended ``session``.
    ``gone``
        There is no such session any more, or never was. ``session`` is None.

    :param ended: the sessions that were ended for one that was adopted, oldest first.
    """

    verdict: Verdict
    session: Session | None = None
    ended: tuple[Session, ...] = ()


def checked_rotation(jti: str, successor: Successor) -> Successor:
    """The successor, in the form that is stored.

    :raises ValueError: if its ``jti`` is empty, or that of the token that it replaces.
    """
    kept = stored_id(successor.jti)
    if not kept or kept == stored_id(jti):
        raise ValueError("a successor needs a jti of its own")
    memo, before = checked_memo(successor.memo), successor.memo_before
    return Successor(
        kept,
        successor.expires_at,
        memo,
        memo if before is None else before,
        bounded_device(successor.device._replace(label="")),
    )


def replaced_mark(jti: str) -> str:
    """The short name of a refresh token in :attr:`Session.replaced`; always of one length."""
    return _digest(jti)[:_MARK_LENGTH]


def replaced_entry(jti: str, moment: float) -> str:
    """A refresh token and when it was replaced. All entries have one length.

    So a database cuts the list with ``substr``, in the same write that adds to it.

    :param jti: in the form of :func:`stored_id`.
    """
    return f"{replaced_mark(jti)}{microseconds(moment):0{_MOMENT_LENGTH}d}"


def with_replaced(replaced: str, jti: str, moment: float) -> str:
    """The list of replaced tokens with one more, without the oldest where there are too many."""
    return (replaced_entry(jti, moment) + replaced)[:MAX_REPLACED_TEXT]


def is_still_good(session: Session, jti: str, now: float, grace: float) -> bool:
    """Whether a token that was replaced gets the session's live successor.

    It does if it was replaced less than ``grace`` ago, however often the session was rotated since:
    a slow tab among fast ones is no thief. And the token just replaced does, at any time, until its
    successor has been seen in use: the answer with it may have been lost.

    The distance counts in both directions. The clocks of two processes may differ by a little; and
    a clock that steps back an hour must not make the grace an hour long.

    :param jti: in the form of :func:`stored_id`; not the current token's.
    :param grace: seconds; 0 is strict: no token is still good.
    """
    width = microseconds(grace)
    if width <= 0:
        return False
    moments = [
        int(session.replaced[start + _MARK_LENGTH : start + ENTRY_LENGTH])
        for start in range(0, len(session.replaced), ENTRY_LENGTH)
        if session.replaced.startswith(replaced_mark(jti), start)
    ]
    if session.previous_jti == jti:
        if session.unseen:
            return True
        # A process of an older version rotates, and adds nothing to the list.
        moments.append(microseconds(session.rotated_at))
    return any(abs(microseconds(now) - moment) < width for moment in moments)


# ── revocation ───────────────────────────────────────────────────────────────────────────

Kind = Literal["jti", "sid", "subject"]


class Revocation(NamedTuple):
    """One entry of the list of revocations.

    :param kind: what ``value`` is.
    :param value: in the form of :func:`stored_id`.
    :param expires_at: the entry is in force while ``now < expires_at``.
    :param not_before: for a subject: what was issued at this moment or before it is refused.
    :param except_sid: for a subject: the one session that goes on; empty for none.
    """

    kind: Kind
    value: str
    expires_at: float
    not_before: float = 0.0
    except_sid: str = ""


class Lives(NamedTuple):
    """For how long tokens live at most, in seconds, the leeway included.

    :param of_session: the access tokens of sessions.
    :param of_token: all tokens of ours that a store may have to refuse by their subject or their
        ``jti``; never less than ``of_session``.
    """

    of_session: float = 0.0
    of_token: float = 0.0

    def longest(self, other: Lives) -> Lives:
        """The longer of both, each."""
        return Lives(max(self.of_session, other.of_session), max(self.of_token, other.of_token))


class Presented(NamedTuple):
    """What a token says of itself: the question to the list of revocations.

    An empty text asks nothing.

    :param jti: the token's own id.
    :param sid: the id of its session.
    :param subject: its subject, as text.
    :param issued_at: when the token's session was opened (:attr:`Session.created_at`); for a token
        without a session, its ``iat``. The ``iat`` of a session's access token would not do: if a
        refresh issued it while the subject was being logged out everywhere, it is younger than
        the entry, but its session is not.
    """

    jti: str = ""
    sid: str = ""
    subject: str = ""
    issued_at: float = 0.0


def latest_issue(issued_at: float) -> float:
    """The last moment at which a token may have been issued.

    ``iat`` is as a rule whole seconds: it tells a second, not a moment. A store refuses what was
    issued before its memory begins (:attr:`.Synced.born_at`), and a token that was issued in that
    very second, perhaps after it, is good.

    :param issued_at: :attr:`Presented.issued_at`.
    """
    return issued_at + 0.999_999 if issued_at.is_integer() else issued_at


def ended_by(created_at: float, sid: str, entry: Revocation) -> bool:
    """Whether a subject's entry ends a session that was opened then, or a token issued then."""
    return (
        microseconds(created_at) <= microseconds(entry.not_before)
        and not (sid and sid == entry.except_sid)
    )  # fmt: skip
