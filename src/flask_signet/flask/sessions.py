"""Sessions: what one log-in opens, both of its tokens name (``sid``), and a refresh continues.

With ``JWT_SESSION_STORE`` a session is one row in a store, and its refresh token is good once.
Without, ``create_token_pair`` still names a session in both tokens, and nothing keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import has_request_context, request

from .. import signals
from ..engine.callbacks import call
from ..exceptions import (
    ConfigurationError,
    MissingRequiredClaimError,
    NoAuthorizationError,
    RevokedTokenError,
    SignetError,
    UserLookupError,
)
from ..jwt.encode import new_id
from ..jwt.token import TokenPair
from ..options.lifetime import lifetime_seconds
from ..sessions.store import NEVER, Device, Rotation, Session, SessionStore, Successor, new_sid
from ..view_decorators import guard
from . import session_store
from .answers import bind
from .app_state import AppState, current_state
from .blocklist import is_known_to_be_revoked, named_by
from .credentials import find_token
from .current import of_request
from .encoded_tokens import (
    ExpiresDelta,
    Fresh,
    check_token,
    create_token,
    make_wire_identity,
    now,
)
from .session_store import ask, forget_cookies, refuse_until, required_store

Claims = Mapping[str, Any]


class SessionInfo(NamedTuple):
    """A session, for its owner to recognize. Times are seconds since 1970; there is no token.

    ``expires_at`` moves with each refresh; ``current`` marks the session of this request.
    """

    sid: str
    created_at: float
    last_seen_at: float
    expires_at: float
    user_agent: str
    address: str
    label: str
    current: bool


# ── (a) log-in ───────────────────────────────────────────────────────────────────────────


def create_token_pair(
    identity: Any,
    fresh: Fresh = True,
    access_expires_delta: ExpiresDelta | None = None,
    refresh_expires_delta: ExpiresDelta | None = None,
    additional_claims: Claims | None = None,
    additional_headers: Claims | None = None,
    label: str = "",
) -> TokenPair:
    """Open a session: both tokens of a log-in, under one new ``sid``.

    With a store, the session is in it before the tokens leave. ``auth_time`` in both tokens is
    when it was opened (OpenID Connect Core 1.0 section 2).

    :param fresh: the access token is fresh unless you say otherwise: its owner just logged in.
    :param access_expires_delta: how long the access token lives; None: as the option says.
    :param refresh_expires_delta: how long the refresh token lives; None: as the option says.
    :param additional_claims: for both payloads.
    :param additional_headers: for both headers.
    :param label: a name for the device, shown by :func:`list_sessions`.
    :return: ``access_token``, ``refresh_token`` and ``sid``.
    :raises TypeError: if the identity, or a claim, can't be in a token.
    :raises ValueError: if a lifetime is zero.
    :raises StoreUnavailableError: if the store does not answer.
    """
    return open_pair(
        current_state(),
        identity,
        fresh=fresh,
        access_expires_delta=access_expires_delta,
        refresh_expires_delta=refresh_expires_delta,
        additional_claims=additional_claims,
        additional_headers=additional_headers,
        label=label,
    )


def open_pair(
    state: AppState,
    identity: Any,
    *,
    fresh: Fresh = True,
    access_expires_delta: ExpiresDelta | None = None,
    refresh_expires_delta: ExpiresDelta | None = None,
    additional_claims: Claims | None = None,
    additional_headers: Claims | None = None,
    label: str = "",
) -> TokenPair:
    """:func:`create_token_pair` for any manager."""
    mint = _Mint(state, identity, additional_claims, additional_headers, access_expires_delta)
    store = state.store()
    if store is None:
        sid = new_sid("")
        return mint.loose_pair(sid, fresh, refresh_expires_delta)
    moment = now()
    lifetime = _seconds(refresh_expires_delta, moment)
    session = Session.begin(
        mint.subject(),
        new_id(as_uuid=False),
        now=moment,
        expires_at=moment + (mint.idle_seconds() if lifetime is None else lifetime),
        absolute_expires_at=mint.absolute_end(moment),
        memo=new_id(as_uuid=False),
        device=_device(label),
    )
    pair = mint.pair(session, fresh=fresh)  # signed first: what can't be signed opens nothing
    opened = ask(
        state,
        lambda: store.open_session(
            session,
            refuse_until=refuse_until(state, moment),
            max_sessions=state.settings.max_sessions_per_subject,
        ),
    )
    if opened.session != session:  # it was dated after a "log out everywhere"
        pair = mint.pair(opened.session, fresh=fresh)
    if opened.ended:
        state.has_revoked()
    for surplus in opened.ended:
        signals.token_revoked.send(state.app, kind="sid", value=surplus.sid)
    signals.token_issued.send(state.app, sid=session.sid, subject=session.subject)
    return pair


def _device(label: str) -> Device:
    if not has_request_context():
        return Device(label=label)
    return Device(request.headers.get("User-Agent", ""), request.remote_addr or "", label)


def _seconds(delta: Any, moment: float) -> float | None:
    if delta is None:
        return None
    seconds = lifetime_seconds(delta, moment)
    if seconds == 0:
        raise ValueError("refresh_expires_delta is zero: give a lifetime above zero")
    return NEVER if seconds is None else seconds


class _Mint:
    """Makes the tokens of one session, at log-in and at each refresh, from the session's row."""

    def __init__(
        self,
        state: AppState,
        identity: Any,
        claims: Claims | None,
        headers: Claims | None,
        access_expires_delta: ExpiresDelta | None = None,
        wire_identity: Any = None,
    ) -> None:
        self.state = state
        self.identity = identity
        self.claims = claims
        self.headers = headers
        self.access_expires_delta = access_expires_delta
        self.wire_identity = wire_identity
        if wire_identity is None:
            self.wire_identity = make_wire_identity(state, state.settings, identity)
        self._check_lifetime()

    def _check_lifetime(self) -> None:
        """A session's access token may not outlive the entry that refuses it once it has ended."""
        settings, prefix = self.state.settings, self.state.prefix
        if settings.session_store is None or self.access_expires_delta is None:
            return
        moment = now()
        most = lifetime_seconds(settings.access_expires, moment)
        wanted = lifetime_seconds(self.access_expires_delta, moment)
        if most is not None and (wanted is None or wanted > most):
            raise ValueError(
                f"access_expires_delta is longer than {prefix}ACCESS_TOKEN_EXPIRES: sessions that "
                "end are remembered for no longer than that"
            )

    def subject(self) -> str:
        """The subject under which the store keeps the session."""
        return str(self.wire_identity)

    def idle_seconds(self) -> float:
        """Seconds that the session lives without a refresh."""
        settings = self.state.settings
        idle = settings.refresh_idle_expires
        seconds = lifetime_seconds(settings.refresh_expires if idle is None else idle, now())
        return NEVER if seconds is None else seconds

    def absolute_end(self, opened_at: float) -> float:
        """When the session ends, however often it is refreshed."""
        seconds = lifetime_seconds(self.state.settings.refresh_absolute_expires, opened_at)
        return NEVER if seconds is None else opened_at + seconds

    def pair(self, session: Session, *, fresh: Fresh) -> TokenPair:
        """Both tokens of a session as its row says; the refresh token is the same each time."""
        named = {
            self.state.settings.identity_claim_key: self.wire_identity,
            "sid": session.sid,
            "auth_time": session.created_at,
        }
        if self.state.settings.puts_csrf:
            # One value for both: a page that logs out proves itself for both cookies at once.
            named["csrf"] = session.memo
        access = self._token("access", named, fresh=fresh, expires_delta=self.access_expires_delta)
        issued = int(session.rotated_at)
        row: dict[str, Any] = {"jti": session.jti, "iat": issued}
        if self.state.settings.encode_nbf:
            row["nbf"] = issued
        never = session.expires_at == NEVER
        if not never:
            row["exp"] = int(session.expires_at)
        refresh = self._token("refresh", named | row, expires_delta=False if never else None)
        return TokenPair(access, refresh, session.sid)

    def loose_pair(self, sid: str, fresh: Fresh, refresh_expires_delta: Any) -> TokenPair:
        """Both tokens of a session that no store keeps."""
        named = {"sid": sid}
        access = self._token("access", named, fresh=fresh, expires_delta=self.access_expires_delta)
        refresh = self._token("refresh", named, expires_delta=refresh_expires_delta)
        return TokenPair(access, refresh, sid)

    def _token(self, kind: Any, session: Claims, **options: Any) -> str:
        return create_token(
            self.state,
            kind,
            self.identity,
            claims=self.claims,
            headers=self.headers,
            session=session,
            wire_identity=self.wire_identity,
            **options,
        )


# ── (c) refresh ──────────────────────────────────────────────────────────────────────────


def rotate_refresh_token(
    additional_claims: Claims | None = None,
    additional_headers: Claims | None = None,
    access_expires_delta: ExpiresDelta | None = None,
) -> TokenPair:
    """Refresh: both next tokens for the refresh token of this request, which is good no more.

    Call it in an open view, where it verifies the request's refresh token itself. Behind
    ``@jwt_required(refresh=True)`` it works as well; the guard, which can't know what comes, reads
    the session first. One conditional write decides:

    - the session's current token is replaced;
    - the one just replaced, within ``JWT_REFRESH_REUSE_GRACE`` seconds, gets the same successor
      again: two tabs are no thief;
    - any older one ends the session (RFC 9700 section 4.14.2).

    A refresh token from before there was a store is adopted: it opens a session, once. The
    ``user_state_loader`` is asked first. The new access token is not fresh.

    :return: ``access_token``, ``refresh_token`` and ``sid``.
    :raises TokenReusedError: if the token had been used; the session has been ended.
    :raises SessionEndedError: if the session is not live.
    :raises UserLookupError: if ``user_state_loader`` refuses; the session has been ended.
    :raises ConfigurationError: if there is no store, or ``JWT_REFRESH_ROTATION`` is off.
    :raises StoreUnavailableError: if the store does not answer.
    """
    return rotate(
        current_state(),
        additional_claims=additional_claims,
        additional_headers=additional_headers,
        access_expires_delta=access_expires_delta,
    )


def rotate(
    state: AppState,
    *,
    additional_claims: Claims | None = None,
    additional_headers: Claims | None = None,
    access_expires_delta: ExpiresDelta | None = None,
) -> TokenPair:
    """:func:`rotate_refresh_token` for any manager."""
    store = required_store(state)
    if not state.settings.rotates:
        raise ConfigurationError(f"{state.prefix}REFRESH_ROTATION is False: nothing rotates")
    current = of_request(state)
    if current is None or current.payload.get("type") != "refresh":
        # Whether it was used or revoked, the one write below decides: nothing is read before it.
        try:
            guard(state, refresh=True, ask_store=False)
        except UserLookupError as error:
            # Whoever is not there any more has no session either.
            _end_of(state, error.jwt_data)
            raise
        current = of_request(state)
    if current is None or not current.payload:
        raise bind(NoAuthorizationError("Missing refresh token"), state)
    claims, header = current.payload, current.header
    mint = _Mint(
        state,
        current.identity,
        additional_claims,
        additional_headers,
        access_expires_delta,
        wire_identity=claims[state.settings.identity_claim_key],
    )
    moment = now()
    if state.callbacks.user_state is not None and not call(
        state.callbacks.user_state, current.identity
    ):
        _end_of(state, claims)
        message = f"user_state refused {current.identity}"
        raise bind(UserLookupError(message, header, claims), state)
    if session_store.is_of_session(claims) and is_known_to_be_revoked(state, claims):
        # By its jti alone; the rest is in the row. Of a token without a session, `adopt` knows.
        raise bind(RevokedTokenError(header, claims), state)
    outcome, pair = _rotated(state, store, mint, claims, moment)
    return _conclude(state, outcome, pair, mint, header, claims)


def _rotated(
    state: AppState, store: SessionStore, mint: _Mint, claims: Claims, moment: float
) -> tuple[Rotation, TokenPair | None]:
    """The store's verdict, and the pair that was signed before it was asked for."""
    grace = state.settings.refresh_reuse_grace
    until = refuse_until(state, moment)
    if not session_store.is_of_session(claims):
        session = Session.begin(
            mint.subject(),
            new_id(as_uuid=False),
            now=moment,
            expires_at=moment + mint.idle_seconds(),
            absolute_expires_at=mint.absolute_end(moment),
            memo=new_id(as_uuid=False),
            device=_device(""),
            adopted_jti=str(claims["jti"] or claims.get("iat", "")),
        )
        pair = mint.pair(session, fresh=False)
        outcome = ask(
            state,
            lambda: store.adopt(
                session,
                issued_at=float(claims.get("iat", 0)),
                token_expires_at=float(claims.get("exp", NEVER)),
                grace=grace,
                refuse_until=until,
            ),
        )
        if outcome.session is not None and outcome.session != session:
            pair = mint.pair(outcome.session, fresh=False)
        return outcome, pair
    sid, opened_at = claims["sid"], float(claims["auth_time"])
    end = mint.absolute_end(opened_at)
    successor = Successor(
        new_id(as_uuid=False), min(moment + mint.idle_seconds(), end), new_id(as_uuid=False)
    )
    row = Session(
        *(sid, mint.subject(), successor.jti, successor.expires_at, end, opened_at, moment),
        last_seen_at=moment,
        memo=successor.memo,
    )
    pair = mint.pair(row, fresh=False)
    outcome = ask(
        state,
        lambda: store.rotate(
            sid,
            str(claims["jti"]),
            successor,
            now=moment,
            grace=grace,
            refuse_until=until,
        ),
    )
    return outcome, pair


def _conclude(
    state: AppState,
    outcome: Rotation,
    pair: TokenPair | None,
    mint: _Mint,
    header: dict[str, Any],
    claims: dict[str, Any],
) -> TokenPair:
    """What the store's verdict means to the client, and to those who listen."""
    session = outcome.session
    if outcome.verdict == "rotated" and pair is not None:
        signals.token_rotated.send(state.app, sid=pair.sid, subject=mint.subject())
        return pair
    if outcome.verdict == "replayed" and session is not None:
        return mint.pair(session, fresh=False)
    raise bind(session_store.refused(state, outcome, mint.subject(), header, claims), state)


# ── (d) revoke ───────────────────────────────────────────────────────────────────────────


def end_session(sid: str | None = None, subject: Any = None) -> bool:
    """End one session: neither of its tokens is good any more.

    :param sid: its id; None: that of this request's token.
    :param subject: end it only if it is this identity's: a ``sid`` is no secret, so whoever
        names one has yet to show that it is his.
    :return: whether it was live until now.
    :raises ConfigurationError: if there is no store.
    :raises StoreUnavailableError: if the store does not answer.
    """
    return end_one(current_state(), sid, subject)


def end_one(state: AppState, sid: str | None = None, subject: Any = None) -> bool:
    """:func:`end_session` for any manager."""
    if sid is None:
        sid = _current_sid(state)
    whose = "" if subject is None else str(subject)
    return sid is not None and session_store.end(state, sid, whose)


def end_sessions(subject: Any, except_sid: str | None = None, issuer: str | None = None) -> None:
    """Log somebody out everywhere: one entry, whatever the number of sessions.

    All of the subject's tokens from before now are refused, those without a session too, for as
    long as the options let a token live.

    :param subject: the identity, as ``get_jwt_identity()`` gives it.
    :param except_sid: a session that goes on, e.g. the one that asks.
    :param issuer: the other issuer whose user it is. Its tokens from before now are refused; those
        that it gives out afterwards are not, and its sessions are its own to end.
    :raises ConfigurationError: if there is no store.
    :raises StoreUnavailableError: if the store does not answer.
    """
    end_all(current_state(), subject, except_sid, issuer)


def end_all(
    state: AppState, subject: Any, except_sid: str | None = None, issuer: str | None = None
) -> None:
    """:func:`end_sessions` for any manager."""
    subject = named_by(issuer, str(subject))
    store, moment = required_store(state), now()
    until = longest_life(state, moment)
    ask(
        state,
        lambda: store.end_sessions(
            subject, now=moment, expires_at=until, except_sid=except_sid or ""
        ),
    )
    state.has_revoked()
    signals.token_revoked.send(state.app, kind="subject", value=subject)


def list_sessions(subject: Any) -> list[SessionInfo]:
    """The live sessions of somebody, the one opened last first. There is no token in them.

    :param subject: the identity, as ``get_jwt_identity()`` gives it.
    :raises ConfigurationError: if there is no store.
    :raises StoreUnavailableError: if the store does not answer.
    """
    return list_all(current_state(), subject)


def list_all(state: AppState, subject: Any) -> list[SessionInfo]:
    """:func:`list_sessions` for any manager."""
    store, here = required_store(state), _current_sid(state)
    found = ask(state, lambda: store.list_sessions(str(subject), now=now()))
    return [
        SessionInfo(
            session.sid,
            session.created_at,
            session.last_seen_at,
            session.expires_at,
            session.device.user_agent,
            session.device.address,
            session.device.label,
            session.sid == here,
        )
        for session in found
    ]


def revoke_token(token_or_jti: str, issuer: str | None = None) -> None:
    """Refuse one token from now on, and if it belongs to a session, the whole session.

    :param token_or_jti: a token, which may have expired; or the ``jti`` of an access token (of a
        refresh token give the token: its ``jti`` alone does not tell its session).
    :param issuer: the other issuer whose ``jti`` it is; a token says so itself.
    :raises SignetError: if it is a token, and not one that a guard would take.
    :raises MissingRequiredClaimError: if it is a token of another issuer and has no ``jti``.
    :raises ConfigurationError: if there is no store.
    :raises StoreUnavailableError: if the store does not answer.
    """
    revoke(current_state(), token_or_jti, issuer)


def revoke(state: AppState, token_or_jti: str, issuer: str | None = None) -> None:
    """:func:`revoke_token` for any manager."""
    if issuer is not None or token_or_jti.count(".") != 2:
        # Of a bare jti nothing else is known: it is refused for as long as any token could live.
        _refuse(state, named_by(issuer, token_or_jti), longest_life(state, now()))
        return
    token = check_token(state, token_or_jti, allow_expired=True, foreign=True)
    if token.issuer is None:
        revoke_ours(state, token.claims)
        return
    jti = token.claims["jti"]
    if not jti:
        raise bind(MissingRequiredClaimError("jti"), state)
    leeway = state.manager.issuers[token.issuer].leeway_in(state.settings.leeway)
    _refuse(state, named_by(token.issuer, jti), float(token.claims["exp"]) + leeway + 1)


def logout() -> bool:
    """Log out the client of this request: the sessions of its tokens end, its cookies go.

    It works on expired tokens too. A token in a cookie needs its CSRF value.

    :return: whether there was a token of ours.
    :raises CSRFError: if a cookie came without its CSRF value.
    :raises StoreUnavailableError: if the store does not answer; the client is not logged out.
    """
    return log_out(current_state())


def log_out(state: AppState) -> bool:
    """:func:`logout` for any manager."""
    found: dict[str, Claims] = {}
    for refresh in (False, True):  # each has a cookie of its own; a header holds either
        try:
            token = find_token(state.settings, None, refresh=refresh)
            if token.text not in found:
                found[token.text] = check_token(
                    state, token.text, csrf_value=token.csrf_value, allow_expired=True
                ).claims
        except NoAuthorizationError:
            continue
        except SignetError as error:
            if error.proved == "nothing" and error.error_code not in _CLIENT_ERRORS:
                continue  # not one of ours: there is nothing to end
            raise bind(error, state) from None
    ended: set[str] = set()
    for claims in found.values():
        if not (session_store.is_of_session(claims) and claims["sid"] in ended):
            revoke_ours(state, claims)
        ended.add(str(claims.get("sid")))
    forget_cookies(state)
    return bool(found)


_CLIENT_ERRORS = ("csrf_failed", "invalid_request")


def revoke_ours(state: AppState, claims: Claims) -> None:
    """Refuse a token of ours with these claims, and end its session if it has one."""
    _end_of(state, claims)
    jti = claims.get("jti")
    # A pair from before there was a store names a session that no store knows.
    if not session_store.is_of_session(claims) and isinstance(jti, str) and jti:
        expires_at = float(claims.get("exp", NEVER)) + state.settings.leeway + 1
        subject = claims.get(state.settings.identity_claim_key, "")
        _refuse(state, jti, expires_at, str(subject))


def _end_of(state: AppState, claims: Claims) -> None:
    """End the session of a token, if it names one."""
    if isinstance(claims.get("sid"), str):
        session_store.end(state, claims["sid"])


def _refuse(state: AppState, jti: str, expires_at: float, subject: str = "") -> None:
    store, moment = required_store(state), now()
    ask(
        state,
        lambda: store.revoke_token(jti, now=moment, expires_at=expires_at, subject=subject),
    )
    state.has_revoked()
    signals.token_revoked.send(state.app, kind="jti", value=jti)


def longest_life(state: AppState, moment: float) -> float:
    """When the last token that was issued until now, by the options of now, has expired."""
    settings = state.settings
    lifetimes = (settings.access_expires, settings.refresh_expires, settings.refresh_idle_expires)
    ends = [
        NEVER if seconds is None else moment + seconds + settings.leeway + 1
        for seconds in (lifetime_seconds(each, moment) for each in lifetimes if each is not None)
    ]
    return max(ends)


def _current_sid(state: AppState) -> str | None:
    current = of_request(state)
    if current is None or current.issuer is not None:
        return None  # another issuer's sid names a session of its own
    sid = current.payload.get("sid")
    return sid if isinstance(sid, str) else None
