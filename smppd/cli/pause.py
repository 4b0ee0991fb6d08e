"""`smppd pause`: have links or accounts of the running daemon, or a campaign, send nothing until they
are resumed."""

from __future__ import annotations

import argparse
from typing import Any

from smppd.cli.asking import ask_daemon
from smppd.cli.campaign import add_campaign, steer
from smppd.cli.settings import read_config
from smppd.cli.terminal import CommandError, Terminal
from smppd.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    add_links(parser)
    parser.add_argument("--reason", metavar="TEXT", help="why, for whoever looks at `status`")
    parser.epilog = (
        "Sessions stay bound and receipts are taken; messages stay queued, also over a restart. Of a "
        "campaign nothing leaves that is not on its way already, and nobody waits behind it."
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. 1 when every link was paused already."""
    return act(arguments, terminal, "pause", reason=arguments.reason)


# ── what `resume` does the same way ──────────────────────────────────────────────────────────


def add_links(parser: argparse.ArgumentParser) -> None:
    """The links and accounts that are meant."""
    parser.add_argument("links", metavar="NAME", nargs="*", help="a link or an account")
    parser.add_argument("--all", action="store_true", help="every one")
    add_campaign(parser)
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")


def act(
    arguments: argparse.Namespace, terminal: Terminal, command: str, *, reason: str | None = None
) -> int:
    """Have the daemon do it and tell what changed; 1 if nothing did."""
    chosen = [bool(arguments.links), arguments.all, arguments.campaign is not None]
    if sum(chosen) != 1:
        raise CommandError(f"{command} takes either NAMEs or --all, or a --campaign", exit_code=2)
    config = read_config(arguments)
    if arguments.campaign is not None:
        return steer(config, terminal, command, arguments, reason=reason)
    wanted: dict[str, Any] = {"links": arguments.links, "all": arguments.all}
    if reason is not None:
        wanted["reason"] = reason
    answer = ask_daemon(config, command, **wanted)
    done = answer[f"{command}d"]
    if arguments.json:
        terminal.say_json(answer)
        return 0 if done else 1
    for name in done:
        terminal.say(f"{_kind(config, name)} {name} {command}d")
    was = "paused already" if command == "pause" else "not paused"
    for name in answer["unchanged"]:
        terminal.say(f"{_kind(config, name)} {name} was {was}")
    if not done and not answer["unchanged"]:
        terminal.say("no link is paused")
    return 0 if done else 1


def _kind(config: Config, name: str) -> str:
    """What a name stands for; one that is not configured any more was a link's, as far as we know."""
    return "account" if any(each.name == name for each in config.accounts) else "link"
