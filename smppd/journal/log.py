"""The log for readers beside the daemon's hot path: facts with what they are about, lot by lot."""

from __future__ import annotations

from collections.abc import Sequence

from smppd.journal.schema import one_moment
from smppd.journal.store import Store
from smppd.ledger.entries import MessageRow
from smppd.ledger.facts import Fact, Kind
from smppd.ledger.snapshot import read_chunk
from smppd.ports import FileRow, Stretch

#: So many facts are looked through at once, however few of them are asked for.
_LOOKED_AT = 50_000
#: So many files are remembered.
_FILES = 10_000

_ADMITTED, _REPORTED, _RECEIVED = Kind.ADMITTED, Kind.FILE_REPORTED, Kind.RECEIVED
#: The kinds whose `msg` is no message.
_OF_NO_MESSAGE = frozenset({int(_ADMITTED), int(_REPORTED), int(_RECEIVED)})


class LogReader:
    """Reads on a connection of its own; a `ports.Log`. Raises `JournalError`. No read takes long, so that the journal's
    write-ahead log can be folded in."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sql = store.connection
        self._files: dict[int, FileRow] = {}

    def close(self) -> None:
        """Close the connection."""
        self._store.close()

    def oldest(self) -> int:
        """The seq of the first fact that is still there; 0 where there is none."""
        first = next(self._store.log.facts(), None)
        return 0 if first is None else first.seq

    def has(self, seq: int, at: float) -> bool:
        """Whether a fact that is said to have happened at this moment (epoch seconds) is one of this
        journal, and not of one before it."""
        if seq > self.head():
            return False
        found = self._store.log.read_facts([seq]).get(seq)
        return found is None or abs(found.at - at) < 0.002

    def cursors(self) -> dict[str, int]:
        """How far each reader of the log has come, also of those that are configured no more."""
        return dict(self._store.cursors.all())

    def head(self) -> int:
        """The seq of the last fact."""
        return int(self._sql.execute("SELECT max(seq) FROM fact").fetchone()[0] or 0)

    def read(self, after: int, kinds: Sequence[int], limit: int) -> Stretch:
        """See `ports.Log`."""
        with one_moment(self._sql):
            return self._read(after, kinds, limit)

    def _read(self, after: int, kinds: Sequence[int], limit: int) -> Stretch:
        head = self.head()
        end = min(head, after + _LOOKED_AT)
        facts, lines, events = list[Fact](), dict[int, list[MessageRow]](), 0
        for fact in self._store.log.told(after, end, kinds):
            facts.append(fact)
            if fact.kind == _ADMITTED:
                lines[fact.seq] = self._lines(fact)
                events += len(lines[fact.seq])
            events += 1
            if events >= limit:
                end = fact.seq
                break
        rows = self._rows(facts)
        files = {fact.msg for fact in facts if fact.kind == _REPORTED and fact.msg is not None}
        files |= {row.file_id for row in rows.values()}
        files |= {chunk[0].file_id for chunk in lines.values() if chunk}
        return Stretch(facts, rows, lines, self._known(files), end, head)

    def _lines(self, fact: Fact) -> list[MessageRow]:
        assert fact.detail is not None
        ranges = read_chunk(fact.detail).ranges
        rows = [
            row for first, last, _ in ranges for row in self._store.messages.read_range(first, last)
        ]
        rows.sort(key=_item)
        return rows

    def _rows(self, facts: Sequence[Fact]) -> dict[int, MessageRow]:
        wanted = {fact.msg for fact in facts if fact.kind not in _OF_NO_MESSAGE}
        found = self._store.messages.read(sorted(each for each in wanted if each is not None))
        return {row.msg_id: row for row in found}

    def _known(self, files: set[int]) -> dict[int, FileRow]:
        """These files; a name and a campaign are there before the first message, and stay."""
        missing = files - self._files.keys()
        if missing:
            if len(self._files) > _FILES:
                self._files.clear()
                missing = files
            for row in self._store.files.by_ids(sorted(missing)):
                self._files[row.file_id] = row
        return {each: self._files[each] for each in files if each in self._files}


def _item(row: MessageRow) -> int:
    return row.item
