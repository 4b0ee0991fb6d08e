"""Receipts and `kill -9`: what was acknowledged is on disk, whatever happens the moment after."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import TYPE_CHECKING

from tests.pitfalls.raw import (
    BIND_TRANSCEIVER,
    DELIVER_SM,
    ENQUIRE_LINK,
    RESPONSE,
    SUBMIT_SM,
    UNBIND,
    pdu,
    receipt,
)

if TYPE_CHECKING:
    from tests.e2e.conftest import DaemonFactory

MESSAGES = 300
#: So many receipts are acknowledged, of as many messages, when the daemon is killed.
ACKNOWLEDGED = 100


class Killer(threading.Thread):
    """An SMSC of one connection after the other, which takes every submit_sm, sends all receipts
    at once and kills the daemon as soon as it has acknowledged some of them."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.victim = 0
        self.submitted = 0
        self.acknowledged = 0
        self.statuses: set[int] = set()

    def run(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        held = b""
        while data := _receive(connection):
            held += data
            while len(held) >= 16 and len(held) >= (length := int.from_bytes(held[:4], "big")):
                frame, held = held[:length], held[length:]
                if not self._answer(connection, frame):
                    return

    def _answer(self, connection: socket.socket, frame: bytes) -> bool:
        command, status, sequence = (int.from_bytes(frame[n : n + 4], "big") for n in (4, 8, 12))
        if command == BIND_TRANSCEIVER:
            connection.sendall(pdu(command | RESPONSE, sequence, b"SMSC\0"))
        elif command in (ENQUIRE_LINK, UNBIND):
            connection.sendall(pdu(command | RESPONSE, sequence))
        elif command == SUBMIT_SM:
            message_id = b"id-%d" % self.submitted
            connection.sendall(pdu(command | RESPONSE, sequence, message_id + b"\0"))
            self.submitted += 1
            if self.submitted == MESSAGES:
                connection.sendall(
                    b"".join(
                        pdu(DELIVER_SM, 1 + n, receipt(f"id-{n}", to=b"")) for n in range(MESSAGES)
                    )
                )
        elif command == DELIVER_SM | RESPONSE:
            self.statuses.add(status)
            self.acknowledged += 1
            if self.acknowledged == ACKNOWLEDGED and self.victim:
                os.kill(self.victim, signal.SIGKILL)
                return False
        return True


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def test_p62_a_receipt_that_was_acknowledged_survives_kill_9(
    daemon_factory: DaemonFactory,
) -> None:
    smsc = Killer()
    smsc.start()
    daemon = daemon_factory(smsc.port, link={"window": 50}, spool={"report_after": "5s"})
    daemon.start()
    assert daemon.program.process is not None
    smsc.victim = daemon.program.process.pid
    daemon.submit(
        [{"to": f"+3460{n:07d}", "text": f"message {n}", "id": f"m{n}"} for n in range(MESSAGES)]
    )
    assert daemon.program.process.wait(30) == -signal.SIGKILL
    smsc.victim = 0
    daemon.start()
    results = {line["message_ids"][0]: line for line in daemon.wait_report().results}
    delivered = [n for n in range(MESSAGES) if results[f"id-{n}"]["state"] == "delivered"]
    assert set(range(ACKNOWLEDGED)) <= set(delivered)
    assert smsc.statuses == {0}
    assert smsc.submitted == MESSAGES
    logged = [
        line
        for path in (daemon.spool / "receipts").glob("receipts-*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert len(logged) == len(delivered)
    assert daemon.command("audit")[0] == 0
    daemon.terminate()
