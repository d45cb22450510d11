"""Each refusal is told once, in one place: a signal for programs, a record for people.

Neither has a token, a piece of one, or a secret. What a token says of itself is told only where its
signature was verified: anybody can write anything into a forged one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from flask import Flask, has_request_context

from ..engine import events
from ..engine.signet import Signet
from ..exceptions import SignetError
from ..forks import own_lock
from ..sessions.printable import printable
from .current import request_itself

log: logging.Logger = logging.getLogger("flask_signet.audit")

_INTERVAL: Final = 1.0
"""Seconds between two lines about one code."""

_LONGEST: Final = 256
"""Characters of one value in a line."""


class Refusals:
    """The refusals of one manager in one application.

    Every refusal is a signal. A line of the log is written at most once a second for each
    ``error_code``: a flood of garbage must not fill a disk. The next line says how many there were
    meanwhile.

    :param monotonic: a clock that never steps, in seconds.
    """

    __slots__ = ("_app", "_left_out", "_lock", "_monotonic", "_written_at")

    def __init__(self, app: Flask, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._monotonic = monotonic
        self._lock = own_lock()
        self._written_at: dict[str, float] = {}  # by the error_code; there are a dozen
        self._left_out: dict[str, int] = {}

    def tell(self, signet: Signet, error: SignetError) -> None:
        """Tell of a refusal."""
        about = {**_of_request(), **_of_token(signet, error)}
        signet.tell(events.token_rejected, error_code=error.error_code, **about)
        if log.isEnabledFor(logging.INFO):
            self._write(error.error_code, about)

    def _write(self, error_code: str, about: dict[str, str | None]) -> None:
        now = self._monotonic()
        with self._lock():
            if now - self._written_at.get(error_code, float("-inf")) < _INTERVAL:
                self._left_out[error_code] = self._left_out.get(error_code, 0) + 1
                return
            self._written_at[error_code] = now
            left_out = self._left_out.pop(error_code, 0)
        facts = {"app": self._app.name, **about}
        text = " ".join(
            f"{name}={printable(value)[:_LONGEST]}" for name, value in facts.items() if value
        )
        more = f" ({left_out} more since the last line)" if left_out else ""
        refusal = {"error_code": error_code, "left_out": left_out, **facts}
        log.info("refused: %s %s%s", error_code, text, more, extra={"refusal": refusal})


def _of_request() -> dict[str, str | None]:
    """The endpoint and the address; None of a call outside a request."""
    if not has_request_context():
        return {"endpoint": None, "address": None}
    carrier = request_itself()
    return {"endpoint": carrier.endpoint, "address": carrier.remote_addr}


def _of_token(signet: Signet, error: SignetError) -> dict[str, str | None]:
    """Whose token it was, if it was verified."""
    claims = error.proved_claims or getattr(error, "jwt_data", {})
    named = {"jti": "jti", "sid": "sid", "subject": signet.settings.identity_claim_key}
    found = {name: claims.get(claim) for name, claim in named.items()}
    return {name: None if value is None else str(value) for name, value in found.items()}
