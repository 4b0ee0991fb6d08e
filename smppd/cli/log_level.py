"""`smppd log-level`: have the running daemon log more, or less, for a while: of everything, of a link, of a
message."""

from __future__ import annotations

import argparse
from typing import Any

from smppd.cli.asking import ask_daemon
from smppd.cli.lookup import find_or_several, reading
from smppd.cli.settings import read_config
from smppd.cli.terminal import CommandError, Terminal
from smppd.cli.words import duration

_LEVELS = ("debug", "info", "warning", "error")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("level", metavar="LEVEL", choices=_LEVELS, help=", ".join(_LEVELS))
    parser.add_argument(
        "--link", metavar="NAME", default="", help="each PDU of this link, in a line"
    )
    parser.add_argument(
        "--message",
        metavar="ID",
        default="",
        help="all that happens to this message, PDUs included: by its id, also before it is handed in, or by "
        "the message_id that an SMSC gave it not long ago",
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        metavar="TIME",
        type=duration,
        default=600.0,
        help='"30s", "10m" (the default); then all is as before',
    )
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    parser.epilog = "Texts and whole numbers stand in no line. With --link or --message any level but debug ends it early."


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    if arguments.link and arguments.message:
        raise CommandError("log-level takes either --link or --message", exit_code=2)
    config = read_config(arguments)
    wanted: dict[str, Any] = {"level": arguments.level, "seconds": arguments.seconds}
    if arguments.link:
        wanted["link"] = arguments.link
    if arguments.message:
        with reading(config) as store:
            row = find_or_several(store, arguments.message)
        wanted |= {"message": arguments.message, "msg_id": row.msg_id if row else 0}
    answer = ask_daemon(config, "log-level", **wanted)
    if arguments.json:
        terminal.say_json(answer)
    elif answer["seconds"]:
        terminal.say(f"{answer['about']}: {answer['level']} for {answer['seconds']:g} s")
        if note := answer.get("note"):
            terminal.say(note)
    else:
        terminal.say(f"{answer['about']}: as before")
    return 0
