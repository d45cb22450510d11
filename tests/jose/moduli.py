"""RSA moduli of a wanted form, and the JWK of one."""

import math
import random
from typing import Any

from flask_signet.jose import base64url

ROCA_PRIMES = [
    number
    for number in range(3, 168)
    if all(number % divisor for divisor in range(2, math.isqrt(number) + 1))
]


ROCA_PRODUCT = math.prod(ROCA_PRIMES)


def rsa_jwk(modulus: int, exponent: int = 65537) -> dict[str, Any]:
    return {"kty": "RSA", "n": uint(modulus), "e": uint(exponent)}


def uint(number: int) -> str:
    return base64url.encode(number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))


def ordinary_modulus(seed: int) -> int:
    """An odd number of 2048 bits without small factors, as a modulus is."""
    numbers = random.Random(seed)
    while True:
        candidate = numbers.getrandbits(2048) | 1 << 2047 | 1
        if math.gcd(candidate, ROCA_PRODUCT) == 1:
            return candidate
