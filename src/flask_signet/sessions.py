"""Sessions: what one log-in opens, and both of its tokens name (``sid``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .app_state import AppState, current_state
from .encoded_tokens import ExpiresDelta, Fresh, create_token
from .tokens.issue import new_id
from .tokens.token import TokenPair


def create_token_pair(
    identity: Any,
    fresh: Fresh = True,
    access_expires_delta: ExpiresDelta | None = None,
    refresh_expires_delta: ExpiresDelta | None = None,
    additional_claims: Mapping[str, Any] | None = None,
    additional_headers: Mapping[str, Any] | None = None,
) -> TokenPair:
    """Both tokens of a log-in, under one new ``sid`` (OpenID Connect's session id).

    :param fresh: the access token is fresh unless you say otherwise: its owner just logged in.
    :param access_expires_delta: how long the access token lives; None: as the option says.
    :param refresh_expires_delta: how long the refresh token lives; None: as the option says.
    :param additional_claims: for both payloads.
    :param additional_headers: for both headers.
    :return: ``access_token``, ``refresh_token`` and ``sid``.
    :raises TypeError: if the identity, or a claim, can't be in a token.
    :raises ValueError: if a lifetime is zero.
    """
    return open_pair(
        current_state(),
        identity,
        fresh,
        access_expires_delta,
        refresh_expires_delta,
        additional_claims,
        additional_headers,
    )


def open_pair(
    state: AppState,
    identity: Any,
    fresh: Fresh = True,
    access_expires_delta: ExpiresDelta | None = None,
    refresh_expires_delta: ExpiresDelta | None = None,
    additional_claims: Mapping[str, Any] | None = None,
    additional_headers: Mapping[str, Any] | None = None,
) -> TokenPair:
    """:func:`create_token_pair` for any manager."""
    sid = new_id(as_uuid=False)
    access = create_token(
        state,
        "access",
        identity,
        fresh=fresh,
        expires_delta=access_expires_delta,
        claims=additional_claims,
        headers=additional_headers,
        sid=sid,
    )
    refresh = create_token(
        state,
        "refresh",
        identity,
        expires_delta=refresh_expires_delta,
        claims=additional_claims,
        headers=additional_headers,
        sid=sid,
    )
    return TokenPair(access, refresh, sid)
