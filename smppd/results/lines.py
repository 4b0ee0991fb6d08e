"""One line of results: the shape, and how it is made from what the journal knows. Pure."""

from __future__ import annotations

import msgspec

from smppd.ledger.calls import read_response
from smppd.ledger.entries import (
    MessageRow,
    Outstanding,
    Result,
    read_rejected,
    read_result,
    result_of,
)
from smppd.ledger.facts import Fact, Kind
from smppd.message import ErrorInfo, Message, State
from smppd.told import iso


class ResultLine(msgspec.Struct, gc=False):
    """A message's result (contract, part 4). What is UNSET does not stand there.

    `part_states` has one state per part of a long message. `op`: the operation of the HTTP API that
    it is, or as which it left; `answer` is what came of it, as it came.
    """

    line: int
    id: str
    to: str
    state: str
    parts: int
    encoding: str | None
    message_ids: list[str]
    submitted: str | None
    done: str | None
    error: ErrorInfo | None
    attempts: int
    possible_duplicate: bool
    link: str | None = None
    transliterated: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    part_states: list[str] | msgspec.UnsetType = msgspec.UNSET
    op: str | msgspec.UnsetType = msgspec.UNSET
    answer: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_encode = msgspec.json.Encoder().encode
_LABELS = [""] + [state.label for state in State]


def result_line(row: MessageRow, fact: Fact | None, entry: Outstanding | None) -> ResultLine:
    """The result of a message: final by its fact or at admission, else as its entry stands."""
    if row.state != State.QUEUED:
        return _at_admission(row)
    return _line(row, fact, _result(fact, entry))


def result_lines(
    row: MessageRow, fact: Fact | None, entry: Outstanding | None
) -> tuple[ResultLine, list[ResultLine]]:
    """The result of a message, and that of each destination if it went to a group."""
    if row.state != State.QUEUED:
        return _at_admission(row), []
    result = _result(fact, entry)
    line = _line(row, fact, result)
    if not result.destinations:
        return line, []
    ended = line.done
    return line, [
        msgspec.structs.replace(
            line,
            to=each.to,
            state=_LABELS[each.state],
            message_ids=[each.message_id] if each.message_id else [],
            done=ended if each.done is None else iso(each.done),
            error=each.error,
        )
        for each in result.destinations
    ]


def _at_admission(row: MessageRow) -> ResultLine:
    rejected = read_rejected(row.body)
    return ResultLine(
        row.line, row.client_id, rejected.to, _LABELS[row.state],
        0, None, [], None, None, rejected.error, 0, False,
    )  # fmt: skip


def _result(fact: Fact | None, entry: Outstanding | None) -> Result:
    if fact is not None and fact.result is not None:
        result = read_result(fact.result)
        if fact.kind == Kind.ANSWERED and fact.detail is not None:
            result.answer = read_response(fact.detail).answer  # which is not written twice
        return result
    return Result(State.QUEUED, None, 0, [], False, None) if entry is None else result_of(entry)


def _line(row: MessageRow, fact: Fact | None, result: Result) -> ResultLine:
    message = row.message
    line = ResultLine(
        row.line,
        row.client_id,
        message.to,
        _LABELS[result.state],
        len(message.segments),
        message.encoding,
        result.message_ids,
        iso(result.submitted),
        iso(fact.at) if fact is not None else None,
        result.error,
        result.attempts,
        result.possible_duplicate,
        result.link or None,
        msgspec.UNSET if message.transliterated is None else message.transliterated,
    )
    if result.op or message.call is not None:
        _add_call(line, message, result)
    elif len(message.segments) > 1:
        line.part_states = _part_states(result, final=fact is not None)
    return line


def _add_call(line: ResultLine, message: Message, result: Result) -> None:
    if message.call is not None:
        line.encoding = None
    line.op = result.op or (message.call.op if message.call is not None else "")
    if result.answer:
        line.answer = msgspec.Raw(result.answer)
    if result.destinations is not None:
        line.message_ids = [each.message_id for each in result.destinations if each.message_id]


def part_state(state: int, whole: int, *, final: bool) -> str:
    """The state of a part, of a message in this state: one that never left, or will not leave
    again, shares the end of its message."""
    if final and state in (State.QUEUED, State.SENDING):
        return _LABELS[whole]
    return _LABELS[state]


def _part_states(result: Result, *, final: bool) -> list[str] | msgspec.UnsetType:
    # Results of earlier versions have none, nor have messages that were never taken.
    states = result.part_states
    return [part_state(state, result.state, final=final) for state in states] or msgspec.UNSET


def encode_line(line: ResultLine, echo: dict[str, bytes] | None) -> bytes:
    """The line as JSON, with the client's own `x-…` fields behind ours."""
    if not echo:
        return _encode(line)
    given = {name: msgspec.Raw(value) for name, value in echo.items()}
    ours = msgspec.structs.asdict(line).items()
    return _encode({name: each for name, each in ours if each is not msgspec.UNSET} | given)


def echo_of(row: MessageRow) -> dict[str, bytes] | None:
    """The client's own fields of a message, accepted or rejected."""
    return row.message.echo if row.state == State.QUEUED else read_rejected(row.body).echo
