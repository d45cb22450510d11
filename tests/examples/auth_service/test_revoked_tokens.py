"""The stores of revoked tokens: SQLite and Redis."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest
import redis
from flask import Flask
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import select

from examples.auth_service.database import Database, RevokedToken
from examples.auth_service.revoked_tokens import (
    RedisRevokedTokens,
    RevokedTokens,
    SqlRevokedTokens,
    StoreUnavailable,
    connect,
)
from examples.auth_service.tokens import CLOCK_DIFFERENCE, revoke
from flask_signet import create_access_token, decode_token
from tests.examples.auth_service.accounts import EMAIL, PASSWORD, MakeApp, bearer, log_in, register

TOKENS = "/api/v1/auth/tokens"
USERS = "/api/v1/auth/users"


@pytest.fixture(params=["sqlite", "redis"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    """The value of REDIS_URL for each kind of store."""
    return request.getfixturevalue("redis_url") if request.param == "redis" else None


@pytest.fixture
def store(store_url: str | None, tmp_path: Path) -> RevokedTokens:
    if store_url is not None:
        return RedisRevokedTokens(connect(store_url), prefix=f"test:{uuid.uuid4()}:")
    database = Database(f"sqlite:///{tmp_path / 'revoked.sqlite3'}")
    database.create_tables()
    return SqlRevokedTokens(database)


def entries(app: Flask) -> dict[str, int | None]:
    with app.extensions["auth_service"].database.session() as session:
        return {row.jti: row.expires_at for row in session.scalars(select(RevokedToken))}


def test_only_what_was_revoked_is_revoked(store: RevokedTokens) -> None:
    """A store knows the tokens that it was told, and no other."""
    store.revoke("one", int(time.time()) + 60)
    assert store.is_revoked("one")
    assert not store.is_revoked("another")


def test_revoking_twice_changes_nothing(store: RevokedTokens) -> None:
    """Two log-outs at the same time are no error."""
    for _ in range(2):
        store.revoke("one", int(time.time()) + 60)
    assert store.is_revoked("one")


def test_revocation_holds_in_the_whole_service(make_app: MakeApp, store_url: str | None) -> None:
    """A token revoked in one process is refused by another that shares the store."""
    one, other = (make_app(REDIS_URL=store_url).test_client() for _ in range(2))
    register(one)
    tokens = log_in(one)
    assert one.delete(TOKENS, headers=bearer(tokens["access_token"])).status_code == 204
    refused = other.get(USERS, headers=bearer(tokens["access_token"]))
    assert refused.status_code == 401
    assert refused.get_json() == {"msg": "Token has been revoked"}
    assert other.patch(TOKENS, headers=bearer(tokens["refresh_token"])).status_code == 201


def test_an_entry_lives_as_long_as_its_token(app: Flask) -> None:
    """In SQLite an entry ends with its token's exp, and a minute for the clocks."""
    client = app.test_client()
    register(client)
    token = log_in(client)["access_token"]
    client.delete(TOKENS, headers=bearer(token))
    with app.app_context():
        claims = decode_token(token)
    assert entries(app) == {claims["jti"]: claims["exp"] + CLOCK_DIFFERENCE}


def test_the_leeway_counts(make_app: MakeApp) -> None:
    """A token that the library takes for longer stays revoked for longer."""
    app = make_app(JWT_DECODE_LEEWAY=300)
    with app.app_context():
        revoke({"jti": "one", "exp": 2_000_000_000})
    assert entries(app) == {"one": 2_000_000_000 + 300 + CLOCK_DIFFERENCE}


def test_a_token_without_end_stays_revoked(app: Flask) -> None:
    """No exp, no end of the entry."""
    client = app.test_client()
    register(client)
    with app.app_context():
        token = create_access_token(identity=1, expires_delta=False)
        jti = decode_token(token)["jti"]
    assert client.delete(TOKENS, headers=bearer(token)).status_code == 204
    assert entries(app) == {jti: None}
    assert client.get(USERS, headers=bearer(token)).status_code == 401


def test_writing_prunes_what_has_expired(tmp_path: Path) -> None:
    """The table holds no more than the tokens that somebody could still use."""
    database = Database(f"sqlite:///{tmp_path / 'revoked.sqlite3'}")
    database.create_tables()
    store = SqlRevokedTokens(database)
    now = int(time.time())
    for jti, expires_at in (("past", now - 1), ("future", now + 60), ("endless", None)):
        store.revoke(jti, expires_at)
    store.revoke("new", now + 60)
    with database.session() as session:
        assert set(session.scalars(select(RevokedToken.jti))) == {"future", "endless", "new"}
    database.close()


def test_redis_drops_an_entry_with_its_token(make_app: MakeApp, redis_url: str) -> None:
    """In Redis an entry has the time to live of its token, and a minute for the clocks."""
    app = make_app(REDIS_URL=redis_url)
    client = app.test_client()
    register(client)
    token = log_in(client)["refresh_token"]
    client.delete(TOKENS, headers=bearer(token))
    with app.app_context():
        claims = decode_token(token)
    with redis.Redis.from_url(redis_url) as server:
        ttl = server.ttl(f"auth_service:revoked:{claims['jti']}")
    left = claims["exp"] + CLOCK_DIFFERENCE - time.time()
    assert left <= ttl + 1 <= left + 10


def test_redis_keeps_an_endless_entry(redis_url: str) -> None:
    """No exp, no time to live."""
    prefix = f"test:{uuid.uuid4()}:"
    with connect(redis_url) as client:
        store = RedisRevokedTokens(client, prefix)
        store.revoke("endless", None)
        assert store.is_revoked("endless")
        assert client.ttl(f"{prefix}endless") == -1
        client.delete(f"{prefix}endless")


def test_a_token_without_jti_is_refused(app: Flask) -> None:
    """What can't be looked up can't be trusted not to be revoked."""
    client = app.test_client()
    register(client)
    claims = {"sub": 1, "type": "access", "exp": int(time.time()) + 60}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(app.config["JWT_SECRET_KEY"]))
    answer = client.get(USERS, headers=bearer(token))
    assert answer.status_code == 401
    assert answer.get_json() == {"msg": "Token has been revoked"}


@pytest.mark.parametrize("trouble", ["closed_port", "silent_port"])
def test_without_redis_no_token_passes(
    make_app: MakeApp, request: pytest.FixtureRequest, trouble: str
) -> None:
    """Redis down or hanging: 503 with Retry-After, soon; and the login still works."""
    port = request.getfixturevalue(trouble)
    client = make_app(REDIS_URL=f"redis://127.0.0.1:{port}/0").test_client()
    register(client)
    tokens = log_in(client)
    before = time.monotonic()
    answers = [
        client.get(USERS, headers=bearer(tokens["access_token"])),
        client.patch(TOKENS, headers=bearer(tokens["refresh_token"])),
        client.delete(TOKENS, headers=bearer(tokens["access_token"])),
    ]
    assert time.monotonic() - before < 3 * 3
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert tokens["access_token"] not in answer.text


def test_without_redis_a_page_says_so(make_app: MakeApp, closed_port: int) -> None:
    """A browser gets a page, and keeps its cookies for later."""
    client = make_app(REDIS_URL=f"redis://127.0.0.1:{closed_port}/0").test_client()
    client.post("/register", data={"email": EMAIL, "password": PASSWORD})
    answer = client.get("/")
    assert answer.status_code == 503
    assert answer.mimetype == "text/html"
    assert client.get_cookie("access_token_cookie") is not None


def test_a_broken_table_lets_no_token_in(app: Flask) -> None:
    """Any failure of the database is a 503, for reading and for writing."""
    client = app.test_client()
    register(client)
    token = log_in(client)["access_token"]
    service = app.extensions["auth_service"]
    with service.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE revoked_token")
    answer = client.get(USERS, headers=bearer(token))
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    with pytest.raises(StoreUnavailable):
        service.revoked_tokens.revoke("one", None)
