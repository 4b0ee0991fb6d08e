"""Results of long files are begun while the rest of their messages is under way.

Else a file of a million messages would keep whoever waits for its results some seconds longer, in which
nothing else is to be done. Only what is final from its first message on is written.
"""

from __future__ import annotations

import trio

from smppd.ledger.slots import BLOCK
from smppd.pipeline.desk import Desk
from smppd.ports import Publisher

#: Seconds between two looks.
LOOK_EVERY = 1.0
#: So many messages of a file are written at once: no longer than others can wait to be published.
AT_ONCE = 8 * BLOCK


class Ahead:
    """Watches for messages of long files that have come to their end."""

    def __init__(self, desk: Desk, publisher: Publisher) -> None:
        self._desk = desk
        self._publisher = publisher
        #: How many messages of a file are written.
        self._written: dict[int, int] = {}

    async def run(self) -> None:
        """Have written what can be, until cancelled."""
        while True:
            await trio.sleep(LOOK_EVERY)
            await self.write()

    async def write(self) -> None:
        """Have written the next results of each file of which more are final."""
        accounts = self._desk.accounts
        filled, accounts.filled = accounts.filled, set()
        if not filled:
            return
        self._written = {each: n for each, n in self._written.items() if each in accounts.files}
        # What ends from here on is not on the disk when they are read from there.
        ends = {
            each: accounts.slots[each].final_from_first for each in filled if each in accounts.files
        }
        await self._desk.commit()
        for file_id, end in ends.items():
            file = accounts.files.get(file_id)
            if file is None or file.reported or file.at_rest:
                continue
            written = self._written.get(file_id, 0)
            final = min(end, written + AT_ONCE)
            if final > written and await self._publisher.begin(file, final):
                self._written[file_id] = final
                accounts.filled.add(file_id)  # there may be more
