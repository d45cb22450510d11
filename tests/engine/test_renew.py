"""Renew: an access token for a refresh token that stays good, where nothing rotates."""

from __future__ import annotations

from typing import Any

from flask_signet.engine.admission import Credentials
from flask_signet.engine.mint import Wanted
from flask_signet.engine.renew import TO_RENEW
from tests.engine.signets import Make


def test_a_refresh_token_without_a_session_is_renewed_too(make: Make) -> None:
    """One from before there was a store opens no session: its access token belongs to none."""
    text = make().issue("ada", Wanted(kind="refresh"))
    signet = make(SESSION_STORE="memory://", REFRESH_ROTATION=False)
    admission = signet.admit(Credentials(text, "headers"), TO_RENEW)
    claims = signet.verify(signet.renew(admission)).claims
    assert (claims["sub"], claims["type"], claims["fresh"]) == ("ada", "access", False)
    assert "sid" not in claims


def test_the_subject_is_that_of_the_refresh_token(make: Make) -> None:
    """Its loader is not asked again: it may take the application's objects alone."""
    asked: list[Any] = []
    signet = make(
        SESSION_STORE="memory://",
        REFRESH_ROTATION=False,
        user_identity=lambda user: asked.append(user) or user["id"],
    )
    pair = signet.open({"id": "ada"})
    asked.clear()
    admission = signet.admit(Credentials(pair.refresh_token, "headers"), TO_RENEW)
    assert signet.verify(signet.renew(admission)).claims["sub"] == "ada"
    assert asked == []
