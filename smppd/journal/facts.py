"""The log: what happened, in order. Bundles are rows of it like others, and nobody outside sees them.

Raises what `store` raises.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, dropwhile, starmap, takewhile
from typing import NamedTuple

import msgspec

from smppd.journal.many_rows import write_rows
from smppd.journal.messages import MessageTable
from smppd.ledger.bundles import BUNDLES, NO_RESULT, Members, members_of, mention, numbered, single
from smppd.ledger.entries import Ending, read_result
from smppd.ledger.facts import NOTHING_SAID, Fact, Kind, ReceiptFact, encode

#: The kinds that are about all messages of a stretch of a queue.
_TAKING = (Kind.SENDING, Kind.EXPIRED, Kind.DEFERRED, Kind.PICKED, Kind.BARRED)
#: The text of a fact that says a delivery status in the provider's own word, its last field.
_WITH_WORD = "%".join(["\t"] * (len(ReceiptFact._fields) - 1)).join("%%")
_FACT = "SELECT seq, at, kind, msg, part, num, text, detail, result FROM fact "
#: Behind every seq there will be.
_LAST = (1 << 63) - 1


class Orphans(NamedTuple):
    """A bundle, and those of the messages it is about that are not there; `seq` is its row's."""

    seq: int
    kind: int
    members: Members
    missing: set[int]


class FactTable:
    """The statements about `fact`, on the journal's connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        self._messages = MessageTable(connection)

    def append(self, rows: Sequence[Fact]) -> None:
        """Write these, as part of the commit of whoever calls."""
        write_rows(self._sql, "INSERT INTO fact", list(map(msgspec.structs.astuple, rows)))

    def facts(self, after: int = 0) -> Iterator[Fact]:
        """The facts behind this seq, in order."""
        return self._facts("WHERE seq > ? ORDER BY seq", (after,), after)

    def _facts(self, where: str, values: Sequence[object], after: int = 0) -> Iterator[Fact]:
        """The facts in the rows that fit, those behind this seq."""
        rows = starmap(Fact, self._sql.execute(_FACT + where, values))
        facts = chain.from_iterable(map(single, rows))
        return dropwhile(lambda fact: fact.seq <= after, facts) if after else facts

    def told(self, after: int, end: int, kinds: Sequence[int]) -> Iterator[Fact]:
        """The facts behind `after` and up to `end` of these kinds, and those that made a message
        final, in order."""
        wanted = [*kinds, Kind.DELIVERED_BUNDLE]
        if Kind.SENT in kinds:
            wanted.append(Kind.SENT_BUNDLE)
        facts = self._facts(
            "WHERE seq > ?1 AND seq <= ifnull((SELECT min(seq) FROM fact WHERE seq >= ?2), ?2)"
            " AND (result IS NOT NULL OR kind IN (SELECT value FROM json_each(?3))) ORDER BY seq",
            (after, end, json.dumps(wanted)),
            after,
        )
        return takewhile(lambda fact: fact.seq <= end, facts)

    def receipts(self, after: int) -> Iterator[Fact]:
        """The receipts behind this seq, matched or parked, and what was told of final states on
        being asked, or in a word of the provider's that nobody has explained; in order."""
        return self._facts(
            "WHERE seq > ? AND (kind IN (?, ?) OR kind = ? AND part IS NULL"
            " OR kind = ? AND (num > 0 OR num IS NULL AND text LIKE ? AND text NOT LIKE ?))"
            " ORDER BY seq",
            (
                after, Kind.RECEIPT, Kind.DELIVERED_BUNDLE, Kind.PARKED, Kind.QUERIED, _WITH_WORD,
                f"%\t{NOTHING_SAID}",
            ),
            after,
        )  # fmt: skip

    def last_at(self) -> float | None:
        """When the last fact was made (epoch seconds)."""
        found = self._sql.execute("SELECT at FROM fact ORDER BY seq DESC LIMIT 1").fetchone()
        return None if found is None else float(found[0])

    def read_facts(self, seqs: Sequence[int]) -> dict[int, Fact]:
        """These facts by their seq."""
        wanted = frozenset(seqs)
        values = "SELECT value AS column1 FROM json_each(?)"
        facts = self._facts(f"WHERE seq IN ({_rows_of(values)})", (json.dumps(seqs),))
        return {fact.seq: fact for fact in facts if fact.seq in wanted}

    def read_endings(self, seqs: Sequence[int]) -> dict[int, Ending]:
        """Of these facts, no more than some hundreds, what results are made of; by their seq."""
        found, wanted = dict[int, Ending](), frozenset(seqs)
        if not seqs:
            return found
        first, last = min(seqs), max(seqs)
        if last - first < _DENSE * len(seqs):
            rows = self._sql.execute(_ENDINGS + _BETWEEN, (first, last, Kind.DELIVERED_BUNDLE))
        else:
            rows = self._sql.execute(_endings(len(seqs)), seqs)
        for seq, at, kind, num, result, detail in rows:
            if kind == Kind.DELIVERED_BUNDLE:
                members = members_of(seq, num, detail)
                begin = seq - len(members) + 1
                for each in wanted.intersection(range(begin, seq + 1)):
                    member = members[each - begin]
                    if member is not None:
                        found[each] = Ending(at, read_result(member.result))
            elif seq in wanted:
                found[seq] = Ending(at, None if result is None else read_result(result), detail)
        return found

    def head(self) -> int:
        """The key of the newest row, 0 for none."""
        return int(self._sql.execute("SELECT max(seq) FROM fact").fetchone()[0] or 0)

    def history(self, msg_id: int, after: int = 0) -> list[Fact]:
        """Every fact about one message, in the rows behind this key."""
        facts = self._facts(
            "WHERE seq > ? AND kind >= ? AND (msg = ? OR (kind IN (?, ?, ?, ?, ?) AND msg <= ? AND num >= ?)"
            " OR kind IN (?, ?) AND instr(detail, ?)) ORDER BY seq",
            (after, Kind.SENDING, msg_id, *_TAKING, msg_id, msg_id, *BUNDLES, mention(msg_id)),
        )
        return [fact for fact in facts if fact.msg == msg_id or fact.kind in _TAKING]

    def bundled_results(self) -> int:
        """How many facts in bundles made a message final."""
        rows = self._sql.execute(
            "SELECT seq, num, detail FROM fact WHERE kind = ?", (Kind.DELIVERED_BUNDLE,)
        )
        return sum(member.result != NO_RESULT for row in rows for _, member in numbered(*row))

    def orphans(self, after: int = 0, end: int = _LAST) -> Iterator[Orphans]:
        """Of the bundles whose rows are behind this seq and up to that one, those about messages that
        are not there."""
        for seq, kind, num, detail in self._sql.execute(
            "SELECT seq, kind, num, detail FROM fact WHERE seq > ? AND seq <= ? AND kind IN (?, ?)",
            (after, end, *BUNDLES),
        ):
            members = members_of(seq, num, detail)
            missing = self._messages.missing(
                {member.msg for member in members if member is not None}
            )
            if missing:
                yield Orphans(seq, kind, members, missing)

    def keep_of_bundle(self, seq: int, members: Members) -> None:
        """Keep no more of a bundle than these members; with none of them, no row."""
        if any(members):
            self._sql.execute("UPDATE fact SET detail = ? WHERE seq = ?", (encode(members), seq))
        else:
            self._sql.execute("DELETE FROM fact WHERE seq = ?", (seq,))


#: Facts that are among so many for each are found faster by reading all there that made a message final.
_DENSE = 4
_ENDINGS = (
    "SELECT seq, at, kind, num, result,"  # noqa: S608
    f" CASE WHEN kind IN ({Kind.ANSWERED:d}, {Kind.DELIVERED_BUNDLE:d}) THEN detail END FROM fact "
)
_BETWEEN = (
    "WHERE seq >= ?1 AND seq <= ifnull((SELECT min(seq) FROM fact WHERE seq >= ?2), ?2)"
    " AND (result IS NOT NULL OR kind = ?3)"
)


@cache
def _endings(count: int) -> str:
    """Numbers by themselves are found faster than those that are read from JSON."""
    among = ", ".join(["(?)"] * count)
    return f"{_ENDINGS}WHERE seq IN ({_rows_of(f'VALUES {among}')})"


def _rows_of(seqs: str) -> str:
    """The keys of the rows in which the facts of these seqs stand, or would."""
    return f"SELECT (SELECT min(seq) FROM fact WHERE seq >= column1) FROM ({seqs})"  # noqa: S608
