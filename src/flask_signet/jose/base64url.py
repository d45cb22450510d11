"""Strict base64url, RFC 7515 section 2: no padding, no other alphabet, no stray bits.

A text has at most one reading and a value exactly one text. Laxness here would let one token
be written in many ways (RFC 4648 section 3.5), and whoever compares texts would be fooled.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

_URL = b"-_"
_STANDARD = b"+/"
_TO_URL = bytes.maketrans(_STANDARD, _URL)

# To the standard alphabet, which `binascii` reads in C. What belongs to that alphabet alone,
# and padding, becomes NUL, which it refuses.
_FROM_URL = bytes.maketrans(_URL + _STANDARD + b"=", _STANDARD + b"\0\0\0")

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# By the length modulo 4: the padding to add, and the last characters that leave no bit over.
# A remainder of 1 can't be: six bits hold no byte.
_PADDING = (b"", None, b"==", b"=")
_LAST: tuple[frozenset[int], ...] = (
    frozenset(_ALPHABET),
    frozenset(),
    frozenset(_ALPHABET[::16]),
    frozenset(_ALPHABET[::4]),
)


def encode(data: bytes) -> str:
    """Bytes to base64url text without padding."""
    return b2a_base64(data, newline=False).translate(_TO_URL, b"=").decode("ascii")


def decode(text: str | bytes) -> bytes:
    """Base64url text to bytes.

    :raises ValueError: for anything but the one canonical text of some bytes. The message
        does not repeat the text.
    """
    if isinstance(text, str):
        # '?' is in no alphabet: what isn't ASCII is refused below, in one place.
        text = text.encode("ascii", "replace")
    remainder = len(text) & 3
    padding = _PADDING[remainder]
    if padding is None or (text and text[-1] not in _LAST[remainder]):
        raise ValueError("not base64url: stray bits or a wrong length")
    try:
        return a2b_base64(text.translate(_FROM_URL) + padding, strict_mode=True)
    except Error:
        raise ValueError("not base64url: a character outside its alphabet") from None
