"""The code of a published tutorial on Flask-JWT-Extended, as it stands, does what it says there.

The tutorial (in Korean, of November 2023) shows a configuration, a factory, one class with the
methods POST (issue), GET (use), PATCH (refresh) and DELETE (revoke), and a blocklist in Redis.
Its identities are ints: `create_access_token(identity=user.id)`. With today's PyJWT, FJE refuses
the tokens that this code issues; that, too, is shown here. The blocklist runs on a real Redis.
"""

import base64
import datetime  # noqa: ICN001 # the tutorial writes datetime.timedelta
import json
from collections.abc import Iterator
from json import dumps
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
import redis
from flask import Blueprint, Flask, jsonify, make_response, redirect, request, url_for
from flask.testing import FlaskClient
from flask.views import MethodView

from tests.compat.harness import REFERENCE, SELF_CHECK, SUBJECT
from tests.compat.minting import SECRET, access, bearer, claims, expired, mint, refresh

INT_IDENTITY = pytest.mark.skipif(
    SELF_CHECK, reason="FJE refuses its own tokens with int identities since PyJWT 2.10"
)


@pytest.fixture(scope="module")
def rc(redis_url: str) -> Iterator["redis.Redis"]:
    """The tutorial's `rc`, a Redis client; what the tests put there is taken away again."""
    with redis.Redis.from_url(redis_url) as client:
        seen: list[str] = []

        class Remembering:
            """Hands calls on and remembers the names that were set."""

            def set(self, name: str, value: str) -> Any:
                seen.append(name)
                return client.set(name=name, value=value)

            def get(self, name: str) -> Any:
                return client.get(name=name)

        yield Remembering()
        if seen:
            client.delete(*seen)


# ── the tutorial's application ───────────────────────────────────────────────────────────────


class User:
    """What the tutorial's SQLAlchemy model offers: query.get(ident=...), serialize()."""

    rows: ClassVar[dict[Any, "User"]] = {}
    query: ClassVar[Any] = SimpleNamespace(get=lambda *, ident: User.rows.get(ident))

    def __init__(self, id: int, name: str, password: str) -> None:  # noqa: A002 # the tutorial's
        self.id, self.name, self.password = id, name, password
        User.rows[id] = self

    def check_password(self, password: str) -> bool:
        return self.password == password

    def serialize(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name}


def application(lib: ModuleType, rc: Any) -> Flask:
    """flask/source/config.py, my_app/__init__.py and my_app/api/v1/auth.py of the tutorial."""
    User.rows.clear()
    User(1, "알렉산드리아", "secret")

    # 3. config.py
    class Config:
        JWT_SECRET_KEY = SECRET
        JWT_TOKEN_LOCATION: ClassVar = ["headers"]
        JWT_ACCESS_TOKEN_EXPIRES = datetime.timedelta(minutes=15)
        JWT_REFRESH_TOKEN_EXPIRES = datetime.timedelta(days=7)

    config = {"development": Config}

    # 3. my_app/__init__.py
    jwt = lib.JWTManager()

    @jwt.token_in_blocklist_loader
    def check_if_token_revoked(jwt_header, jwt_payload: dict) -> bool:
        """
        사용된 액세스 토큰(access_token)의 재사용을 방지합니다.
        """

        if not jwt_payload and "jti" not in jwt_payload:
            return None

        jti = jwt_payload.get("jti")
        token = rc.get(name=jti)
        return token is not None

    @jwt.unauthorized_loader
    def to_login_page(_reason: str) -> Any:
        return redirect(url_for("index.login"))

    # 4. to 7.: my_app/api/v1/auth.py
    create_access_token, create_refresh_token = lib.create_access_token, lib.create_refresh_token
    jwt_required, get_jwt, get_jwt_identity = lib.jwt_required, lib.get_jwt, lib.get_jwt_identity

    class Auth(MethodView):
        def post(self):
            """토큰 발급"""
            args = request.get_json()
            user = next((u for u in User.rows.values() if u.name == args.get("name")), None)
            if user and user.check_password(password=args.get("password")):
                access_token = create_access_token(identity=user.id)
                refresh_token = create_refresh_token(identity=user.id)
                return make_response(
                    jsonify(access_token=access_token, refresh_token=refresh_token), 201
                )
            return make_response(jsonify(msg="no"), 401)

        @jwt_required()
        def get(self):
            """사용자 조회"""

            user = User.query.get(ident=get_jwt_identity())
            user = user.serialize()
            return make_response(dumps(obj=user, ensure_ascii=False, indent=4), 200)

        @jwt_required(refresh=True)
        def patch(self):
            """토큰 갱신"""

            access_token = create_access_token(identity=get_jwt_identity())
            return make_response(jsonify(access_token=access_token), 201)

        @jwt_required()
        def delete(self):
            """토큰 폐기"""

            rc.set(name=get_jwt().get("jti"), value="")
            return "", 204

    class DeleteAsPrinted(MethodView):
        """The tutorial prints `delete` without a decorator."""

        def delete(self):
            """토큰 폐기"""

            rc.set(name=get_jwt().get("jti"), value="")
            return "", 204

    index = Blueprint("index", __name__)

    @index.route("/login")
    def login() -> str:
        return "login page"

    def create_app() -> Flask:
        app = Flask(__name__)
        app.config.from_object(obj=config["development"])

        with app.app_context():
            app.register_blueprint(index)
            app.add_url_rule("/api/v1/auth", view_func=Auth.as_view("auth"))
            app.add_url_rule("/as-printed", view_func=DeleteAsPrinted.as_view("printed"))

            jwt.init_app(app=app)
        return app

    app = create_app()
    app.logger.disabled = True
    return app


@pytest.fixture(params=[REFERENCE, SUBJECT], ids=["FJE", "ours"])
def client(request: pytest.FixtureRequest, rc: Any) -> FlaskClient:
    """The tutorial's application on either library, with what does not depend on int identities."""
    return application(request.param, rc).test_client()


@pytest.fixture
def ours(rc: Any) -> FlaskClient:
    return application(SUBJECT, rc).test_client()


URL = "/api/v1/auth"
CREDENTIALS = {"name": "알렉산드리아", "password": "secret"}


def payload_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    loaded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return loaded


def log_in(client: FlaskClient) -> dict[str, str]:
    answer = client.post(URL, json=CREDENTIALS)
    assert answer.status_code == 201
    tokens: dict[str, str] = answer.get_json()
    return tokens


# ── 4. 토큰 발급 (issue) ─────────────────────────────────────────────────────────────────────


def test_the_identity_is_in_the_sub_claim(client: FlaskClient) -> None:
    """The value given as identity is stored in the sub claim: the int 1, as an int."""
    tokens = log_in(client)
    assert set(tokens) == {"access_token", "refresh_token"}
    for name, kind, life in (("access_token", "access", 900), ("refresh_token", "refresh", 604800)):
        header = json.loads(base64.urlsafe_b64decode(tokens[name].split(".")[0] + "=="))
        payload = payload_of(tokens[name])
        assert header == {"alg": "HS256", "typ": "JWT"}
        assert (payload["sub"], type(payload["sub"])) == (1, int)
        assert payload["type"] == kind
        assert payload["exp"] - payload["iat"] == life
        assert payload["fresh"] is False
        assert payload["nbf"] == payload["iat"]


def test_a_wrong_password_gets_no_token(client: FlaskClient) -> None:
    """The view's own answer, a 401 of the application's."""
    assert client.post(URL, json={**CREDENTIALS, "password": "x"}).get_json() == {"msg": "no"}


# The tutorial's example access token, decoded: a token of 2023, without a csrf claim.
EXAMPLE_HEADER = {"alg": "HS256", "typ": "JWT"}
EXAMPLE = {
    "fresh": False,
    "iat": 1702814848,
    "jti": "0d25a184-86b5-49ec-bbc4-7d84296d0ba2",
    "type": "access",
    "sub": 1,
    "nbf": 1702814848,
    "exp": 1703419648,
}


# As it is printed there. Its secret is not known.
PRINTED = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJmcmVzaCI6ZmFsc2UsImlhdCI6MTcwMjgxNDg0OCwianRpIjoiMGQyNWExODQtODZiNS00OWVjLWJiYzQtN2Q4"
    "NDI5NmQwYmEyIiwidHlwZSI6ImFjY2VzcyIsInN1YiI6MSwibmJmIjoxNzAyODE0ODQ4LCJleHAiOjE3MDM0MTk2NDh9."
    "BLNnCYtZvKhZICNb4fNixt9LAfMyTe4lV3Cx-S0KJVQ"
)


def test_the_printed_token_is_read(client: FlaskClient) -> None:
    """The tutorial's own token has the header and claims above, and is not of this secret."""
    assert payload_of(PRINTED) == EXAMPLE
    assert SUBJECT.get_unverified_jwt_headers(PRINTED) == EXAMPLE_HEADER
    answer = client.get(URL, headers=bearer(PRINTED))
    assert (answer.status_code, answer.get_json()) == (
        422,
        {"msg": "Signature verification failed"},
    )


@INT_IDENTITY
def test_a_token_of_the_examples_shape_is_accepted(ours: FlaskClient) -> None:
    """Tokens issued back then, by FJE with an older PyJWT, are good here as long as they live."""
    now = claims()
    token = mint({**EXAMPLE, "iat": now["iat"], "nbf": now["nbf"], "exp": now["exp"]})
    answer = ours.get(URL, headers=bearer(token))
    assert (answer.status_code, json.loads(answer.text)) == (200, User.rows[1].serialize())


@INT_IDENTITY
def test_the_example_itself_has_expired(ours: FlaskClient) -> None:
    """With the example's own times it is a correct token whose time has come."""
    token = mint(EXAMPLE)
    assert SUBJECT.get_unverified_jwt_headers(token) == EXAMPLE_HEADER
    answer = ours.get(URL, headers=bearer(token))
    assert (answer.status_code, answer.get_json()) == (401, {"msg": "Token has expired"})
    with ours.application.test_request_context():
        assert SUBJECT.decode_token(token, allow_expired=True) == EXAMPLE


# ── 5. 토큰 사용 (use) ───────────────────────────────────────────────────────────────────────


@INT_IDENTITY
def test_the_access_token_opens_the_guarded_view(ours: FlaskClient) -> None:
    """`User.query.get(ident=get_jwt_identity())` finds the row: the identity is the int again."""
    answer = ours.get(URL, headers=bearer(log_in(ours)["access_token"]))
    assert answer.status_code == 200
    assert answer.text == '{\n    "id": 1,\n    "name": "알렉산드리아"\n}'


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic dTpw"}], ids=str)
def test_without_a_token_to_the_login_page(client: FlaskClient, headers: dict[str, str]) -> None:
    """Who is not logged in is redirected to the login page, index.login."""
    answer = client.get(URL, headers=headers)
    assert (answer.status_code, answer.location) == (302, "/login")
    assert client.get(URL, headers=headers, follow_redirects=True).text == "login page"


def test_a_bad_or_expired_token_is_refused(client: FlaskClient) -> None:
    """Other refusals keep their answers: 422 and 401 with FJE's texts."""
    assert client.get(URL, headers=bearer("x")).status_code == 422
    answer = client.get(URL, headers=bearer(expired()))
    assert (answer.status_code, answer.get_json()) == (401, {"msg": "Token has expired"})


# ── 6. 토큰 갱신 (refresh) ───────────────────────────────────────────────────────────────────


@INT_IDENTITY
def test_the_refresh_token_gets_a_new_access_token(ours: FlaskClient) -> None:
    """The new token is for the same int, has an id of its own, and opens the view."""
    tokens = log_in(ours)
    answer = ours.patch(URL, headers=bearer(tokens["refresh_token"]))
    assert answer.status_code == 201
    renewed = answer.get_json()["access_token"]
    assert payload_of(renewed)["sub"] == 1
    assert payload_of(renewed)["jti"] != payload_of(tokens["access_token"])["jti"]
    assert ours.get(URL, headers=bearer(renewed)).status_code == 200


def test_each_token_is_for_its_own_views(client: FlaskClient) -> None:
    """An access token does not refresh, a refresh token does not open."""
    wrong = client.patch(URL, headers=bearer(access()))
    assert (wrong.status_code, wrong.get_json()) == (
        422,
        {"msg": "Only refresh tokens are allowed"},
    )
    wrong = client.get(URL, headers=bearer(refresh()))
    assert wrong.get_json() == {"msg": "Only non-refresh tokens are allowed"}


# ── 7. 토큰 폐기 (revoke) ────────────────────────────────────────────────────────────────────


@INT_IDENTITY
def test_a_revoked_token_is_refused(ours: FlaskClient) -> None:
    """After DELETE its `jti` is in Redis: that token is good for nothing, the others still are."""
    first, second = log_in(ours), log_in(ours)
    assert ours.get(URL, headers=bearer(first["access_token"])).status_code == 200
    revoked = ours.delete(URL, headers=bearer(first["access_token"]))
    assert (revoked.status_code, revoked.text) == (204, "")
    for method in (ours.get, ours.delete):
        answer = method(URL, headers=bearer(first["access_token"]))
        assert (answer.status_code, answer.get_json()) == (401, {"msg": "Token has been revoked"})
    assert ours.get(URL, headers=bearer(second["access_token"])).status_code == 200
    assert ours.patch(URL, headers=bearer(first["refresh_token"])).status_code == 201


def test_the_blocklist_with_text_identities(client: FlaskClient, rc: Any) -> None:
    """The same blocklist, on both libraries, for tokens whose subject is text."""
    User.rows["alice"] = User(2, "alice", "x")
    jti = payload_of(log_in(client)["access_token"])["jti"]  # a fresh one, not used otherwise
    token = access(jti=jti)
    assert client.get(URL, headers=bearer(token)).status_code == 200
    assert client.delete(URL, headers=bearer(token)).status_code == 204
    assert rc.get(name=jti) == b""
    answer = client.get(URL, headers=bearer(token))
    assert (answer.status_code, answer.get_json()) == (401, {"msg": "Token has been revoked"})


def test_delete_as_printed_needs_its_decorator(client: FlaskClient) -> None:
    """Without `@jwt_required()`, `get_jwt()` says what is missing, in both libraries."""
    answer = client.delete("/as-printed", headers=bearer(access()))
    assert answer.status_code == 500
    client.application.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(RuntimeError, match="You must call `@jwt_required"):
        client.delete("/as-printed", headers=bearer(access()))


def test_fje_no_longer_runs_the_tutorial(rc: Any) -> None:
    """Why int identities work here: on FJE with today's PyJWT the tutorial's login is useless."""
    client = application(REFERENCE, rc).test_client()
    answer = client.get(URL, headers=bearer(log_in(client)["access_token"]))
    assert (answer.status_code, answer.get_json()) == (422, {"msg": "Subject must be a string"})
