"""What the simulated SMSC and the simulated provider have in common: one network behind both.

A message taken by either counts in one tally, gets its message_id from one series, and can be
asked for at both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

from smppd.simulate.archive import Archive
from smppd.simulate.receipts import ID_WRITERS
from smppd.simulate.script import Script
from smppd.simulate.tally import Tally


class Common:
    """`numbers` are those of messages; `write_id` makes message_ids of them."""

    def __init__(self, script: Script, wall_clock: Callable[[], float] = time.time) -> None:
        self.wall_clock = wall_clock
        self.tally = Tally(script.tally.messages)
        self.archive = Archive(script.question.remember, wall_clock)
        self.numbers = count(script.first_id)
        self.write_id = ID_WRITERS[script.answer.id_form]
