"""What is issued: claims, headers, lifetimes, freshness, identities, JSON encoding."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from dateutil.relativedelta import relativedelta
from flask import Flask
from flask.json.provider import DefaultJSONProvider, JSONProvider

from tests.compat.harness import Both, Raised

Issue = Callable[[ModuleType], str]


def access(**arguments: Any) -> Issue:
    return lambda lib: lib.create_access_token("alice", **arguments)


def refresh(**arguments: Any) -> Issue:
    return lambda lib: lib.create_refresh_token("alice", **arguments)


def claims_of(result: Any) -> dict[str, Any]:
    """The claims of a token that `Both.run` gave back, normalised."""
    claims: dict[str, Any] = result["<token>"]["claims"]
    return claims


@pytest.mark.parametrize("issue", [access, refresh])
def test_the_claims_are_fjes(issue: Callable[..., Issue]) -> None:
    """fresh, iat, jti, type, sub, nbf, csrf, exp: these and no others, in FJE's types."""
    claims = claims_of(Both().run(issue()))
    assert set(claims) == {"fresh", "iat", "jti", "type", "sub", "nbf", "csrf", "exp"}
    assert claims["type"] == issue.__name__
    assert claims["jti"] == claims["csrf"] == "<uuid4>"
    assert claims["fresh"] is False


def test_the_claims_are_in_fjes_order() -> None:
    """The payload's members come in FJE's order, for those who look at tokens by eye or by text."""
    orders = []
    for side in Both().sides:
        with side.app.test_request_context():
            decoded = side.lib.decode_token(side.lib.create_access_token("alice"))
            orders.append(list(decoded))
    assert orders[0] == orders[1]


def test_two_tokens_have_different_ids() -> None:
    """`jti` and `csrf` are new for each token, and different from one another."""
    for side in Both().sides:
        with side.app.test_request_context():
            tokens = [side.lib.decode_token(side.lib.create_access_token("a")) for _ in range(5)]
        assert len({token[name] for token in tokens for name in ("jti", "csrf")}) == 10


LIFETIMES: dict[str, Any] = {
    "None": None,
    "False": False,
    "one second": timedelta(seconds=1),
    "seconds": timedelta(seconds=90),
    "days": timedelta(days=400),
    "relativedelta": relativedelta(hours=3),
    "relativedelta of days": relativedelta(days=+2),
}


@pytest.mark.parametrize("lifetime", LIFETIMES)
@pytest.mark.parametrize("issue", [access, refresh])
def test_expires_delta(issue: Callable[..., Issue], lifetime: str) -> None:
    """The argument sets `exp`; False leaves it out; None means the option."""
    result = claims_of(Both().run(issue(expires_delta=LIFETIMES[lifetime])))
    assert ("exp" in result) is (lifetime != "False")


def test_a_month_is_a_calendar_month() -> None:
    """A relativedelta of months depends on today's date, so it is added to the date."""
    month = relativedelta(months=1)
    result = claims_of(Both().run(access(expires_delta=month)))
    seconds = int(result["exp"].split("+ ")[1].rstrip(">"))
    assert 28 <= seconds / 86400 <= 31


@pytest.mark.parametrize("value", [300, 1, timedelta(minutes=5), relativedelta(minutes=5), False])
@pytest.mark.parametrize("late", [True, False])
def test_lifetimes_in_the_configuration(value: Any, late: bool) -> None:
    """timedelta, relativedelta, int seconds or False, set before or after init_app."""
    options = {"JWT_ACCESS_TOKEN_EXPIRES": value, "JWT_REFRESH_TOKEN_EXPIRES": value}
    both = Both({} if late else options)
    both.configure(**options)
    for issue in (access(), refresh()):
        assert ("exp" in claims_of(both.run(issue))) is (value is not False)


@pytest.mark.parametrize("value", [True, "banana", [1]], ids=str)
def test_a_lifetime_argument_must_be_a_duration(value: Any) -> None:
    """A value that is not a duration is an error in both. (Ours accepts a number of seconds.)"""
    theirs, ours = Both().run_each(access(expires_delta=value))
    assert isinstance(theirs, Raised)
    assert isinstance(ours, Raised)


@pytest.mark.parametrize(
    "fresh", [True, False, timedelta(minutes=5), timedelta(seconds=-5), 1.5, 4102444800.25]
)
def test_fresh(fresh: Any) -> None:
    """A bool stays, a timedelta becomes a timestamp with a fraction, a number stays."""
    both = Both()
    result = both.run(access(fresh=fresh))
    value = claims_of(result)["fresh"]
    if isinstance(fresh, timedelta):
        assert value == f"<float: iat + {int(fresh.total_seconds())}>"
    for path in ("/fresh", "/required"):
        token = both.token(access(fresh=fresh))
        both.ask(path, headers={"Authorization": f"Bearer {token}"})


def test_fresh_by_position() -> None:
    """create_access_token(identity, fresh, expires_delta, claims, headers), in that order."""
    result = Both().run(
        lambda lib: lib.create_access_token(
            "alice", True, timedelta(minutes=1), {"a": 1}, {"kid": "k"}
        )
    )
    assert (claims_of(result)["fresh"], claims_of(result)["a"]) == (True, 1)
    result = Both().run(
        lambda lib: lib.create_refresh_token("alice", timedelta(minutes=1), {"a": 1}, {"kid": "k"})
    )
    assert result["<token>"]["header"]["kid"] == "k"


OVERRIDES: dict[str, dict[str, Any]] = {
    "new": {"role": "admin", "list": [1, {"a": None}], "text": "é"},
    "sub": {"sub": "bob"},
    "type": {"type": "reset"},
    "exp": {"exp": 4102444800},
    "exp as datetime": {"exp": datetime(2100, 1, 1, tzinfo=UTC)},
    "exp as float": {"exp": 4102444800.75},
    "iat": {"iat": 1},
    "nbf": {"nbf": 1},
    "nbf as naive datetime": {"nbf": datetime(2001, 1, 1)},  # noqa: DTZ001 # as FJE's own tests do
    "jti": {"jti": "mine"},
    "csrf": {"csrf": "mine"},
    "fresh": {"fresh": True},
    "aud and iss": {"aud": ["a"], "iss": "us"},
    "none": {},
    "null": {"role": None},
}


@pytest.mark.parametrize("name", OVERRIDES)
@pytest.mark.parametrize("issue", [access, refresh])
def test_additional_claims_override_anything(issue: Callable[..., Issue], name: str) -> None:
    """Additional claims override what the library sets: sub, type, exp and the others."""
    result = claims_of(Both().run(issue(additional_claims=OVERRIDES[name])))
    for claim, value in OVERRIDES[name].items():
        if not isinstance(value, datetime):
            assert result[claim] == value


def test_the_callers_dicts_are_left_alone() -> None:
    """Neither the claims nor the headers that were passed in are changed."""
    for side in Both().sides:
        claims, headers = {"a": 1}, {"kid": "k"}
        with side.app.test_request_context():
            side.lib.create_access_token("x", additional_claims=claims, additional_headers=headers)
        assert (claims, headers) == ({"a": 1}, {"kid": "k"})


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        {"kid": "k1"},
        {"typ": "at+jwt"},
        {"typ": None},
        {"typ": ""},
        {"x": {"deep": [1]}},
        {"cty": "JWT"},
    ],
    ids=str,
)
@pytest.mark.parametrize("issue", [access, refresh])
def test_additional_headers(issue: Callable[..., Issue], headers: Any) -> None:
    """Additional headers are merged over `alg` and `typ`."""
    Both().run(issue(additional_headers=headers))


@pytest.mark.parametrize("audience", ["api", ["api", "web"], None, ""])
@pytest.mark.parametrize("issuer", ["us", None, ""])
@pytest.mark.parametrize("nbf", [True, False])
@pytest.mark.parametrize("csrf", [True, False])
def test_claims_by_option(audience: Any, issuer: Any, nbf: bool, csrf: bool) -> None:
    """aud, iss, nbf and csrf are there if their options say so."""
    both = Both(
        {
            "JWT_ENCODE_AUDIENCE": audience,
            "JWT_ENCODE_ISSUER": issuer,
            "JWT_ENCODE_NBF": nbf,
            "JWT_COOKIE_CSRF_PROTECT": csrf,
        }
    )
    claims = claims_of(both.run(access()))
    assert [name in claims for name in ("aud", "iss", "nbf", "csrf")] == [
        bool(audience),
        bool(issuer),
        nbf,
        csrf,
    ]


@pytest.mark.parametrize("identity", ["alice", "", "é\u0000", "알리스", "1", " x "])
def test_identities_that_are_text(identity: str) -> None:
    """Any text comes back as it went in, through token and view."""
    both = Both()
    assert claims_of(both.run(lambda lib: lib.create_access_token(identity)))["sub"] == identity
    for side in both.sides:
        with side.app.test_request_context():
            token = side.lib.create_access_token(identity)
        answer = side.client.get("/required", headers={"Authorization": f"Bearer {token}"})
        assert answer.get_json()["identity"] == identity


@pytest.mark.parametrize("identity", [1, 1.5, True, None, [1], {"id": 1}])
def test_identities_of_other_types_with_verify_sub_off(identity: Any) -> None:
    """JWT_VERIFY_SUB = False is how FJE's users keep their ids and dicts."""
    both = Both({"JWT_VERIFY_SUB": False})
    result = both.run(lambda lib: lib.decode_token(lib.create_access_token(identity))["sub"])
    assert result == identity


def test_another_identity_claim() -> None:
    """JWT_IDENTITY_CLAIM names the claim that the identity goes into and comes out of."""
    both = Both({"JWT_IDENTITY_CLAIM": "user"})
    claims = claims_of(both.run(access()))
    assert claims["user"] == "alice"
    assert "sub" not in claims


JSON_VALUES = {
    "date": date(2022, 8, 12),
    "datetime": datetime(2022, 8, 12, 13, 14, 15, tzinfo=UTC),
    "uuid": UUID(int=7),
    "decimal": Decimal("1.50"),
    "html": type("Html", (), {"__html__": lambda self: "<b>x</b>"})(),
}


@pytest.mark.parametrize("name", JSON_VALUES)
def test_claims_are_encoded_by_the_applications_json_provider(name: str) -> None:
    """Dates, UUIDs, decimals and objects with __html__, as Flask writes them."""
    result = Both().run(access(additional_claims={"value": JSON_VALUES[name]}))
    assert isinstance(claims_of(result)["value"], str)


class Money:
    """A type that only the application's provider knows."""


class MoneyProvider(DefaultJSONProvider):
    @staticmethod
    def default(o: Any) -> Any:
        return "money" if isinstance(o, Money) else DefaultJSONProvider.default(o)


class ForeignProvider(JSONProvider):
    """A provider that has no `default`, so Flask's is used for claims."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return json.dumps(obj, **kwargs)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return json.loads(s, **kwargs)


def with_provider(provider: type[JSONProvider]) -> Any:
    def setup(_lib: ModuleType, app: Flask, _jwt: Any) -> None:
        app.json_provider_class = provider
        app.json = provider(app)

    return setup


def test_a_json_provider_of_the_applications() -> None:
    """`app.json_provider_class.default` decides; without one of its own, Flask's."""
    money = Both(setup=with_provider(MoneyProvider))
    result = money.run(access(additional_claims={"price": Money(), "on": date(2022, 8, 12)}))
    assert claims_of(result)["price"] == "money"
    foreign = Both(setup=with_provider(ForeignProvider))
    foreign.run(access(additional_claims={"on": date(2022, 8, 12)}))


def test_what_json_cannot_say_is_a_type_error() -> None:
    """A claim that no encoder knows is a TypeError when the token is made."""
    theirs, ours = Both().run_each(access(additional_claims={"x": object()}))
    assert theirs.classes[0] == "TypeError"
    assert "TypeError" in ours.classes


def test_tokens_are_text() -> None:
    """A token is a `str`, not bytes: three segments of base64url without padding."""
    for side in Both().sides:
        with side.app.test_request_context():
            token = side.lib.create_access_token("alice")
        assert type(token) is str
        assert token.count(".") == 2
        assert "=" not in token


def test_tokens_are_created_outside_a_request() -> None:
    """A token can be made with an application context alone, as in a command or a task queue."""
    for side in Both().sides:
        with side.app.app_context():
            token = side.lib.create_access_token("alice")
            assert side.lib.decode_token(token)["sub"] == "alice"
