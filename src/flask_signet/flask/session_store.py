"""How the extension speaks to the session store: to ask it, to end a session, to refuse a token.

Guards and :mod:`.sessions` share it. What is remembered of an ended session, and for how long, is
decided here alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Response, after_this_request

from .. import signals
from ..exceptions import (
    ConfigurationError,
    RevokedTokenError,
    SessionEndedError,
    SignetError,
    TokenReusedError,
)
from ..jwt.encode import new_id
from ..options.lifetime import lifetime_seconds
from ..options.table import Settings
from ..sessions.store import NEVER, Rotation, SessionStore, Successor, stored_id
from .answers import bind
from .app_state import AppState
from .cookies import unset_cookies
from .encoded_tokens import now

Answer = TypeVar("Answer")
Claims = dict[str, Any]


def required_store(state: AppState) -> SessionStore:
    """The store.

    :raises ConfigurationError: if there is none.
    """
    store = state.store()
    if store is None:
        raise ConfigurationError(
            f"{state.prefix}SESSION_STORE is not set: sessions need a store, e.g. "
            "'sqlite:///sessions.db'"
        )
    return store


def ask(state: AppState, operation: Callable[[], Answer]) -> Answer:
    """The store's answer; its failure as an error that the manager answers."""
    try:
        return operation()
    except SignetError as error:
        raise bind(error, state) from error.__cause__


def refuse_until(state: AppState, moment: float) -> float:
    """When the last access token of a session that ends now has expired by itself.

    Its refresh tokens need no entry: a session that is gone has none.
    """
    seconds = lifetime_seconds(state.settings.access_expires, moment)
    return NEVER if seconds is None else moment + seconds + state.settings.leeway + 1


def end(state: AppState, sid: str, subject: str = "") -> bool:
    """End a session, and refuse its access tokens.

    :param subject: end it only if it is this subject's.
    :return: whether it was live until now.
    :raises StoreUnavailableError: if the store does not answer.
    """
    store, moment = required_store(state), now()
    until = refuse_until(state, moment)
    ended = ask(
        state,
        lambda: store.end_session(sid, now=moment, refuse_until=until, subject=subject),
    )
    if ended is not None or not subject:
        state.has_revoked()
        signals.token_revoked.send(state.app, kind="sid", value=sid)
    return ended is not None


def is_of_session(payload: Mapping[str, Any]) -> bool:
    """Whether a token belongs to a session that the store keeps, or kept."""
    return isinstance(payload.get("sid"), str) and "auth_time" in payload


def check_is_current(state: AppState, settings: Settings, header: Claims, payload: Claims) -> None:
    """Refuse a refresh token of a session that has ended, or has moved on without it.

    For guards in front of views that do not rotate, or not at once: one read. What a rotation
    decides is decided by its one write.

    :raises SessionEndedError: if the session is not live.
    :raises TokenReusedError: if the token was used before; the session has been ended.
    :raises StoreUnavailableError: if the store does not answer.
    """
    store, moment = required_store(state), now()
    sid, jti = payload["sid"], str(payload["jti"])
    session = store.find_session(sid, now=moment)
    if session is not None and session.jti == stored_id(jti):
        return
    verdict = Rotation("gone")
    if session is not None:
        # A token that was replaced is never current again, so this rotates nothing: it tells a
        # replay within the grace from reuse, and ends the session for reuse.
        verdict = store.rotate(
            sid,
            jti,
            Successor(new_id(as_uuid=False)),
            now=moment,
            grace=settings.refresh_reuse_grace,
            refuse_until=refuse_until(state, moment),
        )
    if verdict.verdict in ("reused", "gone"):
        subject = str(payload.get(settings.identity_claim_key, ""))
        raise refused(state, verdict, subject, header, payload)


def refused(
    state: AppState, outcome: Rotation, subject: str, header: Claims, claims: Claims
) -> RevokedTokenError:
    """The error of a refresh token that is reused or gone; who listens is told, cookies go."""
    session = outcome.session
    about: dict[str, Any] = {
        "sid": session.sid if session else claims.get("sid"),
        "subject": subject,
    }
    error: RevokedTokenError
    if outcome.verdict == "reused":
        state.has_revoked()
        signals.token_reused.send(state.app, jti=claims.get("jti"), **about)
        error = TokenReusedError(header, claims)
    else:
        error = SessionEndedError(header, claims)
    signals.token_rejected.send(state.app, error_code=error.error_code, **about)
    forget_cookies(state)
    return error


def forget_cookies(state: AppState) -> None:
    """Have the response to this request drop the tokens' cookies, where tokens are in cookies."""
    if "cookies" not in state.settings.token_location:
        return

    @after_this_request
    def unset(response: Response) -> Response:
        for kind in ("access", "refresh"):
            unset_cookies(state, kind, response)
        return response
