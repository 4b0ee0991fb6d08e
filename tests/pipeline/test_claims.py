"""What a receipt quotes of a text, and how well that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import encode
from smppd.ledger.user_reference import user_reference
from smppd.message import Message, State
from smppd.pipeline.claims import _in_window, _quotes
from smppd.smpp.receipt import quoted_text
from smppd.smpp.vocabulary import CommandStatus, MessageState

if TYPE_CHECKING:
    from trio.testing import MockClock

    from tests.pipeline.conftest import Bench

quiet = trio.testing.wait_all_tasks_blocked


def row(segment: bytes, data_coding: int = 0, esm_class: int = 0) -> MessageRow:
    message = Message("34600000001", 1, 1, "ACME", 5, 0, data_coding, esm_class, "gsm7", (segment,))
    return MessageRow(1, 1, 0, 1, None, State.QUEUED, encode(message))


@pytest.mark.parametrize(
    ("segment", "quoted", "fit"),
    [
        (b"Hola 1", b"Hola 1", 2),
        (b"Hola 10", b"Hola 1", 1),
        (b"Hola 1", b"Hola 10", 0),
        (b"Your code is 4711, keep it", b"Your code is 4711, k", 1),
        (b"Your code is 4711, keep it", b"YOUR CODE IS 4711  K", 1),
        (b"Hi\x00all\x02here", b"Hi@all$here", 2),  # the SMSC writes ASCII, not GSM 03.38
        (b"Hola", b"", None),
        (b"Hola", b"none", None),
        (b"Hola", b"??", None),
        (b"Hola", b"Adios", 0),
        (b"None of it", b"none", None),
    ],
)
def test_how_well_a_quoted_text_fits(segment: bytes, quoted: bytes, fit: int | None) -> None:
    assert _quotes(quoted.hex(), row(segment), 0) == fit


def test_a_quoted_text_in_ucs_2_and_behind_a_header() -> None:
    text = "Ваш код 4711 и ещё много слов".encode("utf-16-be")
    assert _quotes(text[:40].hex(), row(text, 8), 0) == 1
    header = b"\x05\x00\x03\x07\x02\x01"
    assert _quotes(text[:40].hex(), row(header + text, 8, 0x40), 0) == 1
    assert _quotes((header + text)[:20].hex(), row(header + text, 8, 0x40), 0) == 1
    latin = "Your code 4711".encode("utf-16-be")
    assert _quotes(b"Your code 4711".hex(), row(latin, 8), 0) == 2


@pytest.mark.parametrize(
    ("raw", "quoted"),
    [
        (b"id:1 stat:DELIVRD err:000 text:Hola", b"Hola"),
        (b"id:1 stat:DELIVRD err:000 Text: Hola text:x", b" Hola text:x"),
        (b"id:1 stat:DELIVRD err:000", b""),
        (b"", b""),
        (b"id:1 text:" + b"x" * 60, b"x" * 40),
        ("id:1 text:Hola".encode("utf-16-be"), "Hola".encode("utf-16-be")),
    ],
)
def test_what_a_receipt_quotes(raw: bytes, quoted: bytes) -> None:
    assert quoted_text(raw) == quoted


@pytest.mark.parametrize(
    ("date", "inside"),
    [
        ("2701150800", True),
        ("270115080000", True),
        ("2701160759", True),
        ("2701141000", True),
        ("2701170900", False),
        ("2601150800", False),
        ("", True),
        ("garbage", True),
        ("2713990800", True),
    ],
)
def test_the_submit_date_of_another_time_zone_is_near_enough(date: str, inside: bool) -> None:
    assert _in_window(date, 1_800_000_000.0) is inside  # 2027-01-15 08:00 UTC


def test_references_of_neighbours_differ() -> None:
    base = 3 << 40
    given = {user_reference(base + n, part) for n in range(2000) for part in range(4)}
    assert len(given) == 8000
    assert all(0 <= each <= 0xFFFF for each in given)


async def test_a_receipt_of_a_ghost_is_not_taken_for_that_of_another_message(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """A resend leaves the first submission's receipt behind; another message is in doubt."""
    async with bench.up() as life:
        lines = [bench.sms(id="again", on_unknown="resend"), bench.sms(id="held")]
        await life.hand_in(lines)
        await quiet()
        again, held = life.wire.submitted
        await life.lose(again)
        await life.lose(held)
        await quiet()
        await life.answer(life.wire.submitted[2], message_id="second")
        await life.receive(life.receipt("second"))
        assert life.states() == {"delivered": 1, "unknown": 1}
        await life.receive(life.receipt("first", MessageState.UNDELIVERABLE))
        assert life.states() == {"delivered": 1, "unknown": 1}
        assert len(life.accounts.shelf) == 1


async def test_while_a_message_to_the_handset_is_on_its_way_nothing_is_claimed(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="held"), bench.sms(id="flying")])
        await quiet()
        held, flying = life.wire.submitted
        await life.lose(held)
        await life.receive(life.receipt("x"))
        assert life.states() == {"unknown": 1, "sending": 1}
        await life.answer(flying, message_id="y")
        assert life.shown("held").state == "delivered"
        assert life.shown("flying").state == "sent"
        assert life.shown("held").message_ids == ["x"]


async def test_a_part_in_doubt_may_be_meant_also_when_another_of_its_message_went_again_since(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """The receipt fits two messages, before and after."""
    async with bench.up() as life:
        await life.hand_in([bench.long_sms(2, id="long"), bench.sms(id="other")])
        await quiet()
        first, second, other = life.wire.submitted
        await life.receive(life.receipt("x"))
        await life.answer(first, CommandStatus.ESME_RSYSERR)
        await life.lose(second)
        await life.lose(other)
        await trio.sleep(60)
        again = life.wire.submitted[3]
        assert (again.msg_id, again.index) == (first.msg_id, 0)
        await life.answer(again, message_id="y")
        assert life.states() == {"unknown": 2}
        assert life.shown("other").state == "unknown"
