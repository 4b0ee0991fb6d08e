"""What becomes of calls of the provider's HTTP API, from the queue to their results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from smppd.events import CodeUndocumented, LinkPaused
from smppd.journal.facts import FactTable
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import waiting_key
from smppd.message import State
from smppd.pipeline import desk as desk_module
from smppd.pipeline.cancellation import Cancellation, Wanted
from smppd.pipeline.inquiry import Inquiry
from smppd.pipeline.query_terms import QueryTerms
from smppd.ports import (
    CallDone,
    CallRefused,
    CallReturned,
    CallUnanswered,
    Question,
    Reply,
)
from smppd.provider.catalogue import COMMON_ERRORS, OPERATIONS
from smppd.provider.results import Taken
from smppd.results.story import tell
from smppd.smpp.vocabulary import MessageState
from tests.pipeline.provider import (
    CONTACT,
    GROUP,
    READS,
    SMS,
    What,
    account,
    call,
    done,
    group_done,
    status,
)

if TYPE_CHECKING:
    from smppd.ledger.entries import Ending
    from smppd.results.story import Happening
    from tests.pipeline.conftest import Bench, Life

LINKS = ("main",)


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.accounts = account()
    return bench


async def published(life: Life) -> None:
    await life.publication.publish_ready()


TWO = [("m1", "34600000001"), ("m2", "34600000002")]


async def test_a_group_gives_each_destination_its_own_end(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP, **{"x-ref": "7"})])
        await life.settle_call(group_done(part, TWO), part)
        assert life.states() == {"sent": 1}
        await trio.sleep(10)
        await life.settlement.answered("http", [status(part, 0, "m1")])
        assert life.states() == {"sent": 1}
        await trio.sleep(10)
        await life.settlement.answered("http", [status(part, 1, "m2")])
        assert life.states() == {"delivered": 1}
        assert [(each.id, each.to) for each in life.tray.receipts] == [
            ("c-0", "34600000001"),
            ("c-0", "34600000002"),
        ]
        await published(life)
    first, second = bench.results("calls.jsonl")
    assert first == {
        "line": 1,
        "id": "c-0",
        "to": "34600000001",
        "state": "delivered",
        "parts": 1,
        "encoding": None,
        "message_ids": ["m1"],
        "submitted": "2027-01-15T08:00:00.000Z",
        "done": "2027-01-15T08:00:10.000Z",
        "error": None,
        "attempts": 1,
        "possible_duplicate": False,
        "link": "http",
        "op": "sms.sendsmstogroup",
        "answer": {"id": "55", "count": 2, "credits": "1.2"},
        "x-ref": "7",
    }
    assert second == first | {
        "to": "34600000002",
        "message_ids": ["m2"],
        "done": "2027-01-15T08:00:20.000Z",
    }
    report = bench.report("calls.jsonl")
    assert (report["messages"], report["states"]) == (1, {"delivered": 1})
    assert report["destinations"] == {"delivered": 2}


async def test_a_group_is_undelivered_when_one_of_it_is(bench: Bench) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(group_done(part, TWO), part)
        refused = status(part, 0, "m1", MessageState.UNDELIVERABLE, "NOT DELIVERED")
        await life.settlement.answered("http", [refused])
        await life.settlement.answered("http", [status(part, 1, "m2")])
        assert life.states() == {"undelivered": 1}
        await published(life)
        whole = life.shown("c-0")
    assert whole.error is not None
    assert whole.error.text == "1 of 2 destinations were not reached"
    first, second = bench.results("calls.jsonl")
    assert (first["state"], second["state"]) == ("undelivered", "delivered")
    assert first["error"] == {"code": "UNDELIVERABLE", "text": "the provider says NOT DELIVERED"}
    assert second["error"] is None
    assert bench.report("calls.jsonl")["states"] == {"undelivered": 1}
    assert bench.report("calls.jsonl")["destinations"] == {"undelivered": 1, "delivered": 1}


async def test_a_group_that_is_reported_before_its_end_says_how_far_each_is(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(group_done(part, TWO), part)
        await life.settlement.answered("http", [status(part, 1, "m2")])
        await trio.sleep(bench.report_after + 1)
        life.accounts.touched.add(1)
        await published(life)
    first, second = bench.results("calls.jsonl")
    assert (first["state"], first["done"]) == ("sent", None)
    assert (second["state"], second["done"]) == ("delivered", "2027-01-15T08:00:00.000Z")
    assert bench.report("calls.jsonl")["destinations"] == {"sent": 1, "delivered": 1}


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ({"count": 3, "destinations": [{"messageid": "m1", "destination": "1"}]}, {"count": 3}),
        # What says more than was read is kept: nothing that the provider says is lost.
        ({"destinations": [{"messageid": "m1", "destination": "1", "x": 1}]}, ...),
        ({"destinations": [{"messageid": "m1", "destination": "1"}, {"destination": "2"}]}, ...),
        ({"destinations": "none"}, ...),
    ],
)
async def test_an_answer_loses_only_what_each_destination_says(
    bench: Bench, answer: dict[str, Any], kept: Any
) -> None:
    bench.asks = False
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(done(part, [Taken("m1", "1")], **answer), part)
        await published(life)
        history = [each.text for each in tell_of(life)]
    (line,) = bench.results("calls.jsonl")
    assert line["answer"] == (answer if kept is ... else kept)
    counts = "; the provider counts 3" if "count" in answer else ""
    assert history[1:] == ["asked over account http", f"done, 1 destination taken{counts}"]


def tell_of(life: Life) -> list[Happening]:
    row = life.row("c-0")
    return tell(row, life.reader.log.history(row.msg_id), None).history


async def test_what_only_reads_has_its_answer_in_its_result(bench: Bench) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(READS)])
        answer = b'[{"idcontact": "1000", "mobile":"34600000001"}]'
        await life.settle_call(CallDone(part.msg_id, "group.getcontacts", answer), part)
        await published(life)
    (line,) = bench.results("calls.jsonl")
    assert (line["state"], line["message_ids"]) == ("sent", [])
    assert line["answer"] == [{"idcontact": "1000", "mobile": "34600000001"}]
    assert "destinations" not in bench.report("calls.jsonl")


async def test_large_answers_are_read_a_few_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = FactTable.read_endings

    def counting(log: FactTable, seqs: Sequence[int]) -> dict[int, Ending]:
        read.append(len(seqs))
        return original(log, seqs)

    monkeypatch.setattr(FactTable, "read_endings", counting)
    async with bench.up(links=LINKS) as life:
        life.wires["http"].open(1000)
        for part in await life.hand_in_calls([call(READS)] * 25, chunk=25):
            answer = json.dumps([{"mobile": str(part.msg_id)}]).encode()
            await life.settle_call(CallDone(part.msg_id, "group.getcontacts", answer), part)
        rows = {life.row(f"c-{n}").msg_id: n for n in range(25)}
        await published(life)
    lines = bench.results("calls.jsonl")
    assert [rows[int(line["answer"][0]["mobile"])] for line in lines] == list(range(25))
    assert read == [10, 10, 5]


async def test_a_refused_call_says_so_in_its_result(bench: Bench) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(CallRefused(part.msg_id, "NOT_ACCESS_TO_GROUP", "not allowed"), part)
        await published(life)
        assert tell_of(life)[-1].text == "refused: NOT_ACCESS_TO_GROUP not allowed"
    (line,) = bench.results("calls.jsonl")
    assert (line["state"], line["op"]) == ("failed", "sms.sendsmstogroup")
    assert line["error"] == {"code": "NOT_ACCESS_TO_GROUP", "text": "not allowed"}
    assert "answer" not in line


@pytest.mark.parametrize("what", [SMS, CONTACT])
async def test_what_nobody_asks_about_is_final_when_it_is_sent(bench: Bench, what: What) -> None:
    bench.asks = False
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(what)])
        await life.settle_call(done(part, [Taken("m1", "34600000001")], messageid="m1"), part)
        assert not life.accounts.entries
        assert life.states() == {"sent": 1}


async def test_what_has_no_message_id_is_final_when_it_is_sent(bench: Bench) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(SMS)])
        await life.settle_call(done(part, [Taken("", "34600000001")]), part)
        assert not life.accounts.entries
        assert life.states() == {"sent": 1}


async def test_a_group_ends_when_all_that_can_be_asked_about_have_ended(bench: Bench) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(group_done(part, [("", "34600000001"), ("m2", "34600000002")]), part)
        await life.settlement.answered("http", [status(part, 1, "m2")])
        assert not life.accounts.entries
        assert life.states() == {"sent": 1}


async def test_an_empty_group_is_done_at_once(bench: Bench) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(group_done(part, []), part)
        assert not life.accounts.entries
        assert life.states() == {"sent": 1}


#: Every code that is about the account and not about the call.
STOPPING = [
    "NO_CREDITS",
    "INCORRECT_USER_PASSWORD",
    "MISSING_USER",
    "MISSING_PASSWORD",
    "MISSING_CLASS",
    "MISSING_METHOD",
    "INCORRECT_CLASS",
    "INCORRECT_METHOD",
    "WRONG_URL",
    "HTTP_401",
]


@pytest.mark.parametrize("code", STOPPING)
async def test_a_code_about_the_account_stops_it_and_fails_nothing(bench: Bench, code: str) -> None:
    async with bench.up(links=LINKS) as life:
        life.wires["http"].open(2)
        parts = await life.hand_in_calls([call(SMS), call(SMS), call(SMS)])
        for part in parts[:2]:
            await life.settle_call(CallRefused(part.msg_id, code, "what it means"), part)
        assert life.states() == {"queued": 3}
        (event,) = [each for each in life.events if isinstance(each, LinkPaused)]
        assert code in event.reason
        assert event.hint.endswith("smppd resume http")
        life.refusals.resume("http", "ana")
        await trio.testing.wait_all_tasks_blocked()
        again = life.wires["http"].submitted[2:]
        assert [part.msg_id for part in again] == [part.msg_id for part in parts[:2]]
        assert life.accounts.entries[parts[0].msg_id].attempts == 1


async def test_a_story_of_a_call_says_why_it_waited(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(READS)])
        await life.settle_call(CallRefused(part.msg_id, "NO_CREDITS", ""), part)
        life.refusals.resume("http", "ana")
        await trio.testing.wait_all_tasks_blocked()
        await life.settle_call(CallUnanswered(part.msg_id, "cannot connect", sent=False), part)
        assert [each.text for each in tell_of(life)[1:]] == [
            "asked over account http",
            "refused with NO_CREDITS; goes again as soon as its account lets it",
            "asked over account http",
            "cannot connect; goes again at 2027-01-15T08:00:30.000Z",
        ]


OTHERS = sorted(
    ({*COMMON_ERRORS}.union(*(each.errors for each in OPERATIONS.values()))) - {*STOPPING}
)


@pytest.mark.parametrize("code", [*OTHERS, "HTTP_422", "ERROR"])
async def test_another_code_fails_its_call_with_its_meaning(bench: Bench, code: str) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(CallRefused(part.msg_id, code, "not allowed"), part)
        error = life.shown("c-0").error
        assert error is not None
        assert (error.code, error.text) == (code, "not allowed")
        assert not life.accounts.paused
        assert not [each for each in life.events if isinstance(each, CodeUndocumented)]


async def test_of_a_code_that_no_document_has_the_operator_hears_once(bench: Bench) -> None:
    async with bench.up(links=LINKS) as life:
        parts = await life.hand_in_calls([call(SMS), call(SMS)])
        for part in parts:
            await life.settle_call(CallRefused(part.msg_id, "TOO_BLUE", "too blue"), part)
        assert life.states() == {"failed": 2}
        told = [each for each in life.events if isinstance(each, CodeUndocumented)]
        assert told == [CodeUndocumented("http", "TOO_BLUE", "too blue")]


async def test_what_only_reads_goes_again_until_it_has_no_more_attempts(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(READS)])
        for wait in (30.0, 60.0):
            await life.settle_call(CallUnanswered(part.msg_id, "timeout", sent=True), part)
            assert life.due_in(part) == pytest.approx(wait, abs=0.1)
            await trio.sleep(wait + 1)
        await life.settle_call(CallUnanswered(part.msg_id, "timeout", sent=True), part)
        shown = life.shown("c-0")
        assert (shown.state, shown.attempts, shown.possible_duplicate) == ("failed", 3, False)
        assert shown.error is not None
        assert (shown.error.code, shown.error.text) == ("NO_ANSWER", "timeout")


@pytest.mark.parametrize("what", [SMS, GROUP, CONTACT])
async def test_what_may_have_been_done_is_not_done_again(bench: Bench, what: What) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(what)])
        await life.settle_call(CallUnanswered(part.msg_id, "timeout", sent=True), part)
        assert life.states() == {"unknown": 1}
        assert not life.accounts.unclaimed
        await life.desk.requeue([part.msg_id], "ana")
        await trio.testing.wait_all_tasks_blocked()
        assert len(life.wires["http"].submitted) == 2
        assert not life.accounts.unclaimed.ghosts
        await life.settle_call(done(part, [Taken("m1", "34600000001")]), part)
        assert life.shown("c-0").possible_duplicate


async def test_a_late_answer_settles_what_was_in_doubt(bench: Bench) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(CallUnanswered(part.msg_id, "timeout", sent=True), part)
        await life.settle_call(group_done(part, [("m1", "34600000001")]), part)
        assert life.states() == {"sent": 1}
        assert life.accounts.entries[part.msg_id].error is None
        await life.settle_call(group_done(part, [("m9", "34600000009")]), part)
        assert life.accounts.entries[part.msg_id].destinations == ["34600000001"]


async def test_what_never_left_goes_again_without_an_attempt_until_it_expires(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(SMS, expires="200s")])
        for wait in (30.0, 60.0):
            await life.settle_call(CallUnanswered(part.msg_id, "cannot connect", sent=False), part)
            assert life.due_in(part) == pytest.approx(wait, abs=0.1)
            await trio.sleep(wait + 1)
        assert life.accounts.entries[part.msg_id].attempts == 1
        await life.settle_call(CallUnanswered(part.msg_id, "cannot connect", sent=False), part)
        assert life.states() == {"expired": 1}


async def test_what_is_given_back_goes_again_at_once(bench: Bench) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(SMS)])
        await life.settle_call(CallReturned(part.msg_id), part)
        assert len(life.wires["http"].submitted) == 2
        assert life.accounts.entries[part.msg_id].attempts == 1


async def test_news_of_a_call_that_is_over_changes_nothing(bench: Bench) -> None:
    bench.asks = False
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(SMS)])
        await life.settle_call(done(part, [Taken("m1", "34600000001")]), part)
        for outcome in (
            done(part, [Taken("m2", "34600000001")]),
            CallRefused(part.msg_id, "NO_ROUTE_AVAILABLE", ""),
            CallRefused(part.msg_id, "NO_CREDITS", ""),
            CallUnanswered(part.msg_id, "timeout", sent=True),
            CallUnanswered(part.msg_id, "timeout", sent=False),
            CallReturned(part.msg_id),
        ):
            await life.settle_call(outcome, part)
        await life.settlement.answered("http", [status(part, 0, "m1")])
        assert life.states() == {"sent": 1}
        assert not life.accounts.paused


async def test_after_a_crash_what_only_reads_goes_again_and_the_rest_is_held(bench: Bench) -> None:
    async with bench.up(links=LINKS) as life:
        await life.hand_in_calls([call(READS), call(GROUP), call(CONTACT)])
    async with bench.up(links=LINKS) as life:
        await trio.testing.wait_all_tasks_blocked()
        assert life.states() == {"sending": 1, "unknown": 2}
        (part,) = life.wires["http"].submitted
        await life.settle_call(done(part), part)
        shown = life.shown("c-0")
        assert (shown.state, shown.attempts, shown.possible_duplicate) == ("sent", 1, False)


async def test_a_long_message_that_went_over_http_is_one_there(bench: Bench) -> None:
    """As the fallback hands it over: taken from its link's queue by an account."""
    async with bench.up(links=LINKS, window=0) as life:
        await life.hand_in([bench.long_sms(3, id="long")])
        row = life.row("long")
        life.ledger.sending(bench.wall(), "http", [row], row.msg_id, "sms.sendsms")
        await life.desk.commit()
        refused = CallUnanswered(row.msg_id, "cannot connect", sent=False)
        await life.calls.settle_calls("http", [refused])
        entry = life.accounts.entries[row.msg_id]
        assert entry.part_states == [State.QUEUED] * 3
        assert life.ledger.sending_again(bench.wall(), "http", row.msg_id, "sms.sendsms") == [
            0,
            1,
            2,
        ]
        taken = [Taken("m1", "34600000001")]
        await life.calls.settle_calls(
            "http", [CallDone(row.msg_id, "sms.sendsms", b'{"messageid":"m1"}', taken)]
        )
        assert entry.part_states == [State.SENT]
        assert entry.ids == [(0, "http\tm1")]
        await life.receive(life.receipt("m1"), link="main")
        assert life.states() == {"sent": 1}
        reply = Reply(Question(row.msg_id, 0, "m1", row.message), 0, int(MessageState.DELIVERED))
        await life.settlement.answered("http", [reply])
        shown = life.shown("long")
        assert (shown.state, shown.parts, shown.encoding) == ("delivered", 3, "gsm7")
        assert (shown.link, shown.op, shown.message_ids) == ("http", "sms.sendsms", ["m1"])
        await published(life)
    (line,) = bench.results()
    assert "part_states" not in line
    assert line["answer"] == {"messageid": "m1"}


async def test_a_large_group_is_spilled_once_and_found_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "WAITING_IN_MEMORY", 100)
    monkeypatch.setattr(desk_module, "WAITING_AFTER_SPILL", 50)
    names = [(f"m{n}", f"346{n:08d}") for n in range(20_000)]
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(group_done(part, names), part)
        assert life.desk.checkpoint_due()
        await life.desk.checkpoint()
        assert not life.accounts.entries
        assert len(list(life.reader.lots.all_waiting())) == 1, "once, and not for each destination"
        replies = [status(part, n, name) for n, (name, _) in enumerate(names)]
        await life.settlement.answered("http", replies[:100])
        assert life.accounts.entries[part.msg_id].part_states.count(State.DELIVERED) == 100
    async with bench.up(links=LINKS) as life:
        await life.settlement.answered("http", replies[100:])
        assert life.states() == {"delivered": 1}
        assert life.accounts.called == 0


async def test_what_waits_can_be_cancelled_and_what_left_cannot(bench: Bench) -> None:
    async with bench.up(links=LINKS, window=0) as life:
        life.wires["http"].open(3)
        parts = await life.hand_in_calls([call(SMS), call(GROUP), call(CONTACT), call(SMS)])
        assert len(parts) == 3
        await life.settle_call(group_done(parts[1], TWO))
        await life.settle_call(done(parts[2]))
        cancellation = Cancellation(life.desk, life.settlement.recall, {})
        queued = life.row("c-3").msg_id
        wanted = [Wanted(msg_id) for msg_id in (*(part.msg_id for part in parts), queued)]
        fates = await cancellation.cancel(wanted, "ana", 0.0)
        assert [(fate.cancelled, fate.state, fate.why) for fate in fates] == [
            (False, "sending", "the provider is being asked just now; try again in a moment"),
            (
                False,
                "sent",
                "the provider has done it, and takes nothing back over its HTTP API",
            ),
            (False, "", "it has come to its end already"),
            (True, "cancelled", ""),
        ]
        await life.settle_call(CallUnanswered(parts[0].msg_id, "timeout", sent=True), parts[0])
        (fate,) = await cancellation.cancel(wanted[:1], "ana", 0.0)
        assert (fate.cancelled, fate.state) == (False, "unknown")
        assert "nobody knows whether the provider has done it" in fate.why


@pytest.fixture
def spilling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint spills whatever waits."""
    monkeypatch.setattr(desk_module, "WAITING_IN_MEMORY", 1)
    monkeypatch.setattr(desk_module, "WAITING_AFTER_SPILL", 0)


@pytest.mark.usefixtures("spilling")
async def test_a_spilled_call_is_not_cancelled_either(bench: Bench) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(group_done(part, TWO), part)
        await life.desk.checkpoint()
        assert not life.accounts.entries
        cancellation = Cancellation(life.desk, life.settlement.recall, {})
        keys = [waiting_key("http", part.msg_id)]
        (fate,) = await cancellation.cancel([Wanted(part.msg_id, keys)], "ana", 0.0)
        assert (fate.cancelled, fate.state) == (False, "sent")
        assert "takes nothing back" in fate.why


@pytest.mark.usefixtures("spilling")
async def test_a_call_that_is_spilled_while_its_row_is_read_is_not_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.up(links=LINKS) as life:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(group_done(part, TWO), part)
        read = life.journal.read_messages

        async def read_late(msg_ids: Sequence[int]) -> list[MessageRow]:
            await life.desk.checkpoint()
            return await read(msg_ids)

        monkeypatch.setattr(life.journal, "read_messages", read_late)
        cancellation = Cancellation(life.desk, life.settlement.recall, {})
        keys = [waiting_key("http", part.msg_id)]
        (fate,) = await cancellation.cancel([Wanted(part.msg_id, keys)], "ana", 0.0)
        assert (fate.cancelled, fate.state) == (False, "sent")


class Account:
    """Asked, and silent."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    @property
    def asking(self) -> int:
        return 0

    def ask(self, questions: Sequence[Question]) -> None:
        self.asked += questions


@pytest.mark.usefixtures("spilling")
async def test_all_of_a_spilled_group_is_asked_for(
    bench: Bench, autojump_clock: trio.testing.MockClock
) -> None:
    names = [(f"m{n}", f"346{n:08d}") for n in range(250)]
    provider = Account()
    async with bench.up(links=LINKS) as life, trio.open_nursery() as nursery:
        (part,) = await life.hand_in_calls([call(GROUP)])
        await life.settle_call(group_done(part, names), part)
        await life.desk.checkpoint()
        assert not life.accounts.entries
        terms = QueryTerms(provider, 60.0, held=100, account="http")
        inquiry = Inquiry(life.desk, {"http": terms}, life.events.append)
        nursery.start_soon(inquiry.run)
        await trio.sleep(120)
        nursery.cancel_scope.cancel()
    assert {(each.part, each.message_id) for each in provider.asked} == {
        (n, name) for n, (name, _) in enumerate(names)
    }
    assert len(provider.asked) == len(names)
