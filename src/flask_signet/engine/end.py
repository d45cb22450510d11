"""End: one session, all sessions of a subject, or one token.

What is refused from then on, and until when, is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from ..exceptions import MissingRequiredClaimError
from ..sessions.session import MAX_SUBJECT, NEVER, PAGE, Place, Session, adopted_sid, stored_id
from . import events
from .lifetimes import Lifetimes, is_of_session
from .owners import NOBODY, Owner
from .verify import Verifying

Claims = Mapping[str, Any]


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


class Ending(Verifying, Lifetimes):
    """The verbs ``end``, ``end_all``, ``sessions_of`` and ``revoke``.

    Each raises ConfigurationError where there is no store, and StoreUnavailableError where the
    store does not answer.
    """

    __slots__ = ()

    def end(self, sid: str, subject: str | None = None, *, tenant: str | None = None) -> bool:
        """End a session of this manager and tenant, and refuse its access tokens.

        The session of another owner is none that there is.

        :param subject: end it only if it is this subject's, and none if it is empty; None:
            any subject's.
        :param tenant: None: the tenant of now.
        :return: whether it was live until now.
        """
        self.store  # noqa: B018 - it raises where there is none
        owner = self.owner(tenant)
        if subject == "" or not owner.has(sid):
            return False
        return self._end(sid, "" if subject is None else owner.filed_subject(subject))

    def end_session_of(self, claims: Claims, subject: str | None = None) -> bool:
        """End the session of a token of ours, if it names one. The parameters are those of ``end``.

        The token says whose the session is.
        """
        sid = claims.get("sid")
        if not isinstance(sid, str) or subject == "":
            return False
        return self._end(sid, "" if subject is None else Owner.of(claims).filed_subject(subject))

    def _end(self, sid: str, subject: str = "") -> bool:
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
        self,
        subject: Any,
        *,
        except_sid: str | None = None,
        issuer: str | None = None,
        tenant: str | None = None,
    ) -> None:
        """Log a subject out everywhere: one entry, whatever the number of sessions.

        :param except_sid: the one session that goes on.
        :param issuer: the other issuer whose user it is.
        :param tenant: None: the tenant of now.
        """
        now, store = self.clock(), self.store
        if self.storage is not None:
            now = self.storage.moments.ended(now)
        if issuer is None:
            filed, told = self.owner(tenant).filed_subject(subject), str(subject)
        else:
            filed = Owner(self.owner_name).filed_of(issuer, str(subject))
            told = f"{issuer} {subject}"
        store.end_sessions(
            filed,
            now=now,
            expires_at=self.longest_life(now),
            except_sid=except_sid or "",
        )
        self.doubt()
        self.tell(events.token_revoked, kind="subject", value=told)

    def sessions_of(
        self,
        subject: Any,
        *,
        tenant: str | None = None,
        limit: int = PAGE,
        after: Place | None = None,
    ) -> list[Session]:
        """The live sessions of a subject, the one opened last first: a page of them.

        :param tenant: None: the tenant of now.
        :param limit: the page's length. A shorter answer is the last page.
        :param after: the place of the last session of the page before.
        """
        store, filed = self.store, self.owner(tenant).filed_subject(subject)
        return store.list_sessions(filed, now=self.clock(), limit=limit, after=after)

    def revoke(
        self, token_or_jti: str, issuer: str | None = None, *, tenant: str | None = None
    ) -> None:
        """Refuse one token from now on, and if it belongs to a session, the whole session.

        :param token_or_jti: a token, which may have expired; or a ``jti``.
        :param issuer: the other issuer whose ``jti`` it is; a token says so itself.
        :param tenant: of a ``jti``; None: the tenant of now.
        :raises SignetError: if it is a token, and not one that a guard would take.
        :raises MissingRequiredClaimError: if it is a token of another issuer and has no ``jti``.
        """
        if issuer is not None or token_or_jti.count(".") != 2:
            # Of a bare jti nothing else is known: it is refused for as long as any token lives.
            until = self.longest_life(self.clock())
            if issuer is not None:
                self._refuse_of(issuer, token_or_jti, until, expiry_is_known=False)
            else:
                filed = self.owner(tenant).filed(token_or_jti)
                self._refuse(token_or_jti, filed, until, expiry_is_known=False)
            return
        token = self.verify(token_or_jti, allow_expired=True, foreign=True)
        if token.issuer is None:
            self.end_of(token.claims)
            return
        jti = token.claims["jti"]
        if not jti:
            raise MissingRequiredClaimError("jti")
        leeway = self.issuers[token.issuer].leeway_in(self.settings.leeway)
        self._refuse_of(token.issuer, jti, float(token.claims["exp"]) + leeway + 1)

    def end_of(self, claims: Claims) -> None:
        """End the session of a token of ours; refuse the token itself if it has no session.

        A refresh token without a session may have opened one since: the session that adopted it
        ends as well.
        """
        self.end_session_of(claims)
        # A pair from before there was a store names a session that no store knows.
        if is_of_session(claims):
            return
        owner, own = self.adopting_owner(claims), own_id(claims)
        identity = claims.get(self.settings.identity_claim_key)
        subject = owner.filed_subject(identity)
        expires_at = float(claims.get("exp", NEVER)) + self.settings.leeway + 1
        self._refuse(own, owner.filed(own), expires_at, subject)
        # Last: a token that is refused opens no session any more.
        adopted = self.session_named_by(claims)
        if identity not in (None, "") and adopted is not None and adopted != claims.get("sid"):
            self._end(adopted, subject)

    def adopting_owner(self, claims: Claims) -> Owner:
        """Whose session a token without a session opens.

        It is the token's owner. A token of a named manager from before there were owners has none:
        it is the manager's.
        """
        owner = Owner.of(claims)
        return Owner(self.owner_name) if owner == NOBODY else owner

    def session_named_by(self, claims: Claims) -> str | None:
        """The ``sid`` of a token's session; for a refresh token without one, of what adopts it.

        None for an access token without a session.
        """
        if is_of_session(claims):
            return str(claims["sid"])
        if claims.get("type") != "refresh":
            return None
        owner = self.adopting_owner(claims)
        subject = owner.filed_subject(claims.get(self.settings.identity_claim_key))
        sid = adopted_sid(stored_id(subject, MAX_SUBJECT), owner.filed(own_id(claims)))
        return owner.tagged(sid)

    def end_presented(self, presented: Iterable[Claims]) -> None:
        """End what the tokens of one client belong to: each session once, and loose tokens."""
        ended: set[str] = set()
        for claims in presented:
            if not (is_of_session(claims) and claims["sid"] in ended):
                self.end_of(claims)
            ended.add(str(claims.get("sid")))

    def _refuse_of(
        self, issuer: str, jti: str, expires_at: float, *, expiry_is_known: bool = True
    ) -> None:
        filed = Owner(self.owner_name).filed_of(issuer, jti)
        self._refuse(f"{issuer} {jti}", filed, expires_at, expiry_is_known=expiry_is_known)

    def _refuse(
        self,
        jti: str,
        filed: str,
        expires_at: float,
        subject: str = "",
        *,
        expiry_is_known: bool = True,
    ) -> None:
        """Refuse one token.

        :param jti: as listeners are told it.
        :param filed: the name under which the store keeps it.
        """
        self.store.revoke_token(
            filed,
            now=self.clock(),
            expires_at=expires_at,
            subject=subject,
            expiry_is_known=expiry_is_known,
        )
        self.doubt()
        self.tell(events.token_revoked, kind="jti", value=jti)
