"""`smppd report NAME`: what a file or a campaign came to by now, from the journal; with a daemon or without.

Results, report and page are written anew where they are, with what became known since.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from smppd.cli.lookup import reading
from smppd.cli.places import seen
from smppd.cli.report_words import in_words
from smppd.cli.settings import read_config
from smppd.cli.terminal import CommandError, Terminal, plural
from smppd.config import Config
from smppd.journal.past import Past, PastFile, reading_past
from smppd.journal.store import Store
from smppd.placing import fsync_folder, write_whole
from smppd.ports import FileRow
from smppd.results.page import PAGE, render_page, wants_page
from smppd.results.report import REPORT, RESULTS, heading_of, write_lines
from smppd.results.tally import Tally
from smppd.results.totals import Heading, Totals
from smppd.told import iso

#: Files of one campaign that are summed at most, and candidates that are named.
_MOST_FILES = 10_000
_MOST_NAMED = 20
_ENDINGS = (RESULTS, REPORT, PAGE)
_ODD = re.compile(r"[^\w.@+-]")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("name", metavar="NAME", help="of a campaign or a file, or a path in done/")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--html", action="store_true", help="write the page, too, however few messages there are"
    )
    parser.add_argument(
        "--output", metavar="DIR", type=Path, help="write into this folder, not into done/"
    )
    parser.add_argument(
        "--newest", action="store_true", help="of several files of this name, the last handed in"
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    config = read_config(arguments)
    output = arguments.output
    if output is not None and not (seen(output) and output.is_dir()):
        raise CommandError(f"{output} is no folder that this user sees: make it first", exit_code=2)
    try:
        with reading(config) as store, reading_past(store) as past:
            rows = _meant(store, arguments.name, newest=arguments.newest)
            desk = _Desk(config, past, output, page=arguments.html)
            totals = desk.report(rows)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        cure = "run this as the daemon's user, or write elsewhere with --output DIR"
        raise CommandError(f"{where}{error.strerror or error}: {cure}") from None
    for line in desk.gone:
        terminal.complain(line)
    if arguments.json:
        terminal.say_json(totals.encode())
        return 0
    _show(totals, desk.written, terminal)
    return 0


def _show(totals: Totals, written: Sequence[Path], terminal: Terminal) -> None:
    for line in in_words(totals, terminal.columns):
        terminal.say(line)
    for path in written[:_MOST_NAMED]:
        terminal.say(f"written    {path}")
    if len(written) > _MOST_NAMED:
        terminal.say(f"and {plural(len(written) - _MOST_NAMED, 'more file')}")
    if not written:
        terminal.say("nothing is written before the file is reported; --output DIR writes it now")


# ── which files are meant ────────────────────────────────────────────────────────────────────


def _meant(store: Store, name: str, *, newest: bool) -> list[FileRow]:
    """The file of this path or name, or all of this campaign; the newest first. Raises `CommandError`."""
    by_path = store.files.placed_at(_source(name)) if "/" in name else []
    rows = by_path or store.files.called(_bare(name), _MOST_FILES)
    if not rows:
        raise CommandError(
            f"there is no file or campaign {name} in the journal: smppd campaigns lists what there"
            " is; what is still in the inbox is not there yet"
        )
    if newest:
        return rows[:1]
    campaign = [row for row in rows if row.campaign == name]
    if len(campaign) == len(rows) or len(rows) == 1:
        return rows
    shown = [f"  {row.placed or f'work/{row.token}/{row.name}'}" for row in rows[:_MOST_NAMED]]
    if len(rows) > _MOST_NAMED:
        shown.append(f"  and {len(rows) - _MOST_NAMED:,} more")
    raise CommandError(
        "\n".join(
            [f"{name} is the name of {len(rows):,} files: give the path, or --newest", *shown]
        ),
        exit_code=2,
    )


def _source(name: str) -> str:
    """The path of the source, from its own or that of something beside it."""
    path = str(Path(name).absolute())
    for ending in _ENDINGS:
        path = path.removesuffix(ending)
    return path


def _bare(name: str) -> str:
    """A name without what results and reports have behind it."""
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name


# ── writing ──────────────────────────────────────────────────────────────────────────────────


class _Desk:
    """Reports files. `written` are the paths it wrote, `gone` says which could not be reported."""

    def __init__(self, config: Config, past: Past, output: Path | None, *, page: bool) -> None:
        self.written: list[Path] = []
        self.gone: list[str] = []
        self._config = config
        self._past = past
        self._output = output
        self._page = page
        self._taken: set[str] = set()

    def report(self, rows: Sequence[FileRow]) -> Totals:
        """Report each, and all of them together. Raises `CommandError` when nothing is left, OSError."""
        if len(rows) == 1:
            done = self._one(rows[0])
            if done is None:
                raise CommandError(self.gone[0])
            return done[1]
        whole, files, complete = Tally(self._config.prices), dict[str, int](), True
        for row in rows:
            done = self._one(row)
            if done is not None:
                tally, totals = done
                whole.add(tally)
                files[totals.claim] = totals.messages
                complete = complete and totals.complete
        if not files:
            raise CommandError(self.gone[0])
        name, first = rows[0].campaign or rows[0].name, rows[-1].opened
        found = whole.totals(Heading(name, "", "", iso(first), name), complete=complete)
        found.files = files
        if self._output is not None:
            self._write_report(found, self._output / _ODD.sub("_", name)[:150])
            fsync_folder(self._output)
        return found

    def _one(self, row: FileRow) -> tuple[Tally, Totals] | None:
        past = self._past.find(row)
        if past is None:
            then = f"; its report of then is beside {row.placed}" if row.placed else ""
            self.gone.append(f"the journal no longer has the messages of {row.name}{then}")
            return None
        tally, place = Tally(self._config.prices), self._place(row)
        lines = write_lines(self._past.items(past), past.unfinished, tally)
        if place is None:
            for _ in lines:
                pass
            return tally, _totals(tally, past)
        results = place.with_name(place.name + RESULTS)
        write_whole(results, lines)
        self.written.append(results)
        totals = _totals(tally, past)
        self._write_report(totals, place)
        fsync_folder(place.parent)
        return tally, totals

    def _place(self, row: FileRow) -> Path | None:
        """Beside what this is written; None for a file that has no place yet."""
        if self._output is None:
            if row.placed is not None and not Path(row.placed).parent.is_dir():
                raise CommandError(
                    f"{Path(row.placed).parent} is not there any more: write elsewhere with --output DIR"
                )
            return None if row.placed is None else Path(row.placed)
        name = Path(row.placed).name if row.placed else _ODD.sub("_", row.name)[:150]
        if name in self._taken:
            name = f"{row.file_id}-{name}"
        self._taken.add(name)
        return self._output / name

    def _write_report(self, totals: Totals, place: Path) -> None:
        path = place.with_name(place.name + REPORT)
        write_whole(path, totals.encode())
        self.written.append(path)
        if self._page or wants_page(self._config.reports.html, totals.messages):
            page = place.with_name(place.name + PAGE)
            write_whole(page, render_page(totals))
            self.written.append(page)


def _totals(tally: Tally, past: PastFile) -> Totals:
    complete = past.file.closed and not past.file.pending
    return tally.totals(heading_of(past.file), complete=complete)
