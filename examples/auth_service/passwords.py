"""Password hashes: Argon2id (RFC 9106), a bounded number at a time."""

from __future__ import annotations

import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from werkzeug.exceptions import ServiceUnavailable

#: Hashes that a process computes at the same time; each takes the hasher's 64 MiB.
RUNNING = 2
#: Hashes that may wait for their turn; one more is refused at once, with ``Retry-After``.
#: Fewer than the threads of a worker (``server.py``), so that other requests are still served.
WAITING = 100


class TooManyLogins(ServiceUnavailable):
    """So many logins are under way that one more would wait too long."""

    def __init__(self) -> None:
        super().__init__("Too many logins at the same time. Try again.", retry_after=1)


class Passwords:
    """Hashes and verifies passwords.

    A password is normalised to NFC first, so that the same characters typed on another system
    are the same password. Nothing is cut off, and a NUL is a character like any other.
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
        """Whether this password made this hash; ``None`` is nobody's, and takes as long.

        :raises TooManyLogins: if the queue is full.
        """
        with self._turn():
            try:
                self._hasher.verify(password_hash or self._nobodys_hash, _normal(password))
            except VerifyMismatchError:
                return False
        return password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
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
