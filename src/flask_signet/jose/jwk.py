"""Keys: one key, one algorithm, never printed (RFC 7517, RFC 7518 section 6, RFC 8037).

A :class:`Key` is made from a secret, PEM, DER, a JWK, a ``cryptography`` object, or generated.
All of them end in the same checks, so a key that exists is a key that may be used. There is no
way to hand over bytes and a list of algorithms and let a token choose: that is how a public key
became an HMAC secret in so many libraries (CVE-2015-9235, CVE-2022-29217, CVE-2024-33663 ...).
"""

from __future__ import annotations

import base64
import contextlib
import enum
import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from ..exceptions import InvalidKeyError
from . import base64url
from .algorithms import ALGORITHMS, MLDSA, Algorithm, Sign, Verify, get_algorithm

MAX_KID_LENGTH: Final = 256
"""Characters of a ``kid``."""

_KID = re.compile(r"[\x20-\x7e]{1,256}")


class KeyName(enum.Enum):
    """How a key gets its ``kid`` where none is given."""

    AUTO = "auto"
    """The ``kid`` of the JWK; else the RFC 7638 thumbprint; for a secret, none."""


AUTO: Final = KeyName.AUTO


class Key:
    """A key for signatures, bound to one algorithm.

    ``algorithm`` is its ``alg`` name, ``kid`` its name or None, ``can_sign`` whether it holds
    the private half, ``is_symmetric`` whether it is a secret. ``weakness`` is None, or says why
    the key is weak (an HMAC secret shorter than its hash, RFC 7518 section 3.2; RSA below 2048
    bits, section 3.3); such a key is only made with ``allow_weak=True``.

    Made by the class methods; immutable; it does not print, pickle or compare its contents.
    """

    __slots__ = (
        *("_private", "_public", "_sign", "_verify"),
        *("algorithm", "can_sign", "kid", "weakness"),
    )

    _private: Any
    _public: Any
    _sign: Sign | None
    _verify: Verify
    algorithm: str
    kid: str | None
    can_sign: bool
    weakness: str | None

    def __init__(self) -> None:
        raise TypeError("make a Key with from_secret, from_pem, from_der, from_jwk or generate")

    @classmethod
    def _make(
        cls,
        algorithm: Algorithm,
        public: Any,
        private: Any,
        kid: str | KeyName | None,
        allow_weak: bool,
    ) -> Self:
        reason = algorithm.check(public)
        if reason:
            raise InvalidKeyError(f"this key can't be used with {algorithm.name}: {reason}")
        weakness = algorithm.weakness(public)
        if weakness and not allow_weak:
            raise InvalidKeyError(f"weak key: {weakness}")
        if kid is AUTO:
            kid = _thumbprint(algorithm, public)
        if kid is not None and not (isinstance(kid, str) and _KID.fullmatch(kid)):
            raise InvalidKeyError(
                f"a kid is 1 to {MAX_KID_LENGTH} printable ASCII characters (RFC 7517 section 4.5)"
            )
        key = object.__new__(cls)
        set_ = object.__setattr__
        set_(key, "algorithm", algorithm.name)
        set_(key, "kid", kid)
        set_(key, "_public", public)
        set_(key, "_private", private)
        set_(key, "can_sign", private is not None)
        set_(key, "weakness", weakness)
        set_(key, "_verify", algorithm.bind_verify(public))
        set_(key, "_sign", algorithm.bind_sign(private) if private is not None else None)
        return key

    # ── where keys come from ─────────────────────────────────────────────────────────────

    @classmethod
    def generate(cls, algorithm: str, *, kid: str | KeyName | None = AUTO) -> Self:
        """A new key pair, or for HMAC a new secret as long as the hash.

        :param kid: its name; by default the RFC 7638 thumbprint, for a secret a random one.
        :raises InvalidKeyError: if there is no such algorithm.
        """
        entry = get_algorithm(algorithm)
        private = entry.generate()
        if entry.is_symmetric:
            # A thumbprint would publish a hash of the secret (RFC 7638 section 7).
            name = secrets.token_urlsafe(16) if kid is AUTO else kid
            return cls._make(entry, private, private, name, allow_weak=False)
        return cls._make(entry, private.public_key(), private, kid, allow_weak=False)

    @classmethod
    def from_secret(
        cls,
        secret: str | bytes,
        algorithm: str = "HS256",
        *,
        kid: str | None = None,
        allow_weak: bool = False,
    ) -> Self:
        """An HMAC key from a shared secret; text is taken as UTF-8.

        :param allow_weak: take a secret that is short or looks like a placeholder.
        :raises InvalidKeyError: if it is empty, weak, or is really another kind of key: what
            parses as PEM, DER, SSH or JWK is never an HMAC secret.
        """
        entry = get_algorithm(algorithm)
        if not entry.is_symmetric:
            raise InvalidKeyError(f"{algorithm} needs a key pair, not a shared secret")
        if isinstance(secret, str):
            secret = secret.encode("utf-8", "surrogatepass")
        if not isinstance(secret, bytes) or not secret:
            raise InvalidKeyError("an HMAC secret is a non-empty text or some bytes")
        disguise = _other_kind(secret)
        if disguise:
            raise InvalidKeyError(
                f"this HMAC secret is {disguise}: load it as a key of its own kind instead"
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
        allow_weak: bool = False,
    ) -> Self:
        """A key from PEM: private (PKCS #8, PKCS #1, SEC 1), public, or a certificate.

        The one-line form of SSH's public keys is taken too.

        :param algorithm: needed but for elliptic curves, where the curve decides.
        :raises InvalidKeyError: if it can't be read or may not be used.
        """
        return cls._load("pem", _as_bytes(pem, "a PEM"), password, algorithm, kid, allow_weak)

    @classmethod
    def from_der(
        cls,
        der: bytes,
        algorithm: str | None = None,
        *,
        password: str | bytes | None = None,
        kid: str | KeyName | None = AUTO,
        allow_weak: bool = False,
    ) -> Self:
        """A key from DER: private (PKCS #8), public (SubjectPublicKeyInfo) or a certificate.

        :raises InvalidKeyError: if it can't be read or may not be used.
        """
        return cls._load("der", _as_bytes(der, "a DER key"), password, algorithm, kid, allow_weak)

    @classmethod
    def _load(
        cls,
        form: str,
        data: bytes,
        password: str | bytes | None,
        algorithm: str | None,
        kid: str | KeyName | None,
        allow_weak: bool,
    ) -> Self:
        if password is not None:
            password = _as_bytes(password, "a password")
        try:
            found = _load_any(data, password, form)
        except TypeError:
            # The one thing that its reader raises this for.
            wanted = "needs its password" if password is None else "has no password, one was given"
            raise InvalidKeyError(f"this {form.upper()} key {wanted}") from None
        except _CANT_READ:
            # Not with the library's message: it quotes lines of a PEM that it can't read.
            raise InvalidKeyError(
                f"can't read this {form.upper()} key: is it whole, and of a supported kind"
                f"{', and is its password right' if password else ''}?"
            ) from None
        return cls.from_cryptography(found, algorithm, kid=kid, allow_weak=allow_weak)

    @classmethod
    def from_cryptography(
        cls,
        key: Any,
        algorithm: str | None = None,
        *,
        kid: str | KeyName | None = AUTO,
        allow_weak: bool = False,
    ) -> Self:
        """A key from a private or public key object of the ``cryptography`` package.

        :raises InvalidKeyError: if it may not be used with this algorithm.
        """
        if isinstance(key, x509.Certificate):
            key = key.public_key()
        entry = get_algorithm(algorithm) if algorithm is not None else _only_algorithm(key)
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
        allow_weak: bool = False,
    ) -> Self:
        """A key from a JWK (RFC 7517), as a mapping or as JSON text.

        ``alg``, ``use`` and ``key_ops`` are obeyed: a key for encryption is refused, one whose
        ``key_ops`` don't say ``sign`` doesn't sign.

        :param algorithm: for a JWK without ``alg``; where both are given they must agree.
        :param kid: by default the JWK's own, else the thumbprint; for a secret, none.
        :raises InvalidKeyError: if it is malformed or may not be used.
        """
        jwk = _jwk_mapping(jwk)
        stated = jwk.get("alg")
        if stated is not None and algorithm is not None and stated != algorithm:
            raise InvalidKeyError("the JWK's alg is not the algorithm given")
        name = algorithm if algorithm is not None else stated
        if name is None and jwk.get("kty") == "EC":
            name = _EC_ALGORITHMS.get(_member(jwk, "crv"))
        if name is None:
            raise InvalidKeyError("the JWK has no alg: say which algorithm it is for")
        entry = get_algorithm(name)
        if jwk.get("kty") != entry.kty:
            raise InvalidKeyError(f"{entry.name} needs a JWK with kty {entry.kty}")
        may_sign = _obey_use(jwk)
        if kid is AUTO and jwk.get("kid") is not None:
            kid = jwk["kid"]
        if entry.is_symmetric:
            secret = _octets(jwk, "k")
            name = None if kid is AUTO else kid
            key = cls.from_secret(secret, entry.name, kid=name, allow_weak=allow_weak)
            return key if may_sign else cls._make(entry, secret, None, name, allow_weak)
        try:
            public, private = _READERS[entry.kty](jwk, entry)
        except _CANT_READ as error:
            if isinstance(error, InvalidKeyError):
                raise
            raise InvalidKeyError("the JWK's members don't make a key") from None
        if private is None and "verify" not in (jwk.get("key_ops") or ("verify",)):
            raise InvalidKeyError("the JWK's key_ops don't say verify, and it has no private half")
        found = private if private is not None and may_sign else public
        return cls.from_cryptography(found, entry.name, kid=kid, allow_weak=allow_weak)

    @classmethod
    def from_signer(cls, public: Key, sign: Sign) -> Self:
        """A key whose private half is elsewhere, and only signs there: in a KMS, an HSM, an agent.

        What comes back is verified before it is used: a signer with another key, or in another
        form, is an error here and not a token that nobody takes.

        :param public: the public half; its ``kid`` and algorithm are the key's.
        :param sign: gets the bytes to sign and returns the signature in the form that JWS uses
            (of ECDSA ``R || S``, not DER: RFC 7518 section 3.4).
        :raises InvalidKeyError: if ``public`` is a secret.
        """
        entry = ALGORITHMS[public.algorithm]
        if public.is_symmetric:
            raise InvalidKeyError("a secret has no half that could be elsewhere")
        key = cls._make(entry, public._public, None, public.kid, True)

        def checked(data: bytes) -> bytes:
            signature = sign(data)
            if not isinstance(signature, bytes) or not key.verify(data, signature):
                raise InvalidKeyError(
                    f"the signer of the key {key.kid!r} returned no {entry.name} signature of it: "
                    "is it the same key, and the signature in JWS's form?"
                )
            return signature

        object.__setattr__(key, "_sign", checked)
        object.__setattr__(key, "can_sign", True)
        return key

    # ── what a key does ──────────────────────────────────────────────────────────────────

    @property
    def is_symmetric(self) -> bool:
        """Whether it is a secret, which signs and verifies alike."""
        return isinstance(self._public, bytes)

    @property
    def family(self) -> str:
        """Which keys may share a set that is searched by ``alg``."""
        return ALGORITHMS[self.algorithm].family

    def sign(self, data: bytes) -> bytes:
        """The signature of some bytes, in the form that JWS uses.

        :raises InvalidKeyError: if this is a public key.
        """
        if self._sign is None:
            raise InvalidKeyError("a public key can't sign")
        return self._sign(data)

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether this key, by its own algorithm, made this signature of these bytes."""
        return self._verify(data, signature)

    # ── what leaves a key ────────────────────────────────────────────────────────────────

    def to_public_jwk(self) -> dict[str, Any]:
        """The public half as a JWK, with ``alg``, ``use`` and ``kid``: fit to publish.

        :raises InvalidKeyError: for a secret, which has no public half.
        """
        if self.is_symmetric:
            raise InvalidKeyError("an HMAC secret has no public half to publish")
        jwk = {**_public_members(self._public), "alg": self.algorithm, "use": "sig"}
        return jwk if self.kid is None else {**jwk, "kid": self.kid}

    def to_private_jwk(self) -> dict[str, Any]:
        """The whole key as a JWK. Whoever has it can make tokens: keep it as the key itself.

        :raises InvalidKeyError: for a public key, and for one whose private half is elsewhere.
        """
        if self._private is None:
            where = "elsewhere: it only signs" if self.can_sign else "not in a public key"
            raise InvalidKeyError(f"the private half is {where}")
        members = {**_public_members(self._public), **_private_members(self._private)}
        jwk = {**members, "alg": self.algorithm, "use": "sig"}
        return jwk if self.kid is None else {**jwk, "kid": self.kid}

    def public_key(self) -> Key:
        """The key without its private half; it verifies only.

        :raises InvalidKeyError: for a secret.
        """
        if self.is_symmetric:
            raise InvalidKeyError("an HMAC secret has no public half")
        return self._make(ALGORITHMS[self.algorithm], self._public, None, self.kid, True)

    def renamed(self, kid: str | None) -> Key:
        """The same key under another name, or none.

        :raises InvalidKeyError: if that is no ``kid``.
        """
        key = self._make(ALGORITHMS[self.algorithm], self._public, self._private, kid, True)
        if self._private is None and self._sign is not None:  # its private half is elsewhere
            object.__setattr__(key, "_sign", self._sign)
            object.__setattr__(key, "can_sign", True)
        return key

    def thumbprint(self) -> str:
        """The SHA-256 thumbprint of RFC 7638, as base64url.

        For a secret it is a hash of the secret: as little for publication as that.
        """
        return _thumbprint(ALGORITHMS[self.algorithm], self._public)

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


# ── secrets ──────────────────────────────────────────────────────────────────────────────

_SSH = re.compile(rb"(ssh-(rsa|dss|ed25519|ed448)|ecdsa-sha2-nistp\d+|sk-[a-z0-9-]+@openssh)")
_JWK = re.compile(rb'["\']kty["\']\s*:')
_SPACE = re.compile(rb"\s+")
_BASE64_WORD = re.compile(rb"[A-Za-z0-9+/_-]{40,}")
_BASE64_LINES = re.compile(rb"[A-Za-z0-9+/_-]{40,}(?:\s+[A-Za-z0-9+/_-]+)*")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}[\s:]?){40,}")
# With any number of backslashes: a text may be JSON in JSON.
_ESCAPE = re.compile(rb"\\+(?:u00([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}

_SMALLEST_DER = 40
"""Bytes: below that of any key that could verify a signature (Ed25519's has 44)."""

_MOST_WRAPPINGS = 2
"""How often a key may be encoded: the body of a PEM, as base64, is encoded twice."""


def _other_kind(secret: bytes, wrappings: int = _MOST_WRAPPINGS) -> str | None:
    """What a would-be secret really is, if it holds a key of another kind anywhere."""
    for text in _readings(secret):
        if b"-----BEGIN" in text:
            return "a PEM"
        if _SSH.search(text):
            return "an SSH key"
        if _JWK.search(text):
            return "a JWK"
        if _holds_der(text):
            return "a DER key"
        if wrappings and any(_other_kind(body, wrappings - 1) for body in _bodies(text)):
            return "the body of a PEM or SSH key, or a key that was encoded once more"
    return None


def _readings(secret: bytes) -> Iterable[bytes]:
    """A secret as it is, as it was before UTF-16 or UTF-32, and without JSON's escapes."""
    if b"\0" not in secret and b"\\" not in secret:
        return (secret,)
    narrow = secret.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").replace(b"\0", b"")
    plain = _ESCAPE.sub(_unescaped, narrow)
    return dict.fromkeys((secret, narrow, plain))


def _unescaped(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return bytes.fromhex(escape[1].decode())
    return _ESCAPED.get(escape[2], escape[2])


def _bodies(secret: bytes) -> Iterator[bytes]:
    """What a secret decodes to, if it is base64 (whole, its longer words, or lines) or hex."""
    if len(secret) < _SMALLEST_DER * 4 // 3:
        return
    words = {_SPACE.sub(b"", secret), *_BASE64_WORD.findall(secret)}
    words.update(_SPACE.sub(b"", lines) for lines in _BASE64_LINES.findall(secret))
    for word in words:
        text = word.translate(_TO_STANDARD, b"=")
        with contextlib.suppress(ValueError):
            body = base64.b64decode(text[: len(text) - (len(text) % 4 == 1)] + b"===")
            if len(body) >= _SMALLEST_DER:  # what is no base64 leaves little
                yield body
    for digits in _HEX.findall(secret):
        yield bytes.fromhex(_SPACE.sub(b"", digits).replace(b":", b"").decode())


def _holds_der(data: bytes) -> bool:
    """Whether there is a key in DER anywhere in the data."""
    start = data.find(b"\x30")  # a SEQUENCE, as every key and certificate is
    while start != -1:
        size = _der_size(data[start : start + 6])
        if _SMALLEST_DER <= size <= len(data) - start and _is_der(data[start : start + size]):
            return True
        start = data.find(b"\x30", start + 1)
    return False


def _der_size(head: bytes) -> int:
    """The bytes of a DER value, its head included (X.690 section 8.1.3); 0 if it has none."""
    if len(head) < 2:
        return 0
    if head[1] < 0x80:
        return 2 + head[1]
    count = head[1] & 0x7F
    if not 0 < count <= 4 or len(head) < 2 + count:
        return 0
    return 2 + count + int.from_bytes(head[2 : 2 + count], "big")


def _is_der(data: bytes) -> bool:
    try:
        _load_any(data, None, "der")
    except TypeError:
        return True  # a private key that asks for its password
    except _CANT_READ:
        try:
            # PKCS #1, which only has a loader for its PEM form.
            body = base64.b64encode(data)
            serialization.load_pem_public_key(
                b"-----BEGIN RSA PUBLIC KEY-----\n" + body + b"\n-----END RSA PUBLIC KEY-----\n"
            )
        except (ValueError, UnsupportedAlgorithm):
            return False
    return True


_CANT_READ = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
"""What the library raises for a key or certificate that it can't read."""


def _as_bytes(value: str | bytes, what: str) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise InvalidKeyError(f"{what} is a text or some bytes, not {type(value).__name__}")


# ── PEM and DER ──────────────────────────────────────────────────────────────────────────


def _load_any(data: bytes, password: bytes | None, form: str) -> Any:
    """The key in some PEM or DER, whichever of the usual containers it is in."""
    if form == "pem":
        if b"PRIVATE KEY-----" in data:
            return serialization.load_pem_private_key(data, password)
        if b"-----BEGIN CERTIFICATE-----" in data:
            return x509.load_pem_x509_certificate(data).public_key()
        is_ssh, pem = _SSH.match(data.lstrip()), serialization.load_pem_public_key
        return serialization.load_ssh_public_key(data.lstrip()) if is_ssh else pem(data)
    try:
        return serialization.load_der_public_key(data)
    except ValueError:
        try:
            return x509.load_der_x509_certificate(data).public_key()
        except (ValueError, x509.InvalidVersion):
            return serialization.load_der_private_key(data, password)


_EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_CURVE_NAMES = {curve.name: name for name, curve in _CURVES.items()}


def _only_algorithm(key: Any) -> Algorithm:
    """The algorithm of a key whose type leaves no choice."""
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        name = _EC_ALGORITHMS.get(_CURVE_NAMES.get(key.curve.name, ""))
        if name:
            return ALGORITHMS[name]
    for entry in ALGORITHMS.values():
        if isinstance(entry, MLDSA) and isinstance(key, entry.public | entry.private):
            return entry
    raise InvalidKeyError("say which algorithm this key is for, e.g. algorithm='RS256'")


# ── JWK ──────────────────────────────────────────────────────────────────────────────────


def _jwk_mapping(jwk: Mapping[str, Any] | str | bytes) -> Mapping[str, Any]:
    if isinstance(jwk, str | bytes):
        from .strict_json import loads_object

        data = jwk.encode("utf-8", "surrogatepass") if isinstance(jwk, str) else jwk
        try:
            return loads_object(data, max_depth=8)
        except ValueError:
            raise InvalidKeyError("a JWK is a JSON object, this text is none") from None
    if not isinstance(jwk, Mapping):
        raise InvalidKeyError("a JWK is a mapping or a JSON text")
    return jwk


def _member(jwk: Mapping[str, Any], name: str) -> str:
    """A text member, or an empty text for anything else."""
    value = jwk.get(name)
    return value if isinstance(value, str) else ""


def _obey_use(jwk: Mapping[str, Any]) -> bool:
    """Whether the key may sign; refuses a key that may not verify (RFC 7517 sections 4.2, 4.3)."""
    use, operations = jwk.get("use"), jwk.get("key_ops")
    if use not in (None, "sig"):
        raise InvalidKeyError("the JWK's use is not sig")
    if operations is None:
        return True
    if (
        not isinstance(operations, list | tuple)
        or not all(isinstance(operation, str) for operation in operations)
        or len(set(operations)) != len(operations)
    ):
        raise InvalidKeyError("the JWK's key_ops is not a list of different texts")
    if not {"sign", "verify"} & set(operations):
        raise InvalidKeyError("the JWK's key_ops say neither sign nor verify")
    if use is not None and not set(operations) <= {"sign", "verify"}:
        # RFC 7517 section 4.3: "the information they convey MUST be consistent".
        raise InvalidKeyError("the JWK's use is sig, and its key_ops say more than that")
    return "sign" in operations


def _octets(jwk: Mapping[str, Any], member: str, size: int | None = None) -> bytes:
    value = jwk.get(member)
    if not isinstance(value, str):
        raise InvalidKeyError(f"the JWK's {member} is not a base64url text")
    try:
        data = base64url.decode(value)
    except ValueError:
        raise InvalidKeyError(f"the JWK's {member} is not base64url") from None
    if size is not None and len(data) != size:
        raise InvalidKeyError(f"the JWK's {member} has {len(data)} bytes, its curve has {size}")
    return data


def _integer(jwk: Mapping[str, Any], member: str, size: int | None = None) -> int:
    return int.from_bytes(_octets(jwk, member, size), "big")


def _read_rsa(jwk: Mapping[str, Any], entry: Algorithm) -> tuple[Any, Any]:
    numbers = rsa.RSAPublicNumbers(_integer(jwk, "e"), _integer(jwk, "n"))
    public = numbers.public_key()
    if "d" not in jwk:
        return public, None
    if "oth" in jwk:
        raise InvalidKeyError("RSA keys of more than two primes are not supported")
    d = _integer(jwk, "d")
    factors = [name for name in ("p", "q", "dp", "dq", "qi") if name in jwk]
    if not factors:
        p, q = rsa.rsa_recover_prime_factors(numbers.n, numbers.e, d)
        dp, dq, qi = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    elif len(factors) == 5:
        p, q, dp, dq, qi = (_integer(jwk, name) for name in factors)
    else:  # RFC 7518 section 6.3.2
        raise InvalidKeyError("the JWK has some of p, q, dp, dq, qi: all or none")
    private = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, numbers)
    return public, private.private_key()


def _read_ec(jwk: Mapping[str, Any], entry: Algorithm) -> tuple[Any, Any]:
    curve = _CURVES.get(_member(jwk, "crv"))
    if curve is None:
        raise InvalidKeyError(f"the JWK's crv is none of {', '.join(_CURVES)}")
    size = (curve.key_size + 7) // 8
    numbers = ec.EllipticCurvePublicNumbers(
        _integer(jwk, "x", size), _integer(jwk, "y", size), curve
    )
    public = numbers.public_key()  # refuses a point off the curve
    if "d" not in jwk:
        return public, None
    return public, ec.EllipticCurvePrivateNumbers(_integer(jwk, "d", size), numbers).private_key()


_EDWARDS: dict[str, tuple[Any, Any, int]] = {
    "Ed25519": (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey, 32),
    "Ed448": (ed448.Ed448PublicKey, ed448.Ed448PrivateKey, 57),
}


def _read_okp(jwk: Mapping[str, Any], entry: Algorithm) -> tuple[Any, Any]:
    found = _EDWARDS.get(_member(jwk, "crv"))
    if found is None:
        raise InvalidKeyError(f"the JWK's crv is none of {', '.join(_EDWARDS)}")
    public_type, private_type, size = found
    public = public_type.from_public_bytes(_octets(jwk, "x", size))
    if "d" not in jwk:
        return public, None
    private = private_type.from_private_bytes(_octets(jwk, "d", size))
    if private.public_key().public_bytes_raw() != public.public_bytes_raw():
        raise InvalidKeyError("the JWK's x does not belong to its d")
    return public, private


def _read_akp(jwk: Mapping[str, Any], entry: Algorithm) -> tuple[Any, Any]:
    assert isinstance(entry, MLDSA)  # noqa: S101 - the table says so; narrows the type
    public_type: Any = entry.public
    public = public_type.from_public_bytes(_octets(jwk, "pub"))
    if "priv" not in jwk:
        return public, None
    private = entry.private.from_seed_bytes(_octets(jwk, "priv"))
    if private.public_key().public_bytes_raw() != public.public_bytes_raw():
        raise InvalidKeyError("the JWK's pub does not belong to its priv")
    return public, private


_READERS = {"RSA": _read_rsa, "EC": _read_ec, "OKP": _read_okp, "AKP": _read_akp}


def _uint(value: int, size: int | None = None) -> str:
    length = size if size is not None else max(1, (value.bit_length() + 7) // 8)
    return base64url.encode(value.to_bytes(length, "big"))


def _thumbprint(algorithm: Algorithm, public: Any) -> str:
    members = _public_members(public)
    if algorithm.kty == "AKP":  # where alg, not crv, tells the size
        members["alg"] = algorithm.name
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64url.encode(hashlib.sha256(text.encode()).digest())


def _public_members(public: Any) -> dict[str, Any]:
    """The members that RFC 7638 section 3.2 hashes."""
    if isinstance(public, bytes):
        return {"kty": "oct", "k": base64url.encode(public)}
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": _uint(numbers.n), "e": _uint(numbers.e)}
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        size = (public.curve.key_size + 7) // 8
        name = _CURVE_NAMES[public.curve.name]
        return {"kty": "EC", "crv": name, "x": _uint(point.x, size), "y": _uint(point.y, size)}
    raw = base64url.encode(public.public_bytes_raw())
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": raw}
    if isinstance(public, ed448.Ed448PublicKey):
        return {"kty": "OKP", "crv": "Ed448", "x": raw}
    return {"kty": "AKP", "pub": raw}


def _private_members(private: Any) -> dict[str, Any]:
    if isinstance(private, bytes):
        return {}  # a secret is all in `k`
    if isinstance(private, rsa.RSAPrivateKey):
        numbers = private.private_numbers()
        names = ("d", "p", "q", "dp", "dq", "qi")
        values = (
            *(numbers.d, numbers.p, numbers.q),
            *(numbers.dmp1, numbers.dmq1, numbers.iqmp),
        )
        return {name: _uint(value) for name, value in zip(names, values, strict=True)}
    if isinstance(private, ec.EllipticCurvePrivateKey):
        size = (private.curve.key_size + 7) // 8
        return {"d": _uint(private.private_numbers().private_value, size)}
    if isinstance(private, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return {"d": base64url.encode(private.private_bytes_raw())}
    return {"priv": base64url.encode(private.private_bytes_raw())}
