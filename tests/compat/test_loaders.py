"""The 15 loaders: what they are called with, when, in which order, and what their answer does."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from flask import Flask, Response, jsonify, make_response

from tests.compat.harness import SUBJECT, Both, Side, build
from tests.compat.minting import OTHER_SECRET, SECRET, access, bearer, claims, expired, mint

LOADERS = [
    "additional_claims_loader",
    "additional_headers_loader",
    "decode_key_loader",
    "encode_key_loader",
    "expired_token_loader",
    "invalid_token_loader",
    "needs_fresh_token_loader",
    "revoked_token_loader",
    "token_in_blocklist_loader",
    "token_verification_failed_loader",
    "token_verification_loader",
    "unauthorized_loader",
    "user_identity_loader",
    "user_lookup_error_loader",
    "user_lookup_loader",
]

# What each loader's function returns when it lets everything pass, for the order of the calls.
PASSING: dict[str, Callable[..., Any]] = {
    "additional_claims_loader": lambda _identity: {"role": "admin"},
    "additional_headers_loader": lambda _identity: {"kid": "k1"},
    "decode_key_loader": lambda _header, _data: SECRET,
    "encode_key_loader": lambda _identity: SECRET,
    "user_identity_loader": lambda identity: f"id:{identity}",
    "user_lookup_loader": lambda _header, data: {"name": data["sub"]},
    "token_in_blocklist_loader": lambda _header, _data: False,
    "token_verification_loader": lambda _header, _data: True,
}
REFUSING: dict[str, Callable[..., Any]] = {
    "token_in_blocklist_loader": lambda _header, _data: True,
    "token_verification_loader": lambda _header, _data: False,
    "user_lookup_loader": lambda _header, _data: None,
}


def noting(app: Flask, name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
    """A callback that notes its name and arguments in the application's record."""

    def callback(*arguments: Any, **named: Any) -> Any:
        app.extensions["compat-record"].append([name, list(arguments), named])
        return answer(*arguments, **named)

    return callback


def register(**callbacks: Callable[..., Any]) -> Any:
    def setup(_lib: ModuleType, app: Flask, jwt: Any) -> None:
        app.extensions.setdefault("compat-record", [])
        for name, answer in callbacks.items():
            getattr(jwt, name)(noting(app, name, answer))

    return setup


def names(record: list[list[Any]]) -> list[str]:
    return [call[0] for call in record]


def test_the_list_is_all_of_fjes_loaders() -> None:
    """FJE's manager has these 15 loaders and no other."""
    manager = Both().theirs.app.extensions["flask-jwt-extended"]
    assert sorted(name for name in dir(manager) if name.endswith("_loader")) == LOADERS


@pytest.mark.parametrize("name", LOADERS)
def test_a_loader_returns_the_callback_unchanged(name: str) -> None:
    """As a decorator it leaves the function as it was, callable under its own name."""
    jwt = SUBJECT.JWTManager()

    def callback(*_arguments: Any) -> None: ...

    assert getattr(jwt, name)(callback) is callback


@pytest.mark.parametrize("name", LOADERS)
def test_a_loader_takes_its_callback_by_name(name: str) -> None:
    """The parameter is called `callback`, as in FJE."""
    jwt = SUBJECT.JWTManager()

    def callback(*_arguments: Any) -> None: ...

    assert getattr(jwt, name)(callback=callback) is callback


def test_callbacks_may_be_registered_before_init_app() -> None:
    """The factory pattern: a manager gets its callbacks first and its application later."""

    def setup(lib: ModuleType, app: Flask, _jwt: Any) -> None:
        late = Flask("late")
        late.config.update(JWT_SECRET_KEY=SECRET)
        jwt = lib.JWTManager()
        jwt.unauthorized_loader(lambda reason: (jsonify(why=reason), 418))
        jwt.init_app(late)
        late.add_url_rule("/x", "x", lib.jwt_required()(lambda: "x"))

        @app.route("/late")
        def ask_late() -> Response:
            answer = late.test_client().get("/x")
            return make_response(answer.get_json(), answer.status_code)

    answer = Both(setup=setup).ask("/late")
    assert (answer.status, answer.body) == (418, {"why": "Missing Authorization Header"})


def test_callbacks_may_be_replaced_later() -> None:
    """The last registration counts, also after requests were served."""
    both = Both()
    assert both.ask("/required").status == 401
    for status in (418, 499):
        for side in both.sides:
            manager = side.app.extensions["flask-jwt-extended"]
            manager.unauthorized_loader(lambda reason, status=status: (reason, status))
        answer = both.ask("/required")
        assert (answer.status, answer.body) == (status, "Missing Authorization Header")


def test_the_order_and_arguments_when_a_token_is_issued() -> None:
    """Headers, claims, identity and key are asked for in FJE's order, each with the identity."""
    both = Both(setup=register(**PASSING))
    answer = both.ask("/login", method="POST")
    once = [
        "additional_headers_loader",
        "additional_claims_loader",
        "user_identity_loader",
        "encode_key_loader",
    ]
    assert names(answer.record) == once + once
    assert all(call[1] == ["alice"] for call in answer.record)
    for kind in ("access", "refresh"):
        token = answer.body[kind]["<token>"]
        assert token["claims"]["sub"] == "id:alice"
        assert token["claims"]["role"] == "admin"
        assert token["header"] == {"alg": "HS256", "typ": "JWT", "kid": "k1"}


def test_the_order_and_arguments_when_a_token_is_checked() -> None:
    """Key, blocklist, verification, user: in FJE's order, each with header and claims."""
    both = Both(setup=register(**PASSING))
    answer = both.ask("/required", headers=bearer(access()))
    assert answer.status == 200
    assert names(answer.record) == [
        "decode_key_loader",
        "token_in_blocklist_loader",
        "token_verification_loader",
        "user_lookup_loader",
    ]
    assert all(len(call[1]) == 2 and not call[2] for call in answer.record)
    assert answer.body["user"] == {"name": "alice"}


@pytest.mark.parametrize(
    ("path", "make", "last"),
    [
        ("/required", lambda: access(type="refresh"), "decode_key_loader"),
        ("/fresh", access, "decode_key_loader"),
        ("/required", expired, "decode_key_loader"),
        ("/required", lambda: access(sub=...), "decode_key_loader"),
        ("/required", lambda: mint(claims(), OTHER_SECRET), "decode_key_loader"),
        ("/required", lambda: mint(claims(), SECRET, "HS512"), "decode_key_loader"),
        ("/unrevoked", access, "user_lookup_loader"),
        ("/any-type", lambda: access(type="refresh"), "user_lookup_loader"),
    ],
)
def test_a_refused_token_reaches_no_later_callback(
    path: str, make: Callable[[], str], last: str
) -> None:
    """What comes after the failing check is not called, and what comes before is."""
    answer = Both(setup=register(**PASSING)).ask(path, headers=bearer(make()))
    assert names(answer.record)[-1] == last


def test_skip_revocation_check_leaves_out_the_blocklist_only() -> None:
    """The blocklist is not asked; the verification and the user are."""
    answer = Both(setup=register(**PASSING)).ask("/unrevoked", headers=bearer(access()))
    assert names(answer.record) == [
        "decode_key_loader",
        "token_verification_loader",
        "user_lookup_loader",
    ]


@pytest.mark.parametrize("name", REFUSING)
def test_a_refusal_ends_the_checks(name: str) -> None:
    """The first callback that says no is the last that is asked."""
    both = Both(setup=register(**{**PASSING, name: REFUSING[name]}))
    answer = both.ask("/required", headers=bearer(access()))
    assert answer.status in (400, 401)
    assert names(answer.record)[-1] == name


# The seven answers an application can replace: loader, what provokes it, and its arguments.
REPLACED: list[tuple[str, str, Callable[[], dict[str, str]]]] = [
    ("unauthorized_loader", "/required", dict),
    ("invalid_token_loader", "/required", lambda: {"Authorization": "Bearer x"}),
    ("expired_token_loader", "/required", lambda: bearer(expired())),
    ("needs_fresh_token_loader", "/fresh", lambda: bearer(access())),
    ("revoked_token_loader", "/required", lambda: bearer(access())),
    ("user_lookup_error_loader", "/required", lambda: bearer(access())),
    ("token_verification_failed_loader", "/required", lambda: bearer(access())),
]
CAUSE = {
    "revoked_token_loader": "token_in_blocklist_loader",
    "user_lookup_error_loader": "user_lookup_loader",
    "token_verification_failed_loader": "token_verification_loader",
}


def _replaced(name: str, answer: Callable[..., Any]) -> Both:
    callbacks: dict[str, Callable[..., Any]] = {name: answer}
    if name in CAUSE:
        callbacks[CAUSE[name]] = REFUSING[CAUSE[name]]
    return Both(setup=register(**callbacks))


@pytest.mark.parametrize(("name", "path", "headers"), REPLACED, ids=[r[0] for r in REPLACED])
def test_the_applications_own_answer_is_sent(
    name: str, path: str, headers: Callable[[], dict[str, str]]
) -> None:
    """A custom error callback gets FJE's arguments, and its response goes out as it is."""
    both = _replaced(name, lambda *_a: (jsonify(mine=name), 418, {"X-Mine": "1"}))
    answer = both.ask(path, headers=headers())
    assert (answer.status, answer.body) == (418, {"mine": name})
    assert ("x-mine", "1") in answer.headers
    (called,) = [call for call in answer.record if call[0] == name]
    if name in ("unauthorized_loader", "invalid_token_loader"):
        assert [type(argument) for argument in called[1]] == [str]
    else:
        assert [type(argument) for argument in called[1]] == [dict, dict]
        assert called[1][0] == {"alg": "HS256", "typ": "JWT"}
        assert called[1][1]["sub"] == "alice"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda *_a: "text", id="text"),
        pytest.param(lambda *_a: {"a": 1}, id="dict"),
        pytest.param(lambda *_a: ({"a": 1}, 403), id="dict and status"),
        pytest.param(lambda *_a: ("", 204), id="empty"),
        pytest.param(lambda *_a: make_response("x", 499), id="response"),
        pytest.param(lambda *_a: ({"a": 1}, 401), id="a 401 of its own"),
    ],
)
@pytest.mark.parametrize(("name", "path", "headers"), REPLACED, ids=[r[0] for r in REPLACED])
def test_an_answer_may_be_whatever_a_view_may_return(
    name: str,
    path: str,
    headers: Callable[[], dict[str, str]],
    answer: Callable[..., Any],
) -> None:
    """Text, dict, tuple or Response: Flask makes a response of it, as with FJE."""
    _replaced(name, answer).ask(path, headers=headers(), challenge=False)


@pytest.mark.parametrize(
    ("verdict", "status"), [(True, 401), (False, 200), (None, 200), (1, 401), ("", 200)]
)
def test_a_blocklist_verdict_is_taken_by_truth(verdict: Any, status: int) -> None:
    """Anything true means revoked: the documented Redis recipe returns `x is not None`."""
    both = Both(setup=register(token_in_blocklist_loader=lambda *_a: verdict))
    assert both.ask("/required", headers=bearer(access())).status == status


@pytest.mark.parametrize(
    ("verdict", "status"), [(True, 200), (False, 400), (None, 400), (1, 200), ("", 400)]
)
def test_a_verification_verdict_is_taken_by_truth(verdict: Any, status: int) -> None:
    """Anything false means that the claims do not do."""
    both = Both(setup=register(token_verification_loader=lambda *_a: verdict))
    assert both.ask("/required", headers=bearer(access())).status == status


@pytest.mark.parametrize("user", [0, "", [], {}, False, {"name": "a"}])
def test_only_none_means_that_there_is_no_user(user: Any) -> None:
    """A false user other than None is a user."""
    both = Both(setup=register(user_lookup_loader=lambda *_a: user))
    answer = both.ask("/required", headers=bearer(access()))
    assert (answer.status, answer.body["user"]) == (200, user)


def test_an_exception_in_a_callback_is_the_applications() -> None:
    """What a callback raises is not turned into an answer about the token."""

    def broken(*_arguments: Any) -> Any:
        raise LookupError("the database is down")

    for name in ("token_in_blocklist_loader", "user_lookup_loader", "decode_key_loader"):
        answer = Both(setup=register(**{name: broken})).ask("/required", headers=bearer(access()))
        assert answer.status == 500
        assert answer.error is not None
        assert answer.error.classes[0] == "LookupError"


def test_claims_of_the_loader_and_of_the_call_are_merged() -> None:
    """The loader's claims come first, the argument's win; so with headers."""
    loaders = {
        "additional_claims_loader": lambda _i: {"a": "loader", "b": "loader"},
        "additional_headers_loader": lambda _i: {"x": "loader", "y": "loader"},
    }
    answer = Both(setup=register(**loaders)).ask(
        "/login",
        method="POST",
        json={
            kind: {
                "additional_claims": {"b": "call", "c": "call"},
                "additional_headers": {"y": "call", "z": "call"},
            }
            for kind in ("access", "refresh")
        },
    )
    for kind in ("access", "refresh"):
        token = answer.body[kind]["<token>"]
        assert {name: token["claims"][name] for name in "abc"} == {
            "a": "loader",
            "b": "call",
            "c": "call",
        }
        assert {name: token["header"][name] for name in "xyz"} == {
            "x": "loader",
            "y": "call",
            "z": "call",
        }


def test_keys_by_tenant() -> None:
    """The key loaders choose a key by identity and by the unverified token."""
    keys = {"alice": SECRET, "bob": OTHER_SECRET}
    both = Both(
        setup=register(
            encode_key_loader=lambda identity: keys[identity],
            decode_key_loader=lambda _header, data: keys[data["sub"]],
        )
    )
    for identity, key in keys.items():
        token = mint(claims(sub=identity), key)
        assert both.ask("/required", headers=bearer(token)).body["identity"] == identity
    stolen = mint(claims(sub="alice"), OTHER_SECRET)
    assert both.ask("/required", headers=bearer(stolen)).msg == "Signature verification failed"
    for identity in keys:
        token = both.run(lambda lib, identity=identity: lib.create_access_token(identity))
        assert token["<token>"]["claims"]["sub"] == identity


def test_the_decode_key_may_be_bytes() -> None:
    """PyJWT takes a secret as text or bytes, and so did applications."""
    both = Both(setup=register(decode_key_loader=lambda *_a: SECRET.encode()))
    assert both.ask("/required", headers=bearer(access())).status == 200


def test_user_identity_loader_turns_an_object_into_a_claim() -> None:
    """FJE's page about complex objects: identity is an object, `sub` its id, the user its row."""

    class User:
        def __init__(self, number: int, name: str) -> None:
            self.number, self.name = number, name

    def setup(lib: ModuleType, app: Flask, jwt: Any) -> None:
        users = {"1": User(1, "alice"), "2": User(2, "bob")}
        jwt.user_identity_loader(lambda user: str(user.number))
        jwt.user_lookup_loader(lambda _header, data: users.get(data["sub"]))

        @app.post("/sign-in/<number>")
        def sign_in(number: str) -> Any:
            return {"token": lib.create_access_token(identity=users[number])}

        @app.get("/who")
        @lib.jwt_required()
        def who() -> Any:
            return {"id": lib.current_user.number, "name": lib.current_user.name}

    both = Both(setup=setup)
    issued = both.ask("/sign-in/2", method="POST").body["token"]["<token>"]
    assert issued["claims"]["sub"] == "2"
    answer = both.ask("/who", headers=bearer(access(sub="2")))
    assert answer.body == {"id": 2, "name": "bob"}
    assert both.ask("/who", headers=bearer(access(sub="3"))).msg == "Error loading the user 3"


@pytest.mark.parametrize("name", LOADERS)
def test_the_callbacks_are_where_fje_keeps_them(name: str) -> None:
    """FJE's own tests, and some applications', read `jwt._..._callback`."""
    attribute = {
        "additional_claims_loader": "_user_claims_callback",
        "additional_headers_loader": "_jwt_additional_header_callback",
        "token_in_blocklist_loader": "_token_in_blocklist_callback",
    }.get(name, f"_{name.removesuffix('_loader')}_callback")
    for side in Both().sides:
        manager = side.app.extensions["flask-jwt-extended"]
        if name == "user_lookup_loader":
            assert getattr(manager, attribute) is None
        else:
            assert callable(getattr(manager, attribute))

        def callback(*_arguments: Any) -> None: ...

        getattr(manager, name)(callback)
        assert getattr(manager, attribute) is callback


def test_each_application_keeps_its_own_callbacks() -> None:
    """Two managers, two applications: what is registered with one does not show in the other."""
    first = Side(SUBJECT, build(SUBJECT, setup=register(unauthorized_loader=lambda _r: ("1", 418))))
    second = Side(SUBJECT, build(SUBJECT))
    assert first.ask("/required").status == 418
    assert second.ask("/required").status == 401
