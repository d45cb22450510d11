"""The scenarios of owners (own-*), over HTTP requests, on every store."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask, jsonify, request

from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    create_refresh_token,
    create_token_pair,
    decode_token,
    end_session,
    end_sessions,
    get_jwt_identity,
    jwt_required,
    list_sessions,
    revoke_token,
)
from flask_signet.cli import jwt_cli
from flask_signet.exceptions import ConfigurationError, RevokedTokenError
from flask_signet.flask.manager import Manager
from flask_signet.jwt.token import TokenPair
from flask_signet.keys.files import jwks_text
from flask_signet.stores.memory import MemoryStore
from tests.applications import NOW, OTHER_SECRET
from tests.conftest import Clock
from tests.issuers import ISSUER, JWKS_URL, Web, jwks, pair, token
from tests.scenarios.service import Scenario, bearer

Make = Callable[..., Scenario]
PROFILES = ("compatible", "strict")


@pytest.fixture(params=PROFILES)
def profile(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def user() -> str:
    return f"user-{secrets.token_hex(8)}"


class Door:
    """One manager in one application, with a client."""

    def __init__(self, app: Flask, manager: Manager, path: str) -> None:
        self.app, self.manager, self.path = app, manager, path
        app.add_url_rule(path, path, manager.jwt_required()(lambda: jsonify(ok=True)))

    def log_in(self, user: Any) -> TokenPair:
        with self.app.app_context():
            return self.manager.create_token_pair(user)

    def status(self, token: str) -> int:
        return self.app.test_client().get(self.path, headers=bearer(token)).status_code

    def refresh(self, pair: TokenPair) -> TokenPair:
        headers = bearer(pair.refresh_token)
        with self.app.test_request_context(headers=headers):
            return self.manager.rotate_refresh_token()

    def sids(self, user: Any) -> set[str]:
        with self.app.app_context():
            return {each.sid for each in self.manager.list_sessions(user)}


def add_partner(scenario: Scenario, store: object, profile: str) -> Door:
    """A second manager in the application of a scenario, on the same store."""
    scenario.app.config.update(
        PARTNER_JWT_SECRET_KEY=OTHER_SECRET,
        PARTNER_JWT_SESSION_STORE=store,
        PARTNER_JWT_PROFILE=profile,
    )
    partner = JWTManager(scenario.app, name="partner", config_prefix="PARTNER_JWT_")
    return Door(scenario.app, partner, "/partner")


@pytest.fixture(params=["managers", "applications"])
def doors(
    request: pytest.FixtureRequest, make: Make, store: object, profile: str
) -> Iterator[tuple[Door, Door]]:
    """Two managers of one application; or two applications, one of which has a name of its own."""
    first = make(profile=profile)
    here = Door(first.app, first.jwt, "/here")
    if request.param == "managers":
        there = add_partner(first, store, profile)
    else:
        second = make(profile=profile, store_owner="shop", secret_key=OTHER_SECRET)
        there = Door(second.app, second.jwt, "/there")
    yield here, there
    there.app.extensions["flask-signet"][there.manager.name].close()


def test_update_session_is_for_its_own_manager(doors: tuple[Door, Door], user: str) -> None:
    """What a session keeps is changed by no other manager or application."""
    ours, theirs = doors
    mine, other = ours.log_in(user), theirs.log_in(user)
    for here, session, wanted in (
        (theirs, mine, False),
        (ours, other, False),
        (theirs, other, True),
    ):
        with here.app.app_context():
            assert here.manager.update_session(session.sid, claims={"plan": "all"}) is wanted


@pytest.mark.parametrize("swapped", [False, True])
def test_own_04_neither_sees_or_ends_for_the_other(
    doors: tuple[Door, Door], ticking: Clock, user: str, swapped: bool
) -> None:
    """What one manager lists, ends and logs out everywhere is no user of the other."""
    ours, theirs = reversed(doors) if swapped else doors
    mine, other = ours.log_in(user), theirs.log_in(user)
    with theirs.app.app_context():
        loose = theirs.manager.create_access_token(user, additional_claims={"jti": f"jti-{user}"})
    ticking.tick(1)
    assert ours.sids(user) == {mine.sid}
    assert theirs.sids(user) == {other.sid}
    with ours.app.app_context():
        assert not ours.manager.end_session(other.sid)
        assert not ours.manager.end_session(other.sid, subject=user)
        ours.manager.end_sessions(user)
        ours.manager.revoke_token(f"jti-{user}")
    assert ours.sids(user) == set()
    assert ours.status(mine.access_token) == 401
    assert theirs.status(other.access_token) == theirs.status(loose) == 200
    after = theirs.refresh(other)
    assert after.sid == other.sid
    assert theirs.status(after.access_token) == 200
    with theirs.app.app_context():
        assert theirs.manager.end_session(other.sid, subject=user)
        theirs.manager.revoke_token(f"jti-{user}")
    assert theirs.status(after.access_token) == theirs.status(loose) == 401


def test_own_04_a_named_manager_s_sessions_live_on(
    make: Make, store: object, ticking: Clock, user: str
) -> None:
    """What a named manager gave out before there were owners is good, what it ended has ended."""
    scenario = make()
    before = Scenario(store)
    before.app.config.update(PARTNER_JWT_STORE_OWNER="")  # as everything was filed
    old = add_partner(before, store, "compatible")
    kept, ended = old.log_in(user), old.log_in(user)
    with old.app.app_context():
        old.manager.end_session(ended.sid)
        loose, revoked = (old.manager.create_access_token(user) for _ in range(2))
        old.manager.revoke_token(revoked)
        gone = old.manager.create_access_token(f"gone {user}")
        legacy = old.manager.create_refresh_token(user)
        spent = old.manager.create_refresh_token(user)
        old.manager.revoke_token(spent)
        old.manager.end_sessions(f"gone {user}")
    ticking.tick(1)
    new = add_partner(scenario, store, "compatible")
    assert [new.status(token) for token in (kept.access_token, loose)] == [200, 200]
    assert [new.status(token) for token in (ended.access_token, revoked, gone)] == [401, 401, 401]
    again = new.refresh(kept)
    assert again.sid == kept.sid
    with pytest.raises(RevokedTokenError):
        new.refresh(TokenPair("", spent, ""))
    adopted = new.refresh(TokenPair("", legacy, ""))
    assert new.refresh(TokenPair("", legacy, "")).sid == adopted.sid  # two tabs
    assert new.sids(user) == {adopted.sid}
    ticking.tick(1)
    with new.app.app_context():
        new.manager.end_sessions(user)
    for access in (again.access_token, loose, adopted.access_token):
        assert new.status(access) == 401
    for each in (again, adopted):
        with pytest.raises(RevokedTokenError):
            new.refresh(each)
    old.app.extensions["flask-signet"]["partner"].close()
    before.close()
    new.app.extensions["flask-signet"]["partner"].close()


# ── tenants ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def tenants(make: Make, profile: str) -> Scenario:
    """An application whose tenant is the host, and that counts how often it is asked for it."""
    scenario = make(profile=profile)
    asked: list[str] = []
    scenario.app.config["ASKED"] = asked

    @scenario.jwt.tenant_loader
    def tenant() -> str:
        asked.append(request.host)
        return request.host

    return scenario


def at(scenario: Scenario, host: str, method: str, path: str, token: str = "", **sent: Any) -> Any:
    headers = bearer(token) if token else {}
    client = scenario.app.test_client()
    return client.open(path, method=method, headers=headers, base_url=f"https://{host}", **sent)


def log_in_at(scenario: Scenario, host: str, user: str) -> Any:
    answer = at(scenario, host, "POST", "/auth/tokens", json={"user": user})
    assert answer.status_code == 201
    return answer.json


def test_own_05_each_tenant_has_its_own(tenants: Scenario, ticking: Clock, user: str) -> None:
    """User 1 of A sees, ends and logs out everywhere nothing of user 1 of B."""
    a, b = (log_in_at(tenants, host, user) for host in ("a.test", "b.test"))
    with tenants.app.app_context():
        sid_a, sid_b = (decode_token(each["access_token"])["sid"] for each in (a, b))
    listed = at(tenants, "a.test", "GET", "/auth/sessions", a["access_token"]).json
    assert [each["sid"] for each in listed] == [sid_a]
    ended = at(tenants, "a.test", "DELETE", f"/auth/sessions/{sid_b}", a["access_token"])
    assert ended.status_code == 404
    ticking.tick(1)
    assert at(tenants, "a.test", "DELETE", "/auth/sessions", a["access_token"]).status_code == 204
    assert at(tenants, "a.test", "GET", "/protected", a["access_token"]).status_code == 401
    assert at(tenants, "b.test", "GET", "/protected", b["access_token"]).status_code == 200
    refreshed = at(tenants, "b.test", "PATCH", "/auth/tokens", b["refresh_token"])
    assert refreshed.status_code == 201
    assert at(tenants, "a.test", "PATCH", "/auth/tokens", a["refresh_token"]).status_code == 401
    gone = at(tenants, "b.test", "DELETE", "/auth/tokens", refreshed.json["access_token"])
    assert gone.status_code == 204
    assert at(tenants, "b.test", "PATCH", "/auth/tokens", b["refresh_token"]).status_code == 401


def test_own_05_a_token_at_another_tenant(tenants: Scenario, user: str) -> None:
    """A token of A is refused at B, whatever asks: a guard or a refresh. It ends nothing there."""
    a = log_in_at(tenants, "a.test", user)
    for method, path, kind in (
        ("GET", "/protected", "access_token"),
        ("GET", "/auth/sessions", "access_token"),
        ("PATCH", "/auth/tokens", "refresh_token"),
    ):
        answer = at(tenants, "b.test", method, path, a[kind])
        assert answer.status_code == 401
        assert answer.json["msg"] == "The token is for another tenant"
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert at(tenants, "a.test", "PATCH", "/auth/tokens", a["refresh_token"]).status_code == 201


def test_own_05_a_token_of_no_tenant(make: Make, tenants: Scenario, user: str) -> None:
    """A token from before there were tenants is refused where there is one now."""
    tokens = make(profile=tenants.app.config["JWT_PROFILE"]).login(user)
    assert at(tenants, "a.test", "GET", "/protected", tokens["access_token"]).status_code == 401


def test_own_05_the_loader_is_asked_once(tenants: Scenario, user: str) -> None:
    """A log-in, a guarded list and a refresh ask the loader once each."""
    asked = tenants.app.config["ASKED"]
    a = log_in_at(tenants, "a.test", user)
    assert asked == ["a.test"]
    at(tenants, "a.test", "GET", "/auth/sessions", a["access_token"])
    assert asked == ["a.test"] * 2
    at(tenants, "a.test", "PATCH", "/auth/tokens", a["refresh_token"])
    assert asked == ["a.test"] * 3


def test_own_05_without_a_loader_the_token_says_its_tenant(
    make: Make, tenants: Scenario, ticking: Clock, user: str
) -> None:
    """A service without the loader lists, ends and refuses for the tenant of the token."""
    a, b = (log_in_at(tenants, host, user) for host in ("a.test", "b.test"))
    service = make(profile=tenants.app.config["JWT_PROFILE"])
    assert len(service.sessions(a)) == 1
    assert service.get(a) == service.get(b) == 200
    ticking.tick(1)
    service.client.delete("/auth/sessions", headers=bearer(a["access_token"]))
    assert (service.get(a), service.get(b)) == (401, 200)
    assert at(tenants, "a.test", "GET", "/protected", a["access_token"]).status_code == 401


def test_own_05_outside_a_request_the_tenant_is_given(
    tenants: Scenario, ticking: Clock, user: str
) -> None:
    """A job says which tenant it means; without that the loader fails, and nothing is ended."""
    a, b = (log_in_at(tenants, host, user) for host in ("a.test", "b.test"))
    ticking.tick(1)
    with tenants.app.app_context():
        sid = decode_token(a["access_token"])["sid"]
        assert [each.sid for each in list_sessions(user, tenant="a.test")] == [sid]
        with pytest.raises(RuntimeError):
            end_sessions(user)
        assert not end_session(sid, tenant="b.test")
        assert end_session(sid, tenant="a.test")
        end_sessions(user, tenant="b.test")
    assert at(tenants, "a.test", "GET", "/protected", a["access_token"]).status_code == 401
    assert at(tenants, "b.test", "GET", "/protected", b["access_token"]).status_code == 401


def test_own_05_a_loader_that_can_t_say(make: Make, ticking: Clock, user: str) -> None:
    """Where the loader returns None, the token's tenant counts for all that the request does."""
    scenario = make()
    said: list[str | None] = ["a"]
    scenario.jwt.tenant_loader(lambda: said[0])

    @scenario.app.get("/more")
    @jwt_required()
    def more() -> Any:
        return jsonify(create_access_token(user))

    a = scenario.login(user)
    said[0] = "b"
    b = scenario.login(user)
    said[0] = None
    assert len(scenario.sessions(a)) == len(scenario.sessions(b)) == 1
    another = scenario.client.get("/more", headers=bearer(a["access_token"])).json
    said[0] = "b"
    assert scenario.get({"access_token": another}) == 401
    said[0] = ""
    assert scenario.get(a) == 401
    said[0] = None
    ticking.tick(1)
    scenario.client.delete("/auth/sessions", headers=bearer(a["access_token"]))
    assert (scenario.get(a), scenario.get(b)) == (401, 200)


def test_own_05_an_async_loader(make: Make, user: str) -> None:
    """The loader may be `async`; what is no text is an error."""
    scenario = make()

    @scenario.jwt.tenant_loader
    async def tenant() -> Any:
        return scenario.app.config["TENANT"]

    scenario.app.config["TENANT"] = "a"
    with scenario.app.app_context():
        assert decode_token(create_access_token(user))["signet_tenant"] == "a"
        scenario.app.config["TENANT"] = 5
        with pytest.raises(TypeError, match="returns a text or None, not int"):
            create_access_token(user)


def test_the_owner_s_claims_are_not_an_application_s(tenants: Scenario, user: str) -> None:
    """What an application adds to a token, even all claims of another, changes no owner."""
    added = {"signet_tenant": "b.test", "signet_owner": "partner", "signet_iat": 9e9, "role": "x"}
    tenants.jwt.additional_claims_loader(lambda identity: added)
    with tenants.app.test_request_context(base_url="https://a.test"):
        pair = create_token_pair(user, additional_claims=added)
        texts = (*pair[:2], create_access_token(user), create_refresh_token(user))
        for claims in map(decode_token, texts):
            assert (claims["signet_tenant"], claims["role"]) == ("a.test", "x")
            assert "signet_owner" not in claims
            assert claims.get("signet_iat", claims["iat"]) < claims["iat"] + 1


# ── another issuer's names ───────────────────────────────────────────────────────────────


def test_own_06_a_local_id_like_another_issuer_s(make: Make, ticking: Clock) -> None:
    """Ending and revoking ids that spell like an issuer's leave the issuer's token good."""
    key, web, scenario = pair("theirs"), Web(), make()
    web.pages[JWKS_URL] = jwks(key)
    number = secrets.token_hex(8)
    scenario.jwt.add_issuer(ISSUER, audience="api", jwks_url=JWKS_URL, fetch=web)
    claims = {"iss": ISSUER, "aud": "api", "sub": number, "iat": NOW, "exp": NOW + 600}
    theirs = {"access_token": token(key, claims | {"jti": f"j{number}"})}
    spelt = f"{ISSUER} {number}"
    mine = scenario.login(spelt)
    assert len(scenario.sessions(mine)) == 1
    ticking.tick(1)
    with scenario.app.app_context():
        revoke_token(create_access_token(1, additional_claims={"jti": f"{ISSUER} j{number}"}))
        end_sessions(spelt)
    assert (scenario.get(mine), scenario.get(theirs)) == (401, 200)
    assert scenario.refresh(mine).status_code == 401
    with scenario.app.app_context():
        end_sessions(number, issuer=ISSUER)
    assert scenario.get(theirs) == 401


# ── one second ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", [0.0, 0.2])
@pytest.mark.parametrize("named", [False, True])
def test_own_10_everywhere_and_a_log_in_in_one_second(
    make: Make, store: object, ticking: Clock, user: str, step: float, named: bool
) -> None:
    """After "everywhere", a token without a session of the same second is good, now and later."""
    scenario = make()
    door = Door(scenario.app, scenario.jwt, "/door")
    if named:
        door = add_partner(scenario, store, "compatible")
    create, end = door.manager.create_access_token, door.manager.end_sessions
    with scenario.app.app_context():
        before = create(user)
        ticking.tick(step)
        end(user)
        ticking.tick(step)
        after = create(user)
        refresh = door.manager.create_refresh_token(user)
    assert (door.status(before), door.status(after)) == (401, 200)
    ticking.tick(60)
    assert (door.status(before), door.status(after)) == (401, 200)
    assert door.status(door.refresh(TokenPair("", refresh, "")).access_token) == 200
    with scenario.app.app_context():
        end(user)
    assert door.status(after) == 401
    if named:
        scenario.app.extensions["flask-signet"]["partner"].close()


def test_own_10_again_and_again(make: Make, ticking: Clock, user: str) -> None:
    """At one tick of the clock, each log-out everywhere ends the log-in before it."""
    scenario = make()
    door = Door(scenario.app, scenario.jwt, "/door")
    with scenario.app.app_context():
        for _ in range(3):
            token = create_access_token(user)
            assert door.status(token) == 200
            end_sessions(user)
            assert door.status(token) == 401


def test_own_10_without_a_store_nothing_is_added(make: Make, user: str) -> None:
    """A token of an application without a store has the claims of Flask-JWT-Extended alone."""
    scenario = Scenario(None)
    with scenario.app.app_context():
        claims = decode_token(create_access_token(user, additional_claims={"signet_iat": 5}))
    assert not [name for name in claims if name.startswith("signet_")]


# ── subjects ─────────────────────────────────────────────────────────────────────────────


@dataclass
class Person:
    number: str


class Role(str, enum.Enum):  # noqa: UP042 - its str() is "Role.ADMIN", as of many applications
    ADMIN = "admin"


def test_a_subject_is_what_the_identity_loader_makes_of_it(
    make: Make, ticking: Clock, user: str
) -> None:
    """The object of the log-in lists, ends one and ends all; so does what stands in its token."""
    scenario = make()
    scenario.jwt.user_identity_loader(lambda person: person.number)
    person = Person(user)
    with scenario.app.app_context():
        for subject in (person, user):
            pair = create_token_pair(person)
            assert [each.sid for each in list_sessions(subject)] == [pair.sid]
            assert not end_session(pair.sid, subject=Person("other"))
            assert end_session(pair.sid, subject=subject)
            create_token_pair(person)
            ticking.tick(1)
            end_sessions(subject)
            assert list_sessions(person) == []


def test_what_get_jwt_identity_gives_is_the_subject(make: Make, user: str) -> None:
    """Where the loader takes texts too, the identity of the request's token does not need it."""
    scenario = make()
    scenario.jwt.user_identity_loader(lambda name: f"user:{name}")

    @scenario.app.get("/mine")
    @jwt_required()
    def mine() -> Any:
        return jsonify([len(list_sessions(each)) for each in (get_jwt_identity(), user, "other")])

    tokens = scenario.login(user)
    headers = bearer(tokens["access_token"])
    assert scenario.client.get("/mine", headers=headers).json == [1, 1, 0]
    assert len(scenario.sessions(tokens)) == 1


def test_an_enum_of_texts_is_its_text(make: Make, ticking: Clock) -> None:
    """A member of a str-enum is the subject that its tokens say."""
    scenario = make()
    with scenario.app.app_context():
        end_sessions(Role.ADMIN)
        ticking.tick(1)
        pair = create_token_pair(Role.ADMIN)
        assert [each.sid for each in list_sessions(Role.ADMIN)] == [pair.sid]
        ticking.tick(1)
        end_sessions(Role.ADMIN)
        assert list_sessions("admin") == []


def test_an_int_and_its_text_are_one_user(make: Make, ticking: Clock) -> None:
    """`1` and `"1"` of one manager are one subject."""
    scenario, number = make(), secrets.randbits(60)
    with scenario.app.app_context():
        pair = create_token_pair(number)
        assert [each.sid for each in list_sessions(str(number))] == [pair.sid]
        assert end_session(pair.sid, subject=str(number))


def test_none_is_a_subject_of_its_own(make: Make, ticking: Clock) -> None:
    """Where None may be an identity, it is nobody called "None"."""
    scenario = make(verify_sub=False)
    with scenario.app.app_context():
        nobody, named = create_token_pair(None), create_token_pair("None")
        assert nobody.sid in {each.sid for each in list_sessions(None)}
        ticking.tick(1)
        end_sessions(None)
        assert named.sid in {each.sid for each in list_sessions("None")}
    assert (scenario.get(nobody._asdict()), scenario.get(named._asdict())) == (401, 200)


@pytest.mark.parametrize("nobody", [None, ""])
def test_nobody_ends_nothing(make: Make, user: str, nobody: Any) -> None:
    """`end_session` with a subject of None or an empty one ends nothing; left out, whoever's."""
    scenario = make()
    with scenario.app.app_context():
        pair = create_token_pair(user)
        assert not end_session(pair.sid, subject=nobody)
        with scenario.app.test_request_context(headers=bearer(pair.access_token)):
            jwt_required()(lambda: None)()
            assert not end_session(subject=nobody)
            assert not end_session(subject="other")
        assert [each.sid for each in list_sessions(user)] == [pair.sid]
        assert end_session(pair.sid)


def test_the_error_of_a_loader_is_not_swallowed(make: Make) -> None:
    """A database that fails in the identity loader is no answer to "who is it?"."""
    scenario = make()

    @scenario.jwt.user_identity_loader
    def fails(identity: Any) -> str:
        raise OSError("the database is down")

    with scenario.app.app_context(), pytest.raises(OSError, match="is down"):
        end_sessions("alice")


# ── keys ─────────────────────────────────────────────────────────────────────────────────


def keyed(store: object, **options: Any) -> Door:
    """A manager whose keys are in the store."""
    app = Flask("keyed")
    app.config.update(JWT_KEYS="store:", JWT_ALGORITHM="ES256", JWT_SESSION_STORE=store, **options)
    return Door(app, JWTManager(app), "/door")


def keys_command(door: Door, *words: str) -> str:
    result = door.app.test_cli_runner().invoke(jwt_cli, ["keys", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_own_04_neither_signs_for_the_other(ticking: Clock, user: str) -> None:
    """Keys in the store are their owner's: a token of one is refused by the other."""
    store = MemoryStore()
    ours, shop = keyed(store), keyed(store, JWT_STORE_OWNER="shop")
    keys_command(ours, "generate")
    with shop.app.app_context(), pytest.raises(ConfigurationError, match="keys generate"):
        shop.manager.create_access_token(user)
    keys_command(shop, "generate")
    for door, other in ((ours, shop), (shop, ours)):
        access = door.log_in(user).access_token
        assert (door.status(access), other.status(access)) == (200, 422)


def test_own_04_a_named_manager_has_its_keys_by_the_command(ticking: Clock, user: str) -> None:
    """`--manager` makes and lists the keys of a named manager."""
    store = MemoryStore()
    ours = keyed(store)
    ours.app.config.update(
        PARTNER_JWT_KEYS="store:",
        PARTNER_JWT_ALGORITHM="ES256",
        PARTNER_JWT_SESSION_STORE=store,
    )
    partner = JWTManager(ours.app, name="partner", config_prefix="PARTNER_JWT_")
    door = Door(ours.app, partner, "/partner")
    keys_command(ours, "generate")
    assert "there is no key" in keys_command(ours, "list", "--manager", "partner")
    keys_command(ours, "generate", "--manager", "partner")
    assert door.status(door.log_in(user).access_token) == 200
    assert ours.status(door.log_in(user).access_token) == 422
    result = ours.app.test_cli_runner().invoke(jwt_cli, ["keys", "list", "--manager", "nobody"])
    assert result.exit_code == 2


def test_own_04_keys_from_before_there_were_owners(ticking: Clock, user: str) -> None:
    """Keys that all managers shared stay good for each, until it rotates to keys of its own."""
    store = MemoryStore()
    store.save_keys(jwks_text([Key.generate("ES256").to_private_jwk()]), after=0)
    ours, shop = keyed(store), keyed(store, JWT_STORE_OWNER="shop")
    before = shop.log_in(user)
    assert ours.status(before.access_token) == 200
    keys_command(ours, "rotate", "--publish-for", "0")
    keys_command(shop, "rotate", "--publish-for", "0")
    ticking.tick(60)
    for door in (ours, shop):
        door.app.config["JWT_KEYS_REFRESH"] = 1  # other options: the keys are read again
    after = shop.log_in(user)
    assert shop.status(before.access_token) == shop.status(after.access_token) == 200
    assert ours.status(after.access_token) == 422
