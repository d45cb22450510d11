"""One manager in one application: where the options of ``app.config`` become a Signet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol

from flask import Flask, current_app, has_request_context
from flask.json.provider import DefaultJSONProvider
from werkzeug.local import LocalProxy

from ..callers import Place, caller, warn_once
from ..engine.callbacks import Callbacks
from ..engine.events import tell_by
from ..engine.issuers import Issuer
from ..engine.own_keys import key_rules, own_keys
from ..engine.owners import NOBODY, Owner
from ..engine.setup import Clock
from ..engine.signet import Signet
from ..engine.storage import Storage
from ..exceptions import ConfigurationError, SharedSecretWarning
from ..forks import own_lock
from ..jwt.cache import TokenCache
from ..keys.beside import start_thread
from ..keys.live import LiveKeys
from ..keys.loaded import LoadedKeys
from ..keys.own import share_a_secret
from ..keys.ring import KeyRing
from ..options.reader import Glance, OptionReader
from ..options.table import Settings
from ..options.watched import changes, watch
from ..sessions.store import SessionStore
from .answers import Answers
from .current import Current, request_itself

EXTENSION: Final = "flask-signet"
"""Where an application keeps its installations: a dictionary by the manager's name."""

_TENANTS: Final = "_flask_signet_tenants"
"""Where a request remembers its tenant, by the installation that asked."""

_NO_MANAGER: Final = (
    "You must initialize a JWTManager with this flask application before using this method"
)


class Installed(Protocol):
    """What an installation reads of its manager, each time afresh."""

    name: str
    config_prefix: str
    callbacks: Callbacks
    issuers: Mapping[str, Issuer]
    clock: Clock


class _Looked(NamedTuple):
    """What the last look at all options found.

    :param options: to compare others with.
    :param glance: what a shorter look compares.
    :param signet: the engine by them.
    """

    frozen: tuple[Any, ...]
    options: tuple[Any, ...]
    glance: Glance
    signet: Signet


class Installation:
    """One manager in one application. Its :class:`.Signet` follows ``app.config``.

    A manager may serve several applications, and an application may have several managers. The
    store's connections live as long as the installation; a Signet only until an option changes.
    """

    __slots__ = (
        "_lock",
        "_looked",
        "_profile",
        "_reader",
        "_storage",
        "answers",
        "app",
        "current",
        "manager",
        "place",
        "prefix",
    )

    def __init__(self, app: Flask, manager: Installed) -> None:
        self.app: Flask = app
        self.manager: Installed = manager
        self.prefix: str = manager.config_prefix
        #: The application's line, or an extension's, that gave the manager the application.
        self.place: Place = caller()
        self.answers: Answers = Answers(app, self.signet)
        self.current: Current = Current(self.signet, is_unnamed=not manager.name)
        self._reader = OptionReader(self.prefix, "SECRET_KEY", "SECRET_KEY_FALLBACKS")
        self._profile = app.config.get(f"{self.prefix}PROFILE", "compatible")
        self._looked: _Looked | None = None
        watch(app.config)
        self._storage: Storage | None = None
        self._lock = own_lock()

    def signet(self) -> Signet:
        """The engine by the options of now. This is the one look at the options.

        A guard, a log-in and a refresh call it once and work with what they got to the end, so
        that the keys and the rules of one request always belong together.

        :raises ConfigurationError: if an option is wrong.
        """
        looked, manager = self._looked, self.manager
        if looked is None or not looked.glance.holds(self.app.config):
            looked = self._look(looked)
        signet = looked.signet
        if signet.clock is not manager.clock or signet.issuers is not manager.issuers:
            signet = replace(signet, clock=manager.clock, issuers=manager.issuers)
            self._looked = looked._replace(signet=signet)
        return signet

    def _look(self, before: _Looked | None) -> _Looked:
        """Look at all options."""
        config = self.app.config
        count = changes(config)  # first: what changes meanwhile is seen by the next look
        snapshot = self._reader.snapshot(config)
        if before is not None and snapshot == before.options:
            frozen, signet = before.frozen, before.signet
        else:
            # What is checked is a copy that nobody changes meanwhile.
            frozen = self._reader.freeze(snapshot)
            signet = self._checked(frozen)
        glance = self._reader.glance(config, count, frozen)
        looked = _Looked(frozen, self._reader.comparable(frozen), glance, signet)
        self._looked = looked
        return looked

    def _checked(self, frozen: tuple[Any, ...]) -> Signet:
        settings = self._reader.check(frozen)
        if settings.profile != self._profile:
            raise ConfigurationError(
                f"{self.prefix}PROFILE is read by init_app; it can't change afterwards"
            )
        # A named manager has keys of its own: with Flask's secret, its tokens and the unnamed
        # manager's would open each other's doors.
        flask_keys = (None, None) if self.manager.name else frozen[-2:]
        signet = self._signet_by(settings, flask_keys)
        if installations(self.app).get(self.manager.name) is self:
            # A changed option. Live keys are read when they are needed, not here.
            self._refuse_shared_secret(signet, live=False)
        return signet

    def _signet_by(self, settings: Settings, flask_keys: tuple[Any, ...]) -> Signet:
        app, manager = self.app, self.manager
        storage = self._storage_by(settings)
        return Signet(
            settings=settings,
            keys=own_keys(
                settings,
                self.prefix,
                flask_keys=(flask_keys[0], flask_keys[1]),
                store=lambda: None if storage is None else storage.store,
                clock=self._now,
                name=manager.name,
                start=self._start,
            ),
            loaded=LoadedKeys(key_rules(settings)),
            cache=TokenCache(settings.token_cache, settings.rules),
            prefix=self.prefix,
            callbacks=manager.callbacks,
            issuers=manager.issuers,
            storage=storage,
            clock=manager.clock,
            tell=tell_by(app),
            to_json=self._to_json,
            to_sync=app.async_to_sync,
            name=manager.name,
            once=self._once,
            owner_in_hand=self._owner_in_hand,
        )

    def _storage_by(self, settings: Settings) -> Storage | None:
        """The store that the options name; the one of before if they name the same."""
        if settings.session_store is None:
            return None
        with self._lock():
            if self._storage is None or not self._storage.serves(settings):
                self._storage = Storage(
                    settings.session_store,
                    timeout=settings.store_timeout,
                    option=f"{self.prefix}SESSION_STORE",
                )
            return self._storage

    def _once(self, function: Callable[[], Any]) -> Any:
        """What a function returns; a request remembers it, unless it is None."""
        if not has_request_context():
            return function()
        known: dict[Installation, Any] = request_itself().__dict__.setdefault(_TENANTS, {})
        if known.get(self) is None:
            known[self] = function()
        return known[self]

    def _owner_in_hand(self) -> Owner:
        """Whose token a guard found in this request."""
        admission = self.current.admission()
        if admission is None or admission.issuer is not None:
            return NOBODY
        return Owner.of(admission.claims)

    def _now(self) -> float:
        """Seconds since 1970, by the clock that the manager has now."""
        return self.manager.clock()

    def _start(self, run: Callable[[], None]) -> None:
        """Run a function beside the request, in an application context of its own.

        The function of ``JWT_KEYS`` may ask for ``current_app``, and the application's ``db`` for
        its engine. The request's own context ends with the request.

        :raises RuntimeError: if no thread can be started.
        """

        def run_in_context() -> None:
            with self.app.app_context():
                run()

        start_thread(run_in_context)

    def _to_json(self, value: Any) -> Any:
        """What the application's JSON provider makes of a value that is not JSON."""
        provider = self.app.json_provider_class
        return getattr(provider, "default", DefaultJSONProvider.default)(value)

    @property
    def settings(self) -> Settings:
        """The options as they are now.

        :raises ConfigurationError: if one is wrong.
        """
        return self.signet().settings

    def store(self) -> SessionStore | None:
        """The session store; None where there is none.

        :raises ConfigurationError: if ``JWT_SESSION_STORE`` is wrong.
        """
        storage = self.signet().storage
        return None if storage is None else storage.store

    def check_keys(self) -> None:
        """Read the keys now, if any are given: a wrong key should not wait for the first token.

        :raises ConfigurationError: if one can't be used.
        """
        signet = self.signet()
        # What is in the store may not be there yet: `flask jwt keys generate` makes it.
        if not signet.keys.are_given or signet.settings.keys == "store:":
            return
        if isinstance(signet.keys, LiveKeys):
            signet.keys.read()
        else:
            signet.keys.ring()

    def check_apart(self) -> None:
        """Look for a secret that another manager of this application has, too.

        A warning; an error where one of the two has the strict profile.

        :raises ConfigurationError: naming both managers by their ``config_prefix``.
        """
        self._refuse_shared_secret(self.signet(), live=True)

    def _refuse_shared_secret(self, signet: Signet, *, live: bool) -> None:
        others = [each for each in installations(self.app).values() if each is not self]
        ring = _ring_of(signet, live=live) if others else None
        for other in others:
            # As it was last looked at: a look from here might come back.
            theirs = None if other._looked is None else _ring_of(other._looked.signet, live=live)
            if ring is None or theirs is None or not share_a_secret(ring, theirs):
                continue
            message = (
                f"the managers with the config_prefix {other.prefix!r} and {self.prefix!r} have "
                "one secret: the tokens of each open the views of the other. Give each a secret "
                "of its own"
            )
            if "strict" in (self._profile, other._profile):
                raise ConfigurationError(message)
            warn_once(message, SharedSecretWarning)

    def check_store(self) -> None:
        """Look at the store now: what is wrong with it should not wait for the first log-in.

        :raises ConfigurationError: if the store is damaged or of a newer version than this one.
        """
        signet = self.signet()
        if signet.storage is not None:
            signet.storage.check(signet.clock())

    def close(self) -> None:
        """Give back the connections to the store. They are opened again if they are needed."""
        if self._storage is not None:
            self._storage.close()


def _ring_of(signet: Signet, *, live: bool) -> KeyRing | None:
    """The keys of a manager, if it has some by now, and they are not in the store.

    :param live: read keys that are kept elsewhere, too.
    """
    kept = signet.settings.keys
    if not signet.keys.are_given or kept == "store:" or (kept is not None and not live):
        return None
    try:
        return signet.keys.ring()
    except ConfigurationError:
        return None  # which is told when a token needs it


def installation(name: str = "") -> Installation:
    """A manager's installation in the current application.

    :raises RuntimeError: if there is no such manager, or no application context.
    """
    try:
        # By way of the object: each attribute of a proxy costs as much as this whole look-up.
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # a LocalProxy
        found: Installation = app.extensions[EXTENSION][name]
    except KeyError:
        raise RuntimeError(_NO_MANAGER) from None
    return found


def application_itself(app: Flask) -> Flask:
    """The application that a proxy such as ``current_app`` stands for; any other one as it is.

    :raises RuntimeError: if there is no application at the moment.
    """
    found: Flask = app._get_current_object() if isinstance(app, LocalProxy) else app
    return found


def installations(app: Flask) -> dict[str, Installation]:
    """The installations of an application by their managers' names; empty if there is none."""
    found: dict[str, Installation] = app.extensions.get(EXTENSION, {})
    return found


def current(name: str = "") -> Current:
    """The request of now, as a manager of the current application sees it.

    The names in ``g`` of an application without an unnamed manager are read all the same.

    :raises RuntimeError: if there is no manager of this name, or no application context.
    """
    here = installations(current_app).get("") if not name else installation(name)
    return _NOWHERE if here is None else here.current


def user_for_templates() -> dict[str, Any]:
    """``current_user`` for templates: None where no guard of the unnamed manager has run."""
    return {"current_user": current().user_or_none()}


def _no_manager() -> Signet:
    raise RuntimeError(_NO_MANAGER)


_NOWHERE: Final = Current(_no_manager, is_unnamed=True)
