"""The keys of another issuer: how old they may get, who waits for them, where they are."""

import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from flask_signet.exceptions import (
    InvalidAlgorithmError,
    InvalidSignatureError,
    KeysUnavailableError,
)
from flask_signet.keys import remote as remote_keys
from flask_signet.keys.beside import start_thread
from flask_signet.keys.fetch import FetchError
from flask_signet.keys.jwks import read_jwks
from flask_signet.keys.remote import RemoteKeys
from flask_signet.keys.urls import metadata_urls
from tests.conftest import Clock
from tests.issuers import ISSUER, JWKS_URL, Web, document, jwks, metadata, pair

PATIENCE = 20  # seconds
DOWN = FetchError("status 500")
OLD, NEW = pair("old"), pair("new", 1)
RSA_JWK = pair("a").to_public_jwk()
PRIVATE_JWK = pair("a").to_private_jwk()


class Later:
    """Starts nothing until it is told to."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []

    def __call__(self, run: Callable[[], None]) -> None:
        self.jobs.append(run)

    def run(self) -> None:
        while self.jobs:
            self.jobs.pop(0)()


def at_once(run: Callable[[], None]) -> None:
    run()


@pytest.fixture
def web() -> Web:
    web = Web()
    web.pages[JWKS_URL] = jwks(OLD)
    return web


@pytest.fixture
def later() -> Later:
    return Later()


def remote(web: Web, clock: Clock, start: Any = at_once, **options: Any) -> RemoteKeys:
    options = {"jwks_url": JWKS_URL, "algorithms": ["RS256"]} | options
    return RemoteKeys(ISSUER, web, clock=clock, start=start, **options)


def named(kid: str | None, algorithm: str = "RS256") -> dict[str, Any]:
    return {"alg": algorithm} if kid is None else {"alg": algorithm, "kid": kid}


def kid_of(found: RemoteKeys, kid: str | None, algorithm: str = "RS256") -> str | None:
    [key] = found.candidates(named(kid, algorithm))
    return key.kid


def refusal(found: RemoteKeys, kid: str | None, algorithm: str = "RS256") -> type[Exception]:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - its type is what is returned
        found.candidates(named(kid, algorithm))
    return caught.type


# ── age ──────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_fetched_before_it_is_needed(web: Web, clock: Clock) -> None:
    """The first token has the keys fetched; the next five minutes' are served from memory."""
    found = remote(web, clock)
    assert web.asked == []
    assert kid_of(found, "old") == "old"
    clock.tick(300)
    assert kid_of(found, "old") == "old"
    assert web.asked == [JWKS_URL]


def test_from_half_of_their_age_they_are_renewed_while_they_serve(
    web: Web, clock: Clock, later: Later
) -> None:
    """A request never waits for the renewal, and only one is under way."""
    found = remote(web, clock, at_once)
    kid_of(found, "old")
    found._start = later
    for seconds in (301, 1, 3):
        clock.tick(seconds)
        assert kid_of(found, "old") == "old"
    assert len(later.jobs) == 1
    web.pages[JWKS_URL] = jwks(OLD, NEW)
    later.run()
    assert kid_of(found, "new") == "new"
    assert len(web.asked) == 2


def test_past_their_age_the_request_that_finds_it_waits(web: Web, clock: Clock) -> None:
    """F14: a key that its issuer removed is refused by the first request after ten minutes."""
    found = remote(web, clock)
    kid_of(found, "old")
    web.pages[JWKS_URL] = jwks(NEW)
    clock.tick(601)
    assert refusal(found, "old") is InvalidSignatureError
    assert kid_of(found, "new") == "new"
    assert len(web.asked) == 2


def test_past_their_age_the_others_do_not_wait(web: Web, clock: Clock) -> None:
    """While one request waits for the fetch, those that come after it are served the old keys."""
    found = remote(web, clock, start_thread)
    kid_of(found, "old")
    entered, go_on = threading.Event(), threading.Event()

    def slow() -> Any:
        entered.set()
        assert go_on.wait(PATIENCE)
        return jwks(OLD)

    web.pages[JWKS_URL] = slow
    clock.tick(601)
    first = threading.Thread(target=kid_of, args=(found, "old"))
    first.start()
    assert entered.wait(PATIENCE)
    assert [kid_of(found, "old") for _ in range(3)] == ["old"] * 3
    assert first.is_alive()  # it waits; the three did not
    go_on.set()
    first.join(PATIENCE)
    assert len(web.asked) == 2


def test_in_an_outage_old_keys_serve_until_they_are_too_old(web: Web, clock: Clock) -> None:
    """F15: for an hour beyond their age they serve, then it is a 503 with Retry-After."""
    found = remote(web, clock)
    kid_of(found, "old")
    web.pages[JWKS_URL] = DOWN
    for _ in range(14):
        clock.tick(300)
        assert kid_of(found, "old") == "old"
    clock.tick(1)
    with pytest.raises(KeysUnavailableError) as caught:
        found.candidates(named("old"))
    assert 1 <= caught.value.retry_after <= 30
    web.pages[JWKS_URL] = jwks(OLD)
    clock.tick(30)
    assert kid_of(found, "old") == "old"


def test_max_stale_is_the_application_s_choice(web: Web, clock: Clock) -> None:
    """With max_stale=0 no key serves past its age, come what may."""
    found = remote(web, clock, max_stale=0)
    kid_of(found, "old")
    web.pages[JWKS_URL] = DOWN
    clock.tick(601)
    assert refusal(found, "old") is KeysUnavailableError


def test_a_server_that_fails_is_asked_ever_more_rarely(web: Web, clock: Clock) -> None:
    """The pause between two failing fetches grows to 30 seconds, however many requests come."""
    found = remote(web, clock)
    kid_of(found, "old")
    web.pages[JWKS_URL] = DOWN
    clock.tick(601)
    begun = clock()
    moments = []
    for _ in range(600):
        before = len(web.asked)
        for _ in range(3):
            assert kid_of(found, "old") == "old"
        moments += [clock() - begun] * (len(web.asked) - before)
        clock.tick(0.5)
    assert moments[:7] == [0, 1, 3, 7, 15, 31, 61]
    assert moments[7:] == [91, 121, 151, 181, 211, 241, 271]


def test_once_an_outage_is_known_nobody_waits_for_it(
    web: Web, clock: Clock, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fetches of an outage are beside the requests, which are served at once."""

    class Unwaited(remote_keys._Flight):
        def __init__(self, started_at: float) -> None:
            super().__init__(started_at)
            monkeypatch.setattr(self.done, "wait", lambda seconds: pytest.fail("it waits"))

    found = remote(web, clock)
    kid_of(found, "old")
    web.pages[JWKS_URL] = DOWN
    clock.tick(601)
    kid_of(found, "old")
    found._start = later
    monkeypatch.setattr(remote_keys, "_Flight", Unwaited)
    clock.tick(31)
    assert kid_of(found, "old") == "old"
    assert len(later.jobs) == 1


def test_without_any_keys_a_failure_is_a_503(web: Web, clock: Clock) -> None:
    """B2: with no key known nothing is decided, and one request at most in each pause asks."""
    web.pages[JWKS_URL] = DOWN
    found = remote(web, clock)
    assert [refusal(found, "old") for _ in range(3)] == [KeysUnavailableError] * 3
    assert len(web.asked) == 1
    web.pages[JWKS_URL] = jwks(OLD)
    clock.tick(1)
    assert kid_of(found, "old") == "old"


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [(None, 600), (6 * 3600, 600), (600, 600), (120, 120), (60, 60), (15, 60), (0, 60)],
)
def test_the_server_may_shorten_the_age_and_not_lengthen_it(
    stated: float | None, seconds: float, web: Web, clock: Clock, later: Later
) -> None:
    """What Cache-Control says counts between one minute and ten."""
    web.pages[JWKS_URL] = jwks(OLD, max_age=stated)
    found = remote(web, clock)
    kid_of(found, "old")
    found._start = later
    clock.tick(seconds / 2)
    kid_of(found, "old")
    assert not later.jobs
    clock.tick(1)
    kid_of(found, "old")
    assert len(later.jobs) == 1


# ── names that are not in the set ────────────────────────────────────────────────────────


def test_an_unknown_name_has_the_keys_fetched_again(web: Web, clock: Clock) -> None:
    """A token by a key that was published a moment ago is taken."""
    found = remote(web, clock)
    kid_of(found, "old")
    web.pages[JWKS_URL] = jwks(OLD, NEW)
    clock.tick(30)
    assert kid_of(found, "new") == "new"


def test_unknown_names_cause_one_fetch_in_each_cool_down(web: Web, clock: Clock) -> None:
    """F15: a flood of names that nobody has costs one fetch in 30 seconds."""
    found = remote(web, clock)
    kid_of(found, "old")
    for round_ in range(1, 5):
        clock.tick(30)
        for number in range(100):
            assert refusal(found, f"{round_}-{number}") is InvalidSignatureError
        assert len(web.asked) == 1 + round_


def test_a_name_that_was_not_there_is_not_looked_for_again_soon(web: Web, clock: Clock) -> None:
    """The same unknown name causes no second fetch for two minutes; another one does."""
    found = remote(web, clock)
    kid_of(found, "old")
    clock.tick(30)
    refusal(found, "x")
    for _ in range(3):
        clock.tick(30)
        assert refusal(found, "x") is InvalidSignatureError
    assert len(web.asked) == 2
    refusal(found, "y")
    assert len(web.asked) == 3
    clock.tick(31)
    refusal(found, "x")
    assert len(web.asked) == 4


def test_a_name_that_was_not_there_serves_as_soon_as_it_is(web: Web, clock: Clock) -> None:
    """Whoever guesses the name of an issuer's next key can't keep it out."""
    found = remote(web, clock)
    kid_of(found, "old")
    clock.tick(30)
    refusal(found, "new")
    web.pages[JWKS_URL] = jwks(OLD, NEW)
    clock.tick(30)
    refusal(found, "anything")
    assert kid_of(found, "new") == "new"


def test_names_that_were_not_there_do_not_fill_the_memory(web: Web, clock: Clock) -> None:
    """Of the names that were looked for in vain, 256 are remembered."""
    found = remote(web, clock)
    kid_of(found, "old")
    for number in range(300):
        clock.tick(30)
        refusal(found, str(number))
    assert len(found._missing) == 256


def test_in_an_outage_an_unknown_name_is_not_an_invalid_token(web: Web, clock: Clock) -> None:
    """It may be a new key: while nobody can tell, its tokens are answered 503."""
    found = remote(web, clock)
    kid_of(found, "old")
    web.pages[JWKS_URL] = DOWN
    clock.tick(30)
    assert refusal(found, "new") is KeysUnavailableError
    assert refusal(found, "new") is KeysUnavailableError
    assert kid_of(found, "old") == "old"
    assert len(web.asked) == 2


def test_few_requests_wait_for_an_unknown_name(web: Web, clock: Clock) -> None:
    """Unknown names occupy four threads at the most; the next one is told to come again."""
    found = remote(web, clock, start_thread)
    kid_of(found, "old")
    go_on = threading.Event()

    def slow() -> Any:
        assert go_on.wait(PATIENCE)
        return jwks(OLD, NEW)

    web.pages[JWKS_URL] = slow
    clock.tick(30)
    waiting = [threading.Thread(target=kid_of, args=(found, "new")) for _ in range(4)]
    for thread in waiting:
        thread.start()
    limit = threading.Event()
    for _ in range(PATIENCE * 100):
        if found._flight is not None and found._flight.waiting == 4:
            break
        limit.wait(0.01)
    assert refusal(found, "new") is KeysUnavailableError
    assert kid_of(found, "old") == "old"
    assert all(thread.is_alive() for thread in waiting)
    go_on.set()
    for thread in waiting:
        thread.join(PATIENCE)
    assert kid_of(found, "new") == "new"
    assert len(web.asked) == 2


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS512", "", None, 1, ["RS256"]])
def test_an_algorithm_that_is_not_accepted_asks_nobody(
    algorithm: Any, web: Web, clock: Clock
) -> None:
    """A1: alg must be one of those given, byte for byte, before any key is looked for."""
    assert refusal(remote(web, clock), "old", algorithm) is InvalidAlgorithmError
    assert web.asked == []


def test_a_known_name_with_another_algorithm_asks_nobody(web: Web, clock: Clock) -> None:
    """A3: a key of the set serves its own algorithm alone, and that it does not serve is final."""
    found = remote(web, clock, algorithms=["RS256", "ES256"])
    kid_of(found, "old")
    clock.tick(60)
    assert refusal(found, "old", "ES256") is InvalidAlgorithmError
    assert len(web.asked) == 1


def test_a_token_without_a_name_is_for_the_only_key(web: Web, clock: Clock) -> None:
    """OpenID Connect Core 10.1: where there are several keys, a token must say which."""
    found = remote(web, clock, algorithms=["RS256", "ES256"])
    web.pages[JWKS_URL] = jwks(OLD, pair("ec", 0, "ES256"))
    assert kid_of(found, None) == "old"
    assert kid_of(found, None, "ES256") == "ec"
    web.pages[JWKS_URL] = jwks(OLD, NEW)
    clock.tick(601)
    assert refusal(found, None) is InvalidSignatureError
    assert len(web.asked) == 2


# ── one fetch at a time ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("age", ["none yet", "too old"])
def test_e18_a_stampede_holds_four_threads(
    age: str, web: Web, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all that come while no key serves, four wait for one fetch; the rest is told at once."""
    monkeypatch.setattr(remote_keys, "TIMEOUT", PATIENCE)
    go_on = threading.Event()

    def slow() -> Any:
        assert go_on.wait(PATIENCE)
        return jwks(OLD)

    found = remote(web, clock)
    if age == "too old":
        kid_of(found, "old")
        clock.tick(4201)
    before = len(web.asked)
    web.pages[JWKS_URL] = slow
    found._start = start_thread
    got: queue.Queue[str | None] = queue.Queue()

    def ask() -> None:
        try:
            got.put(kid_of(found, "old"))
        except KeysUnavailableError as error:
            got.put(f"again in {error.retry_after} s")

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    assert [got.get(timeout=PATIENCE) for _ in range(46)] == ["again in 1 s"] * 46
    assert sum(thread.is_alive() for thread in threads) >= 4  # the issuer has not answered yet
    go_on.set()
    assert [got.get(timeout=PATIENCE) for _ in range(4)] == ["old"] * 4
    for thread in threads:
        thread.join(PATIENCE)
    assert len(web.asked) == before + 1


class Waits(remote_keys._Flight):
    """A fetch that nobody waits for: it notes for how long they would."""

    seconds: list[float]

    def __init__(self, started_at: float) -> None:
        super().__init__(started_at)
        self.done.wait = self.seconds.append  # type: ignore[assignment]  # a stand-in


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each wait for a fetch, none of which is waited."""
    monkeypatch.setattr(remote_keys, "_Flight", Waits)
    monkeypatch.setattr(Waits, "seconds", [], raising=False)
    return Waits.seconds


@pytest.mark.parametrize("kid", ["old", "unknown"])
@pytest.mark.parametrize("age", [0, 601, 4201])
def test_e18_in_an_outage_one_request_waits_and_not_for_long(
    age: int, kid: str, web: Web, clock: Clock, later: Later, waits: list[float]
) -> None:
    """After the first fetch that failed, each further one holds a thread for a second at most."""
    found = remote(web, clock)
    if age:
        kid_of(found, "old")
        clock.tick(age)
    web.pages[JWKS_URL] = DOWN
    clock.tick(31)
    with suppress(KeysUnavailableError):
        kid_of(found, kid)
    assert found._failures == 1
    found._start = later
    waits.clear()
    clock.tick(31)
    for _ in range(5):
        with suppress(KeysUnavailableError):
            kid_of(found, kid)
    assert len(later.jobs) == 1
    assert waits == ([] if age == 601 else [1.0])  # the old keys serve, or nobody can tell


def test_e18_nobody_waits_beyond_the_time_of_a_fetch(
    web: Web, clock: Clock, later: Later, waits: list[float]
) -> None:
    """Who comes late waits for what is left of it, and then not at all."""
    found = remote(web, clock, later)
    for _ in range(3):
        assert refusal(found, "old") is KeysUnavailableError
        clock.tick(2.6)
    assert waits == pytest.approx([5.0, 2.4])
    assert len(later.jobs) == 1


def test_e18_fetches_that_never_end_do_not_fill_a_server_with_threads(
    web: Web, clock: Clock, later: Later, waits: list[float]
) -> None:
    """A fetch of the application's own may be without a limit: a day of them is few threads."""
    found = remote(web, clock, later)
    for _ in range(24 * 360):
        refusal(found, "old")
        clock.tick(10)
    assert 4 < len(later.jobs) < 20
    begun = len(later.jobs)
    later.run()  # they end at last, and what they bring is too late
    assert refusal(found, "old") is KeysUnavailableError
    clock.tick(3600 * 24)
    found._start = at_once
    assert kid_of(found, "old") == "old"
    assert len(web.asked) <= begun + 1


def test_no_lock_is_held_while_a_fetch_goes_on(web: Web, clock: Clock) -> None:
    """What a fetch does, it does outside the lock: it can ask for keys itself."""
    found = remote(web, clock)
    kid_of(found, "old")

    def curious() -> Any:
        assert not found._lock().locked()
        assert kid_of(found, "old") == "old"
        return jwks(OLD)

    web.pages[JWKS_URL] = curious
    clock.tick(601)
    assert kid_of(found, "old") == "old"
    assert found._failures == 0


def test_a_fetch_that_never_ends_is_given_up(
    web: Web, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver that hangs can't be stopped: what it brings late is not used."""
    monkeypatch.setattr(remote_keys, "TIMEOUT", 0.05)
    go_on, threads = threading.Event(), []

    def slow() -> Any:
        assert go_on.wait(PATIENCE)
        return jwks(OLD)

    def start(run: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=run))
        threads[-1].start()

    web.pages[JWKS_URL] = slow
    found = remote(web, clock, start)
    assert refusal(found, "old") is KeysUnavailableError
    clock.tick(2)  # past its time: this request gives it up, and a second later there is another
    assert refusal(found, "old") is KeysUnavailableError
    clock.tick(1)
    found._start = at_once
    web.pages[JWKS_URL] = jwks(NEW)
    assert kid_of(found, "new") == "new"
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert kid_of(found, "new") == "new"


@pytest.mark.parametrize("error", [ValueError("odd"), OSError(), RecursionError()])
def test_whatever_a_fetch_raises_is_a_failure(error: Exception, web: Web, clock: Clock) -> None:
    """A fetch of the application's own may raise anything: those who wait are told."""
    web.pages[JWKS_URL] = error
    assert refusal(remote(web, clock), "old") is KeysUnavailableError


def test_a_thread_that_cannot_be_started_is_a_failure(web: Web, clock: Clock) -> None:
    """Without a thread to spare there is no fetch, and no hanging either."""

    def start(run: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    assert refusal(remote(web, clock, start), "old") is KeysUnavailableError


def test_more_than_the_limit_is_refused_whoever_fetched_it(web: Web, clock: Clock) -> None:
    """A fetch of the application's own can't hand over more than 512 KiB either."""
    web.pages[JWKS_URL] = jwks(OLD)._replace(body=b" " * (512 * 1024 + 1))
    assert refusal(remote(web, clock), "old") is KeysUnavailableError


def test_a_forked_child_has_its_own_fetches(
    web: Web, clock: Clock, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child neither waits for its parent's thread nor for a lock that one of them held."""
    found = remote(web, clock)
    kid_of(found, "old")
    found._start = later
    clock.tick(301)
    kid_of(found, "old")
    found._lock().acquire()  # as a thread of the parent may, at the very moment of the fork
    monkeypatch.setattr(remote_keys.os, "getpid", lambda: -1)
    found._start = at_once
    web.pages[JWKS_URL] = jwks(NEW)
    clock.tick(300)
    assert kid_of(found, "new") == "new"


def test_under_gevent_a_fetch_delays_no_other_greenlet() -> None:
    """The same code in greenlets: one fetch, and known keys are served while it goes on."""
    code = """
from flask_signet.keys import remote as remote_keys  # before the patch: a server preloads
from gevent import monkey; monkey.patch_all()
import gevent, time
from tests.issuers import ISSUER, JWKS_URL, jwks, pair
now, slow, asked, served = 0.0, False, 0, []
def fetch(url, seconds):
    global asked
    asked += 1
    if slow:
        while not served: time.sleep(0.01)
    return jwks(pair("old"), pair("new", 1)) if slow else jwks(pair("old"))
keys = remote_keys.RemoteKeys(ISSUER, fetch, algorithms=["RS256"], jwks_url=JWKS_URL,
                              clock=lambda: now)
find = lambda kid: keys.candidates({"alg": "RS256", "kid": kid})[0].kid
assert gevent.joinall([gevent.spawn(find, "old") for _ in range(4)], timeout=20, raise_error=True)
assert asked == 1
now, slow = 31.0, True
waiting = gevent.spawn(find, "new")
gevent.sleep(0)
served.append(find("old"))
assert waiting.get(timeout=20) == "new" and asked == 2
"""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


# ── one set after another ────────────────────────────────────────────────────────────────


def test_a_key_without_a_name_has_its_thumbprint(web: Web, clock: Clock) -> None:
    """A token may name a key by its RFC 7638 thumbprint where the set does not name it."""
    thumbprint = pair("a").thumbprint()
    web.pages[JWKS_URL] = jwks({name: value for name, value in RSA_JWK.items() if name != "kid"})
    assert kid_of(remote(web, clock), thumbprint) == thumbprint


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html>",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": null}',
        b'{"keys": [], "keys": []}',
        b'\xef\xbb\xbf{"keys": []}',
        b'{"keys": [NaN]}',
        b'{"keys": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"keys": [' + b",".join([b"{}"] * 257) + b"]}",
        b'{"keys": []} {}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_key_set_changes_nothing(body: bytes, web: Web, clock: Clock) -> None:
    """A page that is not strict JSON of the right form is a failure: the keys known stay."""
    with pytest.raises(FetchError):
        read_jwks(body, ["RS256"])
    found = remote(web, clock)
    kid_of(found, "old")
    web.pages[JWKS_URL] = jwks()._replace(body=body)
    clock.tick(601)
    assert kid_of(found, "old") == "old"


def test_an_empty_set_replaces_the_old_one(web: Web, clock: Clock) -> None:
    """F14: an issuer that has withdrawn all its keys has none here either."""
    found = remote(web, clock)
    kid_of(found, "old")
    web.pages[JWKS_URL] = jwks()
    clock.tick(601)
    assert refusal(found, "old") is InvalidSignatureError


def test_what_is_ignored_is_logged_once(
    web: Web, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each key that is ignored is told when it appears, loudly if its issuer should mend it."""
    caplog.set_level(logging.INFO, "flask_signet")
    web.pages[JWKS_URL] = jwks(OLD, PRIVATE_JWK, RSA_JWK | {"use": "enc", "kid": "e\n"})
    found = remote(web, clock)
    for _ in range(3):
        kid_of(found, "old")
        clock.tick(601)
    told = sorted((record.levelname, record.getMessage()) for record in caplog.records)
    about = "a key of https://login.example.com/ (kid {}) is ignored: {}"
    assert told == [
        ("INFO", about.format(r"'e\n'", "it is not for signatures")),
        ("WARNING", about.format("'a'", "its private half is published: anybody can sign with it")),
    ]
    assert PRIVATE_JWK["d"] not in caplog.text


def test_an_outage_is_logged_and_its_end_too(
    web: Web, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """E11: the log says what failed and when it is over; no name out of a token is in it."""
    caplog.set_level(logging.INFO, "flask_signet")
    web.pages[JWKS_URL] = DOWN
    found = remote(web, clock)
    refusal(found, "name-of-a-token")
    web.pages[JWKS_URL] = jwks(OLD)
    clock.tick(1)
    kid_of(found, "old")
    assert [record.getMessage() for record in caplog.records] == [
        "the keys of https://login.example.com/ can't be fetched: status 500",
        "the keys of https://login.example.com/ can be fetched again",
    ]


def test_it_says_how_old_its_keys_are(web: Web, clock: Clock) -> None:
    """Its repr has the issuer, the number of keys and their age."""
    found = remote(web, clock)
    assert repr(found) == "<RemoteKeys of https://login.example.com/, none yet>"
    kid_of(found, "old")
    clock.tick(12)
    assert repr(found) == "<RemoteKeys of https://login.example.com/, 1, 12 s old>"


# ── discovery ────────────────────────────────────────────────────────────────────────────

OIDC, OAUTH = metadata_urls(ISSUER)


def discovering(web: Web, clock: Clock, **options: Any) -> RemoteKeys:
    return remote(web, clock, jwks_url=None, **options)


@pytest.mark.parametrize("where", [OIDC, OAUTH])
def test_the_metadata_says_where_the_keys_are(where: str, web: Web, clock: Clock) -> None:
    """Either document will do; OpenID Connect's is asked for first."""
    web.pages[where] = metadata()
    assert kid_of(discovering(web, clock), "old") == "old"
    assert web.asked == ([OIDC, JWKS_URL] if where == OIDC else [OIDC, OAUTH, JWKS_URL])


@pytest.mark.parametrize(
    "page",
    [
        metadata(ISSUER.rstrip("/")),
        metadata(ISSUER + "x"),
        metadata(ISSUER.upper()),
        metadata("https://login.microsoftonline.com/{tenantid}/v2.0"),
        document({"jwks_uri": JWKS_URL}),
        document({"issuer": [ISSUER], "jwks_uri": JWKS_URL}),
        document({"issuer": ISSUER}),
        metadata(jwks_uri=None),
        metadata(jwks_uri=[JWKS_URL]),
        metadata(jwks_uri="http://keys.example.com/jwks"),
        metadata(jwks_uri="http://127.0.0.1/jwks"),
        metadata(jwks_uri="http://localhost/jwks"),
        metadata(jwks_uri="http://169.254.169.254/latest/meta-data"),
        metadata(jwks_uri="file:///etc/passwd"),
        metadata(jwks_uri="/jwks"),
        metadata()._replace(body=b"<html>"),
        metadata()._replace(body=b'{"issuer": "' + ISSUER.encode() + b'", "issuer": ""}'),
    ],
)
def test_metadata_of_another_issuer_or_to_elsewhere_is_not_used(
    page: Any, web: Web, clock: Clock
) -> None:
    """B2, D5: the document's issuer is ours, letter for letter, its keys at an https URL."""
    web.pages[OIDC] = web.pages[OAUTH] = page
    assert refusal(discovering(web, clock), "old") is KeysUnavailableError
    assert web.asked == [OIDC, OAUTH]


def test_an_issuer_on_this_machine_may_have_its_keys_here(web: Web, clock: Clock) -> None:
    """For development: http to a loopback address, if the issuer itself is at one."""
    issuer = "http://127.0.0.1:8080/realms/demo"
    keys_url = "http://localhost:8080/keys"
    web.pages[metadata_urls(issuer)[0]] = metadata(issuer, keys_url)
    web.pages[keys_url] = jwks(OLD)
    found = RemoteKeys(issuer, web, algorithms=["RS256"], clock=clock, start=at_once)
    assert kid_of(found, "old") == "old"


def test_discovery_is_repeated_every_hour(web: Web, clock: Clock) -> None:
    """The keys' own URL is asked for meanwhile."""
    web.pages[OIDC] = metadata()
    found = discovering(web, clock)
    for _ in range(7):
        kid_of(found, "old")
        clock.tick(600)
        clock.tick(1)
    assert web.asked.count(OIDC) == 2
    assert web.asked.count(JWKS_URL) == 7


def test_discovery_is_repeated_when_the_keys_are_not_there(web: Web, clock: Clock) -> None:
    """An issuer may move its keys."""
    web.pages[OIDC] = metadata()
    found = discovering(web, clock)
    kid_of(found, "old")
    elsewhere = "https://elsewhere.example.com/jwks"
    web.pages |= {OIDC: metadata(jwks_uri=elsewhere), elsewhere: jwks(NEW), JWKS_URL: DOWN}
    clock.tick(601)
    assert kid_of(found, "old") == "old"
    clock.tick(1)
    assert kid_of(found, "new") == "new"


def test_all_of_a_fetch_is_within_five_seconds(web: Web, clock: Clock) -> None:
    """What discovery takes is not there for the keys any more."""

    def slow() -> Any:
        clock.tick(3)
        return metadata(ISSUER + "x")

    web.pages[OIDC] = web.pages[OAUTH] = slow
    assert refusal(discovering(web, clock), "old") is KeysUnavailableError
    assert web.asked == [OIDC, OAUTH]
    web.pages[OIDC] = lambda: (clock.tick(5.1), metadata())[1]
    clock.tick(30)
    web.asked.clear()
    assert refusal(discovering(web, clock), "old") is KeysUnavailableError
    assert web.asked == [OIDC]
