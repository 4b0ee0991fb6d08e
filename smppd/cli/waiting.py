"""Waiting for a file's results, with a bar on a terminal and a line for each change elsewhere."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import msgspec

from smppd.cli.following import Bad, Done, InInbox, InWork, Whereabouts, locate
from smppd.cli.handin import HandedIn
from smppd.cli.terminal import Terminal, plural
from smppd.message import State

#: Seconds between two looks.
LOOK_EVERY = 0.2
#: Of so many messages at most it is said why each was not sent, one by one.
_FEW = 10
#: So many looks in a row must miss a file before it counts as gone.
_MISSES = 5
#: Seconds in the inbox after which the daemon is asked after.
_LONG = 10.0


class Watcher(Protocol):
    """Who is shown where the file is."""

    def show(self, where: Whereabouts) -> None:
        """It is here now."""


class _Silence:
    """For programs, which read the outcome."""

    def show(self, where: Whereabouts) -> None:
        """See `Watcher`."""


class _Lines:
    """A line for each change."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._last = ""

    def show(self, where: Whereabouts) -> None:
        """See `Watcher`."""
        line = in_words(where)
        if line != self._last and isinstance(where, InInbox | InWork):
            self._terminal.say(line)
            self._terminal.flush()
        self._last = line


def wait(
    file: HandedIn, terminal: Terminal, timeout: float | None, *, quiet: bool = False
) -> Whereabouts:
    """Wait until the file is done with, or for `timeout` seconds; say how it ended."""
    with _watcher(terminal, quiet=quiet) as watcher:
        where = follow(file, watcher, timeout)
    if not quiet:
        _conclude(where, file, terminal)
    return where


def follow(file: HandedIn, watcher: Watcher, timeout: float | None) -> Whereabouts:
    """Look again and again until the file is done with, gone, or time is up."""
    begun, misses = time.monotonic(), 0
    while True:
        waited = time.monotonic() - begun
        where = locate(file)
        if isinstance(where, InInbox):
            where = InInbox(long=waited >= _LONG)
        watcher.show(where)
        if isinstance(where, Done | Bad):
            return where
        misses = 0 if isinstance(where, InInbox | InWork) else misses + 1
        if misses == _MISSES or (timeout is not None and waited >= timeout):
            return where
        time.sleep(LOOK_EVERY)


@contextmanager
def _watcher(terminal: Terminal, *, quiet: bool) -> Iterator[Watcher]:
    if quiet:
        yield _Silence()
    elif terminal.interactive:
        from smppd.cli.bar import bar  # noqa: PLC0415 (rich takes its time, and few need it)

        with bar() as watcher:
            yield watcher
    else:
        yield _Lines(terminal)


def in_words(where: Whereabouts) -> str:
    """Where a file is, in one line."""
    if isinstance(where, InInbox):
        return "waits in the inbox" if not where.long else "waits in the inbox: is smppd running?"
    if isinstance(where, InWork):
        if not where.total:
            return "is being worked on"
        more = "" if where.read else " so far"
        return f"{where.done:,} of {where.total:,}{more} done: {counted(where.states)}"
    if isinstance(where, Done):
        told = f"{plural(where.report.get('messages', 0), 'message')}: {counted(where.states)}"
        to_groups = where.report.get("destinations")
        return f"{told}; destinations of groups: {counted(to_groups)}" if to_groups else told
    return f"could not be used: {where.reason}" if isinstance(where, Bad) else "is gone"


def counted(states: dict[str, int]) -> str:
    """Counts by state, in the order of a message's life: "3 delivered, 1 failed"."""
    known = {state.label: states[state.label] for state in State if state.label in states}
    return ", ".join(f"{count:,} {state}" for state, count in known.items()) or "none"


def _conclude(where: Whereabouts, file: HandedIn, terminal: Terminal) -> None:
    if isinstance(where, Done):
        terminal.say(in_words(where))
        for line in _reasons(where):
            terminal.say(line)
        if where.report.get("complete") is False:
            terminal.say("not all are final: what changes later is in receipts/ and smppd show")
        terminal.say(f"results in {where.results}")
    elif isinstance(where, Bad):
        terminal.complain(f"{file.name} {in_words(where)}")
        terminal.complain(f"nothing of it was sent; it is {where.source}")
    elif isinstance(where, InInbox):
        terminal.complain(
            f"{file.name} still waits in the inbox: is smppd running? See smppd check"
        )
    elif isinstance(where, InWork):
        terminal.complain(f"{file.name}: {in_words(where)}; the results will come to done/")
        if where.held is not None:
            name = shlex.quote(where.campaign or file.name)
            terminal.complain(f"held: {where.held}; smppd resume --campaign {name} lets it go on")
    else:
        terminal.complain(f"{file.name} is gone: withdrawn, or where this user may not look")


def _reasons(done: Done) -> Iterator[str]:
    """Why messages were not sent, where they are few enough to be told of one by one."""
    if done.good or done.report.get("messages", 0) > _FEW:
        return
    try:
        results = done.results.read_bytes().splitlines()
    except OSError:  # taken away meanwhile; the counts have been told
        return
    for each in results[:_FEW]:
        result = msgspec.json.decode(each)
        error = result.get("error")
        if error:
            text = f": {error['text']}" if error.get("text") else ""
            yield f"  {result['id']} {result['state']}: {error['code']}{text}"
