"""How everything stands: what is outstanding, what waits, and how a message changes its state.

The steps (`smppd/ledger/steps/`) say what each fact does to it. Whatever changes a state goes
through `move`, which holds the lifecycle and keeps every sum right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import inf
from operator import attrgetter

from smppd.ledger.agenda import Agenda
from smppd.ledger.deadlines import Deadlines
from smppd.ledger.entries import Outstanding
from smppd.ledger.facts import QUEUE_SHIFT, Fact, LedgerError
from smppd.ledger.holding import Holding
from smppd.ledger.lifecycle import ALLOWED, FINAL, QUEUED, SENDING, SENT, UNKNOWN, aggregate
from smppd.ledger.message_ids import MessageIds
from smppd.ledger.references import References
from smppd.ledger.shelf import Shelf
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import FileAccount, FullBlock, Pause, Queue
from smppd.ledger.unclaimed import Unclaimed, claimable
from smppd.ledger.waiting import Remembered, Retries
from smppd.message import State

_file_id = attrgetter("file_id")


class Standing:
    """Queues, files, outstanding messages, parked receipts.

    For whoever keeps memory flat and others informed: `full_blocks` are ready for the journal,
    `filled` are files of which one is, `doubtful` have become of unknown outcome, `touched` are files
    that may be reported, `refilled` are queues to which a message came back. They are taken from
    there, and emptied. `called` is the weight of calls that were taken: they are asked about by their
    messages, and found by nothing else.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.counts = [0] * (len(State) + 1)
        self.queues: dict[int, Queue] = {}
        self.files: dict[int, FileAccount] = {}
        self.slots: dict[int, Slots] = {}
        self.full_blocks: list[FullBlock] = []
        self.filled: set[int] = set()
        self.entries: dict[int, Outstanding] = {}
        self.message_ids = MessageIds()
        self.called = 0
        self.unclaimed = Unclaimed()
        self.finished = Remembered()
        self.shelf = Shelf()
        self.retries = Retries()
        self.agenda = Agenda()
        self.holding = Holding()
        self.deadlines = Deadlines()
        #: When the first message that came back expires (epoch seconds), at the earliest.
        self.back_expires = inf
        #: The files of which something may have to stay (see `FileAccount.restrained`).
        self.restrained: set[int] = set()
        self.held: set[int] = set()
        self.doubtful: list[int] = []
        self.unmatched = 0
        self.last_parked = ""
        self.accepted = 0
        self.received = 0
        self.touched: set[int] = set()
        self.refilled: set[int] = set()
        self.last_file = 0
        self.references = References()
        self.paused: dict[str, Pause] = {}

    @property
    def balance(self) -> int:
        """Messages accepted that are neither in a final state nor pending: 0, or the books are wrong.

        What was accepted is counted line by line, what became of it change by change; what is pending
        where it is: the queued in their queues, those of unknown outcome among the `held`.
        """
        counts = self.counts
        pending = sum(queue.queued for queue in self.queues.values()) + len(self.held)
        over = sum(counts) - counts[QUEUED] - counts[UNKNOWN] - counts[SENDING] - counts[SENT]
        return self.accepted - over - pending - counts[SENDING] - counts[SENT]

    @property
    def may_expire(self) -> bool:
        """Whether something may wait that expires some time."""
        return bool(self.deadlines) or self.back_expires < inf

    def queue(self, number: int) -> Queue:
        """The queue of this number, empty if nothing was ever put in."""
        queue = self.queues.get(number)
        if queue is None:
            base = number << QUEUE_SHIFT
            queue = self.queues[number] = Queue(number, base, base)
        return queue

    def is_final(self, file_id: int, item: int) -> bool:
        """Whether this item of this file has come to its end."""
        slots = self.slots.get(file_id)
        return slots is None or slots.ended(item)

    def entry(self, fact: Fact, part_states: frozenset[int] = frozenset()) -> Outstanding | None:
        """The outstanding message of a fact; None when it is final.

        With `part_states` also when the fact's part is in none of them: it has moved on.
        """
        assert fact.msg is not None
        entry = self.entries.get(fact.msg)
        if entry is None or not part_states:
            return entry
        assert fact.part is not None
        return entry if entry.part_states[fact.part] in part_states else None

    def move_part(
        self, entry: Outstanding, part: int | None, state: int, seq: int
    ) -> Outstanding | None:
        """Change the state of a part, and the message's with it, like `move`."""
        assert part is not None
        states = entry.part_states
        states[part] = state
        return self.move(entry, state if len(states) == 1 else aggregate(states), seq)

    def move(self, entry: Outstanding, state: int, seq: int) -> Outstanding | None:
        """Change a message's state; the entry if that was its last change.

        Raises `LedgerError` for a change that the lifecycle does not know.
        """
        old = entry.state
        if state == old:
            return None
        if state not in ALLOWED[old]:
            raise LedgerError(
                f"message {entry.msg_id}: {State(old).label} → {State(state).label} at fact {seq}"
            )
        entry.state = state
        self.counts[old] -= 1
        self.counts[state] += 1
        file = self.files[entry.file_id]
        states = file.states
        states[old] -= 1
        states[state] += 1
        if file.trial is not None and file.trial.covers(entry.item):
            file.trial.states[old] -= 1
            file.trial.states[state] += 1
        if old == UNKNOWN:
            self.held.discard(entry.msg_id)
        elif old == QUEUED:
            self.queues[entry.msg_id >> QUEUE_SHIFT].queued -= 1
        if state in FINAL or (state == SENT and not entry.receipt):
            self._finish(entry, file, seq)
            return entry
        if state == UNKNOWN:
            self.held.add(entry.msg_id)
            self.doubtful.append(entry.msg_id)
            self.touched.add(entry.file_id)
        elif state == QUEUED:
            self.queues[entry.msg_id >> QUEUE_SHIFT].queued += 1
            self.wait(entry)
        return None

    def leave(self, entries: Sequence[Outstanding], at: float) -> None:
        """Messages of one queue that were taken from it then (epoch seconds) and are `SENDING`: what
        `move` does, for all of them at once."""
        if not entries:
            return
        for entry in entries:
            self.entries[entry.msg_id] = entry
        self.queues[entries[0].msg_id >> QUEUE_SHIFT].queued -= len(entries)
        for file_id in set(map(_file_id, entries)):
            self.files[file_id].last_submit = at
        self.shift(entries, QUEUED, SENDING)

    def shift(self, entries: Sequence[Outstanding], old: int, state: int) -> None:
        """Move the sums for messages that have changed from one state to another, as `move` does for
        one."""
        self.counts[old] -= len(entries)
        self.counts[state] += len(entries)
        for file_id, count in Counter(map(_file_id, entries)).items():
            file, tried = self.files[file_id], 0
            file.states[old] -= count
            file.states[state] += count
            if file.trial is not None:
                tried = sum(file.trial.covers(e.item) for e in entries if e.file_id == file_id)
                file.trial.states[old] -= tried
                file.trial.states[state] += tried
            if state in FINAL:
                self._count_over(file, count, tried)

    def end_as_it_is(self, entry: Outstanding, seq: int) -> Outstanding:
        """A message that was sent remains so for good: nothing more will be heard of it."""
        self._finish(entry, self.files[entry.file_id], seq)
        return entry

    def _finish(self, entry: Outstanding, file: FileAccount, seq: int) -> None:
        self.let_go(entry, seq)
        if self.unclaimed.waiting:
            self.unclaimed.close(entry)
        tried = file.trial is not None and file.trial.covers(entry.item)
        self._count_over(file, 1, int(tried))

    def let_go(self, entry: Outstanding, seq: int) -> None:
        """A message ended with this fact: nothing leads to it any more."""
        del self.entries[entry.msg_id]
        self.end(entry.file_id, entry.item, seq)
        if not entry.op:
            self.finished.add(entry)
        self.unlink(entry)

    def _count_over(self, file: FileAccount, count: int, tried: int) -> None:
        file.done += count
        if file.trial is not None:
            file.trial.done += tried
        if file.closed:
            if file.at_rest:
                self.touched.add(file.file_id)
            self.forget_if_done(file)

    def end(self, file_id: int, item: int, seq: int) -> None:
        """This item of this file ended with this fact."""
        slots = self.slots[file_id]
        full = slots.end(item, seq)
        if full is not None:
            self.full_blocks.append(FullBlock(file_id, full, slots.drop(full)))
            self.filled.add(file_id)

    def forget_if_done(self, file: FileAccount) -> None:
        """Keep no account of a file that is reported and has no message that is not final."""
        if file.reported and not file.pending:
            del self.files[file.file_id], self.slots[file.file_id]
            self.restrained.discard(file.file_id)

    def restrain(self, file: FileAccount) -> None:
        """Know whether something of a file may have to stay, after a fact about it."""
        (self.restrained.add if file.restrained else self.restrained.discard)(file.file_id)

    def wait(self, entry: Outstanding) -> None:
        """Let it go again when it is due."""
        queue = entry.msg_id >> QUEUE_SHIFT
        self.retries.add(queue, entry.due or 0.0, entry.msg_id)
        if entry.expires is not None:
            self.back_expires = min(entry.expires, self.back_expires)
        self.refilled.add(queue)

    def called_off(self, file_id: int, msg_id: int, place: float) -> None:
        """A message waits no more where it waited: at this moment of the agenda, or held."""
        if not self.agenda.remove(place, msg_id):
            self.holding.remove(file_id, msg_id)
        self.files[file_id].scheduled -= 1

    def due_retries(self, queue: int, now: float) -> Iterator[Outstanding]:
        """Take a queue's messages whose time to go again has come, the earliest first."""
        while (msg_id := self.retries.pop_due(queue, now)) is not None:
            entry = self.entries.get(msg_id)
            if entry is not None and entry.state == QUEUED and (entry.due or 0.0) <= now:
                yield entry

    def remember(self, entry: Outstanding) -> None:
        """Put a message that comes from disk among the outstanding ones."""
        self.entries[entry.msg_id] = entry
        if entry.op and entry.ids:
            self.called += entry.weight
        for part, key in entry.ids:
            if not (entry.op or key.endswith("\t")):
                self.message_ids.add_older(key, (entry.msg_id, part))
        self.watch(entry)
        if entry.state == UNKNOWN:
            self.held.add(entry.msg_id)
        elif entry.state == QUEUED:
            self.wait(entry)

    def unlink(self, entry: Outstanding) -> None:
        """Its message_ids lead to it no more; one that the SMSC has used again leads elsewhere."""
        if entry.op and entry.ids:
            self.called -= entry.weight
        for _, key in entry.ids:
            self.message_ids.remove(key, entry.msg_id)

    def watch(self, entry: Outstanding) -> None:
        """Let it be found by its destination if a receipt may come under an unheard-of id."""
        if next(claimable(entry), None) is not None:
            self.unclaimed.add(entry)

    def in_doubt(self) -> list[tuple[int, int]]:
        """The (msg_id, part) pairs that were on their way out: after a crash, in doubt."""
        return [
            (entry.msg_id, part)
            for entry in self.entries.values()
            for part, state in enumerate(entry.part_states)
            if state == SENDING
        ]
