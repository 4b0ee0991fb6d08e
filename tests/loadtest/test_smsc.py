"""The lean SMSC of the benchmark, spoken to by smpplib."""

from __future__ import annotations

import argparse
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import smpplib.client
import smpplib.consts
from smsc import Account, Smsc


class _Esme:
    """A client of smpplib's, and what came back."""

    def __init__(self, port: int) -> None:
        self.statuses: list[int] = []
        self.receipts: list[Any] = []
        self.client = smpplib.client.Client(
            "127.0.0.1", port, timeout=10, allow_unknown_opt_params=True
        )
        self.client.set_message_sent_handler(lambda pdu: self.statuses.append(pdu.status))
        self.client.set_error_pdu_handler(lambda pdu: None)
        self.client.set_message_received_handler(self._received)
        self.client.connect()
        self.client.bind_transceiver(system_id="esme", password="secret")

    def _received(self, pdu: Any) -> int:
        self.receipts.append(pdu)
        return 0

    def submit(self, to: str, *, receipt: bool = True, sender: str = "ACME") -> None:
        self.client.send_message(
            source_addr_ton=5, source_addr=sender, dest_addr_ton=1, dest_addr_npi=1,
            destination_addr=to, short_message=b"Hello", registered_delivery=receipt,
        )  # fmt: skip

    def read(self, pdus: int) -> None:
        for _ in range(pdus):
            self.client.read_once()


def _options(**more: Any) -> argparse.Namespace:
    given = {"latency": 0.0, "rate": 0.0, "receipts": True, "receipt_delay": 0.0, "storm": 0.0}
    return argparse.Namespace(
        **(given | {"receipt_window": 500, "remember": 1000, "note": None} | more)
    )


@pytest.fixture
def serving() -> Iterator[Any]:
    """Starts SMSCs: call it with options; gives the SMSC and an ESME bound to it."""
    started = []

    def start(**more: Any) -> tuple[Smsc, _Esme]:
        smsc, server = Smsc(_options(**more)), socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=smsc.serve, args=(server,))
        thread.start()
        esme = _Esme(server.getsockname()[1])
        started.append((smsc, server, thread, esme))
        return smsc, esme

    yield start
    for smsc, server, thread, esme in started:
        smsc.stopping = True
        esme.client.disconnect()
        thread.join(10)
        server.close()
        assert not thread.is_alive()


def test_a_message_is_answered_and_its_receipt_names_it(serving: Any) -> None:
    smsc, esme = serving()
    esme.submit("34600000001")
    esme.read(2)
    (receipt,) = esme.receipts
    assert esme.statuses == [0]
    assert (receipt.source_addr, receipt.destination_addr) == (b"34600000001", b"ACME")
    assert (receipt.source_addr_ton, receipt.dest_addr_ton, receipt.esm_class) == (1, 5, 4)
    text = receipt.short_message
    assert text.startswith(b"id:0000000001 sub:001 dlvrd:001 submit date:")
    assert b" stat:DELIVRD err:000 text:" in text
    esme.client.unbind()
    assert smsc.tally["acknowledged"] == smsc.tally["accepted"] == 1


def test_who_wants_no_receipt_gets_none(serving: Any) -> None:
    _, esme = serving()
    esme.submit("34600000001", receipt=False)
    esme.submit("34600000002")
    esme.read(3)
    assert [each.source_addr for each in esme.receipts] == [b"34600000002"]


def test_what_comes_twice_is_counted(serving: Any) -> None:
    smsc, esme = serving()
    for to in ("34600000001", "34600000002", "34600000001"):
        esme.submit(to, receipt=False)
    esme.read(3)
    assert (smsc.tally["accepted"], smsc.tally["taken_twice"]) == (3, 1)


def test_when_something_came_is_noted_of_one_sender_alone(serving: Any) -> None:
    smsc, esme = serving(note="ACME")
    before = time.time()
    for to, sender in (("34600000001", "ACME"), ("34600000002", "ACME2"), ("34600000001", "ACME")):
        esme.submit(to, receipt=False, sender=sender)
    esme.read(3)
    assert list(smsc.arrivals) == ["34600000001"]
    assert before <= smsc.arrivals["34600000001"] <= time.time()


def test_what_is_above_the_rate_is_throttled(serving: Any) -> None:
    smsc, esme = serving(rate=0.2)
    for n in range(5):
        esme.submit(f"3460000000{n}", receipt=False)
    esme.read(5)
    assert esme.statuses == [0, *[smpplib.consts.SMPP_ESME_RTHROTTLED] * 4]
    assert (smsc.tally["accepted"], smsc.tally["throttled"]) == (1, 4)


def test_receipts_are_held_back_for_a_storm(serving: Any) -> None:
    _, esme = serving(storm=0.2)
    for n in range(5):
        esme.submit(f"3460000000{n}")
    esme.read(5)
    assert (esme.statuses, esme.receipts) == ([0] * 5, [])
    esme.read(5)
    assert len(esme.receipts) == 5


def test_answers_wait_for_their_latency_and_receipts_come_behind(serving: Any) -> None:
    _, esme = serving(latency=0.05)
    esme.submit("34600000001")
    esme.read(1)
    assert (esme.statuses, esme.receipts) == ([0], [])
    esme.read(1)
    assert len(esme.receipts) == 1


def test_a_receipt_without_an_answer_goes_again_to_the_next_session(serving: Any) -> None:
    _, first = serving()
    first.submit("34600000001")
    first.read(1)
    first.client.disconnect()
    second = _Esme(first.client.port)
    second.read(1)
    assert [each.source_addr for each in second.receipts] == [b"34600000001"]
    second.client.disconnect()


def test_a_rate_allows_a_seconds_worth_at_once() -> None:
    account = Account(10.0)
    assert sum(account.allows(1.0) for _ in range(30)) == 10
    assert sum(account.allows(1.5) for _ in range(30)) == 5
    assert sum(account.allows(100.0) for _ in range(30)) == 10
