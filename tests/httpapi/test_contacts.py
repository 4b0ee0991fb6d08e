"""The client of the second API: JSON, a token of its own, and nothing of the first one's."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from smppd.config.accounts import ContactsConfig, HttpConfig
from smppd.httpapi.client import ProviderClient
from smppd.httpapi.contacts import ContactsClient
from smppd.provider.answers import Answer, Failure, NoAnswer, Success
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.checking import check
from tests.httpapi.wire import End, Say, Server, ok, serving
from tests.provider.facts import FACTS

TOKEN, USER, PASSWORD = "token-of-contacts", "user-of-sms", "password-of-sms"


def config(server: Server) -> ContactsConfig:
    return ContactsConfig(name="crm", url=f"http://127.0.0.1:{server.port}", timeout=5.0)


async def call(server: Server, name: str, **given: object) -> Answer:
    made = ContactsClient(config(server), TOKEN)
    params = check(OPERATIONS[name], given)
    assert isinstance(params, dict), params
    try:
        return await made.call(OPERATIONS[name], params)
    finally:
        await made.aclose()


@pytest.mark.parametrize("name", FACTS["contacts"])
async def test_each_call_is_the_documented_one(name: str) -> None:
    facts = FACTS["contacts"][name]
    given = {
        each: about["example"] for each, about in facts["params"].items() if "example" in about
    }
    reply = json.dumps(facts["response"]).encode()

    async with serving(Say(ok(reply))) as server:
        answer = await call(server, name, **given)

    assert isinstance(answer, Success)
    assert json.loads(answer.result) == facts["response"]["result"]
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"POST {facts['path']} HTTP/1.1"
    assert f"Authorization: Bearer {TOKEN}" in lines
    assert "Content-Type: application/json" in lines
    # Types as well: an id is a text in one call and a number in another.
    assert json.loads(body) == given
    for each, value in json.loads(body).items():
        wanted: dict[str, type] = {"integer": int, "string": str}
        assert type(value) is wanted[facts["params"][each]["type"]]


async def test_text_is_utf_8() -> None:
    async with serving() as server:
        await call(server, "contacts.new", group_id=1, phone_number="1", last_name="Ñañez + 漢")

    body = server.requests[0].partition(b"\r\n\r\n")[2]
    assert "Ñañez + 漢".encode() in body
    assert json.loads(body)["last_name"] == "Ñañez + 漢"


async def test_an_id_keeps_every_digit() -> None:
    result = b'{"status":"success","result":{"id":9007199254740993}}'
    async with serving(Say(ok(result))) as server:
        answer = await call(server, "contacts.delete", id="9007199254740993")

    assert server.requests[0].endswith(b'{"id": 9007199254740993}')
    assert answer == Success(b'{"id":9007199254740993}')


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("401 Unauthorized", b'{"message":"Unauthenticated."}', "HTTP_401"),
        ("404 Not Found", b"<html>Not found</html>", "WRONG_URL"),
        ("404 Not Found", b'{"status":"error","message":"no such contact"}', "HTTP_404"),
        ("422 Unprocessable Content", b'{"errors":{"id":["unknown"]}}', "HTTP_422"),
        ("200 OK", b'{"status":"error","error":"CONTACT_UNKNOWN"}', "CONTACT_UNKNOWN"),
    ],
)
async def test_refusals_that_no_document_tells_of_keep_their_words(
    status: str, body: bytes, code: str
) -> None:
    async with serving(Say(ok(body, status))) as server:
        answer = await call(server, "contacts.detail", id="1")

    assert isinstance(answer, Failure)
    assert answer.code == code
    if body.startswith(b"{") and code.startswith("HTTP_"):
        assert body.decode() in answer.text


@pytest.mark.parametrize("end", [End.CLOSE, End.RESET])
async def test_what_may_have_arrived_is_not_sent_again(end: End) -> None:
    async with serving(Say(end=end)) as server:
        answer = await call(server, "contacts.new", group_id=1, phone_number="1")

    assert isinstance(answer, NoAnswer)
    assert answer.sent
    assert len(server.requests) == 1


@pytest.mark.parametrize("auth", ["form", "basic"])
async def test_the_credentials_of_the_two_never_meet(auth: Any) -> None:
    async with serving() as first, serving() as second:
        provider = ProviderClient(
            HttpConfig(name="main", url=first.url, user=USER, auth=auth), PASSWORD
        )
        contacts = ContactsClient(config(second), TOKEN)
        for name, operation in OPERATIONS.items():
            given = {each.name: each.example for each in operation.params if each.example}
            params = check(operation, given)
            assert isinstance(params, dict)
            ours, other = provider, contacts
            if name.startswith("contacts."):
                ours, other = contacts, provider  # type: ignore[assignment]
            assert await ours.call(operation, params) == Success(b"null")
            with pytest.raises(ValueError, match="not of this API"):
                await other.call(operation, params)
        for each in (provider, contacts):
            await each.aclose()

    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode())
    of_first, of_second = b"".join(first.requests), b"".join(second.requests)
    assert (len(first.requests), len(second.requests)) == (23, 4)
    assert TOKEN.encode() not in of_first
    assert b"bearer" not in of_first.lower()
    for secret in (PASSWORD.encode(), USER.encode(), pair, b"Basic "):
        assert secret not in of_second
    assert of_first.count(pair if auth == "basic" else PASSWORD.encode()) == 23
    assert of_second.count(TOKEN.encode()) == 4


async def test_a_token_that_an_answer_repeats_is_not_shown() -> None:
    body = f'{{"message":"no such token: {TOKEN}"}}'.encode()
    async with serving(Say(ok(body, "401 Unauthorized"))) as server:
        answer = await call(server, "contacts.detail", id="1")

    assert isinstance(answer, Failure)
    assert answer.code == "HTTP_401"
    assert TOKEN not in repr(answer)


async def test_a_token_may_be_renewed_and_neither_is_shown() -> None:
    bodies = [f'{{"message":"no such token: {each}"}}'.encode() for each in (TOKEN, "newer-token")]
    async with serving(*(Say(ok(each, "401 Unauthorized")) for each in bodies)) as server:
        client = ContactsClient(config(server), TOKEN)
        answers = [await client.call(OPERATIONS["contacts.detail"], {"id": "1"})]
        client.renew("newer-token")
        answers.append(await client.call(OPERATIONS["contacts.detail"], {"id": "1"}))
        await client.aclose()

    first, second = server.requests
    assert TOKEN.encode() in first
    assert TOKEN.encode() not in second
    assert b"Bearer newer-token" in second
    assert TOKEN not in repr(answers)
    assert "newer-token" not in repr(answers)
