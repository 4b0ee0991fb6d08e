"""`smppd optout`: the list of those who want no messages, with a daemon and without one."""

from __future__ import annotations

import argparse
import csv
import getpass
import io
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from smppd.address import LONGEST_CODE, Destination, Sender, classify_sender, normalise_destination
from smppd.cli.formulas import harmless
from smppd.cli.lookup import reading
from smppd.cli.optout_file import COLUMNS, BadLine, read_entries
from smppd.cli.settings import add_config, read_config
from smppd.cli.terminal import CommandError, Terminal, plural
from smppd.config import Config
from smppd.control import ControlRefused, ControlUnavailable, ask
from smppd.journal.aside import change_opt_outs
from smppd.journal.schema import JournalError
from smppd.locking import AlreadyLocked
from smppd.optout.roll import EVERYONE, Change, OptOut, sender_key
from smppd.placing import write_whole
from smppd.told import iso

#: Changes in one request to the daemon, or in one commit, so that others get their turn.
_AT_ONCE = 5000
#: Digits of the longest short code, before which no + stands.
_CODE = LONGEST_CODE
#: So many bad lines of a file are told one by one.
_MOST_TOLD = 20

_Doing = Callable[[argparse.Namespace, Config, Terminal], int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    commands = parser.add_subparsers(dest="optout_command", metavar="COMMAND", required=True)
    added = _command(commands, "add", "enter numbers", _add)
    added.add_argument("numbers", metavar="NUMBER", nargs="+")
    _add_sender(added, "from this sender only, else from all")
    added.add_argument("--reason", metavar="TEXT", help="why, as results will say")
    removed = _command(commands, "remove", "strike numbers out", _remove)
    removed.add_argument("numbers", metavar="NUMBER", nargs="+")
    _add_sender(removed, "what is from this sender only, else everything")
    listed = _command(
        commands, "list", "show the list; with NUMBERs, 1 if they are not in it", _list
    )
    listed.add_argument("numbers", metavar="NUMBER", nargs="*")
    _add_sender(listed, "what is from this sender only")
    loaded = _command(commands, "import", "enter the numbers of a file", _import)
    loaded.add_argument(
        "file",
        metavar="FILE",
        help="a number on each line, or CSV as export writes it; - for stdin",
    )
    _add_sender(loaded, "from this sender, where a line names none; else from all")
    loaded.add_argument("--reason", metavar="TEXT", help="why, where a line does not say")
    written = _command(commands, "export", "write the list as CSV", _export)
    written.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="else standard output"
    )
    _add_sender(written, "what is from this sender only")


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    doing: _Doing = arguments.doing
    return doing(arguments, read_config(arguments), terminal)


# ── changing it ──────────────────────────────────────────────────────────────────────────────


def _add(arguments: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    sender, now = _sender(arguments.sender) or EVERYONE, int(time.time())
    why = arguments.reason or f"entered by {getpass.getuser()}"
    numbers = _numbers(arguments.numbers, config)
    done = _make(config, (Change(number, sender, now, why) for number in numbers))
    _tell(terminal, arguments, {"added": done, "already_there": len(numbers) - done})
    return 0


def _remove(arguments: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    sender, now = _sender(arguments.sender), int(time.time())
    numbers = _numbers(arguments.numbers, config)
    changes = (Change(number, sender, now, "", out=False) for number in numbers)
    done = _make(config, changes)
    _tell(terminal, arguments, {"removed": done, "not_there": len(numbers) - done})
    return 0 if done else 1


def _import(arguments: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    """Enter what can be entered and tell of the rest; 1 if there was such."""
    name = "standard input" if arguments.file == "-" else arguments.file
    default = OptOut(
        "",
        _sender(arguments.sender) or EVERYONE,
        int(time.time()),
        arguments.reason or f"imported from {Path(name).name}",
    )
    seen, bad = 0, 0

    def entries() -> Iterator[Change]:
        nonlocal seen, bad
        for found in read_entries(arguments.file, default, config.spool.default_country):
            if isinstance(found, BadLine):
                bad += 1
                if bad <= _MOST_TOLD:
                    terminal.complain(f"{name}: line {found.line}: {found.why}")
            else:
                seen += 1
                yield Change(*found)

    done = _make(config, entries())
    if bad > _MOST_TOLD:
        terminal.complain(f"{name}: {bad - _MOST_TOLD:,} more lines could not be used")
    _tell(terminal, arguments, {"added": done, "already_there": seen - done, "bad_lines": bad})
    return 1 if bad else 0


def _make(config: Config, changes: Iterable[Change]) -> int:
    """Have the daemon make the changes, or make them where there is none; how many changed anything."""
    done, left = 0, iter(changes)
    while lot := list(islice(left, _AT_ONCE)):
        try:
            done += int(ask(config.observe.control, "optout", 60.0, changes=lot)["changed"])
        except ControlUnavailable as nobody:
            if not nobody.nobody:
                raise CommandError(str(nobody)) from None
            return done + _make_alone(config, [lot], left)
        except ControlRefused as error:
            raise CommandError(str(error)) from None
    return done


def _make_alone(config: Config, first: list[list[Change]], left: Iterator[Change]) -> int:
    def lots() -> Iterator[list[Change]]:
        yield from first
        while lot := list(islice(left, _AT_ONCE)):
            yield lot

    path = config.journal.path
    try:
        return change_opt_outs(path, lots())
    except (AlreadyLocked, JournalError) as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"cannot lock the journal {path}: {error.strerror}") from None


def _tell(terminal: Terminal, arguments: argparse.Namespace, done: dict[str, int]) -> None:
    if arguments.json:
        terminal.say_json(done)
        return
    (first, count), *rest = done.items()
    others = "".join(f", {n:,} {word.replace('_', ' ')}" for word, n in rest if n)
    terminal.say(f"{plural(count, 'number')} {first}{others}")


# ── looking at it ────────────────────────────────────────────────────────────────────────────


def _list(arguments: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    numbers = _numbers(arguments.numbers, config)
    found = _entries(config, _sender(arguments.sender), numbers)
    shown = 0
    if arguments.json:
        entries = [_described(entry) for entry in found]
        shown = len(entries)
        terminal.say_json({"opt_outs": entries})
    else:
        for entry in found:
            shown += 1
            since = iso(entry.at)
            terminal.say(f"{entry.number:<15}  {entry.sender or 'all':<15}  {since}  {entry.why}")
        if not shown:
            terminal.say("not in the list" if numbers else "nobody has opted out")
    return 0 if shown or not numbers else 1


def _export(arguments: argparse.Namespace, config: Config, terminal: Terminal) -> int:
    entries = _entries(config, _sender(arguments.sender), [])
    if arguments.file == "-":
        for piece in _csv(entries):
            terminal.hand_on(piece)
        return 0
    try:
        write_whole(Path(arguments.file), (piece.encode() for piece in _csv(entries)))
    except OSError as error:
        why = error.strerror or str(error)
        raise CommandError(f"{arguments.file}: cannot be written: {why}") from None
    return 0


def _csv(entries: Iterator[OptOut]) -> Iterator[str]:
    head: list[tuple[str, ...]] = [COLUMNS]
    rows: Iterator[tuple[str, ...]] = iter(head)
    while lot := list(rows):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lot)
        yield text.getvalue()
        rows = (
            (
                f"+{e.number}" if len(e.number) > _CODE else e.number,
                harmless(e.sender),
                iso(e.at) or "",
                harmless(e.why),
            )
            for e in islice(entries, _AT_ONCE)
        )


def _entries(config: Config, sender: str | None, numbers: list[str]) -> Iterator[OptOut]:
    with reading(config) as store:
        if not numbers:
            yield from store.opt_outs.entries(sender)
        for number in numbers:
            yield from store.opt_outs.entries(sender, number)


def _described(entry: OptOut) -> dict[str, str | None]:
    return {
        "number": entry.number,
        "sender": entry.sender or None,
        "since": iso(entry.at),
        "why": entry.why,
    }


# ── what is meant ────────────────────────────────────────────────────────────────────────────


def _numbers(given: Iterable[str], config: Config) -> list[str]:
    numbers = []
    for text in given:
        found = normalise_destination(text, config.spool.default_country)
        if not isinstance(found, Destination):
            raise CommandError(f"{text}: {found}", exit_code=2)
        numbers.append(found.digits)
    return list(dict.fromkeys(numbers))


def _sender(given: str | None) -> str | None:
    if given is None:
        return None
    found = classify_sender(given)
    if not isinstance(found, Sender):
        raise CommandError(f"--sender {given}: {found}", exit_code=2)
    if not found.text:
        raise CommandError("--sender is empty: leave it out for all senders", exit_code=2)
    return sender_key(given)


def _add_sender(parser: argparse.ArgumentParser, purpose: str) -> None:
    parser.add_argument("--sender", metavar="SENDER", help=purpose)


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    purpose: str,
    doing: _Doing,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=purpose, description=purpose, allow_abbrev=False)
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.set_defaults(doing=doing)
    return parser
