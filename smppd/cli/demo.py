"""`smppd demo`: a batch sent to a simulated SMSC by a daemon of its own, and what became of it; then
a group, a template and a chat over the provider's HTTP API, simulated as well.

Needs no configuration, no rights and no fixed port. The folder stays, with everything in it.
"""

from __future__ import annotations

import argparse
import signal
import time
from itertools import islice
from typing import Any

from smppd.cli import demo_calls
from smppd.cli.board import Board, board
from smppd.cli.following import Bad, Done, locate
from smppd.cli.handin import HandedIn, hand_in
from smppd.cli.samples import batch
from smppd.cli.stage import Stage, stage
from smppd.cli.terminal import CommandError, Terminal, plural
from smppd.cli.waiting import counted, in_words
from smppd.cli.words import count
from smppd.message import Lane, State
from smppd.results.page import PAGE

_LOOK_EVERY = 0.1
#: The demo is given up after this many seconds, and so many more for each message.
_PATIENCE = 60.0
_PATIENCE_EACH = 0.02
_SHOWN_RESULTS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument(
        "--messages", type=count(10_000_000), default=200, help="how many; 200 unless given"
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="leave daemon and SMSC running until Ctrl-C, to try the other commands on them",
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. 0 only if every message was delivered, and the calls did what they should."""
    with stage() as place:
        terminal.say(
            f"A simulated SMSC with its HTTP API and a daemon are running in {place.folder}"
        )
        terminal.flush()
        began = time.monotonic()
        content = batch(arguments.messages)
        handed = hand_in(place.spool, Lane.NORMAL, "demo.jsonl", content)
        done = _watch(place, handed, arguments.messages, terminal)
        _conclude(done, time.monotonic() - began, terminal)
        demo_calls.play(place, terminal)
        _advise(place, terminal)
        if arguments.keep:
            _keep(terminal)
    return 0 if done.states == {State.DELIVERED.label: arguments.messages} else 1


def _watch(place: Stage, handed: HandedIn, total: int, terminal: Terminal) -> Done:
    """Show what moves until the results are there."""
    with board(terminal, total) as shown:
        return _look_on(place, handed, _PATIENCE + total * _PATIENCE_EACH, shown)


def _look_on(place: Stage, handed: HandedIn, patience: float, shown: Board) -> Done:
    began = time.monotonic()
    while True:
        seconds = time.monotonic() - began
        where = locate(handed)
        if isinstance(where, Done):
            shown.show(where.states, seconds, last=True)
            return where
        if isinstance(where, Bad):
            raise CommandError(f"the batch {in_words(where)}")
        place.check_alive()
        if seconds > patience:
            raise CommandError(f"not done after {patience:g} s: {in_words(where)}")
        shown.show(place.states(), seconds)
        time.sleep(_LOOK_EVERY)


def _conclude(done: Done, seconds: float, terminal: Terminal) -> None:
    report: dict[str, Any] = done.report
    messages, parts = int(report.get("messages", 0)), int(report.get("parts", 0))
    terminal.say(
        f"{plural(messages, 'message')} in {plural(parts, 'part')}: {counted(done.states)},"
        f" in {seconds:.1f} s ({messages / seconds:,.0f} messages/s, receipts waited for)"
    )
    terminal.say(f"Results: {done.results}")
    with done.results.open() as lines:
        for line in islice(lines, _SHOWN_RESULTS):
            terminal.say(f"  {line.rstrip()}")
    _say_report(done, terminal)


def _say_report(done: Done, terminal: Terminal) -> None:
    """What the report adds, and the page to open."""
    countries, cost = done.report.get("countries", {}), done.report.get("cost", {})
    by_country = ", ".join(f"{each['name']} {each['messages']:,}" for each in countries.values())
    terminal.say(f"Report: {by_country}; {cost.get('estimated')} {cost.get('currency')} estimated")
    page = done.source.with_name(done.source.name + PAGE)
    if page.exists():
        terminal.say(f"  to look at and to print: {page}")


def _advise(place: Stage, terminal: Terminal) -> None:
    terminal.say("Look closer:")
    for words in ("report demo.jsonl", "show demo-5", "audit", "api --history"):
        terminal.say(f"  smppd {words} --config {place.config}")
    terminal.say(f"Everything is in {place.folder}; remove it when you have seen enough")
    terminal.flush()


def _keep(terminal: Terminal) -> None:
    terminal.say("Daemon and SMSC stay until Ctrl-C")
    terminal.flush()
    try:
        signal.pause()
    except KeyboardInterrupt:
        terminal.say()
