"""A key ring is a tuple: the first key that can sign signs, all of them verify.

Rotation is ``KeyRing(new, *old)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..exceptions import InvalidAlgorithmError, InvalidKeyError, InvalidSignatureError
from ..jose.jwk import Key
from ..jose.jws import algorithm_message


class KeyRing(Sequence[Key]):
    """Keys for one issuer, in order.

    A token with a ``kid`` is for the key of that name, and no other is tried. A token without
    one, or keys without names (secrets from a configuration file), are matched by ``alg``:
    then at most one family of keys may be in the ring, so that no ``alg`` chooses between a
    secret and a public key (RFC 8725 section 3.1).

    :raises InvalidKeyError: if the ring is empty, a ``kid`` stands twice, or nameless keys are
        of more than one family.
    """

    __slots__ = ("_by_algorithm", "_by_kid", "_keys", "_nameless", "signing_key")

    def __init__(self, *keys: Key) -> None:
        if not keys:
            raise InvalidKeyError("a key ring needs a key")
        self._keys = keys
        self._by_kid = {key.kid: (key,) for key in keys if key.kid is not None}
        nameless = [key for key in keys if key.kid is None]
        if len(self._by_kid) + len(nameless) != len(keys):
            raise InvalidKeyError("two keys of the ring have the same kid")
        if len({key.family for key in nameless}) > 1:
            raise InvalidKeyError("keys of different families need a kid each")
        self._nameless = _grouped(nameless)
        mixed = len({key.family for key in keys}) > 1
        self._by_algorithm = self._nameless if mixed else _grouped(keys)
        #: The first key that can sign, or None.
        self.signing_key: Key | None = next((key for key in keys if key.can_sign), None)

    def candidates(self, header: Mapping[str, Any]) -> Sequence[Key]:
        """The keys that may have signed a token with this header: one, as a rule.

        More than one only where secrets without names share an algorithm (a secret and those
        it replaced).

        :raises InvalidAlgorithmError: if no key of the ring has the header's ``alg``.
        :raises InvalidSignatureError: if the header names a key that is not in the ring.
        """
        kid, algorithm = header.get("kid"), header.get("alg")
        if type(algorithm) is not str:
            raise InvalidAlgorithmError(algorithm_message(header))
        if kid is None:
            found = self._by_algorithm.get(algorithm)
        else:
            found = self._by_kid.get(kid) or self._nameless.get(algorithm)
            if found is None and self._by_kid:
                raise InvalidSignatureError("Signature verification failed")
        if found is None:
            raise InvalidAlgorithmError(algorithm_message(header))
        return found

    @property
    def is_named(self) -> bool:
        """Whether every key has a ``kid``: then tokens say which one signed them."""
        return not self._nameless

    def __getitem__(self, index: Any) -> Any:
        return self._keys[index]

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __repr__(self) -> str:
        return f"<KeyRing {list(self._keys)}>"


def _grouped(keys: Sequence[Key]) -> dict[str, tuple[Key, ...]]:
    groups: dict[str, tuple[Key, ...]] = {}
    for key in keys:
        groups[key.algorithm] = (*groups.get(key.algorithm, ()), key)
    return groups
