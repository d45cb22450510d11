"""The one table of signature algorithms: RFC 7518 section 3, RFC 8037, RFC 9864, ML-DSA.

Nothing else in this package enumerates algorithms. There is no ``none`` and no JWE.

Every primitive comes from the ``cryptography`` package or the standard library. An entry says
which keys it takes (:meth:`Algorithm.check`) and binds a key to two functions. So the loading of
the key decides which code runs on a token; the token has no say in it (RFC 8725 section 3.1).
"""

from __future__ import annotations

import hmac
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..exceptions import InvalidKeyError
from .weak_keys import Weakness, edwards_fault, has_roca_fingerprint, is_placeholder

Sign = Callable[[bytes], bytes]
"""From data to a signature, in the form that JWS uses."""

Verify = Callable[[bytes, bytes], bool]
"""From data and a signature to whether they fit; never raises for a bad signature."""

MIN_RSA_BITS: Final = 2048
"""RFC 7518 sections 3.3 and 3.5."""

MAX_RSA_BITS: Final = 16384
"""OpenSSL verifies with no longer key: with one, every signature would be refused."""


class Algorithm(ABC):
    """One row of the table.

    ``name`` is the ``alg`` value and ``kty`` the key type of a JWK. ``family`` groups the
    algorithms that one key could serve: a key set is searched by ``alg`` only within one family.
    """

    def __init__(self, name: str, kty: str, family: str) -> None:
        self.name = name
        self.kty = kty
        self.family = family

    def __repr__(self) -> str:
        return f"<Algorithm {self.name}>"

    @property
    def is_symmetric(self) -> bool:
        return self.kty == "oct"

    @abstractmethod
    def check(self, key: Any) -> str | None:
        """Why this public key or HMAC secret can't be used; None if it can."""

    def weaknesses(self, key: Any) -> tuple[Weakness, ...]:
        """Why this key is weak though it can be used; nothing if it is strong."""
        return ()

    @abstractmethod
    def bind_verify(self, key: Any) -> Verify:
        """The function that verifies with this public key or secret."""

    @abstractmethod
    def bind_sign(self, key: Any) -> Sign:
        """The function that signs with this private key or secret."""

    @abstractmethod
    def generate(self) -> Any:
        """A new private key or secret, of the size that the algorithm needs."""


class HMAC(Algorithm):
    """RFC 7518 section 3.2."""

    def __init__(self, name: str, digest: str, size: int) -> None:
        super().__init__(name, "oct", "HMAC")
        self.digest = digest
        self.size = size

    def check(self, key: Any) -> str | None:
        return None if type(key) is bytes and key else "an HMAC key is non-empty bytes"

    def weaknesses(self, key: bytes) -> tuple[Weakness, ...]:
        found = []
        if len(key) < self.size:  # RFC 7518 section 3.2
            needs = f"{self.name} needs a secret of {self.size} bytes at least, it has {len(key)}"
            found.append(Weakness("short", needs))
        if len(set(key)) < 8:
            few = "the secret has fewer than 8 different characters"
            found.append(Weakness("guessable", few))
        elif is_placeholder(key):
            known = "the secret reads like a placeholder from a tutorial"
            found.append(Weakness("guessable", known))
        return tuple(found)

    def _bind(self, key: bytes) -> Sign:
        # The key takes two of the four compressions of a short message. They are done once, here.
        keyed = hmac.new(key, digestmod=self.digest).copy

        def sign(data: bytes) -> bytes:
            mac = keyed()
            mac.update(data)
            return mac.digest()

        return sign

    def bind_sign(self, key: Any) -> Sign:
        return self._bind(key)

    def bind_verify(self, key: Any) -> Verify:
        sign, same = self._bind(key), hmac.compare_digest
        # compare_digest refuses any other length as well: no truncated MAC passes.
        return lambda data, signature: same(sign(data), signature)

    def generate(self) -> bytes:
        return secrets.token_bytes(self.size)


class _Asymmetric(Algorithm):
    """The algorithms with a key pair: ``cryptography`` raises where a signature does not fit."""

    def _verifier(self, verify: Callable[[bytes, bytes], None]) -> Verify:
        def checked(data: bytes, signature: bytes) -> bool:
            try:
                verify(signature, data)
            except InvalidSignature:
                return False
            return True

        return checked


class RSA(_Asymmetric):
    """RSASSA-PKCS1-v1_5 (RFC 7518 section 3.3) and RSASSA-PSS (section 3.5)."""

    def __init__(self, name: str, digest: hashes.HashAlgorithm, *, pss: bool) -> None:
        super().__init__(name, "RSA", "RSA")
        self.digest = digest
        # PSS: the salt is as long as the hash, and MGF1 uses the same hash.
        self.padding: padding.AsymmetricPadding = (
            padding.PSS(padding.MGF1(digest), digest.digest_size) if pss else padding.PKCS1v15()
        )
        # The encoded message must fit in the modulus. PSS encodes the hash, the salt and two bytes
        # in one bit less than the modulus (RFC 8017 section 9.1.1). PKCS #1 v1.5 encodes the hash,
        # 19 bytes that name it and 11 bytes of padding (section 9.2).
        size = digest.digest_size
        self.min_bits: int = 8 * (2 * size + 2) - 6 if pss else 8 * (size + 30) - 7

    def check(self, key: Any) -> str | None:
        if not isinstance(key, rsa.RSAPublicKey):
            return "it is not an RSA key"
        numbers = key.public_numbers()
        # FIPS 186-5 section A.1.1. A long exponent also makes verification slow.
        if not 3 <= numbers.e < 2**256 or numbers.e % 2 == 0:
            return "its public exponent is even, below 3 or beyond 256 bits"
        if numbers.n % 2 == 0 or key.key_size > MAX_RSA_BITS:
            return f"its modulus is even, or has more than {MAX_RSA_BITS} bits"
        if key.key_size < self.min_bits:
            return f"its modulus of {key.key_size} bits is too short for {self.name} signatures"
        if has_roca_fingerprint(numbers.n):
            return "its modulus is of the weak kind of CVE-2017-15361 (ROCA)"
        return None

    def weaknesses(self, key: rsa.RSAPublicKey) -> tuple[Weakness, ...]:
        if key.key_size < MIN_RSA_BITS:
            needs = f"an RSA key needs {MIN_RSA_BITS} bits at least, it has {key.key_size}"
            return (Weakness("short", needs),)
        return ()

    def bind_verify(self, key: rsa.RSAPublicKey) -> Verify:
        verify, pad, digest = key.verify, self.padding, self.digest
        size = (key.key_size + 7) // 8

        def exact(signature: bytes, data: bytes) -> None:
            # RFC 8017 section 8.1.2, step 1: a leading zero must not be left out.
            if len(signature) != size:
                raise InvalidSignature
            verify(signature, data, pad, digest)

        return self._verifier(exact)

    def bind_sign(self, key: rsa.RSAPrivateKey) -> Sign:
        sign, pad, digest = key.sign, self.padding, self.digest
        return lambda data: sign(data, pad, digest)

    def generate(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=MIN_RSA_BITS)


class ECDSA(_Asymmetric):
    """RFC 7518 section 3.4: each curve has its hash; a signature is R and S side by side."""

    def __init__(self, name: str, curve: ec.EllipticCurve, digest: hashes.HashAlgorithm) -> None:
        super().__init__(name, "EC", name)
        self.curve: ec.EllipticCurve = curve
        self.size: int = (curve.key_size + 7) // 8
        self.algorithm: ec.ECDSA = ec.ECDSA(digest)

    def check(self, key: Any) -> str | None:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return "it is not an elliptic curve key"
        if key.curve.name != self.curve.name:
            return f"{self.name} needs the curve {self.curve.name}, the key is on {key.curve.name}"
        return None

    def bind_verify(self, key: ec.EllipticCurvePublicKey) -> Verify:
        verify, algorithm, size = key.verify, self.algorithm, self.size

        def raw(signature: bytes, data: bytes) -> None:
            if len(signature) != 2 * size:  # refuses DER signatures too
                raise InvalidSignature
            r = int.from_bytes(signature[:size], "big")
            s = int.from_bytes(signature[size:], "big")
            verify(encode_dss_signature(r, s), data, algorithm)

        return self._verifier(raw)

    def bind_sign(self, key: ec.EllipticCurvePrivateKey) -> Sign:
        sign, algorithm, size = key.sign, self.algorithm, self.size

        def raw(data: bytes) -> bytes:
            r, s = decode_dss_signature(sign(data, algorithm))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")

        return raw

    def generate(self) -> ec.EllipticCurvePrivateKey:
        return ec.generate_private_key(self.curve)


class EdDSA(_Asymmetric):
    """``EdDSA`` of RFC 8037 section 3.1, and the names of RFC 9864 that also say the curve."""

    def __init__(self, name: str, *, curves: tuple[str, ...]) -> None:
        super().__init__(name, "OKP", "EdDSA")
        self.curves = curves

    def check(self, key: Any) -> str | None:
        if not isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            return "it is not an Ed25519 or Ed448 key"
        curve = "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "Ed448"
        if curve not in self.curves:
            return f"{self.name} needs an {' or '.join(self.curves)} key, this is {curve}"
        return edwards_fault(curve, key.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def bind_verify(self, key: Any) -> Verify:
        return self._verifier(key.verify)

    def bind_sign(self, key: Any) -> Sign:
        return cast(Sign, key.sign)

    def generate(self) -> Any:
        if "Ed25519" in self.curves:
            return ed25519.Ed25519PrivateKey.generate()
        return ed448.Ed448PrivateKey.generate()


class MLDSA(_Asymmetric):
    """FIPS 204 with an empty context, as draft-ietf-cose-dilithium names it for JOSE."""

    def __init__(self, name: str, public: type, private: Any) -> None:
        super().__init__(name, "AKP", name)
        self.public = public
        self.private = private

    def check(self, key: Any) -> str | None:
        return None if isinstance(key, self.public) else f"it is not an {self.name} key"

    def bind_verify(self, key: Any) -> Verify:
        return self._verifier(key.verify)

    def bind_sign(self, key: Any) -> Sign:
        return cast(Sign, key.sign)

    def generate(self) -> Any:
        return self.private.generate()


def _ml_dsa() -> Iterable[Algorithm]:
    """The ML-DSA algorithms, if this build of ``cryptography`` supports them."""
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError:
        return
    try:
        mldsa.MLDSA44PublicKey.from_public_bytes(b"")
    except UnsupportedAlgorithm:
        return
    except ValueError:
        pass  # supported: the error is about the empty key, not about the algorithm
    for size in (44, 65, 87):
        public = getattr(mldsa, f"MLDSA{size}PublicKey")
        yield MLDSA(f"ML-DSA-{size}", public, getattr(mldsa, f"MLDSA{size}PrivateKey"))


ALGORITHMS: Final[dict[str, Algorithm]] = {
    algorithm.name: algorithm
    for algorithm in (
        HMAC("HS256", "sha256", 32),
        HMAC("HS384", "sha384", 48),
        HMAC("HS512", "sha512", 64),
        RSA("RS256", hashes.SHA256(), pss=False),
        RSA("RS384", hashes.SHA384(), pss=False),
        RSA("RS512", hashes.SHA512(), pss=False),
        RSA("PS256", hashes.SHA256(), pss=True),
        RSA("PS384", hashes.SHA384(), pss=True),
        RSA("PS512", hashes.SHA512(), pss=True),
        ECDSA("ES256", ec.SECP256R1(), hashes.SHA256()),
        ECDSA("ES384", ec.SECP384R1(), hashes.SHA384()),
        ECDSA("ES512", ec.SECP521R1(), hashes.SHA512()),
        EdDSA("EdDSA", curves=("Ed25519", "Ed448")),
        EdDSA("Ed25519", curves=("Ed25519",)),
        EdDSA("Ed448", curves=("Ed448",)),
        *_ml_dsa(),
    )
}


def get_algorithm(name: str) -> Algorithm:
    """The algorithm of this ``alg`` name.

    :raises InvalidKeyError: if there is none. The message lists the names that there are.
    """
    algorithm = ALGORITHMS.get(name) if isinstance(name, str) else None
    if algorithm is None:
        # The name is not repeated: if the arguments were mixed up, it is the secret.
        raise InvalidKeyError(f"no such algorithm; there are {', '.join(ALGORITHMS)}")
    return algorithm


def algorithm_of_key(key: Any) -> Algorithm:
    """The algorithm of a key object whose type leaves no choice: of elliptic curves and ML-DSA.

    :raises InvalidKeyError: if the key is of another type.
    """
    for entry in ALGORITHMS.values():
        if isinstance(entry, ECDSA):
            is_ec = isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey)
            if is_ec and key.curve.name == entry.curve.name:
                return entry
        elif isinstance(entry, MLDSA) and isinstance(key, entry.public | entry.private):
            return entry
    raise InvalidKeyError("say which algorithm this key is for, e.g. algorithm='RS256'")
