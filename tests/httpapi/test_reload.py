"""Accounts that come, change and go under a daemon that goes on: nothing lost, no call made twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from smppd import events
from smppd.config import ContactsConfig, HttpConfig
from smppd.ledger.entries import MessageRow
from tests.httpapi.test_daemon import USER, Shop
from tests.pitfalls.conftest import rig
from tests.pitfalls.rig import Rig

__all__ = ["rig"]

SLOW = {"what": "delay", "seconds": 2.0}


def account(name: str = "shop", **keys: Any) -> HttpConfig:
    return HttpConfig(name=name, user=USER, **keys)


def once(shop: Shop) -> bool:
    """Whether each text that was sent was sent once."""
    return max(shop.sent.values()) == 1


async def test_a_password_is_another_from_one_call_to_the_next(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, fault=[SLOW])
    await shop.open(connections=2)
    same = shop.account
    name = shop.hand_in(20)
    await rig.until(lambda: len(shop.transport.requests) == 6)
    subscriber = shop.transport.provider.accounts.of(USER)
    assert subscriber is not None
    subscriber.password = "another-secret"
    rig.passwords["shop"] = "another-secret"
    assert await rig.reload() == ["http.shop.password changed"]
    await rig.until(lambda: rig.has_results(name))
    assert rig.states() == {"sent": 20}
    assert shop.account is same
    assert not rig.of(events.LinkPaused)
    assert shop.transport.calls("sms.sendsms").done == 20
    assert once(shop)
    await rig.stop()
    assert rig.audit().ok


async def test_url_rate_and_retries_are_others_and_the_account_is_the_same(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, fault=[SLOW])
    await shop.open(connections=2)
    name, same = shop.hand_in(30), shop.account
    await rig.until(lambda: len(shop.transport.requests) == 6)
    changes = await rig.reload(
        http=(account(connections=2, rate=0.1, url="https://b.example.net/api/"),)
    )
    assert sorted(changes) == [
        "http.shop.rate 0 -> 0.1",
        'http.shop.url "https://www.afilnet.com/api/http/" -> "https://b.example.net/api/"',
    ]
    assert shop.account is same
    before = trio.current_time()
    await rig.until(lambda: len(shop.transport.requests) == 10)
    assert trio.current_time() - before >= 29
    await rig.reload(http=(account(connections=10),))
    await rig.until(lambda: rig.has_results(name))
    assert rig.states() == {"sent": 30}
    assert once(shop)
    assert shop.account.figures().connections == 10
    await rig.stop()
    assert rig.audit().ok


async def test_an_account_comes_and_carries_at_once_and_goes_when_its_calls_are_over(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, fault=[SLOW])
    await shop.open(connections=2)
    same, one = shop.account, account(connections=2)
    name = shop.hand_in(20)
    assert await rig.reload(http=(one, account("other", connections=3))) == ["http.other added"]
    late = shop.hand_in(20, start=101, via="other")
    await rig.until(lambda: len(shop.transport.requests) > 16)
    other = rig.daemon.parts.accounts["other"]
    assert other.figures().in_flight == 3
    assert await rig.reload(http=(one,)) == ["http.other removed"]
    assert other.room == 0
    assert list(rig.daemon.parts.accounts) == ["shop"]
    assert {pool for pool, _ in rig.daemon.parts.lanes} == {
        "http:shop",
        "shop",
    }  # no others crowd it
    await rig.until(lambda: rig.of(events.LinkMissing))
    (missing,) = rig.of(events.LinkMissing)
    assert missing.link == "http:other"
    await rig.until(lambda: rig.has_results(name))
    assert rig.states()["queued"] == missing.queued
    assert rig.states()["sent"] == 40 - missing.queued
    again = shop.hand_in(1, start=201, via="other")
    await rig.until(lambda: rig.has_results(again))
    assert rig.results(again)[0]["error"]["code"] == "BAD_VIA"
    await rig.reload(http=(one, account("other", connections=3)))
    await rig.until(lambda: rig.has_results(late))
    assert rig.states() == {"sent": 40, "rejected": 1}
    assert once(shop)
    assert shop.account is same
    await rig.stop()
    assert rig.audit().ok


async def test_one_that_is_back_while_it_still_drains_begins_when_that_is_over(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, fault=[{"what": "delay", "seconds": 20.0}])
    both = (account(connections=1), account("other", connections=1))
    await shop.open(connections=1)
    await rig.reload(http=both)
    name = shop.hand_in(3, via="other")
    await rig.until(lambda: len(shop.transport.requests) == 1)
    await rig.reload(http=both[:1])
    await rig.reload(http=both)
    await trio.sleep(10)
    assert len(shop.transport.requests) == 1
    await rig.until(lambda: rig.has_results(name))
    assert rig.states() == {"sent": 3}
    assert once(shop)


async def test_the_first_account_may_come_and_the_last_go_and_the_link_does_not_notice(
    rig: Rig, autojump_clock: MockClock
) -> None:
    await rig.start()
    assert await rig.reload(
        http=(account(),), contacts=(ContactsConfig(name="crm", url="https://c.example.net"),)
    ) == ["http.shop added", "contacts.crm added"]
    assert list(rig.daemon.parts.accounts) == ["shop", "crm"]
    assert await rig.reload(http=(), contacts=()) == ["http.shop removed", "contacts.crm removed"]
    assert len(rig.of(events.LinkBound)) == 1
    assert not rig.of(events.LinkUnbound)
    rig.hand_in(rig.sms(1))
    await rig.until(lambda: rig.states() == {"sent": 1})


async def test_a_name_passes_from_an_account_to_a_link_and_each_keeps_to_its_own_queue(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, password="secret")
    rig.passwords.clear()
    await shop.open(links={"main": {}})
    await rig.command("pause", links=["shop"])
    shop.hand_in(3)
    await rig.until(lambda: rig.states() == {"queued": 3})
    (main,) = rig.daemon.config.links
    await rig.reload(http=(), links=(main, replace(main, name="shop")))
    await rig.command("resume", links=["shop"])
    rig.hand_in(rig.sms(9, via="shop"))
    await rig.until(lambda: rig.states() == {"queued": 3, "sent": 1})
    await rig.reload(http=(account(),), links=(main,))
    await rig.until(lambda: rig.states() == {"sent": 4})


# ── deliveries that are asked for ────────────────────────────────────────────────────────────


async def test_an_account_is_asked_about_deliveries_from_when_it_is_said_until_it_is_not(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig)
    await shop.open()
    asked = "sms.getdeliverystatus"
    shop.hand_in(3)
    await rig.until(lambda: rig.states() == {"sent": 3})
    await rig.reload(http=(account(status_after=60.0, delivery_status={"DELIVRD": "pending"}),))
    shop.hand_in(3, start=11)
    await rig.until(lambda: shop.transport.calls(asked).done > 1)
    await rig.reload(http=(account(),))
    before = shop.transport.calls(asked).done
    await trio.sleep(900)
    assert shop.transport.calls(asked).done == before
    await rig.reload(http=(account(status_after=60.0, delivery_status={"DELIVRD": "delivered"}),))
    await rig.until(lambda: rig.states().get("delivered") == 3)


async def test_a_question_that_waits_when_its_account_goes_is_put_again_when_that_is_back(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, fault=[{"what": "delay", "seconds": 20.0, "op": "sms.getdeliverystatus"}])
    words = {"DELIVRD": "delivered"}
    asking = account("other", status_after=60.0, status_lot=1, delivery_status=words)
    await shop.open()
    await rig.reload(http=(account(), asking))
    shop.hand_in(5, via="other")
    await rig.until(lambda: shop.transport.calls("sms.getdeliverystatus").done >= 1)
    await rig.reload(http=(account(),))
    await trio.sleep(600)
    await rig.reload(http=(account(), asking))
    await rig.until(lambda: rig.states() == {"delivered": 5})


async def test_a_question_that_was_about_to_be_put_when_its_account_went_is_put_later(
    rig: Rig, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(rig)
    asking = account(status_after=60.0, delivery_status={"DELIVRD": "delivered"})
    await shop.open(status_after=60.0, delivery_status={"DELIVRD": "delivered"})
    journal, reads = rig.daemon.parts.journal, list[int]()
    read = journal.read_messages

    async def read_while_it_goes(msg_ids: Sequence[int]) -> list[MessageRow]:
        found = await read(msg_ids)
        reads.append(len(found))
        if len(reads) == 1:
            await rig.reload(http=(account(),))
        return found

    monkeypatch.setattr(journal, "read_messages", read_while_it_goes)
    shop.hand_in(3)
    await rig.until(lambda: reads)
    await trio.sleep(100)
    assert shop.transport.calls("sms.getdeliverystatus").done == 0
    await rig.reload(http=(asking,))
    await rig.until(lambda: rig.states() == {"delivered": 3})
