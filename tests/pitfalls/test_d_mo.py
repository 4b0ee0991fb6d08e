"""Messages from handsets: stored before the answer, never taken for a receipt, whole or in parts."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from tests.pitfalls.raw import DATA_SM, DELIVER_SM, RESPONSE, message, pdu, receipt, tlv
from tests.pitfalls.rig import Rig

DELIVERED = DELIVER_SM | RESPONSE
FORGED = b"id:1 sub:001 dlvrd:001 submit date:2611210000 done date:2611210001 stat:UNDELIV err:001"


def part(number: int, total: int, text: bytes, reference: int = 7, **more: Any) -> bytes:
    """The body of a deliver_sm with one part of a long message."""
    return message(bytes((5, 0, 3, reference, total, number)) + text, esm_class=0x40, **more)


def statuses(rig: Rig) -> list[int]:
    return [frame.status for frame in rig.call.heard(DELIVERED)]


def texts(rig: Rig) -> list[str]:
    return [letter["text"] for letter in rig.received()]


@pytest.mark.parametrize("esm_class", [0x00, 0x08, 0x10, 0x18, 0x40])
async def test_p64_a_handsets_text_is_no_receipt_whatever_it_says(
    rig: Rig, autojump_clock: MockClock, esm_class: int
) -> None:
    await rig.start()
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.states() == {"sent": 1})
    text = b"\0" + FORGED if esm_class == 0x40 else FORGED
    rig.smsc.say(pdu(DELIVER_SM, 1, message(text, esm_class=esm_class, source=b"34666")))
    await rig.until(lambda: statuses(rig) == [0])
    assert rig.states() == {"sent": 1}
    assert rig.receipts() == []
    (letter,) = rig.received()
    assert letter["text"] == FORGED.decode()
    assert letter["kind"] == {
        0x08: "delivery_acknowledgement",
        0x10: "user_acknowledgement",
        0x18: "conversation_abort",
    }.get(esm_class, "message")


async def test_p64_it_is_on_disk_before_it_is_acknowledged(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    disk = trio.Event()

    async def slow(call: Callable[..., Any]) -> None:
        if "keep" in getattr(call, "__name__", ""):
            await disk.wait()

    rig.before_call = slow
    rig.smsc.say(pdu(DELIVER_SM, 1, message(b"Hola")))
    await trio.sleep(20)
    assert statuses(rig) == []
    disk.set()
    await rig.until(lambda: statuses(rig) == [0])
    assert texts(rig) == ["Hola"]


async def test_p64_what_a_kill_kept_from_the_disk_was_not_acknowledged(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()

    async def never(call: Callable[..., Any]) -> None:
        if "keep" in getattr(call, "__name__", ""):
            await trio.sleep_forever()

    rig.before_call = never
    rig.smsc.say(pdu(DELIVER_SM, 1, message(b"Hola")))
    await trio.sleep(1)
    assert statuses(rig) == []
    await rig.kill()
    assert texts(rig) == []


@pytest.mark.parametrize("kills", [False, True])
async def test_p64_parts_are_joined_in_any_order_over_restarts(
    rig: Rig, autojump_clock: MockClock, kills: bool
) -> None:
    await rig.start()
    for number, text in ((3, b"three"), (1, b"one "), (1, b"one "), (2, b"two ")):
        assert texts(rig) == []
        rig.smsc.say(pdu(DELIVER_SM, number, part(number, 3, text)))
        await rig.until(lambda: statuses(rig))
        assert set(statuses(rig)) == {0}
        await (rig.kill() if kills else rig.stop())
        await rig.start_again()
    (letter,) = rig.received()
    assert (letter["text"], letter["parts"], letter["missing"]) == ("one two three", 3, [])


async def test_p64_parts_over_sessions_in_data_sm_and_as_payload(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(bound=2, sessions=2)
    header = bytes((5, 0, 3, 9, 2, 2))
    data_sm = b"\0\1\x0134600000001\0\1\1ACME\0\x40\0\0" + tlv(0x0424, header + b"two")
    first, second = rig.smsc.calls
    second.say(pdu(DATA_SM, 1, data_sm))
    await rig.until(lambda: second.heard(DATA_SM | RESPONSE))
    assert second.heard(DATA_SM | RESPONSE)[0].body == b"\0"
    first.say(pdu(DELIVER_SM, 1, part(1, 2, b"one ", 9)))
    await rig.until(lambda: texts(rig) == ["one two"])


async def test_p64_a_character_across_two_parts(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    octets = "¡Olé! 😀".encode("utf-16-be")
    rig.smsc.say(
        pdu(DELIVER_SM, 1, part(1, 2, octets[:14], data_coding=8)),
        pdu(DELIVER_SM, 2, part(2, 2, octets[14:], data_coding=8)),
        pdu(DELIVER_SM, 3, part(1, 2, b"10 \x1b", 8)),
        pdu(DELIVER_SM, 4, part(2, 2, b"e", 8)),
    )
    await rig.until(lambda: len(texts(rig)) == 2)
    assert texts(rig) == ["¡Olé! 😀", "10 €"]


async def test_p64_what_does_not_come_in_time_is_given_out_without_it(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(spool={"reassembly_timeout": 3600.0})
    rig.smsc.say(pdu(DELIVER_SM, 1, part(2, 3, b"two")))
    await trio.sleep(60)
    assert texts(rig) == []
    rig.skew += 3600
    await rig.until(lambda: texts(rig))
    (letter,) = rig.received()
    assert (letter["text"], letter["parts"], letter["missing"]) == ("two", 3, [1, 3])
    (event,) = rig.of(events.ReceivedIncomplete)
    assert event.missing == "1, 3"


@pytest.mark.parametrize(("alphabet", "text"), [("gsm7", "£è"), ("latin1", "\x01\x04")])
async def test_p64_data_coding_0_is_what_the_link_says(
    rig: Rig, autojump_clock: MockClock, alphabet: str, text: str
) -> None:
    await rig.start(data_coding_0=alphabet)
    rig.smsc.say(pdu(DELIVER_SM, 1, message(b"\x01\x04")))
    await rig.until(lambda: texts(rig) == [text])


async def test_p64_a_full_disk_has_it_delivered_again_and_stops_nothing_else(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.start()
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.states() == {"sent": 1})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "received/new")

    with monkeypatch.context() as disk:
        disk.setattr("smppd.results.sorting.write_whole", full)
        rig.smsc.say(
            pdu(DELIVER_SM, 1, message(b"Hola")),
            pdu(DELIVER_SM, 2, receipt("1")),
            pdu(DELIVER_SM, 3, part(1, 2, b"a")),
        )
        await rig.until(lambda: len(statuses(rig)) == 3)
    # Try later; never "no more messages to that destination" (0x65).
    assert statuses(rig) == [0x64, 0, 0x64]
    assert rig.states() == {"delivered": 1}
    (event,) = rig.of(events.MailboxFailing)
    assert "No space left" in event.reason
    rig.smsc.say(pdu(DELIVER_SM, 4, message(b"Hola")))
    await rig.until(lambda: statuses(rig)[3:] == [0])
    assert texts(rig) == ["Hola"]
    assert len(rig.of(events.MailboxRecovered)) == 1
    assert rig.call.closed_at is None


async def test_p64_a_burst_is_acknowledged_in_order_each_after_it_is_stored(
    rig: Rig, autojump_clock: MockClock
) -> None:
    simulated = rig.simulate(mo={"count": 300, "text": "{n}" + "x" * 200, "backwards": True})
    await rig.start()
    await rig.until(lambda: simulated.smsc.tally.mo.acknowledged == 600)
    assert sorted(int(text.rstrip("x")) for text in texts(rig)) == list(range(1, 301))
    assert {letter["parts"] for letter in rig.received()} == {2}
    assert simulated.smsc.tally.mo.refused == 0
