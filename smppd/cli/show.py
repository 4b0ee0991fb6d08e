"""`smppd show ID`: one message, from the journal, whether a daemon runs or not."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator

import msgspec

from smppd.cli.lookup import find_or_fail, reading, story_of
from smppd.cli.settings import read_config
from smppd.cli.terminal import Terminal, plural
from smppd.cli.waiting import counted
from smppd.ledger.entries import MessageRow
from smppd.message import Message, State
from smppd.results.lines import ResultLine
from smppd.results.story import Story, text_of
from smppd.told import iso

#: So many destinations of a group are shown, and so much of what a call says.
_MOST_PARTS = 20
_LONGEST = 300


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See `cli.Command`."""
    parser.add_argument("id", metavar="ID", help="the client's id, or the one made up for it")
    parser.add_argument(
        "--json", action="store_true", help="print the result line with history and parts as JSON"
    )


def main(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """See `cli.Command`."""
    with reading(read_config(arguments)) as store:
        row = find_or_fail(store, arguments.id)
        story = story_of(store, row)
    if arguments.json:
        terminal.say_json(story.encode())
        return 0
    for line in in_words(story, row):
        terminal.say(line)
    return 0


def in_words(story: Story, row: MessageRow) -> Iterator[str]:
    """The story for people."""
    result = story.result
    to = f" to {result.to}" if result.to else ""
    yield f"{result.id}{to}: {result.state}"
    if result.error is not None:
        yield f"  error      {result.error.code} {result.error.text}".rstrip()
    if row.state == State.QUEUED:
        yield from _contents(row, result)
        yield from _times(row.message)
    parts = story.part_details
    more = len(parts) - _MOST_PARTS if parts and parts[0].to is not msgspec.UNSET else 0
    for part in parts[:_MOST_PARTS] if more > 0 else parts:
        ids = f", message_id {', '.join(part.message_ids)}" if part.message_ids else ""
        to = "" if part.to is msgspec.UNSET else f"to {part.to}: "
        yield f"  part {part.part}     {to}{part.state}{ids}"
    if more > 0:
        states = Counter(part.state for part in parts)
        yield f"  and {more:,} more; in all {counted(states)} (--json has each)"
    yield "  history"
    for each in story.history:
        if more > 0 and each.part is not None:
            continue
        part_number = "" if each.part is None else f"part {each.part}: "
        yield f"    {each.time or 'at an unknown time'}  {part_number}{each.text}"


def _contents(row: MessageRow, result: ResultLine) -> Iterator[str]:
    """What is sent, or asked for, and how."""
    call = row.message.call
    if call is None:
        kept = any(row.message.segments) or row.message.tlv
        text = " ".join(text_of(row).splitlines()) if kept else "(not kept)"
        yield f"  text       {text}"
        over = "" if result.op is msgspec.UNSET else f", over account {result.link} by {result.op}"
        yield f"  sent as    {_sending(result)}{over}"
    else:
        params = "".join(f" {name}={value}" for name, value in call.params.items())
        yield f"  operation  {_shortened(call.op + params)}"
        yield f"  asked      {_attempts(result)}"
    if result.answer is not msgspec.UNSET:
        yield f"  answer     {_shortened(bytes(result.answer).decode())}"


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}… (--json has all of it)"


def _times(message: Message) -> Iterator[str]:
    if message.send_at is not None:
        yield f"  send at    {iso(message.send_at)}"
    if message.schedule is not None:
        yield f"  send at    {iso(message.schedule)}, held by the SMSC until then"
    if message.expires is not None:
        yield f"  expires    {iso(message.expires)}"


def _sending(result: ResultLine) -> str:
    return f"{plural(result.parts, 'part')}, {result.encoding}, {_attempts(result)}"


def _attempts(result: ResultLine) -> str:
    duplicate = ", possibly a duplicate" if result.possible_duplicate else ""
    return f"{plural(result.attempts, 'attempt')}{duplicate}"
