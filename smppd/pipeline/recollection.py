"""Recollect: have in memory what answers and receipts may be about, before they are recorded.

A message waits in memory for its receipt for a while, and is spilled to disk then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from smppd.ledger.destinations import agrees
from smppd.ledger.entries import MessageRow, read_outstanding
from smppd.ledger.facts import receipt_key
from smppd.ledger.message_ids import EXACT, related_keys
from smppd.pipeline.books import Books
from smppd.pipeline.desk import Desk
from smppd.pipeline.siblings import over
from smppd.ports import Answered, Outcome, Unanswered
from smppd.smpp.receipt import DeliveryReceipt

#: So many parked receipts are looked at again in one turn.
AGAIN_AT_ONCE = 1000


class Recalled:
    """What was found out before a batch is recorded."""

    def __init__(self) -> None:
        #: Those of each receipt.
        self.keys: list[tuple[str, ...]] = []
        #: Messages whose texts may be compared.
        self.rows: dict[int, MessageRow] = {}
        #: (link, destination) whose parked receipts may find their message.
        self.handsets: list[tuple[str, str]] = []
        #: Keys of parked receipts that may because their links have come to share an account.
        self.parked: list[str] = []


class Recollection:
    """Reads from the journal what a batch may be about."""

    def __init__(self, desk: Desk, books: Books) -> None:
        self._desk = desk
        self._books = books
        #: Keys of parked receipts whose links have come to share an account, to be looked at again.
        self._again: list[str] = []

    async def prepare(
        self, link: str, outcomes: Sequence[Outcome], receipts: Sequence[DeliveryReceipt]
    ) -> Recalled:
        """Have in memory whatever these may be about."""
        recalled, known = Recalled(), dict[str, int]()
        if receipts:
            recalled.keys = [_keys(link, receipt) for receipt in receipts]
            known = {each.message_id: each.msg_id for each in outcomes if type(each) is Answered}
            await self._bring_back(lambda: self._missing(link, receipts, recalled.keys, known))
        accounts = self._desk.accounts
        wanted = dict[int, None]()
        if accounts.unclaimed.waiting:
            for receipt in receipts:
                wanted.update(self._unclaimed_near(link, receipt.source))
        if self._books.joined or self._again:
            await self._look_again(recalled)
        if outcomes and (receipts or accounts.shelf.parked):
            self._look_at(outcomes, recalled, wanted)
        await self._read_texts(recalled, wanted)
        if receipts and wanted:  # what they are about may have been spilled while those were read
            await self._bring_back(lambda: self._missing(link, receipts, recalled.keys, known))
        return recalled

    def _look_at(
        self, outcomes: Sequence[Outcome], recalled: Recalled, wanted: dict[int, None]
    ) -> None:
        """What these outcomes may bring to light, once they are recorded."""
        accounts = self._desk.accounts
        any_unclaimed = bool(accounts.unclaimed)
        for outcome in outcomes:
            if type(outcome) is Answered:
                doubtful = not (outcome.status or outcome.message_id)
            else:
                doubtful = type(outcome) is Unanswered
            if not (doubtful or any_unclaimed):
                continue
            entry = accounts.entries.get(outcome.msg_id)
            if entry is None:
                continue
            if doubtful:
                wanted[entry.msg_id] = None
            near = self._unclaimed_near(entry.link, entry.to)
            if doubtful or near:
                wanted.update(near)
                recalled.handsets.append((entry.link, entry.to))

    async def _look_again(self, recalled: Recalled) -> None:
        """Have in memory what parked receipts of links that have come to share an account may be about,
        some at a time."""
        joined, self._books.joined = self._books.joined, set()
        if joined:
            parked = self._desk.accounts.shelf.keys()
            self._again += [key for key in parked if key.partition("\t")[0] in joined]
        recalled.parked, self._again = self._again[:AGAIN_AT_ONCE], self._again[AGAIN_AT_ONCE:]
        found = dict[str, None]()
        for key in recalled.parked:
            for each in over(self._books.of_account(key.partition("\t")[0]), key):
                found.update(dict.fromkeys((each, *related_keys(each))))
        await self.recall(list(found))

    def _unclaimed_near(self, link: str, to: str) -> dict[int, None]:
        """Messages of its account that may get a receipt from this handset under a strange id."""
        return dict.fromkeys(self._books.near(self._desk.accounts.unclaimed.near, link, to))

    async def look_at_doubtful(self, recalled: Recalled) -> None:
        """What may be told of parts that have just become of unknown outcome, before they are judged."""
        accounts, wanted = self._desk.accounts, dict[int, None]()
        for msg_id in accounts.doubtful:
            entry = accounts.entries.get(msg_id)
            if entry is not None and self._books.near(accounts.shelf.near, entry.link, entry.to):
                recalled.handsets.append((entry.link, entry.to))
                wanted.update(self._unclaimed_near(entry.link, entry.to))
        await self._read_texts(recalled, wanted)

    async def _read_texts(self, recalled: Recalled, msg_ids: Iterable[int]) -> None:
        """Have these messages at hand, to compare what receipts quote of them. Nothing is claimed for
        one that is damaged, nor while it may be meant."""
        wanted = list(msg_ids)
        if wanted:
            rows = await self._desk.read_sound(wanted)
            recalled.rows.update((row.msg_id, row) for row in rows)

    async def recall(self, keys: Sequence[str]) -> None:
        """Bring the messages behind these receipt keys back to memory."""
        accounts = self._desk.accounts
        await self._bring_back(
            lambda: {
                key
                for key in keys
                if accounts.message_ids.get(key) is None and accounts.finished.get(key) is None
            }
        )

    async def _bring_back(self, missing: Callable[[], set[str]]) -> None:
        """Bring the messages behind missing keys back to memory. While we look, others may be spilled:
        look again until nothing new is missing."""
        looked_for = set[str]()
        while new := missing() - looked_for:
            looked_for |= new
            await self._fetch(sorted(new))

    async def _fetch(self, keys: Sequence[str]) -> None:
        accounts = self._desk.accounts
        found = await self._desk.journal.find_waiting(keys)
        # A message that was spilled again stands as it is now in the newest lot.
        for blob in reversed(found):
            entry = read_outstanding(blob)
            if entry.msg_id in accounts.entries:
                continue
            if accounts.is_final(entry.file_id, entry.item):
                # Whoever remembers it knows its end; what was spilled does not.
                if not any(accounts.finished.get(key) for _, key in entry.ids):
                    accounts.finished.add(entry)
            else:
                self._desk.ledger.recall(self._desk.wall(), entry)

    def _missing(
        self,
        link: str,
        receipts: Sequence[DeliveryReceipt],
        keys: Sequence[tuple[str, ...]],
        known: Mapping[str, int],
    ) -> set[str]:
        """The keys to look for on disk, unless memory has what the receipts are about.

        `known`: message_ids of answers that are recorded before these receipts, each with the message
        of ours that it was given to.
        """
        accounts, missing = self._desk.accounts, set[str]()
        get, entries = accounts.message_ids.get, accounts.entries
        book = self._books[link]
        exact, siblings = book.naming.form == EXACT, book.siblings
        for receipt, its in zip(receipts, keys, strict=True):
            answered = entries.get(known.get(receipt.message_id, 0)) if exact else None
            if answered is not None and agrees(receipt.source, answered.to):
                continue  # very often: the receipt came in one read with the answer
            for key in its:
                place = get(key)
                if place is not None and exact and entries[place[0]].to == receipt.source:
                    break  # nearly always
                ended = None if place is not None else accounts.finished.get(key)
                if ended is not None and agrees(receipt.source, ended.to) is not False:
                    break
                others = over(siblings, key) if siblings else ()
                if exact and any(
                    (its_place := get(other)) is not None
                    and entries[its_place[0]].to == receipt.source
                    for other in others
                ):
                    break
                for each in (key, *others):
                    missing.add(each)
                    missing.update(related_keys(each))
        return missing


def _keys(link: str, receipt: DeliveryReceipt) -> tuple[str, ...]:
    """What the receipt may be known under: its message_id, and the text's if that differs."""
    first, other = receipt.message_id, receipt.alternative_id
    if first and not other:
        return (receipt_key(link, first),)
    return tuple(receipt_key(link, message_id) for message_id in (first, other) if message_id)
