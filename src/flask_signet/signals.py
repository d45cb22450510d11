"""What happens to tokens and sessions, as signals (blinker, Flask's own).

The sender is the application. Handlers get keyword arguments, never a token. A handler that raises
makes the request fail, as with every signal of Flask.
"""

from __future__ import annotations

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

#: A refresh was refused: ``error_code``, ``sid``, ``subject``.
token_rejected: NamedSignal = _signals.signal("token-rejected")
