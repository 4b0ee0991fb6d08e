"""What every reader of a claimed file gives: chunks of lines, each with the checkpoint behind it.

And what makes any file unusable, of whatever form it is.
"""

from __future__ import annotations

import codecs
from typing import Protocol

import msgspec

from smppd.campaign import CampaignTerms
from smppd.ports import Line
from smppd.spool.quarantine import Unusable

#: Octets per read.
BLOCK = 128 * 1024

#: Lines per chunk at most.
CHUNK = 250

#: Lines looked at for a chunk at most, blank ones included.
LOOKED_AT = 4000

#: Reads per chunk at most: blank or endless lines end a chunk too.
READS = 8

BOM = codecs.BOM_UTF8


class Chunk(msgspec.Struct):
    """Lines in the order of the file; `offset` (octets) and `line` say how far it is read.

    `terms`: what the file says of itself, with its first lines where it says something.
    """

    lines: list[Line]
    offset: int
    line: int
    last: bool
    terms: CampaignTerms | None = None


class Source(Protocol):
    """An open file of any format."""

    def next_chunk(self) -> Chunk | Unusable:
        """The next lines, possibly none; not to be called again after `last` or `Unusable`."""

    def close(self) -> None:
        """Give the descriptor back; calling it again does nothing."""


class Octets(Protocol):
    """What a reader reads: a file, or what is packed in one."""

    @property
    def size(self) -> int:
        """How many octets there are from the beginning to the end."""

    def read(self, size: int) -> bytes:
        """The next octets, so many at most; none at the end."""

    def close(self) -> None:
        """Give the descriptor back."""


class Refused:
    """A `Source` of nothing: the file is unusable for what stands beside it."""

    def __init__(self, problem: Unusable) -> None:
        self._problem = problem

    def next_chunk(self) -> Chunk | Unusable:
        """See `Source`."""
        return self._problem

    def close(self) -> None:
        """See `Source`."""


EMPTY = Unusable("is empty", "hand in at least one message")


def not_text(block: bytes) -> Unusable | None:
    """Why the first octets of a file are no text at all. A line that is not UTF-8 is the line's
    own mistake."""
    if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Unusable("is UTF-16", "save it as UTF-8", 1, 1)
    if block.startswith(b"\x1f\x8b"):
        return Unusable("is compressed", "let its name end in .gz, or unpack it", 1, 1)
    at = block.find(b"\0")
    if at < 0:
        return None
    row = block.count(b"\n", 0, at) + 1
    column = len(block[block.rfind(b"\n", 0, at) + 1 : at].decode(errors="replace")) + 1
    reason = f"is binary: a NUL octet in line {row}, column {column}"
    return Unusable(reason, "hand in text in UTF-8", row, column)
