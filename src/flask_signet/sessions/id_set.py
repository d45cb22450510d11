"""A great many ids in little memory, each until a moment."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import Final

_BUCKETS: Final = 4096
_FOR_EVER: Final = 2**32 - 1  # in the year 2106

_LONG: Final = array("I").itemsize < 4
"""Whether an unsigned int is too short for a moment, so that a long is needed."""


class IdSet:
    """A great many ids, each until a moment: 13 bytes an entry, and quick with ten million.

    Only the 64-bit ``hash`` of an id is kept. Python keys it with a secret of the process, so
    nobody can choose ids that collide; with ten million entries, an id that is not in the set is
    taken for one that is with a chance of about one in 10**12. The hashes lie in sorted arrays, one
    for each of 4,096 remainders. A change replaces an array by a changed copy: readers need no
    lock, writers must take turns.
    """

    __slots__ = ("_buckets", "_swept", "count")

    def __init__(self) -> None:
        self._buckets: list[tuple[array[int], array[int]] | None] = [None] * _BUCKETS
        self.count: int = 0  # how many ids are in the set; each check of a token reads it
        self._swept = 0

    def __len__(self) -> int:
        return self.count

    def has(self, text: str, now: float) -> bool:
        """Whether the id is in the set, and its moment has not come. ``now`` is in seconds."""
        number = hash(text)
        bucket = self._buckets[number & (_BUCKETS - 1)]
        if bucket is None:
            return False
        numbers, moments = bucket
        index = bisect_left(numbers, number)
        return index < len(numbers) and numbers[index] == number and now < moments[index]

    def add(self, text: str, until: float) -> None:
        """Put the id in until that moment. A second time never shortens the first.

        :param until: seconds since 1970, rounded up to whole seconds.
        """
        number = hash(text)
        moment = _FOR_EVER if until >= _FOR_EVER else max(0, -int(-until // 1))
        at = number & (_BUCKETS - 1)
        numbers, moments = self._buckets[at] or (array("q"), array("L" if _LONG else "I"))
        index = bisect_left(numbers, number)
        moments = moments[:]
        if index < len(numbers) and numbers[index] == number:
            moments[index] = max(moments[index], moment)
        else:
            numbers = numbers[:]
            numbers.insert(index, number)
            moments.insert(index, moment)
            self.count += 1
        self._buckets[at] = numbers, moments

    def sweep(self, now: float, buckets: int = 16) -> None:
        """Remove expired ids from a few buckets. The next call goes on with the buckets after."""
        for _ in range(buckets):
            self._swept = (self._swept + 1) % _BUCKETS
            bucket = self._buckets[self._swept]
            if bucket is None:
                continue
            numbers, moments = bucket
            if min(moments) > now:
                continue
            kept = [index for index, moment in enumerate(moments) if moment > now]
            self.count -= len(numbers) - len(kept)
            self._buckets[self._swept] = (
                (
                    array("q", [numbers[index] for index in kept]),
                    array(moments.typecode, [moments[index] for index in kept]),
                )
                if kept
                else None
            )
