"""Numbers kept as stretches: a million that follow one another take two. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import msgspec


class Spans(msgspec.Struct, array_like=True):
    """A set of whole numbers as stretches in rising order, both ends included: a shape on disk."""

    firsts: list[int] = msgspec.field(default_factory=list)
    lasts: list[int] = msgspec.field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.firsts)

    def __len__(self) -> int:
        return sum(self.lasts) - sum(self.firsts) + len(self.firsts)

    def __iter__(self) -> Iterator[int]:
        for first, last in zip(self.firsts, self.lasts, strict=True):
            yield from range(first, last + 1)

    @property
    def weight(self) -> int:
        """How many stretches there are: what it takes of memory."""
        return len(self.firsts)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.firsts, number)
        return at > 0 and number <= self.lasts[at - 1]

    def add(self, first: int, last: int) -> None:
        """All from `first` to `last` are in it from now on."""
        low = bisect_left(self.lasts, first - 1)
        high = bisect_right(self.firsts, last + 1)
        if low < high:
            first, last = min(first, self.firsts[low]), max(last, self.lasts[high - 1])
        self.firsts[low:high] = [first]
        self.lasts[low:high] = [last]

    def drop_to(self, number: int) -> None:
        """Nothing up to this number is in it any more."""
        gone = bisect_right(self.lasts, number)
        del self.firsts[:gone], self.lasts[:gone]
        if self.firsts and self.firsts[0] <= number:
            self.firsts[0] = number + 1

    def end_of(self, number: int) -> int:
        """The end of the stretch that this number is in; the number before it if it is in none."""
        at = bisect_right(self.firsts, number)
        return self.lasts[at - 1] if at and number <= self.lasts[at - 1] else number - 1
