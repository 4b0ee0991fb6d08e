"""Messages without a receipt are asked for: in time, less and less often, and never for ever."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from smppd.ledger.facts import Kind
from smppd.pipeline import inquiry, query_terms
from smppd.simulate.script import Answers, Receipts
from smppd.simulate.units import Seconds
from tests.pitfalls.raw import (
    DELIVER_SM,
    QUERY_SM,
    RESPONSE,
    SUBMIT_SM,
    Frame,
    RawCall,
    pdu,
    receipt,
)
from tests.pitfalls.rig import Rig

ENROUTE, DELIVERED, UNDELIVERABLE, ACCEPTED = 1, 2, 5, 6
RINVCMDID, RTHROTTLED, RQUERYFAIL = 0x03, 0x58, 0x67


class Oracle:
    """What the SMSC says of its messages; None for nothing at all. Keeps when it was asked."""

    def __init__(self, rig: Rig, state: int | None = ENROUTE, status: int = 0) -> None:
        self.state = state
        self.status = status
        self.error = 0
        self.wall = rig.wall
        self.asked: list[tuple[float, str]] = []
        self.bodies: list[bytes] = []
        self.flying = self.most_flying = 0
        rig.smsc.on_frame = self.hear

    def hear(self, call: RawCall, frame: Frame) -> bool:
        if frame.command_id != QUERY_SM:
            return False
        name = frame.body.partition(b"\0")[0]
        self.asked.append((self.wall(), name.decode()))
        self.bodies.append(frame.body)
        if self.state is not None:
            body = b"" if self.status else name + b"\0" + b"\0" + bytes((self.state, self.error))
            call.say(pdu(QUERY_SM | RESPONSE, frame.sequence, body, self.status))
        return True

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.asked]


def message(number: int, **more: Any) -> dict[str, Any]:
    return Rig.sms(number, **more)


async def pass_time(rig: Rig, seconds: float, step: float = 300.0) -> None:
    """Let people's clock go on in steps, and little time pass in each."""
    until = rig.wall() + seconds
    while rig.wall() < until:
        rig.skew += step
        await trio.sleep(inquiry.LOOK_EVERY + 1.0)


async def _sent(rig: Rig, count: int = 1) -> str:
    name = rig.hand_in(*(message(n) for n in range(1, count + 1)))
    await rig.until(lambda: rig.states() == {"sent": count})
    return name


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_IN_MEMORY", 3)
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_AFTER_SPILL", 1)


# ── what it leads to ─────────────────────────────────────────────────────────────────────────


async def test_a_message_without_a_receipt_is_delivered_by_query(
    rig: Rig, autojump_clock: MockClock
) -> None:
    oracle = Oracle(rig, DELIVERED)
    await rig.start(query_sm=True, query_after=600.0)
    name = await _sent(rig)
    began = rig.wall()
    await rig.until(lambda: rig.has_results(name))
    assert 600 <= oracle.times[0] - began < 600 + 2 * inquiry.LOOK_EVERY
    # message_id exactly as the SMSC gave it; the source as it was submitted.
    assert oracle.bodies == [b"1\0" + b"\5\0" + b"ACME\0"]
    assert rig.results(name)[0]["state"] == "delivered"
    (line,) = rig.receipts()
    assert (line["by"], line["state"], line["id"]) == ("query_sm", "delivered", "m1")
    assert rig.show("m1").history[-1].text == "asked for 1: DELIVERED, error 000"
    assert rig.figures().queries == {"delivered": 1}
    assert rig.audit().ok
    await pass_time(rig, 20_000)
    assert len(oracle.asked) == 1


async def test_an_undelivered_one_says_why(rig: Rig, autojump_clock: MockClock) -> None:
    oracle = Oracle(rig, UNDELIVERABLE)
    oracle.error = 42
    await rig.start(query_sm=True, query_after=60.0)
    name = await _sent(rig)
    await rig.until(lambda: rig.has_results(name))
    (line,) = rig.results(name)
    assert line["state"] == "undelivered"
    assert line["error"] == {"code": "UNDELIVERABLE", "text": "query_sm error 042"}


async def test_a_receipt_in_time_spares_the_question(rig: Rig, autojump_clock: MockClock) -> None:
    oracle = Oracle(rig, DELIVERED)
    await rig.start(query_sm=True, query_after=600.0)
    await _sent(rig)
    await trio.sleep(500)
    rig.smsc.say(pdu(DELIVER_SM, 9, receipt("1")))
    await rig.until(lambda: rig.states() == {"delivered": 1})
    await pass_time(rig, 2000)
    assert not oracle.asked


async def test_a_receipt_after_the_answer_changes_nothing(
    rig: Rig, autojump_clock: MockClock
) -> None:
    Oracle(rig, DELIVERED)
    await rig.start(query_sm=True, query_after=10.0)
    await _sent(rig)
    await rig.until(lambda: rig.states() == {"delivered": 1})
    rig.smsc.say(pdu(DELIVER_SM, 9, receipt("1", "UNDELIV")))
    await rig.until(lambda: len(rig.receipts()) == 2)
    assert rig.state("m1") == "delivered"
    assert [line.get("by") for line in rig.receipts()] == ["query_sm", None]


async def test_an_id_used_twice_is_asked_for_the_newer_message(
    rig: Rig, autojump_clock: MockClock
) -> None:
    oracle = Oracle(rig, DELIVERED)
    rig.smsc.next_id = lambda: "7"  # type: ignore[method-assign]
    await rig.start(query_sm=True, query_after=60.0)
    await _sent(rig, 2)
    await rig.until(lambda: rig.states() == {"sent": 1, "delivered": 1})
    await pass_time(rig, 86_400)
    assert (rig.state("m1"), rig.state("m2")) == ("sent", "delivered")
    assert len(oracle.asked) == 1


async def test_without_the_key_nothing_is_asked(rig: Rig, autojump_clock: MockClock) -> None:
    oracle = Oracle(rig, DELIVERED)
    await rig.start()
    await _sent(rig)
    await pass_time(rig, 80_000)
    assert not oracle.asked


async def test_every_part_is_asked_for(rig: Rig, autojump_clock: MockClock) -> None:
    oracle = Oracle(rig, DELIVERED)
    await rig.start(query_sm=True, query_after=60.0)
    name = rig.hand_in(message(1, text="x" * 400))
    await rig.until(lambda: rig.states() == {"sent": 1})
    rig.smsc.say(pdu(DELIVER_SM, 9, receipt("2")))
    await rig.until(lambda: rig.has_results(name))
    assert sorted(name for _, name in oracle.asked) == ["1", "3"]


async def test_a_part_of_a_message_in_doubt_is_asked_for(
    rig: Rig, autojump_clock: MockClock
) -> None:
    oracle = Oracle(rig, DELIVERED)
    hear = oracle.hear

    def lose_the_second(call: RawCall, frame: Frame) -> bool:
        return hear(call, frame) or (frame.command_id == SUBMIT_SM and len(rig.smsc.submits) == 2)

    rig.smsc.on_frame = lose_the_second
    await rig.start(query_sm=True, query_after=60.0, response_timeout=5.0)
    rig.hand_in(message(1, text="x" * 200))
    await rig.until(lambda: rig.states() == {"unknown": 1})
    await rig.until(lambda: oracle.asked)
    await rig.until(lambda: rig.show("m1").part_details[0].state == "delivered")
    assert rig.state("m1") == "unknown"
    await pass_time(rig, 10_000)
    assert len(oracle.asked) == 1


# ── again, and when it ends ──────────────────────────────────────────────────────────────────


async def test_what_is_on_its_way_is_asked_for_less_and_less_often(
    rig: Rig, autojump_clock: MockClock
) -> None:
    oracle = Oracle(rig, ENROUTE)
    await rig.start(query_sm=True, query_after=600.0)
    await _sent(rig)
    await pass_time(rig, 4 * 86_400)
    waits = [later - sooner for sooner, later in zip(oracle.times, oracle.times[1:], strict=False)]
    assert len(oracle.asked) == query_terms.MOST_ANSWERS
    expected = [
        min(600.0 * 2**n, query_terms.LONGEST_WAIT) for n in range(1, query_terms.MOST_ANSWERS)
    ]
    assert waits == pytest.approx(expected, abs=700.0)
    assert rig.states() == {"sent": 1}
    assert rig.figures().queries == {"enroute": query_terms.MOST_ANSWERS}
    assert not rig.receipts()


async def test_a_message_that_is_too_old_is_not_asked_for(
    rig: Rig, autojump_clock: MockClock
) -> None:
    oracle = Oracle(rig, ENROUTE)
    await rig.start(query_sm=True, query_after=86_400.0)
    await _sent(rig)
    began = rig.wall()
    await pass_time(rig, 12 * 86_400, 3600.0)
    assert 2 <= len(oracle.asked) <= 4
    assert oracle.times[-1] - began < query_terms.GIVEN_UP_AFTER + 1.1 * 86_400


async def test_what_the_smsc_does_not_know_is_not_asked_for_again(
    rig: Rig, autojump_clock: MockClock
) -> None:
    oracle = Oracle(rig, status=RQUERYFAIL)
    await rig.start(query_sm=True, query_after=60.0)
    await _sent(rig)
    await pass_time(rig, 86_400)
    assert len(oracle.asked) == 1
    assert rig.states() == {"sent": 1}
    assert rig.figures().queries == {"failed": 1}
    await rig.kill()
    await rig.start_again()
    await pass_time(rig, 86_400)
    assert len(oracle.asked) == 1, "nor after a restart"


async def test_how_often_it_was_asked_outlives_the_daemon(
    rig: Rig, autojump_clock: MockClock
) -> None:
    oracle = Oracle(rig, ENROUTE)
    await rig.start(query_sm=True, query_after=600.0)
    await _sent(rig)
    await rig.until(lambda: len(oracle.asked) == 2)
    await rig.quiet()
    await rig.kill()
    await rig.start_again()
    began = rig.wall()
    await rig.until(lambda: len(oracle.asked) == 3)
    assert oracle.times[2] - oracle.times[1] == pytest.approx(2400.0, abs=10.0)
    assert began < oracle.times[2]


# ── an SMSC that will not have it ────────────────────────────────────────────────────────────


async def test_an_smsc_that_knows_no_query_sm_is_left_alone(
    rig: Rig, autojump_clock: MockClock
) -> None:
    oracle = Oracle(rig, status=RINVCMDID)
    await rig.start(query_sm=True, query_after=60.0, window=10)
    await _sent(rig, 50)
    await trio.sleep(3600)
    refused = rig.of(events.QueriesRefused)
    assert refused == [events.QueriesRefused("main", "ESME_RINVCMDID")], "said once"
    assert len(oracle.asked) < 60 * query_terms.HELD / 10
    hours = len(oracle.asked)
    await trio.sleep(3600)
    assert len(oracle.asked) - hours <= 2 * query_terms.HELD


async def test_no_answer_slows_it_down(rig: Rig, autojump_clock: MockClock) -> None:
    oracle = Oracle(rig, state=None)
    await rig.start(query_sm=True, query_after=60.0, response_timeout=5.0)
    await _sent(rig)
    await pass_time(rig, 2 * 86_400)
    assert len(oracle.asked) == query_terms.MOST_ANSWERS
    waits = [later - sooner for sooner, later in zip(oracle.times, oracle.times[1:], strict=False)]
    assert waits == sorted(waits)
    assert rig.states() == {"sent": 1}


async def test_a_throttled_question_waits(rig: Rig, autojump_clock: MockClock) -> None:
    oracle = Oracle(rig, DELIVERED, status=RTHROTTLED)
    await rig.start(query_sm=True, query_after=60.0)
    await _sent(rig)
    await rig.until(lambda: oracle.asked)
    oracle.status = 0
    await rig.until(lambda: rig.states() == {"delivered": 1})
    assert len(oracle.asked) == 2
    assert oracle.times[1] - oracle.times[0] >= 60
    assert not rig.of(events.QueriesRefused)


# ── many ─────────────────────────────────────────────────────────────────────────────────────


async def test_many_are_asked_for_with_a_small_part_of_the_window(
    rig: Rig, autojump_clock: MockClock
) -> None:
    simulated = rig.simulate(receipt=Receipts(on=False), answer=Answers(latency=Seconds(0.05)))
    await rig.start(query_sm=True, query_after=60.0, window=40)
    name = rig.hand_in(*(message(n) for n in range(1, 301)))
    await rig.until(lambda: rig.states() == {"sent": 300})
    flying = 0
    while not rig.has_results(name):
        flying = max(flying, rig.figures().in_flight)
        await trio.sleep(0.05)
    assert rig.states() == {"delivered": 300}
    assert simulated.smsc.tally.queries == 300
    assert 1 < flying <= 4
    assert rig.audit().ok


async def test_those_spilled_to_disk_are_asked_for_too(
    rig: Rig, little_memory: None, autojump_clock: MockClock
) -> None:
    oracle = Oracle(rig, ENROUTE)
    await rig.start(query_sm=True, query_after=600.0)
    name = await _sent(rig, 30)
    await trio.sleep(30)
    assert len(rig.daemon.parts.ledger.accounts.entries) < 4
    await rig.until(lambda: len(oracle.asked) == 30)
    assert len({name for _, name in oracle.asked}) == 30
    await trio.sleep(60)
    assert len(rig.daemon.parts.ledger.accounts.entries) < 4, "and are spilled again"
    await rig.until(lambda: len(oracle.asked) == 60)
    assert oracle.times[30] - oracle.times[0] > 1100
    assert max([name for _, name in oracle.asked].count(str(n)) for n in range(1, 31)) == 2
    oracle.state = DELIVERED
    await rig.until(lambda: rig.has_results(name))
    assert rig.states() == {"delivered": 30}
    assert rig.audit().ok


async def test_a_walk_through_the_spilled_takes_them_page_by_page(
    rig: Rig, little_memory: None, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiry, "PAGE", 2)
    monkeypatch.setattr(inquiry, "PAGES", 3)
    oracle = Oracle(rig, DELIVERED)
    await rig.start(query_sm=True, query_after=60.0)
    name = await _sent(rig, 25)
    await rig.until(lambda: rig.has_results(name))
    assert len(oracle.asked) == 25


async def test_only_the_link_that_allows_it_is_asked(rig: Rig, autojump_clock: MockClock) -> None:
    one = rig.simulate("b", receipt=Receipts(on=False))
    other = rig.simulate("c", receipt=Receipts(on=False))
    await rig.start(
        bound=2,
        links={
            "asked": {"hosts": (("b", 1),), "query_sm": True, "query_after": 60.0},
            "left": {"hosts": (("c", 1),)},
        },
    )
    rig.hand_in(message(1, via="asked"), message(2, via="left"))
    await rig.until(lambda: rig.states() == {"sent": 1, "delivered": 1})
    assert (one.smsc.tally.queries, other.smsc.tally.queries) == (1, 0)


async def test_answers_are_on_disk_before_anybody_counts_on_them(
    rig: Rig, autojump_clock: MockClock
) -> None:
    Oracle(rig, DELIVERED)
    await rig.start(query_sm=True, query_after=60.0)
    await _sent(rig)
    await rig.until(lambda: rig.states() == {"delivered": 1})
    await rig.kill()
    await rig.start_again()
    assert rig.states() in ({"delivered": 1}, {"sent": 1})
    assert (len(rig.receipts()) == 1) == (rig.states() == {"delivered": 1})
    facts = [fact.kind for fact in rig.daemon.parts.ledger.facts]
    assert Kind.QUERIED not in facts
