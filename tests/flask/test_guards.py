"""A guard that asks for a recent log-in: `within` (RFC 9470)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, jsonify

import flask_signet
from flask_signet import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    create_token_pair,
    get_jwt_identity,
    jwt_required,
    rotate_refresh_token,
    verify_jwt_in_request,
    view_decorators,
)
from flask_signet.exceptions import FreshTokenRequired, RecentLoginRequired
from flask_signet.stores.memory import MemoryStore
from tests.applications import PROFILES, application, bearer, manager, mint
from tests.conftest import Clock

FIVE_MINUTES = timedelta(minutes=5)


def guarded_app(profile: str = "compatible", **options: Any) -> Flask:
    """An application with the view `/transfer`, for a log-in of the last five minutes."""
    app = application(profile, SESSION_STORE=MemoryStore(), **options)
    app.add_url_rule("/transfer", view_func=jwt_required(within=FIVE_MINUTES)(transfer))
    optional = jwt_required(optional=True, within=FIVE_MINUTES)(transfer)
    app.add_url_rule("/optional-transfer", "optional-transfer", optional)

    @app.get("/inside")
    def inside() -> Any:
        verify_jwt_in_request(within=FIVE_MINUTES)
        return transfer()

    @app.post("/refresh-pair")
    def refresh_pair() -> Any:
        return jsonify(rotate_refresh_token()._asdict())

    @app.post("/confirm")
    @jwt_required()
    def confirm() -> Any:
        return jsonify(token=create_access_token(get_jwt_identity(), fresh=True))

    return app


def transfer() -> Any:
    return jsonify(ok=True)


def log_in(app: Flask, **options: Any) -> Any:
    with app.test_request_context():
        return create_token_pair("alice", **options)


def refreshed(app: Flask, refresh_token: str) -> Any:
    return app.test_client().post("/refresh-pair", headers=bearer(refresh_token)).get_json()


def status(app: Flask, token: str, path: str = "/transfer") -> int:
    return app.test_client().get(path, headers=bearer(token)).status_code


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("path", ["/transfer", "/optional-transfer", "/inside"])
def test_it_lets_in_for_a_while_after_the_log_in(ticking: Clock, profile: str, path: str) -> None:
    """The log-in counts: a refresh neither opens the view nor closes it."""
    app = guarded_app(profile)
    pair = log_in(app)
    ticking.tick(240)
    again = refreshed(app, pair.refresh_token)
    assert status(app, pair.access_token, path) == status(app, again["access_token"], path) == 200
    ticking.tick(120)
    assert status(app, pair.access_token, path) == status(app, again["access_token"], path) == 401
    later = refreshed(app, again["refresh_token"])
    assert status(app, later["access_token"], path) == 401


@pytest.mark.parametrize("profile", PROFILES)
def test_the_challenge_says_how_recent(ticking: Clock, profile: str) -> None:
    """RFC 9470 section 3: the error, and max_age in seconds."""
    app = guarded_app(profile)
    pair = log_in(app)
    ticking.tick(301)
    answer = app.test_client().get("/transfer", headers=bearer(pair.access_token))
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_user_authentication", max_age="300"'
    )
    body = {"msg": "A more recent log-in is required"}
    if profile == "strict":
        body["error"] = "recent_login_required"
    assert answer.get_json() == body


def test_who_confirms_the_password_is_let_in(ticking: Clock) -> None:
    """A fresh token of an old session counts from when it was made."""
    app = guarded_app()
    pair = log_in(app)
    ticking.tick(600)
    assert status(app, pair.access_token) == 401
    confirmed = app.test_client().post("/confirm", headers=bearer(pair.access_token))
    token = confirmed.get_json()["token"]
    assert status(app, token) == 200
    ticking.tick(299)
    assert status(app, token) == 200
    ticking.tick(2)
    assert status(app, token) == 401


def test_a_token_from_before_opens_no_such_view(ticking: Clock) -> None:
    """A refresh that adopts a token is no log-in; nor is a refresh view of before."""
    app = guarded_app()
    with app.app_context():
        old = create_refresh_token("alice")
    adopted = refreshed(app, old)
    assert status(app, adopted["access_token"], "/required") == 200
    assert status(app, adopted["access_token"]) == 401
    again = refreshed(app, adopted["refresh_token"])
    assert status(app, again["access_token"]) == 401
    with app.app_context():
        assert status(app, create_access_token("alice")) == 401
        assert status(app, create_access_token("alice", fresh=True)) == 200


def test_without_a_token_the_rule_asks_nothing(ticking: Clock) -> None:
    """`optional` goes on meaning that a request without a token passes."""
    client = guarded_app().test_client()
    assert client.get("/optional-transfer").status_code == 200
    assert client.get("/transfer").get_json() == {"msg": "Missing Authorization Header"}


def test_beside_fresh_both_are_asked(ticking: Clock) -> None:
    """A token that is not fresh is refused as such, however recent the log-in was."""
    app = application(SESSION_STORE=MemoryStore())
    view = jwt_required(fresh=True, within=FIVE_MINUTES)(transfer)
    app.add_url_rule("/both", view_func=view)
    pair = log_in(app, fresh=False)
    answer = app.test_client().get("/both", headers=bearer(pair.access_token))
    assert answer.get_json() == {"msg": "Fresh token required"}
    fresh = log_in(app, fresh=True).access_token
    assert status(app, fresh, "/both") == 200
    ticking.tick(301)
    assert status(app, fresh, "/both") == 401


def test_the_loader_for_tokens_that_are_not_fresh_answers(ticking: Clock) -> None:
    """An application that sends its users to a page for the password sends these there too."""
    app = guarded_app()
    seen = []

    @manager(app).needs_fresh_token_loader
    def confirm(header: Any, payload: Any) -> Any:
        seen.append(payload["sub"])
        return jsonify(confirm=True), 403

    pair = log_in(app)
    ticking.tick(301)
    assert status(app, pair.access_token) == 403
    assert seen == ["alice"]


def test_an_except_clause_for_tokens_that_are_not_fresh_catches_it(ticking: Clock) -> None:
    """It is a FreshTokenRequired; it says how many seconds may have passed."""
    app = guarded_app()
    token = mint(auth_time=ticking() - 400, sid="s")
    with app.test_request_context(headers=bearer(token)):
        with pytest.raises(FreshTokenRequired) as caught:
            verify_jwt_in_request(within=FIVE_MINUTES)
        assert isinstance(caught.value, RecentLoginRequired)
        assert caught.value.max_age == 300


def test_the_rule_of_a_view_says_it() -> None:
    """What lists the routes of an application reads it there."""
    assert jwt_required(within=FIVE_MINUTES)(transfer).rule.within == FIVE_MINUTES  # type: ignore[attr-defined]  # a guarded view has it
    assert jwt_required()(transfer).rule.within is None  # type: ignore[attr-defined]  # likewise


def test_a_named_managers_guard_asks_it_too(ticking: Clock) -> None:
    """It is a named manager's token whose log-in counts."""
    partner = JWTManager(name="partner", config_prefix="PARTNER_JWT_")
    app = application(
        PARTNER_JWT_SECRET_KEY="Wq3-Zt8yKp5_Nf1uRb7LsXc2HdVj9GmEo4TaQi6wYv0J",
        PARTNER_JWT_SESSION_STORE=MemoryStore(),
    )
    partner.init_app(app)
    app.add_url_rule("/theirs", view_func=partner.jwt_required(within=FIVE_MINUTES)(transfer))
    with app.test_request_context():
        token = partner.create_token_pair("alice").access_token
    assert status(app, token, "/theirs") == 200
    ticking.tick(301)
    assert status(app, token, "/theirs") == 401


@pytest.mark.parametrize("name", ["_decode_jwt_from_request", "_load_user"])
def test_with_a_stand_in_of_a_test_it_is_asked_as_well(
    name: str, ticking: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test that replaces one of FJE's steps goes on testing the rest of the guard."""
    whole: Callable[..., Any] = getattr(view_decorators, name)
    calls = []

    def stand_in(*given: Any, **named: Any) -> Any:
        calls.append(name)
        return whole(*given, **named)

    monkeypatch.setattr(view_decorators, name, stand_in)
    app = guarded_app()
    pair = log_in(app)
    assert status(app, pair.access_token) == 200
    ticking.tick(301)
    assert status(app, pair.access_token) == 401
    assert calls


def test_a_stand_in_with_fjes_arguments_goes_on_working(monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify_jwt_in_request` is called as FJE calls it, and with `within` where that is asked."""
    asked: list[dict[str, Any]] = []

    def stand_in(*given: Any, **named: Any) -> None:
        asked.append(named)

    monkeypatch.setattr(view_decorators, "verify_jwt_in_request", stand_in)
    app = application()
    with app.test_request_context():
        flask_signet.jwt_required()(transfer)()
        flask_signet.jwt_required(within=FIVE_MINUTES)(transfer)()
    assert asked == [{}, {"within": FIVE_MINUTES}]
