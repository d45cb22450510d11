"""Reading the options from ``app.config``, and noticing when one has changed.

Options may change while the application runs, as with Flask-JWT-Extended. A look at all of
them costs a few microseconds (:class:`OptionReader`); they are checked again only when one
has changed.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Collection, Mapping, MutableMapping
from operator import itemgetter
from typing import Any, Final

from ..exceptions import ConfigurationError
from .checks import PROFILES, lifetime, maybe_lifetime, nearest
from .table import OPTIONS, Settings
from .together import check_together

_NAMES: Final = {option.name for option in OPTIONS.values()}

# Options of Flask-JWT-Extended 3, gone since its version 4, and still in many configurations.
_GONE: Final = {
    "BLACKLIST_ENABLED": "a token_in_blocklist_loader is enough",
    "BLACKLIST_TOKEN_CHECKS": "a token_in_blocklist_loader is enough",
    "CLAIMS_IN_REFRESH_TOKEN": "claims are in both kinds of token",
    "CLAIMS_KEY": "claims are members of the payload",
    "USER_CLAIMS": "claims are members of the payload",
}


class UnknownOptionWarning(UserWarning):
    """A ``JWT_`` name in the configuration is no option of ours. It may be the application's."""


def set_defaults(app_config: MutableMapping[str, Any], prefix: str) -> list[str]:
    """Write the defaults of the profile into the configuration, where nothing is set.

    :return: the names that were set.
    :raises ConfigurationError: if ``JWT_PROFILE`` is unknown.
    """
    profile = app_config.get(f"{prefix}PROFILE", "compatible")
    if profile not in PROFILES:
        takes = " or ".join(map(repr, PROFILES))
        raise ConfigurationError(f"{prefix}PROFILE takes {takes}{nearest(profile, PROFILES)}")
    added = []
    for option in OPTIONS.values():
        if prefix + option.name not in app_config:
            app_config[prefix + option.name] = option.default_in(profile)
            added.append(prefix + option.name)
    return added


def check_names(
    app_config: Mapping[str, Any], prefix: str, *, strict: bool, unset: Collection[str] = ()
) -> None:
    """Refuse misspelt options, which would have no effect.

    A name close to an option's name is an error. In the strict profile, every unknown name is one.
    Otherwise an unknown name only gets a warning: applications keep settings of their own under
    ``JWT_``, and must go on running. ``JWT_ACCESS_TOKEN_EXPIRES_HOURS`` is such a setting where
    ``JWT_ACCESS_TOKEN_EXPIRES`` is set too: the application computes the second from the first.

    :param unset: the options that the application did not set.
    :raises ConfigurationError: naming the wrong option and the nearest right one.
    """
    for name in app_config:
        if not isinstance(name, str) or not name.startswith(prefix):
            continue
        short = name.removeprefix(prefix)
        if short in _NAMES:
            continue
        if short in _GONE:
            _warn(f"{name} has no effect since Flask-JWT-Extended 4: {_GONE[short]}")
            continue
        near = difflib.get_close_matches(short, _NAMES, n=1, cutoff=0.85)
        if near and (prefix + near[0] in unset or not short.startswith(f"{near[0]}_")):
            raise ConfigurationError(f"{name} is no option: did you mean {prefix}{near[0]}?")
        if strict:
            raise ConfigurationError(
                f"{name} is no option; with {prefix}PROFILE = 'strict' none may begin with "
                f"{prefix} but the options of Flask-Signet"
            )
        _warn(f"{name} is no option of Flask-Signet: it has no effect here")


def _warn(message: str) -> None:
    warnings.warn(message, UnknownOptionWarning, stacklevel=5)


def _copied(value: Any) -> Any:
    """The value, its lists, sets and mappings copied to the bottom; keys stay as they are."""
    if isinstance(value, dict):
        return {name: _copied(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        copied = list(map(_copied, value))  # equal to what it is a copy of, also of a subclass
        return copied if isinstance(value, list) else tuple(copied)
    return set(value) if isinstance(value, set) else value


class _ExactlyFalse:
    """Equal to False, and not to 0."""

    __hash__ = None  # type: ignore[assignment]  # so says Python of a class with __eq__ alone

    def __eq__(self, other: object) -> bool:
        return other is False


_EXACTLY_FALSE: Final = _ExactlyFalse()

_LIFETIMES: Final = frozenset(
    index
    for index, option in enumerate(OPTIONS.values())
    if option.check in (lifetime, maybe_lifetime)
)


class OptionReader:
    """Reads the options of one prefix, and notices when one has changed.

    :param more: names of other options to read along, e.g. Flask's ``SECRET_KEY``.
    """

    def __init__(self, prefix: str, *more: str) -> None:
        self.prefix = prefix
        self._more = more
        names = [prefix + option.name for option in OPTIONS.values()]
        self._get = itemgetter(*names, *more)

    def snapshot(self, app_config: MutableMapping[str, Any]) -> tuple[Any, ...]:
        """The raw values of all options. Equal snapshots mean that nothing has changed."""
        try:
            values: tuple[Any, ...] = self._get(app_config)
        except KeyError:  # the application has deleted an option
            set_defaults(app_config, self.prefix)
            for name in self._more:
                app_config.setdefault(name, None)
            values = self._get(app_config)
        return values

    @staticmethod
    def freeze(snapshot: tuple[Any, ...]) -> tuple[Any, ...]:
        """The snapshot with copies of its collections: a change of those does not reach it."""
        return tuple(map(_copied, snapshot))

    @staticmethod
    def comparable(frozen: tuple[Any, ...]) -> tuple[Any, ...]:
        """A frozen snapshot to compare others with.

        In a lifetime, False ("for ever") differs from 0 (an error), although they are equal.
        """
        return tuple(
            _EXACTLY_FALSE if value is False and index in _LIFETIMES else value
            for index, value in enumerate(frozen)
        )

    def check(self, snapshot: tuple[Any, ...]) -> Settings:
        """The settings.

        :raises ConfigurationError: naming the option that is wrong and what it takes.
        """
        values = {}
        for (attribute, option), raw in zip(OPTIONS.items(), snapshot, strict=False):
            try:
                values[attribute] = option.check(raw)
            except ValueError as error:
                raise ConfigurationError(f"{self.prefix}{option.name} takes {error}") from None
        settings = Settings(**values)
        check_together(settings, self.prefix)
        return settings
