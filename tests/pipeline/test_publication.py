"""Publication: each file gets its results and report once, complete and true, whatever happens."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from smppd.events import FileReported
from smppd.ledger.slots import BLOCK
from smppd.message import Lane
from smppd.pipeline.publish import ROUND
from smppd.results.reporter import Reporter
from smppd.smpp.vocabulary import CommandStatus, MessageState

if TYPE_CHECKING:
    from trio.testing import MockClock

    from tests.pipeline.conftest import Bench, Life

quiet = trio.testing.wait_all_tasks_blocked


async def deliver(life: Life, *, receipts: bool = True) -> None:
    """Answer everything in flight until nothing is, and send receipts."""
    await quiet()
    while life.wire.in_flight:
        for part in list(life.wire.in_flight):
            await life.answer(part)
            if receipts:
                await life.receive(life.receipt(life.name_of(part)))
        await quiet()


# ── what stands in them ──────────────────────────────────────────────────────────────────────


async def test_results_come_in_the_order_of_the_file_whatever_became_of_each(
    bench: Bench, autojump_clock: MockClock
) -> None:
    lines: list[dict[str, Any] | bytes] = [
        bench.sms(id="bulk", priority="bulk"),
        bench.sms(id="high", priority="high"),
        b"no json",
        bench.sms(id="other", via="other"),
        bench.long_sms(2, id="long"),
        bench.sms(id="high", to="+34600000002"),
        bench.sms(id="refused"),
        bench.sms(id="late", expires=0.001),
        bench.sms(to=["+34600000003", "12"], id="two"),
        bench.sms(id="plain", receipt=False),
    ]
    async with bench.up(window=0, publishing=True) as life:
        await life.hand_in(lines, chunk=3)
        await trio.sleep(1)
        life.wire.open(50)
        await quiet()
        for part in list(life.wire.in_flight):
            name = life.texts([part])[0]
            if name == "refused":
                await life.answer(part, CommandStatus.ESME_RINVDSTADR)
            else:
                await life.answer(part)
                await life.receive(life.receipt(life.name_of(part)))
        assert bench.done() == []
        life.wires["other"].open(1)
        await quiet()
        (last,) = life.wires["other"].in_flight
        await life.answer(last, link="other")
        await life.receive(life.receipt(life.name_of(last)), link="other")
        await quiet()
        found = [(r["line"], r["id"], r["state"], r["parts"]) for r in bench.results()]
        assert found == [
            (1, "bulk", "delivered", 1),
            (2, "high", "delivered", 1),
            (3, found[2][1], "rejected", 0),
            (4, "other", "delivered", 1),
            (5, "long", "delivered", 2),
            (6, "high", "duplicate", 0),
            (7, "refused", "failed", 1),
            (8, "late", "expired", 1),
            (9, "two#1", "delivered", 1),
            (9, "two#2", "rejected", 0),
            (10, "plain", "sent", 1),
        ]
        report = bench.report()
        assert report["messages"] == 11
        assert report["states"] == dict(Counter(state for _, _, state, _ in found))
        assert report["parts"] == sum(parts for *_, parts in found)
        assert report["encodings"] == {"gsm7": 8}
        assert report["complete"] is True
        assert life.accounts.files == {}
        reported = [event for event in life.events if isinstance(event, FileReported)]
        assert [event.file for event in reported] == ["a.jsonl"]
        assert reported[0].states == report["states"]


async def test_a_result_says_all_that_the_contract_promises(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.long_sms(2, id="order-77"), bench.sms(id="bad")])
        await quiet()
        one, two, bad = life.wire.submitted
        await trio.sleep(1)
        await life.answer(one, message_id="A")
        await life.answer(two, message_id="B")
        await trio.sleep(1)
        await life.receive(life.receipt("A"), life.receipt("B"))
        await life.answer(bad, CommandStatus.ESME_RINVDSTADR)
        await quiet()
        first, second = bench.results()
        assert first == {
            "line": 1,
            "id": "order-77",
            "to": "34600000001",
            "state": "delivered",
            "parts": 2,
            "encoding": "gsm7",
            "message_ids": ["A", "B"],
            "submitted": "2027-01-15T08:00:01.000Z",
            "done": "2027-01-15T08:00:02.000Z",
            "error": None,
            "attempts": 1,
            "possible_duplicate": False,
            "link": "main",
            "part_states": ["delivered", "delivered"],
        }
        assert "part_states" not in second
        assert second["state"] == "failed"
        assert second["error"]["code"] == "ESME_RINVDSTADR"
        assert second["error"]["status"] == 11


async def test_fields_of_the_clients_own_come_back_as_they_were(
    bench: Bench, autojump_clock: MockClock
) -> None:
    own: dict[str, Any] = {
        "x-s": 'ñ\n"',
        "x-n": 1.5,
        "x-o": {"a": [1, None]},
        "x-b": True,
        "x-0": None,
    }
    async with bench.up(publishing=True) as life:
        await life.hand_in(
            [
                bench.sms(id="good", **own),
                bench.sms(id="good", **own),
                bench.sms(to="12", id="bad", **own),
            ]
        )
        await deliver(life)
        for line in bench.results():
            assert {name: line.get(name, "missing") for name in own} == own


async def test_a_line_with_a_mistake_still_has_its_own_fields_echoed(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        await life.hand_in([{"to": "+34600000001", "id": "a", "x-row": 7}])
        await quiet()
        (line,) = bench.results()
        assert line["state"] == "rejected"
        assert line.get("x-row") == 7


async def test_a_file_without_a_single_message_is_reported_too(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        await life.hand_in([])
        await quiet()
        assert bench.results() == []
        assert bench.report()["messages"] == 0
        assert bench.done() == ["a.jsonl", "a.jsonl.report.json", "a.jsonl.results.jsonl"]


async def test_the_report_sums_up_times_and_rate(bench: Bench, autojump_clock: MockClock) -> None:
    async with bench.up(window=1, publishing=True) as life:
        await life.hand_in([bench.sms(text="ж") for _ in range(5)], lane=Lane.HIGH)
        for _ in range(5):
            await quiet()
            await trio.sleep(1)
            part = life.wire.in_flight[0]
            await life.answer(part)
            await life.receive(life.receipt(life.name_of(part)))
        await quiet()
        report = bench.report()
        assert report["file"] == "a.jsonl"
        assert report["lane"] == "high"
        assert report["encodings"] == {"ucs2": 5}
        assert report["handed_in"] == "2027-01-15T08:00:00.000Z"
        assert report["first_submitted"] == "2027-01-15T08:00:01.000Z"
        assert report["last_submitted"] == "2027-01-15T08:00:05.000Z"
        assert report["last_done"] == "2027-01-15T08:00:05.000Z"
        assert report["seconds"] == 4.0
        assert report["rate"] == pytest.approx(5 / 4.0, abs=0.06)


# ── when ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_is_not_reported_before_all_is_final_or_held(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(3)])
        await quiet()
        first, second, third = life.wire.submitted
        await life.answer(first)
        await life.receive(life.receipt(life.name_of(first)))
        await life.lose(second)
        await life.answer(third)
        await trio.sleep(100)
        assert bench.done() == []
        await life.receive(life.receipt(life.name_of(third)))
        await quiet()
        assert [r["state"] for r in bench.results()] == ["delivered", "unknown", "delivered"]
        assert bench.report()["complete"] is False
        # What becomes of it later reaches the journal, and the file is forgotten then.
        await life.answer(second, late=True)
        assert life.accounts.files != {}
        await life.receive(life.receipt(life.name_of(second)))
        assert life.accounts.files == {}
        await quiet()
        assert len(bench.done()) == 3


async def test_a_file_is_reported_once_whatever_becomes_of_the_rest(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")])
        await quiet()
        for part in life.wire.submitted:
            await life.lose(part)
        await quiet()
        assert len(bench.done()) == 3
        await life.answer(life.wire.submitted[0], late=True)
        await life.receive(life.receipt(life.name_of(life.wire.submitted[0])))
        await trio.sleep(bench.report_after * 2)
        assert len(bench.done()) == 3
        assert [r["state"] for r in bench.results()] == ["unknown", "unknown"]
        assert sum(isinstance(event, FileReported) for event in life.events) == 1
    async with bench.up(publishing=True) as life:
        await trio.sleep(bench.report_after * 2)
        assert len(bench.done()) == 3


async def test_a_file_whose_receipts_do_not_come_is_reported_after_a_while(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")])
        await quiet()
        await life.answer(life.wire.submitted[0])
        await trio.sleep(bench.report_after + 100)
        assert bench.done() == []  # one is still on its way
        await life.answer(life.wire.submitted[1])
        await trio.sleep(20)
        assert [r["state"] for r in bench.results()] == ["sent", "sent"]
        assert bench.report()["complete"] is False


async def test_a_busy_daemon_still_reports_what_has_waited_long_enough(
    bench: Bench, autojump_clock: MockClock
) -> None:
    bench.report_after = 60.0
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms()], "slow.jsonl")
        await deliver(life, receipts=False)
        for n in range(45):
            await trio.sleep(2)
            await life.hand_in([bench.sms(to="12")], f"{n}.jsonl")
        assert "slow.jsonl.results.jsonl" in bench.done()


async def test_messages_spilled_to_disk_are_in_the_results(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_IN_MEMORY", 2)
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_AFTER_SPILL", 1)
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(6)])
        await deliver(life, receipts=False)
        await life.desk.checkpoint()
        await life.receive(life.receipt(life.name_of(life.wire.submitted[0])))
        assert len(life.accounts.entries) == 1
        await trio.sleep(bench.report_after + 20)
        found = bench.results()
        assert [r["state"] for r in found] == ["delivered", *["sent"] * 5]
        assert all(r["message_ids"] and r["submitted"] for r in found)


async def test_messages_that_are_being_spilled_are_in_the_results(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in memory no more, and on the disk not yet."""
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_IN_MEMORY", 2)
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_AFTER_SPILL", 1)
    monkeypatch.setattr("smppd.pipeline.desk.WRITTEN_AT_ONCE", 2)
    async with bench.up() as life:
        await life.hand_in([bench.sms(id=f"{n}") for n in range(6)])
        await deliver(life, receipts=False)
        await trio.sleep(bench.report_after + 1)
        commit = life.desk.commit

        async def publish_first(*args: Any, **kwargs: Any) -> None:
            writing = life.desk.begin(*args, **kwargs)
            if len(life.accounts.entries) == 4:
                monkeypatch.setattr(life.desk, "commit", commit)
                life.accounts.touched.update(life.accounts.files)
                await life.publication.publish_ready()
            await life.desk.finish(writing)

        monkeypatch.setattr(life.desk, "commit", publish_first)
        await life.desk.checkpoint()
        assert [r["state"] for r in bench.results()] == ["sent"] * 6
        assert all(r["message_ids"] and r["submitted"] for r in bench.results())


async def test_of_a_message_that_was_spilled_twice_the_newest_is_in_the_results(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_IN_MEMORY", 1)
    monkeypatch.setattr("smppd.pipeline.desk.WAITING_AFTER_SPILL", 0)
    async with bench.up() as life:
        await life.hand_in([bench.long_sms(2, id="long")])
        await deliver(life, receipts=False)
        await life.desk.checkpoint()
        await life.receive(life.receipt(life.name_of(life.wire.submitted[0])))
        await life.desk.checkpoint()
        assert not life.accounts.entries
        await trio.sleep(bench.report_after + 1)
        life.accounts.touched.update(life.accounts.files)
        await life.publication.publish_ready()
        (found,) = bench.results()
        assert found["part_states"] == ["delivered", "sent"]


# ── what is on disk and what is only in memory ───────────────────────────────────────────────


async def test_what_is_final_but_not_yet_on_disk_is_waited_for(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """Somebody else's commit returns while the receipt that ends the file is being written."""
    passes, gated = trio.Semaphore(0), False

    async def run_sync(function: Callable[..., Any], *arguments: Any) -> Any:
        if gated:
            await passes.acquire()
        return function(*arguments)

    async with bench.up(run_sync, publishing=True) as life:
        await life.hand_in([bench.sms(id="a")])
        await quiet()
        (part,) = life.wire.submitted
        await life.answer(part)
        async with trio.open_nursery() as nursery:
            gated = True
            nursery.start_soon(life.hand_in_brief, [bench.sms()], "t2")
            await quiet()
            nursery.start_soon(lambda: life.receive(life.receipt(life.name_of(part))))
            await quiet()
            assert life.states()["delivered"] == 1
            passes.release()  # the first commit returns, the receipt's is still to be written
            await quiet()
            assert bench.done() == []
            gated = False
            passes.release()
        await quiet()
        assert [r["state"] for r in bench.results()] == ["delivered"]


async def test_what_comes_to_rest_soon_after_a_round_goes_together(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        for n in range(4):
            await life.hand_in([bench.sms(id=f"{n}")], f"{n}.jsonl", token=f"t{n}")
            await deliver(life)
            await trio.sleep(ROUND / 8)
            assert len(bench.done()) == 3, "only the first was not waited with"
        await trio.sleep(ROUND)
        assert len(bench.done()) == 4 * 3
        await trio.sleep(ROUND)
        await life.hand_in([bench.sms(id="last")], "last.jsonl", token="t9")
        await deliver(life)
        assert len(bench.done()) == 5 * 3, "after a rest the first goes at once again"


async def test_what_ends_while_results_are_written_does_them_no_harm(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="a"), bench.sms(id="b")])
        await deliver(life, receipts=False)
        names = [life.name_of(part) for part in life.wire.submitted]

        async def receive_one() -> None:
            await life.receive(life.receipt(names[0]))

        life.before_reading = receive_one
        await trio.sleep(bench.report_after + 1)
        life.accounts.touched.update(life.accounts.files)
        await life.publication.publish_ready()
        assert {r["id"]: r["state"] for r in bench.results()} in (
            {"a": "sent", "b": "sent"},
            {"a": "delivered", "b": "sent"},
        )
        await life.receive(life.receipt(names[1]))
        assert life.accounts.files == {}


async def test_a_block_of_messages_that_ends_while_results_are_written_does_them_no_harm(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """The last message of a block ends: memory has let go of it, the disk has it in a moment."""
    async with bench.up(window=BLOCK) as life:
        await life.hand_in([bench.sms(receipt=n == 0) for n in range(BLOCK + 10)])
        await quiet()
        await life.settlement.settle(
            "main", [life.answered(part) for part in life.wire.submitted[:BLOCK]]
        )
        for part in life.wire.submitted[:BLOCK]:
            life.wire.release(part)
        await quiet()
        for part in list(life.wire.in_flight):
            await life.answer(part)
        name = life.name_of(life.wire.submitted[0])

        async def receive_it() -> None:
            nursery.start_soon(lambda: life.receive(life.receipt(name)))
            await trio.lowlevel.checkpoint()
            while not life.accounts.files[1].states[4]:  # until it is known to be delivered
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            life.before_reading = receive_it
            await trio.sleep(bench.report_after + 1)
            life.accounts.touched.update(life.accounts.files)
            await life.publication.publish_ready()
        assert len(bench.results()) == BLOCK + 10
        assert bench.results()[1]["state"] == "sent"


async def test_a_file_that_comes_to_rest_while_others_are_written_is_reported_too(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.sms(to="12")], "at-rest.jsonl")
        await life.hand_in([bench.sms(id="late")], "late.jsonl")
        await quiet()
        (part,) = life.wire.submitted
        await life.answer(part)  # its file has been touched, and is not at rest

        async def receive_it() -> None:
            life.before_reading = trio.lowlevel.checkpoint
            await life.receive(life.receipt(life.name_of(part)))

        life.before_reading = receive_it
        life.accounts.touched.update(life.accounts.files)
        await life.publication.publish_ready()
        assert [r["state"] for r in bench.results("late.jsonl")] == ["delivered"]
        assert life.accounts.files == {}


# ── stopping ─────────────────────────────────────────────────────────────────────────────────


async def test_a_stop_in_the_middle_leaves_no_file_at_rest_without_its_results(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        for n in range(3):
            await life.hand_in([bench.sms(to="12")], f"{n}.jsonl")

        async with trio.open_nursery() as nursery:

            async def stop_and_go_on() -> None:
                nursery.cancel_scope.cancel()
                with trio.CancelScope(shield=True):
                    await trio.lowlevel.checkpoint()

            life.before_reading = stop_and_go_on
            nursery.start_soon(life.publication.run)
        life.before_reading = trio.lowlevel.checkpoint
        # This is what the composition root does last.
        await life.publication.publish_ready()
        found = [name for name in bench.done() if name.endswith(".results.jsonl")]
        assert found == [f"{n}.jsonl.results.jsonl" for n in range(3)]
        assert life.accounts.files == {}


async def test_a_file_that_came_to_rest_just_before_a_stop_is_reported_at_the_next_start(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        await life.hand_in([bench.sms(id="a")])
        await deliver(life)
        await life.desk.checkpoint(final=True)
    async with bench.up(publishing=True) as life:
        await quiet()
        assert [r["state"] for r in bench.results()] == ["delivered"]


# ── names ────────────────────────────────────────────────────────────────────────────────────


async def test_a_name_that_has_been_used_is_given_a_number(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        for n in range(3):
            await life.hand_in([bench.sms(id=f"{n}")], token=f"t{n}")
            await deliver(life)
            await trio.sleep(ROUND)
        day = bench.root / "done" / "2027-01-15"
        for n, name in enumerate(["a.jsonl", "a~2.jsonl", "a~3.jsonl"]):
            assert json.loads((day / name).read_text())["id"] == f"{n}"
            assert [r["id"] for r in bench.results(name)] == [f"{n}"]
        assert len(bench.done()) == 9


async def test_the_same_name_many_times_in_one_lot_is_given_as_many_names(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up() as life:
        for n in range(30):
            await life.hand_in([bench.sms(id=f"{n}")], token=f"t{n}")
        await deliver(life)
        await life.publication.publish_ready()
        day = bench.root / "done" / "2027-01-15"
        names = ["a.jsonl", *(f"a~{n}.jsonl" for n in range(2, 31))]
        assert [json.loads((day / name).read_text())["id"] for name in names] == [
            r["id"] for name in names for r in bench.results(name)
        ]
        assert len(bench.done()) == 90
        assert list((bench.root / "work").iterdir()) == []


@pytest.mark.parametrize("ending", [".results.jsonl", ".report.json"])
async def test_what_was_left_of_an_earlier_file_of_that_name_is_not_overwritten(
    bench: Bench, autojump_clock: MockClock, ending: str
) -> None:
    day = bench.root / "done" / "2027-01-15"
    day.mkdir()
    (day / f"a.jsonl{ending}").write_text("theirs")
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms(id="a")])
        await deliver(life)
        assert [r["id"] for r in bench.results("a~2.jsonl")] == ["a"]
        assert (day / f"a.jsonl{ending}").read_text() == "theirs"


async def test_a_lot_that_the_disk_broke_off_is_published_under_the_same_names(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.up() as life:
        for n in range(20):
            await life.hand_in([bench.sms(to="12", id=f"{n}")], f"{n}.jsonl")
        real, calls = os.rename, 0

        def rename(source: str, target: str) -> None:
            nonlocal calls
            calls += 1
            if calls == 7:
                raise OSError(28, "No space left on device")
            real(source, target)

        monkeypatch.setattr(os, "rename", rename)
        await life.publication.publish_ready()
        assert life.accounts.files == {}
        assert sorted(bench.done()) == sorted(
            f"{n}.jsonl{ending}"
            for n in range(20)
            for ending in ("", ".results.jsonl", ".report.json")
        )
        told = [event for event in life.events if isinstance(event, FileReported)]
        assert len(told) == 20


# ── dying in between ─────────────────────────────────────────────────────────────────────────


class DoomedError(Exception):
    """The process is gone."""


class Doom:
    """Kills the daemon at one of its calls of the filesystem, before or after it is made."""

    _CALLS = ("replace", "rename", "unlink", "rmdir", "mkdir", "fsync")

    def __init__(self, at: int, *, before: bool) -> None:
        self.calls = 0
        self.at = at
        self._before = before

    def arm(self, patch: pytest.MonkeyPatch) -> None:
        for name in self._CALLS:
            patch.setattr(os, name, self._doomed(getattr(os, name)))

    def _doomed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def doomed(*arguments: Any, **more: Any) -> Any:
            self.calls += 1
            if self.calls == self.at and self._before:
                raise DoomedError
            outcome = call(*arguments, **more)
            if self.calls == self.at:
                raise DoomedError
            return outcome

        return doomed


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(
    ("clash", "days_down"), [(False, 0), (True, 0), (False, 1)], ids=["plain", "clash", "next day"]
)
async def test_dying_anywhere_in_a_publication_leaves_one_set_of_results_in_the_end(
    bench: Bench,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    before: bool,
    clash: bool,
    days_down: int,
) -> None:
    reached = 0
    for at in range(1, 40):
        fresh = type(bench)(tmp_path / str(at))
        if clash:
            async with fresh.up(publishing=True) as life:
                await life.hand_in([bench.sms(id="old")], token="old")
                await deliver(life)
        died = False
        async with fresh.up() as life:
            await life.hand_in([bench.sms(id="a"), bench.sms(id="b")])
            await deliver(life)
            doom = Doom(at, before=before)
            with monkeypatch.context() as patch:
                doom.arm(patch)
                try:
                    await life.publication.publish_ready()
                except* DoomedError:
                    died = True
        fresh.skew += 86_400.0 * days_down
        async with fresh.up(publishing=True) as life:
            await quiet()
            await trio.sleep(10)
            assert life.accounts.files == {}
            if died:
                placed = [e.placed for e in life.events if isinstance(e, FileReported)]
                own = "a~2.jsonl" if clash else "a.jsonl"
                assert [Path(place).name for place in placed] in ([own], [])
        own = "a~2.jsonl" if clash else "a.jsonl"
        names = [own, f"{own}.report.json", f"{own}.results.jsonl"]
        if clash:
            names += ["a.jsonl", "a.jsonl.report.json", "a.jsonl.results.jsonl"]
        visible = [name for name in fresh.done() if not name.startswith(".")]
        assert visible == sorted(names), f"died at call {at}"
        assert [r["id"] for r in fresh.results(own)] == ["a", "b"]
        assert [r["state"] for r in fresh.results(own)] == ["delivered"] * 2
        if not died:
            break
        reached += 1
    assert reached >= 5


@pytest.mark.parametrize("unwritten", [False, True])
async def test_dying_at_the_commit_that_says_a_file_is_reported(
    bench: Bench, autojump_clock: MockClock, unwritten: bool, tmp_path: Path
) -> None:
    async def publish_all(life: Life) -> None:
        await life.hand_in([bench.sms(to="12"), bench.sms(to="13")])
        await life.publication.publish_ready()

    for dies_at in range(1, 12):
        fresh = type(bench)(tmp_path / str(dies_at))
        survived = await fresh.survives(publish_all, bench.mortal(dies_at, unwritten=unwritten))
        async with fresh.up(publishing=True) as life:
            if not fresh.done():
                await life.hand_in([bench.sms(to="12"), bench.sms(to="13")])
            await quiet()
            assert life.accounts.files == {}
        assert fresh.done() == ["a.jsonl", "a.jsonl.report.json", "a.jsonl.results.jsonl"]
        assert [r["line"] for r in fresh.results()] == [1, 2]
        if survived:
            return
    pytest.fail("it never came to the end")


async def test_an_undelivered_message_shows_the_receipts_words(
    bench: Bench, autojump_clock: MockClock
) -> None:
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms()])
        await quiet()
        (part,) = life.wire.submitted
        await life.answer(part)
        gone = life.receipt(life.name_of(part), MessageState.EXPIRED, error="027")
        await life.receive(gone)
        await quiet()
        (line,) = bench.results()
        assert line["state"] == "undelivered"
        assert line["error"] == {"code": "EXPIRED", "text": "receipt error 027"}


# ── a full disk ──────────────────────────────────────────────────────────────────────────────


async def test_a_journal_without_room_is_waited_for_and_nothing_is_lost_or_repeated(
    bench: Bench, autojump_clock: MockClock
) -> None:
    """SQLite itself is out of room: it may have so many pages and no more."""
    async with bench.up(publishing=True) as life:
        await life.hand_in([bench.sms(id="before")], "before.jsonl")
        await deliver(life)
        sql = life.store._sql
        (pages,) = sql.execute("PRAGMA page_count").fetchone()
        sql.execute(f"PRAGMA max_page_count = {pages}")
        async with trio.open_nursery() as nursery:
            lines = [bench.sms(id=f"{n}", text="x" * 150) for n in range(500)]
            nursery.start_soon(lambda: life.hand_in(lines, "big.jsonl"))
            await trio.sleep(60)
            assert len(life.wire.submitted) < 500
            assert life.disk.troubles == {"journal": "No space left for the journal"}
            sql.execute("PRAGMA max_page_count = 1000000")
        for _ in range(5):
            await deliver(life)
        assert life.disk.troubles == {}
        assert [r["state"] for r in bench.results("big.jsonl")] == ["delivered"] * 500
        assert set(bench.submissions.values()) == {1}
        assert len(bench.submissions) == 501
        assert life.accounts.files == {}


@pytest.mark.parametrize("before", [False, True])
async def test_dying_anywhere_in_a_lot_of_files_of_one_name_mixes_none_of_them_up(
    bench: Bench,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    before: bool,
) -> None:
    reached = 0
    for at in range(1, 60):
        fresh = type(bench)(tmp_path / str(at))
        died = False
        async with fresh.up() as life:
            for token in ("t1", "t2"):
                await life.hand_in([bench.sms(id=token)], token=token)
            await deliver(life)
            doom = Doom(at, before=before)
            with monkeypatch.context() as patch:
                doom.arm(patch)
                try:
                    await life.publication.publish_ready()
                except* DoomedError:
                    died = True
        async with fresh.up(publishing=True) as life:
            await quiet()
            await trio.sleep(10)
            assert life.accounts.files == {}
        found = {
            name: [line["id"] for line in fresh.results(name)] for name in ("a.jsonl", "a~2.jsonl")
        }
        assert sorted(found.values()) == [["t1"], ["t2"]], f"died at call {at}"
        for name, ids in found.items():
            (source,) = (fresh.root / "done").glob(f"*/{name}")
            assert f'"{ids[0]}"'.encode() in source.read_bytes(), f"died at call {at}"
        assert len([name for name in fresh.done() if not name.startswith(".")]) == 6
        if not died:
            break
        reached += 1
    assert reached >= 10


class Unsynced:
    """The folders whose names are not on disk yet: a loss of power may undo what was done there."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.folders: set[str] = set()
        replace, rename, unlink, fsync = os.replace, os.rename, os.unlink, os.fsync

        def moved(call: Callable[..., None]) -> Callable[..., None]:
            def move(source: Any, target: Any) -> None:
                call(source, target)
                self.folders.add(str(Path(target).parent.resolve()))

            return move

        def removed(path: Any) -> None:
            unlink(path)
            self.folders.add(str(Path(path).parent.resolve()))

        def synced(descriptor: int) -> None:
            self.folders.discard(os.path.realpath(f"/proc/self/fd/{descriptor}"))
            fsync(descriptor)

        patch.setattr(os, "replace", moved(replace))
        patch.setattr(os, "rename", moved(rename))
        patch.setattr(os, "unlink", removed)
        patch.setattr(os, "fsync", synced)


@pytest.mark.parametrize("keeps_source", [True, False])
async def test_a_loss_of_power_undoes_nothing_of_what_the_journal_calls_reported(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, keeps_source: bool
) -> None:
    """A file that was back in work/ then would be sent again."""
    async with bench.up() as life:
        reporter = life.publication._publisher
        assert isinstance(reporter, Reporter)
        placer = reporter._placer
        placer._terms = placer._terms._replace(keeps_source=keeps_source)
        for name in ("a.jsonl", "b.jsonl"):
            await life.hand_in([bench.sms(id=name)], name)
        await deliver(life)
        unsynced = Unsynced(monkeypatch)
        reported, left = life.ledger.file_reported, list[set[str]]()

        def tell(*given: Any) -> None:
            left.append(set(unsynced.folders))
            reported(*given)

        monkeypatch.setattr(life.ledger, "file_reported", tell)
        await life.publication.publish_ready()
        assert left == [set(), set()]
