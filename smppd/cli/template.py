"""`smppd template send`: a template of the provider's to numbers or to a group, through the spool.

So it is journaled like any message, and its results come to done/.
"""

from __future__ import annotations

import argparse
from typing import Any

from smppd.cli.sending import add_fields, add_waiting, follow_up, given_fields, hand_in_one
from smppd.cli.settings import add_config, read_config
from smppd.cli.terminal import CommandError, Terminal
from smppd.cli.words import VALUES, pairs
from smppd.message import Lane

#: The options that are fields of the message as they stand.
_FIELDS = (
    ("--country", "country", "with --group: the dialling code of its numbers, like 34"),
    ("--id", "id", "your own id for it"),
    ("--via", "via", "the [http.NAME] to send it over; the first unless given"),
    ("--send-at", "send_at", "held until then: a time with offset"),
    ("--expires", "expires", 'not sent after this: "10m", or a time with offset'),
    ("--on-unknown", "on_unknown", "hold, resend or fail"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    commands = parser.add_subparsers(dest="template_command", metavar="COMMAND", required=True)
    purpose = "send a template to numbers, or to a group"
    send = commands.add_parser("send", help=purpose, description=purpose, allow_abbrev=False)
    add_config(send)
    send.add_argument("template", metavar="IDTEMPLATE", help="the provider's id of the template")
    add_fields(send, _FIELDS)
    send.add_argument("--group", metavar="IDGROUP", help="the provider's id of a group, instead")
    send.add_argument(
        "--param",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        help=f"what the template's field is to be; may be given several times; {VALUES}",
    )
    add_waiting(send)


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`. With --wait, 0 only if every message was delivered (or sent)."""
    if bool(arguments.to) == bool(arguments.group):
        raise CommandError("template send takes either --to or --group", exit_code=2)
    message = _message(arguments)
    config = read_config(arguments)
    lane = Lane[arguments.lane.upper()]
    handed = hand_in_one(message, config, lane, "template")
    return follow_up(handed, arguments, config, terminal)


def _message(arguments: argparse.Namespace) -> dict[str, Any]:
    message = {"template": arguments.template, **given_fields(arguments, _FIELDS)}
    if arguments.group:
        message["group"] = arguments.group
    if arguments.param:
        message["params"] = pairs(arguments.param)
    return message
