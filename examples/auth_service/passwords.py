"""Password hashes: Argon2id (RFC 9106), a limited number at a time."""

from __future__ import annotations

import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from werkzeug.exceptions import ServiceUnavailable

#: Hashes that a process computes at the same time. Each takes 64 MiB.
RUNNING = 2
#: Hashes that may wait for their turn. One more is refused at once, with ``Retry-After``.
#: A worker has more threads (``server.py``), so that it still serves other requests.
WAITING = 100


class TooManyLogins(ServiceUnavailable):
    """So many logins are waiting that one more would wait too long."""

    def __init__(self) -> None:
        super().__init__("Too many logins at the same time. Try again.", retry_after=1)


class Passwords:
    """Hashes and verifies passwords.

    A password is normalised to NFC first, so that the same characters are the same password on
    every system. No character is cut off, and a NUL is a character like any other.
    """

    def __init__(
        self, hasher: PasswordHasher, *, running: int = RUNNING, waiting: int = WAITING
    ) -> None:
        self._hasher = hasher
        self._running = threading.BoundedSemaphore(running)
        self._admitted = threading.BoundedSemaphore(running + waiting)
        self._nobodys_hash = hasher.hash(secrets.token_hex())

    def hash(self, password: str) -> str:
        """The hash to store, with a salt and the parameters in it.

        :raises TooManyLogins: if the queue is full.
        """
        with self._turn():
            return self._hasher.hash(_normal(password))

    def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether this password made this hash. For ``None`` it is False, and takes as long.

        :raises TooManyLogins: if the queue is full.
        """
        with self._turn():
            try:
                self._hasher.verify(password_hash or self._nobodys_hash, _normal(password))
            except VerifyMismatchError:
                return False
        return password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than the present ones."""
        return self._hasher.check_needs_rehash(password_hash)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._admitted.acquire(blocking=False):
            raise TooManyLogins
        try:
            with self._running:
                yield
        finally:
            self._admitted.release()


def _normal(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode()
