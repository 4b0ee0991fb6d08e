"""An account at work: how many calls at once, how fast, what goes back, and what comes of silence."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from smppd import events
from smppd.ports import CallDone, CallRefused, CallReturned, CallUnanswered
from smppd.provider.answers import Failure, NoAnswer, Success
from smppd.provider.results import Taken
from tests.httpapi.rig import DONE, EPOCH, SILENT, UNREACHABLE, Rig, running

# ── calls ────────────────────────────────────────────────────────────────────────────────────


async def test_each_outcome_is_told_once_with_what_was_taken(autojump_clock: MockClock) -> None:
    async with running(connections=1) as rig:
        rig.provider.answers = [DONE, Failure("NO_ROUTE_AVAILABLE", "none"), SILENT, UNREACHABLE]
        await rig.feed(4)
        await rig.settled(4)
    assert rig.pipeline.outcomes == [
        CallDone(1, "sms.sendsms", DONE.result, (Taken("7", ""),)),
        CallRefused(2, "NO_ROUTE_AVAILABLE", "none"),
        CallUnanswered(3, SILENT.reason, True),
        CallUnanswered(4, UNREACHABLE.reason, False),
    ]


async def test_no_more_calls_than_connections_are_under_way_and_no_more_are_taken(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=3) as rig:
        assert rig.account.room == 3
        rig.account.submit(rig.parts(3))
        assert rig.account.room == 0
        await wait_all_tasks_blocked()
        assert rig.provider.under_way == 3
        await rig.feed(7)
        await rig.settled(10)
    assert rig.provider.most == 3
    assert sorted(rig.pipeline.of(CallDone)) == list(range(1, 11))


async def test_room_is_not_given_before_the_outcome_is_on_disk(autojump_clock: MockClock) -> None:
    async with running(connections=2) as rig:
        rig.pipeline.seconds = 10.0
        rig.account.submit(rig.parts(2))
        await trio.sleep(5)
        assert (rig.provider.under_way, rig.account.room) == (0, 0)
        await rig.account.wait_room()
        assert sorted(rig.pipeline.of(CallDone)) == [1, 2]


async def test_outcomes_that_gather_while_others_are_written_share_a_commit(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=10) as rig:
        rig.pipeline.seconds = 5.0
        rig.account.submit(rig.parts(1))
        await trio.sleep(0.5)
        rig.account.submit(rig.parts(9))
        await rig.settled(10)
    assert rig.pipeline.lots == [1, 9]


async def test_what_is_urgent_begins_before_what_waits(autojump_clock: MockClock) -> None:
    async with running(connections=1) as rig:
        rig.account.submit([rig.part(1), rig.part(2), rig.part(3)])
        await wait_all_tasks_blocked()
        rig.account.submit([rig.part(4), rig.part(5), rig.part(6)], urgent=2)
        await rig.settled(6)
    assert rig.provider.said == ["1", "4", "5", "2", "3", "6"]


async def test_what_changes_something_is_under_way_alone_and_keeps_its_place(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=4) as rig:
        ops = [
            "sms.sendsms",
            "sms.sendsms",
            "group.addcontactlist",
            "sms.sendsmstogroup",
            "sms.sendsms",
            "group.getcontacts",
        ]
        for op in ops[:4]:
            rig.account.submit(rig.parts(1, op))
        await rig.settled(4)
        for op in ops[4:]:
            rig.account.submit(rig.parts(1, op))
        await rig.settled(6)
    assert [(op, at) for at, op in zip(rig.provider.times, ops, strict=True)] == [
        ("sms.sendsms", 0.0),
        ("sms.sendsms", 0.0),
        ("group.addcontactlist", 1.0),
        ("sms.sendsmstogroup", 2.0),
        ("sms.sendsms", 3.0),
        ("group.getcontacts", 3.0),
    ]
    assert [name for _, name, _ in rig.provider.calls] == ops


async def test_what_waits_to_be_alone_goes_back_on_a_pause(autojump_clock: MockClock) -> None:
    async with running(connections=2) as rig:
        rig.account.submit([*rig.parts(1), *rig.parts(1, "group.deletecontact")])
        await wait_all_tasks_blocked()
        rig.account.pause()
        await rig.settled(2)
        assert rig.pipeline.of(CallReturned) == [2]
        rig.account.resume()
        rig.account.submit(rig.parts(1, "group.deletecontact"))
        await rig.settled(3)
    assert [name for _, name, _ in rig.provider.calls] == ["sms.sendsms", "group.deletecontact"]


async def test_an_operation_that_this_version_does_not_have_fails_its_item_alone(
    autojump_clock: MockClock,
) -> None:
    async with running() as rig:
        rig.account.submit([rig.part(1, "sms.fromthefuture"), rig.part(2)])
        await rig.settled(2)
    (refused,) = [each for each in rig.pipeline.outcomes if isinstance(each, CallRefused)]
    assert (refused.msg_id, refused.code) == (1, "UNKNOWN_OPERATION")
    assert "sms.fromthefuture" in refused.text
    assert rig.pipeline.of(CallDone) == [2]
    assert rig.account.figures().in_flight == 0


# ── pace ─────────────────────────────────────────────────────────────────────────────────────


async def test_calls_keep_the_pace_and_none_waits_for_it_on_disk(autojump_clock: MockClock) -> None:
    async with running(connections=4, rate=2.0) as rig:
        rig.provider.seconds = 0.1
        assert rig.account.room == 1
        await rig.feed(6)
        await rig.settled(6)
    assert rig.provider.times == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]


async def test_a_high_rate_lets_a_tenth_of_a_second_go_at_once(autojump_clock: MockClock) -> None:
    async with running(connections=100, rate=100.0) as rig:
        assert rig.account.room == 10
        await rig.feed(30)
        await rig.settled(30)
    assert rig.provider.times[:10] == [0.0] * 10
    assert rig.provider.times[-1] == pytest.approx(0.2)


async def test_direct_calls_share_pace_and_places_with_the_spool(autojump_clock: MockClock) -> None:
    async with running(connections=1, rate=1.0) as rig:
        rig.account.submit(rig.parts(2))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.ask)
            nursery.start_soon(rig.ask)
            await wait_all_tasks_blocked()
            assert rig.account.room == 0
        await rig.settled(2)
    assert rig.provider.times == [0.0, 1.0, 2.0, 3.0]
    assert rig.provider.most == 1


# ── pausing ──────────────────────────────────────────────────────────────────────────────────


async def test_a_pause_gives_back_what_is_not_begun_and_lets_the_rest_end(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=1) as rig:
        rig.account.submit(rig.parts(3))
        await wait_all_tasks_blocked()
        rig.account.pause()
        rig.account.submit(rig.parts(1))  # its commit was under way
        await rig.settled(4)
        assert rig.pipeline.of(CallDone) == [1]
        assert rig.pipeline.of(CallReturned) == [2, 3, 4]
        assert rig.account.room == 0
        rig.account.resume()
        assert rig.account.room == 1


async def test_an_operator_may_try_a_paused_account(autojump_clock: MockClock) -> None:
    async with running() as rig:
        rig.account.pause()
        assert await rig.ask() == DONE
        assert rig.account.room == 0


async def test_whoever_waits_for_room_hears_of_the_end_of_a_pause(
    autojump_clock: MockClock,
) -> None:
    async with running() as rig:
        rig.account.pause()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.account.wait_room)
            await wait_all_tasks_blocked()
            rig.account.resume()


# ── a provider that does not answer ──────────────────────────────────────────────────────────


async def test_an_unreachable_provider_is_left_alone_for_growing_times(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=4) as rig:
        rig.provider.answer, rig.provider.seconds = UNREACHABLE, 0.0
        rig.account.submit(rig.parts(4))
        await rig.settled(4)
        assert rig.account.room == 0
        await rig.feed(8)
        await rig.settled(12)
        assert rig.provider.times == [0, 0, 0, 0, 1, 3, 7, 15, 31, 63, 123, 183]
        rig.provider.answer = DONE
        await rig.feed(1)
        await rig.settled(13)
        assert rig.account.room == 4
    lost, back = rig.events
    assert isinstance(lost, events.AccountUnreachable)
    assert (lost.account, lost.reason, lost.retry_in) == ("afilnet", "cannot connect", 1.0)
    assert isinstance(back, events.AccountReachable)
    assert back.seconds == 243.0
    assert rig.account.figures().unreachable_since is None


async def test_while_it_is_lost_one_call_at_a_time_looks_whether_it_is_back(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=4) as rig:
        rig.provider.answer, rig.provider.seconds = UNREACHABLE, 0.0
        await rig.feed(1)
        await rig.settled(1)
        await rig.account.wait_room()
        assert rig.account.room == 1
        rig.provider.seconds = 5.0
        await rig.feed(1)
        assert rig.account.room == 0
        await trio.sleep(4)
        assert rig.account.room == 0
        assert rig.account.figures().unreachable_since == EPOCH


async def test_lost_answers_in_a_row_make_it_wait_too_and_one_among_many_does_not(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=1) as rig:
        rig.provider.answers = [*[DONE] * 9, SILENT] * 10
        await rig.feed(100)
        await rig.settled(100)
        assert rig.events == []
        rig.provider.answer = SILENT
        await rig.feed(7)
        await rig.settled(107)
        assert rig.provider.times[-7:] == [100.0, 101.0, 102.0, 103.0, 105.0, 108.0, 113.0]
    assert [type(each) for each in rig.events] == [events.AccountUnreachable]


async def test_a_direct_call_that_is_answered_ends_the_wait(autojump_clock: MockClock) -> None:
    async with running() as rig:
        rig.provider.answer = UNREACHABLE
        await rig.feed(1)
        await rig.settled(1)
        assert rig.account.room == 0
        rig.provider.answer = DONE
        await rig.ask()
        assert rig.account.room == 4


# ── the end ──────────────────────────────────────────────────────────────────────────────────


async def test_draining_waits_for_answers_and_gives_back_the_rest(
    autojump_clock: MockClock,
) -> None:
    rig = Rig(connections=2, drain_timeout=30.0)
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.account.run)
        rig.provider.seconds = 20.0
        rig.account.submit(rig.parts(5))
        await wait_all_tasks_blocked()
        await rig.account.drain()
        assert sorted(rig.pipeline.of(CallDone)) == [1, 2]
        assert rig.pipeline.of(CallReturned) == [3, 4, 5]
        assert trio.current_time() == pytest.approx(20.0)
    assert rig.provider.closed


async def test_what_is_not_answered_in_time_is_said_to_be_unknown(
    autojump_clock: MockClock,
) -> None:
    rig = Rig(connections=2, drain_timeout=30.0)
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.account.run)
        rig.provider.seconds = 3600.0
        rig.account.submit(rig.parts(2))
        await wait_all_tasks_blocked()
        await rig.account.drain()
        assert trio.current_time() == pytest.approx(30.0)
    assert all(
        isinstance(each, CallUnanswered) and each.sent and "did not wait" in each.reason
        for each in rig.pipeline.outcomes
    )
    assert len(rig.pipeline.outcomes) == len(rig.pipeline.logged) == 2


async def test_draining_does_not_wait_for_the_pace(autojump_clock: MockClock) -> None:
    rig = Rig(connections=2, rate=0.001)
    async with trio.open_nursery() as nursery:
        await nursery.start(rig.account.run)
        rig.account.submit(rig.parts(2))
        await trio.sleep(2)
        await rig.account.drain()
        assert trio.current_time() == pytest.approx(2.0)
    assert rig.pipeline.of(CallReturned) == [2]


async def test_direct_calls_end_with_the_account(autojump_clock: MockClock) -> None:
    rig = Rig(connections=1, drain_timeout=30.0)
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await rig.ask())

    async with trio.open_nursery() as nursery:
        await nursery.start(rig.account.run)
        rig.provider.seconds = 3600.0
        for _ in range(3):
            nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        await rig.account.drain()
    assert sorted((each.sent for each in answers), reverse=True) == [True, False, False]
    assert isinstance(await rig.ask(), NoAnswer)
    assert len(rig.provider.calls) == 1


async def test_a_direct_call_under_way_keeps_its_connection_until_it_is_answered(
    autojump_clock: MockClock,
) -> None:
    rig = Rig(connections=1, drain_timeout=30.0)
    rig.provider.seconds = 20.0
    heard: list[tuple[Any, bool]] = []

    async def ask() -> None:
        heard.append((await rig.ask(), rig.provider.closed))

    async with trio.open_nursery() as nursery:
        await nursery.start(rig.account.run)
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        await rig.account.drain()
    assert heard == [(DONE, False)]
    assert rig.provider.closed
    assert len(rig.pipeline.logged) == 1


async def test_a_killed_account_tells_nobody_of_what_was_under_way(
    autojump_clock: MockClock,
) -> None:
    async with running() as rig:
        rig.account.submit(rig.parts(4))
        await wait_all_tasks_blocked()
    assert rig.pipeline.outcomes == []
    assert rig.provider.closed


# ── what is written down ─────────────────────────────────────────────────────────────────────


async def test_every_call_is_written_down_with_its_content_masked(
    autojump_clock: MockClock,
) -> None:
    async with running(connections=1) as rig:
        rig.provider.answers = [DONE, Failure("NO_CREDITS", "empty"), SILENT]
        await rig.feed(3)
        await rig.settled(3)
        await rig.ask()
        assert [each.outcome for each in rig.pipeline.logged] == [
            "SUCCESS",
            "NO_CREDITS",
            "NO_ANSWER",
            "SUCCESS",
        ]
    first = rig.pipeline.logged[0]
    assert (first.at, first.account, first.op, first.seconds) == (
        EPOCH,
        "afilnet",
        "sms.sendsms",
        1.0,
    )
    assert "34600000001" not in first.params
    assert '"messageid":"7"' in first.answer


async def test_content_is_kept_where_it_is_asked_for_and_only_so_much_of_it(
    autojump_clock: MockClock,
) -> None:
    async with running(log_content=True) as rig:
        rig.provider.answer = Success(b'"' + b"x" * 10_000 + b'"')
        part = rig.part(1)
        assert part.message.call is not None
        part.message.call.params["sms"] = "y" * 10_000 + "\ud800"
        rig.account.submit([part])
        await rig.settled(1)
    (logged,) = rig.pipeline.logged
    assert '"to":"34600000001"' in logged.params
    assert "(10001 characters)" in logged.params
    assert len(logged.params) < 1_200
    assert len(logged.answer) < 4_100
    assert logged.params.encode()


async def test_a_huge_answer_is_written_down_by_its_size(autojump_clock: MockClock) -> None:
    async with running() as rig:
        rig.provider.answer = Success(b'["' + b"x" * 200_000 + b'"]')
        await rig.ask()
    (logged,) = rig.pipeline.logged
    assert logged.answer == "(200004 octets)"


async def test_figures_count_what_was_answered(autojump_clock: MockClock) -> None:
    async with running(connections=1) as rig:
        rig.provider.answers = [DONE, Failure("NO_CREDITS"), SILENT, UNREACHABLE]
        await rig.feed(4)
        await rig.settled(4)
        rig.provider.seconds = 60.0
        await rig.feed(1)
        await wait_all_tasks_blocked()
        figures = rig.account.figures()
        assert figures.outcomes == {
            "SUCCESS": 1,
            "NO_CREDITS": 1,
            "NO_ANSWER": 1,
            "NOT_SENT": 1,
        }
        assert (figures.name, figures.in_flight, figures.ready) == ("afilnet", 1, 0)
        assert (sum(figures.seconds.counts), figures.last_error) == (4, "cannot connect")
