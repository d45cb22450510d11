"""Keys: one key, one algorithm, never printed (RFC 7517).

A :class:`Key` is made from a secret, PEM, DER, a JWK, a ``cryptography`` object, or generated.
Every way ends in the same checks, so a key that exists is a key that may be used. Nobody can pass
bytes and a list of algorithms and let a token choose between them: in many libraries, this made
a public key an HMAC secret (CVE-2015-9235, CVE-2022-29217, CVE-2024-33663).

How the forms of a key are read is in :mod:`.pem` and :mod:`.jwk_members`; how a key of another
kind is found in a secret, in :mod:`.disguises`.
"""

from __future__ import annotations

import enum
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ..exceptions import InvalidKeyError
from . import jwk_members
from .algorithms import ALGORITHMS, Algorithm, Sign, Verify, algorithm_of_key, get_algorithm
from .disguises import disguise
from .pem import read_der, read_pem
from .weak_keys import AllowWeak, Weakness, why_refused

MAX_KID_LENGTH: Final = 256
"""The most characters of a ``kid``."""

_KID: Final = re.compile(r"[\x20-\x7e]{1,256}")
_EC_ALGORITHMS: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_OPERATIONS: Final = {"sign", "verify"}


class UnfitKeyError(InvalidKeyError):
    """A key that may be sound, and is for another algorithm or another purpose."""


class KeyName(enum.Enum):
    """How a key gets its ``kid`` if the caller gives none."""

    AUTO = "auto"
    """The ``kid`` of the JWK; else the RFC 7638 thumbprint; for a secret, none."""


AUTO: Final = KeyName.AUTO


class Key:
    """A key for signatures, bound to one algorithm.

    ``algorithm`` is the name of its algorithm (``alg``), ``kid`` the key's name or None,
    ``can_sign`` whether it can sign, ``is_symmetric`` whether it is a secret. ``is_named`` says
    whether the ``kid`` was given, by a JWK, by the caller or by :meth:`generate`; else it is the
    thumbprint or None, and whoever signs with the key may call it otherwise. ``weakness`` is None,
    or says why the key is weak: an HMAC secret shorter than its hash (RFC 7518 section 3.2), a
    guessable one, an RSA key of fewer than 2048 bits (section 3.3). A weak key is made only with
    ``allow_weak``: ``"short"``, ``"guessable"``, or True for both.

    The class methods make keys. A key does not change, and it does not print, pickle or compare
    its contents.
    """

    __slots__ = (
        "_private",
        "_public",
        "_sign",
        "_verify",
        "_weaknesses",
        "algorithm",
        "can_sign",
        "is_named",
        "kid",
    )

    _private: Any
    _public: Any
    _sign: Sign | None
    _verify: Verify
    algorithm: str
    kid: str | None
    is_named: bool
    can_sign: bool
    _weaknesses: tuple[Weakness, ...]

    def __init__(self) -> None:
        raise TypeError("make a Key with from_secret, from_pem, from_der, from_jwk or generate")

    @classmethod
    def _make(
        cls,
        algorithm: Algorithm,
        public: Any,
        private: Any,
        kid: str | KeyName | None,
        allow_weak: AllowWeak,
    ) -> Self:
        reason = algorithm.check(public)
        if reason:
            raise UnfitKeyError(f"this key can't be used with {algorithm.name}: {reason}")
        weaknesses = algorithm.weaknesses(public)
        refused = why_refused(weaknesses, allow_weak)
        if refused:
            raise InvalidKeyError(refused)
        is_named = kid is not AUTO and kid is not None
        if kid is AUTO:
            kid = jwk_members.thumbprint(algorithm, public)
        if kid is not None and not (isinstance(kid, str) and _KID.fullmatch(kid)):
            raise InvalidKeyError(
                f"a kid is 1 to {MAX_KID_LENGTH} printable ASCII characters (RFC 7517 section 4.5)"
            )
        key = object.__new__(cls)
        key._set(
            algorithm=algorithm.name,
            kid=kid,
            is_named=is_named,
            _weaknesses=weaknesses,
            can_sign=private is not None,
            _public=public,
            _private=private,
            _verify=algorithm.bind_verify(public),
            _sign=None if private is None else algorithm.bind_sign(private),
        )
        return key

    def _set(self, **attributes: Any) -> None:
        """Set attributes of a key that is being made; nothing else may."""
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    # ── where keys come from ─────────────────────────────────────────────────────────────

    @classmethod
    def generate(cls, algorithm: str, *, kid: str | KeyName | None = AUTO) -> Self:
        """A new key pair; for HMAC, a new secret as long as the hash.

        :param kid: the key's name; by default the RFC 7638 thumbprint, for a secret a random name.
        :raises InvalidKeyError: if there is no such algorithm.
        """
        entry = get_algorithm(algorithm)
        private = entry.generate()
        if entry.is_symmetric:
            # A thumbprint would publish a hash of the secret (RFC 7638 section 7).
            name = secrets.token_urlsafe(16) if kid is AUTO else kid
            return cls._make(entry, private, private, name, allow_weak=False)
        key = cls._make(entry, private.public_key(), private, kid, allow_weak=False)
        key._set(is_named=key.kid is not None)  # nobody knows the new key by another name
        return key

    @classmethod
    def from_secret(
        cls,
        secret: str | bytes,
        algorithm: str = "HS256",
        *,
        kid: str | None = None,
        allow_weak: AllowWeak = False,
    ) -> Self:
        """An HMAC key from a shared secret; a text stands for its bytes in UTF-8.

        :param allow_weak: take a secret that is ``"short"``, one that is ``"guessable"`` (it looks
            like a placeholder, or has few different characters), or with True either.
        :raises InvalidKeyError: if the secret is empty or weak, or if it holds a key of another
            kind: a PEM, DER, SSH key or JWK is never an HMAC secret.
        """
        entry = get_algorithm(algorithm)
        if not entry.is_symmetric:
            raise InvalidKeyError(f"{algorithm} needs a key pair, not a shared secret")
        if isinstance(secret, str):
            secret = secret.encode("utf-8", "surrogatepass")
        if not isinstance(secret, bytes) or not secret:
            raise InvalidKeyError("an HMAC secret is a non-empty text or some bytes")
        kind = disguise(secret)
        if kind:
            raise InvalidKeyError(
                f"this HMAC secret is {kind}: load it as a key of its own kind instead"
            )
        return cls._make(entry, secret, secret, kid, allow_weak)

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        algorithm: str | None = None,
        *,
        password: str | bytes | None = None,
        kid: str | KeyName | None = AUTO,
        allow_weak: AllowWeak = False,
    ) -> Self:
        """A key from PEM: private (PKCS #8, PKCS #1, SEC 1), public, or a certificate.

        The one-line form of an SSH public key is read too.

        :param algorithm: required for RSA, Ed25519 and Ed448. An elliptic curve has one
            algorithm, and so has ML-DSA.
        :raises InvalidKeyError: if it can't be read or may not be used.
        """
        found = read_pem(pem, password)
        return cls.from_cryptography(found, algorithm, kid=kid, allow_weak=allow_weak)

    @classmethod
    def from_der(
        cls,
        der: bytes,
        algorithm: str | None = None,
        *,
        password: str | bytes | None = None,
        kid: str | KeyName | None = AUTO,
        allow_weak: AllowWeak = False,
    ) -> Self:
        """A key from DER: private (PKCS #8), public (SubjectPublicKeyInfo) or a certificate.

        :raises InvalidKeyError: if it can't be read or may not be used.
        """
        found = read_der(der, password)
        return cls.from_cryptography(found, algorithm, kid=kid, allow_weak=allow_weak)

    @classmethod
    def from_cryptography(
        cls,
        key: Any,
        algorithm: str | None = None,
        *,
        kid: str | KeyName | None = AUTO,
        allow_weak: AllowWeak = False,
    ) -> Self:
        """A key from a private or public key object, or a certificate, of ``cryptography``.

        :raises InvalidKeyError: if it may not be used with this algorithm.
        """
        if isinstance(key, x509.Certificate):
            key = key.public_key()
        entry = get_algorithm(algorithm) if algorithm is not None else algorithm_of_key(key)
        if entry.is_symmetric:
            raise InvalidKeyError(f"{entry.name} needs a shared secret, not a key pair")
        if not hasattr(key, "public_key"):
            return cls._make(entry, key, None, kid, allow_weak)
        public = key.public_key()
        if isinstance(public, rsa.RSAPublicKey) and public.public_numbers().e < 65537:
            raise InvalidKeyError("an RSA key that signs needs a public exponent of 65537 or more")
        return cls._make(entry, public, key, kid, allow_weak)

    @classmethod
    def from_jwk(
        cls,
        jwk: Mapping[str, Any] | str | bytes,
        algorithm: str | None = None,
        *,
        kid: str | KeyName | None = AUTO,
        allow_weak: AllowWeak = False,
    ) -> Self:
        """A key from a JWK (RFC 7517), as a mapping or as JSON text.

        ``alg``, ``use`` and ``key_ops`` are obeyed: a key for encryption is refused, and a key
        whose ``key_ops`` don't have ``sign`` does not sign.

        :param algorithm: for a JWK without ``alg``; if both are given, they must agree.
        :param kid: by default the ``kid`` of the JWK, else the thumbprint; for a secret, none.
        :raises InvalidKeyError: if the JWK is malformed or may not be used.
        """
        jwk = jwk_members.as_mapping(jwk)
        entry = _stated_algorithm(jwk, algorithm)
        may_sign = _may_sign(jwk)
        if kid is AUTO and jwk.get("kid") is not None:
            kid = jwk["kid"]
        if entry.is_symmetric:
            kid = None if kid is AUTO else kid
            secret = jwk_members.read_octets(jwk, "k")
            key = cls.from_secret(secret, entry.name, kid=kid, allow_weak=allow_weak)
            return key if may_sign else key._verifying_only()
        public, private = jwk_members.read_pair(jwk, entry)
        if private is None:
            _check_may_verify(jwk)
        found = private if private is not None and may_sign else public
        return cls.from_cryptography(found, entry.name, kid=kid, allow_weak=allow_weak)

    @classmethod
    def from_signer(cls, public: Key, sign: Sign) -> Self:
        """A key whose private half stays in another place and signs there: a KMS, HSM or agent.

        Each signature is verified before it is used. A signer that has another key, or returns
        another form, is an error here, not a token that every reader refuses.

        :param public: the public half; the new key has its ``kid`` and its algorithm.
        :param sign: gets the bytes to sign and returns the signature in the form that JWS uses
            (ECDSA: ``R || S``, not DER; RFC 7518 section 3.4).
        :raises InvalidKeyError: if ``public`` is a secret; when it signs, if the signature does
            not fit.
        """
        entry = ALGORITHMS[public.algorithm]
        if public.is_symmetric:
            raise InvalidKeyError("a secret has no half that could be elsewhere")
        key = cls._make(entry, public._public, None, public.kid, allow_weak=True)
        key._set(is_named=public.is_named)

        def checked(data: bytes) -> bytes:
            signature = sign(data)
            if not isinstance(signature, bytes) or not key.verify(data, signature):
                raise InvalidKeyError(
                    f"the signer of the key {key.kid!r} returned no {entry.name} signature of it: "
                    "is it the same key, and the signature in the form of JWS?"
                )
            return signature

        key._set(_sign=checked, can_sign=True)
        return key

    # ── what a key does ──────────────────────────────────────────────────────────────────

    @property
    def is_symmetric(self) -> bool:
        """Whether the key is a secret, so that each holder can sign as well as verify."""
        return isinstance(self._public, bytes)

    @property
    def family(self) -> str:
        """The family of its algorithm; a key set searched by ``alg`` has keys of one family."""
        return ALGORITHMS[self.algorithm].family

    @property
    def weakness(self) -> str | None:
        """Why the key is weak, in words that don't quote it; None if it is strong."""
        return "; ".join(reason for _, reason in self._weaknesses) or None

    def refuse_weak(self, allow_weak: AllowWeak) -> None:
        """Refuse this key where weak keys are not taken.

        :raises InvalidKeyError: if it is weak in a way that is not allowed.
        """
        refused = why_refused(self._weaknesses, allow_weak)
        if refused:
            raise InvalidKeyError(refused)

    def sign(self, data: bytes) -> bytes:
        """The signature of ``data``, in the form that JWS uses.

        :raises InvalidKeyError: if this is a public key.
        """
        if self._sign is None:
            raise InvalidKeyError("a public key can't sign")
        return self._sign(data)

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether this key, with its own algorithm, made ``signature`` of ``data``."""
        return self._verify(data, signature)

    # ── what a key gives out ────────────────────────────────────────────────────────────────

    def to_public_jwk(self) -> dict[str, Any]:
        """The public half as a JWK with ``alg``, ``use`` and ``kid``. It may be published.

        :raises InvalidKeyError: for a secret, which has no public half.
        """
        if self.is_symmetric:
            raise InvalidKeyError("an HMAC secret has no public half to publish")
        return self._jwk(jwk_members.public_members(self._public))

    def to_private_jwk(self) -> dict[str, Any]:
        """The whole key as a JWK. It can sign tokens: keep it as secret as the key itself.

        :raises InvalidKeyError: for a public key, and for a key made by :meth:`from_signer`.
        """
        if self._private is None:
            where = "elsewhere: it only signs" if self.can_sign else "not in a public key"
            raise InvalidKeyError(f"the private half is {where}")
        public = jwk_members.public_members(self._public)
        return self._jwk({**public, **jwk_members.private_members(self._private)})

    def _jwk(self, members: dict[str, str]) -> dict[str, Any]:
        jwk = {**members, "alg": self.algorithm, "use": "sig"}
        return jwk if self.kid is None else {**jwk, "kid": self.kid}

    def public_key(self) -> Key:
        """The public half of this key: it verifies and does not sign.

        :raises InvalidKeyError: for a secret.
        """
        if self.is_symmetric:
            raise InvalidKeyError("an HMAC secret has no public half")
        return self._verifying_only()

    def _verifying_only(self) -> Self:
        entry = ALGORITHMS[self.algorithm]
        key = self._make(entry, self._public, None, self.kid, allow_weak=True)
        key._set(is_named=self.is_named)
        return key

    def renamed(self, kid: str | KeyName | None) -> Key:
        """The same key under another ``kid``, under its thumbprint (``AUTO``), or without one.

        :raises InvalidKeyError: if the ``kid`` is malformed.
        """
        entry = ALGORITHMS[self.algorithm]
        key = self._make(entry, self._public, self._private, kid, allow_weak=True)
        if self._private is None and self._sign is not None:  # a key made by from_signer
            key._set(_sign=self._sign, can_sign=True)
        return key

    def thumbprint(self) -> str:
        """The SHA-256 thumbprint of RFC 7638, as base64url.

        The thumbprint of a secret is a hash of the secret: don't publish it (section 7).
        """
        return jwk_members.thumbprint(ALGORITHMS[self.algorithm], self._public)

    # ── what a key doesn't do ────────────────────────────────────────────────────────────

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Key does not change")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Key does not change")

    def __repr__(self) -> str:
        half = "secret" if self.is_symmetric else "private" if self.can_sign else "public"
        return f"<Key {self.algorithm} {half} kid={self.kid!r}>"

    def __reduce__(self) -> Any:
        raise TypeError("a Key is not pickled: it would travel in clear")


# ── alg, use and key_ops of a JWK: RFC 7517 sections 4.2 to 4.4 ──────────────────────────


def _stated_algorithm(jwk: Mapping[str, Any], algorithm: str | None) -> Algorithm:
    """The algorithm that the caller, the JWK's ``alg`` or its curve states."""
    for member in ("alg", "kty", "use"):
        if not isinstance(jwk.get(member), str | None):
            raise InvalidKeyError(f"the JWK's {member} is no text")
    stated = jwk.get("alg")
    if stated is not None and algorithm is not None and stated != algorithm:
        raise UnfitKeyError("the JWK's alg is not the algorithm given")
    name = algorithm if algorithm is not None else stated
    if name is None and jwk.get("kty") == "EC":
        name = _EC_ALGORITHMS.get(jwk_members.text_member(jwk, "crv"))
    if name is None:
        raise InvalidKeyError("the JWK has no alg: say which algorithm it is for")
    entry = get_algorithm(name)
    if jwk.get("kty") != entry.kty:
        raise UnfitKeyError(f"{entry.name} needs a JWK with kty {entry.kty}")
    return entry


def _may_sign(jwk: Mapping[str, Any]) -> bool:
    """Whether ``key_ops`` let the key sign. A JWK that is not for signatures is refused."""
    use, operations = jwk.get("use"), jwk.get("key_ops")
    if use not in (None, "sig"):
        raise UnfitKeyError("the JWK's use is not sig")
    if operations is None:
        return True
    if not _are_different_texts(operations):
        raise InvalidKeyError("the JWK's key_ops is not a list of different texts")
    if not _OPERATIONS & set(operations):
        raise UnfitKeyError("the JWK's key_ops say neither sign nor verify")
    if use is not None and not set(operations) <= _OPERATIONS:
        # RFC 7517 section 4.3: "the information they convey MUST be consistent".
        raise InvalidKeyError("the JWK's use is sig, and its key_ops say more than that")
    return "sign" in operations


def _are_different_texts(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and all(isinstance(item, str) for item in value)
        and len(set(value)) == len(value)
    )


def _check_may_verify(jwk: Mapping[str, Any]) -> None:
    """Refuse a JWK without a private half whose ``key_ops`` don't let it verify."""
    if "verify" not in (jwk.get("key_ops") or ("verify",)):
        raise UnfitKeyError("the JWK's key_ops don't say verify, and it has no private half")
