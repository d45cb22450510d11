"""``flask jwt store``: make the session store, look at it, keep it small."""

from __future__ import annotations

import sys
from typing import Final

import click
from flask.cli import AppGroup

from ..exceptions import ConfigurationError
from ..flask.installation import installation
from ..sessions.store import SessionStore
from .output import as_json, print_rows, reports, say

store_cli: AppGroup = AppGroup("store", help="The store of sessions and revocations.")

_WRONG_CLOCK: Final = 3_600.0
"""Seconds for which what has expired is kept. Where the clock runs ahead of those of the processes
that verify tokens, an entry that is pruned too early would let its token in again."""


def required_store(manager: str = "") -> SessionStore:
    """The session store of a manager.

    :raises ConfigurationError: if there is none.
    """
    here = installation(manager)
    store = here.store()
    if store is None:
        raise ConfigurationError(f"{here.prefix}SESSION_STORE is not set: there is no store")
    return store


@store_cli.command()
@click.option(
    "--first",
    is_flag=True,
    help="There was no store before: tokens from before now are good, and can open sessions.",
)
@as_json
@reports
def upgrade(first: bool, as_json: bool) -> None:
    """Make the store's tables, or bring them up to this version. May be repeated.

    A store that has nothing may have lost everything. So without --first the tokens from before now
    are refused: some of them may have been revoked.
    """
    now = installation().signet().clock()
    versions = required_store().upgrade(now=now, first=first)
    text = f"upgraded the store from version {versions.before} to {versions.after}"
    if versions.before == versions.after:
        text = f"the store is up to date: version {versions.after}"
    elif not versions.before and not first:
        text = (
            f"made the store, version {versions.after}. Tokens from before now are refused, for "
            "the store may have been emptied. If there never was one before, run `flask jwt store "
            "upgrade --first`: they are good then"
        )
    say(text, versions._asdict(), as_json=as_json)


@store_cli.command()
@click.option("--batch", default=500, show_default=True, help="Rows to remove at once.")
@as_json
@reports
def prune(batch: int, as_json: bool) -> None:
    """Remove what expired an hour ago or more, in batches that lock nobody out."""
    if batch < 1:
        raise click.UsageError("--batch takes a whole number above zero")
    store, total = required_store(), {"sessions": 0, "revocations": 0}
    more = True
    while more:
        pruned = store.prune(now=installation().signet().clock() - _WRONG_CLOCK, batch=batch)
        total["sessions"] += pruned.sessions
        total["revocations"] += pruned.revocations
        more = pruned.more
    text = f"removed {total['sessions']} sessions, {total['revocations']} revocations"
    say(text, total, as_json=as_json)


@store_cli.command()
@as_json
@reports
def check(as_json: bool) -> None:
    """Look at the store's set-up. Exit code 1 if something is wrong."""
    findings = [finding._asdict() for finding in required_store().check()]
    print_rows(findings, as_json=as_json, nothing="the store is in order")
    if any(finding["level"] == "error" for finding in findings):
        sys.exit(1)
