"""Where the service remembers which tokens were revoked, for as long as each could be used."""

from __future__ import annotations

import math
import time
from typing import Protocol

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ServiceUnavailable

from .database import Database, RevokedToken


class StoreUnavailable(ServiceUnavailable):
    """The store did not answer: nobody can tell whether a token was revoked, so none passes."""

    def __init__(self) -> None:
        super().__init__("The service can't check tokens just now. Try again.", retry_after=5)


class RevokedTokens(Protocol):
    """The identifiers (``jti``) of the revoked tokens."""

    def revoke(self, jti: str, expires_at: int | None) -> None:
        """Remember the token until ``expires_at`` (seconds since the epoch; None: for ever).

        Revoking it again changes nothing.

        :raises StoreUnavailable: if the store does not answer.
        """

    def is_revoked(self, jti: str) -> bool:
        """Whether the token was revoked.

        :raises StoreUnavailable: if the store does not answer.
        """


class SqlRevokedTokens:
    """A row per token; the rows that are of no more use go with the next write."""

    def __init__(self, database: Database) -> None:
        self._session = database.session

    def revoke(self, jti: str, expires_at: int | None) -> None:
        """See :meth:`RevokedTokens.revoke`."""
        try:
            with self._session.begin() as session:
                session.execute(delete(RevokedToken).where(RevokedToken.expires_at < time.time()))
                session.execute(delete(RevokedToken).where(RevokedToken.jti == jti))
                session.add(RevokedToken(jti=jti, expires_at=expires_at))
        except SQLAlchemyError as error:
            raise StoreUnavailable from error

    def is_revoked(self, jti: str) -> bool:
        """See :meth:`RevokedTokens.is_revoked`."""
        try:
            with self._session() as session:
                return session.get(RevokedToken, jti) is not None
        except SQLAlchemyError as error:
            raise StoreUnavailable from error


class RedisRevokedTokens:
    """A key per token, which the server drops by itself when the token has expired.

    The server must not evict keys on its own (``maxmemory-policy noeviction``).
    """

    def __init__(self, client: Redis, prefix: str = "auth_service:revoked:") -> None:
        self._client = client
        self._prefix = prefix

    def revoke(self, jti: str, expires_at: int | None) -> None:
        """See :meth:`RevokedTokens.revoke`."""
        ttl = None if expires_at is None else max(1, math.ceil(expires_at - time.time()))
        try:
            self._client.set(self._prefix + jti, "", ex=ttl)
        except RedisError as error:
            raise StoreUnavailable from error

    def is_revoked(self, jti: str) -> bool:
        """See :meth:`RevokedTokens.is_revoked`."""
        try:
            return bool(self._client.exists(self._prefix + jti))
        except RedisError as error:
            raise StoreUnavailable from error


def connect(url: str) -> Redis:
    """A client that gives up within 2 seconds: two attempts of 1 second.

    The second attempt is for a connection that the server closed while it lay idle.
    """
    return Redis.from_url(
        url,
        socket_timeout=1,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 1),
    )
