"""One line of results: the shape, and how it is made from what the journal knows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from smppd.ledger.calls import read_response
from smppd.ledger.entries import (
    Ending,
    MessageRow,
    Outstanding,
    Result,
    read_rejected,
    result_of,
)
from smppd.ledger.facts import made_up_id
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
_QUEUED = int(State.QUEUED)

#: What is told of a message: its result, that of each destination if it went to a group, and the
#: client's own fields.
Told = tuple[ResultLine, Sequence[ResultLine], dict[str, bytes] | None]


def told_of(row: MessageRow, end: Ending | None, entry: Outstanding | None) -> Told:
    """The result of a message: final by what ended it or at admission, else as its entry stands."""
    return next(told_of_each([(row, end)], {} if entry is None else {row.item: entry}))


def told_of_each(
    lot: Iterable[tuple[MessageRow, Ending | None]], entries: Mapping[int, Outstanding]
) -> Iterator[Told]:
    """What `told_of` says of each of these messages of one file; `entries` by their number in it."""
    for row, end in lot:
        if row.state != _QUEUED:
            yield _at_admission(row)
            continue
        message = row.decoded or row.message
        if end is not None and end.result is not None:
            result = end.result
            if end.response is not None:
                result.answer = read_response(end.response).answer  # which is not written twice
        else:
            result = _as_it_stands(entries.get(row.item))
        segments = message.segments
        line = ResultLine(
            row.line,
            made_up_id(row.msg_id) if row.id is None else row.id,
            message.to,
            _LABELS[result.state],
            len(segments),
            message.encoding,
            result.message_ids,
            iso(result.submitted),
            None if end is None else iso(end.at),
            result.error,
            result.attempts,
            result.possible_duplicate,
            result.link or None,
        )
        if message.transliterated is not None:
            line.transliterated = message.transliterated
        if result.op or message.call is not None:
            _add_call(line, message, result)
        elif len(segments) > 1:
            line.part_states = _part_states(result, final=end is not None)
        destinations = _destinations(line, result) if result.destinations else ()
        yield line, destinations, message.echo


def _as_it_stands(entry: Outstanding | None) -> Result:
    return Result(State.QUEUED, None, 0, [], False, None) if entry is None else result_of(entry)


def _at_admission(row: MessageRow) -> Told:
    rejected = read_rejected(row.body)
    line = ResultLine(
        row.line, row.client_id, rejected.to, _LABELS[row.state],
        0, None, [], None, None, rejected.error, 0, False,
    )  # fmt: skip
    return line, (), rejected.echo


def _destinations(line: ResultLine, result: Result) -> list[ResultLine]:
    ended = line.done
    return [
        msgspec.structs.replace(
            line,
            to=each.to,
            state=_LABELS[each.state],
            message_ids=[each.message_id] if each.message_id else [],
            done=ended if each.done is None else iso(each.done),
            error=each.error,
        )
        for each in result.destinations or ()
    ]


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
    return _encode(with_echo(line, echo) if echo else line)


def with_echo(line: ResultLine, echo: dict[str, bytes]) -> dict[str, object]:
    """What stands for a line in JSON where the client's own fields are behind ours."""
    ours = msgspec.structs.asdict(line).items()
    given = {name: msgspec.Raw(value) for name, value in echo.items()}
    return {name: each for name, each in ours if each is not msgspec.UNSET} | given
