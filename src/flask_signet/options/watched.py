"""Noticing that ``app.config`` was changed, without looking at all of it in every request.

Options may change while an application runs, as with Flask-JWT-Extended. There are some ninety; to
read and compare them all costs more than the rest of a guard. So the configuration counts its own
changes: its class becomes a subclass that does, and the object stays the one that it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, Final

_COUNT: Final = "_flask_signet_changes"

_CHANGING: Final = (
    "__setitem__",
    "__delitem__",
    "__ior__",
    "clear",
    "pop",
    "popitem",
    "setdefault",
    "update",
)


def watch(config: dict[str, Any]) -> None:
    """Have a configuration count its changes, if its class allows that; else it stays as it is."""
    if isinstance(getattr(config, _COUNT, None), int):
        return
    try:
        config.__class__ = _watched(type(config))
        setattr(config, _COUNT, 0)
    except (AttributeError, TypeError):
        return  # of a class with slots: all of it is looked at each time


def changes(config: Mapping[str, Any]) -> int | None:
    """How often a configuration was changed since it is watched; None for one that is not.

    A change within a value, such as a list's, is none.
    """
    return getattr(config, _COUNT, None)


@cache
def _watched(kind: type[dict[str, Any]]) -> type[dict[str, Any]]:
    """The subclass of a class of configurations that counts. It has the name of the class."""
    members: dict[str, Any] = {name: _counting(getattr(kind, name)) for name in _CHANGING}
    members["__module__"], members["__doc__"] = kind.__module__, kind.__doc__
    members["__reduce_ex__"] = _as_before(kind)
    return type(kind.__name__, (kind,), members)


def _counting(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def changing(config: Any, *arguments: Any, **named: Any) -> Any:
        try:
            return method(config, *arguments, **named)
        finally:  # also if half of it was done
            config.__dict__[_COUNT] += 1

    return changing


def _as_before(kind: type[dict[str, Any]]) -> Callable[..., Any]:
    """A copy, or a pickle, is of the class that the configuration had: it is not watched."""

    def reduce(config: Any, protocol: Any) -> Any:
        state = {name: value for name, value in vars(config).items() if name != _COUNT}
        return _remake, (kind, state, dict(config))

    return reduce


def _remake(kind: type[dict[str, Any]], state: dict[str, Any], members: dict[str, Any]) -> Any:
    made = kind.__new__(kind)
    made.__dict__.update(state)
    made.update(members)
    return made
