"""The API's documentation as one page, made from its OpenAPI document: no script, no CDN."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any, cast

from flask import Blueprint, current_app, render_template, request

from .openapi import DocumentedApi

blueprint = Blueprint("docs", __name__)

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Field:
    """A property of a body, or a parameter."""

    name: str
    kind: str
    required: bool
    notes: str


@dataclass(frozen=True)
class Answer:
    """One possible answer of an operation."""

    status: str
    description: str
    fields: list[Field]
    is_list: bool


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    summary: str
    description: str
    needs_token: bool
    parameters: list[Field]
    body: list[Field]
    answers: list[Answer]
    curl: str

    @property
    def anchor(self) -> str:
        """The anchor of the operation on the page."""
        return f"{self.method}{self.path.replace('/', '-')}"


@blueprint.get("/api/v1/docs")
def page() -> str:
    """Show every operation."""
    api = cast(DocumentedApi, current_app.extensions["auth_service_openapi"])
    spec: dict[str, Any] = json.loads(json.dumps(api.spec.to_dict()))
    return render_template(
        "docs.html", info=spec["info"], operations=operations(spec, request.host_url.rstrip("/"))
    )


def operations(spec: dict[str, Any], base_url: str) -> list[Operation]:
    """The operations of the document, in its order."""
    return [
        _operation(spec, base_url + path, path, method, item)
        for path, item in spec["paths"].items()
        for method in METHODS
        if method in item
    ]


def _operation(
    spec: dict[str, Any], url: str, path: str, method: str, item: dict[str, Any]
) -> Operation:
    operation = item[method]
    body = _schema(spec, _resolve(spec, operation.get("requestBody", {})))
    needs_token = bool(operation.get("security"))
    return Operation(
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        needs_token=needs_token,
        parameters=[
            _parameter(spec, parameter)
            for parameter in item.get("parameters", []) + operation.get("parameters", [])
        ],
        body=_fields(spec, body),
        answers=[
            _answer(spec, status, answer)
            for status, answer in sorted(operation["responses"].items())
            if status.isdigit()
        ],
        curl=_curl(method, url, needs_token, _example(body)),
    )


def _resolve(spec: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The node that a ``$ref`` names, or the node itself."""
    while "$ref" in node:
        found: Any = spec
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def _schema(spec: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    content = node.get("content", {}).get("application/json", {})
    return _resolve(spec, content.get("schema", {}))


def _fields(spec: dict[str, Any], schema: dict[str, Any]) -> list[Field]:
    required = schema.get("required", [])
    return [
        _field(name, _resolve(spec, value), name in required)
        for name, value in sorted(
            schema.get("properties", {}).items(), key=lambda item: item[0] not in required
        )
    ]


def _parameter(spec: dict[str, Any], node: dict[str, Any]) -> Field:
    parameter = _resolve(spec, node)
    schema = _resolve(spec, parameter.get("schema", {}))
    described = {key: parameter[key] for key in ("description",) if key in parameter}
    name = f"{parameter['name']} ({parameter['in']})"
    return _field(name, schema | described, parameter.get("required", False))


def _field(name: str, schema: dict[str, Any], required: bool) -> Field:
    kind = schema.get("type", "any")
    if kind == "array":
        kind = f"array of {schema.get('items', {}).get('type', 'any')}s"
    limits = {
        "format": schema.get("format"),
        "one of": ", ".join(schema.get("enum", [])) or None,
        "characters, at least": schema.get("minLength"),
        "characters, at most": schema.get("maxLength"),
    }
    notes = [f"{limit}: {value}" for limit, value in limits.items() if value is not None]
    if schema.get("description"):
        notes.append(schema["description"])
    return Field(name=name, kind=kind, required=required, notes=", ".join(notes))


def _answer(spec: dict[str, Any], status: str, node: dict[str, Any]) -> Answer:
    answer = _resolve(spec, node)
    schema = _schema(spec, answer)
    return Answer(
        status=status,
        description=answer.get("description", ""),
        fields=_fields(spec, _resolve(spec, schema.get("items", schema))),
        is_list=schema.get("type") == "array",
    )


def _example(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value.get("example", "…") for name, value in schema.get("properties", {}).items()}


def _curl(method: str, url: str, needs_token: bool, body: dict[str, Any]) -> str:
    line = shlex.join(["curl", "-X", method.upper(), url])
    if needs_token:
        line += ' -H "Authorization: Bearer $TOKEN"'
    if body:
        text = json.dumps(body, ensure_ascii=False)
        line += f" -H 'Content-Type: application/json' -d {shlex.quote(text)}"
    return line
