"""The keys of another issuer, by its JWKS (RFC 7517 section 5).

A token whose key is known never waits for the network. How old a set of keys may get:

==============================  ================================================================
up to half of its age           it serves; nothing is asked
up to its age (10 minutes)      it serves; a thread fetches the next one meanwhile
older                           the first request that finds it old waits for the fetch, the others
                                are served the old set meanwhile; once a fetch has failed, no
                                request waits, and a thread tries again after 1, 2, 4 … 30 seconds
none yet, an unknown name, or   four requests at most wait for the fetch, the others are a 503 at
older by ``max_stale`` (1 hour) once; once a fetch has failed, only the request that begins the next
                                one waits, for a second at most
==============================  ================================================================

The 503 is :class:`~flask_signet.exceptions.KeysUnavailableError`. There is one fetch at a time,
outside any lock, in a thread that ends with the fetch. After a fork, the child has fetches of its
own. A fetched set replaces the old one: a key that its issuer removed is gone.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from ..exceptions import InvalidAlgorithmError, InvalidSignatureError, KeysUnavailableError
from ..forks import own_lock
from ..jose.jwk import Key
from ..jose.jws import algorithm_message
from ..jose.strict_json import loads_object
from .beside import start_thread
from .fetch import MAX_BYTES, Fetch, Fetched, FetchError
from .jwks import MAX_DEPTH, Ignored, KeySet, read_jwks
from .urls import check_jwks_uri, metadata_urls

log: logging.Logger = logging.getLogger("flask_signet")

MAX_AGE: Final = 600.0
"""Seconds that a set of keys serves. The server's ``max-age`` may shorten it, never lengthen."""

MIN_AGE: Final = 60.0
"""Seconds that a set of keys serves at least, even if its server says ``max-age=0``."""

MAX_STALE: Final = 3600.0
"""Seconds that a set serves beyond its age while its server fails, by default."""

COOL_DOWN: Final = 30.0
"""Seconds from one fetch until an unknown ``kid`` may cause another; also the longest back-off."""

TIMEOUT: Final = 5.0
"""Seconds for a whole fetch: discovery, connection and the slowest bytes."""

MISSING_FOR: Final = 120.0
"""Seconds for which a ``kid`` that a fetch did not bring causes no other fetch."""

MAX_MISSING: Final = 256
"""How many such names are remembered. The oldest goes first."""

MAX_WAITING: Final = 4
"""Requests that wait for a fetch; others are answered 503.

Anyone can write a token that names an issuer, and a ``kid`` that is unknown: such requests must not
occupy every thread of a server while an issuer is slow.
"""

BRIEFLY: Final = 1.0
"""Seconds that the request which begins a fetch waits for it in an outage."""

MAX_ADRIFT: Final = 4
"""Fetches that were given up and have not ended yet, until the pauses grow beyond ``COOL_DOWN``."""

_DISCOVERED_FOR: Final = 3600.0


class _Flight:
    """One fetch, from its start to its end."""

    __slots__ = ("done", "started_at", "waiting")

    def __init__(self, started_at: float) -> None:
        # `threading.Event`, not an imported name: gevent replaces the members of the module, maybe
        # after this file was imported.
        self.done = threading.Event()
        self.started_at = started_at
        #: Requests that have had a place to wait. The one that began the fetch has the first.
        self.waiting = 1


class RemoteKeys:
    """The keys of one issuer. Safe for threads, for greenlets, and after a fork.

    :param issuer: its URL, exactly as its tokens and its metadata write it.
    :param fetch: gets a document.
    :param algorithms: those that its tokens may have.
    :param jwks_url: where its keys are; None: its metadata says so.
    :param max_stale: seconds that keys beyond their age serve while they can't be fetched.
    :param clock: seconds, by a clock that never steps.
    :param start: runs a fetch beside the request that caused it.
    """

    def __init__(
        self,
        issuer: str,
        fetch: Fetch,
        *,
        algorithms: Collection[str],
        jwks_url: str | None = None,
        max_stale: float = MAX_STALE,
        clock: Callable[[], float] = time.monotonic,
        start: Callable[[Callable[[], None]], None] = start_thread,
    ) -> None:
        self.issuer: str = issuer
        self._fetch = fetch
        self._algorithms = tuple(algorithms)
        self._jwks_url = jwks_url
        self._max_stale = max_stale
        self._clock = clock
        self._start = start
        self._held: KeySet | None = None
        self._discovered: tuple[str, float] | None = None
        self._reported: frozenset[Ignored] = frozenset()
        self._missing: OrderedDict[str, float] = OrderedDict()
        self._lock = own_lock()  # never held while anything waits
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._flight: _Flight | None = None
        self._started_at = -math.inf
        self._not_before = -math.inf
        self._failures = 0
        self._adrift = 0

    def candidates(self, header: Mapping[str, Any]) -> tuple[Key]:
        """The key that may have signed a token with this header.

        :raises InvalidAlgorithmError: if ``alg`` is not accepted, or not the key's.
        :raises InvalidSignatureError: if the issuer has no key of that name.
        :raises KeysUnavailableError: if that is not known, as the issuer's server does not answer.
        """
        kid, algorithm = header.get("kid"), header.get("alg")
        if type(algorithm) is not str or algorithm not in self._algorithms:
            raise InvalidAlgorithmError(algorithm_message(header))
        if self._pid != os.getpid():
            self._leave_parent()
        held = self._current()
        key = held.find(kid, algorithm)
        if key is None and kid is not None and kid not in held.kids:
            key = self._look_again(kid, algorithm)
        if key is not None:
            return (key,)
        if kid in held.kids:
            raise InvalidAlgorithmError(algorithm_message(header))
        raise InvalidSignatureError("Signature verification failed")

    def _leave_parent(self) -> None:
        """Begin anew in a forked child, where its parent's fetch does not end."""
        with self._lock():
            if self._pid != os.getpid():  # no other thread of the child was faster
                self._begin()

    def _current(self) -> KeySet:
        """The set to use now. If this request has to wait for a fetch, the set after it."""
        now, held = self._clock(), self._held
        if held is None or now - held.loaded_at > held.max_age + self._max_stale:
            return self._await_keys(now)
        age = now - held.loaded_at
        if age > held.max_age / 2:
            proven_outage = self._failures > 0
            flight = self._take_off(now)
            if flight is not None and age > held.max_age and not proven_outage:
                self._wait_for(flight)
                held = self._held or held
        return held

    def _await_keys(self, now: float) -> KeySet:
        self._wait_for(self._take_off(now))
        held = self._held
        if held is None or self._clock() - held.loaded_at > held.max_age + self._max_stale:
            raise self._unavailable()
        return held

    def _wait_for(self, begun: _Flight | None) -> None:
        """Wait for the fetch that is under way, if there is one, and no longer than it may take.

        :param begun: the fetch that this request has begun, if it has begun one.
        :raises KeysUnavailableError: at once, if this request may not wait for another's fetch.
        """
        with self._lock():
            flight = begun or self._flight
            if flight is None:
                return
            if begun is None:
                if self._failures or flight.waiting >= MAX_WAITING:
                    raise self._unavailable()
                flight.waiting += 1
            left = flight.started_at + TIMEOUT - self._clock()
            patience = min(left, BRIEFLY) if self._failures else left
        if patience > 0:
            flight.done.wait(patience)

    def _look_again(self, kid: str, algorithm: str) -> Key | None:
        """The key that a new fetch brings, if a fetch is due; None: there is no such key.

        :raises KeysUnavailableError: if the last fetch failed, or too many requests wait for it.
        """
        now = self._clock()
        if self._missing.get(kid, -math.inf) > now:
            return None
        started = self._take_off(now, pause=COOL_DOWN)
        self._wait_for(started)
        held = self._held
        key = held.find(kid, algorithm) if held is not None else None
        if key is None and self._failures:
            raise self._unavailable()  # the key may be new: "log in again" would be wrong
        if key is None and started is not None:
            self._note_missing(kid, now)
        return key

    def _note_missing(self, kid: str, now: float) -> None:
        with self._lock():
            self._missing[kid] = now + MISSING_FOR
            self._missing.move_to_end(kid)
            while len(self._missing) > MAX_MISSING:
                self._missing.popitem(last=False)

    def _unavailable(self) -> KeysUnavailableError:
        left = self._not_before - self._clock()
        return KeysUnavailableError(retry_after=math.ceil(max(1, min(left, COOL_DOWN))))

    # ── one fetch at a time ──────────────────────────────────────────────────────────────

    def _take_off(self, now: float, *, pause: float = 0.0) -> _Flight | None:
        """Begin a fetch; None if one is under way, or if it is too early for one.

        :param pause: seconds that must have passed since the last fetch began.
        """
        with self._lock():
            flight = self._flight
            if flight is not None:
                if now - flight.started_at <= TIMEOUT + 1:
                    return None
                # A fetch that hangs, in a resolver say, can't be stopped, but it is given up.
                self._adrift += 1
                self._failed(now, "it does not end")
                flight.done.set()
            if now < max(self._not_before, self._started_at + pause):
                return None
            self._started_at = now
            self._flight = flight = _Flight(now)
        try:
            self._start(lambda: self._fly(flight))
        except RuntimeError as error:  # no thread can be started
            self._land(flight, error)
            flight.done.set()
        return flight

    def _fly(self, flight: _Flight) -> None:
        try:
            loaded = self._load(flight.started_at)
        except Exception as error:  # noqa: BLE001 - the requests that wait must learn of every failure
            self._land(flight, error)
        else:
            self._land(flight, loaded)
        finally:
            flight.done.set()

    def _land(self, flight: _Flight, outcome: KeySet | Exception) -> None:
        with self._lock():
            if self._flight is not flight:
                self._adrift -= 1  # this fetch was given up
                return
            self._flight = None
            if isinstance(outcome, Exception):
                self._failed(self._clock(), str(outcome) or type(outcome).__name__)
                return
            if self._failures:
                log.info("the keys of %s can be fetched again", self.issuer)
            self._failures = 0
            self._not_before = -math.inf
            self._held = outcome

    def _failed(self, now: float, why: str) -> None:
        """A fetch has failed: the next one comes 1, 2, 4 … 30 seconds later.

        A fetch of the application's own may never end. Each such one keeps a thread: if there are
        several, the pauses go on doubling, so that a day of them is fewer than twenty threads.
        """
        self._flight = None
        longest = COOL_DOWN * 2.0 ** min(max(0, self._adrift - MAX_ADRIFT), 30)
        self._not_before = now + min(longest, 2.0 ** min(self._failures, 40))
        self._failures += 1
        log.warning("the keys of %s can't be fetched: %s", self.issuer, why)

    def _load(self, started_at: float) -> KeySet:
        def get(url: str) -> Fetched:
            left = started_at + TIMEOUT - self._clock()
            if left <= 0:
                raise FetchError(f"no answer within {TIMEOUT:.0f} seconds")
            fetched = self._fetch(url, left)
            if len(fetched.body) > MAX_BYTES:
                raise FetchError(f"{url}: more than {MAX_BYTES} bytes")
            return fetched

        url = self._jwks_url or self._discover(get)
        try:
            fetched = get(url)
            keys, ignored = read_jwks(fetched.body, self._algorithms)
        except Exception:
            self._discovered = None  # the keys may have moved
            raise
        self._report(ignored)
        stated = MAX_AGE if fetched.max_age is None else fetched.max_age
        return KeySet(keys, started_at, min(MAX_AGE, max(MIN_AGE, stated)))

    def _discover(self, get: Callable[[str], Fetched]) -> str:
        """The ``jwks_uri`` of the issuer's metadata."""
        now = self._clock()
        if self._discovered is not None and now - self._discovered[1] < _DISCOVERED_FOR:
            return self._discovered[0]
        failures = []
        for url in metadata_urls(self.issuer):
            try:
                found = _jwks_uri(get(url).body, self.issuer)
            except FetchError as error:
                failures.append(f"{url}: {error}")
            else:
                self._discovered = found, now
                return found
        raise FetchError("; ".join(failures))

    def _report(self, ignored: Iterable[Ignored]) -> None:
        """Log the keys that are ignored, each once, not at each fetch of the same set."""
        found = frozenset(ignored)
        for each in found - self._reported:
            level = logging.WARNING if each.alarming else logging.INFO
            log.log(
                level, "a key of %s (kid %a) is ignored: %s", self.issuer, each.kid, each.reason
            )
        self._reported = found

    def __repr__(self) -> str:
        held = self._held
        if held is None:
            return f"<RemoteKeys of {self.issuer}, none yet>"
        age = self._clock() - held.loaded_at
        return f"<RemoteKeys of {self.issuer}, {held.size}, {age:.0f} s old>"


def _jwks_uri(document: bytes, issuer: str) -> str:
    try:
        metadata = loads_object(document, max_depth=MAX_DEPTH)
    except ValueError as error:
        raise FetchError(f"the metadata is not JSON as it must be: {error}") from None
    # OpenID Connect Discovery 1.0 section 4.3, RFC 8414 section 3.3: identical, or not to be used.
    if metadata.get("issuer") != issuer:
        raise FetchError("the metadata is of another issuer")
    try:
        return check_jwks_uri(metadata.get("jwks_uri"), issuer)
    except ValueError as error:
        raise FetchError(f"its jwks_uri: {error}") from None
