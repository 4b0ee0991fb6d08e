"""The other side of an account: calls to hand in, what may come of them, and a provider that keeps
count of what it did."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from smppd.config import ContactsConfig, HttpConfig
from smppd.message import OnUnknown
from smppd.ports import (
    CallDone,
    CallOutcome,
    CallRefused,
    CallReturned,
    CallUnanswered,
    Question,
    Reply,
)
from smppd.provider.results import Taken
from smppd.smpp.vocabulary import MessageState

if TYPE_CHECKING:
    from smppd.message import Part
    from tests.pipeline.conftest import Bench, Life

What = tuple[str, dict[str, Any]]

GROUP = ("sms.sendsmstogroup", {"from": "ACME", "countrycode": "34", "idgroup": 7, "sms": "Hola"})
SMS = ("sms.sendsms", {"from": "ACME", "to": "34600000001", "sms": "Hola"})
CONTACT = ("group.addcontact", {"idgroup": 7, "contact": "mobile:34600000001"})
READS = ("group.getcontacts", {"idgroup": 7})

#: Codes about the account, about the call, and one that no document has.
CODES = ["NO_CREDITS", "NOT_ACCESS_TO_GROUP", "INCORRECT_USER_PASSWORD", "TOO_BLUE"]


def account() -> dict[str, HttpConfig | ContactsConfig]:
    """The account "http", which asks what became of what it sent."""
    return {"http": HttpConfig(name="http", user="acme", status_after=60.0)}


def call(what: What, **more: Any) -> dict[str, Any]:
    """A line of the spool that asks for this."""
    op, args = what
    return {"op": op, "args": args, **more}


def done(part: Part, taken: Sequence[Taken] = (), **answer: Any) -> CallDone:
    """What the account makes of an answer."""
    assert part.message.call is not None
    return CallDone(part.msg_id, part.message.call.op, json.dumps(answer).encode(), taken)


def group_done(part: Part, destinations: Sequence[tuple[str, str]], **answer: Any) -> CallDone:
    """What the account makes of the answer to a group send."""
    listed = [{"messageid": name, "destination": to} for name, to in destinations]
    taken = [Taken(name, to) for name, to in destinations]
    answer = {"id": "55", "count": len(listed), "credits": "1.2"} | answer
    return done(part, taken, **answer, destinations=listed)


def status(
    part: Part, number: int, name: str, state: MessageState = MessageState.DELIVERED, word: str = ""
) -> Reply:
    """What is made of the answer to getdeliverystatus."""
    return Reply(Question(part.msg_id, number, name, part.message), 0, int(state), word=word)


class Provider:
    """Does what it is asked to, and asserts that nothing is asked for again without leave.

    `performed` counts how often it did what a call asks for, `last` is what became of its last
    request; `lost` are requests of which it knows and the daemon does not, and whether it did them.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.performed: Counter[int] = Counter()
        self.last: dict[int, str] = {}
        self.in_flight: list[Part] = []
        self.lost: list[tuple[Part, bool]] = []
        self.taken: list[tuple[Part, int, str]] = []
        self.cancelled: set[int] = set()
        self.requeued: set[int] = set()

    def take(self, part: Part) -> None:
        """A request leaves."""
        assert part.message.call is not None
        assert part.msg_id not in self.cancelled, "asked for although it is cancelled"
        free = part.message.call.harmless or part.msg_id in self.requeued
        if part.message.on_unknown != OnUnknown.RESEND and not free:
            assert self.last.get(part.msg_id) in {None, "back"}, "asked for twice"
        self.last[part.msg_id] = "in flight"
        self.in_flight.append(part)

    def crash(self) -> None:
        """The daemon is gone: some of what it asked for is done, and none of it is answered."""
        for part in self.in_flight:
            self.performed[part.msg_id] += part.msg_id % 2
        self.in_flight.clear()
        self.lost.clear()

    def answer(self, part: Part, pick: int, *, already: bool = False) -> CallDone:
        """It does it, unless it has."""
        self.performed[part.msg_id] += not already
        self.last[part.msg_id] = "done"
        assert part.message.call is not None
        number = self.performed[part.msg_id]
        names = [
            (f"{part.msg_id:x}.{n}.{number}" if (pick + n) % 5 else "", f"3460000000{n}")
            for n in range(pick % 4)
        ]
        if part.message.call.op == GROUP[0]:
            self.taken += [(part, n, name) for n, (name, _) in enumerate(names) if name]
            return group_done(part, names)
        if part.message.call.op == SMS[0]:
            name = f"{part.msg_id:x}.0.{number}" if pick % 5 else ""
            self.taken += [(part, 0, name)] if name else []
            return done(part, [Taken(name, part.message.to)], messageid=name)
        return done(part)

    async def step(self, life: Life, action: int, pick: int) -> None:
        """Something happens to a call under way, or to one whose answer was lost."""
        if action == 4 and self.lost:
            await life.settle_call(self._late(*self.lost.pop(pick % len(self.lost)), pick))
        elif action == 5 and self.taken:
            part, number, name = self.taken[pick % len(self.taken)]
            state = (MessageState.DELIVERED, MessageState.UNDELIVERABLE, MessageState.ENROUTE)[
                pick % 3
            ]
            await life.settlement.answered("http", [status(part, number, name, state, "WORD")])
        elif action < 4 and self.in_flight:
            part = self.in_flight.pop(pick % len(self.in_flight))
            await life.settle_call(self._outcome(part, action, pick), part)

    def _outcome(self, part: Part, action: int, pick: int) -> CallOutcome:
        if action == 0:
            return self.answer(part, pick)
        if action == 1:
            code = CODES[pick % len(CODES)]
            self.last[part.msg_id] = "back"
            return CallRefused(part.msg_id, code, "its meaning")
        if action == 2:
            self.last[part.msg_id] = "lost"
            self.performed[part.msg_id] += pick % 2
            self.lost.append((part, bool(pick % 2)))
            return CallUnanswered(part.msg_id, "timeout", sent=True)
        self.last[part.msg_id] = "back"
        if pick % 2:
            return CallReturned(part.msg_id)
        return CallUnanswered(part.msg_id, "cannot connect", sent=False)

    def _late(self, part: Part, already: bool, pick: int) -> CallOutcome:
        """The truth about a request that had gone without an answer; whatever became of it since."""
        assert part.message.call is not None
        if any(each.msg_id == part.msg_id for each in self.in_flight):
            return CallReturned(0)  # another request is under way: it would be answered for that
        return self.answer(part, pick, already=already)
