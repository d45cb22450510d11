"""Where the sessions are: any store of Flask-Signet, by one URL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from flask_signet.stores import SessionStore, open_store

#: Seconds that a request waits for the store at most.
TIMEOUT = 2


def prepared_store(url: str) -> SessionStore:
    """The store, with what it needs (tables, or a mark in Redis) made if it is missing.

    A file of SQLite's is for its owner alone, as are those that SQLite lays beside it.

    :raises ConfigurationError: if the URL names no store, or its extra is not installed.
    :raises StoreUnavailableError: if it does not answer.
    """
    store = open_store(url, timeout=TIMEOUT)
    file = sqlite_file(url)
    if file is not None:
        file.touch(mode=0o600)
    store.upgrade()
    return store


def sqlite_file(url: str) -> Path | None:
    """The file that a URL of SQLite's names; None for any other."""
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] != "sqlite" or parts.query:
        return None
    return Path(parts.path.removeprefix("/"))


def place(url: str) -> str:
    """The URL as it may be shown: no password, no user."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
