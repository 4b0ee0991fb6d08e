"""What a document of the manual has in fences: commands, programs, configuration, output.

A comment before a fence says what is done with it; none of these is seen by a reader:

- `<!-- file: NAME -->` it is written to that file
- `<!-- add to: NAME -->` it is added to the end of that file
- `<!-- exit: N -->` the commands end with this status
- `<!-- not run: WHY -->` it cannot be run here

A `text` block after commands is what they print; `…` in it stands for anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(
    r"(?P<marks>(?:^<!-- [^\n]* -->\n)*)^```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"<!-- ([\w ]+): (.*) -->")
_PROGRAMS = ("sh", "python", "php", "cron")


@dataclass(frozen=True)
class Block:
    """One fence: its language, its text, the line it begins in, and what is said of it."""

    kind: str
    text: str
    line: int
    marks: dict[str, str] = field(default_factory=dict)
    prints: str | None = None

    @property
    def is_program(self) -> bool:
        """Whether it does something, so that it can be run."""
        return self.kind in _PROGRAMS


@dataclass(frozen=True)
class Section:
    """The fences below one heading of the second level."""

    document: Path
    title: str
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        """For the name of a test."""
        words = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return f"{self.document.stem}-{words or 'start'}"

    @property
    def runs(self) -> bool:
        """Whether anything in it is run."""
        return any(block.is_program and "not run" not in block.marks for block in self.blocks)

    def needs(self, program: str) -> bool:
        """Whether it cannot be run without this one."""
        word = re.compile(rf"\b{program}\b")
        return any(
            block.kind == program or (block.kind == "sh" and word.search(block.text))
            for block in self.blocks
            if "not run" not in block.marks
        )


def sections(document: Path) -> Iterator[Section]:
    """The sections of a document that have fences."""
    text = document.read_text()
    starts = [0, *(found.start() for found in re.finditer(r"(?m)^## ", _without_fences(text)))]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        title = re.match(r"##? (.*)", text[start:end])
        blocks = tuple(_blocks(text, start, end))
        if blocks:
            yield Section(document, title[1] if title else "", blocks)


def _without_fences(text: str) -> str:
    """The text with all that stands in fences blanked out, character by character."""
    return _FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _blocks(text: str, start: int, end: int) -> Iterator[Block]:
    last: tuple[Block, int] | None = None
    for found in _FENCE.finditer(text, start, end):
        line = text.count("\n", 0, found.start("text")) + 1
        marks = dict(_MARK.findall(found["marks"]))
        block = Block(found["kind"], found["text"], line, marks)
        if last is not None:
            before, stop = last
            follows = block.kind == "text" and not text[stop : found.start()].strip()
            if follows and before.is_program:
                before = Block(before.kind, before.text, before.line, before.marks, block.text)
            yield before
        last = (block, found.end())
    if last is not None:
        yield last[0]
