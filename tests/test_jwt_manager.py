"""The manager: it serves an application whole or not at all, and several stay apart."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import pytest
from flask import Flask, Response, current_app, jsonify, render_template_string

import flask_signet
from flask_signet import (
    JWTManager,
    create_access_token,
    decode_token,
    get_jwt_identity,
    jwt_required,
)
from flask_signet.engine.callbacks import Callbacks
from flask_signet.exceptions import (
    ConfigurationError,
    InvalidAudienceError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    SignetError,
)
from flask_signet.flask.installation import EXTENSION
from flask_signet.options.names import UnknownOptionWarning
from tests.applications import application, bare_application, bearer
from tests.jose import keys

# ── init_app ─────────────────────────────────────────────────────────────────────────────


def traces(app: Flask) -> dict[str, Any]:
    """What a manager leaves in an application, but for the defaults in its configuration."""
    return {
        "extensions": dict(app.extensions),
        "handlers": {code: dict(found) for code, found in app.error_handler_spec[None].items()},
        "processors": list(app.template_context_processors[None]),
        "hooks": [dict(app.before_request_funcs), dict(app.after_request_funcs)],
    }


@pytest.mark.parametrize("start", [JWTManager, lambda app: JWTManager().init_app(app)])
def test_a_manager_is_where_others_look_for_it(start: Callable[[Flask], Any]) -> None:
    """The manager is in app.extensions under our name and, unnamed, under FJE's."""
    app = bare_application()
    start(app)
    manager = app.extensions["flask-jwt-extended"]
    assert isinstance(manager, JWTManager)
    assert app.extensions[EXTENSION][""].manager is manager


@pytest.mark.parametrize(
    "options",
    [
        {"ALGORITHM": "none"},
        {"ACCESS_TOKEN_EXPIRE": 5},
        {"PROFILE": "strickt"},
        {"ACCESS_COOKIE_NAME": "__Host-it"},
        {"PROFILE": "strict", "UNKNOWN": 5},
    ],
)
def test_a_failed_init_app_leaves_nothing_behind(options: dict[str, Any]) -> None:
    """An application whose options are wrong has no manager, no handler and no processor."""
    app = bare_application(**options)
    before = traces(app)
    with pytest.raises(ConfigurationError):
        JWTManager(app, add_context_processor=True)
    assert traces(app) == before
    with app.app_context(), pytest.raises(RuntimeError, match="You must initialize a JWTManager"):
        create_access_token("alice")


STARTS: list[Callable[[Flask], Any]] = [JWTManager, lambda app: JWTManager().init_app(app)]


@pytest.mark.parametrize("start", STARTS)
def test_a_proxy_of_an_application_is_an_application(start: Callable[[Flask], Any]) -> None:
    """An extension may give the manager ``current_app``: it serves the application behind it."""
    app, other = bare_application(), application()
    with app.app_context():
        start(current_app)
    here = app.extensions[EXTENSION][""]
    assert type(here.app) is Flask
    assert here.app is app
    assert list(here.manager._apps) == [app]
    app.add_url_rule("/required", view_func=jwt_required()(lambda: "in"))
    with app.app_context():
        token = create_access_token("alice")
    with other.app_context():  # where current_app is another one
        answer = app.test_client().get("/required", headers=bearer(token))
        assert answer.data == b"in"
        assert app.test_client().get("/required").status_code == 401


def test_a_proxy_and_its_application_are_one() -> None:
    """Given both, the manager starts once; another manager is refused for either."""
    app, manager = bare_application(), JWTManager()
    manager.init_app(app)
    before = traces(app)
    with app.app_context():
        manager.init_app(current_app)
        assert traces(app) == before
        with pytest.raises(ConfigurationError, match="has a JWTManager already"):
            JWTManager(current_app)


def test_a_proxy_without_an_application() -> None:
    """Where there is no application at the moment, Flask's own error says so."""
    with pytest.raises(RuntimeError, match="Working outside of application context"):
        JWTManager(current_app)


def failing_key() -> Any:
    raise OSError("the KMS is down")


@pytest.mark.parametrize(
    "options", [{"KEYS": failing_key, "SECRET_KEY": None}, {"UNKNOWN": 5}], ids=["KMS", "warning"]
)
def test_an_error_of_any_kind_leaves_nothing_behind(options: dict[str, Any]) -> None:
    """Also where a function of the application fails, or a warning is made an error."""
    app = bare_application(**options)
    before, config = traces(app), dict(app.config)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises((OSError, UnknownOptionWarning)):
                JWTManager(app, add_context_processor=True)
            assert (traces(app), app.config) == (before, config)


@pytest.mark.parametrize("processor", [True, False])
def test_an_application_that_has_served_a_request(processor: bool) -> None:
    """Flask refuses a start that late: each time for that reason, and nothing is half there."""
    app = bare_application()
    app.add_url_rule("/", view_func=lambda: "open")
    app.test_client().get("/")
    before, config = traces(app), dict(app.config)
    for _ in range(2):
        with pytest.raises(AssertionError, match="can no longer be called"):
            JWTManager(app, add_context_processor=processor)
        assert (traces(app), app.config) == (before, config)


def test_a_failed_init_app_may_be_repeated() -> None:
    """Once the option is put right the same manager, or another, starts."""
    app, manager = bare_application(ALGORITHM="none"), JWTManager()
    for again in (manager, JWTManager()):
        app.config["JWT_ALGORITHM"] = "none"
        with pytest.raises(ConfigurationError):
            again.init_app(app)
    app.config["JWT_ALGORITHM"] = "HS256"
    manager.init_app(app)
    with app.app_context():
        decode_token(create_access_token("alice"))


def test_init_app_twice() -> None:
    """The same manager may be given an application twice: nothing is there double."""
    manager = JWTManager()
    manager.additional_claims_loader(lambda identity: {"loaded": True})
    app = application(manager=manager)
    manager.init_app(app, add_context_processor=True)
    before = traces(app)
    manager.init_app(app, add_context_processor=True)
    after = traces(app)
    assert after["handlers"] == before["handlers"]
    assert after["processors"] == before["processors"]
    with app.app_context():
        assert decode_token(create_access_token("alice"))["loaded"] is True


def test_a_second_manager_needs_a_name() -> None:
    """Another manager without a name is refused, and the first one goes on serving."""
    app = application()
    first = app.extensions[EXTENSION][""]
    before = traces(app)
    with pytest.raises(ConfigurationError, match="has a JWTManager already, of tests"):
        JWTManager(app)
    assert traces(app) == before
    assert app.extensions[EXTENSION][""] is first


def test_whose_the_first_manager_was() -> None:
    """A site that makes a manager beside an extension's own is told where the first one is."""
    app = bare_application()
    extension: dict[str, Any] = {"__name__": "flask_extension.security", "JWTManager": JWTManager}
    source = "\n" * 41 + "def set_up(app):\n    return JWTManager(app)\n"
    exec(compile(source, "security.py", "exec"), extension)  # noqa: S102 - stands for an extension
    first = extension["set_up"](app)
    with pytest.raises(ConfigurationError) as caught:
        JWTManager(app)
    assert str(caught.value) == (
        "this application has a JWTManager already, of flask_extension.security, line 43: use that "
        "one, app.extensions['flask-jwt-extended'], or give the second one a name and a "
        'config_prefix, e.g. JWTManager(name="partner", config_prefix="PARTNER_JWT_")'
    )
    assert app.extensions["flask-jwt-extended"] is first


def test_several_applications() -> None:
    """One manager serves many applications, each under its own options."""
    manager = JWTManager()
    apps = [application(manager=manager, ERROR_MESSAGE_KEY=f"m{n}") for n in range(3)]
    for number, app in enumerate(apps):
        app.add_url_rule("/", view_func=jwt_required()(lambda: "in"))
        answer = app.test_client().get("/")
        assert answer.json == {f"m{number}": "Missing Authorization Header"}


def test_the_context_processor_is_asked_for() -> None:
    """Templates see current_user where the application asked for it, also without a token."""
    for asked, text in ((False, ""), (True, "None")):
        app = bare_application()
        JWTManager(app, asked)
        with app.test_request_context():
            assert render_template_string("{{ current_user }}") == text


# ── loaders ──────────────────────────────────────────────────────────────────────────────

LOADERS = [field.name for field in fields(Callbacks)]


@pytest.mark.parametrize("name", LOADERS)
def test_a_loader_is_a_decorator(name: str) -> None:
    """A loader gives the function back unchanged, and the last one registered counts."""
    manager = JWTManager()
    for _ in range(2):

        def function(*arguments: Any) -> Any:
            return arguments

        assert getattr(manager, f"{name}_loader")(function) is function
        assert getattr(manager.callbacks, name) is function


def test_a_loader_may_come_after_init_app() -> None:
    """Loaders are looked up when they are needed."""
    manager = JWTManager()
    app = application(manager=manager)
    with app.app_context():
        assert "late" not in decode_token(create_access_token("alice"))
        manager.additional_claims_loader(lambda identity: {"late": True})
        assert decode_token(create_access_token("alice"))["late"] is True


PRIVATE_NAMES = [
    ("_user_claims_callback", "additional_claims"),
    ("_jwt_additional_header_callback", "additional_headers"),
    ("_decode_key_callback", "decode_key"),
    ("_encode_key_callback", "encode_key"),
    ("_expired_token_callback", "expired_token"),
    ("_invalid_token_callback", "invalid_token"),
    ("_needs_fresh_token_callback", "needs_fresh_token"),
    ("_revoked_token_callback", "revoked_token"),
    ("_token_in_blocklist_callback", "token_in_blocklist"),
    ("_token_verification_callback", "token_verification"),
    ("_token_verification_failed_callback", "token_verification_failed"),
    ("_unauthorized_callback", "unauthorized"),
    ("_user_identity_callback", "user_identity"),
    ("_user_lookup_callback", "user_lookup"),
    ("_user_lookup_error_callback", "user_lookup_error"),
]


@pytest.mark.parametrize(("private", "name"), PRIVATE_NAMES)
def test_flask_jwt_extendeds_private_names(private: str, name: str) -> None:
    """FJE's private attributes give the function that counts: the application's or a default."""
    manager = JWTManager()
    default = getattr(manager, private)
    assert (default is None) if name == "user_lookup" else callable(default)
    getattr(manager, f"{name}_loader")(len)
    assert getattr(manager, private) is len


def test_flask_jwt_extendeds_private_names_can_be_assigned() -> None:
    """An application's test that assigns FJE's private attribute replaces the function."""
    manager = JWTManager()
    app = application(manager=manager)
    app.add_url_rule("/", view_func=jwt_required()(lambda: "in"))
    with app.app_context():
        headers = {"Authorization": f"Bearer {create_access_token('alice')}"}
    for blocked, status in ((False, 200), (True, 401), (False, 200)):
        callback = lambda header, payload, blocked=blocked: blocked  # noqa: E731 - to assign it
        manager._token_in_blocklist_callback = callback
        assert manager._token_in_blocklist_callback is callback
        assert app.test_client().get("/", headers=headers).status_code == status


@pytest.mark.parametrize(("private", "name"), PRIVATE_NAMES)
def test_assigning_a_private_name_is_registering(private: str, name: str) -> None:
    """What is assigned to a private name is what its loader registers; None is the default."""
    manager = JWTManager()
    default = getattr(manager, private)
    setattr(manager, private, len)
    assert getattr(manager.callbacks, name) is len
    setattr(manager, private, None)
    assert getattr(manager, private) is default


def test_other_attributes_are_missing() -> None:
    """A misspelt attribute is an AttributeError, as of any object."""
    with pytest.raises(AttributeError, match="'JWTManager' object has no attribute 'claims_load"):
        JWTManager().claims_loader  # noqa: B018 - asked for, to see it missing


# ── a named manager ──────────────────────────────────────────────────────────────────────

PARTNER = {"SECRET_KEY": keys.private("HS256", 1)}


def partner_manager(app: Flask, **options: Any) -> JWTManager:
    app.config.update({f"PARTNER_JWT_{name}": value for name, value in options.items()})
    manager = JWTManager(name="partner", config_prefix="PARTNER_JWT_")
    manager.init_app(app)
    return manager


@pytest.fixture
def app() -> Iterator[Flask]:
    app = application()
    with app.app_context():
        yield app


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "partner"},
        {"config_prefix": "PARTNER_JWT_"},
        {"name": "partner", "config_prefix": "JWT_"},
        {"name": "", "config_prefix": "PARTNER_JWT_"},
        {"name": "partner", "config_prefix": ""},
        {"name": "partner", "config_prefix": "PARTNER"},
    ],
    ids=repr,
)
def test_a_name_and_a_prefix_go_together(arguments: dict[str, str]) -> None:
    """A named manager has a prefix of its own, which ends in an underscore."""
    with pytest.raises(ConfigurationError, match="takes both a name and a config_prefix of its"):
        JWTManager(**arguments)


def test_two_managers_of_one_name(app: Flask) -> None:
    """A name is one manager's, in one application."""
    partner_manager(app, **PARTNER)
    with pytest.raises(ConfigurationError, match="already with the name 'partner', of"):
        partner_manager(app, **PARTNER)


def test_two_managers_of_one_prefix(app: Flask) -> None:
    """A prefix is one manager's too: with one key, the tokens of two would be interchangeable."""
    partner_manager(app, **PARTNER)
    with pytest.raises(ConfigurationError, match=r"^the JWTManager of tests\.test_jwt_m"):
        JWTManager(app, name="another", config_prefix="PARTNER_JWT_")


def test_tokens_of_two_managers_are_not_interchangeable(app: Flask) -> None:
    """Each manager takes the tokens of its own key and refuses the other's."""
    partner = partner_manager(app, **PARTNER)
    ours, theirs = create_access_token("alice"), partner.create_access_token("bob")
    assert decode_token(ours)["sub"] == "alice"
    assert partner.decode_token(theirs)["sub"] == "bob"
    for check, token in ((decode_token, theirs), (partner.decode_token, ours)):
        with pytest.raises(InvalidSignatureError):
            check(token)


def test_a_named_manager_does_not_fall_back_to_flasks_secret(app: Flask) -> None:
    """Without a key of its own a named manager signs nothing: not by the secret of all."""
    app.config["SECRET_KEY"] = keys.SECRET
    partner = partner_manager(app)
    with pytest.raises(ConfigurationError) as caught:
        partner.create_access_token("bob")
    assert str(caught.value).startswith("PARTNER_JWT_SECRET_KEY must be set when using symmetric")
    assert "flask" not in str(caught.value)


def test_a_named_manager_has_its_own_options(app: Flask) -> None:
    """Options of the one prefix do nothing to the other manager."""
    partner = partner_manager(
        app, **PARTNER, PROFILE="strict", ENCODE_AUDIENCE="them", DECODE_AUDIENCE="them"
    )
    app.config["JWT_ENCODE_AUDIENCE"] = "us"
    assert decode_token(create_access_token("alice"))["aud"] == "us"
    claims = partner.decode_token(partner.create_access_token("bob"))
    assert claims["aud"] == "them"
    with pytest.raises(InvalidAudienceError):
        partner.decode_token(partner.create_access_token("b", additional_claims={"aud": "us"}))
    app.config["PARTNER_JWT_ENCODE_AUDIENCE"] = None
    with pytest.raises(MissingRequiredClaimError):
        partner.decode_token(partner.create_access_token("bob"))


def test_a_named_managers_options_are_checked(app: Flask) -> None:
    """Errors and warnings name the option by its own prefix."""
    with pytest.raises(ConfigurationError, match=r"^PARTNER_JWT_ALGORITHM takes one of"):
        partner_manager(app, ALGORITHM="none")
    app.config["PARTNER_JWT_ALGORITHM"] = "HS256"
    with pytest.raises(ConfigurationError, match="did you mean PARTNER_JWT_SECRET_KEY"):
        partner_manager(app, SECERT_KEY=5)
    del app.config["PARTNER_JWT_SECERT_KEY"]
    with pytest.warns(UnknownOptionWarning, match=r"^PARTNER_JWT_MINE is no option"):
        partner_manager(app, MINE=5)


def test_a_named_managers_guard(app: Flask) -> None:
    """Its own decorator guards by its own keys, and gives its own identity, user and answers."""
    partner = partner_manager(app, **PARTNER)
    unnamed = app.extensions["flask-jwt-extended"]
    partner.user_lookup_loader(lambda header, payload: f"partner {payload['sub']}")
    unnamed.user_lookup_loader(lambda header, payload: f"user {payload['sub']}")
    partner.invalid_token_loader(lambda reason: (jsonify(partner=reason), 418))

    @app.get("/partner")
    @partner.jwt_required()
    def for_partners() -> dict[str, Any]:
        with pytest.raises(RuntimeError, match="You must call"):
            get_jwt_identity()
        return {
            "identity": partner.get_jwt_identity(),
            "user": partner.get_current_user(),
            "location": partner.get_jwt_request_location(),
            "kid": partner.get_jwt_header().get("kid"),
            "type": partner.get_jwt()["type"],
        }

    @app.get("/")
    @jwt_required()
    def for_users() -> dict[str, Any]:
        with pytest.raises(RuntimeError, match="You must call"):
            partner.get_jwt_identity()
        return {"identity": get_jwt_identity()}

    client = app.test_client()

    def get(path: str, token: str) -> Any:
        return client.get(path, headers={"Authorization": f"Bearer {token}"})

    ours, theirs = create_access_token("alice"), partner.create_access_token("bob")
    assert get("/", ours).json == {"identity": "alice"}
    assert get("/partner", theirs).json == {
        "identity": "bob",
        "user": "partner bob",
        "location": "headers",
        "kid": None,
        "type": "access",
    }
    assert (get("/", theirs).status_code, get("/", theirs).json) == (
        422,
        {"msg": "Signature verification failed"},
    )
    assert (get("/partner", ours).status_code, get("/partner", ours).json) == (
        418,
        {"partner": "Signature verification failed"},
    )


def test_two_managers_guard_one_request(app: Flask) -> None:
    """A view may ask for the tokens of both; each manager keeps what it found apart."""
    partner = partner_manager(app, **PARTNER, HEADER_NAME="X-Partner")

    @app.get("/")
    @partner.jwt_required()
    @jwt_required()
    def both() -> list[Any]:
        return [get_jwt_identity(), partner.get_jwt_identity()]

    headers = {
        "Authorization": f"Bearer {create_access_token('alice')}",
        "X-Partner": f"Bearer {partner.create_access_token('bob')}",
    }
    assert app.test_client().get("/", headers=headers).json == ["alice", "bob"]
    del headers["X-Partner"]
    assert app.test_client().get("/", headers=headers).status_code == 401


def test_a_named_managers_cookies(app: Flask) -> None:
    """It sets and takes away the cookies that its own options name."""
    partner = partner_manager(
        app, **PARTNER, ACCESS_COOKIE_NAME="partner", COOKIE_CSRF_PROTECT=False
    )
    response = Response()
    partner.set_access_cookies(response, "text")
    assert response.headers.getlist("Set-Cookie") == ["partner=text; HttpOnly; Path=/"]
    partner.unset_jwt_cookies(response)
    assert any(each.startswith("partner=;") for each in response.headers.getlist("Set-Cookie"))


FUNCTIONS = [
    name
    for name in flask_signet.__all__
    if inspect.isfunction(getattr(flask_signet, name))
    and name != "get_unverified_jwt_headers"  # it needs no manager
    and not name.endswith("_blueprint")  # these are the unnamed one's
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_manager_has_the_packages_functions(name: str) -> None:
    """A named manager does by a method what the package does by a function for the unnamed one."""
    function, method = getattr(flask_signet, name), getattr(JWTManager, name)
    wanted = inspect.signature(function).parameters
    given = dict(list(inspect.signature(method).parameters.items())[1:])
    for parameter in wanted.values():
        if parameter.name in given:
            assert given[parameter.name].default == parameter.default
        else:  # handed on by its name
            assert any(one.kind is inspect.Parameter.VAR_KEYWORD for one in given.values())


def test_a_named_manager_reads_its_own_tokens(app: Flask) -> None:
    """Its getters verify by its own keys, and its cookies can be taken away one kind at a time."""
    partner = partner_manager(app, **PARTNER, ACCESS_COOKIE_NAME="a", REFRESH_COOKIE_NAME="r")
    token = partner.create_access_token("bob", additional_claims={"jti": "j", "csrf": "c"})
    assert (partner.get_jti(token), partner.get_csrf_token(token)) == ("j", "c")
    for read in (partner.get_jti, partner.get_csrf_token):
        with pytest.raises(SignetError, match="Signature verification failed"):
            read(create_access_token("alice"))
    for unset, cookie in (
        (partner.unset_access_cookies, "a=;"),
        (partner.unset_refresh_cookies, "r=;"),
    ):
        response = Response()
        unset(response)
        headers = response.headers.getlist("Set-Cookie")
        assert [each[:3] for each in headers if each[1] == "="] == [cookie]


def test_a_named_manager_alone() -> None:
    """An application may have a named manager only: the package's functions need the unnamed."""
    app = Flask("tests")
    partner = partner_manager(app, **PARTNER)
    assert "flask-jwt-extended" not in app.extensions
    with app.app_context():
        partner.decode_token(partner.create_refresh_token("bob"))
        with pytest.raises(RuntimeError, match="You must initialize a JWTManager"):
            create_access_token("bob")
        with pytest.raises(SignetError):
            partner.decode_token("a.b.c")


# ── Flask-JWT-Extended's private functions ───────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["access", "refresh", "reset"])
def test_any_type_of_token(app: Flask, kind: str) -> None:
    """FJE's private function makes tokens of any type; public code uses it for password resets."""
    manager = app.extensions["flask-jwt-extended"]
    token = manager._encode_jwt_from_config("alice", kind, claims={"a": 1}, headers={"h": "x"})
    claims = manager._decode_jwt_from_config(token)
    assert (claims["type"], claims["sub"], claims["a"]) == (kind, "alice", 1)
