"""Verification: parse once, one signature, then the payload's JSON, then the claims."""

import json
from typing import Any

import pytest

from flask_signet import Key, KeyRing
from flask_signet.exceptions import (
    DecodeError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAlgorithmError,
    InvalidSignatureError,
    InvalidTokenError,
    JWTDecodeError,
    SignetError,
)
from flask_signet.jose import base64url, jws
from flask_signet.jwt.claims import ClaimRules
from flask_signet.jwt.token import Token
from flask_signet.jwt.verify import verify, verify_parsed
from tests.applications import signed, signed_segments
from tests.conftest import Clock
from tests.jose import keys

KEY = keys.key("HS256")
OTHER = keys.key("HS256", 1)
RULES = ClaimRules()
ALICE = {"sub": "alice", "type": "access", "fresh": False, "jti": "one"}


def accept(text: str | bytes, *ring: Key, now: float = 1000.0, **options: Any) -> Token:
    return verify(text, KeyRing(*(ring or (KEY,))), RULES, now, **options)


def refusal(text: str | bytes, *ring: Key, now: float = 1000.0, **options: Any) -> SignetError:
    with pytest.raises(SignetError) as caught:
        accept(text, *ring, now=now, **options)
    return caught.value


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Key]:
    """The keys whose signature check has run, in order."""
    ran: list[Key] = []
    check = Key.verify

    def counting(key: Key, data: bytes, signature: bytes) -> bool:
        ran.append(key)
        return check(key, data, signature)

    monkeypatch.setattr(Key, "verify", counting)
    return ran


@pytest.fixture
def known_headers(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, Any]:
    """The cache of headers, empty at first."""
    known: dict[bytes, Any] = {}
    monkeypatch.setattr(jws, "_known_headers", known)
    return known


# ── what is accepted ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", keys.NAMES)
def test_every_algorithm(name: str) -> None:
    """A token of any algorithm gives its header and claims, from text and from bytes."""
    key = keys.key(name)
    text = signed(ALICE, key)
    for form in (text, text.encode()):
        token = accept(form, key)
        assert (token.header, token.claims) == ({"alg": name}, ALICE)


def test_defaults_of_another_issuer() -> None:
    """A token without type, fresh and jti is an access token that is not fresh."""
    assert accept(signed({"sub": "alice"}, KEY)).claims == {**ALICE, "jti": None}


# ── how many signatures are checked ──────────────────────────────────────────────────────


def test_one_check_for_a_named_key(checks: list[Key]) -> None:
    """A token that names its key costs one check, however many keys the ring has."""
    ring = [Key.from_secret(keys.private("HS256", n), kid=str(n)) for n in range(5)]
    accept(signed(ALICE, ring[3], {"alg": "HS256", "kid": "3"}), *ring)
    assert checks == [ring[3]]


def test_one_check_for_a_named_key_that_did_not_sign(checks: list[Key]) -> None:
    """It is one check too where the named key did not sign, though another one did."""
    ring = [Key.from_secret(keys.private("HS256", n), kid=str(n)) for n in range(5)]
    error = refusal(signed(ALICE, ring[3], {"alg": "HS256", "kid": "2"}), *ring)
    assert type(error) is InvalidSignatureError
    assert checks == [ring[2]]


def test_nameless_keys_are_tried_until_one_fits(checks: list[Key]) -> None:
    """Secrets without names are tried in their order, and no longer than needed."""
    ring = [Key.from_secret(keys.private("HS256", n)) for n in range(3)]
    accept(signed(ALICE, ring[1]), *ring)
    assert checks == ring[:2]


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", "a.b", "a.b.c.d", "a" * 17000, "é.é.é", "."),
        signed(ALICE, KEY, {"alg": "HS512"}),
        signed(ALICE, KEY, {"alg": "none"}),
        signed(ALICE, KEY, {"alg": "HS256", "kid": "unknown", "crit": ["x"]}),
        signed(ALICE, KEY, b"not JSON"),
    ],
    ids=lambda text: text[:20],
)
def test_no_check_for_what_is_wrong_before(checks: list[Key], text: str) -> None:
    """What is malformed, or for no key of ours, is refused without any cryptography."""
    refusal(text)
    assert checks == []


def test_a3_the_named_key_keeps_its_algorithm(checks: list[Key]) -> None:
    """A token whose alg is not that of the key it names is refused unchecked."""
    ring = [Key.from_secret(keys.SECRET, "HS256", kid="a"), keys.key("RS256")]
    for alg in ("HS384", "RS256"):
        error = refusal(signed(ALICE, ring[0], {"alg": alg, "kid": "a"}), *ring)
        assert type(error) is InvalidAlgorithmError
    assert checks == []


# ── the order: nothing of the payload is read before the signature holds ─────────────────

BAD_PAYLOADS = [
    *(b"", b"not JSON", b"[]", b'"alice"', b'{"sub":"a","sub":"b"}', b'{"exp":NaN}'),
    *(b"\xff", b'{"a":' * 40 + b"1" + b"}" * 40, b'{"n":' + b"9" * 21 + b"}"),
    json.dumps({str(n): n for n in range(257)}).encode(),
]


@pytest.mark.parametrize("payload", BAD_PAYLOADS, ids=lambda payload: repr(payload[:20]))
def test_c6_the_signature_comes_before_the_payload(payload: bytes) -> None:
    """A payload that is no good JSON is told so only to those who have a key."""
    assert type(refusal(signed(payload, KEY))) is DecodeError
    assert type(refusal(signed(payload, OTHER))) is InvalidSignatureError


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({**ALICE, "exp": 1}, ExpiredSignatureError),
        ({**ALICE, "nbf": 5000}, ImmatureSignatureError),
        ({}, JWTDecodeError),
    ],
)
def test_the_signature_comes_before_the_claims(
    claims: dict[str, Any], error: type[SignetError]
) -> None:
    """That a token has expired, say, is told only of one that we signed."""
    assert type(refusal(signed(claims, KEY))) is error
    forged = refusal(signed(claims, OTHER))
    assert type(forged) is InvalidSignatureError
    assert not hasattr(forged, "jwt_data")


@pytest.mark.parametrize("place", range(3))
def test_one_changed_character_is_refused(place: int) -> None:
    """A token changed anywhere, in any bit, is another token, which nobody signed."""
    segments = signed(ALICE, KEY).split(".")
    data = base64url.decode(segments[place])
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        segments[place] = base64url.encode(bytes(changed))
        with pytest.raises(InvalidTokenError):
            accept(".".join(segments))


# ── expired tokens ───────────────────────────────────────────────────────────────────────


def test_an_expired_token_hands_over_what_was_verified(clock: Clock) -> None:
    """The error of an expired token has its header and claims, for the application to use."""
    text = signed({"sub": "alice", "exp": clock() + 60}, KEY, {"alg": "HS256", "typ": "JWT"})
    accept(text, now=clock.tick(59))
    error = refusal(text, now=clock.tick(1))
    assert isinstance(error, ExpiredSignatureError)
    assert error.proved == "signature"
    assert error.jwt_header == {"alg": "HS256", "typ": "JWT"}
    assert error.jwt_data == {**ALICE, "jti": None, "exp": clock()}


def test_what_an_error_hands_over_is_the_callers_own(clock: Clock) -> None:
    """Who changes the header or claims of one error changes no other."""
    text = signed({**ALICE, "exp": clock()}, KEY)
    for _ in range(2):
        error = refusal(text, now=clock())
        assert isinstance(error, ExpiredSignatureError)
        assert error.jwt_header == {"alg": "HS256"}
        for mapping in (error.jwt_header, error.jwt_data):
            assert isinstance(mapping, dict)
            mapping["spoilt"] = True


def test_allow_expired_forgives_the_expiry_and_nothing_else(clock: Clock) -> None:
    """With allow_expired a token whose only fault is its exp is taken; others are not."""
    expired = {**ALICE, "exp": clock() - 1}
    assert accept(signed(expired, KEY), now=clock(), allow_expired=True).claims == expired
    for changes in ({"nbf": clock() + 1}, {"sub": None}, {"fresh": "yes"}, {"exp": "then"}):
        text = signed({**expired, **changes}, KEY)
        error = refusal(text, now=clock(), allow_expired=True)
        assert not isinstance(error, ExpiredSignatureError)
    assert type(refusal(signed(expired, OTHER), allow_expired=True)) is InvalidSignatureError


# ── length and padding ───────────────────────────────────────────────────────────────────


def test_c2_the_longest_token() -> None:
    """A token as long as max_length is taken, one character longer is refused unread."""
    text = signed(ALICE, KEY)
    accept(text, max_length=len(text))
    for form in (text, text.encode()):
        assert str(refusal(form, max_length=len(text) - 1)) == "Token is too long"
    assert str(refusal("x" * (16 * 1024 + 1))) == "Token is too long"
    assert str(refusal("x" * (16 * 1024))) == "Not enough segments"


def padded(data: bytes) -> str:
    """Base64url with its padding, as AWS load balancers write it."""
    text = base64url.encode(data)
    return text + "=" * (-len(text) % 4)


@pytest.mark.parametrize("spaces", range(3))
def test_c1_padding_is_an_option(spaces: int) -> None:
    """Segments padded with = are taken where that is allowed, and nowhere else."""
    header, payload = b'{"alg":"HS256"}' + b" " * spaces, b'{"sub":"alice"}' + b" " * spaces
    signing_input = f"{padded(header)}.{padded(payload)}"
    text = f"{signing_input}.{padded(KEY.sign(signing_input.encode()))}"
    assert "=" in text
    assert accept(text, allow_padding=True).claims["sub"] == "alice"
    # Also once its header is known: what one application allows is not allowed to another.
    assert type(refusal(text)) is DecodeError


def test_c1_a_known_padded_header_is_still_padded(known_headers: dict[bytes, Any]) -> None:
    """A padded header alone, accepted where padding is allowed, is refused where it is not."""
    text = signed_segments(padded(b'{"alg":"HS256"} '), base64url.encode(b'{"sub":"alice"}'), KEY)
    accept(text, allow_padding=True)
    assert type(refusal(text)) is DecodeError


@pytest.mark.parametrize("wrong", ["=", "==", "===", "====", "=a", "a="])
def test_c1_wrong_padding_is_refused(wrong: str) -> None:
    """Padding that makes no whole group of four characters is refused with the option, too."""
    header = base64url.encode(b'{"alg":"HS256"}')  # 20 characters: no padding belongs here
    payload = base64url.encode(b'{"sub":"alice"} ')  # 22 characters: two belong here
    text = signed_segments(header, payload + wrong, KEY)
    if wrong == "==":
        accept(text, allow_padding=True)
    else:
        assert type(refusal(text, allow_padding=True)) is DecodeError
    text = signed_segments(header + wrong, payload, KEY)
    assert type(refusal(text, allow_padding=True)) is DecodeError


# ── the cache of headers ─────────────────────────────────────────────────────────────────


def test_a_header_that_was_accepted_is_known(known_headers: dict[bytes, Any]) -> None:
    """The header of an accepted token is kept by its segment, and means the same again."""
    text = signed(ALICE, KEY, {"alg": "HS256", "typ": "JWT"})
    first, again = accept(text), accept(text)
    assert first.header == again.header == {"alg": "HS256", "typ": "JWT"}
    assert list(known_headers) == [text.partition(".")[0].encode()]


def test_a_header_that_was_refused_is_not_kept(known_headers: dict[bytes, Any]) -> None:
    """Nobody without a key puts anything into the cache, whatever they send."""
    for number in range(100):
        header = {"alg": "HS256", "x": number}
        refusal(signed(ALICE, OTHER, header))
        refusal(signed(ALICE, KEY, {**header, "kid": "k", "crit": ["x"]}))
        refusal(signed(ALICE, KEY, {**header, "alg": "none"}))
    assert known_headers == {}


def test_the_cache_does_not_grow(known_headers: dict[bytes, Any]) -> None:
    """An issuer that varies its headers fills the cache to its bound and no further."""
    for number in range(1000):
        text = signed(ALICE, KEY, {"alg": "HS256", "x": str(number)})
        assert accept(text).header["x"] == str(number)
        assert 0 < len(known_headers) <= 64


def test_the_cache_is_one_of_headers_and_not_of_verdicts() -> None:
    """A known header spares its parsing, never the check of the signature under another key."""
    text = signed(ALICE, KEY)
    accept(text)
    assert type(refusal(text, OTHER)) is InvalidSignatureError
    assert type(refusal(text, keys.key("HS512"))) is InvalidAlgorithmError


# ── a token that was taken apart before ──────────────────────────────────────────────────


@pytest.fixture
def parsed() -> jws.UnverifiedJWS:
    return jws.parse(signed(ALICE, KEY))


def test_verify_parsed(parsed: jws.UnverifiedJWS) -> None:
    """A parsed token is checked by the keys that are given, each by its own algorithm."""
    assert verify_parsed(parsed, [KEY], RULES, 0).claims == ALICE
    assert verify_parsed(parsed, [OTHER, KEY], RULES, 0).claims == ALICE
    with pytest.raises(InvalidSignatureError):
        verify_parsed(parsed, [OTHER], RULES, 0)
    with pytest.raises(InvalidAlgorithmError):
        verify_parsed(parsed, [keys.key("RS256")], RULES, 0)


def test_no_key_verifies_nothing(parsed: jws.UnverifiedJWS) -> None:
    """Where there is no key to try, nothing is verified."""
    with pytest.raises(InvalidSignatureError):
        verify_parsed(parsed, [], RULES, 0)


def test_a_parsed_token_that_has_expired() -> None:
    """A parsed token that has expired is refused unless it is asked for."""
    expired = jws.parse(signed({**ALICE, "exp": 5}, KEY))
    with pytest.raises(ExpiredSignatureError):
        verify_parsed(expired, [KEY], RULES, 5)
    assert verify_parsed(expired, [KEY], RULES, 5, allow_expired=True).claims["exp"] == 5


def test_a_parsed_token_prints_nothing_of_itself(parsed: jws.UnverifiedJWS) -> None:
    """What nobody has verified can be in a traceback with its locals: it prints its size only."""
    for text in (repr(parsed), str(parsed), f"{parsed}", f"{[parsed]}"):
        assert text.strip("[]") == f"<UnverifiedJWS of {len(parsed.payload)} bytes>"
