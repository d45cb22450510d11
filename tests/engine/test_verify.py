"""From a text to a verified token, by our keys or another issuer's, or to the reason why not."""

from typing import Any

import pytest

from flask_signet import exceptions
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import (
    ConfigurationError,
    CSRFError,
    DecodeError,
    ExpiredSignatureError,
    InvalidAlgorithmError,
    InvalidIssuerError,
    InvalidSignatureError,
    JWTDecodeError,
    SignetError,
    WrongTokenError,
)
from tests.applications import CSRF, NOW, OTHER_SECRET, mint, signed
from tests.conftest import Clock
from tests.engine.signets import SECRET, Make, loose, other_issuers, their_token
from tests.issuers import ISSUER, pair, token


def test_a_token_of_ours(signet: Signet) -> None:
    """What was issued is verified: header, claims, and no other issuer."""
    found = signet.verify(loose(signet, claims={"role": "admin"}))
    assert found.issuer is None
    assert found.header["alg"] == "HS256"
    assert (found.claims["sub"], found.claims["role"]) == ("ada", "admin")


def test_text_or_bytes(signet: Signet) -> None:
    """A token is text or bytes; anything else is none."""
    assert signet.verify(mint().encode()).claims["sub"] == "alice"
    for other in (None, 5, ["a.b.c"], {}):
        with pytest.raises(DecodeError, match="Token must be a"):
            signet.verify(other)


# A token and options, and the class of the error.
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no token": ("hello", {}, "DecodeError"),
    "not JSON": (signed(b"{"), {}, "DecodeError"),
    "too long": (mint(), {"MAX_TOKEN_LENGTH": 100}, "DecodeError"),
    "another secret": (mint(secret=OTHER_SECRET), {}, "InvalidSignatureError"),
    "no algorithm": (mint(header={"alg": "none"}), {}, "InvalidAlgorithmError"),
    "of another algorithm": (mint(header={"alg": "HS384"}), {}, "InvalidAlgorithmError"),
    "expired": (mint(exp=NOW), {}, "ExpiredSignatureError"),
    "not yet valid": (mint(nbf=NOW + 1), {}, "ImmatureSignatureError"),
    "issued in the future": (mint(iat=NOW + 1), {}, "ImmatureSignatureError"),
    "odd iat": (mint(iat="now"), {}, "InvalidIssuedAtError"),
    "odd exp": (mint(exp="never"), {}, "DecodeError"),
    "for others": (mint(aud="web"), {"DECODE_AUDIENCE": "api"}, "InvalidAudienceError"),
    "by others": (mint(iss="them"), {"DECODE_ISSUER": "us"}, "InvalidIssuerError"),
    "by nobody": (mint(), {"DECODE_ISSUER": "us"}, "MissingRequiredClaimError"),
    "for ever": (mint(exp=...), {"REQUIRE_EXP": True}, "MissingRequiredClaimError"),
    "of no type": (mint(type=...), {"REQUIRE_TYPE": True}, "MissingRequiredClaimError"),
    "for nobody": (mint(sub=...), {}, "JWTDecodeError"),
    "for a list": (mint(sub=["alice"]), {}, "InvalidSubjectError"),
    "odd jti": (mint(jti=5), {}, "InvalidJTIError"),
    "odd fresh": (mint(fresh="yes"), {}, "JWTDecodeError"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_token_that_is_refused(make: Make, name: str) -> None:
    """Each fault of a token has its class, and no message has a piece of the token."""
    text, options, error = REFUSED[name]
    with pytest.raises(SignetError) as caught:
        make(**options).verify(text)
    assert type(caught.value) is getattr(exceptions, error)
    assert caught.value.drops_cookies is False
    assert not any(len(part) > 5 and part in str(caught.value) for part in text.split("."))


# ── time ─────────────────────────────────────────────────────────────────────────────────


def test_a_token_is_good_until_its_expiry(make: Make, clock: Clock) -> None:
    """It is good before `exp` and not at it; JWT_DECODE_LEEWAY adds seconds on both sides."""
    signet, patient = make(), make(DECODE_LEEWAY=10)
    text = mint(exp=NOW + 60)
    clock.tick(59)
    signet.verify(text)
    clock.tick(1)
    with pytest.raises(ExpiredSignatureError):
        signet.verify(text)
    clock.tick(9)
    patient.verify(text)
    clock.tick(1)
    with pytest.raises(ExpiredSignatureError):
        patient.verify(text)
    patient.verify(mint(nbf=int(clock()) + 10, exp=...))


def test_an_expired_token(signet: Signet) -> None:
    """The error carries verified claims; `allow_expired` takes the token, if that is all."""
    text = mint(exp=NOW - 1)
    with pytest.raises(ExpiredSignatureError) as caught:
        signet.verify(text)
    assert caught.value.jwt_data["sub"] == "alice"
    assert caught.value.jwt_header["alg"] == "HS256"
    assert signet.verify(text, allow_expired=True).claims["sub"] == "alice"
    with pytest.raises(InvalidSignatureError):
        signet.verify(mint(exp=NOW - 1, secret=OTHER_SECRET), allow_expired=True)


# ── the CSRF value ───────────────────────────────────────────────────────────────────────


def test_the_csrf_value(signet: Signet) -> None:
    """The value that is given is the token's; where none is given, none is asked."""
    signet.verify(mint(), csrf=CSRF)
    signet.verify(mint())
    signet.verify(mint(csrf=...))
    for wrong in ("other", CSRF[:-1], "ü", "\ud800"):
        with pytest.raises(CSRFError):
            signet.verify(mint(), csrf=wrong)
    with pytest.raises(JWTDecodeError, match="Missing claim: csrf"):
        signet.verify(mint(csrf=...), csrf=CSRF)


def test_a_wrong_csrf_value_counts_before_the_expiry(signet: Signet) -> None:
    """Who sends a wrong value learns no more of an expired token."""
    with pytest.raises(ExpiredSignatureError):
        signet.verify(mint(exp=NOW), csrf=CSRF)
    with pytest.raises(CSRFError):
        signet.verify(mint(exp=NOW), csrf="other")


# ── the decode_key_loader ────────────────────────────────────────────────────────────────


def test_a_key_by_token(make: Make) -> None:
    """The decode_key_loader gets header and payload, and its key verifies; it may be async."""
    seen = []

    def choose(header: dict[str, Any], payload: dict[str, Any]) -> str:
        seen.append((header["alg"], payload["sub"]))
        return OTHER_SECRET

    async def later(header: dict[str, Any], payload: dict[str, Any]) -> str:
        return OTHER_SECRET

    signet = make(decode_key=choose)
    assert signet.verify(mint(secret=OTHER_SECRET)).claims["sub"] == "alice"
    with pytest.raises(InvalidSignatureError):
        signet.verify(mint())
    assert seen == [("HS256", "alice")] * 2
    assert make(decode_key=later).verify(mint(secret=OTHER_SECRET)).claims["sub"] == "alice"


@pytest.mark.parametrize(
    ("value", "text", "error"),
    [
        (None, mint(), InvalidSignatureError),
        (5, mint(), ConfigurationError),
        (5, mint(header={"alg": "RS256"}), InvalidAlgorithmError),
        (5, mint(header={"alg": "none"}), InvalidAlgorithmError),
    ],
)
def test_a_key_that_is_none(make: Make, value: Any, text: str, error: type[Exception]) -> None:
    """No key is no signature; a wrong value is the application's fault, a wrong alg the token's."""
    with pytest.raises(error):
        make(decode_key=lambda *token: value).verify(text)


# ── keys, and no key ─────────────────────────────────────────────────────────────────────


def test_no_key(make: Make, clock: Clock) -> None:
    """Without a key the option is missing; where others' tokens are taken, ours are just none."""
    with pytest.raises(ConfigurationError, match="JWT_SECRET_KEY"):
        make(SECRET_KEY=None).verify(mint())
    guest = make(SECRET_KEY=None, issuers=other_issuers(clock))
    with pytest.raises(InvalidIssuerError):
        guest.verify(mint(), foreign=True)
    assert guest.verify(their_token(clock), foreign=True).issuer == ISSUER


def test_older_secrets_verify(make: Make) -> None:
    """A token under an older secret is good, and a new one is made with the new secret."""
    signet = make(SECRET_KEY=OTHER_SECRET, SECRET_KEY_FALLBACKS=[SECRET])
    assert signet.verify(mint()).claims["sub"] == "alice"
    with pytest.raises(InvalidSignatureError):
        make(SECRET_KEY=SECRET).verify(loose(signet))


# ── another issuer ───────────────────────────────────────────────────────────────────────


def test_another_issuers_token(make: Make, clock: Clock) -> None:
    """It is taken where others' tokens are asked for, by that issuer's key, and nowhere else."""
    signet, text = make(issuers=other_issuers(clock)), their_token(clock)
    found = signet.verify(text, foreign=True)
    assert (found.issuer, found.claims["sub"]) == (ISSUER, "ada")
    assert signet.verify(mint(), foreign=True).issuer is None
    with pytest.raises(SignetError):
        signet.verify(text)
    with pytest.raises(SignetError):
        make().verify(text, foreign=True)


def test_another_issuer_needs_its_own_key(make: Make, clock: Clock) -> None:
    """A token under our secret is not the other issuer's, whatever its `iss` says."""
    signet = make(issuers=other_issuers(clock), ENCODE_ISSUER="us", DECODE_ISSUER="us")
    with pytest.raises(InvalidIssuerError):
        signet.verify(mint(iss=ISSUER, aud="api"), foreign=True)
    forged = token(pair("theirs", 1), {"iss": ISSUER, "aud": "api", "sub": "ada", "exp": NOW + 60})
    with pytest.raises(InvalidSignatureError):
        signet.verify(forged, foreign=True)


def test_what_another_issuer_promised(make: Make, clock: Clock) -> None:
    """Audience, expiry and typ are held against what was said of that issuer."""
    signet = make(issuers=other_issuers(clock, typ="at+jwt"))
    with pytest.raises(exceptions.InvalidAudienceError):
        signet.verify(their_token(clock, aud="web"), foreign=True)
    with pytest.raises(exceptions.MissingRequiredClaimError):
        signet.verify(their_token(clock, exp=...), foreign=True)
    with pytest.raises(WrongTokenError):
        signet.verify(their_token(clock), foreign=True)
    expired = make(issuers=other_issuers(clock))
    text = their_token(clock, exp=int(clock()) - 1)
    assert expired.verify(text, foreign=True, allow_expired=True).issuer == ISSUER
