"""Errors: JSON for the API, a page for a browser."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, jsonify, make_response, render_template, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, ServiceUnavailable


def init_app(app: Flask) -> None:
    """Answer every error of the application, errors of flask-smorest included."""
    app.register_error_handler(HTTPException, answer)
    for error in (OperationalError, InterfaceError, PoolTimeoutError):
        app.register_error_handler(error, answer_without_database)


def is_api_request() -> bool:
    """Whether the request is for the API, not for a page."""
    return request.path.startswith("/api/")


def answer(error: HTTPException) -> Response:
    """The answer for an error, with the headers of the error."""
    if error.response is not None:  # the error has its answer already
        return make_response(error.response)
    if is_api_request():
        response = jsonify(_body(error))
    else:
        response = make_response(render_template("error.html", error=error))
    response.status_code = error.code or 500
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            response.headers[name] = value
    return response


def answer_without_database(error: Exception) -> Response:
    """The database is down, or locked for too long."""
    return answer(ServiceUnavailable("The database does not answer. Try again.", retry_after=5))


def _body(error: HTTPException) -> dict[str, Any]:
    # webargs loads the arguments for flask-smorest, and attaches the faults that it found.
    found: dict[str, Any] = getattr(error, "data", None) or {}
    body: dict[str, Any] = {"msg": found.get("message") or error.description or error.name}
    if "messages" in found:
        body["errors"] = found["messages"]
    return body
