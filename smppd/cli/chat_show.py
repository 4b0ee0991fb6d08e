"""`smppd chat channels`, `list` and `read`: what the provider has of its chats.

getunreadmessages may mark messages as read, so it is left alone here. Which conversations wait for
an answer is told by who spoke last; the provider's own word for it stands beside.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from smppd.cli import api
from smppd.cli.table import table
from smppd.cli.terminal import CommandError, Terminal, plural
from smppd.config import ChatChannel
from smppd.provider.answers import Failure, NoAnswer, Success
from smppd.provider.catalogue import OPERATIONS
from smppd.provider.chat import ChatMessage, read_channels, read_messages

if TYPE_CHECKING:
    from smppd.cli.chat import Chats


def in_words(op: str, answer: Failure | NoAnswer) -> str:
    """Why there is nothing to show, on one line."""
    return api.in_words(OPERATIONS[op], answer)


def show_channels(arguments: argparse.Namespace, chats: Chats) -> int:
    """The account's channels."""
    op = "chat.getchatchannels"
    answer = chats.caller.call(op, {})
    if not isinstance(answer, Success) or arguments.json:
        return api.tell(OPERATIONS[op], answer, chats.terminal, as_json=arguments.json)
    channels = read_channels(answer.result)
    for line in table([each._asdict() for each in channels]) if channels else ["none"]:
        chats.terminal.say(line)
    return 0


def show_conversations(arguments: argparse.Namespace, chats: Chats) -> int:
    """The conversations of each channel, the newest first. 1 when one could not be asked."""
    found: list[ChatMessage] = []
    failed = False
    for channel in chats.channels():
        answer = chats.caller.call("chat.getchats", channel._asdict())
        if isinstance(answer, Success):
            found.extend(_newest(channel, _read(answer, chats.terminal)))
        elif not isinstance(answer, Failure) or answer.code != "CHAT_NOT_FOUND":
            failed = True
            chats.terminal.complain(f"{'/'.join(channel)}: {in_words('chat.getchats', answer)}")
    if arguments.json:
        chats.terminal.say_json([_described(each) for each in found])
    elif found:
        for line in table([_row(each) for each in found], chats.terminal.columns):
            chats.terminal.say(line)
        waiting = sum(not each.ours for each in found)
        told = plural(len(found), "conversation")
        chats.terminal.say(f"{told}, {waiting:,} with their word the last (*)")
    elif not failed:
        chats.terminal.say("no conversations")
    return 1 if failed else 0


def _newest(channel: ChatChannel, messages: Sequence[ChatMessage]) -> Iterator[ChatMessage]:
    """The first message of each conversation, which is its newest one."""
    shown: set[str] = set()
    for each in messages:
        if each.destination not in shown:
            shown.add(each.destination)
            yield each._replace(platform=channel.platform, platformid=channel.platformid)


def _read(answer: Success, terminal: Terminal) -> list[ChatMessage]:
    """The messages of a list, the newest first; in the provider's order where nobody can tell."""
    read = read_messages(answer.result)
    if read.problem:
        terminal.complain(f"the provider's answer is not as documented: {read.problem}")
    return read.messages[::-1] if read.ordered else read.messages


def _row(message: ChatMessage) -> dict[str, str]:
    return {
        "": " " if message.ours else "*",
        "channel": f"{message.platform}/{message.platformid}",
        "destination": message.destination,
        "datetime": message.datetime,
        "last by": "us" if message.ours else "them",
        "status": message.status,
        "text": message.text,
    }


def show_one(arguments: argparse.Namespace, chats: Chats) -> int:
    """What was said in one conversation, the newest last."""
    op, channel = "chat.getmessages", chats.channel()
    answer = chats.caller.call(op, {**channel._asdict(), "destination": arguments.destination})
    if not isinstance(answer, Success):
        return api.tell(OPERATIONS[op], answer, chats.terminal, as_json=arguments.json)
    read = read_messages(answer.result)
    if read.problem and not read.messages:
        raise CommandError(f"the provider's answer is not as documented: {read.problem}")
    if arguments.json:
        chats.terminal.say_json([_described(each) for each in read.messages])
        return 0
    for line in said(read.messages):
        chats.terminal.say(line)
    return 0


def said(messages: Sequence[ChatMessage]) -> Iterator[str]:
    """A conversation for people."""
    if not messages:
        yield "nothing was said yet"
    for each in messages:
        who = "us  " if each.ours else "them"
        status = f"  ({each.status})" if each.status else ""
        text = each.text.replace("\n", "\n" + " " * (len(each.datetime) + 8))
        yield f"{each.datetime}  {who}  {text}{status}"


def _described(message: ChatMessage) -> dict[str, Any]:
    told: dict[str, Any] = message._asdict()
    told["provided"] = msgspec.Raw(told.pop("raw"))
    return told
