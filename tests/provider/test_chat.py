"""Reading what chat operations answer: whatever the types, every message and every digit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smppd.provider.chat import ChatMessage, by_conversation, read_channels, read_messages


def read(result: Any) -> list[ChatMessage]:
    found = read_messages(json.dumps(result).encode())
    assert not found.problem
    return found.messages


def entry(**fields: Any) -> dict[str, Any]:
    return {
        "platformid": "100",
        "platform": "whatsapp",
        "message": "hola",
        "destination": "34600000001",
        "messageid": "7",
        "sent": False,
        "status": "received",
        "datetime": "2026-11-21 10:59:00",
    } | fields


def test_a_message_as_documented() -> None:
    (message,) = read([entry()])
    assert message[:8] == (
        "whatsapp",
        "100",
        "34600000001",
        "hola",
        "7",
        False,
        "received",
        "2026-11-21 10:59:00",
    )
    assert json.loads(message.raw) == entry()


@pytest.mark.parametrize("name", ["sent", "issent"])
@pytest.mark.parametrize(
    ("value", "ours"),
    [
        (True, True),
        (1, True),
        ("1", True),
        ("true", True),
        ("TRUE", True),
        ("yes", True),
        (False, False),
        (0, False),
        ("0", False),
        ("false", False),
        ("no", False),
        ("", False),
        (None, False),
        ("perhaps", False),
        ([True], False),
        (2, False),
    ],
)
def test_only_what_clearly_says_so_is_ours(name: str, value: Any, ours: bool) -> None:
    fields = entry(**{name: value})
    if name == "issent":
        del fields["sent"]
    (message,) = read([fields])
    assert message.ours is ours
    assert json.loads(message.raw)[name] == value


def test_a_message_without_either_field_is_from_the_other_side() -> None:
    assert not read([{"messageid": 1}])[0].ours


@pytest.mark.parametrize("result", [None, "", [], {}, {"list": []}, {"list": None}, False])
def test_nothing_is_no_message(result: Any) -> None:
    assert read(result) == []


@pytest.mark.parametrize(
    "result",
    [
        [entry()],
        entry(),
        {"list": [entry()]},
        {"7": entry()},
        {"list": {"0": entry()}},
    ],
)
def test_one_object_a_list_or_a_map(result: Any) -> None:
    assert [message.messageid for message in read(result)] == ["7"]


def test_no_digit_of_an_id_is_lost() -> None:
    number = 123456789012345678901234567890
    (message,) = read([entry(messageid=number, platformid=100, destination=34600000001)])
    assert (message.messageid, message.platformid) == (str(number), "100")
    assert message.destination == "34600000001"


def test_an_id_is_the_same_as_text_and_as_a_number() -> None:
    as_number, as_text = read([entry(messageid=7)])[0], read([entry(messageid="7")])[0]
    assert as_number.key == as_text.key


def test_status_and_text_do_not_make_another_message_of_one_with_an_id() -> None:
    keys = {read([entry(status=status)])[0].key for status in ("sent", "read", None)}
    assert len(keys) == 1
    assert read([entry(messageid="8")])[0].key not in keys


def test_without_an_id_a_message_is_what_it_says_and_when() -> None:
    bare = {"messageid": None}
    keys = [
        read([entry(**bare, **fields)])[0].key
        for fields in (
            {},
            {"status": "read"},
            {"message": "other"},
            {"datetime": "later"},
            {"sent": 1},
        )
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


def test_the_parts_of_what_it_says_do_not_run_together() -> None:
    one = read([entry(messageid="", message="a1:b", datetime="c")])[0].key
    other = read([entry(messageid="", message="a", datetime="1:bc")])[0].key
    assert one != other


@pytest.mark.parametrize("backwards", [False, True])
def test_the_oldest_comes_first_where_that_can_be_told(backwards: bool) -> None:
    entries = [
        entry(messageid=str(n), datetime=f"2026-11-21 10:59:{n // 2:02d}") for n in range(8, 14)
    ]
    offered = entries[::-1] if backwards else entries
    assert [message.messageid for message in read(offered)] == [str(n) for n in range(8, 14)]
    undated = [{**each, "datetime": "yesterday"} for each in offered]
    assert [message.messageid for message in read(undated)] == [str(n) for n in range(8, 14)]
    unnumbered = [{**each, "messageid": f"x{each['messageid']}"} for each in undated]
    assert [message.messageid for message in read(unnumbered)] == [
        each["messageid"] for each in unnumbered
    ]


def test_what_is_no_message_is_told_beside_those_that_are() -> None:
    found = read_messages(b'[{"messageid":1}, "strange", 3, {"messageid":2}]')
    assert [message.messageid for message in found.messages] == ["1", "2"]
    assert found.unread == 2
    assert '"strange"' in found.problem


@pytest.mark.parametrize("result", [b'"OK"', b"17", b"true", b'{"a": 1, "b"', b"<html>"])
def test_what_is_no_list_at_all_is_told(result: bytes) -> None:
    found = read_messages(result)
    assert (found.messages, found.unread) == ([], 1)
    assert found.problem


def test_conversations_are_told_apart_and_their_tip_moves_with_the_newest_message() -> None:
    def listed(*entries: dict[str, Any]) -> list[tuple[str, bytes]]:
        return [(each.destination, each.tip) for each in by_conversation(read(list(entries)))]

    first, second = listed(entry(), entry(destination="34600000002"))
    assert (first[0], second[0]) == ("34600000001", "34600000002")
    assert listed(entry(status="read")) == [first]
    for moved in ({"messageid": "8"}, {"message": "x"}, {"datetime": "later"}, {"sent": True}):
        assert listed(entry(**moved)) != [first]


def test_a_list_that_cannot_tell_has_no_tip() -> None:
    (listed,) = by_conversation(read([entry(messageid="", datetime="")]))
    assert listed.tip == b""


def test_channels_are_read_as_text() -> None:
    found = read_channels(
        b'[{"platformid":100,"platform":"whatsapp","name":"Shop"},{"platform":1}]'
    )
    assert found[0] == ("whatsapp", "100", "Shop")
    assert found[1] == ("1", "", "")


@pytest.mark.parametrize(
    "deep", [b"[" * 100_000, b'{"a":' * 100_000, b'{"list":' * 900 + b"1" + b"}" * 900]
)
def test_what_is_nested_without_end_is_told(deep: bytes) -> None:
    found = read_messages(deep)
    assert not any(each.messageid for each in found.messages)
    assert not any(each.platform for each in read_channels(deep))
