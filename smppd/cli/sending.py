"""Handing in by a command: what is checked before, where it goes, and what is told of it."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from smppd.cli.following import Done
from smppd.cli.handin import HandedIn, hand_in
from smppd.cli.terminal import CommandError, Terminal
from smppd.cli.waiting import wait
from smppd.cli.words import duration
from smppd.config import Config
from smppd.control import ControlRefused, ControlUnavailable, ask
from smppd.message import ErrorInfo, Lane, Request
from smppd.pipeline.making import Maker
from smppd.routing import Ways
from smppd.spool.formats import parse_line


def add_waiting(parser: argparse.ArgumentParser) -> None:
    """The options of whatever hands in."""
    parser.add_argument(
        "--lane",
        choices=("high", "normal", "bulk"),
        default="normal",
        help="high goes first; bulk and normal (the default) share what is left",
    )
    parser.add_argument(
        "--wait", action="store_true", help="wait for the results, for as long as it takes"
    )
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=duration,
        help='with --wait: give it up after "10m", say; it is sent all the same',
    )
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")


#: The options of a command that are fields of its message as they stand: option, field, help.
FieldOptions = Sequence[tuple[str, str, str]]


def add_fields(parser: argparse._ActionsContainer, fields: FieldOptions) -> None:
    """Declare these, and --to."""
    parser.add_argument(
        "--to", metavar="NUMBER", action="append", help="may be given several times"
    )
    for option, field, purpose in fields:
        parser.add_argument(option, dest=f"message.{field}", metavar=field.upper(), help=purpose)


def given_fields(arguments: argparse.Namespace, fields: FieldOptions) -> dict[str, Any]:
    """The fields of the message that were given."""
    given = {field: vars(arguments)[f"message.{field}"] for _, field, _ in fields}
    message = {field: value for field, value in given.items() if value is not None}
    if arguments.to:
        message["to"] = arguments.to[0] if len(arguments.to) == 1 else arguments.to
    return message


def hand_in_one(
    message: dict[str, Any], config: Config, lane: Lane, command: str, settings: bytes = b""
) -> HandedIn:
    """Hand in a file with one message. Raises `CommandError`, also when the daemon would reject it."""
    name = f"{command}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}.json"
    return put_in(config, lane, name, iter([_checked(message, config, lane)]), settings)


def follow_up(
    handed: HandedIn, arguments: argparse.Namespace, config: Config, terminal: Terminal
) -> int:
    """Say what was handed in, and with --wait what became of it; the exit code."""
    if not arguments.wait:
        _tell(handed, terminal, as_json=arguments.json)
        return 0
    if not arguments.json:
        _tell(handed, terminal, as_json=False)
        _warn_unless_running(config, terminal)
    outcome = wait(handed, terminal, arguments.timeout, quiet=arguments.json)
    if arguments.json:
        terminal.say_json({**_described(handed), **_outcome(outcome)})
    return 0 if isinstance(outcome, Done) and outcome.good else 1


def _checked(message: dict[str, Any], config: Config, lane: Lane) -> bytes:
    """The message as a file's content."""
    try:
        content = msgspec.json.encode(message)
    except UnicodeEncodeError:
        raise CommandError("the message is not UTF-8: check the terminal's locale", 2) from None
    line = parse_line(content, 1)
    mistake = line.mistake
    if line.request is not None:
        mistake = _flaw(line.request, config, lane)
    if mistake is not None:
        raise CommandError(f"{mistake.text} ({mistake.code})", exit_code=2)
    return content + b"\n"


def _flaw(request: Request, config: Config, lane: Lane) -> ErrorInfo | None:
    country = config.spool.default_country
    accounts = {each.name: each for each in config.accounts}
    links = {link.name: link for link in config.links}
    ways = Ways(links, config.routing.routes, country, accounts)
    maker = Maker(ways, country, _unnumbered)
    if request.priority is not None:
        lane = Lane[request.priority.upper()]
    for to in [request.to] if isinstance(request.to, str) else request.to:
        _, found = maker.make(request, to, lane, time.time())
        if isinstance(found, ErrorInfo):
            return found
    return None


def _unnumbered(_sender: str, _to: str) -> int:
    """The daemon numbers what is long; here only the number of parts matters."""
    return 0


def put_in(
    config: Config, lane: Lane, name: str, content: Iterator[bytes], settings: bytes = b""
) -> HandedIn:
    """Put a file into the inbox of a lane, with settings beside it. Raises `CommandError`."""
    root = config.spool.path
    try:
        return hand_in(root, lane, name, content, settings)
    except FileNotFoundError:
        raise CommandError(
            f"there is no spool at {root}: start smppd run once, or correct [spool] path"
        ) from None
    except PermissionError:
        raise CommandError(
            f"this user may not write into {root}/inbox: join the group that may, or use sudo"
        ) from None
    except OSError as error:
        raise CommandError(f"cannot write into {root}/inbox: {error.strerror}") from None


# ── what is told of it ───────────────────────────────────────────────────────────────────────


def _tell(handed: HandedIn, terminal: Terminal, *, as_json: bool) -> None:
    if as_json:
        terminal.say_json(_described(handed))
    else:
        terminal.say(f"handed in as {handed.name}")


def _warn_unless_running(config: Config, terminal: Terminal) -> None:
    try:
        ask(config.observe.control, "status")
    except (ControlUnavailable, ControlRefused) as error:
        if not (isinstance(error, ControlUnavailable) and error.barred):
            terminal.complain(f"it waits until a daemon takes it: {error}")


def _described(handed: HandedIn) -> dict[str, Any]:
    return {"name": handed.name, "path": str(handed.path)}


def _outcome(outcome: object) -> dict[str, Any]:
    if isinstance(outcome, Done):
        return {"good": outcome.good, "results": str(outcome.results), "report": outcome.report}
    return {"good": False, "results": None, "report": None}
