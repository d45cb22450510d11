"""The sessions of an application, as methods of a manager: log-in, refresh, log-out, their list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypedDict, Unpack

from flask import after_this_request, has_request_context, request

from ..engine.mint import ExpiresDelta, Fresh
from ..engine.pair import Wish
from ..engine.rotate import TO_ROTATE
from ..exceptions import NoAuthorizationError
from ..jwt.token import TokenPair
from ..sessions.session import PAGE, Device, Place
from .boundaries import answered
from .cookies import forget_cookies
from .credentials import find
from .current import request_itself
from .guards import is_exempt
from .installing import Installing
from .presented import presented
from .session_info import SessionInfo

Claims = Mapping[str, Any]


class _Anybody:
    """Stands for a subject that was left out."""

    def __repr__(self) -> str:
        return "<anybody>"


ANYBODY: Final = _Anybody()


class LoginTerms(TypedDict, total=False):
    """What a log-in says of its session, beside the claims and the lives of its tokens."""

    label: str
    """A name for the device, shown by ``list_sessions``."""

    remember: bool | None
    """True: the cookies outlive the browser. False: they end with it, and the session after
    ``JWT_REFRESH_SHORT_IDLE_EXPIRES`` without a refresh. None: as ``JWT_SESSION_COOKIE`` says.
    Every refresh keeps the choice."""


class ManagedSessions(Installing):
    """What a manager does with sessions: see :class:`.manager.Manager`."""

    @answered
    def create_token_pair(
        self,
        identity: Any,
        fresh: Fresh = True,
        access_expires_delta: ExpiresDelta | None = None,
        refresh_expires_delta: ExpiresDelta | None = None,
        additional_claims: Claims | None = None,
        additional_headers: Claims | None = None,
        **terms: Unpack[LoginTerms],
    ) -> TokenPair:
        """Open a session: both tokens of a log-in, under one new ``sid``.

        With a store, the session is in the store before the tokens leave. ``auth_time`` in both
        tokens is when it was opened (OpenID Connect Core 1.0 section 2).

        :param fresh: the access token is fresh unless you say otherwise: its owner just logged in.
        :param access_expires_delta: how long the access token lives; None: as the option says.
        :param refresh_expires_delta: how long the refresh token lives; None: as the option says.
        :param additional_claims: for both payloads, and for those of every refresh, until
            :meth:`update_session` changes them; at most about 1,900 characters as JSON.
        :param additional_headers: for both headers.
        :param terms: ``label`` and ``remember``, by keyword: see :class:`.LoginTerms`.
        :return: ``access_token``, ``refresh_token`` and ``sid``.
        :raises TypeError: if the identity, or a claim, can't be in a token; or if the label is no
            text.
        :raises ValueError: if a lifetime is zero, or the claims are too long.
        :raises ConfigurationError: if the identity is an object that the loaders get, and no
            ``user_lookup_loader`` or ``user_state_loader`` finds it again for a refresh.
        :raises StoreUnavailableError: if the store does not answer.
        """
        for name in terms.keys() - LoginTerms.__annotations__.keys():
            raise TypeError(f"create_token_pair() got an unexpected keyword argument {name!r}")
        here = self._here()
        signet = here.signet()
        wish = Wish(
            claims=additional_claims,
            headers=additional_headers,
            access_expires_delta=access_expires_delta,
            device=_device(terms.get("label") or ""),
            remember=terms.get("remember"),
        )
        pair = signet.open(
            identity,
            wish,
            fresh=fresh,
            refresh_expires_delta=refresh_expires_delta,
        )
        here.current.made(signet, pair.access_token, pair.refresh_token)
        return pair

    @answered
    def rotate_refresh_token(
        self,
        additional_claims: Claims | None = None,
        additional_headers: Claims | None = None,
        access_expires_delta: ExpiresDelta | None = None,
    ) -> TokenPair:
        """Refresh: both next tokens for the refresh token of this request, which is good no more.

        Call it in an open view, where it verifies the request's refresh token itself. Behind
        ``@jwt_required(refresh=True)`` it works as well; the guard, which can't know what comes,
        reads the session first. One conditional write decides:

        - the session's current token is replaced;
        - one that was replaced less than ``JWT_REFRESH_REUSE_GRACE`` seconds ago gets the live
          successor: two tabs, or a slow one among fast ones, are no thief;
        - the one just replaced gets it at any time, until the successor was seen in use: the answer
          with it may have been lost;
        - any other one ends the session (RFC 9700 section 4.14.2).

        The claims given to ``create_token_pair`` are in the new tokens too, and so are its CSRF
        value and its choice of ``remember``.

        A refresh token from before there was a store is adopted: it opens a session, once. The
        ``user_state_loader`` is asked first. The new access token is not fresh.

        :param additional_claims: for these two tokens only; they win over the session's.
        :return: ``access_token``, ``refresh_token`` and ``sid``.
        :raises TokenReusedError: if the token had been used; the session has been ended.
        :raises SessionEndedError: if the session is not live.
        :raises UserLookupError: if ``user_state_loader`` refuses; the session has been ended.
        :raises ConfigurationError: if there is no store, or ``JWT_REFRESH_ROTATION`` is off.
        :raises StoreUnavailableError: if the store does not answer.
        """
        current = self._here().current
        signet = current.signet()
        signet.check_rotates()
        admission = current.admission()
        if admission is None or admission.claims.get("type") != "refresh":
            carrier = request_itself()
            if carrier.method == "OPTIONS" and is_exempt(carrier, signet.settings):
                raise NoAuthorizationError("Missing refresh token")
            credentials = find(carrier, signet, TO_ROTATE)
            admission = signet.admit_to_rotate(credentials)
            current.keep(carrier, (signet, admission))
        wish = Wish(additional_claims, additional_headers, access_expires_delta, _device(""))
        pair = signet.rotate(admission, wish)
        current.made(signet, pair.access_token, pair.refresh_token)
        return pair

    @answered
    def update_session(
        self, sid: str | None = None, *, claims: Claims, tenant: str | None = None
    ) -> bool:
        """Change the claims that a session keeps; its next refresh puts them into both tokens.

        Tokens that are out stay as they are. The ``sid`` is no secret: a client that names one has
        yet to show that the session may be changed. A session of another manager, or of another
        tenant, is none that there is.

        :param sid: its id; None: that of this request's token.
        :param claims: instead of all those given to ``create_token_pair``.
        :param tenant: None: the tenant of this request, or of its token.
        :return: whether the session is live.
        :raises TypeError: if a claim is not JSON.
        :raises ValueError: if they are longer than about 1,900 characters as JSON.
        :raises ConfigurationError: if there is no store.
        :raises StoreUnavailableError: if the store does not answer.
        """
        current = self._here().current
        signet, own = current.signet(), current.sid()
        if sid is None or (sid == own and tenant is None):
            return own is not None and signet.update(own, claims)
        return signet.update(sid, claims, signet.owner(tenant))

    @answered
    def end_session(
        self, sid: str | None = None, subject: Any = ANYBODY, *, tenant: str | None = None
    ) -> bool:
        """End one session: neither of its tokens is good any more.

        A session of another manager, or of another tenant, is none that there is.

        :param sid: its id; None: that of this request's token.
        :param subject: end it only if it is this user's: a ``sid`` is no secret, so a client
            that names one has yet to show that the session is its own. An identity, as for
            :meth:`end_sessions`; None and the empty text are nobody. Left out: any user's.
        :param tenant: None: the tenant of this request, or of its token.
        :return: whether it was live until now.
        :raises ConfigurationError: if there is no store.
        :raises StoreUnavailableError: if the store does not answer.
        """
        current = self._here().current
        signet, owner = current.signet(), None
        if subject is None or subject == "":
            return False
        if subject is not ANYBODY:
            owner = str(current.subject(signet, subject))
        if sid is None or (sid == current.sid() and tenant is None):
            return signet.end_session_of(current.own_claims(), owner)
        return signet.end(sid, owner, tenant=tenant)

    @answered
    def end_sessions(
        self,
        subject: Any,
        except_sid: str | None = None,
        issuer: str | None = None,
        *,
        tenant: str | None = None,
    ) -> None:
        """Log a user out everywhere: one entry, whatever the number of sessions.

        All of the subject's tokens from before now are refused, those without a session too, for
        as long as the options let a token live.

        :param subject: the user: an identity as :meth:`create_token_pair` takes it, or as
            ``get_jwt_identity()`` gives it. ``1`` and ``"1"`` are one user.
        :param except_sid: a session that goes on, e.g. the one that asks.
        :param issuer: the other issuer whose user it is. Its tokens from before now are refused;
            those that it gives out afterwards are not, and its sessions are its own to end.
        :param tenant: None: the tenant of this request, or of its token.
        :raises ConfigurationError: if there is no store.
        :raises StoreUnavailableError: if the store does not answer.
        """
        current = self._here().current
        signet = current.signet()
        if issuer is None:
            subject = current.subject(signet, subject)
        signet.end_all(subject, except_sid=except_sid, issuer=issuer, tenant=tenant)

    @answered
    def list_sessions(
        self,
        subject: Any,
        *,
        tenant: str | None = None,
        limit: int = PAGE,
        after: str | None = None,
    ) -> list[SessionInfo]:
        """The live sessions of a user, the one opened last first: a page of them.

        There is no token in them.

        :param subject: the user, as for :meth:`end_sessions`.
        :param tenant: None: the tenant of this request, or of its token.
        :param limit: how many at most; a shorter answer is the last page.
        :param after: the ``place`` of the last session of the page before, which may have ended
            since.
        :raises ValueError: if ``after`` is no such text, or ``limit`` is below 1.
        :raises ConfigurationError: if there is no store.
        :raises StoreUnavailableError: if the store does not answer.
        """
        current = self._here().current
        signet = current.signet()
        if limit < 1:
            raise ValueError("limit takes a whole number above zero")
        sessions = signet.sessions_of(
            current.subject(signet, subject),
            tenant=tenant,
            limit=limit,
            after=None if after is None else Place.read(after),
        )
        sid = current.sid()
        return [SessionInfo.of(each, current=each.sid == sid) for each in sessions]

    @answered
    def revoke_token(
        self, token_or_jti: str, issuer: str | None = None, *, tenant: str | None = None
    ) -> None:
        """Refuse one token from now on, and if it belongs to a session, the whole session.

        A refresh token that a session has adopted ends that session.

        :param token_or_jti: a token, which may have expired; or the ``jti`` of an access token (of
            a refresh token give the token: its ``jti`` alone does not tell its session).
        :param issuer: the other issuer whose ``jti`` it is; a token says so itself.
        :param tenant: of a ``jti``; None: the tenant of this request, or of its token.
        :raises SignetError: if it is a token, and not one that a guard would take.
        :raises MissingRequiredClaimError: if it is a token of another issuer and has no ``jti``.
        :raises ConfigurationError: if there is no store.
        :raises StoreUnavailableError: if the store does not answer.
        """
        self._here().current.signet().revoke(token_or_jti, issuer, tenant=tenant)

    @answered
    def logout(self) -> bool:
        """Log out the client of this request: the sessions of its tokens end, its cookies go.

        It works on expired tokens too. Tokens in cookies need a CSRF value that is right for one
        of them. A refresh token that a session has adopted ends that session.

        :return: whether there was a token of ours.
        :raises CSRFError: if there are cookies, and no right CSRF value.
        :raises StoreUnavailableError: if the store does not answer; the client is not logged out.
        """
        current = self._here().current
        signet = current.signet()
        tokens = presented(signet)
        signet.end_presented(token.claims for token in tokens)
        after_this_request(lambda response: forget_cookies(signet, response))
        return bool(tokens)


def _device(label: str) -> Device:
    """What is known of this request's client.

    :raises TypeError: if the label is no text.
    """
    if not isinstance(label, str):
        raise TypeError(f"label takes a text, not {type(label).__name__}")
    if not has_request_context():
        return Device(label=label)
    return Device(request.headers.get("User-Agent", ""), request.remote_addr or "", label)
