"""What /metrics is told by the pipeline: the delay of receipts, retries, the balance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import MockClock

from smppd.message import State
from smppd.smpp.vocabulary import CommandStatus, MessageState

if TYPE_CHECKING:
    from tests.pipeline.conftest import Bench


async def test_a_refusal_for_now_is_a_retry(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms())
        await life.answer(part, CommandStatus.ESME_RMSGQFUL)
        assert life.states() == {"queued": 1}
        assert life.refusals.retries("main") == {CommandStatus.ESME_RMSGQFUL: 1}


async def test_a_refusal_for_good_is_no_retry(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up() as life:
        (part,) = await life.submit(bench.sms())
        await life.answer(part, CommandStatus.ESME_RINVDSTADR)
        assert life.refusals.retries("main") == {}


@pytest.mark.parametrize("form", ["auto", "exact"])
async def test_the_delay_of_a_receipt_counts_from_the_answer_and_once(
    bench: Bench, autojump_clock: MockClock, form: str
) -> None:
    bench.message_id_form = form
    async with bench.up() as life:
        parts = await life.submit(bench.sms(), bench.sms())
        await trio.sleep(2)
        for part in parts:
            await life.answer(part)
        await trio.sleep(40)
        delivered, failed = map(life.name_of, parts)
        await life.receive(life.receipt(delivered, MessageState.ENROUTE))
        await life.receive(
            life.receipt(delivered), life.receipt(failed, MessageState.UNDELIVERABLE)
        )
        await life.receive(life.receipt(delivered))
        delay = life.settlement.matching("main").delay
        assert sum(delay.counts) == 2
        assert delay.total == pytest.approx(80, abs=1)


async def test_a_message_that_is_nowhere_shows_in_the_balance_even_after_a_start(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(dispatching=False) as life:
        await life.hand_in([bench.sms()] * 5)
        assert life.accounts.balance == 0
        queue = next(each for each in life.accounts.queues.values() if each.queued)
        queue.queued -= 1
        assert life.accounts.balance == 1
        queue.queued += 1
        life.accounts.counts[State.QUEUED] -= 1
        life.accounts.counts[State.DELIVERED] += 2
        assert life.accounts.balance == -2
        await life.desk.checkpoint(final=True)
    async with bench.up(dispatching=False) as life:
        assert life.accounts.balance == -2
