"""Callbacks: an application's functions are called and, where they are async, awaited."""

import asyncio
import contextvars
import functools
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from flask import Flask, current_app, g, request

from flask_signet import (
    JWTManager,
    create_access_token,
    get_current_user,
    get_jwt,
    jwt_required,
)
from flask_signet.engine.callbacks import Callbacks, settled
from tests.applications import application
from tests.ids import same_everywhere


async def double(value: int, *, plus: int = 0) -> int:
    await asyncio.sleep(0)
    return 2 * value + plus


class Doubler:
    """An object with an async ``__call__``."""

    async def __call__(self, value: int, *, plus: int = 0) -> int:
        return await double(value, plus=plus)

    async def method(self, value: int, *, plus: int = 0) -> int:
        return await double(value, plus=plus)


class Later:
    """An awaitable that is no coroutine."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __await__(self) -> Iterator[Any]:
        return double(self.value).__await__()


def wrapped(value: int, *, plus: int = 0) -> Awaitable[int]:
    return double(value, plus=plus)


FORMS: dict[str, Callable[..., Any]] = {
    "a function": lambda value, plus=0: 2 * value + plus,
    "an async function": double,
    "a partial of one": functools.partial(double),
    "a lambda around one": lambda value, plus=0: double(value, plus=plus),
    "a function around one": wrapped,
    "an object with an async call": Doubler(),
    "an async method": Doubler().method,
    "an awaitable": lambda value, plus=0: Later(value),
}
EVERY_FORM = pytest.mark.parametrize("form", FORMS)


@pytest.fixture
def app() -> Iterator[Flask]:
    app = application()
    with app.app_context():
        yield app


def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What a callback gives in the current application."""
    return settled(function(*arguments, **named), current_app.async_to_sync)


# ── the result, from both worlds ─────────────────────────────────────────────────────────


@EVERY_FORM
def test_the_result_outside_a_loop(app: Flask, form: str) -> None:
    """From a plain view the caller gets the result, never a coroutine."""
    assert call(FORMS[form], 21) == 42
    if form != "an awaitable":
        assert call(FORMS[form], 20, plus=2) == 42


@EVERY_FORM
def test_the_result_within_a_loop(app: Flask, form: str) -> None:
    """From an async view, whose loop runs already, it is the same."""

    async def view() -> Any:
        return call(FORMS[form], 21)

    assert asyncio.run(view()) == 42


RESULTS = [None, True, False, 0, 5, 1.5, "text", b"bytes", (), [], {}, {1}, object(), Callbacks]


@pytest.mark.parametrize("value", RESULTS, ids=same_everywhere)
def test_any_result_is_given_back_as_it_is(app: Flask, value: Any) -> None:
    """A result is the object itself, whatever it is; a class with __await__ is no awaitable."""

    async def later() -> Any:
        return value

    assert call(lambda: value) is value
    assert call(later) is value
    assert call(lambda: Later) is Later


# ── errors ───────────────────────────────────────────────────────────────────────────────


class OwnError(Exception):
    pass


def fail() -> None:
    raise OwnError("why")


async def fail_later() -> None:
    await asyncio.sleep(0)
    raise OwnError("why")


@pytest.mark.parametrize("function", [fail, fail_later])
def test_errors_come_through(app: Flask, function: Callable[[], Any]) -> None:
    """What a callback raises is raised to the caller, from either world."""

    async def view() -> None:
        call(function)

    with pytest.raises(OwnError, match="why"):
        call(function)
    with pytest.raises(OwnError, match="why"):
        asyncio.run(view())


def test_the_end_of_the_process_comes_through_too(app: Flask) -> None:
    """So is SystemExit, which is no Exception."""

    async def leave() -> None:
        raise SystemExit(3)

    async def view() -> None:
        call(leave)

    with pytest.raises(SystemExit):
        asyncio.run(view())


# ── context ──────────────────────────────────────────────────────────────────────────────

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="nothing")


async def look_around() -> tuple[str, str, str, str]:
    return VARIABLE.get(), current_app.name, g.seen, request.path


@pytest.mark.parametrize("within", [False, True], ids=["outside a loop", "within a loop"])
def test_a_callback_is_in_its_request(app: Flask, within: bool) -> None:
    """A callback sees the request, g and context variables, as the view does."""

    async def view() -> Any:
        return call(look_around)

    with app.test_request_context("/here"):
        g.seen = "g"
        token = VARIABLE.set("set")
        try:
            found = asyncio.run(view()) if within else call(look_around)
        finally:
            VARIABLE.reset(token)
    assert found == ("set", "tests", "g", "/here")


@pytest.mark.parametrize("within", [False, True], ids=["outside a loop", "within a loop"])
def test_a_callback_may_write_to_g(app: Flask, within: bool) -> None:
    """What a callback leaves in g is there for the view."""

    async def leave() -> None:
        g.left = "here"

    async def view() -> None:
        call(leave)

    if within:
        asyncio.run(view())
    else:
        call(leave)
    assert g.left == "here"


def test_no_thread_without_a_need(app: Flask) -> None:
    """A plain function runs in the caller's thread, from an async view as well."""

    async def view() -> Any:
        return call(threading.get_ident), threading.get_ident()

    assert call(threading.get_ident) == threading.get_ident()
    inner, outer = asyncio.run(view())
    assert inner == outer


def test_no_thread_is_left_behind(app: Flask) -> None:
    """What an async view's callbacks need is gone when they are done."""

    async def view() -> None:
        for _ in range(5):
            call(double, 1)

    before = set(threading.enumerate())
    asyncio.run(view())
    assert set(threading.enumerate()) <= before


# ── in requests ──────────────────────────────────────────────────────────────────────────


async def no(*token: Any) -> bool:
    return False


async def yes(*token: Any) -> bool:
    return True


async def claims(identity: Any) -> dict[str, str]:
    return {"loaded": identity}


async def user(*token: Any) -> str:
    return "the user"


async def nobody(*token: Any) -> None:
    return None


async def teapot(*token: Any) -> tuple[str, int]:
    return "teapot", 418


@pytest.mark.parametrize("kind", ["view", "async view"])
@pytest.mark.parametrize(
    ("loaders", "status"),
    [
        ({}, 200),
        ({"token_verification": yes, "token_in_blocklist": no, "user_lookup": user}, 200),
        ({"token_verification": no}, 400),
        ({"token_verification": lambda header, payload: no(payload)}, 400),
        ({"token_verification": functools.partial(no)}, 400),
        ({"token_in_blocklist": yes}, 401),
        ({"user_lookup": nobody}, 401),
        ({"token_verification": no, "token_verification_failed": teapot}, 418),
        ({"token_in_blocklist": yes, "revoked_token": teapot}, 418),
        ({"user_lookup": nobody, "user_lookup_error": teapot}, 418),
    ],
)
def test_async_loaders_decide(loaders: dict[str, Any], status: int, kind: str) -> None:
    """The answer of an async loader counts: an unawaited coroutine, truthy, would let all in."""
    manager = JWTManager()
    manager.additional_claims_loader(claims)
    for name, loader in loaders.items():
        getattr(manager, f"{name}_loader")(loader)
    app = application(manager=manager)

    def view() -> dict[str, Any]:
        found = get_current_user() if "user_lookup" in loaders else "the user"
        return {"loaded": get_jwt()["loaded"], "user": found}

    async def async_view() -> dict[str, Any]:
        await asyncio.sleep(0)
        return view()

    app.add_url_rule("/", view_func=jwt_required()(async_view if kind == "async view" else view))
    with app.app_context():
        token = create_access_token("alice")
    answer = app.test_client().get("/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == status
    if status == 200:
        assert answer.json == {"loaded": "alice", "user": "the user"}


def test_async_loaders_for_making_tokens_in_an_async_view() -> None:
    """A token can be made in an async view by async loaders."""
    manager = JWTManager()
    manager.additional_claims_loader(claims)
    manager.user_identity_loader(user)
    app = application(manager=manager)

    @app.get("/")
    async def login() -> str:
        return create_access_token("alice")

    token = app.test_client().get("/").text
    with app.app_context():
        found = manager.decode_token(token)
    assert (found["sub"], found["loaded"]) == ("the user", "alice")


UNDER_GEVENT = """
from gevent import monkey
monkey.patch_all()
import asyncio
import gevent
from flask import request
from flask_signet import JWTManager, create_access_token, get_current_user, jwt_required
from tests.applications import application

manager = JWTManager()
inside = 0
most = 0

@manager.token_verification_loader
async def verify(header, payload):
    global inside, most
    inside += 1
    most = max(most, inside)
    while most < 5:  # all of them wait here until the last has come
        await asyncio.sleep(0.001)
    inside -= 1
    return payload["sub"] == request.args["for"]

@manager.user_lookup_loader
async def user(header, payload):
    await asyncio.sleep(0)
    return payload["sub"] + "!"

app = application(manager=manager)

@app.get("/")
@jwt_required()
def view():
    return get_current_user()

def ask(name):
    with app.app_context():
        token = create_access_token(name)
    headers = {"Authorization": f"Bearer {token}"}
    good = app.test_client().get(f"/?for={name}", headers=headers)
    bad = app.test_client().get("/?for=nobody", headers=headers)
    return good.status_code, good.text, bad.status_code

asked = [gevent.spawn(ask, f"user {number}") for number in range(5)]
gevent.joinall(asked, timeout=30, raise_error=True)
for number, greenlet in enumerate(asked):
    assert greenlet.value == (200, f"user {number}!", 400), greenlet.value
assert most == 5
"""


def test_async_loaders_under_gevent() -> None:
    """Requests wait in their async callbacks at the same time, each in its own context.

    In a process of its own: what gevent replaces stays replaced.
    """
    done = subprocess.run(
        [sys.executable, "-c", UNDER_GEVENT],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_fields_are_the_loaders() -> None:
    """There is one loader for each field, and it gives its function back unchanged."""
    manager = JWTManager()
    names = [field.name for field in fields(Callbacks)]
    assert len(names) >= 15  # Flask-JWT-Extended's, and our own
    for name in names:
        function = functools.partial(print, name)
        assert getattr(manager.callbacks, name) is None
        assert getattr(manager, f"{name}_loader")(function) is function
        assert getattr(manager.callbacks, name) is function
