"""Tokens, keys, key sets and requests made at random, each judged by how it was made.

Every case comes from a number, so that a finding can be looked at by itself: ``tokens(12345)``.
What is expected is known from the making: a case starts good, and each change that is made to it is
one that leaves it good or one that must refuse it. An answer is wrong if it is another than that,
if it is an error of another kind than the documented ones, or if it repeats what it must not.

``SIGNET_TEST_EFFORT=500 python -m pytest tests/test_fuzzing.py -q -s`` makes five hundred times as
many and prints what came of them; ``SIGNET_TEST_SEED`` makes others.
"""

import base64
import hmac
import io
import itertools
import json
import logging
import os
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlencode

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask
from werkzeug.test import create_environ, run_wsgi_app
from werkzeug.wrappers import Response

from flask_signet import (
    Key,
    KeyRing,
    get_jwt_identity,
    jwt_required,
    key_blueprint,
    oauth_blueprint,
    token_blueprint,
)
from flask_signet.exceptions import DecodeError, InvalidKeyError, SignetError
from flask_signet.jwt.claims import ClaimRules
from flask_signet.jwt.verify import verify
from flask_signet.keys.fetch import FetchError
from flask_signet.keys.jwks import read_jwks
from flask_signet.stores.memory import MemoryStore
from tests.applications import (
    ALL_LOCATIONS,
    CSRF,
    GUARDS,
    METHODS,
    NOW,
    OTHER_SECRET,
    SECRET,
    application,
    expired,
    mint,
    set_clock,
)
from tests.conftest import Clock
from tests.jose import keys
from tests.jose.effort import EFFORT

SEED: Final = int(os.environ.get("SIGNET_TEST_SEED", "8725"))

WRONG: Final = ("wrongly accepted", "wrongly refused", "crashed", "leaked")


class Outcome(NamedTuple):
    """What came of one case, and for a wrong one how it was made."""

    verdict: str
    made: str = ""


def outcome(
    made: list[str], expected: bool, ask: Callable[[], Any], refusals: type[Exception]
) -> tuple[Outcome, Any]:
    """The outcome of a question that is answered, or refused by an error of one class."""
    try:
        answer = ask()
    except refusals as error:
        text = f"{error} {error!r}"
        return Outcome("wrongly refused" if expected else "refused", f"{made}: {text}"), text
    except Exception:
        return Outcome("crashed", f"{made}: {traceback.format_exc()}"), None
    return Outcome("accepted" if expected else "wrongly accepted", str(made)), answer


def numbers_of(target: str, number: int) -> Random:
    return Random(f"{SEED} {target} {number}")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# ── tokens ───────────────────────────────────────────────────────────────────────────────

LENIENT: Final = ClaimRules()
STRICT: Final = ClaimRules(
    issuers=frozenset({"us", "also us"}),
    audiences=frozenset({"api", "web"}),
    leeway=5,
    subject="string",
    require_exp=True,
    require_type=True,
    bounded_ids=True,
)

SIGNERS: Final = ["HS256", "HS256", "HS256", "HS512", "ES256", "EdDSA", "RS256", "PS256"]


@cache
def named(name: str, number: int = 0) -> Key:
    return keys.key(name, number).renamed(f"{name} {number}")


def from_pem(name: str) -> Key:
    """A public key to which no name was given."""
    return Key.from_pem(keys.public_pem(keys.private(name)), name)


@cache
def rings() -> dict[str, KeyRing]:
    """Rings of every kind. The first key of each algorithm is in it, the second never."""
    nameless = [keys.key(name).renamed(None) for name in ("RS256", "PS256", "ES256", "EdDSA")]
    return {
        "secret": KeyRing(keys.key("HS256")),
        "secrets": KeyRing(keys.key("HS512"), keys.key("HS256", 2), keys.key("HS256")),
        "pairs": KeyRing(*nameless),
        "named pairs": KeyRing(*map(named, ("RS256", "ES256", "EdDSA"))),
        "named": KeyRing(*map(named, ("HS256", "HS512", "RS256", "ES256", "EdDSA"))),
        "named secret, pairs": KeyRing(named("HS256"), *nameless),
        "PEMs": KeyRing(*map(from_pem, ("RS256", "ES256", "EdDSA"))),
        "named secret, PEMs": KeyRing(named("HS256"), *map(from_pem, ("RS256", "ES256"))),
    }


@dataclass
class Making:
    """A token in the making: what it says, what was done to it, and whether it is still good."""

    numbers: Random
    ring: str
    rules: ClaimRules
    algorithm: str
    header: dict[str, Any]
    claims: dict[str, Any]
    made: list[str] = field(default_factory=list)
    good: bool = True
    header_text: bytes | None = None
    payload_text: bytes | None = None

    def written(self) -> tuple[bytes, bytes]:
        """Both documents as JSON, spelled one way or another."""
        found = []
        for text, content in (
            (self.header_text, self.header),
            (self.payload_text, self.claims),
        ):
            separators = self.numbers.choice([(",", ":"), (", ", ": "), (" ,\n", "\t:\r ")])
            ascii_ = self.numbers.random() < 0.5
            plain = json.dumps(content, ensure_ascii=ascii_, separators=separators)
            found.append(plain.encode() if text is None else text)
        return found[0], found[1]


class Change(NamedTuple):
    """Something done to a token; ``apply`` returns whether what was good still is.

    No two are about the same thing: the second would mend what the first spoilt.
    """

    about: str
    apply: Callable[[Making], bool]


def sets(part: str, name: str, *values: Any, good: bool | str = False) -> Change:
    """Has a member say one of some values; ``good``: "lenient" where only strict rules refuse."""

    def apply(making: Making) -> bool:
        value = making.numbers.choice(values)
        getattr(making, part)[name] = value
        making.made.append(f"{part} {name}={value!r}"[:80])
        return good if isinstance(good, bool) else making.rules is LENIENT

    return Change(f"{part} {name}", apply)


def lacks(name: str, *, lenient: bool) -> Change:
    """Has no such claim."""

    def apply(making: Making) -> bool:
        making.claims.pop(name, None)
        making.made.append(f"no {name}")
        return lenient and making.rules is LENIENT

    return Change(f"claims {name}", apply)


def spells(part: str, text: Callable[[bytes, Random], bytes], *, good: bool = False) -> Change:
    """Has a document written in a way of its own."""

    def apply(making: Making) -> bool:
        content = making.header if part == "header" else making.claims
        plain = json.dumps({"first": 1, **content}).encode()
        setattr(making, f"{part}_text", text(plain, making.numbers))
        making.made.append(f"{part} spelled {getattr(making, f'{part}_text')[:60]!r}")
        return good

    return Change(f"{part} spelled", apply)


def says_another_alg(making: Making) -> bool:
    """Has the name of an algorithm that did not sign it."""
    making.header["alg"] = making.numbers.choice(
        [name for name in keys.NAMES if name != making.algorithm]
    )
    making.made.append(f"header alg={making.header['alg']!r}")
    return False


def with_value(value: str) -> Callable[[bytes, Random], bytes]:
    return lambda plain, _numbers: b'{"odd":' + value.encode() + b"," + plain[1:]


def _deep(levels: int) -> str:
    return "[" * levels + "]" * levels


NO_TIMES: Final = ["1", True, False, None, [NOW], {}, "", "NaN", 253402300800, 1e300, -1e300]
NO_TEXTS: Final = [None, True, 1.5, [], ["a"], {}, {"a": 1}]
HEADER_CHANGES: Final[list[Change]] = [
    sets("header", "typ", "JWT", "at+jwt", "", "e\u0301", good=True),
    sets("header", "typ", *NO_TEXTS, 1),
    sets("header", "x", 1, "y", None, [1, {"a": [2]}], {"crit": ["x"]}, "e\u0301", good=True),
    sets("header", "cty", "JWT", "text/plain", good=True),
    sets("header", "cty", *NO_TEXTS, 1),
    sets("header", "Alg", "none", good=True),
    sets("header", "alg", *("none", "None", "NONE", "", "HS257", "hs256", "HS256 ", "RS1", "dir")),
    sets("header", "alg", *NO_TEXTS),
    Change("header alg", says_another_alg),
    sets("header", "kid", *(1, 1.5, True, [], {}, "", "k" * 257, "\u00e9", "a\n", "\0", None)),
    *(
        sets("header", name, True, False, None, [], ["exp"], {}, "x", {"kty": "oct", "k": "AAAA"})
        for name in ("crit", "b64", "zip", "jwk", "jku", "x5u", "x5c")
    ),
]
CLAIM_CHANGES: Final[list[Change]] = [
    *(sets("claims", name, *NO_TIMES) for name in ("exp", "iat", "nbf")),
    sets("claims", "exp", NOW + 1, NOW + 0.5, NOW + 1e9, 253402300799, good=True),
    sets("claims", "exp", NOW - 5, NOW - 6, NOW - 5.5, 0, 1, -1, -1e11),
    sets("claims", "iat", NOW, NOW - 0.5, 0, 0.0, good=True),
    sets("claims", "iat", NOW + 6, NOW + 3600, -1),
    sets("claims", "nbf", NOW, NOW - 1, 0, good=True),
    sets("claims", "nbf", NOW + 6, NOW + 1e8, -1, -0.5),
    sets("claims", "sub", "a", "\u4e2d", " ", "a" * 255, "\U0001f511", "a\nb", good=True),
    sets("claims", "sub", "", "a" * 256, 5, 0, -1, 2**63, good="lenient"),
    sets("claims", "sub", *NO_TEXTS),
    sets("claims", "jti", *NO_TEXTS, 5),
    sets("claims", "jti", "", "j" * 65, good="lenient"),
    sets("claims", "fresh", True, False, 0, NOW, NOW + 0.5, good=True),
    sets("claims", "fresh", 10**19, 1e18, 1e300, good="lenient"),
    sets("claims", "fresh", *("true", None, [], {}, [True])),
    sets("claims", "type", "access", "refresh", "Access", 1, None, [], good=True),
    sets("claims", "iss", "also us", good=True),
    sets(
        "claims", "iss", *("u", "us ", "US", "us/", "", ["us"], {"us": 1}, None, 1), good="lenient"
    ),
    sets("claims", "aud", "web", ["api"], ["x", "web"], good=True),
    sets(
        "claims",
        "aud",
        *("ap", "API", "", [], ["x"], {"api": 1}, 1, None, [["api"]]),
        good="lenient",
    ),
    sets("claims", "aud", ["api", 1], [None, "web"], good="lenient"),
    sets("claims", "x", 1, None, -0.0, 1e300, 5e-324, 10**19, -(10**19), "\0", "\ufeff", good=True),
    sets("claims", "x", {"a": [{"b": [[[[1]]]]}]}, ["[" * 100], {"{" * 100: 1}, good=True),
    lacks("exp", lenient=True),
    lacks("jti", lenient=True),
    lacks("type", lenient=True),
    lacks("iss", lenient=True),
    lacks("aud", lenient=True),
    lacks("sub", lenient=False),
]
BAD_VALUES: Final = [
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e999", "1" * 21, "-" + "9" * 21, "1" * 5000),
    *("01", "+1", ".5", "5.", "0x1", "1_0", "'a'", "True", "undefined", "", "1,", "[1,]", '"\n"'),
    *('"\\ud800"', '"\\udc00x"', '["\\udfff"]', '{"\\ud800":1}', '{"a":1,"a":1}', '"\\x41"'),
    *('[{"b":1,"\\u0062":1}]', "[" * 40, "]", '"a', "{}{}", "//", _deep(40), '{"a":' * 40),
    json.dumps(dict.fromkeys(map(str, range(257)), 1)),
]
GOOD_VALUES: Final = [
    *("1e5", "-0", "1E-400", "0.1e1", "1" * 20, "-" + "9" * 20, '"\\u0000"', '"\\ud83d\\udd11"'),
    *('"[[[[[[[[[[[["', '"\\"{{{{{{{{{{{{"', '"\\\\ud800"', "[ ]", _deep(6), '{"a":[{"a":[]}]}'),
]
SPELLINGS: Final[list[Change]] = [
    *(
        spells(part, with_value(value))
        for part in ("header", "payload")
        for value in BAD_VALUES
        if part == "payload" or len(value) < 600
    ),
    *(
        spells(part, with_value(value), good=True)
        for part in ("header", "payload")
        for value in GOOD_VALUES
    ),
    *(
        spells(part, change)
        for part in ("header", "payload")
        for change in (
            lambda plain, _: plain[:-1],
            lambda plain, _: b"[" + plain + b"]",
            lambda plain, _: plain + plain,
            lambda plain, _: plain + b"\0",
            lambda plain, _: b"\xef\xbb\xbf" + plain,
            lambda plain, numbers: plain.decode().encode(numbers.choice(["utf-16", "utf-32"])),
            lambda plain, _: plain[:-1] + b',"first":1}',
            lambda plain, _: plain[:-1] + b',"\\u0066irst":1}',
            lambda plain, _: plain[:-1] + b',"y":"\xff"}',
            lambda plain, _: plain[:-1] + b',"y":"\xed\xa0\x80"}',
            lambda plain, _: plain[:-1] + b',"y":"\xc0\xaf"}',
            lambda _, numbers: numbers.choice([b"", b"{}", b"[]", b"null", b"1", b'"x"', b"true"]),
            lambda plain, numbers: plain[: numbers.randrange(len(plain))],
        )
    ),
    spells("header", lambda plain, _: b'{"z":"' + b"z" * 1024 + b'",' + plain[1:]),
    spells("payload", lambda plain, _: plain + b" " * 16384),
    spells("header", lambda plain, _: b" \r\n\t" + plain + b"\n", good=True),
    spells("payload", lambda plain, _: b" \r\n\t" + plain + b" " * 5000, good=True),
]

JUNK: Final = [
    *(
        " ",
        "\n",
        "\t",
        "\0",
        "=",
        "+",
        "/",
        ".",
        "..",
        "!",
        "%2E",
        "\x7f",
        "\u00e9",
        "\uff0e",
        "\u0430",
    ),
    *("\ud800", "\udcff", "\U0001f511", "\u200b", "\ufeff", "AAAA", ",", '"'),
]
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def spoiled(token: str, numbers: Random) -> str:
    """Another text than a token's: nobody signed it."""
    at = numbers.randrange(len(token))
    parts = token.split(".")
    which = numbers.randrange(3)
    one = parts[which]
    texts = [
        token[:at] + chr(ord(token[at]) ^ 1 << numbers.randrange(8)) + token[at + 1 :],
        token[:at] + numbers.choice(ALPHABET) + token[at + 1 :],
        token[:at] + numbers.choice(JUNK) + token[at:],
        numbers.choice(JUNK) + token,
        token + numbers.choice(JUNK),
        token[:at],
        token[at:],
        token[:at] + token[at + 1 :],
        token[:at] + token[at + numbers.randrange(40) :],
        token + token,
        token.swapcase(),
        ".".join(numbers.sample(parts, 3)),
        ".".join([*parts, numbers.choice(parts)]),
        ".".join(parts[:which] + parts[which + 1 :]),
        ".".join([*parts[:which], "", *parts[which + 1 :]]),
        ".".join([*parts[:which], one + "=" * (-len(one) % 4 or 4), *parts[which + 1 :]]),
        ".".join([*parts[:which], one[:-1] + _other_last(one, numbers), *parts[which + 1 :]]),
        token.replace("-", "+").replace("_", "/") + ("" if set("-_") & set(token) else "+"),
        json.dumps({"protected": parts[0], "payload": parts[1], "signature": parts[2]}),
        "." * numbers.choice([1, 2, 3, 4, 5, 10_000]),
        "A" * numbers.choice([0, 1, 16_383, 16_384, 16_385, 1_000_000]),
        ".".join([parts[0], numbers.choice(["x", "AAAA", "e30"]) * 5000, parts[2]]),
    ]
    return numbers.choice([text for text in texts if text != token])


def _other_last(segment: str, numbers: Random) -> str:
    """A last character whose bits differ only where they hold nothing, if there are such bits."""
    spare = {2: 4, 3: 2}.get(len(segment) % 4, 0)
    last = ALPHABET.index(segment[-1]) if segment[-1:] else 0
    return ALPHABET[last ^ (numbers.randrange(1, 1 << spare) if spare else 1)]


def _signature(making: Making, text: bytes) -> bytes:
    """The signature: mostly the right one."""
    numbers, name = making.numbers, making.algorithm
    right = keys.key(name).sign(text)
    if numbers.random() < 0.9:
        return right
    public = keys.public_pem(keys.rsa_private())
    kinds: dict[str, Callable[[], bytes]] = {
        "of another key": lambda: keys.key(name, 1).sign(text),
        "of another algorithm": lambda: keys.key("HS384").sign(text),
        "of another text": lambda: keys.key(name).sign(text + b"A"),
        "by HMAC with the public key": lambda: _hmac(public, text),
        "by HMAC with the DER": lambda: _hmac(keys.public_der(keys.rsa_private()), text),
        "by HMAC with nothing": lambda: _hmac(b"", text),
        "of nothing": lambda: b"",
        "cut": lambda: right[: numbers.randrange(1, len(right))],
        "longer": lambda: right + bytes(numbers.randrange(1, 9)),
        "after a zero": lambda: b"\0" + right,
        "zeros": lambda: bytes(len(right)),
        "ones": lambda: b"\xff" * len(right),
        "one bit off": lambda: _flipped(right, numbers),
    }
    kind = numbers.choice(sorted(kinds))
    making.made.append(f"signature {kind}")
    making.good = False
    return kinds[kind]()


def _hmac(secret: bytes, text: bytes) -> bytes:
    return hmac.digest(secret, text, "sha256")


def _flipped(data: bytes, numbers: Random) -> bytes:
    spoilt = bytearray(data)
    spoilt[numbers.randrange(len(data))] ^= 1 << numbers.randrange(8)
    return bytes(spoilt)


def _fits(making: Making) -> bool:
    """Whether the ring has the key of the token's algorithm, and would find it by its header."""
    kid = making.header.get("kid")
    members = [key for key in rings()[making.ring] if key.algorithm == making.algorithm]
    if kid is not None:
        return any(not key.is_named or key.kid == kid for key in members)
    mixed = len({key.is_symmetric for key in rings()[making.ring]}) > 1
    return any(not key.is_named or not mixed for key in members)


def tokens(number: int) -> Outcome:
    """One token, and what :func:`flask_signet.jwt.verify.verify` says of it."""
    numbers = numbers_of("tokens", number)
    name = numbers.choice(SIGNERS)
    canary = f"canary{numbers.getrandbits(64):016x}"
    header: dict[str, Any] = {"alg": name}
    if numbers.random() < 0.6:
        header["kid"] = f"{name} {int(numbers.random() < 0.1)}"
    making = Making(
        numbers,
        "",
        numbers.choice([LENIENT, STRICT]),
        name,
        header,
        {
            "sub": canary,
            "iss": "us",
            "aud": "api",
            "jti": canary,
            "type": "access",
            "iat": NOW - 10,
            "exp": NOW + 900,
            "fresh": False,
            canary: canary,
        },
    )
    for ring in numbers.sample(sorted(rings()), len(rings())):
        making.ring = ring
        if _fits(making) or numbers.random() < 0.1:
            break
    making.good = _fits(making)
    making.made += [f"{making.ring}, {'lenient' if making.rules is LENIENT else 'strict'}, {name}"]
    changes = [
        numbers.choice(source)
        for source in (HEADER_CHANGES, CLAIM_CHANGES, CLAIM_CHANGES, SPELLINGS, SPELLINGS)
        if numbers.random() < 0.2
    ]
    for change in {change.about: change for change in changes}.values():
        making.good = change.apply(making) and making.good
    making.good = making.good and _fresh_ends(making)
    head, payload = making.written()
    text = f"{b64(head)}.{b64(payload)}"
    token: Any = f"{text}.{b64(_signature(making, text.encode()))}"
    if numbers.random() < 0.15:
        token = spoiled(token, numbers)
        making.made.append("spoiled text")
        making.good = False
    asked = token if numbers.random() < 0.7 else token.encode("utf-8", "surrogatepass")
    found, answer = outcome(
        making.made,
        making.good,
        lambda: verify(asked, rings()[making.ring], making.rules, float(NOW)),
        SignetError,
    )
    if isinstance(answer, str):
        return _without(answer, [canary, *(s[:12] for s in token.split(".") if len(s) > 12)], found)
    if answer is not None and found.verdict == "accepted" and making.payload_text is None:
        expected = {"type": "access", "fresh": False, "jti": None, **making.claims}
        if repr(sorted(answer.claims.items())) != repr(sorted(expected.items())):
            return Outcome("wrongly accepted", f"other claims: {found.made}")
    return found


def _fresh_ends(making: Making) -> bool:
    """Whether ``fresh``, where it is a time, is not later than ``exp``, which strict rules ask."""
    fresh, end = making.claims["fresh"], making.claims.get("exp")
    times = all(type(value) in (int, float) for value in (fresh, end))
    return making.rules is LENIENT or not times or fresh <= end


def _without(text: str, pieces: list[str], found: Outcome) -> Outcome:
    leaked = [piece for piece in pieces if piece in text]
    return Outcome("leaked", f"{leaked}: {found.made}") if leaked else found


# ── keys ─────────────────────────────────────────────────────────────────────────────────

PAIRS: Final = ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"]


@cache
def material(name: str) -> dict[str, bytes]:
    """A key pair in every form that it is handed around in."""
    private = keys.private(name)
    key = keys.key(name)
    found = {
        "public PEM": keys.public_pem(private),
        "private PEM": keys.pem(private),
        "certificate PEM": keys.certificate(private).public_bytes(Encoding.PEM),
        "public DER": keys.public_der(private),
        "private DER": keys.der(private),
        "certificate DER": keys.certificate(private).public_bytes(Encoding.DER),
        "public JWK": json.dumps(key.to_public_jwk()).encode(),
        "private JWK": json.dumps(key.to_private_jwk()).encode(),
    }
    if name != "Ed448":  # SSH has none
        found["public SSH"] = keys.openssh(private)
    return found


def _lines(text: bytes, numbers: Random) -> bytes:
    lines = text.splitlines(keepends=True)
    return b"".join(numbers.sample(lines, len(lines)))


WRAPPINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "as it is": lambda text: text,
    "after a mark": lambda text: b"\xef\xbb\xbf" + text,
    "after NULs": lambda text: b"\0\0" + text,
    "after a comment": lambda text: b"# a key\n" + text,
    "after a name": lambda text: b"KEY=" + text,
    "before more": lambda text: text + b"\n# more",
    "as base64": base64.b64encode,
    "as base64 in lines": base64.encodebytes,
    "as base64url": lambda text: b64(text).encode(),
    "as hex": lambda text: text.hex().encode(),
}
"""What leaves a key in a text that whoever looks for one can find."""

TEXT_WRAPPINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    **WRAPPINGS,
    "with CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "with escaped line breaks": lambda text: text.replace(b"\n", b"\\n"),
    "on one line": lambda text: text.replace(b"\n", b" "),
    "indented": lambda text: b"\n".join(b"  " + line for line in text.splitlines()),
    "as UTF-16": lambda text: text.decode().encode("utf-16"),
    "as UTF-32": lambda text: text.decode().encode("utf-32-be"),
    "as JSON": lambda text: json.dumps(text.decode()).encode(),
}

DAMAGES: Final[list[Callable[[bytes, Random], bytes]]] = [
    _flipped,
    lambda data, numbers: data[: numbers.randrange(len(data))],
    lambda data, numbers: data[numbers.randrange(len(data)) :],
    lambda data, numbers: _insert(data, numbers, numbers.randbytes(numbers.randrange(1, 5))),
    lambda data, numbers: _insert(data, numbers, numbers.choice([b"\n", b"=", b"\0", b"-", b'"'])),
    lambda data, numbers: data.replace(*numbers.choice(_REPLACED)),
    lambda data, _: data + data,
    lambda data, _: data[::-1],
    lambda data, numbers: numbers.randbytes(len(data)),
    _lines,
]
_REPLACED: Final = [
    *((b"PUBLIC", b"PRIVATE"), (b"PRIVATE", b"PUBLIC"), (b"CERTIFICATE", b"PUBLIC KEY")),
    *((b"BEGIN", b"END"), (b"RSA", b"EC"), (b"EC", b"OKP"), (b'"sig"', b'"enc"'), (b"A", b"a")),
    *((b'"kty"', b'"kid"'), (b"256", b"384"), (b"AQAB", b"AQ"), (b"AQAB", b"Aw"), (b'"d"', b'"k"')),
]


def _insert(data: bytes, numbers: Random, more: bytes) -> bytes:
    at = numbers.randrange(len(data))
    return data[:at] + more + data[at:]


ODD_MEMBERS: Final = [
    None,
    "",
    "A",
    "AA",
    "AQAB",
    "=",
    "\u00e9",
    1,
    -1,
    True,
    [],
    ["sig"],
    {},
    1e300,
]


def _load(form: str, data: bytes, name: str | None, numbers: Random) -> Key:
    weak, kid = numbers.random() < 0.5, numbers.choice(["AUTO", "AUTO", "AUTO", None, "k", "", 1])
    named = {} if kid == "AUTO" else {"kid": kid}
    if "JWK" in form:
        source: Any = data
        if numbers.random() < 0.5:
            try:
                source = json.loads(data)
            except (ValueError, RecursionError):
                source = data
        if isinstance(source, dict) and numbers.random() < 0.5:
            member = numbers.choice([*source, "d", "k", "p", "oth", "use", "key_ops", "alg", "crv"])
            source[member] = numbers.choice(ODD_MEMBERS)
        return Key.from_jwk(source, name, allow_weak=weak, **named)
    load = Key.from_der if "DER" in form else Key.from_pem
    password = numbers.choice([None, None, None, "password", b""])
    return load(data, name, allow_weak=weak, password=password, **named)


def loads(number: int) -> Outcome:
    """A key, whole or damaged, as what it is or as something else: a Key, or InvalidKeyError."""
    numbers = numbers_of("keys", number)
    name = numbers.choice(PAIRS)
    form = numbers.choice(sorted(material(name)))
    data = material(name)[form]
    if numbers.random() < 0.5:
        return _as_secret(numbers, form, data, [f"{name}, {form}"])
    if numbers.random() < 0.4:
        return _whole(form, data, name)
    return _damaged(numbers, form, data, name)


def _whole(form: str, data: bytes, name: str) -> Outcome:
    found, key = outcome([name, form], True, lambda: _plainly(form, data, name), InvalidKeyError)
    if isinstance(key, Key) and not key.verify(b"text", keys.key(name).sign(b"text")):
        return Outcome("wrongly refused", f"it does not verify: {found.made}")
    return found


def _damaged(numbers: Random, form: str, data: bytes, name: str) -> Outcome:
    body = (data.splitlines()[1] if "PEM" in form else data[20:])[:16].decode("latin-1")
    for damage in numbers.choices(DAMAGES, k=numbers.choice([0, 1, 1, 2, 3])):
        data = damage(data, numbers) or b"x"
    stated = numbers.choice([name, name, None, *keys.NAMES, "none", ""])
    made = f"{name}, {form}, damaged: {data[:80]!r}, as {stated}"
    try:
        key = _load(form, data, stated, numbers)
    except InvalidKeyError as error:
        return _without(f"{error}", [body], Outcome("refused", made))
    except Exception:
        return Outcome("crashed", f"{made}: {traceback.format_exc()}")
    if stated not in (None, key.algorithm) or key.is_symmetric:
        return Outcome("wrongly accepted", f"as {key!r}: {made}")
    if key.can_sign and not key.verify(b"text", key.sign(b"text")):
        return Outcome("wrongly accepted", f"it does not verify its own signature: {made}")
    return _without(repr(key), [body], Outcome("accepted", made))


def _plainly(form: str, data: bytes, name: str) -> Key:
    if "JWK" in form:
        return Key.from_jwk(data)
    return (Key.from_der if "DER" in form else Key.from_pem)(data, name)


def _as_secret(numbers: Random, form: str, data: bytes, made: list[str]) -> Outcome:
    """The same as an HMAC secret, wrapped once or twice: never; nor is a random text refused."""
    if numbers.random() < 0.3:
        size = numbers.choice([64, 64, 100, 500])
        secret = numbers.randbytes(size)
        secret = numbers.choice([secret, base64.b64encode(secret), secret.hex().encode()])
        return outcome(
            ["random secret"], True, lambda: Key.from_secret(secret, "HS512"), InvalidKeyError
        )[0]
    wrappings = WRAPPINGS if "DER" in form else TEXT_WRAPPINGS
    kinds = [numbers.choice(sorted(wrappings))]
    secret = wrappings[kinds[0]](data)
    if numbers.random() < 0.2 and "as " not in kinds[0]:
        kinds.append(numbers.choice(["as base64", "as hex", "as base64url"]))
        secret = WRAPPINGS[kinds[1]](secret)
    made = [*made, f"as a secret, {kinds}"]
    return outcome(
        made,
        False,
        lambda: Key.from_secret(secret, numbers.choice(keys.HMAC_NAMES), allow_weak=True),
        InvalidKeyError,
    )[0]


# ── key sets ─────────────────────────────────────────────────────────────────────────────


def _entry(numbers: Random, number: int) -> tuple[Any, bool, str]:
    """A member of a key set, whether it is one to use, and what it is."""
    name = numbers.choice(PAIRS)
    jwk: dict[str, Any] = {**keys.key(name).to_public_jwk(), "kid": f"k{number}"}
    changes: dict[str, tuple[dict[str, Any], bool]] = {
        "plain": ({}, True),
        "no use": ({"use": None}, False),
        "for verifying": ({"key_ops": ["verify"]}, True),
        "extra": ({"x5c": ["AAAA"], "x5t": 1, "exp": 5, "n2": {}}, True),
        "for encryption": ({"use": "enc"}, False),
        "for wrapping": ({"key_ops": ["wrapKey"]}, False),
        "for signing alone": ({"key_ops": ["sign"]}, False),
        "with an odd alg": ({"alg": numbers.choice(["none", "HS256", "", 1, [], {}])}, False),
        "of another kind": ({"kty": numbers.choice(["oct", "none", "", 1, None, []])}, False),
        "private": ({"d": "AAAA"}, False),
        "with half of a private part": ({"p": "AAAA"}, False),
        "a secret": ({"kty": "oct", "k": b64(keys.SECRET)}, False),
        "with an odd kid": ({"kid": numbers.choice([1, "", "\u00e9", [], "k" * 300])}, False),
    }
    for member in ("n", "e", "x", "y", "crv"):
        if member in jwk:
            odd = numbers.choice([None, "", "AA", "=", 1, [], {}, "\u00e9", jwk[member] + "A"])
            changes[f"odd {member}"] = ({member: odd}, False)
    kind = numbers.choice(["plain", *sorted(changes)])
    change, good = changes[kind]
    return {**jwk, **change}, good, f"{name} {kind}"


def key_sets(number: int) -> Outcome:
    """A JWKS with some keys to use and some not, or damaged: the first are found, no other."""
    numbers = numbers_of("key_sets", number)
    entries = [_entry(numbers, index) for index in range(numbers.randrange(6))]
    good = {jwk["kid"] for jwk, is_good, _ in entries if is_good}
    members: list[Any] = [jwk for jwk, *_ in entries]
    made = [kind for *_, kind in entries]
    if numbers.random() < 0.2:
        members.insert(0, numbers.choice([None, 1, "x", [], [[]], {}]))
        made.append("a member that is none")
    if good and numbers.random() < 0.2:
        kid = numbers.choice(sorted(good))
        twin = {**keys.key("ES256", 1).to_public_jwk(), "kid": kid}
        members.append(twin)
        good.discard(kid)
        made.append(f"two of {kid}")
    document = json.dumps({"keys": members, "x": 1}).encode()
    if damaged := numbers.random() < 0.3:
        for damage in numbers.choices(DAMAGES, k=numbers.choice([1, 1, 2])):
            document = damage(document, numbers) or b"x"
        made.append(f"damaged: {document[:60]!r}")
    try:
        found, _ignored = read_jwks(document, PAIRS)
    except FetchError:
        return Outcome("refused" if damaged else "wrongly refused", str(made))
    except Exception:
        return Outcome("crashed", f"{made}: {traceback.format_exc()}")
    if any(key.is_symmetric or key.can_sign or key.weakness for key in found):
        return Outcome("wrongly accepted", str(made))
    kids = {key.kid for key in found}
    if not damaged and kids != good:
        verdict = "wrongly accepted" if kids - good else "wrongly refused"
        return Outcome(verdict, f"{kids} for {good}: {made}")
    return Outcome("accepted" if found else "refused", str(made))


# ── requests ─────────────────────────────────────────────────────────────────────────────

FORMATS: Final = ("msg", "coded", "problem")


def whoami() -> dict[str, Any]:
    return {"identity": get_jwt_identity()}


@cache
def apps() -> dict[str, Flask]:
    """Applications with every guard and location, in both profiles and all forms of errors."""
    found = {}
    for profile in ("compatible", "strict"):
        for form in FORMATS:
            app = found[f"{profile}, {form}"] = application(
                profile,
                JWT_TOKEN_LOCATION=ALL_LOCATIONS,
                JWT_CSRF_CHECK_FORM=True,
                JWT_ERROR_FORMAT=form,
                PROPAGATE_EXCEPTIONS=True,
            )
            for name, arguments in GUARDS.items():
                app.add_url_rule(
                    f"/fuzzed/{name}",
                    f"fuzzed-{name}",
                    jwt_required(**arguments)(whoami),
                    methods=METHODS,
                )
    return found


class Logged(logging.Handler):
    """All that is logged, as text."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


@cache
def good_tokens() -> dict[str, str]:
    return {
        "access": mint(sub="alice"),
        "fresh": mint(sub="alice", fresh=True),
        "refresh": mint("refresh", sub="alice"),
    }


@cache
def bad_tokens() -> list[str]:
    none, _, _ = mint(header={"alg": "none"}).rpartition(".")
    return [
        *(expired(), mint(secret=OTHER_SECRET), mint(nbf=NOW + 3600), none + ".", f"{none}.AAAA"),
        *(mint(secret="public"), mint(sub=["alice"]), mint(exp="never"), mint(jti=5)),
        *(
            mint(fresh="yes"),
            mint(header={"crit": ["x"]}),
            mint(header={"kid": 1}),
            mint(header={"typ": 1}),
            mint(header={"typ": ["at+jwt"]}),
            mint(cnf={"jkt": "0ZcOCORZNYy"}),
            mint(cnf=None),
            "x",
            "...",
            "..",
        ),
        *(mint(pad="x" * 20_000), "A" * 1_000_000),
    ]


FITS: Final = {
    "required": ("access", "fresh"),
    "optional": ("access", "fresh"),
    "fresh": ("fresh",),
    "refresh": ("refresh",),
    "any-type": ("access", "fresh", "refresh"),
    "unrevoked": ("access", "fresh"),
}
"""The tokens that open the door of a guard."""

PLAIN_TOKEN: Final = re.compile(r"[A-Za-z0-9_.=+/-]+")
TEXTS: Final = [
    *(
        "",
        " ",
        "\t",
        "\x00",
        "\xa0",
        "\xff",
        ",",
        ", ",
        ";",
        "=",
        '"',
        "%",
        "%00",
        "%ff",
        "null",
        "[]",
    ),
    *(
        "Bearer",
        "bearer ",
        "Basic YTpi",
        "\x1f",
        "a" * 5000,
        "\xe9\x80",
        "{",
        '{"a":1}',
        "http://x",
    ),
]


def junk(numbers: Random) -> str:
    """Any text that a WSGI server may hand over: each character is a byte."""
    text = "".join(numbers.choice(TEXTS) for _ in range(numbers.randrange(4)))
    if numbers.random() < 0.5:
        at = numbers.randrange(len(text) + 1)
        text = text[:at] + numbers.choice([*good_tokens().values(), *bad_tokens()]) + text[at:]
    return text


def put(environ: dict[str, Any], app: Flask, location: str, token: str, *, refresh: bool) -> None:
    """Put a token where an application looks for it, with the CSRF value where one must be."""
    match location:
        case "headers":
            environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        case "cookies":
            name = app.config[f"JWT_{'REFRESH' if refresh else 'ACCESS'}_COOKIE_NAME"]
            environ["HTTP_COOKIE"] = f"{name}={token}"
            environ["HTTP_X_CSRF_TOKEN"] = CSRF
        case "query_string":
            environ["QUERY_STRING"] = urlencode({"jwt": token})
        case _:
            set_body(environ, json.dumps({"access_token": token, "refresh_token": token}).encode())
            environ["CONTENT_TYPE"] = "application/json"


def set_body(environ: dict[str, Any], body: bytes) -> None:
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    environ["tests.body"] = body.decode("latin-1")


def disturb(environ: dict[str, Any], numbers: Random) -> None:
    """Put anything anywhere."""
    names = [
        *("HTTP_AUTHORIZATION", "HTTP_COOKIE", "QUERY_STRING", "HTTP_X_CSRF_TOKEN", "CONTENT_TYPE"),
        *("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE", "CONTENT_LENGTH", "body", "json"),
    ]
    for name in numbers.choices(names, k=numbers.choice([1, 1, 2, 4])):
        if name == "body":
            set_body(environ, junk(numbers).encode("latin-1", "replace"))
        elif name == "json":
            odd = numbers.choice(
                [None, 1, [], {}, [junk(numbers)], "\ud800", junk(numbers), {"a": {}}]
            )
            set_body(environ, json.dumps(numbers.choice([odd, {"access_token": odd}])).encode())
        elif name in environ and numbers.random() < 0.5:
            environ[name] += numbers.choice([";", ",", "&", " ", "; x=", "&jwt="]) + junk(numbers)
        else:
            prefix = {
                "HTTP_AUTHORIZATION": numbers.choice(["Bearer ", "bearer ", "Bearer", ""]),
                "HTTP_COOKIE": numbers.choice(["access_token_cookie=", "__Host-access_token=", ""]),
                "QUERY_STRING": numbers.choice(["jwt=", "jwt", "JWT=", ""]),
                "CONTENT_TYPE": numbers.choice(["application/json", "multipart/form-data; ", ""]),
            }
            environ[name] = prefix.get(name, "") + junk(numbers)


def chunked(environ: dict[str, Any]) -> None:
    """The same body without its length: the server ends it."""
    environ.pop("CONTENT_LENGTH", None)
    environ.update({"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"})


LONG: Final = 1_200_000
FORM: Final = "application/x-www-form-urlencoded"
PART: Final = '--b\r\nContent-Disposition: form-data; name="user"\r\n\r\nalice\r\n'
HEADERS: Final = (
    *("HTTP_AUTHORIZATION", "HTTP_COOKIE", "QUERY_STRING", "CONTENT_TYPE", "HTTP_X_CSRF_TOKEN"),
    *("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH", "HTTP_RANGE", "HTTP_USER_AGENT", "HTTP_ORIGIN"),
)
BODIES: Final[list[tuple[str, bytes]]] = [
    ("application/json", b"[" * 5_000),
    ("application/json", b'{"a":' * 5_000),
    ("application/json", b'{"user": "\\ud800", "password": "\\udfff"}'),
    ("application/json", b'{"user": "alice", "password": 1, "device": [1], "remember": "x"}'),
    ("application/json", b'{"access_token": "x", "access_token": "y"}'),
    ("application/json", b'{"a": ' + b"1" * 10_000 + b"}"),
    ("application/json", b"[" + b"[]," * (LONG // 3) + b"1]"),
    ("application/json", b'{"refresh_token": "' + b"x" * LONG + b'"}'),
    (FORM, b"a=1&" * (LONG // 4)),
    (FORM, b"a&" * 2_000),
    (FORM, b"token=\xff&client_id=%ff&csrf_token=%00"),
    ("multipart/form-data; boundary=b", (PART + "--b--\r\n").encode()),
    ("multipart/form-data; boundary=b", (PART * 1_500).encode()),
    ("multipart/form-data; boundary=\xe9", b"--\xe9"),
]
UNITS: Final = ["a,", " ", "\t", "a&", "a;", ";a=b", "Bearer ", "a=b,", '"a",', "\xff", "=", "1-2,"]


def attack(environ: dict[str, Any], numbers: Random) -> None:
    """One of the requests that once cost a second, or ended in an error of the server."""
    kind = numbers.choice(["header", "header", "body", "body", "cookies", "bytes", "length"])
    if kind == "header":
        name, start = numbers.choice(HEADERS), numbers.choice(["", "Bearer ", "Basic ", "jwt="])
        unit, size = numbers.choice(UNITS), numbers.choice([600, 9_000, 30_000, LONG])
        environ[name] = start + unit * (size // len(unit))
    elif kind == "cookies":
        name = numbers.choice(
            ["access_token_cookie", "__Host-access_token", "refresh_token_cookie"]
        )
        texts = (f"{name}=x{at}" for at in range(numbers.choice([2, 33, 5_000])))
        environ["HTTP_COOKIE"] = ";".join(texts)
    elif kind == "bytes":
        environ["HTTP_AUTHORIZATION"] = numbers.choice(["Basic \xe9", "Bearer \xe9", "Basic /w=="])
        environ["QUERY_STRING"] = numbers.choice(
            ["\xff=\xfe", "others=\xff", "jwt=\xff", "%ff=%fe"]
        )
    elif kind == "length":
        environ["CONTENT_LENGTH"] = numbers.choice(["-1", "x", "0", "99999999999", "1e3", "\xb2"])
    else:
        environ["CONTENT_TYPE"], body = numbers.choice(BODIES)
        set_body(environ, body)
        if numbers.random() < 0.3:
            chunked(environ)


def requests(number: int) -> Outcome:
    """One request to a guarded view: with a good token, with a bad one, or with anything."""
    numbers = numbers_of("requests", number)
    name, guard = numbers.choice(sorted(apps())), numbers.choice(sorted(FITS))
    app, location = apps()[name], numbers.choice(ALL_LOCATIONS)
    kind = numbers.choice(["good", "bad", "bad", "anything", "anything"])
    method = "POST" if location == "json" else numbers.choice(METHODS)
    environ = create_environ(f"/fuzzed/{guard}", "https://localhost", method=method)
    refresh = guard == "refresh"
    fitting = [each for each in FITS[guard] if each != "refresh" or refresh]
    if refresh and location == "query_string":
        location = "headers"  # strict takes no refresh token from a URL
    token = good_tokens()[numbers.choice(fitting)]
    if kind == "bad":
        others = [text for each, text in good_tokens().items() if each not in FITS[guard]]
        wrong = [*bad_tokens(), *others, spoiled(token, numbers), spoiled(token, numbers)]
        token = numbers.choice([text for text in wrong if PLAIN_TOKEN.fullmatch(text)])
        if token in good_tokens().values() and token not in others:
            return Outcome("accepted")  # two tokens differ in their last bits only: none was made
    put(environ, app, location, token, refresh=refresh)
    if kind == "anything":
        numbers.choice([disturb, disturb, attack])(environ, numbers)
    made = [name, guard, method, location, kind, str(environ)[:3000] if kind != "good" else ""]
    sent = all_sent(environ)
    try:
        response, said = asked(app, environ)
    except Exception:
        return Outcome("crashed", f"{made}: {traceback.format_exc()}")
    found = judged(response, guard, kind, made, sent)
    pieces = [part[:16] for part in token.split(".") if len(part) >= 16]
    return _without(said, pieces, found)


def all_sent(environ: dict[str, Any]) -> str:
    """All that the client sent, as one text."""
    return " ".join(value for value in environ.values() if isinstance(value, str))


def asked(app: Flask, environ: dict[str, Any]) -> tuple[Response, str]:
    """The answer to a request, and all that was said: in the answer and in the log."""
    heard = Logged()
    logging.getLogger().addHandler(heard)
    try:
        body, status, headers = run_wsgi_app(app.wsgi_app, environ, buffered=True)
        response = Response(b"".join(body), status, headers)
    finally:
        logging.getLogger().removeHandler(heard)
    return response, " ".join(
        [str(response.headers), response.get_data(as_text=True), *heard.texts]
    )


def judged(response: Response, guard: str, kind: str, made: list[str], sent: str) -> Outcome:
    """The outcome, by the answer."""
    answer = json.loads(response.get_data())
    challenge = "WWW-Authenticate" in response.headers
    refused = response.status_code in {400, 401, 413, 422} and "identity" not in answer
    if refused is (response.status_code == 200) or challenge is not (response.status_code == 401):
        verdict = "crashed"  # an answer that is none of ours
    elif refused:
        verdict = "wrongly refused" if kind == "good" else "refused"
    elif kind == "anything":
        fitting = [good_tokens()[each] for each in FITS[guard]]
        known = answer["identity"] == "alice" and any(text in unquote(sent) for text in fitting)
        nobody = answer["identity"] is None and guard == "optional"
        verdict = "accepted" if known or nobody else "wrongly accepted"
    else:
        good = kind == "good" and answer["identity"] == "alice"
        verdict = "accepted" if good else "wrongly accepted"
    return Outcome(verdict, f"{response.status}, {answer}: {made}")


# ── requests to the ready-made endpoints ─────────────────────────────────────────────────

PASSWORD: Final = "Enchantress of Numbers, 1815"
CLIENT: Final = ("orders", "kT7-uR2.vB9_xN4~pL6")
BASIC: Final = f"Basic {base64.b64encode(':'.join(CLIENT).encode()).decode()}"
ENDPOINTS: Final[list[tuple[str, str, str]]] = [
    ("POST", "/auth/tokens", "login"),
    ("PATCH", "/auth/tokens", "refresh"),
    ("DELETE", "/auth/tokens", "access"),
    ("GET", "/auth/sessions", "access"),
    ("DELETE", "/auth/sessions", "access"),
    ("POST", "/oauth/revoke", "client"),
    ("POST", "/oauth/introspect", "client"),
    ("GET", "/.well-known/jwks.json", "nothing"),
    ("GET", "/.well-known/oauth-authorization-server", "nothing"),
]
"""Method, path, and what opens it."""

ANSWERS: Final = {200, 201, 204, 304, 400, 401, 412, 413, 422}


def authenticate(sent: Any) -> str | None:
    return "alice" if sent.get("user") == "alice" and sent.get("password") == PASSWORD else None


@cache
def endpoint_apps(_batch: int) -> dict[str, Flask]:
    """Applications with every ready-made endpoint; each batch has new ones, with empty stores."""
    found = {}
    for profile in ("compatible", "strict"):
        for cookies in (False, True):
            app = found[f"{profile}, {'cookies' if cookies else 'bodies'}"] = application(
                profile,
                JWT_TOKEN_LOCATION=["cookies"] if cookies else ["headers", "json"],
                JWT_SESSION_STORE=MemoryStore(),
                JWT_REFRESH_ROTATION=None if cookies else False,
                JWT_CSRF_CHECK_FORM=cookies,
                JWT_ENCODE_ISSUER="https://login.example.com",
                PROPAGATE_EXCEPTIONS=True,
            )
            blueprints = (
                token_blueprint(
                    authenticate,
                    cookies=cookies,
                    label=lambda sent: sent.get("device"),
                    remember=lambda sent: sent.get("remember"),
                ),
                oauth_blueprint(lambda *client: client == CLIENT),
                key_blueprint(),
            )
            for blueprint in blueprints:
                app.register_blueprint(blueprint)
    return found


def endpoints(number: int) -> Outcome:
    """One request to a ready-made endpoint: right, with wrong credentials, or with anything."""
    numbers = numbers_of("endpoints", number)
    apps_of_now = endpoint_apps(number // 1_000)
    name, (method, path, need) = numbers.choice(sorted(apps_of_now)), numbers.choice(ENDPOINTS)
    kind = numbers.choice(["good", "bad", "anything", "anything"])
    if kind == "bad" and need == "nothing":
        kind = "good"
    app, who = apps_of_now[name], f"{SEED}-{number}"
    environ = create_environ(path, "https://localhost", method=method)
    refresh = need == "refresh"
    secret = OTHER_SECRET if kind == "bad" else SECRET
    token = mint("refresh" if refresh else "access", sub=who, jti=who, secret=secret)
    if need == "login":
        fields = {"user": "alice", "password": "wrong" if kind == "bad" else PASSWORD}
        as_json = numbers.random() < 0.5
        set_body(environ, (json.dumps(fields) if as_json else urlencode(fields)).encode())
        environ["CONTENT_TYPE"] = "application/json" if as_json else FORM
    elif need == "client":
        set_body(environ, urlencode({"token": token}).encode())
        environ["CONTENT_TYPE"] = FORM
        environ["HTTP_AUTHORIZATION"] = "Basic YTpi" if kind == "bad" else BASIC
    elif need != "nothing":
        put(environ, app, app.config["JWT_TOKEN_LOCATION"][0], token, refresh=refresh)
    if kind == "anything":
        for _ in range(numbers.choice([1, 1, 2])):
            numbers.choice([disturb, attack, attack])(environ, numbers)
    sent = all_sent(environ)
    made = [name, method, path, kind, sent[:2_000] if kind != "good" else ""]
    try:
        response, said = asked(app, environ)
    except Exception:
        return Outcome("crashed", f"{made}: {traceback.format_exc()}")
    # Whatever is sent may have one of the others in it; a log-out takes one that has expired.
    tokens = [token, *good_tokens().values()]
    if (method, path) == ("DELETE", "/auth/tokens"):
        tokens.append(expired())
    keys_to_it = {"login": [PASSWORD], "client": [CLIENT[1], BASIC], "nothing": [""]}
    seen = f"{sent} {unquote(sent.replace('+', ' '))}"
    was_shown = any(each in seen for each in keys_to_it.get(need, tokens))
    found = judged_answer(response, kind, was_shown=was_shown, made=made)
    return _without(said, [PASSWORD, CLIENT[1], token.rpartition(".")[2]], found)


def judged_answer(response: Response, kind: str, *, was_shown: bool, made: list[str]) -> Outcome:
    """The outcome, by the answer.

    :param was_shown: whether the request has what opens the endpoint somewhere in it.
    """
    status, body = response.status_code, response.get_data()
    is_ours = status in ANSWERS and (not body or response.content_type == "application/json")
    is_told = ("WWW-Authenticate" in response.headers) is (status == 401)
    if not is_ours or not is_told or (body and not isinstance(json.loads(body), dict | list)):
        verdict = "crashed"  # an answer that is none of ours
    elif status >= 400:
        verdict = "wrongly refused" if kind == "good" else "refused"
    else:
        was_shown = was_shown and kind != "bad"
        verdict = "accepted" if was_shown else "wrongly accepted"
    return Outcome(verdict, f"{response.status}, {body[:200]!r}: {made}")


# ── the tests ────────────────────────────────────────────────────────────────────────────


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, Clock(NOW))


TARGETS: Final[dict[str, tuple[Callable[[int], Outcome], int]]] = {
    "tokens": (tokens, 10_000),
    "keys": (loads, 1_000),
    "key sets": (key_sets, 4_000),
    "requests": (requests, 2_500),
    "endpoints": (endpoints, 2_500),
}
"""The fuzzers, and how many cases an ordinary run makes."""


def findings(target: Callable[[int], Outcome], count: int, seen: Counter[str]) -> Iterator[str]:
    for number in range(count):
        found = target(number)
        seen[found.verdict] += 1
        if found.verdict in WRONG:
            yield f"number {number}: {found.verdict}: {found.made}"


@pytest.mark.timeout(120 * EFFORT)
@pytest.mark.parametrize("name", TARGETS)
def test_every_answer_is_the_expected_one(name: str) -> None:
    """None is wrongly accepted or refused, none is another error, none repeats what it must not."""
    target, count = TARGETS[name]
    count *= EFFORT
    seen: Counter[str] = Counter()
    wrong = list(itertools.islice(findings(target, count, seen), 20))
    print(f"\n{name}, seed {SEED}: {count} made, {dict(seen)}, wrong: {len(wrong)}")  # noqa: T201 - what the long run is for
    assert not wrong, "\n".join(wrong)
    assert sum(seen.values()) == count
    # It tries what it says: a fair part of either verdict.
    assert min(seen["accepted"], seen["refused"]) > count // 8


def always(answer: Any) -> Callable[..., Any]:
    return lambda *_arguments, **_named: answer


def broken(*_arguments: Any, **_named: Any) -> Any:
    raise KeyError("unforeseen")


def repeats(*_arguments: Any, **_named: Any) -> Any:
    raise DecodeError(f"what is this: {_arguments[0]!r}")


FAULTS: Final[dict[str, tuple[str, str, Any, str]]] = {
    "every signature holds": ("tokens", "flask_signet.jose.jwk.Key.verify", always(True), WRONG[0]),
    "no signature holds": ("tokens", "flask_signet.jose.jwk.Key.verify", always(False), WRONG[1]),
    "no claim is checked": (
        "tokens",
        "flask_signet.jwt.verify.check_claims",
        always(None),
        WRONG[0],
    ),
    "any alg": ("tokens", "flask_signet.jwt.verify.check_algorithm", always(None), WRONG[0]),
    "any header": ("tokens", "flask_signet.jose.jws._check_header", always(None), WRONG[0]),
    "an error of its own": ("tokens", "flask_signet.jwt.verify.parse_payload", broken, WRONG[2]),
    "a message with the token": ("tokens", "tests.test_fuzzing.verify", repeats, WRONG[3]),
    "a key as a secret": ("keys", "flask_signet.jose.jwk.disguise", always(None), WRONG[0]),
    "every secret a key": ("keys", "flask_signet.jose.jwk.disguise", always("x"), WRONG[1]),
    "a reader's own error": ("keys", "flask_signet.jose.pem.load_pem", broken, WRONG[2]),
    "a private half": (
        "key sets",
        "flask_signet.keys.jwks.PRIVATE_MEMBERS",
        frozenset(),
        WRONG[0],
    ),
    "no key": ("key sets", "flask_signet.keys.jwks._keys_of", always([]), WRONG[1]),
    "any type": ("requests", "flask_signet.engine.rule.check_kind", always(None), WRONG[0]),
    "no bearer": (
        "requests",
        "flask_signet.flask.credentials.Search._is_scheme",
        always(False),
        WRONG[1],
    ),
    "every client": ("endpoints", "flask_signet.flask.oauth._authenticate", always(None), WRONG[0]),
    "no field": ("endpoints", "flask_signet.flask.endpoints.fields_of", always({}), WRONG[1]),
    "a parser's error": ("endpoints", "flask_signet.flask.bounded._UNREADABLE", (), WRONG[2]),
    "a view's error": ("requests", "flask_signet.engine.rule.check_fresh", broken, WRONG[2]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_would_be_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in what is judged is seen within an ordinary run, and for what it is."""
    name, where, instead, verdict = FAULTS[fault]
    target, count = TARGETS[name]
    module, _, attribute = where.rpartition(".")
    monkeypatch.setattr(f"{module}.{attribute}", instead)
    for number in range(count):
        if target(number).verdict == verdict:
            return
    pytest.fail(f"{verdict} by none of {count}")
