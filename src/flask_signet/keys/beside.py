"""Work beside the request that caused it: what a server elsewhere takes its time for."""

from __future__ import annotations

import threading
from collections.abc import Callable


def start_thread(run: Callable[[], None]) -> None:
    """Run a function in a thread that does not keep the process alive.

    :raises RuntimeError: if no thread can be started.
    """
    threading.Thread(target=run, name="flask-signet-keys", daemon=True).start()
