"""Receipts over several links of one account, where more than one of them has something to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio.testing

from smppd.ledger.user_reference import user_reference
from smppd.pipeline import desk as desk_module
from smppd.pipeline import recollection
from smppd.pipeline.books import Book

if TYPE_CHECKING:
    from trio.testing import MockClock

    from smppd.message import Part
    from tests.pipeline.conftest import Bench, Life

ONE, TWO, THIRD = "34600000001", "34600000002", "34600000003"

quiet = trio.testing.wait_all_tasks_blocked


@pytest.fixture(autouse=True)
def shared(bench: Bench) -> None:
    bench.smsc_account = "acme"


async def sent(life: Life, message_id: str, to: str = ONE, via: str = "main", **more: str) -> Part:
    """Have a message submitted over a link, and answered with this id; its part."""
    wire = life.wires[via]
    name = f"{message_id}.{via}.{more.get('id', '')}.jsonl"
    await life.hand_in([life.bench.sms(to=f"+{to}", via=via, **more)], name)
    await quiet()
    part = wire.submitted[-1]
    await life.answer(part, message_id=message_id, link=via)
    return part


# ── an id that several links know ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("over", ["main", "other"])
async def test_the_handset_decides_between_two_links_that_know_an_id(
    bench: Bench, autojump_clock: MockClock, over: str
) -> None:
    async with bench.up() as life:
        await sent(life, "7", ONE, "main", id="a")
        await sent(life, "7", TWO, "other", id="b")
        await life.receive(life.receipt("7", source=TWO), link=over)
        assert (life.shown("a").state, life.shown("b").state) == ("sent", "delivered")
        await life.receive(life.receipt("7", source=ONE), link=over)
        assert life.shown("a").state == "delivered"
        assert life.accounts.unmatched == 0


@pytest.mark.parametrize("source", [THIRD, "", "ACME"])
async def test_what_fits_the_message_of_neither_link_is_parked(
    bench: Bench, autojump_clock: MockClock, source: str
) -> None:
    async with bench.up() as life:
        await sent(life, "7", ONE, "main")
        await sent(life, "7", TWO, "other")
        await life.receive(life.receipt("7", source=source))
        assert life.states() == {"sent": 2}
        assert len(life.accounts.shelf) == 1


@pytest.mark.parametrize("vias", [("main", "other"), ("other", "main")])
async def test_at_one_handset_the_newest_comes_first_over_whichever_link(
    bench: Bench, autojump_clock: MockClock, vias: tuple[str, str]
) -> None:
    async with bench.up() as life:
        await sent(life, "warms up")
        await life.receive(life.receipt("warms up"))
        await sent(life, "7", via=vias[0], id="older")
        await trio.sleep(1)
        await sent(life, "7", via=vias[1], id="newer")
        await life.receive(life.receipt("7"))
        assert (life.shown("older").state, life.shown("newer").state) == ("sent", "delivered")
        await life.receive(life.receipt("7"))
        assert life.shown("older").state == "delivered"


async def test_an_id_that_only_a_sibling_knows_counts_whatever_the_address_says(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """As on one link: an SMSC may write addresses as it likes."""
    async with bench.up() as life:
        await sent(life, "7", via="other")
        await life.receive(life.receipt("7", source=THIRD))
        assert life.states() == {"delivered": 1}
        assert life.settlement.matching("main").elsewhere == 1


async def test_a_repeated_receipt_is_not_that_of_a_siblings_message(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await sent(life, "7", ONE, "main", id="a")
        await life.receive(life.receipt("7", source=ONE))
        await sent(life, "7", TWO, "other", id="b")
        await life.receive(life.receipt("7", source=ONE))
        assert (life.shown("a").state, life.shown("b").state) == ("delivered", "sent")
        assert life.settlement.matching("main").duplicates == 1
        await life.receive(life.receipt("7", source=TWO))
        assert life.shown("b").state == "delivered"


async def test_a_repeated_receipt_over_a_sibling_is_known_as_one(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await sent(life, "7")
        for link in ("main", "other"):
            await life.receive(life.receipt("7"), link=link)
        assert life.settlement.matching("other").duplicates == 1
        assert life.accounts.unmatched == 0


# ── what is learnt ───────────────────────────────────────────────────────────────────────────


async def test_what_was_learnt_over_one_link_holds_for_its_siblings(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await sent(life, "16", id="decimal")
        await sent(life, "10", via="other", id="hexadecimal")
        await life.receive(life.receipt("16"), link="main")
        assert life.states() == {"sent": 2}, "a guess"
        await sent(life, "39f99dd5")
        await life.receive(life.receipt(str(0x39F99DD5)), link="other")
        assert life.shown("hexadecimal").state == "delivered"
        assert life.shown("decimal").state == "sent"
        forms = [life.settlement.matching(link).form for link in ("main", "other")]
        assert forms == ["hex-decimal"] * 2


# ── links that come to share an account ──────────────────────────────────────────────────────


@pytest.mark.parametrize("spilled", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
async def test_receipts_parked_before_the_links_shared_an_account_are_looked_at_again(
    bench: Bench,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    spilled: bool,
    restarted: bool,
) -> None:
    monkeypatch.setattr(recollection, "AGAIN_AT_ONCE", 2)
    if spilled:
        monkeypatch.setattr(desk_module, "WAITING_IN_MEMORY", 1)
        monkeypatch.setattr(desk_module, "WAITING_AFTER_SPILL", 0)
    bench.smsc_account = ""
    async with bench.up() as life:
        for n in range(3):
            await sent(life, f"{n}")
            await life.receive(life.receipt(f"{n}"), link="other")
        await life.desk.checkpoint(final=spilled)
        assert len(life.accounts.entries) == (0 if spilled else 3)
        assert life.states() == {"sent": 3}
        bench.smsc_account = "acme"
        if not restarted:
            for link in ("main", "other"):
                life.settlement.introduce(link, Book(account="acme"))
            await settle_twice(life)
    if restarted:
        async with bench.up() as life:
            await settle_twice(life)


async def settle_twice(life: Life) -> None:
    await life.settle()
    assert life.states() == {"sent": 1, "delivered": 2}
    await life.settle()
    assert life.states() == {"delivered": 3}
    assert not life.accounts.shelf


async def test_a_link_that_leaves_its_account_has_its_own_messages_alone(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await sent(life, "7")
        life.settlement.introduce("other", Book(account="another"))
        await life.receive(life.receipt("7"), link="other")
        assert life.states() == {"sent": 1}
        await life.receive(life.receipt("7"))
        assert life.states() == {"delivered": 1}


# ── what no id tells ─────────────────────────────────────────────────────────────────────────


async def test_a_receipt_over_the_receiver_settles_what_the_transmitter_sent_with_a_reference(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        life.settlement.introduce("main", Book(references=True, account="acme"))
        life.settlement.introduce("other", Book(account="acme"))
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")])
        await quiet()
        for part in list(life.wire.submitted):
            await life.lose(part)
        second = life.wire.submitted[1]
        reference = user_reference(second.msg_id, second.index)
        await life.receive(life.receipt("strange", reference=reference), link="other")
        assert (life.shown("a").state, life.shown("b").state) == ("unknown", "delivered")
        assert life.shown("b").message_ids == ["strange"]


@pytest.mark.parametrize("via", ["main", "other"])
async def test_a_receipt_finds_a_spilled_message_whose_id_another_had_that_is_over(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, via: str
) -> None:
    monkeypatch.setattr(desk_module, "WAITING_IN_MEMORY", 1)
    monkeypatch.setattr(desk_module, "WAITING_AFTER_SPILL", 0)
    async with bench.up() as life:
        await sent(life, "7", ONE, "main", id="a")
        await life.receive(life.receipt("7", source=ONE), link="main")
        await sent(life, "7", TWO, via, id="b")
        await life.desk.checkpoint()
        assert not life.accounts.entries
        await life.receive(life.receipt("7", source=TWO), link="main")
        assert (life.shown("a").state, life.shown("b").state) == ("delivered", "delivered")
        await life.receive(life.receipt("7", source=ONE), link="main")
        assert life.settlement.matching("main").duplicates == 1
        assert life.settlement.matching("main").contradictions == 0
