"""Beginnings of results: what is written before its file comes to rest, and what is left of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from smppd.config import Prices
from smppd.ledger.entries import MessageRow, Rejected
from smppd.ledger.facts import encode
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import FileAccount
from smppd.message import ErrorInfo, Lane, State
from smppd.results import begun, drafts
from smppd.results.begun import MOST, Beginnings
from smppd.results.report import Lot

BODY = encode(Rejected("12", ErrorInfo("BAD_TO", None, "no number")))


class Bad:
    """Messages of which all were rejected, in lots of two."""

    def of_each(self, files: Iterable[tuple[FileAccount, Slots, int]]) -> Iterator[Iterator[Lot]]:
        raise NotImplementedError

    def of(self, file: FileAccount, slots: Slots, begin: int, end: int) -> Iterator[Lot]:
        for first in range(begin, end, 2):
            items = range(first, min(first + 2, end))
            yield [(self._row(file, item), None) for item in items]

    def _row(self, file: FileAccount, item: int) -> MessageRow:
        return MessageRow(9, file.file_id, item, item + 1, f"{item}", State.REJECTED, BODY)


def file(file_id: int = 1) -> FileAccount:
    return FileAccount(file_id, "t", "a.jsonl", Lane.BULK, 1.0, items=100)


@pytest.fixture
def beginnings(tmp_path: Path) -> Beginnings:
    return Beginnings(tmp_path / "drafts", Bad(), Prices())


def lines(path: Path | str) -> list[int]:
    return [json.loads(line)["line"] for line in Path(path).read_bytes().splitlines()]


def test_what_is_final_is_written_once_each_in_order(beginnings: Beginnings) -> None:
    for final in (3, 7, 5, 7):
        beginnings.write(file(), final)
    with beginnings.taken([2, 1]) as (none, found):
        assert none is None
        assert found is not None
        assert found.items == 7
        assert lines(found.path) == [1, 2, 3, 4, 5, 6, 7]
        assert found.tally._messages == 7
    assert not Path(found.path).exists()
    with beginnings.taken([1]) as again:
        assert again == [None]


def test_what_was_moved_away_is_left_there(beginnings: Beginnings, tmp_path: Path) -> None:
    beginnings.write(file(), 3)
    with beginnings.taken([1]) as (found,):
        assert found is not None
        Path(found.path).rename(tmp_path / "results")
    assert lines(tmp_path / "results") == [1, 2, 3]


def test_what_a_full_disk_broke_off_is_begun_anew(
    beginnings: Beginnings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beginnings.write(file(), 3)

    def full(path: str, pieces: Iterable[bytes]) -> None:
        drafts.append(path, [next(iter(pieces))[:5]])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as failing:
        failing.setattr(begun, "append", full)
        with pytest.raises(OSError, match="No space"):
            beginnings.write(file(), 7)
    assert list((tmp_path / "drafts").iterdir()) == []
    beginnings.write(file(), 9)
    with beginnings.taken([1]) as (found,):
        assert found is not None
        assert lines(found.path) == list(range(1, 10))


def test_of_very_many_files_the_first_is_given_up(beginnings: Beginnings, tmp_path: Path) -> None:
    for number in range(MOST + 1):
        beginnings.write(file(number), 1)
    beginnings.write(file(MOST), 2)
    assert len(list((tmp_path / "drafts").iterdir())) == MOST
    with beginnings.taken([0, 1]) as (gone, found):
        assert gone is None
        assert found is not None
