"""The service under gunicorn."""

from __future__ import annotations

import socket

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # has no py.typed

from . import create_app

WORKERS = 2
#: More than the logins that may hash or wait (``passwords.py``), so that many logins at once
#: never take the last thread. A thread that waits costs very little.
THREADS = 128


class Server(BaseApplication):  # type: ignore[misc]  # an untyped base class is Any
    """gunicorn on a socket that is already bound. Each worker makes its own application."""

    def __init__(self, listener: socket.socket) -> None:
        self._descriptor = listener.detach()
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options."""
        options = {
            "bind": f"fd://{self._descriptor}",
            "workers": WORKERS,
            "worker_class": "gthread",
            "threads": THREADS,
            "loglevel": "warning",
            "control_socket_disable": True,  # newer versions open one in the home directory
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application, in the worker."""
        return create_app()


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen. Port 0 means any free port.

    :raises OSError: if the address is unknown or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def base_url(listener: socket.socket) -> str:
    """The URL of the service that listens there, e.g. ``http://127.0.0.1:8000``."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
