"""`smppd events`: what happened to messages, a JSON object on a line each, from where a consumer left
off. It reads the stream's files, and needs no daemon."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

from smppd.cli.settings import read_config
from smppd.cli.terminal import CommandError, Terminal
from smppd.outlets.consuming import Bookmark, Place, Reading, place_behind, read_place

#: Seconds between two looks for more.
_LOOK_EVERY = 0.2
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("--follow", action="store_true", help="wait for more, until interrupted")
    parser.add_argument(
        "--since",
        metavar="CURSOR",
        help="begin behind this: the seq of the last line you have, or FILE:OCTETS; 0 for the oldest"
        " there is, which is where a consumer begins that is new",
    )
    parser.add_argument(
        "--name",
        metavar="CONSUMER",
        help="go on where this consumer left off, and remember how far it has come, when the lines"
        " are written: after a crash some may come again, each with the same event_id",
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    config = read_config(arguments)
    folder = config.spool.path / "events"
    try:
        return _main(arguments, folder, terminal, streams=config.events.stream)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = error.filename or folder
        or_else = ", or keep the place yourself and say --since" if arguments.name else ""
        cure = f"run this with sudo, or as the daemon's user{or_else}"
        raise CommandError(f"{where}: {error.strerror}: {cure}") from None


def _main(arguments: argparse.Namespace, folder: Path, terminal: Terminal, *, streams: bool) -> int:
    bookmark = _bookmark(arguments.name, folder)
    place = _place(arguments.since, folder, bookmark)
    if not streams and not (folder.is_dir() and any(folder.glob("events-*.jsonl"))):
        raise CommandError("there is no stream: set stream = true in [events]", 2)
    if not folder.is_dir():
        raise CommandError(f"there is no {folder} yet: start smppd run")
    if bookmark is not None:
        bookmark.save(place)  # who cannot keep it is told before the first line
    reading = Reading(folder, place)
    while True:
        lines = reading.read()
        if reading.gap:
            reading.gap = False
            terminal.complain(
                "the file in which you left off is gone: events between it and the next may be missing"
            )
        if lines:
            terminal.hand_on(lines.decode())
            terminal.flush()
            if bookmark is not None:
                bookmark.save(reading.place)
        elif not arguments.follow:
            return 0
        else:
            time.sleep(_LOOK_EVERY)


def _bookmark(name: str | None, folder: Path) -> Bookmark | None:
    if name is None:
        return None
    if not _NAME.fullmatch(name):
        raise CommandError(
            f"--name {name}: is no name; use up to 64 letters, digits, dots, - and _", 2
        )
    return Bookmark(folder, name)


def _place(since: str | None, folder: Path, bookmark: Bookmark | None) -> Place:
    if since is not None:
        if since.isdecimal():
            return place_behind(folder, int(since)) if folder.is_dir() else Place(0, 0)
        place = read_place(since)
        if place is None:
            raise CommandError(
                f"--since {since}: is no cursor; write a seq, or a place like"
                " events-00000001.jsonl:4711",
                2,
            )
        return place
    try:
        return (bookmark.load() if bookmark is not None else None) or Place(0, 0)
    except ValueError as error:
        raise CommandError(f"{error}: remove it, or say --since") from None
