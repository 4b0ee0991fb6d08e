"""What results are made of: the same whether a file is read by itself or along with others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from smppd.journal.items import SHORT, SHORT_AT_ONCE, Items, Lot
from smppd.journal.messages import MessageTable
from smppd.journal.store import Batch, open_store
from smppd.ledger.entries import MessageRow, Rejected
from smppd.ledger.facts import QUEUE_SHIFT, encode
from smppd.ledger.ledger import Ledger
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import Chunk, FileAccount
from smppd.message import Call, ErrorInfo, Lane, Message, State

QUEUE, OTHER = 1 << QUEUE_SHIFT, 2 << QUEUE_SHIFT
ERROR = ErrorInfo("BAD_TO", None, "no number")


class Written:
    """A journal with files of these lengths: every third message is rejected, every other one of the
    rest has come to its end, and they lie in two queues."""

    def __init__(self, path: Path, lengths: Sequence[int], call: Call | None = None) -> None:
        self.store, self.ledger = open_store(path), Ledger()
        self._tails = {QUEUE: QUEUE, OTHER: OTHER}
        self._call = call
        self._chunks: list[Sequence[MessageRow]] = []
        ids = [self._file(number, length) for number, length in enumerate(lengths)]
        self.store.commit(Batch(messages=self._chunks, facts=self.ledger.take_facts()))
        accounts = self.ledger.accounts
        self.files: list[tuple[FileAccount, Slots, int]] = [
            (accounts.files[each], accounts.slots[each], 0) for each in ids
        ]

    def _file(self, number: int, length: int) -> int:
        file_id = self.ledger.file_opened(1.0, "t", f"{number}.jsonl", Lane.NORMAL)
        rows, ranges, final = list[MessageRow](), list[tuple[int, int, int]](), dict[int, int]()
        for queue in (OTHER, QUEUE):
            first = self._tails[queue] + 1
            mine = [
                self._row(file_id, item, queue) for item in range(length) if self._in(item, queue)
            ]
            if mine:
                queued = sum(row.state == State.QUEUED for row in mine)
                ranges.append((first, self._tails[queue], queued))
                rows += mine
        for row in rows:
            if row.state != State.QUEUED:
                final[row.item] = row.state
        if rows:
            queued = len(rows) - len(final)
            self.ledger.admitted(2.0, file_id, Chunk(ranges, 0, length, queued, final, 9, length))
        self._chunks.append(rows)
        for row in rows:
            if row.state == State.QUEUED and row.item % 2:
                self.ledger.sending(3.0, "main", [row], row.msg_id)
                self.ledger.refused(4.0, row.msg_id, 0, ERROR)
        self.ledger.file_closed(5.0, file_id)
        return file_id

    @staticmethod
    def _in(item: int, queue: int) -> bool:
        return (item % 5 == 0) == (queue == OTHER)

    def _row(self, file_id: int, item: int, queue: int) -> MessageRow:
        self._tails[queue] += 1
        state = State.REJECTED if item % 3 == 2 else State.QUEUED
        body = encode(Rejected("x", ERROR)) if state == State.REJECTED else self._body()
        return MessageRow(self._tails[queue], file_id, item, item + 1, f"{item}", state, body)

    def _body(self) -> bytes:
        return encode(Message("34", 1, 1, "A", 5, 0, 0, 0, "gsm7", (b"x",), call=self._call))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def plain(items: Iterable[Lot]) -> list[tuple[int, str | None, object]]:
    return [(row.item, row.id, end) for lot in items for row, end in lot]


LENGTHS = [1, 0, 1, SHORT, SHORT + 1, 1, 40, *[1] * 30, *[3] * 50, 0]


@pytest.mark.parametrize("call", [None, Call("group.getcontacts", {}, harmless=True)])
def test_many_files_are_read_as_each_would_be(path: Path, call: Call | None) -> None:
    written = Written(path, LENGTHS, call)
    items = Items(written.store)
    alone = [plain(items.of(file, slots)) for file, slots, _ in written.files]
    assert [len(each) for each in alone] == LENGTHS
    assert [plain(each) for each in items.of_each(written.files)] == alone
    assert any(end is not None for each in alone for *_, end in each)
    written.store.close()


@pytest.mark.parametrize(("begin", "end"), [(0, 40), (0, 7), (7, 23), (39, 40), (23, 23)])
def test_some_messages_of_a_file_are_read_by_themselves(path: Path, begin: int, end: int) -> None:
    written = Written(path, [11, 40])
    file, slots, _ = written.files[1]
    items = Items(written.store)
    alone = plain(items.of(file, slots))
    assert plain(items.of(file, slots, begin, end)) == alone[begin:end]
    ((*_, rest),) = [list(items.of_each([written.files[0], (file, slots, begin)]))]
    assert plain(rest) == alone[begin:]
    written.store.close()


def test_short_files_share_their_statements(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Written(path, [1] * 3 * SHORT_AT_ONCE)
    asked: list[int] = []
    read = MessageTable.read

    def counting(table: MessageTable, msg_ids: Sequence[int]) -> list[MessageRow]:
        asked.append(len(msg_ids))
        return read(table, msg_ids)

    monkeypatch.setattr(MessageTable, "read", counting)
    for items in Items(written.store).of_each(written.files):
        assert len(plain(items)) == 1
    assert asked == [SHORT_AT_ONCE] * 3
    written.store.close()
