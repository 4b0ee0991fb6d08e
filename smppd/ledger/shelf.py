"""Receipts whose message is not known yet, kept until it is. Pure; part of the accounts.

A receipt may overtake the answer that tells its message_id, or be about a message of unknown
outcome. Nobody claims most others: they belong to somebody else's messages, and age.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from smppd.ledger.destinations import tail
from smppd.ledger.facts import receipt_fact, receipt_key
from smppd.ledger.message_ids import Folds, related_keys
from smppd.ledger.snapshot import PARKED, PARKED_FOR, Parked


class Shelf:
    """Parked receipts by receipt key, the oldest first; one without a message_id has a key of its
    own. Bounded in number and age."""

    def __init__(self) -> None:
        #: Whether there is anything is asked for every receipt: of this, which costs nothing.
        self.parked: OrderedDict[str, Parked] = OrderedDict()
        self._folds = Folds(self.parked.keys)
        self._near: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self.parked)

    def __contains__(self, key: str) -> bool:
        return key in self.parked

    def keys(self) -> Iterable[str]:
        """The keys of all that is parked."""
        return self.parked.keys()

    def items(self) -> Iterable[tuple[str, Parked]]:
        """All that is parked."""
        return self.parked.items()

    def get(self, key: str) -> Parked | None:
        """What is parked under this very key."""
        return self.parked.get(key)

    def oldest(self) -> float | None:
        """When the receipt came that has waited longest (epoch seconds)."""
        return next(iter(self.parked.values())).at if self.parked else None

    def put(self, key: str, parked: Parked) -> None:
        """Park a receipt; one that was parked under this key before makes way for it."""
        self.pop(key)
        self.parked[key] = parked
        self._folds.add(key)
        self._near.setdefault(_place(parked), {})[key] = None

    def pair(self, first: str, second: str) -> None:
        """These two keys are of one receipt, which named two message_ids."""
        if first in self.parked and second in self.parked:
            self.parked[first].other, self.parked[second].other = second, first

    def pop(self, key: str) -> Parked | None:
        """Take a receipt off the shelf."""
        parked = self.parked.pop(key, None)
        if parked is not None:
            self._folds.remove(key)
            place = _place(parked)
            near = self._near.get(place)
            if near is not None:
                near.pop(key, None)
                if not near:
                    del self._near[place]
        return parked

    def trim(self, now: float) -> None:
        """Give up what is too old or too much, the oldest first."""
        while self.parked:
            key, oldest = next(iter(self.parked.items()))
            if len(self.parked) <= PARKED and now - oldest.at <= PARKED_FOR:
                return
            self.pop(key)

    def related(self, key: str) -> Iterator[str]:
        """The keys of receipts that may name the message known by this receipt key."""
        if key in self.parked:
            yield key
        for folded in related_keys(key):
            if folded != key and folded in self.parked:
                yield folded
            yield from (other for other in self._folds.of(folded) if other != key)

    def near(self, link: str, to: str) -> list[str]:
        """The keys of receipts of this link whose handset may be this one."""
        return list(self._near.get(f"{link}\t{tail(to)}", ()))


def shelf_key(text: str) -> str | None:
    """Under what a receipt is parked, from its fact's text; None when it names nothing at all."""
    what = receipt_fact(text)
    if what.message_id:
        return receipt_key(what.link, what.message_id)
    if not tail(what.destination):
        return None
    return f"{what.link}\t\t{what.reference}\t{what.destination}"


def _place(parked: Parked) -> str:
    what = receipt_fact(parked.text)
    return f"{what.link}\t{tail(what.destination)}"
