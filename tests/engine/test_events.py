"""What happens, as signals: who hears of it, and from whom it comes."""

import importlib
from typing import Any

import pytest

from flask_signet.engine import events

NAMES = ("token_issued", "token_rotated", "token_reused", "token_revoked", "token_rejected")


class Sender:
    """Stands for an application."""


def test_a_signal_has_its_sender() -> None:
    """Listeners of this sender hear what happened, those of another do not."""
    here, there = Sender(), Sender()
    heard: list[tuple[str, Any, dict[str, Any]]] = []

    def hear_here(sender: Any, **about: Any) -> None:
        heard.append(("here", sender, about))

    def hear_there(sender: Any, **about: Any) -> None:
        heard.append(("there", sender, about))

    tell = events.tell_by(here)
    signal = events.token_issued
    with signal.connected_to(hear_here, here), signal.connected_to(hear_there, there):
        tell(signal, sid="s", subject="ada")
        tell(events.token_rotated, sid="s", subject="ada")
    tell(signal, sid="s", subject="ada")
    assert heard == [("here", here, {"sid": "s", "subject": "ada"})]


def test_a_listener_that_raises() -> None:
    """Its error is the caller's, as with every signal."""
    here = Sender()

    def fail(sender: Any, **about: Any) -> None:
        raise OSError("full")

    with events.token_issued.connected_to(fail, here), pytest.raises(OSError, match="full"):
        events.tell_by(here)(events.token_issued, sid="s", subject="ada")


def test_nobody_is_told() -> None:
    """Where no application is, nobody hears."""
    heard = []
    with events.token_issued.connected_to(lambda sender, **about: heard.append(about)):
        events.silent(events.token_issued, sid="s", subject="ada")
    assert heard == []


@pytest.mark.parametrize("name", NAMES)
def test_the_public_names(name: str) -> None:
    """The package's signals are the engine's."""
    public = importlib.import_module("flask_signet.signals")
    signal = getattr(events, name)
    assert getattr(public, name) is signal
    assert signal.name == name.replace("_", "-")
