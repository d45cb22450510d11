"""What applications use though FJE never promised it: import paths, `config`, `g`, patching."""

import importlib
import inspect
import json
import pkgutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, g
from flask.json.provider import DefaultJSONProvider

from tests.compat.harness import (
    G_NAMES,
    REFERENCE,
    SUBJECT,
    Both,
    Raised,
    build,
    same,
    submodule,
)
from tests.compat.minting import (
    CSRF,
    OTHER_SECRET,
    SECRET,
    access,
    bearer,
    claims,
    expired,
    key_options,
    key_pair,
    refresh,
)

# What FJE offers, and what its documentation and public repositories import.
IMPORTS = {
    "config": ["config"],
    "default_callbacks": [
        "default_additional_claims_callback",
        "default_blocklist_callback",
        "default_decode_key_callback",
        "default_encode_key_callback",
        "default_expired_token_callback",
        "default_invalid_token_callback",
        "default_jwt_headers_callback",
        "default_needs_fresh_token_callback",
        "default_revoked_token_callback",
        "default_token_verification_callback",
        "default_token_verification_failed_callback",
        "default_unauthorized_callback",
        "default_user_identity_callback",
        "default_user_lookup_error_callback",
    ],
    "exceptions": [
        "CSRFError",
        "FreshTokenRequired",
        "InvalidHeaderError",
        "InvalidQueryParamError",
        "JWTDecodeError",
        "JWTExtendedException",
        "NoAuthorizationError",
        "RevokedTokenError",
        "UserClaimsVerificationError",
        "UserLookupError",
        "WrongTokenError",
    ],
    "internal_utils": [
        "JSONEncoder",
        "custom_verification_for_token",
        "get_json_encoder",
        "get_jwt_manager",
        "has_user_lookup",
        "user_lookup",
        "verify_token_not_blocklisted",
        "verify_token_type",
    ],
    "jwt_manager": ["JWTManager"],
    "tokens": ["_decode_jwt", "_encode_jwt"],
    "typing": ["ExpiresDelta", "Fresh"],
    "utils": [
        "create_access_token",
        "create_refresh_token",
        "current_user",
        "current_user_context_processor",
        "decode_token",
        "get_csrf_token",
        "get_current_user",
        "get_jti",
        "get_jwt",
        "get_jwt_header",
        "get_jwt_identity",
        "get_jwt_request_location",
        "get_unverified_jwt_headers",
        "set_access_cookies",
        "set_refresh_cookies",
        "unset_access_cookies",
        "unset_jwt_cookies",
        "unset_refresh_cookies",
    ],
    "view_decorators": [
        "LocationType",
        "_decode_jwt_from_cookies",
        "_decode_jwt_from_headers",
        "_decode_jwt_from_json",
        "_decode_jwt_from_query_string",
        "_decode_jwt_from_request",
        "jwt_required",
        "verify_jwt_in_request",
    ],
}


@pytest.mark.parametrize("module", IMPORTS)
def test_the_import_path_works(module: str) -> None:
    """`from flask_signet.<module> import <name>` works where FJE's does."""
    for lib in (REFERENCE, SUBJECT):
        there = importlib.import_module(f"{lib.__name__}.{module}")
        assert [name for name in IMPORTS[module] if not hasattr(there, name)] == []


def test_no_submodule_of_fjes_is_missing() -> None:
    """Whatever FJE has as a submodule can be imported from ours under the same name."""
    assert {module.name for module in pkgutil.iter_modules(REFERENCE.__path__)} == set(IMPORTS)


@pytest.mark.parametrize("module", IMPORTS)
def test_errors_are_where_fjes_modules_have_them(module: str) -> None:
    """`from flask_signet.jwt_manager import ExpiredSignatureError`, as applications write it."""
    theirs, ours = (submodule(lib, module) for lib in (REFERENCE, SUBJECT))
    errors = submodule(SUBJECT, "exceptions")
    for name, value in vars(theirs).items():
        if inspect.isclass(value) and issubclass(value, Exception) and name != "BadRequest":
            assert getattr(ours, name) is getattr(errors, name), name


def test_what_the_guards_module_has_beside_them() -> None:
    """`config`, `decode_token` and `get_unverified_jwt_headers` can be had from there, too."""
    for lib in (REFERENCE, SUBJECT):
        there = submodule(lib, "view_decorators")
        assert there.config is submodule(lib, "config").config
        assert there.decode_token is lib.decode_token
        assert there.get_unverified_jwt_headers is lib.get_unverified_jwt_headers


@pytest.mark.parametrize("module", IMPORTS)
def test_the_modules_functions_have_fjes_signatures(module: str) -> None:
    """Functions that both have at a path take FJE's parameters, in order, with its defaults."""
    for name in IMPORTS[module]:
        theirs, ours = (getattr(submodule(lib, module), name) for lib in (REFERENCE, SUBJECT))
        if not inspect.isfunction(theirs) or module == "tokens":
            continue
        shared = list(inspect.signature(ours).parameters.items())
        wanted = list(inspect.signature(theirs).parameters.items())
        assert [(n, p.kind, p.default) for n, p in shared[: len(wanted)]] == [
            (n, p.kind, p.default) for n, p in wanted
        ], name


@pytest.mark.parametrize(
    "name", [name for name in IMPORTS["utils"] if name != "current_user_context_processor"]
)
def test_the_same_object_at_both_paths(name: str) -> None:
    """`flask_signet.utils.<name>` is `flask_signet.<name>`, so that both can be compared."""
    assert getattr(submodule(SUBJECT, "utils"), name) is getattr(SUBJECT, name)


# ── config ───────────────────────────────────────────────────────────────────────────────────

PROPERTIES = sorted(
    name
    for name, value in vars(type(submodule(REFERENCE, "config").config)).items()
    if isinstance(value, property)
)
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "no secret": {"JWT_SECRET_KEY": None},
    "Flask's secret": {"JWT_SECRET_KEY": None, "SECRET_KEY": OTHER_SECRET},
    "everything else": {
        "JWT_TOKEN_LOCATION": ["cookies", "query_string", "json"],
        "JWT_HEADER_NAME": "X-Token",
        "JWT_HEADER_TYPE": "",
        "JWT_QUERY_STRING_NAME": "q",
        "JWT_QUERY_STRING_VALUE_PREFIX": "p",
        "JWT_ACCESS_COOKIE_NAME": "a",
        "JWT_REFRESH_COOKIE_NAME": "r",
        "JWT_ACCESS_COOKIE_PATH": "/a",
        "JWT_REFRESH_COOKIE_PATH": "/r",
        "JWT_COOKIE_SECURE": True,
        "JWT_COOKIE_DOMAIN": "example.com",
        "JWT_SESSION_COOKIE": False,
        "JWT_COOKIE_SAMESITE": "Lax",
        "JWT_JSON_KEY": "aj",
        "JWT_REFRESH_JSON_KEY": "rj",
        "JWT_COOKIE_CSRF_PROTECT": False,
        "JWT_CSRF_METHODS": ["PUT"],
        "JWT_CSRF_IN_COOKIES": False,
        "JWT_ACCESS_CSRF_COOKIE_NAME": "ac",
        "JWT_REFRESH_CSRF_COOKIE_NAME": "rc",
        "JWT_ACCESS_CSRF_COOKIE_PATH": "/ac",
        "JWT_REFRESH_CSRF_COOKIE_PATH": "/rc",
        "JWT_ACCESS_CSRF_HEADER_NAME": "X-A",
        "JWT_REFRESH_CSRF_HEADER_NAME": "X-R",
        "JWT_CSRF_CHECK_FORM": True,
        "JWT_ACCESS_CSRF_FIELD_NAME": "af",
        "JWT_REFRESH_CSRF_FIELD_NAME": "rf",
        "JWT_ACCESS_TOKEN_EXPIRES": 77,
        "JWT_REFRESH_TOKEN_EXPIRES": False,
        "JWT_ALGORITHM": "HS512",
        "JWT_DECODE_ALGORITHMS": ["HS256", "HS512"],
        "JWT_IDENTITY_CLAIM": "user",
        "JWT_ERROR_MESSAGE_KEY": "error",
        "JWT_DECODE_AUDIENCE": ["a", "b"],
        "JWT_ENCODE_AUDIENCE": "a",
        "JWT_ENCODE_ISSUER": "us",
        "JWT_DECODE_ISSUER": "them",
        "JWT_DECODE_LEEWAY": 30,
        "JWT_VERIFY_SUB": False,
        "JWT_ENCODE_NBF": False,
    },
    "asymmetric": key_options("RS256"),
    "asymmetric without keys": {"JWT_ALGORITHM": "ES256"},
    "another algorithm appended": {"JWT_DECODE_ALGORITHMS": ["HS512"]},
    "one location as text": {"JWT_TOKEN_LOCATION": "json"},
    "no decode algorithms": {"JWT_DECODE_ALGORITHMS": []},
}
# Options that can't work. Ours may refuse such a configuration whole, naming the option, where FJE
# raises at the property that reads it (DESIGN, idea 6: options are checked together).
BROKEN: dict[str, dict[str, Any]] = {
    "no locations": {"JWT_TOKEN_LOCATION": []},
    "a location that is none": {"JWT_TOKEN_LOCATION": ["banana"]},
    "locations of a wrong type": {"JWT_TOKEN_LOCATION": 1},
    "no header name": {"JWT_HEADER_NAME": ""},
    "an access lifetime that is none": {"JWT_ACCESS_TOKEN_EXPIRES": "banana"},
    "a refresh lifetime that is none": {"JWT_REFRESH_TOKEN_EXPIRES": True},
}


def value_of(lib: ModuleType, name: str) -> Any:
    value = getattr(submodule(lib, "config").config, name)
    if inspect.isclass(value):
        return [kind.__name__ for kind in value.__mro__]
    return [type(value).__name__, sorted(value) if isinstance(value, set) else value]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_config_properties_give_the_same(configuration: str) -> None:
    """Every property of FJE's `config` gives the same value, or the same error.

    `verify_sub` alone has another default here (MIGRATION.md).
    """
    both = Both()
    both.configure(**CONFIGURATIONS[configuration])
    different = {}
    for name in PROPERTIES:
        if name == "verify_sub" and "JWT_VERIFY_SUB" not in CONFIGURATIONS[configuration]:
            continue
        theirs, ours = both.run_each(lambda lib, name=name: value_of(lib, name))
        if not same(theirs, ours):
            different[name] = (theirs, ours)
    assert different == {}


@pytest.mark.parametrize("configuration", BROKEN)
def test_config_properties_of_a_broken_configuration(configuration: str) -> None:
    """The property that FJE raises a RuntimeError for does so in ours, naming the option.

    Any other gives FJE's value, or that error.
    """
    both = Both()
    both.configure(**BROKEN[configuration])
    (option,) = BROKEN[configuration]
    raising = 0
    for name in PROPERTIES:
        theirs, ours = both.run_each(lambda lib, name=name: value_of(lib, name))
        if isinstance(ours, Raised):
            assert "RuntimeError" in ours.classes
            assert option in ours.text or same(theirs, ours)
            raising += isinstance(theirs, Raised)
        else:
            assert same(theirs, ours) or name == "verify_sub", name
    assert raising >= 1


def test_config_has_the_properties_that_fje_has() -> None:
    """There are over fifty, the private key properties among them; none is missing."""
    assert len(PROPERTIES) >= 50
    assert {"_secret_key", "_public_key", "_private_key"} <= set(PROPERTIES)
    ours = type(submodule(SUBJECT, "config").config)
    assert [name for name in PROPERTIES if not hasattr(ours, name)] == []


def test_config_is_read_only() -> None:
    """Options are changed in `app.config`; a property of `config` can't be set."""
    for side in Both().sides:
        with side.app.test_request_context(), pytest.raises(AttributeError):
            submodule(side.lib, "config").config.header_name = "X"


# ── the manager ──────────────────────────────────────────────────────────────────────────────


def test_the_manager_is_in_app_extensions() -> None:
    """`app.extensions["flask-jwt-extended"]` is the manager, under FJE's key."""
    app = Flask("a")
    jwt = SUBJECT.JWTManager(app)
    assert app.extensions["flask-jwt-extended"] is jwt
    with app.app_context():
        assert submodule(SUBJECT, "internal_utils").get_jwt_manager() is jwt


def test_get_jwt_manager_without_one_is_a_runtime_error() -> None:
    """The private getter says what the public functions say."""
    seen = []
    for lib in (REFERENCE, SUBJECT):
        with Flask("bare").app_context(), pytest.raises(RuntimeError) as caught:
            submodule(lib, "internal_utils").get_jwt_manager()
        seen.append(str(caught.value))
    assert seen[0] == seen[1]


# ── internal_utils ───────────────────────────────────────────────────────────────────────────


def internal(name: str, *arguments: Any) -> Any:
    """A call of `internal_utils.<name>` for `Both.run`."""
    return lambda lib: getattr(submodule(lib, "internal_utils"), name)(*arguments)


@pytest.mark.parametrize("kind", ["access", "refresh", "other"])
@pytest.mark.parametrize("wants_refresh", [True, False])
def test_verify_token_type(kind: str, wants_refresh: bool) -> None:
    """It takes decoded claims and raises WrongTokenError, or nothing."""
    result = Both().run(internal("verify_token_type", {"type": kind}, wants_refresh))
    assert result is None or result.classes[0] == "WrongTokenError"


@pytest.mark.parametrize("verdict", [True, False])
def test_verify_token_not_blocklisted(verdict: bool) -> None:
    """It asks the application's blocklist with what it is given."""

    def setup(_lib: ModuleType, _app: Flask, jwt: Any) -> None:
        jwt.token_in_blocklist_loader(lambda header, data: header["alg"] == "x" and verdict)

    result = Both(setup=setup).run(internal("verify_token_not_blocklisted", {"alg": "x"}, claims()))
    assert (result is not None) is verdict


@pytest.mark.parametrize("verdict", [True, False])
def test_custom_verification_for_token(verdict: bool) -> None:
    """It asks the application's verification and raises what FJE raises."""

    def setup(_lib: ModuleType, _app: Flask, jwt: Any) -> None:
        jwt.token_verification_loader(lambda _header, _data: verdict)

    result = Both(setup=setup).run(
        internal("custom_verification_for_token", {"alg": "x"}, claims())
    )
    assert (result is None) is verdict


def test_user_lookup() -> None:
    """`has_user_lookup` and `user_lookup` go to the application's loader, if it has one."""

    def setup(_lib: ModuleType, _app: Flask, jwt: Any) -> None:
        jwt.user_lookup_loader(lambda _header, data: {"name": data["sub"]})

    for both, has in ((Both(), False), (Both(setup=setup), True)):
        assert both.run(internal("has_user_lookup")) is has
        assert both.run(internal("user_lookup", {}, {"sub": "a"})) == (
            {"name": "a"} if has else None
        )


class HexProvider(DefaultJSONProvider):
    """A JSON provider of the application's."""

    @staticmethod
    def default(o: Any) -> Any:
        return {"decimal": str(o)} if isinstance(o, Decimal) else DefaultJSONProvider.default(o)


def use_hex_provider(_lib: ModuleType, app: Flask, _jwt: Any) -> None:
    app.json_provider_class = HexProvider
    app.json = HexProvider(app)


@pytest.mark.parametrize("setup", [None, use_hex_provider])
def test_the_json_encoder_is_the_applications(setup: Any) -> None:
    """`JSONEncoder` and `config.json_encoder` use `app.json_provider_class.default`."""
    both = Both(setup=setup)

    def dumps(lib: ModuleType) -> str:
        encoder = submodule(lib, "internal_utils").JSONEncoder
        config = submodule(lib, "config").config
        values = [date(2022, 8, 12), UUID(int=1), Decimal("1.5")]
        assert issubclass(config.json_encoder, json.JSONEncoder)
        return json.dumps(values, cls=encoder) + json.dumps(values, cls=config.json_encoder)

    assert "Fri, 12 Aug 2022" in both.run(dumps)


# ── default_callbacks ────────────────────────────────────────────────────────────────────────


def test_default_callbacks_are_the_defaults() -> None:
    """An application's loader that has nothing to add calls the default; it answers as FJE's."""
    token = ({"alg": "HS256"}, claims())
    arguments: dict[str, tuple[Any, ...]] = {
        "default_additional_claims_callback": ("alice",),
        "default_jwt_headers_callback": ("alice",),
        "default_encode_key_callback": ("alice",),
        "default_user_identity_callback": ("alice",),
        "default_unauthorized_callback": ("why",),
        "default_invalid_token_callback": ("why",),
    }
    both = Both()
    for name in IMPORTS["default_callbacks"]:

        def call(lib: ModuleType, name: str = name) -> Any:
            callback = getattr(submodule(lib, "default_callbacks"), name)
            result = callback(*arguments.get(name, token))
            if isinstance(result, tuple):
                answer, status = result
                return [answer.get_json(), int(status)]
            return result

        both.run(call)


# ── g ────────────────────────────────────────────────────────────────────────────────────────


def test_g_holds_the_four_names_after_verification() -> None:
    """FJE's names in `g`, with FJE's values, for a token and for none."""
    both = Both()
    with_token = both.ask("/optional", headers=bearer(access())).body["g"]
    without = both.ask("/optional").body["g"]
    assert with_token["_jwt_extended_jwt"]["sub"] == "alice"
    assert with_token["_jwt_extended_jwt_header"] == {"alg": "HS256", "typ": "JWT"}
    assert with_token["_jwt_extended_jwt_user"] is None
    assert with_token["_jwt_extended_jwt_location"] == "headers"
    assert without == {
        "_jwt_extended_jwt": {},
        "_jwt_extended_jwt_header": {},
        "_jwt_extended_jwt_user": {"loaded_user": None},
        "_jwt_extended_jwt_location": None,
    }


def test_g_holds_nothing_before_verification_or_after_a_refusal() -> None:
    """The names appear at the end of a successful verification, not before."""

    def seen(lib: ModuleType) -> Any:
        before = [name in g for name in G_NAMES]
        with pytest.raises(Exception, match="Token has been revoked"):
            lib.verify_jwt_in_request()
        return before, [name in g for name in G_NAMES]

    def setup(_lib: ModuleType, _app: Flask, jwt: Any) -> None:
        jwt.token_in_blocklist_loader(lambda *_a: True)

    result = Both(setup=setup).run(seen, headers=bearer(access()))
    assert result == [[False] * 4, [False] * 4]


def test_g_written_by_the_application_is_what_is_read() -> None:
    """Applications' tests put claims into `g` to act as somebody; the getters then say so."""

    def seen(lib: ModuleType) -> Any:
        g._jwt_extended_jwt = {"sub": "bob", "role": "admin"}
        g._jwt_extended_jwt_header = {"alg": "none"}
        g._jwt_extended_jwt_user = {"loaded_user": {"name": "Bob"}}
        g._jwt_extended_jwt_location = "headers"
        return [
            lib.get_jwt(),
            lib.get_jwt_header(),
            lib.get_jwt_identity(),
            lib.get_current_user(),
            lib.current_user["name"],
            lib.get_jwt_request_location(),
        ]

    result = Both().run(seen)
    assert result[2] == "bob"
    assert result[4] == "Bob"


@pytest.mark.parametrize("name", G_NAMES)
def test_g_written_over_after_verification(name: str) -> None:
    """An application may replace one of the values during the request."""
    new = {
        "_jwt_extended_jwt": {"sub": "bob"},
        "_jwt_extended_jwt_header": {"alg": "x"},
        "_jwt_extended_jwt_user": {"loaded_user": "Bob"},
        "_jwt_extended_jwt_location": "json",
    }[name]

    def seen(lib: ModuleType) -> Any:
        lib.verify_jwt_in_request()
        setattr(g, name, new)
        return [
            lib.get_jwt()["sub"],
            lib.get_jwt_header(),
            lib.get_current_user() if name == "_jwt_extended_jwt_user" else None,
            lib.get_jwt_request_location(),
            g.get(name),
        ]

    Both().run(seen, headers=bearer(access()))


@pytest.mark.parametrize("name", G_NAMES)
@pytest.mark.parametrize("way", ["delattr", "pop"])
def test_g_deleted_by_the_application(name: str, way: str) -> None:
    """A deleted name is gone for the getters too: they say that nothing was verified."""

    def seen(lib: ModuleType) -> Any:
        lib.verify_jwt_in_request()
        if way == "pop":
            g.pop(name)
        else:
            delattr(g, name)
        found = [name in g]
        for get in (
            lib.get_jwt,
            lib.get_jwt_header,
            lib.get_jwt_identity,
            lib.get_current_user,
            lib.get_jwt_request_location,
        ):
            try:
                found.append(get())
            except RuntimeError as error:
                found.append(Raised.of(error))
        return found

    def setup(_lib: ModuleType, _app: Flask, jwt: Any) -> None:
        jwt.user_lookup_loader(lambda _header, data: data["sub"])

    Both(setup=setup).run(seen, headers=bearer(access()))


def test_g_is_iterable_and_has_get() -> None:
    """`"_jwt_extended_jwt" in g` and `g.get(...)` see the names as any other."""

    def seen(lib: ModuleType) -> Any:
        lib.verify_jwt_in_request()
        return sorted(name for name in g if name.startswith("_jwt_extended"))

    assert Both().run(seen, headers=bearer(access())) == sorted(G_NAMES)


# ── view_decorators' private readers ─────────────────────────────────────────────────────────


def read_with(name: str, *arguments: Any) -> Any:
    return lambda lib: getattr(submodule(lib, "view_decorators"), name)(*arguments)


TOKEN = "aaaa.bbbb.cccc"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic x"},
        {"Authorization": f"Basic x, Bearer {TOKEN}"},
    ],
    ids=str,
)
def test_decode_jwt_from_headers(headers: dict[str, str]) -> None:
    """`_decode_jwt_from_headers()` gives (token, None), or raises, and decodes nothing."""
    Both().run(read_with("_decode_jwt_from_headers"), headers=headers)


@pytest.mark.parametrize("wants_refresh", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("proof", [{}, {"X-CSRF-TOKEN": CSRF}], ids=str)
def test_decode_jwt_from_cookies(wants_refresh: bool, method: str, proof: dict[str, str]) -> None:
    """`_decode_jwt_from_cookies(refresh)` gives (token, CSRF value to compare or None)."""
    cookie = {"Cookie": f"access_token_cookie={TOKEN}; refresh_token_cookie={TOKEN}x"}
    action = read_with("_decode_jwt_from_cookies", wants_refresh)
    Both().run(action, headers={**cookie, **proof}, method=method)
    Both().run(action, method=method)


def test_decode_jwt_from_query_string_and_json() -> None:
    """The two other readers give (token, None)."""
    query = read_with("_decode_jwt_from_query_string")
    assert Both().run(query, query_string={"jwt": TOKEN}) == [TOKEN, None]
    Both().run(query)
    for wants_refresh in (True, False):
        body = {"access_token": TOKEN, "refresh_token": TOKEN + "x"}
        Both().run(read_with("_decode_jwt_from_json", wants_refresh), json=body)
        Both().run(read_with("_decode_jwt_from_json", wants_refresh), json={})


@pytest.mark.parametrize("locations", [None, "headers", ["headers"], ["cookies", "headers"]])
def test_decode_jwt_from_request(locations: Any) -> None:
    """`_decode_jwt_from_request(locations, fresh)` gives (claims, header, location)."""
    both = Both()
    for token in (access(), refresh(), expired()):
        both.run(read_with("_decode_jwt_from_request", locations, False), headers=bearer(token))
    both.run(read_with("_decode_jwt_from_request", locations, False))
    fresh = read_with("_decode_jwt_from_request", locations, True)
    both.run(fresh, headers=bearer(access()))
    both.run(fresh, headers=bearer(access(fresh=True)))


# ── tokens ───────────────────────────────────────────────────────────────────────────────────


def test_encode_and_decode_jwt() -> None:
    """`tokens._encode_jwt` and `_decode_jwt` take FJE's keywords and give FJE's tokens."""

    def both_ways(lib: ModuleType) -> Any:
        tokens = submodule(lib, "tokens")
        token = tokens._encode_jwt(
            algorithm="HS256",
            audience="api",
            claim_overrides={"role": "admin"},
            csrf=True,
            expires_delta=timedelta(minutes=5),
            fresh=timedelta(minutes=1),
            header_overrides={"kid": "k"},
            identity="alice",
            identity_claim_key="sub",
            issuer="us",
            json_encoder=json.JSONEncoder,
            secret=SECRET,
            token_type="access",
            nbf=True,
        )
        decoded = tokens._decode_jwt(
            algorithms=["HS256"],
            allow_expired=False,
            audience="api",
            csrf_value=None,
            encoded_token=token,
            identity_claim_key="sub",
            issuer="us",
            leeway=0,
            secret=SECRET,
            verify_aud=True,
            verify_sub=True,
        )
        return token, decoded

    result = Both().run(both_ways)
    assert result[0]["<token>"]["header"] == {"alg": "HS256", "kid": "k", "typ": "JWT"}


def test_manager_encodes_and_decodes_from_config() -> None:
    """`jwt._encode_jwt_from_config` and `_decode_jwt_from_config`, used where FJE is subclassed."""

    def both_ways(lib: ModuleType) -> Any:
        manager = submodule(lib, "internal_utils").get_jwt_manager()
        token = manager._encode_jwt_from_config(
            identity="alice", token_type="access", claims={"a": 1}, fresh=True
        )
        return token, manager._decode_jwt_from_config(token)

    Both().run(both_ways)


def test_keys_of_the_default_callbacks() -> None:
    """Without key loaders, the default callbacks give the configured keys."""
    for config, encode, decode in (
        ({}, None, None),
        (key_options("RS256"), *key_pair("RS256")),
    ):

        def keys(lib: ModuleType) -> Any:
            manager = submodule(lib, "internal_utils").get_jwt_manager()
            return [manager._encode_key_callback("alice"), manager._decode_key_callback({}, {})]

        result = Both(config).run(keys)
        if encode:
            assert result == [encode, decode]


def test_a_fresh_claim_is_compared_with_the_clock() -> None:
    """`view_decorators._verify_token_is_fresh` decides about bools and timestamps as FJE does."""
    now = datetime.now(UTC).timestamp()
    for fresh in (True, False, now + 60, now - 60, int(now) + 60, int(now) - 60):
        action = read_with("_verify_token_is_fresh", {"alg": "x"}, {**claims(), "fresh": fresh})
        Both().run(action)


def test_the_application_is_built_alike() -> None:
    """The manager adds nothing else that an application could trip over: no route, no hook."""
    theirs, ours = build(REFERENCE, views=False), build(SUBJECT, views=False)
    assert [str(rule) for rule in ours.url_map.iter_rules()] == [
        str(rule) for rule in theirs.url_map.iter_rules()
    ]
    for hooks in ("before_request_funcs", "template_context_processors"):
        assert len(getattr(ours, hooks)) == len(getattr(theirs, hooks))
