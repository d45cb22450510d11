"""Every refusal's answer: status, body, challenge; by default, in each format, by a loader.

And what no answer ever holds: a piece of the token that was refused.
"""

import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask, Response, jsonify, make_response, redirect
from hypothesis import given
from hypothesis import strategies as st

import flask_signet
from flask_signet import JWTManager, jwt_required, verify_jwt_in_request
from flask_signet.exceptions import (
    CSRFError,
    ExpiredSignatureError,
    FreshTokenRequired,
    InvalidHeaderError,
    JWTDecodeError,
    MissingRequiredClaimError,
    NoAuthorizationError,
    RevokedTokenError,
    SignetError,
    StoreUnavailableError,
    UserClaimsVerificationError,
    UserLookupError,
    WrongTokenError,
)
from tests.applications import (
    CSRF,
    NOW,
    OTHER_SECRET,
    PROFILES,
    SECRET,
    application,
    bearer,
    claims,
    expired,
    manager,
    mint,
    set_clock,
    signed,
)
from tests.conftest import Clock
from tests.jose.effort import examples

BAD_HEADER = "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'"
INVALID = 'Bearer error="invalid_token"'
MALFORMED = 'Bearer error="invalid_request"'
BOUND = {"aud": "audience-of-this-app", "iss": "issuer-of-this-app"}


@pytest.fixture(autouse=True)
def _time(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    set_clock(monkeypatch, clock)


def refusing_app(profile: str = "compatible", **options: Any) -> Flask:
    """An application that has a reason to refuse each of the tokens below."""
    app = application(
        profile,
        JWT_TOKEN_LOCATION=["headers", "cookies", "query_string"],
        JWT_QUERY_STRING_VALUE_PREFIX="token:",
        JWT_DECODE_AUDIENCE=BOUND["aud"],
        JWT_DECODE_ISSUER=BOUND["iss"],
        **options,
    )
    jwt = manager(app)
    jwt.token_in_blocklist_loader(lambda _header, data: "revoked" in data)
    jwt.token_verification_loader(lambda _header, data: "refused" not in data)
    jwt.user_lookup_loader(lambda _header, data: None if "gone" in data else data["sub"])
    return app


# ── the table ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Refusal:
    """One reason to refuse: the request, and the answer by default.

    ``claims`` and ``header`` go into a token that is good otherwise; ``token`` is another text
    for it. ``code`` is the stable word, ``loader`` the function that may answer instead,
    ``status`` the answer in the drop-in and in strict.
    """

    code: str
    status: tuple[int, int]
    text: str
    loader: str = "invalid_token"
    challenge: str = INVALID
    guard: str = "required"
    claims: dict[str, Any] | None = None
    make: Callable[[dict[str, Any]], str] = lambda changes: mint(**{**BOUND, **changes})
    place: str = "headers"
    prefix: str = "Bearer "
    csrf: str | None = None

    def token(self, **more: Any) -> str:
        return self.make({**(self.claims or {}), **more})

    def request(self, app: Flask, token: str | None = None) -> dict[str, Any]:
        """The arguments that a test client, or a request context, makes the request from."""
        token = self.token() if token is None else token
        found: dict[str, Any] = {"path": f"/{self.guard}", "method": "POST"}
        if self.place == "headers":
            found["headers"] = {"Authorization": f"{self.prefix}{token}"}
        elif self.place == "query_string":
            found["query_string"] = {"jwt": f"{self.prefix}{token}"}
        elif self.place == "cookies":
            cookie = app.config["JWT_ACCESS_COOKIE_NAME"]
            found["headers"] = {"Cookie": f"{cookie}={token}"}
            if self.csrf:
                found["headers"]["X-CSRF-TOKEN"] = self.csrf
        return found

    def send(self, app: Flask, **changes: Any) -> Any:
        return app.test_client(use_cookies=False).open(**{**self.request(app), **changes})


def unsigned(changes: dict[str, Any]) -> str:
    return signed(claims(**BOUND, **changes), header={"alg": "none", "typ": "at+jwt"})


def forged(changes: dict[str, Any]) -> str:
    return mint(secret=OTHER_SECRET, **BOUND, **changes)


REFUSALS: dict[str, Refusal] = {
    "missing": Refusal(
        "token_missing",
        (401, 401),
        "Missing JWT in headers, cookies or query_string (Missing Authorization Header; "
        "Missing cookie \"{cookie}\"; Missing 'jwt' query paramater)",
        "unauthorized",
        "Bearer",
        place="nowhere",
    ),
    "malformed header": Refusal(
        "invalid_request", (422, 400), BAD_HEADER, challenge=MALFORMED, prefix="Bearer x "
    ),
    "malformed query": Refusal(
        "invalid_request",
        (422, 400),
        "Invalid value for query parameter 'jwt'. Expected the value to start with 'token:'",
        challenge=MALFORMED,
        place="query_string",
        prefix="",
    ),
    "CSRF missing": Refusal(
        "csrf_failed", (401, 401), "Missing CSRF token", "unauthorized", place="cookies"
    ),
    "CSRF wrong": Refusal(
        "csrf_failed",
        (401, 401),
        "CSRF double submit tokens do not match",
        "unauthorized",
        place="cookies",
        csrf=CSRF[::-1],
    ),
    "CSRF claim missing": Refusal(
        "invalid_token",
        (422, 401),
        "Missing claim: csrf",
        place="cookies",
        csrf=CSRF,
        claims={"csrf": ...},
    ),
    "not a token": Refusal(
        "malformed_token", (422, 401), "Not enough segments", make=lambda _c: "x" * 40
    ),
    "too long": Refusal(
        "malformed_token", (422, 401), "Token is too long", claims={"pad": "pad-" * 5000}
    ),
    "forged": Refusal(
        "invalid_signature", (422, 401), "Signature verification failed", make=forged
    ),
    "unsigned": Refusal(
        "invalid_algorithm", (422, 401), "The specified alg value is not allowed", make=unsigned
    ),
    "expired": Refusal(
        "token_expired",
        (401, 401),
        "Token has expired",
        "expired_token",
        make=lambda changes: expired(**BOUND, **changes),
    ),
    "not yet valid": Refusal(
        "token_not_yet_valid",
        (422, 401),
        "The token is not yet valid (nbf)",
        claims={"nbf": NOW + 60},
    ),
    "audience": Refusal(
        "invalid_audience",
        (422, 401),
        "Audience doesn't match",
        claims={"aud": "audience-of-another-app"},
    ),
    "issuer": Refusal(
        "invalid_issuer", (422, 401), "Invalid issuer", claims={"iss": "issuer-of-another-app"}
    ),
    "issuer missing": Refusal(
        "missing_claim", (422, 401), 'Token is missing the "iss" claim', claims={"iss": ...}
    ),
    "identity missing": Refusal(
        "invalid_token", (422, 401), "Missing claim: sub", claims={"sub": ...}
    ),
    "wrong type": Refusal(
        "wrong_token_type",
        (422, 401),
        "Only non-refresh tokens are allowed",
        claims={"type": "refresh"},
    ),
    "not fresh": Refusal(
        "fresh_token_required",
        (401, 401),
        "Fresh token required",
        "needs_fresh_token",
        'Bearer error="insufficient_user_authentication"',  # RFC 9470 section 3
        guard="fresh",
    ),
    "revoked": Refusal(
        "token_revoked",
        (401, 401),
        "Token has been revoked",
        "revoked_token",
        claims={"revoked": True},
    ),
    "refused by the application": Refusal(
        "claims_rejected",
        (400, 401),
        "User claims verification failed",
        "token_verification_failed",
        claims={"refused": True},
    ),
    "user gone": Refusal(
        "user_not_found",
        (401, 401),
        "Error loading the user{user}",
        "user_lookup_error",
        claims={"gone": True},
    ),
}
STRICT_ONLY = {
    "two tokens": Refusal(
        "invalid_request",
        (0, 400),
        "The request has more than one token",
        challenge=MALFORMED,
        prefix="Bearer x, Bearer ",
    ),
    "expiry missing": Refusal(
        "missing_claim", (0, 401), 'Token is missing the "exp" claim', claims={"exp": ...}
    ),
}
CASES = [(profile, name) for profile in PROFILES for name in REFUSALS]
CASES += [("strict", name) for name in STRICT_ONLY]


def refusal(name: str) -> Refusal:
    return {**REFUSALS, **STRICT_ONLY}[name]


def expected(profile: str, name: str) -> tuple[int, str]:
    row = refusal(name)
    strict = profile == "strict"
    cookie = "__Host-access_token" if strict else "access_token_cookie"
    text = row.text.format(cookie=cookie, user="" if strict else " alice")
    return row.status[strict], text


# ── the default answers ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("profile", "name"), CASES)
@pytest.mark.parametrize("error_format", ["msg", "coded", "problem"])
def test_default_answer(profile: str, name: str, error_format: str) -> None:
    """Each refusal has one status, one code and one text, whatever the format of the body."""
    app = refusing_app(profile, JWT_ERROR_FORMAT=error_format)
    response = refusal(name).send(app)
    status, text = expected(profile, name)
    code = refusal(name).code
    assert response.status_code == status
    if error_format == "problem":  # RFC 9457 section 3.1
        assert response.content_type == "application/problem+json"
        assert response.get_json() == {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": text,
            "error": code,
        }
    else:
        assert response.content_type == "application/json"
        body = {"msg": text} if error_format == "msg" else {"msg": text, "error": code}
        assert response.get_json() == body


@pytest.mark.parametrize(("profile", "name"), CASES)
def test_challenge(profile: str, name: str) -> None:
    """Every 401 says what was wrong as RFC 6750 does, and nothing where nothing was sent."""
    response = refusal(name).send(refusing_app(profile))
    challenge = response.headers.get("WWW-Authenticate")
    assert challenge == (refusal(name).challenge if response.status_code == 401 else None)


@pytest.mark.parametrize(("profile", "error_format"), [("compatible", "msg"), ("strict", "coded")])
def test_format_of_the_profile(profile: str, error_format: str) -> None:
    """The drop-in's bodies are Flask-JWT-Extended's; strict's have the code."""
    assert refusing_app(profile).config["JWT_ERROR_FORMAT"] == error_format


def test_message_key() -> None:
    """JWT_ERROR_MESSAGE_KEY names the member with the text."""
    app = refusing_app(JWT_ERROR_MESSAGE_KEY="message")
    assert REFUSALS["expired"].send(app).get_json() == {"message": "Token has expired"}


def test_status_is_an_option_of_its_own() -> None:
    """JWT_RFC6750_STATUS alone makes a 422 the 401 that RFC 6750 section 3.1 asks for."""
    response = REFUSALS["forged"].send(refusing_app(JWT_RFC6750_STATUS=True))
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, INVALID)


@pytest.mark.parametrize("refusal", ["malformed header", "malformed query"])
def test_status_of_a_malformed_request(refusal: str) -> None:
    """JWT_RFC6750_STATUS alone makes it the 400 of RFC 6750 section 3.1; a 422 without."""
    for option, status in ((False, 422), (True, 400)):
        response = REFUSALS[refusal].send(refusing_app(JWT_RFC6750_STATUS=option))
        assert response.status_code == status


def test_head_request() -> None:
    """A HEAD request gets the status and the headers, and no body."""
    app = refusing_app()
    app.add_url_rule("/page", view_func=jwt_required()(lambda: "in"), methods=["GET"])
    response = app.test_client().head("/page", headers=bearer("x"))
    assert (response.status_code, response.data) == (422, b"")
    assert response.content_type == "application/json"


def test_after_request_sees_the_refusal() -> None:
    """What the application does to every response (CORS, logging), it does to a refusal."""
    app = refusing_app()

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers["X-Seen"] = str(response.status_code)
        return response

    assert REFUSALS["forged"].send(app).headers["X-Seen"] == "422"


# ── the application's answers ────────────────────────────────────────────────────────────

LOADERS = sorted({row.loader for row in REFUSALS.values()})


def load(app: Flask, name: str, callback: Callable[..., Any]) -> None:
    getattr(manager(app), f"{name}_loader")(callback)


def load_all(app: Flask, callback: Callable[..., Any]) -> None:
    for name in LOADERS:
        load(app, name, callback)


@pytest.mark.parametrize(("profile", "name"), CASES)
def test_loader_answers(profile: str, name: str) -> None:
    """Each refusal asks its loader and no other, once, with the text or the token."""
    app = refusing_app(profile)
    calls: list[tuple[str, tuple[Any, ...]]] = []
    for loader in LOADERS:

        def callback(*arguments: Any, _loader: str = loader) -> Any:
            calls.append((_loader, arguments))
            return jsonify(own=_loader), 418

        load(app, loader, callback)
    row = refusal(name)
    response = row.send(app)
    assert (response.status_code, response.get_json()) == (418, {"own": row.loader})
    ((asked, arguments),) = calls
    assert asked == row.loader
    if row.loader in ("unauthorized", "invalid_token"):
        assert arguments == (expected(profile, name)[1],)
    else:
        header, payload = arguments
        assert (header["alg"], payload["sub"]) == ("HS256", "alice")


@pytest.mark.parametrize(
    "make",
    [
        lambda *_: (jsonify(own=True), 401),
        lambda *_: ({"own": True}, 401),
        lambda *_: ({"own": True}, 401, {"X-Own": "yes"}),
        lambda *_: make_response(jsonify(own=True), 401),
        lambda *_: Response('{"own": true}', 401, content_type="application/json"),
    ],
    ids=["tuple", "dict", "with headers", "made", "response"],
)
@pytest.mark.parametrize("name", REFUSALS)
def test_loaders_401_gets_the_challenge(name: str, make: Callable[..., Any]) -> None:
    """A loader's 401, in any form that Flask takes, has the challenge that it would have had."""
    app = refusing_app()
    load_all(app, make)
    response = REFUSALS[name].send(app)
    assert (response.status_code, response.get_json()) == (401, {"own": True})
    assert response.headers["WWW-Authenticate"] == REFUSALS[name].challenge


def test_loaders_own_challenge_stays() -> None:
    """Where a loader sets the challenge itself, that is the one."""
    app = refusing_app()
    load_all(app, lambda *_: ("no", 401, {"WWW-Authenticate": 'Bearer realm="x"'}))
    response = REFUSALS["expired"].send(app)
    assert response.headers.getlist("WWW-Authenticate") == ['Bearer realm="x"']


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda *_: redirect("/login"), 302),
        (lambda *_: ("gone", 410), 410),
        (lambda *_: "fine", 200),
        (lambda *_: Response(status=204), 204),
    ],
)
def test_loader_may_answer_anything(answer: Callable[..., Any], status: int) -> None:
    """A loader that is no 401 has no challenge: a page may send its visitor to the log-in."""
    app = refusing_app()
    load_all(app, answer)
    response = REFUSALS["missing"].send(app)
    assert response.status_code == status
    assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize(("profile", "name"), CASES)
def test_loader_with_nothing_to_say(profile: str, name: str) -> None:
    """A loader that returns None leaves the answer to the default, to the letter."""
    app = refusing_app(profile)
    plain = refusal(name).send(app)
    calls: list[Any] = []
    load_all(app, lambda *arguments: calls.append(arguments))
    response = refusal(name).send(app)
    assert len(calls) == 1
    assert (response.status_code, response.data) == (plain.status_code, plain.data)
    assert response.headers == plain.headers


@pytest.mark.parametrize("loader", LOADERS)
def test_async_loader(loader: str) -> None:
    """An async loader's coroutine is awaited."""
    app = refusing_app()

    async def callback(*_arguments: Any) -> Any:
        return {"own": True}, 418

    load(app, loader, callback)
    name = next(name for name, row in REFUSALS.items() if row.loader == loader)
    assert REFUSALS[name].send(app).get_json() == {"own": True}


def test_no_loader_is_asked_about_an_error_that_is_caught() -> None:
    """A loader may log or count: it is asked for answers, not for errors that nobody sends."""
    app = refusing_app()
    calls: list[Any] = []
    load_all(app, lambda *arguments: calls.append(arguments))

    @app.post("/try")
    def attempt() -> Response:
        try:
            verify_jwt_in_request()
        except SignetError as error:
            return jsonify(str(error), repr(error), error.error_code, error.status)
        return jsonify("in")

    for name, row in REFUSALS.items():
        guard = row.request(app)
        response = row.send(app, path="/try")
        assert response.status_code == 200, (name, guard["path"])
    assert calls == []


def test_exception_of_a_loader_is_the_applications() -> None:
    """A loader that fails fails loudly: it is not mistaken for an answer."""
    app = refusing_app(TESTING=True)
    load_all(app, lambda *_: {}["missing"])
    with pytest.raises(KeyError, match="missing"):
        REFUSALS["forged"].send(app)


# ── errors that the application raises itself ────────────────────────────────────────────

RAISED: dict[str, tuple[SignetError, int, str]] = {
    "missing": (NoAuthorizationError("log in first"), 401, "log in first"),
    "no text": (NoAuthorizationError(), 401, ""),
    "CSRF": (CSRFError("no"), 401, "no"),
    "header": (InvalidHeaderError("bad"), 422, "bad"),
    "decode": (JWTDecodeError("what?"), 422, "what?"),
    "type": (WrongTokenError("other kind"), 422, "other kind"),
    "revoked": (RevokedTokenError({}, {}), 401, "Token has been revoked"),
    "fresh": (FreshTokenRequired("m", {}, {}), 401, "Fresh token required"),
    "user": (UserLookupError("m", {}, {"sub": "bob"}), 401, "Error loading the user bob"),
    "claims": (UserClaimsVerificationError("m", {}, {}), 400, "User claims verification failed"),
    "expired": (ExpiredSignatureError("m"), 401, "Token has expired"),
    "claim": (MissingRequiredClaimError("tenant"), 422, 'Token is missing the "tenant" claim'),
    "root": (SignetError("no"), 422, "no"),
}


@pytest.mark.parametrize("name", RAISED)
@pytest.mark.parametrize("loaders", [False, True])
def test_error_raised_by_the_application(name: str, loaders: bool) -> None:
    """An application that raises one of our errors, in a view or before it, gets our answer."""
    error, status, text = RAISED[name]
    app = refusing_app()
    if loaders:
        load_all(app, lambda *arguments: ({"own": len(arguments)}, 401))

    def fail() -> None:
        raise type(error)(*error.args) if not hasattr(error, "jwt_data") else copy(error)

    app.add_url_rule("/fail", view_func=fail)
    response = app.test_client().get("/fail")
    if loaders:
        assert response.status_code == 401
        assert response.get_json()["own"] in (1, 2)
    else:
        assert (response.status_code, response.get_json()) == (status, {"msg": text})
    assert ("WWW-Authenticate" in response.headers) is (response.status_code == 401)


def copy(error: Any) -> SignetError:
    """Another error of the same kind about the same token."""
    given = (error.jwt_header, error.jwt_data)
    made = type(error)
    return made(*given) if made is RevokedTokenError else made(str(error), *given)


@pytest.mark.parametrize("function", [flask_signet.decode_token, flask_signet.get_jti])
def test_error_of_a_function_outside_a_guard(function: Callable[[str], Any]) -> None:
    """A token that a view decodes itself, and that is bad, is answered like a guard's."""
    app = refusing_app()
    app.add_url_rule("/decode", view_func=lambda: jsonify(function("rubbish")))
    response = app.test_client().get("/decode")
    assert (response.status_code, response.get_json()) == (422, {"msg": "Not enough segments"})


def test_application_with_a_named_manager_only() -> None:
    """An error that the application raises is answered where only a named manager is at hand."""
    app = Flask("named")
    app.config.update(PARTNER_JWT_SECRET_KEY=SECRET)
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")

    def fail() -> None:
        raise NoAuthorizationError("log in first")

    app.add_url_rule("/fail", view_func=fail)
    app.add_url_rule("/guarded", view_func=partner.jwt_required()(lambda: "in"))
    for path in ("/guarded", "/fail"):
        response = app.test_client().get(path)
        assert response.status_code == 401
        assert "msg" in response.get_json()
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_each_manager_answers_for_itself() -> None:
    """A named manager's loaders and formats answer its refusals, the unnamed one's the others."""
    app = refusing_app(PARTNER_JWT_SECRET_KEY=OTHER_SECRET, PARTNER_JWT_ERROR_MESSAGE_KEY="partner")
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")
    partner.expired_token_loader(lambda _header, data: ({"partner": data["sub"]}, 401))
    load(app, "unauthorized", lambda reason: ({"ours": reason}, 401))
    app.add_url_rule("/partner", view_func=partner.jwt_required()(lambda: "in"), methods=["POST"])
    client = app.test_client()
    missing = client.post("/partner")
    assert missing.get_json() == {"partner": "Missing Authorization Header"}
    old = expired(**BOUND)
    theirs = client.post("/partner", headers=bearer(mint(secret=OTHER_SECRET, exp=NOW)))
    assert theirs.get_json() == {"partner": "alice"}
    assert "ours" in client.post("/required").get_json()
    ours = client.post("/required", headers=bearer(old))
    assert ours.get_json() == {"msg": "Token has expired"}


# ── nothing of the token in any answer (E11) ─────────────────────────────────────────────

WINDOW = 8


def windows(text: str) -> Iterator[str]:
    yield from (text[start : start + WINDOW] for start in range(len(text) - WINDOW + 1))


def said(app: Flask, row: Refusal, token: str, log: list[str]) -> dict[str, str]:
    """All that a refusal says, to the client, to the log, and to whoever catches the error."""
    log.clear()
    arguments = row.request(app, token)
    response = app.test_client(use_cookies=False).open(**arguments)
    assert 400 <= response.status_code < 500
    with app.test_request_context(**arguments):
        view = app.view_functions[row.guard]
        with pytest.raises(SignetError) as caught:
            view()
        error = caught.value
        shown = "".join(traceback.format_exception(error))
    return {
        "body": response.text,
        "headers": str(response.headers),
        "log": "\n".join(log),
        "str": str(error),
        "repr": repr(error),
        "description": error.description,
        "args": repr(error.args),
        "traceback": shown,
    }


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {self.format(record)} {record.args!r}")


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Every line that any logger writes, at any level."""
    root, handler = logging.getLogger(), _Lines()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(level)


SAYING = ["body", "headers", "log", "str", "repr", "description", "args", "traceback"]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", [name for name in REFUSALS if name != "missing"])
def test_nothing_of_the_token_is_repeated(profile: str, name: str, log: list[str]) -> None:
    """No answer, log line, message or traceback has eight characters of the refused token (E11)."""
    app = refusing_app(profile)
    row = REFUSALS[name]
    token = row.token(note="Zq7-vN2x!kR9_tL4:wB6")
    pieces = set(windows(token))
    for part, text in said(app, row, token, log).items():
        assert not [piece for piece in pieces if piece in text], part


IDENTITY, NOTE = "Zq7vN2xkR9tL4wB6", "Hm4cJ8pyW3sD5gTu"


@pytest.mark.parametrize("name", [n for n in REFUSALS if n not in ("missing", "not a token")])
def test_no_claim_is_repeated(name: str, log: list[str]) -> None:
    """In strict no identity, claim or header of the refused token is repeated anywhere (E11).

    The audit alone says whose token it was, where that was proved; and nothing else of it.
    """
    app = refusing_app("strict")
    row = REFUSALS[name]
    own = {"sub": IDENTITY, "jti": IDENTITY, "note": NOTE}
    token = row.token(**{key: value for key, value in own.items() if key not in (row.claims or {})})
    for part, text in said(app, row, token, log).items():
        lines = text.splitlines()
        others = "\n".join(each for each in lines if not each.startswith("flask_signet.audit: "))
        assert not [piece for piece in windows(IDENTITY) if piece in others], part
        assert not [piece for piece in windows(NOTE) if piece in text], part


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("where", ["kid", "alg", "typ", "crit", "zip", "jwk", "x-unknown"])
def test_no_header_is_repeated(profile: str, where: str, log: list[str]) -> None:
    """A header of the token that names something comes back in no answer (E11, B3, B4)."""
    value: Any = [IDENTITY] if where == "crit" else IDENTITY
    token = mint(secret=OTHER_SECRET, header={where: value, IDENTITY: 1})
    for part, text in said(refusing_app(profile), REFUSALS["forged"], token, log).items():
        assert not [piece for piece in windows(IDENTITY) if piece in text], part


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    ("header", "payload"),
    [
        (b'{"alg": "HS256", "Zq7vN2xkR9tL4wB6', b"{}"),
        (b'{"alg": "HS256", "typ": "Zq7vN2xkR9tL4wB6\\x"}', b"{}"),
        (b'{"alg": Zq7vN2xkR9tL4wB6}', b"{}"),
        (b'{"alg": "HS256", "alg": "Zq7vN2xkR9tL4wB6"}', b"{}"),
        (b'{"alg": "HS256", "n": 77777777777777777777777}', b"{}"),
        (b"\xff Zq7vN2xkR9tL4wB6", b"{}"),
        (b'{"alg": "HS256"}', b"Zq7vN2xkR9tL4wB6"),
        (b'{"alg": "HS256"}', b'{"sub": "Zq7vN2xkR9tL4wB6\n"}'),
        (b'{"alg": "HS256"}', b'{"sub": "Zq7vN2xkR9tL4wB6\\ud800"}'),
        (b'{"alg": "HS256"}', b'{"Zq7vN2xkR9tL4wB6": 1, "Zq7vN2xkR9tL4wB6": 2}'),
        (b'{"alg": "HS256"}', b'\xff{"sub": "Zq7vN2xkR9tL4wB6"}'),
        (b'{"alg": "HS256"}', b'{"exp": 77777777777777777777777}'),
    ],
)
def test_no_piece_of_broken_json_is_repeated(
    profile: str, header: bytes, payload: bytes, log: list[str]
) -> None:
    """What a JSON parser complains of, it does not quote (E11, B7, C5)."""
    app = refusing_app(profile)
    for part, text in said(app, REFUSALS["forged"], signed(payload, header=header), log).items():
        assert not [piece for piece in windows(IDENTITY) if piece in text], part
        assert "77777777" not in text, part


_APPS = {profile: refusing_app(profile) for profile in PROFILES}


@examples(60)
@given(
    name=st.sampled_from([name for name in REFUSALS if name != "missing"]),
    profile=st.sampled_from(PROFILES),
    note=st.text(min_size=8, max_size=60),
)
def test_any_token_is_kept_secret(name: str, profile: str, note: str) -> None:
    """The same for tokens with any text in them: base64url of it appears nowhere (E11)."""
    with pytest.MonkeyPatch.context() as patch:
        set_clock(patch, Clock(NOW))
        app, row = _APPS[profile], REFUSALS[name]
        token = row.token(note=note)
        pieces = set(windows(token))
        for part, text in said(app, row, token, []).items():
            assert not [piece for piece in pieces if piece in text], part


def test_the_search_finds_what_is_there() -> None:
    """The tests above can fail: an answer with a piece of the token in it would be found."""
    token = REFUSALS["forged"].token()
    assert any(piece in f"bad token: {token[20:40]}" for piece in windows(token))


@pytest.mark.parametrize("profile", ["compatible", "strict"])
@pytest.mark.parametrize("error", [ConnectionError("gone"), StoreUnavailableError(retry_after=7)])
def test_a_blocklist_that_does_not_answer(profile: str, error: Exception) -> None:
    """503 with Retry-After; what else a loader raises goes to the application's own handlers."""
    app = application(profile)
    raised: list[Exception] = [error]

    @manager(app).token_in_blocklist_loader
    def blocklist(_header: Any, _payload: Any) -> bool:
        raise raised[0]

    app.register_error_handler(KeyError, lambda _error: ("my own", 500))
    client = app.test_client()
    answer = client.get("/required", headers=bearer(mint()))
    seconds = str(getattr(error, "retry_after", 1))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, seconds)
    assert answer.content_type == "application/json"
    raised[0] = KeyError("jti")
    assert client.get("/required", headers=bearer(mint())).text == "my own"
