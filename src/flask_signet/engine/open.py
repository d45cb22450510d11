"""Open: a log-in opens a session, and gets both of its tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..jwt.token import TokenPair
from ..options.lifetime import lifetime_seconds
from ..sessions.session import NEVER, new_sid
from . import events
from .mint import ExpiresDelta, Fresh
from .pair import Holder, Pairing, Wish


class Opening(Pairing):
    """The verb ``open``."""

    __slots__ = ()

    def open(
        self,
        identity: Any,
        wish: Wish = Wish(),  # noqa: B008 - it is frozen
        *,
        fresh: Fresh = True,
        refresh_expires_delta: ExpiresDelta | None = None,
    ) -> TokenPair:
        """Open a session. With a store, the session is in the store before the tokens leave.

        :param fresh: whether the access token is fresh.
        :param refresh_expires_delta: how long the refresh token lives; None: as the option says.
        :raises TypeError: if the identity, or a claim, can't be in a token.
        :raises ValueError: if a lifetime is zero, or the claims that the session keeps are too
            long.
        :raises ConfigurationError: if a refresh could not give the identity to the loaders.
        :raises StoreUnavailableError: if the store does not answer.
        """
        holder = Holder(identity, self.wire_identity(identity), self.owner())
        if self.storage is None:
            if refresh_expires_delta is None and wish.remember is False:
                refresh_expires_delta = self._short_life()
            return self.loose_pair(
                holder,
                new_sid(""),
                wish,
                fresh=fresh,
                refresh_expires_delta=refresh_expires_delta,
            )
        if self.settings.rotates:
            self.refuse_to_forget(identity)
        session = self.begun(
            holder,
            self.kept(wish.claims, remember=wish.remember),
            lifetime=self._refresh_lifetime(refresh_expires_delta, wish.remember),
            device=wish.device,
        )
        # Signed first: what can't be signed opens nothing.
        pair = self.pair(holder, session, wish, fresh=fresh)
        opened = self.store.open_session(
            session,
            refuse_until=self.refuse_until(session.created_at),
            max_sessions=self.settings.max_sessions_per_subject,
        )
        if opened.session != session:  # it was dated after a "log out everywhere"
            pair = self.pair(holder, opened.session, wish, fresh=fresh)
        self.tell_ended(opened.ended)
        self.tell(events.token_issued, sid=session.sid, subject=holder.subject)
        return pair

    def _short_life(self) -> ExpiresDelta:
        """How long the refresh token of a log-in lives that is not remembered."""
        seconds = self.idle_seconds(self.clock(), remember=False)
        return False if seconds == NEVER else timedelta(seconds=seconds)

    def _refresh_lifetime(self, delta: Any, remember: bool | None) -> float:
        """Seconds that the first refresh token lives."""
        now = self.clock()
        if delta is None:
            return self.idle_seconds(now, remember)
        seconds = lifetime_seconds(delta, now)
        if seconds == 0:
            raise ValueError("refresh_expires_delta is zero: give a lifetime above zero")
        return NEVER if seconds is None else seconds
