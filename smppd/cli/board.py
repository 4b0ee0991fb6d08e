"""What the demo shows while messages move: a table on a terminal, a line a second elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from smppd.cli.terminal import Terminal
from smppd.cli.waiting import counted
from smppd.message import State

_COLOURS = {
    State.QUEUED: "yellow",
    State.SENDING: "cyan",
    State.SENT: "blue",
    State.DELIVERED: "green",
}


class Board(Protocol):
    """Who is shown how many messages are in which state, after so many seconds."""

    def show(self, states: Mapping[str, int], seconds: float, *, last: bool = False) -> None:
        """So many are in each state now; `last`: nothing more will come."""


class _Lines:
    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._shown: Mapping[str, int] = {}
        self._due = 0.0

    def show(self, states: Mapping[str, int], seconds: float, *, last: bool = False) -> None:
        """See `Board`."""
        if states == self._shown or not (last or seconds >= self._due):
            return
        self._shown, self._due = states, seconds + 1.0
        self._terminal.say(f"{seconds:6.1f} s  {counted(dict(states))}")
        self._terminal.flush()


class _Table:
    def __init__(self, live: Live, total: int) -> None:
        self._live = live
        self._total = total
        self._seen: list[State] = [State.QUEUED, State.SENDING, State.SENT, State.DELIVERED]

    def show(self, states: Mapping[str, int], seconds: float, *, last: bool = False) -> None:
        """See `Board`."""
        self._seen += [each for each in State if each.label in states and each not in self._seen]
        table = Table(title=f"{seconds:.1f} s", title_justify="left")
        table.add_column("state")
        table.add_column("messages", justify="right")
        table.add_column("", width=40)
        for state in self._seen:
            count = states.get(state.label, 0)
            colour = _COLOURS.get(state, "red")
            bar = ProgressBar(self._total, count, complete_style=colour, finished_style=colour)
            table.add_row(f"[{colour}]{state.label}", f"{count:,}", bar)
        self._live.update(table, refresh=last)


@contextmanager
def board(terminal: Terminal, total: int) -> Iterator[Board]:
    """A board for a demo of `total` messages, while the context lasts."""
    if terminal.interactive:
        with Live(refresh_per_second=10) as live:
            yield _Table(live, total)
    else:
        yield _Lines(terminal)
