"""The mailbox: one whole file for each message from a handset, on disk when `keep` returns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from smppd.results.mailbox import Mailbox
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.vocabulary import EsmClass, TlvTag

NOW = 1_795_258_740.25


async def inline(function: Any, *arguments: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return function(*arguments)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "received" / "new").mkdir(parents=True)
    return tmp_path


def mailbox(root: Path) -> Mailbox:
    return Mailbox(root, lambda: NOW, inline)


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


async def test_keep_raises_when_nothing_can_be_kept(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="received"):
        await mailbox(tmp_path).keep("main", [DeliverSm()])
