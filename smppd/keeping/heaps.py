"""What is removed together: a campaign's files, or one file of a series; and what is nobody's.

Pure: from what stands in a folder to heaps. Whatever is not known to be the daemon's own is foreign.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

#: How the report's name ends: by it a campaign is known, so it goes last.
REPORT = ".report.json"
#: What lies beside a campaign's source, behind its name.
_COMPANION = re.compile(r"|\.(results|report|meta)\.[a-z0-9.]{1,20}")
#: A draft that a crash left: see `placing.write_whole`.
_DRAFT = re.compile(r"\.[0-9]+-[0-9]+\.tmp")


class Entry(NamedTuple):
    """A name in a folder; `plain`: a regular file, and no link to one."""

    name: str
    changed: float
    octets: int
    plain: bool


class Heap(NamedTuple):
    """Names that are removed together, in this order; `at` is when the last of them changed."""

    at: float
    octets: int
    names: tuple[str, ...]


class Grouped(NamedTuple):
    """The heaps of a folder, the oldest first, and the names of what is foreign there."""

    heaps: list[Heap]
    foreign: list[str]


Group = Callable[[Sequence[Entry]], Grouped]


def campaigns(entries: Sequence[Entry]) -> Grouped:
    """A day of `done/`: each report with its results, its source and what else is of it."""
    known = {each.name[: -len(REPORT)] for each in entries if each.name.endswith(REPORT)}
    found, foreign = defaultdict[str, list[Entry]](list), []
    for entry in entries:
        owner = _owner(entry.name, known) if entry.plain else None
        if owner is None:
            foreign.append(entry.name)
        else:
            found[owner].append(entry)
    return Grouped(sorted(map(_heap, found.values())), foreign)


def _owner(name: str, known: set[str]) -> str | None:
    """The campaign that a name is of."""
    if _DRAFT.fullmatch(name):
        return name
    owner = name
    while owner:
        if owner in known and _COMPANION.fullmatch(name[len(owner) :]):
            return owner
        owner = owner.rpartition(".")[0]
    return None


def _heap(entries: Sequence[Entry]) -> Heap:
    names = sorted((each.name for each in entries), key=lambda name: (name.endswith(REPORT), name))
    changed = max(each.changed for each in entries)
    return Heap(changed, sum(each.octets for each in entries), tuple(names))


def series(pattern: str, spare: int, form: str = "") -> Group:
    """Files whose names match, each for itself; the last so many by name are still written to. With
    a `form` (see `strptime`) the names tell from when on each was written, too."""
    known = re.compile(pattern)

    def group(entries: Sequence[Entry]) -> Grouped:
        ours = sorted(each for each in entries if each.plain and known.fullmatch(each.name))
        names = {each.name for each in ours}
        foreign = [each.name for each in entries if each.name not in names]
        old = ours[: max(0, len(ours) - spare)]
        return Grouped(
            sorted(Heap(_since(each, form), each.octets, (each.name,)) for each in old),
            [name for name in foreign if not name.startswith(".")],
        )

    return group


def _since(entry: Entry, form: str) -> float:
    if not form:
        return entry.changed
    try:
        named = datetime.strptime(entry.name, form).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return entry.changed
    return max(entry.changed, named)


#: Of a place in which all belongs to others.
NOTHING = Grouped([], [])


def nothing(_: Sequence[Entry]) -> Grouped:
    """Of such a place."""
    return NOTHING
