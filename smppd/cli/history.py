"""`smppd api --history`: the log of calls in the journal, beside a running daemon or without one."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from smppd.cli.lookup import reading
from smppd.cli.settings import read_config
from smppd.cli.table import table
from smppd.cli.terminal import CommandError, Terminal
from smppd.cli.words import count
from smppd.config.quantities import seconds
from smppd.ports import ApiCall
from smppd.provider.catalogue import OPERATIONS
from smppd.results.lines import iso

_SHOWN = 50
_MOST = 1_000_000


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The options that say which calls are meant."""
    own = parser.add_argument_group("with --history")
    own.add_argument("--account", metavar="NAME", help="those over this account alone")
    own.add_argument("--op", metavar="CLASS.METHOD", help="those of this operation alone")
    own.add_argument(
        "--since",
        metavar="TIME",
        type=moment,
        help='"2h" ago, or a time like 2030-01-31T09:30 (UTC)',
    )
    own.add_argument("--failed", action="store_true", help="those alone that did not succeed")
    own.add_argument(
        "--limit",
        metavar="N",
        type=count(_MOST),
        default=_SHOWN,
        help="how many (default: %(default)s)",
    )


def moment(text: str) -> float:
    """Epoch seconds of a time, or of so long ago. Raises `argparse.ArgumentTypeError`."""
    ago = seconds(text)
    if ago is not None:
        return time.time() - ago
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no time: write "2h", or one like 2030-01-31T09:30'
        ) from None


def tell(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Show the calls that are meant, the newest first. Raises `CommandError`."""
    if arguments.op is not None and arguments.op not in OPERATIONS:
        raise CommandError(
            f"--op: there is no operation {arguments.op}: smppd api --list shows every one", 2
        )
    with reading(read_config(arguments)) as store:
        calls = store.calls.read(
            account=arguments.account,
            op=arguments.op,
            failed=arguments.failed,
            since=arguments.since,
            limit=arguments.limit,
        )
    if arguments.json:
        terminal.say_json([_described(call) for call in calls])
        return 0
    for line in in_words(calls):
        terminal.say(line)
    return 0


def _described(call: ApiCall) -> dict[str, Any]:
    return {
        **call._asdict(),
        "at": iso(call.at),
        "params": msgspec.Raw(call.params.encode()),
        "seconds": round(call.seconds, 3),
    }


def in_words(calls: Sequence[ApiCall]) -> Iterator[str]:
    """The calls as a table for people."""
    if not calls:
        yield "no such call is in the log"
        return
    yield from table(
        [
            {
                "time": iso(call.at),
                "account": call.account,
                "operation": call.op,
                "outcome": call.outcome,
                "seconds": f"{call.seconds:.2f}",
                "parameters": call.params,
                "answer": call.answer,
            }
            for call in calls
        ]
    )
