"""A key's life by two moments: next, active, retiring, retired."""

from math import inf

import pytest

from flask_signet import Key
from flask_signet.exceptions import InvalidKeyError
from flask_signet.keys.schedule import KeySchedule, TimedKey, moments_of

NOW = 1_700_000_000.0
DAY = 86_400.0

OLD, NEW, OTHER = (Key.generate("EdDSA") for _ in range(3))
SECRET = Key.generate("HS256")


def states(schedule: KeySchedule, now: float) -> dict[str, str]:
    names = {OLD.kid: "old", NEW.kid: "new", OTHER.kid: "other", SECRET.kid: "secret"}
    return {names[each.key.kid]: state for each, state in schedule.states(now)}


ROTATED = KeySchedule([TimedKey(NEW, NOW + 60), TimedKey(OLD, 0, NOW + 60 + DAY)])


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (NOW, {"new": "next", "old": "active"}),
        (NOW + 59.9, {"new": "next", "old": "active"}),
        (NOW + 60, {"new": "active", "old": "retiring"}),
        (NOW + 59.9 + DAY, {"new": "active", "old": "retiring"}),
        (NOW + 60 + DAY, {"new": "active", "old": "retired"}),
    ],
)
def test_the_clock_alone_decides_the_states(moment, expected):
    assert states(ROTATED, moment) == expected


@pytest.mark.parametrize(
    ("moment", "signs", "verify"),
    [
        (NOW, OLD, {OLD.kid, NEW.kid}),
        (NOW + 60, NEW, {OLD.kid, NEW.kid}),
        (NOW + 60 + DAY, NEW, {NEW.kid}),
    ],
)
def test_the_ring_signs_with_the_active_key_and_verifies_with_all_but_the_retired(
    moment, signs, verify
):
    ring = ROTATED.ring(moment)
    assert ring.signing_key is signs
    assert {key.kid for key in ring} == verify


def test_of_keys_without_moments_the_first_that_can_sign_signs():
    schedule = KeySchedule([TimedKey(OTHER.public_key()), TimedKey(OLD), TimedKey(NEW)])
    assert schedule.ring(NOW).signing_key is OLD


def test_a_key_that_waits_signs_nothing_before_its_time():
    schedule = KeySchedule([TimedKey(NEW, NOW + 60)])
    ring = schedule.ring(NOW)
    assert ring.signing_key is None
    assert [key.kid for key in ring] == [NEW.kid]
    assert schedule.ring(NOW + 60).signing_key is NEW


def test_a_ring_of_retired_keys_alone_is_an_error():
    with pytest.raises(InvalidKeyError, match="no key"):
        KeySchedule([TimedKey(OLD, 0, NOW)]).ring(NOW)
    with pytest.raises(InvalidKeyError, match="no key"):
        KeySchedule().ring(NOW)


def test_the_next_change_is_told():
    assert ROTATED.next_change(NOW) == NOW + 60
    assert ROTATED.next_change(NOW + 60) == NOW + 60 + DAY
    assert ROTATED.next_change(NOW + 60 + DAY) == inf


def test_published_is_what_verifies_and_never_a_secret():
    schedule = KeySchedule([*ROTATED, TimedKey(SECRET), TimedKey(OTHER, 0, NOW)])
    published = schedule.to_publish(NOW)
    assert [jwk["kid"] for jwk in published] == [NEW.kid, OLD.kid]
    assert not any("d" in jwk or "k" in jwk for jwk in published)


# ── rotation ─────────────────────────────────────────────────────────────────────────────


def test_the_first_key_signs_at_once():
    schedule = KeySchedule().rotated(NEW, NOW, publish_for=60, longest_life=DAY)
    assert states(schedule, NOW) == {"new": "active"}


def test_a_rotation_gives_the_next_key_its_time_and_the_last_one_its_end():
    schedule = KeySchedule([TimedKey(OLD)]).rotated(NEW, NOW, publish_for=60, longest_life=DAY)
    assert schedule.keys == ROTATED.keys


def test_a_rotation_repeated_while_a_key_waits_changes_nothing():
    again = ROTATED.rotated(OTHER, NOW + 1, publish_for=60, longest_life=DAY)
    assert again is ROTATED


def test_a_rotation_forgets_what_is_retired():
    schedule = ROTATED.rotated(OTHER, NOW + 2 * DAY, publish_for=60, longest_life=DAY)
    assert states(schedule, NOW + 2 * DAY) == {"other": "next", "new": "active"}


def test_no_rotation_makes_a_key_live_longer():
    schedule = KeySchedule([TimedKey(OLD, 0, NOW + 100)])
    [_, old] = schedule.rotated(NEW, NOW, publish_for=60, longest_life=DAY)
    assert old.verifies_until == NOW + 100


# ── retiring by hand ─────────────────────────────────────────────────────────────────────


def test_a_key_is_retired_at_once():
    schedule = ROTATED.retired(OLD.kid, NOW + 120)
    assert states(schedule, NOW + 120) == {"new": "active", "old": "retired"}


def test_the_key_that_signs_is_not_retired():
    with pytest.raises(InvalidKeyError, match="rotate first"):
        ROTATED.retired(OLD.kid, NOW)


def test_a_key_that_is_not_there_is_not_retired():
    with pytest.raises(InvalidKeyError, match="there is no key"):
        ROTATED.retired("other", NOW)


# ── as JWKs ──────────────────────────────────────────────────────────────────────────────


def test_the_moments_are_members_of_the_jwk():
    new, old = (each.to_jwk() for each in ROTATED)
    assert (new["nbf"], "exp" in new) == (NOW + 60, False)
    assert ("nbf" in old, old["exp"]) == (False, NOW + 60 + DAY)
    assert moments_of(new) == (NOW + 60, inf)
    assert moments_of(old) == (0, NOW + 60 + DAY)


@pytest.mark.parametrize("value", ["1", None, True, -1, float("nan"), 253402300800, []])
@pytest.mark.parametrize("name", ["nbf", "exp"])
def test_what_is_no_moment_is_refused(name, value):
    with pytest.raises(InvalidKeyError, match=name):
        moments_of({name: value})


def test_nothing_is_printed():
    assert repr(ROTATED) == "<KeySchedule of 2 keys>"
    assert OLD.to_private_jwk()["d"] not in repr(ROTATED.keys)
