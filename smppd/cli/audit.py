"""`smppd audit`: every account recomputed from the journal, whether a daemon runs or not."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from smppd.cli.settings import read_config
from smppd.cli.terminal import CommandError, Terminal
from smppd.journal.audit import Audit, audit
from smppd.journal.schema import JournalError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. 0 only if everything holds."""
    config = read_config(arguments)
    try:
        found = audit(config.journal.path, config.spool.path)
    except JournalError as error:
        raise CommandError(str(error)) from None
    if arguments.json:
        terminal.say_json(
            {
                "ok": found.ok,
                "accepted": found.accepted,
                "states": found.states,
                "received": found.received,
                "checks": found.checks,
            }
        )
    else:
        for line in in_words(found):
            terminal.say(line)
    return 0 if found.ok else 1


def in_words(found: Audit) -> Iterator[str]:
    """The accounts and the checks for people."""
    total = sum(found.states.values())
    sign = "=" if total == found.accepted else "≠"
    if found.states:  # else the log could not be read
        yield f"accepted {found.accepted:,} {sign} {total:,}, the sum of all states"
    for state, count in found.states.items():
        if count:
            yield f"  {count:>14,} {state}"
    if found.received:
        yield f"received {found.received:,} from handsets and chats"
    for check in found.checks:
        yield f"{'ok      ' if check.ok else 'FAILED  '} {check.what}: {check.says}"
