"""Strict base64url: one text for each value, one value for each text."""

import base64
import itertools
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.jose import base64url

from .effort import examples

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
STRANGE = "+/=. \t\r\n\v\f\x00\x7f~%!*,:\u00e9\u0410\uff21\u2028\ud800\U0001f511"
ALMOST = st.one_of(
    st.text(ALPHABET, max_size=40),
    st.text(ALPHABET + "=+/ \n", max_size=12),
    st.text(max_size=12),
    st.binary(max_size=30).map(lambda data: base64.urlsafe_b64encode(data).decode()),
    st.binary(max_size=30).map(lambda data: base64.b64encode(data).decode().rstrip("=")),
)


def oracle(text: str) -> bytes | None:
    """The bytes whose canonical text this is, by the standard library's lax decoder; or None."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text, re.ASCII):
        return None
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text else None


def decoded(text: str | bytes) -> bytes | None:
    try:
        return base64url.decode(text)
    except ValueError:
        return None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"f", "Zg"),
        (b"fo", "Zm8"),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg"),
        (b"fooba", "Zm9vYmE"),
        (b"foobar", "Zm9vYmFy"),
        pytest.param(bytes([3, 236, 255, 224, 193]), "A-z_4ME", id="RFC 7515 appendix C"),
        (b"\x00", "AA"),
        (b"\xff\xff\xff", "____"),
        (b"\xfb\xef\xbe", "----"),
    ],
)
def test_known_values(data: bytes, text: str) -> None:
    """The values of RFC 4648 section 10, without padding, and of RFC 7515 appendix C."""
    assert base64url.encode(data) == text
    assert base64url.decode(text) == base64url.decode(text.encode()) == data


@examples(500)
@given(st.binary(max_size=200))
def test_round_trip(data: bytes) -> None:
    """What is encoded decodes to itself, as text and as bytes, without padding."""
    text = base64url.encode(data)
    assert set(text) <= set(ALPHABET)
    assert base64url.decode(text) == data
    assert base64url.decode(text.encode()) == data


@examples(2000)
@given(ALMOST)
def test_decodes_exactly_the_canonical_texts(text: str) -> None:
    """A text is accepted if and only if its own bytes encode to it."""
    assert decoded(text) == oracle(text)


@examples(500)
@given(st.binary(max_size=12))
def test_bytes_are_read_as_their_text(raw: bytes) -> None:
    """Bytes that aren't ASCII are refused; other bytes are read as the text that they spell."""
    assert decoded(raw) == (oracle(raw.decode("ascii")) if raw.isascii() else None)


@pytest.mark.parametrize("length", [0, 1, 2])
def test_every_short_text(length: int) -> None:
    """Every text of up to two characters, also strange ones, is judged as the oracle judges it."""
    for characters in itertools.product(ALPHABET + STRANGE, repeat=length):
        text = "".join(characters)
        assert decoded(text) == oracle(text), ascii(text)


@pytest.mark.parametrize(("stem", "step"), [("A", 16), ("AB", 4), ("ABC", 1)])
def test_stray_bits_in_the_last_character(stem: str, step: int) -> None:
    """Of the 64 last characters only those without unused bits are accepted (RFC 4648, 3.5)."""
    accepted = [last for last in ALPHABET if decoded(stem + last) is not None]
    assert accepted == list(ALPHABET[::step])


@pytest.mark.parametrize("strange", list(STRANGE), ids=ascii)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6, 7, 8])
def test_strange_character_anywhere(strange: str, length: int) -> None:
    """A character outside the alphabet is refused at every place, instead of one or beside it."""
    for position in range(length + 1):
        text = "A" * position + strange + "A" * (length - position)
        for form in (text, text[: position + 1] + text[position + 2 :]):
            with pytest.raises(ValueError, match="not base64url"):
                base64url.decode(form)


@pytest.mark.parametrize("byte", [byte for byte in range(256) if chr(byte) not in ALPHABET])
def test_every_other_byte_is_refused(byte: int) -> None:
    """Of the 256 bytes, 64 are in the alphabet."""
    for raw in (bytes([byte]) * 4, b"AA" + bytes([byte]) + b"A", bytes([byte]) + b"AAA"):
        with pytest.raises(ValueError, match="not base64url"):
            base64url.decode(raw)


@pytest.mark.parametrize("text", ["Zg==", "Zm8=", "Zg=", "Zm9v=", "Zm9v====", "=", "==", "===="])
def test_padding_is_refused(text: str) -> None:
    """Padding is refused, right or wrong (RFC 7515 section 2)."""
    with pytest.raises(ValueError, match="not base64url"):
        base64url.decode(text)


@pytest.mark.parametrize("length", [1, 5, 9, 1001])
def test_impossible_length(length: int) -> None:
    """A length of 4n+1 is refused, because six bits hold no byte."""
    with pytest.raises(ValueError, match="wrong length"):
        base64url.decode("A" * length)


@examples(300)
@given(st.text(ALPHABET + "+/=\n\u00e9", min_size=8, max_size=60))
def test_message_does_not_repeat_the_text(text: str) -> None:
    """The error says what is wrong without any eight characters of what was read."""
    with pytest.raises(ValueError, match="not base64url") as caught:
        base64url.decode(text + "!")
    error = caught.value
    shown = f"{error} {error!r} {error.__cause__!r}"
    assert error.__suppress_context__ or error.__context__ is None
    for start in range(len(text) - 7):
        assert text[start : start + 8] not in shown


def test_large_values() -> None:
    """A million bytes go there and back; a stray character at their very end is still found."""
    data = bytes(range(256)) * 4000
    text = base64url.encode(data)
    assert base64url.decode(text) == data
    with pytest.raises(ValueError, match="not base64url"):
        base64url.decode(text[:-1] + "!")
