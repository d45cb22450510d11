"""From the key options to a key ring: secrets, PEM, JWK, JWKS, ``cryptography`` keys, ``Key``.

``JWT_SECRET_KEY`` and ``JWT_SECRET_KEY_FALLBACKS`` (or Flask's two), ``JWT_PRIVATE_KEY``,
``JWT_PUBLIC_KEY``, and what the ``encode_key_loader`` and ``decode_key_loader`` return: all are
read here, and by the same rules.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from flask import current_app

from .config import Settings
from .exceptions import ConfigurationError, InvalidKeyError, WeakSecretWarning
from .jose.algorithms import ALGORITHMS
from .jose.jwk import AUTO, Key
from .jose.strict_json import loads_object
from .tokens.keyring import KeyRing

ADVICE = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(64))'"


def missing_secret(algorithm: str, prefix: str) -> ConfigurationError:
    """The error of an application without a secret: how to make one."""
    flask_too = " or flask SECRET_KEY" if prefix == "JWT_" else ""
    error = ConfigurationError(
        f'{prefix}SECRET_KEY{flask_too} must be set when using symmetric algorithm "{algorithm}"'
    )
    # A note, which tracebacks show: the message is the one that applications' tests compare.
    error.add_note(ADVICE)
    return error


def missing_key(option: str, algorithm: str) -> ConfigurationError:
    """The error of an application without the key that its algorithm needs."""
    return ConfigurationError(
        f'{option} must be set to use asymmetric cryptography algorithm "{algorithm}"'
    )


def raw_secret() -> Any:
    """``JWT_SECRET_KEY`` as it was written, or Flask's ``SECRET_KEY``."""
    return current_app.config["JWT_SECRET_KEY"] or current_app.config.get("SECRET_KEY")


def build_ring(settings: Settings, prefix: str, flask_secret: Any, flask_fallbacks: Any) -> KeyRing:
    """The ring of an application's options: the first key signs.

    :param flask_secret: Flask's ``SECRET_KEY``, for the unnamed manager; else None.
    :param flask_fallbacks: Flask's ``SECRET_KEY_FALLBACKS``, which go with it.
    :raises ConfigurationError: naming the option whose key is missing or can't be used.
    """
    builder = _RingBuilder(settings, prefix)
    if settings.is_asymmetric:
        return builder.asymmetric()
    if settings.secret_key:
        return builder.symmetric("SECRET_KEY", settings.secret_key, settings.secret_key_fallbacks)
    if not flask_secret:
        raise missing_secret(settings.algorithm, prefix)
    fallbacks = (*settings.secret_key_fallbacks, *(flask_fallbacks or ()))
    return builder.symmetric(None, flask_secret, fallbacks)


class _RingBuilder:
    def __init__(self, settings: Settings, prefix: str) -> None:
        self.settings = settings
        self.prefix = prefix
        family = ALGORITHMS[settings.algorithm].family
        # The signing algorithm first. One of another family is matched by no key: HS algorithms
        # and the others never share a set that a token's `alg` chooses from.
        names = (settings.algorithm, *settings.decode_algorithms)
        self.algorithms = [
            name
            for name in dict.fromkeys(names)
            if name in ALGORITHMS and (ALGORITHMS[name].is_symmetric == (family == "HMAC"))
        ]

    def symmetric(self, option: str | None, secret: Any, fallbacks: Iterable[Any]) -> KeyRing:
        named = "SECRET_KEY" if option is None else f"{self.prefix}{option}"
        keys = list(self._keys(named, secret))
        for index, fallback in enumerate(fallbacks):
            keys += self._keys(f"{named}_FALLBACKS[{index}]", fallback)
        return self._ring(named, _without_twins(keys))

    def asymmetric(self) -> KeyRing:
        settings, private, public = (
            self.settings,
            f"{self.prefix}PRIVATE_KEY",
            f"{self.prefix}PUBLIC_KEY",
        )
        keys: list[Key] = []
        if settings.private_key:
            keys += self._keys(private, settings.private_key)
        if settings.public_key:
            # What JWT_PUBLIC_KEY says is all that verifies, as in Flask-JWT-Extended; the
            # private key stays for signing, where it is its other half it verifies too.
            verifying = self._keys(public, settings.public_key)
            prints = {(key.algorithm, key.thumbprint()) for key in verifying}
            for key in keys:
                if key.can_sign and (key.algorithm, key.thumbprint()) not in prints:
                    return _SplitRing(keys, verifying)
            keys = _without_twins([*keys, *verifying])
        if not keys:
            raise missing_key(public, settings.algorithm)
        return self._ring(private, keys)

    def _ring(self, option: str, keys: list[Key]) -> KeyRing:
        try:
            return KeyRing(*keys)
        except InvalidKeyError as error:
            raise ConfigurationError(f"{option}: {error}") from None

    def _keys(self, option: str, value: Any) -> list[Key]:
        try:
            keys = read_keys(value, self.algorithms, self.settings)
        except InvalidKeyError as error:
            raise ConfigurationError(f"{option}: {error}") from None
        for key in keys:
            if key.weakness and key.algorithm == self.settings.algorithm:
                message = f"{option} is weak: {key.weakness}. {ADVICE}"
                warnings.warn(message, WeakSecretWarning, stacklevel=2)
        return keys


class _SplitRing(KeyRing):
    """Signs with one key and verifies with others, where the options say just that."""

    __slots__ = ()

    def __init__(self, signing: list[Key], verifying: list[Key]) -> None:
        super().__init__(*verifying)
        self.signing_key = next((key for key in signing if key.can_sign), None)


def _without_twins(keys: Iterable[Key]) -> list[Key]:
    """The keys in order, each once: a private key also stands for its public half."""
    seen: dict[tuple[str, str], Key] = {}
    for key in keys:
        seen.setdefault((key.algorithm, key.thumbprint()), key)
    return list(seen.values())


def read_keys(value: Any, algorithms: list[str], settings: Settings) -> list[Key]:
    """The keys that a value stands for, one for each algorithm that it can serve.

    :param value: a text or bytes (a secret, or PEM), a JWK or JWKS (a mapping or JSON text), a
        ``cryptography`` key, a ``Key``, or several of these in a list.
    :param algorithms: the acceptable ones. They, not the value, decide whether a text is a
        secret or a PEM; and a secret that looks like a public key is refused.
    :raises InvalidKeyError: if it can't be read, or serves none of them.
    """
    if isinstance(value, Key):
        if value.algorithm not in algorithms:
            raise InvalidKeyError(
                f"it is a key for {value.algorithm}; this application takes {', '.join(algorithms)}"
            )
        if value.weakness and not settings.allow_weak_keys:
            raise InvalidKeyError(f"weak key: {value.weakness}")
        return [value]
    if isinstance(value, list | tuple):
        return [key for part in value for key in read_keys(part, algorithms, settings)]
    if isinstance(value, Mapping):
        return _read_jwk(value, algorithms, settings)
    kid: Any = AUTO if settings.encode_kid else None
    weak = settings.allow_weak_keys
    keys: list[Key] = []
    reason = InvalidKeyError("no algorithm fits it")
    for algorithm in algorithms:
        try:
            if ALGORITHMS[algorithm].is_symmetric:
                keys.append(Key.from_secret(value, algorithm, allow_weak=weak))
            elif isinstance(value, str | bytes):
                if _is_json(value):
                    return _read_jwk(_json(value), algorithms, settings)
                keys.append(Key.from_pem(value, algorithm, kid=kid, allow_weak=weak))
            else:
                keys.append(Key.from_cryptography(value, algorithm, kid=kid, allow_weak=weak))
        except InvalidKeyError as error:
            if algorithm == algorithms[0]:
                # The algorithm that signs, or that the token says: its complaint is the one to
                # hear. Another may ask for more than this key has, and is then not served.
                raise
            reason = error
    if not keys:
        raise reason
    return keys


def _read_jwk(jwk: Mapping[str, Any], algorithms: list[str], settings: Settings) -> list[Key]:
    if "keys" in jwk:
        members = jwk["keys"]
        if not isinstance(members, list) or not members:
            raise InvalidKeyError("a JWKS has its keys in a list that is not empty")
        return [key for member in members for key in _read_jwk(member, algorithms, settings)]
    stated = jwk.get("alg") if isinstance(jwk, Mapping) else None
    names = [stated] if stated is not None else algorithms
    keys = []
    for name in names:
        if name not in algorithms:
            raise InvalidKeyError(f"the JWK's alg is none of {', '.join(algorithms)}")
        try:
            keys.append(
                Key.from_jwk(
                    jwk, name, kid=_jwk_kid(jwk, settings), allow_weak=settings.allow_weak_keys
                )
            )
        except InvalidKeyError:
            if name == names[0]:
                raise
    if len(keys) > 1 and keys[0].kid is not None:
        return keys[:1]  # a name is one key's, and a key has one algorithm
    return keys


def _jwk_kid(jwk: Mapping[str, Any], settings: Settings) -> Any:
    """A JWK's own name is kept; one without is named only where tokens name their keys."""
    return AUTO if settings.encode_kid or "kid" in jwk else None


def _is_json(value: str | bytes) -> bool:
    return value.lstrip()[:1] in ("{", b"{")


def _json(value: str | bytes) -> Mapping[str, Any]:
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    try:
        return loads_object(data, max_depth=8)
    except ValueError:
        raise InvalidKeyError("it looks like a JWK, but is not JSON") from None
