"""What is found by its text, in lots that are sorted and written once: client ids, and spilled messages.

The number of a lot leads the key, so a lot is appended, however its keys are spread.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from smppd.journal.many_rows import write_rows
from smppd.ports import Pruned

#: What is kept in lots, and the column that leads there.
CLIENT_ID, WAITING = "client_id", "waiting"
_KEYS = {CLIENT_ID: "id", WAITING: "key"}
#: Rows of a lot that are forgotten at once: a few milliseconds.
DROPPED_AT_ONCE = 1000


class LotTable:
    """The statements about `lot`, `client_id` and `waiting`, on the journal's connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        self._last: dict[str, int | None] = {}

    def put(
        self,
        ids: Mapping[str, tuple[int, float]],
        waiting: Sequence[tuple[str, bytes]],
        new: float | None,
    ) -> None:
        """Client ids with msg_id and time, and spilled messages under their receipt keys: each kind in a
        lot of this time (epoch seconds), or as more of its last one; part of the commit under way."""
        if ids:
            lot = self._lot(CLIENT_ID, new)
            rows = [(lot, key, *ids[key]) for key in sorted(ids)]
            write_rows(self._sql, "INSERT OR REPLACE INTO client_id", rows)
        if waiting:
            lot = self._lot(WAITING, new)
            spilled = [(lot, *row) for row in sorted(waiting)]
            write_rows(self._sql, "INSERT OR REPLACE INTO waiting", spilled)

    def _lot(self, holds: str, new: float | None) -> int | None:
        if new is not None:
            row = self._sql.execute("INSERT INTO lot (holds, created) VALUES (?, ?)", (holds, new))
            self._last[holds] = row.lastrowid
        return self._last[holds]

    def of(self, holds: str) -> list[tuple[int, float]]:
        """The lots of "client_id" or "waiting", the oldest first, each with when it was written."""
        return self._sql.execute(
            "SELECT lot, created FROM lot WHERE holds = ? ORDER BY lot", (holds,)
        ).fetchall()

    def drop(self, lot: int) -> Pruned:
        """Forget a piece of this lot, and with the last one that there was such a lot."""
        self._sql.execute("BEGIN IMMEDIATE")
        with self._sql:
            gone = 0
            for holds, key in _KEYS.items():
                gone += self._sql.execute(
                    f"DELETE FROM {holds} WHERE lot = ?1 AND {key} IN"  # noqa: S608
                    f" (SELECT {key} FROM {holds} WHERE lot = ?1 ORDER BY {key} LIMIT ?2)",
                    (lot, DROPPED_AT_ONCE),
                ).rowcount
            more = gone >= DROPPED_AT_ONCE
            if not more:
                self._sql.execute("DELETE FROM lot WHERE lot = ?", (lot,))
        return Pruned(0, 0, more=more)

    # CROSS JOIN fixes the order of the loops: left to itself, SQLite scans all lots.

    def find_ids(self, ids: Sequence[str], since: float) -> dict[str, int]:
        """The msg_id of each of these client ids that was handed in after `since`."""
        # SQLite's JSON loses what stands behind a NUL, and would find another's id by the rest.
        odd = [each for each in ids if "\0" in each]
        plain = [each for each in ids if "\0" not in each] if odd else ids
        found = dict(
            self._sql.execute(
                "SELECT c.id, c.msg_id FROM lot l CROSS JOIN json_each(?) j CROSS JOIN client_id c"
                " WHERE l.holds = 'client_id' AND l.created >= ? AND c.lot = l.lot"
                " AND c.id = j.value AND c.at >= ? ORDER BY l.lot",
                (json.dumps(plain), since, since),
            ).fetchall()
        )
        for each in odd:
            found |= self._sql.execute(
                "SELECT c.id, c.msg_id FROM lot l CROSS JOIN client_id c"
                " WHERE l.holds = 'client_id' AND l.created >= ? AND c.lot = l.lot"
                " AND c.id = ? AND c.at >= ? ORDER BY l.lot",
                (since, each, since),
            ).fetchall()
        return found

    def find_waiting(self, keys: Sequence[str]) -> list[bytes]:
        """Every spilled message behind one of these receipt keys, the newest lot last."""
        found = self._sql.execute(
            "SELECT w.entry FROM lot l CROSS JOIN json_each(?) j CROSS JOIN waiting w"
            " WHERE l.holds = 'waiting' AND w.lot = l.lot AND w.key = j.value ORDER BY l.lot",
            (json.dumps(keys),),
        )
        return [entry for (entry,) in found]

    def read_waiting(self, after: tuple[int, str], limit: int) -> list[tuple[int, str, bytes]]:
        """Spilled messages behind this lot and key: lot, receipt key and entry."""
        return self._sql.execute(
            "SELECT lot, key, entry FROM waiting WHERE (lot, key) > (?, ?)"
            " ORDER BY lot, key LIMIT ?",
            (*after, limit),
        ).fetchall()

    def read_keys(self, holds: str, after: tuple[int, str], limit: int) -> list[tuple[int, str]]:
        """The keys in the lots of "client_id" or "waiting" behind this lot and key, with their lot."""
        key = _KEYS[holds]
        return self._sql.execute(
            f"SELECT lot, {key} FROM {holds} WHERE (lot, {key}) > (?, ?)"  # noqa: S608
            f" ORDER BY lot, {key} LIMIT ?",
            (*after, limit),
        ).fetchall()

    def all_waiting(self) -> Iterator[bytes]:
        """Every spilled message, oldest lot first; one with several parts comes several times."""
        for (entry,) in self._sql.execute("SELECT entry FROM waiting ORDER BY lot"):
            yield entry
