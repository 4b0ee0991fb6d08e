"""`smppd submit`: hand in a copy of a file, or one message; with --wait, until its results."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from smppd.cli.campaign_options import add_campaign, settings_for, terms_given
from smppd.cli.handin import HandedIn
from smppd.cli.sending import (
    add_fields,
    add_waiting,
    follow_up,
    given_fields,
    hand_in_one,
    put_in,
)
from smppd.cli.settings import read_config
from smppd.cli.terminal import CommandError, Terminal
from smppd.config import Config
from smppd.message import Lane
from smppd.spool.claiming import is_progress
from smppd.spool.formats import format_of, is_sidecar, known_formats

_COPY_SIZE = 1 << 20

#: The options that make up one message.
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
    add_waiting(parser)
    add_campaign(parser)
    one = parser.add_argument_group("one message instead of a file, or what all lines of FILE have")
    add_fields(one, _FIELDS)
    one.add_argument("--flash", action="store_true", help="show it at once (class 0)")
    one.add_argument(
        "--transliterate", action="store_true", help="replace characters that force UCS-2"
    )
    one.add_argument("--no-receipt", action="store_true", help="ask for no delivery receipt")


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. With --wait, 0 only if every message was delivered (or sent)."""
    message, terms = _message(arguments), terms_given(arguments)
    if arguments.file is None and not message:
        raise CommandError("submit takes either FILE, or --to and --text", exit_code=2)
    if arguments.file is not None and (problem := _not_of_all(message)):
        raise CommandError(problem, exit_code=2)
    if arguments.template is not None:
        if arguments.file is None or "text" in message:
            raise CommandError("--template goes with FILE, and not with --text", exit_code=2)
        message["text"] = arguments.template
    config = read_config(arguments)
    lane = Lane[arguments.lane.upper()]
    if arguments.file is None:
        settings = settings_for(terms, {}, None)
        handed = hand_in_one(message, config, lane, "submit", settings)
    else:
        path = Path(arguments.file)
        if arguments.template is None and "text" in message:
            message["text"] = message["text"].replace("{", "{{").replace("}", "}}")
        handed = _submit_file(config, lane, path, settings_for(terms, message, path))
    return follow_up(handed, arguments, config, terminal)


# ── one message ──────────────────────────────────────────────────────────────────────────────


def _not_of_all(message: dict[str, Any]) -> str:
    """Why these cannot be for all lines of a file; empty when they can."""
    wrong = [f"--{name}" for name in ("to", "id") if name in message]
    return f"{wrong[0]} does not go with FILE: each line has its own" if wrong else ""


def _message(arguments: argparse.Namespace) -> dict[str, Any]:
    message = given_fields(arguments, _FIELDS)
    if arguments.flash:
        message["flash"] = True
    if arguments.transliterate:
        message["transliterate"] = True
    if arguments.no_receipt:
        message["receipt"] = False
    return message


# ── a file ───────────────────────────────────────────────────────────────────────────────────


def _submit_file(config: Config, lane: Lane, path: Path, settings: bytes) -> HandedIn:
    if is_sidecar(path.name):
        raise CommandError(f"{path}: belongs to another file: hand that in", exit_code=2)
    if path.is_dir():
        raise CommandError(f"{path}: is a folder: name a file in it", exit_code=2)
    if format_of(path.name) is None or is_progress(path.name):
        raise CommandError(f"{path}: has no known extension: name it {known_formats()}", 2)
    try:
        with path.open("rb") as file:
            first = file.read(_COPY_SIZE)
            if not first:
                raise CommandError(f"{path}: is empty: there is nothing to send", exit_code=2)
            return put_in(config, lane, path.name, _octets(first, file), settings)
    except OSError as error:
        why = error.strerror or str(error)
        raise CommandError(f"{path}: cannot be read: {why}", exit_code=2) from None


def _octets(first: bytes, file: BinaryIO) -> Iterator[bytes]:
    yield first
    while octets := file.read(_COPY_SIZE):
        yield octets
