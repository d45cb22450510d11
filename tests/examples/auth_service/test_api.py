"""The seed's API, route by route."""

from __future__ import annotations

import time

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_signet import create_access_token, decode_token
from tests.conftest import Clock
from tests.examples.auth_service.accounts import (
    EMAIL,
    PASSWORD,
    MakeApp,
    SessionsOf,
    bearer,
    log_in,
    register,
)

TOKENS = "/api/v1/auth/tokens"
SESSIONS = "/api/v1/auth/sessions"
USERS = "/api/v1/auth/users"


def test_registering_answers_201_with_the_user(client: FlaskClient) -> None:
    """The new user has an id, the address, the role "user" and a moment, and no password."""
    user = register(client)
    assert set(user) == {"id", "email", "roles", "created"}
    assert (user["id"], user["email"], user["roles"]) == (1, EMAIL, ["user"])
    assert user["created"].endswith("+00:00")


@pytest.mark.parametrize("email", [EMAIL, EMAIL.upper()])
def test_a_taken_address_is_a_409(client: FlaskClient, email: str) -> None:
    """One address is one user, however it is capitalised."""
    register(client)
    answer = client.post(USERS, json={"email": email, "password": PASSWORD})
    assert answer.status_code == 409
    assert answer.get_json() == {"msg": "This e-mail address is taken."}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": PASSWORD}, "email"),
        ({"email": "nobody", "password": PASSWORD}, "email"),
        ({"email": "a\x00b@example.org", "password": PASSWORD}, "email"),
        ({"email": "a\ud800@example.org", "password": PASSWORD}, "email"),
        ({"email": f"{'a' * 250}@example.org", "password": PASSWORD}, "email"),
        ({"email": ["a@example.org"], "password": PASSWORD}, "email"),
        ({"email": EMAIL}, "password"),
        ({"email": EMAIL, "password": "short"}, "password"),
        ({"email": EMAIL, "password": 12345678}, "password"),
        ({"email": EMAIL, "password": None}, "password"),
        ({"email": EMAIL, "password": "a" * 1025}, "password"),
        ({"email": EMAIL, "password": "\udfff" * 8}, "password"),
        ({"email": EMAIL, "password": PASSWORD, "roles": ["admin"]}, "roles"),
        ([], "_schema"),
        ("text", "_schema"),
    ],
)
def test_bad_input_is_a_422_that_names_the_field(
    client: FlaskClient, body: object, field: str
) -> None:
    """Each field that does not fit is named, and nobody is registered."""
    answer = client.post(USERS, json=body)
    assert answer.status_code == 422
    assert list(answer.get_json()["errors"]["json"]) == [field]


@pytest.mark.parametrize("path", [USERS, TOKENS])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 50_000, b"1" * 5000, b'{"email": "\xff"}'], ids=range(5)
)
def test_what_is_no_json_is_a_400(client: FlaskClient, path: str, body: bytes) -> None:
    """Broken, endless or bottomless JSON is refused with words, and never a 500."""
    answer = client.post(path, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json() == {"msg": "The body is not JSON, or is nested too deeply."}


def test_a_form_is_a_415(client: FlaskClient) -> None:
    """The API takes JSON only, which no plain form of another site can send."""
    assert client.post(TOKENS, data={"email": EMAIL, "password": PASSWORD}).status_code == 415


def test_a_long_body_is_a_413(client: FlaskClient) -> None:
    """More than 64 KiB is not read."""
    body = {"email": EMAIL, "password": "a" * 70_000}
    assert client.post(TOKENS, json=body).status_code == 413


def test_logging_in_gives_both_tokens(app: Flask, client: FlaskClient) -> None:
    """A login answers 201 with an access token for 15 minutes and a refresh token for 7 days."""
    register(client)
    tokens = log_in(client)
    assert set(tokens) == {"access_token", "refresh_token"}
    with app.app_context():
        access, refresh = (decode_token(token) for token in tokens.values())
    assert (access["type"], access["exp"] - access["iat"]) == ("access", 15 * 60)
    assert (refresh["type"], refresh["exp"] - refresh["iat"]) == ("refresh", 7 * 24 * 60 * 60)


def test_the_identity_is_the_primary_key(app: Flask, client: FlaskClient) -> None:
    """The identity in the token is the user's integer id, and stays one."""
    register(client, "first@example.org")
    user = register(client)
    with app.app_context():
        identity = decode_token(log_in(client)["access_token"])["sub"]
    assert identity == user["id"] == 2
    assert type(identity) is int


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "a house on the hilL"),
        (EMAIL, PASSWORD[:-1]),
        (EMAIL, PASSWORD + "\x00"),
        (EMAIL, ""),
        ("nobody@example.org", PASSWORD),
        ("nobody", PASSWORD),
        ("", PASSWORD),
    ],
)
def test_wrong_user_and_wrong_password_have_one_answer(
    client: FlaskClient, email: str, password: str
) -> None:
    """Whoever tries can't tell from the answer whether the address is registered."""
    register(client)
    answer = client.post(TOKENS, json={"email": email, "password": password})
    assert answer.status_code == 401
    assert answer.get_json() == {"msg": "Wrong e-mail address or password."}
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_access_token_shows_its_user(client: FlaskClient) -> None:
    """GET users answers with the user whose token it is, the roles included."""
    register(client, "first@example.org")
    user = register(client)
    answer = client.get(USERS, headers=bearer(log_in(client)["access_token"]))
    assert answer.status_code == 200
    assert answer.get_json() == user


def test_the_refresh_token_gets_the_next_pair(client: FlaskClient) -> None:
    """PATCH tokens answers 201 with both next tokens of the same user."""
    user = register(client)
    answer = client.patch(TOKENS, headers=bearer(log_in(client)["refresh_token"]))
    assert answer.status_code == 201
    assert set(answer.get_json()) == {"access_token", "refresh_token"}
    shown = client.get(USERS, headers=bearer(answer.get_json()["access_token"]))
    assert shown.get_json() == user


def test_each_token_has_its_own_use(client: FlaskClient) -> None:
    """An access token does not refresh, and a refresh token opens nothing."""
    register(client)
    tokens = log_in(client)
    wrong_refresh = client.patch(TOKENS, headers=bearer(tokens["access_token"]))
    wrong_access = client.get(USERS, headers=bearer(tokens["refresh_token"]))
    assert wrong_refresh.get_json() == {"msg": "Only refresh tokens are allowed"}
    assert wrong_access.get_json() == {"msg": "Only non-refresh tokens are allowed"}
    assert wrong_refresh.status_code == wrong_access.status_code == 422


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_logging_out_ends_both_tokens(client: FlaskClient, kind: str) -> None:
    """DELETE tokens, with either token, answers 204, and from then on neither is good."""
    register(client)
    ended, other = log_in(client), log_in(client)
    answer = client.delete(TOKENS, headers=bearer(ended[kind]))
    assert (answer.status_code, answer.data) == (204, b"")
    for refused in (
        client.get(USERS, headers=bearer(ended["access_token"])),
        client.patch(TOKENS, headers=bearer(ended["refresh_token"])),
    ):
        assert refused.status_code == 401
        assert refused.get_json() == {"msg": "Token has been revoked"}
    # Whoever is logged out may log out: there is nothing to keep.
    assert client.delete(TOKENS, headers=bearer(ended[kind])).status_code == 204
    assert client.get(USERS, headers=bearer(other["access_token"])).status_code == 200
    assert client.patch(TOKENS, headers=bearer(other["refresh_token"])).status_code == 201


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_one_can_log_out_with_an_expired_token(
    ticking: Clock, client: FlaskClient, kind: str
) -> None:
    """The session ends by a token that is good for nothing else any more."""
    register(client)
    tokens = log_in(client)
    ticking.tick(7 * 24 * 60 * 60 - 60)  # the refresh token has a minute left
    newer = client.patch(TOKENS, headers=bearer(tokens["refresh_token"])).get_json()
    ticking.tick(16 * 60)
    expired = tokens[kind] if kind == "refresh_token" else newer[kind]
    assert client.delete(TOKENS, headers=bearer(expired)).status_code == 204
    refused = client.patch(TOKENS, headers=bearer(newer["refresh_token"]))
    assert refused.get_json() == {"msg": "Token has been revoked"}


def test_a_session_ends_after_7_days_unused_and_after_90_in_any_case(
    ticking: Clock, client: FlaskClient
) -> None:
    """Each refresh puts the end off by 7 days, but none beyond the 90th day."""
    day = 24 * 60 * 60
    register(client)
    left, kept = (log_in(client)["refresh_token"] for _ in range(2))
    for _ in range(14):
        ticking.tick(6.4 * day)
        answer = client.patch(TOKENS, headers=bearer(kept))
        assert answer.status_code == 201
        kept = answer.get_json()["refresh_token"]
    assert client.patch(TOKENS, headers=bearer(left)).status_code == 401
    ticking.tick(0.4 * day)  # the last refresh was on day 89.6
    assert client.patch(TOKENS, headers=bearer(kept)).status_code == 401


def test_a_used_refresh_token_ends_the_session(client: FlaskClient) -> None:
    """A refresh token that was replaced before the grace is stolen goods: both are out."""
    register(client)
    first = log_in(client)
    second = client.patch(TOKENS, headers=bearer(first["refresh_token"])).get_json()
    third = client.patch(TOKENS, headers=bearer(second["refresh_token"])).get_json()
    client.application.config["JWT_REFRESH_REUSE_GRACE"] = 1e-6  # as if the grace were over
    assert client.patch(TOKENS, headers=bearer(first["refresh_token"])).status_code == 401
    assert client.patch(TOKENS, headers=bearer(third["refresh_token"])).status_code == 401
    assert client.get(USERS, headers=bearer(third["access_token"])).status_code == 401


def test_one_sees_and_ends_one_s_sessions(client: FlaskClient) -> None:
    """GET sessions lists them and marks the current one; each can be ended, and all at once."""
    register(client)
    register(client, "eve@example.org")
    eve = log_in(client, "eve@example.org")
    here, there, elsewhere = (log_in(client) for _ in range(3))
    found = client.get(SESSIONS, headers=bearer(here["access_token"])).get_json()
    assert [session["current"] for session in found] == [False, False, True]
    sid = found[1]["sid"]
    refused = client.delete(f"{SESSIONS}/{sid}", headers=bearer(eve["access_token"]))
    assert refused.status_code == 404
    assert client.get(USERS, headers=bearer(there["access_token"])).status_code == 200
    ended = client.delete(f"{SESSIONS}/{sid}", headers=bearer(here["access_token"]))
    assert ended.status_code == 204
    assert client.get(USERS, headers=bearer(there["access_token"])).status_code == 401
    others = client.delete(f"{SESSIONS}?others=true", headers=bearer(here["access_token"]))
    assert others.status_code == 204
    assert client.get(USERS, headers=bearer(elsewhere["access_token"])).status_code == 401
    assert client.get(USERS, headers=bearer(here["access_token"])).status_code == 200
    assert client.delete(SESSIONS, headers=bearer(here["access_token"])).status_code == 204
    assert client.get(USERS, headers=bearer(here["access_token"])).status_code == 401
    assert client.get(USERS, headers=bearer(eve["access_token"])).status_code == 200


def test_the_refresh_of_a_disabled_user_ends_the_session(
    app: Flask, client: FlaskClient, sessions_of: SessionsOf
) -> None:
    """Also without the command: whoever may not log in may not go on, nor after being enabled."""
    register(client)
    tokens = log_in(client)
    accounts = app.extensions["auth_service"].accounts
    accounts.disable(EMAIL)
    assert len(sessions_of(1)) == 1
    assert client.patch(TOKENS, headers=bearer(tokens["refresh_token"])).status_code == 401
    assert sessions_of(1) == []
    accounts.enable(EMAIL)
    assert client.patch(TOKENS, headers=bearer(tokens["refresh_token"])).status_code == 401
    assert client.get(USERS, headers=bearer(tokens["access_token"])).status_code == 401


def test_the_state_of_a_user_is_asked_at_a_refresh(
    app: Flask, client: FlaskClient, sessions_of: SessionsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only a refresh asks ends the session as well."""
    register(client)
    tokens = log_in(client)
    asked: list[int] = []
    monkeypatch.setattr(
        app.extensions["flask-signet"][""].manager.callbacks, "user_state", asked.append
    )
    assert client.patch(TOKENS, headers=bearer(tokens["refresh_token"])).status_code == 401
    assert asked == [1]
    assert sessions_of(1) == []


def test_a_session_tells_its_device_and_address(make_app: MakeApp) -> None:
    """The device is named after what its browser says; behind a proxy the address is its own."""
    firefox = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
    headers = {"User-Agent": firefox, "X-Forwarded-For": "192.0.2.1, 198.51.100.7"}
    for proxies, address in ((None, "127.0.0.1"), ("1", "198.51.100.7"), ("2", "192.0.2.1")):
        client = make_app(AUTH_SERVICE_PROXIES=proxies).test_client()
        email = f"ada{proxies}@example.org"
        register(client, email)
        body = {"email": email, "password": PASSWORD}
        token = client.post(TOKENS, json=body, headers=headers).get_json()["access_token"]
        [session] = client.get(SESSIONS, headers=bearer(token)).get_json()
        assert session["label"] == "Firefox on Windows"
        assert (session["user_agent"], session["address"]) == (firefox, address)


def test_a_disabled_user_is_out_until_enabled(app: Flask, client: FlaskClient) -> None:
    """The command ends the sessions, refuses the tokens and the log-in, and can be undone."""
    register(client)
    tokens = log_in(client)
    run = app.test_cli_runner().invoke
    assert run(args=["users", "disable", EMAIL.upper()]).exit_code == 0
    assert client.get(USERS, headers=bearer(tokens["access_token"])).status_code == 401
    assert client.patch(TOKENS, headers=bearer(tokens["refresh_token"])).status_code == 401
    refused = client.post(TOKENS, json={"email": EMAIL, "password": PASSWORD})
    assert refused.get_json() == {"msg": "Wrong e-mail address or password."}
    assert run(args=["users", "disable", EMAIL]).exit_code == 0
    assert run(args=["users", "enable", EMAIL]).exit_code == 0
    assert client.get(USERS, headers=bearer(log_in(client)["access_token"])).status_code == 200
    assert client.patch(TOKENS, headers=bearer(tokens["refresh_token"])).status_code == 401
    unknown = run(args=["users", "disable", "nobody@example.org"])
    assert (unknown.exit_code, unknown.output) == (
        1,
        "Error: nobody is registered with nobody@example.org\n",
    )


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", USERS, "Missing JWT in headers or cookies"),
        ("GET", SESSIONS, "Missing JWT in headers or cookies"),
        ("PATCH", TOKENS, "Missing JWT in headers or cookies"),
        ("DELETE", TOKENS, "There is no token to log out"),
    ],
)
def test_without_a_token_the_api_answers_as_the_library_does(
    client: FlaskClient, method: str, path: str, message: str
) -> None:
    """The API never redirects: no token is a 401 in JSON."""
    answer = client.open(path, method=method)
    assert answer.status_code == 401
    assert answer.get_json()["msg"].startswith(message)


def test_a_foreign_token_is_refused(client: FlaskClient) -> None:
    """A token with another signature is a 422, the default of the library."""
    register(client)
    head, payload, _ = log_in(client)["access_token"].split(".")
    answer = client.get(USERS, headers=bearer(f"{head}.{payload}.{'A' * 43}"))
    assert answer.status_code == 422
    assert answer.get_json() == {"msg": "Signature verification failed"}


def test_an_expired_token_is_refused(app: Flask, client: FlaskClient) -> None:
    """An access token past its end is a 401 in JSON."""
    register(client)
    with app.app_context():
        past = {"exp": int(time.time()) - 10}
        token = create_access_token(identity=1, additional_claims=past)
    answer = client.get(USERS, headers=bearer(token))
    assert answer.status_code == 401
    assert answer.get_json() == {"msg": "Token has expired"}


def test_a_deleted_user_is_out(app: Flask, client: FlaskClient) -> None:
    """The token of a user who is gone opens nothing, also when a new user has come."""
    register(client)
    tokens = log_in(client)
    with app.extensions["auth_service"].database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM users")
    assert register(client, "next@example.org")["id"] == 2
    answer = client.get(USERS, headers=bearer(tokens["access_token"]))
    assert answer.status_code == 401
    assert answer.get_json() == {"msg": "Error loading the user 1"}
    assert client.patch(TOKENS, headers=bearer(tokens["refresh_token"])).status_code == 401


def test_no_cache_keeps_an_answer(client: FlaskClient) -> None:
    """Each answer with a token or a user, and each refusal, carries no-store and no-cache."""
    register(client)
    body = {"email": EMAIL, "password": PASSWORD}
    tokens = client.post(TOKENS, json=body)
    answers = [
        tokens,
        client.patch(TOKENS, headers=bearer(tokens.get_json()["refresh_token"])),
        client.get(USERS, headers=bearer(tokens.get_json()["access_token"])),
        client.post(TOKENS, json=body | {"password": "wrong"}),
        client.get(USERS),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 200, 401, 401]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Pragma"] == "no-cache"


def test_a_cookie_needs_the_csrf_header(client: FlaskClient) -> None:
    """A script of our own pages may use the cookie with the API; without the header, 401."""
    client.post("/register", data={"email": EMAIL, "password": PASSWORD})
    assert client.get(USERS).status_code == 200
    assert client.delete(TOKENS).status_code == 401
    cookie = client.get_cookie("csrf_access_token")
    assert cookie is not None
    assert client.delete(TOKENS, headers={"X-CSRF-TOKEN": cookie.value}).status_code == 204


def test_a_database_that_is_gone_is_a_503(
    make_app: MakeApp, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without its database the service says so, and when to come back."""
    folder = tmp_path_factory.mktemp("database")
    path = folder / "users.sqlite3"
    app = make_app(AUTH_SERVICE_DATABASE=f"sqlite:///{path}")
    client = app.test_client()
    register(client)
    token = log_in(client)["access_token"]
    app.extensions["auth_service"].database.close()
    for file in folder.iterdir():
        file.unlink()
    path.mkdir()
    answers = [
        client.post(TOKENS, json={"email": EMAIL, "password": PASSWORD}),
        client.get(USERS, headers=bearer(token)),
    ]
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert set(answer.get_json()) == {"msg"}
