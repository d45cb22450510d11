"""From an identity to the text of a token: its claims, its header, its key, and what can't be."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from flask_signet import Key
from flask_signet.engine.mint import Wanted
from flask_signet.engine.signet import Signet
from flask_signet.exceptions import ConfigurationError, InvalidKeyError, InvalidSignatureError
from tests.conftest import Clock
from tests.engine.signets import SECRET, Make, claims, header, loose
from tests.jose import keys

DAY = 86_400


# ── the claims ───────────────────────────────────────────────────────────────────────────


def test_an_access_token(signet: Signet, clock: Clock) -> None:
    """By the defaults a token is an access token of 15 minutes, and not fresh."""
    text = signet.issue("ada", Wanted())
    found, now = claims(signet, text), int(clock())
    assert uuid.UUID(found.pop("jti")).version == 4
    assert uuid.UUID(found.pop("csrf")).version == 4
    assert found == {
        "fresh": False,
        "iat": now,
        "nbf": now,
        "exp": now + 900,
        "type": "access",
        "sub": "ada",
    }
    assert header(signet, text) == {"alg": "HS256", "typ": "JWT"}


def test_a_refresh_token(signet: Signet, clock: Clock) -> None:
    """A refresh token says so, and lives for 30 days."""
    found = claims(signet, loose(signet, kind="refresh"))
    assert (found["type"], found["fresh"]) == ("refresh", False)
    assert found["exp"] == int(clock()) + 30 * DAY


def test_ids_are_never_the_same(signet: Signet) -> None:
    """Each token has a jti and a CSRF value of its own."""
    found = [claims(signet, loose(signet)) for _ in range(50)]
    assert len({each["jti"] for each in found} | {each["csrf"] for each in found}) == 100


def test_a_token_of_the_strict_profile(make: Make) -> None:
    """Its header says its kind, its jti has 128 random bits, and csrf is for cookies alone."""
    strict = make(PROFILE="strict")
    for kind, typ in (("access", "at+jwt"), ("refresh", "rt+jwt")):
        text = loose(strict, kind=kind)
        assert header(strict, text)["typ"] == typ
        assert len(claims(strict, text)["jti"]) == 22
        assert "csrf" not in claims(strict, text)


def test_the_options_name_the_claims(make: Make) -> None:
    """Issuer, audience, the identity's claim, nbf and csrf are as the options say."""
    signet = make(
        ENCODE_ISSUER="us",
        ENCODE_AUDIENCE=["api", "web"],
        DECODE_AUDIENCE="api",
        IDENTITY_CLAIM="user",
        ENCODE_NBF=False,
        COOKIE_CSRF_PROTECT=False,
    )
    found = claims(signet, loose(signet))
    assert (found["iss"], found["aud"], found["user"]) == ("us", ["api", "web"], "ada")
    assert not {"sub", "nbf", "csrf"} & set(found)


# ── lifetimes ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("delta", "lives"), [(timedelta(hours=1), 3600), (60, 60), (timedelta(milliseconds=1), 1)]
)
def test_a_lifetime_of_ones_own(signet: Signet, clock: Clock, delta: Any, lives: int) -> None:
    """A lifetime that is asked for wins over the option; under a second it is a second."""
    found = claims(signet, loose(signet, expires_delta=delta))
    assert found["exp"] - int(clock()) == lives


def test_a_token_for_ever(make: Make) -> None:
    """False makes a token without an expiry, unless every token must have one."""
    signet = make()
    assert "exp" not in claims(signet, loose(signet, expires_delta=False))
    with pytest.raises(ValueError, match="expires_delta is False, but JWT_REQUIRE_EXP asks"):
        loose(make(REQUIRE_EXP=True), expires_delta=False)
    endless = make(REQUIRE_EXP=True, REFRESH_TOKEN_EXPIRES=False)
    with pytest.raises(ValueError, match="JWT_REFRESH_TOKEN_EXPIRES is False, but JWT_REQUIRE_EXP"):
        loose(endless, kind="refresh")


def test_a_lifetime_of_zero(signet: Signet) -> None:
    """Zero is refused: it would be taken for "never expires"."""
    with pytest.raises(ValueError, match="expires_delta is zero"):
        loose(signet, expires_delta=timedelta(0))


def test_a_lifetime_below_zero(make: Make, clock: Clock) -> None:
    """It makes an expired token, which tests want; the strict profile refuses it."""
    signet = make()
    assert claims(signet, loose(signet, expires_delta=-10))["exp"] == int(clock()) - 10
    with pytest.raises(ValueError, match="expires_delta is negative"):
        loose(make(PROFILE="strict"), expires_delta=-10)


def test_how_long_a_token_is_fresh(make: Make, clock: Clock) -> None:
    """Fresh for some time becomes a moment; with JWT_BOUNDED_IDS that is not after the expiry."""
    compatible, bounded = make(), make(BOUNDED_IDS=True)
    for signet, hour in ((compatible, 3600), (bounded, 900)):
        for asked, lasts in ((60, 60), (3600, hour)):
            found = claims(signet, loose(signet, fresh=timedelta(seconds=asked)))
            assert found["fresh"] - clock() == lasts
    assert claims(bounded, loose(bounded, fresh=True))["fresh"] is True


# ── what the application adds ────────────────────────────────────────────────────────────


def test_the_order_of_claims(make: Make) -> None:
    """The caller's claims win over the loader's, both over ours, and a session's over all."""
    signet = make(additional_claims=lambda identity: {"a": "loader", "b": "loader", "jti": "own"})
    wanted = Wanted(claims={"b": "caller", "sid": "forged"}, session={"sid": "of the store"})
    found = claims(signet, signet.issue("ada", wanted))
    assert (found["a"], found["b"]) == ("loader", "caller")
    assert (found["jti"], found["sid"]) == ("own", "of the store")


@pytest.mark.parametrize("by", ["caller", "loader"])
def test_no_application_says_whose_a_token_is(make: Make, by: str) -> None:
    """The store's own claims are this library's: another owner's name would be a forgery."""
    forged = {"signet_owner": "partner", "signet_tenant": "a", "signet_iat": 1, "plan": "free"}
    signet = make(additional_claims=lambda identity: forged if by == "loader" else {})
    found = claims(signet, loose(signet, claims=forged if by == "caller" else {}))
    assert found["plan"] == "free"
    assert {"signet_owner", "signet_tenant", "signet_iat"}.isdisjoint(found)


def test_a_lifetime_of_less_than_a_second(make: Make, clock: Clock) -> None:
    """It is one, in the strict profile too: it is neither zero nor negative."""
    strict = make(PROFILE="strict")
    found = claims(strict, loose(strict, expires_delta=timedelta(milliseconds=500)))
    assert found["exp"] == int(clock()) + 1


def test_the_order_of_header_members(make: Make) -> None:
    """The caller's members win over the loader's; none of them changes the algorithm."""
    signet = make(additional_headers=lambda identity: {"a": "loader", "b": "loader"})
    found = header(signet, loose(signet, headers={"b": "caller"}))
    assert found == {"alg": "HS256", "typ": "JWT", "a": "loader", "b": "caller"}
    with pytest.raises(InvalidKeyError, match="the header's alg is not the key's, HS256"):
        loose(signet, headers={"alg": "none"})


def test_a_header_without_typ(signet: Signet) -> None:
    """An empty typ is left out."""
    assert header(signet, loose(signet, headers={"typ": None})) == {"alg": "HS256"}


def test_the_loaders_are_asked_in_their_order(make: Make) -> None:
    """Header, claims, identity, key: as Flask-JWT-Extended asks; each gets the identity."""
    asked = []

    def loader(name: str, answer: Any) -> Any:
        return lambda identity: asked.append((name, identity)) or answer

    signet = make(
        additional_headers=loader("headers", None),
        additional_claims=loader("claims", None),
        user_identity=loader("identity", "wire"),
        encode_key=loader("key", SECRET),
    )
    assert claims(signet, loose(signet))["sub"] == "wire"
    assert asked == [(name, "ada") for name in ("headers", "claims", "identity", "key")]


def test_an_identity_that_is_known_is_not_asked_for(make: Make) -> None:
    """Where the identity stands in the token already, its loader is not asked again."""
    signet = make(user_identity=lambda identity: pytest.fail("asked"))
    text = signet.issue("ada", Wanted(wire_identity="wire"))
    assert claims(signet, text)["sub"] == "wire"


@pytest.mark.parametrize("loader", ["additional_claims", "additional_headers"])
def test_a_loader_returns_a_dict(make: Make, loader: str) -> None:
    """Another type is the application's mistake, and named."""
    with pytest.raises(TypeError, match=f"the {loader}_loader returns a dict, not list"):
        loose(make(**{loader: lambda identity: ["role"]}))


def test_async_loaders_run_in_a_loop(make: Make) -> None:
    """Without a framework an async loader runs in an event loop of its own."""

    async def add(identity: str) -> dict[str, str]:
        return {"greeting": f"hello {identity}"}

    async def name(identity: str) -> str:
        return identity.upper()

    signet = make(additional_claims=add, user_identity=name)
    found = claims(signet, loose(signet))
    assert (found["greeting"], found["sub"]) == ("hello ada", "ADA")


# ── the key ──────────────────────────────────────────────────────────────────────────────


def test_the_key_is_named(make: Make) -> None:
    """With JWT_ENCODE_KID the header names the key, unless the caller named one."""
    private = keys.private("ES256")
    signet = make(ALGORITHM="ES256", PRIVATE_KEY=private, ENCODE_KID=True)
    kid = header(signet, loose(signet))["kid"]
    assert kid == Key.from_cryptography(private, "ES256").kid
    assert header(signet, loose(signet, headers={"kid": None}))["kid"] == kid
    assert signet.parse(loose(signet, headers={"kid": "mine"})).header["kid"] == "mine"


def test_a_key_by_identity(make: Make) -> None:
    """The encode_key_loader's key signs, a text or a Key of another algorithm."""
    other = keys.private("HS256", 1).hex()
    signet = make(encode_key=lambda identity: other if identity == "eve" else SECRET)
    assert claims(signet, loose(signet, "ada"))["sub"] == "ada"
    with pytest.raises(InvalidSignatureError):
        signet.verify(loose(signet, "eve"))
    assert claims(make(SECRET_KEY=other), loose(signet, "eve"))["sub"] == "eve"
    by_pair = loose(make(encode_key=lambda identity: keys.key("ES256")))
    public = make(ALGORITHM="ES256", PUBLIC_KEY=keys.private("ES256").public_key())
    assert claims(public, by_pair)["sub"] == "ada"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (keys.key("ES256").public_key(), "is a public key"),
        (5, "what the encode_key_loader returned"),
    ],
)
def test_a_loaded_key_that_does_not_sign(make: Make, value: Any, says: str) -> None:
    """What the encode_key_loader returned is named where it can't sign."""
    with pytest.raises(ConfigurationError, match=says):
        loose(make(encode_key=lambda identity: value))


def test_no_key(make: Make) -> None:
    """Without a key nothing is signed, and the option is named."""
    with pytest.raises(ConfigurationError, match="JWT_SECRET_KEY"):
        loose(make(SECRET_KEY=None))


# ── what can't be in a token ─────────────────────────────────────────────────────────────


def test_a_claim_that_is_not_json(make: Make) -> None:
    """It is refused, unless the Signet was told how to make JSON of it."""
    moment = uuid.UUID(int=5)
    with pytest.raises(TypeError, match="Object of type UUID is not JSON serializable"):
        loose(make(), claims={"id": moment})
    signet = make(to_json=str)
    assert claims(signet, loose(signet, claims={"id": moment}))["id"] == str(moment)


@pytest.mark.parametrize("changed", [{"exp": "soon"}, {"jti": 5}, {"fresh": "yes"}, {"iss": 5}])
def test_a_claim_that_no_verification_takes(signet: Signet, changed: dict[str, Any]) -> None:
    """No token is made that we would refuse to take."""
    with pytest.raises(TypeError):
        loose(signet, claims=changed)


def test_a_token_that_is_too_long(make: Make) -> None:
    """A token beyond JWT_MAX_TOKEN_LENGTH is not made: no guard would read it."""
    signet = make(MAX_TOKEN_LENGTH=500)
    with pytest.raises(ValueError, match="JWT_MAX_TOKEN_LENGTH is 500: put less"):
        loose(signet, claims={"much": "x" * 500})
