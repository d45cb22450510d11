"""The loaders see at a refresh what they saw at the log-in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from flask_signet import (
    JWTManager,
    create_refresh_token,
    create_token_pair,
    decode_token,
    jwt_required,
    list_sessions,
    rotate_refresh_token,
)
from flask_signet.exceptions import ConfigurationError
from flask_signet.stores.memory import MemoryStore
from tests.applications import PROFILES, application, bearer, manager


@dataclass
class User:
    """A user as an application's database has one; it is no identity of a token."""

    id: int
    role: str

    @property
    def name(self) -> str:
        return f"user-{self.id}"


ADA = User(1, "admin")
USERS = {"user-1": ADA, "user-2": User(2, "reader")}


def role_of(user: User) -> dict[str, str]:
    return {"role": user.role}


def as_header(user: User) -> dict[str, str]:
    return {"x-role": user.role}


def by_lookup(jwt: JWTManager) -> None:
    jwt.user_lookup_loader(lambda header, payload: USERS.get(payload["sub"]))


def by_state(jwt: JWTManager) -> None:
    jwt.user_state_loader(USERS.get)


def by_async_state(jwt: JWTManager) -> None:
    @jwt.user_state_loader
    async def find(identity: str) -> User | None:
        return USERS.get(identity)


def by_both(jwt: JWTManager) -> None:
    by_lookup(jwt)
    jwt.user_state_loader(lambda identity: identity in USERS)


FINDERS = (by_lookup, by_state, by_async_state, by_both)


def with_users(
    finder: Callable[[JWTManager], None] | None = None, profile: str = "compatible", **options: Any
) -> Flask:
    """An application whose identities are users, and whose tokens say the user's role."""
    app = application(profile, SESSION_STORE=MemoryStore(), **options)
    jwt = manager(app)
    jwt.user_identity_loader(lambda user: user.name)
    jwt.additional_claims_loader(role_of)
    jwt.additional_headers_loader(as_header)
    if finder is not None:
        finder(jwt)
    return app


def refreshed(app: Flask, token: str, *, guarded: bool = False) -> Any:
    """Both next tokens; of a view behind a guard, or of an open one."""
    with app.test_request_context(headers=bearer(token)):
        view = jwt_required(refresh=True)(rotate_refresh_token) if guarded else rotate_refresh_token
        return view()


def roles(app: Flask, pair: Any) -> set[str]:
    with app.app_context():
        return {decode_token(token)["role"] for token in (pair.access_token, pair.refresh_token)}


@pytest.mark.parametrize("finder", FINDERS)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("guarded", [False, True])
def test_the_loaders_get_the_user_at_each_refresh(
    finder: Callable[[JWTManager], None],
    profile: str,
    *,
    guarded: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was documented for the log-in holds for a refresh: the user, of that moment."""
    app = with_users(finder, profile)
    with app.app_context():
        pair = create_token_pair(ADA)
    assert roles(app, pair) == {"admin"}
    pair = refreshed(app, pair.refresh_token, guarded=guarded)
    assert roles(app, pair) == {"admin"}
    monkeypatch.setitem(USERS, "user-1", User(1, "reader"))
    assert roles(app, refreshed(app, pair.refresh_token, guarded=guarded)) == {"reader"}


@pytest.mark.parametrize("finder", FINDERS)
def test_a_token_from_before_gives_the_loaders_its_user_too(
    finder: Callable[[JWTManager], None],
) -> None:
    """An adoption is a refresh like any other."""
    app = with_users(finder)
    with app.app_context():
        old = create_refresh_token(ADA)
    assert roles(app, refreshed(app, old)) == {"admin"}


def test_the_first_log_in_says_what_a_refresh_would_lack() -> None:
    """Without anything that finds the user, each refresh would be a 500: the log-in says so."""
    app = with_users()
    with app.app_context(), pytest.raises(ConfigurationError, match="user_lookup_loader"):
        create_token_pair(ADA)
    with app.app_context():
        assert list_sessions("user-1") == []


@pytest.mark.parametrize("options", [{"REFRESH_ROTATION": False}, {"SESSION_STORE": None}])
def test_where_nothing_rotates_nothing_is_lacking(options: dict[str, Any]) -> None:
    """Without a rotation no loader of ours is asked at a refresh."""
    app = with_users()
    app.config.update({f"JWT_{name}": value for name, value in options.items()})
    with app.app_context():
        assert roles(app, create_token_pair(ADA)) == {"admin"}


def test_without_loaders_for_the_user_nothing_is_lacking() -> None:
    """A user_identity_loader alone is not asked at a refresh: the identity is in the token."""
    app = application(SESSION_STORE=MemoryStore())
    manager(app).user_identity_loader(lambda user: user.name)
    with app.app_context():
        pair = create_token_pair(ADA)
        assert decode_token(refreshed(app, pair.refresh_token).access_token)["sub"] == "user-1"


def test_who_logs_in_by_an_id_gets_the_id() -> None:
    """Where the loaders take ids, a user that is found for other reasons is not thrust on them."""
    seen: list[Any] = []
    app = application(SESSION_STORE=MemoryStore())
    jwt = manager(app)
    jwt.user_lookup_loader(lambda header, payload: ADA)
    jwt.additional_claims_loader(lambda given: seen.append(given) or {})  # type: ignore[func-returns-value]  # None
    for identity_loader in (
        None,
        str,
        lambda given: f"{int(given)}",
        lambda given: {7: "7"}[given],
    ):
        jwt.callbacks.user_identity = identity_loader
        with app.app_context():
            pair = create_token_pair(7)
        refreshed(app, pair.refresh_token)
        wire = 7 if identity_loader is None else "7"
        assert seen == [7, 7, wire, wire]
        seen.clear()


def test_the_user_of_another_token_is_not_taken() -> None:
    """A lookup that finds somebody else's object gives the loaders nobody else's claims."""
    app = with_users()
    seen: list[Any] = []
    jwt = manager(app)
    jwt.user_lookup_loader(lambda header, payload: USERS["user-2"])
    jwt.additional_claims_loader(lambda given: seen.append(given) or {})  # type: ignore[func-returns-value]  # None
    jwt.additional_headers_loader(lambda given: {})
    with app.app_context():
        pair = create_token_pair(ADA)
    refreshed(app, pair.refresh_token)
    assert seen == [ADA, ADA, "user-1", "user-1"]


def test_a_fault_of_the_loader_is_not_hidden() -> None:
    """A database that fails while the identity is made is the application's error, as before."""
    app = with_users(by_lookup)
    with app.app_context():
        pair = create_token_pair(ADA)

    def fail(user: Any) -> str:
        raise OSError("the database is away")

    manager(app).user_identity_loader(fail)
    with pytest.raises(OSError, match="away"):
        refreshed(app, pair.refresh_token)
