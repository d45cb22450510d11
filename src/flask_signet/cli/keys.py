"""``flask jwt keys``: make keys, rotate them, look at them. They are kept where ``JWT_KEYS`` says.

No command prints a private key. Every change is one write, whole or not at all, so a command may
be interrupted, and repeated.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from ..engine.signet import Signet
from ..exceptions import ConfigurationError
from ..flask.installation import installation, installations
from ..jose.algorithms import ALGORITHMS
from ..jose.jwk import Key
from ..keys import files as key_files
from ..keys.live import LiveKeys
from ..keys.reading import refuse_unlisted
from ..keys.schedule import KeySchedule
from ..keys.sources import KeySource
from .output import (
    ID_MAY_BEGIN_WITH_A_HYPHEN,
    as_json,
    manager_option,
    moment_text,
    print_rows,
    reports,
    tell,
)

keys_cli: AppGroup = AppGroup("keys", help="The keys that sign and verify (JWT_KEYS).")

PUBLISHED_FOR = 300
"""Seconds for which others may keep our JWKS: a new key is published for longer than that."""

algorithm_option: Callable[[Any], Any] = click.option(
    "--algorithm", type=click.Choice(list(ALGORITHMS)), help="What the new key is for."
)


def _source(manager: str) -> tuple[Signet, KeySource]:
    if manager and manager not in installations(current_app):
        raise click.UsageError(f"there is no manager {manager!r}")
    signet = installation(manager).signet()
    if not isinstance(signet.keys, LiveKeys):
        raise ConfigurationError(
            f"{signet.prefix}KEYS is not set: say where the keys are, e.g. "
            f"{signet.prefix}KEYS = '/etc/app/keys.json'"
        )
    return signet, signet.keys.source


@keys_cli.command()
@algorithm_option
@manager_option
@reports
def generate(algorithm: str | None, manager: str) -> None:
    """Make the first key. Where there is one already, nothing changes: see rotate."""
    signet, source = _source(manager)
    moment, before = signet.clock(), source.load()
    if before.active(moment) is not None:
        tell(f"there is a key {source.where} already; `flask jwt keys rotate` makes the next")
        return
    key = _new_key(algorithm, source)
    after = before.rotated(key, moment, publish_for=0, longest_life=0)
    after.ring(moment, one_kind=source.rules.one_kind)
    source.save(after, before)
    tell(f"made the key {key.kid}, for {key.algorithm}, {source.where}")


@keys_cli.command("list")
@as_json
@manager_option
@reports
def list_keys(as_json: bool, manager: str) -> None:
    """List the keys: next (waits), active (signs), retiring (verifies still), retired."""
    signet, source = _source(manager)
    rows = [
        {
            "kid": each.key.kid,
            "algorithm": each.key.algorithm,
            "state": state,
            "private": each.key.can_sign,
            "signs_from": moment_text(each.signs_from) if each.signs_from else None,
            "verifies_until": moment_text(each.verifies_until),
        }
        for each, state in source.load().states(signet.clock())
    ]
    print_rows(rows, as_json=as_json, nothing=f"there is no key {source.where}")


@keys_cli.command()
@algorithm_option
@click.option(
    "--publish-for",
    type=click.FloatRange(min=0),
    help="Seconds until the new key signs; by default, time enough for everybody to fetch it.",
)
@manager_option
@reports
def rotate(algorithm: str | None, publish_for: float | None, manager: str) -> None:
    """Add a key that signs soon; the one of today verifies until its last token is dead.

    While a next key waits, nothing changes: it may be repeated.
    """
    signet, source = _source(manager)
    moment, before = signet.clock(), source.load()
    active = before.active(moment)
    if publish_for is None:
        publish_for = 2 * signet.settings.keys_refresh + PUBLISHED_FOR
    key = _new_key(algorithm or (active.key.algorithm if active else None), source)
    after = before.rotated(
        key,
        moment,
        publish_for=publish_for,
        longest_life=signet.longest_life(moment) - moment,
    )
    if after is not before:
        after.ring(moment, one_kind=source.rules.one_kind)
        source.save(after, before)
    _tell(after, moment)


def _new_key(algorithm: str | None, source: KeySource) -> Key:
    """A key that the application will take: it reads what is written here.

    :param algorithm: None: ES256, or the first that ``JWT_DECODE_ALGORITHMS`` lists.
    :raises InvalidKeyError: if the algorithm is not listed there.
    """
    listed = source.rules.listed
    if algorithm is None:
        algorithm = listed[0] if listed and "ES256" not in listed else "ES256"
    refuse_unlisted(algorithm, source.rules)
    return Key.generate(algorithm)


def _tell(schedule: KeySchedule, moment: float) -> None:
    newest_first = sorted(schedule.states(moment), key=lambda pair: -pair[0].signs_from)
    for each, state in newest_first:
        if state == "next":
            tell(f"the key {each.key.kid} signs from {moment_text(each.signs_from)}")
        elif state == "active" and each.verifies_until == inf:
            tell(f"the key {each.key.kid} signs")
        elif state != "retired":
            until = moment_text(each.verifies_until)
            tell(f"the key {each.key.kid} verifies until {until}")


@keys_cli.command(context_settings=ID_MAY_BEGIN_WITH_A_HYPHEN)
@click.argument("kid")
@manager_option
@reports
def retire(kid: str, manager: str) -> None:
    """Refuse the tokens of the key KID from now on. Not of the one that signs: rotate first."""
    signet, source = _source(manager)
    before = source.load()
    source.save(before.retired(kid, signet.clock()), before)
    tell(f"the key {kid} verifies nothing any more")


@keys_cli.command()
@click.option("--private", is_flag=True, help="The private keys too, to a file of mode 600.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@manager_option
@reports
def export(private: bool, out: Path | None, manager: str) -> None:
    """Print the public keys as a JWKS; with --private --out FILE, write all of them there."""
    signet, source = _source(manager)
    schedule = source.load()
    if private and out is None:
        raise click.UsageError("--private needs --out FILE: private keys are not printed")
    jwks = [each.to_jwk() for each in schedule] if private else schedule.to_publish(signet.clock())
    text = key_files.jwks_text(jwks)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        key_files.write_private(out, text, replace=False)
    except OSError as error:
        raise ConfigurationError(f"{out} can't be written: {error.strerror}") from None
    tell(f"wrote {len(jwks)} keys to {out}, mode 600")


@click.command("secret")
@click.option("--json", "as_json", is_flag=True, help="Print it as a JWK of kty oct.")
def secret(as_json: bool) -> None:
    """Print a new secret for JWT_SECRET_KEY: 64 random bytes. It is kept nowhere."""
    if as_json:
        click.echo(json.dumps(Key.generate("HS512").to_private_jwk()))
    else:
        click.echo(secrets.token_urlsafe(64))
