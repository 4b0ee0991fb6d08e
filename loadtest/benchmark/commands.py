"""`bench.py grow`, `show` and `compare`, and where what was found is written."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from benchmark.comparison import NOISE, compare, lines, only_in_one, summary
from benchmark.document import (
    Document,
    document,
    merged_documents,
    read_document,
    write_document,
)
from benchmark.growing import LONG, choose, grow
from benchmark.growth import Growth
from benchmark.growth_comparison import growth_lines, new_faults, ratios
from benchmark.growth_tables import text_table
from benchmark.report import render, table
from benchmark.series import MESSAGES, SERIES
from benchmark.setting import BenchError, Setting
from benchmark.tables import NoPlace, renewed

#: Below so much the daemon claims nothing: [spool] min_free as it is unless told otherwise, in octets.
ROOM = 256 * 2**20


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the words of a command."""

    def error(self, message: str) -> NoReturn:
        """See ArgumentParser."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def check_folder(folder: Path | None) -> None:
    """Raises BenchError where nothing can be put there, or so little that the daemon would take nothing in."""
    if folder is not None and not folder.is_dir():
        raise BenchError(f"--folder {folder}: there is no such folder; make it, on the disk meant")
    place = folder or Path(tempfile.gettempdir())
    if not os.access(place, os.W_OK | os.X_OK):
        raise BenchError(f"--folder {place}: nothing can be written there; name another one")
    if (free := shutil.disk_usage(place).free) < ROOM:
        raise BenchError(
            f"--folder {place}: {free / 2**20:,.0f} MiB are free there, and a daemon takes nothing in"
            f" below {ROOM / 2**20:,.0f}; make room, or name another disk"
        )


def check_seconds(seconds: float) -> None:
    """Raises BenchError for no time at all."""
    if not seconds > 0:
        raise BenchError(f"--seconds {seconds:g}: at least a second is needed, like 600")


def check_writable(*paths: Path | None) -> None:
    """Raises BenchError for a file that cannot be written in the end, before anything is measured."""
    for path in paths:
        if path is not None and not path.resolve().parent.is_dir():
            raise BenchError(
                f"{path} cannot be written: there is no folder {path.resolve().parent}"
            )
        if path is not None and path.is_dir():
            raise BenchError(f"{path} cannot be written: it is a folder; name a file in it")
    named = [path.resolve() for path in paths if path is not None]
    if len(set(named)) < len(named):
        raise BenchError(f"{named[0]} is named for two things; give each a file of its own")


def write(written: Document, json: Path | None, report: Path | None) -> None:
    """Where it is asked for."""
    if json:
        write_document(written, json)
    if report:
        report.write_text(render(written), encoding="utf-8")


def _grow(words: Sequence[str]) -> int:
    """1 where anything was lost, sent twice or left, or where an audit failed."""
    options = _grow_options(words)
    check_writable(options.json, options.report)
    for name in ("rounds", "messages", "up_to"):
        if getattr(options, name) < 1:
            raise BenchError(f"--{name.replace('_', '-')} is below 1")
    chosen = choose(options.series, options.up_to, options.messages)
    check_folder(options.folder)
    check_seconds(options.seconds)
    setting = Setting(seconds=options.seconds, folder=options.folder)

    def keep(growths: list[Growth]) -> None:
        write(document([], [each for each in growths if each.points]), options.json, options.report)

    growths = grow(chosen, options.rounds, setting, keep)
    for growth in growths:
        print("\n".join(text_table(growth)), flush=True)
    return int(any(point.faults for growth in growths for point in growth.points))


def _grow_options(words: Sequence[str]) -> argparse.Namespace:
    listed = "\n".join(
        f"  {each.name:<9} {each.about}: {', '.join(f'{at:,}' for at in each.points)}"
        for each in SERIES.values()
    )
    parser = Parser(
        prog="bench.py grow",
        description="How the cost of a message grows with one number of the load at a time.\n\n"
        "Each point is a run of its own: a daemon on a new journal, an SMSC, some messages sent ahead\n"
        "and not measured, the load, until every message has its result, and an audit of the journal.\n"
        "CPU is that of the daemon and its children from the hand-in to the last result: what starting\n"
        "and stopping cost is not in it, nor what is done once in a daemon's life. Points are run in\n"
        "rounds, in turn, and the tables give medians: an hour in which the machine is slow is in all\n"
        f"of a curve. Those of more than {LONG:,} messages are run in the first round alone.\n\n"
        f"series, and their points:\n{listed}",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    add = parser.add_argument
    add(
        "series",
        nargs="*",
        metavar="SERIES[:N,N]",
        help="which, or which of its points; all of them",
    )
    add("--up-to", type=int, default=1_000_000, metavar="N",
        help="no point of more messages, unless it is named (1,000,000)")  # fmt: skip
    add("--messages", type=int, default=MESSAGES, metavar="N",
        help=f"of a point, where another number is varied ({MESSAGES:,})")  # fmt: skip
    add("--rounds", type=int, default=3, metavar="N", help="how often each point is run (3)")
    add("--seconds", type=float, default=3600.0, help="at most, for each run (3600)")
    add("--folder", type=Path, help="where spool and journal are: the disk that is meant")
    add_outputs(parser)
    return parser.parse_args(words)


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """The options for `write`."""
    add = parser.add_argument
    add("--report", type=Path, metavar="FILE", help="write one HTML page with curves here")
    add("--json", type=Path, metavar="FILE", help="write everything here, for programs")


def _show(words: Sequence[str]) -> int:
    options = _show_options(words)
    check_writable(options.json, options.report)
    found = merged_documents([read_document(path) for path in options.files])
    write(found, options.json, options.report)
    if options.into is not None:
        _renew(options.into, found)
    elif not options.json and not options.report:
        for run in found.runs:
            print("\n".join(table(run)))
        for growth in found.growths:
            print("\n".join(text_table(growth)))
    return 0


def _show_options(words: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog="bench.py show",
        description="Shows what --json wrote, several as one: of what is in more than one, the last"
        " counts. As tables, unless another form is asked for.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="that --json wrote")
    parser.add_argument(
        "--into", type=Path, metavar="TEXT.md", help="renew the tables in this text (RESULTS.md)"
    )
    add_outputs(parser)
    return parser.parse_args(words)


def _renew(path: Path, found: Document) -> None:
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(renewed(text, found), encoding="utf-8")
    except NoPlace as why:
        raise BenchError(f"{path}: {why}") from None


def _compare(words: Sequence[str]) -> int:
    """1 if a figure got worse."""
    options = _compare_options(words)
    if not 0 <= options.noise < math.inf:
        raise BenchError(f"--noise {options.noise:g}: a percentage that is not below 0, like 10")
    before, after = read_document(options.before), read_document(options.after)
    noise = options.noise / 100
    found = compare(before, after, noise)
    grown = ratios(before.growths, after.growths, noise)
    if not found and not grown:
        raise BenchError("the two have no profile and no point of a series in common")
    print(f"{'':<42}{'before':>16}{'after':>16}{'ratio':>8}")
    for each in found:
        print("\n".join(lines(each)))
    if found:
        print("\n".join(["", *summary(found)]))
    for line in growth_lines(grown):
        print(line)
    faults = new_faults(before.growths, after.growths)
    for fault in faults:
        print(f"! {fault}")
    if only := only_in_one(before, after):
        print(f"only in one of them: {', '.join(only)}")
    verdicts = [change.verdict for each in found for change in each.changes]
    verdicts += [ratio.verdict for ratio in grown]
    return int("worse" in verdicts or bool(faults))


def _compare_options(words: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog="bench.py compare",
        description="Compares two files that --json wrote: what got better, what got worse."
        " Exit code 1 where anything got worse.",
    )
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument(
        "--noise",
        type=float,
        default=100 * NOISE,
        help="percent below which a change is none"
        " (10); of a p99 three times as much, of a p99.9 five times",
    )
    return parser.parse_args(words)


#: By the word that asks for each.
COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "grow": _grow,
    "show": _show,
    "compare": _compare,
}
