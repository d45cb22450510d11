"""What the error of a refusal shows, to look for secrets in it."""

import string
import traceback
from collections.abc import Callable

from hypothesis import strategies as st

from flask_signet.exceptions import InvalidKeyError


def pieces(text: str, length: int = 8) -> set[str]:
    return {text[start : start + length] for start in range(len(text) - length + 1)}


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
