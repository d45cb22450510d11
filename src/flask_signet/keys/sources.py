"""Where the keys of ``JWT_KEYS`` come from, and how they are read again while the application runs.

===============================  ==========================================================
``[key, jwk, ...]``              keys: PEM, JWK, ``cryptography`` objects, ``Key``; the first signs
``{"keys": [...]}``              a JWKS
``"/etc/app/keys.json"``         a file with a JWKS; mode 600
``"/etc/app/keys/"``             a folder with a ``.pem``, ``.jwk`` or ``.json`` file for each key
``"env:APP_KEYS"``               an environment variable with a JWKS, a JWK or a PEM
``"store:"``                     the database of ``JWT_SESSION_STORE``
``function``                     a callable that returns keys, e.g. from a KMS
===============================  ==========================================================

A file, a folder, the store and a callable are read again every ``JWT_KEYS_REFRESH`` seconds. What
can't be read then is logged, and the keys of before go on: no request fails for it.
"""

from __future__ import annotations

import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final

from ..exceptions import (
    ConfigurationError,
    InvalidKeyError,
    SignetError,
    StoreUnavailableError,
)
from ..jose.algorithms import ALGORITHMS
from ..jose.jwk import Key
from ..options.table import Settings
from ..sessions.store import KeyStore
from . import files as key_files
from .reading import warn_of_weak
from .ring import KeyRing
from .schedule import KeySchedule, TimedKey, moments_of

log: logging.Logger = logging.getLogger("flask_signet")


_CHANGED: Final = "somebody else has just changed the keys: look, and try again"


# ── from a value to keys ─────────────────────────────────────────────────────────────────


def timed_keys(values: Iterable[Any], settings: Settings) -> list[TimedKey]:
    """Keys in any form, with the moments that a JWK among them names.

    :raises InvalidKeyError: if one can't be read or may not be used.
    """
    found = []
    for value in values:
        if isinstance(value, TimedKey):
            found.append(value)
        elif isinstance(value, Mapping) and "keys" in value:
            found += timed_keys(value["keys"], settings)
        elif isinstance(value, Mapping):
            key = Key.from_jwk(value, _algorithm_of(value, settings), allow_weak=_weak(settings))
            found.append(TimedKey(key, *moments_of(value)))
        else:
            found.append(TimedKey(_plain_key(value, settings)))
    return found


def _weak(settings: Settings) -> bool:
    return settings.allow_weak_keys


def _algorithm_of(jwk: Mapping[str, Any], settings: Settings) -> str | None:
    """``JWT_ALGORITHM`` for a JWK that says none, if it is of that kind."""
    fits = ALGORITHMS[settings.algorithm].kty == jwk.get("kty")
    return settings.algorithm if "alg" not in jwk and fits and jwk.get("kty") != "EC" else None


def _plain_key(value: Any, settings: Settings) -> Key:
    if isinstance(value, Key):
        return value
    weak = _weak(settings)
    if isinstance(value, str | bytes):
        text = value if isinstance(value, str) else value.decode("utf-8", "replace")
        if "-----BEGIN" in text:
            return _with_algorithm(
                lambda name: Key.from_pem(value, name, allow_weak=weak), settings
            )
        if text.lstrip().startswith("{"):
            return timed_keys(key_files.jwks_of(text, "a key"), settings)[0].key
        raise InvalidKeyError(
            "a text is a PEM or a JWK here; a secret is Key.from_secret(...) or a JWK of kty oct"
        )
    return _with_algorithm(
        lambda name: Key.from_cryptography(value, name, allow_weak=weak), settings
    )


def _with_algorithm(make: Callable[[str | None], Key], settings: Settings) -> Key:
    """Of a key that leaves a choice (RSA, Ed25519), ``JWT_ALGORITHM`` decides."""
    try:
        return make(None)
    except InvalidKeyError:
        return make(settings.algorithm)


# ── the sources ──────────────────────────────────────────────────────────────────────────


class KeySource(ABC):
    """Keys that are kept somewhere."""

    #: Whether it may be another next time.
    changes: bool = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def load(self) -> KeySchedule:
        """The keys as they are now.

        :raises InvalidKeyError: if they can't be read.
        """

    def save(self, schedule: KeySchedule, before: KeySchedule) -> None:
        """Keep other keys from now on, whole or not at all.

        :param before: what they were made from.
        :raises InvalidKeyError: if they can't be written here, or are not those of before.
        """
        raise InvalidKeyError(
            f"keys {self.where} can't be written by a command: keep them in a file, a folder or "
            "the session store"
        )

    def _refuse_if_changed(self, before: KeySchedule) -> None:
        """Refuse to write over what somebody else has just written."""
        if not self.load().same_as(before):
            raise InvalidKeyError(_CHANGED)

    @property
    @abstractmethod
    def where(self) -> str:
        """Where they are, in words."""


class GivenKeys(KeySource):
    """Keys in ``app.config``."""

    changes = False

    def __init__(self, settings: Settings, values: Iterable[Any]) -> None:
        super().__init__(settings)
        self._values = list(values)

    def load(self) -> KeySchedule:
        return KeySchedule(timed_keys(self._values, self.settings))

    @property
    def where(self) -> str:
        return "in the configuration"


class CalledKeys(KeySource):
    """Keys that a function returns: from a KMS, say."""

    def __init__(self, settings: Settings, function: Callable[[], Any]) -> None:
        super().__init__(settings)
        self._function = function

    def load(self) -> KeySchedule:
        found = self._function()
        values = found if isinstance(found, list | tuple) else [found]
        return KeySchedule(timed_keys(values, self.settings))

    @property
    def where(self) -> str:
        return "of a function"


class EnvironmentKeys(KeySource):
    """Keys in an environment variable."""

    changes = False

    def __init__(self, settings: Settings, name: str) -> None:
        super().__init__(settings)
        self._name = name

    def load(self) -> KeySchedule:
        text = os.environ.get(self._name, "")
        if not text:
            raise InvalidKeyError(f"the environment variable {self._name} is not set")
        if text.lstrip().startswith("{"):
            return KeySchedule(timed_keys(key_files.jwks_of(text, self._name), self.settings))
        return KeySchedule(timed_keys([text], self.settings))

    @property
    def where(self) -> str:
        return f"in the environment variable {self._name}"


class FileKeys(KeySource):
    """A JWKS in a file."""

    def __init__(self, settings: Settings, path: Path) -> None:
        super().__init__(settings)
        self.path = path

    def load(self) -> KeySchedule:
        if not self.path.exists():
            return KeySchedule()  # before the first key was made
        text = key_files.read_text(self.path)
        if "-----BEGIN" in text:
            return KeySchedule(timed_keys([text], self.settings))
        return KeySchedule(timed_keys(key_files.jwks_of(text, str(self.path)), self.settings))

    def save(self, schedule: KeySchedule, before: KeySchedule) -> None:
        text = key_files.jwks_text([each.to_jwk() for each in schedule])
        self._refuse_if_changed(before)
        try:
            key_files.write_private(self.path, text)
        except OSError as error:
            raise InvalidKeyError(f"{self.path} can't be written: {error.strerror}") from None

    @property
    def where(self) -> str:
        return f"in {self.path}"


class FolderKeys(KeySource):
    """A folder with a file for each key, the newest name first."""

    def __init__(self, settings: Settings, path: Path) -> None:
        super().__init__(settings)
        self.path = path

    def load(self) -> KeySchedule:
        return KeySchedule(each for _, each in self._files())

    def _files(self) -> list[tuple[Path, TimedKey]]:
        found = []
        for path in key_files.key_files(self.path):
            text = key_files.read_text(path)
            try:
                is_json = text.lstrip().startswith("{")
                values: Iterable[Any] = key_files.jwks_of(text, "it") if is_json else [text]
                found += [(path, each) for each in timed_keys(values, self.settings)]
            except InvalidKeyError as error:
                raise InvalidKeyError(f"{path}: {error}") from None
        return found

    def save(self, schedule: KeySchedule, before: KeySchedule) -> None:
        self._refuse_if_changed(before)
        files = {each.key.kid: path for path, each in self._files()}
        try:
            # First what is new, then what has changed, last what goes: whoever reads in between,
            # or after an interruption, has every key that verifies.
            for each in schedule:
                kid = each.key.kid or each.key.thumbprint()
                path = files.pop(each.key.kid, None) or self.path / _file_name(kid)
                if path.suffix == ".pem" and each in before.keys:
                    continue
                text = key_files.jwks_text([each.to_jwk()])
                key_files.write_private(path.with_suffix(".jwk"), text)
                if path.suffix != ".jwk":
                    key_files.remove(path)
            for path in files.values():
                key_files.remove(path)
        except OSError as error:
            raise InvalidKeyError(f"{self.path} can't be written: {error.strerror}") from None

    @property
    def where(self) -> str:
        return f"in {self.path}"


def _file_name(kid: str) -> str:
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in kid)
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{plain[:64]}.jwk"


class StoredKeys(KeySource):
    """Keys in the session store's database: one document, replaced as a whole."""

    def __init__(self, settings: Settings, store: Callable[[], Any]) -> None:
        super().__init__(settings)
        self._open = store
        self._version = 0

    def _store(self) -> KeyStore:
        store = self._open()
        if not isinstance(store, KeyStore):
            raise InvalidKeyError("JWT_SESSION_STORE can't keep keys: it has no load_keys")
        return store

    def load(self) -> KeySchedule:
        text, self._version = self._store().load_keys()
        if not text:
            return KeySchedule()
        return KeySchedule(timed_keys(key_files.jwks_of(text, "what is stored"), self.settings))

    def save(self, schedule: KeySchedule, before: KeySchedule) -> None:
        text = key_files.jwks_text([each.to_jwk() for each in schedule])
        if not self._store().save_keys(text, after=self._version):
            raise InvalidKeyError(_CHANGED)

    @property
    def where(self) -> str:
        return "in the session store"


def key_source(settings: Settings, store: Callable[[], Any]) -> KeySource:
    """The source that ``JWT_KEYS`` names. Nothing is read yet."""
    value = settings.keys
    if isinstance(value, list | tuple):
        return GivenKeys(settings, value)
    if isinstance(value, Mapping | Key) or (isinstance(value, str | bytes) and _is_key(value)):
        return GivenKeys(settings, [value])
    if callable(value):
        return CalledKeys(settings, value)
    return _kept_keys(settings, value, store)


def _kept_keys(settings: Settings, value: Any, store: Callable[[], Any]) -> KeySource:
    if value == "store:":
        return StoredKeys(settings, store)
    if isinstance(value, str) and value.startswith("env:"):
        return EnvironmentKeys(settings, value.removeprefix("env:"))
    path = Path(os.fsdecode(value))
    if path.is_dir() or str(value).endswith("/"):
        return FolderKeys(settings, path)
    return FileKeys(settings, path)


def _is_key(text: str | bytes) -> bool:
    head = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return "-----BEGIN" in head or head.lstrip().startswith("{")


# ── the ring of now ──────────────────────────────────────────────────────────────────────


class LiveRing:
    """The key ring of this moment, by a source that is read again every so often.

    :param now: the wall clock, by which keys change their states.
    :param monotonic: a clock that never steps, by which the source is read again.
    """

    def __init__(
        self,
        source: KeySource,
        option: str,
        *,
        refresh: float,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        self._option = option
        self._refresh = refresh
        self._now = now
        self._monotonic = monotonic
        self._lock = Lock()
        self._read_at = float("-inf")  # begun
        self._loaded_at = float("-inf")  # done
        self._look_again_at = float("-inf")
        self._schedule = KeySchedule()
        self._ring: KeyRing | None = None

    def ring(self) -> KeyRing:
        """The ring.

        :raises ConfigurationError: if the keys can't be read, and never could.
        """
        ring = self._ring
        if ring is not None and self._monotonic() < self._look_again_at:
            return ring
        # One thread looks; the others go on with what there is. If there is nothing, or it is old
        # (in a process that was idle, while others sign with the next key), they sleep: to wait
        # for a lock of before gevent was at work would stop whoever has it, too.
        until = self._monotonic() + _PATIENCE
        while not self._lock.acquire(blocking=False):
            ring = self._ring
            if ring is not None and not (self._is_old() and self._monotonic() < until):
                return ring
            time.sleep(0.001)
        try:
            return self._looked()
        finally:
            self._lock.release()

    def _is_old(self) -> bool:
        return self._monotonic() - self._loaded_at > 2 * self._refresh

    def schedule(self) -> KeySchedule:
        """All keys with their moments, as they were last read."""
        self.ring()
        return self._schedule

    def _looked(self) -> KeyRing:
        moment = self._monotonic()
        if self._ring is not None and moment < self._look_again_at:
            return self._ring  # somebody else has looked meanwhile
        if self._ring is None or (self.source.changes and moment - self._read_at >= self._refresh):
            try:
                self._read(moment)
            finally:
                self._loaded_at = self._monotonic()
        now = self._now()
        try:
            ring = self._schedule.ring(now)
        except InvalidKeyError as error:
            if self._ring is None:
                raise ConfigurationError(f"{self._option}: {error}; {_MAKE_ONE}") from None
            log.error("%s: %s; the keys of before go on", self._option, error)
            ring = self._ring
        until = self._schedule.next_change(now) - now
        if self.source.changes:
            until = min(until, self._read_at + self._refresh - moment)
        self._look_again_at = moment + max(until, 0.05)
        self._ring = ring
        return ring

    def _read(self, moment: float) -> None:
        self._read_at = moment
        try:
            schedule = self.source.load()
            schedule.ring(self._now())
        except (InvalidKeyError, SignetError) as error:
            if self._ring is None and isinstance(error, StoreUnavailableError):
                raise  # it may answer next time: 503, and nobody's mistake
            if self._ring is None:
                raise ConfigurationError(f"{self._option}: {error}; {_MAKE_ONE}") from None
            log.error("%s can't be read again, the keys of before go on: %s", self._option, error)
            return
        except Exception as error:  # whatever an application's function raises
            if self._ring is None:
                raise
            log.error(
                "%s can't be read again, the keys of before go on: %s", self._option, type(error)
            )
            return
        if self._ring is None:
            warn_of_weak([each.key for each in schedule], self._option)
        self._schedule = schedule


_PATIENCE: Final = 2.0
"""Seconds that a request waits for another to read the keys, where those that there are are old."""

_MAKE_ONE: Final = "make one with `flask jwt keys generate`"
