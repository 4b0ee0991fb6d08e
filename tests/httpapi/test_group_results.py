"""A send to a group through the whole daemon: taken as one call, and ended one destination at a
time as the provider tells of them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from trio.testing import MockClock

from smppd.config import HttpConfig
from smppd.config.accounts import StatusWord
from tests.httpapi.simulated import SimulatedTransport, simulated
from tests.pitfalls.conftest import rig
from tests.pitfalls.rig import Rig

__all__ = ["rig"]

COUNT = 250
WORDS: dict[str, StatusWord] = {
    "DELIVRD": "delivered",
    "UNDELIV": "undelivered",
    "ENROUTE": "pending",
}
NUMBERS = [f"346{n:08d}" for n in range(COUNT)]


class Shop:
    """A daemon with one account whose group 7 has so many contacts."""

    def __init__(self, rig: Rig, **script: Any) -> None:
        self.rig = rig
        http = {"user": "me", "password": "secret", "group": [{"id": "7", "name": "all"}]}
        self.transport: SimulatedTransport = simulated(rig.wall, http=http, **script)
        rig.transport = self.transport

    async def open(self, **keys: Any) -> None:
        """Start the daemon, and fill the group."""
        account = HttpConfig(name="shop", user="me", delivery_status=WORDS, status_lot=100, **keys)
        await self.rig.start(links={}, bound=0, sections={"http": (account,)})
        contacts = [{"mobile": number} for number in NUMBERS]
        args = {"idgroup": 7, "contacts": contacts}
        name = self.rig.hand_in({"op": "group.addcontactlist", "args": args, "id": "fill"})
        await self.rig.until(lambda: self.rig.has_results(name))

    def send(self) -> str:
        """Hand in a message to the group."""
        args = {"from": "ACME", "countrycode": "34", "idgroup": 7, "sms": "Hola"}
        return self.rig.hand_in({"op": "sms.sendsmstogroup", "args": args, "id": "g"})


@pytest.mark.parametrize("kills", [False, True])
async def test_each_destination_comes_to_its_own_end(
    rig: Rig, autojump_clock: MockClock, kills: bool
) -> None:
    fate = {"delay": 30.0, "jitter": 600.0, "states": {"UNDELIV": 0.1}}
    shop = Shop(rig, fate=fate)
    await shop.open(status_after=20.0)
    name = shop.send()
    await rig.until(lambda: rig.states().get("sent") == 2)
    if kills:
        await rig.until(rig.receipts)
        await rig.kill()
        assert 0 < len(rig.receipts()) < COUNT
        await rig.start_again(bound=0)
    await rig.until(lambda: rig.has_results(name), patience=100_000)
    lines = rig.results(name)
    assert [line["to"] for line in lines] == NUMBERS
    assert {(line["line"], line["id"], line["op"]) for line in lines} == {
        (1, "g", "sms.sendsmstogroup")
    }
    states = Counter(line["state"] for line in lines)
    assert set(states) == {"delivered", "undelivered"}
    assert len({line["done"] for line in lines}) > 1
    assert all((line["state"] == "undelivered") == bool(line["error"]) for line in lines)
    assert rig.states() == {"sent": 1, "undelivered": 1}
    (report,) = (rig.root / "done").glob(f"*/{name}.report.json")
    assert json.loads(report.read_text())["destinations"] == states
    told = [(line["id"], line["to"], line["message_id"]) for line in rig.receipts()]
    assert sorted(told) == sorted(("g", line["to"], line["message_ids"][0]) for line in lines)
    assert shop.transport.calls("sms.sendsmstogroup").done == 1
    assert rig.audit().ok


async def test_receipts_that_a_crash_kept_back_name_their_destination(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, fate={"delay": 30.0})
    await shop.open(status_after=40.0)
    name = shop.send()
    await rig.until(lambda: rig.has_results(name))
    before = rig.receipts()
    assert len(before) == COUNT
    await rig.kill()
    for path in (rig.root / "receipts").iterdir():
        path.unlink()
    await rig.start_again(bound=0)
    assert rig.receipts() == before


async def test_what_no_account_asks_about_ends_when_it_is_sent(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig)
    await shop.open()
    name = shop.send()
    await rig.until(lambda: rig.has_results(name))
    assert Counter(line["state"] for line in rig.results(name)) == {"sent": COUNT}
    assert rig.states() == {"sent": 2}
    assert not shop.transport.calls("sms.getdeliverystatus").done
