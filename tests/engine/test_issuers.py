"""Other issuers: six providers' tokens and their near-misses, and what add_issuer refuses."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, jsonify
from werkzeug.test import TestResponse

import flask_signet
import flask_signet.engine.issuers
from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    create_token_pair,
    decode_token,
    end_session,
    end_sessions,
    get_current_user,
    get_jwt,
    get_jwt_identity,
    jwt_required,
    logout,
    revoke_token,
    rotate_refresh_token,
    token_blueprint,
)
from flask_signet.exceptions import (
    ConfigurationError,
    InvalidAlgorithmError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    SignetError,
)
from flask_signet.stores.memory import MemoryStore
from tests.applications import signed
from tests.conftest import Clock
from tests.issuers import ISSUER, JWKS_URL, Web, jwks, metadata, pair, token
from tests.jose import keys
from tests.providers import CURRENT, NOW, PROVIDERS, RETIRED, Provider

SECRET = "KpXn2mVt8wQzR5yH3bJf7cLs9dGa4eNu6iTo1qWx0kY"
KEY = pair("theirs")
EACH = pytest.mark.parametrize("name", PROVIDERS)


@pytest.fixture(autouse=True)
def _time(ticking: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JWTManager, "monotonic", ticking)


def application(**options: Any) -> Flask:
    """An application that has sessions of its own, and views of every kind."""
    app = Flask("issuers")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_ERROR_FORMAT="coded")
    app.config.update(options)
    JWTManager(app)
    app.register_blueprint(token_blueprint(lambda form: form.get("user")))
    for name, arguments in {
        "required": {},
        "optional": {"optional": True},
        "fresh": {"fresh": True},
        "refresh": {"refresh": True},
        "any-type": {"verify_type": False},
        "any-refresh": {"verify_type": False, "refresh": True},
    }.items():
        app.add_url_rule(f"/{name}", name, jwt_required(**arguments)(_view))
    return app


def _view() -> Any:
    return jsonify(id=get_jwt_identity(), claims=get_jwt())


def manager(app: Flask) -> JWTManager:
    found: JWTManager = app.extensions["flask-jwt-extended"]
    return found


def get(app: Flask, text: str, path: str = "/required") -> TestResponse:
    return app.test_client().get(path, headers={"Authorization": f"Bearer {text}"})


def refusal(app: Flask, text: str, path: str = "/required") -> tuple[int, str]:
    answer = get(app, text, path)
    return answer.status_code, (answer.json or {}).get("error", "")


def web(*published: Key) -> Web:
    found = Web()
    found.pages[JWKS_URL] = jwks(*(published or (KEY,)))
    return found


def add(app: Flask, issuer: str = ISSUER, **options: Any) -> None:
    given = {"audience": "api", "jwks_url": JWKS_URL, "fetch": web()} | options
    manager(app).add_issuer(issuer, **given)


def theirs(key: Key = KEY, **changes: Any) -> str:
    """A token of the other issuer; a claim of ``...`` is left out."""
    claims = {"iss": ISSUER, "aud": "api", "sub": "ada", "iat": NOW, "exp": NOW + 600, "jti": "j"}
    claims |= changes
    return token(key, {name: value for name, value in claims.items() if value is not ...})


@pytest.fixture
def app() -> Flask:
    made = application()
    add(made)
    return made


# ── the providers ────────────────────────────────────────────────────────────────────────


def of(provider: Provider, **options: Any) -> Flask:
    made = application(**options)
    given = provider.options | {"fetch": provider.web(CURRENT)}
    manager(made).add_issuer(provider.issuer, **given)
    return made


@EACH
@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_a_provider_s_access_token_is_taken(name: str, profile: str) -> None:
    """Each provider's token, as its documentation shows it, is let in for whom it names."""
    provider = PROVIDERS[name]
    if profile == "strict" and not {"typ", "type_claim"} & set(provider.options):
        # Its access tokens have no mark, which strict asks to say.
        provider = replace(provider, options=provider.options | {"typ": "JWT"})
    answer = get(of(provider, JWT_PROFILE=profile), provider.token(CURRENT))
    assert answer.status_code == 200, answer.json
    assert answer.json["id"] == provider.identity
    assert answer.json["claims"] == {"jti": None} | provider.claims | {
        "type": "access",
        "fresh": False,
    }


@EACH
def test_a_provider_s_near_misses_are_refused(name: str) -> None:
    """Wrong issuer, audience, name of a key, algorithm, time or key: each alone refuses a token."""
    provider = PROVIDERS[name]
    made = of(provider)
    audience = provider.audience_claim
    rs512 = Key.from_cryptography(keys.rsa_private(0), "RS512", kid=CURRENT.kid)
    public = keys.public_pem(keys.rsa_private(0)).decode()
    issuer = provider.issuer
    other_form = issuer[:-1] if issuer.endswith("/") else issuer + "/"
    stranger = pair("1234example=", 2)
    misses = {
        "issuer": provider.token(CURRENT, {"iss": "https://evil.example.com/"}),
        "issuer with more": provider.token(CURRENT, {"iss": issuer + ".evil.example.com"}),
        "issuer with a slash, or without": provider.token(CURRENT, {"iss": other_form}),
        "issuer in another case": provider.token(CURRENT, {"iss": issuer.upper()}),
        "issuer in a list": provider.token(CURRENT, {"iss": [issuer]}),
        "no issuer": provider.token(CURRENT, {"iss": ...}),
        "audience": provider.token(CURRENT, {audience: "another-api"}),
        "part of the audience": provider.token(
            CURRENT, {audience: provider.options["audience"][:-1]}
        ),
        "no audience": provider.token(CURRENT, {audience: ...}),
        "audience of nobody": provider.token(CURRENT, {audience: []}),
        "kid": provider.token(CURRENT, kid="another"),
        "kid of nothing": provider.token(CURRENT, kid=""),
        "alg": provider.token(rs512),
        "alg of a secret": signed(provider.claims, public, {"alg": "HS256", "kid": CURRENT.kid}),
        "alg in words only": provider.token(CURRENT, alg="RS512"),
        "alg none": provider.token(CURRENT, alg="none"),
        "key of somebody else": provider.token(stranger),
        "key that is retired": provider.token(RETIRED),
        "expired": provider.token(CURRENT, {"exp": NOW}),
        "never expires": provider.token(CURRENT, {"exp": ...}),
        "not yet": provider.token(CURRENT, {"nbf": NOW + 60}),
        "nobody": provider.token(CURRENT, {provider.options.get("identity_claim", "sub"): ...}),
        "changed": provider.token(CURRENT)[:-8] + "AAAAAAAA",
    }
    assert get(made, provider.token(CURRENT)).status_code == 200
    statuses = {what: get(made, text).status_code for what, text in misses.items()}
    assert statuses == {what: 401 if what == "expired" else 422 for what in misses}


@EACH
def test_a_provider_s_other_tokens_are_refused(name: str) -> None:
    """ID tokens, refresh tokens and the like, signed by the same key, open nothing."""
    provider = PROVIDERS[name]
    made = of(provider)
    for changes in provider.lookalikes:
        assert get(made, provider.token(CURRENT, changes)).status_code == 422
    if "typ" in provider.options:
        for typ in ("JWT", "", None, "id+jwt", ["at+jwt"]):
            assert get(made, provider.token(CURRENT, typ=typ)).status_code == 422
        for typ in ("AT+JWT", "application/at+jwt"):
            assert get(made, provider.token(CURRENT, typ=typ)).status_code == 200


def test_all_providers_at_once() -> None:
    """One application may take the tokens of many; each is checked by its own rules."""
    made = application()
    taken = {name: each for name, each in PROVIDERS.items() if name != "Auth0-RFC9068"}
    for each in taken.values():
        manager(made).add_issuer(each.issuer, **each.options, fetch=each.web(CURRENT))
    for each in taken.values():
        assert get(made, each.token(CURRENT)).json["id"] == each.identity
        for other in taken.values():
            if other is not each:
                text = each.token(CURRENT, {"iss": other.issuer})
                assert get(made, text).status_code in (401, 422)


def test_the_page_shows_the_configurations_that_are_tested() -> None:
    """docs/issuers.md adds each provider with the options that these tests add it with."""
    page = (Path(__file__).parents[2] / "docs" / "issuers.md").read_text("utf-8")
    shown = {}
    for block in page.split("```python\n")[1:]:
        for node in ast.walk(ast.parse(block.partition("\n```")[0])):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".add_issuer"):
                names = {word.arg for word in node.keywords} - {"fetch", "leeway"}
                shown.setdefault(ast.literal_eval(node.args[0]).split("/")[2], []).append(names)
    for each in PROVIDERS.values():
        assert set(each.options) in shown[each.issuer.split("/")[2]], each.issuer


# ── routing ──────────────────────────────────────────────────────────────────────────────


def test_our_own_tokens_are_verified_as_before(app: Flask) -> None:
    """With issuers or without, a token of ours is ours."""
    with app.app_context():
        text = create_access_token("1", fresh=True)
    assert get(app, text, "/fresh").json["id"] == "1"


def test_without_issuers_nothing_is_read_before_the_signature(monkeypatch: Any) -> None:
    """An application without issuers has no payload parsed that is not signed."""
    made = application()
    monkeypatch.setattr(flask_signet.engine.issuers, "parse_payload", lambda data: 1 / 0)
    with made.app_context():
        text = create_access_token("1")
    assert get(made, text).status_code == 200
    assert refusal(made, theirs()) == (422, "invalid_algorithm")


def test_d5_the_issuer_s_keys_verify_the_issuer_s_tokens_alone(app: Flask) -> None:
    """D5: our key does not sign for them, their key not for us, nor for a third."""
    ours = Key.from_secret(SECRET)
    assert (
        get(app, signed({"iss": ISSUER, "aud": "api", "sub": "a", "exp": NOW + 9}, ours)).json["id"]
        == "a"
    )  # signed by us: it is ours, whatever it says
    for iss in (..., None, "", "https://third.example.com", [ISSUER], {"a": ISSUER}, 7):
        assert get(app, theirs(iss=iss)).status_code == 422
    other = web(pair("ours"))
    add(app, "https://third.example.com", fetch=other)
    assert refusal(app, theirs(iss="https://third.example.com")) == (422, "invalid_signature")


def test_an_asymmetric_application_tells_its_own_from_theirs() -> None:
    """Where both sign with RS256, the issuer alone decides whose keys count."""
    mine = Key.from_cryptography(keys.rsa_private(1), "RS256", kid="mine")
    made = application(
        JWT_ALGORITHM="RS256",
        JWT_PRIVATE_KEY=mine,
        JWT_ENCODE_ISSUER="https://me.example.com",
        JWT_DECODE_ISSUER="https://me.example.com",
    )
    add(made)
    with made.app_context():
        text = create_access_token("1")
    assert get(made, text).json["id"] == "1"
    assert get(made, theirs()).json["id"] == "ada"
    assert get(made, theirs(iss="https://me.example.com")).status_code == 422
    assert get(made, theirs(mine)).status_code == 422
    assert (
        get(
            made, token(mine, {"iss": ISSUER, "sub": "1", "aud": "api", "exp": NOW + 9})
        ).status_code
        == 422
    )


def test_an_application_may_have_no_keys_of_its_own() -> None:
    """One that only takes others' tokens needs no secret, and no token makes it fail."""
    made = Flask("resource-server")
    jwt = JWTManager(made)
    jwt.add_issuer(ISSUER, audience="api", jwks_url=JWKS_URL, fetch=web())
    made.add_url_rule("/required", view_func=jwt_required()(_view))
    assert get(made, theirs()).json["id"] == "ada"
    for text in (
        theirs(iss="https://third.example.com"),
        theirs(iss=...),
        signed({}, Key.from_secret(SECRET)),
    ):
        assert get(made, text).status_code == 422
    assert get(made, "x.y.z").status_code == 422


def test_an_application_with_a_key_ring_has_keys_of_its_own() -> None:
    """Keys that come by JWT_KEYS are ours as well, beside any issuer's."""
    mine = Key.from_cryptography(keys.rsa_private(1), "RS256", kid="mine")
    made = application(JWT_SECRET_KEY=None, JWT_KEYS=[mine])
    add(made)
    with made.app_context():
        text = create_access_token("1")
    assert get(made, text).json["id"] == "1"
    assert get(made, theirs()).json["id"] == "ada"
    kept = application(JWT_SECRET_KEY=None, JWT_KEYS="store:", JWT_SESSION_STORE="memory://")
    with kept.app_context():
        state = kept.extensions["flask-signet"][""]
        assert state.signet().keys.are_given


def test_a_named_manager_has_issuers_of_its_own(app: Flask) -> None:
    """What the unnamed manager takes, another does not."""
    partner = JWTManager(app, name="partner", config_prefix="PARTNER_JWT_")
    app.add_url_rule(
        "/partner", view_func=partner.jwt_required()(lambda: jsonify(partner.get_jwt()))
    )
    issuer = "https://partner.example.com"
    partner.add_issuer(issuer, audience="api", jwks_url=JWKS_URL, fetch=web())
    assert get(app, theirs(iss=issuer), "/partner").status_code == 200
    assert get(app, theirs(iss=issuer)).status_code == 422
    assert get(app, theirs(), "/partner").status_code == 422


def test_issuers_may_be_added_before_the_application() -> None:
    """As extensions are used with a factory."""
    jwt = JWTManager()
    jwt.add_issuer(ISSUER, audience="api", jwks_url=JWKS_URL, fetch=web())
    for _ in range(2):
        made = Flask("factory")
        jwt.init_app(made)
        made.add_url_rule("/required", view_func=jwt_required()(_view))
        assert get(made, theirs()).status_code == 200


def test_the_decode_key_loader_is_for_our_own_tokens(app: Flask) -> None:
    """A loader never hands over a key for another issuer's token."""
    seen = []

    @manager(app).decode_key_loader
    def key_of(header: dict[str, Any], payload: dict[str, Any]) -> str:
        seen.append(payload.get("iss"))
        return SECRET

    assert get(app, theirs()).status_code == 200
    assert seen == []
    with app.app_context():
        text = create_access_token("1")
    assert get(app, text).status_code == 200
    assert seen == [None]


# ── good for access, and for nothing else ────────────────────────────────────────────────


def test_d7_a_foreign_token_is_never_fresh_and_never_refreshes(app: Flask) -> None:
    """D7: whatever it says of itself, it opens no door that asks for more than access."""
    for changes in ({}, {"fresh": True}, {"fresh": NOW + 100}):
        text = theirs(**changes)
        assert get(app, text).json["claims"]["fresh"] is False
        assert refusal(app, text, "/fresh") == (401, "fresh_token_required")
        assert refusal(app, text, "/refresh") == (422, "wrong_token_type")
    for path in ("/required", "/refresh", "/fresh", "/any-type", "/any-refresh", "/optional"):
        assert refusal(app, theirs(type="refresh"), path) == (422, "wrong_token_type")
    assert get(app, theirs(type="Refresh"), "/refresh").status_code == 422
    assert get(app, theirs(type="other")).json["claims"]["type"] == "access"


def test_a_foreign_token_in_a_cookie_has_no_csrf_value() -> None:
    """Where cookies need a CSRF value, a token without one is refused."""
    made = application(JWT_TOKEN_LOCATION=["cookies"])
    add(made)
    made.add_url_rule("/write", view_func=jwt_required()(_view), methods=["POST"])
    client = made.test_client()
    client.set_cookie("access_token_cookie", theirs())
    assert client.get("/required").status_code == 200  # reading needs none
    answer = client.post("/write", headers={"X-CSRF-TOKEN": "x"})
    assert answer.status_code == 422


def test_decode_token_is_for_our_own_tokens(app: Flask) -> None:
    """What reads tokens outside a guard does not mistake theirs for ours."""
    with app.app_context(), pytest.raises(InvalidAlgorithmError):
        decode_token(theirs())


def test_an_optional_guard_refuses_a_bad_foreign_token(app: Flask) -> None:
    """E10: a request with a bad token is no anonymous one."""
    assert get(app, theirs(), "/optional").json["id"] == "ada"
    assert get(app, theirs(aud="x"), "/optional").status_code == 422


def test_the_callbacks_run_for_foreign_tokens(app: Flask) -> None:
    """Blocklist, verification and user look-up see them, with their issuer."""
    asked = []

    def note(name: str, answer: Any) -> Any:
        def callback(header: dict[str, Any], payload: dict[str, Any]) -> Any:
            asked.append((name, header["kid"], payload["iss"], payload["sub"]))
            return answer

        return callback

    jwt = manager(app)
    jwt.token_in_blocklist_loader(note("blocklist", False))
    jwt.token_verification_loader(note("verification", True))
    jwt.user_lookup_loader(note("lookup", "the user"))
    app.add_url_rule("/user", view_func=jwt_required()(get_current_user))
    assert get(app, theirs(), "/user").text == "the user"
    assert asked == [
        (name, "theirs", ISSUER, "ada") for name in ("blocklist", "verification", "lookup")
    ]
    jwt.token_in_blocklist_loader(lambda header, payload: payload["jti"] == "j")
    assert refusal(app, theirs()) == (401, "token_revoked")
    assert get(app, theirs(jti="k")).status_code == 200


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("x", 200),
        (7, 200),
        ("", 422),
        (None, 422),
        (..., 422),
        (True, 422),
        (1.5, 422),
        (["x"], 422),
    ],
)
def test_the_identity_is_what_the_issuer_s_claim_says(value: Any, status: int) -> None:
    """identity_claim must be there, and be a text or a whole number; JWT_IDENTITY_TYPE is ours."""
    made = application(JWT_IDENTITY_TYPE=int)
    add(made, identity_claim="uid")
    answer = get(made, theirs(uid=value))
    assert answer.status_code == status
    assert status != 200 or answer.json["id"] == value


@pytest.mark.parametrize(
    ("ours", "leeway", "late", "status"),
    [
        (0, None, 0, 401),
        (10, None, 9, 200),
        (10, None, 10, 401),
        (10, 0, 0, 401),
        (0, timedelta(seconds=5), 4, 200),
        (0, 5, 5, 401),
    ],
)
def test_leeway(ours: int, leeway: Any, late: int, status: int, ticking: Clock) -> None:
    """An issuer's clock may differ by its own leeway, else by JWT_DECODE_LEEWAY."""
    made = application(JWT_DECODE_LEEWAY=ours)
    add(made, leeway=leeway)
    text = theirs(exp=NOW + 100)
    ticking.tick(100 + late)
    assert get(made, text).status_code == status


def test_an_expired_foreign_token_is_told_from_a_bad_one(app: Flask) -> None:
    """The expired_token_loader gets its claims, which are verified."""
    got = []

    @manager(app).expired_token_loader
    def expired(header: dict[str, Any], payload: dict[str, Any]) -> Any:
        got.append((header["kid"], payload["iss"]))
        return jsonify(error="late"), 401

    assert refusal(app, theirs(exp=NOW - 1)) == (401, "late")
    assert got == [("theirs", ISSUER)]


# ── sessions and revocation ──────────────────────────────────────────────────────────────


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    made = MemoryStore()
    yield made
    made.close()


@pytest.fixture
def with_sessions(store: MemoryStore) -> Flask:
    made = application(JWT_SESSION_STORE=store)
    add(made)
    return made


def test_nothing_of_ours_that_is_revoked_refuses_theirs(
    with_sessions: Flask, ticking: Clock
) -> None:
    """Their jti, sid and sub may be the very texts of ours: they are other ones all the same."""
    with with_sessions.test_request_context():
        mine = create_token_pair("ada")
        claims = decode_token(mine.access_token)
    text = theirs(sub="ada", jti=claims["jti"], sid=mine.sid, auth_time=NOW - 100)
    with with_sessions.test_request_context():
        revoke_token(claims["jti"])
        end_session(mine.sid)
        end_sessions("ada")
    assert refusal(with_sessions, mine.access_token) == (401, "token_revoked")
    assert get(with_sessions, text).status_code == 200


def test_nothing_of_theirs_that_is_revoked_refuses_ours(with_sessions: Flask) -> None:
    """And the other way round; nor those of a third issuer."""
    add(with_sessions, "https://third.example.com")
    with with_sessions.test_request_context():
        mine = create_token_pair("ada")
        jti = decode_token(mine.access_token)["jti"]
        text, third = theirs(jti=jti), theirs(jti=jti, iss="https://third.example.com")
        revoke_token(text)
        end_sessions("ada", issuer=ISSUER)
    assert refusal(with_sessions, text) == (401, "token_revoked")
    assert get(with_sessions, mine.access_token).status_code == 200
    assert get(with_sessions, third).status_code == 200


@pytest.mark.parametrize("by", ["token", "jti", "subject"])
def test_a_foreign_token_can_be_revoked(by: str, with_sessions: Flask, ticking: Clock) -> None:
    """By the token, by its issuer and jti, or all of a subject's from before now."""
    ticking.tick(1)
    with with_sessions.test_request_context():
        if by == "token":
            revoke_token(theirs())
        elif by == "jti":
            revoke_token("j", issuer=ISSUER)
        else:
            end_sessions("ada", issuer=ISSUER)
    assert refusal(with_sessions, theirs()) == (401, "token_revoked")
    later = theirs(jti="k", iat=NOW + 1, auth_time=0)
    ticking.tick(1)
    assert get(with_sessions, theirs(jti="l", sub="bob")).status_code == 200
    if by != "subject":
        assert get(with_sessions, later).status_code == 200
    else:
        assert get(with_sessions, theirs(jti="k", iat=NOW + 2, auth_time=0)).status_code == 200


def test_a_subject_is_who_the_identity_claim_says(with_sessions: Flask, ticking: Clock) -> None:
    """end_sessions takes the identity as get_jwt_identity gives it."""
    add(with_sessions, "https://third.example.com", identity_claim="oid")
    text = theirs(iss="https://third.example.com", oid="o", sub="s")
    ticking.tick(1)
    with with_sessions.test_request_context():
        end_sessions("s", issuer="https://third.example.com")
    assert get(with_sessions, text).status_code == 200
    with with_sessions.test_request_context():
        end_sessions("o", issuer="https://third.example.com")
    assert get(with_sessions, text).status_code == 401


def test_a_foreign_token_without_a_jti_cannot_be_revoked_alone(with_sessions: Flask) -> None:
    """It says what is missing; the subject can still be refused."""
    text = theirs(jti=...)
    with with_sessions.test_request_context(), pytest.raises(MissingRequiredClaimError):
        revoke_token(text)
    assert get(with_sessions, text).status_code == 200


def test_a_bad_foreign_token_is_not_revoked(with_sessions: Flask) -> None:
    """Only what a guard would take, or would have taken before it expired, makes an entry."""
    with with_sessions.test_request_context():
        for bad in (theirs(aud="x"), theirs(pair("theirs", 1)), theirs(sub="")):
            with pytest.raises(SignetError):
                revoke_token(bad)
        revoke_token(theirs(exp=NOW - 5))


def test_a_foreign_token_touches_no_session_of_ours(with_sessions: Flask) -> None:
    """Our sessions are not listed, noted, ended or rotated by who has an id like ours elsewhere."""
    for path, end in (("/logout", logout), ("/end", end_session)):
        view = jwt_required()(lambda end=end: jsonify(end()))
        with_sessions.add_url_rule(path, path, view)
    client = with_sessions.test_client()
    mine = client.post("/auth/tokens", json={"user": "ada"}).json
    with with_sessions.app_context():
        sid = decode_token(mine["access_token"])["sid"]
    headers = {"Authorization": f"Bearer {theirs(sub='ada', sid=sid, auth_time=NOW)}"}
    for method, path in (
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions"),
        ("DELETE", "/auth/sessions?others=true"),
        ("DELETE", f"/auth/sessions/{sid}"),
        ("PATCH", "/auth/tokens"),
    ):
        answer = client.open(path, method=method, headers=headers)
        assert (answer.status_code, answer.json["error"]) == (422, "wrong_token_type"), path
    assert client.delete("/auth/tokens", headers=headers).status_code == 401
    assert client.get("/logout", headers=headers).json is False
    assert client.get("/end", headers=headers).json is False
    assert get(with_sessions, mine["access_token"]).status_code == 200


def test_a_foreign_token_is_not_rotated_behind_a_guard(with_sessions: Flask) -> None:
    """A view that is guarded for access and rotates refuses it as what it is."""
    with_sessions.add_url_rule(
        "/rotate", view_func=jwt_required()(lambda: jsonify(rotate_refresh_token()._asdict()))
    )
    assert refusal(with_sessions, theirs(sid="s", auth_time=NOW), "/rotate") == (
        422,
        "wrong_token_type",
    )


@pytest.mark.parametrize("typ", [None, 5, ["at+jwt"]])
def test_b8_a_typ_that_is_no_text(app: Flask, typ: Any) -> None:
    """Another issuer's header is read as strictly as ours."""
    claims = {"iss": ISSUER, "aud": "api", "sub": "ada", "exp": NOW + 600}
    assert get(app, token(KEY, claims, typ="JWT")).status_code == 200
    assert get(app, token(KEY, claims, typ=typ)).status_code == 422


def test_d7_a_bound_token_of_another_issuer(app: Flask) -> None:
    """A token that its issuer bound to a key (RFC 9449) is no bearer token here."""
    answer = get(app, theirs(cnf={"jkt": "0ZcOCORZNYy"}))
    assert answer.status_code == 422
    assert answer.json["msg"].startswith("The token is bound to a key")


# ── what add_issuer refuses ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"issuer": "http://login.example.com/"}, "issuer takes an https URL.*not https"),
        ({"issuer": "login.example.com"}, "issuer takes an https URL"),
        ({"issuer": ""}, "issuer takes an https URL"),
        ({"issuer": None}, "issuer takes an https URL"),
        ({"issuer": "https://login.example.com/?a=b"}, "no query"),
        ({"issuer": "https://user:password@login.example.com/"}, "a user or a fragment"),
        ({"jwks_url": "http://keys.example.com/"}, "jwks_url takes an https URL"),
        ({"jwks_url": ""}, "jwks_url takes an https URL"),
        ({"audience": None}, "give the audience"),
        ({"audience": ""}, "give the audience"),
        ({"audience": []}, "give the audience"),
        ({"audience": ["api", ""]}, "give the audience"),
        ({"audience": {"api": 1}}, "give the audience"),
        ({"audience": b"api"}, "give the audience"),
        ({"algorithms": ["HS256"]}, "HS256 is for a shared secret"),
        ({"algorithms": "HS512"}, "HS512 is for a shared secret"),
        ({"algorithms": ["RS256", "HS384"]}, "HS384 is for a shared secret"),
        ({"algorithms": ["none"]}, "algorithms takes a list of some of RS256"),
        ({"algorithms": ["rs256"]}, "algorithms takes a list of some of RS256"),
        ({"algorithms": []}, "algorithms takes a list"),
        ({"algorithms": None}, "algorithms takes a list"),
        ({"identity_claim": ""}, "identity_claim takes a non-empty text"),
        ({"identity_claim": "iss"}, "does not name anybody"),
        ({"audience_claim": None}, "audience_claim takes a non-empty text"),
        ({"type_claim": "access"}, "type_claim takes a claim and the value"),
        ({"type_claim": ("token_use",)}, "type_claim takes a claim and the value"),
        ({"type_claim": ("token_use", True)}, "type_claim takes a claim and the value"),
        ({"typ": ""}, "typ takes a non-empty text"),
        ({"leeway": -1}, "leeway takes seconds"),
        ({"leeway": "10"}, "leeway takes seconds"),
        ({"leeway": True}, "leeway takes seconds"),
        ({"max_stale": float("inf")}, "max_stale takes seconds"),
        ({"max_stale": None}, "max_stale takes seconds"),
        ({"fetch": "urllib3"}, "fetch is a function"),
    ],
)
def test_what_cannot_be_right_is_told_at_once(options: dict[str, Any], says: str) -> None:
    """A mistake is an error at start-up that names what to give."""
    made = application()
    with pytest.raises(ConfigurationError, match=f"^add_issuer: .*{says}"):
        add(made, **options)
    assert manager(made).issuers == {}


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_b2_an_issuer_inside_a_network(profile: str) -> None:
    """Tokens name the public URL, and the keys are fetched by an inner one, where that is said."""
    public, inner = "http://localhost:8080/realms/demo", "http://keycloak:8080/realms/demo/certs"
    found = Web()
    found.pages[inner] = jwks(KEY)
    given: dict[str, Any] = {"jwks_url": inner, "fetch": found, "type_claim": ("typ", "Bearer")}
    made = application(JWT_PROFILE=profile)
    with pytest.raises(ConfigurationError, match=r"jwks_url .*of your own, allow_http=True$"):
        add(made, public, **given)
    add(made, public, **given, allow_http=True)
    assert get(made, theirs(iss=public, typ="Bearer")).status_code == 200
    assert found.asked == [inner]


def test_b2_an_inner_issuer_is_discovered() -> None:
    """With allow_http the issuer itself, its metadata and its keys may be at inner URLs."""
    issuer = "http://keycloak:8080/realms/demo"
    found = Web()
    found.pages[f"{issuer}/.well-known/openid-configuration"] = metadata(issuer, f"{issuer}/certs")
    found.pages[f"{issuer}/certs"] = jwks(KEY)
    made = application()
    with pytest.raises(ConfigurationError, match=r"issuer .*allow_http=True$"):
        add(made, issuer, jwks_url=None, fetch=found)
    add(made, issuer, jwks_url=None, fetch=found, allow_http=True)
    assert get(made, theirs(iss=issuer)).status_code == 200


@pytest.mark.parametrize("value", [None, "yes", 1])
def test_allow_http_is_yes_or_no(value: Any) -> None:
    """A knowing switch is True or False, no value that happens to be true."""
    with pytest.raises(ConfigurationError, match=r"^add_issuer: allow_http takes True or False"):
        add(application(), allow_http=value)


@pytest.mark.parametrize("missing", ["audience"])
def test_the_audience_is_not_forgotten(missing: str) -> None:
    """There is no default for whom a token may be made."""
    with pytest.raises(TypeError, match=missing):
        JWTManager().add_issuer(ISSUER, fetch=web())  # type: ignore[call-arg]  # that is the test


def test_an_unknown_term_is_no_argument(app: Flask) -> None:
    """A misspelt keyword is an error that names it, as for any function."""
    with pytest.raises(
        TypeError, match=r"add_issuer\(\) got an unexpected keyword argument 'audiense'"
    ):
        add(app, "https://third.example.com", audiense="api")


def test_an_issuer_is_added_once(app: Flask) -> None:
    """A second call can't change what the first one said."""
    with pytest.raises(ConfigurationError, match="there already: call it once, with all of its"):
        add(app, audience="another")
    assert get(app, theirs(aud="another")).status_code == 422
    several = application()
    add(several, audience=["api", "another"])
    assert get(several, theirs(aud="another")).status_code == 200


@pytest.mark.parametrize(
    "option", [{"JWT_ENCODE_ISSUER": ISSUER}, {"JWT_DECODE_ISSUER": ["https://a.example", ISSUER]}]
)
def test_an_issuer_is_ours_or_another_s(option: dict[str, Any]) -> None:
    """A name of our own tokens can't be another issuer's, whichever comes first."""
    with pytest.raises(ConfigurationError, match="is the issuer of our own tokens"):
        add(application(**option))
    jwt = JWTManager()
    jwt.add_issuer(ISSUER, audience="api", fetch=web())
    made = Flask("late")
    made.config.update(option, JWT_SECRET_KEY=SECRET)
    with pytest.raises(ConfigurationError, match="is the issuer of our own tokens"):
        jwt.init_app(made)


@pytest.mark.parametrize(
    ("mark", "good"),
    [
        ({}, False),
        ({"typ": None, "type_claim": None}, False),
        ({"typ": "at+jwt"}, True),
        ({"typ": "JWT"}, True),
        ({"type_claim": ("token_use", "access")}, True),
    ],
)
@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("name", ["", "partner"])
def test_b8_strict_asks_what_marks_an_access_token(
    mark: dict[str, Any], good: bool, early: bool, name: str
) -> None:
    """Without a mark, an issuer's ID and log-out tokens would be let in: strict asks for one."""
    prefix = "PARTNER_JWT_" if name else "JWT_"
    jwt = JWTManager(name=name, config_prefix=prefix)
    made = Flask("strict")
    made.config[f"{prefix}PROFILE"] = "strict"
    steps = [
        lambda: jwt.add_issuer(ISSUER, audience="api", fetch=web(), **mark),
        lambda: jwt.init_app(made),
    ]
    first, second = steps if early else steps[::-1]
    first()
    if good:
        second()
        assert set(jwt.issuers) == {ISSUER}
    else:
        with pytest.raises(ConfigurationError, match=f"^add_issuer: '{ISSUER}' is added without"):
            second()
        assert early or jwt.issuers == {}
    add(application(), **mark)


def test_ours_comes_first_where_options_change_later(app: Flask) -> None:
    """If an option makes their name ours while the application runs, their tokens are refused."""
    app.config["JWT_DECODE_ISSUER"] = ISSUER
    assert get(app, theirs()).status_code == 422


def test_a_failed_call_leaves_nothing(app: Flask) -> None:
    """What was refused is not half there."""
    before = dict(manager(app).issuers)
    app.config["JWT_ENCODE_ISSUER"] = "https://me.example.com"
    with pytest.raises(ConfigurationError):
        add(app, "https://me.example.com")
    assert manager(app).issuers == before
    with (
        pytest.raises(InvalidSignatureError),
        app.test_request_context(headers={"Authorization": f"Bearer {theirs(pair('theirs', 1))}"}),
    ):
        flask_signet.verify_jwt_in_request()
