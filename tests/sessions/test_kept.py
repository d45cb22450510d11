"""What a session keeps, as the text in its row."""

from flask_signet.sessions.kept import Kept


def test_the_same_values_make_the_same_text() -> None:
    """In whatever order they were given: a refresh compares its token's text with the row's."""
    one = Kept("c", {"a": 1, "b": {"c": 2, "d": 3}})
    other = Kept("c", {"b": {"d": 3, "c": 2}, "a": 1})
    assert one.memo == other.memo
    assert Kept.read(one.memo) == one
