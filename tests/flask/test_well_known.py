"""What an issuer publishes: its public keys and its metadata (scenario jwks-publish)."""

import inspect
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, Response, session
from flask.testing import FlaskClient
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    get_jwt_identity,
    get_unverified_jwt_headers,
    jwt_required,
    key_blueprint,
    oauth_blueprint,
)
from flask_signet.cli.keys import PUBLISHED_FOR
from flask_signet.keys.fetch import Fetched, FetchError
from flask_signet.keys.schedule import TimedKey
from flask_signet.keys.urls import metadata_urls
from tests.conftest import Clock
from tests.jose import keys

JWKS = "/.well-known/jwks.json"
METADATA = "/.well-known/oauth-authorization-server"
ISSUER = "https://login.example.com"
SECRET_MEMBERS = {"k", "d", "p", "q", "dp", "dq", "qi", "oth", "priv"}
FIRST, SECOND = Key.generate("ES256"), Key.generate("Ed25519")


def application(**options: Any) -> Flask:
    """An application that publishes. Options are written without their prefix `JWT_`."""
    app = Flask("well_known")
    app.config.update({f"JWT_{name}": value for name, value in options.items()})
    JWTManager(app)
    app.register_blueprint(key_blueprint())
    return app


def published(app: Flask) -> list[dict[str, Any]]:
    answer = app.test_client().get(JWKS)
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.data)
    assert set(found) == {"keys"}
    jwks: list[dict[str, Any]] = found["keys"]
    return jwks


def kids(app: Flask) -> list[str]:
    return [jwk["kid"] for jwk in published(app)]


def token_of(app: Flask) -> str:
    with app.app_context():
        return create_access_token("ada")


# ── the keys ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("algorithm", keys.PAIR_NAMES)
def test_a_key_is_published_without_its_private_half(algorithm: str) -> None:
    """Its `kid` is the RFC 7638 thumbprint, it says `alg` and `use`, and verifies our tokens."""
    key = Key.from_cryptography(keys.private(algorithm), algorithm)
    app = application(KEYS=[key])
    [jwk] = published(app)
    assert not SECRET_MEMBERS & set(jwk)
    assert (jwk["kid"], jwk["alg"], jwk["use"]) == (key.thumbprint(), algorithm, "sig")
    assert Key.from_jwk(jwk).public_key().thumbprint() == key.thumbprint()
    assert get_unverified_jwt_headers(token_of(app))["kid"] == jwk["kid"]


def test_a_secret_is_never_published() -> None:
    """Neither beside public keys, nor alone: then there is nothing to publish."""
    secret = Key.generate("HS256")
    assert kids(application(KEYS=[secret, FIRST])) == [FIRST.kid]
    assert published(application(KEYS=[secret])) == []
    assert published(application(SECRET_KEY=keys.SECRET.hex())) == []


def test_an_application_without_keys_publishes_none() -> None:
    """It may take the tokens of other issuers alone."""
    assert published(application()) == []


def test_the_next_key_is_published_before_it_signs(ticking: Clock) -> None:
    """Then it signs, the one before stays until its last token is dead, and then it is gone."""
    start = ticking.now
    old = TimedKey(FIRST, verifies_until=start + 200)
    app = application(KEYS=[old, TimedKey(SECOND, signs_from=start + 100)])
    live = app.extensions["flask-signet"][""].signet().keys
    live._monotonic = ticking  # both of the ring's clocks
    for seconds, names, signer in (
        (0, {FIRST.kid, SECOND.kid}, FIRST),
        (99, {FIRST.kid, SECOND.kid}, FIRST),
        (100, {FIRST.kid, SECOND.kid}, SECOND),
        (199, {FIRST.kid, SECOND.kid}, SECOND),
        (200, {SECOND.kid}, SECOND),
    ):
        ticking.now = start + seconds
        assert set(kids(app)) == names, seconds
        assert get_unverified_jwt_headers(token_of(app))["kid"] == signer.kid, seconds


def test_others_may_keep_the_keys_for_less_long_than_a_next_key_waits() -> None:
    """`flask jwt keys rotate` counts on what is said by default."""
    assert inspect.signature(key_blueprint).parameters["max_age"].default <= PUBLISHED_FOR


def test_a_key_without_a_name_is_published_under_its_thumbprint() -> None:
    """As in Flask-JWT-Extended, tokens don't name their key unless `JWT_ENCODE_KID` is set."""
    pem = keys.pem(keys.private("RS256"))
    app = application(ALGORITHM="RS256", PRIVATE_KEY=pem)
    [jwk] = published(app)
    assert jwk["kid"] == Key.from_jwk(jwk).thumbprint()
    assert "kid" not in get_unverified_jwt_headers(token_of(app))
    named = application(ALGORITHM="RS256", PRIVATE_KEY=pem, ENCODE_KID=True)
    assert get_unverified_jwt_headers(token_of(named))["kid"] == jwk["kid"] == kids(named)[0]


def test_published_is_what_verifies_not_what_signs() -> None:
    """`JWT_PUBLIC_KEY` says which keys verify, whatever `JWT_PRIVATE_KEY` is."""
    theirs = SECOND.to_public_jwk()
    app = application(
        ALGORITHM="Ed25519", PRIVATE_KEY=Key.generate("Ed25519"), PUBLIC_KEY={"keys": [theirs]}
    )
    assert kids(app) == [SECOND.kid]


def test_a_key_for_two_algorithms_is_there_once_and_says_none() -> None:
    """Whoever looks a key up by its `kid` finds one that verifies both."""
    app = application(
        ALGORITHM="RS256",
        PRIVATE_KEY=keys.pem(keys.private("RS256")),
        DECODE_ALGORITHMS=["RS256", "PS256", "RS512"],
    )
    [jwk] = published(app)
    assert "alg" not in jwk
    assert jwk["kty"] == "RSA"


def test_a_weak_key_in_use_is_published() -> None:
    """It was warned of, or refused, where it was read."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.warns(match="RSA key needs 2048 bits"):
        [jwk] = published(application(ALGORITHM="RS256", PRIVATE_KEY=keys.pem(short)))
    assert jwk["kid"]


def test_keys_that_change_are_published_as_they_are() -> None:
    """A changed option is another set at the next request."""
    app = application(KEYS=[FIRST])
    assert kids(app) == [FIRST.kid]
    app.config["JWT_KEYS"] = [SECOND, FIRST]
    assert kids(app) == [SECOND.kid, FIRST.kid]


# ── caches and browsers ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [JWKS, METADATA])
def test_a_document_is_fit_for_caches(path: str) -> None:
    """A strong ETag, `Cache-Control`, nothing that depends on who asks; any page may read it."""
    client = application(KEYS=[FIRST], ENCODE_ISSUER=ISSUER).test_client()
    answer = client.get(path, headers={"Authorization": "Bearer x", "Cookie": "a=b"})
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["ETag"][0] == answer.headers["ETag"][-1] == '"'
    assert not {"Vary", "Set-Cookie"} & set(answer.headers.keys())
    again = client.get(path)
    assert (again.data, again.headers["ETag"]) == (answer.data, answer.headers["ETag"])


@pytest.mark.parametrize("wrap", ["{}", 'W/{}, "other"', '"a", {}', "*"])
def test_who_has_the_document_is_not_sent_it_again(wrap: str) -> None:
    """304 without a body, with the ETag and for how long it is good (RFC 9110 section 15.4.5)."""
    client = application(KEYS=[FIRST]).test_client()
    etag = client.get(JWKS).headers["ETag"]
    answer = client.get(JWKS, headers={"If-None-Match": wrap.format(etag)})
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == etag
    assert answer.headers["Cache-Control"] == "public, max-age=300"


def test_a_rotation_makes_another_document(ticking: Clock) -> None:
    """So the ETag of before gets the new keys."""
    app = application(KEYS=[TimedKey(FIRST, verifies_until=ticking.now + 9), SECOND])
    etag = app.test_client().get(JWKS).headers["ETag"]
    ticking.tick(10)
    answer = app.test_client().get(JWKS, headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert answer.headers["ETag"] != etag


def test_the_age_can_be_set() -> None:
    """In whole seconds; zero asks caches to come each time."""
    app = Flask("well_known")
    app.config["JWT_KEYS"] = [FIRST]
    JWTManager(app)
    app.register_blueprint(key_blueprint(max_age=0))
    assert app.test_client().get(JWKS).headers["Cache-Control"] == "public, max-age=0"


@pytest.mark.parametrize("max_age", [-1, 1.5, True, "300", None])
def test_an_age_that_is_none_is_refused(max_age: Any) -> None:
    with pytest.raises(ValueError, match="max_age takes whole seconds"):
        key_blueprint(max_age=max_age)


def test_nobodys_cookie_gets_into_a_shared_cache() -> None:
    """A permanent session is renewed with every answer, but for what caches keep."""
    app = application(KEYS=[FIRST])
    app.secret_key = keys.SECRET

    @app.get("/in")
    def log_in() -> str:
        session.permanent = True
        session["user"] = "ada"
        return "in"

    @app.after_request
    def track(response: Response) -> Response:
        response.set_cookie("tracker", "1")
        return response

    client = app.test_client()
    assert len(client.get("/in").headers.getlist("Set-Cookie")) == 2
    for headers in ({}, {"If-None-Match": "*"}):
        assert "Set-Cookie" not in client.get(JWKS, headers=headers).headers


# ── the metadata ─────────────────────────────────────────────────────────────────────────


def test_the_metadata_says_what_there_is() -> None:
    """Issuer and keys; there is no authorization and no token endpoint."""
    client = application(KEYS=[FIRST], ENCODE_ISSUER=ISSUER).test_client()
    assert client.get(METADATA).json == {
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}{JWKS}",
        "response_types_supported": [],
        "grant_types_supported": [],
    }


@pytest.mark.parametrize("store", [None, "memory://"])
def test_the_metadata_says_where_to_revoke_and_introspect(store: str | None) -> None:
    """Where these endpoints are, whatever they are called; without a store nothing is revoked."""
    app = application(KEYS=[FIRST], ENCODE_ISSUER=ISSUER, SESSION_STORE=store)
    app.register_blueprint(oauth_blueprint(lambda *_: False, name="o", url_prefix="/o"))
    found = app.test_client().get(METADATA).json or {}
    methods = ["client_secret_basic", "client_secret_post"]
    assert found["introspection_endpoint"] == f"{ISSUER}/o/introspect"
    assert found["introspection_endpoint_auth_methods_supported"] == methods
    assert found.get("revocation_endpoint") == (f"{ISSUER}/o/revoke" if store else None)
    assert ("revocation_endpoint_auth_methods_supported" in found) == bool(store)


def test_the_host_of_a_request_is_in_no_document() -> None:
    """It would get into a shared cache, and lead others to somebody else's keys."""
    client = application(KEYS=[FIRST], ENCODE_ISSUER=ISSUER).test_client()
    honest = client.get(METADATA).data
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    assert client.get(METADATA, headers=headers).data == honest


@pytest.mark.parametrize("issuer", [None, "", "my application", "http://login.example.com"])
def test_without_an_issuer_that_is_a_url_there_is_no_metadata(issuer: str | None) -> None:
    """404, which no cache keeps, with what to do."""
    answer = application(KEYS=[FIRST], ENCODE_ISSUER=issuer).test_client().get(METADATA)
    assert answer.status_code == 404
    assert "JWT_ENCODE_ISSUER" in (answer.json or {})["msg"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_issuer_with_a_query_has_no_metadata() -> None:
    """RFC 8414 section 2."""
    client = application(KEYS=[FIRST], ENCODE_ISSUER=f"{ISSUER}/?a=b").test_client()
    assert client.get(METADATA).status_code == 404


def test_the_metadata_of_an_issuer_with_a_path_is_under_that_path() -> None:
    """RFC 8414 section 3.1; of any other path there is none."""
    client = application(KEYS=[FIRST], ENCODE_ISSUER=f"{ISSUER}/a/b").test_client()
    assert client.get(f"{METADATA}/a/b").json == client.get(METADATA).json
    assert (client.get(METADATA).json or {})["jwks_uri"] == f"{ISSUER}{JWKS}"
    for other in ("a", "a/b/c", "b", "a%2Fc", "%00", "../a", "\N{SNOWMAN}"):
        assert client.get(f"{METADATA}/{other}").status_code == 404, other


def test_an_application_that_is_mounted_says_so() -> None:
    """The keys are where the application is."""
    app = application(KEYS=[FIRST], ENCODE_ISSUER=f"{ISSUER}/sub")
    client = Client(DispatcherMiddleware(Flask("root"), {"/sub": app}))
    found = client.get(f"/sub{METADATA}").json or {}
    assert found["jwks_uri"] == f"{ISSUER}/sub{JWKS}"


def test_another_application_takes_our_tokens_by_our_metadata() -> None:
    """`add_issuer` with nothing but the issuer's name."""
    ours = application(KEYS=[SECOND], ENCODE_ISSUER=ISSUER, ENCODE_AUDIENCE="orders")
    web: FlaskClient = ours.test_client()

    def fetch(url: str, seconds: float) -> Fetched:
        path = url.removeprefix(ISSUER)
        answer = web.get(path)
        if answer.status_code != 200:
            raise FetchError(f"status {answer.status_code}")
        return Fetched(answer.data, 300)

    other = Flask("other")
    JWTManager(other).add_issuer(
        ISSUER, audience="orders", algorithms=["Ed25519"], typ="JWT", fetch=fetch
    )

    @other.get("/me")
    @jwt_required()
    def me() -> Any:
        return {"id": get_jwt_identity()}

    headers = {"Authorization": f"Bearer {token_of(ours)}"}
    assert other.test_client().get("/me", headers=headers).json == {"id": "ada"}
    assert metadata_urls(ISSUER)[1] == f"{ISSUER}{METADATA}"


# ── odd requests ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "headers",
    [
        {"If-None-Match": '"' + "a" * 4096},
        {"If-None-Match": "\x7f,,,W/,"},
        {"If-Match": '"other"'},
        {"If-Modified-Since": "never", "If-Range": "x", "Range": "bytes=0-,-1,9-1"},
        {"Range": "bytes=0-1"},
        {"Accept": "text/html;q=x"},
        {"Host": "a b"},
        {"Authorization": "Basic %"},
        {"Content-Length": "-1"},
    ],
)
@pytest.mark.parametrize("path", [JWKS, METADATA])
def test_odd_headers_are_no_error_of_ours(path: str, headers: dict[str, str]) -> None:
    """The document, or a refusal: never a 500."""
    client = application(KEYS=[FIRST], ENCODE_ISSUER=ISSUER).test_client()
    assert client.get(path, headers=headers).status_code in (200, 304, 400, 412)


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match", "If-Range", "Range"])
@pytest.mark.parametrize("path", [JWKS, METADATA])
def test_a_long_list_of_conditions_is_not_taken_apart(path: str, name: str) -> None:
    """A cache sends the one ETag that it has: of a kilobyte and more the document is the answer."""
    client = application(KEYS=[FIRST], ENCODE_ISSUER=ISSUER).test_client()
    etag = client.get(path).headers["ETag"]
    for value in (f"{etag}, " + "a," * 500, "bytes=0-1," + "1-2," * 300):
        answer = client.get(path, headers={name: value})
        assert (answer.status_code, answer.headers["ETag"]) == (200, etag)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", [JWKS, METADATA])
def test_nothing_can_be_written(path: str, method: str) -> None:
    client = application(KEYS=[FIRST], ENCODE_ISSUER=ISSUER).test_client()
    assert client.open(path, method=method).status_code == 405
    assert client.head(path).data == b""
