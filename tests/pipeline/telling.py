"""The events of a journal, as any outlet would read them from its beginning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smppd.journal.log import LogReader
from smppd.journal.store import open_reader
from smppd.outlets.happenings import TOLD, Happening, Teller


def happenings(path: Path, *, content: bool = False, lot: int = 7) -> list[Happening]:
    """Every event, read in lots of about so many."""
    log, found, after = LogReader(open_reader(path)), list[Happening](), 0
    while True:
        stretch = log.read(after, TOLD, lot)
        if stretch.end == after:
            break
        teller = Teller(stretch.files, content=content)
        for fact in stretch.facts:
            if fact.seq in stretch.lines:
                found += teller.admitted(fact, stretch.lines[fact.seq])
            else:
                found += teller.happened(fact, stretch.rows.get(fact.msg or 0))
        after = stretch.end
    log.close()
    return found


def events(path: Path, *, content: bool = False) -> list[dict[str, Any]]:
    """What a consumer reads."""
    return [json.loads(each.json) for each in happenings(path, content=content)]
