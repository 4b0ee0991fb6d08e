"""What a command is to the socket, and how it says no."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

#: A request without its "command", but with "who" asked and his "uid".
Arguments = dict[str, Any]
#: What it gives is encoded as JSON.
Command = Callable[[Arguments], Awaitable[Any]]


class ControlRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The daemon answered no. Commands raise it with one line for the person who asked.

    `fault`: the command broke off half-way, so it may be done.
    """

    def __init__(self, text: str, *, fault: bool = False) -> None:
        super().__init__(text)
        self.fault = fault
