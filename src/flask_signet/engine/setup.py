"""What the verbs of the engine work with: options, keys, store, callbacks and clock of one moment.

Each verb (issue, verify, confirm, open, rotate, end) is a class in a file of its own, on top of
:class:`Setup`; :class:`.signet.Signet` is all of them. So the methods of a verb take what they are
about, and find the options in ``self``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from ..exceptions import ConfigurationError
from ..keys.loaded import LoadedKeys
from ..keys.own import Keys
from ..options.table import Settings
from ..sessions.store import SessionStore
from .callbacks import Callbacks, ToSync, run_in_a_loop, settled
from .events import Tell, silent
from .issuers import Issuer
from .storage import Storage


class Clock(Protocol):
    """Gives the time, in seconds."""

    def __call__(self) -> float: ...


now: Callable[[], float] = time.time
"""A tool that freezes the time replaces each module's name for :func:`time.time`: this one too."""


class SystemClock:
    """Seconds since 1970, by :data:`now` as it is at each call."""

    def __call__(self) -> float:
        return now()


SYSTEM_CLOCK: Final = SystemClock()


def no_json(value: Any) -> Any:
    """What stands for a value that is not JSON where no application says.

    :raises TypeError: always.
    """
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setup:
    """Options, keys, store, callbacks, issuers and clock of one moment. It does not change.

    :param keys: our own keys.
    :param loaded: the keys that an application's key loaders returned.
    :param prefix: of the options' names, for messages.
    :param issuers: the other issuers whose tokens are taken, by name.
    :param storage: the session store; None where there is none.
    :param clock: seconds since 1970.
    :param tell: sends a signal.
    :param to_json: makes a JSON value of a claim that is none, or raises TypeError.
    :param to_sync: runs an ``async`` callback.
    """

    settings: Settings
    keys: Keys
    loaded: LoadedKeys
    prefix: str = "JWT_"
    callbacks: Callbacks = field(default_factory=Callbacks)
    issuers: Mapping[str, Issuer] = field(default_factory=dict)
    storage: Storage | None = None
    clock: Clock = SYSTEM_CLOCK
    tell: Tell = silent
    to_json: Callable[[Any], Any] = no_json
    to_sync: ToSync = run_in_a_loop

    def ask(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """What an application's function returns; it may be ``async``."""
        return settled(function(*arguments, **named), self.to_sync)

    @property
    def store(self) -> SessionStore:
        """The session store.

        :raises ConfigurationError: if there is none.
        """
        if self.storage is None:
            raise ConfigurationError(
                f"{self.prefix}SESSION_STORE is not set: sessions need a store, e.g. "
                "'sqlite:///sessions.db'"
            )
        return self.storage.store

    def doubt(self) -> None:
        """Have the next check ask the store: this process has just revoked something."""
        if self.storage is not None:
            self.storage.doubt()
