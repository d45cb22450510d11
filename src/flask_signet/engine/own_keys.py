"""The keys of a manager's own tokens, by its options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..jose.algorithms import ALGORITHMS
from ..keys.beside import start_thread
from ..keys.given import GivenPair, GivenSecrets
from ..keys.live import LiveKeys
from ..keys.own import Keys
from ..keys.reading import KeyRules
from ..keys.sources import key_source
from ..options.table import Settings
from ..sessions.store import SessionStore


def own_keys(
    settings: Settings,
    prefix: str,
    *,
    flask_keys: tuple[Any, Any],
    store: Callable[[], SessionStore | None],
    clock: Callable[[], float],
    name: str = "",
    start: Callable[[Callable[[], None]], None] = start_thread,
) -> Keys:
    """The keys that the options name. Nothing is read yet.

    :param prefix: of the options' names, for the errors.
    :param flask_keys: Flask's ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``, for the unnamed manager.
        A named one has keys of its own, ``(None, None)``: with Flask's secret, its tokens and the
        unnamed manager's would open each other's doors.
    :param store: gives the session store, where keys may be kept; None: there is none.
    :param clock: seconds since 1970.
    :param name: the manager's name.
    :param start: runs a reading of keys that are kept elsewhere, beside the request.
    """
    rules = key_rules(settings, prefix)
    if settings.keys is not None:
        owner = name if settings.store_owner is None else settings.store_owner
        source = key_source(settings.keys, rules, store, owner)
        return LiveKeys(
            source,
            f"{prefix}KEYS",
            refresh=settings.keys_refresh,
            one_kind=rules.one_kind,
            now=clock,
            start=start,
        )
    if settings.is_asymmetric:
        return GivenPair(rules, prefix, settings.private_key, settings.public_key)
    older = settings.secret_key_fallbacks
    return GivenSecrets(rules, prefix, settings.secret_key, older, flask_keys)


def key_rules(settings: Settings, prefix: str = "JWT_") -> KeyRules:
    """Which keys the options accept.

    The algorithms are those of the kind of ``JWT_ALGORITHM``, which signs and stands first. HS
    algorithms and the others are never in one set that a token's ``alg`` chooses from.

    :param prefix: of the options' names, for the errors.
    """
    signing = settings.algorithm
    is_symmetric = ALGORITHMS[signing].is_symmetric
    named = (signing, *settings.decode_algorithms)
    return KeyRules(
        algorithm=signing,
        algorithms=tuple(
            name
            for name in dict.fromkeys(named)
            if name in ALGORITHMS and ALGORITHMS[name].is_symmetric == is_symmetric
        ),
        allow_weak=settings.allow_weak_keys,
        names_keys=settings.encode_kid,
        listed=() if settings.keys is None else settings.listed_algorithms,
        one_kind=settings.profile == "strict",
        prefix=prefix,
    )
