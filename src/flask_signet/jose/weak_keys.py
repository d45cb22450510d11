"""Weak keys that ``cryptography`` does not refuse.

They are guessable secrets, RSA keys of ROCA, and public points of Ed25519 and Ed448 that are false.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

WeakKind = Literal["short", "guessable"]
"""Short: an HMAC secret shorter than its hash, an RSA key below 2048 bits. Guessable: a secret
of the kind that tutorials print, or of few different characters."""

AllowWeak = bool | WeakKind
"""Which weak keys are taken: True all, False none, or those of one kind."""


class Weakness(NamedTuple):
    """Why a key is weak. The reason never quotes the key."""

    kind: WeakKind
    reason: str


def why_refused(weaknesses: Iterable[Weakness], allow: AllowWeak) -> str | None:
    """Why a key of these weaknesses is not taken; None if it is."""
    if allow is True:
        return None
    reasons = [reason for kind, reason in weaknesses if kind != allow]
    return f"weak key: {'; '.join(reasons)}" if reasons else None


# ── secrets that a tutorial printed ──────────────────────────────────────────────────────

# These words are so long that no random text has one by chance.
_PLACEHOLDER = re.compile(
    rb"(?i)secret|password|change[-_ ]?(me|this|it)|example|default"
    rb"|0123456789|1234567890|abcdefgh"
)
# These are shorter; they count only where one of the long words stands beside them.
_FILLER = re.compile(_PLACEHOLDER.pattern + rb"|your|super|jwt|key")


def is_placeholder(secret: bytes) -> bool:
    """Whether a secret is of the kind that tutorials print: known words, and little beside them.

    The rest without the words must look random: a random text of 32 bytes, as base64 or hex, has
    more digits and more different characters than a sentence.
    """
    if not _PLACEHOLDER.search(secret):
        return False
    rest = _FILLER.sub(b"", secret)
    return sum(48 <= byte <= 57 for byte in rest) < 4 or len(set(rest)) < 16


# ── RSA: CVE-2017-15361, ROCA ────────────────────────────────────────────────────────────


def _powers(prime: int) -> frozenset[int]:
    """The subgroup that 65537 generates modulo a prime."""
    found, value = set(), 1
    while value not in found:
        found.add(value)
        value = value * 65537 % prime
    return frozenset(found)


_ROCA_PRIMES: Final = tuple(
    number
    for number in range(3, 168)
    if all(number % divisor for divisor in range(2, math.isqrt(number) + 1))
)
_ROCA_SUBGROUPS: Final = tuple((prime, _powers(prime)) for prime in _ROCA_PRIMES)


def has_roca_fingerprint(modulus: int) -> bool:
    """Whether a modulus has the form that CVE-2017-15361 factors.

    Such a modulus is a power of 65537 modulo every small prime. A random modulus has this form
    with a probability of about 2**-28.
    """
    return all(modulus % prime in subgroup for prime, subgroup in _ROCA_SUBGROUPS)


# ── Ed25519 and Ed448: points that prove nothing ─────────────────────────────────────────

# The field's prime, a, d and the bits of y (RFC 8032 sections 5.1 and 5.2). A point is on the
# curve where a x**2 + y**2 = 1 + d x**2 y**2, with a = -1 for Ed25519 and a = 1 for Ed448.
_P25519 = 2**255 - 19
_P448 = 2**448 - 2**224 - 1
_EDWARDS: Final[dict[str, tuple[int, int, int, int]]] = {
    "Ed25519": (_P25519, -1, -121665 * pow(121666, -1, _P25519) % _P25519, 255),
    "Ed448": (_P448, 1, -39081 % _P448, 455),
}


def edwards_fault(curve: str, raw: bytes) -> str | None:
    """Why the public point in these bytes can't be trusted, or None.

    ``cryptography`` reads a point only when it verifies. With a point of order 1, 2, 4 or 8, a
    signature can be made that fits any message. A point off the curve, or one written with a y
    beyond the prime, is no key at all (RFC 8032 sections 5.1.3 and 5.2.3).
    """
    prime, a, d, bits = _EDWARDS[curve]
    y = int.from_bytes(raw, "little") & (2**bits - 1)
    if y >= prime:
        return "its public point is not in its one canonical form"
    square = y * y % prime
    # x**2 = (1 - y**2) / (a - d y**2) must be a square, or there is no such point. The sign of x
    # does not matter for the checks below.
    numerator, denominator = (1 - square) % prime, (a - d * square) % prime
    if pow(numerator * denominator, (prime - 1) // 2, prime) not in (0, 1):
        return "its public point is not on the curve"
    # Order 1, 2 or 4: y is 1, -1 or 0. Order 8, on Ed25519 only: there x**2 = -y**2, so that
    # d y**4 + 2 y**2 = 1.
    of_order_8 = a == -1 and (d * square * square + 2 * square - 1) % prime == 0
    if y in (0, 1, prime - 1) or of_order_8:
        return "its public point is of small order: signatures prove nothing"
    return None
