"""`receipts/receipts-YYYYMMDD-HH.jsonl`: a line for each delivery receipt, appended.

Lines are written after their facts are in the journal, each with its `seq` there. After a crash
the log is brought up to date from the journal, so that it has every receipt, each once: the seq
of the last line, or the one in `.position`, says how far it got. A receipt that came before its
message_id was known stands there twice: when it came, and with its message when that was known.
A final state that the SMSC told when it was asked stands there, too, with "by": "query_sm", and
what an account of the HTTP API said, with "by": "getdeliverystatus" and the provider's own `word`
for it: also a word that the configuration does not explain, as "state": "unknown". What
names no message_id, or no state that anybody knows, has the octets of its text in `data` (hex).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import msgspec

from smppd.ledger.facts import Fact, Kind, ReceiptFact, receipt_fact
from smppd.placing import write_whole
from smppd.ports import ReceiptOf
from smppd.smpp.vocabulary import MessageState
from smppd.told import iso

_WORDS = {int(state): state.name.lower() for state in MessageState}
_encode = msgspec.json.Encoder().encode
_TAIL = 1 << 20


class _Line(msgspec.Struct, gc=False, omit_defaults=True):
    seq: int
    time: str | None
    link: str
    message_id: str
    state: str
    error: str
    done_date: str
    source: str
    matched: bool
    id: str | None
    to: str | None
    by: str = ""
    data: str = ""
    word: str = ""


class ReceiptLog:
    """The growing file of the hour; a `ports.Receipts`. It belongs to one task."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hour = ""
        self._file: BinaryIO | None = None
        self._seq = 0

    def recover(self) -> int:
        """Mend a torn last line; the seq up to which receipts have been written."""
        position = self._folder / ".position"
        seq = int(position.read_text()) if position.exists() else 0
        for path in sorted(self._folder.glob("receipts-*.jsonl"))[-2:]:
            seq = max(seq, _mend(path))
        self._seq = seq
        return seq

    def append(self, receipts: Iterable[ReceiptOf]) -> None:
        """Append receipts that are already in the journal, each to the file of its hour."""
        for number, lot in groupby(receipts, lambda receipt: receipt.fact.at // 3600):
            lines, seq = [], self._seq
            for receipt in lot:
                seq = max(seq, receipt.fact.seq)
                lines.append(_encode(_line(receipt)))
            lines.append(b"")
            file = self._open(number * 3600)
            file.write(b"\n".join(lines))
            file.flush()
            self._seq = seq

    def close(self) -> None:
        """Remember how far the log got."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
        with suppress(FileNotFoundError):  # the folder was taken away: there is nothing to go on
            write_whole(self._folder / ".position", str(self._seq).encode())

    def _open(self, at: float) -> BinaryIO:
        hour = f"{datetime.fromtimestamp(at, UTC):%Y%m%d-%H}"
        if self._file is None or hour != self._hour:
            if self._file is not None:
                self.close()
            self._hour = hour
            self._file = (self._folder / f"receipts-{hour}.jsonl").open("ab")
        return self._file


def _line(receipt: ReceiptOf) -> _Line:
    fact = receipt.fact
    assert fact.text is not None
    what = receipt_fact(fact.text)
    return _Line(
        fact.seq,
        iso(fact.at),
        what.link,
        what.message_id,
        "unknown" if fact.num is None else _WORDS.get(abs(fact.num), "unknown"),
        what.error,
        what.done_date,
        what.destination,
        fact.msg is not None,
        receipt.id,
        receipt.to,
        _asked_by(fact, what),
        what.octets,
        what.word,
    )


def _asked_by(fact: Fact, what: ReceiptFact) -> str:
    if fact.kind != Kind.QUERIED:
        return ""
    return "getdeliverystatus" if what.word else "query_sm"


def _mend(path: Path) -> int:
    """Cut a line that a crash left half written; the highest seq of the last whole ones."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        tail = file.read()
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            file.truncate(size - len(tail) + whole)
        lines = tail[:whole].splitlines()
    return max(map(_seq_of, lines), default=0)


def _seq_of(line: bytes) -> int:
    try:
        return int(json.loads(line)["seq"])
    except (ValueError, KeyError, TypeError):
        return 0
