"""Renew: an access token for a refresh token that stays good, where nothing rotates."""

from __future__ import annotations

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
