"""The faults of the simulated provider: which calls they come to, what they leave done."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import httpx2
import msgspec
import pytest
import trio

from smppd.simulate.provider.script import Trouble
from tests.httpapi.simulated import SimulatedTransport, simulated

FORM = {
    "class": "sms",
    "method": "sendsms",
    "user": "a",
    "password": "b",
    "from": "A",
    "to": "34600",
}
URL = "http://provider/api/http/"


def rig(*faults: dict[str, Any], **more: Any) -> tuple[SimulatedTransport, httpx2.AsyncClient]:
    transport = simulated(http={"fault": list(faults)}, **more)
    return transport, httpx2.AsyncClient(transport=transport, timeout=10)


async def send(client: httpx2.AsyncClient, text: str = "x") -> httpx2.Response:
    return await client.post(URL, data={**FORM, "sms": text})


async def statuses(client: httpx2.AsyncClient, calls: int) -> str:
    """A letter for each call: . went well, R refused, 5 failed."""
    answers = [await send(client, str(n)) for n in range(calls)]
    return "".join(
        "5" if each.status_code == 503 else "." if each.json()["status"] == "SUCCESS" else "R"
        for each in answers
    )


async def test_a_fault_comes_to_every_so_manieth_call_of_its_operations() -> None:
    _, client = rig(
        {"what": "status", "op": "sms.*", "every": 3, "after": 1, "times": 2},
        {"what": "refuse", "op": "sms.sendsms", "every": 4},
        {"what": "status", "op": "chat.*"},
    )
    # The first strikes calls 4 and 7; the second has its turn at 4, 8 and 12, but 4 is struck.
    assert await statuses(client, 14) == "...5..5R...R.."


async def test_a_share_of_the_calls_is_the_same_with_the_same_seed() -> None:
    runs = []
    for seed in (1, 1, 2):
        _, client = rig({"what": "status", "share": 0.3}, seed=seed)
        runs.append(await statuses(client, 100))
    assert runs[0] == runs[1] != runs[2]
    assert 15 < runs[0].count("5") < 45


@pytest.mark.parametrize("what", [each for each in Trouble if each is not Trouble.REFUSE])
async def test_a_call_is_done_or_not_as_the_fault_says(
    what: Trouble, autojump_clock: object
) -> None:
    transport, client = rig({"what": what, "every": 2})
    for _ in range(2):
        with suppress(httpx2.TransportError):
            await send(client)
    calls = transport.calls("sms.sendsms")
    assert (calls.arrived, calls.done, calls.faults) == (2, 2, {what: 1})
    assert list(transport.tally.messages.values()) == [2]
    never, client = rig({"what": what, "done": False})
    with suppress(httpx2.TransportError):
        await send(client)
    calls = never.calls("sms.sendsms")
    assert (calls.arrived, calls.done, calls.refused) == (1, 0, {})
    assert not never.tally.messages


async def test_what_each_fault_looks_like_to_a_client(autojump_clock: object) -> None:
    _, client = rig(*({"what": what, "after": n, "times": 1} for n, what in enumerate(Trouble)))
    seen: dict[str, Any] = {}
    for what in Trouble:
        began = trio.current_time()
        try:
            answer = await send(client)
        except httpx2.TransportError as error:
            seen[what] = type(error)
        else:
            seen[what] = (answer.status_code, answer.headers["content-type"], answer.text[:20])
        seen[what + " took"] = trio.current_time() - began
    good = (200, "application/json", '{"status":"SUCCESS",')
    assert seen["delay"] == seen["slow"] == good
    assert seen["delay took"] == 1
    assert seen["slow took"] == pytest.approx(1)
    assert seen["lost"] is httpx2.RemoteProtocolError
    assert seen["hang"] is httpx2.ReadTimeout
    assert seen["hang took"] == 10
    assert seen["refuse"] == (200, "application/json", '{"status":"ERROR","e')
    assert seen["status"] == (503, "text/plain", "Service Unavailable\n")
    assert seen["html"][1:] == ("text/html; charset=utf-8", "<!DOCTYPE html><html")
    assert seen["empty"] == (200, "application/json", "")
    assert seen["broken"] == good
    assert seen["say"] == (200, "application/json", "")
    assert seen["cut"] is httpx2.RemoteProtocolError


async def test_broken_json_is_no_json() -> None:
    _, client = rig({"what": "broken"})
    answer = await send(client)
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(answer.content)


async def test_an_answer_may_be_anything() -> None:
    body = '\ufeff{"status":"ERROR","error":["A","B"]}'
    transport, client = rig({"what": "say", "body": body})
    answer = await send(client)
    assert answer.content == body.encode()
    assert transport.calls("sms.sendsms").done == 1


async def test_a_status_may_be_any_and_a_redirection_leads_nowhere() -> None:
    _, client = rig(
        {"what": "status", "status": 502, "times": 1}, {"what": "status", "status": 307}
    )
    assert (await send(client)).status_code == 502
    answer = await send(client)
    assert (answer.status_code, answer.headers["location"]) == (307, "http://127.0.0.1:1/")


async def test_the_second_api_has_them_too() -> None:
    transport, client = rig(
        {"what": "refuse", "op": "contacts.*", "code": "no", "times": 1},
        {"what": "status", "op": "contacts.new", "times": 1, "done": False},
        {"what": "html", "op": "contacts.new"},
    )
    headers = {"authorization": "Bearer x"}
    answers = [
        await client.post(
            "http://provider/v1/api/contact/new",
            json={"group_id": 1, "phone_number": "1"},
            headers=headers,
        )
        for _ in range(3)
    ]
    assert [each.status_code for each in answers] == [400, 503, 200]
    assert answers[0].json() == {"status": "error", "message": "no"}
    assert transport.calls("contacts.new").done == 1
