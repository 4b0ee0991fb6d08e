"""The catalogue says what the documents say: operations, parameters, answers and errors."""

from __future__ import annotations

import pytest

from smppd.provider.answers import meaning, stops_account
from smppd.provider.catalogue import COMMON_ERRORS, OPERATIONS
from smppd.provider.checking import check
from smppd.provider.operation import Api, Effect, Kind, Shape
from tests.provider.facts import FACTS

FIRST = FACTS["operations"]
SECOND = FACTS["contacts"]

_SHAPES = {"object": Shape.OBJECT, "list": Shape.LIST, "none": Shape.NONE}


def test_every_documented_operation_is_there_and_no_other() -> None:
    assert list(OPERATIONS) == [*FIRST, *SECOND]
    assert len(FIRST) == 23


def test_the_common_errors() -> None:
    assert dict(COMMON_ERRORS) == FACTS["common_errors"]


@pytest.mark.parametrize("name", FIRST)
def test_an_operation_of_the_first_api(name: str) -> None:
    facts, operation = FIRST[name], OPERATIONS[name]

    assert operation.api is Api.PROVIDER
    assert f"{operation.class_}.{operation.method}" == name
    assert {param.name: param.required for param in operation.params} == {
        each: about["compulsory"] for each, about in facts["params"].items()
    }
    for param in operation.params:
        # The documents give examples as they stand in a URL.
        assert param.example == facts["params"][param.name]["example"].replace("+", " ")
        assert param.about
    assert dict(operation.errors) == facts["errors"]
    for code, text in (facts["errors"] | FACTS["common_errors"]).items():
        assert meaning(operation, code) == text
    assert operation.harmless is facts["repeatable"]

    answer = facts["answer"]
    assert operation.answer.shape is _SHAPES[answer["kind"]]
    assert list(operation.answer.fields) == answer["fields"]
    nested = answer.get("nested", {})
    assert list(filter(None, [operation.answer.nested])) == list(nested)
    assert list(operation.answer.nested_fields) == [
        field for fields in nested.values() for field in fields
    ]


@pytest.mark.parametrize("name", SECOND)
def test_an_operation_of_the_second_api(name: str) -> None:
    facts, operation = SECOND[name], OPERATIONS[name]

    assert operation.api is Api.CONTACTS
    assert facts["path"] == f"/api/contact/{operation.method}"
    assert {param.name: param.required for param in operation.params} == {
        each: about["compulsory"] for each, about in facts["params"].items()
    }
    for param in operation.params:
        about = facts["params"][param.name]
        assert (param.kind is Kind.WHOLE) is (about["type"] == "integer")
        assert param.example == str(about.get("example", ""))
    result = facts["response"]["result"]
    assert operation.answer.shape is Shape.OBJECT
    assert list(operation.answer.fields) == list(result)
    assert list(operation.answer.nested_fields) == list(result.get("contact", ()))


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_documented_example_passes_as_it_stands(name: str) -> None:
    operation = OPERATIONS[name]
    given = {param.name: param.example for param in operation.params if param.example}

    checked = check(operation, given)

    assert isinstance(checked, dict), checked
    assert {each: str(value) for each, value in checked.items()} == given
    if operation.api is Api.CONTACTS:
        types = {"integer": int, "string": str}
        for each, value in checked.items():
            assert type(value) is types[SECOND[name]["params"][each]["type"]]


def test_what_is_not_harmless_is_never_said_to_be() -> None:
    harmless = {name for name, each in OPERATIONS.items() if each.harmless}

    assert harmless == {
        "sms.getdeliverystatus",
        "group.getgroupcolumns",
        "group.getcontacts",
        "group.getcontact",
        "chat.getchatchannels",
        "chat.getchats",
        "chat.getmessages",
        "contacts.detail",
    }


def test_what_sends() -> None:
    assert {name for name, each in OPERATIONS.items() if each.effect is Effect.SENDS} == {
        "sms.sendsms",
        "sms.sendsmsfromtemplate",
        "sms.sendsmstogroup",
        "sms.sendsmstogroupfromtemplate",
        "chat.sendmessage",
        "chat.sendfile",
    }


def test_codes_that_stop_an_account_are_those_about_the_account() -> None:
    codes = set(COMMON_ERRORS).union(*(each.errors for each in OPERATIONS.values()))

    assert {code for code in codes if stops_account(code)} == {
        "MISSING_USER",
        "MISSING_PASSWORD",
        "MISSING_CLASS",
        "MISSING_METHOD",
        "INCORRECT_USER_PASSWORD",
        "INCORRECT_CLASS",
        "INCORRECT_METHOD",
        "NO_CREDITS",
    }
