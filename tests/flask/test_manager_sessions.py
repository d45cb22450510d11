"""A login gives two tokens of one session."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_signet import (
    JWTManager,
    TokenPair,
    create_access_token,
    create_refresh_token,
    create_token_pair,
    decode_token,
    end_session,
    end_sessions,
    get_jwt_identity,
    list_sessions,
    logout,
    rotate_refresh_token,
    verify_jwt_in_request,
)
from flask_signet.exceptions import (
    ConfigurationError,
    NoAuthorizationError,
    RevokedTokenError,
    TokenReusedError,
)
from flask_signet.sessions.session import Device
from flask_signet.stores.memory import MemoryStore
from tests.applications import application, bare_application, manager, mint, set_clock
from tests.conftest import Clock
from tests.jose import keys


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[Flask]:
    set_clock(monkeypatch, clock)
    app = application()
    with app.app_context():
        yield app


def claims(pair: TokenPair) -> tuple[dict[str, Any], dict[str, Any]]:
    return decode_token(pair.access_token), decode_token(pair.refresh_token)


def test_both_tokens_name_the_session(app: Flask) -> None:
    """Both tokens carry the sid of the pair; apart from it they are two tokens of their kinds."""
    pair = create_token_pair("alice")
    access, refresh = claims(pair)
    assert access["sid"] == refresh["sid"] == pair.sid
    assert (access["type"], refresh["type"]) == ("access", "refresh")
    assert access["sub"] == refresh["sub"] == "alice"
    assert access["jti"] != refresh["jti"]
    assert access["csrf"] != refresh["csrf"]


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_one_csrf_value_for_both_tokens_of_a_stored_session(profile: str, clock: Clock) -> None:
    """With a store all tokens of a session have one CSRF value, that no other session has."""
    app = application(
        PROFILE=profile, TOKEN_LOCATION=["headers", "cookies"], SESSION_STORE=MemoryStore()
    )
    values = []
    with app.app_context():
        for _ in range(2):
            pair = create_token_pair("alice")
            access, refresh = claims(pair)
            assert access["csrf"] == refresh["csrf"]
            assert len(access["csrf"]) >= 22  # 128 bits
            assert access["csrf"] not in {access["jti"], refresh["jti"], pair.sid}
            headers = {"Authorization": f"Bearer {pair.refresh_token}"}
            clock.tick(1)
            for _ in range(2):  # the second is a replay within the grace
                with app.test_request_context(headers=headers):
                    again = claims(rotate_refresh_token())
                assert again[0]["csrf"] == again[1]["csrf"] == access["csrf"]
            values.append(access["csrf"])
    assert len(set(values)) == 2


def test_f21_each_login_opens_another_session(app: Flask) -> None:
    """A sid is new with each login, has 128 bits, and nothing of it can be foreseen."""
    sids = {create_token_pair("alice").sid for _ in range(200)}
    assert len(sids) == 200
    assert all(len(sid) >= 22 for sid in sids)  # 6 bits in a character


def test_the_access_token_is_fresh(app: Flask, clock: Clock) -> None:
    """The owner of the pair has just logged in, unless it is said otherwise."""
    for fresh, claim in ((True, True), (False, False), (timedelta(minutes=1), clock() + 60)):
        access, refresh = claims(create_token_pair("alice", fresh=fresh))
        assert access["fresh"] == claim
        assert refresh["fresh"] is False
    assert claims(create_token_pair("alice"))[0]["fresh"] is True


def test_each_has_its_lifetime(app: Flask, clock: Clock) -> None:
    """Each token lives as its option or its argument says."""
    for options, lifetimes in (
        ({}, (900, 30 * 86400)),
        ({"access_expires_delta": timedelta(seconds=5)}, (5, 30 * 86400)),
        ({"refresh_expires_delta": timedelta(hours=1)}, (900, 3600)),
    ):
        exps = tuple(each["exp"] - clock() for each in claims(create_token_pair("a", **options)))
        assert exps == lifetimes
    access, refresh = claims(create_token_pair("a", refresh_expires_delta=False))
    assert "exp" in access
    assert "exp" not in refresh


@pytest.mark.parametrize("which", ["access_expires_delta", "refresh_expires_delta"])
def test_no_lifetime(app: Flask, which: str) -> None:
    """A lifetime of zero is refused for either."""
    with pytest.raises(ValueError, match="is zero"):
        create_token_pair("alice", **{which: timedelta(0)})


def test_claims_and_headers_are_for_both(app: Flask) -> None:
    """Additional claims and headers go into both tokens, and stay the caller's."""
    more, header = {"role": "admin"}, {"x": "y"}
    pair = create_token_pair("alice", additional_claims=more, additional_headers=header)
    assert [each["role"] for each in claims(pair)] == ["admin", "admin"]
    assert (more, header) == ({"role": "admin"}, {"x": "y"})


def test_the_sid_of_the_pair_is_the_one_in_its_tokens(app: Flask) -> None:
    """A sid among the additional claims is refused, or is the pair's: never a third one."""
    try:
        pair = create_token_pair("alice", additional_claims={"sid": "mine"})
    except ValueError:
        return
    assert {each["sid"] for each in claims(pair)} == {pair.sid}


def test_it_is_a_pair_to_work_with(app: Flask) -> None:
    """Each token of the pair opens what is for its kind."""
    pair = create_token_pair("alice")
    for token, refresh in ((pair.access_token, False), (pair.refresh_token, True)):
        with app.test_request_context(headers={"Authorization": f"Bearer {token}"}):
            verified = verify_jwt_in_request(refresh=refresh)
            assert verified is not None
            assert verified[1]["sid"] == pair.sid


@pytest.mark.parametrize(("identity", "type_"), [(7, int), (uuid.UUID(int=5), uuid.UUID)])
def test_identities_of_a_type(app: Flask, identity: Any, type_: type) -> None:
    """Both tokens of the pair have the identity as JWT_IDENTITY_TYPE writes it."""
    app.config["JWT_IDENTITY_TYPE"] = type_
    assert [each["sub"] for each in claims(create_token_pair(identity))] == [str(identity)] * 2


@pytest.mark.parametrize("identity", [None, 1.5, {"id": 1}])
def test_what_is_no_identity(app: Flask, identity: Any) -> None:
    """What is no identity gives no pair."""
    with pytest.raises(TypeError, match="user_identity_loader"):
        create_token_pair(identity)


def test_a_named_managers_pair() -> None:
    """A named manager makes pairs with its own key and options."""
    partner = JWTManager(name="partner", config_prefix="PARTNER_JWT_")
    app = bare_application()
    app.config.update(
        PARTNER_JWT_SECRET_KEY=keys.private("HS256", 1), PARTNER_JWT_ENCODE_ISSUER="partner"
    )
    JWTManager(app)
    partner.init_app(app)
    with app.app_context():
        pair = partner.create_token_pair("alice", refresh_expires_delta=timedelta(seconds=5))
        for token in (pair.access_token, pair.refresh_token):
            found = partner.decode_token(token)
            assert (found["sid"], found["iss"]) == (pair.sid, "partner")
        assert found["exp"] - found["iat"] == 5


def test_a_named_managers_sessions_are_its_own() -> None:
    """It rotates, lists, revokes and ends what is in its own store, and no other's."""
    partner = JWTManager(name="partner", config_prefix="PARTNER_JWT_")
    app = bare_application()
    ours, theirs = MemoryStore(), MemoryStore()
    app.config.update(
        JWT_SESSION_STORE=ours,
        PARTNER_JWT_SESSION_STORE=theirs,
        PARTNER_JWT_SECRET_KEY=keys.private("HS256", 1),
        PARTNER_JWT_REFRESH_REUSE_GRACE=0,
    )
    JWTManager(app)
    partner.init_app(app)

    def presenting(token: str) -> Any:
        return app.test_request_context(headers={"Authorization": f"Bearer {token}"})

    def accepts(token: str) -> bool:
        with presenting(token):
            try:
                return partner.verify_jwt_in_request() is not None
            except RevokedTokenError:
                return False

    with app.app_context():
        create_token_pair("alice")
        first, second = partner.create_token_pair("alice"), partner.create_token_pair("alice")
        loose = partner.create_access_token("alice")
        assert [each.sid for each in partner.list_sessions("alice")] == [second.sid, first.sid]
    with presenting(first.refresh_token):
        rotated = partner.rotate_refresh_token()
    with presenting(first.refresh_token), pytest.raises(TokenReusedError):
        partner.rotate_refresh_token()
    assert not accepts(rotated.access_token)
    assert accepts(second.access_token)
    with presenting(second.access_token):
        assert partner.logout()
    assert not accepts(second.access_token)
    with app.app_context():
        third = partner.create_token_pair("alice")
        partner.revoke_token(loose)
        assert not accepts(loose)
        assert partner.end_session(third.sid)
        partner.create_token_pair("alice")
        partner.end_sessions("alice")
        assert partner.list_sessions("alice") == []
        assert len(list_sessions("alice")) == 1


def test_an_entry_for_everybody_lives_as_long_as_any_token_of_a_session(clock: Clock) -> None:
    """A session that may idle longer than JWT_REFRESH_TOKEN_EXPIRES is refused as long."""
    store = MemoryStore()
    app = bare_application()
    app.config.update(
        JWT_SESSION_STORE=store,
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(days=1),
        JWT_REFRESH_IDLE_EXPIRES=timedelta(days=60),
    )
    JWTManager(app)
    with app.app_context():
        end_sessions("alice")
    [entry] = store.follow().sync().entries
    assert entry.expires_at > entry.not_before + timedelta(days=60).total_seconds()


def stepping_up(app: Flask, token: str, **options: Any) -> dict[str, Any]:
    """The claims of what `create_access_token` makes while this access token is in use."""
    with app.test_request_context(headers={"Authorization": f"Bearer {token}"}):
        verify_jwt_in_request()
        return decode_token(create_access_token(get_jwt_identity(), fresh=True, **options))


@pytest.mark.parametrize("identity", ["alice", 7])
def test_what_is_made_in_a_session_belongs_to_it(identity: Any, ticking: Clock) -> None:
    """It has the sid, auth_time and CSRF value of the token in use, unless session=False."""
    app = application(SESSION_STORE=MemoryStore())
    with app.app_context():
        pair = create_token_pair(identity)
        used = claims(pair)[0]
    ticking.tick(60)
    made = stepping_up(app, pair.access_token)
    for name in ("sid", "auth_time", "csrf", "sub"):
        assert made[name] == used[name]
    assert made["jti"] != used["jti"]
    apart = stepping_up(app, pair.access_token, session=False)
    assert {"sid", "auth_time"}.isdisjoint(apart)
    assert apart["csrf"] != used["csrf"]


@pytest.mark.parametrize("odd", [{"sid": "mine"}, {"sid": 5, "auth_time": 1}, {"auth_time": 1}])
def test_a_token_of_no_session_gives_none_on(odd: dict[str, Any], ticking: Clock) -> None:
    """Claims of an application's own by these names are no session: FJE hands none of them on."""
    app = application(SESSION_STORE=MemoryStore())
    made = stepping_up(app, mint(**odd))
    assert {"sid", "auth_time"}.isdisjoint(made)


def test_without_csrf_claims_none_is_handed_on(ticking: Clock) -> None:
    """Where tokens have no CSRF value any more, that of the token in use goes no further."""
    app = application(SESSION_STORE=MemoryStore())
    with app.app_context():
        pair = create_token_pair("alice")
    app.config["JWT_CSRF_CLAIM"] = "cookies"
    made = stepping_up(app, pair.access_token)
    assert made["sid"] == pair.sid
    assert "csrf" not in made


@pytest.mark.parametrize("lifetime", [timedelta(days=365), timedelta(seconds=901), False])
def test_a_token_that_lives_longer_than_the_option_dies_with_its_session(
    lifetime: Any, ticking: Clock
) -> None:
    """The session's end is remembered for as long as the longest of its tokens lives."""
    app = application(SESSION_STORE=MemoryStore())
    with app.app_context():
        pair = create_token_pair("alice")
    bearer = {"Authorization": f"Bearer {pair.access_token}"}
    with app.test_request_context(headers=bearer):
        verify_jwt_in_request()
        long = create_access_token("alice", expires_delta=lifetime)
        assert end_session()
    ticking.tick(900)
    bearer = {"Authorization": f"Bearer {long}"}
    with app.test_request_context(headers=bearer), pytest.raises(RevokedTokenError):
        verify_jwt_in_request()


def test_each_manager_knows_its_own_sessions_alone() -> None:
    """A named manager's token hands its session on to its own tokens, not to another manager's."""
    partner = JWTManager(name="partner", config_prefix="PARTNER_JWT_")
    app = bare_application()
    app.config.update(
        JWT_SESSION_STORE=MemoryStore(),
        PARTNER_JWT_SESSION_STORE=MemoryStore(),
        PARTNER_JWT_SECRET_KEY=keys.private("HS256", 1),
    )
    JWTManager(app)
    partner.init_app(app)
    with app.app_context():
        pair = partner.create_token_pair("alice")
    with app.test_request_context(headers={"Authorization": f"Bearer {pair.access_token}"}):
        partner.verify_jwt_in_request()
        assert partner.decode_token(partner.create_access_token("alice"))["sid"] == pair.sid
        assert "sid" not in decode_token(create_access_token("alice"))


@pytest.mark.parametrize(
    "options", [{}, {"SESSION_STORE": MemoryStore(), "REFRESH_ROTATION": False}]
)
def test_where_nothing_rotates_the_request_is_not_looked_at(options: dict[str, Any]) -> None:
    """The operator is told, with a refresh token or without; no user is looked up, nothing ends."""
    app = application(**options)
    manager(app).user_lookup_loader(lambda header, claims: None)
    with app.app_context():
        pair = create_token_pair("alice")
    for headers in ({}, {"Authorization": f"Bearer {pair.refresh_token}"}):
        with app.test_request_context(headers=headers), pytest.raises(ConfigurationError):
            rotate_refresh_token()
    if options:
        with app.app_context():
            assert [each.sid for each in list_sessions("alice")] == [pair.sid]


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_a_preflight_has_nothing_to_rotate(profile: str) -> None:
    """No guard asks an OPTIONS request for a token; a rotation without one is a refusal."""
    app = application(PROFILE=profile, SESSION_STORE=MemoryStore())
    preflight = {"Origin": "https://app.test", "Access-Control-Request-Method": "POST"}
    with app.test_request_context(method="OPTIONS", headers=preflight):
        assert verify_jwt_in_request(refresh=True) is None
        with pytest.raises(NoAuthorizationError, match="Missing refresh token"):
            rotate_refresh_token()


@pytest.mark.parametrize("locations", [["headers"], ["headers", "cookies"]])
def test_the_end_of_a_session_clears_cookies_only_where_tokens_are_in_some(
    locations: list[str],
) -> None:
    """Reuse and a log-out: elsewhere cookies of these names are another application's."""
    app = application(SESSION_STORE=MemoryStore(), REFRESH_REUSE_GRACE=0, TOKEN_LOCATION=locations)
    app.add_url_rule("/rotate", "rotate", lambda: rotate_refresh_token().sid, methods=["POST"])
    app.add_url_rule("/logout", "logout_", lambda: str(logout()), methods=["POST"])
    with app.app_context():
        pair, other = create_token_pair("alice"), create_token_pair("alice")
    client = app.test_client()
    asked = [("/rotate", pair, 200), ("/rotate", pair, 401), ("/logout", other, 200)]
    cleared = []
    for path, used, status in asked:
        headers = {"Authorization": f"Bearer {used.refresh_token}"}
        answer = client.post(path, headers=headers)
        assert answer.status_code == status
        cleared.append("Set-Cookie" in answer.headers)
    assert cleared == [False, "cookies" in locations, "cookies" in locations]


# ── what is kept of a device ─────────────────────────────────────────────────────────────

SENT: dict[str, Any] = {
    "headers": {"User-Agent": "Firefox"},
    "environ_base": {"REMOTE_ADDR": "192.0.2.17"},
}


def nothing(device: Device) -> None:
    """Where the law asks for it."""


def network(device: Device) -> Device:
    return device._replace(address=device.address.rpartition(".")[0])


async def no_browser(device: Device) -> Device:
    return device._replace(user_agent="")


def all_of_it(device: Device) -> Device:
    return device


def own_label(device: Device) -> Device:
    return Device(label=f"{device.label} of {device.user_agent}")


DEVICES = [
    (nothing, ("", "", "laptop")),
    (network, ("Firefox", "192.0.2", "laptop")),
    (no_browser, ("", "192.0.2.17", "laptop")),
    (all_of_it, ("Firefox", "192.0.2.17", "laptop")),
    (own_label, ("", "", "laptop of Firefox")),
]


@pytest.mark.parametrize(("loader", "kept"), DEVICES)
def test_a_device_loader_decides_what_is_kept(loader: Any, kept: tuple[str, ...]) -> None:
    """The store gets what the loader returned and nothing else; of None the label alone."""
    store = MemoryStore()
    app = application(SESSION_STORE=store)
    assert manager(app).device_loader(loader) is loader
    with app.test_request_context(**SENT):
        pair = create_token_pair("alice", label="laptop")
        [session] = list_sessions("alice")
    assert (session.user_agent, session.address, session.label) == kept
    row = store.find_session(pair.sid, now=0)
    assert row is not None
    assert row.device == kept


@pytest.mark.parametrize("loader", [nothing, network])
def test_a_session_that_a_token_opens_asks_it_too(loader: Any) -> None:
    """An adoption opens a session as a log-in does; a refresh after it adds nothing."""
    app = application(SESSION_STORE=MemoryStore())
    manager(app).device_loader(loader)
    with app.app_context():
        token = create_refresh_token("alice")
    for _ in range(2):
        headers = {"Authorization": f"Bearer {token}", **SENT["headers"]}
        with app.test_request_context(headers=headers, environ_base=SENT["environ_base"]):
            token = rotate_refresh_token().refresh_token
            [session] = list_sessions("alice")
        assert session.address in ("", "192.0.2")


@pytest.mark.parametrize("returned", ["192.0.2.0", ("a", "b", "c"), True, {}])
def test_what_is_no_device_is_refused(returned: Any) -> None:
    """A loader that returns something else keeps nothing by mistake: the log-in fails."""
    app = application(SESSION_STORE=MemoryStore())
    manager(app).device_loader(lambda device: returned)
    with app.test_request_context(**SENT), pytest.raises(TypeError, match="device_loader"):
        create_token_pair("alice")
    with app.app_context():
        assert list_sessions("alice") == []
