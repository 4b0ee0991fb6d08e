"""Messages that stand together in one row of the journal: those of a queue that one chunk of a file put there.

A row costs as much as what it says. The row has the msg_id of the last of them, so that whatever is behind a
msg_id is found by its key; `line` is how many there are, `item` that of the first, `body` what each has for
itself. To every reader each is as if it had a row. Raises `Damaged` for a row that is damaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import attrgetter

import msgspec

from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Damaged, encode
from smppd.message import State

#: Stands in place of a state in a row that is a bundle; no `State` is ever this number.
BUNDLE = 100
#: A bundle has no more messages than this, and none whose body has more octets: to read one, all are read.
MOST, LARGEST = 64, 2048

#: A row as it stands in the journal.
Row = tuple[int, int, int, int, str | None, int, bytes]

_QUEUED = int(State.QUEUED)


class Members(msgspec.Struct, array_like=True, gc=False):
    """What the messages of a bundle have each for itself, in the order of their msg_ids."""

    items: list[int]
    lines: list[int]
    ids: list[str | None]
    bodies: list[bytes]


_read_members = msgspec.msgpack.Decoder(Members).decode
_msg_id = attrgetter("msg_id")
_columns = attrgetter("msg_id", "file_id", "item", "line", "id", "state", "body")
_item, _line, _id, _body = map(attrgetter, ("item", "line", "id", "body"))


def rows_of(chunk: Sequence[MessageRow]) -> list[Row]:
    """The rows for what is admitted at once. What was final at once has one for itself, and so has what
    would share one with a large message."""
    rows, ordered = list[Row](), sorted(chunk, key=_msg_id)
    begin, due, file_id, state = 0, 0, 0, 0
    for place, row in enumerate(ordered):
        if row.msg_id != due or row.file_id != file_id or row.state != state:
            if place - begin == 1:
                rows.append(_columns(ordered[begin]))
            else:
                rows += _rows_of_run(ordered[begin:place])
            begin, due, file_id, state = place, row.msg_id, row.file_id, row.state
        due += 1
    rows += _rows_of_run(ordered[begin:])
    return rows


def _rows_of_run(run: Sequence[MessageRow]) -> Iterator[Row]:
    """Of messages of one file and state, numbered one after the other."""
    for begin in range(0, len(run), MOST):
        some = run[begin : begin + MOST]
        last, bodies = some[-1], list(map(_body, some))
        if len(some) == 1 or last.state != _QUEUED or max(map(len, bodies)) > LARGEST:
            yield from map(_columns, some)
        else:
            members = (list(map(_item, some)), list(map(_line, some)), list(map(_id, some)), bodies)
            yield last.msg_id, last.file_id, some[0].item, len(some), None, BUNDLE, encode(members)


def members_of(last: int, count: int, body: bytes) -> Members:
    """The members of the bundle with this msg_id."""
    try:
        members = _read_members(body)
    except (msgspec.MsgspecError, TypeError) as error:
        why = f"message {last} is a bundle that cannot be read: {error}"
        raise Damaged(why, last) from error
    for each in (members.items, members.lines, members.ids, members.bodies):
        if len(each) != count or not count:
            raise Damaged(f"message {last} is a bundle of {count} that has {len(each)}", last)
    return members


def messages_in(row: Row) -> list[MessageRow]:
    """The messages in a bundle, in the order of their msg_ids."""
    last, file_id, _, count, _, _, body = row
    members = members_of(last, count, body)
    return list(
        map(
            MessageRow,
            range(last - count + 1, last + 1),
            repeat(file_id),
            members.items,
            members.lines,
            members.ids,
            repeat(_QUEUED),
            members.bodies,
        )
    )


def some_in(row: Row, wanted: frozenset[int]) -> Iterator[MessageRow]:
    """Those with these msg_ids of the messages in a bundle."""
    last, file_id, _, count, _, _, body = row
    members, before = members_of(last, count, body), last - count
    for msg_id in wanted.intersection(range(before + 1, last + 1)):
        place = msg_id - before - 1
        yield MessageRow(
            msg_id, file_id, members.items[place], members.lines[place], members.ids[place],
            _QUEUED, members.bodies[place],
        )  # fmt: skip


def mention(client_id: str) -> bytes:
    """The octets that the body of a bundle has if a message of this id is in it. Others may have them, too."""
    return encode(client_id)
