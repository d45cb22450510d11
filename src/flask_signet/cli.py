"""``flask jwt``: look at sessions and stores, and keep them in order.

Exit codes: 0 it is done, 1 it could not be done or something is wrong, 2 the call's words are off.
``--json`` prints one JSON value. Nothing here prints a token, a secret or a key.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final

import click
from flask.cli import AppGroup

from . import sessions
from .app_state import current_state
from .encoded_tokens import now
from .exceptions import ConfigurationError, StoreUnavailableError
from .tokens.store import NEVER, SessionStore

jwt_cli: AppGroup = AppGroup("jwt", help="Tokens, sessions and their store.")
sessions_cli: AppGroup = AppGroup("sessions", help="The sessions of somebody.")
store_cli: AppGroup = AppGroup("store", help="The store of sessions and revocations.")
jwt_cli.add_command(sessions_cli)
jwt_cli.add_command(store_cli)

as_json: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


_WRONG_CLOCK: Final = 3_600.0
"""Seconds that what has expired is kept: where the clock runs ahead of those of the processes that
verify tokens, what is pruned too early would be taken again."""


def _reports(command: Any) -> Any:
    """A command whose foreseeable failures are one line on standard error and exit code 1."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (ConfigurationError, StoreUnavailableError) as error:
            cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
            raise click.ClickException(f"{error}{cause}") from None

    return run


def _store() -> SessionStore:
    state = current_state()
    store = state.store()
    if store is None:
        raise ConfigurationError(f"{state.prefix}SESSION_STORE is not set: there is no store")
    return store


def _print(rows: Sequence[dict[str, Any]], *, as_json: bool, nothing: str) -> None:
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo(nothing)
        return
    texts = [list(rows[0]), *([_text(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for line in texts:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _moment(seconds: float) -> str | None:
    """A time as ISO 8601 in UTC; None for one that never comes."""
    if seconds == NEVER:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


@sessions_cli.command("list")
@click.argument("subject")
@as_json
@_reports
def list_sessions(subject: str, as_json: bool) -> None:
    """List the live sessions of SUBJECT, the identity as it stands in the tokens."""
    _store()
    rows = [
        {
            "sid": session.sid,
            "label": session.label,
            "address": session.address,
            "user_agent": session.user_agent,
            "created": _moment(session.created_at),
            "last_seen": _moment(session.last_seen_at),
            "expires": _moment(session.expires_at),
        }
        for session in sessions.list_sessions(subject)
    ]
    _print(rows, as_json=as_json, nothing=f"{subject} has no session")


@sessions_cli.command("end")
@click.argument("sid", required=False)
@click.option("--subject", help="End all sessions of this subject.")
@_reports
def end_sessions(sid: str | None, subject: str | None) -> None:
    """End the session SID, or all of a subject's with --subject."""
    if (sid is None) == (subject is None):
        raise click.UsageError("give either a SID or --subject")
    if subject is not None:
        sessions.end_sessions(subject)
        click.echo(f"{subject} is logged out everywhere")
    elif sid is not None and sessions.end_session(sid):
        click.echo(f"{sid} has ended")
    else:
        click.echo(f"{sid} was no live session; its access tokens are refused all the same")


@store_cli.command()
@_reports
def upgrade() -> None:
    """Make the store's tables, or bring them up to this version. May be repeated."""
    versions = _store().upgrade()
    if versions.before == versions.after:
        click.echo(f"the store is up to date: version {versions.after}")
    else:
        click.echo(f"upgraded the store from version {versions.before} to {versions.after}")


@store_cli.command()
@click.option("--batch", default=500, show_default=True, help="Rows to remove at once.")
@as_json
@_reports
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
    if as_json:
        click.echo(json.dumps(total))
    else:
        click.echo(f"removed {total['sessions']} sessions, {total['revocations']} revocations")


@store_cli.command()
@as_json
@_reports
def check(as_json: bool) -> None:
    """Look at the store's set-up. Exit code 1 if something is wrong."""
    findings = [finding._asdict() for finding in _store().check()]
    _print(findings, as_json=as_json, nothing="the store is in order")
    if any(finding["level"] == "error" for finding in findings):
        sys.exit(1)
