"""What is done beside the traffic, again and again: checkpoints, what is owed, and what is forgotten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from smppd.app.lateness import Lateness
from smppd.app.parts import Parts

#: Seconds between two looks at whether the books need a checkpoint, and how late the loop is.
BOOKKEEPING = 0.25
#: Seconds after a start in which messages leave and nothing is tidied up, however much there is.
SETTLING = 1.0
#: Seconds between two rounds of forgetting what was indexed long ago.
FORGETTING = 3600.0
#: Commands of operators that are kept, the newest, where the journal is kept for ever.
MOST_COMMANDS = 100_000


async def settled(run: Callable[[], Awaitable[None]]) -> None:
    """What is not to come before the first messages."""
    await trio.sleep(SETTLING)
    await run()


async def keep_books(parts: Parts, lateness: Lateness, sum_up: Callable[[], None]) -> None:
    """Checkpoints when they are due; receipts that are owed, letters, and sums of events."""
    begin = trio.current_time() + SETTLING
    while True:
        if parts.desk.checkpoint_due() and trio.current_time() >= begin:
            await parts.desk.checkpoint()
        parts.receipts.write_owed()
        await parts.mailbox.tend()
        sum_up()
        await lateness.sleep(BOOKKEEPING)


async def forget(parts: Parts) -> None:
    """Forget what nobody has to know any more: ids, calls of the HTTP APIs, commands of operators."""
    while True:
        await parts.desk.forget(parts.config.spool.dedupe_window)
        await _forget_calls(parts)
        await _forget_commands(parts)
        await trio.sleep(FORGETTING)


async def _forget_calls(parts: Parts) -> None:
    """Those that are older than the log of them keeps."""
    before = parts.desk.wall() - parts.config.journal.api_history
    while await parts.journal.forget_calls(before):
        pass


async def _forget_commands(parts: Parts) -> None:
    """Those of a time whose messages are forgotten."""
    age = parts.config.retention.journal
    before = 0.0 if age is None else parts.desk.wall() - age
    await parts.journal.forget_commands(before, MOST_COMMANDS)
