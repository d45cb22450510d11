"""Keys: where they come from, what is refused, and that they never show what they hold.

Tests named test_a… are rows of the security table: attacks that must fail.
"""

import base64
import copy
import hashlib
import hmac
import json
import pickle
import random
import secrets
import string
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, x448, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.exceptions import InvalidKeyError
from flask_signet.jose import base64url
from flask_signet.jose.algorithms import ALGORITHMS
from flask_signet.jose.jwk import AUTO, MAX_KID_LENGTH, Key, KeyName

from . import keys
from . import vectors as rfc
from .effort import examples

DATA = b"eyJhbGciOiJ4In0.e30"


def loads(**members: Any) -> Key:
    return Key.from_jwk(members)


def weakness(secret: bytes, name: str) -> str | None:
    """What a key says of a secret that was taken in spite of it."""
    return Key.from_secret(secret, name, allow_weak=True).weakness


def oct_jwk(name: str = "HS256", **members: Any) -> dict[str, Any]:
    return {"kty": "oct", "alg": name, "k": base64url.encode(keys.SECRET), **members}


# ── A2: a key of another kind is no HMAC secret ──────────────────────────────────────────


def pem_and_der() -> Iterator[tuple[str, bytes]]:
    """The PEM and DER that a key, public or private, is handed around as."""
    for kind, private in (
        ("RSA", keys.rsa_private()),
        ("EC", keys.private("ES256")),
        ("P-521", keys.private("ES512")),
        ("Ed25519", keys.private("Ed25519")),
        ("Ed448", keys.private("Ed448")),
    ):
        pem, der = keys.public_pem(private), keys.public_der(private)
        yield f"{kind} PEM", pem
        yield f"{kind} PEM after a space", b" " + pem
        yield f"{kind} PEM after a line break", b"\r\n" + pem
        yield f"{kind} PEM after a comment", b"# the key of example.com\n" + pem
        yield f"{kind} PEM after a byte order mark", b"\xef\xbb\xbf" + pem
        yield f"{kind} PEM after a NUL", b"\0" + pem
        yield f"{kind} PEM with CRLF", pem.replace(b"\n", b"\r\n")
        yield f"{kind} PEM with CR", pem.replace(b"\n", b"\r")
        yield f"{kind} PEM without a last line break", pem.rstrip()
        yield f"{kind} PEM on one line", pem.replace(b"\n", b"")
        yield f"{kind} PEM with escaped line breaks", pem.replace(b"\n", b"\\n")
        yield f"{kind} PEM indented", b"    " + pem.replace(b"\n", b"\n    ")
        yield f"{kind} PEM twice", pem + pem
        yield f"{kind} body", b"".join(pem.splitlines()[1:-1])
        yield f"{kind} body in lines", b"\n".join(pem.splitlines()[1:-1])
        yield f"{kind} body after a space", b" " + b"\r\n".join(pem.splitlines()[1:-1])
        yield f"{kind} body as base64url", base64url.encode(der).encode()
        yield f"{kind} DER", der
        yield f"{kind} DER and a line break", der + b"\n"
        yield f"{kind} DER after a line break", b"\n" + der
        yield f"{kind} private PEM", keys.pem(private)
        yield f"{kind} private DER", keys.der(private)
        certificate = keys.certificate(private)
        yield f"{kind} certificate PEM", certificate.public_bytes(Encoding.PEM)
        yield f"{kind} certificate DER", certificate.public_bytes(Encoding.DER)
        body = base64.b64encode(certificate.public_bytes(Encoding.DER))
        yield f"{kind} certificate body, as in x5c", body


def ssh_and_jwk() -> Iterator[tuple[str, bytes]]:
    """Its SSH and JWK texts."""
    for kind, name in (("RSA", "RS256"), ("EC", "ES256"), ("Ed25519", "Ed25519")):
        private = keys.private(name)
        line = keys.openssh(private)
        yield f"{kind} SSH", line
        yield f"{kind} SSH with a comment", line + b" somebody@example.com\n"
        yield f"{kind} SSH after options", b'restrict,command="true" ' + line
        yield f"{kind} SSH binary", base64.b64decode(line.split()[1])
        yield f"{kind} SSH body", line.split()[1]
        openssh = PrivateFormat.OpenSSH
        yield f"{kind} SSH private", private.private_bytes(Encoding.PEM, openssh, NoEncryption())
        jwk = keys.key(name).to_public_jwk()
        text = json.dumps(jwk)
        yield f"{kind} JWK", text.encode()
        yield f"{kind} JWK, compact", json.dumps(jwk, separators=(",", ":")).encode()
        yield f"{kind} JWK, indented", json.dumps(jwk, indent=2).encode()
        yield f"{kind} JWK, sorted", json.dumps(jwk, sort_keys=True).encode()
        yield f"{kind} JWK after a space", b"\n " + text.encode()
        yield f"{kind} JWK, as Python writes a dict", str(jwk).encode()
        yield f"{kind} JWK, spaced", text.replace(":", " :\t").encode()
        yield f"{kind} JWKS", json.dumps({"keys": [jwk]}).encode()
        yield f"{kind} private JWK", json.dumps(keys.key(name).to_private_jwk()).encode()


def older_forms() -> Iterator[tuple[str, bytes]]:
    """PKCS #1 and SEC 1, locked keys, and the JWK of a secret."""
    pkcs1 = PublicFormat.PKCS1
    private = keys.rsa_private()
    yield "PKCS #1 PEM", keys.public_pem(private, pkcs1)
    yield "PKCS #1 PEM after a comment", b"; key\n" + keys.public_pem(private, pkcs1)
    yield "PKCS #1 DER", keys.public_der(private, pkcs1)
    yield "PKCS #1 body", base64.b64encode(keys.public_der(private, pkcs1))
    old = PrivateFormat.TraditionalOpenSSL
    yield "PKCS #1 private PEM", keys.pem(private, old)
    yield "PKCS #1 private DER", keys.der(private, old)
    yield "SEC 1 PEM", keys.pem(keys.private("ES256"), old)
    yield "SEC 1 DER", keys.der(keys.private("ES256"), old)
    yield "locked PEM", keys.pem(private, encryption=keys.locked(b"password"))
    yield (
        "locked DER",
        private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, keys.locked(b"password")),
    )
    yield "JWK of a secret", json.dumps(oct_jwk()).encode()


def encoded_once_more() -> Iterator[tuple[str, bytes]]:
    """What configuration files, environments and vaults make of a key's text."""
    private = keys.private("ES256")
    pem, line = keys.public_pem(private), keys.openssh(private)
    jwk = json.dumps(keys.key("ES256").to_public_jwk()).encode()
    body = b"\n".join(keys.public_pem(keys.rsa_private()).splitlines()[1:-1])
    certificate = keys.certificate(private).public_bytes(Encoding.PEM)
    texts = {"PEM": pem, "SSH": line, "JWK": jwk, "body": body, "certificate": certificate}
    for kind, text in texts.items():
        for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
            yield f"{kind} as {encoding}", text.decode().encode(encoding)
        yield f"{kind} as JSON", json.dumps(text.decode()).encode()
        yield f"{kind} as JSON in JSON", json.dumps(json.dumps(text.decode())).encode()
        yield f"{kind} as base64", base64.b64encode(text)
        yield f"{kind} as base64url", base64.urlsafe_b64encode(text).rstrip(b"=")
        yield f"{kind} as base64 in lines", base64.encodebytes(text)
        yield f"{kind} as base64 in a file", b"key: |\n  " + base64.b64encode(text) + b"\n"
        yield f"{kind} as hex", text.hex().encode()
    yield "JWK as base64 of base64", base64.b64encode(base64.b64encode(jwk))
    yield "JWK with escaped letters", jwk.replace(b'"kty"', b'"\\u006bt\\u0079"')
    der = keys.public_der(private)
    yield "DER as hex", der.hex().encode()
    yield "DER as hex with colons", der.hex(":").upper().encode()
    yield "body after a name", b"JWT_PUBLIC_KEY=" + body
    yield "body with escaped line breaks", body.replace(b"\n", b"\\n")


DISGUISES = {
    **dict(pem_and_der()),
    **dict(ssh_and_jwk()),
    **dict(older_forms()),
    **dict(encoded_once_more()),
}


@pytest.mark.parametrize("text", DISGUISES.values(), ids=DISGUISES)
def test_a2_public_key_as_hmac_secret(text: bytes) -> None:
    """No key of another kind, however written, is taken as a secret, in str or in bytes."""
    forms: list[str | bytes] = [text]
    if text.isascii():
        forms.append(text.decode())
    for form in forms:
        for name in keys.HMAC_NAMES:
            with pytest.raises(InvalidKeyError, match="this HMAC secret is"):
                Key.from_secret(form, name)
            with pytest.raises(InvalidKeyError, match="this HMAC secret is"):
                Key.from_secret(form, name, allow_weak=True)
    with pytest.raises(InvalidKeyError, match="this HMAC secret is"):
        loads(kty="oct", alg="HS256", k=base64url.encode(text))


@pytest.mark.parametrize("name", keys.PAIR_NAMES)
def test_a2_secret_for_an_algorithm_with_pairs(name: str) -> None:
    """There is no making a key for RS, PS, ES, EdDSA or ML-DSA out of a secret."""
    with pytest.raises(InvalidKeyError):
        Key.from_secret(keys.SECRET, name)
    with pytest.raises(InvalidKeyError):
        Key.from_jwk(oct_jwk(name))
    with pytest.raises(InvalidKeyError):
        Key.from_jwk({**oct_jwk(), "alg": None}, name)


@pytest.mark.parametrize("name", keys.HMAC_NAMES)
def test_a2_key_pair_for_hmac(name: str) -> None:
    """There is no making an HMAC key out of a PEM, DER, JWK or key object of a pair."""
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


@pytest.mark.parametrize("seed", range(20))
def test_a2_ordinary_secrets_are_taken(seed: int) -> None:
    """Random bytes, and their hexadecimal and base64 texts, are none of these."""
    numbers = random.Random(seed)
    for length in (32, 48, 64, 100, 300):
        data = numbers.randbytes(length)
        for secret in (
            data,
            b"\x30" + data,  # begins as DER does
            data.hex(),
            base64.b64encode(data),
            base64url.encode(data),
            "MII" + base64.b64encode(data).decode(),
        ):
            assert Key.from_secret(secret).algorithm == "HS256"


@pytest.mark.parametrize(
    "secret",
    [
        "correct horse battery staple, and some more of it",
        "-----a secret may begin with dashes, after all-----",
        '{"not a key": "but some JSON that is long enough"}',
        "\u00fcber-\u0441\u0435\u043a\u0440\u0435\u0442, with more letters than ASCII has",
        "0" * 31 + "abcdefgh",
    ],
)
def test_a2_ordinary_texts_are_taken(secret: str) -> None:
    """A text that only looks a little like a key is a secret, taken as UTF-8."""
    for allow_weak in (True, weakness(secret.encode(), "HS256") is not None):
        key = Key.from_secret(secret, allow_weak=allow_weak)
        assert key.sign(DATA) == hmac.digest(secret.encode(), DATA, "sha256")


# ── A4: the algorithm is never guessed from a token ──────────────────────────────────────


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
    """A JWK without alg is refused unless the caller says which; a curve of EC says it."""
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


# ── A5, A6: weak and empty secrets ───────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a5_short_secret(name: str, size: int) -> None:
    """A secret shorter than the hash is refused (RFC 7518, 3.2), one as long is taken."""
    for length in (1, 8, 16, size - 1):
        secret = keys.SECRET[:length]
        assert weakness(secret, name)
        with pytest.raises(InvalidKeyError, match="weak"):
            Key.from_secret(secret, name)
        with pytest.raises(InvalidKeyError, match="weak"):
            Key.from_jwk(oct_jwk(name, k=base64url.encode(secret)))
        assert Key.from_secret(secret, name, allow_weak=True).verify(
            DATA,
            Key.from_jwk(oct_jwk(name, k=base64url.encode(secret)), allow_weak=True).sign(DATA),
        )
    assert weakness(keys.SECRET[:size], name) is None
    assert Key.from_secret(keys.SECRET[:size], name).algorithm == name


@pytest.mark.parametrize(
    "secret",
    [
        *("a" * 64, "ab" * 32, "1234567" * 10, "\0" * 64, "secret" * 11),
        *("your-256-bit-secret-your-256-bit-secret", "your_jwt_secret_key_goes_in_this_place"),
        *("super-secret-key-for-the-whole-application", "SuperSecretKeySuperSecretKeySuper1"),
        *("change-me-change-me-change-me-change-me!", "changeme_changeme_changeme_changeme_1"),
        *("change_this_to_something_random_please", "CHANGE-IT-BEFORE-GOING-TO-PRODUCTION"),
        *("jwt-secret-string-jwt-secret-string-jwt", "JWT_SECRET_KEY_FOR_THE_APPLICATION_01"),
        *("secret-key-that-is-long-enough-for-HS256", "password1234567890password1234567890"),
        *("example-key-of-the-documentation-of-flask", "default-key-of-the-documentation-12"),
        *("super_super_secret_value_number_1_of_all", "my-secret-key-my-secret-key-my-secret"),
        *("test-secret-test-secret-test-secret-12", "please-change-me-please-change-me-now"),
        *("a-string-secret-at-least-256-bits-long", "abcdefghijklmnopqrstuvwxyz0123456789"),
        *("0123456789abcdef0123456789abcdef", "dev-secret-key-dev-secret-key-dev-01"),
    ],
)
def test_a5_guessable_secret(secret: str) -> None:
    """A secret of tutorials, or of few characters, is refused though it is long enough."""
    assert len(secret) >= 32
    assert weakness(secret.encode(), "HS256")
    with pytest.raises(InvalidKeyError, match="weak") as caught:
        Key.from_secret(secret)
    assert secret[:12] not in str(caught.value)
    assert Key.from_secret(secret, allow_weak=True).can_sign


def test_a5_generated_secrets_are_strong() -> None:
    """No generated secret, nor any text of one, is found weak."""
    for _ in range(500):
        data = secrets.token_bytes(64)
        for secret in (data, data.hex().encode(), base64.b64encode(data)):
            assert weakness(secret, "HS512") is None


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
    assert [secret for secret in secrets_ if algorithm.weakness(secret)] == []


@pytest.mark.parametrize("empty", ["", b"", None, 0, False, [], bytearray(b"x" * 64), 3.5])
def test_a6_empty_or_no_secret(empty: Any) -> None:
    """No secret at all, or one that is neither text nor bytes, is refused, weak or not."""
    for allow_weak in (False, True):
        with pytest.raises(InvalidKeyError):
            Key.from_secret(empty, allow_weak=allow_weak)


@pytest.mark.parametrize("k", ["", None, 1, [], "AA==", "A", "+/+/", "\u00e9"])
def test_a6_empty_or_no_k(k: Any) -> None:
    """A JWK whose k is empty, missing or not base64url is refused."""
    for jwk in (oct_jwk(k=k), {"kty": "oct", "alg": "HS256"}):
        with pytest.raises(InvalidKeyError):
            Key.from_jwk(jwk, allow_weak=True)


# ── A13: points, curves and key types ────────────────────────────────────────────────────

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
    """A point off the curve, of another curve or length, or with another's d, is refused."""
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
    """Something that is no key at all is an InvalidKeyError for every algorithm."""
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


# ── A16: use, key_ops and alg ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["HS256", "RS256", "ES256", "Ed25519"])
@pytest.mark.parametrize(
    "change",
    [
        *({"use": "enc"}, {"use": "SIG"}, {"use": "sign"}, {"use": ""}, {"use": 1}),
        *({"use": ["sig"]}, {"use": {"sig": 1}}, {"key_ops": []}, {"key_ops": ["encrypt"]}),
        *({"key_ops": ["wrapKey", "deriveBits"]}, {"key_ops": "sign"}, {"key_ops": {"sign": 1}}),
        *({"key_ops": ["sign", "sign"]}, {"key_ops": ["sign", 1]}, {"key_ops": [["sign"]]}),
        *({"key_ops": ["Sign"]}, {"key_ops": 1}, {"key_ops": True}, {"alg": "none"}),
        *({"use": "enc", "key_ops": ["sign", "verify"]}, {"alg": "A128KW"}, {"alg": "RSA-OAEP"}),
        {"use": "sig", "key_ops": ["sign", "verify", "encrypt"]},  # RFC 7517 section 4.3
    ],
    ids=str,
)
def test_a16_key_for_another_use(name: str, change: dict[str, Any]) -> None:
    """A JWK that says it isn't for signatures, or says so malformed, is refused."""
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


# ── PEM and DER ──────────────────────────────────────────────────────────────────────────

PKCS8, TRADITIONAL = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL


@pytest.mark.parametrize("name", keys.PAIR_NAMES)
def test_pem_and_der(name: str) -> None:
    """A PKCS #8 or SubjectPublicKeyInfo key loads from PEM, in str and bytes, and from DER."""
    private = keys.private(name)
    reference = keys.key(name)
    signature = reference.sign(DATA)
    for pem in (keys.pem(private), keys.pem(private).decode()):
        key = Key.from_pem(pem, name)
        assert key.can_sign
        assert key.thumbprint() == key.kid == reference.thumbprint()
        assert reference.verify(DATA, key.sign(DATA))
    assert Key.from_der(keys.der(private), name).can_sign
    public = (
        Key.from_pem(keys.public_pem(private), name),
        Key.from_pem(keys.public_pem(private).decode(), name),
        Key.from_der(keys.public_der(private), name),
        Key.from_cryptography(private.public_key(), name),
    )
    for key in public:
        assert not key.can_sign
        assert key.kid == reference.kid
        assert key.verify(DATA, signature)


@pytest.mark.parametrize("name", ["RS256", "PS512", "ES256", "ES512"])
def test_traditional_pem(name: str) -> None:
    """PKCS #1 and SEC 1 keys load, as OpenSSL long wrote them."""
    private = keys.private(name)
    assert b"BEGIN PRIVATE KEY" not in keys.pem(private, TRADITIONAL)
    assert Key.from_pem(keys.pem(private, TRADITIONAL), name).kid == keys.key(name).kid
    assert Key.from_der(keys.der(private, TRADITIONAL), name).can_sign
    if name in keys.RSA_NAMES:
        pem = keys.public_pem(private, PublicFormat.PKCS1)
        assert Key.from_pem(pem, name).kid == keys.key(name).kid


@pytest.mark.parametrize("name", ["RS256", "ES384", "Ed25519", "Ed448"])
def test_certificate(name: str) -> None:
    """A certificate, PEM or DER, gives its public key."""
    certificate = keys.certificate(keys.private(name))
    for key in (
        Key.from_pem(certificate.public_bytes(Encoding.PEM), name),
        Key.from_pem(certificate.public_bytes(Encoding.PEM).decode(), name),
        Key.from_der(certificate.public_bytes(Encoding.DER), name),
    ):
        assert not key.can_sign
        assert key.kid == keys.key(name).kid


@pytest.mark.parametrize("form", [PKCS8, TRADITIONAL], ids=str)
@pytest.mark.parametrize("password", ["correct horse", b"correct horse", "\u00fc\u0416" * 9])
def test_locked_pem(form: PrivateFormat, password: str | bytes) -> None:
    """A key locked with a password opens with it, as text in UTF-8 or bytes, and else doesn't."""
    raw = password.encode() if isinstance(password, str) else password
    for name in ("RS256", "ES256"):
        pem = keys.pem(keys.private(name), form, keys.locked(raw))
        assert Key.from_pem(pem, name, password=password).kid == keys.key(name).kid
        for wrong in (None, "wrong password", b"", raw + b"x"):
            with pytest.raises(InvalidKeyError):
                Key.from_pem(pem, name, password=wrong)
    private = keys.private("Ed25519")
    der = private.private_bytes(Encoding.DER, PKCS8, keys.locked(raw))
    assert Key.from_der(der, "EdDSA", password=password).can_sign
    with pytest.raises(InvalidKeyError):
        Key.from_der(der, "EdDSA")


def test_password_for_an_open_key() -> None:
    """A password for a key that has none is refused: the file is not the one that was meant."""
    with pytest.raises(InvalidKeyError):
        Key.from_pem(keys.pem(keys.private("ES256")), password="not needed")


@pytest.mark.parametrize(
    "password", ["\udc80 half a pair", 5, object()], ids=["surrogate", "int", "object"]
)
def test_password_that_is_none(password: Any) -> None:
    """A password that can't be one is an InvalidKeyError."""
    pem = keys.pem(keys.private("ES256"), encryption=keys.locked(b"password"))
    with pytest.raises(InvalidKeyError):
        Key.from_pem(pem, password=password)


@pytest.mark.parametrize("name", ["RS256", "ES256", "ES512", "Ed25519"])
@pytest.mark.parametrize("dress", ["{}", "{} somebody@example.com\n", "\n{}"])
def test_ssh_public_key(name: str, dress: str) -> None:
    """The one-line form of a public key is read too: PyJWT reads it, so applications have it."""
    text = dress.format(keys.openssh(keys.private(name)).decode())
    for form in (text, text.encode()):
        key = Key.from_pem(form, name)
        assert not key.can_sign
        assert key.kid == keys.key(name).kid
        assert key.verify(DATA, keys.key(name).sign(DATA))
    with pytest.raises(InvalidKeyError):
        Key.from_pem(text, "ES384")


NOT_PEM = {
    "SSH of no length": b"ssh-rsa AAAA",
    "SSH of no body": b"ecdsa-sha2-nistp256",
    "SSH with a hardware key": b"sk-ssh-ed25519@openssh.com AAAA",
    "empty": b"",
    "words": b"not a key",
    "NUL": b"\0" * 100,
    "header alone": b"-----BEGIN PUBLIC KEY-----",
    "empty body": b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
    "empty private body": b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
    "empty certificate": b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    "bad body": b"-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n",
    "zeros": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    "private zeros": b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    "other label": b"-----BEGIN MESSAGE-----\nAAAA\n-----END MESSAGE-----\n",
    "secret": keys.SECRET,
    "DER": keys.public_der(keys.private("ES256")),
    "cut": keys.public_pem(keys.private("ES256"))[:-40],
    "public called private": keys.public_pem(keys.private("ES256")).replace(
        b"PUBLIC KEY", b"PRIVATE KEY"
    ),
    "private called public": keys.pem(keys.private("ES256")).replace(b"PRIVATE", b"PUBLIC"),
}


@pytest.mark.parametrize("data", NOT_PEM.values(), ids=NOT_PEM)
def test_what_is_no_pem(data: bytes) -> None:
    """What isn't a PEM key is an InvalidKeyError."""
    for name in (None, "RS256", "ES256"):
        with pytest.raises(InvalidKeyError):
            Key.from_pem(data, name)
    with pytest.raises(InvalidKeyError):
        Key.from_pem(data.decode("latin-1"), "ES256")


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"\x30\x00", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", bytes(50), b"\xff" * 50],
    ids=bytes.hex,
)
def test_what_is_no_der(data: bytes) -> None:
    """What isn't a DER key is an InvalidKeyError; no header makes it ask for memory."""
    with pytest.raises(InvalidKeyError):
        Key.from_der(data, "RS256")


@pytest.mark.parametrize(
    "value", [None, 5, 3.5, [], {}, object()], ids=lambda value: type(value).__name__
)
def test_what_is_neither_text_nor_bytes(value: Any) -> None:
    """A PEM, DER or JWK of another type is an InvalidKeyError, not a TypeError."""
    for load in (Key.from_pem, Key.from_der, Key.from_jwk):
        with pytest.raises(InvalidKeyError):
            load(value, "ES256")


def test_certificate_of_an_unknown_version() -> None:
    """A certificate of a version that isn't is an InvalidKeyError, and no HMAC secret."""
    der = bytearray(keys.certificate(keys.private("ES256")).public_bytes(Encoding.DER))
    version = der.index(b"\xa0\x03\x02\x01\x02") + 4
    der[version] = 5
    with pytest.raises(InvalidKeyError):
        Key.from_der(bytes(der))
    with pytest.raises(InvalidKeyError):
        Key.from_secret(bytes(der))


@examples(400)
@given(st.data())
def test_damaged_keys_are_invalid_keys(data: st.DataObject) -> None:
    """A PEM or DER with bytes changed, cut or added is a key or an InvalidKeyError, no else."""
    name = data.draw(st.sampled_from(["RS256", "ES256", "Ed25519"]))
    private = keys.private(name)
    certificate = keys.certificate(private)
    whole = data.draw(
        st.sampled_from(
            [
                *(keys.der(private), keys.public_der(private)),
                *(keys.pem(private), keys.public_pem(private)),
                *(certificate.public_bytes(Encoding.DER), certificate.public_bytes(Encoding.PEM)),
            ]
        )
    )
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, 9999)) % len(changed)
        if data.draw(st.booleans()):
            changed[position] = data.draw(st.integers(0, 255))
        else:
            del changed[position : position + data.draw(st.integers(1, 30))]
        if not changed:
            break
    load = Key.from_pem if whole.startswith(b"-----") else Key.from_der
    try:
        key = load(bytes(changed), name)
    except InvalidKeyError:
        return
    assert key.algorithm == name


# ── JWK ──────────────────────────────────────────────────────────────────────────────────

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
        *("kty", "alg", "use", "key_ops", "kid", "crv", "x", "y", "d", "n", "e", "p", "q", "dp"),
        *("dq", "qi", "oth", "k", "pub", "priv", "x5c"),
    ]
)


@examples(500)
@given(st.data())
def test_damaged_jwks_are_invalid_keys(data: st.DataObject) -> None:
    """A JWK with members changed or left out is a key or an InvalidKeyError, no other error."""
    whole = data.draw(
        st.sampled_from(
            [{}, rfc.COOKBOOK_RSA, rfc.COOKBOOK_RSA_PUBLIC, rfc.A3_KEY, rfc.ED25519_KEY, oct_jwk()]
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
        *("", "x", "[]", "null", "1", '"x"', "{", '{"kty":"EC","kty":"EC"}', '{"kty":NaN}'),
        *('{"kty":"oct","alg":"HS256","k":"\ud800"}', "\ufeff{}", '{"a":' * 10 + "1" + "}" * 10),
    ],
    ids=ascii,
)
def test_jwk_text_that_is_none(text: str) -> None:
    """A JWK text is strict JSON and an object."""
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
    """What is published has no private member, and no number of the private half."""
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
    assert jwk == oct_jwk(name, use="sig", **({} if kid is None else {"kid": kid}))
    again = Key.from_jwk(jwk)
    assert (again.kid, again.algorithm, again.sign(DATA)) == (kid, name, key.sign(DATA))
    for leave in (key.to_public_jwk, key.public_key):
        with pytest.raises(InvalidKeyError):
            leave()


def test_coordinates_keep_their_leading_zeros() -> None:
    """EC members have the full length of the curve, whatever zeros lead (RFC 7518, 6.2.1.2)."""
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


# ── kid and thumbprint ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", keys.PAIR_NAMES)
def test_kid_is_the_thumbprint(name: str) -> None:
    """Where none is given, a pair's kid is its thumbprint, the same for both halves."""
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


def test_thumbprint_of_ml_dsa_has_its_algorithm() -> None:
    """An AKP key's thumbprint is of alg, kty and pub, by hand the same."""
    for name in keys.ML_DSA_NAMES:
        jwk = keys.key(name).to_public_jwk()
        text = f'{{"alg":"{name}","kty":"AKP","pub":"{jwk["pub"]}"}}'
        expected = base64url.encode(hashlib.sha256(text.encode()).digest())
        assert keys.key(name).thumbprint() == expected


def test_thumbprint_does_not_depend_on_the_rest() -> None:
    """The thumbprint is the same whatever the kid, the algorithm or the half."""
    reference = keys.key("RS256").thumbprint()
    assert Key.from_cryptography(keys.rsa_private(), "PS512", kid="x").thumbprint() == reference
    assert keys.key("RS256").public_key().thumbprint() == reference
    assert (
        Key.from_secret(keys.SECRET).thumbprint()
        == Key.from_secret(keys.SECRET, "HS512", kid="x").thumbprint()
    )


def test_kid_that_is_given() -> None:
    """A kid that is given is kept; None is none; AUTO takes the JWK's, else the thumbprint."""
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


def test_secret_has_no_kid_of_its_own() -> None:
    """A secret gets no thumbprint for a name: that would publish a hash of it."""
    assert Key.from_secret(keys.SECRET).kid is None
    assert Key.from_jwk(oct_jwk()).kid is None
    assert Key.from_jwk(oct_jwk(kid="x")).kid == "x"
    assert Key.from_jwk(oct_jwk(kid="x"), kid=None).kid is None
    first, second = Key.generate("HS256"), Key.generate("HS256")
    assert first.kid is not None
    assert second.kid is not None
    assert first.kid != second.kid
    assert len(first.kid) == 22
    assert first.kid != first.thumbprint()


@pytest.mark.parametrize(
    "kid",
    [
        *("", "x" * (MAX_KID_LENGTH + 1), "a\nb", "a\r\nb", "a\0", "\x7f", "\t", "\x1f"),
        *("\u00e9", "\u0416", "\U0001f511", "\ud800", "\u2028", "trailing\n"),
        *(1, 1.5, True, b"kid", ["kid"], {"kid": 1}),
    ],
    ids=ascii,
)
def test_b3_bad_kid(kid: Any) -> None:
    """A kid is 1 to 256 printable ASCII characters, however the key comes."""
    attempts: list[Callable[[], Key]] = [
        lambda: Key.from_secret(keys.SECRET, kid=kid),
        lambda: Key.from_cryptography(keys.private("ES256"), kid=kid),
        lambda: Key.from_jwk({**rfc.A3_KEY, "kid": kid}),
        lambda: Key.from_jwk(oct_jwk(kid=kid)),
        lambda: Key.generate("ES256", kid=kid),
        lambda: Key.generate("HS256", kid=kid),
    ]
    for make in attempts:
        with pytest.raises(InvalidKeyError, match="kid"):
            make()


@pytest.mark.parametrize("kid", ["x", "x" * MAX_KID_LENGTH, " ", "~", "a b/../c';--", "2011-04-29"])
def test_b3_good_kid(kid: str) -> None:
    """Any printable ASCII is taken: it is only a name."""
    assert Key.from_secret(keys.SECRET, kid=kid).kid == kid
    assert Key.from_jwk({**rfc.A3_KEY, "kid": kid}).kid == kid


# ── generate ─────────────────────────────────────────────────────────────────────────────


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
    """Secrets are as long as the hash, RSA keys have 2048 bits and 65537."""
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


# ── what a key doesn't do ────────────────────────────────────────────────────────────────


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


def pieces(text: str, length: int = 8) -> set[str]:
    return {text[start : start + length] for start in range(len(text) - length + 1)}


def renderings(data: bytes) -> list[str]:
    """The ways in which bytes usually show up in a text."""
    return [
        *(data.decode("latin-1"), data.hex(), data.hex().upper(), repr(data)[2:-1]),
        *(base64.b64encode(data).decode(), base64url.encode(data), str(list(data))),
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


def everything_shown(error: BaseException) -> str:
    """What a traceback, a log line or a response might have of an error, locals aside."""
    found: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        found += [str(seen), repr(seen), *(repr(value) for value in seen.args)]
        found += [repr(value) for value in getattr(seen, "__dict__", {}).values()]
        found += ["".join(traceback.format_exception_only(seen))]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\n".join(found)


def refusal(make: Callable[[], object]) -> str | None:
    try:
        make()
    except InvalidKeyError as error:
        return everything_shown(error)
    return None


# No word of a message can be spelt with these letters.
SECRET_TEXT = st.text("XYZxyzqQjJ" + string.digits + "_-+/=!", min_size=12, max_size=60)


@examples(500)
@given(SECRET_TEXT, st.sampled_from(["HS256", "HS384", "HS512"]))
def test_messages_hold_no_secret(secret: str, name: str) -> None:
    """Whatever is wrong with a secret, no eight characters of it are in the error."""
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
    for text in (*shown, weakness(secret.encode(), name)):
        if text is not None:
            assert not pieces(secret) & pieces(text)
    assert sum(text is not None for text in shown) >= 12


@examples(100)
@given(SECRET_TEXT)
def test_messages_hold_no_misplaced_secret(secret: str) -> None:
    """A secret in the wrong argument, for an algorithm or a kid, is not in the error either."""
    for text in (
        refusal(lambda: Key.from_secret("HS256", secret)),
        refusal(lambda: Key.from_pem(keys.pem(keys.private("ES256")), secret)),
        refusal(lambda: Key.from_jwk({"kty": "oct", "k": "AAAA", "alg": secret})),
        refusal(lambda: Key.from_jwk(oct_jwk(), secret)),
        refusal(lambda: Key.generate(secret)),
        refusal(lambda: Key.from_secret(keys.SECRET, kid=secret + "\n")),
    ):
        assert text is not None
        assert not pieces(secret) & pieces(text)


@examples(200)
@given(st.data())
def test_messages_hold_no_pem(data: st.DataObject) -> None:
    """Whatever is wrong with a PEM, or its password, nothing of either is in the error."""
    name = data.draw(st.sampled_from(["RS256", "ES256", "Ed25519"]))
    password = data.draw(SECRET_TEXT)
    lock = data.draw(st.booleans())
    private = keys.private(name)
    whole = keys.pem(private, encryption=keys.locked(b"another password") if lock else None)
    lines = whole.decode().splitlines()
    row = data.draw(st.integers(0, 99)) % len(lines)
    column = data.draw(st.integers(0, 99)) % (len(lines[row]) + 1)
    junk = data.draw(st.sampled_from(["!", "=", "A", "\u00e9", "\n", "-----", ""]))
    lines[row] = lines[row][:column] + junk + lines[row][column + 1 :]
    pem = "\n".join(lines)
    secret = set().union(*(pieces(line) for line in whole.decode().splitlines()[1:-1]))
    body = base64.b64decode("".join(whole.decode().splitlines()[1:-1]))
    for text in (
        refusal(lambda: Key.from_pem(pem, name, password=password)),
        refusal(lambda: Key.from_pem(pem, "Ed448")),
        refusal(lambda: Key.from_secret(whole)),
        refusal(lambda: Key.from_der(body[:-1], name, password=password)),
    ):
        assert text is not None
        assert not (secret | pieces(password)) & pieces(text)
        assert not pieces(body.hex()) & pieces(text)


@pytest.mark.parametrize("lock", [False, True], ids=["open", "locked"])
@pytest.mark.parametrize("name", ["RS256", "ES256", "Ed25519"])
@pytest.mark.parametrize(
    "spoil",
    ["\n", "\n\n", ":", ": ", "\n: ", "!", "=", "\u00e9", "-----", "-----BEGIN X-----\n"],
    ids=ascii,
)
def test_message_holds_no_line_of_a_pem(name: str, lock: bool, spoil: str) -> None:
    """A blank line, a colon or the like within a PEM brings none of its lines into the error."""
    pem = keys.pem(keys.private(name), encryption=keys.locked(b"password") if lock else None)
    lines = pem.decode().splitlines()
    secret = set().union(*(pieces(line) for line in lines[1:-1]))
    seen = 0
    for row in range(1, len(lines)):
        for column in (0, 10, len(lines[row])):
            line = lines[row][:column] + spoil + lines[row][column:]
            text = "\n".join([*lines[:row], line, *lines[row + 1 :]])
            for shown in (
                refusal(lambda text=text: Key.from_pem(text, name)),  # type: ignore[misc]
                refusal(lambda text=text: Key.from_pem(text, name, password="x")),  # type: ignore[misc]
            ):
                if shown is not None:
                    seen += 1
                    assert not secret & pieces(shown)
    assert seen
