"""From a URL to a client of redis-py's, for one server, Sentinel or Cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from redis import BlockingConnectionPool, Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.connection import SSLConnection, parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from ...exceptions import ConfigurationError

MAX_CONNECTIONS: Final = 50
"""Of one process to one server; ``?max_connections=`` in the URL says otherwise."""

_UNBOUNDED: Final = {"max_connections": 1_000_000}
"""For Sentinel and Cluster, whose pools can't make a request wait for a free connection."""


def client_maker(url: str, timeout: float) -> Callable[[], Any]:
    """A function that makes the client of a URL.

    :param timeout: seconds that an operation takes at most.
    :raises ConfigurationError: if the URL can't be used.
    """
    scheme = _scheme(url)
    split = urlsplit(url)
    options = _client_options(timeout)
    if scheme in {"redis+sentinel", "rediss+sentinel"}:
        tls = scheme.startswith("rediss")
        return lambda: _sentinel(split, timeout, tls, options | _UNBOUNDED)
    if scheme in {"redis+cluster", "rediss+cluster"}:
        return _cluster_maker(split, scheme.partition("+")[0], options | _UNBOUNDED)
    if scheme not in {"redis", "rediss", "unix"}:
        raise ConfigurationError(f"{scheme[:32]}:// is no Redis")
    database = split.path.strip("/")
    if scheme != "unix" and database and not database.isdecimal():
        raise ConfigurationError(f"{scheme}://host:port/ is followed by the number of a database")
    plain = scheme + ":" + url.partition(":")[2]
    return lambda: Redis.from_pool(
        # Where all connections are in use, a request waits for one: many requests are no failure.
        BlockingConnectionPool.from_url(
            plain,
            max_connections=MAX_CONNECTIONS,
            timeout=timeout / 2,
            **options,
        )
    )


def is_cluster_url(url: str) -> bool:
    """Whether a URL names a Cluster."""
    return _scheme(url).endswith("+cluster")


def checked(client: Any) -> Any:
    """The client itself, if it answers with text, and asks primaries only.

    :raises ConfigurationError: if not, or if redis-py does not know one of the URL's options.
    """
    if not client.get_encoder().decode_responses:
        raise ConfigurationError("a Redis client of a store needs decode_responses=True")
    reading = ("read_from_replicas", "load_balancing_strategy")
    if any(getattr(client, each, None) for each in reading):
        raise ConfigurationError("a Redis client of a store does not read from replicas")
    pool = getattr(client, "connection_pool", None)
    if pool is not None:
        _check_options(pool.connection_class, pool.connection_kwargs)
    return client


def database_of(client: Any) -> int:
    """The number of the database; 0 for a Cluster, which has no other."""
    pool = getattr(client, "connection_pool", None)
    return int(getattr(pool, "connection_kwargs", {}).get("db") or 0)


def _client_options(timeout: float) -> dict[str, Any]:
    # Connecting and reading take half of the time each. redis-py repeats nothing by itself: a
    # script whose answer got lost has run.
    return {
        "socket_timeout": timeout / 2,
        "socket_connect_timeout": timeout / 2,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
        "protocol": 2,
    }


def _cluster_maker(url: SplitResult, scheme: str, options: dict[str, Any]) -> Callable[[], Any]:
    hosts = _hosts(url)
    if not all(hosts):
        raise ConfigurationError("redis+cluster:// needs a host: redis+cluster://host1:6379,host2")
    addresses = [_address(host, 6379) for host in hosts]
    options = options | _login(url) | _options(url) | {"ssl": scheme == "rediss"}

    def make() -> Any:
        nodes: list[Any] = [ClusterNode(*each) for each in addresses]  # type: ignore[no-untyped-call]  # redis-py has no types there
        return RedisCluster(startup_nodes=nodes, **options)

    return make


def _sentinel(url: SplitResult, timeout: float, tls: bool, options: dict[str, Any]) -> Any:
    hosts = _hosts(url)
    service, _, database = url.path.strip("/").partition("/")
    if not service or not all(hosts) or not (database or "0").isdecimal():
        raise ConfigurationError(
            "redis+sentinel:// needs the Sentinels and the service: "
            "redis+sentinel://host1:26379,host2:26379/mymaster/0"
        )
    addresses = [_address(host, 26379) for host in hosts]
    given = _options(url)
    to_sentinel = {
        "socket_timeout": timeout / 4,
        "socket_connect_timeout": timeout / 4,
        "retry": options["retry"],
        "password": given.pop("sentinel_password", None),
        "ssl": tls,
        **{name: value for name, value in given.items() if name.startswith("ssl_")},
    }
    sentinel: Any = Sentinel(addresses, sentinel_kwargs=to_sentinel)  # type: ignore[no-untyped-call]  # redis-py has no types there
    settings = options | _login(url) | given | {"db": int(database or 0), "ssl": tls}
    return sentinel.master_for(service, **settings)


# ── the parts of a URL ───────────────────────────────────────────────────────────────────


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower().replace("valkey", "redis", 1)


def _hosts(url: SplitResult) -> list[str]:
    return url.netloc.rpartition("@")[2].split(",")


def _address(host: str, port: int) -> tuple[str, int]:
    split = urlsplit(f"//{host}")
    return split.hostname or "", split.port or port


def _login(url: SplitResult) -> dict[str, str]:
    login = {"username": url.username, "password": url.password}
    return {name: unquote(value) for name, value in login.items() if value}


def _options(url: SplitResult) -> dict[str, Any]:
    """The options after the question mark, as redis-py reads them."""
    options: dict[str, Any] = parse_url(f"redis://?{url.query}")  # type: ignore[no-untyped-call]  # redis-py has no types there
    of_others = ("max_connections", "sentinel_password")
    known = {name: value for name, value in options.items() if name not in of_others}
    _check_options(SSLConnection, known)
    return options


def _check_options(connection_class: Any, options: dict[str, Any]) -> None:
    try:
        connection_class(**options)  # it does not connect
    except TypeError as error:
        raise ConfigurationError(f"an option that redis-py does not know: {error}") from None
