"""`smppd api --history`: the log of calls in the journal, beside a running daemon or without one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from rich.cells import cell_len

from smppd.cli.lookup import reading
from smppd.cli.settings import read_config
from smppd.cli.table import fitted, table, text_of
from smppd.cli.terminal import CommandError, Terminal
from smppd.cli.words import count, moment
from smppd.ports import ApiCall
from smppd.provider.catalogue import OPERATIONS
from smppd.told import iso

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


def filtered(arguments: argparse.Namespace) -> bool:
    """Whether one of these options was given."""
    given = (arguments.account, arguments.op, arguments.since, arguments.failed or None)
    return any(each is not None for each in given)


def tell(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Show the calls that are meant, the newest first. Raises `CommandError`."""
    if arguments.pairs:
        raise CommandError("--history shows calls and makes none: leave the KEY=VALUE out", 2)
    op = arguments.op or arguments.operation
    if op is not None and op not in OPERATIONS:
        raise CommandError(f"--op: there is no operation {op}: smppd api --list shows every one", 2)
    with reading(read_config(arguments)) as store:
        calls = store.calls.read(
            account=arguments.account,
            op=op,
            failed=arguments.failed,
            since=arguments.since,
            limit=arguments.limit,
        )
    if arguments.json:
        terminal.say_json([_described(call) for call in calls])
        return 0
    for line in in_words(calls, terminal.columns):
        terminal.say(line)
    return 0


def _described(call: ApiCall) -> dict[str, Any]:
    return {
        **call._asdict(),
        "at": iso(call.at),
        "params": msgspec.Raw(call.params.encode()),
        "seconds": round(call.seconds, 3),
    }


def in_words(calls: Sequence[ApiCall], columns: int | None = None) -> Iterator[str]:
    """The calls for people: a table where it fits into so many `columns` of a terminal, else what
    was asked and answered below each call."""
    if not calls:
        yield "no such call is in the log"
        return
    lines = list(table([{**_heading(call), **_content(call)} for call in calls]))
    if columns is None or max(map(cell_len, lines)) <= columns:
        yield from lines
        return
    head, *headings = table([_heading(call) for call in calls])
    yield head  # a heading is never cut: what came of a call stands at its end
    for heading, call in zip(headings, calls, strict=True):
        yield heading
        for name, content in _content(call).items():
            yield fitted(f"  {name:<10}  {text_of(content)}", columns)


def _heading(call: ApiCall) -> dict[str, str | None]:
    return {
        "time": iso(call.at),
        "account": call.account,
        "operation": call.op,
        "outcome": call.outcome,
        "seconds": f"{call.seconds:.2f}",
    }


def _content(call: ApiCall) -> dict[str, str | None]:
    return {"parameters": call.params, "answer": call.answer}
