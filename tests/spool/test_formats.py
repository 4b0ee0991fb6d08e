"""Lines and documents: what is good, and what each mistake is called."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.message import CallRequest, Request
from smppd.spool.careful import too_long
from smppd.spool.formats import (
    CODES,
    Format,
    closes,
    format_of,
    parse_document,
    parse_line,
)
from smppd.spool.quarantine import Unusable

GOOD = {"to": "+34600000001", "text": "Hola", "from": "ACME", "id": "order-77"}


def good(**changes: object) -> bytes:
    return json.dumps(GOOD | changes).encode()


def call(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_a_good_line_becomes_a_request() -> None:
    line = parse_line(good(), 7)
    assert (line.number, line.mistake) == (7, None)
    assert line.request == Request(to="+34600000001", text="Hola", from_="ACME", id="order-77")


@pytest.mark.parametrize(
    "changes",
    [
        {"to": ["1", "2"]},
        {"text": None, "data": "00ff"},
        {"text": None, "data": "00 ff", "encoding": "binary"},
        {"udh": "0500"},
        {"tlv": {"0x1400": "0a", "0x1401": ""}},
        {"priority": "high", "on_unknown": "resend", "encoding": "ucs2"},
        {"expires": "10m"},
        {"expires": 90},
        {"transliterate": False, "flash": True, "receipt": False},
        {"id": None, "via": "main"},
    ],
)
def test_every_field_may_be_given(changes: dict[str, object]) -> None:
    line = parse_line(good(**changes), 1)
    assert line.mistake is None
    assert line.request is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"op": "group.getcontacts", "args": {"idgroup": 7}, "id": "a", "x-n": 1},
        {"op": "chat.getchatchannels", "via": "http", "priority": "high", "on_unknown": "fail"},
        {"op": "group.deletegroup", "args": {"idgroup": 7}, "confirm": True},
        {"to": ["1", "2"], "template": 7, "params": {"name": "Ana"}, "expires": "10m"},
        {"to": "1", "template": "7", "params": "name:Ana"},
        {"group": 7, "text": "Hola", "country": "34", "from": "A", "receipt": False},
        {"group": "7", "template": 5, "country": 34, "send_at": "2030-01-01T00:00:00Z"},
    ],
)
def test_a_line_for_the_api_becomes_a_request(fields: dict[str, object]) -> None:
    found = parse_line(json.dumps(fields).encode(), 1).request
    assert isinstance(found, CallRequest)
    names = {"from": "from_"}
    given = {name: value for name, value in fields.items() if not name.startswith("x-")}
    assert given == {name: getattr(found, names.get(name, name)) for name in given}


def test_null_is_nothing_given() -> None:
    line = parse_line(good(op=None, args=None, template=None, group=None, country=None), 1)
    assert type(line.request) is Request


def test_args_may_hold_a_long_list() -> None:
    contacts = [{"mobile": f"346{n:08}", "name": "Ana"} for n in range(10_000)]
    raw = call(op="group.addcontactlist", args={"idgroup": 7, "contacts": contacts})
    assert len(raw) < 1 << 20
    request = parse_line(raw, 1).request
    assert isinstance(request, CallRequest)
    assert request.args is not None
    assert request.args["contacts"] == contacts


MISTAKES = [
    (b"\xff" + good(), "BAD_UTF8", ["column 1", "0xff", "UTF-8"]),
    (good().replace(b"Hola", b"Hol\xe9"), "BAD_UTF8", ["column 36", "0xe9"]),
    (b"hello", "BAD_JSON", ["column 1"]),
    (b"{'to': '1'}", "BAD_JSON", ["column 2"]),
    (good()[:-1], "BAD_JSON", ["too early", f"column {len(good())}"]),
    (good() + b" x", "BAD_JSON", ["column"]),
    (b'{"to":"1","text":"\\ud83d"}', "BAD_JSON", ["surrogate", "column 19"]),
    (b'{"to":"1","text":"\\ud83d, well"}', "BAD_JSON", ["surrogate"]),
    (b'{"to":"1","text":"\\ud83d\\ude00","id":NaN}', "BAD_JSON", ["invalid"]),
    (b'{"to":"1","x-a":' + b"[" * 200_000, "BAD_JSON", ["deep"]),
    (b'["1", "Hola"]', "NOT_OBJECT", ["but a list: write"]),
    (b'"Hola"', "NOT_OBJECT", ["a text"]),
    (b"12", "NOT_OBJECT", ["a number"]),
    (good(txt="Hola"), "UNKNOWN_FIELD", ["txt", "did you mean text?"]),
    (good(msisdn="1"), "UNKNOWN_FIELD", ["msisdn", "did you mean to?"]),
    (good(zzz=1), "UNKNOWN_FIELD", ["zzz", "x-"]),
    (b'{"text": "Hola"}', "MISSING_TO", ["to", "add"]),
    (good(to=34600000001), "BAD_TYPE", ["to:", "in quotes", "not a number"]),
    (good(to=["1", 2]), "BAD_TYPE", ["to:", "holds something else"]),
    (good(text=5), "BAD_TYPE", ["text:", "a text in quotes", "not a number"]),
    (good(receipt="yes"), "BAD_TYPE", ["receipt:", "true or false", "not a text"]),
    (good(encoding=None), "BAD_TYPE", ["encoding:", "null"]),
    (good(tlv={"0x1400": 1}), "BAD_TYPE", ["tlv:", "0x1400"]),
    (good(to=""), "EMPTY_TO", ["to:"]),
    (good(to=[]), "EMPTY_TO", ["to:"]),
    (good(to=["1", ""]), "EMPTY_TO", ["to:"]),
    (good(to=["1"] * 1001), "TOO_MANY_TO", ["to:", "1,001 numbers", "write more lines"]),
    (good(id=""), "EMPTY_ID", ["id:", "leave the field out"]),
    (good(id="a" * 501), "LONG_ID", ["id:", "501 characters", "500 at most"]),
    (good(id="a" * 501, priority="high"), "LONG_ID", ["id:"]),
    (b'{"to": "1"}', "MISSING_TEXT", ["text:", "data"]),
    (good(data="00"), "TEXT_AND_DATA", ["leave one out"]),
    (good(text=""), "EMPTY_TEXT", ["text:"]),
    (good(text=None, data=""), "EMPTY_TEXT", ["data:"]),
    (good(text=None, data="0g"), "BAD_HEX", ["data:"]),
    (good(text=None, data="000"), "BAD_HEX", ["data:"]),
    (good(udh=""), "BAD_HEX", ["udh:"]),
    (good(tlv={"5120": "00"}), "BAD_TLV", ["5120"]),
    (good(tlv={"0x1400": "0"}), "BAD_TLV", ["0x1400"]),
    (good(priority="urgent"), "BAD_PRIORITY", ["urgent", "high, normal, bulk"]),
    (good(on_unknown="retry"), "BAD_ON_UNKNOWN", ["retry", "hold, resend, fail"]),
    (good(encoding="utf8"), "BAD_ENCODING", ["utf8", "gsm7"]),
    (good(encoding="binary"), "BAD_ENCODING", ["binary", "data"]),
    (good(expires="soon"), "BAD_EXPIRES", ["soon", "10m"]),
    (good(expires="2030-01-01T00:00:00"), "BAD_EXPIRES", ["offset"]),
    (good(expires=0), "BAD_EXPIRES", ["duration"]),
    (good(expires=10**30), "BAD_EXPIRES", ["duration"]),
    (good(op="sms.sendsms"), "WRONG_FIELD", ["to:", "put it into args"]),
    (call(op="sms.sendsmss"), "BAD_OP", ["op:", "sms.sendsmss", "did you mean sms.sendsms?"]),
    (call(op="nothing"), "BAD_OP", ["op:", "smppd api --list"]),
    (call(op=""), "BAD_OP", ["op:", "smppd api --list"]),
    (call(op=5), "BAD_TYPE", ["op:", "a text in quotes"]),
    (call(op="sms.sendsms", args=[1]), "BAD_TYPE", ["args:", "an object like"]),
    (call(op="sms.sendsms", idgroup=7), "UNKNOWN_FIELD", ["idgroup:", "put it into args"]),
    (call(op="sms.sendsms", template=7), "WRONG_FIELD", ["template:", "put it into args"]),
    (call(op="sms.sendsms", data="00"), "WRONG_FIELD", ["data:", "SMPP alone"]),
    (call(op="sms.sendsms", udh="0500"), "WRONG_FIELD", ["udh:", "SMPP alone"]),
    (call(op="sms.sendsms", tlv={"0x1400": "0a"}), "WRONG_FIELD", ["tlv:", "SMPP alone"]),
    (call(op="sms.sendsms", flash=True), "WRONG_FIELD", ["flash:", "SMPP alone"]),
    (call(op="sms.sendsms", encoding="ucs2"), "WRONG_FIELD", ["encoding:", "SMPP alone"]),
    (call(op="sms.sendsms", transliterate=False), "WRONG_FIELD", ["transliterate:", "leave it"]),
    (call(op="sms.sendsms", id=""), "EMPTY_ID", ["id:"]),
    (call(op="sms.sendsms", id="a" * 501), "LONG_ID", ["id:"]),
    (call(op="sms.sendsms", expires="soon"), "BAD_EXPIRES", ["soon"]),
    (call(op="sms.sendsms", priority="urgent"), "BAD_PRIORITY", ["urgent"]),
    (call(op="group.deletegroup", args={"idgroup": 7}), "NOT_CONFIRMED", ["confirm:", "true"]),
    (call(op="group.deletegroup", confirm=1), "BAD_TYPE", ["confirm:", "true or false"]),
    (good(args={"idgroup": 7}), "WRONG_FIELD", ["args:", "goes with op"]),
    (good(confirm=True), "WRONG_FIELD", ["confirm:", "goes with op"]),
    (good(confirm=False), "WRONG_FIELD", ["confirm:", "goes with op"]),
    (good(params="a:b"), "WRONG_FIELD", ["params:", "goes with template"]),
    (good(country="34"), "WRONG_FIELD", ["country:", "goes with group"]),
    (good(template=7), "WRONG_FIELD", ["text:", "leave one of the two out"]),
    (call(to="1", template=7, **{"from": "A"}), "WRONG_FIELD", ["from:", "leave it out"]),
    (call(to="1", template=7, country="34"), "WRONG_FIELD", ["country:", "goes with group"]),
    (call(to="1", template=7, flash=True), "WRONG_FIELD", ["flash:", "SMPP alone"]),
    (call(to="1", template=[7]), "BAD_TYPE", ["template:", "the template's id"]),
    (call(template=7), "MISSING_TO", ["to:", "a number, or to a group"]),
    (call(template=7, to=["1", ""]), "EMPTY_TO", ["to:"]),
    (call(template=7, to=["1"] * 1001), "TOO_MANY_TO", ["to:", "1,001 numbers"]),
    (good(group=7), "WRONG_FIELD", ["to:", "not go with group"]),
    (call(group=7), "MISSING_TEXT", ["text:", "or a template"]),
    (call(group=7, text=""), "EMPTY_TEXT", ["text:"]),
    (call(group=7, text="x", params="a:b"), "WRONG_FIELD", ["params:", "goes with template"]),
    (call(group=7, text="x", data="00"), "WRONG_FIELD", ["data:", "SMPP alone"]),
    (call(group=7, template=5, params="a:b"), "WRONG_FIELD", ["params:", "single numbers"]),
    (call(group=7, template=5, text="x"), "WRONG_FIELD", ["text:", "not go with template"]),
    (call(group=7, template=5, **{"from": "A"}), "WRONG_FIELD", ["from:", "leave it out"]),
    (call(group=7, template=5, to="1"), "WRONG_FIELD", ["to:", "not go with group"]),
    (call(text="x", op=None), "MISSING_TO", ["to:", "add the destination"]),
    (good(send_at="2030-01-01T00:00"), "BAD_SEND_AT", ["send_at:", "no offset"]),
    (good(send_at="10m"), "BAD_SEND_AT", ["send_at:", "10m", "2030-01-31T18:00:00+01:00"]),
]


@pytest.mark.parametrize(("raw", "code", "words"), MISTAKES)
def test_a_mistake_has_a_code_and_names_field_and_cure(
    raw: bytes, code: str, words: list[str]
) -> None:
    line = parse_line(raw, 3)
    assert line.number == 3
    assert line.request is None
    assert line.mistake is not None
    assert line.mistake.code == code
    assert "\n" not in line.mistake.text
    for word in words:
        assert word in line.mistake.text


def test_the_list_of_codes_is_the_codes_there_are() -> None:
    of_rows = {"MISSING_VALUE", "BAD_QUOTES", "RAGGED", "NUL_OCTET"}  # see test_csv
    of_smstools = {"NO_HEADERS", "BAD_HEADER", "NOT_BY_SMPP"}  # see test_smstools_text
    told = {code for _, code, _ in MISTAKES} | {"LINE_TOO_LONG"}
    assert told | of_rows | of_smstools == set(CODES)
    mistake = too_long(b'{"to": "1", "text": "aaaa', 9, 100).mistake
    assert mistake is not None
    assert mistake.code == "LINE_TOO_LONG"
    assert "100 octets" in mistake.text


@pytest.mark.parametrize(
    ("raw", "to", "client_id"),
    [
        (good(txt=1), "+34600000001", "order-77"),
        (good(text=""), "+34600000001", "order-77"),
        (good()[:-3], "+34600000001", None),
        (good(to=600, id=None), "600", None),
        (good(to=["1", "2"], text=""), "1, 2", "order-77"),
        (good(to=[1, "2"], id=5), "1, 2", "5"),
        (good(to={"a": 1}, id=None), "", None),
        (call(op="contacts.detail", args={"id": "7", "to": "1"}, zzz=1), "", None),
        (b"rubbish", "", None),
    ],
)
def test_to_and_id_are_kept_where_they_can_be_read(
    raw: bytes, to: str, client_id: str | None
) -> None:
    line = parse_line(raw, 1)
    assert line.mistake is not None
    assert (line.to, line.id) == (to, client_id)


def test_own_fields_come_back_on_one_line() -> None:
    raw = b'{"to": "1", "text": "a", "x-ref": {"n": 1.10,\r\n "l": [1, 2]}, "x-*": "\\u00f1"}'
    request = parse_line(raw, 1).request
    assert request is not None
    assert request.echo is not None
    echo = {name: bytes(value) for name, value in request.echo.items()}
    assert echo == {"x-ref": b'{"n":1.10,"l":[1,2]}', "x-*": b'"\\u00f1"'}


def test_the_field_that_holds_the_own_fields_cannot_be_written_directly() -> None:
    request = parse_line(b'{"to": "1", "text": "a", "\\u0078-*": {"b": 1}}', 1).request
    assert request is not None
    assert request.echo == {"x-*": b'{"b":1}'}


def test_own_fields_must_be_utf8_too() -> None:
    line = parse_line(b'{"to": "1", "text": "a", "x-ref": "\xff"}', 1)
    assert line.mistake is not None
    assert line.mistake.code == "BAD_UTF8"


@given(st.binary(max_size=60))
def test_no_octets_raise(raw: bytes) -> None:
    line = parse_line(raw, 1)
    assert (line.request is None) != (line.mistake is None)


JSON_TEXTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
FIELD_NAMES = st.sampled_from([*(field for field in msgspec.structs.asdict(CallRequest()))])


@given(st.dictionaries(FIELD_NAMES | st.just("x-a") | st.text(), JSON_TEXTS, max_size=6))
def test_no_object_raises_and_every_mistake_is_one_of_the_list(fields: dict[str, object]) -> None:
    line = parse_line(json.dumps(fields).encode(errors="replace"), 1)
    if line.mistake is None:
        assert line.request is not None
        assert line.request.to or isinstance(line.request, CallRequest)
    else:
        assert line.mistake.code in CODES


# ── documents ────────────────────────────────────────────────────────────────────────────────


def test_a_document_may_spread_over_lines() -> None:
    line = parse_document(json.dumps(GOOD, indent=2).encode())
    assert not isinstance(line, Unusable)
    assert line.request is not None


def test_a_document_with_a_mistake_is_a_rejected_line() -> None:
    line = parse_document(good(txt="x"))
    assert not isinstance(line, Unusable)
    assert line.mistake is not None
    assert (line.number, line.mistake.code) == (1, "UNKNOWN_FIELD")


@pytest.mark.parametrize(
    ("raw", "line", "column", "word"),
    [
        (b'{\n  "to": "1",\n  "text": ?\n}', 3, 11, "not JSON"),
        (b'{\n  "to": "1",\n  "text": "n', 3, 13, "too early"),
        (b"[1, 2]", 1, 1, "list"),
        (b'"text"', 1, 1, "not an object"),
        (b'{\n"to": "\xff"}', 2, 8, "UTF-8"),
    ],
)
def test_a_document_that_is_no_object_says_where(
    raw: bytes, line: int, column: int, word: str
) -> None:
    problem = parse_document(raw)
    assert isinstance(problem, Unusable)
    assert (problem.line, problem.column) == (line, column)
    assert word in problem.reason
    assert problem.cure


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.json", Format.JSON),
        ("A.JSON", Format.JSON),
        ("a.jsonl", Format.JSON_LINES),
        ("a.csv", Format.CSV),
        ("a.csv.gz", Format.CSV),
        ("a.json.GZ", Format.JSON),
        ("a.gz", None),
        ("a.xls", None),
        ("json", None),
        ("a.json.bak", None),
    ],
)
def test_the_extension_tells_the_format(name: str, form: Format | None) -> None:
    assert format_of(name) is form


DOCUMENT = json.dumps(GOOD | {"tlv": {"0x1400": "00"}, "x-n": [1, {"a": "ñ"}]}, indent=1)


def test_a_document_is_whole_only_at_its_end() -> None:
    raw = json.dumps(json.loads(DOCUMENT), ensure_ascii=False, indent=1).encode()
    assert closes(Format.JSON, raw)
    assert closes(Format.JSON, raw + b"\n")
    for length in range(len(raw)):
        assert not closes(Format.JSON, raw[:length]), raw[:length]


@pytest.mark.parametrize(
    "raw", [b"hello", b'{"to": nope, ', b'{"text":"\\ud83d"}', b"{} {", b"\xffx", b"[]"]
)
def test_what_no_further_octet_can_mend_is_whole(raw: bytes) -> None:
    assert closes(Format.JSON, raw)


def test_lines_are_whole_when_a_newline_ends_them() -> None:
    assert closes(Format.JSON_LINES, b"}\n")
    assert not closes(Format.JSON_LINES, b"}")
    assert not closes(Format.JSON_LINES, b"")


def test_binary_needs_no_end_but_space_to_be_filled_does() -> None:
    assert closes(Format.JSON_LINES, b"\x7fELF\0\1")
    for form in Format:
        assert closes(form, b"{}\n\0\0\0") is form.is_smstools


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (good(to=3), "in quotes, or a list of them, not a number"),
        (good(to=["1", 2]), "not a list that holds something else"),
        (b'{"op":"group.getcontacts","args":["x"]}', 'an object like {"idgroup": 7}, not a list'),
    ],
)
def test_more_is_said_of_what_is_there_only_where_its_kind_would_do(line: bytes, said: str) -> None:
    found = parse_line(line, 1).mistake
    assert found is not None
    assert found.text.endswith(said)
