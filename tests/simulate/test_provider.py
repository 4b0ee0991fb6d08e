"""The simulated provider: every operation of both APIs, and every error, without a connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smppd.provider.catalogue import COMMON_ERRORS, OPERATIONS
from smppd.provider.operation import Api, Shape
from smppd.simulate.provider.wire import Request
from tests.simulate.calling import FORM, USER, Caller, basic, read

GROUP = {
    "id": "7",
    "fields": ["mobile", "name"],
    "contacts": [
        {"mobile": "600000001", "name": "Ana"},
        {"mobile": "+34600000002", "name": "Eva"},
        {"mobile": "999000003", "name": "Nobody"},
    ],
}
MAILS = {"id": "8", "type": "email", "fields": ["email"]}
SCRIPT: dict[str, Any] = {
    "http": {
        "group": [GROUP, MAILS],
        "balance": 5,
        "price": 0.5,
        "prices": {"33": 2, "331": 3},
        "no_route": ["999", "34999"],
    },
    "chat": {
        "letter": [
            {"platform": "whatsapp", "platformid": "100", "source": "34600000001", "text": "Hi"}
        ]
    },
}
SMS = {"from_": "ACME", "to": "34600000001", "sms": "Hola"}
CHAT = {"platform": "whatsapp", "platformid": "100", "destination": "34600000001"}
CHANNEL = {"platform": "whatsapp", "platformid": "100"}
FILE = {**CHAT, "type": "image", "fileurl": "https://www.example.com/image.jpg"}
#: One call of each operation that succeeds.
GOOD: dict[str, dict[str, str]] = {
    "sms.sendsms": SMS,
    "sms.sendsmsfromtemplate": {"to": "34600000001", "idtemplate": "1000"},
    "sms.sendsmstogroup": {"from_": "ACME", "countrycode": "34", "idgroup": "7", "sms": "Hola"},
    "sms.sendsmstogroupfromtemplate": {"countrycode": "34", "idgroup": "7", "idtemplate": "1000"},
    "sms.getdeliverystatus": {"messages": "1"},
    "group.creategroup": {"name": "test", "type": "mobile", "fields": "mobile,name"},
    "group.getgroupcolumns": {"idgroup": "7"},
    "group.addcolumntogroup": {"idgroup": "7", "field": "town"},
    "group.deletecolumnfromgroup": {"idgroup": "7", "field": "name"},
    "group.deletegroup": {"idgroup": "7"},
    "group.assigncountrytogroup": {"idgroup": "7", "countryiso3": "esp"},
    "group.getcontacts": {"idgroup": "7"},
    "group.getcontact": {"idgroup": "7", "idcontact": "1"},
    "group.addcontact": {"idgroup": "7", "contact": "mobile:600000009,name:Zoe"},
    "group.addcontactlist": {"idgroup": "7", "contacts": '[{"mobile":"600000009","name":"Zoe"}]'},
    "group.modifycontact": {"idgroup": "7", "idcontact": "1", "contact": "name:Anna"},
    "group.deletecontact": {"idgroup": "7", "idcontact": "1"},
    "chat.getchatchannels": {},
    "chat.sendmessage": {**CHAT, "message": "Hola"},
    "chat.sendfile": FILE,
    "chat.getchats": CHANNEL,
    "chat.getmessages": CHAT,
    "chat.getunreadmessages": CHAT,
}
FIRST_API = [name for name, each in OPERATIONS.items() if each.api is Api.PROVIDER]
Spoil = Callable[[dict[str, str]], dict[str, str]]


@pytest.fixture
def caller() -> Caller:
    return Caller(**SCRIPT)


def test_every_operation_is_simulated() -> None:
    assert list(GOOD) == FIRST_API


@pytest.mark.parametrize("operation", FIRST_API)
def test_an_operation_answers_the_documented_fields(caller: Caller, operation: str) -> None:
    documented = OPERATIONS[operation].answer
    result = caller.do(operation, **GOOD[operation])
    if documented.shape is Shape.OBJECT:
        assert tuple(result)[: len(documented.fields)] == documented.fields
        assert all(isinstance(result[name], str) for name in documented.fields)
    if documented.shape is Shape.LIST:
        assert result["list"]
        assert all(tuple(each) == documented.fields for each in result["list"])
    if documented.nested:
        assert result[documented.nested]
        assert all(tuple(each) == documented.nested_fields for each in result[documented.nested])
    assert caller.provider.tally.calls[operation].done == 1


# ── errors ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("operation", FIRST_API)
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"user": ""}, "MISSING_USER"),
        ({"password": ""}, "MISSING_PASSWORD"),
        ({"class": ""}, "MISSING_CLASS"),
        ({"method": ""}, "MISSING_METHOD"),
        ({"class": "fax"}, "INCORRECT_CLASS"),
        ({"method": "sendfax"}, "INCORRECT_METHOD"),
        ({"password": "wrong"}, "INCORRECT_USER_PASSWORD"),
        ({"user": "stranger"}, "INCORRECT_USER_PASSWORD"),
    ],
)
def test_a_common_error(operation: str, change: dict[str, str], error: str) -> None:
    access = {"user": USER["user"], "password": USER["password"]}
    caller = Caller(http={**SCRIPT["http"], **access})
    assert caller.refused(operation, **{**GOOD[operation], **change}) == error
    assert error in COMMON_ERRORS


@pytest.mark.parametrize(
    ("operation", "name"),
    [(each, p.name) for each in FIRST_API for p in OPERATIONS[each].params if p.required],
)
def test_a_missing_compulsory_parameter(caller: Caller, operation: str, name: str) -> None:
    params = {key.removesuffix("_"): value for key, value in GOOD[operation].items()}
    for wanting in ({**params, name: ""}, {k: v for k, v in params.items() if k != name}):
        assert caller.refused(operation, **wanting) == "MISSING_COMPULSORY_PARAM"
    assert caller.provider.tally.calls[operation].refused == {"MISSING_COMPULSORY_PARAM": 2}
    assert not caller.provider.tally.messages


#: What makes each call of `GOOD` fail with each error of its own.
BAD: dict[str, dict[str, dict[str, str]]] = {
    "sms.sendsms": {
        "NO_ROUTE_AVAILABLE": {"to": "999000001"},
        "NO_CREDITS": {"sms": "x" * 2000},
    },
    "sms.sendsmsfromtemplate": {
        "NO_ROUTE_AVAILABLE": {"to": "+999000001"},
        "NO_CREDITS": {"params": "name:" + "x" * 2000},
        "NOT_ACCESS_TO_TEMPLATE": {"idtemplate": "1001"},
    },
    "sms.sendsmstogroup": {
        "NOT_ACCESS_TO_GROUP": {"idgroup": "9"},
        "NO_CREDITS": {"countrycode": "33"} | {"sms": "x" * 161},
    },
    "sms.sendsmstogroupfromtemplate": {"NOT_ACCESS_TO_GROUP": {"idgroup": "9"}},
    "group.creategroup": {
        "INCORRECT_TYPE": {"type": "fax"},
        "MISSING_MAIN_FIELD": {"fields": "email,name"},
    },
    "group.assigncountrytogroup": {"COUNTRY_NOT_FOUND": {"countryiso3": "xyz"}},
    "group.getcontact": {"NOT_ACCESS_TO_CONTACT": {"idcontact": "9"}},
    "group.addcontact": {"CONTACT_EXISTS": {"contact": "mobile:600000001"}},
    "chat.sendmessage": {"CHANNEL_NOT_FOUND": {"platformid": "9"}},
    "chat.sendfile": {
        "CHANNEL_NOT_FOUND": {"platform": "telegram"},
        "CHAT_NOT_FOUND": {"destination": "34600000002"},
        "INCORRECT_FILETYPE": {"type": "spreadsheet"},
        "INCORRECT_FILEURL": {"fileurl": "file:///etc/passwd"},
        "INCORRECT_THUMBURL": {"thumburl": "thumb.jpg"},
    },
    "chat.getchats": {"CHANNEL_NOT_FOUND": {"platform": "fax"}},
    "chat.getmessages": {
        "CHANNEL_NOT_FOUND": {"platformid": "9"},
        "CHAT_NOT_FOUND": {"destination": "34600000002"},
    },
    "chat.getunreadmessages": {
        "CHANNEL_NOT_FOUND": {"platformid": "9"},
        "CHAT_NOT_FOUND": {"destination": "34600000002"},
    },
}
for each in FIRST_API:
    if "idgroup" in GOOD[each]:
        BAD.setdefault(each, {}).setdefault("NOT_ACCESS_TO_GROUP", {"idgroup": "9"})
#: What nothing but a rule of the script brings about: a channel without chats has an empty list,
#: and templates to a group are paid for with a poorer account.
BY_RULE = {("chat.getchats", "CHAT_NOT_FOUND"), ("sms.sendsmstogroupfromtemplate", "NO_CREDITS")}
OWN_ERRORS = [(name, code) for name in FIRST_API for code in OPERATIONS[name].errors]


def test_every_documented_error_is_reached() -> None:
    reached = {(name, code) for name, codes in BAD.items() for code in codes}
    assert reached | BY_RULE == set(OWN_ERRORS)


@pytest.mark.parametrize(("operation", "error"), sorted(set(OWN_ERRORS) - BY_RULE))
def test_an_error_of_an_operation(caller: Caller, operation: str, error: str) -> None:
    assert caller.refused(operation, **{**GOOD[operation], **BAD[operation][error]}) == error
    assert not caller.provider.tally.messages
    assert caller.do("user.getbalance") == "5"
    assert caller.provider.tally.calls[operation].refused == {error: 1}


@pytest.mark.parametrize(("operation", "error"), [*OWN_ERRORS, ("sms.sendsms", "SOMETHING_NEW")])
def test_an_error_by_a_rule(operation: str, error: str) -> None:
    fault = {"what": "refuse", "op": operation, "code": error, "times": 1}
    caller = Caller(**{**SCRIPT, "http": {**SCRIPT["http"], "fault": [fault]}})
    assert caller.refused(operation, **GOOD[operation]) == error
    assert not caller.provider.tally.messages
    caller.call(operation, **GOOD[operation])
    calls = caller.provider.tally.calls[operation]
    assert (calls.arrived, calls.refused[error], calls.faults) == (2, 1, {"refuse": 1})


# ── how a request comes ──────────────────────────────────────────────────────────────────────

CALL = {"class": "sms", "method": "sendsms", **USER, "from": "A", "to": "34600000001"}
TEXT = "¿Qué? 100% + 1 & 2 = 3; ñ 😀\r\nend"


def test_a_multipart_form(caller: Caller) -> None:
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {**CALL, "sms": TEXT}.items()
    ]
    body = ("".join(parts) + "--b--\r\n").encode()
    body = b"to whom it may concern\r\n" + body + b"the end"
    headers = {"content-type": 'multipart/form-data; charset=utf-8; boundary="b"'}
    assert read(caller.send(Request("POST", "/any/where", headers, body)))["status"] == "SUCCESS"
    assert caller.do("sms.getdeliverystatus", messages="1000000001")["sms"] == TEXT


def test_a_query(caller: Caller) -> None:
    target = "/?class=user&method=getbalance&user=a&password=b&"
    assert read(caller.send(Request("GET", target, {})))["result"] == "5"


def test_http_basic(caller: Caller) -> None:
    headers = {"authorization": basic("me", "a:b"), "content-type": FORM}
    body = b"class=user&method=getbalance"
    assert read(caller.send(Request("POST", "/", headers, body)))["result"] == "5"
    closed = Caller(http={"user": "me", "password": "a:b"})
    assert read(closed.send(Request("POST", "/", headers, body)))["status"] == "SUCCESS"
    headers["authorization"] = basic("me", "x")
    assert (
        read(closed.send(Request("POST", "/", headers, body)))["error"] == "INCORRECT_USER_PASSWORD"
    )


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        ({"content-type": FORM}, b"\xff\xfe%zz&&==&class"),
        ({"content-type": FORM}, b"&" * 5000),
        ({"content-type": "multipart/form-data"}, b"--b\r\n"),
        ({"content-type": "multipart/form-data; boundary=b"}, b"--b\r\nContent-Disp\xff: x\r\n"),
        ({"content-type": "multipart/form-data; boundary=é"}, b"\0" * 100),
        ({"content-type": "application/json", "authorization": "Basic %%%"}, b"{}"),
        ({"authorization": "Basic /////w=="}, b"class=sms"),
    ],
)
def test_what_makes_no_sense_is_answered(
    caller: Caller, headers: dict[str, str], body: bytes
) -> None:
    for target in ("", "/", "/?%ff=%ff;=", "/api/contact/new", "/api/contact/", "//[::1"):
        answer = read(caller.send(Request("POST", target, headers, body)))
        assert answer["status"] in ("ERROR", "error")
    assert caller.send(Request("PUT", "/", headers, body)).status == 405
    assert read(caller.send(Request("GET", "/api/contact/new", headers)))["status"] == "error"


def test_answers_are_written_as_the_script_says() -> None:
    caller = Caller(http={"envelope": "success", "ids": "number", "price": 0.25})
    answer = caller.call("sms.sendsms", **SMS)
    assert answer == {"status": "success", "result": {"messageid": 1000000001, "credits": 0.25}}
    assert caller.call("sms.sendsms") == {"status": "error", "error": "MISSING_COMPULSORY_PARAM"}


def test_an_id_is_a_number_only_where_it_stays_the_same() -> None:
    caller = Caller(http={"ids": "number", "status_form": "list"}, answer={"id_form": "padded"})
    padded = caller.do("sms.sendsms", **SMS)["messageid"]
    assert padded == "00000000001000000001"
    asked = ["0", "7", "007", "1" * 18, "1" * 19, "9" * 5000, "3f", "٣", padded]
    told = caller.do("sms.getdeliverystatus", messages=",".join(asked))
    wanted: list[str | int] = [0, 7, "007", int("1" * 18), *asked[4:]]
    assert [each["messageid"] for each in told] == wanted
    assert caller.refused("sms.sendsms", **{**SMS, "to": "٣٤"}) == "NO_ROUTE_AVAILABLE"


PIECES = [
    b"--b",
    b"\r\n",
    b"\r\n\r\n",
    b"--b--",
    b"Content-Disposition: form-data",
    b'; name="sms"',
]
PIECES += [
    b"; name*0=a; name*1=b; name*=utf-8''%ff",
    b"\xff",
    b"\0",
    b"a=b&",
    b"%",
    b'"',
    b";",
    b" ",
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        ["; boundary=b", '; boundary="b"', "; boundary*0=b", ';boundary="', "=?;é", ""]
    ),
    st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join),
)
def test_no_form_raises(boundary: str, body: bytes) -> None:
    for kind in ("multipart/form-data", FORM):
        headers = {"content-type": kind + boundary}
        answer = Caller().send(Request("POST", "/?a=%", headers, body))
        assert read(answer)["status"] == "ERROR"


def test_accounts_share_nothing(caller: Caller) -> None:
    access = [{"user": name, "password": "p", "balance": 2} for name in ("a", "b")]
    theirs = [{"id": "7", "user": "a"}, {"id": "8", "user": "b"}]
    caller = Caller(http={"account": access, "group": theirs})
    a, b = {"user": "a", "password": "p"}, {"user": "b", "password": "p"}
    assert caller.do("sms.sendsms", **SMS, **a)["messageid"] == "1000000001"
    assert caller.do("user.getbalance", **a) == "1"
    assert caller.do("user.getbalance", **b) == "2"
    assert caller.do("group.getcontacts", idgroup="7", **a) == []
    assert caller.refused("group.getcontacts", idgroup="7", **b) == "NOT_ACCESS_TO_GROUP"
    asked = {"messages": "1000000001"}
    assert caller.do("sms.getdeliverystatus", **asked, **a)["deliverystatus"] == "DELIVRD"
    assert caller.do("sms.getdeliverystatus", **asked, **b)["deliverystatus"] == "UNKNOWN"


# ── the second API ───────────────────────────────────────────────────────────────────────────


def test_contacts_from_new_to_deleted() -> None:
    caller = Caller(http={"token": "token", "books": [1, 2]})
    person = {"phone_number": "0412345678", "first_name": "John", "last_name": "Doe"}
    assert caller.contact("new", group_id=1, **person) == (
        200,
        {"status": "success", "result": {"id": 1}},
    )
    assert caller.contact("edit", id=1, first_name="Jane", group_id=2)[1]["result"] == {"id": 1}
    status, answer = caller.contact("detail", id="1")
    assert (status, answer["status"]) == (200, "success")
    assert answer["result"]["contact"] == {
        "id": 1,
        "phone_number": "0412345678",
        "first_name": "Jane",
        "last_name": "Doe",
        "company": "",
        **{f"custom_{n}": "" for n in range(1, 5)},
    }
    assert set(answer["result"]["contact"]) == set(
        OPERATIONS["contacts.detail"].answer.nested_fields
    )
    assert caller.contact("delete", id=1)[1]["result"] == {"id": 1}
    assert caller.contact("detail", id="1")[0] == 404
    assert caller.provider.tally.calls["contacts.detail"].done == 1
    assert caller.provider.tally.calls["contacts.detail"].refused == {"NOT_FOUND": 1}


@pytest.mark.parametrize(
    ("operation", "given", "status"),
    [
        ("new", {"phone_number": "1"}, 400),
        ("new", {"group_id": "1", "phone_number": "1"}, 400),
        ("new", {"group_id": 9, "phone_number": "1"}, 404),
        ("detail", {"id": 1}, 400),
        ("edit", {"id": "1"}, 400),
        ("edit", {"id": 1, "group_id": 9}, 404),
        ("edit", {"id": 9}, 404),
        ("delete", {"id": True}, 400),
        ("delete", {"id": 9}, 404),
        ("delete", {"id": 1, "token": "wrong"}, 401),
        ("delete", {"id": 1, "token": ""}, 401),
    ],
)
def test_contacts_that_are_refused(operation: str, given: dict[str, Any], status: int) -> None:
    caller = Caller(http={"token": "token", "books": [1]})
    caller.contact("new", group_id=1, phone_number="1")
    token = given.pop("token", "token")
    answered, answer = caller.contact(operation, token=token, **given)
    assert (answered, answer["status"]) == (status, "error")
    assert caller.contact("detail", id="1")[0] == 200


def test_a_body_that_is_no_object() -> None:
    caller = Caller()
    headers = {"authorization": "Bearer x"}
    for body in (b"", b"[]", b'"\\ud800"', b"\xff", json.dumps(7).encode()):
        answer = caller.send(Request("POST", "/api/contact/new", headers, body))
        assert answer.status == 400
