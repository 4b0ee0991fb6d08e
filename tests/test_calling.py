"""From lines to calls of the provider's HTTP APIs: parameters, shorthands, and every mistake."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.calling import CODES, make_call, operation_of
from smppd.config import AccountConfig, ContactsConfig, HttpConfig
from smppd.message import Call, CallRequest, ErrorInfo, Message, OnUnknown, Request
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.operation import Api
from smppd.spool.formats import parse_line

ACCOUNT = HttpConfig(name="afilnet", from_="ACME", default_country="34")
BARE = HttpConfig(name="afilnet")
BOOK = ContactsConfig(name="book", url="https://book.example.net")
NOW = 1_800_000_000.0


_OWN: dict[str, Any] = {"x-ref": 7}
_FROM: dict[str, Any] = {"from": "ME"}


def request(**fields: Any) -> Request:
    line = parse_line(json.dumps(fields).encode(), 1)
    assert line.request is not None, line.mistake
    return line.request


def made(account: AccountConfig = ACCOUNT, **fields: Any) -> Message:
    found = make_call(request(**fields), fields.get("to", ""), account, "", NOW)
    assert isinstance(found, Message), found
    return found


def called(account: AccountConfig = ACCOUNT, **fields: Any) -> Call:
    call = made(account, **fields).call
    assert call is not None
    return call


def refused(account: AccountConfig = ACCOUNT, **fields: Any) -> ErrorInfo:
    found = make_call(request(**fields), fields.get("to", ""), account, "", NOW)
    assert isinstance(found, ErrorInfo), found
    assert "\n" not in found.text
    return found


# ── operations ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_may_be_asked_for_by_name(name: str) -> None:
    operation = OPERATIONS[name]
    args = {each.name: each.example for each in operation.params if each.example}
    account = BOOK if operation.api is Api.CONTACTS else ACCOUNT
    call = called(account, op=name, args=args, confirm=True)
    assert (call.op, call.harmless) == (name, operation.harmless)
    assert set(call.params) == set(args)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        (name, param.name)
        for name, each in OPERATIONS.items()
        for param in each.params
        if param.required
    ],
)
def test_a_missing_compulsory_parameter_is_refused_with_its_name(name: str, missing: str) -> None:
    operation = OPERATIONS[name]
    args = {each.name: each.example for each in operation.params if each.example}
    account = BOOK if operation.api is Api.CONTACTS else ACCOUNT
    for nothing in ({}, {missing: ""}, {missing: None}):
        given = {key: value for key, value in args.items() if key != missing} | nothing
        error = refused(account, op=name, args=given, confirm=True)
        assert error.code == "MISSING_ARG"
        assert error.text.startswith(f"args: {missing}: ")


def test_what_a_call_is_as_a_message() -> None:
    args: dict[str, Any] = {"from": "ACME", "to": "34600000001", "sms": "Hola"}
    message = made(op="sms.sendsms", args=args, id="c-1", **_OWN)
    assert message.call == Call("sms.sendsms", args, False)
    assert (message.to, message.sender, message.encoding) == ("34600000001", "ACME", "")
    assert (message.segments, message.echo) == ((b"",), {"x-ref": b"7"})
    assert (message.send_at, message.expires, message.on_unknown) == (None, None, OnUnknown.HOLD)


def test_an_operation_without_parameters_needs_no_args() -> None:
    assert called(op="chat.getchatchannels") == Call("chat.getchatchannels", {}, True)


def test_the_destination_of_a_chat_is_shown() -> None:
    args = {"platform": "whatsapp", "platformid": "1", "destination": "346", "message": "x"}
    assert made(op="chat.sendmessage", args=args).to == "346"


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_operation_of_a_name(name: str) -> None:
    assert operation_of(CallRequest(op=name)) is OPERATIONS[name]


# ── what goes with it ────────────────────────────────────────────────────────────────────────

SEND: dict[str, Any] = {"op": "sms.sendsms", "args": {"from": "A", "to": "34600000001", "sms": "x"}}
READ: dict[str, Any] = {"op": "group.getcontacts", "args": {"idgroup": "7"}}


@pytest.mark.parametrize(
    ("line", "word", "rule"),
    [
        (SEND, None, OnUnknown.HOLD),
        (SEND, "resend", OnUnknown.RESEND),
        (SEND, "fail", OnUnknown.FAIL),
        (READ, None, OnUnknown.RESEND),
        (READ, "hold", OnUnknown.HOLD),
    ],
)
def test_what_reads_is_sent_again_and_what_sends_is_held(
    line: dict[str, Any], word: str | None, rule: OnUnknown
) -> None:
    assert made(**line, on_unknown=word).on_unknown is rule


@pytest.mark.parametrize(
    ("account", "line", "receipt"),
    [
        (replace(ACCOUNT, status_after=60.0), SEND, True),
        (replace(ACCOUNT, status_after=60.0), SEND | {"receipt": False}, False),
        (replace(ACCOUNT, status_after=60.0), READ, False),
        (replace(ACCOUNT, status_after=60.0), {"group": 7, "text": "x"}, True),
        (
            replace(ACCOUNT, status_after=60.0),
            {
                "op": "chat.sendmessage",
                "args": {
                    "platform": "webchat",
                    "platformid": "1",
                    "destination": "1",
                    "message": "x",
                },
            },
            False,
        ),
        (ACCOUNT, SEND, False),
    ],
)
def test_a_receipt_is_only_waited_for_where_it_is_asked_for(
    account: HttpConfig, line: dict[str, Any], receipt: bool
) -> None:
    assert made(account, **line).receipt is receipt


def test_it_may_wait_and_expire_as_any_message() -> None:
    message = made(**SEND, send_at="2027-01-15T09:00:00+00:00", expires="10m")
    assert message.send_at == 1_800_003_600.0
    assert message.expires == message.send_at + 600.0
    assert message.schedule is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"send_at": "2050-01-01T00:00:00Z"}, "BAD_SEND_AT"),
        ({"send_at": "2028-01-01T00:00:00Z", "expires": "2027-06-01T00:00:00Z"}, "BAD_EXPIRES"),
    ],
)
def test_times_that_cannot_be(fields: dict[str, Any], code: str) -> None:
    assert refused(**SEND, **fields).code == code


# ── shorthands ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("params", [{"name": "Ana", "n": 5}, "name:Ana,n:5"])
def test_a_template_to_a_number(params: object) -> None:
    call = called(to="600 000 001", template=1000, params=params)
    assert call.op == "sms.sendsmsfromtemplate"
    given = {"to": "34600000001", "idtemplate": "1000", "params": "name:Ana,n:5"}
    assert call.params == given


def test_a_template_without_values() -> None:
    assert called(to="+34600000001", template="1000").params == {
        "to": "34600000001",
        "idtemplate": "1000",
    }


def test_a_text_to_a_group() -> None:
    call = called(group=7, text="Hola")
    assert call.op == "sms.sendsmstogroup"
    given = {"from": "ACME", "countrycode": "34", "idgroup": "7", "sms": "Hola"}
    assert call.params == given
    own: dict[str, Any] = {"group": "7", "text": "Hola", "from": "ME", "country": "351"}
    assert called(**own).params == given | {"from": "ME", "countrycode": "351"}
    assert called(group=7, text="Hola", country=351).params["countrycode"] == "351"
    assert made(group=7, text="Hola").to == ""


def test_a_template_to_a_group() -> None:
    call = called(group=7, template=1000)
    assert call.op == "sms.sendsmstogroupfromtemplate"
    assert call.params == {"countrycode": "34", "idgroup": "7", "idtemplate": "1000"}


def test_a_plain_message_over_an_account() -> None:
    call = called(to="+34 600 000 001", text="Hola €", via="http")
    assert call.op == "sms.sendsms"
    assert call.params == {"from": "ACME", "to": "34600000001", "sms": "Hola €"}
    assert called(to="+34600000001", text="x" * 5000, **_FROM).params["from"] == "ME"


@pytest.mark.parametrize("to", ["+376312345", "00376312345", "+2983123456", "+6907123"])
def test_a_short_international_number_is_one(to: str) -> None:
    digits = to.removeprefix("+").removeprefix("00")
    assert called(to=to, text="Hola", via="http").params["to"] == digits
    assert called(to=to, template=1000).params["to"] == digits


def test_a_short_code_is_no_number_of_a_call() -> None:
    mistake = refused(to="12345", text="Hola", via="http")
    assert (mistake.code, mistake.text.startswith("to: ")) == ("BAD_TO", True)


def test_a_national_number_has_the_country_of_the_account_or_else_of_the_spool() -> None:
    found = make_call(request(to="600000001", text="x"), "600000001", ACCOUNT, "351", NOW)
    assert isinstance(found, Message)
    assert found.to == "34600000001"
    lender = replace(BARE, from_="A")
    found = make_call(request(to="600000001", text="x"), "600000001", lender, "351", NOW)
    assert isinstance(found, Message)
    assert found.to == "351600000001"


MISTAKES: list[tuple[AccountConfig, dict[str, Any], str, str]] = [
    (ACCOUNT, {**READ, "args": {"idgrp": 7}}, "BAD_ARG", "args: idgrp: "),
    (ACCOUNT, {"op": "group.getcontacts"}, "MISSING_ARG", "args: idgroup: missing"),
    (ACCOUNT, {"group": "7,8", "text": "x"}, "BAD_GROUP", "group: "),
    (ACCOUNT, {"to": "+34600000001", "template": "a b"}, "BAD_TEMPLATE", "template: "),
    (ACCOUNT, {"group": 7, "template": "a,b"}, "BAD_TEMPLATE", "template: "),
    (
        ACCOUNT,
        {"to": "+34600000001", "template": 1, "params": {"name": "Ana, Eva"}},
        "BAD_PARAMS",
        "params: field name",
    ),
    (
        ACCOUNT,
        {"to": "+34600000001", "template": 1, "params": "name"},
        "BAD_PARAMS",
        "params: ",
    ),
    (ACCOUNT, {"group": 7, "text": "x", "country": "Spain"}, "BAD_COUNTRY", "country: "),
    (ACCOUNT, {"group": " ", "text": "x"}, "MISSING_ARG", "group: missing"),
    (ACCOUNT, {"group": 7, "template": ""}, "MISSING_ARG", "template: missing"),
    (BARE, {"group": 7, "text": "x", "from": "A"}, "MISSING_ARG", "default_country of"),
    (BARE, {"group": 7, "text": "x", "country": "34"}, "MISSING_ARG", "or set from of"),
    (BARE, {"to": "+34600000001", "text": "x"}, "MISSING_ARG", "from: missing"),
    (ACCOUNT, {"to": "12", "text": "x"}, "BAD_TO", "digits"),
    (ACCOUNT, {"to": "+34600000001", "text": "x", "from": "TWELVELETTER"}, "BAD_FROM", "shorten"),
    (ACCOUNT, {"to": "+34600000001", "text": "a\0b"}, "BAD_TEXT", "text: "),
    *(
        (ACCOUNT, {"to": "+34600000001", "text": "x"} | field, "NOT_BY_HTTP", "afilnet")
        for field in (
            {"udh": "0500"},
            {"tlv": {"0x1400": "00"}},
            {"flash": True},
            {"encoding": "ucs2"},
            {"transliterate": True},
            {"text": None, "data": "00"},
        )
    ),
]


@pytest.mark.parametrize(("account", "line", "code", "words"), MISTAKES)
def test_a_mistake_has_a_code_and_names_field_and_cure(
    account: AccountConfig, line: dict[str, Any], code: str, words: str
) -> None:
    error = refused(account, **line)
    assert error.code == code
    assert words in error.text


def test_an_operation_that_does_not_exist() -> None:
    found = make_call(CallRequest(op="sms.sendsmss"), "", ACCOUNT, "", NOW)
    assert isinstance(found, ErrorInfo)
    assert (found.code, found.text) == (
        "BAD_OP",
        "op: 'sms.sendsmss' is no operation: did you mean sms.sendsms?",
    )


def test_the_list_of_codes_is_the_codes_there_are() -> None:
    elsewhere = {"BAD_TO", "BAD_FROM"}
    assert {code for _, _, code, _ in MISTAKES} - elsewhere | {"BAD_OP"} == set(CODES)


# ── dates of the provider ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("zone", "written", "sent"),
    [
        ("", "2030-07-01 09:30:00", "2030-07-01 09:30:00"),
        ("Europe/Madrid", "2030-07-01 09:30:00", "2030-07-01 09:30:00"),
        ("Europe/Madrid", "2030-07-01T07:30:00Z", "2030-07-01 09:30:00"),
        ("Europe/Madrid", "2030-01-01T07:30:00Z", "2030-01-01 08:30:00"),
        ("UTC", "2030-07-01T09:30:00+02:00", "2030-07-01 07:30:00"),
    ],
)
def test_a_date_is_in_the_time_zone_of_the_account(zone: str, written: str, sent: str) -> None:
    args = SEND["args"] | {"scheduledatetime": written}
    call = called(replace(ACCOUNT, time_zone=zone), op="sms.sendsms", args=args)
    assert call.params["scheduledatetime"] == sent


def test_without_a_time_zone_a_date_with_an_offset_is_refused() -> None:
    args = SEND["args"] | {"scheduledatetime": "2030-07-01T09:30:00+02:00"}
    error = refused(op="sms.sendsms", args=args)
    assert error.code == "BAD_ARG"
    assert "time_zone" in error.text


# ── whatever is written ──────────────────────────────────────────────────────────────────────

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.just("mobile"), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    """A line that asks for something, with anything in it."""
    operation = OPERATIONS[draw(st.sampled_from(sorted(OPERATIONS)))]
    args = {
        each.name: draw(JSON | st.just(each.example))
        for each in operation.params
        if draw(st.booleans())
    }
    short: dict[str, Any] = {
        name: draw(JSON | st.just(usual))
        for name, usual in (
            *(("to", "+34600000001"), ("template", 5), ("group", 7), ("text", "Hola")),
            *(("params", {"a": "b"}), ("country", "34"), ("from", "ACME")),
        )
        if draw(st.booleans())
    }
    return short if draw(st.booleans()) else {"op": operation.name, "args": args, "confirm": True}


@given(lines(), st.sampled_from([ACCOUNT, BARE]))
def test_whatever_is_written_is_a_message_that_can_be_kept_or_a_mistake(
    fields: dict[str, Any], account: HttpConfig
) -> None:
    found = parse_line(json.dumps(fields).encode(errors="replace"), 1).request
    if found is None:
        return
    operation = operation_of(found)
    assert not isinstance(operation, ErrorInfo)
    over = BOOK if operation.api is Api.CONTACTS else account
    for to in [found.to] if isinstance(found.to, str) else found.to:
        made = make_call(found, to, over, "", NOW)
        if isinstance(made, ErrorInfo):
            assert made.code
            assert "\n" not in made.text
        else:
            assert msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Message) == made
            assert made.call is not None
            assert {each.name for each in operation.params if each.required} <= set(
                made.call.params
            )
