"""Where the keys of ``JWT_KEYS`` are kept: one class a place.

===============================  ==========================================================
``[key, jwk, ...]``              keys: PEM, JWK, ``cryptography`` objects, ``Key``; the first signs
``{"keys": [...]}``              a JWKS
``"/etc/app/keys.json"``         a file with a JWKS; mode 600
``"/etc/app/keys/"``             a folder with a ``.pem``, ``.jwk`` or ``.json`` file for each key
``"env:APP_KEYS"``               an environment variable with a JWKS, a JWK or a PEM
``"store:"``                     the database of ``JWT_SESSION_STORE``
``function``                     a callable that returns keys, e.g. from a KMS
===============================  ==========================================================

The keys of a file, a folder, the store or a callable may change: :class:`.LiveKeys` reads them
again every ``JWT_KEYS_REFRESH`` seconds.
"""

from __future__ import annotations

import json
import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..exceptions import InvalidKeyError
from ..jose.jwk import Key
from ..sessions.store import KeyStore
from . import files
from .reading import KeyRules, is_json_object, is_pem, jwks_of, read_timed_keys
from .schedule import KeySchedule, TimedKey

log: logging.Logger = logging.getLogger("flask_signet")

_OWNER_MEMBER: Final = "signet_owner"
"""The member of a document in the store that names its owner."""

_CHANGED: Final = "somebody else has just changed the keys: look, and try again"


class KeySource(ABC):
    """A place where keys are kept."""

    #: Whether there may be other keys at the next reading.
    changes: bool = True

    def __init__(self, rules: KeyRules) -> None:
        self.rules = rules

    @abstractmethod
    def load(self) -> KeySchedule:
        """The keys as they are now.

        :raises InvalidKeyError: if they can't be read.
        """

    def save(self, schedule: KeySchedule, before: KeySchedule) -> None:
        """Replace the keys, all of them or none.

        :param before: the keys that were read here, and that ``schedule`` was made from.
        :raises InvalidKeyError: if keys can't be written here, or have changed since ``before``.
        """
        raise InvalidKeyError(
            f"keys {self.where} can't be written by a command: keep them in a file, a folder or "
            "the session store"
        )

    def _refuse_if_changed(self, before: KeySchedule) -> None:
        """Refuse to write over keys that another command has just written."""
        if not self.load().same_as(before):
            raise InvalidKeyError(_CHANGED)

    @property
    @abstractmethod
    def where(self) -> str:
        """Where the keys are, in words, e.g. "in /etc/app/keys.json"."""


class OptionSource(KeySource):
    """Keys in ``app.config``."""

    changes = False

    def __init__(self, value: Any, rules: KeyRules) -> None:
        super().__init__(rules)
        self._value = value

    def load(self) -> KeySchedule:
        return KeySchedule(read_timed_keys(self._value, self.rules))

    @property
    def where(self) -> str:
        return "in the configuration"


class FunctionSource(KeySource):
    """Keys that a function returns: from a KMS, say."""

    def __init__(self, function: Callable[[], Any], rules: KeyRules) -> None:
        super().__init__(rules)
        self._function = function

    def load(self) -> KeySchedule:
        return KeySchedule(read_timed_keys(self._function(), self.rules))

    @property
    def where(self) -> str:
        return "of a function"


class EnvironmentSource(KeySource):
    """Keys in an environment variable."""

    changes = False

    def __init__(self, name: str, rules: KeyRules) -> None:
        super().__init__(rules)
        self._name = name

    def load(self) -> KeySchedule:
        text = os.environ.get(self._name, "")
        if not text:
            raise InvalidKeyError(f"the environment variable {self._name} is not set")
        value = jwks_of(text, self._name) if is_json_object(text) else text
        return KeySchedule(read_timed_keys(value, self.rules))

    @property
    def where(self) -> str:
        return f"in the environment variable {self._name}"


class FileSource(KeySource):
    """A JWKS in a file."""

    def __init__(self, path: Path, rules: KeyRules) -> None:
        super().__init__(rules)
        self.path = path

    def load(self) -> KeySchedule:
        if not self.path.exists():
            return KeySchedule()  # before the first key was made
        text = files.read_text(self.path)
        value = text if is_pem(text) else jwks_of(text, str(self.path))
        return KeySchedule(read_timed_keys(value, self.rules))

    def save(self, schedule: KeySchedule, before: KeySchedule) -> None:
        text = files.jwks_text([each.to_jwk() for each in schedule])
        self._refuse_if_changed(before)
        try:
            files.write_private(self.path, text)
        except OSError as error:
            raise InvalidKeyError(f"{self.path} can't be written: {error.strerror}") from None

    @property
    def where(self) -> str:
        return f"in {self.path}"


class FolderSource(KeySource):
    """A folder with a file for each key, the newest name first.

    What is no file, such as a FIFO, is passed over, and named in the log once.
    """

    def __init__(self, path: Path, rules: KeyRules) -> None:
        super().__init__(rules)
        self.path = path
        self._skipped: frozenset[str] = frozenset()

    def load(self) -> KeySchedule:
        return KeySchedule(each for _, each in self._files())

    def _files(self) -> list[tuple[Path, TimedKey]]:
        found = []
        skipped = set()
        for path in files.key_files(self.path):
            try:
                text = files.read_text(path)
            except files.NoFileError as error:
                skipped.add(str(error))
                continue
            try:
                value = jwks_of(text, "it") if is_json_object(text) else text
                found += [(path, each) for each in read_timed_keys(value, self.rules)]
            except InvalidKeyError as error:
                raise InvalidKeyError(f"{path}: {error}") from None
        for each in sorted(skipped - self._skipped):
            log.warning("%s: it is skipped", each)
        self._skipped = frozenset(skipped)
        return found

    def save(self, schedule: KeySchedule, before: KeySchedule) -> None:
        self._refuse_if_changed(before)
        paths = {each.key.kid: path for path, each in self._files()}
        try:
            # First the new and the changed keys are written, then the others are removed: a process
            # that reads in between, or after an interruption, finds every key that verifies.
            for each in schedule:
                kid = each.key.kid or each.key.thumbprint()
                path = paths.pop(each.key.kid, None) or self.path / _file_name(kid)
                if path.suffix == ".pem" and each in before.keys:
                    continue
                text = files.jwks_text([each.to_jwk()])
                files.write_private(path.with_suffix(".jwk"), text)
                if path.suffix != ".jwk":
                    files.remove(path)
            for path in paths.values():
                files.remove(path)
        except OSError as error:
            raise InvalidKeyError(f"{self.path} can't be written: {error.strerror}") from None

    @property
    def where(self) -> str:
        return f"in {self.path}"


def _file_name(kid: str) -> str:
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in kid)
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{plain[:64]}.jwk"


class StoreSource(KeySource):
    """Keys in the session store's database: one document for each owner, replaced as a whole.

    A document names its owner. One that does not is from before there were owners: all managers
    read it, each until it has a document of its own.

    :param name: the owner's name; empty for the unnamed manager.
    """

    def __init__(self, store: Callable[[], Any], rules: KeyRules, name: str = "") -> None:
        super().__init__(rules)
        self._open = store
        self._name = name
        self._version = 0
        self._is_everybodys = False

    def _store(self) -> KeyStore:
        store = self._open()
        if not isinstance(store, KeyStore):
            raise InvalidKeyError("JWT_SESSION_STORE can't keep keys: it has no load_keys")
        return store

    def load(self) -> KeySchedule:
        store = self._store()
        text, self._version = store.load_keys(**self._named)
        self._is_everybodys = not self._name and bool(text) and not _names_an_owner(text)
        if not text and self._name:
            text, _ = store.load_keys()
            if text and _names_an_owner(text):
                text = ""
        if not text:
            return KeySchedule()
        return KeySchedule(read_timed_keys(jwks_of(text, "what is stored"), self.rules))

    def save(self, schedule: KeySchedule, before: KeySchedule) -> None:
        owner = {} if self._is_everybodys else {_OWNER_MEMBER: self._name}
        text = files.jwks_text([each.to_jwk() for each in schedule], **owner)
        if not self._store().save_keys(text, after=self._version, **self._named):
            raise InvalidKeyError(_CHANGED)

    @property
    def _named(self) -> dict[str, str]:
        # A store of the application's own, with one document, is asked as before.
        return {"name": self._name} if self._name else {}

    @property
    def where(self) -> str:
        return "in the session store"


def _names_an_owner(text: str) -> bool:
    try:
        found = json.loads(text)
    except ValueError:
        return False  # it can't be read, which is said where it is read
    return isinstance(found, dict) and _OWNER_MEMBER in found


def key_source(value: Any, rules: KeyRules, store: Callable[[], Any], owner: str = "") -> KeySource:
    """The source that a value of ``JWT_KEYS`` names. Nothing is read yet.

    :param store: gives the session store, or None where there is none. Called when keys are read.
    :param owner: under whose name keys are kept in the store.
    """
    is_text = isinstance(value, str | bytes)
    if isinstance(value, list | tuple | Mapping | Key) or (
        is_text and (is_pem(value) or is_json_object(value))
    ):
        return OptionSource(value, rules)
    if callable(value):
        return FunctionSource(value, rules)
    if value == "store:":
        return StoreSource(store, rules, owner)
    if isinstance(value, str) and value.startswith("env:"):
        return EnvironmentSource(value.removeprefix("env:"), rules)
    path = Path(os.fsdecode(value))
    if path.is_dir() or str(value).endswith("/"):
        return FolderSource(path, rules)
    return FileSource(path, rules)
