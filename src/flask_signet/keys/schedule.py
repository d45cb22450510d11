"""A key's life by two moments: from when on it signs, and until when it verifies.

Keys that are kept somewhere (a file, a folder, a database) are a :class:`KeySchedule`. The clock
alone decides which state a key is in. So every process that has read the same schedule does the
same at the same moment, and no process has to tell another:

``next``
    it is published and verifies, but does not sign yet: others have time to fetch it;
``active``
    it signs: of the keys whose time has come, it is the one whose time came last;
``retiring``
    it no longer signs, and verifies until the last token that it signed has expired;
``retired``
    it does nothing.

Rotation adds a key and a moment. It may be repeated: while a next key waits, nothing changes. In a
JWK the two moments are the members ``nbf`` and ``exp``, in seconds since 1970, as in
OpenID Federation 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final, Literal

from ..exceptions import InvalidKeyError
from ..jose.jwk import Key
from .ring import KeyRing

KeyState = Literal["next", "active", "retiring", "retired"]

MAX_MOMENT: Final = 253402300799
"""Seconds: the end of the year 9999."""


@dataclass(frozen=True, slots=True)
class TimedKey:
    """A key, and the two moments of its life, in seconds since 1970.

    :param signs_from: the key signs from this moment on, until the moment of another key has come.
    :param verifies_until: the first moment at which the key no longer verifies.
    """

    key: Key
    signs_from: float = 0.0
    verifies_until: float = inf

    def to_jwk(self) -> dict[str, Any]:
        """The whole key as a JWK with ``nbf`` and ``exp``: as secret as the key itself.

        :raises InvalidKeyError: if its private half is elsewhere.
        """
        jwk = self.key.to_private_jwk() if self.key.can_sign else self.key.to_public_jwk()
        return {**jwk, **self._moments()}

    def _moments(self) -> dict[str, int]:
        moments = {}
        if self.signs_from > 0:
            moments["nbf"] = int(self.signs_from)
        if self.verifies_until < inf:
            moments["exp"] = int(self.verifies_until)
        return moments


def moments_of(jwk: Mapping[str, Any]) -> tuple[float, float]:
    """``nbf`` and ``exp`` of a JWK.

    :raises InvalidKeyError: if one is no moment.
    """
    found = []
    for name, default in (("nbf", 0.0), ("exp", inf)):
        value = jwk.get(name, default)
        if type(value) not in (int, float) or not (0 <= value <= MAX_MOMENT or value == inf):
            raise InvalidKeyError(f"the JWK's {name} is no moment: seconds since 1970")
        found.append(float(value))
    return found[0], found[1]


class NoKeyError(InvalidKeyError):
    """There is no key yet, or none any more."""


class KeySchedule:
    """Keys with their moments, in the order in which they are kept. It does not change."""

    __slots__ = ("keys",)

    def __init__(self, keys: Iterable[TimedKey] = ()) -> None:
        self.keys: tuple[TimedKey, ...] = tuple(keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[TimedKey]:
        return iter(self.keys)

    def __repr__(self) -> str:
        return f"<KeySchedule of {len(self.keys)} keys>"

    def same_as(self, other: KeySchedule) -> bool:
        """Whether both have the same keys with the same moments, in any order."""
        return self._fingerprint() == other._fingerprint()

    def _fingerprint(self) -> set[tuple[str, str | None, str, float, float, bool]]:
        return {
            (
                each.key.algorithm,
                each.key.kid,
                each.key.thumbprint(),
                each.signs_from,
                each.verifies_until,
                each.key.can_sign,
            )
            for each in self.keys
        }

    # ── what the clock says ──────────────────────────────────────────────────────────────

    def active(self, now: float) -> TimedKey | None:
        """The key that signs; None if there is none yet."""
        able = [
            each
            for each in self.keys
            if each.key.can_sign and each.signs_from <= now < each.verifies_until
        ]
        # Of several keys of one moment, the one that verifies longest: the others were rotated
        # away. Of several that are equal in that too, the first.
        return max(able, key=lambda each: (each.signs_from, each.verifies_until), default=None)

    def states(self, now: float) -> list[tuple[TimedKey, KeyState]]:
        """Each key with its state."""
        active = self.active(now)
        return [(each, self._state(each, active, now)) for each in self.keys]

    def _state(self, each: TimedKey, active: TimedKey | None, now: float) -> KeyState:
        if now >= each.verifies_until:
            return "retired"
        if now < each.signs_from:
            return "next"
        return "active" if each is active else "retiring"

    def ring(self, now: float, *, one_kind: bool = False) -> KeyRing:
        """The ring of this moment: the active key signs, all but the retired ones verify.

        :param one_kind: refuse a ring with secrets and public keys.
        :raises NoKeyError: if there is none left.
        :raises InvalidKeyError: if they make no :class:`.KeyRing`.
        """
        live = [each for each, state in self.states(now) if state != "retired"]
        if not live:
            raise NoKeyError("there is no key, or all of them are retired")
        active = self.active(now)
        keys = [each.key for each in live if each is not active]
        if active is None:
            # A public half never signs; a next key must not sign before its time.
            return KeyRing(*(_verifying(key) for key in keys), one_kind=one_kind)
        return KeyRing(active.key, *keys, signing_key=active.key, one_kind=one_kind)

    def next_change(self, now: float) -> float:
        """The next moment at which a key changes its state; infinity if there is none."""
        moments = (
            moment
            for each in self.keys
            for moment in (each.signs_from, each.verifies_until)
            if moment > now
        )
        return min(moments, default=inf)

    def to_publish(self, now: float) -> list[dict[str, Any]]:
        """The public JWKs of the keys that verify, the next key included. No secret has one."""
        return [
            each.key.to_public_jwk()
            for each, state in self.states(now)
            if state != "retired" and not each.key.is_symmetric
        ]

    # ── what an operator does ────────────────────────────────────────────────────────────

    def rotated(
        self, new: Key, now: float, *, publish_for: float, longest_life: float
    ) -> KeySchedule:
        """With a new key, which signs ``publish_for`` seconds from now; at once if no key signs.

        The key that signs until then verifies for ``longest_life`` seconds after that moment. If a
        next key waits already, nothing changes: a rotation may be repeated.

        :param now: seconds since 1970.
        """
        states = self.states(now)
        if any(state == "next" and each.key.can_sign for each, state in states):
            return self
        active = self.active(now)
        start = now if active is None else now + publish_for
        kept = [
            replace(each, verifies_until=min(each.verifies_until, start + longest_life))
            if each is active
            else each
            for each, state in states
            if state != "retired"
        ]
        return KeySchedule([TimedKey(new, float(int(start))), *kept])

    def retired(self, kid: str, now: float) -> KeySchedule:
        """With the key of that name retired from now on: its tokens are refused.

        :raises InvalidKeyError: if there is no such key, or it is the key that signs.
        """
        states = self.states(now)
        found = [(each, state) for each, state in states if each.key.kid == kid]
        if not found:
            raise InvalidKeyError(f"there is no key {kid!r}")
        if any(state == "active" for _, state in found):
            raise InvalidKeyError(
                f"the key {kid!r} signs: rotate first, and retire it when the next one signs"
            )
        return KeySchedule(
            replace(each, verifies_until=min(each.verifies_until, now))
            if each.key.kid == kid
            else each
            for each in self.keys
        )


def _verifying(key: Key) -> Key:
    return key if key.is_symmetric or not key.can_sign else key.public_key()
