"""The store of the sessions: any store of Flask-Signet, chosen by one URL."""

from __future__ import annotations

import logging
import re

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from flask_signet.exceptions import ConfigurationError, StoreUnavailableError
from flask_signet.stores import SessionStore, open_store

from .database import Database, sqlite_file

log = logging.getLogger("auth_service")

#: Seconds that a request waits for the store, at most.
TIMEOUT = 2


class StoreSettingError(Exception):
    """The store can't be used. The message has its place and the reason, and no password."""

    def __init__(self, url: str, why: object) -> None:
        # Only the first line, and without the connection that redis-py shows: old versions of it
        # show the password too.
        reason = re.split(r"\n|<", str(why))[0].strip(" :")
        super().__init__(
            f"the session store {place(url)} (AUTH_SERVICE_STORE, else REDIS_URL): {reason}"
        )


def prepared_store(url: str, database: Database) -> SessionStore:
    """The store, ready for use: its tables, or its mark in Redis, are made if they are missing.

    Only the owner may read the file of SQLite, and the files that SQLite makes beside it.

    If there was a store before, and there is nothing in it now, all users are logged out: the store
    refuses what was issued before now. That is logged.

    :param database: it remembers that there was a store.

    :raises StoreSettingError: if the URL names no store, if the extra of the store is not
        installed, or if the store does not answer.
    """
    if url.startswith("memory:"):
        raise StoreSettingError(url, "it is one process's own, and the service runs in several")
    try:
        store = open_store(url, timeout=TIMEOUT)
        if url.startswith("sqlite"):
            file = sqlite_file(make_url(url))
            if file is not None:
                file.touch(mode=0o600)
        upgraded = store.upgrade()
    except StoreUnavailableError as error:
        raise StoreSettingError(url, error.__cause__ or error) from error
    except (ConfigurationError, ArgumentError, OSError, ValueError) as error:
        raise StoreSettingError(url, error) from error
    if not database.note("session store") and not upgraded.before:
        log.error("%s is empty: its past is lost, so all users are logged out", place(url))
    return store


def place(url: str) -> str:
    """The URL without user and password, so that it may be shown."""
    scheme, mark, rest = url.partition("://")
    return scheme + mark + rest.rpartition("@")[2].partition("?")[0] if mark else "(no URL)"
