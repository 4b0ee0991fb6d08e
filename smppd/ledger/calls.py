"""What the journal keeps of operations of the provider's HTTP API: shapes on disk, as in `facts`."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from smppd.message import ErrorInfo

#: What `Outstanding.call` says: a submit_sm, an operation of the provider's HTTP API, one that only
#: reads there, so that it may be repeated.
NO_CALL, CALL, HARMLESS = range(3)


class End(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """When one destination of a group came to its end (epoch seconds), and what was wrong."""

    at: float
    error: ErrorInfo | None = None


class Destination(NamedTuple):
    """One of a group's: its number, its message_id if it was told, its state and its end."""

    to: str
    message_id: str
    state: int
    done: float | None = None
    error: ErrorInfo | None = None


class Response(msgspec.Struct, array_like=True, frozen=True):
    """What an ANSWERED fact keeps. `taken`: message_id and destination of each message that the
    provider took; `group`: each is a destination of its own. `asked`: their delivery will be asked
    for."""

    op: str
    answer: bytes
    taken: list[tuple[str, str]]
    group: bool = False
    asked: bool = False


read_response = msgspec.msgpack.Decoder(Response).decode
