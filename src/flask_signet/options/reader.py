"""Reading the options from ``app.config``, and noticing when one has changed.

Options may change while the application runs, as with Flask-JWT-Extended. A look at all of
them costs a few microseconds (:class:`OptionReader`); they are checked again only when one
has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import timedelta
from operator import itemgetter
from time import monotonic
from typing import Any, Final

from ..exceptions import ConfigurationError
from .checks import PROFILES, lifetime, maybe_lifetime, nearest
from .table import OPTIONS, Option, Settings
from .together import check_together
from .watched import changes


def refusal(name: str, option: Option, value: Any, takes: str) -> ConfigurationError:
    """The error of a wrong value. It shows the value, unless the option holds a secret.

    :param takes: what the option takes, maybe with a guess at its end, see :func:`.nearest`.
    """
    told, guess, rest = takes.partition("; did you mean")
    instead = f", not {shown(value)}" if option.told else ""
    return ConfigurationError(f"{name} takes {told}{instead}{guess}{rest}")


def shown(value: Any) -> str:
    """A value of the configuration for an error: short, and nothing that may be a secret.

    A long text in the wrong option may be a key, a URL with a user in it has a password.
    """
    if value is None or isinstance(value, bool | int | float | timedelta):
        return repr(value)
    if isinstance(value, str):
        is_plain = len(value) <= _SHOWN and "@" not in value
        return repr(value) if is_plain else f"a text of {len(value)} characters"
    if isinstance(value, bytes):
        return repr(value) if len(value) <= _SHOWN else f"{len(value)} bytes"
    if isinstance(value, list | tuple | set | frozenset) and len(value) <= _SHOWN_MEMBERS:
        inner = ", ".join(map(shown, value))
        return f"{{{inner}}}" if isinstance(value, set | frozenset) else f"[{inner}]"
    return f"a value of the type {type(value).__name__}"


_SHOWN: Final = 32
"""Characters of a text that is shown."""

_SHOWN_MEMBERS: Final = 4
"""Members of a list that is shown."""


def set_defaults(app_config: MutableMapping[str, Any], prefix: str) -> list[str]:
    """Write the defaults of the profile into the configuration, where nothing is set.

    :return: the names that were set.
    :raises ConfigurationError: if ``JWT_PROFILE`` is unknown.
    """
    profile = app_config.get(f"{prefix}PROFILE", "compatible")
    if profile not in PROFILES:
        takes = " or ".join(map(repr, PROFILES)) + nearest(profile, PROFILES)
        raise refusal(f"{prefix}PROFILE", OPTIONS["profile"], profile, takes)
    added = []
    for option in OPTIONS.values():
        if prefix + option.name not in app_config:
            app_config[prefix + option.name] = option.default_in(profile)
            added.append(prefix + option.name)
    return added


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


_EACH: Final = 1.0
"""Seconds after which all options are looked at again, whatever says that none has changed."""


class Glance:
    """What a look at all options found, as far as a shorter look can compare it.

    That is the number of changes of the configuration, and the options whose values may change
    within themselves: the lists, sets and mappings.
    """

    __slots__ = ("_changes", "_config", "_get", "_until", "_values")

    def __init__(
        self, config: Mapping[str, Any], count: int | None, inner: Mapping[str, Any], first: str
    ) -> None:
        self._config = config
        self._changes = count
        self._get = itemgetter(first, first, *inner)  # two at least: its answer is a tuple
        self._values = (config[first], config[first], *inner.values())
        self._until = monotonic() + _EACH

    def holds(self, config: Mapping[str, Any]) -> bool:
        """Whether nothing has changed since."""
        try:
            return (
                config is self._config
                and self._changes is not None
                and changes(config) == self._changes
                and self._get(config) == self._values
                and monotonic() < self._until
            )
        except KeyError:  # the application has deleted an option
            return False


class OptionReader:
    """Reads the options of one prefix, and notices when one has changed.

    :param more: names of other options to read along, e.g. Flask's ``SECRET_KEY``.
    """

    def __init__(self, prefix: str, *more: str) -> None:
        self.prefix = prefix
        self._more = more
        names = [prefix + option.name for option in OPTIONS.values()]
        self._names = (*names, *more)
        self._get = itemgetter(*self._names)

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

    def glance(
        self, config: Mapping[str, Any], count: int | None, frozen: tuple[Any, ...]
    ) -> Glance:
        """What a shorter look compares.

        :param count: how often the configuration had been changed before the snapshot was taken.
        :param frozen: the snapshot, frozen.
        """
        inner = {
            name: value
            for name, value in zip(self._names, frozen, strict=True)
            if isinstance(value, list | set | dict | tuple)
        }
        return Glance(config, count, inner, self._names[0])

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
                name = f"{self.prefix}{option.name}"
                raise refusal(name, option, raw, str(error)) from None
        settings = Settings(**values)
        check_together(settings, self.prefix)
        return settings
