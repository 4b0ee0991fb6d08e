"""An account between a scripted provider and a pipeline that only takes note."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from smppd import events
from smppd.config import HttpConfig
from smppd.httpapi.account import Account
from smppd.httpapi.caller import Around
from smppd.message import Call, Message, Part
from smppd.ports import ApiCall, CallOutcome
from smppd.provider.answers import Answer, NoAnswer, Success
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.operation import Operation, Value

EPOCH = 1_795_300_000.0
DONE = Success(b'{"messageid":"7","credits":"1"}')
UNREACHABLE = NoAnswer("cannot connect", sent=False)
SILENT = NoAnswer("no answer within 30 s", sent=True)

SMS = {"from": "ACME", "to": "34600000001", "sms": "Hola"}


class Provider:
    """A client of a provider that answers as it is told: `answers` in turn, then `answer`; each
    call takes so many `seconds`. `calls` are those that began, with when."""

    def __init__(self) -> None:
        self.answer: Answer = DONE
        self.answers: list[Answer] = []
        self.seconds = 1.0
        self.calls: list[tuple[float, str, str]] = []
        self.under_way = 0
        self.most = 0
        self.closed = False
        self.secrets: list[str] = []

    async def call(self, operation: Operation, params: Mapping[str, Value]) -> Answer:
        self.calls.append((trio.current_time(), operation.name, str(params.get("sms", ""))))
        answer = self.answers.pop(0) if self.answers else self.answer
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await trio.sleep(self.seconds)
        finally:
            self.under_way -= 1
        return answer

    def renew(self, secret: str) -> None:
        self.secrets.append(secret)

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.closed = True

    @property
    def said(self) -> list[str]:
        """The texts that were sent, in order."""
        return [text for _, _, text in self.calls]

    @property
    def times(self) -> list[float]:
        """When each call began, from the first on."""
        return [round(at - self.calls[0][0], 6) for at, _, _ in self.calls]


class Pipeline:
    """Takes note of what an account reports; each commit takes so many `seconds`."""

    def __init__(self) -> None:
        self.outcomes: list[CallOutcome] = []
        self.lots: list[int] = []
        self.logged: list[ApiCall] = []
        self.seconds = 0.0
        self.news = trio.lowlevel.ParkingLot()

    async def settle_calls(self, account: str, outcomes: Sequence[CallOutcome]) -> None:
        assert account == "afilnet"
        await trio.sleep(self.seconds)
        self.lots.append(len(outcomes))
        self.outcomes += outcomes
        self.news.unpark_all()

    async def log_calls(self, calls: Sequence[ApiCall]) -> None:
        self.logged += calls
        await trio.sleep(self.seconds)

    def of(self, kind: type[CallOutcome]) -> list[int]:
        """The msg_ids of the outcomes of a kind, in order."""
        return [each.msg_id for each in self.outcomes if isinstance(each, kind)]


class Rig:
    """The account, and both its sides."""

    def __init__(self, *, log_content: bool = False, **keys: Any) -> None:
        self.provider = Provider()
        self.pipeline = Pipeline()
        self.events: list[events.Event] = []
        around = Around(self.events.append, self.wall, log_content, lambda: 0.0)
        config = HttpConfig(name="afilnet", user="acme", **keys)
        self.account = Account(config, self.provider, self.pipeline, self.pipeline, around)
        self._numbers = iter(range(1, 1_000_000))

    @staticmethod
    def wall() -> float:
        return EPOCH + trio.current_time()

    def parts(self, count: int, op: str = "sms.sendsms") -> list[Part]:
        """The next messages, each a call whose text is its number."""
        return [self.part(next(self._numbers), op) for _ in range(count)]

    @staticmethod
    def part(msg_id: int, op: str = "sms.sendsms") -> Part:
        call = Call(op, dict(SMS, sms=str(msg_id)), harmless=False)
        message = Message("", 0, 0, "", 0, 0, 0, 0, "", (b"",), call=call)
        return Part(msg_id, 0, message)

    async def feed(self, count: int) -> None:
        """As a dispatcher does: hand over what there is room for until so many are."""
        while count:
            await self.account.wait_room()
            some = self.parts(min(count, self.account.room))
            self.account.submit(some)
            count -= len(some)

    async def settled(self, count: int, patience: float = 3600.0) -> None:
        """Wait until so many outcomes are told."""
        with trio.fail_after(patience):
            while len(self.pipeline.outcomes) < count:
                await self.pipeline.news.park()
        await trio.testing.wait_all_tasks_blocked()

    async def ask(self, op: str = "chat.getchatchannels") -> Answer:
        """Make a direct call."""
        return await self.account.call(OPERATIONS[op], {})


@asynccontextmanager
async def running(**keys: Any) -> AsyncIterator[Rig]:
    """An account that runs, and is killed at the end unless it has been drained."""
    rig = Rig(**keys)
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.account.run)
        yield rig
        nursery.cancel_scope.cancel()
