"""The whole daemon before a provider whose answers are well-formed JSON and otherwise anything: no
answer ends the daemon, or leaves an item in no state or in two."""

from __future__ import annotations

import json
from random import Random
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
import trio
from trio.testing import MockClock

from smppd.config import ChatConfig, HttpConfig
from smppd.config.accounts import ChatChannel
from tests.pitfalls.conftest import rig
from tests.pitfalls.rig import Rig

__all__ = ["rig"]

FIELDS = [
    "id", "messageid", "count", "credits", "destinations", "destination", "sms", "deliverydate",
    "deliverystatus", "list", "platform", "platformid", "message", "sent", "issent", "status",
    "datetime", "contact",
]  # fmt: skip
TEXTS = [
    "", " ", "\0", "a\tb", "a\nb\r\n", "x" * 5000, "😀", "\u2028", "\ufffe", "7", "007", "true",
    "34600000001", "+34600000001", "2026-11-27 10:00:00", "(nothing)", "set back", "a,b", "DELIVERED",
]  # fmt: skip


class Anything(httpx2.AsyncBaseTransport):
    """Answers whatever comes to its mind."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        form = parse_qs((await request.aread()).decode())
        self.asked.append(form["method"][0])
        await trio.sleep(self.chance.random() * 3)
        ids = form.get("messages", [""])[0].split(",")
        return httpx2.Response(200, content=self.answer(ids).encode())

    def answer(self, ids: list[str]) -> str:
        chance = self.chance.random()
        if chance < 0.1:
            code = self.chance.choice([*TEXTS, "NO_ROUTE_AVAILABLE", ["a", 7, None], {"a": "b"}])
            return json.dumps({"status": "error", "error": code})
        return json.dumps({"status": "SUCCESS", "result": self.value(3, ids)})

    def value(self, depth: int, ids: list[str]) -> Any:
        kind = self.chance.randrange(8 if depth else 4)
        if kind < 2:
            return self.chance.choice([*TEXTS, *ids])
        if kind == 2:
            return self.chance.choice([0, -0.0, 1e300, 10**40, -7, True, False, None])
        if kind == 3:
            return self.chance.choice([[], {}, "", None])
        if kind < 6:
            names = self.chance.choices(FIELDS + TEXTS, [5] * len(FIELDS) + [1] * len(TEXTS), k=6)
            return {name: self.value(depth - 1, ids) for name in names}
        return [self.value(depth - 1, ids) for _ in range(self.chance.randrange(6))]


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_answer_ends_the_daemon(rig: Rig, autojump_clock: MockClock, seed: int) -> None:
    rig.transport = transport = Anything(seed)
    rig.passwords = {"shop": "hunter2-secret"}
    account = HttpConfig(
        name="shop", user="me", status_after=20.0, status_lot=3,
        delivery_status={"delivered": "delivered", "true": "undelivered"},
    )  # fmt: skip
    chat = ChatConfig(poll_interval=120.0, reread=1200.0, channels=(ChatChannel("webchat", "1"),))
    group = {"from": "ACME", "countrycode": "34", "idgroup": 7, "sms": "Hola"}
    lines: list[dict[str, Any]] = []
    for _ in range(10):
        lines += [
            {"op": "sms.sendsms", "args": {"from": "ACME", "to": "34600000001", "sms": "a"}},
            {"op": "sms.sendsmstogroup", "args": group},
            {"op": "group.getcontacts", "args": {"idgroup": 7}},
            {"op": "chat.getchats", "args": {"platform": "webchat", "platformid": "1"}},
        ]
    await rig.start(links={}, bound=0, sections={"http": (account,), "chat": chat})
    rig.hand_in(*lines)
    await trio.sleep(1800)
    assert set(transport.asked) >= {"getchats", "sendsms"}
    assert sum(rig.states().values()) == len(lines)
    assert not {"queued", "sending"} & set(rig.states()), rig.states()
    await rig.stop()
    await rig.start_again(bound=0)
    await trio.sleep(1800)
    assert sum(rig.states().values()) == len(lines)
    assert rig.audit().ok
