"""Keys that an application's ``encode_key_loader`` or ``decode_key_loader`` returned."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from ..exceptions import ConfigurationError, InvalidKeyError
from .reading import KeyRules, read_keys, warn_of_weak
from .ring import KeyRing

MAX_LOADED: Final = 256
"""How many texts are remembered with their keys. The oldest goes first."""


class LoadedKeys:
    """Reads what the loaders of keys return, each text once.

    Reading a PEM costs far more than a signature, so what was read is kept.
    """

    def __init__(self, rules: KeyRules) -> None:
        self._rules = rules
        self._rings: OrderedDict[tuple[str | bytes, ...], KeyRing] = OrderedDict()

    def ring(self, value: Any, algorithms: Sequence[str], loader: str) -> KeyRing:
        """The keys that a loader returned, for these algorithms.

        :param loader: its name, for the errors.
        :raises ConfigurationError: if the value is no key for any of the algorithms.
        """
        text = (*algorithms, value) if isinstance(value, str | bytes) else None
        ring = None if text is None else self._rings.get(text)
        if ring is None:
            ring = self._read(value, algorithms, f"what the {loader} returned")
            if text is not None:
                self._rings[text] = ring
                if len(self._rings) > MAX_LOADED:
                    self._rings.popitem(last=False)
        return ring

    def _read(self, value: Any, algorithms: Sequence[str], named: str) -> KeyRing:
        try:
            rules = replace(self._rules, algorithms=tuple(algorithms))
            ring = KeyRing(*read_keys(value, rules), one_kind=rules.one_kind)
        except InvalidKeyError as error:
            raise ConfigurationError(f"{named}: {error}") from None
        warn_of_weak(ring, named)
        return ring
