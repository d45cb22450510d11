"""The curves of Ed25519 and Ed448 by the textbook, to make points that no key may have."""

from collections.abc import Iterator
from typing import Any

from flask_signet.jose import base64url

Point = tuple[int, int]


class Edwards:
    """The group of an Edwards curve a·x² + y² = 1 + d·x²·y², by the textbook."""

    def __init__(self, prime: int, a: int, d: int, order: int, size: int) -> None:
        self.prime, self.a, self.d, self.order, self.size = prime, a % prime, d % prime, order, size

    def add(self, one: Point, two: Point) -> Point:
        (x1, y1), (x2, y2), p = one, two, self.prime
        product = self.d * x1 * x2 * y1 * y2
        x = (x1 * y2 + y1 * x2) * pow(1 + product, -1, p) % p
        y = (y1 * y2 - self.a * x1 * x2) * pow(1 - product, -1, p) % p
        return x, y

    def times(self, factor: int, point: Point) -> Point:
        total: Point = (0, 1)
        while factor:
            if factor & 1:
                total = self.add(total, point)
            point = self.add(point, point)
            factor >>= 1
        return total

    def root(self, square: int) -> int | None:
        """A square root modulo p, where there is one."""
        p = self.prime
        root = pow(square, (p + 3) // 8, p) if p % 8 == 5 else pow(square, (p + 1) // 4, p)
        if p % 8 == 5 and root * root % p != square % p:
            root = root * pow(2, (p - 1) // 4, p) % p
        return root if root * root % p == square % p else None

    def x(self, y: int) -> int | None:
        """An x for this y, where the curve has one."""
        square = (1 - y * y) * pow(self.a - self.d * y * y, -1, self.prime) % self.prime
        return self.root(square)

    def torsion(self, cofactor: int) -> set[Point]:
        """The points of small order: those that any point becomes when multiplied by L."""
        found: set[Point] = set()
        y = 2
        while len(found) < cofactor:
            x = self.x(y)
            if x is not None:
                found.add(self.times(self.order, (x, y)))
            y += 1
        return found

    def encodings(self, y: int, sign_bit: int) -> Iterator[bytes]:
        """Every text of a y coordinate, also one not reduced, with either sign."""
        limit = 1 << sign_bit // 8 * 8 if self.size == 57 else 1 << sign_bit
        while y < limit:
            for sign in (0, 1):
                yield (y | sign << sign_bit).to_bytes(self.size, "little")
            y += self.prime


ED25519 = Edwards(
    2**255 - 19,
    -1,
    -121665 * pow(121666, -1, 2**255 - 19),
    2**252 + 27742317777372353535851937790883648493,
    32,
)


ED448 = Edwards(
    2**448 - 2**224 - 1,
    1,
    -39081,
    2**446 - 13818066809895115352007386748515426880336692474882178609894547503885,
    57,
)


def okp(curve: str, raw: bytes) -> dict[str, Any]:
    return {"kty": "OKP", "crv": curve, "x": base64url.encode(raw)}
