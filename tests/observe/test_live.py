"""What is told to who watches: once a second, once for all, and nothing of messages."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from prometheus_client import CollectorRegistry

from smppd import events
from smppd.figures import (
    AccountFigures,
    CampaignFigures,
    DaemonFigures,
    OutletFigures,
)
from smppd.observe import web
from smppd.observe.live import EVERY, POINTS, STEP, Live
from smppd.observe.recent import Recent
from smppd.observe.status_page import MOST_WATCHERS, pages
from tests.vitals.figures import NOW, daemon, link

Told = list[tuple[str, Any]]


class Looked:
    """A daemon whose figures are read, and how often they were."""

    def __init__(self, name: str = "main", **more: Any) -> None:
        self.name = name
        self.more = more
        self.times = 0
        self.fault: Exception | None = None

    def __call__(self) -> DaemonFigures:
        self.times += 1
        if self.fault is not None:
            raise self.fault
        now = NOW + trio.current_time()
        main = link(self.name, submitted=int(50 * trio.current_time()))
        return daemon(main, **(self.more | {"now": now}))


def recent() -> Recent:
    return Recent(lambda: NOW)


def read(octets: bytes) -> Told:
    """The events of a stream."""
    found = []
    for block in octets.decode().split("\n\n")[:-1]:
        kind, data = block.split("\n")
        assert kind.startswith("event: ")
        assert data.startswith("data: ")
        found.append((kind[7:], msgspec.json.decode(data[6:])))
    return found


class Watcher:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.octets: list[bytes] = []

    async def send(self, octets: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.octets.append(octets)

    @property
    def told(self) -> Told:
        return read(b"".join(self.octets))


async def test_each_second_is_looked_at_once_for_all_who_watch(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    looked, crowd = Looked(), [Watcher() for _ in range(20)]
    live = Live(looked, recent())
    nursery.start_soon(live.run)
    await trio.sleep(EVERY / 2)
    for each in crowd:
        nursery.start_soon(live.tell, each.send)
    await trio.sleep(10 * EVERY)
    assert looked.times == 12, "once at the start, once for who came, and each second"
    for each in crowd:
        assert [kind for kind, _ in each.told] == ["past", *["now"] * 11]
        assert all(a is b for a, b in zip(each.octets, crowd[0].octets, strict=True)), "made once"
    last = crowd[0].told[-1][1]
    assert last["submitted"] == pytest.approx(50, abs=2)
    assert last["troubles"] == []
    nursery.cancel_scope.cancel()


async def test_nobody_watching_costs_a_look_for_each_point_of_the_past(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    looked = Looked()
    live = Live(looked, recent())
    nursery.start_soon(live.run)
    await trio.sleep(1800)
    assert looked.times == pytest.approx(1800 / STEP, abs=2)
    watcher = Watcher()
    with trio.move_on_after(EVERY):
        await live.tell(watcher.send)
    kind, past = watcher.told[0]
    assert (kind, len(past)) == ("past", POINTS), "a quarter of an hour, and no more"
    moments = [point[0] for point in past]
    assert {b - a for a, b in itertools.pairwise(moments)} == {int(STEP)}
    assert past[-1][1] == 50.0
    assert past[-1][6] == {"main": [50.0, None]}
    assert live.watchers == 0
    nursery.cancel_scope.cancel()


async def test_a_fault_is_told_and_stops_nothing(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    looked, watcher = Looked(), Watcher()
    live = Live(looked, recent())
    nursery.start_soon(live.run)
    nursery.start_soon(live.tell, watcher.send)
    await trio.sleep(2.5 * EVERY)
    looked.fault = ValueError("broken")
    await trio.sleep(EVERY)
    last: tuple[str, Any] = watcher.told[-1]
    assert last == ("fault", "ValueError: broken")
    looked.fault = None
    await trio.sleep(EVERY)
    assert watcher.told[-1][0] == "now"
    nursery.cancel_scope.cancel()


async def test_what_may_be_a_number_is_cut_wherever_it_stands(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    number = "34600123456"
    campaign = CampaignFigures(
        f"vip-{number}", "a.csv", read=True, total=9, done=1, states={}, held=f"about +{number}"
    )
    dated = CampaignFigures("sale-20261128", "b.csv", read=True, total=9, done=1, states={})
    looked = Looked(
        f"from-{number}",
        campaigns=[campaign, dated],
        disk={"journal": f"/var/{number}: No space"},
        accounts=[AccountFigures("shop", last_error=f"bad {number}", unreachable_since=NOW)],
        outlets=[OutletFigures("hook:crm", failing_since=NOW, last_error="said: Hola Ana")],
    )
    happened = recent()
    happened(events.CampaignPaused(campaign.campaign, f"{number}.csv", number, "uid 0", "resume"))
    watcher = Watcher()
    with trio.move_on_after(EVERY / 2):
        await Live(looked, happened).tell(watcher.send)
    text = b"".join(watcher.octets).decode()
    assert number not in text
    assert "600123" not in text
    assert "Hola" not in text
    assert "vip-346…" in text
    assert text.count('"from-346…"') == 3, "in links, and in both kinds of points alike"
    assert "sale-20261128" in text, "a date is no number"
    assert watcher.told[1][1]["recent"][0]["about"] == "vip-346…"


# ── over HTTP ────────────────────────────────────────────────────────────────────────────────


async def test_who_does_not_read_is_let_go_and_holds_nobody_up(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    live, watcher = Live(Looked(), recent()), Watcher()
    nursery.start_soon(live.run)
    nursery.start_soon(live.tell, watcher.send)
    theirs, ours = trio.testing.lockstep_stream_pair()  # holds nothing: who sends waits
    answer = web._answers(CollectorRegistry(), list, pages(live))
    nursery.start_soon(web._admit, ours, trio.CapacityLimiter(1), answer)
    await theirs.send_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await theirs.receive_some(65536)
    await trio.sleep(web.TIMEOUT - 1)
    assert live.watchers == 2
    told = len(watcher.octets)
    await trio.sleep(2)
    assert live.watchers == 1
    assert len(watcher.octets) == told + 2
    nursery.cancel_scope.cancel()


async def test_the_stream_and_the_page_over_a_socket(nursery: trio.Nursery) -> None:
    live = Live(Looked(), recent())
    nursery.start_soon(live.run)
    address: str = await nursery.start(
        web.serve, "127.0.0.1:0", CollectorRegistry(), list, pages(live)
    )
    host, _, port = address.rpartition(":")

    async def ask(request: str, until: bytes) -> bytes:
        seen = b""
        with trio.fail_after(20):
            async with await trio.open_tcp_stream(host, int(port)) as stream:
                await stream.send_all(f"{request} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                while until not in seen:
                    octets = bytes(await stream.receive_some(65536))
                    assert octets, seen
                    seen += octets
        return seen

    stream = await ask("GET /events", b'"stopping":false')
    assert b"content-type: text/event-stream" in stream
    assert b"transfer-encoding: chunked" in stream.lower()
    assert b"event: past" in stream
    assert b"event: now" in stream
    for path, kind in (
        ("/", b"text/html"),
        ("/page.css", b"text/css"),
        ("/page.js", b"text/javascript"),
        ("/icon.svg", b"image/svg+xml"),
        ("/events", b"text/event-stream"),
    ):
        head, _, body = (await ask(f"HEAD {path}", b"\r\n\r\n")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), path
        assert b"content-type: " + kind in head
        assert b"content-security-policy: default-src 'none'; script-src 'self';" in head
        assert b"unsafe" not in head
        assert b"set-cookie" not in head
        assert b"x-content-type-options: nosniff" in head
        assert b"referrer-policy: no-referrer" in head
        assert b"frame-ancestors 'none'" in head
        assert body == b""
    page = await ask("GET /", b"</html>")
    assert b"<script>" not in page
    assert b"style=" not in page
    assert b"onload" not in page
    assert b"http://" not in page
    assert b"https://" not in page
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert b" 405 " in await ask(f"{method} /", b"\r\n\r\n")
    live.watchers = MOST_WATCHERS
    assert b" 503 " in await ask("GET /events", b"\r\n\r\n")
    nursery.cancel_scope.cancel()
