"""What is wrong with a Redis store's set-up: its version, its rights, its server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from redis import RedisCluster
from redis.exceptions import ResponseError

from ...exceptions import StoreUnavailableError
from ...sessions.store import Finding
from .follower import RedisFollower
from .server import NO_RIGHTS, NOT_SET_UP, Server
from .upgrade import VERSION, memories


def check(server: Server) -> list[Finding]:
    """See :meth:`.SessionStore.check`."""
    try:
        with server.failing():
            versions = {each.version for each in memories(server)}
            found = [*_version_findings(versions), *_info_findings(server)]
            RedisFollower(server).listen()
    except StoreUnavailableError as error:
        if str(error) != NO_RIGHTS:
            raise
        return [_no_rights_finding(error.__cause__, server.prefix)]
    return list(dict.fromkeys(found))


def _version_findings(versions: set[int]) -> list[Finding]:
    mend = "run `flask jwt store upgrade`"
    if 0 in versions:
        first = f"{mend}; at the very first set-up, with --first"
        return [Finding("error", "not_set_up", NOT_SET_UP, first)]
    newest = max(versions)
    if newest == VERSION and len(versions) == 1:
        return []
    newer = newest > VERSION
    return [
        Finding(
            level="error",
            code="newer_schema" if newer else "older_schema",
            message=f"the store's data is of version {newest}, this package needs {VERSION}",
            mend="upgrade Flask-Signet" if newer else mend,
        )
    ]


def _no_rights_finding(error: BaseException | None, prefix: str) -> Finding:
    return Finding(
        level="error",
        code="no_rights",
        message=f"the server does not let the store in, or not to its keys or channel ({error})",
        mend=f"give the right user and password; its rights must include ~{{{prefix}.* &{prefix}.*",
    )


def _info_findings(server: Server) -> Iterator[Finding]:
    try:
        for section, findings in _INFO_FINDINGS.items():
            for info in _infos(server, section):
                yield from findings(info)
    except ResponseError as error:  # some vendors of Redis do not allow INFO
        yield Finding(
            level="warning",
            code="unknown_server",
            message="the server does not tell its version, maxmemory-policy, durability and role "
            f"({error})",
            mend="let the store's user call INFO, or see to maxmemory-policy noeviction and "
            "appendonly yes yourself",
        )


def _infos(server: Server, section: str) -> Iterable[dict[str, Any]]:
    """A section of INFO, of each primary."""
    if not server.is_cluster:
        return [server.client.info(section)]
    answers = server.client.info(section, target_nodes=RedisCluster.PRIMARIES)
    several = all(isinstance(answer, dict) for answer in answers.values())
    return answers.values() if several else [answers]


def _server_findings(info: dict[str, Any]) -> Iterator[Finding]:
    version = str(info.get("redis_version", ""))
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) < 6:
        yield Finding(
            level="error",
            code="old_server",
            message=f"Redis {version} is too old",
            mend="use version 6 or newer",
        )


def _memory_findings(info: dict[str, Any]) -> Iterator[Finding]:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield Finding(
            level="error",
            code="evicts",
            message=f"the server has maxmemory-policy {policy}: when memory is short it throws "
            "away sessions, and the list of what is revoked",
            mend="set maxmemory-policy noeviction, or use a server of its own",
        )


def _persistence_findings(info: dict[str, Any]) -> Iterator[Finding]:
    if not int(info.get("aof_enabled", 0)):
        yield Finding(
            level="warning",
            code="not_durable",
            message="the server has no append-only file: a crash loses the log-ins and the "
            "revocations since the last snapshot",
            mend="set appendonly yes",
        )


def _replication_findings(info: dict[str, Any]) -> Iterator[Finding]:
    if info.get("role") == "slave":
        yield Finding(
            level="error",
            code="read_only",
            message="the server is a replica: it takes no writes",
            mend="give the address of the primary, or of the Sentinels",
        )


_INFO_FINDINGS: Final = {
    "server": _server_findings,
    "memory": _memory_findings,
    "persistence": _persistence_findings,
    "replication": _replication_findings,
}
"""By the section of INFO."""
