"""End: one session, all sessions of a subject, or one token.

What is refused from then on, and until when, is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from ..exceptions import MissingRequiredClaimError
from ..sessions.session import MAX_SUBJECT, NEVER, Session, adopted_sid, stored_id
from . import events
from .lifetimes import Lifetimes
from .verify import Verifying

Claims = Mapping[str, Any]


def is_of_session(claims: Claims) -> bool:
    """Whether a token belongs to a session that the store keeps, or kept."""
    return isinstance(claims.get("sid"), str) and "auth_time" in claims


def own_id(claims: Claims) -> str:
    """The id by which the store knows a token of ours: its ``jti``, if it has one.

    Of a token without a ``jti`` it is a digest of its claims: two tokens of the very same claims
    are one token.
    """
    jti = claims.get("jti")
    if isinstance(jti, str) and jti:
        return jti
    text = json.dumps({**claims, "jti": jti}, sort_keys=True, default=str)
    return f"claims {sha256(text.encode()).hexdigest()[:43]}"


def named_by(issuer: str | None, name: str) -> str:
    """How another issuer's id is written in our store: ``"<issuer> <id>"``.

    Our own ids (``issuer`` is None) are written as they are.
    """
    return name if issuer is None or not name else f"{issuer} {name}"


class Ending(Verifying, Lifetimes):
    """The verbs ``end``, ``end_all``, ``sessions_of`` and ``revoke``.

    Each raises ConfigurationError where there is no store, and StoreUnavailableError where the
    store does not answer.
    """

    __slots__ = ()

    def end(self, sid: str, subject: str = "") -> bool:
        """End a session, and refuse its access tokens.

        :param subject: end it only if it is this subject's.
        :return: whether it was live until now.
        """
        now = self.clock()
        ended = self.store.end_session(
            sid,
            now=now,
            refuse_until=self.refuse_until(now),
            subject=subject,
        )
        if ended is not None or not subject:
            self.doubt()
            self.tell(events.token_revoked, kind="sid", value=sid)
        return ended is not None

    def end_all(
        self, subject: str, *, except_sid: str | None = None, issuer: str | None = None
    ) -> None:
        """Log a subject out everywhere: one entry, whatever the number of sessions.

        :param except_sid: the one session that goes on.
        :param issuer: the other issuer whose user it is.
        """
        now, subject = self.clock(), named_by(issuer, subject)
        self.store.end_sessions(
            subject,
            now=now,
            expires_at=self.longest_life(now),
            except_sid=except_sid or "",
        )
        self.doubt()
        self.tell(events.token_revoked, kind="subject", value=subject)

    def sessions_of(self, subject: str) -> list[Session]:
        """The live sessions of a subject, the one opened last first."""
        return self.store.list_sessions(subject, now=self.clock())

    def revoke(self, token_or_jti: str, issuer: str | None = None) -> None:
        """Refuse one token from now on, and if it belongs to a session, the whole session.

        :param token_or_jti: a token, which may have expired; or a ``jti``.
        :param issuer: the other issuer whose ``jti`` it is; a token says so itself.
        :raises SignetError: if it is a token, and not one that a guard would take.
        :raises MissingRequiredClaimError: if it is a token of another issuer and has no ``jti``.
        """
        if issuer is not None or token_or_jti.count(".") != 2:
            # Of a bare jti nothing else is known: it is refused for as long as any token lives.
            self._refuse(named_by(issuer, token_or_jti), self.longest_life(self.clock()))
            return
        token = self.verify(token_or_jti, allow_expired=True, foreign=True)
        if token.issuer is None:
            self.end_of(token.claims)
            return
        jti = token.claims["jti"]
        if not jti:
            raise MissingRequiredClaimError("jti")
        leeway = self.issuers[token.issuer].leeway_in(self.settings.leeway)
        self._refuse(named_by(token.issuer, jti), float(token.claims["exp"]) + leeway + 1)

    def end_of(self, claims: Claims) -> None:
        """End the session of a token of ours; refuse the token itself if it has no session.

        A refresh token without a session may have opened one since: the session that adopted it
        ends as well.
        """
        self.end_session_of(claims)
        # A pair from before there was a store names a session that no store knows.
        if is_of_session(claims):
            return
        subject = self._owner_of(claims)
        expires_at = float(claims.get("exp", NEVER)) + self.settings.leeway + 1
        self._refuse(own_id(claims), expires_at, subject)
        # Last: a token that is refused opens no session any more.
        adopted = self.session_named_by(claims)
        if subject and adopted is not None and adopted != claims.get("sid"):
            self.end(adopted, subject)

    def _owner_of(self, claims: Claims) -> str:
        return str(claims.get(self.settings.identity_claim_key, ""))

    def session_named_by(self, claims: Claims) -> str | None:
        """The ``sid`` of a token's session; for a refresh token without one, of what adopts it.

        None for an access token without a session.
        """
        if is_of_session(claims):
            return str(claims["sid"])
        if claims.get("type") != "refresh":
            return None
        subject = stored_id(self._owner_of(claims), MAX_SUBJECT)
        return adopted_sid(subject, own_id(claims))

    def end_presented(self, presented: Iterable[Claims]) -> None:
        """End what the tokens of one client belong to: each session once, and loose tokens."""
        ended: set[str] = set()
        for claims in presented:
            if not (is_of_session(claims) and claims["sid"] in ended):
                self.end_of(claims)
            ended.add(str(claims.get("sid")))

    def end_session_of(self, claims: Claims) -> None:
        """End the session of a token, if it names one."""
        if isinstance(claims.get("sid"), str):
            self.end(claims["sid"])

    def _refuse(self, jti: str, expires_at: float, subject: str = "") -> None:
        self.store.revoke_token(jti, now=self.clock(), expires_at=expires_at, subject=subject)
        self.doubt()
        self.tell(events.token_revoked, kind="jti", value=jti)
