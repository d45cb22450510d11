"""The names under ``JWT_`` in a configuration: misspelt options, and the application's own.

Applications keep settings of their own there, and must go on running. So a name is judged by its
words:

=====================================  ============================================================
``JWT_ACCESS_TOKEN_EXPIRE``            an option with an edit inside: an error
``JWT_ACCESS_TOKEN_EXPIRES_HOURS``     an option and more behind it: the application's, a warning
``JWT_ADMIN_SECRET_KEY``               the same before it, if the word is none of the options'
``JWT_SECRET_KEYS``, ``…_KEY2``        several of what the option has once: the application's, too
``JWT_TOKEN_LOCATIONS``                no such thing: the option takes several
``JWT_SERVICE_URL``                    unknown: a warning; in the strict profile an error
=====================================  ============================================================
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from math import inf, sqrt
from typing import Any, Final

from ..callers import warn_once
from ..exceptions import ConfigurationError
from . import checks
from .table import OPTIONS

_NAMES: Final = {option.name: option.name.split("_") for option in OPTIONS.values()}
_OFTEN: Final = Counter(word for words in _NAMES.values() for word in set(words))
_TAKE_SEVERAL: Final = {
    option.name
    for option in OPTIONS.values()
    if option.check in (checks.locations, checks.names, checks.audience, checks.audiences)
}

_NEAR: Final = 0.85
"""How alike two names are, by difflib, where the one is taken for the other."""

_ALIKE: Final = 0.75
"""The same for two words."""

_AS_NEAR: Final = 0.15
"""By how much two options may differ and both be meant."""

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


def check_names(app_config: Mapping[str, Any], prefix: str, *, strict: bool) -> None:
    """Refuse misspelt options, which would have no effect; warn of other unknown names.

    :raises ConfigurationError: naming the wrong option and the one that is meant.
    """
    for name in app_config:
        if isinstance(name, str) and name.startswith(prefix):
            short = name.removeprefix(prefix)
            if short in _GONE:
                message = f"{name} has no effect since Flask-JWT-Extended 4: {_GONE[short]}"
                warn_once(message, UnknownOptionWarning)
            elif short not in _NAMES:
                _refuse_or_warn(short, prefix, strict=strict)


def _refuse_or_warn(short: str, prefix: str, *, strict: bool) -> None:
    name, own = f"{prefix}{short}", _own_setting_of(short)
    meant = [own] if own else _meant_by(short)
    options = " or ".join(f"{prefix}{option}" for option in meant)
    if own is None and _nearest(short):
        raise ConfigurationError(f"{name} is no option: did you mean {options}?")
    if own is None and strict:
        question = f". Did you mean {options}?" if meant else ""
        raise ConfigurationError(
            f"{name} is no option; with {prefix}PROFILE = 'strict' none may begin with "
            f"{prefix} but the options of Flask-Signet{question}"
        )
    question = f" Did you mean {options}?" if meant else ""
    warn_once(
        f"{name} is no option of Flask-Signet: it has no effect here.{question} If it is your own, "
        "ignore this",
        UnknownOptionWarning,
    )


# ── the application's own, made of an option's name ──────────────────────────────────────


def _own_setting_of(name: str) -> str | None:
    """The option that a setting of the application is named after; None: it is named after none."""
    several = next((option for option in _NAMES if _is_several_of(name, option)), None)
    if several or _edited(name):
        return several
    for option in sorted(_NAMES, key=len, reverse=True):
        if len(name) > len(option) + 1 and name.startswith(f"{option}_"):
            return option
        before = name.removesuffix(f"_{option}")
        if before not in ("", name) and not any(map(_known_word, before.split("_"))):
            return option
    return None


def _is_several_of(name: str, option: str) -> bool:
    """Whether a name has a plural's S, or a number, behind the name of an option."""
    more = name.removeprefix(option)
    if more == name or not name.startswith(option):
        return False
    is_plural = more == "S" and not option.endswith("S") and option not in _TAKE_SEVERAL
    return is_plural or (more.isascii() and more.isdigit())


# ── misspelt options ─────────────────────────────────────────────────────────────────────


def _nearest(name: str) -> str | None:
    """The option whose name, as a text, is nearest; None if none is near."""
    near = difflib.get_close_matches(name, _NAMES, n=1, cutoff=_NEAR)
    return near[0] if near else None


def _edited(name: str) -> str | None:
    """The option that a name is with an edit in its words, or with its underscores elsewhere."""
    words = name.split("_")
    for option in difflib.get_close_matches(name, _NAMES, n=5, cutoff=_NEAR):
        if name.replace("_", "") == option.replace("_", ""):
            return option
        pairs = zip(words, _NAMES[option], strict=False)
        if len(words) == len(_NAMES[option]) and all(_likeness(*pair) for pair in pairs):
            return option
    return None


def _meant_by(name: str) -> list[str]:
    """The options that a name may mean, one or two: those that share its words.

    A word that many options have says little: ``REFRESH_EXPIRES`` is rather
    ``REFRESH_TOKEN_EXPIRES`` than ``REFRESH_IDLE_EXPIRES``.
    """
    words = name.split("_")
    likely = _edited(name)
    if likely is None and all(map(_known_word, words)):
        costs = {option: _difference(words, _NAMES[option]) for option in _NAMES}
        ranked = sorted(costs, key=costs.__getitem__)
        least = costs[ranked[0]]
        if least < inf:
            return [option for option in ranked[:2] if costs[option] <= least + _AS_NEAR]
    likely = likely or _nearest(name)
    return [likely] if likely else []


def _difference(words: list[str], option: list[str]) -> float:
    """What two names do not share; infinity if it is more than half of the longer one."""
    left, cost, shared = list(option), 0.0, 0
    for word in words:
        best = max(left, key=lambda other: _likeness(word, other), default="")
        likeness = _likeness(word, best)
        if likeness:
            left.remove(best)
            shared += 1
            cost += 1 - likeness
        else:
            cost += _weight(word)
    if 2 * shared < max(len(words), len(option)):
        return inf
    return cost + sum(map(_weight, left))


def _weight(word: str) -> float:
    """What a word says: less if many options have it."""
    return 1 / sqrt(_OFTEN[word] or 1)


def _known_word(word: str) -> bool:
    """Whether a word is of an option's name, or nearly."""
    return bool(difflib.get_close_matches(word, _OFTEN, n=1, cutoff=_ALIKE))


def _likeness(word: str, other: str) -> float:
    """How alike two words are, from 0 to 1; 0 if they are two different words."""
    if word == other:
        return 1.0
    if word in _OFTEN and other in _OFTEN and f"{word}S" != other and f"{other}S" != word:
        return 0.0  # ENCODE is no misspelt DECODE
    ratio = difflib.SequenceMatcher(None, word, other).ratio()
    return ratio if ratio >= _ALIKE else 0.0
