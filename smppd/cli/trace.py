"""`smppd trace`: have the running daemon write what passes on a link, for Wireshark."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from smppd.cli.asking import ask_on
from smppd.cli.settings import find_control
from smppd.cli.terminal import CommandError, Terminal, plural
from smppd.cli.words import duration
from smppd.figures import TraceFigures
from smppd.tracing.ring import MOST_FILES, MOST_OCTETS

_SECONDS = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument(
        "link", metavar="LINK", help="the link whose sessions are traced, all of them"
    )
    parser.add_argument(
        "--seconds",
        metavar="TIME",
        type=duration,
        default=_SECONDS,
        help='for how long, "30" or "10m"; a day at most (default: five minutes)',
    )
    parser.add_argument(
        "--text",
        action="store_true",
        help="leave texts and numbers readable; the password of a bind never is",
    )
    parser.add_argument(
        "--into",
        metavar="FOLDER",
        help="where the files go, as the daemon sees it (default: traces/ beside the journal)",
    )
    parser.add_argument("--stop", action="store_true", help="end the trace of this link")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    parser.epilog = (
        "Writes LINK-DATE-TIME-NUMBER.pcapng, readable for the daemon's user alone, each PDU a packet, also "
        f"where the link has TLS. The newest {MOST_FILES} files of {MOST_OCTETS >> 20} MiB are kept. A disk "
        "that is full or slow ends the trace, and never holds up the traffic."
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    wanted: dict[str, Any] = {"link": arguments.link}
    if arguments.stop:
        if arguments.text or arguments.into or arguments.seconds != _SECONDS:
            raise CommandError("--stop ends a trace as it is: it takes nothing else", exit_code=2)
        wanted["stop"] = True
    else:
        wanted |= {"seconds": arguments.seconds, "readable": arguments.text}
        if arguments.into is not None:
            wanted["into"] = str(Path(arguments.into).absolute())
    answer = ask_on(find_control(arguments), "trace", **wanted)
    if arguments.json:
        terminal.say_json(answer)
        return 0
    found = msgspec.convert(answer, TraceFigures, strict=False)
    if arguments.stop:
        terminal.say(f"the trace of link {found.link} ends with {plural(found.pdus, 'PDU')}")
    else:
        terminal.say(f"link {found.link} is traced for {arguments.seconds:g} s; {_covered(found)}")
    for name in found.files:
        terminal.say(str(Path(found.folder) / name))
    terminal.say(
        "to read it: tshark -r FILE -Y smpp (with -d tcp.port==PORT,smpp if nothing is shown)"
    )
    return 0


def _covered(trace: TraceFigures) -> str:
    if trace.readable:
        return "texts and numbers can be read in it, so keep it to yourself; passwords are covered"
    return "passwords, texts and numbers are covered"
