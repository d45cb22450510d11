"""What is wrong with a SQL store's set-up: its schema, its rights, its server."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ...exceptions import StoreUnavailableError
from ...sessions.store import Finding
from . import statements
from .database import NOT_SET_UP, TROUBLES, Database
from .engine import RESTORE
from .schema import newest_version

_NOT_SET_UP: Final = Finding(
    level="error",
    code="not_set_up",
    message="the store's tables are missing",
    mend="run `flask jwt store upgrade`, at the very first set-up with `--first`",
)


def check(database: Database) -> list[Finding]:
    """See :meth:`.SessionStore.check`."""

    def work(connection: Connection) -> list[Finding]:
        version = connection.execute(statements.STORE).scalar()
        found = [*_version_findings(version), *database.kind.findings(connection)]
        if not any(finding.level == "error" for finding in found):
            for statement in statements.NO_OPS:
                connection.execute(statement)  # changes nothing, but needs the right
        return found

    try:
        return database.run(work)
    except StoreUnavailableError as error:
        return [_trouble_finding(database, error)]


def _version_findings(version: int | None) -> list[Finding]:
    if version is None:
        return [_NOT_SET_UP]
    if version == newest_version():
        return []
    newer = version > newest_version()
    return [
        Finding(
            level="error",
            code="newer_schema" if newer else "older_schema",
            message=f"the store's schema is version {version}, this package needs "
            f"{newest_version()}",
            mend="upgrade Flask-Signet" if newer else "run `flask jwt store upgrade`",
        )
    ]


def _trouble_finding(database: Database, error: StoreUnavailableError) -> Finding:
    """What an operation's failure says of the set-up; the failure itself if it says nothing."""
    cause = error.__cause__
    trouble = database.kind.trouble(cause) if isinstance(cause, DBAPIError) else ""
    if not trouble and str(error) != NOT_SET_UP:
        raise error
    if trouble in ("", "not_set_up"):
        return _NOT_SET_UP
    said = str(getattr(cause, "orig", cause)).partition("\n")[0]
    return Finding(
        level="error",
        code=trouble,
        message=f"{TROUBLES[trouble]} ({said})",
        mend=RESTORE if trouble == "corrupt" else database.kind.grant,
    )
