"""The beginnings of long files' results: of messages that are final while the rest is under way.

They lie with the drafts (`placer.DRAFTS`), unsynced and under names of no meaning, until their files come
to rest and the rest is written behind them. What is left of them after a crash is cleared away, as drafts
are, and written anew. All calls block; OSError leaves them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from smppd.config import Prices
from smppd.ledger.facts import LedgerError
from smppd.ledger.slots import Slots
from smppd.ledger.snapshot import FileAccount
from smppd.results.drafts import append
from smppd.results.report import Items, write_lines
from smppd.results.tally import Tally

#: Beginnings that are kept at most, the latest: a file that is withdrawn never asks for its own.
MOST = 8


@dataclass(slots=True)
class Beginning:
    """The results of the first so many messages of a file, counted in the tally."""

    path: str
    tally: Tally
    items: int = 0


class Beginnings:
    """All of them, in a folder. `items` reads files' messages from the journal."""

    def __init__(self, folder: Path, items: Items, prices: Prices) -> None:
        self._folder = folder
        self._items = items
        self._prices = prices
        self._begun: dict[int, Beginning] = {}

    def write(self, file: FileAccount, final: int) -> None:
        """Write the results of the first so many messages of this file as far as that was not done:
        they are final, and in the journal. What fails is begun anew by the next call. Raises `LedgerError`
        where the journal is damaged."""
        if file.file_id not in self._begun and len(self._begun) == MOST:
            _remove(self._begun.pop(next(iter(self._begun))))
        begun = self._begun.pop(file.file_id, None) or self._begin(file.file_id)
        try:
            items = self._items.of(file, Slots(), begun.items, final)
            append(begun.path, write_lines(items, {}, begun.tally))
        except (OSError, LedgerError):
            _remove(begun)
            raise
        begun.items = max(begun.items, final)
        self._begun[file.file_id] = begun

    def _begin(self, file_id: int) -> Beginning:
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f".{file_id}.begun"
        path.unlink(missing_ok=True)
        return Beginning(str(path), Tally(self._prices))

    @contextmanager
    def taken(self, files: Iterable[int]) -> Iterator[list[Beginning | None]]:
        """What there is of each of these files, by their file_ids. What is still there in the end is
        removed."""
        found = [self._begun.pop(file_id, None) for file_id in files]
        try:
            yield found
        finally:
            for begun in filter(None, found):
                _remove(begun)


def _remove(begun: Beginning) -> None:
    with suppress(OSError):  # it goes with the next start, then
        Path(begun.path).unlink()
