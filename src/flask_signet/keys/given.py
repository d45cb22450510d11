"""Keys that the options name one by one: a secret, or a private and a public key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from ..exceptions import ConfigurationError, InvalidKeyError
from ..jose.jwk import AUTO, Key, KeyName
from .published import each_once
from .reading import ADVICE, KeyRules, read_keys, warn_of_weak
from .ring import KeyRing


def missing_secret(algorithm: str, prefix: str) -> ConfigurationError:
    """The error of an application without a secret. Its note says how to make one."""
    flask_too = " or flask SECRET_KEY" if prefix == "JWT_" else ""
    error = ConfigurationError(
        f'{prefix}SECRET_KEY{flask_too} must be set when using symmetric algorithm "{algorithm}"'
    )
    # A note, which tracebacks show: applications' tests compare the message.
    error.add_note(ADVICE)
    return error


def missing_key(option: str, algorithm: str) -> ConfigurationError:
    """The error of an application without the key that its algorithm needs."""
    return ConfigurationError(
        f'{option} must be set to use asymmetric cryptography algorithm "{algorithm}"'
    )


def fallbacks(value: Any) -> tuple[Any, ...]:
    """Secrets that were in use before, as a tuple.

    :raises ValueError: for anything but None or a list. A text is refused above all: each of its
        letters would be a secret.
    """
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError("None or a list of secrets that were in use before")


class GivenKeys(ABC):
    """Keys in the options. The ring is built at its first use: a secret may come after init_app.

    :param prefix: of the options' names, for the errors.
    """

    def __init__(self, rules: KeyRules, prefix: str) -> None:
        self._rules = rules
        self._prefix = prefix
        self._ring: KeyRing | None = None

    @property
    @abstractmethod
    def are_given(self) -> bool:
        """Whether the options name any key."""

    def ring(self) -> KeyRing:
        """The keys.

        :raises ConfigurationError: naming the option whose key is missing or can't be used.
        """
        ring = self._ring
        if ring is None:
            self._ring = ring = self._build()
        return ring

    @abstractmethod
    def _build(self) -> KeyRing: ...

    def signing_key(self) -> Key:
        """The key that signs.

        :raises ConfigurationError: if there is none.
        """
        signing = self.ring().signing_key
        if signing is None:
            raise ConfigurationError(f"{self._prefix}PRIVATE_KEY is a public key: it can't sign")
        return signing

    def published(self, now: float) -> list[dict[str, Any]]:
        """The public JWKs of the keys that verify, each once; none of a secret."""
        if not self.are_given:
            return []
        return each_once(key.to_public_jwk() for key in self.ring() if not key.is_symmetric)

    def _read(self, option: str, value: Any, *, must_sign: bool = False) -> list[Key]:
        must = self._rules.algorithm if must_sign else None
        try:
            keys = read_keys(value, self._rules, must_serve=must)
        except InvalidKeyError as error:
            raise ConfigurationError(f"{option}: {error}") from None
        warn_of_weak(keys, option)
        return keys


class GivenSecrets(GivenKeys):
    """A secret that signs, and the secrets that it replaced.

    :param secret: ``JWT_SECRET_KEY``.
    :param older: ``JWT_SECRET_KEY_FALLBACKS``.
    :param flask_keys: Flask's ``SECRET_KEY``, which signs where the first is not set, and its
        ``SECRET_KEY_FALLBACKS``, which go with it.
    """

    def __init__(
        self,
        rules: KeyRules,
        prefix: str,
        secret: Any,
        older: tuple[Any, ...],
        flask_keys: tuple[Any, Any] = (None, None),
    ) -> None:
        super().__init__(rules, prefix)
        self._secret = secret
        self._older = older
        self._flask_secret, self._flask_older = flask_keys

    @property
    def are_given(self) -> bool:
        """Whether there is a secret."""
        return bool(self._secret or self._flask_secret)

    def _build(self) -> KeyRing:
        if self._secret:
            return self._ring_of(f"{self._prefix}SECRET_KEY", self._secret, self._older)
        if not self._flask_secret:
            raise missing_secret(self._rules.algorithm, self._prefix)
        try:
            flask_older = fallbacks(self._flask_older)
        except ValueError as error:
            raise ConfigurationError(f"SECRET_KEY_FALLBACKS takes {error}") from None
        return self._ring_of("SECRET_KEY", self._flask_secret, (*self._older, *flask_older))

    def _ring_of(self, option: str, secret: Any, older: tuple[Any, ...]) -> KeyRing:
        keys = self._read(option, secret, must_sign=True)
        for index, fallback in enumerate(older):
            keys += self._read(f"{option}_FALLBACKS[{index}]", fallback)
        return _ring_of(option, _without_twins(keys))


class GivenPair(GivenKeys):
    """A private key that signs, and the public keys that verify.

    :param private: ``JWT_PRIVATE_KEY``.
    :param public: ``JWT_PUBLIC_KEY``: a key or a JWKS. All that it says verifies, and nothing
        else, as in Flask-JWT-Extended. Without it, the private key's other half verifies.
    """

    def __init__(self, rules: KeyRules, prefix: str, private: Any, public: Any) -> None:
        super().__init__(rules, prefix)
        self._private = private
        self._public = public

    @property
    def are_given(self) -> bool:
        """Whether there is a private key or a public one."""
        return bool(self._private or self._public)

    def signing_key(self) -> Key:
        """The private key.

        :raises ConfigurationError: if it is missing or can't be used.
        """
        if not self._private:
            raise missing_key(f"{self._prefix}PRIVATE_KEY", self._rules.algorithm)
        return super().signing_key()

    def _build(self) -> KeyRing:
        private, public = f"{self._prefix}PRIVATE_KEY", f"{self._prefix}PUBLIC_KEY"
        signing = self._read(private, self._private, must_sign=True) if self._private else []
        if not self._public:
            if not signing:
                raise missing_key(public, self._rules.algorithm)
            return _ring_of(private, signing)
        # A private key whose other half is among the public keys takes that key's name. Any other
        # private key signs only.
        verifying = self._read(public, self._public)
        names = {_identity(key): _name_of(key) for key in verifying}
        twins = [key.renamed(names[_identity(key)]) for key in signing if _identity(key) in names]
        if signing and not twins:
            return _ring_of(public, verifying, signing_key=signing[0])
        return _ring_of(public, _without_twins([*twins, *verifying]))


def _ring_of(option: str, keys: list[Key], signing_key: Key | None = None) -> KeyRing:
    try:
        return KeyRing(*keys, signing_key=signing_key)
    except InvalidKeyError as error:
        raise ConfigurationError(f"{option}: {error}") from None


def _without_twins(keys: Iterable[Key]) -> list[Key]:
    """The keys in order, each once: a private key also stands for its public half."""
    seen: dict[tuple[str, str], Key] = {}
    for key in keys:
        seen.setdefault(_identity(key), key)
    return list(seen.values())


def _name_of(key: Key) -> str | KeyName | None:
    """The name that a key was given, or the way in which it gets one."""
    return key.kid if key.is_named or key.kid is None else AUTO


def _identity(key: Key) -> tuple[str, str]:
    """Equal for a private key and its public half."""
    return key.algorithm, key.thumbprint()
