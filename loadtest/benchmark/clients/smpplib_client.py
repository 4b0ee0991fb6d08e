"""Sends with smpplib as its documentation shows it, with so many submits in flight as the window says.

The task comes as JSON on standard input; what it came to goes to standard output.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any

import smpplib.client
import smpplib.consts
import smpplib.gsm


class Counts:
    """What went out and came back."""

    submitted = 0
    answered = 0
    delivered = 0

    def sent(self, pdu: Any, **_: object) -> None:
        """A submit was answered."""
        self.answered += 1

    def received(self, pdu: Any, **_: object) -> int:
        """A receipt came."""
        self.delivered += 1
        return int(smpplib.consts.SMPP_ESME_ROK)


def main() -> None:
    """Send everything, wait for all receipts."""
    task = json.load(sys.stdin)
    host, _, port = task["address"].rpartition(":")
    counts = Counts()
    client = smpplib.client.Client(host.strip("[]"), int(port), allow_unknown_opt_params=True)
    client.set_message_sent_handler(counts.sent)
    client.set_message_received_handler(counts.received)
    client.connect()
    # With Nagle's algorithm, which smpplib leaves on, what is written after a receipt's answer waits for
    # an ACK: such a client waits more than it works.
    client._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # noqa: SLF001
    client.bind_transceiver(system_id=task["system_id"], password=task["password"])
    began, spent = time.monotonic(), time.process_time()
    for number in range(task["messages"]):
        _send(client, task, number, counts)
    while counts.answered < counts.submitted:
        client.read_once()
    while task["receipts"] and counts.delivered < counts.submitted:
        client.read_once()
    seconds, spent = time.monotonic() - began, time.process_time() - spent
    client.unbind()
    client.disconnect()
    told = {
        "sent": task["messages"],
        "parts": counts.answered,
        "delivered": counts.delivered,
        "seconds": seconds,
        "cpu": spent,
    }
    print(json.dumps(told))


def _send(client: Any, task: dict[str, Any], number: int, counts: Counts) -> None:
    text = task["text"].replace("{n:07d}", f"{number:07d}")
    parts, encoding, kind = smpplib.gsm.make_parts(text)
    for part in parts:
        while counts.submitted - counts.answered >= task["window"]:
            client.read_once()
        counts.submitted += 1
        client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
            source_addr=task["from"],
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
            destination_addr=f"{task['prefix']}{number:08d}",
            short_message=part,
            data_coding=encoding,
            esm_class=kind,
            registered_delivery=task["receipts"],
        )


if __name__ == "__main__":
    main()
