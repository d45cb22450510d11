"""What a request brings, held against a guard's rule: this computes, and never waits."""

import pytest

from flask_signet.engine.admission import Credentials
from flask_signet.engine.rule import Rule
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import (
    CSRFError,
    ExpiredSignatureError,
    FreshTokenRequired,
    InvalidSignatureError,
    JWTDecodeError,
    RevokedTokenError,
    WrongTokenError,
)
from tests.applications import CSRF, NOW, OTHER_SECRET, mint
from tests.conftest import Clock
from tests.engine.signets import (
    Event,
    Make,
    Watched,
    admit,
    check,
    loose,
    other_issuers,
    their_token,
)
from tests.issuers import ISSUER


def test_what_is_found(make: Make) -> None:
    """Header, claims and location of the token; for whom it is was not asked."""
    signet = make(IDENTITY_TYPE=int, user_lookup=lambda *token: pytest.fail("asked"))
    found = signet.check(Credentials(loose(signet, 5), "cookies"), Rule())
    assert found.header == {"alg": "HS256", "typ": "JWT"}
    assert (found.claims["sub"], found.claims["type"]) == ("5", "access")
    assert (found.location, found.identity, found.issuer) == ("cookies", None, None)
    assert (found.user, found.has_user) == (None, False)


def test_what_is_found_is_the_requests_own(signet: Signet) -> None:
    """A view that changes the claims changes nothing for the next request with the token."""
    text = mint()
    first = check(signet, text)
    first.claims["sub"] = first.header["kid"] = "changed"
    second = check(signet, text)
    assert second.claims["sub"] == "alice"
    assert "kid" not in second.header


def test_nothing_is_asked(make: Make, store: Watched, told: list[Event]) -> None:
    """Neither the store nor the application is asked, and nobody is told anything."""
    asked = []
    signet = make(
        SESSION_STORE=store,
        token_in_blocklist=lambda *token: asked.append("blocklist"),
        token_verification=lambda *token: asked.append("verification"),
        user_lookup=lambda *token: asked.append("user"),
        user_state=lambda identity: asked.append("state"),
    )
    check(signet, mint())
    check(signet, mint("refresh"), Rule(kind="refresh"))
    assert (asked, store.asked, told) == ([], [], [])


def test_the_rule_counts(signet: Signet) -> None:
    """A good token that does not follow the rule is refused."""
    with pytest.raises(WrongTokenError):
        check(signet, mint("refresh"))
    with pytest.raises(WrongTokenError):
        check(signet, mint(), Rule(kind="refresh"))
    with pytest.raises(FreshTokenRequired):
        check(signet, mint(), Rule(fresh=True))
    assert check(signet, mint(fresh=True), Rule(fresh=True)).claims["sub"] == "alice"


def test_the_order_of_faults(signet: Signet) -> None:
    """The signature counts before all, then the CSRF value, the expiry, and the rule last."""
    refresh = mint("refresh", exp=NOW)
    with pytest.raises(InvalidSignatureError):
        check(signet, mint("refresh", exp=NOW, secret=OTHER_SECRET), csrf="wrong")
    with pytest.raises(CSRFError):
        check(signet, refresh, csrf="wrong")
    with pytest.raises(ExpiredSignatureError):
        check(signet, refresh, csrf=CSRF)
    with pytest.raises(WrongTokenError):
        check(signet, mint("refresh", fresh=False), Rule(fresh=True), csrf=CSRF)


@pytest.mark.parametrize("csrf", ["", "other"])
def test_a_csrf_value_that_must_come(signet: Signet, csrf: str) -> None:
    """An empty value is a wrong one, not one that need not come."""
    with pytest.raises(CSRFError):
        check(signet, mint(), csrf=csrf)
    assert check(signet, mint(), csrf=CSRF).claims["sub"] == "alice"
    assert check(signet, mint(), csrf=None).claims["sub"] == "alice"


def test_an_identity_that_can_not_be_read(make: Make) -> None:
    """The type of identities is asked last, of a token that is good otherwise."""
    signet = make(IDENTITY_TYPE=int, token_in_blocklist=lambda header, claims: claims["fresh"])
    with pytest.raises(JWTDecodeError, match="Invalid claim: sub"):
        admit(signet, mint(sub="alice", fresh=False))
    with pytest.raises(RevokedTokenError):
        admit(signet, mint(sub="alice", fresh=True))


def test_another_issuers_token(make: Make, clock: Clock) -> None:
    """It is an access token of that issuer; its identity is as it stands there, of no type."""
    signet = make(issuers=other_issuers(clock, identity_claim="oid"), IDENTITY_TYPE=int)
    found = admit(signet, their_token(clock, oid="7", type="admin"))
    assert (found.issuer, found.identity) == (ISSUER, "7")
    assert (found.claims["type"], found.claims["fresh"]) == ("access", False)
    with pytest.raises(WrongTokenError):
        check(signet, their_token(clock, oid="7"), Rule(kind="refresh"))


def test_a_token_that_was_verified_before(signet: Signet) -> None:
    """`examine` holds a verified token against a rule, without verifying it again."""
    token = signet.verify(mint("refresh"))
    found = signet.examine(token, Rule(kind="refresh"))
    assert (found.claims["sub"], found.location) == ("alice", None)
    with pytest.raises(WrongTokenError):
        signet.examine(token, Rule())
