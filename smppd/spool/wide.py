"""Lines with many destinations: each of these is a message, and all of a chunk are made at once.

A line of a mebibyte has room for a hundred thousand, with a text of 255 parts: gigabytes, for which all
other traffic would wait. So a line has so many at most, and a chunk of such lines is cut. Nor is a client's
id longer than anybody's is, because ids are kept in memory. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from smppd.message import MOST_ID, ErrorInfo
from smppd.ports import Line

#: Destinations of one line at most; and of a chunk, beyond which it takes no further line.
MOST_DESTINATIONS = 1000


def too_many(to: str | Sequence[str]) -> ErrorInfo | None:
    """What is wrong with so many, if they are too many."""
    if isinstance(to, str) or len(to) <= MOST_DESTINATIONS:
        return None
    text = (
        f"to: has {len(to):,} numbers, and a line {MOST_DESTINATIONS:,} at most: write more lines"
    )
    return ErrorInfo("TOO_MANY_TO", text=text)


def destinations(line: Line) -> int:
    """How many messages a line comes to."""
    request = line.request
    return 1 if request is None or type(request.to) is str else len(request.to)


def flaw_of_id(client_id: str | None) -> ErrorInfo | None:
    """What is wrong with the id that a client gave, if it gave one."""
    if client_id == "":
        return ErrorInfo("EMPTY_ID", text="id: empty: write an id, or leave the field out")
    if client_id is not None and len(client_id) > MOST_ID:
        text = f"id: has {len(client_id):,} characters, and {MOST_ID} at most: write a shorter one"
        return ErrorInfo("LONG_ID", text=text)
    return None
