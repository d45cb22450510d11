"""One application, two libraries: the same requests go to both, and what comes back must be equal.

`Both(...)` builds the application twice, from the same code, once on Flask-JWT-Extended (FJE, the
reference) and once on Flask-Signet (the subject). `Both.ask` sends one request to both, asserts
that the answers are equal and returns it; `Both.run` does so for a function called in a request.

Only this is normalised, each by shape, since it is random or is the time: `jti`, `csrf` (UUID4),
`iat`, `nbf`, `exp`, a timed `fresh`, a token's text, and the date in `Expires`. A 401 of ours must
carry `WWW-Authenticate`, FJE's never does, so that header is looked at apart.

With COMPAT_SUBJECT=flask_jwt_extended both sides are FJE: a check of this folder, not of ours.
"""

import base64
import importlib
import json
import math
import os
import re
import time
from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import Any

import flask_jwt_extended
from flask import Flask, Response, abort, g, got_request_exception, jsonify, request
from flask.testing import FlaskClient

from tests.compat.minting import SECRET

REFERENCE: ModuleType = flask_jwt_extended
SUBJECT_NAME = os.environ.get("COMPAT_SUBJECT", "flask_signet")
SUBJECT: ModuleType = importlib.import_module(SUBJECT_NAME)
SELF_CHECK = SUBJECT is REFERENCE

ALL_LOCATIONS = ["headers", "cookies", "query_string", "json"]
G_NAMES = (
    "_jwt_extended_jwt",
    "_jwt_extended_jwt_header",
    "_jwt_extended_jwt_user",
    "_jwt_extended_jwt_location",
)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

Setup = Callable[[ModuleType, Flask, Any], None]

_JWT = re.compile(r"[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{20,}")
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_EXPIRES = re.compile(r"(?<=Expires=)[^;]+")


# ── the application ──────────────────────────────────────────────────────────────────────────


def submodule(lib: ModuleType, name: str) -> Any:
    """`flask_jwt_extended.<name>`, or what the drop-in has at the same path."""
    return importlib.import_module(f"{lib.__name__}.{name}")


def describe(lib: ModuleType) -> dict[str, Any]:
    """What a view can know of the token that came with the request."""
    seen = {
        "identity": lib.get_jwt_identity(),
        "claims": lib.get_jwt(),
        "header": lib.get_jwt_header(),
        "location": lib.get_jwt_request_location(),
        "g": {name: g.get(name, "<absent>") for name in G_NAMES},
    }
    try:
        seen["user"] = lib.get_current_user()
        seen["proxy"] = bool(lib.current_user == seen["user"])
    except RuntimeError as error:
        seen["user"] = f"RuntimeError: {error}"
    return seen


GUARDS: dict[str, dict[str, Any]] = {
    "required": {},
    "optional": {"optional": True},
    "fresh": {"fresh": True},
    "refresh": {"refresh": True},
    "fresh-refresh": {"fresh": True, "refresh": True},
    "any-type": {"verify_type": False},
    "unrevoked": {"skip_revocation_check": True},
}


def add_views(lib: ModuleType, app: Flask) -> None:
    """The views nearly every test uses: /required and the other guards, /login and its like.

    One rule serves them all, since compiling rules is most of what building an application costs.
    """

    def view() -> Response:
        return jsonify(describe(lib))

    def login() -> Response:
        wanted = request.get_json(silent=True) or {}
        return jsonify(
            access=lib.create_access_token("alice", **wanted.get("access", {})),
            refresh=lib.create_refresh_token("alice", **wanted.get("refresh", {})),
        )

    def login_by_cookie() -> Response:
        answer = jsonify(login=True)
        lib.set_access_cookies(answer, lib.create_access_token("alice"))
        lib.set_refresh_cookies(answer, lib.create_refresh_token("alice"))
        return answer

    def logout() -> Response:
        answer = jsonify(logout=True)
        lib.unset_jwt_cookies(answer)
        return answer

    views: dict[str, Callable[[], Response]] = {
        name: lib.jwt_required(**arguments)(view) for name, arguments in GUARDS.items()
    }
    views |= {"login": login, "login-by-cookie": login_by_cookie, "logout": logout}

    @app.route("/<name>", methods=METHODS)
    def one_of_the_views(name: str) -> Response:
        if name.startswith("at:"):
            lib.verify_jwt_in_request(locations=name.removeprefix("at:").split("+"))
            return view()
        return views[name]() if name in views else abort(404)


def build(
    lib: ModuleType,
    config: Mapping[str, Any] | None = None,
    setup: Setup | None = None,
    *,
    views: bool = True,
    **manager: Any,
) -> Flask:
    """The application on `lib`. Errors that nobody handles become a 500, as in production."""
    app = Flask("compat_app", static_folder=None)
    app.config.update(JWT_SECRET_KEY=SECRET, PROPAGATE_EXCEPTIONS=False)
    app.config.update({name: _own_copy(value) for name, value in (config or {}).items()})
    app.logger.disabled = True
    jwt = lib.JWTManager(app, **manager)
    if views:
        add_views(lib, app)
    if setup is not None:
        setup(lib, app, jwt)
    return app


def _own_copy(value: Any) -> Any:
    return deepcopy(value) if isinstance(value, (list, dict, set)) else copy(value)


# ── what came back ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Raised:
    """An exception, as far as an application can see it.

    Ours may be of a class of its own, if FJE's class (by name) is among its bases.
    """

    classes: tuple[str, ...]
    text: str
    args: Any
    jwt_header: Any
    jwt_data: Any

    @classmethod
    def of(cls, error: BaseException) -> "Raised":
        return cls(
            tuple(kind.__name__ for kind in type(error).__mro__),
            str(error),
            normal(error.args),
            getattr(error, "jwt_header", "<none>"),
            normal(getattr(error, "jwt_data", "<none>")),
        )

    def matches(self, ours: "Raised") -> bool:
        facts = ((one.text, one.args, one.jwt_header, one.jwt_data) for one in (self, ours))
        return self.classes[0] in ours.classes and same(*facts)

    def __repr__(self) -> str:
        extra = "" if self.jwt_header == "<none>" else f" {self.jwt_header} {self.jwt_data}"
        return f"{self.classes[0]}({self.text!r}, args={self.args!r}){extra}"


@dataclass(frozen=True)
class Answer:
    """A response, normalised; two are equal if a client could not tell them apart."""

    status: int
    body: Any
    headers: tuple[tuple[str, str], ...]
    cookies: tuple[str, ...]
    error: Raised | None  # what reached nobody's handler
    record: Any = field(default=None)  # what the application's callbacks noted down
    challenge: str | None = field(default=None, compare=False)

    @property
    def msg(self) -> Any:
        return self.body.get("msg") if isinstance(self.body, dict) else None


def normal(value: Any) -> Any:
    """A value with random and time dependent parts replaced by their shape."""
    if isinstance(value, str) and _JWT.fullmatch(value):
        return _token_shape(value)
    if isinstance(value, Mapping):
        if "jti" in value and "type" in value:
            return _claims_shape(value)
        return {name: normal(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [normal(inner) for inner in value]
    return value


def _token_shape(token: str) -> Any:
    try:
        header, payload = (
            json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]
        )
        return {"<token>": {"header": header, "claims": _claims_shape(payload)}}
    except (ValueError, AttributeError):
        return token


def _claims_shape(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Claims, sorted by name; times as an offset from now or from `iat`, with their type."""
    shape = dict(sorted(claims.items()))
    now, iat = time.time(), claims.get("iat")
    fresh_token = isinstance(iat, int) and abs(now - iat) < 5
    for name in ("jti", "csrf"):
        if isinstance(shape.get(name), str) and _UUID4.fullmatch(shape[name]):
            shape[name] = "<uuid4>"
    if not fresh_token:
        return shape
    for name in ("iat", "nbf", "exp", "fresh"):
        value = shape.get(name)
        if isinstance(value, int | float) and 1e9 < value < 4e9:
            # A time from a clock; the tests' own constants are far from now, and stay as they are.
            shape[name] = f"<{type(value).__name__}: iat + {math.floor(value - iat)}>"
    return shape


def _cookie_shape(header: str) -> str:
    """A Set-Cookie header to the letter, but for a token, a CSRF value and a date in the future."""

    def date(match: re.Match[str]) -> str:
        seconds = parsedate_to_datetime(match[0]).timestamp() - time.time()
        age = re.search(r"Max-Age=(-?\d+)", header)
        if seconds < 0:
            return match[0]
        assert age, f"Expires without Max-Age: {header}"
        assert abs(seconds - int(age[1])) < 5, f"Expires and Max-Age differ: {header}"
        return "<now + Max-Age>"

    header = _EXPIRES.sub(date, header)
    header = _JWT.sub(lambda match: json.dumps(_token_shape(match[0])), header)
    return _UUID4.sub("<uuid4>", header)


_APART = {"content-length", "set-cookie", "www-authenticate"}


def read(response: Any, error: Raised | None = None, record: Any = None) -> Answer:
    body = response.get_json(silent=True)
    if body is None:
        body = response.get_data(as_text=True)
    return Answer(
        status=response.status_code,
        body=normal(body),
        headers=tuple(
            sorted(
                (name.lower(), value)
                for name, value in response.headers.items()
                if name.lower() not in _APART
            )
        ),
        cookies=tuple(_cookie_shape(line) for line in response.headers.getlist("Set-Cookie")),
        error=error,
        record=normal(record),
        challenge=response.headers.get("WWW-Authenticate"),
    )


class Side:
    """One of the two applications, with a client for it."""

    def __init__(self, lib: ModuleType, app: Flask) -> None:
        self.lib, self.app = lib, app
        self.client: FlaskClient = app.test_client()
        self._errors: list[Raised] = []
        got_request_exception.connect(self._note_error, app)

    def _note_error(self, _app: Flask, exception: BaseException, **_: Any) -> None:
        self._errors.append(Raised.of(exception))

    @property
    def record(self) -> list[Any]:
        """Where an application under test notes the calls of its callbacks."""
        return self.app.extensions.setdefault("compat-record", [])

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        cookies: Mapping[str, str] | None = None,
        jar: bool = False,
        **arguments: Any,
    ) -> Answer:
        """One request. `jar=True`: with the cookies the application set before."""
        if cookies:
            arguments["headers"] = {
                **(arguments.get("headers") or {}),
                "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            }
        client = self.client if jar else self.app.test_client(use_cookies=False)
        self._errors.clear()
        self.record.clear()
        with client.open(path, method=method, **arguments) as response:
            error = self._errors[-1] if self._errors else None
            return read(response, error, list(self.record))

    def run(self, action: Callable[[ModuleType], Any], **request_arguments: Any) -> Any:
        """The action's value in a request context, or the exception as comparable facts."""
        with self.app.test_request_context(**request_arguments):
            try:
                return normal(action(self.lib))
            except Exception as error:
                return Raised.of(error)


def same(theirs: Any, ours: Any) -> bool:
    """Equal, and of equal type all the way down: True is not 1, and 1 is not 1.0."""
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        return theirs.keys() == ours.keys() and all(same(theirs[k], ours[k]) for k in theirs)
    if isinstance(theirs, list | tuple) and isinstance(ours, list | tuple):
        return len(theirs) == len(ours) and all(map(same, theirs, ours))
    if isinstance(theirs, Raised) and isinstance(ours, Raised):
        return theirs.matches(ours)
    numbers = (bool, int, float)
    if isinstance(theirs, numbers) or isinstance(ours, numbers):
        both_nan = theirs != theirs and ours != ours  # noqa: PLR0124 # how NaN is told
        return type(theirs) is type(ours) and (both_nan or bool(theirs == ours))
    return bool(theirs == ours)


def check_equal(theirs: Answer, ours: Answer, what: str) -> None:
    """The comparison of two answers; the one place where a difference becomes a failure."""
    __tracebackhide__ = True
    differing = {
        name: (getattr(theirs, name), getattr(ours, name))
        for name in ("status", "body", "headers", "cookies", "error", "record")
        if not same(getattr(theirs, name), getattr(ours, name))
    }
    if differing:
        lines = [f"{what}: the answers differ"]
        for name, (expected, got) in differing.items():
            lines.append(f"  {name}: FJE  {expected!r}")
            lines.append(f"  {' ' * len(name)}  ours {got!r}")
        raise AssertionError("\n".join(lines))


def check_challenge(answer: Answer, what: str) -> None:
    """Every 401 of ours names the scheme that would be accepted (RFC 6750, section 3)."""
    __tracebackhide__ = True
    if answer.status == 401 and not (answer.challenge or "").startswith("Bearer"):
        raise AssertionError(f"{what}: a 401 without a Bearer challenge ({answer.challenge!r})")


class Both:
    """The application on both libraries."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        setup: Setup | None = None,
        *,
        our_setup: Setup | None = None,
        **arguments: Any,
    ) -> None:
        self.theirs = Side(REFERENCE, build(REFERENCE, config, setup, **arguments))
        self.ours = Side(SUBJECT, build(SUBJECT, config, our_setup or setup, **arguments))

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.theirs, self.ours

    def ask_each(self, path: str, **arguments: Any) -> tuple[Answer, Answer]:
        theirs, ours = (side.ask(path, **deepcopy(arguments)) for side in self.sides)
        return theirs, ours

    def ask(self, path: str, *, challenge: bool = True, **arguments: Any) -> Answer:
        """The answer both give. `challenge=False`: the 401 is the application's own response."""
        __tracebackhide__ = True
        what = f"{arguments.get('method', 'GET')} {path}"
        theirs, ours = self.ask_each(path, **arguments)
        check_equal(theirs, ours, what)
        if challenge and not SELF_CHECK:
            check_challenge(ours, what)
        return replace(theirs, challenge=ours.challenge)

    def run_each(self, action: Callable[[ModuleType], Any], **request: Any) -> tuple[Any, Any]:
        theirs, ours = (side.run(action, **deepcopy(request)) for side in self.sides)
        return theirs, ours

    def run(self, action: Callable[[ModuleType], Any], **request: Any) -> Any:
        """What the action gives, or raises, in a request of either application."""
        __tracebackhide__ = True
        theirs, ours = self.run_each(action, **request)
        if not same(theirs, ours):
            raise AssertionError(f"the results differ\n  FJE  {theirs!r}\n  ours {ours!r}")
        return theirs

    def configure(self, **options: Any) -> None:
        """Options changed after init_app, as FJE allows."""
        for side in self.sides:
            side.app.config.update({name: _own_copy(value) for name, value in options.items()})

    def token(self, action: Callable[[ModuleType], str]) -> str:
        """A token issued by the reference, to be shown to both."""
        with self.theirs.app.test_request_context():
            return action(REFERENCE)
