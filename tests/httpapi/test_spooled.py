"""Lines of the spool all the way to a simulated provider: every operation, every shorthand, every
documented error; and what is wrong in itself, which never gets there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from trio.testing import MockClock

from smppd import events
from smppd.config import ContactsConfig
from smppd.provider.answers import stops_account
from smppd.provider.catalogue import COMMON_ERRORS, OPERATIONS
from smppd.provider.operation import Api, Operation
from smppd.simulate.provider.wire import Request
from tests.httpapi.test_daemon import Shop
from tests.pitfalls.conftest import rig
from tests.pitfalls.rig import Rig

__all__ = ["rig"]

BOOK = ContactsConfig(name="book", url="https://book.example.net")
FIRST = [each for each in OPERATIONS.values() if each.api is Api.PROVIDER]
GROUP = {
    "id": "7",
    "fields": ["mobile", "name"],
    "contacts": [{"mobile": "34600000001", "name": "Ana"}, {"mobile": "34600000002"}],
}
#: What is added to every request.
_OURS = {"class", "method", "user", "password"}


def example(operation: Operation, **fields: Any) -> dict[str, Any]:
    """The line that asks for an operation with the parameters of the documents."""
    args = {each.name: each.example for each in operation.params if each.required}
    return {"op": operation.name, "args": args, "confirm": operation.confirm, **fields}


def asked(request: Request) -> dict[str, str]:
    """The parameters of an operation, as the provider got them."""
    given = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    return {name: value for name, value in given.items() if name not in _OURS}


async def test_every_operation_may_be_a_line(rig: Rig, autojump_clock: MockClock) -> None:
    shop = Shop(rig)
    rig.passwords["book"] = "token"
    await shop.open(sections={"contacts": (BOOK,)})
    name = rig.hand_in(*(example(each, id=each.name) for each in OPERATIONS.values()))
    await rig.until(lambda: rig.has_results(name))
    results = {line["id"]: line for line in rig.results(name)}
    assert set(results) == set(OPERATIONS)
    for operation in OPERATIONS.values():
        line = results[operation.name]
        assert line["op"] == operation.name
        assert line["link"] == ("shop" if operation.api is Api.PROVIDER else "book")
        assert line["state"] in ("sent", "failed"), line
        if line["state"] == "failed":
            assert line["error"]["code"] in {**operation.errors, "HTTP_404": ""}, line
    assert {name for name in OPERATIONS if shop.transport.calls(name).arrived == 1} >= {
        each.name for each in FIRST
    }


async def test_every_documented_error_is_in_the_result_with_its_meaning(
    rig: Rig, autojump_clock: MockClock
) -> None:
    errors = [
        (operation, code, text)
        for operation in FIRST
        for code, text in {**operation.errors, **COMMON_ERRORS}.items()
        if not stops_account(code)
    ]
    faults = [
        {"what": "refuse", "op": each.name, "code": code, "times": 1} for each, code, _ in errors
    ]
    shop = Shop(rig, fault=faults)
    await shop.open(connections=1)
    name = rig.hand_in(*(example(each, id=f"{each.name} {code}") for each, code, _ in errors))
    await rig.until(lambda: rig.has_results(name))
    results = rig.results(name)
    assert len(results) == len(errors) > 50
    for line, (operation, code, text) in zip(results, errors, strict=True):
        assert (line["id"], line["state"]) == (f"{operation.name} {code}", "failed")
        assert line["error"] == {"code": code, "text": text}
    assert not rig.of(events.LinkPaused)
    assert rig.audit().ok


async def test_every_code_about_the_account_stops_it_and_fails_nothing(
    rig: Rig, autojump_clock: MockClock
) -> None:
    codes = [code for code in (*COMMON_ERRORS, "NO_CREDITS") if stops_account(code)]
    assert len(codes) == 8
    faults = [{"what": "refuse", "op": "sms.*", "code": code, "times": 1} for code in codes]
    shop = Shop(rig, fault=faults)

    def paused(times: int) -> bool:
        return len(rig.of(events.LinkPaused)) == times

    await shop.open(connections=1)
    shop.hand_in(2)
    for number, code in enumerate(codes, 1):
        await rig.until(partial(paused, number))
        assert code in rig.of(events.LinkPaused)[-1].reason
        assert rig.states() == {"queued": 2}
        await rig.command("resume", links=["shop"])
    await rig.until(lambda: rig.states() == {"sent": 2})
    assert len(shop.transport.requests) == len(codes) + 2


async def test_a_code_that_nobody_documented_is_passed_on(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, fault=[{"what": "refuse", "code": "OUT_OF_PAPER", "times": 1}])
    await shop.open(connections=1)
    name = shop.hand_in(2)
    await rig.until(lambda: rig.has_results(name))
    first, second = rig.results(name)
    assert (first["state"], first["error"]["code"]) == ("failed", "OUT_OF_PAPER")
    assert second["state"] == "sent"


async def test_nothing_that_lacks_a_compulsory_parameter_gets_there(
    rig: Rig, autojump_clock: MockClock
) -> None:
    lacking: list[Mapping[str, Any]] = []
    names: list[str] = []
    for operation in OPERATIONS.values():
        for param in operation.params:
            if param.required:
                line = example(operation)
                del line["args"][param.name]
                lacking.append(line)
                names.append(param.name)
    shop = Shop(rig)
    rig.passwords["book"] = "token"
    await shop.open(sections={"contacts": (BOOK,)})
    name = rig.hand_in(*lacking)
    await rig.until(lambda: rig.has_results(name))
    for result, missing in zip(rig.results(name), names, strict=True):
        assert (result["state"], result["error"]["code"]) == ("rejected", "MISSING_ARG")
        assert result["error"]["text"].startswith(f"args: {missing}: missing")
    assert len(names) > 40
    assert shop.transport.requests == []


async def test_shorthands_become_their_operations(rig: Rig, autojump_clock: MockClock) -> None:
    shop = Shop(rig, group=[GROUP])
    await shop.open(connections=1, from_="ACME", default_country="34")
    name = rig.hand_in(
        {"to": ["600 000 001", "+351600000002"], "template": 1000, "params": {"name": "Ana ñ+&€"}},
        {"group": 7, "text": "Hola\n¿qué?", "from": "Shop"},
        {"group": "7", "template": "1000", "country": "351"},
        {"to": "+34600000009", "text": "plain + & €"},
        {"to": "+34600000009", "text": "the account's", "via": "http", "from": "+34600000000"},
    )
    await rig.until(lambda: rig.has_results(name))
    assert [asked(request) for request in shop.transport.requests] == [
        {"to": "34600000001", "idtemplate": "1000", "params": "name:Ana ñ+&€"},
        {"to": "351600000002", "idtemplate": "1000", "params": "name:Ana ñ+&€"},
        {"from": "Shop", "countrycode": "34", "idgroup": "7", "sms": "Hola\n¿qué?"},
        {"countrycode": "351", "idgroup": "7", "idtemplate": "1000"},
        {"from": "ACME", "to": "34600000009", "sms": "plain + & €"},
        {"from": "34600000000", "to": "34600000009", "sms": "the account's"},
    ]
    results = rig.results(name)
    assert {line["state"] for line in results} == {"sent"}
    assert [(line["line"], line["op"]) for line in results] == [
        *[(1, "sms.sendsmsfromtemplate")] * 2,
        *[(2, "sms.sendsmstogroup")] * 2,
        *[(3, "sms.sendsmstogroupfromtemplate")] * 2,
        *((4, "sms.sendsms"), (5, "sms.sendsms")),
    ]
    to_group = [line["to"] for line in results if line["line"] == 2]
    assert to_group == ["34600000001", "34600000002"]
    assert len({message_id for line in results for message_id in line["message_ids"]}) == 8


async def test_an_operation_may_be_a_document_of_its_own(
    rig: Rig, autojump_clock: MockClock
) -> None:
    shop = Shop(rig, group=[GROUP])
    await shop.open()
    contacts = [{"mobile": f"346{n:08d}", "name": "Ana, Eva: y más"} for n in range(2000)]
    line = {"op": "group.addcontactlist", "args": {"idgroup": 7, "contacts": contacts}}
    name = rig.hand_in(json.dumps(line, indent=1).encode(), name="load.json")
    await rig.until(lambda: rig.has_results(name))
    (result,) = rig.results(name)
    assert (result["state"], result["error"]) == ("sent", None)
    (request,) = shop.transport.requests
    assert json.loads(asked(request)["contacts"]) == contacts
