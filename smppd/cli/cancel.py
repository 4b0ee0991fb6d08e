"""`smppd cancel`: have messages not sent after all, or taken back by the SMSC that has them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from smppd.cli.asking import ask_daemon
from smppd.cli.campaign import add_campaign, steer
from smppd.cli.lookup import find, reading, story_of
from smppd.cli.settings import read_config
from smppd.cli.terminal import CommandError, Terminal
from smppd.config import Config
from smppd.control import READ_TIMEOUT
from smppd.journal.store import Store
from smppd.ledger.facts import Kind, waiting_key
from smppd.message import LIFECYCLE, State

#: Receipt keys and messages in one request to the daemon, so that others get their turn.
_AT_ONCE = 400
#: Seconds for an SMSC to answer, unless --wait says otherwise.
_WAIT = 10.0

_FINAL = frozenset(state.label for state, after in LIFECYCLE.items() if not after)


class Word(msgspec.Struct):
    """What became of one id: whether it is cancelled (by us, now), its state, and why (not)."""

    id: str
    cancelled: bool
    state: str | None
    why: str = ""


class Target(msgspec.Struct):
    """A message that the daemon is to cancel, and the receipt keys that it may be known under."""

    id: str
    msg_id: int
    state: str
    keys: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    add_campaign(parser)
    parser.add_argument("ids", metavar="ID", nargs="*", help="the client's id, or the made-up one")
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=float,
        default=_WAIT,
        help="how long an SMSC that has the message may take to answer (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print what became of each as JSON")
    parser.epilog = (
        "A message that waits here is not sent. One that the SMSC has is asked for with cancel_sm, "
        "if the SMSC holds it for its delivery time or the link says cancel_sm = true. What the "
        "provider was asked to do over its HTTP API cannot be taken back."
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. 0 only when every message named is cancelled now."""
    if not 0 <= arguments.wait <= READ_TIMEOUT * 10:
        raise CommandError(f"--wait takes 0 to {READ_TIMEOUT * 10:g} seconds", exit_code=2)
    if bool(arguments.ids) == (arguments.campaign is not None):
        raise CommandError("cancel takes either IDs or --campaign", exit_code=2)
    config = read_config(arguments)
    if arguments.campaign is not None:
        return steer(config, terminal, "cancel", arguments)
    words = list(_cancel(config, arguments.ids, arguments.wait))
    done = all(word.cancelled for word in words)
    if arguments.json:
        terminal.say_json({"messages": words})
        return 0 if done else 1
    for word in words:
        _tell(word, terminal)
    return 0 if done else 1


def _tell(word: Word, terminal: Terminal) -> None:
    why = f": {word.why}" if word.why else ""
    if word.cancelled:
        terminal.say(f"{word.id}: cancelled{why}")
    elif word.state == State.CANCELLED.label:
        terminal.complain(f"{word.id} is cancelled already")
    else:
        state = f"{word.state} and " if word.state else ""
        terminal.complain(f"{word.id} is {state}not cancelled{why}")


def _cancel(config: Config, ids: Sequence[str], wait: float) -> Iterator[Word]:
    targets: list[Target] = []
    with reading(config) as store:
        for id_ in dict.fromkeys(ids):
            looked_up = _look_up(store, id_)
            if isinstance(looked_up, Word):
                yield looked_up
            else:
                targets.append(looked_up)
    for lot in _lots(targets):
        wanted = [{"msg_id": target.msg_id, "keys": target.keys} for target in lot]
        answer = ask_daemon(config, "cancel", wait + READ_TIMEOUT, messages=wanted, patience=wait)
        fates = {fate["msg_id"]: fate for fate in answer["messages"]}
        for target in lot:
            fate: dict[str, Any] = fates.get(target.msg_id, {})
            yield Word(
                target.id,
                bool(fate.get("cancelled")),
                fate.get("state") or target.state,
                fate.get("why", ""),
            )


def _look_up(store: Store, id_: str) -> Target | Word:
    row = find(store, id_)
    if row is None:
        why = "there is no such message in the journal"
        if find(store, f"{id_}#1") is not None:
            why = f"it has several destinations: name {id_}#1, {id_}#2 and so on"
        return Word(id_, False, None, why)
    state = story_of(store, row).result.state
    if state in _FINAL:
        return Word(id_, False, state, "it has come to its end already")
    history = store.log.history(row.msg_id)
    keys = [fact.text for fact in history if fact.kind == Kind.SENT and fact.text]
    keys += [
        waiting_key(fact.text, row.msg_id)
        for fact in history
        if fact.kind == Kind.ANSWERED and fact.text
    ]
    return Target(id_, row.msg_id, state, keys)


def _lots(targets: Iterable[Target]) -> Iterator[list[Target]]:
    """Of the targets, as many at once as a request holds."""
    lot: list[Target] = []
    size = 0
    for target in targets:
        weight = 1 + len(target.keys)
        if lot and size + weight > _AT_ONCE:
            yield lot
            lot, size = [], 0
        lot.append(target)
        size += weight
    if lot:
        yield lot
