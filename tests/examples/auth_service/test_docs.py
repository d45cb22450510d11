"""The OpenAPI document, and the page made from it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

OPERATIONS = [
    ("get", "/api/v1/auth/users"),
    ("post", "/api/v1/auth/users"),
    ("post", "/api/v1/auth/tokens"),
    ("patch", "/api/v1/auth/tokens"),
    ("delete", "/api/v1/auth/tokens"),
    ("get", "/api/v1/auth/sessions"),
    ("delete", "/api/v1/auth/sessions"),
    ("delete", "/api/v1/auth/sessions/{sid}"),
]


@pytest.fixture
def spec(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/api/v1/openapi.json")
    assert answer.mimetype == "application/json"
    return answer.get_json()


@pytest.fixture
def page(client: FlaskClient) -> str:
    answer = client.get("/api/v1/docs")
    assert answer.mimetype == "text/html"
    return answer.text


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_operation_is_documented(
    spec: dict[str, Any], page: str, method: str, path: str
) -> None:
    """Each is in the document with a summary, and on the page with a curl line."""
    operation = spec["paths"][path][method]
    assert operation["summary"]
    assert re.search(rf"curl -X {method.upper()} \S+{re.escape(path)}", page)


def test_the_document_names_the_bearer_scheme(spec: dict[str, Any]) -> None:
    """What needs a token says so, and nothing else does."""
    assert spec["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    secured = {
        (method, path)
        for method, path in OPERATIONS
        if spec["paths"][path][method].get("security") == [{"bearer": []}]
    }
    assert secured == {pair for pair in OPERATIONS if pair[0] != "post"}


def test_the_document_names_the_status_codes(spec: dict[str, Any]) -> None:
    """The answers that a client has to expect are there."""
    users, tokens = spec["paths"]["/api/v1/auth/users"], spec["paths"]["/api/v1/auth/tokens"]
    assert {"201", "409", "422"} <= set(users["post"]["responses"])
    assert {"201", "401", "422"} <= set(tokens["post"]["responses"])
    assert {"201", "401"} <= set(tokens["patch"]["responses"])
    assert {"204", "401"} <= set(tokens["delete"]["responses"])
    one = spec["paths"]["/api/v1/auth/sessions/{sid}"]
    assert {"204", "404"} <= set(one["delete"]["responses"])


def test_every_route_of_the_api_is_documented(app: Flask, spec: dict[str, Any]) -> None:
    """No route and no method is missing from the document, none is in it that is not served."""
    served = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/v1/auth")
    }
    assert served == set(OPERATIONS)
    assert served == {
        (method, path)
        for path, item in spec["paths"].items()
        for method in item
        if method != "parameters"
    }


def test_the_page_shows_what_a_list_is_of(page: str) -> None:
    """The sessions' fields are on it, as those of one element."""
    caption = "JSON body, a list of"
    assert page.count(caption) == 1
    assert "<code>last_seen_at</code>" in page.partition(caption)[2].partition("</table>")[0]


def test_the_page_shows_what_a_parameter_means(page: str) -> None:
    """Its values and its description stand beside its name."""
    row = page.partition("<code>others (query)</code>")[2].partition("</tr>")[0]
    assert "one of: true, all but the session that asks" in row


def test_the_page_loads_nothing_from_elsewhere(page: str) -> None:
    """It works without a network: every address on it is a path of this service."""
    addresses = []

    class Addresses(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in {"script", "style", "iframe"}
            for name, value in attrs:
                assert name != "style"
                assert not name.startswith("on")
                if name in {"href", "src", "action"}:
                    addresses.append(value or "")

    Addresses().feed(page)
    assert addresses
    assert all(re.match(r"/(?!/)|#", address) for address in addresses)
