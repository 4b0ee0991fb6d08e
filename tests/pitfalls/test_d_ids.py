"""Section D: message_ids and the messages behind them, against raw octets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.pitfalls.delivering import (
    ID,
    OK,
    REFERENCE,
    STATE,
    deliver,
    handset,
    naming,
    sent,
)
from tests.pitfalls.raw import (
    DELIVER_SM,
    RESPONSE,
    SUBMIT_SM,
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


# ── P47, P48: the id ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answered", "named", "form"),
    [
        ("39f99dd5", "0972660181", "hex-decimal"),
        ("39F99DD5", "972660181", "hex-decimal"),
        ("972660181", "39F99DD5", "decimal-hex"),
        ("0972660181", "39f99dd5", "decimal-hex"),
        ("00B8BE19", "B8BE19", "folded"),
        ("b8be19", "00B8BE19", "folded"),
        ("C0FFEE-Z", "c0ffee-z", "folded"),
        ("0123456789", "0123456789", "exact"),
        ("ffffffffffffffff", "18446744073709551615", "hex-decimal"),
        ("fffffffffffffffe", "18446744073709551614", "hex-decimal"),
    ],
)
async def test_p47_radix_padding_and_case(
    rig: Rig, autojump_clock: MockClock, answered: str, named: str, form: str
) -> None:
    await rig.start()
    await sent(rig, answered)
    await deliver(rig, receipt(named, to=handset(1)))
    assert rig.state("m1") == "delivered"
    assert rig.show("m1").result.message_ids == [answered]
    assert (rig.figures().matching.form, rig.figures().matching.configured) == (form, False)


async def test_p47_a_collision_pair_is_told_apart_by_the_handset(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    await sent(rig, "16", "10")  # 0x10 is 16
    await deliver(rig, receipt("16", "UNDELIV", to=handset(2)))
    assert (rig.state("m1"), rig.state("m2")) == ("sent", "undelivered")
    await deliver(rig, receipt("22", to=handset(1)))
    assert rig.state("m1") == "delivered"


async def test_p47_a_collision_at_one_handset_waits_until_the_form_is_known(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(window=10)
    await sent(rig, "16", "10", "1fa", to="+34600000001")
    await deliver(rig, receipt("16"))
    assert rig.states() == {"sent": 3}, "a guess"
    assert rig.daemon.figures().parked_receipts == 1
    await deliver(rig, receipt(str(0x1FA)))
    assert [rig.state(f"m{n}") for n in (1, 2, 3)] == ["sent", "delivered", "delivered"]
    assert rig.daemon.figures().parked_receipts == 0
    assert [line["matched"] for line in rig.receipts()] == [False, True, True]


async def test_p47_a_configured_form_is_the_only_one(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start(message_id_form="hex-decimal")
    await sent(rig, "16", "10", to="+34600000001")
    await deliver(rig, receipt("16"))
    assert (rig.state("m1"), rig.state("m2")) == ("sent", "delivered")
    assert rig.figures().matching.configured


async def test_p47_a_form_that_is_not_exact_needs_the_handset(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    await sent(rig, "39f99dd5", "same-1")
    await deliver(rig, receipt("972660181", to=b"34699999999"))
    await deliver(rig, receipt("972660181", to=b"ACME"))
    await deliver(rig, receipt("same-1", to=b"34699999999"))
    assert (rig.state("m1"), rig.state("m2")) == ("sent", "delivered")
    assert rig.figures().matching.elsewhere == 1


async def test_p47_what_was_learnt_is_learnt_again_after_a_restart(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    await sent(rig, "39f99dd5", "39f99dd6")
    await deliver(rig, receipt("972660181", to=handset(1)))
    await rig.stop()
    await rig.start_again()
    assert rig.figures().matching.form == ""
    await deliver(rig, receipt("972660182", to=handset(2)))
    assert rig.states() == {"delivered": 2}
    assert rig.figures().matching.form == "hex-decimal"


@pytest.mark.parametrize("form", ["972660181", "b8be19"])
async def test_p47_a_spilled_message_is_found_in_every_form(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_IN_MEMORY", 2)
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_AFTER_SPILL", 1)
    await rig.start()
    await sent(rig, {"972660181": "39F99DD5", "b8be19": "00B8BE19"}[form], "x2", "x3")
    await rig.until(lambda: len(rig.daemon.parts.ledger.accounts.entries) == 1)
    await deliver(rig, receipt(form, to=handset(1)))
    assert rig.state("m1") == "delivered"
    await deliver(rig, receipt(form, to=handset(1)))
    assert rig.figures().matching.duplicates == 1


@pytest.mark.parametrize(
    "message_id",
    [
        "7" * 70,
        "{6f9619ff-8b86-d011-b42d-00c04fc964ff}",
        "abc.def/1",
        "a@b-c_d",
        "0x1F",
        "%s",
        "é",
    ],
)
async def test_p48_ids_are_opaque(rig: Rig, autojump_clock: MockClock, message_id: str) -> None:
    await rig.start()
    octets = message_id.encode("latin-1")

    def answer(call: RawCall, frame: Frame) -> bool:
        if frame.command_id == SUBMIT_SM:
            call.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, octets + b"\0"))
        return frame.command_id == SUBMIT_SM

    rig.smsc.on_frame = answer
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.states() == {"sent": 1})
    text = b"id:" + octets + b" sub:001 dlvrd:001 stat:DELIVRD err:000 text:"
    await deliver(rig, message(text, source=handset(1), esm_class=4))
    assert rig.state("m1") == "delivered"
    assert rig.show("m1").result.message_ids == [message_id]


# ── P49 to P52: early, elsewhere, again ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(("answered", "named"), [("77x", "77x"), ("39F99DD5", "972660181")])
async def test_p49_a_receipt_before_its_answer(
    rig: Rig, autojump_clock: MockClock, answered: str, named: str
) -> None:
    await rig.start()
    rig.smsc.accepting = False
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.smsc.submits)
    await deliver(rig, receipt(named, to=handset(1)))
    assert rig.states() == {"sending": 1}
    assert rig.daemon.figures().parked_receipts == 1
    await rig.until(lambda: rig.daemon.figures().oldest_parked is not None)
    rig.call.accept(rig.smsc.submits[0], answered)
    await rig.until(lambda: rig.states() == {"delivered": 1})
    assert rig.daemon.figures().parked_receipts == 0
    assert [line["matched"] for line in rig.receipts()] == [False, True]


async def test_p49_a_receipt_that_nobody_claims_is_acknowledged_kept_and_given_up(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    await deliver(rig, receipt("never"))
    (line,) = rig.receipts()
    assert (line["message_id"], line["matched"], line["id"]) == ("never", False, None)
    await rig.kill()
    await rig.start_again()
    assert rig.daemon.figures().parked_receipts == 1
    rig.skew += 2 * 86_400
    await deliver(rig, receipt("nor this"))
    assert rig.daemon.figures().parked_receipts == 1
    assert rig.daemon.figures().unmatched_receipts == 2


async def test_p50_on_another_bind(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start(bound=2, sessions=2)
    await sent(rig, "a1")
    submitting = next(call for call in rig.smsc.calls if call.heard(SUBMIT_SM))
    other = next(call for call in rig.smsc.calls if call is not submitting)
    other.say(pdu(DELIVER_SM, 5, receipt("a1", to=handset(1))))
    await rig.until(lambda: rig.states() == {"delivered": 1})
    assert [frame.status for frame in other.heard(DELIVER_SM | RESPONSE)] == [OK]


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_p50_after_a_restart_and_days(rig: Rig, autojump_clock: MockClock, end: str) -> None:
    await rig.start()
    await sent(rig, "a1")
    await (rig.kill() if end == "kill" else rig.stop())
    rig.skew += 6 * 86_400
    await rig.start_again()
    await deliver(rig, receipt("a1", to=handset(1)))
    assert rig.state("m1") == "delivered"


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_p51_two_accounts_give_the_same_id(
    rig: Rig, autojump_clock: MockClock, order: tuple[int, int]
) -> None:
    await rig.start(bound=2, links={"a": {}, "b": {"hosts": (("b", 2775),)}})
    first, second = rig.smsc.calls
    first, second = (first, second) if first.address.startswith("a") else (second, first)
    naming(rig, "1", "1")
    rig.hand_in(rig.sms(1, via="a"), rig.sms(2, via="b", to="+34600000001"))
    await rig.until(lambda: rig.states() == {"sent": 2})
    calls = {1: first, 2: second}
    for number, stat in zip(order, ("UNDELIV", "DELIVRD"), strict=True):
        calls[number].say(pdu(DELIVER_SM, 9, receipt("1", stat)))
        await rig.until(partial(calls[number].heard, DELIVER_SM | RESPONSE))
    assert rig.state(f"m{order[0]}") == "undelivered"
    assert rig.state(f"m{order[1]}") == "delivered"


async def test_p52_an_id_used_again(rig: Rig, autojump_clock: MockClock) -> None:
    await rig.start()
    await sent(rig, "7", "7")
    assert rig.figures().matching.id_conflicts == 1
    await deliver(rig, receipt("7", "UNDELIV", to=handset(1)))
    assert (rig.state("m1"), rig.state("m2")) == ("undelivered", "sent")
    await deliver(rig, receipt("7", to=handset(2)))
    assert rig.state("m2") == "delivered"


async def test_p52_at_one_handset_the_newest_comes_first(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    await sent(rig, "7", "7", to="+34600000001")
    await deliver(rig, receipt("7"))
    assert (rig.state("m1"), rig.state("m2")) == ("sent", "delivered")
    await deliver(rig, receipt("7"))
    assert rig.state("m1") == "delivered"


# ── words without end ────────────────────────────────────────────────────────────────────────────

LONG = "9" * 60_000


async def test_an_id_without_end_is_cut_alike_wherever_it_stands(
    rig: Rig, autojump_clock: MockClock
) -> None:
    """A hundred thousand receipts of 64 KiB each would fit no memory."""
    await rig.start()
    await sent(rig, LONG, "7")
    assert rig.show("m1").result.message_ids == [LONG[:255]]
    await deliver(rig, receipt("", to=handset(1), tlvs=tlv(ID, LONG.encode())))
    assert rig.state("m1") == "delivered"


@pytest.mark.parametrize("named", ["", "99"])
async def test_a_reference_without_end_is_none(
    rig: Rig, autojump_clock: MockClock, named: str
) -> None:
    await rig.start()
    await sent(rig, "7")
    wide = b"\xff" * 60_000
    await deliver(rig, receipt(named, to=handset(2), tlvs=tlv(REFERENCE, wide) + tlv(STATE, wide)))
    await deliver(rig, receipt("7", to=handset(1)))
    assert rig.state("m1") == "delivered"
