"""Any history at all: answers, losses, receipts, restarts in any order, and the books balance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from smppd.config import PolicyConfig
from smppd.ledger import deadlines as deadlines_module
from smppd.ledger.facts import QUEUE_SHIFT, Kind, waiting_key
from smppd.ledger.unclaimed import claimable
from smppd.ledger.user_reference import user_reference
from smppd.message import ErrorInfo, State
from smppd.pipeline import campaigns as campaigns_module
from smppd.pipeline import cap as cap_module
from smppd.pipeline import desk as desk_module
from smppd.pipeline import overdue as overdue_module
from smppd.pipeline import publish
from smppd.pipeline.cancellation import Cancellation, CancelTerms, Wanted
from smppd.pipeline.cap import OVER_CAP, Cap, day_of
from smppd.ports import Answered, Question, Reply, Returned, Unanswered
from smppd.smpp.vocabulary import CommandStatus, MessageState
from tests.pipeline.holding import held_for_campaigns
from tests.pipeline.provider import CONTACT, GROUP, READS, SMS, Provider, account, call
from tests.pipeline.telling import events

if TYPE_CHECKING:
    from smppd.ledger.accounts import Accounts
    from smppd.ledger.entries import MessageRow
    from smppd.message import Part
    from smppd.pipeline.gate import Verdict
    from tests.pipeline.conftest import Bench, Life
    from tests.pipeline.provider import What

Key = tuple[int, int]

REFUSALS = [
    CommandStatus.ESME_RTHROTTLED,
    CommandStatus.ESME_RSYSERR,
    CommandStatus.ESME_RINVDSTADR,
    CommandStatus.ESME_RX_T_APPN,
    CommandStatus.ESME_RMSGQFUL,
    CommandStatus.ESME_RINVBNDSTS,
    0x433,
]
RECEIPTS = [MessageState.DELIVERED, MessageState.UNDELIVERABLE, MessageState.ENROUTE]
WAITS = [0.01, 1.5, 31.0, 700.0]
WORDS = ("hold", "resend", "fail")
#: The steps from this one on are of calls.
FIRST_OF_CALLS = 14
#: And from this one on much happens at once.
TOGETHER = 20
#: Where it is an hour to midnight when a history begins.
ZONE = ZoneInfo("Etc/GMT+9")
DAY = 86_400.0


class Smsc:
    """The other side: what it was given, and what it has said about each part.

    `submissions` counts how often a part was handed over: each time it has another message_id.
    `accepted` are the parts that it took, `known` those of which the daemon has been told.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.submissions: Counter[Key] = Counter()
        self.last: dict[Key, str] = {}
        self.accepted: set[Key] = set()
        self.known: set[Key] = set()
        self.in_flight: list[tuple[Part, int]] = []
        self.silent: list[tuple[Part, int]] = []
        self.ids: list[str] = []
        self.requeued: set[int] = set()
        #: Submissions that it took, as a receipt has shown before their answer.
        self.shown: set[tuple[Key, int]] = set()
        self.cancelled: set[int] = set()
        self.questions: list[Question] = []
        self.provider = Provider(bench)
        bench.on_submit = self.take

    def take(self, parts: Sequence[Part]) -> None:
        for part in parts:
            if part.message.call is not None:
                self.provider.take(part)
                continue
            key = (part.msg_id, part.index)
            assert part.msg_id not in self.cancelled, "submitted although it is cancelled"
            if part.message.on_unknown == 0 and part.msg_id not in self.requeued:
                assert self.last.get(key) in (None, "refused", "returned"), "twice under hold"
            assert key not in self.known, "submitted although the SMSC has it"
            self.submissions[key] += 1
            self.last[key] = "in flight"
            self.in_flight.append((part, self.submissions[key]))

    def has_shown(self, part: Part, number: int) -> bool:
        """Whether a receipt has shown that it took this submission."""
        return ((part.msg_id, part.index), number) in self.shown

    def crash(self) -> None:
        """The daemon is gone; whatever was in flight will never be answered."""
        self.provider.crash()
        for part, _ in self.in_flight:
            self.last[part.msg_id, part.index] = "lost"
        self.in_flight.clear()
        self.silent.clear()
        self.questions.clear()

    @property
    def asking(self) -> int:
        return len(self.questions)

    def ask(self, questions: Sequence[Question]) -> None:
        """As the daemon's link: it is asked to cancel, and has not answered yet."""
        self.questions += questions

    async def settle(self, life: Life, part: Part, number: int, status: int, late: bool) -> None:
        key = (part.msg_id, part.index)
        name = name_of(part, number)
        if status and number == self.submissions[key]:
            self.last[key] = "refused"
        if not status:
            self.accepted.add(key)
            self.ids.append(name)
        if not late:
            life.wire.release(part)
        await life.settle(Answered(part.msg_id, part.index, status, "" if status else name, late))
        if not status and not life.dead.is_set():
            self.known.add(key)

    async def take_all(self, life: Life, delivered: int) -> None:
        """It takes all that is in flight, and what it took last, up to so many, is delivered; the daemon
        reads all answers at once, and then all receipts."""
        taken, self.in_flight = self.in_flight, []
        keys = [(part.msg_id, part.index) for part, _ in taken]
        self.accepted.update(keys)
        self.ids += [name_of(*each) for each in taken]
        for part, _ in taken:
            life.wire.release(part)
        await life.settle(
            *(Answered(part.msg_id, part.index, 0, name_of(part, n)) for part, n in taken)
        )
        if not life.dead.is_set():
            self.known.update(keys)
            await life.receive(
                *(life.receipt(name) for name in self.ids[len(self.ids) - delivered :]),
                link=over(life, delivered),
            )


async def step(life: Life, smsc: Smsc, action: int, pick: int) -> None:
    flying, silent = smsc.in_flight, smsc.silent
    if action <= 2 and flying:
        part, number = flying.pop(pick % len(flying))
        taken = action < 2 or smsc.has_shown(part, number)
        status = 0 if taken else REFUSALS[pick % len(REFUSALS)]
        await smsc.settle(life, part, number, status, late=False)
    elif action == 3 and flying:
        part, number = flying.pop(pick % len(flying))
        life.wire.release(part)
        smsc.last[part.msg_id, part.index] = "lost"
        silent.append((part, number))
        await life.settle(Unanswered(part.msg_id, part.index, "no answer"))
    elif action == 4 and flying and not smsc.has_shown(*flying[pick % len(flying)]):
        part, _ = flying.pop(pick % len(flying))
        life.wire.release(part)
        smsc.last[part.msg_id, part.index] = "returned"
        await life.settle(Returned(part.msg_id, part.index))
    elif action == 5 and silent:
        part, number = silent.pop(pick % len(silent))
        taken = bool(pick % 2) or smsc.has_shown(part, number)
        status = 0 if taken else REFUSALS[pick % len(REFUSALS)]
        await smsc.settle(life, part, number, status, late=True)
    elif action == 6:
        await _receive(life, smsc, pick)
    elif action == 7:
        await _keep_books(life, pick)
    elif action == 8:
        await trio.sleep(WAITS[pick % len(WAITS)])
    elif action == 9:
        await _by_hand(life, smsc, pick)
    elif action > 10:
        await _ask(life, smsc, action, pick)


async def _keep_books(life: Life, pick: int) -> None:
    """What goes on by itself."""
    if pick == 11:
        await life.unheard.look()
    else:
        await life.desk.checkpoint(final=pick % 2 == 0)


async def _by_hand(life: Life, smsc: Smsc, pick: int) -> None:
    """An operator pauses or resumes the link, or a campaign, or requeues what is held."""
    if pick % 4 == 2:
        await _steer(life, pick)
        return
    if pick % 4 == 3:
        name = ("main", "http")[pick % 8 // 4]
        if not life.refusals.pause(name, "to look", "ana"):
            life.refusals.resume(name, "ana")
        await life.desk.commit()
        return
    held = sorted(life.accounts.held, reverse=bool(pick % 2))[: 1 + pick % 3]
    smsc.requeued.update(held)
    smsc.provider.requeued.update(held)
    await life.desk.requeue(held, "ana")


async def _steer(life: Life, pick: int) -> None:
    """An operator pauses or resumes a campaign, and now and then cancels one; or what may not leave
    now is held, or barred."""
    files = [file for file in life.accounts.files.values() if file.pending_or_open]
    if not files:
        return
    file, campaigns = files[pick % 3 % len(files)], life.campaigns
    if pick == 10 and len(files) == 1:
        campaigns.cancel(file, "ana")
    elif not campaigns.pause(file, "to look", "ana"):
        campaigns.resume(file, "ana")
    await life.desk.commit()


def gate_of(life: Life) -> None:
    """Every third message may not leave in the first minutes of each hour, and some never."""

    def check(row: MessageRow, now: float) -> Verdict:
        if row.msg_id % 7 == 6:
            return ErrorInfo("OPTED_OUT", None, "it wants nothing")
        return now - now % 3600 + 300.0 if row.msg_id % 3 == 2 and now % 3600 < 300 else None

    life.desk.gate.add(check)


class Limit:
    """The cap, and what left by the other side's own record. `seen`: of each day, the messages that
    left whole, be it for the first time or again."""

    def __init__(self, bench: Bench, smsc: Smsc, most: int, over: str) -> None:
        self._bench = bench
        self._most = most
        self.section = PolicyConfig(
            per_number_per_day=most,
            over_cap=over,  # type: ignore[arg-type]
            zone=ZONE.key,
        )
        self._before: set[int] = set()
        self.seen: dict[int, set[int]] = {}
        self._take = smsc.take
        bench.on_submit = self.take

    def enter(self, life: Life) -> None:
        """Count what this life sends."""
        lanes = {number: lane for (_, lane), number in life.queues.items()}
        self.cap = Cap(self.section, lanes, life.journal, life.bench.wall)
        life.desk.gate.count_with(self.cap)

    def take(self, parts: Sequence[Part]) -> None:
        """They leave: no number gets more than it may."""
        self._take(parts)
        today = self.seen.setdefault(day_of(self._bench.wall(), ZONE).number, set())
        for part in parts:
            if not part.message.handset.isdigit():
                continue  # to a group, or nobody
            if len(part.message.segments) == 1 or part.msg_id not in self._before:
                today.add(part.msg_id)
                self._before.add(part.msg_id)
        assert len(today) <= self._most, "more than the number may get in a day"

    def counts(self, life: Life) -> dict[int, int]:
        """What is counted, as it stands on disk."""
        rows = life.reader.connection.execute("SELECT day, count FROM tally")
        return dict(rows.fetchall())

    def agrees_with_disk(self, life: Life) -> None:
        """What is remembered is on disk."""
        today = self.counts(life).get(self.cap._day.number, 0)
        assert set(self.cap._recent.values()) | set(self.cap._older.values()) <= {today}

    def check(self, life: Life) -> None:
        """What left is counted on its day, and once; and nothing else."""
        said: dict[int, set[int]] = {}
        for row in life.reader.messages.read_range(0, 1 << 60):
            if row.message.handset.isdigit():
                for fact in life.reader.log.history(row.msg_id):
                    if fact.kind == Kind.SENDING:
                        said.setdefault(day_of(fact.at, ZONE).number, set()).add(row.msg_id)
        counts = self.counts(life)
        assert counts.keys() <= said.keys()
        for day, left in said.items():
            count = counts.get(day, 0)
            assert len(self.seen.get(day, ())) <= count <= min(len(left), self._most)


async def _ask(life: Life, smsc: Smsc, action: int, pick: int) -> None:
    if action >= TOGETHER:
        await smsc.take_all(life, min(pick, len(smsc.ids)))
    elif action >= FIRST_OF_CALLS:
        await smsc.provider.step(life, action - FIRST_OF_CALLS, pick)
    elif action == 11:
        await _cancel(life, smsc, pick)
    elif action == 12 and smsc.questions:
        question = smsc.questions.pop(pick % len(smsc.questions))
        answers: list[int | None] = [0, 0, CommandStatus.ESME_RCANCELFAIL, None]
        await life.settlement.answered("main", [Reply(question, answers[pick % 4])])
    elif action == 13 and smsc.ids:
        await _tell(life, smsc, pick)


async def _cancel(life: Life, smsc: Smsc, pick: int) -> None:
    """Somebody cancels a message, wherever it is, and does not wait for the SMSC."""
    # Among all there ever were, so that the pick does not depend on what is removed.
    queues = sorted(life.accounts.queues.items())
    ids = [
        n for number, queue in queues for n in range((number << QUEUE_SHIFT) + 1, queue.tail + 1)
    ]
    if not ids:
        return
    msg_id = ids[pick % len(ids)]
    if not life.reader.messages.read([msg_id]):
        return
    keys = [f"main\t{name}" for name in smsc.ids if name.startswith(f"{msg_id:x}.")]
    keys.append(waiting_key("http", msg_id))
    cancellation = Cancellation(
        life.desk, life.settlement.recall, {"main": CancelTerms(smsc, pick % 3 > 0)}
    )
    (fate,) = await cancellation.cancel([Wanted(msg_id, keys)], "ana", 0.0)
    if fate.cancelled and not life.dead.is_set():
        smsc.cancelled.add(msg_id)
        smsc.provider.cancelled.add(msg_id)


async def _tell(life: Life, smsc: Smsc, pick: int) -> None:
    """The SMSC answers a query_sm about one of the last parts that it took."""
    name = smsc.ids[-1 - pick % min(len(smsc.ids), 6)]
    number, part, _ = name.split(".")
    rows = life.reader.messages.read([int(number, 16)])
    if not rows:
        return  # nobody asks about what is removed
    question = Question(rows[0].msg_id, int(part), name, rows[0].message)
    status = CommandStatus.ESME_RQUERYFAIL if pick % 5 == 4 else 0
    reply = Reply(question, status, 0 if status else int(RECEIPTS[pick % len(RECEIPTS)]))
    await life.settlement.answered("main", [reply])


async def _receive(life: Life, smsc: Smsc, pick: int) -> None:
    """A receipt, sometimes for a part whose answer has not come yet, or never will."""
    names: list[tuple[str, Part | None, int]] = [(name, None, 0) for name in smsc.ids[-6:]]
    names += [(name_of(p, n), p, n) for p, n in smsc.in_flight[:2] + smsc.silent[:2]]
    if names:
        state = RECEIPTS[pick % len(RECEIPTS)]
        name, part, number = names[pick % len(names)]
        receipt = life.receipt(name, state)
        if part is not None:
            key = (part.msg_id, part.index)
            smsc.shown.add((key, number))
            smsc.accepted.add(key)
            if pick % 4:  # as an SMSC does that takes user_message_reference
                receipt = life.receipt(name, state, reference=user_reference(*key))
        await life.receive(receipt, link=over(life, pick))


def over(life: Life, pick: int) -> str:
    """Over which link of the account of "main" something comes."""
    return "other" if life.bench.smsc_account and pick % 3 else "main"


def name_of(part: Part, number: int) -> str:
    """The message_id of a part that was submitted so many times."""
    return f"{part.msg_id:x}.{part.index}.{number}"


def balanced(life: Life) -> None:
    """What holds at every moment."""
    accounts = life.accounts
    assert accounts.accepted == sum(accounts.counts)
    assert accounts.balance == 0
    for file in accounts.files.values():
        assert file.items == sum(file.states)
        assert file.done == file.items - file.pending
    queued = sum(queue.queued for queue in accounts.queues.values())
    assert queued == accounts.counts[State.QUEUED]
    calls = [entry for entry in accounts.entries.values() if entry.op]
    assert accounts.called == sum(entry.weight for entry in calls if entry.ids)
    assert not any(list(claimable(entry)) for entry in calls)


def agrees_with_disk(life: Life, starts: Sequence[bool] = (True, False)) -> None:
    """What a start after a crash would come to, quickly or from the first fact on."""
    for from_snapshot in starts:
        loaded, _ = life.reader.load(from_snapshot=from_snapshot)
        assert loaded.counts == life.accounts.counts
        assert loaded.held == life.accounts.held
        assert loaded.paused == life.accounts.paused
        assert loaded.references.save() == life.accounts.references.save()
        assert loaded.shelf.keys() == life.accounts.shelf.keys()
        for number, each in life.accounts.queues.items():
            assert loaded.queue(number).passed == each.passed
        assert held_for_campaigns(loaded) == held_for_campaigns(life.accounts)
        for number, file in life.accounts.files.items():
            assert (
                loaded.files[number].held,
                loaded.files[number].cancelled,
                loaded.files[number].scheduled,
            ) == (file.held, file.cancelled, file.scheduled)
            assert loaded.files[number].trial == file.trial
        assert loaded.restrained == life.accounts.restrained
        for queue in life.accounts.queues:
            assert loaded.holding.due(queue, 1e11, 1000) == life.accounts.holding.due(
                queue, 1e11, 1000
            )
            waiting = life.accounts.agenda.due(queue, 1e11, 1000)
            assert loaded.agenda.due(queue, 1e11, 1000) == waiting
        assert claimable_parts(loaded) == claimable_parts(life.accounts)
        assert loaded.unclaimed.ghosts == life.accounts.unclaimed.ghosts
        assert set(life.accounts.entries) <= set(loaded.entries) or from_snapshot
        for msg_id, entry in life.accounts.entries.items():
            assert not entry.op or loaded.entries[msg_id] == entry
        calls = [entry for entry in loaded.entries.values() if entry.op]
        assert loaded.called == sum(entry.weight for entry in calls if entry.ids)


def claimable_parts(accounts: Accounts) -> set[Key]:
    """What a receipt under an unheard-of message_id may be about."""
    near = accounts.unclaimed.near("main", "34600000001")
    entries = [accounts.entries[msg_id] for msg_id in near if msg_id in accounts.entries]
    return {(entry.msg_id, part) for entry in entries for part in claimable(entry)}


async def finish(life: Life, smsc: Smsc, days: int = 0) -> None:
    """Answer everything well until nothing moves any more, which may take so many days."""
    for name in ("main", "http"):
        life.refusals.resume(name, "ana")
        life.wires[name].open(1000)
    for file in life.accounts.files.values():
        life.campaigns.resume(file, "ana")
    await life.desk.commit()
    for pause in [700.0] * 20 + [DAY] * days:
        await trio.sleep(pause)
        while smsc.provider.in_flight:
            part = smsc.provider.in_flight.pop()
            await life.settle_call(smsc.provider.answer(part, 3), part)
        while smsc.in_flight:
            await smsc.take_all(life, len(smsc.in_flight) // 2)
    assert not life.accounts.counts[State.QUEUED], "stranded in the queue"
    assert not life.accounts.counts[State.SENDING]
    await trio.sleep(life.bench.report_after * 2)


def check_results(bench: Bench, life: Life, smsc: Smsc, handed_in: int) -> None:
    lines = bench.results()
    assert [line["line"] for line in lines] == list(range(1, handed_in + 1))
    for line in lines:
        row = life.row(line["id"])
        parts = [(row.msg_id, n) for n in range(line["parts"])]
        if line["state"] in ("sent", "delivered", "undelivered"):
            assert all(key in smsc.accepted for key in parts)
            assert not line["error"] or line["error"]["code"] != "UNKNOWN_OUTCOME"
        if line["state"] == "queued":
            pytest.fail(f"{line} has not come to rest")
        if line["possible_duplicate"]:
            assert row.message.on_unknown == 1 or row.msg_id in smsc.requeued
        assert line["attempts"] >= 1 or line["state"] in {"cancelled", "rejected", "expired"}, line
        if line["state"] == "expired":
            assert row.message.expires is not None
            whole = len(parts) == 1 and not line["possible_duplicate"]
            assert not (whole and smsc.accepted.intersection(parts)), "expired, and the SMSC has it"
        if line["state"] == "rejected":
            assert line["error"]["code"] == OVER_CAP or row.msg_id % 7 == 6
            assert not any(smsc.submissions[key] for key in parts), "barred, and submitted"
    report = bench.report()
    assert report["states"] == dict(Counter(line["state"] for line in lines))
    assert sum(report["states"].values()) == handed_in


def check_events(bench: Bench, life: Life) -> None:
    """Programs are told of each message once how it ended, and never the same thing twice."""
    told = events(bench.path)
    assert len({each["event_id"] for each in told}) == len(told)
    last = Counter((each["id"], each["state"]) for each in told if each.get("final"))
    shown = [life.shown(row.client_id) for row in life.reader.messages.read_range(0, 1 << 60)]
    assert last == Counter((each.id, each.state) for each in shown if each.done is not None)
    accepted = {each["id"] for each in told if each["event"] == "accepted"}
    assert accepted == {each.id for each in shown}


def check_calls(bench: Bench, life: Life, provider: Provider, handed_in: int) -> None:
    """Each call is in one state, did what its result says, and was not done twice unbidden."""
    lines = bench.results("calls.jsonl")
    assert {line["line"] for line in lines} == set(range(1, handed_in + 1))
    report = bench.report("calls.jsonl")
    assert sum(report["states"].values()) == report["messages"] == handed_in
    groups = Counter(line["state"] for line in lines if "destinations" in line.get("answer", {}))
    assert not groups, "each destination has a line, and the answer need not repeat them"
    for line in lines:
        row = life.row(line["id"])
        call = row.message.call
        assert call is not None
        assert line["op"] == call.op
        assert line["state"] not in {"queued", "sending"}, line
        if line["state"] in {"sent", "delivered", "undelivered"}:
            assert provider.performed[row.msg_id]
            assert "answer" in line
        bidden = row.message.on_unknown == 1 or row.msg_id in provider.requeued
        if not (call.harmless or bidden):
            assert provider.performed[row.msg_id] <= 1
        assert bidden or not line["possible_duplicate"]
        assert not (call.harmless and line["state"] == "unknown")


STEPS = st.lists(
    st.tuples(st.integers(0, TOGETHER + 3), st.integers(0, 11)), min_size=5, max_size=60
)
#: Of each message its parts, its `on_unknown`, and how long (seconds) it is to wait, and may leave from
#: then on, if it is and ends some time.
MESSAGES = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from(WORDS),
        st.sampled_from([0, 0, 1, 40, 2000]),
        st.sampled_from([0, 0, 1, 30, 600]),
    ),
    min_size=1,
    max_size=5,
)
#: Of each call what it asks for, and its `on_unknown`.
CALLS = st.lists(
    st.tuples(st.sampled_from([GROUP, SMS, CONTACT, READS]), st.sampled_from(WORDS)),
    min_size=1,
    max_size=4,
)
#: How many messages the number gets in a day, and what becomes of more.
CAPS = st.sampled_from([None, (1, "hold"), (2, "hold"), (1, "reject"), (2, "reject")])
#: With which commit a life ends (0: with none), and whether that commit is still written.
ENDS = st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=4)


class History:
    """What happens to some messages, over as many lives as it takes."""

    def __init__(
        self,
        bench: Bench,
        messages: list[tuple[int, str, int, int]],
        steps: list[tuple[int, int]],
        ends: list[tuple[int, bool]],
        calls: list[tuple[What, str]],
        *,
        gated: bool = False,
        cap: tuple[int, str] | None = None,
    ) -> None:
        self.bench = bench
        self.gated = gated
        self.calls = [call(what, on_unknown=word) for what, word in calls]
        self.smsc = Smsc(bench)
        self.limit = Limit(bench, self.smsc, *cap) if cap else None
        bench.accounts = account()
        self.lines = [
            bench.long_sms(parts, id=f"{n}", on_unknown=word)
            | bench.later(wait)
            | ({"expires": lasts} if lasts else {})
            for n, (parts, word, wait, lasts) in enumerate(messages)
        ]
        self.steps = iter(steps)
        self.ends = iter(ends)
        self.over = False

    async def run(self) -> None:
        while not self.over:
            dies_at, unwritten = next(self.ends, (0, False))
            mortal = self.bench.mortal(dies_at, unwritten=unwritten)
            links = ("main", "other") if self.bench.smsc_account else ("main",)
            await self.bench.survives(self.live, mortal, window=3, publishing=True, links=links)
            self.smsc.crash()

    async def live(self, life: Life) -> None:
        """Until the next restart, or to the end."""
        if self.gated:
            gate_of(life)
        if self.limit is not None:
            self.limit.enter(life)
        if not any(name.startswith("a.") for name in self.bench.done()):
            await life.hand_in(self.lines, chunk=3)
        if self.calls and not any(name.startswith("calls.") for name in self.bench.done()):
            await life.hand_in_calls(self.calls)
        for action, pick in self.steps:
            if action == 10:
                await trio.testing.wait_all_tasks_blocked()
                agrees_with_disk(life)
                if self.limit is not None:
                    self.limit.agrees_with_disk(life)
                return
            await step(life, self.smsc, action, pick)
            await trio.testing.wait_all_tasks_blocked()
            balanced(life)
        messages = len(self.lines) + len(self.calls)
        await finish(life, self.smsc, messages if self.limit is not None else 0)
        if self.limit is not None:
            self.limit.check(life)
        balanced(life)
        agrees_with_disk(life)
        check_results(self.bench, life, self.smsc, len(self.lines))
        if self.calls:
            check_calls(self.bench, life, self.smsc.provider, len(self.calls))
        check_events(self.bench, life)
        assert life.accounts.accepted == messages
        self.over = True


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(
    # Receipt and answer of a part whose message has failed, while another is in doubt.
    messages=[(1, "hold", 0, 0), (1, "hold", 0, 0), (3, "hold", 0, 0), (2, "hold", 0, 0)],
    steps=[(0, 0), (0, 0), (0, 0), (0, 0), (0, 2), (2, 9), (3, 1), (6, 4)],
    ends=[],
    references=False,
    shared=False,
    calls=[],
    gated=False,
    cap=None,
)
@example(
    # A part in doubt whose receipt has come stays behind while another of its message goes again.
    messages=[
        (1, "hold", 1, 0),
        (1, "hold", 1, 0),
        (1, "hold", 1, 0),
        (2, "hold", 0, 0),
        (3, "hold", 0, 0),
    ],
    steps=[(0, 2), (6, 2), (2, 0), (3, 0), (0, 0), (2, 1)],
    ends=[(17, False)],
    references=False,
    shared=False,
    calls=[],
    gated=False,
    cap=None,
)
@given(MESSAGES, STEPS, ENDS, st.booleans(), st.booleans(), CALLS, st.booleans(), CAPS)
def test_after_any_history_every_message_is_accounted_for(
    new_bench: Callable[[], Bench],
    messages: list[tuple[int, str, int, int]],
    steps: list[tuple[int, int]],
    ends: list[tuple[int, bool]],
    references: bool,
    shared: bool,
    calls: list[tuple[What, str]],
    gated: bool,
    cap: tuple[int, str] | None,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk_module, "WAITING_IN_MEMORY", 3)
        patch.setattr(desk_module, "WAITING_AFTER_SPILL", 1)
        patch.setattr(desk_module, "WRITTEN_AT_ONCE", 1)
        patch.setattr(publish, "LOOK_EVERY", 30_000.0)
        patch.setattr(campaigns_module, "LOOK_EVERY", 650.0)
        patch.setattr(cap_module, "REMEMBERED", 1)
        patch.setattr(overdue_module, "LOOK_EVERY", 20.0)
        patch.setattr(deadlines_module, "_SHIFT", 1)
        bench = new_bench()
        bench.report_after = 100_000.0
        bench.receipt_wait = 20.0
        bench.references = references
        bench.smsc_account = "acme" if shared else ""
        history = History(bench, messages, steps, ends, calls, gated=gated, cap=cap)
        trio.run(history.run, clock=trio.testing.MockClock(autojump_threshold=0))
