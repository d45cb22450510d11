"""Where one may be sent after the login."""

from __future__ import annotations

import pytest

from examples.auth_service.local_path import local_path


@pytest.mark.parametrize(
    "target",
    ["/", "/profile", "/profile?tab=keys&sort=-name", "/a/b/c", "/caf%C3%A9", "/?next=https://x"],
)
def test_a_path_of_this_host_is_kept(target: str) -> None:
    """A path, with or without a query, is where the browser goes."""
    assert local_path(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "//evil.example",
        "///evil.example",
        "//evil.example@host",
        "\\\\evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\\/evil.example",
        "https:evil.example",
        "https://evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "@evil.example",
        "/%0d%0aX-Header:x",
        "/\r\nX-Header:x",
        "/\n/evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        " //evil.example",
        "\x00//evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "/%2Fevil.example",
        "/a//evil.example",
        "/.//evil.example",
        "/%09/evil.example",
        "/%00",
        "/ space",
        "/\u2028",
        "/\uff0fevil.example",
        "/caf\u00e9",
        "/" + "a" * 2048,
    ],
)
def test_anything_else_falls_back(target: str | None) -> None:
    """Another host, another scheme, and what a browser might read as one, lead to the start."""
    assert local_path(target) == "/"
