"""How a manager comes into an application: its name, its options' prefix, its other issuers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, Unpack
from weakref import WeakSet

import click
from flask import Blueprint, Flask

from ..engine.callbacks import Callbacks
from ..engine.issuers import Issuer, IssuerTerms, is_our_name, make_issuer, refuse_unmarked
from ..engine.setup import SYSTEM_CLOCK, Clock
from ..exceptions import ConfigurationError, adopt_pyjwt
from ..options.names import check_names
from ..options.reader import set_defaults
from ..options.table import Settings
from .boundaries import HANDLED, handle, handle_for_api
from .installation import (
    EXTENSION,
    Installation,
    application_itself,
    installation,
    installations,
    user_for_templates,
)
from .loaders import Loaders

FJE_EXTENSION: Final = "flask-jwt-extended"
"""Where Flask-JWT-Extended puts its manager; other extensions look for it there."""


class Installing(Loaders):
    """What a manager is before any request: see :class:`.manager.Manager`."""

    clock: Clock = SYSTEM_CLOCK
    """Seconds since 1970: the clock of the tokens. A test may set another one."""

    monotonic: Clock = time.monotonic
    """Seconds that never step back: the clock of the other issuers' keys."""

    def __init__(
        self,
        app: Flask | None = None,
        add_context_processor: bool = False,
        *,
        name: str = "",
        config_prefix: str = "JWT_",
    ) -> None:
        if bool(name) != (config_prefix != "JWT_") or not config_prefix.endswith("_"):
            raise ConfigurationError(
                "a second JWTManager takes both a name and a config_prefix of its own, e.g. "
                'JWTManager(name="partner", config_prefix="PARTNER_JWT_")'
            )
        self.name: str = name
        self.config_prefix: str = config_prefix
        self.callbacks: Callbacks = Callbacks()
        #: The other issuers whose access tokens are taken, see :meth:`add_issuer`.
        self.issuers: Mapping[str, Issuer] = {}
        self._apps: WeakSet[Flask] = WeakSet()
        if app is not None:
            self.init_app(app, add_context_processor)

    def init_app(self, app: Flask, add_context_processor: bool = False) -> None:
        """Serve an application.

        Its options are checked now, and again when they change. A secret may come later: it is
        needed by the first token. A session store that is given by its URL is looked at too; what
        is wrong with it is logged, with the mend.

        :param app: the application, or a proxy of one such as ``current_app``.
        :raises ConfigurationError: if an option's name or value is wrong; it says which, what
            the option takes, and the nearest right name. Or if the session store is damaged.
        """
        app = application_itself(app)
        known = self._known(app)
        if known is not None:
            if app.config[f"{self.config_prefix}PROFILE"] != known.settings.profile:
                raise ConfigurationError(f"{self.config_prefix}PROFILE can't change any more")
            self._add_context_processor(app, wanted=add_context_processor)
            return
        added = set_defaults(app.config, self.config_prefix)
        here = Installation(app, self)
        try:
            self._check(here)
            # Flask refuses both of these in an application that has served a request.
            self._set_error_handler_callbacks(app)
            self._add_context_processor(app, wanted=add_context_processor)
        except Exception:
            here.close()
            for name in added:  # nothing half-written remains: the mended start begins afresh
                app.config.pop(name, None)
            raise

        # Only now, with nothing left that can fail, does the application see the manager.
        adopt_pyjwt()
        app.extensions.setdefault(EXTENSION, {})[self.name] = here
        self._apps.add(app)
        if not self.name:
            app.extensions[FJE_EXTENSION] = self

    def _check(self, here: Installation) -> None:
        """Look at all that the options name, before the application sees the manager.

        :raises ConfigurationError: saying what is wrong.
        """
        config = here.app.config
        strict = config[f"{self.config_prefix}PROFILE"] == "strict"
        check_names(config, self.config_prefix, strict=strict)
        if not _is_our_command():
            here.check_keys()
            here.check_apart()
        self._check_issuers(here.settings)
        if not _is_our_command():
            here.check_store()

    def _known(self, app: Flask) -> Installation | None:
        """The installation of this manager in an application that it serves already.

        :raises ConfigurationError: if another manager has the name, or the prefix. It says where
            that manager was made: in an extension, maybe.
        """
        there = installations(app)
        known = there.get(self.name)
        if known is not None and known.manager is not self:
            if self.name:
                raise ConfigurationError(
                    f"this application has a JWTManager already with the name {self.name!r}, of "
                    f"{known.place}: give the second one another name and config_prefix"
                )
            raise ConfigurationError(
                f"this application has a JWTManager already, of {known.place}: use that one, "
                f"app.extensions[{FJE_EXTENSION!r}], or give the second one a name and a "
                'config_prefix, e.g. JWTManager(name="partner", config_prefix="PARTNER_JWT_")'
            )
        for name, each in there.items():
            if name != self.name and each.prefix == self.config_prefix:
                raise ConfigurationError(
                    f"the JWTManager of {each.place} has the config_prefix "
                    f"{self.config_prefix!r} already: each needs its own"
                )
        return known

    def _add_context_processor(self, app: Flask, *, wanted: bool) -> None:
        if wanted and user_for_templates not in app.template_context_processors[None]:
            app.context_processor(user_for_templates)

    def _set_error_handler_callbacks(self, app: Any) -> None:
        """Register the handler with a Flask application, or with an API extension's object."""
        for error in HANDLED:
            if isinstance(app, Flask | Blueprint):
                app.register_error_handler(error, handle)
            else:
                app.errorhandler(error)(handle_for_api)

    def _here(self) -> Installation:
        """The installation of this manager in the current application.

        :raises RuntimeError: if there is none.
        """
        return installation(self.name)

    def add_issuer(
        self,
        issuer: str,
        *,
        audience: str | Iterable[str],
        allow_http: bool = False,
        **terms: Unpack[IssuerTerms],
    ) -> None:
        """Take the access tokens of another issuer too, wherever this manager guards.

        A token whose ``iss`` is exactly this issuer is verified by the issuer's keys, which are
        fetched when the first such token comes. Every other token is verified as before. A token
        of another issuer is good for access only: it is never fresh, and never refreshes. Needs the
        extra ``issuers``.

        :param issuer: its URL, letter for letter as its tokens say it.
        :param audience: the audience that the tokens for this application have; one of several is
            enough.
        :param allow_http: take http URLs for the issuer and its keys, inside a network of your own:
            an attacker who can change its traffic can make tokens of this issuer. Http to this same
            machine is always taken.
        :param terms: what else there is to say of it, by keyword: see :class:`.IssuerTerms`.
        :raises ConfigurationError: if one of these can't be right; it says what to give.
        """
        if issuer in self.issuers:
            raise ConfigurationError(
                f"add_issuer: {issuer!r} is there already: call it once, with all of its audiences "
                "in a list"
            )
        made = make_issuer(issuer, audience, terms, allow_http=allow_http, clock=self.monotonic)
        before = self.issuers
        self.issuers = {**before, issuer: made}  # another one: requests may be at the old
        try:
            for app in self._apps:
                self._check_issuers(installations(app)[self.name].settings)
        except Exception:
            self.issuers = before
            raise

    def _check_issuers(self, settings: Settings) -> None:
        for name, issuer in self.issuers.items():
            if settings.profile == "strict":
                refuse_unmarked(issuer)
            if is_our_name(settings, name):
                raise ConfigurationError(
                    f"add_issuer: {name!r} is the issuer of our own tokens, by "
                    f"{self.config_prefix}ENCODE_ISSUER or {self.config_prefix}DECODE_ISSUER: "
                    "take it out of one of them"
                )


def _is_our_command() -> bool:
    """Whether ``flask jwt ...`` makes the application: it says by itself what a store lacks."""
    context = click.get_current_context(silent=True)
    while context is not None:
        if context.info_name == "jwt":
            return True
        context = context.parent
    return False
