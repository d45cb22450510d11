"""What a store of sessions and revocations must do: the protocol, each edge case decided here.

Any object with these methods is a store. Three rules hold for all methods:

**Unknown is gone, never an error.** No method raises because a session, a token or a subject is
not in the store, has expired, or is an odd text.

**Only a failure of the system raises**, and then always
:class:`~flask_signet.exceptions.StoreUnavailableError`: the store is down, slow, full, read-only,
not set up, or was emptied. The write may have happened or not. Every write here may be repeated
with the same arguments; the second one does no harm.

**Time is an argument.** ``now`` and all other times are seconds since 1970, with fractions; they
are kept and compared in whole microseconds. A store never reads a clock to decide anything.
:data:`.NEVER` is a time that never comes.
"""

# The methods of a protocol have docstrings and no bodies; pyright would report each of them.
# pyright: reportReturnType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from .session import PAGE, Lives, Opened, Place, Presented, Revocation, Rotation, Session, Successor


class Synced(NamedTuple):
    """What :meth:`Follower.sync` learned.

    :param entries: all that is new, perhaps more: an entry may come twice.
    :param complete: whether the follower now knows all that is in the store. If not, call ``sync``
        again.
    :param epoch: the store's name for its own memory. If it changes, the store was emptied or
        exchanged, and no longer knows what it once refused.
    :param born_at: when that memory begins, in seconds since 1970. What was issued before is
        refused, see :func:`.latest_issue`. 0: there was no store before.
    """

    entries: Sequence[Revocation]
    complete: bool
    epoch: str
    born_at: float = 0.0


class Pruned(NamedTuple):
    """How many rows were removed, and whether there may be more to remove."""

    sessions: int
    revocations: int
    more: bool


class Finding(NamedTuple):
    """What is wrong with a store's set-up.

    :param level: with an ``"error"`` the store can't be used, or not safely.
    :param code: a stable word for programs.
    :param message: what is wrong.
    :param mend: what the operator should do.
    """

    level: Literal["error", "warning"]
    code: str
    message: str
    mend: str


class Upgraded(NamedTuple):
    """The versions of the schema before (0: there was none) and after."""

    before: int
    after: int


@runtime_checkable
class Follower(Protocol):
    """How one process reads the store's list of revocations. Not safe for threads or after a fork.

    It remembers how far it has read. After any error it starts again from the beginning: the server
    that answers next may be another one, with another past. It does the same where the store's past
    is another one without any error: the store was restored from a backup, or a replica that lacked
    the last entries took over.
    """

    def poll(self) -> Sequence[Revocation]:
        """What the store has pushed since the last call. It never waits and never asks.

        An empty answer means that there was no revocation, or that the connection is dead; only
        ``sync`` can tell.

        :raises StoreUnavailableError: if the connection is known to be dead.
        """

    def sync(self, *, limit: int = 10_000) -> Synced:
        """Ask the store for all that is new since the last call: one round trip if nothing is.

        At the first call that is everything in the store. A revocation that was acknowledged
        before this call began is in the answer, or in a later one if this is not complete.

        :param limit: about so many entries at once, so that a call is short.
        :raises StoreUnavailableError: if the store does not answer, or was emptied.
        """

    def close(self) -> None:
        """Give the connection back. Never raises."""


@runtime_checkable
class KeyStore(Protocol):
    """What a store has in addition, if it can keep keys: one document for each owner.

    Any process that can read the document can make tokens.
    """

    def load_keys(self, name: str = "") -> tuple[str, int]:
        """The document and its version; an empty text and 0 where there is none.

        :param name: the owner's name; empty for the unnamed manager.
        :raises StoreUnavailableError: if the store does not answer.
        """

    def save_keys(self, text: str, *, after: int, name: str = "") -> bool:
        """Replace the document, if its version is still ``after``; the version goes up by one.

        :param name: the owner's name; empty for the unnamed manager.
        :return: whether the document is now this one.
        :raises StoreUnavailableError: if the store does not answer.
        """


@runtime_checkable
class SessionStore(Protocol):
    """Where sessions and revocations are kept. Safe for threads, and after a fork.

    Several methods take ``refuse_until``: the moment at which the last access token of a session
    that ends now has expired by itself, leeway included, by the options of the caller. The
    session's ``sid`` is revoked until then, and no shorter than the store knows that such tokens
    live (:meth:`cover`, :meth:`.Session.refused_until`), in the same atomic write that ends the
    session.
    """

    # ── the life of a session ────────────────────────────────────────────────────────────

    def open_session(
        self, session: Session, *, refuse_until: float, max_sessions: int = 0
    ) -> Opened:
        """Keep a new session, from :meth:`.Session.begin`.

        The store may return a later ``created_at`` than it was given. Whatever the clocks say, it
        is after the subject was last logged out everywhere, and after the subject's other sessions
        were opened.

        If a subject has more than ``max_sessions``, the oldest (by ``created_at``, then ``sid``)
        are ended. Of many log-ins at once each may see the others' sessions or not, and one may end
        another's session; once the last has returned, at most so many are live. One log-in ends at
        most :data:`.PAGE` sessions: where the limit is new, the next log-ins end the rest.

        :param max_sessions: 0 sets no limit.
        """

    def rotate(
        self,
        sid: str,
        jti: str,
        successor: Successor,
        *,
        now: float,
        grace: float,
        refuse_until: float,
    ) -> Rotation:
        """Replace a session's current refresh token, if it is the token that was handed in.

        One conditional write decides, and nothing is read before it. The verdict:

        - The session is live and ``jti`` is its current token's: *rotated*, if the session's memo
          is ``memo_before``; else *changed*, and nothing is written. From a rotation on the
          session is ``unseen``.
        - The session is live, and :func:`.is_still_good` is true: *replayed*. The successor that
          was given is dropped; nothing is written.
        - The session is live and ``jti`` is another token's: *reused*, and the session has ended
          when this returns. A refresh token that verifies as this session's was its current token
          once, however long ago (RFC 9700 section 4.14.2). Of many replays at once, one gets
          *reused* and the others *gone*.
        - The session is not live (unknown, ended, ``expires_at <= now``, its subject logged out
          everywhere): *gone*.

        If the given successor is already the session's current token, this very call was
        repeated because its answer got lost: *rotated*.

        :param jti: of the token that was handed in.
        :param grace: seconds; 0 is strict.
        :raises ValueError: if the successor's ``jti`` is empty or the one handed in.
        """

    def adopt(
        self,
        session: Session,
        *,
        issued_at: float,
        token_expires_at: float,
        grace: float,
        refuse_until: float,
        max_sessions: int = 0,
    ) -> Rotation:
        """Open a session for a refresh token that has none, and revoke that token.

        Such a token was issued before the application had a store. The session is from
        :meth:`.Session.adopting`, so its ``previous_jti`` is the token's ``jti``. Both happen or
        neither. The verdict:

        - The first time: *rotated*, with the session as it was opened.
        - Again, while that session is live: as in :meth:`rotate` for a token that was replaced.
        - The token was revoked, has expired (``token_expires_at <= now``), its subject was logged
          out everywhere at ``issued_at`` or later, the store's memory begins after ``issued_at``,
          or the session that the token once opened is not live: *gone*.

        ``now`` is the session's ``created_at``.

        :param issued_at: the token's ``iat``.
        :param token_expires_at: the token's ``exp``; it stays revoked until then.
        :param max_sessions: as in :meth:`open_session`. The verdict has the sessions that were
            ended for this one.
        """

    def end_session(
        self, sid: str, *, now: float, refuse_until: float, subject: str = ""
    ) -> Session | None:
        """End one session: none of its tokens is accepted any more.

        The ``sid`` is revoked even where the session is gone already (it expired, say): its access
        tokens may still live.

        :param subject: end the session only if it is this subject's. If it is another's or
            unknown, nothing is written. Empty: any subject's.
        :return: the session, if it was live until this call; of many calls at once, one gets it.
        """

    def end_sessions(
        self, subject: str, *, now: float, expires_at: float, except_sid: str = ""
    ) -> None:
        """Log a subject out everywhere: one entry, whatever the number of sessions.

        From now on every token of the subject that was issued until now is refused, and every
        session that was opened until now is gone. That is every session in the store when this is
        called, even one that was opened by a clock that runs ahead of this one.

        The rows of the sessions are removed afterwards, in steps. What is left is removed with the
        entry, by :meth:`prune`.

        :param expires_at: when the last token of the subject that lives now has expired by
            itself, by the options of the caller; the entry lasts no shorter than the store knows
            that tokens live (:meth:`cover`). Sessions stay gone even after it.
        :param except_sid: the one session that goes on, with its tokens. If it is not live, no
            session goes on: a session that is gone stays gone.
        """

    def find_session(self, sid: str, *, now: float) -> Session | None:
        """A live session, or None."""

    def list_sessions(
        self, subject: str, *, now: float, limit: int = PAGE, after: Place | None = None
    ) -> list[Session]:
        """The live sessions of a subject, the newest first: a page of them.

        The cost does not grow with the sessions that ended, nor with those beyond the page.

        :param limit: the page's length. A shorter answer is the last page.
        :param after: the place of the last session of the page before.
        """

    def touch(self, sid: str, *, now: float, refresh_jti: str = "") -> None:
        """Note that a session is in use: one conditional write.

        ``last_seen_at`` is set if it is at least :data:`.SEEN_EVERY` seconds old.

        :param refresh_jti: of the refresh token with which the token in use was made. If it is the
            current one, the session is no longer ``unseen``.
        """

    def change_memo(self, sid: str, *, now: float, before: str, memo: str) -> bool:
        """Replace a live session's memo, if it is still ``before``: one conditional write.

        :return: whether the session is live and its memo is now this one.
        :raises ValueError: if the memo is too long.
        """

    # ── what is refused ──────────────────────────────────────────────────────────────────

    def cover(self, lives: Lives) -> None:
        """Have what ends from now on remembered for at least so long: one conditional write.

        A token that lives longer than any before it is given out after this has returned. So it
        counts what was ever given out, not what the options of now say. Nothing shortens it.

        :param lives: what is longer than the store knows counts.
        """

    def revoke_token(
        self,
        jti: str,
        *,
        now: float,
        expires_at: float,
        subject: str = "",
        expiry_is_known: bool = True,
    ) -> bool:
        """Refuse one token until it expires by itself.

        A refresh token with a ``sid`` is revoked by :meth:`end_session`: :meth:`rotate` does
        not look here.

        :param expires_at: the token's ``exp``, plus the leeway with which it is verified. A
            second call with an earlier time does not shorten the first. If the time has come,
            nothing is written.
        :param subject: the token's ``sub``, if it is known.
        :param expiry_is_known: False: nothing but the ``jti`` is known, and the token is refused
            for no shorter than the store knows that tokens live (:meth:`cover`).
        :return: whether the token was not revoked before.
        """

    def is_revoked(self, presented: Presented, *, now: float) -> bool:
        """Whether an entry in force refuses this token: one round trip.

        So does the store's memory, if it begins after ``issued_at`` (:attr:`Synced.born_at`).
        Sessions that expired are not looked for: their tokens have expired too.
        """

    def follow(self) -> Follower:
        """A new follower of the list. It does not connect until its first ``sync``."""

    # ── what the operator does ───────────────────────────────────────────────────────────

    def prune(self, *, now: float, batch: int = 500) -> Pruned:
        """Remove what has expired, at most ``batch`` rows of a kind, without blocking requests.

        Call it again while there is more. It only frees space; no verdict depends on it. The clock
        of the machine where this is run may be ahead. So what is removed has expired by the
        store's own clock as well: that of its server, or of this machine where it has none.
        """

    def check(self) -> list[Finding]:
        """Look at the set-up: schema, durability, eviction, timeouts. It writes nothing.

        :return: what is wrong; empty if all is well.
        :raises StoreUnavailableError: if the store can't be reached at all.
        """

    def upgrade(self, *, now: float | None = None, first: bool = False) -> Upgraded:
        """Make what the store needs (tables, an epoch), or bring it up to this version.

        It may be repeated, and run by several processes at once. A schema that is newer than this
        version knows is left alone.

        A store that has nothing may never have been set up, or may have lost everything. So its
        memory begins now (:attr:`Synced.born_at`): what was issued before is refused, since it may
        have been revoked. That there was no store before is for the operator to say.

        :param now: seconds since 1970; None: by this machine's clock.
        :param first: there was no store before: what was issued before is good, and refresh tokens
            from before open sessions. It may be said later too, of a store that is set up.
        """

    def close(self) -> None:
        """Close the connections. The store opens new ones if it is used again. Never raises."""
