"""What happens to tokens and sessions, as signals (blinker, Flask's own).

The sender is the application. Handlers get keyword arguments, never a token. A handler that raises
makes the request fail, as with every signal of Flask.

====================  =============================================================================
``token_issued``      a log-in opened a session: ``sid``, ``subject``
``token_rotated``     a refresh token was replaced: ``sid``, ``subject``
``token_reused``      a used refresh token came again, and its session was ended: ``sid``,
                      ``subject``, ``jti``
``token_revoked``     a token, a session or all of a subject's was revoked: ``kind`` (``"jti"``,
                      ``"sid"`` or ``"subject"``) and ``value``
``token_rejected``    a token or a request was refused, by a guard, a refresh or a log-out:
                      ``error_code``; ``endpoint`` and ``address`` of the request, None outside one;
                      ``jti``, ``sid`` and ``subject`` of a token whose signature is good, else None
====================  =============================================================================
"""

from .engine.events import token_issued as token_issued
from .engine.events import token_rejected as token_rejected
from .engine.events import token_reused as token_reused
from .engine.events import token_revoked as token_revoked
from .engine.events import token_rotated as token_rotated
