"""Campaigns as a whole: paused, cancelled, let go by their first messages, spread over a time."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from smppd.campaign import CampaignTerms, Canary
from smppd.events import CampaignCancelled, CampaignPaused, CampaignResumed
from smppd.journal.audit import audit
from smppd.ledger.snapshot import Trial
from smppd.message import Lane, State
from smppd.pipeline.canary import judge
from smppd.ports import Claimed
from smppd.smpp.vocabulary import CommandStatus
from smppd.spool.formats import parse_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

    from smppd.ledger.snapshot import FileAccount
    from smppd.pipeline.campaigns import Campaigns
    from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked


@asynccontextmanager
async def up(bench: Bench, **terms: Any) -> AsyncIterator[tuple[Life, Campaigns]]:
    async with bench.up(**terms) as life:
        yield life, life.campaigns


async def open_campaign(
    life: Life,
    lines: list[dict[str, Any]],
    terms: CampaignTerms,
    *,
    close: bool = True,
    token: str = "t1",
) -> FileAccount:
    """Claim a file with these terms, and admit all of it."""
    path = life.bench.root / "work" / token / "a.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    unread = await life.admission.open_file(Claimed(token, "a.jsonl", Lane.NORMAL, path.parent))
    await life.admission.note_terms(unread.file_id, terms)
    parsed = [parse_line(json.dumps(line).encode(), n) for n, line in enumerate(lines, start=1)]
    for n, line in enumerate(parsed):
        line.share = n / len(parsed)
    await life.admission.admit(unread.file_id, parsed, 1, len(parsed))
    if close:
        await life.admission.close_file(unread.file_id)
    return life.accounts.files[unread.file_id]


def messages(bench: Bench, count: int, **fields: Any) -> list[dict[str, Any]]:
    return [bench.sms(id=f"{n}", **({"receipt": False} | fields)) for n in range(count)]


async def take(life: Life, status: int = 0) -> None:
    """The SMSC answers everything that is under way, until nothing is."""
    for _ in range(1000):
        await quiet()
        if not life.wire.in_flight:
            return
        for part in list(life.wire.in_flight):
            await life.answer(part, status)


def sent(life: Life) -> list[str]:
    return life.texts(life.wire.submitted)


async def test_a_paused_campaign_holds_what_has_not_left_over_a_restart(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench, window=10) as (life, campaigns):
        file = await open_campaign(life, messages(bench, 200), CampaignTerms("spring"))
        await quiet()
        assert campaigns.named("spring") == campaigns.named("a.jsonl") == [file]
        assert campaigns.pause(file, "wrong text", "ana")
        assert not campaigns.pause(file, "again", "bo"), "it is already"
        await life.desk.commit()
        await take(life)
        assert len(sent(life)) == 10
        assert [type(event) for event in life.events[-1:]] == [CampaignPaused]
        assert file.why_held == "wrong text (ana)"
    async with up(bench, window=10) as (life, campaigns):
        await trio.sleep(500)
        assert sent(life) == []
        (file,) = campaigns.named("spring")
        assert campaigns.resume(file, "ana")
        await life.desk.commit()
        await take(life)
        assert sent(life) == [f"{n}" for n in range(10, 200)]
        assert life.states() == {"sent": 200}
        assert audit(bench.path, bench.root).ok


@pytest.mark.parametrize("act", ["pause", "cancel"])
async def test_what_a_link_has_not_begun_comes_back_and_stays(
    bench: Bench, autojump_clock: MockClock, act: str
) -> None:
    async with up(bench, window=10) as (life, campaigns):
        await life.hand_in([bench.sms(id=f"b{n}") for n in range(4)], "b.jsonl", token="t2")
        file = await open_campaign(life, messages(bench, 50), CampaignTerms("spring"))
        await quiet()
        if act == "pause":
            campaigns.pause(file, "wrong text", "ana")
        else:
            campaigns.cancel(file, "ana")
        await life.desk.commit()
        assert life.texts(life.wire.called_back) == [f"{n}" for n in range(6)], "its own alone"
        for part in life.wire.called_back[2:]:
            await life.give_back(part)
        await take(life)
        assert sent(life) == ["b0", "b1", "b2", "b3", *(f"{n}" for n in range(6))]
        await trio.sleep(3)
        if act == "pause":
            assert life.states() == {"sent": 6, "queued": 48}
            campaigns.resume(file, "ana")
            await life.desk.commit()
            await take(life)
            assert sent(life)[10:] == [f"{n}" for n in range(2, 50)]
            assert life.states() == {"sent": 54}
        else:
            assert life.states() == {"sent": 6, "cancelled": 48}
        assert audit(bench.path, bench.root).ok


async def test_a_cancelled_campaign_is_reported_though_its_link_takes_nothing(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench, window=10, publishing=True) as (life, campaigns):
        late = bench.sms(id="late", **bench.later(5000))
        file = await open_campaign(life, [*messages(bench, 1500), late], CampaignTerms("spring"))
        others = [bench.sms(id=f"b{n}") for n in range(3)]
        await life.hand_in(others, "b.jsonl", token="t2")
        await quiet()
        under_way = list(life.wire.in_flight)
        assert campaigns.cancel(file, "ana")
        await life.desk.commit()
        await trio.sleep(3)
        assert isinstance(life.events[-1], CampaignCancelled)
        assert life.accounts.counts[State.CANCELLED] == 1491
        assert sum(queue.passed.weight for queue in life.accounts.queues.values()) <= 2
        for part in under_way:
            await life.answer(part)
        await trio.sleep(6)
        assert bench.report()["states"] == {"sent": 10, "cancelled": 1491}
        assert bench.results()[1400]["error"]["text"] == "cancelled by ana"
        assert len(sent(life)) == 13, "another file goes on"
        assert audit(bench.path, bench.root).ok


async def test_what_is_admitted_or_comes_back_after_the_cancel_is_cancelled_too(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench, window=10) as (life, campaigns):
        file = await open_campaign(life, messages(bench, 20), CampaignTerms("spring"), close=False)
        await quiet()
        campaigns.cancel(file, "ana")
        await life.desk.commit()
        await trio.sleep(3)
        assert life.states() == {"cancelled": 10, "sending": 10}
        more = [parse_line(json.dumps(bench.sms(id=f"m{n}")).encode(), 21 + n) for n in range(5)]
        await life.admission.admit(file.file_id, more, 2, 25)
        await life.admission.close_file(file.file_id)
        for part in list(life.wire.in_flight):
            await life.answer(part, CommandStatus.ESME_RMSGQFUL)
        await trio.sleep(5)
        assert life.states() == {"cancelled": 25}
        assert len(sent(life)) == 10


CANARY = CampaignTerms("spring", canary=Canary(10, 0.2, 60.0))


async def test_the_rest_follows_when_the_first_messages_went_well(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as (life, _):
        bad = bench.sms(to="nobody")
        file = await open_campaign(life, [bad, bad, *messages(bench, 50)], CANARY)
        await quiet()
        assert sent(life) == [f"{n}" for n in range(10)], "what was rejected is no message"
        parts = list(life.wire.in_flight)
        for part in parts[:8]:
            await life.answer(part)
        for part in parts[8:9]:
            await life.answer(part, CommandStatus.ESME_RINVDSTADR)
        await trio.sleep(1000)
        assert len(sent(life)) == 10, "one of them has not come to its end"
        await life.answer(parts[9], CommandStatus.ESME_RINVDSTADR)
        await trio.sleep(2)
        assert len(sent(life)) == 50
        assert life.events[-1] == CampaignResumed("spring", "a.jsonl", "canary")
        assert not file.restrained


async def test_where_all_are_among_the_first_nothing_is_held(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench, publishing=True) as (life, _):
        file = await open_campaign(life, messages(bench, 9), CANARY)
        assert file.why_held == ""
        await quiet()
        for part in list(life.wire.in_flight):
            await life.answer(part, CommandStatus.ESME_RINVDSTADR)
        await trio.sleep(6)
        assert bench.report()["states"] == {"failed": 9}
        assert not [each for each in life.events if isinstance(each, CampaignPaused)]
        assert not life.accounts.restrained
        assert audit(bench.path, bench.root).ok


async def test_too_many_that_fail_hold_the_rest_until_an_operator_says_otherwise(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as (life, _):
        await open_campaign(life, messages(bench, 50), CANARY)
        await quiet()
        for part in list(life.wire.in_flight)[:3]:
            await life.answer(part, CommandStatus.ESME_RINVDSTADR)
        await trio.sleep(2)
        (event,) = [each for each in life.events if isinstance(each, CampaignPaused)]
        assert event.reason == "canary: 3 of 10 failed, at most 20 % may"
        await take(life)
        await trio.sleep(1000)
        assert len(sent(life)) == 10
    async with up(bench) as (life, campaigns):
        await trio.sleep(1000)
        assert sent(life) == []
        (file,) = campaigns.named("spring")
        assert campaigns.resume(file, "ana")
        await life.desk.commit()
        await take(life)
        assert len(sent(life)) == 40


async def test_a_canary_goes_on_after_a_crash_and_an_operator_need_not_wait_for_it(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as (life, _):
        await open_campaign(life, messages(bench, 50), CANARY)
        await take(life)
    async with up(bench, dispatching=True) as (life, campaigns):
        await trio.sleep(2)
        assert len(sent(life)) == 40
        again = messages(bench, 30)
        for line in again:
            line["id"] = f"x{line['id']}"
        file = await open_campaign(life, again, CANARY, token="t9")
        campaigns.pause(file, "to look", "ana")
        await life.desk.commit()
        await quiet()
        campaigns.resume(file, "ana")
        assert file.file_id in life.accounts.restrained, "its canary holds it still"
        campaigns.resume(file, "ana")
        assert not file.restrained
        await life.desk.commit()
        await take(life)
        assert life.accounts.counts[State.SENT] == 80


def trial(**states: int) -> Trial:
    found = Trial(100, 100)
    for name, count in states.items():
        found.states[State[name.upper()]] = count
    found.done = sum(states.values()) - states.get("queued", 0) - states.get("unknown", 0)
    return found


def test_a_canary_is_judged_by_what_is_known_and_never_before_all_have_left() -> None:
    canary = Canary(100, 0.05, 600.0)
    assert judge(trial(delivered=95, failed=3, expired=1, undelivered=1), canary, 0.0) == ""
    assert judge(trial(delivered=94, failed=6), canary, 0.0) == (
        "canary: 6 of 100 failed, at most 5 % may"
    )
    assert judge(trial(queued=94, failed=6), canary, 0.0), "it need not wait"
    assert judge(trial(delivered=96, queued=4), canary, 1e9) is None
    assert judge(trial(delivered=96, unknown=4), canary, 599.0) is None
    assert judge(trial(delivered=96, unknown=4), canary, 600.0) == ""
    assert judge(trial(delivered=92, unknown=8), canary, 600.0) == (
        "canary: 8 of 100 failed, at most 5 % may"
    )
    assert judge(trial(delivered=10, rejected=90), canary, 0.0) == ""
    assert judge(trial(rejected=100), canary, 0.0) == (
        "canary: none of the first 100 messages was sent"
    )
    reported = trial(sent=100)
    reported.done = 50
    assert judge(reported, canary, 100.0) is None
    assert judge(reported, canary, 600.0) == "", "receipts that never come hold nothing up"


async def test_messages_are_spread_over_the_time_given(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench) as (life, _):
        lines = messages(bench, 100, expires="10m")
        lines[3] |= bench.later(3000)
        await open_campaign(life, lines, CampaignTerms(spread=1000.0))
        left = []
        for _ in range(10):
            await trio.sleep(100)
            await take(life)
            left.append(len(sent(life)))
        assert left[0] in {10, 9, 11}
        assert all(9 <= b - a <= 11 for a, b in pairwise(left))
        assert "3" not in sent(life)
        await trio.sleep(2100)
        await take(life)
        assert life.states() == {"sent": 100}, "a duration counts from its turn"


async def test_what_a_campaign_holds_expires_in_time(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with up(bench, window=1) as (life, campaigns):
        file = await open_campaign(
            life, messages(bench, 30, expires="10m"), CampaignTerms("spring")
        )
        await quiet()
        campaigns.pause(file, "to look", "ana")
        await life.desk.commit()
        await take(life)
        await trio.sleep(598)
        assert life.states() == {"sent": 1, "queued": 29}
        await trio.sleep(5)
        assert life.states() == {"sent": 1, "expired": 29}
        assert audit(bench.path, bench.root).ok


@pytest.mark.parametrize("lost", [False, True])
async def test_what_is_all_under_way_or_in_doubt_can_be_cancelled_and_goes_no_second_time(
    bench: Bench, autojump_clock: MockClock, lost: bool
) -> None:
    async with up(bench) as (life, campaigns):
        lines = messages(bench, 3)
        file = await open_campaign(life, lines, CampaignTerms("spring"))
        await quiet()
        assert life.states() == {"sending": 3}
        if lost:
            for part in list(life.wire.in_flight):
                await life.lose(part)
            assert life.states() == {"unknown": 3}
        assert campaigns.cancel(file, "ana")
        await life.desk.commit()
        if lost:
            await life.desk.requeue(sorted(life.accounts.held), "ana")
        else:
            for part in list(life.wire.in_flight):
                await life.answer(part, CommandStatus.ESME_RTHROTTLED)
        await trio.sleep(60)
        assert life.states() == {"cancelled": 3}
        assert len(sent(life)) == 3
