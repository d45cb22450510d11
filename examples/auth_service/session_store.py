"""Where the sessions are: any store of Flask-Signet, by one URL."""

from __future__ import annotations

import re

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from flask_signet.exceptions import ConfigurationError, StoreUnavailableError
from flask_signet.stores import SessionStore, open_store

from .database import sqlite_file

#: Seconds that a request waits for the store at most.
TIMEOUT = 2


class StoreSettingError(Exception):
    """The store can't be used, with its place and the reason: one line, no password in it."""

    def __init__(self, url: str, why: object) -> None:
        # One line, without the connection that redis-py shows, password and all in old versions.
        reason = re.split(r"\n|<", str(why))[0].strip(" :")
        super().__init__(
            f"the session store {place(url)} (AUTH_SERVICE_STORE, else REDIS_URL): {reason}"
        )


def prepared_store(url: str) -> SessionStore:
    """The store, with what it needs (tables, or a mark in Redis) made if it is missing.

    A file of SQLite's is for its owner alone, as are those that SQLite lays beside it.

    :raises StoreSettingError: if the URL names no store, if its extra is not installed, or if it
        does not answer.
    """
    if url.startswith("memory:"):
        raise StoreSettingError(url, "it is one process's own, and the service runs in several")
    try:
        store = open_store(url, timeout=TIMEOUT)
        if url.startswith("sqlite"):
            file = sqlite_file(make_url(url))
            if file is not None:
                file.touch(mode=0o600)
        store.upgrade()
    except StoreUnavailableError as error:
        raise StoreSettingError(url, error.__cause__ or error) from error
    except (ConfigurationError, ArgumentError, OSError, ValueError) as error:
        raise StoreSettingError(url, error) from error
    return store


def place(url: str) -> str:
    """The URL as it may be shown: no password, no user."""
    scheme, mark, rest = url.partition("://")
    return scheme + mark + rest.rpartition("@")[2].partition("?")[0] if mark else "(no URL)"
