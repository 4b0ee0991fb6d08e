"""The whole daemon between a simulated SMSC and a simulated provider behind one network: messages go
the other way while their link is down, each once, and are asked for where they were taken."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from smppd import events
from smppd.config import HttpConfig
from smppd.link.dial import Unreachable
from smppd.simulate.common import Common
from smppd.simulate.provider.core import Provider
from smppd.simulate.reading import make_script
from smppd.simulate.smsc import Smsc
from tests.httpapi.simulated import SimulatedTransport
from tests.pitfalls.conftest import rig
from tests.pitfalls.rig import Rig

__all__ = ["rig"]

USER, PASSWORD = "me@example.net", "hunter2-secret"
AFTER = 60.0
WORDS = {"DELIVRD": "Entregado", "ENROUTE": "En camino", "UNDELIV": "No entregado"}
MEANS: dict[str, Any] = {
    "delivery_status": {
        "entregado": "delivered", "en camino": "pending", "no entregado": "undelivered",
    },
    "status_after": 60.0,
}  # fmt: skip


class Network:
    """An SMSC and a provider that count together. `reachable`: whether the SMSC can be reached."""

    def __init__(self, rig: Rig, nursery: trio.Nursery, **sections: Any) -> None:
        http = {"user": USER, "password": PASSWORD, **sections.pop("http", {})}
        script = make_script({"http": http, **sections}, "the test")
        common = Common(script, rig.wall)
        self.rig = rig
        self.tally = common.tally
        self.smsc = Smsc(script, rig.wall, common)
        self.transport = SimulatedTransport(Provider(script, common))
        self.reachable = True
        self._nursery = nursery
        self._calls: list[trio.CancelScope] = []
        nursery.start_soon(self.smsc._keep_time)
        rig.centres["a"] = self
        rig.transport = self.transport
        rig.passwords = {"web": PASSWORD}

    async def connect(self, host: str, port: int) -> trio.abc.Stream | Unreachable:
        await trio.lowlevel.checkpoint()
        if not self.reachable:
            return Unreachable(f"{host}:{port} cannot be reached")
        ours, theirs = trio.testing.memory_stream_pair()
        self._nursery.start_soon(self._serve, theirs)
        return ours

    async def _serve(self, stream: trio.abc.Stream) -> None:
        with trio.CancelScope() as scope:
            self._calls.append(scope)
            async with stream:
                await self.smsc.serve_stream(stream)

    def lose(self) -> None:
        """The way to the SMSC is gone, and every connection to it."""
        self.reachable = False
        for call in self._calls:
            call.cancel()
        self._calls.clear()

    def mend(self) -> None:
        self.reachable = True

    async def start(self, *, bound: int = 1, link: Any = None, **keys: Any) -> None:
        section = {
            "fallback_after": AFTER, "fallback_via": "web", "reconnect_max": 5.0, **(link or {}),
        }  # fmt: skip
        account = HttpConfig(name="web", user=USER, **{"connections": 2, **keys})
        await self.rig.start(bound=bound, links={"main": section}, sections={"http": (account,)})

    def hand_in(self, count: int, start: int = 1, **more: Any) -> str:
        return self.rig.hand_in(
            *(self.rig.sms(n, text=f"no. {n}", **more) for n in range(start, start + count))
        )

    def once(self) -> bool:
        return not self.tally.taken_twice()


async def test_messages_go_over_http_while_the_link_is_down_and_over_it_when_it_is_back(
    rig: Rig, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        network = Network(rig, nursery)
        await network.start()
        first = network.hand_in(3)
        await rig.until(lambda: network.tally.accepted == 3)
        network.lose()
        stays = network.hand_in(2, 50, flash=True)
        second = network.hand_in(4, 10)
        await trio.sleep(AFTER - 5)
        assert network.tally.over_http == 0
        await rig.until(lambda: network.tally.over_http == 4)
        assert rig.of(events.FallbackBegan) == [events.FallbackBegan("link main", "web")]
        (shown,) = rig.daemon.figures().fallbacks
        assert (shown.what, shown.account, shown.messages, shown.stay) == ("link main", "web", 4, 2)
        await rig.until(lambda: rig.has_results(second))
        lines = rig.results(second)
        assert {(line["link"], line["op"], line["state"]) for line in lines} == {
            ("web", "sms.sendsms", "sent")
        }
        assert all(line["message_ids"] and not line["possible_duplicate"] for line in lines)
        network.mend()
        await rig.until(lambda: rig.figures().bound)
        third = network.hand_in(2, 20)
        await rig.until(lambda: all(map(rig.has_results, (first, stays, third))))
        for name in (first, stays, third):
            assert {line["link"] for line in rig.results(name)} == {"main"}
        assert len(rig.of(events.FallbackEnded)) == 1
        assert rig.of(events.FallbackEnded)[0].messages == 4
        assert not rig.daemon.figures().fallbacks
        assert (network.tally.over_http, network.tally.accepted) == (4, 7)
        assert network.once()
        assert rig.audit().ok
        nursery.cancel_scope.cancel()


async def test_only_the_priorities_that_may_go_and_over_the_account_that_is_named(
    rig: Rig, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        network = Network(rig, nursery)
        network.reachable = False
        rig.passwords["first"] = PASSWORD
        link = {"fallback_after": AFTER, "fallback_via": "web", "fallback_priorities": ("high",)}
        accounts = [HttpConfig(name=name, user=USER) for name in ("first", "web")]
        await rig.start(bound=0, links={"main": link}, sections={"http": tuple(accounts)})
        urgent = network.hand_in(2, 1, priority="high")
        network.hand_in(2, 10)
        network.hand_in(2, 20, priority="bulk")
        await trio.sleep(3 * AFTER)
        assert {line["link"] for line in rig.results(urgent)} == {"web"}
        assert rig.states() == {"sent": 2, "queued": 4}
        assert network.tally.over_http == 2
        nursery.cancel_scope.cancel()


async def test_a_new_daemon_counts_from_its_start_and_what_was_under_way_is_in_doubt(
    rig: Rig, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        network = Network(rig, nursery, http={"fault": [{"what": "delay", "seconds": 2.0}]})
        network.reachable = False
        await network.start(bound=0)
        name = network.hand_in(20)
        await rig.until(lambda: network.tally.over_http >= 5)
        await rig.kill()
        before = network.tally.over_http
        began = trio.current_time()
        await rig.start_again(bound=0)
        await trio.sleep(AFTER - 5)
        assert network.tally.over_http == before
        await rig.until(lambda: network.tally.over_http > before)
        assert trio.current_time() - began >= AFTER
        await rig.until(lambda: network.tally.over_http >= before + 3)
        network.mend()
        await rig.until(lambda: rig.has_results(name))
        states = rig.states()
        assert states.get("unknown", 0) <= 2
        assert sum(states.values()) == 20
        assert network.tally.accepted + network.tally.over_http >= 20 - states.get("unknown", 0)
        assert network.once(), "nothing goes both ways"
        assert rig.audit().ok
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("seed", range(4))
async def test_through_outages_and_kills_at_any_time_each_goes_one_way(
    rig: Rig, autojump_clock: MockClock, seed: int
) -> None:
    chance = Random(seed)
    async with trio.open_nursery() as nursery:
        network = Network(rig, nursery, http={"fault": [{"what": "delay", "seconds": 0.7}]})
        await network.start(link={"rate": 2.0, "retry_min": 1.0})
        names = []
        for number in range(12):
            names.append(network.hand_in(8, 1 + number * 8))
            happens = chance.choice(["lose", "lose", "mend", "kill", "stop"])
            if happens == "lose":
                network.lose()
            elif happens == "mend":
                network.mend()
            else:
                await trio.sleep(chance.random())
                await (rig.kill() if happens == "kill" else rig.stop())
                await rig.start_again(bound=0)
            await trio.sleep(chance.choice([0.3, 5.0, AFTER + 3.0]))
        network.mend()
        await rig.until(lambda: "queued" not in rig.states() and "sending" not in rig.states())
        states = rig.states()
        assert sum(states.values()) == 96
        assert set(states) <= {"sent", "delivered", "unknown"}
        assert network.once(), "nothing goes both ways, nor twice"
        taken = len(network.tally.messages)
        assert 96 - states.get("unknown", 0) <= taken <= 96
        assert network.tally.over_http
        assert rig.audit().ok
        nursery.cancel_scope.cancel()


async def test_no_credits_leave_the_rest_to_the_link(rig: Rig, autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        network = Network(rig, nursery, http={"balance": 3})
        network.reachable = False
        await network.start(bound=0, connections=1)
        name = network.hand_in(10)
        await rig.until(lambda: rig.of(events.LinkPaused))
        await trio.sleep(600)
        assert network.tally.over_http == 3
        network.mend()
        await rig.until(lambda: rig.has_results(name))
        assert [line["link"] for line in rig.results(name)].count("main") == 7
        assert network.once()
        nursery.cancel_scope.cancel()


# ── delivery ─────────────────────────────────────────────────────────────────────────────────


async def test_what_went_over_http_is_asked_for_and_delivered(
    rig: Rig, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        network = Network(rig, nursery, fate={"delay": 200.0, "words": WORDS})
        network.reachable = False
        await network.start(bound=0, status_lot=3, **MEANS)
        name = network.hand_in(7)
        await rig.until(lambda: rig.states() == {"sent": 7})
        await rig.until(lambda: rig.states() == {"delivered": 7})
        await rig.until(lambda: rig.has_results(name))
        assert {line["state"] for line in rig.results(name)} == {"delivered"}
        told = rig.receipts()
        assert {(line["by"], line["word"], line["link"]) for line in told} == {
            ("getdeliverystatus", "Entregado", "web")
        }
        asked = network.transport.calls("sms.getdeliverystatus").done
        assert 6 <= asked <= 12, "in lots of three, and seldom"
        assert not rig.of(events.StatusWordNew)
        assert rig.audit().ok
        nursery.cancel_scope.cancel()


async def test_a_word_without_meaning_is_told_of_once_and_kept(
    rig: Rig, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        network = Network(rig, nursery, fate={"words": {"DELIVRD": "Recibido"}})
        network.reachable = False
        await network.start(bound=0, **MEANS)
        network.hand_in(3)
        await rig.until(lambda: len(rig.receipts()) >= 3)
        assert rig.states() == {"sent": 3}
        (event,) = rig.of(events.StatusWordNew)
        assert event.word == "Recibido"
        assert '"Recibido" = "pending", "delivered"' in event.hint
        assert {(line["word"], line["state"]) for line in rig.receipts()} == {
            ("Recibido", "unknown")
        }
        assert "the provider says Recibido, delivery date" in rig.show("m1").history[-1].text
        nursery.cancel_scope.cancel()


async def test_a_link_whose_ids_are_shared_is_asked_for_over_the_account(
    rig: Rig, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        network = Network(rig, nursery, fate={"words": WORDS}, receipt={"never": 1.0})
        await network.start(link={"status_via": "web"}, **MEANS)
        name = network.hand_in(3)
        await rig.until(lambda: rig.has_results(name))
        assert {(line["link"], line["state"]) for line in rig.results(name)} == {
            ("main", "delivered")
        }
        assert {line["by"] for line in rig.receipts()} == {"getdeliverystatus"}
        assert network.tally.over_http == 0
        nursery.cancel_scope.cancel()
