"""PEM and DER: bytes in, a key object of ``cryptography`` out.

Private keys are read from PKCS #8 (RFC 5958), PKCS #1 (RFC 8017 appendix A.1) and SEC 1
(RFC 5915). Public keys are read from SubjectPublicKeyInfo (RFC 5280 section 4.1), PKCS #1, an
X.509 certificate, and the one-line form of an OpenSSH public key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from ..exceptions import InvalidKeyError

CANNOT_READ: Final = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
"""The errors that ``cryptography`` raises for a key or a certificate that it can't read."""

SSH_KEY: Final = re.compile(
    rb"(ssh-(rsa|dss|ed25519|ed448)|ecdsa-sha2-nistp\d+|sk-[a-z0-9-]+@openssh)"
)
"""The first word of an OpenSSH public key."""


def read_pem(pem: str | bytes, password: str | bytes | None) -> Any:
    """The key object in a PEM text, or in an OpenSSH public key.

    :raises InvalidKeyError: if it can't be read. The message repeats nothing of the text.
    """
    return _read("PEM", load_pem, _as_bytes(pem, "a PEM"), password)


def read_der(der: bytes, password: str | bytes | None) -> Any:
    """The key object in DER bytes.

    :raises InvalidKeyError: if it can't be read. The message repeats nothing of the bytes.
    """
    return _read("DER", load_der, _as_bytes(der, "a DER key"), password)


def _read(
    form: str,
    load: Callable[[bytes, bytes | None], Any],
    data: bytes,
    password: str | bytes | None,
) -> Any:
    if password is not None:
        password = _as_bytes(password, "a password")
    try:
        return load(data, password)
    except TypeError:
        # Only a password that is missing, or one that is not needed, makes this error.
        wanted = "needs its password" if password is None else "has no password, one was given"
        raise InvalidKeyError(f"this {form} key {wanted}") from None
    except CANNOT_READ:
        # The message of `cryptography` is left out: it quotes lines of a PEM that it can't read.
        raise InvalidKeyError(
            f"can't read this {form} key: is it whole, and of a supported kind"
            f"{', and is its password right' if password else ''}?"
        ) from None


def load_pem(data: bytes, password: bytes | None) -> Any:
    """The key object in PEM or OpenSSH text.

    :raises TypeError: if the password is missing, or if there is one and the key has none.
    :raises ValueError: or another error of :data:`CANNOT_READ`, if it can't be read.
    """
    if b"PRIVATE KEY-----" in data:
        return serialization.load_pem_private_key(data, password)
    if b"-----BEGIN CERTIFICATE-----" in data:
        return x509.load_pem_x509_certificate(data).public_key()
    line = data.lstrip()
    if SSH_KEY.match(line):
        return serialization.load_ssh_public_key(line)
    return serialization.load_pem_public_key(data)


def load_der(data: bytes, password: bytes | None) -> Any:
    """The key object in DER: tried as a public key, as a certificate, as a private key.

    :raises TypeError: if the password is missing, or if there is one and the key has none.
    :raises ValueError: or another error of :data:`CANNOT_READ`, if it can't be read.
    """
    try:
        return serialization.load_der_public_key(data)
    except ValueError:
        try:
            return x509.load_der_x509_certificate(data).public_key()
        except (ValueError, x509.InvalidVersion):
            return serialization.load_der_private_key(data, password)


def _as_bytes(value: str | bytes, name: str) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise InvalidKeyError(f"{name} is a str or bytes, not {type(value).__name__}")
