"""``flask --app examples.auth_service users …``: disable a user, and enable the user again."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from flask_signet import end_sessions

from .database import User
from .service import current_service

users: AppGroup = AppGroup("users", help="Who may log in.")


@users.command()
@click.argument("email")
def disable(email: str) -> None:
    """Disable the user with this e-mail address, and log them out everywhere."""
    user = _known(current_service().accounts.disable(email), email)
    # The look-up of the user refuses the access tokens at once; this ends the sessions.
    end_sessions(user.id)
    click.echo(f"{user.email} is disabled and logged out everywhere")


@users.command()
@click.argument("email")
def enable(email: str) -> None:
    """Let the user with this e-mail address log in again."""
    user = _known(current_service().accounts.enable(email), email)
    click.echo(f"{user.email} may log in")


def _known(user: User | None, email: str) -> User:
    if user is None:
        raise click.ClickException(f"nobody is registered with {email}")
    return user
