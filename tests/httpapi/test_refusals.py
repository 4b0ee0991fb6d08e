"""Each documented error code, from a line of the spool to its result: what is about one call fails
that call with code and meaning, what is about the account pauses it and fails nothing."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from smppd import events
from smppd.provider.answers import stops_account
from smppd.provider.catalogue import OPERATIONS
from tests.httpapi.test_daemon import Shop
from tests.httpapi.test_documented import SCRIPT, WHOLE
from tests.pitfalls.conftest import rig
from tests.pitfalls.rig import Rig
from tests.provider.facts import FACTS

__all__ = ["rig"]

FIRST = FACTS["operations"]
#: Every code of every operation with its meaning. What deletes a group comes last.
CODES = [
    (name, code, text)
    for name in sorted(FIRST, key=lambda name: name == "group.deletegroup")
    for code, text in {**FACTS["common_errors"], **FIRST[name]["errors"]}.items()
]
OF_CALLS = [each for each in CODES if not stops_account(each[1])]
OF_ACCOUNTS = [each for each in CODES if stops_account(each[1])]


def line(name: str, number: int) -> dict[str, Any]:
    confirm = {"confirm": True} if OPERATIONS[name].confirm else {}
    return {"op": name, "args": WHOLE[name], "id": f"c{number}", **confirm}


def shop_that_refuses(rig: Rig, refusals: list[tuple[str, str, str]]) -> Shop:
    """One whose provider refuses calls of each operation with these codes, one after the other."""
    faults = [{"what": "refuse", "op": op, "code": code, "times": 1} for op, code, _ in refusals]
    return Shop(rig, fault=faults, group=SCRIPT["http"]["group"])


async def test_what_is_about_a_call_fails_it_with_code_and_meaning(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = shop_that_refuses(rig, OF_CALLS)
    await shop.open(connections=1)
    name = rig.hand_in(*(line(op, number) for number, (op, _, _) in enumerate(OF_CALLS)))
    await rig.until(lambda: rig.has_results(name))

    assert rig.states() == {"failed": len(OF_CALLS)}
    found = [(each["op"], each["error"]) for each in rig.results(name)]
    for (op, error), (wanted, code, text) in zip(found, OF_CALLS, strict=True):
        assert (op, error["code"], error["text"]) == (wanted, code, text)
    assert len(shop.transport.requests) == len(OF_CALLS)
    assert not rig.of(events.LinkPaused)
    assert not rig.of(events.CodeUndocumented)
    assert rig.audit().ok


async def test_what_is_about_the_account_pauses_it_and_fails_nothing(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = shop_that_refuses(rig, OF_ACCOUNTS)
    await shop.open(connections=1)
    operations = list(dict.fromkeys(op for op, _, _ in OF_ACCOUNTS))
    name = rig.hand_in(*(line(op, number) for number, op in enumerate(operations)))
    for count, (_, code, text) in enumerate(OF_ACCOUNTS, 1):
        await rig.until(lambda count=count: len(rig.of(events.LinkPaused)) == count)  # type: ignore[misc]
        paused = rig.of(events.LinkPaused)[-1]
        assert f"{code} ({text})" in paused.reason
        assert rig.states().get("failed", 0) == 0
        await rig.command("resume", links=["shop"])
    await rig.until(lambda: rig.has_results(name))

    assert rig.states() == {"sent": len(operations)}
    assert {each["attempts"] for each in rig.results(name)} == {1}
    assert len(shop.transport.requests) == len(OF_ACCOUNTS) + len(operations)
    assert rig.audit().ok


@pytest.mark.parametrize("op", ["sms.sendsms", "sms.sendsmstogroup", "chat.getchats"])
async def test_a_code_that_no_document_has_is_passed_on(
    rig: Rig, autojump_clock: MockClock, op: str
) -> None:
    shop = shop_that_refuses(rig, [(op, "QUITE_NEW", "")])
    await shop.open()
    name = rig.hand_in(line(op, 1))
    await rig.until(lambda: rig.has_results(name))

    [result] = rig.results(name)
    assert (result["state"], result["error"]["code"]) == ("failed", "QUITE_NEW")
    assert [each.code for each in rig.of(events.CodeUndocumented)] == ["QUITE_NEW"]


@pytest.mark.parametrize(
    ("op", "param"),
    [(op, each.name) for op in FIRST for each in OPERATIONS[op].params if each.required],
)
async def test_a_missing_parameter_is_refused_by_name_without_a_request(
    rig: Rig, autojump_clock: MockClock, op: str, param: str
) -> None:
    shop = Shop(rig)
    await shop.open()
    asked = line(op, 1)
    asked["args"] = {each: value for each, value in WHOLE[op].items() if each != param}
    name = rig.hand_in(asked)
    await rig.until(lambda: rig.has_results(name))

    [result] = rig.results(name)
    assert result["state"] == "rejected"
    assert result["error"]["text"].startswith(f"args: {param}: missing, and {op} needs it")
    assert not shop.transport.requests
