"""The table of the options: every option with its defaults, in the source and on the page."""

import re
import runpy
from pathlib import Path

import pytest

from flask_signet.options.checks import PROFILES
from flask_signet.options.table import OPTIONS
from tests.applications import application
from tests.options.rows import (
    ATTRIBUTES,
    KEY_OPTIONS,
    TABLE,
    current,
)


def test_the_table_has_every_option() -> None:
    """These tests know every option there is."""
    assert {*TABLE, *KEY_OPTIONS, "PROFILE"} == set(ATTRIBUTES)


def test_the_page_of_the_options_has_the_table() -> None:
    """docs/config.md has each option with its defaults, as docs/options.py writes them."""
    folder = Path(__file__).parents[2] / "docs"
    wanted = runpy.run_path(str(folder / "options.py"))["page"]()
    assert (folder / "config.md").read_text("utf-8") == wanted, "run: python docs/options.py"


def test_every_option_says_what_it_is_for() -> None:
    """Every option has a sentence, from which the documentation is made."""
    for each in OPTIONS.values():
        assert re.fullmatch(r"[A-Z`].*\.", each.about), each.name


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize(("profile", "column"), [("compatible", "default"), ("strict", "strict")])
def test_the_default(name: str, profile: str, column: str) -> None:
    """Who sets nothing gets the default of the profile, in the settings and in app.config."""
    app = application(PROFILE=profile)
    expected = TABLE[name][column]
    assert getattr(current(app), ATTRIBUTES[name]) == expected
    raw = app.config[f"JWT_{name}"]
    if not isinstance(expected, frozenset | tuple) and expected is not None:
        assert raw == expected
        assert type(raw) is type(expected)


@pytest.mark.parametrize("name", KEY_OPTIONS)
def test_no_key_by_default(name: str) -> None:
    """No key has a default: nobody signs with a secret that others know."""
    for profile in PROFILES:
        assert OPTIONS[ATTRIBUTES[name]].default_in(profile) is None
