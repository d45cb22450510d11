"""``flask jwt``: look at sessions, stores and keys, and keep them in order.

Exit codes: 0 it is done, 1 it could not be done or something is wrong, 2 the call's words are off.
``--json`` prints one JSON value. Nothing here prints a token, a secret or a key.
"""

from __future__ import annotations

import sys
from typing import Final

import click
from flask.cli import AppGroup

from ..exceptions import ConfigurationError
from ..flask import sessions
from ..flask.app_state import current_state
from ..flask.encoded_tokens import now
from ..sessions.store import SessionStore
from .keys import keys_cli, secret
from .output import as_json, moment_text, print_rows, reports, say

jwt_cli: AppGroup = AppGroup("jwt", help="Tokens, sessions, their store, and keys.")
sessions_cli: AppGroup = AppGroup("sessions", help="The sessions of somebody.")
store_cli: AppGroup = AppGroup("store", help="The store of sessions and revocations.")
jwt_cli.add_command(sessions_cli)
jwt_cli.add_command(store_cli)
jwt_cli.add_command(keys_cli)
jwt_cli.add_command(secret)

_WRONG_CLOCK: Final = 3_600.0
"""Seconds that what has expired is kept: where the clock runs ahead of those of the processes that
verify tokens, what is pruned too early would be taken again."""


def _store() -> SessionStore:
    state = current_state()
    store = state.store()
    if store is None:
        raise ConfigurationError(f"{state.prefix}SESSION_STORE is not set: there is no store")
    return store


@sessions_cli.command("list")
@click.argument("subject")
@as_json
@reports
def list_sessions(subject: str, as_json: bool) -> None:
    """List the live sessions of SUBJECT, the identity as it stands in the tokens."""
    _store()
    rows = [
        {
            "sid": session.sid,
            "label": session.label,
            "address": session.address,
            "user_agent": session.user_agent,
            "created": moment_text(session.created_at),
            "last_seen": moment_text(session.last_seen_at),
            "expires": moment_text(session.expires_at),
        }
        for session in sessions.list_sessions(subject)
    ]
    print_rows(rows, as_json=as_json, nothing=f"{subject} has no session")


@sessions_cli.command("end")
@click.argument("sid", required=False)
@click.option("--subject", help="End all sessions of this subject.")
@as_json
@reports
def end_sessions(sid: str | None, subject: str | None, as_json: bool) -> None:
    """End the session SID, or all of a subject's with --subject."""
    if (sid is None) == (subject is None):
        raise click.UsageError("give either a SID or --subject")
    if subject is not None:
        sessions.end_sessions(subject)
        say(f"{subject} is logged out everywhere", {"subject": subject}, as_json=as_json)
        return
    was_live = sessions.end_session(sid)
    over = f"{sid} was no live session; its access tokens are refused all the same"
    text = f"{sid} has ended" if was_live else over
    say(text, {"sid": sid, "was_live": was_live}, as_json=as_json)


@store_cli.command()
@as_json
@reports
def upgrade(as_json: bool) -> None:
    """Make the store's tables, or bring them up to this version. May be repeated."""
    versions = _store().upgrade()
    text = f"upgraded the store from version {versions.before} to {versions.after}"
    if versions.before == versions.after:
        text = f"the store is up to date: version {versions.after}"
    say(text, versions._asdict(), as_json=as_json)


@store_cli.command()
@click.option("--batch", default=500, show_default=True, help="Rows to remove at once.")
@as_json
@reports
def prune(batch: int, as_json: bool) -> None:
    """Remove what expired an hour ago or more, in batches that lock nobody out."""
    if batch < 1:
        raise click.UsageError("--batch takes a whole number above zero")
    store, total = _store(), {"sessions": 0, "revocations": 0}
    more = True
    while more:
        pruned = store.prune(now=now() - _WRONG_CLOCK, batch=batch)
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
    findings = [finding._asdict() for finding in _store().check()]
    print_rows(findings, as_json=as_json, nothing="the store is in order")
    if any(finding["level"] == "error" for finding in findings):
        sys.exit(1)
