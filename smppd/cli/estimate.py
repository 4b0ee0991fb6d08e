"""`smppd estimate`: what a file would come to. Needs no daemon, sends nothing, writes nothing."""

from __future__ import annotations

import argparse
import errno
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from smppd.cli.bar import reading_bar
from smppd.cli.estimate_words import in_words
from smppd.cli.lookup import reading
from smppd.cli.settings import read_config
from smppd.cli.terminal import CommandError, Terminal
from smppd.config import Config
from smppd.estimate import Estimate, Unestimable, estimate
from smppd.estimate.reading import Progress
from smppd.message import Lane
from smppd.optout.roll import OptOutList
from smppd.spool.formats import Format, format_of, known_formats

_STDIN = "-"
_PACKED = ".gz"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("file", metavar="FILE", help=f"a file: {known_formats()}; - for stdin")
    parser.add_argument(
        "--format", metavar="EXT", help="its format, whatever its name is: the extension, like csv"
    )
    parser.add_argument(
        "--lane",
        choices=[lane.name.lower() for lane in Lane],
        default="normal",
        help="the lane that it would be handed in to",
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. 1 when the file as a whole cannot be used."""
    config = read_config(arguments)
    shown = "standard input" if arguments.file == _STDIN else arguments.file
    try:
        with _plain_file(arguments.file, arguments.format) as (path, form):
            found = _estimate(arguments, config, (path, form), terminal)
    except OSError as error:
        why = error.strerror or str(error)
        raise CommandError(f"{shown}: cannot be read: {why}", exit_code=2) from None
    except Unestimable as unusable:
        problem = unusable.problem
        where = "" if problem.line is None else f", line {problem.line}"
        raise CommandError(f"{shown}{where}: {problem.reason}: {problem.cure}") from None
    found.file = shown if arguments.file == _STDIN else Path(arguments.file).name
    if arguments.json:
        terminal.say_json(found.encode())
    else:
        for line in in_words(found):
            terminal.say(line)
    return 0


def _estimate(
    arguments: argparse.Namespace, config: Config, file: tuple[Path, Format], terminal: Terminal
) -> Estimate:
    opted_out = _opted_out(config, terminal)
    at = Lane[arguments.lane.upper()], time.time()
    with reading_bar(_octets_to_read(file[0])) as progress:
        return estimate(config, *file, opted_out, at, _seldom(progress))


def _octets_to_read(path: Path) -> int | None:
    """Of both looks; None where it is packed, and nobody knows."""
    return None if path.suffix.lower() == _PACKED else 2 * path.stat().st_size


def _seldom(progress: Progress) -> Progress:
    """A few times a second, for every chunk would cost more than the chunk."""
    due = 0.0

    def seldom(lines: int, octets: int) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + 0.1
            progress(lines, octets)

    return seldom


def _opted_out(config: Config, terminal: Terminal) -> OptOutList:
    """The list as the journal has it, if there is a journal yet."""
    try:
        config.journal.path.stat()
    except FileNotFoundError:
        return OptOutList()
    except OSError:
        pass  # which is told when it is read
    try:
        with reading(config) as store:
            return store.opt_outs.load()
    except CommandError as error:
        terminal.complain(f"nobody's opting out was considered: {error}")
        return OptOutList()


@contextmanager
def _plain_file(name: str, given: str | None) -> Iterator[tuple[Path, Format]]:
    """The file and its format. Standard input, a pipe, and what is packed otherwise than its name
    says are copied aside."""
    source = Path("stdin") if name == _STDIN else Path(name)
    extension = f".{given.lower().removeprefix('.')}" if given else ""
    if name != _STDIN and source.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder: name a file in it")
    form = format_of(extension or source.name)
    if form is None and name != _STDIN:
        source.stat()  # a file that is not there is the greater mistake
    if form is None:
        what = "standard input" if name == _STDIN else name
        why = f"--format {given} is unknown" if given else f"{what}: has no known extension"
        raise CommandError(f"{why}: give --format, one of {_words()}", exit_code=2)
    if name != _STDIN and stat.S_ISREG(source.stat().st_mode):
        packed = source.name.lower().endswith(_PACKED)
        if not extension or packed == extension.endswith(_PACKED):
            yield source.resolve() if source.is_symlink() else source, form
            return
    with tempfile.TemporaryDirectory(prefix="smppd-estimate-") as folder:
        copy = Path(folder) / f"{source.stem}{extension or source.suffix}"
        with copy.open("wb") as target:
            if name == _STDIN:
                shutil.copyfileobj(sys.stdin.buffer, target)
            else:
                _copy(source, target)
        yield copy, form


def _copy(source: Path, target: BinaryIO) -> None:
    with source.open("rb") as file:
        shutil.copyfileobj(file, target)


def _words() -> str:
    return known_formats().replace(".", "")
