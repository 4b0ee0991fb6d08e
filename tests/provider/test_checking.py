"""Parameters are refused here, by name and with the cure, or sent exactly as they were meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smppd.provider.catalogue import OPERATIONS
from smppd.provider.checking import check, unconfirmed
from smppd.provider.operation import Kind, Operation, Param

MADRID = ZoneInfo("Europe/Madrid")


def sample(operation: Operation) -> dict[str, object]:
    """Parameters that are right."""
    return {param.name: param.example for param in operation.params if param.required}


def checked(name: str, **changed: object) -> Any:
    return check(OPERATIONS[name], sample(OPERATIONS[name]) | changed)


COMPULSORY = [
    (operation, param)
    for operation in OPERATIONS.values()
    for param in operation.params
    if param.required
]


@pytest.mark.parametrize(
    ("operation", "param"), COMPULSORY, ids=[f"{o.name}-{p.name}" for o, p in COMPULSORY]
)
@pytest.mark.parametrize("empty", ["absent", None, "", [], "  "], ids=repr)
def test_a_compulsory_parameter_is_missed_by_name(
    operation: Operation, param: Param, empty: object
) -> None:
    if empty == "  " and param.kind in (Kind.TEXT, Kind.BODY):
        return
    params = sample(operation)
    if empty == "absent":
        del params[param.name]
    else:
        params[param.name] = empty

    mistake = check(operation, params)

    assert isinstance(mistake, str)
    assert mistake.startswith(
        f"{param.name}: missing, and {operation.name} needs it: {param.about}"
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_unknown_parameter_is_refused(name: str) -> None:
    mistake = checked(name, frobnicate="1")

    assert isinstance(mistake, str)
    assert mistake.startswith("frobnicate: ")
    for param in OPERATIONS[name].params:
        assert param.name in mistake


def test_the_nearest_parameter_is_offered() -> None:
    assert checked("sms.sendsms", schedule="x") == (
        "schedule: sms.sendsms has no such parameter; did you mean scheduledatetime?"
    )


@pytest.mark.parametrize("name", ["class", "method", "user", "password", "PASSWORD"])
def test_what_the_client_adds_is_no_parameter(name: str) -> None:
    mistake = checked("sms.sendsms", **{name: "hunter2"})

    assert mistake.startswith(f"{name}: is ")
    assert "hunter2" not in mistake


def test_what_is_optional_and_empty_is_left_out() -> None:
    params = checked("sms.sendsms", scheduledatetime="", output=None)

    assert list(params) == ["from", "to", "sms"]


class TestNumbers:
    @pytest.mark.parametrize(
        "given",
        ["34600000001", "+34600000001", "0034600000001", "+34 600-00.00 01", 34600000001],
        ids=repr,
    )
    def test_are_sent_as_the_documents_write_them(self, given: object) -> None:
        assert checked("sms.sendsms", to=given)["to"] == "34600000001"

    @pytest.mark.parametrize(
        "given",
        [
            "600000001",
            "0600000001",
            "+34 (0) 600000001",
            "+34600000001,+34600000002",
            "+1234567890123456",
            "346000000O1",
            "٣٤٦٠٠٠٠٠٠٠٠١",
            True,
            3.4e10,
            ["+34600000001", "+34600000002"],
            "34600000001\0",
        ],
        ids=repr,
    )
    def test_that_are_not_certain_are_refused_and_not_repeated(self, given: object) -> None:
        mistake = checked("sms.sendsms", to=given)

        assert mistake == (
            "to: is not one number with its country code; write it like +34600000001"
        )


class TestMoments:
    @pytest.mark.parametrize("given", ["2030-01-31 09:30:00", "2028-02-29 23:59:59"])
    def test_as_documented_pass_unchanged(self, given: str) -> None:
        assert checked("sms.sendsms", scheduledatetime=given)["scheduledatetime"] == given

    @pytest.mark.parametrize(
        "given",
        [
            "2030-02-29 09:30:00",
            "2030-13-01 09:30:00",
            "2030-01-31 24:00:01",
            "2030-01-31 9:30:00",
            "2030-01-31T09:30:00",
            "2030-01-31",
            "31/01/2030 09:30",
            "tomorrow",
            "٢٠٣٠-01-31 09:30:00",
            1700000000,
        ],
        ids=repr,
    )
    def test_of_any_other_form_are_refused(self, given: object) -> None:
        mistake = checked("sms.sendsms", scheduledatetime=given)

        assert mistake.startswith("scheduledatetime: is n")
        assert mistake.endswith('write it like "2030-01-31 09:30:00"')

    def test_with_an_offset_need_the_providers_zone(self) -> None:
        mistake = checked("sms.sendsms", scheduledatetime="2030-07-01T10:00:00Z")

        assert "set time_zone" in mistake

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ("2030-07-01T10:00:00Z", "2030-07-01 12:00:00"),
            ("2030-01-01T00:30:00+02:00", "2029-12-31 23:30:00"),
            ("2030-01-01 10:00:00.9-05:00", "2030-01-01 16:00:00"),
        ],
    )
    def test_with_an_offset_become_the_providers(self, given: str, sent: str) -> None:
        operation = OPERATIONS["sms.sendsms"]
        params = check(operation, sample(operation) | {"scheduledatetime": given}, MADRID)

        assert isinstance(params, dict)
        assert params["scheduledatetime"] == sent

    @given(
        st.integers(946_684_800, 4_102_444_800),
        st.integers(-14 * 60, 14 * 60),
    )
    def test_name_the_same_moment(self, epoch: int, minutes: int) -> None:
        moment = datetime.fromtimestamp(epoch, timezone(timedelta(minutes=minutes)))
        operation = OPERATIONS["sms.sendsms"]
        given = sample(operation) | {"scheduledatetime": moment.isoformat()}

        params = check(operation, given, UTC)

        assert isinstance(params, dict)
        sent = datetime.fromisoformat(str(params["scheduledatetime"])).replace(tzinfo=UTC)
        assert sent == moment

    def test_beyond_the_calendar_are_refused(self) -> None:
        operation = OPERATIONS["sms.sendsms"]
        given = sample(operation) | {"scheduledatetime": "9999-12-31T23:59:59-10:00"}

        assert "is no date and time that exists" in str(check(operation, given, MADRID))


class TestWords:
    @pytest.mark.parametrize(
        ("name", "param", "wrong", "offered"),
        [
            ("chat.sendfile", "type", "picture", "image, video, audio, voice, document, contact"),
            ("chat.sendfile", "platform", "WhatsApp", "webchat, whatsapp, telegram, operator"),
            ("group.creategroup", "type", "sms", "mobile, email"),
        ],
    )
    def test_of_a_few(self, name: str, param: str, wrong: str, offered: str) -> None:
        assert checked(name, **{param: wrong}) == f"{param}: can only be one of {offered}"
        for word in offered.split(", "):
            given: dict[str, object] = {param: word}
            if name == "group.creategroup":
                given["fields"] = word
            assert checked(name, **given)[param] == word

    @pytest.mark.parametrize("given", ["34", "+34", "0034", 34])
    def test_dialling_codes(self, given: object) -> None:
        assert checked("sms.sendsmstogroup", countrycode=given)["countrycode"] == "34"

    @pytest.mark.parametrize("given", ["esp", "034", "34600", "3 4", True])
    def test_what_is_no_dialling_code(self, given: object) -> None:
        assert checked("sms.sendsmstogroup", countrycode=given).startswith("countrycode: is no ")

    @pytest.mark.parametrize("given", ["esp", "ESP", "fra"])
    def test_countries_pass_unchanged(self, given: str) -> None:
        assert checked("group.assigncountrytogroup", countryiso3=given)["countryiso3"] == given

    @pytest.mark.parametrize("given", ["es", "spain", "34", "e p", 34])
    def test_what_is_no_country(self, given: object) -> None:
        mistake = checked("group.assigncountrytogroup", countryiso3=given)
        assert mistake.startswith("countryiso3: is no country code of three letters")

    @pytest.mark.parametrize(
        "given",
        [
            "ftp://example.com/a",
            "/a.jpg",
            "https://",
            "https://user:pw@example.com/a.jpg",
            "https://example.com:port/a",
            "https://example.com/a b",
            "https://exa\nmple.com/",
            "https://[::1/a",
            7,
        ],
        ids=repr,
    )
    def test_what_is_no_url(self, given: object) -> None:
        mistake = checked("chat.sendfile", fileurl=given)

        assert mistake.startswith("fileurl: ")
        assert "pw" not in mistake.split("; ")[0].removesuffix("password in it")

    def test_urls_pass_unchanged(self) -> None:
        url = "https://example.com:8443/a%20b/ñ.jpg?x=1&y=2#z"
        assert checked("chat.sendfile", fileurl=url, thumburl=url)["thumburl"] == url


class TestTexts:
    def test_keep_every_character(self) -> None:
        text = " a+b&c=d %2B ñ 漢 😀\nline\r\n\ttab "
        assert checked("sms.sendsms", sms=text)["sms"] == text

    def test_may_be_whole_numbers(self) -> None:
        assert checked("sms.sendsms", sms=12)["sms"] == "12"

    @pytest.mark.parametrize("given", [True, 1.5, ["a"], {"a": 1}], ids=repr)
    def test_are_nothing_else(self, given: object) -> None:
        assert checked("sms.sendsms", sms=given) == "sms: is no text; write it in quotes"

    @pytest.mark.parametrize(
        ("param", "given", "why"),
        [
            ("sms", "a\0b", "contains a NUL; take it out"),
            ("sms", "a\x07b", "contains control characters; take them out"),
            ("sms", "a\x85b", "contains control characters; take them out"),
            ("from", "a\nb", "contains control characters or line ends; take them out"),
            ("from", "a\0b", "contains a NUL; take it out"),
            ("sms", "a\ud83db", "contains half a character (an unpaired surrogate); write it anew"),
        ],
        ids=repr,
    )
    def test_with_strange_characters(self, param: str, given: str, why: str) -> None:
        assert checked("sms.sendsms", **{param: given}) == f"{param}: {why}"


class TestIds:
    @pytest.mark.parametrize("given", [9007199254740993, "9007199254740993"], ids=repr)
    def test_keep_every_digit(self, given: object) -> None:
        assert checked("sms.sendsmstogroup", idgroup=given)["idgroup"] == "9007199254740993"

    def test_are_texts_and_keep_their_zeros(self) -> None:
        assert checked("sms.sendsmstogroup", idgroup="007")["idgroup"] == "007"

    @pytest.mark.parametrize("given", ["1,2", "1 2", -1, True, 1.0, [1], "1\0", 10**200], ids=repr)
    def test_are_one_each(self, given: object) -> None:
        mistake = checked("sms.sendsmstogroup", idgroup=given)
        assert mistake == 'idgroup: is not one id; write one like "1000"'

    @pytest.mark.parametrize("given", ["1,2, 3", ["1", 2, "3"], (1, 2, 3)], ids=repr)
    def test_in_lists(self, given: object) -> None:
        assert checked("sms.getdeliverystatus", messages=given)["messages"] == "1,2,3"

    def test_alone_where_a_list_is_asked_for(self) -> None:
        assert checked("sms.getdeliverystatus", messages=7)["messages"] == "7"

    @pytest.mark.parametrize(
        "given", ["1,,2", '["1","2"]', ["1", ""], ["1", None], {"1": 2}, 1.5], ids=repr
    )
    def test_in_broken_lists(self, given: object) -> None:
        mistake = checked("sms.getdeliverystatus", messages=given)
        assert mistake.startswith("messages: ")
        assert 'write them like "123456,123457"' in mistake

    def test_of_the_second_api_have_the_type_that_each_call_documents(self) -> None:
        assert checked("contacts.detail", id=7) == {"id": "7"}
        assert checked("contacts.edit", id="7") == {"id": 7}
        assert checked("contacts.delete", id=7) == {"id": 7}
        big = 9007199254740993
        assert checked("contacts.delete", id=str(big)) == {"id": big}

    @pytest.mark.parametrize("given", ["a", "1.0", 1.5, "-1", "007", 2**63, True], ids=repr)
    def test_of_the_second_api_that_are_no_whole_numbers(self, given: object) -> None:
        assert checked("contacts.delete", id=given).startswith("id: is no whole number")


class TestColumns:
    @pytest.mark.parametrize("given", ["mobile, name ,ñ", ["mobile", "name", "ñ"]], ids=repr)
    def test_from_text_or_list(self, given: object) -> None:
        assert checked("group.creategroup", fields=given)["fields"] == "mobile,name,ñ"

    def test_must_have_the_main_one(self) -> None:
        assert checked("group.creategroup", type="email", fields="mobile,name") == (
            "fields: email is not among them, and a group of type email must have it; add it"
        )

    @pytest.mark.parametrize(
        "given", ["mobile,,name", "mobile,a:b", ["mobile", "a,b"], "mobile,mobile", {"mobile": 1}]
    )
    def test_that_cannot_be_meant(self, given: object) -> None:
        assert checked("group.creategroup", fields=given).startswith("fields: ")

    @pytest.mark.parametrize("given", ["a,b", "a:b", " "])
    def test_one_field_has_no_separators(self, given: str) -> None:
        assert checked("group.addcolumntogroup", field=given).startswith("field: ")


PAIRED = [("group.addcontact", "contact"), ("group.modifycontact", "contact")]
PAIRED += [("sms.sendsmsfromtemplate", "params")]


@pytest.mark.parametrize(("name", "param"), PAIRED)
class TestPairs:
    @pytest.mark.parametrize(
        "given",
        [
            "mobile:34600000001, name:José + Ana",
            {"mobile": 34600000001, "name": "José + Ana"},
            '{"mobile": "34600000001", "name": "José + Ana"}',
        ],
        ids=repr,
    )
    def test_from_text_or_object(self, name: str, param: str, given: object) -> None:
        sent = checked(name, **{param: given})[param]
        assert sent == "mobile:34600000001,name:José + Ana"

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            ("mobile:1,name:Doe, John", "piece 3 between commas has no colon"),
            ("mobile:1,time:10:30", "piece 2 between commas has more than one colon"),
            ({"mobile": 1, "name": "Doe, John"}, "field name has a comma or colon in its value"),
            ({"mobile": 1, "time": "10:30"}, "field time has a comma or colon in its value"),
            ({"mo,bile": 1}, "has a comma or colon in the name of a field"),
            ({"mo:bile": 1}, "has a comma or colon in the name of a field"),
            ({"": 1}, "is empty; write the name of a field"),
            ("mobile:1,mobile:2", "field mobile is there twice"),
            ('{"mobile":1,"mobile":2}', "field mobile is there twice"),
            ({"mobile": 1, "mobile ": 2}, "field mobile is there twice"),
            ({"mobile": None}, "field mobile is no text"),
            ({"mobile": "1\n2"}, "field mobile contains control characters"),
            ({"mobile": "1\0"}, "field mobile contains a NUL"),
            ('{"mobile":', "is no JSON that can be read"),
            ('{"mobile":NaN}', "is no JSON that can be read"),
            ('{"a":' * 100_000, "is nested too deeply"),
            (["mobile:1"], "is no list of fields"),
            (7, "is no list of fields"),
        ],
        ids=lambda each: repr(each)[:40],
    )
    def test_that_could_become_others(self, name: str, param: str, given: object, why: str) -> None:
        mistake = checked(name, **{param: given})

        assert mistake.startswith(f"{param}: {why}")

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        fields=st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
            min_size=1,
            max_size=4,
        )
    )
    def test_never_become_others(self, name: str, param: str, fields: dict[str, str]) -> None:
        sent = checked(name, **{param: fields})

        if isinstance(sent, str):
            assert sent.startswith(f"{param}: ")
            return
        read = dict(piece.split(":") for piece in sent[param].split(","))
        assert read == {field.strip(): value for field, value in fields.items()}
        if not sent[param].startswith("{"):  # that would be read as JSON
            assert checked(name, **{param: sent[param]}) == sent


class TestContacts:
    @pytest.mark.parametrize("wrap", [lambda each: each, json.dumps], ids=["list", "text"])
    def test_take_any_value(self, wrap: Callable[[object], object]) -> None:
        contacts = [{"mobile": "34600000001", "name": 'Doe, J: "x"\n+&ñ😀'}, {"mobile": ""}]

        sent = checked("group.addcontactlist", contacts=wrap(contacts))["contacts"]

        assert json.loads(sent) == contacts

    def test_numbers_become_texts(self) -> None:
        sent = checked("group.addcontactlist", contacts=[{"mobile": 34600000001}])["contacts"]
        assert sent == '[{"mobile":"34600000001"}]'

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            ("[]", "is no list of contacts"),
            ({"mobile": "1"}, "is no list of contacts"),
            ("mobile:1", "is no JSON that can be read"),
            ('[{"mobile":"1","mobile":"2"}]', "field mobile is there twice"),
            ([{"mobile": "1"}, "x"], "contact 2 is no object with fields"),
            ([{"mobile": "1"}, {}], "contact 2 is no object with fields"),
            ([{"mobile": None}], "contact 1 field mobile is no text"),
            ([{"mobile": {"a": 1}}], "contact 1 field mobile is no text"),
            ([{"mobile": 1.5}], "contact 1 field mobile is no text"),
            ([{"": "1"}], "contact 1 has a field without a usable name"),
            ([{"mobile": "a\0"}], "contact 1 field mobile contains a NUL"),
            ("[" * 100_000, "is nested too deeply"),
        ],
        ids=lambda each: repr(each)[:40],
    )
    def test_that_cannot_be_meant(self, given: object, why: str) -> None:
        assert checked("group.addcontactlist", contacts=given).startswith(f"contacts: {why}")


def test_an_empty_text_may_empty_a_field_of_a_contact() -> None:
    assert checked("contacts.edit", id=1, company="") == {"id": 1, "company": ""}


def test_null_is_no_value_of_a_contact() -> None:
    assert checked("contacts.edit", id=1, company=None).startswith("company: is empty; leave it")


class TestConfirming:
    @pytest.mark.parametrize("word", [None, False, "true", 1, "yes"], ids=repr)
    def test_deletegroup_wants_the_word_for_it(self, word: object) -> None:
        missing = unconfirmed(OPERATIONS["group.deletegroup"], word)
        assert missing.startswith("confirm: group.deletegroup is irrevocable")
        assert '"confirm": true' in missing
        assert "--confirm" in missing

    def test_with_the_word_nothing_is_missing(self) -> None:
        assert unconfirmed(OPERATIONS["group.deletegroup"], confirmed=True) == ""

    def test_nothing_else_wants_it(self) -> None:
        assert [name for name, each in OPERATIONS.items() if unconfirmed(each, None)] == [
            "group.deletegroup"
        ]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=4), each, max_size=3)
    ),
    max_leaves=3,
)
NAMES = sorted({param.name for each in OPERATIONS.values() for param in each.params})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(list(OPERATIONS.values())),
    st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=4),
)
def test_anything_is_judged_and_nothing_raised(
    operation: Operation, given: dict[str, object]
) -> None:
    known = {param.name for param in operation.params}
    found = check(operation, sample(operation) | given)

    if isinstance(found, str):
        assert found.partition(": ")[0] in {*given, *known}
    else:
        assert all(isinstance(value, str | int) for value in found.values())
        for value in found.values():
            str(value).encode()
            assert "\0" not in str(value)
