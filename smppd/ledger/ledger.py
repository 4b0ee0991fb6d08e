"""Making facts: every method says that something happened.

It numbers the fact, applies it to the accounts, and keeps it in `facts`; whoever calls it
commits `take_facts()` before anything that depends on them leaves the process.
"""

from __future__ import annotations

from collections.abc import Sequence

from smppd.campaign import CampaignTerms
from smppd.ledger.accounts import STEPS, Accounts
from smppd.ledger.calls import Response
from smppd.ledger.entries import MessageRow, Outstanding, outstanding, result_of
from smppd.ledger.facts import (
    CANCEL_ASKED,
    FOR_CAMPAIGN,
    OUT_OF_TURN,
    OWN_TIME,
    SET_BACK,
    Fact,
    Kind,
    Moved,
    ReceiptFact,
    Until,
    Wait,
    encode,
    receipt_key,
    receipt_text,
)
from smppd.ledger.snapshot import Chunk, FullBlock
from smppd.message import ErrorInfo, Lane, State

# Plain numbers, as they stand on disk.
_ADMITTED = int(Kind.ADMITTED)
_ANSWERED = int(Kind.ANSWERED)
_BARRED = int(Kind.BARRED)
_CAMPAIGN = int(Kind.CAMPAIGN)
_CAMPAIGN_CANCELLED = int(Kind.CAMPAIGN_CANCELLED)
_CANCELLED = int(Kind.CANCELLED)
_DEFERRED = int(Kind.DEFERRED)
_EXPIRED = int(Kind.EXPIRED)
_FAILED = int(Kind.FAILED)
_FILE_CLOSED = int(Kind.FILE_CLOSED)
_FILE_OPENED = int(Kind.FILE_OPENED)
_FILE_REPORTED = int(Kind.FILE_REPORTED)
_FILE_WITHDRAWN = int(Kind.FILE_WITHDRAWN)
_IDENTIFIED = int(Kind.IDENTIFIED)
_INDEXED = int(Kind.INDEXED)
_PARKED = int(Kind.PARKED)
_QUERIED = int(Kind.QUERIED)
_PAUSED = int(Kind.PAUSED)
_PICKED = int(Kind.PICKED)
_RECALLED = int(Kind.RECALLED)
_RECEIVED = int(Kind.RECEIVED)
_RECEIPT = int(Kind.RECEIPT)
_REFUSED = int(Kind.REFUSED)
_REQUEUED = int(Kind.REQUEUED)
_RESUMED = int(Kind.RESUMED)
_RETRY = int(Kind.RETRY)
_RETURNED = int(Kind.RETURNED)
_SENDING = int(Kind.SENDING)
_SENT = int(Kind.SENT)
_THROTTLED = int(Kind.THROTTLED)
_UNHEARD = int(Kind.UNHEARD)
_UNKNOWN = int(Kind.UNKNOWN)


class Ledger:
    """The only place that makes facts."""

    def __init__(self) -> None:
        self.accounts = Accounts()
        self.facts: list[Fact] = []

    def take_facts(self) -> list[Fact]:
        """The facts made since the last call, for one commit."""
        facts, self.facts = self.facts, []
        return facts

    def take_full_blocks(self) -> list[FullBlock]:
        """The blocks of slots that these facts have filled, for the same commit."""
        blocks, self.accounts.full_blocks = self.accounts.full_blocks, []
        return blocks

    def _record(  # noqa: PLR0913, PLR0917 (the columns of a fact)
        self,
        at: float,
        kind: int,
        msg: int | None = None,
        part: int | None = None,
        num: int | None = None,
        text: str | None = None,
        detail: bytes | None = None,
    ) -> Fact:
        accounts = self.accounts
        accounts.seq = seq = accounts.seq + 1
        fact = Fact(seq, at, kind, msg, part, num, text, detail)
        final = STEPS[kind](accounts, fact)
        if final is not None:
            fact.result = encode(result_of(final))
        self.facts.append(fact)
        return fact

    def file_opened(self, at: float, token: str, name: str, lane: Lane) -> int:
        """A file was claimed; its file_id."""
        file_id = self.accounts.last_file + 1
        detail = encode((token, name, int(lane)))
        self._record(at, _FILE_OPENED, file_id, detail=detail)
        return file_id

    def campaign(self, at: float, file_id: int, terms: CampaignTerms) -> None:
        """What a file says of itself as a whole, before any line of it is admitted."""
        self._record(at, _CAMPAIGN, file_id, text=terms.name, detail=encode(terms))

    def campaign_cancelled(self, at: float, file_id: int, who: str) -> None:
        """Nothing more of a file leaves."""
        self._record(at, _CAMPAIGN_CANCELLED, file_id, text=who)

    def campaign_paused(self, at: float, file_id: int, reason: str, who: str) -> None:
        """Nothing of a file leaves until it is resumed."""
        self._record(at, _PAUSED, file_id, detail=encode((reason, who)))

    def campaign_resumed(self, at: float, file_id: int, who: str) -> None:
        """A file goes on."""
        self._record(at, _RESUMED, file_id, detail=encode(who))

    def admitted(self, at: float, file_id: int, chunk: Chunk) -> None:
        """A chunk of lines is in the journal."""
        end = chunk.first_item + chunk.items
        self._record(at, _ADMITTED, file_id, num=end, detail=encode(chunk))

    def file_closed(self, at: float, file_id: int) -> None:
        """Every line of the file is in the journal."""
        self._record(at, _FILE_CLOSED, file_id, num=self.accounts.files[file_id].items)

    def file_withdrawn(self, at: float, file_id: int) -> None:
        """The file was unusable; nothing of it was admitted."""
        self._record(at, _FILE_WITHDRAWN, file_id)

    def file_reported(self, at: float, file_id: int, placed: str) -> None:
        """Results and report are in their final place."""
        file = self.accounts.files[file_id]
        left, states = int(file.last_submit > 0), encode(file.states)
        self._record(at, _FILE_REPORTED, file_id, num=left, text=placed, detail=states)

    def sending(
        self, at: float, link: str, rows: Sequence[MessageRow], last: int, op: str = ""
    ) -> None:
        """These rows, which are next in their queue up to msg_id `last`, are about to leave.

        With `op` it is an account of the HTTP API that takes them, and those of them that are no
        calls leave as this operation.
        """
        detail = op.encode() if op else None
        self._take(Fact(0, at, _SENDING, rows[0].msg_id, None, last, link, detail), rows)

    def sending_again(self, at: float, link: str, msg_id: int, op: str = "") -> list[int]:
        """A message that had come back is about to leave again; the parts that go. `op`: see
        `sending`."""
        entry = self.accounts.entries[msg_id]
        parts = [n for n, state in enumerate(entry.part_states) if state == State.QUEUED]
        detail = op.encode() if op else None
        self._record(at, _SENDING, msg_id, num=msg_id, text=link, detail=detail)
        return parts

    def deferred(self, at: float, rows: Sequence[MessageRow], until: Until = OWN_TIME) -> None:
        """These rows, next in their queue, are not to go before their `send_at`, or are held."""
        first, last = rows[0].msg_id, rows[-1].msg_id
        self._take(Fact(0, at, _DEFERRED, first, None, last, *_waits(until)), rows)

    def picked(
        self, at: float, rows: Sequence[MessageRow], first: int, until: Until = OWN_TIME
    ) -> None:
        """These rows are taken out of their turn: from now on they are as ones that came back, or
        wait for their `send_at`, or are held. From msg_id `first` on nothing else is queued up to
        the last."""
        self._take(Fact(0, at, _PICKED, first, None, rows[-1].msg_id, *_waits(until)), rows)

    def called_up(self, at: float, row: MessageRow) -> bool:
        """A message that waited is dealt with from now on as one that came back; whether it did
        wait."""
        place = self._place(row)
        if place is None:
            return False
        entry = outstanding(row, State.QUEUED)
        entry.attempts, entry.due, entry.counted = 0, place, True
        self.recall(at, entry)
        return True

    def waits(self, row: MessageRow) -> bool:
        """Whether a message waits for a moment or is held, without being outstanding."""
        return self._place(row) is not None

    def moved(self, at: float, row: MessageRow, until: float | Wait) -> bool:
        """A message that waited is held instead, or otherwise; whether it did wait."""
        place = self._place(row)
        if place is None:
            return False
        moment = None if isinstance(until, Wait) else until
        what = Moved(row.file_id, place, moment, row.message.expires)
        text = FOR_CAMPAIGN if moment is None else None
        self._record(at, _DEFERRED, row.msg_id, text=text, detail=encode(what))
        return True

    def _place(self, row: MessageRow) -> float | None:
        """Where a message waits: at which moment of the agenda, or 0 when it is held."""
        accounts, message = self.accounts, row.message
        for moment in (message.send_at, message.expires):
            if moment is not None and accounts.agenda.holds(moment, row.msg_id):
                return moment
        return 0.0 if accounts.holding.holds(row.file_id, row.msg_id) else None

    def barred_in_queue(self, at: float, rows: Sequence[MessageRow], error: ErrorInfo) -> None:
        """These rows, next in their queue, may not leave at all."""
        for row in rows:
            detail = encode(error)
            self._take(Fact(0, at, _BARRED, row.msg_id, None, row.msg_id, None, detail), (row,))

    def barred(self, at: float, msg_id: int, error: ErrorInfo) -> None:
        """A message that had come back, or waited, may not leave at all."""
        self._record(at, _BARRED, msg_id, detail=encode(error))

    def expired_in_queue(self, at: float, rows: Sequence[MessageRow]) -> None:
        """These rows, next in their queue, are past their time."""
        for row in rows:
            self._take(Fact(0, at, _EXPIRED, row.msg_id, None, row.msg_id), (row,))

    def expired_out_of_turn(self, at: float, row: MessageRow) -> None:
        """This row, whose turn in its queue has not come yet, is past its time."""
        self._take(Fact(0, at, _EXPIRED, row.msg_id, None, row.msg_id, OUT_OF_TURN), (row,))

    def _take(self, fact: Fact, rows: Sequence[MessageRow]) -> None:
        fact.seq = self.accounts.seq + 1
        final = self.accounts.take(fact, rows)
        if final is not None:
            fact.result = encode(result_of(final))
        self.facts.append(fact)

    def sent(self, at: float, link: str, msg_id: int, part: int, message_id: str) -> None:
        """The SMSC took a part under this message_id, or under none."""
        self._record(at, _SENT, msg_id, part, text=receipt_key(link, message_id))

    def identified(self, at: float, link: str, msg_id: int, part: int, message_id: str) -> None:
        """A receipt shows that the SMSC took a part, of unknown outcome or without an id till now."""
        self._record(at, _IDENTIFIED, msg_id, part, text=receipt_key(link, message_id))

    def refused(self, at: float, msg_id: int, part: int, error: ErrorInfo) -> None:
        """The SMSC refused a part for good."""
        self._record(at, _REFUSED, msg_id, part, error.status, detail=encode(error))

    def retry(self, at: float, msg_id: int, part: int, status: int, due: float) -> None:
        """The SMSC refused a part for now; it goes again at `due`."""
        self._record(at, _RETRY, msg_id, part, status, detail=encode(due))

    def throttled(
        self,
        at: float,
        msg_id: int,
        part: int,
        status: int,
        due: float,
        *,
        set_back: bool = False,
    ) -> None:
        """Like `retry`, but the refusal was not about the message and is no attempt.

        `due` may be `HEAD`; `set_back`: the message waits, and its waits are counted.
        """
        text = SET_BACK if set_back else None
        self._record(at, _THROTTLED, msg_id, part, status, text, encode(due))

    def answered(self, at: float, account: str, msg_id: int, response: Response) -> None:
        """The provider did what a call asks for, and said this."""
        count = len(response.taken)
        self._record(at, _ANSWERED, msg_id, num=count, text=account, detail=encode(response))

    def call_again(self, at: float, msg_id: int, part: int, due: float, why: str) -> None:
        """Like `retry`, of a call that may be repeated: no answer came, for this reason."""
        self._record(at, _RETRY, msg_id, part, text=why, detail=encode(due))

    def call_back(self, at: float, msg_id: int, part: int, due: float, why: str) -> None:
        """Like `throttled`, of a call: nothing of it had left, or it was not about the call. One
        that is made to wait (`due` is not `HEAD`) has its waits counted."""
        text = f"{SET_BACK}: {why}" if due else why
        self._record(at, _THROTTLED, msg_id, part, text=text, detail=encode(due))

    def returned(self, at: float, msg_id: int, part: int) -> None:
        """A part came back from its link; not one octet of it had left."""
        self._record(at, _RETURNED, msg_id, part)

    def unknown(self, at: float, msg_id: int, part: int, reason: str) -> None:
        """Octets of a part may have left and no answer came."""
        self._record(at, _UNKNOWN, msg_id, part, text=reason)

    def unheard(self, at: float, msg_id: int) -> None:
        """A message that was sent has waited long enough for its receipt: it stays so for good."""
        self._record(at, _UNHEARD, msg_id)

    def requeued(self, at: float, msg_id: int, who: str, due: float) -> None:
        """A message of unknown outcome goes again at `due`, by policy or an operator's word."""
        self._record(at, _REQUEUED, msg_id, text=who, detail=encode(due))

    def failed(self, at: float, msg_id: int, error: ErrorInfo) -> None:
        """A message was given up."""
        self._record(at, _FAILED, msg_id, detail=encode(error))

    def expired(self, at: float, msg_id: int) -> None:
        """A message that had come back is past its time."""
        self._record(at, _EXPIRED, msg_id)

    def cancelled(self, at: float, who: str, msg_id: int, row: MessageRow | None = None) -> None:
        """A queued message is not to go; its row, if its turn in the queue has not come yet."""
        if row is None:
            self._record(at, _CANCELLED, msg_id, text=who)
        else:
            self._take(Fact(0, at, _CANCELLED, msg_id, None, msg_id, who), (row,))

    def cancel_asked(self, at: float, who: str, msg_id: int, part: int) -> None:
        """The SMSC is about to be asked to cancel a part that it took."""
        self._record(at, _CANCELLED, msg_id, part, CANCEL_ASKED, who)

    def cancel_answered(self, at: float, link: str, msg_id: int, part: int, status: int) -> None:
        """The SMSC cancelled a part (status 0), or refused to."""
        self._record(at, _CANCELLED, msg_id, part, status, link)

    def queried(
        self, at: float, where: tuple[int, int], num: int | None, what: ReceiptFact, status: int
    ) -> None:
        """The SMSC was asked where a part is, and said so as a receipt would.

        With a status it did not: it does not know the part, and is not to be asked again.
        """
        detail = encode(status) if status else None
        self._record(at, _QUERIED, where[0], where[1], num, receipt_text(what), detail)

    def receipt(
        self, at: float, where: tuple[int, int], num: int | None, what: ReceiptFact
    ) -> Fact:
        """A receipt for a part that we know.

        `num` is its message_state: negative if another will follow, None if not understood.
        """
        return self.told(at, where, num, receipt_text(what))

    def told(self, at: float, where: tuple[int, int], num: int | None, text: str) -> Fact:
        """Like `receipt`, of one whose text is made already."""
        return self._record(at, _RECEIPT, where[0], where[1], num, text)

    def park(self, at: float, num: int | None, what: ReceiptFact, other_id: str = "") -> None:
        """A receipt that matches nothing: kept until its message_id, or the other one that it
        named, is learnt."""
        self._record(at, _PARKED, num=num, text=receipt_text(what))
        if other_id:
            again = receipt_text(what._replace(message_id=other_id))
            self._record(at, _PARKED, part=1, num=num, text=again)

    def received(self, at: float, name: str, letter: bytes) -> None:
        """A message from a handset or a chat is in `received/` under this name; its JSON."""
        self._record(at, _RECEIVED, text=name, detail=letter)

    def recall(self, at: float, entry: Outstanding) -> None:
        """A message that had been spilled to disk is needed in memory again."""
        self._record(at, _RECALLED, entry.msg_id, detail=encode(entry))

    def indexed(self, at: float) -> None:
        """The client ids of everything admitted so far are in the journal's index."""
        self._record(at, _INDEXED)

    def paused(self, at: float, link: str, reason: str, who: str) -> None:
        """A link submits nothing until it is resumed."""
        self._record(at, _PAUSED, text=link, detail=encode((reason, who)))

    def resumed(self, at: float, link: str, who: str) -> None:
        """A paused link submits again."""
        self._record(at, _RESUMED, text=link, detail=encode(who))


def _waits(until: Until) -> tuple[str | None, bytes | None]:
    """The text and detail of a fact that says until when messages wait."""
    if isinstance(until, Wait):
        return (None if until == OWN_TIME else FOR_CAMPAIGN), None
    return None, encode(float(until))
