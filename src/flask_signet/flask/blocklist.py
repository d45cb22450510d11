"""What is refused although it is good: by the application's blocklist, or by the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine.callbacks import call
from ..engine.issuers import Issuer
from ..exceptions import RevokedTokenError, StoreUnavailableError
from ..options.table import Settings
from ..sessions.revocations import RevocationView
from ..sessions.session import Presented
from .app_state import AppState
from .encoded_tokens import now


def check_not_blocked(state: AppState, header: dict[str, Any], payload: dict[str, Any]) -> None:
    """Ask the application's ``token_in_blocklist_loader``.

    :raises RevokedTokenError: if it says so.
    """
    callback = state.callbacks.token_in_blocklist
    if callback is not None and call(callback, header, payload):
        raise RevokedTokenError(header, payload)


def check_not_revoked(
    state: AppState,
    settings: Settings,
    header: dict[str, Any],
    payload: dict[str, Any],
    issuer: Issuer | None = None,
) -> None:
    """Look into this process's view of the store: for the token, its session, and its subject.

    :param issuer: the other issuer that the token is of.
    :raises RevokedTokenError: if one of them is revoked.
    :raises StoreUnavailableError: if the store does not answer, unless
        ``JWT_REVOCATION_ON_STORE_ERROR`` is ``allow``.
    """
    view = state.revocations(settings)
    if view is None:
        return
    what = _what(settings, payload) if issuer is None else _what_of(issuer, payload)
    if _is_revoked(settings, view, what):
        raise RevokedTokenError(header, payload)


def is_known_to_be_revoked(state: AppState, payload: Mapping[str, Any]) -> bool:
    """Whether this process knows a token to be revoked. The store is not asked about it."""
    view = state.revocations(state.settings)
    return view is not None and view.knows(_what(state.settings, payload), now=now())


def _is_revoked(settings: Settings, view: RevocationView, presented: Presented) -> bool:
    try:
        return view.refuses(presented, now=now())
    except StoreUnavailableError:
        if settings.revocation_on_store_error == "allow":
            return False
        raise


def _what(settings: Settings, payload: Mapping[str, Any]) -> Presented:
    subject = payload.get(settings.identity_claim_key)
    return Presented(
        jti=_text(payload.get("jti")),
        sid=_text(payload.get("sid")),
        subject="" if subject is None else str(subject),
        issued_at=_seconds(payload.get("auth_time", payload.get("iat"))),
    )


def _what_of(issuer: Issuer, payload: Mapping[str, Any]) -> Presented:
    """The same for a token of another issuer: under names that none of ours has.

    An issuer may give its users and its tokens the very ids that we give ours. Its sessions are
    its own to end, so what counts is when the token was made, not when somebody logged in.
    """
    return Presented(
        jti=named_by(issuer.name, _text(payload.get("jti"))),
        subject=named_by(issuer.name, str(issuer.identity(payload))),
        issued_at=_seconds(payload.get("iat")),
    )


def named_by(issuer: str | None, name: str) -> str:
    """The name in the store of what an issuer calls so; None: as we call it."""
    return name if issuer is None or not name else f"{issuer} {name}"


def _seconds(value: Any) -> float:
    return float(value) if type(value) in (int, float) else 0.0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
