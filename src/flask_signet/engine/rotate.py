"""Rotate: a refresh token is good once. One conditional write in the store decides.

- The session's current token is replaced.
- The token just replaced, within ``JWT_REFRESH_REUSE_GRACE`` seconds, gets the same successor
  again: two tabs are no thief.
- Any older token ends the session (RFC 9700 section 4.14.2).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..exceptions import ConfigurationError, RevokedTokenError, UserLookupError
from ..jwt.encode import new_id
from ..jwt.token import TokenPair
from ..sessions.session import NEVER, Rotation, Session, Successor
from . import events
from .admission import Admission, Credentials
from .check import Checking
from .confirm import Confirming
from .end import is_of_session
from .moments import issued_at
from .owners import NOBODY, Owner
from .pair import Holder, Pairing, Wish
from .rule import Rule

TO_ROTATE: Final = Rule(kind="refresh", asks_store=False)
"""What is asked of a refresh token that is about to be rotated. Whether it was used or revoked, the
one write decides: nothing is read before it."""


class Rotating(Pairing, Checking, Confirming):
    """The verb ``rotate``."""

    __slots__ = ()

    def admit_to_rotate(self, credentials: Credentials) -> Admission:
        """The refresh token of a request that is about to be rotated.

        :raises SignetError: one of its classes, by what is wrong.
        :raises UserLookupError: if the user is gone; the session has been ended.
        """
        admission = self.check(credentials, TO_ROTATE)
        self.confirm(admission, TO_ROTATE)
        try:
            self.look_up(admission)
        except UserLookupError:
            self.end_session_of(admission.claims)
            raise
        return admission

    def rotate(self, admission: Admission, wish: Wish = Wish()) -> TokenPair:  # noqa: B008 - frozen
        """Both next tokens for a refresh token, which is good no more.

        A refresh token from before there was a store is adopted: it opens a session, once. The
        ``user_state_loader`` is asked first. The new access token is not fresh.

        :raises TokenReusedError: if the token had been used; the session has been ended.
        :raises SessionEndedError: if the session is not live.
        :raises UserLookupError: if ``user_state_loader`` refuses; the session has been ended.
        :raises ConfigurationError: if there is no store, or ``JWT_REFRESH_ROTATION`` is off.
        :raises StoreUnavailableError: if the store does not answer.
        """
        self.check_rotates()
        self.check_access_lifetime(wish.access_expires_delta)
        self._ask_for_state(admission)
        claims = admission.claims
        holder = Holder(
            admission.identity,
            claims[self.settings.identity_claim_key],
            Owner.of(claims),
        )
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

    def _ask_for_state(self, admission: Admission) -> None:
        callback = self.callbacks.user_state
        if callback is not None and not self.ask(callback, admission.identity):
            self.end_session_of(admission.claims)
            message = f"user_state refused {admission.identity}"
            raise UserLookupError(message, admission.header, admission.claims)

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
        if holder.owner == NOBODY:
            holder = replace(holder, owner=Owner(self.owner_name))
        owner, lifetime = holder.owner, self.idle_seconds(self.clock())
        begun = self.begun(holder, lifetime=lifetime, device=wish.device)
        session = begun.adopting(owner.filed(str(claims["jti"] or claims.get("iat", ""))))
        session = replace(session, sid=owner.tagged(session.sid))
        pair = self.pair(holder, session, wish)
        outcome = self.store.adopt(
            session,
            issued_at=issued_at(claims),
            token_expires_at=float(claims.get("exp", NEVER)),
            grace=self.settings.refresh_reuse_grace,
            refuse_until=self.refuse_until(session.created_at),
        )
        if outcome.verdict == "rotated" and outcome.session not in (None, session):
            pair = self.pair(holder, outcome.session, wish)
        return outcome, pair

    def _rotated(
        self, admission: Admission, holder: Holder, wish: Wish
    ) -> tuple[Rotation, TokenPair]:
        """The store's verdict, and the pair that was signed before the store was asked."""
        claims, now = admission.claims, self.clock()
        sid, opened_at = claims["sid"], float(claims["auth_time"])
        end = self.absolute_end(opened_at)
        successor = Successor(
            new_id(as_uuid=False),
            expires_at=min(now + self.idle_seconds(now), end),
            memo=new_id(as_uuid=False),
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
