"""Everything that the documents tell of, through the clients, against the simulated provider: every
operation, parameter, field of an answer and error code of `tests/provider/facts.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from smppd.config.accounts import ContactsConfig, HttpConfig
from smppd.httpapi.client import ProviderClient
from smppd.httpapi.contacts import ContactsClient
from smppd.provider import results
from smppd.provider.answers import Answer, Failure, NoAnswer, Success
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.chat import read_channels, read_messages
from smppd.provider.checking import check
from smppd.provider.operation import Operation, Value
from tests.httpapi.simulated import SimulatedTransport, simulated
from tests.provider.facts import FACTS

FIRST, SECOND = FACTS["operations"], FACTS["contacts"]
USER, PASSWORD, TOKEN = "acme", "secret-of-sms", "secret-of-contacts"

SCRIPT: dict[str, Any] = {
    "http": {
        "user": USER,
        "password": PASSWORD,
        "token": TOKEN,
        "books": [1, 2],
        "balance": 5,
        "no_route": ["999"],
        "group": [
            {
                "id": "7",
                "fields": ["mobile", "name"],
                "contacts": [
                    {"mobile": "34600000001", "name": "Ana"},
                    {"mobile": "34600000002", "name": "Eva"},
                ],
            }
        ],
    },
    "chat": {
        "letter": [
            {"platform": "whatsapp", "platformid": "100", "source": "34600000001", "text": "Hi"}
        ]
    },
}

SCHEDULED = {"scheduledatetime": "2030-01-31 09:30:00", "output": "json"}
CHANNEL = {"platform": "whatsapp", "platformid": "100"}
CHAT = {**CHANNEL, "destination": "34600000001"}

#: One call of each operation, with every parameter that it has.
WHOLE: Mapping[str, Mapping[str, object]] = {
    "sms.sendsms": {"from": "ACME", "to": "+34600000001", "sms": "1 + 1 & ñ 😀", **SCHEDULED},
    "sms.sendsmsfromtemplate": {
        "to": "34600000001",
        "idtemplate": 1000,
        "params": {"name": "Ana", "code": "7 + 1"},
        **SCHEDULED,
    },
    "sms.sendsmstogroup": {
        "from": "ACME",
        "countrycode": "34",
        "idgroup": 7,
        "sms": "Hola",
        **SCHEDULED,
    },
    "sms.sendsmstogroupfromtemplate": {
        "countrycode": "34",
        "idgroup": "7",
        "idtemplate": "1000",
        **SCHEDULED,
    },
    "sms.getdeliverystatus": {"messages": ["1", 2, "3"], "output": "json"},
    "group.creategroup": {"name": "Friends & family", "type": "mobile", "fields": "mobile,name"},
    "group.getgroupcolumns": {"idgroup": "7"},
    "group.addcolumntogroup": {"idgroup": "7", "field": "town"},
    "group.deletecolumnfromgroup": {"idgroup": "7", "field": "name"},
    "group.deletegroup": {"idgroup": "7"},
    "group.assigncountrytogroup": {"idgroup": "7", "countryiso3": "esp"},
    "group.getcontacts": {"idgroup": "7"},
    "group.getcontact": {"idgroup": "7", "idcontact": "1"},
    "group.addcontact": {"idgroup": "7", "contact": "mobile:34600000009,name:Zoe"},
    "group.addcontactlist": {
        "idgroup": "7",
        "contacts": [{"mobile": "34600000009", "name": "Zoe, the: second"}],
    },
    "group.modifycontact": {"idgroup": "7", "idcontact": "1", "contact": {"name": "Anna"}},
    "group.deletecontact": {"idgroup": "7", "idcontact": "1"},
    "chat.getchatchannels": {},
    "chat.sendmessage": {**CHAT, "message": "Hola\n+1"},
    "chat.sendfile": {
        **CHAT,
        "type": "image",
        "fileurl": "https://www.example.com/image.jpg?a=1&b=2",
        "thumburl": "https://www.example.com/thumb.jpg",
        "message": "look",
    },
    "chat.getchats": CHANNEL,
    "chat.getmessages": CHAT,
    "chat.getunreadmessages": CHAT,
}

#: What is changed in a call so that the provider refuses it with each error of its own. What our
#: own check would refuse first goes to the client all the same.
REFUSED: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "sms.sendsms": {"NO_ROUTE_AVAILABLE": {"to": "999000001"}, "NO_CREDITS": {"sms": "x" * 2000}},
    "sms.sendsmsfromtemplate": {
        "NO_ROUTE_AVAILABLE": {"to": "999000001"},
        "NO_CREDITS": {"params": "name:" + "x" * 2000},
        "NOT_ACCESS_TO_TEMPLATE": {"idtemplate": "1001"},
    },
    "sms.sendsmstogroup": {"NO_CREDITS": {"sms": "x" * 2000}},
    "group.creategroup": {
        "INCORRECT_TYPE": {"type": "fax"},
        "MISSING_MAIN_FIELD": {"fields": "name"},
    },
    "group.assigncountrytogroup": {"COUNTRY_NOT_FOUND": {"countryiso3": "xyz"}},
    "group.getcontact": {"NOT_ACCESS_TO_CONTACT": {"idcontact": "9"}},
    "group.addcontact": {"CONTACT_EXISTS": {"contact": "mobile:34600000001"}},
    "chat.sendfile": {
        "CHAT_NOT_FOUND": {"destination": "34600000002"},
        "INCORRECT_FILETYPE": {"type": "spreadsheet"},
        "INCORRECT_FILEURL": {"fileurl": "file:///etc/passwd"},
        "INCORRECT_THUMBURL": {"thumburl": "thumb.jpg"},
    },
    "chat.getmessages": {"CHAT_NOT_FOUND": {"destination": "34600000002"}},
    "chat.getunreadmessages": {"CHAT_NOT_FOUND": {"destination": "34600000002"}},
}
EVERYWHERE = {"NOT_ACCESS_TO_GROUP": {"idgroup": "9"}, "CHANNEL_NOT_FOUND": {"platformid": "9"}}
#: What the simulated provider has no occasion for, and says when it is told to.
BY_RULE = {
    ("sms.sendsmstogroupfromtemplate", "NO_CREDITS"),
    ("chat.getchats", "CHAT_NOT_FOUND"),
    ("chat.getchatchannels", "MISSING_COMPULSORY_PARAM"),
}

OWN = [(name, code) for name, facts in FIRST.items() for code in facts["errors"]]
COMMON = [(name, code) for name in FIRST for code in FACTS["common_errors"]]


def params_of(name: str) -> dict[str, Value]:
    params = check(OPERATIONS[name], WHOLE[name])
    assert isinstance(params, dict), params
    return params


async def call(
    transport: SimulatedTransport,
    operation: Operation,
    params: Mapping[str, Value],
    **account: str,
) -> Answer:
    """Once over the first API; `account` may have another `user`, `password` or `auth`."""
    told: dict[str, Any] = {"user": USER, **account}
    password = told.pop("password", PASSWORD)
    config = HttpConfig(name="main", url="https://api.example.net/api/http/", **told)
    return await ProviderClient(config, password, transport).call(operation, params)


def test_every_operation_has_a_call_with_every_parameter() -> None:
    assert list(WHOLE) == list(FIRST)
    for name, given in WHOLE.items():
        assert set(given) == set(FIRST[name]["params"])


@pytest.mark.parametrize("auth", ["form", "basic"])
@pytest.mark.parametrize("name", FIRST)
@pytest.mark.parametrize("envelope", ["SUCCESS", "success"])
async def test_an_operation(name: str, auth: str, envelope: str) -> None:
    facts = FIRST[name]
    http = {**SCRIPT["http"], "envelope": envelope}
    transport = simulated(**{**SCRIPT, "http": http})
    params = params_of(name)

    answer = await call(transport, OPERATIONS[name], params, auth=auth)

    assert isinstance(answer, Success), answer
    assert transport.calls(name).done == 1
    [request] = transport.requests
    fields = dict(parse_qsl(request.body.decode(), strict_parsing=True))
    class_, _, method = name.partition(".")
    credentials = {"user": USER, "password": PASSWORD} if auth == "form" else {}
    assert fields == {"class": class_, "method": method, **credentials, **params}
    assert set(fields) - {"class", "method", "user", "password"} == set(facts["params"])

    result = json.loads(answer.result)
    documented = facts["answer"]
    if "container" in documented:
        assert result["list"]
        assert all(set(each) == set(documented["fields"]) for each in result["list"])
    elif documented["kind"] == "object":
        first = result[0] if isinstance(result, list) else result
        assert {*documented["fields"], *documented.get("nested", ())} <= set(first)


async def done(name: str, **script: Any) -> bytes:
    answer = await call(simulated(**{**SCRIPT, **script}), OPERATIONS[name], params_of(name))
    assert isinstance(answer, Success), answer
    return answer.result


@pytest.mark.parametrize("ids", ["text", "number"])
class TestFieldsOfAnswers:
    """Each documented field, read into types; ids by number and by text alike."""

    def script(self, ids: str) -> dict[str, Any]:
        return {"http": {**SCRIPT["http"], "ids": ids}}

    @pytest.mark.parametrize("name", ["sms.sendsms", "sms.sendsmsfromtemplate"])
    async def test_of_a_single_send(self, name: str, ids: str) -> None:
        result = await done(name, **self.script(ids))

        sent = results.sent_sms(result)
        assert sent.messageid.isdecimal()
        assert float(sent.credits) > 0
        assert [each.message_id for each in results.taken(OPERATIONS[name], result)] == [
            sent.messageid
        ]

    @pytest.mark.parametrize("name", ["sms.sendsmstogroup", "sms.sendsmstogroupfromtemplate"])
    async def test_of_a_group_send(self, name: str, ids: str) -> None:
        result = await done(name, **self.script(ids))

        sent = results.group_send(result)
        assert sent.id.isdecimal()
        assert sent.count == "2"
        assert float(sent.credits) > 0
        assert [each.to for each in sent.destinations] == ["34600000001", "34600000002"]
        assert len({each.message_id for each in sent.destinations}) == 2
        assert results.taken(OPERATIONS[name], result) == sent.destinations

    @pytest.mark.parametrize("form", ["one", "list", "map"])
    async def test_of_delivery_status(self, ids: str, form: str) -> None:
        script = self.script(ids)
        script["http"]["status_form"] = form
        transport = simulated(**{**SCRIPT, **script})
        sms = {"from": "ACME", "to": "34600000001", "sms": "Hola"}
        asked = []
        for _ in range(2):
            answer = await call(transport, OPERATIONS["sms.sendsms"], sms)
            assert isinstance(answer, Success)
            asked.append(results.sent_sms(answer.result).messageid)

        for lot in (asked, asked[:1]):
            params = check(OPERATIONS["sms.getdeliverystatus"], {"messages": lot})
            assert isinstance(params, dict)
            answer = await call(transport, OPERATIONS["sms.getdeliverystatus"], params)
            assert isinstance(answer, Success)
            found = results.statuses(answer.result)
            assert [each.messageid for each in found] == lot
            for status in found:
                assert all(asdict(status).values())

    async def test_of_channels(self, ids: str) -> None:
        [first, *_] = read_channels(await done("chat.getchatchannels", **self.script(ids)))
        assert all(first)

    @pytest.mark.parametrize(
        "name", ["chat.getchats", "chat.getmessages", "chat.getunreadmessages"]
    )
    async def test_of_chats(self, name: str, ids: str) -> None:
        [message] = read_messages(await done(name, **self.script(ids))).messages
        assert (message.platform, message.platformid) == ("whatsapp", "100")
        assert (message.destination, message.text, message.ours) == ("34600000001", "Hi", False)
        assert message.messageid
        assert message.status
        assert message.datetime


# ── errors ───────────────────────────────────────────────────────────────────────────────────


def refused_by(name: str, code: str) -> Mapping[str, str]:
    change = REFUSED.get(name, {}).get(code) or EVERYWHERE.get(code)
    assert change is not None, "nothing makes the provider refuse with this"
    return change


def meant(name: str, code: str) -> Failure:
    text = (FACTS["common_errors"] | FIRST[name]["errors"])[code]
    return Failure(code, text)


@pytest.mark.parametrize(("name", "code"), sorted(set(OWN) - BY_RULE))
async def test_an_error_of_an_operation(name: str, code: str) -> None:
    transport = simulated(**SCRIPT)
    params = {**params_of(name), **refused_by(name, code)}

    assert await call(transport, OPERATIONS[name], params) == meant(name, code)
    assert transport.calls(name).refused == {code: 1}
    assert not transport.tally.messages


async def _common(transport: SimulatedTransport, name: str, code: str) -> Answer:
    operation, params = OPERATIONS[name], params_of(name)
    class_, _, method = name.partition(".")
    renamed = {
        "MISSING_CLASS": f".{method}",
        "MISSING_METHOD": class_,
        "INCORRECT_CLASS": f"fax.{method}",
        "INCORRECT_METHOD": f"{class_}.sendfax",
    }
    if code in renamed:
        return await call(transport, replace(operation, name=renamed[code]), params)
    if code == "MISSING_COMPULSORY_PARAM":
        return await call(transport, operation, {})
    account = {
        "MISSING_USER": {"user": ""},
        "MISSING_PASSWORD": {"password": ""},
        "INCORRECT_USER_PASSWORD": {"password": "wrong"},
    }
    return await call(transport, operation, params, **account[code])


@pytest.mark.parametrize(("name", "code"), [each for each in COMMON if each not in BY_RULE])
async def test_an_error_that_all_have(name: str, code: str) -> None:
    transport = simulated(**SCRIPT)

    assert await _common(transport, name, code) == meant(name, code)
    assert not transport.tally.messages
    assert not transport.calls(name).done


@pytest.mark.parametrize(("name", "code"), sorted(BY_RULE))
async def test_an_error_without_an_occasion(name: str, code: str) -> None:
    fault = {"what": "refuse", "op": name, "code": code}
    transport = simulated(**{**SCRIPT, "http": {**SCRIPT["http"], "fault": [fault]}})

    assert await call(transport, OPERATIONS[name], params_of(name)) == meant(name, code)


@pytest.mark.parametrize("name", FIRST)
async def test_an_error_that_no_document_has(name: str) -> None:
    fault = {"what": "refuse", "op": name, "code": "QUITE_NEW"}
    transport = simulated(**{**SCRIPT, "http": {**SCRIPT["http"], "fault": [fault]}})

    assert await call(transport, OPERATIONS[name], params_of(name)) == Failure("QUITE_NEW")


# ── faults ───────────────────────────────────────────────────────────────────────────────────

FAULTS: list[dict[str, Any]] = [
    {"what": "lost"},
    {"what": "hang"},
    {"what": "status", "status": 500},
    {"what": "status", "status": 503},
    {"what": "html"},
    {"what": "empty"},
    {"what": "broken"},
    {"what": "cut"},
    {"what": "slow", "seconds": 100},
    {"what": "delay", "seconds": 100},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: "-".join(map(str, each.values())))
@pytest.mark.parametrize("name", ["sms.sendsms", "chat.sendmessage", "sms.getdeliverystatus"])
async def test_a_fault_is_no_answer_and_no_second_request(
    name: str, fault: dict[str, Any], autojump_clock: object
) -> None:
    del autojump_clock
    transport = simulated(**{**SCRIPT, "http": {**SCRIPT["http"], "fault": [fault]}})

    answer = await call(transport, OPERATIONS[name], params_of(name))

    assert isinstance(answer, NoAnswer), answer
    assert answer.sent
    assert len(transport.requests) == 1


async def test_nobody_to_connect_to() -> None:
    transport = simulated(**SCRIPT)
    transport.up = False

    answer = await call(transport, OPERATIONS["sms.sendsms"], params_of("sms.sendsms"))

    assert isinstance(answer, NoAnswer)
    assert not answer.sent


# ── the second API ───────────────────────────────────────────────────────────────────────────


PERSON = {each: f"{each} ñ" for each in SECOND["contacts.new"]["params"]}
PERSON |= {"phone_number": "0412345678"}


class TestContacts:
    def made(self, transport: SimulatedTransport, token: str = TOKEN) -> ContactsClient:
        config = ContactsConfig(name="crm", url="https://crm.example.net")
        return ContactsClient(config, token, transport)

    async def call(self, transport: SimulatedTransport, name: str, **given: object) -> Answer:
        params = check(OPERATIONS[name], given)
        assert isinstance(params, dict), params
        return await self.made(transport).call(OPERATIONS[name], params)

    async def test_every_operation_parameter_and_field(self) -> None:
        transport = simulated(**SCRIPT)
        for name, given in (
            ("contacts.new", {**PERSON, "group_id": 1}),
            ("contacts.edit", {**PERSON, "id": "1", "group_id": "2", "company": "Ünïted"}),
        ):
            assert set(given) == set(SECOND[name]["params"])
            answer = await self.call(transport, name, **given)
            assert isinstance(answer, Success), answer
            assert str(json.loads(answer.result)["id"]) == "1"

        answer = await self.call(transport, "contacts.detail", id=1)
        assert isinstance(answer, Success)
        documented = SECOND["contacts.detail"]["response"]["result"]["contact"]
        assert set(json.loads(answer.result)["contact"]) == set(documented)
        found = asdict(results.contact(answer.result))
        changed = {"id": "1", "company": "Ünïted"}
        assert found == {name: changed.get(name, PERSON.get(name)) for name in documented}

        answer = await self.call(transport, "contacts.delete", id=1)
        assert isinstance(answer, Success)
        assert str(json.loads(answer.result)["id"]) == "1"

    async def test_what_is_not_there(self) -> None:
        answer = await self.call(simulated(**SCRIPT), "contacts.detail", id=9)

        assert isinstance(answer, Failure)
        assert answer.code == "HTTP_404"
        assert "no such contact" in answer.text

    async def test_a_wrong_token(self) -> None:
        wrong = self.made(simulated(**SCRIPT), "wrong-token")
        answer = await wrong.call(OPERATIONS["contacts.delete"], {"id": 1})

        assert isinstance(answer, Failure)
        assert answer.code == "HTTP_401"
        assert "wrong-token" not in answer.text
