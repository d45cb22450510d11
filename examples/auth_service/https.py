"""What the application must know when the browser's connection is HTTPS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def behind_https(wsgi_app: WSGIApplication) -> WSGIApplication:
    """Take every request for HTTPS, also where a proxy ends the TLS and goes on with HTTP.

    A form's ``Origin`` begins with ``https:`` then; compared with the proxy's ``http:`` it would
    be another site's.
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.url_scheme"] = "https"
        return wsgi_app(environ, start_response)

    return application
