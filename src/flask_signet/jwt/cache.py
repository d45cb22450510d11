"""Tokens that were verified before: the signature of a text is checked once, its times each time.

**Why it is safe.** What is remembered is the verdict of one key ring and one set of rules about one
text, all of it: the key of an entry is the SHA-256 of the whole text. A cache belongs to the rules
that it was made with, and forgets everything when the ring is another one. Whether a token has
expired, and whether it is good already, is asked at each hit; so is everything that is not in the
text (revocation, CSRF, kind, freshness, callbacks), by whoever asked for the token. What is refused
is never remembered. No text of a token is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from math import inf
from typing import Final, NamedTuple

from ..jose.jws import MAX_TOKEN_LENGTH, parse_payload
from ..keys.ring import KeyRing
from .claims import ClaimRules
from .token import Token, _checked
from .verify import verify

MAX_KEPT_LENGTH: Final = 4096
"""Characters of a token. A longer one is not kept, so the memory of a cache is bounded in bytes."""


class _Entry(NamedTuple):
    """What is known of a text.

    :param payload: the JSON of claims that nest, which is read anew at each hit: no request sees
        what another one changed. Empty for flat claims; a guard copies their dictionary.
    :param not_before: the first second at which it is good, by ``iat`` and ``nbf``.
    :param expires: ``exp``; infinity for none.
    """

    token: Token
    payload: bytes
    not_before: float
    expires: float


class _Generations:
    """The entries under one key ring: those of now, and those of before.

    When the first are too many they become the second, and the second are forgotten. What is used
    again returns to the first. So what is used stays, without a list of uses.
    """

    __slots__ = ("new", "old", "ring")

    def __init__(self, ring: KeyRing | None) -> None:
        self.ring = ring
        self.new: dict[bytes, _Entry] = {}
        self.old: dict[bytes, _Entry] = {}

    def get(self, digest: bytes, half: int) -> _Entry | None:
        entry = self.new.get(digest)
        if entry is None:
            entry = self.old.get(digest)
            if entry is not None:
                self.put(digest, entry, half)
        return entry

    def put(self, digest: bytes, entry: _Entry, half: int) -> None:
        if len(self.new) >= half and digest not in self.new:
            self.old, self.new = (self.new if half > 1 else {}), {}
        self.new[digest] = entry


class TokenCache:
    """Verifies tokens, and remembers those that were good. Safe for threads, and after a fork.

    :param entries: how many tokens it remembers at most; 0: none.
    :param rules: what a payload must say. A caller with other rules is served, and nothing is
        remembered for it.
    """

    __slots__ = ("_generations", "_half", "_rules")

    def __init__(self, entries: int, rules: ClaimRules) -> None:
        self._half = max(1, entries // 2) if entries else 0
        self._rules = rules
        self._generations = _Generations(None)

    def verify(
        self,
        text: str | bytes,
        ring: KeyRing,
        rules: ClaimRules,
        now: float,
        *,
        max_length: int = MAX_TOKEN_LENGTH,
        allow_padding: bool = False,
        allow_expired: bool = False,
    ) -> Token:
        """As :func:`.verify.verify`, which is called where the answer is not known.

        :raises SignetError: as there.
        """
        digest = b""
        generations = self._generations
        if self._half and rules is self._rules and len(text) <= MAX_KEPT_LENGTH:
            if generations.ring is not ring:
                # A thread that has the other ring goes on with its own generations.
                generations = self._generations = _Generations(ring)
            # A character outside ASCII is in no good token; "?" is in none either.
            raw = text.encode("ascii", "replace") if isinstance(text, str) else text
            digest = sha256(raw).digest()
            entry = generations.get(digest, self._half)
            if entry is not None and (
                entry.not_before <= now + rules.leeway and now - rules.leeway < entry.expires
            ):
                return _read(entry) if entry.payload else entry.token
        token = verify(
            text,
            ring,
            rules,
            now,
            max_length=max_length,
            allow_padding=allow_padding,
            allow_expired=allow_expired,
        )
        if digest and not _nests(token.header.values()):
            generations.put(digest, _entry(token), self._half)
        return token

    def __len__(self) -> int:
        """How many tokens are remembered."""
        return len({*self._generations.new, *self._generations.old})

    def __repr__(self) -> str:
        return f"<TokenCache of {len(self)} tokens>"


def _entry(token: Token) -> _Entry:
    claims = token.claims
    nested = json.dumps(dict(claims)).encode() if _nests(claims.values()) else b""
    times = (int(claims[name]) for name in ("iat", "nbf") if name in claims)
    return _Entry(token, nested, max(times, default=-inf), claims.get("exp", inf))


def _read(entry: _Entry) -> Token:
    return _checked(entry.token.header, parse_payload(entry.payload))


def _nests(values: Iterable[object]) -> bool:
    return any(type(value) in (dict, list) for value in values)
