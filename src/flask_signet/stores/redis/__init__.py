"""Sessions in Redis or Valkey, from version 6 on: one server, Sentinel, or Cluster."""

from __future__ import annotations

from .client import MAX_CONNECTIONS
from .server import PARTITIONS
from .store import RedisStore

__all__ = ["MAX_CONNECTIONS", "PARTITIONS", "RedisStore"]
