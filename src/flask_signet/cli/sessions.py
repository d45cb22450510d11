"""``flask jwt sessions``: look at a user's sessions, and end them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from ..engine.signet import Signet
from ..flask.installation import installation, installations
from ..sessions.printable import printable
from ..sessions.session import PAGE, Session
from .output import (
    ID_MAY_BEGIN_WITH_A_HYPHEN,
    as_json,
    manager_option,
    moment_text,
    print_rows,
    reports,
    say,
)
from .store import required_store

sessions_cli: AppGroup = AppGroup("sessions", help="The sessions of a user.")


tenant_option: Callable[[Any], Any] = click.option(
    "--tenant", help="The tenant; needed where there is a tenant_loader."
)


def _signet(manager: str, tenant: str | None) -> Signet:
    """The engine of a manager, whose store keeps the sessions."""
    managers = installations(current_app)
    if manager and manager not in managers:
        raise click.UsageError(f"there is no manager {manager!r}")
    required_store(manager)
    signet = installation(manager).signet()
    if signet.callbacks.tenant is not None and tenant is None:
        raise click.UsageError("there is a tenant_loader, and no request here: give --tenant")
    return signet


def _all_sessions(signet: Signet, subject: str, tenant: str | None) -> Iterator[Session]:
    """All pages of a subject's sessions."""
    page = signet.sessions_of(subject, tenant=tenant)
    yield from page
    while len(page) == PAGE:
        page = signet.sessions_of(subject, tenant=tenant, after=page[-1].place)
        yield from page


@sessions_cli.command("list")
@click.argument("subject")
@manager_option
@tenant_option
@as_json
@reports
def list_sessions(subject: str, manager: str, tenant: str | None, as_json: bool) -> None:
    """List the live sessions of SUBJECT, the identity as it stands in the tokens."""
    signet = _signet(manager, tenant)
    rows = [
        {
            "sid": session.sid,
            "label": session.device.label,
            "address": session.device.address,
            "user_agent": session.device.user_agent,
            "last_address": session.last_device.address,
            "created": moment_text(session.created_at),
            "last_seen": moment_text(session.last_seen_at),
            "expires": moment_text(session.expires_at),
        }
        for session in _all_sessions(signet, subject, tenant)
    ]
    print_rows(rows, as_json=as_json, nothing=f"{subject} has no session")


@sessions_cli.command("end", context_settings=ID_MAY_BEGIN_WITH_A_HYPHEN)
@click.argument("sid", required=False)
@click.option("--subject", help="End all sessions of this subject.")
@manager_option
@tenant_option
@as_json
@reports
def end_sessions(
    sid: str | None, subject: str | None, manager: str, tenant: str | None, as_json: bool
) -> None:
    """End the session SID, or all of a subject's with --subject."""
    if (sid is None) == (subject is None):
        raise click.UsageError("give either a SID or --subject")
    signet = _signet(manager, tenant)
    if subject is not None:
        signet.end_all(subject, tenant=tenant)
        say(f"{subject} is logged out everywhere", {"subject": subject}, as_json=as_json)
        return
    assert sid is not None  # noqa: S101 - one of the two is given; narrows the type
    if not signet.owner(tenant).has(sid):
        text = f"{sid} is no session of this manager and tenant"
        raise click.ClickException(printable(text))
    was_live = signet.end(sid, tenant=tenant)
    over = f"{sid} was no live session; its access tokens are refused all the same"
    text = f"{sid} has ended" if was_live else over
    say(text, {"sid": sid, "was_live": was_live}, as_json=as_json)
