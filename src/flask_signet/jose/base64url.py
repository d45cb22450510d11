"""Strict base64url, RFC 7515 section 2: no padding, no other alphabet, no stray bits.

Each text has at most one value and each value exactly one text. A lax decoder would let one token
be written in many ways (RFC 4648 section 3.5), and code that compares texts would be deceived.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

_URL = b"-_"
_STANDARD = b"+/"
_TO_URL = bytes.maketrans(_STANDARD, _URL)

# To the standard alphabet, which `binascii` reads in C. Padding, and the two characters that only
# the standard alphabet has, become NUL, which `binascii` refuses.
_FROM_URL = bytes.maketrans(_URL + _STANDARD + b"=", _STANDARD + b"\0\0\0")

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# By the length modulo 4: the padding to add, and the last characters whose unused bits are zero.
# A remainder of 1 is impossible: six bits hold no byte.
_PADDING = (b"", None, b"==", b"=")
_LAST: tuple[frozenset[int], ...] = (
    frozenset(_ALPHABET),
    frozenset(),
    frozenset(_ALPHABET[::16]),
    frozenset(_ALPHABET[::4]),
)


def encode(data: bytes) -> str:
    """The base64url text of some bytes, without padding."""
    return b2a_base64(data, newline=False).translate(_TO_URL, b"=").decode("ascii")


def decode(text: str | bytes) -> bytes:
    """The bytes of a base64url text.

    :raises ValueError: if it is not the one canonical text of some bytes. The message does not
        repeat the text.
    """
    if isinstance(text, str):
        # A character outside ASCII becomes '?', which is refused below with the others.
        text = text.encode("ascii", "replace")
    remainder = len(text) & 3
    padding = _PADDING[remainder]
    if padding is None or (text and text[-1] not in _LAST[remainder]):
        raise ValueError("not base64url: stray bits or a wrong length")
    try:
        return a2b_base64(text.translate(_FROM_URL) + padding, strict_mode=True)
    except Error:
        raise ValueError("not base64url: a character outside its alphabet") from None
