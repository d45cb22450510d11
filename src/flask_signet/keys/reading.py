"""From the key options to a key ring: secrets, PEM, JWK, JWKS, ``cryptography`` keys, ``Key``.

``JWT_SECRET_KEY`` and ``JWT_SECRET_KEY_FALLBACKS`` (or Flask's two), ``JWT_PRIVATE_KEY``,
``JWT_PUBLIC_KEY``, and what the ``encode_key_loader`` and ``decode_key_loader`` return: all are
read here, and by the same rules.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flask import current_app

from ..exceptions import ConfigurationError, InvalidKeyError, WeakSecretWarning
from ..jose.algorithms import ALGORITHMS
from ..jose.jwk import AUTO, Key
from ..jose.strict_json import loads_object
from ..options.checks import fallbacks
from ..options.table import Settings
from .ring import KeyRing

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
        named = f"{prefix}SECRET_KEY"
        return builder.symmetric(named, settings.secret_key, settings.secret_key_fallbacks)
    if not flask_secret:
        raise missing_secret(settings.algorithm, prefix)
    try:
        flask_fallbacks = fallbacks(flask_fallbacks)
    except ValueError as error:
        raise ConfigurationError(f"SECRET_KEY_FALLBACKS takes {error}") from None
    older = (*settings.secret_key_fallbacks, *flask_fallbacks)
    return builder.symmetric("SECRET_KEY", flask_secret, older)


class _RingBuilder:
    def __init__(self, settings: Settings, prefix: str) -> None:
        self.settings = settings
        self.prefix = prefix
        symmetric = ALGORITHMS[settings.algorithm].is_symmetric
        # The signing algorithm first. One of the other kind is matched by no key: HS algorithms
        # and the others never share a set that a token's `alg` chooses from.
        names = dict.fromkeys((settings.algorithm, *settings.decode_algorithms))
        self.algorithms = [
            name
            for name in names
            if name in ALGORITHMS and ALGORITHMS[name].is_symmetric == symmetric
        ]

    def symmetric(self, option: str, secret: Any, older: Iterable[Any]) -> KeyRing:
        keys = self._keys(option, secret, must_sign=True)
        for index, fallback in enumerate(older):
            keys += self._keys(f"{option}_FALLBACKS[{index}]", fallback)
        return self._ring(option, _without_twins(keys))

    def asymmetric(self) -> KeyRing:
        private, public = f"{self.prefix}PRIVATE_KEY", f"{self.prefix}PUBLIC_KEY"
        signing: list[Key] = []
        if self.settings.private_key:
            signing = self._keys(private, self.settings.private_key, must_sign=True)
        if not self.settings.public_key:
            if not signing:
                raise missing_key(public, self.settings.algorithm)
            return self._ring(private, signing)
        # What JWT_PUBLIC_KEY says is all that verifies, as in Flask-JWT-Extended. A private key
        # whose other half is among it takes its name; any other signs only.
        verifying = self._keys(public, self.settings.public_key)
        names = {(key.algorithm, key.thumbprint()): key.kid for key in verifying}
        twins = [
            key.renamed(names[key.algorithm, key.thumbprint()])
            for key in signing
            if (key.algorithm, key.thumbprint()) in names
        ]
        if signing and not twins:
            return self._ring(public, verifying, signing_key=signing[0])
        return self._ring(public, _without_twins([*twins, *verifying]))

    def _ring(self, option: str, keys: list[Key], **others: Key) -> KeyRing:
        try:
            return KeyRing(*keys, **others)
        except InvalidKeyError as error:
            raise ConfigurationError(f"{option}: {error}") from None

    def _keys(self, option: str, value: Any, *, must_sign: bool = False) -> list[Key]:
        must = self.settings.algorithm if must_sign else None
        try:
            keys = read_keys(value, self.algorithms, self.settings, must_serve=must)
        except InvalidKeyError as error:
            raise ConfigurationError(f"{option}: {error}") from None
        warn_of_weak(keys, option)
        return keys


def warn_of_weak(keys: Iterable[Key], named: str) -> None:
    """Warn of the first weak key among them; where they are refused, they don't come here."""
    for key in keys:
        if key.weakness:
            advice = f" {ADVICE}" if key.is_symmetric else ""
            message = f"{named} is weak: {key.weakness}.{advice}"
            warnings.warn(message, WeakSecretWarning, stacklevel=2)
            return


def _without_twins(keys: Iterable[Key]) -> list[Key]:
    """The keys in order, each once: a private key also stands for its public half."""
    seen: dict[tuple[str, str], Key] = {}
    for key in keys:
        seen.setdefault((key.algorithm, key.thumbprint()), key)
    return list(seen.values())


# ── one value, as keys ───────────────────────────────────────────────────────────────────


def read_keys(
    value: Any,
    algorithms: Sequence[str],
    settings: Settings,
    *,
    must_serve: str | None = None,
) -> list[Key]:
    """The keys that a value stands for, one for each algorithm that it can serve.

    :param value: a text or bytes (a secret, or PEM), a JWK or JWKS (a mapping or JSON text), a
        ``cryptography`` key, a ``Key``, or several of these in a list. A JWK of no use here (for
        encryption, of another algorithm) is passed over among others, as RFC 7517 section 5 says;
        so is a ``Key`` of another algorithm.
    :param algorithms: the acceptable ones. They, not the value, decide whether a text is a
        secret or a PEM; and a secret that looks like a public key is refused.
    :param must_serve: the algorithm that it must be good for, if there is one.
    :raises InvalidKeyError: if it can't be read, or serves none of them.
    """
    parts = list(_parts(value))
    keys: list[Key] = []
    refusals: list[InvalidKeyError] = []
    for part in parts:
        if isinstance(part, Key) and part.algorithm not in algorithms:
            takes = ", ".join(algorithms)
            message = f"it is a key for {part.algorithm}; this application takes {takes}"
            refusals.append(InvalidKeyError(message))
            continue
        served = []
        for algorithm in algorithms:
            try:
                served.append(_read_key(part, algorithm, settings))
            except InvalidKeyError as error:
                if len(parts) == 1 and algorithm == must_serve:
                    raise
                refusals.append(error)
        if not served and not isinstance(part, Mapping):
            raise refusals[-len(algorithms)]  # only a JWKS may hold what we can't use
        keys += served
    if not any(must_serve in (None, key.algorithm) for key in keys):
        raise refusals[0] if refusals else InvalidKeyError("there is no key in it")
    return keys


def _parts(value: Any) -> Iterator[Any]:
    """The single keys in a value, still unread."""
    if isinstance(value, str | bytes):
        jwk = _json_of(value)
        value = value if jwk is None else jwk
    if isinstance(value, list | tuple | KeyRing):
        for part in value:
            yield from _parts(part)
    elif isinstance(value, Mapping) and "keys" in value:
        members = value["keys"]
        if not isinstance(members, list | tuple):
            raise InvalidKeyError("a JWKS has its keys in a list")
        for member in members:
            if not isinstance(member, Mapping):
                raise InvalidKeyError("a JWKS has JWKs in its list")
            yield member
    else:
        yield value


def _json_of(text: str | bytes) -> Mapping[str, Any] | None:
    """The JWK or JWKS in a JSON text; None for any other text."""
    if text.lstrip()[:1] not in ("{", b"{"):
        return None
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        found = loads_object(data, max_depth=8)
    except ValueError:
        return None
    return found if "kty" in found or "keys" in found else None


def _read_key(part: Any, algorithm: str, settings: Settings) -> Key:
    weak = settings.allow_weak_keys
    if isinstance(part, Key):
        if part.algorithm != algorithm:
            raise InvalidKeyError(f"it is a key for {part.algorithm}, not for {algorithm}")
        if part.weakness and not weak:
            raise InvalidKeyError(f"weak key: {part.weakness}")
        return part
    # A key that came without a name is given one only where tokens name their keys.
    name: Any = AUTO if settings.encode_kid else None
    if isinstance(part, Mapping):
        kid = AUTO if "kid" in part else name
        return Key.from_jwk(part, algorithm, kid=kid, allow_weak=weak)
    if ALGORITHMS[algorithm].is_symmetric:
        return Key.from_secret(part, algorithm, allow_weak=weak)
    if isinstance(part, str | bytes):
        return Key.from_pem(part, algorithm, kid=name, allow_weak=weak)
    return Key.from_cryptography(part, algorithm, kid=name, allow_weak=weak)
