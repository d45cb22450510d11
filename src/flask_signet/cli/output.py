"""How the commands speak: tables or JSON on standard output, one line for a failure.

Clients choose their labels, user agents and often their subjects: a terminal is shown the escapes
of the control characters in them, and obeys none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final

import click

from ..exceptions import ConfigurationError, InvalidKeyError, StoreUnavailableError
from ..sessions.printable import printable
from ..sessions.session import NEVER

ID_MAY_BEGIN_WITH_A_HYPHEN: Final = {"ignore_unknown_options": True}
"""For a command whose argument is a ``kid`` or a ``sid``: base64url has hyphens (RFC 4648 section
5), so one in 64 looks like an option."""

as_json: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

manager_option: Callable[[Any], Any] = click.option(
    "--manager", default="", help="The manager's name; else the unnamed one."
)


def reports(command: Any) -> Any:
    """A command whose foreseeable failures are one line on standard error and exit code 1."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (ConfigurationError, InvalidKeyError, StoreUnavailableError) as error:
            cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
            raise click.ClickException(printable(f"{error}{cause}")) from None

    return run


def print_rows(rows: Sequence[dict[str, Any]], *, as_json: bool, nothing: str) -> None:
    """Print a table, or a JSON array; ``nothing`` where there are no rows."""
    if as_json:
        _print_json(rows, indent=2)
        return
    if not rows:
        tell(nothing)
        return
    texts = [list(rows[0]), *([_text(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for line in texts:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def say(text: str, found: dict[str, Any], *, as_json: bool) -> None:
    """Print a sentence, or what it says as a JSON object."""
    if as_json:
        _print_json(found)
    else:
        tell(text)


def tell(text: str) -> None:
    """Print a sentence on one line."""
    click.echo(printable(text))


def _print_json(value: Any, **style: Any) -> None:
    # JSON escapes all but DEL by itself.
    click.echo(json.dumps(value, **style).replace("\x7f", "\\u007f"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else printable(value)


def moment_text(seconds: float) -> str | None:
    """A time as ISO 8601 in UTC; None for one that never comes."""
    if seconds == NEVER:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
