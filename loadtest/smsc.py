"""A lean SMSC to measure against: as quick as one Python process can be, and no more than that.

    python loadtest/smsc.py --listen 127.0.0.1:2775 --latency 0.02

It lets in everybody, takes every submit_sm (above `--rate` it throttles), and sends a receipt for those
that ask for one. `smppd simulate` does all that an SMSC may do; this one does only what a measurement
needs, for a small share of the CPU, so that whoever is measured is the limit. It shares no code with
the daemon: what both got wrong would show.

SIGTERM ends it. What it saw is then in the file of `--tally-file`, as JSON; with `--note SENDER` also when
each submit_sm from that sender came, by its destination.
"""

from __future__ import annotations

import argparse
import json
import selectors
import signal
import socket
import struct
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

HEADER = struct.Struct(">IIII")
SUBMIT_SM, SUBMIT_SM_RESP = 0x00000004, 0x80000004
DELIVER_SM, DELIVER_SM_RESP = 0x00000005, 0x80000005
ENQUIRE_LINK, ENQUIRE_LINK_RESP = 0x00000015, 0x80000015
UNBIND, UNBIND_RESP = 0x00000006, 0x80000006
#: The bit that makes a response of a command; alone it is a generic_nack.
RESPONSE = 0x80000000
#: Receiver, transmitter, transceiver.
BINDS = (0x00000001, 0x00000002, 0x00000009)
TRANSMITTER = 0x00000002
ESME_RINVCMDID, ESME_RTHROTTLED = 0x03, 0x58
#: More octets than any PDU has: whoever announces them speaks no SMPP.
LONGEST = 1 << 20
READ_SIZE = 1 << 18
#: A receipt that was refused, or whose session was lost, goes again after so many seconds.
AGAIN = 1.0


class Account:
    """All that one system_id has here."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.tokens = max(1.0, rate)
        self.refilled = 0.0
        self.waiting: deque[bytes] = deque()
        self.receivers: deque[Connection] = deque()

    def allows(self, now: float) -> bool:
        """Whether one more submit is within the rate; no more than a second's worth at once."""
        more = (now - self.refilled) * self.rate
        self.tokens = min(max(1.0, self.rate), self.tokens + more)
        self.refilled = now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


class Connection:
    """One TCP connection; `sent` are receipts without an answer, by sequence_number."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.left = b""
        self.out: list[bytes] = []
        self.account: Account | None = None
        self.sent: dict[int, bytes] = {}
        self.sequence = 0
        self.closing = False


class Smsc:
    """Serves until it is told to stop. `tally` counts what it saw."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.tally = dict.fromkeys(
            ("binds", "accepted", "taken_twice", "throttled", "receipts", "acknowledged", "nacked"),
            0,
        )
        self.stopping = False
        #: When what is to be noted came (epoch seconds), by its destination.
        self.arrivals: dict[str, float] = {}
        self._noted = options.note.encode() + b"\0" if options.note else None
        self._seen: set[int] = set()
        self._number = 0
        self._accounts: dict[str, Account] = {}
        self._connections: set[Connection] = set()
        self._selector = selectors.DefaultSelector()
        #: What is due later, in order, for the delay of each is the same.
        self._answers: deque[tuple[float, Connection, bytes]] = deque()
        self._receipts: deque[tuple[float, Account, list[bytes]]] = deque()
        self._held: list[tuple[Account, list[bytes]]] = []
        self._last_submit = 0.0
        self._minute, self._dates = -1, b""

    # ── the loop ─────────────────────────────────────────────────────────────────────────────

    def serve(self, server: socket.socket) -> None:
        """Take connections, and serve them, until `stopping`."""
        server.setblocking(False)
        self._selector.register(server, selectors.EVENT_READ)
        while not self.stopping:
            for key, mask in self._selector.select(self._patience()):
                if key.data is None:
                    self._accept(server)
                elif mask & selectors.EVENT_READ:
                    self._read(key.data)
                else:
                    self._flush(key.data)
            self._advance(time.monotonic())
        for connection in list(self._connections):
            self._close(connection)

    def _patience(self) -> float:
        dues = [each[0][0] for each in (self._answers, self._receipts) if each]
        if self._held:
            dues.append(self._last_submit + self.options.storm)
        return min(0.2, max(0.0, min(dues, default=1e9) - time.monotonic()))

    def _accept(self, server: socket.socket) -> None:
        sock, _ = server.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock)
        self._connections.add(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _read(self, connection: Connection) -> None:
        try:
            chunk = connection.sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._close(connection)
            return
        try:
            self._take(connection, connection.left + chunk, time.monotonic())
        except (ValueError, IndexError):
            print("an ESME sent what is no SMPP", file=sys.stderr)
            connection.closing = True
        self._flush(connection)
        if connection.account is not None:
            self._flush_all(connection.account)

    def _flush_all(self, account: Account) -> None:
        for connection in list(account.receivers):
            if connection.out:
                self._flush(connection)

    def _advance(self, now: float) -> None:
        touched = set()
        while self._answers and self._answers[0][0] <= now:
            _, connection, octets = self._answers.popleft()
            connection.out.append(octets)
            touched.add(connection)
        if self._held and now >= self._last_submit + self.options.storm:
            self._receipts.extend((now, account, bodies) for account, bodies in self._held)
            self._held.clear()
        while self._receipts and self._receipts[0][0] <= now:
            _, account, bodies = self._receipts.popleft()
            account.waiting.extend(bodies)
            self._deliver(account)
            self._flush_all(account)
        for connection in touched:
            self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        octets = b"".join(connection.out)
        try:
            sent = connection.sock.send(octets) if octets else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(connection)
            return
        connection.out = [octets[sent:]] if sent < len(octets) else []
        if connection.closing and not connection.out:
            self._close(connection)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.out else 0)
        if self._selector.get_key(connection.sock).events != wanted:
            self._selector.modify(connection.sock, wanted, connection)

    def _close(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        self._selector.unregister(connection.sock)
        connection.sock.close()
        account = connection.account
        if account is not None and connection in account.receivers:
            account.receivers.remove(connection)
            account.waiting.extendleft(reversed(connection.sent.values()))
            self._deliver(account)
            self._flush_all(account)

    # ── PDUs ─────────────────────────────────────────────────────────────────────────────────

    def _take(self, connection: Connection, data: bytes, now: float) -> None:
        """All whole PDUs of what has arrived."""
        position, end, answers, receipts = 0, len(data), list[bytes](), list[bytes]()
        unpack = HEADER.unpack_from
        while end - position >= 16:
            length, command, status, sequence = unpack(data, position)
            if not 16 <= length <= LONGEST:
                raise ValueError(length)
            if end - position < length:
                break
            if command == SUBMIT_SM and connection.account is not None:
                frame = data[position : position + length]
                answers.append(self._submit(connection.account, frame, sequence, now, receipts))
            elif command == DELIVER_SM_RESP:
                self._acknowledged(connection, sequence, status, now)
            else:
                self._other(connection, command, sequence, data[position : position + length])
            position += length
        connection.left = data[position:]
        if answers:
            self._answer(connection, b"".join(answers), now)
        account = connection.account
        if account is not None:
            if receipts:
                self._promise(account, receipts, now)
            self._deliver(account)

    def _answer(self, connection: Connection, octets: bytes, now: float) -> None:
        if self.options.latency:
            self._answers.append((now + self.options.latency, connection, octets))
        else:
            connection.out.append(octets)

    def _submit(
        self, account: Account, frame: bytes, sequence: int, now: float, receipts: list[bytes]
    ) -> bytes:
        """Its answer; its receipt is added to those."""
        if account.rate and not account.allows(now):
            self.tally["throttled"] += 1
            return HEADER.pack(16, SUBMIT_SM_RESP, ESME_RTHROTTLED, sequence)
        index = frame.index
        source = index(0, 16) + 1
        destination = index(0, source + 2) + 1
        rest = index(0, destination + 2) + 1
        registered = index(0, index(0, rest + 3) + 1) + 1
        self.tally["accepted"] += 1
        if self._noted is not None and frame[source + 2 : destination] == self._noted:
            to = frame[destination + 2 : rest - 1].decode("latin-1")
            self.arrivals.setdefault(to, time.time())
        body = hash(frame[16:])
        if body in self._seen:
            self.tally["taken_twice"] += 1
        elif len(self._seen) < self.options.remember:
            self._seen.add(body)
        self._number += 1
        message_id = b"%010d" % self._number
        if frame[registered] & 1 and self.options.receipts:
            dates = self._dates if int(now) // 60 == self._minute else self._date(now)
            text = b"id:%b sub:001 dlvrd:001 %b stat:DELIVRD err:000 text:" % (message_id, dates)
            receipts.append(
                b"\0%b%b\x04\0\0\0\0\0\0\0\0%c%b"
                % (frame[destination:rest], frame[source:destination], len(text), text)
            )
        return HEADER.pack(27, SUBMIT_SM_RESP, 0, sequence) + message_id + b"\0"

    def _date(self, now: float) -> bytes:
        """What receipts say of the minute that it is."""
        self._minute = int(now) // 60
        stamp = time.strftime("%y%m%d%H%M", time.gmtime())
        self._dates = f"submit date:{stamp} done date:{stamp}".encode()
        return self._dates

    def _other(self, connection: Connection, command: int, sequence: int, frame: bytes) -> None:
        if command in BINDS:
            name = frame[16 : frame.index(0, 16)].decode("latin-1")
            account = self._accounts.setdefault(name, Account(self.options.rate))
            connection.account = account
            if command != TRANSMITTER:
                account.receivers.append(connection)
            self.tally["binds"] += 1
            told = b"lean\0"
            connection.out.append(HEADER.pack(21, command | RESPONSE, 0, sequence) + told)
        elif command == ENQUIRE_LINK:
            connection.out.append(HEADER.pack(16, ENQUIRE_LINK_RESP, 0, sequence))
        elif command == UNBIND:
            connection.out.append(HEADER.pack(16, UNBIND_RESP, 0, sequence))
            connection.closing = True
        elif not command & RESPONSE:
            self.tally["nacked"] += 1
            connection.out.append(HEADER.pack(16, RESPONSE, ESME_RINVCMDID, sequence))

    # ── receipts ─────────────────────────────────────────────────────────────────────────────

    def _promise(self, account: Account, receipts: list[bytes], now: float) -> None:
        self._last_submit = now
        if self.options.storm:
            self._held.append((account, receipts))
        elif self.options.receipt_delay:
            self._receipts.append((now + self.options.receipt_delay, account, receipts))
        elif self.options.latency:  # with the answer, behind it
            self._receipts.append((now + self.options.latency, account, receipts))
        else:
            account.waiting.extend(receipts)

    def _deliver(self, account: Account) -> None:
        """Fill the windows of those that receive, each time another one's first."""
        waiting, window = account.waiting, self.options.receipt_window
        if not waiting:
            return
        account.receivers.rotate()
        for connection in account.receivers:
            before = len(connection.out)
            for _ in range(min(len(waiting), window - len(connection.sent))):
                body = waiting.popleft()
                connection.sequence = connection.sequence % 0x7FFFFFFF + 1
                connection.sent[connection.sequence] = body
                header = HEADER.pack(16 + len(body), DELIVER_SM, 0, connection.sequence)
                connection.out.append(header + body)
            self.tally["receipts"] += len(connection.out) - before

    def _acknowledged(self, connection: Connection, sequence: int, status: int, now: float) -> None:
        body = connection.sent.pop(sequence, None)
        if body is None:
            return
        if not status:
            self.tally["acknowledged"] += 1
        elif connection.account is not None:
            self._receipts.append((now + AGAIN, connection.account, [body]))


def main() -> int:
    """Serve until SIGTERM."""
    options = _options()
    host, _, port = options.listen.rpartition(":")
    smsc = Smsc(options)

    def stop(_number: int, _frame: object) -> None:
        smsc.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        server = socket.create_server((host, int(port)))
    except (OSError, ValueError) as error:
        sys.exit(f"cannot listen on {options.listen}: {error}; write HOST:PORT, like 127.0.0.1:0")
    with server:
        print(f"listening on {host}:{server.getsockname()[1]}", flush=True)
        with suppress(KeyboardInterrupt):
            smsc.serve(server)
    if options.tally_file:
        noted = {"arrivals": smsc.arrivals} if options.note else {}
        options.tally_file.write_text(json.dumps(smsc.tally | noted))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--listen", default="127.0.0.1:2775", help="HOST:PORT; port 0: any")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds until each answer")
    parser.add_argument("--rate", type=float, default=0.0,
                        help="submits a second that an account may make, else throttled; 0: any")  # fmt: skip
    parser.add_argument("--receipts", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--receipt-delay", type=float, default=0.0, help="seconds to the receipt")
    parser.add_argument("--receipt-window", type=int, default=500, help="without an answer, each")
    parser.add_argument("--storm", type=float, default=0.0,
                        help="hold receipts back until nothing came for so many seconds")  # fmt: skip
    parser.add_argument("--remember", type=int, default=2_000_000,
                        help="so many messages are told apart, to find one that comes twice")  # fmt: skip
    parser.add_argument("--note", metavar="SENDER", help="note when what comes from it arrives")
    parser.add_argument("--tally-file", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
