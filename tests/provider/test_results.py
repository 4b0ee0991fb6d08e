"""What stands in a result, in every form that the documents leave open."""

from __future__ import annotations

import json
from dataclasses import fields as dataclass_fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.provider import results
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.results import Contact, DeliveryStatus, Taken
from tests.provider.facts import FACTS

SINGLE = ["sms.sendsms", "sms.sendsmsfromtemplate"]
GROUPS = ["sms.sendsmstogroup", "sms.sendsmstogroupfromtemplate"]
BIG = "90071992547409931234"


def taken(name: str, result: str) -> tuple[Taken, ...]:
    return results.taken(OPERATIONS[name], result.encode())


@pytest.mark.parametrize("name", SINGLE)
class TestSingleSends:
    @pytest.mark.parametrize(
        "result",
        [
            f'{{"messageid":"{BIG}","credits":"1"}}',
            f'{{"messageid":{BIG},"credits":1}}',
            f'[{{"messageid":{BIG}}}]',
        ],
    )
    def test_give_the_message_id(self, name: str, result: str) -> None:
        assert taken(name, result) == (Taken(BIG, ""),)

    @pytest.mark.parametrize(
        "result",
        ["null", "{}", '"x"', "[]", '{"messageid":""}', '{"messageid":null}', '{"a":{"b":1}}', "7"],
    )
    def test_may_give_none(self, name: str, result: str) -> None:
        assert taken(name, result) == ()


@pytest.mark.parametrize("name", GROUPS)
class TestGroupSends:
    @pytest.mark.parametrize(
        "destinations",
        [
            '[{"messageid":"1","destination":"34600000001"},'
            '{"messageid":2,"destination":34600000002}]',
            '{"1":{"destination":"34600000001"},"2":{"destination":34600000002}}',
            '{"a":{"messageid":1,"destination":"34600000001"},'
            '"b":{"messageid":"2","destination":"34600000002"}}',
            '{"1":"34600000001","2":34600000002}',
        ],
        ids=["list", "map by id", "map of objects", "map to numbers"],
    )
    def test_give_one_for_each_destination(self, name: str, destinations: str) -> None:
        found = taken(name, f'{{"id":9,"count":2,"credits":"1","destinations":{destinations}}}')
        assert found == (Taken("1", "34600000001"), Taken("2", "34600000002"))

    def test_give_one_destination(self, name: str) -> None:
        one = '{"destinations":{"messageid":"1","destination":"34600000001"}}'
        assert taken(name, one) == (Taken("1", "34600000001"),)

    def test_keep_a_destination_without_an_id(self, name: str) -> None:
        assert taken(name, '{"destinations":[{"destination":"34600000001"},{}]}') == (
            Taken("", "34600000001"),
        )

    @pytest.mark.parametrize(
        "result", ["null", "{}", '{"destinations":null}', '{"destinations":[]}', "[]", "[1]"]
    )
    def test_may_give_none(self, name: str, result: str) -> None:
        assert taken(name, result) == ()

    def test_say_what_they_cost(self, name: str) -> None:
        del name
        send = results.group_send(b'{"id":9,"count":"2","credits":1.50,"destinations":[]}')
        assert (send.id, send.count, send.credits) == ("9", "2", "1.50")


def test_what_is_no_send_takes_nothing() -> None:
    for name in OPERATIONS.keys() - {*SINGLE, *GROUPS, "chat.sendmessage", "chat.sendfile"}:
        assert taken(name, '{"messageid":"1","destinations":[{"messageid":"1"}]}') == ()


def test_a_single_send_says_what_it_cost() -> None:
    assert results.sent_sms(b'{"messageid":1,"credits":0.05}') == results.SentSms("1", "0.05")


STATUS = {"sms": "Hi", "deliverydate": "2030-01-31 09:30:00", "deliverystatus": "DELIVERED"}


@pytest.mark.parametrize(
    "result",
    [
        {"messageid": "1", **STATUS},
        {"messageid": 1, **STATUS},
        [{"messageid": "1", **STATUS}],
        {"1": STATUS},
        {"list": [{"messageid": 1, **STATUS}]},
        {"list": {"1": STATUS}},
    ],
    ids=["object", "number", "list", "map by id", "list within", "map within"],
)
def test_statuses_in_any_form(result: object) -> None:
    assert results.statuses(json.dumps(result).encode()) == [DeliveryStatus("1", *STATUS.values())]


def test_statuses_by_id_alone() -> None:
    found = results.statuses(b'{"1":"DELIVERED","2":"PENDING"}')
    assert [(each.messageid, each.deliverystatus) for each in found] == [
        ("1", "DELIVERED"),
        ("2", "PENDING"),
    ]


def test_statuses_of_several_in_order() -> None:
    found = results.statuses(b'[{"messageid":2},{"messageid":1},"odd",3]')
    assert [each.messageid for each in found] == ["2", "1"]


def test_the_documented_answers_of_the_second_api() -> None:
    for name, facts in FACTS["contacts"].items():
        result = json.dumps(facts["response"]["result"]).encode()
        if name == "contacts.detail":
            documented = facts["response"]["result"]["contact"]
            assert results.contact(result) == Contact(*map(str, documented.values()))


def test_every_documented_field_is_read() -> None:
    typed: dict[str, Any] = {
        "sms.sendsms": results.SentSms,
        "sms.sendsmsfromtemplate": results.SentSms,
        "sms.sendsmstogroup": results.GroupSend,
        "sms.sendsmstogroupfromtemplate": results.GroupSend,
        "sms.getdeliverystatus": DeliveryStatus,
    }
    documented = {name for name, each in FACTS["operations"].items() if each["answer"]["fields"]}
    documented = {name for name in documented if not name.startswith("chat.")}
    assert documented == set(typed)
    for name, type_ in typed.items():
        answer = FACTS["operations"][name]["answer"]
        fields = [*answer["fields"], *answer.get("nested", ())]
        assert fields == [each.name for each in dataclass_fields(type_)]


READERS = [
    results.sent_sms,
    results.group_send,
    results.statuses,
    results.contact,
]


@given(
    st.binary(max_size=30)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda each: (
            st.lists(each, max_size=3)
            | st.dictionaries(
                st.sampled_from(["list", "destinations", "messageid", "contact", "1"]), each
            )
        ),
        max_leaves=6,
    ).map(lambda each: json.dumps(each).encode())
)
def test_any_result_is_read_without_a_word(result: bytes) -> None:
    for reader in READERS:
        reader(result)
    for operation in OPERATIONS.values():
        for each in results.taken(operation, result):
            assert each.message_id or each.to


def test_a_deep_result_is_none() -> None:
    assert results.statuses(b"[" * 200_000) == []
