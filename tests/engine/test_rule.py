"""What a guard asks of a token: made once of a guard's arguments, held against each token."""

import dataclasses
from typing import Any

import pytest

from flask_signet.engine.admission import Admission
from flask_signet.engine.rule import EXPLICIT_TYP, Rule, flag
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import FreshTokenRequired, WrongTokenError
from tests.conftest import Clock
from tests.engine.signets import Make

NO_REFRESH = "Only non-refresh tokens are allowed"
ONLY_REFRESH = "Only refresh tokens are allowed"
ONLY_OURS = "Only access and refresh tokens are allowed"
OTHER_TYP = "The token's typ is not that of its type"


def hold(
    signet: Signet,
    rule: Rule,
    header: dict[str, Any] | None = None,
    location: str | None = None,
    issuer: str | None = None,
    **claims: Any,
) -> Admission:
    """A verified token of these claims, held against a rule."""
    made = {"type": "access", "fresh": False, "jti": "j", "sub": "ada", **claims}
    admission = Admission(header or {}, made, location, issuer=issuer)
    rule.check(admission, signet.settings, signet.clock)
    return admission


# ── a guard's arguments ──────────────────────────────────────────────────────────────────


def test_no_argument_is_the_default_rule() -> None:
    """A guard without arguments asks for an access token that was not revoked."""
    assert Rule.of() == Rule()
    assert Rule() == Rule(
        optional=False,
        kind="access",
        either=False,
        fresh=False,
        locations=None,
        revocation=True,
        asks_store=True,
        current=True,
    )


def test_the_arguments_have_their_order() -> None:
    """The arguments stand in Flask-JWT-Extended's order, so they may be given by position."""
    asked = Rule.of(True, True, True, "headers", False, True)
    assert asked == Rule(
        optional=True,
        fresh=True,
        kind="refresh",
        locations="headers",
        either=True,
        revocation=False,
    )


@pytest.mark.parametrize("optional", ["cookies", ["headers"], None, 1, 0])
def test_optional_is_yes_or_no(optional: object) -> None:
    """A location in the place of `optional` is refused: it would let every request in."""
    with pytest.raises(TypeError, match="optional takes True or False"):
        flag(optional)
    assert Rule.of(optional).optional is bool(optional)


def test_locations_of_a_generator_outlive_the_first_request() -> None:
    """The locations are kept: a generator would be empty at the second request."""
    rule = Rule.of(locations=(name for name in ("cookies", "headers")))  # type: ignore[arg-type]
    assert rule.locations == ("cookies", "headers")


def test_a_rule_does_not_change() -> None:
    """A rule is one value: it can't be changed, and equal rules are one key of a dictionary."""
    rule = Rule.of(fresh=True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule.fresh = False  # type: ignore[misc]
    assert len({rule, Rule(fresh=True), Rule()}) == 2


# ── the kind of a token ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rule", "type_", "compatible", "strict"),
    [
        (Rule(), "access", None, None),
        (Rule(), "refresh", NO_REFRESH, NO_REFRESH),
        (Rule(), "invitation", None, NO_REFRESH),
        (Rule(), None, None, NO_REFRESH),
        (Rule(kind="refresh"), "refresh", None, None),
        (Rule(kind="refresh"), "access", ONLY_REFRESH, ONLY_REFRESH),
        (Rule(kind="refresh"), "invitation", ONLY_REFRESH, ONLY_REFRESH),
        (Rule(either=True), "access", None, None),
        (Rule(either=True), "refresh", None, None),
        (Rule(either=True), "invitation", None, ONLY_OURS),
    ],
)
def test_the_kind_that_a_guard_takes(
    make: Make, rule: Rule, type_: Any, compatible: str | None, strict: str | None
) -> None:
    """A rule takes its kind; with JWT_REQUIRE_TYPE a kind that is not ours is no access token."""
    for requires, refusal in ((False, compatible), (True, strict)):
        signet = make(REQUIRE_TYPE=requires)
        if refusal is None:
            hold(signet, rule, type=type_)
            continue
        with pytest.raises(WrongTokenError) as caught:
            hold(signet, rule, type=type_)
        assert str(caught.value) == refusal


@pytest.mark.parametrize(
    "rule", [Rule(), Rule(kind="refresh"), Rule(either=True), Rule(optional=True)], ids=repr
)
@pytest.mark.parametrize("cnf", [{"jkt": "0ZcO"}, {"x5t#S256": "bwcK"}, {}, None, "x", False])
@pytest.mark.parametrize("issuer", [None, "https://other/"])
def test_d7_a_bound_token_without_its_proof(
    make: Make, rule: Rule, cnf: Any, issuer: str | None
) -> None:
    """A token that is bound to a key (cnf) is no bearer token: no guard checks the proof."""
    type_ = "access" if issuer else rule.kind
    if issuer and rule.kind == "refresh":
        rule = Rule()
    with pytest.raises(WrongTokenError, match=r"^The token is bound to a key, and no proof"):
        hold(make(), rule, issuer=issuer, type=type_, cnf=cnf)
    hold(make(), rule, issuer=issuer, type=type_)
    hold(make(ALLOW_BOUND_TOKENS=True), rule, issuer=issuer, type=type_, cnf=cnf)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_a_typ_is_a_media_type(make: Make, typ: str) -> None:
    """With JWT_EXPLICIT_TYP the header's typ counts without case and "application/"."""
    hold(make(EXPLICIT_TYP=True), Rule(), {"typ": typ})


@pytest.mark.parametrize(
    ("header", "type_"),
    [
        ({}, "access"),
        ({"typ": "JWT"}, "access"),
        ({"typ": "rt+jwt"}, "access"),
        ({"typ": ["at+jwt"]}, "access"),
        ({"typ": "at+jwt"}, "refresh"),
        ({"typ": "at+jwt"}, "invitation"),
        ({"typ": "at+jwt"}, ["access"]),
    ],
)
def test_a_typ_of_another_kind(make: Make, header: dict[str, Any], type_: Any) -> None:
    """With JWT_EXPLICIT_TYP a token whose header does not say its type is refused."""
    with pytest.raises(WrongTokenError, match=OTHER_TYP):
        hold(make(EXPLICIT_TYP=True), Rule(either=True), header, type=type_)


def test_the_typ_is_asked_of_our_tokens_alone(make: Make) -> None:
    """Without the option no typ is asked, and never one of another issuer's token."""
    hold(make(), Rule(), {"typ": "anything"})
    hold(make(EXPLICIT_TYP=True), Rule(), {"typ": "JWT"}, issuer="https://other/")
    assert set(EXPLICIT_TYP) == {"access", "refresh"}


@pytest.mark.parametrize(
    ("type_", "location", "taken"),
    [
        ("refresh", "query_string", False),
        ("refresh", "headers", True),
        ("access", "query_string", True),
    ],
)
def test_no_refresh_token_in_a_url(make: Make, type_: str, location: str, taken: bool) -> None:
    """With JWT_QUERY_STRING_PROTECT a refresh token that stood in a URL is refused."""
    rule = Rule(either=True)
    hold(make(), rule, location=location, type=type_)
    protecting = make(QUERY_STRING_PROTECT=True)
    if taken:
        hold(protecting, rule, location=location, type=type_)
    else:
        with pytest.raises(WrongTokenError, match=NO_REFRESH):
            hold(protecting, rule, location=location, type=type_)


# ── another issuer ───────────────────────────────────────────────────────────────────────


def test_another_issuers_token_is_good_for_access_alone(signet: Signet) -> None:
    """Whatever another issuer's token says of itself, it is an access token, and not fresh."""
    found = hold(signet, Rule(), issuer="https://other/", type="admin", fresh=True)
    assert (found.claims["type"], found.claims["fresh"]) == ("access", False)
    with pytest.raises(FreshTokenRequired):
        hold(signet, Rule(fresh=True), issuer="https://other/", fresh=True)


@pytest.mark.parametrize("rule", [Rule(), Rule(kind="refresh"), Rule(either=True)])
def test_another_issuers_refresh_token_is_refused(signet: Signet, rule: Rule) -> None:
    """A refresh token of another issuer is good for nothing here, whatever the rule."""
    with pytest.raises(WrongTokenError, match=NO_REFRESH):
        hold(signet, rule, issuer="https://other/", type="refresh")


# ── freshness ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fresh", "is_fresh"), [(True, True), (False, False), (None, False), (0, False), (0.0, False)]
)
def test_a_fresh_token(signet: Signet, fresh: Any, is_fresh: bool) -> None:
    """A rule that asks for freshness takes a fresh token alone; another rule takes both."""
    hold(signet, Rule(), fresh=fresh)
    if is_fresh:
        hold(signet, Rule(fresh=True), fresh=fresh)
    else:
        with pytest.raises(FreshTokenRequired, match="Fresh token required"):
            hold(signet, Rule(fresh=True), fresh=fresh)


def test_a_token_is_fresh_until_its_moment(signet: Signet, clock: Clock) -> None:
    """A `fresh` of seconds since 1970 holds up to that moment."""
    until = clock() + 60
    clock.tick(60)
    hold(signet, Rule(fresh=True), fresh=until)
    clock.tick(0.5)
    with pytest.raises(FreshTokenRequired):
        hold(signet, Rule(fresh=True), fresh=until)


def test_the_refusal_of_a_token_that_is_not_fresh_shows_it(signet: Signet) -> None:
    """The error carries the header and the claims, for the application's own answer."""
    with pytest.raises(FreshTokenRequired) as caught:
        hold(signet, Rule(fresh=True), {"alg": "HS256"}, sub="eve")
    assert caught.value.jwt_header == {"alg": "HS256"}
    assert caught.value.jwt_data["sub"] == "eve"
    assert caught.value.drops_cookies is False


def test_the_clock_is_read_where_freshness_is_asked(make: Make) -> None:
    """A rule that does not ask for freshness reads no clock."""

    def no_clock() -> float:
        raise AssertionError("the clock was read")

    signet = dataclasses.replace(make(), clock=no_clock)
    hold(signet, Rule(), fresh=5.0)
    with pytest.raises(AssertionError, match="the clock was read"):
        hold(signet, Rule(fresh=True), fresh=5.0)
