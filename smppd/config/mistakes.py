"""A mistake in the configuration, and the pass over a document that gathers them.

Knows sections and their rules, not what the keys of one section mean to one another. Raises
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smppd.config.rules import Problem, nearest, quoted
from smppd.config.sections import KEYS, RULES

#: Sections of which there may be several, each with a name.
_OF_A_NAME = ("link", "http", "contacts", "webhook", "hook")

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong: the dotted key (or the file) and, for the operator, why and the cure.

    `file`: the configuration in which the key stands, as it was named; None where that is not known
    or is the key.
    """

    key: str
    problem: str
    file: Path | None = field(default=None, compare=False)

    def __str__(self) -> str:
        place = "" if self.file is None else f"{self.file}: "
        return f"{place}{self.key}: {self.problem}"


def dotted(*parts: str) -> str:
    """A key as it is written in full, with quotes round what TOML wants quoted."""
    return ".".join(part if _BARE_KEY.fullmatch(part) else quoted(part) for part in parts)


def unknown(key: str, known: Collection[str]) -> str:
    """Why a key that is not known is refused, with the nearest cure there is."""
    owners = [
        f"[{name}.NAME]" if name in _OF_A_NAME else f"[{name}]"
        for name, known_there in KEYS.items()
        if key in known_there
    ]
    if owners:
        return f"is not a key here; it belongs in {' or '.join(owners)}"
    return f"is not a key here{nearest(key, known) or '; there are: ' + ', '.join(known)}"


class Reading:
    """One pass over a document. Relative paths begin at `folder`."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.mistakes: list[Mistake] = []
        self.environ = environ
        self.folder = folder

    def refuse(self, problem: str, *key: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(dotted(*key), problem))

    def value(self, found: object, *key: str) -> Any:
        """What a rule found, or None with its problem noted."""
        if isinstance(found, Problem):
            self.refuse(found.why, *key)
            return None
        return self.folder / found if isinstance(found, Path) else found

    def table(self, table: object, *key: str) -> dict[str, Any]:
        """A section as it stands in the document; empty, with a mistake noted, when it is none."""
        if isinstance(table, dict):
            return table
        self.refuse(f"is not a section; write [{dotted(*key)}] on a line of its own", *key)
        return {}

    def fields(self, section: str, table: dict[str, Any], *key: str) -> dict[str, Any]:
        """The constructor's arguments that a section of the document gives.

        Keys the document does not have, and keys with mistakes, are left out.
        """
        given: dict[str, Any] = {}
        known = RULES[section]
        for name, value in table.items():
            if name not in KEYS[section]:
                self.refuse(unknown(name, KEYS[section]), *key, name)
            elif name in known:
                found = known[name].check(value)
                kept = self.value(found, *key, name)
                if not isinstance(found, Problem):
                    given[known[name].field] = kept
        return given
