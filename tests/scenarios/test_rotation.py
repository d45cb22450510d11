"""The scenarios of rotation (rot-*), over HTTP requests, on every store."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from flask import jsonify
from sqlalchemy import select

from flask_signet import (
    create_access_token,
    create_refresh_token,
    create_token_pair,
    decode_token,
    get_jwt_identity,
    jwt_required,
    list_sessions,
    rotate_refresh_token,
    update_session,
)
from flask_signet.signals import token_revoked
from flask_signet.stores.memory import MemoryStore
from flask_signet.stores.redis import RedisStore
from flask_signet.stores.sql import metadata
from tests.conftest import Clock
from tests.scenarios.service import SECRET, Scenario, bearer

DAY = 86_400

Make = Callable[..., Scenario]


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
    """The token just replaced, after the grace and once its successor was seen in use by a guard,
    ends the session; the event is sent once."""
    scenario = make(refresh_reuse_grace=10)
    first = scenario.login()
    second = scenario.next(first)
    assert scenario.get(second) == 200
    ticking.tick(10)
    with scenario.listening() as events:
        assert scenario.refresh(first).status_code == 401
        assert scenario.refresh(second).status_code == 401
        assert scenario.refresh(first).status_code == 401
    assert events.count("reused") == 1


def test_rot_02_a_replay_after_the_successor_was_rotated_ends_the_session(
    make: Make, ticking: Clock
) -> None:
    """A successor that was rotated was in use, also where no guard saw its access token."""
    scenario = make(refresh_reuse_grace=10)
    first = scenario.login()
    third = scenario.next(scenario.next(first))
    ticking.tick(10)
    with scenario.listening() as events:
        assert scenario.refresh(first).status_code == 401
        assert scenario.refresh(third).status_code == 401
    assert events.count("reused") == 1


def test_rot_02_an_older_access_token_does_not_show_the_successor(
    make: Make, ticking: Clock
) -> None:
    """Who goes on with the access token from before the refresh may have lost its answer."""
    scenario = make(refresh_reuse_grace=10)
    first = scenario.login()
    second = scenario.next(first)
    assert scenario.get(first) == 200
    ticking.tick(90)
    assert scenario.get(first) == 200
    assert scenario.next(first)["refresh_token"] == second["refresh_token"]


def test_rot_03_a_slow_tab_gets_the_live_successor(make: Make, ticking: Clock) -> None:
    """Each token replaced within the grace gets the session's one live refresh token."""
    scenario = make(refresh_reuse_grace=30)
    first = scenario.login()
    second = scenario.next(first)
    ticking.tick(10)
    third = scenario.next(second)
    ticking.tick(19)
    for older in (first, second):
        answer = scenario.next(older)
        assert answer["refresh_token"] == third["refresh_token"]
        assert not claims(scenario, answer["access_token"])["fresh"]
    assert len(scenario.sessions(third)) == 1
    assert scenario.refresh(third).status_code == 201


def test_rot_03_a_bounded_number_of_tokens_is_remembered(make: Make) -> None:
    """The ninth token back is reuse, within any grace."""
    scenario = make(refresh_reuse_grace=3600)
    pairs = [scenario.login()]
    for _ in range(9):
        pairs.append(scenario.next(pairs[-1]))
    assert scenario.next(pairs[1])["refresh_token"] == pairs[-1]["refresh_token"]
    assert scenario.refresh(pairs[0]).status_code == 401
    assert scenario.refresh(pairs[-1]).status_code == 401


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


def test_rot_05_a_token_replaced_longer_ago_than_the_grace_is_reuse(
    make: Make, ticking: Clock
) -> None:
    """The grace of a token begins when it was replaced, not with the last rotation."""
    scenario = make(refresh_reuse_grace=30)
    first = scenario.login()
    second = scenario.next(first)
    ticking.tick(20)
    third = scenario.next(second)
    ticking.tick(10)
    assert scenario.refresh(second).status_code == 201
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


@pytest.mark.parametrize("later", [5, 90, DAY, 6 * DAY])
def test_rot_15_a_lost_answer_is_recovered(make: Make, ticking: Clock, later: float) -> None:
    """A client whose answer got lost asks again, as late as it likes; one token is live."""
    scenario = make(refresh_reuse_grace=10, refresh_token_expires=timedelta(days=7))
    first = scenario.login()
    lost = scenario.next(first)
    ticking.tick(later)
    with scenario.listening() as events:
        again = scenario.next(first)
        assert again["refresh_token"] == lost["refresh_token"]
        assert scenario.next(first)["refresh_token"] == lost["refresh_token"]
    assert events == []
    assert not claims(scenario, again["access_token"])["fresh"]
    assert scenario.get(again) == 200  # now it was seen
    ticking.tick(10)
    assert scenario.refresh(first).status_code == 401
    assert scenario.refresh(again).status_code == 401


def test_rot_15_a_lost_answer_is_not_recovered_after_the_session_s_end(
    make: Make, ticking: Clock
) -> None:
    """The end of the session is the end of the forgiveness."""
    scenario = make(refresh_token_expires=timedelta(days=7))
    first = scenario.login()
    scenario.next(first)
    ticking.tick(7 * DAY)
    assert scenario.refresh(first).status_code == 401


def test_rot_15_without_grace_a_lost_answer_is_lost(make: Make) -> None:
    """With a grace of 0 nobody is asked whether the successor was seen."""
    scenario = make(refresh_reuse_grace=0)
    first = scenario.login()
    scenario.next(first)
    with scenario.listening() as events:
        assert scenario.refresh(first).status_code == 401
    assert "token_reused" in events


def test_rot_15_a_lost_answer_to_an_adoption_is_recovered(make: Make, ticking: Clock) -> None:
    """It is as with every refresh: the old token is good until the new ones are in use."""
    scenario = make(refresh_reuse_grace=10)
    with scenario.app.app_context():
        old = create_refresh_token(scenario.user)
    lost = scenario.refresh(old).json or {}
    ticking.tick(90)
    again = scenario.refresh(old).json or {}
    assert again["refresh_token"] == lost["refresh_token"]
    assert scenario.get(again) == 200
    assert scenario.refresh(old).status_code == 401


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
    assert len(scenario.sessions(tokens)) == 1  # now it was seen
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
    assert plain(first) == 200  # nobody has seen the second in use
    assert scenario.get(second) == 200
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


# ── what the log-in decided ──────────────────────────────────────────────────────────────


def pair_of(scenario: Scenario, *args: Any, **options: Any) -> dict[str, str]:
    with scenario.app.test_request_context():
        return create_token_pair(*args, **options)._asdict()


def both(scenario: Scenario, pair: dict[str, str]) -> list[dict[str, Any]]:
    return [claims(scenario, pair[name]) for name in ("access_token", "refresh_token")]


def test_own_11_what_a_log_in_decided_is_there_after_ten_refreshes(
    make: Make, ticking: Clock
) -> None:
    """Given claims, the CSRF value and the choice of remembering stay; loaders are asked anew."""
    scenario = make(refresh_token_expires=timedelta(days=7))
    count = iter(range(1000))
    scenario.jwt.additional_claims_loader(lambda identity: {"n": next(count), "tenant": "loader"})
    given = {"tenant": "acme", "roles": ["ä", {"b": 1.5, "a": None}]}
    pair = pair_of(scenario, scenario.user, additional_claims=given, remember=True)
    csrf = claims(scenario, pair["refresh_token"])["csrf"]
    seen = set()
    for _ in range(11):
        for found in both(scenario, pair):
            assert {name: found[name] for name in given} == given
            assert (found["csrf"], found["remembered"]) == (csrf, True)
            seen.add(found["n"])
        ticking.tick(DAY)
        pair = scenario.next(pair)
    assert len(seen) == 22


def test_own_11_a_replay_has_what_the_log_in_decided(make: Make) -> None:
    """Whoever gets the same successor again gets the very same refresh token."""
    scenario = make()
    pair = pair_of(scenario, scenario.user, additional_claims={"tenant": "acme"}, remember=False)
    second = scenario.next(pair)
    again = scenario.next(pair)
    assert again["refresh_token"] == second["refresh_token"]
    assert [each["tenant"] for each in both(scenario, again)] == ["acme", "acme"]


def test_claims_of_one_refresh_are_not_kept(make: Make) -> None:
    """What is given to `rotate_refresh_token` wins over the session's, for this pair alone."""
    scenario = make()
    pair = pair_of(scenario, scenario.user, additional_claims={"tenant": "acme"})
    headers = bearer(pair["refresh_token"])
    with scenario.app.test_request_context(headers=headers):
        second = rotate_refresh_token(additional_claims={"tenant": "other", "once": 1})._asdict()
    assert [each["tenant"] for each in both(scenario, second)] == ["other", "other"]
    for found in both(scenario, scenario.next(second)):
        assert found["tenant"] == "acme"
        assert "once" not in found


def test_claims_of_one_token_are_not_kept(make: Make) -> None:
    """An `exp` or a `jti` given at the log-in is that of its tokens, and not of later ones."""
    scenario = make()
    given = {"jti": "given", "iat": 5, "tenant": "acme"}
    pair = pair_of(scenario, scenario.user, additional_claims=given)
    assert claims(scenario, pair["access_token"])["jti"] == "given"
    access, _ = both(scenario, scenario.next(pair))
    assert access["jti"] != "given"
    assert access["iat"] != 5
    assert access["tenant"] == "acme"


def test_update_session_changes_what_the_next_refreshes_get(make: Make) -> None:
    """All given claims are replaced; the CSRF value and the choice of remembering stay."""
    scenario = make()
    given = {"tenant": "acme", "plan": "free"}
    pair = pair_of(scenario, scenario.user, additional_claims=given, remember=True)
    csrf = claims(scenario, pair["access_token"])["csrf"]
    with scenario.app.app_context():
        assert update_session(pair["sid"], claims={"tenant": "globex"})
    assert scenario.get(pair) == 200
    for _ in range(2):
        pair = scenario.next(pair)
        for found in both(scenario, pair):
            assert found["tenant"] == "globex"
            assert "plan" not in found
            assert (found["csrf"], found["remembered"]) == (csrf, True)


def test_update_session_is_seen_by_a_replay(make: Make) -> None:
    scenario = make()
    pair = pair_of(scenario, scenario.user)
    scenario.next(pair)
    with scenario.app.app_context():
        assert update_session(pair["sid"], claims={"tenant": "globex"})
    assert [each["tenant"] for each in both(scenario, scenario.next(pair))] == ["globex", "globex"]


def test_update_session_of_this_request_s_session(make: Make) -> None:
    scenario = make()

    @scenario.app.post("/tenant")
    @jwt_required()
    def tenant() -> Any:
        return jsonify(changed=update_session(claims={"tenant": "globex"}))

    pair = scenario.login()
    answer = scenario.client.post("/tenant", headers=bearer(pair["access_token"]))
    assert answer.json == {"changed": True}
    assert claims(scenario, scenario.next(pair)["access_token"])["tenant"] == "globex"


def test_update_session_of_no_live_session_changes_nothing(make: Make) -> None:
    scenario = make()
    pair = pair_of(scenario, scenario.user)
    scenario.client.delete("/auth/tokens", headers=bearer(pair["access_token"]))
    with scenario.app.app_context():
        assert not update_session(pair["sid"], claims={"tenant": "globex"})
        assert not update_session("", claims={})
        assert not update_session(claims={})  # no token, no session


@pytest.mark.parametrize("claims", [{"tenant": "x" * 2000}, {str(n): 0 for n in range(400)}])
def test_the_claims_that_a_session_keeps_are_bounded(make: Make, claims: dict[str, Any]) -> None:
    """Too many are refused at the log-in, and nothing is opened."""
    scenario = make(max_token_length=10_000)
    pair = pair_of(scenario, scenario.user)
    with scenario.app.test_request_context():
        with pytest.raises(ValueError, match=r"at most 19\d\d characters"):
            create_token_pair(scenario.user, additional_claims=claims)
        with pytest.raises(ValueError, match=r"at most 19\d\d characters"):
            update_session(pair["sid"], claims=claims)
        assert len(list_sessions(scenario.user)) == 1


def test_a_session_from_before_has_its_csrf_value_on(make: Make, store: Any) -> None:
    """A row of the version before has the CSRF value alone; it is good, and stays."""
    scenario = make()
    pair = scenario.login()
    before = claims(scenario, pair["refresh_token"])
    now = before["iat"]
    kept = store.find_session(before["sid"], now=now)
    assert kept.memo == before["csrf"]
    assert claims(scenario, scenario.next(pair)["access_token"])["csrf"] == before["csrf"]


def test_the_csrf_value_of_an_adopted_token_stays(make: Make) -> None:
    """A form that is open while the application gets a store goes through."""
    scenario = make()
    with scenario.app.app_context():
        old = create_refresh_token(scenario.user)
    csrf = claims(scenario, old)["csrf"]
    adopted = scenario.refresh(old).json or {}
    assert [each["csrf"] for each in both(scenario, adopted)] == [csrf, csrf]


def test_a_session_gets_a_csrf_value_when_tokens_have_one_from_now_on(make: Make) -> None:
    """The option was turned on, or off, while the session was open."""
    scenario = make(cookie_csrf_protect=False)
    pair = scenario.next(scenario.login())
    assert "csrf" not in claims(scenario, pair["access_token"])
    scenario.app.config["JWT_COOKIE_CSRF_PROTECT"] = True
    second = scenario.next(pair)
    assert scenario.next(pair)["refresh_token"] == second["refresh_token"]
    access, refresh = both(scenario, second)
    assert access["csrf"] == refresh["csrf"] != ""
    scenario.app.config["JWT_COOKIE_CSRF_PROTECT"] = False
    third = scenario.next(second)
    assert "csrf" not in claims(scenario, third["access_token"])
    assert scenario.refresh(third).status_code == 201


@pytest.mark.parametrize(
    ("remember", "days"), [(False, 1), (True, 7), (None, 7)], ids=["not", "remembered", "as before"]
)
def test_a_session_that_is_not_remembered_ends_soon_without_a_refresh(
    make: Make, ticking: Clock, remember: bool | None, days: int
) -> None:
    """The short idle life holds from the log-in on, and after each refresh."""
    scenario = make(refresh_token_expires=timedelta(days=7))
    for _ in range(2):
        pair = pair_of(scenario, scenario.user, remember=remember)
        ticking.tick(days * DAY - 1)
        pair = scenario.next(pair)
        ticking.tick(days * DAY - 1)
        pair = scenario.next(pair)
        ticking.tick(days * DAY)
        assert scenario.refresh(pair).status_code == 401


def test_the_short_idle_life_lengthens_nothing(make: Make, ticking: Clock) -> None:
    scenario = make(refresh_token_expires=timedelta(hours=1))
    pair = pair_of(scenario, scenario.user, remember=False)
    ticking.tick(3600)
    assert scenario.refresh(pair).status_code == 401
