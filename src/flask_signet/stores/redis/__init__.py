"""Sessions in Redis or Valkey, from version 6 on: one server, Sentinel, or Cluster."""

from __future__ import annotations

from .store import MAX_CONNECTIONS, PARTITIONS, RedisStore

__all__ = ["MAX_CONNECTIONS", "PARTITIONS", "RedisStore"]
