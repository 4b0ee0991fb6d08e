"""`smppd show ID`: one message, from the journal, whether a daemon runs or not."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from smppd.cli.lookup import find_or_fail, reading, story_of
from smppd.cli.settings import read_config
from smppd.cli.terminal import Terminal, plural
from smppd.ledger.facts import MessageRow
from smppd.message import Message, State
from smppd.results.lines import ResultLine, iso
from smppd.results.story import Story, text_of


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
    yield f"{result.id} to {result.to}: {result.state}"
    if result.error is not None:
        yield f"  error      {result.error.code} {result.error.text}".rstrip()
    if row.state == State.QUEUED:
        yield f"  text       {' '.join(text_of(row).splitlines())}"
        yield f"  sent as    {_sending(result)}"
        yield from _times(row.message)
    for part in story.part_details:
        ids = f", message_id {', '.join(part.message_ids)}" if part.message_ids else ""
        yield f"  part {part.part}     {part.state}{ids}"
    yield "  history"
    for each in story.history:
        part_number = "" if each.part is None else f"part {each.part}: "
        yield f"    {each.time or 'at an unknown time'}  {part_number}{each.text}"


def _times(message: Message) -> Iterator[str]:
    if message.send_at is not None:
        yield f"  send at    {iso(message.send_at)}"
    if message.schedule is not None:
        yield f"  send at    {iso(message.schedule)}, held by the SMSC until then"
    if message.expires is not None:
        yield f"  expires    {iso(message.expires)}"


def _sending(result: ResultLine) -> str:
    parts, attempts = plural(result.parts, "part"), plural(result.attempts, "attempt")
    duplicate = ", possibly a duplicate" if result.possible_duplicate else ""
    return f"{parts}, {result.encoding}, {attempts}{duplicate}"
