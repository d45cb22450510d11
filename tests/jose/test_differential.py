"""Ours against PyJWT and joserfc, on many generated tokens, good and spoiled.

Each token comes from a number, so that a failure can be looked at by itself:
``judge(case(12345))``. Where two verdicts differ one of the reasons below must hold of that very
token, by a check that uses nothing of ours. SIGNET_TEST_EFFORT=20 makes twenty times as many.
"""

import base64
import itertools
import json
import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from random import Random
from typing import Any, Final, NamedTuple

import joserfc.jws
import joserfc.jwt
import jwt
import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from flask_signet.exceptions import InvalidTokenError
from flask_signet.jose import jws

from . import keys
from .effort import EFFORT

COUNT: Final = 100_000 * EFFORT
SEED: Final = 7515

NAMES: Final = ["HS256", "HS384", "HS512", "EdDSA", "ES256", "ES384", "ES512", "RS256", "PS256"]
WEIGHTS: Final = [53, 16, 16, 6, 5, 1, 1, 1, 1]


# ── the three libraries ──────────────────────────────────────────────────────────────────


class Verdict(NamedTuple):
    """What a library says of a token: its header and claims, or None and why."""

    content: tuple[dict[str, Any], dict[str, Any]] | None
    why: str = ""


@cache
def theirs(name: str, number: int) -> tuple[Any, Any, Any]:
    """One of our keys as PyJWT takes it, to sign and to verify, and as joserfc takes it."""
    private = keys.private(name, number)
    jwk = {**keys.key(name, number).to_private_jwk(), "kid": "k"}
    kind: Any = {"oct": OctKey, "EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}[jwk["kty"]]
    public = private if isinstance(private, bytes) else private.public_key()
    return private, public, kind.import_key(jwk)


@cache
def registry(name: str) -> joserfc.jws.JWSRegistry:
    """joserfc's rules, with unknown header members ignored and its limits set to ours."""
    rules = joserfc.jws.JWSRegistry(algorithms=[name], strict_check_header=False)
    rules.max_header_length = rules.max_payload_length = rules.max_signature_length = 100_000
    return rules


def ask_ours(token: str | bytes, name: str) -> Verdict:
    try:
        parsed = jws.parse(token)
        payload = jws.parse_payload(jws.verify(parsed, keys.key(name)))
    except InvalidTokenError as error:
        return Verdict(None, repr(error))
    return Verdict((dict(parsed.header), payload))


NO_CLAIMS: Final[Any] = {
    f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
}


def ask_pyjwt(token: str | bytes, name: str) -> Verdict:
    try:
        found = jwt.decode_complete(token, theirs(name, 0)[1], [name], NO_CLAIMS)
    except Exception as error:
        return Verdict(None, repr(error))
    return Verdict((found["header"], found["payload"]))


def ask_joserfc(token: str | bytes, name: str) -> Verdict:
    try:
        found = joserfc.jwt.decode(token, theirs(name, 0)[2], registry=registry(name))
    except Exception as error:
        return Verdict(None, repr(error))
    return Verdict((found.header, found.claims))


def sign_ours(header: dict[str, Any], payload: bytes, name: str, number: int = 0) -> str:
    return jws.sign(header, payload, keys.key(name, number))


def sign_pyjwt(header: dict[str, Any], payload: bytes, name: str) -> str:
    return jwt.api_jws.encode(payload, theirs(name, 0)[0], name, header)


def sign_joserfc(header: dict[str, Any], payload: bytes, name: str) -> str:
    full = {**header, "alg": name}
    return joserfc.jws.serialize_compact(full, payload, theirs(name, 0)[2], registry=registry(name))


SIGNERS: Final[list[Callable[[dict[str, Any], bytes, str], str]]] = [
    sign_ours,
    sign_pyjwt,
    sign_joserfc,
]
OTHERS: Final = {"PyJWT": ask_pyjwt, "joserfc": ask_joserfc}


# ── good tokens ──────────────────────────────────────────────────────────────────────────

WORDS: Final = [
    "",
    "a",
    "alice",
    "sub",
    "iss",
    "exp",
    "aud",
    "roles",
    "x y",
    "0",
    "null",
    "NaN",
    "[{",
    "\u00e9",
    "e\u0301",
    "\u4e2d\u6587",
    "\U0001f511",
    "\u202e",
    "\0",
    "\n\t",
    '"',
    "\\",
    "\x7f",
    "\ufeff",
    "\uffff",
    "\\ud800",
    "/",
    "<script>",
    "a" * 100,
    "https://example.com/roles",
]
NUMBERS: Final = [
    0,
    -0.0,
    1,
    -1,
    0.1,
    1e-7,
    1.5e300,
    -2.5,
    5e-324,
    1.7976931348623157e308,
    1_700_000_000,
    2**31,
    2**53,
    2**53 + 1,
    2**63,
    2**64,
    -(2**63),
    10**19,
    1_700_000_000.25,
    123456789.0,
]


def value(numbers: Random, depth: int) -> Any:
    kind = numbers.randrange(8 if depth else 5)
    if kind < 2:
        return numbers.choice(WORDS)
    if kind < 4:
        return numbers.choice(NUMBERS)
    if kind == 4:
        return numbers.choice([True, False, None, [], {}])
    if kind == 5:
        return [value(numbers, depth - 1) for _ in range(numbers.randrange(4))]
    return members(numbers, depth - 1, 4)


def members(numbers: Random, depth: int, most: int) -> dict[str, Any]:
    return {numbers.choice(WORDS): value(numbers, depth) for _ in range(numbers.randrange(most))}


def written(numbers: Random, content: Any) -> bytes:
    separators = numbers.choice([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])
    return json.dumps(content, ensure_ascii=numbers.random() < 0.5, separators=separators).encode()


def random_header(numbers: Random) -> dict[str, Any]:
    header: dict[str, Any] = {}
    if numbers.random() < 0.7:
        header["typ"] = numbers.choice(["JWT", "at+jwt", "jwt", "JOSE", ""])
    if numbers.random() < 0.6:
        header["kid"] = numbers.choice(["k", "2011-04-29", "a b", "~" * 256, "../x", "'--", " "])
    if numbers.random() < 0.2:
        header |= {f"x-{name}": content for name, content in members(numbers, 2, 3).items()}
    return header


# ── spoiled tokens ───────────────────────────────────────────────────────────────────────


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Case:
    """A token in the making."""

    number: int
    numbers: Random
    name: str
    header: dict[str, Any]
    payload: dict[str, Any]
    token: str | bytes
    mutation: str = "none"

    @property
    def parts(self) -> list[str]:
        assert isinstance(self.token, str)
        return self.token.split(".")

    def signed(self, header: bytes | None = None, payload: bytes | None = None) -> str:
        """A token of this header and payload as they are, with a signature that holds."""
        if header is None:
            header = written(self.numbers, {**self.header, "alg": self.name})
        if payload is None:
            payload = written(self.numbers, self.payload)
        return self.signed_segments(b64(header), b64(payload))

    def signed_segments(self, header: str, payload: str) -> str:
        signing_input = f"{header}.{payload}"
        return f"{signing_input}.{b64(keys.key(self.name).sign(signing_input.encode()))}"

    def header_with(self, **changed: Any) -> str:
        full = {"alg": self.name, **self.header, **changed}
        return self.signed(written(self.numbers, full))


Mutation = Callable[[Case], str | bytes]
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
JUNK: Final = [
    " ",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "=",
    "+",
    "/",
    "!",
    ".",
    "%2E",
    "\v",
    "~",
    "\u00e9",
    "\uff21",
    "\u0410",
    "\ud800",
    "\udcff",
    "\U0001f511",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\u0661",
    ",",
    "AAAA",
]


def at_random(case: Case, change: Callable[[str], str]) -> str:
    assert isinstance(case.token, str)
    place = case.numbers.randrange(len(case.token))
    return case.token[:place] + change(case.token[place]) + case.token[place + 1 :]


def flip_character(case: Case) -> str:
    return at_random(case, lambda old: chr(ord(old) ^ 1 << case.numbers.randrange(7)))


def other_character(case: Case) -> str:
    return at_random(case, lambda _: case.numbers.choice(ALPHABET))


def insert_junk(case: Case) -> str:
    return at_random(case, lambda old: case.numbers.choice(JUNK) + old)


def flip_signature_bit(case: Case) -> str:
    header, payload, signature = case.parts
    data = bytearray(unb64(signature))
    data[case.numbers.randrange(len(data))] ^= 1 << case.numbers.randrange(8)
    return f"{header}.{payload}.{b64(bytes(data))}"


def flip_payload_bit(case: Case) -> str:
    header, payload, signature = case.parts
    data = bytearray(unb64(payload))
    data[case.numbers.randrange(len(data))] ^= 1 << case.numbers.randrange(8)
    return f"{header}.{b64(bytes(data))}.{signature}"


def resize_signature(case: Case) -> str:
    header, payload, signature = case.parts
    data = unb64(signature)
    cut = case.numbers.randrange(len(data))
    return f"{header}.{payload}.{b64(case.numbers.choice([data[:cut], data[cut:], data + data]))}"


def signature_of_another(case: Case) -> str:
    header, payload, _ = case.parts
    other = keys.key(case.name, 1).sign(f"{header}.{payload}".encode())
    return f"{header}.{payload}.{b64(other)}"


def edge_signature(case: Case) -> str:
    header, payload, signature = case.parts
    size = len(unb64(signature))
    edge = case.numbers.choice([bytes(size), b"\xff" * size, bytes(size - 1) + b"\1", b"", b"\0"])
    return f"{header}.{payload}.{b64(edge)}"


def malleable_signature(case: Case) -> str:
    header, payload, signature = case.parts
    if case.name not in keys.ORDERS:
        return edge_signature(case)
    data = unb64(signature)
    half = len(data) // 2
    s = keys.ORDERS[case.name] - int.from_bytes(data[half:], "big")
    return f"{header}.{payload}.{b64(data[:half] + s.to_bytes(half, 'big'))}"


def stray_bits(case: Case) -> str:
    """A last character that differs only in bits that hold nothing, where there are such."""
    parts = case.parts
    place = case.numbers.randrange(3)
    spare = {2: 4, 3: 2}.get(len(parts[place]) % 4, 0)
    last = ALPHABET.index(parts[place][-1]) ^ case.numbers.randrange(1, 1 << spare) if spare else 0
    parts[place] = parts[place][:-1] + ALPHABET[last]
    if place == 2:
        return ".".join(parts)
    return case.signed_segments(*parts[:2])


def padded(case: Case) -> str:
    parts = case.parts
    extra = [case.numbers.choice(["", "=", "==", "=" * (-len(part) % 4)]) for part in parts]
    token = case.signed_segments(parts[0] + extra[0], parts[1] + extra[1])
    return token + extra[2]


def standard_alphabet(case: Case) -> str:
    parts = [part.translate(str.maketrans("-_", "+/")) for part in case.parts]
    return case.signed_segments(*parts[:2]).replace("_", "/")


def rearranged(case: Case) -> str:
    parts = case.parts
    return case.numbers.choice(
        [
            *(".".join(order) for order in itertools.permutations(parts)),
            ".".join(parts[:2]),
            ".".join([*parts, parts[2]]),
            ".".join([parts[0], *parts]),
            f".{case.token!s}",
            f"{case.token!s}.",
            f"{parts[0]}..{parts[2]}",
            "..",
            ".",
            "",
            f"..{parts[2]}",
            f".{parts[1]}.{parts[2]}",
            f"{parts[0]}.{parts[1]}.",
            parts[1],
        ]
    )


def dressed(case: Case) -> str:
    header, payload, signature = case.parts
    whole = {"protected": header, "payload": payload, "signature": signature}
    return case.numbers.choice(
        [
            f"Bearer {case.token!s}",
            f'"{case.token!s}"',
            f" {case.token!s}",
            f"{case.token!s}\n",
            json.dumps(whole),
            json.dumps({"payload": payload, "signatures": [whole]}),
            f"{case.token!s},{case.token!s}",
            f"{case.token!s}%20",
            f"\ufeff{case.token!s}",
        ]
    )


def truncated(case: Case) -> str:
    assert isinstance(case.token, str)
    return case.token[: case.numbers.randrange(len(case.token))]


def other_case(case: Case) -> str:
    assert isinstance(case.token, str)
    return case.numbers.choice([case.token.lower(), case.token.upper(), case.token.swapcase()])


def as_utf16(case: Case) -> bytes:
    assert isinstance(case.token, str)
    return case.token.encode(case.numbers.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig"]))


def other_alg(case: Case) -> str:
    choices: list[Any] = [name for name in keys.NAMES if name != case.name]
    choices += ["none", "None", "NONE", "", f"{case.name} ", case.name.lower(), f"{case.name}\0"]
    choices += [None, 1, True, [case.name], {"alg": case.name}, [], {}, 1.5]
    return case.header_with(alg=case.numbers.choice(choices))


def no_alg(case: Case) -> str:
    header = case.numbers.choice([case.header, {}, {"ALG": case.name}, {"alg ": case.name}])
    return case.signed(json.dumps(header).encode())


def alg_none(case: Case) -> str:
    alg = case.numbers.choice(["none", "None", "nOnE", "NONE"])
    segments = b64(json.dumps({"alg": alg}).encode()), case.parts[1]
    return ".".join([*segments, case.numbers.choice(["", case.parts[2]])])


def bad_kid(case: Case) -> str:
    kids = [
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
        "\u00e9",
        "\n",
        "a\0",
        "\x7f",
    ]
    return case.header_with(kid=case.numbers.choice(kids))


def forbidden_member(case: Case) -> str:
    jwk = {"kty": "oct", "k": "AAAA"}
    choices: list[tuple[str, Any]] = [
        ("crit", []),
        ("crit", ["exp"]),
        ("crit", ["b64"]),
        ("crit", ["typ"]),
        ("crit", [1]),
        ("crit", "exp"),
        ("crit", None),
        ("crit", {}),
        ("crit", 1),
        *(("b64", b64_) for b64_ in (True, False, None, 0, "no")),
        ("zip", "DEF"),
        ("jwk", jwk),
        ("jwk", None),
        ("jwk", "x"),
        ("jku", "https://example.com"),
        ("jku", 1),
        ("x5u", "https://example.com"),
        ("x5u", "x"),
        ("x5c", ["AAAA"]),
        ("x5c", "AAAA"),
        ("x5c", []),
    ]
    member, content = case.numbers.choice(choices)
    extra = {"crit": ["b64"]} if member == "b64" and case.numbers.random() < 0.3 else {}
    return case.header_with(**{member: content}, **extra)


def registered_member(case: Case) -> str:
    member = case.numbers.choice(["typ", "cty", "x5t", "x5t#S256", "iss", "enc", "p2c", "url"])
    contents: list[Any] = ["x", "", None, 1, [], {}, True, ["JWT"], 2.5, "JWT"]
    content = case.numbers.choice(contents)
    return case.header_with(**{member: content})


ODD_VALUES: Final = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e999",
    "1" * 20,
    "1" * 21,
    "-" + "1" * 19,
    "-" + "1" * 20,
    "1" * 200,
    "1" * 5000,
    "01",
    "+1",
    ".5",
    "5.",
    "0x1",
    "1_0",
    "1e5",
    "-0",
    '"\\ud800"',
    '"\\udc00x"',
    '["\\udfff"]',
    '{"\\ud800":1}',
    '"\\ud83d\\udd11"',
    '"\\u0000"',
    '"\n"',
    '"\x01"',
    '"\\x41"',
    "'a'",
    "True",
    "undefined",
    "",
    "1,",
    "[1,]",
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '[{"b":1},{"b":1,"b":1}]',
    '"\\\\ud800"',
    "1.0",
    "1E400",
    "0.1e1",
    *(json.dumps(dict.fromkeys(map(str, range(count)), 1)) for count in (255, 256, 257, 300)),
    *("[" * levels + "]" * levels for levels in (2, 6, 7, 8, 30, 31, 32, 33, 200, 1200)),
    *('{"a":' * levels + "1" + "}" * levels for levels in (2, 6, 7, 8, 30, 31, 32, 33, 200)),
    "[" * 40,
    "]" * 40,
    '"' + "[" * 40 + '"',
    '"\\"' + "[" * 40 + '"',
]

ODD_DOCUMENTS: Final[list[Callable[[bytes], bytes]]] = [
    *(lambda plain, name=name: plain.decode().encode(name) for name in ("utf-16", "utf-16-le")),
    *(lambda plain, name=name: plain.decode().encode(name) for name in ("utf-16-be", "utf-32")),
    lambda plain: plain.decode().encode("latin-1", "replace"),
    *(lambda plain, text=text: text + plain for text in (b"\xef\xbb\xbf", b"\xc2\xa0", b"// x\n")),
    *(lambda plain, text=text: plain + text for text in (b"\xff", b"\0", b"x", b"\f", b"{}")),
    lambda plain: b"\r\n\t " + plain + b"\n ",
    lambda plain: b'{"x":"\xed\xa0\x80",' + plain[1:],
    lambda plain: b"[" + plain + b"]",
    lambda plain: plain[:-1],
    lambda plain: plain[:-1] + b",}",
    lambda plain: plain[:-1] + b',"x":2}',
    lambda plain: b'{"\\u0078":2,' + plain[1:],
    *(lambda plain, size=size: b'{"' + b"z" * size + b'":1,' + plain[1:] for size in (900, 1100)),
    *(lambda _, text=text: text for text in (b"[]", b"{}", b"", b"null", b"1", b'"x"', b"NaN")),
]


def odd_text(numbers: Random, content: dict[str, Any]) -> bytes:
    """JSON, or nearly, that readers disagree on."""
    plain = written(numbers, {"x": 1, **content})
    if numbers.random() < 0.4:
        return numbers.choice(ODD_DOCUMENTS)(plain)
    return f'{{"odd":{numbers.choice(ODD_VALUES)},'.encode() + plain[1:]


def odd_header(case: Case) -> str:
    return case.signed(odd_text(case.numbers, {**case.header, "alg": case.name}))


def odd_payload(case: Case) -> str:
    return case.signed(payload=odd_text(case.numbers, case.payload))


def large_payload(case: Case) -> str:
    size = case.numbers.choice([8_000, 11_900, 12_300, 16_000])
    return case.signed(payload=json.dumps({"x": "y" * size}).encode())


SPOILED: Final[list[Mutation]] = [
    flip_character,
    other_character,
    insert_junk,
    flip_signature_bit,
    flip_payload_bit,
    resize_signature,
    signature_of_another,
    edge_signature,
    malleable_signature,
    stray_bits,
    padded,
    standard_alphabet,
    rearranged,
    dressed,
    truncated,
    other_case,
    as_utf16,
    other_alg,
    no_alg,
    alg_none,
    bad_kid,
    forbidden_member,
    registered_member,
    odd_header,
    odd_header,
    odd_header,
    odd_payload,
    odd_payload,
    odd_payload,
    odd_payload,
]
MUTATIONS: Final = [*SPOILED, *SPOILED, large_payload]  # the large ones take their time


def case(number: int) -> Case:
    """The token of this number: two of five as a library made it, the others spoiled."""
    numbers = Random(SEED * 1_000_000_000 + number)
    [name] = numbers.choices(NAMES, WEIGHTS)
    header, payload = random_header(numbers), members(numbers, 4, 8)
    token = SIGNERS[number % 3](header, written(numbers, payload), name)
    made = Case(number, numbers, name, header, payload, token)
    if number % 5 >= 2:
        mutation = numbers.choice(MUTATIONS)
        made.mutation = mutation.__name__
        made.token = mutation(made)
    if isinstance(made.token, str) and numbers.random() < 0.3:
        made.token = made.token.encode("utf-8", "surrogatepass")
    return made


# ── why verdicts differ ──────────────────────────────────────────────────────────────────


class Facts:
    """A token read as laxly as can be, by the standard library only."""

    def __init__(self, token: str | bytes) -> None:
        self.token = token.decode("utf-8", "surrogateescape") if isinstance(token, bytes) else token
        segments = [*self.token.split("."), "", ""]
        self.segments = segments[:2]

    @cached_property
    def documents(self) -> list[bytes]:
        """The header and the payload."""
        return [self._lax(segment) for segment in self.segments]

    @staticmethod
    def _lax(segment: str) -> bytes:
        text = re.sub(r"[^A-Za-z0-9+/]", "", segment.replace("-", "+").replace("_", "/"))
        return base64.b64decode(text[: len(text) - (len(text) % 4 == 1)] + "==")

    def members(self) -> dict[str, Any]:
        try:
            found = json.loads(self.documents[0])
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def objects(self) -> Iterator[list[tuple[str, Any]]]:
        """The pairs of every object of both documents."""
        for document in self.documents:
            pairs: list[list[tuple[str, Any]]] = []
            try:
                json.loads(document, object_pairs_hook=pairs.append)
            except (ValueError, RecursionError):
                continue
            yield from pairs

    @cached_property
    def bare(self) -> list[str]:
        """Both documents with the texts in them left out."""
        return [
            re.sub(
                r'"[^"\\]*(?:\\.[^"\\]*)*"',
                '""',
                document.decode(json.detect_encoding(document), "surrogatepass"),
                flags=re.DOTALL,
            )
            for document in self.documents
        ]

    def tokens(self, pattern: str) -> Iterator[str]:
        """What of both documents, texts aside, matches a pattern."""
        for text in self.bare:
            yield from re.findall(pattern, text)

    def depths(self) -> list[int]:
        found = []
        for text in self.bare:
            steps = ((character in "[{") - (character in "]}") for character in text)
            found.append(max(itertools.accumulate(steps, initial=0)))
        return found


def has_surrogate(document: bytes) -> bool:
    try:
        json.dumps(json.loads(document), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def is_plain_utf8(document: bytes) -> bool:
    try:
        document.decode()
    except UnicodeDecodeError:
        return False
    return json.detect_encoding(document) == "utf-8"


def is_short_printable(kid: Any) -> bool:
    return isinstance(kid, str) and re.fullmatch(r"[ -~]{1,256}", kid) is not None


Reason = Callable[[Facts], object]

WE_REFUSE: Final[dict[str, Reason]] = {
    "padding is refused (RFC 7515 section 2); PyJWT takes it for the sake of a load balancer": (
        lambda facts: "=" in facts.token
    ),
    "a token of more than 16384 characters is refused": lambda facts: len(facts.token) > 16_384,
    "a header of more than 1024 bytes is refused": lambda facts: len(facts.documents[0]) > 1024,
    "a header member that brings a key or changes the reading is refused, whatever its value": (
        lambda facts: {"crit", "b64", "zip", "jwk", "jku", "x5u", "x5c"} & facts.members().keys()
    ),
    "a kid is 1 to 256 printable ASCII characters": (
        lambda facts: "kid" in facts.members() and not is_short_printable(facts.members()["kid"])
    ),
    "typ and cty are texts (RFC 7515 sections 4.1.9 and 4.1.10)": (
        lambda facts: any(
            not isinstance(facts.members().get(member, ""), str) for member in ("typ", "cty")
        )
    ),
    "a name that stands twice in an object is refused (RFC 8725 section 2.6)": (
        lambda facts: any(len(dict(pairs)) != len(pairs) for pairs in facts.objects())
    ),
    "an object of more than 256 members is refused": (
        lambda facts: any(len(pairs) > 256 for pairs in facts.objects())
    ),
    "NaN and Infinity are not JSON": lambda facts: any(facts.tokens("NaN|Infinity")),
    "a number beyond the range of a double is refused": (
        lambda facts: any(
            math.isinf(float(number))
            for number in facts.tokens(r"[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]+")
        )
    ),
    "an integer of more than 20 digits is refused": (
        lambda facts: any(
            len(number.lstrip("-")) > 20
            for number in facts.tokens(r"(?<![.eE+\w-])-?[0-9]+(?![.eE\w])")
        )
    ),
    "half of a surrogate pair is no character (RFC 8725 section 3.7)": (
        lambda facts: any(has_surrogate(document) for document in facts.documents)
    ),
    "JSON is UTF-8 without a byte order mark (RFC 8725 section 3.7)": (
        lambda facts: not all(is_plain_utf8(document) for document in facts.documents)
    ),
    "a header nests 8 deep at most, claims 32": (
        lambda facts: facts.depths()[0] > 8 or facts.depths()[1] > 32
    ),
}
"""Why we refuse what another library takes."""

WE_ACCEPT: Final[dict[str, Reason]] = {
    "joserfc wants a registered header member to be a text; we use no thumbprint": (
        lambda facts: any(
            not isinstance(facts.members().get(member, ""), str) for member in ("x5t", "x5t#S256")
        )
    ),
}
"""Why we accept what another library refuses."""


def judge(made: Case, seen: Counter[str] | None = None) -> list[str]:
    """What is wrong with the verdicts on a token; what explains them is counted."""
    seen = Counter() if seen is None else seen
    wrong: list[str] = []
    label = f"number {made.number}, mutation {made.mutation}, {made.name}"
    ours = ask_ours(made.token, made.name)
    seen["accepted" if ours.content else "refused"] += 1
    seen[f"mutation {made.mutation}"] += 1
    facts = Facts(made.token)
    if made.mutation != "none" and ours.content is not None:
        held = [reason for reason, holds in WE_REFUSE.items() if holds(facts)]
        wrong += [f"{label}: ours accepts, though {reason}" for reason in held]
    for library, ask in OTHERS.items():
        other = ask(made.token, made.name)
        if made.mutation == "none" and other.content is None:
            wrong.append(f"{label}: {library} refuses a good token: {other.why}")
        if ours.content is not None and other.content is not None:
            if repr(ours.content) != repr(other.content):
                wrong.append(f"{label}: {library} reads something else")
        elif (ours.content is None) != (other.content is None):
            table = WE_REFUSE if ours.content is None else WE_ACCEPT
            reasons = [reason for reason, holds in table.items() if holds(facts)]
            seen.update(reasons)
            seen[f"differs from {library}"] += 1
            if not reasons:
                wrong.append(
                    f"{label}: ours {ours.why or 'accepts'}, {library} {other.why or 'accepts'}"
                )
    return wrong


@pytest.mark.timeout(180 * EFFORT)
def test_same_verdict_or_a_reason() -> None:
    """On a hundred thousand tokens all three agree, or a stated reason holds of the token."""
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    with warnings.catch_warnings():
        # joserfc warns of the name EdDSA, which RFC 9864 deprecates.
        warnings.simplefilter("ignore", SecurityWarning)
        for number in range(COUNT):
            wrong += judge(case(number), seen)
    assert not wrong, f"seed {SEED}, {len(wrong)} unexplained:\n" + "\n".join(wrong[:20])
    assert seen["accepted"] + seen["refused"] == COUNT
    assert COUNT >= 100_000
    # The test tries what it says: enough of both verdicts, every mutation, every reason.
    assert min(seen["accepted"], seen["refused"]) > COUNT * 0.3
    assert all(seen[f"mutation {mutation.__name__}"] > COUNT // 1000 for mutation in MUTATIONS)
    assert all(seen[reason] for reason in (*WE_REFUSE, *WE_ACCEPT))
    assert all(seen[f"differs from {library}"] for library in OTHERS)


def test_a_difference_without_a_reason_is_seen() -> None:
    """A token that is refused for no reason of the table is reported with number and mutation."""
    good = case(0)
    assert good.mutation == "none"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        assert judge(good) == []
        good.token = sign_ours({}, b"{}", good.name, 1)
        assert [line.split(":")[0] for line in judge(good)] == [
            f"number 0, mutation none, {good.name}"
        ] * 2
