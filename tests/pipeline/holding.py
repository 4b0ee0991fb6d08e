"""What the accounts hold, as tests ask for it."""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import TYPE_CHECKING

from smppd.ledger.facts import QUEUE_SHIFT

if TYPE_CHECKING:
    from smppd.ledger.standing import Standing


def held_for_campaigns(accounts: Standing) -> dict[int, set[int]]:
    """The msg_ids of what waits for its campaign, by file_id."""
    found = defaultdict[int, set[int]](set)
    for file_id, queue, octets in accounts.holding.save().held:
        found[file_id] |= {(queue << QUEUE_SHIFT) + count for count in array("q", octets)}
    return found
