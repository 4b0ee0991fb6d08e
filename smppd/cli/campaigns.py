"""`smppd campaigns`: the files that were handed in, the newest first; from the journal, with a daemon or without."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
from rich.cells import cell_len

from smppd.cli.lookup import reading
from smppd.cli.settings import read_config
from smppd.cli.table import table
from smppd.cli.terminal import Terminal
from smppd.cli.words import count, moment
from smppd.journal.past import Past, reading_past
from smppd.journal.store import Store
from smppd.ledger.snapshot import FileAccount
from smppd.message import Lane, State
from smppd.ports import FileRow
from smppd.results.charts import money
from smppd.results.report import REPORT
from smppd.told import iso

#: Lines shown when nothing is said, and at most.
_SHOWN = 50
_MOST = 100_000

_NOT_DELIVERED = ("undelivered", "failed", "expired", "cancelled", "rejected")

_read_states = msgspec.msgpack.Decoder(list[int]).decode


class Listed(msgspec.Struct, omit_defaults=True):
    """A file as it is listed. `state`: reading, sending, held, cancelled, waiting (for receipts, or for what is
    in doubt) or reported. `messages` counts what was read so far, `done` what is final. `cost` and
    `currency` are those of its report."""

    campaign: str
    file: str
    state: str
    opened: str | None
    messages: int
    done: int
    states: dict[str, int]
    lane: str
    reported: str | None = None
    placed: str | None = None
    reason: str | None = None
    cost: Decimal | None = None
    currency: str | None = None


class _Cost(msgspec.Struct):
    currency: str = ""
    estimated: Decimal | None = None


class _Report(msgspec.Struct):
    cost: _Cost | None = None


_read_report = msgspec.json.Decoder(_Report).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    parser.add_argument("--open", action="store_true", help="only what is not reported yet")
    parser.add_argument(
        "--since",
        metavar="WHEN",
        type=moment,
        help='handed in since: "2026-11-28", with a time and offset, or "2d" ago',
    )
    parser.add_argument(
        "--name", metavar="NAME", default="", help="of campaign or file; * and ? stand for anything"
    )
    parser.add_argument(
        "--limit", metavar="N", type=count(_MOST), default=_SHOWN, help=f"else {_SHOWN}"
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    config = read_config(arguments)
    with reading(config) as store, reading_past(store) as past:
        listed, more = _listed(arguments, store, past)
    if arguments.json:
        terminal.say_json(_encode({"campaigns": listed, "more": more}))
        return 0
    if not listed:
        terminal.say(
            "no file is like that" if _filtered(arguments) else "no file was handed in yet"
        )
        return 0
    for line in in_words(listed, terminal.columns):
        terminal.say(line)
    if more:
        terminal.say(f"the newest {len(listed):,}; --limit shows more")
    return 0


def in_words(listed: Sequence[Listed], columns: int | None = None) -> Iterator[str]:
    """The files for people: a table where it fits into so many `columns` of a terminal, else the
    names above the figures of each. A name is never cut: other commands take it."""
    lines = list(table([{**_names(each), **_figures(each)} for each in listed]))
    if columns is None or max(map(cell_len, lines)) <= columns:
        yield from lines
        return
    head, *figures = table([_figures(each) for each in listed])
    yield f"  {head}"
    for each, line in zip(listed, figures, strict=True):
        yield ": ".join(filter(None, _names(each).values()))
        yield f"  {line}"


def _filtered(arguments: argparse.Namespace) -> bool:
    return bool(arguments.open or arguments.name or arguments.since is not None)


def _listed(
    arguments: argparse.Namespace, store: Store, past: Past
) -> tuple[Sequence[Listed], bool]:
    rows = store.files.newest(
        arguments.since or 0.0, arguments.limit + 1, arguments.name, unreported=arguments.open
    )
    more = len(rows) > arguments.limit
    return list(_described(rows[: arguments.limit], past)), more


def _described(rows: Sequence[FileRow], past: Past) -> Iterator[Listed]:
    for row in rows:
        states = [] if row.states is None else _read_states(row.states)
        # What was reported before it had ended is looked up: receipts may have come since.
        open_ = row.reported is None or _pending(states)
        account = past.accounts.files.get(row.file_id) if open_ else None
        if account is not None:
            states = account.states
        yield _listing(row, states, account)


def _pending(states: Sequence[int]) -> int:
    return sum(states[state] for state in _OPEN if state < len(states))


_OPEN = (State.QUEUED, State.SENDING, State.SENT, State.UNKNOWN)


def _listing(row: FileRow, states: Sequence[int], account: FileAccount | None) -> Listed:
    messages = sum(states) if account is None else account.items
    cost = None if row.placed is None else _cost(Path(row.placed))
    held = None if account is None else account.held
    return Listed(
        row.campaign or row.name,
        row.name,
        _state(row, account),
        iso(row.opened),
        messages,
        messages if account is None else account.done,
        {state.label: states[state] for state in State if state < len(states) and states[state]},
        Lane(row.lane).name.lower(),
        iso(row.reported),
        row.placed,
        None if held is None else f"{held.reason} ({held.who})",
        None if cost is None else cost.estimated,
        None if cost is None else cost.currency,
    )


def _state(row: FileRow, account: FileAccount | None) -> str:
    if account is not None and account.cancelled and account.queued:
        return "cancelled"
    if account is not None and account.held is not None and account.queued:
        return "held"
    if row.reported is not None:
        return "reported" if account is None else "waiting"
    if row.closed is None:
        return "reading"
    return "sending" if account is None or account.queued else "waiting"


def _cost(placed: Path) -> _Cost | None:
    """What its report says; nothing of one that is gone, or is none of ours any more."""
    try:
        octets = placed.with_name(placed.name + REPORT).read_bytes()
        return _read_report(octets).cost
    except (OSError, msgspec.MsgspecError):
        return None


def _names(each: Listed) -> dict[str, str]:
    return {
        "campaign": each.campaign,
        "file": each.file if each.file != each.campaign else "",
    }


def _figures(each: Listed) -> dict[str, str]:
    opened = f"{each.opened[:10]} {each.opened[11:16]}" if each.opened else ""
    bad = sum(each.states.get(state, 0) for state in _NOT_DELIVERED)
    cost = "" if each.cost is None else money(each.cost, each.currency or "")
    return {
        "handed in": opened,
        "state": each.state,
        "messages": f"{each.messages:,}",
        "done": f"{100 * each.done // each.messages} %" if each.messages else "",
        "delivered": f"{each.states.get('delivered', 0):,}",
        "not": f"{bad:,}",
        "unknown": f"{each.states.get('unknown', 0):,}",
        "cost": cost,
    }
