"""Confirm: whether a token that follows the rule is still good.

It asks the application's blocklist, the store, and the application: for its verdict, and for the
user.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from ..exceptions import (
    RevokedTokenError,
    SessionEndedError,
    StoreUnavailableError,
    TokenReusedError,
    UserClaimsVerificationError,
    UserLookupError,
)
from ..jwt.encode import new_id
from ..sessions.revocations import RevocationView
from ..sessions.session import Presented, Rotation, Successor, stored_id
from ..stores.outages import is_outage
from . import events
from .admission import Admission
from .end import Ending, own_id
from .identity import Identifying
from .lifetimes import is_of_session
from .moments import issued_at, number
from .owners import NOBODY, Owner
from .rule import Rule

log: logging.Logger = logging.getLogger("flask_signet")


class Confirming(Identifying, Ending):
    """The verb ``confirm``."""

    __slots__ = ()

    def confirm(self, admission: Admission, rule: Rule) -> None:
        """Refuse a token that was revoked, or that the application refuses.

        :raises RevokedTokenError: if the token, its session or its subject was revoked.
        :raises UserClaimsVerificationError: if the ``token_verification_loader`` refuses it.
        :raises SessionEndedError: if the refresh token's session is not live.
        :raises TokenReusedError: if the refresh token was used before.
        :raises StoreUnavailableError: if the store does not answer, and the options don't allow
            that. They allow it for access tokens alone: a refresh token's session is read. Or if
            the application's own blocklist does not answer.
        """
        callbacks = self.callbacks
        if rule.revocation:
            if callbacks.token_in_blocklist is not None:
                self.refuse_blocked(admission.header, admission.claims)
            if rule.asks_store and self.storage is not None:
                self.refuse_revoked(admission)
                if rule.current and is_of_session(admission.claims):
                    self.refuse_used(admission)
        if callbacks.token_verification is not None:
            self.refuse_by_application(admission.header, admission.claims)

    def refuse_blocked(self, header: dict[str, Any], claims: dict[str, Any]) -> None:
        """Ask the application's ``token_in_blocklist_loader``.

        :raises RevokedTokenError: if it says that the token was revoked.
        :raises StoreUnavailableError: if its database did not answer, see :func:`.is_outage`. Any
            other error of the loader is the application's own.
        """
        callback = self.callbacks.token_in_blocklist
        if callback is None:
            return
        try:
            is_blocked = self.ask(callback, header, claims)
        except Exception as error:
            if not is_outage(error):
                raise
            log.error("the token_in_blocklist_loader got no answer: %s", type(error).__name__)
            raise StoreUnavailableError("The blocklist is not available") from error
        if is_blocked:
            raise RevokedTokenError(header, claims)

    def refuse_by_application(self, header: dict[str, Any], claims: dict[str, Any]) -> None:
        """Ask the application's ``token_verification_loader``.

        :raises UserClaimsVerificationError: if it refuses the token.
        """
        callback = self.callbacks.token_verification
        if callback is not None and not self.ask(callback, header, claims):
            raise UserClaimsVerificationError("User claims verification failed", header, claims)

    def identify(self, admission: Admission) -> None:
        """Read the identity that a token was made for.

        :raises JWTDecodeError: if ``JWT_IDENTITY_TYPE`` can't read it.
        """
        settings, claims = self.settings, admission.claims
        if admission.issuer is not None:
            admission.identity = self.issuers[admission.issuer].identity(claims)
        elif settings.identity_type is None:
            admission.identity = claims.get(settings.identity_claim_key)
        else:
            admission.identity = self.checked_identity_in(claims)

    def look_up(self, admission: Admission) -> None:
        """Find whom a token is for: the identity, and by the ``user_lookup_loader`` the user.

        :raises JWTDecodeError: if ``JWT_IDENTITY_TYPE`` can't read the identity.
        :raises UserLookupError: if there is no such user.
        """
        self.identify(admission)
        callback = self.callbacks.user_lookup
        if callback is None:
            return
        header, claims = admission.header, admission.claims
        user = self.ask(callback, header, claims)
        if user is None:
            message = "user_lookup returned None"
            if self.settings.profile != "strict":  # where no claim goes into a message
                message += f" for {admission.identity}"
            raise UserLookupError(message, header, claims)
        admission.user, admission.has_user = user, True

    # ── what the store refuses ───────────────────────────────────────────────────────────

    def refuse_revoked(self, admission: Admission, owners: tuple[Owner, ...] | None = None) -> None:
        """Look into this process's view of the store: the token, its session, and its subject.

        :param owners: under whose names; None: under all names that it may have.
        :raises RevokedTokenError: if one of them is revoked.
        :raises StoreUnavailableError: if the store does not answer, unless
            ``JWT_REVOCATION_ON_STORE_ERROR`` is ``allow``.
        """
        view = self._view()
        if view is None:
            return
        try:
            is_revoked = self._any_refused(view.refuses, admission, owners)
        except StoreUnavailableError:
            if self.settings.revocation_on_store_error != "allow":
                raise
            is_revoked = False
        if is_revoked:
            raise RevokedTokenError(admission.header, admission.claims)

    def is_known_to_be_revoked(self, admission: Admission) -> bool:
        """Whether this process knows a token to be revoked. The store is not asked about it."""
        view = self._view()
        return view is not None and self._any_refused(view.knows, admission)

    def _any_refused(
        self,
        refuses: Callable[..., bool],
        admission: Admission,
        owners: tuple[Owner, ...] | None = None,
    ) -> bool:
        now = self.clock()
        for owner in owners or self._owners_of(admission):
            if refuses(self._presented(admission, owner), now=now):
                return True
        return False

    def _owners_of(self, admission: Admission) -> tuple[Owner, ...]:
        """Under whose names the store may refuse a token.

        A named manager's token that does not say its owner is from before there were owners, or
        others made it: what was refused then is under no name, what is refused now under the
        manager's.
        """
        if admission.issuer is not None:
            return (Owner(self.owner_name),)
        owner = Owner.of(admission.claims)
        if owner == NOBODY and self.owner_name:
            return (owner, Owner(self.owner_name))
        return (owner,)

    def _view(self) -> RevocationView | None:
        if self.storage is None:
            return None
        return self.storage.view(self.settings.revocation_max_staleness)

    def _presented(self, admission: Admission, owner: Owner) -> Presented:
        """What the store is asked about a token, under an owner's names."""
        claims = admission.claims
        if admission.issuer is None:
            return Presented(
                owner.filed(own_id(claims)),
                _text(claims.get("sid")),
                owner.filed_subject(claims.get(self.settings.identity_claim_key)),
                number(claims["auth_time"]) if "auth_time" in claims else issued_at(claims),
            )
        # An issuer may give its users and its tokens the very ids that we give ours: they are
        # under names that none of ours has. Its sessions are its own to end, so what counts is
        # when the token was made, not when its owner logged in.
        issuer = self.issuers[admission.issuer]
        return Presented(
            jti=owner.filed_of(admission.issuer, _text(claims.get("jti"))),
            subject=owner.filed_of(admission.issuer, str(issuer.identity(claims))),
            issued_at=number(claims.get("iat")),
        )

    # ── refresh tokens, which are good once ──────────────────────────────────────────────

    def refuse_used(self, admission: Admission) -> None:
        """Refuse a refresh token whose session has ended, or has moved on without it: one read.

        This is for guards in front of views that do not rotate, or not at once. What a rotation
        decides is decided by its one write.

        :raises SessionEndedError: if the session is not live.
        :raises TokenReusedError: if the token was used before; the session has been ended.
        """
        if admission.claims["type"] != "refresh":
            return
        now, claims = self.clock(), admission.claims
        sid, jti = claims["sid"], str(claims["jti"])
        session = self.store.find_session(sid, now=now)
        if session is not None and session.jti == stored_id(jti):
            return
        outcome = Rotation("gone")
        if session is not None:
            # A token that was replaced is never current again, so this rotates nothing: the store
            # tells a token that is still good from reuse, and ends the session for reuse.
            outcome = self.store.rotate(
                sid,
                jti,
                Successor(new_id(as_uuid=False)),
                now=now,
                grace=self.settings.refresh_reuse_grace,
                refuse_until=self.refuse_until(now),
            )
        if outcome.verdict in ("reused", "gone"):
            raise self.refused(outcome, admission)

    def is_current(self, claims: Mapping[str, Any]) -> bool:
        """Whether a refresh token is the one that its session takes next: one read, nothing ends.

        A token without a session, or without a store, is none that was replaced.
        """
        if self.storage is None or not is_of_session(claims):
            return True
        session = self.store.find_session(claims["sid"], now=self.clock())
        return session is not None and session.jti == stored_id(str(claims["jti"]))

    def refused(self, outcome: Rotation, admission: Admission) -> RevokedTokenError:
        """The error of a refresh token that is reused or gone. Listeners are told of reuse."""
        header, claims = admission.header, admission.claims
        session = outcome.session
        error: RevokedTokenError
        if outcome.verdict == "reused":
            error = TokenReusedError(header, claims)
            self.doubt()
            self.tell(
                events.token_reused,
                jti=claims.get("jti"),
                sid=session.sid if session else claims.get("sid"),
                subject=str(claims.get(self.settings.identity_claim_key, "")),
            )
        else:
            error = SessionEndedError(header, claims)
        error.drops_cookies = True
        return error

    # ── the use of a session ─────────────────────────────────────────────────────────────

    def note_in_use(self, claims: Mapping[str, Any]) -> None:
        """Note that a token's session is in use, for its owner to see. Never raises."""
        sid = claims.get("sid")
        if self.storage is not None and isinstance(sid, str):
            self.storage.note_use(
                sid,
                now=self.clock(),
                issued_at=claims.get("iat", 0.0),
                refresh_jti=_text(claims.get("refresh_jti")),
            )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
