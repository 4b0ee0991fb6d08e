"""Refusals and speed: what each status comes to, and how a link follows its SMSC's pace."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from random import Random
from string import ascii_uppercase
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from smppd.control import ControlRefused
from smppd.link.pace import SHORT_PAUSE
from smppd.simulate.script import Answers
from smppd.simulate.tally import Tally
from smppd.simulate.units import Seconds
from smppd.smpp.pdu import DataSm, SubmitSm
from tests.pitfalls.raw import RESPONSE, SUBMIT_SM, Frame, RawCall, pdu, tlv
from tests.pitfalls.rig import Rig
from tests.pitfalls.submits import taken_apart

OK, SYSERR, FULL, THROTTLED, LOST, BAD = 0, 0x08, 0x14, 0x58, 0x04, 0x0B
CONGESTION_STATE = 0x0428

Judge = Callable[[Frame], int]


class Answering:
    """An SMSC that answers each submit_sm with what a test decides, and notes when."""

    def __init__(self, rig: Rig, judge: Judge, *, tlvs: Callable[[], bytes] = bytes) -> None:
        self.rig = rig
        self.judge = judge
        self.tlvs = tlvs
        self.heard: list[tuple[float, Frame]] = []
        self.taken: list[Frame] = []
        rig.smsc.on_frame = self.on_frame

    def on_frame(self, call: RawCall, frame: Frame) -> bool:
        if frame.command_id != SUBMIT_SM:
            return False
        self.heard.append((trio.current_time(), frame))
        status = self.judge(frame)
        body = b"" if status else self.rig.smsc.next_id().encode() + b"\0" + self.tlvs()
        if not status:
            self.taken.append(frame)
        call.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, body, status))
        return True

    @property
    def times(self) -> list[float]:
        """When submits came."""
        return [at for at, _ in self.heard]


def destination(frame: Frame) -> bytes:
    return taken_apart(frame).destination


def attempts(rig: Rig, name: str) -> Counter[int]:
    return Counter(line["attempts"] for line in rig.results(name))


# ── P88: throttling ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sessions", [1, 3])
async def test_p88_all_is_sent_in_order_and_little_of_it_throttled(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, sessions: int
) -> None:
    taken: list[tuple[str, bytes]] = []
    take = Tally.take

    def noting(tally: Tally, message: SubmitSm | DataSm) -> None:
        assert isinstance(message, SubmitSm)
        taken.append((message.destination_addr, message.short_message))
        take(tally, message)

    monkeypatch.setattr(Tally, "take", noting)
    centre = rig.simulate(answer=Answers(rate=20, latency=Seconds(0.1)))
    await rig.start(window=10, sessions=sessions, bound=sessions)
    began = trio.current_time()
    lines = [
        rig.sms(n, to=f"+3460000{n % 25:04d}", text=f"{n:03d}", receipt=False) for n in range(500)
    ]
    name = rig.hand_in(*lines)
    await rig.until(lambda: trio.current_time() >= began + 10)
    assert rig.figures().limited_by == "throttling"
    assert rig.figures().limit > 0
    early = dict(centre.smsc.tally.answers)
    await rig.until(lambda: rig.has_results(name))
    assert trio.current_time() - began < 45
    late = Counter(centre.smsc.tally.answers) - Counter(early)
    assert late[THROTTLED] <= 0.05 * late.total()
    assert {line["state"] for line in rig.results(name)} == {"sent"}
    assert attempts(rig, name) == {1: 500}
    assert len(taken) == 500
    by_destination = defaultdict(list)
    for to, text in taken:
        by_destination[to].append(text)
    assert len(by_destination) == 25
    # Several connections have no order among them until the link has heard of the throttling.
    first = b"000" if sessions == 1 else b"060"
    for texts in by_destination.values():
        ordered = [text for text in texts if text >= first]
        assert len(ordered) > 15
        assert ordered == sorted(ordered)


async def test_p88_the_whole_link_pauses_and_the_message_goes_first_again(
    rig: Rig, autojump_clock: MockClock
) -> None:
    refused = iter([OK, OK, THROTTLED])
    smsc = Answering(rig, lambda _: next(refused, OK))
    await rig.start(window=1, sessions=2, bound=2)
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(6)))
    await rig.until(lambda: rig.has_results(name))
    throttled_at, throttled = smsc.heard[2]
    next_at, following = next(each for each in smsc.heard if each[0] > throttled_at)
    assert next_at >= throttled_at + SHORT_PAUSE
    assert destination(following) == destination(throttled)
    assert len({destination(frame) for frame in smsc.taken}) == len(smsc.taken) == 6
    assert attempts(rig, name) == {1: 6}


async def test_p88_nothing_overtakes_a_throttled_message_to_its_destination(
    rig: Rig, autojump_clock: MockClock
) -> None:
    n = 0

    def every_third(_: Frame) -> int:
        nonlocal n
        n += 1
        return THROTTLED if n % 3 == 0 else OK

    smsc = Answering(rig, every_third)
    await rig.start(window=1)
    lines = [rig.sms(n, to="+34600000001", text=f"{n:02d}", receipt=False) for n in range(30)]
    name = rig.hand_in(*lines)
    await rig.until(lambda: rig.figures().throttled > 0)
    await rig.until(lambda: rig.has_results(name))
    texts = [taken_apart(frame).text for frame in smsc.taken]
    assert texts == [b"%02d" % n for n in range(30)]
    assert attempts(rig, name) == {1: 30}


async def test_p88_of_a_long_message_only_the_throttled_part_goes_again(
    rig: Rig, autojump_clock: MockClock
) -> None:
    refused = iter([OK, THROTTLED])
    smsc = Answering(rig, lambda _: next(refused, OK))
    await rig.start(window=1)
    name = rig.hand_in(rig.sms(1, text="x" * 400, receipt=False), rig.sms(2, receipt=False))
    await rig.until(lambda: rig.has_results(name))
    texts = [taken_apart(frame).text for _, frame in smsc.heard]
    assert len(texts) == 5
    assert [text[5] for text in (texts[0], texts[1], texts[2], texts[3])] == [1, 2, 2, 3]
    assert attempts(rig, name) == {1: 2}


@pytest.mark.parametrize("seed", range(5))
async def test_p88_once_throttled_no_part_passes_an_earlier_one_to_its_destination(
    rig: Rig, autojump_clock: MockClock, seed: int
) -> None:
    """However often and wherever the SMSC throttles, with full windows on several sessions."""
    chance = Random(seed)
    smsc = Answering(rig, lambda _: THROTTLED if chance.random() < 0.2 else OK)
    smsc.judge, judge = (lambda _: THROTTLED if not smsc.heard[1:] else OK), smsc.judge
    await rig.start(window=10, sessions=2, bound=2)
    rig.hand_in(rig.sms(999, receipt=False))
    await rig.until(lambda: rig.states() == {"sent": 1})
    smsc.judge = judge
    del smsc.taken[:]
    lines = [
        rig.sms(
            n,
            to=f"+3460000000{n % 4}",
            text=ascii_uppercase[n // 4] * chance.choice([10, 200, 400]),
        )
        for n in range(40)
    ]
    rig.hand_in(*lines)
    await rig.until(lambda: rig.states() == {"sent": 41})
    taken = defaultdict(list)
    for frame in smsc.taken:
        submit = taken_apart(frame)
        part = submit.text[5] if submit.esm_class & 0x40 else 1
        taken[submit.destination].append((submit.text[-1:], part))
    assert len(taken) == 4
    for parts in taken.values():
        assert parts == sorted(parts)
        assert len(parts) == len(set(parts))


async def test_p88_other_refusals_do_not_end_the_slowness(
    rig: Rig, autojump_clock: MockClock
) -> None:
    statuses = iter([*[OK] * 20, THROTTLED, *[BAD] * 10])
    Answering(rig, lambda _: next(statuses, OK))
    await rig.start(window=5)
    rig.hand_in(*(rig.sms(n, receipt=False) for n in range(200)))
    await rig.until(lambda: rig.states().get("failed") == 10)
    assert 0 < rig.figures().limit < 20


# ── P89: a full queue ────────────────────────────────────────────────────────────────────────


async def test_p89_the_full_queue_of_one_destination_holds_up_only_its_message(
    rig: Rig, autojump_clock: MockClock
) -> None:
    until = [300.0]
    smsc = Answering(
        rig,
        lambda frame: (
            FULL if destination(frame) == b"34600000007" and trio.current_time() < until[0] else OK
        ),
    )
    await rig.start(window=5)
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(50)))
    await rig.until(lambda: rig.states() == {"sent": 49, "queued": 1})
    assert trio.current_time() < 5
    assert rig.figures().limit == 0
    await rig.until(lambda: rig.has_results(name))
    times = [at for at, frame in smsc.heard if destination(frame) == b"34600000007"]
    gaps = [after - before for before, after in pairwise(times)]
    assert all(
        wait <= gap <= 1.3 * wait for wait, gap in zip((30, 60, 120, 240), gaps, strict=True)
    )
    assert attempts(rig, name) == {1: 50}


async def test_p89_when_all_queues_are_full_the_link_slows_down(
    rig: Rig, autojump_clock: MockClock
) -> None:
    Answering(rig, lambda _: FULL if trio.current_time() < 100 else OK)
    await rig.start(window=5)
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(100)))
    await rig.until(lambda: trio.current_time() > 50)
    assert 0 < rig.figures().limit < 10
    assert rig.figures().answers[FULL] < 120
    await rig.until(lambda: rig.has_results(name))
    assert {line["state"] for line in rig.results(name)} == {"sent"}
    assert attempts(rig, name) == {1: 100}


# ── P90: congestion_state ────────────────────────────────────────────────────────────────────


async def test_p90_congestion_slows_the_link_and_stops_it_for_a_second(
    rig: Rig, autojump_clock: MockClock
) -> None:
    congestion = [50]
    smsc = Answering(rig, lambda _: OK, tlvs=lambda: tlv(CONGESTION_STATE, bytes(congestion)))
    await rig.start(window=2, rate=100)
    rig.hand_in(*(rig.sms(n, receipt=False) for n in range(2000)))
    await rig.until(lambda: len(smsc.heard) > 200)
    assert rig.figures().limit == 0
    assert rig.figures().limited_by == "rate"
    congestion[0] = 92
    await trio.sleep(2.5)
    assert 0 < (slow := rig.figures().limit) < 90
    assert rig.figures().limited_by == "congestion"
    congestion[0] = 85
    await trio.sleep(1)
    held = rig.figures().limit
    await trio.sleep(10)
    assert rig.figures().limit == held <= slow
    congestion[0] = 100
    await trio.sleep(5)
    gaps = [after - before for before, after in pairwise(smsc.times[-4:])]
    assert max(gaps) >= 0.9
    congestion[0] = 10
    low = rig.figures().limit
    await trio.sleep(15)
    assert rig.figures().limit > 1.5 * low


# ── P91: statuses with a meaning of their own ────────────────────────────────────────────────


async def test_p91_an_unknown_status_keeps_its_number_and_stops_nothing(
    rig: Rig, autojump_clock: MockClock
) -> None:
    Answering(rig, lambda frame: 0x433 if destination(frame).endswith(b"9") else OK)
    await rig.start(window=5)
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(100)))
    await rig.until(lambda: rig.has_results(name))
    failed = [line for line in rig.results(name) if line["state"] == "failed"]
    assert len(failed) == 10
    assert {(line["error"]["code"], line["error"]["status"]) for line in failed} == {
        ("0x00000433", 0x433)
    }
    (unusual,) = rig.of(events.RefusalsUnusual)
    assert unusual.status == 0x433
    assert rig.of(events.LinkPaused) == []


async def test_p91_when_nearly_all_is_unknown_the_link_pauses_and_the_spool_is_not_burnt(
    rig: Rig, autojump_clock: MockClock
) -> None:
    status = [0x433]
    smsc = Answering(rig, lambda _: status[0])
    daemon = await rig.start(window=10)
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(1000)))
    await rig.until(lambda: rig.of(events.LinkPaused))
    await trio.sleep(600)
    assert rig.states() == {"failed": 10, "queued": 990}
    submitted = len(smsc.heard)
    assert submitted <= 20
    (line,) = daemon.unready()
    assert "paused" in line
    assert "0x00000433" in line
    assert "smppd resume main" in line
    assert rig.figures().limited_by == "paused"
    assert rig.figures().bound == 1
    # The pause outlives the daemon.
    await rig.kill()
    await rig.start_again()
    await trio.sleep(600)
    assert len(smsc.heard) == submitted
    status[0] = OK
    assert (await rig.command("resume", links=["main"]))["resumed"] == ["main"]
    await rig.until(lambda: rig.has_results(name))
    assert rig.states() == {"failed": 10, "sent": 990}
    await rig.stop()
    await rig.start_again()
    assert rig.figures().paused == ""


@pytest.mark.parametrize(
    ("word", "state"), [("permanent", "failed"), ("retry", "queued"), ("operator", "queued")]
)
async def test_p91_a_link_gives_a_vendors_status_its_meaning(
    rig: Rig, autojump_clock: MockClock, word: str, state: str
) -> None:
    Answering(rig, lambda _: 0x401)
    await rig.start(window=5, status={0x401: word})
    rig.hand_in(*(rig.sms(n, receipt=False) for n in range(40)))
    await rig.until(lambda: len(rig.states()) == 1 and state in rig.states())
    assert rig.states() == {state: 40}
    assert bool(rig.of(events.LinkPaused)) is (word == "operator")


async def test_p91_a_vendors_throttling_slows_the_link(rig: Rig, autojump_clock: MockClock) -> None:
    statuses = iter([OK] * 10 + [0x4A1] * 3)
    Answering(rig, lambda _: next(statuses, OK))
    await rig.start(window=5, status={0x4A1: "throttle"})
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(60)))
    await rig.until(lambda: rig.figures().limit > 0)
    await rig.until(lambda: rig.has_results(name))
    assert attempts(rig, name) == {1: 60}


async def test_p91_a_wrong_account_pauses_the_link_by_hand_and_back(
    rig: Rig, autojump_clock: MockClock
) -> None:
    smsc = Answering(rig, lambda _: OK)
    await rig.start(window=5)
    answer = await rig.command("pause", all=True, reason="maintenance")
    assert answer == {"paused": ["main"], "unchanged": []}
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(20)))
    await trio.sleep(120)
    assert smsc.heard == []
    assert rig.figures().bound == 1
    assert "maintenance" in rig.figures().paused
    with pytest.raises(ControlRefused, match="there is no link mian; there are main"):
        await rig.command("resume", links=["mian"])
    await rig.command("resume", all=True)
    await rig.until(lambda: rig.has_results(name))
    assert {line["state"] for line in rig.results(name)} == {"sent"}


# ── P92: retries end ─────────────────────────────────────────────────────────────────────────


async def test_p92_attempts_are_capped_and_their_delays_grow(
    rig: Rig, autojump_clock: MockClock
) -> None:
    smsc = Answering(rig, lambda frame: SYSERR if destination(frame).endswith(b"0") else OK)
    await rig.start(window=1, max_attempts=4, retry_min=10, retry_max=300)
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(10)))
    await rig.until(lambda: rig.states().get("sent") == 9)
    assert trio.current_time() < 5
    await rig.until(lambda: rig.has_results(name))
    poison, *others = rig.results(name)
    assert (poison["state"], poison["attempts"]) == ("failed", 4)
    assert poison["error"]["code"] == "ESME_RSYSERR"
    assert {line["state"] for line in others} == {"sent"}
    times = [at for at, frame in smsc.heard if destination(frame).endswith(b"0")]
    gaps = [after - before for before, after in pairwise(times)]
    assert all(wait <= gap <= 1.3 * wait for wait, gap in zip((10, 20, 40), gaps, strict=True))


async def test_p92_nothing_is_tried_after_it_expired(rig: Rig, autojump_clock: MockClock) -> None:
    smsc = Answering(rig, lambda _: SYSERR)
    await rig.start(window=1, retry_min=60)
    name = rig.hand_in(rig.sms(1, receipt=False, expires="30s"))
    await rig.until(lambda: rig.has_results(name))
    (line,) = rig.results(name)
    assert (line["state"], line["error"]["status"]) == ("expired", SYSERR)
    assert "ESME_RSYSERR" in line["error"]["text"]
    assert len(smsc.heard) == 1
    assert trio.current_time() < 10


async def test_p92_a_message_that_ends_every_session_comes_to_its_own_end(
    rig: Rig, autojump_clock: MockClock
) -> None:
    smsc = Answering(rig, lambda frame: LOST if destination(frame).endswith(b"0") else OK)
    await rig.start(window=1, retry_min=1, retry_max=10)
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(10)))
    await rig.until(lambda: rig.has_results(name))
    states: dict[str, Any] = {line["id"]: line["state"] for line in rig.results(name)}
    assert states.pop("m0") == "failed"
    assert set(states.values()) == {"sent"}
    assert 1 <= len(rig.smsc.calls) - 1 <= 3
    assert len([frame for _, frame in smsc.heard if destination(frame).endswith(b"0")]) <= 8


async def test_p92_a_lost_session_state_is_mended_by_reconnecting(
    rig: Rig, autojump_clock: MockClock
) -> None:
    Answering(rig, lambda _: LOST if len(rig.smsc.calls) == 1 else OK)
    await rig.start(window=5)
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(20)))
    await rig.until(lambda: rig.has_results(name))
    assert {line["state"] for line in rig.results(name)} == {"sent"}
    assert attempts(rig, name) == {1: 20}
    assert len(rig.smsc.calls) == 2


# ── what limits a link ───────────────────────────────────────────────────────────────────────


async def test_a_slow_disk_is_said_to_limit_the_link(rig: Rig, autojump_clock: MockClock) -> None:
    Answering(rig, lambda _: OK)
    await rig.start(window=5)
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(500)))

    async def slowly(_: Callable[..., Any]) -> None:
        await trio.sleep(0.3)

    rig.before_call = slowly
    await rig.until(lambda: rig.states().get("sent", 0) > 100)
    said = Counter[str]()
    for _ in range(20):
        await trio.sleep(0.37)
        said[rig.figures().limited_by] += 1
    assert said.most_common(1)[0][0] == "journal"
    await rig.until(lambda: rig.has_results(name))
    await trio.sleep(3)
    assert rig.figures().limited_by == "nothing queued"


async def test_after_a_slow_disk_the_link_goes_on_at_its_rate(
    rig: Rig, autojump_clock: MockClock
) -> None:
    Answering(rig, lambda _: OK)
    await rig.start(rate=1, window=5)
    disk = trio.Event()

    async def stuck(_: Callable[..., Any]) -> None:
        if len(rig.smsc.submits) == 2:
            await disk.wait()

    rig.before_call = stuck
    rig.hand_in(*(rig.sms(n, receipt=False) for n in range(5)))
    await trio.sleep(15)
    disk.set()
    await rig.until(lambda: rig.states() == {"sent": 5}, patience=6)


async def test_a_slow_smsc_is_said_to_limit_the_link_by_its_window(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.simulate(answer=Answers(latency=Seconds(0.5)))
    await rig.start(window=5)
    rig.hand_in(*(rig.sms(n, receipt=False) for n in range(500)))
    await trio.sleep(10)
    assert rig.figures().limited_by == "window"
