"""Strict JSON: what two readers could understand differently is refused."""

import contextlib
import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.jose import strict_json
from flask_signet.jose.strict_json import MAX_DIGITS, MAX_MEMBERS, loads_object

from .effort import examples

DEPTH = 8

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**19),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8), VALUES, max_size=6
)
JSON_PIECES = st.sampled_from(
    [
        '{"a":1}',
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "\\",
        "\\u0061",
        "\\ud800",
        "\\udc00",
        "1",
        "-",
        "0",
        "1e400",
        "1.5",
        "NaN",
        "Infinity",
        "-Infinity",
        "true",
        "null",
        '"a"',
        '"b"',
        " ",
        "\t",
        "\n",
        "\x00",
        "\ufeff",
        "\u00e9",
        "\U0001f511",
        "'",
        "//",
    ]
)


def read(data: bytes | str, max_depth: int = DEPTH) -> dict[str, Any]:
    return loads_object(data.encode() if isinstance(data, str) else data, max_depth=max_depth)


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    """An object of this depth, the object itself counted."""
    return '{"a":' + opening * (depth - 1) + "1" + closing * (depth - 1) + "}"


REFUSED = {
    "empty": b"",
    "white space": b"  ",
    "null": b"null",
    "array": b"[]",
    "array of an object": b'[{"a":1}]',
    "text": b'"a"',
    "number": b"1",
    "true": b"true",
    "NaN alone": b"NaN",
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "minus Infinity": b'{"a":-Infinity}',
    "NaN in a list": b'{"a":[1,NaN]}',
    "float beyond range": b'{"a":1e400}',
    "float below range": b'{"a":-1e400}',
    "float just beyond range": b'{"a":1.8e308}',
    "digits beyond range": b'{"a":' + b"9" * 400 + b".0}",
    "duplicate": b'{"a":1,"a":1}',
    "duplicate of another value": b'{"a":1,"b":2,"a":3}',
    "duplicate, one escaped": b'{"a":1,"\\u0061":2}',
    "duplicate, inner": b'{"a":{"b":1,"b":2}}',
    "duplicate, in a list": b'{"a":[{"b":1,"b":2}]}',
    "duplicate of the empty name": b'{"":1,"":2}',
    "lone high surrogate": b'{"a":"\\ud800"}',
    "lone low surrogate": b'{"a":"\\udc00"}',
    "surrogates in the wrong order": b'{"a":"\\udc00\\ud800"}',
    "lone surrogate at the end": b'{"a":"x\\uD83D"}',
    "lone surrogate before another escape": b'{"a":"\\ud83d\\u0041"}',
    "lone surrogate as a name": b'{"\\ud800":1}',
    "lone surrogate in an inner name": b'{"a":{"\\udfff":1}}',
    "lone surrogate in a list": b'{"a":[["\\ud800"]]}',
    "surrogates as UTF-8": b'{"a":"\xed\xa0\x80"}',
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "cut UTF-8": b'{"a":"\xe2\x82"}',
    "beyond Unicode": b'{"a":"\xf4\x90\x80\x80"}',
    "Latin-1": '{"a":"\xe9"}'.encode("latin-1"),
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 little end first": '{"a":1}'.encode("utf-16-le"),
    "UTF-16 big end first": '{"a":1}'.encode("utf-16-be"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "UTF-32 little end first": '{"a":1}'.encode("utf-32-le"),
    "UTF-7": b"+AHsAIgBhACI:1}",
    "trailing text": b'{"a":1}x',
    "trailing object": b'{"a":1}{"a":1}',
    "trailing NUL": b'{"a":1}\x00',
    "trailing comma": b'{"a":1,}',
    "trailing comma in a list": b'{"a":[1,]}',
    "no-break space": '\xa0{"a":1}'.encode(),
    "vertical tab": b'\v{"a":1}',
    "form feed": b'{"a":1}\f',
    "single quotes": b"{'a':1}",
    "bare name": b"{a:1}",
    "number as a name": b"{1:1}",
    "comment": b'{"a":1/**/}',
    "line comment": b'{"a":1}//x',
    "control character in a text": b'{"a":"\x01"}',
    "line break in a text": b'{"a":"\n"}',
    "tab in a text": b'{"a":"\t"}',
    "unknown escape": b'{"a":"\\x41"}',
    "short escape": b'{"a":"\\u41"}',
    "plus sign": b'{"a":+1}',
    "leading zero": b'{"a":01}',
    "leading point": b'{"a":.5}',
    "trailing point": b'{"a":5.}',
    "hexadecimal": b'{"a":0x10}',
    "underscore in a number": b'{"a":1_0}',
    "Arabic digit": '{"a":\u0661}'.encode(),
    "full-width digit": '{"a":1\uff11}'.encode(),
    "True": b'{"a":True}',
    "unclosed": b'{"a":1',
    "unclosed text": b'{"a":"',
    "only brackets": b"{}}",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_refused(data: bytes) -> None:
    """Each of these is refused with a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        read(data)


ACCEPTED = {
    "empty object": b"{}",
    "white space around": b' \t\r\n{ "a" : 1 } \n',
    "scalars": b'{"a":null,"b":true,"c":false,"d":-0,"e":0.5,"f":1E3,"g":"","h":[],"i":{}}',
    "largest float": b'{"a":1.7976931348623157e308}',
    "float that rounds to zero": b'{"a":1e-400}',
    "surrogate pair": b'{"a":"\\ud83d\\udd11"}',
    "surrogate pair as a name": b'{"\\ud83d\\udd11":1}',
    "escaped backslash before ud800": b'{"a":"\\\\ud800"}',
    "escaped NUL": b'{"a":"\\u0000"}',
    "names that differ by case": b'{"a":1,"A":2}',
    "names that look alike": '{"\u00e9":1,"e\u0301":2}'.encode(),
    "same name at two depths": b'{"a":{"a":{"a":1}}}',
    "same name in two objects": b'{"a":[{"b":1},{"b":2}]}',
    "NaN in a text": b'{"NaN":"NaN Infinity -Infinity"}',
    "not a character": '{"a":"\uffff\ufdd0"}'.encode(),
    "mark inside": '{"a":"\ufeff"}'.encode(),
    "brackets in a text": b'{"a":"' + b"[{" * 100 + b'"}',
    "brackets after an escaped quote": b'{"a":"\\"' + b"[" * 100 + b'"}',
    "brackets after an escaped backslash": b'{"a":"\\\\","b":"' + b"[" * 100 + b'"}',
    "many shallow brackets": b'{"a":[' + b"[]," * 100 + b"[]]}",
    "many shallow objects": b'{"a":[' + b"{}," * 100 + b"{}]}",
}


@pytest.mark.parametrize("data", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(data: bytes) -> None:
    """Each of these is read as the standard library reads it."""
    assert read(data) == json.loads(data)


@examples(500)
@given(OBJECTS, st.booleans(), st.sampled_from([None, 2, "\t"]))
def test_reads_what_json_writes(value: dict[str, Any], ascii_only: bool, indent: Any) -> None:
    """An object that json writes is read back, escaped or not, spaced or not."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert read(text, max_depth=64) == json.loads(text) == value


@examples(2000)
@given(st.one_of(st.lists(JSON_PIECES, max_size=12).map("".join), st.text(max_size=20)))
def test_agrees_with_json_on_what_it_takes(text: str) -> None:
    """An accepted text is read as the standard library reads it; any other is a ValueError."""
    try:
        value = read(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return
    assert value == json.loads(text)


@examples(1000)
@given(st.binary(max_size=40))
def test_arbitrary_bytes(data: bytes) -> None:
    """Bytes of any kind give an object or a ValueError, never another error."""
    with contextlib.suppress(ValueError):
        assert type(read(b'{"a":' + data + b"}")) is dict


@pytest.mark.parametrize("depth", [1, 2, 7, 8, 32])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"b":', "}"), ('[{"b":', "}]")])
def test_depth_is_exact(depth: int, opening: str, closing: str) -> None:
    """An object nested as deeply as the limit is read; one level more is refused."""
    levels = len(opening.strip('"b:'))
    text = nested(depth, opening, closing)
    limit = 1 + (depth - 1) * levels
    assert read(text, limit) == json.loads(text)
    if limit > 1:
        with pytest.raises(ValueError, match="nested deeper"):
            read(text, limit - 1)


@pytest.mark.parametrize(
    "text",
    ['"[[[["', '"{{{{"', r'"\\"', r'"\"[[["', r'"\\\"[[["', r'"[\n[\\"', r'"\u005b[["', '"]]"'],
)
def test_brackets_in_texts_are_no_depth(text: str) -> None:
    """A bracket in a text does not count, whatever quotes and escapes are around it."""
    for value, depth in ((text, 1), (f"[{text}]", 2), (f'[[{text}],"[[[["]', 3)):
        document = f'{{"a":{value},"b":{text}}}'
        assert read(document, depth) == json.loads(document)
        if depth > 1:
            with pytest.raises(ValueError, match="nested deeper"):
                read(document, depth - 1)


def test_c6_depth_is_read_no_further_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that is too deep is refused at the first bracket beyond the limit, unread after it."""
    read_so_far: list[int] = []
    pattern = strict_json._TEXT_OR_BRACKET

    class Counting:
        def finditer(self, text: str) -> Iterator[re.Match[str]]:
            for match in pattern.finditer(text):
                read_so_far.append(match.start())
                yield match

    monkeypatch.setattr(strict_json, "_TEXT_OR_BRACKET", Counting())
    with pytest.raises(ValueError, match="nested deeper than 8"):
        read('{"a":' + "[" * 1000, 8)
    assert len(read_so_far) == 10  # the name, and nine brackets


def test_depth_is_measured_at_every_place() -> None:
    """The deepest place counts, whether it is first, last or in the middle."""
    shallow, deep = "[[]]", "[[[[]]]]"
    for values in ((deep, shallow, "1"), (shallow, deep, "1"), ("1", shallow, deep)):
        text = '{"a":[' + ",".join(values) + "]}"
        assert read(text, 6)
        with pytest.raises(ValueError, match="nested deeper"):
            read(text, 5)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":', '{"a":['])
@pytest.mark.parametrize("closed", [True, False])
def test_c6_deep_nesting_is_no_recursion(opening: str, closed: bool) -> None:
    """A hundred thousand brackets are a ValueError, not a RecursionError."""
    text = '{"a":' + opening * 100_000 + "1"
    if closed:
        text += "".join("]" if c == "[" else "}" for c in reversed(opening * 100_000) if c in "[{")
        text += "}"
    with pytest.raises(ValueError, match="nested deeper"):
        read(text, 32)


@pytest.mark.parametrize("place", ['{"a":%s}', '{"a":[1,%s]}', '{"a":{"b":%s}}'])
def test_c6_digits(place: str) -> None:
    """An integer has at most 20 digits, its sign not counted, at any place."""
    for digits in ("9" * MAX_DIGITS, "-" + "9" * MAX_DIGITS, str(2**64), str(-(2**63))):
        assert read(place % digits) == json.loads(place % digits)
    for digits in ("1" + "0" * MAX_DIGITS, "-1" + "0" * MAX_DIGITS, "1" * 5000, "7" * 100_000):
        with pytest.raises(ValueError, match="more than 20 digits"):
            read(place % digits)
    assert MAX_DIGITS == 20


@pytest.mark.parametrize("place", ["%s", '{"a":%s}', '{"a":[1,%s]}'])
def test_c6_members(place: str) -> None:
    """An object has at most 256 members, the outer and the inner ones."""
    most = json.dumps({f"n{number}": number for number in range(MAX_MEMBERS)})
    more = json.dumps({f"n{number}": number for number in range(MAX_MEMBERS + 1)})
    assert read(place % most) == json.loads(place % most)
    with pytest.raises(ValueError, match="more than 256 members"):
        read(place % more)
    assert MAX_MEMBERS == 256


def test_floats_are_doubles() -> None:
    """A float is read as the nearest double, and is finite."""
    value = read('{"a":0.1,"b":-0.0,"c":1e308,"d":123456789012345678901234567890.5}')
    assert value["a"] == 0.1
    assert math.copysign(1, value["b"]) == -1
    assert all(math.isfinite(number) for number in value.values())


@examples(300)
@given(st.text('abcdefghijkl{}[]:,0123456789"\\', min_size=8, max_size=40))
def test_message_does_not_repeat_the_data(text: str) -> None:
    """The message of a refusal has no eight characters of the data in it."""
    try:
        read('{"secret":"' + text)
    except ValueError as error:
        message = json.JSONDecodeError.__str__(error) if hasattr(error, "doc") else str(error)
        for start in range(len(text) - 7):
            assert text[start : start + 8] not in message


def test_values_are_plain() -> None:
    """The result is a new dict of plain types, so it can be changed and sent on."""
    first, second = (read('{"a":[1,2.0,true,null,"x",{}]}') for _ in range(2))
    assert first == second
    assert first is not second
    assert [type(value) for value in first["a"]] == [int, float, bool, type(None), str, dict]
