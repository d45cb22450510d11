"""PEM, DER and SSH keys: which forms are read, which are refused, and that no error quotes one."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.exceptions import InvalidKeyError
from flask_signet.jose.jwk import Key

from . import keys
from .effort import examples
from .keys import DATA
from .refusals import SECRET_TEXT, pieces, refusal

# ── what is read ──────────────────────────────────────────────────────────────────────


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
    """PKCS #1 and SEC 1 keys load, the forms that older versions of OpenSSL write."""
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
    """A locked key opens with its password, as text in UTF-8 or as bytes, and with no other."""
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
    """A password for a key that has none is refused: it is probably the wrong file."""
    with pytest.raises(InvalidKeyError):
        Key.from_pem(keys.pem(keys.private("ES256")), password="not needed")


@pytest.mark.parametrize(
    "password", ["\udc80 half a pair", 5, object()], ids=["surrogate", "int", "object"]
)
def test_password_that_is_none(password: Any) -> None:
    """A password of the wrong type or with a lone surrogate is an InvalidKeyError."""
    pem = keys.pem(keys.private("ES256"), encryption=keys.locked(b"password"))
    with pytest.raises(InvalidKeyError):
        Key.from_pem(pem, password=password)


@pytest.mark.parametrize("name", ["RS256", "ES256", "ES512", "Ed25519"])
@pytest.mark.parametrize("dress", ["{}", "{} somebody@example.com\n", "\n{}"])
def test_ssh_public_key(name: str, dress: str) -> None:
    """The one-line form of an SSH public key is read, as PyJWT reads it."""
    text = dress.format(keys.openssh(keys.private(name)).decode())
    for form in (text, text.encode()):
        key = Key.from_pem(form, name)
        assert not key.can_sign
        assert key.kid == keys.key(name).kid
        assert key.verify(DATA, keys.key(name).sign(DATA))
    with pytest.raises(InvalidKeyError):
        Key.from_pem(text, "ES384")


# ── what is refused ───────────────────────────────────────────────────────────────────


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
    """A text that is not a PEM key is an InvalidKeyError."""
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
    """Bytes that are not a DER key are an InvalidKeyError; no length in them allocates memory."""
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
    """A certificate of an unknown version is an InvalidKeyError, and not an HMAC secret."""
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
    """A damaged PEM or DER is a key or an InvalidKeyError, never another error."""
    name = data.draw(st.sampled_from(["RS256", "ES256", "Ed25519"]))
    private = keys.private(name)
    certificate = keys.certificate(private)
    whole = data.draw(
        st.sampled_from(
            [
                keys.der(private),
                keys.public_der(private),
                keys.pem(private),
                keys.public_pem(private),
                certificate.public_bytes(Encoding.DER),
                certificate.public_bytes(Encoding.PEM),
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


# ── what an error says ────────────────────────────────────────────────────────────────


@examples(200)
@given(st.data())
def test_messages_hold_no_pem(data: st.DataObject) -> None:
    """No error about a PEM or its password has a piece of either in it."""
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
