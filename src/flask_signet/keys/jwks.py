"""A JWKS that another issuer publishes (RFC 7517 section 5): which of its keys are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from ..exceptions import InvalidKeyError
from ..jose.algorithms import ALGORITHMS
from ..jose.jwk import Key
from ..jose.jwk_members import PRIVATE_MEMBERS
from ..jose.strict_json import loads_object
from .fetch import FetchError

MAX_KEYS: Final = 256
"""Members of a set."""

MAX_DEPTH: Final = 8
"""How deep the JSON of a set, or of an issuer's metadata, may nest."""


class Ignored(NamedTuple):
    """A key of a set that is not used.

    :param alarming: whether the issuer should mend it.
    """

    kid: str
    reason: str
    alarming: bool


def read_jwks(document: bytes, algorithms: Sequence[str]) -> tuple[list[Key], list[Ignored]]:
    """The keys of a JWKS that can verify by one of these algorithms, and those that are ignored.

    A key that can't be used is ignored, as RFC 7517 section 5 says: one for encryption, of another
    algorithm, too weak, a shared secret, one whose private half is published too. A ``kid`` that
    stands for two keys stands for neither.

    :raises FetchError: if the document is not a JWKS.
    """
    keys: list[Key] = []
    ignored: list[Ignored] = []
    names: Counter[str] = Counter()
    for jwk in _members(document):
        if not isinstance(jwk, dict):
            ignored.append(Ignored("", "it is no JSON object", True))
            continue
        kid = jwk["kid"] if isinstance(jwk.get("kid"), str) else ""
        if jwk.get("use", "sig") != "sig":
            ignored.append(Ignored(kid, "it is not for signatures", False))
            continue
        names[kid] += 1
        try:
            keys += _keys_of(jwk, algorithms)
        except InvalidKeyError as error:
            ignored.append(Ignored(kid, str(error), not isinstance(error, _OtherAlgorithmError)))
    for kid in _ambiguous(names, keys):
        keys = [key for key in keys if key.kid != kid]
        ignored.append(Ignored(kid, "its kid stands for several keys", True))
    return keys, ignored


def _members(document: bytes) -> list[Any]:
    try:
        members = loads_object(document, max_depth=MAX_DEPTH).get("keys")
    except ValueError as error:
        raise FetchError(f"the key set is not JSON as it must be: {error}") from None
    if type(members) is not list or len(members) > MAX_KEYS:
        raise FetchError(f"the key set has no list of at most {MAX_KEYS} keys")
    return members


class _OtherAlgorithmError(InvalidKeyError):
    pass


def _keys_of(jwk: dict[str, Any], algorithms: Sequence[str]) -> list[Key]:
    """A key for each of the algorithms that a member of a set serves.

    :raises InvalidKeyError: if it serves none, or must not be used.
    """
    if jwk.get("kty") == "oct":
        raise InvalidKeyError("it is a shared secret, and published")
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise InvalidKeyError("its private half is published: anybody can sign with it")
    # The configuration decides the algorithm of a key that does not say its own; a token never.
    fitting = [
        name
        for name in algorithms
        if jwk.get("alg") in (None, name) and jwk.get("kty") == ALGORITHMS[name].kty
    ]
    keys, refusals = [], []
    for name in fitting:
        try:
            keys.append(Key.from_jwk(jwk, name))
        except InvalidKeyError as error:
            refusals.append(error)
    if keys:
        return keys
    if refusals:
        raise refusals[0]
    raise _OtherAlgorithmError("it is for none of the algorithms accepted here")


def _ambiguous(names: Counter[str], keys: Iterable[Key]) -> list[str]:
    """The names that stand for several keys, not for one key that serves several algorithms.

    :param names: how often each name stands in the set.
    """
    found = []
    for kid, count in names.items():
        if kid and count > 1:
            named = [key for key in keys if key.kid == kid]
            if len(named) < count or len({key.thumbprint() for key in named}) > 1:
                found.append(kid)
    return found


class KeySet:
    """The keys of one fetch. It does not change.

    :param loaded_at: when the fetch began, in seconds by a clock that never steps.
    :param max_age: seconds for which it serves.
    """

    __slots__ = ("_by_name", "_only", "kids", "loaded_at", "max_age")

    def __init__(self, keys: Iterable[Key], loaded_at: float, max_age: float) -> None:
        self._by_name = {(key.kid, key.algorithm): key for key in keys}
        counts = Counter(key.algorithm for key in self._by_name.values())
        # A token may leave out the name of its key only where there is one key (OpenID Connect
        # Core section 10.1).
        self._only = {
            key.algorithm: key for key in self._by_name.values() if counts[key.algorithm] == 1
        }
        self.kids: frozenset[str | None] = frozenset(kid for kid, _ in self._by_name)
        self.loaded_at: float = loaded_at
        self.max_age: float = max_age

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key of that name; without a name, the only key of the algorithm."""
        if kid is None:
            return self._only.get(algorithm)
        return self._by_name.get((kid, algorithm))

    @property
    def size(self) -> int:
        """How many keys there are. Not `__len__`: an empty set is not false."""
        return len(self._by_name)
