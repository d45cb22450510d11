"""Renew: the next access token for a refresh token that stays good, where nothing rotates."""

from __future__ import annotations

from typing import Any, Final

from ..sessions.kept import Kept
from .admission import Admission
from .lifetimes import is_of_session
from .mint import Wanted
from .rotate import Rotating
from .rule import Rule

TO_RENEW: Final = Rule(kind="refresh")
"""What is asked of a refresh token where nothing rotates."""


class Renewing(Rotating):
    """The verb ``renew``."""

    __slots__ = ()

    def renew(self, admission: Admission) -> str:
        """The next access token of a session, with what its log-in decided. It is not fresh.

        The ``user_state_loader`` is asked first, as at a rotation.

        :param admission: of the refresh token, by :data:`TO_RENEW`.
        :raises UserLookupError: if ``user_state_loader`` refuses; the session has been ended.
        :raises StoreUnavailableError: if the store does not answer.
        """
        state = self.ask_for_state(admission)
        claims = admission.claims
        wire_identity = claims[self.settings.identity_claim_key]
        seen = self.seen_by_loaders(admission.identity, wire_identity, admission.user, state)
        wanted = Wanted(
            kind="access",
            claims=self._kept_claims(claims),
            made_by=claims,
            wire_identity=wire_identity,
        )
        return self.issue(seen, wanted)

    def _kept_claims(self, claims: dict[str, Any]) -> dict[str, Any]:
        """The claims that a session keeps now: ``update_session`` may have changed them."""
        if not is_of_session(claims):
            return {}
        session = self.store.find_session(claims["sid"], now=self.clock())
        return {} if session is None else {**Kept.read(session.memo).claims}
