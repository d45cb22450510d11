"""The members of a JWK: which make a key, which are refused, and the thumbprint.

Tests named test_a… are rows of the security table: attacks that must fail.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.exceptions import InvalidKeyError
from flask_signet.jose import base64url
from flask_signet.jose.jwk import Key

from . import keys
from . import vectors as rfc
from .effort import examples
from .keys import DATA

# ── A6: an empty secret ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("k", ["", None, 1, [], "AA==", "A", "+/+/", "\u00e9"])
def test_a6_empty_or_no_k(k: Any) -> None:
    """A JWK whose k is empty, missing or not base64url is refused."""
    for jwk in (keys.oct_jwk(k=k), {"kty": "oct", "alg": "HS256"}):
        with pytest.raises(InvalidKeyError):
            Key.from_jwk(jwk, allow_weak=True)


# ── A13: points, curves and key types ─────────────────────────────────────────────────


BAD_EC: dict[str, dict[str, Any]] = {
    "y plus 1": {"y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyN"},
    "zeros": {"x": base64url.encode(bytes(32)), "y": base64url.encode(bytes(32))},
    "x and y exchanged": {"x": rfc.A3_KEY["y"], "y": rfc.A3_KEY["x"]},
    "all ones": {"x": base64url.encode(b"\xff" * 32), "y": base64url.encode(b"\xff" * 32)},
    "one": {"x": base64url.encode(bytes(31) + b"\1"), "y": base64url.encode(bytes(31) + b"\1")},
    "x too short": {"x": base64url.encode(base64url.decode(rfc.A3_KEY["x"])[1:])},
    "x too long": {"x": base64url.encode(b"\0" + base64url.decode(rfc.A3_KEY["x"]))},
    "x empty": {"x": ""},
    "x missing": {"x": None},
    "y missing": {"y": None},
    "x a number": {"x": 5},
    "x padded": {"x": rfc.A3_KEY["x"] + "="},
    "other curve": {"crv": "P-384"},
    "curve of Bitcoin": {"crv": "secp256k1"},
    "curve in lower case": {"crv": "p-256"},
    "no curve": {"crv": None},
    "curve a list": {"crv": ["P-256"]},
    "curve an object": {"crv": {"P-256": 1}},
    "curve an Edwards one": {"crv": "Ed25519"},
    "kty RSA": {"kty": "RSA"},
    "kty OKP": {"kty": "OKP"},
    "kty oct": {"kty": "oct"},
    "kty in lower case": {"kty": "ec"},
    "kty missing": {"kty": None},
    "kty a list": {"kty": ["EC"]},
    "d of another key": {"d": rfc.JWK_A2_EC["d"]},
    "d zero": {"d": base64url.encode(bytes(32))},
    "d one": {"d": base64url.encode(bytes(31) + b"\1")},
    "d the order": {"d": base64url.encode(keys.ORDERS["ES256"].to_bytes(32, "big"))},
    "d too short": {"d": base64url.encode(base64url.decode(rfc.A3_KEY["d"])[:-1])},
    "d null": {"d": None},
    "alg of another curve": {"alg": "ES384"},
    "alg of RSA": {"alg": "RS256"},
    "alg none": {"alg": "none"},
    "alg a list": {"alg": ["ES256"]},
    "alg a number": {"alg": 1},
}


@pytest.mark.parametrize("change", BAD_EC.values(), ids=BAD_EC)
@pytest.mark.parametrize("stated", [None, "ES256"])
def test_a13_bad_ec_key(change: dict[str, Any], stated: str | None) -> None:
    """A point off the curve, of another curve or length, or with another key's d, is refused."""
    with pytest.raises(InvalidKeyError):
        Key.from_jwk({**rfc.A3_KEY, **change}, stated)
    assert Key.from_jwk(rfc.A3_KEY, stated).can_sign


BAD_OKP: dict[str, dict[str, Any]] = {
    "x of another key": {"x": base64url.encode(bytes(range(32)))},
    "x too short": {"x": base64url.encode(bytes(range(31)))},
    "x missing": {"x": None},
    "d too short": {"d": base64url.encode(bytes(range(31)))},
    "d of another key": {"d": base64url.encode(bytes(range(32)))},
    "d null": {"d": None},
    "curve X25519": {"crv": "X25519"},
    "curve Ed448": {"crv": "Ed448"},
    "curve missing": {"crv": None},
    "curve a list": {"crv": []},
    "kty EC": {"kty": "EC"},
}


@pytest.mark.parametrize("change", BAD_OKP.values(), ids=BAD_OKP)
@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_a13_bad_okp_key(change: dict[str, Any], name: str) -> None:
    """An Edwards key whose halves don't belong together, or of another curve, is refused."""
    with pytest.raises(InvalidKeyError):
        Key.from_jwk({**rfc.ED25519_KEY, **change}, name)


# ── RSA ───────────────────────────────────────────────────────────────────────────────


BAD_RSA: dict[str, dict[str, Any]] = {
    "n even": {"n": rfc.COOKBOOK_RSA["n"][:-1] + "g"},
    "n empty": {"n": ""},
    "n zero": {"n": "AA"},
    "n missing": {"n": None},
    "n a number": {"n": 12345},
    "n padded": {"n": rfc.COOKBOOK_RSA["n"] + "=="},
    "n of another key": {"n": rfc.A2_KEY["n"]},
    "e missing": {"e": None},
    "e empty": {"e": ""},
    "e one": {"e": "AQ"},
    "e three": {"e": "Aw"},
    "e even": {"e": "AQAA"},
    "e larger than n": {"e": base64url.encode(b"\xff" * 257)},
    "d null": {"d": None},
    "d zero": {"d": "AA"},
    "d one": {"d": "AQ"},
    "d of another key": {"d": rfc.A2_KEY["d"]},
    "p of another key": {"p": rfc.A2_KEY["p"]},
    "p and q equal": {"q": rfc.COOKBOOK_RSA["p"]},
    "p one": {"p": "AQ"},
    "p zero": {"p": "AA"},
    "dp wrong": {"dp": rfc.COOKBOOK_RSA["dq"]},
    "dq wrong": {"dq": "AQ"},
    "qi wrong": {"qi": "AQ"},
    "qi null": {"qi": None},
    "more primes": {"oth": [{"r": "AQ", "d": "AQ", "t": "AQ"}]},
}


@pytest.mark.parametrize("change", BAD_RSA.values(), ids=BAD_RSA)
def test_bad_rsa_key(change: dict[str, Any]) -> None:
    """An RSA key whose numbers don't belong together is refused."""
    with pytest.raises(InvalidKeyError):
        Key.from_jwk({**rfc.COOKBOOK_RSA, **change}, "RS256")


@pytest.mark.parametrize("left_out", ["p", "q", "dp", "dq", "qi"])
def test_rsa_with_some_factors(left_out: str) -> None:
    """An RSA key has all of p, q, dp, dq, qi or none of them (RFC 7518, 6.3.2)."""
    jwk = {name: value for name, value in rfc.COOKBOOK_RSA.items() if name != left_out}
    with pytest.raises(InvalidKeyError, match="all or none"):
        Key.from_jwk(jwk, "RS256")


def test_rsa_without_factors() -> None:
    """An RSA key of n, e and d alone signs: the factors are found, and are right."""
    jwk = {name: rfc.COOKBOOK_RSA[name] for name in ("kty", "n", "e", "d")}
    key = Key.from_jwk(jwk, "RS256")
    assert key.sign(DATA) == Key.from_jwk(rfc.COOKBOOK_RSA, "RS256").sign(DATA)
    factors = {rfc.COOKBOOK_RSA["p"], rfc.COOKBOOK_RSA["q"]}
    assert {key.to_private_jwk()["p"], key.to_private_jwk()["q"]} == factors


# ── any members, any text ─────────────────────────────────────────────────────────────


JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["EC", "RSA", "oct", "OKP", "AKP", "P-256", "Ed25519", "sig", "AQAB"]),
        st.sampled_from(keys.NAMES),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)


MEMBERS = st.sampled_from(
    [
        "kty",
        "alg",
        "use",
        "key_ops",
        "kid",
        "crv",
        "x",
        "y",
        "d",
        "n",
        "e",
        "p",
        "q",
        "dp",
        "dq",
        "qi",
        "oth",
        "k",
        "pub",
        "priv",
        "x5c",
    ]
)


@examples(500)
@given(st.data())
def test_damaged_jwks_are_invalid_keys(data: st.DataObject) -> None:
    """A JWK with members changed or left out is a key or an InvalidKeyError, no other error."""
    whole = data.draw(
        st.sampled_from(
            [
                {},
                rfc.COOKBOOK_RSA,
                rfc.COOKBOOK_RSA_PUBLIC,
                rfc.A3_KEY,
                rfc.ED25519_KEY,
                keys.oct_jwk(),
            ]
        )
    )
    changed: dict[str, Any] = {**whole, **data.draw(st.dictionaries(MEMBERS, JSON_VALUES))}
    for member in data.draw(st.lists(MEMBERS, max_size=2)):
        changed.pop(member, None)
    stated = data.draw(st.sampled_from([None, *keys.NAMES]))
    try:
        key = Key.from_jwk(changed, stated, allow_weak=True)
    except InvalidKeyError:
        return
    assert key.algorithm == (stated or changed.get("alg") or "ES256")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "null",
        "1",
        '"x"',
        "{",
        '{"kty":"EC","kty":"EC"}',
        '{"kty":NaN}',
        '{"kty":"oct","alg":"HS256","k":"\ud800"}',
        "\ufeff{}",
        '{"a":' * 10 + "1" + "}" * 10,
    ],
    ids=ascii,
)
def test_jwk_text_that_is_none(text: str) -> None:
    """A JWK text that is not strict JSON, or not an object, is refused."""
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(text, "ES256")
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(text.encode("utf-8", "surrogatepass"), "ES256")


def test_jwk_is_any_mapping() -> None:
    """A JWK may be any mapping, and is not changed."""

    class Members(Mapping[str, Any]):
        def __getitem__(self, name: str) -> Any:
            return rfc.A3_KEY[name]

        def __iter__(self) -> Iterator[str]:
            return iter(rfc.A3_KEY)

        def __len__(self) -> int:
            return len(rfc.A3_KEY)

    before = dict(rfc.A3_KEY)
    assert Key.from_jwk(Members()).thumbprint() == Key.from_jwk(rfc.A3_KEY).thumbprint()
    assert before == rfc.A3_KEY


# ── out and back ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", keys.PAIR_NAMES)
def test_round_trip_of_pairs(name: str) -> None:
    """A key goes out as a JWK, private or public, also as JSON text, and comes back the same."""
    key = keys.key(name)
    private, public = key.to_private_jwk(), key.to_public_jwk()
    assert public.items() < private.items()
    assert (public["alg"], public["use"], public["kid"]) == (name, "sig", key.kid)
    for form in (private, json.dumps(private)):
        again = Key.from_jwk(form)
        assert again.to_private_jwk() == private
        assert again.to_public_jwk() == public
        assert key.verify(DATA, again.sign(DATA))
    reader = Key.from_jwk(json.dumps(public))
    assert reader.to_public_jwk() == public
    assert reader.verify(DATA, key.sign(DATA))
    assert (reader.algorithm, reader.kid, reader.can_sign) == (name, key.kid, False)
    with pytest.raises(InvalidKeyError):
        reader.to_private_jwk()
    with pytest.raises(InvalidKeyError):
        reader.sign(DATA)


@pytest.mark.parametrize("name", keys.PAIR_NAMES)
def test_public_jwk_has_no_private_member(name: str) -> None:
    """A public JWK has no private member, and no number of the private half."""
    private, public = keys.key(name).to_private_jwk(), keys.key(name).to_public_jwk()
    hidden = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
    assert not hidden & public.keys()
    assert hidden & private.keys()
    text = json.dumps(public)
    assert all(private[member] not in text for member in hidden & private.keys())
    assert keys.key(name).public_key().to_public_jwk() == public


@pytest.mark.parametrize("name", keys.HMAC_NAMES)
@pytest.mark.parametrize("kid", [None, "a name"])
def test_round_trip_of_secrets(name: str, kid: str | None) -> None:
    """A secret goes out as a private JWK only, and comes back with its kid, if it has one."""
    key = Key.from_secret(keys.SECRET, name, kid=kid)
    jwk = key.to_private_jwk()
    assert jwk == keys.oct_jwk(name, use="sig", **({} if kid is None else {"kid": kid}))
    again = Key.from_jwk(jwk)
    assert (again.kid, again.algorithm, again.sign(DATA)) == (kid, name, key.sign(DATA))
    for leave in (key.to_public_jwk, key.public_key):
        with pytest.raises(InvalidKeyError):
            leave()


def test_coordinates_keep_their_leading_zeros() -> None:
    """EC members have the full length of the curve, leading zeros included (RFC 7518, 6.2.1.2)."""
    found = 0
    for d in range(1, 2000):
        jwk = Key.from_cryptography(ec.derive_private_key(d, ec.SECP256R1())).to_private_jwk()
        assert [len(jwk[member]) for member in ("x", "y", "d")] == [43, 43, 43]
        if jwk["x"].startswith("AA"):
            found += 1
            assert Key.from_jwk(jwk).kid == jwk["kid"]
    assert jwk["d"].startswith("A" * 30)
    for name, length in (("ES384", 64), ("ES512", 88)):
        jwk = keys.key(name).to_private_jwk()
        assert [len(jwk[member]) for member in ("x", "y", "d")] == [length] * 3


# ── thumbprint ────────────────────────────────────────────────────────────────────────


def test_thumbprint_of_ml_dsa_has_its_algorithm() -> None:
    """The thumbprint of an AKP key is the hash of its alg, kty and pub."""
    for name in keys.ML_DSA_NAMES:
        jwk = keys.key(name).to_public_jwk()
        text = f'{{"alg":"{name}","kty":"AKP","pub":"{jwk["pub"]}"}}'
        expected = base64url.encode(hashlib.sha256(text.encode()).digest())
        assert keys.key(name).thumbprint() == expected


def test_thumbprint_does_not_depend_on_the_rest() -> None:
    """The thumbprint does not depend on the kid, the algorithm or the half."""
    reference = keys.key("RS256").thumbprint()
    assert Key.from_cryptography(keys.rsa_private(), "PS512", kid="x").thumbprint() == reference
    assert keys.key("RS256").public_key().thumbprint() == reference
    assert (
        Key.from_secret(keys.SECRET).thumbprint()
        == Key.from_secret(keys.SECRET, "HS512", kid="x").thumbprint()
    )
