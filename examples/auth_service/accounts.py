"""Registering, logging in, and finding a user."""

from __future__ import annotations

import unicodedata

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from .database import Database, DisabledUser, User
from .passwords import Passwords

_enabled = select(User).where(User.id.not_in(select(DisabledUser.user_id)))


class EmailTakenError(Exception):
    """The address belongs to a registered user."""


class Accounts:
    """The users of the service."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._session = database.session
        self._passwords = passwords

    def register(self, email: str, password: str) -> User:
        """Add a user.

        :raises EmailTakenError: if the address is taken. The constraint of the table decides, so
            if two users register the address at the same time, one of them gets it.
        """
        user = User(email=_normal(email), password_hash=self._passwords.hash(password))
        try:
            with self._session.begin() as session:
                session.add(user)
        except IntegrityError as error:
            raise EmailTakenError from error
        return user

    def authenticate(self, email: str, password: str) -> User | None:
        """The user; ``None`` if the address is unknown or disabled, or the password is wrong.

        Each of these takes the same time, because a password hash is computed in any case.
        """
        with self._session() as session:
            user = session.scalar(_enabled.where(User.email == _normal(email)))
        if not self._passwords.verify(password, user.password_hash if user else None):
            return None
        if user and self._passwords.needs_rehash(user.password_hash):
            self._rehash(user, password)
        return user

    def get(self, user_id: int) -> User | None:
        """The user with this primary key; ``None`` if there is none, or the user is disabled."""
        with self._session() as session:
            return session.scalar(_enabled.where(User.id == user_id))

    def disable(self, email: str) -> User | None:
        """Stop this user from logging in. The caller must end the sessions that are open.

        :return: the user; ``None`` if the address is unknown.
        """
        with self._session.begin() as session:
            user = session.scalar(select(User).where(User.email == _normal(email)))
            if user is not None and session.get(DisabledUser, user.id) is None:
                session.add(DisabledUser(user_id=user.id))
        return user

    def enable(self, email: str) -> User | None:
        """Let this user log in again.

        :return: the user; ``None`` if the address is unknown.
        """
        with self._session.begin() as session:
            user = session.scalar(select(User).where(User.email == _normal(email)))
            if user is not None:
                session.execute(delete(DisabledUser).where(DisabledUser.user_id == user.id))
        return user

    def _rehash(self, user: User, password: str) -> None:
        """Replace the hash, unless the password has been changed in the meantime."""
        new_hash = self._passwords.hash(password)
        with self._session.begin() as session:
            session.execute(
                update(User)
                .where(User.id == user.id, User.password_hash == user.password_hash)
                .values(password_hash=new_hash)
            )


def _normal(email: str) -> str:
    return unicodedata.normalize("NFC", email).lower()
