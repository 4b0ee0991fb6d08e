"""`smppd requeue`: have messages of unknown outcome sent again, by an operator's decision."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice

from smppd.cli.asking import ask_daemon
from smppd.cli.lookup import find, reading, story_of
from smppd.cli.settings import read_config
from smppd.cli.terminal import CommandError, Terminal, plural
from smppd.config import Config
from smppd.message import State

#: msg_ids in one request to the daemon, so that others get their turn.
_AT_ONCE = 2000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("ids", metavar="ID", nargs="*", help="the client's id, or the made-up one")
    parser.add_argument("--all", action="store_true", help="every message in state unknown")
    parser.epilog = (
        "The SMSC, or the provider, may have taken these before: messages may arrive twice, and what"
        " an operation changes may be changed twice."
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. 1 when nothing went back into the queue."""
    if bool(arguments.ids) == arguments.all:
        raise CommandError("requeue takes either IDs or --all", exit_code=2)
    config = read_config(arguments)
    if arguments.all:
        done = int(ask_daemon(config, "requeue", all=True)["requeued"])
        refused = 0
    else:
        unknown = _unknown(config, arguments.ids, terminal)
        done = _requeue(config, unknown)
        refused = len(unknown) - done
    told = f"{plural(done, 'message')} put back into the queue" if done else "nothing to put back"
    terminal.say(told)
    if refused:
        terminal.complain(f"{refused} changed meanwhile and are not unknown any more")
    return 0 if done else 1


def _unknown(config: Config, ids: Sequence[str], terminal: Terminal) -> list[int]:
    """The msg_ids of those that are in state unknown; why not, for each of the others."""
    found = []
    with reading(config) as store:
        for id_ in dict.fromkeys(ids):
            row = find(store, id_)
            if row is None:
                terminal.complain(f"there is no message {id_} in the journal")
                continue
            state = story_of(store, row).result.state
            if state == State.UNKNOWN.label:
                found.append(row.msg_id)
            else:
                terminal.complain(f"{id_} is {state}, not unknown: left as it is")
    return found


def _requeue(config: Config, msg_ids: Sequence[int]) -> int:
    done, left = 0, iter(msg_ids)
    while lot := list(islice(left, _AT_ONCE)):
        done += int(ask_daemon(config, "requeue", msg_ids=lot)["requeued"])
    return done
