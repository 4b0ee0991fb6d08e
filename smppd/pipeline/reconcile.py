"""Reconcile: each receipt is recorded with the part that it is about, or parked until that is known.

What has to be read from disk first was read (`recollection`): this decides and records without
waiting for anything, so that it sits between two commits with the answers that came with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from smppd.figures import MatchingFigures
from smppd.ledger.destinations import agrees
from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import FEWEST_TABS, ReceiptFact, plain, receipt_fact, receipt_key
from smppd.ledger.lifecycle import PARTLY_DONE, RECEIPT_STATES
from smppd.ledger.message_ids import EXACT, Place, related_keys
from smppd.ledger.plain import DeliveredLot
from smppd.ledger.snapshot import PARKED_FOR, Finished, Parked
from smppd.message import State
from smppd.pipeline.books import Books
from smppd.pipeline.claims import Arrival, claim, possible
from smppd.pipeline.desk import Desk
from smppd.pipeline.naming import Agrees, Candidate, candidates
from smppd.pipeline.recollection import Recalled
from smppd.pipeline.siblings import over, together
from smppd.ports import Answered, Outcome, ReceiptOf, state_word
from smppd.smpp.receipt import DeliveryReceipt, quoted_text
from smppd.smpp.vocabulary import MessageState
from smppd.told import moment

#: The states of a finished part that a receipt can confirm or contradict.
_JUDGED = PARTLY_DONE | {int(State.FAILED), int(State.EXPIRED)}
#: So much is kept of the text of a receipt that nobody can make sense of, in octets.
_MOST_OCTETS = 512
_DELIVERED = int(MessageState.DELIVERED)


class _Batch(NamedTuple):
    """What is the same for all receipts that are recorded together; `time` tells people when (`now`)."""

    link: str
    siblings: tuple[str, ...]
    now: float
    time: str
    recalled: Recalled
    lot: DeliveredLot
    #: When the parts of the plain ones had been taken.
    taken: list[float]


class Reconciler:
    """Finds the message of each receipt, and makes the facts of it."""

    def __init__(self, desk: Desk, books: Books) -> None:
        self._desk = desk
        self._books = books
        self._learnt: set[str] = set()

    def figures(self, link: str) -> MatchingFigures:
        """How the receipts of a link found their messages."""
        figures = self._books.figures(link)
        figures.id_conflicts = self._desk.accounts.message_ids.conflicts.get(link, 0)
        return figures

    def record(
        self, link: str, receipts: Sequence[DeliveryReceipt], recalled: Recalled, now: float
    ) -> tuple[list[ReceiptOf], list[int]]:
        """Record receipts; also the numbers of those that are none."""
        written, refused = [], []
        book = self._books[link]
        naming = book.naming
        with DeliveredLot(self._desk.ledger, now) as lot:
            batch = _Batch(link, book.siblings, now, moment(now), recalled, lot, [])
            for number, receipt in enumerate(receipts):
                keys = recalled.keys[number]
                recorded = None
                if naming.form == EXACT:
                    recorded = self._record_plain(batch, receipt, keys)
                if recorded is None:
                    recorded = self._record(batch, receipt, keys)
                if recorded is None:
                    self._books[link].figures.unproven += 1
                    refused.append(number)
                else:
                    written.append(recorded)
        delay = self._books[link].figures.delay
        for taken, count in Counter(batch.taken).items():
            delay.observe(max(0.0, now - taken), count)
        return written, refused

    def _record_plain(
        self, batch: _Batch, receipt: DeliveryReceipt, keys: tuple[str, ...]
    ) -> ReceiptOf | None:
        """Record a receipt like nearly all: the only final one of a part, from its handset, under the
        id that the SMSC answered with. None: it is not so simple."""
        accounts, source = self._desk.accounts, receipt.source
        place = accounts.message_ids.get(keys[0]) if keys else None
        if batch.siblings and keys:
            place = self._only_place(place, over(batch.siblings, keys[0]))
        if place is None or not receipt.final or receipt.unproven is not None:
            return None
        entry = accounts.entries[place[0]]
        text = f"{keys[0]}\t{receipt.error}\t{receipt.done_date}\t{source}"
        if (
            entry.to != source
            or entry.part_states[place[1]] in PARTLY_DONE
            or receipt.state is None
            or not receipt.message_id
            or text.count("\t") != FEWEST_TABS
        ):
            return None
        if entry.submitted is not None:
            batch.taken.append(entry.submitted)
        num = int(receipt.state)
        seq = batch.lot.delivered(entry, text) if num == _DELIVERED else 0
        if not seq:
            seq = self._desk.ledger.told(batch.now, place, num, text).seq
        return ReceiptOf(
            seq, batch.time, batch.link, plain(receipt.message_id), state_word(num),
            receipt.error, receipt.done_date, source, True, entry.client_id, source,
        )  # fmt: skip

    def _only_place(self, own: Place | None, others: Iterable[str]) -> Place | None:
        """The part that the own link knows under an id, or else another; None: several do, or none."""
        found = [place for key in others if (place := self._desk.accounts.message_ids.get(key))]
        if own is not None:
            found.append(own)
        return found[0] if len(found) == 1 else None

    def _record(
        self, batch: _Batch, receipt: DeliveryReceipt, keys: tuple[str, ...]
    ) -> ReceiptOf | None:
        link, now, recalled = batch.link, batch.now, batch.recalled
        num = None if receipt.state is None else int(receipt.state)
        if num is not None and not receipt.final:
            num = -num
        source = receipt.source
        what = ReceiptFact(link, receipt.message_id, receipt.error, receipt.done_date, source)
        if num is None or not receipt.message_id:
            what = what._replace(octets=receipt.raw[:_MOST_OCTETS].hex())
        proven = receipt.unproven is None
        place = self._find(link, keys, source)
        if place is not None and (proven or self._is_to(place, source)):
            return self._settle(place, num, what, now)
        finished = self._finished(link, keys, source)
        if finished is not None and (proven or agrees(source, finished.to)):
            return self._repeat(finished, num, what, now)
        if not proven:
            return None
        reference = "" if receipt.reference is None else str(receipt.reference)
        quoted = quoted_text(receipt.raw).hex()
        what = what._replace(reference=reference, quoted=quoted, submit_date=receipt.submit_date)
        place = self._claim(what, recalled, now)
        if place is not None:
            return self._identify(place, num, what, now)
        first = len(self._desk.ledger.facts)
        self._desk.ledger.park(now, num, what, receipt.alternative_id)
        self._books[link].figures.parked += 1
        return ReceiptOf.by(self._desk.ledger.facts[first], None, None)

    def _is_to(self, place: Place, source: str) -> bool:
        return bool(agrees(source, self._desk.accounts.entries[place[0]].to))

    def _find(self, link: str, keys: Sequence[str], source: str) -> Place | None:
        """The outstanding part that one of these ids names."""
        book = self._books[link]
        naming = book.naming
        for number, key in enumerate(keys):
            found = self._candidates(key, book.siblings, source)
            chosen = naming.choose([each for each in found if self._is_open(each.place)] or found)
            if chosen is None:
                continue
            book.figures.elsewhere += chosen.agrees is False
            if not number and naming.note(chosen):
                self._learnt.update(self._books.of_account(link))
            return chosen.place
        return None

    def _candidates(self, key: str, siblings: Sequence[str], source: str) -> list[Candidate]:
        accounts, agreeing = self._desk.accounts, self._agrees(source)
        own = candidates(accounts.message_ids, key, agreeing)
        if not siblings:
            return own
        every = [key, *over(siblings, key)]
        known = [own, *(candidates(accounts.message_ids, each, agreeing) for each in every[1:])]
        ended = sum(
            not outstanding and accounts.finished.get(each) is not None
            for each, outstanding in zip(every, known, strict=True)
        )
        return together(known, ended, lambda place: accounts.entries[place[0]].submitted or 0.0)

    def _agrees(self, source: str) -> Agrees:
        entries = self._desk.accounts.entries
        return lambda place: agrees(source, entries[place[0]].to)

    def _is_open(self, place: Place) -> bool:
        """Whether this part has had no final receipt: the parts of a message may share an id."""
        return self._desk.accounts.entries[place[0]].part_states[place[1]] not in PARTLY_DONE

    def _finished(self, link: str, keys: Sequence[str], source: str) -> Finished | None:
        """The final part that a repeated receipt is about."""
        finished, siblings = self._desk.accounts.finished, self._books[link].siblings
        for key in keys:
            found = finished.get(key)
            if found is not None:
                return found
        if siblings:
            keys = [*keys, *chain.from_iterable(over(siblings, key) for key in keys)]
            for key in keys:
                found = finished.get(key)
                if found is not None and agrees(source, found.to) is not False:
                    return found
        for key in chain.from_iterable(map(related_keys, keys)):
            found = finished.get_folded(key)
            if found is not None and agrees(source, found.to):
                return found
        return None

    def _settle(self, place: Place, num: int | None, what: ReceiptFact, now: float) -> ReceiptOf:
        """Record the receipt of an outstanding part."""
        entry = self._desk.accounts.entries[place[0]]
        if (state := entry.part_states[place[1]]) in PARTLY_DONE:
            self._judge(what.link, state, num)
        elif num in RECEIPT_STATES and entry.submitted is not None:
            self._books[what.link].figures.delay.observe(max(0.0, now - entry.submitted))
        fact = self._desk.ledger.receipt(now, place, num, what)
        return ReceiptOf.by(fact, entry.client_id, entry.to)

    def _repeat(
        self, finished: Finished, num: int | None, what: ReceiptFact, now: float
    ) -> ReceiptOf:
        """Record a receipt that came after the end."""
        self._judge(what.link, finished.state, num)
        fact = self._desk.ledger.receipt(now, (finished.msg_id, finished.part), num, what)
        return ReceiptOf.by(fact, finished.client_id, finished.to)

    def _judge(self, link: str, state: int, num: int | None) -> None:
        """Count a receipt that says again what is known, or the contrary."""
        if state not in _JUDGED or num not in RECEIPT_STATES:
            return
        if RECEIPT_STATES[num] == state:
            self._books[link].figures.duplicates += 1
        else:
            self._books[link].figures.contradictions += 1

    # ── receipts that came too early, or under an id that nobody knows ───────────────────

    def revisit(
        self, link: str, outcomes: Sequence[Outcome], recalled: Recalled, now: float
    ) -> Iterator[ReceiptOf]:
        """Settle parked receipts whose message these outcomes, just recorded, have told."""
        shelf = self._desk.accounts.shelf
        for outcome in outcomes if shelf else ():
            if isinstance(outcome, Answered) and outcome.message_id and not outcome.status:
                key = receipt_key(link, outcome.message_id)
                for each in over(self._books.of_account(link), key):
                    yield from self._retry(list(shelf.related(each)), recalled, now)
        yield from self.revisit_handsets(recalled, now)

    def revisit_handsets(self, recalled: Recalled, now: float) -> Iterator[ReceiptOf]:
        """Settle parked receipts that can only be about a message of unknown outcome."""
        shelf = self._desk.accounts.shelf
        for link, to in dict.fromkeys(recalled.handsets):
            yield from self._retry(self._books.near(shelf.near, link, to), recalled, now)

    def revisit_learnt(self, recalled: Recalled, now: float) -> Iterator[ReceiptOf]:
        """Settle parked receipts that fitted two messages until it was known how their link names
        them, or none until their link shared an account."""
        if recalled.parked:
            yield from self._retry(recalled.parked, recalled, now)
        if self._learnt:
            learnt, self._learnt = self._learnt, set()
            keys = self._desk.accounts.shelf.keys()
            ours = [key for key in keys if key.partition("\t")[0] in learnt]
            yield from self._retry(ours, recalled, now)

    def _retry(self, keys: Sequence[str], recalled: Recalled, now: float) -> Iterator[ReceiptOf]:
        for key in keys:
            parked = self._desk.accounts.shelf.get(key)
            if parked is not None and now - parked.at <= PARKED_FOR:
                settled = self._settle_parked(parked, recalled, now)
                if settled is not None:
                    yield settled

    def _settle_parked(self, parked: Parked, recalled: Recalled, now: float) -> ReceiptOf | None:
        what = receipt_fact(parked.text)
        if what.link not in self._books:
            return None  # the link is configured no more
        keys = [receipt_key(what.link, what.message_id)] if what.message_id else []
        place = self._find(what.link, keys, what.destination)
        if place is not None:
            return self._settle(place, parked.num, what, now)
        finished = self._finished(what.link, keys, what.destination)
        if finished is not None:  # the answer with its id was the end of its message
            return self._repeat(finished, parked.num, what, now)
        place = self._claim(what, recalled, parked.at)
        return None if place is None else self._identify(place, parked.num, what, now)

    def _claim(self, what: ReceiptFact, recalled: Recalled, came: float) -> Place | None:
        accounts, links = self._desk.accounts, self._books.of_account(what.link)
        arrival = Arrival(links, came, self._books.references(what.link))
        places = possible(accounts, what, arrival)
        return claim(accounts, what, places, recalled.rows, arrival) if places else None

    def _identify(self, place: Place, num: int | None, what: ReceiptFact, now: float) -> ReceiptOf:
        """The SMSC took this part, as its receipt shows, which is recorded with it."""
        entry: Outstanding = self._desk.accounts.entries[place[0]]
        self._books[what.link].figures.settled += 1
        self._desk.ledger.identified(now, entry.link, *place, what.message_id)
        fact = self._desk.ledger.receipt(now, place, num, what)
        return ReceiptOf.by(fact, entry.client_id, entry.to)
