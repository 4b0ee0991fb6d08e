"""The messages, each in the state it had when it was admitted. Bundles are rows of them like others, and nobody
outside sees them.

Raises what `store` raises, and `LedgerError` for a bundle that is damaged.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, cast

from smppd.journal.many_rows import write_rows
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import QUEUE_SHIFT, Damaged, encode
from smppd.ledger.message_bundles import (
    BUNDLE,
    Row,
    members_of,
    mention,
    messages_in,
    rows_of,
    some_in,
)
from smppd.message import INITIAL, State

#: Octets of messages that are read from a queue at once: a call may carry a list of contacts.
READ_AT_ONCE = 4 << 20

#: Messages that are among so many for each are found faster by reading all there.
_DENSE = 2

_STATE: Final = 5
_BODY: Final = 6
_ROW = "SELECT msg_id, file_id, item, line, id, state, body FROM message "
#: How many messages a row stands for, and the msg_id of the first of them.
_COUNT = f"CASE state WHEN {BUNDLE} THEN line ELSE 1 END"
_FIRST = f"CASE state WHEN {BUNDLE} THEN msg_id - line + 1 ELSE msg_id END"
#: The keys of the rows in which the messages with these msg_ids (JSON) stand, or would.
_ROWS_OF = (
    "msg_id IN (SELECT (SELECT min(msg_id) FROM message WHERE msg_id >= value) FROM json_each(?))"
)


def there(first: str, last: str) -> str:
    """What says in SQL that one of the messages between these two msg_ids, both included, is there."""
    found = f"SELECT {_FIRST} FROM message WHERE msg_id >= {first} ORDER BY msg_id LIMIT 1"  # noqa: S608
    return f"ifnull(({found}) <= {last}, 0)"


class Numbered(NamedTuple):
    """How many messages of a queue are there, and which are the first and the last of them."""

    queue: int
    messages: int
    first: int
    last: int


class MessageTable:
    """The statements about `message`, on the journal's connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def append(self, chunks: Iterable[Sequence[MessageRow]]) -> None:
        """Write what was admitted, each chunk for itself, as part of the commit of whoever calls."""
        rows = [row for chunk in chunks for row in rows_of(chunk)]
        write_rows(self._sql, "INSERT INTO message", rows)

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def read_queue(self, after: int, limit: int) -> list[MessageRow]:
        """The messages of one queue behind `after`, oldest first; fewer where they are large, and those
        before a bundle that is damaged."""
        last = ((after >> QUEUE_SHIFT) + 1) << QUEUE_SHIFT
        found, octets = list[MessageRow](), 0
        for row in self._rows(
            "WHERE msg_id > ? AND msg_id < ? ORDER BY msg_id LIMIT ?", (after, last, limit)
        ):
            if row[_STATE] == BUNDLE:
                try:
                    found += messages_in(row)
                except Damaged:
                    if found:
                        break
                    raise
                if found[0].msg_id <= after:
                    found = _within(found, after + 1, last)
            else:
                found.append(MessageRow(*row))
            octets += len(row[_BODY])
            if len(found) >= limit or octets > READ_AT_ONCE:
                break
        return found[:limit]

    def read_range(self, first: int, last: int) -> list[MessageRow]:
        """The messages from `first` to `last`, both included."""
        found = list[MessageRow]()
        for row in self._rows(
            "WHERE msg_id >= ?1"
            " AND msg_id <= ifnull((SELECT min(msg_id) FROM message WHERE msg_id >= ?2), ?2)"
            " ORDER BY msg_id",
            (first, last),
        ):
            if row[_STATE] == BUNDLE:
                found += messages_in(row)
            else:
                found.append(MessageRow(*row))
        return _within(found, first, last)

    def read(self, msg_ids: Sequence[int]) -> list[MessageRow]:
        """These messages, in no particular order."""
        if not msg_ids:
            return []
        wanted, found = frozenset(msg_ids), list[MessageRow]()
        first, last = min(wanted), max(wanted)
        if last - first < _DENSE * len(wanted):
            return [row for row in self.read_range(first, last) if row.msg_id in wanted]
        for row in self._rows("WHERE " + _ROWS_OF, (json.dumps(msg_ids),)):
            if row[_STATE] == BUNDLE:
                found += some_in(row, wanted)
            elif row[0] in wanted:
                found.append(MessageRow(*row))
        return found

    def newest(self, client_id: str) -> MessageRow | None:
        """The newest message of this client id, one that was queued before one that was not, by looking
        at every one."""
        other = None
        for row in self._rows(
            f"WHERE id = ?1 OR state = {BUNDLE} AND instr(body, ?2) ORDER BY msg_id DESC",
            (client_id, mention(client_id)),
        ):
            if row[_STATE] != BUNDLE:
                found = MessageRow(*row)
                if found.state == State.QUEUED:
                    return found
                other = other or found
            else:
                for message in reversed(messages_in(row)):
                    if message.id == client_id:
                        return message
        return other

    def _rows(self, where: str, values: tuple[object, ...]) -> Iterator[Row]:
        return cast(Iterator[Row], self._sql.execute(_ROW + where, values))

    def missing(self, msg_ids: set[int]) -> set[int]:
        """Those of these messages that are not there."""
        found = self._sql.execute(
            f"SELECT value FROM json_each(?) WHERE NOT {there('value', 'value')}",  # noqa: S608
            (json.dumps(list(msg_ids)),),
        )
        return {msg_id for (msg_id,) in found}

    # ── counting ─────────────────────────────────────────────────────────────────────────────

    def count(self) -> int:
        """How many messages there are, whatever became of them."""
        total = self._sql.execute(f"SELECT total({_COUNT}) FROM message")  # noqa: S608
        return int(total.fetchone()[0])

    def numbering(self) -> Iterator[Numbered]:
        """What there is of each queue."""
        found = self._sql.execute(
            f"SELECT msg_id >> ?, sum({_COUNT}), min({_FIRST}), max(msg_id)"  # noqa: S608
            " FROM message GROUP BY 1",
            (QUEUE_SHIFT,),
        )
        return (Numbered(*row) for row in found)

    def unreadable(self) -> Iterator[str]:
        """What is wrong with messages of which nobody can say what they are. Reads every one."""
        for row in self._rows("WHERE state IN (?, ?)", (State.QUEUED, BUNDLE)):
            try:
                found = messages_in(row) if row[_STATE] == BUNDLE else [MessageRow(*row)]
            except Damaged as damage:
                yield str(damage)
                continue
            for message in found:
                try:
                    message.message  # noqa: B018 - reads it
                except Damaged as damage:
                    yield str(damage)

    def final_at_once(self) -> int:
        """How many were final when they were admitted."""
        found = self._sql.execute(
            "SELECT count(*) FROM message WHERE state IN (SELECT value FROM json_each(?))",
            (json.dumps(list(INITIAL - {State.QUEUED})),),
        )
        return int(found.fetchone()[0])

    # ── changing ─────────────────────────────────────────────────────────────────────────────

    def remove(self, first: int, last: int) -> tuple[int, int]:
        """Remove the messages between these two msg_ids, both included, but a bundle with its last one
        alone; how many, and how many of them were final when they were admitted."""
        gone = self._sql.execute(
            f"DELETE FROM message WHERE msg_id BETWEEN ? AND ? RETURNING {_COUNT}, state",  # noqa: S608
            (first, last),
        ).fetchall()
        final = sum(state not in (State.QUEUED, BUNDLE) for _, state in gone)
        return sum(count for count, _ in gone), final

    def change_bodies(self, msg_ids: Sequence[int], change: Callable[[bytes], bytes]) -> None:
        """Write the bodies of these messages as `change` makes them, each row once."""
        wanted = frozenset(msg_ids)
        for row in list(self._rows("WHERE " + _ROWS_OF, (json.dumps(msg_ids),))):
            last, _, _, count, _, state, body = row
            if state == BUNDLE:
                members = members_of(last, count, body)
                for place, msg_id in enumerate(range(last - count + 1, last + 1)):
                    if msg_id in wanted:
                        members.bodies[place] = change(members.bodies[place])
                body = encode(members)
            elif last in wanted:
                body = change(body)
            else:
                continue
            self._sql.execute("UPDATE message SET body = ? WHERE msg_id = ?", (body, last))


def _within(rows: list[MessageRow], first: int, last: int) -> list[MessageRow]:
    """Those between these two msg_ids, both included, of rows in order, of which few are not."""
    begin, end = 0, len(rows)
    while begin < end and rows[begin].msg_id < first:
        begin += 1
    while begin < end and rows[end - 1].msg_id > last:
        end -= 1
    return rows if end - begin == len(rows) else rows[begin:end]
