"""A small document over HTTPS: what is asked, and what of the answers counts.

Servers that misbehave are in tests/scenarios/test_jwks.py.
"""

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from flask_signet.keys.fetch import FetchError, _tls, fetch
from tests.jose import keys
from tests.scenarios.issuer_server import IssuerServer, issuer_server, raw, status


@pytest.fixture
def server() -> Iterator[IssuerServer]:
    with issuer_server() as found:
        found.pages["/jwks"] = raw(b"{}")
        yield found


def test_a_plain_get(server: IssuerServer) -> None:
    """The path and the query are asked for as they stand, and nothing of ours goes along."""
    server.pages["/jwks?a=b&c"] = raw(b"[]")
    assert fetch(f"{server.url}/jwks?a=b&c", 5) == (b"[]", None)
    assert server.asked == ["/jwks?a=b&c"]
    assert server.headers == [
        {
            "Host": f"127.0.0.1:{server.port}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "Flask-Signet",
        }
    ]


def test_a_url_without_a_path(server: IssuerServer) -> None:
    """The path of a bare host is a slash."""
    server.pages["/"] = raw(b"{}")
    assert fetch(server.url, 5).body == b"{}"


@pytest.mark.parametrize(
    ("control", "age", "seconds"),
    [
        (None, None, None),
        ("public", None, None),
        ("max-age=300", None, 300),
        ("public, max-age=300, must-revalidate", None, 300),
        ("MAX-AGE=300", None, 300),
        ('max-age="300"', None, 300),
        ("s-maxage=10", None, None),
        ("public, max-age=15, stale-while-revalidate=15, stale-if-error=86400", None, 15),
        ("max-age=300", "100", 200),
        ("max-age=300", "400", 0),
        ("max-age=300", "x", 300),
        ("max-age=300", "-1", 300),
        ("max-age=-1", None, None),
        ("max-age=99999999999999999999", None, 999999999),
        ("no-cache", None, 0),
        ("private, no-store, max-age=300", None, 0),
    ],
)
def test_how_long_an_answer_holds(
    control: str | None, age: str | None, seconds: float | None, server: IssuerServer
) -> None:
    """max-age less Age, RFC 9111 section 4.2; what is not to be kept holds for no time."""
    headers = {"Cache_Control": control, "Age": age}
    given = {name: value for name, value in headers.items() if value is not None}
    server.pages["/jwks"] = raw(b"{}", **given)
    assert fetch(server.jwks_url, 5).max_age == seconds


@pytest.mark.parametrize("code", [201, 202, 203, 204, 206, 304, 400, 401, 403, 404, 410, 500, 503])
def test_only_200_is_an_answer(code: int, server: IssuerServer) -> None:
    """Any other status is a failure, whatever comes with it."""
    server.pages["/jwks"] = status(code)
    with pytest.raises(FetchError):
        fetch(server.jwks_url, 5)


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "identity, gzip", "x"])
def test_no_content_encoding_is_unpacked(coding: str, server: IssuerServer) -> None:
    """None was asked for; small as a packed answer is, it may unpack to anything."""
    server.pages["/jwks"] = raw(b"{}", Content_Encoding=coding)
    with pytest.raises(FetchError, match="content encoding"):
        fetch(server.jwks_url, 5)


def test_an_answer_that_is_cut_short_is_none(server: IssuerServer) -> None:
    """Half a key set is no key set, even if its bytes happen to be JSON."""
    server.pages["/jwks"] = raw(b"{}", Content_Length="100")
    with pytest.raises(FetchError):
        fetch(server.jwks_url, 5)


def test_nobody_there() -> None:
    """A port at which nobody listens, and a name that there is not, are failures."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/", "https://nobody.invalid/"):
        with pytest.raises(FetchError, match=url):
            fetch(url, 2)


@pytest.mark.parametrize("answer", [b"", b"\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_what_is_no_http_is_a_failure(answer: bytes) -> None:
    """Some other protocol at the port is a failure like any other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_once() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(4096)
                line.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        with pytest.raises(FetchError):
            fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/", 5)
        thread.join(20)


def test_no_proxy_of_the_environment_is_used(
    server: IssuerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY is for other programs: whoever sets it would choose our keys."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert fetch(server.jwks_url, 5).body == b"{}"


# ── certificates ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """TLS for 127.0.0.1, by an authority that the environment names."""
    private = keys.rsa_private()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    identifier = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(identifier, critical=False)
        .sign(private, hashes.SHA256())
    )
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(certificate.public_bytes(Encoding.PEM))
    key.write_bytes(keys.pem(private))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    _tls.cache_clear()
    yield context
    _tls.cache_clear()


def test_https_with_a_certificate_of_a_known_authority(trusted: ssl.SSLContext) -> None:
    """SSL_CERT_FILE names the authorities, for an issuer inside a company, say."""
    with issuer_server(trusted) as server:
        server.pages["/jwks"] = raw(b"{}")
        assert fetch(server.jwks_url, 5).body == b"{}"


def test_b2_a_certificate_for_another_name_is_refused(trusted: ssl.SSLContext) -> None:
    """The right authority is not enough: the certificate must be the host's."""
    with issuer_server(trusted) as server:
        server.pages["/jwks"] = raw(b"{}")
        with pytest.raises(FetchError, match=r"(?i)certificate|hostname"):
            fetch(f"https://localhost:{server.port}/jwks", 5)
        assert server.asked == []


def test_urllib3_is_only_loaded_by_who_adds_an_issuer() -> None:
    """The extra is for those who use it; without it the error says what to install."""
    code = """
import sys
from flask import Flask
from flask_signet import JWTManager
jwt = JWTManager(Flask("app"))
assert "urllib3" not in sys.modules
sys.modules["urllib3"] = None
try:
    jwt.add_issuer("https://login.example.com/", audience="api")
except RuntimeError as error:
    print(error)
jwt.add_issuer("https://login.example.com/", audience="api", fetch=lambda url, seconds: None)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "pip install 'Flask-Signet[issuers]'" in done.stdout
