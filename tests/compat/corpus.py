"""A few thousand bad, odd and good requests, made from a seed.

Each case is a request; `token` is the text that stands for a token in it, so that the table of
allowed differences (allowed.py) can look at what is odd about it.
"""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.compat.minting import (
    CSRF,
    HS256,
    OTHER_SECRET,
    SECRET,
    access,
    base64url,
    claims,
    expired,
    forge,
    in_seconds,
    key_pair,
    mint,
    refresh,
)

SEED = 20231120


@dataclass(frozen=True)
class Case:
    """One request. `where` is how the token travels, which is also the application's option."""

    name: str
    token: str
    path: str = "/required"
    where: str = "headers"
    request: dict[str, Any] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """What `Both.ask` takes."""
        if self.request:
            return {"path": self.path, **self.request}
        if self.where == "headers":
            return {"path": self.path, "headers": {"Authorization": f"Bearer {self.token}"}}
        if self.where == "query_string":
            return {"path": self.path, "query_string": {"jwt": self.token}}
        key = "refresh_token" if self.path == "/refresh" else "access_token"
        return {"path": self.path, "method": "POST", "json": {key: self.token}}


def corpus() -> list[Case]:
    """All cases, the same ones for every run of one version of this file (but for the time)."""
    return [
        *_edited_texts(),
        *_headers(),
        *_payloads(),
        *_claims(),
        *_pairs_of_claims(),
        *_structures(),
        *_authorization_fields(),
        *_json_bodies(),
        *_csrf_values(),
    ]


# ── texts ────────────────────────────────────────────────────────────────────────────────────

ALPHABET = string.ascii_letters + string.digits + "-_"
ODD = "=+/.!?%&;\"'\\~\x7f é\u00ff"


def _edits(rng: random.Random) -> list[Callable[[str], str]]:
    """Edits of a text at places chosen by the generator."""

    def at(text: str) -> int:
        return rng.randrange(len(text))

    def replace(text: str) -> str:
        i = at(text)
        return text[:i] + rng.choice(ALPHABET) + text[i + 1 :]

    def insert(text: str) -> str:
        i = at(text)
        return text[:i] + rng.choice(ALPHABET) + text[i:]

    def insert_odd(text: str) -> str:
        i = at(text)
        return text[:i] + rng.choice(ODD) + text[i:]

    def delete(text: str) -> str:
        i = at(text)
        return text[:i] + text[i + 1 :]

    def cut(text: str) -> str:
        return text[: at(text)] or "x"

    def swap(text: str) -> str:
        i, j = sorted((at(text), at(text)))
        return text[:i] + text[j : j + 1] + text[i + 1 : j] + text[i : i + 1] + text[j + 1 :]

    def last_bit(text: str) -> str:
        parts = text.split(".")
        i = rng.randrange(len(parts))
        if parts[i]:
            old = ALPHABET.find(parts[i][-1])
            parts[i] = parts[i][:-1] + ALPHABET[(old ^ 1) % 64]
        return ".".join(parts)

    def pad(text: str) -> str:
        parts = text.split(".")
        i = rng.randrange(len(parts))
        parts[i] += "=" * (-len(parts[i]) % 4 or rng.choice([1, 2, 4]))
        return ".".join(parts)

    def flip_case(text: str) -> str:
        i = at(text)
        return text[:i] + text[i].swapcase() + text[i + 1 :]

    def reorder(text: str) -> str:
        parts = text.split(".")
        rng.shuffle(parts)
        return ".".join(parts)

    def empty_segment(text: str) -> str:
        parts = text.split(".")
        parts[rng.randrange(len(parts))] = ""
        return ".".join(parts)

    def extra_segment(text: str) -> str:
        parts = text.split(".")
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(["", "e30", "x", parts[0]]))
        return ".".join(parts)

    return [
        replace,
        insert,
        insert_odd,
        delete,
        cut,
        swap,
        last_bit,
        pad,
        flip_case,
        reorder,
        empty_segment,
        extra_segment,
    ]


def _edited_texts() -> Iterator[Case]:
    rng = random.Random(SEED)
    sources = {
        "access": access(),
        "refresh": refresh(),
        "expired": expired(),
        "short": mint({"sub": "a"}),
        "rs256": mint(claims(), key_pair("RS256")[0], "RS256"),
        "none": mint(claims(), None, "none"),
    }
    for kind, source in sources.items():
        for edit in _edits(rng):
            for number in range(16):
                text = edit(source)
                if rng.random() < 0.3:
                    text = rng.choice(_edits(rng))(text)
                where = rng.choice(["headers", "headers", "query_string", "json"])
                # In a field, a blank or comma splits the list: that is _authorization_fields' job.
                if where == "headers" and not text.isascii():
                    text = text.encode("latin-1", "ignore").decode("latin-1")
                path = rng.choice(["/required", "/optional", "/refresh", "/any-type"])
                yield Case(f"{kind} {edit.__name__} {number}", text, path, where)


# ── headers ──────────────────────────────────────────────────────────────────────────────────

JSON_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    10**19,
    10**30,
    "",
    "x",
    "HS256",
    " ",
    "é",
    "\u0000",
    [],
    ["HS256"],
    [1],
    {},
    {"a": 1},
    "none",
    "RS256",
    "HS512",
    "hs256",
    "HS256 ",
    "x" * 300,
]
MEMBERS = ["alg", "typ", "kid", "cty", "crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "x", ""]


def _headers() -> Iterator[Case]:
    """A good payload and a right MAC under every kind of header."""
    body = claims()
    for member in MEMBERS:
        for number, value in enumerate(JSON_VALUES):
            yield Case(f"header {member}={number}", forge({**HS256, member: value}, body))
    yield Case("crit for b64", forge({**HS256, "b64": True, "crit": ["b64"]}, body))
    yield Case("b64 off", forge({**HS256, "b64": False, "crit": ["b64"]}, body))
    yield Case("crit for exp", forge({**HS256, "crit": ["exp"], "exp": 1}, body))
    for number, raw in enumerate(RAW_JSON):
        yield Case(f"raw header {number}", forge(raw, body))
    for number, raw in enumerate(RAW_HEADERS):
        yield Case(f"raw header with alg {number}", forge(raw, body))


RAW_JSON: list[bytes] = [
    b"",
    b" ",
    b"null",
    b"true",
    b"1",
    b"1.5",
    b'"x"',
    b"[]",
    b"[{}]",
    b"{",
    b"}",
    b"{}",
    b"{}{}",
    b"{}x",
    b" {} ",
    b"\n{}\n",
    b"{'a': 1}",
    b'{"a"}',
    b'{"a": }',
    b'{"a": 1,}',
    b'{"a": 01}',
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"a": 1e400}',
    b'{"a": +1}',
    b'{"a": 1, "a": 2}',
    b'{"a": "\\ud800"}',
    b'{"a": "\xff"}',
    b"\xff",
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    "{}".encode("utf-16-le"),
    "{}".encode("utf-32"),
    b'{"a": "\n"}',
    b"// x\n{}",
    b'{"a": "\\x"}',
    b"undefined",
    b"\x00",
    b"{}\x00",
    b'{"\\u0061": 1, "a": 2}',
    b"[" * 200 + b"]" * 200,
    b'{"a":' * 50 + b"1" + b"}" * 50,
    b'{"a": 1' + b"0" * 5000 + b"}",
    b'{"a": "' + b"x" * 2000 + b'"}',
]
RAW_HEADERS: list[bytes] = [
    b'{"alg":"HS256","alg":"HS256"}',
    b'{"alg":"none","alg":"HS256"}',
    b' {"alg":"HS256"}\n',
    b'{"alg":"HS256","x":NaN}',
    b'{"\\u0061lg":"HS256"}',
    b'{"alg":"HS\\u003256"}',
    b'{"alg":"HS256","x":"\\ud800"}',
    b'{"alg":"HS256","x":1e400}',
    b'{"Alg":"HS256"}',
    b'\xef\xbb\xbf{"alg":"HS256"}',
    '{"alg":"HS256"}'.encode("utf-16"),
    b'{"ALG":"HS256"}',
    b'{"alg":"HS256","x":' + b"[" * 20 + b"]" * 20 + b"}",
    b'{"alg":"HS256","x":"' + b"y" * 900 + b'"}',
    b'{"alg":"HS256","x":"' + b"y" * 1100 + b'"}',
]


# ── payloads ─────────────────────────────────────────────────────────────────────────────────

RAW_CLAIMS: list[bytes] = [
    b'{"sub":"alice","sub":"bob"}',
    b'{"sub":"alice","x":NaN}',
    b'{"sub":"alice","x":1e400}',
    b'{"sub":"alice","x":"\\ud800"}',
    b'\xef\xbb\xbf{"sub":"alice"}',
    b' {"sub":"alice"} ',
    '{"sub":"alice"}'.encode("utf-16"),
    '{"sub":"alice"}'.encode("utf-32"),
    b'{"sub":"\xff"}',
    b'{"SUB":"alice"}',
    b'{"\\u0073ub":"alice"}',
    b'{"sub":"alice"}\x00',
    b'{"sub":"alice","x":' + b"[" * 20 + b"]" * 20 + b"}",
    b'{"sub":"alice","x":' + b"[" * 60 + b"]" * 60 + b"}",
    b'{"sub":"alice","x":1' + b"0" * 25 + b"}",
    b'{"sub":"alice","x":1' + b"0" * 5000 + b"}",
    b'{"sub":"alice",' + b",".join(b'"m%d":1' % n for n in range(300)) + b"}",
    b'{"sub":"alice","x":"' + b"y" * 20_000 + b'"}',
]


def _payloads() -> Iterator[Case]:
    """Every kind of payload under a good header: with a right MAC, a wrong one, and none."""
    for number, raw in enumerate(RAW_JSON + RAW_CLAIMS):
        yield Case(f"raw payload {number}", forge(HS256, raw))
        yield Case(f"raw payload {number}, wrong key", forge(HS256, raw, OTHER_SECRET))
        unsigned = f"{base64url(json.dumps(HS256).encode())}.{base64url(raw)}."
        yield Case(f"raw payload {number}, no signature", unsigned)
        none = base64url(b'{"alg":"none"}')
        yield Case(f"raw payload {number}, alg none", f"{none}.{base64url(raw)}.")


# ── claims ───────────────────────────────────────────────────────────────────────────────────

CLAIM_VALUES: list[Any] = [
    ...,
    None,
    True,
    False,
    0,
    1,
    -1,
    1.5,
    -1.5,
    10**10,
    10**12,
    10**19,
    10**40,
    1e300,
    "",
    "1",
    "x",
    "alice",
    "access",
    "refresh",
    "é",
    " 1 ",
    "1.5",
    "true",
    [],
    [1],
    ["alice"],
    {},
    {"a": 1},
    "Access",
    "x" * 300,
    "0x10",
    "1_0",
    "\u0661",
    "NaN",
]
CLAIMS = ["exp", "nbf", "iat", "sub", "jti", "type", "fresh", "csrf", "aud", "iss", "x"]
VIEWS = ["/required", "/fresh", "/refresh"]


def _claims() -> Iterator[Case]:
    """Every value in every claim, correctly signed, at three kinds of guard."""
    for claim in CLAIMS:
        for number, value in enumerate(CLAIM_VALUES):
            for path in VIEWS:
                kind = "refresh" if path == "/refresh" else "access"
                body = {**claims(kind, fresh=path == "/fresh"), claim: value}
                body = {name: v for name, v in body.items() if v is not ...}
                yield Case(f"{claim}={number} at {path}", forge(HS256, body), path)


def _pairs_of_claims() -> Iterator[Case]:
    """Two faults at once: which of them is told must be the same."""
    rng = random.Random(SEED + 1)
    values = [..., None, "x", 1, [], in_seconds(900), in_seconds(-900), True]
    for number in range(400):
        first, second = rng.sample(CLAIMS, 2)
        body = {**claims(), first: rng.choice(values), second: rng.choice(values)}
        body = {name: v for name, v in body.items() if v is not ...}
        key = rng.choice([SECRET, SECRET, SECRET, OTHER_SECRET])
        yield Case(f"pair {number}: {first}, {second}", forge(HS256, body, key), rng.choice(VIEWS))


# ── structure ────────────────────────────────────────────────────────────────────────────────


def _structures() -> Iterator[Case]:
    good = access()
    head, body, mac = good.split(".")
    texts = [
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        f"{head}.{body}",
        f"{head}..{mac}",
        f".{body}.{mac}",
        f"{head}.{body}.",
        f"{good}.",
        f".{good}",
        f"{good}.{mac}",
        f"{head}.{head}.{mac}",
        f"{body}.{body}.{mac}",
        good.upper(),
        good.lower(),
        good[::-1],
        good.replace("-", "+").replace("_", "/"),
        f"{head}%2E{body}%2E{mac}",
        "x" * 5000,
        "." * 5000,
        "." * 2,
        f"{head}.{body}.{mac[:-1]}",
        f"{head}.{body}.{mac}A",
        "e30.e30.e30",
        json.dumps({"payload": body, "signatures": [{"protected": head, "signature": mac}]}),
        f"{head}.{body}.{base64.b64encode(b'x' * 32).decode()}",
        f"{good}{'A' * 20_000}",
    ]
    for number, text in enumerate(texts):
        for where in ("headers", "query_string", "json"):
            yield Case(f"structure {number} in {where}", text, where=where)


# ── how the token travels ────────────────────────────────────────────────────────────────────


def _authorization_fields() -> Iterator[Case]:
    """Pieces of Authorization fields, put together at random."""
    rng = random.Random(SEED + 2)
    good, old = access(), expired()
    pieces = [
        "Bearer",
        "Bearer ",
        "bearer",
        "BEARER",
        "Basic",
        "Digest",
        "JWT",
        "Token",
        ",",
        ", ",
        " ",
        "\t",
        "  ",
        good,
        good,
        old,
        "x",
        "x.y.z",
        "=",
        "realm=",
        '"',
        "Bearer,",
        ";",
        "Bearer\t",
        "Negotiate",
        "dTpw",
        "Bearer=",
        ":",
        "é",
    ]
    for number in range(600):
        size = rng.randint(1, 7)
        glue = rng.choice(["", " ", " ", ","])
        value = glue.join(rng.choice(pieces) for _ in range(size))
        request = {"environ_overrides": {"HTTP_AUTHORIZATION": value}}
        path = rng.choice(["/required", "/optional", "/refresh"])
        yield Case(f"field {number}", "", path, request=request)


def _json_bodies() -> Iterator[Case]:
    """JSON bodies whose root or token is of every type, and bodies that are not JSON."""
    bodies = [
        b"",
        b"null",
        b"[]",
        b"[1]",
        b"1",
        b'"x"',
        b'"access_token"',
        b"true",
        b"{",
        b"\xff",
        b'{"access_token":1}',
        b'{"access_token":["x"]}',
        b'{"access_token":{"a":1}}',
        b'{"access_token":true}',
        b'{"access_token":null}',
        b'{"access_token":""}',
        b"NaN",
        b'{"access_token":1.5}',
        b'{"access_token":"\\ud800"}',
        b'{"access_token":"x.y.\xc3\xa9"}',
        b'{"access_token":[]}',
        b'{"access_token":0}',
        b"[" * 100_000,
        b'["access_token"]',
        b'{"access_token":' + b"1" * 5000 + b"}",
    ]
    for number, body in enumerate(bodies):
        for path in ("/required", "/optional"):
            request = {"method": "POST", "data": body, "content_type": "application/json"}
            yield Case(f"body {number} at {path}", "", path, "json", request)


def _csrf_values() -> Iterator[Case]:
    """CSRF values sent, against claims of every type."""
    sent = [CSRF, "", "x", "é", "\u00ff", "1", "None", CSRF.upper(), CSRF + " ", "a,b"]
    for first, claim in enumerate([CSRF, "", None, 1, True, [CSRF], {"a": 1}, "é", ...]):
        for second, value in enumerate(sent):
            token = forge(HS256, {k: v for k, v in claims(csrf=claim).items() if v is not ...})
            request = {
                "method": "POST",
                "cookies": {"access_token_cookie": token},
                "environ_overrides": {"HTTP_X_CSRF_TOKEN": value},
            }
            yield Case(f"csrf claim {first}, sent {second}", token, "/required", "cookies", request)
