"""From a value to keys: secrets, PEM, JWK, JWKS, ``cryptography`` keys, ``Key``.

Every value that stands for keys is read here: the key options, what the ``encode_key_loader`` and
the ``decode_key_loader`` return, and the members of ``JWT_KEYS``. There are two ways to read one:

:func:`read_keys`
    for options that hold one key. The acceptable algorithms decide what a text is (a secret or a
    PEM), and one key may serve several of them.
:func:`read_timed_keys`
    for ``JWT_KEYS``. Each key says its own algorithm, and a JWK may say the moments of its life.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..callers import warn_once
from ..exceptions import InvalidKeyError, WeakSecretWarning
from ..jose.algorithms import ALGORITHMS
from ..jose.jwk import AUTO, Key, UnfitKeyError
from ..jose.jwk_members import PRIVATE_MEMBERS
from ..jose.strict_json import loads_object
from ..jose.weak_keys import AllowWeak
from .ring import KeyRing
from .schedule import TimedKey, moments_of

ADVICE: Final = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(64))'"

_MAX_DEPTH: Final = 8


@dataclass(frozen=True, slots=True)
class KeyRules:
    """Which keys are acceptable, and how they are named.

    :param algorithm: the algorithm that signs. A key that leaves a choice gets it.
    :param algorithms: all acceptable algorithms, the one that signs first.
    :param allow_weak: which keys to take, with a warning, that are weaker than RFC 7518 asks for.
    :param names_keys: name a key without a ``kid`` by its thumbprint. A secret gets no name.
    :param listed: the algorithms that a key of ``JWT_KEYS`` may have, as ``JWT_DECODE_ALGORITHMS``
        lists them; empty: any.
    :param one_kind: refuse a ring with secrets and public keys.
    :param prefix: of the options' names, for the errors.
    """

    algorithm: str
    algorithms: tuple[str, ...]
    allow_weak: AllowWeak = True
    names_keys: bool = False
    listed: tuple[str, ...] = ()
    one_kind: bool = False
    prefix: str = "JWT_"


def read_keys(value: Any, rules: KeyRules, *, must_serve: str | None = None) -> list[Key]:
    """The keys that a value stands for, one for each algorithm that it can serve.

    :param value: a text or bytes (a secret, or PEM), a JWK or JWKS (a mapping or JSON text), a
        ``cryptography`` key, a ``Key``, or several of these in a list. A JWK of no use here (for
        encryption, of another algorithm) is passed over among others, as RFC 7517 section 5 says;
        so is a ``Key`` of another algorithm. A malformed or weak secret or private key is not.
    :param rules: their algorithms, not the value, decide whether a text is a secret or a PEM. A
        secret that looks like a public key is refused.
    :param must_serve: the algorithm that one of the keys must be good for, if there is one.
    :raises InvalidKeyError: if the value can't be read, or serves none of the algorithms.
    """
    keys: list[Key] = []
    refusals: list[InvalidKeyError] = []
    for part in _parts(value):
        served, refused = _served(part, rules)
        keys += served
        refusals += refused
    if not any(must_serve in (None, key.algorithm) for key in keys):
        raise refusals[0] if refusals else InvalidKeyError("there is no key in it")
    return keys


def read_timed_keys(value: Any, rules: KeyRules) -> list[TimedKey]:
    """The keys that a value of ``JWT_KEYS`` stands for, in order, with their moments.

    :param value: as for :func:`read_keys`, but a text is a PEM or JSON, never a secret.
    :param rules: their ``algorithm`` is that of a key which leaves a choice.
    :raises InvalidKeyError: if a key can't be read or may not be used.
    """
    found = [_timed_key(part, rules) for part in _parts(value)]
    for each in found:
        each.key.refuse_weak(rules.allow_weak)
        refuse_unlisted(each.key.algorithm, rules)
    return found


def refuse_unlisted(algorithm: str, rules: KeyRules) -> None:
    """Refuse a key for ``JWT_KEYS`` whose algorithm is not listed (RFC 8725 section 3.1).

    :raises InvalidKeyError: naming the algorithm, and those that are listed.
    """
    if rules.listed and algorithm not in rules.listed:
        takes = ", ".join(rules.listed)
        raise InvalidKeyError(
            f"a key is for {algorithm}, and {rules.prefix}DECODE_ALGORITHMS lists {takes}: add it "
            "there, or take that option out, as each of these keys says its algorithm"
        )


def jwks_of(text: str, named: str) -> list[Mapping[str, Any]]:
    """The JWKs in a JSON text: a JWKS, or one JWK.

    :param named: where the text is, for the error.
    :raises InvalidKeyError: if it is neither.
    """
    try:
        found = loads_object(text.encode("utf-8", "surrogatepass"), max_depth=_MAX_DEPTH)
    except ValueError:
        raise InvalidKeyError(f"{named} is no JWKS") from None
    members = found.get("keys", [found])
    if not isinstance(members, list) or not all(isinstance(each, dict) for each in members):
        raise InvalidKeyError(f"{named} is no JWKS: its keys are a list of JWKs")
    return members


def is_pem(text: str | bytes) -> bool:
    """Whether a text has the first line of a PEM in it."""
    return ("-----BEGIN" if isinstance(text, str) else b"-----BEGIN") in text  # type: ignore[operator]  # of one type


def is_json_object(text: str | bytes) -> bool:
    """Whether a text begins as a JSON object does."""
    return text.lstrip()[:1] in ("{", b"{")


def warn_of_weak(keys: Iterable[Key], named: str) -> None:
    """Warn of the first weak key. Where weak keys are refused, none gets here."""
    for key in keys:
        if key.weakness:
            advice = f" {ADVICE}" if key.is_symmetric else ""
            message = f"{named} is weak: {key.weakness}.{advice}"
            warn_once(message, WeakSecretWarning)
            return


# ── a value, taken apart ─────────────────────────────────────────────────────────────────


def _parts(value: Any) -> Iterator[Any]:
    """The single keys in a value, still unread."""
    if isinstance(value, str | bytes):
        jwk = _json_of(value)
        value = value if jwk is None else jwk
    if isinstance(value, list | tuple | KeyRing):
        for part in value:
            yield from _parts(part)
    elif isinstance(value, Mapping) and "keys" in value:
        yield from _members(value["keys"])
    else:
        yield value


def _members(members: Any) -> Iterator[Any]:
    """The members of a JWKS."""
    if not isinstance(members, list | tuple):
        raise InvalidKeyError("a JWKS has its keys in a list")
    for member in members:
        if not isinstance(member, Mapping | Key | TimedKey):
            raise InvalidKeyError("a JWKS has JWKs in its list")
        yield member


def _json_of(text: str | bytes) -> Mapping[str, Any] | None:
    """The JWK or JWKS in a JSON text; None for any other text."""
    if not is_json_object(text):
        return None
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        found = loads_object(data, max_depth=_MAX_DEPTH)
    except ValueError:
        return None
    return found if "kty" in found or "keys" in found else None


# ── a part, read for the acceptable algorithms ───────────────────────────────────────────


def _served(part: Any, rules: KeyRules) -> tuple[list[Key], list[InvalidKeyError]]:
    """A key for each algorithm that the part serves, and an error for each other.

    :raises InvalidKeyError: if it serves none, and is nothing that may be passed over.
    """
    if isinstance(part, Key) and part.algorithm not in rules.algorithms:
        takes = ", ".join(rules.algorithms)
        message = f"it is a key for {part.algorithm}; this application takes {takes}"
        return [], [InvalidKeyError(message)]
    served, refused = [], []
    for algorithm in rules.algorithms:
        try:
            served.append(_read_key(part, algorithm, rules))
        except InvalidKeyError as error:
            refused.append(error)
    if served:
        return served, refused
    if not isinstance(part, Mapping):
        raise refused[0]  # only a JWKS may hold keys of no use here
    malformed = [error for error in refused if not isinstance(error, UnfitKeyError)]
    if malformed and _is_secret(part):
        raise malformed[0]
    return served, refused


def _is_secret(jwk: Mapping[str, Any]) -> bool:
    """Whether a JWK is our own: a secret, or a private key.

    A malformed one is a mistake in our configuration. One of another issuer's public keys is passed
    over, as RFC 7517 section 5 says.
    """
    return jwk.get("kty") == "oct" or not PRIVATE_MEMBERS.isdisjoint(jwk)


def _read_key(part: Any, algorithm: str, rules: KeyRules) -> Key:
    weak = rules.allow_weak
    if isinstance(part, Key):
        if part.algorithm != algorithm:
            raise InvalidKeyError(f"it is a key for {part.algorithm}, not for {algorithm}")
        part.refuse_weak(weak)
        return part
    # A key that came without a name is given one only where tokens name their keys.
    name: Any = AUTO if rules.names_keys else None
    if isinstance(part, Mapping):
        kid = AUTO if "kid" in part else name
        return Key.from_jwk(part, algorithm, kid=kid, allow_weak=weak)
    if ALGORITHMS[algorithm].is_symmetric:
        return Key.from_secret(part, algorithm, allow_weak=weak)
    if isinstance(part, str | bytes):
        return Key.from_pem(part, algorithm, kid=name, allow_weak=weak)
    return Key.from_cryptography(part, algorithm, kid=name, allow_weak=weak)


# ── a part, read for the algorithm that it says itself ───────────────────────────────────


def _timed_key(part: Any, rules: KeyRules) -> TimedKey:
    if isinstance(part, TimedKey):
        return part
    if isinstance(part, Mapping):
        key = Key.from_jwk(part, _algorithm_of(part, rules), allow_weak=rules.allow_weak)
        return TimedKey(key, *moments_of(part))
    return TimedKey(part if isinstance(part, Key) else _plain_key(part, rules))


def _algorithm_of(jwk: Mapping[str, Any], rules: KeyRules) -> str | None:
    """The algorithm for a JWK that leaves a choice; None for one that doesn't."""
    fits = ALGORITHMS[rules.algorithm].kty == jwk.get("kty")
    return rules.algorithm if "alg" not in jwk and fits and jwk.get("kty") != "EC" else None


def _plain_key(part: Any, rules: KeyRules) -> Key:
    make: Callable[..., Key] = Key.from_cryptography
    if isinstance(part, str | bytes):
        if not is_pem(part):
            raise InvalidKeyError(
                "a text is a PEM or a JWK here; a secret is Key.from_secret(...) or a JWK of kty "
                "oct"
            )
        make = Key.from_pem
    try:
        return make(part, None, allow_weak=rules.allow_weak)
    except InvalidKeyError:  # RSA, say, leaves a choice of algorithms
        return make(part, rules.algorithm, allow_weak=rules.allow_weak)
