"""Delivery receipts: each finds its message, before or after its answer, in memory or on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from smppd.message import State
from smppd.pipeline import desk as desk_module
from smppd.ports import Answered
from smppd.results.receipts import ReceiptLog
from smppd.results.story import tell
from smppd.smpp.vocabulary import MessageState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio.testing import MockClock

    from smppd.ledger.entries import MessageRow
    from smppd.message import Part
    from tests.pipeline.conftest import Bench, Life

pytestmark = pytest.mark.usefixtures("whence")
quiet = trio.testing.wait_all_tasks_blocked


async def sent(life: Life, *lines: dict[str, object]) -> list[Part]:
    """Hand messages in, have them submitted and answered; their parts."""
    before = len(life.wire.submitted)
    await life.hand_in(lines, f"{before}.jsonl")
    await quiet()
    parts = life.wire.submitted[before:]
    for part in parts:
        await life.answer(part)
    return parts


def logged(life: Life) -> list[tuple[str | None, bool]]:
    """(the client's id, whether it was matched) of each receipt that went to people."""
    return [(each.id, each.matched) for each in life.tray.receipts]


@pytest.mark.parametrize(
    ("state", "became", "code"),
    [
        (MessageState.DELIVERED, "delivered", None),
        (MessageState.UNDELIVERABLE, "undelivered", "UNDELIVERABLE"),
        (MessageState.EXPIRED, "undelivered", "EXPIRED"),
        (MessageState.DELETED, "undelivered", "DELETED"),
        (MessageState.REJECTED, "undelivered", "REJECTED"),
        (MessageState.SKIPPED, "undelivered", "SKIPPED"),
        (MessageState.ENROUTE, "sent", None),
        (MessageState.ACCEPTED, "sent", None),
        (MessageState.UNKNOWN, "sent", None),
        (MessageState.SCHEDULED, "sent", None),
        (None, "sent", None),
    ],
)
async def test_what_each_state_of_a_receipt_makes_of_a_message(
    bench: Bench,
    autojump_clock: MockClock,
    state: MessageState | None,
    became: str,
    code: str | None,
) -> None:
    async with bench.up() as life:
        (part,) = await sent(life, bench.sms(id="a"))
        await life.receive(life.receipt(life.name_of(part), state, error="012"))
        line = life.shown("a")
        assert line.state == became
        assert (line.error.code if line.error else None) == code
        assert code is None or "012" in (line.error.text if line.error else "")
        assert logged(life) == [("a", True)]


async def test_a_notification_on_the_way_is_not_the_end_whatever_state_it_names(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await sent(life, bench.sms(id="a"))
        name = life.name_of(part)
        await life.receive(life.receipt(name, MessageState.UNDELIVERABLE, final=False))
        assert life.states() == {"sent": 1}
        await life.receive(life.receipt(name))
        assert life.shown("a").state == "delivered"


async def test_a_long_message_is_delivered_when_all_its_parts_are(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await sent(life, bench.long_sms(3, id="a"))
        for part in (parts[2], parts[0], parts[2]):
            await life.receive(life.receipt(life.name_of(part)))
            assert life.states() == {"sent": 1}
        await life.receive(life.receipt(life.name_of(parts[1])))
        assert life.states() == {"delivered": 1}
        assert logged(life) == [("a", True)] * 4


async def test_of_several_final_receipts_for_a_part_the_first_counts(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        one, two = await sent(life, bench.long_sms(2, id="a"))
        await life.receive(life.receipt(life.name_of(one)))
        await life.receive(life.receipt(life.name_of(one), MessageState.UNDELIVERABLE))
        await life.receive(life.receipt(life.name_of(two)))
        line = life.shown("a")
        assert (line.state, line.error) == ("delivered", None)


async def test_a_message_id_means_something_only_on_its_link(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.smsc_account, bench.receiving = "", "main"
    async with bench.up() as life:
        (part,) = await sent(life, bench.sms(id="a"))
        await life.receive(life.receipt(life.name_of(part)), link="other")
        assert life.states() == {"sent": 1}
        assert logged(life) == [(None, False)]
        await life.receive(life.receipt(life.name_of(part)))
        assert life.states() == {"delivered": 1}


async def test_a_receipt_is_on_disk_and_then_goes_to_people(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await sent(life, bench.sms(id="a"), bench.sms(to="+34600000002"))
        await life.receive(*[life.receipt(life.name_of(part)) for part in parts])
        assert life.reader.load()[0].counts[State.DELIVERED] == 2
        made_up = life.reader.messages.read([parts[1].msg_id])[0].client_id
        assert [(r.id, r.to) for r in life.tray.receipts] == [
            ("a", "34600000001"),
            (made_up, "34600000002"),
        ]


async def test_the_story_of_a_message_names_the_state_of_each_receipt(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await sent(life, bench.sms(id="a"))
        for state in (MessageState.ENROUTE, MessageState.ACCEPTED, MessageState.DELIVERED):
            await life.receive(life.receipt(life.name_of(part), state))
        row = life.row("a")
        told = tell(row, life.reader.log.history(row.msg_id), None).history[-3:]
        assert [each.event for each in told] == ["receipt"] * 3
        for each, word in zip(told, ("ENROUTE", "ACCEPTED", "DELIVERED"), strict=True):
            assert word in each.text


# ── repeated ─────────────────────────────────────────────────────────────────────────────────


async def test_a_repeated_receipt_is_known_as_one(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        (part,) = await sent(life, bench.sms(id="a"))
        again = life.receipt(life.name_of(part))
        await life.receive(again, again)
        await life.receive(again, life.receipt(life.name_of(part), MessageState.UNDELIVERABLE))
        assert life.states() == {"delivered": 1}
        assert logged(life) == [("a", True)] * 4
        assert life.accounts.unmatched == 0
        assert not life.accounts.shelf


@pytest.mark.parametrize("clean", [False, True])
async def test_a_receipt_repeated_after_a_restart_is_known_as_one(
    bench: Bench, autojump_clock: MockClock, clean: bool
) -> None:
    async with bench.up() as life:
        (part,) = await sent(life, bench.sms(id="a"))
        await life.receive(life.receipt(life.name_of(part)))
        if clean:
            await life.desk.checkpoint(final=True)
    async with bench.up() as life:
        await life.receive(life.receipt(life.name_of(part)))
        assert logged(life) == [("a", True)]
        assert life.states() == {"delivered": 1}


async def test_a_repeated_receipt_under_its_other_id_is_known_as_one(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        (part,) = await sent(life, bench.sms(id="a"))
        receipt = life.receipt("tlv-id", alternative_id=life.name_of(part))
        await life.receive(receipt)
        assert life.states() == {"delivered": 1}
        await life.receive(receipt)
        assert logged(life) == [("a", True)] * 2
        assert life.accounts.unmatched == 0


# ── before the answer ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("final_first", [False, True])
async def test_a_receipt_that_comes_before_its_answer_is_applied_with_it(
    bench: Bench, autojump_clock: MockClock, final_first: bool
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="a")])
        await quiet()
        (part,) = life.wire.submitted
        receipts = [life.receipt("early", MessageState.ENROUTE), life.receipt("early")]
        await life.receive(*(reversed(receipts) if final_first else receipts))
        assert logged(life) == [(None, False)] * 2
        await life.answer(part, message_id="early")
        assert life.states() == {"delivered": 1}
        assert logged(life)[2:] == [("a", True)]
        assert not life.accounts.shelf
    async with bench.up() as life:
        assert life.states() == {"delivered": 1}
        assert not life.accounts.shelf


@pytest.mark.parametrize("snapshot", [False, True])
async def test_an_early_receipt_is_still_known_after_a_restart(
    bench: Bench, autojump_clock: MockClock, snapshot: bool
) -> None:
    async with bench.up(window=1) as life:
        await life.hand_in([bench.sms(id="a", on_unknown="resend")])
        await quiet()
        await life.receive(life.receipt("early", source="ACME"))
        if snapshot:
            await life.desk.checkpoint(final=True)
    async with bench.up() as life:
        await quiet()
        (part,) = life.wire.submitted
        await life.answer(part, message_id="early")
        assert life.states() == {"delivered": 1}


async def test_an_early_receipt_with_two_ids_is_found_under_either(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")])
        await quiet()
        first, second = life.wire.submitted
        await life.receive(life.receipt("tlv1", alternative_id="text1"))
        await life.receive(life.receipt("tlv2", alternative_id="text2"))
        await life.answer(first, message_id="tlv1")
        await life.answer(second, message_id="text2")
        assert life.shown("a").state == "delivered"
        assert life.shown("b").state == "delivered"


async def test_an_early_receipt_that_was_found_under_one_id_is_gone_under_the_other(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """Its other id, the same number in another radix, may well be that of the next message."""
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")])
        await quiet()
        first, second = life.wire.submitted
        await life.receive(life.receipt("10", alternative_id="16"))
        await life.answer(first, message_id="10")
        await life.answer(second, message_id="16")
        assert life.shown("a").state == "delivered"
        assert life.shown("b").state == "sent"
        assert life.states() == {"delivered": 1, "sent": 1}


async def test_a_receipt_that_nobody_claimed_for_days_is_not_that_of_a_new_message(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """The SMSC counts from the beginning again; an answer never comes days after its receipt."""
    async with bench.up() as life:
        await life.receive(life.receipt("1"))
        await trio.sleep(3 * 86_400)
        await life.hand_in([bench.sms(id="a")])
        await quiet()
        await life.answer(life.wire.submitted[0], message_id="1")
        assert life.states() == {"sent": 1}


async def test_an_early_receipt_for_a_part_of_a_long_message(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.long_sms(2, id="a")])
        await quiet()
        first, second = life.wire.submitted
        await life.receive(life.receipt("two"))
        await life.answer(second, message_id="two")
        assert life.states() == {"sending": 1}
        await life.answer(first, message_id="one")
        assert life.states() == {"sent": 1}
        await life.receive(life.receipt("one"))
        assert life.states() == {"delivered": 1}


async def test_a_receipt_without_an_id_belongs_to_nobody(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """Neither to a message whose answer had no message_id, before or after, nor to its ghost."""
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b", receipt=False)])
        await quiet()
        first, second = life.wire.submitted
        await life.receive(life.receipt(""))
        await life.answer(first, message_id="")
        await life.answer(second, message_id="")
        await life.receive(life.receipt(""))
        assert life.shown("a").state == "sent"
        assert logged(life) == [(None, False)] * 2


async def test_odd_characters_in_a_message_id_do_not_part_a_receipt_from_its_message(
    bench: Bench, autojump_clock: MockClock
) -> None:
    names = ["a\tb", "é", " x ", "\x7f", "a" * 64, "0x1F", "%s", '"']
    async with bench.up() as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(2 * len(names))])
        await quiet()
        for n, name in enumerate(names):
            early, late = f"{name}1", f"{name}2"
            await life.receive(life.receipt(early))
            await life.answer(life.wire.submitted[2 * n], message_id=early)
            await life.answer(life.wire.submitted[2 * n + 1], message_id=late)
            await life.receive(life.receipt(late))
        assert life.states() == {"delivered": 2 * len(names)}


async def test_receipts_that_nobody_claims_are_kept_up_to_a_limit_the_newest(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppd.ledger.shelf.PARKED", 3)
    async with bench.up() as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(5)])
        await quiet()
        await life.receive(*[life.receipt(f"m{n}") for n in range(5)])
        assert life.accounts.unmatched == 5
        assert len(life.accounts.shelf) == 3
        for n, part in enumerate(list(life.wire.submitted)):
            await life.answer(part, message_id=f"m{n}")
        assert life.states() == {"sent": 2, "delivered": 3}
        assert [life.shown(f"{n}").state for n in range(5)] == ["sent"] * 2 + ["delivered"] * 3
    async with bench.up() as life:
        assert life.states() == {"sent": 2, "delivered": 3}


# ── spilled ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "WAITING_IN_MEMORY", 4)
    monkeypatch.setattr(desk_module, "WAITING_AFTER_SPILL", 2)


@pytest.mark.usefixtures("little_memory")
async def test_messages_that_wait_long_are_spilled_and_found_again(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await sent(life, *[bench.sms(id=f"{n}") for n in range(8)])
        assert life.desk.checkpoint_due()
        await life.desk.checkpoint()
        assert len(life.accounts.entries) == 2
        assert not life.desk.checkpoint_due()
        assert life.states() == {"sent": 8}
        for part in parts:
            await life.receive(life.receipt(life.name_of(part)))
        assert life.states() == {"delivered": 8}
        assert life.accounts.entries == {}
        assert logged(life) == [(f"{n}", True) for n in range(8)]
        assert life.accounts.unmatched == 0


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("snapshot", [False, True])
async def test_spilled_messages_are_found_after_a_restart(
    bench: Bench, autojump_clock: MockClock, snapshot: bool
) -> None:
    async with bench.up() as life:
        parts = await sent(life, *[bench.sms(id=f"{n}") for n in range(8)])
        await life.desk.checkpoint(final=snapshot)
        await life.receive(life.receipt(life.name_of(parts[0])))
    async with bench.up() as life:
        assert life.states() == {"delivered": 1, "sent": 7}
        for part in parts:
            await life.receive(life.receipt(life.name_of(part)))
        assert life.states() == {"delivered": 8}
        assert logged(life) == [(f"{n}", True) for n in range(8)]
        assert life.shown("5").message_ids == [life.name_of(parts[5])]


@pytest.mark.usefixtures("little_memory")
async def test_a_repeated_receipt_of_a_spilled_message_is_known_as_one(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppd.ledger.waiting.REMEMBERED", 1)
    async with bench.up() as life:
        parts = await sent(life, *[bench.sms(id=f"{n}") for n in range(8)])
        await life.desk.checkpoint()
        for part in parts[:6]:
            await life.receive(life.receipt(life.name_of(part)))
        life.tray.receipts.clear()
        again = life.receipt(life.name_of(parts[0]))
        await life.receive(again, again)
        assert logged(life) == [("0", True)] * 2
        assert life.states() == {"delivered": 6, "sent": 2}
        assert life.accounts.unmatched == 0


@pytest.mark.usefixtures("little_memory")
async def test_a_spilled_long_message_that_is_half_delivered_goes_on_where_it_was(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        one, two = await sent(life, bench.long_sms(2, id="long"))
        for batch in range(2):
            await sent(life, *[bench.sms(id=f"{batch}{n}") for n in range(4)])
            await life.desk.checkpoint()
            assert one.msg_id not in life.accounts.entries
            state = MessageState.DELIVERED if batch else MessageState.UNDELIVERABLE
            await life.receive(life.receipt(life.name_of(two if batch else one), state))
        line = life.shown("long")
        assert line.state == "undelivered"
        assert life.states()["undelivered"] == 1
        assert line.message_ids == [life.name_of(one), life.name_of(two)]


@pytest.mark.usefixtures("little_memory")
async def test_spilling_a_message_does_not_hide_a_newer_one_of_the_same_message_id(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """The SMSC counts from the beginning again while the first message waits for its receipt."""
    async with bench.up() as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(6)])
        await quiet()
        parts = list(life.wire.submitted)
        for n, part in enumerate(parts):
            await life.answer(part, message_id=f"{n % 5}")
        await life.desk.checkpoint()
        assert parts[0].msg_id not in life.accounts.entries
        assert parts[5].msg_id in life.accounts.entries
        await life.receive(life.receipt("0"))
        assert life.shown("5").state == "delivered"
        assert life.shown("0").state == "sent"


@pytest.mark.usefixtures("little_memory")
async def test_a_receipt_beside_an_answer_of_its_message_id_is_the_spilled_ones_whose_handset_it_is(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """The SMSC counts from the beginning again, and its answer comes in one read with the receipt."""
    bench.message_id_form = "exact"
    async with bench.up() as life:
        parts = await sent(life, *[bench.sms(id=f"{n}") for n in range(6)])
        await life.desk.checkpoint()
        assert parts[0].msg_id not in life.accounts.entries
        (new,) = await life.submit(bench.sms(id="new", to="34600000002"))
        life.wire.release(new)
        answer = Answered(new.msg_id, 0, 0, life.name_of(parts[0]))
        await life.settlement.settle("main", [answer], [life.receipt(answer.message_id)])
        assert (life.shown("0").state, life.shown("new").state) == ("delivered", "sent")


@pytest.mark.usefixtures("little_memory")
async def test_a_message_that_is_spilled_while_texts_are_read_for_its_receipt_is_found(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.up() as life:
        parts = await sent(life, *[bench.sms(id=f"{n}") for n in range(6)])
        (nameless,) = await life.submit(bench.sms(id="nameless"))
        await life.answer(nameless, message_id="")
        read = life.journal.read_messages

        async def read_late(msg_ids: Sequence[int]) -> list[MessageRow]:
            await life.desk.checkpoint()
            return await read(msg_ids)

        monkeypatch.setattr(life.journal, "read_messages", read_late)
        await life.receive(life.receipt(life.name_of(parts[0])))
        assert life.shown("0").state == "delivered"
        assert life.accounts.unmatched == 0


async def test_the_end_of_a_message_does_not_hide_a_newer_one_of_the_same_message_id(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="old", on_unknown="resend"), bench.sms(id="new")])
        await quiet()
        old, new = life.wire.submitted
        await life.lose(old)
        await quiet()
        await life.answer(old, message_id="7")
        await life.settle(Answered(old.msg_id, 0, 0, "1", late=True))
        await life.answer(new, message_id="1")
        await life.receive(life.receipt("7"))
        assert life.shown("old").state == "delivered"
        await life.receive(life.receipt("1"))
        assert life.shown("new").state == "delivered"


@pytest.mark.usefixtures("little_memory")
async def test_receipts_for_spilled_messages_that_come_all_at_once(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await sent(life, *[bench.long_sms(2, id=f"{n}") for n in range(6)])
        await life.desk.checkpoint()
        receipts = [life.receipt(life.name_of(part)) for part in reversed(parts)]
        async with trio.open_nursery() as nursery:
            for n in range(4):
                nursery.start_soon(life.receive, *receipts[n::4])
            nursery.start_soon(life.desk.checkpoint)
        assert life.states() == {"delivered": 6}
        assert len(life.tray.receipts) == 12
        assert {r.asked for r in life.tray.receipts} == {""}
    async with bench.up() as life:
        assert life.states() == {"delivered": 6}


# ── what people get ──────────────────────────────────────────────────────────────────────────


async def test_receipts_of_several_sessions_go_to_people_in_the_order_of_the_journal(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """A log that is not in this order cannot be brought up to date after a crash."""
    async with bench.up() as life:
        parts = await sent(life, *[bench.sms(id=f"{n}") for n in range(40)])
        async with trio.open_nursery() as nursery:
            for part in parts:
                nursery.start_soon(life.receive, life.receipt(life.name_of(part)))
        written = [receipt.seq for receipt in life.tray.receipts]
        assert len(written) == 40
        assert written == sorted(written)


async def test_a_log_of_receipts_written_in_any_order_is_recovered_to_its_end(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        parts = await sent(life, *[bench.sms(id=f"{n}") for n in range(6)])
        await life.receive(*[life.receipt(life.name_of(part)) for part in parts])
        log = ReceiptLog(bench.root / "receipts")
        log.append(life.tray.receipts[3:])
        log.append(life.tray.receipts[:3])
        # killed: the log is not closed
        recovered = ReceiptLog(bench.root / "receipts").recover()
        log.close()
        assert recovered == life.tray.receipts[-1].seq


async def test_receipts_settled_with_answers_of_the_same_read_are_not_parked(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(3)])
        await quiet()
        parts = list(life.wire.submitted)
        await life.settlement.settle(
            "main",
            [Answered(part.msg_id, 0, 0, f"m{n}") for n, part in enumerate(parts)],
            [life.receipt(f"m{n}") for n in (2, 0, 1)],
        )
        assert life.accounts.unmatched == 0
        assert logged(life) == [("2", True), ("0", True), ("1", True)]
