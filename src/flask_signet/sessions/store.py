"""What a store of sessions and revocations must do: the protocol, each edge case decided here.

Any object with these methods is a store. Three rules hold for all of them:

**Unknown is gone, never an error.** Nothing raises because a session, a token or a subject is
not in the store, has expired, or is an odd text.

**Raising is for the system's failure alone**, and then it is always
:class:`~flask_signet.exceptions.StoreUnavailableError`: the store is down, slow, full, read-only,
not set up, or was emptied. After it the write has happened or not; every write here may be
repeated with the same arguments, and the second does no harm.

**Time is an argument.** ``now`` and all other times are seconds since 1970, with fractions; they
are kept and compared in whole microseconds. A store never reads a clock to decide anything.
:data:`.NEVER` is a time that never comes.
"""

# A protocol's methods are their docstrings: pyright would have a body in each.
# pyright: reportReturnType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from .session import Opened, Presented, Revocation, Rotation, Session, Successor


class Synced(NamedTuple):
    """What :meth:`Follower.sync` learned.

    :param entries: what is new, at least; an entry may come twice.
    :param complete: whether the follower now knows all that is in the store. If not, ``sync``
        has more.
    :param epoch: the store's name for its own memory: another one than before means that the
        store was emptied or exchanged, and does not know what it once refused.
    """

    entries: Sequence[Revocation]
    complete: bool
    epoch: str


class Pruned(NamedTuple):
    """How many rows went, and whether there may be more to go."""

    sessions: int
    revocations: int
    more: bool


class Finding(NamedTuple):
    """What is wrong with a store's set-up.

    :param level: with an ``"error"`` it can't be used, or not safely.
    :param code: a stable word for programs.
    :param message: what is the matter.
    :param mend: what to do about it.
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
    """One process's ear at the store's list of revocations. Not thread-safe, and not for a fork.

    It remembers how far it has read. After any error it starts again from the beginning, because
    the server that answers next may be another one, with another past.
    """

    def poll(self) -> Sequence[Revocation]:
        """What the store has pushed since the last call. Never waits, never asks.

        Nothing may mean that nothing happened, or that the line is dead: only ``sync`` tells.

        :raises StoreUnavailableError: if the line is known to be dead.
        """

    def sync(self, *, limit: int = 10_000) -> Synced:
        """Ask the store for all that is new since the last call: one round trip if nothing is.

        At the first call that is everything in the store. What was acknowledged to anybody
        before this call began is in the answer, or in the next if it is not complete.

        :param limit: about so many entries at once, so that a call is short.
        :raises StoreUnavailableError: if it does not answer, or was emptied.
        """

    def close(self) -> None:
        """Give the line back. Never raises."""


@runtime_checkable
class KeyStore(Protocol):
    """What a store has in addition, if it can keep the application's keys: one document.

    Whoever can read it can make tokens.
    """

    def load_keys(self) -> tuple[str, int]:
        """The document, and its version; an empty text and 0 where there is none.

        :raises StoreUnavailableError: if it does not answer.
        """

    def save_keys(self, text: str, *, after: int) -> bool:
        """Replace the document, if its version is still ``after``; the version goes up by one.

        :return: whether it was.
        :raises StoreUnavailableError: if it does not answer.
        """


@runtime_checkable
class SessionStore(Protocol):
    """Where sessions and revocations are kept. Safe for threads, and after a fork.

    ``refuse_until``, where it is asked for, is the moment at which the last access token of a
    session that ends now has expired by itself, leeway included: the session's ``sid`` is
    revoked until then (:meth:`.Session.refused_until`), in the same atomic write that ends it.
    """

    # ── the life of a session ────────────────────────────────────────────────────────────

    def open_session(
        self, session: Session, *, refuse_until: float, max_sessions: int = 0
    ) -> Opened:
        """Keep a new session, from :meth:`.Session.begin`.

        Its ``created_at`` may come back later than it went in: whatever the clocks say, it is
        after the subject was last logged out everywhere, and after the subject's other sessions
        were opened.

        Above ``max_sessions`` of one subject the oldest (by ``created_at``, then ``sid``) are
        ended. Of many log-ins at once each may see the others' sessions or not, and one may end
        another's; once the last has returned, at most so many are live.

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
        """Replace a session's current refresh token, if it is the one handed in.

        One conditional write decides, and nothing is read before it. The verdict:

        - the session is live and ``jti`` is its current one: *rotated*;
        - it is live and :func:`.is_grace_replay`: *replayed*. The successor that was given is
          dropped, nothing is written;
        - it is live and ``jti`` is any other: *reused*, and the session has ended when this
          returns. Any other refresh token that verifies as this session's was its own once,
          however long ago (RFC 9700 section 4.14.2). Of many that replay at once one is told
          *reused*, the others *gone*;
        - it is not live (unknown, ended, ``expires_at <= now``, its subject logged out
          everywhere): *gone*.

        If the session's current token is the given successor already, this very call was
        repeated after its answer got lost: *rotated*.

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
    ) -> Rotation:
        """Open a session for a refresh token from before, that has none, and revoke that token.

        The session is from :meth:`.Session.adopting`, so its ``previous_jti`` is the ``jti`` of
        that token. Both happen or neither. The verdict:

        - the first time: *rotated*, with the session as it was opened;
        - again, with that session live: as in :meth:`rotate` for the token before its current
          one, so *replayed* within the grace and *reused* after it, or once the successor was
          used;
        - if the token was revoked, has expired (``token_expires_at <= now``), or its subject
          was logged out everywhere at ``issued_at`` or later, or the session that it once opened
          is not live: *gone*.

        ``now`` is the session's ``created_at``. There is no limit to the number of sessions here:
        nobody logs in.

        :param issued_at: the token's ``iat``.
        :param token_expires_at: the token's ``exp``; it stays revoked until then.
        """

    def end_session(
        self, sid: str, *, now: float, refuse_until: float, subject: str = ""
    ) -> Session | None:
        """End one session: no refresh token of it is taken any more, nor an access token.

        The ``sid`` is revoked even where the session itself is gone (it expired, say): its
        access tokens may still live.

        :param subject: end it only if it is this subject's. If it is another's or unknown,
            nothing is written.
        :return: the session, if it was live until this call; of many calls at once, one gets it.
        """

    def end_sessions(
        self, subject: str, *, now: float, expires_at: float, except_sid: str = ""
    ) -> None:
        """Log a subject out everywhere: one entry, whatever the number of sessions.

        Refused from now on is every token of the subject issued until now, and every session
        opened until now is gone: whatever is in the store when this is called, even if the
        clock that opened it runs ahead of this one.

        :param expires_at: when the last token of the subject that lives now has expired by
            itself. Sessions stay gone even after it.
        :param except_sid: the one session that goes on, with its tokens. If it is not live, no
            session goes on: the exception brings nothing back.
        """

    def find_session(self, sid: str, *, now: float) -> Session | None:
        """A live session, or None."""

    def list_sessions(self, subject: str, *, now: float) -> list[Session]:
        """The live sessions of a subject, the one opened last first."""

    def touch(self, sid: str, *, now: float) -> None:
        """Note that the session is in use, if the last note is :data:`.SEEN_EVERY` old."""

    # ── what is refused ──────────────────────────────────────────────────────────────────

    def revoke_token(self, jti: str, *, now: float, expires_at: float, subject: str = "") -> bool:
        """Refuse one token until it expires by itself.

        A refresh token with a ``sid`` is revoked by :meth:`end_session`: :meth:`rotate` does
        not look here.

        :param expires_at: the token's ``exp``, and the leeway with which it is verified. A
            second, earlier one does not shorten the first; one that has come writes nothing.
        :param subject: the token's ``sub``, if it is known.
        :return: whether it was not revoked before.
        """

    def is_revoked(self, presented: Presented, *, now: float) -> bool:
        """Whether an entry in force refuses this token: one round trip.

        It says nothing about sessions that expired: so have their tokens.
        """

    def follow(self) -> Follower:
        """A new follower of the list. It does nothing until it is asked."""

    # ── what the operator does ───────────────────────────────────────────────────────────

    def prune(self, *, now: float, batch: int = 500) -> Pruned:
        """Remove what has expired, at most ``batch`` rows of a kind, and lock nobody out for it.

        Call it again while there is more. Nothing depends on it but the room that rows take.
        """

    def check(self) -> list[Finding]:
        """Look at the set-up: schema, durability, eviction, timeouts. Writes nothing.

        :return: empty if all is well.
        :raises StoreUnavailableError: if the store can't be reached at all.
        """

    def upgrade(self) -> Upgraded:
        """Make what the store needs (tables, an epoch), or bring it up to this version.

        May be repeated, and by several at once. A newer schema than this version knows is left
        alone.
        """

    def close(self) -> None:
        """Give back connections. The store opens new ones if it is used again. Never raises."""
