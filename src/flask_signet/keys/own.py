"""What the engine asks of the keys of a manager's own tokens, wherever they are kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ..jose.jwk import Key
from .ring import KeyRing


class Keys(Protocol):
    """The keys of a manager's own tokens.

    :class:`.GivenKeys` are in the options; :class:`.LiveKeys` are kept elsewhere, and change there.
    """

    @property
    def are_given(self) -> bool:
        """Whether the options name any key. Without one, only other issuers' tokens are taken."""
        ...

    def ring(self) -> KeyRing:
        """The keys of this moment.

        :raises ConfigurationError: if a key is missing or can't be used.
        :raises StoreUnavailableError: if the keys are in a store that does not answer.
        :raises KeysUnavailableError: if they are elsewhere, where nothing answers.
        """
        ...

    def signing_key(self) -> Key:
        """The key that signs.

        :raises ConfigurationError: if there is none; else as :meth:`ring`.
        """
        ...

    def published(self, now: float) -> list[dict[str, Any]]:
        """The public JWKs of the keys that verify, each once, under a ``kid``. No secret has one.

        :param now: seconds since 1970.
        :raises ConfigurationError: as :meth:`ring`.
        """
        ...


def share_a_secret(one: KeyRing, other: KeyRing) -> bool:
    """Whether one of two rings signs by a secret that the other verifies by.

    The tokens of two managers with such rings open the views of each other. A secret that both only
    verify by, as after a change of secrets, makes no new such token.
    """
    return not (
        _secrets([one.signing_key]).isdisjoint(_secrets(other))
        and _secrets([other.signing_key]).isdisjoint(_secrets(one))
    )


def _secrets(keys: Iterable[Key | None]) -> set[str]:
    return {key.thumbprint() for key in keys if key is not None and key.is_symmetric}
