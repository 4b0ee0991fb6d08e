"""What `pause`, `resume` and `cancel` say of a whole campaign."""

from __future__ import annotations

import argparse
from typing import Any

from smppd.cli.asking import ask_daemon
from smppd.cli.terminal import CommandError, Terminal, plural
from smppd.config import Config

#: Files that are named one by one.
_SHOWN = 20
_DONE = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}
#: What is said of a file with which nothing was to be done; the same, when it is cancelled.
_WAS = {
    "pause": "was paused already: {held}",
    "resume": "was not held",
    "cancel": "has nothing left to cancel",
}
_CANCELLED = {
    "pause": "is cancelled, by {cancelled}: nothing more of it leaves",
    "resume": "is cancelled, by {cancelled}, and cannot go on: hand it in anew",
    "cancel": "is cancelled already, by {cancelled}",
}


def add_campaign(parser: argparse.ArgumentParser) -> None:
    """The campaign that is meant, instead of what a command is about otherwise."""
    parser.add_argument(
        "--campaign",
        metavar="NAME",
        help="a whole campaign, by its name or its file's: every open file of it",
    )


def steer(
    config: Config,
    terminal: Terminal,
    command: str,
    arguments: argparse.Namespace,
    *,
    reason: str | None = None,
) -> int:
    """Have the daemon do it with every open file of a campaign; 1 if nothing changed."""
    if not arguments.campaign:
        raise CommandError("--campaign takes the name of a campaign or file", exit_code=2)
    wanted: dict[str, Any] = {"campaign": arguments.campaign}
    if reason is not None:
        wanted["reason"] = reason
    answer = ask_daemon(config, command, **wanted)
    done = answer[_DONE[command]]
    if arguments.json:
        terminal.say_json(answer)
        return 0 if done else 1
    for file in done[:_SHOWN]:
        terminal.say(f"{_name(file)} {_DONE[command]}: {_left(file)}")
    for file in answer["unchanged"][:_SHOWN]:
        was = _CANCELLED if file["cancelled"] else _WAS
        terminal.say(f"{_name(file)} {was[command].format_map(file)}")
    more = max(0, len(done) - _SHOWN) + max(0, len(answer["unchanged"]) - _SHOWN)
    if more:
        terminal.say(f"and {plural(more, 'file')} more")
    return 0 if done else 1


def _name(file: dict[str, Any]) -> str:
    name, campaign = file["file"], file["campaign"]
    return f"campaign {name}" if name == campaign else f"campaign {campaign} ({name})"


def _left(file: dict[str, Any]) -> str:
    way = f", {file['on_its_way']:,} on their way" if file["on_its_way"] else ""
    held = f"; {file['held']}" if file["held"] else ""
    return f"{plural(file['queued'], 'message')} queued{way}{held}"
