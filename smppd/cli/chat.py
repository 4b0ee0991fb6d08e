"""`smppd chat`: the provider's chats, for people: what there is, what was said, and answers.

What only reads is asked directly; what sends is handed in through the spool, so that it is in the
journal and goes once, unless --now.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from smppd.cli import chat_show
from smppd.cli.api import add_command, tell
from smppd.cli.caller import Caller
from smppd.cli.sending import follow_up, hand_in_one
from smppd.cli.settings import read_config
from smppd.cli.terminal import CommandError, Terminal
from smppd.cli.words import VALUES, pairs
from smppd.config import ChatChannel, Config
from smppd.direct import Asked, understand
from smppd.message import Lane
from smppd.provider.answers import Success
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.chat import read_channels
from smppd.provider.operation import Kind

_Doing = Callable[[argparse.Namespace, "Chats"], int]


class Chats:
    """What every command here works with."""

    def __init__(self, arguments: argparse.Namespace, terminal: Terminal) -> None:
        self.terminal = terminal
        self.config: Config = read_config(arguments)
        section = self.config.chat
        self.via: str | None = arguments.via or (section.account if section else "") or None
        self.caller = Caller(self.config, terminal, self.via, arguments.timeout)
        self._given: str | None = getattr(arguments, "channel", None)

    def channels(self) -> list[ChatChannel]:
        """The channel of the command line, else those of the configuration, else all there are."""
        if self._given is not None:
            return [_channel(self._given)]
        if self.config.chat is not None:
            return list(self.config.chat.channels)
        answer = self.caller.call("chat.getchatchannels", {})
        if not isinstance(answer, Success):
            raise CommandError(
                "which channels there are cannot be asked:"
                f" {chat_show.in_words('chat.getchatchannels', answer)}; name one with --channel"
            )
        return [
            ChatChannel(each.platform, each.platformid) for each in read_channels(answer.result)
        ]

    def channel(self) -> ChatChannel:
        """The one channel that is meant. Raises `CommandError` when there are several."""
        channels = self.channels()
        if len(channels) == 1:
            return channels[0]
        if not channels:
            raise CommandError("the account has no chat channel")
        known = ", ".join(map("/".join, channels))
        raise CommandError(f"which channel? Name one with --channel: {known}", exit_code=2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    commands = parser.add_subparsers(dest="chat_command", metavar="COMMAND", required=True)
    add_command(commands, "channels", "show the account's chat channels", chat_show.show_channels)
    listed = add_command(commands, "list", "show conversations", chat_show.show_conversations)
    _add_channel(listed)
    read = add_command(commands, "read", "show what was said in a conversation", chat_show.show_one)
    read.add_argument("destination", metavar="DESTINATION", help="the other side, as in the list")
    _add_channel(read)
    answer = add_command(commands, "answer", "write a message", _answer)
    answer.add_argument("destination", metavar="DESTINATION", help="the other side")
    answer.add_argument("text", metavar="TEXT", help=f"what to write; {VALUES}")
    _add_sending(answer)
    file = add_command(commands, "send-file", "send a file that lies at a URL", _send_file)
    file.add_argument("destination", metavar="DESTINATION", help="the other side")
    file.add_argument("type", metavar="TYPE", help=Kind.FILE_TYPE.value)
    file.add_argument("fileurl", metavar="URL", help="where the provider gets it")
    file.add_argument("--thumb", metavar="URL", help="a small picture of it")
    file.add_argument("--message", metavar="TEXT", help=f"what to write with it; {VALUES}")
    _add_sending(file)


def _add_channel(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--channel",
        metavar="PLATFORM/ID",
        help="such as whatsapp/100; else those of [chat], else those of the account",
    )


def _add_sending(parser: argparse.ArgumentParser) -> None:
    _add_channel(parser)
    parser.add_argument("--id", help="your own id for it: the same id is not sent twice")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--wait", action="store_true", help="wait for the result")
    how.add_argument("--now", action="store_true", help="call directly, not through the spool")


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    doing: _Doing = arguments.doing
    return doing(arguments, Chats(arguments, terminal))


def _channel(text: str) -> ChatChannel:
    platform, slash, platformid = text.partition("/")
    if not slash or not platform or not platformid:
        raise CommandError(
            f"--channel {text}: is no PLATFORM/ID like whatsapp/100 ({Kind.PLATFORM.value})",
            exit_code=2,
        )
    return ChatChannel(platform.lower(), platformid)


# ── sending ──────────────────────────────────────────────────────────────────────────────────


def _answer(arguments: argparse.Namespace, chats: Chats) -> int:
    said = pairs([f"message={arguments.text}"])
    return _send(arguments, chats, "chat.sendmessage", said)


def _send_file(arguments: argparse.Namespace, chats: Chats) -> int:
    said = {"type": arguments.type, "fileurl": arguments.fileurl}
    if arguments.thumb is not None:
        said["thumburl"] = arguments.thumb
    if arguments.message is not None:
        said |= pairs([f"message={arguments.message}"])
    return _send(arguments, chats, "chat.sendfile", said)


def _send(arguments: argparse.Namespace, chats: Chats, op: str, said: Mapping[str, str]) -> int:
    channel = chats.channel()
    args = {**channel._asdict(), "destination": arguments.destination, **said}
    if arguments.now:
        if arguments.id is not None:
            raise CommandError("--id is for what goes through the spool: leave --now out", 2)
        answer = chats.caller.call(op, args)
        return tell(OPERATIONS[op], answer, chats.terminal, as_json=arguments.json)
    wanted = understand(chats.config, Asked(op, args, chats.via))
    if isinstance(wanted, str):
        raise CommandError(wanted, exit_code=2)
    line: dict[str, Any] = {"op": op, "args": args, "via": wanted.account.name}
    if arguments.id is not None:
        line["id"] = arguments.id
    handed = hand_in_one(line, chats.config, Lane.NORMAL, "chat")
    return follow_up(handed, arguments, chats.config, chats.terminal)
