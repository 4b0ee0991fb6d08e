"""Any configuration after any other, under load: whatever comes, changes and goes, nothing is lost or doubled."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from smppd.config import HttpConfig, LinkConfig, RouteConfig, RoutingConfig, WebhookConfig
from tests.app.test_reloaded_outlets import Web, web
from tests.httpapi.test_daemon import USER, Shop
from tests.pitfalls.conftest import rig
from tests.pitfalls.rig import Rig

__all__ = ["rig", "web"]

_TEXT = re.compile(rb"text [0-9]+")
RELOADS, FILES, LINES = 40, 30, 20


def some(chance: random.Random, main: LinkConfig) -> dict[str, Any]:
    """Sections of a configuration, of which `shop`, `main` and the webhook `all` are always there."""
    keys: dict[str, Any] = {"user": USER, "connections": chance.randint(1, 4)}
    keys |= {"rate": chance.choice([0.0, 0.0, 50.0]), "drain_timeout": chance.choice([1.0, 30.0])}
    keys |= {"status_after": chance.choice([0.0, 60.0])}
    accounts = [HttpConfig(name="shop", **keys)]
    if chance.random() < 0.5:
        accounts.insert(chance.randint(0, 1), HttpConfig(name="other", **keys))
    links = [replace(main, window=chance.randint(1, 20), system_type=chance.choice("AB"))]
    if chance.random() < 0.5:
        links.insert(chance.randint(0, 1), replace(main, name="spare"))
    routes = [RouteConfig(name="r", links=tuple(link.name for link in links), fields={"x-r": "1"})]
    hooks = [
        WebhookConfig(
            name="all",
            url=f"https://all.example.net/{chance.randint(1, 3)}",
            batch=chance.choice([1, 7, 500]),
            content=chance.random() < 0.5,
        )
    ]
    if chance.random() < 0.5:
        hooks.append(replace(hooks[0], name="part", url="https://part.example.net/"))
    return {
        "http": tuple(accounts),
        "links": tuple(links),
        "routing": RoutingConfig(routes=tuple(routes[: chance.randint(0, 1)])),
        "webhooks": tuple(hooks),
    }


def everything(main: LinkConfig) -> dict[str, Any]:
    asks: dict[str, Any] = {"status_after": 60.0, "delivery_status": {"DELIVRD": "delivered"}}
    accounts = tuple(HttpConfig(name=name, user=USER, **asks) for name in ("shop", "other"))
    routes = (RouteConfig(name="r", links=("main", "spare"), fields={"x-r": "1"}),)
    hooks = [
        WebhookConfig(name=each, url=f"https://{each}.example.net/") for each in ("all", "part")
    ]
    return {
        "http": accounts,
        "links": (main, replace(main, name="spare")),
        "routing": RoutingConfig(routes=routes),
        "webhooks": tuple(hooks),
    }


async def hand_in(rig: Rig, chance: random.Random, names: list[str]) -> None:
    for file in range(FILES):
        lines = []
        for n in range(file * LINES, (file + 1) * LINES):
            if chance.random() < 0.5:
                via = chance.choice([{}, {"via": "shop"}, {"via": "other"}])
                lines.append(Shop.sms(n, **via))
            else:
                more = chance.choice([{}, {"via": "spare"}, {"x-r": "1"}])
                lines.append(rig.sms(n, text=f"text {n}", receipt=False, **more))
        names.append(rig.hand_in(*lines))
        await trio.sleep(chance.uniform(0.0, 2.0))


@pytest.mark.parametrize("seed", range(5))
async def test_each_message_call_and_event_is_there_once(
    rig: Rig, web: Web, autojump_clock: MockClock, seed: int
) -> None:
    chance, names = random.Random(seed), list[str]()
    shop = Shop(rig, fault=[{"what": "delay", "seconds": 0.2}], balance=100_000)
    await shop.open(
        links={"main": {}}, sections={"webhooks": (WebhookConfig(name="all", url="https://all/"),)}
    )
    (main,) = rig.daemon.config.links
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hand_in, rig, chance, names)
        for _ in range(RELOADS):
            web.down = {f"https://all.example.net/{chance.randint(1, 6)}"}
            rig.passwords["webhook:all"] = chance.choice(["one", "two"])
            await rig.reload(**some(chance, main))
            await trio.sleep(chance.choice([0.0, 0.0, chance.uniform(0.0, 3.0)]))
    web.down.clear()
    await rig.reload(**everything(main))
    await rig.until(lambda: all(map(rig.has_results, names)))
    await trio.sleep(120)
    results = [line for name in names for line in rig.results(name)]
    assert len(results) == FILES * LINES
    states = Counter(line["state"] for line in results)
    assert states["unknown"] == 0
    gone = {line["id"] for line in results if line["state"] == "rejected"}
    assert {line["error"]["code"] for line in results if line["id"] in gone} <= {"BAD_VIA"}
    over_smpp = [_TEXT.findall(frame.body)[0].decode() for frame in rig.smsc.submits]
    taken = shop.sent + Counter(over_smpp)
    assert set(taken.values()) == {1}
    assert len(taken) == FILES * LINES - len(gone)
    told = Counter(event for url, event in web.posted if "all" in url)
    assert max(told.values()) == 1
    # Accepted or failed, sent, delivered, reported.
    assert len(told) == FILES * LINES + len(taken) + states["delivered"] + FILES
    part = Counter(event for url, event in web.posted if "part" in url)
    assert set(part) <= set(told)
    if not rig.of(events.OutletLeft):  # else it was cut short, within a fact that says many events
        assert not part or max(part.values()) == 1
    await rig.stop()
    assert rig.audit().ok
