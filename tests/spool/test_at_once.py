"""Lines that are read many at once come to what each of them comes to alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.message import PlainRequest, Request
from smppd.ports import Line
from smppd.spool.at_once import AtOnce
from smppd.spool.defaults import line_parser
from smppd.spool.quarantine import Unusable
from smppd.spool.settings import NO_SETTINGS, Settings, read_settings

GOOD = {"to": "+34600000001", "text": "Hola", "from": "ACME", "id": "order-77"}


def good(**changes: object) -> bytes:
    return json.dumps(GOOD | changes).encode()


def bare(**fields: object) -> bytes:
    """A line without a text of its own."""
    return json.dumps({"to": "+34600000001"} | fields).encode()


def settings_of(**given: object) -> Settings:
    settings = read_settings(json.dumps(given).encode(), "campaign")
    assert not isinstance(settings, Unusable)
    return settings


LINES = [
    good(),
    good(text="}"),
    good(text="x-ray", id=None),
    good(receipt=False, flash=True),
    good() + b"\r",
    b'  {"to": "1", "text": "a"}',
    good() + good(),
    good() + b" ",
    b'{"to":',
    b'"1", "text": "a"}',
    b'{"to": "1", "text": "}',
    b'"}',
    b"{}",
    b"",
    good(priority="high"),
    good(id=""),
    good(to=""),
    good(to=["1"]),
    good(text=None),
    good(text=""),
    good(data=None),
    good(op="a.b"),
    good(receipt=None),
    b'{"to": "1", "text": "\xff"}',
    # what is echoed
    good(**{"x-a": "order 7", "x-b": 1.50}),
    good(**{"x-b": None, "x-name": "Ana"}),
    good(**{"x-a": [1, {"b": ["c d"]}], "x-ñ": True}),
    good(**{"x-*": None}),
    good(**{"x-*": {"x-a": "YQ=="}}),
    good(**{"x-": 1}),
    good(text='"x-b": 1', **{"x-c": '"x-d": 2'}),
    good(args={"x-e": 1}),
    b'{"to": "1", "text": "a", "x-a": 1, "x-a": "2"}',
    b'{"to": "1", "text": "a", "\\u0078-a": 1, "x-\\u0062": 2, "x-\\n": 3}',
    b'{"to": "1", "text": "a", "\\u0078-*": null}',
    b'{"to": "1", "text": "a", "x-a": "\xff"}',
    b'{"to": "1", "text": "a", "x-\xff": 1}',
    b'{"to": "1", "text": "a", "x-a": "\\ud83d"}',
    b'{"to": "1", "text": "a", "x-a": "\\u00e1\\ud83d\\ude00/\\/"}',
    b'{"to": "1", "text": "a", "x-a" : [ 1 , "a  b" ], "x-b":-1.50e3 }',
    b'{"to": "1", "text": "a", "x-a": 01}',
    b'{"to": "1", "text": "a", "x-a": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    # what a file's text asks for
    bare(**{"x-name": "Ana"}),
    bare(**{"x-name": 7.0, "x-code": "a"}),
    bare(**{"x-name": "  ", "x-code": "a"}),
    bare(**{"x-name": ["Ana"], "x-code": "a"}),
    bare(**{"x-name": "{}%s\\ \n", "x-code": -1}),
    bare(text=None, **{"x-name": "Ana", "x-code": "a"}),
    bare(data="00", **{"x-name": "Ana", "x-code": "a"}),
    b'{"to": "1", "x-name": 1.50, "x-code": "\\u00e1"}',
    b'{"to": "1", "x-name": 1e999, "x-code": "\xc3\xa1"}',
    b'{"to": "1", "from": null, "x-name": "\xff", "x-code": "\\ud83d"}',
]

SETTINGS = [
    NO_SETTINGS,
    settings_of(name="a"),
    settings_of(text="Hola"),
    settings_of(text="Hola {name}: {x-code} {{%}}"),
    settings_of(text="Hola {name}", **{"from": "ACME", "x-name": "you", "x-a": [1, 2]}),
    settings_of(**{"from": None, "receipt": False, "flash": True, "x-\n": 1, "x-b": "c"}),
    settings_of(**{"x-*": 1, "text": "Hola"}),
    settings_of(text="Hola {name}", priority="high"),
    settings_of(data="00"),
    settings_of(op="group.getgroups"),
]


@given(
    st.sampled_from(SETTINGS),
    st.lists(st.lists(st.sampled_from(LINES), min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_lines_read_at_once_are_the_same_as_one_by_one(
    settings: Settings, lots: list[list[bytes]]
) -> None:
    at_once, one_by_one = AtOnce(settings), line_parser(settings)
    for lines in lots:
        found = at_once.lot(lines, 5)
        if found is None:
            found = [at_once.line(raw, number) for number, raw in enumerate(lines, 5)]
        alone = [one_by_one(raw, number) for number, raw in enumerate(lines, 5)]
        assert list(map(fields_of, found)) == list(map(fields_of, alone))


def fields_of(line: Line) -> list[object]:
    request = line.request
    if request is not None:
        names = type(request).__struct_fields__
        if isinstance(request, PlainRequest):
            names = Request.__struct_fields__
        return [line.number, *(getattr(request, name) for name in names)]
    return [line.number, line.mistake, line.to, line.id, line.echo]


@pytest.mark.parametrize("end", [b"", b"\r"])
def test_plain_lines_are_read_at_once(end: bytes) -> None:
    lines = [good() + end, good(id="other", receipt=False) + end, b'{"to":"1","text":"a"}' + end]
    assert_plain(AtOnce(NO_SETTINGS).lot(lines, 7), 3)


def assert_plain(found: list[Line] | None, count: int) -> None:
    assert found is not None
    assert [line.number for line in found] == list(range(7, 7 + count))
    assert all(isinstance(line.request, PlainRequest) for line in found)


def test_lines_with_fields_to_echo_are_read_at_once() -> None:
    at_once = AtOnce(NO_SETTINGS)
    assert_plain(at_once.lot([good(**{"x-a": 1}), good(**{"x-b": [1, 2]}), good()], 7), 3)
    found = at_once.lot([good(), good(**{"x-b": [1, 2], "x-c": "d"})], 7)
    assert_plain(found, 2)
    assert found is not None
    assert [line.request and line.request.echo for line in found] == [
        None,
        {"x-b": b"[1,2]", "x-c": b'"d"'},
    ]


def test_a_text_with_gaps_is_filled_at_once() -> None:
    at_once = AtOnce(settings_of(text="Hola {name}", **{"from": "ACME"}))
    found = at_once.lot([bare(**{"x-name": "Ana"}), good(), bare(**{"x-name": 7})], 7)
    assert_plain(found, 3)
    assert found is not None
    assert [line.request and line.request.text for line in found] == ["Hola Ana", "Hola", "Hola 7"]


def test_a_plain_line_beside_a_rare_one_stays_a_plain_one() -> None:
    at_once = AtOnce(NO_SETTINGS)
    assert at_once.lot([good(), good(priority="high")], 1) is None
    assert isinstance(at_once.line(good(), 1).request, PlainRequest)
    assert type(at_once.line(good(priority="high"), 1).request) is Request


def test_a_line_that_lacks_a_value_is_the_only_one_to_have_a_mistake() -> None:
    found = AtOnce(settings_of(text="Hola {name}")).lot([bare(**{"x-name": "Ana"}), bare()], 7)
    assert found is not None
    assert [line.mistake and line.mistake.code for line in found] == [None, "MISSING_VALUE"]


def test_lines_with_ever_other_names_are_still_read() -> None:
    at_once = AtOnce(NO_SETTINGS)
    for number in range(200):
        raw = good(**{f"x-{number}": number})
        lines = at_once.lot([raw], 1) or [at_once.line(raw, 1)]
        request = lines[0].request
        assert request is not None
        assert request.echo == {f"x-{number}": str(number).encode()}


@pytest.mark.parametrize(
    "lines",
    [
        [good() + good(), b'{"to":', b'"1", "text": "a"}'],
        [good(), b"", good() + good()],
        [b'{"to": "1", "text": "}', good() + good()],
    ],
)
def test_as_many_objects_as_lines_are_not_a_line_each(lines: list[bytes]) -> None:
    assert AtOnce(NO_SETTINGS).lot(lines, 1) is None
