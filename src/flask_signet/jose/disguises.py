"""Disguises: a key of another kind, given as an HMAC secret.

An application that passes its public key where a secret is expected signs with a text that
everybody knows (CVE-2015-9235, CVE-2022-29217, CVE-2024-33663). So a secret is searched for PEM,
DER, SSH keys and JWKs, also after the encodings that configuration files, environments and vaults
add: UTF-16, JSON escapes, base64, hexadecimal.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from .pem import CANNOT_READ, SSH_KEY, load_der

_JWK = re.compile(rb'["\']kty["\']\s*:')
_SPACE = re.compile(rb"\s+")
_BASE64_WORD = re.compile(rb"[A-Za-z0-9+/_-]{40,}")
_BASE64_LINES = re.compile(rb"[A-Za-z0-9+/_-]{40,}(?:\s+[A-Za-z0-9+/_-]+)*")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}[\s:]?){40,}")
# Any number of backslashes: a text may be JSON within JSON.
_ESCAPE = re.compile(rb"\\+(?:u00([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}

_SMALLEST_DER: Final = 40
"""Bytes: less than any key that could verify a signature has (Ed25519's key has 44)."""

_MOST_ENCODINGS: Final = 2
"""How often a key may be encoded: the body of a PEM, as base64, is encoded twice."""


def disguise(secret: bytes, encodings: int = _MOST_ENCODINGS) -> str | None:
    """What kind of key a secret really holds, in words; None for an ordinary secret.

    :param encodings: how many layers of base64 or hexadecimal are taken off.
    """
    for text in _readings(secret):
        if b"-----BEGIN" in text:
            return "a PEM"
        if SSH_KEY.search(text):
            return "an SSH key"
        if _JWK.search(text):
            return "a JWK"
        if _holds_der(text):
            return "a DER key"
        if encodings and any(disguise(body, encodings - 1) for body in _decoded(text)):
            return "the body of a PEM or SSH key, or a key that was encoded once more"
    return None


def _readings(secret: bytes) -> Iterable[bytes]:
    """The secret as it is, the secret before UTF-16 or UTF-32, and that without JSON escapes."""
    if b"\0" not in secret and b"\\" not in secret:
        return (secret,)
    narrow = secret.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").replace(b"\0", b"")
    plain = _ESCAPE.sub(_unescaped, narrow)
    return dict.fromkeys((secret, narrow, plain))


def _unescaped(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return bytes.fromhex(escape[1].decode())
    return _ESCAPED.get(escape[2], escape[2])


def _decoded(secret: bytes) -> Iterator[bytes]:
    """The bytes that the secret, its long words and its blocks of lines are base64 or hex of."""
    if len(secret) < _SMALLEST_DER * 4 // 3:
        return
    words = {_SPACE.sub(b"", secret), *_BASE64_WORD.findall(secret)}
    words.update(_SPACE.sub(b"", lines) for lines in _BASE64_LINES.findall(secret))
    for word in words:
        text = word.translate(_TO_STANDARD, b"=")
        with contextlib.suppress(ValueError):
            body = base64.b64decode(text[: len(text) - (len(text) % 4 == 1)] + b"===")
            # The decoder skips characters that are not base64: other texts leave few bytes.
            if len(body) >= _SMALLEST_DER:
                yield body
    for digits in _HEX.findall(secret):
        yield bytes.fromhex(_SPACE.sub(b"", digits).replace(b":", b"").decode())


def _holds_der(data: bytes) -> bool:
    """Whether a key in DER stands anywhere in the data."""
    start = data.find(b"\x30")  # the tag SEQUENCE, with which every key and certificate begins
    while start != -1:
        size = _der_size(data[start : start + 6])
        if _SMALLEST_DER <= size <= len(data) - start and _is_der(data[start : start + size]):
            return True
        start = data.find(b"\x30", start + 1)
    return False


def _der_size(head: bytes) -> int:
    """The bytes of a DER value, its head included (X.690 section 8.1.3); 0 if there is none."""
    if len(head) < 2:
        return 0
    if head[1] < 0x80:
        return 2 + head[1]
    count = head[1] & 0x7F
    if not 0 < count <= 4 or len(head) < 2 + count:
        return 0
    return 2 + count + int.from_bytes(head[2 : 2 + count], "big")


def _is_der(data: bytes) -> bool:
    try:
        load_der(data, None)
    except TypeError:
        return True  # a private key that needs its password
    except CANNOT_READ:
        return _is_pkcs1(data)
    return True


def _is_pkcs1(data: bytes) -> bool:
    """Whether this is a public key in PKCS #1; ``cryptography`` reads that form from PEM only."""
    body = base64.b64encode(data)
    try:
        serialization.load_pem_public_key(
            b"-----BEGIN RSA PUBLIC KEY-----\n" + body + b"\n-----END RSA PUBLIC KEY-----\n"
        )
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
