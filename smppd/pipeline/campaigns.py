"""Campaigns, as a whole: paused, resumed and cancelled by a word, and let go by their first messages.

Every open file is one. A pause is one fact, whatever the campaign holds; what comes to its turn while
it lasts is put aside (see `gate`). A cancelled campaign has its messages cancelled one by one, in
lots, whether or not its link is bound; what has left ends as it would.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from smppd.events import (
    CampaignCancelled,
    CampaignPaused,
    CampaignResumed,
    Emit,
    JournalDamaged,
)
from smppd.ledger.entries import MessageRow, Outstanding
from smppd.ledger.facts import CANARY, QUEUE_SHIFT
from smppd.ledger.snapshot import FileAccount
from smppd.message import State
from smppd.pipeline.canary import judge
from smppd.pipeline.desk import Desk
from smppd.ports import GivingBack

#: Seconds between two looks at what is held.
LOOK_EVERY = 1.0
#: Messages that are cancelled, or looked at, in one lot.
LOT = 500

_QUEUED = int(State.QUEUED)
_HINT = "none of them leaves; after it is mended, the next start cancels them: smppd audit says what is damaged"
#: A message in one of these may leave yet, or again.
_MAY_LEAVE = (State.QUEUED, State.SENDING, State.UNKNOWN)


class Campaigns:
    """Looks after all campaigns of a desk. `links` give back what waits there for its turn."""

    def __init__(self, desk: Desk, emit: Emit, links: Sequence[GivingBack] = ()) -> None:
        self._desk = desk
        self._emit = emit
        self._links = links
        self._news = trio.Event()
        #: Of cancelled files, how many chunks were gone through.
        self._swept: dict[int, int] = {}
        #: What cannot be cancelled because the journal is damaged, and why; the next start tries again.
        self.unreadable: dict[str, str] = {}
        #: Of canaries, how they stood and since when (seconds on trio's clock).
        self._stood: dict[int, tuple[tuple[int, ...], float]] = {}

    # ── what an operator says ────────────────────────────────────────────────────────────────

    def named(self, name: str) -> list[FileAccount]:
        """The open files of this campaign, or of this name."""
        files = self._desk.accounts.files.values()
        return [
            file for file in files if file.pending_or_open and name in {file.campaign, file.name}
        ]

    def pause(self, file: FileAccount, reason: str, who: str) -> bool:
        """Let nothing of it leave until it is resumed; whether that is new."""
        if file.held is not None or file.cancelled:
            return False
        self._desk.ledger.campaign_paused(self._desk.wall(), file.file_id, reason, who)
        self._take_back(file.file_id)
        hint = f"when it may go on: smppd resume --campaign {file.campaign}"
        self._emit(CampaignPaused(file.campaign, file.name, reason, who, hint))
        return True

    def resume(self, file: FileAccount, who: str) -> bool:
        """Let it go on, over what its canary says, too; whether it was held."""
        if file.cancelled or not file.restrained:
            return False
        self._desk.ledger.campaign_resumed(self._desk.wall(), file.file_id, who)
        self._emit(CampaignResumed(file.campaign, file.name, who))
        return True

    def cancel(self, file: FileAccount, who: str) -> bool:
        """Have nothing more of it leave, ever; whether that is new."""
        # What is under way, or in doubt, may come back, and is not to go again then.
        may_leave = any(file.states[state] for state in _MAY_LEAVE) or not file.closed
        if file.cancelled or not may_leave:
            return False
        self._desk.ledger.campaign_cancelled(self._desk.wall(), file.file_id, who)
        self._take_back(file.file_id)
        self._emit(CampaignCancelled(file.campaign, file.name, file.states[State.QUEUED], who))
        self._news.set()
        return True

    def _take_back(self, file_id: int) -> None:
        entries = self._desk.accounts.entries

        def wanted(msg_id: int) -> bool:
            entry = entries.get(msg_id)
            return entry is not None and entry.file_id == file_id

        for link in self._links:
            link.take_back(wanted)

    # ── what follows by itself ───────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Cancel, or let go, what is held, until cancelled."""
        accounts = self._desk.accounts
        while True:
            if not accounts.restrained:
                self._desk.restrained = trio.Event()
                await self._desk.restrained.wait()
            with trio.move_on_after(LOOK_EVERY):
                await self._news.wait()
            self._news = trio.Event()
            for file_id in list(accounts.restrained):
                file = accounts.files.get(file_id)
                if file is not None:
                    await self._look(file)

    async def _look(self, file: FileAccount) -> None:
        if file.cancelled:
            if file.states[State.QUEUED]:
                await self._sweep(file)
        elif file.trial is not None and not file.trial.over:
            await self._judge(file)

    async def _judge(self, file: FileAccount) -> None:
        """Let the rest follow the first messages, or hold it, if these tell."""
        trial, canary, now = file.trial, file.terms.canary, trio.current_time()
        if trial is None or canary is None or trial.end is None:
            return
        stood = tuple(trial.states)
        before, since = self._stood.setdefault(file.file_id, (stood, now))
        if before != stood:
            self._stood[file.file_id] = (stood, since := now)
        reason = judge(trial, canary, now - since)
        if reason is None:
            return
        del self._stood[file.file_id]
        if reason == "":
            self._desk.ledger.campaign_resumed(self._desk.wall(), file.file_id, CANARY)
            self._emit(CampaignResumed(file.campaign, file.name, CANARY))
        else:
            self.pause(file, reason, CANARY)
        await self._desk.commit()

    async def _sweep(self, file: FileAccount) -> None:
        """Cancel what waits of a cancelled file, wherever it does."""
        damaged = 0
        while (done := self._swept.get(file.file_id, 0)) < len(file.chunks):
            for first, last, _ in file.chunks[done].ranges:
                for start in range(first, last + 1, LOT):
                    lot = list(range(start, min(start + LOT, last + 1)))
                    rows = await self._desk.read_sound(lot)
                    damaged += len(lot) - len(rows)
                    for row in sorted(rows, key=lambda row: row.msg_id):
                        self._cancel(row, file.cancelled)
                    await self._desk.commit()
            self._swept[file.file_id] = done + 1
        if damaged:
            what, why = f"messages of {file.campaign}, cancelled", f"{damaged:,} cannot be read"
            self.unreadable[what] = why
            self._emit(JournalDamaged(what, why, _HINT))
        # What had left came back, and is not to go again.
        for entry in list(self._desk.accounts.entries.values()):
            if entry.file_id == file.file_id and is_whole(entry):
                self._desk.ledger.cancelled(self._desk.wall(), file.cancelled, entry.msg_id)
        await self._desk.commit()
        if file.file_id not in self._desk.accounts.files:
            self._swept.pop(file.file_id, None)

    def _cancel(self, row: MessageRow, who: str) -> None:
        ledger, accounts, now = self._desk.ledger, self._desk.accounts, self._desk.wall()
        if row.state != State.QUEUED or accounts.is_final(row.file_id, row.item):
            return
        entry, queue = accounts.entries.get(row.msg_id), accounts.queue(row.msg_id >> QUEUE_SHIFT)
        if entry is not None:
            if is_whole(entry):
                ledger.cancelled(now, who, row.msg_id)
        elif row.msg_id > queue.head and row.msg_id not in queue.passed:
            ledger.cancelled(now, who, row.msg_id, row)
        elif ledger.called_up(now, row):
            ledger.cancelled(now, who, row.msg_id)


def is_whole(entry: Outstanding) -> bool:
    """Whether a message waits here with all its parts."""
    return entry.state == _QUEUED and all(state == _QUEUED for state in entry.part_states)


def names_of(files: Sequence[FileAccount]) -> list[str]:
    """What these campaigns are called, each once."""
    return list(dict.fromkeys(file.campaign for file in files))
