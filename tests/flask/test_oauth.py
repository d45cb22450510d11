"""Revocation (RFC 7009) and introspection (RFC 7662) for other services."""

import hmac
import io
import json
import time
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from flask import Blueprint, Flask, jsonify
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    create_refresh_token,
    create_token_pair,
    end_sessions,
    get_jwt_identity,
    jwt_required,
    oauth_blueprint,
    rotate_refresh_token,
)
from flask_signet.flask.oauth import endpoints_of
from flask_signet.signals import token_reused, token_revoked
from tests.applications import signed
from tests.conftest import Clock
from tests.issuers import ISSUER, Web, jwks, metadata
from tests.issuers import pair as key_pair
from tests.issuers import token as token_of_issuer
from tests.jose.effort import examples

SECRET = "KpXn2mVt8wQzR5yH3bJf7cLs9dGa4eNu6iTo1qWx0kY"
CLIENT = ("orders", "p %+:&=\"'~pass")
FORM = "application/x-www-form-urlencoded"
CLOSED = "redis://127.0.0.1:1/0"  # nothing listens at port 1


def authenticate_client(client_id: str, client_secret: str) -> bool:
    # As text, so that it raises for what is not ASCII: none of that may come here.
    return hmac.compare_digest(client_id, CLIENT[0]) & hmac.compare_digest(client_secret, CLIENT[1])


def application(authenticate: Any = authenticate_client, **options: Any) -> Flask:
    """An application with both endpoints. Options are written without their prefix `JWT_`."""
    app = Flask("oauth")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_SESSION_STORE="memory://")
    app.config.update({f"JWT_{name}": value for name, value in options.items()})
    JWTManager(app)
    app.register_blueprint(oauth_blueprint(authenticate))

    @app.get("/me")
    @jwt_required()
    def me() -> Any:
        return jsonify(get_jwt_identity())

    @app.post("/refresh")
    def refresh() -> Any:
        return jsonify(rotate_refresh_token()._asdict())

    return app


def basic(client_id: str = CLIENT[0], client_secret: str = CLIENT[1]) -> dict[str, str]:
    """HTTP Basic with both parts encoded as in a form (RFC 6749 section 2.3.1)."""
    both = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return {"Authorization": f"Basic {b64encode(both.encode()).decode()}"}


def ask(app: Flask, what: str, token: str, **form: str) -> TestResponse:
    return app.test_client().post(f"/oauth/{what}", data={"token": token, **form}, headers=basic())


def revoke(app: Flask, token: str, **form: str) -> None:
    answer = ask(app, "revoke", token, **form)
    assert (answer.status_code, answer.data) == (200, b""), answer.data


def introspected(app: Flask, token: str, **form: str) -> dict[str, Any]:
    answer = ask(app, "introspect", token, **form)
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.data)
    return found


def is_active(app: Flask, token: str) -> bool:
    found = introspected(app, token)
    # RFC 7662 section 2.2: of what is not active nothing else is said.
    assert found["active"] is True or found == {"active": False}
    return found["active"] is True


def as_bearer(app: Flask, method: str, path: str, token: str) -> TestResponse:
    return app.test_client().open(path, method=method, headers={"Authorization": f"Bearer {token}"})


def is_let_in(app: Flask, token: str) -> bool:
    return as_bearer(app, "GET", "/me", token).status_code == 200


def login(app: Flask, identity: str = "ada") -> Any:
    with app.app_context():
        return create_token_pair(identity)


# ── who asks ─────────────────────────────────────────────────────────────────────────────

BOTH = pytest.mark.parametrize("what", ["revoke", "introspect"])


def refusal(answer: TestResponse) -> tuple[int, str]:
    """Status and code of an error, which has the form of RFC 6749 section 5.2."""
    body = answer.get_json()
    assert set(body) == {"error", "error_description"}
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    challenge = answer.headers.get("WWW-Authenticate")
    assert challenge == ('Basic realm="oauth"' if answer.status_code == 401 else None)
    return answer.status_code, body["error"]


@BOTH
def test_a_client_authenticates_by_basic_or_in_the_form(what: str) -> None:
    """With any printable ASCII in its secret (RFC 6749 section 2.3.1)."""
    client = application().test_client()
    form = {"token": "x", "client_id": CLIENT[0], "client_secret": CLIENT[1]}
    for sent in (
        {"data": {"token": "x"}, "headers": basic()},
        {"data": {"token": "x", "client_id": CLIENT[0]}, "headers": basic()},
        {"data": form},
        {"data": urlencode(form), "content_type": FORM},
    ):
        answer = client.post(f"/oauth/{what}", **sent)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_plain_secret_need_not_be_encoded() -> None:
    """Many clients don't; without `%` and `+` in a secret it makes no difference."""
    app = application(lambda *found: found == ("orders", "p.a-s_s/w=rd:1"))
    both = b64encode(b"orders:p.a-s_s/w=rd:1").decode()
    answer = app.test_client().post(
        "/oauth/introspect", data={"token": "x"}, headers={"Authorization": f"Basic {both}"}
    )
    assert answer.json == {"active": False}


def encoded(text: bytes) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(text).decode()}"}


@BOTH
@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("orders", "wrong"),
        basic("other"),
        basic("", ""),
        basic("orders", ""),
        basic("ord\N{LATIN SMALL LETTER E WITH ACUTE}rs"),
        basic("orders\0", CLIENT[1] + "\n"),
        encoded(b"orders"),
        encoded(b"%ff:%ff"),
        encoded(b"\xff\xfe:x"),
        encoded("\N{SNOWMAN}:\ud800".encode("utf-8", "surrogatepass")),
        encoded(b""),
        {"Authorization": "Basic"},
        {"Authorization": "Basic ***"},
        {"Authorization": "Basic a=b, c=d"},
        {"Authorization": "Basic \xe9"},
        {"Authorization": f"Basic {'A' * 1_000_000}"},
        {"Authorization": "Digest " + "a=b," * 250_000},
        {"Authorization": f"Bearer {SECRET}"},
        {"Authorization": "Digest username=orders, response=x"},
        {"Authorization": ""},
    ],
)
def test_whoever_is_no_client_is_refused(what: str, headers: Mapping[str, str]) -> None:
    """401 `invalid_client`, and the application's function sees nothing that is not ASCII."""
    answer = (
        application().test_client().post(f"/oauth/{what}", data={"token": "x"}, headers=headers)
    )
    assert refusal(answer) == (401, "invalid_client")


@pytest.mark.parametrize(
    "form",
    [
        {"client_id": "orders"},
        {"client_secret": CLIENT[1]},
        {"client_id": "", "client_secret": ""},
        {"client_id": "orders", "client_secret": "wr\xf6ng"},
    ],
)
def test_half_a_client_in_the_form_is_none(form: dict[str, str]) -> None:
    answer = application().test_client().post("/oauth/revoke", data={"token": "x", **form})
    assert refusal(answer) == (401, "invalid_client")


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        "token=x&client_id=orders&client_secret=s",
        "token=x&client_secret=",
        "token=x&client_id=another",
        "token=x&token=y",
        "token=x&client_id=orders&client_id=orders",
        "token=x&token_type_hint=a&token_type_hint=b",
        "token=",
        "",
        "Token=x",
        "token",
        "%00=%ff",
    ],
)
def test_a_client_that_asks_in_two_ways_or_for_nothing_is_refused(what: str, body: str) -> None:
    """400 `invalid_request` (RFC 6749 sections 2.3 and 3.2)."""
    answer = (
        application()
        .test_client()
        .post(f"/oauth/{what}", data=body, content_type=FORM, headers=basic())
    )
    assert refusal(answer) == (400, "invalid_request")


@BOTH
@pytest.mark.parametrize("again", ["client_id", "client_secret"])
def test_a_client_says_each_half_once(what: str, again: str) -> None:
    """The same value twice is 400 as well: another reader may take the other one."""
    halves = {"client_id": CLIENT[0], "client_secret": CLIENT[1]}
    once = application().test_client().post(f"/oauth/{what}", data={"token": "x", **halves})
    assert once.status_code == 200
    both = [*halves.items(), (again, halves[again]), ("token", "x")]
    answer = application().test_client().post(f"/oauth/{what}", data=MultiDict(both))
    assert refusal(answer) == (400, "invalid_request")


@BOTH
def test_only_a_form_is_read(what: str) -> None:
    """A token or a secret in a URL would be in logs."""
    app = application()
    query = urlencode({"token": "x", "client_id": CLIENT[0], "client_secret": CLIENT[1]})
    client = app.test_client()
    assert refusal(client.post(f"/oauth/{what}?{query}")) == (401, "invalid_client")
    sent = client.post(f"/oauth/{what}?{query}", json={"token": "x"}, headers=basic())
    assert refusal(sent) == (400, "invalid_request")
    assert client.get(f"/oauth/{what}?{query}").status_code == 405


@BOTH
@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=b",
        "application/json",
        "text/plain",
        f"{FORM}; a={'b' * 1000}",
        "\xff",
    ],
)
def test_a_form_of_another_type_is_refused(what: str, content_type: str) -> None:
    """RFC 7009 section 2.1 and RFC 7662 section 2.1 name one type; any other is 400."""
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    halves = {"token": "x", "client_id": CLIENT[0], "client_secret": CLIENT[1]}
    body = "".join(part.format(*each) for each in halves.items()) + "--b--\r\n"
    for headers in (basic(), {}):
        answer = (
            application()
            .test_client()
            .post(f"/oauth/{what}", data=body, content_type=content_type, headers=headers)
        )
        assert refusal(answer) == (400, "invalid_request")


class NeverRead(io.RawIOBase):
    """A body that nobody may read."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise AssertionError("the body was read")


def unread(length: int) -> dict[str, Any]:
    """A form that says its length, and that nobody may read."""
    environ = {"wsgi.input": NeverRead(), "CONTENT_LENGTH": str(length)}
    return {"content_type": FORM, "environ_overrides": environ}


@BOTH
def test_a_wrong_client_has_no_body_read(what: str) -> None:
    """By HTTP Basic a client is known before the body: a stranger's costs nothing (RFC 6749)."""
    client = application().test_client()
    answer = client.post(f"/oauth/{what}", headers=basic("orders", "wrong"), **unread(1_000))
    assert refusal(answer) == (401, "invalid_client")
    client.application.testing = True
    with pytest.raises(AssertionError, match="was read"):
        client.post(f"/oauth/{what}", headers=basic(), **unread(1_000))


@BOTH
@pytest.mark.parametrize("headers", [{}, basic()])
def test_a_long_body_is_refused_unread(what: str, headers: dict[str, str]) -> None:
    """Above 64 KiB: 413, whoever asks, and its fields are not taken apart."""
    client = application().test_client()
    answer = client.post(f"/oauth/{what}", headers=headers, **unread(65_537))
    assert refusal(answer) == (413, "invalid_request")
    many = client.post(f"/oauth/{what}", data="a=1&" * 1_000, content_type=FORM, headers=headers)
    assert refusal(many) == (413, "invalid_request")


@BOTH
def test_a_body_of_no_length_is_read_as_far_as_it_may_go(what: str) -> None:
    """A chunked body, which the server ends, is refused where it goes beyond 64 KiB."""
    client = application().test_client()
    for length, found in ((60_000, 200), (66_000, 413), (10_000_000, 413)):
        answer = client.post(
            f"/oauth/{what}",
            input_stream=io.BytesIO(b"token=" + b"x" * length),
            content_type=FORM,
            headers={**basic(), "Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert answer.status_code == found


@BOTH
def test_flasks_own_limit_counts_too(what: str) -> None:
    """A lower MAX_CONTENT_LENGTH is answered in the form of these endpoints."""
    app = application()
    app.config["MAX_CONTENT_LENGTH"] = 100
    answer = app.test_client().post(f"/oauth/{what}", data={"token": "x" * 200}, headers=basic())
    assert refusal(answer) == (413, "invalid_request")


@BOTH
def test_a_query_string_of_any_bytes_is_no_matter(what: str) -> None:
    """Nothing is read from it."""
    answer = (
        application()
        .test_client()
        .post(
            f"/oauth/{what}",
            data={"token": "x"},
            headers=basic(),
            environ_overrides={"QUERY_STRING": "\xff=\xfe"},
        )
    )
    assert answer.status_code == 200


def test_authenticate_client_may_be_async() -> None:
    """What it returns is awaited: a coroutine alone lets nobody in."""

    async def authenticate(client_id: str, client_secret: str) -> bool:
        return authenticate_client(client_id, client_secret)

    client = application(authenticate).test_client()
    for headers, status in ((basic(), 200), (basic("orders", "wrong"), 401)):
        answer = client.post("/oauth/introspect", data={"token": "x"}, headers=headers)
        assert answer.status_code == status


# ── revocation ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "nonsense", ""])
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_a_revoked_token_ends_its_session(which: str, hint: str | None) -> None:
    """By either token, whatever the hint (RFC 7009 section 2.1); others' sessions go on."""
    app = application()
    pair, other = login(app), login(app)
    revoke(app, getattr(pair, which), **({} if hint is None else {"token_type_hint": hint}))
    assert not is_let_in(app, pair.access_token)
    assert as_bearer(app, "POST", "/refresh", pair.refresh_token).status_code == 401
    assert not is_active(app, pair.access_token)
    assert not is_active(app, pair.refresh_token)
    assert is_let_in(app, other.access_token)
    revoke(app, pair.refresh_token)  # again


def test_a_token_without_a_session_is_revoked_alone() -> None:
    app = application()
    with app.app_context():
        one, two, refresh = (
            create_access_token("ada"),
            create_access_token("ada"),
            create_refresh_token("ada"),
        )
    revoke(app, one)
    revoke(app, refresh)
    assert [is_let_in(app, token) for token in (one, two)] == [False, True]
    assert [is_active(app, token) for token in (one, two, refresh)] == [False, True, False]
    assert as_bearer(app, "POST", "/refresh", refresh).status_code == 401


def test_an_expired_token_still_ends_its_session(ticking: Clock) -> None:
    """Who logs out after a while means it as much."""
    app = application(ACCESS_TOKEN_EXPIRES=60)
    pair = login(app)
    ticking.tick(61)
    assert is_active(app, pair.refresh_token)
    revoke(app, pair.access_token)
    assert not is_active(app, pair.refresh_token)


def test_a_refresh_token_that_was_replaced_ends_its_session() -> None:
    """It names the session as well as the one after it."""
    app = application()
    pair = login(app)
    successor = as_bearer(app, "POST", "/refresh", pair.refresh_token).json or {}
    revoke(app, pair.refresh_token)
    assert not is_active(app, successor["refresh_token"])
    assert not is_let_in(app, successor["access_token"])


def test_a_revocation_is_told_to_whoever_listens() -> None:
    app = application()
    pair, heard = login(app), []

    def listen(sender: Flask, **about: str) -> None:
        heard.append(about)

    with token_revoked.connected_to(listen, app):
        revoke(app, pair.access_token)
    assert heard == [{"kind": "sid", "value": pair.sid}]


def hostile_tokens() -> dict[str, str]:
    """Texts that are no token of the application."""
    with application(SECRET_KEY="nPq2xVt8wQzR5yH3bJf7cLs9dGa4eNu6iTo1qWx0kZ").app_context():
        of_others = create_access_token("ada")
    return {
        "of another": of_others,
        "opaque": "2YotnFZFEjr1zCsicMWpAA",
        "a jti": "3f0c5d6e-8a53-4b7e-9d5c-0b6a0f9f2a11",
        "dots": "..",
        "unsigned": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
        "long": "a" * 65_000,
        "long parts": ".".join(["a" * 20_000] * 3),
        "not ASCII": "\N{SNOWMAN}.\N{SNOWMAN}.\N{SNOWMAN}",
        "NUL": "\0",
        "space": " ",
        "five parts": "a.b.c.d.e",
        "deep": signed(b"[" * 5000, Key.from_secret(SECRET)),
        "not an object": signed(b"1", Key.from_secret(SECRET)),
        "a huge number": signed(b'{"exp": 1e999}', Key.from_secret(SECRET)),
        "no subject": signed({"exp": 2**40}, Key.from_secret(SECRET)),
        "for others": signed({"sub": "ada", "aud": ["x"], "iss": 1}, Key.from_secret(SECRET)),
    }


HOSTILE = hostile_tokens()


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_token_of_ours_is_revoked_and_inactive(name: str) -> None:
    """200 all the same (RFC 7009 section 2.2), and nothing is said of why."""
    app = application(DECODE_AUDIENCE="orders", DECODE_ISSUER="us")
    revoke(app, HOSTILE[name])
    assert introspected(app, HOSTILE[name]) == {"active": False}


def test_the_end_of_a_token_does_not_make_it_another() -> None:
    """A form's spaces and newlines are no part of a token: it is not ours then."""
    app = application()
    pair = login(app)
    for text in (f" {pair.access_token}", f"{pair.access_token}\n", f"{pair.access_token}="):
        revoke(app, text)
        assert not is_active(app, text)
    assert is_active(app, pair.access_token)


def test_a_token_of_another_issuer_is_not_ours_to_revoke() -> None:
    """Nor to tell about: its issuer has endpoints of its own."""
    app = application()
    web, key = Web(), key_pair("theirs")
    web.pages = {f"{ISSUER}jwks": jwks(key)}
    web.pages["https://login.example.com/.well-known/openid-configuration"] = metadata(
        jwks_uri=f"{ISSUER}jwks"
    )
    manager: JWTManager = app.extensions["flask-jwt-extended"]
    manager.add_issuer(ISSUER, audience="orders", fetch=web)
    now = int(time.time())
    text = token_of_issuer(
        key, {"iss": ISSUER, "aud": "orders", "sub": "eve", "iat": now, "exp": now + 60, "jti": "1"}
    )
    assert is_let_in(app, text)
    revoke(app, text)
    assert is_let_in(app, text)
    assert not is_active(app, text)


def test_a_token_that_is_not_valid_yet_is_not_said_to_be_revoked(ticking: Clock) -> None:
    """It will be good; its client has to come again."""
    app = application()
    with app.app_context():
        early = create_access_token("ada", additional_claims={"nbf": int(ticking.now) + 60})
    assert refusal(ask(app, "revoke", early)) == (400, "invalid_request")
    assert not is_active(app, early)
    ticking.tick(60)
    assert is_active(app, early)
    revoke(app, early)
    assert not is_active(app, early)


def test_what_can_not_be_revoked_is_not_said_to_be() -> None:
    """Without a store nothing is revoked (RFC 7009 section 2.2.1)."""
    storeless = application(SESSION_STORE=None)
    pair = login(storeless)
    for text in pair[:2]:
        assert refusal(ask(storeless, "revoke", text)) == (400, "unsupported_token_type")
        assert is_active(storeless, text)


def test_a_token_without_a_jti_is_revoked_too() -> None:
    """It is known by a digest of its claims; another one without a jti stays active."""
    app = application()
    key = Key.from_secret(SECRET)
    mine, other = (signed({"sub": user, "type": "access"}, key) for user in ("ada", "bob"))
    assert is_active(app, mine)
    revoke(app, mine)
    assert [is_active(app, token) for token in (mine, other)] == [False, True]


# ── introspection ────────────────────────────────────────────────────────────────────────


def test_an_active_token_is_told_with_its_claims() -> None:
    """All that a resource server may want; not what a browser's CSRF protection hangs on."""
    app = application(
        TOKEN_LOCATION=["cookies", "headers"], ENCODE_ISSUER="https://us", ENCODE_AUDIENCE="a"
    )
    with app.app_context():
        claims = {"scope": "read", "active": False, "token_type": "x", "empty": None}
        text = create_access_token("ada", additional_claims=claims)
    found = introspected(app, text)
    assert isinstance(found["exp"], int)
    assert isinstance(found["iat"], int)
    assert (found["active"], found["token_type"], found["scope"]) == (True, "Bearer", "read")
    assert (found["sub"], found["iss"], found["aud"]) == ("ada", "https://us", "a")
    assert found["type"] == "access"
    assert not {"csrf", "empty"} & set(found)


def test_a_bound_token_is_inactive_unless_bound_tokens_are_taken() -> None:
    """Of a token that is bound to a key, the key is told where the services check the proof."""
    for takes in (False, True):
        app = application(ALLOW_BOUND_TOKENS=takes)
        with app.app_context():
            text = create_access_token("ada", additional_claims={"cnf": {"jkt": "0ZcOCORZNYy"}})
        assert is_let_in(app, text) is is_active(app, text) is takes
    assert introspected(app, text)["cnf"] == {"jkt": "0ZcOCORZNYy"}


def test_a_refresh_token_is_not_told_to_be_one_for_access() -> None:
    app = application()
    found = introspected(app, login(app).refresh_token, token_type_hint="access_token")
    assert (found["active"], found["type"], found["token_type"]) == (True, "refresh", "N_A")


def test_an_expired_token_is_inactive(ticking: Clock) -> None:
    app = application(ACCESS_TOKEN_EXPIRES=60)
    pair = login(app)
    ticking.tick(59)
    assert is_active(app, pair.access_token)
    ticking.tick(1)
    assert not is_active(app, pair.access_token)
    assert is_active(app, pair.refresh_token)
    ticking.tick(timedelta(days=30).total_seconds())
    assert not is_active(app, pair.refresh_token)


@pytest.mark.parametrize("grace", [0, 10])
def test_who_asks_about_a_used_refresh_token_ends_nothing(grace: int) -> None:
    """It is inactive, within the grace too; its session goes on, for who asks is no thief."""
    app = application(REFRESH_REUSE_GRACE=grace)
    pair, heard = login(app), []

    def listen(sender: Flask, **about: str) -> None:
        heard.append(about)

    successor = as_bearer(app, "POST", "/refresh", pair.refresh_token).json or {}
    with token_reused.connected_to(listen, app), token_revoked.connected_to(listen, app):
        for _ in range(2):
            assert not is_active(app, pair.refresh_token)
    assert heard == []
    assert is_active(app, successor["refresh_token"])
    assert is_let_in(app, successor["access_token"])
    assert as_bearer(app, "POST", "/refresh", successor["refresh_token"]).status_code == 200


def test_a_refresh_token_from_before_there_was_a_store_is_active_until_it_is_used() -> None:
    app = application()
    with app.app_context():
        old = create_refresh_token("ada")
    assert is_active(app, old)
    successor = as_bearer(app, "POST", "/refresh", old).json or {}
    assert not is_active(app, old)
    assert is_active(app, successor["refresh_token"])


def test_a_session_s_tokens_are_active_once_the_store_was_taken_out() -> None:
    """As for a guard: nobody knows of a session any more, so nobody asks for it."""
    app = application()
    pair = login(app)
    app.config["JWT_SESSION_STORE"] = None
    assert [is_active(app, text) for text in pair[:2]] == [True, True]
    assert is_let_in(app, pair.access_token)


def test_who_was_logged_out_everywhere_has_no_active_token() -> None:
    app = application()
    pair = login(app)
    with app.app_context():
        end_sessions("ada")
    assert not any(is_active(app, text) for text in pair[:2])
    assert is_active(app, login(app).access_token)


@pytest.mark.parametrize(
    "loader",
    ["token_in_blocklist_loader", "token_verification_loader", "user_lookup_loader"],
)
def test_what_a_guard_refuses_is_inactive(loader: str) -> None:
    """The application's own loaders are asked as they are by a guard."""
    app = application()
    manager: JWTManager = app.extensions["flask-jwt-extended"]
    good, bad = login(app), login(app, "eve")

    def refuse(header: Any, claims: Any) -> Any:
        is_eve = claims["sub"] == "eve"
        if loader == "user_lookup_loader":
            return None if is_eve else claims["sub"]
        return is_eve if "blocklist" in loader else not is_eve

    getattr(manager, loader)(refuse)
    for pair, expected in ((good, True), (bad, False)):
        assert is_let_in(app, pair.access_token) == expected
        assert [is_active(app, text) for text in pair[:2]] == [expected, expected]


def test_a_user_who_may_not_refresh_has_no_active_refresh_token() -> None:
    """`user_state_loader` is asked about refresh tokens, as at a rotation."""
    app = application()
    manager: JWTManager = app.extensions["flask-jwt-extended"]
    manager.user_state_loader(lambda identity: identity != "eve")
    assert [is_active(app, text) for text in login(app, "eve")[:2]] == [True, False]
    assert [is_active(app, text) for text in login(app)[:2]] == [True, True]


def test_the_strict_profile_takes_its_own_tokens_alone() -> None:
    """`typ` and `type` must be there, as a guard asks."""
    options = {"PROFILE": "strict", "ENCODE_ISSUER": "https://us", "DECODE_ISSUER": "https://us"}
    app = application(**options)
    pair = login(app)
    assert [introspected(app, text)["type"] for text in pair[:2]] == ["access", "refresh"]
    with app.app_context():
        other = create_access_token("ada", additional_headers={"typ": "JWT"})
        odd = create_access_token("ada", additional_claims={"type": "odd"})
    assert not is_active(app, other)
    assert not is_active(app, odd)


def test_a_refresh_token_of_a_session_that_is_long_gone_is_inactive(ticking: Clock) -> None:
    """What is remembered of an ended session goes with its last access token; its row is gone."""
    app = application(ACCESS_TOKEN_EXPIRES=60)
    pair = login(app)
    revoke(app, pair.access_token)
    ticking.tick(3600)
    assert not is_active(app, pair.refresh_token)


def test_a_token_of_a_type_that_no_guard_takes_is_inactive() -> None:
    app = application(REQUIRE_TYPE=True)
    with app.app_context():
        odd = create_access_token("ada", additional_claims={"type": "odd"})
    assert not is_let_in(app, odd)
    assert not is_active(app, odd)
    assert is_active(app, login(app).access_token)


def test_options_count_as_they_are_now() -> None:
    """A key that is gone has no active token."""
    app = application()
    text = login(app).access_token
    app.config["JWT_SECRET_KEY"] = SECRET[::-1]
    assert not is_active(app, text)


def test_a_subject_of_another_kind_is_inactive() -> None:
    """A token from before `JWT_IDENTITY_TYPE` was set."""
    app = application()
    text = login(app).access_token
    app.config["JWT_IDENTITY_TYPE"] = int
    assert not is_active(app, text)


# ── when the store is away ───────────────────────────────────────────────────────────────


@BOTH
def test_without_an_answer_of_the_store_there_is_none_of_ours(what: str) -> None:
    """503 with `Retry-After`: the client takes the token for good and asks again (RFC 7009 2.2.1).

    What is no token needs no store.
    """
    app = application(SESSION_STORE=CLOSED, STORE_TIMEOUT=0.5)
    for text in login(application())[:2]:
        answer = ask(app, what, text)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Cache-Control"] == "no-store"
    assert ask(app, what, "nonsense").status_code == 200


# ── where it is registered ───────────────────────────────────────────────────────────────


def test_it_may_be_within_another_blueprint() -> None:
    """Its endpoints are found for the metadata all the same."""
    app = Flask("nested")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_SESSION_STORE="memory://")
    JWTManager(app)
    outer = Blueprint("outer", __name__, url_prefix="/api")
    outer.register_blueprint(oauth_blueprint(authenticate_client, name="inner"))
    app.register_blueprint(outer)
    with app.test_request_context():
        assert endpoints_of(app) == {
            "revocation": "/api/oauth/revoke",
            "introspection": "/api/oauth/introspect",
        }


# ── anything at all ──────────────────────────────────────────────────────────────────────

APP = application()
TEXT = st.text(max_size=40)
FIELDS = st.sampled_from(["token", "client_id", "client_secret", "token_type_hint", "other"])


@examples(150)
@given(
    what=st.sampled_from(["revoke", "introspect"]),
    header=st.one_of(
        st.none(),
        st.builds(lambda data: f"Basic {b64encode(data).decode()}", st.binary(max_size=40)),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
        st.just(basic()["Authorization"]),
    ),
    body=st.one_of(
        st.binary(max_size=60),
        st.lists(st.tuples(FIELDS, TEXT), max_size=4).map(
            lambda fields: urlencode(fields, errors="replace").encode()
        ),
    ),
    content_type=st.sampled_from([FORM, f"{FORM}; charset=x", "multipart/form-data", "", "a/b"]),
)
def test_no_request_is_an_error_of_ours(
    what: str, header: str | None, body: bytes, content_type: str
) -> None:
    """Whatever comes is answered by 200, 400 or 401."""
    headers = {} if header is None else {"Authorization": header}
    answer = APP.test_client().post(
        f"/oauth/{what}", data=body, headers=headers, content_type=content_type
    )
    assert answer.status_code in (200, 400, 401)
