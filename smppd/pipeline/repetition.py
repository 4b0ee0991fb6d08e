"""What a campaign must not send twice: itself, where it is `once`; a text to a number, where its
texts are unique.

Keys of texts are kept where client ids are, in memory while they are recent and in lots after.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import trio

from smppd.campaign import CampaignTerms
from smppd.ledger.snapshot import FileAccount
from smppd.ledger.unique import scope_of, text_key
from smppd.message import ErrorInfo, Message, State
from smppd.pipeline.desk import Desk
from smppd.pipeline.items import Item
from smppd.ports import FileRow

#: How messages end that never left.
_UNSENT = (State.REJECTED, State.DUPLICATE, State.CANCELLED, State.EXPIRED)

_read_states = msgspec.msgpack.Decoder(list[int]).decode


class Repetition:
    """Finds what was handed in before, within `window` seconds."""

    def __init__(self, desk: Desk, window: float) -> None:
        self._desk = desk
        self.window = window
        self._turn = trio.Lock()

    async def note_terms(self, file_id: int, terms: CampaignTerms) -> None:
        """Record a file's terms. Of two of one campaign at the same time, one is the first."""
        async with self._turn:
            if terms.once:
                earlier = await self._earlier(file_id, terms.name)
                terms = msgspec.structs.replace(terms, repeats=earlier)
            self._desk.ledger.campaign(self._desk.wall(), file_id, terms)
            await self._desk.commit()

    async def _earlier(self, file_id: int, name: str) -> str:
        """The first file of this campaign that was no repetition itself; empty if there is none."""
        since = self._desk.wall() - self.window
        rows = await self._desk.journal.files_of_campaign(name, since)
        for row in reversed(rows):
            if row.file_id != file_id and not self._never_sent(row):
                return row.name
        return ""

    def _never_sent(self, row: FileRow) -> bool:
        """Whether nothing of a file ever left, and nothing will: it was a repetition, or held nothing
        that could be sent, or was cancelled in time. Its campaign may come again."""
        file = self._desk.accounts.files.get(row.file_id)
        if file is None:
            return _reported_unsent(row)
        if file.last_submit:
            return False
        ended = file.closed and file.done == file.items
        return bool(file.terms.repeats or file.cancelled) or ended

    async def weed(self, file: FileAccount, items: Sequence[Item], now: float) -> None:
        """Make duplicates of the texts that went to the same number before. Their ids are free."""
        since, scope, recent = now - self.window, scope_of(file), self._desk.recent_ids
        reserved = {}
        for item in items:
            if item.state != State.QUEUED:
                continue
            assert isinstance(item.verdict, Message)
            key = item.verdict.text_key = text_key(scope, item.verdict)
            held = recent.get(key)
            if held is not None and held[1] >= since:
                self._mark(item, file)
            else:
                recent[key] = (0, now)
                item.key, reserved[key] = key, item
        known = await self._desk.journal.find_ids(list(reserved), since) if reserved else {}
        for key in known:
            item = reserved[key]
            item.key = None
            # Not `recent`: a checkpoint may have made another meanwhile.
            self._desk.recent_ids.pop(key, None)
            self._mark(item, file)

    def _mark(self, item: Item, file: FileAccount) -> None:
        if item.id is not None:
            self._desk.recent_ids.pop(item.id, None)
        item.state = State.DUPLICATE
        text = f'campaign "{file.campaign}" has had the same text for this number before'
        item.verdict = ErrorInfo("DUPLICATE", None, text)


def _reported_unsent(row: FileRow) -> bool:
    if row.submitted or row.states is None:
        return False
    states = _read_states(row.states)
    # Of what an earlier version reported it is not known whether it had left.
    unsent = _UNSENT if row.submitted == 0 else (State.DUPLICATE,)
    return sum(states) == sum(states[state] for state in unsent)


def mark_repeated(item: Item, file: FileAccount) -> None:
    """It is in a file that repeats an earlier one."""
    if item.state == State.QUEUED:
        item.state = State.DUPLICATE
        text = f'campaign "{file.campaign}" was handed in before, in {file.terms.repeats}'
        item.verdict = ErrorInfo("DUPLICATE", None, text)
