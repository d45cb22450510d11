"""Compact JWS: signing, parsing, verifying, and what is refused at each step.

Tests named test_a…, test_b… and test_c… are rows of the security table: attacks that must fail.
"""

import base64
import json
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet import exceptions
from flask_signet.exceptions import (
    DecodeError,
    InvalidAlgorithmError,
    InvalidKeyError,
    InvalidSignatureError,
    InvalidTokenError,
)
from flask_signet.jose import base64url, jws
from flask_signet.jose.jwk import Key
from flask_signet.jose.strict_json import loads_object

from . import keys
from .effort import examples

PAYLOAD = b'{"sub":"alice"}'
HS256 = keys.key("HS256")


def signed(header: bytes | str, payload: bytes | str = PAYLOAD, key: Key = HS256) -> str:
    """A token with exactly this header, and a valid signature."""
    parts = [part.encode() if isinstance(part, str) else part for part in (header, payload)]
    signing_input = ".".join(base64url.encode(part) for part in parts)
    return f"{signing_input}.{base64url.encode(key.sign(signing_input.encode()))}"


def signed_segments(header: str, payload: str, key: Key = HS256) -> str:
    """A token with exactly these segments, and a valid signature."""
    signing_input = f"{header}.{payload}"
    return f"{signing_input}.{base64url.encode(key.sign(signing_input.encode()))}"


def accept(token: str | bytes, key: Key = HS256) -> bytes:
    return jws.verify(jws.parse(token), key)


def refused(
    token: str | bytes, key: Key = HS256, error: type[Exception] = InvalidTokenError
) -> str:
    """The message with which a token is refused; it is the same for text and for bytes."""
    messages = set()
    for form in (
        token,
        token.encode("utf-8", "surrogatepass") if isinstance(token, str) else token,
    ):
        with pytest.raises(error) as caught:
            accept(form, key)
        messages.add(str(caught.value))
    assert len(messages) == 1
    return messages.pop()


# ── signing ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", keys.NAMES)
def test_sign_and_verify(name: str) -> None:
    """A signed token verifies, as text and as bytes, under its key, and under no other."""
    key = keys.key(name)
    token = jws.sign({"typ": "JWT", "kid": "k"}, PAYLOAD, key)
    for form in (token, token.encode()):
        parsed = jws.parse(form)
        assert parsed.header == {"alg": name, "typ": "JWT", "kid": "k"}
        assert parsed.payload == PAYLOAD
        assert parsed.signing_input == token.rpartition(".")[0].encode()
        assert parsed.header_segment == token.partition(".")[0].encode()
        assert base64url.encode(parsed.signature) == token.rpartition(".")[2]
        assert jws.verify(parsed, key) == PAYLOAD
    refused(token, keys.key(name, 1), InvalidSignatureError)


@pytest.mark.parametrize("payload", [b"", b"\0", b"no JSON", b"\xff" * 100, b"{}" * 3000])
def test_any_payload(payload: bytes) -> None:
    """The payload is bytes: the verification does not read it."""
    assert accept(jws.sign({}, payload, HS256)) == payload


def test_header_is_compact_sorted_and_complete() -> None:
    """A header is JSON without spaces, its members in order, with the key's alg."""
    for header in ({"typ": "JWT", "kid": "k"}, {"kid": "k", "alg": "HS256", "typ": "JWT"}):
        segment = jws.header_segment(header, HS256)
        assert base64url.decode(segment) == b'{"alg":"HS256","kid":"k","typ":"JWT"}'
        assert "alg" in header or set(header) == {"typ", "kid"}
    assert base64url.decode(jws.header_segment({}, HS256)) == b'{"alg":"HS256"}'


def test_sign_with_a_segment_made_before() -> None:
    """Signing with a segment made before gives the same token as signing in one step."""
    segment = jws.header_segment({"typ": "JWT"}, HS256)
    assert jws.sign_with_segment(segment, PAYLOAD, HS256) == jws.sign(
        {"typ": "JWT"}, PAYLOAD, HS256
    )


@pytest.mark.parametrize("name", keys.NAMES)
@pytest.mark.parametrize("stated", ["none", "HS999", "", "hs256", None, 1, ["HS256"]])
def test_header_cannot_name_another_algorithm(name: str, stated: Any) -> None:
    """A header that says another alg than the key's is not signed."""
    with pytest.raises(InvalidKeyError):
        jws.sign({"alg": stated}, PAYLOAD, keys.key(name))


@pytest.mark.parametrize("name", keys.PAIR_NAMES)
def test_public_key_does_not_sign(name: str) -> None:
    """Signing with a public key is refused."""
    with pytest.raises(InvalidKeyError):
        jws.sign({}, PAYLOAD, keys.key(name).public_key())


@pytest.mark.parametrize("member", sorted(jws.FORBIDDEN_HEADERS))
def test_forbidden_member_is_not_signed(member: str) -> None:
    """We sign no header that we would refuse, and the error names the member."""
    with pytest.raises(ValueError, match=member):
        jws.sign({member: 1}, PAYLOAD, HS256)


@pytest.mark.parametrize(
    "header",
    [
        {"x": float("nan")},
        {"x": [float("inf")]},
        {"x": "y" * 1100},
        {"kid": 5},
        {"kid": None},
        {"kid": ""},
        {"kid": "k" * 257},
        {"kid": "a\nb"},
        {"x": "\ud800"},
        {"x": 10**30},
        {"x": [[[[[[[[[1]]]]]]]]]},
        {str(number): 1 for number in range(300)},
    ],
    ids=lambda header: ascii(header)[:30],
)
def test_what_we_sign_we_accept(header: dict[str, Any]) -> None:
    """A header that our own parser would refuse is not signed: it is an error at once."""
    with pytest.raises(ValueError, match=r"."):
        jws.sign(header, PAYLOAD, HS256)


@examples(300)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=6).filter(
            lambda name: name not in jws.FORBIDDEN_HEADERS | {"alg", "kid"}
        ),
        st.one_of(
            st.none(), st.booleans(), st.integers(-(10**17), 10**17), st.text("aé🔑", max_size=4)
        ),
        max_size=6,
    ),
    st.binary(max_size=100),
)
def test_round_trip(header: dict[str, Any], payload: bytes) -> None:
    """Any harmless header and any payload come back as they were."""
    parsed = jws.parse(jws.sign(header, payload, HS256))
    assert parsed.header == {**header, "alg": "HS256"}
    assert jws.verify(parsed, HS256) == payload


# ── A1, A3: the algorithm is the key's ───────────────────────────────────────────────────

ALGORITHM_HEADERS = {
    "none": '{"alg":"none"}',
    "None": '{"alg":"None"}',
    "NONE": '{"alg":"NONE"}',
    "nOnE": '{"alg":"nOnE"}',
    "none escaped": '{"alg":"\\u006eone"}',
    "none spaced": '{"alg":"none "}',
    "none in a list": '{"alg":["none"]}',
    "missing": "{}",
    "empty": '{"alg":""}',
    "null": '{"alg":null}',
    "false": '{"alg":false}',
    "zero": '{"alg":0}',
    "object": '{"alg":{"name":"HS256"}}',
    "list": '{"alg":["HS256"]}',
    "lower case": '{"alg":"hs256"}',
    "mixed case": '{"alg":"Hs256"}',
    "space before": '{"alg":" HS256"}',
    "space after": '{"alg":"HS256 "}',
    "NUL after": '{"alg":"HS256\\u0000"}',
    "line break after": '{"alg":"HS256\\n"}',
    "full width": '{"alg":"\uff28\uff33256"}',
    "name in upper case": '{"ALG":"HS256"}',
    "name spaced": '{"alg ":"HS256"}',
    "HS384": '{"alg":"HS384"}',
    "HS512": '{"alg":"HS512"}',
    "RS256": '{"alg":"RS256"}',
    "ES256": '{"alg":"ES256"}',
    "prefix": '{"alg":"HS25"}',
    "longer": '{"alg":"HS2566"}',
}


@pytest.mark.parametrize("header", ALGORITHM_HEADERS.values(), ids=ALGORITHM_HEADERS)
def test_a1_alg_must_equal_the_keys(header: str) -> None:
    """A token whose alg differs from the key's in any byte is refused, whatever its signature."""
    for name in {"HS256", "RS256", "ES256"} - {str(json.loads(header).get("alg"))}:
        key = keys.key(name)
        refused(signed(header, key=key), key, InvalidAlgorithmError)
        refused(signed(header, key=key).rpartition(".")[0] + ".", key, InvalidAlgorithmError)


def test_a1_escaped_alg_is_the_same_text() -> None:
    """An alg written with JSON escapes is read as the text that it spells."""
    assert accept(signed('{"alg":"\\u0048S256"}')) == PAYLOAD


@pytest.mark.parametrize("name", keys.NAMES)
def test_a1_empty_signature(name: str) -> None:
    """A token without a signature is refused whatever its alg (CVE-2020-28042)."""
    token = jws.sign({}, PAYLOAD, keys.key(name))
    refused(token.rpartition(".")[0] + ".", keys.key(name), InvalidSignatureError)


@pytest.mark.parametrize("name", keys.NAMES)
@pytest.mark.parametrize("stated", keys.NAMES)
def test_a3_stated_algorithm_of_another_key(name: str, stated: str) -> None:
    """A token that states one algorithm is refused by a key of another, well signed or not."""
    key = keys.key(name)
    token = signed(json.dumps({"alg": stated}), key=key)
    if stated == name:
        assert accept(token, key) == PAYLOAD
    else:
        message = refused(token, key, InvalidAlgorithmError)
        assert message == "The specified alg value is not allowed"
        with pytest.raises(InvalidAlgorithmError):
            jws.check_algorithm(jws.parse(token), key)


def test_a2_forged_with_the_public_key() -> None:
    """A token MACed with a public key's PEM is refused by that key, whatever it states."""
    import hmac

    for name in ("RS256", "ES256", "Ed25519"):
        key = keys.key(name)
        for secret in (keys.public_pem(keys.private(name)), keys.public_der(keys.private(name))):
            for stated in ("HS256", name):
                signing_input = f"{base64url.encode(json.dumps({'alg': stated}).encode())}.e30"
                mac = hmac.digest(secret, signing_input.encode(), "sha256")
                refused(f"{signing_input}.{base64url.encode(mac)}", key)


# ── B: the header ────────────────────────────────────────────────────────────────────────

MEMBERS: dict[str, list[Any]] = {
    "crit": [[], ["exp"], ["b64"], [""], "exp", None, 1, {}, True, ["alg"]],
    "b64": [False, True, None, 0, "false"],
    "zip": ["DEF", "", None, 1],
    "jwk": [None, {}, "x", {"kty": "oct", "k": "AAAA"}],
    "jku": ["https://example.com/jwks", "file:///etc/passwd", "", None, 1],
    "x5u": ["https://example.com/cert", "gopher://example.com", None],
    "x5c": [[], ["MII"], "MII", None],
}


@pytest.mark.parametrize(
    ("member", "value"),
    [(member, value) for member, values in MEMBERS.items() for value in values],
    ids=str,
)
def test_b1_b2_b4_b5_member_that_refuses(member: str, value: Any) -> None:
    """A header that brings a key or an address, or changes the reading, is refused (B1 to B5)."""
    header = json.dumps({"alg": "HS256", member: value})
    assert member in refused(signed(header))
    with pytest.raises(InvalidTokenError):
        jws.parse(signed(header))
    escaped = header.replace(f'"{member}"', f'"\\u{ord(member[0]):04x}{member[1:]}"')
    assert escaped != header
    refused(signed(escaped))


def test_b1_embedded_key_that_signed() -> None:
    """A token that carries the very key that signed it is refused (CVE-2018-0114)."""
    attacker = keys.key("RS256", 7)
    header = json.dumps({"alg": "RS256", "jwk": attacker.to_public_jwk()})
    refused(signed(header[:900], key=attacker), keys.key("RS256"))
    small = keys.key("ES256", 7)
    token = signed(json.dumps({"alg": "ES256", "jwk": small.to_public_jwk()}), key=small)
    assert "jwk" in refused(token, keys.key("ES256"))
    assert "jwk" in refused(token, small)


@pytest.mark.parametrize(
    "kid",
    [
        None,
        1,
        1.5,
        True,
        [],
        ["k"],
        {},
        {"k": 1},
        "",
        "k" * 257,
        "k" * 900,
        "a\nb",
        "a\r\nb",
        "\0",
        "a\0b",
        "\x7f",
        "\x1b[31m",
        "\u00e9",
        "\U0001f511",
        "\u2028",
        "\t",
        "k\n",
    ],
    ids=lambda kid: ascii(kid)[:20],
)
def test_b3_bad_kid(kid: Any) -> None:
    """A kid that is not a short printable ASCII text is refused."""
    message = refused(signed(json.dumps({"alg": "HS256", "kid": kid})))
    assert "Key ID" in message


@pytest.mark.parametrize("typ", [None, 5, 0, True, [], ["JWT"], {}, {"typ": "JWT"}, 1.5], ids=repr)
@pytest.mark.parametrize(("name", "says"), [("typ", "Type"), ("cty", "Content type")])
def test_b8_a_media_type_is_a_text(name: str, says: str, typ: Any) -> None:
    """A typ or a cty that is no text is refused (RFC 7515 sections 4.1.9 and 4.1.10)."""
    message = refused(signed(json.dumps({"alg": "HS256", name: typ})))
    assert message == f"{says} header parameter must be a string"
    accept(signed(json.dumps({"alg": "HS256", name: "anything"})))


@pytest.mark.parametrize(
    "kid", ["k", "k" * 256, "../../etc/passwd", "' OR 1=1 --", "$(id)", "| id", " ", "%00", "\\"]
)
def test_b3_kid_is_only_a_text(kid: str) -> None:
    """A kid of printable ASCII is passed on unchanged, whatever it looks like."""
    token = signed(json.dumps({"alg": "HS256", "kid": kid}))
    assert jws.parse(token).header["kid"] == kid
    assert accept(token) == PAYLOAD


BAD_HEADERS: dict[str, bytes] = {
    "duplicate alg": b'{"alg":"HS256","alg":"HS256"}',
    "none and HS256": b'{"alg":"none","alg":"HS256"}',
    "duplicate, escaped": b'{"alg":"HS256","\\u0061lg":"none"}',
    "duplicate kid": b'{"alg":"HS256","kid":"a","kid":"b"}',
    "duplicate unknown": b'{"alg":"HS256","x":1,"x":2}',
    "duplicate within": b'{"alg":"HS256","x":{"y":1,"y":2}}',
    "empty": b"",
    "array": b'["HS256"]',
    "text": b'"HS256"',
    "number": b"256",
    "null": b"null",
    "no JSON": b"alg: HS256",
    "NaN": b'{"alg":"HS256","x":NaN}',
    "Infinity": b'{"alg":"HS256","x":-Infinity}',
    "byte order mark": b'\xef\xbb\xbf{"alg":"HS256"}',
    "UTF-16": '{"alg":"HS256"}'.encode("utf-16"),
    "UTF-16-LE": '{"alg":"HS256"}'.encode("utf-16-le"),
    "UTF-16-BE": '{"alg":"HS256"}'.encode("utf-16-be"),
    "UTF-32": '{"alg":"HS256"}'.encode("utf-32"),
    "Latin-1": b'{"alg":"HS256","x":"\xe9"}',
    "surrogate as UTF-8": b'{"alg":"HS256","x":"\xed\xa0\x80"}',
    "lone surrogate": b'{"alg":"HS256","x":"\\ud800"}',
    "trailing text": b'{"alg":"HS256"}x',
    "trailing NUL": b'{"alg":"HS256"}\0',
    "two objects": b'{"alg":"HS256"}{"alg":"none"}',
    "comment": b'{"alg":"HS256"/**/}',
    "control character": b'{"alg":"HS256","x":"\x01"}',
    "trailing comma": b'{"alg":"HS256",}',
    "nested 9 deep": b'{"alg":"HS256","x":[[[[[[[[1]]]]]]]]}',
    "nested beyond recursion": b'{"alg":"HS256","x":' + b"[" * 500,
    "21 digits": b'{"alg":"HS256","x":' + b"1" * 21 + b"}",
    "float beyond range": b'{"alg":"HS256","x":1e999}',
    "1025 bytes": b'{"alg":"HS256","x":"' + b"y" * 1003 + b'"}',
    "blank to 1025 bytes": b'{"alg":"HS256"' + b" " * 1010 + b"}",
}


@pytest.mark.parametrize("header", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_b6_b7_header_that_is_no_strict_json(header: bytes) -> None:
    """A header that isn't one strict, small, shallow JSON object is refused, signed or not."""
    message = refused(signed(header), error=DecodeError)
    assert message.startswith("Invalid header string: ")
    with pytest.raises(DecodeError, match="Invalid header string"):
        jws.parse(f"{base64url.encode(header)}.e30.AA")


def test_b7_header_limits_are_exact() -> None:
    """A header of 1024 bytes, and one 8 deep, is read."""
    largest = b'{"alg":"HS256","x":"' + b"y" * 1002 + b'"}'
    assert len(largest) == jws.MAX_HEADER_BYTES == 1024
    assert accept(signed(largest)) == PAYLOAD
    assert accept(signed('{"alg":"HS256","x":[[[[[[[1]]]]]]]}')) == PAYLOAD
    assert jws.MAX_HEADER_DEPTH == 8
    with pytest.raises(ValueError, match="1024"):
        jws.sign({"x": "y" * 1003}, PAYLOAD, HS256)
    assert accept(jws.sign({"x": "y" * 1002}, PAYLOAD, HS256)) == PAYLOAD


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"HS256","typ":"JWT"}',
        '{"typ":"at+jwt","alg":"HS256"}',
        '{"alg":"HS256","x":{}}',
        '{"alg":"HS256","cty":"JWT"}',
        '{"alg":"HS256","x5t":"AAAA","x5t#S256":"AAAA"}',
        '{"alg":"HS256","http://example.com/":[1,null,"\u00e9"]}',
        ' {\n"alg"\t:\r"HS256" } ',
        '{"alg":"HS256","iss":"joe","Crit":["x"],"CRIT":1,"crit ":1}',
        '{"alg":"HS256","":0}',
        '{"alg":"HS256","__proto__":{"x":1},"constructor":1}',
        '{"alg":"HS256","enc":"A128GCM"}',
    ],
)
def test_b9_harmless_member_is_ignored(header: str) -> None:
    """A header member that is unknown, or changes nothing, does not refuse a token."""
    token = signed(header)
    assert accept(token) == PAYLOAD
    assert jws.parse(token).header == json.loads(header)


# ── C: the text ──────────────────────────────────────────────────────────────────────────

GOOD = jws.sign({"typ": "JWT"}, PAYLOAD + b" ", HS256)
H, P, S = GOOD.split(".")


def not_canonical() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, place in (("header", 0), ("payload", 1), ("signature", 2)):
        segments = [H, P, S]

        def put(segment: str, segments: list[str] = segments, place: int = place) -> str:
            return ".".join([*segments[:place], segment, *segments[place + 1 :]])

        good = segments[place]
        for label, character in (
            ("space", " "),
            ("line break", "\n"),
            ("CRLF", "\r\n"),
            ("tab", "\t"),
            ("NUL", "\0"),
            ("plus", "+"),
            ("slash", "/"),
            ("equals", "="),
            ("bang", "!"),
            ("percent", "%"),
            ("e acute", "\u00e9"),
            ("A full width", "\uff21"),
            ("Cyrillic A", "\u0410"),
            ("surrogate", "\ud800"),
            ("key", "\U0001f511"),
            ("zero width", "\u200b"),
            ("byte order mark", "\ufeff"),
            ("soft hyphen", "\u00ad"),
            ("comma", ","),
        ):
            found[f"{name}: {label} before"] = put(character + good)
            found[f"{name}: {label} after"] = put(good + character)
            found[f"{name}: {label} within"] = put(good[:4] + character + good[4:])
            found[f"{name}: {label} instead"] = put(good[:4] + character + good[5:])
        found[f"{name}: padded"] = put(good + "=" * (-len(good) % 4))
        found[f"{name}: over-padded"] = put(good + "====")
        found[f"{name}: one character more"] = put(good + "A" * (1 + (-len(good) % 4)))
    return {name: token for name, token in found.items() if token != GOOD}


NOT_CANONICAL = not_canonical()


@pytest.mark.parametrize("token", NOT_CANONICAL.values(), ids=NOT_CANONICAL)
def test_c1_segment_that_is_not_canonical(token: str) -> None:
    """A character outside the alphabet, or padding, anywhere, refuses the token."""
    assert accept(GOOD) == PAYLOAD + b" "
    refused(token)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_c1_signed_over_the_text_as_it_is(place: int) -> None:
    """Padding or a blank is refused even if the signature was made over that text."""
    for extra in ("=", "==", "\n", " ", "%3D"):
        if place == 2:
            refused(GOOD + extra)
        else:
            refused(signed_segments(H + extra * (place == 0), P + extra * (place == 1)))


def test_c1_stray_bits() -> None:
    """Of all last characters of a signature exactly one is accepted: unused bits must be zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    taken = []
    for last in alphabet:
        try:
            accept(GOOD[:-1] + last)
        except InvalidTokenError:
            continue
        taken.append(GOOD[:-1] + last)
    assert taken == [GOOD]


def test_c1_padding_by_name() -> None:
    """Only if the caller allows it, segments may be padded, with the correct padding."""
    header = json.dumps({"alg": "HS256", "typ": "A"}, separators=(",", ":")).encode()
    assert len(header) % 3
    padded = base64.urlsafe_b64encode(header).decode()
    payload = base64.urlsafe_b64encode(b'{"a":1}').decode()
    assert padded.endswith("=")
    assert payload.endswith("==")
    token = signed_segments(padded, payload)
    parsed = jws.parse(token + "=", allow_padding=True)
    assert jws.verify(parsed, HS256) == b'{"a":1}'
    assert parsed.header == {"alg": "HS256", "typ": "A"}
    assert jws.verify(jws.parse(token, allow_padding=True), HS256) == b'{"a":1}'
    refused(token)
    for wrong in (
        f"{padded}=.{payload}",
        f"{padded}.{payload}=",
        f"{padded}.{payload[:-1]}",
        f"={padded}.{payload}",
        f"{padded[:-1]}.====",
        f"{padded[:-1]}.e30====",
        f"{padded}.e3=0",
    ):
        with pytest.raises(DecodeError):
            jws.parse(f"{wrong}.{S}", allow_padding=True)
    with pytest.raises(DecodeError):
        jws.parse(token, allow_padding=False)


def test_c1_padded_header_is_not_remembered_for_the_strict() -> None:
    """A padded header, accepted where padding is allowed, is later refused where it is not."""
    padded = base64.urlsafe_b64encode(b'{"alg":"HS256","x":"1"}').decode()
    assert padded.endswith("=")
    token = signed_segments(padded, base64url.encode(PAYLOAD))
    refused(token)
    assert jws.verify(jws.parse(token, allow_padding=True), HS256) == PAYLOAD
    refused(token)


SEGMENTS = {
    "nothing": "",
    "a dot": ".",
    "two dots": "..",
    "three dots": "...",
    "one segment": H,
    "two segments": f"{H}.{P}",
    "two segments and a dot": f"{H}.{P}.",
    "four segments": f"{H}.{P}.{S}.{S}",
    "a dot after": f"{GOOD}.",
    "a dot before": f".{GOOD}",
    "two dots within": f"{H}..{P}.{S}",
    "no header": f".{P}.{S}",
    "no payload": f"{H}..{S}",
    "no header, no payload": f"..{S}",
    "JWE": f"{H}.{P}.{S}.{P}.{S}",
    "JWE with direct key": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.BBBB.CCCC",
    "swapped": f"{P}.{H}.{S}",
    "signature first": f"{S}.{H}.{P}",
    "bearer": f"Bearer {GOOD}",
    "quoted": f'"{GOOD}"',
    "in a list": f"[{GOOD}]",
    "twice": f"{GOOD}{GOOD}",
    "twice with a comma": f"{GOOD},{GOOD}",
    "JSON": json.dumps({"protected": H, "payload": P, "signature": S}),
    "JSON, general": json.dumps({"payload": P, "signatures": [{"protected": H, "signature": S}]}),
    "JSON, no signatures": json.dumps({"payload": P, "signatures": []}),
    "words": "not a token",
    "NUL": "\0",
    "a surrogate": "\ud800",
    "surrogates with dots": "\ud800.\udc00.\ud800",
    "letters with dots": "\u00e9.\u00e9.\u00e9",
}


@pytest.mark.parametrize("token", SEGMENTS.values(), ids=SEGMENTS)
def test_c2_c3_c4_c7_not_three_segments(token: str) -> None:
    """What isn't three segments, JWE and JSON serializations too, is refused (C2, C3, C4, C7)."""
    refused(token)


def test_c2_a_signed_header_is_no_token() -> None:
    """Two segments are too few, even where the signature of the first one holds."""
    key = keys.key("HS256")
    header = base64url.encode(b'{"alg":"HS256"}')
    text = f"{header}.{base64url.encode(key.sign(header.encode()))}"
    with pytest.raises(DecodeError, match="Not enough segments"):
        jws.parse(text)


@pytest.mark.parametrize("character", [".", "A", "=", "\0", "\u00e9", "\U0001f511", "\ud800", "{"])
@pytest.mark.parametrize("size", [16_385, 100_000, 1_000_000])
def test_c2_c6_long_text(character: str, size: int) -> None:
    """A text beyond the limit is refused by its length, unread, in well under a millisecond."""
    token = character * size
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        with pytest.raises(DecodeError, match="too long"):
            jws.parse(token)
        best = min(best, time.perf_counter() - start)
    assert best < 0.001


def test_c2_many_dots_within_the_limit() -> None:
    """Sixteen thousand dots are refused as quickly, and a longer limit changes no verdict."""
    for token in ("." * 16_384, "A." * 8_192, "." * 100_000, f"{H}.{'.' * 50_000}.{S}"):
        with pytest.raises(DecodeError):
            jws.parse(token, max_length=1_000_000)


def test_c6_length_limit_is_exact() -> None:
    """A token as long as the limit is read, one character more is not; the limit can be set."""
    assert jws.MAX_TOKEN_LENGTH == 16_384
    for limit in (len(GOOD), len(GOOD) + 1):
        assert jws.parse(GOOD, max_length=limit).payload == PAYLOAD + b" "
    for form in (GOOD, GOOD.encode()):
        with pytest.raises(DecodeError, match="too long"):
            jws.parse(form, max_length=len(GOOD) - 1)
    size = (16_384 - len(jws.sign({}, b"", HS256))) * 3 // 4
    longest = jws.sign({}, bytes(size), HS256)
    assert 16_380 <= len(longest) <= 16_384
    assert accept(longest) == bytes(size)
    assert "too long" in refused(jws.sign({}, bytes(size + 3), HS256))


def test_c6_payload_is_not_read_before_the_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing and verifying read the header's JSON only: a payload costs no more than its bytes."""
    read: list[bytes] = []

    def spy(data: bytes, *, max_depth: int) -> dict[str, Any]:
        read.append(data)
        return loads_object(data, max_depth=max_depth)

    monkeypatch.setattr(jws, "loads_object", spy)
    token = jws.sign({"x": "not seen before"}, b"[" * 9000, HS256)
    refused(token[:-2] + "AA", error=InvalidTokenError)
    assert accept(token) == b"[" * 9000
    assert read
    assert all(b"not seen before" in data for data in read)


BAD_PAYLOADS: dict[str, bytes] = {
    "empty": b"",
    "array": b'[{"sub":"alice"}]',
    "text": b'"alice"',
    "null": b"null",
    "number": b"1",
    "NaN": b'{"exp":NaN}',
    "Infinity": b'{"exp":Infinity}',
    "duplicate": b'{"sub":"alice","sub":"bob"}',
    "duplicate, escaped": b'{"sub":"alice","\\u0073ub":"bob"}',
    "UTF-16": '{"sub":"alice"}'.encode("utf-16"),
    "UTF-32": '{"sub":"alice"}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"sub":"alice"}',
    "Latin-1": b'{"sub":"\xe9"}',
    "lone surrogate": b'{"sub":"\\ud800"}',
    "lone surrogate in a name": b'{"\\udc00":1}',
    "nested 33 deep": b'{"x":' + b"[" * 32 + b"]" * 32 + b"}",
    "nested 100000 deep": b'{"x":' + b"[" * 100_000,
    "257 members": json.dumps({str(number): 1 for number in range(257)}).encode(),
    "21 digits": b'{"exp":' + b"9" * 21 + b"}",
    "100000 digits": b'{"exp":' + b"9" * 100_000 + b"}",
    "float beyond range": b'{"exp":1e400}',
    "trailing": b'{"sub":"alice"} x',
}


@pytest.mark.parametrize("payload", BAD_PAYLOADS.values(), ids=BAD_PAYLOADS)
def test_c5_c6_payload_that_is_no_strict_json(payload: bytes) -> None:
    """Claims that aren't one strict JSON object, or exceed a limit, are a DecodeError (C5, C6)."""
    with pytest.raises(DecodeError, match="Invalid payload string"):
        jws.parse_payload(payload)


def test_c6_payload_limits_are_exact() -> None:
    """Claims 32 deep, of 256 members and 20 digits are read."""
    for text in (
        '{"x":' + "[" * 31 + "]" * 31 + "}",
        json.dumps({str(number): 1 for number in range(256)}),
        '{"exp":' + "9" * 20 + "}",
    ):
        assert jws.parse_payload(text.encode()) == json.loads(text)
    assert jws.MAX_PAYLOAD_DEPTH == 32


# ── a verdict depends on the token alone ─────────────────────────────────────────────────


def test_header_of_one_parse_does_not_change_another() -> None:
    """A change of a parsed header, if it can be changed, does not reach another parse."""
    token = jws.sign({"typ": "JWT", "x": [1]}, PAYLOAD, HS256)
    accept(token)
    header = cast(dict[str, Any], jws.parse(token).header)
    expected = {"alg": "HS256", "typ": "JWT", "x": [1]}
    try:
        header["alg"] = "none"
        header["kid"] = "of the attacker"
    except TypeError:
        assert header == expected
    assert jws.parse(token).header == expected
    assert accept(token) == PAYLOAD


def test_header_nested_value_does_not_change_another() -> None:
    """A change of a list in a parsed header does not reach another parse."""
    token = jws.sign({"y": [1]}, PAYLOAD, HS256)
    accept(token)
    inner = jws.parse(token).header["y"]
    if isinstance(inner, list):
        inner.append(2)
    assert jws.parse(token).header == {"alg": "HS256", "y": [1]}


def test_refused_token_is_not_remembered() -> None:
    """A header is kept after a valid signature under it, and at most 64 headers are kept."""
    for number in range(200):
        token = jws.sign({"x": f"refused {number}"}, PAYLOAD, HS256)
        refused(token, keys.key("HS256", 1), InvalidSignatureError)
        assert token.partition(".")[0].encode() not in jws._known_headers
    for number in range(200):
        token = jws.sign({"x": f"accepted {number}"}, PAYLOAD, HS256)
        accept(token)
        assert token.partition(".")[0].encode() in jws._known_headers
        assert len(jws._known_headers) <= 64
        assert accept(token) == PAYLOAD


def test_remembered_header_proves_nothing() -> None:
    """A header that was accepted once lends nothing to another payload, signature or key."""
    token = jws.sign({"x": "remembered"}, PAYLOAD, HS256)
    accept(token)
    header, payload, signature = token.split(".")
    refused(f"{header}.e30.{signature}", error=InvalidSignatureError)
    refused(f"{header}.{payload}.", error=InvalidSignatureError)
    refused(token, keys.key("HS256", 1), InvalidSignatureError)
    refused(token, keys.key("HS512"), InvalidAlgorithmError)
    with pytest.raises(DecodeError, match="too long"):
        jws.parse(token, max_length=len(token) - 1)


# ── errors ───────────────────────────────────────────────────────────────────────────────

ANY_TEXT = st.one_of(
    st.text(max_size=60),
    st.text('abcXYZ09-_.=+/ \n\0\u00e9\ud800{}"', max_size=80),
    st.text(st.characters(categories=["Cs", "Ll", "Nd"]), max_size=20),
    st.lists(st.text("eyJhbGciOi.", max_size=12), max_size=8).map(".".join),
    st.lists(st.binary(max_size=24).map(base64url.encode), min_size=3, max_size=3).map(".".join),
    st.tuples(st.text(max_size=20), st.integers(0, 400)).map(lambda pair: pair[0] * pair[1]),
)


@examples(3000)
@given(ANY_TEXT)
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Any text at all is a parsed token or one of our errors, and the error quotes none of it."""
    try:
        parsed = jws.parse(text)
    except InvalidTokenError as error:
        refusal = error
    else:
        rebuilt = (base64url.encode(parsed.payload), base64url.encode(parsed.signature))
        assert text.split(".")[1:] == list(rebuilt)
        return
    assert type(refusal).__name__ in exceptions.__all__
    assert len(f"{refusal} {refusal!r}") < 300


@examples(2000)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.binary(max_size=40).map(lambda data: base64.urlsafe_b64encode(data) + b".e30.AA"),
        st.binary(max_size=40).map(lambda data: base64url.encode(data).encode() + b".e30.AA"),
    )
)
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    """Any bytes, and headers of any bytes, give a parsed token or one of our errors."""
    try:
        parsed = jws.parse(data)
    except InvalidTokenError:
        return
    assert json.loads(base64url.decode(data.split(b".")[0])) == parsed.header


def shown_of(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidTokenError) as caught:
        call()
    error = caught.value
    found = [f"{error} {error!r} {error.args} {error.description}"]
    seen: BaseException | None = error
    while seen is not None:
        found.append(f"{seen} {seen!r}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\n".join(found)


@examples(400)
@given(
    st.text("XYZxyzqQjJ0123456789", min_size=12, max_size=40),
    st.data(),
)
def test_messages_hold_no_piece_of_the_token(secret: str, data: st.DataObject) -> None:
    """No eight characters of a refused token, decoded or not, are in the error."""
    spoiled = data.draw(st.sampled_from(["", "x", '"', "\\", "\x01", "}", "\\ud800", "{"]))
    header = json.dumps({"alg": secret, "x": secret})
    tokens = [
        secret,
        f"{secret}.{secret}",
        f"{secret}.{secret}.{secret}",
        f"{secret}!.{secret}.{secret}",
        signed(header),
        signed(header[:-1] + spoiled + secret, secret),
        signed(json.dumps({"alg": "HS256", "kid": [secret]})),
        signed(json.dumps({"alg": "HS256", "kid": secret + "\n"})),
        signed(json.dumps({"alg": "HS256", "jku": secret})),
        signed(f'{{"alg":"HS256","{secret}":1,"{secret}":2}}'),
        signed(json.dumps({"alg": "HS256"}), secret, keys.key("HS256", 1)),
    ]
    shown = [shown_of(lambda token=token: accept(token)) for token in tokens]  # type: ignore[misc]
    shown.append(shown_of(lambda: jws.parse_payload(f'{{"a":"{secret}'.encode())))
    for text in shown:
        for token in (*tokens, secret):
            for start in range(len(token) - 7):
                piece = token[start : start + 8]
                assert piece not in text or piece in "Invalid header string: "
