"""flask-smorest, with types for the part of it that the service uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from flask import Flask
from flask.typing import AfterRequestCallable, BeforeRequestCallable
from flask_smorest import Api, Blueprint  # type: ignore[import-untyped]  # has no py.typed
from marshmallow import Schema

from .schemas import ErrorSchema

View = TypeVar("View", bound=Callable[..., Any])

#: The ``security`` that a view with a token gives to ``@blueprint.doc``.
BEARER: list[dict[str, list[str]]] = [{"bearer": []}]


class ApiBlueprint(Protocol):
    """A Flask blueprint that documents its views."""

    def route(self, rule: str) -> Callable[[View], View]:
        """Serve the URL with this ``MethodView``."""

    def arguments(self, schema: type[Schema]) -> Callable[[View], View]:
        """Pass the JSON body to the view, loaded by the schema; 422 if it does not fit."""

    def response(
        self, status_code: int, schema: type[Schema] | None = None, *, description: str = ""
    ) -> Callable[[View], View]:
        """Write the view's result with the schema."""

    def alt_response(
        self, status_code: int, *, schema: type[Schema], description: str
    ) -> Callable[[View], View]:
        """Document another answer."""

    def doc(self, **options: Any) -> Callable[[View], View]:
        """Add to the description of the operation."""

    def before_request(self, f: BeforeRequestCallable) -> BeforeRequestCallable:
        """As on Flask's blueprint."""

    def after_request(self, f: AfterRequestCallable[Any]) -> AfterRequestCallable[Any]:
        """As on Flask's blueprint."""


class DocumentedApi(Protocol):
    """The API of the application, with its OpenAPI document."""

    spec: Any

    def register_blueprint(self, blueprint: ApiBlueprint) -> None:
        """Register the blueprint with the application, and document its views."""


def make_blueprint(
    name: str, import_name: str, *, url_prefix: str, description: str
) -> ApiBlueprint:
    """A blueprint whose views are documented."""
    blueprint = Blueprint(name, import_name, url_prefix=url_prefix, description=description)
    return cast(ApiBlueprint, blueprint)


def make_api(app: Flask) -> DocumentedApi:
    """Serve the OpenAPI document of the application, with the ``bearer`` scheme in it."""
    api = Api()
    api.ERROR_SCHEMA = ErrorSchema
    api.init_app(app)
    api.spec.components.security_scheme(
        "bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    )
    app.extensions["auth_service_openapi"] = api
    return cast(DocumentedApi, api)
