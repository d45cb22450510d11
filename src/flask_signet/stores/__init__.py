"""The stores of sessions. Each satisfies :class:`~flask_signet.sessions.store.SessionStore`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..exceptions import ConfigurationError
from ..sessions.store import SessionStore

__all__ = ["SessionStore", "open_store"]


def open_store(url: Any, *, timeout: float = 2.0) -> SessionStore:
    """The store that a URL names. It does not connect yet.

    ========================================  ==============================  =================
    ``memory://``                             this process, for development   nothing
    ``sqlite:////absolute/path``              one machine                     extra ``sql``
    ``postgresql://user@host/database``       any number of machines          ``postgresql``
    ``mysql://``, ``mariadb://``              the same                        ``mysql``
    ``redis://host:6379/0``, ``rediss://``    the same                        ``redis``
    ``redis+sentinel://h1:26379,h2/service``  found by Sentinel               ``redis``
    ``redis+cluster://host:6379``             Redis Cluster                   ``redis``
    ========================================  ==============================  =================

    :param url: a URL; or a SQLAlchemy engine, or Flask-SQLAlchemy's ``db``, whose connections
        the store then shares; or a store, which comes back as it is.
    :param timeout: seconds that one operation takes at most.
    :raises ConfigurationError: if the scheme is unknown, or its extra is not installed.
    """
    if isinstance(url, SessionStore):
        return url
    if not isinstance(url, str):
        if not hasattr(url, "engine"):
            raise ConfigurationError(f"{type(url).__name__} is no session store; {_TAKES}")
        return _sql(url, timeout)
    scheme = url.partition(":")[0].lower()
    opener = _OPENERS.get(scheme) or _OPENERS.get(scheme.partition("+")[0])
    if opener is None or "://" not in url:
        # The URL itself may hold a password: only its scheme is shown.
        raise ConfigurationError(f"no session store has the scheme {scheme[:32]!r}; {_TAKES}")
    return opener(url, timeout)


def _memory(url: str, timeout: float) -> SessionStore:
    from .memory import MemoryStore

    return MemoryStore()


def _sql(url: Any, timeout: float) -> SessionStore:
    try:
        from .sql import SqlStore
    except ModuleNotFoundError as error:
        raise _missing("SQLAlchemy", "sql") from error
    return SqlStore(url, timeout=timeout)


def _redis(url: str, timeout: float) -> SessionStore:
    try:
        from .redis import RedisStore
    except ModuleNotFoundError as error:
        raise _missing("redis", "redis") from error
    return RedisStore(url, timeout=timeout)


def _missing(package: str, extra: str) -> ConfigurationError:
    return ConfigurationError(
        f"this session store needs {package}: pip install 'Flask-Signet[{extra}]'"
    )


_OPENERS: Final[dict[str, Callable[[str, float], SessionStore]]] = {
    "memory": _memory,
    "sqlite": _sql,
    "postgresql": _sql,
    "postgres": _sql,
    "mysql": _sql,
    "mariadb": _sql,
    "redis": _redis,
    "rediss": _redis,
    "valkey": _redis,
    "valkeys": _redis,
    "unix": _redis,
}

_TAKES: Final = (
    "it takes memory://, sqlite:////path (extra sql), postgresql:// (extra postgresql), "
    "mysql:// and mariadb:// (extra mysql), redis://, rediss://, redis+sentinel:// and "
    "redis+cluster:// (extra redis)"
)
