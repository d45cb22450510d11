"""The harness itself: it must fail when two applications differ, else the rest proves nothing."""

from types import ModuleType
from typing import Any

import pytest
from flask import Flask, Response, make_response

from tests.compat.harness import REFERENCE, Answer, Both, build, check_challenge, normal
from tests.compat.minting import SECRET, access, bearer

DIFFERENCES: dict[str, tuple[Any, Any]] = {
    "status": (lambda: ("same", 200), lambda: ("same", 201)),
    "body": (lambda: {"a": 1}, lambda: {"a": 2}),
    "type of a value": (lambda: {"a": 1}, lambda: {"a": 1.5}),
    "one key more": (lambda: {"a": 1}, lambda: {"a": 1, "b": 2}),
    "content type": (
        lambda: Response("{}", mimetype="application/json"),
        lambda: Response("{}", mimetype="application/problem+json"),
    ),
    "another header": (
        lambda: Response("x"),
        lambda: Response("x", headers={"Cache-Control": "no-store"}),
    ),
    "cookie attribute": (
        lambda: _cookie(httponly=True),
        lambda: _cookie(httponly=False),
    ),
    "cookie max-age": (lambda: _cookie(max_age=10), lambda: _cookie(max_age=11)),
    "number of cookies": (lambda: _cookie(max_age=None), lambda: Response("x")),
    "claim missing": (lambda: {"t": access()}, lambda: {"t": access(nbf=...)}),
    "claim type": (lambda: {"t": access(fresh=False)}, lambda: {"t": access(fresh=0)}),
    "exception": (lambda: 1 / 0, lambda: {}["x"]),
    "exception text": (lambda: int("x"), lambda: int("y")),
}


def _cookie(**attributes: Any) -> Response:
    answer = make_response("x")
    answer.set_cookie("c", access(), **attributes)
    return answer


def _answering(make: Any) -> Any:
    def setup(_lib: ModuleType, app: Flask, _jwt: Any) -> None:
        app.add_url_rule("/different", "different", make)

    return setup


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_is_a_failure(name: str) -> None:
    """Two applications that differ in one thing a client can see do not pass."""
    theirs, ours = DIFFERENCES[name]
    both = Both(setup=_answering(theirs), our_setup=_answering(ours))
    with pytest.raises(AssertionError, match="the answers differ"):
        both.ask("/different", challenge=False)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_same_application_passes(name: str) -> None:
    """The same code on both sides is no difference."""
    theirs, _ = DIFFERENCES[name]
    both = Both(setup=_answering(theirs), our_setup=_answering(theirs))
    assert isinstance(both.ask("/different", challenge=False), Answer)


def test_a_noted_call_that_differs_is_a_failure() -> None:
    """What callbacks note down is compared too."""

    def noting(value: str) -> Any:
        def setup(_lib: ModuleType, app: Flask, _jwt: Any) -> None:
            @app.route("/note")
            def note() -> str:
                app.extensions["compat-record"].append(value)
                return "x"

        return setup

    both = Both(setup=noting("a"), our_setup=noting("b"))
    with pytest.raises(AssertionError, match="record"):
        both.ask("/note")


def test_a_result_that_differs_is_a_failure() -> None:
    """`run` compares values and exceptions."""
    both, seen = Both(), iter("ab")
    with pytest.raises(AssertionError, match="the results differ"):
        both.run(lambda _lib: next(seen))


def test_a_401_needs_a_challenge() -> None:
    """An answer of ours with status 401 and no `WWW-Authenticate: Bearer` does not pass."""
    both = Both()
    theirs, _ = both.ask_each("/required")
    assert theirs.status == 401
    assert theirs.challenge is None
    with pytest.raises(AssertionError, match="without a Bearer challenge"):
        check_challenge(theirs, "GET /required")


def test_different_configurations_are_a_failure() -> None:
    """An option that one side does not follow is found by the ordinary requests."""
    both = Both()
    both.ours.app.config["JWT_ERROR_MESSAGE_KEY"] = "error"
    with pytest.raises(AssertionError, match="body"):
        both.ask("/required")


def test_only_shapes_are_normalised() -> None:
    """A token just issued shows its claims' types and offsets; nothing else is hidden."""
    app = build(REFERENCE)
    with app.test_request_context():
        shape = normal(REFERENCE.create_access_token("alice", fresh=True))["<token>"]
    assert shape == {
        "header": {"alg": "HS256", "typ": "JWT"},
        "claims": {
            "csrf": "<uuid4>",
            "exp": "<int: iat + 900>",
            "fresh": True,
            "iat": "<int: iat + 0>",
            "jti": "<uuid4>",
            "nbf": "<int: iat + 0>",
            "sub": "alice",
            "type": "access",
        },
    }


def test_the_reference_is_the_published_library() -> None:
    """The reference is Flask-JWT-Extended itself, and it accepts what PyJWT minted."""
    assert REFERENCE.__name__ == "flask_jwt_extended"
    assert REFERENCE.JWTManager.__module__ == "flask_jwt_extended.jwt_manager"
    app = build(REFERENCE, {"JWT_SECRET_KEY": SECRET})
    answer = app.test_client().get("/required", headers=bearer(access()))
    assert answer.status_code == 200
