"""Whatever an SMSC says and however often the daemon is killed, it lives and its books balance.

Random octets, answers, receipts and losses meet routes, pauses, throttling, scheduled messages and
cancellations. What cannot be told from a seed alone is never looked at: any outcome will do in
which no message is lost, stuck, or submitted twice without anybody's word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import pytest
import trio
import trio.testing

from smppd.config import RoutingConfig
from smppd.config.sections import RouteConfig
from smppd.smpp.vocabulary import CommandStatus
from tests.pitfalls.raw import (
    BINDS,
    CANCEL_SM,
    DATA_SM,
    DELIVER_SM,
    GENERIC_NACK,
    QUERY_SM,
    RESPONSE,
    SUBMIT_SM,
    Frame,
    RawCall,
    message,
    pdu,
    tlv,
)
from tests.pitfalls.rig import Rig

LINKS = ("main", "b", "c")
ROUTES = (
    RouteConfig(name="w", links=("b", "c"), to=("3460",), weights=(3, 1), failover_after=3.0),
    RouteConfig(name="p", links=("c", "b", "main"), to=("3461",), failover_after=2.0),
)
REFUSALS = [int(status) for status in CommandStatus if status] + [0x401, 0x433, 88, 88, 20, 20]
STATES = (b"DELIVRD", b"UNDELIV", b"DELETED", b"ENROUTE", b"ACCEPTD", b"", b"\xff\xfe")
COMMANDS = (1, 2, 3, 4, 5, 7, 8, 9, 0x0B, 0x15, 0x21, 0x102, 0x103)


def part_of(frame: Frame) -> tuple[str, bytes]:
    """What tells a part from all others: its text and header, without the times before them."""
    long = len(frame.body) > 105
    return frame.destination, frame.body[-164:] if long else frame.body[-24:]


class Wild:
    """An SMSC that does anything at all, until `tame`."""

    def __init__(self, rig: Rig, random: Random) -> None:
        self.rig = rig
        self.random = random
        self.tame = False
        self.ids: list[tuple[bytes, bytes]] = []
        #: Of each part, what its last submission has come to; "" while that is open.
        self.last: dict[tuple[str, bytes], str] = {}
        self.unanswered: list[tuple[RawCall, Frame]] = []
        self.twice: list[str] = []
        self.held: set[str] = set()
        rig.smsc.on_frame = self.hear

    def hear(self, call: RawCall, frame: Frame) -> bool:
        chance = self.random.random()
        if frame.command_id == SUBMIT_SM:
            self._take(call, frame, 0.0 if self.tame else chance)
            return True
        if self.tame:
            return False
        if frame.command_id in BINDS and chance < 0.15:
            status = self.random.choice((5, 13, 14, 15, 8, 0x58))
            call.say(pdu(frame.command_id | RESPONSE, frame.sequence, b"", status))
            return True
        if frame.command_id in (QUERY_SM, CANCEL_SM):
            body = frame.body.partition(b"\0")[0] + b"\0\0" + self.random.randbytes(2)
            status = self.random.choice((0, 0, 0x67, 0x11, 0x58))
            call.say(pdu(frame.command_id | RESPONSE, frame.sequence, body, status))
            return True
        return chance < 0.1

    def _take(self, call: RawCall, frame: Frame, chance: float) -> None:
        key = part_of(frame)
        if frame.destination in self.held and self.last.get(key, "refused") != "refused":
            self.twice.append(frame.destination)
        self.last[key] = ""
        if chance < 0.65:
            self.answer(call, frame)
        elif chance < 0.85:
            self.refuse(call, frame, self.random.choice(REFUSALS))
        elif chance < 0.9:
            call.drop()
        else:
            self.unanswered.append((call, frame))

    def answer(self, call: RawCall, frame: Frame) -> None:
        name = b"%X" % self.random.randrange(1, 1 << self.random.choice((3, 9, 40)))
        name = self.random.choice((name, name, name, b"", b"\xe9" + name))
        self.ids.append((name, frame.destination.encode()))
        call.say(pdu(SUBMIT_SM | RESPONSE, frame.sequence, name + b"\0"))

    def refuse(self, call: RawCall, frame: Frame, status: int) -> None:
        self.last[part_of(frame)] = "refused"
        command_id = self.random.choice((SUBMIT_SM | RESPONSE, GENERIC_NACK))
        call.say(pdu(command_id, frame.sequence, b"", status))

    # ── what it says of itself ───────────────────────────────────────────────────────────────

    def receipt(self, call: RawCall) -> None:
        random = self.random
        name, to = random.choice(self.ids or [(b"none", b"34600000001")])
        name = random.choice((name, name, name.lower(), b"0" + name))
        to = random.choice((to, to, b"+" + to, to[2:], b"", b"ACME", b"\xb2\xb3"))
        date = random.choice((b"2611210000", b"9999999999", b"\xb2\xb3\xb9", b""))
        text = b"id:%s submit date:%s done date:%s stat:%s err:%s text:%s" % (
            name, date, date, random.choice(STATES), random.choice((b"000", b"\t\0", b"\xff")),
            random.choice((b"", b"Hola", b"\0H\0o")),
        )  # fmt: skip
        tags = [tlv(tag, random.randbytes(random.randint(0, 4))) for tag in (0x1E, 0x427, 0x204)]
        body = message(
            text[: random.choice((255, 255, 40))],
            source=to,
            esm_class=random.choice((4, 4, 4, 0, 0x20, 0x44)),
            data_coding=random.choice((0, 0, 3, 8, 0xF6)),
            tlvs=b"".join(random.sample(tags, random.randint(0, 2))),
        )
        call.say(
            pdu(random.choice((DELIVER_SM, DELIVER_SM, DATA_SM)), random.getrandbits(31), body)
        )

    def noise(self, call: RawCall) -> None:
        random = self.random
        for _ in range(6):
            body = random.randbytes(random.choice((0, 0, 1, 5, 40)))
            command_id = random.choice(COMMANDS) | random.choice((0, 0, RESPONSE))
            # What answers a submit_sm of ours would be no noise.
            number = 0xFFFFFFFF if command_id & RESPONSE else random.choice((0, 1, 0xFFFFFFFF))
            call.say(pdu(command_id, number, body, random.choice((0, *REFUSALS))))
        part = b"\5\0\3\1\2" + bytes((random.randint(0, 3),))
        call.say(pdu(DELIVER_SM, 9, message(random.randbytes(90), esm_class=0xFF)))
        call.say(pdu(DELIVER_SM, 9, message(part, esm_class=0x40)), cut=7)
        if random.random() < 0.2:
            call.say(random.randbytes(20), cut=1)


class Story:
    """What happens to a daemon and its messages, from one seed."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self.rig = rig
        self.random = Random(seed)
        self.wild = Wild(rig, self.random)
        self.count = 0

    def link(self) -> dict[str, object]:
        random = self.random
        return {
            "window": random.choice((1, 3, 20)),
            "sessions": random.choice((1, 2)),
            "rate": random.choice((0.0, 0.0, 20.0)),
            "query_sm": random.random() < 0.5,
            "query_after": 5.0,
            "cancel_sm": True,
            "receipts_by_text": random.random() < 0.3,
            "user_message_reference": random.random() < 0.5,
            "split": random.choice(("udh8", "udh16", "sar")),
            "schedule": random.choice(("local", "smsc")),
            "response_timeout": 3.0,
            "retry_min": 1.0,
            "retry_max": 20.0,
            "reconnect_max": 3.0,
            "drain_timeout": 5.0,
        }

    def hand_in(self) -> None:
        random, lines = self.random, []
        for _ in range(random.randint(1, 20)):
            self.count += 1
            to = f"+346{random.randint(0, 2)}{self.count:07d}"
            line = self.rig.sms(
                self.count, to=to, text=f"m{self.count} " + "x" * random.choice((5, 5, 400))
            )
            line["on_unknown"] = random.choice(("hold", "hold", "resend", "fail"))
            if line["on_unknown"] == "hold":
                self.wild.held.add(to[1:])
            if random.random() < 0.2:
                at = self.rig.wall() + random.choice((1, 30, 4000))
                line["send_at"] = datetime.fromtimestamp(at, UTC).isoformat()
            elif random.random() < 0.2:
                line["expires"] = f"{random.choice((2, 60, 7000))}s"
            lines.append(line)
        self.rig.hand_in(*lines, lane=random.choice(("normal", "high", "bulk")))

    async def step(self) -> None:
        rig, random = self.rig, self.random
        calls = [call for call in rig.smsc.calls if call.closed_at is None]
        action = random.choice(ACTIONS)
        if action in TALK:
            if calls:
                TALK[action](self, random.choice(calls))
        elif action == "late":
            if self.wild.unanswered:
                call, frame = self.wild.unanswered.pop()
                random.choice((self.wild.answer, lambda c, f: self.wild.refuse(c, f, 88)))(
                    call, frame
                )
        elif action == "hand in":
            self.hand_in()
        elif action in {"pause", "resume"}:
            await rig.command(action, links=[random.choice(LINKS)])
        elif action == "cancel":
            await self.cancel()
        elif action == "restart":
            await (rig.kill() if random.random() < 0.6 else rig.stop())
            await rig.start_again(bound=0)
        else:
            await trio.sleep(random.choice((0.01, 0.1, 1, 3, 40)))

    async def cancel(self) -> None:
        wanted = []
        for number in {self.random.randint(1, self.count) for _ in range(3)}:
            try:
                msg_id, keys = self.rig.known_as(f"m{number}")
            except AssertionError:  # not admitted yet
                continue
            wanted.append({"msg_id": msg_id, "keys": keys})
        await self.rig.command("cancel", messages=wanted, patience=self.random.choice((0, 2)))

    async def run(self) -> None:
        rig = self.rig
        links = {name: self.link() for name in LINKS}
        await rig.start(bound=0, links=links, sections={"routing": RoutingConfig(routes=ROUTES)})
        self.hand_in()
        for _ in range(8):
            await self.step()
        self.wild.tame = True
        await rig.command("resume", all=True)
        with trio.fail_after(100_000):
            await trio.sleep(100)
            while (states := rig.states()).keys() & {"queued", "sending"}:
                await trio.sleep(100)
                await rig.command("resume", all=True)
        assert sum(states.values()) == self.count
        assert not self.wild.twice
        await rig.stop()
        assert rig.audit().ok, rig.audit()


TALK: dict[str, Callable[[Story, RawCall], None]] = {
    "receipt": lambda story, call: story.wild.receipt(call),
    "noise": lambda story, call: story.wild.noise(call),
    "drop": lambda _, call: call.drop(),
}
ACTIONS = list(
    Counter(
        receipt=8, noise=5, drop=1, late=2, sleep=9, cancel=2, pause=1, resume=1, restart=1, **{"hand in": 1}
    ).elements()
)  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_the_smsc_does_every_message_comes_to_its_end(
    rig: Rig, autojump_clock: trio.testing.MockClock, seed: int
) -> None:
    await Story(rig, seed).run()
