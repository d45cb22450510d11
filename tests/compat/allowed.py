"""The differences between FJE's answer and ours that are meant, each with its reason.

`test_corpus.py` sends some thousand requests to both. Where the answers differ, a row
below must apply; what no row explains is a failure, and so is a row that explains nothing.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.compat.corpus import Case
from tests.compat.harness import Answer


@dataclass(frozen=True)
class Difference:
    """A row. `applies` looks at the request and at both answers."""

    name: str
    reason: str
    applies: Callable[[Case, Answer, Answer], bool]


def segments(case: Case) -> list[str]:
    return case.token.split(".")


def _raw(case: Case, index: int) -> bytes:
    """A segment's bytes as FJE reads them: trailing `=` are ignored. Not base64url: b''."""
    try:
        text = segments(case)[index].rstrip("=")
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (IndexError, ValueError):
        return b""


def _member(case: Case, index: int, name: str) -> Any:
    """A member of the header (0) or payload (1), as a lax reader sees it."""
    try:
        value = json.loads(_raw(case, index))
    except (ValueError, RecursionError):
        return None
    return value.get(name) if isinstance(value, dict) else None


class _Lax(Exception):  # noqa: N818 # no error: it says what was found
    pass


def is_lax_json(data: bytes, *, depth: int) -> bool:
    """JSON to Python's parser, but something that two readers may read differently.

    Not UTF-8, a byte order mark, NaN, Infinity, a number too large, a name that stands twice, half
    of a surrogate pair, too deep, too many members: RFC 8725, sections 2.6 and 3.7.
    """

    def found(*_arguments: Any) -> Any:
        raise _Lax

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(members)) != len(members) or len(members) > 256:
            raise _Lax
        return dict(members)

    def integer(digits: str) -> int:
        return found() if len(digits) > 20 else int(digits)

    def number(digits: str) -> float:
        return found() if abs(float(digits)) == float("inf") else float(digits)

    def deeper_than(value: Any, left: int) -> bool:
        inner = value.values() if isinstance(value, dict) else value
        if not isinstance(value, dict | list):
            return False
        return left == 0 or any(deeper_than(one, left - 1) for one in inner)

    try:
        text = data.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_constant=found,
            parse_int=integer,
            parse_float=number,
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
        return deeper_than(value, depth)
    except json.JSONDecodeError:
        # Not JSON as UTF-8; Python's parser guesses UTF-16 and UTF-32, and takes a mark.
        return _is_json_in_another_encoding(data)
    except (_Lax, RecursionError, UnicodeError):
        return True
    except ValueError:
        return False


def _is_json_in_another_encoding(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _text(answer: Answer) -> str:
    return str(answer.msg or "")


def _refused(answer: Answer, *starts: str) -> bool:
    return answer.status == 422 and _text(answer).startswith(starts)


# ── the rows ─────────────────────────────────────────────────────────────────────────────────


def _padded(case: Case, _theirs: Answer, ours: Answer) -> bool:
    return any(part.endswith("=") for part in segments(case)) and _refused(
        ours, "Invalid header padding", "Invalid payload padding", "Invalid crypto padding"
    )


def _signature_before_payload(_case: Case, theirs: Answer, ours: Answer) -> bool:
    return _refused(theirs, "Invalid payload string") and _refused(
        ours,
        "Signature verification failed",
        "The specified alg value is not allowed",
        "Algorithm not specified",
    )


def _payload_read_strictly(case: Case, _theirs: Answer, ours: Answer) -> bool:
    return is_lax_json(_raw(case, 1), depth=32) and _refused(ours, "Invalid payload string")


def _header_read_strictly(case: Case, _theirs: Answer, ours: Answer) -> bool:
    raw = _raw(case, 0)
    return (len(raw) > 1024 or is_lax_json(raw, depth=8)) and _refused(
        ours, "Invalid header string"
    )


def _forbidden_header(case: Case, _theirs: Answer, ours: Answer) -> bool:
    members = ("crit", "b64", "zip", "jwk", "jku", "x5u", "x5c")
    return _refused(ours, "Unsupported header parameter: ") and any(
        f'"{name}"'.encode() in _raw(case, 0) for name in members
    )


def _odd_kid(case: Case, _theirs: Answer, ours: Answer) -> bool:
    kid = _member(case, 0, "kid")
    return (
        isinstance(kid, str)
        and not (kid.isascii() and kid.isprintable() and 0 < len(kid) <= 256)
        and _refused(ours, "Key ID header parameter must be short printable text")
    )


def _odd_media_type(case: Case, _theirs: Answer, ours: Answer) -> bool:
    names = {"typ": "Type header parameter", "cty": "Content type header parameter"}
    return any(
        f'"{name}"'.encode() in _raw(case, 0)
        and not isinstance(_member(case, 0, name), str)
        and _refused(ours, text)
        for name, text in names.items()
    )


def _times_are_numbers(case: Case, _theirs: Answer, ours: Answer) -> bool:
    texts = {
        "exp": "Expiration Time claim (exp) must be an integer.",
        "nbf": "Not Before claim (nbf) must be an integer.",
        "iat": "Issued At claim (iat) must be an integer.",
    }
    for name, text in texts.items():
        value = _member(case, 1, name)
        number = type(value) in (int, float) and abs(value) <= 253402300799
        # A negative exp was long ago, and says so; a negative start is no time.
        number = number and (name == "exp" or value >= 0)
        if not number and _takes_int(value) and _refused(ours, text):
            return True
    return False


def _takes_int(value: Any) -> bool:
    """What PyJWT does with a time."""
    try:
        int(value)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _int_subject(case: Case, theirs: Answer, ours: Answer) -> bool:
    return (
        type(_member(case, 1, "sub")) is int
        and _refused(theirs, "Subject must be a string")
        and _text(ours) != "Subject must be a string"
        and ours.status < 500
    )


def _odd_fresh(case: Case, theirs: Answer, ours: Answer) -> bool:
    fresh = _member(case, 1, "fresh")
    return (
        type(fresh) not in (bool, int, float)
        and theirs.status in (200, 401, 422, 500)
        and _refused(ours, "Invalid claim: fresh")
    )


def _too_long(case: Case, _theirs: Answer, ours: Answer) -> bool:
    return len(case.token) > 16 * 1024 and _refused(ours, "Token is too long")


def _no_500(_case: Case, theirs: Answer, ours: Answer) -> bool:
    return theirs.status == 500 and ours.status in (200, 401, 422)


DIFFERENCES = [
    Difference(
        "too long",
        "SECURITY C6: a token of more than 16 KiB is refused unread, so that size costs nothing.",
        _too_long,
    ),
    Difference(
        "padding",
        "SECURITY C1: base64url without padding (RFC 7515, section 2); PyJWT 2.15 takes `=`. "
        "One token must not have several texts.",
        _padded,
    ),
    Difference(
        "header read strictly",
        "SECURITY B6, B7, C6: at most 1 KiB of strict JSON; else the reason is told in our words, "
        "which do not repeat the token's bytes as the parser's do.",
        _header_read_strictly,
    ),
    Difference(
        "header that changes the reading",
        "SECURITY B1, B4, B5, B8: crit, b64, zip, jwk, jku, x5u, x5c are refused by name.",
        _forbidden_header,
    ),
    Difference(
        "odd kid",
        "SECURITY B3: a kid is 1 to 256 characters of printable ASCII.",
        _odd_kid,
    ),
    Difference(
        "odd media type",
        "RFC 7515, sections 4.1.9 and 4.1.10: typ and cty are texts.",
        _odd_media_type,
    ),
    Difference(
        "signature before payload",
        "SECURITY C6, decision 2: the payload's JSON is parsed after the signature was checked, so "
        "what is wrong with the signature is told first.",
        _signature_before_payload,
    ),
    Difference(
        "payload read strictly",
        "SECURITY C5, C6: strict JSON; else the reason is told in our words.",
        _payload_read_strictly,
    ),
    Difference(
        "times are numbers",
        "SECURITY D1: exp, nbf and iat are finite numbers up to the year 9999 (RFC 7519, section "
        '2). PyJWT takes int("1"), int(True), int(10**40).',
        _times_are_numbers,
    ),
    Difference(
        "int subject",
        "COMPATIBILITY section 7: an int identity works by default.",
        _int_subject,
    ),
    Difference(
        "odd fresh",
        "COMPATIBILITY section 7, SECURITY D8: `fresh` is a bool or a number; FJE compares text "
        "with the clock and fails with a 500 at fresh guards.",
        _odd_fresh,
    ),
    Difference(
        "no 500",
        "COMPATIBILITY section 7: credentials never cause a 500, whatever they are.",
        _no_500,
    ),
]
