"""JSON read strictly: a text that two readers could understand differently is refused.

The parser of the standard library accepts NaN, Infinity, UTF-16, byte order marks, lone surrogates
and duplicate names. RFC 7515 section 4 and RFC 8725 sections 2.6 and 3.7 say why a token must not
have them: the code that checks a token and the code that uses it must read the same values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

MAX_MEMBERS = 256
"""The most members of one object."""

MAX_DIGITS = 20
"""The most digits of an integer, its sign not counted: any 64-bit number has at most 20."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name stands twice")
    if len(result) > MAX_MEMBERS:
        raise ValueError(f"more than {MAX_MEMBERS} members")
    return result


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS and len(digits.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"an integer of more than {MAX_DIGITS} digits")
    return int(digits)


def _constant(name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number beyond the range of a double")
    return value


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]  # undocumented by its types


def _decode(text: str) -> Any:
    # Issuers write an object from the first character to the last: the scanner alone reads it,
    # which is faster. White space around it, or a mistake, goes through the whole decoder.
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return _decoder.decode(text)
    return value if end == len(text) else _decoder.decode(text)


def loads_object(data: bytes, *, max_depth: int) -> dict[str, Any]:
    """The JSON object in ``data``.

    :param max_depth: how deep arrays and objects may nest; 1 is a flat object.
    :raises ValueError: if it is not UTF-8, not JSON, not an object, or if it has something that
        this module refuses. The message never repeats the data.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    # The depth can't exceed the number of opening brackets, so the exact count is rarely needed.
    if text.count("{") + text.count("[") > max_depth and _is_deeper_than(max_depth, text):
        raise ValueError(f"nested deeper than {max_depth}")
    value = _decode(text)
    if type(value) is not dict:
        raise ValueError("must be a json object")
    if "\\u" in text:
        _refuse_lone_surrogates(value)
    return value


_TEXT_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[][{}]', re.DOTALL)


def _is_deeper_than(limit: int, text: str) -> bool:
    """Whether brackets outside texts nest deeper. It does not recurse, and stops at the limit."""
    depth = 0
    for match in _TEXT_OR_BRACKET.finditer(text):
        bracket = match[0]
        if bracket in ("{", "["):
            depth += 1
            if depth > limit:
                return True
        elif bracket in ("}", "]"):
            depth -= 1
    return False


def _refuse_lone_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair") from None
