"""The scenarios of rotation (rot-*), over HTTP requests, on every store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from flask import jsonify
from sqlalchemy import select

from flask_signet import (
    create_access_token,
    create_refresh_token,
    decode_token,
    get_jwt_identity,
    jwt_required,
    rotate_refresh_token,
)
from flask_signet.signals import token_revoked
from flask_signet.stores.memory import MemoryStore
from flask_signet.stores.redis import RedisStore
from flask_signet.stores.sql import metadata
from tests.conftest import Clock
from tests.scenarios.service import SECRET, Scenario, bearer

DAY = 86_400

Make = Callable[..., Scenario]


@pytest.fixture
def make(store: object, ticking: Clock) -> Iterator[Make]:
    """Makes the application on the store, its clock ticking by hand."""
    made: list[Scenario] = []

    def scenario(**options: Any) -> Scenario:
        made.append(Scenario(store, **options))
        return made[-1]

    yield scenario
    for each in made:
        each.close()


def claims(scenario: Scenario, token: str) -> dict[str, Any]:
    with scenario.app.app_context():
        return decode_token(token, allow_expired=True)


def test_rot_01_a_refresh_gives_another_token_of_the_same_session(make: Make) -> None:
    """A refresh gives a refresh token with a new jti and the same sid."""
    scenario = make()
    first = scenario.login()
    second = scenario.next(first)
    before, after = (claims(scenario, tokens["refresh_token"]) for tokens in (first, second))
    assert before["sid"] == after["sid"]
    assert before["jti"] != after["jti"]
    assert before["auth_time"] == after["auth_time"]
    assert claims(scenario, second["access_token"])["sid"] == before["sid"]
    assert scenario.get(second) == 200


def test_rot_02_a_replay_after_the_grace_ends_the_session(make: Make, ticking: Clock) -> None:
    """The token just replaced, after the grace, ends the session; the event is sent once."""
    scenario = make(refresh_reuse_grace=10)
    first = scenario.login()
    second = scenario.next(first)
    ticking.tick(10)
    with scenario.listening() as events:
        assert scenario.refresh(first).status_code == 401
        assert scenario.refresh(second).status_code == 401
        assert scenario.refresh(first).status_code == 401
    assert events.count("reused") == 1


def test_rot_03_two_generations_back_is_reuse_inside_the_grace(make: Make) -> None:
    """The grace is for the immediate predecessor alone, however long it is."""
    scenario = make(refresh_reuse_grace=3600)
    first = scenario.login()
    third = scenario.next(scenario.next(first))
    with scenario.listening() as events:
        assert scenario.refresh(first).status_code == 401
        assert scenario.refresh(third).status_code == 401
    assert "token_reused" in events


def test_rot_04_a_replay_inside_the_grace_gets_the_same_successor(
    make: Make, ticking: Clock
) -> None:
    """Two tabs that refresh one token both get the very same refresh token."""
    scenario = make(refresh_reuse_grace=30)
    first = scenario.login()
    second = scenario.next(first)
    ticking.tick(29)
    again = scenario.next(first)
    assert again["refresh_token"] == second["refresh_token"]
    assert scenario.get(again) == scenario.get(second) == 200
    assert len(scenario.sessions(second)) == 1
    assert scenario.refresh(again).status_code == 201


def test_rot_05_a_replay_after_the_successor_was_used_is_reuse(make: Make) -> None:
    """Inside the grace too, a token whose successor was used is a replay."""
    scenario = make(refresh_reuse_grace=3600)
    first = scenario.login()
    second = scenario.next(first)
    third = scenario.next(second)
    assert scenario.refresh(first).status_code == 401
    assert scenario.refresh(third).status_code == 401


def test_rot_06_without_grace_the_second_use_is_reuse(make: Make) -> None:
    """With a grace of 0 nothing is forgiven."""
    scenario = make(refresh_reuse_grace=0)
    first = scenario.login()
    second = scenario.next(first)
    assert scenario.refresh(first).status_code == 401
    assert scenario.refresh(second).status_code == 401


def test_rot_07_reuse_ends_one_session_only(make: Make) -> None:
    """The user's other sessions go on."""
    scenario = make(refresh_reuse_grace=0)
    first, other = scenario.login(), scenario.login()
    scenario.next(first)
    assert scenario.refresh(first).status_code == 401
    assert scenario.get(other) == 200
    assert scenario.refresh(other).status_code == 201


def test_rot_08_reuse_refuses_the_sessions_access_tokens(make: Make) -> None:
    """After a reuse, the access tokens of the session are refused too."""
    scenario = make(refresh_reuse_grace=0)
    first = scenario.login()
    second = scenario.next(first)
    assert scenario.get(first) == scenario.get(second) == 200
    scenario.refresh(first)
    assert scenario.get(first) == scenario.get(second) == 401


def test_rot_09_an_expired_token_is_no_reuse(make: Make, ticking: Clock) -> None:
    """An expired refresh token says so, and ends nothing."""
    scenario = make(refresh_token_expires=DAY, refresh_reuse_grace=0)
    first = scenario.login()
    ticking.tick(DAY / 2)
    second = scenario.next(first)
    ticking.tick(DAY / 2 + 1)
    answer = scenario.refresh(first)
    assert answer.status_code == 401
    assert answer.json == {"msg": "Token has expired"}
    assert scenario.refresh(second).status_code == 201


def test_rot_10_rotation_never_moves_the_absolute_end(make: Make, ticking: Clock) -> None:
    """A session refreshed every day ends on the thirtieth."""
    scenario = make(
        refresh_token_expires=timedelta(days=7), refresh_absolute_expires=timedelta(days=30)
    )
    tokens = scenario.login()
    for _ in range(29):
        ticking.tick(DAY)
        tokens = scenario.next(tokens)
    ticking.tick(DAY)
    assert scenario.refresh(tokens).status_code == 401


def test_rot_11_a_token_of_a_retired_key_is_no_reuse(make: Make) -> None:
    """A token that no key of ours verifies is refused, and ends nothing."""
    scenario = make(refresh_reuse_grace=0)
    tokens = scenario.login()
    secret = scenario.app.config["JWT_SECRET_KEY"]
    scenario.app.config["JWT_SECRET_KEY"] = "Zt6vB1nM4xC8kL3jH7gF2dS9aP5oI0uYqWeRtYuIoPl"
    assert scenario.refresh(tokens).status_code == 422
    scenario.app.config["JWT_SECRET_KEY"] = secret
    assert scenario.refresh(tokens).status_code == 201


def test_rot_12_a_token_for_somebody_else_is_no_reuse(make: Make) -> None:
    """A token of another audience on the same store is refused, and ends nothing."""
    scenario = make(encode_audience="them", decode_audience="them")
    tokens = scenario.login()
    scenario.app.config["JWT_DECODE_AUDIENCE"] = "us"
    assert scenario.refresh(tokens).status_code == 422
    scenario.app.config["JWT_DECODE_AUDIENCE"] = "them"
    assert scenario.refresh(tokens).status_code == 201


def test_rot_13_a_session_unknown_to_the_store_is_refused(make: Make) -> None:
    """A good signature on a session that the store does not know opens nothing."""
    scenario, elsewhere = make(), Scenario("memory://")
    tokens = elsewhere.login()
    with scenario.listening() as events:
        assert scenario.refresh(tokens).status_code == 401
    assert events == ["session_ended"]


def test_rot_14_a_disabled_user_does_not_refresh(make: Make) -> None:
    """The user-state loader is asked at each refresh; a no ends the session."""
    scenario = make()
    enabled = {scenario.user}
    scenario.jwt.user_state_loader(lambda identity: identity in enabled)
    tokens = scenario.next(scenario.login())
    enabled.clear()
    assert scenario.refresh(tokens).status_code == 401
    enabled.add(scenario.user)
    assert scenario.refresh(tokens).status_code == 401
    assert scenario.get(tokens) == 401


def test_rot_15_a_lost_answer_is_recovered_inside_the_grace(make: Make, ticking: Clock) -> None:
    """A client whose answer got lost asks again; after the grace it has to log in."""
    scenario = make(refresh_reuse_grace=10)
    first = scenario.login()
    scenario.next(first)
    assert scenario.refresh(scenario.next(first)).status_code == 201

    second = scenario.login()
    scenario.next(second)
    ticking.tick(11)
    with scenario.listening() as events:
        assert scenario.refresh(second).status_code == 401
    assert "token_reused" in events


def dump(store: Any) -> str:
    """All that a store keeps, as text."""
    if isinstance(store, MemoryStore):
        return str([vars(store), list(map(asdict, store._sessions.values()))])
    if isinstance(store, RedisStore):
        readers = {
            "hash": store.client.hgetall,
            "zset": lambda key: store.client.zrange(key, 0, -1, withscores=True),
            "stream": store.client.xrange,
        }
        keys = list(store.client.scan_iter(match=f"*{store.prefix}*", count=1000))
        return str([(key, readers[store.client.type(key)](key)) for key in keys])
    with store.engine.connect() as connection:
        tables = metadata.sorted_tables
        return str([connection.execute(select(table)).all() for table in tables])


def test_rot_16_a_dump_of_the_store_holds_no_token(make: Make, store: object) -> None:
    """Who can read the store has ids, and nothing that is good as a token."""
    scenario = make()
    pairs = [scenario.login()]
    pairs.append(scenario.next(pairs[-1]))
    ended = scenario.login()
    access = bearer(ended["access_token"])
    assert scenario.client.delete("/auth/tokens", headers=access).status_code == 204
    kept = dump(store)
    assert scenario.user in kept
    for pair in (*pairs, ended):
        for token in (pair["access_token"], pair["refresh_token"]):
            assert claims(scenario, pair["refresh_token"])["sid"] in kept
            _, payload, signature = token.split(".")
            assert payload not in kept
            assert signature not in kept
    assert SECRET not in kept


def test_rot_17_logout_ends_both_tokens(make: Make) -> None:
    """After a log-out neither token of any generation is good."""
    scenario = make()
    first = scenario.login()
    second = scenario.next(first)
    answer = scenario.client.delete("/auth/tokens", headers=bearer(second["access_token"]))
    assert answer.status_code == 204
    assert [scenario.get(first), scenario.get(second)] == [401, 401]
    assert [scenario.refresh(tokens).status_code for tokens in (first, second)] == [401, 401]


def test_logout_works_on_an_expired_access_token(make: Make, ticking: Clock) -> None:
    """Who comes back to log out after an hour is logged out."""
    scenario = make()
    tokens = scenario.login()
    ticking.tick(3600)
    answer = scenario.client.delete("/auth/tokens", headers=bearer(tokens["access_token"]))
    assert answer.status_code == 204
    assert scenario.refresh(tokens).status_code == 401


def test_rot_18_log_out_everywhere(make: Make) -> None:
    """One request ends all sessions of the user; a log-in in the same second lives."""
    scenario = make()
    all_of_them = [scenario.login() for _ in range(4)]
    stranger = scenario.login("somebody-else-" + scenario.user)
    url, headers = "/auth/sessions", bearer(all_of_them[0]["access_token"])
    assert scenario.client.delete(url, headers=headers).status_code == 204
    assert {scenario.get(tokens) for tokens in all_of_them} == {401}
    assert {scenario.refresh(tokens).status_code for tokens in all_of_them} == {401}
    assert scenario.get(stranger) == 200
    again = scenario.login()
    assert scenario.get(again) == 200
    assert scenario.refresh(again).status_code == 201


def test_log_out_everywhere_else(make: Make) -> None:
    """With ?others=true the session that asks goes on."""
    scenario = make()
    here, there = scenario.login(), scenario.login()
    headers = bearer(here["access_token"])
    assert scenario.client.delete("/auth/sessions?others=true", headers=headers).status_code == 204
    assert [scenario.get(here), scenario.get(there)] == [200, 401]
    assert [scenario.refresh(here).status_code, scenario.refresh(there).status_code] == [201, 401]


def test_the_list_of_sessions_marks_the_current_one(make: Make) -> None:
    """The list shows one's own sessions, and no token."""
    scenario = make()
    here, there = scenario.login(), scenario.login()
    scenario.login("somebody-else-" + scenario.user)
    found = scenario.sessions(here)
    assert {session["sid"] for session in found} == {
        claims(scenario, tokens["access_token"])["sid"] for tokens in (here, there)
    }
    current = [session["sid"] for session in found if session["current"]]
    assert current == [claims(scenario, here["access_token"])["sid"]]
    shown = json.dumps(found)
    assert not any(part in shown for token in here.values() for part in token.split("."))


def test_one_session_is_ended_by_its_owner_only(make: Make) -> None:
    """A sid is no permission: somebody else's session is not found."""
    scenario = make()
    mine, other = scenario.login(), scenario.login()
    theirs = scenario.login("somebody-else-" + scenario.user)
    headers = bearer(mine["access_token"])
    for tokens, status in ((other, 204), (theirs, 404)):
        sid = claims(scenario, tokens["access_token"])["sid"]
        answer = scenario.client.delete(f"/auth/sessions/{sid}", headers=headers)
        assert answer.status_code == status
    assert [scenario.get(tokens) for tokens in (mine, other, theirs)] == [200, 401, 200]


def test_the_oldest_session_makes_room(make: Make, ticking: Clock) -> None:
    """With at most two sessions, the third log-in ends the oldest."""
    scenario = make(max_sessions_per_subject=2)
    sessions = []
    for _ in range(3):
        sessions.append(scenario.login())
        ticking.tick(1)
    assert [scenario.get(tokens) for tokens in sessions] == [401, 200, 200]


def test_a_refresh_token_from_before_is_adopted_once(make: Make, ticking: Clock) -> None:
    """A token without a session opens one at its first rotation, and is good no more."""
    scenario = make(refresh_reuse_grace=10)
    with scenario.app.app_context():
        old = create_refresh_token(scenario.user)
    adopted = scenario.refresh(old)
    assert adopted.status_code == 201
    tokens = adopted.json or {}
    assert len(scenario.sessions(tokens)) == 1
    again = scenario.refresh(old)
    assert (again.json or {})["refresh_token"] == tokens["refresh_token"]
    ticking.tick(11)
    assert scenario.refresh(old).status_code == 401
    assert scenario.refresh(tokens).status_code == 401


def test_a_wrong_password_opens_nothing(make: Make) -> None:
    """Where `authenticate` returns None the answer is a 401 with the challenge."""
    scenario = make()
    answer = scenario.client.post("/auth/tokens", json={"password": "x"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"


# ── a view in the manner of Flask-JWT-Extended, which rotates nothing ────────────────────


def plainly_refreshing(scenario: Scenario) -> Callable[[dict[str, str]], int]:
    """What such a view answers to a refresh token."""

    @scenario.app.post("/plain")
    @jwt_required(refresh=True)
    def plain() -> Any:
        return jsonify(access_token=create_access_token(get_jwt_identity()))

    def refresh(tokens: dict[str, str]) -> int:
        headers = bearer(tokens["refresh_token"])
        return scenario.client.post("/plain", headers=headers).status_code

    return refresh


def test_a_guard_takes_the_current_refresh_token_again_and_again(make: Make) -> None:
    scenario = make()
    plain = plainly_refreshing(scenario)
    tokens = scenario.login()
    assert plain(tokens) == plain(tokens) == 200


def test_a_guard_refuses_the_refresh_token_of_an_ended_session_for_good(
    make: Make, ticking: Clock
) -> None:
    scenario = make()
    plain = plainly_refreshing(scenario)
    tokens = scenario.login()
    scenario.client.delete("/auth/tokens", headers=bearer(tokens["access_token"]))
    assert plain(tokens) == 401
    ticking.tick(3600)  # the entry that refuses the session's access tokens has gone
    assert plain(tokens) == 401


def test_a_guard_notices_reuse(make: Make, ticking: Clock) -> None:
    scenario = make()
    plain = plainly_refreshing(scenario)
    first = scenario.login()
    second = scenario.next(first)
    assert plain(first) == 200  # within the grace
    ticking.tick(60)
    with scenario.listening() as events:
        assert plain(first) == 401
    assert events == ["reused", "token_reused"]
    assert scenario.refresh(second).status_code == 401
    ticking.tick(3600)
    assert plain(second) == 401


def test_a_view_behind_a_guard_rotates_as_well(make: Make, ticking: Clock) -> None:
    scenario = make()

    @scenario.app.post("/guarded")
    @jwt_required(refresh=True)
    def guarded() -> Any:
        return jsonify(rotate_refresh_token()._asdict())

    def refresh(tokens: dict[str, str]) -> Any:
        return scenario.client.post("/guarded", headers=bearer(tokens["refresh_token"]))

    first = scenario.login()
    second = refresh(first).json
    assert refresh(first).json["refresh_token"] == second["refresh_token"]
    third = refresh(second).json
    ticking.tick(60)
    assert refresh(first).status_code == 401
    assert refresh(third).status_code == 401


def test_logging_out_is_told_once(make: Make) -> None:
    scenario = make()
    tokens = scenario.login()
    told = []
    with token_revoked.connected_to(
        lambda sender, **about: told.append(about["kind"]), scenario.app
    ):
        scenario.client.delete("/auth/tokens", headers=bearer(tokens["refresh_token"]))
    assert told == ["sid"]
