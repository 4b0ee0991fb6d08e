"""Result lines: what they say in each state, and that they are one line of JSON each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smppd.ledger.entries import Ending, MessageRow, Outstanding, Rejected, result_of
from smppd.ledger.facts import QUEUE_SHIFT, Fact, Kind, encode
from smppd.message import ErrorInfo, Message, State
from smppd.results.lines import encode_line, told_of
from smppd.told import iso

MSG = (3 << QUEUE_SHIFT) + 8
FIELDS = [
    "line", "id", "to", "state", "parts", "encoding", "message_ids",
    "submitted", "done", "error", "attempts", "possible_duplicate", "link",
]  # fmt: skip


def row(id_: str | None = "a", echo: dict[str, bytes] | None = None) -> MessageRow:
    body = Message("34600000001", 1, 1, "A", 5, 0, 0, 0, "ucs2", (b"x", b"y"), echo=echo)
    return MessageRow(MSG, 1, 4, 5, id_, State.QUEUED, encode(body))


def entry(state: State, **more: Any) -> Outstanding:
    return Outstanding(MSG, 1, 4, 5, "a", "34600000001", True, 0, state, [state, state], **more)


def written(
    row_: MessageRow, fact: Fact | None = None, entry_: Outstanding | None = None
) -> dict[str, Any]:
    line, _, echo = told_of(row_, None if fact is None else Ending.of(fact), entry_)
    octets = encode_line(line, echo)
    assert b"\n" not in octets
    found: dict[str, Any] = json.loads(octets)
    assert list(found)[: len(FIELDS)] == FIELDS
    return found


def test_a_final_message_by_its_fact() -> None:
    ended = entry(
        State.DELIVERED,
        submitted=10.5,
        ids=[(0, "main\tx"), (1, "main\ty")],
        attempts=2,
        link="main",
    )
    fact = Fact(9, 12.25, Kind.RECEIPT, MSG, result=encode(result_of(ended)))
    line = written(row(), fact)
    assert line == {
        "line": 5,
        "id": "a",
        "to": "34600000001",
        "state": "delivered",
        "parts": 2,
        "encoding": "ucs2",
        "message_ids": ["x", "y"],
        "submitted": "1970-01-01T00:00:10.500Z",
        "done": "1970-01-01T00:00:12.250Z",
        "error": None,
        "attempts": 2,
        "possible_duplicate": False,
        "link": "main",
        "part_states": ["delivered", "delivered"],
    }


@pytest.mark.parametrize("state", [State.SENT, State.UNKNOWN])
def test_a_message_that_is_not_final_as_it_stands(state: State) -> None:
    error = ErrorInfo("UNKNOWN_OUTCOME", None, "lost")
    line = written(row(), None, entry(state, error=error, possible_duplicate=True))
    assert (line["state"], line["done"], line["submitted"]) == (state.label, None, None)
    assert line["error"] == {"code": "UNKNOWN_OUTCOME", "text": "lost"}
    assert line["possible_duplicate"] is True


def test_a_message_that_nobody_has_touched() -> None:
    line = written(row())
    assert (line["state"], line["attempts"], line["message_ids"]) == ("queued", 0, [])


@pytest.mark.parametrize("state", [State.REJECTED, State.DUPLICATE])
def test_a_line_that_was_never_a_message(state: State) -> None:
    body = encode(Rejected("12", ErrorInfo("BAD_TO", None, "no"), {"x-a": b"[1,2]"}))
    line = written(MessageRow(MSG, 1, 0, 1, None, state, body))
    assert line["id"] == "smppd-3-8"
    assert (line["to"], line["state"], line["parts"]) == ("12", state.label, 0)
    assert (line["encoding"], line["attempts"]) == (None, 0)
    assert line["error"] == {"code": "BAD_TO", "text": "no"}
    assert line["x-a"] == [1, 2]


@pytest.mark.parametrize(
    "value", [b"1", b'"\xc3\xb1"', b"null", b'{"a":{"b":[]}}', b"1e400", b"12345678901234567890123"]
)
def test_the_clients_own_fields_come_back_to_the_octet(value: bytes) -> None:
    found = row(echo={"x-one": value, "x-two": b'"2"'})
    line, _, echo = told_of(found, None, None)
    octets = encode_line(line, echo)
    assert octets.endswith(b',"x-one":' + value + b',"x-two":"2"}')


def test_an_error_with_a_status() -> None:
    error = ErrorInfo("ESME_RINVDSTADR", 11, "refused by the SMSC")
    line = written(row(), None, entry(State.FAILED, error=error))
    assert line["error"] == {
        "code": "ESME_RINVDSTADR",
        "status": 11,
        "text": "refused by the SMSC",
    }


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (None, None),
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_800_000_000.5, "2027-01-15T08:00:00.500Z"),
        (1_800_000_000.9999, "2027-01-15T08:00:00.999Z"),
        (1_800_000_000.0015, "2027-01-15T08:00:00.001Z"),
    ],
)
def test_moments(at: float | None, text: str | None) -> None:
    assert iso(at) == text
