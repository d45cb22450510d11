"""The security headers of every answer."""

from __future__ import annotations

from flask import Flask, Response, current_app

#: No script, no frame, nothing from other hosts: the pages are HTML and one style sheet.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def init_app(app: Flask) -> None:
    """Send the headers with every answer of the application."""
    app.after_request(add_security_headers)


def add_security_headers(response: Response) -> Response:
    """Tell the browser which things this service never does."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    # Not no-referrer: with it, the Origin of a form is "null", and the form would be refused.
    headers.setdefault("Referrer-Policy", "same-origin")
    if current_app.config["AUTH_SERVICE_HTTPS"]:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
