"""``python -m examples.auth_service``: make the database and the secret, and serve."""

from __future__ import annotations

import argparse
import os
import sys

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.serving import make_server

from flask_signet.exceptions import ConfigurationError

from . import create_app
from .server import Server, base_url, listen
from .service import Service
from .session_store import StoreSettingError
from .try_it import curl_lines

_WRONG_SETTING = (
    OSError,
    ValueError,
    ImportError,
    SQLAlchemyError,
    ConfigurationError,
    StoreSettingError,
)


def main() -> None:
    """Run the service until it is interrupted."""
    arguments = _parser().parse_args()
    try:
        app = create_app()
    except _WRONG_SETTING as error:
        # A setting is wrong, or names a thing that is missing. The first line says which.
        sys.exit(f"Can't start: {str(error).splitlines()[0]}")
    service: Service = app.extensions["auth_service"]
    service.close()
    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # Python appends the address in brackets
        sys.exit(f"Can't listen on {arguments.host} port {arguments.port}: {reason}.")

    url = base_url(listener)
    sys.stdout.write(
        f"Try it, in another terminal:\n\n{curl_lines(url)}\n"
        f"Serving {url}/ and its API, {url}/api/v1/docs. Ctrl-C stops it.\n"
    )
    sys.stdout.flush()
    if arguments.dev:
        host, port = listener.getsockname()[:2]
        make_server(host, port, app, threaded=True, fd=listener.detach()).serve_forever()
    else:
        Server(listener).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.auth_service", description=__doc__)
    parser.add_argument(
        "--host",
        default=os.environ.get("HOST", "127.0.0.1"),
        help="the address to listen on (HOST; %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=os.environ.get("PORT", "8000"),
        help="the port; 0 takes a free one (PORT; %(default)s)",
    )
    parser.add_argument(
        "--dev", action="store_true", help="serve with Flask's development server, in one process"
    )
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    main()
