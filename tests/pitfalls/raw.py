"""An SMSC that speaks octets: it sends what a test gives it and keeps whatever the ESME wrote.

It shares no code with the daemon's protocol: headers are packed here by hand. It has no task of
its own: it acts when octets reach it, and when a test says so. What it is asked it answers
obligingly (binds, enquire_link, unbind; submit_sm unless told not to), unless `on_frame` takes
the frame.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

import trio
from trio.testing import MemoryReceiveStream, MemorySendStream

from smppd.link.dial import Unreachable

GENERIC_NACK = 0x80000000
BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER = 0x01, 0x02, 0x09
QUERY_SM, SUBMIT_SM, DELIVER_SM, UNBIND, CANCEL_SM = 0x03, 0x04, 0x05, 0x06, 0x08
OUTBIND, ENQUIRE_LINK, ALERT_NOTIFICATION, DATA_SM = 0x0B, 0x15, 0x102, 0x103
RESPONSE = 0x80000000

BINDS = (BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER)


class Frame(NamedTuple):
    """A PDU of the ESME's, cut by its command_length."""

    command_id: int
    status: int
    sequence: int
    body: bytes

    @property
    def destination(self) -> str:
        """The destination_addr of a submit_sm."""
        _, _, rest = self.body.partition(b"\0")
        _, _, rest = rest[2:].partition(b"\0")
        return rest[2:].partition(b"\0")[0].decode()


def pdu(command_id: int, sequence: int = 1, body: bytes = b"", status: int = 0) -> bytes:
    """A whole PDU."""
    return struct.pack(">LLLL", 16 + len(body), command_id, status, sequence) + body


def tlv(tag: int, value: bytes, length: int | None = None) -> bytes:
    """A TLV; `length` where it lies about its length."""
    return struct.pack(">HH", tag, len(value) if length is None else length) + value


def message(
    text: bytes = b"",
    *,
    source: bytes = b"34600000001",
    destination: bytes = b"ACME",
    esm_class: int = 0,
    data_coding: int = 0,
    tlvs: bytes = b"",
) -> bytes:
    """The body of a deliver_sm."""
    return b"".join(
        (
            b"\0\1\1" + source + b"\0",
            b"\1\1" + destination + b"\0",
            bytes((esm_class, 0, 0)) + b"\0\0",
            bytes((0, 0, data_coding, 0, len(text))) + text,
            tlvs,
        )
    )


def receipt(
    message_id: str, stat: str = "DELIVRD", *, to: bytes = b"34600000001", tlvs: bytes = b""
) -> bytes:
    """The body of a deliver_sm that is a delivery receipt, as Appendix B has it."""
    text = (
        f"id:{message_id} sub:001 dlvrd:001 submit date:2611210000 done date:2611210001"
        f" stat:{stat} err:000 text:Hola"
    )
    return message(text.encode(), source=to, esm_class=0x04, tlvs=tlvs)


class RawCall:
    """One connection, as the SMSC has it. `frames` is what the ESME wrote, `octets` before that."""

    def __init__(self, smsc: RawSmsc, address: str) -> None:
        self._smsc = smsc
        self._held = b""
        self.address = address
        self.send = MemorySendStream(self._hear, close_hook=self._hang_up)
        self.receive = MemoryReceiveStream()
        self.stream = trio.StapledStream(self.send, self.receive)
        self.octets = bytearray()
        self.frames: list[Frame] = []
        self.opened_at = trio.current_time()
        self.closed_at: float | None = None
        self._dropped = False
        #: Reads nothing, so that the ESME's writes block, until `listen`.
        self.deaf = False
        self._ears = trio.lowlevel.ParkingLot()

    async def _hear(self) -> None:
        while self.deaf:
            self._smsc.note()
            await self._ears.park()
        data = bytes(self.send.get_data_nowait())
        self.octets += data
        self._held += data
        while len(self._held) >= 16:
            length, command_id, status, sequence = struct.unpack_from(">LLLL", self._held)
            if len(self._held) < length:
                break
            frame = Frame(command_id, status, sequence, self._held[16:length])
            self._held = self._held[length:]
            self.frames.append(frame)
            self._smsc.hear(self, frame)
        self._smsc.note()

    def _hang_up(self) -> None:
        self.closed_at = trio.current_time()
        self._smsc.note()

    def say(self, *octets: bytes, cut: int = 0) -> None:
        """Send these, in one piece or cut into pieces of so many octets."""
        data = b"".join(octets)
        if self.closed_at is not None or self._dropped:
            return
        for at in range(0, len(data), cut or max(len(data), 1)):
            self.receive.put_data(data[at : at + (cut or len(data))])

    def listen(self) -> None:
        """Read again."""
        self.deaf = False
        self._ears.unpark_all()

    def drop(self) -> None:
        """End the connection without a word."""
        self._dropped = True
        self.receive.put_eof()

    def heard(self, command_id: int) -> list[Frame]:
        """The frames of this kind, so far."""
        return [frame for frame in self.frames if frame.command_id == command_id]

    def accept(self, frame: Frame, message_id: str) -> None:
        """Answer a submit_sm with this message_id."""
        self.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, message_id.encode() + b"\0"))


class RawSmsc:
    """Every connection made to it. `accepting` false: submits wait in `call.heard(SUBMIT_SM)`."""

    def __init__(self, note: Callable[[], None]) -> None:
        self.note = note
        self.calls: list[RawCall] = []
        self.accepting = True
        #: What a bind is answered with, a header alone when the status is not 0.
        self.bind_status = 0
        self.unreachable = False
        #: Looks at each frame first; true: it is dealt with.
        self.on_frame: Callable[[RawCall, Frame], bool] = lambda call, frame: False
        self._ids = 0

    async def connect(self, host: str, port: int) -> trio.abc.Stream | Unreachable:
        """A way to this SMSC, as `smppd.link.dial.open_connection` gives one."""
        await trio.lowlevel.checkpoint()
        if self.unreachable:
            return Unreachable(f"{host}:{port} refuses connections: check host and port")
        self.calls.append(RawCall(self, f"{host}:{port}"))
        self.note()
        return self.calls[-1].stream

    @property
    def call(self) -> RawCall:
        """The newest connection."""
        return self.calls[-1]

    @property
    def submits(self) -> list[Frame]:
        """Every submit_sm of all connections, in order."""
        return [frame for call in self.calls for frame in call.heard(SUBMIT_SM)]

    def say(self, *octets: bytes, cut: int = 0) -> None:
        """See `RawCall.say`, on the newest connection."""
        self.call.say(*octets, cut=cut)

    def next_id(self) -> str:
        """The next message_id: "1", "2" and so on."""
        self._ids += 1
        return str(self._ids)

    def hear(self, call: RawCall, frame: Frame) -> None:
        """Answer what the ESME wrote, unless the test does."""
        if self.on_frame(call, frame):
            return
        command_id, sequence = frame.command_id, frame.sequence
        if command_id in BINDS:
            body = b"" if self.bind_status else b"SMSC\0"
            call.say(pdu(command_id | RESPONSE, sequence, body, self.bind_status))
        elif command_id in (ENQUIRE_LINK, UNBIND):
            call.say(pdu(command_id | RESPONSE, sequence))
        elif command_id == SUBMIT_SM and self.accepting:
            call.accept(frame, self.next_id())
