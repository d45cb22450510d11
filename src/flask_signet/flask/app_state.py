"""What one manager keeps for one application: its checked options and its key ring.

A manager may serve several applications, and an application have several managers; where the
two meet is an :class:`AppState`, in ``app.extensions["flask-signet"]`` under the manager's
name.
"""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app

from ..engine.own_keys import key_rules, own_keys
from ..exceptions import ConfigurationError, StoreUnavailableError
from ..keys.loaded import LoadedKeys
from ..keys.own import Keys
from ..keys.ring import KeyRing
from ..options.reader import OptionReader
from ..options.table import Settings
from ..sessions.last_seen import Noted
from ..sessions.revocations import RevocationView
from ..sessions.store import SessionStore

if TYPE_CHECKING:
    from ..engine.callbacks import Callbacks
    from ..jwt_manager import JWTManager

EXTENSION = "flask-signet"

log: logging.Logger = logging.getLogger("flask_signet")

_NO_MANAGER = (
    "You must initialize a JWTManager with this flask application before using this method"
)


class Configured:
    """The options and keys of one moment. It does not change: a changed option makes another.

    Whoever verifies a token takes one of these and uses it to the end, so that the keys and the
    rules of one request always belong together.
    """

    __slots__ = ("keys", "loaded", "settings", "snapshot")

    def __init__(self, settings: Settings, snapshot: tuple[Any, ...], keys: Keys) -> None:
        self.settings: Settings = settings
        self.snapshot: tuple[Any, ...] = snapshot
        self.keys: Keys = keys
        self.loaded: LoadedKeys = LoadedKeys(key_rules(settings))

    @property
    def ring(self) -> KeyRing:
        """The keys, built on first use: a secret may come after ``init_app``.

        :raises ConfigurationError: if a key is missing or can't be used.
        """
        return self.keys.ring()


class AppState:
    """One manager in one application. Its options and keys follow ``app.config``."""

    __slots__ = (
        *("_configured", "_opening", "_profile", "_reader", "_store", "_view"),
        *("app", "callbacks", "manager", "noted", "prefix"),
    )

    def __init__(self, app: Flask, manager: JWTManager, prefix: str) -> None:
        self.app: Flask = app
        self.manager: JWTManager = manager
        self.prefix: str = prefix
        self.callbacks: Callbacks = manager.callbacks
        self._reader = OptionReader(prefix, "SECRET_KEY", "SECRET_KEY_FALLBACKS")
        self._profile = app.config.get(f"{prefix}PROFILE", "compatible")
        self._configured: Configured | None = None
        self._store: tuple[Any, float, SessionStore] | None = None
        self._view: tuple[SessionStore, float, RevocationView] | None = None
        self._opening = Lock()
        self.noted: Noted = Noted()

    def configured(self) -> Configured:
        """The options and keys as they are now.

        :raises ConfigurationError: if an option is wrong.
        """
        snapshot = self._reader.snapshot(self.app.config)
        configured = self._configured
        if configured is None or snapshot != configured.snapshot:
            # What is checked is a copy that nobody changes meanwhile.
            frozen = self._reader.freeze(snapshot)
            settings = self._reader.check(frozen)
            if settings.profile != self._profile:
                raise ConfigurationError(
                    f"{self.prefix}PROFILE is read by init_app; it can't change afterwards"
                )
            # A named manager has keys of its own: with Flask's secret, its tokens and the
            # unnamed manager's would open each other's doors.
            flask_keys = frozen[-2:] if not self.manager.name else (None, None)
            configured = self._configured = Configured(
                settings,
                self._reader.comparable(frozen),
                own_keys(
                    settings, self.prefix, flask_keys=flask_keys, store=self.store, clock=_now
                ),
            )
        return configured

    def check_keys(self) -> None:
        """Read the keys now, if any are set: a wrong one should not wait for the first token.

        :raises ConfigurationError: if one can't be used.
        """
        configured = self.configured()
        # What is in the store may not be there yet: `flask jwt keys generate` makes it.
        if self.has_keys(configured) and configured.settings.keys != "store:":
            configured.ring  # noqa: B018 - it is built by being asked for

    def has_keys(self, configured: Configured) -> bool:
        """Whether the options name any keys of our own."""
        return configured.keys.are_given

    @property
    def settings(self) -> Settings:
        """The options as they are now.

        :raises ConfigurationError: if one is wrong.
        """
        return self.configured().settings

    def store(self, settings: Settings | None = None) -> SessionStore | None:
        """The store of ``JWT_SESSION_STORE``, opened at its first use; None where it is not set.

        :param settings: as they are now, where the caller has looked already.
        :raises ConfigurationError: if the option is wrong.
        """
        settings = settings or self.settings
        wanted, timeout = settings.session_store, settings.store_timeout
        if wanted is None:
            return None
        opened = self._store
        if opened is not None and opened[0] is wanted and opened[1] == timeout:
            return opened[2]
        with self._opening:
            opened = self._store
            if opened is None or opened[0] is not wanted or opened[1] != timeout:
                opened = self._store = wanted, timeout, self._open_store(wanted, timeout)
        return opened[2]

    def check_store(self) -> None:
        """Look at the store's set-up now: what is wrong should not wait for the first log-in.

        What the operator can still mend while the application runs is logged, with the mend; until
        then requests that need the store are answered 503. Nothing stays open: a process that
        forks has no connection to share. Only a store by its URL is looked at: an engine of the
        application's may not be ready yet.

        :raises ConfigurationError: if the option is wrong, or the store is damaged or of a newer
            version than this one.
        """
        if not isinstance(self.settings.session_store, str):
            return
        store = self.store()
        if store is None:
            return
        option = f"{self.prefix}SESSION_STORE"
        try:
            findings = store.check()
        except StoreUnavailableError as error:
            why = str(error.__cause__ or error).partition("\n")[0]
            log.error("%s does not answer: no token is taken until it does (%s)", option, why)
            return
        finally:
            store.close()
        for finding in findings:
            if finding.code in _HOPELESS:
                raise ConfigurationError(f"{option}: {finding.message}: {finding.mend}")
            level = logging.ERROR if finding.level == "error" else logging.WARNING
            log.log(level, "%s: %s: %s", option, finding.message, finding.mend)

    def revocations(self, settings: Settings) -> RevocationView | None:
        """What the store refuses, as this process knows it; None where there is no store.

        :raises ConfigurationError: if ``JWT_SESSION_STORE`` is wrong.
        """
        store = self.store(settings)
        if store is None:
            return None
        # A store that announces nothing is asked at each check: one indexed read.
        staleness = settings.revocation_max_staleness if getattr(store, "announces", True) else 0
        view = self._view
        if view is None or view[0] is not store or view[1] != staleness:
            with self._opening:
                view = self._view
                if view is None or view[0] is not store or view[1] != staleness:
                    new = RevocationView(store, max_staleness=staleness)
                    view = self._view = store, staleness, new
        return view[2]

    def store_is_failing(self) -> bool:
        """Whether the store failed when a guard last asked it."""
        return self._view is not None and self._view[2].is_failing

    def has_revoked(self) -> None:
        """Note that this process has just had the store refuse something."""
        if self._view is not None:
            self._view[2].doubt()

    def close(self) -> None:
        """Give back the connections to the store. They are opened again if they are needed."""
        with self._opening:
            if self._view is not None:
                self._view[2].close()
            if self._store is not None:
                self._store[2].close()
            self._view = self._store = None

    def _open_store(self, wanted: Any, timeout: float) -> SessionStore:
        if isinstance(wanted, SessionStore):
            return wanted
        from ..stores import open_store  # here: SQLAlchemy and redis-py are loaded on demand

        try:
            return open_store(wanted, timeout=timeout)
        except (ValueError, ConfigurationError) as error:
            raise ConfigurationError(f"{self.prefix}SESSION_STORE: {error}") from None


def _now() -> float:
    from . import encoded_tokens  # it imports this module; and its clock is the one that counts

    return encoded_tokens.now()


_HOPELESS = {"corrupt", "newer_schema"}
"""Findings that no command of ours mends: with them an application does not start."""


def current_state(name: str = "") -> AppState:
    """The state of a manager in the current application.

    :raises RuntimeError: if there is no such manager, or no application context.
    """
    try:
        # By way of the object: each attribute of a proxy costs as much as this whole look-up.
        state: AppState = current_app._get_current_object().extensions[EXTENSION][name]  # type: ignore[attr-defined]  # it is a LocalProxy
    except KeyError:
        raise RuntimeError(_NO_MANAGER) from None
    return state
