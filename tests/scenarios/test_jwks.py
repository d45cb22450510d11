"""The scenarios of other issuers' keys (jwks-*), with a real server that misbehaves.

Time is a number that the tests tick, but where a server is slow: there a gate opens when the test
says so. ``SIGNET_FLOOD`` is the number of tokens of the flood.
"""

import gc
import json
import logging
import os
import secrets
import socket
import ssl
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Flask, jsonify
from werkzeug.test import TestResponse

from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    get_jwt_identity,
    jwt_required,
)
from flask_signet.jose import base64url
from flask_signet.keys import remote as remote_keys
from flask_signet.keys.fetch import FetchError, fetch
from tests.conftest import Clock
from tests.issuers import pair, token
from tests.jose import keys
from tests.scenarios.issuer_server import (
    PATIENCE,
    IssuerServer,
    Page,
    dripping,
    endless,
    gzip_bomb,
    held,
    issuer_server,
    page,
    raw,
    redirect,
    status,
)
from tests.scenarios.service import bearer

FLOOD = int(os.environ.get("SIGNET_FLOOD", "10000"))
OLD, NEW = pair("old"), pair("new", 1)
KIB = 1024

pytestmark = pytest.mark.timeout(120 + FLOOD // 100)


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    with issuer_server() as server:
        server.publish(OLD)
        yield server


@pytest.fixture(autouse=True)
def age(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the keys' age."""
    monkeypatch.setattr(JWTManager, "monotonic", clock)
    return clock


class Guarded:
    """An application that takes the tokens of some issuers, and no other."""

    def __init__(self, *issuers: IssuerServer, **options: Any) -> None:
        self.app = Flask("jwks")
        self.app.config["JWT_ERROR_FORMAT"] = "coded"
        self.jwt = JWTManager(self.app)
        for each in issuers:
            self.jwt.add_issuer(each.url, audience="api", **options)
        self.app.add_url_rule("/", view_func=jwt_required()(self._view))

    @staticmethod
    def _view() -> Any:
        return jsonify(id=get_jwt_identity())

    def get(self, text: str) -> TestResponse:
        return self.app.test_client().get("/", headers=bearer(text))

    def status(self, text: str) -> int:
        return self.get(text).status_code


def of(issuer: IssuerServer, key: Key = OLD, **changes: Any) -> str:
    """A token of an issuer."""
    moment = int(time.time())
    claims = {"iss": issuer.url, "aud": "api", "sub": "ada", "iat": moment, "exp": moment + 600}
    return token(key, claims | changes)


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)


def no_fetch_is_under_way(guarded: Guarded) -> bool:
    return all(each.keys._flight is None for each in guarded.jwt.issuers.values())


def in_threads(count: int, run: Callable[[int], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_discovery_and_keys_come_over_http(issuer: IssuerServer) -> None:
    """The metadata says where the keys are; both are fetched once, plainly."""
    guarded = Guarded(issuer)
    for _ in range(3):
        answer = guarded.get(of(issuer))
        assert (answer.status_code, answer.json) == (200, {"id": "ada"})
    assert issuer.asked == ["/.well-known/openid-configuration", "/jwks"]
    for headers in issuer.headers:
        assert headers["Accept-Encoding"] == "identity"
        assert not {"Authorization", "Cookie"} & set(headers)


# ── jwks-flood ───────────────────────────────────────────────────────────────────────────


def test_jwks_flood(issuer: IssuerServer, age: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown names from 50 threads: one fetch in a cool-down, and known ones wait for none."""
    # The gate ends the fetch. On a busy machine a hundred requests take longer than a fetch may.
    monkeypatch.setattr(remote_keys, "TIMEOUT", PATIENCE)
    guarded = Guarded(issuer)
    known = of(issuer)
    assert guarded.status(known) == 200
    gate = threading.Event()
    issuer.pages["/jwks"] = held(gate, issuer.pages["/jwks"])
    age.tick(31)
    statuses: Counter[int] = Counter()
    payload = known.split(".")[1]

    def flood(number: int) -> None:
        found: Counter[int] = Counter()
        for _ in range(FLOOD // 50):
            header = {"alg": "RS256", "kid": secrets.token_hex(8)}
            found[guarded.status(f"{_segment(header)}.{payload}.{'A' * 342}")] += 1
        with issuer.lock:
            statuses.update(found)

    threads = in_threads(50, flood)
    wait_for(lambda: issuer.fetches == 2)  # and it stays under way until the gate opens
    assert [guarded.status(known) for _ in range(100)] == [200] * 100
    assert not no_fetch_is_under_way(guarded)
    gate.set()
    for thread in threads:
        thread.join(PATIENCE * 4)
    assert sum(statuses.values()) == FLOOD // 50 * 50
    # 503: more waited than may wait; 422: there is no such key.
    assert set(statuses) <= {422, 503}
    assert issuer.fetches == 2
    age.tick(31)
    for _ in range(100):
        header = {"alg": "RS256", "kid": secrets.token_hex(8)}
        assert guarded.status(f"{_segment(header)}.{payload}.{'A' * 342}") == 422
    assert issuer.fetches == 3


def _segment(header: dict[str, Any]) -> str:
    return base64url.encode(json.dumps(header).encode())


# ── jwks-cold-stampede ───────────────────────────────────────────────────────────────────


def test_jwks_cold_stampede(issuer: IssuerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 requests before there are any keys: four wait for one fetch, the others come again."""
    monkeypatch.setattr(remote_keys, "TIMEOUT", PATIENCE)
    guarded = Guarded(issuer)
    gate = threading.Event()
    issuer.pages["/jwks"] = held(gate, issuer.pages["/jwks"])
    text, answers = of(issuer), []
    threads = in_threads(200, lambda _: answers.append(guarded.get(text)))
    wait_for(lambda: len(answers) == 196)
    assert {(each.status_code, each.headers["Retry-After"]) for each in answers} == {(503, "1")}
    gate.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert [each.status_code for each in answers[196:]] == [200] * 4
    assert [guarded.status(text) for _ in range(196)] == [200] * 196
    assert issuer.asked == ["/.well-known/openid-configuration", "/jwks"]


# ── jwks-hang ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        yield listening


def test_e18_jwks_hang(silent: socket.socket, age: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four of 60 threads wait, the others are a 503 at once; our own tokens never wait."""
    monkeypatch.setattr(remote_keys, "TIMEOUT", PATIENCE)
    guarded = Guarded()
    guarded.app.config["JWT_SECRET_KEY"] = keys.SECRET
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    guarded.jwt.add_issuer(url, audience="api", jwks_url=f"{url}/jwks")
    with guarded.app.app_context():
        own = create_access_token("ada")
    moment = int(time.time())
    claims = {"iss": url, "aud": "api", "sub": "ada", "iat": moment, "exp": moment + 600}
    text, answers = token(OLD, claims), []
    threads = in_threads(60, lambda _: answers.append(guarded.get(text)))
    wait_for(lambda: len(answers) == 56)
    assert [guarded.status(own) for _ in range(100)] == [200] * 100
    assert {(each.status_code, each.json["error"]) for each in answers} == {
        (503, "keys_unavailable")
    }
    assert len(answers) == 56
    assert not no_fetch_is_under_way(guarded)
    silent.close()  # which cuts the fetch off
    for thread in threads:
        thread.join(PATIENCE)
    assert [each.status_code for each in answers] == [503] * 60
    # The outage is known: the next request begins a fetch, and one each in longer pauses.
    assert [guarded.status(text) for _ in range(20)] == [503] * 20
    assert [guarded.status(own) for _ in range(20)] == [200] * 20


# ── jwks-down-stale ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("trouble", ["500", "hangs", "gone", "html", "other issuer"])
def test_jwks_down_stale(
    trouble: str, issuer: IssuerServer, age: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known keys serve an hour beyond their age while the server fails, then it is a 503."""
    monkeypatch.setattr(remote_keys, "TIMEOUT", 0.2 if trouble == "hangs" else 5.0)
    guarded = Guarded(issuer)
    text = of(issuer)
    assert guarded.status(text) == 200
    good, gate = issuer.pages.copy(), threading.Event()
    bad: dict[str, Page] = {
        "500": status(500),
        "hangs": held(gate, status(200)),
        "gone": status(410),
        "html": raw(b"<!doctype html><title>Sorry</title>", Content_Type="text/html"),
        "other issuer": page({"issuer": "https://other.example", "jwks_uri": issuer.jwks_url}),
    }
    for path in good:
        issuer.pages[path] = bad[trouble]
    before = len(issuer.asked)
    try:
        age.tick(601)
        for _ in range(6):
            assert [guarded.status(text) for _ in range(20)] == [200] * 20
            wait_for(lambda: no_fetch_is_under_way(guarded))
            age.tick(10)
        # By turns at 0, 1 (10), 2 (20), 4 (30), 8 (40), 16 seconds: not one for each request.
        assert len(issuer.asked) - before <= 6 * 3
        age.tick(3600)
        answer = guarded.get(text)
        assert (answer.status_code, answer.json["error"]) == (503, "keys_unavailable")
        assert 1 <= int(answer.headers["Retry-After"]) <= 30
        assert "WWW-Authenticate" not in answer.headers
    finally:
        gate.set()
    wait_for(lambda: no_fetch_is_under_way(guarded))
    issuer.pages |= good
    age.tick(30)
    assert guarded.status(text) == 200


def test_jwks_down_from_the_start(issuer: IssuerServer, age: Clock) -> None:
    """Without any key known a token is neither good nor bad: 503, and one fetch for all of them."""
    issuer.pages["/jwks"] = status(500)
    guarded = Guarded(issuer)
    text = of(issuer)
    assert [guarded.status(text) for _ in range(20)] == [503] * 20
    assert issuer.fetches == 1
    issuer.publish(OLD)
    age.tick(1)
    assert guarded.status(text) == 200


# ── jwks-oversize ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("chunk", [b" " * 64 * KIB, b"[" * 64 * KIB])
def test_jwks_oversize(chunk: bytes, issuer: IssuerServer) -> None:
    """Of 100 MB no more than 512 KiB are read; the memory does not grow by 1 MB."""
    issuer.pages["/jwks"] = endless(chunk, 100 * KIB * KIB)
    with pytest.raises(FetchError):  # what is loaded at the first use is no growth
        fetch(issuer.jwks_url, 20)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        with pytest.raises(FetchError, match="more than 524288 bytes"):
            fetch(issuer.jwks_url, 20)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 2 * KIB * KIB
    assert after - before < KIB * KIB
    assert issuer.cut_off.wait(PATIENCE)  # the server could not send it all


def test_jwks_oversize_without_a_length(issuer: IssuerServer) -> None:
    """A chunked answer that never ends is cut at the same limit."""
    chunk = b"%x\r\n%s\r\n" % (64 * KIB, b" " * 64 * KIB)
    issuer.pages["/jwks"] = endless(chunk, 100 * KIB * KIB, Transfer_Encoding="chunked")
    with pytest.raises(FetchError, match="more than 524288 bytes"):
        fetch(issuer.jwks_url, 20)
    assert issuer.cut_off.wait(PATIENCE)


def test_jwks_oversize_when_unpacked(issuer: IssuerServer) -> None:
    """A compressed answer is not what was asked for: it is refused packed."""
    issuer.pages["/jwks"] = gzip_bomb(100 * KIB * KIB)
    with pytest.raises(FetchError, match="content encoding"):
        fetch(issuer.jwks_url, 20)


def test_what_is_just_within_the_limit_is_read(issuer: IssuerServer) -> None:
    """512 KiB are taken, one byte more is not."""
    issuer.pages["/jwks"] = raw(b" " * 512 * KIB)
    assert len(fetch(issuer.jwks_url, 20).body) == 512 * KIB
    issuer.pages["/jwks"] = raw(b" " * (512 * KIB + 1))
    with pytest.raises(FetchError, match="more than 524288 bytes"):
        fetch(issuer.jwks_url, 20)


# ── jwks-drip ────────────────────────────────────────────────────────────────────────────

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "slow",
    [
        dripping(OK + b"Content-Length: 100000\r\n\r\n", b" "),
        dripping(OK + b"Connection: close\r\n\r\n", b" "),
        dripping(OK + b"X-Header: ", b"x"),
        dripping(b"", b"x"),
        dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        held(threading.Event(), status(200)),
    ],
    ids=["body", "no-length", "header", "status", "chunk-size", "chunks", "continue", "silence"],
)
def test_jwks_drip(slow: Page, issuer: IssuerServer) -> None:
    """A byte now and then keeps no fetch alive: it ends when its time is over."""
    issuer.pages["/jwks"] = slow
    before = threading.active_count()
    begun = time.monotonic()
    with pytest.raises(FetchError, match="took too long"):
        fetch(issuer.jwks_url, 0.4)
    assert 0.3 < time.monotonic() - begun < 10
    wait_for(lambda: threading.active_count() <= before + 1)  # the server's own goes on


def test_jwks_drip_does_not_hold_a_request(
    issuer: IssuerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of discovery and keys is within one limit, and then the request is answered."""
    monkeypatch.setattr(remote_keys, "TIMEOUT", 0.4)
    issuer.pages["/jwks"] = dripping(OK + b"Content-Length: 100000\r\n\r\n", b" ")
    guarded = Guarded(issuer)
    begun = time.monotonic()
    assert guarded.status(of(issuer)) == 503
    assert time.monotonic() - begun < 10


# ── jwks-redirect ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["/jwks", "/.well-known/openid-configuration"])
def test_jwks_redirect(where: str, code: int, issuer: IssuerServer) -> None:
    """No redirect is followed: not to the keys themselves, not even on the same host."""
    issuer.pages["/elsewhere"] = issuer.pages[where]
    issuer.pages[where] = redirect(f"{issuer.url}/elsewhere", code)
    assert Guarded(issuer).status(of(issuer)) == 503
    assert "/elsewhere" not in issuer.asked


@pytest.mark.parametrize(
    "to", ["http://169.254.169.254/latest/meta-data", "https://127.0.0.1:1/", "file:///etc/passwd"]
)
def test_jwks_redirect_to_elsewhere(
    to: str, issuer: IssuerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect to another host or scheme opens no connection there."""
    issuer.pages["/jwks"] = redirect(to)
    connected = []
    real = socket.socket.connect
    monkeypatch.setattr(
        socket.socket, "connect", lambda self, at: (connected.append(at), real(self, at))[1]
    )
    with pytest.raises(FetchError, match="a redirect, and none is followed"):
        fetch(issuer.jwks_url, 5)
    assert connected == [("127.0.0.1", issuer.port)]


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """TLS with a certificate that no authority signed, for a name that is not the server's."""
    certificate = keys.certificate(keys.rsa_private())
    chain, private = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.write_bytes(keys.pem(keys.rsa_private()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    return context


def test_jwks_redirect_by_dns(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: a name that leads to this machine meets a server without its certificate."""
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1", *rest, **more)
    )
    with issuer_server(tls) as issuer:
        issuer.publish(OLD)
        for name in ("login.example.com", "127.0.0.1"):
            with pytest.raises(FetchError, match=r"(?i)certificate.verify"):
                fetch(f"https://{name}:{issuer.port}/jwks", 5)
        assert issuer.asked == []


# ── jwks-removed ─────────────────────────────────────────────────────────────────────────


def test_jwks_removed(issuer: IssuerServer, age: Clock) -> None:
    """A key that its issuer removed is refused once the set's ten minutes are over."""
    guarded = Guarded(issuer)
    text = of(issuer)
    assert guarded.status(text) == 200
    issuer.publish(NEW, Cache_Control="public, max-age=31536000")
    age.tick(601)
    assert guarded.status(text) == 422
    assert guarded.status(of(issuer, NEW)) == 200
    issuer.publish(OLD)
    age.tick(601)
    assert [guarded.status(text), guarded.status(of(issuer, NEW))] == [200, 422]


def test_jwks_removed_and_the_server_says_to_ask_sooner(issuer: IssuerServer, age: Clock) -> None:
    """Cache-Control shortens the age of a set, and the time that it lay elsewhere counts."""
    issuer.publish(OLD, Cache_Control="public, max-age=400", Age="300")
    guarded = Guarded(issuer)
    text = of(issuer)
    assert guarded.status(text) == 200
    issuer.publish(NEW)
    age.tick(101)
    assert guarded.status(text) == 422


# ── jwks-issuer-mix ──────────────────────────────────────────────────────────────────────


def test_jwks_issuer_mix(issuer: IssuerServer) -> None:
    """F16: keys are found under their issuer: the same name at another one is another key."""
    with issuer_server() as other:
        issuer.publish(pair("same", 0), pair("only-here", 0))
        other.publish(pair("same", 1))
        guarded = Guarded(issuer, other)
        good = [of(issuer, pair("same", 0)), of(other, pair("same", 1))]
        assert [guarded.status(text) for text in good] == [200, 200]
        mixed = [
            of(issuer, pair("same", 1)),
            of(other, pair("same", 0)),
            of(other, pair("only-here", 0)),
        ]
        assert [guarded.status(text) for text in mixed] == [422, 422, 422]
        assert [guarded.status(text) for text in good] == [200, 200]


def test_jwks_issuer_mix_at_one_url(issuer: IssuerServer) -> None:
    """Issuers that share a URL of keys share no set: each is fetched for itself."""
    guarded = Guarded()
    for name in ("https://a.example.com", "https://b.example.com"):
        guarded.jwt.add_issuer(name, audience="api", jwks_url=issuer.jwks_url)
    for name in guarded.jwt.issuers:
        assert guarded.status(of(issuer, iss=name)) == 200
    assert issuer.fetches == 2


# ── jwks-weak ────────────────────────────────────────────────────────────────────────────


def test_jwks_weak(issuer: IssuerServer, caplog: pytest.LogCaptureFixture) -> None:
    """Weak, secret, private, encrypting and ambiguous keys are ignored, with an event for each."""
    caplog.set_level(logging.INFO, "flask_signet")
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    weak = Key.from_cryptography(small, "RS256", kid="weak", allow_weak=True)
    secret = Key.from_secret(keys.SECRET, kid="secret")
    private, enc = pair("private", 1), pair("enc", 1)
    twins = [pair("twin", 1), pair("twin", 2)]
    issuer.publish(
        OLD,
        weak,
        {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "secret", "alg": "HS256"},
        private.to_private_jwk(),
        enc.to_public_jwk() | {"use": "enc"},
        *twins,
    )
    guarded = Guarded(issuer)
    assert guarded.status(of(issuer)) == 200
    bad = [weak, secret, private, enc, *twins]
    assert [guarded.status(of(issuer, key)) for key in bad] == [422] * 6
    for kid in ("weak", "secret", "private", "enc", "twin"):
        assert f"(kid '{kid}') is ignored: " in caplog.text
