"""The first line of a JSON-lines file, and what it means for those that follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smppd.campaign import Canary
from smppd.message import Request
from smppd.ports import Line
from smppd.spool.quarantine import Unusable
from tests.spool.test_csv import lines_of, read


def handed(tmp_path: Path, *lines: object, end: str = "\n") -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(texts) + end)
    return path


def good(path: Path) -> list[Request]:
    lines = lines_of(read(path))
    assert [line.mistake for line in lines] == [None] * len(lines)
    return [line.request for line in lines if line.request is not None]


def reason(path: Path) -> Unusable:
    found = read(path)
    assert isinstance(found, Unusable), found
    return found


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_terms_and_defaults(tmp_path: Path, end: str) -> None:
    campaign = {
        "name": "autumn",
        "unique_text": True,
        "once": True,
        "spread": "2h",
        "canary": {"messages": 50, "max_failed": "10%", "wait": "5m"},
        "from": "ACME",
        "receipt": False,
        "text": "Hola {n}",
    }
    path = handed(
        tmp_path,
        "",
        {"campaign": campaign},
        {"to": "1", "x-n": "Ana"},
        {"to": "2", "text": "own {n}", "receipt": True},
        {"to": ["3", "4"], "data": "00", "from": None},
        end=end,
    )
    chunks = read(path)
    assert not isinstance(chunks, Unusable)
    terms = chunks[0].terms
    assert terms is not None
    assert (terms.name, terms.once, terms.unique_text, terms.spread) == ("autumn", True, True, 7200)
    assert terms.canary == Canary(50, 0.1, 300.0)
    one, two, three = good(path)
    assert (one.to, one.text, one.from_, one.receipt) == ("1", "Hola Ana", "ACME", False)
    assert (two.text, two.from_, two.receipt) == ("own {n}", "ACME", True)
    assert (three.to, three.text, three.data, three.from_) == (["3", "4"], None, "00", None)
    assert [line.number for line in lines_of(read(path))] == [3, 4, 5]


def test_quick_and_careful_reading_complete_lines_alike(tmp_path: Path) -> None:
    campaign = {
        "text": "Hola",
        "from": "ACME",
        "encoding": "ucs2",
        "priority": "bulk",
        "flash": True,
    }
    lines: list[dict[str, object]] = [
        {"to": "1"},
        {"to": "1", "text": "b", "flash": False},
        {"to": "1", "data": "00", "encoding": "auto"},
        {"to": "1", "from": None, "priority": "high"},
        {"to": "1", "text": None, "id": "k"},
    ]
    quick = good(handed(tmp_path, {"campaign": campaign}, *lines))
    careful = good(
        handed(tmp_path, {"campaign": campaign}, *({**each, "x-n": 1} for each in lines))
    )
    for one, other in zip(quick, careful, strict=True):
        other.echo = None
        assert {name: getattr(one, name) for name in Request.__struct_fields__} == {
            name: getattr(other, name) for name in Request.__struct_fields__
        }


def test_an_operation_takes_no_more_from_the_campaign_than_goes_with_it(tmp_path: Path) -> None:
    path = handed(
        tmp_path,
        {"campaign": {"text": "Hola", "from": "ACME", "priority": "bulk"}},
        {"op": "group.getcontacts", "args": {"idgroup": 7}},
    )
    assert [(each.priority, each.from_, each.text) for each in good(path)] == [("bulk", None, None)]


def test_a_gap_may_name_the_field_as_it_stands_in_the_line(tmp_path: Path) -> None:
    path = handed(
        tmp_path, {"campaign": {"text": "Hola {x-name}, {name}"}}, {"to": "1", "x-name": "Ana"}
    )
    assert [each.text for each in good(path)] == ["Hola Ana, Ana"]


@pytest.mark.parametrize("value", ["null", '""', '" "', "[1]", "true", None])
def test_a_gap_without_a_value_is_that_lines_mistake(tmp_path: Path, value: str | None) -> None:
    more = "" if value is None else f', "x-name": {value}'
    path = handed(tmp_path, {"campaign": {"text": "Hola {name}"}}, f'{{"to": "1"{more}}}')
    [line] = lines_of(read(path))
    assert line.mistake is not None
    assert line.mistake.code == "MISSING_VALUE"
    assert line.mistake.text.startswith("x-name: missing or empty")
    assert (line.number, line.to) == (2, "1")


@pytest.mark.parametrize(
    ("first", "what", "cure"),
    [
        ({"campain": {"name": "x"}}, "'campain'", "campaign"),
        ({"campaign": {"name": "x"}, "to": "1"}, "beside other fields", "alone"),
        ({"campaign": "x"}, "is not an object", "write"),
        ({"campaign": {"nam": "x"}}, "'nam'", "did you mean name?"),
        ({"campaign": {"id": "x"}}, "id", "lines"),
        ({"campaign": {"priority": "low"}}, "priority", "correct"),
        ('{"campaign": {', "line 1, column", "one line"),
        ('{"campaign": {"name": x}}', "line 1, column 23", "correct it"),
    ],
)
def test_a_wrong_first_line_keeps_the_whole_file_back(
    tmp_path: Path, first: object, what: str, cure: str
) -> None:
    found = reason(handed(tmp_path, first, {"to": "1", "text": "a"}))
    assert what in found.reason
    assert cure in found.cure
    assert found.line == 1


def test_nothing_behind_the_first_line(tmp_path: Path) -> None:
    for end in ("", "\n", "\n\n"):
        assert reason(handed(tmp_path, {"campaign": {"name": "x"}}, end=end)).reason == "is empty"


def test_a_campaign_in_the_middle_is_that_lines_mistake(tmp_path: Path) -> None:
    path = handed(tmp_path, {"to": "1", "text": "a"}, {"campaign": {"name": "x"}})
    lines: list[Line] = lines_of(read(path))
    assert lines[1].mistake is not None
    assert "first line" in lines[1].mistake.text


def test_a_line_and_a_sidecar_that_contradict_each_other(tmp_path: Path) -> None:
    path = handed(tmp_path, {"campaign": {"name": "x", "from": "A"}}, {"to": "1", "text": "a"})
    sidecar = tmp_path / "a.jsonl.meta.json"
    sidecar.write_text('{"name": "x", "priority": "bulk"}')
    assert [(each.from_, each.priority) for each in good(path)] == [("A", "bulk")]
    sidecar.write_text('{"name": "y"}')
    assert "name is given twice" in reason(path).reason
