"""Admit: lines from the spool become messages in the journal. Implements `ports.Admission`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from math import inf

from smppd.campaign import CampaignTerms
from smppd.events import Emit, FileAdmitted
from smppd.ledger.entries import MessageRow, Rejected
from smppd.ledger.facts import encode
from smppd.ledger.references import Numbering
from smppd.ledger.snapshot import Chunk, FileAccount
from smppd.message import ErrorInfo, Lane, Message, State
from smppd.pipeline.crowding import Crowding
from smppd.pipeline.desk import Desk
from smppd.pipeline.items import Item, Items, Terms
from smppd.pipeline.repetition import Repetition, mark_repeated
from smppd.ports import Brief, Claimed, Line, Unread, Writing

#: Chunks of a file that may be on their way to the disk while the next one is prepared.
AHEAD = 8

_QUEUED = State.QUEUED
_QUEUED_NUMBER = int(State.QUEUED)


class Admission:
    """Takes lines in."""

    def __init__(self, desk: Desk, terms: Terms, emit: Emit) -> None:
        self._desk = desk
        self._terms = terms
        self._emit = emit
        self._items = Items(terms, self._number)
        self._numbering = Numbering(desk.accounts.references)
        self._numbered: dict[int, int] = {}
        self._repetition = Repetition(desk, terms.dedupe_window)
        self._crowding = Crowding(desk.accounts, terms.queues)
        self._under_way: dict[int, deque[Writing]] = {}
        self._by_claim = {
            (file.token, file.name): file.file_id for file in desk.accounts.files.values()
        }

    def change(self, terms: Terms) -> None:
        """Take lines in on these terms from now on. Those in hand are taken in as they were begun."""
        self._terms = terms
        self._items = Items(terms, self._number)
        self._repetition.window = terms.dedupe_window
        self._crowding.look_at(terms.queues)

    # ── files ────────────────────────────────────────────────────────────────────────────

    async def open_file(self, claimed: Claimed) -> Unread:
        """Enter the file in the books, or find the entry that a crash left.

        That it is there reaches the disk with its first lines, or with the word that it was
        unusable: without them nobody misses it, because it lies in `work/`.
        """
        file_id = self._by_claim.get((claimed.token, claimed.name))
        if file_id is None:
            file_id = self._open(claimed, self._desk.wall())
        file = self._desk.accounts.files[file_id]
        return Unread(file_id, claimed, file.offset, file.line, file.terms)

    def _open(self, claimed: Claimed, now: float) -> int:
        token, name = claimed.token, claimed.name
        file_id = self._desk.ledger.file_opened(now, token, name, claimed.lane)
        self._by_claim[token, name] = file_id
        self._crowding.files[claimed.lane] += 1
        return file_id

    async def note_terms(self, file_id: int, terms: CampaignTerms) -> None:
        """What the file says of itself as a whole, before any line of it is admitted."""
        await self._repetition.note_terms(file_id, terms)

    def is_read(self, token: str, name: str) -> bool:
        """Whether every line of this claimed file is in the journal already."""
        file_id = self._by_claim.get((token, name))
        if file_id is None:
            return False
        file = self._desk.accounts.files.get(file_id)
        return file is None or file.closed

    async def close_file(self, file_id: int) -> None:
        """Every line has been admitted."""
        file = self._desk.accounts.files[file_id]
        if file.closed:
            return
        rejected = file.states[State.REJECTED] + file.states[State.DUPLICATE]
        self._desk.ledger.file_closed(self._desk.wall(), file_id)
        await self._desk.commit()
        self._under_way.pop(file_id, None)
        self._emit(FileAdmitted(file.name, file.items, rejected))

    async def withdraw_file(self, file_id: int) -> None:
        """The file proved unusable before any line of it was admitted."""
        file = self._desk.accounts.files[file_id]
        self._desk.ledger.file_withdrawn(self._desk.wall(), file_id)
        self.forget_file(file)
        await self._desk.commit()

    def forget_file(self, file: FileAccount) -> None:
        """The file was reported, or is none; its claim will not be asked for again."""
        if self._by_claim.pop((file.token, file.name), None) is not None:
            self._crowding.files[file.lane] -= 1

    def is_crowded(self, lane: Lane) -> bool:
        """Whether more files of this lane would only take memory."""
        return self._crowding.is_crowded(lane)

    async def admit_brief(self, files: Sequence[Brief]) -> None:
        """Take files of one lane in whole. See `ports`."""
        now = self._desk.wall()
        made = []
        for each in files:
            items = self._items.of_each((each.line,), each.claimed.lane, now)
            made.append((each, items, self._numbered))
            self._numbered = {}
        await self._drop_known([item for _, items, _ in made for item in items], now)
        rows, queues = list[MessageRow](), set[int]()
        for each, items, numbered in made:
            file_id = self._open(each.claimed, now)
            more, touched = self._enter(file_id, items, (each.octets, 1, numbered), now)
            rows += more
            queues.update(touched)
            self._desk.ledger.file_closed(now, file_id)
        await self._desk.finish(self._begin(rows, queues))
        for each, items, _ in made:
            over = sum(item.state is not _QUEUED for item in items)
            self._emit(FileAdmitted(each.claimed.name, len(items), over))

    # ── lines ────────────────────────────────────────────────────────────────────────────

    async def admit(self, file_id: int, lines: Sequence[Line], offset: int, line: int) -> None:
        """Take lines in; the file has been read up to this octet and line number. See `ports`."""
        now = self._desk.wall()
        file = self._desk.accounts.files[file_id]
        lane = Lane(file.lane)
        if file.terms.spread:
            items = [item for each in lines for item in self._spread(file, each, lane, now)]
        else:
            items = self._items.of_each(lines, lane, now)
        numbered, self._numbered = self._numbered, {}
        if file.terms.repeats:
            for item in items:
                mark_repeated(item, file)
        await self._drop_known(items, now)
        if file.terms.unique_text:
            await self._repetition.weed(file, items, now)
        rows, queues = self._enter(file_id, items, (offset, line, numbered), now)
        under_way = self._under_way.setdefault(file_id, deque())
        under_way.append(self._begin(rows, queues))
        while len(under_way) > AHEAD:
            await self._desk.finish(under_way.popleft())

    def _begin(self, rows: Sequence[MessageRow], queues: Iterable[int]) -> Writing:
        """Have these written, and whoever takes from these queues know of them."""
        writing = self._desk.begin(rows)
        for queue in queues:
            self._desk.offer(queue, rows)
            self._desk.wake(queue)
        return writing

    def _spread(self, file: FileAccount, line: Line, lane: Lane, now: float) -> list[Item]:
        """The messages of a line, which leave in their turn where the file is to be spread: what
        they say of time counts from then, and a later moment of their own stands."""
        due = file.opened + line.share * file.terms.spread
        if due <= now:
            return self._items.of(line, lane, now)
        items = self._items.of(line, lane, due)
        for item in items:
            if isinstance(item.verdict, Message) and item.verdict.send_at is None:
                item.verdict.send_at = due
        return items

    def _number(self, sender: str, to: str) -> int:
        """The reference of a long message; it is kept in the fact that admits the message."""
        bucket, number = self._numbering.next(sender, to)
        self._numbered[bucket] = number
        return number

    async def _drop_known(self, items: list[Item], now: float) -> None:
        """Mark those whose id was handed in before, and claim the ids of the others."""
        reserved = self._reserve(items, now)
        if not reserved:
            return
        known = await self._desk.journal.find_ids(reserved, now - self._terms.dedupe_window)
        if not known:
            return
        for item in items:
            if item.id in known and item.state == State.QUEUED:
                _mark_duplicate(item)
                self._desk.recent_ids.pop(item.id, None)

    def _reserve(self, items: list[Item], now: float) -> list[str]:
        """Claim the ids of what will be queued; those that only the disk can know about."""
        recent, reserved = self._desk.recent_ids, []
        since, claimed = now - self._terms.dedupe_window, (0, now)
        for item in items:
            id_ = item.id
            if id_ is None or item.state is not _QUEUED:
                continue
            held = recent.get(id_)
            if held is not None and held[1] >= since:
                _mark_duplicate(item)
            else:
                recent[id_] = claimed
                reserved.append(id_)
        return reserved

    def _enter(
        self,
        file_id: int,
        items: list[Item],
        read: tuple[int, int, dict[int, int]],
        now: float,
    ) -> tuple[list[MessageRow], Iterable[int]]:
        """Number the items within their queues and record the chunk; its rows, and which queues have
        them. Nothing awaits in here."""
        accounts, recent = self._desk.accounts, self._desk.recent_ids
        first_item = accounts.files[file_id].items
        tails = {queue: accounts.queue(queue).tail for queue in {item.queue for item in items}}
        firsts = {queue: tail + 1 for queue, tail in tails.items()}
        over, expiry = dict.fromkeys(tails, 0), dict[int, float]()
        rows, final = list[MessageRow](), dict[int, int]()
        for number, item in enumerate(items, start=first_item):
            queue, id_, verdict = item.queue, item.id, item.verdict
            msg_id = tails[queue] = tails[queue] + 1
            if isinstance(verdict, Message):
                state, body, message = _QUEUED_NUMBER, encode(verdict), verdict
                if id_ is not None:
                    recent[id_] = (msg_id, now)
                if item.key is not None:
                    recent[item.key] = (msg_id, now)
                if message.expires is not None:
                    expiry[queue] = min(message.expires, expiry.get(queue, inf))
            else:
                body, message = encode(Rejected(item.to, verdict, item.echo)), None
                state = final[number] = int(item.state)
                over[queue] += 1
            rows.append(MessageRow(msg_id, file_id, number, item.line, id_, state, body, message))
        ranges = [
            (first, tails[queue], tails[queue] - first + 1 - over[queue])
            for queue, first in firsts.items()
        ]
        waiting = len(items) - len(final)
        expires = tuple(map(expiry.get, tails)) if expiry else ()
        chunk = Chunk(ranges, first_item, len(items), waiting, final, *read, expires)
        self._desk.ledger.admitted(now, file_id, chunk)
        self._numbering.noted(chunk.references.items())
        return rows, tails


def _mark_duplicate(item: Item) -> None:
    item.state = State.DUPLICATE
    item.verdict = ErrorInfo("DUPLICATE", None, f'id "{item.id}" was handed in before')
