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
from ..jwt.cache import TokenCache
from ..keys.loaded import LoadedKeys
from ..keys.own import Keys
from ..options.table import Settings
from ..sessions.store import SessionStore
from .callbacks import Callbacks, ToSync, run_in_a_loop, settled
from .events import Tell, silent
from .issuers import Issuer
from .owners import NOBODY, Owner
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


def each_time(function: Callable[[], Any]) -> Any:
    """What a function returns, where no request remembers it."""
    return function()


def nobody() -> Owner:
    """Whose token is in hand where there is no request."""
    return NOBODY


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setup:
    """Options, keys, store, callbacks, issuers and clock of one moment. It does not change.

    :param keys: our own keys.
    :param loaded: the keys that an application's key loaders returned.
    :param cache: the tokens of ours that were verified before.
    :param prefix: of the options' names, for messages.
    :param name: the manager's name; empty for the unnamed manager.
    :param issuers: the other issuers whose tokens are taken, by name.
    :param storage: the session store; None where there is none.
    :param clock: seconds since 1970.
    :param tell: sends a signal.
    :param to_json: makes a JSON value of a claim that is none, or raises TypeError.
    :param to_sync: runs an ``async`` callback.
    :param once: gives what a function returned, and calls it once in a request.
    :param owner_in_hand: whose token the request of now has brought.
    """

    settings: Settings
    keys: Keys
    loaded: LoadedKeys
    cache: TokenCache
    prefix: str = "JWT_"
    name: str = ""
    callbacks: Callbacks = field(default_factory=Callbacks)
    issuers: Mapping[str, Issuer] = field(default_factory=dict)
    storage: Storage | None = None
    clock: Clock = SYSTEM_CLOCK
    tell: Tell = silent
    to_json: Callable[[Any], Any] = no_json
    to_sync: ToSync = run_in_a_loop
    once: Callable[[Callable[[], Any]], Any] = each_time
    owner_in_hand: Callable[[], Owner] = nobody

    def ask(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """What an application's function returns; it may be ``async``."""
        return settled(function(*arguments, **named), self.to_sync)

    # ── whose ids are meant ──────────────────────────────────────────────────────────────

    def tenant(self) -> str | None:
        """The tenant of now, by the ``tenant_loader``; None where there is none, or it can't say.

        :raises TypeError: if the loader returns no text.
        """
        callback = self.callbacks.tenant
        if callback is None:
            return None
        tenant = self.once(lambda: self.ask(callback))
        if tenant is None or isinstance(tenant, str):
            return tenant
        raise TypeError(f"the tenant_loader returns a text or None, not {type(tenant).__name__}")

    def owner(self, tenant: str | None = None) -> Owner:
        """Whose ids are meant: this manager's, of a tenant.

        :param tenant: None: as the ``tenant_loader`` says, else as the token in hand says.
        """
        if tenant is None:
            tenant = self.tenant()
        if tenant is None:
            tenant = self.owner_in_hand().tenant
        return Owner(self.owner_name, tenant)

    @property
    def owner_name(self) -> str:
        """The manager's name in the store."""
        named = self.settings.store_owner
        return self.name if named is None else named

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
