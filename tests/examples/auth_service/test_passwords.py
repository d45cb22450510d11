"""How passwords are kept and compared."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type
from argon2.profiles import CHEAPEST
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from examples.auth_service.config import Config
from examples.auth_service.database import User
from examples.auth_service.passwords import RUNNING, WAITING, Passwords, TooManyLogins
from examples.auth_service.server import THREADS
from tests.examples.auth_service.accounts import EMAIL, PASSWORD, MakeApp, log_in, register

TOKENS = "/api/v1/auth/tokens"


def stored_hash(app: Flask) -> str:
    with app.extensions["auth_service"].database.session() as session:
        return session.scalars(select(User.password_hash)).one()


def test_the_default_is_the_low_memory_profile_of_rfc_9106() -> None:
    """Argon2id with 64 MiB, 3 passes and 4 lanes, more than OWASP's minimum of 19 MiB and 2."""
    parameters = extract_parameters(Config.AUTH_SERVICE_PASSWORD_HASHER.hash("x"))
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (65536, 3, 4)


def test_only_the_hash_is_stored(app: Flask, client: FlaskClient) -> None:
    """The password itself is nowhere in the database's file."""
    register(client)
    assert stored_hash(app).startswith("$argon2id$")
    files = list(Path(app.instance_path).iterdir())
    assert files
    for file in files:
        assert PASSWORD.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    "password", ["x" * 64, "x" * 1024, "\N{GRINNING FACE}" * 1024, "null \x00 inside", " spaces "]
)
def test_a_password_is_taken_whole(client: FlaskClient, password: str) -> None:
    """Long passwords, NUL and spaces count to the last character."""
    register(client, password=password)
    assert set(log_in(client, password=password)) == {"access_token", "refresh_token"}
    for other in (password[:-1], password[:-1] + "?"):
        answer = client.post(TOKENS, json={"email": EMAIL, "password": other})
        assert answer.status_code == 401


def test_a_password_is_the_same_in_any_normal_form(client: FlaskClient) -> None:
    """é is é, typed as one character or as two."""
    register(client, password="caf\u00e9 au lait")
    log_in(client, password="cafe\u0301 au lait")


def test_too_long_a_password_is_a_422_at_the_login_too(client: FlaskClient) -> None:
    """The limit of 1024 characters is named, and the same for everybody."""
    register(client)
    for email in (EMAIL, "nobody@example.org"):
        answer = client.post(TOKENS, json={"email": email, "password": "x" * 1025})
        assert answer.status_code == 422
        assert "1024" in answer.get_json()["errors"]["json"]["password"][0]


def test_a_login_renews_an_old_hash(make_app: MakeApp) -> None:
    """After the parameters have changed, the next login stores a hash with the new ones."""
    old, new = (
        PasswordHasher(time_cost=passes, memory_cost=8, parallelism=1, hash_len=16)
        for passes in (1, 2)
    )
    client = make_app(AUTH_SERVICE_PASSWORD_HASHER=old).test_client()
    register(client)
    app = make_app(AUTH_SERVICE_PASSWORD_HASHER=new)
    assert extract_parameters(stored_hash(app)).time_cost == 1
    log_in(app.test_client())
    renewed = stored_hash(app)
    assert extract_parameters(renewed).time_cost == 2
    log_in(app.test_client())
    assert stored_hash(app) == renewed


class CountingHasher(PasswordHasher):
    """Counts the hashes, and how many were computed at the same time."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.lock = threading.Lock()
        self.verified: list[str] = []
        self.now = self.most = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002  # argon2's
        with self.lock:
            self.verified.append(str(hash))
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            return super().verify(hash, password)
        finally:
            with self.lock:
                self.now -= 1


def test_an_unknown_user_costs_as_much_as_a_wrong_password(make_app: MakeApp) -> None:
    """In both cases exactly one password is verified, against a hash with the same parameters."""
    hasher = CountingHasher()
    client = make_app(AUTH_SERVICE_PASSWORD_HASHER=hasher).test_client()
    register(client)
    for email in (EMAIL, "nobody@example.org"):
        client.post(TOKENS, json={"email": email, "password": "wrong"})
    known, unknown = hasher.verified
    assert known != unknown
    assert extract_parameters(known) == extract_parameters(unknown)


def test_nobody_s_hash_lets_nobody_in() -> None:
    """Also the password behind the dummy hash opens nothing."""

    class TakesAll(CountingHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002  # argon2's
            return True

    assert Passwords(TakesAll()).verify("anything", None) is False


def test_200_logins_hash_a_few_at_a_time() -> None:
    """However many log in, a process never computes more hashes than it has memory for."""
    hasher = CountingHasher()
    passwords = Passwords(hasher, running=2, waiting=198)
    password_hash = passwords.hash(PASSWORD)
    with ThreadPoolExecutor(200) as pool:
        right = list(pool.map(lambda _: passwords.verify(PASSWORD, password_hash), range(200)))
    assert right == [True] * 200
    assert len(hasher.verified) == 200
    assert hasher.most <= 2


def test_a_full_queue_refuses_at_once() -> None:
    """A login that would have to wait too long is a 503 with Retry-After, not a blocked thread."""
    started, go_on = threading.Event(), threading.Event()

    class Slow(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002  # argon2's
            started.set()
            return go_on.wait(30)

    passwords = Passwords(Slow.from_parameters(CHEAPEST), running=1, waiting=0)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(passwords.verify, "x", "hash")
        assert started.wait(30)
        with pytest.raises(TooManyLogins) as refused:
            passwords.verify("x", "hash")
        go_on.set()
        assert first.result(30) is True
    assert refused.value.code == 503
    assert ("Retry-After", "1") in refused.value.get_headers()


def test_a_crowd_at_the_login_leaves_threads_for_others() -> None:
    """A worker has more threads than logins that may hash or wait."""
    assert RUNNING + WAITING < THREADS
