"""What a client said of itself, for a terminal or a log."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from flask_signet.sessions.printable import printable
from tests.jose.effort import examples


@examples(300)
@given(text=st.text(st.characters(exclude_categories=())))
def test_nothing_is_obeyed(text: str) -> None:
    """The result is one line without control characters, and can be encoded."""
    found = printable(text)
    assert not [each for each in found if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp")]
    directions = {unicodedata.bidirectional(each) for each in found}
    assert not directions & {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert len(found.splitlines()) <= 1
    found.encode()


def test_a_plain_text_stays_as_it_is() -> None:
    """Of any language, and emoji that are joined."""
    for text in (
        "Ada's laptop",
        "\u05d0\u05d1",
        "\u4f60\u597d",
        "\U0001f468\u200d\U0001f469",
        "\xa0 ",
        "",
    ):
        assert printable(text) == text


def test_an_escape_tells_which_character_it_was() -> None:
    """In Python's spelling."""
    assert printable("\x1b[31m\n\u202e\ud800\x85") == r"\x1b[31m\n\u202e\ud800\x85"
    assert printable(ValueError("a\nb")) == r"a\nb"
