"""The token of this request: whose it is, where it can be seen, and where it never is."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response, g, jsonify, render_template_string

import flask_signet
from flask_signet import JWTManager, jwt_required, verify_jwt_in_request
from tests.applications import (
    NOW,
    OTHER_SECRET,
    PROFILES,
    answer,
    application,
    bearer,
    manager,
    mint,
    set_clock,
)
from tests.conftest import Clock

NOT_VERIFIED = "You must call `@jwt_required\\(\\)` or `verify_jwt_in_request\\(\\)`"
NO_LOOKUP = "You must provide a `@jwt.user_lookup_loader` callback"
G_NAMES = {
    "_jwt_extended_jwt",
    "_jwt_extended_jwt_header",
    "_jwt_extended_jwt_user",
    "_jwt_extended_jwt_location",
}
GETTERS: dict[str, Callable[[], Any]] = {
    "get_jwt": flask_signet.get_jwt,
    "get_jwt_header": flask_signet.get_jwt_header,
    "get_jwt_identity": flask_signet.get_jwt_identity,
    "get_current_user": flask_signet.get_current_user,
}


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    set_clock(monkeypatch, clock)


def user_app(profile: str = "compatible", **options: Any) -> Flask:
    """An application that knows its users by name, and whose failures are seen by the test."""
    app = application(profile, TESTING=True, **options)
    manager(app).user_lookup_loader(lambda _header, data: {"name": data["sub"]})
    return app


# ── what the getters give ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("profile", PROFILES)
def test_all_that_a_view_can_know(profile: str) -> None:
    """After a guard the getters give the token's parts, its place, and its owner."""
    app = user_app(profile)
    with app.test_request_context(headers=bearer(mint(role="admin"))):
        header, payload = verify_jwt_in_request()
        assert flask_signet.get_jwt() == payload
        assert payload["role"] == "admin"
        assert flask_signet.get_jwt_header() == header == {"alg": "HS256", "typ": "at+jwt"}
        assert flask_signet.get_jwt_identity() == "alice"
        assert flask_signet.get_jwt_request_location() == "headers"
        assert flask_signet.get_current_user() == {"name": "alice"}
        assert flask_signet.current_user["name"] == "alice"


@pytest.mark.parametrize("getter", GETTERS)
def test_before_any_guard(getter: str) -> None:
    """Without a guard there is no token of this request, even if the request has a good one."""
    with user_app().test_request_context(headers=bearer(mint())):
        with pytest.raises(RuntimeError, match=NOT_VERIFIED):
            GETTERS[getter]()
        assert flask_signet.get_jwt_request_location() is None


@pytest.mark.parametrize("getter", GETTERS)
def test_after_a_refusal(getter: str) -> None:
    """A refused token leaves nothing behind that a view could read."""
    with user_app().test_request_context(headers=bearer(mint(secret=OTHER_SECRET))):
        with pytest.raises(flask_signet.exceptions.SignetError):
            verify_jwt_in_request()
        with pytest.raises(RuntimeError, match=NOT_VERIFIED):
            GETTERS[getter]()


def test_optional_and_absent() -> None:
    """Where a guard let a request pass without a token, all is empty and nobody is there."""
    with user_app().test_request_context():
        assert verify_jwt_in_request(optional=True) is None
        assert flask_signet.get_jwt() == flask_signet.get_jwt_header() == {}
        assert flask_signet.get_jwt_identity() is None
        assert flask_signet.get_current_user() is None
        assert not flask_signet.current_user
        assert flask_signet.get_jwt_request_location() is None


def test_no_user_without_a_lookup() -> None:
    """Asking for a user that nobody looks up is the programmer's error."""
    with application().test_request_context(headers=bearer(mint())):
        verify_jwt_in_request()
        with pytest.raises(RuntimeError, match=NO_LOOKUP):
            flask_signet.get_current_user()


@pytest.mark.parametrize(
    ("options", "sub", "identity"),
    [
        ({}, "7", "7"),
        ({}, 7, 7),
        ({"JWT_IDENTITY_TYPE": int}, "7", 7),
        ({"JWT_IDENTITY_TYPE": lambda text: text.split(":")}, "a:b", ["a", "b"]),
        ({"JWT_VERIFY_SUB": False}, {"a": [1]}, {"a": [1]}),
        ({"JWT_VERIFY_SUB": False}, None, None),
    ],
)
def test_identity_has_its_type(options: dict[str, Any], sub: Any, identity: Any) -> None:
    """JWT_IDENTITY_TYPE makes the identity from its text, once, for whoever asks."""
    with application(**options).test_request_context(headers=bearer(mint(sub=sub))):
        verify_jwt_in_request()
        assert flask_signet.get_jwt_identity() == identity
        assert type(flask_signet.get_jwt_identity()) is type(identity)


@pytest.mark.parametrize(("profile", "status"), [("compatible", 422), ("strict", 401)])
def test_identity_that_has_not_its_type(profile: str, status: int) -> None:
    """A token from before the option was set is refused; it is no error of the server."""
    app = application(profile, JWT_IDENTITY_TYPE=int)
    response = app.test_client().get("/required", headers=bearer(mint(sub="alice")))
    assert answer(response) == (status, "Invalid claim: sub")


def test_another_identity_claim() -> None:
    """JWT_IDENTITY_CLAIM says which claim is the identity."""
    app = application(JWT_IDENTITY_CLAIM="user_id")
    client = app.test_client()
    token = mint(user_id="u1", sub="someone else")
    assert answer(client.get("/required", headers=bearer(token))) == (200, "u1")
    assert answer(client.get("/required", headers=bearer(mint()))) == (
        422,
        "Missing claim: user_id",
    )


@pytest.mark.parametrize("method", ["get", "options"])
def test_options_view_may_ask(method: str) -> None:
    """A view that answers a preflight sees an anonymous request, not an error."""
    app = user_app()

    @app.route("/who", methods=["GET", "OPTIONS"], provide_automatic_options=False)
    @jwt_required()
    def who() -> Response:
        user = flask_signet.get_current_user()
        return jsonify(
            identity=flask_signet.get_jwt_identity(),
            claims=bool(flask_signet.get_jwt()),
            header=bool(flask_signet.get_jwt_header()),
            location=flask_signet.get_jwt_request_location(),
            user=user and user["name"],
        )

    response = getattr(app.test_client(), method)("/who", headers=bearer(mint()))
    known = {
        "identity": "alice",
        "claims": True,
        "header": True,
        "location": "headers",
        "user": "alice",
    }
    unknown = {"identity": None, "claims": False, "header": False, "location": None, "user": None}
    assert response.get_json() == (known if method == "get" else unknown)


# ── one request's token is not the next one's ────────────────────────────────────────────


def ask_each_getter() -> Response:
    """What each getter gives in a view: its value, or that it raised."""
    found: dict[str, Any] = {"location": flask_signet.get_jwt_request_location()}
    for name, getter in GETTERS.items():
        try:
            found[name] = getter()
        except RuntimeError:
            found[name] = "RuntimeError"
    return jsonify(found)


NOBODY = {"location": None, **dict.fromkeys(GETTERS, "RuntimeError")}
ANONYMOUS = {
    "location": None,
    "get_jwt": {},
    "get_jwt_header": {},
    "get_jwt_identity": None,
    "get_current_user": None,
}


def asking_app() -> Flask:
    app = user_app()
    guards = {"ask": {}, "ask-optional": {"optional": True}}
    for name, arguments in guards.items():
        view = jwt_required(**arguments)(ask_each_getter)
        app.add_url_rule(f"/{name}", name, view)
    app.add_url_rule("/ask-open", "ask-open", ask_each_getter)
    return app


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/ask-open", {}, NOBODY),
        ("/ask-open", bearer(mint()), NOBODY),
        ("/ask-optional", {}, ANONYMOUS),
    ],
)
def test_identity_stays_in_its_request(
    path: str, headers: dict[str, str], expected: dict[str, Any]
) -> None:
    """With one application context kept open, as in a test or a script, nothing is left over."""
    app = asking_app()
    with app.app_context():
        client = app.test_client()
        for _ in range(2):
            before = client.get("/ask", headers=bearer(mint(sub="mallory")))
            assert before.get_json()["get_jwt_identity"] == "mallory"
            assert client.get(path, headers=headers).get_json() == expected


def test_refused_request_does_not_leave_the_last_identity() -> None:
    """An error handler that asks who it is hears nobody, not the caller before."""
    app = asking_app()
    manager(app).invalid_token_loader(lambda _reason: ask_each_getter())
    with app.app_context():
        client = app.test_client()
        client.get("/ask", headers=bearer(mint()))
        assert client.get("/ask", headers=bearer("rubbish")).get_json() == NOBODY


def test_options_request_does_not_see_the_last_identity() -> None:
    """The same for a preflight's view: it is anonymous after somebody's request, too."""
    app = user_app()

    @app.route("/own", methods=["GET", "OPTIONS"], provide_automatic_options=False)
    @jwt_required()
    def own() -> Response:
        return ask_each_getter()

    with app.app_context():
        client = app.test_client()
        assert client.get("/own", headers=bearer(mint())).get_json()["location"] == "headers"
        assert client.options("/own").get_json() == ANONYMOUS


def test_nested_request_keeps_both_apart() -> None:
    """A view may send a request to its own application; each sees its own caller."""
    app = user_app()

    @app.get("/outer")
    @jwt_required()
    def outer() -> Response:
        inner = app.test_client().get("/required", headers=bearer(mint(sub="bob")))
        open_ = app.test_client().get("/ask-open")
        return jsonify(
            before=inner.get_json()["identity"],
            open=open_.get_json(),
            after=flask_signet.get_jwt_identity(),
            user=flask_signet.get_current_user()["name"],
            jti=flask_signet.get_jwt()["jti"],
        )

    app.add_url_rule("/ask-open", "ask-open", ask_each_getter)
    response = app.test_client().get("/outer", headers=bearer(mint(sub="alice", jti="outer")))
    assert response.get_json() == {
        "before": "bob",
        "open": NOBODY,
        "after": "alice",
        "user": "alice",
        "jti": "outer",
    }


def test_nested_request_context_keeps_both_apart() -> None:
    """So do two request contexts of one test, the inner ended first."""
    app = user_app()
    with app.test_request_context(headers=bearer(mint(sub="alice"))):
        verify_jwt_in_request()
        with app.test_request_context(headers=bearer(mint(sub="bob"))):
            with pytest.raises(RuntimeError, match=NOT_VERIFIED):
                flask_signet.get_jwt_identity()
            verify_jwt_in_request()
            assert flask_signet.get_jwt_identity() == "bob"
        assert flask_signet.get_jwt_identity() == "alice"
        assert flask_signet.current_user == {"name": "alice"}


def test_second_guard_of_a_request_replaces_the_first() -> None:
    """The token of a request is the one that its last guard found."""
    app = application(JWT_TOKEN_LOCATION=["headers", "query_string"])
    query = {"jwt": mint(sub="bob")}
    with app.test_request_context(headers=bearer(mint()), query_string=query):
        verify_jwt_in_request(locations="headers")
        assert flask_signet.get_jwt_identity() == "alice"
        verify_jwt_in_request(locations="query_string")
        assert flask_signet.get_jwt_identity() == "bob"
        assert flask_signet.get_jwt_request_location() == "query_string"
        verify_jwt_in_request(locations="cookies", optional=True)
        assert flask_signet.get_jwt_identity() is None


# ── two at once ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("names", [["alice", "bob"], ["a", "b", "c", "d", "e", "f", "g", "h"]])
def test_threads_see_their_own_token(kind: str, names: list[str]) -> None:
    """Requests that are in their views at the same moment each see their own caller."""
    app = user_app()
    barrier = threading.Barrier(len(names))

    def meet() -> Response:
        barrier.wait(timeout=20)
        first = flask_signet.get_jwt_identity()
        barrier.wait(timeout=20)
        return jsonify([first, flask_signet.current_user["name"], flask_signet.get_jwt()["sub"]])

    async def meet_async() -> Response:
        return meet()

    view = meet if kind == "sync" else meet_async
    app.add_url_rule("/meet", view_func=jwt_required()(view))
    seen: dict[str, Any] = {}

    def ask(name: str) -> None:
        response = app.test_client().get("/meet", headers=bearer(mint(sub=name)))
        seen[name] = response.get_json()

    threads = [threading.Thread(target=ask, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert seen == {name: [name] * 3 for name in names}


def test_async_view_sees_its_token() -> None:
    """An async view, whether guarded from outside or by a call within, knows its caller."""
    app = user_app()

    @app.get("/outside")
    @jwt_required()
    async def outside() -> Response:
        return jsonify(flask_signet.get_jwt_identity(), flask_signet.current_user["name"])

    @app.get("/within")
    async def within() -> Response:
        verify_jwt_in_request()
        return jsonify(flask_signet.get_jwt_identity(), flask_signet.current_user["name"])

    client = app.test_client()
    for path in ("/outside", "/within"):
        assert client.get(path, headers=bearer(mint())).get_json() == ["alice", "alice"]
        assert client.get(path).status_code == 401


# ── FJE's names in g ─────────────────────────────────────────────────────────────────────


def test_names_in_g_can_be_read() -> None:
    """The four private names that applications read are there, with what they held in FJE."""
    with user_app().test_request_context(headers=bearer(mint())):
        assert not G_NAMES & set(g)
        header, payload = verify_jwt_in_request()
        assert g._jwt_extended_jwt == payload
        assert g._jwt_extended_jwt_header == header
        assert g._jwt_extended_jwt_user == {"loaded_user": {"name": "alice"}}
        assert g._jwt_extended_jwt_location == "headers"


def test_names_in_g_can_be_written() -> None:
    """What an application's test writes there is the token of this request."""
    with user_app().test_request_context():
        g._jwt_extended_jwt = {"sub": "written", "n": 1}
        g._jwt_extended_jwt_header = {"alg": "none of your business"}
        g._jwt_extended_jwt_user = {"loaded_user": "somebody"}
        g._jwt_extended_jwt_location = "query_string"
        assert flask_signet.get_jwt() == {"sub": "written", "n": 1}
        assert flask_signet.get_jwt_identity() == "written"
        assert flask_signet.get_jwt_header() == {"alg": "none of your business"}
        assert flask_signet.get_current_user() == "somebody"
        assert flask_signet.get_jwt_request_location() == "query_string"


def test_names_in_g_can_be_written_over_a_guards() -> None:
    """So it is after a guard has run."""
    with user_app(JWT_IDENTITY_TYPE=int).test_request_context(headers=bearer(mint(sub="7"))):
        verify_jwt_in_request()
        g._jwt_extended_jwt = {"sub": "8"}
        assert flask_signet.get_jwt_identity() == 8
        assert flask_signet.get_current_user() == {"name": "7"}


@pytest.mark.parametrize("name", sorted(G_NAMES))
def test_names_in_g_can_be_deleted(name: str) -> None:
    """An application that deletes the payload has logged this request out."""
    with user_app().test_request_context(headers=bearer(mint())):
        verify_jwt_in_request()
        delattr(g, name)
        if name == "_jwt_extended_jwt":
            with pytest.raises(RuntimeError, match=NOT_VERIFIED):
                flask_signet.get_jwt()
            with pytest.raises(RuntimeError, match=NOT_VERIFIED):
                flask_signet.get_current_user()
        elif name == "_jwt_extended_jwt_header":
            with pytest.raises(RuntimeError, match=NOT_VERIFIED):
                flask_signet.get_jwt_header()
        elif name == "_jwt_extended_jwt_user":
            with pytest.raises(RuntimeError, match=NO_LOOKUP):
                flask_signet.get_current_user()
        else:
            assert flask_signet.get_jwt_request_location() is None


# ── templates ────────────────────────────────────────────────────────────────────────────

GREETING = "{{ current_user.name if current_user else 'nobody' }}"


@pytest.mark.parametrize("lookup", [True, False])
@pytest.mark.parametrize(
    ("path", "headers", "greeted"),
    [
        ("/open-page", {}, "nobody"),
        ("/open-page", bearer(mint()), "nobody"),
        ("/optional-page", {}, "nobody"),
        ("/optional-page", bearer(mint()), "alice"),
    ],
)
def test_template(path: str, headers: dict[str, str], greeted: str, lookup: bool) -> None:
    """A template has `current_user` on every page: None where there is nobody to show."""
    app = Flask("page")
    app.config.update(JWT_SECRET_KEY=OTHER_SECRET, TESTING=True)
    jwt = JWTManager(app, add_context_processor=True)
    if lookup:
        jwt.user_lookup_loader(lambda _header, data: {"name": data["sub"]})
    app.add_url_rule("/open-page", "open", lambda: render_template_string(GREETING))
    page = jwt_required(optional=True)(lambda: render_template_string(GREETING))
    app.add_url_rule("/optional-page", "optional", page)
    if headers:
        headers = bearer(mint(secret=OTHER_SECRET))
    with app.app_context():  # kept open: no page shows the last page's user
        client = app.test_client()
        for _ in range(2):
            assert client.get(path, headers=headers).text == (greeted if lookup else "nobody")
            client.get("/optional-page", headers=bearer(mint(secret=OTHER_SECRET)))


def test_template_outside_a_request() -> None:
    """A page rendered by a script has no user."""
    app = Flask("script")
    app.config.update(JWT_SECRET_KEY=OTHER_SECRET)
    JWTManager(app, add_context_processor=True)
    with app.app_context():
        assert render_template_string(GREETING) == "nobody"


# ── named managers ───────────────────────────────────────────────────────────────────────


def test_named_manager_has_a_token_of_its_own() -> None:
    """Two managers in one request: each one's getters give its own token, or none."""
    app = user_app(
        PARTNER_JWT_SECRET_KEY=OTHER_SECRET,
        PARTNER_JWT_TOKEN_LOCATION="query_string",
        PARTNER_JWT_IDENTITY_TYPE=int,
    )
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")
    partner.user_lookup_loader(lambda _header, data: f"partner {data['sub']}")
    token = mint(secret=OTHER_SECRET, sub="7")
    with app.test_request_context(headers=bearer(mint()), query_string={"jwt": token}):
        for getter in (partner.get_jwt, partner.get_jwt_header, partner.get_jwt_identity):
            with pytest.raises(RuntimeError, match=NOT_VERIFIED):
                getter()
        assert partner.get_jwt_request_location() is None

        partner.verify_jwt_in_request()
        assert partner.get_jwt()["sub"] == "7"
        assert partner.get_jwt_header()["alg"] == "HS256"
        assert partner.get_jwt_identity() == 7
        assert partner.get_current_user() == "partner 7"
        assert partner.get_jwt_request_location() == "query_string"
        assert not G_NAMES & set(g)  # FJE's names are the unnamed manager's
        with pytest.raises(RuntimeError, match=NOT_VERIFIED):
            flask_signet.get_jwt_identity()

        verify_jwt_in_request()
        assert flask_signet.get_jwt_identity() == "alice"
        assert partner.get_jwt_identity() == 7


def test_token_stays_in_its_application() -> None:
    """With another application's context pushed within a request, there is no token in it."""
    app, other = user_app(), user_app(JWT_SECRET_KEY=OTHER_SECRET)
    with app.test_request_context(headers=bearer(mint())):
        verify_jwt_in_request()
        with other.app_context():
            for getter in GETTERS.values():
                with pytest.raises(RuntimeError, match=NOT_VERIFIED):
                    getter()
            assert flask_signet.get_jwt_request_location() is None
            assert not G_NAMES & set(g)
            with pytest.raises(flask_signet.exceptions.InvalidSignatureError):
                verify_jwt_in_request()  # the other application has another secret
        assert flask_signet.get_jwt_identity() == "alice"
        assert flask_signet.get_current_user() == {"name": "alice"}


def test_named_managers_token_stays_in_its_application() -> None:
    """The same manager in two applications keeps their tokens apart, too."""
    options = {"PARTNER_JWT_SECRET_KEY": OTHER_SECRET}
    app, other = application(**options), application(**options)
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")
    partner.init_app(other)
    with app.test_request_context(headers=bearer(mint(secret=OTHER_SECRET))):
        partner.verify_jwt_in_request()
        with other.app_context(), pytest.raises(RuntimeError, match=NOT_VERIFIED):
            partner.get_jwt_identity()
        assert partner.get_jwt_identity() == "alice"


def test_named_managers_token_stays_in_its_request() -> None:
    """With an application context kept open a named manager's identity does not leak either."""
    app = application(PARTNER_JWT_SECRET_KEY=OTHER_SECRET)
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")
    with app.app_context():
        with app.test_request_context(headers=bearer(mint(secret=OTHER_SECRET))):
            partner.verify_jwt_in_request()
            assert partner.get_jwt_identity() == "alice"
        with app.test_request_context(), pytest.raises(RuntimeError, match=NOT_VERIFIED):
            partner.get_jwt_identity()


def test_getters_outside_a_request() -> None:
    """In a script there is no token, and the message says what would make one."""
    with user_app().app_context():
        for getter in GETTERS.values():
            with pytest.raises(RuntimeError, match=NOT_VERIFIED):
                getter()
        assert flask_signet.get_jwt_request_location() is None


def test_claims_of_one_request_are_its_own() -> None:
    """What a view does to its claims, no other request with the same token sees."""
    app = application(TESTING=True)
    seen = []

    @app.get("/change")
    @jwt_required()
    def change() -> Response:
        claims = flask_signet.get_jwt()
        seen.append(dict(claims))
        claims["sub"] = "changed"
        claims["roles"].append("admin")
        flask_signet.get_jwt_header()["alg"] = "changed"
        return jsonify(changed=True)

    token = mint(roles=["user"], exp=NOW + 60)
    for _ in range(2):
        assert app.test_client().get("/change", headers=bearer(token)).status_code == 200
    assert [claims["sub"] for claims in seen] == ["alice", "alice"]
    header = app.test_client().get("/required", headers=bearer(token)).get_json()["header"]
    assert header["alg"] == "HS256"
    claims = app.test_client().get("/required", headers=bearer(token)).get_json()["claims"]
    assert claims["roles"] == ["user"]
