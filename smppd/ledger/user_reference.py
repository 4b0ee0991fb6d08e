"""user_message_reference (SMPP 3.4, 5.3.2.17): a number of ours that a receipt gives back.

It is derived from the part, so that nothing need be stored: a receipt's number is compared with
that of each part it may be about. Pure.
"""

from __future__ import annotations

from smppd.ledger.facts import QUEUE_SHIFT

#: Far apart in 16 bits, so that the parts of one message, and the queues, do not meet soon.
_PART, _QUEUE = 0x4001, 0x1F35


def user_reference(msg_id: int, part: int) -> int:
    """The reference of a part, 16 bits: neighbours in a queue have different ones."""
    return (msg_id + (msg_id >> QUEUE_SHIFT) * _QUEUE + part * _PART) & 0xFFFF
