"""Weak keys are refused, and no strong key is taken for a weak one.

Tests named test_a… are rows of the security table: attacks that must fail.
"""

import base64
import math
import random
import secrets
import string
from collections.abc import Callable
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_signet.exceptions import InvalidKeyError
from flask_signet.jose.algorithms import ALGORITHMS
from flask_signet.jose.jwk import Key

from . import keys
from .edwards import ED448, ED25519, Edwards, okp
from .keys import DATA
from .moduli import ROCA_PRIMES, ROCA_PRODUCT, ordinary_modulus, rsa_jwk

# ── secrets ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "secret",
    [
        "a" * 64,
        "ab" * 32,
        "1234567" * 10,
        "\0" * 64,
        "secret" * 11,
        "your-256-bit-secret-your-256-bit-secret",
        "your_jwt_secret_key_goes_in_this_place",
        "super-secret-key-for-the-whole-application",
        "SuperSecretKeySuperSecretKeySuper1",
        "change-me-change-me-change-me-change-me!",
        "changeme_changeme_changeme_changeme_1",
        "change_this_to_something_random_please",
        "CHANGE-IT-BEFORE-GOING-TO-PRODUCTION",
        "jwt-secret-string-jwt-secret-string-jwt",
        "JWT_SECRET_KEY_FOR_THE_APPLICATION_01",
        "secret-key-that-is-long-enough-for-HS256",
        "password1234567890password1234567890",
        "example-key-of-the-documentation-of-flask",
        "default-key-of-the-documentation-12",
        "super_super_secret_value_number_1_of_all",
        "my-secret-key-my-secret-key-my-secret",
        "test-secret-test-secret-test-secret-12",
        "please-change-me-please-change-me-now",
        "a-string-secret-at-least-256-bits-long",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "0123456789abcdef0123456789abcdef",
        "dev-secret-key-dev-secret-key-dev-01",
    ],
)
def test_a5_guessable_secret(secret: str) -> None:
    """A secret of a tutorial, or of few different characters, is refused although it is long."""
    assert len(secret) >= 32
    assert keys.weakness(secret.encode(), "HS256")
    with pytest.raises(InvalidKeyError, match="weak") as caught:
        Key.from_secret(secret)
    assert secret[:12] not in str(caught.value)
    assert Key.from_secret(secret, allow_weak=True).can_sign


LONG_AND_GUESSABLE = "super-secret-key-for-the-whole-application"
SHORT_AND_RANDOM = "kT9-wQz3_xLb7RmY"
SHORT_AND_GUESSABLE = "secret"


@pytest.mark.parametrize(
    ("secret", "allowed"),
    [
        (LONG_AND_GUESSABLE, {"guessable"}),
        (SHORT_AND_RANDOM, {"short"}),
        (SHORT_AND_GUESSABLE, set()),
        ("aB3", set()),  # so short that it has few different characters, too
        (LONG_AND_GUESSABLE[:20], set()),
    ],
)
def test_a5_length_and_guessability_are_told_apart(secret: str, allowed: set[str]) -> None:
    """One weakness may be allowed without the other; who has both needs both."""
    for kind in ("short", "guessable"):
        make = partial(Key.from_secret, secret, allow_weak=kind)  # type: ignore[arg-type]  # a kind
        if kind in allowed:
            assert make().weakness
        else:
            with pytest.raises(InvalidKeyError, match=r"^weak key: "):
                make()
    key = Key.from_secret(secret, allow_weak=True)
    with pytest.raises(InvalidKeyError) as caught:
        key.refuse_weak(False)
    assert str(caught.value) == f"weak key: {key.weakness}"


def test_a5_both_weaknesses_are_told() -> None:
    """A secret that is short and guessable hears of both at once."""
    assert Key.from_secret(SHORT_AND_GUESSABLE, allow_weak=True).weakness == (
        "HS256 needs a secret of 32 bytes at least, it has 6; "
        "the secret has fewer than 8 different characters"
    )


def test_a7_a_short_rsa_key_is_short() -> None:
    """An RSA key below 2048 bits is taken where short keys are, not where guessable ones are."""
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert Key.from_cryptography(weak, "RS256", allow_weak="short").weakness
    with pytest.raises(InvalidKeyError, match=r"^weak key: an RSA key needs 2048 bits"):
        Key.from_cryptography(weak, "RS256", allow_weak="guessable")


def test_a5_generated_secrets_are_strong() -> None:
    """No generated secret, and no text of one, is found weak."""
    for _ in range(500):
        data = secrets.token_bytes(64)
        for secret in (data, data.hex().encode(), base64.b64encode(data)):
            assert keys.weakness(secret, "HS512") is None


@pytest.mark.parametrize("size", [32, 48, 64])
@pytest.mark.parametrize(
    "form",
    [
        bytes,
        lambda data: data.hex().encode(),
        base64.b64encode,
        base64.urlsafe_b64encode,
        lambda data: bytes(string.ascii_letters.encode()[byte % 52] for byte in data),
        lambda data: bytes(string.printable.encode()[byte % 94] for byte in data),
    ],
    ids=["bytes", "hex", "base64", "base64url", "letters", "printable"],
)
def test_a5_random_secret_is_not_taken_for_a_word(
    size: int, form: Callable[[bytes], bytes]
) -> None:
    """Of ten thousand random secrets, however written, none is found weak for a word in it."""
    numbers = random.Random(size)
    algorithm = ALGORITHMS["HS256"]
    secrets_ = (form(numbers.randbytes(size)) for _ in range(10_000))
    assert [secret for secret in secrets_ if algorithm.weaknesses(secret)] == []


# ── RSA: ROCA ─────────────────────────────────────────────────────────────────────────


def is_probable_prime(number: int) -> bool:
    return math.gcd(number, ROCA_PRODUCT) == 1 and pow(2, number - 1, number) == 1


def roca_prime(numbers: random.Random, bits: int) -> int:
    """A prime k·M + (65537^a mod M), the form that the weak library made."""
    # Both upper bits are set, so that a product of two has twice the length.
    least, most = (3 << bits - 2) // ROCA_PRODUCT + 1, (1 << bits) // ROCA_PRODUCT - 1
    while True:
        power = pow(65537, numbers.getrandbits(200), ROCA_PRODUCT)
        prime = numbers.randint(least, most) * ROCA_PRODUCT + power
        if prime % 2 and is_probable_prime(prime):
            return prime


def test_a7_roca_key_pair() -> None:
    """A key pair of the primes that CVE-2017-15361 made is refused, and both its halves."""
    numbers = random.Random(15361)
    p, q = roca_prime(numbers, 1024), roca_prime(numbers, 1024)
    d = pow(65537, -1, math.lcm(p - 1, q - 1))
    assert (p * q).bit_length() == 2048
    private = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q)
    ).private_key()
    for half in (private, private.public_key()):
        with pytest.raises(InvalidKeyError, match="ROCA"):
            Key.from_cryptography(half, "PS256")
    with pytest.raises(InvalidKeyError, match="ROCA"):
        Key.from_pem(keys.public_pem(private), "RS256")
    with pytest.raises(InvalidKeyError, match="ROCA"):
        Key.from_jwk(rsa_jwk(p * q), "RS256")


@pytest.mark.parametrize("seed", range(20))
def test_a7_roca_fingerprint(seed: int) -> None:
    """A modulus that is a power of 65537 modulo every small prime is refused."""
    numbers = random.Random(seed)
    power = pow(65537, numbers.getrandbits(200), ROCA_PRODUCT)
    least, most = (1 << 2047) // ROCA_PRODUCT + 1, (1 << 2048) // ROCA_PRODUCT - 2
    modulus = power + ROCA_PRODUCT * numbers.randint(least, most)
    modulus += ROCA_PRODUCT * (modulus % 2 == 0)
    assert modulus.bit_length() == 2048
    with pytest.raises(InvalidKeyError, match="ROCA"):
        Key.from_jwk(rsa_jwk(modulus), "RS256")


@pytest.mark.parametrize("prime", ROCA_PRIMES)
def test_a7_one_residue_clears_a_modulus(prime: int) -> None:
    """A modulus that misses the pattern at a single small prime is not refused."""
    subgroup = {pow(65537, exponent, prime) for exponent in range(prime)}
    outside = max(set(range(prime)) - subgroup)
    rest = ROCA_PRODUCT // prime
    # The number that is 65537 modulo the other primes and `outside` modulo this one.
    residue = (65537 + rest * ((outside - 65537) * pow(rest, -1, prime) % prime)) % ROCA_PRODUCT
    modulus = residue + ROCA_PRODUCT * (1 << (2048 - ROCA_PRODUCT.bit_length()))
    modulus += ROCA_PRODUCT * (modulus % 2 == 0)
    assert modulus.bit_length() == 2048
    assert modulus % prime == outside
    assert Key.from_jwk(rsa_jwk(modulus), "RS256").algorithm == "RS256"


def test_a7_ordinary_moduli_are_taken() -> None:
    """None of 200 ordinary moduli, some of them of real keys, is found weak."""
    moduli = [ordinary_modulus(seed) for seed in range(196)]
    moduli += [keys.rsa_private(number).public_key().public_numbers().n for number in range(4)]
    for modulus in moduli:
        assert Key.from_jwk(rsa_jwk(modulus), "RS256").verify(DATA, bytes(256)) is False


# ── Ed25519 and Ed448 ─────────────────────────────────────────────────────────────────


SMALL_25519 = sorted(
    {text for _, y in ED25519.torsion(8) for text in ED25519.encodings(y, 255)}, key=bytes.hex
)


SMALL_448 = sorted(
    {text for _, y in ED448.torsion(4) for text in ED448.encodings(y, 455)}, key=bytes.hex
)


def test_a14_small_order_points_are_all_there() -> None:
    """Ed25519 has 8 points of small order in 14 texts, Ed448 has 4 in 10."""
    assert len(ED25519.torsion(8)) == 8
    assert len(SMALL_25519) == 14
    assert len(ED448.torsion(4)) == 4
    assert len(SMALL_448) == 10
    assert all(ED25519.times(8, point) == (0, 1) for point in ED25519.torsion(8))
    assert all(ED448.times(4, point) == (0, 1) for point in ED448.torsion(4))


@pytest.mark.parametrize("raw", SMALL_25519, ids=bytes.hex)
@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_a14_small_order_ed25519(name: str, raw: bytes) -> None:
    """A public key of small order, in any encoding, is refused: it verifies forgeries."""
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(okp("Ed25519", raw), name)


@pytest.mark.parametrize("raw", SMALL_448, ids=bytes.hex)
@pytest.mark.parametrize("name", ["EdDSA", "Ed448"])
def test_a14_small_order_ed448(name: str, raw: bytes) -> None:
    """A public key of small order on Ed448, in any encoding, is refused."""
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(okp("Ed448", raw), name)


@pytest.mark.parametrize("seed", range(30))
def test_a14_ordinary_points_are_taken(seed: int) -> None:
    """An ordinary public key is not taken for one of small order."""
    for name in ("Ed25519", "Ed448"):
        members = Key.generate(name).to_public_jwk()
        assert Key.from_jwk(members).algorithm == name


def off_curve(curve: Edwards) -> list[int]:
    return [y for y in range(2, 40) if curve.x(y) is None][:8]


@pytest.mark.parametrize("y", off_curve(ED25519))
def test_a13_ed25519_point_off_the_curve(y: int) -> None:
    """A text that is no point of Ed25519 is no key (RFC 8032 section 5.1.3)."""
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(okp("Ed25519", y.to_bytes(32, "little")), "EdDSA")


@pytest.mark.parametrize("y", off_curve(ED448))
def test_a13_ed448_point_off_the_curve(y: int) -> None:
    """A text that is no point of Ed448 is no key (RFC 8032 section 5.2.3)."""
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(okp("Ed448", y.to_bytes(57, "little")), "EdDSA")


def test_a13_coordinate_beyond_the_prime() -> None:
    """A y that is not reduced modulo p is no key (RFC 8032 sections 5.1.3 and 5.2.3)."""
    for y in range(2, 19):
        if ED25519.x(y) is not None:
            with pytest.raises(InvalidKeyError):
                Key.from_jwk(okp("Ed25519", (y + ED25519.prime).to_bytes(32, "little")), "EdDSA")
    for y in range(2, 19):
        if ED448.x(y) is not None:
            with pytest.raises(InvalidKeyError):
                Key.from_jwk(okp("Ed448", (y + ED448.prime).to_bytes(57, "little")), "EdDSA")
