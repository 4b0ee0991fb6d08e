"""Streams, webhooks and what is kept, changed under a whole daemon: where each begins, and what is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from smppd.app.reloading import Loaded, Wanted, wanted_of
from smppd.config import EventsConfig, HookConfig, Mistake, RetentionConfig, WebhookConfig
from smppd.exchange import Reply
from smppd.journal.log import LogReader
from smppd.ledger.facts import Damaged
from smppd.outlets.webhook import Posting
from smppd.provider.answers import NoAnswer
from tests.pitfalls.conftest import rig
from tests.pitfalls.rig import Rig

__all__ = ["rig"]

STREAM = EventsConfig(stream=True)
SHOP = WebhookConfig(name="shop", url="https://shop.example.net/")


class Web:
    """Whatever listens at these URLs: what came, and over which connections, of which some are closed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        web = self
        self.down: set[str] = set()
        self.posted: list[tuple[str, str]] = []
        self.signed: list[str] = []
        self.connections: list[object] = []
        self.closed = 0

        class Exchange:
            def __init__(self) -> None:
                web.connections.append(self)

            async def post(
                self, url: str, headers: Mapping[str, str], body: bytes
            ) -> Reply | NoAnswer:
                await trio.sleep(0.1)
                if url in web.down:
                    return Reply(500, "", b"")
                web.posted += [(url, told["event_id"]) for told in json.loads(body)["events"]]
                web.signed.append(headers["X-Smppd-Signature"])
                return Reply(204, "", b"")

            async def aclose(self) -> None:
                await trio.lowlevel.checkpoint()
                web.closed += 1

        def posting(section: WebhookConfig, secret: str) -> Posting:
            return Posting(section.url, secret, Exchange(), section.batch)

        monkeypatch.setattr("smppd.app.outlets._posting", posting)

    def at(self, url: str) -> list[str]:
        return [event for place, event in self.posted if place == url]


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    return Web(monkeypatch)


def _damaged(_: LogReader) -> int:
    raise Damaged("bundle 7 cannot be read")


async def send(rig: Rig, first: int, count: int) -> None:
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(first, first + count)))
    await rig.until(lambda: rig.has_results(name))


def told(rig: Rig) -> list[str]:
    """What stands in the stream."""
    paths = sorted((rig.root / "events").glob("events-*.jsonl"))
    lines = [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]
    return [f"{line['event']} {line.get('id', '')}".strip() for line in lines]


# ── the stream ───────────────────────────────────────────────────────────────────────────────


async def test_a_stream_that_comes_begins_now_and_one_that_is_back_where_it_left_off(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    await send(rig, 1, 2)
    assert await rig.reload(events=STREAM) == ["events.stream false -> true"]
    await send(rig, 3, 1)
    await trio.sleep(10)
    expected = ["accepted m3", "sent m3", "reported"]
    assert told(rig) == expected
    await rig.reload(events=EventsConfig())
    assert rig.daemon.figures().outlets == []
    await send(rig, 4, 1)
    await trio.sleep(100)
    assert told(rig) == expected
    await rig.reload(events=STREAM)
    await send(rig, 5, 1)
    await trio.sleep(10)
    expected += ["accepted m4", "sent m4", "reported", "accepted m5", "sent m5", "reported"]
    assert told(rig) == expected
    assert not rig.of(events.OutletLeft)
    # As after a restart, too.
    await rig.stop()
    await rig.start_again()
    await send(rig, 6, 1)
    await rig.stop()
    assert told(rig) == [*expected, "accepted m6", "sent m6", "reported"]


async def test_files_of_the_stream_are_followed_by_others_as_is_said_now(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start(sections={"events": STREAM})
    await send(rig, 1, 1)
    (outlet,) = rig.daemon.parts.outlets.by_name.values()
    await trio.sleep(100)
    await rig.reload(events=replace(STREAM, rotate_every=60.0, content=True))
    assert list(rig.daemon.parts.outlets.by_name.values()) == [outlet]
    await send(rig, 2, 1)
    await trio.sleep(10)
    files = sorted((rig.root / "events").glob("events-*.jsonl"))
    assert len(files) == 2
    assert ['"text"' in file.read_text() for file in files] == [False, True]


@pytest.mark.parametrize("why", ["events.stream: needs", "journal: is damaged, and stream reads"])
async def test_a_stream_that_cannot_be_is_refused_and_nothing_else_changes(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    await rig.start()
    if "damaged" in why:
        monkeypatch.setattr(LogReader, "oldest", _damaged)
    else:
        (rig.root / "events").rmdir()
        (rig.root / "events").write_text("a file")
    before = rig.daemon.config
    wanted = wanted_of(
        Loaded(before, {"main": "secret"}),
        Loaded(
            replace(before, events=STREAM, links=(replace(before.links[0], window=3),)),
            {"main": "secret"},
        ),
    )
    assert isinstance(wanted, Wanted)
    (mistake,) = await rig.daemon.take_over(wanted)
    assert isinstance(mistake, Mistake)
    assert why in str(mistake)
    assert "\n" not in str(mistake)
    assert rig.daemon.config is before
    assert rig.figures("main").window == before.links[0].window
    assert rig.daemon.figures().outlets == []


# ── webhooks ─────────────────────────────────────────────────────────────────────────────────


async def test_a_webhook_with_another_url_and_secret_goes_on_with_the_event_that_it_could_not_tell(
    rig: Rig, web: Web, autojump_clock: MockClock
) -> None:
    web.down.add(SHOP.url)
    await rig.start(sections={"webhooks": (SHOP,)})
    await send(rig, 1, 2)
    await rig.until(lambda: rig.of(events.OutletFailing))
    await trio.sleep(500)
    (outlet,) = rig.daemon.parts.outlets.by_name.values()
    rig.passwords["webhook:shop"] = "another"
    before = trio.current_time()
    changes = await rig.reload(webhooks=(replace(SHOP, url="https://b.example.net/"),))
    assert changes == [
        'webhook.shop.url "https://shop.example.net/" -> "https://b.example.net/"',
        "webhook.shop.secret changed",
    ]
    await rig.until(lambda: rig.of(events.OutletRecovered))
    assert trio.current_time() - before < 5
    assert list(rig.daemon.parts.outlets.by_name.values()) == [outlet]
    assert len(web.at("https://b.example.net/")) == len(set(web.at("https://b.example.net/"))) == 5
    assert (len(web.connections), web.closed) == (2, 1)


async def test_only_a_secret_or_a_filter_is_another(
    rig: Rig, web: Web, autojump_clock: MockClock
) -> None:
    await rig.start(sections={"webhooks": (SHOP,)})
    await send(rig, 1, 1)
    await trio.sleep(1)
    rig.passwords["webhook:shop"] = "another"
    assert await rig.reload() == ["webhook.shop.secret changed"]
    assert await rig.reload(webhooks=(replace(SHOP, events=("reported",)),)) == [
        "webhook.shop.events changed"
    ]
    await send(rig, 2, 1)
    await trio.sleep(1)
    assert len(web.at(SHOP.url)) == 3 + 1
    # What is the same notices nothing of a reload.
    connections = len(web.connections)
    assert await rig.reload(events=replace(STREAM, stream=False, rotate_every=999.0)) == [
        "events.rotate_every 86400 -> 999"
    ]
    assert len(web.connections) == connections


async def test_what_a_webhook_that_went_did_not_tell_is_said_and_told_when_it_is_back(
    rig: Rig, web: Web, autojump_clock: MockClock
) -> None:
    web.down.add(SHOP.url)
    await rig.start(sections={"webhooks": (SHOP,)})
    await send(rig, 1, 2)
    await rig.until(lambda: rig.of(events.OutletFailing))
    await rig.reload(webhooks=())
    await rig.until(lambda: rig.of(events.OutletLeft))
    (left,) = rig.of(events.OutletLeft)
    # All but the first fact, that there is a file, which is told to nobody.
    assert (left.outlet, left.facts) == ("webhook:shop", rig.daemon.parts.ledger.accounts.seq - 1)
    web.down.clear()
    await trio.sleep(600)
    assert web.posted == []
    await send(rig, 3, 1)
    await rig.reload(webhooks=(SHOP, replace(SHOP, name="new", url="https://new.example.net/")))
    await send(rig, 4, 1)
    await trio.sleep(10)
    assert len(set(web.at(SHOP.url))) == len(web.at(SHOP.url)) == 5 + 3 + 3
    assert len(web.at("https://new.example.net/")) == 3
    assert web.closed == 1
    # A kill, and both go on.
    await rig.kill()
    await rig.start_again()
    await send(rig, 5, 1)
    await trio.sleep(10)
    assert len(set(web.at("https://new.example.net/"))) == 6


async def test_a_webhook_that_goes_and_is_back_at_once_tells_everything_once(
    rig: Rig, web: Web, autojump_clock: MockClock
) -> None:
    await rig.start(sections={"webhooks": (SHOP,)})
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(50)))
    for _ in range(5):
        await rig.reload(webhooks=())
        await rig.reload(webhooks=(SHOP,))
    await rig.until(lambda: rig.has_results(name))
    await trio.sleep(10)
    assert len(set(web.at(SHOP.url))) == len(web.at(SHOP.url)) == 101


async def test_a_webhook_that_changes_in_the_middle_of_a_file_tells_each_line_of_it_once(
    rig: Rig, web: Web, autojump_clock: MockClock
) -> None:
    small = replace(SHOP, batch=10)
    await rig.start(sections={"webhooks": (small,)})
    name = rig.hand_in(*(rig.sms(n, receipt=False) for n in range(100)))
    for turn in range(4):
        await rig.until(lambda: len(web.posted) >= 20 * turn + 10)  # noqa: B023 - waited for here
        await rig.reload(webhooks=(replace(small, content=turn % 2 == 0),))
    await rig.until(lambda: rig.has_results(name))
    await trio.sleep(60)
    assert len(set(web.at(SHOP.url))) == len(web.at(SHOP.url)) == 201


async def test_where_one_begins_is_on_disk_before_anything_can_be_told(
    rig: Rig, web: Web, autojump_clock: MockClock
) -> None:
    await rig.start()
    await send(rig, 1, 1)
    web.down.add(SHOP.url)
    await rig.reload(webhooks=(SHOP,))
    await send(rig, 2, 1)
    await rig.kill()
    web.down.clear()
    await rig.start_again()
    await rig.until(lambda: len(web.posted) == 3)


async def test_a_hook_comes_and_goes(rig: Rig, tmp_path: Path, autojump_clock: MockClock) -> None:
    await rig.start()
    hook = HookConfig(name="crm", command=("/nowhere/at/all",), events=("reported",))
    assert await rig.reload(hooks=(hook,)) == ["hook.crm added"]
    await send(rig, 1, 1)
    await rig.until(lambda: rig.of(events.OutletFailing))
    assert await rig.reload(hooks=(replace(hook, attempts=5),)) == ["hook.crm.attempts 3 -> 5"]
    assert await rig.reload(hooks=()) == ["hook.crm removed"]
    await rig.until(lambda: rig.of(events.OutletLeft))
    assert rig.daemon.parts.outlets.names == []


# ── what is kept ─────────────────────────────────────────────────────────────────────────────


async def test_what_is_old_goes_by_the_numbers_of_now(rig: Rig, autojump_clock: MockClock) -> None:
    never = RetentionConfig(done=None, journal=None)
    rig.skew = 30 * 86_400.0  # files have the time of this machine
    await rig.start(sections={"retention": never})
    await send(rig, 1, 3)
    await trio.sleep(100)
    done = rig.root / "done"
    assert list(done.rglob("*.report.json"))
    changes = await rig.reload(retention=RetentionConfig(done=50.0, journal=50.0))
    assert changes == ["retention.done changed", "retention.journal changed"]
    await rig.until(lambda: rig.of(events.JournalPruned))
    await rig.until(lambda: not list(done.rglob("*.report.json")))
    assert rig.daemon.figures().journal.removed == 3
    await rig.reload(retention=never)
    await send(rig, 4, 2)
    await trio.sleep(1000)
    assert rig.daemon.figures().journal.removed == 3
    assert list(done.rglob("*.report.json"))


@pytest.mark.parametrize("window", [100.0, 1000.0])
async def test_an_id_may_come_again_after_the_window_of_now(
    rig: Rig, autojump_clock: MockClock, window: float
) -> None:
    await rig.start(spool={"dedupe_window": 500.0})
    await send(rig, 1, 1)
    await rig.reload(spool=replace(rig.daemon.config.spool, dedupe_window=window))
    await trio.sleep(700)
    await send(rig, 1, 1)
    assert rig.states() == ({"sent": 2} if window == 100.0 else {"sent": 1, "duplicate": 1})
