"""For a service behind HTTPS: tell the application that the browser's connection is HTTPS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def behind_https(wsgi_app: WSGIApplication) -> WSGIApplication:
    """Treat every request as HTTPS, also if a proxy ends the TLS and continues with HTTP.

    The ``Origin`` of a form begins with ``https:`` then. Compared with the ``http:`` of the proxy,
    it would be the origin of another site.
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.url_scheme"] = "https"
        return wsgi_app(environ, start_response)

    return application
