"""Section D: what is a receipt, what it says, and how it is acknowledged, against raw octets."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from smppd.journal.store import Store
from tests.pitfalls.delivering import (
    ERROR,
    ID,
    OK,
    PAYLOAD,
    STATE,
    deliver,
    handset,
    naming,
    sent,
)
from tests.pitfalls.raw import (
    DATA_SM,
    DELIVER_SM,
    RESPONSE,
    Frame,
    RawCall,
    message,
    pdu,
    receipt,
    tlv,
)
from tests.pitfalls.rig import Rig

if TYPE_CHECKING:
    from trio.testing import MockClock


# ── P53: what is a receipt ───────────────────────────────────────────────────────────────────────

TEXT = b"id:a1 sub:001 dlvrd:001 submit date:2611210000 done date:2611210001 stat:DELIVRD err:000"


@pytest.mark.parametrize("esm_class", [0x04, 0x44, 0x06, 0x24, 0x20])
async def test_p53_the_type_bits_make_a_receipt(
    rig: Rig, autojump_clock: MockClock, esm_class: int
) -> None:
    await rig.start()
    await sent(rig, "a1")
    await deliver(rig, message(TEXT, source=handset(1), esm_class=esm_class))
    # An intermediate notification (0x20) is no end, whatever it says.
    assert rig.state("m1") == ("sent" if esm_class == 0x20 else "delivered")
    assert rig.received() == []


async def test_p53_without_the_bits_the_tlv_makes_one(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    await sent(rig, "a1")
    tlvs = tlv(ID, b"a1\0") + tlv(STATE, b"\2")
    await deliver(rig, message(b"", source=handset(1), tlvs=tlvs))
    assert rig.state("m1") == "delivered"


@pytest.mark.parametrize("esm_class", [0x00, 0x40, 0x08, 0x10])
@pytest.mark.parametrize("by_text", [False, True])
async def test_p53_a_handset_cannot_forge_a_receipt(
    rig: Rig, autojump_clock: MockClock, esm_class: int, by_text: bool
) -> None:
    await rig.start(receipts_by_text=by_text)
    await sent(rig, "a1")
    await deliver(rig, message(TEXT, source=b"34666666666", esm_class=esm_class & 0x3F))
    await rig.until(lambda: len(rig.received()) == 1)
    assert rig.state("m1") == "sent"
    assert rig.receipts() == []
    assert rig.figures().received == 1
    assert sum(rig.figures().receipts.values()) == 0


async def test_p53_by_text_the_id_and_the_handset_must_be_right(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(receipts_by_text=True)
    await sent(rig, "a1", "a2")
    await deliver(rig, message(TEXT.replace(b"a1", b"zz"), source=handset(1)))
    await deliver(rig, message(TEXT, source=b"ACME"))
    await deliver(rig, message(b"id:a1 hello", source=handset(1)))
    await deliver(rig, message(TEXT, source=handset(2)))
    await rig.until(lambda: len(rig.received()) == 4)
    assert rig.states() == {"sent": 2}
    await deliver(rig, message(TEXT, source=handset(1)))
    assert rig.state("m1") == "delivered"
    await deliver(rig, message(TEXT, source=handset(1)))  # repeated
    assert len(rig.received()) == 4
    assert rig.figures().matching.unproven == 3


# ── P54 to P57: what it says ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("id:a1 stat:DELIVRD", "delivered"),
        (
            "id:a1 sub:001 dlvrd:001 submit date:2611210000 done date:2611210001 stat:DELIVRD",
            "delivered",
        ),
        ("ID:a1 SUB:001 DLVRD:001 STAT:delivrd ERR:000 TEXT:", "delivered"),
        ("id:a1 stat:delivrd err:000", "delivered"),
        ("id:a1 stat:DELIVERED err:0 text:none", "delivered"),
        ("id:a1 stat:Delivered", "delivered"),
        ("id: a1 stat: DELIVRD err: 000", "delivered"),
        ("stat:DELIVRD id:a1", "delivered"),
        ("err:-1 stat:UNDELIV done date:20261121000100 id:a1", "undelivered"),
        ("id:a1 submit date:261121000000 done date:261121000100 stat:EXPIRED err:5", "undelivered"),
        ("id:a1 stat:REJECTD err:045", "undelivered"),
        ("id:a1 stat:UNDELIVERABLE err:045", "undelivered"),
        ("id:a1 stat:Undelivered", "undelivered"),
        ("id:a1 stat:EN_ROUTE", "sent"),
        ("id:a1 stat:BUFFERED", "sent"),
        ("id:a1 stat:SCHEDULED", "sent"),
        ("id:a1 stat:DELETED err:000", "undelivered"),
        ("id:a1 stat:FAILED err:000", "undelivered"),
        ("id:a1 stat:2 err:000", "delivered"),
        ("id:a1 stat:05 err:000", "undelivered"),
        ("id:a1,stat:DELIVRD,err:000", "delivered"),
        ("id:a1;stat:DELIVRD;err:000", "delivered"),
        ("id:a1\r\nstat:DELIVRD\r\nerr:000", "delivered"),
        ("id:a1 stat:ACKED err:000", "sent"),
        ("id:a1 stat:ACCEPTD err:000", "sent"),
        ("id:a1 stat:ENROUTE err:000", "sent"),
        ("id:a1 stat:UNKNOWN err:000", "sent"),
        ("id:a1 stat:QWERTY err:000", "sent"),
        ("id:a1 stat: err:000", "sent"),
        ("id:a1", "sent"),
        ("id:a1 status:DELIVRD error:000", "delivered"),
    ],
)
async def test_p54_text_variants(
    rig: Rig, autojump_clock: MockClock, text: str, state: str
) -> None:
    await rig.start()
    await sent(rig, "a1")
    await deliver(rig, message(text.encode(), source=handset(1), esm_class=4))
    assert rig.state("m1") == state
    assert [line["matched"] for line in rig.receipts()] == [True]


@pytest.mark.parametrize(
    ("text", "message_id"), [(b"\xff\xfe nonsense", ""), (b"id:a1 stat:QWERTY err:7", "a1")]
)
async def test_p54_what_cannot_be_understood_is_acknowledged_and_kept_as_it_came(
    rig: Rig, autojump_clock: MockClock, text: bytes, message_id: str
) -> None:
    await rig.start()
    await sent(rig, "a1")
    await deliver(rig, message(text, source=handset(1), esm_class=4))
    assert rig.state("m1") == "sent"
    (line,) = rig.receipts()
    assert (line["message_id"], line["state"]) == (message_id, "unknown")
    assert line["data"] == text.hex()
    await deliver(rig, receipt("a1", to=handset(1)))
    assert "data" not in rig.receipts()[1]


@pytest.mark.parametrize(
    "quoted",
    [b"id:999 stat:UNDELIV", b"id:999 stat:UNDELIV err:1", "Привет id".encode("utf-16-be"), b"\0"],
)
async def test_p55_the_quoted_text_is_content(
    rig: Rig, autojump_clock: MockClock, quoted: bytes
) -> None:
    await rig.start()
    await sent(rig, "a1")
    await deliver(rig, message(TEXT + b" text:" + quoted, source=handset(1), esm_class=4))
    assert rig.state("m1") == "delivered"


async def test_p55_what_only_the_quoted_text_says_is_said_by_nobody(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    await sent(rig, "a1", "a2")
    for text in (b"id:a1 err:000 text:stat:UNDELIV err:9", b"text: id:a2 stat:UNDELIV"):
        await deliver(rig, message(text, source=handset(1), esm_class=4))
    assert rig.states() == {"sent": 2}
    assert [line["message_id"] for line in rig.receipts()] == ["a1", ""]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("encoding", ["ascii", "utf-16-be", "utf-16-le"])
async def test_p56_coded_as_ucs_2_or_only_said_to_be(
    rig: Rig, autojump_clock: MockClock, encoding: str, mark: str
) -> None:
    await rig.start()
    await sent(rig, "a1")
    before = mark if encoding.startswith("utf") else ""
    text = f"{before}id:a1 stat:UNDELIV err:012".encode(encoding)
    await deliver(rig, message(text, source=handset(1), esm_class=4, data_coding=8))
    assert rig.state("m1") == "undelivered"


async def test_p57_tlvs_alone(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    await sent(rig, "a1")
    tlvs = tlv(ID, b"a1\0") + tlv(STATE, b"\5") + tlv(ERROR, b"\3\0\x22")
    await deliver(rig, message(b"", source=handset(1), esm_class=4, tlvs=tlvs))
    error = rig.show("m1").result.error
    assert rig.state("m1") == "undelivered"
    assert error is not None
    assert "034" in error.text


@pytest.mark.parametrize("answered", ["972660181", "39f99dd5"])
async def test_p57_tlv_and_text_in_different_radices(
    rig: Rig, autojump_clock: MockClock, answered: str
) -> None:
    """The TLV first, the text where only that is known; the TLV's state over the text's."""
    await rig.start(message_id_form="exact")
    await sent(rig, answered)
    tlvs = tlv(ID, b"39f99dd5\0") + tlv(STATE, b"\2")
    body = message(b"id:972660181 stat:UNDELIV", source=handset(1), esm_class=4, tlvs=tlvs)
    await deliver(rig, body)
    assert rig.state("m1") == "delivered"


async def test_p58_data_sm_receipts(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    await sent(rig, "a1", "a2")
    addresses = b"\0\1\1" + handset(1) + b"\0\1\1ACME\0"
    body = addresses + bytes((4, 0, 0)) + tlv(PAYLOAD, TEXT)
    response = await deliver(rig, body, DATA_SM)
    assert response.body == b"\0"
    assert rig.state("m1") == "delivered"
    body = addresses.replace(handset(1), handset(2)) + bytes((4, 0, 0))
    await deliver(rig, body + tlv(ID, b"a2") + tlv(STATE, b"\2"), DATA_SM)
    assert rig.state("m2") == "delivered"


# ── P59 to P61: states that follow one another ───────────────────────────────────────────────────


@pytest.mark.parametrize("final", [False, True])
async def test_p59_intermediate_states(rig: Rig, autojump_clock: MockClock, final: bool) -> None:
    await rig.start(accepted_is_final=final)
    await sent(rig, "a1")
    await deliver(rig, receipt("a1", "ENROUTE", to=handset(1)))
    assert rig.state("m1") == "sent"
    await deliver(rig, receipt("a1", "ACCEPTD", to=handset(1)))
    assert rig.state("m1") == ("delivered" if final else "sent")
    await deliver(rig, receipt("a1", to=handset(1)))
    await deliver(rig, receipt("a1", "ENROUTE", to=handset(1)))
    assert rig.state("m1") == "delivered"
    assert rig.figures().matching.contradictions == 0
    assert len(rig.receipts()) == 4


async def test_p60_duplicates_are_acknowledged_counted_and_change_nothing(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    name = await sent(rig, "a1")
    for _ in range(3):
        await deliver(rig, receipt("a1", to=handset(1)))
    await rig.until(lambda: rig.has_results(name))
    assert len(rig.results(name)) == 1
    matching = rig.figures().matching
    assert (matching.duplicates, matching.contradictions, matching.parked) == (2, 0, 0)
    await rig.kill()
    await rig.start_again()
    await deliver(rig, receipt("a1", to=handset(1)))
    assert rig.figures().matching.duplicates == 1
    assert [line["id"] for line in rig.receipts()] == ["m1"] * 4
    assert rig.audit().ok


async def test_p60_of_contradicting_receipts_the_first_stands(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    await sent(rig, "a1")
    await deliver(rig, receipt("a1", "UNDELIV", to=handset(1)))
    await deliver(rig, receipt("a1", "DELIVRD", to=handset(1)))
    assert rig.state("m1") == "undelivered"
    assert rig.figures().matching.contradictions == 1
    assert [line["state"] for line in rig.receipts()] == ["undeliverable", "delivered"]
    told = [each.text for each in rig.show("m1").history if each.event == "receipt"]
    assert "contradicts" not in told[0]
    assert "contradicts the first, which stands" in told[1]


async def test_p61_parts(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start(spool={"report_after": 100.0})
    naming(rig, "a1", "a2", "a3")
    name = rig.hand_in(rig.sms(1, text="x" * 400))
    await rig.until(lambda: rig.states() == {"sent": 1})
    await deliver(rig, receipt("a2", "UNDELIV", to=handset(1)))
    await deliver(rig, receipt("a1", to=handset(1)))
    assert rig.state("m1") == "sent"
    await rig.until(lambda: rig.has_results(name))
    (line,) = rig.results(name)
    assert (line["state"], line["message_ids"]) == ("sent", ["a1", "a2", "a3"])
    assert line["part_states"] == ["delivered", "undelivered", "sent"]
    await deliver(rig, receipt("a3", to=handset(1)))
    assert rig.state("m1") == "undelivered"
    assert rig.show("m1").result.part_states == ["delivered", "undelivered", "delivered"]


async def test_p61_parts_that_share_one_id(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    naming(rig, "one", "one", "one")
    rig.hand_in(rig.sms(1, text="x" * 400))
    await rig.until(lambda: rig.states() == {"sent": 1})
    assert rig.figures().matching.id_conflicts == 0
    for _ in range(3):
        assert rig.state("m1") == "sent"
        await deliver(rig, receipt("one", to=handset(1)))
    assert rig.state("m1") == "delivered"


# ── P62, P63: acknowledging ──────────────────────────────────────────────────────────────────────


async def test_p62_a_receipt_is_on_disk_before_it_is_acknowledged(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    name = await sent(rig, "a1")
    on_disk: list[bool] = []

    def look(call: RawCall, frame: Frame) -> bool:
        if frame.command_id == DELIVER_SM | RESPONSE:
            on_disk.append(rig.state("m1") == "delivered")
        return False

    rig.smsc.on_frame = look
    await deliver(rig, receipt("a1", to=handset(1)))
    await rig.kill()
    assert on_disk == [True]
    await rig.start_again()
    await rig.until(lambda: rig.has_results(name))
    assert rig.results(name)[0]["state"] == "delivered"
    assert [line["id"] for line in rig.receipts()] == ["m1"]


async def test_p63_ten_thousand_receipts_at_once_are_acknowledged_in_order(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=1000)
    rig.hand_in(*(rig.sms(n) for n in range(1, 2001)))
    await rig.until(lambda: rig.states() == {"sent": 2000})
    # Of each five one is for a message of ours; the others nobody knows.
    bodies = [
        receipt(str(n // 5), to=handset(n // 5)) if n % 5 == 0 else receipt(f"foreign-{n}")
        for n in range(5, 10_005)
    ]
    rig.smsc.say(*(pdu(DELIVER_SM, 5 + n, body) for n, body in enumerate(bodies)))
    await rig.until(lambda: len(rig.call.heard(DELIVER_SM | RESPONSE)) == 10_000)
    answers = rig.call.heard(DELIVER_SM | RESPONSE)
    assert {frame.status for frame in answers} == {OK}
    assert [frame.sequence for frame in answers] == list(range(5, 10_005))
    assert rig.states() == {"delivered": 2000}


async def test_p63_a_full_disk_leaves_receipts_unacknowledged_to_come_again(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No refusal, which would tell the SMSC to give up: the daemon stops, the SMSC repeats."""
    rig.disk_may_fail = True
    await rig.start()
    await sent(rig, "a1")
    commit: Callable[..., None] = Store.commit
    full = sqlite3.OperationalError("database or disk is full")

    def fail(*_: Any) -> None:
        raise full

    monkeypatch.setattr(Store, "commit", fail)
    call = rig.call
    call.say(pdu(DELIVER_SM, 5, receipt("a1", to=handset(1))))
    await rig.ends()
    assert any("disk is full" in failure for failure in rig.failures)
    assert call.heard(DELIVER_SM | RESPONSE) == []
    monkeypatch.setattr(Store, "commit", commit)
    await rig.start_again()
    await deliver(rig, receipt("a1", to=handset(1)))
    assert rig.state("m1") == "delivered"
