"""The mailbox: one whole file for each message from a handset, on disk when `keep` returns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.events import Event, MailboxFailing, MailboxRecovered
from smppd.ports import Letter
from smppd.results.mailbox import Mailbox, MailRules
from smppd.smpp.codec import Undecodable, decode
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.vocabulary import EsmClass, TlvTag

NOW = 1_795_258_740.25


async def inline(function: Any, *arguments: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("new", "parts"):
        (tmp_path / "received" / name).mkdir(parents=True)
    return tmp_path


def mailbox(root: Path) -> Mailbox:
    return Mailbox(root, lambda: NOW, lambda event: None, MailRules(), inline)


def letters(root: Path) -> list[dict[str, Any]]:
    paths = sorted((root / "received" / "new").iterdir())
    assert all(path.suffix == ".json" for path in paths)
    return [json.loads(path.read_bytes()) for path in paths]


async def test_a_message_becomes_a_file(root: Path) -> None:
    message = DeliverSm(
        source_addr="34600000001", destination_addr="2580", short_message=b"STOP \x1be"
    )
    await mailbox(root).keep("main", [message])
    (letter,) = letters(root)
    assert letter == {
        "link": "main",
        "received": "2026-11-21T10:59:00.250Z",
        "source": "34600000001",
        "destination": "2580",
        "text": "STOP €",
        "data": b"STOP \x1be".hex(),
        "data_coding": 0,
        "esm_class": 0,
        "kind": "message",
        "parts": 1,
        "missing": [],
    }


async def test_messages_of_one_moment_keep_their_order_and_each_has_its_file(root: Path) -> None:
    box = mailbox(root)
    await box.keep("main", [DeliverSm(short_message=b"%d" % n) for n in range(12)])
    await box.keep("other", [DeliverSm(short_message=b"12")])
    assert [letter["text"] for letter in letters(root)] == [f"{n}" for n in range(13)]


async def test_two_keepers_at_once(root: Path) -> None:
    box = mailbox(root)
    async with trio.open_nursery() as nursery:
        for n in range(10):
            nursery.start_soon(box.keep, "main", [DeliverSm(short_message=b"%d" % n)])
    assert len(letters(root)) == 10


async def test_the_users_own_header_is_not_read_as_text(root: Path) -> None:
    octets = bytes.fromhex("0605040b8423f0") + "Привет".encode("utf-16-be")
    message = DeliverSm(short_message=octets, data_coding=8, esm_class=int(EsmClass.UDHI))
    await mailbox(root).keep("main", [message])
    (letter,) = letters(root)
    assert letter["text"] == "Привет"
    assert letter["data"] == octets.hex()
    assert letter["esm_class"] == EsmClass.UDHI


@pytest.mark.parametrize(
    "message",
    [
        DeliverSm(tlvs=((int(TlvTag.MESSAGE_PAYLOAD), b"long"),)),
        DataSm(tlvs=((int(TlvTag.MESSAGE_PAYLOAD), b"long"),)),
    ],
)
async def test_a_text_that_came_as_payload(root: Path, message: DeliverSm | DataSm) -> None:
    await mailbox(root).keep("main", [message])
    assert letters(root)[0]["text"] == "long"


@pytest.mark.parametrize("octets", [b"", b"\xff\xfe\x00", b"\x1b", b"\x05\x00\x03"])
async def test_what_cannot_be_read_is_kept_all_the_same(root: Path, octets: bytes) -> None:
    messages = [
        DeliverSm(short_message=octets, data_coding=coding, esm_class=0x40)
        for coding in (0, 3, 8, 0xF5, 5, 13)
    ]
    await mailbox(root).keep("main", messages)
    assert [letter["data"] for letter in letters(root)] == [octets.hex()] * 6


async def test_acknowledgements_of_handsets_are_told_apart(root: Path) -> None:
    kinds = [DeliverSm(esm_class=esm_class) for esm_class in (0x00, 0x08, 0x10, 0x18, 0x48)]
    await mailbox(root).keep("main", kinds)
    assert [letter["kind"] for letter in letters(root)] == [
        "message",
        "delivery_acknowledgement",
        "user_acknowledgement",
        "conversation_abort",
        "delivery_acknowledgement",
    ]


async def test_ports_and_tlvs_are_told(root: Path) -> None:
    message = DeliverSm(
        short_message=bytes.fromhex("0605040b8423f0") + b"wap",
        esm_class=0x40,
        tlvs=((0x1400, b"\x01\x02"), (int(TlvTag.USER_MESSAGE_REFERENCE), b"\0\7")),
    )
    await mailbox(root).keep("main", [message])
    (letter,) = letters(root)
    assert letter["header"] == "0605040b8423f0"
    assert letter["ports"] == {"destination": 0x0B84, "source": 0x23F0}
    assert letter["tlvs"] == {"0x1400": "0102", "0x0204": "0007"}
    assert letter["text"] == "wap"


async def test_what_data_coding_0_means_is_the_links(root: Path) -> None:
    rules = MailRules(alphabets={"latin": "latin1"})
    box = Mailbox(root, lambda: NOW, lambda event: None, rules, inline)
    for link in ("latin", "other"):
        await box.keep(link, [DeliverSm(short_message=b"\xa3 @")])
    assert letters(root)[0]["text"] == "£ @"
    assert letters(root)[1]["text"] != "£ @"


async def test_a_pdu_that_cannot_be_read_is_kept_octet_for_octet(root: Path) -> None:
    frame = bytes.fromhex("00000014 00000005 00000000 00000007 61626364")
    pdu = decode(frame)
    assert isinstance(pdu, Undecodable)
    assert await mailbox(root).keep("main", [pdu]) == [True]
    (letter,) = letters(root)
    assert (letter["kind"], letter["data"]) == ("unreadable", frame.hex())
    assert letter["problem"]


async def test_a_disk_that_fails_is_told_once_and_nothing_counts_as_kept(root: Path) -> None:
    told: list[Event] = []
    box = Mailbox(root, lambda: NOW, told.append, MailRules(), inline)
    new = root / "received" / "new"
    new.rename(root / "away")
    assert await box.keep("main", [DeliverSm(), DeliverSm()]) == [False, False]
    assert await box.keep("main", [DeliverSm()]) == [False]
    (failing,) = told
    assert isinstance(failing, MailboxFailing)
    assert "received/new" in failing.reason
    (root / "away").rename(new)
    assert await box.keep("main", [DeliverSm()]) == [True]
    assert told[1:] == [MailboxRecovered()]
    assert len(letters(root)) == 1


async def test_a_letter_is_noted_when_it_lies_there_and_before_it_counts_as_kept(
    root: Path,
) -> None:
    box, noted = mailbox(root), list[Letter]()

    async def note(given: Sequence[Letter]) -> None:
        for each in given:
            assert (root / "received" / "new" / each.name).read_bytes() == each.body
        await trio.lowlevel.checkpoint()
        noted.extend(given)

    box.note_with(note)
    await box.keep("main", [DeliverSm(short_message=b"one"), DeliverSm(short_message=b"two")])
    assert [json.loads(each.body)["text"] for each in noted] == ["one", "two"]
    assert sorted(each.name for each in noted) == sorted(
        path.name for path in (root / "received" / "new").iterdir()
    )


async def test_what_a_failing_disk_did_not_keep_is_not_noted(root: Path) -> None:
    box, noted = mailbox(root), list[Letter]()

    async def note(given: Sequence[Letter]) -> None:
        await trio.lowlevel.checkpoint()
        noted.extend(given)

    box.note_with(note)
    (root / "received" / "new").rename(root / "away")
    await box.keep("main", [DeliverSm()])
    assert noted == []
