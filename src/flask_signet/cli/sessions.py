"""``flask jwt sessions``: look at a user's sessions, and end them."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from ..flask.unnamed import UNNAMED
from .output import ID_MAY_BEGIN_WITH_A_HYPHEN, as_json, moment_text, print_rows, reports, say
from .store import required_store

sessions_cli: AppGroup = AppGroup("sessions", help="The sessions of a user.")


@sessions_cli.command("list")
@click.argument("subject")
@as_json
@reports
def list_sessions(subject: str, as_json: bool) -> None:
    """List the live sessions of SUBJECT, the identity as it stands in the tokens."""
    required_store()
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
        for session in UNNAMED.list_sessions(subject)
    ]
    print_rows(rows, as_json=as_json, nothing=f"{subject} has no session")


@sessions_cli.command("end", context_settings=ID_MAY_BEGIN_WITH_A_HYPHEN)
@click.argument("sid", required=False)
@click.option("--subject", help="End all sessions of this subject.")
@as_json
@reports
def end_sessions(sid: str | None, subject: str | None, as_json: bool) -> None:
    """End the session SID, or all of a subject's with --subject."""
    if (sid is None) == (subject is None):
        raise click.UsageError("give either a SID or --subject")
    if subject is not None:
        UNNAMED.end_sessions(subject)
        say(f"{subject} is logged out everywhere", {"subject": subject}, as_json=as_json)
        return
    was_live = UNNAMED.end_session(sid)
    over = f"{sid} was no live session; its access tokens are refused all the same"
    text = f"{sid} has ended" if was_live else over
    say(text, {"sid": sid, "was_live": was_live}, as_json=as_json)
