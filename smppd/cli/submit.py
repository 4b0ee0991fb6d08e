"""`smppd submit`: hand in a copy of a file, or one message; with --wait, until its results."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from smppd.cli.following import Done
from smppd.cli.handin import HandedIn, hand_in
from smppd.cli.settings import read_config
from smppd.cli.terminal import CommandError, Terminal
from smppd.cli.waiting import wait
from smppd.config import Config
from smppd.config.quantities import seconds
from smppd.control import ControlRefused, ControlUnavailable, ask
from smppd.message import ErrorInfo, Lane, Request
from smppd.pipeline.making import Maker
from smppd.routing import Ways
from smppd.spool.claiming import is_progress
from smppd.spool.formats import format_of, known_formats, parse_line

_COPY_SIZE = 1 << 20

#: The options that make up one message: option, field, help.
_FIELDS = (
    ("--text", "text", "its text"),
    ("--data", "data", "its octets in hexadecimal, instead of a text"),
    ("--from", "from", "the sender, else the link's"),
    ("--id", "id", "your own id for it"),
    ("--via", "via", "the link to send it over"),
    ("--encoding", "encoding", "auto, gsm7, ucs2, latin1 or binary"),
    ("--send-at", "send_at", "held until then: a time with offset"),
    ("--expires", "expires", 'not submitted after this: "10m", or a time with offset'),
    ("--on-unknown", "on_unknown", "hold, resend or fail"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("file", metavar="FILE", nargs="?", help=f"a file: {known_formats()}")
    parser.add_argument("--lane", choices=("high", "normal", "bulk"), default="normal")
    parser.add_argument("--wait", action="store_true", help="wait for the results")
    parser.add_argument("--timeout", metavar="TIME", type=_duration, help='with --wait: "10m", say')
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    one = parser.add_argument_group("one message, instead of a file")
    one.add_argument("--to", metavar="NUMBER", action="append", help="may be given several times")
    for option, field, purpose in _FIELDS:
        one.add_argument(option, dest=f"message.{field}", metavar=field.upper(), help=purpose)
    one.add_argument("--flash", action="store_true", help="show it at once (class 0)")
    one.add_argument(
        "--transliterate", action="store_true", help="replace characters that force UCS-2"
    )
    one.add_argument("--no-receipt", action="store_true", help="ask for no delivery receipt")


def _duration(text: str) -> float:
    found = seconds(text if not text.replace(".", "", 1).isdigit() else f"{text}s")
    if found is None:
        raise argparse.ArgumentTypeError(f'{text!r} is no length of time: write "30s" or "10m"')
    return found


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. With --wait, 0 only if every message was delivered (or sent)."""
    message = _message(arguments)
    if (arguments.file is None) == (message is None):
        raise CommandError("submit takes either FILE, or --to and --text", exit_code=2)
    config = read_config(arguments)
    lane = Lane[arguments.lane.upper()]
    if message is not None:
        handed = put_in(config, lane, _made_up_name(), iter([_checked(message, config, lane)]))
    else:
        handed = _submit_file(config, lane, Path(arguments.file))
    return follow_up(handed, arguments, config, terminal)


def follow_up(
    handed: HandedIn, arguments: argparse.Namespace, config: Config, terminal: Terminal
) -> int:
    """Say that it was handed in, and with --wait what came of it; the exit code. Knows --wait,
    --timeout and --json."""
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


# ── one message ──────────────────────────────────────────────────────────────────────────────


def _message(arguments: argparse.Namespace) -> dict[str, Any] | None:
    given = vars(arguments)
    message = {
        field: given[f"message.{field}"]
        for _, field, _ in _FIELDS
        if given[f"message.{field}"] is not None
    }
    if arguments.to:
        message["to"] = arguments.to[0] if len(arguments.to) == 1 else arguments.to
    if arguments.flash:
        message["flash"] = True
    if arguments.transliterate:
        message["transliterate"] = True
    if arguments.no_receipt:
        message["receipt"] = False
    return message or None


def _checked(message: dict[str, Any], config: Config, lane: Lane) -> bytes:
    """The message as a file's content. Raises `CommandError` when the daemon would reject it."""
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


def _made_up_name() -> str:
    return f"submit-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}.json"


# ── a file ───────────────────────────────────────────────────────────────────────────────────


def _submit_file(config: Config, lane: Lane, path: Path) -> HandedIn:
    if format_of(path.name) is None or is_progress(path.name):
        raise CommandError(f"{path}: has no known extension: name it {known_formats()}", 2)
    try:
        with path.open("rb") as file:
            first = file.read(_COPY_SIZE)
            if not first:
                raise CommandError(f"{path}: is empty: there is nothing to send", exit_code=2)
            return put_in(config, lane, path.name, _octets(first, file))
    except OSError as error:
        why = error.strerror or str(error)
        raise CommandError(f"{path}: cannot be read: {why}", exit_code=2) from None


def _octets(first: bytes, file: BinaryIO) -> Iterator[bytes]:
    yield first
    while octets := file.read(_COPY_SIZE):
        yield octets


def put_in(config: Config, lane: Lane, name: str, content: Iterator[bytes]) -> HandedIn:
    """Hand a file in. Raises `CommandError` with the cure when the spool does not let us."""
    root = config.spool.path
    try:
        return hand_in(root, lane, name, content)
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
        terminal.complain(f"it waits until a daemon takes it: {error}")


def _described(handed: HandedIn) -> dict[str, Any]:
    return {"name": handed.name, "path": str(handed.path)}


def _outcome(outcome: object) -> dict[str, Any]:
    if isinstance(outcome, Done):
        return {"good": outcome.good, "results": str(outcome.results), "report": outcome.report}
    return {"good": False, "results": None, "report": None}
