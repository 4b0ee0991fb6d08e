"""What the simulated provider remembers: groups, chats, messages, credits, and the SMSC beside it."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest

from smppd.simulate.centre import MessageCentre
from smppd.simulate.reading import make_script
from smppd.smpp.pdu import BindTransceiver, QuerySm, SubmitSm, SubmitSmResp
from smppd.smpp.pdu_message import QuerySmResp
from smppd.smpp.session import Answered, Limits, Role, Session
from smppd.smpp.vocabulary import MessageState
from tests.simulate.calling import Caller

SMS = {"from_": "ACME", "to": "34600000001", "sms": "Hola"}
WHATSAPP = {"platform": "whatsapp", "platformid": "100"}
CHAT = {**WHATSAPP, "destination": "34600000001"}


# ── groups ───────────────────────────────────────────────────────────────────────────────────


def test_a_group_from_its_creation_to_its_end() -> None:
    caller = Caller(http={"group_id": True})
    group = caller.do("group.creategroup", name="g", type="mobile", fields="mobile, name,name")
    here = {"idgroup": group["id"]}
    assert caller.do("group.getgroupcolumns", **here) == ["mobile", "name"]
    caller.do("group.addcontact", **here, contact="mobile:600000001,name:Ana: a:b")
    caller.do("group.addcolumntogroup", **here, field="town")
    caller.do("group.addcontact", **here, contact="name:Eva,town:Lugo,mobile:600000002")
    assert caller.do("group.getcontacts", **here) == [
        {"idcontact": "1", "mobile": "600000001", "name": "Ana: a:b", "town": ""},
        {"idcontact": "2", "mobile": "600000002", "name": "Eva", "town": "Lugo"},
    ]
    caller.do("group.modifycontact", **here, idcontact="1", contact="mobile:600000003")
    ana = {"idcontact": "1", "mobile": "600000003", "name": "Ana: a:b", "town": ""}
    assert caller.do("group.getcontact", **here, idcontact="1") == ana
    moved = {"idcontact": "1", "contact": "mobile:600000002"}
    assert caller.refused("group.modifycontact", **here, **moved) == "CONTACT_EXISTS"
    caller.do("group.deletecolumnfromgroup", **here, field="name")
    assert caller.refused("group.deletecolumnfromgroup", **here, field="mobile") == (
        "MISSING_MAIN_FIELD"
    )
    assert caller.do("group.getgroupcolumns", **here) == ["mobile", "town"]
    caller.do("group.deletecontact", **here, idcontact="1")
    again = {"idcontact": "1", "contact": "town:Vigo"}
    for operation in ("group.deletecontact", "group.getcontact", "group.modifycontact"):
        assert caller.refused(operation, **here, **again) == "NOT_ACCESS_TO_CONTACT"
    caller.do("group.addcontact", **here, contact="mobile:600000003")
    assert [each["idcontact"] for each in caller.do("group.getcontacts", **here)] == ["2", "3"]
    caller.do("group.assigncountrytogroup", **here, countryiso3="ESP")
    caller.do("group.deletegroup", **here)
    assert caller.refused("group.getcontacts", **here) == "NOT_ACCESS_TO_GROUP"


def test_creategroup_tells_no_id_unless_it_is_to() -> None:
    given = {"name": "g", "type": "email", "fields": "email"}
    assert Caller().do("group.creategroup", **given) == []
    there = Caller(http={"group_id": True, "group": [{"id": "2000"}]})
    assert there.do("group.creategroup", **given) == {"id": "2001"}


def test_ten_thousand_contacts_go_in_and_come_back_and_none_twice() -> None:
    caller = Caller(http={"group": [{"id": "7"}]})
    contacts = [{"mobile": f"6{n:08d}", "name": f"Ñ {n}, a:b"} for n in range(10_000)]
    for start in (0, 5_000, 2_500):
        part = json.dumps(contacts[start : start + 5_000])
        caller.do("group.addcontactlist", idgroup="7", contacts=part)
    found = caller.do("group.getcontacts", idgroup="7")
    assert [{"mobile": each["mobile"], "name": each["name"]} for each in found] == contacts
    odd = '[{"name": "nobody"}, {"mobile": 600, "fax": null}]'
    caller.do("group.addcontactlist", idgroup="7", contacts=odd)
    assert caller.do("group.getcontacts", idgroup="7")[-1]["mobile"] == "600"
    assert caller.provider.tally.oddities == 2
    for wrong in ("{}", "mobile:600", "[1]"):
        error = caller.refused("group.addcontactlist", idgroup="7", contacts=wrong)
        assert error == "MISSING_COMPULSORY_PARAM"
    for wrong in ("name:Ana", "Ana"):
        error = caller.refused("group.addcontact", idgroup="7", contact=wrong)
        assert error == "MISSING_COMPULSORY_PARAM"


# ── sending ──────────────────────────────────────────────────────────────────────────────────


def test_an_sms_is_paid_for_by_its_parts_and_its_prefix() -> None:
    prices = {"33": 2, "331": 0.1}
    caller = Caller(http={"balance": 5, "price": 0.7, "prices": prices})
    bought = [
        caller.do("sms.sendsms", **{**SMS, "to": to, "sms": text})["credits"]
        for to, text in [("34600", "x" * 160), ("34600", "x" * 161), ("+331", "ж"), ("0033", "a")]
    ]
    assert bought == ["0.7", "1.4", "0.1", "2"]
    assert caller.do("user.getbalance") == "0.8"
    assert caller.refused("sms.sendsms", **{**SMS, "to": "33"}) == "NO_CREDITS"
    caller.do("sms.sendsms", **SMS)
    assert caller.do("user.getbalance") == "0.1"


def test_a_group_gets_one_each_or_none_at_all() -> None:
    contacts = [{"mobile": "600000001", "name": "Ana"}, {"mobile": "999", "name": "Nobody"}]
    contacts += [{"mobile": "+34600000002", "name": "Eva"}, {"mobile": "34600000003"}]
    template = {"id": "5", "text": "Hi <name> of <town>!", "sender": "Shop"}
    http = {"group": [{"id": "7", "contacts": contacts}], "template": [template], "balance": 5}
    caller = Caller(http={**http, "no_route": ["34999"]})
    here = {"countrycode": "34", "idgroup": "7"}
    first = caller.do("sms.sendsmstogroup", **here, from_="A", sms="<name>")
    assert first == {
        "id": "1",
        "count": "3",
        "credits": "3",
        "destinations": [
            {"messageid": f"100000000{n}", "destination": f"3460000000{n}"} for n in (1, 2, 3)
        ],
    }
    short = {**here, "idtemplate": "5"}
    assert caller.refused("sms.sendsmstogroupfromtemplate", **short) == "NO_CREDITS"
    assert caller.refused("sms.sendsmstogroup", **here, from_="A", sms="x") == "NO_CREDITS"
    assert len(caller.provider.tally.messages) == 3
    richer = Caller(http={**http, "no_route": ["34999"]})
    sent = richer.do("sms.sendsmstogroupfromtemplate", **short)["destinations"]
    asked = {"messages": ",".join(each["messageid"] for each in sent)}
    texts = [each["sms"] for each in richer.do("sms.getdeliverystatus", **asked)]
    assert texts == ["Hi Ana of <town>!", "Hi Eva of <town>!", "Hi  of <town>!"]
    unknown = {**short, "idtemplate": "6"}
    error = richer.refused("sms.sendsmstogroupfromtemplate", **unknown)
    assert error == "NOT_ACCESS_TO_TEMPLATE"


def test_a_template_is_filled_in() -> None:
    caller = Caller(http={"template": [{"id": "5", "text": "<name>: <n>"}]})
    given = {"to": "34600000001", "idtemplate": "5", "params": "name:A B,n:1:2,other:x"}
    caller.do("sms.sendsmsfromtemplate", **given)
    status = caller.do("sms.getdeliverystatus", messages="1000000001")
    assert status["sms"] == "A B: 1:2"


def test_a_status_advances_with_time() -> None:
    words = {"ENROUTE": "pending", "UNDELIV": "failed", "DELIVRD": "delivered"}
    fate = {"delay": "10s", "jitter": "5s", "states": {"UNDELIV": 0.3}, "words": words}
    caller = Caller(fate=fate, http={"zone": "Europe/Madrid"})
    ids = [caller.do("sms.sendsms", **SMS, scheduledatetime="")["messageid"] for _ in range(200)]
    asked = {"messages": ",".join(ids)}
    caller.now = 9.9
    early = caller.do("sms.getdeliverystatus", **asked)
    assert {each["deliverystatus"] for each in early} == {"pending"}
    assert {each["deliverydate"] for each in early} == {""}
    caller.now = 12.5
    amid = caller.do("sms.getdeliverystatus", **asked)
    assert 50 < sum(each["deliverystatus"] == "pending" for each in amid) < 150
    caller.now = 3600
    late = caller.do("sms.getdeliverystatus", **asked)
    assert [each["messageid"] for each in late] == ids
    assert 40 < sum(each["deliverystatus"] == "failed" for each in late) < 80
    assert {each["deliverystatus"] for each in late} == {"failed", "delivered"}
    assert all(
        "2026-07-17 12:00:10" <= each["deliverydate"] < "2026-07-17 12:00:16" for each in late
    )


def test_a_scheduled_sms_is_on_its_way_until_its_time() -> None:
    caller = Caller(http={"zone": "Europe/Madrid"})
    caller.do("sms.sendsms", **SMS, scheduledatetime="2026-07-17 13:00:00")
    told = [caller.do("sms.getdeliverystatus", messages="1000000001")]
    caller.now = 3600
    told.append(caller.do("sms.getdeliverystatus", messages="1000000001"))
    assert [each["deliverystatus"] for each in told] == ["ENROUTE", "DELIVRD"]
    assert told[1]["deliverydate"] == "2026-07-17 13:00:00"
    caller.do("sms.sendsms", **SMS, scheduledatetime="tomorrow")
    status = caller.do("sms.getdeliverystatus", messages="1000000002")
    assert status["deliverystatus"] == "DELIVRD"
    assert "tomorrow" in caller.provider.tally.remarks[0]


@pytest.mark.parametrize(
    ("form", "one", "two"), [("one", dict, list), ("list", list, list), ("map", dict, dict)]
)
def test_statuses_come_as_one_as_a_list_or_by_id(form: str, one: type, two: type) -> None:
    caller = Caller(http={"status_form": form})
    caller.do("sms.sendsms", **SMS)
    single = caller.do("sms.getdeliverystatus", messages="1000000001")
    several = caller.do("sms.getdeliverystatus", messages="1000000001, 5,")
    assert (type(single), type(several)) == (one, two)
    statuses = list(several.values()) if form == "map" else several
    assert [each["deliverystatus"] for each in statuses] == ["DELIVRD", "UNKNOWN"]
    if form == "map":
        assert list(several) == ["1000000001", "5"]


def test_smpp_and_http_have_one_series_one_archive_and_one_tally() -> None:
    caller = Caller(receipt={"delay": "10s", "states": {"UNDELIV": 1}})
    script = make_script({"receipt": {"delay": "10s", "states": {"UNDELIV": 1}}}, "test")
    centre = MessageCentre(script, common=caller.common)
    esme = Session(Role.ESME, Limits(), 0.0)
    connection = centre.connect(0.0)
    tokens = count()

    def exchange(now: float) -> list[Any]:
        centre.receive(connection, esme.data_to_send(), now)
        return esme.receive_data(connection.session.data_to_send(), now)

    esme.bind(BindTransceiver(system_id="me"), 0.0)
    exchange(0.0)
    first = caller.do("sms.sendsms", **SMS)["messageid"]
    message = SubmitSm(source_addr="ACME", destination_addr="34600000001", short_message=b"Hola")
    esme.request(message, next(tokens), 0.0)
    answers = [each.pdu for each in exchange(0.0) if isinstance(each, Answered)]
    assert isinstance(answers[0], SubmitSmResp)
    second = answers[0].message_id
    third = caller.do("sms.sendsms", **{**SMS, "sms": "Hola €"})["messageid"]
    assert [int(each) - int(first) for each in (second, third)] == [1, 2]
    status = caller.do("sms.getdeliverystatus", messages=second)
    assert (status["sms"], status["deliverystatus"]) == ("Hola", "ENROUTE")
    caller.now = 11.0
    status = caller.do("sms.getdeliverystatus", messages=second)
    assert status["deliverystatus"] == "UNDELIV"
    assert caller.provider.tally.taken_twice() == {("34600000001", b"Hola"): 2}
    assert (centre.tally.accepted, centre.tally.over_http) == (1, 2)
    assert centre.tally is caller.provider.tally
    query = QuerySm(message_id=second, source_addr="ACME")
    esme.request(query, next(tokens), 11.0)
    reply = exchange(11.0)[0].pdu
    assert isinstance(reply, QuerySmResp)
    assert reply.message_state == MessageState.UNDELIVERABLE


# ── chats ────────────────────────────────────────────────────────────────────────────────────


def test_what_is_said_in_a_chat_comes_back_in_order() -> None:
    letters = [
        {**WHATSAPP, "source": "34600000001", "text": "Hola?", "after": 5},
        {**WHATSAPP, "source": "34600000002", "text": "Hey", "after": 7},
    ]
    caller = Caller(chat={"letter": letters})
    assert caller.do("chat.getchats", **WHATSAPP) == {"list": []}
    caller.now = 6
    assert caller.refused("chat.getunreadmessages", **CHAT | {"destination": "2"}) == (
        "CHAT_NOT_FOUND"
    )
    caller.do("chat.sendmessage", **CHAT, message="Yes?")
    caller.now = 8
    unread = caller.do("chat.getunreadmessages", **CHAT)["list"]
    assert unread == [
        {
            **CHAT,
            "message": "Hola?",
            "messageid": "1",
            "issent": "0",
            "status": "unread",
            "datetime": "2026-07-17 10:00:05",
        }
    ]
    assert caller.do("chat.getunreadmessages", **CHAT)["list"] == []
    said = caller.do("chat.getmessages", **CHAT)["list"]
    assert [(m["message"], m["sent"], m["status"]) for m in said] == [
        ("Hola?", "0", "read"),
        ("Yes?", "1", "sent"),
    ]
    chats = caller.do("chat.getchats", **WHATSAPP)["list"]
    assert [(m["destination"], m["message"]) for m in chats] == [
        ("34600000002", "Hey"),
        ("34600000001", "Yes?"),
    ]
    assert caller.provider.tally.messages == {("whatsapp/100/34600000001", b"Yes?"): 1}


def test_customers_write_at_their_rate_and_reply() -> None:
    caller = Caller(chat={"count": 5, "rate": 2, "text": "n {n}", "reply": "to {}"})
    here = {**WHATSAPP, "destination": "34600999999"}
    caller.do("user.getbalance")
    caller.now = 1.1
    first = caller.do("chat.getunreadmessages", **here)["list"]
    assert [each["message"] for each in first] == ["n 1", "n 2", "n 3"]
    caller.do("chat.sendfile", **here, type="image", fileurl="https://a.example/b.png", message="b")
    caller.now = 60
    rest = caller.do("chat.getunreadmessages", **here)["list"]
    assert [each["message"] for each in rest] == ["n 4", "n 5", "to https://a.example/b.png b"]
    assert [each["datetime"][-2:] for each in rest] == ["01", "02", "02"]


def test_unread_messages_may_come_again_and_flags_be_of_any_type() -> None:
    for form, ours, theirs in (("number", 1, 0), ("bool", True, False)):
        caller = Caller(chat={"count": 2, "keep_unread": True, "sent_form": form})
        here = {**WHATSAPP, "destination": "34600999999"}
        caller.do("chat.sendmessage", **here, message="x")
        first = caller.do("chat.getunreadmessages", **here)
        assert first == caller.do("chat.getunreadmessages", **here)
        assert [each["issent"] for each in first["list"]] == [theirs, theirs]
        assert caller.do("chat.getmessages", **here)["list"][-1]["sent"] is ours


def test_the_channels_are_those_of_the_script() -> None:
    channels = [
        {**WHATSAPP, "name": "Shop"},
        {"platform": "webchat", "platformid": "1", "user": "x"},
    ]
    caller = Caller(http={"channel": channels})
    assert caller.do("chat.getchatchannels") == {"list": [{**WHATSAPP, "name": "Shop"}]}
