"""What happens to tokens and sessions, as signals (blinker): :mod:`flask_signet.signals`.

Handlers get keyword arguments, never a token. The sender is the application. A handler that raises
makes the request fail, as with every signal of Flask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blinker import NamedSignal, Namespace

_signals = Namespace()

#: A log-in opened a session: ``sid``, ``subject``.
token_issued: NamedSignal = _signals.signal("token-issued")

#: A refresh token was replaced: ``sid``, ``subject``.
token_rotated: NamedSignal = _signals.signal("token-rotated")

#: A used refresh token came again, and its session was ended: ``sid``, ``subject``, ``jti``.
token_reused: NamedSignal = _signals.signal("token-reused")

#: A token, a session or all of a subject's was revoked: ``kind`` (``"jti"``, ``"sid"`` or
#: ``"subject"``) and ``value``.
token_revoked: NamedSignal = _signals.signal("token-revoked")

#: A token or a request was refused: ``error_code``; ``endpoint`` and ``address`` of the request,
#: None outside one; ``jti``, ``sid`` and ``subject`` of a token whose signature is good, else None.
token_rejected: NamedSignal = _signals.signal("token-rejected")

Tell = Callable[..., None]
"""``(signal, **about)``: tells the signal's listeners what happened."""


def silent(signal: NamedSignal, **about: Any) -> None:
    """Tell nobody."""


def tell_by(sender: Any) -> Tell:
    """A function that sends each signal in the name of this sender."""

    def tell(signal: NamedSignal, **about: Any) -> None:
        signal.send(sender, **about)

    return tell
