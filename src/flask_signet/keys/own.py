"""What the engine asks of the keys of a manager's own tokens, wherever they are kept."""

from __future__ import annotations

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
