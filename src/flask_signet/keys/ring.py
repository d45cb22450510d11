"""A key ring is a tuple: the first key that can sign signs, all of them verify.

Rotation is ``KeyRing(new, *old)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..exceptions import InvalidAlgorithmError, InvalidKeyError, InvalidSignatureError
from ..jose.jwk import Key
from ..jose.jws import algorithm_message


class KeyRing(Sequence[Key]):
    """Keys for one issuer, in order.

    A token with the ``kid`` of a key is for that key; no other key is tried. A token without a
    ``kid``, and keys to which no name was given (secrets, a PEM), are matched by ``alg``: whoever
    signs with such a key may call it otherwise. Nameless keys in one ring are all secrets or all
    public keys, so that no ``alg`` chooses between the two kinds (RFC 8725 section 3.1).

    :param signing_key: signs in place of the ring's first key that can sign; it does not verify.
    :param one_kind: refuse a ring with secrets and public keys, also if each key has a name.
    :raises InvalidKeyError: if the ring is empty, two different keys have one ``kid``, or
        nameless keys are of both kinds.
    """

    __slots__ = ("_by_algorithm", "_by_kid", "_keys", "_nameless", "signing_key")

    def __init__(self, *keys: Key, signing_key: Key | None = None, one_kind: bool = False) -> None:
        if not keys:
            raise InvalidKeyError("a key ring needs a key")
        if one_kind and _are_mixed(keys):
            raise InvalidKeyError(
                "secrets (HS algorithms) and public keys in one ring; in the strict profile that "
                "is refused (RFC 8725 section 3.1): give the secrets to a second manager"
            )
        self._keys = keys
        nameless = [key for key in keys if key.kid is None]
        if _are_mixed(nameless):
            raise InvalidKeyError("secrets and public keys in one ring need a kid each")
        # A thumbprint is a name that we gave: the tokens of others don't have it.
        unnamed = [key for key in keys if not key.is_named]
        found = nameless if _are_mixed(unnamed) else unnamed
        self._nameless = _grouped(found, lambda key: key.algorithm)
        named = [key for key in keys if key.kid is not None]
        self._by_kid = _grouped(named, lambda key: key.kid or "")
        for kid, group in self._by_kid.items():
            if not _are_one_key(group):
                raise InvalidKeyError(f"two keys of the ring have the kid {kid!r}")
        self._by_algorithm = (
            self._nameless if _are_mixed(keys) else _grouped(keys, lambda key: key.algorithm)
        )
        #: The key that signs, or None.
        self.signing_key: Key | None = signing_key or next(filter(_can_sign, keys), None)

    def candidates(self, header: Mapping[str, Any]) -> Sequence[Key]:
        """The keys that may have signed a token with this header: as a rule, one.

        There are several only where secrets without names share an algorithm: a secret, and the
        secrets that it replaced.

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
            if found is not None and len(found) > 1:
                found = tuple(key for key in found if key.algorithm == algorithm)
        if not found:
            raise InvalidAlgorithmError(algorithm_message(header))
        return found

    def __getitem__(self, index: Any) -> Any:
        return self._keys[index]

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __repr__(self) -> str:
        return f"<KeyRing {list(self._keys)}>"


def _are_mixed(keys: Iterable[Key]) -> bool:
    """Whether there are both secrets and public keys."""
    return len({key.is_symmetric for key in keys}) > 1


def _are_one_key(keys: Sequence[Key]) -> bool:
    """Whether all are one key: it may serve two algorithms (RS256 and PS256) under its name."""
    algorithms = {key.algorithm for key in keys}
    return len(algorithms) == len(keys) and len({key.thumbprint() for key in keys}) == 1


def _can_sign(key: Key) -> bool:
    return key.can_sign


def _grouped(keys: Sequence[Key], by: Callable[[Key], str]) -> dict[str, tuple[Key, ...]]:
    groups: dict[str, tuple[Key, ...]] = {}
    for key in keys:
        groups[by(key)] = (*groups.get(by(key), ()), key)
    return groups
