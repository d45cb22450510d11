"""Rotate: a refresh token is good once. One conditional write in the store decides.

- The session's current token is replaced.
- A token that was replaced less than ``JWT_REFRESH_REUSE_GRACE`` seconds ago gets the session's
  live successor: two tabs, or a slow one among fast ones, are no thief.
- The token just replaced gets it at any time, until the successor was seen in use: the answer with
  it may have been lost. It is seen when it is rotated, or when a guard takes an access token that
  was made with it.
- Any other token ends the session (RFC 9700 section 4.14.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ..exceptions import (
    ConfigurationError,
    JWTDecodeError,
    RevokedTokenError,
    StoreUnavailableError,
    UserLookupError,
)
from ..jwt.encode import new_id
from ..jwt.token import TokenPair
from ..sessions.kept import UNKNOWN_MEMO, Kept
from ..sessions.session import MAX_ID, NEVER, Rotation, Session, Successor
from . import events
from .admission import Admission, Credentials
from .check import Checking
from .confirm import Confirming
from .end import own_id
from .lifetimes import is_of_session
from .mint import Claims
from .moments import issued_at
from .owners import NOBODY, Owner
from .pair import Holder, Pairing, Wish
from .rule import Rule

TO_ROTATE: Final = Rule(kind="refresh", asks_store=False)
"""What is asked of a refresh token that is about to be rotated. Whether it was used or revoked, the
one write decides: nothing is read before it."""

_MOST_CHANGES: Final = 8
"""How often a session may be changed by others while one request rotates its token."""


def _csrf_to_keep(claims: Claims) -> str:
    """The CSRF value of an adopted token: a form that is open meanwhile goes through.

    Empty, for a new value, where it is none that a store can keep. The text of any other JSON, such
    as a null, could be guessed.
    """
    value = claims.get("csrf")
    if not isinstance(value, str) or len(value) > MAX_ID:
        return ""
    return value if value.isascii() and value.isprintable() else ""


class Rotating(Pairing, Checking, Confirming):
    """The verb ``rotate``."""

    __slots__ = ()

    def admit_to_rotate(self, credentials: Credentials) -> Admission:
        """The refresh token of a request that is about to be rotated.

        :raises SignetError: one of its classes, by what is wrong.
        :raises UserLookupError: if the user is gone; the session has been ended.
        """
        try:
            admission = self.check(credentials, TO_ROTATE)
            self.confirm(admission, TO_ROTATE)
            self.look_up(admission)
        except UserLookupError as error:
            self.end_session_of(error.jwt_data)
            raise
        return admission

    def rotate(self, admission: Admission, wish: Wish = Wish()) -> TokenPair:  # noqa: B008 - frozen
        """Both next tokens for a refresh token, which is good no more.

        A refresh token from before there was a store is adopted: it opens a session, once. The
        ``user_state_loader`` is asked first. The new access token is not fresh.

        :raises TokenReusedError: if the token had been used; the session has been ended.
        :raises SessionEndedError: if the session is not live.
        :raises RevokedTokenError: if this process knows that the token was revoked.
        :raises UserLookupError: if ``user_state_loader`` refuses; the session has been ended.
        :raises JWTDecodeError: if the token of an empty identity asks for a session.
        :raises ConfigurationError: if there is no store, or ``JWT_REFRESH_ROTATION`` is off.
        :raises StoreUnavailableError: if the store does not answer.
        """
        self.check_rotates()
        state = self.ask_for_state(admission)
        claims = admission.claims
        wire_identity = claims[self.settings.identity_claim_key]
        if wire_identity is None:  # an old token of nobody's: the loader may name one
            wire_identity = self.wire_identity(admission.identity)
        seen = self.seen_by_loaders(admission.identity, wire_identity, admission.user, state)
        holder = Holder(seen, wire_identity, Owner.of(claims))
        self._refuse_by_other_name(admission)
        if not is_of_session(claims):
            outcome, pair = self._adopted(admission, holder, wish)
        elif self.is_known_to_be_revoked(admission):
            # By its jti alone; the rest is in the row. `adopt` knows of tokens without a session.
            raise RevokedTokenError(admission.header, claims)
        else:
            outcome, pair = self._rotated(admission, holder, wish)
        if outcome.verdict == "rotated":
            self.tell(events.token_rotated, sid=pair.sid, subject=holder.subject)
            return pair
        if outcome.verdict == "replayed" and outcome.session is not None:
            return self.pair(holder, outcome.session, wish)
        raise self.refused(outcome, admission)

    def check_rotates(self) -> None:
        """Refuse to rotate where the options say that nothing does.

        :raises ConfigurationError: if there is no store, or ``JWT_REFRESH_ROTATION`` is off.
        """
        self.store  # noqa: B018 - it raises where there is none
        if not self.settings.rotates:
            raise ConfigurationError(f"{self.prefix}REFRESH_ROTATION is False: nothing rotates")

    def ask_for_state(self, admission: Admission) -> Any:
        """What the ``user_state_loader`` returns: the user, perhaps; None for a mere yes.

        :raises UserLookupError: if it refuses; the session has been ended.
        """
        callback = self.callbacks.user_state
        state = True if callback is None else self.ask(callback, admission.identity)
        if not state:
            self.end_session_of(admission.claims)
            message = f"user_state refused {admission.identity}"
            raise UserLookupError(message, admission.header, admission.claims)
        return None if state is True else state

    def _refuse_by_other_name(self, admission: Admission) -> None:
        """Look where the store's one write will not look.

        A named manager's token from before there were owners has no owner. What such a manager
        refuses now is under its name; what it refused before is under none. An adoption writes
        under the manager's name, and a rotation changes the row, which has none.

        :raises RevokedTokenError: if the token, its session or its subject is revoked there.
        """
        claims = admission.claims
        if self.owner_name and Owner.of(claims) == NOBODY:
            beside = Owner(self.owner_name) if is_of_session(claims) else NOBODY
            self.refuse_revoked(admission, (beside,))

    def _adopted(
        self, admission: Admission, holder: Holder, wish: Wish
    ) -> tuple[Rotation, TokenPair]:
        """The store's verdict on a token without a session, and the pair of what it opened."""
        claims = admission.claims
        if not holder.subject:  # by an application that had no store: no session is kept for it
            raise JWTDecodeError(f"Invalid claim: {self.settings.identity_claim_key}")
        owner = self.adopting_owner(claims)
        holder = replace(holder, owner=owner)
        begun = self.begun(
            holder,
            self.kept(None, _csrf_to_keep(claims)),
            lifetime=self.idle_seconds(self.clock()),
            device=wish.device,
        )
        session = begun.adopting(owner.filed(own_id(claims)))
        session = replace(session, sid=owner.tagged(session.sid))
        pair = self.pair(holder, session, wish)
        outcome = self.store.adopt(
            session,
            issued_at=issued_at(claims),
            token_expires_at=float(claims.get("exp", NEVER)),
            grace=self.settings.refresh_reuse_grace,
            refuse_until=self.refuse_until(session.created_at),
            max_sessions=self.settings.max_sessions_per_subject,
        )
        self.tell_ended(outcome.ended)
        if outcome.verdict == "rotated" and outcome.session not in (None, session):
            pair = self.pair(holder, outcome.session, wish)
        return outcome, pair

    def _rotated(
        self, admission: Admission, holder: Holder, wish: Wish
    ) -> tuple[Rotation, TokenPair]:
        """The store's verdict, and the pair that was signed before the store was asked.

        What the session keeps is known from the token, so nothing is read before the write. If the
        row says otherwise, the store writes nothing and tells it; then both are done again.
        """
        memo = self._memo_in(admission.claims)
        for _ in range(_MOST_CHANGES):
            outcome, pair = self._tried(admission, holder, wish, memo)
            if outcome.verdict != "changed" or outcome.session is None:
                return outcome, pair
            memo = outcome.session.memo
        raise StoreUnavailableError("the session was changed again and again meanwhile")

    def _memo_in(self, claims: Mapping[str, Any]) -> str:
        """The memo of a refresh token's session, as far as the token tells it."""
        names = claims.get("kept", [])
        if not isinstance(names, list) or not claims.keys() >= {str(name) for name in names}:
            return UNKNOWN_MEMO
        csrf = claims.get("csrf", "") if self.settings.puts_csrf else ""
        remember = claims.get("remembered")
        try:
            return Kept(str(csrf), {name: claims[name] for name in names}, remember).memo
        except (KeyError, TypeError, ValueError):
            return UNKNOWN_MEMO

    def _tried(
        self, admission: Admission, holder: Holder, wish: Wish, memo: str
    ) -> tuple[Rotation, TokenPair]:
        """The store's verdict, and the pair, if the session keeps what the memo says."""
        claims, now = admission.claims, self.clock()
        sid, opened_at = claims["sid"], float(claims["auth_time"])
        end = self.absolute_end(opened_at)
        before = Kept() if memo == UNKNOWN_MEMO else Kept.read(memo)
        kept = self.kept(before.claims, before.csrf, before.remember)
        successor = Successor(
            new_id(as_uuid=False),
            expires_at=min(now + self.idle_seconds(now, kept.remember), end),
            memo=kept.memo,
            memo_before=memo,
            device=self.kept_of(wish.device),
        )
        next_row = Session(
            sid=sid,
            subject=holder.filed_subject,
            jti=successor.jti,
            expires_at=successor.expires_at,
            absolute_expires_at=end,
            created_at=opened_at,
            rotated_at=now,
            last_seen_at=now,
            previous_jti=str(claims["jti"]),
            memo=successor.memo,
        )
        pair = self.pair(holder, next_row, wish)
        outcome = self.store.rotate(
            sid,
            str(claims["jti"]),
            successor,
            now=now,
            grace=self.settings.refresh_reuse_grace,
            refuse_until=self.refuse_until(now),
        )
        return outcome, pair
