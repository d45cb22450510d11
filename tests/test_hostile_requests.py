"""Requests of every shape that a stranger can send: each is answered, and none opens a door.

The properties run over requests put together from raw WSGI values: headers, cookies, query
strings, bodies and CSRF values of any text that WSGI can carry, and tokens that are nearly right.
For each: no error of the server, always JSON, and 200 for the text of a good token alone.
Longer runs: SIGNET_TEST_EFFORT=20.
"""

import io
import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import pytest
from flask import Flask, jsonify
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import create_environ, run_wsgi_app
from werkzeug.wrappers import Response

import flask_signet
from flask_signet import Key, jwt_required
from flask_signet.jose import base64url as our_base64url
from flask_signet.jose import strict_json
from tests.applications import (
    ALL_LOCATIONS,
    CSRF,
    GUARDS,
    METHODS,
    NOW,
    OTHER_SECRET,
    PROFILES,
    SECRET,
    answer,
    application,
    base64url,
    bearer,
    claims,
    expired,
    manager,
    mint,
    set_clock,
    signed,
)
from tests.conftest import Clock
from tests.jose import keys
from tests.jose.effort import examples

ANY_METHOD: Final = [*METHODS, "HEAD", "OPTIONS"]
REFUSED: Final = {400, 401, 413, 422}
PUBLIC_PEM: Final = keys.public_pem(keys.rsa_private()).decode()
PRIVATE_PEM: Final = keys.pem(keys.rsa_private())


# ── the applications ─────────────────────────────────────────────────────────────────────


def whoami() -> Any:
    user = flask_signet.get_jwt_identity()
    return jsonify(identity=user, location=flask_signet.get_jwt_request_location())


def hostile_app(profile: str, **options: Any) -> Flask:
    """An application with every location and every guard; an exception in it ends the test."""
    app = application(
        profile,
        JWT_TOKEN_LOCATION=ALL_LOCATIONS,
        JWT_CSRF_CHECK_FORM=True,
        PROPAGATE_EXCEPTIONS=True,
        **options,
    )
    for name, arguments in GUARDS.items():
        app.add_url_rule(
            f"/hostile/{name}",
            f"hostile-{name}",
            jwt_required(**arguments)(whoami),
            methods=ANY_METHOD,
            provide_automatic_options=False,
        )
    return app


def with_loaders(app: Flask) -> Flask:
    """The same with every function that the application may set, all of them well-behaved."""
    jwt = manager(app)
    for loader in ("unauthorized", "invalid_token"):
        getattr(jwt, f"{loader}_loader")(lambda reason: (jsonify(own=reason), 401))
    for loader in ("expired_token", "needs_fresh_token", "revoked_token", "user_lookup_error"):
        getattr(jwt, f"{loader}_loader")(lambda _h, data: (jsonify(own=data.get("sub")), 401))
    jwt.token_verification_failed_loader(lambda header, _d: (jsonify(own=header), 400))
    jwt.token_in_blocklist_loader(lambda _header, data: data["jti"] == "revoked")
    jwt.token_verification_loader(lambda _header, data: "refused" not in data)
    jwt.user_lookup_loader(lambda _header, data: data["sub"])
    return app


def with_key(app: Flask, choose: Callable[[dict[str, Any]], Any]) -> Flask:
    manager(app).decode_key_loader(lambda header, _payload: choose(header))
    return app


def by_algorithm(header: dict[str, Any]) -> str:
    """What is often written: the key that the unverified header asks for."""
    return SECRET if str(header.get("alg")).startswith("HS") else PUBLIC_PEM


MIXED = {"JWT_DECODE_ALGORITHMS": ["HS256", "HS512", "RS256", "ES256"]}
ASYMMETRIC = {
    "JWT_ALGORITHM": "RS256",
    "JWT_PUBLIC_KEY": PUBLIC_PEM,
    "JWT_SECRET_KEY": SECRET,
}


@cache
def apps() -> dict[str, Flask]:
    compatible, strict = PROFILES
    return {
        "compatible": hostile_app(compatible),
        "strict": hostile_app(strict),
        "loaders": with_loaders(hostile_app(compatible)),
        "strict, loaders": with_loaders(hostile_app(strict)),
        "bare token": hostile_app(compatible, JWT_HEADER_TYPE=""),
        "prefix": hostile_app(strict, JWT_QUERY_STRING_VALUE_PREFIX="Bearer "),
        "padding": hostile_app(compatible, JWT_ALLOW_BASE64_PADDING=True),
        "no CSRF": hostile_app(compatible, JWT_COOKIE_CSRF_PROTECT=False),
        "mixed": hostile_app(compatible, **MIXED),
        "RS256": hostile_app(strict, **ASYMMETRIC),
        "RS256, mixed": hostile_app(compatible, **ASYMMETRIC, **MIXED),
        "key by alg": with_key(hostile_app(compatible, **MIXED), by_algorithm),
        "key is PEM": with_key(hostile_app(compatible, **MIXED), lambda _: PUBLIC_PEM),
        "key is secret": with_key(hostile_app(compatible, **MIXED), lambda _: SECRET),
        "key is Key": with_key(
            hostile_app(strict), lambda _: Key.from_secret(SECRET, "HS256", allow_weak=False)
        ),
        "no key": with_key(hostile_app(strict), lambda _: None),
    }


# ── tokens: good ones, and ones that nearly are ──────────────────────────────────────────


def rs256(header: dict[str, Any], payload: dict[str, Any]) -> str:
    text = ".".join(base64url(json.dumps(part).encode()) for part in (header, payload))
    return f"{text}.{base64url(keys.key('RS256').sign(text.encode()))}"


GOOD: Final = {
    "access": mint(),
    "fresh": mint(fresh=True),
    "refresh": mint("refresh"),
    "RS256": rs256({"alg": "RS256", "typ": "at+jwt"}, claims(fresh=True)),
    "RS256, named": rs256(
        {"alg": "RS256", "typ": "at+jwt", "kid": keys.key("RS256").kid}, claims(fresh=True)
    ),
}
BAD: Final = {
    "expired": expired(),
    "forged": mint(secret=OTHER_SECRET),
    "immature": mint(nbf=NOW + 3600),
    "none": signed(claims(), header={"alg": "none", "typ": "at+jwt"}),
    "signed with the public key": signed(claims(), PUBLIC_PEM, {"alg": "HS256", "typ": "at+jwt"}),
    "RS256 by name only": signed(claims(), header={"alg": "RS256", "typ": "at+jwt"}),
    "unsigned": mint().rpartition(".")[0] + ".",
    "no claims": signed({}, header={"alg": "HS256", "typ": "at+jwt"}),
    "an array": signed([], header={"alg": "HS256", "typ": "at+jwt"}),
    "bytes": signed(b"\x00", header=b"\xff\xfe"),
    "dots": "..",
    "empty": "",
}
TOKENS: Final = [*GOOD.values(), *BAD.values()]

BYTES = st.characters(max_codepoint=255)  # what WSGI calls a text: each character is a byte
RAW = st.text(BYTES, max_size=60)
TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # half surrogate pairs too
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def _with_segment(parts: list[str], index: int, segment: str) -> str:
    return ".".join([*parts[:index], segment, *parts[index + 1 :]])


@st.composite
def near_tokens(draw: st.DrawFn) -> str:
    """A token with one thing wrong with its text, now and then with nothing."""
    token = draw(st.sampled_from(TOKENS))
    at = draw(st.integers(0, len(token)))
    parts = token.split(".")
    index = draw(st.integers(0, len(parts) - 1))
    mutations: dict[str, Callable[[], str]] = {
        "as is": lambda: token,
        "character": lambda: token[:at] + draw(BYTES) + token[at + 1 :],
        "insert": lambda: token[:at] + draw(st.text(BYTES, min_size=1, max_size=4)) + token[at:],
        "delete": lambda: token[:at] + token[at + 1 :],
        "cut": lambda: token[:at],
        "double": lambda: token * 2,
        "swap": lambda: ".".join(draw(st.permutations(parts))),
        "cross": lambda: ".".join([*parts[:-1], draw(st.sampled_from(TOKENS)).split(".")[-1]]),
        "segment": lambda: _with_segment(parts, index, draw(RAW)),
        "header": lambda: _with_segment(parts, 0, base64url(json.dumps(draw(JSON)).encode())),
        "payload": lambda: _with_segment(parts, index, base64url(json.dumps(claims()).encode())),
        "pad": lambda: ".".join(part + "=" * draw(st.integers(0, 3)) for part in parts),
        "alphabet": lambda: token.replace("-", "+").replace("_", "/"),
        "case": token.swapcase,
        "dots": lambda: token.replace(".", draw(st.sampled_from(["..", "", " . ", ","])), 1),
    }
    return mutations[draw(st.sampled_from(sorted(mutations)))]()


VALUES = near_tokens() | RAW


# ── requests ─────────────────────────────────────────────────────────────────────────────


def latin1(text: str) -> bytes:
    return text.encode("latin-1", "replace")


# One part too many of each: the lengths that count lie between eight kilobytes and a megabyte.
LONG: Final = ["a," * 20_000, " " * 40_000, "a;" * 40_000, "a&" * 40_000, "\t" * 8_200, "&" * 1_000]

TOO_MANY_FIELDS: Final = b"csrf_token=x&" * 90_000

SEPARATORS = st.sampled_from([" ", "  ", "\t", "\xa0", "\x0b", ",", "", "\x00", ", "])
SCHEMES = st.sampled_from(
    ["Bearer", "bearer", "BEARER", "Basic", "", "Bearer Bearer", "\xa0Bearer"]
)
AUTHORIZATION = st.builds(
    lambda scheme, separator, value, more: f"{scheme}{separator}{value}{more}",
    SCHEMES,
    SEPARATORS,
    VALUES,
    st.sampled_from(["", "", "", ",", " ", " x", ", Bearer x", ", \x0b ,", "\x1f", *LONG]),
)
COOKIE_NAMES = st.sampled_from(
    [
        "access_token_cookie",
        "refresh_token_cookie",
        "__Host-access_token",
        "__Secure-refresh_token",
        "csrf_access_token",
        "",
        "x",
    ]
)
COOKIES = st.lists(
    st.builds(lambda name, value: f"{name}={value}", COOKIE_NAMES, VALUES | st.sampled_from(LONG)),
    max_size=3,
).map("; ".join) | COOKIE_NAMES.map(lambda name: f"{name}=x;" * 33)
QUERIES = st.lists(
    st.builds(
        lambda name, prefix, value: f"{name}{prefix}{value}",
        st.sampled_from(["jwt", "JWT", "j%77t", "", "x"]),
        st.sampled_from(["=", "=Bearer%20", "", "=%", "=%ff", "=\xff"]),
        VALUES | st.sampled_from(LONG),
    ),
    max_size=3,
).map("&".join)
CSRF_VALUES = st.sampled_from([CSRF, CSRF[::-1], "", "null", "\xe9"]) | RAW
CONTENT_TYPES = (
    st.sampled_from(
        [
            "application/json",
            "application/json; charset=utf-16",
            "application/merge+json",
            "",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=b",
            "text/plain",
            "multipart/form-data",
            "multipart/form-data; boundary=\xe9",
            "application/json; \xff=",
            "application/json" + ";a=b" * 100,
        ]
    )
    | RAW
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    token, csrf = draw(VALUES), draw(CSRF_VALUES)
    body = {"access_token": token, "refresh_token": token, "csrf_token": csrf}
    if draw(st.booleans()):
        body[draw(st.sampled_from(sorted(body)))] = draw(JSON)
    form = f"csrf_token={csrf}&access_token={token}"
    part = f'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{csrf}\r\n--b--\r\n'
    return draw(
        st.sampled_from(
            [
                b"",
                json.dumps(body).encode(),
                json.dumps([body]).encode(),
                latin1(form),
                latin1(part),
                json.dumps(body).encode("utf-16"),
                b"[" * 5000,
                b"[" * 300_000,
                TOO_MANY_FIELDS,
                b"csrf_token=x&" * 2_000,
                json.dumps(body).encode()[:-1] + b', "access_token": "x"}',
                json.dumps(token).encode(),
            ]
        )
        | st.binary(max_size=60)
    )


@st.composite
def environs(draw: st.DrawFn) -> dict[str, Any]:
    """A WSGI request to one of the guarded views; each part of it is there or not."""
    found: dict[str, Any] = create_environ(
        f"/hostile/{draw(st.sampled_from(sorted(GUARDS)))}",
        draw(st.sampled_from(["http://localhost", "https://localhost"])),
        method=draw(st.sampled_from(ANY_METHOD)),
    )
    parts: dict[str, st.SearchStrategy[str]] = {
        "HTTP_AUTHORIZATION": AUTHORIZATION,
        "HTTP_COOKIE": COOKIES,
        "QUERY_STRING": QUERIES,
        "HTTP_X_CSRF_TOKEN": CSRF_VALUES,
        "HTTP_ORIGIN": st.sampled_from(["null", "https://localhost", "https://[::1"]) | RAW,
        "HTTP_SEC_FETCH_SITE": st.sampled_from(["same-origin", "cross-site"]) | RAW,
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": RAW,
        "CONTENT_TYPE": CONTENT_TYPES,
    }
    for name in sorted(draw(st.sets(st.sampled_from(sorted(parts)), min_size=1, max_size=5))):
        found[name] = draw(parts[name])
    if draw(st.booleans()):
        body = draw(bodies())
        found["wsgi.input"] = io.BytesIO(body)
        found["CONTENT_LENGTH"] = str(len(body))
        found["tests.body"] = body
    return found


def credentials(environ: dict[str, Any]) -> str:
    """All that the client sent, as one text."""
    sent = [value for value in environ.values() if isinstance(value, str)]
    return " ".join([*sent, environ.get("tests.body", b"").decode("latin-1")])


def ask(app: Flask, environ: dict[str, Any]) -> Response:
    environ["wsgi.input"].seek(0)
    body, status, headers = run_wsgi_app(app.wsgi_app, environ, buffered=True)
    return Response(b"".join(body), status, headers)


def check(name: str, environ: dict[str, Any]) -> None:
    """The three properties, for one request to one application."""
    response = ask(apps()[name], environ)
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    assert response.status_code in {200, *REFUSED}
    if method == "OPTIONS" and response.get_data() == b"":  # a preflight, answered by Flask
        assert response.status_code == 200
        assert apps()[name].config["JWT_OPTIONS_EXEMPT"] == "preflight"
        assert {"HTTP_ORIGIN", "HTTP_ACCESS_CONTROL_REQUEST_METHOD"} <= environ.keys()
        return
    assert response.content_type == "application/json"
    if method == "HEAD":
        assert response.get_data() == b""
        return
    body = json.loads(response.get_data())
    if response.status_code != 200:
        assert set(body) in ({"msg"}, {"msg", "error"}, {"own"})
        assert ("WWW-Authenticate" in response.headers) is (response.status_code == 401)
    elif body["identity"] is None:
        is_exempt = method == "OPTIONS" and apps()[name].config["JWT_OPTIONS_EXEMPT"] == "all"
        assert path == "/hostile/optional" or is_exempt
    else:
        sent = credentials(environ)
        if name == "padding":
            sent = sent.replace("=", "")
        assert body["identity"] == "alice"
        assert any(token in sent for token in GOOD.values())


@pytest.fixture(scope="module", autouse=True)
def _time() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        set_clock(patch, Clock(NOW))
        yield


APPLICATIONS: Final = sorted(apps())


@pytest.mark.parametrize("name", APPLICATIONS)
@examples(120)
@given(environ=environs())
def test_any_request(name: str, environ: dict[str, Any]) -> None:
    """Whatever is sent, wherever: a refusal in JSON, and the door stays shut."""
    check(name, environ)


@pytest.mark.parametrize("name", APPLICATIONS)
@examples(120)
@given(
    token=near_tokens(), location=st.sampled_from(ALL_LOCATIONS), guard=st.sampled_from([*GUARDS])
)
def test_nearly_good_token(name: str, token: str, location: str, guard: str) -> None:
    """A token with one thing wrong, alone in its place, is refused at every location."""
    environ = create_environ(f"/hostile/{guard}", "https://localhost", method="POST")
    cookie = apps()[name].config[f"JWT_{'REFRESH' if guard == 'refresh' else 'ACCESS'}_COOKIE_NAME"]
    environ["HTTP_X_CSRF_TOKEN"] = CSRF
    match location:
        case "headers":
            scheme = apps()[name].config["JWT_HEADER_TYPE"]
            environ["HTTP_AUTHORIZATION"] = f"{scheme} {token}"
        case "cookies":
            environ["HTTP_COOKIE"] = f"{cookie}={token}"
        case "query_string":
            prefix = apps()[name].config["JWT_QUERY_STRING_VALUE_PREFIX"].replace(" ", "%20")
            environ["QUERY_STRING"] = f"jwt={prefix}{token}"
        case "json":
            body = json.dumps({"access_token": token, "refresh_token": token}).encode()
            environ["tests.body"], environ["wsgi.input"] = body, io.BytesIO(body)
            environ["CONTENT_LENGTH"], environ["CONTENT_TYPE"] = str(len(body)), "application/json"
    check(name, environ)


NAMES = st.sampled_from(
    ["sub", "exp", "iat", "nbf", "aud", "iss", "jti", "type", "fresh", "csrf", "sid", "cnf", "x"]
)


@pytest.mark.parametrize("name", APPLICATIONS)
@examples(80)
@given(
    changes=st.dictionaries(NAMES, JSON, max_size=3),
    header=st.dictionaries(st.sampled_from(["typ", "kid", "cty", "x", "crit"]), JSON, max_size=2),
    guard=st.sampled_from([*GUARDS]),
)
def test_any_claims_under_a_good_signature(
    name: str, changes: dict[str, Any], header: dict[str, Any], guard: str
) -> None:
    """Even who can sign, an older version or another service, causes no error of the server."""
    payload = {**claims(fresh=True), **changes}
    token = signed(payload, header={"alg": "HS256", "typ": "at+jwt", **header})
    environ = create_environ(f"/hostile/{guard}")
    scheme = apps()[name].config["JWT_HEADER_TYPE"]
    environ["HTTP_AUTHORIZATION"] = f"{scheme} {token}"
    response = ask(apps()[name], environ)
    assert response.status_code in {200, *REFUSED}
    json.loads(response.get_data())


@pytest.mark.parametrize("name", APPLICATIONS)
@examples(60)
@given(
    content_type=CONTENT_TYPES,
    length=st.sampled_from(["", "0", "-1", "5", "99999", "1e3", " 7", "+7", "0x10", "\xb2", "x"])
    | RAW,
    body=bodies(),
    encoding=st.sampled_from([None, None, "chunked", "gzip", "\xff"]),
    data=st.data(),
)
def test_broken_bodies(
    name: str,
    content_type: str,
    length: str,
    body: bytes,
    encoding: str | None,
    data: st.DataObject,
) -> None:
    """A body that is cut, mislabelled or of another length than it says is no error either."""
    environ = create_environ("/hostile/required", method="POST")
    environ["HTTP_COOKIE"] = f"access_token_cookie={GOOD['access']}"
    environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"] = content_type, length
    if encoding is not None:
        environ["HTTP_TRANSFER_ENCODING"] = encoding
    environ["wsgi.input"] = io.BytesIO(body[: data.draw(st.integers(0, len(body)))])
    environ["tests.body"] = body
    check(name, environ)


def test_the_good_tokens_are_good() -> None:
    """The properties are not empty: each good token opens a door of some application."""
    doors = {"access": "required", "fresh": "fresh", "refresh": "refresh"}
    for kind, guard in doors.items():
        for name in PROFILES:
            environ = create_environ(f"/hostile/{guard}", headers=bearer(GOOD[kind]))
            assert ask(apps()[name], environ).status_code == 200
    for name in ("RS256", "RS256, mixed", "key by alg", "key is PEM"):
        environ = create_environ("/hostile/fresh", headers=bearer(GOOD["RS256"]))
        assert ask(apps()[name], environ).status_code == 200


# ── keys that a loader hands over for whatever comes ─────────────────────────────────────

RS_KEY, HS_KEY = keys.key("RS256"), Key.from_secret(SECRET, "HS256", allow_weak=False)
LOADED: dict[str, Any] = {
    "list of secrets": [SECRET[::-1], SECRET],
    "list of keys of two algorithms": [HS_KEY, RS_KEY.public_key()],
    "JWKS of two algorithms": {
        "keys": [
            {**RS_KEY.public_key().to_public_jwk(), "kid": "r"},
            {**keys.key("ES256").public_key().to_public_jwk(), "kid": "e"},
        ]
    },
    "JWK": RS_KEY.public_key().to_public_jwk(),
    "PEM": PUBLIC_PEM,
    "secret": SECRET,
}


@pytest.mark.parametrize("loaded", LOADED)
@pytest.mark.parametrize("token", [*GOOD, *BAD])
def test_key_that_does_not_fit_the_token(loaded: str, token: str) -> None:
    """A client picks `alg` and `kid`; that makes no error of a loader's good key."""
    app = with_key(hostile_app("compatible", **MIXED), lambda _header: LOADED[loaded])
    text = {**GOOD, **BAD}[token]
    response = ask(app, create_environ("/hostile/required", headers=bearer(text)))
    assert response.status_code in {200, *REFUSED}
    if response.status_code == 200:
        assert token in GOOD


@pytest.mark.parametrize(
    ("loaded", "token"),
    [
        ("list of secrets", "access"),
        ("list of keys of two algorithms", "access"),
        ("list of keys of two algorithms", "RS256, named"),
        ("JWKS of two algorithms", "RS256"),
        ("JWK", "RS256"),
        ("PEM", "RS256"),
        ("secret", "access"),
    ],
)
def test_key_that_fits_the_token(loaded: str, token: str) -> None:
    """What a key option takes, a `decode_key_loader` may return, and it verifies."""
    app = with_key(hostile_app("compatible", **MIXED), lambda _header: LOADED[loaded])
    environ = create_environ("/hostile/required", headers=bearer(GOOD[token]))
    assert ask(app, environ).status_code == 200


ONE_FAMILY: Final = {"HS256": {}, "RS256": ASYMMETRIC}


@pytest.mark.parametrize("algorithm", ONE_FAMILY)
@pytest.mark.parametrize("token", [*GOOD, *BAD])
def test_loader_that_goes_by_alg_where_one_family_is_taken(algorithm: str, token: str) -> None:
    """A client's `alg` has the loader choose a key of the other family: no error of the server."""
    app = with_key(hostile_app("compatible", **ONE_FAMILY[algorithm]), by_algorithm)
    text = {**GOOD, **BAD}[token]
    response = ask(app, create_environ("/hostile/any-type", headers=bearer(text)))
    assert response.status_code in {200, *REFUSED}
    fits = token in GOOD and token.startswith("RS256") is (algorithm == "RS256")
    assert (response.status_code == 200) is fits
    if token in GOOD and not fits:
        assert answer(response) == (422, "The specified alg value is not allowed")


def test_public_key_beside_secrets_is_asked_for_by_name() -> None:
    """Where a loader returns secrets and public keys, `alg` does not choose a public one (A2)."""
    app = with_key(
        hostile_app("compatible", **MIXED), lambda _header: LOADED["list of keys of two algorithms"]
    )
    response = ask(app, create_environ("/hostile/required", headers=bearer(GOOD["RS256"])))
    assert answer(response) == (422, "The specified alg value is not allowed")


# ── what a refusal costs ─────────────────────────────────────────────────────────────────

HUGE: Final = {
    "one segment": "x" * 1_000_000,
    "three segments": ".".join(["x" * 333_333] * 3),
    "dots": "." * 1_000_000,
    "a good header": f"{GOOD['access'].split('.', maxsplit=1)[0]}.{'x' * 1_000_000}.x",
    "a good signature": mint(pad="x" * 1_000_000),
}


class TouchedError(Exception):
    """Somebody decoded, or parsed, what should have been refused unread."""


def touch(*_arguments: Any, **_named: Any) -> Any:
    raise TouchedError


@pytest.mark.parametrize("token", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize("location", ["headers", "query_string", "json"])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_megabyte_is_refused_unread(
    profile: str, location: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token over the limit costs a look at its length: no base64, no JSON, no signature (C6)."""
    app = application(profile, JWT_TOKEN_LOCATION=location, JWT_MAX_BODY_LENGTH=2_000_000)
    arguments: dict[str, Any] = {
        "headers": {"headers": bearer(token)},
        "query_string": {"query_string": {"jwt": token}},
        "json": {"json": {"access_token": token}},
    }[location]
    monkeypatch.setattr(our_base64url, "a2b_base64", touch)
    monkeypatch.setattr(strict_json, "_decode", touch)
    monkeypatch.setattr(Key, "verify", touch)
    response = app.test_client().post("/required", **arguments)
    assert answer(response) == (401 if profile == "strict" else 422, "Token is too long")


def test_a_token_within_the_limit_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the test above forbids does happen to a token that is short enough."""
    app = application(PROPAGATE_EXCEPTIONS=True)
    with monkeypatch.context() as patch:
        patch.setattr(our_base64url, "a2b_base64", touch)
        with pytest.raises(TouchedError):
            app.test_client().get("/required", headers=bearer(mint(n=1)))
    monkeypatch.setattr(strict_json, "_decode", touch)
    with pytest.raises(TouchedError):
        app.test_client().get("/required", headers=bearer(mint(n=2)))


def test_payload_is_not_parsed_before_the_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forger has us parse a header of a kilobyte, and never a payload (C6)."""
    read: list[int] = []
    real = strict_json._decode

    def count(text: str) -> Any:
        read.append(len(text))
        return real(text)

    monkeypatch.setattr(strict_json, "_decode", count)
    token = mint(secret=OTHER_SECRET, header={"n": "unseen"}, pad="[" * 8000)
    response = application().test_client().get("/required", headers=bearer(token))
    assert answer(response) == (422, "Signature verification failed")
    assert len(read) == 1
    assert read[0] < 1024
