"""What is refused although it is good: by the application's blocklist, or by the store."""

from __future__ import annotations

from typing import Any

from .app_state import AppState
from .callbacks import call
from .config import Settings
from .encoded_tokens import now
from .exceptions import RevokedTokenError, StoreUnavailableError
from .tokens.revocations import RevocationView


def check_not_blocked(state: AppState, header: dict[str, Any], payload: dict[str, Any]) -> None:
    """Ask the application's ``token_in_blocklist_loader``.

    :raises RevokedTokenError: if it says so.
    """
    callback = state.callbacks.token_in_blocklist
    if callback is not None and call(callback, header, payload):
        raise RevokedTokenError(header, payload)


def check_not_revoked(
    state: AppState, settings: Settings, header: dict[str, Any], payload: dict[str, Any]
) -> None:
    """Look into this process's view of the store: for the token, its session, and its subject.

    :raises RevokedTokenError: if one of them is revoked.
    :raises StoreUnavailableError: if the store does not answer, unless
        ``JWT_REVOCATION_ON_STORE_ERROR`` is ``allow``.
    """
    view = state.revocations(settings)
    if view is not None and _is_revoked(settings, view, payload):
        raise RevokedTokenError(header, payload)


def _is_revoked(settings: Settings, view: RevocationView, payload: dict[str, Any]) -> bool:
    subject = payload.get(settings.identity_claim_key)
    try:
        return view.refuses(
            now=now(),
            jti=_text(payload.get("jti")),
            sid=_text(payload.get("sid")),
            subject="" if subject is None else str(subject),
            issued_at=_seconds(payload.get("auth_time", payload.get("iat"))),
        )
    except StoreUnavailableError:
        if settings.revocation_on_store_error == "allow":
            return False
        raise


def _seconds(value: Any) -> float:
    return float(value) if type(value) in (int, float) else 0.0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
