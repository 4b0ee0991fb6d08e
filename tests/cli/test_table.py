"""Answers for people: a table where what came is one, else what came."""

from __future__ import annotations

import pytest

from smppd.cli.table import shown


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        ("null", ["done"]),
        ('""', ["done"]),
        ("{}", ["done"]),
        ("[]", ["done"]),
        ("12.50", ["12.5"]),
        ('"Hola\\nñ"', ["Hola ñ"]),
        ("false", ["false"]),
        ('["mobile","name"]', ["mobile", "name"]),
        ('{"messageid":"9007199254740993","credits":12}', ["messageid  9007199254740993", "credits    12"]),
        (
            '[{"id":1,"name":"Ana"},{"id":22,"city":"Vigo","name":null}]',
            ["id  name  city", "1   Ana", "22        Vigo"],
        ),
        (
            '{"7":{"name":"a"},"8":{"id":"x","name":"b"}}',
            ["id  name", "7   a", "x   b"],
        ),
        (
            '{"id":"5","destinations":[{"messageid":"1","destination":"34600000001"}]}',
            ["id            5", "destinations:", "  messageid  destination", "  1          34600000001"],
        ),
        ('{"list":[{"id":"5"},{"id":"6"}]}', ["id", "5", "6"]),
        ('{"list":[]}', ["done"]),
        ('{"contact":{"id":1,"name":"Ana"}}', ["contact:", "  id    1", "  name  Ana"]),
        ('{"list":["a"]}', ['list  ["a"]']),
        ('{"a":{"b":{}},"c":[1,2]}', ["a:", "  b  {}", "c  [1,2]"]),
    ],
)  # fmt: skip
def test_whatever_came_is_shown(result: str, lines: list[str]) -> None:
    assert list(shown(result.encode())) == lines


@pytest.mark.parametrize("result", ['{"a":1e999}', '{"a":' * 3000 + "1" + "}" * 3000])
def test_what_cannot_be_held_is_shown_as_it_came(result: str) -> None:
    assert list(shown(result.encode())) == [result]


def test_objects_within_objects_end_somewhere() -> None:
    deep = '{"a":{"b":{"c":{"d":1}}}}'
    assert list(shown(deep.encode())) == ["a:", '  b  {"c":{"d":1}}']


def test_an_empty_result_is_what_it_is_said_to_be() -> None:
    for result in ("[]", "null", '{"list":[]}', '""'):
        assert list(shown(result.encode(), "none")) == ["none"]


def test_wide_characters_and_long_cells_keep_the_columns_straight() -> None:
    lines = list(shown(('[{"m":"' + "x" * 80 + '","n":"1"},{"m":"你好","n":"2"}]').encode()))
    assert lines[1] == f"{'x' * 59}…  1"
    assert lines[2] == f"你好{' ' * 56}  2"


def test_a_table_fits_into_a_terminal_and_the_widest_cells_give_way() -> None:
    result = b'[{"id":"1","name":"Ana","text":"%s"}]' % (b"x" * 55)
    assert max(map(len, shown(result))) == 2 + 2 + 4 + 2 + 55
    head, row = shown(result, columns=40)
    assert (head, len(row)) == ("id  name  text", 40)
    assert row.startswith("1   Ana   xxx")
    assert row.endswith("x…")
    assert max(map(len, shown(result, columns=15))) == 65  # so little is no table any more
