"""The claims: every comparison at its very boundary.

Tests named test_d… are rows of the security table: bad claims under a good signature.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf, nan, nextafter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.exceptions import (
    CSRFError,
    DecodeError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuedAtError,
    InvalidIssuerError,
    InvalidJTIError,
    InvalidSubjectError,
    JWTDecodeError,
    MissingRequiredClaimError,
    SignetError,
)
from flask_signet.jwt.claims import (
    LAST_SECOND,
    ClaimRules,
    SubjectRule,
    check_claims,
    check_csrf,
    check_subject,
)
from tests.ids import same_everywhere
from tests.jose.effort import examples

NOW = 1_700_000_000.0
GOOD: dict[str, Any] = {
    "sub": "alice",
    "jti": "a-jti",
    "type": "access",
    "fresh": False,
    "iat": NOW - 10,
    "nbf": NOW - 10,
    "exp": NOW + 10,
    "iss": "us",
    "aud": "you",
}


def check(changes: Mapping[str, Any], rules: ClaimRules | None = None, now: float = NOW) -> None:
    """Check good claims with some of them changed; a change to ``...`` leaves the claim out."""
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    check_claims(claims, rules or ClaimRules(), now)


def refusal(
    changes: Mapping[str, Any],
    rules: ClaimRules | None = None,
    now: float = NOW,
) -> tuple[type[SignetError], str]:
    """The class and the message with which such claims are refused."""
    with pytest.raises(SignetError) as caught:
        check(changes, rules, now)
    return type(caught.value), str(caught.value)


def is_refused(changes: Mapping[str, Any], rules: ClaimRules | None, now: float) -> bool:
    try:
        check(changes, rules, now)
    except SignetError:
        return True
    return False


# ── D1: what a time is ───────────────────────────────────────────────────────────────────

NO_TIMES = [
    *(nan, inf, -inf, float("1e400")),
    *(True, False, None, "", "1700000000", b"1700000000", [], [1700000000], {}, 1j),
    *(LAST_SECOND + 1, nextafter(float(LAST_SECOND), inf), 10**30, -(10**30), 1e300, -1e300),
]
TIME_FAULTS = {
    "exp": (DecodeError, "Expiration Time claim (exp) must be an integer."),
    "nbf": (DecodeError, "Not Before claim (nbf) must be an integer."),
    "iat": (InvalidIssuedAtError, "Issued At claim (iat) must be an integer."),
}


@pytest.mark.parametrize("value", NO_TIMES, ids=repr)
@pytest.mark.parametrize("claim", TIME_FAULTS)
def test_d1_only_a_finite_number_is_a_time(claim: str, value: Any) -> None:
    """A time is an int or a float, finite, up to the year 9999, and never True."""
    assert refusal({claim: value}) == TIME_FAULTS[claim]


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_d1_a_negative_start_is_no_time(claim: str) -> None:
    """No token of ours was made before 1970: SECURITY D1 asks for 0 <= x."""
    assert refusal({claim: -1}) == TIME_FAULTS[claim]


def test_d1_a_negative_expiry_does_not_live() -> None:
    """A negative exp is refused, whether as no time or as a time long past."""
    for value in (-1, -0.5, -LAST_SECOND, -LAST_SECOND - 1):
        assert refusal({"exp": value})[0] in (DecodeError, ExpiredSignatureError)


def test_d1_the_last_second() -> None:
    """The last time is the end of the year 9999, and it is one."""
    assert datetime.fromtimestamp(LAST_SECOND, UTC).isoformat() == "9999-12-31T23:59:59+00:00"
    check({"exp": LAST_SECOND})
    check({"exp": float(LAST_SECOND)})


# ── D2: the moment ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("leeway", [0, 0.5, 5])
@pytest.mark.parametrize("exp", [int(NOW), NOW, NOW + 0.25])
def test_d2_a_token_lives_while_now_is_before_exp(exp: float, leeway: float) -> None:
    """A token is good if now < exp + leeway, and at exp + leeway it is not (RFC 7519 4.1.4)."""
    rules = ClaimRules(leeway=leeway)
    end = exp + leeway
    check({"exp": exp}, rules, nextafter(end, -inf))
    for now in (end, nextafter(end, inf), end + 1):
        assert refusal({"exp": exp}, rules, now) == (
            ExpiredSignatureError,
            "Signature has expired",
        )


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize("leeway", [0, 0.5, 5])
def test_d2_a_token_begins_at_its_second(claim: str, leeway: float) -> None:
    """A token is good from nbf and iat on, with now + leeway = nbf, and no moment before."""
    rules = ClaimRules(leeway=leeway)
    begin = NOW - leeway
    for now in (begin, nextafter(begin, inf), begin + 1):
        check({claim: NOW}, rules, now)
    assert refusal({claim: NOW}, rules, nextafter(begin, -inf)) == (
        ImmatureSignatureError,
        f"The token is not yet valid ({claim})",
    )


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_d2_a_part_of_a_second_is_no_future(claim: str) -> None:
    """nbf and iat count in whole seconds: an issuer with finer clocks is not in the future."""
    check({claim: NOW + 0.999})
    assert refusal({claim: NOW + 1})[0] is ImmatureSignatureError


# ── D3: no exp ───────────────────────────────────────────────────────────────────────────


def test_d3_a_token_without_exp_lives_for_ever_unless_exp_is_required() -> None:
    """Without exp a token does not end; with require_exp it does not begin."""
    check({"exp": ...}, now=LAST_SECOND)
    assert refusal({"exp": ...}, ClaimRules(require_exp=True)) == (
        MissingRequiredClaimError,
        'Token is missing the "exp" claim',
    )


def test_no_other_time_is_required() -> None:
    """nbf, iat and jti may be missing."""
    check({"nbf": ..., "iat": ..., "jti": ...}, ClaimRules(require_exp=True))


# ── D4: for whom ─────────────────────────────────────────────────────────────────────────

YOU = ClaimRules(audiences=frozenset({"you", "them"}))
MISSING_AUD = (MissingRequiredClaimError, 'Token is missing the "aud" claim')
FORMAT_AUD = (InvalidAudienceError, "Invalid claim format in token")
OTHER_AUD = (InvalidAudienceError, "Audience doesn't match")


@pytest.mark.parametrize(
    "audience", ["you", "them", ["you"], ["me", "them"], ["me"] * 99 + ["you"]]
)
def test_d4_an_audience_is_a_text_or_a_list_of_texts(audience: Any) -> None:
    """A token is for us if one of its audiences is one of ours."""
    check({"aud": audience}, YOU)


@pytest.mark.parametrize(
    ("audience", "refused"),
    [
        *((value, MISSING_AUD) for value in (..., None, "", [], {}, 0, False)),
        *((value, OTHER_AUD) for value in ("me", ["me"], ["", "y", "yo"])),
        # neither a part of a name nor a longer one, nor another case or spelling, is the name
        *((value, OTHER_AUD) for value in ("yo", "youth", "You", " you", "you ", "you\0")),
        *((value, OTHER_AUD) for value in ("you them", "you,them", '["you"]', "\u0443ou")),
        *((value, FORMAT_AUD) for value in (1, True, 1.5, {"you": 1}, {"you", "them"})),
        *((value, FORMAT_AUD) for value in (["you", 1], ["you", None], [["you"]], ("you",))),
    ],
    ids=same_everywhere,
)
def test_d4_an_audience_is_compared_whole(audience: Any, refused: Any) -> None:
    """Every other audience, and every other form of one, is refused."""
    assert refusal({"aud": audience}, YOU) == refused


@pytest.mark.parametrize("audience", ["me", ["me"], ..., None, 5, {"a": 1}])
def test_d4_without_an_audience_of_ours_the_claim_is_not_read(audience: Any) -> None:
    """Who sets no audience takes a token for anybody, as Flask-JWT-Extended does."""
    check({"aud": audience})


def test_d4_no_audience_at_all_is_nobody() -> None:
    """An empty set of audiences refuses everything; it is not the same as none."""
    assert refusal({"aud": "you"}, ClaimRules(audiences=frozenset())) == OTHER_AUD


@pytest.mark.parametrize("audience", ["me", ["me"], "you", "", [], None, 5, {"a": 1}], ids=repr)
def test_d4_a_token_for_others_where_no_audience_is_ours(audience: Any) -> None:
    """Where it is asked for, who has no audience takes no token that names one."""
    nobody = ClaimRules(refuses_audience=True)
    assert refusal({"aud": audience}, nobody) == (InvalidAudienceError, "Invalid audience")
    check({"aud": ...}, nobody)
    check({"aud": "you"}, ClaimRules(refuses_audience=True, audiences=frozenset({"you"})))


# ── D5: from whom ────────────────────────────────────────────────────────────────────────

US = ClaimRules(issuers=frozenset({"https://us.example", "us"}))


@pytest.mark.parametrize("issuer", ["us", "https://us.example"])
def test_d5_an_issuer_is_one_of_the_names(issuer: str) -> None:
    """A token comes from us if its issuer is one of our names."""
    check({"iss": issuer}, US)


@pytest.mark.parametrize(
    "issuer",
    [
        *("", "u", "s", "https://us", "https://us.example/", "https://us.example.org", "US"),
        *(" us", "us ", "us\0", "usus", "u\u0455"),
    ],
)
def test_d5_a_part_of_an_issuer_is_not_the_issuer(issuer: str) -> None:
    """Issuers are equal or they are not (CVE-2024-53861 took a substring)."""
    assert refusal({"iss": issuer}, US) == (InvalidIssuerError, "Invalid issuer")


@pytest.mark.parametrize("issuer", [["us"], {"us": "us"}, 1, True, None, ["us", "us"]], ids=repr)
def test_d5_an_issuer_is_a_text(issuer: Any) -> None:
    """A list or an object that holds the issuer is not the issuer."""
    assert refusal({"iss": issuer}, US) == (
        InvalidIssuerError,
        "Payload Issuer (iss) must be a string",
    )


def test_d5_a_missing_issuer_is_named() -> None:
    """A token that doesn't say where it comes from is refused where somebody asks."""
    assert refusal({"iss": ...}, US) == (
        MissingRequiredClaimError,
        'Token is missing the "iss" claim',
    )
    check({"iss": ...})
    check({"iss": ["anybody"]})


# ── D6: who, and which token ─────────────────────────────────────────────────────────────

SUBJECTS: dict[SubjectRule, dict[str, Any]] = {
    "string": {"takes": ["alice", "", "é\n"], "refuses": [1, 0, True, 1.0, None, [], {}]},
    "string_or_int": {
        "takes": ["alice", "", 1, 0, -5, 2**63],
        "refuses": [True, False, 1.0, None, [], ["alice"], {}, {"id": 1}],
    },
    "anything": {"takes": ["alice", 1, True, 1.0, None, ["alice"], {"id": 1}], "refuses": []},
}


@pytest.mark.parametrize("rule", SUBJECTS)
def test_d6_the_kinds_of_subject(rule: SubjectRule) -> None:
    """Each rule takes its kinds of sub and no others; True is an int to none of them."""
    rules = ClaimRules(subject=rule)
    for subject in SUBJECTS[rule]["takes"]:
        check({"sub": subject}, rules)
        check_subject(subject, rule)
    for subject in SUBJECTS[rule]["refuses"]:
        fault = (InvalidSubjectError, "Subject must be a string")
        assert refusal({"sub": subject}, rules) == fault
        with pytest.raises(InvalidSubjectError):
            check_subject(subject, rule)


@pytest.mark.parametrize("jti", [1, True, None, [], ["a"], {}, 1.5], ids=repr)
def test_d6_a_jti_is_a_text(jti: Any) -> None:
    """A jti that is there is a text: revocation compares it."""
    assert refusal({"jti": jti}) == (InvalidJTIError, "JWT ID must be a string")


BOUNDED = ClaimRules(bounded_ids=True)


@pytest.mark.parametrize("size", [0, 1, 64, 65, 255, 256, 65536])
def test_d6_bounded_ids(size: int) -> None:
    """With bounded_ids a jti has 1 to 64 characters and a sub 1 to 255; else any number."""
    text = "é" * size
    check({"jti": text, "sub": text})
    if 1 <= size <= 64:
        check({"jti": text}, BOUNDED)
    else:
        assert refusal({"jti": text}, BOUNDED) == (
            InvalidJTIError,
            "JWT ID must have 1 to 64 characters",
        )
    if 1 <= size <= 255:
        check({"sub": text}, BOUNDED)
    else:
        assert refusal({"sub": text}, BOUNDED) == (
            InvalidSubjectError,
            "Subject must have 1 to 255 characters",
        )


def test_d6_bounded_ids_ask_for_a_jti() -> None:
    """With bounded_ids a token without jti is refused, since nobody could revoke it."""
    assert refusal({"jti": ...}, BOUNDED)[0] is InvalidJTIError


def test_d6_a_bounded_int_is_short_enough() -> None:
    """An int has no length to exceed."""
    check({"sub": 2**63}, BOUNDED)


# ── the identity claim ───────────────────────────────────────────────────────────────────


def test_the_identity_claim_must_be_there() -> None:
    """Whatever claim holds the identity, a token without it is nobody's."""
    assert refusal({"sub": ...}) == (JWTDecodeError, "Missing claim: sub")
    assert refusal({}, ClaimRules(identity_claim="user")) == (
        JWTDecodeError,
        "Missing claim: user",
    )


@pytest.mark.parametrize("identity", ["alice", 1, None, {"id": 1}, ["alice"], True])
def test_another_identity_claim_may_hold_anything(identity: Any) -> None:
    """RFC 7519 says what sub is; of other claims it says nothing, and nor do the rules."""
    check({"sub": ..., "user": identity}, ClaimRules(identity_claim="user", bounded_ids=True))


def test_sub_is_sub_whatever_holds_the_identity() -> None:
    """A sub that is there obeys its rule even where another claim is the identity."""
    rules = ClaimRules(identity_claim="user", subject="string")
    assert refusal({"user": "alice", "sub": 1}, rules)[0] is InvalidSubjectError


# ── D8: fresh ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fresh", [True, False, 0, 1, NOW, NOW + 0.5, ...])
def test_d8_fresh_is_a_flag_or_a_time(fresh: Any) -> None:
    """fresh is True, False or until when."""
    check({"fresh": fresh})


@pytest.mark.parametrize("fresh", ["", "true", "false", None, [], [True], {}], ids=repr)
def test_d8_fresh_is_nothing_else(fresh: Any) -> None:
    """A fresh of another kind is refused here, not by a TypeError in a view."""
    assert refusal({"fresh": fresh}) == (JWTDecodeError, "Invalid claim: fresh")


@pytest.mark.parametrize("fresh", [nan, inf], ids=repr)
def test_d8_fresh_is_finite(fresh: float) -> None:
    """NaN is neither before nor after now, and infinity never comes: neither is a time."""
    assert refusal({"fresh": fresh}) == (JWTDecodeError, "Invalid claim: fresh")


# ── which fault is told ──────────────────────────────────────────────────────────────────

ALL_ASKED = ClaimRules(
    issuers=frozenset({"us"}), audiences=frozenset({"you"}), require_exp=True, bounded_ids=True
)
FAULTS_IN_ORDER: list[tuple[str, Any, type[SignetError]]] = [
    ("iat", "then", InvalidIssuedAtError),
    ("nbf", "then", DecodeError),
    ("exp", "then", DecodeError),
    ("iss", "them", InvalidIssuerError),
    ("aud", "me", InvalidAudienceError),
    ("sub", None, InvalidSubjectError),
    ("jti", None, InvalidJTIError),
    ("fresh", "yes", JWTDecodeError),
]


@pytest.mark.parametrize("index", range(len(FAULTS_IN_ORDER)))
def test_the_first_fault_is_told(index: int) -> None:
    """Of several faults the first in this order is told, as PyJWT's order is."""
    changes = {claim: value for claim, value, _ in FAULTS_IN_ORDER[index:]}
    assert refusal(changes, ALL_ASKED)[0] is FAULTS_IN_ORDER[index][2]


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        *((claim, value) for claim, value, _ in FAULTS_IN_ORDER if claim != "exp"),
        *(("iat", NOW + 60), ("nbf", NOW + 60), ("iss", ...), ("aud", ...), ("sub", ...)),
        *(("jti", ""), ("sub", "a" * 256)),
    ],
)
def test_expiry_is_told_last(claim: str, value: Any) -> None:
    """Expired is who has no other fault: only such a token's claims go to a callback."""
    expired = {"exp": NOW - 1}
    assert refusal(expired, ALL_ASKED)[0] is ExpiredSignatureError
    assert refusal({**expired, claim: value}, ALL_ASKED)[0] is not ExpiredSignatureError


# ── any claims at all ────────────────────────────────────────────────────────────────────

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KNOWN = st.sampled_from(["exp", "nbf", "iat", "iss", "aud", "sub", "jti", "fresh", "type"])


@examples(200)
@given(changes=st.dictionaries(KNOWN, JSON | st.just(...)), now=st.floats(0, LAST_SECOND))
def test_any_claims_pass_or_are_refused(changes: dict[str, Any], now: float) -> None:
    """Whatever JSON the claims are, they pass or one of our errors is raised."""
    strict = ClaimRules(
        issuers=frozenset({"us"}),
        audiences=frozenset({"you"}),
        leeway=5,
        subject="string",
        require_exp=True,
        bounded_ids=True,
    )
    # What the strict rules take the lax ones take too.
    if not is_refused(changes, strict, now):
        check(changes, ClaimRules(leeway=5), now)


def test_the_rules_do_not_change() -> None:
    """Rules are one value for the life of a configuration; equal rules are equal."""
    rules = ClaimRules(leeway=5)
    with pytest.raises(AttributeError):
        rules.leeway = 5000  # type: ignore[misc]
    assert rules == ClaimRules(leeway=5)
    assert hash(rules) == hash(ClaimRules(leeway=5))


# ── the CSRF value ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", ["value", "é", "\ud800", "a" * 10000])
def test_csrf_equal(value: str) -> None:
    """The CSRF value of a token is equal to its claim, whatever characters it has."""
    check_csrf({"csrf": value}, value)


@pytest.mark.parametrize(
    "claim", ["other", "valu", "value ", "", "Value", None, True, 5, ["value"]]
)
def test_csrf_different(claim: Any) -> None:
    """Another value, and a claim that is no text, is refused, and never by a TypeError."""
    for value in ("value", "é", "\ud800"):
        with pytest.raises(CSRFError, match="CSRF double submit tokens do not match"):
            check_csrf({"csrf": claim}, value)


def test_e6_csrf_compares_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value is compared by hmac.compare_digest, on two byte strings."""
    seen: list[tuple[bytes, bytes]] = []

    def spy(ours: bytes, theirs: bytes) -> bool:
        seen.append((ours, theirs))
        return hmac.compare_digest(ours, theirs)

    monkeypatch.setattr("flask_signet.jwt.claims.compare_digest", spy)
    check_csrf({"csrf": "\u00e9"}, "\u00e9")
    with pytest.raises(CSRFError):
        check_csrf({"csrf": "\u00e9"}, "e")
    assert seen == [(b"\xc3\xa9", b"\xc3\xa9"), (b"\xc3\xa9", b"e")]


def test_csrf_missing() -> None:
    """A token without the claim can't be asked for its value."""
    with pytest.raises(JWTDecodeError, match="Missing claim: csrf"):
        check_csrf({}, "value")
