"""Loading contacts into a group, lot by lot, so that it is known at any moment which rows are in.

What a second addcontactlist of the same contacts does is documented nowhere: a lot whose answer
is lost is in doubt, and is not repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Protocol

from smppd.cli.contact_file import Row
from smppd.cli.terminal import CommandError, Terminal
from smppd.provider.answers import Answer, Failure, NoAnswer, Success

#: Calls an operation with its parameters.
Call = Callable[[str, Mapping[str, object]], Answer]
_INTERRUPTED = "interrupted"


class Watcher(Protocol):
    """Who is shown how far it is."""

    def show(self, done: int) -> None:
        """So many rows are in now."""


class Loaded(NamedTuple):
    """What became of the rows: the first `done` are in, the next `doubted` are in doubt, and the
    others are not in. `why` it ended before the last row."""

    rows: Sequence[Row]
    done: int
    doubted: int = 0
    why: Failure | NoAnswer | None = None

    @property
    def complete(self) -> bool:
        """Whether every row is in."""
        return self.done == len(self.rows)


def load(call: Call, idgroup: str, rows: Sequence[Row], lot: int, watcher: Watcher) -> Loaded:
    """Add rows to a group, `lot` at a time, until all are in or something comes between."""
    done = doubted = 0
    try:
        while done < len(rows):
            some = rows[done : done + lot]
            doubted = len(some)
            answer = call("group.addcontactlist", {"idgroup": idgroup, "contacts": _listed(some)})
            doubted = doubted if isinstance(answer, NoAnswer) and answer.sent else 0
            if not isinstance(answer, Success):
                return Loaded(rows, done, doubted, answer)
            done += len(some)
            watcher.show(done)
    except CommandError as error:  # nothing was asked
        return Loaded(rows, done, 0, NoAnswer(str(error), sent=False))
    except KeyboardInterrupt:
        return Loaded(rows, done, doubted, NoAnswer(_INTERRUPTED, sent=bool(doubted)))
    return Loaded(rows, done)


def _listed(rows: Sequence[Row]) -> str:
    return f"[{','.join(row.contact for row in rows)}]"


# ── who is shown ─────────────────────────────────────────────────────────────────────────────


class _Silence:
    """For programs, which read the outcome."""

    def show(self, done: int) -> None:
        """See `Watcher`."""


class _Lines:
    """A line for each lot."""

    def __init__(self, terminal: Terminal, total: int) -> None:
        self._terminal = terminal
        self._total = total

    def show(self, done: int) -> None:
        """See `Watcher`."""
        self._terminal.say(f"{done:,} of {self._total:,} rows are in")
        self._terminal.flush()


def watching(terminal: Terminal, total: int, *, quiet: bool) -> AbstractContextManager[Watcher]:
    """A bar on a terminal, a line for each lot elsewhere."""
    if quiet:
        return nullcontext(_Silence())
    if terminal.interactive:
        from smppd.cli.bar import counting  # noqa: PLC0415 (rich takes its time)

        return counting(total, "rows are in")
    return nullcontext(_Lines(terminal, total))
