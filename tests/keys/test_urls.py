"""The URLs that another issuer's keys may come from."""

from typing import Any

import pytest

from flask_signet.keys.urls import check_jwks_uri, check_url, metadata_urls


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a/b?c=d",
        "https://[2001:db8::1]/keys",
        "https://192.0.2.1/keys",
        "http://localhost:8080/",
        "http://127.0.0.1:8080/",
        "http://127.9.9.9/",
        "http://[::1]:8080/",
    ],
)
def test_https_anywhere_and_http_to_this_machine(url: str) -> None:
    """B2: these are URLs that keys may come from."""
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        b"https://example.com",
        "",
        "example.com",
        "https://",
        "https:///keys",
        "https:example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "data:application/json,{}",
        "http://example.com/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://[fe80::1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://localhost@example.com/",
        "https://example.com/#fragment",
        "https://example.com\\@localhost/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com:port/",
        "https://exa mple.com/",
        "https://example.com/\r\nHost: x",
        "https://exämple.com/",
        "https://example_com/",
        "https://example.com/" + "x" * 2048,
    ],
)
def test_b2_every_other_url_is_refused(url: Any) -> None:
    """B2: no other scheme, no host that only looks like this machine, no user, no fragment."""
    with pytest.raises(ValueError, match="URL"):
        check_url(url)


INNER = ["http://keycloak:8080/certs", "http://10.0.0.1/", "http://example.com/"]


@pytest.mark.parametrize("url", INNER)
def test_b2_http_to_other_machines_is_a_choice(url: str) -> None:
    """B2: inside a network of one's own http is taken where that is said, and nothing else is."""
    assert check_url(url, allow_http=True) == url
    for other in (url.replace("http", "ftp"), url.replace("//", "//user@"), f"{url}#a", "http://"):
        with pytest.raises(ValueError, match="URL"):
            check_url(other, allow_http=True)


@pytest.mark.parametrize(
    ("issuer", "https", "loopback", "inner"),
    [
        ("https://login.example.com", True, False, False),
        ("http://localhost:8080/realms/demo", True, True, False),
        ("http://127.0.0.1/", True, True, False),
        ("http://keycloak:8080/realms/demo", True, True, True),
    ],
)
def test_b2_the_keys_come_no_less_safely_than_the_metadata(
    issuer: str, https: bool, loopback: bool, inner: bool
) -> None:
    """B2: an issuer by https sends nobody to http, one on this machine nobody to another one."""
    urls = {"https://keys.example.com/": https, "http://localhost:1/": loopback}
    for url, good in (urls | dict.fromkeys(INNER, inner)).items():
        if good:
            assert check_jwks_uri(url, issuer) == url
        else:
            with pytest.raises(ValueError, match="is not https"):
                check_jwks_uri(url, issuer)


@pytest.mark.parametrize(
    ("issuer", "oidc", "oauth"),
    [
        (
            "https://example.com",
            "https://example.com/.well-known/openid-configuration",
            "https://example.com/.well-known/oauth-authorization-server",
        ),
        (
            "https://example.com/",
            "https://example.com/.well-known/openid-configuration",
            "https://example.com/.well-known/oauth-authorization-server",
        ),
        (
            "https://example.com:8443/issuer1",
            "https://example.com:8443/issuer1/.well-known/openid-configuration",
            "https://example.com:8443/.well-known/oauth-authorization-server/issuer1",
        ),
        (
            "https://example.com/realms/demo/",
            "https://example.com/realms/demo/.well-known/openid-configuration",
            "https://example.com/.well-known/oauth-authorization-server/realms/demo",
        ),
    ],
)
def test_where_metadata_is(issuer: str, oidc: str, oauth: str) -> None:
    """OpenID Connect Discovery 4.1 appends, RFC 8414 section 3.1 inserts before the path."""
    assert metadata_urls(issuer) == (oidc, oauth)
