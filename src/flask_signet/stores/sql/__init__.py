"""Sessions in a SQL database: SQLite, PostgreSQL, MariaDB or MySQL, by SQLAlchemy Core."""

from __future__ import annotations

from .schema import metadata
from .store import SqlStore

__all__ = ["SqlStore", "metadata"]
