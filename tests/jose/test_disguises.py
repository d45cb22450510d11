"""A key of another kind is never an HMAC secret, however it is written.

Tests named test_a2… are a row of the security table: an attack that must fail.
"""

import base64
import hmac
import json
import random
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from flask_signet.exceptions import InvalidKeyError
from flask_signet.jose import base64url
from flask_signet.jose.jwk import Key

from . import keys
from .keys import DATA

# ── the disguises ─────────────────────────────────────────────────────────────────────


def pem_and_der() -> Iterator[tuple[str, bytes]]:
    """The PEM and DER in which a key, public or private, is passed on."""
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
    yield "JWK of a secret", json.dumps(keys.oct_jwk()).encode()


def encoded_once_more() -> Iterator[tuple[str, bytes]]:
    """A key's text in the encodings of configuration files, environments and vaults."""
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
        Key.from_jwk({"kty": "oct", "alg": "HS256", "k": base64url.encode(text)})


# ── ordinary secrets ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(20))
def test_a2_ordinary_secrets_are_taken(seed: int) -> None:
    """Random bytes, and their hexadecimal and base64 texts, are accepted as secrets."""
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
    """A text that only looks a little like a key is a secret; its bytes are UTF-8."""
    for allow_weak in (True, keys.weakness(secret.encode(), "HS256") is not None):
        key = Key.from_secret(secret, allow_weak=allow_weak)
        assert key.sign(DATA) == hmac.digest(secret.encode(), DATA, "sha256")
