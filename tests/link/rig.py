"""A link against a scripted SMSC: the same session in the other role, on memory streams.

The SMSC has no task of its own: it acts when octets reach it, and when a test says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import trio
from trio.testing import MemoryReceiveStream, MemorySendStream

from smppd import events, ports
from smppd.config import LinkConfig
from smppd.link.dial import Unreachable
from smppd.link.link import Link
from smppd.message import Message, Part
from smppd.smpp.codec import Undecodable, encode
from smppd.smpp.pdu import (
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    DataSm,
    DeliverSm,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)
from smppd.smpp.receipt import DeliveryReceipt
from smppd.smpp.session import Answered, Event, Limits, RequestReceived, Role, Session

RECEIPT = b"id:%d sub:001 dlvrd:001 submit date:2611210000 done date:2611210001 stat:DELIVRD err:0"
BINDS = (BindTransceiver, BindTransmitter, BindReceiver)


class Call:
    """One connection, as the SMSC has it. `submits` are those not yet answered."""

    def __init__(self, smsc: Smsc) -> None:
        self._smsc = smsc
        self._send = MemorySendStream(self._hear, close_hook=self._hang_up)
        self._receive = MemoryReceiveStream()
        self.stream = trio.StapledStream(self._send, self._receive)
        limits = Limits(window=1000, enquire_link_interval=0)
        self.session = Session(Role.SMSC, limits, trio.current_time())
        self.submits: list[RequestReceived] = []
        self.events: list[Event] = []
        self.closed_at: float | None = None

    async def _hear(self) -> None:
        self._smsc.writes += 1
        if self._smsc.deaf:
            self._smsc.note()
            await trio.sleep_forever()
        data = bytes(self._send.get_data_nowait())
        for event in self.session.receive_data(data, trio.current_time()):
            self.events.append(event)
            if isinstance(event, RequestReceived):
                self._smsc.on_request(self, event)
        if not self._smsc.mute:
            self.speak()
        self._smsc.note()

    def _hang_up(self) -> None:
        self.closed_at = trio.current_time()
        self._smsc.note()

    def speak(self) -> None:
        """Let out what the session has to say."""
        octets = self.session.data_to_send()
        if octets and self.closed_at is None:
            self._receive.put_data(octets)

    def say(self, pdu: Unbind | DeliverSm) -> None:
        """Send this past the session, which so does not end."""
        self._receive.put_data(encode(pdu, 1_000_000))

    def say_garbage(self) -> None:
        """Send what is no SMPP at all."""
        self._receive.put_data(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    def break_down(self, error: OSError) -> None:
        """Let the next write meet this error."""

        async def fail() -> None:
            raise trio.BrokenResourceError from error

        self._send.send_all_hook = fail

    def drop(self) -> None:
        """End the connection without a word."""
        self._receive.put_eof()

    def answer(self, count: int | None = None, status: int = 0) -> None:
        """Answer the oldest submits, all of them unless told how many."""
        answered, self.submits = self.submits[:count], self.submits[len(self.submits[:count]) :]
        for received in answered:
            self.session.respond(received, self._smsc.response(status), status)
        self.speak()

    def deliver(self, *pdus: DeliverSm | DataSm) -> None:
        """Send these in one piece."""
        for number, pdu in enumerate(pdus):
            self.session.request(pdu, number, trio.current_time())
        self.speak()

    def answered(self) -> list[int]:
        """The deliver_sm that were acknowledged, in that order."""
        return [event.token for event in self.events if isinstance(event, Answered)]


class Smsc:
    """Every connection made to it, and what it does when asked something."""

    def __init__(self, note: Callable[[], None]) -> None:
        self.note = note
        self.calls: list[Call] = []
        self.dialled: list[tuple[float, str]] = []
        self.unreachable: set[str] = set()
        self.bind_status = 0
        self.most_binds = 0
        self.answering = True
        self.mute = False
        self.deaf = False
        self.writes = 0
        self.submits: list[SubmitSm] = []
        self.submitted_at: list[float] = []
        self._ids = 0

    def bound_calls(self) -> list[Call]:
        """The connections that are bound, and that nobody has closed."""
        return [
            call
            for call in self.calls
            if call.closed_at is None and call.session.state.value.startswith("bound")
        ]

    async def connect(self, host: str, port: int) -> trio.abc.Stream | Unreachable:
        await trio.lowlevel.checkpoint()
        self.dialled.append((trio.current_time(), f"{host}:{port}"))
        if host in self.unreachable:
            return Unreachable(f"{host}:{port} refuses connections: check host and port")
        self.calls.append(Call(self))
        return self.calls[-1].stream

    def on_request(self, call: Call, received: RequestReceived) -> None:
        if isinstance(received.pdu, BINDS):
            if self.bind_status and len(self.bound_calls()) >= self.most_binds:
                call.session.refuse_bind(received, self.bind_status)
            else:
                call.session.accept_bind(received, "SMSC")
        elif isinstance(received.pdu, SubmitSm):
            self.submits.append(received.pdu)
            self.submitted_at.append(trio.current_time())
            call.submits.append(received)
            if self.answering:
                call.answer()

    def response(self, status: int) -> SubmitSmResp:
        self._ids += not status
        return SubmitSmResp(message_id="" if status else str(self._ids))


class Rig:
    """A link, the SMSC it speaks to, and everything it reports."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._news = trio.lowlevel.ParkingLot()
        self.smsc = Smsc(self._note)
        self.events: list[events.Event] = []
        self.outcomes: list[ports.Outcome] = []
        self.receipts: list[DeliveryReceipt] = []
        self.messages: list[DeliverSm | DataSm | Undecodable] = []
        self.replies: list[ports.Reply] = []
        self.disk = trio.Event()
        self.disk.set()
        self.waiting_for_disk = 0
        self.ran = False

    async def start(self, *, bound: int = 1, **keys: Any) -> Link:
        """Run a link and wait until so many of its sessions are bound."""
        self.link = self.make(**keys)
        self.run(self.link)
        await self.until(lambda: len(self.of(events.LinkBound)) >= bound)
        return self.link

    def make(self, **keys: Any) -> Link:
        """A link that does not run yet."""
        fields = {"name": "main", "hosts": (("a", 2775),), "system_id": "acme"}
        config = LinkConfig(**(fields | keys))
        return Link(config, "secret", self, self._emit, wall=self._wall, connect=self.smsc.connect)

    def run(self, link: Link) -> None:
        """Run it; `ran` is true when one has ended."""
        self._nursery.start_soon(self._run, link)

    async def _run(self, link: Link) -> None:
        await link.run()
        self.ran = True
        self._news.unpark_all()

    def _wall(self) -> float:
        return 1e9 + trio.current_time()

    def _emit(self, event: events.Event) -> None:
        self.events.append(event)
        self._note()

    def _note(self) -> None:
        self._news.unpark_all()

    # ── as ports.Submissions ─────────────────────────────────────────────────────────────────

    async def settle(
        self,
        link: str,
        outcomes: Sequence[ports.Outcome],
        receipts: Sequence[DeliveryReceipt] = (),
    ) -> list[int]:
        await self._write((self.outcomes, outcomes), (self.receipts, receipts))
        return []

    async def keep(
        self, link: str, messages: Sequence[DeliverSm | DataSm | Undecodable]
    ) -> list[bool]:
        await self._write((self.messages, messages))
        return [True] * len(messages)

    async def answered(self, link: str, replies: Sequence[ports.Reply]) -> None:
        await self._write((self.replies, replies))

    async def _write(self, *lots: tuple[list[Any], Sequence[Any]]) -> None:
        assert any(what for _, what in lots)
        self.waiting_for_disk += 1
        self._news.unpark_all()
        await self.disk.wait()
        await trio.lowlevel.checkpoint()
        self.waiting_for_disk -= 1
        for where, what in lots:
            where.extend(what)
        self._news.unpark_all()

    # ── as the test sees it ──────────────────────────────────────────────────────────────────

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something to have happened."""
        with trio.fail_after(10_000):
            while not true():
                await self._news.park()

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of a kind, so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def settled(self, kind: type[Any]) -> list[Any]:
        """The outcomes of a kind, so far."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, kind)]


def parts(count: int, *, first: int = 1, segments: int = 1, text: bytes = b"hi") -> list[Part]:
    """The parts of so many messages."""
    made = []
    for msg_id in range(first, first + count):
        octets = tuple(b"%d.%d %s" % (msg_id, index, text) for index in range(segments))
        message = Message("34600000001", 1, 1, "ACME", 5, 0, 0, 0, "gsm7", octets)
        made += [Part(msg_id, index, message) for index in range(segments)]
    return made


def receipt(number: int) -> DeliverSm:
    return DeliverSm(esm_class=0x04, short_message=RECEIPT % number)
