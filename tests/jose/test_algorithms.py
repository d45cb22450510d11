"""The table of algorithms, and which keys and signatures each one takes.

Tests named test_a… are rows of the security table: attacks that must fail.
"""

import hashlib
import hmac
import random
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from flask_signet.exceptions import InvalidKeyError
from flask_signet.jose import algorithms, base64url
from flask_signet.jose.jwk import Key

from . import keys
from .edwards import ED448, ED25519, okp
from .keys import DATA
from .moduli import ordinary_modulus, rsa_jwk

# ── the table ─────────────────────────────────────────────────────────────────────────


TABLE = {
    "HS256": ("oct", "HMAC", 32),
    "HS384": ("oct", "HMAC", 48),
    "HS512": ("oct", "HMAC", 64),
    "RS256": ("RSA", "RSA", 256),
    "RS384": ("RSA", "RSA", 256),
    "RS512": ("RSA", "RSA", 256),
    "PS256": ("RSA", "RSA", 256),
    "PS384": ("RSA", "RSA", 256),
    "PS512": ("RSA", "RSA", 256),
    "ES256": ("EC", "ES256", 64),
    "ES384": ("EC", "ES384", 96),
    "ES512": ("EC", "ES512", 132),
    "EdDSA": ("OKP", "EdDSA", 64),
    "Ed25519": ("OKP", "EdDSA", 64),
    "Ed448": ("OKP", "EdDSA", 114),
    "ML-DSA-44": ("AKP", "ML-DSA-44", 2420),
    "ML-DSA-65": ("AKP", "ML-DSA-65", 3309),
    "ML-DSA-87": ("AKP", "ML-DSA-87", 4627),
}
"""Key type, family, and the signature's length in bytes under a key of 2048 bits for RSA."""


def test_table_is_what_the_rfcs_register() -> None:
    """The table has the algorithms of RFC 7518, 8037, 9864 and ML-DSA, and no algorithm none."""
    assert list(algorithms.ALGORITHMS) == [name for name in TABLE if name in keys.NAMES]
    assert len(keys.NAMES) in (15, 18)
    for name, entry in algorithms.ALGORITHMS.items():
        assert (entry.name, entry.kty, entry.family) == (name, *TABLE[name][:2])
        assert entry.is_symmetric == name.startswith("HS")
        assert repr(entry) == f"<Algorithm {name}>"
        assert algorithms.get_algorithm(name) is entry


@pytest.mark.parametrize(
    "name",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        " ",
        "HS",
        "HS1",
        "HS224",
        "HS256 ",
        " HS256",
        "hs256",
        "Hs256",
        "RS1",
        "ES256K",
        "ES25",
        "EDDSA",
        "eddsa",
        "Ed25519ph",
        "HS256\0",
        "A128KW",
        "dir",
        "RSA1_5",
        "ML-DSA",
        "*",
        "HS256,RS256",
        None,
        0,
        1,
        True,
        ["HS256"],
        {"alg": "HS256"},
        b"HS256",
        ("HS256",),
    ],
    ids=repr,
)
def test_no_other_name(name: Any) -> None:
    """Any other name, also one of another case or type, is an InvalidKeyError."""
    with pytest.raises(InvalidKeyError):
        algorithms.get_algorithm(name)
    with pytest.raises(InvalidKeyError):
        Key.generate(name)


@pytest.mark.parametrize("name", keys.NAMES)
def test_sign_and_verify(name: str) -> None:
    """A signature has the length of its algorithm, holds for its data, its key and no other."""
    key, other = keys.key(name), keys.key(name, 1)
    signature = key.sign(DATA)
    assert len(signature) == TABLE[name][2]
    assert key.verify(DATA, signature)
    assert not key.verify(DATA + b"x", signature)
    assert not key.verify(b"", signature)
    assert not other.verify(DATA, signature)
    assert key.verify(b"", key.sign(b""))


@pytest.mark.parametrize("name", keys.NAMES)
def test_any_other_signature_is_false(name: str) -> None:
    """A signature of any other length or content is False, never an exception."""
    key = keys.key(name)
    signature = key.sign(DATA)
    size = len(signature)
    wrong = [
        b"",
        *(signature[:length] for length in (1, size // 2, size - 1)),
        signature[1:],
        b"\0" + signature,
        signature + b"\0",
        signature + signature,
        bytes(size),
        b"\xff" * size,
        bytes(1),
        bytes(size - 1),
        bytes(size + 1),
        bytes(100_000),
        bytes(reversed(signature)),
    ]
    for bad in wrong:
        assert key.verify(DATA, bad) is False
    for position in (0, size // 2, size - 1):
        flipped = bytearray(signature)
        flipped[position] ^= 0x10
        assert key.verify(DATA, bytes(flipped)) is False


@pytest.mark.parametrize("name", keys.NAMES)
@pytest.mark.parametrize("other", keys.NAMES)
def test_signature_of_another_algorithm(name: str, other: str) -> None:
    """A signature is valid under its own algorithm only; EdDSA is another name for both curves."""
    same = keys.private(name)
    try:
        foreign = (
            Key.from_secret(same, other)
            if isinstance(same, bytes)
            else Key.from_cryptography(same, other)
        )
    except InvalidKeyError:
        assert algorithms.ALGORITHMS[name].family != algorithms.ALGORITHMS[other].family or (
            {name, other} & {"Ed448", "Ed25519"}
        )
        return
    equal = name == other or {name, other} in ({"EdDSA", "Ed25519"}, {"EdDSA", "Ed448"})
    assert foreign.verify(DATA, keys.key(name).sign(DATA)) is equal


# ── HMAC ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", keys.HMAC_NAMES)
@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 127, 128, 129, 10_000])
def test_hmac_is_the_standard_librarys(name: str, length: int) -> None:
    """The MAC is that of RFC 2104, for data around the block sizes, each time anew."""
    key = Key.from_secret(keys.SECRET, name)
    data = bytes(length)
    expected = hmac.digest(keys.SECRET, data, f"sha{name[2:]}")
    assert key.sign(data) == key.sign(data) == expected
    assert key.verify(data, expected)


@pytest.mark.parametrize("name", keys.HMAC_NAMES)
@pytest.mark.parametrize("size", [64, 65, 127, 128, 129, 500])
def test_hmac_secrets_longer_than_a_block(name: str, size: int) -> None:
    """A secret longer than the hash's block is hashed first, as RFC 2104 says."""
    secret = (keys.SECRET * 8)[:size]
    expected = hmac.digest(secret, DATA, f"sha{name[2:]}")
    assert Key.from_secret(secret, name).sign(DATA) == expected


@pytest.mark.parametrize("name", keys.HMAC_NAMES)
def test_a15_truncated_or_extended_mac(name: str) -> None:
    """A MAC that is cut, at any length, or extended, or empty, is refused."""
    key = keys.key(name)
    mac = key.sign(DATA)
    assert key.verify(DATA, mac)
    for length in range(len(mac)):
        assert not key.verify(DATA, mac[:length])
    for extra in (b"\0", b"x", mac, b"=" * 3):
        assert not key.verify(DATA, mac + extra)


def test_a15_prefix_of_a_longer_mac() -> None:
    """A MAC of one hash, cut to the length of another hash, is not a MAC of the other."""
    secret = keys.SECRET
    longer = Key.from_secret(secret, "HS512").sign(DATA)
    assert not Key.from_secret(secret, "HS256").verify(DATA, longer[:32])
    assert not Key.from_secret(secret, "HS384").verify(DATA, longer[:48])


def test_a15_compares_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The MAC is compared by hmac.compare_digest, on two byte strings."""
    seen: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def spy(ours: bytes, theirs: bytes) -> bool:
        seen.append((ours, theirs))
        return real(ours, theirs)

    monkeypatch.setattr(hmac, "compare_digest", spy)
    key = Key.from_secret(keys.SECRET, "HS256")
    mac = hmac.digest(keys.SECRET, DATA, "sha256")
    assert key.verify(DATA, mac)
    assert not key.verify(DATA, b"short")
    assert seen == [(mac, mac), (mac, b"short")]


# ── RSA ───────────────────────────────────────────────────────────────────────────────


DIGESTS = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


@pytest.mark.parametrize("bits", [512, 1024, 2040, 2047])
def test_a7_short_rsa(bits: int) -> None:
    """An RSA modulus of fewer than 2048 bits is refused for every algorithm (RFC 7518, 3.3)."""
    modulus = (1 << (bits - 1)) | 1 | random.Random(bits).getrandbits(bits)
    assert modulus.bit_length() == bits
    for name in keys.RSA_NAMES:
        with pytest.raises(InvalidKeyError):
            Key.from_jwk(rsa_jwk(modulus), name)


def test_a7_short_rsa_private() -> None:
    """A real key pair of 1024 bits is refused, the private half and the public half."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for half in (weak, weak.public_key()):
        with pytest.raises(InvalidKeyError, match="2048"):
            Key.from_cryptography(half, "RS256")
    for pem in (keys.pem(weak), keys.public_pem(weak)):
        with pytest.raises(InvalidKeyError, match="2048"):
            Key.from_pem(pem, "RS256")
    for der in (keys.der(weak), keys.public_der(weak)):
        with pytest.raises(InvalidKeyError, match="2048"):
            Key.from_der(der, "PS256")


def test_a7_short_rsa_by_name() -> None:
    """With allow_weak a short RSA key is accepted, and the key says that it is weak."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    reader = Key.from_pem(keys.public_pem(weak), "RS256", allow_weak=True)
    for key in (
        Key.from_cryptography(weak, "RS256", allow_weak=True),
        Key.from_pem(keys.pem(weak), "RS256", allow_weak=True),
        Key.from_der(keys.der(weak), "RS256", allow_weak=True),
    ):
        assert "1024" in (key.weakness or "")
        assert key.public_key().weakness == reader.weakness == key.weakness
        assert reader.verify(DATA, key.sign(DATA))
        with pytest.raises(InvalidKeyError, match="2048"):
            Key.from_jwk(key.to_private_jwk())
        assert Key.from_jwk(key.to_private_jwk(), allow_weak=True).kid == reader.kid
    assert keys.key("RS256").weakness is None


@pytest.mark.parametrize(
    ("name", "bits"), [("RS512", 744), ("RS256", 488), ("PS256", 521), ("PS512", 1033)]
)
def test_a7_modulus_too_short_for_the_signature(name: str, bits: int) -> None:
    """A modulus too short for the algorithm's signature is refused, also with allow_weak."""
    modulus = (1 << (bits - 1)) | 1 | random.Random(bits).getrandbits(bits)
    for allow_weak in (False, True):
        with pytest.raises(InvalidKeyError, match="too short for"):
            Key.from_jwk(rsa_jwk(modulus), name, allow_weak=allow_weak)


@pytest.mark.parametrize("name", keys.RSA_NAMES)
def test_a7_shortest_modulus_signs(name: str) -> None:
    """Every weak key that is made can sign: a modulus too short for that is refused."""
    for bits in (1024, 1033, 1034, 1040):
        weak = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        try:
            key = Key.from_cryptography(weak, name, allow_weak=True)
        except InvalidKeyError:
            assert name == "PS512"
            assert bits <= 1033
        else:
            assert key.verify(DATA, key.sign(DATA))


def test_a7_modulus_that_no_signature_fits() -> None:
    """An even modulus, or one that OpenSSL does not verify with, is refused."""
    longest = (1 << 16383) | 1 | random.Random(1).getrandbits(16383)
    assert Key.from_jwk(rsa_jwk(longest), "RS256").algorithm == "RS256"
    for modulus in (longest << 1 | 1, 1 << 100_000 | 1):
        with pytest.raises(InvalidKeyError, match="more than 16384 bits"):
            Key.from_jwk(rsa_jwk(modulus), "RS256")
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(rsa_jwk(ordinary_modulus(1) - 1), "RS256")


@pytest.mark.parametrize("exponent", [0, 1, 2, 4, 65536, 65538, 2**32, 2**256 + 1])
def test_a7_bad_exponent(exponent: int) -> None:
    """A public exponent that is 0, 1, even or beyond 256 bits is refused."""
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(rsa_jwk(ordinary_modulus(1), exponent), "RS256")


@pytest.mark.parametrize("exponent", [3, 5, 17, 257, 65535, 65537])
def test_a7_odd_exponent_verifies(exponent: int) -> None:
    """An odd public exponent of 3 or more is accepted for verification."""
    assert Key.from_jwk(rsa_jwk(ordinary_modulus(1), exponent), "RS256").algorithm == "RS256"


def test_a7_own_key_needs_a_large_exponent() -> None:
    """A private key with an exponent below 65537 is refused; its public half verifies."""
    private = rsa.generate_private_key(public_exponent=3, key_size=2048)
    with pytest.raises(InvalidKeyError, match="65537"):
        Key.from_cryptography(private, "RS256")
    with pytest.raises(InvalidKeyError, match="65537"):
        Key.from_pem(keys.pem(private), "RS256")
    public = Key.from_cryptography(private.public_key(), "RS256")
    assert public.verify(DATA, private.sign(DATA, padding.PKCS1v15(), hashes.SHA256()))


def encoded_pkcs1(digest_prefix: bytes, digest: bytes, size: int) -> bytes:
    """EMSA-PKCS1-v1_5, RFC 8017 section 9.2."""
    content = digest_prefix + digest
    return b"\0\1" + b"\xff" * (size - len(content) - 3) + b"\0" + content


SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


SHA1_PREFIX = bytes.fromhex("3021300906052b0e03021a05000414")


def raw_rsa(block: bytes, number: int = 0) -> bytes:
    """The private operation on a block, with no check of its padding."""
    numbers = keys.rsa_private(number).private_numbers()
    value = int.from_bytes(block, "big")
    return pow(value, numbers.d, numbers.public_numbers.n).to_bytes(256, "big")


def pkcs1_variants() -> Iterator[tuple[str, bytes]]:
    digest = hashlib.sha256(DATA).digest()
    good = encoded_pkcs1(SHA256_PREFIX, digest, 256)
    content = SHA256_PREFIX + digest
    yield "no first zero", b"\1\1" + good[2:]
    yield "block type 0", b"\0\0" + good[2:]
    yield "block type 2", b"\0\2" + good[2:]
    yield "other filler", good[:10] + b"\xfe" + good[11:]
    yield "zero filler", b"\0\1" + bytes(256 - len(content) - 3) + b"\0" + content
    yield "no separator", good[: -len(content) - 1] + b"\xff" + content
    yield "short filler, garbage after", b"\0\1" + b"\xff" * 8 + b"\0" + content + bytes(194)
    yield "garbage before the digest", encoded_pkcs1(b"\0" + SHA256_PREFIX, digest, 256)
    yield "garbage after the digest", encoded_pkcs1(SHA256_PREFIX, digest + b"\0", 256)
    yield "no filler", b"\0\1\0" + content + bytes(256 - 3 - len(content))
    yield "digest alone", encoded_pkcs1(b"", digest, 256)
    yield "digest cut", encoded_pkcs1(SHA256_PREFIX, digest[:-1], 256)
    yield "SHA-1", encoded_pkcs1(SHA1_PREFIX, hashlib.new("sha1", DATA).digest(), 256)
    yield "SHA-1's name on the digest", encoded_pkcs1(SHA1_PREFIX, digest[:20], 256)
    yield "long form lengths", encoded_pkcs1(b"\x30\x81\x31" + SHA256_PREFIX[2:], digest, 256)
    yield "wrong tag", encoded_pkcs1(b"\x31" + SHA256_PREFIX[1:], digest, 256)
    yield (
        "other parameters",
        encoded_pkcs1(SHA256_PREFIX[:15] + b"\x04\x00" + SHA256_PREFIX[17:], digest, 256),
    )


def test_raw_rsa_makes_good_signatures() -> None:
    """The raw operation on a correct block makes the library's signature."""
    good = raw_rsa(encoded_pkcs1(SHA256_PREFIX, hashlib.sha256(DATA).digest(), 256))
    assert good == keys.key("RS256").sign(DATA)


@pytest.mark.parametrize(
    "block", [block for _, block in pkcs1_variants()], ids=[name for name, _ in pkcs1_variants()]
)
def test_a8_modified_padding(block: bytes) -> None:
    """A block that differs in any bit from RFC 8017 section 9.2 makes no valid signature."""
    assert len(block) == 256
    assert not keys.key("RS256").verify(DATA, raw_rsa(block))


def test_a8_signature_beyond_the_modulus() -> None:
    """A signature s + n, equal modulo n, is refused (RFC 8017 section 5.2.2)."""
    modulus = keys.rsa_private().public_key().public_numbers().n
    signature = int.from_bytes(keys.key("RS256").sign(DATA), "big")
    if (signature + modulus).bit_length() <= 2048:
        assert not keys.key("RS256").verify(DATA, (signature + modulus).to_bytes(256, "big"))
    assert not keys.key("RS256").verify(DATA, (signature + modulus).to_bytes(257, "big"))
    assert not keys.key("RS256").verify(DATA, modulus.to_bytes(256, "big"))
    assert not keys.key("RS256").verify(DATA, (modulus - 1).to_bytes(256, "big"))


@pytest.mark.parametrize("name", ["PS256", "PS384", "PS512"])
@pytest.mark.parametrize("salt", [0, 1, 20, -1, 1000, None], ids=str)
def test_a9_salt_of_another_length(name: str, salt: int | None) -> None:
    """A PSS salt is as long as the hash (RFC 7518, 3.5): no shorter, longer, empty or maximal."""
    digest = DIGESTS[name[2:]]
    length: Any = padding.PSS.MAX_LENGTH
    if salt is not None:
        length = digest.digest_size + 1 if salt == 1000 else salt
        length = digest.digest_size - 1 if salt == -1 else length
    signature = keys.rsa_private().sign(DATA, padding.PSS(padding.MGF1(digest), length), digest)
    assert not keys.key(name).verify(DATA, signature)


@pytest.mark.parametrize("name", ["PS256", "PS384", "PS512"])
@pytest.mark.parametrize("mask", ["256", "384", "512"])
@pytest.mark.parametrize("content", ["256", "384", "512"])
def test_a9_mask_and_hash(name: str, mask: str, content: str) -> None:
    """PSS uses the algorithm's own hash for the data and for the mask."""
    digest = DIGESTS[content]
    scheme = padding.PSS(padding.MGF1(DIGESTS[mask]), DIGESTS[name[2:]].digest_size)
    signature = keys.rsa_private().sign(DATA, scheme, digest)
    expected = mask == content == name[2:]
    assert keys.key(name).verify(DATA, signature) is expected


@pytest.mark.parametrize("size", ["256", "384", "512"])
def test_a9_padding_of_the_other_kind(size: str) -> None:
    """With one key, PS refuses a PKCS #1 v1.5 signature, and RS refuses a PSS signature."""
    assert not keys.key(f"PS{size}").verify(DATA, keys.key(f"RS{size}").sign(DATA))
    assert not keys.key(f"RS{size}").verify(DATA, keys.key(f"PS{size}").sign(DATA))


@pytest.mark.parametrize("name", ["RS256", "PS256", "PS384"])
def test_a15_a_leading_zero_is_part_of_an_rsa_signature(name: str) -> None:
    """A signature that begins with a zero byte is refused without it (RFC 8017 section 8.1.2)."""
    key = keys.key(name)
    texts = (b"%d" % number for number in range(100_000))
    data, signature = next(
        (text, made) for text in texts if (made := key.sign(text)).startswith(b"\0")
    )
    assert key.verify(data, signature)
    assert not key.verify(data, signature[1:])


# ── ECDSA ─────────────────────────────────────────────────────────────────────────────


def parts(name: str) -> tuple[int, int, int]:
    """R, S and the length of each, of a good signature."""
    size = TABLE[name][2] // 2
    signature = keys.key(name).sign(DATA)
    return int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"), size


def joined(r: int, s: int, size: int) -> bytes:
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


@pytest.mark.parametrize("name", keys.EC_NAMES)
def test_a10_edge_values(name: str) -> None:
    """R or S that is 0, 1, n-1, n, n+1 or all ones is refused (CVE-2022-21449)."""
    key, order = keys.key(name), keys.ORDERS[name]
    r, s, size = parts(name)
    edges = (0, 1, order - 1, order, order + 1, (1 << 8 * size) - 1)
    assert key.verify(DATA, joined(r, s, size))
    for edge in edges:
        for pair in ((edge, s), (r, edge), *((edge, other) for other in edges)):
            assert not key.verify(DATA, joined(*pair, size))


@pytest.mark.parametrize("name", keys.EC_NAMES)
def test_a10_parts_beyond_the_order(name: str) -> None:
    """R + n and S + n, equal modulo n, are refused if they fit in the length."""
    key, order = keys.key(name), keys.ORDERS[name]
    tried = 0
    for _ in range(40):
        r, s, size = parts(name)
        for pair in ((r + order, s), (r, s + order), (r + order, s + order)):
            if max(pair) < 1 << 8 * size:
                tried += 1
                assert not key.verify(DATA, joined(*pair, size))
    assert tried > 0 or name != "ES512"


@pytest.mark.parametrize("name", keys.EC_NAMES)
def test_a11_der_signature(name: str) -> None:
    """The same R and S as DER, which other standards use, are refused (RFC 7518, 3.4)."""
    digest = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}[name]
    size = TABLE[name][2] // 2
    for _ in range(20):
        written = keys.private(name).sign(DATA, ec.ECDSA(digest))
        assert not keys.key(name).verify(DATA, written)
        assert keys.key(name).verify(DATA, joined(*decode_dss_signature(written), size))


@pytest.mark.parametrize("name", keys.EC_NAMES)
def test_a11_parts_of_another_length(name: str) -> None:
    """R and S one byte longer or shorter each, or one of them, are refused."""
    key = keys.key(name)
    r, s, size = parts(name)
    signature = joined(r, s, size)
    assert key.verify(DATA, signature)
    for wrong in (
        joined(r, s, size + 1),
        b"\0" + signature,
        signature + b"\0",
        signature[:size] + b"\0" + signature[size:],
        signature[:-1],
        signature[1:],
        signature[:size],
        signature[size:],
    ):
        assert not key.verify(DATA, wrong)


def test_a11_part_without_its_leading_zero() -> None:
    """R with a leading zero byte left out is refused, though its value is the same."""
    key = keys.key("ES256")
    for number in range(20_000):
        data = str(number).encode()
        signature = key.sign(data)
        if signature[0] == 0:
            assert key.verify(data, signature)
            assert not key.verify(data, signature[1:])
            return
    pytest.fail("no signature with a leading zero was found")


@pytest.mark.parametrize("name", keys.EC_NAMES)
def test_a12_malleability_is_accepted(name: str) -> None:
    """(R, n-S) is as valid as (R, S), as ECDSA says; so no store uses a token's text as a key."""
    r, s, size = parts(name)
    twin = joined(r, keys.ORDERS[name] - s, size)
    assert twin != joined(r, s, size)
    for signature in (joined(r, s, size), twin):  # one of them has the larger S
        assert keys.key(name).verify(DATA, signature)


# ── EdDSA ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["Ed25519", "Ed448"])
def test_a14_large_s(name: str) -> None:
    """S + L, equal modulo the order L, is refused (RFC 8032 section 5.1.7)."""
    curve, key = {"Ed25519": ED25519, "Ed448": ED448}[name], keys.key(name)
    signature = key.sign(DATA)
    size = len(signature) // 2
    s = int.from_bytes(signature[size:], "little")
    assert s < curve.order
    for multiple in (1, 2, 3, 4, 7):
        larger = s + multiple * curve.order
        if larger.bit_length() <= 8 * size:
            forged = signature[:size] + larger.to_bytes(size, "little")
            assert not key.verify(DATA, forged)
    assert not key.verify(DATA, signature[:size] + b"\xff" * size)
    assert not key.verify(DATA, signature[:size] + bytes(size))


@pytest.mark.parametrize(
    ("curve", "name", "size"),
    [
        ("Ed448", "Ed25519", 57),
        ("Ed25519", "Ed448", 32),
        ("Ed448", "Ed25519", 32),
        ("Ed25519", "Ed448", 57),
        ("Ed25519", "EdDSA", 57),
        ("Ed448", "EdDSA", 32),
        ("Ed25519", "EdDSA", 31),
        ("Ed25519", "EdDSA", 33),
        ("Ed448", "EdDSA", 56),
        ("X25519", "EdDSA", 32),
        ("X448", "EdDSA", 56),
        ("ed25519", "EdDSA", 32),
    ],
)
def test_a14_one_curve_for_another(curve: str, name: str, size: int) -> None:
    """A key of one Edwards curve, or of a wrong length, is refused as a key of the other curve."""
    raw = bytes(range(3, 3 + size))
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(okp(curve, raw), name)


# ── ML-DSA ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", keys.ML_DSA_NAMES)
def test_ml_dsa_key_of_another_size(name: str) -> None:
    """A key of one parameter set is refused for another, and a cut key for its own."""
    members = keys.key(name).to_public_jwk()
    for other in keys.ML_DSA_NAMES:
        if other != name:
            with pytest.raises(InvalidKeyError):
                Key.from_jwk({**members, "alg": other})
            with pytest.raises(InvalidKeyError):
                Key.from_cryptography(keys.private(name), other)
    raw = base64url.decode(members["pub"])
    for wrong in (raw[:-1], raw + b"\0", b""):
        with pytest.raises(InvalidKeyError):
            Key.from_jwk({**members, "pub": base64url.encode(wrong)})
