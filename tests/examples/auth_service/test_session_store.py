"""The session store of the service: any of them by one variable, and what happens without it."""

from __future__ import annotations

import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from examples.auth_service.session_store import place
from tests.examples.auth_service.accounts import (
    EMAIL,
    PASSWORD,
    MakeApp,
    bearer,
    log_in,
    register,
)
from tests.examples.auth_service.running import Running, serving
from tests.examples.auth_service.test_service import request
from tests.stores.databases import own_database
from tests.stores.proxy import Proxy
from tests.stores.redis_servers import Server

TOKENS = "/api/v1/auth/tokens"
USERS = "/api/v1/auth/users"
SESSIONS = "/api/v1/auth/sessions"


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis that nobody else uses: a URL can't tell two services on one apart."""
    server = Server(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql", "mysql", "redis"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A store of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}"
    elif request.param == "redis":
        yield request.getfixturevalue("own_redis")
    else:
        with own_database(request.getfixturevalue(f"{request.param}_url")) as url:
            yield url


def test_the_service_runs_unchanged_on_every_store(tmp_path: Path, store_url: str) -> None:
    """One variable names the store; both workers list, rotate and refuse alike."""
    with serving(tmp_path / "instance", AUTH_SERVICE_STORE=store_url) as service:
        credentials = {"email": f"{uuid.uuid4()}@example.org", "password": PASSWORD}
        assert request(service, "POST", USERS, credentials)[0] == 201
        first, other, third = (request(service, "POST", TOKENS, credentials)[1] for _ in range(3))
        status, second = request(service, "PATCH", TOKENS, token=first["refresh_token"])
        assert status == 201
        status, listed = request(service, "GET", SESSIONS, token=second["access_token"])
        assert (status, [session["current"] for session in listed]) == (200, [False, False, True])
        here = f"{SESSIONS}/{listed[0]['sid']}"
        assert request(service, "DELETE", here, token=second["access_token"])[0] == 204
        assert request(service, "DELETE", TOKENS, token=second["access_token"])[0] == 204
        if store_url.startswith("postgresql"):
            # It sends its announcements a moment after it has acknowledged the commit.
            _until_both_workers_know(service, second["access_token"])
        for _ in range(10):  # each of these may be answered by either worker
            for ended in (first, second, third):
                assert request(service, "GET", USERS, token=ended["access_token"])[0] == 401
            assert request(service, "GET", USERS, token=other["access_token"])[0] == 200
        for ended in (second, third):
            assert request(service, "PATCH", TOKENS, token=ended["refresh_token"])[0] == 401
        assert request(service, "PATCH", TOKENS, token=other["refresh_token"])[0] == 201


def _until_both_workers_know(service: Running, token: str) -> None:
    """Until many answers in a row refuse it; in no more time than a process may lag behind."""
    end, refused = time.monotonic() + 10, 0
    while refused < 20:
        assert time.monotonic() < end
        status, _ = request(service, "GET", USERS, token=token)
        refused = refused + 1 if status == 401 else 0


@pytest.mark.parametrize("variable", ["AUTH_SERVICE_STORE", "REDIS_URL"])
def test_two_services_on_one_redis_know_of_each_other_at_the_next_check(
    tmp_path: Path, own_redis: str, variable: str
) -> None:
    """What is revoked through one process is refused by the other, and the other way round."""
    instance = tmp_path / "instance"  # of one secret and one table of users
    credentials = {"email": f"{uuid.uuid4()}@example.org", "password": PASSWORD}
    with (
        serving(instance, "--dev", **{variable: own_redis}) as here,
        serving(instance, "--dev", **{variable: own_redis}) as there,
    ):
        assert request(here, "POST", USERS, credentials)[0] == 201
        for one, another in ((here, there), (there, here)):
            pair = request(one, "POST", TOKENS, credentials)[1]
            token = pair["access_token"]
            assert request(another, "GET", USERS, token=token)[0] == 200
            assert request(one, "DELETE", TOKENS, token=token)[0] == 204
            assert request(another, "GET", USERS, token=token)[0] == 401
            assert request(another, "PATCH", TOKENS, token=pair["refresh_token"])[0] == 401


def test_the_default_store_is_a_file_of_the_owner_s(app: Flask, client: FlaskClient) -> None:
    """Without a variable the sessions are in SQLite, in the instance folder, mode 600."""
    register(client)
    log_in(client)
    path = Path(app.instance_path) / "sessions.sqlite3"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_store_that_lost_everything_logs_everybody_out_and_says_so(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """The first store is no word; a second one refuses the tokens of the first."""
    app = make_app()
    client = app.test_client()
    register(client)
    before = log_in(client)
    assert "empty" not in caplog.text
    app.extensions["auth_service"].close()
    for file in Path(app.instance_path).glob("sessions.sqlite3*"):
        file.unlink()
    client = make_app().test_client()
    assert "sessions.sqlite3 is empty" in caplog.text
    assert client.get(USERS, headers=bearer(before["access_token"])).status_code == 401
    assert client.patch(TOKENS, headers=bearer(before["refresh_token"])).status_code == 401
    after = log_in(client)
    assert client.get(USERS, headers=bearer(after["access_token"])).status_code == 200


@pytest.mark.parametrize("name", ["sessions.sqlite3?timeout=5", "our%20sessions.sqlite3"])
def test_a_file_named_in_a_url_is_the_owner_s_too(
    make_app: MakeApp, tmp_path: Path, name: str
) -> None:
    """However the URL spells it, the file that holds the sessions has mode 600, and no other."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    register(make_app(AUTH_SERVICE_STORE=f"sqlite:///{folder}/{name}").test_client())
    modes = {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes == {0o600}
    assert (
        len({file.name.removesuffix("-wal").removesuffix("-shm") for file in folder.iterdir()}) == 1
    )


def test_a_locked_store_is_a_503_for_what_must_be_written(app: Flask, client: FlaskClient) -> None:
    """A log-out that could not be written is none; what is only read is answered."""
    register(client)
    token = log_in(client)["access_token"]
    with app.extensions["auth_service"].store.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        answer = client.delete(TOKENS, headers=bearer(token))
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert set(answer.get_json()) == {"msg"}
        assert client.get(USERS, headers=bearer(token)).status_code == 200
        connection.exec_driver_sql("ROLLBACK")
    assert client.delete(TOKENS, headers=bearer(token)).status_code == 204


@pytest.mark.parametrize("way", ["stop", "stall"])
def test_without_the_store_nobody_gets_in_and_nobody_waits_long(
    make_app: MakeApp, own_redis: str, way: str
) -> None:
    """Down or hanging: 503 with Retry-After, as JSON for a program, as a page for a browser."""
    parts = urlsplit(own_redis)
    proxy = Proxy(str(parts.hostname), parts.port or 6379)
    app = make_app(AUTH_SERVICE_STORE=f"redis://127.0.0.1:{proxy.port}{parts.path}")
    client = app.test_client()
    email = f"{uuid.uuid4()}@example.org"
    register(client, email)
    tokens = log_in(client, email)
    browser = app.test_client()
    assert browser.post("/login", data={"email": email, "password": PASSWORD}).status_code == 303
    assert client.get(USERS, headers=bearer(tokens["access_token"])).status_code == 200
    app.extensions["flask-signet"][""].signet().doubt()  # it must ask at its next check
    getattr(proxy, way)()
    begun = time.monotonic()
    answers = [
        client.get(USERS, headers=bearer(tokens["access_token"])),
        client.patch(TOKENS, headers=bearer(tokens["refresh_token"])),
        client.delete(TOKENS, headers=bearer(tokens["access_token"])),
        client.post(TOKENS, json={"email": email, "password": PASSWORD}),
        client.post("/login", data={"email": email, "password": PASSWORD}),
        *(browser.get(path) for path in ("/", "/sessions", "/renew")),
    ]
    assert time.monotonic() - begun < 3 * len(answers)  # each within 2 s, on a busy machine
    assert [answer.status_code for answer in answers] == [503] * 8
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert [answer.mimetype for answer in answers] == ["application/json"] * 4 + ["text/html"] * 4
    assert all("Set-Cookie" not in answer.headers for answer in answers)
    proxy.resume()
    proxy.close()


def test_the_place_of_a_store_has_no_password_in_it() -> None:
    """What a message shows of the URL is where, not who."""
    assert place("redis://me:word@host:6379/0") == "redis://host:6379/0"
    assert place("redis://me:w/o@rd@host/0?password=word") == "redis://host/0"
    assert place("redis//me:word@host") == "(no URL)"
    assert EMAIL not in place(f"postgresql://{EMAIL}:word@host/sessions")
