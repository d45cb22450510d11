"""Applications that publish, on a real server: one for each asymmetric algorithm; and issuers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from flask import Flask, jsonify
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    get_jwt_identity,
    jwt_required,
    key_blueprint,
    oauth_blueprint,
)
from flask_signet.jose import base64url
from flask_signet.keys.fetch import fetch
from tests.jose import keys

AUDIENCE: Final = "orders"
# Authlib does not encode them for HTTP Basic as RFC 6749 section 2.3.1 asks: what needs no encoding
# is the same either way. What does is tested in test_oauth.py.
CLIENT: Final = ("orders", "p.a-s_s/w:rd=")

CASES: Final[dict[str, Key]] = {
    **{name: Key.from_cryptography(keys.private(name), name) for name in keys.PAIR_NAMES},
    "EdDSA-Ed448": Key.from_cryptography(keys.private("Ed448"), "EdDSA"),
}
"""A key of ours for each asymmetric algorithm, and for each curve of the one that has two."""


class Offer(NamedTuple):
    """What a client of one application has: the name of its issuer, the keys' URL, a token."""

    issuer: str
    jwks_uri: str
    token: str

    def forged(self) -> str:
        """The same token for somebody else: its signature is that of what it said before."""
        header, payload, signature = self.token.split(".")
        claims = json.loads(base64url.decode(payload)) | {"sub": "eve"}
        return f"{header}.{base64url.encode(json.dumps(claims).encode())}.{signature}"


class Server:
    """One HTTP server. What is mounted under its URL may change while it runs."""

    def __init__(self) -> None:
        root = DispatcherMiddleware(NotFound())
        self.mounts: dict[str, Any] = root.mounts  # by path
        self._server = make_server("127.0.0.1", 0, root, threaded=True, request_handler=_Silent)
        self.url: str = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def mount(self, name: str, keys: Iterable[Any], **options: Any) -> Flask:
        """An application with these keys, all of our public endpoints, and `GET /me`."""
        app = Flask("interop")
        app.config.update(
            JWT_KEYS=list(keys),
            JWT_ENCODE_ISSUER=f"{self.url}/{name}",
            JWT_ENCODE_AUDIENCE=AUDIENCE,
            JWT_DECODE_AUDIENCE=AUDIENCE,
        )
        app.config.update({f"JWT_{option}": value for option, value in options.items()})
        JWTManager(app)
        app.register_blueprint(key_blueprint())
        app.register_blueprint(oauth_blueprint(lambda *found: found == CLIENT))
        app.add_url_rule("/me", view_func=_me)
        self.mounts[f"/{name}"] = app
        return app

    def offer(self, name: str) -> Offer:
        """A token of a mounted application, and what its metadata says over HTTP."""
        app: Flask = self.mounts[f"/{name}"]
        with app.app_context():
            token = create_access_token("ada")
        found = fetch(f"{self.url}/{name}/.well-known/oauth-authorization-server", 5)
        metadata = json.loads(found.body)
        return Offer(metadata["issuer"], metadata["jwks_uri"], token)

    def publish(self, name: str, jwks: Mapping[str, Any]) -> None:
        """An issuer that is none of ours: its metadata and its keys."""
        issuer = f"{self.url}/{name}"
        documents = {
            "/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"{issuer}/keys"},
            "/keys": jwks,
        }

        def serve(environ: Any, start_response: Any) -> Any:
            found = documents.get(environ["PATH_INFO"])
            body = NotFound() if found is None else Response(json.dumps(found))
            return body(environ, start_response)

        self.mounts[f"/{name}"] = serve


class _Silent(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"  # each connection ends with its answer

    def log(self, *_: Any) -> None:
        pass


@contextmanager
def server() -> Iterator[Server]:
    running = Server()
    try:
        for name, key in CASES.items():
            running.mount(name, [key])
        yield running
    finally:
        running.close()


@jwt_required()
def _me() -> Any:
    return jsonify(get_jwt_identity())


def me(app: Flask, token: str) -> Any:
    """What `GET /me` answers to a token: the identity, or the status of the refusal."""
    answer = app.test_client().get("/me", headers={"Authorization": f"Bearer {token}"})
    return answer.get_json() if answer.status_code == 200 else answer.status_code


def our_answers(
    server: Server, name: str, algorithm: str, jwk: Mapping[str, Any], token: str
) -> dict[str, Any]:
    """What we say to a token of somebody whose public JWK this is, by each way to give it to us.

    The token's `iss` is `name` under the server's URL.
    """
    audience = {"JWT_ALGORITHM": algorithm, "JWT_DECODE_AUDIENCE": AUDIENCE}
    assert not PRIVATE_MEMBERS & set(jwk), "the peer gave its private key away"
    ways: dict[str, Callable[[Flask], None]] = {
        "JWT_KEYS": lambda app: app.config.update(audience, JWT_KEYS=[dict(jwk)]),
        "JWT_PUBLIC_KEY": lambda app: app.config.update(audience, JWT_PUBLIC_KEY=dict(jwk)),
        "add_issuer": lambda app: None,
    }
    server.publish(name, {"keys": [jwk]})
    answers = {}
    for way, configure in ways.items():
        app = Flask("taker")
        configure(app)
        manager = JWTManager(app)
        if way == "add_issuer":
            manager.add_issuer(f"{server.url}/{name}", audience=AUDIENCE, algorithms=[algorithm])
        app.add_url_rule("/me", view_func=_me)
        answers[way] = me(app, token)
    return answers


PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "priv", "k"})

TAKEN: Final = {"JWT_KEYS": "ada", "JWT_PUBLIC_KEY": "ada", "add_issuer": "ada"}
"""`our_answers` to a token that we take."""
