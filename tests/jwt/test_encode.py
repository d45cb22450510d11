"""Issuing: what we sign, our own verifier takes; what it would refuse is never signed."""

import datetime as dt
import enum
import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet import KeyRing
from flask_signet.exceptions import InvalidKeyError
from flask_signet.jose import base64url
from flask_signet.jose.jws import FORBIDDEN_HEADERS, parse, parse_payload
from flask_signet.jwt import encode as encoding
from flask_signet.jwt.claims import ClaimRules
from flask_signet.jwt.encode import encode, expiry, new_id
from flask_signet.jwt.verify import verify
from tests.applications import part
from tests.ids import same_everywhere
from tests.jose import keys
from tests.jose.effort import examples

KEY = keys.key("HS256")
ALICE = {"sub": "alice"}


def read_back(text: str) -> dict[str, Any]:
    """The claims as our own verifier reads them."""
    token = verify(text, KeyRing(KEY), ClaimRules(), 1000.0)
    return {name: token.claims[name] for name in part(text, 1)}


def issued(claims: dict[str, Any], **options: Any) -> dict[str, Any]:
    return read_back(encode({}, {**ALICE, **claims}, KEY, **options))


# ── ids ──────────────────────────────────────────────────────────────────────────────────


def bits(made: str, as_uuid: bool) -> int:
    return uuid.UUID(made).int if as_uuid else int.from_bytes(base64url.decode(made))


@pytest.mark.parametrize(("as_uuid", "size", "random"), [(True, 36, 122), (False, 22, 128)])
def test_f21_ids_are_random(as_uuid: bool, size: int, random: int) -> None:
    """An id has 122 or 128 random bits: none comes twice, each bit is as often 0 as 1."""
    ids = [new_id(as_uuid=as_uuid) for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert {len(made) for made in ids} == {size}
    ones = [sum(bits(made, as_uuid) >> bit & 1 for made in ids) for bit in range(128)]
    fair = [count for count in ones if 0 < count < 2000]
    assert len(fair) == random
    # 2000 throws of a coin: 1000 heads, 22 the standard deviation, 7 of them here.
    assert all(843 < count < 1157 for count in fair)


def test_a_uuid_is_of_version_4() -> None:
    """An id in Flask-JWT-Extended's form is a UUID of the random version."""
    made = uuid.UUID(new_id(as_uuid=True))
    assert (made.version, made.variant) == (4, uuid.RFC_4122)


# ── expiry ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("now", "lifetime", "expires"),
    [
        (1000.0, 1, 1001),
        (1000.9, 1, 1001),
        (1000.0, 900.0, 1900),
        (1000.5, 900.5, 1901),
        # under a second: after its iat, which is the whole second
        (1000.0, 0.5, 1001),
        (1000.0, 1e-9, 1001),
        (1000.999, 0.0001, 1001),
        (1000.999, 0.5, 1001),
        # a token that has expired already, which tests want
        (1000.0, -1, 999),
        (1000.0, -0.001, 999),
        (1000.5, -0.4, 1000),
        (1000.0, -5000, -4000),
    ],
)
def test_expiry(now: float, lifetime: float, expires: int) -> None:
    """exp is in whole seconds, after iat for any lifetime above zero, and past for one below."""
    assert expiry(now, lifetime) == expires
    assert type(expiry(now, lifetime)) is int


@examples(200)
@given(now=st.floats(1, 4e9), lifetime=st.floats(1e-9, 1e9) | st.integers(1, 10**9))
def test_a_token_outlives_its_first_second(now: float, lifetime: float) -> None:
    """A lifetime above zero gives an exp above iat and no later than it says, to the second."""
    expires = expiry(now, lifetime)
    assert int(now) < expires <= max(now + lifetime, int(now) + 1)


@examples(200)
@given(now=st.floats(1, 4e9), lifetime=st.floats(-1e9, -1e-9))
def test_a_negative_lifetime_has_ended(now: float, lifetime: float) -> None:
    """A lifetime below zero never gives a token that is still good."""
    assert expiry(now, lifetime) <= now


@pytest.mark.parametrize("zero", [0, 0.0, -0.0])
def test_no_lifetime_is_refused(zero: float) -> None:
    """A lifetime of zero is an error: Flask-JWT-Extended took it for "for ever"."""
    with pytest.raises(ValueError, match="lifetime of zero"):
        expiry(1000.0, zero)


# ── what goes in comes out ───────────────────────────────────────────────────────────────

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
CLAIMS = st.dictionaries(
    TEXT.map("x".__add__),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=5,
)


@examples(200)
@given(claims=CLAIMS)
def test_any_json_comes_back(claims: dict[str, Any]) -> None:
    """Any JSON claims come back from the verifier as they went in."""
    assert issued(claims) == {**ALICE, **claims}


NAMES = st.sampled_from([1, "1", None, "null", True, "true", 1.0, "1.0", "\ud800", "a"])
NUMBERS = st.sampled_from([10**20, 10**20 - 1, -(10**19), 1 - 10**19, 1.5e300, math.nan, math.inf])


@examples(200)
@given(
    claims=st.dictionaries(
        NAMES,
        st.recursive(
            NUMBERS | st.just("\udfff") | st.just("[["),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2),
            max_leaves=5,
        ),
        max_size=3,
    )
)
def test_what_is_signed_is_taken(claims: dict[Any, Any]) -> None:
    """Claims of any kind are refused with TypeError or ValueError, or our verifier takes them."""
    try:
        text = encode({}, {**claims, **ALICE}, KEY)
    except (TypeError, ValueError):
        return
    parse_payload(parse(text).payload)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (dt.datetime(2030, 1, 1, tzinfo=dt.UTC), 1893456000),
        (dt.datetime(2030, 1, 1), 1893456000),  # noqa: DTZ001 - naive: taken for UTC
        (dt.datetime(2030, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))), 1893456000),
        (dt.datetime(2030, 1, 1, 0, 0, 0, 999999, tzinfo=dt.UTC), 1893456000),
    ],
)
@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
def test_a_datetime_is_a_time(claim: str, value: dt.datetime, seconds: int) -> None:
    """exp, iat and nbf may be datetime objects; they become whole seconds since 1970."""
    assert part(encode({}, {**ALICE, claim: value}, KEY), 1)[claim] == seconds


def test_a_datetime_elsewhere_is_for_the_default() -> None:
    """In other claims a datetime is what the application's JSON makes of it, else refused."""
    when = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    assert issued({"seen": when}, default=dt.datetime.isoformat)["seen"] == when.isoformat()
    with pytest.raises(TypeError):
        issued({"seen": when})


def test_the_default_is_asked_for_what_is_not_json() -> None:
    """What JSON does not know is given to the default, and nothing else is."""
    asked = []

    def default(value: object) -> str:
        asked.append(value)
        return str(value)

    claims = {"price": Decimal("1.5"), "id": uuid.UUID(int=5), "n": 1, "list": [Decimal(2)]}
    assert issued(claims, default=default) == {
        **ALICE,
        "price": "1.5",
        "id": str(uuid.UUID(int=5)),
        "n": 1,
        "list": ["2"],
    }
    assert asked == [Decimal("1.5"), uuid.UUID(int=5), Decimal(2)]


@pytest.mark.parametrize("issuer", [1, None, True, ["us"], {"us": 1}], ids=repr)
def test_an_issuer_is_a_text(issuer: Any) -> None:
    """An iss that is no text is refused, in PyJWT's words."""
    with pytest.raises(TypeError, match=r"Issuer \(iss\) must be a string\."):
        encode({}, {**ALICE, "iss": issuer}, KEY)
    assert issued({"iss": "us"})["iss"] == "us"


# ── what our verifier would refuse is refused here ───────────────────────────────────────


def nested(depth: int, kind: type) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if kind is list else {"a": value}
    return value


@pytest.mark.parametrize("kind", [list, dict])
def test_c6_depth(kind: type) -> None:
    """Claims nest 32 deep, the payload itself counted, and no deeper."""
    assert issued({"deep": nested(31, kind)})["deep"] == nested(31, kind)
    with pytest.raises(ValueError, match="nested deeper than 32"):
        issued({"deep": nested(32, kind)})


def test_c6_many_brackets_are_not_deep() -> None:
    """Brackets side by side, or in a text, nest nothing."""
    claims = {"rows": [[1], [2]] * 50, "text": "[{" * 50}
    assert issued(claims) == {**ALICE, **claims}


def test_c6_members() -> None:
    """An object has 256 members at most, the payload and any within it."""
    issued({f"m{n}": n for n in range(255)})
    issued({"inner": {str(n): n for n in range(256)}})
    for claims in (
        {f"m{n}": n for n in range(256)},
        {"inner": {str(n): n for n in range(257)}},
        {"inner": {chr(33 + n): 1 for n in range(257)}},
    ):
        with pytest.raises(ValueError, match="more than 256 members"):
            issued(claims)


@pytest.mark.parametrize("number", [10**20 - 1, 2**64, -(2**63), -(10**19), 1 - 10**20])
def test_c6_the_longest_integers(number: int) -> None:
    """An integer of 20 digits, its sign not counted, comes back."""
    assert issued({"n": number})["n"] == number
    assert issued({"n": [{"n": number}]})["n"] == [{"n": number}]


@pytest.mark.parametrize("number", [10**20, 10**30, -(10**20), -(10**30)])
def test_c6_longer_integers(number: int) -> None:
    """A longer one is refused when the token is made, not when it is used."""
    for claims in ({"n": number}, {"n": [{"n": number}]}):
        with pytest.raises(ValueError, match="integer of more than 20 digits"):
            issued(claims)


class Huge(enum.IntEnum):
    NUMBER = 10**20


def test_c6_longer_integers_in_disguise() -> None:
    """So is one that JSON, or the application's default, makes of another type."""
    with pytest.raises(ValueError, match="integer of more than 20 digits"):
        issued({"n": Huge.NUMBER})
    with pytest.raises(ValueError, match="integer of more than 20 digits"):
        issued({"n": Decimal(10**20)}, default=int)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_c5_no_nan(number: float) -> None:
    """NaN and infinity are no JSON."""
    for claims in ({"n": number}, {"n": [number]}, {"exp": number}):
        with pytest.raises(ValueError):  # noqa: PT011 - the message is the json module's
            issued(claims)


@pytest.mark.parametrize("half", [0xD800, 0xDBFF, 0xDC00, 0xDFFF], ids=hex)
def test_c5_no_half_of_a_pair(half: int) -> None:
    """Half of a surrogate pair is no character, as a value or as a name."""
    text = f"a{chr(half)}b"
    for claims in ({"text": text}, {text: 1}, {"in": [{"here": text}]}):
        with pytest.raises(ValueError, match="half of a surrogate pair"):
            issued(claims)
    assert issued({"text": "\U0001f600 \\ud800"})["text"] == "\U0001f600 \\ud800"


@pytest.mark.parametrize(
    "claims",
    [{1: "a", "1": "b"}, {None: 1, "null": 2}, {True: 1, "true": 2}, {"in": {1: "a", "1": "b"}}],
    ids=repr,
)
def test_c5_no_name_twice(claims: dict[Any, Any]) -> None:
    """Names that are different in Python and the same in JSON are refused."""
    with pytest.raises(ValueError, match="a name stands twice"):
        issued(claims)


@pytest.mark.parametrize(
    ("claims", "meant"),
    [
        ({7: "a"}, {"7": "a"}),
        ({None: 1, True: 2}, {"null": 1, "true": 2}),
        ({"ids": {1: "a", "2": "b"}}, {"ids": {"1": "a", "2": "b"}}),
    ],
    ids=repr,
)
def test_names_that_are_no_texts(claims: dict[Any, Any], meant: dict[str, Any]) -> None:
    """A name that is no text, as a number is none, stands in the token as JSON writes it."""
    assert issued(claims) == {**ALICE, **meant}


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", 1j, Decimal(1)], ids=same_everywhere)
def test_what_is_not_json_is_refused(value: Any) -> None:
    """A claim that is not JSON is a TypeError when the token is made."""
    with pytest.raises(TypeError):
        issued({"value": value})


def test_the_callers_claims_and_header_stay_theirs() -> None:
    """Neither the header nor a claim that a caller holds is written to."""
    header, inner = {"typ": "JWT"}, {"roles": ["admin"]}
    encode(header, {**ALICE, "inner": inner}, KEY)
    assert (header, inner) == ({"typ": "JWT"}, {"roles": ["admin"]})


# ── the header ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def segments(monkeypatch: pytest.MonkeyPatch) -> dict[Any, str]:
    """The cache of header segments, empty at first."""
    kept: dict[Any, str] = {}
    monkeypatch.setattr(encoding, "_segments", kept)
    return kept


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"v": 1}, {"v": True}),
        ({"v": 0}, {"v": False}),
        ({"v": 1}, {"v": 1.0}),
        ({"v": "1"}, {"v": 1}),
        ({"v": None}, {"v": "null"}),
        ({"v": [1]}, {"v": [True]}),
        ({"a": "b"}, {"b": "a"}),
        ({"typ": "JWT"}, {"typ": "at+jwt"}),
        ({"typ": "JWT"}, {}),
    ],
    ids=repr,
)
def test_equal_headers_are_not_the_same_header(
    segments: dict[Any, str], first: dict[str, Any], second: dict[str, Any]
) -> None:
    """A header is written as it was given: 1 and True, equal in Python, are not taken for one."""
    for header in (first, second, first, second):
        found = part(encode(header, dict(ALICE), KEY), 0)
        assert json.dumps(found, sort_keys=True) == json.dumps(
            {**header, "alg": "HS256"}, sort_keys=True
        )


def test_one_segment_for_each_algorithm(segments: dict[Any, str]) -> None:
    """Keys of two algorithms with equal headers each get their own alg."""
    for name in ("HS256", "HS512", "HS256", "HS512"):
        assert part(encode({"typ": "JWT"}, dict(ALICE), keys.key(name)), 0)["alg"] == name
    assert len(segments) == 2


def test_the_order_of_members_is_one_header(segments: dict[Any, str]) -> None:
    """Members are written in the order of their names, whatever order they come in."""
    texts = {
        encode(header, dict(ALICE), KEY)
        for header in ({"typ": "JWT", "kid": "k"}, {"kid": "k", "typ": "JWT"})
    }
    assert len(texts) == 1


def test_the_cache_of_segments_does_not_grow(segments: dict[Any, str]) -> None:
    """An application that varies its headers fills the cache to its bound and no further."""
    for number in range(500):
        text = encode({"kid": str(number)}, dict(ALICE), KEY)
        assert part(text, 0) == {"alg": "HS256", "kid": str(number)}
        assert 0 < len(segments) <= 64


@pytest.mark.parametrize("member", sorted(FORBIDDEN_HEADERS))
def test_b1_no_header_that_brings_a_key(member: str) -> None:
    """A header member that our verifier refuses is refused here, as text or anything else."""
    for value in ("x", ["x"], {"kty": "oct"}, True):
        with pytest.raises(ValueError, match=member):
            encode({member: value}, dict(ALICE), KEY)


@pytest.mark.parametrize("alg", ["none", "HS512", "RS256", "", None, 1])
def test_the_alg_is_the_keys(alg: Any) -> None:
    """A header can't say another alg than the key's."""
    with pytest.raises(InvalidKeyError, match="the header's alg is not the key's, HS256"):
        encode({"alg": alg}, dict(ALICE), KEY)
    assert part(encode({"alg": "HS256"}, dict(ALICE), KEY), 0) == {"alg": "HS256"}


@pytest.mark.parametrize(
    "header",
    [
        *({"kid": kid} for kid in (5, None, "", "k" * 257, "é", "a\nb", ["k"])),
        *({"x": math.nan}, {"x": 10**20}, {"x": "\ud800"}, {"x": nested(8, list)}),
        *({"x": "y" * 1024}, {"x": {str(n): 1 for n in range(257)}}),
        {1: "a", "1": "b"},
    ],
    ids=lambda header: repr(header)[:40],
)
def test_a_header_that_our_verifier_would_refuse(header: dict[str, Any]) -> None:
    """No token is made with a header that nobody of ours would take."""
    with pytest.raises((TypeError, ValueError)):
        encode(header, dict(ALICE), KEY)


def test_a_public_key_issues_nothing() -> None:
    """A public key can't sign."""
    with pytest.raises(InvalidKeyError, match="can't sign"):
        encode({}, dict(ALICE), keys.key("ES256").public_key())


@pytest.mark.parametrize("name", keys.NAMES)
def test_every_algorithm(name: str) -> None:
    """What any key signs, its public half verifies."""
    key = keys.key(name)
    ring = KeyRing(key if key.is_symmetric else key.public_key())
    token = verify(encode({"typ": "JWT"}, dict(ALICE), key), ring, ClaimRules(), 0)
    assert token.header == {"alg": name, "typ": "JWT"}
    assert token.claims["sub"] == "alice"
