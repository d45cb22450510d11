"""Keys: where they come from, what is refused, and that they never show what they hold.

Tests named test_a… are rows of the security table: attacks that must fail.
"""

import base64
import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, x448, x25519
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.exceptions import InvalidKeyError
from flask_signet.jose import base64url
from flask_signet.jose.jwk import AUTO, MAX_KID_LENGTH, Key, KeyName

from . import keys
from . import vectors as rfc
from .effort import examples
from .keys import DATA
from .refusals import SECRET_TEXT, pieces, refusal

# ── A2: a key pair is no secret, and a secret no key pair ─────────────────────────────


@pytest.mark.parametrize("name", keys.PAIR_NAMES)
def test_a2_secret_for_an_algorithm_with_pairs(name: str) -> None:
    """A secret can't become a key for RS, PS, ES, EdDSA or ML-DSA."""
    with pytest.raises(InvalidKeyError):
        Key.from_secret(keys.SECRET, name)
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(keys.oct_jwk(name))
    with pytest.raises(InvalidKeyError):
        Key.from_jwk({**keys.oct_jwk(), "alg": None}, name)


@pytest.mark.parametrize("name", keys.HMAC_NAMES)
def test_a2_key_pair_for_hmac(name: str) -> None:
    """A PEM, DER, JWK or key object of a key pair can't become an HMAC key."""
    private = keys.rsa_private()
    attempts: list[tuple[Callable[..., Key], Any]] = [
        (Key.from_pem, keys.pem(private)),
        (Key.from_pem, keys.public_pem(private)),
        (Key.from_der, keys.public_der(private)),
        (Key.from_cryptography, private),
        (Key.from_cryptography, private.public_key()),
        (Key.from_jwk, {**rfc.COOKBOOK_RSA}),
        (Key.from_jwk, {**rfc.COOKBOOK_RSA, "k": base64url.encode(keys.SECRET)}),
        (Key.from_cryptography, keys.SECRET),
    ]
    for load, value in attempts:
        with pytest.raises(InvalidKeyError):
            load(value, name)


# ── A4: the algorithm is never guessed from a token ───────────────────────────────────


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param({"kty": "oct", "k": base64url.encode(keys.SECRET)}, id="oct"),
        pytest.param(rfc.COOKBOOK_RSA, id="RSA"),
        pytest.param(rfc.ED25519_KEY, id="OKP"),
        pytest.param({**rfc.ED25519_KEY, "alg": None}, id="null"),
    ],
)
def test_a4_jwk_without_algorithm(jwk: dict[str, Any]) -> None:
    """A JWK without alg is refused unless the caller names the algorithm or its curve does."""
    with pytest.raises(InvalidKeyError, match="alg"):
        Key.from_jwk(jwk)


@pytest.mark.parametrize("name", keys.EC_NAMES)
def test_a4_curve_leaves_no_choice(name: str) -> None:
    """An EC key has the one algorithm of its curve, in a JWK, PEM, DER and as an object."""
    private = keys.private(name)
    jwk = keys.key(name).to_private_jwk()
    del jwk["alg"]
    for key in (
        Key.from_jwk(jwk),
        Key.from_pem(keys.pem(private)),
        Key.from_der(keys.der(private)),
        Key.from_cryptography(private),
        Key.from_cryptography(private.public_key()),
    ):
        assert key.algorithm == name
    for other in keys.EC_NAMES:
        if other != name:
            with pytest.raises(InvalidKeyError):
                Key.from_jwk(jwk, other)
            with pytest.raises(InvalidKeyError):
                Key.from_pem(keys.pem(private), other)


def test_a4_rsa_and_ed_keys_need_a_name() -> None:
    """A key that several algorithms could use is refused without one."""
    for private in (keys.rsa_private(), keys.private("Ed25519")):
        attempts: list[tuple[Callable[..., Key], Any]] = [
            (Key.from_pem, keys.pem(private)),
            (Key.from_der, keys.public_der(private)),
            (Key.from_cryptography, private),
        ]
        for load, value in attempts:
            with pytest.raises(InvalidKeyError, match="algorithm"):
                load(value)


@pytest.mark.parametrize("name", keys.ML_DSA_NAMES)
def test_a4_ml_dsa_leaves_no_choice(name: str) -> None:
    """An ML-DSA key object is for its own algorithm."""
    assert Key.from_cryptography(keys.private(name)).algorithm == name
    assert Key.from_cryptography(keys.private(name).public_key()).algorithm == name


# ── A5, A6: short and empty secrets ───────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a5_short_secret(name: str, size: int) -> None:
    """A secret shorter than the hash is refused (RFC 7518, 3.2), one of its length is accepted."""
    for length in (1, 8, 16, size - 1):
        secret = keys.SECRET[:length]
        assert keys.weakness(secret, name)
        with pytest.raises(InvalidKeyError, match="weak"):
            Key.from_secret(secret, name)
        with pytest.raises(InvalidKeyError, match="weak"):
            Key.from_jwk(keys.oct_jwk(name, k=base64url.encode(secret)))
        assert Key.from_secret(secret, name, allow_weak=True).verify(
            DATA,
            Key.from_jwk(keys.oct_jwk(name, k=base64url.encode(secret)), allow_weak=True).sign(
                DATA
            ),
        )
    assert keys.weakness(keys.SECRET[:size], name) is None
    assert Key.from_secret(keys.SECRET[:size], name).algorithm == name


@pytest.mark.parametrize("empty", ["", b"", None, 0, False, [], bytearray(b"x" * 64), 3.5])
def test_a6_empty_or_no_secret(empty: Any) -> None:
    """An empty secret, or one that is neither text nor bytes, is refused, also with allow_weak."""
    for allow_weak in (False, True):
        with pytest.raises(InvalidKeyError):
            Key.from_secret(empty, allow_weak=allow_weak)


# ── A13: key objects ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "private",
    [
        pytest.param(lambda: ec.generate_private_key(ec.SECP256K1()), id="secp256k1"),
        pytest.param(lambda: ec.generate_private_key(ec.BrainpoolP256R1()), id="brainpool"),
        pytest.param(x25519.X25519PrivateKey.generate, id="X25519"),
        pytest.param(x448.X448PrivateKey.generate, id="X448"),
        pytest.param(lambda: dsa.generate_private_key(2048), id="DSA"),
    ],
)
def test_a13_keys_of_no_algorithm(private: Callable[[], Any]) -> None:
    """A key that no JOSE signature algorithm here uses is refused for each of them."""
    made = private()
    for form in (made, made.public_key()):
        for name in [None, *keys.PAIR_NAMES]:
            with pytest.raises(InvalidKeyError):
                Key.from_cryptography(form, name)
    with pytest.raises(InvalidKeyError):
        Key.from_pem(keys.public_pem(made))


@pytest.mark.parametrize(
    "value", [None, 1, "x", b"x" * 64, object(), [], {}], ids=lambda value: type(value).__name__
)
def test_object_that_is_no_key(value: Any) -> None:
    """A value that is not a key is an InvalidKeyError for every algorithm."""
    for name in [None, *keys.NAMES]:
        with pytest.raises(InvalidKeyError):
            Key.from_cryptography(value, name)


@pytest.mark.parametrize("name", ["RS256", "ES256", "Ed25519"])
def test_certificate_object_is_a_public_key(name: str) -> None:
    """A certificate object gives its public key or an InvalidKeyError, nothing that signs."""
    certificate = keys.certificate(keys.private(name))
    try:
        key = Key.from_cryptography(certificate, name)
    except InvalidKeyError:
        return
    assert not key.can_sign
    assert key.verify(DATA, keys.key(name).sign(DATA))


# ── A16: use, key_ops and alg ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["HS256", "RS256", "ES256", "Ed25519"])
@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"use": "SIG"},
        {"use": "sign"},
        {"use": ""},
        {"use": 1},
        {"use": ["sig"]},
        {"use": {"sig": 1}},
        {"key_ops": []},
        {"key_ops": ["encrypt"]},
        {"key_ops": ["wrapKey", "deriveBits"]},
        {"key_ops": "sign"},
        {"key_ops": {"sign": 1}},
        {"key_ops": ["sign", "sign"]},
        {"key_ops": ["sign", 1]},
        {"key_ops": [["sign"]]},
        {"key_ops": ["Sign"]},
        {"key_ops": 1},
        {"key_ops": True},
        {"alg": "none"},
        {"use": "enc", "key_ops": ["sign", "verify"]},
        {"alg": "A128KW"},
        {"alg": "RSA-OAEP"},
        {"use": "sig", "key_ops": ["sign", "verify", "encrypt"]},  # RFC 7517 section 4.3
    ],
    ids=str,
)
def test_a16_key_for_another_use(name: str, change: dict[str, Any]) -> None:
    """A JWK is refused if its use or key_ops are malformed or are not for signatures."""
    jwk = keys.key(name).to_private_jwk()
    with pytest.raises(InvalidKeyError):
        Key.from_jwk({**jwk, **change})
    if "alg" in change:
        with pytest.raises(InvalidKeyError):
            Key.from_jwk({**jwk, **change}, name)


@pytest.mark.parametrize("name", keys.NAMES)
def test_a16_key_for_verifying_does_not_sign(name: str) -> None:
    """key_ops without sign makes a key that verifies and doesn't sign; with it, one that does."""
    jwk = keys.key(name).to_private_jwk()
    signature = keys.key(name).sign(DATA)
    reader = Key.from_jwk({**jwk, "key_ops": ["verify"]})
    assert not reader.can_sign
    assert reader.verify(DATA, signature)
    with pytest.raises(InvalidKeyError):
        reader.sign(DATA)
    with pytest.raises(InvalidKeyError):
        reader.to_private_jwk()
    for operations in (["sign"], ["sign", "verify"], None):
        assert Key.from_jwk({**jwk, "key_ops": operations}).can_sign
    assert Key.from_jwk({**jwk, "use": None, "key_ops": ["verify", "sign", "encrypt"]}).can_sign
    if name not in keys.HMAC_NAMES:
        public = keys.key(name).to_public_jwk()
        assert not Key.from_jwk({**public, "key_ops": ["verify"]}).can_sign
        with pytest.raises(InvalidKeyError, match="don't say verify"):
            Key.from_jwk({**public, "key_ops": ["sign"]})


@pytest.mark.parametrize("name", keys.NAMES)
@pytest.mark.parametrize("other", keys.NAMES)
def test_a16_alg_must_agree(name: str, other: str) -> None:
    """A JWK with an alg is for that algorithm; a caller who says another is refused."""
    jwk = keys.key(name).to_private_jwk()
    if name == other:
        assert Key.from_jwk(jwk, other).algorithm == name
    else:
        with pytest.raises(InvalidKeyError):
            Key.from_jwk(jwk, other)


# ── kid ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", keys.PAIR_NAMES)
def test_kid_is_the_thumbprint(name: str) -> None:
    """Without a given kid, the kid of a pair is its thumbprint, the same for both halves."""
    private = keys.private(name)
    expected = keys.key(name).thumbprint()
    assert len(expected) == 43
    for key in (
        Key.from_cryptography(private, name),
        Key.from_pem(keys.pem(private), name, kid=AUTO),
        Key.from_pem(keys.public_pem(private), name),
        Key.from_der(keys.public_der(private), name),
        keys.key(name).public_key(),
    ):
        assert key.kid == key.thumbprint() == expected
    assert keys.key(name, 1).kid != expected


def test_kid_that_is_given() -> None:
    """A given kid is kept; None means no kid; AUTO takes the JWK's kid, else the thumbprint."""
    private, print_ = keys.private("ES256"), keys.key("ES256").thumbprint()
    jwk = {**keys.key("ES256").to_private_jwk(), "kid": "its own"}
    for given_, from_pem, from_jwk in (
        ("mine", "mine", "mine"),
        (None, None, None),
        (AUTO, print_, "its own"),
        (KeyName.AUTO, print_, "its own"),
    ):
        assert Key.from_pem(keys.pem(private), kid=given_).kid == from_pem
        assert Key.from_der(keys.der(private), kid=given_).kid == from_pem
        assert Key.from_cryptography(private, kid=given_).kid == from_pem
        assert Key.from_jwk(jwk, kid=given_).kid == from_jwk
    assert "kid" not in Key.from_pem(keys.pem(private), kid=None).to_public_jwk()
    assert Key.from_jwk({**jwk, "kid": None}).kid == print_
    assert Key.from_pem(keys.pem(private), kid="mine").public_key().kid == "mine"


def test_a_name_is_given_or_made() -> None:
    """A key knows whether its kid was given to it, whatever half of it is used."""
    private = keys.private("ES256")
    jwk = Key.from_cryptography(private).to_private_jwk()
    bare = {name: value for name, value in jwk.items() if name != "kid"}
    given = [
        Key.generate("ES256"),
        Key.generate("HS256"),
        Key.from_cryptography(private, kid="mine"),
        Key.from_pem(keys.pem(private), kid="mine"),
        Key.from_jwk(jwk),
        Key.from_jwk(bare, kid="mine"),
        Key.from_jwk(bare).renamed("mine"),
        Key.from_secret(keys.SECRET, kid="mine"),
    ]
    made = [
        Key.from_cryptography(private),
        Key.from_pem(keys.pem(private)),
        Key.from_pem(keys.public_pem(private)),
        Key.from_jwk(bare),
        Key.from_jwk(jwk).renamed(AUTO),
        Key.from_pem(keys.pem(private), kid=None),
        Key.from_secret(keys.SECRET),
        Key.generate("ES256", kid=None),
        Key.generate("ES256").renamed(None),
    ]
    assert [key.is_named for key in given + made] == [True] * len(given) + [False] * len(made)
    for key in given + made:
        if not key.is_symmetric:
            public = key.public_key()
            assert (public.is_named, public.kid) == (key.is_named, key.kid)
            signer = Key.from_signer(public, key.sign) if key.can_sign else public
            assert (signer.is_named, signer.kid) == (key.is_named, key.kid)


def test_secret_has_no_kid_of_its_own() -> None:
    """A secret's kid is never its thumbprint, which would publish a hash of the secret."""
    assert Key.from_secret(keys.SECRET).kid is None
    assert Key.from_jwk(keys.oct_jwk()).kid is None
    assert Key.from_jwk(keys.oct_jwk(kid="x")).kid == "x"
    assert Key.from_jwk(keys.oct_jwk(kid="x"), kid=None).kid is None
    first, second = Key.generate("HS256"), Key.generate("HS256")
    assert first.kid is not None
    assert second.kid is not None
    assert first.kid != second.kid
    assert len(first.kid) == 22
    assert first.kid != first.thumbprint()


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "x" * (MAX_KID_LENGTH + 1),
        "a\nb",
        "a\r\nb",
        "a\0",
        "\x7f",
        "\t",
        "\x1f",
        "\u00e9",
        "\u0416",
        "\U0001f511",
        "\ud800",
        "\u2028",
        "trailing\n",
        1,
        1.5,
        True,
        b"kid",
        ["kid"],
        {"kid": 1},
    ],
    ids=ascii,
)
def test_b3_bad_kid(kid: Any) -> None:
    """A kid is 1 to 256 printable ASCII characters, whichever way the key is made."""
    attempts: list[Callable[[], Key]] = [
        lambda: Key.from_secret(keys.SECRET, kid=kid),
        lambda: Key.from_cryptography(keys.private("ES256"), kid=kid),
        lambda: Key.from_jwk({**rfc.A3_KEY, "kid": kid}),
        lambda: Key.from_jwk(keys.oct_jwk(kid=kid)),
        lambda: Key.generate("ES256", kid=kid),
        lambda: Key.generate("HS256", kid=kid),
    ]
    for make in attempts:
        with pytest.raises(InvalidKeyError, match="kid"):
            make()


@pytest.mark.parametrize("kid", ["x", "x" * MAX_KID_LENGTH, " ", "~", "a b/../c';--", "2011-04-29"])
def test_b3_good_kid(kid: str) -> None:
    """Any printable ASCII is accepted as a kid: it is only a name."""
    assert Key.from_secret(keys.SECRET, kid=kid).kid == kid
    assert Key.from_jwk({**rfc.A3_KEY, "kid": kid}).kid == kid


# ── generate ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", keys.NAMES)
def test_generate(name: str) -> None:
    """A generated key signs with its algorithm, is new each time and comes back from its JWK."""
    first, second = Key.generate(name), Key.generate(name)
    assert (first.algorithm, first.can_sign) == (name, True)
    assert first.is_symmetric == (name in keys.HMAC_NAMES)
    assert first.thumbprint() != second.thumbprint()
    assert not second.verify(DATA, first.sign(DATA))
    assert Key.from_jwk(first.to_private_jwk()).verify(DATA, first.sign(DATA))
    assert Key.generate(name, kid="named").kid == "named"
    assert Key.generate(name, kid=None).kid is None


def test_generated_sizes() -> None:
    """Generated secrets are as long as the hash, RSA keys have 2048 bits and the exponent 65537."""
    for name, size in (("HS256", 32), ("HS384", 48), ("HS512", 64)):
        assert len(base64url.decode(Key.generate(name).to_private_jwk()["k"])) == size
    jwk = Key.generate("PS256").to_private_jwk()
    assert int.from_bytes(base64url.decode(jwk["n"]), "big").bit_length() == 2048
    assert jwk["e"] == "AQAB"
    assert Key.generate("EdDSA").to_public_jwk()["crv"] == "Ed25519"
    assert Key.generate("Ed448").to_public_jwk()["crv"] == "Ed448"


def test_families() -> None:
    """Keys of one family may stand in one set; HMAC is a family of its own."""
    families = {name: keys.key(name).family for name in keys.NAMES}
    assert {families[name] for name in keys.HMAC_NAMES} == {"HMAC"}
    assert {families[name] for name in keys.RSA_NAMES} == {"RSA"}
    assert {families[name] for name in keys.OKP_NAMES} == {"EdDSA"}
    assert families["ES256"] != families["ES384"] != families["ES512"] != families["ES256"]


# ── what a key doesn't do ─────────────────────────────────────────────────────────────


def test_no_constructor() -> None:
    """A key is made by the methods that check it, never by calling the class."""
    with pytest.raises(TypeError, match="from_secret"):
        Key()


@pytest.mark.parametrize("name", ["HS256", "ES256"])
@pytest.mark.parametrize("attribute", [*Key.__slots__, "is_symmetric", "family", "new"])
def test_immutable(name: str, attribute: str) -> None:
    """No attribute of a key can be set, replaced or deleted, nor one added."""
    key = keys.key(name)
    before = key.sign(DATA), key.algorithm, key.kid
    with pytest.raises(AttributeError):
        setattr(key, attribute, "x")
    with pytest.raises(AttributeError):
        delattr(key, attribute)
    assert not hasattr(key, "__dict__")
    assert (key.algorithm, key.kid) == before[1:]
    assert key.verify(DATA, before[0])


def renderings(data: bytes) -> list[str]:
    """The ways in which bytes usually show up in a text."""
    return [
        data.decode("latin-1"),
        data.hex(),
        data.hex().upper(),
        repr(data)[2:-1],
        base64.b64encode(data).decode(),
        base64url.encode(data),
        str(list(data)),
        str(int.from_bytes(data[:1000], "big")),
    ]


@pytest.mark.parametrize("name", keys.NAMES)
def test_key_does_not_show_itself(name: str) -> None:
    """repr, str and format show algorithm, half and kid, and nothing of what the key holds."""
    key = keys.key(name)
    half = "secret" if key.is_symmetric else "private"
    shown = f"<Key {name} {half} kid={key.kid!r}>"
    assert repr(key) == str(key) == f"{key}" == f"{key!r}" == "{}".format(key) == "%s" % key  # noqa: UP031,UP032 - each is its own way of showing
    assert repr(key) == shown
    with pytest.raises(TypeError):
        format(key, ">40")
    jwk = key.to_private_jwk()
    for member in {"k", "d", "p", "q", "dp", "dq", "qi", "priv", "n", "x", "y", "pub"} & jwk.keys():
        for text in renderings(base64url.decode(jwk[member])):
            assert not pieces(text) & pieces(shown)
    if not key.is_symmetric:
        assert repr(key.public_key()) == f"<Key {name} public kid={key.kid!r}>"


@pytest.mark.parametrize("name", keys.NAMES)
def test_key_does_not_travel(name: str) -> None:
    """A key is not pickled, by any protocol, nor copied, nor deep-copied, alone or in a list."""
    key = keys.key(name)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(key, protocol)
    for copier in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            copier(key)
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy({"keys": [key]})
    with pytest.raises(TypeError):
        json.dumps(key)
    with pytest.raises(TypeError):
        vars(key)


def test_keys_are_equal_by_identity() -> None:
    """Two keys of one secret are two objects; comparing them compares no contents."""
    first, second = (Key.from_secret(keys.SECRET) for _ in range(2))
    assert first != second
    assert first == first  # noqa: PLR0124 - identity is what is tested
    assert len({first, second, first}) == 2


# ── what an error says ────────────────────────────────────────────────────────────────


@examples(500)
@given(SECRET_TEXT, st.sampled_from(["HS256", "HS384", "HS512"]))
def test_messages_hold_no_secret(secret: str, name: str) -> None:
    """No error about a secret has eight characters of the secret in it."""
    shown = [
        refusal(lambda: Key.from_secret(secret, name)),
        refusal(lambda: Key.from_secret(secret, "RS256")),
        refusal(lambda: Key.from_pem(secret, name)),
        refusal(lambda: Key.from_der(secret.encode(), name)),
        refusal(lambda: Key.from_jwk(secret, name)),
        refusal(lambda: Key.from_jwk(secret.encode(), name)),
        refusal(lambda: Key.from_jwk({"kty": "oct", "alg": name, "k": secret})),
        refusal(lambda: Key.from_jwk({"kty": "oct", "alg": name, "k": secret + "\u00e9"})),
        refusal(lambda: Key.from_jwk({"kty": secret, "alg": name, "k": secret})),
        refusal(lambda: Key.from_jwk({**rfc.A3_KEY, "d": secret})),
        refusal(lambda: Key.from_jwk({**rfc.A3_KEY, "x": secret})),
        refusal(lambda: Key.from_jwk({**rfc.A3_KEY, "crv": secret})),
        refusal(lambda: Key.from_jwk({**rfc.COOKBOOK_RSA, "p": secret}, "RS256")),
        refusal(lambda: Key.from_jwk({**rfc.ED25519_KEY, "d": secret}, "EdDSA")),
        refusal(lambda: Key.from_cryptography(secret, name)),
    ]
    for text in (*shown, keys.weakness(secret.encode(), name)):
        if text is not None:
            assert not pieces(secret) & pieces(text)
    assert sum(text is not None for text in shown) >= 12


@examples(100)
@given(SECRET_TEXT)
def test_messages_hold_no_misplaced_secret(secret: str) -> None:
    """A secret given as the algorithm or as the kid is not in the error either."""
    for text in (
        refusal(lambda: Key.from_secret("HS256", secret)),
        refusal(lambda: Key.from_pem(keys.pem(keys.private("ES256")), secret)),
        refusal(lambda: Key.from_jwk({"kty": "oct", "k": "AAAA", "alg": secret})),
        refusal(lambda: Key.from_jwk(keys.oct_jwk(), secret)),
        refusal(lambda: Key.generate(secret)),
        refusal(lambda: Key.from_secret(keys.SECRET, kid=secret + "\n")),
    ):
        assert text is not None
        assert not pieces(secret) & pieces(text)
